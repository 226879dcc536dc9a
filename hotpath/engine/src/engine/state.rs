//! The trading state: derived after every input from what is known, never set by hand.

use schema::{
    Counter, Event, Link, MonoNs, Notional, StateChange, StateReason, SymbolId, TradingState,
    Verdict, WallNs,
};

use super::Engine;
use crate::input::Now;
use crate::outbox::Outbox;
use crate::planted::{Bug, planted};

/// What keeps the engine from adding risk, as a set of [`StateReason`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Causes {
    set: u32,
    /// The time of the input being taken.
    now: MonoNs,
    /// When truth was lost last: one that was asked for before does not bring it back.
    lost_at: MonoNs,
}

/// Causes that only account truth takes away, the most telling first.
const TRUTH: [StateReason; 8] = [
    StateReason::OrderLinkDown,
    StateReason::UserLinkDown,
    StateReason::AccountSuspect,
    StateReason::PositionMismatch,
    StateReason::External,
    StateReason::Difference,
    StateReason::LoopGap,
    StateReason::ClockJump,
];
/// Causes that go away with what made them.
const PASSING: [StateReason; 11] = [
    StateReason::MarketLinkDown,
    StateReason::StaleFeed,
    StateReason::BookGap,
    StateReason::UnknownOrder,
    StateReason::ClockSkew,
    StateReason::DeadMan,
    StateReason::Verdict,
    StateReason::JournalPressure,
    StateReason::RateLimited,
    StateReason::Unreconciled,
    StateReason::BuildMismatch,
];
/// How long the first snapshot of a book may take before its absence is a gap. Until it is there,
/// risk refuses orders that add risk on the symbol.
const FIRST_SYNC_NS: u64 = 2_000_000_000;

const fn bit(reason: StateReason) -> u32 {
    1 << reason as u8
}

impl Causes {
    /// An input is taken at this time.
    pub(super) fn begin(&mut self, now: MonoNs) {
        self.now = now;
    }
    pub(super) fn raise(&mut self, reason: StateReason) {
        self.set |= bit(reason);
        if TRUTH.contains(&reason) {
            self.lost_at = self.now;
        }
    }
    /// A link came back: until now anything may have happened unseen.
    fn see_again(&mut self) {
        self.lost_at = self.now;
    }
    pub(super) fn lower(&mut self, reason: StateReason) {
        self.set &= !bit(reason);
    }
    fn set(&mut self, reason: StateReason, is_there: bool) {
        if is_there { self.raise(reason) } else { self.lower(reason) }
    }
    fn has(self, reason: StateReason) -> bool {
        self.set & bit(reason) != 0
    }
    /// The first cause, in the order people want to hear of.
    fn first(self) -> Option<StateReason> {
        let all =
            TRUTH.into_iter().chain(PASSING).chain([StateReason::LossLimit, StateReason::Drawdown]);
        all.into_iter().find(|reason| self.has(*reason))
    }
    /// All of them: bit `1 << reason` for each.
    pub(super) const fn bits(self) -> u32 {
        self.set
    }
    /// Whether account truth is needed.
    pub(super) fn need_truth(self) -> bool {
        TRUTH.into_iter().any(|reason| self.has(reason))
    }
    /// Account truth was told that was asked for then.
    pub(super) fn truth_told(
        &mut self,
        requested_at: MonoNs,
        links: &[bool; schema::LINKS],
        unknown_count: u32,
    ) {
        if requested_at >= self.lost_at {
            TRUTH.into_iter().for_each(|reason| self.lower(reason));
        }
        for (reason, link) in
            [(StateReason::OrderLinkDown, Link::Order), (StateReason::UserLinkDown, Link::User)]
        {
            if !links[link as usize] {
                self.raise(reason);
            }
        }
        self.set(StateReason::UnknownOrder, unknown_count > 0);
    }
}

/// Days since 1970 in UTC.
pub(super) const fn utc_day(wall: WallNs) -> i64 {
    wall.0.div_euclid(86_400_000_000_000)
}

/// Journal use at which risk is no longer added, over 16.
const PRESSURE_SIXTEENTHS: u128 = 12;
/// Journal use below which it is added again, over 16.
const RELIEF_SIXTEENTHS: u128 = 8;
/// Journal use at which only cancels go out, over 16.
const FULL_SIXTEENTHS: u128 = 15;

impl Engine {
    pub(super) fn on_link(&mut self, now: Now, link: Link, is_up: bool) {
        let was_up = core::mem::replace(&mut self.links[link as usize], is_up);
        match link {
            Link::Public => {
                if !is_up {
                    for s in &mut self.symbols {
                        s.book.reset();
                        s.unsynced_at = None;
                        s.heard_at = None;
                        s.is_stale = true;
                        s.is_crossed = false;
                    }
                }
            }
            Link::Market => {}
            // What happened while it was down is not known until truth is told.
            Link::User => {
                if is_up {
                    self.causes.see_again();
                } else if !planted(Bug::UserLossIgnored) {
                    self.causes.raise(StateReason::UserLinkDown);
                }
            }
            Link::Order => {
                if !is_up {
                    self.causes.raise(StateReason::OrderLinkDown);
                    self.doubt_unanswered();
                    if was_up {
                        self.order_link_lost_at = Some(now.mono);
                    }
                } else {
                    self.order_link_lost_at = None;
                    self.has_last_way = false;
                    if was_up {
                        // A promotion: what was asked on the connection before has no answer.
                        self.doubt_unanswered();
                    }
                    self.has_cancels_wanted = true;
                    self.has_stops_to_do = true;
                }
            }
        }
    }

    /// Begins and ends days, and finds the loss that ends one.
    pub(super) fn watch_loss(&mut self, now: Now) {
        let Some(start) = self.day_equity else { return };
        let equity = self.exposure(now).equity;
        self.watch_drawdown(equity);
        let day = utc_day(now.wall);
        if day > self.day {
            self.day = day;
            self.day_equity = Some(equity);
            self.causes.lower(StateReason::LossLimit);
            return;
        }
        let loss = start.checked_sub(equity).unwrap_or(Notional::MAX);
        if loss >= self.config.limits.daily_loss_max {
            self.causes.raise(StateReason::LossLimit);
        }
    }

    /// guard's newest word, if it is young enough to count.
    #[inline]
    pub(super) fn fresh_verdict(&self, now: Now) -> Option<Verdict> {
        let max_ns = self.config.timing.verdict_age_ns_max;
        self.verdict.filter(|verdict| now.mono.since(MonoNs(verdict.mono_ns)) <= max_ns)
    }

    /// Whether both links that bring prices stand.
    #[inline]
    pub(super) fn is_market_up(&self) -> bool {
        self.links[Link::Public as usize] && self.links[Link::Market as usize]
    }

    /// Finds the passing causes of now.
    fn find_causes(&mut self, now: Now) {
        self.causes.set(StateReason::MarketLinkDown, !self.is_market_up());
        let is_late = |at: MonoNs| now.mono.since(at) >= FIRST_SYNC_NS;
        let is_gapped = |s: &super::Symbol| {
            s.book.is_gapped() || s.book.wants_snapshot() && s.unsynced_at.is_some_and(is_late)
        };
        let is_silent = self.symbols.iter().all(|s| s.is_stale);
        let is_gapped = self.symbols.iter().any(is_gapped);
        self.causes.set(StateReason::StaleFeed, is_silent);
        self.causes.set(StateReason::BookGap, is_gapped);
        self.causes.set(StateReason::ClockSkew, self.is_clock_skewed(now));
        let needs_dead_man = self.config.safety.require_dead_man && !self.is_dead_man_set;
        self.causes.set(StateReason::DeadMan, needs_dead_man);
        self.causes.set(StateReason::UnknownOrder, self.orders.unknown_count() > 0);
        self.causes.set(StateReason::RateLimited, now.mono < self.orders_banned_until);
        let is_truth_old = |at: MonoNs| now.mono.since(at) > self.config.timing.truth_age_ns_max;
        self.causes.set(StateReason::Unreconciled, self.truth_at.is_some_and(is_truth_old));
        let is_verdict_fine = self.fresh_verdict(now).is_some_and(|v| v.may_add_risk == 1);
        self.causes.set(StateReason::BuildMismatch, !self.are_builds_one);
        self.causes.set(StateReason::Verdict, self.config.require_verdict && !is_verdict_fine);
        let level = if self.causes.has(StateReason::JournalPressure) {
            RELIEF_SIXTEENTHS
        } else {
            PRESSURE_SIXTEENTHS
        };
        let is_pressed = self.is_journal_above(level) && !planted(Bug::PressureIgnored);
        if is_pressed && !self.causes.has(StateReason::JournalPressure) {
            self.count(Counter::JournalPressure);
        }
        self.causes.set(StateReason::JournalPressure, is_pressed);
    }

    fn is_journal_above(&self, sixteenths: u128) -> bool {
        let (used, capacity) = self.journal;
        capacity > 0 && u128::from(used) * 16 > u128::from(capacity) * sixteenths
    }

    /// The state that follows from what is known, and why.
    fn derive(&self) -> (TradingState, StateReason) {
        let can_talk = self.links[Link::User as usize] && self.links[Link::Order as usize];
        if self.killed.is_some() {
            (TradingState::Killed, StateReason::Kill)
        } else if self.is_stopping {
            (TradingState::Halted, StateReason::Stopping)
        } else if let Some(reason) = self.halted {
            (TradingState::Halted, reason)
        } else if self.is_journal_above(FULL_SIXTEENTHS) {
            (TradingState::Halted, StateReason::JournalPressure)
        } else if !self.is_reconciled {
            let is_first = self.day_equity.is_none();
            let waits = if can_talk { TradingState::Reconciling } else { TradingState::Starting };
            match is_first {
                true => (waits, StateReason::Boot),
                false => (TradingState::Reconciling, StateReason::Command),
            }
        } else if !self.is_enabled {
            (TradingState::Halted, StateReason::NotEnabled)
        } else if self.flattening.is_some() {
            (TradingState::Reducing, StateReason::Command)
        } else if let Some(reason) = self.causes.first() {
            (TradingState::Reducing, reason)
        } else if self.state == TradingState::Armed {
            (TradingState::Armed, self.reason)
        } else if self.state == TradingState::Reducing {
            (TradingState::Armed, StateReason::Recovered)
        } else {
            (TradingState::Armed, StateReason::Reconciled)
        }
    }

    /// Everything that keeps it from adding risk: bit `1 << reason` for each.
    pub(super) fn all_causes(&self) -> u64 {
        let own = [
            (self.killed.is_some(), StateReason::Kill),
            (self.is_stopping, StateReason::Stopping),
            (!self.is_enabled, StateReason::NotEnabled),
            (self.flattening.is_some(), StateReason::Command),
        ];
        let own = own.into_iter().filter(|(is_there, _)| *is_there).map(|(_, reason)| reason);
        let all = own.chain(self.halted);
        all.fold(u64::from(self.causes.bits()), |set, reason| set | u64::from(bit(reason)))
    }

    /// Derives the state and acts on its change.
    pub(super) fn settle(&mut self, now: Now, out: &mut Outbox) {
        self.find_causes(now);
        self.heed_kill_of_guard(now, out);
        let (state, reason) = self.derive();
        if state == self.state && reason == self.reason {
            return;
        }
        // Why it is halted or still starting may change; that is told once.
        let is_told = state != self.state || state == TradingState::Reducing;
        if is_told {
            let change = StateChange { from: self.state, to: state, reason, wall: now.wall };
            out.record(&Event::State(change));
        }
        let leaves_armed = self.state == TradingState::Armed && state != TradingState::Armed;
        self.state = state;
        self.reason = reason;
        if leaves_armed {
            // A resting order that adds risk is a decision made on what is no longer true.
            self.want_cancels(SymbolId::NONE, |order| !order.is_external && !order.reduce_only);
        }
    }
}
