//! The newest value of a stream: its head.

use crate::Plain;
use crate::slots::{Slot, Slots};
use crate::stream::newest;
use crate::word::Memory;

/// Slots of a newest-value segment. One would do for a seqlock; with four, a writer that died in
/// mid-write leaves the value before readable, and a reader must be overtaken three times to
/// retry.
pub(crate) const LATEST_SLOTS: usize = 4;

/// How often a read is tried before giving up: the loop on the hot thread has a bound.
const TRIES: usize = 8;

/// The newest value and its version.
#[inline]
pub(crate) fn load<M: Memory, T: Plain>(memory: &M, slots: &Slots) -> Option<(u64, T)> {
    for _ in 0..TRIES {
        let version = newest(memory);
        if version == 0 {
            return None;
        }
        if let Slot::Item(value) = slots.read(memory.words(), version) {
            return Some((version, value));
        }
    }
    None
}
