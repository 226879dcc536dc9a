//! The one order in which a release is changed, forth or back: disarm, cancel, reconcile, swap,
//! reconcile, arm.
//!
//! The step is on disk before it is taken, and each begins by looking at what is so: a change that
//! was interrupted at any line goes on by being driven again. What no trader can confirm any more
//! (it is dead, or hangs) holds up a deployment; a roll-back goes on to the swap, which ends the
//! process, and the start of the good release cancels, asks and reconciles.

use std::time::{Duration, Instant};

use schema::{CommandKind, StateReason, TradingState};

use super::settings::Limits;
use super::state::{self, Change, Direction, Seen, Step};
use super::store::{Link, Store};
use crate::exit::{Exit, Failure};

/// How long a step of the running trader may take to be confirmed.
const CONFIRM: Duration = Duration::from_secs(20);
/// A command that showed no effect is sent again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// How long processes beside the trader may take to tell their build.
const TELL: Duration = Duration::from_secs(5);

/// The trader that runs, as its status tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trader {
    /// Process id.
    pub(crate) pid: u64,
    /// State.
    pub(crate) state: TradingState,
    /// Its reason.
    pub(crate) reason: StateReason,
    /// Working orders, both books.
    pub(crate) open_orders: u64,
    /// Orders whose outcome is not known.
    pub(crate) unknown_orders: u64,
    /// Symbols with a position.
    pub(crate) positions: u64,
    /// Reconciliations since its start.
    pub(crate) reconciled: u64,
    /// Equity, units of 1e-8.
    pub(crate) equity: i64,
    /// Requests and failures since its start.
    pub(crate) requests: [u64; 2],
    /// Monotonic time of this status, ns.
    pub(crate) mono_ns: u64,
}

impl Trader {
    /// Whether no order that adds risk can leave it.
    pub(crate) fn is_disarmed(&self) -> bool {
        matches!(self.state, TradingState::Halted | TradingState::Killed)
    }
    /// Why a person decides whether it trades again, if that is so.
    pub(crate) fn stays_halted(&self) -> Option<StateReason> {
        let is_own = matches!(self.reason, StateReason::NotEnabled | StateReason::Stopping);
        (self.state == TradingState::Halted && !is_own).then_some(self.reason)
    }
    /// Whether it agrees with the venue: a state that only follows from truth.
    fn is_reconciled(&self) -> bool {
        let waits = self.state == TradingState::Halted && self.reason == StateReason::NotEnabled;
        let trades = matches!(self.state, TradingState::Armed | TradingState::Reducing);
        (waits || trades || self.state == TradingState::Killed) && self.unknown_orders == 0
    }
    fn is_clean(&self) -> bool {
        let is_flat = self.state != TradingState::Killed || self.positions == 0;
        self.open_orders == 0 && self.unknown_orders == 0 && is_flat
    }
}

/// What a change is carried out with: processes in earnest, figures in tests.
pub(crate) trait Desk {
    /// The live trader's newest status.
    fn trader(&mut self) -> Option<Trader>;
    /// Why a trader that lives cannot be read: it is of another layout.
    fn unreadable(&mut self) -> Option<Failure>;
    /// Sends a command and waits until it is taken.
    ///
    /// # Errors
    /// It was not.
    fn command(&mut self, kind: CommandKind) -> Result<(), Failure>;
    /// Stops every process and starts those of `current`; `false` if nobody runs them.
    ///
    /// # Errors
    /// It did not happen.
    fn restart(&mut self, to: &str) -> Result<bool, Failure>;
    /// Starts of the trader its supervisor counts, for ever.
    fn starts(&mut self) -> u64;
    /// Processes that are of another release, in words.
    fn strangers(&mut self, release: &str) -> Vec<String>;
    /// Processes that have not told their build yet.
    fn absent(&mut self) -> Vec<String>;
    /// Whether the kill switch is pressed.
    fn is_killed(&mut self) -> bool;
    /// Waits a little.
    fn pause(&mut self);
    /// Time since any moment.
    fn now(&mut self) -> Instant;
    /// Tells people.
    fn say(&mut self, text: &str);
}

/// Why a release is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) String);

/// How a drive ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Armed: the probation begins, or goes on.
    Watch,
    /// Nobody runs the processes: it goes on when they are started.
    NotRunning,
    /// The new release does not do: it is to be taken back.
    Broken(Broken),
    /// It is back, and halted.
    Back,
    /// It is back, but its trader does not reconcile (why).
    BackUnreconciled(String),
    /// Swapped with the kill switch pressed; nothing was armed.
    Killed,
    /// Swapped, and halted: a person decides whether it trades.
    Held,
}

/// A drive of one change.
pub(crate) struct Order<'a, D: Desk> {
    /// Where releases lie.
    pub(crate) store: &'a Store,
    /// What it is carried out with.
    pub(crate) desk: &'a mut D,
    /// Limits of the probation.
    pub(crate) limits: Limits,
}

impl<D: Desk> Order<'_, D> {
    /// Takes one step after the other until the change needs no more of them.
    ///
    /// # Errors
    /// A step cannot be taken or confirmed: the change stays as it is, to be resumed or undone.
    pub(crate) fn drive(&mut self, change: &mut Change) -> Result<End, Failure> {
        loop {
            let step = change.step;
            match state::save(self.store, change) {
                // What is armed is watched, even where nothing can be written.
                Err(failure) if step == Step::Probation => self.desk.say(&failure.what),
                written => written?,
            }
            if step != Step::Probation {
                let more = serde_json::json!({"step": step});
                state::audit(self.store, "step", &change.to, &more)?;
                self.desk.say(&format!("{} → {}: {}", from(change), change.to, step.name()));
            }
            let next = match step {
                Step::Disarm => self.disarm(change)?,
                Step::Cancel => self.cancel(change)?,
                Step::Reconcile => self.reconcile(change)?,
                Step::Swap => match self.swap(change)? {
                    true => Step::ReconcileNew,
                    false => {
                        change.step = Step::ReconcileNew;
                        state::save(self.store, change)?;
                        return Ok(End::NotRunning);
                    }
                },
                Step::ReconcileNew => match self.reconcile_new(change)? {
                    Ok(()) if change.direction == Direction::Rollback => return Ok(End::Back),
                    Ok(()) => Step::Arm,
                    Err(why) if change.direction == Direction::Rollback => {
                        return Ok(End::BackUnreconciled(why.0));
                    }
                    Err(why) => return Ok(End::Broken(why)),
                },
                Step::Arm => match self.arm(change)? {
                    Armed::Yes => Step::Probation,
                    Armed::Killed => return Ok(End::Killed),
                    Armed::Held => return Ok(End::Held),
                    Armed::Broken(why) => return Ok(End::Broken(why)),
                },
                Step::Probation => return Ok(End::Watch),
            };
            change.step = next;
        }
    }

    /// Halted, and seen to be. Without a trader there is nothing to disarm, cancel or reconcile.
    fn disarm(&mut self, change: &mut Change) -> Result<Step, Failure> {
        let Some(trader) = self.desk.trader() else {
            self.demand_readable(change)?;
            self.desk.say("no trader runs: nothing to disarm");
            return Ok(Step::Swap);
        };
        change.old_pid = trader.pid;
        if change.arms.is_none() {
            // Before it is halted for the change: after an interruption nobody could tell.
            change.arms = Some(trader.stays_halted().is_none());
            state::save(self.store, change)?;
        }
        let is_done = |trader: &Trader| trader.is_disarmed();
        self.act(change, CommandKind::Halt, "the trader is halted", is_done)?;
        Ok(Step::Cancel)
    }

    /// A trader that lives and cannot be read is no trader that has ended; a roll-back ends it.
    fn demand_readable(&mut self, change: &Change) -> Result<(), Failure> {
        let unreadable = self.desk.unreadable();
        let Some(failure) = unreadable.filter(|_| change.direction == Direction::Deploy) else {
            return Ok(());
        };
        Err(Failure::new(
            failure.exit,
            format!("the trader that runs cannot be read: {}", failure.what),
            "nothing was swapped; `shrike release resume` with the `bin/shrike` of the release that \
             runs, or stop the trader (SIGTERM) first",
        ))
    }

    /// Both books empty, and, with the kill switch pressed, no position left.
    fn cancel(&mut self, change: &Change) -> Result<Step, Failure> {
        let is_done = |trader: &Trader| trader.is_disarmed() && trader.is_clean();
        self.act(change, CommandKind::CancelAll, "no order is left in either book", is_done)?;
        Ok(Step::Reconcile)
    }

    /// One more reconciliation than there was before it was asked for.
    fn reconcile(&mut self, change: &Change) -> Result<Step, Failure> {
        let before = self.desk.trader().map_or(0, |trader| trader.reconciled);
        let is_done = |trader: &Trader| {
            trader.is_disarmed() && trader.reconciled > before && trader.is_clean()
        };
        self.act(change, CommandKind::Reconcile, "the trader agrees with the venue", is_done)?;
        Ok(Step::Swap)
    }

    /// Sends a command until its effect is seen. A roll-back does not wait for ever for a trader
    /// that does not answer: the swap ends it.
    fn act(
        &mut self,
        change: &Change,
        kind: CommandKind,
        what: &str,
        is_done: impl Fn(&Trader) -> bool,
    ) -> Result<(), Failure> {
        let begun = self.desk.now();
        let mut sent: Option<Instant> = None;
        let mut said = String::new();
        loop {
            let now = self.desk.now();
            let Some(trader) = self.desk.trader() else {
                self.demand_readable(change)?;
                self.desk.say("the trader has ended: nothing is left of it to ask");
                return Ok(());
            };
            // What is so before anything was sent is no proof of a reconciliation; of a halt it is.
            let is_proof = sent.is_some() || kind == CommandKind::Halt;
            if is_proof && is_done(&trader) {
                self.desk.say(&format!("confirmed: {what} (trader {})", trader.pid));
                return Ok(());
            }
            if now.duration_since(begun) >= CONFIRM {
                let seen = format!(
                    "it is {} ({}), {} orders open, {} unknown{}{said}",
                    trader.state,
                    trader.reason,
                    trader.open_orders,
                    trader.unknown_orders,
                    if said.is_empty() { "" } else { "; " },
                );
                if change.direction == Direction::Rollback {
                    self.desk.say(&format!("not confirmed, going back all the same: {seen}"));
                    return Ok(());
                }
                return Err(Failure::new(
                    Exit::Busy,
                    format!("{}: not confirmed that {what}: {seen}", change.step.name()),
                    "nothing was swapped; `shrike release resume` tries on, `shrike release \
                     rollback` gives up and leaves the trader halted",
                ));
            }
            if sent.is_none_or(|at| now.duration_since(at) >= AGAIN) {
                // A killed trader refuses to halt: it is beyond that.
                match self.desk.command(kind) {
                    Ok(()) => {}
                    Err(failure) => said = failure.what,
                }
                sent = Some(now);
            }
            self.desk.pause();
        }
    }

    /// Link and processes; `false` if nobody runs them.
    fn swap(&mut self, change: &mut Change) -> Result<bool, Failure> {
        if self.desk.is_killed() && change.direction == Direction::Deploy && !change.while_killed {
            return Err(killed());
        }
        self.store.demand_sound(&change.to)?;
        // Taken again after an interruption, it is another restart: counted from here.
        change.old_pid = self.desk.trader().map_or(0, |trader| trader.pid);
        change.swapped_ms = state::now_ms();
        change.seen = Seen { starts_before: self.desk.starts(), ..Seen::default() };
        state::save(self.store, change)?;
        self.store.link(Link::Current, &change.to)?;
        self.desk.restart(&change.to)
    }

    /// Another trader than before, that agrees with the venue, among processes of one release.
    fn reconcile_new(&mut self, change: &mut Change) -> Result<Result<(), Broken>, Failure> {
        let limit = self.limits.reconcile_s.unsigned_abs();
        let begun = self.desk.now();
        let mut told: Option<Instant> = None;
        loop {
            if let Some(why) = self.crash_loop(change) {
                return Ok(Err(why));
            }
            let now = self.desk.now();
            let trader = self.desk.trader().filter(|trader| trader.pid != change.old_pid);
            let is_ready = trader.is_some_and(|trader| trader.is_reconciled());
            if is_ready {
                let since = *told.get_or_insert(now);
                let (strangers, absent) = (self.desk.strangers(&change.to), self.desk.absent());
                if strangers.is_empty() && absent.is_empty() {
                    self.desk.say("confirmed: the new trader agrees with the venue; one build");
                    return Ok(Ok(()));
                }
                if now.duration_since(since) >= TELL {
                    let why = match strangers.is_empty() {
                        true => format!("processes are missing: {}", absent.join(", ")),
                        false => format!("build mismatch: {}", strangers.join(", ")),
                    };
                    return Ok(Err(Broken(why)));
                }
            } else if now.duration_since(begun) >= Duration::from_secs(limit) {
                let seen = trader.map_or_else(
                    || "no trader is there".to_owned(),
                    |trader| format!("it is {} ({})", trader.state, trader.reason),
                );
                return Ok(Err(Broken(format!("no reconciliation within {limit} s: {seen}"))));
            }
            self.desk.pause();
        }
    }

    /// Counts the trader's starts since the swap.
    pub(crate) fn crash_loop(&mut self, change: &mut Change) -> Option<Broken> {
        let starts = self.desk.starts().saturating_sub(change.seen.starts_before);
        change.seen.starts = change.seen.starts.max(starts);
        if let Some(trader) = self.desk.trader()
            && trader.pid != change.old_pid
            && trader.pid != change.seen.pid
        {
            let is_first = change.seen.pid == 0;
            change.seen.before = [change.seen.requests, change.seen.errors];
            change.seen.base = if is_first { trader.requests } else { [0; 2] };
            change.seen.pid = trader.pid;
        }
        (change.seen.starts >= self.limits.starts.unsigned_abs()).then(|| {
            Broken(format!("crash loop: the trader was started {} times", change.seen.starts))
        })
    }

    /// Resumed, and seen armed.
    fn arm(&mut self, change: &mut Change) -> Result<Armed, Failure> {
        let limit = Duration::from_secs(self.limits.reconcile_s.unsigned_abs());
        let begun = self.desk.now();
        let mut sent: Option<Instant> = None;
        loop {
            if self.desk.is_killed() {
                return Ok(Armed::Killed);
            }
            if let Some(why) = self.crash_loop(change) {
                return Ok(Armed::Broken(why));
            }
            let strangers = self.desk.strangers(&change.to);
            if !strangers.is_empty() {
                let why = format!("build mismatch: {}", strangers.join(", "));
                return Ok(Armed::Broken(Broken(why)));
            }
            let now = self.desk.now();
            let trader = self.desk.trader().filter(|trader| trader.pid != change.old_pid);
            if change.arms == Some(false) {
                // A start may arm by itself (`start.enabled`).
                self.act(change, CommandKind::Halt, "the new trader is halted", |trader| {
                    trader.is_disarmed()
                })?;
                return Ok(Armed::Held);
            }
            if trader.is_some_and(|trader| trader.stays_halted() == Some(StateReason::Command)) {
                return Ok(Armed::Held);
            }
            if let Some(trader) = trader.filter(|trader| trader.state == TradingState::Armed) {
                change.seen.pid = trader.pid;
                change.seen.base = trader.requests;
                change.seen.before = [0; 2];
                change.seen.armed_equity = trader.equity;
                change.seen.armed_ns = trader.mono_ns;
                let window = i64::try_from(change.probation_s).unwrap_or(i64::MAX / 2_000);
                change.seen.until_ms = state::now_ms() + window * 1_000;
                self.desk.say("confirmed: armed");
                return Ok(Armed::Yes);
            }
            if now.duration_since(begun) >= limit {
                let seen = trader.map_or_else(
                    || "no trader is there".to_owned(),
                    |trader| format!("it is {} ({})", trader.state, trader.reason),
                );
                let why = format!("not armed within {} s: {seen}", limit.as_secs());
                return Ok(Armed::Broken(Broken(why)));
            }
            // Halted for anything else it stays: no change of programs decides about that.
            let waits = trader.is_some_and(|trader| {
                trader.state == TradingState::Halted && trader.stays_halted().is_none()
            });
            if waits && sent.is_none_or(|at| now.duration_since(at) >= AGAIN) {
                // A refusal shows as the state that stays.
                let _ = self.desk.command(CommandKind::Resume);
                sent = Some(now);
            }
            self.desk.pause();
        }
    }
}

/// How arming ended.
enum Armed {
    Yes,
    Killed,
    Held,
    Broken(Broken),
}

/// Requests and failures since it was armed, over all its processes.
pub(crate) fn total(seen: &Seen, now: [u64; 2]) -> [u64; 2] {
    [0, 1].map(|at| seen.before[at] + now[at].saturating_sub(seen.base[at]))
}

/// What a change is refused with while the kill switch is pressed.
pub(crate) fn killed() -> Failure {
    Failure::new(
        Exit::Busy,
        "the kill switch is pressed: nothing is deployed while an account is being closed",
        "`shrike unkill` when the reason is known; --while-killed swaps the programs and arms \
         nothing",
    )
}

fn from(change: &Change) -> &str {
    change.from.as_deref().unwrap_or("nothing")
}

#[cfg(test)]
mod tests;
