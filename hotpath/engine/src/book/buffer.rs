//! Diffs that wait for a snapshot, bounded.

use schema::{DepthBuf, DepthHead, Level};

/// Events kept: half a minute of the 100 ms stream, several seconds of the fastest one.
const HEADS_MAX: usize = 512;
/// Levels kept over all events.
const LEVELS_MAX: usize = 32_768;

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    head: DepthHead,
    start: usize,
    bids: usize,
    asks: usize,
}

/// A run of diffs in the order they came.
#[derive(Debug, Clone)]
pub(super) struct Buffer {
    entries: Box<[Entry]>,
    count: usize,
    levels: Box<[Level]>,
    used: usize,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self {
            entries: vec![Entry::default(); HEADS_MAX].into_boxed_slice(),
            count: 0,
            levels: vec![Level::default(); LEVELS_MAX].into_boxed_slice(),
            used: 0,
        }
    }
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.used = 0;
    }
    pub(super) const fn count(&self) -> usize {
        self.count
    }
    pub(super) fn last_update_id(&self) -> Option<u64> {
        self.entries[..self.count].last().map(|entry| entry.head.last_update_id)
    }
    /// Keeps one event. When there is no room everything older is forgotten: the snapshot that
    /// could have bridged it is overdue, and a newer one bridges what follows.
    pub(super) fn push(&mut self, head: &DepthHead, depth: &DepthBuf) {
        let needed = depth.bids().len() + depth.asks().len();
        if self.count == HEADS_MAX || self.used + needed > LEVELS_MAX {
            self.clear();
        }
        let (bids, asks) = (depth.bids().len(), depth.asks().len());
        let start = self.used;
        self.levels[start..start + bids].copy_from_slice(depth.bids());
        self.levels[start + bids..start + needed].copy_from_slice(depth.asks());
        self.entries[self.count] = Entry { head: *head, start, bids, asks };
        self.count += 1;
        self.used += needed;
    }
    pub(super) fn entry(&self, index: usize) -> (DepthHead, &[Level], &[Level]) {
        let entry = &self.entries[index];
        let asks = entry.start + entry.bids;
        (entry.head, &self.levels[entry.start..asks], &self.levels[asks..asks + entry.asks])
    }
}

const _: () = assert!(LEVELS_MAX >= 2 * schema::DEPTH_LEVELS_MAX, "one event always fits");
