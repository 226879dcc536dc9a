//! The hot loop: one turn reads what is ready, decides, sends, records; and starts again.
//!
//! Time is read once a turn. A turn is bounded: at most [`READS_PER_TURN`] reads a socket, a
//! handful of messages from the queues. What a turn costs is measured and published.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use binance::{
    DecodeError, MarketFrame, SymbolTable, UserFrame, decode_market, decode_reply, decode_user,
};
use engine::{Input, Now};
use rings::{broadcast, control, latest};
use schema::{
    Command, CommandKind, DepthBuf, DepthHead, Event, Link, MonoNs, OrderReply, Record, Side,
    Stage, Status, SymbolId, WallNs,
};

use crate::alloc;
use crate::config::Wait;
use crate::desk::{Desk, Stamps};
use crate::gate::LOGON_REQUEST;
use crate::links::Links;
use crate::net::LinkError;
use crate::queues::{LogEntry, SLOTS, Slot, ToCold, ToHot};
use crate::tsc;

/// Reads of one socket in one turn: 4 KiB each, so that one busy socket cannot hold up the others.
const READS_PER_TURN: usize = 8;
/// Time between two timers of the engine.
const TIMER_NS: u64 = 10_000_000;
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
    /// Turns so far, for the watchdog.
    pub heart: Arc<AtomicU64>,
    /// How to wait.
    pub wait: Wait,
    /// Budget of a turn.
    pub turn_budget_ns: u64,
    /// Whether the order connection must log on.
    pub needs_logon: bool,
    /// Cycles a second.
    pub tsc_hz: u64,
    /// Whether the end closes positions.
    pub flatten_on_stop: bool,
    /// How long the end waits for confirmations, ns.
    pub stop_timeout_ns: u64,
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

/// Where the loop is on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    Flattening { until: MonoNs },
    Stopping { until: MonoNs },
}

/// The loop.
#[derive(Debug)]
pub struct Turn {
    parts: Parts,
    depth: DepthBuf,
    status: Box<Status>,
    now: Now,
    ready_tsc: u64,
    stamps: Stamps,
    timer_at: MonoNs,
    status_at: MonoNs,
    turns: u64,
    ticks: u64,
    turn_max_ns: u64,
    turns_over_budget: u64,
    is_proved: [bool; SLOTS],
    is_snapshot_asked: [bool; schema::SYMBOLS_MAX],
    is_reconcile_asked: bool,
    /// Wall time of the last frame of the user stream before it was lost.
    user_lost_at: Option<WallNs>,
    user_seen_at: WallNs,
    journal_told: u64,
    ending: Ending,
    nonce: u64,
}

/// One decoded message.
enum Decoded {
    Market(MarketFrame),
    User(UserFrame),
    Reply(OrderReply),
    Unread(DecodeError, [u8; 48]),
}

impl Turn {
    /// Allocates what the loop needs.
    pub fn new(parts: Parts) -> Self {
        let now = tsc::now();
        Self {
            parts,
            depth: DepthBuf::new(),
            status: Box::default(),
            now,
            ready_tsc: 0,
            stamps: [0; 9],
            timer_at: now.mono,
            status_at: now.mono,
            turns: 0,
            ticks: 0,
            turn_max_ns: 0,
            turns_over_budget: 0,
            is_proved: [false; SLOTS],
            is_snapshot_asked: [false; schema::SYMBOLS_MAX],
            is_reconcile_asked: false,
            user_lost_at: None,
            user_seen_at: now.wall,
            journal_told: 0,
            ending: Ending::No,
            nonce: now.wall.0 as u64 | 1,
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
        self.now = tsc::now();
        let mut from = 0;
        while let Some(slot) = self.parts.links.next_readable(from) {
            self.serve(slot);
            from = slot.index() + 1;
        }
        self.stamps = [0; 9];
        self.take_messages();
        self.take_commands();
        self.tell_unsent();
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

    #[inline]
    fn measure(&mut self) {
        let cycles = u128::from(tsc::stamp().saturating_sub(self.ready_tsc));
        let ns = (cycles * 1_000_000_000 / u128::from(self.parts.tsc_hz.max(1))) as u64;
        if ns > self.parts.turn_budget_ns {
            self.turns_over_budget += 1;
            if ns > self.parts.turn_budget_ns.saturating_mul(LONG_TURN_BUDGETS) {
                self.parts.desk.note(LogEntry::LongTurn(ns));
            }
        }
        self.turn_max_ns = self.turn_max_ns.max(ns);
    }

    /// Reads a socket and works through its messages.
    #[inline]
    fn serve(&mut self, slot: Slot) {
        let mut stamps = [0; 9];
        stamps[Stage::Ready as usize] = self.ready_tsc;
        for _ in 0..READS_PER_TURN {
            let Some(connection) = self.parts.links.connection(slot) else {
                return self.parts.links.set_drained(slot);
            };
            let received = match connection.receive() {
                Ok(received) => received,
                Err(error) => return self.lose(slot, error),
            };
            stamps[Stage::Read as usize] = received.read_tsc;
            stamps[Stage::Tls as usize] = received.tls_tsc;
            self.parts.links.traffic[slot.link() as usize].bytes += received.bytes as u64;
            loop {
                let Some(connection) = self.parts.links.connection(slot) else { return };
                let bytes = match connection.next_data() {
                    Ok(Some(bytes)) => bytes,
                    Ok(None) => break,
                    Err(error) => return self.lose(slot, error),
                };
                stamps[Stage::Frame as usize] = tsc::stamp();
                let decoded = decode(slot.link(), bytes, &self.parts.symbols, &mut self.depth);
                stamps[Stage::Decode as usize] = tsc::stamp();
                self.stamps = stamps;
                self.parts.links.count_message(slot, self.now.mono);
                self.dispatch(slot, decoded);
            }
            if !received.is_more {
                return self.parts.links.set_drained(slot);
            }
        }
    }

    #[inline]
    fn dispatch(&mut self, slot: Slot, decoded: Decoded) {
        if !self.is_proved[slot.index()] {
            self.is_proved[slot.index()] = true;
            self.tell(ToCold::Proved(slot));
        }
        match decoded {
            Decoded::Market(frame) => self.market(frame),
            Decoded::User(frame) => self.user(&frame),
            Decoded::Reply(reply) => self.reply(slot, &reply),
            Decoded::Unread(error, bytes) => {
                self.parts.links.traffic[slot.link() as usize].decode_errors += 1;
                self.parts.desk.note(LogEntry::Unread(slot, error, bytes));
            }
        }
    }

    /// A market event: decide and send first, then publish what was seen.
    #[inline]
    fn market(&mut self, frame: MarketFrame) {
        match frame {
            MarketFrame::BookTicker(ticker) => {
                self.apply(&Input::BookTicker(&ticker), ticker.event_time);
                self.publish(&Event::BookTicker(ticker));
            }
            MarketFrame::Trade(trade) => {
                self.apply(&Input::Trade(&trade), trade.event_time);
                self.publish(&Event::Trade(trade));
            }
            MarketFrame::Mark(mark) => {
                self.apply(&Input::Mark(&mark), mark.event_time);
                self.publish(&Event::Mark(mark));
            }
            MarketFrame::Depth(head) => self.depth(head),
            _ => return,
        }
        self.ticks += 1;
    }

    #[inline]
    fn depth(&mut self, head: DepthHead) {
        let Self { parts, depth, now, stamps, .. } = self;
        let orders = parts.links.orders();
        let result =
            parts.desk.take(*now, &Input::Depth(&head, depth), head.event_time, orders, stamps);
        let number = parts.desk.engine.input_number();
        publish_depth(&mut parts.market, &head, depth, now.mono, number);
        self.after(result);
    }

    fn user(&mut self, frame: &UserFrame) {
        self.user_seen_at = self.now.wall;
        let none = WallNs(0);
        match frame {
            UserFrame::Report(report) => self.apply(&Input::Report(report), none),
            UserFrame::TradeLite(trade) => self.apply(&Input::TradeLite(trade), none),
            UserFrame::Account(update) => self.apply(&Input::Account(update), none),
            UserFrame::ListenKeyExpired => self.tell(ToCold::ListenKeyExpired),
            _ => {}
        }
    }

    fn reply(&mut self, slot: Slot, reply: &OrderReply) {
        if reply.request_id != LOGON_REQUEST {
            return self.apply(&Input::Reply(reply), WallNs(0));
        }
        if reply.is_ok() {
            self.parts.desk.gate.set_session(true);
            self.set_order_ready(true);
        } else {
            self.parts.desk.note(LogEntry::LogonRefused(reply.code));
            self.lose(slot, LinkError::Closed(None));
        }
    }

    /// Hands an input to the engine; the stages are kept only for inputs with a push time.
    #[inline]
    fn apply(&mut self, input: &Input<'_>, event_time: WallNs) {
        let parts = &mut self.parts;
        let mut none = [0; 9];
        let stamps = if event_time.0 == 0 { &mut none } else { &mut self.stamps };
        let result = parts.desk.take(self.now, input, event_time, parts.links.orders(), stamps);
        self.after(result);
    }

    #[inline]
    fn after(&mut self, result: Result<(), LinkError>) {
        if let Err(error) = result {
            self.lose_orders(error);
        }
    }

    #[cold]
    fn lose_orders(&mut self, error: LinkError) {
        for index in 0..crate::queues::CONNECTIONS_PER_LINK {
            let slot = Slot::of(Link::Order, index);
            if self.parts.links.connection(slot).is_some() {
                return self.lose(slot, error);
            }
        }
    }

    #[inline]
    fn publish(&mut self, event: &Event) {
        let number = self.parts.desk.engine.input_number();
        self.parts.market.publish(&event.to_record().stamped(self.now.mono, number));
    }

    /// Gives a connection up and hands it to the cold thread.
    #[cold]
    fn lose(&mut self, slot: Slot, error: LinkError) {
        let Some(connection) = self.parts.links.remove(slot) else { return };
        self.is_proved[slot.index()] = false;
        self.parts.desk.note(LogEntry::Down(slot, error));
        self.tell(ToCold::Lost(slot, error, Some(connection)));
        let link = slot.link();
        if link == Link::Order {
            self.parts.desk.gate.set_session(false);
        }
        if self.parts.links.is_up(link) {
            return;
        }
        if link == Link::User && self.user_lost_at.is_none() {
            self.user_lost_at = Some(self.user_seen_at);
        }
        if link == Link::Order {
            self.set_order_ready(false);
        } else {
            self.link(link, false);
        }
    }

    fn link(&mut self, link: Link, is_up: bool) {
        self.apply(&Input::Link(link, is_up), WallNs(0));
        self.publish(&Event::Link(link, is_up));
    }

    fn set_order_ready(&mut self, is_ready: bool) {
        self.parts.desk.set_order_ready(is_ready);
        self.link(Link::Order, is_ready);
    }

    #[inline]
    fn tell(&mut self, message: ToCold) {
        // Sized so that it cannot fill while the cold thread lives; if it does, a lost connection is
        // dropped here and asked for again by the watchdog's restart.
        let _ = self.parts.to_cold.push(message);
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
                let (now, head) = (self.now, snapshot.head);
                let parts = &mut self.parts;
                let input = Input::Depth(&head, &snapshot.depth);
                let orders = parts.links.orders();
                let result = parts.desk.take(now, &input, WallNs(0), orders, &mut [0; 9]);
                let number = parts.desk.engine.input_number();
                publish_depth(&mut parts.market, &head, &snapshot.depth, now.mono, number);
                self.is_snapshot_asked[head.symbol.index()] = false;
                self.tell(ToCold::Spent(ToHot::Snapshot(snapshot)));
                self.after(result);
            }
            ToHot::NoSnapshot(symbol) => self.is_snapshot_asked[symbol.index()] = false,
            ToHot::Reconciled(reconciliation) => {
                for report in &reconciliation.missed {
                    self.apply(&Input::Report(report), WallNs(0));
                }
                self.apply(&Input::Reconciled(&reconciliation.truth), WallNs(0));
                self.is_reconcile_asked = false;
                self.tell(ToCold::Spent(ToHot::Reconciled(reconciliation)));
            }
            ToHot::NotReconciled => self.is_reconcile_asked = false,
            ToHot::Params(params) => self.apply(&Input::Params(&params), WallNs(0)),
            ToHot::Verdict(verdict) => self.apply(&Input::Verdict(&verdict), WallNs(0)),
            ToHot::Stop => self.begin_end(),
        }
    }

    #[cold]
    fn came_up(&mut self, slot: Slot) {
        self.parts.desk.note(LogEntry::Up(slot));
        if slot.link() != Link::Order {
            return self.link(slot.link(), true);
        }
        if !self.parts.needs_logon {
            return self.set_order_ready(true);
        }
        let Some(connection) = self.parts.links.connection(slot) else { return };
        if self.parts.desk.gate.logon(connection, self.now.wall).is_err() {
            self.lose(slot, LinkError::Stuck);
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

    fn timer(&mut self) {
        self.timer_at = self.now.mono.plus_ns(TIMER_NS);
        self.apply(&Input::Timer, WallNs(0));
        self.publish(&Event::Timer(self.now.wall));
        let capacity = self.parts.desk.journal.capacity();
        let used = self.parts.desk.journal.used();
        // The engine's marks lie above a half; below, it need not hear.
        if used > capacity / 2 || self.journal_told > capacity / 2 {
            self.journal_told = used;
            self.apply(&Input::JournalUsed { used, capacity }, WallNs(0));
        }
        self.ask();
        if self.ending == Ending::No && self.parts.desk.engine.is_stopping() {
            self.ending = Ending::Stopping { until: self.stop_by() };
        }
    }

    /// Asks the cold thread for what the engine wants.
    fn ask(&mut self) {
        for index in 0..self.parts.symbols.len().min(schema::SYMBOLS_MAX) {
            let symbol = SymbolId(index as u16);
            if !self.is_snapshot_asked[index] && self.parts.desk.engine.wants_snapshot(symbol) {
                self.is_snapshot_asked[index] = true;
                self.tell(ToCold::Snapshot(symbol));
            }
        }
        // Only while fills cannot be missed meanwhile.
        let links = &self.parts.links;
        let can_ask = links.is_up(Link::User) && links.is_up(Link::Order);
        if can_ask && !self.is_reconcile_asked && self.parts.desk.engine.wants_reconcile() {
            self.is_reconcile_asked = true;
            let since = self.user_lost_at.take();
            self.tell(ToCold::Reconcile(since));
        }
    }

    fn stop_by(&self) -> MonoNs {
        self.now.mono.plus_ns(self.parts.stop_timeout_ns)
    }

    /// A signal asked for the end.
    fn begin_end(&mut self) {
        if self.ending != Ending::No {
            return;
        }
        if self.parts.flatten_on_stop {
            self.ending = Ending::Flattening { until: self.stop_by() };
            self.command(CommandKind::Flatten);
        } else {
            self.ending = Ending::Stopping { until: self.stop_by() };
            self.command(CommandKind::Stop);
        }
    }

    fn command(&mut self, kind: CommandKind) {
        self.nonce = self.nonce.wrapping_add(1).max(1);
        let command = Command {
            nonce: self.nonce,
            kind,
            symbol: SymbolId::NONE,
            sent_at: self.now.wall,
            uid: rustix::process::getuid().as_raw(),
        };
        self.apply(&Input::Command(&command), WallNs(0));
    }

    #[inline]
    fn is_finished(&mut self) -> bool {
        match self.ending {
            Ending::No => false,
            Ending::Flattening { until } => {
                let engine = &self.parts.desk.engine;
                let symbols = self.parts.symbols.len();
                let is_flat = (0..symbols)
                    .all(|index| engine.position(SymbolId(index as u16)).qty().units() == 0);
                if engine.is_quiet() && is_flat || self.now.mono >= until {
                    self.ending = Ending::Stopping { until: self.stop_by() };
                    self.command(CommandKind::Stop);
                }
                false
            }
            Ending::Stopping { until } => {
                self.parts.desk.engine.is_quiet() || self.now.mono >= until
            }
        }
    }

    fn publish_status(&mut self) {
        let Self { parts, status, now, .. } = self;
        parts.desk.engine.fill_status(*now, status);
        status.mono_ns = now.mono.0;
        status.wall_ns = now.wall.0;
        status.turns = self.turns;
        status.turn_max_ns = self.turn_max_ns;
        status.turns_over_budget = self.turns_over_budget;
        status.turn_budget_ns = parts.turn_budget_ns;
        status.wait = parts.wait as u64;
        status.ticks = self.ticks;
        status.journal_used = parts.desk.journal.used();
        status.journal_capacity = parts.desk.journal.capacity();
        status.log_dropped = parts.desk.losses().0;
        let counts = alloc::counts();
        status.hot_allocations = counts.hot;
        status.tls_allocations = counts.tls;
        status.links = parts.links.traffic;
        parts.status.store(status);
    }
}

#[inline]
fn decode(link: Link, bytes: &[u8], symbols: &SymbolTable, depth: &mut DepthBuf) -> Decoded {
    let decoded = match link {
        Link::Public | Link::Market => decode_market(bytes, symbols, depth).map(Decoded::Market),
        Link::User => decode_user(bytes, symbols).map(Decoded::User),
        Link::Order => decode_reply(bytes).map(Decoded::Reply),
    };
    decoded.unwrap_or_else(|error| {
        let mut head = [0; 48];
        let length = bytes.len().min(head.len());
        head[..length].copy_from_slice(&bytes[..length]);
        Decoded::Unread(error, head)
    })
}

/// A depth event: its head, then its levels, as consecutive records.
fn publish_depth(
    market: &mut broadcast::Writer<Record>,
    head: &DepthHead,
    depth: &DepthBuf,
    at: MonoNs,
    number: u64,
) {
    let mut record = Event::Depth(*head).to_record();
    let levels = Record::level_records(depth.bids().len(), depth.asks().len());
    record.count = levels as u16; // at most 334
    market.publish(&record.stamped(at, number));
    for record in Record::levels(head.symbol, Side::Buy, depth.bids()) {
        market.publish(&record.stamped(at, number));
    }
    for record in Record::levels(head.symbol, Side::Sell, depth.asks()) {
        market.publish(&record.stamped(at, number));
    }
}
