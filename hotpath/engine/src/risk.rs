//! Inline risk: the only way to an order that may be sent.
//!
//! [`check`] is one line per limit, in the order of [`Reject`]; each line is one function, one
//! variant, one test. It takes what is known now and nothing else, so it can be called from a
//! table test as easily as from the engine.

use schema::{
    CancelAlgo, CancelOrder, ModifyOrder, MonoNs, NewAlgo, NewOrder, Notional, OrderStatus,
    OrderType, Price, Qty, Reject, Side, TradingState, WallNs,
};

use crate::orders::{Algo, Order};
use conduct::{
    drawdown, liquidation_distance, margin, order_to_trade, repeated_orders, restricted,
    self_match, window_collar,
};

mod conduct;
mod exposure;
mod limits;
mod market;
mod rate;
mod reducing;

pub use conduct::Conduct;
pub(crate) use conduct::is_drawn_down;
pub use exposure::{Exposure, SymbolExposure};
pub use limits::{Limits, SymbolConfig, SymbolLimits, SymbolRules};
pub use market::Market;
pub use rate::MessageRate;
pub(crate) use rate::{MarkWindow, Window};
pub(crate) use reducing::least_qty;
use reducing::{is_least, reduce_only, still_reduces};

/// Proof that risk looked at it. Only this module can make one: the field is private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    /// What was approved.
    #[inline]
    pub const fn get(&self) -> &T {
        &self.0
    }
}

/// Everything an order is checked against.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Monotonic time.
    pub now: MonoNs,
    /// Wall time.
    pub wall: WallNs,
    /// Trading state.
    pub state: TradingState,
    /// The symbol's filters and limits.
    pub symbol: &'a SymbolConfig,
    /// The account's limits.
    pub limits: &'a Limits,
    /// The symbol's market.
    pub market: &'a Market,
    /// Worst cases of the account.
    pub exposure: &'a Exposure,
    /// Live orders of the account.
    pub open_orders: u32,
    /// Whether the order tables have room.
    pub has_room: bool,
    /// Messages in the last 10 s.
    pub messages_10s: u32,
    /// Messages in the last minute.
    pub messages_1m: u32,
    /// The last order approved on the symbol and when.
    pub last_order: Option<&'a (NewOrder, MonoNs)>,
    /// Equity lost since the day began, zero or less if none.
    pub day_loss: Notional,
    /// No order is taken by the venue before.
    pub limited_until: MonoNs,
    /// No order that adds risk on the symbol is taken by the venue before.
    pub closed_until: MonoNs,
    /// What came before.
    pub conduct: &'a Conduct,
}

/// Looks at a new order; `Ok` is the only way to an [`Approved`] one.
///
/// # Errors
/// The first limit it breaks, in the order of [`Reject`].
#[inline]
pub fn check(view: &View<'_>, order: &NewOrder) -> Result<Approved<NewOrder>, Reject> {
    let added = order.qty;
    trading_state(view, order)?;
    price_filter(view, order)?;
    lot_size(view, order)?;
    min_notional(view, order)?;
    percent_price(view, order)?;
    max_qty(view, order)?;
    max_notional(view, order)?;
    price_collar(view, order)?;
    position_limit(view, order, added)?;
    let gross = view.exposure.gross_with_e16(order.symbol, order.side, added);
    exposure_limit(view, order, gross)?;
    leverage(view, order, gross)?;
    open_orders(view, order)?;
    message_rate(view, order)?;
    stale_book(view, order)?;
    crossed_book(view, order)?;
    duplicate(view, order)?;
    reduce_only(view, order, added)?;
    table_full(view)?;
    symbol_status(view, order)?;
    no_mark(view, order)?;
    daily_loss(view, order)?;
    quarantined(view, order)?;
    back_off(view, order)?;
    self_match(view, order)?;
    repeated_orders(view, order)?;
    order_to_trade(view, order)?;
    drawdown(view, order)?;
    margin(view, order, gross)?;
    liquidation_distance(view, order, gross)?;
    window_collar(view, order)?;
    restricted(view, order)?;
    Ok(Approved(*order))
}

/// Looks again at an order that certainly did not reach the venue and is to be sent again as it is.
///
/// It was counted from its first decision on, so it adds nothing; the market and the state it was
/// decided in may have passed.
///
/// # Errors
/// The first limit it breaks, in the order of [`Reject`].
pub fn check_again(view: &View<'_>, order: &Order) -> Result<Approved<NewOrder>, Reject> {
    let again = order.with(order.price, order.qty);
    require(order.venue_status == OrderStatus::PendingNew, Reject::UnknownOrder)?;
    trading_state(view, &again)?;
    price_filter(view, &again)?;
    lot_size(view, &again)?;
    min_notional(view, &again)?;
    percent_price(view, &again)?;
    max_qty(view, &again)?;
    max_notional(view, &again)?;
    price_collar(view, &again)?;
    position_limit(view, &again, Qty::ZERO)?;
    let gross = view.exposure.gross_with_e16(again.symbol, again.side, Qty::ZERO);
    exposure_limit(view, &again, gross)?;
    leverage(view, &again, gross)?;
    message_rate(view, &again)?;
    stale_book(view, &again)?;
    crossed_book(view, &again)?;
    still_reduces(view, &again)?;
    symbol_status(view, &again)?;
    no_mark(view, &again)?;
    daily_loss(view, &again)?;
    quarantined(view, &again)?;
    back_off(view, &again)?;
    self_match(view, &again)?;
    order_to_trade(view, &again)?;
    drawdown(view, &again)?;
    margin(view, &again, gross)?;
    liquidation_distance(view, &again, gross)?;
    window_collar(view, &again)?;
    restricted(view, &again)?;
    Ok(Approved(again))
}

/// Looks at a stop that closes a position: it must stand against one, and act on its losing side.
///
/// # Errors
/// The first limit it breaks, in the order of [`Reject`].
pub fn check_stop(view: &View<'_>, stop: &NewAlgo) -> Result<Approved<NewAlgo>, Reject> {
    let may_reduce = matches!(view.state, TradingState::Armed | TradingState::Reducing);
    require(may_reduce, Reject::TradingState)?;
    let rules = &view.symbol.rules;
    let (price, tick) = (stop.trigger_price, rules.tick);
    let is_in_range = price >= rules.price_min && price <= rules.price_max;
    let is_on_tick = (price.units() - rules.price_min.units()) % tick.units() == 0;
    require(is_in_range && is_on_tick, Reject::PriceFilter)?;
    let reserve = view.limits.messages_cancel_reserve / REDUCING_RESERVE_DIVISOR;
    let has_budget = view.messages_10s < view.limits.messages_10s_max - reserve
        && view.messages_1m < view.limits.messages_1m_max - reserve;
    require(has_budget, Reject::MessageRate)?;
    let held = view.exposure.of(stop.symbol).position.units();
    require(held != 0 && (held > 0) == (stop.side == Side::Sell), Reject::ReduceOnly)?;
    require(view.has_room, Reject::TableFull)?;
    require(view.now >= view.limited_until, Reject::BackOff)?;
    Ok(Approved(*stop))
}

/// Looks at the cancel of a conditional order: within the whole message budget, reserve included.
///
/// # Errors
/// [`Reject::MessageRate`].
pub fn check_cancel_algo(
    limits: &Limits,
    messages_10s: u32,
    messages_1m: u32,
    algo: &Algo,
) -> Result<Approved<CancelAlgo>, Reject> {
    let has_budget = messages_10s < limits.messages_10s_max && messages_1m < limits.messages_1m_max;
    require(has_budget, Reject::MessageRate)?;
    Ok(Approved(algo.reference()))
}

/// Looks at a change of price and quantity of a resting order.
///
/// Until the venue confirms, either version may fill: the order counts with the larger quantity,
/// so only what the change adds is new. One message, no new slot.
///
/// # Errors
/// The first limit it breaks, in the order of [`Reject`].
pub fn check_modify(
    view: &View<'_>,
    order: &Order,
    price: Price,
    qty: Qty,
) -> Result<Approved<ModifyOrder>, Reject> {
    let added = Qty::from_units(qty.units().saturating_sub(order.qty.units()).max(0));
    let changed = order.with(price, qty);
    trading_state(view, &changed)?;
    price_filter(view, &changed)?;
    lot_size(view, &changed)?;
    min_notional(view, &changed)?;
    percent_price(view, &changed)?;
    max_qty(view, &changed)?;
    max_notional(view, &changed)?;
    price_collar(view, &changed)?;
    position_limit(view, &changed, added)?;
    let gross = view.exposure.gross_with_e16(changed.symbol, changed.side, added);
    exposure_limit(view, &changed, gross)?;
    leverage(view, &changed, gross)?;
    message_rate(view, &changed)?;
    stale_book(view, &changed)?;
    crossed_book(view, &changed)?;
    reduce_only(view, &changed, added)?;
    symbol_status(view, &changed)?;
    no_mark(view, &changed)?;
    require(order.may_change(), Reject::UnknownOrder)?;
    daily_loss(view, &changed)?;
    quarantined(view, &changed)?;
    back_off(view, &changed)?;
    self_match(view, &changed)?;
    order_to_trade(view, &changed)?;
    drawdown(view, &changed)?;
    margin(view, &changed, gross)?;
    liquidation_distance(view, &changed, gross)?;
    window_collar(view, &changed)?;
    restricted(view, &changed)?;
    Ok(Approved(ModifyOrder { order: order.reference(), side: order.side, price, qty }))
}

/// Looks at a cancel: only a live order, and within the whole message budget, reserve included.
///
/// # Errors
/// [`Reject::UnknownOrder`] or [`Reject::MessageRate`].
#[inline]
pub fn check_cancel(
    limits: &Limits,
    messages_10s: u32,
    messages_1m: u32,
    order: &Order,
) -> Result<Approved<CancelOrder>, Reject> {
    if !order.is_live() {
        return Err(Reject::UnknownOrder);
    }
    if messages_10s >= limits.messages_10s_max || messages_1m >= limits.messages_1m_max {
        return Err(Reject::MessageRate);
    }
    Ok(Approved(CancelOrder { order: order.reference() }))
}

/// Refuses unless `is_fine`.
#[inline]
fn require(is_fine: bool, reject: Reject) -> Result<(), Reject> {
    if is_fine { Ok(()) } else { Err(reject) }
}

/// The price an order is valued at: its own, or the reference for market orders.
#[inline]
fn value_price(view: &View<'_>, order: &NewOrder) -> Option<Price> {
    match order.order_type {
        OrderType::Market => view.market.reference(view.limits),
        _ => Some(order.price),
    }
}

#[inline]
fn trading_state(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let is_fine = match view.state {
        TradingState::Armed => true,
        TradingState::Reducing | TradingState::Killed => order.reduce_only,
        _ => false,
    };
    require(is_fine, Reject::TradingState)
}

#[inline]
fn price_filter(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let rules = &view.symbol.rules;
    let is_fine = match order.order_type {
        OrderType::Market => order.price.is_zero(),
        OrderType::Limit => {
            order.price >= rules.price_min
                && order.price <= rules.price_max
                && (order.price.units() - rules.price_min.units()) % rules.tick.units() == 0
        }
        // Conditional types live on other endpoints and have no gate here.
        _ => false,
    };
    require(is_fine, Reject::PriceFilter)
}

#[inline]
fn lot_size(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let r = &view.symbol.rules;
    let (step, min, max) = match order.order_type {
        OrderType::Market => (r.market_step, r.market_qty_min, r.market_qty_max),
        _ => (r.step, r.qty_min, r.qty_max),
    };
    let is_fine = order.qty >= min && order.qty <= max && order.qty.is_multiple_of(step);
    require(is_fine, Reject::LotSize)
}

#[inline]
fn min_notional(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let Some(price) = value_price(view, order) else { return Ok(()) };
    let notional = price.notional(order.qty).ok_or(Reject::Overflow)?;
    require(order.reduce_only || notional >= view.symbol.rules.notional_min, Reject::MinNotional)
}

#[inline]
fn percent_price(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let Some(mark) = view.market.mark(view.limits) else { return Ok(()) };
    if order.order_type == OrderType::Market {
        return Ok(());
    }
    let price = i128::from(order.price.units()) * 10_000;
    let bound = |e4: i64| i128::from(mark.units()) * i128::from(e4);
    let is_fine = match order.side {
        Side::Buy => price <= bound(view.symbol.rules.percent_up_e4),
        Side::Sell => price >= bound(view.symbol.rules.percent_down_e4),
    };
    require(is_fine, Reject::PercentPrice)
}

#[inline]
fn max_qty(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let is_fine = order.qty <= view.symbol.limits.qty_max || is_least(view, order);
    require(is_fine, Reject::MaxQty)
}

#[inline]
fn max_notional(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let Some(price) = value_price(view, order) else { return Ok(()) };
    let notional = price.notional(order.qty).ok_or(Reject::Overflow)?;
    let is_fine = notional <= view.symbol.limits.notional_max || is_least(view, order);
    require(is_fine, Reject::MaxNotional)
}

/// Against the mark and against the mid: one of them alone may be wrong.
#[inline]
fn price_collar(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    if order.order_type == OrderType::Market {
        return Ok(());
    }
    let is_within = |reference: Price| {
        let collar = i128::from(view.limits.price_collar_ppm) * i128::from(order.side.sign());
        let bound = i128::from(reference.units()) * (1_000_000 + collar);
        let price = i128::from(order.price.units()) * 1_000_000;
        match order.side {
            Side::Buy => price <= bound,
            Side::Sell => price >= bound,
        }
    };
    let mark = view.market.mark(view.limits);
    let mid = view.market.mid();
    require(mark.is_none_or(is_within) && mid.is_none_or(is_within), Reject::PriceCollar)
}

#[inline]
fn position_limit(view: &View<'_>, order: &NewOrder, added: Qty) -> Result<(), Reject> {
    if order.reduce_only {
        return Ok(());
    }
    let worst = view.exposure.of(order.symbol).worst_with(order.side, added);
    require(worst <= i128::from(view.symbol.limits.position_max.units()), Reject::PositionLimit)
}

#[inline]
fn exposure_limit(view: &View<'_>, order: &NewOrder, gross: i128) -> Result<(), Reject> {
    let most = i128::from(view.limits.exposure_max.units()) * i128::from(schema::SCALE);
    require(order.reduce_only || gross <= most, Reject::ExposureLimit)
}

#[inline]
fn leverage(view: &View<'_>, order: &NewOrder, gross: i128) -> Result<(), Reject> {
    let own = view.exposure.equity.min(view.limits.capital).units().max(0);
    let most = i128::from(own) * i128::from(view.limits.leverage_max_e2);
    let is_fine = gross <= most * i128::from(schema::SCALE / 100);
    require(order.reduce_only || is_fine, Reject::Leverage)
}

#[inline]
fn open_orders(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let of_symbol = view.exposure.of(order.symbol).working.count;
    let is_fine = view.open_orders < view.limits.open_orders_max
        && of_symbol < view.symbol.rules.open_orders_max;
    require(is_fine, Reject::OpenOrders)
}

/// Of what is kept for cancels, orders that reduce may use the part above this share of it.
const REDUCING_RESERVE_DIVISOR: u32 = 2;

#[inline]
fn message_rate(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let reserve = match order.reduce_only {
        true => view.limits.messages_cancel_reserve / REDUCING_RESERVE_DIVISOR,
        false => view.limits.messages_cancel_reserve,
    };
    let is_fine = view.messages_10s < view.limits.messages_10s_max - reserve
        && view.messages_1m < view.limits.messages_1m_max - reserve;
    require(is_fine, Reject::MessageRate)
}

#[inline]
fn stale_book(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let delay_ns = view.wall.0.saturating_sub(view.market.event_time.0);
    let is_fresh = view.market.book_age_ns <= view.limits.book_age_ns_max
        && delay_ns <= i64::try_from(view.limits.feed_delay_ns_max).unwrap_or(i64::MAX);
    require(order.reduce_only || is_fresh, Reject::StaleBook)
}

#[inline]
fn crossed_book(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let is_fine = view.market.is_synced && view.market.mid().is_some();
    require(order.reduce_only || is_fine, Reject::CrossedBook)
}

#[inline]
fn duplicate(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let Some((last, at)) = view.last_order else { return Ok(()) };
    let is_same = NewOrder { client_order_id: order.client_order_id, ..*last } == *order;
    let is_recent = view.now.since(*at) < view.limits.duplicate_window_ns;
    require(!(is_same && is_recent), Reject::Duplicate)
}

#[inline]
fn table_full(view: &View<'_>) -> Result<(), Reject> {
    require(view.has_room, Reject::TableFull)
}

#[inline]
fn symbol_status(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    require(order.reduce_only || view.symbol.rules.is_trading, Reject::SymbolStatus)
}

#[inline]
fn no_mark(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    require(order.reduce_only || view.market.mark(view.limits).is_some(), Reject::NoMark)
}

#[inline]
fn daily_loss(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    require(order.reduce_only || view.day_loss < view.limits.daily_loss_max, Reject::DailyLoss)
}

#[inline]
fn quarantined(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    require(order.reduce_only || !view.market.is_quarantined, Reject::Quarantined)
}

#[inline]
fn back_off(view: &View<'_>, order: &NewOrder) -> Result<(), Reject> {
    let is_open = order.reduce_only || view.now >= view.closed_until;
    require(is_open && view.now >= view.limited_until, Reject::BackOff)
}

#[cfg(test)]
mod tests;
