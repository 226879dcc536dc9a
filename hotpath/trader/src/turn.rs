//! The hot loop: one turn reads what is ready, decides, sends, records; and starts again.
//!
//! Time is read once a turn. A turn is bounded: a few reads a socket, a handful of messages from
//! the queues. What a turn costs is measured and published.

mod change;
mod ending;
mod feed;
mod socket;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use binance::SymbolTable;
use engine::{Input, Now};
use rings::{broadcast, control, latest};
use schema::{DepthBuf, Event, Link, MonoNs, Record, Status, SymbolId, WallNs};

use crate::alloc;
use crate::cold::clock::Skew;
use crate::config::Wait;
use crate::counters::Counters;
use crate::desk::{Desk, Stamps};
use crate::feed::{Arbiter, Twice};
use crate::links::Links;
use crate::net::LinkError;
use crate::queues::{HotConnection, LogEntry, Missed, SLOTS, Slot, ToCold, ToHot};
use crate::session::{Ask, Session, Settings};
use crate::tsc;

use ending::Ending;

/// Time between two timers of the engine.
const TIMER_NS: u64 = 10_000_000;
/// Time between two looks at silent connections.
const WATCH_NS: u64 = 100_000_000;
/// Time between two publications of the status.
const STATUS_NS: u64 = 100_000_000;
/// Longest sleep of a parked loop: what a command or a new connection waits at most.
const PARK: Duration = Duration::from_millis(1);
/// Queue messages and commands taken in one turn.
const MESSAGES_PER_TURN: usize = 16;
/// A turn this many budgets long is worth a line in the log.
const LONG_TURN_BUDGETS: u64 = 100;

/// What the loop is made of besides the desk and the sockets.
#[derive(Debug)]
pub struct Parts {
    /// Engine, gate, journal, log.
    pub desk: Desk,
    /// Sockets.
    pub links: Links,
    /// Symbols, as the decoders need them.
    pub symbols: SymbolTable,
    /// Market ring.
    pub market: broadcast::Writer<Record>,
    /// Status.
    pub status: latest::Writer<Status>,
    /// Commands.
    pub control: control::Receiver<Record>,
    /// From the cold thread.
    pub from_cold: rtrb::Consumer<ToHot>,
    /// To the cold thread.
    pub to_cold: rtrb::Producer<ToCold>,
    /// Counts of all threads.
    pub counters: Counters,
    /// Turns so far, for the watchdog.
    pub heart: Arc<AtomicU64>,
    /// How to wait.
    pub wait: Wait,
    /// Budget of a turn.
    pub turn_budget_ns: u64,
    /// How long the session waits for things.
    pub session: Settings,
    /// A market message that was pushed so long ago is counted as stale, ns.
    pub stale_ns: i64,
    /// Cycles a second.
    pub tsc_hz: u64,
    /// Whether the end closes positions.
    pub flatten_on_stop: bool,
    /// How long the end waits for confirmations, ns.
    pub stop_timeout_ns: u64,
    /// What a trader before this one may not have heard.
    pub left: Option<Missed>,
}

/// How the loop ended.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The last status.
    pub status: Status,
    /// Allocations after start-up.
    pub allocations: alloc::Counts,
    /// Whether every order was confirmed done before the end.
    pub is_quiet: bool,
    /// Messages sent.
    pub sent: u64,
    /// Log entries dropped, records not kept, failures not told.
    pub losses: (u64, u64, u64),
}

/// The loop.
#[derive(Debug)]
pub struct Turn {
    parts: Parts,
    depth: DepthBuf,
    status: Box<Status>,
    clock: tsc::Clock,
    now: Now,
    ready_tsc: u64,
    stamps: Stamps,
    timer_at: MonoNs,
    status_at: MonoNs,
    turns: u64,
    ticks: u64,
    turn_max_cycles: u64,
    turn_budget_cycles: u64,
    turns_over_budget: u64,
    watch_at: MonoNs,
    session: Session,
    arbiter: Arbiter,
    twice: Twice,
    journal_told: u64,
    ending: Ending,
    nonce: u64,
}

impl Turn {
    /// Allocates what the loop needs.
    pub fn new(mut parts: Parts) -> Self {
        let mut clock = tsc::Clock::default();
        let now = clock.now();
        parts.desk.allow_rest();
        let turn_budget_cycles = tsc::cycles(parts.turn_budget_ns, parts.tsc_hz);
        Self {
            depth: DepthBuf::new(),
            status: Box::default(),
            clock,
            now,
            ready_tsc: 0,
            stamps: [0; 9],
            timer_at: now.mono,
            status_at: now.mono,
            turns: 0,
            ticks: 0,
            turn_max_cycles: 0,
            turn_budget_cycles,
            turns_over_budget: 0,
            watch_at: now.mono,
            session: Session::new(parts.session, parts.symbols.len(), parts.left, now),
            arbiter: Arbiter::new(),
            twice: Twice::default(),
            journal_told: 0,
            ending: Ending::No,
            nonce: now.wall.0 as u64 | 1,
            parts,
        }
    }

    /// Runs until the end is reached. The allocator is armed for this thread meanwhile.
    pub fn run(mut self) -> Outcome {
        alloc::arm();
        while !self.is_finished() {
            self.turn();
        }
        let allocations = alloc::disarm();
        self.parts.desk.journal.retry();
        self.publish_status();
        Outcome {
            status: *self.status,
            allocations,
            is_quiet: self.parts.desk.engine.is_quiet(),
            sent: self.parts.desk.sent(),
            losses: self.parts.desk.losses(),
        }
    }

    /// One turn.
    pub fn turn(&mut self) {
        let wait = if self.parts.wait == Wait::Park { PARK } else { Duration::ZERO };
        let has_work = self.parts.links.poll(wait);
        self.ready_tsc = tsc::stamp();
        self.now = self.clock.now();
        let mut from = 0;
        while let Some(slot) = self.parts.links.next_readable(from) {
            self.serve(slot);
            from = slot.index() + 1;
        }
        self.stamps = [0; 9];
        self.take_messages();
        self.take_commands();
        self.carry_by_rest();
        self.tell_unsent();
        self.tell_kill();
        if self.now.mono >= self.timer_at {
            self.timer();
        }
        self.parts.desk.journal.retry();
        if self.now.mono >= self.status_at {
            self.status_at = self.now.mono.plus_ns(STATUS_NS);
            self.publish_status();
        }
        self.turns += 1;
        // Relaxed: the watchdog only compares two values of one counter.
        self.parts.heart.store(self.turns, Ordering::Relaxed);
        self.measure();
        if !has_work && self.parts.wait == Wait::Yield {
            std::thread::yield_now();
        }
    }

    /// In cycles: nanoseconds cost a division of 128 bits, and every turn is measured.
    #[inline]
    fn measure(&mut self) {
        let cycles = tsc::stamp().saturating_sub(self.ready_tsc);
        if cycles > self.turn_budget_cycles {
            self.turns_over_budget += 1;
            if cycles > self.turn_budget_cycles.saturating_mul(LONG_TURN_BUDGETS) {
                self.parts.desk.note(LogEntry::LongTurn(tsc::ns(cycles, self.parts.tsc_hz)));
            }
        }
        self.turn_max_cycles = self.turn_max_cycles.max(cycles);
    }

    /// Hands an input to the engine, then publishes it if that is the market ring's to tell; the
    /// stages are kept only for inputs with a push time.
    #[inline]
    fn apply(&mut self, input: &Input<'_>, event_time: WallNs) {
        let Self { parts, session, .. } = self;
        let mut none = [0; 9];
        let stamps = if event_time.0 == 0 { &mut none } else { &mut self.stamps };
        let sent = parts.desk.sent();
        let orders = order_connection(session, &mut parts.links);
        let result = parts.desk.take(self.now, input, event_time, orders, stamps);
        if let Some(event) = market_event(self.now, input) {
            let number = parts.desk.engine.input_number();
            parts.market.publish(&event.to_record().stamped(self.now.mono, number));
        }
        self.after(sent, result);
    }

    /// After an input was taken; `sent` is how many messages had left before.
    #[inline]
    fn after(&mut self, sent: u64, result: Result<(), LinkError>) {
        if self.parts.desk.sent() != sent
            && let Some(slot) = self.session.orders()
        {
            self.session.sent(self.now, slot);
        }
        if let Err(error) = result {
            self.lose_orders(error);
        }
    }

    /// Tells the cold thread; whether there was room.
    ///
    /// The last places are kept for lost connections: each is lost once until the cold thread,
    /// which must have taken the loss by then, gives a new one. So a loss always finds room.
    #[inline]
    fn tell(&mut self, message: ToCold) -> bool {
        let is_loss = matches!(message, ToCold::Lost(..));
        let has_room = is_loss || self.parts.to_cold.slots() > SLOTS;
        has_room && self.parts.to_cold.push(message).is_ok()
    }

    #[inline]
    fn take_messages(&mut self) {
        for _ in 0..MESSAGES_PER_TURN {
            let Ok(message) = self.parts.from_cold.pop() else { return };
            self.take_message(message);
        }
    }

    #[cold]
    fn take_message(&mut self, message: ToHot) {
        match message {
            ToHot::Fresh(slot, connection) => match self.parts.links.adopt(slot, connection) {
                Ok(()) => self.came_up(slot),
                Err((error, connection)) => {
                    self.tell(ToCold::Lost(slot, error, Some(connection)));
                }
            },
            ToHot::Snapshot(snapshot) => {
                self.take_depth(&snapshot.head, &snapshot.depth);
                self.session.snapshot_came(self.now, snapshot.head.symbol);
                self.tell(ToCold::Spent(ToHot::Snapshot(snapshot)));
            }
            ToHot::Prices(snapshot, mark) => {
                if self.session.is_fallback() {
                    self.take_depth(&snapshot.head, &snapshot.depth);
                    self.apply(&Input::Mark(&mark), WallNs(0));
                }
                self.tell(ToCold::Spent(ToHot::Prices(snapshot, mark)));
            }
            ToHot::NoSnapshot(symbol) => self.session.snapshot_came(self.now, symbol),
            ToHot::Reconciled(reconciliation) => {
                crate::crash_point!("reconcile_told");
                for report in &reconciliation.missed {
                    self.make_up(report);
                }
                self.apply(&Input::Reconciled(&reconciliation.truth), WallNs(0));
                self.session.reconciled(self.now);
                self.tell(ToCold::Spent(ToHot::Reconciled(reconciliation)));
            }
            ToHot::NotReconciled => self.session.reconcile_failed(self.now),
            ToHot::ListenKeyGone => self.lose_listen_key(),
            ToHot::Params(params) => self.apply(&Input::Params(&params), WallNs(0)),
            ToHot::Verdict(verdict) => self.apply(&Input::Verdict(&verdict), WallNs(0)),
            ToHot::Builds(are_one) => self.apply(&Input::Builds(are_one), WallNs(0)),
            ToHot::Kill(press) => self.kill(press),
            ToHot::DeadMan(is_set) => self.apply(&Input::DeadMan(is_set), WallNs(0)),
            ToHot::Clock(Skew { offset_ns, rtt_ns }) => {
                self.parts.desk.gate.set_clock_offset_ms(offset_ns / 1_000_000);
                self.apply(&Input::ClockSkew { offset_ns, rtt_ns }, WallNs(0));
            }
            ToHot::Limited(reply) => self.apply(&Input::Reply(&reply), WallNs(0)),
            ToHot::Answered(answer) => self.take_answer(answer),
            ToHot::Rules(rules) => {
                for (index, rules) in rules.iter().enumerate() {
                    let symbol = SymbolId(index as u16);
                    self.apply(&Input::Rules(symbol, rules), WallNs(0));
                }
                self.tell(ToCold::Spent(ToHot::Rules(rules)));
            }
            ToHot::Stop => self.begin_end(),
        }
    }

    #[inline]
    fn take_commands(&mut self) {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(record) = self.parts.control.recv() else { return };
            // Anything but a command is another build's: refused by not being understood.
            if let Ok(Event::Command(command)) = Event::from_record(&record) {
                self.apply(&Input::Command(&command), WallNs(0));
            }
        }
    }

    #[inline]
    fn tell_unsent(&mut self) {
        while let Some(id) = self.parts.desk.next_unsent() {
            self.apply(&Input::SendFailed(id), WallNs(0));
        }
    }

    /// The latch is the cold thread's to press: it waits for a disk.
    #[inline]
    fn tell_kill(&mut self) {
        if let Some(change) = self.parts.desk.kill_change()
            && self.tell(ToCold::Kill(change))
        {
            self.parts.desk.forget_kill_change();
        }
    }

    fn timer(&mut self) {
        self.timer_at = self.now.mono.plus_ns(TIMER_NS);
        self.apply(&Input::Timer, WallNs(0));
        let capacity = self.parts.desk.journal.capacity();
        let used = self.parts.desk.journal.used();
        // The engine's marks lie above a half; below, it need not hear.
        if used > capacity / 2 || self.journal_told > capacity / 2 {
            self.journal_told = used;
            self.apply(&Input::JournalUsed { used, capacity }, WallNs(0));
        }
        self.release_held();
        if self.now.mono >= self.watch_at {
            self.watch_at = self.now.mono.plus_ns(WATCH_NS);
            self.watch();
        }
        self.ask();
        if self.ending == Ending::No && self.parts.desk.engine.is_stopping() {
            self.ending = Ending::Stopping { until: self.stop_by() };
        }
    }

    /// Asks the cold thread for what the session wants.
    fn ask(&mut self) {
        // Bounded: each question is under way once asked.
        while let Some(ask) = self.session.next_ask(self.now, &self.parts.desk.engine) {
            let is_told = self.tell(match ask {
                Ask::Dial(slot) => ToCold::Dial(slot),
                Ask::Snapshot(symbol) => ToCold::Snapshot(symbol),
                Ask::Reconcile(missed) => ToCold::Reconcile(missed),
                Ask::Fallback(is_on) => ToCold::Fallback(is_on),
            });
            if !is_told {
                return self.session.not_asked(self.now, ask);
            }
        }
    }

    fn publish_status(&mut self) {
        let Self { parts, status, now, session, arbiter, twice, .. } = self;
        parts.desk.engine.fill_status(*now, status);
        parts.counters.fill(&mut status.counters, &mut status.gauges);
        for counts in [session.counts(), arbiter.counts(), twice.counts()] {
            status.counters.add(counts);
        }
        status.mono_ns = now.mono.0;
        status.wall_ns = now.wall.0;
        status.turns = self.turns;
        status.turn_max_ns = tsc::ns(self.turn_max_cycles, parts.tsc_hz);
        status.turns_over_budget = self.turns_over_budget;
        status.turn_budget_ns = parts.turn_budget_ns;
        status.wait = parts.wait as u64;
        status.ticks = self.ticks;
        status.journal_used = parts.desk.journal.used();
        status.journal_capacity = parts.desk.journal.capacity();
        status.log_dropped = parts.desk.losses().0 + crate::logging::lost();
        let counts = alloc::counts();
        status.hot_allocations = counts.hot;
        status.tls_allocations = counts.tls;
        status.links = parts.links.traffic;
        status.connections = parts.links.connections;
        for link in Link::ALL {
            status.links[*link as usize].up = u64::from(session.is_up(*link));
            for slot in Slot::all_of(*link) {
                let connection = &mut status.connections[slot.index()];
                connection.state = session.state(slot) as u64;
                connection.opened_mono_ns = session.opened_at(slot).map_or(0, |at| at.0);
                let ranking = arbiter.ranking(*link, slot.lane());
                connection.wins = ranking.wins;
                connection.duplicates = ranking.duplicates;
                connection.lead_ns = ranking.lead_ns;
            }
        }
        parts.status.store(status);
    }
}

/// What the market ring tells of an input: all that the engine does not record itself. Depth goes
/// there with its levels.
#[inline]
fn market_event(now: Now, input: &Input<'_>) -> Option<Event> {
    Some(match input {
        Input::BookTicker(ticker) => Event::BookTicker(**ticker),
        Input::Trade(trade) => Event::Trade(**trade),
        Input::Mark(mark) => Event::Mark(**mark),
        Input::Timer => Event::Timer(now.wall),
        Input::Link(link, is_up) => Event::Link(*link, *is_up),
        _ => return None,
    })
}

/// The connection orders leave on.
#[inline]
fn order_connection<'l>(session: &Session, links: &'l mut Links) -> Option<&'l mut HotConnection> {
    links.connection(session.orders()?)
}
