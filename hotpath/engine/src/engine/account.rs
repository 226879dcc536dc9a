//! Reports, fills and account events.

use schema::{
    AccountUpdate, ClientOrderId, Counter, Difference, DifferenceKind, ExecType, ExecutionReport,
    Notional, OrderStatus, OrderType, Price, Qty, Side, StateReason, StrategyId, SymbolId,
    TradeLite, VenueOrderId,
};

use super::Engine;
use crate::input::{Now, OpenOrder};
use crate::orders::{Cancel, Handle, Notice};
use crate::outbox::Outbox;
use crate::planted::{Bug, planted};

/// An earlier start of ours may still have orders on their way when this one is reconciled; an
/// order of another start that is placed so long after belongs to a trader that is alive.
const FOREIGN_GRACE_NS: u64 = 10_000_000_000;

impl Engine {
    pub(super) fn on_report(&mut self, now: Now, report: &ExecutionReport) {
        let index = report.symbol.index();
        if index >= self.symbols.len() {
            return;
        }
        let is_placed = report.exec_type == ExecType::New
            && report.client_order_id.strategy() != StrategyId::STOP;
        let is_foreign = self.is_foreign(now, report.client_order_id, is_placed);
        if is_foreign {
            self.find_foreign();
        }
        let is_fill = matches!(report.exec_type, ExecType::Trade | ExecType::Calculated)
            && report.last_qty.units() > 0;
        let mut fill_id = report.trade_id;
        if planted(Bug::FillByOrderId) {
            fill_id = schema::TradeId(report.venue_order_id.0);
        }
        let mut notice = is_fill.then(|| self.symbols[index].seen.note(fill_id, true));
        if planted(Bug::LiteAndReport) && notice == Some(Notice::Completes) {
            notice = Some(Notice::First);
        }
        if notice == Some(Notice::Duplicate) {
            self.count(Counter::FillDuplicate);
        }
        self.note_liquidation(report);
        // Of an order seen for the first time, only what is booked below is not yet filled.
        let unbooked = if notice == Some(Notice::First) { report.last_qty } else { Qty::ZERO };
        // The orders of another trader are its own to cancel.
        let handle = match is_foreign {
            true => None,
            false => self.find_or_adopt(now, report, unbooked),
        };
        if notice == Some(Notice::First) {
            self.book_fill(now, index, handle, report.side, report.last_qty, report.last_price);
            if report.client_order_id == ClientOrderId::NONE {
                self.note_external_fill(index);
            }
        }
        if matches!(notice, Some(Notice::First | Notice::Completes)) {
            self.charge(index, report.commission);
        }
        let Some(handle) = handle else {
            if is_fill {
                self.orphans.told(report.symbol, report.venue_order_id, report.cum_qty);
            }
            return;
        };
        // A fast notice came before the order was known here: its fill was booked on no order. Or
        // the fill is inside a position that was taken over.
        let is_taken =
            notice == Some(Notice::Duplicate) && self.symbols[index].seen.is_below(report.trade_id);
        if matches!(notice, Some(Notice::Completes | Notice::Duplicate))
            && (self.orders.is_adopted(handle) || is_taken)
        {
            self.orders.catch_up(handle, report.cum_qty);
        }
        if report.exec_type == ExecType::Amendment {
            self.orders.amend(handle, report.price, report.qty);
        }
        self.orders.learn(handle, report.status, report.cum_qty, report.venue_order_id);
        self.orders.change(handle, |order| order.heard_at = now.mono);
        if report.exec_type == ExecType::New || report.exec_type == ExecType::Trade {
            self.venue_rejects_in_a_row = 0;
        }
    }

    pub(super) fn on_trade_lite(&mut self, now: Now, lite: &TradeLite) {
        let index = lite.symbol.index();
        if index >= self.symbols.len() || lite.last_qty.units() <= 0 {
            return;
        }
        if self.symbols[index].seen.note(lite.trade_id, false) != Notice::First {
            return self.count(Counter::FillDuplicate);
        }
        let handle = self.orders.find(lite.symbol, lite.client_order_id, lite.venue_order_id);
        if handle.is_none() {
            self.orphans.note(lite.symbol, lite.venue_order_id, lite.last_qty);
        }
        self.book_fill(now, index, handle, lite.side, lite.last_qty, lite.last_price);
        if lite.client_order_id == ClientOrderId::NONE {
            self.note_external_fill(index);
        }
    }

    /// Someone else moved the position: booked like every fill, and the whole account is looked at
    /// before risk is added again.
    fn note_external_fill(&mut self, index: usize) {
        self.symbols[index].external_fills += 1;
        self.count(Counter::ExternalOrder);
        self.causes.raise(StateReason::External);
    }

    /// Liquidation, deleveraging and settlement: the venue trades the account down.
    fn note_liquidation(&mut self, report: &ExecutionReport) {
        let is_forced = report.order_type == OrderType::Liquidation
            || report.exec_type == ExecType::Calculated
            || matches!(report.status, OrderStatus::NewInsurance | OrderStatus::NewAdl);
        if is_forced {
            self.count(Counter::Liquidation);
            self.causes.raise(StateReason::External);
        }
    }

    /// Whether an id of ours belongs to another trader that is alive: of a later start, or placed
    /// long after this start knew all that was left behind.
    pub(super) fn is_foreign(&self, now: Now, id: ClientOrderId, is_placed: bool) -> bool {
        let (epoch, ours) = (id.epoch(), self.orders.epoch());
        if id == ClientOrderId::NONE || epoch == ours {
            return false;
        }
        let is_settled =
            self.first_truth_at.is_some_and(|at| now.mono.since(at) > FOREIGN_GRACE_NS);
        epoch > ours || is_placed && is_settled
    }

    /// Two traders on one account do not know each other's risk: this one stops.
    pub(super) fn find_foreign(&mut self) {
        self.count(Counter::ForeignOrders);
        self.halted = Some(StateReason::ForeignOrders);
    }

    /// The order of a report. One of an earlier boot or of someone else is adopted while it lives;
    /// an order of ours that was forgotten is cancelled.
    fn find_or_adopt(
        &mut self,
        now: Now,
        report: &ExecutionReport,
        unbooked: Qty,
    ) -> Option<Handle> {
        let found = self.orders.find(report.symbol, report.client_order_id, report.venue_order_id);
        if found.is_some() || report.status.is_terminal() {
            return found;
        }
        let cum_qty = report.cum_qty.checked_sub(unbooked).unwrap_or_default();
        if self.is_filled_unheld(report.symbol, report.venue_order_id, report.qty) {
            return None;
        }
        self.adopt(
            now,
            &OpenOrder {
                symbol: report.symbol,
                client_order_id: report.client_order_id,
                venue_order_id: report.venue_order_id,
                side: report.side,
                order_type: report.order_type,
                time_in_force: report.time_in_force,
                price: report.price,
                qty: report.qty,
                cum_qty,
                reduce_only: report.reduce_only,
            },
        )
    }

    /// Whether all of an order that is not held here was booked: its fills were told before the
    /// order was, on the other connection, or while an answer that lists it was on its way.
    pub(super) fn is_filled_unheld(&self, symbol: SymbolId, id: VenueOrderId, qty: Qty) -> bool {
        let booked = self.orphans.of(symbol, id);
        booked >= qty && !booked.is_zero()
    }

    pub(super) fn adopt(&mut self, now: Now, found: &OpenOrder) -> Option<Handle> {
        let booked = self.orphans.of(found.symbol, found.venue_order_id);
        let found = &OpenOrder { cum_qty: found.cum_qty.max(booked), ..*found };
        let handle = self.orders.adopt(now.mono, found);
        let is_ours = found.client_order_id != ClientOrderId::NONE
            && found.client_order_id.epoch() <= self.orders.epoch();
        match handle {
            // One that cannot rest ends by itself: the order of a stop that acted.
            Some(handle) if is_ours && !self.orders.get(handle).is_immediate() => {
                self.orders.change(handle, |order| order.cancel = Cancel::Wanted);
                self.has_cancels_wanted = true;
            }
            // More orders than can be counted: the worst case is not known.
            None => self.causes.raise(StateReason::UnknownOrder),
            Some(_) if !is_ours => self.count(Counter::ExternalOrder),
            Some(_) => {}
        }
        handle
    }

    /// Books a fill that was not seen before, whatever became of its order.
    fn book_fill(
        &mut self,
        now: Now,
        index: usize,
        handle: Option<Handle>,
        side: Side,
        qty: Qty,
        price: Price,
    ) {
        let is_over = handle.is_some_and(|handle| {
            let order = self.orders.get(handle);
            !order.is_live() || order.is_short_of_fills()
        });
        if planted(Bug::LateFillIgnored) && is_over {
            return;
        }
        let s = &mut self.symbols[index];
        match s.position.apply_fill(side, qty, price) {
            Ok(realized) => {
                s.realized_pnl = s.realized_pnl.checked_add(realized).unwrap_or(s.realized_pnl);
                self.wallet = self.wallet.checked_add(realized).unwrap_or(self.wallet);
            }
            Err(_) => self.causes.raise(StateReason::PositionMismatch),
        }
        s.fills += 1;
        s.last_fill_at = Some(now.mono);
        self.counts.fills += 1;
        self.rate.add_fill(now.mono);
        self.has_stops_to_do = true;
        if let Some(handle) = handle {
            let order = self.orders.get(handle);
            if !order.is_live() && order.venue_status != OrderStatus::Rejected {
                self.count(Counter::FillLate);
            } else if self.orders.get(handle).venue_status == OrderStatus::PendingNew {
                self.count(Counter::FillBeforeAck);
            }
            self.orders.fill(handle, qty);
        }
        self.compare_position(now, index);
    }

    fn charge(&mut self, index: usize, commission: Notional) {
        let s = &mut self.symbols[index];
        s.commission = s.commission.checked_add(commission).unwrap_or(s.commission);
        self.wallet = self.wallet.checked_sub(commission).unwrap_or(self.wallet);
    }

    pub(super) fn on_account(&mut self, now: Now, update: &AccountUpdate) {
        if update.is_funding {
            self.count(Counter::Funding);
        }
        let balances = usize::from(update.balance_count).min(update.balances.len());
        for balance in &update.balances[..balances] {
            if balance.is_quote {
                // Profit and fees are booked by the fills; this is everything else.
                let wallet = self.wallet.checked_add(balance.change);
                self.wallet = wallet.unwrap_or(self.wallet);
            }
        }
        let positions = usize::from(update.position_count).min(update.positions.len());
        for position in &update.positions[..positions] {
            let index = position.symbol.index();
            if let Some(s) = self.symbols.get_mut(index) {
                s.venue_qty = Some(position.qty);
                self.compare_position(now, index);
            }
        }
    }

    /// Notes since when our position differs from the venue's. An account event comes before the
    /// report of its fill, so a difference means something only when it lasts.
    fn compare_position(&mut self, now: Now, index: usize) {
        let s = &mut self.symbols[index];
        let differs = s.venue_qty.is_some_and(|qty| qty != s.position.qty());
        s.diverged_at = if differs { s.diverged_at.or(Some(now.mono)) } else { None };
    }

    pub(super) fn watch_positions(&mut self, now: Now, out: &mut Outbox) {
        for index in 0..self.symbols.len() {
            let s = &mut self.symbols[index];
            let Some(since) = s.diverged_at else { continue };
            if now.mono.since(since) < self.config.timing.settle_ns {
                continue;
            }
            let ours = s.position.qty();
            let venue = s.venue_qty.take().unwrap_or(ours);
            s.diverged_at = None;
            // The stream said so: the same in a truth is believed at once.
            s.pending_qty = Some(venue);
            s.pending_at = schema::MonoNs(0);
            self.causes.raise(StateReason::PositionMismatch);
            self.tell_difference(
                out,
                Difference {
                    what: DifferenceKind::Position,
                    symbol: SymbolId(index as u16),
                    ours: ours.units(),
                    venue: venue.units(),
                },
            );
        }
    }

    /// A fill whose report does not come is asked for: fee and record are in that alone.
    pub(super) fn watch_reports(&mut self, now: Now) {
        for s in &mut self.symbols {
            if s.seen.unreported() == 0 {
                s.unreported_at = None;
                continue;
            }
            let since = *s.unreported_at.get_or_insert(now.mono);
            self.is_reconcile_asked |= now.mono.since(since) >= self.config.timing.settle_ns;
        }
    }
}
