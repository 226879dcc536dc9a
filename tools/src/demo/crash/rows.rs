//! The audit trail in the database: the rows a kill left.

use std::path::Path;
use std::time::Duration;

use crate::ledger::database::{is_postgres, time_ms};

/// Longest time until the database answers.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Tables, and SQL that gives each row as a time and a text.
const QUERIES: [(&str, &str); 3] = [
    (
        "kill_changes",
        "SELECT CAST(changed_at AS TEXT), CASE WHEN is_on = {yes} THEN 'pressed' ELSE 'released' \
         END || ' by ' || kill_trigger FROM kill_changes ORDER BY changed_at, seq",
    ),
    (
        "commands",
        "SELECT CAST(received_at AS TEXT), kind || ' ' || COALESCE(kill_trigger, '') || ' ' || \
         COALESCE(reason, '') FROM commands ORDER BY received_at",
    ),
    (
        "state_changes",
        "SELECT CAST(changed_at AS TEXT), from_state || ' to ' || to_state || ' (' || reason || \
         ')' FROM state_changes ORDER BY changed_at, seq",
    ),
];

/// A row: when (as the database writes it) and what.
type Row = (String, String);

/// The rows since a time, by table; a table that cannot be read says why.
pub(super) fn read(place: &str, from_ms: i64) -> Vec<(&'static str, Vec<String>)> {
    let (yes, is_server) = match is_postgres(place) {
        true => ("TRUE", true),
        false => ("1", false),
    };
    let rows = |sql: &str| {
        let sql = sql.replace("{yes}", yes);
        let rows = if is_server { postgres(place, &sql) } else { sqlite(place, &sql) };
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => return vec![format!("cannot be read: {error}")],
        };
        // Other runs may have used the database before.
        let is_ours = |(time, _): &Row| time_ms(time).is_ok_and(|ms| ms >= from_ms);
        let text = |(time, what): Row| format!("{time}  {}", what.trim());
        rows.into_iter().filter(is_ours).map(text).collect()
    };
    QUERIES.iter().map(|(table, sql)| (*table, rows(sql))).collect()
}

fn sqlite(file: &str, sql: &str) -> Result<Vec<Row>, String> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let opened = rusqlite::Connection::open_with_flags(Path::new(file), flags);
    let rows = opened.and_then(|database| {
        let mut statement = database.prepare(sql)?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    });
    rows.map_err(|error| error.to_string())
}

fn postgres(url: &str, sql: &str) -> Result<Vec<Row>, String> {
    let mut config = url.parse::<postgres::Config>().map_err(|error| error.to_string())?;
    let connected = config.connect_timeout(TIMEOUT).connect(postgres::NoTls);
    let rows = connected.and_then(|mut client| client.query(sql, &[]));
    let rows = rows.map_err(|error| error.to_string())?;
    let row = |row: &postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    let rows: Result<Vec<Row>, postgres::Error> = rows.iter().map(row).collect();
    rows.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_this_run_are_told_and_a_missing_table_says_so() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let file = dir.path().join("a.db");
        let database = rusqlite::Connection::open(&file).expect("opens");
        let made = "CREATE TABLE kill_changes (journal_id, seq, is_on, kill_trigger, changed_at);
            INSERT INTO kill_changes VALUES (1, 1, 1, 'person', '2026-11-22T10:00:00.000000');
            INSERT INTO kill_changes VALUES (1, 2, 1, 'drawdown', '2026-11-23T10:00:00.000000');";
        database.execute_batch(made).expect("made");
        let from_ms = 1_795_400_000_000;
        let tables = read(&file.to_string_lossy(), from_ms);
        assert_eq!(tables[0].0, "kill_changes");
        assert_eq!(tables[0].1, ["2026-11-23T10:00:00.000000  pressed by drawdown"]);
        assert!(tables[1].1[0].contains("no such table"), "{tables:?}");
    }
}
