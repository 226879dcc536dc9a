//! What a venue does that no client asked for: rules changed, positions closed, orders wiped.
//!
//! Everything here is real to the ledger; how the venue misbehaves on request is built from it
//! (`tools/venue`).

use schema::{Notional, OrderType, Price, Qty, Side, SymbolId, TimeInForce};

use super::{AccountId, Exchange};
use crate::event::AccountReason;
use crate::ledger::ChangeKind;
use crate::order::OrderKey;
use crate::rules::Rules;
use crate::view::OrderView;

impl Exchange {
    /// Changes the rules of a symbol, from now on; resting orders stay as they are.
    pub fn set_rules(&mut self, symbol: SymbolId, rules: Rules) {
        if let Some(place) = self.config.symbols.get_mut(symbol.index()) {
            *place = rules;
        }
    }

    /// Fills a resting order at its own price, whatever the tape says: by a counterparty nobody
    /// sees. Returns what filled: `qty`, or less if less is left.
    pub fn fill_resting(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
        key: &OrderKey,
        qty: Qty,
    ) -> Qty {
        self.advance(now_ms);
        let Ok(Some(order)) = self.find(account, symbol, key) else { return Qty::ZERO };
        let (order_id, price) = (order.view.order_id, order.view.price);
        let qty = qty.min(self.fillable(order_id));
        if qty > Qty::ZERO {
            let trade_id = self.markets[symbol.index()].take_trade_id();
            self.fill(order_id, price, qty, true, trade_id);
            self.settle_reduce_only(account, symbol);
        }
        qty
    }

    /// The venue closes part of a position at the mark, in an order of its own named `client_id`:
    /// a liquidation or a deleveraging. The order, if there was anything to close.
    pub fn close_by_venue(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
        qty: Qty,
        client_id: String,
    ) -> Option<OrderView> {
        self.advance(now_ms);
        let position = self.position_qty(account, symbol);
        let qty = qty.min(position.abs());
        let mark_price: Price = self.mark(symbol)?.mark_price;
        if qty <= Qty::ZERO {
            return None;
        }
        let side = if position > Qty::ZERO { Side::Sell } else { Side::Buy };
        let set = |view| OrderView {
            side,
            order_type: OrderType::Liquidation,
            time_in_force: TimeInForce::Ioc,
            price: mark_price,
            ..view
        };
        let order = self.insert(account, symbol, qty, Some(client_id), set);
        let trade_id = self.markets[symbol.index()].take_trade_id();
        self.fill(order.order_id, mark_price, qty, false, trade_id);
        self.settle_reduce_only(account, symbol);
        self.view_of(order.order_id)
    }

    /// Pays funding now, besides the regular times.
    pub fn fund_now(&mut self, now_ms: i64) {
        self.advance(now_ms);
        self.fund();
    }

    /// The owner puts money in, or takes it out.
    pub fn transfer(&mut self, now_ms: i64, account: AccountId, amount: Notional) {
        self.advance(now_ms);
        self.change(account, ChangeKind::Transfer, SymbolId::NONE, amount, 0);
        let is_out = amount < Notional::ZERO;
        let reason = if is_out { AccountReason::Withdraw } else { AccountReason::Deposit };
        self.report_account(account, reason, amount, None);
    }

    /// Cancels every order of every account.
    pub fn wipe_orders(&mut self, now_ms: i64) {
        self.advance(now_ms);
        let open = self.accounts.iter().flat_map(|account| account.open.iter().map(|(_, id)| *id));
        let open: Vec<i64> = open.collect();
        for order_id in open {
            self.cancel_order(order_id);
        }
    }
}
