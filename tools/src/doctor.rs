//! `shrike doctor`: what a run needs, each with what to do about it.
//!
//! Every check only looks, needs no root, and says honestly what it could not find out.

use std::path::{Path, PathBuf};

use guard::config::Config;
use serde_json::json;
use toml_edit::DocumentMut;

use crate::cli::DoctorArgs;
use crate::exit::{Exit, Failure};
use crate::run_place::{Place, load, named_file};

mod host;
mod keys;
mod system;
mod venue;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works, but not as well or as safely as it could; or it could not be found out.
    Warn,
    /// It will not work, or must not.
    Fail,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    name: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// What to do; empty when it is as it should be.
    remedy: String,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Ok, found: found.into(), remedy: String::new() }
    }
    fn warn(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, state: State::Warn, found: found.into(), remedy: remedy.into() }
    }
    fn fail(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, state: State::Fail, found: found.into(), remedy: remedy.into() }
    }
}

/// The file of a run, as its two readers have it.
struct File {
    path: PathBuf,
    /// guard's part.
    config: Config,
    /// Everything, for what only the trader reads.
    document: DocumentMut,
}

impl File {
    fn read(path: &Path) -> Result<Self, Failure> {
        let config = load(path)?;
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        let document = text.parse().map_err(|error| {
            Failure::new(Exit::Config, format!("{}: {error}", path.display()), "")
        })?;
        Ok(Self { path: path.to_owned(), config, document })
    }

    fn text(&self, table: &str, key: &str) -> Option<&str> {
        self.document.get(table)?.get(key)?.as_str()
    }

    fn integer(&self, table: &str, key: &str) -> Option<i64> {
        self.document.get(table)?.get(key)?.as_integer()
    }

    /// A path of the file, as its readers take it.
    fn place(&self, table: &str, key: &str) -> Option<PathBuf> {
        self.text(table, key).map(PathBuf::from)
    }
}

/// `shrike doctor`.
///
/// # Errors
/// No such environment. What is wrong is a check, not an error.
pub(crate) fn run(args: &DoctorArgs) -> Result<Exit, Failure> {
    let named = named_file(&args.file)?;
    let place = match &named {
        // A file with mistakes is a finding here, not an end.
        Some(_) => Place::find(args.instance.as_deref(), &args.file).ok(),
        None if args.instance.is_some() => Some(Place::find(args.instance.as_deref(), &args.file)?),
        None => Place::find(None, &args.file).ok(),
    };
    let path = named.or_else(|| place.as_ref().and_then(|place| place.config.clone()));
    let mut checks = host::clock();
    match path.as_deref().map(File::read) {
        None => checks.push(Check::warn(
            "config",
            "no file is known: the host alone is checked",
            "name it: --env NAME or --config FILE",
        )),
        Some(Err(failure)) => checks.push(Check::fail("config", failure.what, failure.next)),
        Some(Ok(file)) => {
            checks.extend(system::config(&file));
            checks.extend(keys::checks(&file, !args.offline));
            if !args.offline {
                checks.extend(venue::checks(&file));
            }
            checks.extend(host::processor(file.integer("loop", "core"), file.text("loop", "wait")));
            checks.extend(host::memory(&file));
            checks.extend(host::disk(&file, args.database.as_deref()));
            checks.push(system::latch(&file.config.kill.latch()));
        }
    }
    checks.push(system::database(args.database.as_deref()));
    checks.extend(system::builds(place.as_ref().map(|place| place.instance.as_str())));
    let failed = checks.iter().filter(|check| check.state == State::Fail).count();
    if args.json {
        let list: Vec<_> = checks
            .iter()
            .map(|check| {
                let remedy = (!check.remedy.is_empty()).then_some(&check.remedy);
                json!({ "check": check.name, "state": check.state.as_str(),
                    "found": check.found, "remedy": remedy })
            })
            .collect();
        println!(
            "{:#}",
            json!({
                "instance": place.as_ref().map(|place| &place.instance),
                "config": path.map(|path| path.display().to_string()),
                "ok": failed == 0, "checks": list,
            })
        );
    } else {
        checks.iter().for_each(print);
        let warned = checks.iter().filter(|check| check.state == State::Warn).count();
        println!("{} checks, {warned} warnings, {failed} failed", checks.len());
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
}

fn print(check: &Check) {
    println!("{:<4}  {:<14} {}", check.state.as_str(), check.name, check.found);
    if !check.remedy.is_empty() {
        println!("      {:<14} → {}", "", check.remedy);
    }
}
