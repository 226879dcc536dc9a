//! Protective stops: while a position exists, one conditional order that closes it rests at the
//! venue, so that it is closed even if this host is gone.
//!
//! The stop names no quantity (`closePosition`), so it fits the position whatever its size becomes;
//! it is replaced only when the position turns or its entry price moves by a tenth of the stop's
//! distance. The venue takes one such order a direction (-4130): the old one goes first.

use schema::{
    AlgoId, AlgoStatus, AlgoUpdate, ClientOrderId, Counter, Event, MonoNs, NewAlgo, OrderRef,
    OrderReply, Price, RequestKind, Side, StrategyId, SymbolId, TradingState, VenueOrderId,
};

use super::Engine;
use super::outcome::{Refusal, refusal};
use crate::input::{Now, OpenAlgo, Truth};
use crate::orders::{Algo, Cancel, Handle, Request};
use crate::outbox::{Action, Outbox};
use crate::planted::{Bug, planted};
use crate::risk;

/// Part of its distance by which a stop may be off before it is replaced.
const TOLERANCE_DIVISOR: i64 = 10;
/// Pause before a refused or failed placement or cancel is tried again.
const RETRY_NS: u64 = 500_000_000;

impl Engine {
    /// The stop a symbol's position should have now: side and trigger.
    fn wanted_stop(&self, index: usize) -> Option<(Side, Price)> {
        let ppm = self.config.safety.protective_stop_ppm;
        let s = &self.symbols[index];
        let is_closing =
            self.flattening.is_some_and(|scope| scope == SymbolId::NONE || scope.index() == index);
        let is_off = ppm == 0 || is_closing || s.is_stop_off || !self.is_reconciled;
        if is_off || s.position.is_flat() {
            return None;
        }
        let side = if s.position.qty().units() > 0 { Side::Sell } else { Side::Buy };
        let rules = &self.config.symbols[index].rules;
        let entry = i128::from(s.position.entry_price().units());
        let moved = entry * i128::from(1_000_000 + ppm * side.sign()) / 1_000_000;
        let base = rules.price_min.units();
        let ticks =
            (i64::try_from(moved).unwrap_or(i64::MAX).saturating_sub(base)) / rules.tick.units();
        let price = Price::from_units(base + ticks.max(0) * rules.tick.units());
        Some((side, price.min(rules.price_max)))
    }

    /// Places, replaces and removes stops, and closes by hand what is already past its stop.
    pub(super) fn pump_stops(&mut self, now: Now, out: &mut Outbox) {
        self.has_stops_to_do = false;
        for index in 0..self.symbols.len() {
            if self.symbols[index].position.is_flat() {
                self.symbols[index].is_to_close = false;
            } else if self.symbols[index].is_to_close {
                self.has_stops_to_do = true;
                if self.orders.working(SymbolId(index as u16)).count == 0 {
                    self.close(now, index, out);
                }
            }
            if self.config.safety.protective_stop_ppm > 0 {
                self.pump_stop(now, index, out);
            }
        }
        self.pump_algo_cancels(now, out);
    }

    fn pump_stop(&mut self, now: Now, index: usize, out: &mut Outbox) {
        let symbol = SymbolId(index as u16);
        let wanted = self.wanted_stop(index);
        let tolerance = wanted.map_or(0, |(_, price)| {
            let ppm = self.config.safety.protective_stop_ppm / TOLERANCE_DIVISOR;
            (i128::from(price.units()) * i128::from(ppm.max(1)) / 1_000_000) as i64
        });
        let mut is_there = false;
        for algo in self.algos.iter_mut().filter(|a| a.symbol == symbol && !a.is_external()) {
            let fits = wanted.is_some_and(|(side, price)| {
                let off = algo.trigger_price.units().saturating_sub(price.units());
                algo.side == side && off.abs() <= tolerance && !is_there
            });
            is_there = true;
            if !fits && algo.cancel == Cancel::No && !self.is_stopping {
                algo.cancel = Cancel::Wanted;
                self.has_stops_to_do = true;
            }
        }
        let (Some((side, trigger_price)), false) = (wanted, is_there) else { return };
        let may_send = matches!(self.state, TradingState::Armed | TradingState::Reducing)
            && now.mono >= self.symbols[index].stop_retry_at
            && now.mono >= self.orders_banned_until
            && self.can_send(out);
        if !may_send {
            self.has_stops_to_do = true;
            return;
        }
        self.place_stop(now, symbol, side, trigger_price, out);
    }

    fn place_stop(
        &mut self,
        now: Now,
        symbol: SymbolId,
        side: Side,
        trigger_price: Price,
        out: &mut Outbox,
    ) {
        let id = self.orders.next_id(StrategyId::STOP);
        let has_room = id.is_some() && self.algos.len() < crate::orders::ALGOS_MAX;
        let stop = NewAlgo { symbol, client_order_id: id.unwrap_or_default(), side, trigger_price };
        let verdict =
            self.with_view(now, symbol, has_room, |view, _| risk::check_stop(view, &stop));
        let Ok(approved) = verdict else {
            self.symbols[symbol.index()].stop_retry_at = now.mono.plus_ns(RETRY_NS);
            self.has_stops_to_do = true;
            return;
        };
        if self.orders.take_id(StrategyId::STOP).is_none() {
            return;
        }
        let request_id =
            self.open_algo_request(RequestKind::PlaceAlgo, &Algo::new(now.mono, &stop));
        self.rate.add(now.mono);
        self.algos.keep(Algo::new(now.mono, &stop));
        self.count(Counter::StopPlaced);
        out.send(Action::PlaceAlgo(approved, request_id));
        out.record(&Event::PlaceAlgo(stop, request_id));
    }

    fn open_algo_request(&mut self, kind: RequestKind, algo: &Algo) -> schema::RequestId {
        let name = OrderRef {
            symbol: algo.symbol,
            client_order_id: algo.id,
            venue_order_id: VenueOrderId(algo.algo_id.0),
        };
        self.requests.open(kind, Handle::NONE, name)
    }

    /// Wants the cancel of conditional orders of a symbol, or of all.
    pub(super) fn want_algo_cancels(&mut self, symbol: SymbolId) {
        if planted(Bug::KillForgetsStops) && self.killed.is_some() {
            return;
        }
        for algo in self.algos.iter_mut() {
            let is_in_scope = symbol == SymbolId::NONE || algo.symbol == symbol;
            if is_in_scope && algo.cancel == Cancel::No {
                algo.cancel = Cancel::Wanted;
                self.has_stops_to_do = true;
            }
        }
    }

    fn pump_algo_cancels(&mut self, now: Now, out: &mut Outbox) {
        for index in 0..self.algos.len() {
            let Some(algo) = self.algos.at(index).map(|algo| *algo) else { break };
            if algo.cancel != Cancel::Wanted {
                continue;
            }
            let (messages_10s, messages_1m) = self.rate.counts(now.mono);
            let limits = &self.config.limits;
            let verdict = risk::check_cancel_algo(limits, messages_10s, messages_1m, &algo);
            let may_send =
                now.mono >= self.banned_until && now.mono >= algo.retry_at && self.can_send(out);
            let (Ok(approved), true) = (verdict, may_send) else {
                self.has_stops_to_do = true;
                continue;
            };
            let request_id = self.open_algo_request(RequestKind::CancelAlgo, &algo);
            self.rate.add(now.mono);
            if let Some(algo) = self.algos.at(index) {
                algo.cancel = Cancel::Sent;
                algo.asked_at = now.mono;
            }
            self.counts.cancels += 1;
            out.send(Action::CancelAlgo(approved, request_id));
            out.record(&Event::CancelAlgo(*approved.get(), request_id));
        }
    }

    fn algo_of(&mut self, request: &Request) -> Option<&mut Algo> {
        let order = &request.order;
        self.algos.find(order.client_order_id, AlgoId(order.venue_order_id.0))
    }

    pub(super) fn on_algo_placed(&mut self, now: Now, request: &Request, reply: &OrderReply) {
        self.has_stops_to_do = true;
        let Some(algo) = self.algo_of(request) else { return };
        if reply.is_ok() {
            algo.algo_id = AlgoId(reply.venue_order_id.0);
            algo.is_unknown = false;
            if algo.status == AlgoStatus::PendingNew {
                algo.status = AlgoStatus::New;
            }
            return;
        }
        if algo.status != AlgoStatus::PendingNew {
            return;
        }
        let kind = refusal(reply);
        if kind == Refusal::Unknown {
            return self.doubt_algo(request);
        }
        let (id, symbol) = (algo.id, algo.symbol);
        self.algos.forget(|algo| algo.id == id);
        self.counts.venue_rejects += 1;
        self.count(Counter::OrderRefused);
        if let Some(s) = self.symbols.get_mut(symbol.index()) {
            s.stop_retry_at = now.mono.plus_ns(RETRY_NS);
            // The mark is past the stop already: what it would have closed is closed by hand.
            s.is_to_close |= reply.code == -2021 || reply.code == -4142;
        }
        // One is there that is not known here, or the position is not what we think.
        self.is_reconcile_asked |= matches!(reply.code, -4130 | -4509 | -4116);
    }

    pub(super) fn on_algo_cancelled(&mut self, now: Now, request: &Request, reply: &OrderReply) {
        self.has_stops_to_do = true;
        let Some(algo) = self.algo_of(request) else { return };
        if reply.is_ok() {
            let (id, algo_id) = (algo.id, algo.algo_id);
            return self.algos.forget(|algo| algo.id == id && algo.algo_id == algo_id);
        }
        match refusal(reply) {
            // It acted, or is gone: the user stream or account truth tells which.
            Refusal::NoSuchOrder | Refusal::Unknown => self.doubt_algo(request),
            _ => {
                algo.cancel = Cancel::Wanted;
                algo.retry_at = now.mono.plus_ns(RETRY_NS);
                self.count(Counter::CancelRetried);
            }
        }
    }

    pub(super) fn doubt_algo(&mut self, request: &Request) {
        if let Some(algo) = self.algo_of(request) {
            algo.is_unknown = true;
            self.is_reconcile_asked = true;
            self.count(Counter::UnknownOutcome);
        }
    }

    pub(super) fn doubt_unanswered_algos(&mut self) {
        for algo in self.algos.iter_mut() {
            algo.is_unknown |= algo.status == AlgoStatus::PendingNew || algo.cancel == Cancel::Sent;
        }
    }

    /// Finds conditional orders whose answer is overdue; truth has it.
    pub(super) fn watch_algos(&mut self, now: Now) {
        self.has_stops_to_do |=
            self.config.safety.protective_stop_ppm > 0 || !self.algos.is_empty();
        let limit_ns = self.config.timing.ack_timeout_ns;
        for algo in self.algos.iter_mut() {
            let is_over = |at: MonoNs| now.mono.since(at) >= limit_ns;
            algo.is_unknown |= algo.status == AlgoStatus::PendingNew && is_over(algo.sent_at)
                || algo.cancel == Cancel::Sent && is_over(algo.asked_at);
            self.is_reconcile_asked |= algo.is_unknown;
        }
    }

    pub(super) fn on_algo(&mut self, now: Now, update: &AlgoUpdate) {
        self.has_stops_to_do = true;
        let is_ours = update.client_order_id != ClientOrderId::NONE;
        let is_placed = update.status == AlgoStatus::New;
        if is_ours && self.is_foreign(now, update.client_order_id, is_placed) {
            return self.find_foreign();
        }
        let was_known = match self.algos.find(update.client_order_id, update.algo_id) {
            Some(algo) => {
                algo.algo_id = update.algo_id;
                algo.is_unknown = algo.cancel == Cancel::Sent && algo.is_unknown;
                if algo.status as u8 <= update.status as u8 {
                    algo.status = update.status;
                }
                true
            }
            None => false,
        };
        if update.status.is_over() {
            let is_it = |algo: &Algo| {
                algo.algo_id == update.algo_id || is_ours && algo.id == update.client_order_id
            };
            let was_wanted_gone =
                self.algos.iter().any(|algo| is_it(algo) && algo.cancel != Cancel::No);
            self.algos.forget(is_it);
            match update.status {
                AlgoStatus::Triggered if was_known && is_ours => self.count(Counter::StopTriggered),
                AlgoStatus::Canceled if was_known && is_ours && !was_wanted_gone => {
                    self.count(Counter::StopMissing);
                }
                _ => {}
            }
        } else if !was_known {
            self.keep_found(
                now,
                &OpenAlgo {
                    symbol: update.symbol,
                    client_order_id: update.client_order_id,
                    algo_id: update.algo_id,
                    side: update.side,
                    trigger_price: update.trigger_price,
                    close_position: update.close_position,
                },
            );
        }
    }

    /// Keeps a conditional order found at the venue. One of an earlier boot protects as well as one
    /// of this boot, if it is where it should be; if not, it is replaced.
    pub(super) fn keep_found(&mut self, now: Now, found: &OpenAlgo) {
        if found.client_order_id == ClientOrderId::NONE {
            self.count(Counter::ExternalOrder);
        }
        self.has_stops_to_do = true;
        let stop = NewAlgo {
            symbol: found.symbol,
            client_order_id: found.client_order_id,
            side: found.side,
            trigger_price: found.trigger_price,
        };
        self.algos.keep(Algo {
            algo_id: found.algo_id,
            status: AlgoStatus::New,
            close_position: found.close_position,
            ..Algo::new(now.mono, &stop)
        });
    }

    /// Takes the open conditional orders; returns how many differ from what is held here.
    pub(super) fn take_algos(&mut self, now: Now, truth: &Truth, out: &mut Outbox) -> u32 {
        use schema::{Difference, DifferenceKind};
        let Some(told) = &truth.algo_orders else { return 0 };
        self.has_stops_to_do = true;
        let mut differences = 0;
        for index in (0..self.algos.len()).rev() {
            let Some(algo) = self.algos.at(index) else { continue };
            let is_told = told.iter().any(|t| match algo.is_external() {
                true => t.algo_id == algo.algo_id,
                false => t.client_order_id == algo.id,
            });
            let is_younger =
                algo.sent_at >= truth.requested_at || algo.asked_at >= truth.requested_at;
            if is_told && !is_younger {
                algo.is_unknown = false;
                if algo.status == AlgoStatus::PendingNew {
                    algo.status = AlgoStatus::New;
                }
                if algo.cancel == Cancel::Sent {
                    algo.cancel = Cancel::Wanted;
                }
            }
            if is_told || is_younger {
                continue;
            }
            let gone = *algo;
            self.algos.forget(|algo| algo.id == gone.id && algo.algo_id == gone.algo_id);
            let was_sure = !gone.is_unknown && gone.status != AlgoStatus::PendingNew;
            if was_sure && gone.cancel == Cancel::No {
                differences += 1;
                self.count(Counter::StopMissing);
                self.tell_difference(
                    out,
                    Difference {
                        what: DifferenceKind::AlgoMissing,
                        symbol: gone.symbol,
                        ours: gone.id.0 as i64,
                        venue: 0,
                    },
                );
            }
        }
        for found in told {
            if self.algos.find(found.client_order_id, found.algo_id).is_some() {
                continue;
            }
            let is_ours = found.client_order_id != ClientOrderId::NONE;
            if is_ours && found.client_order_id.epoch() > self.orders.epoch() {
                self.find_foreign();
                continue;
            }
            if self.is_reconciled {
                differences += 1;
                self.tell_difference(
                    out,
                    Difference {
                        what: DifferenceKind::AlgoFound,
                        symbol: found.symbol,
                        ours: 0,
                        venue: found.algo_id.0,
                    },
                );
            }
            self.keep_found(now, found);
        }
        differences
    }
}
