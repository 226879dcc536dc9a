//! Numbered migrations, each in one transaction with the row that says it ran.
//!
//! The files are `migrations/<dialect>/NNNN_name.sql`, compiled in. They run under the writer's
//! lock, which the connection holds. A file that was changed after it ran is refused, and so is a
//! schema with a migration this binary does not know.

use super::{Backend, StoreError};
use crate::value::{Kind, Value};

/// One numbered step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Number, from 1 without holes.
    pub version: i64,
    /// Name of the file without number and ending.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
}

macro_rules! migrations {
    ($dialect:literal: $($version:literal $name:literal),+ $(,)?) => {
        &[$(Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!(
                "../../../../migrations/", $dialect, "/000", $version, "_", $name, ".sql"
            )),
        }),+]
    };
}

/// For PostgreSQL.
pub const POSTGRES_MIGRATIONS: &[Migration] =
    migrations!("postgres": 1 "record", 2 "orders", 3 "audit", 4 "cursor", 5 "control");
/// For SQLite.
pub const SQLITE_MIGRATIONS: &[Migration] =
    migrations!("sqlite": 1 "record", 2 "orders", 3 "audit", 4 "cursor", 5 "control");

const CREATE: &str = "CREATE TABLE schema_migrations (
    version INTEGER PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    checksum CHAR(16) NOT NULL,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
)";

/// FNV-1a of a migration's text in hexadecimal: finds an edited file, not a forged one.
pub fn checksum(sql: &str) -> String {
    let hash = sql.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Runs what has not run yet.
pub(super) fn migrate(backend: &mut dyn Backend) -> Result<(), StoreError> {
    if !backend.has_table("schema_migrations")? {
        backend.script(CREATE)?;
    }
    let applied = backend.query(
        "SELECT version, name, checksum FROM schema_migrations ORDER BY version",
        &[],
        &[Kind::Int, Kind::Text, Kind::Text],
    )?;
    let known = backend.migrations();
    for row in &applied {
        let [Value::Int(version), Value::Text(name), Value::Text(sum)] = row.as_slice() else {
            return Err(StoreError::fatal("schema_migrations cannot be read"));
        };
        let Some(migration) = known.iter().find(|migration| migration.version == *version) else {
            return Err(StoreError::fatal(format!(
                "the database has migration {version} ({name}), which this build does not know: \
                 start the newer build, or restore a backup from before it"
            )));
        };
        if checksum(migration.sql) != *sum {
            return Err(StoreError::fatal(format!(
                "migration {version} ({name}) is not the one that ran on this database: put the \
                 file back and make the change in a new migration"
            )));
        }
    }
    for migration in known.iter().skip(applied.len()) {
        log::info!("migration {} ({}) runs", migration.version, migration.name);
        backend.script("BEGIN")?;
        let ran = backend.script(migration.sql).and_then(|()| {
            backend.execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                &[
                    Value::Int(migration.version),
                    migration.name.into(),
                    checksum(migration.sql).into(),
                ],
            )
        });
        if ran.is_err() {
            let _ = backend.script("ROLLBACK");
            return ran;
        }
        backend.script("COMMIT")?;
    }
    Ok(())
}
