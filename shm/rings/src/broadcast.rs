//! One writer, any number of readers; overwrites, and a slow reader learns exactly what it missed.

use core::marker::PhantomData;

use crate::{Identity, Next, OpenError, Plain, Ring};

/// The only writer of a broadcast ring.
#[derive(Debug)]
pub struct Writer<T>(PhantomData<fn(T)>);

impl<T: Plain> Writer<T> {
    /// Creates the segment, replacing that of a dead writer. `capacity` is a power of two.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another writer lives; `NoSpace`, `Capacity`, `InfoTooLong`, `Name`.
    pub fn create(
        _instance: &str,
        _ring: Ring,
        _capacity: usize,
        _identity: Identity,
        _info: &[u8],
    ) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// Writes one record and returns its sequence number, from 1.
    pub fn publish(&mut self, _value: &T) -> u64 {
        0
    }
    /// Sequence number of the newest record; zero if none.
    pub fn head(&self) -> u64 {
        0
    }
}

/// A reader of a broadcast ring; maps it read-only.
#[derive(Debug)]
pub struct Reader<T>(PhantomData<fn() -> T>);

impl<T: Plain> Reader<T> {
    /// Opens at the newest record: the first read returns what is published after this call.
    ///
    /// # Errors
    /// `NotFound`, or the reason why the segment is refused.
    pub fn open(_instance: &str, _ring: Ring, _layout_hash: u64) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// Opens at the oldest record that is still there.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_at_oldest(_: &str, _: Ring, _layout_hash: u64) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// The record at this reader's position, or what was lost there.
    pub fn next(&mut self) -> Next<T> {
        Next::Empty
    }
    /// Records published and not yet read or reported lost.
    pub fn lag(&self) -> u64 {
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
    /// Whether the segment was replaced or removed: reopen. One system call.
    pub fn is_stale(&self) -> bool {
        false
    }
}
