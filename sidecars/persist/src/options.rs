//! What following needs to know, and how it ends.

use std::path::PathBuf;

use rings::OpenError;

use crate::store::{Backend, Postgres, PostgresTarget, Sqlite, Store, StoreError};

/// Where the tables are.
#[derive(Debug, Clone)]
pub enum Target {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(PostgresTarget),
}

impl Target {
    /// Opens it and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError`], classified.
    pub fn open(&self) -> Result<Store, StoreError> {
        let backend: Box<dyn Backend> = match self {
            Self::Sqlite(path) => Box::new(Sqlite::open(path)?),
            Self::Postgres(target) => Box::new(Postgres::open(target)?),
        };
        Store::open(backend)
    }
}

impl core::fmt::Display for Target {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "SQLite {}", path.display()),
            Self::Postgres(target) => target.fmt(f),
        }
    }
}

/// How to follow.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose journal.
    pub instance: String,
    /// Where to.
    pub target: Target,
    /// End when the trader is gone and everything is written.
    pub until_drained: bool,
}

/// How following ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Asked to stop; everything there was is written.
    Stopped,
    /// Nothing more will come.
    Drained,
}

/// Why following ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowError {
    /// The journal cannot be had.
    Journal(OpenError),
    /// The database refuses, and trying again will not help.
    Store(StoreError),
    /// Asked to stop while the database was away: so many records wait in the journal.
    Unwritten(u64),
}

impl core::fmt::Display for FollowError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Journal(error) => write!(f, "journal: {error}"),
            Self::Store(error) => error.fmt(f),
            Self::Unwritten(records) => write!(
                f,
                "stopped while the database was away; {records} records wait in the journal and \
                 are written at the next start"
            ),
        }
    }
}
impl core::error::Error for FollowError {}
