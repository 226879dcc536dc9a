//! Commission, realised profit, margin, funding, liquidation, timers.

use super::*;
use TimeInForce::{Gtc, Gtd};

#[test]
fn a_round_trip_is_exact_to_the_last_digit() {
    let mut bench = Bench::new();
    bench.place(&OrderRequest::market(BTC, Side::Buy, q("0.003"))).unwrap();
    let updates = bench.updates();
    let fill = updates.last().unwrap();
    // 0.003 × 50000.1 × 0.0005.
    assert_eq!((fill.exec_type, fill.commission), (ExecType::Trade, n("0.07500015")));
    assert_eq!((fill.trade_id, fill.is_maker), (OWN_TRADE_ID_FIRST, false));
    bench.place(&OrderRequest::market(BTC, Side::Sell, q("0.003"))).unwrap();
    let updates = bench.updates();
    let fill = updates.last().unwrap();
    assert_eq!((fill.realized_pnl, fill.commission), (n("-0.0003"), n("0.075")));
    let view = bench.venue.account(bench.account);
    assert_eq!(view.wallet_balance, n("99999.84969985"));
    assert_eq!((view.positions.len(), view.initial_margin), (0, Notional::ZERO));
    let ledger = bench.venue.ledger(bench.account).unwrap();
    assert_eq!(ledger.total(ChangeKind::Commission), n("-0.15000015"));
    assert_eq!(ledger.total(ChangeKind::RealizedPnl), n("-0.0003"));
}

#[test]
fn an_account_update_has_the_position_after_the_fill() {
    let mut bench = Bench::new();
    bench.place(&OrderRequest::market(BTC, Side::Buy, q("0.5"))).unwrap();
    let events = bench.venue.drain_events();
    let update = events.iter().find_map(|event| match event {
        VenueEvent::Account(_, AccountEvent::Account(update)) => Some(update),
        _ => None,
    });
    let update = update.unwrap();
    assert_eq!((update.reason, update.wallet_balance), (AccountReason::Order, n("99987.499975")));
    let row = update.position.unwrap();
    assert_eq!((row.qty, row.entry_price), (q("0.5"), p("50000.1")));
    assert_eq!(row.break_even_price, p("50025.10005"));
    // The mark is the middle, 50000.05.
    assert_eq!(row.unrealized_profit, n("-0.025"));
}

#[test]
fn margin_of_orders_and_positions_is_what_the_larger_side_needs() {
    let mut bench = Bench::new();
    bench.rest(Side::Buy, "49000", "2");
    bench.rest(Side::Sell, "51000", "1");
    let view = bench.venue.account(bench.account);
    assert_eq!(view.open_order_initial_margin, n("4900"));
    assert_eq!(view.available_balance, n("95100"));
    let row = &view.positions[0];
    assert_eq!((row.bid_notional, row.ask_notional), (n("98000"), n("51000")));
    assert_eq!((row.qty, row.leverage), (Qty::ZERO, 20));
    // What reduces binds nothing more, however little is left.
    bench.place(&OrderRequest::market(BTC, Side::Buy, q("1"))).unwrap();
    let before = bench.venue.account(bench.account).initial_margin;
    bench.place(&bench.limit(Side::Sell, Gtc, "50500", "0.5")).unwrap();
    assert_eq!(bench.venue.account(bench.account).initial_margin, before);
}

#[test]
fn funding_is_paid_on_the_position_at_the_mark() {
    let mut bench = Bench::new();
    bench.place(&OrderRequest::market(BTC, Side::Buy, q("1"))).unwrap();
    let wallet = bench.venue.account(bench.account).wallet_balance;
    bench.story();
    let at = bench.venue.next_funding_ms;
    assert_eq!(at % (8 * 3_600_000), 0);
    bench.venue.advance(at - 1);
    assert_eq!(bench.story(), Vec::<String>::new());
    bench.venue.advance(at);
    assert_eq!(bench.story(), ["ACCOUNT FUNDING_FEE"]);
    // A long pays 0.01 % of 50000.05.
    let paid = bench.venue.ledger(bench.account).unwrap().total(ChangeKind::FundingFee);
    assert_eq!(paid, n("-5.000005"));
    let after = bench.venue.account(bench.account).wallet_balance;
    assert_eq!(after, wallet.checked_add(paid).unwrap());
}

#[test]
fn the_owner_s_money_comes_and_goes_under_its_name() {
    let mut bench = Bench::new();
    let before = bench.venue.account(bench.account).wallet_balance;
    bench.story();
    for (amount, story) in [("-250.5", "ACCOUNT WITHDRAW"), ("100", "ACCOUNT DEPOSIT")] {
        bench.venue.transfer(bench.venue.now_ms, bench.account, n(amount));
        assert_eq!(bench.story(), [story]);
    }
    let after = bench.venue.account(bench.account).wallet_balance;
    assert_eq!(after, before.checked_sub(n("150.5")).unwrap());
    let moved = bench.venue.ledger(bench.account).unwrap().total(ChangeKind::Transfer);
    assert_eq!(moved, after, "with what it began with");
}

#[test]
fn the_mark_is_told_each_second_and_follows_the_tape_s_while_it_has_one() {
    let mut bench = Bench::new();
    let marks = |bench: &mut Bench| {
        let events = bench.venue.drain_events().into_iter();
        let marks: Vec<_> = events
            .filter_map(|event| match event {
                VenueEvent::Market(MarketUpdate::Mark(mark)) => {
                    Some((mark.event_time.ms(), mark.mark_price))
                }
                _ => None,
            })
            .collect();
        marks
    };
    bench.venue.advance(T0 + 500);
    assert_eq!(marks(&mut bench), [(T0 + 500, p("50000.05"))]);
    let recorded = Mark {
        mark_price: p("50010.12345678"),
        index_price: p("50011"),
        funding_rate_e8: 2_754,
        ..Mark::default()
    };
    bench.now = T0 + 600;
    bench.market(&MarketUpdate::Mark(recorded));
    bench.diff("40000@1", "");
    bench.venue.advance(T0 + 4_700);
    assert_eq!(marks(&mut bench), [(T0 + 4_500, p("50010.12345678"))]);
    assert_eq!(bench.venue.mark(BTC).unwrap().funding_rate_e8, 2_754);
    bench.now = T0 + 20_000;
    bench.diff("40000@2", "");
    assert_eq!(bench.venue.mark(BTC).unwrap().mark_price, p("50000.05"), "it fell silent");
}

#[test]
fn an_order_ends_with_its_date() {
    let mut bench = Bench::new();
    let request = OrderRequest {
        good_till_ms: Some(T0 + 700_000),
        ..bench.limit(Side::Buy, Gtd, "49000", "1")
    };
    let view = bench.place(&request).unwrap();
    assert_eq!(view.good_till_ms % 1_000, 0);
    bench.venue.advance(view.good_till_ms - 1);
    assert_eq!(bench.view(view.order_id).status, OrderStatus::New);
    assert!(bench.venue.next_timer_ms().unwrap() <= view.good_till_ms);
    bench.venue.advance(view.good_till_ms);
    assert_eq!(bench.view(view.order_id).status, OrderStatus::Expired);
}

#[test]
fn the_dead_man_s_switch_cancels_one_symbol_unless_set_again() {
    let mut bench = Bench::new();
    let id = bench.rest(Side::Buy, "49000", "1");
    let set = |bench: &mut Bench, at, ms| {
        bench.venue.set_countdown(at, bench.account, BTC, ms).unwrap();
    };
    set(&mut bench, T0, 5_000);
    set(&mut bench, T0 + 4_000, 5_000);
    bench.venue.advance(T0 + 8_999);
    assert_eq!(bench.view(id).status, OrderStatus::New);
    bench.venue.advance(T0 + 9_000);
    assert_eq!(bench.view(id).status, OrderStatus::Canceled);
    let id = bench.rest(Side::Buy, "49000", "1");
    set(&mut bench, T0 + 9_000, 1_000);
    set(&mut bench, T0 + 9_500, 0);
    bench.venue.advance(T0 + 60_000);
    assert_eq!(bench.view(id).status, OrderStatus::New);
}

#[test]
fn a_position_the_margin_no_longer_carries_is_liquidated() {
    let mut bench = Bench::with_balance("3000");
    bench.place(&OrderRequest::market(BTC, Side::Buy, q("1"))).unwrap();
    let row = bench.venue.positions(bench.account)[0].clone();
    // 50000.1 − (3000 − fee)/1 over (1 − 0.4 %).
    assert!((p("47200")..p("47300")).contains(&row.liquidation_price), "{row:?}");
    let resting = bench.rest(Side::Buy, "49000", "0.01");
    bench.story();
    let mark = |price: &str| {
        MarketUpdate::Mark(Mark { mark_price: p(price), index_price: p(price), ..Mark::default() })
    };
    bench.diff("50000@0 49999.9@0 49999@0 47000@0.4", "50000.1@0");
    bench.market(&mark("47250"));
    bench.venue.advance(T0 + 1_000);
    assert!(bench.story().iter().any(|line| line.contains("MarginCall")));
    assert_eq!(bench.position(), q("1"));
    bench.market(&mark("46000"));
    bench.venue.advance(T0 + 2_000);
    assert_eq!(bench.position(), Qty::ZERO);
    assert_eq!(bench.view(resting).status, OrderStatus::Expired);
    let story = bench.story();
    assert_eq!(story[0], "EXPIRED EXPIRED er=5");
    assert!(story.contains(&"CALCULATED FILLED".to_owned()), "{story:?}");
    assert_eq!(story.last().unwrap(), "ACCOUNT INSURANCE_CLEAR");
    assert_eq!(bench.venue.account(bench.account).wallet_balance, Notional::ZERO);
    let fills = &bench.venue.ledger(bench.account).unwrap().fills;
    // 0.4 into the book, the rest to the insurance fund at the mark.
    assert_eq!((fills[1].price, fills[1].qty), (p("47000"), q("0.4")));
    assert_eq!((fills[2].price, fills[2].qty), (p("46000"), q("0.6")));
    assert!(fills[1].client_order_id.starts_with("autoclose-"));
}

#[test]
fn ids_are_apart_from_run_to_run_and_symbol_to_symbol() {
    let symbols = vec![Rules::btcusdt(), Rules::ethusdt()];
    let config = ExchangeConfig { first_id: 7_000_000, ..ExchangeConfig::new(symbols) };
    let venue = Exchange::new(config);
    assert_eq!(venue.markets[0].next_trade_id, OWN_TRADE_ID_FIRST + 7_000_000);
    assert_eq!(venue.markets[0].order_id_base, 480_007_000_000);
    assert!(venue.markets[1].order_id_base > 1 << 53);
}
