//! Market inputs and the strategy's turn.

use schema::{
    BookTicker, Counter, DepthBuf, DepthHead, DepthKind, Event, Mark, SymbolId, Trade, TradingState,
};

use super::Engine;
use crate::book::Applied;
use crate::input::Now;
use crate::outbox::Outbox;
use crate::risk::SymbolRules;
use crate::strategy::{Cause, Intent, View};

impl Engine {
    #[inline]
    pub(super) fn on_ticker(
        &mut self,
        now: Now,
        ticker: &BookTicker,
        out: &mut Outbox,
    ) -> Option<(SymbolId, Cause)> {
        self.counts.ticks += 1;
        if ticker.symbol.index() >= self.symbols.len() || !self.admit_ticker(now, ticker, out) {
            return None;
        }
        let s = &mut self.symbols[ticker.symbol.index()];
        let applied = s.book.apply_ticker(now.mono, ticker);
        s.heard_at = Some(now.mono);
        s.is_stale = false;
        self.after_book(now, ticker.symbol, applied, Cause::Ticker, out)
    }

    pub(super) fn on_depth(
        &mut self,
        now: Now,
        head: &DepthHead,
        depth: &DepthBuf,
        out: &mut Outbox,
    ) -> Option<(SymbolId, Cause)> {
        self.counts.ticks += 1;
        // While a market link is down, what looks like a stream may have been asked for by REST.
        let is_streamed = head.kind != DepthKind::Snapshot && self.is_market_up();
        let s = self.symbols.get_mut(head.symbol.index())?;
        if is_streamed {
            s.heard_at = Some(now.mono);
            s.is_stale = false;
        }
        let was_wanted = s.book.wants_snapshot();
        let applied = s.book.apply_depth(now.mono, head, depth);
        let is_wanted = s.book.wants_snapshot();
        if is_wanted != was_wanted {
            s.unsynced_at = is_wanted.then_some(now.mono);
        }
        if applied == Applied::Gap && head.kind == DepthKind::Diff {
            self.count(Counter::BookGap);
        }
        if was_wanted && !is_wanted {
            self.count(Counter::BookResync);
        }
        self.after_book(now, head.symbol, applied, Cause::Market, out)
    }

    #[inline]
    fn after_book(
        &mut self,
        now: Now,
        symbol: SymbolId,
        applied: Applied,
        cause: Cause,
        out: &mut Outbox,
    ) -> Option<(SymbolId, Cause)> {
        let s = &mut self.symbols[symbol.index()];
        if applied != Applied::Top {
            return None;
        }
        s.is_crossed = s.book.top().is_crossed();
        s.signal.on_top(now.mono, s.book.top());
        self.look_at_top(now, symbol, out);
        Some((symbol, cause))
    }

    pub(super) fn on_trade(
        &mut self,
        now: Now,
        trade: &Trade,
        out: &mut Outbox,
    ) -> Option<(SymbolId, Cause)> {
        self.counts.ticks += 1;
        let index = trade.symbol.index();
        let is_known = index < self.symbols.len();
        if !is_known || trade.qty.units() <= 0 || !self.admit_trade(index, trade.price) {
            return None;
        }
        let s = &mut self.symbols[index];
        s.signal.on_trade(now.mono, trade);
        if let Some(bar) = s.bars.on_trade(trade, s.funding_rate_e8) {
            out.record(&Event::Bar(bar));
        }
        Some((trade.symbol, Cause::Market))
    }

    pub(super) fn on_mark(&mut self, now: Now, mark: &Mark, out: &mut Outbox) {
        self.counts.ticks += 1;
        if mark.symbol.index() >= self.symbols.len()
            || !self.admit_mark(now, mark.symbol, mark.mark_price, out)
        {
            return;
        }
        let s = &mut self.symbols[mark.symbol.index()];
        let is_moved = s.mark_price != mark.mark_price;
        s.mark_price = mark.mark_price;
        s.mark_at = now.mono;
        s.conduct.on_mark(now.mono, mark.mark_price);
        s.funding_rate_e8 = mark.funding_rate_e8;
        if is_moved {
            self.move_bounds(now, mark.symbol, out);
        }
    }

    /// The venue's filters or the status of a symbol changed: no order outside of the new ones.
    pub(super) fn on_rules(&mut self, symbol: SymbolId, rules: &SymbolRules) {
        let Some(config) = self.config.symbols.get_mut(symbol.index()) else { return };
        if config.rules == *rules {
            return;
        }
        if rules.is_usable() {
            config.rules = *rules;
        } else {
            config.rules.is_trading = false;
        }
        let rules = config.rules;
        self.count(Counter::RulesChanged);
        let s = &mut self.symbols[symbol.index()];
        let is_fresh = s.mark_price.units() > 0;
        let mark = is_fresh.then_some(s.mark_price);
        s.belief.bound(&rules, mark, self.config.safety.divergence_ppm_max);
        // What rests was decided under other rules.
        self.want_cancels(symbol, |order| !order.is_external && !order.reduce_only);
    }

    /// Finds feeds that fell silent, each for itself: only where nothing is heard at all do the
    /// others not go on.
    pub(super) fn watch_feeds(&mut self, now: Now) {
        for index in 0..self.symbols.len() {
            let s = &mut self.symbols[index];
            let limit_ns = self.config.timing.feed_age_ns_max;
            let was_stale = s.is_stale;
            s.is_stale = s.heard_at.is_none_or(|at| now.mono.since(at) > limit_ns);
            if s.is_stale && !was_stale {
                self.count(Counter::StaleSymbol);
                let symbol = SymbolId(index as u16);
                self.want_cancels(symbol, |order| !order.is_external && !order.reduce_only);
            }
        }
        self.watch_marks(now);
    }

    /// Asks the strategy about one symbol, or about all.
    #[inline]
    pub(super) fn ask(&mut self, now: Now, symbol: SymbolId, cause: Cause, out: &mut Outbox) {
        let may_act = matches!(self.state, TradingState::Armed | TradingState::Reducing)
            && self.flattening.is_none()
            && !self.is_stopping;
        if !may_act {
            return;
        }
        if symbol == SymbolId::NONE {
            for index in 0..self.symbols.len() {
                self.ask_one(now, index, cause, out);
            }
        } else if symbol.index() < self.symbols.len() {
            self.ask_one(now, symbol.index(), cause, out);
        }
    }

    #[inline]
    fn ask_one(&mut self, now: Now, index: usize, cause: Cause, out: &mut Outbox) {
        let s = &self.symbols[index];
        let top = s.book.top();
        if now.mono < s.muted_until || !top.is_two_sided() || s.is_crossed || !self.can_stream(out)
        {
            return;
        }
        let symbol = SymbolId(index as u16);
        let rules = &self.config.symbols[index];
        let intent = self.strategy.turn(&View {
            now: now.mono,
            symbol,
            cause,
            rules: &rules.rules,
            qty_max: rules.limits.qty_max,
            top,
            features: s.signal.features(),
            entry_threshold_e8: self.params.entry_threshold,
            position: &s.position,
            working: super::planted_working::working_planted(&self.orders, symbol),
            resting: self.resting(symbol).map(|handle| self.orders.get(handle)),
            may_open: self.state == TradingState::Armed
                && !s.belief.is_on
                && !s.is_stale
                && !s.book.wants_snapshot()
                && now.mono >= s.closed_until
                && now.mono >= self.orders_banned_until,
        });
        match intent {
            Some(intent @ Intent::Place { .. }) => {
                self.place(now, symbol, self.config.strategy.id(), &intent, out);
            }
            Some(Intent::Move(price)) => self.move_resting(now, symbol, price, out),
            Some(Intent::CancelAll) => {
                self.want_cancels(symbol, |order| !order.is_external);
                self.pump_cancels(now, out);
            }
            None => {}
        }
    }
}
