//! How far an order was from each limit: for people who ask why.

use schema::{NewOrder, OrderType, Price, Reject, SCALE, Side};

use super::Engine;
use crate::input::Now;
use crate::risk::View;

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Prices, quantities and money, units of 1e-8.
    Amount,
    /// Parts per million.
    Ppm,
    /// Hundredths.
    Hundredths,
    /// Nanoseconds.
    Ns,
    /// Things.
    Count,
}

/// One limit and the value it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headroom {
    /// What breaking it is called.
    pub reject: Reject,
    /// Which value of it.
    pub name: &'static str,
    /// The value, the order included.
    pub value: i128,
    /// The limit.
    pub limit: i128,
    /// What both count.
    pub unit: Unit,
    /// Whether the value must be at least the limit, instead of at most.
    pub is_floor: bool,
    /// Whether it binds an order that only reduces.
    pub binds_reducing: bool,
}

impl Headroom {
    /// What is left before the limit; negative beyond it.
    pub const fn left(&self) -> i128 {
        if self.is_floor { self.value - self.limit } else { self.limit - self.value }
    }
}

impl Engine {
    /// Every limit with a number as it stands for an order that was just decided: taken right after
    /// the input that led to it, so that the order itself is in the counts. Allocates; not for the
    /// hot path.
    pub fn headroom(&mut self, now: Now, order: &NewOrder) -> Vec<Headroom> {
        if order.symbol.index() >= self.symbols.len() {
            return Vec::new();
        }
        self.with_view(now, order.symbol, true, |view, _| {
            let mut all = of_order(view, order);
            all.extend(of_account(view, order));
            all.extend(of_market(view));
            all.retain(|one| one.binds_reducing || !order.reduce_only);
            all
        })
    }
}

fn at_most(
    reject: Reject,
    name: &'static str,
    value: impl Into<i128>,
    limit: impl Into<i128>,
    unit: Unit,
) -> Headroom {
    let (value, limit) = (value.into(), limit.into());
    Headroom { reject, name, value, limit, unit, is_floor: false, binds_reducing: false }
}

fn of_order(view: &View<'_>, order: &NewOrder) -> Vec<Headroom> {
    let (rules, limits) = (&view.symbol.rules, &view.symbol.limits);
    let is_market = order.order_type == OrderType::Market;
    let (qty_min, qty_max) = match is_market {
        true => (rules.market_qty_min, rules.market_qty_max),
        false => (rules.qty_min, rules.qty_max),
    };
    let price = if is_market { view.market.reference(view.limits) } else { Some(order.price) };
    let qty = i128::from(order.qty.units());
    let both = |headroom: Headroom| Headroom { binds_reducing: true, ..headroom };
    let floor = |headroom: Headroom| Headroom { is_floor: true, ..headroom };
    let mut all = vec![
        both(floor(at_most(
            Reject::LotSize,
            "quantity, venue's least",
            qty,
            qty_min.units(),
            Unit::Amount,
        ))),
        both(at_most(
            Reject::LotSize,
            "quantity, venue's most",
            qty,
            qty_max.units(),
            Unit::Amount,
        )),
        both(at_most(Reject::MaxQty, "quantity", qty, limits.qty_max.units(), Unit::Amount)),
    ];
    if let Some(notional) = price.and_then(|price| price.notional(order.qty)) {
        let least = rules.notional_min.units();
        let most = limits.notional_max.units();
        all.push(floor(at_most(
            Reject::MinNotional,
            "notional, venue's least",
            notional.units(),
            least,
            Unit::Amount,
        )));
        all.push(both(at_most(
            Reject::MaxNotional,
            "notional",
            notional.units(),
            most,
            Unit::Amount,
        )));
    }
    let best = match order.side {
        Side::Buy => view.conduct.mark_low,
        Side::Sell => view.conduct.mark_high,
    };
    if !is_market && best.units() > 0 {
        let away = against_us_ppm(order, best);
        let most = view.limits.window_collar_ppm;
        let name = "price against the window's best mark";
        all.push(at_most(Reject::WindowCollar, name, away, most, Unit::Ppm));
    }
    let references = [
        ("price against mark", view.market.mark(view.limits)),
        ("price against mid", view.market.mid()),
    ];
    for (name, reference) in references {
        if let Some(reference) = reference.filter(|_| !is_market) {
            let away = against_us_ppm(order, reference);
            let collar = view.limits.price_collar_ppm;
            all.push(both(at_most(Reject::PriceCollar, name, away, collar, Unit::Ppm)));
        }
    }
    all
}

/// How far a price is from a reference to our disadvantage, ppm.
fn against_us_ppm(order: &NewOrder, reference: Price) -> i128 {
    let away = i128::from(order.price.units()) - i128::from(reference.units());
    let sign = if order.side == Side::Buy { 1 } else { -1 };
    away * sign * 1_000_000 / i128::from(reference.units().max(1))
}

fn of_account(view: &View<'_>, order: &NewOrder) -> Vec<Headroom> {
    let limits = view.limits;
    let of_symbol = view.exposure.of(order.symbol);
    let gross = view.exposure.gross_e16() / i128::from(SCALE);
    let own = i128::from(view.exposure.equity.min(limits.capital).units().max(1));
    let reserve = match order.reduce_only {
        true => limits.messages_cancel_reserve / 2,
        false => limits.messages_cancel_reserve,
    };
    let position_max = view.symbol.limits.position_max.units();
    let both = |headroom: Headroom| Headroom { binds_reducing: true, ..headroom };
    let conduct = view.conduct;
    let equity_e16 = i128::from(view.exposure.equity.units().max(0)) * i128::from(SCALE);
    let gross_e16 = view.exposure.gross_e16();
    let maintenance = gross_e16.saturating_mul(i128::from(limits.maintenance_ppm));
    let peak = i128::from(conduct.peak_equity.units());
    let fall = peak - i128::from(view.exposure.equity.units());
    let mut all = vec![
        at_most(
            Reject::RepeatedOrders,
            "orders alike in the window",
            conduct.alike[order.side as usize],
            limits.repeated_orders_max,
            Unit::Count,
        ),
        at_most(
            Reject::OrderToTrade,
            "messages a fill",
            u64::from(conduct.messages_10m) * 100 / u64::from(conduct.fills_10m.max(1)),
            limits.order_to_trade_e2_max,
            Unit::Hundredths,
        ),
        at_most(
            Reject::Drawdown,
            "fall from the highest equity",
            fall.max(0) * 1_000_000 / peak.max(1),
            limits.drawdown_ppm_max,
            Unit::Ppm,
        ),
        at_most(
            Reject::Margin,
            "maintenance margin of the worst case",
            maintenance / equity_e16.max(1),
            limits.margin_ratio_ppm_max,
            Unit::Ppm,
        ),
    ];
    if gross_e16 > 0 {
        let distance = equity_e16 * 1_000_000 / gross_e16 - i128::from(limits.maintenance_ppm);
        let least = limits.liquidation_distance_ppm_min;
        let name = "move that liquidates the worst case";
        all.push(Headroom {
            is_floor: true,
            ..at_most(Reject::LiquidationDistance, name, distance, least, Unit::Ppm)
        });
    }
    all.extend([
        at_most(
            Reject::PositionLimit,
            "worst position",
            of_symbol.worst(order.side),
            position_max,
            Unit::Amount,
        ),
        at_most(
            Reject::ExposureLimit,
            "worst gross exposure",
            gross,
            limits.exposure_max.units(),
            Unit::Amount,
        ),
        at_most(
            Reject::Leverage,
            "worst leverage",
            gross * 100 / own,
            limits.leverage_max_e2,
            Unit::Hundredths,
        ),
        both(at_most(
            Reject::OpenOrders,
            "open orders",
            view.open_orders,
            limits.open_orders_max,
            Unit::Count,
        )),
        both(at_most(
            Reject::OpenOrders,
            "open orders of the symbol",
            of_symbol.working.count,
            view.symbol.rules.open_orders_max,
            Unit::Count,
        )),
        both(at_most(
            Reject::MessageRate,
            "messages in 10 s",
            view.messages_10s,
            limits.messages_10s_max - reserve,
            Unit::Count,
        )),
        both(at_most(
            Reject::MessageRate,
            "messages in a minute",
            view.messages_1m,
            limits.messages_1m_max - reserve,
            Unit::Count,
        )),
        at_most(
            Reject::DailyLoss,
            "loss of the day",
            view.day_loss.units(),
            limits.daily_loss_max.units(),
            Unit::Amount,
        ),
    ]);
    all
}

fn of_market(view: &View<'_>) -> Vec<Headroom> {
    let (market, limits) = (view.market, view.limits);
    let delay_ns = view.wall.0.saturating_sub(market.event_time.0);
    vec![
        at_most(
            Reject::StaleBook,
            "age of the book",
            market.book_age_ns,
            limits.book_age_ns_max,
            Unit::Ns,
        ),
        at_most(
            Reject::StaleBook,
            "delay of the feed",
            delay_ns,
            limits.feed_delay_ns_max,
            Unit::Ns,
        ),
        at_most(
            Reject::NoMark,
            "age of the mark",
            market.mark_age_ns,
            limits.mark_age_ns_max,
            Unit::Ns,
        ),
    ]
}
