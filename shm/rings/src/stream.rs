//! The stream of records in one ring: [`Producer`], [`Consumer`], and what a restart finds.

use crate::slots::{Slot, Slots};
use crate::word::{Acquire, Memory, Release, Word};
use crate::{Next, Plain};

/// The one end that writes.
#[derive(Debug)]
pub(crate) struct Producer<M> {
    memory: M,
    slots: Slots,
    head: u64,
}

impl<M: Memory> Producer<M> {
    /// Continues after `head`.
    pub(crate) fn new(memory: M, slots: Slots, head: u64) -> Self {
        slots.mark(memory.words(), head.wrapping_add(1));
        memory.words()[M::CURSOR_AT].store(head, Release);
        Self { memory, slots, head }
    }
    /// Writes the next record.
    ///
    /// The slot of the one after is marked at once, off the way of the reader that waits for this
    /// one: so the marking store never delays a record.
    #[inline]
    pub(crate) fn publish<T: Plain>(&mut self, value: &T) -> u64 {
        let seq = self.head.wrapping_add(1);
        let words = self.memory.words();
        self.slots.write(words, seq, value);
        self.slots.mark(words, seq.wrapping_add(1));
        // Readers look at it only to place themselves; pairs with the Acquire in `newest`.
        words[M::CURSOR_AT].store(seq, Release);
        self.head = seq;
        seq
    }
    /// Newest sequence number.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        self.head
    }
    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }
}

/// Newest sequence number as the writer left it. Pairs with the Release in `publish`.
pub(crate) fn newest<M: Memory>(memory: &M) -> u64 {
    memory.words()[M::CURSOR_AT].load(Acquire)
}

/// The same, where one too few would do harm: a writer that died between stamp and head left the
/// head one behind what readers may have read and committed.
fn newest_complete<M: Memory>(memory: &M, slots: &Slots) -> u64 {
    let head = newest(memory);
    let next = head.wrapping_add(1);
    if slots.is_complete(memory.words(), next) { next } else { head }
}

/// Oldest sequence number that can still be read when `head` is the newest.
fn oldest(slots: &Slots, head: u64) -> u64 {
    head.saturating_sub(slots.usable() - 1).max(1)
}

/// An end that reads.
#[derive(Debug)]
pub(crate) struct Consumer<M> {
    memory: M,
    slots: Slots,
    next: u64,
}

impl<M: Memory> Consumer<M> {
    /// The first read returns what is published after this call.
    pub(crate) fn at_newest(memory: M, slots: Slots) -> Self {
        let next = newest_complete(&memory, &slots).wrapping_add(1);
        Self { memory, slots, next }
    }
    /// The first read returns the oldest record there is.
    pub(crate) fn at_oldest(memory: M, slots: Slots) -> Self {
        let next = oldest(&slots, newest(&memory));
        Self { memory, slots, next }
    }
    /// The record at the position.
    ///
    /// After a loss it continues a quarter of the ring above the oldest record, because the oldest
    /// is the next to go: a reader that is too slow then loses in few large gaps.
    #[inline]
    pub(crate) fn next<T: Plain>(&mut self) -> Next<T> {
        match self.slots.read(self.memory.words(), self.next) {
            Slot::Item(value) => {
                let seq = self.next;
                self.next = seq.wrapping_add(1);
                Next::Item(seq, value)
            }
            Slot::Pending => Next::Empty,
            Slot::Overwritten => {
                let first = self.next;
                let head = newest(&self.memory);
                let resume = oldest(&self.slots, head).saturating_add(self.slots.count() / 4);
                self.next = resume.max(first.saturating_add(1));
                Next::Lost { first, count: self.next.wrapping_sub(first) }
            }
        }
    }
    /// Moves to `seq`, or to the nearest position that exists.
    pub(crate) fn seek(&mut self, seq: u64) -> u64 {
        let head = newest_complete(&self.memory, &self.slots);
        let end = head.saturating_add(1);
        self.next = seq.clamp(oldest(&self.slots, head).min(end), end);
        self.next
    }
    /// The position: number of the record the next read returns.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        self.next
    }
    /// Records from the position to the newest.
    pub(crate) fn lag(&self) -> u64 {
        newest(&self.memory).saturating_add(1).saturating_sub(self.next)
    }
    pub(crate) fn memory(&self) -> &M {
        &self.memory
    }
}

/// The newest record of a writer that died anywhere, also in mid-publish.
///
/// Records up to `committed` may be overwritten or damaged; all after it must be there. The head
/// word can be one behind the stamps (the writer died between the two). If it makes no sense the
/// largest
/// stamp decides. `None` if unread records are missing.
pub(crate) fn recover<M: Memory>(memory: &M, slots: &Slots, committed: u64) -> Option<u64> {
    let words = memory.words();
    let is_whole = |head: u64| {
        let first = oldest(slots, head).max(committed.saturating_add(1));
        committed <= head
            && !slots.is_complete(words, head.wrapping_add(1))
            && (first..=head).all(|seq| slots.is_complete(words, seq))
    };
    let head = newest_complete(memory, slots);
    if is_whole(head) {
        return Some(head);
    }
    let largest = (0..slots.count()).filter_map(|index| slots.seq_in(words, index)).max()?;
    is_whole(largest).then_some(largest)
}
