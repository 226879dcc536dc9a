//! The main thread once the hot one runs: dials, jobs, signals, the listen key, the watchdog.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam::channel::{Receiver, Sender, unbounded};
use engine::Action;
use rustls::ClientConfig;
use schema::{Counter, Gauge, SymbolName};
use sd_notify::NotifyState;

use super::budget::Budget;
use super::builds::Builds;
use super::deadman::DeadMan;
use super::dial::{Dials, connect};
use super::kill::Switch;
use super::left::Left;
use super::rest::Rest;
use super::sidecars::Sidecars;
use super::worker::{Done, Job, limited, start_carrier, work};
use crate::config::Config;
use crate::counters::Counters;
use crate::net::{LinkError, Masks};
use crate::queues::{Missed, ToCold, ToHot};
use crate::session::GiveUp;
use crate::tsc;
use crate::turn::Outcome;

/// Longest sleep of the supervisor: what a snapshot, a lost link or guard's verdict waits at most.
const NAP: Duration = Duration::from_millis(5);
/// A verdict that kills is with the hot thread in 50 ms, most of which is for a busy machine.
const _: () = assert!(NAP.as_millis() * 5 <= 50);
/// Between two extensions of the listen key, which lives 60 minutes.
const KEEP_ALIVE: Duration = Duration::from_secs(25 * 60);
/// Between two comparisons of the clocks.
const CLOCK: Duration = Duration::from_secs(60);
/// Between two of them when the venue refuses requests for their time.
const CLOCK_AGAIN: Duration = Duration::from_millis(500);
/// The same while the clocks are too far apart to trade.
const CLOCK_SKEWED: Duration = Duration::from_secs(5);
/// Between two looks at the venue's listing: filters and status change while we trade.
const LISTING: Duration = Duration::from_secs(300);
/// Between two of them when the venue refuses orders for its filters.
const LISTING_AGAIN: Duration = Duration::from_secs(10);
/// The supervisor's own sleep counts as the hot thread's silence only so far: when the whole
/// process was stopped, nobody hung.
const OWN_GAP: Duration = Duration::from_millis(500);
/// A hot thread that does not turn for so long, while this one runs, ends the process: what starts
/// it again finds the venue's truth, and until then the dead-man timers run out.
const STILL: Duration = Duration::from_secs(2);
/// Between two polls of prices by REST; each has weight 3 a symbol.
const FALLBACK: Duration = Duration::from_secs(1);
/// Pause before a failed snapshot or reconciliation is asked for again.
const RETRY: Duration = Duration::from_millis(500);

/// The supervisor.
pub struct Supervisor {
    config: Arc<Config>,
    rest: Arc<Rest>,
    budget: Arc<Budget>,
    tls: Arc<ClientConfig>,
    to_hot: rtrb::Producer<ToHot>,
    from_hot: rtrb::Consumer<ToCold>,
    heart: Arc<AtomicU64>,
    counters: Counters,
    stop: Arc<AtomicBool>,
    jobs: Sender<Job>,
    /// What no order connection carries; apart, because questions may wait long.
    orders: Sender<Action>,
    done_in: Sender<Done>,
    done: Receiver<Done>,
    dials: Dials,
    random: Masks,
    later: Vec<(Instant, ToHot)>,
    /// These fills are still to be fetched: a reconciliation failed.
    missed: Option<Missed>,
    sidecars: Sidecars,
    builds: Builds,
    switch: Switch,
    keep_alive_at: Instant,
    fallback_at: Option<Instant>,
    dead_man: DeadMan,
    clock_at: Instant,
    clock_asked_at: Instant,
    listing_at: Instant,
    listed_at: Instant,
    /// Turns when last looked at, and when that was.
    beat: (u64, Instant),
    /// How long they have not changed while this thread ran.
    still: Duration,
    beat_sent_at: Instant,
    is_stop_told: bool,
    is_ready_told: bool,
}

impl Supervisor {
    /// Prepares the supervisor and starts the REST worker.
    ///
    /// # Errors
    /// If no thread can be made.
    pub fn new(
        config: Arc<Config>,
        rest: Arc<Rest>,
        budget: Arc<Budget>,
        tls: Arc<ClientConfig>,
        to_hot: rtrb::Producer<ToHot>,
        from_hot: rtrb::Consumer<ToCold>,
        heart: Arc<AtomicU64>,
        counters: Counters,
        stop: Arc<AtomicBool>,
        left: Option<Left>,
        builds: Builds,
        switch: Switch,
    ) -> anyhow::Result<Self> {
        let (jobs, todo) = unbounded();
        let (done_in, done) = unbounded();
        let names: Vec<SymbolName> = config.symbols.iter().map(|symbol| symbol.name).collect();
        let (orders, to_carry) = unbounded();
        start_carrier(Arc::clone(&rest), names.clone(), to_carry, done_in.clone())?;
        let (worker_rest, worker_done) = (Arc::clone(&rest), done_in.clone());
        let worker_config = Arc::clone(&config);
        std::thread::Builder::new()
            .name("rest".to_owned())
            .spawn(move || work(&worker_rest, &worker_config, &names, &todo, &worker_done, left))
            .context("cannot start the REST thread")?;
        let now = Instant::now();
        let dials = Dials::new(config.links.dials_5m_max);
        Ok(Self {
            dead_man: DeadMan::new(config.dead_man, now),
            rest,
            budget,
            tls,
            to_hot,
            from_hot,
            heart,
            counters,
            stop,
            jobs,
            orders,
            done_in,
            done,
            dials,
            random: Masks::from_os(),
            later: Vec::new(),
            missed: None,
            sidecars: Sidecars::new(&config.instance, config.timing.verdict_age_ns_max),
            builds,
            switch,
            keep_alive_at: now + KEEP_ALIVE,
            fallback_at: None,
            clock_at: now,
            clock_asked_at: now,
            listing_at: now + LISTING,
            listed_at: now,
            beat: (0, now),
            still: Duration::ZERO,
            beat_sent_at: now,
            is_stop_told: false,
            is_ready_told: false,
            config,
        })
    }

    /// Works until the hot thread has ended.
    pub fn run(&mut self, hot: &JoinHandle<Outcome>) {
        while !hot.is_finished() {
            if let Ok(done) = self.done.recv_timeout(NAP) {
                self.take(done);
            }
            while let Ok(message) = self.from_hot.pop() {
                self.answer(message);
            }
            self.dial_due();
            self.send_later();
            self.heed_switch();
            self.heed_sidecars();
            self.keep_alive();
            self.poll_prices();
            self.keep_dead_man();
            self.look_at_venue();
            self.watch();
            if self.stop.load(Ordering::Relaxed) && !self.is_stop_told {
                log::info!(target: "trading", "stopping: cancelling what works");
                let _ = sd_notify::notify(&[NotifyState::Stopping]);
                self.is_stop_told = self.tell(ToHot::Stop);
            }
        }
    }

    fn tell(&mut self, message: ToHot) -> bool {
        match self.to_hot.push(message) {
            Ok(()) => true,
            Err(rtrb::PushError::Full(message)) => {
                // The hot thread takes 16 a turn: full means that it stands still.
                self.later.push((Instant::now() + NAP, message));
                false
            }
        }
    }

    fn send_later(&mut self) {
        let now = Instant::now();
        let (due, rest) =
            std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
        self.later = rest;
        let due: Vec<(Instant, ToHot)> = due;
        for (_, message) in due {
            self.tell(message);
        }
    }

    fn answer(&mut self, message: ToCold) {
        match message {
            ToCold::Lost(slot, error, connection) => {
                if let Some(mut connection) = connection {
                    connection.close();
                }
                if error == LinkError::GivenUp(GiveUp::RolledOver) {
                    log::info!(target: "execution", "{} connection {error}", slot.link());
                    return;
                }
                let random = u32::from_le_bytes(self.random.next_mask());
                let pause_ns = self.dials.failed(tsc::mono(), slot, random);
                log::warn!(
                    target: "execution",
                    "{} connection {} lost ({error}); again in {} ms",
                    slot.link(), slot.lane(), pause_ns / 1_000_000
                );
            }
            ToCold::Dial(slot) => self.dials.want(slot),
            ToCold::Proved(slot) => self.dials.proved(slot),
            ToCold::Fallback(is_on) => self.fallback(is_on),
            ToCold::Clock => self.budget.doubt_clock(),
            ToCold::Listing => {
                self.listing_at = self.listing_at.min(self.listed_at + LISTING_AGAIN);
            }
            ToCold::Order(action) => {
                // As in `ask`; the engine finds the order without an answer overdue.
                if self.orders.send(action).is_err() {
                    log::error!(target: "trading", "the REST thread is gone; restart the trader");
                }
            }
            ToCold::Snapshot(symbol) => self.ask(Job::Snapshot(symbol)),
            ToCold::Reconcile(missed) => {
                let missed = match (missed, self.missed.take()) {
                    (Some(a), Some(b)) => Some(a.and(b)),
                    (a, b) => a.or(b),
                };
                self.ask(Job::Reconcile(missed));
            }
            ToCold::Kill(change) => self.switch.changed(Instant::now(), &change),
            ToCold::Spent(_) => {}
        }
    }

    /// Prices by REST while no market connection is up.
    fn fallback(&mut self, is_on: bool) {
        if is_on {
            log::warn!(target: "execution", "no market connection: prices come by REST");
        } else {
            log::info!(target: "execution", "a market connection is up: prices by REST end");
        }
        self.fallback_at = is_on.then(Instant::now);
    }

    fn poll_prices(&mut self) {
        let now = Instant::now();
        if self.fallback_at.is_some_and(|at| at <= now) {
            self.fallback_at = Some(now + FALLBACK);
            self.ask(Job::Prices);
        }
    }

    fn ask(&self, job: Job) {
        // The worker lives as long as this thread: only a panic of it closes the channel.
        if self.jobs.send(job).is_err() {
            log::error!(target: "trading", "the REST thread is gone; restart the trader");
        }
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Dialled(slot, Ok(connection)) => {
                log::debug!(target: "execution", "{} link connected", slot.link());
                self.tell(ToHot::Fresh(slot, connection));
            }
            Done::Dialled(slot, Err(error)) => {
                self.counters.count(Counter::DialFailed);
                let random = u32::from_le_bytes(self.random.next_mask());
                let pause_ns = self.dials.failed(tsc::mono(), slot, random);
                self.dials.want(slot);
                log::warn!(
                    target: "execution",
                    "{} connection {}: {error:#}; again in {} ms",
                    slot.link(), slot.lane(), pause_ns / 1_000_000
                );
            }
            Done::Snapshot(_, Ok(snapshot)) => {
                self.tell(ToHot::Snapshot(Box::new(snapshot)));
            }
            Done::Snapshot(symbol, Err(error)) => {
                log::warn!(target: "execution", "no depth snapshot: {error:#}");
                self.later.push((Instant::now() + RETRY, ToHot::NoSnapshot(symbol)));
            }
            Done::Reconciled(Ok(reconciliation), _) => {
                log::info!(
                    target: "trading",
                    "account: wallet {} USDT, {} open orders, {} reports made up for",
                    reconciliation.truth.wallet,
                    reconciliation.truth.open_orders.len(),
                    reconciliation.missed.len(),
                );
                self.tell(ToHot::Reconciled(Box::new(reconciliation)));
            }
            Done::Reconciled(Err(error), missed) => {
                log::warn!(target: "trading", "not reconciled: {error:#}");
                self.missed = missed;
                self.later.push((Instant::now() + RETRY, ToHot::NotReconciled));
            }
            Done::ListenKeyGone => {
                self.tell(ToHot::ListenKeyGone);
            }
            Done::Prices(Ok(prices)) => {
                self.counters.add(Counter::RestFallback, prices.len() as u64);
                for (snapshot, mark) in prices {
                    self.tell(ToHot::Prices(Box::new(snapshot), mark));
                }
            }
            Done::DeadMan(result) => {
                let is_set = result.is_ok();
                let counter = if is_set { Counter::DeadManSet } else { Counter::DeadManFailed };
                self.counters.count(counter);
                if let Err(error) = result {
                    log::error!(target: "risk", "{error:#}");
                }
                self.dead_man.answered(Instant::now(), is_set);
            }
            Done::Clock(Ok(skew)) => {
                self.budget.set_clock_offset_ms(skew.offset_ms());
                self.counters.set(Gauge::ClockOffsetNs, skew.offset_ns);
                self.counters.set(Gauge::ClockRoundTripNs, skew.rtt_ns as i64);
                if skew.offset_ns.unsigned_abs() > self.config.safety.clock_skew_ns_max {
                    self.clock_at = self.clock_at.min(Instant::now() + CLOCK_SKEWED);
                }
                self.tell(ToHot::Clock(skew));
            }
            Done::Clock(Err(error)) => {
                log::warn!(target: "execution", "the clocks are not compared: {error:#}");
                self.clock_at = Instant::now() + RETRY;
            }
            Done::Listing(Ok(listed)) => {
                let rules = listed.iter().map(|listed| listed.config.rules).collect();
                self.tell(ToHot::Rules(rules));
            }
            Done::Answered(answer) => {
                self.tell(ToHot::Answered(answer));
            }
            Done::Listing(Err(error)) => {
                log::warn!(target: "execution", "no listing: {error:#}");
            }
            Done::Prices(Err(error)) => {
                log::warn!(target: "execution", "no prices by REST: {error:#}");
            }
        }
    }

    fn dial_due(&mut self) {
        while let Some(slot) = self.dials.next_due(tsc::mono()) {
            let (config, rest) = (Arc::clone(&self.config), Arc::clone(&self.rest));
            let (tls, done) = (Arc::clone(&self.tls), self.done_in.clone());
            let thread = std::thread::Builder::new().name(format!("dial-{}", slot.link()));
            let dialled = thread.spawn(move || {
                let result = connect(&config, &rest, tls, slot);
                let _ = done.send(Done::Dialled(slot, result)); // nobody is there at the end
            });
            if let Err(error) = dialled {
                self.take(Done::Dialled(slot, Err(error.into())));
            }
        }
    }

    /// Hands on what refit and guard say.
    fn heed_sidecars(&mut self) {
        let now = Instant::now();
        self.sidecars.open(now);
        if let Some(params) = self.sidecars.params() {
            self.tell(ToHot::Params(params));
        }
        if let Some(verdict) = self.sidecars.verdict(tsc::mono()) {
            self.tell(ToHot::Verdict(verdict));
        }
        if let Some(are_one) = self.builds.look(now) {
            self.tell(ToHot::Builds(are_one));
        }
    }

    /// Hands on what presses the kill switch.
    fn heed_switch(&mut self) {
        if let Some(press) = self.switch.look(Instant::now()) {
            self.tell(ToHot::Kill(press));
        }
    }

    fn keep_alive(&mut self) {
        if Instant::now() >= self.keep_alive_at {
            self.keep_alive_at = Instant::now() + KEEP_ALIVE;
            self.ask(Job::KeepAlive);
        }
    }

    /// Refreshes the dead-man timers while the hot thread turns; says when they start and end.
    fn keep_dead_man(&mut self) {
        let now = Instant::now();
        if self.dead_man.ask(now, self.heart.load(Ordering::Relaxed)) {
            self.ask(Job::DeadMan(self.config.dead_man.countdown_ms));
        }
        if let Some(runs) = self.dead_man.change(now) {
            self.counters.set(Gauge::DeadMan, i64::from(runs));
            self.tell(ToHot::DeadMan(runs));
        }
    }

    /// Clocks, filters, and limits the venue told us of.
    fn look_at_venue(&mut self) {
        let now = Instant::now();
        if self.budget.take_clock_doubt() {
            self.clock_at = self.clock_at.min(self.clock_asked_at + CLOCK_AGAIN);
        }
        if now >= self.clock_at {
            self.clock_asked_at = now;
            self.clock_at = now + CLOCK;
            self.ask(Job::Clock);
        }
        if now >= self.listing_at {
            self.listing_at = now + LISTING;
            self.listed_at = now;
            self.ask(Job::Listing);
        }
        if let Some((status, wait)) = self.budget.take_untold() {
            log::warn!(
                target: "execution",
                "the venue answered {status}: nothing that can wait for {} s", wait.as_secs()
            );
            let until = tsc::wall().ms() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2);
            self.tell(ToHot::Limited(limited(status, until)));
        }
    }

    /// The watchdog is fed only while the hot thread turns.
    fn watch(&mut self) {
        let now = Instant::now();
        let turns = self.heart.load(Ordering::Relaxed);
        let passed = now - self.beat.1;
        let is_still = turns == self.beat.0;
        self.beat = (turns, now);
        if is_still {
            self.still += passed.min(OWN_GAP);
            if self.still >= STILL {
                log::error!(
                    target: "trading",
                    "the hot thread stands still at turn {turns}: ending the process"
                );
                log::logger().flush();
                std::process::abort();
            }
            return;
        }
        self.still = Duration::ZERO;
        if !self.is_ready_told {
            self.is_ready_told = sd_notify::notify(&[NotifyState::Ready]).is_ok();
        }
        if now - self.beat_sent_at >= Duration::from_millis(250) {
            self.beat_sent_at = now;
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    }
}
