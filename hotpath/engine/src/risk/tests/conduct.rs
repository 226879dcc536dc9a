//! Limits on conduct, drawdown and margin: each is broken alone, and does not bind what reduces.

use super::*;

/// Refused for an order that opens, approved for the same world with one that reduces.
#[track_caller]
fn only_opening_is_refused(change: impl Fn(&mut World), expected: Reject) {
    refused(&change, expected);
    approved(|w| {
        change(w);
        reduce(w);
    });
}

#[test]
fn self_match() {
    let own_ask = |w: &mut World, ask| w.conduct.own_ask = ask;
    refused(|w| own_ask(w, price(50_001)), Reject::SelfMatch);
    approved(|w| own_ask(w, price(50_002)));
    let sell = |w: &mut World, own_bid| {
        (w.order.side, w.order.price) = (Side::Sell, price(49_999));
        w.conduct.own_bid = own_bid;
    };
    refused(|w| sell(w, price(49_999)), Reject::SelfMatch);
    approved(|w| sell(w, price(49_998)));
    approved(|w| {
        reduce(w);
        w.conduct.own_bid = price(49_990);
    });
    refused(
        |w| {
            own_ask(w, price(60_000));
            w.order.order_type = OrderType::Market;
            w.order.price = Price::ZERO;
        },
        Reject::SelfMatch,
    );
    // Orders of the same side do not meet.
    approved(|w| w.conduct.own_bid = price(60_000));
}

#[test]
fn repeated_orders() {
    let alike = |w: &mut World, count, window_ns| {
        (w.limits.repeated_orders_max, w.limits.repeated_window_ns) = (3, window_ns);
        w.conduct.alike = [count, 0];
    };
    only_opening_is_refused(|w| alike(w, 3, 1), Reject::RepeatedOrders);
    approved(|w| alike(w, 2, 1));
    approved(|w| alike(w, 3, 0));
    approved(|w| {
        alike(w, 0, 1);
        w.conduct.alike = [0, 9];
    });
}

#[test]
fn order_to_trade() {
    let traffic = |w: &mut World, messages, fills| {
        (w.limits.order_to_trade_e2_max, w.limits.order_to_trade_from) = (1_000, 50);
        (w.conduct.messages_10m, w.conduct.fills_10m) = (messages, fills);
    };
    only_opening_is_refused(|w| traffic(w, 51, 5), Reject::OrderToTrade);
    approved(|w| traffic(w, 50, 5));
    refused(|w| traffic(w, 50, 0), Reject::OrderToTrade);
    approved(|w| traffic(w, 49, 0));
}

#[test]
fn drawdown() {
    let fallen = |w: &mut World, peak| {
        w.limits.drawdown_ppm_max = 50_000;
        w.conduct.peak_equity = peak;
    };
    // Equity is 10,000: 5 % of 10,526.32 is a little more than what is lost, of 10,526.31 less.
    let cents = |count: i64| Notional::from_units(count * schema::SCALE / 100);
    only_opening_is_refused(|w| fallen(w, cents(1_052_632)), Reject::Drawdown);
    approved(|w| fallen(w, cents(1_052_631)));
    approved(|w| fallen(w, Notional::ZERO));
    refused(
        |w| {
            fallen(w, usd(1));
            w.exposure.equity = Notional::from_units(-1);
            // Leverage would refuse it first.
            w.limits.leverage_max_e2 = 0;
        },
        Reject::Leverage,
    );
}

#[test]
fn margin() {
    // The order is worth 500.01, equity 10,000.
    let ratio = |w: &mut World, maintenance_ppm| {
        w.limits.maintenance_ppm = maintenance_ppm;
        w.limits.margin_ratio_ppm_max = 10_000;
    };
    only_opening_is_refused(|w| ratio(w, 200_001), Reject::Margin);
    approved(|w| ratio(w, 200_000));
}

#[test]
fn liquidation_distance() {
    let distance = |w: &mut World, least_ppm| {
        w.exposure.symbols[1].position = milli(7_000);
        w.limits.maintenance_ppm = 10_000;
        w.limits.liquidation_distance_ppm_min = least_ppm;
    };
    // Worst case 14,500, equity 10,000: 68.97 % less 1 % for maintenance.
    only_opening_is_refused(|w| distance(w, 679_656), Reject::LiquidationDistance);
    approved(|w| distance(w, 679_655));
}

#[test]
fn window_collar() {
    let window = |w: &mut World, low: i64, high: i64| {
        w.limits.window_collar_ppm = 10_000;
        (w.conduct.mark_low, w.conduct.mark_high) = (price(low), price(high));
    };
    only_opening_is_refused(|w| window(w, 49_505, 50_000), Reject::WindowCollar);
    approved(|w| window(w, 49_506, 60_000));
    approved(|w| window(w, 0, 0));
    let sell = |w: &mut World, high| {
        window(w, 40_000, high);
        w.order.side = Side::Sell;
        w.order.price = price(49_999);
    };
    refused(|w| sell(w, 50_505), Reject::WindowCollar);
    approved(|w| sell(w, 50_504));
}

#[test]
fn restricted() {
    only_opening_is_refused(|w| w.symbol.limits.is_restricted = true, Reject::Restricted);
}

#[test]
fn killed_lets_only_reducing_orders_out() {
    only_opening_is_refused(|w| w.state = TradingState::Killed, Reject::TradingState);
}
