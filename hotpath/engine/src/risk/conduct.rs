//! Limits on how the strategy behaves and how far the account may be led: what the numbers of one
//! order do not show. Each is one function, one [`Reject`], one test, like those of [`super`].

use schema::{NewOrder, Notional, OrderType, Price, Reject, SCALE, Side};

use super::{View, require};

/// What came before the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conduct {
    /// Highest price of our working buys of the symbol, zero if there is none.
    pub own_bid: Price,
    /// Lowest price of our working sells of the symbol, zero if there is none.
    pub own_ask: Price,
    /// Opening orders of the symbol within the window, by side.
    pub alike: [u32; 2],
    /// Messages in the last ten minutes.
    pub messages_10m: u32,
    /// Fills in the last ten minutes.
    pub fills_10m: u32,
    /// Highest equity, zero if not known.
    pub peak_equity: Notional,
    /// Lowest mark of the window, zero if not known.
    pub mark_low: Price,
    /// Highest mark of the window, zero if not known.
    pub mark_high: Price,
}

/// It must not trade with a working order of our own: neither side would learn anything but fees.
/// One that reduces is left to the venue's own prevention: an order of ours that cannot be cancelled
/// must not hold up a close.
#[inline]
pub(super) fn self_match(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let conduct = view.conduct;
    let is_market = order.order_type == OrderType::Market;
    let crosses = match order.side {
        Side::Buy => conduct.own_ask.units() > 0 && (is_market || order.price >= conduct.own_ask),
        Side::Sell => conduct.own_bid.units() > 0 && (is_market || order.price <= conduct.own_bid),
    };
    require(order.reduce_only || !crosses, Reject::SelfMatch)
}

/// A strategy that goes on and on is stopped until a person looked (RTS 6, 15(3)).
#[inline]
pub(super) fn repeated_orders(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let is_fine = view.limits.repeated_window_ns == 0
        || view.conduct.alike[order.side as usize] < view.limits.repeated_orders_max;
    require(order.reduce_only || is_fine, Reject::RepeatedOrders)
}

#[inline]
pub(super) fn order_to_trade(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let conduct = view.conduct;
    let messages = u64::from(conduct.messages_10m);
    let most = u64::from(view.limits.order_to_trade_e2_max) * u64::from(conduct.fills_10m.max(1));
    let is_fine = conduct.messages_10m < view.limits.order_to_trade_from || messages * 100 <= most;
    require(order.reduce_only || is_fine, Reject::OrderToTrade)
}

#[inline]
pub(super) fn drawdown(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let is_fine = !is_drawn_down(
        view.conduct.peak_equity,
        view.exposure.equity,
        view.limits.drawdown_ppm_max,
    );
    require(order.reduce_only || is_fine, Reject::Drawdown)
}

/// Whether equity has fallen from its highest by so many ppm of it.
pub(crate) fn is_drawn_down(peak: Notional, equity: Notional, ppm: i64) -> bool {
    let fall = i128::from(peak.units()) - i128::from(equity.units());
    peak.units() > 0 && fall * 1_000_000 >= i128::from(peak.units()) * i128::from(ppm)
}

/// Maintenance margin of the worst case against equity; `gross` in units of 1e-16.
#[inline]
pub(super) fn margin(view: &View<'_>, order: &NewOrder, gross: i128) -> Result<(), Reject> {
    let limits = view.limits;
    let needed = gross.saturating_mul(i128::from(limits.maintenance_ppm));
    let most = equity_e16(view) * i128::from(limits.margin_ratio_ppm_max);
    require(order.reduce_only || needed <= most, Reject::Margin)
}

/// What is left of equity after an adverse move of all prices must still be the maintenance margin:
/// `(equity - maintenance) / gross` is the move that liquidates.
#[inline]
pub(super) fn liquidation_distance(
    view: &View<'_>,
    order: &NewOrder,
    gross: i128,
) -> Result<(), Reject> {
    let limits = view.limits;
    let needed_ppm = i128::from(limits.maintenance_ppm + limits.liquidation_distance_ppm_min);
    let is_fine = gross.saturating_mul(needed_ppm) <= equity_e16(view) * 1_000_000;
    require(order.reduce_only || is_fine, Reject::LiquidationDistance)
}

#[inline]
fn equity_e16(view: &View<'_>) -> i128 {
    i128::from(view.exposure.equity.units().max(0)) * i128::from(SCALE)
}

/// A price that runs away in small steps passes the collar of every single order.
#[inline]
pub(super) fn window_collar(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    if order.order_type == OrderType::Market {
        return Ok(());
    }
    let ppm = i128::from(view.limits.window_collar_ppm);
    let price = i128::from(order.price.units()) * 1_000_000;
    let (low, high) = (view.conduct.mark_low.units(), view.conduct.mark_high.units());
    let is_fine = match order.side {
        Side::Buy => low == 0 || price <= i128::from(low) * (1_000_000 + ppm),
        Side::Sell => high == 0 || price >= i128::from(high) * (1_000_000 - ppm),
    };
    require(order.reduce_only || is_fine, Reject::WindowCollar)
}

#[inline]
pub(super) fn restricted(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    require(order.reduce_only || !view.symbol.limits.is_restricted, Reject::Restricted)
}
