//! What must never be so, judged from what the world knows, after every event.

use std::collections::{BTreeMap, BTreeSet};

use backtest::AccountId;
use engine::{Engine, Input, Now};
use schema::{
    ClientOrderId, CommandKind, DepthHead, ExecType, ExecutionReport, Link, OrderStatus, Side,
    SymbolId, TradeId, TradingState,
};

use crate::network::MS;

mod orders;

/// The trader's account at the venue.
pub(crate) const ACCOUNT: AccountId = AccountId(0);
/// A wall clock that moved by more is a jump.
const JUMP_NS: i64 = 600 * MS as i64;

/// What is known of one symbol, by the judge's own book-keeping.
#[derive(Debug, Default)]
struct Model {
    qty: i64,
    seen: BTreeSet<i64>,
    floor: i64,
    heard_at: Option<u64>,
    /// The last diff of the chain, and the diffs beyond it by their first id.
    tail: Option<u64>,
    beyond: BTreeMap<u64, (u64, u64, u64)>,
}

/// The judge.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) failure: Option<(&'static str, String)>,
    symbols: Vec<Model>,
    /// Venue order ids by client order id: a second one is a second order.
    placed: BTreeMap<String, i64>,
    /// Places that left and of which nothing definite is known, by request id.
    requests: BTreeMap<u64, (String, u64)>,
    unanswered: BTreeMap<String, u64>,
    ids: BTreeSet<String>,
    states: BTreeMap<ClientOrderId, OrderStatus>,
    /// Truth was lost then and not told since.
    lost_at: Option<u64>,
    last: Option<Now>,
    /// The last timer the engine had: time-outs are found there.
    timer_at: u64,
    is_killed: bool,
    is_halted: bool,
    /// Limits of symbols that a person changed since the start: quantity, position, restricted.
    limits: BTreeMap<usize, [i64; 3]>,
    is_pressed: bool,
    lies_told: u32,
    /// A truth was told since the start.
    pub(crate) is_known: bool,
    /// Somebody else trades too: the venue's worst case is not ours alone.
    pub(crate) is_disturbed: bool,
    /// The venue took a position down then, and no truth asked for later was told yet: until it is,
    /// the trader may hold a position that is gone.
    unheard_since: Option<u64>,
    pub(crate) orders_sent: u64,
    pub(crate) made_up: u64,
    /// Fills told after the end of their order was.
    pub(crate) late: u64,
    /// Unknown orders an answer told of.
    pub(crate) resolved: u64,
    unknown: u32,
    pub(crate) held: u64,
    pub(crate) held_made_up: u64,
    pub(crate) adopted: u64,
    pub(crate) expired_by_venue: u64,
}

impl Judge {
    pub(crate) fn new(symbols: usize) -> Self {
        let symbols = (0..symbols).map(|_| Model::default()).collect();
        Self { symbols, ..Self::default() }
    }

    /// Something is so that must not be; the first finding stands.
    pub(crate) fn fail(&mut self, what: &'static str, why: String) {
        self.failure.get_or_insert((what, why));
    }

    /// A trader starts and knows nothing.
    pub(crate) fn started(&mut self, now_ns: u64, is_killed: bool) {
        for model in &mut self.symbols {
            *model = Model::default();
        }
        self.states.clear();
        self.is_known = false;
        self.requests.clear();
        self.unanswered.clear();
        self.lost_at = Some(now_ns);
        self.last = None;
        // A halt is another's to keep (the operator): not these tests'. The kill switch has its latch.
        (self.is_killed, self.is_halted, self.is_pressed) = (is_killed, false, false);
        self.limits.clear();
    }

    pub(crate) fn died(&mut self, now_ns: u64) {
        self.lost_at = Some(now_ns);
    }

    /// The venue is about to take positions down.
    pub(crate) fn taken_down(&mut self, now_ns: u64) {
        self.unheard_since = Some(now_ns);
    }

    pub(crate) fn journal_used(&mut self, used: u64) {
        self.is_pressed = used > 750;
    }

    /// Whether the trader knew of a fill.
    pub(crate) fn is_seen(&self, report: &ExecutionReport) -> bool {
        self.symbols
            .get(report.symbol.index())
            .is_some_and(|model| model.seen.contains(&report.trade_id.0))
    }

    fn book(&mut self, symbol: SymbolId, id: TradeId, side: Side, qty: i64) {
        let Some(model) = self.symbols.get_mut(symbol.index()) else { return };
        if id.0 > model.floor && model.seen.insert(id.0) {
            model.qty += qty * side.sign();
        }
    }

    /// An input is about to be taken: what it says is known from now on.
    pub(crate) fn before(&mut self, engine: &Engine, now: Now, input: &Input<'_>) {
        let at = now.mono.0;
        if let Some(last) = self.last {
            let wall = now.wall.0 - last.wall.0;
            let mono = at as i64 - last.mono.0 as i64;
            if (wall - mono).abs() > JUMP_NS {
                self.lost_at = Some(at);
            }
        }
        self.last = Some(now);
        self.unknown = engine.orders().unknown_count();
        let heard = match input {
            Input::Timer => {
                self.timer_at = at;
                None
            }
            Input::BookTicker(ticker) => Some(ticker.symbol),
            Input::Depth(head, _) => Some(head.symbol),
            Input::Report(report) => {
                self.unanswered.remove(&report.client_order_id.to_string());
                let is_fill = matches!(report.exec_type, ExecType::Trade | ExecType::Calculated);
                if is_fill && report.last_qty.units() > 0 && report.trade_id.0 > 0 {
                    let qty = report.last_qty.units();
                    self.book(report.symbol, report.trade_id, report.side, qty);
                }
                None
            }
            Input::TradeLite(lite) => {
                self.unanswered.remove(&lite.client_order_id.to_string());
                if lite.last_qty.units() > 0 {
                    let (id, venue_id) = (lite.client_order_id, lite.venue_order_id);
                    let found = engine.orders().find(lite.symbol, id, venue_id);
                    let order = found.map(|handle| engine.orders().get(handle));
                    let is_late =
                        order.is_some_and(|order| order.is_short_of_fills() || !order.is_live());
                    self.late += u64::from(is_late);
                    self.book(lite.symbol, lite.trade_id, lite.side, lite.last_qty.units());
                }
                None
            }
            Input::Reply(reply) => {
                let is_certain = matches!(reply.code, -1_001 | -1_008 | -1_016);
                let is_unknown = reply.status >= 500 && !is_certain
                    || matches!(reply.code, -1_000 | -1_006 | -1_007 | -4_116)
                    || reply.status == 408;
                if let Some((id, _)) = self.requests.remove(&reply.request_id.0)
                    && !is_unknown
                {
                    self.unanswered.remove(&id);
                }
                None
            }
            Input::Link(Link::User | Link::Order, false) => {
                self.lost_at = Some(at);
                None
            }
            Input::Link(Link::Public, false) => {
                for model in &mut self.symbols {
                    (model.tail, model.heard_at) = (None, None);
                    model.beyond.clear();
                }
                None
            }
            // What is listed is known.
            Input::Reconciled(truth) => {
                for order in &truth.open_orders {
                    self.unanswered.remove(&order.client_order_id.to_string());
                }
                None
            }
            Input::Verdict(verdict) => {
                self.is_killed |= verdict.killed != 0;
                None
            }
            Input::Command(command) if command.kind == CommandKind::Kill => {
                self.is_killed = true;
                None
            }
            _ => None,
        };
        if let Some(model) = heard.and_then(|symbol| self.symbols.get_mut(symbol.index())) {
            model.heard_at = Some(at);
        }
    }

    /// An input was taken.
    pub(crate) fn after(&mut self, engine: &Engine, now: Now, input: &Input<'_>, is_lie: bool) {
        match input {
            Input::Command(command) => match command.kind {
                CommandKind::Halt => self.is_halted = engine.state() == TradingState::Halted,
                CommandKind::Resume | CommandKind::Flatten => self.is_halted = false,
                CommandKind::Unkill => {
                    self.is_killed = engine.state() == TradingState::Killed;
                    self.is_halted = !self.is_killed;
                }
                CommandKind::SetLimit => self.learn_limits(engine, now),
                _ => {}
            },
            Input::Reconciled(truth) => {
                self.is_known |=
                    matches!(engine.state(), TradingState::Armed | TradingState::Reducing);
                let is_younger = self.lost_at.is_none_or(|at| truth.requested_at.0 >= at);
                if truth.is_complete && is_younger {
                    self.lost_at = None;
                }
                let is_told = self.unheard_since.is_none_or(|at| truth.requested_at.0 > at);
                let is_same = |index: usize| {
                    engine.position(SymbolId(index as u16)).qty() == truth.positions[index].qty
                };
                if truth.is_complete && is_told && (0..self.symbols.len()).all(is_same) {
                    self.unheard_since = None;
                }
                self.adopted += u64::from(engine.orders().live().any(|(_, order)| {
                    !order.is_external && order.id.epoch() != engine.orders().epoch()
                }));
                for (index, model) in self.symbols.iter_mut().enumerate() {
                    let ours = engine.position(SymbolId(index as u16)).qty().units();
                    let told = truth.positions[index].qty.units();
                    if ours == model.qty || ours != told {
                        continue;
                    }
                    if is_lie && self.lies_told == 0 && model.qty != 0 && told == 0 {
                        let why = "an empty account told once was believed".to_owned();
                        self.failure.get_or_insert(("I3", why));
                    }
                    model.qty = told;
                    model.floor = model.floor.max(truth.last_trades[index].0);
                }
                self.lies_told = if is_lie { self.lies_told + 1 } else { 0 };
            }
            Input::Reply(reply) if reply.is_ok() => {
                self.resolved += u64::from(engine.orders().unknown_count() < self.unknown);
            }
            Input::Report(report) if report.exec_type == ExecType::Canceled => {
                let is_ours = engine.orders().find(
                    report.symbol,
                    report.client_order_id,
                    report.venue_order_id,
                );
                let was_asked = is_ours.is_some_and(|handle| {
                    engine.orders().get(handle).cancel != engine::orders::Cancel::No
                });
                self.expired_by_venue += u64::from(is_ours.is_some() && !was_asked);
            }
            _ => {}
        }
        for (index, model) in self.symbols.iter().enumerate() {
            let ours = engine.position(SymbolId(index as u16)).qty().units();
            if ours != model.qty {
                let why = format!("position {ours}, but the fills told make {}", model.qty);
                return self.fail("I5", why);
            }
        }
        self.watch_states(engine);
        let _ = now;
    }

    /// I6: what the venue said of an order only moves forward.
    fn watch_states(&mut self, engine: &Engine) {
        let orders = engine.orders();
        for (_, order) in orders.live().filter(|(_, order)| order.id != ClientOrderId::NONE) {
            let before = self.states.insert(order.id, order.venue_status);
            if let Some(before) = before
                && rank(before) > rank(order.venue_status)
            {
                let why =
                    format!("order {} went from {before} to {}", order.id, order.venue_status);
                return self.fail("I6", why);
            }
        }
        if self.states.len() > orders.live_count() {
            for (id, status) in &mut self.states {
                if status.is_terminal() {
                    continue;
                }
                let found = (0..self.symbols.len()).find_map(|index| {
                    orders.find(SymbolId(index as u16), *id, schema::VenueOrderId(0))
                });
                if let Some(handle) = found {
                    *status = orders.get(handle).venue_status;
                }
            }
        }
    }

    /// A diff came on a connection, whatever becomes of it.
    pub(crate) fn diff(&mut self, head: &DepthHead, now: Now) {
        let Some(model) = self.symbols.get_mut(head.symbol.index()) else { return };
        let (first, last, previous) =
            (head.first_update_id, head.last_update_id, head.previous_update_id);
        let had_beyond = !model.beyond.is_empty();
        match model.tail {
            None => model.tail = Some(last),
            Some(tail) if last <= tail => {}
            Some(_) => {
                model.beyond.entry(first).or_insert((last, previous, now.mono.0));
            }
        }
        model.advance();
        self.held_made_up += u64::from(had_beyond && model.beyond.is_empty());
    }

    /// A snapshot is handed to the engine.
    pub(crate) fn snapshot(&mut self, head: &DepthHead) {
        let Some(model) = self.symbols.get_mut(head.symbol.index()) else { return };
        if model.tail.is_none_or(|tail| head.last_update_id >= tail) || !model.beyond.is_empty() {
            // It and what follows make the chain anew.
            let newest = model.beyond.values().map(|(last, ..)| *last).max();
            model.tail = newest.max(Some(head.last_update_id)).max(model.tail);
            model.beyond.clear();
        }
    }
}

impl Model {
    /// Follows the chain as far as it goes.
    fn advance(&mut self) {
        while let (Some(tail), Some(entry)) = (self.tail, self.beyond.first_entry()) {
            let (last, previous, _) = *entry.get();
            if previous > tail {
                return;
            }
            entry.remove();
            self.tail = Some(tail.max(last));
        }
    }
}

/// How far a state is on its way (RELIABILITY I6); all ends are equal, and `Rejected` is only what
/// the trader concludes, which the venue may correct.
const fn rank(status: OrderStatus) -> u8 {
    match status {
        OrderStatus::PendingNew | OrderStatus::PendingCancel | OrderStatus::Unknown => 0,
        OrderStatus::Rejected => 1,
        OrderStatus::New | OrderStatus::NewInsurance | OrderStatus::NewAdl => 2,
        OrderStatus::PartiallyFilled => 3,
        OrderStatus::Filled
        | OrderStatus::Canceled
        | OrderStatus::Expired
        | OrderStatus::ExpiredInMatch => 4,
    }
}
