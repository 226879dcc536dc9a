//! The trader's cold side: dials, REST one request at a time, the dead-man timers. The functions
//! are the trader's own; while one waits for an answer the world goes on.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use engine::Input;
use schema::{Link, SymbolId};
use trader::cold::Left;
use trader::cold::clock::{self, Skew};
use trader::cold::deadman::{self, DeadMan};
use trader::cold::dial::Dials;
use trader::cold::prices::prices;
use trader::cold::reconcile::{reconcile, snapshot};
use trader::queues::{Missed, Slot};

use crate::network::MS;
use crate::side::DEAD_MAN;
use crate::sites::Site;
use crate::world::{Event, World};

mod carrier;

use carrier::Carrier;

/// Pause before what failed is asked for again.
const RETRY_NS: u64 = 500 * MS;
/// Between two comparisons of the clocks.
const CLOCK_NS: u64 = 5_000 * MS;
/// Between two polls of prices while no market connection is up.
const FALLBACK_NS: u64 = 1_000 * MS;

/// What the one REST worker does.
#[derive(Debug)]
pub(crate) enum Job {
    Snapshot(SymbolId),
    Reconcile(Option<Missed>),
    Prices,
    DeadMan,
    Clock,
}

/// The cold side.
pub(crate) struct Cold {
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) dials: Dials,
    pub(crate) fallback_at: Option<u64>,
    pub(crate) clock_at: u64,
    left: Option<Left>,
    missed: Option<Missed>,
    dead_man: DeadMan,
    began: Instant,
}

impl Cold {
    pub(crate) fn new(left: Option<Left>) -> Self {
        let began = Instant::now();
        Self {
            jobs: VecDeque::new(),
            dials: Dials::new(100_000),
            fallback_at: None,
            clock_at: 0,
            left,
            missed: None,
            dead_man: DeadMan::new(DEAD_MAN, began),
            began,
        }
    }

    /// The account is wanted.
    pub(crate) fn reconcile(&mut self, missed: Option<Missed>) {
        let missed = match (missed, self.missed.take()) {
            (Some(a), Some(b)) => Some(a.and(b)),
            (a, b) => a.or(b),
        };
        self.jobs.push_back(Job::Reconcile(missed));
    }

    /// The simulated time as the dead-man's clock has it: only differences matter.
    fn instant(&self, now_ns: u64) -> Instant {
        self.began + Duration::from_nanos(now_ns)
    }
}

impl World {
    /// Works on the next job of the REST worker; `false` if there is none.
    pub(crate) fn work(&mut self) -> bool {
        let is_standing = self.now_ns < self.stands_until;
        let Some(side) = self.side.as_mut().filter(|_| !is_standing) else { return false };
        let Some(job) = side.cold.jobs.pop_front() else { return false };
        let (life, names) = (self.life, self.setup.names.clone());
        let left = side.cold.left.clone();
        let now_ns = self.now_ns;
        if matches!(job, Job::Reconcile(_)) {
            // The same told twice is believed, and must be: it may be so. So is the first truth of a
            // start, which has nothing to compare it with.
            let knows = self.judge.is_known;
            self.is_lied_to =
                knows && !self.was_lied_to && self.random.chance(self.plan.account_empty);
        }
        macro_rules! by_rest {
            ($body:expr) => {{
                let carrier = Carrier { world: RefCell::new(self), life };
                #[allow(clippy::redundant_closure_call, reason = "the body names the carrier")]
                let result = ($body)(&carrier);
                result
            }};
        }
        match job {
            Job::Snapshot(symbol) => {
                let name = names[symbol.index()];
                let result = by_rest!(|api| snapshot(api, symbol, &name));
                if self.life != life || self.side.is_none() {
                    return true;
                }
                match result {
                    Ok(found) => {
                        self.take_depth(&found.head, &found.depth);
                        let now = self.now();
                        if let Some(side) = self.side.as_mut() {
                            side.session.snapshot_came(now, symbol);
                        }
                    }
                    Err(_) => self.after(RETRY_NS, Event::NoSnapshot(life, symbol)),
                }
            }
            Job::Reconcile(missed) => {
                let result = by_rest!(|api| reconcile(api, &names, missed, left.as_ref()));
                if self.life == life && self.side.is_some() {
                    self.take_truth(result, missed);
                }
                self.is_lied_to = false;
            }
            Job::Prices => {
                let result = by_rest!(|api| prices(api, &names));
                if self.life == life && self.side.as_ref().is_some_and(|s| s.session.is_fallback())
                {
                    for (found, mark) in result.unwrap_or_default() {
                        self.sites.hit(Site::Fallback);
                        self.take_depth(&found.head, &found.depth);
                        self.feed(&Input::Mark(&mark));
                    }
                }
            }
            Job::DeadMan => {
                let result = by_rest!(|api| deadman::set(api, &names, DEAD_MAN.countdown_ms));
                let at = self.now_ns;
                if let Some(side) = self.side.as_mut().filter(|_| self.life == life) {
                    let instant = side.cold.instant(at);
                    side.cold.dead_man.answered(instant, result.is_ok());
                }
            }
            Job::Clock => {
                let result = by_rest!(clock::measure);
                let Some(side) = self.side.as_mut().filter(|_| self.life == life) else {
                    return true;
                };
                match result {
                    Ok(skew) => {
                        side.cold.clock_at = now_ns + CLOCK_NS;
                        self.take_skew(skew);
                    }
                    Err(_) => side.cold.clock_at = self.now_ns + RETRY_NS,
                }
            }
        }
        true
    }

    fn take_skew(&mut self, skew: Skew) {
        let Skew { offset_ns, rtt_ns } = skew;
        if let Some(side) = self.side.as_mut() {
            side.desk.gate.set_clock_offset_ms(offset_ns / 1_000_000);
        }
        self.feed(&Input::ClockSkew { offset_ns, rtt_ns });
    }

    fn take_truth(
        &mut self,
        result: anyhow::Result<trader::queues::Reconciliation>,
        missed: Option<Missed>,
    ) {
        match result {
            Ok(found) => {
                self.was_lied_to = self.is_lied_to;
                self.note(|| {
                    let (qty, trade) = (found.truth.positions[0].qty, found.truth.last_trades[0].0);
                    let reports = found.missed.len();
                    format!("   truth: {reports} reports made up for, {qty} held, trade {trade}")
                });
                for report in &found.missed {
                    if let Some(side) = self.side.as_mut() {
                        side.session.made_up(report);
                    }
                    if report.trade_id.0 > 0 {
                        self.judge.made_up += u64::from(!self.judge.is_seen(report));
                    }
                    self.feed(&Input::Report(report));
                }
                self.feed(&Input::Reconciled(&found.truth));
                let now = self.now();
                self.note_known();
                if let Some(side) = self.side.as_mut() {
                    side.session.reconciled(now);
                }
            }
            Err(error) => {
                self.note(|| format!("   no truth: {error:#}"));
                self.sites.hit(Site::ReconcileFailed);
                let life = self.life;
                if let Some(side) = self.side.as_mut() {
                    side.cold.missed = missed;
                }
                self.after(RETRY_NS, Event::NotReconciled(life));
            }
        }
    }

    /// What the engine makes of a truth, for the trace.
    fn note_known(&mut self) {
        let Some(side) = self.side.as_ref() else { return };
        let engine = &side.desk.engine;
        let qty = engine.position(SymbolId(0)).qty();
        let live: Vec<_> = engine
            .orders()
            .live()
            .map(|(_, order)| (order.id, order.qty, order.filled, order.cum_qty))
            .collect();
        let (reason, asks) = (engine.state_reason(), engine.wants_reconcile());
        self.note(|| format!("   known: {qty} held, {reason}, wants more: {asks}, live {live:?}"));
    }

    pub(crate) fn not_reconciled(&mut self) {
        let now = self.now();
        if let Some(side) = self.side.as_mut() {
            side.session.reconcile_failed(now);
        }
    }

    pub(crate) fn no_snapshot(&mut self, symbol: SymbolId) {
        let now = self.now();
        if let Some(side) = self.side.as_mut() {
            side.session.snapshot_came(now, symbol);
        }
    }

    /// What the supervisor does between its jobs.
    pub(crate) fn cold_turn(&mut self) {
        let now = self.now();
        let life = self.life;
        while let Some(slot) =
            self.side.as_mut().and_then(|side| side.cold.dials.next_due(now.mono))
        {
            let pause = self.random.between(2, 60) * MS;
            let is_made = !self.random.chance(self.plan.dial_failed);
            self.after(pause, Event::Dialled(life, slot, is_made));
        }
        let Some(side) = self.side.as_mut() else { return };
        let cold = &mut side.cold;
        if cold.fallback_at.is_some_and(|at| at <= now.mono.0) {
            cold.fallback_at = Some(now.mono.0 + FALLBACK_NS);
            cold.jobs.push_back(Job::Prices);
        }
        if cold.clock_at <= now.mono.0 || side.desk.engine.wants_clock() {
            cold.clock_at = u64::MAX;
            if !cold.jobs.iter().any(|job| matches!(job, Job::Clock)) {
                cold.jobs.push_front(Job::Clock);
            }
        }
        let instant = cold.instant(now.mono.0);
        if cold.dead_man.ask(instant, side.turns) {
            cold.jobs.push_front(Job::DeadMan);
        }
        if let Some(is_set) = cold.dead_man.change(instant) {
            self.set_dead_man(is_set);
        }
    }

    pub(crate) fn dialled(&mut self, life: u32, slot: Slot, is_made: bool) {
        if self.life != life || self.side.is_none() {
            return;
        }
        let now = self.now();
        let wire = if is_made { self.dial(slot) } else { None };
        match wire {
            Some(wire) => self.opened(slot, wire),
            None => {
                self.sites.hit(Site::NotConnected);
                let random = self.random.word() as u32;
                if let Some(side) = self.side.as_mut() {
                    side.cold.dials.failed(now.mono, slot, random);
                    side.cold.dials.want(slot);
                }
            }
        }
    }

    fn dial(&mut self, slot: Slot) -> Option<usize> {
        let (now_ms, key) = (self.venue_ms(), self.setup.api_key.clone());
        let mut listen_key = String::new();
        if slot.link() == Link::User {
            let answer = self.venue.rest(now_ms, "POST", "/fapi/v1/listenKey", &key);
            listen_key = binance::rest::parse_listen_key(answer.body.as_bytes()).ok()?;
        }
        let path = self.setup.path(slot.link(), &listen_key);
        let wire = self.connect(slot, &path);
        self.drain();
        wire
    }
}
