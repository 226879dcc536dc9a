//! What concerns orders that only reduce: they may not turn a position, and are never kept from
//! closing one.

use schema::{NewOrder, OrderType, Qty, Reject};

use super::{SymbolRules, View, require};

/// It must stand against the position and leave it on its side, working orders counted.
#[inline]
pub(super) fn reduce_only(view: &View<'_>, order: &NewOrder, added: Qty) -> Result<(), Reject> {
    if !order.reduce_only {
        return Ok(());
    }
    let left = view.exposure.of(order.symbol).reducible(order.side);
    require(i128::from(added.units()) <= left, Reject::ReduceOnly)
}

/// An order that is counted already: what it was to reduce may have become less meanwhile.
#[inline]
pub(super) fn still_reduces(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let is_fine = view.exposure.of(order.symbol).worst(order.side) <= 0;
    require(!order.reduce_only || is_fine, Reject::ReduceOnly)
}

/// The smallest order there is may always reduce: limits that were tightened for the strategy must
/// not keep a position from being closed.
#[inline]
pub(super) fn is_least(view: &View<'_>, order: &NewOrder) -> bool {
    order.reduce_only && order.qty <= least_qty(&view.symbol.rules, order.order_type)
}

/// The smallest quantity the venue takes.
pub(crate) const fn least_qty(rules: &SymbolRules, order_type: OrderType) -> Qty {
    match order_type {
        OrderType::Market => rules.market_qty_min,
        _ => rules.qty_min,
    }
}
