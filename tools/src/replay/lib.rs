//! Recordings of runs, and what can be asked of them.
//!
//! [`mod@file`] keeps both rings of a run in one file that survives a torn tail; [`play`] puts the
//! inputs of the engine back in their order; [`compare`] hands them to an engine made as the
//! recorded one was and demands the same words; [`explain`] gathers everything about one order.
//!
//! Left out: rings (the `shrike` command reads them) and text for people.

pub mod compare;
pub mod explain;

pub mod file;
pub mod play;
