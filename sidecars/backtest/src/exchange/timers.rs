//! What time brings: mark prices, funding, GTD, the dead man's switch, liquidation.

use schema::{
    Mark, Notional, OrderStatus, OrderType, Price, Qty, SCALE, Side, SymbolId, TimeInForce,
};

use super::state::wall;
use super::{AccountId, Exchange};
use crate::algo::WorkingType;
use crate::error::VenueError;
use crate::event::{AccountEvent, AccountReason, MarginCall, VenueEvent, expiry};
use crate::ledger::ChangeKind;
use crate::market::MarketUpdate;
use crate::view::OrderView;

/// Between mark prices.
const MARK_INTERVAL_MS: i64 = 1_000;
/// A recorded mark price older than this gives way to the derived one.
const RECORDED_MARK_MS: i64 = 10_000;
/// The derived mark moves this part of its distance to the mid with each book event.
const MID_EMA_PART: i128 = 32;
/// Fraction bits of the mid EMA.
const MID_EMA_SCALE: i128 = 1_024;

impl Exchange {
    /// Moves the time: GTD, countdown, mark price every second, funding, liquidation. An earlier
    /// time counts as the latest seen.
    pub fn advance(&mut self, now_ms: i64) {
        if now_ms <= self.now_ms {
            return;
        }
        if self.now_ms == i64::MIN {
            self.next_mark_ms = next_multiple(now_ms, MARK_INTERVAL_MS);
            self.next_funding_ms = next_multiple(now_ms, self.config.funding_interval_ms);
        }
        self.now_ms = now_ms;
        self.expire_by_date();
        self.expire_algos_by_date();
        self.fire_countdowns();
        if self.next_mark_ms <= now_ms {
            // After a leap of time only the newest second is told.
            self.next_mark_ms = next_multiple(now_ms, MARK_INTERVAL_MS);
            self.broadcast_marks(self.next_mark_ms - MARK_INTERVAL_MS);
            self.trigger_by_marks();
            self.check_liquidations();
        }
        while self.next_funding_ms <= now_ms {
            self.next_funding_ms += self.config.funding_interval_ms.max(1);
            self.fund();
        }
    }
    /// When [`Exchange::advance`] next has something to do, ms; `None` before the first call.
    pub fn next_timer_ms(&self) -> Option<i64> {
        if self.now_ms == i64::MIN {
            return None;
        }
        let mut next = self.next_mark_ms.min(self.next_funding_ms);
        next = next.min(self.algos.next_expiry_ms().unwrap_or(i64::MAX));
        for account in &self.accounts {
            for at in account.holdings.iter().filter_map(|holding| holding.countdown_at) {
                next = next.min(at);
            }
            for order in account.open.iter().filter_map(|(_, id)| self.orders.get(id)) {
                if order.view.good_till_ms > 0 {
                    next = next.min(order.view.good_till_ms);
                }
            }
        }
        Some(next)
    }

    /// Sets the dead man's switch of a symbol: all its orders are cancelled after `countdown_ms`
    /// unless set again; zero turns it off.
    ///
    /// # Errors
    /// -1121 for an unknown symbol, -1130 for a negative time.
    pub fn set_countdown(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
        countdown_ms: i64,
    ) -> Result<(), VenueError> {
        self.advance(now_ms);
        self.known(account)?;
        self.rules(symbol).ok_or_else(VenueError::invalid_symbol)?;
        if countdown_ms < 0 {
            return Err(VenueError::invalid_parameter("countdownTime"));
        }
        let at = (countdown_ms > 0).then(|| self.now_ms.saturating_add(countdown_ms));
        self.accounts[account.index()].holdings[symbol.index()].countdown_at = at;
        Ok(())
    }

    fn account_ids(&self) -> impl Iterator<Item = AccountId> + use<> {
        (0..self.accounts.len() as u32).map(AccountId)
    }
    fn symbol_ids(&self) -> impl Iterator<Item = SymbolId> + use<> {
        (0..self.markets.len() as u16).map(SymbolId)
    }

    fn expire_by_date(&mut self) {
        for account in self.account_ids() {
            let open = &self.accounts[account.index()].open;
            let is_due = |id: &i64| {
                let order = self.orders.get(id);
                order.is_some_and(|o| (1..=self.now_ms).contains(&o.view.good_till_ms))
            };
            let due: Vec<i64> = open.iter().map(|(_, id)| *id).filter(is_due).collect();
            for order_id in due {
                self.expire(order_id, OrderStatus::Expired, expiry::NONE);
            }
        }
    }

    fn fire_countdowns(&mut self) {
        for account in self.account_ids() {
            for symbol in self.symbol_ids() {
                let holding = &mut self.accounts[account.index()].holdings[symbol.index()];
                if holding.countdown_at.is_some_and(|at| at <= self.now_ms) {
                    holding.countdown_at = None;
                    self.cancel_symbol(account, symbol);
                }
            }
        }
    }

    /// Follows the book's middle with the derived mark.
    pub(super) fn follow_mid(&mut self, symbol: SymbolId) {
        let now_ms = self.now_ms;
        let market = &mut self.markets[symbol.index()];
        let Some(mid) = market.book.mid() else { return };
        let mid = i128::from(mid.units()) * MID_EMA_SCALE;
        let before = if market.mid_ema == 0 { mid } else { market.mid_ema };
        market.mid_ema = before + (mid - before) / MID_EMA_PART;
        let is_recorded = market.recorded_mark_ms.is_some_and(|ms| now_ms - ms < RECORDED_MARK_MS);
        if !is_recorded {
            let units = i64::try_from(market.mid_ema / MID_EMA_SCALE).unwrap_or(i64::MAX);
            market.mark.mark_price = Price::from_units(units);
            market.mark.index_price = market.mark.mark_price;
            market.mark.funding_rate_e8 = self.config.funding_rate_e8;
        }
    }
    /// Takes the mark price, index and rate of the tape.
    pub(super) fn apply_recorded_mark(&mut self, symbol: SymbolId, mark: &Mark) {
        let market = &mut self.markets[symbol.index()];
        market.recorded_mark_ms = Some(self.now_ms);
        market.mark.mark_price = mark.mark_price;
        market.mark.index_price = mark.index_price;
        market.mark.funding_rate_e8 = mark.funding_rate_e8;
    }
    fn broadcast_marks(&mut self, second_ms: i64) {
        for market in &mut self.markets {
            market.mark.event_time = wall(second_ms);
            market.mark.next_funding_time = wall(self.next_funding_ms);
            if !market.mark.mark_price.is_zero() {
                self.events.push(VenueEvent::Market(MarketUpdate::Mark(market.mark)));
            }
        }
    }

    fn trigger_by_marks(&mut self) {
        for symbol in self.symbol_ids() {
            let mark_price = self.markets[symbol.index()].mark.mark_price;
            self.price_moved(symbol, WorkingType::MarkPrice, mark_price);
        }
    }

    /// Pays funding: −quantity × mark × rate, rounded half away from zero.
    pub(super) fn fund(&mut self) {
        for account in self.account_ids() {
            for symbol in self.symbol_ids() {
                let qty = self.position_qty(account, symbol);
                let Some(mark) = self.mark(symbol).filter(|_| !qty.is_zero()) else { continue };
                let value = mark.mark_price.times(qty);
                let owed = value * i128::from(mark.funding_rate_e8) / i128::from(SCALE);
                let amount = super::margin::money(-owed);
                self.change(account, ChangeKind::FundingFee, symbol, amount, 0);
                self.report_account(account, AccountReason::FundingFee, amount, None);
            }
        }
    }

    fn check_liquidations(&mut self) {
        for account in self.account_ids() {
            let totals = self.totals(account);
            if totals.maint.is_zero() {
                self.accounts[account.index()].margin_called = false;
            } else if totals.margin_balance < totals.maint {
                self.liquidate(account);
            } else {
                // A call when four fifths of the margin are used, once until it is better.
                let is_near = totals.margin_balance.units() / 5 * 4 < totals.maint.units();
                if is_near && !self.accounts[account.index()].margin_called {
                    self.margin_call(account);
                }
                self.accounts[account.index()].margin_called = is_near;
            }
        }
    }

    fn margin_call(&mut self, account: AccountId) {
        for row in self.positions(account).iter().filter(|row| !row.qty.is_zero()) {
            let call = MarginCall {
                wallet_balance: self.accounts[account.index()].wallet,
                symbol_name: row.symbol_name,
                symbol: row.symbol,
                qty: row.qty,
                mark_price: row.mark_price,
                unrealized_profit: row.unrealized_profit,
                maint_margin: row.maint_margin,
                time_ms: self.now_ms,
            };
            self.events.push(VenueEvent::Account(account, AccountEvent::MarginCall(call)));
        }
    }

    /// Ends all orders, closes all positions into the book (what the book cannot take, the
    /// insurance fund takes at the mark), makes good a negative wallet. No extra liquidation fee.
    fn liquidate(&mut self, account: AccountId) {
        for symbol in self.symbol_ids() {
            let ids: Vec<_> =
                self.working(account, symbol).map(|order| order.view.order_id).collect();
            for order_id in ids {
                self.expire(order_id, OrderStatus::Expired, expiry::LIQUIDATION);
            }
        }
        for symbol in self.symbol_ids() {
            self.liquidate_position(account, symbol);
            self.settle_close_position(account, symbol);
        }
        let wallet = self.accounts[account.index()].wallet;
        if wallet < Notional::ZERO {
            let missing = Notional::from_units(-wallet.units());
            self.change(account, ChangeKind::InsuranceClear, SymbolId::NONE, missing, 0);
            self.report_account(account, AccountReason::InsuranceClear, missing, None);
        }
    }

    fn liquidate_position(&mut self, account: AccountId, symbol: SymbolId) {
        let position = self.position_qty(account, symbol);
        let Some(mark) = self.mark(symbol).filter(|_| !position.is_zero()) else { return };
        let mark_price = mark.mark_price;
        let side = if position > Qty::ZERO { Side::Sell } else { Side::Buy };
        let client_id = format!("autoclose-{}-{}", self.now_ms, symbol.0);
        let set = |view| OrderView {
            side,
            order_type: OrderType::Liquidation,
            time_in_force: TimeInForce::Ioc,
            price: mark_price,
            ..view
        };
        let order = self.insert(account, symbol, position.abs(), Some(client_id), set);
        let bound = if side == Side::Buy { Price::MAX } else { Price::ZERO };
        self.take(order.order_id, bound);
        let left = self.leaves(order.order_id);
        if left > Qty::ZERO {
            let trade_id = self.markets[symbol.index()].take_trade_id();
            self.fill(order.order_id, mark_price, left, false, trade_id);
        }
        let is_report = |event: &&VenueEvent| {
            matches!(event, VenueEvent::Account(_, AccountEvent::Order(update))
                if update.order.order_id == order.order_id)
        };
        if let Some(VenueEvent::Account(_, AccountEvent::Order(update))) =
            self.events.iter().rev().find(is_report)
        {
            self.events.push(VenueEvent::ForceOrder(update.clone()));
        }
    }
}

/// The smallest multiple of `step` after `ms`.
fn next_multiple(ms: i64, step: i64) -> i64 {
    let step = step.max(1);
    (ms.div_euclid(step) + 1).saturating_mul(step)
}
