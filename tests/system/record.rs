//! A recorded run, handed to an engine again, says the same words: every order of it.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use super::demo::Demo;
use super::processes::{binary, text};

fn replay(demo: &Demo) -> Output {
    let mut command = Command::new(binary("shrike"));
    command.arg("replay").arg(demo.run_dir().join("run.rec")).arg("--json");
    command.output().expect("shrike starts")
}

/// Replays a finished run, which must be the same; what it tells.
fn replayed(demo: &Demo) -> Value {
    let output = replay(demo);
    assert!(output.status.success(), "{}", text(&output));
    let told: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(told["same"], true);
    for start in told["starts"].as_array().expect("a list") {
        assert_eq!(start["gap"], Value::Null, "{start}");
    }
    told
}

fn orders(told: &Value) -> BTreeSet<String> {
    let orders = told["orders"].as_array().expect("a list").iter();
    orders.map(|id| id.as_str().expect("text").to_owned()).collect()
}

/// Orders of the venue's ledger that are ours, by their ids.
fn ledger_orders(demo: &Demo) -> BTreeSet<String> {
    let ledger = demo.json("ledger.json");
    let account = ledger.get("accounts").and_then(|all| all.get(0)).unwrap_or(&ledger);
    let orders = account["orders"].as_array().expect("a list");
    let ids = orders.iter().filter_map(|order| order["client_order_id"].as_str());
    ids.filter(|id| id.starts_with("shrk")).map(str::to_owned).collect()
}

#[test]
fn a_recorded_demo_replays_to_every_order_and_each_can_be_explained() {
    let mut demo = Demo::start(&["--seconds", "12", "--seed", "3", "--record"], None);
    demo.finish();
    let told = replayed(&demo);
    let orders = orders(&told);
    assert!(orders.len() >= 20, "only {} orders", orders.len());
    assert_eq!(orders, ledger_orders(&demo));
    assert_eq!(told["torn_bytes"], 0);

    let last = orders.last().expect("not empty");
    let mut command = Command::new(binary("shrike"));
    command.arg("explain").arg(last).arg(demo.run_dir().join("run.rec")).arg("--json");
    let explained = command.output().expect("shrike starts");
    assert!(explained.status.success(), "{}", text(&explained));
    let story: Value = serde_json::from_slice(&explained.stdout).expect("it is JSON");
    let limits = story["moment"]["limits"].as_array().expect("replayed to its moment");
    assert!(limits.len() >= 5, "{story}");
    assert!(story["end"]["state"].as_str().is_some_and(|state| state != "NEW"), "{story}");
}

#[test]
fn a_faulty_run_replays_to_every_order() {
    let arguments = ["--seconds", "20", "--seed", "4", "--faults", "seed:7,rate=1", "--record"];
    let mut demo = Demo::start(&arguments, None);
    demo.finish();
    let told = replayed(&demo);
    let (replayed, known) = (orders(&told), ledger_orders(&demo));
    assert!(known.len() >= 10, "only {} orders", known.len());
    // Requests that never arrived are in the recording alone.
    assert!(known.is_subset(&replayed), "{:?}", known.difference(&replayed));
}

#[test]
fn a_trader_killed_in_the_middle_of_it_leaves_a_recording_that_replays() {
    let mut demo = Demo::start(&["--seconds", "30", "--seed", "5", "--record"], None);
    demo.wait_for("trading state: Armed");
    std::thread::sleep(Duration::from_secs(4));
    demo.kill("trader");
    demo.end();
    let told = replayed(&demo);
    assert!(!orders(&told).is_empty(), "it traded before it died");
}

#[test]
fn one_altered_byte_is_found() {
    let mut demo = Demo::start(&["--seconds", "8", "--seed", "6", "--record"], None);
    demo.finish();
    let path = demo.run_dir().join("run.rec");
    let mut bytes = std::fs::read(&path).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let output = replay(&demo);
    assert_eq!(output.status.code(), Some(65), "{}", text(&output));
    assert!(text(&output).contains("damaged at byte"), "{}", text(&output));
}
