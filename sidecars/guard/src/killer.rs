//! Carries the kill switch out in a thread of its own, so that no answer of the venue that does not
//! come delays the verdict.
//!
//! A living trader closes by itself and is left [`crate::config::Kill::trader_ms`] from the last
//! progress that the venue shows; without a heartbeat, or without progress, guard does it. Both at
//! once do no harm: everything that is sent is a cancel or can only reduce.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use schema::KillStep;

use crate::clock::mono_ns;
use crate::config::Config;
use crate::kill::{Desk, Executor, Step};

/// How far it is; times from the trigger, ns, zero until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Step.
    pub step: KillStep,
    /// Until no new order could leave: the trader said that it is killed, or was silent.
    pub halted_ns: u64,
    /// Until the venue had no order.
    pub cancelled_ns: u64,
    /// Until the venue had no position.
    pub flat_ns: u64,
}

/// Pause between two looks at what the trader does, and at an account that is flat.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
const FLAT_PAUSE: Duration = Duration::from_secs(10);

const BEGUN: Progress =
    Progress { step: KillStep::Halting, halted_ns: 0, cancelled_ns: 0, flat_ns: 0 };

/// The trader as the thread needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Its heartbeat is fresh.
    pub is_fresh: bool,
    /// It says that it is killed.
    pub is_killed: bool,
}

#[derive(Debug)]
struct State {
    /// When it was pressed, monotonic ns.
    pressed_ns: Option<u64>,
    /// Counts presses, so that the thread knows one from the next.
    presses: u64,
    trader: Seen,
    progress: Progress,
    is_over: bool,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// The thread's handle; dropping it ends the thread, with the switch as it is.
#[derive(Debug)]
pub struct Killer {
    shared: Shared,
    thread: Option<JoinHandle<()>>,
}

impl Killer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(config: &Config, desk: impl Desk + Send + 'static) -> std::io::Result<Self> {
        let state = State {
            pressed_ns: None,
            presses: 0,
            trader: Seen::default(),
            progress: BEGUN,
            is_over: false,
        };
        let shared: Shared = Arc::new((Mutex::new(state), Condvar::new()));
        let flat = Duration::from_millis(config.kill.flat_ms);
        let mut carrier = Carrier {
            shared: Arc::clone(&shared),
            executor: Executor::new(config.kill.slice, flat).knowing(&config.symbols),
            patience: Duration::from_millis(config.kill.trader_ms),
            said: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("kill".to_owned());
        let thread = thread.spawn(move || carrier.run(desk))?;
        Ok(Self { shared, thread: Some(thread) })
    }
    /// The switch was pressed at this monotonic time, ns.
    pub fn press(&mut self, pressed_ns: u64) {
        let mut state = lock(&self.shared);
        state.pressed_ns = Some(pressed_ns);
        state.presses += 1;
        state.progress = BEGUN;
        self.shared.1.notify_all();
    }
    /// It was released.
    pub fn release(&mut self) {
        lock(&self.shared).pressed_ns = None;
        self.shared.1.notify_all();
    }
    /// How the trader is, at this monotonic time, ns.
    pub fn trader(&mut self, seen: Seen, now_ns: u64) {
        let mut state = lock(&self.shared);
        state.trader = seen;
        if let Some(pressed_ns) = state.pressed_ns
            && state.progress.halted_ns == 0
            && (seen.is_killed || !seen.is_fresh)
        {
            state.progress.halted_ns = now_ns.saturating_sub(pressed_ns).max(1);
        }
    }
    /// How far it is.
    pub fn progress(&self) -> Progress {
        lock(&self.shared).progress
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        lock(&self.shared).is_over = true;
        self.shared.1.notify_all();
        // A request that hangs ends with the process.
        if let Some(thread) = self.thread.take().filter(JoinHandle::is_finished) {
            let _ = thread.join();
        }
    }
}

/// What is left by a panic of the other side is plain data.
fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread.
struct Carrier {
    shared: Shared,
    executor: Executor,
    patience: Duration,
    /// Errors of the step before, which are not logged again.
    said: Vec<String>,
}

impl Carrier {
    fn run(&mut self, mut desk: impl Desk) {
        while let Some((press, pressed_ns)) = self.pressed() {
            self.carry_out(&mut desk, press, pressed_ns);
        }
    }

    /// Waits until it is pressed; `None` at the end.
    fn pressed(&self) -> Option<(u64, u64)> {
        let mut state = lock(&self.shared);
        loop {
            if state.is_over {
                return None;
            }
            if let Some(pressed_ns) = state.pressed_ns {
                return Some((state.presses, pressed_ns));
            }
            state = self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn carry_out(&mut self, desk: &mut impl Desk, press: u64, pressed_ns: u64) {
        self.executor.begin();
        let before_ns = mono_ns().saturating_sub(pressed_ns);
        let mut patience = Patience::new(self.patience, Instant::now());
        let mut was_acting = false;
        loop {
            let trader = lock(&self.shared).trader;
            let may_act = !trader.is_fresh || patience.is_over(Instant::now());
            if may_act != was_acting {
                let why = if trader.is_fresh { "no progress" } else { "no heartbeat" };
                match may_act {
                    true => log::error!("kill: guard acts ({why} of the trader)"),
                    false => log::warn!("kill: left to the trader"),
                }
                was_acting = may_act;
            }
            let step = self.executor.step(desk, may_act);
            let wait = step.wait.max(pause(may_act, step.at));
            patience.looked(step.errors.is_empty().then(|| left(&step)), Instant::now());
            self.say(&step);
            let (cancelled, flat) = self.executor.times();
            let since = |time: Option<Duration>| time.map_or(0, |time| ns(time) + before_ns);
            let mut state = lock(&self.shared);
            if state.presses != press || state.pressed_ns.is_none() || state.is_over {
                return;
            }
            let halted_ns = state.progress.halted_ns;
            state.progress = Progress {
                step: step.at,
                halted_ns,
                cancelled_ns: since(cancelled),
                flat_ns: if step.at == KillStep::Flat { since(flat) } else { 0 },
            };
            let waited = self.shared.1.wait_timeout(state, wait);
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.presses != press || state.pressed_ns.is_none() || state.is_over {
                return;
            }
        }
    }

    fn say(&mut self, step: &Step) {
        for error in step.errors.iter().filter(|error| !self.said.contains(error)) {
            log::error!("kill: {error}");
        }
        self.said.clone_from(&step.errors);
    }
}

/// What a look shows to be left to do, so that less is progress: books with orders, then money held.
type Left = (usize, i128);

/// How long a living trader is left to close by itself.
#[derive(Debug)]
struct Patience {
    whole: Duration,
    /// Least that was left so far.
    best: Option<Left>,
    /// When that was seen.
    moved: Instant,
    /// The last look showed nothing: there is no progress to wait for.
    is_clear: bool,
}

impl Patience {
    const fn new(whole: Duration, now: Instant) -> Self {
        Self { whole, best: None, moved: now, is_clear: false }
    }

    fn is_over(&self, now: Instant) -> bool {
        !self.is_clear && now.duration_since(self.moved) >= self.whole
    }

    /// A look, with what is left; `None` if the venue did not tell.
    fn looked(&mut self, left: Option<Left>, now: Instant) {
        let is_less = left.is_some_and(|left| self.best.is_none_or(|best| left < best));
        // Whatever comes after a look that showed nothing has the whole patience.
        if is_less || self.is_clear {
            self.best = left;
            self.moved = now;
        }
        self.is_clear = left == Some((0, 0));
    }
}

/// The shortest pause after a step.
fn pause(may_act: bool, at: KillStep) -> Duration {
    match at {
        KillStep::Flat => FLAT_PAUSE,
        _ if !may_act => LOOK_PAUSE,
        _ => Duration::ZERO,
    }
}

fn left(step: &Step) -> Left {
    let value = |qty: i64, mark: i64| (i128::from(qty) * i128::from(mark)).abs();
    let held = step.held.iter().map(|held| value(held.qty.units(), held.mark.units()));
    (step.open.len(), held.sum())
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn patience_ends_without_progress_and_waits_for_none_when_nothing_is_left() {
        let start = Instant::now();
        let at = |seconds: u32| start + SECOND * seconds;
        let mut patience = Patience::new(3 * SECOND, start);
        assert!(!patience.is_over(at(2)) && patience.is_over(at(3)));
        patience.looked(Some((2, 100)), at(2));
        patience.looked(Some((2, 100)), at(4));
        assert!(patience.is_over(at(5)), "the same again is no progress");
        patience.looked(Some((0, 50)), at(5));
        patience.looked(None, at(7));
        assert!(!patience.is_over(at(7)) && patience.is_over(at(8)), "nor is no answer");
        patience.looked(Some((0, 0)), at(8));
        assert!(!patience.is_over(at(100)));
        patience.looked(Some((1, 0)), at(100));
        assert!(!patience.is_over(at(102)) && patience.is_over(at(103)), "what came later");
        patience.looked(Some((0, 0)), at(103));
        patience.looked(None, at(200));
        assert!(!patience.is_over(at(202)) && patience.is_over(at(203)), "no word after it");
    }
}
