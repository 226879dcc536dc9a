//! A seeded market: same seed, same events.

use schema::{Price, Qty};

use crate::market::MarketUpdate;

/// One generated symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketConfig {
    /// Tick.
    pub tick_size: Price,
    /// Step.
    pub step_size: Qty,
    /// Price at the start.
    pub start_price: Price,
    /// Typical quantity at a level.
    pub level_qty: Qty,
    /// Events a second, on average.
    pub events_per_second: u32,
    /// Typical move of the mid in a second, ppm.
    pub volatility_ppm: i64,
}

/// A generated market of one or several symbols.
///
/// Iterates without end over `(ns since start, event)`; event times are `start_ms` plus that.
#[derive(Debug)]
pub struct Generator {
    symbols: Vec<MarketConfig>,
}

impl Generator {
    /// A market from a seed; symbol ids are positions in `symbols`.
    pub fn new(seed: u64, start_ms: i64, symbols: Vec<MarketConfig>) -> Self {
        let _ = (seed, start_ms);
        Self { symbols }
    }
}

impl Iterator for Generator {
    type Item = (i64, MarketUpdate);
    fn next(&mut self) -> Option<Self::Item> {
        let _ = &self.symbols;
        None
    }
}
