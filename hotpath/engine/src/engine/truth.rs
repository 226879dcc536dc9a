//! Account truth from REST: the venue wins, but not before it is believed, and never by an
//! invented fill.
//!
//! What differs is told as [`Event::Difference`] before anything is done about it. A position that
//! differs without a trade to explain it, and an account that is suddenly empty, are asked about
//! once more first: the user stream may be behind, and a venue under stress has shown empty
//! accounts (2025-10-10). After a difference the state stays Reducing until a truth shows none.

use schema::{
    ClientOrderId, Counter, Difference, DifferenceKind, Event, MonoNs, OrderStatus, StateReason,
    SymbolId,
};

use super::Engine;
use crate::input::{Now, OpenOrder, Truth};
use crate::orders::{Cancel, Handle, Resend};
use crate::outbox::Outbox;
use crate::planted::{Bug, planted};
use crate::position::Position;

/// An order the venue does not list is given so long to be told of by the user stream, before it
/// is asked about by its name.
const MISSING_GRACE_NS: u64 = 250_000_000;
/// Emptiness (no money, no position, where there was some) is believed when it is told again after
/// so long: a venue under stress tells it many times a second.
const EMPTY_NS: u64 = 5_000_000_000;

/// What became of one position of a truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// As it is here.
    Same,
    /// Fills younger than the truth forbid the comparison.
    Later,
    /// Not believed before it is told again.
    Held,
    /// Taken over.
    Taken,
}

impl Engine {
    pub(super) fn tell_difference(&mut self, out: &mut Outbox, difference: Difference) {
        self.count(Counter::Difference);
        self.counts.mismatches += 1;
        out.record(&Event::Difference(difference));
    }

    pub(super) fn on_truth(&mut self, now: Now, truth: &Truth, out: &mut Outbox) {
        let mut differences = 0;
        let mut is_settled = truth.is_complete;
        let is_wallet_held = self.is_wallet_suspect(now, truth, out);
        is_settled &= !is_wallet_held;
        if truth.is_complete {
            for index in 0..self.symbols.len() {
                let told = self.take_position(now, index, truth, is_wallet_held, out);
                is_settled &= matches!(told, Told::Same | Told::Taken);
                differences += u32::from(told == Told::Taken && self.is_reconciled);
            }
        }
        if is_settled {
            self.take_wallet(truth, out);
        }
        is_settled &= self.take_open_orders(now, truth, &mut differences, out);
        if truth.is_complete {
            differences += self.take_algos(now, truth, out);
        }
        if let Some(scope) = self.flattening {
            self.want_cancels(scope, |_| true);
            self.want_algo_cancels(scope);
        }
        if !is_settled {
            self.is_reconcile_asked = true;
            return;
        }
        if self.day_equity.is_none() {
            self.wallet_at_start = truth.wallet;
            self.day = super::state::utc_day(now.wall);
            self.day_equity = Some(self.exposure(now).equity);
        }
        self.first_truth_at = self.first_truth_at.or(Some(now.mono));
        self.is_reconciled = true;
        self.truth_at = Some(truth.requested_at);
        self.has_stops_to_do = true;
        let is_unknown_algo = self.algos.iter().any(|algo| algo.is_unknown);
        self.is_reconcile_asked = is_unknown_algo
            || differences > 0
            || self.orders.live().any(|(_, order)| order.is_short_of_fills());
        let unknown_count = self.orders.unknown_count();
        self.causes.truth_told(truth.requested_at, &self.links, unknown_count);
        if differences > 0 {
            self.causes.raise(StateReason::Difference);
        }
    }

    /// Whether a wallet without any money is told where there was money, and not for long yet.
    fn is_wallet_suspect(&mut self, now: Now, truth: &Truth, out: &mut Outbox) -> bool {
        if !truth.is_complete {
            return false;
        }
        if !truth.wallet.is_zero() || self.wallet.is_zero() {
            self.wallet_doubted_at = None;
            return false;
        }
        let Some(since) = self.wallet_doubted_at else {
            self.wallet_doubted_at = Some(now.mono);
            self.suspect(SymbolId::NONE, self.wallet.units(), out);
            return true;
        };
        let is_held = now.mono.since(since) < EMPTY_NS;
        if is_held {
            self.causes.raise(StateReason::AccountSuspect);
        }
        is_held
    }

    fn suspect(&mut self, symbol: SymbolId, ours: i64, out: &mut Outbox) {
        self.count(Counter::SuspectAccount);
        self.causes.raise(StateReason::AccountSuspect);
        let what = DifferenceKind::Suspect;
        self.tell_difference(out, Difference { what, symbol, ours, venue: 0 });
    }

    fn take_wallet(&mut self, truth: &Truth, out: &mut Outbox) {
        let is_whole = self.symbols.iter().all(|s| s.seen.unreported() == 0);
        if self.is_reconciled && !is_whole {
            // The fees of fills without a report are in the venue's wallet, and are still to be
            // taken from ours.
            return;
        }
        if self.is_reconciled && self.wallet != truth.wallet {
            self.tell_difference(
                out,
                Difference {
                    what: DifferenceKind::Wallet,
                    symbol: SymbolId::NONE,
                    ours: self.wallet.units(),
                    venue: truth.wallet.units(),
                },
            );
        }
        self.wallet = truth.wallet;
    }

    fn take_position(
        &mut self,
        now: Now,
        index: usize,
        truth: &Truth,
        is_suspect: bool,
        out: &mut Outbox,
    ) -> Told {
        let told = truth.positions[index];
        let last_trade = truth.last_trades[index];
        let symbol = SymbolId(index as u16);
        let s = &mut self.symbols[index];
        if s.last_fill_at.is_some_and(|at| at >= truth.requested_at) {
            s.pending_qty = None;
            return Told::Later;
        }
        let ours = s.position.qty();
        if ours == told.qty {
            s.pending_qty = None;
            s.venue_qty = Some(told.qty);
            s.diverged_at = None;
            return Told::Same;
        }
        let is_first = !self.is_reconciled && self.day_equity.is_none();
        if !is_first && last_trade > s.seen.newest() {
            // A fill that was not told yet explains it: that is waited for, and asked for.
            let (ours, venue) = (s.seen.newest().0, last_trade.0);
            let was_asked = core::mem::replace(&mut s.pending_trade, last_trade) == last_trade;
            if was_asked {
                let what = DifferenceKind::LastTrade;
                self.tell_difference(out, Difference { what, symbol, ours, venue });
            }
            return Told::Later;
        }
        let is_new = s.pending_qty != Some(told.qty);
        let is_old = !told.qty.is_zero() || now.mono.since(s.pending_at) >= EMPTY_NS;
        let is_believed =
            is_first || !is_new && is_old && !is_suspect || planted(Bug::EmptyBelieved);
        if is_new {
            s.pending_qty = Some(told.qty);
            s.pending_at = now.mono;
            let what = DifferenceKind::Position;
            let (ours, venue) = (ours.units(), told.qty.units());
            if told.qty.is_zero() && !is_believed {
                self.suspect(symbol, ours, out);
            } else if !is_first {
                self.tell_difference(out, Difference { what, symbol, ours, venue });
            }
        }
        if !is_believed {
            self.causes.raise(StateReason::PositionMismatch);
            return Told::Held;
        }
        let s = &mut self.symbols[index];
        s.position = Position::from_entry(told.qty, told.entry_price);
        s.pending_qty = None;
        s.venue_qty = Some(told.qty);
        s.diverged_at = None;
        // What that position holds already is not booked once more when its notice comes late.
        s.seen.start_after(last_trade);
        Told::Taken
    }

    /// Takes the open orders: those we hold that are missing are asked about, those we do not hold
    /// are adopted. `false` if they cannot all be held.
    fn take_open_orders(
        &mut self,
        now: Now,
        truth: &Truth,
        differences: &mut u32,
        out: &mut Outbox,
    ) -> bool {
        for index in 0..self.orders.live_count() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = self.orders.get(handle);
            let is_younger = order.sent_at >= truth.requested_at || order.resend != Resend::No;
            let is_told = truth.open_orders.iter().any(|told| {
                told.symbol == order.symbol
                    && if order.id == ClientOrderId::NONE {
                        told.venue_order_id == order.venue_order_id
                    } else {
                        told.client_order_id == order.id
                    }
            });
            if truth.is_complete && !is_younger && !is_told && !order.is_unknown {
                let at = if order.missing_at.0 == 0 { now.mono } else { order.missing_at };
                self.orders.change(handle, |order| order.missing_at = at);
            }
        }
        let mut are_held = true;
        for told in &truth.open_orders {
            match self.orders.find(told.symbol, told.client_order_id, told.venue_order_id) {
                Some(handle) => self.take_open_order(handle, told, truth.requested_at, out),
                None => are_held &= self.take_found(now, told, differences, out),
            }
        }
        are_held
    }

    /// An open order that is held here.
    fn take_open_order(
        &mut self,
        handle: Handle,
        told: &OpenOrder,
        requested_at: MonoNs,
        out: &mut Outbox,
    ) {
        let order = *self.orders.get(handle);
        let (what, symbol) = (DifferenceKind::OrderFilled, told.symbol);
        if order.is_live() && told.cum_qty > order.filled && self.is_reconciled {
            let (ours, venue) = (order.filled.units(), told.cum_qty.units());
            self.tell_difference(out, Difference { what, symbol, ours, venue });
        }
        let is_old = order.asked_at < requested_at && !order.is_changing;
        if order.is_live() && is_old && told.qty.units() > 0 && told.qty != order.qty {
            let what = DifferenceKind::OrderQty;
            let (ours, venue) = (order.qty.units(), told.qty.units());
            self.tell_difference(out, Difference { what, symbol, ours, venue });
            self.orders.amend(handle, told.price, told.qty);
        }
        let status = match told.cum_qty.is_zero() {
            true => OrderStatus::New,
            false => OrderStatus::PartiallyFilled,
        };
        self.orders.learn(handle, status, told.cum_qty, told.venue_order_id);
        if self.orders.get(handle).cancel == Cancel::Sent && order.is_unknown {
            self.orders.change(handle, |order| order.cancel = Cancel::Wanted);
            self.has_cancels_wanted = true;
        }
    }

    /// An open order that is not held here; `false` if it cannot be.
    fn take_found(
        &mut self,
        now: Now,
        told: &OpenOrder,
        differences: &mut u32,
        out: &mut Outbox,
    ) -> bool {
        let id = told.client_order_id;
        if id != ClientOrderId::NONE && id.epoch() > self.orders.epoch() {
            self.find_foreign();
            return true;
        }
        if self.is_filled_unheld(told.symbol, told.venue_order_id, told.qty) {
            return true;
        }
        if self.is_reconciled {
            *differences += 1;
            self.tell_difference(
                out,
                Difference {
                    what: DifferenceKind::OrderFound,
                    symbol: told.symbol,
                    ours: 0,
                    venue: told.venue_order_id.0,
                },
            );
        }
        self.adopt(now, told).is_some()
    }

    /// Orders the venue did not list and nobody told of since: asked about by name.
    pub(super) fn watch_missing(&mut self, now: Now, out: &mut Outbox) {
        for index in 0..self.orders.live_count() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = *self.orders.get(handle);
            let is_due =
                order.missing_at.0 != 0 && now.mono.since(order.missing_at) >= MISSING_GRACE_NS;
            if is_due {
                self.tell_difference(
                    out,
                    Difference {
                        what: DifferenceKind::OrderMissing,
                        symbol: order.symbol,
                        ours: order.id.0 as i64,
                        venue: order.venue_order_id.0,
                    },
                );
                self.doubt(handle);
            }
        }
    }
}
