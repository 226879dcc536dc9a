//! One demo run: its processes, its screen, its start and its stop.

mod alerts;
mod faults;

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use schema::TradingState;
use venue::Fall;

use super::crash;
use super::derive::{Base, Derived};
use super::plain;
use super::watch::Watch;
use super::webhook::Webhook;
use crate::exchange::Urls;
use crate::exit::{Exit, Failure};
use crate::instance::mono_ns;
use crate::ledger::database::{Window, without_password};
use crate::live::Live;
use crate::plans;
use crate::process::{Plan, Process, Sink};
use crate::reconcile::{JOURNAL_FILE, LEDGER_FILE, RunFile};
use crate::screen::{self, Frame, Health};
use crate::sidecar::Sidecar;
use crate::stop::Stop;
use crate::terminal::Terminal;

/// Time of one turn: the rings are read and the screen is drawn ten times a second.
const TURN: Duration = Duration::from_millis(100);
/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(2);
/// A venue reads its tapes and makes its keys in this time.
const VENUE_START: Duration = Duration::from_secs(60);
/// The trader cancels and confirms its orders in this time.
const TRADER_STOP: Duration = Duration::from_secs(30);
/// persist writes what is left in the journal in this time.
const PERSIST_STOP: Duration = Duration::from_secs(60);
/// Everything else ends in this time.
const OTHER_STOP: Duration = Duration::from_secs(15);
/// What arrived at the demo's own receiver of alerts, one message a line.
const ALERTS_FILE: &str = "alerts.jsonl";
/// Where everything the trader took and said is kept.
const RECORDING_FILE: &str = "run.rec";
/// Log lines kept for the screen.
const LOG_LINES: usize = 64;

/// What a run is made of.
pub(super) struct Setup {
    /// Name of the instance.
    pub(super) instance: String,
    /// Symbols to trade.
    pub(super) symbols: Vec<String>,
    /// The market, for people.
    pub(super) market: String,
    /// Recorded markets; none for the generated one.
    pub(super) tapes: Vec<PathBuf>,
    /// Seed of the venue.
    pub(super) seed: u64,
    /// Speed of the market.
    pub(super) speed: f64,
    /// Whether a tape begins again at its end.
    pub(super) loops: bool,
    /// How the venue misbehaves: a file or a seed.
    pub(super) faults: Option<String>,
    /// Seconds to trade; `None` for a whole tape.
    pub(super) total_s: Option<u64>,
    /// SQLite file or PostgreSQL URL.
    pub(super) database: String,
    /// Where everything goes.
    pub(super) dir: PathBuf,
    /// Lines instead of a screen.
    pub(super) is_plain: bool,
    /// Whether everything is kept for a replay.
    pub(super) is_recorded: bool,
    /// The market falls, and the account is long.
    pub(super) fall: Option<Fall>,
}

/// A run in progress.
pub(super) struct Session {
    /// What it is made of.
    pub(super) setup: Setup,
    /// When the trader armed for the first time.
    pub(super) armed_at: Option<Instant>,
    /// What went wrong.
    pub(super) failures: Vec<Failure>,
    /// How often each sidecar was started again.
    pub(super) restarts: Vec<(&'static str, u32)>,
    stop: Stop,
    watch: Watch,
    terminal: Option<Terminal>,
    sink: Sink,
    log: Arc<Mutex<VecDeque<String>>>,
    phase: String,
    venue: Option<Process>,
    trader: Option<Process>,
    sidecars: Vec<Sidecar>,
    traded_s: Option<u64>,
    started_ms: i64,
    line_at: Instant,
    state: Option<TradingState>,
    /// Where the venue's faults are set.
    faults_url: Option<String>,
    /// Where alerts arrive.
    webhook: Webhook,
    /// Address of a real Alertmanager, in a scenario and where there is one.
    alertmanager: Option<String>,
}

impl Session {
    /// Nothing is started yet.
    ///
    /// # Errors
    /// The terminal or the log file cannot be had.
    pub(super) fn new(setup: Setup, stop: Stop) -> Result<Self, Failure> {
        use std::io::IsTerminal;
        let log = Arc::new(Mutex::new(VecDeque::with_capacity(LOG_LINES)));
        let sink = sink(&setup, Arc::clone(&log))?;
        let is_screen = !setup.is_plain && std::io::stdout().is_terminal();
        let terminal = if is_screen { Some(Terminal::take()?) } else { None };
        let webhook = Webhook::start(&setup.dir.join(ALERTS_FILE))?;
        let watch = Watch::new(setup.instance.clone(), setup.dir.join(JOURNAL_FILE));
        Ok(Self {
            setup,
            armed_at: None,
            failures: vec![],
            restarts: vec![],
            stop,
            watch,
            terminal,
            sink,
            log,
            phase: String::new(),
            venue: None,
            trader: None,
            sidecars: vec![],
            traded_s: None,
            started_ms: wall_ms(),
            line_at: Instant::now(),
            state: None,
            faults_url: None,
            webhook,
            alertmanager: None,
        })
    }

    /// Starts the venue, waits for it, then starts the others.
    ///
    /// # Errors
    /// Something does not start.
    pub(super) fn start(&mut self, base: &Base) -> Result<(), Failure> {
        self.phase("starting the venue");
        self.venue = Some(Process::start(&self.venue_plan(base)?, &self.sink)?);
        let urls = self.wait_for_venue()?;
        self.faults_url = Some(format!("{}/shrike/faults", urls.plain_rest_url));
        let manager = self.start_alertmanager()?;
        let config = self.write_config(base, &urls)?;
        RunFile {
            instance: self.setup.instance.clone(),
            database: without_password(&self.setup.database),
            ledger_url: format!("{}/shrike/ledger", urls.plain_rest_url),
            started_ms: self.started_ms,
            finished_ms: None,
        }
        .write(&self.setup.dir)?;
        if self.setup.is_recorded {
            let out = self.setup.dir.join(RECORDING_FILE);
            let plan = plans::record(&self.setup.instance, &out)?;
            self.sidecars.push(Sidecar::start(plan, &self.sink)?);
        }
        self.phase("starting the trader");
        self.trader = Some(Process::start(&plans::trader(&config)?, &self.sink)?);
        let logs = self.setup.dir.join("log");
        let instance = &self.setup.instance;
        let address = self.setup.dir.join("metrics.address");
        // Stopped in this order: what guard says last is written, and its alerts are taken.
        let plans = [
            plans::guard(&config)?,
            plans::persist(instance, Some(&self.setup.database), Some(&logs))?,
            plans::metrics(instance, Some(&address), Some(&logs))?,
        ];
        for plan in plans {
            self.sidecars.push(Sidecar::start(plan, &self.sink)?);
        }
        self.sidecars.extend(manager);
        Ok(())
    }

    /// The kill switch's folder.
    pub(super) fn state_dir(&self) -> PathBuf {
        self.setup.dir.join("state")
    }

    /// The run's configuration.
    pub(super) fn config_file(&self) -> PathBuf {
        self.setup.dir.join("trader.toml")
    }

    fn venue_plan(&self, base: &Base) -> Result<Plan, Failure> {
        let setup = &self.setup;
        let program = std::env::current_exe().map_err(|error| {
            Failure::new(Exit::Unavailable, format!("the path of shrike: {error}"), "")
        })?;
        let mut args: Vec<std::ffi::OsString> = vec!["venue".into(), "--dir".into()];
        args.push(setup.dir.join("venue").into());
        let seed_and_speed = [
            "--seed".to_owned(),
            setup.seed.to_string(),
            "--speed".to_owned(),
            setup.speed.to_string(),
        ];
        args.extend(seed_and_speed.map(Into::into));
        if let Some(capital) = base.capital() {
            args.extend(["--balance".into(), capital.into()]);
        }
        for tape in &setup.tapes {
            args.extend(["--tape".into(), tape.into()]);
        }
        if setup.loops {
            args.push("--loop".into());
        }
        if let Some(faults) = &setup.faults {
            args.extend(["--faults".into(), faults.into()]);
        }
        if let Some(fall) = &setup.fall {
            args.extend(["--fall".into(), fall.to_string().into()]);
        }
        if setup.tapes.is_empty() {
            for symbol in &setup.symbols {
                args.extend(["--symbol".into(), symbol.into()]);
            }
        }
        Ok(Plan { name: "venue", program, args, env: vec![], nice: 0 })
    }

    /// Where the venue keeps its files.
    pub(super) fn venue_dir(&self) -> PathBuf {
        self.setup.dir.join("venue")
    }

    fn wait_for_venue(&mut self) -> Result<Urls, Failure> {
        let deadline = Instant::now() + VENUE_START;
        loop {
            if let Some(urls) = Urls::read(&self.setup.dir.join("venue")) {
                return Ok(urls);
            }
            if let Some(venue) = &mut self.venue
                && let Some(status) = venue.ended()
            {
                venue.wait(Duration::from_secs(1));
                return Err(venue.failure(status));
            }
            if Instant::now() >= deadline {
                return Err(Failure::new(
                    Exit::Busy,
                    format!("the venue is not ready after {} s", VENUE_START.as_secs()),
                    format!("look at {}", self.setup.dir.join("log/venue.out").display()),
                ));
            }
            if !self.turn()? {
                return Err(Failure::new(Exit::Failed, "ended before the venue was ready", ""));
            }
        }
    }

    fn write_config(&mut self, base: &Base, urls: &Urls) -> Result<PathBuf, Failure> {
        let mut alerts = vec![("webhook", self.webhook.url("guard"))];
        alerts.extend(self.alertmanager.iter().map(|url| ("alertmanager", url.clone())));
        let (mut document, copied) = base.derive(&Derived {
            instance: &self.setup.instance,
            urls,
            venue_dir: &self.setup.dir.join("venue"),
            log_dir: &self.setup.dir.join("log"),
            symbols: &self.setup.symbols,
            state_dir: &self.state_dir(),
            alerts: &alerts,
        })?;
        if self.setup.fall.is_some() {
            crash::prepare(&mut document);
        }
        for symbol in copied {
            self.say(&format!("{symbol} is not in the configuration: it gets another's limits"));
        }
        let path = self.config_file();
        std::fs::write(&path, document.to_string())
            .map_err(|error| Failure::file(&path, &error))?;
        Ok(path)
    }

    /// One turn: reads the rings, looks after the processes, draws. `false` when the run shall end.
    ///
    /// # Errors
    /// The venue or the trader ended, or a file cannot be written.
    pub(super) fn turn(&mut self) -> Result<bool, Failure> {
        self.look()?;
        for process in [&mut self.venue, &mut self.trader].into_iter().flatten() {
            if let Some(status) = process.ended() {
                process.wait(Duration::from_secs(1));
                return Err(process.failure(status));
            }
        }
        let mut news = vec![];
        for sidecar in &mut self.sidecars {
            news.extend(sidecar.turn(&self.sink));
        }
        news.iter().for_each(|text| self.say(text));
        std::thread::sleep(TURN);
        Ok(!self.stop.asked())
    }

    /// Reads the rings and shows them.
    fn look(&mut self) -> Result<(), Failure> {
        self.watch.turn()?;
        let state = screen::trading_state(&self.watch.live.status);
        if self.watch.live.status.mono_ns != 0 && state != self.state {
            self.state = state;
            if state == Some(TradingState::Armed) && self.armed_at.is_none() {
                self.armed_at = Some(Instant::now());
                self.phase("trading");
            }
            self.say(&format!("trading state: {}", self.state_text()));
        }
        if self.terminal.as_ref().is_some_and(Terminal::is_end_asked) {
            self.stop.ask();
        }
        let frame = self.terminal.is_some().then(|| self.frame());
        match (&mut self.terminal, frame) {
            (Some(terminal), Some(frame)) => terminal.draw(&self.watch.live, &frame)?,
            _ if self.armed_at.is_some() && self.line_at.elapsed() >= LINE_EVERY => {
                self.line_at = Instant::now();
                let line = plain::line(&self.watch.live, self.elapsed_s());
                println!("{line}{}", self.faults_text("  faults "));
            }
            _ => {}
        }
        Ok(())
    }

    fn frame(&self) -> Frame {
        let health = |process: &Option<Process>| match process {
            Some(_) => Health::Up,
            None if self.traded_s.is_some() => Health::Done,
            None => Health::Waiting,
        };
        let mut processes = vec![("venue", health(&self.venue)), ("trader", health(&self.trader))];
        let manager = self.alertmanager.as_ref().map(|_| "alertmanager");
        for name in ["guard", "persist", "metrics"].into_iter().chain(manager) {
            let sidecar = self.sidecars.iter().find(|sidecar| sidecar.name() == name);
            processes.push((
                name,
                match sidecar {
                    Some(sidecar) if sidecar.is_up() => Health::Up,
                    Some(_) => Health::Failed,
                    None if self.traded_s.is_some() => Health::Done,
                    None => Health::Waiting,
                },
            ));
        }
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        Frame {
            instance: self.setup.instance.clone(),
            market: format!("{}{}", self.setup.market, self.faults_text(", faults ")),
            phase: self.phase.clone(),
            elapsed_s: self.elapsed_s(),
            total_s: self.setup.total_s,
            processes,
            page: self.page(),
            dir: short_path(&self.setup.dir),
            log: log.iter().cloned().collect(),
            now_mono_ns: mono_ns(),
        }
    }

    /// Address of the live page, once metrics serves it.
    fn page(&self) -> Option<String> {
        let address = std::fs::read_to_string(self.setup.dir.join("metrics.address")).ok()?;
        Some(format!("http://{}/", address.trim()))
    }

    /// Seconds since the trader armed, until trading ended.
    pub(super) fn elapsed_s(&self) -> u64 {
        let now = || self.armed_at.map_or(0, |armed| armed.elapsed().as_secs());
        self.traded_s.unwrap_or_else(now)
    }

    /// Trading state, once the trader has told one.
    pub(super) fn state(&self) -> Option<TradingState> {
        self.state
    }

    /// When the run began, Unix ms.
    pub(super) fn started_ms(&self) -> i64 {
        self.started_ms
    }

    /// What is known of the run.
    pub(super) fn live(&self) -> &Live {
        &self.watch.live
    }

    /// Trading state and reason, for people.
    pub(super) fn state_text(&self) -> String {
        let status = &self.watch.live.status;
        match (screen::trading_state(status), screen::state_reason(status)) {
            (Some(state), Some(reason)) if status.mono_ns != 0 => format!("{state} ({reason})"),
            _ => "it has not published a status".to_owned(),
        }
    }

    /// Notes what went wrong.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.say(&failure.what);
        self.failures.push(failure);
    }

    /// What is going on now.
    pub(super) fn phase(&mut self, phase: &str) {
        phase.clone_into(&mut self.phase);
        self.say(phase);
    }

    /// As [`Self::phase`], unless that is what was said last.
    pub(super) fn phase_once(&mut self, phase: &str) {
        if self.phase != phase {
            self.phase(phase);
        }
    }

    fn say(&self, text: &str) {
        (self.sink)("shrike", text);
        if self.terminal.is_none() {
            println!("shrike: {text}");
        }
    }

    /// Stops everything in order and keeps what the comparison needs.
    pub(super) fn stop(&mut self) {
        self.traded_s = Some(self.elapsed_s());
        if self.armed_at.is_some() && self.failures.is_empty() {
            self.end_faults();
        }
        self.phase("stopping");
        if let Some(trader) = self.trader.take() {
            self.end(trader, TRADER_STOP);
        }
        if let Err(failure) = self.watch.drain() {
            self.fail(failure);
        }
        self.phase("writing what is left");
        for sidecar in std::mem::take(&mut self.sidecars) {
            self.restarts.push((sidecar.name(), sidecar.restarts));
            let fault = sidecar.fault.clone();
            let has_work = sidecar.name() == "persist";
            let timeout = if has_work { PERSIST_STOP } else { OTHER_STOP };
            let stopped = sidecar.stop(timeout, has_work, &self.sink);
            let found = [fault, stopped.err()];
            found.into_iter().flatten().for_each(|failure| self.fail(failure));
            let _ = self.look();
        }
        if let Some(venue) = self.venue.take() {
            self.end(venue, OTHER_STOP);
        }
        if let Err(failure) = self.keep() {
            self.fail(failure);
        }
    }

    /// Ends one process while the screen goes on.
    fn end(&mut self, mut process: Process, timeout: Duration) {
        if process.ended().is_some() {
            // Its end was noted when it was seen.
            return;
        }
        process.terminate();
        let deadline = Instant::now() + timeout;
        while process.ended().is_none() && Instant::now() < deadline {
            let _ = self.look();
            std::thread::sleep(TURN / 5);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if let Err(failure) = process.stop(left.max(TURN)) {
            self.fail(failure);
        }
    }

    /// The part of the database that is this run's.
    pub(super) fn window(&self) -> Window {
        let instance = Some(self.setup.instance.clone());
        Window { instance, from_ms: self.started_ms, ..Window::ALL }
    }

    /// The ledger beside the journal, and the note that the run is over.
    fn keep(&mut self) -> Result<(), Failure> {
        let from = self.setup.dir.join("venue").join(LEDGER_FILE);
        if from.exists() {
            let to = self.setup.dir.join(LEDGER_FILE);
            std::fs::rename(&from, &to).map_err(|error| Failure::file(&from, &error))?;
        }
        if self.armed_at.is_none() {
            return Ok(());
        }
        let mut run = RunFile::read(&self.setup.dir)?;
        run.finished_ms = Some(wall_ms());
        run.write(&self.setup.dir)
    }

    /// Gives the terminal back, so that the summary can be printed.
    pub(super) fn leave_screen(&mut self) {
        self.terminal = None;
    }
}

/// Writes each child's lines to a file of its own and keeps the newest for the screen.
fn sink(setup: &Setup, log: Arc<Mutex<VecDeque<String>>>) -> Result<Sink, Failure> {
    let mut files = vec![];
    for name in
        ["shrike", "venue", "trader", "guard", "persist", "metrics", "record", "alertmanager"]
    {
        let path = setup.dir.join("log").join(format!("{name}.out"));
        let file = File::create(&path).map_err(|error| Failure::file(&path, &error))?;
        files.push((name, Mutex::new(file)));
    }
    Ok(Arc::new(move |name: &str, line: &str| {
        if let Some((_, file)) = files.iter().find(|(known, _)| *known == name) {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // A full disk shows where it matters: journal, database and summary.
            let _ = writeln!(file, "{line}");
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LOG_LINES {
            log.pop_front();
        }
        log.push_back(format!("{name:<8} {line}"));
    }))
}

/// Unix time in ms, the clock of the venue.
fn wall_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// Relative to the current directory if it lies below it.
fn short_path(path: &std::path::Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}
