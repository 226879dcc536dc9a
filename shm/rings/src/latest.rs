//! The newest value wins.

use core::marker::PhantomData;

use crate::{Identity, OpenError, Plain, Ring};

/// The only writer of a newest-value segment.
#[derive(Debug)]
pub struct Writer<T>(PhantomData<fn(T)>);

impl<T: Plain> Writer<T> {
    /// Creates the segment, replacing that of a dead writer.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another writer lives; `NoSpace`, `InfoTooLong`, `Name`.
    pub fn create(
        _instance: &str,
        _ring: Ring,
        _identity: Identity,
        _info: &[u8],
    ) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// Replaces the value.
    pub fn store(&mut self, _value: &T) {}
}

/// A reader of a newest-value segment; maps it read-only.
#[derive(Debug)]
pub struct Reader<T>(PhantomData<fn() -> T>);

impl<T: Plain> Reader<T> {
    /// Opens the segment.
    ///
    /// # Errors
    /// `NotFound`, or the reason why the segment is refused.
    pub fn open(_instance: &str, _ring: Ring, _layout_hash: u64) -> Result<Self, OpenError> {
        Err(OpenError::NotFound)
    }
    /// Version of the newest value; zero if there is none yet. Cheaper than a load.
    pub fn version(&self) -> u64 {
        0
    }
    /// The newest value and its version, from 1; `None` if there is none yet.
    pub fn load(&self) -> Option<(u64, T)> {
        None
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
