//! A whole system of real processes that a test breaks, watches and compares.
//!
//! [`System`] owns the processes and ends them when dropped. Its questions read the trader's own
//! segments and the venue's admin port; nothing in here is told by the code under test alone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rings::{OpenError, Ring, latest};
use schema::{
    Counter, Counters, LAYOUT_HASH, PortfolioRisk, Qty, RunInfo, StateReason, Status, SymbolId,
    TradingState,
};
use zerocopy::FromBytes as _;

use super::records::Records;
use super::setup::{Database, Setup};
use super::venue::Venue;
use crate::ledgers;
use crate::processes::{Place, WAIT, binary, ended, segments, signal, spawn, tail, text};

/// The trader's configuration in the run's folder.
const TRADER_FILE: &str = "trader.toml";

/// Venue, trader, persist and perhaps guard and metrics, started one by one, as an operator would.
pub(crate) struct System {
    /// The exchange and its faults.
    pub(crate) venue: Venue,
    trader: Option<Child>,
    persist: Option<Child>,
    metrics: Option<Child>,
    guard: Option<Child>,
    setup: Setup,
    dir: tempfile::TempDir,
    _place: Place,
}

impl Drop for System {
    fn drop(&mut self) {
        for child in [&mut self.guard, &mut self.trader, &mut self.persist, &mut self.metrics] {
            if let Some(mut child) = child.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        self.venue.kill();
        for path in segments(&self.setup.instance) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Starting and ending processes.
impl System {
    pub(super) fn start(setup: Setup, place: Place) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let venue = Venue::start(&setup.venue, dir.path());
        setup.write_config(dir.path(), TRADER_FILE);
        let mut system = Self {
            venue,
            trader: None,
            persist: None,
            metrics: None,
            guard: None,
            setup,
            dir,
            _place: place,
        };
        if system.setup.is_guarded {
            system.start_guard();
        }
        system.start_trader();
        system.start_persist();
        system
    }

    /// Starts a trader; the one before must have ended.
    pub(crate) fn start_trader(&mut self) {
        self.start_trader_with(&[]);
    }

    /// As [`Self::start_trader`], with these environment variables.
    pub(crate) fn start_trader_with(&mut self, environment: &[(String, String)]) {
        assert!(self.trader.is_none(), "a trader runs");
        let mut command = self.trader_command();
        command.envs(environment.iter().map(|(key, value)| (key, value)));
        self.trader = Some(spawn(&mut command, self.dir.path(), "trader"));
    }

    /// How this system's trader is started.
    pub(crate) fn trader_command(&self) -> Command {
        let mut command = Command::new(binary(self.setup.trader));
        command.arg("--config").arg(self.path(TRADER_FILE));
        command
    }

    /// Starts persist where the setup wants one.
    pub(crate) fn start_persist(&mut self) {
        self.start_persist_through(&[]);
    }

    /// As [`Self::start_persist`], by a program that changes its circumstances.
    pub(crate) fn start_persist_through(&mut self, through: &[&str]) {
        assert!(self.persist.is_none(), "persist runs");
        let mut words = through.iter().map(std::ffi::OsString::from).collect::<Vec<_>>();
        words.push(binary("persist").into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["--instance", &self.setup.instance]);
        match &self.setup.database {
            Database::None => return,
            Database::Sqlite => command.arg("--sqlite").arg(self.path("shrike.db")),
            Database::Postgres(url) => command.args(["--database", url]),
        };
        self.persist = Some(spawn(&mut command, self.dir.path(), "persist"));
    }

    /// Starts guard; the one before must have ended.
    pub(crate) fn start_guard(&mut self) {
        assert!(self.guard.is_none(), "guard runs");
        let mut command = self.guard_command();
        self.guard = Some(spawn(&mut command, self.dir.path(), "guard"));
    }

    /// How this system's guard is started.
    pub(crate) fn guard_command(&self) -> Command {
        let mut command = Command::new(binary("guard"));
        command.arg("--config").arg(self.path(TRADER_FILE));
        command
    }

    /// guard, which must have been started.
    pub(crate) fn guard(&self) -> &Child {
        self.guard.as_ref().expect("guard was started")
    }

    /// guard, left to the test.
    pub(crate) fn take_guard(&mut self) -> Child {
        self.guard.take().expect("guard was started")
    }

    /// `kill -9`, and the end of it.
    pub(crate) fn kill_guard(&mut self) {
        kill(&mut self.guard);
    }

    /// Asks guard to end, and waits until it has.
    pub(crate) fn stop_guard(&mut self) -> std::process::ExitStatus {
        let mut child = self.guard.take().expect("guard was started");
        signal(&child, "TERM");
        ended(&mut child, "guard", || self.said())
    }

    /// Starts metrics and waits until it serves.
    pub(crate) fn start_metrics(&mut self) {
        assert!(self.metrics.is_none(), "metrics runs");
        let address = self.path("metrics.address");
        let _ = std::fs::remove_file(&address);
        let mut command = Command::new(binary("metrics"));
        command.args(["--instance", &self.setup.instance, "--listen", "127.0.0.1:0"]);
        command.arg("--address-file").arg(&address);
        self.metrics = Some(spawn(&mut command, self.dir.path(), "metrics"));
        self.until("metrics serves", |_| {
            std::fs::read_to_string(&address).is_ok_and(|text| !text.is_empty())
        });
    }

    /// What `/metrics` says.
    pub(crate) fn scrape(&self) -> String {
        let address = std::fs::read_to_string(self.path("metrics.address")).expect("it serves");
        let mut answer = ureq::get(format!("http://{}/metrics", address.trim())).call();
        let body = answer.as_mut().expect("metrics answers").body_mut();
        body.read_to_string().expect("text")
    }

    /// The trader, which must have been started.
    pub(crate) fn trader(&self) -> &Child {
        self.trader.as_ref().expect("a trader was started")
    }

    /// persist, which must have been started.
    pub(crate) fn persist(&self) -> &Child {
        self.persist.as_ref().expect("persist was started")
    }

    /// `kill -9`, and the end of it.
    pub(crate) fn kill_trader(&mut self) {
        kill(&mut self.trader);
    }

    /// `kill -9`, and the end of it.
    pub(crate) fn kill_persist(&mut self) {
        kill(&mut self.persist);
    }

    /// `kill -9`, and the end of it.
    pub(crate) fn kill_metrics(&mut self) {
        kill(&mut self.metrics);
    }

    /// Waits until the trader has ended by itself.
    pub(crate) fn trader_ended(&mut self) -> std::process::ExitStatus {
        let mut child = self.trader.take().expect("a trader was started");
        ended(&mut child, "the trader", || self.said())
    }

    /// Waits until persist has ended by itself.
    pub(crate) fn persist_ended(&mut self) -> std::process::ExitStatus {
        let mut child = self.persist.take().expect("persist was started");
        ended(&mut child, "persist", || self.said())
    }

    /// How the trader has ended, if it has; then another one may be started.
    pub(crate) fn has_trader_ended(&mut self) -> Option<std::process::ExitStatus> {
        let child = self.trader.as_mut().expect("a trader was started");
        let status = child.try_wait().expect("the child can be asked")?;
        self.trader = None;
        Some(status)
    }

    /// A trader that a test started itself.
    pub(crate) fn adopt_trader(&mut self, child: Child) {
        assert!(self.trader.is_none(), "a trader runs");
        self.trader = Some(child);
    }

    /// How another instance is started on the same account.
    pub(crate) fn twin(&self, instance: &str) -> Command {
        let mut setup = self.setup.clone();
        setup.instance = format!("{instance}-{}", std::process::id());
        let file = setup.write_config(self.dir.path(), "twin.toml");
        let mut command = Command::new(binary(self.setup.trader));
        command.arg("--config").arg(file);
        command
    }
}

fn kill(child: &mut Option<Child>) {
    let mut child = child.take().expect("it was started");
    // Child::kill is SIGKILL: nothing is flushed, nothing is told to anybody.
    child.kill().expect("it runs");
    child.wait().expect("it is ours");
}

/// What a test asks.
impl System {
    /// Name of the run.
    pub(crate) fn instance(&self) -> &str {
        &self.setup.instance
    }

    /// A file of the run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The ends of all outputs, for the message of a failure.
    pub(crate) fn said(&self) -> String {
        let mut all: Vec<String> = ["venue", "trader", "persist", "guard"]
            .map(|name| tail(&self.path(&format!("{name}.out"))))
            .into();
        all.push(format!("venue {}", self.setup.venue.join(" ")));
        if let Some(status) = self.status() {
            let state = TradingState::from_u8(status.trading_state as u8);
            let reason = StateReason::from_u8(status.state_reason as u8);
            all.push(format!("state {state:?} ({reason:?}), {}", counted(&status.counters)));
        }
        all.join("\n")
    }

    /// The newest status of the trader that runs; `None` until it has published one.
    pub(crate) fn status(&self) -> Option<Status> {
        let reader = latest::Reader::<Status>::open(self.instance(), Ring::Status, LAYOUT_HASH);
        assert!(
            !matches!(reader, Err(OpenError::Layout)),
            "the trader and this test are of different builds: `cargo build --workspace --bins`"
        );
        let reader = reader.ok()?;
        let info = reader.info();
        let (info, _) = RunInfo::read_from_prefix(&info).ok()?;
        let is_ours = self.trader.as_ref().is_none_or(|child| u64::from(child.id()) == info.pid);
        let (_, status) = reader.load()?;
        is_ours.then_some(status)
    }

    /// What guard published last; `None` until it has.
    pub(crate) fn risk(&self) -> Option<PortfolioRisk> {
        let ring = Ring::Portfolio;
        let reader = latest::Reader::<PortfolioRisk>::open(self.instance(), ring, LAYOUT_HASH);
        reader.ok()?.load().map(|(_, risk)| risk)
    }

    /// The file that is there while the kill switch is pressed.
    pub(crate) fn latch(&self) -> PathBuf {
        self.path("state/killed")
    }

    /// The trading state now.
    pub(crate) fn state(&self) -> Option<TradingState> {
        TradingState::from_u8(self.status()?.trading_state as u8)
    }

    /// All counts.
    pub(crate) fn counters(&self) -> Counters {
        self.status().map(|status| status.counters).unwrap_or_default()
    }

    /// One count.
    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.counters()[counter]
    }

    /// Everything in the journal that is still there, oldest first.
    pub(crate) fn records(&self) -> Records {
        Records::read(self.instance())
    }

    /// Waits until something is so; fails early when the trader ends.
    pub(crate) fn until(&mut self, what: &str, mut is_true: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + WAIT;
        while !is_true(self) {
            if let Some(trader) = &mut self.trader {
                let ended = trader.try_wait().expect("the child can be asked");
                assert!(ended.is_none(), "the trader ended, {ended:?}:\n{}", self.said());
            }
            assert!(Instant::now() < deadline, "waited for: {what}\n{}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the trader that runs now is armed; how long that took.
    pub(crate) fn armed(&mut self) -> Duration {
        let begun = Instant::now();
        self.until("armed", |system| system.state() == Some(TradingState::Armed));
        begun.elapsed()
    }

    /// Waits until it is in a state.
    pub(crate) fn reaches(&mut self, state: TradingState) {
        self.until(&format!("state {state}"), |system| system.state() == Some(state));
    }

    /// Waits until it was not armed for a reason, seen in the journal after `mark`.
    pub(crate) fn left_armed(&mut self, mark: u64, reason: StateReason) {
        self.until(&format!("not armed for {reason}"), |system| {
            system
                .records()
                .changes_after(mark)
                .any(|change| change.to != TradingState::Armed && change.reason == reason)
        });
    }

    /// Waits until a counter is above what it was.
    pub(crate) fn moved(&mut self, before: &Counters, counter: Counter) {
        self.moved_by(before, counter, 1);
    }

    /// Waits until a counter is so much above what it was.
    pub(crate) fn moved_by(&mut self, before: &Counters, counter: Counter, by: u64) {
        let wanted = before[counter] + by;
        let what = format!("shrike_{}_total at {wanted}", counter.as_str());
        self.until(&what, |system| system.count(counter) >= wanted);
    }

    /// Makes faults until they move a counter, at most 20 times: whether what they strike is what
    /// the counter counts is chance. They last on; clear them.
    pub(crate) fn provoked(&mut self, counter: Counter, faults: &[serde_json::Value]) {
        let before = self.counters();
        let is_moved = |system: &Self| system.count(counter) > before[counter];
        for _ in 0..20 {
            self.venue.clear();
            for fault in faults {
                self.venue.fault(fault.clone());
            }
            let enough = Instant::now() + Duration::from_secs(5);
            let what = format!("shrike_{}_total, or time is over", counter.as_str());
            self.until(&what, |system| is_moved(system) || Instant::now() >= enough);
            if is_moved(self) {
                return;
            }
        }
        panic!("shrike_{}_total does not move\n{}", counter.as_str(), self.said());
    }

    /// Waits until the venue's faults have struck so often.
    pub(crate) fn struck(&mut self, times: u64) {
        self.until(&format!("{times} strikes"), |system| system.venue.struck() >= times);
    }

    /// Sees the trader stay armed: no change of state since the mark.
    pub(crate) fn stayed_armed_since(&self, mark: u64) {
        let records = self.records();
        let change = records.changes_after(mark).find(|change| change.to != TradingState::Armed);
        assert!(change.is_none(), "left Armed: {change:?}\n{}", self.said());
        assert_eq!(self.state(), Some(TradingState::Armed), "{}", self.said());
    }

    /// Waits until so many more fills are booked: it trades.
    pub(crate) fn trades(&mut self, fills: u64) {
        let fills_of = |system: &Self| system.status().map_or(0, |status| status.fills);
        let wanted = fills_of(self) + fills;
        self.until(&format!("{fills} more fills"), |system| fills_of(system) >= wanted);
    }

    /// Waits until the trader is armed, knows the outcome of every order, holds exactly what the
    /// venue says it holds (I4), and has heard of it: a report may come when the balance and the
    /// position that belong to it did not, which the next reconciliation tells.
    pub(crate) fn converged(&mut self) {
        self.until("armed and of the venue's opinion", |system| {
            let Some(before) = system.status() else { return false };
            let ledger = system.venue.ledger();
            let Some(after) = system.status() else { return false };
            let is_calm = |status: &Status| {
                status.trading_state == TradingState::Armed as u64 && status.unknown_orders == 0
            };
            let held = ledgers::positions(&ledger);
            let ours = |status: &Status| system.positions(status);
            is_calm(&before)
                && is_calm(&after)
                && ours(&before) == held
                && ours(&after) == held
                && system.was_told(&ledger)
        });
    }

    /// Signed positions by symbol that are not flat, as exact text.
    pub(crate) fn positions(&self, status: &Status) -> BTreeMap<String, String> {
        let all = self.symbols().into_iter().zip(&status.symbols);
        all.filter(|(_, symbol)| symbol.position_qty != 0)
            .map(|(name, symbol)| (name, ledgers::plain(&symbol.position().to_string())))
            .collect()
    }

    /// Whether what the venue told of the account last is what its ledger says.
    fn was_told(&self, ledger: &serde_json::Value) -> bool {
        let (wallet, positions) = self.records().account();
        let held = ledgers::positions(ledger);
        let is_held = |name, qty: Qty| match held.get(name) {
            Some(held) => *held == ledgers::plain(&qty.to_string()),
            None => qty.is_zero(),
        };
        let symbols = self.symbols();
        let is_told = |(id, qty): (SymbolId, Qty)| is_held(&symbols[id.index()], qty);
        wallet.is_none_or(|told| ledgers::plain(&told.to_string()) == ledgers::wallet(ledger))
            && positions.into_iter().all(is_told)
    }

    /// Names of the run's symbols, in their order.
    fn symbols(&self) -> Vec<String> {
        let reader = latest::Reader::<Status>::open(self.instance(), Ring::Status, LAYOUT_HASH);
        let info = reader.map(|reader| reader.info()).unwrap_or_default();
        let info = RunInfo::read_from_prefix(&info).map(|(info, _)| info).unwrap_or_default();
        info.symbols().iter().map(|info| info.name.to_string()).collect()
    }

    /// Runs a command of a person on this instance.
    pub(crate) fn shrike(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(binary("shrike"));
        command.args(arguments).args(["--instance", self.instance()]).env_remove("DATABASE_URL");
        command.stdin(std::process::Stdio::null()).output().expect("shrike starts")
    }
}

/// The end and its verdict.
impl System {
    /// Ends guard, trader, persist and venue, each cleanly, then demands that no order was sent twice, none
    /// is left, none that adds risk was sent while not armed, and venue, journal and database agree
    /// to the last digit.
    pub(crate) fn finish(mut self) -> Verdict {
        self.venue.clear();
        self.converged();
        self.finish_as_it_is()
    }

    /// As [`Self::finish`], without waiting to be armed again first.
    pub(crate) fn finish_as_it_is(mut self) -> Verdict {
        let said = |system: &Self| system.said();
        for name in ["guard", "trader", "persist"] {
            let child = match name {
                "guard" => &mut self.guard,
                "trader" => &mut self.trader,
                _ => &mut self.persist,
            };
            let Some(mut child) = child.take() else { continue };
            signal(&child, "TERM");
            let status = ended(&mut child, name, || said(&self));
            assert!(status.success(), "{name} {status}:\n{}", self.said());
        }
        let ledger = self.venue.finish();
        ledgers::assert_every_order_ended_once(&ledger);
        self.records().assert_no_risk_was_added_unarmed();
        let database = match &self.setup.database {
            Database::None => None,
            Database::Sqlite => Some(self.path("shrike.db").display().to_string()),
            Database::Postgres(url) => Some(url.clone()),
        };
        if let Some(database) = database.filter(|_| self.setup.is_time_true) {
            let mut command = Command::new(binary("shrike"));
            command.args(["status", "--reconcile", "--wait", "0", "--instance", self.instance()]);
            command.arg("--ledger").arg(self.path("venue/ledger.json"));
            command.args(["--database", &database]);
            let compared = command.output().expect("shrike starts");
            assert!(compared.status.success(), "{}\n{}", text(&compared), self.said());
        }
        if self.setup.database == Database::Sqlite {
            let path = self.path("shrike.db");
            let database = rusqlite::Connection::open(path).expect("it opens");
            ledgers::assert_agree(&ledger, &database);
        }
        Verdict { ledger, records: self.records() }
    }
}

/// What is left of a run that ended well.
pub(crate) struct Verdict {
    /// The venue's ledger.
    pub(crate) ledger: serde_json::Value,
    /// The journal.
    pub(crate) records: Records,
}

/// Counters that are not zero.
fn counted(counters: &Counters) -> String {
    let moved = Counter::ALL.iter().filter(|counter| counters[**counter] > 0);
    let texts: Vec<String> =
        moved.map(|counter| format!("{} {}", counter.as_str(), counters[*counter])).collect();
    texts.join(", ")
}
