//! Queue positions, takers, self-trade prevention, amendments.

use super::*;
use TimeInForce::{Fok, Gtc, Gtx, Ioc};

#[test]
fn a_resting_order_waits_behind_what_is_displayed() {
    let mut bench = Bench::new();
    let id = bench.rest(Side::Buy, "50000", "1");
    bench.market(&trade("50000", "1.5", true));
    bench.check_filled(id, "0");
    bench.market(&trade("50000", "0.8", true));
    bench.check_filled(id, "0.3");
    // A trade of the other side's makers does not touch bids.
    bench.market(&trade("50000", "5", false));
    bench.check_filled(id, "0.3");
    bench.market(&trade("50000", "5", true));
    bench.check_filled(id, "1");
    let fills = &bench.venue.ledger(bench.account).unwrap().fills;
    assert!(fills.iter().all(|fill| fill.maker && fill.price == p("50000")));
    let ids: Vec<_> = fills.iter().map(|fill| fill.trade_id).collect();
    assert_eq!(ids, [OWN_TRADE_ID_FIRST, OWN_TRADE_ID_FIRST + 1]);
}

#[test]
fn cancels_ahead_are_not_seen_until_the_level_is_smaller() {
    let mut bench = Bench::new();
    let id = bench.rest(Side::Buy, "50000", "1");
    bench.diff("50000@5", "");
    bench.diff("50000@1.9", "");
    bench.market(&trade("50000", "1.9", true));
    bench.check_filled(id, "0");
    let other = bench.rest(Side::Buy, "49999.9", "1");
    bench.diff("49999.9@0", "");
    bench.market(&trade("49999.9", "0.1", true));
    bench.check_filled(id, "0.1");
    bench.check_filled(other, "0");
    bench.market(&trade("49999.9", "1.0", true));
    bench.check_filled(id, "1");
    bench.check_filled(other, "0.1");
}

#[test]
fn a_trade_through_fills_at_the_order_s_price_and_no_more_than_it_traded() {
    let mut bench = Bench::new();
    let id = bench.rest(Side::Sell, "50000.1", "1");
    bench.market(&trade("50000.2", "0.4", false));
    bench.check_filled(id, "0.4");
    let fills = &bench.venue.ledger(bench.account).unwrap().fills;
    assert_eq!(fills[0].price, p("50000.1"));
}

#[test]
fn off_book_trades_fill_nobody() {
    let mut bench = Bench::new();
    let id = bench.rest(Side::Buy, "50000", "1");
    let MarketUpdate::Trade(mut fund) = trade("40000", "100", true) else { panic!() };
    fund.kind = TradeKind::InsuranceFund;
    bench.market(&MarketUpdate::Trade(fund));
    bench.check_filled(id, "0");
}

#[test]
fn a_book_that_reaches_the_order_fills_it_once_per_quantity_shown() {
    let mut bench = Bench::new();
    let id = bench.rest(Side::Buy, "50000", "1");
    bench.diff("50000@0 49999.9@0", "50000.0@0.4");
    bench.check_filled(id, "0.4");
    bench.diff("49000@1", "");
    bench.check_filled(id, "0.4");
    bench.diff("", "50000.0@0.5");
    bench.check_filled(id, "0.9");
    let fills = &bench.venue.ledger(bench.account).unwrap().fills;
    assert!(fills.iter().all(|fill| fill.maker && fill.price == p("50000")));
}

#[test]
fn a_ticker_ahead_of_the_depth_counts_for_matching() {
    let mut bench = Bench::new();
    let id = bench.rest(Side::Buy, "49999.9", "1");
    let ticker = BookTicker {
        update_id: 11,
        bid_price: p("49999"),
        bid_qty: q("1"),
        ask_price: p("49999.9"),
        ask_qty: q("0.2"),
        ..BookTicker::default()
    };
    bench.market(&MarketUpdate::BookTicker(ticker));
    bench.check_filled(id, "0.2");
}

#[test]
fn a_taker_walks_the_levels_and_what_it_took_is_gone_until_the_tape_changes_it() {
    let mut bench = Bench::new();
    let view = bench.place(&OrderRequest::market(BTC, Side::Buy, q("2"))).unwrap();
    assert_eq!((view.status, view.executed_qty), (OrderStatus::Filled, q("2")));
    // 1 at 50000.1 and 1 at 50000.2.
    assert_eq!((view.avg_price, view.cum_quote), (p("50000.15"), n("100000.3")));
    let again = bench.limit(Side::Buy, Ioc, "50000.2", "2");
    let view = bench.place(&again).unwrap();
    assert_eq!((view.status, view.executed_qty), (OrderStatus::Expired, q("1")));
    bench.diff("", "50000.1@0.5");
    let view = bench.place(&again).unwrap();
    assert_eq!(view.executed_qty, q("0.5"));
}

#[test]
fn gtc_takes_then_rests_with_what_is_left() {
    let mut bench = Bench::new();
    let view = bench.place(&bench.limit(Side::Buy, Gtc, "50000.1", "1.5")).unwrap();
    assert_eq!((view.status, view.executed_qty), (OrderStatus::PartiallyFilled, q("1")));
    assert_eq!(
        bench.story(),
        ["LITE 1@50000.1", "NEW NEW", "ACCOUNT ORDER", "TRADE PARTIALLY_FILLED"]
    );
    // Its own level was taken: nothing of the tape stands before it on the bid side.
    bench.diff("", "50000.1@0");
    bench.market(&trade("50000.1", "0.2", true));
    assert_eq!(bench.view(view.order_id).executed_qty, q("1.2"));
    assert_eq!(bench.story(), ["LITE 0.2@50000.1", "ACCOUNT ORDER", "TRADE PARTIALLY_FILLED"]);
}

#[test]
fn market_rest_expires_and_a_resting_order_only_says_new() {
    let mut bench = Bench::new();
    bench.rest(Side::Buy, "49990", "1");
    assert_eq!(bench.story(), ["NEW NEW"]);
    bench.diff("", "50000.2@0 50001@0");
    let view = bench.place(&OrderRequest::market(BTC, Side::Buy, q("3"))).unwrap();
    assert_eq!((view.status, view.executed_qty), (OrderStatus::Expired, q("1")));
    let story = bench.story();
    assert_eq!(story.last().unwrap(), &format!("EXPIRED EXPIRED er={}", expiry::MARKET_REST));
    assert_eq!(story.len(), 5);
}

#[test]
fn ack_shows_new_and_result_the_outcome() {
    let mut bench = Bench::new();
    let request = OrderRequest::market(BTC, Side::Buy, q("0.5"));
    let ack = bench.venue.place(T0, bench.account, &request).unwrap();
    assert_eq!((ack.status, ack.executed_qty), (OrderStatus::New, Qty::ZERO));
    assert_eq!(bench.view(ack.order_id).status, OrderStatus::Filled);
    assert_eq!(ack.client_order_id.len(), 22);
}

#[test]
fn clients_trade_with_each_other_in_price_time_and_share_the_trade_id() {
    let mut bench = Bench::new();
    let maker = AccountConfig { api_key: "other".into(), balance: n("100000") };
    let other = bench.venue.open_account(T0, maker);
    let inside = bench.limit(Side::Sell, Gtx, "50000.1", "0.5");
    bench.place_as(other, &inside).unwrap();
    // One of the tape stands before it at 50000.1.
    let view = bench.place(&bench.limit(Side::Buy, Ioc, "50000.1", "1.2")).unwrap();
    assert_eq!(view.executed_qty, q("1.2"));
    let fills = &bench.venue.ledger(bench.account).unwrap().fills;
    let others = &bench.venue.ledger(other).unwrap().fills;
    assert_eq!((fills.len(), others.len()), (2, 1));
    assert_eq!((fills[0].qty, fills[1].qty), (q("1"), q("0.2")));
    assert_eq!(fills[1].trade_id, others[0].trade_id);
    assert!(others[0].maker && !fills[1].maker);
}

#[track_caller]
fn check_stp(mode: StpMode, maker: OrderStatus, taker: OrderStatus, executed: &str) {
    let mut bench = Bench::new();
    bench.diff("", "50000.1@0 50000.2@0");
    let resting = bench.rest(Side::Sell, "50000.1", "1");
    let request = OrderRequest { stp: mode, ..bench.limit(Side::Buy, Gtc, "50001", "1") };
    let view = bench.place(&request).unwrap();
    assert_eq!(bench.view(resting).status, maker, "{mode:?}");
    assert_eq!((view.status, view.executed_qty), (taker, q(executed)), "{mode:?}");
}

#[test]
fn self_trade_prevention_has_four_modes() {
    use OrderStatus::{ExpiredInMatch, Filled, New};
    check_stp(StpMode::ExpireMaker, ExpiredInMatch, Filled, "1");
    check_stp(StpMode::ExpireTaker, New, ExpiredInMatch, "0");
    check_stp(StpMode::ExpireBoth, ExpiredInMatch, ExpiredInMatch, "0");
    check_stp(StpMode::None, Filled, Filled, "1");
}

fn amend(id: i64, side: Side, price: &str, qty: &str) -> AmendRequest {
    AmendRequest {
        symbol: BTC,
        key: OrderKey::id(id),
        side,
        qty: Some(q(qty)),
        price: Some(p(price)),
        price_match: PriceMatch::None,
        modify_id: Some(3),
    }
}

#[test]
fn an_amendment_goes_to_the_back_of_the_queue_and_may_take() {
    let mut bench = Bench::new();
    let id = bench.rest(Side::Buy, "50000", "1");
    bench.market(&trade("50000", "2", true));
    let request = amend(id, Side::Buy, "50000", "0.9");
    let view = bench.venue.modify(T0, bench.account, &request).unwrap();
    assert_eq!((view.qty, view.modify_id, view.status), (q("0.9"), Some(3), OrderStatus::New));
    bench.market(&trade("50000", "1.5", true));
    bench.check_filled(id, "0");
    bench.story();
    let request = amend(id, Side::Buy, "50000.1", "0.9");
    bench.venue.modify(T0, bench.account, &request).unwrap();
    bench.check_filled(id, "0.9");
    let story = bench.story();
    assert_eq!(story[0], "AMENDMENT NEW");
    assert_eq!(story.last().unwrap(), "TRADE FILLED");
}

#[test]
fn an_amendment_cancels_what_is_filled_enough_and_post_only_that_would_take() {
    let mut bench = Bench::new();
    let id = bench.rest(Side::Buy, "50000", "1");
    bench.market(&trade("50000", "2.5", true));
    bench.check_filled(id, "0.5");
    let request = amend(id, Side::Buy, "50000", "0.5");
    let view = bench.venue.modify(T0, bench.account, &request).unwrap();
    assert_eq!(view.status, OrderStatus::Canceled);

    let gtx = bench.place(&bench.limit(Side::Buy, Gtx, "49999", "1")).unwrap();
    let request = amend(gtx.order_id, Side::Buy, "50000.1", "1");
    let view = bench.venue.modify(T0, bench.account, &request).unwrap();
    assert_eq!((view.status, view.executed_qty), (OrderStatus::Canceled, Qty::ZERO));
}

#[test]
fn fill_or_kill_takes_all_or_nothing() {
    let mut bench = Bench::new();
    let request = bench.limit(Side::Buy, Fok, "50000.2", "3.001");
    assert_eq!(bench.place(&request).unwrap_err().code, -5021);
    let request = bench.limit(Side::Buy, Fok, "50000.2", "3");
    assert_eq!(bench.place(&request).unwrap().status, OrderStatus::Filled);
    assert_eq!(bench.place(&request).unwrap_err().code, -5021, "what was taken is gone");
}

#[test]
fn reduce_only_never_turns_a_position() {
    let mut bench = Bench::new();
    bench.place(&OrderRequest::market(BTC, Side::Buy, q("0.5"))).unwrap();
    let close = OrderRequest { reduce_only: true, ..bench.limit(Side::Sell, Gtc, "50000.0", "2") };
    bench.story();
    let view = bench.place(&close).unwrap();
    assert_eq!((view.status, view.executed_qty), (OrderStatus::Expired, q("0.5")));
    assert_eq!(bench.position(), Qty::ZERO);
    assert_eq!(bench.story().last().unwrap(), "EXPIRED EXPIRED er=4");
    assert_eq!(bench.place(&close).unwrap_err().code, -2022);

    // A resting one is knocked out when something else closes the position.
    bench.diff("", "50000.1@9");
    bench.place(&OrderRequest::market(BTC, Side::Buy, q("0.5"))).unwrap();
    let far = OrderRequest { reduce_only: true, ..bench.limit(Side::Sell, Gtc, "51000", "0.5") };
    let resting = bench.place(&far).unwrap();
    assert_eq!(bench.place(&far).unwrap_err().code, -2022, "already covered");
    bench.place(&OrderRequest::market(BTC, Side::Sell, q("0.5"))).unwrap();
    assert_eq!(bench.view(resting.order_id).status, OrderStatus::Expired);
}
