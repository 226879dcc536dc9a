//! The kill switch: what it stops, ends and leaves as it is.

use schema::{KillChange, KillTrigger, NewOrder, Verdict};

use super::*;
use TradingState::{Armed, Halted, Killed, Reconciling};

fn state(rig: &Rig) -> (TradingState, StateReason) {
    (rig.engine.state(), rig.engine.state_reason())
}

const KILLED: (TradingState, StateReason) = (Killed, StateReason::Kill);

/// A position of this many thousandths in the first symbol, known by truth.
fn holding(mut rig: Rig, thousandths: i64) -> Rig {
    let mut truth = rig.agreeing_truth();
    truth.positions[0] = PositionDelta {
        qty: milli(thousandths),
        entry_price: price(50_000),
        ..PositionDelta::default()
    };
    rig.apply(&Input::Reconciled(&truth));
    let mut again = truth.clone();
    again.requested_at = MonoNs(again.requested_at.0 + 1);
    rig.apply(&Input::Reconciled(&again));
    assert_eq!(rig.qty(0), milli(thousandths));
    rig
}

fn kill_changes(rig: &Rig) -> Vec<KillChange> {
    let change = |record| match Event::from_record(record) {
        Ok(Event::Kill(change)) => Some(change),
        _ => None,
    };
    rig.records.iter().filter_map(change).collect()
}

/// The venue fills what is placed until nothing more is; the orders that were placed.
fn fill_all(rig: &mut Rig) -> Vec<NewOrder> {
    let mut all = Vec::new();
    for trade in 1..50 {
        for (order, _) in rig.placed() {
            let f = fill(trade, order.qty, order.qty);
            rig.report(&order, ExecType::Trade, OrderStatus::Filled, f);
            all.push(order);
        }
        rig.live(200);
    }
    all
}

#[test]
fn a_kill_closes_what_is_held_and_stays() {
    let mut rig = holding(Rig::idle(), 150);
    assert_eq!(rig.command(1, CommandKind::Kill), CommandResult::Accepted);
    assert_eq!(state(&rig), KILLED);
    let placed = fill_all(&mut rig);
    assert!(placed.iter().all(|order| order.reduce_only && order.side == Side::Sell));
    assert!(placed.iter().all(|order| order.qty <= milli(100)), "in bounded slices");
    assert!(rig.engine.position(SymbolId(0)).is_flat());
    assert!(rig.engine.wants_reconcile(), "not believed before the venue shows it");
    let truth = rig.agreeing_truth();
    rig.apply(&Input::Reconciled(&truth));
    assert!(!rig.engine.wants_reconcile());
    rig.live(5_000);
    assert_eq!(state(&rig), KILLED);
    assert!(rig.placed().is_empty());
    let [change] = kill_changes(&rig)[..] else { panic!("one change") };
    assert_eq!((change.is_on, change.trigger, change.nonce), (true, KillTrigger::Person, 1));
    for (nonce, kind) in
        [(2, CommandKind::Halt), (3, CommandKind::Resume), (4, CommandKind::Flatten)]
    {
        assert_eq!(rig.command(nonce, kind), CommandResult::Refused);
    }
    assert_eq!(rig.command(5, CommandKind::Kill), CommandResult::Accepted, "pressed it is");
    assert_eq!(kill_changes(&rig).len(), 1);
}

#[test]
fn a_kill_cancels_orders_of_anybody() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    let foreign = NewOrder { client_order_id: ClientOrderId::NONE, reduce_only: true, ..order };
    let mut told = report(&foreign, ExecType::New, OrderStatus::New, NO_FILL);
    told.venue_order_id = VenueOrderId(77);
    rig.apply(&Input::Report(&told));
    rig.command(1, CommandKind::Kill);
    let cancelled: Vec<_> = rig.cancels().iter().map(|(order, _)| order.venue_order_id.0).collect();
    assert_eq!(cancelled.len(), 2);
    assert!(cancelled.contains(&77));
    // One that shows itself later is cancelled as well.
    told.venue_order_id = VenueOrderId(78);
    rig.apply(&Input::Report(&told));
    assert_eq!(rig.cancels()[0].0.venue_order_id, VenueOrderId(78));
}

#[test]
fn what_a_limit_does_not_close_a_market_order_does() {
    let mut rig = holding(Rig::idle(), 50);
    rig.command(1, CommandKind::Kill);
    let mut types = Vec::new();
    for _ in 0..8 {
        for (order, _) in rig.placed() {
            types.push(order.order_type);
            rig.report(&order, ExecType::Expired, OrderStatus::Expired, NO_FILL);
        }
        rig.live(200);
    }
    assert_eq!(types[..4], [OrderType::Limit, OrderType::Market].repeat(2));
}

#[test]
fn a_mark_far_from_the_book_does_not_keep_a_kill_from_closing() {
    let mut rig = holding(Rig::idle(), 50);
    // The book has fallen a tenth; the mark lags behind, so a limit breaks the collar.
    rig.ticker(0, 44_999, 45_000);
    rig.command(1, CommandKind::Kill);
    for _ in 0..10 {
        rig.elapsed_ns += 100 * MS;
        rig.mark(0, 50_000);
        rig.ticker(0, 44_999, 45_000);
    }
    let placed = rig.placed();
    assert!(placed.iter().any(|(order, _)| order.order_type == OrderType::Market), "{placed:?}");
}

#[test]
fn it_is_released_by_a_person_and_halted_then() {
    let mut rig = Rig::idle();
    assert_eq!(rig.command(1, CommandKind::Unkill), CommandResult::Refused, "it is not pressed");
    let verdict = |rig: &Rig, killed| Verdict {
        mono_ns: rig.now().mono.0,
        may_add_risk: 1,
        killed,
        trigger: KillTrigger::Drawdown as u64,
        ..Verdict::default()
    };
    rig.apply(&Input::Verdict(&verdict(&rig, 1)));
    assert_eq!(state(&rig), KILLED);
    assert_eq!(kill_changes(&rig)[0].trigger, KillTrigger::Drawdown);
    assert_eq!(rig.command(2, CommandKind::Unkill), CommandResult::Refused, "guard says killed");
    rig.live(100);
    rig.apply(&Input::Verdict(&verdict(&rig, 0)));
    assert_eq!(state(&rig), KILLED, "guard alone does not release it");
    assert_eq!(rig.command(3, CommandKind::Unkill), CommandResult::Accepted);
    assert_eq!(state(&rig), (Halted, StateReason::Command));
    assert!(!kill_changes(&rig)[1].is_on);
    assert_eq!(rig.command(4, CommandKind::Resume), CommandResult::Accepted);
    let truth = rig.agreeing_truth();
    rig.apply(&Input::Reconciled(&truth));
    assert_eq!(rig.engine.state(), Armed);
    // Pressed again it is killed again.
    rig.live(100);
    rig.apply(&Input::Verdict(&verdict(&rig, 1)));
    assert_eq!(state(&rig), KILLED);
}

#[test]
fn with_a_dead_guard_a_person_may_release_it() {
    let mut rig = Rig::idle();
    let verdict = Verdict { mono_ns: rig.now().mono.0, killed: 1, ..Verdict::default() };
    rig.apply(&Input::Verdict(&verdict));
    rig.live(3_100);
    assert_eq!(rig.command(1, CommandKind::Unkill), CommandResult::Accepted);
    rig.live(1_000);
    assert_eq!(state(&rig), (Halted, StateReason::Command), "the old verdict is overruled");
}

#[test]
fn a_start_with_the_latch_on_closes_what_it_finds() {
    let mut latched = config(test_strategy(TestStyle::EveryTick));
    latched.is_killed = true;
    let mut rig = Rig::new(latched);
    for link in Link::ALL {
        rig.apply(&Input::Link(*link, true));
    }
    assert_eq!(state(&rig), KILLED);
    assert!(rig.engine.wants_reconcile());
    rig.live(100);
    let mut rig = holding(rig, -40);
    rig.live(200);
    let placed = fill_all(&mut rig);
    assert!(placed.iter().all(|order| order.reduce_only && order.side == Side::Buy));
    assert!(!placed.is_empty() && rig.engine.position(SymbolId(0)).is_flat());
    assert_eq!(state(&rig), KILLED);
}

#[test]
fn a_start_that_is_not_enabled_waits_for_a_person() {
    let mut disabled = config(test_strategy(TestStyle::EveryTick));
    disabled.is_enabled = false;
    let mut rig = Rig::new(disabled);
    for link in Link::ALL {
        rig.apply(&Input::Link(*link, true));
    }
    assert_eq!(rig.engine.state(), Reconciling);
    let truth = rig.truth();
    rig.apply(&Input::Reconciled(&truth));
    assert_eq!(state(&rig), (Halted, StateReason::NotEnabled));
    rig.live(3_000);
    assert!(rig.placed().is_empty());
    let mut status = Status::default();
    rig.engine.fill_status(rig.now(), &mut status);
    assert_ne!(status.state_causes & 1 << StateReason::NotEnabled as u64, 0);
    rig.command(1, CommandKind::Resume);
    let truth = rig.agreeing_truth();
    rig.apply(&Input::Reconciled(&truth));
    rig.live(200);
    assert_eq!(rig.engine.state(), Armed);
    assert!(!rig.placed().is_empty());
}

#[test]
fn a_slice_that_is_sent_again_is_no_larger_than_what_is_left() {
    let mut rig = holding(Rig::idle(), 80);
    rig.command(1, CommandKind::Kill);
    let [(order, request)] = rig.placed()[..] else { panic!("one slice") };
    assert_eq!(order.qty, milli(80));
    // The venue took nothing and says so; meanwhile it traded most of the position down.
    let external = NewOrder { client_order_id: ClientOrderId::NONE, qty: milli(60), ..order };
    let told = fill(900, milli(60), milli(60));
    rig.report(&external, ExecType::Trade, OrderStatus::Filled, told);
    rig.refuse(request, 503, -1008);
    assert_eq!(rig.qty(0), milli(20));
    rig.live(2_000);
    let again = rig.placed();
    assert!(
        !again.is_empty() && again.iter().all(|(order, _)| order.qty <= milli(20)),
        "{again:?}"
    );
}

#[test]
fn a_limit_below_the_smallest_order_does_not_keep_a_kill_from_closing() {
    let mut rig = holding(Rig::idle(), 3);
    for (nonce, kind) in [(1, LimitKind::Qty), (2, LimitKind::Notional)] {
        let command = Command {
            symbol: SymbolId(0),
            limit: Some((kind, NewLimit::Value(1))),
            ..Command::plain(nonce, CommandKind::SetLimit, rig.now().wall, 1)
        };
        rig.apply(&Input::Command(&command));
    }
    rig.command(3, CommandKind::Kill);
    let placed = fill_all(&mut rig);
    assert_eq!(placed.len(), 3, "one smallest order after the other");
    assert!(rig.engine.position(SymbolId(0)).is_flat());
}
