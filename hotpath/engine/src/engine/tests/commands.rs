//! Commands.

use super::*;
use TradingState::{Armed, Halted, Reconciling, Reducing};

#[test]
fn halt_stops_and_resume_leads_back_through_reconciliation() {
    let mut rig = Rig::idle();
    assert_eq!(rig.command(1, CommandKind::Halt), CommandResult::Accepted);
    assert_eq!(rig.engine.state(), Halted);
    assert_eq!(rig.command(2, CommandKind::Resume), CommandResult::Accepted);
    assert_eq!(rig.engine.state(), Reconciling);
    let truth = rig.agreeing_truth();
    rig.apply(&Input::Reconciled(&truth));
    assert_eq!((rig.engine.state(), rig.engine.state_reason()), (Armed, StateReason::Reconciled));
}

#[test]
fn a_nonce_acts_once_and_old_or_senseless_commands_do_nothing() {
    let mut rig = Rig::idle();
    assert_eq!(rig.command(5, CommandKind::CancelAll), CommandResult::Accepted);
    assert_eq!(rig.command(5, CommandKind::Halt), CommandResult::Duplicate);
    assert_eq!(rig.command(0, CommandKind::Halt), CommandResult::Malformed);
    let sent_at = WallNs(rig.now().wall.0 - 10_001 * MS as i64);
    let old = Command::plain(6, CommandKind::Halt, sent_at, 0);
    rig.apply(&Input::Command(&old));
    rig.apply(&Input::Command(&Command { nonce: 7, symbol: SymbolId(5), ..old }));
    assert_eq!(rig.engine.state(), Armed);
    // What was refused, for its age or the state, did nothing: its number may act once still.
    assert_eq!(rig.command(8, CommandKind::Unkill), CommandResult::Refused);
    assert_eq!(rig.command(8, CommandKind::Unkill), CommandResult::Refused);
    assert_eq!(rig.command(6, CommandKind::Halt), CommandResult::Accepted);
    assert_eq!(rig.command(6, CommandKind::Halt), CommandResult::Duplicate);
}

#[test]
fn flatten_cancels_closes_in_slices_and_halts() {
    let mut rig = Rig::idle();
    let mut truth = rig.agreeing_truth();
    truth.positions[0] =
        PositionDelta { qty: milli(-250), entry_price: price(50_000), ..PositionDelta::default() };
    rig.apply(&Input::Reconciled(&truth));
    rig.apply(&Input::Reconciled(&truth));
    assert_eq!(rig.command(1, CommandKind::Flatten), CommandResult::Accepted);
    assert_eq!(rig.engine.state(), Reducing);
    let mut slices = Vec::new();
    for trade in 1..=10 {
        for (order, _) in rig.placed() {
            assert!(order.reduce_only && order.side == Side::Buy);
            assert_eq!(order.client_order_id.strategy(), StrategyId::MANUAL);
            slices.push(order.qty);
            // Half of each slice fills, the rest expires.
            let half = order.qty.round_down(milli(2));
            let half = Qty::from_units(half.units() / 2).max(milli(1));
            let f = fill(trade, half, half);
            rig.report(&order, ExecType::Trade, OrderStatus::PartiallyFilled, f);
            let rest = Fill { cum: half, ..NO_FILL };
            rig.report(&order, ExecType::Expired, OrderStatus::Expired, rest);
        }
        assert!(rig.qty(0).units() <= 0, "never turned");
        rig.live(200);
    }
    assert!(slices.iter().all(|qty| *qty <= milli(100)), "{slices:?}");
    for trade in 11..40 {
        for (order, _) in rig.placed() {
            let f = fill(trade, order.qty, order.qty);
            rig.report(&order, ExecType::Trade, OrderStatus::Filled, f);
        }
        rig.live(200);
    }
    assert!(rig.engine.position(SymbolId(0)).is_flat());
    // Not believed before the venue shows it.
    assert_eq!(rig.engine.state(), Reducing);
    assert!(rig.engine.wants_reconcile());
    let truth = rig.agreeing_truth();
    rig.apply(&Input::Reconciled(&truth));
    assert_eq!((rig.engine.state(), rig.engine.state_reason()), (Halted, StateReason::Command));
}

#[test]
fn flatten_without_a_book_uses_market_orders() {
    let mut rig = Rig::idle();
    let mut truth = rig.agreeing_truth();
    truth.positions[1] =
        PositionDelta { qty: milli(30), entry_price: price(50_000), ..PositionDelta::default() };
    rig.apply(&Input::Reconciled(&truth));
    rig.apply(&Input::Reconciled(&truth));
    rig.apply(&Input::Link(Link::Public, false));
    rig.command(1, CommandKind::Flatten);
    let placed = rig.placed();
    assert_eq!(placed.len(), 1);
    assert_eq!((placed[0].0.order_type, placed[0].0.qty), (OrderType::Market, milli(30)));
    assert_eq!(placed[0].0.side, Side::Sell);
}

#[test]
fn stop_cancels_and_waits_until_it_is_quiet() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    assert_eq!(rig.command(1, CommandKind::Stop), CommandResult::Accepted);
    assert!(rig.engine.is_stopping() && !rig.engine.is_quiet());
    assert_eq!(rig.cancels().len(), 1);
    rig.report(&order, ExecType::Canceled, OrderStatus::Canceled, NO_FILL);
    assert!(rig.engine.is_quiet());
    rig.live(3_000);
    assert!(rig.placed().is_empty());
    assert_eq!(rig.command(2, CommandKind::Resume), CommandResult::Refused);
}

#[test]
fn a_stop_waits_for_the_report_of_the_last_fill() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Ioc);
    rig.command(1, CommandKind::Stop);
    let last = fill(7, order.qty, order.qty);
    rig.lite(&order, last);
    rig.reply(request, 200, 0, OrderStatus::Filled, order.qty);
    assert!(!rig.engine.is_quiet(), "commission and record are still to come");
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, last);
    assert!(rig.engine.is_quiet());
}

#[test]
fn cancel_all_reaches_orders_of_others() {
    let mut rig = Rig::idle();
    let foreign = NewOrder {
        symbol: SymbolId(0),
        client_order_id: ClientOrderId::NONE,
        side: Side::Sell,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: price(60_000),
        qty: milli(10),
        reduce_only: false,
    };
    rig.report(&foreign, ExecType::New, OrderStatus::New, NO_FILL);
    assert!(rig.engine.is_quiet());
    rig.command(1, CommandKind::CancelAll);
    assert_eq!(rig.cancels()[0].0.venue_order_id, VenueOrderId(1));
}

#[test]
fn reconcile_asks_for_truth() {
    let mut rig = Rig::idle();
    assert!(!rig.engine.wants_reconcile());
    rig.command(1, CommandKind::Reconcile);
    assert!(rig.engine.wants_reconcile());
    assert_eq!(rig.engine.state(), Armed);
    let truth = rig.agreeing_truth();
    rig.apply(&Input::Reconciled(&truth));
    assert!(!rig.engine.wants_reconcile());
}
