//! Events of the user stream, which two connections bring: once each.
//!
//! No event is dropped that might be another: an event counts as a copy only if the other
//! connection brought the same content, and as often. What one connection brings and the other does
//! not within a limit shows that the other is frozen (RELIABILITY F31).

use schema::{Counter, Counters, MonoNs};

use super::LANES;

/// The content of events as one word, without the time at which they were pushed.
pub mod keys {
    use schema::{AccountUpdate, AlgoUpdate, ExecutionReport, TradeLite};

    use crate::feed::sequence::mix;

    fn all(kind: u64, words: &[u64]) -> u64 {
        words.iter().fold(kind, |hash, word| mix(hash, *word))
    }

    /// Key of a report.
    pub fn report(report: &ExecutionReport) -> u64 {
        all(
            1,
            &[
                report.symbol.index() as u64,
                report.venue_order_id.0 as u64,
                report.exec_type as u64,
                report.status as u64,
                report.price.units() as u64,
                report.qty.units() as u64,
                report.cum_qty.units() as u64,
                report.trade_id.0 as u64,
                report.transaction_time.0 as u64,
            ],
        )
    }

    /// Key of a fast notice of a fill.
    pub fn trade_lite(trade: &TradeLite) -> u64 {
        let ids = [trade.venue_order_id.0 as u64, trade.trade_id.0 as u64];
        all(2, &[trade.symbol.index() as u64, ids[0], ids[1], trade.transaction_time.0 as u64])
    }

    /// Key of an event of a conditional order.
    pub fn algo(update: &AlgoUpdate) -> u64 {
        let ids = [update.algo_id.0 as u64, update.venue_order_id.0 as u64];
        let hash = all(4, &ids);
        let hash = all(hash, &[update.status as u64, update.transaction_time.0 as u64]);
        all(hash, &[update.trigger_price.units() as u64, update.qty.units() as u64])
    }

    /// Key of an account event.
    pub fn account(update: &AccountUpdate) -> u64 {
        let mut hash = all(3, &[update.transaction_time.0 as u64, u64::from(update.is_funding)]);
        for balance in update.balances.iter().take(usize::from(update.balance_count)) {
            hash = all(hash, &[balance.wallet.units() as u64, balance.change.units() as u64]);
        }
        for position in update.positions.iter().take(usize::from(update.position_count)) {
            hash = all(hash, &[position.symbol.index() as u64, position.qty.units() as u64]);
        }
        hash
    }
}

/// Events remembered: a second of the fastest trading.
const REMEMBERED: usize = 64;

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    key: u64,
    at: MonoNs,
    passed: u8,
    brought: [u8; LANES],
}

/// Events by their content.
#[derive(Debug, Clone)]
pub struct Twice {
    entries: [Entry; REMEMBERED],
    next: usize,
    up_since: [Option<MonoNs>; LANES],
    counts: Counters,
}

impl Default for Twice {
    fn default() -> Self {
        Self {
            entries: [Entry::default(); REMEMBERED],
            next: 0,
            up_since: [None; LANES],
            counts: Counters::default(),
        }
    }
}

impl Twice {
    /// A connection came or went.
    pub fn set_up(&mut self, lane: usize, since: Option<MonoNs>) {
        self.up_since[lane] = since;
    }
    /// Copies, as [`Counter::FeedDuplicate`].
    pub const fn counts(&self) -> &Counters {
        &self.counts
    }

    /// Whether an event passes; `key` is its content without the time it was pushed.
    pub fn pass(&mut self, now: MonoNs, lane: usize, key: u64) -> bool {
        let known = self.entries.iter_mut().find(|entry| entry.passed > 0 && entry.key == key);
        let Some(entry) = known else {
            let mut brought = [0; LANES];
            brought[lane] = 1;
            self.entries[self.next] = Entry { key, at: now, passed: 1, brought };
            self.next = (self.next + 1) % REMEMBERED;
            return true;
        };
        entry.brought[lane] = entry.brought[lane].saturating_add(1);
        if entry.brought[lane] > entry.passed {
            entry.passed = entry.brought[lane];
            return true;
        }
        self.counts.count(Counter::FeedDuplicate);
        false
    }

    /// A connection that has not brought an event another brought `limit_ns` ago or earlier.
    pub fn frozen(&self, now: MonoNs, limit_ns: u64) -> Option<usize> {
        let due = self.entries.iter().filter(|e| e.passed > 0 && now.since(e.at) >= limit_ns);
        for entry in due {
            let lacks = |lane: &usize| {
                let was_up = self.up_since[*lane].is_some_and(|since| since < entry.at);
                was_up && entry.brought[*lane] == 0
            };
            if let Some(lane) = (0..LANES).find(lacks) {
                return Some(lane);
            }
        }
        None
    }
}
