//! The venue's book of one symbol, kept from diffs, snapshots and book tickers.

use std::collections::BTreeMap;

use schema::{BookTicker, Level, Price, Qty, Side};

/// Full book of the tape; client orders are not in it.
#[derive(Debug, Clone, Default)]
pub struct Book {
    bids: BTreeMap<Price, Qty>,
    asks: BTreeMap<Price, Qty>,
    last_update_id: u64,
    ticker: Option<BookTicker>,
}

impl Book {
    /// An empty book.
    pub fn new() -> Self {
        Self::default()
    }
    /// Last update id applied from depth.
    pub fn last_update_id(&self) -> u64 {
        self.last_update_id
    }
    /// Levels of the depth book, best first, at most `limit`.
    pub fn levels(&self, side: Side, limit: usize) -> Vec<Level> {
        let level = |(&price, &qty): (&Price, &Qty)| Level { price, qty };
        match side {
            Side::Buy => self.bids.iter().rev().take(limit).map(level).collect(),
            Side::Sell => self.asks.iter().take(limit).map(level).collect(),
        }
    }
    /// The newest book ticker.
    pub fn ticker(&self) -> Option<&BookTicker> {
        self.ticker.as_ref()
    }
}
