//! The independent risk manager.
//!
//! guard watches the account with its own key and its own connection, whether or not a trader
//! lives; says once a second whether risk may be added; and presses the kill switch.

pub mod alert;
pub mod clock;
pub mod config;
pub mod copy;
pub mod kill;
pub mod killer;
pub mod latency;
pub mod look;
pub mod portfolio;
pub mod publish;
pub mod record;
pub mod requests;
mod tls;
pub mod trader;
pub mod triggers;
pub mod var;
pub mod venue;
pub mod watch;
