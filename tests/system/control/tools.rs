//! The tools to look and to act, on a real system: what they say is what the venue and the trader
//! have, what is sent twice acts once, and everything that was asked for is in the audit trail.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use rings::control;
use schema::{Event, LAYOUT_HASH, LimitKind, Record, TradingState};
use serde_json::{Value, json};

use crate::chaos::harness::System;
use crate::chaos::setup::{Database, Setup};
use crate::ledgers;
use crate::processes::{binary, signal, text};

fn guarded(row: &str) -> Setup {
    Setup::new(row).database(Database::None).guarded()
}

/// What a verb prints with `--json`, and that it ended so.
#[track_caller]
fn told(system: &System, code: i32, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let output = system.shrike(&all);
    let said = || format!("shrike {all:?}: {}\n{}", text(&output), system.said());
    assert_eq!(output.status.code(), Some(code), "{}", said());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said()))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// Rows of the audit trail of one verb.
fn audited(system: &System, verb: &str) -> Vec<Value> {
    let trail = told(system, 0, &["audit", "--last", "1000"]);
    assert_eq!(trail["unreadable_lines"], 0);
    list(&trail, "rows").iter().filter(|row| row["command"] == verb).cloned().collect()
}

fn results(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["result"].as_str().unwrap_or("?").to_owned()).collect()
}

fn is_flat(system: &System) -> bool {
    let ledger = system.venue.ledger();
    ledgers::positions(&ledger).is_empty() && ledgers::list(&ledger, "open_orders").is_empty()
}

/// How often the journal tells that a kind of record is there.
fn count(system: &System, is_meant: impl Fn(&Event) -> bool) -> usize {
    let mut journal =
        rings::journal::Reader::<Record>::open_at_oldest(system.instance(), LAYOUT_HASH)
            .expect("a journal");
    let mut count = 0;
    while let rings::Next::Item(_, record) = journal.next() {
        count += usize::from(Event::from_record(&record).is_ok_and(|event| is_meant(&event)));
    }
    count
}

/// `shrike` with something typed.
fn typed(system: &System, arguments: &[&str], line: &str) -> Output {
    let mut child = Command::new(binary("shrike"))
        .args(arguments)
        .args(["--instance", system.instance()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("shrike starts");
    // One that refuses before it asks has closed the pipe.
    let _ = child.stdin.take().expect("a pipe").write_all(line.as_bytes());
    child.wait_with_output().expect("it ends")
}

#[test]
fn what_the_looking_verbs_say_is_what_the_venue_has() {
    let mut system = guarded("tools-look").set("strategy.hold_ms", 100).start();
    system.armed();
    system.trades(6);
    // Nothing moves while it is looked at.
    assert_eq!(told(&system, 0, &["halt", "--reason", "a look"])["result"], "accepted");
    system.until("nothing on its way", |system| {
        system.status().is_some_and(|status| status.open_orders == 0)
    });
    system.until("the venue's positions are the trader's", |system| {
        let status = system.status().expect("a status");
        system.positions(&status) == ledgers::positions(&system.venue.ledger())
    });
    let ledger = system.venue.ledger();
    let positions = told(&system, 0, &["positions"]);
    let held: std::collections::BTreeMap<String, String> = list(&positions, "positions")
        .iter()
        .filter(|one| one["qty"] != "0")
        .map(|one| (ledgers::word(one, "symbol"), ledgers::word(one, "qty")))
        .collect();
    assert_eq!(held, ledgers::positions(&ledger));

    let fills = told(&system, 0, &["fills", "--last", "100000"]);
    assert_eq!(fills["is_whole"], true);
    let mut ours: Vec<String> = list(&fills, "fills")
        .iter()
        .map(|fill| {
            ["symbol", "trade_id", "price", "qty"].map(|key| ledgers::word(fill, key)).join(" ")
        })
        .collect();
    let mut venues: Vec<String> = ledgers::list(&ledger, "fills")
        .iter()
        .map(|fill| {
            ["symbol", "trade_id", "price", "qty"].map(|key| ledgers::word(fill, key)).join(" ")
        })
        .collect();
    ours.sort();
    venues.sort();
    assert_eq!(ours, venues);
    assert_eq!(list(&told(&system, 0, &["fills", "--last", "2"]), "fills").len(), 2);

    let status = told(&system, 0, &["status"]);
    assert_eq!(status["trading_state"], "Halted");
    assert!(list(&status, "state_causes").iter().any(|cause| cause == "command"), "{status}");
    assert_eq!(status["kill"]["pressed"], false);
    assert_eq!(status["verdict"]["fresh"], true);
    let names: Vec<&Value> =
        list(&status, "processes").iter().map(|process| &process["name"]).collect();
    for name in ["trader", "guard"] {
        assert!(names.iter().any(|one| *one == name), "{name} is not in {status}");
    }
    let risk = told(&system, 0, &["risk"]);
    assert_eq!(list(&risk, "limits").len(), 13 + 2 * 4);
    let open = list(&risk, "limits").iter().find(|row| row["limit"] == "open_orders");
    assert_eq!(open.expect("it is there")["used"], 0);
    assert!(risk["guard"]["age_ns"].as_u64().is_some_and(|age| age < 3_000_000_000), "{risk}");
    let limits = told(&system, 0, &["limits"]);
    assert_eq!((&limits["version"], list(&limits, "limits").len()), (&Value::from(0), 21));
    // For people they print too, and a wrong symbol is refused in both ways.
    for verb in ["status", "orders", "positions", "fills", "risk", "limits", "audit"] {
        let output = system.shrike(&[verb]);
        assert!(output.status.success() && !output.stdout.is_empty(), "{verb}: {}", text(&output));
    }
    let wrong = told(&system, 64, &["orders", "--symbol", "NOSUCH"]);
    assert!(wrong["next"].as_str().is_some_and(|next| next.contains("BTCUSDT")), "{wrong}");
}

#[test]
fn orders_are_those_of_the_venue_and_looking_needs_no_lock() {
    let mut system = guarded("tools-orders").start();
    system.armed();
    // Far from the market, so that nothing fills while it is looked at.
    for qty in ["0.003", "-0.003"] {
        let place = json!({ "symbol": "BTCUSDT" });
        system.venue.fault(json!({ "kind": "external_order", "where": place, "qty": qty }));
    }
    system.until("both are known", |system| {
        system.status().is_some_and(|status| status.open_orders >= 2)
    });
    assert_eq!(told(&system, 0, &["halt"])["trading_state"], "Halted");
    system.until("nothing on its way", |system| {
        let count = ledgers::list(&system.venue.ledger(), "open_orders").len() as u64;
        count == 2 && system.status().is_some_and(|status| status.open_orders == count)
    });
    // Another sender has the control ring: looking goes on, acting waits for it and says so.
    let sender = control::Sender::<Record>::open(system.instance(), LAYOUT_HASH).expect("free");
    let before = crate::processes::segments(system.instance());
    let orders = told(&system, 0, &["orders"]);
    assert_eq!(orders["is_whole"], true, "{orders}");
    let ledger = system.venue.ledger();
    let mut ours: Vec<String> =
        list(&orders, "orders").iter().map(|order| ledgers::word(order, "order_id")).collect();
    let mut venues: Vec<String> = ledgers::list(&ledger, "open_orders")
        .iter()
        .map(|order| ledgers::word(order, "order_id"))
        .collect();
    ours.sort();
    venues.sort();
    assert_eq!(ours, venues, "{orders}\n{ledger}");
    for order in list(&orders, "orders") {
        assert_eq!((&order["unknown"], &order["cancel_pending"]), (&false.into(), &false.into()));
    }
    let dry = told(&system, 0, &["flatten", "--dry-run"]);
    assert_eq!(list(&dry, "cancel").len(), ours.len());
    assert_eq!(ledgers::list(&system.venue.ledger(), "open_orders").len(), ours.len());
    for verb in ["positions", "fills", "risk", "limits", "status", "audit"] {
        told(&system, 0, &[verb]);
    }
    assert_eq!(crate::processes::segments(system.instance()), before, "looking made a file");
    told(&system, 75, &["cancel-all"]);
    drop(sender);
    // Twice with one number it acts once.
    for result in ["accepted", "duplicate"] {
        assert_eq!(told(&system, 0, &["cancel-all", "--nonce", "77"])["result"], result);
    }
    system.until("cancelled", |system| {
        ledgers::list(&system.venue.ledger(), "open_orders").is_empty()
    });
    assert_eq!(
        results(&audited(&system, "cancel-all"))[2..],
        ["asked", "accepted", "asked", "duplicate"]
    );
    let row = &audited(&system, "cancel-all")[3];
    assert_eq!((&row["nonce"], &row["instance"]), (&"77".into(), &system.instance().into()));
}

#[test]
fn limits_are_tightened_within_the_file_and_given_back() {
    let mut system = guarded("tools-limits").start();
    system.armed();
    let of =
        |system: &System| system.status().expect("a status").limits[LimitKind::OpenOrders.place()];
    let file = of(&system).file;
    let set = |value: &str, more: &[&str], code: i32| {
        let mut arguments = vec!["limits", "set", "open_orders", value, "--yes"];
        arguments.extend(more);
        told(&system, code, &arguments)
    };
    // Looser than the file, without a reason, without its unit, of a symbol: refused, and audited.
    let looser = set(&(file + 1).to_string(), &["--reason", "more"], 1);
    let said = looser["error"].as_str().unwrap_or_default();
    assert!(said.contains("looser than the file") && said.contains(&file.to_string()), "{looser}");
    set("2", &[], 64);
    set("2%", &["--reason", "x"], 64);
    set("2", &["--reason", "x", "--symbol", "BTCUSDT"], 64);
    let unconfirmed = ["limits", "set", "open_orders", "2", "--reason", "x"];
    told(&system, 64, &unconfirmed);
    assert_eq!(of(&system).limit, file);
    for result in ["accepted", "duplicate"] {
        let done = set("2", &["--reason", "thin book", "--nonce", "9"], 0);
        assert_eq!((&done["result"], &done["in_force"]), (&result.into(), &2.into()));
        assert_eq!(done["version"], 1, "{done}");
    }
    assert_eq!(count(&system, |event| matches!(event, Event::Limit(_))), 1);
    let listed = told(&system, 0, &["limits"]);
    let row = list(&listed, "limits").iter().find(|row| row["limit"] == "open_orders");
    let row = row.expect("it is there");
    assert_eq!((&row["in_force"], &row["file"]), (&2.into(), &file.into()));
    let symbol = ["limits", "set", "restricted", "yes", "--symbol", "ETHUSDT", "--yes", "--reason"];
    let symbol: Vec<&str> = symbol.into_iter().chain(["delisting"]).collect();
    assert_eq!(told(&system, 0, &symbol)["in_force"], true);
    let reset = told(&system, 0, &["limits", "reset", "open_orders", "--yes"]);
    assert_eq!((&reset["in_force"], &reset["version"]), (&file.into(), &3.into()));
    assert_eq!(of(&system).limit, file);
    let rows = audited(&system, "limits set");
    assert_eq!(rows.iter().filter(|row| row["result"] == "accepted").count(), 2);
    let failed = results(&rows).into_iter().filter(|result| result.starts_with("exit ")).count();
    assert_eq!(failed, 5, "{rows:?}");
    assert!(rows.iter().any(|row| row["reason"] == "thin book"), "{rows:?}");
}

#[test]
fn kill_ends_flat_and_only_a_reason_and_a_name_release_it() {
    let mut system = guarded("tools-kill").set("strategy.hold_ms", 120_000).start();
    system.armed();
    system.until("a position", |system| !ledgers::positions(&system.venue.ledger()).is_empty());
    told(&system, 64, &["kill"]);
    assert!(!system.latch().exists(), "not confirmed, yet pressed");
    let done = told(&system, 0, &["kill", "--yes", "--reason", "a test"]);
    assert_eq!((&done["result"], &done["by"]), (&"flat".into(), &"trader+guard".into()));
    println!("shrike kill: {done}");
    assert!(is_flat(&system), "{}", system.venue.ledger());
    system.reaches(TradingState::Killed);
    // Again it is safe.
    assert_eq!(told(&system, 0, &["kill", "--yes"])["result"], "flat");
    let status = told(&system, 0, &["status"]);
    assert_eq!(status["kill"]["latch"]["reason"], "a test");
    assert_eq!(status["kill"]["trader_trigger"], "person");

    let name = system.instance().to_owned();
    told(&system, 64, &["unkill", "--confirm", &name]);
    told(&system, 64, &["unkill", "--reason", "  ", "--confirm", &name]);
    told(&system, 64, &["unkill", "--reason", "found", "--confirm", "another"]);
    let wrong = typed(&system, &["unkill", "--reason", "found"], "yes\n");
    assert_eq!(wrong.status.code(), Some(64), "{}", text(&wrong));
    assert!(text(&wrong).contains("a test"), "it shows why it was pressed: {}", text(&wrong));
    told(&system, 1, &["resume", "--yes"]);
    assert!(system.latch().exists());
    assert_eq!(system.state(), Some(TradingState::Killed));
    let refused = results(&audited(&system, "unkill"));
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert!(refused.iter().all(|result| result.starts_with("exit 64")), "{refused:?}");

    let right = typed(&system, &["unkill", "--reason", "found"], &format!("{name}\n"));
    assert_eq!(right.status.code(), Some(0), "{}\n{}", text(&right), system.said());
    assert!(text(&right).contains("shrike resume"), "{}", text(&right));
    assert!(!system.latch().exists());
    system.reaches(TradingState::Halted);
    told(&system, 1, &["unkill", "--reason", "again", "--confirm", &name]);
    let resumed = told(&system, 0, &["resume", "--yes", "--timeout", "20", "--reason", "go on"]);
    assert_eq!(resumed["trading_state"], "Armed");
    assert_eq!(results(&audited(&system, "unkill"))[4..7], ["asked", "released", "released"]);
    assert_eq!(results(&audited(&system, "kill"))[1..], ["pressed", "flat", "pressed", "flat"]);
}

#[test]
fn kill_goes_by_rest_when_nobody_else_acts() {
    let mut system = guarded("tools-direct").set("strategy.hold_ms", 120_000).start();
    system.armed();
    system.until("a position", |system| !ledgers::positions(&system.venue.ledger()).is_empty());
    signal(system.trader(), "STOP");
    signal(system.guard(), "STOP");
    let done = told(&system, 0, &["kill", "--yes", "--reason", "both hang"]);
    assert_eq!((&done["result"], &done["by"]), (&"flat".into(), &"venue".into()));
    println!("shrike kill by REST: {done}");
    assert!(is_flat(&system) && system.latch().exists(), "{}", system.venue.ledger());
    // With nobody left and no segment asked, by the file alone.
    system.kill_guard();
    system.kill_trader();
    let file = system.path("trader.toml").display().to_string();
    let alone = told(&system, 0, &["kill", "--yes", "--config", &file]);
    assert_eq!(alone["by"], "venue");
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let mut system = guarded("tools-doctor").start();
    system.armed();
    let find = |found: &Value, check: &str| -> Vec<String> {
        let checks = list(found, "checks").iter().filter(|one| one["check"] == check);
        checks.map(|one| one["state"].as_str().unwrap_or("?").to_owned()).collect()
    };
    let run = |system: &System, code: i32| {
        let file = system.path("trader.toml").display().to_string();
        told(system, code, &["doctor", "--config", &file])
    };
    let well = run(&system, 0);
    for check in ["config", "venue", "venue clock", "two keys", "kill switch", "processes"] {
        let states = find(&well, check);
        assert!(!states.is_empty() && states.iter().all(|one| one == "ok"), "{check}: {well}");
    }
    // A key that everyone may read, and a switch that is pressed.
    use std::os::unix::fs::PermissionsExt as _;
    let key = system.path("venue/guard_api_key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("set");
    std::fs::write(system.latch(), "").expect("written");
    let ill = run(&system, 1);
    assert_eq!(ill["ok"], false);
    assert!(find(&ill, "guard's key").contains(&"fail".to_owned()), "{ill}");
    assert!(find(&ill, "kill switch").contains(&"fail".to_owned()), "{ill}");
    let secret = std::fs::read_to_string(&key).expect("a key");
    assert!(!ill.to_string().contains(secret.trim()), "the doctor shows a key");
}
