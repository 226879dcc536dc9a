//! The `guard` process: reads the environment's file, starts the threads, gives the verdict until
//! it is asked to end. What it does is in the library.

mod log;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use guard::alert::{About, Alerts};
use guard::clock::wall_ns;
use guard::config::{self, Config};
use guard::killer::Killer;
use guard::look::{self, Client};
use guard::publish::Publisher;
use guard::record::{FILE, Record};
use guard::watch::{Parts, TURN, Watch};
use rings::OpenError;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

/// Watch an account with a key of its own, say each second whether risk may be added, and press
/// the kill switch.
///
/// Runs with or without a trader. SIGUSR1 presses the kill switch; SIGTERM and SIGINT end guard and
/// leave everything as it is: without guard's word a trader that demands it adds no risk.
///
/// Exit codes: 0 stopped, 64 usage, 70 a segment or thread cannot be had, 75 another guard runs
/// this instance, 78 settings or keys.
#[derive(Debug, Parser)]
#[command(version, after_help = "Example: guard --config config/paper.toml")]
struct Arguments {
    /// The environment's file.
    #[arg(long, value_name = "FILE", required_unless_present = "check")]
    config: Option<PathBuf>,
    /// Check guard's part of a file, say what it holds, and end.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    check: Option<PathBuf>,
}

/// Settings or keys (sysexits.h EX_CONFIG).
const EX_CONFIG: u8 = 78;
/// Another guard runs (EX_TEMPFAIL).
const EX_TEMPFAIL: u8 = 75;
/// What should work does not (EX_SOFTWARE).
const EX_SOFTWARE: u8 = 70;
/// How long alerts have to leave at the end.
const ALERTS_WAIT: Duration = Duration::from_secs(2);

/// An exit code and what is said with it.
struct Failure(u8, anyhow::Error);

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
    if let Some(file) = &arguments.check {
        return match config::load(file) {
            Ok(config) => {
                println!("{}", config::summary(&config));
                ExitCode::SUCCESS
            }
            Err(mistakes) => say(&mistakes),
        };
    }
    let Some(file) = arguments.config else { return ExitCode::from(64) };
    let config = match config::load(&file) {
        Ok(config) => config,
        Err(mistakes) => return say(&mistakes),
    };
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, error)) => {
            eprintln!("guard: {error:#}");
            ExitCode::from(code)
        }
    }
}

fn say(mistakes: &[config::Mistake]) -> ExitCode {
    mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
    ExitCode::from(EX_CONFIG)
}

fn run(config: Config) -> Result<(), Failure> {
    let software = |error: anyhow::Error| Failure(EX_SOFTWARE, error);
    let settings = |error: anyhow::Error| Failure(EX_CONFIG, error);
    let thread = |error: std::io::Error| Failure(EX_SOFTWARE, error.into());
    log::start(config.log_dir.as_deref()).map_err(settings)?;
    // A crash must not write its keys to the disk.
    let behavior = rustix::process::DumpableBehavior::NotDumpable;
    if let Err(error) = rustix::process::set_dumpable_behavior(behavior) {
        ::log::warn!("memory of a crash may reach the disk: {error}");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let signal = Arc::new(AtomicBool::new(false));
    signals(&stop, &signal).map_err(software)?;
    let publisher = Publisher::start(&config.instance, wall_ns()).map_err(|error| {
        let code = if error == OpenError::Busy { EX_TEMPFAIL } else { EX_SOFTWARE };
        let busy = if code == EX_TEMPFAIL { "another guard runs this instance; " } else { "" };
        Failure(code, anyhow::anyhow!("{busy}{error}"))
    })?;
    let about = About {
        environment: config.environment.name().to_owned(),
        instance: config.instance.clone(),
    };
    let alerts = Alerts::start(&config.alerts, &about).map_err(settings)?;
    let (news_in, news) = channel();
    let (records, records_out) = channel();
    let record = remembered(&config);
    let state_dir = config.kill.state_dir.clone();
    let saver = std::thread::Builder::new().name("record".to_owned());
    let saver = saver.spawn(move || save(&state_dir, &records_out)).map_err(thread)?;
    let every = Duration::from_millis(config.guard.interval_ms);
    let venue = || Client::new(&config).map_err(settings);
    let (symbols, stopping) = (config.symbols.clone(), Arc::clone(&stop));
    let is_suspected = Arc::new(AtomicBool::new(false));
    let again = Arc::clone(&is_suspected);
    look::account(venue()?, symbols.clone(), every, news_in.clone(), stopping, again)
        .map_err(thread)?;
    let is_killed = Arc::new(AtomicBool::new(false));
    let slower = Arc::clone(&is_killed);
    look::copy(venue()?, symbols, news_in, Arc::clone(&stop), slower).map_err(thread)?;
    let killer = Killer::start(&config, venue()?).map_err(thread)?;
    let parts =
        Parts { publisher, alerts, news, records, signal, is_suspected, is_killed, killer, record };
    let mut watch = Watch::new(config, parts).map_err(software)?;
    // Not under systemd there is nobody to notify, which is no error.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    while !stop.load(Ordering::Relaxed) {
        watch.turn();
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        std::thread::sleep(TURN);
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    watch.finish(ALERTS_WAIT);
    let _ = saver.join();
    ::log::info!("stopped");
    Ok(())
}

/// SIGTERM and SIGINT end it, SIGUSR1 presses the switch.
fn signals(stop: &Arc<AtomicBool>, press: &Arc<AtomicBool>) -> Result<()> {
    for signal in [SIGTERM, SIGINT] {
        // A second signal ends the process at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(stop))?;
        signal_hook::flag::register(signal, Arc::clone(stop))?;
    }
    signal_hook::flag::register(SIGUSR1, Arc::clone(press)).context("cannot watch SIGUSR1")?;
    Ok(())
}

/// What an earlier run left; one that cannot be read is put aside, and guard begins anew.
fn remembered(config: &Config) -> Option<Record> {
    let dir = &config.kill.state_dir;
    Record::load(dir).unwrap_or_else(|error| {
        let file = dir.join(FILE);
        ::log::error!("{}: {error}; the highest equity begins anew", file.display());
        let _ = std::fs::rename(&file, file.with_extension("json.bad"));
        None
    })
}

/// Writes what is remembered, the newest only, until nobody sends any more.
fn save(dir: &Path, records: &Receiver<Record>) {
    let mut was_written = true;
    while let Ok(record) = records.recv() {
        let newest = records.try_iter().last().unwrap_or(record);
        let written = newest.save(dir);
        if let (Err(error), true) = (&written, was_written) {
            ::log::error!("{}: {error}; a restart would forget", dir.join(FILE).display());
        }
        was_written = written.is_ok();
    }
}
