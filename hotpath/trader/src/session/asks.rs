//! What the cold thread is asked, one thing of a kind at a time, with pauses that grow.

use engine::{Engine, Now};
use schema::{Counter, Link, MonoNs, SYMBOLS_MAX, SymbolId, TradeId, WallNs};

use super::{Session, Stage, WANTED};
use crate::queues::{Missed, Slot};

/// First pause before the same thing is asked again; it doubles up to [`PAUSE_MAX_NS`].
const PAUSE_NS: u64 = 50_000_000;
/// Longest pause.
const PAUSE_MAX_NS: u64 = 5_000_000_000;
/// Between two reconciliations while a link is down.
const FALLBACK_RECONCILE_NS: u64 = 5_000_000_000;
/// Between two looks for fills while nothing shows that one is missing.
const FILLS_NS: u64 = 25_000_000_000;
/// Places are this part of the greatest age younger, each than the one before, when replaced.
const STAGGER: u64 = 64;

/// What the cold thread is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Make this connection, with patience, until it stands; answered by [`Session::opened`].
    Dial(Slot),
    /// A depth snapshot; answered by [`Session::snapshot_came`].
    Snapshot(SymbolId),
    /// The account, with the fills since then if some may be missing; answered by
    /// [`Session::reconciled`].
    Reconcile(Option<Missed>),
    /// Poll book, mark and account by REST from now on, or no longer: no market connection is up.
    Fallback(bool),
}

/// One question that is asked again when its answer did not help.
#[derive(Debug, Clone, Copy, Default)]
struct Question {
    is_asked: bool,
    is_first: bool,
    tries: u32,
    not_before: MonoNs,
}

impl Question {
    fn is_due(&self, now: MonoNs) -> bool {
        !self.is_asked && now >= self.not_before
    }
    fn ask(&mut self) {
        self.is_asked = true;
        self.is_first = false;
    }
    fn answered(&mut self, now: MonoNs) {
        self.is_asked = false;
        let pause_ns = (PAUSE_NS << self.tries.min(8)).min(PAUSE_MAX_NS);
        self.not_before = now.plus_ns(pause_ns);
        self.tries = self.tries.saturating_add(1);
    }
    fn satisfied(&mut self) {
        self.tries = 0;
        self.not_before = MonoNs(0);
    }
}

/// Questions under way.
#[derive(Debug, Default)]
pub(super) struct Asks {
    snapshots: [Question; SYMBOLS_MAX],
    reconcile: Question,
    /// What the reconciliation under way makes up for, and when it was asked for.
    missed: Option<Missed>,
    asked_trades: [TradeId; SYMBOLS_MAX],
    /// Newest trades when the last reconciliation that came was asked for, and when that was.
    told: Option<([TradeId; SYMBOLS_MAX], WallNs)>,
    fills_asked_at: MonoNs,
    reconcile_asked_at: (MonoNs, WallNs),
    is_fallback: bool,
}

impl Asks {
    /// The first snapshot is asked for before the first diff: its answer meets the diffs.
    pub(super) fn want_first_snapshots(&mut self) {
        self.snapshots.iter_mut().for_each(|question| question.is_first = true);
    }
}

impl Session {
    /// The next thing to ask the cold thread; to be asked until there is none. What could not be
    /// handed over is given back by [`Session::not_asked`].
    pub fn next_ask(&mut self, now: Now, engine: &Engine) -> Option<Ask> {
        self.next_dial(now)
            .or_else(|| self.next_snapshot(now, engine))
            .or_else(|| self.next_reconcile(now, engine))
            .or_else(|| self.next_fallback(now))
    }

    fn next_dial(&mut self, now: Now) -> Option<Ask> {
        for link in Link::ALL {
            let is = |slot: &Slot, stage: Stage| self.places[slot.index()].stage == stage;
            let Some(free) = Slot::all_of(*link).find(|slot| is(slot, Stage::Free)) else {
                continue;
            };
            let taken = Slot::all_of(*link).filter(|slot| !is(slot, Stage::Free)).count();
            let mut replaces = None;
            if taken >= WANTED {
                // Only while both stand: a link with a connection to lose loses none on purpose.
                let ready = Slot::all_of(*link).filter(|slot| is(slot, Stage::Ready));
                replaces = ready.clone().find(|slot| self.is_aged(now.mono, *slot));
                if ready.count() < WANTED || replaces.is_none() {
                    continue;
                }
            }
            let place = &mut self.places[free.index()];
            place.stage = Stage::Dialling;
            place.replaces = replaces;
            return Some(Ask::Dial(free));
        }
        None
    }

    fn is_aged(&self, now: MonoNs, slot: Slot) -> bool {
        let max_ns = self.settings.max_age_ns;
        let limit_ns = max_ns - max_ns / STAGGER * slot.index() as u64;
        now.since(self.places[slot.index()].opened_at) > limit_ns
    }

    fn next_snapshot(&mut self, now: Now, engine: &Engine) -> Option<Ask> {
        for index in 0..self.symbols {
            let symbol = SymbolId(index as u16);
            let wants = engine.wants_snapshot(symbol);
            let question = &mut self.asks.snapshots[index];
            if !wants && !question.is_first {
                question.satisfied();
            } else if question.is_due(now.mono) {
                question.ask();
                return Some(Ask::Snapshot(symbol));
            }
        }
        None
    }

    fn next_reconcile(&mut self, now: Now, engine: &Engine) -> Option<Ask> {
        // While fills cannot be missed meanwhile; or, when that lasts, because REST is all there is.
        let is_dark =
            self.dark_since.is_some_and(|at| now.mono.since(at) >= self.settings.fallback_ns);
        let hears = self.is_up(Link::User) && self.is_up(Link::Order);
        if !(hears || is_dark) {
            return None;
        }
        // What the account told is sure if the engine misses nothing after it, not even the end of
        // an order, and asks no more: an answer that fills overtook was not compared, and lost fills
        // that cancel each other out leave the position as it is.
        if let Some(told) = self.asks.told.take()
            && !engine.may_lack_fills()
            && !engine.wants_reconcile()
        {
            (self.sure_trades, self.sure_at) = told;
        }
        let (last, _) = self.asks.reconcile_asked_at;
        // Blind, the account is looked at as often as the prices are worth it.
        let every_ns = match self.asks.is_fallback || is_dark {
            true => self.settings.reconcile_every_ns.min(FALLBACK_RECONCILE_NS),
            false => self.settings.reconcile_every_ns,
        };
        let is_time = every_ns > 0 && now.mono.since(last) >= every_ns;
        let wants = engine.wants_reconcile() || self.user_lost_at.is_some() && !is_dark;
        if !wants && !is_time {
            self.asks.reconcile.satisfied();
            return None;
        }
        if !self.asks.reconcile.is_due(now.mono) {
            return None;
        }
        self.asks.reconcile.ask();
        self.asks.reconcile_asked_at = (now.mono, now.wall);
        // Once the account is known, a look at it looks for fills nobody told of too; not every
        // one, for that weighs as much as all else.
        let is_long = now.mono.since(self.asks.fills_asked_at) >= FILLS_NS;
        let seen_at = (self.is_account_known && is_long).then_some(self.user_seen_at);
        // If something was lost, what came behind it does not show where that began.
        let lost_at = self.user_lost_at.take();
        let lacks = engine.lacks_fills() && self.is_account_known;
        let lost_at = lost_at.or(lacks.then_some(self.sure_at));
        let is_lost = lost_at.is_some() && self.is_account_known;
        let last = if is_lost { self.sure_trades } else { self.last_trades };
        let missed = lost_at.map(|at| if is_lost { at.min(self.sure_at) } else { at }).or(seen_at);
        self.asks.asked_trades = self.last_trades;
        if missed.is_some() {
            self.asks.fills_asked_at = now.mono;
        }
        self.asks.missed = missed.map(|since| Missed { since, last });
        if engine::planted(engine::Bug::MissedForgotten) {
            self.asks.missed = None;
        }
        Some(Ask::Reconcile(self.asks.missed))
    }

    fn next_fallback(&mut self, now: Now) -> Option<Ask> {
        let is_blind = self
            .blind_since
            .is_some_and(|since| now.mono.since(since) >= self.settings.fallback_ns);
        if is_blind == self.asks.is_fallback {
            return None;
        }
        self.asks.is_fallback = is_blind;
        Some(Ask::Fallback(is_blind))
    }

    /// There was no room for it: it is asked again later.
    pub fn not_asked(&mut self, now: Now, ask: Ask) {
        match ask {
            Ask::Dial(slot) => self.places[slot.index()] = Default::default(),
            Ask::Snapshot(symbol) => self.asks.snapshots[symbol.index()].answered(now.mono),
            Ask::Reconcile(_) => self.reconcile_failed(now),
            Ask::Fallback(on) => self.asks.is_fallback = !on,
        }
    }

    /// A snapshot came, or could not be had.
    pub fn snapshot_came(&mut self, now: Now, symbol: SymbolId) {
        if let Some(question) = self.asks.snapshots.get_mut(symbol.index()) {
            question.answered(now.mono);
        }
    }

    /// A reconciliation came.
    pub fn reconciled(&mut self, now: Now) {
        self.asks.reconcile.answered(now.mono);
        self.asks.missed = None;
        self.counts.count(Counter::Reconciled);
        self.is_account_known = true;
        let (_, asked_at) = self.asks.reconcile_asked_at;
        self.asks.told = Some((self.asks.asked_trades, asked_at));
        if !self.is_up(Link::User) {
            // What is filled from then on is still to be made up for.
            self.user_lost_at = self.user_lost_at.or(Some(asked_at));
        } else if self.user_lost_at.is_none() {
            // All fills until then are known: a later loss begins here at the earliest.
            self.user_seen_at = self.user_seen_at.max(asked_at);
        }
    }

    /// A reconciliation could not be had: what it was to make up for is still missing.
    pub fn reconcile_failed(&mut self, now: Now) {
        self.asks.reconcile.answered(now.mono);
        self.counts.count(Counter::ReconcileFailed);
        if let Some(missed) = self.asks.missed.take() {
            let since = self.user_lost_at.map_or(missed.since, |at| at.min(missed.since));
            self.user_lost_at = Some(since);
        }
    }

    /// Whether prices asked for by REST are of use: none that comes late is taken for a stream's.
    pub const fn is_fallback(&self) -> bool {
        self.asks.is_fallback && self.blind_since.is_some()
    }
}
