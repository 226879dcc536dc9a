//! The command as its callers see it: exit codes and messages of the real binary.

use std::path::Path;
use std::process::{Command, Output};

fn shrike(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shrike"))
        .args(args)
        .env_remove("DATABASE_URL")
        .env_remove("CARGO")
        .output()
        .expect("the binary runs")
}

#[track_caller]
fn check(args: &[&str], code: i32, said: &str) {
    let output = shrike(args);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "shrike {args:?} said:\n{text}");
    assert!(text.contains(said), "shrike {args:?} did not say {said:?} but:\n{text}");
}

#[test]
fn help_is_no_failure_and_lists_the_exit_codes() {
    check(&["--help"], 0, "Exit codes:");
    check(&["demo", "--help"], 0, "--tape");
    check(&["--version"], 0, "shrike");
}

#[test]
fn a_wrong_command_line_is_64() {
    check(&[], 64, "Usage");
    check(&["dance"], 64, "dance");
    check(&["inspect", "orders"], 64, "one of market, journal");
    check(&["status", "--dir", "x"], 64, "--reconcile");
}

#[test]
fn what_is_not_there_is_66_and_names_the_next_step() {
    check(&["status", "--instance", "no_such_instance"], 66, "next:");
    check(&["halt", "--instance", "no_such_instance"], 66, "no_such_instance");
    check(&["inspect", "journal", "--instance", "no_such_instance"], 66, "next:");
    check(&["inspect", "/nowhere/journal.bin"], 66, "/nowhere/journal.bin");
    check(&["up", "--env", "no_such_environment"], 66, "config/no_such_environment.toml");
    check(&["demo", "--tape", "/nowhere/btcusdt_1.gz", "--no-build"], 66, "/nowhere/btcusdt_1.gz");
    check(&["status", "--reconcile", "--dir", "/nowhere"], 66, "/nowhere/run.json");
}

#[test]
fn a_child_that_cannot_start_is_69() {
    check(&["child", "--", "/nowhere/trader"], 69, "cargo build");
}

#[test]
fn a_child_is_the_program_with_its_exit_code() {
    check(&["child", "--nice", "1", "--", "/bin/sh", "-c", "echo hello; exit 7"], 7, "hello");
}

/// A finished run, as a demo leaves it, with an empty journal and this ledger.
fn finished_run(dir: &Path, ledger: &str) {
    let run = r#"{"instance":"demo_1","database":"DB","ledger_url":"",
        "started_ms":0,"finished_ms":9999999999999}"#;
    let database = dir.join("shrike.db");
    let run = run.replace("DB", &database.to_string_lossy());
    std::fs::write(dir.join("run.json"), run).expect("written");
    std::fs::write(dir.join("ledger.json"), ledger).expect("written");
    let mut journal = b"SHRKJRNL".to_vec();
    journal.extend(schema::LAYOUT_HASH.to_le_bytes());
    journal.extend((size_of::<schema::RunInfo>() as u64).to_le_bytes());
    journal.extend(vec![0u8; size_of::<schema::RunInfo>()]);
    std::fs::write(dir.join("journal.bin"), journal).expect("written");
    let connection = rusqlite::Connection::open(database).expect("created");
    for migration in ["0001_record", "0002_orders", "0003_audit", "0004_cursor"] {
        let file = format!("{}/../migrations/sqlite/{migration}.sql", env!("CARGO_MANIFEST_DIR"));
        let sql = std::fs::read_to_string(file).expect("migration");
        connection.execute_batch(&sql).expect("valid SQL");
    }
}

const EMPTY: &str = r#"{"fills": [], "positions": []}"#;
const ONE_FILL: &str = r#"{"positions": [], "fills": [{"symbol": "BTCUSDT", "trade_id": 7,
    "order_id": 1007, "client_order_id": "shrk6921a0b410000007", "side": "BUY",
    "price": "64000.1", "qty": "0.002", "commission": "0.064", "realized_pnl": "0",
    "maker": false, "time_ms": 1763800000007}]}"#;

#[test]
fn a_finished_run_that_agrees_is_0() {
    let dir = tempfile::tempdir().expect("temporary directory");
    finished_run(dir.path(), EMPTY);
    let path = dir.path().to_string_lossy();
    check(&["status", "--reconcile", "--dir", &path], 0, "agree to the last digit");
}

#[test]
fn a_finished_run_that_differs_is_1_and_names_the_row() {
    let dir = tempfile::tempdir().expect("temporary directory");
    finished_run(dir.path(), ONE_FILL);
    let path = dir.path().to_string_lossy();
    let args = ["status", "--reconcile", "--dir", &path];
    check(&args, 1, "fill BTCUSDT 7 is missing in the journal");
    let mut args = args.to_vec();
    args.push("--json");
    check(&args, 1, "\"agrees\": false");
}
