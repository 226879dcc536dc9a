//! The `persist` process: reads where to write from the command line and the environment, follows
//! the journal, ends with an exit code of sysexits.h. What it does is in the library.

mod log;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use clap::Parser;
use persist::follow::Follower;
use persist::options::{FollowError, Options, Target};
use persist::store::{PostgresTarget, StoreError};
use rings::OpenError;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Write the trader's journal into a database, exactly once.
///
/// The database is PostgreSQL (14 to 18) if a URL is given, by --database-url-file, the environment
/// variable DATABASE_URL or the file pg_url in $CREDENTIALS_DIRECTORY, in this order; else SQLite.
///
/// Exit codes: 0 stopped or drained, 64 usage, 70 the database refuses or the journal is broken,
/// 75 another persist follows this journal, or stopped while the database was away, 78 settings.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Whose journal to follow: the instance of the trader.
    #[arg(long)]
    instance: String,
    /// Where to write, before anything the environment says: a SQLite file, or a postgres:// URL
    /// without a password (everybody on this host can read a command line).
    #[arg(long, value_name = "FILE_OR_URL", conflicts_with_all = ["sqlite", "database_url_file"])]
    database: Option<String>,
    /// SQLite file if no URL is given [default: <instance>.sqlite].
    #[arg(long, value_name = "PATH")]
    sqlite: Option<PathBuf>,
    /// File whose first line is the PostgreSQL URL.
    #[arg(long, value_name = "PATH")]
    database_url_file: Option<PathBuf>,
    /// Directory for persist.log; without it only standard error is written.
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Print and log every commit.
    #[arg(long)]
    verbose: bool,
    /// End when the trader is gone and everything it wrote is in the tables.
    #[arg(long)]
    until_drained: bool,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no mistakes.
            let code = if error.use_stderr() { 64 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("persist: {error:#}");
            ExitCode::from(78)
        }
    }
}

fn run(arguments: &Arguments) -> Result<u8> {
    let level =
        if arguments.verbose { ::log::LevelFilter::Debug } else { ::log::LevelFilter::Info };
    log::start(arguments.log_dir.as_deref(), level)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // A second signal ends the process at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    // A crash must not write the database's password to the disk.
    let behavior = rustix::process::DumpableBehavior::NotDumpable;
    if let Err(error) = rustix::process::set_dumpable_behavior(behavior) {
        ::log::warn!("memory of a crash may reach the disk: {error}");
    }
    let options = Options {
        instance: arguments.instance.clone(),
        target: target(arguments)?,
        until_drained: arguments.until_drained,
    };
    // If another persist has its name, the journal's gate is taken as well, which ends this one.
    let build = rings::build(concat!("shrike ", env!("CARGO_PKG_VERSION")));
    let _presence = match rings::Presence::announce(&arguments.instance, "persist", &build) {
        Ok(presence) => Some(presence),
        Err(error) => {
            ::log::warn!("cannot tell the other processes of its build: {error}");
            None
        }
    };
    match Follower::new(&options, &stop).run() {
        Ok(end) => {
            ::log::info!("ended: {end:?}");
            Ok(0)
        }
        Err(error) => {
            ::log::error!("{error}");
            Ok(match error {
                FollowError::Journal(OpenError::Busy) | FollowError::Unwritten(_) => 75,
                FollowError::Journal(OpenError::Name) => 64,
                FollowError::Journal(_) | FollowError::Store(_) => 70,
            })
        }
    }
}

/// Where to write; the first place that says something counts.
fn target(arguments: &Arguments) -> Result<Target> {
    let is_url = |text: &str| text.starts_with("postgres://") || text.starts_with("postgresql://");
    let url = match (&arguments.database, &arguments.database_url_file) {
        (Some(text), _) if is_url(text) => Some(text.clone()),
        (Some(path), _) => return Ok(Target::Sqlite(PathBuf::from(path))),
        (None, Some(path)) => Some(secret(path)?),
        (None, None) => {
            match std::env::var("DATABASE_URL").ok().filter(|url| !url.trim().is_empty()) {
                Some(url) => Some(url),
                None => credential()?,
            }
        }
    };
    match url {
        Some(url) => {
            let target = PostgresTarget::parse(&url).map_err(|e: StoreError| anyhow::anyhow!(e))?;
            Ok(Target::Postgres(target))
        }
        None => Ok(Target::Sqlite(match &arguments.sqlite {
            Some(path) => path.clone(),
            None => PathBuf::from(format!("{}.sqlite", arguments.instance)),
        })),
    }
}

/// What systemd's `LoadCredential=pg_url:…` gives.
fn credential() -> Result<Option<String>> {
    let Some(dir) = std::env::var_os("CREDENTIALS_DIRECTORY") else { return Ok(None) };
    let path = PathBuf::from(dir).join("pg_url");
    if path.exists() { secret(&path).map(Some) } else { Ok(None) }
}

fn secret(path: &std::path::Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path:?}"))?;
    let line = text.lines().next().unwrap_or("").trim();
    anyhow::ensure!(!line.is_empty(), "{path:?} is empty: its first line is the database URL");
    Ok(line.to_owned())
}
