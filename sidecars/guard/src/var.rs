//! Value at risk and expected shortfall over one minute, by historical simulation, and how often a
//! loss went beyond.
//!
//! Today's positions are put through each minute of the past: minute k, in which symbol i returned
//! `r(i,k)`, would have lost `L(k) = −Σ v(i) · r(i,k)` with `v` the signed values at the mark. With
//! `n` losses in ascending order `L(1) ≤ … ≤ L(n)`:
//!
//! - `VaR(α) = inf { l : F(l) ≥ α } = L(⌈n·α⌉)`, the empirical quantile (McNeil, Frey, Embrechts,
//!   *Quantitative Risk Management*, 2nd ed., definition 2.8 and section 9.2.3);
//! - `ES(α) = (Σ_{i > ⌈nα⌉} L(i) + (⌈nα⌉ − nα) · L(⌈nα⌉)) / (n·(1 − α))`, the mean of the worst
//!   `n·(1 − α)` (Acerbi and Tasche, *On the coherence of expected shortfall*, 2002, proposition
//!   4.1).
//!
//! Neither is told below zero: a portfolio that never lost has no risk of loss by this measure.
//! A breach is a minute whose loss on the positions held at its begin, `−Σ q(i) · Δp(i)`, is more
//! than the VaR(99 %) that stood then: what was traded meanwhile does not count (the back-test of
//! Kupiec, 1995, on a clean profit and loss). Floats are fine here: these are estimates.

use std::collections::{BTreeMap, HashMap, VecDeque};

use schema::{SCALE, SymbolName};

use crate::portfolio::Position;

/// Minutes of returns kept: a day.
const MINUTES: usize = 1_440;
/// Fewest minutes that say something of the worst hundredth.
const SAMPLES_MIN: usize = 100;
/// How long a breach counts, ns. At 99 % a model that is right is breached in one minute of a
/// hundred: 0.3 times in this half hour, and more than three times in one half hour of four
/// thousand (Poisson). Over a day it would be 14 times, and every right model would be a kill.
const BREACH_AGE_NS: i64 = 30 * 60 * 1_000_000_000;
/// Most breaches kept.
const BREACHES_MAX: usize = 2_000;
/// How much later than its end a minute may be seen to end, ns.
const LATE_NS: i64 = 5_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

/// Value at risk and expected shortfall; money in units of 1e-8, -1 with too few samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Value at risk at 95 %.
    pub var_95: i64,
    /// The same at 99 %.
    pub var_99: i64,
    /// Expected shortfall at 95 %.
    pub es_95: i64,
    /// The same at 99 %.
    pub es_99: i64,
    /// Minutes it is made from.
    pub samples: u64,
}

impl Default for Estimate {
    fn default() -> Self {
        Self { var_95: -1, var_99: -1, es_95: -1, es_99: -1, samples: 0 }
    }
}

/// Returns of each minute, by symbol.
#[derive(Debug, Default)]
pub struct Returns {
    /// Minute since the Unix epoch, and the return in it.
    symbols: HashMap<SymbolName, BTreeMap<i64, f64>>,
}

impl Returns {
    /// Takes closes of minutes as `(open time in ms, close)`, in order of time.
    pub fn candles(&mut self, symbol: SymbolName, closes: &[(i64, i64)]) {
        for pair in closes.windows(2) {
            let ((before_ms, before), (open_ms, close)) = (pair[0], pair[1]);
            if open_ms - before_ms == 60_000 && before > 0 {
                self.add(symbol, open_ms.div_euclid(60_000), close as f64 / before as f64 - 1.0);
            }
        }
    }

    fn add(&mut self, symbol: SymbolName, minute: i64, value: f64) {
        let minutes = self.symbols.entry(symbol).or_default();
        minutes.insert(minute, value);
        while minutes.len() > MINUTES {
            minutes.pop_first();
        }
    }

    /// What the positions would lose in each minute of which the returns of all are known.
    fn losses(&self, positions: &[Position]) -> Vec<f64> {
        let held: Vec<_> = positions.iter().filter(|position| position.qty != 0).collect();
        let Some(first) = held.first() else {
            // Nothing held loses nothing, in every minute there is.
            let longest = self.symbols.values().map(BTreeMap::len).max().unwrap_or(0);
            return vec![0.0; longest];
        };
        let mut losses = Vec::new();
        let minutes = self.symbols.get(&first.symbol).into_iter().flat_map(BTreeMap::keys);
        'minutes: for minute in minutes {
            let mut loss = 0.0;
            for position in &held {
                let returns = self.symbols.get(&position.symbol);
                let Some(value) = returns.and_then(|returns| returns.get(minute)) else {
                    continue 'minutes;
                };
                loss -= position.notional() as f64 * value;
            }
            losses.push(loss);
        }
        losses
    }

    /// The estimate for these positions.
    pub fn estimate(&self, positions: &[Position]) -> Estimate {
        let mut losses = self.losses(positions);
        if losses.len() < SAMPLES_MIN {
            return Estimate { samples: losses.len() as u64, ..Estimate::default() };
        }
        losses.sort_by(f64::total_cmp);
        let (var_95, es_95) = tail(&losses, 0.95);
        let (var_99, es_99) = tail(&losses, 0.99);
        Estimate { var_95, var_99, es_95, es_99, samples: losses.len() as u64 }
    }
}

/// Value at risk and expected shortfall of losses in ascending order; see the module.
fn tail(losses: &[f64], alpha: f64) -> (i64, i64) {
    let n = losses.len();
    let at = n as f64 * alpha;
    // A product that is whole but for its last bit is whole: 200 × 0.95.
    let rank = ((at - 1e-9).ceil() as usize).clamp(1, n);
    let var = losses[rank - 1];
    let beyond: f64 = losses[rank..].iter().sum();
    let weight = (rank as f64 - at).max(0.0);
    let es = (beyond + weight * var) / (n as f64 - at);
    (var.max(0.0).round() as i64, es.max(0.0).round() as i64)
}

/// A minute as it began.
#[derive(Debug, Clone)]
struct Begun {
    minute: i64,
    positions: Vec<Position>,
    marks: HashMap<SymbolName, i64>,
    var_99: i64,
}

/// Follows the minutes: their returns, and losses beyond the value at risk.
#[derive(Debug, Default)]
pub struct Minutes {
    /// Returns, the venue's and our own.
    pub returns: Returns,
    begun: Option<Begun>,
    breaches: VecDeque<i64>,
}

impl Minutes {
    /// Goes on with the breaches of an earlier run, as wall times in ns.
    pub fn with_breaches(breaches: &[i64]) -> Self {
        Self { breaches: breaches.iter().copied().collect(), ..Self::default() }
    }

    /// Takes what the account and the market are at a wall time; the breach, if a minute with one
    /// ended: its loss and the value at risk that stood.
    pub fn take(
        &mut self,
        wall_ns: i64,
        positions: &[Position],
        marks: &HashMap<SymbolName, i64>,
    ) -> Option<(i64, i64)> {
        let minute = wall_ns.div_euclid(MINUTE_NS);
        if self.begun.as_ref().is_some_and(|begun| begun.minute == minute) {
            return None;
        }
        let mut breach = None;
        // A minute whose end was not seen, or late, is none.
        let is_late = wall_ns.rem_euclid(MINUTE_NS) > LATE_NS;
        let ended = self.begun.take().filter(|begun| begun.minute + 1 == minute && !is_late);
        if let Some(begun) = ended {
            for (symbol, before) in &begun.marks {
                if let Some(mark) = marks.get(symbol).filter(|_| *before > 0) {
                    let value = *mark as f64 / *before as f64 - 1.0;
                    self.returns.add(*symbol, begun.minute, value);
                }
            }
            let loss = loss(&begun.positions, marks);
            if begun.var_99 >= 0 && loss > i128::from(begun.var_99) && loss > 0 {
                self.breaches.push_back(wall_ns);
                breach = Some((loss.min(i128::from(i64::MAX)) as i64, begun.var_99));
            }
        }
        while self.breaches.len() > BREACHES_MAX {
            self.breaches.pop_front();
        }
        if !is_late {
            let var_99 = self.returns.estimate(positions).var_99;
            let (positions, marks) = (positions.to_vec(), marks.clone());
            self.begun = Some(Begun { minute, positions, marks, var_99 });
        }
        breach
    }

    /// Breaches of the last half hour.
    pub fn breaches(&self, wall_ns: i64) -> u64 {
        self.recent(wall_ns).count() as u64
    }

    /// Their wall times, ns.
    pub fn recent(&self, wall_ns: i64) -> impl Iterator<Item = i64> {
        let after = wall_ns.saturating_sub(BREACH_AGE_NS);
        self.breaches.iter().copied().filter(move |at| *at > after)
    }

    /// Begins to count anew.
    pub fn forget_breaches(&mut self) {
        self.breaches.clear();
    }
}

/// What positions lost on the way to these marks, exactly; one whose mark is not told lost nothing.
fn loss(positions: &[Position], marks: &HashMap<SymbolName, i64>) -> i128 {
    let of = |position: &Position| {
        let now = marks.get(&position.symbol).copied().unwrap_or(position.mark);
        -i128::from(position.qty) * (i128::from(now) - i128::from(position.mark))
            / i128::from(SCALE)
    };
    positions.iter().map(of).sum()
}

#[cfg(test)]
mod tests;
