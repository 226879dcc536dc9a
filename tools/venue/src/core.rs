//! The exchange with everything around it that clients see, as one deterministic machine.
//!
//! The caller owns the time and tells it ([`Core::set_time`]); nothing here reads a clock, waits or
//! knows a socket. Whatever a request does is followed at once by fanning out the events it
//! caused, so every client sees one order of events. [`crate::thread`] runs a core behind sockets,
//! [`crate::Inline`] inside the caller.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use backtest::{AccountEvent, AccountId, Exchange, MarketUpdate, Rules, VenueEvent};
use schema::SymbolId;

use crate::{
    faults::{
        Family, Kind, Part,
        active::{Faults, Occasion},
        acts,
    },
    gate::Gate,
    history::History,
    hub::Hub,
    limits::Meter,
    source::Source,
    users::{UserEvent, Users},
    wire::Format,
};

/// Market events handled before requests get their turn again.
const MARKET_BATCH_MAX: usize = 256;
/// Grid of the timers in milliseconds: 100, 250 and 500 ms are multiples of it.
const GRID_MS: i64 = 50;
/// Time between two remembered update ids, in milliseconds.
const PAST_IDS_EVERY_MS: i64 = 250;
/// How many are remembered: ten seconds.
const PAST_IDS_MAX: usize = 40;
/// Nanoseconds of a millisecond.
const MS_NS: i64 = 1_000_000;

/// How much later an event is told that is late, in milliseconds.
const LATE_MS: i64 = 1_000;

/// Something to be done at its time.
pub(crate) type Deferred = Box<dyn FnOnce(&mut Core) + Send>;

/// Everything the venue knows.
pub(crate) struct Core {
    /// Matching, accounts, books.
    pub(crate) exchange: Exchange,
    /// How symbols are written, by symbol id.
    pub(crate) formats: Arc<[Format]>,
    /// Connections and market subscriptions.
    pub(crate) hub: Hub,
    /// Listen keys and user subscriptions.
    pub(crate) users: Users,
    /// Public trades, candles and funding since the start.
    pub(crate) history: History,
    /// Weights and order counts, shared with the connections.
    pub(crate) meter: Arc<Meter>,
    /// Counters for `/shrike/stats`.
    pub(crate) stats: Arc<Stats>,
    /// Faults that are set.
    pub(crate) faults: Arc<Faults>,
    /// Rules of the symbols as long as no fault changes them.
    pub(crate) usual_rules: Vec<Rules>,
    /// Whether a state fault held at the last turn of the faults.
    pub(crate) is_bent: bool,
    /// Accounts opened; their ids are the numbers below it.
    pub(crate) account_count: usize,
    source: Source,
    /// Update ids of the books in the last seconds: time, id by symbol.
    past_ids: VecDeque<(i64, Vec<u64>)>,
    now_ns: i64,
    last_tick_ms: i64,
    /// What is to be done later, by time and order of asking.
    later: BTreeMap<(i64, u64), Deferred>,
    later_sequence: u64,
}

/// Counters of the venue; none of them takes part in a decision.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// Market events played.
    pub(crate) market_events: AtomicU64,
    /// Requests run by the core.
    pub(crate) requests: AtomicU64,
    /// WebSocket connections accepted.
    pub(crate) connections: AtomicU64,
    /// Connections cut because they read too slowly.
    pub(crate) slow_cut: AtomicU64,
    /// Whether the recorded market has ended.
    pub(crate) tape_ended: AtomicBool,
}

impl Core {
    /// A core that has played the market up to the first complete book of every symbol.
    pub(crate) fn new(
        exchange: Exchange,
        account_count: usize,
        formats: Arc<[Format]>,
        source: Source,
        users: Users,
        gate: &Gate,
        now_ns: i64,
    ) -> Self {
        let hub = Hub::new(Arc::clone(&formats), Arc::clone(&gate.stats), Arc::clone(&gate.faults));
        let history = History::new(formats.len());
        let usual_rules = exchange.config().symbols.clone();
        let mut core = Self {
            exchange,
            formats,
            hub,
            users,
            history,
            meter: Arc::clone(&gate.meter),
            stats: Arc::clone(&gate.stats),
            faults: Arc::clone(&gate.faults),
            usual_rules,
            is_bent: false,
            account_count,
            source,
            past_ids: VecDeque::new(),
            now_ns,
            last_tick_ms: now_ns / MS_NS,
            later: BTreeMap::new(),
            later_sequence: 0,
        };
        core.source.prime(&mut core.exchange, now_ns / MS_NS);
        core.flush();
        core
    }

    /// Venue time in milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ns / MS_NS
    }

    /// Tells the time; an earlier one than before counts as that.
    pub(crate) fn set_time(&mut self, now_ns: i64) {
        self.now_ns = self.now_ns.max(now_ns);
        self.hub.set_time(self.now_ns / MS_NS);
    }

    /// Makes the next market event due now.
    pub(crate) fn restart_source(&mut self) {
        self.source.restart(self.now_ns);
    }

    /// Does something `after_ms` from now, after what was put off to the same time before.
    pub(crate) fn defer(&mut self, after_ms: i64, what: Deferred) {
        self.later_sequence += 1;
        self.later.insert((self.now_ms() + after_ms.max(0), self.later_sequence), what);
    }

    /// A market event from outside, instead of the source's.
    pub(crate) fn market(&mut self, update: &MarketUpdate) {
        self.exchange.market(self.now_ms(), update);
        self.flush();
    }

    /// Sends what the exchange has to say to those who listen.
    pub(crate) fn flush(&mut self) {
        let now_ms = self.now_ms();
        for event in self.exchange.drain_events() {
            match event {
                VenueEvent::Market(update) => {
                    let closed = self.history.apply(&update, now_ms);
                    self.hub.market(&update, closed.as_ref(), now_ms);
                }
                VenueEvent::ForceOrder(update) => self.hub.force_order(&update),
                VenueEvent::Account(account, event) => self.tell(account, &event),
            }
        }
    }

    /// Tells an account what happened, unless that gets lost or late on the way.
    pub(crate) fn tell(&mut self, account: AccountId, event: &AccountEvent) {
        let told = UserEvent::of(&self.formats, event);
        let account = account.0 as usize;
        if self.faults.has(Family::Event) {
            let name = told.full_name();
            let at = Occasion {
                part: Some(Part::Private),
                event: &name,
                symbol: &told.symbol,
                account: Some(account),
                ..Occasion::default()
            };
            let struck = self.faults.strike(Family::Event, &at, self.now_ms());
            if struck.iter().any(|fault| fault.kind == Kind::Lose) {
                return;
            }
            if let Some(late) = struck.first() {
                let after_ms = late.ms.unwrap_or(LATE_MS);
                let tell = move |core: &mut Self| core.users.event(&mut core.hub, account, &told);
                return self.defer(after_ms, Box::new(tell));
            }
        }
        self.users.event(&mut self.hub, account, &told);
    }

    /// Plays what is due of the market and the timers.
    pub(crate) fn turn(&mut self) {
        let now_ms = self.now_ms();
        self.exchange.advance(now_ms);
        self.run_deferred(now_ms);
        self.hub.release(now_ms);
        self.hub.publish_late(now_ms);
        let mut played = 0;
        while played < MARKET_BATCH_MAX {
            let Some(update) = self.source.next_due(self.now_ns) else { break };
            self.exchange.market(now_ms, &update);
            self.flush();
            played += 1;
        }
        self.stats.market_events.fetch_add(played as u64, Ordering::Relaxed);
        if self.source.is_ended() {
            self.stats.tape_ended.store(true, Ordering::Relaxed);
        }
        self.flush();
        if self.last_tick_ms.div_euclid(GRID_MS) != now_ms.div_euclid(GRID_MS) {
            self.last_tick_ms = now_ms;
            self.remember_ids(now_ms);
            acts::turn(self);
            self.hub.tick(now_ms, &self.exchange, &mut self.history);
            self.users.tick(&mut self.hub, now_ms);
        }
    }

    /// Remembers the books' update ids, a few times a second, for ten seconds.
    fn remember_ids(&mut self, now_ms: i64) {
        if self.past_ids.back().is_some_and(|(at_ms, _)| now_ms - at_ms < PAST_IDS_EVERY_MS) {
            return;
        }
        if self.past_ids.len() == PAST_IDS_MAX {
            self.past_ids.pop_front();
        }
        let ids = (0..self.formats.len()).map(|index| {
            let book = self.exchange.book(SymbolId(index as u16));
            book.map_or(0, |book| book.last_update_id())
        });
        self.past_ids.push_back((now_ms, ids.collect()));
    }

    /// The update id a book had so long ago, or the oldest that is remembered.
    pub(crate) fn old_update_id(&self, symbol: SymbolId, ago_ms: i64) -> Option<u64> {
        let at_ms = self.now_ms() - ago_ms;
        let then = self.past_ids.iter().rev().find(|(ms, _)| *ms <= at_ms);
        let (_, ids) = then.or_else(|| self.past_ids.front())?;
        ids.get(symbol.index()).copied()
    }

    fn run_deferred(&mut self, now_ms: i64) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now_ms {
                return;
            }
            entry.remove()(self);
            self.flush();
        }
    }

    /// When the next thing is due, in nanoseconds of the caller's time.
    pub(crate) fn due_ns(&self) -> i64 {
        let now_ms = self.now_ms();
        let mut due_ms = now_ms + GRID_MS - now_ms.rem_euclid(GRID_MS);
        if let Some(timer_ms) = self.exchange.next_timer_ms() {
            due_ms = due_ms.min(timer_ms);
        }
        if let Some(((later_ms, _), _)) = self.later.first_key_value() {
            due_ms = due_ms.min(*later_ms);
        }
        if let Some(release_ms) = self.hub.next_release_ms() {
            due_ms = due_ms.min(release_ms);
        }
        let due_ns = due_ms.saturating_mul(MS_NS);
        self.source.due_ns().map_or(due_ns, |source_ns| due_ns.min(source_ns))
    }
}
