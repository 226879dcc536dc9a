//! Lock-free shared-memory rings between the processes of one instance.
//!
//! One writer each. [`broadcast`] overwrites and its readers learn exactly what they missed;
//! [`journal`] never overwrites what a gate has not committed and survives its writer; [`control`]
//! carries commands the other way; [`latest`] keeps the newest value only. Records are plain data
//! of one size ([`Plain`]); what is longer is a run of records.
//!
//! Why this way: the hot thread publishes in a few nanoseconds and waits for nobody; a reader maps
//! read-only, so it can neither slow nor damage the writer; a process may die between any two
//! instructions and its successor finds the rings usable. All algorithms (`slots`, `stream`,
//! `gates`, `mailbox`, `newest`) are safe code over a slice of atomic words, modelled with loom in
//! the tests; `unsafe` is in `map` alone. Whatever bytes a segment holds, sequence numbers are
//! masked: a corrupt one gives wrong data or none, never an access out of bounds.
//!
//! Left out: waiting (readers poll), meaning of the records (`schema`), more than one host. A file
//! that another program of the same user truncates while it is mapped still raises SIGBUS: named
//! POSIX shared memory cannot be sealed, so owner and mode keep everyone else away.

pub mod broadcast;
pub mod control;
mod error;
mod file;
mod gates;
mod header;
mod instance;
pub mod journal;
pub mod latch;
pub mod latest;
mod lock;
mod mailbox;
mod map;
mod newest;
mod presence;
mod segment;
mod slots;
mod stream;
mod word;

#[cfg(test)]
mod tests;

pub use error::{Full, OpenError};
pub use instance::{instances, is_writer_alive, previous_boot_epoch, remove_instance};
pub use presence::{Presence, Process, build, build_number, processes};

/// Plain data: every bit pattern is valid and there are no padding bytes. Implemented for all
/// such.
pub trait Plain:
    zerocopy::FromBytes + zerocopy::IntoBytes + zerocopy::Immutable + Copy + 'static
{
}
impl<T> Plain for T where
    T: zerocopy::FromBytes + zerocopy::IntoBytes + zerocopy::Immutable + Copy + 'static
{
}

/// Most bytes of information a segment header carries.
pub const INFO_BYTES_MAX: usize = 2048;

/// The segments of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ring {
    /// Market events, [`broadcast`].
    Market = 1,
    /// Everything that must be kept, [`journal`].
    Journal = 2,
    /// What the journal's gates have committed.
    Gates = 3,
    /// Commands to the trader, [`control`].
    Control = 4,
    /// State of the trader, [`latest`].
    Status = 5,
    /// Parameters from refit, [`latest`].
    Params = 6,
    /// guard's verdict, [`latest`].
    Verdict = 7,
    /// guard's numbers, [`latest`].
    Portfolio = 8,
}

impl Ring {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Market,
        Self::Journal,
        Self::Gates,
        Self::Control,
        Self::Status,
        Self::Params,
        Self::Verdict,
        Self::Portfolio,
    ];
    /// Last part of the segment's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Journal => "journal",
            Self::Gates => "gates",
            Self::Control => "control",
            Self::Status => "status",
            Self::Params => "params",
            Self::Verdict => "verdict",
            Self::Portfolio => "portfolio",
        }
    }
}

/// Who wrote a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identity {
    /// Layout of the records; readers with another one are refused.
    pub layout_hash: u64,
    /// Build of the writer, chosen by the caller; informative.
    pub build_id: u64,
    /// Start of the writer on this host, strictly increasing.
    pub boot_epoch: u32,
}

/// What a reader finds at its position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next<T> {
    /// A record and its sequence number.
    Item(u64, T),
    /// Nothing new.
    Empty,
    /// These were overwritten before they were read; the next call continues after them.
    Lost {
        /// Sequence number of the first lost record.
        first: u64,
        /// How many in a row.
        count: u64,
    },
}

/// Name of a segment in `/dev/shm`, without a slash.
pub fn segment_name(instance: &str, ring: Ring) -> String {
    format!("{}-{}", segment_prefix(instance), ring.name())
}

/// What the names of all files of an instance begin with.
fn segment_prefix(instance: &str) -> String {
    format!("shrike-{instance}")
}
