//! From a configuration to an exit code.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use anyhow::Context as _;
use binance::rest::RestSigner;
use binance::{Encoder, SymbolFormat, SymbolTable};
use core_affinity::CoreId;
use engine::Engine;
use rings::{Identity, Presence, Ring, control};
use rustix::thread::{CpuSet, sched_setaffinity};
use schema::{Blob, BlobKind, BootEpoch, Event, Record, SymbolName, Taken, TradingState};

use crate::cold::account::{self, AccountLock};
use crate::cold::builds::Builds;
use crate::cold::start::{self, Listed};
use crate::cold::{Budget, Left, Rest, Supervisor};
use crate::cold::{deadman, kill, last_way};
use crate::config::{self, Config, Wait, keys};
use crate::counters::Counters;
use crate::desk::Desk;
use crate::gate::Gate;
use crate::journal::Journal;
use crate::links::Links;
use crate::logging::{self, LogThread};
use crate::net::tls;
use crate::queues::{LOG_ENTRIES, MESSAGES};
use crate::segments::{Rings, build, identity, run_info, segment};
use crate::turn::{Outcome, Parts, Turn};
use crate::{alloc, tsc};

/// Clean end (sysexits.h, as are the others).
pub const EX_OK: u8 = 0;
/// The venue is unavailable at start.
pub const EX_UNAVAILABLE: u8 = 69;
/// Internal error.
pub const EX_SOFTWARE: u8 = 70;
/// Another trader holds the instance.
pub const EX_TEMPFAIL: u8 = 75;
/// The configuration has mistakes.
pub const EX_CONFIG: u8 = 78;

/// Commands that may wait in the control ring.
const COMMANDS: usize = 64;

/// Prints every mistake of a file; the exit code says whether there was one.
pub fn check_config(path: &Path) -> ExitCode {
    match config::load(path) {
        Ok(config) => {
            println!("{}: no mistake; {}", path.display(), config::summary(&config));
            ExitCode::from(EX_OK)
        }
        Err(mistakes) => {
            for mistake in &mistakes {
                println!("{mistake}");
            }
            let count = mistakes.len();
            eprintln!("{count} mistake{} in {}", if count == 1 { "" } else { "s" }, path.display());
            ExitCode::from(EX_CONFIG)
        }
    }
}

/// Why a run did not begin, with its exit code.
pub(crate) struct Failure(pub(crate) u8, pub(crate) anyhow::Error);

trait Exit<T> {
    fn or_exit(self, code: u8) -> Result<T, Failure>;
}
impl<T, E: Into<anyhow::Error>> Exit<T> for Result<T, E> {
    fn or_exit(self, code: u8) -> Result<T, Failure> {
        self.map_err(|error| Failure(code, error.into()))
    }
}

/// Runs a trader until it is told to stop.
pub fn run(path: &Path, take_over: bool) -> ExitCode {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
            return ExitCode::from(EX_CONFIG);
        }
    };
    match run_checked(config, take_over) {
        Ok(code) => ExitCode::from(code),
        Err(Failure(code, error)) => {
            log::error!(target: "trading", "{error:#}");
            log::logger().flush();
            if !log::log_enabled!(target: "trading", log::Level::Error) {
                eprintln!("trader: {error:#}");
            }
            ExitCode::from(code)
        }
    }
}

fn run_checked(config: Config, take_over: bool) -> Result<u8, Failure> {
    logging::init(&config.log).or_exit(EX_CONFIG)?;
    die_whole();
    if alloc::abort_from_env() {
        log::info!(target: "trading", "an allocation of the hot thread ends the process");
    }
    log::info!(target: "trading", "{}", config::summary(&config));
    let config = Arc::new(config);
    let credentials = keys::load(&config.keys).or_exit(EX_CONFIG)?;
    let api_key = credentials.api_key.text().or_exit(EX_CONFIG)?.to_owned();
    let tls = tls::client_config(config.venue.ca_file.as_deref()).or_exit(EX_CONFIG)?;
    let (stop, kill) = signals().or_exit(EX_SOFTWARE)?;
    let latch = config.switch.latch.as_path();
    kill::check_folder(latch).with_context(|| no_latch(latch)).or_exit(EX_CONFIG)?;
    // Counted before the hot thread's core is taken from the others.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wait = wait(config.hot_loop.wait, cores);
    let core = reserve_core(config.hot_loop.core);

    // The control segment's lock first: a second trader must not touch the account.
    let identity = identity(&config.instance);
    let control = control::Receiver::<Record>::create(&config.instance, COMMANDS, identity, &[])
        .map_err(|error| segment(error, Ring::Control))?;
    let _account = AccountLock::take(&api_key).or_exit(EX_TEMPFAIL)?;
    let build = build();
    let _presence = Presence::announce(&config.instance, "trader", &build)
        .map_err(|error| anyhow::anyhow!("cannot say that this trader lives: {error}"))
        .or_exit(EX_SOFTWARE)?;
    let signer = RestSigner::new(&api_key, credentials.signer.clone(), config.venue.recv_window_ms);
    let timeout = Duration::from_millis(config.venue.rest_timeout_ms);
    let ca_file = config.venue.ca_file.as_deref();
    let counters = Counters::default();
    let budget = Arc::new(Budget::new(counters.clone()));
    let rest = Rest::new(&config.venue.rest_url, ca_file, timeout, signer, Arc::clone(&budget))
        .or_exit(EX_CONFIG)?;
    let rest = Arc::new(rest);
    let names: Vec<SymbolName> = config.symbols.iter().map(|symbol| symbol.name).collect();
    let left = Left::read(&config.instance, &names);
    start::check_clock(&start::Patient(&*rest), &config).or_exit(EX_UNAVAILABLE)?;
    if !take_over {
        let known = left.as_ref().map(|left| left.epochs.clone()).unwrap_or_default();
        let api = start::Patient(&*rest);
        account::refuse_if_traded_elsewhere(&api, &names, &known, std::thread::sleep)
            .or_exit(EX_TEMPFAIL)?;
    }
    let listed = prepare_venue(&rest, &config).or_exit(EX_UNAVAILABLE)?;

    let formats: Vec<SymbolFormat> = listed.iter().map(|listed| listed.format).collect();
    let encoder = Encoder::new(&api_key, credentials.signer, &formats, config.venue.recv_window_ms)
        .map_err(|error| anyhow::anyhow!("the encoder refuses the settings: {error}"))
        .or_exit(EX_CONFIG)?;
    let pressed = kill::at_start(latch);
    if let Some(how) = &pressed {
        log::error!(
            target: "risk",
            "starting killed: {how}; cancelling and closing everything, until `shrike unkill`"
        );
    }
    let settings = engine_config(&config, &listed, identity, pressed.is_some());
    let settings_text = settings.to_text();
    let engine = Engine::new(settings)
        .map_err(|error| anyhow::anyhow!("the engine refuses the settings: {error}"))
        .or_exit(EX_CONFIG)?;
    let tsc_hz = tsc::calibrate();
    let info = run_info(&config, &listed, tsc_hz);
    let rings = Rings::create(&config, identity, &info)?;

    let (log_in, log_out) = rtrb::RingBuffer::new(LOG_ENTRIES);
    let log_thread = LogThread::start(log_out).or_exit(EX_SOFTWARE)?;
    let (to_hot, from_cold) = rtrb::RingBuffer::new(MESSAGES);
    let (to_cold, from_hot) = rtrb::RingBuffer::new(MESSAGES);
    let heart = Arc::new(AtomicU64::new(0));
    let mut desk = Desk::new(engine, Gate::new(encoder), Journal::new(rings.journal), log_in);
    record_start(&mut desk, identity, &settings_text);
    let parts = Parts {
        desk,
        links: Links::new().context("no poll").or_exit(EX_SOFTWARE)?,
        symbols: SymbolTable::new(&names),
        market: rings.market,
        status: rings.status,
        control,
        from_cold,
        to_cold,
        counters: counters.clone(),
        heart: Arc::clone(&heart),
        wait,
        turn_budget_ns: config.hot_loop.turn_budget_us * 1_000,
        session: config.links.session,
        stale_ns: i64::try_from(config.limits.feed_delay_ns_max).unwrap_or(i64::MAX),
        tsc_hz,
        flatten_on_stop: config.stop.flatten_on_stop,
        stop_timeout_ns: config.stop.timeout_ms * 1_000_000,
        left: left.as_ref().map(|left| left.missed),
    };
    let mut supervisor = Supervisor::new(
        Arc::clone(&config),
        Arc::clone(&rest),
        budget,
        tls,
        to_hot,
        from_hot,
        heart,
        counters,
        stop,
        left,
        Builds::new(&config.instance, build),
        kill::Switch::new(latch, kill, pressed.is_some()),
    )
    .or_exit(EX_SOFTWARE)?;
    let outcome = supervise(&mut supervisor, parts, core).or_exit(EX_SOFTWARE)?;
    if outcome.is_quiet && config.dead_man.countdown_ms > 0 {
        // Nothing is left to cancel; a timer that runs out later could meet the next trader's
        // orders before it has set its own.
        if let Err(error) = deadman::set(&*rest, &names, 0) {
            log::warn!(target: "risk", "{error:#}");
        }
    }
    if !outcome.is_quiet {
        let is_killed = outcome.status.trading_state == TradingState::Killed as u64;
        cancel_by_rest(&rest, &names, config.stop.flatten_on_stop || is_killed);
    }
    log_thread.stop();
    Ok(finish(&outcome))
}

/// Runs the hot thread, and the supervisor here until it ends.
fn supervise(
    supervisor: &mut Supervisor,
    parts: Parts,
    core: Option<CoreId>,
) -> anyhow::Result<Outcome> {
    let hot = std::thread::Builder::new()
        .name("hot".to_owned())
        .spawn(move || {
            pin(core);
            Turn::new(parts).run()
        })
        .context("cannot start the hot thread")?;
    supervisor.run(&hot);
    hot.join().map_err(|_| anyhow::anyhow!("the hot thread panicked"))
}

fn prepare_venue(rest: &Rest, config: &Config) -> anyhow::Result<Vec<Listed>> {
    let rest = &start::Patient(rest);
    let listed = start::listing(rest, config)?;
    start::set_modes(rest, config)?;
    start::cancel_stale(rest, config)?;
    Ok(listed)
}

/// The last net of a stop that was not confirmed in time. What it leaves is cancelled by the
/// dead-man timers, which go on running.
fn cancel_by_rest(rest: &Rest, names: &[SymbolName], is_flat: bool) {
    match last_way::cancel_all(rest, names, is_flat) {
        Ok(()) => log::warn!(target: "trading", "what was still open is cancelled by REST"),
        Err(error) => log::error!(target: "trading", "not cancelled by REST: {error:#}"),
    }
}

/// A panic anywhere ends the whole process, as it does in a release build: a trader without one of
/// its threads is worse than none. Nothing of its memory, which holds keys, is written to disk.
fn die_whole() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        hook(panic);
        log::error!(target: "trading", "{panic}");
        log::logger().flush();
        std::process::abort();
    }));
    let behavior = rustix::process::DumpableBehavior::NotDumpable;
    if let Err(error) = rustix::process::set_dumpable_behavior(behavior) {
        log::warn!(target: "trading", "memory of a crash may reach the disk: {error}");
    }
}

/// SIGINT and SIGTERM as one flag, and SIGUSR1, which presses the kill switch, as another.
fn signals() -> anyhow::Result<(Arc<AtomicBool>, Arc<AtomicBool>)> {
    use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
    let (stop, kill) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    for (signal, flag) in [(SIGINT, &stop), (SIGTERM, &stop), (SIGUSR1, &kill)] {
        signal_hook::flag::register(signal, Arc::clone(flag)).context("cannot take signals")?;
    }
    Ok((stop, kill))
}

fn no_latch(latch: &Path) -> String {
    format!(
        "the kill switch cannot be pressed at {}; make that folder writable, or set kill.state_dir",
        latch.display()
    )
}

/// The first records of a start: with them, what follows can be replayed.
fn record_start(desk: &mut Desk, identity: Identity, settings: &str) {
    let now = tsc::now();
    desk.record(now, &Event::Boot(BootEpoch(identity.boot_epoch), now.wall));
    let texts = [(BlobKind::Build, engine::tape::BUILD), (BlobKind::Config, settings)];
    for (what, text) in texts {
        for blob in Blob::of(what, text.as_bytes()) {
            desk.record(now, &Event::Taken(Taken::Blob(blob)));
        }
    }
}

fn engine_config(
    config: &Config,
    listed: &[Listed],
    identity: Identity,
    is_killed: bool,
) -> engine::Config {
    engine::Config {
        symbols: listed.iter().map(|listed| listed.config).collect(),
        limits: config.limits,
        timing: config.timing,
        strategy: config.strategy,
        params: config.params,
        epoch: BootEpoch(identity.boot_epoch),
        require_verdict: config.require_verdict,
        is_enabled: config.is_enabled,
        is_killed,
        safety: config.safety,
    }
}

/// How the loop really waits: a busy loop on the only core would starve what feeds it.
fn wait(wanted: Wait, cores: usize) -> Wait {
    if wanted != Wait::Busy || cores >= 2 {
        return wanted;
    }
    log::warn!(
        target: "trading",
        "loop.wait = \"busy\" needs a core of its own and there is {cores}; using \"yield\""
    );
    Wait::Yield
}

/// Finds the hot thread's core and keeps this thread, and those it will start, off it.
fn reserve_core(core: Option<usize>) -> Option<CoreId> {
    let core = core?;
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    let Some(found) = ids.iter().copied().find(|id| id.id == core) else {
        log::warn!(target: "trading", "core {core} is not available; the hot thread is not pinned");
        return None;
    };
    let mut others = CpuSet::new();
    ids.iter().filter(|id| id.id != core).for_each(|id| others.set(id.id));
    if others.count() == 0 {
        log::warn!(target: "trading", "core {core} is the only one; other threads share it");
    } else if let Err(error) = sched_setaffinity(None, &others) {
        log::warn!(target: "trading", "other threads may run on core {core}: {error}");
    }
    Some(found)
}

fn pin(core: Option<CoreId>) {
    let Some(core) = core else { return };
    if core_affinity::set_for_current(core) {
        log::info!(target: "trading", "hot thread pinned to core {}", core.id);
    } else {
        log::warn!(target: "trading", "the hot thread cannot be pinned to core {}", core.id);
    }
}

/// The summary line, and the exit code.
fn finish(outcome: &Outcome) -> u8 {
    let status = &outcome.status;
    let (log_dropped, records_lost, failures_lost) = outcome.losses;
    log::info!(
        target: "trading",
        "stopped: {} turns (longest {} us), {} ticks, {} orders, {} fills, {} messages sent, \
         allocations after start-up: hot {}, tls {}; lost: {log_dropped} log lines, \
         {records_lost} records, {failures_lost} failures",
        status.turns,
        status.turn_max_ns / 1_000,
        status.ticks,
        status.orders,
        status.fills,
        outcome.sent,
        outcome.allocations.hot,
        outcome.allocations.tls,
    );
    let code = if outcome.is_quiet {
        EX_OK
    } else {
        log::error!(
            target: "trading",
            "orders were not confirmed cancelled in time; look at the venue's open orders"
        );
        EX_SOFTWARE
    };
    log::logger().flush();
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_loop_needs_a_second_core() {
        assert_eq!(wait(Wait::Busy, 2), Wait::Busy);
        assert_eq!(wait(Wait::Busy, 1), Wait::Yield);
        assert_eq!(wait(Wait::Park, 1), Wait::Park);
    }
}
