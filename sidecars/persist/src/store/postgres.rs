//! PostgreSQL 14 to 18.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime};
use postgres::config::Host;
use postgres::error::{DbError, SqlState};
use postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut};
use postgres::{Client, Config, NoTls, Statement};
use rust_decimal::Decimal;

use super::{Backend, Migration, POSTGRES_MIGRATIONS, StoreError};
use crate::value::{Kind, Micros, Value, calendar, calendar_day};

/// Lock of the one writer of a database: "shrike" as a number.
const WRITER_LOCK: i64 = 0x7368_7269_6b65;
/// Settings of every session. A commit is on disk when it returns; no statement waits for ever.
const OPTIONS: &str = "-c timezone=UTC -c synchronous_commit=on -c statement_timeout=30s \
                       -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s";

/// Where a PostgreSQL is; prints without the password.
#[derive(Clone)]
pub struct PostgresTarget(Config);

impl PostgresTarget {
    /// From `postgres://user:password@host:port/database` or `host=… user=…`.
    ///
    /// # Errors
    /// Fatal; the text is not repeated, because what could not be parsed may be the password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let mut config: Config = url.trim().parse().map_err(|_| {
            StoreError::fatal(
                "the database URL cannot be read; expected \
                 postgres://user:password@host:5432/name with special characters percent-encoded",
            )
        })?;
        if config.get_ssl_mode() == postgres::config::SslMode::Require {
            return Err(StoreError::fatal(
                "sslmode=require is not supported: use a local socket, loopback or a tunnel",
            ));
        }
        let given = config.get_options().map_or(String::new(), |options| format!("{options} "));
        config
            .options(&format!("{given}{OPTIONS}"))
            .application_name("persist")
            .connect_timeout(Duration::from_secs(5))
            .tcp_user_timeout(Duration::from_secs(30))
            .keepalives_idle(Duration::from_secs(10));
        Ok(Self(config))
    }
}

impl core::fmt::Display for PostgresTarget {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let host = match self.0.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = self.0.get_ports().first().copied().unwrap_or(5432);
        let user = self.0.get_user().unwrap_or("?");
        let name = self.0.get_dbname().unwrap_or(user);
        write!(f, "postgres://{user}@{host}:{port}/{name}")
    }
}
impl core::fmt::Debug for PostgresTarget {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PostgresTarget({self})")
    }
}

/// One session, which holds the writer's lock.
pub struct Postgres {
    client: Client,
    statements: HashMap<String, Statement>,
}

impl Postgres {
    /// Connects and takes the writer's lock. A session that was cut off keeps the lock until the
    /// server has ended its transaction: who gets the lock sees everything that was committed.
    ///
    /// # Errors
    /// Retry if the server is away or another writer holds the lock; fatal if it is refused or its
    /// version is not supported.
    pub fn open(target: &PostgresTarget) -> Result<Self, StoreError> {
        let mut client = target.0.connect(NoTls).map_err(|e| classify(&e))?;
        let row = client
            .query_one("SELECT current_setting('server_version_num')::int", &[])
            .map_err(|e| classify(&e))?;
        let version: i32 = row.get(0);
        if version < 140_000 {
            return Err(StoreError::fatal(format!(
                "PostgreSQL {} is too old: 14 to 18 are supported",
                version / 10_000
            )));
        }
        if version >= 190_000 {
            log::warn!("PostgreSQL {} is newer than 18, which was tested", version / 10_000);
        }
        client
            .batch_execute("SET lock_timeout = '2s'")
            .and_then(|()| client.execute("SELECT pg_advisory_lock($1)", &[&WRITER_LOCK]))
            .and_then(|_| client.batch_execute("SET lock_timeout = '10s'"))
            .map_err(|e| match e.code() {
                Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                    StoreError::retry("another session writes this database")
                }
                _ => classify(&e),
            })?;
        Ok(Self { client, statements: HashMap::new() })
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).map_err(|e| classify(&e))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

fn classify(error: &postgres::Error) -> StoreError {
    match error.as_db_error() {
        Some(error) => classify_state(error),
        // No answer of the server: the connection is gone or never was.
        None => StoreError::retry(format!("PostgreSQL: {}", with_sources(error))),
    }
}

fn classify_state(error: &DbError) -> StoreError {
    let message =
        format!("PostgreSQL {}: {} ({})", error.code().code(), error.message(), error.severity());
    if is_transient(error.code()) { StoreError::retry(message) } else { StoreError::fatal(message) }
}

/// Whether a server's error can pass by itself (PostgreSQL docs, appendix A).
pub(super) fn is_transient(state: &SqlState) -> bool {
    let code = state.code();
    // 08 connection; 40 serialization, deadlock; 53 out of disk, memory, connections;
    // 57 shutdown, starting up, cancelled by a time limit; 58 I/O of the server.
    let class = matches!(code.get(..2), Some("08" | "40" | "53" | "57" | "58"));
    // A dropped database is class 57 and does not come back.
    (class && *state != SqlState::DATABASE_DROPPED)
        || *state == SqlState::LOCK_NOT_AVAILABLE
        // A standby after a fail-over.
        || *state == SqlState::READ_ONLY_SQL_TRANSACTION
}

fn with_sources(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn core::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Text(text) => text.as_str().to_sql(ty, out),
            Self::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Bool(value) => value.to_sql(ty, out),
            Self::Decimal { units, scale } => {
                Decimal::try_from_i128_with_scale(*units, *scale)?.to_sql(ty, out)
            }
            Self::Time(time) => calendar(*time).to_sql(ty, out),
            Self::Date(day) => calendar_day(*day).to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Which value goes into which column is fixed by the table's definition.
        true
    }

    postgres::types::to_sql_checked!();
}

/// Any non-null cell, read by what the server says its type is.
struct Cell(Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn core::error::Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT4 => Value::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
            Type::BOOL => Value::Bool(bool::from_sql(ty, raw)?),
            Type::NUMERIC => {
                let decimal = Decimal::from_sql(ty, raw)?;
                Value::Decimal { units: decimal.mantissa(), scale: decimal.scale() }
            }
            Type::TIMESTAMP => {
                let time = NaiveDateTime::from_sql(ty, raw)?;
                Value::Time(Micros(time.and_utc().timestamp_micros()))
            }
            Type::DATE => Value::Date(NaiveDate::from_sql(ty, raw)?.to_epoch_days()),
            _ => Value::Text(String::from_sql(ty, raw)?),
        }))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT4
                | Type::INT8
                | Type::BOOL
                | Type::NUMERIC
                | Type::TIMESTAMP
                | Type::DATE
                | Type::VARCHAR
                | Type::BPCHAR
                | Type::TEXT
        )
    }
}

/// A decimal with exactly the digits of its kind.
fn rescaled(value: Value, kind: Kind) -> Option<Value> {
    let (Value::Decimal { units, scale }, Kind::Decimal(wanted)) = (&value, kind) else {
        return Some(value);
    };
    let more = 10i128.checked_pow(wanted.checked_sub(*scale)?)?;
    Some(Value::Decimal { units: units.checked_mul(more)?, scale: wanted })
}

impl Backend for Postgres {
    fn migrations(&self) -> &'static [Migration] {
        POSTGRES_MIGRATIONS
    }

    fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        self.client.batch_execute(sql).map_err(|e| classify(&e))
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<(), StoreError> {
        let statement = self.prepared(sql)?;
        let values: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        self.client.execute(&statement, &values).map(|_| ()).map_err(|e| classify(&e))
    }

    fn query(
        &mut self,
        sql: &str,
        values: &[Value],
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let statement = self.prepared(sql)?;
        let values: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let rows = self.client.query(&statement, &values).map_err(|e| classify(&e))?;
        let read = |row: &postgres::Row| {
            kinds
                .iter()
                .enumerate()
                .map(|(index, kind)| {
                    let cell: Option<Cell> = row.try_get(index).map_err(|e| {
                        StoreError::fatal(format!("column {} of {sql:?}: {e}", index + 1))
                    })?;
                    let value = cell.map_or(Value::Null, |cell| cell.0);
                    rescaled(value, *kind).ok_or_else(|| {
                        StoreError::fatal(format!("column {} of {sql:?} is not exact", index + 1))
                    })
                })
                .collect()
        };
        rows.iter().map(read).collect()
    }

    fn has_table(&mut self, name: &str) -> Result<bool, StoreError> {
        let found = self.query(
            "SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass($1)",
            &[name.into()],
            &[Kind::Int],
        )?;
        Ok(!found.is_empty())
    }
}
