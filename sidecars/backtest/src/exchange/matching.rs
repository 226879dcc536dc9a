//! Matching: the tape against resting orders, takers against the book.

use schema::{BookTicker, Price, Qty, Side, SymbolId};

use super::queue::{self, Place};
use super::state::wall;
use super::{AccountId, Exchange};
use crate::algo::WorkingType;
use crate::book::is_better;
use crate::event::{VenueEvent, expiry};
use crate::market::{DepthUpdate, MarketTrade, MarketUpdate, TradeKind};
use crate::order::StpMode;

impl Exchange {
    pub(super) fn apply_market(&mut self, symbol: SymbolId, update: &MarketUpdate) {
        match update {
            MarketUpdate::BookTicker(ticker) => self.apply_ticker(symbol, ticker),
            MarketUpdate::Depth(depth) => self.apply_depth(symbol, depth),
            MarketUpdate::Trade(trade) => self.apply_trade(symbol, trade),
            MarketUpdate::Mark(mark) => self.apply_recorded_mark(symbol, mark),
        }
    }

    /// Venue times of an event recorded with `event` and `transaction` times: pushed now, made as
    /// much earlier as it was recorded.
    fn venue_times(&self, event: schema::WallNs, transaction: schema::WallNs) -> [i64; 2] {
        let delay_ms =
            if transaction.0 == 0 { 0 } else { (event.ms() - transaction.ms()).clamp(0, 1_000) };
        [self.now_ms, self.now_ms - delay_ms]
    }

    fn apply_ticker(&mut self, symbol: SymbolId, ticker: &BookTicker) {
        let [event, transaction] =
            self.venue_times(ticker.event_time, ticker.transaction_time).map(wall);
        let out = BookTicker { event_time: event, transaction_time: transaction, ..*ticker };
        if !self.markets[symbol.index()].book.apply_ticker(&out) {
            return;
        }
        self.events.push(VenueEvent::Market(MarketUpdate::BookTicker(out)));
        self.after_book(symbol);
    }

    fn apply_depth(&mut self, symbol: SymbolId, depth: &DepthUpdate) {
        let mut stamped = depth.clone();
        [stamped.head.event_time, stamped.head.transaction_time] =
            self.venue_times(depth.head.event_time, depth.head.transaction_time).map(wall);
        let out = self.markets[symbol.index()].book.apply_depth(&stamped);
        if let Some(out) = out {
            self.events.push(VenueEvent::Market(MarketUpdate::Depth(out)));
        }
        self.after_book(symbol);
    }

    /// After the book changed: mark, places in the queues, orders the tape has reached.
    fn after_book(&mut self, symbol: SymbolId) {
        self.follow_mid(symbol);
        let market = &mut self.markets[symbol.index()];
        for resting in &mut market.resting {
            let displayed = market.book.visible_qty(resting.side, resting.price);
            resting.ahead = resting.ahead.min(displayed);
        }
        for side in [Side::Buy, Side::Sell] {
            self.match_crossed(symbol, side);
        }
    }

    /// Fills resting orders of `side` that the tape's other side has reached, best first, at their
    /// own price.
    fn match_crossed(&mut self, symbol: SymbolId, side: Side) {
        loop {
            let market = &self.markets[symbol.index()];
            let Some(best) = best_resting(&market.resting, side) else { return };
            let reached = market.best_available(side.opposite());
            let Some((price, available)) =
                reached.filter(|(price, _)| !is_better(side, *price, best.price))
            else {
                return;
            };
            let qty = available.min(self.fillable(best.order_id));
            if qty > Qty::ZERO {
                let market = &mut self.markets[symbol.index()];
                market.taken.add(&market.book, side.opposite(), price, qty);
                let trade_id = market.take_trade_id();
                self.fill(best.order_id, best.price, qty, true, trade_id);
            }
            self.settle_reduce_only(best.account, symbol);
        }
    }

    fn apply_trade(&mut self, symbol: SymbolId, trade: &MarketTrade) {
        let [event, made] = self.venue_times(trade.trade.event_time, trade.trade.trade_time);
        let last_trade_ms = &mut self.markets[symbol.index()].last_trade_ms;
        *last_trade_ms = made.max(*last_trade_ms);
        let [event, made] = [event, *last_trade_ms].map(wall);
        let mut out = *trade;
        (out.trade.event_time, out.trade.trade_time) = (event, made);
        self.events.push(VenueEvent::Market(MarketUpdate::Trade(out)));
        if trade.kind == TradeKind::Market {
            let maker_side = if trade.trade.buyer_is_maker { Side::Buy } else { Side::Sell };
            self.markets[symbol.index()].last_price = trade.trade.price;
            self.match_trade(symbol, maker_side, trade.trade.price, trade.trade.qty);
            self.price_moved(symbol, WorkingType::ContractPrice, trade.trade.price);
        }
    }

    /// A trade of the tape whose maker was on `side`: first what stands better than its price, then
    /// the queue at its price; never more than its quantity.
    fn match_trade(&mut self, symbol: SymbolId, side: Side, price: Price, volume: Qty) {
        let mut left = volume;
        while left > Qty::ZERO {
            let resting = &self.markets[symbol.index()].resting;
            let better = best_resting(resting, side).filter(|r| is_better(side, r.price, price));
            let Some(better) = better else { break };
            let qty = left.min(self.fillable(better.order_id));
            if qty > Qty::ZERO {
                let trade_id = self.markets[symbol.index()].take_trade_id();
                self.fill(better.order_id, better.price, qty, true, trade_id);
                left = Qty::from_units(left.units() - qty.units());
            }
            self.settle_reduce_only(better.account, symbol);
        }
        let at_price = |r: &super::state::Resting| r.side == side && r.price == price;
        let resting = &self.markets[symbol.index()].resting;
        let orders: Vec<_> = resting.iter().copied().filter(at_price).collect();
        let mut places: Vec<_> = orders
            .iter()
            .map(|r| Place { ahead: r.ahead, leaves: self.leaves(r.order_id), fill: Qty::ZERO })
            .collect();
        queue::trade(left, &mut places);
        let market = &mut self.markets[symbol.index()];
        for (resting, place) in market.resting.iter_mut().filter(|r| at_price(r)).zip(&places) {
            resting.ahead = place.ahead;
        }
        for (resting, place) in orders.iter().zip(&places) {
            let qty = place.fill.min(self.fillable(resting.order_id));
            if qty > Qty::ZERO {
                let trade_id = self.markets[symbol.index()].take_trade_id();
                self.fill(resting.order_id, price, qty, true, trade_id);
                self.settle_reduce_only(resting.account, symbol);
            }
        }
    }

    /// Walks the book for a new or amended order as far as `bound`.
    pub(super) fn take(&mut self, order_id: i64, bound: Price) {
        let Some(order) = self.orders.get(&order_id) else { return };
        let (symbol, side, account) = (order.view.symbol, order.view.side, order.account);
        let opposite = side.opposite();
        while self.fillable(order_id) > Qty::ZERO {
            let market = &self.markets[symbol.index()];
            let tape = market.best_available(opposite).map(|(price, _)| price);
            let client = best_resting(&market.resting, opposite).map(|resting| resting.price);
            let best = match (tape, client) {
                (Some(a), Some(b)) => Some(if is_better(opposite, a, b) { a } else { b }),
                (a, b) => a.or(b),
            };
            // Beyond the bound, seen from the taker's side, is a better price for its own side.
            let Some(price) = best.filter(|price| !is_better(side, *price, bound)) else { return };
            self.take_level(order_id, account, symbol, opposite, price);
        }
    }

    /// One level: the tape's quantity and clients' orders in their places.
    fn take_level(
        &mut self,
        order_id: i64,
        account: AccountId,
        symbol: SymbolId,
        side: Side,
        price: Price,
    ) {
        let resting: Vec<_> = self.markets[symbol.index()]
            .resting
            .iter()
            .copied()
            .filter(|r| r.side == side && r.price == price)
            .collect();
        let mut passed = Qty::ZERO;
        for maker in resting {
            let before = Qty::from_units((maker.ahead.units() - passed.units()).max(0));
            let took = self.take_tape(order_id, symbol, side, price, before);
            passed = Qty::from_units(passed.units() + took.units());
            if self.fillable(order_id) == Qty::ZERO {
                return;
            }
            if maker.account == account && self.prevent_self_trade(order_id, maker.order_id) {
                continue;
            }
            let qty = self.fillable(order_id).min(self.fillable(maker.order_id));
            if qty > Qty::ZERO {
                let trade_id = self.markets[symbol.index()].take_trade_id();
                self.fill(maker.order_id, price, qty, true, trade_id);
                self.fill(order_id, price, qty, false, trade_id);
            }
            self.settle_reduce_only(maker.account, symbol);
        }
        self.take_tape(order_id, symbol, side, price, Qty::MAX);
    }

    /// Takes at most `limit` of the tape's quantity at a level.
    fn take_tape(
        &mut self,
        order_id: i64,
        symbol: SymbolId,
        side: Side,
        price: Price,
        limit: Qty,
    ) -> Qty {
        let fillable = self.fillable(order_id);
        let market = &mut self.markets[symbol.index()];
        let qty = market.available(side, price).min(limit).min(fillable);
        if qty > Qty::ZERO {
            market.taken.add(&market.book, side, price, qty);
            let trade_id = market.take_trade_id();
            self.fill(order_id, price, qty, false, trade_id);
        }
        qty
    }

    /// Applies the taker's self-trade prevention; `false` if the two may trade.
    fn prevent_self_trade(&mut self, taker_id: i64, maker_id: i64) -> bool {
        use schema::TimeInForce::{Gtc, Gtd, Ioc};
        let Some(taker) = self.orders.get(&taker_id) else { return false };
        // Only effective for GTC, IOC and GTD (PROTOCOL 3.4).
        let is_effective = matches!(taker.view.time_in_force, Gtc | Ioc | Gtd);
        let mode = if is_effective { taker.view.stp } else { StpMode::None };
        let taker_reason =
            if taker.view.time_in_force == Ioc { expiry::IOC_STP } else { expiry::STP };
        if mode == StpMode::None {
            return false;
        }
        if matches!(mode, StpMode::ExpireMaker | StpMode::ExpireBoth) {
            self.expire(maker_id, schema::OrderStatus::ExpiredInMatch, expiry::STP);
        }
        if matches!(mode, StpMode::ExpireTaker | StpMode::ExpireBoth) {
            self.expire(taker_id, schema::OrderStatus::ExpiredInMatch, taker_reason);
        }
        true
    }

    /// Whether a limit order would trade at once.
    pub(super) fn would_take(&self, symbol: SymbolId, side: Side, price: Price) -> bool {
        let Some(market) = self.markets.get(symbol.index()) else { return false };
        let opposite = side.opposite();
        let tape = market.book.best(opposite).map(|level| level.price);
        let client = best_resting(&market.resting, opposite).map(|resting| resting.price);
        [tape, client].into_iter().flatten().any(|best| !is_better(side, best, price))
    }
    /// What an order could take at once down to its limit, its own account's orders excepted.
    pub(super) fn takeable(
        &self,
        account: AccountId,
        symbol: SymbolId,
        side: Side,
        limit: Price,
    ) -> Qty {
        let Some(market) = self.markets.get(symbol.index()) else { return Qty::ZERO };
        let opposite = side.opposite();
        let within = |price: Price| !is_better(side, price, limit);
        let tape = market.book.visible(opposite).take_while(|level| within(level.price));
        let tape: i128 =
            tape.map(|l| i128::from(market.available(opposite, l.price).units())).sum();
        let clients = market.resting.iter().filter(|r| r.side == opposite && within(r.price));
        let clients = clients.filter(|r| r.account != account);
        let clients: i128 = clients.map(|r| i128::from(self.fillable(r.order_id).units())).sum();
        Qty::from_units(i64::try_from(tape + clients).unwrap_or(i64::MAX))
    }
}

/// The client order that trades first on a side: best price, then earliest.
fn best_resting(resting: &[super::state::Resting], side: Side) -> Option<super::state::Resting> {
    let mut best: Option<super::state::Resting> = None;
    for candidate in resting.iter().filter(|resting| resting.side == side) {
        if best.is_none_or(|best| is_better(side, candidate.price, best.price)) {
            best = Some(*candidate);
        }
    }
    best
}
