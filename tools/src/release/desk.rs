//! The processes that run now: asked through their segments, restarted by whoever runs them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use schema::{CommandKind, CommandResult, Counter, StateReason, SymbolId, TradingState};
use serde::{Deserialize, Serialize};

use super::order::{Desk, Trader};
use super::settings::Settings;
use super::store::Store;
use crate::act::tell;
use crate::command;
use crate::exit::{Exit, Failure};
use crate::instance::{self, View};
use crate::orders::portfolio;

/// Time between two looks.
const POLL: Duration = Duration::from_millis(20);
/// How long the trader may take to answer a command.
const ANSWER: Duration = Duration::from_secs(5);
/// How long every process may take to stop and to be started: persist empties the journal.
const RESTART: Duration = Duration::from_secs(180);
/// guard's numbers that are younger than this are of now, ns.
const FRESH_NS: u64 = 3_000_000_000;
/// Processes whose builds must be one; tools may be of any.
const SYSTEM: [&str; 4] = ["trader", "guard", "persist", "metrics"];

/// What `shrike up --releases` says of itself, in `up.json`; its lock is `up.lock`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Up {
    /// Its process id.
    pub(crate) pid: u32,
    /// Times it started everything.
    pub(crate) rounds: u64,
    /// Times it started the trader.
    pub(crate) starts: u64,
    /// The release it started last.
    pub(crate) release: String,
    /// Processes that tell their build once they run.
    pub(crate) processes: Vec<String>,
}

impl Up {
    /// The one that lives.
    pub(crate) fn find(store: &Store) -> Option<Self> {
        let lock = File::open(store.path("up.lock")).ok()?;
        // Shared: two that look at once do not take each other for the one that runs.
        if lock.try_lock_shared().is_ok() {
            return None;
        }
        serde_json::from_str(&std::fs::read_to_string(store.path("up.json")).ok()?).ok()
    }
}

/// The running system of an instance.
pub(crate) struct Live<'a> {
    /// The file's word.
    pub(crate) settings: &'a Settings,
    /// The releases.
    pub(crate) store: &'a Store,
    /// Times a restart command was run: starts without a supervisor to count them.
    commands: u64,
    /// Process ids seen, for starts without a supervisor.
    pids: Vec<u64>,
    last_said: String,
}

impl<'a> Live<'a> {
    /// Of this file's instance.
    pub(crate) fn new(settings: &'a Settings, store: &'a Store) -> Self {
        Self { settings, store, commands: 0, pids: vec![], last_said: String::new() }
    }

    /// A view of the live trader.
    pub(crate) fn view(&self) -> Option<View> {
        let name = &self.settings.instance;
        if !instance::is_live(name) {
            return None;
        }
        let view = View::open(name).ok()?;
        // A segment outlives its trader: the next one has not written its own yet.
        is_alive(view.info.pid).then_some(view)
    }

    /// The account's equity as guard sees it at the venue, if it looked just now.
    pub(crate) fn venue_equity(&self) -> Option<i64> {
        let (risk, age) = portfolio(&self.settings.instance)?;
        (age < FRESH_NS && risk.venue_age_ns < FRESH_NS && risk.equity > 0).then_some(risk.equity)
    }
}

impl Desk for Live<'_> {
    fn trader(&mut self) -> Option<Trader> {
        let view = self.view()?;
        let status = view.status()?;
        let count = guard::requests::Count::of(&status);
        if !self.pids.contains(&view.info.pid) {
            self.pids.push(view.info.pid);
        }
        Some(Trader {
            pid: view.info.pid,
            state: TradingState::from_u8(status.trading_state as u8)?,
            reason: StateReason::from_u8(status.state_reason as u8)?,
            open_orders: status.open_orders + status.open_algos,
            unknown_orders: status.unknown_orders,
            positions: status.symbols.iter().filter(|s| s.position_qty != 0).count() as u64,
            reconciled: status.counters[Counter::Reconciled],
            equity: status.equity,
            requests: [count.requests, count.errors],
            mono_ns: status.mono_ns,
        })
    }

    fn unreadable(&mut self) -> Option<Failure> {
        let name = &self.settings.instance;
        if !instance::is_live(name) {
            return None;
        }
        View::open(name).err()
    }

    fn command(&mut self, kind: CommandKind) -> Result<(), Failure> {
        let Some(view) = self.view() else {
            return Err(Failure::new(Exit::NoInstance, "no trader runs", ""));
        };
        let answer = command::send(&view, kind, SymbolId::NONE, ANSWER)?;
        match answer.result {
            CommandResult::Accepted | CommandResult::Duplicate => Ok(()),
            result => Err(Failure::new(
                Exit::Failed,
                format!("{kind} is {result}"),
                "`shrike status` shows the state and its reason",
            )),
        }
    }

    fn restart(&mut self, to: &str) -> Result<bool, Failure> {
        if let Some(up) = Up::find(self.store) {
            return self.hang_up(&up, to).map(|()| true);
        }
        let Some((program, arguments)) = self.settings.restart.split_first() else {
            if instance::is_live(&self.settings.instance) {
                return Err(Failure::new(
                    Exit::Config,
                    "a trader runs, and nobody is known who restarts it",
                    "run it by `shrike up --releases DIR`, or write `[release] restart = \
                     [\"systemctl\", \"restart\", …]`; then `shrike release resume`",
                ));
            }
            return Ok(false);
        };
        self.say(&format!("restarting: {}", self.settings.restart.join(" ")));
        self.commands += 1;
        let status = Command::new(program).args(arguments).status();
        match status {
            Ok(status) if status.success() => Ok(true),
            other => Err(Failure::new(
                Exit::Unavailable,
                format!("{}: {other:?}", self.settings.restart.join(" ")),
                "mend what keeps it from running, then `shrike release resume`",
            )),
        }
    }

    fn starts(&mut self) -> u64 {
        match Up::find(self.store) {
            Some(up) => up.starts,
            None => {
                self.trader();
                self.pids.len() as u64
            }
        }
    }

    fn strangers(&mut self, release: &str) -> Vec<String> {
        let mut found = vec![];
        for process in rings::processes(&self.settings.instance) {
            let of = process.build.rsplit_once(' ').map_or("", |(_, release)| release);
            if SYSTEM.contains(&process.name.as_str()) && of != release {
                found.push(format!("{} (pid {}) is {}", process.name, process.pid, process.build));
            }
        }
        // The trader's own program, whether or not it has told its build yet.
        if let Some(view) = self.view()
            && let Ok(exe) = std::fs::read_link(format!("/proc/{}/exe", view.info.pid))
            && !exe.starts_with(self.store.release(release))
        {
            found.push(format!("the trader (pid {}) runs {}", view.info.pid, exe.display()));
        }
        found
    }

    fn absent(&mut self) -> Vec<String> {
        let Some(up) = Up::find(self.store) else { return vec![] };
        let there = rings::processes(&self.settings.instance);
        let is_there = |name: &String| there.iter().any(|process| process.name == *name);
        up.processes.into_iter().filter(|name| !is_there(name)).collect()
    }

    fn is_killed(&mut self) -> bool {
        // What cannot be read is taken for pressed.
        !matches!(rings::latch::read(&self.settings.latch), Ok(None))
    }

    fn pause(&mut self) {
        std::thread::sleep(POLL);
    }

    fn now(&mut self) -> Instant {
        Instant::now()
    }

    fn say(&mut self, text: &str) {
        if self.last_said != text {
            tell(&mut std::io::stdout(), &format!("{}: {text}", self.settings.instance));
            text.clone_into(&mut self.last_said);
        }
    }
}

impl Live<'_> {
    /// SIGHUP to `shrike up`, and the end of the round it makes.
    fn hang_up(&mut self, up: &Up, to: &str) -> Result<(), Failure> {
        self.say(&format!("shrike up (pid {}) restarts everything from {to}", up.pid));
        let pid = i32::try_from(up.pid).ok().and_then(Pid::from_raw);
        let sent = pid.is_some_and(|pid| kill_process(pid, Signal::HUP).is_ok());
        let deadline = Instant::now() + RESTART;
        while sent && Instant::now() < deadline {
            match Up::find(self.store) {
                None => break,
                Some(now) if now.rounds > up.rounds && now.release == to => return Ok(()),
                Some(_) => std::thread::sleep(POLL),
            }
        }
        Err(Failure::new(
            Exit::Unavailable,
            format!("shrike up (pid {}) did not start release {to}", up.pid),
            "its output says why; start it again, then `shrike release resume`",
        ))
    }
}

fn is_alive(pid: u64) -> bool {
    pid != 0 && Path::new("/proc").join(pid.to_string()).join("stat").exists()
}

/// The right to change releases; one process at a time has it.
pub(crate) struct Turn(File);

impl Turn {
    /// Waits for it, saying for whom.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn take(store: &Store) -> Result<Self, Failure> {
        let path: PathBuf = store.path("lock");
        let mut is_said = false;
        loop {
            if let Some(turn) = Self::try_take(store)? {
                return Ok(turn);
            }
            if !is_said {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                println!("waiting: process {} changes releases", holder.trim());
                is_said = true;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Takes it if nobody has it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn try_take(store: &Store) -> Result<Option<Self>, Failure> {
        let path = store.path("lock");
        let cannot = |error: std::io::Error| Failure::file(&path, &error);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(cannot)?;
                let text = format!("{}\n", std::process::id());
                std::os::unix::fs::FileExt::write_all_at(&file, text.as_bytes(), 0)
                    .map_err(cannot)?;
                Ok(Some(Self(file)))
            }
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(cannot(error)),
        }
    }
}

/// A person's wish to go back: a lock held by who waits for the turn, gone with its process.
pub(crate) struct Wish {
    _lock: File,
}

impl Wish {
    /// Makes it; one that was made before is waited for.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn make(store: &Store) -> Result<Self, Failure> {
        let path = store.path("rollback.lock");
        let cannot = |error: std::io::Error| Failure::file(&path, &error);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = file.map_err(cannot)?;
        lock.lock().map_err(cannot)?;
        Ok(Self { _lock: lock })
    }

    /// Whether somebody has made it.
    pub(crate) fn is_made(store: &Store) -> bool {
        let file = File::open(store.path("rollback.lock"));
        file.is_ok_and(|file| {
            matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}
