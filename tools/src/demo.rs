//! `shrike demo`: the whole system against a local exchange, on one screen.
//!
//! Five processes are started (venue, trader, guard, persist, metrics), watched through the rings, and
//! stopped in order: the trader cancels its orders, persist writes what is left, then the venue's
//! ledger, the journal and the database are compared. The directory keeps everything the run
//! wrote; shared memory is cleaned.

mod alertmanager;
mod crash;
mod derive;
mod plain;
mod session;
mod summary;
mod watch;
mod webhook;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rings::remove_instance;
use venue::Fall;

use crate::cli::{DemoArgs, Scenario};
use crate::exchange::{ENDED_FILE, Struck, tape_symbols};
use crate::exit::{Exit, Failure};
use crate::instance::is_live;
use crate::reconcile::{self, JournalPlace, Places};
use crate::siblings;
use crate::stop::Stop;

use crash::Report;
use derive::Base;
use session::{Session, Setup};
use summary::Summary;

/// Seconds of a generated market when none are asked for.
const SECONDS_DEFAULT: u64 = 60;
/// The trader arms within this time or something is wrong.
const ARM_TIMEOUT: Duration = Duration::from_secs(60);
/// What instances of demos are called.
const INSTANCE_PREFIX: &str = "demo_";

/// `shrike demo`.
///
/// # Errors
/// Something is missing or cannot be started. A run that started but did not go well is told in
/// its summary and gives exit 1.
pub(crate) fn run(args: &DemoArgs) -> Result<Exit, Failure> {
    let stop = Stop::on_signals()?;
    let tapes = absolute(&args.tape)?;
    let tape_symbols = tape_symbols(&tapes)?;
    siblings::ensure(&siblings::RUN, !args.no_build)?;
    let config = match &args.config {
        Some(config) => config.clone(),
        None => siblings::config_file("demo")?,
    };
    let base = Base::read(&config)?;
    remove_finished_demos();
    let dir = make_directory(args.dir.as_deref())?;
    let instance = format!("{INSTANCE_PREFIX}{}", std::process::id());
    let setup = Setup {
        instance: instance.clone(),
        symbols: if tapes.is_empty() { base.symbols() } else { tape_symbols },
        market: market_text(args, &tapes),
        tapes,
        seed: args.seed,
        speed: args.speed,
        loops: args.loop_tape,
        faults: args.faults.clone().map(absolute_plan),
        total_s: total_seconds(args),
        database: database(args, &dir),
        dir: dir.clone(),
        is_plain: args.plain,
        is_recorded: args.record,
        fall: args.scenario.map(|Scenario::Crash| args.fall.unwrap_or(crash::FALL)),
    };
    let mut session = Session::new(setup, stop)?;
    let started = session.start(&base);
    if started.is_ok() {
        match session.setup.fall {
            Some(fall) => crash::trade(&mut session, fall),
            None => trade(&mut session),
        }
    }
    if let Err(failure) = started {
        session.fail(failure);
    }
    let exit = finish(session)?;
    if !args.keep {
        clean(&instance);
    }
    Ok(exit)
}

/// How long to trade; a tape ends on its own.
fn total_seconds(args: &DemoArgs) -> Option<u64> {
    // A scenario ends when it is over.
    let is_endless = args.scenario.is_none() && (args.tape.is_empty() || args.loop_tape);
    args.seconds.or_else(|| is_endless.then_some(SECONDS_DEFAULT))
}

fn market_text(args: &DemoArgs, tapes: &[PathBuf]) -> String {
    let speed = if args.speed == 1.0 { String::new() } else { format!(" at {}×", args.speed) };
    if args.scenario.is_some() {
        let percent = args.fall.unwrap_or(crash::FALL).depth_ppm / 10_000;
        return format!("generated market that falls by {percent} %, seed {}{speed}", args.seed);
    }
    match tapes {
        [] => format!("generated market, seed {}{speed}", args.seed),
        [one] => {
            let name = one.file_name().unwrap_or_default().to_string_lossy();
            format!("recorded market {name}{speed}")
        }
        several => format!("recorded market of {} files{speed}", several.len()),
    }
}

/// A file of faults by its whole path, a seed as it is.
fn absolute_plan(faults: String) -> String {
    if faults.starts_with("seed:") {
        return faults;
    }
    std::path::absolute(&faults).map_or(faults, |path| path.to_string_lossy().into_owned())
}

fn database(args: &DemoArgs, dir: &Path) -> String {
    let file = || dir.join("shrike.db").to_string_lossy().into_owned();
    args.database_url.clone().filter(|url| !url.is_empty()).unwrap_or_else(file)
}

/// Trades until time is up, the tape has ended, someone asks to end, or the trader ends.
fn trade(session: &mut Session) {
    session.phase("arming");
    let started = Instant::now();
    let tape_ended = session.setup.dir.join("venue").join(ENDED_FILE);
    loop {
        match session.turn() {
            Ok(true) => {}
            Ok(false) => return,
            Err(failure) => return session.fail(failure),
        }
        if session.armed_at.is_none() && started.elapsed() > ARM_TIMEOUT {
            let reason = session.state_text();
            return session.fail(Failure::new(
                Exit::Failed,
                format!("the trader is not armed after {} s: {reason}", ARM_TIMEOUT.as_secs()),
                format!("look at {}", session.setup.dir.join("log").display()),
            ));
        }
        let is_over = session.setup.total_s.is_some_and(|total| session.elapsed_s() >= total);
        if is_over || tape_ended.exists() {
            return;
        }
    }
}

/// Stops everything in order, compares, and prints the summary.
fn finish(mut session: Session) -> Result<Exit, Failure> {
    session.stop();
    let places = Places {
        venue: session.setup.dir.join(reconcile::LEDGER_FILE).to_string_lossy().into_owned(),
        journal: JournalPlace::File(session.setup.dir.join(reconcile::JOURNAL_FILE)),
        database: session.setup.database.clone(),
        window: session.window(),
        running: false,
    };
    // A run that never reached trading has nothing to compare, and its failure says why.
    let comparison = if session.armed_at.is_some() {
        match reconcile::until_agreement(&places, Instant::now()) {
            Ok(comparison) => Some(comparison),
            Err(failure) => {
                session.fail(failure);
                None
            }
        }
    } else {
        None
    };
    session.leave_screen();
    let report = session.setup.fall.map(|fall| report(&session, fall));
    for failure in report.iter().flat_map(Report::failures) {
        session.fail(failure);
    }
    let elapsed_s = session.elapsed_s();
    let summary = Summary {
        live: session.live(),
        elapsed_s,
        dir: &session.setup.dir,
        database: &crate::ledger::database::without_password(&session.setup.database),
        comparison: comparison.as_ref(),
        restarts: &session.restarts,
        faults: session
            .setup
            .faults
            .as_deref()
            .map(|plan| (plan, Struck::read(&session.venue_dir()))),
        failures: &session.failures,
        alerts: session.received().len(),
        crash: report.map(|report| report.to_text()),
    };
    print!("{}", summary.to_text());
    if summary.is_good() {
        return Ok(Exit::Ok);
    }
    // What kept the run from starting has its own code; everything else is a failed run.
    let never_traded = session.armed_at.is_none();
    let first = session.failures.first().map(|failure| failure.exit);
    Ok(first.filter(|_| never_traded).unwrap_or(Exit::Failed))
}

/// What the fall led to, from everything the run left behind.
fn report(session: &Session, fall: Fall) -> Report {
    let manager = session.alertmanager().map(str::to_owned);
    let places = crash::Places {
        ledger: &session.setup.dir.join(reconcile::LEDGER_FILE),
        state_dir: &session.state_dir(),
        database: &session.setup.database,
        started_ms: session.started_ms(),
        config: &session.config_file(),
    };
    Report::gather(fall, session.live(), session.received(), manager, &places)
}

fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let absolute =
        |path: &PathBuf| std::path::absolute(path).map_err(|error| Failure::file(path, &error));
    paths.iter().map(absolute).collect()
}

/// Makes the run directory, readable by its owner alone: it holds keys.
fn make_directory(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let dir = match asked {
        Some(dir) => dir.to_owned(),
        None => {
            let time = chrono::Local::now().format("%Y%m%d-%H%M%S");
            PathBuf::from(".run").join(format!("demo-{time}"))
        }
    };
    let dir = std::path::absolute(&dir).map_err(|error| Failure::file(&dir, &error))?;
    if dir.join(reconcile::RUN_FILE).exists() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{} holds a run already", dir.display()),
            "name another directory with --dir, or remove that one",
        ));
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(dir.join("log")).map_err(|error| Failure::file(&dir, &error))?;
    Ok(dir)
}

/// Removes segments that demos left with --keep, or because they were killed.
fn remove_finished_demos() {
    for name in rings::instances() {
        let is_demo = name.starts_with(INSTANCE_PREFIX);
        if is_demo && !is_live(&name) && !is_demo_running(&name) {
            clean(&name);
        }
    }
}

/// Whether the demo that owns an instance still runs: its name holds the process id.
fn is_demo_running(instance: &str) -> bool {
    let pid = instance.strip_prefix(INSTANCE_PREFIX).and_then(|pid| pid.parse().ok());
    let pid = pid.and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

fn clean(instance: &str) {
    if let Err(error) = remove_instance(instance) {
        eprintln!("shrike: /dev/shm/shrike-{instance}-* stay: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Verb};
    use clap::Parser;

    fn arguments(line: &str) -> DemoArgs {
        let words = ["shrike", "demo"].into_iter().chain(line.split_whitespace());
        let Verb::Demo(args) = Cli::try_parse_from(words).expect("valid").verb else {
            panic!("demo")
        };
        args
    }

    #[test]
    fn a_generated_market_runs_a_minute_and_a_tape_to_its_end() {
        assert_eq!(total_seconds(&arguments("")), Some(60));
        assert_eq!(total_seconds(&arguments("--seconds 5")), Some(5));
        assert_eq!(total_seconds(&arguments("--tape a_1.gz")), None);
        assert_eq!(total_seconds(&arguments("--tape a_1.gz --seconds 5")), Some(5));
        assert_eq!(total_seconds(&arguments("--tape a_1.gz --loop")), Some(60));
        assert_eq!(total_seconds(&arguments("--scenario crash")), None);
    }

    #[test]
    fn the_database_is_a_file_of_the_run_unless_told_otherwise() {
        let mut args = arguments("");
        args.database_url = None;
        assert_eq!(database(&args, Path::new("/run/x")), "/run/x/shrike.db");
        args.database_url = Some("postgres://h/d".to_owned());
        assert_eq!(database(&args, Path::new("/run/x")), "postgres://h/d");
    }

    #[test]
    fn the_market_is_named() {
        assert_eq!(market_text(&arguments("--seed 7"), &[]), "generated market, seed 7");
        let text = market_text(&arguments("--scenario crash --fall 5,5,12"), &[]);
        assert_eq!(text, "generated market that falls by 12 %, seed 1");
        let tapes = [PathBuf::from("/a/btcusdt_1.gz")];
        let text = market_text(&arguments("--speed 4"), &tapes);
        assert_eq!(text, "recorded market btcusdt_1.gz at 4×");
    }

    #[test]
    fn a_directory_is_used_once() {
        let parent = tempfile::tempdir().expect("temporary directory");
        let dir = make_directory(Some(&parent.path().join("run"))).expect("made");
        assert!(dir.join("log").is_dir());
        std::fs::write(dir.join(reconcile::RUN_FILE), "{}").expect("written");
        let failure = make_directory(Some(&dir)).expect_err("used");
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn a_demo_whose_process_lives_is_left_alone() {
        let own = format!("{INSTANCE_PREFIX}{}", std::process::id());
        assert!(is_demo_running(&own));
        assert!(!is_demo_running("demo_x"));
    }
}
