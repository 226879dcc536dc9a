//! One side of a book: a sorted array with the best price last.
//!
//! Changes cluster at the best price, so they move few levels. A full side drops its worst eighth:
//! nobody decides on level 1,750, and the venue's own snapshot ends at 1,000.

use schema::{Level, Price, Side};

/// Levels of one side: twice the venue's largest snapshot.
pub const LADDER_LEVELS_MAX: usize = 2_000;
/// Levels dropped from the deep end when a side is full.
const DROPPED_WHEN_FULL: usize = LADDER_LEVELS_MAX / 8;

/// Sorted levels of one side.
#[derive(Debug, Clone)]
pub struct Ladder {
    side: Side,
    levels: Box<[Level]>,
    count: usize,
}

impl Ladder {
    /// An empty side; [`Side::Buy`] holds bids.
    pub fn new(side: Side) -> Self {
        Self {
            side,
            levels: vec![Level::default(); LADDER_LEVELS_MAX].into_boxed_slice(),
            count: 0,
        }
    }
    /// The best level.
    #[inline]
    pub fn best(&self) -> Option<Level> {
        self.levels[..self.count].last().copied()
    }
    /// Levels from the best to the worst.
    #[inline]
    pub fn levels(&self) -> impl Iterator<Item = &Level> {
        self.levels[..self.count].iter().rev()
    }
    /// How many levels are held.
    #[inline]
    pub const fn count(&self) -> usize {
        self.count
    }
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }
    /// Whether `a` lies deeper than `b`.
    #[inline]
    fn is_worse(&self, a: Price, b: Price) -> bool {
        match self.side {
            Side::Buy => a < b,
            Side::Sell => a > b,
        }
    }
    /// Sets the quantity at a price; zero (or less) deletes it, and deleting nothing is normal.
    pub(super) fn set(&mut self, level: Level) {
        let held = &self.levels[..self.count];
        let mut index = held.partition_point(|other| self.is_worse(other.price, level.price));
        let is_present = held.get(index).is_some_and(|other| other.price == level.price);
        if level.qty.units() <= 0 {
            if is_present {
                self.levels.copy_within(index + 1..self.count, index);
                self.count -= 1;
            }
            return;
        }
        if is_present {
            self.levels[index].qty = level.qty;
            return;
        }
        if self.count == LADDER_LEVELS_MAX {
            if index < DROPPED_WHEN_FULL {
                return;
            }
            self.levels.copy_within(DROPPED_WHEN_FULL..self.count, 0);
            self.count -= DROPPED_WHEN_FULL;
            index -= DROPPED_WHEN_FULL;
        }
        self.levels.copy_within(index..self.count, index + 1);
        self.levels[index] = level;
        self.count += 1;
    }
    /// Replaces everything; the order of `levels` does not matter.
    pub(super) fn load(&mut self, levels: &[Level]) {
        self.clear();
        // Messages list the best first; from the worst on, every insertion is at the end.
        for &level in levels.iter().rev() {
            self.set(level);
        }
    }
}
