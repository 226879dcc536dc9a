//! The algorithms on plain memory: every interleaving, every crash point, and against models.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod crashes;
mod interleavings;
mod sequences;

use crate::gates::GATE_WORDS;
use crate::slots::Slots;
use crate::word::{Memory, Word};

/// A shared array of words: cursor first, slots after it.
#[derive(Debug)]
struct Array<W>(std::sync::Arc<Vec<W>>);

impl<W> Clone for Array<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
impl<W: Word> Memory for Array<W> {
    type Word = W;
    const CURSOR_AT: usize = 0;
    fn words(&self) -> &[W] {
        &self.0
    }
}

fn array<W>(words: usize, zero: impl Fn() -> W) -> Array<W> {
    Array(std::sync::Arc::new((0..words).map(|_| zero()).collect()))
}

/// A record that shows when it is torn.
type Pair = [u64; 2];

fn pair(number: u64) -> Pair {
    [number, !number]
}

/// Memory for `count` pairs.
fn ring<W>(count: usize, zero: impl Fn() -> W) -> (Array<W>, Slots) {
    (array(1 + 3 * count, zero), Slots::packed(1, count, size_of::<Pair>()))
}

/// Memory for so many gates.
fn gate_words<W>(count: usize, zero: impl Fn() -> W) -> Array<W> {
    array((count - 1) * GATE_WORDS + 1, zero)
}
