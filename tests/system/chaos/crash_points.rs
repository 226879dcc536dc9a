//! Row F41: `kill -9` at every crash point × every state an order can be in.
//!
//! One life of a trader makes the state and is killed in it; the next finds it and ends at one named
//! point of the code; the third must find the venue's truth, send nothing twice and arm by itself.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::System;
use super::orders::no_order_connection;
use super::setup::Setup;
use crate::ledgers;
use crate::processes::{binary, signal, text};

const SIGKILL: i32 = 9;
/// How long a life may take to come by its point; who does not is killed where it is.
const LIFE: Duration = Duration::from_millis(2_500);
/// Each point costs two starts.
const POINTS_PER_VENUE: usize = 4;

/// The names of all crash points.
fn points() -> Vec<String> {
    let output = Command::new(binary("trader-chaos")).arg("crash-points").output();
    let output = output.expect("trader-chaos starts");
    assert!(output.status.success(), "{}", text(&output));
    let names: Vec<String> =
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    assert!(names.len() >= 6, "only {names:?}");
    names
}

/// A state of orders: what makes it, and how it is recognised.
struct State {
    name: &'static str,
    setup: Setup,
    faults: Vec<Value>,
    /// Whether the venue shows the state.
    is_seen: fn(&System) -> bool,
}

/// What a matrix has found.
#[derive(Default)]
struct Found {
    reached: Vec<String>,
    missed: Vec<String>,
    seen: usize,
    times: Vec<Duration>,
}

impl State {
    /// Every point once; the trader that comes back must agree with the venue.
    fn kill_at_every_point(self) {
        let mut found = Found::default();
        // Starts cost weight, and the venue allows so much of it a minute: few points a venue.
        for points in points().chunks(POINTS_PER_VENUE) {
            let mut system = self.setup.clone().again().chaos_trader().start();
            system.armed();
            for point in points {
                self.kill_at(&mut system, point, &mut found);
            }
            system.finish();
        }
        found.tell(self.name);
    }

    fn kill_at(&self, system: &mut System, point: &str, found: &mut Found) {
        for fault in &self.faults {
            system.venue.fault(fault.clone());
        }
        let begun = Instant::now();
        while !(self.is_seen)(system) && begun.elapsed() < LIFE {
            std::thread::sleep(Duration::from_millis(5));
        }
        system.kill_trader();
        found.seen += usize::from((self.is_seen)(system));
        system.start_trader_with(&[("SHRIKE_CRASH_AT".to_owned(), point.to_owned())]);
        leads_to(system, point);
        let list = if dies(system) { &mut found.reached } else { &mut found.missed };
        list.push(point.to_owned());
        system.venue.clear();
        system.start_trader();
        found.times.push(system.armed());
        system.converged();
    }
}

/// Some points are not passed by trading alone.
fn leads_to(system: &mut System, point: &str) {
    if point.starts_with("rest_order_") {
        system.armed();
        // Something must be there to cancel or to reduce.
        std::thread::sleep(Duration::from_millis(250));
        for fault in no_order_connection() {
            system.venue.fault(fault);
        }
    }
    if point.starts_with("stop_") {
        system.armed();
        std::thread::sleep(Duration::from_millis(250));
        signal(system.trader(), "TERM");
    }
}

/// Waits for the point to kill the trader; whether it did.
fn dies(system: &mut System) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LIFE {
        if let Some(status) = system.has_trader_ended() {
            assert_eq!(status.signal(), Some(SIGKILL), "{status:?}\n{}", system.said());
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    system.kill_trader();
    false
}

impl Found {
    fn tell(mut self, name: &str) {
        self.times.sort();
        let (p50, max) = (self.times[self.times.len() / 2], self.times[self.times.len() - 1]);
        println!(
            "f41 {name}: {} points, {} reached, {} times in the state; restart to Armed p50 \
             {p50:?}, max {max:?}; not reached: {:?}",
            self.times.len(),
            self.reached.len(),
            self.seen,
            self.missed
        );
        assert!(self.reached.len() > self.missed.len(), "{name}: not reached {:?}", self.missed);
        let (seen, all) = (self.seen, self.times.len());
        assert!(seen * 2 > all, "{name}: only {seen} of {all} lives ended in this state");
    }
}

/// Whether an order rests in this state of the venue's.
fn rests(system: &System, status: &str) -> bool {
    let ledger = system.venue.ledger();
    let mut open = ledgers::list(&ledger, "open_orders").iter();
    open.any(|order| ledgers::word(order, "status") == status)
}

#[test]
fn f41_kill9_at_every_point_while_orders_rest() {
    let setup = Setup::new("f41r").resting(1_500).set("strategy.interval_ms", 100);
    let is_seen = |system: &System| rests(system, "NEW");
    State { name: "resting", setup, faults: vec![], is_seen }.kill_at_every_point();
}

#[test]
fn f41_kill9_at_every_point_while_orders_are_in_flight() {
    let late = json!({ "kind": "delay_request", "where": { "method": "place" }, "ms": 150 });
    let setup = Setup::new("f41f");
    let is_seen = |system: &System| system.venue.struck() > 0;
    State { name: "in flight", setup, faults: vec![late], is_seen }.kill_at_every_point();
}

#[test]
fn f41_kill9_at_every_point_while_outcomes_are_unknown() {
    let silent = |kind: &str| json!({ "kind": kind, "where": { "method": "order.place" }, "probability": 0.5 });
    let setup = Setup::new("f41u").set("timing.ack_timeout_ms", 200);
    let is_seen = |system: &System| system.venue.struck() > 0;
    let faults = vec![silent("swallow_reply"), silent("swallow_request")];
    State { name: "unknown", setup, faults, is_seen }.kill_at_every_point();
}

#[test]
fn f41_kill9_at_every_point_while_orders_are_partly_filled() {
    // Whatever rests is filled by a third within 10 ms.
    let fill = json!({ "kind": "partial_fill", "every_ms": 10 });
    let setup = Setup::new("f41p").resting(1_500).set("strategy.order_notional_usdt", 4_000);
    let setup = setup.set("strategy.interval_ms", 100);
    let is_seen = |system: &System| rests(system, "PARTIALLY_FILLED");
    State { name: "partly filled", setup, faults: vec![fill], is_seen }.kill_at_every_point();
}

#[test]
fn f41_kill9_at_every_point_while_cancels_are_pending() {
    let silent = |kind: &str| json!({ "kind": kind, "where": { "method": "cancel" }, "ms": 150 });
    let setup = Setup::new("f41c").resting(100).set("strategy.interval_ms", 100);
    let is_seen = |system: &System| system.venue.struck() > 0;
    let faults = vec![silent("delay_request")];
    State { name: "cancel pending", setup, faults, is_seen }.kill_at_every_point();
}

#[test]
fn f41_kill9_at_every_point_while_protective_stops_wait() {
    // Positions are held for a second, each with a stop two per cent away.
    let setup = Setup::new("f41s").set("strategy.hold_ms", 1_000);
    let setup = setup.set("safety.protective_stop_ppm", 20_000);
    let is_seen = |system: &System| {
        let ledger = system.venue.ledger();
        let mut stops = ledgers::list(&ledger, "algo_orders").iter();
        stops.any(|order| ledgers::word(order, "algoStatus") == "NEW")
    };
    State { name: "stops", setup, faults: vec![], is_seen }.kill_at_every_point();
}
