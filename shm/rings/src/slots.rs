//! Slots with a sequence stamp: the one way bytes go through shared memory.
//!
//! ```text
//! word 0       1 ..
//!      stamp | payload, zero padded | unused up to the next 64 bytes
//! ```
//! The record with sequence number `n` (from 1) lives in slot `n mod count`. Its stamp is `2n`
//! when complete and `2n - 1` from the moment the slot's former record may be overwritten. A
//! reader takes the payload between two looks at the stamp and keeps it only if both said `2n`.
//!
//! A 120-byte record makes slots of exactly two cache lines. The payload is written from the back,
//! so that the line with the stamp, on which a waiting reader spins, changes hands once.

use crate::Plain;
use crate::word::{Acquire, Relaxed, Release, Word};

/// Words of a cache line.
const LINE_WORDS: usize = 8;

/// Where slots are and how large.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    first: usize,
    mask: u64,
    stride: usize,
}

/// What was in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot<T> {
    /// The record asked for.
    Item(T),
    /// Not written yet, or being written.
    Pending,
    /// Overwritten by a later one, or about to be.
    Overwritten,
}

/// Stamp of a complete record.
const fn done(seq: u64) -> u64 {
    seq.wrapping_mul(2)
}
/// Stamp while a record is being written.
const fn begun(seq: u64) -> u64 {
    done(seq).wrapping_sub(1)
}

impl Slots {
    /// Words from one slot to the next for records of so many bytes.
    pub(crate) const fn stride(record_bytes: usize) -> usize {
        (1 + record_bytes.div_ceil(8)).next_multiple_of(LINE_WORDS)
    }
    /// `count` slots (a power of two) for records of so many bytes, from word `first`.
    pub(crate) const fn new(first: usize, count: usize, record_bytes: usize) -> Self {
        assert!(count.is_power_of_two());
        Self { first, mask: count as u64 - 1, stride: Self::stride(record_bytes) }
    }
    /// The same without padding, so that models have fewer words.
    #[cfg(test)]
    pub(crate) const fn packed(first: usize, count: usize, record_bytes: usize) -> Self {
        Self { first, mask: count as u64 - 1, stride: 1 + record_bytes.div_ceil(8) }
    }
    /// How many slots.
    #[inline]
    pub(crate) const fn count(&self) -> u64 {
        self.mask + 1
    }
    /// How many records can be read at a time: the slot after the newest is already given up.
    #[inline]
    pub(crate) const fn usable(&self) -> u64 {
        self.mask
    }
    /// The words of a slot. The mask keeps any sequence number, corrupt or not, inside.
    #[inline(always)]
    fn slot<'a, W>(&self, words: &'a [W], seq: u64) -> &'a [W] {
        let at = self.first + (seq & self.mask) as usize * self.stride;
        &words[at..at + self.stride]
    }
    /// Gives up the record that `seq` will overwrite. Must come before [`Slots::write`] of `seq`.
    #[inline(always)]
    pub(crate) fn mark<W: Word>(&self, words: &[W], seq: u64) {
        self.slot(words, seq)[0].store(begun(seq), Relaxed);
    }
    /// Whether the record is complete. Acquire: pairs with the Release of [`Slots::write`].
    pub(crate) fn is_complete<W: Word>(&self, words: &[W], seq: u64) -> bool {
        self.slot(words, seq)[0].load(Acquire) == done(seq)
    }
    /// Sequence number of the complete record in the slot of `index`, if its stamp makes sense.
    pub(crate) fn seq_in<W: Word>(&self, words: &[W], index: u64) -> Option<u64> {
        let stamp = self.slot(words, index)[0].load(Acquire);
        let seq = stamp / 2;
        (stamp != 0 && stamp.is_multiple_of(2) && seq & self.mask == index & self.mask)
            .then_some(seq)
    }
    /// Writes a record whose slot is marked.
    #[inline(always)]
    pub(crate) fn write<W: Word, T: Plain>(&self, words: &[W], seq: u64, value: &T) {
        let slot = self.slot(words, seq);
        // Pairs with the Acquire fence in `read`: whoever saw a word of this payload sees the
        // mark.
        W::fence(Release);
        copy_in(&slot[1..], value);
        // Pairs with the Acquire load in `read`: whoever saw this stamp sees the whole payload.
        slot[0].store(done(seq), Release);
    }
    /// Reads the record with this number; never returns a torn one.
    #[inline(always)]
    pub(crate) fn read<W: Word, T: Plain>(&self, words: &[W], seq: u64) -> Slot<T> {
        let slot = self.slot(words, seq);
        let stamp = slot[0].load(Acquire);
        if stamp == done(seq) {
            let value = copy_out(&slot[1..]);
            // Pairs with the Release fence in `write`.
            W::fence(Acquire);
            if slot[0].load(Relaxed) == stamp { Slot::Item(value) } else { Slot::Overwritten }
        } else if stamp > done(seq) {
            Slot::Overwritten
        } else {
            Slot::Pending
        }
    }
}

/// Stores the bytes of `value` word by word, last word first.
#[inline(always)]
fn copy_in<W: Word, T: Plain>(payload: &[W], value: &T) {
    let (chunks, rest) = value.as_bytes().as_chunks::<8>();
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        payload[chunks.len()].store(u64::from_ne_bytes(last), Relaxed);
    }
    for (word, chunk) in payload[..chunks.len()].iter().zip(chunks).rev() {
        word.store(u64::from_ne_bytes(*chunk), Relaxed);
    }
}

/// Loads the bytes of a value word by word.
#[inline(always)]
fn copy_out<W: Word, T: Plain>(payload: &[W]) -> T {
    let mut value = T::new_zeroed();
    let (chunks, rest) = value.as_mut_bytes().as_chunks_mut::<8>();
    for (chunk, word) in chunks.iter_mut().zip(payload) {
        *chunk = word.load(Relaxed).to_ne_bytes();
    }
    if !rest.is_empty() {
        let last = payload[chunks.len()].load(Relaxed).to_ne_bytes();
        rest.copy_from_slice(&last[..rest.len()]);
    }
    value
}
