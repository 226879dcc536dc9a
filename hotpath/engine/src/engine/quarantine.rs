//! Symbols whose market cannot be: set aside until it has been good for a while.
//!
//! Every value of the market is looked at before it is used. What cannot be (nothing, outside the
//! venue's own range, bid at or above ask) is not taken at all; what may be true but is far from
//! the mark is taken. Either way the symbol is set aside: risk refuses orders that add risk on it,
//! resting ones are cancelled, and the other symbols go on.

use schema::{BookTicker, Counter, Event, MonoNs, Price, Quarantine, QuarantineReason, SymbolId};

use super::{Engine, Symbol};
use crate::input::Now;
use crate::outbox::Outbox;
use crate::risk::SymbolRules;

/// How well a symbol's market is to be believed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Belief {
    /// Prices are believed from here.
    low: Price,
    /// To here.
    high: Price,
    /// Whether the bounds are around the mark: narrower than the venue's range.
    is_near: bool,
    /// Whether the symbol is set aside.
    pub(super) is_on: bool,
    /// Not taken back before.
    until: MonoNs,
    /// Good updates since the last bad one.
    good: u32,
}

impl Belief {
    pub(super) const fn new(rules: &SymbolRules) -> Self {
        Self {
            low: rules.price_min,
            high: rules.price_max,
            is_near: false,
            is_on: false,
            until: MonoNs(0),
            good: 0,
        }
    }

    /// Narrows the bounds around a mark, or widens them to the venue's range.
    pub(super) fn bound(&mut self, rules: &SymbolRules, mark: Option<Price>, ppm: i64) {
        let (low, high) = match mark {
            Some(mark) => (around(mark, -ppm), around(mark, ppm)),
            None => (rules.price_min, rules.price_max),
        };
        self.low = low.max(rules.price_min);
        self.high = high.min(rules.price_max);
        self.is_near = mark.is_some();
    }
}

/// A price moved by some ppm; saturates.
fn around(price: Price, ppm: i64) -> Price {
    let moved = i128::from(price.units()) * i128::from(1_000_000 + ppm) / 1_000_000;
    Price::from_units(i64::try_from(moved).unwrap_or(i64::MAX))
}

/// Whether two prices are further apart than `ppm` of the second.
fn is_apart(price: Price, from: Price, ppm: i64) -> bool {
    price < around(from, -ppm) || price > around(from, ppm)
}

/// What is wrong with a value, and what it was measured against.
type Fault = (QuarantineReason, Price, Price);

impl Engine {
    /// What is wrong with a best bid and ask. The first line is the hot path's.
    #[inline]
    pub(super) fn fault_of(&self, index: usize, bid: Price, ask: Price) -> Option<Fault> {
        let belief = &self.symbols[index].belief;
        if bid >= belief.low && ask <= belief.high && bid < ask {
            return None;
        }
        self.name_fault(index, bid, ask)
    }

    #[cold]
    fn name_fault(&self, index: usize, bid: Price, ask: Price) -> Option<Fault> {
        let rules = &self.config.symbols[index].rules;
        let outer = if bid < rules.price_min { bid } else { ask };
        let mark = self.symbols[index].mark_price;
        Some(if bid.units() <= 0 || ask.units() <= 0 {
            (QuarantineReason::NotPositive, bid.min(ask), Price::ZERO)
        } else if bid < rules.price_min || ask > rules.price_max {
            (QuarantineReason::PriceRange, outer, rules.price_max)
        } else if bid >= ask {
            (QuarantineReason::Crossed, bid, ask)
        } else {
            (QuarantineReason::Diverged, bid, mark)
        })
    }

    /// Looks at a ticker; `false` if it is not to be taken.
    #[inline]
    pub(super) fn admit_ticker(&mut self, now: Now, t: &BookTicker, out: &mut Outbox) -> bool {
        let index = t.symbol.index();
        match self.fault_of(index, t.bid_price, t.ask_price) {
            None => true,
            Some(fault) => {
                self.set_aside(now, t.symbol, fault, out);
                fault.0 == QuarantineReason::Diverged
            }
        }
    }

    /// Looks at the best prices after the book took something; counts a good update.
    #[inline]
    pub(super) fn look_at_top(&mut self, now: Now, symbol: SymbolId, out: &mut Outbox) {
        let index = symbol.index();
        let top = *self.symbols[index].book.top();
        if !top.is_two_sided() {
            return;
        }
        match self.fault_of(index, top.bid.price, top.ask.price) {
            Some(fault) => self.set_aside(now, symbol, fault, out),
            None if self.symbols[index].belief.is_on => self.take_back(now, symbol, out),
            None => {}
        }
    }

    /// Looks at a public trade; `false` if it is not to be taken.
    #[inline]
    pub(super) fn admit_trade(&mut self, index: usize, price: Price) -> bool {
        let belief = &self.symbols[index].belief;
        price >= belief.low && price <= belief.high
    }

    /// Looks at a mark price; `false` if it is not to be taken.
    pub(super) fn admit_mark(
        &mut self,
        now: Now,
        symbol: SymbolId,
        mark: Price,
        out: &mut Outbox,
    ) -> bool {
        let (safety, limits) = (&self.config.safety, &self.config.limits);
        let rules = &self.config.symbols[symbol.index()].rules;
        let s = &self.symbols[symbol.index()];
        let is_fresh =
            s.mark_price.units() > 0 && now.mono.since(s.mark_at) <= limits.mark_age_ns_max;
        let fault = if mark.units() <= 0 {
            (QuarantineReason::NotPositive, mark, Price::ZERO)
        } else if mark < rules.price_min || mark > rules.price_max {
            (QuarantineReason::PriceRange, mark, rules.price_max)
        } else if is_fresh && is_apart(mark, s.mark_price, safety.jump_ppm_max) {
            (QuarantineReason::Jump, mark, s.mark_price)
        } else {
            return true;
        };
        self.set_aside(now, symbol, fault, out);
        false
    }

    /// The mark moved: the bounds move with it, and the book is measured against it.
    pub(super) fn move_bounds(&mut self, now: Now, symbol: SymbolId, out: &mut Outbox) {
        let index = symbol.index();
        let rules = self.config.symbols[index].rules;
        let s = &mut self.symbols[index];
        s.belief.bound(&rules, Some(s.mark_price), self.config.safety.divergence_ppm_max);
        let (top, age_ns) = (*s.book.top(), s.book.age_ns(now.mono));
        if !top.is_two_sided() || age_ns > self.config.limits.book_age_ns_max {
            return;
        }
        if let Some(fault) = self.fault_of(index, top.bid.price, top.ask.price) {
            self.set_aside(now, symbol, fault, out);
        }
    }

    /// A mark that is too old bounds nothing.
    pub(super) fn watch_marks(&mut self, now: Now) {
        for (s, symbol) in self.symbols.iter_mut().zip(&self.config.symbols) {
            let age_ns = now.mono.since(s.mark_at);
            if s.belief.is_near && age_ns > self.config.limits.mark_age_ns_max {
                s.belief.bound(&symbol.rules, None, 0);
            }
        }
    }

    /// Two connections bring different books.
    pub(super) fn on_feed_diverged(&mut self, now: Now, symbol: SymbolId, out: &mut Outbox) {
        if let Some(s) = self.symbols.get(symbol.index()) {
            let (bid, ask) = (s.book.top().bid.price, s.book.top().ask.price);
            self.set_aside(now, symbol, (QuarantineReason::FeedsDiffer, bid, ask), out);
        }
    }

    #[cold]
    fn set_aside(&mut self, now: Now, symbol: SymbolId, fault: Fault, out: &mut Outbox) {
        let (why, price, reference) = fault;
        let quarantine_ns = self.config.safety.quarantine_ns;
        let s: &mut Symbol = &mut self.symbols[symbol.index()];
        s.belief.good = 0;
        s.belief.until = now.mono.plus_ns(quarantine_ns);
        if s.belief.is_on {
            return;
        }
        s.belief.is_on = true;
        self.count(Counter::Quarantined);
        out.record(&Event::Quarantine(Quarantine { symbol, is_on: true, why, price, reference }));
        self.want_cancels(symbol, |order| !order.is_external && !order.reduce_only);
    }

    #[cold]
    fn take_back(&mut self, now: Now, symbol: SymbolId, out: &mut Outbox) {
        let updates = self.config.safety.quarantine_updates;
        let s = &mut self.symbols[symbol.index()];
        s.belief.good = s.belief.good.saturating_add(1);
        if s.belief.good < updates || now.mono < s.belief.until {
            return;
        }
        s.belief.is_on = false;
        let price = s.book.top().bid.price;
        self.count(Counter::Released);
        out.record(&Event::Quarantine(Quarantine {
            symbol,
            is_on: false,
            why: QuarantineReason::Released,
            price,
            reference: self.symbols[symbol.index()].mark_price,
        }));
    }
}
