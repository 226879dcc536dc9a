//! Rows F29 to F34: the account's own news are lost, late, wrong or somebody else's doing. The venue
//! is right, and what it says is believed only when it can be true.

use std::time::Duration;

use schema::{Counter, TradingState};
use serde_json::json;

use super::harness::System;
use super::orders::setup;
use crate::ledgers;

fn start(system: super::setup::Setup) -> System {
    let mut system = system.start();
    system.armed();
    system.trades(4);
    system
}

#[test]
fn f29_what_was_not_heard_while_the_user_stream_was_down_is_asked_for() {
    let mut system = start(setup("f29").resting(200));
    let (mark, before) = (system.records().newest(), system.counters());
    let private = json!({ "route": "private" });
    // Both connections go, and cannot come back while orders of ours fill.
    let fill = json!({ "method": "cancel" });
    let faults = [
        json!({ "kind": "refuse", "where": private, "for_ms": 1_200 }),
        json!({ "kind": "fill_first", "where": fill, "for_ms": 1_200 }),
        json!({ "kind": "cut", "where": private, "for_ms": 300 }),
    ];
    system.provoked(Counter::FillMadeUp, &faults);
    system.moved_by(&before, Counter::LinkLost, 2);
    system.left_armed(mark, schema::StateReason::UserLinkDown);
    system.moved(&before, Counter::Reconciled);
    system.venue.clear();
    system.converged();
    system.finish();
}

#[test]
fn f30_a_listen_key_that_ends_early_is_replaced() {
    let mut system = start(setup("f30"));
    for told in ["", "untold"] {
        let before = system.counters();
        let mut fault = json!({ "kind": "listen_key_expired", "count": 1 });
        if !told.is_empty() {
            fault["value"] = json!(told);
        }
        system.venue.fault(fault);
        // An end that is not told looks like a stream that has frozen.
        let counters = [Counter::ListenKeyLost, Counter::UserStreamFrozen];
        system.until("shrike_listen_key_lost_total or shrike_user_stream_frozen_total", |system| {
            let now = system.counters();
            counters.iter().any(|&counter| now[counter] > before[counter])
        });
        system.venue.clear();
        system.converged();
    }
    // The cut that comes at 24 hours, after two seconds.
    let before = system.counters();
    let private = json!({ "route": "private" });
    system.venue.fault(json!({ "kind": "lifetime", "where": private, "ms": 1_000, "count": 2 }));
    system.venue.fault(json!({ "kind": "close", "where": private, "count": 2 }));
    system.moved_by(&before, Counter::LinkLost, 3);
    system.venue.clear();
    system.converged();
    system.trades(2);
    system.finish();
}

#[test]
fn f31_a_user_stream_that_lives_and_says_nothing_is_found_out() {
    let mut system = start(setup("f31").set("links.report_ms", 500));
    let before = system.counters();
    let private = json!({ "route": "private" });
    system.venue.fault(json!({ "kind": "silence", "where": private, "for_ms": 3_000 }));
    system.moved(&before, Counter::UserStreamFrozen);
    system.venue.clear();
    system.converged();
    system.finish();
}

#[test]
fn f32_after_a_maintenance_nothing_is_assumed_to_have_survived() {
    let mut system = start(setup("f32").resting(5_000));
    system.until("an order rests", |system| {
        system.status().is_some_and(|status| status.open_orders > 0)
    });
    let before = system.counters();
    // Everything answers 503, streams are cut; afterwards the book is wiped, and nobody tells.
    system.venue.fault(json!({ "kind": "maintenance", "for_ms": 1_500 }));
    system.moved_by(&before, Counter::LinkLost, 2);
    system.until("not armed", |system| system.state() != Some(TradingState::Armed));
    std::thread::sleep(Duration::from_millis(1_500));
    system.venue.clear();
    system.converged();
    system.moved(&before, Counter::Reconciled);
    system.trades(1);
    system.finish();
}

#[test]
fn f33_an_account_that_is_suddenly_empty_is_not_believed() {
    let mut system = setup("f33").set("strategy.hold_ms", 60_000).start();
    system.armed();
    system.until("a position is held", |system| {
        let status = system.status().unwrap_or_default();
        status.symbols.iter().any(|symbol| symbol.position_qty != 0)
    });
    let (mark, before) = (system.records().newest(), system.counters());
    let held = system.positions(&system.status().expect("it publishes"));
    system.venue.fault(json!({ "kind": "account_empty", "for_ms": 2_500 }));
    system.moved(&before, Counter::SuspectAccount);
    system.until("not armed", |system| {
        system.records().changes_after(mark).any(|change| change.to != TradingState::Armed)
    });
    let status = system.status().expect("it publishes");
    // Another may have been opened before the account looked empty.
    let still = system.positions(&status);
    let is_held = held.iter().all(|(symbol, qty)| still.get(symbol) == Some(qty));
    assert!(is_held, "what is held was given up: {still:?}, before {held:?}");
    assert_ne!(status.wallet_balance, 0, "an empty wallet was believed");
    std::thread::sleep(Duration::from_millis(2_500));
    system.venue.clear();
    system.converged();
    system.finish();
}

#[test]
fn f34_what_others_do_to_the_account_is_booked_as_theirs() {
    let mut system = start(setup("f34").set("strategy.hold_ms", 400));
    let deeds = [
        ("external_order", Counter::ExternalOrder),
        ("external_fill", Counter::ExternalOrder),
        ("adl", Counter::Liquidation),
        ("liquidation", Counter::Liquidation),
    ];
    for (kind, counter) in deeds {
        system.until("a position is held", |system| {
            system.state() == Some(TradingState::Armed)
                && !ledgers::positions(&system.venue.ledger()).is_empty()
        });
        let before = system.counters();
        let times = if kind == "external_order" { json!(null) } else { json!(100) };
        let mut deed = json!({ "kind": kind, "count": 1, "where": { "symbol": "BTCUSDT" } });
        if kind == "adl" || kind == "liquidation" {
            // Until one meets a position.
            deed = json!({ "kind": kind, "every_ms": times, "count": 30 });
        }
        system.venue.fault(deed);
        system.moved(&before, counter);
        system.venue.clear();
        system.converged();
    }
    let before = ledgers::list(&system.venue.ledger(), "balance_changes").len();
    system.venue.fault(json!({ "kind": "funding", "every_ms": 100, "count": 10 }));
    system.until("funding is paid", |system| {
        ledgers::list(&system.venue.ledger(), "balance_changes").len() > before + 1
    });
    system.venue.clear();
    system.finish();
}
