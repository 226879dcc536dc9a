//! Follows the trader's segments and keeps what the page and the exposition show.
//!
//! One thread reads the journal as a plain reader (it does not gate: if it is slow it loses records
//! and counts them) and the newest status. It opens what is missing again and again, so that start
//! order does not matter and a restarted trader is found.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rings::{Next, Process, Ring, journal, latest};
use schema::{
    Event, ExecType, Kind, LAYOUT_HASH, OrderReply, PortfolioRisk, Record, RunInfo, StateReason,
    Status, Verdict,
};
use zerocopy::FromBytes;

use crate::health::{Health, Known, judge};
use crate::latency::Latency;

/// Pause between looks; an order shows on the page within this and the page's own period.
const PERIOD: Duration = Duration::from_millis(20);
/// Looks between attempts to find missing segments.
const LOOKS_PER_OPEN: u32 = 25;
/// Events kept for the page.
const RECENT_EVENTS: usize = 24;
/// Equity points kept for the page: ten minutes at one a second.
const EQUITY_POINTS: usize = 600;

/// Kinds of records there can be.
const KINDS_MAX: usize = 64;
/// Reasons of state changes.
const STATES: usize = StateReason::ALL.len();

/// Counts of journal records.
#[derive(Debug, Clone)]
pub struct Counts {
    kinds: [u64; KINDS_MAX],
    states: [u64; STATES],
    /// Records overwritten before they were read.
    pub lost: u64,
    /// Records this build could not read.
    pub bad: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self { kinds: [0; KINDS_MAX], states: [0; STATES], lost: 0, bad: 0 }
    }
}

impl Counts {
    /// Journal kinds seen, with counts.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.iter().map(|kind| (*kind, self.kinds[*kind as usize])).filter(|(_, n)| *n > 0)
    }
    /// Changes of the trading state by reason, every reason.
    pub fn state_changes(&self) -> impl Iterator<Item = (StateReason, u64)> {
        StateReason::ALL.iter().map(|reason| (*reason, self.states[*reason as usize]))
    }
}

/// A line of the page's event list.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Line {
    /// Wall time, ms.
    pub at_ms: i64,
    /// `fill`, `state`, `refused`, `reply` or `command`.
    pub kind: &'static str,
    /// Words.
    pub text: String,
}

/// Everything followed.
#[derive(Debug)]
pub struct Followed {
    /// Newest status.
    pub status: Option<Status>,
    /// Run information of the status segment.
    pub info: Option<RunInfo>,
    /// guard's newest word.
    pub verdict: Option<Verdict>,
    /// guard's newest numbers.
    pub portfolio: Option<PortfolioRisk>,
    /// Living processes of the instance.
    pub processes: Vec<Process>,
    /// Histograms of this run.
    pub latency: Latency,
    /// Counts of this run.
    pub counts: Counts,
    /// Newest events, newest last.
    pub recent: VecDeque<Line>,
    /// Profit since start, one point a second, newest last.
    pub profit: VecDeque<f64>,
    turning: bool,
    persist_attached: bool,
}

impl Followed {
    fn new() -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            status: None,
            info: None,
            verdict: None,
            portfolio: None,
            processes: Vec::new(),
            latency: Latency::new()?,
            counts: Counts::default(),
            recent: VecDeque::new(),
            profit: VecDeque::new(),
            turning: false,
            persist_attached: false,
        })
    }

    /// The judgement of this moment.
    pub fn health(&self, now_ns: u64) -> Health {
        let known = Known {
            status: self.status.as_ref(),
            info: self.info.as_ref(),
            turning: self.turning,
            persist_attached: self.persist_attached,
            verdict: self.verdict.as_ref(),
        };
        judge(known, now_ns)
    }

    /// Takes one journal record.
    pub fn take(&mut self, record: &Record) {
        let Ok(event) = Event::from_record(record) else {
            self.counts.bad += 1;
            return;
        };
        self.counts.kinds[usize::from(record.kind) % KINDS_MAX] += 1;
        let info = self.info.unwrap_or_default();
        match event {
            Event::Stages(stages) => {
                self.latency.record(&stages, info.tsc_hz, record.at_ns / 1_000_000_000);
            }
            Event::State(change) => self.counts.states[change.reason as usize] += 1,
            _ => {}
        }
        if let Some((kind, text)) = describe(&event, &info) {
            if self.recent.len() == RECENT_EVENTS {
                self.recent.pop_front();
            }
            let wall_ns = record.at_ns as i64 + info.wall_minus_mono_ns;
            self.recent.push_back(Line { at_ms: wall_ns / 1_000_000, kind, text });
        }
    }
}

/// Words for the events a person wants to see.
fn describe(event: &Event, info: &RunInfo) -> Option<(&'static str, String)> {
    let name = |symbol: schema::SymbolId| {
        info.symbols().get(symbol.index()).map_or("?", |symbol| symbol.name.as_str())
    };
    match event {
        Event::Report(r) if r.exec_type == ExecType::Trade => {
            let maker = if r.is_maker { "maker" } else { "taker" };
            let (side, symbol) = (r.side, name(r.symbol));
            let money = format!("pnl {:.2}", r.realized_pnl.to_f64());
            Some((
                "fill",
                format!("{side} {} {symbol} @ {} {maker} {money}", r.last_qty, r.last_price),
            ))
        }
        Event::State(s) => Some(("state", format!("{} → {} ({})", s.from, s.to, s.reason))),
        Event::Reply(r @ OrderReply { .. }) if !r.is_ok() => {
            Some(("reply", format!("venue answered {} code {}", r.status, r.code)))
        }
        Event::Answer(a) => Some(("command", format!("{}: {}", a.kind, a.result))),
        _ => None,
    }
}

/// What other threads share with the follower.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<Followed>>);

impl Shared {
    /// The followed state, for a short look.
    pub fn look(&self) -> MutexGuard<'_, Followed> {
        // A panic elsewhere ends the process in release; in tests the data is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Monotonic clock, ns: the same clock as the trader's.
pub fn mono_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Starts the follower of an instance.
///
/// # Errors
/// If the thread cannot be started.
pub fn start(instance: &str) -> anyhow::Result<Shared> {
    let shared = Shared(Arc::new(Mutex::new(Followed::new()?)));
    let mut follower = Follower {
        instance: instance.to_owned(),
        shared: shared.clone(),
        status: None,
        verdict: None,
        portfolio: None,
        journal: None,
        looks: 0,
        second: 0,
        turns: 0,
    };
    std::thread::Builder::new().name("follow".into()).spawn(move || {
        loop {
            follower.look();
            std::thread::sleep(PERIOD);
        }
    })?;
    Ok(shared)
}

struct Follower {
    instance: String,
    shared: Shared,
    status: Option<latest::Reader<Status>>,
    verdict: Option<latest::Reader<Verdict>>,
    portfolio: Option<latest::Reader<PortfolioRisk>>,
    journal: Option<journal::Reader<Record>>,
    looks: u32,
    second: u64,
    turns: u64,
}

impl Follower {
    fn look(&mut self) {
        if self.looks.is_multiple_of(LOOKS_PER_OPEN) {
            self.open();
        }
        self.looks = self.looks.wrapping_add(1);
        let shared = self.shared.clone();
        let mut followed = shared.look();
        if let Some((_, status)) = self.status.as_ref().and_then(latest::Reader::load) {
            followed.status = Some(status);
        }
        // Kept when guard goes: that its word is old is what must be seen.
        if let Some((_, verdict)) = self.verdict.as_ref().and_then(latest::Reader::load) {
            followed.verdict = Some(verdict);
        }
        if let Some((_, portfolio)) = self.portfolio.as_ref().and_then(latest::Reader::load) {
            followed.portfolio = Some(portfolio);
        }
        if let Some(journal) = &mut self.journal {
            loop {
                match journal.next() {
                    Next::Item(_, record) => followed.take(&record),
                    Next::Lost { count, .. } => followed.counts.lost += count,
                    Next::Empty => break,
                }
            }
        }
        self.each_second(&mut followed);
    }

    /// Opens what is missing, and again what a restarted trader replaced.
    fn open(&mut self) {
        if self.status.as_ref().is_none_or(latest::Reader::is_stale) {
            self.status = latest::Reader::open(&self.instance, Ring::Status, LAYOUT_HASH).ok();
            let info = self.status.as_ref().and_then(|status| {
                RunInfo::read_from_prefix(&status.info()).ok().map(|(info, _)| info)
            });
            let mut followed = self.shared.look();
            if info.map(|info| info.pid) != followed.info.map(|info| info.pid)
                && let Ok(fresh) = Followed::new()
            {
                // A new run: histograms and counters begin again, as a restarted process's do.
                let (verdict, portfolio) = (followed.verdict, followed.portfolio);
                *followed = Followed { info, verdict, portfolio, ..fresh };
            }
        }
        if self.journal.as_ref().is_none_or(journal::Reader::is_stale) {
            self.journal = journal::Reader::open(&self.instance, LAYOUT_HASH).ok();
        }
        if self.verdict.as_ref().is_none_or(latest::Reader::is_stale) {
            self.verdict = latest::Reader::open(&self.instance, Ring::Verdict, LAYOUT_HASH).ok();
        }
        if self.portfolio.as_ref().is_none_or(latest::Reader::is_stale) {
            self.portfolio =
                latest::Reader::open(&self.instance, Ring::Portfolio, LAYOUT_HASH).ok();
        }
        let processes = rings::processes(&self.instance);
        let mut followed = self.shared.look();
        followed.persist_attached = journal::gate_held(&self.instance, "persist");
        followed.processes = processes;
    }

    fn each_second(&mut self, followed: &mut Followed) {
        let second = mono_ns() / 1_000_000_000;
        if second == self.second {
            return;
        }
        self.second = second;
        let Some(status) = followed.status else { return };
        followed.turning = status.turns != self.turns;
        self.turns = status.turns;
        if followed.profit.len() == EQUITY_POINTS {
            followed.profit.pop_front();
        }
        let profit = status.equity.saturating_sub(status.wallet_at_start);
        followed.profit.push_back(profit as f64 / schema::SCALE as f64);
    }
}
