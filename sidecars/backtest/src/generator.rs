//! A seeded market: same seed, same events.
//!
//! The mid walks in ticks; its volatility clusters (a slow mean-reverting state multiplied by
//! shocks). Around it stand some twenty levels a side whose quantities come and go; trades hit the
//! best levels, more of them when it moves. Update ids chain over diffs and tickers as the venue's
//! do, and every event is consistent with the book before it. All integer arithmetic: the same on
//! every machine.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use schema::{Price, Qty, SCALE, SymbolId, SymbolName};

use crate::market::MarketUpdate;
use crate::rules::Rules;

mod fall;
mod walk;

pub use fall::{BadFall, Fall};
use walk::Walk;

/// One generated symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketConfig {
    /// Name.
    pub name: SymbolName,
    /// Tick.
    pub tick_size: Price,
    /// Step.
    pub step_size: Qty,
    /// Price at the start.
    pub start_price: Price,
    /// Typical quantity at a level.
    pub level_qty: Qty,
    /// Events a second besides diffs, on average.
    pub events_per_second: u32,
    /// Typical move of the mid in a second, ppm.
    pub volatility_ppm: i64,
}

impl MarketConfig {
    /// A lively market for a symbol with these rules around a price.
    pub fn new(rules: &Rules, start_price: Price) -> Self {
        // About 50,000 of quote currency at a level.
        let units =
            50_000 * i128::from(SCALE) * i128::from(SCALE) / i128::from(start_price.units().max(1));
        let level_qty = Qty::from_units(i64::try_from(units).unwrap_or(i64::MAX))
            .round_down(rules.step_size)
            .max(rules.step_size);
        Self {
            name: rules.name,
            tick_size: rules.tick_size,
            step_size: rules.step_size,
            start_price,
            level_qty,
            events_per_second: 140,
            volatility_ppm: 60,
        }
    }
}

/// A generated market of one or several symbols.
///
/// Iterates without end over `(ns of Unix time, event)`, each symbol beginning with a snapshot.
#[derive(Debug)]
pub struct Generator {
    symbols: Vec<Walk>,
    /// Next event of each symbol, earliest first.
    queue: BinaryHeap<Reverse<(i64, usize)>>,
    /// Events made and not yet taken.
    ready: Vec<(i64, MarketUpdate)>,
}

impl Generator {
    /// A market from a seed; symbol ids are positions in `symbols`.
    pub fn new(seed: u64, start_ms: i64, symbols: Vec<MarketConfig>) -> Self {
        let start_ns = start_ms * 1_000_000;
        let walk = |(index, config): (usize, MarketConfig)| {
            // A stream for each symbol: adding one does not change the others.
            let mut random = ChaCha12Rng::seed_from_u64(seed);
            random.set_stream(index as u64 + 1);
            Walk::new(SymbolId(index as u16), config, random, start_ns)
        };
        let symbols: Vec<Walk> = symbols.into_iter().enumerate().map(walk).collect();
        let queue = (0..symbols.len()).map(|index| Reverse((start_ns, index))).collect();
        Self { symbols, queue, ready: Vec::new() }
    }
    /// The symbols.
    pub fn symbols(&self) -> Vec<SymbolName> {
        self.symbols.iter().map(Walk::name).collect()
    }
    /// From now on one symbol's mid drifts by `ppm_per_second` for `seconds`, and trades press in
    /// that direction: a crash, or a squeeze.
    pub fn drift(&mut self, symbol: SymbolId, ppm_per_second: i64, seconds: i64) {
        if let Some(walk) = self.symbols.get_mut(symbol.index()) {
            walk.drift(ppm_per_second, seconds);
        }
    }
    /// All symbols fall together, as markets do.
    #[must_use]
    pub fn falling(mut self, fall: Fall) -> Self {
        self.symbols.iter_mut().for_each(|walk| walk.fall(fall));
        self
    }
}

impl Iterator for Generator {
    type Item = (i64, MarketUpdate);
    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let Reverse((at_ns, index)) = self.queue.pop()?;
            let next_ns = self.symbols[index].step(at_ns, &mut self.ready);
            self.queue.push(Reverse((next_ns, index)));
            self.ready.reverse();
        }
        self.ready.pop()
    }
}

#[cfg(test)]
mod tests;
