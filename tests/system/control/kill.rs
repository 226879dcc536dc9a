//! The kill switch in every state of the system, by every way.
//!
//! Whatever is going on: once it is pressed no order that adds risk leaves, both books at the venue
//! end empty and positions flat by the venue's own ledger, the latch is on the disk, and the trader
//! is Killed and stays so.

use std::process::{Child, Command as Program, Stdio};
use std::time::{Duration, Instant};

use rings::{Ring, control, latch, latest};
use schema::{
    Command, CommandKind, Event, KillStep, LAYOUT_HASH, Record, TradingState, Verdict, WallNs,
};
use serde_json::json;

use crate::chaos::harness::System;
use crate::chaos::setup::{Database, Setup};
use crate::ledgers;
use crate::processes::{binary, signal, text};

/// How it is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A command in the control ring.
    Ring,
    /// `shrike kill`.
    Tool,
    /// SIGUSR1 to the trader.
    Signal,
    /// The latch file, made by hand.
    Latch,
    /// SIGUSR1 to guard.
    Guard,
}

const WAYS: [Way; 5] = [Way::Ring, Way::Tool, Way::Signal, Way::Latch, Way::Guard];

fn send(system: &System, kind: CommandKind) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_ns = now.expect("after 1970").as_nanos() as i64;
    let command = Command::plain(now_ns as u64, kind, WallNs(now_ns), 0);
    let mut sender = control::Sender::<Record>::open(system.instance(), LAYOUT_HASH)
        .unwrap_or_else(|error| panic!("control ring: {error}\n{}", system.said()));
    sender.send(&Event::Command(command).to_record()).expect("there is room");
}

/// Presses it; the tool goes on beside, until it says that the account is flat.
fn press(system: &System, way: Way) -> Option<Child> {
    match way {
        Way::Ring => send(system, CommandKind::Kill),
        Way::Tool => {
            let mut tool = Program::new(binary("shrike"));
            tool.args(["kill", "--yes", "--reason", "matrix", "--instance", system.instance()]);
            tool.env_remove("DATABASE_URL").stdin(Stdio::null());
            tool.stdout(Stdio::piped()).stderr(Stdio::piped());
            return Some(tool.spawn().expect("shrike starts"));
        }
        Way::Signal => signal(system.trader(), "USR1"),
        Way::Latch => std::fs::write(system.latch(), "").expect("a folder for the latch"),
        Way::Guard => signal(system.guard(), "USR1"),
    }
    None
}

/// Orders that add risk which reached the venue so far.
fn opening_orders(system: &System) -> usize {
    let ledger = system.venue.ledger();
    let all = ledgers::list(&ledger, "orders").iter();
    all.filter(|order| order["reduce_only"] == false).count()
}

fn is_flat(system: &System) -> bool {
    let ledger = system.venue.ledger();
    let waits = |order: &&serde_json::Value| order["algoStatus"] == "NEW";
    ledgers::positions(&ledger).is_empty()
        && ledgers::list(&ledger, "open_orders").is_empty()
        && ledgers::list(&ledger, "algo_orders").iter().filter(waits).count() == 0
}

/// No order that adds risk was decided after the trader was killed.
#[track_caller]
fn opened_nothing_killed(system: &System, mark: u64) {
    let records = system.records();
    let killed = records.events().filter(|(number, _)| *number > mark).find_map(|(at, event)| {
        matches!(event, Event::State(change) if change.to == TradingState::Killed).then_some(at)
    });
    let killed = killed.unwrap_or_else(|| panic!("never killed\n{}", system.said()));
    let opened = records.decisions_after(killed).find(|decision| !decision.order.reduce_only);
    assert!(opened.is_none(), "{opened:?}\n{}", system.said());
}

fn verdict(system: &System) -> Option<Verdict> {
    let reader = latest::Reader::<Verdict>::open(system.instance(), Ring::Verdict, LAYOUT_HASH);
    reader.ok()?.load().map(|(_, verdict)| verdict)
}

/// Presses it and sees it through.
#[track_caller]
fn kill(system: &mut System, what: &str, way: Way) {
    let mark = system.records().newest();
    let begun = Instant::now();
    let tool = press(system, way);
    system.reaches(TradingState::Killed);
    let halted = begun.elapsed();
    system.until("flat, as the venue says", is_flat);
    let flat = begun.elapsed();
    let opened = opening_orders(system);
    system.until("flat, as guard says", |system| {
        system.risk().is_some_and(|risk| risk.kill_step == KillStep::Flat as u64)
    });
    assert!(is_flat(system), "{}\n{}", system.venue.ledger(), system.said());
    assert_eq!(opening_orders(system), opened, "{}", system.said());
    if let Some(tool) = tool {
        let done = tool.wait_with_output().expect("it can be waited for");
        assert!(done.status.success(), "{}\n{}", text(&done), system.said());
    }
    system.until("the latch", |system| system.latch().exists());
    opened_nothing_killed(system, mark);
    println!(
        "{what} by {way:?}: seen killed after {} ms, flat after {} ms",
        halted.as_millis(),
        flat.as_millis()
    );
}

/// Releases it as `shrike unkill` does, and lets it trade again.
fn release(system: &mut System) {
    latch::release(&system.latch()).expect("the latch can be removed");
    system.until("guard's release", |system| verdict(system).is_some_and(|v| v.killed == 0));
    unkill(system);
    send(system, CommandKind::Resume);
    system.armed();
}

/// Until the trader has heard that latch and verdict are gone, it refuses or presses again.
fn unkill(system: &mut System) {
    let mut again = Instant::now();
    system.until("released", |system| {
        if Instant::now() >= again {
            send(system, CommandKind::Unkill);
            again = Instant::now() + Duration::from_millis(300);
        }
        system.state() == Some(TradingState::Halted)
    });
}

fn guarded(row: &str) -> Setup {
    Setup::new(row).database(Database::None).guarded()
}

/// Kills by every way out of a state that `provoke` brings about. Each way has a system of its own:
/// a kill looks at the whole account again and again, and several in a minute take all the requests
/// that the venue lets an address make. The first is released again and must agree in the end.
fn by_every_way(setup: Setup, what: &str, provoke: impl Fn(&mut System)) {
    for way in WAYS {
        let mut system = setup.clone().again().start();
        system.armed();
        provoke(&mut system);
        kill(&mut system, what, way);
        if way == Way::Ring {
            system.venue.clear();
            release(&mut system);
            system.finish();
        }
    }
}

#[test]
fn while_orders_rest_and_positions_are_held() {
    by_every_way(guarded("kill-rest").resting(60_000), "resting orders", |system| {
        system.until("an order rests", |system| {
            system.status().is_some_and(|status| status.open_orders > 0)
        });
    });
}

#[test]
fn while_positions_are_held_under_full_load() {
    let setup = guarded("kill-load")
        .set("strategy.interval_ms", 5)
        .set("strategy.hold_ms", 1_000)
        .set("limits.repeated_window_ms", 0);
    by_every_way(setup, "full load", |system| {
        system.trades(5);
        system.until("a position", |system| {
            system.status().is_some_and(|s| s.symbols.iter().any(|s| s.position_qty != 0))
        });
    });
}

#[test]
fn while_outcomes_are_unknown() {
    let setup = guarded("kill-doubt")
        .set("strategy.hold_ms", 500)
        .set("timing.ack_timeout_ms", 200)
        .set("timing.query_interval_ms", 2_000);
    by_every_way(setup, "unknown outcomes", |system| {
        let mut again = Instant::now();
        system.until("an unknown outcome", |system| {
            if Instant::now() >= again {
                // Whatever is told of an order by its answer or by the user stream is lost for a
                // while, and the account is told late, so that it is not known at once what became
                // of them; made again until it strikes an order on its way. Only two answers are
                // lost: guard counts failed requests, and is not to be the one who presses.
                let place = json!({ "method": "place" });
                let lost = json!({ "kind": "swallow_reply", "where": place, "count": 2,
                    "for_ms": 1_500 });
                system.venue.fault(lost);
                let private = json!({ "route": "private" });
                let deaf = json!({ "kind": "silence", "where": private, "for_ms": 1_500 });
                system.venue.fault(deaf);
                let asked = json!({ "route": "rest", "method": "GET" });
                let late = json!({ "kind": "delay_reply", "where": asked, "for_ms": 1_500,
                    "ms": 700 });
                system.venue.fault(late);
                again = Instant::now() + Duration::from_secs(3);
            }
            system.status().is_some_and(|status| status.unknown_orders > 0)
        });
    });
}

#[test]
fn while_it_is_halted_with_a_position() {
    by_every_way(guarded("kill-halted").set("strategy.hold_ms", 60_000), "halted", |system| {
        system.until("a position", |system| {
            system.status().is_some_and(|s| s.symbols.iter().any(|s| s.position_qty != 0))
        });
        send(system, CommandKind::Halt);
        system.reaches(TradingState::Halted);
    });
}

#[test]
fn while_the_user_stream_is_down() {
    let private = json!({ "route": "private" });
    by_every_way(
        guarded("kill-deaf").set("strategy.hold_ms", 2_000),
        "user stream down",
        |system| {
            system.trades(1);
            system.venue.fault(json!({ "kind": "refuse", "where": private }));
            system.venue.fault(json!({ "kind": "cut", "where": private, "for_ms": 300 }));
            system.until("no user stream", |system| {
                system.status().is_some_and(|s| s.links[schema::Link::User as usize].up == 0)
            });
        },
    );
}

#[test]
fn while_no_order_connection_is_up() {
    let order = json!({ "route": "order" });
    by_every_way(
        guarded("kill-mute").set("strategy.hold_ms", 2_000),
        "order connections down",
        |system| {
            system.trades(1);
            system.venue.fault(json!({ "kind": "refuse", "where": order }));
            system.venue.fault(json!({ "kind": "cut", "where": order, "for_ms": 300 }));
            system.until("no order connection", |system| {
                system.status().is_some_and(|s| s.links[schema::Link::Order as usize].up == 0)
            });
        },
    );
}

#[test]
fn while_it_cannot_reconcile() {
    by_every_way(guarded("kill-unsure").set("strategy.hold_ms", 5_000), "reconciling", |system| {
        system.trades(1);
        system.venue.fault(json!({ "kind": "http_error", "where": { "path": "openOrders" },
                "for_ms": 4_000 }));
        send(system, CommandKind::Halt);
        system.reaches(TradingState::Halted);
        send(system, CommandKind::Resume);
        system.reaches(TradingState::Reconciling);
    });
}

fn until_held(system: &mut System) {
    system.until("a position that guard sees", |system| {
        system.risk().is_some_and(|risk| risk.gross > 0)
    });
}

/// A trader that holds what it bought.
fn holding(row: &str) -> Setup {
    guarded(row).set("strategy.hold_ms", 120_000).set("strategy.interval_ms", 300)
}

/// guard alone: the trader is stopped or dead when the latch is made.
fn by_guard_alone(row: &str, stop: impl Fn(&mut System), go_on: impl Fn(&mut System)) {
    let mut system = holding(row).start();
    system.armed();
    until_held(&mut system);
    let begun = Instant::now();
    stop(&mut system);
    std::fs::write(system.latch(), "").expect("a folder for the latch");
    system.until("flat, as the venue says", is_flat);
    println!("{row}: flat after {} ms", begun.elapsed().as_millis());
    system.until("flat, as guard says", |system| {
        system.risk().is_some_and(|risk| risk.kill_step == KillStep::Flat as u64)
    });
    // Awake, or started again, it is killed and opens nothing.
    let mark = system.records().newest();
    go_on(&mut system);
    system.reaches(TradingState::Killed);
    let opened =
        system.records().decisions_after(mark).find(|decision| !decision.order.reduce_only);
    assert!(opened.is_none(), "{opened:?}\n{}", system.said());
    assert!(is_flat(&system), "{}", system.said());
    release(&mut system);
    system.finish();
}

#[test]
fn by_guard_alone_with_the_trader_stopped() {
    by_guard_alone(
        "kill-stopped",
        |system| signal(system.trader(), "STOP"),
        |system| signal(system.trader(), "CONT"),
    );
}

#[test]
fn by_guard_alone_with_the_trader_dead() {
    by_guard_alone("kill-dead", System::kill_trader, System::start_trader);
}

#[test]
fn by_the_trader_alone_with_every_sidecar_dead() {
    let mut system = Setup::new("kill-sidecars")
        .set("strategy.hold_ms", 60_000)
        .set("strategy.interval_ms", 300)
        .start();
    system.armed();
    system.kill_persist();
    for way in [Way::Ring, Way::Signal, Way::Latch] {
        system.until("a position", |system| {
            system.status().is_some_and(|s| s.symbols.iter().any(|s| s.position_qty != 0))
        });
        let mark = system.records().newest();
        press(&system, way);
        system.reaches(TradingState::Killed);
        system.until("flat, as the venue says", is_flat);
        system.until("the latch", |system| system.latch().exists());
        opened_nothing_killed(&system, mark);
        latch::release(&system.latch()).expect("the latch can be removed");
        unkill(&mut system);
        send(&system, CommandKind::Resume);
        system.armed();
    }
    system.start_persist();
    system.finish();
}

#[test]
fn by_the_tool_alone_with_neither_trader_nor_guard() {
    let mut system = holding("kill-tool").start();
    system.armed();
    until_held(&mut system);
    system.kill_guard();
    system.kill_trader();
    assert!(!is_flat(&system));
    let begun = Instant::now();
    let file = system.path("trader.toml").display().to_string();
    let done = system.shrike(&["kill", "--yes", "--reason", "nobody is there", "--config", &file]);
    assert!(done.status.success(), "{}\n{}", text(&done), system.said());
    println!("by the tool alone: flat after {} ms", begun.elapsed().as_millis());
    assert!(is_flat(&system), "{}\n{}", text(&done), system.venue.ledger());
    let latch = std::fs::read_to_string(system.latch()).expect("a latch");
    assert!(latch.contains("nobody is there"), "{latch}");
    // A trader that starts now is killed.
    system.start_guard();
    system.start_trader();
    system.reaches(TradingState::Killed);
    assert!(is_flat(&system), "{}", system.said());
    release(&mut system);
    system.finish();
}
