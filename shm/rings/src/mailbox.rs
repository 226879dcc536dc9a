//! One receiver, one sender at a time; either may die anywhere and be followed by another.
//!
//! The stamps alone say what was sent: there is no head word that a killed sender could leave
//! wrong. The receiver's count of taken records is its own; the shared copy is only for senders,
//! and every receive repairs it.

use crate::Full;
use crate::Plain;
use crate::slots::{Slot, Slots};
use crate::word::{Acquire, Memory, Relaxed, Release, Word};

/// The end that receives.
#[derive(Debug)]
pub(crate) struct Inbox<M> {
    memory: M,
    slots: Slots,
    taken: u64,
}

impl<M: Memory> Inbox<M> {
    /// Of a fresh segment.
    pub(crate) fn new(memory: M, slots: Slots) -> Self {
        Self { memory, slots, taken: 0 }
    }
    /// The next record.
    #[inline]
    pub(crate) fn recv<T: Plain>(&mut self) -> Option<T> {
        let words = self.memory.words();
        let value = match self.slots.read(words, self.taken.wrapping_add(1)) {
            Slot::Item(value) => {
                self.taken = self.taken.wrapping_add(1);
                Some(value)
            }
            Slot::Pending | Slot::Overwritten => None,
        };
        if words[M::CURSOR_AT].load(Relaxed) != self.taken {
            // Pairs with the Acquire in `send`: the payload was read before its slot is reused.
            words[M::CURSOR_AT].store(self.taken, Release);
        }
        value
    }
}

/// The end that sends; the caller makes sure there is one at a time.
#[derive(Debug)]
pub(crate) struct Outbox<M> {
    memory: M,
    slots: Slots,
}

impl<M: Memory> Outbox<M> {
    pub(crate) fn new(memory: M, slots: Slots) -> Self {
        Self { memory, slots }
    }
    /// Writes into the first slot after those that wait; a record that a killed sender began is
    /// begun anew.
    pub(crate) fn send<T: Plain>(&mut self, value: &T) -> Result<(), Full> {
        let words = self.memory.words();
        let taken = words[M::CURSOR_AT].load(Acquire);
        let seq = (1..=self.slots.count())
            .map(|ahead| taken.wrapping_add(ahead))
            .find(|&seq| !self.slots.is_complete(words, seq))
            .ok_or(Full)?;
        self.slots.mark(words, seq);
        self.slots.write(words, seq, value);
        Ok(())
    }
    pub(crate) fn memory(&self) -> &M {
        &self.memory
    }
}
