mod conduct;

use super::*;
use crate::orders::Working;
use proptest::prelude::*;
use schema::{ClientOrderId, SymbolId, SymbolName, TimeInForce};

const fn price(whole: i64) -> Price {
    Price::from_units(whole * schema::SCALE)
}
/// Thousandths of a coin.
const fn milli(count: i64) -> Qty {
    Qty::from_units(count * schema::SCALE / 1_000)
}
const fn usd(whole: i64) -> Notional {
    Notional::from_units(whole * schema::SCALE)
}

/// A world in which the order of [`World::order`] is approved.
struct World {
    state: TradingState,
    symbol: SymbolConfig,
    limits: Limits,
    market: Market,
    exposure: Exposure,
    open_orders: u32,
    has_room: bool,
    messages: (u32, u32),
    last: Option<(NewOrder, MonoNs)>,
    day_loss: Notional,
    conduct: Conduct,
    limited_until: MonoNs,
    closed_until: MonoNs,
    order: NewOrder,
}

fn world() -> World {
    let mut exposure = Exposure { symbol_count: 2, equity: usd(10_000), ..Exposure::default() };
    exposure.symbols[0].price = price(50_000);
    exposure.symbols[1].price = price(2_000);
    World {
        state: TradingState::Armed,
        symbol: SymbolConfig {
            name: SymbolName::new(b"BTCUSDT").expect("7 bytes"),
            rules: SymbolRules {
                tick: Price::from_units(10_000_000),
                price_min: price(500),
                price_max: price(1_000_000),
                step: milli(1),
                qty_min: milli(1),
                qty_max: milli(1_000_000),
                market_step: milli(2),
                market_qty_min: milli(2),
                market_qty_max: milli(120_000),
                notional_min: usd(100),
                percent_up_e4: 10_500,
                percent_down_e4: 9_500,
                open_orders_max: 200,
                is_trading: true,
            },
            limits: SymbolLimits {
                is_restricted: false,
                qty_max: milli(500),
                notional_max: usd(20_000),
                position_max: milli(1_000),
            },
        },
        limits: Limits {
            capital: usd(100_000),
            exposure_max: usd(40_000),
            leverage_max_e2: 300,
            price_collar_ppm: 20_000,
            open_orders_max: 10,
            messages_10s_max: 100,
            messages_1m_max: 400,
            messages_cancel_reserve: 20,
            book_age_ns_max: 1_000,
            feed_delay_ns_max: 1_000,
            mark_age_ns_max: 5_000,
            duplicate_window_ns: 100,
            daily_loss_max: usd(500),
            venue_rejects_max: 5,
            ..Limits::LOOSE
        },
        market: Market {
            bid_price: price(49_999),
            ask_price: price(50_001),
            book_age_ns: 10,
            event_time: WallNs(1_000_000),
            is_synced: true,
            mark_price: price(50_000),
            mark_age_ns: 10,
            is_quarantined: false,
        },
        limited_until: MonoNs(0),
        closed_until: MonoNs(0),
        exposure,
        open_orders: 0,
        has_room: true,
        messages: (0, 0),
        last: None,
        day_loss: Notional::ZERO,
        conduct: Conduct::default(),
        order: NewOrder {
            symbol: SymbolId(0),
            client_order_id: ClientOrderId(1),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Ioc,
            price: price(50_001),
            qty: milli(10),
            reduce_only: false,
        },
    }
}

impl World {
    fn look<R>(&self, look: impl FnOnce(&View<'_>) -> R) -> R {
        let view = View {
            now: MonoNs(1_000),
            wall: WallNs(1_000_500),
            state: self.state,
            symbol: &self.symbol,
            limits: &self.limits,
            market: &self.market,
            exposure: &self.exposure,
            open_orders: self.open_orders,
            has_room: self.has_room,
            messages_10s: self.messages.0,
            messages_1m: self.messages.1,
            last_order: self.last.as_ref(),
            day_loss: self.day_loss,
            limited_until: self.limited_until,
            closed_until: self.closed_until,
            conduct: &self.conduct,
        };
        look(&view)
    }
    fn verdict(&self) -> Result<Approved<NewOrder>, Reject> {
        self.look(|view| check(view, &self.order))
    }
}

#[track_caller]
fn refused(change: impl FnOnce(&mut World), expected: Reject) {
    let mut world = world();
    change(&mut world);
    assert_eq!(world.verdict().map(|_| ()), Err(expected));
}

#[track_caller]
fn approved(change: impl FnOnce(&mut World)) {
    let mut world = world();
    change(&mut world);
    assert_eq!(world.verdict().map(|approved| *approved.get()), Ok(world.order));
}

fn reduce(w: &mut World) {
    w.exposure.symbols[0].position = milli(10);
    w.order.side = Side::Sell;
    w.order.price = price(49_990);
    w.order.reduce_only = true;
}

#[test]
fn trading_state_is_required() {
    approved(|_| {});
    for state in TradingState::ALL {
        if *state != TradingState::Armed {
            refused(|w| w.state = *state, Reject::TradingState);
        }
    }
    approved(|w| {
        reduce(w);
        w.state = TradingState::Reducing;
    });
    refused(
        |w| {
            reduce(w);
            w.state = TradingState::Halted;
        },
        Reject::TradingState,
    );
}

#[test]
fn price_filter_is_kept() {
    refused(|w| w.order.price = Price::from_units(price(50_000).units() + 1), Reject::PriceFilter);
    refused(|w| w.order.price = price(499), Reject::PriceFilter);
    refused(|w| w.order.price = price(1_000_001), Reject::PriceFilter);
    refused(|w| w.order.price = Price::ZERO, Reject::PriceFilter);
    refused(|w| w.order.order_type = OrderType::Market, Reject::PriceFilter);
    refused(|w| w.order.order_type = OrderType::StopMarket, Reject::PriceFilter);
}

#[test]
fn lot_size_is_kept() {
    refused(|w| w.order.qty = Qty::from_units(milli(10).units() + 1), Reject::LotSize);
    refused(|w| w.order.qty = Qty::ZERO, Reject::LotSize);
    refused(|w| w.order.qty = Qty::from_units(-1), Reject::LotSize);
    refused(|w| w.order.qty = milli(1_000_001), Reject::LotSize);
    let market = |w: &mut World, qty| {
        w.order.order_type = OrderType::Market;
        w.order.price = Price::ZERO;
        w.order.qty = qty;
    };
    refused(|w| market(w, milli(3)), Reject::LotSize);
    approved(|w| market(w, milli(4)));
}

#[test]
fn min_notional_is_kept_except_for_reducing() {
    refused(|w| w.order.qty = milli(1), Reject::MinNotional);
    approved(|w| {
        reduce(w);
        w.order.qty = milli(1);
    });
}

#[test]
fn percent_price_is_kept_on_the_dear_side_only() {
    let wide = |w: &mut World| {
        w.limits.price_collar_ppm = 500_000;
        w.order.qty = milli(3);
    };
    refused(
        |w| {
            wide(w);
            w.order.price = price(52_501);
        },
        Reject::PercentPrice,
    );
    approved(|w| {
        wide(w);
        w.order.price = price(40_000);
    });
    refused(
        |w| {
            wide(w);
            w.order.side = Side::Sell;
            w.order.price = price(47_499);
        },
        Reject::PercentPrice,
    );
}

#[test]
fn max_qty_is_kept() {
    approved(|w| w.order.qty = milli(300));
    refused(|w| w.order.qty = milli(501), Reject::MaxQty);
}

#[test]
fn max_notional_is_kept() {
    refused(|w| w.order.qty = milli(400), Reject::MaxNotional);
}

#[test]
fn the_smallest_order_may_reduce_whatever_the_limits_are() {
    let closes = |w: &mut World| {
        w.exposure.symbols[0].position = milli(-5);
        w.order.reduce_only = true;
        w.order.qty = milli(1);
        w.symbol.limits.qty_max = Qty::from_units(1);
        w.symbol.limits.notional_max = Notional::from_units(1);
    };
    approved(closes);
    let larger = |w: &mut World| {
        closes(w);
        w.order.qty = milli(2);
    };
    refused(larger, Reject::MaxQty);
    refused(
        |w| {
            larger(w);
            w.symbol.limits.qty_max = milli(2);
        },
        Reject::MaxNotional,
    );
}

#[test]
fn price_collar_holds_against_mark_and_mid() {
    refused(|w| w.order.price = price(51_001), Reject::PriceCollar);
    refused(
        |w| {
            w.order.side = Side::Sell;
            w.order.price = price(48_999);
        },
        Reject::PriceCollar,
    );
    // A book far below the mark makes a buy near the mark too dear.
    refused(
        |w| {
            w.market.bid_price = price(45_000);
            w.market.ask_price = price(45_001);
        },
        Reject::PriceCollar,
    );
}

#[test]
fn worst_case_position_counts_all_that_may_fill() {
    approved(|w| {
        w.limits.leverage_max_e2 = 10_000;
        w.limits.exposure_max = usd(1_000_000);
        w.exposure.symbols[0].working.buy = i128::from(milli(990).units());
    });
    refused(
        |w| w.exposure.symbols[0].working.buy = i128::from(milli(991).units()),
        Reject::PositionLimit,
    );
    refused(|w| w.exposure.symbols[0].position = milli(991), Reject::PositionLimit);
    refused(
        |w| {
            w.order.side = Side::Sell;
            w.order.price = price(50_000);
            w.exposure.symbols[0].position = milli(-991);
        },
        Reject::PositionLimit,
    );
}

#[test]
fn exposure_limit_counts_other_symbols() {
    refused(
        |w| {
            w.limits.leverage_max_e2 = 10_000;
            w.exposure.symbols[1].position = milli(-19_800);
        },
        Reject::ExposureLimit,
    );
}

#[test]
fn leverage_is_of_equity_and_of_capital() {
    refused(|w| w.exposure.equity = usd(166), Reject::Leverage);
    approved(|w| w.exposure.equity = usd(167));
    refused(|w| w.limits.capital = usd(166), Reject::Leverage);
    refused(|w| w.exposure.equity = usd(-1), Reject::Leverage);
}

#[test]
fn open_orders_are_limited_by_us_and_by_the_venue() {
    refused(|w| w.open_orders = 10, Reject::OpenOrders);
    refused(|w| w.exposure.symbols[0].working.count = 200, Reject::OpenOrders);
}

#[test]
fn message_rate_keeps_a_reserve_for_cancels() {
    approved(|w| w.messages = (79, 379));
    refused(|w| w.messages = (80, 0), Reject::MessageRate);
    refused(|w| w.messages = (0, 380), Reject::MessageRate);
    let limits = world().limits;
    let mut orders = crate::orders::Orders::new(schema::BootEpoch(1));
    let new = NewOrder {
        client_order_id: orders.next_id(schema::StrategyId::TEST).expect("room"),
        ..world().order
    };
    let handle = orders.submit(MonoNs(0), &new);
    assert!(check_cancel(&limits, 99, 399, orders.get(handle)).is_ok());
    assert_eq!(
        check_cancel(&limits, 100, 0, orders.get(handle)).map(|_| ()),
        Err(Reject::MessageRate)
    );
    orders.fill(handle, new.qty);
    assert_eq!(
        check_cancel(&limits, 0, 0, orders.get(handle)).map(|_| ()),
        Err(Reject::UnknownOrder)
    );
}

#[test]
fn stale_books_are_refused() {
    refused(|w| w.market.book_age_ns = 1_001, Reject::StaleBook);
    refused(|w| w.market.event_time = WallNs(999_499), Reject::StaleBook);
    approved(|w| {
        reduce(w);
        w.market.book_age_ns = u64::MAX;
    });
}

#[test]
fn crossed_one_sided_and_gapped_books_are_refused() {
    refused(|w| w.market.bid_price = price(50_001), Reject::CrossedBook);
    refused(|w| w.market.ask_price = Price::ZERO, Reject::CrossedBook);
    refused(|w| w.market.is_synced = false, Reject::CrossedBook);
}

#[test]
fn the_same_order_twice_in_a_row_is_refused_for_a_while() {
    let before =
        |w: &World, at| Some((NewOrder { client_order_id: ClientOrderId(9), ..w.order }, at));
    refused(|w| w.last = before(w, MonoNs(950)), Reject::Duplicate);
    approved(|w| w.last = before(w, MonoNs(900)));
    approved(|w| {
        w.last = before(w, MonoNs(950));
        w.order.qty = milli(11);
    });
}

#[test]
fn reduce_only_never_turns_the_position() {
    approved(reduce);
    refused(
        |w| {
            reduce(w);
            w.order.qty = milli(11);
        },
        Reject::ReduceOnly,
    );
    refused(
        |w| {
            reduce(w);
            w.exposure.symbols[0].working.sell = 1;
        },
        Reject::ReduceOnly,
    );
    refused(
        |w| {
            reduce(w);
            w.exposure.symbols[0].position = milli(-10);
        },
        Reject::ReduceOnly,
    );
}

#[test]
fn a_full_table_refuses() {
    refused(|w| w.has_room = false, Reject::TableFull);
}

#[test]
fn amounts_that_do_not_fit_are_refused() {
    refused(
        |w| {
            w.symbol.rules.price_max = Price::MAX;
            w.symbol.rules.qty_max = Qty::MAX;
            w.order.price = price(90_000_000_000);
            w.order.qty = Qty::from_units(i64::MAX / milli(1).units() * milli(1).units());
        },
        Reject::Overflow,
    );
}

#[test]
fn symbols_that_do_not_trade_are_refused() {
    refused(|w| w.symbol.rules.is_trading = false, Reject::SymbolStatus);
}

#[test]
fn no_mark_is_no_order() {
    refused(|w| w.market.mark_price = Price::ZERO, Reject::NoMark);
    refused(|w| w.market.mark_age_ns = 5_001, Reject::NoMark);
}

#[test]
fn a_days_loss_ends_the_day() {
    approved(|w| w.day_loss = usd(499));
    refused(|w| w.day_loss = usd(500), Reject::DailyLoss);
}

#[test]
fn a_change_counts_only_what_it_adds_and_keeps_every_filter() {
    let mut w = world();
    let mut orders = crate::orders::Orders::new(schema::BootEpoch(1));
    w.order.time_in_force = TimeInForce::Gtx;
    w.order.price = price(49_999);
    let id = orders.next_id(schema::StrategyId::TEST).expect("room");
    let handle = orders.submit(MonoNs(0), &NewOrder { client_order_id: id, ..w.order });
    let change = |w: &World, orders: &crate::orders::Orders, to: i64, qty| {
        let verdict = |view: &View<'_>| check_modify(view, orders.get(handle), price(to), qty);
        w.look(verdict).map(|approved| (approved.get().price, approved.get().qty))
    };
    assert_eq!(change(&w, &orders, 49_998, milli(10)), Err(Reject::UnknownOrder), "not acked");
    orders.learn(handle, schema::OrderStatus::New, Qty::ZERO, schema::VenueOrderId(1));
    assert_eq!(change(&w, &orders, 49_998, milli(10)), Ok((price(49_998), milli(10))));
    w.exposure.symbols[0].working.buy = i128::from(milli(1_000).units());
    w.limits.leverage_max_e2 = 10_000;
    w.limits.exposure_max = usd(1_000_000);
    assert_eq!(change(&w, &orders, 49_998, milli(10)), Ok((price(49_998), milli(10))));
    assert_eq!(change(&w, &orders, 49_998, milli(11)), Err(Reject::PositionLimit));
    assert_eq!(change(&w, &orders, 51_001, milli(10)), Err(Reject::PriceCollar));
    w.messages = (80, 0);
    assert_eq!(change(&w, &orders, 49_998, milli(10)), Err(Reject::MessageRate));
    w.state = TradingState::Halted;
    assert_eq!(change(&w, &orders, 49_998, milli(10)), Err(Reject::TradingState));
}

proptest! {
    /// Whatever is approved, in any order, keeps the worst case of every symbol within its limit.
    #[test]
    fn approved_orders_never_pass_the_position_limit(
        orders in proptest::collection::vec((any::<bool>(), 1i64..200, any::<bool>()), 1..200),
        start in -1_000i64..1_000,
    ) {
        let mut world = world();
        world.limits.leverage_max_e2 = 10_000;
        world.limits.exposure_max = usd(10_000_000);
        world.symbol.rules.notional_min = Notional::ZERO;
        world.exposure.symbols[0].position = milli(start);
        for (is_buy, qty, reduce_only) in orders {
            world.order.side = if is_buy { Side::Buy } else { Side::Sell };
            world.order.price = price(50_000);
            world.order.qty = milli(qty);
            world.order.reduce_only = reduce_only;
            if world.verdict().is_ok() {
                let working = &mut world.exposure.symbols[0].working;
                let all = if is_buy { &mut working.buy } else { &mut working.sell };
                *all += i128::from(world.order.qty.units());
            }
            let most = i128::from(world.symbol.limits.position_max.units());
            prop_assert!(world.exposure.symbols[0].worst_abs() <= most);
            prop_assert_eq!(world.exposure.symbols[0].working.count, Working::default().count);
        }
    }
}

#[test]
fn quarantined() {
    refused(|w| w.market.is_quarantined = true, Reject::Quarantined);
    approved(|w| {
        reduce(w);
        w.market.is_quarantined = true;
    });
}

#[test]
fn back_off() {
    refused(|w| w.closed_until = MonoNs(1_001), Reject::BackOff);
    refused(|w| w.limited_until = MonoNs(1_001), Reject::BackOff);
    approved(|w| (w.closed_until, w.limited_until) = (MonoNs(1_000), MonoNs(1_000)));
    approved(|w| {
        reduce(w);
        w.closed_until = MonoNs(1_001);
    });
}

#[test]
fn orders_that_reduce_may_use_half_of_what_is_kept_for_cancels() {
    approved(|w| {
        reduce(w);
        w.messages = (89, 389);
    });
    let mut w = world();
    reduce(&mut w);
    w.messages = (90, 0);
    assert_eq!(w.verdict().map(|_| ()), Err(Reject::MessageRate));
}

fn stop() -> NewAlgo {
    NewAlgo {
        symbol: SymbolId(0),
        client_order_id: ClientOrderId(1),
        side: Side::Sell,
        trigger_price: price(49_000),
    }
}

#[track_caller]
fn check_one_stop(change: impl FnOnce(&mut World, &mut NewAlgo), expected: Result<(), Reject>) {
    let (mut w, mut stop) = (world(), stop());
    w.exposure.symbols[0].position = milli(10);
    change(&mut w, &mut stop);
    let verdict = w.look(|view| check_stop(view, &stop)).map(|approved| *approved.get());
    assert_eq!(verdict, expected.map(|()| stop));
}

#[test]
fn a_stop_stands_against_a_position_within_state_filters_and_budget() {
    check_one_stop(|_, _| {}, Ok(()));
    check_one_stop(|w, _| w.state = TradingState::Reducing, Ok(()));
    check_one_stop(|w, _| w.state = TradingState::Halted, Err(Reject::TradingState));
    let off_tick = Price::from_units(price(49_000).units() + 1);
    check_one_stop(|_, stop| stop.trigger_price = off_tick, Err(Reject::PriceFilter));
    check_one_stop(|w, _| w.messages = (90, 0), Err(Reject::MessageRate));
    check_one_stop(|_, stop| stop.side = Side::Buy, Err(Reject::ReduceOnly));
    check_one_stop(|w, _| w.exposure.symbols[0].position = Qty::ZERO, Err(Reject::ReduceOnly));
    check_one_stop(|w, _| w.has_room = false, Err(Reject::TableFull));
    check_one_stop(|w, _| w.limited_until = MonoNs(1_001), Err(Reject::BackOff));
}
