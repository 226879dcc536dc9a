//! The one kind of memory the algorithms know: a slice of atomic 64-bit words.
//!
//! Everything a segment shares is such a word, payload included, so concurrent access is never a
//! data race, only an old or a torn value that the sequence stamps expose. The trait is the seam
//! at which the tests put loom's atomics in place of the real ones: the same code is mapped and
//! modelled.

pub(crate) use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU64, Ordering};

/// An atomic word.
pub(crate) trait Word {
    /// Reads it.
    fn load(&self, order: Ordering) -> u64;
    /// Writes it.
    fn store(&self, value: u64, order: Ordering);
    /// A fence that goes with such words; on x86-64 both kinds used here cost nothing at run time.
    fn fence(order: Ordering);
}

impl Word for AtomicU64 {
    #[inline(always)]
    fn load(&self, order: Ordering) -> u64 {
        Self::load(self, order)
    }
    #[inline(always)]
    fn store(&self, value: u64, order: Ordering) {
        Self::store(self, value, order);
    }
    #[inline(always)]
    fn fence(order: Ordering) {
        core::sync::atomic::fence(order);
    }
}

/// What an algorithm works on: a mapped segment, or an array in a test.
pub(crate) trait Memory {
    /// The words.
    type Word: Word;
    /// The word, on two lines of its own, that counts: what a writer wrote, what a receiver took.
    const CURSOR_AT: usize;
    /// All of it; the same slice at every call.
    fn words(&self) -> &[Self::Word];
}

impl<M: Memory> Memory for &M {
    type Word = M::Word;
    const CURSOR_AT: usize = M::CURSOR_AT;
    #[inline(always)]
    fn words(&self) -> &[Self::Word] {
        (**self).words()
    }
}
