//! The newest value wins.

use core::marker::PhantomData;

use crate::broadcast::create_segment;
use crate::lock::Lock;
use crate::newest::{LATEST_SLOTS, load};
use crate::segment::{Segment, lock_writer};
use crate::slots::Slots;
use crate::stream::{Producer, newest};
use crate::{Identity, OpenError, Plain, Ring};

/// The only writer of a newest-value segment.
#[derive(Debug)]
pub struct Writer<T> {
    producer: Producer<Segment>,
    _lock: Lock,
    _values: PhantomData<fn(T)>,
}

impl<T: Plain> Writer<T> {
    /// Creates the segment, replacing that of a dead writer.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another writer lives; `NoSpace`, `InfoTooLong`, `Name`.
    pub fn create(
        instance: &str,
        ring: Ring,
        identity: Identity,
        info: &[u8],
    ) -> Result<Self, OpenError> {
        let lock = lock_writer(instance, ring)?;
        let segment = create_segment::<T>(instance, ring, LATEST_SLOTS, identity, info)?;
        let slots = segment.slots();
        Ok(Self { producer: Producer::new(segment, slots, 0), _lock: lock, _values: PhantomData })
    }
    /// Replaces the value.
    #[inline]
    pub fn store(&mut self, value: &T) {
        self.producer.publish(value);
    }
}

/// A reader of a newest-value segment; maps it read-only.
#[derive(Debug)]
pub struct Reader<T> {
    segment: Segment,
    slots: Slots,
    _values: PhantomData<fn() -> T>,
}

impl<T: Plain> Reader<T> {
    /// Opens the segment.
    ///
    /// # Errors
    /// `NotFound`, or the reason why the segment is refused.
    pub fn open(instance: &str, ring: Ring, layout_hash: u64) -> Result<Self, OpenError> {
        let segment = Segment::open_read(instance, ring, layout_hash, size_of::<T>())?;
        let slots = segment.slots();
        Ok(Self { segment, slots, _values: PhantomData })
    }
    /// Version of the newest value; zero if there is none yet. Cheaper than a load.
    #[inline]
    pub fn version(&self) -> u64 {
        newest(&self.segment)
    }
    /// The newest value and its version, from 1; `None` if there is none yet, or if the writer is
    /// so fast that eight tries were overtaken.
    #[inline]
    pub fn load(&self) -> Option<(u64, T)> {
        load(&self.segment, &self.slots)
    }
    /// Who writes.
    pub fn identity(&self) -> Identity {
        self.segment.identity()
    }
    /// The writer's information bytes.
    pub fn info(&self) -> Vec<u8> {
        self.segment.info()
    }
    /// Whether the segment was replaced or removed: reopen. One system call.
    pub fn is_stale(&self) -> bool {
        self.segment.is_stale()
    }
}
