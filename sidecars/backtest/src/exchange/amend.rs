//! Orders cancelled and amended.

use schema::{OrderType, Price, Qty, SymbolId, TimeInForce};

use super::{AccountId, Exchange};
use crate::error::VenueError;
use crate::order::{AmendRequest, OrderKey};
use crate::view::OrderView;

/// Amendments of one order (`maxMoveOrderLimit`).
const AMENDMENTS_MAX: u32 = 10_000;

impl Exchange {
    /// Cancels an order.
    ///
    /// # Errors
    /// -2011 if it is not working, -1102 if the key is empty.
    pub fn cancel(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
        key: &OrderKey,
    ) -> Result<OrderView, VenueError> {
        self.advance(now_ms);
        self.known(account)?;
        let order = self.find(account, symbol, key)?.filter(|order| order.is_working());
        let order_id = order.ok_or_else(VenueError::unknown_order)?.view.order_id;
        self.cancel_order(order_id);
        self.view_of(order_id).ok_or_else(VenueError::unknown_order)
    }
    /// Cancels all open orders of a symbol and returns them.
    ///
    /// # Errors
    /// -1121 for an unknown symbol.
    pub fn cancel_all(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
    ) -> Result<Vec<OrderView>, VenueError> {
        self.advance(now_ms);
        self.known(account)?;
        self.rules(symbol).ok_or_else(VenueError::invalid_symbol)?;
        Ok(self.cancel_symbol(account, symbol))
    }
    pub(super) fn cancel_symbol(&mut self, account: AccountId, symbol: SymbolId) -> Vec<OrderView> {
        let ids: Vec<_> = self.working(account, symbol).map(|order| order.view.order_id).collect();
        let mut views = Vec::with_capacity(ids.len());
        for order_id in ids {
            self.cancel_order(order_id);
            views.extend(self.view_of(order_id));
        }
        views
    }

    /// Changes price and quantity; loses queue priority. As the venue does, it cancels the order
    /// instead when what is filled reaches the new quantity, or when a GTX order would take.
    ///
    /// # Errors
    /// The venue's refusal; the order is unchanged then.
    pub fn modify(
        &mut self,
        now_ms: i64,
        account: AccountId,
        request: &AmendRequest,
    ) -> Result<OrderView, VenueError> {
        self.advance(now_ms);
        self.known(account)?;
        let (order_id, price, qty) = self.check_amendment(account, request)?;
        let Some(order) = self.orders.get(&order_id) else {
            return Err(VenueError::no_such_order());
        };
        let symbol = order.view.symbol;
        let is_gtx = order.view.time_in_force == TimeInForce::Gtx;
        let would_take = is_gtx && self.would_take(symbol, order.view.side, price);
        let is_spent = !order.view.executed_qty.is_zero() && qty <= order.view.executed_qty;
        if would_take || is_spent {
            self.cancel_order(order_id);
        } else {
            self.markets[symbol.index()].resting.retain(|resting| resting.order_id != order_id);
            if let Some(order) = self.orders.get_mut(&order_id) {
                (order.view.price, order.view.qty) = (price, qty);
                order.view.price_match = request.price_match;
                order.view.update_time_ms = self.now_ms;
                order.view.modify_id = request.modify_id;
                order.amendments += 1;
            }
            self.report_amendment(order_id);
            self.match_new(order_id, price);
            self.settle_reduce_only(account, symbol);
        }
        let view = self.view_of(order_id).ok_or_else(VenueError::no_such_order)?;
        Ok(OrderView { modify_id: request.modify_id, ..view })
    }

    fn check_amendment(
        &self,
        account: AccountId,
        request: &AmendRequest,
    ) -> Result<(i64, Price, Qty), VenueError> {
        let symbol = request.symbol;
        let rules = self.rules(symbol).ok_or_else(VenueError::invalid_symbol)?;
        let qty = request.qty.ok_or_else(|| VenueError::mandatory("quantity"))?;
        let price =
            self.price_or_match(symbol, request.side, request.price, request.price_match)?;
        let order = self.find(account, symbol, &request.key)?.filter(|order| order.is_working());
        let order = order.ok_or_else(VenueError::no_such_order)?;
        if order.view.side != request.side {
            return Err(VenueError::invalid_parameter("side"));
        }
        if order.view.order_type != OrderType::Limit {
            return Err(VenueError::new(-5025, "Only limit order is supported."));
        }
        if !rules.trading {
            return Err(VenueError::new(
                -5024,
                "Symbol is not in trading status. Order amendment is not permitted.",
            ));
        }
        if (order.view.price, order.view.qty) == (price, qty) {
            return Err(VenueError::new(-5027, "No need to modify the order."));
        }
        if order.amendments >= AMENDMENTS_MAX {
            return Err(VenueError::new(-5026, "Exceed maximum modify order limit."));
        }
        rules.check_qty(qty, false)?;
        rules.check_price(price)?;
        if let Some(mark) = self.mark(symbol) {
            rules.check_band(order.view.side, price, mark.mark_price)?;
        }
        if !order.view.reduce_only {
            rules
                .check_notional(price, qty)
                .map_err(|error| VenueError { code: -5029, ..error })?;
            self.check_growth(account, order, price, qty)?;
        }
        Ok((order.view.order_id, price, qty))
    }

    /// Margin for what the amendment adds to the order's notional.
    fn check_growth(
        &self,
        account: AccountId,
        order: &super::state::Order,
        price: Price,
        qty: Qty,
    ) -> Result<(), VenueError> {
        let leaves = Qty::from_units((qty.units() - order.view.executed_qty.units()).max(0));
        let grown = price.times(leaves) - order.view.price.times(order.leaves());
        if grown <= 0 {
            return Ok(());
        }
        let more =
            Qty::from_units(i64::try_from(grown / i128::from(price.units())).unwrap_or(i64::MAX));
        self.check_margin(account, order.view.symbol, order.view.side, price, more)
    }
}
