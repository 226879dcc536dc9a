//! Reports, fills, account events and account truth.

use schema::{
    AccountUpdate, BalanceDelta, ClientOrderId, Event, ExecType, ExecutionReport, Notional,
    OrderStatus, PositionDelta, Price, Qty, Side, StateReason, SymbolId, TradeLite, WallNs,
};

use super::Engine;
use crate::input::{Now, OpenOrder, Truth};
use crate::orders::{Cancel, Handle, Notice};
use crate::outbox::Outbox;
use crate::position::Position;

/// How often a truth without any money must be told where there was money.
const SUSPECT_TRUTHS: u32 = 2;

impl Engine {
    pub(super) fn on_report(&mut self, now: Now, report: &ExecutionReport) {
        let index = report.symbol.index();
        if index >= self.symbols.len() {
            return;
        }
        let is_fill = matches!(report.exec_type, ExecType::Trade | ExecType::Calculated)
            && report.last_qty.units() > 0;
        let notice = is_fill.then(|| self.symbols[index].seen.note(report.trade_id, true));
        // Of an order seen for the first time, only what is booked below is not yet filled.
        let unbooked = if notice == Some(Notice::First) { report.last_qty } else { Qty::ZERO };
        let handle = self.find_or_adopt(now, report, unbooked);
        if notice == Some(Notice::First) {
            self.book_fill(now, index, handle, report.side, report.last_qty, report.last_price);
        }
        if matches!(notice, Some(Notice::First | Notice::Completes)) {
            self.charge(index, report.commission);
        }
        let Some(handle) = handle else { return };
        if report.exec_type == ExecType::Amendment {
            self.orders.amend(handle, report.price, report.qty);
        }
        self.orders.learn(handle, report.status, report.cum_qty, report.venue_order_id);
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
            return;
        }
        let handle = self.orders.find(lite.symbol, lite.client_order_id, lite.venue_order_id);
        self.book_fill(now, index, handle, lite.side, lite.last_qty, lite.last_price);
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

    fn adopt(&mut self, now: Now, found: &OpenOrder) -> Option<Handle> {
        let handle = self.orders.adopt(now.mono, found);
        match handle {
            Some(handle) if found.client_order_id != ClientOrderId::NONE => {
                self.orders.change(handle, |order| order.cancel = Cancel::Wanted);
                self.has_cancels_wanted = true;
            }
            // More orders than can be counted: the worst case is not known.
            None => self.causes.raise(StateReason::UnknownOrder),
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
        match handle {
            Some(handle) => {
                s.external_fills += u64::from(self.orders.get(handle).is_external);
                self.orders.fill(handle, qty);
            }
            None => s.external_fills += 1,
        }
        self.compare_position(now, index);
    }

    fn charge(&mut self, index: usize, commission: Notional) {
        let s = &mut self.symbols[index];
        s.commission = s.commission.checked_add(commission).unwrap_or(s.commission);
        self.wallet = self.wallet.checked_sub(commission).unwrap_or(self.wallet);
    }

    pub(super) fn on_account(&mut self, now: Now, update: &AccountUpdate, out: &mut Outbox) {
        let time = update.transaction_time;
        let balances = usize::from(update.balance_count).min(update.balances.len());
        for balance in &update.balances[..balances] {
            out.record(&Event::Balance(*balance, time, update.is_funding));
            if balance.is_quote {
                // Profit and fees are booked by the fills; this is everything else.
                let wallet = self.wallet.checked_add(balance.change);
                self.wallet = wallet.unwrap_or(self.wallet);
            }
        }
        let positions = usize::from(update.position_count).min(update.positions.len());
        for position in &update.positions[..positions] {
            out.record(&Event::Position(*position, time));
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

    pub(super) fn watch_positions(&mut self, now: Now) {
        for s in &mut self.symbols {
            let Some(since) = s.diverged_at else { continue };
            if now.mono.since(since) >= self.config.timing.settle_ns {
                self.causes.raise(StateReason::PositionMismatch);
                self.counts.mismatches += 1;
                s.diverged_at = None;
                s.venue_qty = None;
            }
        }
    }

    /// Takes account truth; the venue wins.
    pub(super) fn on_truth(&mut self, now: Now, truth: &Truth, out: &mut Outbox) {
        self.record_truth(now.wall, truth, out);
        let has_money = !self.wallet.is_zero();
        if truth.wallet.is_zero() && has_money && self.suspect_truths < SUSPECT_TRUTHS {
            // A venue under stress has shown empty accounts (2025-10-10): never "flat" at once.
            self.suspect_truths += 1;
            self.causes.raise(StateReason::PositionMismatch);
            return;
        }
        self.suspect_truths = 0;
        let mut is_complete = true;
        for (index, told) in (0..self.symbols.len()).zip(&truth.positions) {
            is_complete &= self.take_position(index, told, truth);
        }
        if is_complete {
            self.wallet = truth.wallet;
        }
        is_complete &= self.take_open_orders(now, truth);
        if !is_complete {
            self.is_reconcile_asked = true;
            return;
        }
        if self.day_equity.is_none() {
            self.wallet_at_start = truth.wallet;
            self.day = super::state::utc_day(now.wall);
            self.day_equity = Some(self.exposure(now).equity);
        }
        self.is_reconciled = true;
        self.is_reconcile_asked = self.orders.live().any(|(_, order)| order.is_short_of_fills());
        self.causes.truth_told(&self.links, self.orders.unknown_count());
    }

    fn record_truth(&self, wall: WallNs, truth: &Truth, out: &mut Outbox) {
        let balance = BalanceDelta {
            is_quote: true,
            wallet: truth.wallet,
            cross_wallet: truth.wallet,
            change: Notional::ZERO,
        };
        out.record(&Event::Balance(balance, wall, false));
        for (index, position) in truth.positions.iter().enumerate().take(self.symbols.len()) {
            let position = PositionDelta { symbol: SymbolId(index as u16), ..*position };
            out.record(&Event::Position(position, wall));
        }
    }

    /// Takes one position; `false` if fills younger than the truth forbid the comparison.
    fn take_position(&mut self, index: usize, told: &PositionDelta, truth: &Truth) -> bool {
        let s = &mut self.symbols[index];
        let is_younger = |at| at >= truth.requested_at;
        if s.last_fill_at.is_some_and(is_younger) {
            return false;
        }
        if s.position.qty() != told.qty {
            // At the start this is what was left behind; later it is a difference to be counted.
            self.counts.mismatches += u64::from(self.is_reconciled);
            s.position = Position::from_entry(told.qty, told.entry_price);
        }
        s.venue_qty = Some(told.qty);
        s.diverged_at = None;
        true
    }

    /// Takes the open orders: those we hold that are missing become unknown and are asked about,
    /// those we do not hold are adopted. `false` if they cannot all be held.
    fn take_open_orders(&mut self, now: Now, truth: &Truth) -> bool {
        for index in 0..self.orders.live_count() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = self.orders.get(handle);
            let is_younger = order.sent_at >= truth.requested_at;
            let is_told = truth.open_orders.iter().any(|told| {
                told.symbol == order.symbol
                    && if order.id == ClientOrderId::NONE {
                        told.venue_order_id == order.venue_order_id
                    } else {
                        told.client_order_id == order.id
                    }
            });
            if !is_younger && !is_told {
                self.orders.change(handle, |order| order.is_unknown = true);
            }
        }
        let mut is_complete = true;
        for told in &truth.open_orders {
            match self.orders.find(told.symbol, told.client_order_id, told.venue_order_id) {
                Some(handle) => {
                    let status = match told.cum_qty.is_zero() {
                        true => OrderStatus::New,
                        false => OrderStatus::PartiallyFilled,
                    };
                    self.orders.learn(handle, status, told.cum_qty, told.venue_order_id);
                }
                None => is_complete &= self.adopt(now, told).is_some(),
            }
        }
        is_complete
    }
}
