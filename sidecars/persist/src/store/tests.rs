//! The tables on SQLite: equal to the model, whatever the batches and wherever the writer dies.

use proptest::prelude::*;
use schema::Record;

use super::*;
use crate::rows::{Core, Run};
use crate::testing::{Script, run_info};
use crate::value::decimal_text;

const JOURNAL: i64 = 77;

/// Every column that must be the same on every way to the same place.
const DUMPS: &[(&str, &str)] = &[
    ("orders", "order_key"),
    ("trades", "order_id"),
    ("fills", "symbol, trade_id"),
    ("positions", "position_key"),
    ("position_state", "symbol"),
    ("market_data", "symbol, timestamp"),
    ("performance_metrics", "date"),
    ("state_changes", "seq"),
    ("commands", "nonce"),
    ("limit_changes", "seq"),
    ("kill_changes", "seq"),
    ("refusals", "minute, symbol, reason"),
    ("journal_gaps", "first_seq"),
    ("persist_cursor", "id"),
];

struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temp dir") }
    }

    fn store(&self) -> Store {
        let mut sqlite = Sqlite::open(&self.dir.path().join("t.sqlite")).expect("a new file");
        // A power cut is not tested here, and hundreds of cases are.
        sqlite.script("PRAGMA synchronous = OFF").expect("a setting");
        Store::open(Box::new(sqlite)).expect("the migrations run")
    }

    fn core(&self, store: &mut Store) -> Core {
        Core::new("test", JOURNAL, Run::from(&run_info()), store.load().expect("readable"))
    }
}

fn write(store: &mut Store, core: &mut Core, first: u64, records: &[Record]) {
    let numbered: Vec<(u64, Record)> = (first..).zip(records.iter().copied()).collect();
    let known = store.fetch(&core.wants(&numbered)).expect("readable");
    core.admit(known);
    for (seq, record) in &numbered {
        core.apply(*seq, record);
    }
    store.write(&core.batch()).expect("writable");
}

fn dump(store: &mut Store) -> String {
    let mut text = String::new();
    for (table, order) in DUMPS {
        let columns = columns(table);
        let list: Vec<String> =
            columns.iter().map(|name| format!("coalesce({name}, '-')")).collect();
        let sql = format!("SELECT {} FROM {table} ORDER BY {order}", list.join(" || '|' || "));
        for row in store.backend().query(&sql, &[], &[Kind::Text]).expect("readable") {
            text.push_str(&format!("{table}: {row:?}\n"));
        }
    }
    text
}

fn columns(table: &str) -> Vec<&'static str> {
    use crate::rows::*;
    let tables: [&Table; 14] = [
        Order::TABLE,
        Trade::TABLE,
        Fill::TABLE,
        PositionRow::TABLE,
        Position::TABLE,
        Minute::TABLE,
        Day::TABLE,
        StateRow::TABLE,
        CommandRow::TABLE,
        LimitRow::TABLE,
        KillRow::TABLE,
        Refusal::TABLE,
        Gap::TABLE,
        Cursor::TABLE,
    ];
    let found = tables.into_iter().find(|known| known.name == table).expect("a known table");
    found.columns.iter().map(|(name, _)| *name).collect()
}

fn count(store: &mut Store, sql: &str) -> i64 {
    let rows = store.backend().query(sql, &[], &[Kind::Int]).expect("readable");
    rows[0][0].int().expect("a count")
}

/// Compares the tables with what was generated.
fn check_model(store: &mut Store, model: &crate::testing::Model) {
    let orders: Vec<Order> = store.select("", &[]).expect("readable");
    assert_eq!(orders.len() as u64, model.orders);
    let sql = "SELECT order_id, size, notional, commission, fill_count FROM trades ORDER BY 1";
    let kinds = [Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Int];
    let trades = store.backend().query(sql, &[], &kinds).expect("readable");
    let expected: Vec<Vec<Value>> = model
        .trades
        .iter()
        .map(|(id, order)| {
            let half = 50_000_000;
            vec![
                id.as_str().into(),
                decimal_text(order.size.into(), 8).into(),
                decimal_text((order.cost_e16 + half) / 100_000_000, 8).into(),
                decimal_text(order.commission.into(), 8).into(),
                order.fills.into(),
            ]
        })
        .collect();
    assert_eq!(trades, expected);
    assert_eq!(count(store, "SELECT count(*) FROM fills") as u64, model.fills);
    assert_eq!(count(store, "SELECT count(*) FROM market_data") as u64, model.minutes);
    assert_eq!(count(store, "SELECT count(*) FROM state_changes") as u64, model.states);
    assert_eq!(count(store, "SELECT count(*) FROM commands") as u64, model.commands);
    assert_eq!(count(store, "SELECT count(*) FROM limit_changes") as u64, model.limits);
    assert_eq!(count(store, "SELECT count(*) FROM kill_changes") as u64, model.kills);
    let refused = "SELECT coalesce(sum(refused_count), 0) FROM refusals";
    assert_eq!(count(store, refused), model.refused);
    assert_eq!(count(store, "SELECT count(*) FROM journal_gaps"), 0);
    let days = "SELECT coalesce(sum(trade_count), 0) FROM performance_metrics";
    assert_eq!(count(store, days) as usize, model.trades.len());
    check_positions(store, model);
}

fn check_positions(store: &mut Store, model: &crate::testing::Model) {
    let positions: Vec<crate::rows::Position> = store.select("", &[]).expect("readable");
    for position in positions {
        let name = &position.symbol;
        assert_eq!(position.qty.units(), model.positions.get(name).copied().unwrap_or(0));
        let sql = "SELECT realized_pnl FROM positions WHERE symbol = $1";
        let rows = store
            .backend()
            .query(sql, &[name.as_str().into()], &[Kind::Decimal(8)])
            .expect("readable");
        let realized: i128 = rows.iter().filter_map(|row| row[0].units()).sum();
        // What was paid is in the open cost or was realised; each fill rounds once.
        let open = position.cost_e16 * i128::from(position.qty.units().signum());
        let paid = model.paid_e16.get(name).copied().unwrap_or(0);
        let difference = (open - paid - realized * 100_000_000).abs();
        let allowed = 100_000_000 * (i128::from(model.fills) + 1);
        assert!(difference <= allowed, "{name}: {difference} of 1e-16 are missing");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The same rows with one batch and with many, each by a writer that knows only the tables.
    #[test]
    fn every_way_to_the_end_gives_the_same_rows(
        seed in any::<u64>(),
        steps in 1usize..160,
        cuts in prop::collection::vec(1usize..40, 1..40),
    ) {
        let mut script = Script::new(seed, 9, 1000);
        let records = script.take(steps);
        let whole = Fixture::new();
        let mut store = whole.store();
        let mut core = whole.core(&mut store);
        write(&mut store, &mut core, 1, &records);
        check_model(&mut store, &script.model);
        let expected = dump(&mut store);

        let parts = Fixture::new();
        let mut rest = records.as_slice();
        let mut first = 1;
        let mut store = parts.store();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            let mut core = parts.core(&mut store);
            prop_assert_eq!(core.cursor().seq + 1, first as i64);
            write(&mut store, &mut core, first, now);
            first += now.len() as u64;
            rest = later;
        }
        prop_assert_eq!(dump(&mut store), expected);
    }
}

#[test]
fn a_journal_told_twice_under_another_id_changes_no_fill() {
    let mut script = Script::new(5, 9, 1000);
    let records = script.take(120);
    let fixture = Fixture::new();
    let mut store = fixture.store();
    let mut core = fixture.core(&mut store);
    write(&mut store, &mut core, 1, &records);
    let sql = "SELECT order_id || size || price || commission FROM trades ORDER BY 1";
    let before = store.backend().query(sql, &[], &[Kind::Text]).expect("readable");
    let memory = store.load().expect("readable");
    let mut core = Core::new("test", JOURNAL + 1, Run::from(&run_info()), memory);
    assert_eq!(core.cursor().seq, 0);
    write(&mut store, &mut core, 1, &records);
    let after = store.backend().query(sql, &[], &[Kind::Text]).expect("readable");
    assert_eq!(after, before);
    assert_eq!(count(&mut store, "SELECT count(*) FROM fills") as u64, script.model.fills);
}

#[test]
fn a_record_that_cannot_be_read_is_a_gap_and_stops_nothing() {
    let fixture = Fixture::new();
    let mut store = fixture.store();
    let mut core = fixture.core(&mut store);
    let mut records = Script::new(5, 9, 1000).take(10);
    let broken = Record { kind: 999, ..Record::default() };
    records.insert(3, broken);
    write(&mut store, &mut core, 1, &records);
    let sql = "SELECT first_seq || ' ' || last_seq || ' ' || reason FROM journal_gaps";
    let gaps = store.backend().query(sql, &[], &[Kind::Text]).expect("readable");
    assert_eq!(gaps, [[Value::from("4 4 unreadable record")]]);
    assert_eq!(core.cursor().seq, records.len() as i64);
}

#[test]
fn a_failed_batch_leaves_nothing() {
    let fixture = Fixture::new();
    let mut store = fixture.store();
    let mut core = fixture.core(&mut store);
    write(&mut store, &mut core, 1, &Script::new(5, 9, 1000).take(50));
    let before = dump(&mut store);
    // The cursor is written last; refuse it.
    store
        .backend()
        .script(
            "CREATE TRIGGER t BEFORE UPDATE ON persist_cursor BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .expect("a trigger");
    for (seq, record) in (1000..).zip(Script::new(6, 10, 5000).take(50)) {
        core.apply(seq, &record);
    }
    let error = store.write(&core.batch()).expect_err("the trigger refuses");
    assert_eq!(error.severity, Severity::Fatal);
    assert_eq!(dump(&mut store), before);
}

#[test]
fn decimals_stay_text_in_sqlite() {
    let fixture = Fixture::new();
    let mut store = fixture.store();
    let mut core = fixture.core(&mut store);
    write(&mut store, &mut core, 1, &Script::new(5, 9, 1000).take(80));
    let sql = "SELECT count(*) FROM trades WHERE typeof(size) <> 'text' OR typeof(price) <> 'text' \
               OR typeof(notional) <> 'text' OR typeof(commission) <> 'text' \
               OR size NOT LIKE '%.________'";
    assert_eq!(count(&mut store, sql), 0);
    assert!(count(&mut store, "SELECT count(*) FROM trades") > 0);
}

#[test]
fn a_newer_schema_is_refused() {
    let fixture = Fixture::new();
    fixture
        .store()
        .backend()
        .script("INSERT INTO schema_migrations (version, name, checksum) VALUES (99, 'x', 'y')")
        .expect("a row");
    let sqlite = Sqlite::open(&fixture.dir.path().join("t.sqlite")).expect("the file is there");
    let error = Store::open(Box::new(sqlite)).err().expect("refused");
    assert_eq!(error.severity, Severity::Fatal);
    assert!(error.message.contains("migration 99 (x)"), "{error}");
}

#[test]
fn an_edited_migration_is_refused() {
    let fixture = Fixture::new();
    let edit = "UPDATE schema_migrations SET checksum = '0000000000000000' WHERE version = 2";
    fixture.store().backend().script(edit).expect("a row");
    let sqlite = Sqlite::open(&fixture.dir.path().join("t.sqlite")).expect("the file is there");
    let error = Store::open(Box::new(sqlite)).err().expect("refused");
    assert!(error.message.contains("migration 2 (orders)"), "{error}");
}

#[test]
fn a_second_writer_waits() {
    let fixture = Fixture::new();
    let _store = fixture.store();
    let error = Sqlite::open(&fixture.dir.path().join("t.sqlite")).expect_err("locked");
    assert_eq!(error.severity, Severity::Retry);
}

#[test]
fn errors_of_postgres_are_retried_or_not() {
    use ::postgres::error::SqlState;
    for retried in ["40P01", "40001", "57P01", "57P03", "53300", "53100", "08006", "25006", "55P03"]
    {
        assert!(postgres::is_transient(&SqlState::from_code(retried)), "{retried}");
    }
    for fatal in ["28P01", "3D000", "42P01", "22003", "23505", "42501", "57P04"] {
        assert!(!postgres::is_transient(&SqlState::from_code(fatal)), "{fatal}");
    }
}

#[test]
fn passwords_are_never_printed() {
    let target = PostgresTarget::parse("postgres://u:se%3Fcret@h:1/d").expect("a good URL");
    assert_eq!(
        format!("{target} {target:?}"),
        "postgres://u@h:1/d PostgresTarget(postgres://u@h:1/d)"
    );
    let error = PostgresTarget::parse("postgres://u:p@h/d?secret=x").expect_err("a bad one");
    assert!(!error.message.contains("secret"), "{error}");
}
