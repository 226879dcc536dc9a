//! One generated symbol: its mid, its book, its trades.

use std::collections::BTreeMap;

use rand::RngCore;
use rand_chacha::ChaCha12Rng;
use schema::{
    BookTicker, DepthHead, DepthKind, Level, Price, Qty, Side, SymbolId, SymbolName, Trade,
    TradeId, WallNs,
};

use super::MarketConfig;
use super::fall::{Fall, STRESS_MAX};
use crate::market::{DepthUpdate, MarketTrade, MarketUpdate, TradeKind};

/// Levels kept on each side.
const LEVELS: i64 = 30;
/// Between diffs, as of `@depth@100ms`.
const DIFF_INTERVAL_NS: i64 = 100_000_000;
/// Part of trade frames that are spent ids (PROTOCOL 2.1: about 1 %).
const SPENT_ID_PER_MILLE: u64 = 10;
/// One step in this many moves the mid: prices rest, then jump, as on a book with a fine tick.
const MOVE_SHARE: u64 = 12;
/// Usual state of the volatility, in units of 1 / 1024.
const CALM: i64 = 1_024;
/// Under full stress levels hold this part of the usual quantity, one in …
const THIN: i64 = 6;
/// Widest spread under full stress, ticks, beyond one.
const WIDE: i64 = 12;

/// A fall, and how far this symbol has gone along its path.
#[derive(Debug)]
struct Falling {
    fall: Fall,
    start_ns: i64,
    /// Best bid when it began, ticks; zero before.
    from_tick: i64,
    done_ppm: i64,
}

/// One symbol.
#[derive(Debug)]
pub(super) struct Walk {
    symbol: SymbolId,
    config: MarketConfig,
    random: ChaCha12Rng,
    now_ns: i64,
    /// When the mid last moved.
    moved_ns: i64,
    /// Best bid in ticks; the best ask is `spread` above.
    bid_tick: i64,
    spread: i64,
    /// Where between ticks the mid is, units of 1e-6 ticks.
    fraction_e6: i64,
    /// Volatility relative to [`CALM`].
    heat: i64,
    drift_ppm: i64,
    drift_until_ns: i64,
    falling: Option<Falling>,
    bids: BTreeMap<i64, Qty>,
    asks: BTreeMap<i64, Qty>,
    /// Ticks changed since the last diff.
    changed: [BTreeMap<i64, ()>; 2],
    update_id: u64,
    /// First update id since the last diff, and the last diff's `u`.
    diff_first: u64,
    diff_before: u64,
    next_diff_ns: i64,
    trade_id: i64,
    has_started: bool,
}

impl Walk {
    pub(super) fn new(
        symbol: SymbolId,
        config: MarketConfig,
        random: ChaCha12Rng,
        start_ns: i64,
    ) -> Self {
        let bid_tick =
            (config.start_price.units() / config.tick_size.units().max(1)).max(LEVELS + 2);
        let first_id = 10_000_000_000_000 + u64::from(symbol.0) * 1_000_003;
        let mut walk = Self {
            symbol,
            config,
            random,
            now_ns: start_ns,
            moved_ns: start_ns,
            bid_tick,
            spread: 1,
            fraction_e6: 0,
            heat: CALM,
            drift_ppm: 0,
            drift_until_ns: start_ns,
            falling: None,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            changed: [BTreeMap::new(), BTreeMap::new()],
            update_id: first_id,
            diff_first: first_id + 1,
            diff_before: first_id,
            next_diff_ns: start_ns + DIFF_INTERVAL_NS,
            trade_id: 8_000_000_000 + i64::from(symbol.0) * 1_000_000,
            has_started: false,
        };
        walk.frame_book();
        walk.changed = [BTreeMap::new(), BTreeMap::new()];
        walk
    }

    pub(super) fn name(&self) -> SymbolName {
        self.config.name
    }
    pub(super) fn drift(&mut self, ppm_per_second: i64, seconds: i64) {
        self.drift_ppm = ppm_per_second;
        self.drift_until_ns = self.now_ns + seconds * 1_000_000_000;
    }
    pub(super) fn fall(&mut self, fall: Fall) {
        self.falling = Some(Falling { fall, start_ns: self.now_ns, from_tick: 0, done_ppm: 0 });
    }
    /// How thin and hectic it is now, 0 to [`STRESS_MAX`].
    fn stress(&self) -> i64 {
        let falling = self.falling.as_ref();
        falling.map_or(0, |falling| falling.fall.stress(self.now_ns - falling.start_ns))
    }
    /// The next stretch of the fall's path, units of 1e-6 ticks.
    fn fall_on_e6(&mut self) -> i64 {
        let (now_ns, bid_tick) = (self.now_ns, self.bid_tick);
        let Some(falling) = &mut self.falling else { return 0 };
        let fallen_ppm = falling.fall.fallen_ppm(now_ns - falling.start_ns);
        if fallen_ppm == falling.done_ppm {
            return 0;
        }
        if falling.from_tick == 0 {
            falling.from_tick = bid_tick;
        }
        let step_ppm = fallen_ppm - falling.done_ppm;
        falling.done_ppm = fallen_ppm;
        falling.from_tick.saturating_mul(step_ppm)
    }

    /// A number in 0..bound.
    fn below(&mut self, bound: u64) -> u64 {
        // The bias of a 64-bit remainder is below 1e-12 for the bounds used here.
        self.random.next_u64() % bound.max(1)
    }
    /// About normal, variance `scale²`: the sum of twelve uniform numbers.
    fn normal(&mut self, scale: i64) -> i64 {
        let sum: i64 = (0..12).map(|_| self.below(2_001) as i64 - 1_000).sum();
        (i128::from(sum) * i128::from(scale) / 2_000) as i64
    }
    fn level_qty(&mut self, distance: i64) -> Qty {
        // Thin at the touch, thicker some ticks behind, from an eighth to about twice the usual.
        let usual = i128::from(self.config.level_qty.units());
        let shape = 2 + distance.clamp(0, 12);
        let part = 1 + self.below(16) as i64;
        let thin = i128::from(STRESS_MAX + (THIN - 1) * self.stress());
        let units = usual * i128::from(part) * i128::from(shape) / (8 * 10);
        let units = units * i128::from(STRESS_MAX) / thin;
        Qty::from_units(units.clamp(1, i128::from(i64::MAX / 4)) as i64)
            .round_down(self.config.step_size)
            .max(self.config.step_size)
    }
    fn side(&mut self, side: Side) -> &mut BTreeMap<i64, Qty> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
    fn set(&mut self, side: Side, tick: i64, qty: Qty) {
        if qty > Qty::ZERO {
            self.side(side).insert(tick, qty);
        } else {
            self.side(side).remove(&tick);
        }
        self.changed[side as usize].insert(tick, ());
    }

    /// Removes what the touch has passed and fills the levels behind it.
    fn frame_book(&mut self) {
        let (bid, ask) = (self.bid_tick, self.bid_tick + self.spread);
        let gone = |tick: &i64, best: i64, sign: i64| {
            let behind = (best - tick) * sign;
            !(0..2 * LEVELS).contains(&behind)
        };
        for (side, best, sign) in [(Side::Buy, bid, 1), (Side::Sell, ask, -1)] {
            let out: Vec<i64> =
                self.side(side).keys().copied().filter(|tick| gone(tick, best, sign)).collect();
            for tick in out {
                self.set(side, tick, Qty::ZERO);
            }
            for distance in 0..LEVELS {
                let tick = best - sign * distance;
                let is_missing = !self.side(side).contains_key(&tick);
                // The touch always stands; behind it some levels stay empty for a while.
                if is_missing && (distance == 0 || self.below(4) > 0) {
                    let qty = self.level_qty(distance);
                    self.set(side, tick, qty);
                }
            }
        }
    }

    /// One step of the symbol; returns when the next is due.
    pub(super) fn step(&mut self, at_ns: i64, out: &mut Vec<(i64, MarketUpdate)>) -> i64 {
        self.now_ns = at_ns;
        if !self.has_started {
            self.has_started = true;
            out.push((at_ns, self.snapshot()));
            self.push_ticker(out);
        } else if at_ns >= self.next_diff_ns {
            self.push_diff(out);
            self.next_diff_ns += DIFF_INTERVAL_NS;
        } else {
            self.live(out);
        }
        let mean_ns = 1_000_000_000 / i64::from(self.config.events_per_second.max(1));
        // Steps between a fifth and nine fifths of the mean: each makes about one event.
        let wait = mean_ns / 5 + self.below(8 * mean_ns as u64 / 5) as i64;
        (at_ns + wait.max(1)).min(self.next_diff_ns)
    }

    /// The mid moves, or someone trades, or a level changes.
    fn live(&mut self, out: &mut Vec<(i64, MarketUpdate)>) {
        self.update_id += 1 + self.below(5);
        // Under stress it moves up to four times as often, in smaller steps.
        let move_share =
            MOVE_SHARE - (MOVE_SHARE * 3 / 4) * self.stress() as u64 / STRESS_MAX as u64;
        if self.below(move_share) == 0 {
            self.move_mid(self.now_ns - self.moved_ns);
            self.moved_ns = self.now_ns;
        }
        let ask = self.bid_tick + self.spread;
        let touch = |walk: &Self| {
            let bid = walk.bids.last_key_value().map(|(tick, qty)| (*tick, *qty));
            (bid, walk.asks.first_key_value().map(|(tick, qty)| (*tick, *qty)))
        };
        let before = touch(self);
        let trade_share = 20 + 10 * self.heat.min(4 * CALM) / CALM;
        if before.0.is_some_and(|(tick, _)| tick != self.bid_tick)
            || before.1.is_some_and(|(tick, _)| tick != ask)
        {
            self.sweep(out);
            self.frame_book();
        } else if self.below(100) < trade_share as u64 {
            self.trade_at_touch(out);
        } else {
            self.change_a_level();
        }
        if touch(self) != before {
            self.push_ticker(out);
        }
    }

    fn move_mid(&mut self, elapsed_ns: i64) {
        // Volatility: drawn back to calm, pushed by rare shocks (clusters of some seconds).
        self.heat += (CALM - self.heat) / 32;
        if self.below(200) == 0 {
            self.heat += CALM * (1 + self.below(3) as i64);
        }
        let price_ticks = self.bid_tick.max(1);
        // Standard deviation of one step: volatility × √(share of a second), in 1e-6 ticks.
        let share_e6 = (elapsed_ns / 1_000).clamp(1, 1_000_000);
        let root_e3 = share_e6.isqrt();
        let sigma = i128::from(price_ticks)
            * i128::from(self.config.volatility_ppm)
            * i128::from(root_e3)
            * i128::from(self.heat)
            / (1_000 * i128::from(CALM));
        self.fraction_e6 += self.normal(i64::try_from(sigma).unwrap_or(i64::MAX / 4_000));
        if self.now_ns < self.drift_until_ns {
            let drift = i128::from(price_ticks) * i128::from(self.drift_ppm) * i128::from(share_e6)
                / 1_000_000;
            self.fraction_e6 += i64::try_from(drift).unwrap_or(0);
        }
        self.fraction_e6 = self.fraction_e6.saturating_sub(self.fall_on_e6());
        let ticks = self.fraction_e6.div_euclid(1_000_000);
        self.fraction_e6 -= ticks * 1_000_000;
        self.bid_tick = (self.bid_tick + ticks).max(LEVELS + 2);
        self.spread = match self.below(16) {
            0 if self.heat > 2 * CALM => 2 + self.below(3) as i64,
            1..4 => 1,
            _ => self.spread,
        };
        let stress = self.stress();
        if stress > 0 {
            self.spread = 1 + self.below((WIDE * stress / STRESS_MAX + 1) as u64) as i64;
        }
    }

    /// Trades through the levels the touch has left on one side.
    fn sweep(&mut self, out: &mut Vec<(i64, MarketUpdate)>) {
        let ask = self.bid_tick + self.spread;
        let passed_asks: Vec<_> =
            self.asks.range(..=self.bid_tick).map(|(t, q)| (*t, *q)).collect();
        let passed_bids: Vec<_> = self.bids.range(ask..).rev().map(|(t, q)| (*t, *q)).collect();
        for (side, passed) in [(Side::Sell, passed_asks), (Side::Buy, passed_bids)] {
            // The first levels trade; a long move also pulls orders away.
            for (tick, qty) in passed.into_iter().take(3) {
                self.push_trade(side, tick, qty, out);
            }
        }
    }
    fn trade_at_touch(&mut self, out: &mut Vec<(i64, MarketUpdate)>) {
        // The maker's side: under full stress nine of ten trades sell into the bids.
        let is_sale = match self.stress() {
            0 => self.below(2) == 0,
            stress => self.below(10) < 5 + (4 * stress / STRESS_MAX) as u64,
        };
        let side = if is_sale { Side::Buy } else { Side::Sell };
        let best = match side {
            Side::Buy => self.bids.last_key_value(),
            Side::Sell => self.asks.first_key_value(),
        };
        let Some((&tick, &there)) = best else { return };
        // Mostly small, sometimes half the level; never all of it, which is the sweep's to do.
        let percent_max = if self.below(8) == 0 { 50 } else { 8 };
        let part = 1 + self.below(percent_max) as i64;
        let units = i128::from(there.units()) * i128::from(part) / 100;
        let qty = Qty::from_units(units as i64)
            .round_down(self.config.step_size)
            .max(self.config.step_size);
        if qty >= there {
            return;
        }
        self.push_trade(side, tick, qty, out);
        self.set(side, tick, Qty::from_units(there.units() - qty.units()));
    }
    fn change_a_level(&mut self) {
        let side = if self.below(2) == 0 { Side::Buy } else { Side::Sell };
        // Most changes are near the touch.
        let far = 1 + self.below(LEVELS as u64);
        let distance = self.below(far) as i64;
        let (best, sign) =
            if side == Side::Buy { (self.bid_tick, 1) } else { (self.bid_tick + self.spread, -1) };
        let is_cleared = distance > 0 && self.below(6) == 0;
        let qty = if is_cleared { Qty::ZERO } else { self.level_qty(distance) };
        self.set(side, best - sign * distance, qty);
    }

    fn price(&self, tick: i64) -> Price {
        Price::from_units(tick * self.config.tick_size.units())
    }
    fn time(&self) -> WallNs {
        WallNs::from_ms(self.now_ns / 1_000_000)
    }
    fn push_trade(&mut self, maker: Side, tick: i64, qty: Qty, out: &mut Vec<(i64, MarketUpdate)>) {
        if self.below(1_000) < SPENT_ID_PER_MILLE {
            self.trade_id += 1;
            let spent = self.trade(maker, Price::ZERO, Qty::ZERO, TradeKind::NotAvailable);
            out.push((self.now_ns, spent));
        }
        self.trade_id += 1;
        let trade = self.trade(maker, self.price(tick), qty, TradeKind::Market);
        out.push((self.now_ns, trade));
    }
    fn trade(&self, maker: Side, price: Price, qty: Qty, kind: TradeKind) -> MarketUpdate {
        let trade = Trade {
            symbol: self.symbol,
            trade_id: TradeId(self.trade_id),
            price,
            qty,
            buyer_is_maker: maker == Side::Buy,
            trade_time: self.time(),
            event_time: self.time(),
        };
        MarketUpdate::Trade(MarketTrade { trade, first_trade_id: self.trade_id, kind })
    }
    fn push_ticker(&mut self, out: &mut Vec<(i64, MarketUpdate)>) {
        let (Some((&bid, &bid_qty)), Some((&ask, &ask_qty))) =
            (self.bids.last_key_value(), self.asks.first_key_value())
        else {
            return;
        };
        let ticker = BookTicker {
            symbol: self.symbol,
            update_id: self.update_id,
            bid_price: self.price(bid),
            bid_qty,
            ask_price: self.price(ask),
            ask_qty,
            transaction_time: self.time(),
            event_time: self.time(),
        };
        out.push((self.now_ns, MarketUpdate::BookTicker(ticker)));
    }
    fn head(&self, kind: DepthKind) -> DepthHead {
        DepthHead {
            symbol: self.symbol,
            kind,
            last_update_id: self.update_id,
            transaction_time: self.time(),
            event_time: self.time(),
            ..DepthHead::default()
        }
    }
    fn snapshot(&self) -> MarketUpdate {
        let level = |(tick, qty): (&i64, &Qty)| Level { price: self.price(*tick), qty: *qty };
        MarketUpdate::Depth(DepthUpdate {
            head: self.head(DepthKind::Snapshot),
            bids: self.bids.iter().rev().map(level).collect(),
            asks: self.asks.iter().map(level).collect(),
        })
    }
    /// Everything changed since the last diff, absolute.
    fn push_diff(&mut self, out: &mut Vec<(i64, MarketUpdate)>) {
        let [bids, asks] = core::mem::take(&mut self.changed);
        if bids.is_empty() && asks.is_empty() {
            return;
        }
        let level = |side: &BTreeMap<i64, Qty>, tick: i64| Level {
            price: self.price(tick),
            qty: side.get(&tick).copied().unwrap_or(Qty::ZERO),
        };
        let bids = bids.into_keys().map(|tick| level(&self.bids, tick)).collect();
        let asks = asks.into_keys().map(|tick| level(&self.asks, tick)).collect();
        let head = DepthHead {
            first_update_id: self.diff_first,
            previous_update_id: self.diff_before,
            ..self.head(DepthKind::Diff)
        };
        self.diff_before = self.update_id;
        self.diff_first = self.update_id + 1;
        out.push((self.now_ns, MarketUpdate::Depth(DepthUpdate { head, bids, asks })));
    }
}
