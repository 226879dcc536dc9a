//! Commands to the trader: many senders, one at a time under a lock; one receiver.
//!
//! A sender that dies while sending leaves nothing behind but its released lock. What is sent to a
//! dead receiver is gone with its segment: ask [`crate::is_writer_alive`] before, and look for the
//! answer in the journal after.

use core::marker::PhantomData;
use core::time::Duration;

use crate::broadcast::create_segment;
use crate::lock::Lock;
use crate::mailbox::{Inbox, Outbox};
use crate::segment::{Segment, lock_writer};
use crate::{Full, Identity, OpenError, Plain, Ring, segment_name};

/// How long a sender waits for another one.
const SENDER_PATIENCE: Duration = Duration::from_secs(1);

/// The trader's end; owns the segment.
#[derive(Debug)]
pub struct Receiver<T> {
    inbox: Inbox<Segment>,
    _lock: Lock,
    _records: PhantomData<fn() -> T>,
}

impl<T: Plain> Receiver<T> {
    /// Creates the segment, replacing that of a dead receiver. `capacity` is a power of two from
    /// 4.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another receiver lives; `NoSpace`, `Capacity`, `InfoTooLong`,
    /// `Name`.
    pub fn create(
        instance: &str,
        capacity: usize,
        identity: Identity,
        info: &[u8],
    ) -> Result<Self, OpenError> {
        let lock = lock_writer(instance, Ring::Control)?;
        let segment = create_segment::<T>(instance, Ring::Control, capacity, identity, info)?;
        let slots = segment.slots();
        Ok(Self { inbox: Inbox::new(segment, slots), _lock: lock, _records: PhantomData })
    }
    /// The next record, if any. Its bytes come from another program: check them.
    #[inline]
    pub fn recv(&mut self) -> Option<T> {
        self.inbox.recv()
    }
}

/// A tool's end; holds the senders' lock while it lives.
#[derive(Debug)]
pub struct Sender<T> {
    outbox: Outbox<Segment>,
    _lock: Lock,
    _records: PhantomData<fn(T)>,
}

impl<T: Plain> Sender<T> {
    /// Opens the ring and takes the senders' lock, waiting for it up to a second.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another sender keeps the lock, `NotFound`, or why it is refused.
    pub fn open(instance: &str, layout_hash: u64) -> Result<Self, OpenError> {
        let name = format!("{}.send.lock", segment_name(instance, Ring::Control));
        let segment = Segment::open_write(instance, Ring::Control)?;
        segment.check_layout(layout_hash, size_of::<T>())?;
        let lock = Lock::acquire(&name, SENDER_PATIENCE)?;
        let slots = segment.slots();
        Ok(Self { outbox: Outbox::new(segment, slots), _lock: lock, _records: PhantomData })
    }
    /// Sends one record.
    ///
    /// # Errors
    /// [`Full`] if the receiver has not taken enough; nothing is written.
    pub fn send(&mut self, value: &T) -> Result<(), Full> {
        self.outbox.send(value)
    }
    /// Who receives.
    pub fn identity(&self) -> Identity {
        self.outbox.memory().identity()
    }
    /// The receiver's information bytes.
    pub fn info(&self) -> Vec<u8> {
        self.outbox.memory().info()
    }
    /// Whether the segment was replaced or removed: reopen. One system call.
    pub fn is_stale(&self) -> bool {
        self.outbox.memory().is_stale()
    }
}
