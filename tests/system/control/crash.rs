//! A falling market, whole: guard triggers, nothing opens any more, the account is flat, people are
//! told, and every record agrees.

use std::collections::BTreeSet;
use std::process::Command;

use schema::KillTrigger;
use serde_json::Value;

use crate::demo::Demo;

/// Eight seconds of quiet, then 15 % in twelve.
const FALL: &str = "8,12,15";

/// Alerts that fired, by who brought them: Alertmanager names its receiver.
fn fired(demo: &Demo) -> BTreeSet<(bool, String)> {
    let text = std::fs::read_to_string(demo.run_dir().join("alerts.jsonl")).expect("alerts.jsonl");
    let messages = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut fired = BTreeSet::new();
    for message in messages {
        let by_alertmanager = message["receiver"] == "demo";
        for alert in message["alerts"].as_array().into_iter().flatten() {
            if alert["status"] == "firing" {
                let name = alert["labels"]["alertname"].as_str().expect("a name");
                fired.insert((by_alertmanager, name.to_owned()));
            }
        }
    }
    fired
}

fn has_alertmanager() -> bool {
    ["prometheus-alertmanager", "alertmanager"]
        .iter()
        .any(|name| Command::new(name).arg("--version").output().is_ok())
}

#[test]
fn a_fall_of_the_market_ends_flat_told_and_agreed() {
    let mut demo = Demo::start(&["--scenario", "crash", "--fall", FALL, "--seed", "11"], None);
    // The demo's own exit demands the trigger, no opening after it, a flat account, the alert and
    // three records that agree; below the same is asked of what the run left behind.
    demo.finish();
    let said = demo.output();

    let latch = rings::latch::read(&demo.run_dir().join("state/killed"));
    let latch = latch.expect("it can be read").expect("the latch is pressed");
    assert_eq!(latch.trigger, KillTrigger::Drawdown, "{latch:?}");
    let trigger_ms = latch.wall_ns / 1_000_000;

    let ledger = demo.json("ledger.json");
    let rows = |name: &str| ledger[name].as_array().unwrap_or_else(|| panic!("no {name}")).clone();
    let is_after = |row: &&Value, key: &str| row[key].as_i64().is_some_and(|ms| ms > trigger_ms);
    assert!(rows("positions").is_empty() && rows("open_orders").is_empty(), "not flat:\n{said}");
    let orders = rows("orders");
    let (after, before): (Vec<&Value>, Vec<&Value>) =
        orders.iter().partition(|row| is_after(row, "time_ms"));
    assert!(before.iter().any(|row| row["reduce_only"] == false), "nothing was opened:\n{said}");
    assert!(!after.is_empty(), "nothing was closed:\n{said}");
    for order in &after {
        assert_eq!(order["reduce_only"], true, "opened after the trigger: {order}\n{said}");
    }
    let stops = rows("algo_orders");
    let working = stops.iter().filter(|row| row["algoStatus"] == "NEW").count();
    assert!(!stops.is_empty() && working == 0, "{working} of {} stops work", stops.len());

    let by_alertmanager = has_alertmanager();
    let wanted = (by_alertmanager, "ShrikeKilled".to_owned());
    let fired = fired(&demo);
    assert!(fired.contains(&wanted), "{wanted:?} is not among {fired:?}");
    assert!(!by_alertmanager || fired.iter().all(|(by, _)| *by), "told twice: {fired:?}");

    let database = rusqlite::Connection::open(demo.run_dir().join("shrike.db")).expect("opens");
    let pressed = "SELECT COUNT(*) FROM kill_changes WHERE is_on = 1";
    let pressed: i64 = database.query_row(pressed, [], |row| row.get(0)).expect("the table");
    assert_eq!(pressed, 1, "the journal tells of one press");
    for part in ["no new orders", "books empty", "flat", "0 after the trigger", "shrike unkill"] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
}
