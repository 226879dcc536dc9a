//! What the venue tells of orders, fills, accounts.

use schema::{DepthHead, Notional, SymbolId};

use super::booking::sum;
use super::state::Order;
use super::{AccountId, Exchange};
use crate::error::VenueError;
use crate::event::{AccountEvent, VenueEvent};
use crate::market::DepthUpdate;
use crate::order::OrderKey;
use crate::view::{AccountView, OrderView, PositionView, SymbolConfigView, UserTradeView};

impl Exchange {
    /// An order by the venue's id, or by the client's.
    pub(super) fn find(
        &self,
        account: AccountId,
        symbol: SymbolId,
        key: &OrderKey,
    ) -> Result<Option<&Order>, VenueError> {
        self.rules(symbol).ok_or_else(VenueError::invalid_symbol)?;
        let order = match (key.order_id, &key.client_order_id) {
            (Some(order_id), _) => self.orders.get(&order_id),
            (None, Some(id)) => self.order_by_client_id(account, symbol, id),
            (None, None) => {
                return Err(VenueError::new(
                    -1102,
                    "Param 'origClientOrderId' or 'orderId' must be sent, but both were \
                     empty/null!",
                ));
            }
        };
        Ok(order.filter(|order| order.account == account && order.view.symbol == symbol))
    }
    pub(super) fn order_by_client_id(
        &self,
        account: AccountId,
        symbol: SymbolId,
        id: &str,
    ) -> Option<&Order> {
        let account = self.accounts.get(account.index())?;
        self.orders.get(account.by_client_id.get(&(symbol, id.to_owned()))?)
    }
    pub(super) fn view_of(&self, order_id: i64) -> Option<OrderView> {
        self.orders.get(&order_id).map(|order| order.view.clone())
    }

    /// An order, open or done.
    ///
    /// # Errors
    /// -2013 if there is none, -1102 if the key is empty.
    pub fn status(
        &self,
        account: AccountId,
        symbol: SymbolId,
        key: &OrderKey,
    ) -> Result<OrderView, VenueError> {
        let order = self.find(account, symbol, key)?;
        order.map(|order| order.view.clone()).ok_or_else(VenueError::no_such_order)
    }
    /// Open orders, of one symbol or all, oldest first.
    pub fn open_orders(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<OrderView> {
        let Some(account) = self.accounts.get(account.index()) else { return Vec::new() };
        let orders = account.open.iter().filter_map(|(_, id)| self.orders.get(id));
        let wanted = orders.filter(|order| symbol.is_none_or(|symbol| order.view.symbol == symbol));
        wanted.map(|order| order.view.clone()).collect()
    }
    /// All orders kept, oldest first.
    pub fn all_orders(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<OrderView> {
        let is_wanted = |order: &&Order| {
            order.account == account && symbol.is_none_or(|symbol| order.view.symbol == symbol)
        };
        let mut orders: Vec<_> = self.orders.values().filter(is_wanted).collect();
        orders.sort_by_key(|order| order.sequence);
        orders.into_iter().map(|order| order.view.clone()).collect()
    }
    /// Fills, oldest first.
    pub fn user_trades(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<UserTradeView> {
        let fills = self.ledger(account).map(|ledger| ledger.fills.as_slice()).unwrap_or_default();
        let wanted = fills.iter().filter(|fill| symbol.is_none_or(|symbol| fill.symbol == symbol));
        wanted
            .map(|fill| UserTradeView {
                symbol: fill.symbol,
                symbol_name: fill.symbol_name,
                trade_id: fill.trade_id,
                order_id: fill.order_id,
                side: fill.side,
                price: fill.price,
                qty: fill.qty,
                quote_qty: fill.price.notional(fill.qty).unwrap_or(Notional::MAX),
                commission: fill.commission,
                realized_pnl: fill.realized_pnl,
                maker: fill.maker,
                time_ms: fill.time_ms,
            })
            .collect()
    }

    /// Totals and positions.
    pub fn account(&self, account: AccountId) -> AccountView {
        let Some(state) = self.accounts.get(account.index()) else {
            return AccountView::default();
        };
        let totals = self.totals(account);
        let left = totals.margin_balance.units().saturating_sub(totals.initial.units());
        let rows = self.positions(account);
        let is_shown = |row: &PositionView| {
            !row.qty.is_zero() || self.working(account, row.symbol).next().is_some()
        };
        AccountView {
            wallet_balance: totals.wallet,
            unrealized_profit: totals.unrealized,
            margin_balance: totals.margin_balance,
            initial_margin: totals.initial,
            position_initial_margin: totals.position_initial,
            open_order_initial_margin: sum(
                totals.initial,
                Notional::from_units(-totals.position_initial.units()),
            ),
            maint_margin: totals.maint,
            available_balance: Notional::from_units(left.max(0)),
            update_time_ms: state.update_ms,
            positions: rows.into_iter().filter(is_shown).collect(),
        }
    }
    /// A row for every symbol (`v2` shows all; `v3` those with a position or an open order:
    /// [`AccountView::positions`]).
    pub fn positions(&self, account: AccountId) -> Vec<PositionView> {
        if self.known(account).is_err() {
            return Vec::new();
        }
        let symbols = (0..self.markets.len()).map(|index| SymbolId(index as u16));
        symbols.map(|symbol| self.position_view(account, symbol)).collect()
    }

    /// Leverage of a symbol.
    ///
    /// # Errors
    /// -1121 for an unknown symbol.
    pub fn symbol_config(
        &self,
        account: AccountId,
        symbol: SymbolId,
    ) -> Result<SymbolConfigView, VenueError> {
        self.known(account)?;
        let rules = self.rules(symbol).ok_or_else(VenueError::invalid_symbol)?;
        let leverage = self.accounts[account.index()].holdings[symbol.index()].leverage;
        Ok(SymbolConfigView {
            symbol,
            symbol_name: rules.name,
            leverage,
            max_notional: rules.max_notional(leverage),
        })
    }
    /// Sets the leverage of a symbol.
    ///
    /// # Errors
    /// -4028 if the symbol has no such leverage, -2028 if the margin does not allow it, -2027 if
    /// the position is larger than it allows.
    pub fn set_leverage(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
        leverage: u32,
    ) -> Result<SymbolConfigView, VenueError> {
        self.advance(now_ms);
        let before = self.symbol_config(account, symbol)?;
        let rules = self.rules(symbol).ok_or_else(VenueError::invalid_symbol)?;
        if leverage == 0 || leverage > rules.leverage_max() {
            return Err(VenueError::leverage(leverage));
        }
        if self.symbol_margin(account, symbol, None).exposure > rules.max_notional(leverage) {
            return Err(VenueError::max_position());
        }
        self.accounts[account.index()].holdings[symbol.index()].leverage = leverage;
        let totals = self.totals(account);
        if leverage < before.leverage && totals.initial > totals.margin_balance {
            self.accounts[account.index()].holdings[symbol.index()].leverage = before.leverage;
            return Err(VenueError::leverage_too_small());
        }
        if leverage != before.leverage {
            let event = AccountEvent::Leverage {
                symbol,
                symbol_name: before.symbol_name,
                leverage,
                time_ms: self.now_ms,
            };
            self.events.push(VenueEvent::Account(account, event));
        }
        self.symbol_config(account, symbol)
    }

    /// The answer to `/depth`: kind Snapshot, at most `limit` levels a side.
    pub fn snapshot(&self, symbol: SymbolId, limit: usize) -> Option<DepthUpdate> {
        let mut snapshot = self.book(symbol)?.snapshot(limit);
        snapshot.head =
            DepthHead { symbol, event_time: super::state::wall(self.now_ms), ..snapshot.head };
        Some(snapshot)
    }
}
