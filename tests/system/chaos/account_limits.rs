//! Rows F35 to F40: settings and limits of the account, and what must be empty in the end.

use std::time::Duration;

use schema::{Counter, Event, StateReason, TradingState};
use serde_json::json;

use super::harness::System;
use super::orders::setup;
use super::setup::{Database, Setup};
use crate::ledgers;

fn start(system: Setup) -> System {
    let mut system = system.start();
    system.armed();
    system.trades(4);
    system
}

/// A system whose venue has these faults from its first moment.
fn with_faults(row: &str, faults: &str) -> (System, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), faults).expect("written");
    let path = file.path().display().to_string();
    let system = Setup::new(row).database(Database::None).venue(&["--faults", &path]).start();
    (system, file)
}

#[test]
fn f35_an_account_set_up_otherwise_is_not_traded() {
    for (setting, word) in [("hedge", "hedge mode"), ("isolated", "margin")] {
        let faults = format!("[[fault]]\nkind = \"settings\"\nvalue = \"{setting}\"\n");
        let (mut system, _file) = with_faults("f35", &faults);
        let status = system.trader_ended();
        let said = system.said();
        assert!(!status.success() && said.contains(word), "{setting}: {status}\n{said}");
        assert!(ledgers::list(&system.venue.ledger(), "orders").is_empty(), "{setting}");
    }
    // Leverage is set right at the start, whoever changed it.
    let mut system = start(setup("f35"));
    system.kill_trader();
    system.venue.fault(json!({ "kind": "leverage_changed", "value": "7" }));
    system.start_trader();
    system.armed();
    let said = std::fs::read_to_string(system.path("trader.out")).expect("the trader's output");
    assert!(said.contains("leverage of BTCUSDT set to 2"), "{said}");
    system.finish();
}

#[test]
fn f36_a_position_that_differs_stops_risk_and_is_never_made_up() {
    let mut system = start(setup("f36"));
    let (mark, before) = (system.records().newest(), system.counters());
    // Told wrongly for a while: the venue wins when it insists, and again when it is right.
    let wrong = json!({ "kind": "position_off", "where": { "symbol": "BTCUSDT" }, "qty": "0.050" });
    system.venue.fault(wrong);
    system.moved(&before, Counter::Difference);
    system.left_armed(mark, StateReason::PositionMismatch);
    system.venue.clear();
    system.converged();
    let verdict = system.finish();
    // A difference stands in the journal with both opinions; no fill was invented for it.
    let differs = |(_, event): (u64, Event)| matches!(event, Event::Difference(difference) if difference.ours != difference.venue);
    assert!(verdict.records.events().any(differs), "no difference in the journal");
    assert!(!ledgers::list(&verdict.ledger, "fills").is_empty());
}

#[test]
fn f36_an_account_that_cannot_be_compared_for_long_opens_nothing() {
    let mut system = start(setup("f36").set("timing.truth_age_ms_max", 3_000));
    let (mark, before) = (system.records().newest(), system.counters());
    let failing = json!({ "kind": "http_error", "where": { "path": "positionRisk" } });
    system.venue.fault(failing);
    system.moved(&before, Counter::ReconcileFailed);
    system.left_armed(mark, StateReason::Unreconciled);
    system.venue.clear();
    system.converged();
    system.finish();
}

#[test]
fn f37_without_the_venues_timer_nothing_is_opened() {
    let mut system =
        start(setup("f37").set("dead_man.countdown_ms", 2_000).set("dead_man.refresh_ms", 400));
    let refused = json!({ "kind": "answer", "where": { "path": "countdownCancelAll" },
                          "code": -1130, "http": 400 });
    let (mark, before) = (system.records().newest(), system.counters());
    system.venue.fault(refused.clone());
    system.moved(&before, Counter::DeadManFailed);
    system.left_armed(mark, StateReason::DeadMan);
    system.venue.clear();
    system.converged();
    // A trader that starts under it never arms.
    system.kill_trader();
    system.venue.fault(refused);
    let mark = system.records().newest();
    system.start_trader();
    system.until("the timer is asked for", |system| system.count(Counter::DeadManFailed) > 1);
    let records = system.records();
    let armed = records.changes_after(mark).find(|change| change.to == TradingState::Armed);
    assert!(armed.is_none(), "{armed:?}\n{}", system.said());
    system.venue.clear();
    system.converged();
    system.moved(&schema::Counters::default(), Counter::DeadManSet);
    system.finish();
}

#[test]
fn f38_a_flatten_leaves_nothing_in_either_book() {
    let mut system = start(setup("f38"));
    for qty in ["0.004", "-0.004"] {
        let by_hand = json!({ "kind": "external_algo", "where": { "symbol": "BTCUSDT" },
                              "qty": qty });
        system.venue.fault(by_hand);
    }
    let waiting = |system: &System| {
        let ledger = system.venue.ledger();
        let all = ledgers::list(&ledger, "algo_orders").iter();
        all.filter(|order| order["algoStatus"] == "NEW").count()
    };
    system.until("conditional orders wait", |system| waiting(system) == 2);
    let before = system.counters();
    let flat = system.shrike(&["flatten", "--yes"]);
    assert!(flat.status.success(), "{flat:?}\n{}", system.said());
    system.until("both books are empty", |system| {
        let ledger = system.venue.ledger();
        waiting(system) == 0
            && ledgers::list(&ledger, "open_orders").is_empty()
            && ledgers::positions(&ledger).is_empty()
    });
    assert!(system.count(Counter::ExternalOrder) >= before[Counter::ExternalOrder]);
    system.venue.clear();
    system.shrike(&["resume", "--yes"]);
    system.armed();
    system.finish();
}

#[test]
fn f39_cancels_that_fail_are_asked_for_until_the_book_is_empty() {
    // The database knows no client id of an order that is not ours: it is not compared here.
    let mut system = start(setup("f39").database(Database::None));
    // Orders far from the market, which nothing fills meanwhile.
    for qty in ["0.003", "-0.003"] {
        let by_hand = json!({ "kind": "external_order", "where": { "symbol": "BTCUSDT" },
                              "qty": qty });
        system.venue.fault(by_hand);
    }
    system.until("both rest and are known", |system| {
        let is_known = system.status().is_some_and(|status| status.open_orders >= 2);
        is_known && ledgers::list(&system.venue.ledger(), "open_orders").len() >= 2
    });
    let before = system.counters();
    let halted = system.shrike(&["halt"]);
    assert!(halted.status.success(), "{halted:?}");
    let place = json!({ "method": "cancel" });
    let failed = json!({ "kind": "answer", "where": place, "code": -1001, "count": 3 });
    let lost = json!({ "kind": "swallow_request", "where": place, "after": 3, "count": 1 });
    system.venue.fault(failed);
    system.venue.fault(lost);
    system.shrike(&["cancel-all"]);
    system.until("the book is empty", |system| {
        ledgers::list(&system.venue.ledger(), "open_orders").is_empty()
    });
    system.moved(&before, Counter::CancelRetried);
    system.venue.clear();
    let resumed = system.shrike(&["resume", "--yes"]);
    assert!(resumed.status.success(), "{resumed:?}");
    system.finish();
}

/// Most orders placed within one of the venue's windows of ten seconds.
fn most_in_ten_seconds(ledger: &serde_json::Value) -> usize {
    let mut windows = std::collections::BTreeMap::new();
    for order in ledgers::list(ledger, "orders") {
        let at_ms = order["time_ms"].as_i64().expect("a time");
        *windows.entry(at_ms.div_euclid(10_000)).or_insert(0) += 1;
    }
    windows.into_values().max().unwrap_or(0)
}

#[test]
fn f40_a_flood_of_orders_stays_below_the_venues_limits() {
    let flood = setup("f40").set("strategy.interval_ms", 10).set("strategy.hold_ms", 10);
    let mut system = start(flood);
    let before = system.counters();
    let orders = |system: &System| system.status().map_or(0, |status| status.orders);
    system.until("a window is nearly full", |system| orders(system) >= 250);
    std::thread::sleep(Duration::from_millis(1_500));
    let throttled = system.count(Counter::VenueThrottled) - before[Counter::VenueThrottled];
    assert_eq!(throttled, 0, "{}", system.said());
    let most = most_in_ten_seconds(&system.venue.ledger());
    assert!(most <= 300, "{most} orders in ten seconds");
    // The venue allows a tenth from now on: it is obeyed, and what reduces goes on.
    let mark = system.records().newest();
    system.venue.fault(json!({ "kind": "limits_lowered", "ppm": 100_000 }));
    system.moved(&before, Counter::VenueThrottled);
    system.left_armed(mark, StateReason::RateLimited);
    assert_eq!(system.venue.get("/shrike/stats")["called_while_banned"], 0);
    system.venue.clear();
    system.converged();
    system.finish();
}
