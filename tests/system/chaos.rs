//! Chaos: real processes, faults that happen to real systems, and nothing lost by any of them.
//!
//! One test a row of the fault list, named after it (`f05_…`); `tests/README.md` has the table.

pub(crate) mod harness;
pub(crate) mod records;
pub(crate) mod setup;
pub(crate) mod venue;
