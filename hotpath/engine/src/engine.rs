//! The machine: one input in, consequences out.
//!
//! After every input three things run in the same order: the trading state is derived from what is
//! known, what must go out regardless of any strategy goes out (cancels, questions, flattening),
//! and nothing else remembers that work is open: what found no room, budget or link is found again
//! at the next input.

use schema::{
    Counter, Counters, Event, Notional, Price, Qty, SYMBOLS_MAX, SignalParams, StateReason,
    SymbolId, SymbolName, TradingState, Verdict,
};
use schema::{Link, MonoNs, NewOrder};

use crate::bars::Bars;
use crate::book::Book;
use crate::config::{Config, ConfigError};
use crate::input::{Input, Now};
use crate::orders::{Orders, Requests, SeenFills};
use crate::outbox::Outbox;
use crate::position::Position;
use crate::risk::{Exposure, Market, MessageRate};
use crate::signal::Signal;
use crate::strategy::{Cause, Strategy};

mod account;
mod answers;
mod commands;
mod gate;
mod market;
mod state;
mod status;

use commands::Nonces;
use state::Causes;

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
    /// No market event for too long.
    is_stale: bool,
    /// The last order approved, and when.
    last_order: Option<(NewOrder, MonoNs)>,
    /// The strategy is not asked before.
    muted_until: MonoNs,
    /// The position as the venue last pushed it.
    venue_qty: Option<Qty>,
    /// Since when it differs from ours.
    diverged_at: Option<MonoNs>,
    last_fill_at: Option<MonoNs>,
    realized_pnl: Notional,
    commission: Notional,
    orders: u64,
    fills: u64,
    external_fills: u64,
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
    params: SignalParams,
    input_number: u64,
    state: TradingState,
    reason: StateReason,
    causes: Causes,
    /// Stopped until a person resumes, and why.
    halted: Option<StateReason>,
    is_killed: bool,
    is_stopping: bool,
    /// Symbol being flattened, or [`SymbolId::NONE`] for all.
    flattening: Option<SymbolId>,
    is_reconciled: bool,
    /// A person asked, or an order is short of fills.
    is_reconcile_asked: bool,
    /// Zero balances in a row where there was money.
    suspect_truths: u32,
    has_cancels_wanted: bool,
    links: [bool; schema::LINKS],
    verdict: Option<Verdict>,
    /// Records used and capacity.
    journal: (u64, u64),
    banned_until: MonoNs,
    venue_rejects_in_a_row: u32,
    last_now: Option<Now>,
    wallet: Notional,
    wallet_at_start: Notional,
    /// UTC day and the equity it began with.
    day: i64,
    day_equity: Option<Notional>,
    symbols: Box<[Symbol]>,
    orders: Orders,
    requests: Requests,
    rate: MessageRate,
    strategy: Strategy,
    nonces: Nonces,
    counts: Counts,
    counters: Counters,
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
            is_stale: true,
            last_order: None,
            muted_until: MonoNs(0),
            venue_qty: None,
            diverged_at: None,
            last_fill_at: None,
            realized_pnl: Notional::ZERO,
            commission: Notional::ZERO,
            orders: 0,
            fills: 0,
            external_fills: 0,
        };
        Ok(Self {
            params: config.params,
            input_number: 0,
            state: TradingState::Starting,
            reason: StateReason::Boot,
            causes: Causes::default(),
            halted: None,
            is_killed: false,
            is_stopping: false,
            flattening: None,
            is_reconciled: false,
            is_reconcile_asked: false,
            suspect_truths: 0,
            has_cancels_wanted: false,
            links: [false; schema::LINKS],
            verdict: None,
            journal: (0, 0),
            banned_until: MonoNs(0),
            venue_rejects_in_a_row: 0,
            last_now: None,
            wallet: Notional::ZERO,
            wallet_at_start: Notional::ZERO,
            day: 0,
            day_equity: None,
            symbols: config.symbols.iter().map(symbol).collect(),
            orders: Orders::new(config.epoch),
            requests: Requests::new(),
            rate: MessageRate::new(),
            strategy: Strategy::new(&config.strategy),
            nonces: Nonces::default(),
            counts: Counts::default(),
            counters: Counters::default(),
            config,
        })
    }

    /// Takes one input and writes its consequences into `out`, which the caller cleared.
    pub fn apply(&mut self, now: Now, input: &Input<'_>, out: &mut Outbox) {
        self.input_number += 1;
        out.begin(now.mono, self.input_number);
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
            Input::BookTicker(ticker) => return self.on_ticker(now, ticker),
            Input::Trade(trade) => return self.on_trade(now, trade, out),
            Input::Mark(mark) => self.on_mark(now, mark),
            Input::Depth(head, depth) => return self.on_depth(now, head, depth),
            Input::Timer => {
                self.on_timer(now, out);
                return Some((SymbolId::NONE, Cause::Time));
            }
            Input::Link(link, is_up) => self.on_link(*link, *is_up),
            Input::Report(report) => {
                out.record(&Event::Report(**report));
                self.on_report(now, report);
                return Some((report.symbol, Cause::Time));
            }
            Input::TradeLite(lite) => {
                out.record(&Event::TradeLite(**lite));
                self.on_trade_lite(now, lite);
                return Some((lite.symbol, Cause::Time));
            }
            Input::Account(update) => self.on_account(now, update, out),
            Input::Reply(reply) => {
                out.record(&Event::Reply(**reply));
                self.on_reply(now, reply);
            }
            Input::SendFailed(request) => self.on_send_failed(*request),
            Input::Command(command) => {
                out.record(&Event::Command(**command));
                self.on_command(now, command, out);
            }
            Input::Params(params) => self.on_params(params),
            Input::Verdict(verdict) => self.verdict = Some(**verdict),
            Input::Reconciled(truth) => self.on_truth(now, truth, out),
            Input::JournalUsed { used, capacity } => self.journal = (*used, *capacity),
            Input::FeedDiverged(_)
            | Input::ClockSkew { .. }
            | Input::DeadMan(_)
            | Input::Algo(_)
            | Input::Rules(..) => {}
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
    /// False while a link it needs is down.
    pub fn wants_reconcile(&self) -> bool {
        let can = self.links[Link::User as usize] && self.links[Link::Order as usize];
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
    /// Orders.
    pub const fn orders(&self) -> &Orders {
        &self.orders
    }
    /// Wallet balance as booked.
    pub const fn wallet(&self) -> Notional {
        self.wallet
    }

    /// Market of a symbol as risk sees it.
    #[inline]
    fn market(&self, now: Now, index: usize) -> Market {
        let s = &self.symbols[index];
        let top = s.book.top();
        Market {
            bid_price: top.bid.price,
            ask_price: top.ask.price,
            book_age_ns: s.book.age_ns(now.mono),
            event_time: top.event_time,
            is_synced: !s.book.wants_snapshot(),
            mark_price: s.mark_price,
            mark_age_ns: now.mono.since(s.mark_at),
        }
    }

    /// Worst cases of the account.
    pub fn exposure(&self, now: Now) -> Exposure {
        let mut exposure = Exposure { symbol_count: self.symbols.len(), ..Exposure::default() };
        let working = self.orders.all_working();
        let mut unrealized: i128 = 0;
        for (index, s) in self.symbols.iter().enumerate().take(SYMBOLS_MAX) {
            let reference = self.market(now, index).reference(&self.config.limits);
            let price = reference.unwrap_or_else(|| s.position.entry_price().max(s.mark_price));
            unrealized = unrealized.saturating_add(s.position.unrealized_e16(price));
            let e = &mut exposure.symbols[index];
            e.position = s.position.qty();
            e.working = working[index];
            e.price = price;
        }
        let unrealized = Notional::from_e16(unrealized.clamp(i128::MIN / 2, i128::MAX / 2));
        exposure.equity =
            unrealized.and_then(|sum| self.wallet.checked_add(sum)).unwrap_or(Notional::ZERO);
        exposure
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
        self.watch_feeds(now);
        self.watch_orders(now);
        self.watch_positions(now);
        self.watch_loss(now);
    }
}

#[cfg(test)]
mod tests;
