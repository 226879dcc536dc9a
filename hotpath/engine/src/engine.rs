//! The machine: one input in, consequences out.
//!
//! After every input three things run in the same order: the trading state is derived from what is
//! known, what must go out regardless of any strategy goes out (cancels, questions, flattening),
//! and nothing else remembers that work is open: what found no room, budget or link is found again
//! at the next input.

use schema::{
    Counter, Counters, Event, KillTrigger, Notional, Price, Qty, SignalParams, StateReason,
    SymbolId, SymbolName, TradeId, TradingState, Verdict,
};
use schema::{Link, MonoNs, NewOrder};

use crate::bars::Bars;
use crate::book::Book;
use crate::config::{Config, ConfigError};
use crate::input::{Input, Now};
use crate::orders::{Algos, Order, Orders, Orphans, Requests, SeenFills};
use crate::outbox::Outbox;
use crate::position::Position;
use crate::risk::{Exposure, MessageRate};
use crate::signal::Signal;
use crate::strategy::{Cause, Strategy};

mod account;
mod answers;
mod commands;
mod conduct;
mod exposure;
mod gate;
mod headroom;
mod kill;
mod limits;
mod market;
mod outcome;
mod planted_working;
mod quarantine;
mod state;
mod status;
mod stops;
mod truth;
mod watch;

pub use headroom::{Headroom, Unit};

use commands::Nonces;
use quarantine::Belief;
use state::Causes;
use watch::Clock;

/// What is known of one symbol.
#[derive(Debug)]
struct Symbol {
    book: Book,
    signal: Signal,
    bars: Bars,
    seen: SeenFills,
    position: Position,
    mark_price: Price,
    mark_at: MonoNs,
    funding_rate_e8: i64,
    /// Best bid at or above best ask now.
    is_crossed: bool,
    /// When a stream last brought its prices, since the public link stood. What was asked for by REST
    /// is enough to reduce by and does not count.
    heard_at: Option<MonoNs>,
    /// No stream brought its prices for too long.
    is_stale: bool,
    /// Whether its values can be believed.
    belief: Belief,
    /// Since when its levels want a snapshot.
    unsynced_at: Option<MonoNs>,
    /// The venue takes no more risk on it before.
    closed_until: MonoNs,
    /// The position is past its stop and is closed by hand.
    is_to_close: bool,
    /// Somebody cancelled everything: no stop for the position that is held.
    is_stop_off: bool,
    /// No stop is sent before.
    stop_retry_at: MonoNs,
    /// The last order approved, and when.
    last_order: Option<(NewOrder, MonoNs)>,
    /// The strategy is not asked before.
    muted_until: MonoNs,
    /// The position as the venue last pushed it.
    venue_qty: Option<Qty>,
    /// Since when it differs from ours.
    diverged_at: Option<MonoNs>,
    /// A position the venue told that is not believed before it is told again.
    pending_qty: Option<Qty>,
    /// When that was told first; zero if the stream said so.
    pending_at: MonoNs,
    /// The venue's last trade, not told here when it was compared.
    pending_trade: TradeId,
    last_fill_at: Option<MonoNs>,
    /// Since when fills are known by their fast notice only.
    unreported_at: Option<MonoNs>,
    realized_pnl: Notional,
    commission: Notional,
    orders: u64,
    fills: u64,
    external_fills: u64,
    /// Slices that were tried since the kill switch was pressed.
    kill_slices: u32,
    conduct: conduct::SymbolConduct,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    ticks: u64,
    orders: u64,
    cancels: u64,
    fills: u64,
    rejects: u64,
    venue_rejects: u64,
    mismatches: u64,
}

/// The deterministic core.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    /// The limits of the file; those in force stand in `config`.
    file_limits: limits::FileLimits,
    params: SignalParams,
    input_number: u64,
    state: TradingState,
    reason: StateReason,
    causes: Causes,
    /// Stopped until a person resumes, and why.
    halted: Option<StateReason>,
    /// The kill switch is pressed, and what pressed it.
    killed: Option<KillTrigger>,
    /// Verdicts given until then do not press it: a person has released it since.
    dismissed_verdict_ns: u64,
    /// A person lets it trade; without, it stays halted after the start.
    is_enabled: bool,
    is_stopping: bool,
    /// Symbol being flattened, or [`SymbolId::NONE`] for all.
    flattening: Option<SymbolId>,
    is_reconciled: bool,
    /// A person asked, or an order is short of fills.
    is_reconcile_asked: bool,
    /// Since when a wallet without money is told where there was some.
    wallet_doubted_at: Option<MonoNs>,
    /// When the last truth that was taken whole was asked for, and when the first was taken.
    truth_at: Option<MonoNs>,
    first_truth_at: Option<MonoNs>,
    /// Since when nothing is left of what is being flattened, as far as is known here.
    flattened_at: Option<MonoNs>,
    has_cancels_wanted: bool,
    /// Conditional orders may have to be placed, replaced or cancelled.
    has_stops_to_do: bool,
    clock: Clock,
    is_dead_man_set: bool,
    links: [bool; schema::LINKS],
    /// Since when no order connection is up, after one was.
    order_link_lost_at: Option<MonoNs>,
    /// No order connection is up for so long that REST carries what must go out.
    has_last_way: bool,
    verdict: Option<Verdict>,
    /// All processes of the system are of one build, as far as is known.
    are_builds_one: bool,
    /// Records used and capacity.
    journal: (u64, u64),
    /// Nothing is sent before.
    banned_until: MonoNs,
    /// No order is sent before; cancels and questions are.
    orders_banned_until: MonoNs,
    venue_rejects_in_a_row: u32,
    last_now: Option<Now>,
    /// Distance of the clocks as last recorded.
    clock_offset: Option<i64>,
    wallet: Notional,
    wallet_at_start: Notional,
    /// Highest equity since arming, or since a person let it go on after a fall.
    peak_equity: Option<Notional>,
    /// UTC day and the equity it began with.
    day: i64,
    day_equity: Option<Notional>,
    symbols: Box<[Symbol]>,
    orders: Orders,
    algos: Algos,
    orphans: Orphans,
    requests: Requests,
    rate: MessageRate,
    /// Worst cases as they were measured for the last check.
    measured: Exposure,
    strategy: Strategy,
    nonces: Nonces,
    counts: Counts,
    counters: Counters,
    /// Orders refused, by reason.
    refused: schema::RejectCounts,
}

impl Engine {
    /// Allocates everything the engine will ever need.
    ///
    /// # Errors
    /// [`ConfigError`] if the configuration cannot be used.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let symbol = |c: &crate::risk::SymbolConfig| Symbol {
            book: Book::new(),
            signal: Signal::new(&config.params, c.rules.step),
            bars: Bars::default(),
            seen: SeenFills::new(),
            position: Position::FLAT,
            mark_price: Price::ZERO,
            mark_at: MonoNs(0),
            funding_rate_e8: 0,
            is_crossed: false,
            heard_at: None,
            is_stale: true,
            belief: Belief::new(&c.rules),
            unsynced_at: None,
            closed_until: MonoNs(0),
            is_to_close: false,
            is_stop_off: false,
            stop_retry_at: MonoNs(0),
            last_order: None,
            muted_until: MonoNs(0),
            kill_slices: 0,
            conduct: conduct::SymbolConduct::new(&config.limits),
            venue_qty: None,
            diverged_at: None,
            pending_qty: None,
            pending_at: MonoNs(0),
            pending_trade: TradeId(0),
            last_fill_at: None,
            unreported_at: None,
            realized_pnl: Notional::ZERO,
            commission: Notional::ZERO,
            orders: 0,
            fills: 0,
            external_fills: 0,
        };
        Ok(Self {
            file_limits: limits::FileLimits::new(&config),
            params: config.params,
            input_number: 0,
            state: TradingState::Starting,
            reason: StateReason::Boot,
            causes: Causes::default(),
            halted: None,
            killed: config.is_killed.then_some(KillTrigger::Latch),
            dismissed_verdict_ns: 0,
            is_enabled: config.is_enabled,
            is_stopping: false,
            flattening: config.is_killed.then_some(SymbolId::NONE),
            is_reconciled: false,
            is_reconcile_asked: false,
            wallet_doubted_at: None,
            truth_at: None,
            first_truth_at: None,
            flattened_at: None,
            has_cancels_wanted: false,
            has_stops_to_do: false,
            clock: Clock::default(),
            is_dead_man_set: false,
            links: [false; schema::LINKS],
            order_link_lost_at: None,
            has_last_way: false,
            verdict: None,
            are_builds_one: true,
            journal: (0, 0),
            banned_until: MonoNs(0),
            orders_banned_until: MonoNs(0),
            venue_rejects_in_a_row: 0,
            last_now: None,
            clock_offset: None,
            wallet: Notional::ZERO,
            wallet_at_start: Notional::ZERO,
            peak_equity: None,
            day: 0,
            day_equity: None,
            symbols: config.symbols.iter().map(symbol).collect(),
            orders: Orders::new(config.epoch),
            algos: Algos::new(),
            orphans: Orphans::default(),
            requests: Requests::new(),
            rate: MessageRate::new(),
            measured: Exposure::default(),
            strategy: Strategy::new(&config.strategy),
            nonces: Nonces::default(),
            counts: Counts::default(),
            counters: Counters::default(),
            refused: schema::RejectCounts::default(),
            config,
        })
    }

    /// Takes one input and writes its consequences into `out`, which the caller cleared.
    pub fn apply(&mut self, now: Now, input: &Input<'_>, out: &mut Outbox) {
        self.input_number += 1;
        out.begin(now.mono, self.input_number);
        let symbols = self.symbols.len();
        crate::tape::record(now, input, symbols, &mut self.clock_offset, out);
        self.causes.begin(now.mono);
        self.requests.begin(now.mono);
        self.watch_clock(now);
        let asks = self.take(now, input, out);
        self.settle(now, out);
        self.pump(now, out);
        if let Some((symbol, cause)) = asks {
            self.ask(now, symbol, cause, out);
        }
    }

    /// Takes the input itself; says which symbols the strategy is to be asked about, and why.
    fn take(&mut self, now: Now, input: &Input<'_>, out: &mut Outbox) -> Option<(SymbolId, Cause)> {
        match input {
            Input::BookTicker(ticker) => return self.on_ticker(now, ticker, out),
            Input::Trade(trade) => return self.on_trade(now, trade, out),
            Input::Mark(mark) => self.on_mark(now, mark, out),
            Input::Depth(head, depth) => return self.on_depth(now, head, depth, out),
            Input::Timer => {
                self.on_timer(now, out);
                return Some((SymbolId::NONE, Cause::Time));
            }
            Input::Link(link, is_up) => self.on_link(now, *link, *is_up),
            Input::Report(report) => {
                self.on_report(now, report);
                return Some((report.symbol, Cause::Time));
            }
            Input::TradeLite(lite) => {
                self.on_trade_lite(now, lite);
                return Some((lite.symbol, Cause::Time));
            }
            Input::Account(update) => self.on_account(now, update),
            Input::Reply(reply) => self.on_reply(now, reply),
            Input::SendFailed(request) => self.on_send_failed(*request),
            Input::Command(command) => self.on_command(now, command, out),
            Input::Params(params) => self.on_params(params),
            Input::Verdict(verdict) => self.verdict = Some(**verdict),
            Input::Builds(agree) => self.are_builds_one = *agree,
            Input::Reconciled(truth) => self.on_truth(now, truth, out),
            Input::JournalUsed { used, capacity } => self.journal = (*used, *capacity),
            Input::FeedDiverged(symbol) => self.on_feed_diverged(now, *symbol, out),
            Input::ClockSkew { offset_ns, rtt_ns } => self.on_clock_skew(now, *offset_ns, *rtt_ns),
            Input::DeadMan(is_set) => self.is_dead_man_set = *is_set,
            Input::Algo(update) => self.on_algo(now, update),
            Input::Rules(symbol, rules) => self.on_rules(*symbol, rules),
        }
        None
    }

    /// Counts something a person should be able to see.
    #[inline]
    fn count(&mut self, counter: Counter) {
        self.counters.count(counter);
    }

    /// Number of the last input; the first is 1. Market records are stamped with it.
    #[inline]
    pub const fn input_number(&self) -> u64 {
        self.input_number
    }
    /// Trading state.
    #[inline]
    pub const fn state(&self) -> TradingState {
        self.state
    }
    /// Why the state is what it is.
    #[inline]
    pub const fn state_reason(&self) -> StateReason {
        self.reason
    }
    /// Whether the book of a symbol needs a REST snapshot.
    pub fn wants_snapshot(&self, symbol: SymbolId) -> bool {
        self.links[Link::Public as usize]
            && self.symbols.get(symbol.index()).is_some_and(|s| s.book.wants_snapshot())
    }
    /// Whether account truth from REST is wanted: at the start, after a loss of truth, on request.
    /// False while a link it needs is down, unless REST is the only way left.
    pub fn wants_reconcile(&self) -> bool {
        let are_up = self.links[Link::User as usize] && self.links[Link::Order as usize];
        let can = are_up || self.has_last_way;
        can && (!self.is_reconciled || self.is_reconcile_asked || self.causes.need_truth())
    }
    /// What a request asked that has no answer yet.
    pub fn request_kind(&self, id: schema::RequestId) -> Option<schema::RequestKind> {
        self.requests.kind(id)
    }
    /// Whether no order of ours is working, in flight or unknown, and every fill has its report:
    /// whoever leaves before has a record that lacks the last commission.
    pub fn is_quiet(&self) -> bool {
        self.orders.live().all(|(_, order)| order.is_external)
            && self.symbols.iter().all(|symbol| symbol.seen.unreported() == 0)
    }
    /// Whether a stop was asked for; exit when [`Self::is_quiet`].
    pub const fn is_stopping(&self) -> bool {
        self.is_stopping
    }
    /// Followed symbols, by [`SymbolId`].
    pub fn symbols(&self) -> impl ExactSizeIterator<Item = &SymbolName> {
        self.config.symbols.iter().map(|symbol| &symbol.name)
    }
    /// Position of a symbol.
    pub fn position(&self, symbol: SymbolId) -> Position {
        self.symbols.get(symbol.index()).map_or(Position::FLAT, |s| s.position)
    }
    /// Book of a symbol.
    pub fn book(&self, symbol: SymbolId) -> Option<&Book> {
        self.symbols.get(symbol.index()).map(|s| &s.book)
    }
    /// Conditional orders.
    pub const fn algos(&self) -> &Algos {
        &self.algos
    }
    /// Whether a symbol is set aside for values that cannot be.
    pub fn is_quarantined(&self, symbol: SymbolId) -> bool {
        self.symbols.get(symbol.index()).is_some_and(|s| s.belief.is_on)
    }
    /// The venue's filters of a symbol as they are in force.
    pub fn rules(&self, symbol: SymbolId) -> Option<&crate::risk::SymbolRules> {
        self.config.symbols.get(symbol.index()).map(|symbol| &symbol.rules)
    }
    /// Counts of what was dealt with, by [`Counter`].
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }
    /// Orders.
    pub const fn orders(&self) -> &Orders {
        &self.orders
    }
    /// Wallet balance as booked.
    pub const fn wallet(&self) -> Notional {
        self.wallet
    }

    /// Whether fills are missing although the user stream is up: an order is short of what the venue
    /// counted, a position differs from the venue's, or a fill has no report. Later fills may have
    /// come all the same.
    pub fn lacks_fills(&self) -> bool {
        let lacks = |s: &Symbol| s.pending_qty.is_some() || s.seen.unreported() > 0;
        self.orders.live().any(|(_, order)| order.is_short_of_fills())
            || self.symbols.iter().any(lacks)
    }

    /// Whether fills may be missing that nothing else shows: an order that lives here was not listed
    /// by the venue, or nobody knows what became of it.
    pub fn may_lack_fills(&self) -> bool {
        let is_open = |order: &Order| order.missing_at.0 != 0 || order.is_unknown;
        self.lacks_fills() || self.orders.live().any(|(_, order)| is_open(order))
    }

    /// Equity lost since the day began.
    fn day_loss(&self, equity: Notional) -> Notional {
        let start = self.day_equity.unwrap_or(equity);
        start.checked_sub(equity).unwrap_or(Notional::MAX)
    }

    fn on_params(&mut self, params: &SignalParams) {
        // Parameters come from another process: what is out of range is not taken.
        if crate::signal::validate(params).is_ok() && params.version != self.params.version {
            self.params = *params;
            for s in &mut self.symbols {
                s.signal.set_params(params);
            }
        }
    }

    /// What runs by time alone.
    fn on_timer(&mut self, now: Now, out: &mut Outbox) {
        for s in &mut self.symbols {
            if let Some(bar) = s.bars.on_timer(now.wall, s.funding_rate_e8) {
                out.record(&Event::Bar(bar));
            }
        }
        self.watch_last_way(now);
        self.watch_feeds(now);
        self.watch_missing(now, out);
        self.watch_orders(now);
        self.watch_positions(now, out);
        self.watch_reports(now);
        self.watch_loss(now);
    }
}

#[cfg(test)]
mod tests;
