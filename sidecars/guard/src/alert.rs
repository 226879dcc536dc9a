//! Alerts to people: by Alertmanager, and directly when that is down.
//!
//! guard's loop says each second which alerts are on ([`Alerts::set`], [`Alerts::of_risk`]) and
//! never waits: a bounded queue takes it to a thread of its own. Alertmanager is told of all that
//! is on, again and again with an end of its own, so that what a dead guard left behind resolves.
//! Where there is none, or none answers, each channel (webhook, Slack, Telegram, e-mail) is told
//! directly, by a thread of its own that compares what it told with what is so: nothing is told
//! twice, a change that could not be told is told later, and a message holds all that is new.
//!
//! Nothing comes in this way: no command is taken from a chat or a mail. Secrets come from files,
//! and stand in no message, log or `Debug` text.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use std::collections::BTreeMap;

use schema::PortfolioRisk;

mod alertmanager;
mod board;
mod channel;
mod direct;
mod email;
mod http;
mod name;
mod secret;
mod told;

#[cfg(test)]
mod tests;

pub use channel::{AlertChannel, BadKey, EmailTls};
pub use name::{AlertName, Severity};
pub use secret::SecretFile;

/// Changes on their way to the alerts' thread; more than there are names, so that a second in which
/// everything goes wrong fits.
const QUEUE: usize = 128;
/// How old a text may be that only differs in its figures.
const TEXT_AGE: Duration = Duration::from_secs(10);

/// Libraries whose debug lines show addresses, which are secrets for Slack and Telegram.
const TALKATIVE: [&str; 3] = ["ureq", "ureq_proto", "lettre"];

/// Keeps those lines out of a log, whatever its level; every process that alerts logs through it.
pub fn quiet(log: fern::Dispatch) -> fern::Dispatch {
    TALKATIVE.iter().fold(log, |log, name| log.level_for(*name, log::LevelFilter::Warn))
}

/// One alert: what it is, how bad, and what a person should read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is.
    pub name: AlertName,
    /// How bad it is.
    pub severity: Severity,
    /// What tells it from others of its name, such as `("symbol", "BTCUSDT")`.
    pub labels: Vec<(String, String)>,
    /// One line.
    pub summary: String,
    /// Figures and what to look at; may change while it is on.
    pub description: String,
}

impl Alert {
    /// An alert with the severity and the summary of its name.
    pub fn new(name: AlertName, description: impl Into<String>) -> Self {
        Self {
            name,
            severity: name.severity(),
            labels: Vec::new(),
            summary: name.summary().to_owned(),
            description: description.into(),
        }
    }
    /// The same with one more label.
    #[must_use]
    pub fn with(mut self, label: &str, value: impl Into<String>) -> Self {
        self.labels.push((label.to_owned(), value.into()));
        self
    }
    /// What makes it one alert and not two.
    fn key(&self) -> Key {
        (self.name, self.labels.clone())
    }
}

/// Name and labels.
type Key = (AlertName, Vec<(String, String)>);

/// Whose alerts these are; labels of every one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// `production`, `staging`, …
    pub environment: String,
    /// The instance.
    pub instance: String,
}

/// How alerts fared; see [`Alerts::counts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Alerts that are on.
    pub on: u64,
    /// Messages somebody took: Alertmanager one with news, or a channel.
    pub delivered: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Alerts that reached nobody for over [`UNHEARD_AFTER`], and changes lost to a full queue.
    pub undelivered: u64,
}

/// An alert that reached nobody for so long is undelivered.
pub const UNHEARD_AFTER: Duration = Duration::from_secs(15);

/// [`Counts`] that threads share. Relaxed: each number stands for itself.
#[derive(Debug, Default)]
struct Counters {
    on: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    unheard: AtomicU64,
    lost: AtomicU64,
}

/// What guard's loop tells the alerts' thread.
#[derive(Debug)]
struct Change {
    alert: Alert,
    is_on: bool,
}

/// What the channels are to tell, and the end.
#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    woken: Condvar,
    counters: Counters,
}

/// The state the channels bring to people.
#[derive(Debug, Default)]
struct Wanted {
    notices: Vec<board::Notice>,
    /// For each channel, what it has told: key and number of the firing, and whether it was over.
    done: Vec<BTreeMap<Key, (u64, bool)>>,
    is_over: bool,
}

/// Alerts of one guard; see the module.
#[derive(Debug)]
pub struct Alerts {
    queue: Option<SyncSender<Change>>,
    /// What the thread was told last, and when.
    known: BTreeMap<Key, (Alert, bool, Instant)>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Alerts {
    /// Starts the threads. Without channels alerts are logged and counted as undelivered.
    ///
    /// # Errors
    /// If a secret's file cannot be read, a certificate cannot be used, or a thread not started;
    /// says which.
    pub fn start(channels: &[AlertChannel], about: &About) -> anyhow::Result<Self> {
        Self::start_at(channels, about, told::PACE)
    }

    fn start_at(
        channels: &[AlertChannel],
        about: &About,
        pace: told::Pace,
    ) -> anyhow::Result<Self> {
        let (queue, changes) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let mut managers = Vec::new();
        let mut threads = Vec::new();
        let mut senders = Vec::new();
        for channel in channels {
            match channel {
                AlertChannel::Alertmanager { url, token_file, ca_file } => managers.push(
                    alertmanager::Alertmanager::new(url, token_file.as_ref(), ca_file.as_deref())?,
                ),
                other => senders.push(direct::sender(other)?),
            }
        }
        lock(&shared).done = vec![BTreeMap::new(); senders.len()];
        let directs = senders.len();
        for (index, sender) in senders.into_iter().enumerate() {
            let (shared, about) = (Arc::clone(&shared), about.clone());
            let name = format!("alert-{}", sender.kind());
            threads.push(std::thread::Builder::new().name(name).spawn(move || {
                direct::run(index, &sender, &shared, &about, pace);
            })?);
        }
        let (mine, about) = (Arc::clone(&shared), about.clone());
        threads.push(std::thread::Builder::new().name("alerts".to_owned()).spawn(move || {
            run(&changes, &managers, directs, &mine, &about);
        })?);
        Ok(Self { queue: Some(queue), known: BTreeMap::new(), shared, threads })
    }

    /// Says whether an alert is on; called for each alert each second. Never waits: what does not
    /// fit into the queue is counted and told at the next call.
    pub fn set(&mut self, alert: Alert, is_on: bool) {
        let key = alert.key();
        let now = Instant::now();
        match self.known.get(&key) {
            None if !is_on => return,
            Some((told, was_on, at)) if *was_on == is_on => {
                let is_same = *told == alert || !is_on;
                if is_same || now.duration_since(*at) < TEXT_AGE {
                    return;
                }
            }
            _ => {}
        }
        let Some(queue) = &self.queue else { return };
        if queue.try_send(Change { alert: alert.clone(), is_on }).is_ok() {
            self.known.insert(key, (alert, is_on, now));
        } else {
            self.shared.counters.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sets every alert that guard's numbers decide: one for each [`schema::RiskReason`], and those
    /// of the kill switch. Called each second with what is published.
    pub fn of_risk(&mut self, risk: &PortfolioRisk) {
        for (alert, is_on) in name::of_risk(risk) {
            self.set(alert, is_on);
        }
    }

    /// How alerts fared so far.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.shared.counters;
        Counts {
            on: read(&counters.on),
            delivered: read(&counters.delivered),
            failed: read(&counters.failed),
            undelivered: read(&counters.unheard) + read(&counters.lost),
        }
    }

    /// Ends, giving what is on its way at most `wait`. What is on stays on at Alertmanager until
    /// its end comes: that this process stops solves nothing.
    pub fn finish(mut self, wait: Duration) {
        self.queue = None;
        let until = Instant::now() + wait;
        while !self.threads.iter().all(JoinHandle::is_finished) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        self.queue = None;
        lock(&self.shared).is_over = true;
        self.shared.woken.notify_all();
    }
}

/// A panic of one thread must not silence the others: what it left is plain data.
fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Wanted> {
    shared.wanted.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The alerts' thread: keeps the board, tells Alertmanager, and says what the channels are to tell.
fn run(
    changes: &Receiver<Change>,
    managers: &[alertmanager::Alertmanager],
    directs: usize,
    shared: &Shared,
    about: &About,
) {
    use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
    let mut board = board::Board::new(!managers.is_empty(), directs > 0);
    let mut is_over = false;
    loop {
        match changes.recv_timeout(board.wait(Instant::now())) {
            Ok(change) => board.set(change.alert, change.is_on, Instant::now(), chrono::Utc::now()),
            Err(Timeout) => {}
            Err(Disconnected) => is_over = true,
        }
        while let Ok(change) = changes.try_recv() {
            board.set(change.alert, change.is_on, Instant::now(), chrono::Utc::now());
        }
        if board.is_due(Instant::now()) {
            tell(&mut board, managers, shared, about);
        }
        let done = lock(shared).done.clone();
        board.heard(&done, Instant::now());
        let notices = board.notices();
        {
            let mut wanted = lock(shared);
            wanted.notices = notices;
            // The channels end when nothing is left for them to tell.
            wanted.is_over |= is_over && board.is_told();
        }
        shared.woken.notify_all();
        let counts = board.counts(Instant::now());
        shared.counters.on.store(counts.0, Ordering::Relaxed);
        shared.counters.unheard.store(counts.1, Ordering::Relaxed);
        if is_over {
            if lock(shared).is_over {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Whether a failure after so many others is logged: ever more seldom, so that a channel that is
/// away for hours does not fill the disk.
fn is_worth_a_line(failures: usize) -> bool {
    failures < 3 || failures.is_power_of_two()
}

/// Tells every Alertmanager; one that takes it is enough.
fn tell(
    board: &mut board::Board,
    managers: &[alertmanager::Alertmanager],
    shared: &Shared,
    about: &About,
) {
    let had_news = board.has_news();
    let body = alertmanager::body(&board.entries(), about, chrono::Utc::now());
    let mut is_taken = false;
    for manager in managers {
        match manager.post(&body) {
            Ok(()) => is_taken = true,
            Err(error) => {
                shared.counters.failed.fetch_add(1, Ordering::Relaxed);
                if is_worth_a_line(board.failures()) {
                    log::warn!("Alertmanager {}: {error}", manager.shown());
                }
            }
        }
    }
    if is_taken && had_news {
        shared.counters.delivered.fetch_add(1, Ordering::Relaxed);
    }
    board.answered(is_taken, Instant::now());
}
