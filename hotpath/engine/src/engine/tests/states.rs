//! Orders, fills and the trading state, one fact a test.

use super::*;
use TradingState::{Armed, Halted, Killed, Reconciling, Reducing, Starting};

#[track_caller]
fn state(rig: &Rig, expected: TradingState, reason: StateReason) {
    assert_eq!((rig.engine.state(), rig.engine.state_reason()), (expected, reason));
}

#[test]
fn it_arms_only_after_links_truth_and_fresh_books() {
    let mut rig = Rig::new(config(test_strategy(TestStyle::Ioc)));
    state(&rig, Starting, StateReason::Boot);
    assert!(!rig.engine.wants_reconcile());
    for link in Link::ALL {
        rig.apply(&Input::Link(*link, true));
    }
    state(&rig, Reconciling, StateReason::Boot);
    assert!(rig.engine.wants_reconcile());
    let truth = rig.truth();
    rig.apply(&Input::Reconciled(&truth));
    state(&rig, Reducing, StateReason::StaleFeed);
    assert!(!rig.engine.wants_reconcile());
    assert!(rig.actions.is_empty());
    let rig = Rig::armed(config(test_strategy(TestStyle::Ioc)));
    state(&rig, Armed, StateReason::Recovered);
}

#[test]
fn a_round_trip_books_position_profit_and_fees() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Ioc);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    rig.report(&order, ExecType::New, OrderStatus::New, NO_FILL);
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(1, order.qty, order.qty));
    assert_eq!(rig.qty(0), order.qty);
    rig.live(500);
    let closing = rig.placed().into_iter().find(|(o, _)| o.symbol == SymbolId(0));
    let (close, _) = closing.expect("closed after the hold time");
    assert_eq!((close.side, close.qty, close.reduce_only), (Side::Sell, order.qty, true));
    let dearer = Fill { price: price(50_100), ..fill(2, close.qty, close.qty) };
    rig.report(&close, ExecType::Trade, OrderStatus::Filled, dearer);
    assert!(rig.engine.position(SymbolId(0)).is_flat());
    let profit = price(100).notional(order.qty).expect("fits").units();
    let fees = order.qty.units() / 100 * 2;
    assert_eq!(rig.engine.wallet().units(), usd(10_000).units() + profit - fees);
}

#[test]
fn a_fill_told_three_times_is_booked_once() {
    let (mut rig, order, _) = Rig::one_order(TestStyle::Ioc);
    let f = fill(9, order.qty, order.qty);
    rig.lite(&order, f);
    assert_eq!(rig.qty(0), order.qty);
    let before_fee = rig.engine.wallet();
    rig.report(&order, ExecType::New, OrderStatus::New, NO_FILL);
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, f);
    let after_fee = rig.engine.wallet();
    assert!(after_fee < before_fee);
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, f);
    rig.lite(&order, f);
    assert_eq!((rig.qty(0), rig.engine.wallet()), (order.qty, after_fee));
    assert!(rig.engine.is_quiet() || rig.engine.orders().working(SymbolId(0)).count == 0);
}

#[test]
fn a_late_fill_after_cancel_is_booked_once() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    rig.live(500);
    let cancels = rig.cancels();
    let (_, cancel) = *cancels.iter().find(|(o, _)| o.symbol == SymbolId(0)).expect("cancelled");
    rig.reply(cancel, 200, 0, OrderStatus::Canceled, Qty::ZERO);
    rig.report(&order, ExecType::Canceled, OrderStatus::Canceled, NO_FILL);
    let late = fill(3, milli(1), milli(1));
    rig.report(&order, ExecType::Trade, OrderStatus::PartiallyFilled, late);
    rig.report(&order, ExecType::Trade, OrderStatus::PartiallyFilled, late);
    assert_eq!(rig.qty(0), milli(1));
}

/// A post-only order that was acknowledged and whose best price moved away.
fn moved_order() -> (Rig, NewOrder, RequestId) {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    rig.elapsed_ns += 150 * MS;
    rig.ticker(0, 50_009, 50_010);
    let moves: Vec<_> = rig
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Modify(change, request) => Some((*change.get(), *request)),
            _ => None,
        })
        .collect();
    assert_eq!(moves.len(), 1);
    let (change, request) = moves[0];
    assert_eq!((change.order.client_order_id, change.side), (order.client_order_id, order.side));
    assert_eq!((change.price, change.qty), (price(50_009), order.qty));
    (rig, order, request)
}

#[test]
fn a_resting_order_follows_the_best_price_once_at_a_time() {
    let (mut rig, order, request) = moved_order();
    rig.actions.clear();
    rig.elapsed_ns += 150 * MS;
    rig.ticker(0, 50_019, 50_020);
    assert!(rig.actions.is_empty(), "the first move is not answered");
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    let moved = NewOrder { price: price(50_009), ..order };
    rig.report(&moved, ExecType::Amendment, OrderStatus::New, NO_FILL);
    rig.ticker(0, 50_020, 50_021);
    assert_eq!(rig.actions.len(), 1);
}

#[test]
fn a_refused_move_leaves_the_order_and_an_unanswered_one_makes_it_unknown() {
    let (mut rig, _, request) = moved_order();
    rig.refuse(request, 400, -5027);
    assert_eq!(rig.engine.orders().unknown_count(), 0);
    assert_eq!(rig.engine.orders().live_count(), 1);
    let (mut rig, order, request) = moved_order();
    rig.refuse(request, 400, -2013);
    assert_eq!(rig.questions()[0].0.client_order_id, order.client_order_id);
    let (mut rig, _, _) = moved_order();
    rig.apply(&Input::Link(Link::Order, false));
    assert_eq!(rig.engine.orders().unknown_count(), 1);
}

#[test]
fn an_unknown_outcome_is_live_until_the_venue_says_otherwise() {
    for (status, code) in [(503, 0), (408, -1007), (400, -1006)] {
        let (mut rig, order, request) = Rig::one_order(TestStyle::Ioc);
        rig.refuse(request, status, code);
        state(&rig, Reducing, StateReason::UnknownOrder);
        assert_eq!(rig.engine.orders().working(SymbolId(0)).buy, i128::from(order.qty.units()));
        let (asked, question) = rig.questions()[0];
        assert_eq!(asked.client_order_id, order.client_order_id);
        // Too young to be absent: asked again, later.
        rig.refuse(question, 400, -2013);
        state(&rig, Reducing, StateReason::UnknownOrder);
        assert!(rig.questions().is_empty());
        rig.live(2_900);
        assert!(!rig.questions().is_empty());
        rig.live(4_000);
        let (_, question) = *rig.questions().last().expect("asked again");
        rig.refuse(question, 400, -2013);
        assert_eq!(rig.engine.orders().unknown_count(), 0);
        state(&rig, Armed, StateReason::Recovered);
    }
}

#[test]
fn an_unanswered_order_is_asked_about() {
    let (mut rig, order, _) = Rig::one_order(TestStyle::Ioc);
    rig.live(1_900);
    assert!(rig.questions().iter().all(|(o, _)| o.client_order_id != order.client_order_id));
    rig.live(200);
    assert!(rig.questions().iter().any(|(o, _)| o.client_order_id == order.client_order_id));
    assert_eq!(rig.engine.state(), Reducing);
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(1, order.qty, order.qty));
    assert_eq!(rig.qty(0), order.qty);
}

#[test]
fn minus_2011_on_cancel_is_a_question_not_an_answer() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    rig.live(500);
    let cancels = rig.cancels();
    let (_, cancel) = *cancels.iter().find(|(o, _)| o.symbol == SymbolId(0)).expect("cancelled");
    rig.refuse(cancel, 400, -2011);
    assert_eq!(rig.engine.orders().unknown_count(), 1);
    let (_, question) = rig.questions()[0];
    rig.reply(question, 200, 0, OrderStatus::Filled, order.qty);
    // Filled, but the fill itself has not come: still live, and account truth is wanted.
    assert_eq!(rig.engine.orders().unknown_count(), 1);
    assert!(rig.engine.wants_reconcile());
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(4, order.qty, order.qty));
    assert_eq!((rig.engine.orders().unknown_count(), rig.qty(0)), (0, order.qty));
}

#[test]
fn a_send_that_failed_is_unknown() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Ioc);
    rig.apply(&Input::SendFailed(request));
    state(&rig, Reducing, StateReason::UnknownOrder);
    assert_eq!(rig.questions()[0].0.client_order_id, order.client_order_id);
}

#[test]
fn refusals_pause_and_then_stop_the_strategy() {
    let (mut rig, _, request) = Rig::one_order(TestStyle::Ioc);
    let mut requests = vec![request];
    let mut refused = 0;
    while rig.engine.state() == Armed {
        for request in requests.drain(..) {
            rig.refuse(request, 400, -2019);
            refused += 1;
        }
        rig.live(1_000);
        requests = rig.placed().into_iter().map(|(_, request)| request).collect();
        assert!(refused < 20);
    }
    state(&rig, Halted, StateReason::VenueRefused);
    assert!(refused >= limits().venue_rejects_max);
    rig.live(5_000);
    assert!(rig.placed().is_empty());
}

#[test]
fn a_bad_signature_halts_at_once_and_a_ban_silences() {
    let (mut rig, _, request) = Rig::one_order(TestStyle::Ioc);
    rig.refuse(request, 400, -1022);
    state(&rig, Halted, StateReason::VenueRefused);
    let (mut rig, _, request) = Rig::one_order(TestStyle::Ioc);
    rig.refuse(request, 418, -1003);
    state(&rig, Reducing, StateReason::RateLimited);
    rig.live(9_900);
    assert!(rig.actions.is_empty());
    rig.live(200);
    state(&rig, Armed, StateReason::Recovered);
}

#[test]
fn market_trouble_leaves_armed_at_once_and_passes_by_itself() {
    let mut rig = Rig::idle();
    rig.wait(5_001);
    state(&rig, Reducing, StateReason::StaleFeed);
    rig.ticker(0, 49_999, 50_000);
    state(&rig, Armed, StateReason::Recovered);
    rig.apply(&Input::Link(Link::Public, false));
    state(&rig, Reducing, StateReason::MarketLinkDown);
    rig.apply(&Input::Link(Link::Public, true));
    state(&rig, Reducing, StateReason::StaleFeed);
    rig.live(100);
    state(&rig, Armed, StateReason::Recovered);
}

#[test]
fn a_book_gap_wants_a_snapshot_and_recovers_with_it() {
    let mut rig = Rig::idle();
    let depth = DepthBuf::new();
    let head = |kind, first, last, previous| DepthHead {
        kind,
        first_update_id: first,
        last_update_id: last,
        previous_update_id: previous,
        ..DepthHead::default()
    };
    rig.apply(&Input::Depth(&head(DepthKind::Diff, 10, 20, 9), &depth));
    assert!(rig.engine.wants_snapshot(SymbolId(0)) && !rig.engine.wants_snapshot(SymbolId(1)));
    // The first synchronisation is no gap, unless it takes too long.
    state(&rig, Armed, StateReason::Recovered);
    rig.live(2_100);
    state(&rig, Reducing, StateReason::BookGap);
    rig.apply(&Input::Depth(&head(DepthKind::Snapshot, 0, 15, 0), &depth));
    state(&rig, Armed, StateReason::Recovered);
    rig.apply(&Input::Depth(&head(DepthKind::Diff, 25, 30, 24), &depth));
    state(&rig, Reducing, StateReason::BookGap);
}

#[test]
fn a_lost_order_or_user_link_needs_truth() {
    for (link, reason) in
        [(Link::Order, StateReason::OrderLinkDown), (Link::User, StateReason::UserLinkDown)]
    {
        let mut rig = Rig::idle();
        rig.apply(&Input::Link(link, false));
        state(&rig, Reducing, reason);
        assert!(!rig.engine.wants_reconcile());
        rig.apply(&Input::Link(link, true));
        state(&rig, Reducing, reason);
        assert!(rig.engine.wants_reconcile());
        let truth = rig.agreeing_truth();
        rig.apply(&Input::Reconciled(&truth));
        state(&rig, Armed, StateReason::Recovered);
    }
}

#[test]
fn nothing_goes_out_while_the_order_link_is_down_and_cancels_follow_it_up() {
    let (mut rig, _, request) = Rig::one_order(TestStyle::Gtx);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    rig.apply(&Input::Link(Link::Order, false));
    rig.live(3_000);
    assert!(rig.actions.is_empty());
    rig.apply(&Input::Link(Link::Order, true));
    assert_eq!(rig.cancels().len(), 1);
}

#[test]
fn an_account_event_before_its_report_is_no_mismatch() {
    let (mut rig, order, _) = Rig::one_order(TestStyle::Ioc);
    rig.report(&order, ExecType::New, OrderStatus::New, NO_FILL);
    rig.account_position(0, order.qty);
    rig.live(100);
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(1, order.qty, order.qty));
    rig.live(200);
    assert_ne!(rig.engine.state_reason(), StateReason::PositionMismatch);
}

#[test]
fn a_lasting_mismatch_needs_truth_and_the_venue_wins() {
    let mut rig = Rig::idle();
    rig.account_position(0, milli(5));
    rig.live(1_900);
    state(&rig, Armed, StateReason::Recovered);
    rig.live(200);
    state(&rig, Reducing, StateReason::PositionMismatch);
    assert!(rig.engine.wants_reconcile());
    let mut truth = rig.agreeing_truth();
    truth.positions[0] =
        PositionDelta { qty: milli(5), entry_price: price(50_000), ..PositionDelta::default() };
    rig.apply(&Input::Reconciled(&truth));
    assert_eq!(rig.qty(0), milli(5));
    state(&rig, Reducing, StateReason::Difference);
    let truth = rig.agreeing_truth();
    rig.apply(&Input::Reconciled(&truth));
    state(&rig, Armed, StateReason::Recovered);
}

#[test]
fn truth_older_than_a_fill_is_not_compared() {
    let (mut rig, order, _) = Rig::one_order(TestStyle::Ioc);
    let truth = rig.truth();
    rig.elapsed_ns += MS;
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(1, order.qty, order.qty));
    rig.apply(&Input::Reconciled(&truth));
    assert_eq!(rig.qty(0), order.qty);
    assert!(rig.engine.wants_reconcile());
}

#[test]
fn an_empty_account_is_suspect_before_it_is_believed() {
    let mut rig = Rig::idle();
    let empty = Truth { wallet: Notional::ZERO, ..rig.agreeing_truth() };
    rig.apply(&Input::Reconciled(&empty));
    state(&rig, Reducing, StateReason::AccountSuspect);
    assert_eq!(rig.engine.wallet(), usd(10_000));
    assert!(rig.engine.wants_reconcile());
    rig.apply(&Input::Reconciled(&empty));
    assert_eq!(rig.engine.wallet(), usd(10_000), "told at once again it is held still");
    rig.elapsed_ns += 5_000 * MS;
    rig.apply(&Input::Reconciled(&empty));
    assert_eq!(rig.engine.wallet(), Notional::ZERO);
}

#[test]
fn orders_of_an_earlier_boot_are_adopted_and_cancelled_and_those_of_others_are_counted() {
    let mut rig = Rig::idle();
    let mut truth = rig.agreeing_truth();
    let ours = ClientOrderId::new(BootEpoch(6), StrategyId::TEST, 9);
    for (id, venue) in [(ours, 11), (ClientOrderId::NONE, 12)] {
        truth.open_orders.push(crate::input::OpenOrder {
            symbol: SymbolId(1),
            client_order_id: id,
            venue_order_id: VenueOrderId(venue),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            price: price(40_000),
            qty: milli(10),
            cum_qty: milli(4),
            reduce_only: false,
        });
    }
    rig.apply(&Input::Reconciled(&truth));
    let cancels = rig.cancels();
    assert_eq!(cancels.len(), 1);
    assert_eq!(cancels[0].0.client_order_id, ours);
    assert_eq!(rig.engine.orders().working(SymbolId(1)).buy, i128::from(milli(12).units()));
    assert!(!rig.engine.is_quiet());
    rig.reply(cancels[0].1, 200, 0, OrderStatus::Canceled, milli(4));
    assert!(rig.engine.is_quiet());
}

#[test]
fn a_clock_jump_needs_truth() {
    let mut rig = Rig::idle();
    rig.out.clear();
    let mut now = rig.now();
    now.wall = WallNs(now.wall.0 + 600 * MS as i64);
    rig.engine.apply(now, &Input::Timer, &mut rig.out);
    state(&rig, Reducing, StateReason::ClockJump);
}

#[test]
fn journal_pressure_reduces_then_halts_and_relief_recovers() {
    let mut rig = Rig::idle();
    let used = |rig: &mut Rig, used| rig.apply(&Input::JournalUsed { used, capacity: 1_600 });
    used(&mut rig, 1_200);
    state(&rig, Armed, StateReason::Recovered);
    used(&mut rig, 1_201);
    state(&rig, Reducing, StateReason::JournalPressure);
    used(&mut rig, 1_501);
    state(&rig, Halted, StateReason::JournalPressure);
    used(&mut rig, 1_000);
    state(&rig, Reducing, StateReason::JournalPressure);
    used(&mut rig, 800);
    state(&rig, Armed, StateReason::Recovered);
}

#[test]
fn the_verdict_is_demanded_when_configured_and_killing_latches() {
    let rare =
        TestConfig { style: TestStyle::EveryTick, every_ticks: 1_000_000, ..TestConfig::default() };
    let mut strict = config(StrategyConfig::Test(rare));
    strict.require_verdict = true;
    let mut rig = Rig::new(strict);
    for link in Link::ALL {
        rig.apply(&Input::Link(*link, true));
    }
    let truth = rig.truth();
    rig.apply(&Input::Reconciled(&truth));
    rig.live(100);
    state(&rig, Reducing, StateReason::Verdict);
    let verdict =
        Verdict { mono_ns: rig.now().mono.0, sequence: 1, may_add_risk: 1, ..Verdict::default() };
    rig.apply(&Input::Verdict(&verdict));
    state(&rig, Armed, StateReason::Recovered);
    rig.live(3_100);
    state(&rig, Reducing, StateReason::Verdict);
    rig.apply(&Input::Verdict(&Verdict { killed: 1, ..verdict }));
    state(&rig, Killed, StateReason::Kill);
    rig.apply(&Input::Verdict(&Verdict { sequence: 2, ..verdict }));
    state(&rig, Killed, StateReason::Kill);
}

#[test]
fn a_days_loss_reduces_until_the_next_day() {
    let mut rig = Rig::idle();
    let mut update = AccountUpdate { balance_count: 1, ..AccountUpdate::default() };
    update.balances[0] =
        BalanceDelta { is_quote: true, change: usd(-1_000), ..BalanceDelta::default() };
    rig.apply(&Input::Account(&update));
    rig.live(100);
    state(&rig, Reducing, StateReason::LossLimit);
    rig.live(1_000);
    state(&rig, Reducing, StateReason::LossLimit);
    rig.elapsed_ns += 86_400_000 * MS;
    rig.live(200);
    state(&rig, Armed, StateReason::Recovered);
}

#[test]
fn a_minute_of_trades_becomes_a_bar() {
    let mut rig = Rig::idle();
    let trade = Trade {
        price: price(50_000),
        qty: milli(1),
        trade_time: rig.now().wall,
        ..Trade::default()
    };
    rig.apply(&Input::Trade(&trade));
    rig.wait(62_001);
    let bars = rig.records.iter().filter(|record| record.kind() == Some(Kind::Bar)).count();
    assert_eq!(bars, 1);
}

#[test]
fn a_status_tells_what_the_engine_knows() {
    let (mut rig, order, _) = Rig::one_order(TestStyle::Ioc);
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(1, order.qty, order.qty));
    let mut status = Status::default();
    rig.engine.fill_status(rig.now(), &mut status);
    assert_eq!(status.trading_state, Armed as u64);
    assert_eq!(status.symbols[0].position(), order.qty);
    assert_eq!((status.orders, status.fills, status.symbols[0].orders), (1, 1, 1));
    assert_eq!(status.wallet_balance, rig.engine.wallet().units());
    assert!(status.exposure_worst > 0 && status.exposure_worst <= status.exposure_max);
    assert_eq!(status.links[Link::Order as usize].up, 1);
}
