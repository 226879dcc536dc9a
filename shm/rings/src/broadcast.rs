//! One writer, any number of readers; overwrites, and a slow reader learns exactly what it missed.
//!
//! The writer never looks at a reader. Reads are checked by the stamps of `slots`; every sequence
//! number is delivered once or reported lost once, in order.

use core::marker::PhantomData;

use crate::header::Header;
use crate::lock::Lock;
use crate::segment::{Segment, lock_writer, new_segment_id};
use crate::stream::{Consumer, Producer};
use crate::{Identity, Next, OpenError, Plain, Ring};

/// The only writer of a broadcast ring.
#[derive(Debug)]
pub struct Writer<T> {
    producer: Producer<Segment>,
    _lock: Lock,
    _records: PhantomData<fn(T)>,
}

impl<T: Plain> Writer<T> {
    /// Creates the segment, replacing that of a dead writer. `capacity` is a power of two from 4.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another writer lives; `NoSpace`, `Capacity`, `InfoTooLong`, `Name`.
    pub fn create(
        instance: &str,
        ring: Ring,
        capacity: usize,
        identity: Identity,
        info: &[u8],
    ) -> Result<Self, OpenError> {
        let lock = lock_writer(instance, ring)?;
        let segment = create_segment::<T>(instance, ring, capacity, identity, info)?;
        let slots = segment.slots();
        Ok(Self { producer: Producer::new(segment, slots, 0), _lock: lock, _records: PhantomData })
    }
    /// Writes one record and returns its sequence number, from 1.
    #[inline]
    pub fn publish(&mut self, value: &T) -> u64 {
        self.producer.publish(value)
    }
    /// Sequence number of the newest record; zero if none.
    #[inline]
    pub fn head(&self) -> u64 {
        self.producer.head()
    }
}

/// Makes the segment of a ring that starts empty; the caller holds the lock.
pub(crate) fn create_segment<T: Plain>(
    instance: &str,
    ring: Ring,
    slots: usize,
    identity: Identity,
    info: &[u8],
) -> Result<Segment, OpenError> {
    let header = Header {
        ring,
        record_bytes: size_of::<T>(),
        slots,
        segment_id: new_segment_id()?,
        identity,
        info: info.to_vec(),
    };
    Segment::create(instance, header, |_| ())
}

/// A reader of a broadcast ring; maps it read-only.
#[derive(Debug)]
pub struct Reader<T> {
    consumer: Consumer<Segment>,
    _records: PhantomData<fn() -> T>,
}

impl<T: Plain> Reader<T> {
    /// Opens at the newest record: the first read returns what is published after this call.
    ///
    /// # Errors
    /// `NotFound`, or the reason why the segment is refused.
    pub fn open(instance: &str, ring: Ring, layout_hash: u64) -> Result<Self, OpenError> {
        let segment = Segment::open_read(instance, ring, layout_hash, size_of::<T>())?;
        let slots = segment.slots();
        Ok(Self { consumer: Consumer::at_newest(segment, slots), _records: PhantomData })
    }
    /// Opens at the oldest record that is still there.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_at_oldest(instance: &str, ring: Ring, layout_hash: u64) -> Result<Self, OpenError> {
        let segment = Segment::open_read(instance, ring, layout_hash, size_of::<T>())?;
        let slots = segment.slots();
        Ok(Self { consumer: Consumer::at_oldest(segment, slots), _records: PhantomData })
    }
    /// The record at this reader's position, or what was lost there.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "three outcomes, none of which ends it")]
    pub fn next(&mut self) -> Next<T> {
        self.consumer.next()
    }
    /// Records published and not yet read or reported lost.
    pub fn lag(&self) -> u64 {
        self.consumer.lag()
    }
    /// Who writes.
    pub fn identity(&self) -> Identity {
        self.consumer.memory().identity()
    }
    /// The writer's information bytes.
    pub fn info(&self) -> Vec<u8> {
        self.consumer.memory().info()
    }
    /// Whether the segment was replaced or removed: reopen. One system call.
    pub fn is_stale(&self) -> bool {
        self.consumer.memory().is_stale()
    }
}
