//! The `persist` process on real journals and databases, killed where it hurts.

mod run;

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use persist::follow::Follower;
use persist::options::{End, Options};
use persist::store::Severity;
use persist::testing::{Postgres, Proxy, Script};
use persist::value::Kind;
use run::{Database, Journal, Persist, Random, check_rows, patiently};

/// Publishes a script while `disturb` is called in between, then lets persist finish and compares.
fn follow_through(database: &Database, steps: usize, mut disturb: impl FnMut(&mut Persist, usize)) {
    let mut journal = Journal::create(128);
    let mut script = Script::new(20_261_122, 9, 1000);
    let mut persist = Persist::start(&journal.instance, database, &[]);
    for step in 0..steps {
        for record in script.take(1) {
            journal.publish(&record, &mut persist);
        }
        disturb(&mut persist, step);
    }
    // Whoever was killed last is started again.
    persist.revive();
    journal.drained();
    persist.stop();
    check_rows(database, &script.model);
}

#[test]
fn sqlite_is_exact_when_persist_is_killed_again_and_again() {
    let database = Database::sqlite();
    let mut random = Random(7);
    follow_through(&database, 1500, |persist, _| {
        if random.below(60) == 0 {
            persist.kill();
            persist.revive();
        }
    });
}

#[test]
fn postgres_is_exact_when_persist_and_the_server_are_killed() {
    let server = Postgres::start();
    let database = Database::Postgres(server.database("kills"));
    let mut random = Random(8);
    follow_through(&database, 1200, |persist, step| {
        if random.below(60) == 0 {
            persist.kill();
            persist.revive();
        }
        if step == 400 {
            server.down("immediate");
            server.up();
        }
        if step == 800 {
            server.down("fast");
            std::thread::sleep(Duration::from_millis(500));
            server.up();
        }
    });
}

#[test]
fn the_trader_dies_and_its_journal_goes_on() {
    let database = Database::sqlite();
    let mut journal = Journal::create(1024);
    let mut first = Script::new(3, 9, 1000);
    let mut persist = Persist::start(&journal.instance, &database, &[]);
    for record in first.take(200) {
        journal.publish(&record, &mut persist);
    }
    persist.kill();
    for record in first.take(50) {
        journal.publish(&record, &mut persist);
    }
    let id = journal.id();
    journal.writer_dies();
    journal.continue_with(1024);
    assert_eq!(journal.id(), id, "the journal is continued");
    persist.revive();
    for record in first.take(50) {
        journal.publish(&record, &mut persist);
    }
    journal.drained();
    persist.stop();
    check_rows(&database, &first.model);
}

#[test]
fn a_new_journal_follows_a_drained_one_without_a_gap() {
    let database = Database::sqlite();
    let mut journal = Journal::create(1024);
    let mut script = Script::new(4, 9, 1000);
    let mut persist = Persist::start(&journal.instance, &database, &[]);
    for record in script.take(200) {
        journal.publish(&record, &mut persist);
    }
    journal.drained();
    let id = journal.id();
    journal.writer_dies();
    journal.continue_with(2048);
    assert_ne!(journal.id(), id, "another capacity is another journal");
    for record in script.take(200) {
        journal.publish(&record, &mut persist);
    }
    journal.drained();
    persist.stop();
    check_rows(&database, &script.model);
    assert_eq!(database.gaps(), Vec::<String>::new());
}

#[test]
fn a_stop_before_the_journal_is_open_leaves_nothing_unwritten() {
    let database = Database::sqlite();
    let mut journal = Journal::create(1024);
    let mut script = Script::new(6, 9, 1000);
    for record in script.take(60) {
        journal.publish_alone(&record);
    }
    journal.writer_dies();
    let (instance, target) = (journal.instance.clone(), database.target());
    let options = Options { instance, target, until_drained: false };
    let end = Follower::new(&options, &AtomicBool::new(true)).run();
    assert_eq!(end.map_err(|error| error.to_string()), Ok(End::Stopped));
    check_rows(&database, &script.model);
}

#[test]
fn what_was_lost_is_a_row() {
    let database = Database::sqlite();
    let mut journal = Journal::create(1024);
    let mut script = Script::new(5, 9, 1000);
    let mut persist = Persist::start(&journal.instance, &database, &[]);
    for record in script.take(30) {
        journal.publish(&record, &mut persist);
    }
    journal.drained();
    let alive = rings::processes(&journal.instance);
    assert!(alive.iter().any(|one| one.name == "persist" && one.build.starts_with("shrike ")));
    persist.kill();
    assert!(rings::processes(&journal.instance).is_empty(), "told while it lives");
    // The host loses its shared memory.
    journal.vanish();
    journal.continue_with(1024);
    persist.revive();
    for record in script.take(30) {
        journal.publish(&record, &mut persist);
    }
    journal.drained();
    persist.stop();
    let gaps = database.gaps();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0].contains("replaced before its end"), "{gaps:?}");
}

#[test]
fn until_drained_ends_by_itself() {
    let database = Database::sqlite();
    let mut journal = Journal::create(4096);
    let mut script = Script::new(6, 9, 1000);
    for record in script.take(300) {
        journal.publish_alone(&record);
    }
    journal.writer_dies();
    let mut persist = Persist::start(&journal.instance, &database, &["--until-drained"]);
    assert_eq!(persist.wait(), Some(0), "{}", persist.output());
    check_rows(&database, &script.model);
}

#[test]
fn a_named_file_counts_more_than_the_environment() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let file = dir.path().join("named.sqlite").display().to_string();
    let nowhere = Database::Postgres("postgres://shrike@127.0.0.1:1/nowhere".into());
    let mut journal = Journal::create(1024);
    for record in Script::new(6, 9, 1000).take(30) {
        journal.publish_alone(&record);
    }
    journal.writer_dies();
    let more = ["--database", file.as_str(), "--until-drained"];
    let mut persist = Persist::start(&journal.instance, &nowhere, &more);
    assert_eq!(persist.wait(), Some(0), "{}", persist.output());
    assert!(std::path::Path::new(&file).exists());
}

#[test]
fn a_database_that_is_away_holds_the_journal_back() {
    let server = Postgres::start();
    let database = Database::Postgres(server.database("away"));
    server.down("fast");
    let mut journal = Journal::create(1024);
    let mut script = Script::new(7, 9, 1000);
    let mut persist = Persist::start(&journal.instance, &database, &[]);
    for record in script.take(100) {
        journal.publish_alone(&record);
    }
    patiently("persist tries again", || persist.output().contains("trying again in"));
    assert_eq!(journal.used(), journal.head(), "nothing is released");
    server.up();
    journal.drained();
    persist.stop();
    check_rows(&database, &script.model);
}

#[test]
fn a_stop_without_the_database_says_so() {
    let server = Postgres::start();
    let database = Database::Postgres(server.database("stop"));
    server.down("fast");
    let mut journal = Journal::create(1024);
    for record in Script::new(7, 9, 1000).take(10) {
        journal.publish_alone(&record);
    }
    let mut persist = Persist::start(&journal.instance, &database, &[]);
    patiently("persist tries again", || persist.output().contains("trying again in"));
    persist.terminate();
    assert_eq!(persist.wait(), Some(75), "{}", persist.output());
    assert!(persist.output().contains("wait in the journal"), "{}", persist.output());
}

#[test]
fn a_wrong_password_ends_it_and_is_not_printed() {
    let server = Postgres::start();
    let wrong = server.database("login").replace("shrike@", "stranger:hunter2@");
    let journal = Journal::create(64);
    let mut persist = Persist::start(&journal.instance, &Database::Postgres(wrong), &[]);
    assert_eq!(persist.wait(), Some(70), "{}", persist.output());
    assert!(persist.output().contains("stranger"), "{}", persist.output());
    assert!(!persist.output().contains("hunter2"), "{}", persist.output());
}

#[test]
fn a_lost_answer_to_a_commit_is_neither_lost_nor_done_twice() {
    let server = Postgres::start();
    let direct = server.database("answers");
    let proxy = Proxy::start(server.port());
    let through = direct.replace(&server.port().to_string(), &proxy.port().to_string());
    // A small journal makes small batches, and these many commits.
    let mut journal = Journal::create(32);
    let mut script = Script::new(9, 9, 1000);
    let mut persist = Persist::start(&journal.instance, &Database::Postgres(through), &[]);
    for _ in 0..600 {
        for record in script.take(1) {
            journal.publish(&record, &mut persist);
        }
    }
    journal.drained();
    persist.stop();
    assert!(proxy.cuts() > 3, "the proxy cut {} times", proxy.cuts());
    check_rows(&Database::Postgres(direct), &script.model);
}

#[test]
fn postgres_errors_carry_their_severity() {
    let server = Postgres::start();
    let url = server.database("errors");
    let target = persist::store::PostgresTarget::parse(&url).expect("our own URL");
    let mut first = persist::store::Postgres::open(&target).expect("the server runs");
    let second = persist::store::Postgres::open(&target).err().expect("one writer");
    assert_eq!(second.severity, Severity::Retry);
    use persist::store::Backend;
    let missing = first.script("SELECT * FROM no_such_table").expect_err("no such table");
    assert_eq!(missing.severity, Severity::Fatal);
    let begun = Instant::now();
    server.down("fast");
    let gone = first.script("SELECT 1").expect_err("the server is gone");
    assert_eq!(gone.severity, Severity::Retry, "{gone} after {:?}", begun.elapsed());
}

/// Tables and columns of the architecture chapter, 10.3.
const CHAPTER: &[(&str, &str)] = &[
    (
        "positions",
        "id, symbol, side, size, entry_price, current_price, leverage, margin, liquidation_price, \
         unrealized_pnl, realized_pnl, open_time, close_time, status, created_at, updated_at",
    ),
    (
        "trades",
        "id, order_id, symbol, side, order_type, size, price, notional, commission, slippage, \
         strategy, signal_strength, execution_time, created_at",
    ),
    (
        "performance_metrics",
        "id, date, equity, daily_return, sharpe_ratio, sortino_ratio, max_drawdown, var_daily, \
         trade_count, win_rate, total_commission, funding_pnl, created_at",
    ),
    (
        "market_data",
        "id, symbol, timestamp, open, high, low, close, volume, funding_rate, open_interest",
    ),
];

/// Its indexes.
const INDEXES: [&str; 6] = [
    "idx_positions_symbol",
    "idx_positions_status",
    "idx_trades_symbol",
    "idx_trades_execution_time",
    "idx_performance_date",
    "idx_market_data_symbol_timestamp",
];

#[test]
fn the_chapters_tables_columns_and_indexes_are_there() {
    let server = Postgres::start();
    let on_server = Database::Postgres(server.database("chapter"));
    let in_file = Database::sqlite();
    for (database, catalog) in [
        (&on_server, "SELECT CAST(indexname AS TEXT) FROM pg_indexes"),
        (&in_file, "SELECT name FROM sqlite_master WHERE type = 'index'"),
    ] {
        let mut store = database.store();
        for (table, columns) in CHAPTER {
            let sql = format!("SELECT {columns} FROM {table}");
            store.backend().query(&sql, &[], &[]).unwrap_or_else(|e| panic!("{table}: {e}"));
        }
        let rows = store.backend().query(catalog, &[], &[Kind::Text]).expect("a catalog");
        let names: Vec<String> = rows.into_iter().flatten().filter_map(|v| v.text()).collect();
        for index in INDEXES {
            assert!(names.iter().any(|name| name == index), "{index} is missing in {names:?}");
        }
    }
}
