//! Row F41: `kill -9` at every crash point × every state an order can be in.
//!
//! Each life of a trader ends at one named point of its code, in a market where its orders are in
//! one state; the next life must find the venue's truth, send nothing twice and arm by itself.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::System;
use super::setup::Setup;
use crate::ledgers;
use crate::processes::{binary, signal, text};

const SIGKILL: i32 = 9;
/// How long a life may take to come by its point; who does not is killed where it is.
const LIFE: Duration = Duration::from_millis(2_500);
/// Points every order passes kill at this pass: who lives longer has more orders.
const PASS: u32 = 3;

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
    /// Whether the account, as it stood when the trader had died, shows the state.
    is_seen: fn(&System, &Value) -> bool,
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
        system.kill_trader();
        for fault in &self.faults {
            system.venue.fault(fault.clone());
        }
        let is_often = ["order_", "reply_", "report_", "cancel_"];
        let is_often = is_often.iter().any(|start| point.starts_with(start));
        let at = format!("{point}:{}", if is_often { PASS } else { 1 });
        system.start_trader_with(&[("SHRIKE_CRASH_AT".to_owned(), at)]);
        leads_to(system, point);
        let list = if dies(system) { &mut found.reached } else { &mut found.missed };
        list.push(point.to_owned());
        let ledger = system.venue.ledger();
        found.seen += usize::from((self.is_seen)(system, &ledger));
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
        let order = json!({ "route": "order" });
        system.venue.fault(json!({ "kind": "refuse", "where": order }));
        system.venue.fault(json!({ "kind": "cut", "where": order, "count": 2 }));
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
            "f41 {name}: {} points, {} reached, {} lives with the state; restart to Armed p50 \
             {p50:?}, max {max:?}; not reached: {:?}",
            self.times.len(),
            self.reached.len(),
            self.seen,
            self.missed
        );
        assert!(self.reached.len() > self.missed.len(), "{name}: not reached {:?}", self.missed);
        assert!(self.seen > 0, "{name}: no life ended with an order in this state");
    }
}

fn open_orders(ledger: &Value) -> &Vec<Value> {
    ledgers::list(ledger, "open_orders")
}

#[test]
fn f41_kill9_at_every_point_while_orders_rest() {
    let setup = Setup::new("f41r").resting(60_000).set("strategy.interval_ms", 100);
    let is_seen = |_: &System, ledger: &Value| !open_orders(ledger).is_empty();
    State { name: "resting", setup, faults: vec![], is_seen }.kill_at_every_point();
}

#[test]
fn f41_kill9_at_every_point_while_orders_are_in_flight() {
    let late = json!({ "kind": "delay_request", "where": { "method": "place" }, "ms": 150 });
    let setup = Setup::new("f41f");
    let is_seen = |system: &System, _: &Value| system.venue.struck() > 0;
    State { name: "in flight", setup, faults: vec![late], is_seen }.kill_at_every_point();
}

#[test]
fn f41_kill9_at_every_point_while_outcomes_are_unknown() {
    let silent = |kind: &str| json!({ "kind": kind, "where": { "method": "order.place" }, "probability": 0.5 });
    let setup = Setup::new("f41u").set("timing.ack_timeout_ms", 200);
    let is_seen = |system: &System, _: &Value| system.venue.struck() > 0;
    let faults = vec![silent("swallow_reply"), silent("swallow_request")];
    State { name: "unknown", setup, faults, is_seen }.kill_at_every_point();
}

#[test]
fn f41_kill9_at_every_point_while_orders_are_partly_filled() {
    // Whatever rests is filled by a third within 10 ms.
    let fill = json!({ "kind": "partial_fill", "every_ms": 10 });
    let setup = Setup::new("f41p").resting(1_500).set("strategy.order_notional_usdt", 4_000);
    let setup = setup.set("strategy.interval_ms", 100);
    let is_seen = |_: &System, ledger: &Value| {
        let mut open = open_orders(ledger).iter();
        open.any(|order| ledgers::word(order, "status") == "PARTIALLY_FILLED")
    };
    State { name: "partly filled", setup, faults: vec![fill], is_seen }.kill_at_every_point();
}

#[test]
fn f41_kill9_at_every_point_while_cancels_are_pending() {
    let silent = |kind: &str| json!({ "kind": kind, "where": { "method": "cancel" }, "ms": 150 });
    let setup = Setup::new("f41c").resting(100).set("strategy.interval_ms", 100);
    let is_seen = |system: &System, _: &Value| system.venue.struck() > 0;
    let faults = vec![silent("delay_request")];
    State { name: "cancel pending", setup, faults, is_seen }.kill_at_every_point();
}
