//! guard beside a trader: its word, what presses the kill switch, what it remembers.

use std::time::{Duration, Instant};

use rings::{Ring, latest};
use schema::{KillStep, KillTrigger, LAYOUT_HASH, RiskReason, StateReason, TradingState, Verdict};
use serde_json::json;

use crate::chaos::harness::System;
use crate::chaos::setup::{Database, Setup};
use crate::ledgers;
use crate::processes::{signal, text};

fn guarded(row: &str) -> Setup {
    Setup::new(row).database(Database::None).guarded()
}

fn start(setup: Setup) -> System {
    let mut system = setup.start();
    system.armed();
    system.trades(2);
    system
}

/// guard's last word.
fn verdict(system: &System) -> Option<Verdict> {
    let reader = latest::Reader::<Verdict>::open(system.instance(), Ring::Verdict, LAYOUT_HASH);
    reader.ok()?.load().map(|(_, verdict)| verdict)
}

fn has_reason(system: &System, reason: RiskReason) -> bool {
    verdict(system).is_some_and(|verdict| verdict.reasons().any(|one| one == reason))
}

fn is_flat(system: &System) -> bool {
    let ledger = system.venue.ledger();
    let waiting = |order: &&serde_json::Value| order["algoStatus"] == "NEW";
    ledgers::positions(&ledger).is_empty()
        && ledgers::list(&ledger, "open_orders").is_empty()
        && ledgers::list(&ledger, "algo_orders").iter().filter(waiting).count() == 0
}

/// Waits for the latch, and until guard says the account is flat; the venue must say so too.
#[track_caller]
fn killed(system: &mut System, by: KillTrigger) {
    let said = |system: &System| system.said();
    system.until("the latch", |system| system.latch().exists());
    let latch = std::fs::read_to_string(system.latch()).expect("a latch");
    assert!(latch.contains(&format!("trigger={by}\n")), "{latch}\n{}", said(system));
    let step = KillStep::Flat as u64;
    system.until("flat, as guard says", |system| {
        system.risk().is_some_and(|risk| risk.kill_step == step)
    });
    assert!(is_flat(system), "{}\n{}", system.venue.ledger(), said(system));
    let risk = system.risk().expect("published");
    assert_eq!(risk.kill_trigger, by as u64);
    println!(
        "{by}: no order could leave after {} ms, none was open after {} ms, flat after {} ms",
        risk.kill_halted_ns / 1_000_000,
        risk.kill_cancelled_ns / 1_000_000,
        risk.kill_flat_ns / 1_000_000
    );
}

/// No order that adds risk was sent after a record.
#[track_caller]
fn opened_nothing_since(system: &System, mark: u64) {
    let records = system.records();
    let opened = records.decisions_after(mark).find(|decision| !decision.order.reduce_only);
    assert!(opened.is_none(), "{opened:?}\n{}", system.said());
}

#[test]
fn without_its_fresh_word_nothing_is_opened() {
    let mut system = start(guarded("guard-word"));
    for how in ["STOP", "KILL"] {
        let mark = system.records().newest();
        signal(system.guard(), how);
        system.left_armed(mark, StateReason::Verdict);
        let mark = system.records().newest();
        // Long enough for many orders of this strategy.
        let status = system.status().expect("a status");
        system.until("the strategy would have traded", |system| {
            let now = system.status().map_or(0, |status| status.mono_ns);
            now > status.mono_ns + 2_000_000_000
        });
        opened_nothing_since(&system, mark);
        match how {
            "STOP" => signal(system.guard(), "CONT"),
            _ => {
                system.kill_guard();
                system.start_guard();
            }
        }
        system.armed();
        system.trades(2);
    }
    // Another guard of this instance is refused.
    let second = system.guard_command().output().expect("guard starts");
    assert_eq!(second.status.code(), Some(75), "{}", text(&second));
    system.finish();
}

#[test]
fn a_fall_of_equity_kills() {
    // Fees alone lose it: 20 ppm of 100,000 are 2.
    let setup = guarded("guard-fall")
        .set("guard.drawdown_kill_ppm", 20)
        .set("guard.drawdown_ppm_max", 20)
        .set("strategy.order_notional_usdt", 1_000);
    let mut system = setup.start();
    system.armed();
    killed(&mut system, KillTrigger::Drawdown);
    system.reaches(TradingState::Killed);
    let risk = system.risk().expect("published");
    assert!(risk.drawdown_ppm > 20, "{risk:?}");
    assert!(has_reason(&system, RiskReason::Killed));
}

#[test]
fn failing_requests_kill() {
    // Few orders: what fails is a part of all requests.
    let mut system = guarded("guard-errors").set("strategy.interval_ms", 60_000).start();
    system.armed();
    for path in ["openOrders", "openAlgoOrders", "userTrades"] {
        system.venue.fault(json!({ "kind": "http_error", "where": { "path": path } }));
    }
    system.until("the latch", |system| system.latch().exists());
    system.venue.clear();
    killed(&mut system, KillTrigger::ApiErrors);
    system.reaches(TradingState::Killed);
}

/// A trader that holds what it bought.
fn holding(row: &str) -> Setup {
    guarded(row).set("strategy.hold_ms", 120_000).set("strategy.interval_ms", 500)
}

fn until_held(system: &mut System) {
    system.until("a position that guard sees", |system| {
        system.risk().is_some_and(|risk| risk.gross > 0)
    });
}

#[test]
fn a_stopped_trader_with_a_position_is_closed_by_guard() {
    let mut system = holding("guard-lost").set("guard.trader_lost_ms", 3_000).start();
    system.armed();
    until_held(&mut system);
    let begun = Instant::now();
    signal(system.trader(), "STOP");
    system.until("flat", is_flat);
    println!("flat and without orders {} ms after kill -STOP", begun.elapsed().as_millis());
    killed(&mut system, KillTrigger::TraderLost);
    // Awake again it finds the latch, and opens nothing.
    let mark = system.records().newest();
    signal(system.trader(), "CONT");
    system.reaches(TradingState::Killed);
    opened_nothing_since(&system, mark + 1);
    assert!(is_flat(&system), "{}", system.said());
}

#[test]
fn a_clean_stop_kills_nothing() {
    let setup =
        guarded("guard-stop").set("stop.flatten_on_stop", true).set("guard.trader_lost_ms", 1_000);
    let mut system = start(setup);
    signal(system.trader(), "TERM");
    let status = system.trader_ended();
    assert!(status.success(), "{status}\n{}", system.said());
    system.until("guard misses the trader for long", |system| {
        system.risk().is_some_and(|risk| risk.trader_age_ns > 5_000_000_000)
    });
    assert!(!system.latch().exists(), "{}", system.said());
    assert!(!has_reason(&system, RiskReason::TraderUnseen), "{}", system.said());
    // The next one trades.
    system.start_trader();
    system.armed();
    system.trades(2);
    system.finish();
}

/// The runbook's *Money in and out*: nobody tells guard why equity is gone.
#[test]
fn money_taken_out_kills_a_flat_account_and_a_person_goes_on() {
    let mut system = start(guarded("guard-money").set("stop.flatten_on_stop", true));
    signal(system.trader(), "TERM");
    let status = system.trader_ended();
    assert!(status.success(), "{status}\n{}", system.said());
    assert!(is_flat(&system), "{}", system.said());
    system.venue.fault(json!({ "kind": "transfer", "qty": "-20000" }));
    killed(&mut system, KillTrigger::Drawdown);
    system.start_trader();
    system.reaches(TradingState::Killed);
    let name = system.instance().to_owned();
    for arguments in
        [&["unkill", "--reason", "withdrew", "--confirm", &name][..], &["resume", "--yes"]]
    {
        let done = system.shrike(arguments);
        assert!(done.status.success(), "{arguments:?}: {}\n{}", text(&done), system.said());
    }
    system.armed();
    system.trades(2);
    system.finish();
}

#[test]
fn a_restart_of_guard_forgets_neither_the_highest_nor_the_switch() {
    let mut system = start(guarded("guard-again"));
    system.until("a highest", |system| system.risk().is_some_and(|risk| risk.peak_equity > 0));
    let before = system.risk().expect("published").peak_equity;
    let status = system.stop_guard();
    assert!(status.success(), "{status}\n{}", system.said());
    let stopped_ns = system.risk().expect("the old one's").mono_ns;
    system.start_guard();
    system.until("the new guard's word", |system| {
        system.risk().is_some_and(|risk| risk.equity > 0 && risk.mono_ns > stopped_ns)
    });
    let after = system.risk().expect("published").peak_equity;
    assert!(after >= before, "{after} < {before}\n{}", system.said());
    signal(system.guard(), "USR1");
    killed(&mut system, KillTrigger::Signal);
    system.kill_guard();
    system.start_guard();
    system.until("the new guard is killed too", |system| {
        verdict(system).is_some_and(|verdict| {
            verdict.killed == 1 && verdict.trigger == KillTrigger::Signal as u64
        })
    });
}

#[test]
fn exposure_beyond_the_environments_capital_opens_nothing() {
    let setup = guarded("guard-capital")
        .set("account.capital_usdt", 400)
        .set("limits.daily_loss_max_usdt", 400)
        .set("strategy.order_notional_usdt", 100)
        .set("strategy.interval_ms", 3_600_000)
        .set("strategy.hold_ms", 3_600_000);
    let mut system = setup.start();
    system.armed();
    let mark = system.records().newest();
    // Somebody buys by hand for more than capital and leverage allow.
    let by_hand =
        json!({ "kind": "external_fill", "where": { "symbol": "BTCUSDT" }, "qty": "0.012" });
    system.venue.fault(by_hand);
    system.until("guard's reason", |system| has_reason(system, RiskReason::Capital));
    assert!(!has_reason(&system, RiskReason::Leverage), "equity is enough");
    system.left_armed(mark, StateReason::Verdict);
    assert!(!system.latch().exists());
    let back =
        json!({ "kind": "external_fill", "where": { "symbol": "BTCUSDT" }, "qty": "-0.012" });
    system.venue.fault(back);
    system.until("guard's reason is over", |system| !has_reason(system, RiskReason::Capital));
    assert!(verdict(&system).is_some_and(|verdict| verdict.killed == 0));
}

#[test]
fn a_fill_the_journal_misses_is_a_difference() {
    let setup = guarded("guard-copy")
        .set("account.reconcile_every_ms", 600_000)
        .set("timing.truth_age_ms_max", 1_200_000)
        .set("strategy.interval_ms", 600_000);
    let mut system = setup.start();
    system.armed();
    system
        .until("guard compares", |system| system.risk().is_some_and(|risk| risk.comparisons > 10));
    assert!(!has_reason(&system, RiskReason::Difference), "{}", system.said());
    for event in ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ACCOUNT_UPDATE"] {
        system.venue.fault(json!({ "kind": "lose", "where": { "event": event } }));
    }
    let by_hand =
        json!({ "kind": "external_fill", "where": { "symbol": "ETHUSDT" }, "qty": "0.05" });
    let begun = Instant::now();
    let mark = system.records().newest();
    system.venue.fault(by_hand);
    system.until("a difference", |system| has_reason(system, RiskReason::Difference));
    println!("told as different {} ms after the fill", begun.elapsed().as_millis());
    assert!(begun.elapsed() > Duration::from_secs(5), "a message may be on its way");
    system.left_armed(mark, StateReason::Verdict);
    let differences = system.risk().expect("published").differences;
    assert!(differences >= 1, "{differences}");
    // A trader that begins anew learns of it, and so the comparison does.
    system.venue.clear();
    system.kill_trader();
    system.start_trader();
    system.until("no difference", |system| !has_reason(system, RiskReason::Difference));
    system.armed();
}

#[test]
fn a_file_with_mistakes_is_refused_with_their_places() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("wrong.toml");
    let good = std::fs::read_to_string(crate::arrows::root().join("config/staging.toml"));
    let wrong = good
        .expect("it is there")
        .replace("drawdown_kill_ppm = 100000", "drawdown_kill_ppm = 100001");
    std::fs::write(&file, wrong).expect("written");
    let mut command = std::process::Command::new(crate::processes::binary("guard"));
    let checked = command.arg("--check").arg(&file).output().expect("guard starts");
    let said = crate::processes::text(&checked);
    assert_eq!(checked.status.code(), Some(78), "{said}");
    assert!(said.contains("wrong.toml:") && said.contains("tightened, not loosened"), "{said}");
}
