//! Market inputs and the strategy's turn.

use schema::{
    BookTicker, Counter, DepthBuf, DepthHead, Event, Mark, SymbolId, Trade, TradingState,
};

use super::Engine;
use crate::book::{Applied, Sync};
use crate::input::Now;
use crate::outbox::Outbox;
use crate::strategy::{Cause, Intent, View};

impl Engine {
    #[inline]
    pub(super) fn on_ticker(&mut self, now: Now, ticker: &BookTicker) -> Option<(SymbolId, Cause)> {
        self.counts.ticks += 1;
        let s = self.symbols.get_mut(ticker.symbol.index())?;
        let applied = s.book.apply_ticker(now.mono, ticker);
        self.after_book(now, ticker.symbol, applied, Cause::Ticker)
    }

    pub(super) fn on_depth(
        &mut self,
        now: Now,
        head: &DepthHead,
        depth: &DepthBuf,
    ) -> Option<(SymbolId, Cause)> {
        self.counts.ticks += 1;
        let s = self.symbols.get_mut(head.symbol.index())?;
        let was_gapped = s.book.gaps() > 0 && s.book.sync() == Sync::Empty;
        let applied = s.book.apply_depth(now.mono, head, depth);
        let is_back = was_gapped && matches!(s.book.sync(), Sync::Bridging | Sync::Diff);
        if applied == Applied::Gap {
            self.count(Counter::BookGap);
        } else if is_back {
            self.count(Counter::BookResync);
        }
        self.after_book(now, head.symbol, applied, Cause::Market)
    }

    #[inline]
    fn after_book(
        &mut self,
        now: Now,
        symbol: SymbolId,
        applied: Applied,
        cause: Cause,
    ) -> Option<(SymbolId, Cause)> {
        let s = &mut self.symbols[symbol.index()];
        s.is_stale = false;
        if applied != Applied::Top {
            return None;
        }
        s.is_crossed = s.book.top().is_crossed();
        s.signal.on_top(now.mono, s.book.top());
        Some((symbol, cause))
    }

    pub(super) fn on_trade(
        &mut self,
        now: Now,
        trade: &Trade,
        out: &mut Outbox,
    ) -> Option<(SymbolId, Cause)> {
        self.counts.ticks += 1;
        let s = self.symbols.get_mut(trade.symbol.index())?;
        if trade.price.units() <= 0 || trade.qty.units() <= 0 {
            return None;
        }
        s.signal.on_trade(now.mono, trade);
        if let Some(bar) = s.bars.on_trade(trade, s.funding_rate_e8) {
            out.record(&Event::Bar(bar));
        }
        Some((trade.symbol, Cause::Market))
    }

    pub(super) fn on_mark(&mut self, now: Now, mark: &Mark) {
        self.counts.ticks += 1;
        if let Some(s) = self.symbols.get_mut(mark.symbol.index()) {
            if mark.mark_price.units() > 0 {
                s.mark_price = mark.mark_price;
                s.mark_at = now.mono;
            }
            s.funding_rate_e8 = mark.funding_rate_e8;
        }
    }

    /// Finds feeds that fell silent.
    pub(super) fn watch_feeds(&mut self, now: Now) {
        for s in &mut self.symbols {
            let age_ns = s.book.age_ns(now.mono);
            s.is_stale = !s.book.is_seen() || age_ns > self.config.timing.feed_age_ns_max;
        }
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
        if now.mono < s.muted_until || !top.is_two_sided() || s.is_crossed || !self.can_send(out) {
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
            working: self.orders.working(symbol),
            resting: self.resting(symbol).map(|handle| self.orders.get(handle)),
            may_open: self.state == TradingState::Armed,
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
