//! What happens to orders and money: fills, expiries, and the reports of them.

use schema::{ExecType, Notional, OrderStatus, OrderType, Price, Qty, SymbolId};

use super::state::{Order, Resting};
use super::{AccountId, Exchange, FINISHED_ORDERS_MAX};
use crate::event::{
    AccountEvent, AccountReason, AccountUpdate, OrderUpdate, PositionUpdate, TradeLite, VenueEvent,
    expiry,
};
use crate::ledger::{BalanceChange, ChangeKind, Fill};

/// What a report says besides the order.
#[derive(Debug, Clone, Copy)]
struct Happened {
    exec_type: ExecType,
    last_qty: Qty,
    last_price: Price,
    commission: Notional,
    realized_pnl: Notional,
    trade_id: i64,
    is_maker: bool,
    expiry_reason: u8,
}

impl Happened {
    const fn without_fill(exec_type: ExecType, expiry_reason: u8) -> Self {
        Self {
            exec_type,
            last_qty: Qty::ZERO,
            last_price: Price::ZERO,
            commission: Notional::ZERO,
            realized_pnl: Notional::ZERO,
            trade_id: 0,
            is_maker: false,
            expiry_reason,
        }
    }
}

impl Exchange {
    /// What a working order still wants; zero for one that is not working.
    pub(super) fn leaves(&self, order_id: i64) -> Qty {
        let order = self.orders.get(&order_id).filter(|order| order.is_working());
        order.map_or(Qty::ZERO, Order::leaves)
    }
    /// What may fill of it now: a reduce-only order never more than there is to reduce.
    pub(super) fn fillable(&self, order_id: i64) -> Qty {
        let Some(order) = self.orders.get(&order_id).filter(|order| order.is_working()) else {
            return Qty::ZERO;
        };
        if !order.view.reduce_only {
            return order.leaves();
        }
        let position = self.position_qty(order.account, order.view.symbol).units();
        let reducible = Qty::from_units((-position * order.view.side.sign()).max(0));
        order.leaves().min(reducible)
    }

    /// Books one fill and reports it: TRADE_LITE, x=NEW if not sent yet, ACCOUNT_UPDATE, x=TRADE,
    /// all with the same time (PROTOCOL 5).
    pub(super) fn fill(
        &mut self,
        order_id: i64,
        price: Price,
        qty: Qty,
        is_maker: bool,
        trade_id: i64,
    ) {
        let Some(order) = self.orders.get_mut(&order_id) else { return };
        assert!(qty > Qty::ZERO && qty <= order.leaves(), "a fill is part of what is left");
        let (account, symbol, side) = (order.account, order.view.symbol, order.view.side);
        order.cost_e16 += price.times(qty);
        let view = &mut order.view;
        view.executed_qty = Qty::from_units(view.executed_qty.units() + qty.units());
        view.cum_quote = Notional::from_e16(order.cost_e16).unwrap_or(Notional::MAX);
        view.avg_price = average(order.cost_e16, view.executed_qty);
        view.update_time_ms = self.now_ms;
        let is_filled = view.executed_qty == view.qty;
        view.status = if is_filled { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let is_liquidation = view.order_type == OrderType::Liquidation;

        let quote = price.notional(qty).unwrap_or(Notional::MAX);
        let ppm = if is_maker { self.config.maker_fee_ppm } else { self.config.taker_fee_ppm };
        let commission = quote.ppm(ppm).unwrap_or(Notional::MAX);
        let holding = &mut self.accounts[account.index()].holdings[symbol.index()];
        let realized_pnl = holding
            .position
            .apply_fill(side, qty, price)
            .unwrap_or_else(|error| panic!("fill of order {order_id}: {error}"));
        holding.realized = sum(holding.realized, realized_pnl);
        holding.update_ms = self.now_ms;

        if is_filled {
            self.finish(order_id);
        }
        self.record_fill(order_id, price, qty, is_maker, trade_id, commission, realized_pnl);
        let exec_type = if is_liquidation { ExecType::Calculated } else { ExecType::Trade };
        let happened = Happened {
            exec_type,
            last_qty: qty,
            last_price: price,
            commission,
            realized_pnl,
            trade_id,
            is_maker,
            expiry_reason: expiry::NONE,
        };
        self.report_fill(order_id, happened);
        self.follow_order(order_id);
    }

    fn record_fill(
        &mut self,
        order_id: i64,
        price: Price,
        qty: Qty,
        maker: bool,
        trade_id: i64,
        commission: Notional,
        realized_pnl: Notional,
    ) {
        let Some(order) = self.orders.get(&order_id) else { return };
        let (account, symbol) = (order.account, order.view.symbol);
        let fill = Fill {
            symbol,
            symbol_name: order.view.symbol_name,
            trade_id,
            order_id,
            client_order_id: order.view.client_order_id.clone(),
            side: order.view.side,
            price,
            qty,
            commission,
            realized_pnl,
            maker,
            time_ms: self.now_ms,
        };
        self.accounts[account.index()].ledger.fills.push(fill);
        if !realized_pnl.is_zero() {
            self.change(account, ChangeKind::RealizedPnl, symbol, realized_pnl, trade_id);
        }
        let paid = Notional::from_units(-commission.units());
        self.change(account, ChangeKind::Commission, symbol, paid, trade_id);
    }

    /// Changes a wallet, with its row in the ledger.
    pub(super) fn change(
        &mut self,
        account: AccountId,
        kind: ChangeKind,
        symbol: SymbolId,
        amount: Notional,
        trade_id: i64,
    ) {
        self.change_sequence += 1;
        let id = self.change_sequence;
        let account = &mut self.accounts[account.index()];
        account.wallet = sum(account.wallet, amount);
        account.update_ms = self.now_ms;
        account.ledger.changes.push(BalanceChange {
            id,
            kind,
            symbol,
            amount,
            wallet_balance: account.wallet,
            trade_id,
            time_ms: self.now_ms,
        });
    }

    fn report_fill(&mut self, order_id: i64, happened: Happened) {
        let Some(order) = self.orders.get(&order_id) else { return };
        let (account, symbol) = (order.account, order.view.symbol);
        let view = &order.view;
        let lite = TradeLite {
            symbol,
            symbol_name: view.symbol_name,
            qty: view.qty,
            price: view.price,
            is_maker: happened.is_maker,
            client_order_id: view.client_order_id.clone(),
            side: view.side,
            last_price: happened.last_price,
            last_qty: happened.last_qty,
            trade_id: happened.trade_id,
            order_id,
            time_ms: self.now_ms,
        };
        self.events.push(VenueEvent::Account(account, AccountEvent::TradeLite(lite)));
        self.report_new(order_id);
        let position = Some(self.position_update(account, symbol));
        self.report_account(account, AccountReason::Order, Notional::ZERO, position);
        self.report(order_id, happened);
    }

    /// ACCOUNT_UPDATE.
    pub(super) fn report_account(
        &mut self,
        account: AccountId,
        reason: AccountReason,
        balance_change: Notional,
        position: Option<PositionUpdate>,
    ) {
        let update = AccountUpdate {
            reason,
            wallet_balance: self.accounts[account.index()].wallet,
            balance_change,
            position,
            time_ms: self.now_ms,
        };
        self.events.push(VenueEvent::Account(account, AccountEvent::Account(update)));
    }

    fn position_update(&self, account: AccountId, symbol: SymbolId) -> PositionUpdate {
        let row = self.position_view(account, symbol);
        PositionUpdate {
            symbol,
            symbol_name: row.symbol_name,
            qty: row.qty,
            entry_price: row.entry_price,
            break_even_price: row.break_even_price,
            accumulated_realized: self.accounts[account.index()].holdings[symbol.index()].realized,
            unrealized_profit: row.unrealized_profit,
        }
    }

    /// x=NEW, once, showing the order as it was accepted.
    pub(super) fn report_new(&mut self, order_id: i64) {
        let Some(order) = self.orders.get_mut(&order_id).filter(|order| order.owes_new) else {
            return;
        };
        order.owes_new = false;
        let now = order.view.clone();
        order.view.status = OrderStatus::New;
        order.view.executed_qty = Qty::ZERO;
        order.view.cum_quote = Notional::ZERO;
        order.view.avg_price = Price::ZERO;
        self.report(order_id, Happened::without_fill(ExecType::New, expiry::NONE));
        if let Some(order) = self.orders.get_mut(&order_id) {
            order.view = now;
        }
    }
    /// x=AMENDMENT.
    pub(super) fn report_amendment(&mut self, order_id: i64) {
        self.report(order_id, Happened::without_fill(ExecType::Amendment, expiry::NONE));
    }

    fn report(&mut self, order_id: i64, happened: Happened) {
        let Some(order) = self.orders.get(&order_id) else { return };
        let (bid_notional, ask_notional) = self.open_notional(order.account, order.view.symbol);
        let update = OrderUpdate {
            order: order.view.clone(),
            original_type: order.original_type,
            exec_type: happened.exec_type,
            last_qty: happened.last_qty,
            last_price: happened.last_price,
            commission: happened.commission,
            trade_id: happened.trade_id,
            is_maker: happened.is_maker,
            realized_pnl: happened.realized_pnl,
            bid_notional,
            ask_notional,
            expiry_reason: happened.expiry_reason,
            time_ms: self.now_ms,
        };
        let account = order.account;
        self.events.push(VenueEvent::Account(account, AccountEvent::Order(update)));
    }

    /// Ends a working order as cancelled.
    pub(super) fn cancel_order(&mut self, order_id: i64) {
        self.end(order_id, OrderStatus::Canceled, ExecType::Canceled, expiry::NONE);
    }
    /// Ends a working order as expired.
    pub(super) fn expire(&mut self, order_id: i64, status: OrderStatus, reason: u8) {
        self.end(order_id, status, ExecType::Expired, reason);
    }
    fn end(&mut self, order_id: i64, status: OrderStatus, exec_type: ExecType, reason: u8) {
        self.report_new(order_id);
        let Some(order) = self.orders.get_mut(&order_id).filter(|order| order.is_working()) else {
            return;
        };
        order.view.status = status;
        order.view.update_time_ms = self.now_ms;
        self.finish(order_id);
        self.report(order_id, Happened::without_fill(exec_type, reason));
        self.follow_order(order_id);
    }

    /// Takes a finished order out of the book and out of the open ones.
    fn finish(&mut self, order_id: i64) {
        let Some(order) = self.orders.get(&order_id) else { return };
        let (account, symbol, sequence) = (order.account, order.view.symbol, order.sequence);
        self.markets[symbol.index()].resting.retain(|resting| resting.order_id != order_id);
        self.accounts[account.index()].open.remove(&(sequence, order_id));
        self.finished.push_back(order_id);
        if self.finished.len() > FINISHED_ORDERS_MAX
            && let Some(oldest) = self.finished.pop_front()
            && let Some(order) = self.orders.remove(&oldest)
        {
            let key = (order.view.symbol, order.view.client_order_id);
            let by_client_id = &mut self.accounts[order.account.index()].by_client_id;
            if by_client_id.get(&key) == Some(&oldest) {
                by_client_id.remove(&key);
            }
        }
    }

    /// Puts what is left of an order into the book, behind everything displayed at its price.
    pub(super) fn rest(&mut self, order_id: i64) {
        let Some(order) = self.orders.get(&order_id).filter(|order| order.is_working()) else {
            return;
        };
        let (side, price) = (order.view.side, order.view.price);
        let account = order.account;
        let market = &mut self.markets[order.view.symbol.index()];
        let ahead = market.book.visible_qty(side, price);
        market.resting.push(Resting { order_id, account, side, price, ahead });
    }

    /// Expires reduce-only orders that have nothing left to reduce.
    pub(super) fn settle_reduce_only(&mut self, account: AccountId, symbol: SymbolId) {
        let spent: Vec<i64> = self
            .working(account, symbol)
            .filter(|order| order.view.reduce_only)
            .map(|order| order.view.order_id)
            .filter(|order_id| self.fillable(*order_id) == Qty::ZERO)
            .collect();
        for order_id in spent {
            self.expire(order_id, OrderStatus::Expired, expiry::REDUCE_ONLY);
        }
        self.settle_close_position(account, symbol);
    }
}

/// Cost over quantity, rounded half up to 1e-8.
fn average(cost_e16: i128, qty: Qty) -> Price {
    let qty = i128::from(qty.units()).max(1);
    Price::from_units(i64::try_from((cost_e16 + qty / 2) / qty).unwrap_or(i64::MAX))
}

/// Sum of money; past the range the simulation is wrong and stops.
pub(super) fn sum(a: Notional, b: Notional) -> Notional {
    a.checked_add(b).unwrap_or_else(|| panic!("money past its range: {a} + {b}"))
}
