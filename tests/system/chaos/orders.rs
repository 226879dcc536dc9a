//! Rows F18 to F28: what became of an order is not told, told twice, told late or told wrongly. One
//! intent stays at most one order, and every fill is booked once.

use std::time::Duration;

use schema::{Counter, StateReason, Status, TradingState};
use serde_json::{Value, json};

use super::harness::System;
use super::setup::Setup;
use crate::ledgers;

/// Time-outs are short, so that a test need not wait for long ones.
pub(super) fn setup(row: &str) -> Setup {
    Setup::new(row)
        .set("timing.ack_timeout_ms", 250)
        .set("timing.query_interval_ms", 100)
        .set("venue.recv_window_ms", 1_000)
        .set("venue.clock_skew_ms_max", 300)
        .set("timing.absent_grace_ms", 1_300)
        .set("account.reconcile_every_ms", 1_000)
}

/// No connection takes an order any more: each ends with its next request, and no new one comes.
pub(super) fn no_order_connection() -> [Value; 2] {
    let order = json!({ "route": "order" });
    [
        json!({ "kind": "refuse", "where": order }),
        json!({ "kind": "cut_request", "where": order, "outcome": "not" }),
    ]
}

fn start(setup: Setup) -> System {
    let mut system = setup.start();
    system.armed();
    system.trades(4);
    system
}

/// Nobody is told of the next orders by the user stream, for a while.
fn untold(for_ms: u64) -> Value {
    json!({ "kind": "silence", "where": { "route": "private" }, "for_ms": for_ms })
}

/// What every row of an unknown outcome demands after `faults`: it is counted, risk is not added
/// meanwhile, and in the end it is known what the venue knows. How often it took to make `faults`: a
/// state tells its most telling reason only, and one made by chance at the same time (an account that
/// is compared while nobody is told of fills) hides this one.
fn is_found_out(system: &mut System, faults: &[Value]) -> usize {
    for times in 1..=20 {
        let (mark, before) = (system.records().newest(), system.counters());
        for fault in faults {
            system.venue.fault(fault.clone());
        }
        system.moved(&before, Counter::UnknownOutcome);
        system.moved(&before, Counter::UnknownResolved);
        system.venue.clear();
        system.converged();
        let records = system.records();
        let left = || records.changes_after(mark).filter(|change| change.to != TradingState::Armed);
        assert!(left().next().is_some(), "armed with an unknown order:\n{}", system.said());
        if left().any(|change| change.reason == StateReason::UnknownOrder) {
            return times;
        }
    }
    panic!("never not armed for {}:\n{}", StateReason::UnknownOrder, system.said());
}

#[test]
fn f18_an_order_whose_answer_is_lost_is_counted_and_adopted() {
    let mut system = start(setup("f18").resting(300));
    let place = json!({ "method": "order.place" });
    let lost = json!({ "kind": "swallow_reply", "where": place, "count": 1 });
    is_found_out(&mut system, &[untold(700), lost]);
    // The same while crossing: the order has filled and nobody said so.
    system.finish();
    let mut system = start(setup("f18"));
    let lost = json!({ "kind": "swallow_reply", "where": place, "count": 2 });
    let before = system.counters();
    is_found_out(&mut system, &[untold(700), lost]);
    system.moved(&before, Counter::FillMadeUp);
    system.finish();
}

#[test]
fn f19_an_order_that_never_arrived_is_absent_only_after_it_was_asked_for() {
    let mut system = start(setup("f19"));
    let place = json!({ "method": "order.place" });
    let lost = json!({ "kind": "swallow_request", "where": place, "count": 2 });
    let never_arrived = 2 * is_found_out(&mut system, &[lost]);
    let orders = |system: &System| ledgers::list(&system.venue.ledger(), "orders").len();
    system.shrike(&["halt"]);
    system.reaches(TradingState::Halted);
    system.until("every order of ours but those is the venue's", |system| {
        system.records().decisions_after(0).count() == orders(system) + never_arrived
    });
    system.shrike(&["resume", "--yes"]);
    system.armed();
    system.finish();
}

/// Whether an order of ours rests at the venue.
fn rests(system: &System) -> bool {
    !ledgers::list(&system.venue.ledger(), "open_orders").is_empty()
}

/// Takes the order connections away while an order rests; whether one was left to cancel by REST. The
/// request that ends the last connection may itself leave none: then all is as it was before.
fn is_cancelled_by_rest(system: &mut System) -> bool {
    system.until("an order rests", rests);
    let before = system.count(Counter::RestOrder);
    for fault in no_order_connection() {
        system.venue.fault(fault);
    }
    let went = |system: &System| system.count(Counter::RestOrder) > before;
    system.until("shrike_rest_order_total moves, or nothing is left to cancel", |system| {
        let is_over = |status: Status| {
            status.state_reason == StateReason::OrderLinkDown as u64 && status.unknown_orders == 0
        };
        went(system) || (!rests(system) && system.status().is_some_and(is_over))
    });
    let is_cancelled = went(system);
    if !is_cancelled {
        system.venue.clear();
        system.converged();
    }
    is_cancelled
}

#[test]
fn f19_what_no_order_connection_carries_goes_by_rest() {
    let mut system = setup("f19").resting(500).set("strategy.interval_ms", 100).start();
    system.armed();
    let is_cancelled = (0..20).any(|_| is_cancelled_by_rest(&mut system));
    assert!(is_cancelled, "{}", system.said());
    system.until("nothing rests while no order connection is up", |system| !rests(system));
    assert_ne!(system.state(), Some(TradingState::Armed));
    system.venue.clear();
    system.converged();
    system.finish();
}

#[test]
fn f20_an_answer_that_says_unknown_is_never_taken_for_a_refusal() {
    let mut system = start(setup("f20"));
    let place = json!({ "method": "order.place" });
    for outcome in ["executed", "not"] {
        for code in [-1007, -1006] {
            let answer = json!({ "kind": "answer", "where": place, "count": 1, "code": code,
                                 "outcome": outcome });
            is_found_out(&mut system, &[untold(500), answer]);
        }
        let answer = json!({ "kind": "unknown_error", "where": place, "count": 1,
                             "outcome": outcome });
        is_found_out(&mut system, &[untold(500), answer]);
    }
    system.finish();
}

#[test]
fn f21_an_overloaded_venue_is_given_time() {
    let mut system = start(setup("f21"));
    let place = json!({ "method": "order.place" });
    let overloads = [
        json!({ "kind": "service_unavailable", "where": place, "for_ms": 600 }),
        json!({ "kind": "answer", "where": place, "code": -1008, "for_ms": 600 }),
        json!({ "kind": "answer", "where": place, "code": -1001, "for_ms": 600 }),
    ];
    for overload in overloads {
        let before = system.counters();
        let orders = system.status().map_or(0, |status| status.orders);
        system.venue.fault(overload);
        system.moved(&before, Counter::VenueOverloaded);
        std::thread::sleep(Duration::from_millis(600));
        let sent = system.status().map_or(0, |status| status.orders) - orders;
        assert!(sent <= 12, "{sent} orders into an overload\n{}", system.said());
        system.venue.clear();
        system.converged();
        system.trades(1);
    }
    system.finish();
}

#[test]
fn f22_a_throttled_or_banned_trader_stops_calling() {
    let mut system = start(setup("f22").resting(300));
    let before = system.counters();
    let place = json!({ "method": "order.place" });
    system.venue.fault(json!({ "kind": "too_many", "where": place, "count": 1, "ms": 600 }));
    system.moved(&before, Counter::VenueThrottled);
    system.reaches(TradingState::Armed);
    // Banned: nothing is sent until the ban is over.
    let (mark, before) = (system.records().newest(), system.counters());
    system.venue.fault(json!({ "kind": "ban", "where": place, "count": 1, "ms": 1_500 }));
    system.moved(&before, Counter::VenueThrottled);
    system.left_armed(mark, StateReason::RateLimited);
    std::thread::sleep(Duration::from_millis(1_500));
    system.venue.clear();
    system.converged();
    // What was on its way already comes too late to be held back.
    let refused = system.venue.refused_by_ban();
    assert!(
        refused <= 2,
        "{refused} calls during the ban
{}",
        system.said()
    );
    system.finish();
}

#[test]
fn f23_a_clock_that_differs_stops_risk_until_it_is_known() {
    let mut system = start(setup("f23").with_untrue_times());
    let (mark, before) = (system.records().newest(), system.counters());
    system.venue.fault(json!({ "kind": "clock_shift", "ms": 5_000, "for_ms": 1_500 }));
    let seen = [Counter::ClockSkew, Counter::ClockRejected];
    system.until("shrike_clock_skew_total or shrike_clock_rejected_total moves", |system| {
        let now = system.counters();
        seen.iter().any(|&counter| now[counter] > before[counter])
    });
    system.until("not armed", |system| {
        system.records().changes_after(mark).any(|change| change.to != TradingState::Armed)
    });
    std::thread::sleep(Duration::from_millis(1_500));
    system.venue.clear();
    system.converged();
    system.trades(1);
    // A request that was long on its way is tried again with a new time, once, as the same order.
    let before = system.counters();
    let place = json!({ "method": "order.place" });
    system.venue.fault(json!({ "kind": "delay_request", "where": place, "ms": 1_300, "count": 1 }));
    system.until("refused for its time, or unknown", |system| {
        let now = system.counters();
        now[Counter::ClockRejected] > before[Counter::ClockRejected]
            || now[Counter::UnknownOutcome] > before[Counter::UnknownOutcome]
    });
    system.finish();
}

#[test]
fn f24_refused_orders_do_not_make_a_hot_loop() {
    let mut system = start(setup("f24").set("strategy.interval_ms", 1));
    let place = json!({ "method": "order.place" });
    for code in [-2019, -4131, -5022] {
        let refused = |system: &System| system.status().map_or(0, |status| status.venue_rejects);
        let before = refused(&system);
        let refusal = json!({ "kind": "answer", "where": place, "code": code, "for_ms": 500 });
        system.venue.fault(refusal);
        system.until("shrike_venue_rejects_total moves", |system| refused(system) > before);
        std::thread::sleep(Duration::from_millis(500));
        // The strategy wants an order a millisecond and symbol.
        let sent = refused(&system) - before;
        assert!(sent <= 20, "{sent} orders refused with {code}\n{}", system.said());
        system.venue.clear();
        if system.state() == Some(TradingState::Halted) {
            system.shrike(&["resume", "--yes"]);
        }
        system.converged();
    }
    system.finish();
}

#[test]
fn f25_a_fill_told_twice_is_booked_once() {
    let mut system = start(setup("f25"));
    let before = system.counters();
    let fill = json!({ "event": "ORDER_TRADE_UPDATE/TRADE" });
    system.venue.fault(json!({ "kind": "duplicate", "where": fill }));
    system.moved_by(&before, Counter::FillDuplicate, 5);
    // And again over a new connection.
    let before = system.counters();
    system.venue.fault(json!({ "kind": "cut", "where": { "route": "private" }, "count": 2 }));
    system.moved(&before, Counter::LinkLost);
    system.venue.clear();
    system.converged();
    system.finish();
}

#[test]
fn f26_a_fill_before_its_acknowledgement_makes_the_order() {
    let mut system = start(setup("f26").set("timing.ack_timeout_ms", 2_000));
    let before = system.counters();
    let place = json!({ "method": "order.place" });
    system.venue.fault(json!({ "kind": "delay_reply", "where": place, "ms": 120 }));
    system.moved_by(&before, Counter::FillBeforeAck, 5);
    system.venue.clear();
    system.finish();
}

#[test]
fn f27_a_fill_that_races_its_cancel_is_booked() {
    let mut system = start(setup("f27").resting(150));
    for ppm in [1_000_000, 400_000] {
        let before = system.counters();
        let cancel = json!({ "method": "cancel" });
        let race = json!({ "kind": "fill_first", "where": cancel, "ppm": ppm, "count": 6 });
        system.venue.fault(race);
        system.struck(3);
        if ppm == 1_000_000 {
            // The cancel found no order: what became of it is asked for.
            system.moved(&before, Counter::UnknownResolved);
        }
        system.venue.clear();
        system.converged();
    }
    system.finish();
}

#[test]
fn f28_a_fill_that_races_a_replacement_is_within_limits() {
    // Orders follow the market: a change is nearly always in flight.
    let mut system = start(setup("f28").resting(2_000));
    for ppm in [1_000_000, 400_000] {
        let modify = json!({ "method": "modify" });
        let race = json!({ "kind": "fill_first", "where": modify, "ppm": ppm, "count": 4 });
        system.venue.fault(race);
        system.struck(2);
        let status = system.status().expect("it publishes");
        assert!(status.exposure_worst <= status.exposure_max, "{}", system.said());
        system.venue.clear();
        system.converged();
    }
    system.finish();
}
