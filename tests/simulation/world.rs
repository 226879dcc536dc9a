//! The world of one run: a clock, a queue of what will happen, venue, network and trader.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use engine::Now;
use schema::{MonoNs, Record, WallNs};
use venue::Inline;

use crate::judge::Judge;
use crate::network::{Line, MS, Way, Wire};
use crate::plan::Plan;
use crate::random::Random;
use crate::setup::{START_MS, Setup};
use crate::side::Side;
use crate::sites::{Site, Sites};
use crate::tape::Tape;

mod event;
mod wires;

use event::Due;
pub(crate) use event::Event;

/// Between two ticks of trader and fate.
const TICK_NS: u64 = 100 * MS;
/// Simulated time after which everything must agree again.
const HEAL_NS: u64 = 30_000 * MS;
/// Lines of the trace kept for a failure.
const TRACE_KEPT: usize = 40;

/// What a run says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Nothing: most runs hold, and one that does not is run again.
    Silent,
    /// The last events are kept.
    Kept,
    /// Everything is printed.
    Loud,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) sites: Sites,
    pub(crate) failure: Option<(&'static str, String)>,
    pub(crate) trace: VecDeque<String>,
    pub(crate) events: u64,
    pub(crate) orders: u64,
    pub(crate) fills: u64,
}

/// A run.
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) plan: Plan,
    pub(crate) now_ns: u64,
    /// What our wall clock is wrong by.
    pub(crate) skew_ns: i64,
    pub(crate) setup: Setup,
    pub(crate) venue: Inline,
    pub(crate) lines: Vec<Line>,
    by_venue: BTreeMap<venue::Connection, Wire>,
    pub(crate) side: Option<Side>,
    pub(crate) life: u32,
    /// The journal of the trader before, as it is found by the next.
    pub(crate) journal: Vec<Record>,
    pub(crate) judge: Judge,
    pub(crate) sites: Sites,
    pub(crate) tape: Option<Tape>,
    queue: BinaryHeap<Reverse<Due>>,
    sequence: u64,
    faults_until: u64,
    pub(crate) is_healed: bool,
    pub(crate) is_done: bool,
    /// The hot loop does nothing before this.
    pub(crate) stands_until: u64,
    /// What reached the trader meanwhile.
    waiting: VecDeque<Event>,
    /// The venue wants nothing before this, as the trader was told.
    pub(crate) banned_until: u64,
    /// The kill switch is pressed: the latch is there, whoever lives.
    pub(crate) is_latched: bool,
    pub(crate) is_lied_to: bool,
    /// The last truth told was a lie.
    pub(crate) was_lied_to: bool,
    /// As REST was told it.
    pub(crate) rest_banned_until: u64,
    trace: VecDeque<String>,
    voice: Voice,
    events: u64,
}

impl World {
    /// A world from a seed.
    ///
    /// # Errors
    /// If the venue cannot be made.
    pub(crate) fn new(seed: u64, is_long: bool, voice: Voice) -> anyhow::Result<Self> {
        let mut random = Random::new(seed);
        let plan = Plan::random(&mut random);
        let (setup, venue) = Setup::new(seed, &mut random)?;
        let seconds = if is_long { random.between(30, 120) } else { random.between(4, 10) };
        let symbols = setup.names.len();
        let mut world = Self {
            plan,
            now_ns: 1_000 * MS,
            skew_ns: 0,
            setup,
            venue,
            lines: Vec::new(),
            by_venue: BTreeMap::new(),
            side: None,
            life: 0,
            journal: Vec::new(),
            judge: Judge::new(symbols),
            sites: Sites::default(),
            tape: seed.is_multiple_of(16).then(Tape::default),
            queue: BinaryHeap::new(),
            sequence: 0,
            faults_until: seconds * 1_000 * MS,
            is_healed: false,
            is_done: false,
            stands_until: 0,
            waiting: VecDeque::new(),
            banned_until: 0,
            is_latched: false,
            is_lied_to: false,
            was_lied_to: false,
            rest_banned_until: 0,
            trace: VecDeque::new(),
            voice,
            events: 0,
            random,
        };
        if voice == Voice::Loud {
            println!("{:#?}", world.plan);
        }
        world.after(0, Event::Start);
        world.after(TICK_NS, Event::Tick);
        Ok(world)
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Outcome {
        while !self.is_over() {
            if !self.work() {
                self.step();
            }
        }
        self.finish()
    }

    fn finish(mut self) -> Outcome {
        if self.judge.failure.is_none() {
            self.end_tape();
        }
        Outcome {
            sites: self.sites,
            failure: self.judge.failure.take(),
            trace: self.trace,
            events: self.events,
            orders: self.judge.orders_sent,
            fills: self
                .venue
                .exchange()
                .ledger(backtest::AccountId(0))
                .map_or(0, |l| l.fills.len() as u64),
        }
    }

    /// Whether nothing more is to be seen.
    pub(crate) fn is_over(&self) -> bool {
        self.is_done || self.judge.failure.is_some()
    }

    /// The trader's clocks.
    pub(crate) fn now(&self) -> Now {
        let wall = START_MS * MS as i64 + self.now_ns as i64 + self.skew_ns;
        Now { mono: MonoNs(self.now_ns), wall: WallNs(wall) }
    }

    /// The venue's clock, ms.
    pub(crate) const fn venue_ms(&self) -> i64 {
        START_MS + (self.now_ns / MS) as i64
    }

    /// Something will happen in so many nanoseconds.
    pub(crate) fn after(&mut self, pause_ns: u64, event: Event) {
        self.at(self.now_ns + pause_ns, event);
    }

    fn at(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse(Due(at.max(self.now_ns), self.sequence, event)));
    }

    /// A line of the trace.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.voice == Voice::Silent {
            return;
        }
        let line = format!("{:>12.6} s  {}", self.now_ns as f64 / 1e9, line());
        if self.voice == Voice::Loud {
            println!("{line}");
        }
        if self.trace.len() == TRACE_KEPT {
            self.trace.pop_front();
        }
        self.trace.push_back(line);
    }

    /// Lets the world go on until then; used while the cold side waits for an answer.
    pub(crate) fn run_until(&mut self, at: u64) {
        while !self.is_over() && self.next_at() <= at {
            self.step();
        }
        self.now_ns = self.now_ns.max(at);
    }

    fn venue_due(&self) -> u64 {
        let ms = self.venue.next_due_ms().saturating_sub(START_MS).max(0);
        (ms as u64).saturating_mul(MS)
    }

    fn next_at(&self) -> u64 {
        let queued = self.queue.peek().map_or(u64::MAX, |Reverse(due)| due.0);
        queued.min(self.venue_due())
    }

    /// The next thing happens.
    fn step(&mut self) {
        self.events += 1;
        let due = self.queue.peek().map_or(u64::MAX, |Reverse(due)| due.0);
        let venue_due = self.venue_due();
        if venue_due <= due {
            self.now_ns = self.now_ns.max(venue_due);
            let now_ms = self.venue_ms();
            self.venue.advance(now_ms);
            self.drain();
            return;
        }
        let Some(Reverse(Due(at, _, event))) = self.queue.pop() else { return };
        self.now_ns = self.now_ns.max(at);
        self.happen(event);
    }

    fn happen(&mut self, event: Event) {
        let is_hot = matches!(
            event,
            Event::ToTrader(..) | Event::Garbled(..) | Event::Ping(_, true) | Event::Ended(..)
        );
        if is_hot && self.now_ns < self.stands_until {
            return self.waiting.push_back(event);
        }
        match event {
            Event::ToTrader(wire, text) => self.receive(wire, &text),
            Event::Garbled(wire) => self.receive_garbage(wire),
            Event::ToVenue(wire, text) => self.request(wire, &text),
            Event::Ping(wire, true) => self.ponged(wire),
            Event::Ping(wire, false) => {
                self.send(wire, Way::ToTrader, |wire| Event::Ping(wire, true))
            }
            Event::Ended(wire) => self.ended(wire),
            Event::Closed(wire) => self.close_at_venue(wire),
            Event::Dialled(life, slot, is_made) => self.dialled(life, slot, is_made),
            Event::Tick => self.tick(),
            Event::NoSnapshot(life, symbol) if life == self.life => self.no_snapshot(symbol),
            Event::NotReconciled(life) if life == self.life => self.not_reconciled(),
            Event::NoSnapshot(..) | Event::NotReconciled(..) => {}
            Event::Start => self.start(),
            // It stands again meanwhile.
            Event::Continue if self.now_ns < self.stands_until => {}
            Event::Continue => {
                while let Some(event) = self.waiting.pop_front() {
                    self.happen(event);
                }
            }
        }
    }

    fn tick(&mut self) {
        self.after(TICK_NS, Event::Tick);
        if !self.is_healed && self.now_ns >= self.faults_until {
            self.heal();
        }
        if !self.is_healed {
            self.misfortunes();
        }
        if self.is_healed && !self.is_over() {
            let is_settled = self.is_settled();
            if is_settled {
                self.is_done = true;
            } else if self.now_ns >= self.faults_until + HEAL_NS {
                let why = self.why_unsettled();
                let what = if self.is_latched { "I12" } else { "I4" };
                self.judge.fail(what, format!("30 s after the last fault: {why}"));
            }
        }
        if self.now_ns >= self.stands_until {
            self.timer();
        }
    }

    /// The safety phase is over: no more faults; what they left is the trader's to mend.
    fn heal(&mut self) {
        self.note(|| "== faults end".to_owned());
        self.is_healed = true;
        self.plan = Plan::quiet();
        self.venue.clear_faults();
        let now_ns = self.now_ns;
        self.lines.iter_mut().for_each(|line| line.heal(now_ns));
        self.skew_ns = 0;
        self.person_resumes();
        self.drain();
    }

    /// The trader is dead: whatever it wrote before it died is on its way still.
    pub(crate) fn die(&mut self) {
        let Some(side) = self.side.take() else { return };
        let is_in_flight = side.desk.engine.orders().live().any(|(_, order)| !order.is_external);
        if is_in_flight {
            self.sites.hit(Site::CrashInFlight);
        }
        self.note(|| "== the trader dies".to_owned());
        self.journal = side.desk.journal;
        if let Some(tape) = self.tape.as_mut() {
            tape.ended(&self.journal);
        }
        self.waiting.clear();
        self.stands_until = 0;
        let life = self.life;
        for wire in 0..self.lines.len() {
            if self.lines[wire].life == life && self.lines[wire].is_open {
                self.lines[wire].is_open = false;
                let pause = self.random.between(5, 300) * MS;
                self.after(pause, Event::Closed(wire));
            }
        }
        self.judge.died(self.now_ns);
        let pause = self.random.between(100, 1_500) * MS;
        self.after(pause, Event::Start);
    }
}
