//! One writer; never overwrites what a gate has not committed, and survives the writer.

use core::marker::PhantomData;

use crate::{Full, Identity, Next, OpenError, Plain};

/// Most gates of one journal.
pub const GATES_MAX: usize = 8;

/// The only writer of a journal.
#[derive(Debug)]
pub struct Writer<T>(PhantomData<fn(T)>);

impl<T: Plain> Writer<T> {
    /// Continues the journal of a dead writer, or creates one. `capacity` is a power of two.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another writer lives, [`OpenError::Unread`] if an old journal of
    /// another layout or capacity holds unread records.
    pub fn open_or_create(
        _instance: &str,
        _capacity: usize,
        _identity: Identity,
        _info: &[u8],
        _gates: &[&str],
    ) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// Writes one record and returns its sequence number, from 1.
    ///
    /// # Errors
    /// [`Full`] if a gate has not committed enough; nothing is written.
    pub fn publish(&mut self, _value: &T) -> Result<u64, Full> {
        Err(Full)
    }
    /// Records the slowest gate has not committed.
    pub fn used(&mut self) -> u64 {
        0
    }
    /// Most records it can hold uncommitted: one less than the capacity asked for.
    pub fn capacity(&self) -> u64 {
        0
    }
    /// Identifies this journal for ever; below 2^63.
    pub fn journal_id(&self) -> u64 {
        0
    }
    /// Sequence number of the newest record; zero if none.
    pub fn head(&self) -> u64 {
        0
    }
}

/// A reader that does not hold the writer up and may therefore lose records.
#[derive(Debug)]
pub struct Reader<T>(PhantomData<fn() -> T>);

impl<T: Plain> Reader<T> {
    /// Opens at the newest record.
    ///
    /// # Errors
    /// `NotFound`, or the reason why the segment is refused.
    pub fn open(_instance: &str, _layout_hash: u64) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// Opens at the oldest record that is still there.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_at_oldest(_instance: &str, _layout_hash: u64) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// The record at this reader's position, or what was lost there.
    pub fn next(&mut self) -> Next<T> {
        Next::Empty
    }
    /// Moves so that `seq` is next, as far as it is still or already there; returns the position.
    pub fn seek(&mut self, seq: u64) -> u64 {
        seq
    }
    /// Records published and not yet read or reported lost.
    pub fn lag(&self) -> u64 {
        0
    }
    /// Identifies this journal for ever; below 2^63.
    pub fn journal_id(&self) -> u64 {
        0
    }
    /// Who writes.
    pub fn identity(&self) -> Identity {
        Identity::default()
    }
    /// The writer's information bytes.
    pub fn info(&self) -> Vec<u8> {
        Vec::new()
    }
    /// Whether the journal was re-created or removed: reopen. One system call.
    pub fn is_stale(&self) -> bool {
        false
    }
}

/// The one reader of a gate; the writer waits for its commits.
#[derive(Debug)]
pub struct GatedReader<T>(PhantomData<fn() -> T>);

impl<T: Plain> GatedReader<T> {
    /// Opens after the last committed record, alone on this gate.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another process reads this gate, [`OpenError::Gate`] if there is no
    /// such gate, `NotFound`, or the reason why the segment is refused.
    pub fn open(_instance: &str, _layout_hash: u64, _gate: &str) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// The next record with its sequence number; a number that is not the one after the last
    /// means that the records between are gone (only possible after seeking below the commit).
    pub fn next(&mut self) -> Option<(u64, T)> {
        None
    }
    /// Moves so that `seq` is next, as far as it is still or already there; returns the position.
    pub fn seek(&mut self, seq: u64) -> u64 {
        seq
    }
    /// Lets the writer overwrite everything up to and including `seq`; never beyond what was read.
    pub fn commit(&mut self, _seq: u64) {}
    /// Last committed sequence number of this gate.
    pub fn committed(&self) -> u64 {
        0
    }
    /// Records published and not yet read.
    pub fn lag(&self) -> u64 {
        0
    }
    /// Identifies this journal for ever; below 2^63.
    pub fn journal_id(&self) -> u64 {
        0
    }
    /// Who writes.
    pub fn identity(&self) -> Identity {
        Identity::default()
    }
    /// The writer's information bytes.
    pub fn info(&self) -> Vec<u8> {
        Vec::new()
    }
    /// Whether journal or gates were re-created or removed: reopen. Two system calls.
    pub fn is_stale(&self) -> bool {
        false
    }
}
