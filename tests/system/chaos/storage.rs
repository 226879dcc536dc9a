//! Rows F56 to F59 and F65: the database is away, slow, cut off or angry, the disk is full. Trading
//! goes on, and every record reaches the tables exactly once.

use std::process::Command;
use std::time::Duration;

use persist::testing::{Postgres, Proxy};
use postgres::{Client, NoTls};
use schema::TradingState;

use super::harness::System;
use super::setup::{Database, Setup};
use crate::ledgers;
use crate::processes::{segments, text};

/// Records waiting in the journal that only a database that is away explains: a batch of persist
/// waits 50 ms, in which far fewer are written.
const BACKLOG: u64 = 400;

/// A system that writes into a database of this server.
fn into(server: &Postgres, row: &str) -> (System, String) {
    let url = server.database(row);
    (with(row, &url), url)
}

fn with(row: &str, url: &str) -> System {
    Setup::new(row).database(Database::Postgres(url.to_owned())).start()
}

fn connect(url: &str) -> Client {
    Client::connect(url, NoTls).expect("the server runs")
}

fn run(client: &mut Client, sql: &str) {
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn count(client: &mut Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error}")).get(0)
}

fn unread(system: &System) -> u64 {
    system.status().map_or(0, |status| status.journal_used)
}

/// Waits until `shrike_journal_unread_records` shows that nothing is taken, while trading goes on.
fn backs_up(system: &mut System) {
    system.trades(10);
    system.until("the journal holds what the database does not take", |system| {
        unread(system) > BACKLOG
    });
    assert_eq!(system.state(), Some(TradingState::Armed), "{}", system.said());
}

fn drains(system: &mut System) {
    system.until("the journal is drained", |system| unread(system) < BACKLOG / 2);
}

/// Waits for words in what persist says.
fn persist_says(system: &mut System, words: &str) {
    let path = system.path("persist.out");
    system.until(&format!("persist says {words:?}"), |_| {
        std::fs::read_to_string(&path).unwrap_or_default().contains(words)
    });
}

/// The end: all ledgers agree, no record was lost, and the trader never noticed.
fn finish(system: System, url: &str) {
    let verdict = system.finish();
    let mut client = connect(url);
    assert_eq!(count(&mut client, "SELECT count(*) FROM journal_gaps"), 0);
    let doubled = "SELECT count(*) FROM (SELECT symbol, trade_id FROM fills GROUP BY 1, 2 \
                   HAVING count(*) > 1) AS twice";
    assert_eq!(count(&mut client, doubled), 0);
    let pressed = verdict.records.changes_after(0);
    let pressed = pressed.filter(|change| change.reason == schema::StateReason::JournalPressure);
    assert_eq!(pressed.count(), 0, "the trader noticed");
}

#[test]
fn f56_a_database_that_is_away_holds_up_no_trading() {
    let server = Postgres::start();
    let url = server.database("f56");
    // Down at the start.
    server.down("fast");
    let mut system = with("f56", &url);
    system.armed();
    backs_up(&mut system);
    server.up();
    drains(&mut system);
    // Down in the middle: as an administrator does it, and as a crash does.
    for mode in ["fast", "immediate"] {
        server.down(mode);
        backs_up(&mut system);
        server.up();
        drains(&mut system);
    }
    finish(system, &url);
}

#[test]
fn f57_a_slow_database_makes_larger_batches_and_no_slower_trader() {
    let server = Postgres::start();
    let (mut system, url) = into(&server, "f57");
    system.armed();
    system.trades(5);
    drains(&mut system);
    let mut other = connect(&url);
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'fills'";
    system.until("persist has made its tables", |_| count(&mut other, tables) == 1);
    // Nobody may write for a while.
    let mut transaction = other.transaction().expect("a transaction");
    transaction.batch_execute("LOCK TABLE fills IN ACCESS EXCLUSIVE MODE").expect("a lock");
    backs_up(&mut system);
    transaction.commit().expect("the lock is given back");
    drains(&mut system);
    // Every statement takes long.
    let slow = "CREATE FUNCTION slow() RETURNS trigger AS $$ BEGIN PERFORM pg_sleep(0.7); \
                RETURN NULL; END $$ LANGUAGE plpgsql; \
                CREATE TRIGGER slow AFTER UPDATE ON persist_cursor EXECUTE FUNCTION slow()";
    run(&mut other, slow);
    let cursor = "SELECT seq FROM persist_cursor";
    let mut seen = vec![count(&mut other, cursor)];
    system.until("some slow commits", |_| {
        let now = count(&mut other, cursor);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        seen.len() > 4
    });
    let largest = seen.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
    assert!(largest > 100, "batches do not grow: the cursor went {seen:?}");
    assert_eq!(system.state(), Some(TradingState::Armed), "{}", system.said());
    run(&mut other, "DROP TRIGGER slow ON persist_cursor");
    drains(&mut system);
    finish(system, &url);
}

#[test]
fn f58_a_lost_answer_to_a_commit_writes_nothing_twice() {
    let server = Postgres::start();
    let direct = server.database("f58");
    let proxy = Proxy::start(server.port());
    let through = direct.replace(&server.port().to_string(), &proxy.port().to_string());
    let mut system = with("f58", &through);
    system.armed();
    system.until("answers are lost", |_| proxy.cuts() >= 5);
    system.trades(10);
    drains(&mut system);
    finish(system, &direct);
}

/// Disturbs sessions of persist until it names this code of the server.
fn fails_with(system: &mut System, code: &str, mut disturb: impl FnMut()) {
    let path = system.path("persist.out");
    system.until(&format!("PostgreSQL {code}"), |_| {
        disturb();
        // A session that has just been cut off is not back at once.
        std::thread::sleep(Duration::from_millis(100));
        let said = std::fs::read_to_string(&path).unwrap_or_default();
        said.contains(&format!("PostgreSQL {code}"))
    });
}

#[test]
fn f59_errors_that_pass_are_tried_again_and_others_end_persist() {
    let server = Postgres::start();
    let url = server.database("f59");
    let mut admin = connect(&server.url("postgres"));
    let role = "CREATE ROLE writer LOGIN; ALTER DATABASE f59 OWNER TO writer; \
                ALTER ROLE writer SET deadlock_timeout = '700ms'";
    run(&mut admin, role);
    let as_writer = url.replace("shrike@", "writer@");
    let mut system = with("f59", &as_writer);
    system.armed();
    system.trades(5);
    let mut other = connect(&url);
    run(&mut other, "SET deadlock_timeout = '1h'");

    // Two transactions wait for each other; persist's finds out first and loses.
    fails_with(&mut system, "40P01", || {
        run(&mut other, "BEGIN; SELECT 1 FROM persist_cursor FOR UPDATE");
        // By now persist holds rows of the other tables and waits for the cursor.
        std::thread::sleep(Duration::from_millis(300));
        run(&mut other, "LOCK TABLE orders, fills, state_changes IN ACCESS EXCLUSIVE MODE; COMMIT");
    });

    // An administrator ends the session.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'writer'";
    run(&mut admin, "ALTER ROLE writer SET default_transaction_isolation = 'serializable'");
    fails_with(&mut system, "57P01", || run(&mut admin, end));

    // Somebody else was first, as a serializable transaction sees it.
    fails_with(&mut system, "40001", || {
        run(&mut other, "BEGIN; UPDATE persist_cursor SET updated_at = updated_at");
        std::thread::sleep(Duration::from_millis(300));
        run(&mut other, "COMMIT");
    });

    // A standby after a fail-over, and no place for another connection.
    let reset = "ALTER ROLE writer RESET default_transaction_isolation; \
                 ALTER ROLE writer SET default_transaction_read_only = on";
    run(&mut admin, reset);
    fails_with(&mut system, "25006", || run(&mut admin, end));
    let reset = "ALTER ROLE writer RESET default_transaction_read_only; \
                 ALTER ROLE writer CONNECTION LIMIT 0";
    run(&mut admin, reset);
    fails_with(&mut system, "53300", || run(&mut admin, end));
    backs_up(&mut system);
    run(&mut admin, "ALTER ROLE writer CONNECTION LIMIT -1");
    drains(&mut system);

    // What no trying again mends ends it, with the reason; trading goes on.
    run(&mut admin, "ALTER ROLE writer NOLOGIN");
    run(&mut admin, end);
    let ended = system.persist_ended();
    assert_eq!(ended.code(), Some(70), "{}", system.said());
    persist_says(&mut system, "PostgreSQL 28000");
    backs_up(&mut system);
    run(&mut admin, "ALTER ROLE writer LOGIN");
    system.start_persist();
    drains(&mut system);
    finish(system, &as_writer);
}

#[test]
fn f65_a_full_disk_stops_no_trading_and_loses_no_row() {
    let mut system = Setup::new("f65").start();
    system.armed();
    // persist may write no further: the kernel ends it in the middle of a write.
    system.kill_persist();
    let database = system.path("shrike.db");
    let size = std::fs::metadata(&database).map_or(0, |file| file.len());
    system.start_persist_through(&["prlimit", &format!("--fsize={}", size + 40_000)]);
    let ended = system.persist_ended();
    assert!(!ended.success(), "{}", system.said());
    backs_up(&mut system);
    // A disk that fails while it says so: the file is opened again, never taken for written.
    if Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success()) {
        let inject = "inject=fsync,fdatasync:error=EIO:when=3..5";
        system.start_persist_through(&["strace", "-D", "-f", "-o", "/dev/null", "-e", inject]);
        persist_says(&mut system, "disk I/O error");
        drains(&mut system);
        system.kill_persist();
    } else {
        println!("strace not found: no failing fsync");
    }
    system.start_persist();
    drains(&mut system);
    system.finish();
}

#[test]
fn f65_logs_on_a_full_disk_are_dropped_and_counted() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // As new as a file of today: older ones are put aside at the first line.
    assert!(Command::new("touch").arg("/dev/full").status().is_ok_and(|status| status.success()));
    for name in ["shrike.log", "errors.log"] {
        std::os::unix::fs::symlink("/dev/full", dir.path().join(name)).expect("a link");
    }
    let mut system = Setup::new("f65").set("log.dir", dir.path().display().to_string()).start();
    system.armed();
    system.trades(20);
    let dropped = |system: &System| system.status().map_or(0, |status| status.log_dropped);
    system.until("shrike_log_dropped_total moves", |system| dropped(system) > 20);
    assert_eq!(system.state(), Some(TradingState::Armed), "{}", system.said());
    system.finish();
}

#[test]
fn f65_a_journal_without_room_is_refused_before_anything_is_sent() {
    let mut system = Setup::new("f65").start();
    system.armed();
    system.trades(1);
    system.kill_trader();
    system.kill_persist();
    for path in segments(system.instance()) {
        std::fs::remove_file(path).expect("nobody holds it");
    }
    let orders = |system: &System| ledgers::list(&system.venue.ledger(), "orders").len();
    let before = orders(&system);
    // No file of the trader may become as large as its journal.
    let trader = system.trader_command();
    let mut command = Command::new("prlimit");
    command.arg("--fsize=1000000").arg(trader.get_program()).args(trader.get_args());
    let output = command.output().expect("prlimit runs");
    assert!(!output.status.success(), "{}", text(&output));
    assert_eq!(before, orders(&system), "{}", text(&output));
}
