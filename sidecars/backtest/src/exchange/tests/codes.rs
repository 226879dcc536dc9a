//! Every refusal has its code, and changes nothing.

use super::*;
use TimeInForce::{Gtc, Gtd, Gtx, Rpi};

#[track_caller]
fn check(change: impl FnOnce(&mut OrderRequest), code: i32) {
    let mut bench = Bench::new();
    let mut request = bench.limit(Side::Buy, Gtc, "49000", "0.01");
    change(&mut request);
    let dry = bench.venue.check(T0, bench.account, &request);
    assert_eq!(dry.err().map_or(0, |error| error.code), code);
    bench.venue.drain_events();
    let result = bench.place(&request);
    assert_eq!(result.as_ref().err().map_or(0, |error| error.code), code, "{result:?}");
    if code != 0 {
        assert_eq!(bench.story(), Vec::<String>::new());
        assert_eq!(bench.venue.all_orders(bench.account, None), []);
    }
}

#[test]
fn shape_of_a_request() {
    check(|_| {}, 0);
    check(|r| r.symbol = SymbolId(9), -1121);
    check(|r| r.time_in_force = None, -1102);
    check(|r| r.qty = None, -1102);
    check(|r| r.price = None, -1102);
    check(|r| r.time_in_force = Some(Rpi), -1115);
    check(|r| r.time_in_force = Some(Gtd), -1102);
    check(|r| r.good_till_ms = Some(T0 + 700_000), -1106);
    check(|r| (r.time_in_force, r.good_till_ms) = (Some(Gtd), Some(T0 + 599_000)), -5040);
    check(|r| (r.time_in_force, r.good_till_ms) = (Some(Gtd), Some(T0 + 601_000)), 0);
    check(|r| r.order_type = OrderType::Market, -1106);
    check(|r| (r.order_type, r.price) = (OrderType::Market, None), -1106);
    check(|r| r.order_type = OrderType::StopMarket, -4120);
    check(|r| r.order_type = OrderType::TrailingStopMarket, -4120);
    check(|r| r.order_type = OrderType::Liquidation, -1116);
    check(|r| r.position_side_both = false, -4061);
    check(|r| r.price_match = PriceMatch::Queue(1), -1106);
    check(|r| (r.price_match, r.price) = (PriceMatch::Queue(1), None), 0);
    check(|r| (r.price_match, r.price) = (PriceMatch::Opponent(20), None), -5041);
}

#[test]
fn filters_of_a_limit_order() {
    check(|r| r.qty = Some(Qty::ZERO), -4003);
    check(|r| r.qty = Some(q("0.0015")), -1111);
    check(|r| r.qty = Some(q("1001")), -4005);
    check(|r| r.price = Some(p("49000.005")), -1111);
    check(|r| r.price = Some(p("49000.05")), -4014);
    check(|r| r.price = Some(p("500")), -4013);
    check(|r| r.price = Some(p("9000000")), -4002);
    check(|r| r.price = Some(Price::ZERO), -4001);
    check(|r| r.price = Some(p("52501")), -4016);
    check(|r| (r.side, r.price) = (Side::Sell, Some(p("47499"))), -4024);
    check(|r| r.qty = Some(q("0.001")), -4164);
    check(|r| r.client_order_id = Some("x".repeat(36)), 0);
    check(|r| r.client_order_id = Some("x".repeat(37)), -4015);
    check(|r| r.client_order_id = Some("a b".into()), -4015);
    check(|r| r.client_order_id = Some(String::new()), -4015);
    check(|r| (r.time_in_force, r.price) = (Some(Gtx), Some(p("50000.1"))), -5022);
    check(|r| (r.time_in_force, r.price) = (Some(Gtx), Some(p("50000"))), 0);
    check(|r| r.reduce_only = true, -2022);
    check(|r| r.qty = Some(q("100")), -2019);
    check(|r| r.qty = Some(q("1000")), -2019);
}

#[test]
fn market_orders_have_their_own_limits() {
    let market = |r: &mut OrderRequest, qty: &str| {
        *r = OrderRequest::market(BTC, Side::Buy, q(qty));
    };
    check(|r| market(r, "0.01"), 0);
    check(|r| market(r, "120.001"), -4005);
    check(|r| market(r, "0.0001"), -1111);
    check(|r| market(r, "100"), -2019);
    let mut bench = Bench::new();
    bench.diff("", "50000.1@0 50000.2@0 50001.0@0 53000@5");
    let request = OrderRequest::market(BTC, Side::Buy, q("0.01"));
    // The best ask is beyond the mark's 5 %: the mark has moved only 1/32 of the way.
    assert_eq!(bench.place(&request).unwrap_err().code, -4131);
}

#[test]
fn client_ids_are_unique_among_open_orders_only() {
    let mut bench = Bench::new();
    let named = |price: &str, bench: &Bench| OrderRequest {
        client_order_id: Some("mine".into()),
        ..bench.limit(Side::Buy, Gtc, price, "0.01")
    };
    let first = bench.place(&named("49000", &bench)).unwrap();
    assert_eq!(bench.place(&named("48000", &bench)).unwrap_err().code, -4116);
    let key = OrderKey::client("mine");
    let view = bench.venue.cancel(T0, bench.account, BTC, &key).unwrap();
    assert_eq!((view.order_id, view.status), (first.order_id, OrderStatus::Canceled));
    let second = bench.place(&named("48000", &bench)).unwrap();
    assert!(second.order_id > first.order_id);
    let found = bench.venue.status(bench.account, BTC, &key).unwrap();
    assert_eq!(found.order_id, second.order_id, "the newest of that name");
}

#[test]
fn orders_that_are_not_there() {
    let mut bench = Bench::new();
    let code = |result: Result<OrderView, VenueError>| result.unwrap_err().code;
    let account = bench.account;
    let id = bench.rest(Side::Buy, "49000", "0.01");
    let (key, none) = (OrderKey::id(id), OrderKey::default());
    assert_eq!(code(bench.venue.cancel(T0, account, BTC, &OrderKey::id(1))), -2011);
    assert_eq!(code(bench.venue.cancel(T0, account, BTC, &none)), -1102);
    assert_eq!(code(bench.venue.cancel(T0, account, SymbolId(1), &key)), -2011);
    assert_eq!(code(bench.venue.cancel(T0, account, SymbolId(7), &key)), -1121);
    assert_eq!(code(bench.venue.status(account, BTC, &OrderKey::client("no"))), -2013);
    bench.venue.cancel(T0, account, BTC, &key).unwrap();
    assert_eq!(code(bench.venue.cancel(T0, account, BTC, &key)), -2011);
    assert_eq!(bench.venue.status(account, BTC, &key).unwrap().status, OrderStatus::Canceled);
    let stranger = AccountId(3);
    assert_eq!(code(bench.venue.cancel(T0, stranger, BTC, &key)), -2015);
}

#[track_caller]
fn check_amend(change: impl FnOnce(&mut AmendRequest), code: i32) {
    let mut bench = Bench::new();
    let id = bench.rest(Side::Buy, "49000", "0.01");
    let before = bench.view(id);
    let mut request = AmendRequest {
        symbol: BTC,
        key: OrderKey::id(id),
        side: Side::Buy,
        qty: Some(q("0.02")),
        price: Some(p("49000")),
        price_match: PriceMatch::None,
        modify_id: None,
    };
    change(&mut request);
    let result = bench.venue.modify(T0, bench.account, &request);
    assert_eq!(result.as_ref().err().map_or(0, |error| error.code), code, "{result:?}");
    assert_eq!(bench.view(id) == before, code != 0);
}

#[test]
fn refused_amendments_leave_the_order_alone() {
    check_amend(|_| {}, 0);
    check_amend(|r| r.qty = None, -1102);
    check_amend(|r| r.price = None, -1102);
    check_amend(|r| r.qty = Some(q("0.01")), -5027);
    check_amend(|r| r.qty = Some(q("0.001")), -5029);
    check_amend(|r| r.price = Some(p("49000.05")), -4014);
    check_amend(|r| r.price = Some(p("60000")), -4016);
    check_amend(|r| r.qty = Some(q("0.0105")), -1111);
    check_amend(|r| r.qty = Some(q("900")), -2019);
    check_amend(|r| r.side = Side::Sell, -1130);
    check_amend(|r| r.key = OrderKey::id(5), -2013);
    check_amend(|r| r.symbol = SymbolId(9), -1121);
}

#[test]
fn open_orders_have_a_limit() {
    let mut bench = Bench::new();
    for _ in 0..200 {
        bench.rest(Side::Buy, "49000", "0.002");
    }
    let request = bench.limit(Side::Buy, Gtc, "49000", "0.002");
    assert_eq!(bench.place(&request).unwrap_err().code, -2025);
    assert_eq!(bench.venue.cancel_all(T0, bench.account, BTC).unwrap().len(), 200);
    bench.rest(Side::Buy, "49000", "0.002");
}

#[test]
fn leverage_is_checked() {
    let mut bench = Bench::new();
    let set = |bench: &mut Bench, leverage| {
        bench.venue.set_leverage(T0, bench.account, BTC, leverage).map_err(|error| error.code)
    };
    assert_eq!(set(&mut bench, 126).unwrap_err(), -4028);
    assert_eq!(set(&mut bench, 0).unwrap_err(), -4028);
    assert_eq!(set(&mut bench, 125).unwrap().max_notional, n("300000"));
    let request = bench.limit(Side::Buy, Gtc, "49000", "7");
    assert_eq!(bench.place(&request).unwrap_err().code, -2027);
    let request = bench.limit(Side::Buy, Gtc, "49000", "5");
    bench.place(&request).unwrap();
    assert_eq!(set(&mut bench, 2).unwrap_err(), -2028);
    assert_eq!(bench.venue.symbol_config(bench.account, BTC).unwrap().leverage, 125);
}
