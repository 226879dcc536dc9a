//! Rows F42 to F45 and F53: processes that stop, hang, die, are started twice, or do not read what
//! they must. The trader goes on or comes back by itself; the venue's truth is ours.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use schema::{Counter, StateReason, TradingState};

use super::setup::Setup;
use crate::processes::{ended, signal, spawn, until_or};

/// Exit code of a trader that finds another one in its place.
const EX_TEMPFAIL: i32 = 75;
const SIGABRT: i32 = 6;
const SIGBUS: i32 = 7;
const SIGSEGV: i32 = 11;

#[test]
fn f42_a_trader_that_was_stopped_asks_before_it_goes_on() {
    let mut system = Setup::new("f42").resting(400).set("strategy.interval_ms", 200).start();
    system.armed();
    system.trades(2);
    let (mark, before) = (system.records().newest(), system.counters());
    signal(system.trader(), "STOP");
    std::thread::sleep(Duration::from_secs(3));
    signal(system.trader(), "CONT");
    // The first turn finds that time has passed: no risk until the venue was asked.
    system.moved(&before, Counter::LoopGap);
    system.moved(&before, Counter::Reconciled);
    system.reaches(TradingState::Armed);
    let records = system.records();
    let mut after = records.changes_after(mark);
    let first = after.find(|change| change.to != TradingState::Armed).expect("it left Armed");
    assert_eq!(first.reason.as_str(), "loop_gap", "{}", system.said());
    system.trades(2);
    system.finish();
}

#[test]
fn f42_a_hot_thread_that_hangs_ends_the_process() {
    let mut system = Setup::new("f42").resting(400).chaos_trader().start();
    system.armed();
    system.trades(1);
    system.kill_trader();
    let at = "order_encoded:3=hang";
    system.start_trader_with(&[("SHRIKE_CRASH_AT".to_owned(), at.to_owned())]);
    let ended = system.trader_ended();
    assert_eq!(ended.signal(), Some(SIGABRT), "{ended:?}\n{}", system.said());
    system.start_trader();
    println!("restart to Armed: {:?}", system.armed());
    system.trades(2);
    system.finish();
}

#[test]
fn f43_however_the_trader_dies_it_comes_back_with_the_venues_truth() {
    let mut system = Setup::new("f43").resting(400).set("strategy.interval_ms", 200).start();
    for (name, number) in [("ABRT", SIGABRT), ("BUS", SIGBUS), ("SEGV", SIGSEGV)] {
        system.armed();
        system.trades(2);
        signal(system.trader(), name);
        if name != "ABRT" {
            // The runtime's own handler looks for an overflown stack first, and lets the fault
            // happen again: one that comes from outside must come twice.
            std::thread::sleep(Duration::from_millis(50));
            signal(system.trader(), name);
        }
        let ended = system.trader_ended();
        assert_eq!(ended.signal(), Some(number), "{ended:?}\n{}", system.said());
        // What it knew of the keys must not lie in a file.
        assert!(!ended.core_dumped(), "{name} left a core\n{}", system.said());
        system.start_trader();
    }
    println!("restart to Armed: {:?}", system.armed());
    system.converged();
    system.finish();
}

#[test]
fn f43_a_panic_of_the_hot_thread_ends_the_process() {
    let mut system = Setup::new("f43").resting(400).chaos_trader().start();
    system.armed();
    system.trades(1);
    system.kill_trader();
    let at = "order_written:2=panic";
    system.start_trader_with(&[("SHRIKE_CRASH_AT".to_owned(), at.to_owned())]);
    let ended = system.trader_ended();
    assert_eq!(ended.signal(), Some(SIGABRT), "{ended:?}\n{}", system.said());
    system.start_trader();
    system.armed();
    system.finish();
}

#[test]
fn f44_sidecars_that_die_again_and_again_are_not_noticed() {
    let mut system = Setup::new("f44").start();
    system.armed();
    system.start_metrics();
    let mark = system.records().newest();
    for _ in 0..6 {
        system.trades(3);
        system.kill_persist();
        system.kill_metrics();
        system.trades(3);
        system.start_persist();
        system.start_metrics();
    }
    // A sidecar that came back tells what the trader counted meanwhile.
    let fills = system.status().map_or(0, |status| status.fills);
    system.until("metrics shows the fills", |system| {
        let page = system.scrape();
        let line = page.lines().find_map(|line| line.strip_prefix("shrike_fills_total "));
        line.and_then(|text| text.parse::<u64>().ok()).is_some_and(|shown| shown >= fills)
    });
    let records = system.records();
    let noticed = records
        .changes_after(mark)
        .find(|change| matches!(change.reason.as_str(), "journal_pressure" | "loop_gap"));
    assert!(noticed.is_none(), "{noticed:?}\n{}", system.said());
    let status = system.status().expect("it publishes");
    assert_eq!(status.hot_allocations, 0, "{}", system.said());
    system.finish();
}

#[test]
fn f45_a_journal_nobody_reads_stops_risk_before_it_is_full() {
    // The smallest journal, and a strategy whose every tick is a record.
    let setup = Setup::new("f45").set("journal.capacity_records", 4_096);
    let setup = setup.set("strategy.style", "every_tick").set("timing.refusal_pause_ms", 0);
    let mut system = setup.start();
    system.armed();
    let (mark, before) = (system.records().newest(), system.counters());
    signal(system.persist(), "STOP");
    system.moved(&before, Counter::JournalPressure);
    system.left_armed(mark, StateReason::JournalPressure);
    let status = system.status().expect("it publishes");
    assert!(status.journal_used < status.journal_capacity, "{}", system.said());
    // It stays so: nothing more is risked, and what is written still fits.
    let orders = system.status().map_or(0, |status| status.orders);
    std::thread::sleep(Duration::from_millis(500));
    let later = system.status().expect("it publishes");
    assert!(later.journal_used < later.journal_capacity, "{}", system.said());
    assert!(later.orders <= orders + 2, "{} orders more\n{}", later.orders - orders, system.said());
    signal(system.persist(), "CONT");
    system.reaches(TradingState::Armed);
    // Nothing was overwritten unread: `finish` finds no gap in the tables.
    system.finish();
}

#[test]
fn f53_of_twenty_traders_started_at_once_one_trades() {
    let mut system = Setup::new("f53").start();
    system.armed();
    system.kill_trader();
    let mut others: Vec<_> = (0..20)
        .map(|number| spawn(&mut system.trader_command(), &system.path(""), &format!("t{number}")))
        .collect();
    let mut lost = 0;
    until_or(
        "all but one have ended",
        || {
            others.retain_mut(|child| match child.try_wait().expect("the child can be asked") {
                None => true,
                Some(status) => {
                    assert_eq!(status.code(), Some(EX_TEMPFAIL), "{status:?}");
                    lost += 1;
                    false
                }
            });
            lost == 19
        },
        || system.said(),
    );
    system.adopt_trader(others.pop().expect("one is left"));
    system.armed();
    system.trades(2);
    system.finish();
}

#[test]
fn f53_a_second_instance_on_the_same_account_is_refused() {
    let mut first = Setup::new("f53").resting(2_000).start();
    first.armed();
    first.until("an order rests", |system| {
        system.status().is_some_and(|status| status.open_orders > 0)
    });
    let mark = first.records().newest();
    let mut second = first.twin("f53b");
    let child = spawn(&mut second, &first.path(""), "second");
    let mut child = child;
    let status = ended(&mut child, "the second trader", || first.said());
    assert!(!status.success(), "{status:?}");
    first.stayed_armed_since(mark);
    first.trades(1);
    first.finish();
}
