//! Conditional orders: when they trigger, what becomes of them, what refuses them.

use OrderType::{Stop, StopMarket, TakeProfit, TakeProfitMarket, TrailingStopMarket};
use Side::{Buy, Sell};

use super::*;
use crate::algo::{AlgoKey, AlgoRequest, AlgoStatus, AlgoView, WorkingType};

fn market(side: Side, order_type: OrderType, trigger: &str) -> AlgoRequest {
    AlgoRequest::market(BTC, side, order_type, p(trigger), q("0.01"))
}
fn trailing(side: Side, activate: Option<&str>, callback_ppm: i64) -> AlgoRequest {
    AlgoRequest {
        trigger_price: None,
        activate_price: activate.map(p),
        callback_ppm: Some(callback_ppm),
        ..market(side, TrailingStopMarket, "1")
    }
}
fn closing(side: Side, order_type: OrderType, trigger: &str) -> AlgoRequest {
    AlgoRequest { qty: None, close_position: true, ..market(side, order_type, trigger) }
}
fn limit(side: Side, order_type: OrderType, trigger: &str, price: &str) -> AlgoRequest {
    AlgoRequest { price: Some(p(price)), ..market(side, order_type, trigger) }
}

impl Bench {
    fn algo(&mut self, request: &AlgoRequest) -> Result<AlgoView, VenueError> {
        self.venue.place_algo(self.now, self.account, request)
    }
    /// Places one that must be taken, and forgets what was said of it.
    fn wait_for(&mut self, request: &AlgoRequest) -> i64 {
        let view = self.algo(request).unwrap();
        assert_eq!(view.status, AlgoStatus::New);
        self.story();
        view.algo_id
    }
    fn last(&mut self, price: &str) {
        self.market(&trade(price, "0.001", false));
    }
    fn mark(&mut self, price: &str) {
        let price = p(price);
        let mark = Mark { symbol: BTC, mark_price: price, index_price: price, ..Mark::default() };
        self.market(&MarketUpdate::Mark(mark));
        self.pass(1_000);
    }
    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.venue.advance(self.now);
    }
    fn seen(&self, algo_id: i64) -> AlgoView {
        self.venue.algo_status(self.account, &AlgoKey::id(algo_id)).unwrap()
    }
    #[track_caller]
    fn check_state(&self, algo_id: i64, status: AlgoStatus) {
        assert_eq!(self.seen(algo_id).status, status);
    }
    /// Buys (or sells) at the market.
    fn take(&mut self, side: Side, qty: &str) {
        self.place(&OrderRequest::market(BTC, side, q(qty))).unwrap();
        self.story();
    }
}

#[test]
fn a_stop_becomes_a_real_order_with_all_its_events() {
    let mut bench = Bench::new();
    let named =
        AlgoRequest { client_algo_id: Some("s1".into()), ..market(Buy, StopMarket, "50100") };
    let placed = bench.algo(&named).unwrap();
    assert_eq!(bench.story(), ["ALGO NEW"]);
    bench.last("50099.9");
    assert_eq!(bench.story(), Vec::<String>::new());
    bench.last("50100");
    assert_eq!(
        bench.story(),
        [
            "ALGO TRIGGERING",
            "LITE 0.01@50000.1",
            "NEW NEW",
            "ACCOUNT ORDER",
            "TRADE FILLED",
            "ALGO TRIGGERED",
            "ALGO FINISHED",
        ]
    );
    let done = bench.seen(placed.algo_id);
    let order = bench.venue.status(bench.account, BTC, &OrderKey::client("s1")).unwrap();
    assert_eq!(done.actual_order_id, order.order_id);
    assert_eq!((done.actual_qty, done.actual_price), (q("0.01"), p("50000.1")));
    assert_eq!(done.actual_type, Some(OrderType::Market));
    let origin = order.origin.unwrap();
    assert_eq!((origin.order_type, origin.trigger_price), (StopMarket, p("50100")));
    assert_eq!(bench.position(), q("0.01"));
    bench.last("50200");
    assert_eq!(bench.story(), Vec::<String>::new(), "once");
}

#[track_caller]
fn check_direction(side: Side, order_type: OrderType, trigger: &str, not_yet: &str) {
    let mut bench = Bench::new();
    let id = bench.wait_for(&market(side, order_type, trigger));
    bench.last(not_yet);
    bench.check_state(id, AlgoStatus::New);
    bench.last(trigger);
    bench.check_state(id, AlgoStatus::Finished);
    // The other way round it would be there at once.
    let mut bench = Bench::new();
    bench.last(trigger);
    assert_eq!(bench.algo(&market(side, order_type, trigger)).unwrap_err().code, -2021);
}

#[test]
fn stops_trigger_on_the_losing_side_and_take_profits_on_the_winning() {
    check_direction(Buy, StopMarket, "50100", "50099.9");
    check_direction(Sell, StopMarket, "49900", "49900.1");
    check_direction(Buy, TakeProfitMarket, "49900", "49900.1");
    check_direction(Sell, TakeProfitMarket, "50100", "50099.9");
}

#[test]
fn the_mark_triggers_what_works_on_the_mark_and_nothing_else() {
    let mut bench = Bench::new();
    let by_mark =
        AlgoRequest { working_type: WorkingType::MarkPrice, ..market(Buy, StopMarket, "50100") };
    let by_mark = bench.wait_for(&by_mark);
    let by_last = bench.wait_for(&market(Buy, StopMarket, "50200"));
    bench.last("50150");
    bench.check_state(by_mark, AlgoStatus::New);
    bench.mark("50300");
    bench.check_state(by_mark, AlgoStatus::Finished);
    bench.check_state(by_last, AlgoStatus::New);
}

#[test]
fn a_trailing_stop_follows_after_its_activation() {
    let mut bench = Bench::new();
    let id = bench.wait_for(&trailing(Sell, Some("50200"), 10_000));
    bench.last("50100");
    bench.last("49000");
    assert!(!bench.seen(id).is_activated);
    bench.story();
    bench.last("50200");
    assert!(bench.seen(id).is_activated);
    assert_eq!(bench.story(), ["ALGO NEW"], "its activation is told");
    bench.last("50500");
    // 1 % below the highest.
    bench.last("49995.1");
    bench.check_state(id, AlgoStatus::New);
    bench.last("49995");
    bench.check_state(id, AlgoStatus::Finished);
    let order = bench.view(bench.seen(id).actual_order_id);
    assert_eq!(order.origin.unwrap().trigger_price, p("49995"));
    assert_eq!((order.side, bench.position()), (Sell, q("-0.01")));
}

#[test]
fn a_trailing_buy_without_activation_price_follows_at_once() {
    let mut bench = Bench::new();
    bench.last("50000");
    let id = bench.wait_for(&trailing(Buy, None, 1_000));
    assert!(bench.seen(id).is_activated);
    bench.last("49900");
    // 0.1 % above the lowest is 49,949.9.
    bench.last("49949.8");
    bench.check_state(id, AlgoStatus::New);
    bench.last("49949.9");
    bench.check_state(id, AlgoStatus::Finished);
}

#[test]
fn a_triggered_limit_order_lives_on_and_ends_its_conditional_one() {
    let mut bench = Bench::new();
    let id = bench.wait_for(&limit(Sell, TakeProfit, "50500", "50600"));
    bench.last("50500");
    assert_eq!(bench.story(), ["ALGO TRIGGERING", "NEW NEW", "ALGO TRIGGERED"]);
    let order_id = bench.seen(id).actual_order_id;
    assert_eq!(bench.venue.open_orders(bench.account, None).len(), 1);
    assert_eq!(bench.venue.open_algos(bench.account, None), []);
    let error = bench.venue.cancel_algo(bench.now, bench.account, &AlgoKey::id(id)).unwrap_err();
    assert_eq!(error.code, -2011, "it is an ordinary order now");
    bench.venue.cancel(bench.now, bench.account, BTC, &OrderKey::id(order_id)).unwrap();
    assert_eq!(bench.story(), ["CANCELED CANCELED", "ALGO FINISHED"]);

    let id = bench.wait_for(&limit(Buy, Stop, "50600", "50000.1"));
    bench.last("50600");
    bench.check_state(id, AlgoStatus::Finished);
    assert_eq!(bench.position(), q("0.01"));
}

#[track_caller]
fn check_rejected(balance: &str, request: &AlgoRequest, reason: &str) {
    let mut bench = Bench::with_balance(balance);
    let id = bench.wait_for(request);
    bench.last("50100");
    assert_eq!(bench.story(), ["ALGO TRIGGERING", "ALGO REJECTED"]);
    let seen = bench.seen(id);
    assert_eq!(seen.reject_reason.as_deref(), Some(reason));
    assert_eq!((seen.actual_order_id, seen.actual_type), (0, None));
    assert_eq!(bench.venue.all_orders(bench.account, None), []);
}

#[test]
fn what_the_book_refuses_is_known_at_the_trigger_only() {
    check_rejected("10", &market(Buy, StopMarket, "50100"), "Margin is insufficient.");
    let reducing = AlgoRequest { reduce_only: true, ..market(Buy, StopMarket, "50100") };
    check_rejected("100000", &reducing, "ReduceOnly Order is rejected.");
    let gtx = TimeInForce::Gtx;
    let post_only = AlgoRequest { time_in_force: Some(gtx), ..limit(Buy, Stop, "50100", "50100") };
    check_rejected(
        "100000",
        &post_only,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. The \
         order will not be recorded in the order history.",
    );
}

#[test]
fn a_closing_order_closes_what_is_there() {
    let mut bench = Bench::new();
    assert_eq!(bench.algo(&closing(Sell, StopMarket, "49900")).unwrap_err().code, -4509);
    bench.take(Buy, "0.02");
    assert_eq!(bench.algo(&closing(Buy, StopMarket, "50900")).unwrap_err().code, -4509);
    let id = bench.wait_for(&closing(Sell, StopMarket, "49900"));
    assert_eq!(bench.seen(id).time_in_force, TimeInForce::GteGtc);
    assert_eq!(bench.algo(&closing(Sell, StopMarket, "49800")).unwrap_err().code, -4130);
    let take_profit = bench.wait_for(&closing(Sell, TakeProfitMarket, "50900"));
    bench.take(Buy, "0.03");
    bench.last("49900");
    assert_eq!(bench.position(), Qty::ZERO);
    bench.check_state(id, AlgoStatus::Finished);
    assert_eq!(bench.seen(id).actual_qty, q("0.05"));
    bench.check_state(take_profit, AlgoStatus::Expired);
}

#[test]
fn a_closing_order_ends_with_its_position() {
    let mut bench = Bench::new();
    bench.take(Buy, "0.02");
    let id = bench.wait_for(&closing(Sell, StopMarket, "49900"));
    bench.take(Sell, "0.01");
    bench.check_state(id, AlgoStatus::New);
    bench.take(Sell, "0.03");
    bench.check_state(id, AlgoStatus::Expired);
    bench.last("49900");
    assert_eq!(bench.position(), q("-0.02"), "nothing was triggered");
}

#[test]
fn what_is_for_ordinary_orders_leaves_conditional_ones_alone() {
    let mut bench = Bench::new();
    let before = bench.venue.account(bench.account).available_balance;
    let id = bench.wait_for(&market(Buy, StopMarket, "50100"));
    let account = bench.account;
    assert_eq!(bench.venue.account(account).available_balance, before, "it binds no margin");
    assert_eq!(bench.venue.open_orders(account, None), []);
    bench.venue.cancel_all(bench.now, account, BTC).unwrap();
    bench.venue.set_countdown(bench.now, account, BTC, 1_000).unwrap();
    bench.pass(5_000);
    bench.venue.wipe_orders(bench.now);
    bench.check_state(id, AlgoStatus::New);
    let ended = bench.venue.cancel_all_algos(bench.now, account, BTC).unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(bench.story(), ["ALGO CANCELED"]);
    bench.check_state(id, AlgoStatus::Canceled);
}

#[test]
fn a_dated_order_expires_at_its_date() {
    let mut bench = Bench::new();
    let dated = AlgoRequest {
        time_in_force: Some(TimeInForce::Gtd),
        good_till_ms: Some(T0 + 700_900),
        ..limit(Buy, Stop, "50100", "49000")
    };
    let (first, second) = (bench.wait_for(&dated), bench.wait_for(&dated));
    bench.pass(200_000);
    bench.last("50100");
    for id in [first, second] {
        bench.check_state(id, AlgoStatus::Triggered);
    }
    let order = bench.view(bench.seen(first).actual_order_id);
    assert_eq!((order.time_in_force, order.good_till_ms), (TimeInForce::Gtd, T0 + 700_500));
    let third = bench.wait_for(&AlgoRequest {
        trigger_price: Some(p("50200")),
        good_till_ms: Some(T0 + 900_000),
        ..dated
    });
    bench.pass(500_499);
    bench.check_state(first, AlgoStatus::Triggered);
    bench.pass(1);
    bench.check_state(first, AlgoStatus::Finished);
    assert!(bench.venue.next_timer_ms().unwrap() <= T0 + 900_000);
    bench.pass(200_000);
    bench.check_state(third, AlgoStatus::Expired);
}

#[test]
fn price_protection_waits_until_the_prices_are_near_again() {
    let mut bench = Bench::new();
    let guarded = AlgoRequest { price_protect: true, ..market(Buy, StopMarket, "51000") };
    let id = bench.wait_for(&guarded);
    // More than 5 % above the mark.
    bench.last("52600");
    bench.check_state(id, AlgoStatus::New);
    bench.last("52000");
    bench.check_state(id, AlgoStatus::Finished);
}

#[test]
fn two_hundred_wait_for_one_account() {
    let mut bench = Bench::new();
    for _ in 0..200 {
        bench.wait_for(&market(Buy, StopMarket, "50100"));
    }
    assert_eq!(bench.algo(&market(Buy, StopMarket, "50100")).unwrap_err().code, -4045);
    bench.venue.cancel_all_algos(bench.now, bench.account, BTC).unwrap();
    bench.wait_for(&market(Buy, StopMarket, "50100"));
}

#[test]
fn orders_that_do_not_wait_are_not_cancelled() {
    let mut bench = Bench::new();
    let account = bench.account;
    let named =
        AlgoRequest { client_algo_id: Some("n".into()), ..market(Buy, StopMarket, "50100") };
    let id = bench.wait_for(&named);
    assert_eq!(bench.algo(&named).unwrap_err().code, -4116);
    let code = |r: Result<AlgoView, VenueError>| r.unwrap_err().code;
    let cancel = |bench: &mut Bench, key: AlgoKey| bench.venue.cancel_algo(T0, account, &key);
    assert_eq!(code(cancel(&mut bench, AlgoKey::id(7))), -2011);
    assert_eq!(code(cancel(&mut bench, AlgoKey::default())), -1102);
    assert_eq!(code(bench.venue.algo_status(account, &AlgoKey::client("m"))), -2013);
    let stranger =
        bench.venue.open_account(T0, AccountConfig { api_key: "other".into(), balance: n("5") });
    assert_eq!(code(bench.venue.cancel_algo(T0, stranger, &AlgoKey::id(id))), -2011);
    assert_eq!(cancel(&mut bench, AlgoKey::client("n")).unwrap().status, AlgoStatus::Canceled);
    assert_eq!(code(cancel(&mut bench, AlgoKey::id(id))), -2011);
    let again = bench.wait_for(&named);
    let newest = bench.venue.algo_status(account, &AlgoKey::client("n")).unwrap();
    assert_eq!(newest.algo_id, again);
    assert_eq!(bench.venue.all_algos(account, Some(BTC)).len(), 2);
}

#[track_caller]
fn check(base: AlgoRequest, change: impl FnOnce(&mut AlgoRequest), code: i32) {
    let mut bench = Bench::new();
    let mut request = base;
    change(&mut request);
    let result = bench.algo(&request);
    assert_eq!(result.as_ref().err().map_or(0, |error| error.code), code, "{result:?}");
    if code != 0 {
        assert_eq!(bench.story(), Vec::<String>::new());
        assert_eq!(bench.venue.all_algos(bench.account, None), []);
    }
}

#[test]
fn refusals_of_a_trigger_order() {
    let stop = || market(Buy, StopMarket, "50100");
    check(stop(), |_| {}, 0);
    check(stop(), |r| r.symbol = SymbolId(9), -1121);
    check(stop(), |r| r.order_type = OrderType::Limit, -1116);
    check(stop(), |r| r.order_type = OrderType::Liquidation, -1116);
    check(stop(), |r| r.position_side_both = false, -4061);
    check(stop(), |r| r.qty = None, -1102);
    check(stop(), |r| r.qty = Some(Qty::ZERO), -4003);
    check(stop(), |r| r.qty = Some(q("121")), -4005);
    check(stop(), |r| r.qty = Some(q("0.0005")), -1111);
    check(stop(), |r| r.qty = Some(q("0.000")), -4003);
    check(stop(), |r| r.trigger_price = None, -1102);
    check(stop(), |r| r.trigger_price = Some(Price::ZERO), -4006);
    check(stop(), |r| r.trigger_price = Some(p("9000000")), -4007);
    check(stop(), |r| r.trigger_price = Some(p("50100.123")), 0);
    check(stop(), |r| r.price = Some(p("50000")), -1106);
    check(stop(), |r| r.price_match = PriceMatch::Queue(1), -5038);
    check(stop(), |r| r.callback_ppm = Some(1_000), -1106);
    check(stop(), |r| r.activate_price = Some(p("50000")), -1106);
    check(stop(), |r| r.time_in_force = Some(TimeInForce::Rpi), -1115);
    check(stop(), |r| r.time_in_force = Some(TimeInForce::Gtd), -1102);
    check(stop(), |r| r.good_till_ms = Some(T0 + 700_000), -1106);
    check(stop(), |r| r.client_algo_id = Some("a b".into()), -4015);
    check(stop(), |r| r.client_algo_id = Some("x".repeat(37)), -4015);
    check(stop(), |r| r.client_algo_id = Some("x".repeat(36)), 0);
    check(stop(), |r| r.qty = Some(q("0.001")), 0);
    check(market(Sell, StopMarket, "40000"), |r| r.qty = Some(q("0.001")), -4164);
    let reducing = |r: &mut AlgoRequest| (r.reduce_only, r.qty) = (true, Some(q("0.001")));
    check(market(Sell, StopMarket, "40000"), reducing, 0);
}

#[test]
fn refusals_of_limits_closings_and_trailing_stops() {
    let stop_limit = || limit(Buy, Stop, "50100", "50200");
    check(stop_limit(), |_| {}, 0);
    check(stop_limit(), |r| r.price = None, -1102);
    check(stop_limit(), |r| r.price = Some(p("50200.05")), -4014);
    check(stop_limit(), |r| r.price_match = PriceMatch::Queue(1), -1106);
    check(stop_limit(), |r| (r.price, r.price_match) = (None, PriceMatch::Queue(1)), 0);
    let close = || closing(Sell, StopMarket, "49900");
    check(close(), |r| r.qty = Some(q("0.01")), -4137);
    check(close(), |r| r.reduce_only = true, -1106);
    check(close(), |r| (r.order_type, r.price) = (Stop, Some(p("49900"))), -4136);
    let trail = || trailing(Sell, Some("50100"), 1_000);
    check(trail(), |_| {}, 0);
    check(trail(), |r| r.activate_price = None, 0);
    check(trail(), |r| r.activate_price = Some(p("49000")), -2021);
    check(trail(), |r| r.activate_price = Some(Price::ZERO), -4135);
    check(trail(), |r| r.trigger_price = Some(p("50000")), -1106);
    check(trail(), |r| r.callback_ppm = None, -1102);
    check(trail(), |r| r.callback_ppm = Some(999), -2007);
    check(trail(), |r| r.callback_ppm = Some(200_000), 0);
    check(trail(), |r| r.callback_ppm = Some(200_001), -2007);
}
