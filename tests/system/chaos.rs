//! Chaos: real processes, faults that happen to real systems, and nothing lost by any of them.
//!
//! One test a row of the fault list, named after it (`f05_…`); `tests/README.md` has the table.

mod account;
mod account_limits;
mod crash_points;
mod feed;
pub(crate) mod harness;
mod lives;
mod orders;
pub(crate) mod records;
pub(crate) mod setup;
mod storage;
pub(crate) mod venue;
