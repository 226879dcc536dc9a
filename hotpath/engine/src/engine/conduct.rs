//! What is remembered of orders, fills and prices for the limits on conduct.

use schema::{MonoNs, NewOrder, Notional, Price, Reject, Side, StateReason, SymbolId};

use super::Engine;
use crate::risk::{Conduct, MarkWindow, Window, is_drawn_down};

/// Parts of the window of orders alike.
const ALIKE_PARTS: usize = 20;

/// One symbol's.
#[derive(Debug)]
pub(super) struct SymbolConduct {
    /// Marks of the window.
    marks: MarkWindow,
    /// Opening orders of the window, by side.
    alike: [Window<{ ALIKE_PARTS + 1 }>; 2],
    /// The strategy repeated itself on it; a person lets it go on.
    pub(super) is_throttled: bool,
}

impl SymbolConduct {
    pub(super) fn new(limits: &crate::risk::Limits) -> Self {
        let part_ns = (limits.repeated_window_ns / ALIKE_PARTS as u64).max(1);
        Self {
            marks: MarkWindow::new(limits.window_collar_ns),
            alike: [Window::new(part_ns), Window::new(part_ns)],
            is_throttled: false,
        }
    }
    pub(super) fn on_mark(&mut self, now: MonoNs, mark: Price) {
        self.marks.add(now, mark);
    }
    /// The most opening orders of one side, as last counted.
    pub(super) fn alike_most(&self) -> u32 {
        self.alike[0].sum().max(self.alike[1].sum())
    }
    /// How far the mark has moved within the window, ppm of its lowest.
    pub(super) fn moved_ppm(&self) -> i64 {
        let (low, high) = self.marks.last_range();
        match low.units() {
            0 => 0,
            low => {
                let moved = i128::from(high.units() - low) * 1_000_000 / i128::from(low);
                i64::try_from(moved).unwrap_or(i64::MAX)
            }
        }
    }
}

impl Engine {
    /// What risk must know of the past of a symbol.
    #[inline]
    pub(super) fn conduct(&mut self, now: MonoNs, symbol: SymbolId) -> Conduct {
        let (messages_10m, fills_10m) = self.rate.ten_minutes(now);
        let (own_bid, own_ask) = self.own_prices(symbol);
        let conduct = &mut self.symbols[symbol.index()].conduct;
        let (mark_low, mark_high) = conduct.marks.range(now);
        let [buy, sell] = &mut conduct.alike;
        Conduct {
            own_bid,
            own_ask,
            alike: [buy.count(now), sell.count(now)],
            messages_10m,
            fills_10m,
            peak_equity: self.peak_equity.unwrap_or(Notional::ZERO),
            mark_low,
            mark_high,
        }
    }

    /// The best prices of our own working orders of a symbol, whoever of us placed them.
    #[inline]
    fn own_prices(&self, symbol: SymbolId) -> (Price, Price) {
        let (mut bid, mut ask) = (Price::ZERO, Price::ZERO);
        if self.orders.working(symbol).count == 0 {
            return (bid, ask);
        }
        for (_, order) in self.orders.live().filter(|(_, order)| order.symbol == symbol) {
            match order.side {
                Side::Buy => bid = bid.max(order.price),
                Side::Sell if ask.is_zero() => ask = order.price,
                Side::Sell if !order.price.is_zero() => ask = ask.min(order.price),
                Side::Sell => {}
            }
        }
        (bid, ask)
    }

    /// An order leaves.
    #[inline]
    pub(super) fn note_order(&mut self, now: MonoNs, order: &NewOrder) {
        if !order.reduce_only {
            let conduct = &mut self.symbols[order.symbol.index()].conduct;
            conduct.alike[order.side as usize].add(now);
        }
    }

    /// A strategy that repeats itself is stopped until a person resumes.
    pub(super) fn heed_reject(&mut self, symbol: SymbolId, reject: Reject) {
        self.refused[reject] += 1;
        if reject == Reject::RepeatedOrders {
            self.symbols[symbol.index()].conduct.is_throttled = true;
            self.halted = self.halted.or(Some(StateReason::RepeatedOrders));
        }
    }

    /// Follows the highest equity, and finds the fall from it that stops all but reducing.
    pub(super) fn watch_drawdown(&mut self, equity: Notional) {
        let peak = self.peak_equity.map_or(equity, |peak| peak.max(equity));
        self.peak_equity = Some(peak);
        if is_drawn_down(peak, equity, self.config.limits.drawdown_ppm_max) {
            self.causes.raise(StateReason::Drawdown);
        }
    }

    /// A person lets it go on: the highest equity is that of now.
    pub(super) fn forget_conduct(&mut self) {
        self.causes.lower(StateReason::Drawdown);
        self.peak_equity = None;
        for s in &mut self.symbols {
            s.conduct.is_throttled = false;
            s.conduct.alike.iter_mut().for_each(Window::clear);
        }
    }
}
