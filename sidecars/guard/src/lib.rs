//! The independent risk manager.
//!
//! guard watches the account with its own key and its own connection, whether or not a trader
//! lives; says once a second whether risk may be added; and presses the kill switch.

pub mod alert;
pub mod config;
pub mod copy;
pub mod kill;
pub mod latency;
pub mod portfolio;
pub mod publish;
pub mod record;
pub mod requests;
pub mod triggers;
pub mod var;
pub mod venue;
