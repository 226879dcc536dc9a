//! Engine, gate and rings: one input in, messages out, then the record of both.
//!
//! The order of things in [`Desk::take`] is the hot path's order: the engine decides, the gate
//! writes, and only then the market record (by the caller) and the journal records are published.
//!
//! What the engine wants sent while no order connection is ready (it says so only when REST is the
//! last way, `Safety::last_way_ns`) is left in a queue of fixed size for the caller, journalled
//! before it is carried anywhere; see [`crate::cold::last_way`].

use engine::{ACTIONS_MAX, Action, Engine, Input, Now, Outbox};
use schema::{ClientOrderId, Event, KillChange, Kind, Record, RequestId, Stage, Stages, WallNs};
use std::collections::VecDeque;

use crate::cold::last_way;
use crate::gate::{Gate, GateError};
use crate::journal::{Journal, Sink};
use crate::net::{LinkError, Wire};
use crate::queues::LogEntry;
use crate::tsc;
use crate::{alloc, crash_point};

/// Requests that did not leave and are still to be told to the engine: two full outboxes.
const UNSENT_MAX: usize = 2 * ACTIONS_MAX;
/// Cycle-counter stamps of the input being worked on.
pub type Stamps = [u64; 9];

/// Engine, gate, journal and the log queue.
#[derive(Debug)]
pub struct Desk<J = Journal> {
    /// The machine that decides.
    pub engine: Engine,
    /// The way to the wire.
    pub gate: Gate,
    /// The record.
    pub journal: J,
    log: rtrb::Producer<LogEntry>,
    log_dropped: u64,
    outbox: Outbox,
    unsent: Box<[RequestId; UNSENT_MAX]>,
    unsent_count: usize,
    /// Requests that found no room in `unsent`: their outcome stays unknown to the engine.
    unsent_lost: u64,
    /// Requests for REST to carry; never grows past its first capacity.
    by_rest: VecDeque<Action>,
    is_order_ready: bool,
    /// The newest change of the kill switch, until somebody took it.
    kill_change: Option<KillChange>,
    sent: u64,
}

impl<J: Sink> Desk<J> {
    /// Puts the parts together; allocates the outbox.
    pub fn new(engine: Engine, gate: Gate, journal: J, log: rtrb::Producer<LogEntry>) -> Self {
        Self {
            engine,
            gate,
            journal,
            log,
            log_dropped: 0,
            outbox: Outbox::new(),
            unsent: Box::new([RequestId(0); UNSENT_MAX]),
            unsent_count: 0,
            unsent_lost: 0,
            by_rest: VecDeque::new(),
            is_order_ready: false,
            kill_change: None,
            sent: 0,
        }
    }

    /// Whether requests may be sent: the order link is up and, if it must be, logged on.
    pub fn set_order_ready(&mut self, is_ready: bool) {
        self.is_order_ready = is_ready;
    }

    /// Keeps requests no connection can carry for [`Self::next_for_rest`] from now on.
    pub fn allow_rest(&mut self) {
        self.by_rest.reserve_exact(UNSENT_MAX);
    }

    /// The next request that REST is to carry; its answer is an input like any other, and
    /// `Input::SendFailed` if nobody carries it.
    #[inline]
    pub fn next_for_rest(&mut self) -> Option<Action> {
        self.by_rest.pop_front()
    }

    /// Hands an input to the engine and sends what it decides on `orders`.
    ///
    /// # Errors
    /// The order link broke; what was in flight has an unknown outcome.
    #[inline]
    pub fn take<W: Wire>(
        &mut self,
        now: Now,
        input: &Input<'_>,
        event_time: WallNs,
        orders: Option<&mut W>,
        stamps: &mut Stamps,
    ) -> Result<(), LinkError> {
        self.engine.apply(now, input, &mut self.outbox);
        if self.outbox.is_empty() {
            return Ok(());
        }
        stamps[Stage::Engine as usize] = tsc::stamp();
        let (placed, result) = self.send(now, orders, stamps);
        for record in self.outbox.records() {
            self.journal.publish(record);
            if record.kind == Kind::Kill as u16
                && let Ok(Event::Kill(change)) = Event::from_record(record)
            {
                self.kill_change = Some(change);
            }
            if record.kind != Kind::Bar as u16 && !record.is_for_replay() {
                push(&mut self.log, &mut self.log_dropped, LogEntry::Event(*record));
            }
        }
        self.outbox.clear();
        if let Some(client_order_id) = placed
            && stamps[Stage::Ready as usize] != 0
        {
            let stages = Stages { client_order_id, tsc: *stamps, event_time };
            let record = Event::Stages(stages).to_record();
            self.journal.publish(&record.stamped(now.mono, self.engine.input_number()));
        }
        if placed.is_some() {
            crash_point!("order_journalled");
        }
        result
    }

    /// Sends the outbox; returns the first order that left.
    #[inline]
    fn send<W: Wire>(
        &mut self,
        now: Now,
        mut orders: Option<&mut W>,
        stamps: &mut Stamps,
    ) -> (Option<ClientOrderId>, Result<(), LinkError>) {
        let mut placed = None;
        let mut result = Ok(());
        for action in self.outbox.actions() {
            let passed = match (&mut orders, self.is_order_ready && result.is_ok()) {
                (Some(connection), true) => {
                    crash_point!("order_decided");
                    self.gate.send(&mut **connection, action, now.wall)
                }
                (_, false) if !self.is_order_ready && keep(&mut self.by_rest, action) => continue,
                _ => Err(GateError::Stuck),
            };
            match (passed, action) {
                (Ok(passed), Action::Place(order, ..)) => {
                    crash_point!("order_written");
                    self.sent += 1;
                    if placed.is_none() {
                        placed = Some(order.get().client_order_id);
                        stamps[Stage::Encode as usize] = passed.encode_tsc;
                        stamps[Stage::WriteCall as usize] = passed.sent.call_tsc;
                        stamps[Stage::WriteReturn as usize] = passed.sent.return_tsc;
                    }
                }
                (Ok(_), _) => {
                    crash_point!("cancel_written");
                    self.sent += 1;
                }
                (Err(error), _) => {
                    let entry = LogEntry::Unsent(action.request_id(), error);
                    push(&mut self.log, &mut self.log_dropped, entry);
                    match error {
                        GateError::Broken(link) => result = Err(link),
                        GateError::Stuck if self.is_order_ready => result = Err(LinkError::Stuck),
                        GateError::Stuck | GateError::Encode(_) => {}
                    }
                    if error.is_unsent() {
                        match self.unsent.get_mut(self.unsent_count) {
                            Some(slot) => {
                                *slot = action.request_id();
                                self.unsent_count += 1;
                            }
                            None => self.unsent_lost += 1,
                        }
                    }
                }
            }
        }
        (placed, result)
    }

    /// The next request that did not leave, for `Input::SendFailed`.
    pub fn next_unsent(&mut self) -> Option<RequestId> {
        self.unsent_count = self.unsent_count.checked_sub(1)?;
        Some(self.unsent[self.unsent_count])
    }

    /// The newest change of the kill switch that was not forgotten.
    #[inline]
    pub fn kill_change(&self) -> Option<KillChange> {
        self.kill_change
    }

    /// It was told.
    pub fn forget_kill_change(&mut self) {
        self.kill_change = None;
    }

    /// Leaves an entry for the log thread; counts it if there is no room.
    #[inline]
    pub fn note(&mut self, entry: LogEntry) {
        push(&mut self.log, &mut self.log_dropped, entry);
    }

    /// Journals a record of the trader itself.
    pub fn record(&mut self, now: Now, event: &Event) {
        let record: Record = event.to_record();
        self.journal.publish(&record.stamped(now.mono, self.engine.input_number()));
    }

    /// Log entries lost, records that could not be kept, requests whose failure was not told.
    pub fn losses(&self) -> (u64, u64, u64) {
        (self.log_dropped, self.journal.lost() + self.outbox.lost(), self.unsent_lost)
    }
    /// Messages that left.
    pub fn sent(&self) -> u64 {
        self.sent
    }
    /// Allocations counted so far.
    pub fn allocations(&self) -> alloc::Counts {
        alloc::counts()
    }
}

#[inline]
fn push(log: &mut rtrb::Producer<LogEntry>, dropped: &mut u64, entry: LogEntry) {
    if log.push(entry).is_err() {
        *dropped += 1;
    }
}

/// Whether REST may carry a request, and there is room for it.
#[cold]
fn keep(by_rest: &mut VecDeque<Action>, action: &Action) -> bool {
    let is_kept = by_rest.len() < by_rest.capacity().min(UNSENT_MAX) && last_way::carries(action);
    if is_kept {
        by_rest.push_back(*action);
    }
    is_kept
}
