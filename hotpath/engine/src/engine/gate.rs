//! What goes out: orders through risk, cancels, questions.

use schema::{
    Counter, Decision, Event, Link, MonoNs, NewOrder, OrderType, Price, Qty, Reject, RequestId,
    RequestKind, Side, StateReason, StrategyId, SymbolId, TimeInForce, TradingState,
};

use super::Engine;
use super::answers::CLOCK_WAIT_NS;
use super::outcome::Refusal;
use crate::input::Now;
use crate::orders::{Cancel, Handle, Order, Orders, Resend};
use crate::outbox::{Action, Outbox};
use crate::risk;
use crate::strategy::Intent;

/// Share of the price collar a flattening order reaches through the book: half, so that a collar
/// around a mark that differs from the mid still holds.
const FLATTEN_REACH_DIVISOR: i64 = 2;
/// Doublings of the pause between two questions about one order.
const QUERY_BACKOFF_MAX: u16 = 4;

impl Engine {
    /// Whether a message can go out now, if need be by REST.
    #[inline]
    pub(super) fn can_send(&self, out: &Outbox) -> bool {
        (self.links[Link::Order as usize] || self.has_last_way) && out.has_room()
    }

    /// Whether a message can go out on an order connection now.
    #[inline]
    pub(super) fn can_stream(&self, out: &Outbox) -> bool {
        self.links[Link::Order as usize] && out.has_room()
    }

    /// Finds out whether REST is the only way left.
    pub(super) fn watch_last_way(&mut self, now: Now) {
        let wait_ns = self.config.safety.last_way_ns;
        let is_long = |at: MonoNs| now.mono.since(at) >= wait_ns;
        self.has_last_way = wait_ns > 0 && self.order_link_lost_at.is_some_and(is_long);
    }

    /// Sends a strategy's order if risk agrees, else records the refusal and pauses the strategy.
    pub(super) fn place(
        &mut self,
        now: Now,
        symbol: SymbolId,
        strategy: StrategyId,
        intent: &Intent,
        out: &mut Outbox,
    ) {
        let Intent::Place { side, time_in_force, price, qty, reduce_only } = *intent else {
            return;
        };
        let id = self.orders.next_id(strategy);
        let order = NewOrder {
            symbol,
            client_order_id: id.unwrap_or_default(),
            side,
            order_type: OrderType::Limit,
            time_in_force,
            price,
            qty,
            reduce_only,
        };
        self.send_order(now, &order, out);
    }

    /// Runs a check of `risk` against what is known now.
    #[inline]
    pub(super) fn with_view<R>(
        &mut self,
        now: Now,
        symbol: SymbolId,
        has_room: bool,
        look: impl FnOnce(&risk::View<'_>, &Orders) -> R,
    ) -> R {
        let index = symbol.index();
        self.measure_exposure(now);
        let market = self.symbols[index].market(now.mono);
        let conduct = self.conduct(now.mono, symbol);
        let (messages_10s, messages_1m) = self.rate.counts(now.mono);
        let view = risk::View {
            now: now.mono,
            wall: self.venue_wall(now),
            state: self.state,
            symbol: &self.config.symbols[index],
            limits: &self.config.limits,
            market: &market,
            exposure: &self.measured,
            open_orders: self.orders.live_count() as u32,
            has_room,
            messages_10s,
            messages_1m,
            last_order: self.symbols[index].last_order.as_ref(),
            day_loss: self.day_loss(self.measured.equity),
            limited_until: self.orders_banned_until,
            closed_until: self.symbols[index].closed_until,
            conduct: &conduct,
        };
        look(&view, &self.orders)
    }

    /// What risk says of an order now; nothing is sent.
    ///
    /// # Errors
    /// The first limit it breaks.
    pub fn check(&mut self, now: Now, order: &NewOrder) -> Result<(), Reject> {
        if order.symbol.index() >= self.symbols.len() {
            return Err(Reject::SymbolStatus);
        }
        self.with_view(now, order.symbol, true, |view, _| risk::check(view, order).map(|_| ()))
    }

    fn send_order(&mut self, now: Now, order: &NewOrder, out: &mut Outbox) {
        let has_room = order.client_order_id != schema::ClientOrderId::NONE;
        let (verdict, market, worst) = self.with_view(now, order.symbol, has_room, |view, _| {
            let worst = view.exposure.of(order.symbol).worst_with(order.side, order.qty);
            (risk::check(view, order), *view.market, worst)
        });
        let approved = match verdict {
            Ok(approved) => approved,
            Err(reject) => return self.refuse(now, order, reject, out),
        };
        let handle = self.orders.submit(now.mono, order);
        let reference = self.orders.get(handle).reference();
        let request_id = self.requests.open(RequestKind::Place, handle, reference);
        self.rate.add(now.mono);
        self.note_order(now.mono, order);
        let decision = self.decision(order, request_id, &market, worst);
        let s = &mut self.symbols[order.symbol.index()];
        s.last_order = Some((*order, now.mono));
        s.orders += 1;
        self.counts.orders += 1;
        out.send(Action::Place(approved, request_id, decision));
        out.record(&Event::Decision(decision));
    }

    fn decision(
        &self,
        order: &NewOrder,
        request_id: RequestId,
        market: &risk::Market,
        worst: i128,
    ) -> Decision {
        let worst = i64::try_from(worst).unwrap_or(i64::MAX).saturating_mul(order.side.sign());
        Decision {
            order: *order,
            request_id,
            bid_price: market.bid_price,
            ask_price: market.ask_price,
            signal_e8: self.symbols[order.symbol.index()].signal.features().signal_e8(),
            worst_position: Qty::from_units(worst),
        }
    }

    /// The only resting order of a symbol, if a change of it makes sense.
    pub(super) fn resting(&self, symbol: SymbolId) -> Option<Handle> {
        if self.orders.working(symbol).count != 1 {
            return None;
        }
        let is_it = |order: &Order| order.symbol == symbol && !order.is_external;
        self.orders
            .live()
            .find(|(_, order)| is_it(order) && order.may_change())
            .map(|(handle, _)| handle)
    }

    /// Moves the resting order of a symbol if risk agrees.
    pub(super) fn move_resting(
        &mut self,
        now: Now,
        symbol: SymbolId,
        price: Price,
        out: &mut Outbox,
    ) {
        let Some(handle) = self.resting(symbol) else { return };
        let order = *self.orders.get(handle);
        let verdict = self.with_view(now, symbol, true, |view, orders| {
            risk::check_modify(view, orders.get(handle), price, order.qty)
        });
        let approved = match verdict {
            Ok(approved) => approved,
            Err(reject) => {
                return self.refuse(now, &order.with(price, order.qty), reject, out);
            }
        };
        let request_id = self.requests.open(RequestKind::Modify, handle, order.reference());
        self.rate.add(now.mono);
        self.orders.begin_change(now.mono, handle, order.qty);
        out.send(Action::Modify(approved, request_id));
        out.record(&Event::Modify(*approved.get(), request_id));
    }

    fn refuse(&mut self, now: Now, order: &NewOrder, reject: Reject, out: &mut Outbox) {
        self.counts.rejects += 1;
        self.heed_reject(order.symbol, reject);
        out.record(&Event::Refused(*order, reject));
        self.mute(now.mono, order.symbol, self.config.timing.refusal_pause_ns);
    }

    /// The strategy and the flattening leave the symbol alone for a while.
    pub(super) fn mute(&mut self, now: MonoNs, symbol: SymbolId, pause_ns: u64) {
        if let Some(s) = self.symbols.get_mut(symbol.index()) {
            s.muted_until = s.muted_until.max(now.plus_ns(pause_ns));
        }
    }

    /// Wants the cancel of live orders that `is_meant`.
    pub(super) fn want_cancels(&mut self, symbol: SymbolId, is_meant: impl Fn(&Order) -> bool) {
        for index in 0..self.orders.live_count() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = self.orders.get(handle);
            let is_in_scope = symbol == SymbolId::NONE || order.symbol == symbol;
            // An order that cannot rest ends by itself; a cancel would only race it.
            if is_in_scope && is_meant(order) && !order.is_immediate() && order.cancel == Cancel::No
            {
                self.orders.change(handle, |order| order.cancel = Cancel::Wanted);
                self.has_cancels_wanted = true;
            }
        }
    }

    /// Sends what must go out whatever the strategy thinks: cancels first.
    pub(super) fn pump(&mut self, now: Now, out: &mut Outbox) {
        if self.killed.is_some() {
            self.go_on_killing();
        }
        if self.has_cancels_wanted {
            self.pump_cancels(now, out);
        }
        if self.has_stops_to_do {
            self.pump_stops(now, out);
        }
        if self.orders.resend_count() > 0 {
            self.pump_resends(now, out);
        }
        if self.orders.unknown_count() > 0 {
            self.pump_questions(now, out);
        }
        if self.flattening.is_some() {
            self.pump_flatten(now, out);
        }
    }

    pub(super) fn pump_cancels(&mut self, now: Now, out: &mut Outbox) {
        if now.mono < self.banned_until {
            return;
        }
        let mut is_any_left = false;
        for index in 0..self.orders.live_count() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = self.orders.get(handle);
            if order.cancel != Cancel::Wanted {
                continue;
            }
            if now.mono < order.retry_at || order.resend != Resend::No {
                is_any_left = true;
                continue;
            }
            let (messages_10s, messages_1m) = self.rate.counts(now.mono);
            let limits = &self.config.limits;
            let verdict = risk::check_cancel(limits, messages_10s, messages_1m, order);
            let (Ok(approved), true) = (verdict, self.can_send(out)) else {
                is_any_left = true;
                break;
            };
            let reference = order.reference();
            let request_id = self.requests.open(RequestKind::Cancel, handle, reference);
            self.rate.add(now.mono);
            self.orders.change(handle, |order| {
                order.cancel = Cancel::Sent;
                order.asked_at = now.mono;
            });
            self.counts.cancels += 1;
            out.send(Action::Cancel(approved, request_id));
            out.record(&Event::Cancel(*approved.get(), request_id));
        }
        self.has_cancels_wanted = is_any_left;
    }

    /// Sends again, under the same id, what the venue certainly did not take.
    fn pump_resends(&mut self, now: Now, out: &mut Outbox) {
        for index in (0..self.orders.live_count()).rev() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = *self.orders.get(handle);
            if order.resend == Resend::No || now.mono < order.retry_at {
                continue;
            }
            let waits = order.resend == Resend::AfterClock && self.clock.is_doubted;
            if waits && now.mono.since(order.sent_at) < CLOCK_WAIT_NS {
                continue;
            }
            // Nobody wants it any more, or its time is over: it never was.
            if waits || order.cancel == Cancel::Wanted {
                self.reject(now, handle, Refusal::Expected, 0);
                continue;
            }
            if !self.can_send(out) {
                return;
            }
            self.send_again(now, handle, out);
        }
    }

    fn send_again(&mut self, now: Now, handle: Handle, out: &mut Outbox) {
        let order = *self.orders.get(handle);
        let (verdict, market, worst) = self.with_view(now, order.symbol, true, |view, orders| {
            let worst = view.exposure.of(order.symbol).worst(order.side);
            (risk::check_again(view, orders.get(handle)), *view.market, worst)
        });
        let approved = match verdict {
            Ok(approved) => approved,
            Err(reject) => {
                self.reject(now, handle, Refusal::Expected, 0);
                return self.refuse(now, &order.with(order.price, order.qty), reject, out);
            }
        };
        let request_id = self.requests.open(RequestKind::Place, handle, order.reference());
        self.rate.add(now.mono);
        self.orders.change(handle, |order| {
            order.resend = Resend::No;
            order.retries = order.retries.saturating_add(1);
            order.sent_at = now.mono;
        });
        self.count(Counter::OrderResent);
        let decision = self.decision(approved.get(), request_id, &market, worst);
        out.send(Action::Place(approved, request_id, decision));
        out.record(&Event::Decision(decision));
    }

    /// Asks about orders whose outcome is unknown, ever more slowly.
    fn pump_questions(&mut self, now: Now, out: &mut Outbox) {
        if now.mono < self.banned_until {
            return;
        }
        for index in 0..self.orders.live_count() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = self.orders.get(handle);
            let backoff = u32::from(order.queries.min(QUERY_BACKOFF_MAX));
            let pause_ns = self.config.timing.query_interval_ns << backoff;
            let is_due = order.queries == 0 || now.mono.since(order.asked_at) >= pause_ns;
            if !order.is_unknown || !is_due {
                continue;
            }
            let (messages_10s, messages_1m) = self.rate.counts(now.mono);
            let limits = &self.config.limits;
            let has_budget =
                messages_10s < limits.messages_10s_max && messages_1m < limits.messages_1m_max;
            if !has_budget || !self.can_send(out) {
                return;
            }
            self.ask_about(now, handle, out);
        }
    }

    fn ask_about(&mut self, now: Now, handle: Handle, out: &mut Outbox) {
        let reference = self.orders.get(handle).reference();
        let request_id = self.requests.open(RequestKind::Status, handle, reference);
        self.rate.add(now.mono);
        self.orders.change(handle, |order| {
            order.queries = order.queries.saturating_add(1);
            order.asked_at = now.mono;
        });
        out.send(Action::Status(reference, request_id));
    }

    /// Cancels everything in scope, both books, then closes what is held in slices that never turn
    /// it; it is over when account truth, asked for after all that, shows nothing left.
    fn pump_flatten(&mut self, now: Now, out: &mut Outbox) {
        let Some(scope) = self.flattening else { return };
        let mut is_done = true;
        for index in 0..self.symbols.len() {
            let symbol = SymbolId(index as u16);
            if scope != SymbolId::NONE && scope != symbol {
                continue;
            }
            let is_flat = self.symbols[index].position.is_flat();
            let is_working = self.orders.working(symbol).count > 0;
            let has_algos = self.algos.iter().any(|algo| algo.symbol == symbol);
            is_done &= is_flat && !is_working && !has_algos;
            if !is_working && !is_flat {
                self.close(now, index, out);
            }
        }
        match self.flattened_at {
            _ if !is_done => self.flattened_at = None,
            None => {
                self.flattened_at = Some(now.mono);
                self.is_reconcile_asked = true;
            }
            Some(at) if self.truth_at.is_some_and(|truth_at| truth_at > at) => {
                self.flattening = None;
                self.flattened_at = None;
                if self.killed.is_none() {
                    self.halted = Some(StateReason::Command);
                }
                self.settle(now, out);
            }
            Some(_) => {}
        }
    }

    /// Sends one slice that closes what is held of a symbol, if one may go out now.
    pub(super) fn close(&mut self, now: Now, index: usize, out: &mut Outbox) {
        let may_send = matches!(self.state, TradingState::Reducing | TradingState::Killed)
            || self.state == TradingState::Armed && self.symbols[index].is_to_close;
        let is_free = now.mono >= self.symbols[index].muted_until
            && now.mono >= self.orders_banned_until
            && self.can_send(out);
        if may_send && is_free {
            let order = self.flatten_order(now, index);
            self.send_order(now, &order, out);
            self.symbols[index].kill_slices += u32::from(self.killed.is_some());
        }
    }

    /// One slice: a limit within the collar if the book can be trusted, else a market order.
    fn flatten_order(&self, now: Now, index: usize) -> NewOrder {
        let symbol = &self.config.symbols[index];
        let (rules, limits) = (&symbol.rules, &self.config.limits);
        let market = self.symbols[index].market(now.mono);
        let held = self.symbols[index].position.qty();
        let side = if held.units() > 0 { Side::Sell } else { Side::Buy };
        let is_trusted = market.is_synced && market.book_age_ns <= limits.book_age_ns_max;
        let best = match side {
            Side::Buy => market.ask_price,
            Side::Sell => market.bid_price,
        };
        let reach_ppm = limits.price_collar_ppm / FLATTEN_REACH_DIVISOR * side.sign();
        let reached = i128::from(best.units()) * i128::from(1_000_000 + reach_ppm) / 1_000_000;
        let price = Price::from_units(reached as i64).round_down(rules.tick);
        // What a limit did not close, because it was refused or missed the market, a market order
        // may: a kill ends flat.
        let is_markets_turn = self.symbols[index].kill_slices % 2 == 1;
        let is_limit =
            is_trusted && market.mid().is_some() && price.units() > 0 && !is_markets_turn;
        let price = if is_limit { price } else { Price::ZERO };
        let (step, most) = match is_limit {
            true => (rules.step, rules.qty_max),
            false => (rules.market_step, rules.market_qty_max),
        };
        let value = if is_limit { Some(price) } else { market.reference(limits) };
        let by_notional = value.map_or(i128::MAX, |price| {
            i128::from(symbol.limits.notional_max.units()) * i128::from(schema::SCALE)
                / i128::from(price.units().max(1))
        });
        let by_notional = Qty::from_units(i64::try_from(by_notional).unwrap_or(i64::MAX));
        let order_type = if is_limit { OrderType::Limit } else { OrderType::Market };
        let slice = most.min(symbol.limits.qty_max).min(by_notional).round_down(step);
        let slice = slice.max(risk::least_qty(rules, order_type));
        NewOrder {
            symbol: SymbolId(index as u16),
            client_order_id: self.orders.next_id(StrategyId::MANUAL).unwrap_or_default(),
            side,
            order_type,
            time_in_force: TimeInForce::Ioc,
            price,
            qty: held.abs().min(slice).round_down(step),
            reduce_only: true,
        }
    }
}
