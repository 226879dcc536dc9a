//! Which fills were seen: each is booked once, whoever tells of it, in whatever order.

use schema::TradeId;

/// Fills of one symbol remembered in full. Older ones are told by their id: trade ids grow.
const FILLS_REMEMBERED: usize = 1024;
/// Buckets of one generation: half full at most.
const BUCKETS: usize = 2 * FILLS_REMEMBERED;

/// What a notice of a fill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Not seen before: book it.
    First,
    /// Seen as [`schema::TradeLite`] only: quantity and price are booked, commission is not.
    Completes,
    /// Seen in full, or too old to be new.
    Duplicate,
}

/// One generation: an open-addressed table of ids; zero is an empty bucket.
#[derive(Debug, Clone)]
struct Generation {
    /// Trade id doubled, plus one once its report was seen.
    buckets: Box<[i64]>,
    count: usize,
    newest: i64,
    /// Fills whose report was not seen yet.
    unreported: u32,
}

impl Generation {
    fn new() -> Self {
        Self { buckets: vec![0; BUCKETS].into_boxed_slice(), count: 0, newest: 0, unreported: 0 }
    }
    fn clear(&mut self) {
        self.buckets.fill(0);
        self.count = 0;
        self.newest = 0;
        self.unreported = 0;
    }
    /// Bucket of an id, or the empty one where it would go.
    fn bucket(&self, id: i64) -> usize {
        // Fibonacci hashing: consecutive ids spread over the table.
        let mut index = ((id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53) as usize;
        while self.buckets[index] != 0 && self.buckets[index] >> 1 != id {
            index = (index + 1) % BUCKETS;
        }
        index
    }
}

const _: () = assert!(BUCKETS == 1 << (64 - 53));

/// Fills of one symbol, in two generations: the older one is forgotten when the newer is full.
#[derive(Debug, Clone)]
pub struct SeenFills {
    newer: Generation,
    older: Generation,
    /// Ids up to here were seen or will never come.
    floor: i64,
}

impl Default for SeenFills {
    fn default() -> Self {
        Self::new()
    }
}

impl SeenFills {
    /// Allocates both generations; nothing allocates afterwards.
    pub fn new() -> Self {
        Self { newer: Generation::new(), older: Generation::new(), floor: 0 }
    }
    /// Takes note of a fill and says what the notice is. `is_report` tells a full report from
    /// a [`schema::TradeLite`].
    pub fn note(&mut self, trade_id: TradeId, is_report: bool) -> Notice {
        let id = trade_id.0;
        if id <= 0 || id > i64::MAX / 2 {
            return Notice::Duplicate;
        }
        for generation in [&mut self.newer, &mut self.older] {
            let bucket = generation.bucket(id);
            let known = &mut generation.buckets[bucket];
            if *known == 0 {
                continue;
            }
            if *known & 1 == 1 || !is_report {
                return Notice::Duplicate;
            }
            *known |= 1;
            generation.unreported -= 1;
            return Notice::Completes;
        }
        // Only what is not remembered: the report of a remembered one may come however late.
        if id <= self.floor {
            return Notice::Duplicate;
        }
        if self.newer.count == FILLS_REMEMBERED {
            core::mem::swap(&mut self.newer, &mut self.older);
            self.floor = self.floor.max(self.newer.newest);
            self.newer.clear();
        }
        let bucket = self.newer.bucket(id);
        self.newer.buckets[bucket] = id << 1 | i64::from(is_report);
        self.newer.count += 1;
        self.newer.unreported += u32::from(!is_report);
        self.newer.newest = self.newer.newest.max(id);
        Notice::First
    }
    /// How many fills are known by their fast notice only: commission and record are to come.
    pub const fn unreported(&self) -> u32 {
        self.newer.unreported + self.older.unreported
    }
    /// The newest fill that was seen or is known to be booked.
    pub fn newest(&self) -> TradeId {
        TradeId(self.newer.newest.max(self.older.newest).max(self.floor))
    }
    /// Whether a fill is at or below what was taken over or forgotten by age.
    pub const fn is_below(&self, trade_id: TradeId) -> bool {
        trade_id.0 <= self.floor
    }
    /// Fills up to `trade_id` are in the account's starting position: they will not be booked.
    pub fn start_after(&mut self, trade_id: TradeId) {
        self.floor = self.floor.max(trade_id.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_report_completes_a_lite_notice_once() {
        let mut seen = SeenFills::new();
        assert_eq!(seen.note(TradeId(7), false), Notice::First);
        assert_eq!(seen.note(TradeId(7), false), Notice::Duplicate);
        assert_eq!(seen.note(TradeId(7), true), Notice::Completes);
        assert_eq!(seen.note(TradeId(7), true), Notice::Duplicate);
        assert_eq!(seen.note(TradeId(6), true), Notice::First);
        assert_eq!(seen.note(TradeId(6), false), Notice::Duplicate);
        assert_eq!(seen.note(TradeId(0), true), Notice::Duplicate);
        assert_eq!(seen.note(TradeId(-3), true), Notice::Duplicate);
    }

    #[test]
    fn fills_without_a_report_are_counted_until_it_comes_or_they_are_forgotten() {
        let mut seen = SeenFills::new();
        seen.note(TradeId(7), false);
        seen.note(TradeId(8), false);
        seen.note(TradeId(9), true);
        assert_eq!(seen.unreported(), 2);
        seen.note(TradeId(8), true);
        seen.note(TradeId(8), true);
        assert_eq!(seen.unreported(), 1);
        for id in 10..10_000 {
            seen.note(TradeId(id), true);
        }
        assert_eq!(seen.unreported(), 0);
    }

    #[test]
    fn a_report_completes_a_fill_far_behind_or_inside_a_position_taken_over() {
        let mut seen = SeenFills::new();
        seen.note(TradeId(7), false);
        for id in 8..1_500 {
            seen.note(TradeId(id), true);
        }
        assert_eq!(seen.note(TradeId(7), true), Notice::Completes);
        seen.note(TradeId(1_500), false);
        seen.start_after(TradeId(1_600));
        assert_eq!(seen.note(TradeId(1_550), true), Notice::Duplicate);
        assert_eq!(seen.note(TradeId(1_500), true), Notice::Completes);
        assert_eq!(seen.unreported(), 0);
    }

    #[test]
    fn a_fill_forgotten_by_age_is_a_duplicate() {
        let mut seen = SeenFills::new();
        for id in 1..=10_000 {
            assert_eq!(seen.note(TradeId(id), true), Notice::First);
        }
        for id in 1..=10_000 {
            assert_eq!(seen.note(TradeId(id), true), Notice::Duplicate);
        }
    }

    proptest! {
        #[test]
        fn no_fill_is_first_twice(ids in proptest::collection::vec((1i64..3_000, any::<bool>()), 0..6_000)) {
            let mut seen = SeenFills::new();
            let mut firsts = BTreeMap::new();
            for (id, is_report) in ids {
                match seen.note(TradeId(id), is_report) {
                    Notice::First => prop_assert!(firsts.insert(id, is_report).is_none()),
                    Notice::Completes => prop_assert_eq!(firsts.insert(id, true), Some(false)),
                    Notice::Duplicate => {}
                }
            }
        }
    }
}
