//! The tables, on SQLite or PostgreSQL.
//!
//! Both understand the same statements (`INSERT … ON CONFLICT`, `$1` placeholders), so there is one
//! [`Store`] and a small [`Backend`] for each. A batch and the cursor are one transaction; whoever
//! reads the cursor knows exactly which records are in the tables.

mod migrate;
mod postgres;
mod sqlite;

use std::collections::HashMap;

pub use self::migrate::{Migration, POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS, checksum};
pub use self::postgres::{Postgres, PostgresTarget};
pub use self::sqlite::Sqlite;

use crate::rows::{
    Batch, CommandRow, Conflict, Cursor, Fields, Known, Memory, Order, Row, Stored, Table, Wants,
};
use crate::value::{Kind, Value};

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The database is away, busy, full, in fail-over, or the transaction lost against another.
    Retry,
    /// Wrong password, missing table, refused value, newer schema: a person must act.
    Fatal,
}

/// Why the database did not do it. Never holds a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// Whether trying again can help.
    pub severity: Severity,
    /// What was wrong, for the log.
    pub message: String,
}

impl StoreError {
    /// Trying again can help.
    pub fn retry(message: impl Into<String>) -> Self {
        Self { severity: Severity::Retry, message: message.into() }
    }
    /// A person must act.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self { severity: Severity::Fatal, message: message.into() }
    }
}

impl core::fmt::Display for StoreError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.message)
    }
}
impl core::error::Error for StoreError {}

/// One connection to a database, alone in writing: opening takes the writer's lock.
pub trait Backend {
    /// Numbered migrations in this dialect.
    fn migrations(&self) -> &'static [Migration];
    /// Runs statements without parameters.
    ///
    /// # Errors
    /// [`StoreError`], classified.
    fn script(&mut self, sql: &str) -> Result<(), StoreError>;
    /// Runs one statement.
    ///
    /// # Errors
    /// [`StoreError`], classified.
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<(), StoreError>;
    /// Runs one query whose columns are of the given kinds.
    ///
    /// # Errors
    /// [`StoreError`], classified.
    fn query(
        &mut self,
        sql: &str,
        values: &[Value],
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value>>, StoreError>;
    /// Whether a table exists.
    ///
    /// # Errors
    /// [`StoreError`], classified.
    fn has_table(&mut self, name: &str) -> Result<bool, StoreError>;
}

/// Rows of one statement, largest first: few shapes, so that prepared statements are reused.
const CHUNKS: [usize; 3] = [32, 8, 1];

/// The tables.
pub struct Store {
    backend: Box<dyn Backend>,
    upserts: HashMap<(&'static str, usize), String>,
}

impl Store {
    /// Brings the schema up to date.
    ///
    /// # Errors
    /// Fatal if the schema is newer than this binary or a migration was changed after it ran.
    pub fn open(mut backend: Box<dyn Backend>) -> Result<Self, StoreError> {
        migrate::migrate(backend.as_mut())?;
        Ok(Self { backend, upserts: HashMap::new() })
    }

    /// The connection, for tests and tools.
    pub fn backend(&mut self) -> &mut dyn Backend {
        self.backend.as_mut()
    }

    /// What the tables remember.
    ///
    /// # Errors
    /// [`StoreError`], classified.
    pub fn load(&mut self) -> Result<Memory, StoreError> {
        Ok(Memory {
            cursor: self.select::<Cursor>("", &[])?.pop(),
            positions: self.select("", &[])?,
            days: self.select(" ORDER BY date", &[])?,
            orders: self.select::<Order>(
                " WHERE status NOT IN ('FILLED', 'CANCELED', 'EXPIRED', 'EXPIRED_IN_MATCH', \
                 'REJECTED')",
                &[],
            )?,
        })
    }

    /// What the tables know of what is wanted.
    ///
    /// # Errors
    /// [`StoreError`], classified.
    pub fn fetch(&mut self, wants: &Wants) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let orders: Vec<Value> = wants.orders.iter().map(|key| key.as_str().into()).collect();
        for chunk in chunks(&orders) {
            let tail = format!(" WHERE order_key IN ({})", places(1, chunk.len()));
            known.orders.extend(self.select::<Order>(&tail, chunk)?);
        }
        let commands: Vec<Value> = wants.commands.iter().map(|n| n.as_str().into()).collect();
        for chunk in chunks(&commands) {
            let tail = format!(" WHERE nonce IN ({})", places(1, chunk.len()));
            known.commands.extend(self.select::<CommandRow>(&tail, chunk)?);
        }
        for (symbol, ids) in &wants.fills {
            let ids: Vec<Value> = ids.iter().map(|&id| Value::Int(id)).collect();
            for chunk in chunks(&ids) {
                let sql = format!(
                    "SELECT trade_id, order_key FROM fills WHERE symbol = $1 AND trade_id IN ({})",
                    places(2, chunk.len())
                );
                let mut values = vec![Value::from(symbol.as_str())];
                values.extend_from_slice(chunk);
                for row in self.backend.query(&sql, &values, &[Kind::Int, Kind::Text])? {
                    let mut fields = Fields::new(row);
                    let (Some(id), Some(key)) = (fields.int(), fields.text()) else {
                        return Err(unreadable("fills"));
                    };
                    known.fills.push((symbol.clone(), id, key));
                }
            }
        }
        Ok(known)
    }

    /// Writes a batch and its cursor, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`], classified. After a retryable one the connection must be given up: whether a
    /// lost commit happened is known by loading the cursor on a new one.
    pub fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.backend.script("BEGIN")?;
        let written = self.write_rows(batch);
        if written.is_err() {
            // The first error counts; a connection that cannot roll back is given up anyway.
            let _ = self.backend.script("ROLLBACK");
            return written;
        }
        self.backend.script("COMMIT")
    }

    fn write_rows(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.upsert(&batch.orders)?;
        let trades: Vec<_> = batch.orders.iter().filter_map(Order::trade).collect();
        self.upsert(&trades)?;
        self.upsert(&batch.fills)?;
        self.upsert(&batch.positions)?;
        self.upsert(&batch.position_states)?;
        self.upsert(&batch.minutes)?;
        self.upsert(&batch.days)?;
        self.upsert(&batch.states)?;
        self.upsert(&batch.commands)?;
        self.upsert(&batch.limits)?;
        self.upsert(&batch.kills)?;
        self.upsert(&batch.refusals)?;
        self.upsert(&batch.gaps)?;
        self.upsert(std::slice::from_ref(&batch.cursor))
    }

    fn upsert<R: Row>(&mut self, rows: &[R]) -> Result<(), StoreError> {
        let mut rest = rows;
        for size in CHUNKS {
            while rest.len() >= size {
                let (now, later) = rest.split_at(size);
                rest = later;
                let values: Vec<Value> = now.iter().flat_map(Row::values).collect();
                let sql = self
                    .upserts
                    .entry((R::TABLE.name, size))
                    .or_insert_with(|| upsert_sql(R::TABLE, size));
                self.backend.execute(sql, &values)?;
            }
        }
        Ok(())
    }

    /// Reads the rows of a table; `tail` is the rest of the statement.
    ///
    /// # Errors
    /// [`StoreError`], classified; fatal if a row cannot be read.
    pub fn select<S: Stored>(
        &mut self,
        tail: &str,
        values: &[Value],
    ) -> Result<Vec<S>, StoreError> {
        let (names, kinds): (Vec<&str>, Vec<Kind>) = S::TABLE.columns.iter().copied().unzip();
        let sql = format!("SELECT {} FROM {}{tail}", names.join(", "), S::TABLE.name);
        let rows = self.backend.query(&sql, values, &kinds)?;
        rows.into_iter()
            .map(|row| S::read(&mut Fields::new(row)).ok_or_else(|| unreadable(S::TABLE.name)))
            .collect()
    }
}

fn unreadable(table: &str) -> StoreError {
    StoreError::fatal(format!("a row of {table} cannot be read: was it changed by hand?"))
}

/// Slices of the sizes of [`CHUNKS`].
fn chunks(values: &[Value]) -> Vec<&[Value]> {
    let mut all = Vec::new();
    let mut rest = values;
    for size in CHUNKS {
        while rest.len() >= size {
            let (now, later) = rest.split_at(size);
            all.push(now);
            rest = later;
        }
    }
    all
}

/// `$first, $first+1, …`
fn places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|index| format!("${index}")).collect();
    places.join(", ")
}

/// The statement that writes `rows` rows; placeholders appear in order, because SQLite numbers
/// them by first appearance.
fn upsert_sql(table: &Table, rows: usize) -> String {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let width = names.len();
    let tuples: Vec<String> =
        (0..rows).map(|row| format!("({})", places(row * width + 1, width))).collect();
    let action = match table.conflict {
        Conflict::Keep => "NOTHING".to_owned(),
        Conflict::Add(column) => {
            format!("UPDATE SET {column} = {}.{column} + excluded.{column}", table.name)
        }
        Conflict::Replace => {
            let mut sets: Vec<String> = names
                .iter()
                .filter(|name| !table.key.contains(name))
                .map(|name| format!("{name} = excluded.{name}"))
                .collect();
            if table.has_updated_at {
                sets.push("updated_at = CURRENT_TIMESTAMP".to_owned());
            }
            format!("UPDATE SET {}", sets.join(", "))
        }
    };
    format!(
        "INSERT INTO {} ({}) VALUES {} ON CONFLICT ({}) DO {action}",
        table.name,
        names.join(", "),
        tuples.join(", "),
        table.key.join(", ")
    )
}

#[cfg(test)]
mod tests;
