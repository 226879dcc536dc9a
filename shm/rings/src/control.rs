//! Commands to the trader: many senders, one at a time under a lock; one receiver.

use core::marker::PhantomData;

use crate::{Full, Identity, OpenError, Plain};

/// The trader's end; owns the segment.
#[derive(Debug)]
pub struct Receiver<T>(PhantomData<fn() -> T>);

impl<T: Plain> Receiver<T> {
    /// Creates the segment, replacing that of a dead receiver. `capacity` is a power of two.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another receiver lives; `NoSpace`, `Capacity`, `InfoTooLong`, `Name`.
    pub fn create(
        _instance: &str,
        _capacity: usize,
        _identity: Identity,
        _info: &[u8],
    ) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// The next record, if any.
    pub fn recv(&mut self) -> Option<T> {
        None
    }
}

/// A tool's end; holds the senders' lock while it lives.
#[derive(Debug)]
pub struct Sender<T>(PhantomData<fn(T)>);

impl<T: Plain> Sender<T> {
    /// Opens the ring and takes the senders' lock, waiting for it up to a second.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another sender keeps the lock, `NotFound`, or why it is refused.
    pub fn open(_instance: &str, _layout_hash: u64) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// Sends one record.
    ///
    /// # Errors
    /// [`Full`] if the receiver has not taken enough; nothing is written.
    pub fn send(&mut self, _value: &T) -> Result<(), Full> {
        Err(Full)
    }
    /// Who receives.
    pub fn identity(&self) -> Identity {
        Identity::default()
    }
    /// The receiver's information bytes.
    pub fn info(&self) -> Vec<u8> {
        Vec::new()
    }
    /// Whether the segment was replaced or removed: reopen. One system call.
    pub fn is_stale(&self) -> bool {
        false
    }
}
