//! Rows F01 to F09: market data that is cut, silent, late, torn or wrong. No order that adds risk
//! leaves on a price that may not be true, and trading goes on by itself.

use std::time::Duration;

use schema::{Counter, StateReason, TradingState};
use serde_json::{Value, json};

use super::harness::System;
use super::setup::Setup;
use crate::processes::signal;

/// Ages are short, so that a test need not wait for long ones.
fn setup(row: &str) -> Setup {
    Setup::new(row)
        .set("limits.book_age_ms_max", 600)
        .set("limits.feed_delay_ms_max", 600)
        .set("timing.feed_age_ms_max", 900)
        .set("links.first_frame_ms", 1_500)
        .set("links.ticker_silence_ms", 700)
        .set("links.depth_silence_ms", 700)
        .set("links.fallback_ms", 200)
}

/// An armed system whose depth books are in sync on both connections.
fn start(row: &str) -> System {
    let mut system = setup(row).start();
    system.armed();
    settled(&mut system);
    system
}

/// Waits until every connection and book is there: what is broken then was whole before.
fn settled(system: &mut System) {
    system.until("books in sync", |system| {
        let Some(status) = system.status() else { return false };
        status.symbols[..2].iter().all(|symbol| symbol.book_synced == 1)
            && status.links.iter().all(|link| link.up == 1)
            && status.trading_state == TradingState::Armed as u64
    });
    std::thread::sleep(Duration::from_millis(300));
}

/// A fault of the kind on the `/public` route, with more of its keys.
fn public(kind: &str, more: Value) -> Value {
    let mut fault = json!({ "kind": kind, "where": { "route": "public" } });
    let all = fault.as_object_mut().expect("an object");
    for (key, value) in more.as_object().expect("an object") {
        if key == "where" {
            for (key, value) in value.as_object().expect("an object") {
                all["where"][key] = value.clone();
            }
        } else {
            all.insert(key.clone(), value.clone());
        }
    }
    fault
}

#[test]
fn f01_a_connection_cut_at_any_byte_is_replaced_and_its_twin_trades_on() {
    let mut system = start("f01");
    let mark = system.records().newest();
    // One of two connections: nobody notices, wherever in a frame it was cut.
    let places = (0..6).chain([9, 17, 40, 90, 150]);
    for (number, bytes) in places.enumerate() {
        let kind = ["reset", "cut", "close"][number % 3];
        let before = system.counters();
        system.venue.fault(public(kind, json!({ "count": 1, "bytes": bytes })));
        system.moved(&before, Counter::LinkLost);
        settled(&mut system);
    }
    system.stayed_armed_since(mark);
    // Both at once: no risk at once, prices by REST, and back with a fresh book.
    let before = system.counters();
    let mark = system.records().newest();
    system.venue.fault(json!({ "kind": "refuse", "where": { "route": "public" }, "for_ms": 700 }));
    system.venue.fault(public("reset", json!({ "for_ms": 200, "bytes": 7 })));
    system.left_armed(mark, StateReason::MarketLinkDown);
    system.moved_by(&before, Counter::LinkLost, 2);
    system.reaches(TradingState::Armed);
    settled(&mut system);
    system.finish();
}

#[test]
fn f02_an_open_connection_that_says_nothing_is_given_up() {
    let mut system = start("f02");
    let mark = system.records().newest();
    let before = system.counters();
    // One of two: its silence is noticed, and nothing else is.
    system.venue.fault(public("black_hole", json!({ "count": 1 })));
    system.moved(&before, Counter::LinkSilent);
    settled(&mut system);
    system.stayed_armed_since(mark);
    // Both: not armed as long as nothing is heard; prices come by REST meanwhile.
    let before = system.counters();
    let mute = json!({ "kind": "mute", "where": { "route": "public" }, "ms": 900, "for_ms": 1500 });
    system.venue.fault(mute);
    system.venue.fault(public("black_hole", json!({ "for_ms": 1500 })));
    system.until("not armed", |system| system.state() != Some(TradingState::Armed));
    system.moved_by(&before, Counter::LinkSilent, 2);
    system.moved(&before, Counter::RestFallback);
    system.venue.clear();
    system.reaches(TradingState::Armed);
    // The whole venue holds its breath: nothing is closed, nothing is said.
    let mark = system.records().newest();
    signal(system.venue.child(), "STOP");
    std::thread::sleep(Duration::from_millis(1_500));
    signal(system.venue.child(), "CONT");
    system.until("not armed meanwhile", |system| {
        system.records().changes_after(mark).any(|change| change.to != TradingState::Armed)
    });
    system.finish();
}

#[test]
fn f03_ticks_held_back_and_sent_at_once_are_not_traded_on() {
    // The connections are kept although they say nothing: what was held back must come.
    let setup = setup("f03").set("links.ticker_silence_ms", 5_000);
    let mut system = setup.set("links.depth_silence_ms", 5_000).start();
    system.armed();
    settled(&mut system);
    let mark = system.records().newest();
    let before = system.counters();
    system.venue.fault(public("stall", json!({ "ms": 1_600, "count": 2 })));
    system.until("not armed", |system| system.state() != Some(TradingState::Armed));
    system.moved(&before, Counter::StaleTick);
    system.reaches(TradingState::Armed);
    assert!(
        system.records().changes_after(mark).any(|change| change.reason == StateReason::StaleFeed),
        "{}",
        system.said()
    );
    system.finish();
}

#[test]
fn f04_a_silent_symbol_is_not_opened_and_its_connection_is_replaced() {
    let mut system = start("f04");
    let before = system.counters();
    system.venue.fault(public("silence", json!({ "where": { "symbol": "ETHUSDT" } })));
    system.moved(&before, Counter::LinkSilent);
    // Its last price is older than an order may be decided on, and stays so: the new connections
    // bring none, and the snapshot asked for by REST opens nothing.
    std::thread::sleep(Duration::from_millis(100));
    let mark = system.records().newest();
    system.moved_by(&before, Counter::LinkSilent, 2);
    std::thread::sleep(Duration::from_millis(1_000));
    let opened = system.records();
    let mut opened = opened.decisions_after(mark).map(|decision| decision.order);
    // Symbols are numbered as the configuration lists them.
    let wrong = opened.find(|order| order.symbol.index() == 1 && !order.reduce_only);
    assert!(wrong.is_none(), "{wrong:?}\n{}", system.said());
    system.venue.clear();
    system.reaches(TradingState::Armed);
    settled(&mut system);
    system.finish();
}

#[test]
fn f05_a_gap_is_made_up_by_the_twin_or_by_a_new_snapshot() {
    let mut system = start("f05");
    let depth = json!({ "event": "depthUpdate", "symbol": "BTCUSDT" });
    // One connection loses an event, and the other has it, but later.
    let lag = json!({ "where": { "connection": 1 }, "ms": 150, "for_ms": 3_000 });
    let mut lost = depth.clone();
    lost["connection"] = json!(0);
    let lost = json!({ "where": lost, "count": 3, "probability": 0.3 });
    system.provoked(Counter::FeedMadeUp, &[public("lag", lag), public("silence", lost)]);
    system.venue.clear();
    settled(&mut system);
    // Nobody has it: the book is not believed until a snapshot brought it back.
    let before = system.counters();
    system.venue.fault(json!({ "kind": "lose", "where": depth, "count": 1 }));
    system.moved(&before, Counter::BookGap);
    system.moved(&before, Counter::BookResync);
    settled(&mut system);
    system.finish();
}

#[test]
fn f06_an_event_told_twice_changes_nothing() {
    let mut system = start("f06");
    let mark = system.records().newest();
    let ticks = |system: &System| system.status().map_or(0, |status| status.ticks);
    let (ticks_before, before) = (ticks(&system), system.counters());
    system.venue.fault(public("duplicate", json!({ "for_ms": 1_000 })));
    system.struck(100);
    std::thread::sleep(Duration::from_millis(1_000));
    let (new, ticks) = (system.counters(), ticks(&system) - ticks_before);
    let twice = new[Counter::FeedDuplicate] - before[Counter::FeedDuplicate];
    // Two connections, each telling everything twice: three of four are not news. Without the fault
    // it is one of two.
    assert!(twice > ticks + ticks / 2, "{twice} duplicates, {ticks} ticks");
    assert_eq!(new[Counter::BookGap], before[Counter::BookGap], "{}", system.said());
    system.stayed_armed_since(mark);
    system.finish();
}

#[test]
fn f07_events_in_the_wrong_order_are_put_right() {
    let mut system = start("f07");
    let before = system.counters();
    // Both connections tell the same depth event after the next one.
    let depth = json!({ "event": "depthUpdate", "symbol": "BTCUSDT" });
    let swap = public("swap", json!({ "where": depth, "count": 2, "ms": 150 }));
    // What came too early waits for what it follows: there is no gap.
    for _ in 0..3 {
        system.provoked(Counter::FeedMadeUp, std::slice::from_ref(&swap));
    }
    system.venue.clear();
    assert_eq!(system.count(Counter::BookGap), before[Counter::BookGap], "{}", system.said());
    // What is older than what was seen is dropped: tickers and trades go on.
    for stream in ["ethusdt@bookTicker", "btcusdt@trade"] {
        let swap = json!({ "where": { "stream": stream }, "count": 20, "probability": 0.5 });
        system.venue.fault(public("swap", swap));
    }
    system.struck(35);
    system.venue.clear();
    settled(&mut system);
    system.finish();
}

#[test]
fn f08_a_snapshot_that_is_refused_or_old_is_asked_for_again() {
    let mut system = start("f08");
    let before = system.counters();
    let depth = json!({ "event": "depthUpdate", "symbol": "BTCUSDT" });
    let path = json!({ "path": "depth" });
    // Refused for the rate, then older than what is buffered, then late.
    system.venue.fault(json!({ "kind": "too_many", "where": path, "count": 1, "ms": 300 }));
    system.venue.fault(json!({ "kind": "snapshot_old", "where": path, "count": 1, "after": 1 }));
    system.venue.fault(json!({ "kind": "delay_reply", "where": path, "count": 1, "after": 2,
                               "ms": 600 }));
    system.venue.fault(json!({ "kind": "lose", "where": depth, "count": 1 }));
    system.moved(&before, Counter::BookGap);
    system.moved(&before, Counter::VenueThrottled);
    system.moved(&before, Counter::BookResync);
    system.venue.clear();
    settled(&mut system);
    system.finish();
}

#[test]
fn f09_bytes_that_are_no_frame_end_a_connection_and_nothing_else() {
    let mut system = start("f09");
    let kinds = ["garbage", "bad_opcode", "bad_mask", "bad_rsv", "truncated_json"];
    let mark = system.records().newest();
    for kind in kinds {
        let before = system.counters();
        system.venue.fault(public(kind, json!({ "count": 1 })));
        system.moved(&before, Counter::FrameRefused);
        settled(&mut system);
    }
    // One at a time, the twin brought what the broken connection did not.
    system.stayed_armed_since(mark);
    // And all at once, on every connection for a while, orders and account included.
    let before = system.counters();
    for kind in kinds {
        system.venue.fault(json!({ "kind": kind, "probability": 0.02, "for_ms": 700 }));
    }
    system.moved_by(&before, Counter::FrameRefused, 2);
    std::thread::sleep(Duration::from_millis(700));
    system.venue.clear();
    settled(&mut system);
    system.finish();
}
