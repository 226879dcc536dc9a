//! `shrike up`: trader and sidecars of one environment in the foreground.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toml_edit::DocumentMut;

use crate::cli::UpArgs;
use crate::exit::{Exit, Failure};
use crate::plans;
use crate::process::{Process, Sink, ending};
use crate::siblings;
use crate::sidecar::Sidecar;
use crate::stop::Stop;

/// Time between two looks at the children.
const POLL: Duration = Duration::from_millis(100);
/// The trader cancels and confirms its orders in this time.
const TRADER_STOP: Duration = Duration::from_secs(30);
/// persist drains the journal in this time.
const PERSIST_STOP: Duration = Duration::from_secs(60);
/// Everything else ends in this time.
const OTHER_STOP: Duration = Duration::from_secs(10);

/// `shrike up`.
///
/// # Errors
/// Something is missing, or a process did not end well.
pub(crate) fn run(args: &UpArgs) -> Result<Exit, Failure> {
    if let Some(releases) = &args.releases {
        return crate::release::supervise::run(args, releases);
    }
    let config = match (&args.config, &args.environment) {
        (Some(config), _) => config.clone(),
        (None, Some(name)) => siblings::config_file(name)?,
        (None, None) => return Err(Failure::new(Exit::Usage, "no --env", "shrike up --env paper")),
    };
    siblings::ensure(&siblings::RUN, false)?;
    let settings = Settings::read(&config)?;
    let stop = Stop::on_signals()?;
    let sink: Sink = Arc::new(|name, line| println!("{name:<8}| {line}"));
    say(&format!("instance {}, configuration {}", settings.instance, config.display()));
    let mut trader = Process::start(&plans::trader(&config)?, &sink)?;
    let mut sidecars = sidecars(&config, &settings, &sink)?;
    if let Some(out) = &args.record {
        sidecars.push(Sidecar::start(plans::record(&settings.instance, out)?, &sink)?);
    }
    let ended = loop {
        if stop.asked() {
            break None;
        }
        if let Some(status) = trader.ended() {
            break Some(status);
        }
        for sidecar in &mut sidecars {
            if let Some(news) = sidecar.turn(&sink) {
                say(&news);
            }
        }
        std::thread::sleep(POLL);
    };
    let trader_result = match ended {
        None => {
            say("stopping: the trader cancels its orders");
            trader.stop(TRADER_STOP)
        }
        Some(status) => {
            say(&format!("the trader {}; stopping the sidecars", ending(status)));
            trader.wait(OTHER_STOP);
            if status.success() { Ok(()) } else { Err(trader.failure(status)) }
        }
    };
    let mut result = trader_result;
    for sidecar in sidecars {
        let has_work = sidecar.name() == "persist";
        let timeout = if has_work { PERSIST_STOP } else { OTHER_STOP };
        if let Err(failure) = sidecar.stop(timeout, has_work, &sink) {
            say(&failure.what);
            result = result.and(Err(failure));
        }
    }
    result?;
    say("stopped");
    Ok(Exit::Ok)
}

fn say(text: &str) {
    println!("{:<8}| {text}", "shrike");
}

/// In the order of their stop: guard watches until the trader has ended, persist has work left.
fn sidecars(config: &Path, settings: &Settings, sink: &Sink) -> Result<Vec<Sidecar>, Failure> {
    let instance = &settings.instance;
    let logs = settings.log_dir.as_deref();
    let database = std::env::var("DATABASE_URL").ok();
    Ok(vec![
        Sidecar::start(plans::guard(config)?, sink)?,
        Sidecar::start(plans::persist(instance, database.as_deref(), logs)?, sink)?,
        Sidecar::start(plans::metrics(instance, None, logs)?, sink)?,
    ])
}

/// What the sidecars are told; everything else they read from the segment headers.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    instance: String,
    log_dir: Option<PathBuf>,
}

impl Settings {
    fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        Self::parse(&text).map_err(|what| {
            Failure::new(
                Exit::Config,
                format!("{}: {what}", path.display()),
                format!("`shrike check-config {}` names every mistake", path.display()),
            )
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
        let instance = document.get("instance").and_then(|item| item.as_str());
        let log_dir = document.get("log").and_then(|log| log.get("dir"));
        Ok(Self {
            instance: instance.ok_or("no `instance`")?.to_owned(),
            log_dir: log_dir.and_then(|dir| dir.as_str()).map(PathBuf::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sidecars_follow_the_configured_instance() {
        let settings = Settings::parse("instance = \"paper\"\n[log]\ndir = \"/var/log/shrike\"");
        let expected = Settings {
            instance: "paper".to_owned(),
            log_dir: Some(PathBuf::from("/var/log/shrike")),
        };
        assert_eq!(settings, Ok(expected));
        assert!(Settings::parse("[log]").is_err());
        assert!(Settings::parse("instance = ").is_err());
    }
}
