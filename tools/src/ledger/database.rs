//! The database's ledger: `fills`, `trades`, `position_state` and `performance_metrics`.
//!
//! SQLite keeps decimals as text; PostgreSQL's `NUMERIC` is read as text too, so no digit is lost
//! on the way. The place in the journal up to which the rows are true is `persist_cursor`.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDateTime;
use schema::{Notional, Qty, Side};

use super::{Fill, Ledger, OrderKey, OrderTotal, Placed};
use crate::exit::{Exit, Failure};

const FILLS: &str = "SELECT symbol, CAST(trade_id AS TEXT), order_id, order_key, side, \
     CAST(price AS TEXT), CAST(qty AS TEXT), CAST(commission AS TEXT), \
     CAST(realized_pnl AS TEXT), CAST(is_maker AS TEXT), CAST(trade_time AS TEXT) FROM fills";
const TRADES: &str = "SELECT order_id, CAST(fill_count AS TEXT), CAST(size AS TEXT), \
     CAST(commission AS TEXT), CAST(realized_pnl AS TEXT), CAST(first_fill_time AS TEXT) FROM trades";
const ORDERS: &str = "SELECT order_id, status, CAST(cum_qty AS TEXT), \
     CAST(changed_at AS TEXT) FROM orders WHERE order_id IS NOT NULL";
const POSITIONS: &str = "SELECT symbol, CAST(qty AS TEXT) FROM position_state";
const WALLET: &str = "SELECT CAST(wallet AS TEXT) FROM performance_metrics \
     WHERE wallet IS NOT NULL ORDER BY date DESC LIMIT 1";
const CURSOR: &str = "SELECT CAST(seq AS TEXT), instance FROM persist_cursor";

type Row = Vec<Option<String>>;

/// The part of a database that is compared: it may hold other runs too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    /// The run; wallet and positions of another one are not told.
    pub(crate) instance: Option<String>,
    /// First millisecond (Unix).
    pub(crate) from_ms: i64,
    /// Last millisecond.
    pub(crate) to_ms: i64,
}

impl Window {
    /// Everything.
    pub(crate) const ALL: Self = Self { instance: None, from_ms: i64::MIN, to_ms: i64::MAX };

    fn holds(&self, time_ms: i64) -> bool {
        (self.from_ms..=self.to_ms).contains(&time_ms)
    }
}

/// Whether a database is PostgreSQL (else it is a SQLite file).
pub(crate) fn is_postgres(place: &str) -> bool {
    place.starts_with("postgres://") || place.starts_with("postgresql://")
}

/// The place of a database without its password, fit to be shown and stored.
pub(crate) fn without_password(place: &str) -> String {
    if !is_postgres(place) {
        return place.to_owned();
    }
    let Some((scheme, rest)) = place.split_once("://") else { return place.to_owned() };
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    match rest.rsplit_once('@') {
        None => format!("{scheme}://{rest}"),
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user, |(user, _)| user);
            format!("{scheme}://{user}@{host}")
        }
    }
}

/// Reads the ledger and the cursor's place in the journal.
///
/// # Errors
/// The database cannot be reached or has not the tables of `persist`.
pub(crate) fn read(place: &str, window: &Window) -> Result<(Ledger, u64), Failure> {
    let shown = without_password(place);
    let failed = |what: String| {
        Failure::new(
            Exit::Unavailable,
            format!("{shown}: {what}"),
            "give the database persist writes: --database FILE, or DATABASE_URL",
        )
    };
    let tables = if is_postgres(place) { postgres(place) } else { sqlite(Path::new(place)) };
    let tables = tables.map_err(failed)?;
    ledger(&shown, &tables, window).map_err(failed)
}

/// Every row needed, read in one transaction.
struct Tables {
    fills: Vec<Row>,
    trades: Vec<Row>,
    orders: Vec<Row>,
    positions: Vec<Row>,
    wallet: Vec<Row>,
    cursor: Vec<Row>,
}

fn sqlite(path: &Path) -> Result<Tables, String> {
    use rusqlite::{Connection, OpenFlags};
    if !path.exists() {
        return Err("no such file".to_owned());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let text = |error: rusqlite::Error| error.to_string();
    let mut connection = Connection::open_with_flags(path, flags).map_err(text)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(text)?;
    let transaction = connection.transaction().map_err(text)?;
    let rows = |query: &str| -> Result<Vec<Row>, String> {
        let mut statement = transaction.prepare(query).map_err(text)?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
        rows.map_err(text)?.collect::<Result<_, _>>().map_err(text)
    };
    Ok(Tables {
        fills: rows(FILLS)?,
        trades: rows(TRADES)?,
        orders: rows(ORDERS)?,
        positions: rows(POSITIONS)?,
        wallet: rows(WALLET)?,
        cursor: rows(CURSOR)?,
    })
}

fn postgres(url: &str) -> Result<Tables, String> {
    use postgres::{Client, Config, IsolationLevel, NoTls};
    // The library's messages name the cause in their source only.
    let text = |error: postgres::Error| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let mut config: Config = url.parse().map_err(text)?;
    config.connect_timeout(std::time::Duration::from_secs(5));
    let mut client: Client = config.connect(NoTls).map_err(text)?;
    let mut transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .map_err(text)?;
    let mut rows = |query: &str| -> Result<Vec<Row>, String> {
        let rows = transaction.query(query, &[]).map_err(text)?;
        let read = |row: &postgres::Row| (0..row.len()).map(|at| row.try_get(at)).collect();
        rows.iter().map(read).collect::<Result<_, _>>().map_err(text)
    };
    Ok(Tables {
        fills: rows(FILLS)?,
        trades: rows(TRADES)?,
        orders: rows(ORDERS)?,
        positions: rows(POSITIONS)?,
        wallet: rows(WALLET)?,
        cursor: rows(CURSOR)?,
    })
}

fn ledger(place: &str, tables: &Tables, window: &Window) -> Result<(Ledger, u64), String> {
    let mut ledger = Ledger::new("database", place);
    for row in &tables.fills {
        let fill = fill(row).map_err(|what| format!("fills: {what} in {row:?}"))?;
        if window.holds(fill.time_ms) {
            ledger.add(fill);
        }
    }
    for row in &tables.trades {
        let named = |what| format!("trades: {what} in {row:?}");
        let (key, total) = trade(row).map_err(named)?;
        if window.holds(text(row, 5).and_then(time_ms).map_err(named)?) {
            ledger.orders.insert(key, total);
        }
    }
    ledger.placed = Some(placed(&tables.orders, window)?);
    let mut positions = BTreeMap::new();
    for row in &tables.positions {
        let qty: Qty = decimal(row, 1).map_err(|what| format!("position_state: {what}"))?;
        if !qty.is_zero() {
            positions.insert(text(row, 0)?.to_owned(), qty);
        }
    }
    ledger.positions = Some(positions);
    ledger.wallet = match tables.wallet.first() {
        Some(row) => {
            let wallet = decimal::<Notional>(row, 0);
            Some(wallet.map_err(|what| format!("performance_metrics: {what}"))?)
        }
        None => None,
    };
    let cursor = match tables.cursor.first() {
        Some(row) => text(row, 0)?.parse().map_err(|_| "persist_cursor: seq is no number")?,
        None => 0,
    };
    let newest = tables.cursor.first().and_then(|row| text(row, 1).ok());
    if window.instance.as_deref().is_some_and(|instance| newest.is_some_and(|n| n != instance)) {
        // A later run has used the account's rows since.
        ledger.wallet = None;
        ledger.positions = None;
    }
    Ok((ledger, cursor))
}

fn fill(row: &Row) -> Result<Fill, String> {
    let key = text(row, 3)?;
    Ok(Fill {
        symbol: text(row, 0)?.to_owned(),
        trade_id: text(row, 1)?.parse().map_err(|_| "trade_id is no number")?,
        order_id: order_id(text(row, 2)?)?,
        client_order_id: match schema::ClientOrderId::parse(key.as_bytes()) {
            Ok(_) => key.to_owned(),
            Err(_) => String::new(),
        },
        side: Side::from_wire(text(row, 4)?.as_bytes()).ok_or("side is unknown")?,
        price: decimal(row, 5)?,
        qty: decimal(row, 6)?,
        commission: decimal(row, 7)?,
        realized_pnl: decimal(row, 8)?,
        is_maker: matches!(text(row, 9)?, "1" | "true" | "t"),
        time_ms: time_ms(text(row, 10)?)?,
    })
}

fn placed(rows: &[Row], window: &Window) -> Result<BTreeMap<OrderKey, Placed>, String> {
    let mut placed = BTreeMap::new();
    for row in rows {
        let named = |what| format!("orders: {what} in {row:?}");
        if !window.holds(text(row, 3).and_then(time_ms).map_err(named)?) {
            continue;
        }
        let key = text(row, 0).map_err(named)?;
        let key = (symbol_of(key), order_id(key).map_err(named)?);
        let status = text(row, 1).map_err(named)?.to_owned();
        placed.insert(key, Placed { status, cum_qty: decimal(row, 2).map_err(named)? });
    }
    Ok(placed)
}

fn trade(row: &Row) -> Result<(OrderKey, OrderTotal), String> {
    let key = text(row, 0)?;
    let total = OrderTotal {
        fills: text(row, 1)?.parse().map_err(|_| "fill_count is no number")?,
        qty: decimal::<Qty>(row, 2)?.units().into(),
        commission: decimal::<Notional>(row, 3)?.units().into(),
        realized_pnl: decimal::<Notional>(row, 4)?.units().into(),
    };
    Ok(((symbol_of(key), order_id(key)?), total))
}

/// The symbol in `SYMBOL-number`.
fn symbol_of(text: &str) -> String {
    text.rsplit_once('-').map_or("", |(symbol, _)| symbol).to_owned()
}

/// The venue's number in `SYMBOL-number`.
fn order_id(text: &str) -> Result<i64, String> {
    let number = text.rsplit_once('-').map_or(text, |(_, number)| number);
    number.parse().map_err(|_| format!("order_id {text} has no number"))
}

/// Milliseconds of a UTC time as SQLite and PostgreSQL write it.
pub(crate) fn time_ms(text: &str) -> Result<i64, String> {
    let plain = text.trim_end_matches("+00").trim_end_matches('Z').replace('T', " ");
    NaiveDateTime::parse_from_str(&plain, "%Y-%m-%d %H:%M:%S%.f")
        .map(|time| time.and_utc().timestamp_millis())
        .map_err(|error| format!("time {text}: {error}"))
}

fn text(row: &Row, at: usize) -> Result<&str, String> {
    let value = row.get(at).and_then(Option::as_deref);
    value.ok_or_else(|| format!("column {at} is NULL"))
}

fn decimal<T: std::str::FromStr<Err = schema::DecimalError>>(
    row: &Row,
    at: usize,
) -> Result<T, String> {
    let text = text(row, at)?;
    text.parse().map_err(|error| format!("column {at} is {text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The real migrations, so that a renamed column is found here.
    fn database(dir: &Path) -> std::path::PathBuf {
        let path = dir.join("shrike.db");
        let connection = rusqlite::Connection::open(&path).expect("created");
        for migration in ["0001_record.sql", "0002_orders.sql", "0003_audit.sql", "0004_cursor.sql"]
        {
            let file =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/sqlite").join(migration);
            let sql = std::fs::read_to_string(&file).expect("migration");
            connection.execute_batch(&sql).expect("valid SQL");
        }
        connection
            .execute_batch(
                "INSERT INTO fills (symbol, trade_id, order_key, order_id, side, price, qty, notional,
                 commission, realized_pnl, is_maker, trade_time) VALUES
                 ('BTCUSDT', 7, 'shrk6921a0b410000007', 'BTCUSDT-1007', 'BUY', '64000.1', '0.002',
                  '128.0002', '0.06400010', '0', 0, '2026-11-22 10:15:00.007'),
                 ('BTCUSDT', 8, 'BTCUSDT-1008', 'BTCUSDT-1008', 'SELL', '64000.2', '0.001',
                  '64.0002', '0.01', '-0.0001', 1, '2026-11-22 10:15:00');
                 INSERT INTO trades (order_id, symbol, side, order_type, size, price, notional,
                 commission, execution_time, realized_pnl, fill_count, first_fill_time) VALUES
                 ('BTCUSDT-1007', 'BTCUSDT', 'BUY', 'LIMIT', '0.002', '64000.1', '128.0002',
                  '0.06400010', '2026-11-22 10:15:00.007', '0', 1, '2026-11-22 10:15:00.007');",
            )
            .expect("rows");
        path
    }

    #[test]
    fn sqlite_is_read_to_the_last_digit() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = database(dir.path());
        let (ledger, cursor) = read(&path.to_string_lossy(), &Window::ALL).expect("readable");
        assert_eq!(cursor, 0, "no cursor yet");
        assert_eq!(ledger.fills.len(), 2);
        let fill = ledger.fills.values().next().expect("two fills");
        assert_eq!(fill.commission.units(), 6_400_010);
        assert_eq!((fill.order_id, fill.time_ms % 60_000), (1007, 7));
        assert_eq!(fill.client_order_id, "shrk6921a0b410000007");
        let foreign = ledger.fills.values().last().expect("two fills");
        assert!(foreign.is_maker && foreign.client_order_id.is_empty());
        let order = ledger.orders[&("BTCUSDT".to_owned(), 1007)];
        assert_eq!((order.fills, order.qty, order.commission), (1, 200_000, 6_400_010));
        assert_eq!(ledger.wallet, None);
    }

    #[test]
    fn rows_of_other_runs_are_left_out() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = database(dir.path());
        let from_ms = time_ms("2026-11-22 10:15:00.001").expect("a time");
        let window = Window { from_ms, ..Window::ALL };
        let (ledger, _) = read(&path.to_string_lossy(), &window).expect("readable");
        assert_eq!(ledger.fills.len(), 1);
        assert_eq!(ledger.orders.len(), 1);
        let window = Window { to_ms: from_ms, ..Window::ALL };
        let (ledger, _) = read(&path.to_string_lossy(), &window).expect("readable");
        assert_eq!((ledger.fills.len(), ledger.orders.len()), (1, 0));
    }

    #[test]
    fn wallet_and_positions_of_a_later_run_are_not_told() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = database(dir.path());
        let sql = "INSERT INTO persist_cursor (id, instance, journal_id, seq, drained, boot_epoch,
             wall_minus_mono_ns, tsc_hz, capital, leverage_max, symbols)
             VALUES (1, 'demo_2', 9, 77, 1, 1, 0, 1, '1', '1', 'BTCUSDT')";
        let connection = rusqlite::Connection::open(&path).expect("opened");
        connection.execute_batch(sql).expect("a cursor");
        let told = |instance: &str| {
            let window = Window { instance: Some(instance.to_owned()), ..Window::ALL };
            let (ledger, cursor) = read(&path.to_string_lossy(), &window).expect("readable");
            assert_eq!(cursor, 77);
            ledger.positions.is_some()
        };
        assert!(told("demo_2"));
        assert!(!told("demo_1"));
    }

    #[test]
    fn a_missing_database_is_named() {
        let failure = read("/nowhere/shrike.db", &Window::ALL).expect_err("no file");
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.what.contains("/nowhere/shrike.db"));
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(
            without_password("postgres://me:secret@db:5432/shrike?sslmode=disable&password=x"),
            "postgres://me@db:5432/shrike"
        );
        assert_eq!(without_password("postgresql://db/shrike"), "postgresql://db/shrike");
        assert_eq!(without_password("/tmp/a@b.db"), "/tmp/a@b.db");
    }

    #[test]
    fn times_of_both_databases_are_read() {
        let ms = time_ms("2026-11-22 10:15:00.007").expect("SQLite");
        assert_eq!(time_ms("2026-11-22 10:15:00.007+00"), Ok(ms));
        assert_eq!(time_ms("2026-11-22T10:15:00.007Z"), Ok(ms));
        assert_eq!(time_ms("2026-11-22 10:15:00"), Ok(ms - 7));
        assert!(time_ms("yesterday").is_err());
    }
}
