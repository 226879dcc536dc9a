//! Everything that may wait: the start sequence, REST, dialling, reconciling, the watchdog.
//!
//! The main thread is the supervisor; it alone talks to the hot thread's queues. Requests that wait
//! run beside it: REST jobs on one worker, each dial on a short-lived thread, so that a slow answer
//! delays neither a reconnect nor the watchdog.

pub mod account;
pub mod api;
pub mod budget;
pub mod builds;
pub mod clock;
pub mod deadman;
pub mod dial;
pub mod kill;
pub mod last_way;
pub mod left;
pub mod prices;
pub mod reconcile;
pub mod rest;
pub mod sidecars;
pub mod start;
pub mod supervisor;
mod worker;

pub use api::{Api, CallError, Method, Security};
pub use budget::Budget;
pub use left::Left;
pub use rest::Rest;
pub use supervisor::Supervisor;
