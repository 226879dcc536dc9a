//! SQLite: the record on a laptop, nothing to install.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime};
use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, ErrorCode, params_from_iter};

use super::{Backend, Migration, SQLITE_MIGRATIONS, StoreError};
use crate::value::{
    Kind, Micros, TIME_FORMAT, Value, calendar, calendar_day, decimal_text, decimal_units,
};

/// How long a statement waits for a reader's checkpoint or another lock.
const BUSY: Duration = Duration::from_secs(5);
/// Prepared statements kept: every table in every chunk size, and the queries.
const STATEMENTS: usize = 128;

/// A database file, written by this process alone; readers are welcome.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    // Held until the connection is closed: fields are dropped in this order.
    _lock: File,
}

impl Sqlite {
    /// Opens or creates the file. WAL, so that readers never stop the writer; `synchronous=FULL`,
    /// so that a commit survives a power cut before the journal is released.
    ///
    /// # Errors
    /// Retry if another writer holds `<path>.lock`; fatal if the file is not a database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent)
                .map_err(|e| StoreError::fatal(format!("cannot create {parent:?}: {e}")))?;
        }
        let lock = lock(path)?;
        let connection = Connection::open(path).map_err(|e| classify(&e))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let setup = || {
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")
        };
        setup().map_err(|e| classify(&e))?;
        Ok(Self { connection, _lock: lock })
    }
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|e| StoreError::fatal(format!("cannot open {name:?}: {e}")))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::retry(format!("another process writes {path:?}")))
        }
        Err(TryLockError::Error(e)) => Err(StoreError::fatal(format!("cannot lock {name:?}: {e}"))),
    }
}

/// A full disk, a failed write and a lock may pass; the file is opened again and its cursor read
/// before anything else, so a failed sync is never taken for a success.
fn classify(error: &rusqlite::Error) -> StoreError {
    let message = format!("SQLite: {error}");
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OperationInterrupted
            | ErrorCode::OutOfMemory
            | ErrorCode::SchemaChanged,
        ) => StoreError::retry(message),
        _ => StoreError::fatal(message),
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Text(text) => Cell::Text(text.clone()),
        Value::Int(value) => Cell::Integer(*value),
        Value::Bool(value) => Cell::Integer(i64::from(*value)),
        Value::Decimal { units, scale } => Cell::Text(decimal_text(*units, *scale)),
        Value::Time(time) => Cell::Text(calendar(*time).format(TIME_FORMAT).to_string()),
        Value::Date(day) => Cell::Text(calendar_day(*day).to_string()),
    }
}

fn value(cell: ValueRef<'_>, kind: Kind) -> Option<Value> {
    Some(match (cell, kind) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Integer(number), Kind::Int) => Value::Int(number),
        (ValueRef::Integer(number), Kind::Bool) => Value::Bool(number != 0),
        (ValueRef::Text(bytes), kind) => {
            let text = std::str::from_utf8(bytes).ok()?;
            match kind {
                Kind::Text => text.into(),
                Kind::Decimal(scale) => {
                    Value::Decimal { units: decimal_units(text, scale)?, scale }
                }
                Kind::Time => {
                    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
                    Value::Time(Micros(time.and_utc().timestamp_micros()))
                }
                Kind::Date => {
                    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
                    Value::Date(date.to_epoch_days())
                }
                Kind::Int | Kind::Bool => return None,
            }
        }
        _ => return None,
    })
}

impl Backend for Sqlite {
    fn migrations(&self) -> &'static [Migration] {
        SQLITE_MIGRATIONS
    }

    fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        // Immediate: the write lock is taken at the start, not in the middle.
        let sql = if sql == "BEGIN" { "BEGIN IMMEDIATE" } else { sql };
        self.connection.execute_batch(sql).map_err(|e| classify(&e))
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|e| classify(&e))?;
        statement
            .execute(params_from_iter(values.iter().map(cell)))
            .map(|_| ())
            .map_err(|e| classify(&e))
    }

    fn query(
        &mut self,
        sql: &str,
        values: &[Value],
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|e| classify(&e))?;
        let mut rows =
            statement.query(params_from_iter(values.iter().map(cell))).map_err(|e| classify(&e))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(|e| classify(&e))? {
            let mut read = Vec::with_capacity(kinds.len());
            for (index, kind) in kinds.iter().enumerate() {
                let stored = row.get_ref(index).map_err(|e| classify(&e))?;
                let value = value(stored, *kind).ok_or_else(|| {
                    StoreError::fatal(format!("column {} of {sql:?} is not {kind:?}", index + 1))
                })?;
                read.push(value);
            }
            all.push(read);
        }
        Ok(all)
    }

    fn has_table(&mut self, name: &str) -> Result<bool, StoreError> {
        let found = self.query(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
            &[name.into()],
            &[Kind::Int],
        )?;
        Ok(!found.is_empty())
    }
}
