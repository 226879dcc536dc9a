//! The venue's dead-man timers: when nobody refreshes them, it cancels the symbol's orders itself.
//!
//! `countdownCancelAll` is per symbol and in milliseconds, and cancels ordinary orders only
//! (PROTOCOL 3.4): it does not flatten, and conditional orders stay. It is refreshed only while the
//! hot loop turns: a process whose hot thread hangs lets it run out. Without timers nothing adds
//! risk (`Input::DeadMan`).
//!
//! Interrupted anywhere, the timers that were set run on and cancel; a stop that ended well sets
//! them to zero, after which there is nothing left for them to cancel.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use schema::SymbolName;

use super::api::{Api, Method, Security};
use crate::crash_point;

/// Pause before a refresh that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The `[dead_man]` section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Time after which the venue cancels, ms; zero for no timers.
    pub countdown_ms: u64,
    /// Between two refreshes, ms.
    pub refresh_ms: u64,
}

impl Default for Settings {
    /// The venue's example refreshes a timer of 120 s every 30; a quarter of both.
    fn default() -> Self {
        Self { countdown_ms: 30_000, refresh_ms: 10_000 }
    }
}

/// When the timers are refreshed, and until when they are known to run.
#[derive(Debug)]
pub struct DeadMan {
    settings: Settings,
    due: Instant,
    /// Turns of the hot loop when the last refresh was asked for.
    turns: u64,
    /// When the refresh under way was asked for.
    asked_at: Option<Instant>,
    /// The venue counts from here at the earliest.
    set_at: Option<Instant>,
    is_told: Option<bool>,
}

impl DeadMan {
    /// Due at once.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self { settings, due: now, turns: 0, asked_at: None, set_at: None, is_told: None }
    }

    /// Whether the timers are to be refreshed now; `turns` counts those of the hot loop.
    pub fn ask(&mut self, now: Instant, turns: u64) -> bool {
        let is_due = self.settings.countdown_ms > 0 && self.due <= now && self.asked_at.is_none();
        if !is_due || turns == self.turns {
            return false;
        }
        self.turns = turns;
        self.asked_at = Some(now);
        true
    }

    /// What became of the refresh.
    pub fn answered(&mut self, now: Instant, is_set: bool) {
        let asked_at = self.asked_at.take();
        if is_set {
            self.set_at = asked_at.or(Some(now));
        }
        let pause = if is_set { Duration::from_millis(self.settings.refresh_ms) } else { RETRY };
        self.due = now + pause;
    }

    /// Whether the timers run, if that changed since the last question.
    pub fn change(&mut self, now: Instant) -> Option<bool> {
        let countdown = Duration::from_millis(self.settings.countdown_ms);
        let runs = self.set_at.is_some_and(|at| now < at + countdown);
        (self.is_told != Some(runs) && self.settings.countdown_ms > 0).then(|| {
            self.is_told = Some(runs);
            runs
        })
    }
}

/// Sets the timer of every symbol; zero ends them.
///
/// # Errors
/// If one could not be set.
pub fn set(rest: &dyn Api, names: &[SymbolName], countdown_ms: u64) -> anyhow::Result<()> {
    crash_point!("dead_man_before");
    let time = countdown_ms.to_string();
    for name in names {
        let text = name.to_string();
        let params = [("symbol", text.as_str()), ("countdownTime", time.as_str())];
        let path = "/fapi/v1/countdownCancelAll";
        rest.call(Method::Post, path, &params, Security::Signed)
            .with_context(|| format!("the dead-man timer of {text} is not set"))?;
    }
    crash_point!("dead_man_after");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn dead_man() -> (DeadMan, Instant) {
        let now = Instant::now();
        (DeadMan::new(Settings { countdown_ms: 30_000, refresh_ms: 10_000 }, now), now)
    }

    #[test]
    fn timers_are_refreshed_only_while_the_loop_turns() {
        let (mut dead_man, now) = dead_man();
        assert_eq!(dead_man.change(now), Some(false), "nothing is set at first");
        assert!(dead_man.ask(now, 5));
        assert!(!dead_man.ask(now, 6), "one question at a time");
        dead_man.answered(now + SECOND, true);
        assert_eq!(dead_man.change(now + SECOND), Some(true));
        assert!(!dead_man.ask(now + 5 * SECOND, 9), "not due yet");
        assert!(!dead_man.ask(now + 12 * SECOND, 5), "the loop stands still");
        assert!(dead_man.ask(now + 12 * SECOND, 6));
    }

    #[test]
    fn a_timer_that_was_not_refreshed_is_told_when_it_runs_out() {
        let (mut dead_man, now) = dead_man();
        assert!(dead_man.ask(now, 1));
        dead_man.answered(now + SECOND, true);
        assert_eq!(dead_man.change(now + 2 * SECOND), Some(true));
        assert!(dead_man.ask(now + 12 * SECOND, 2));
        dead_man.answered(now + 13 * SECOND, false);
        assert_eq!(dead_man.change(now + 13 * SECOND), None, "the one before still runs");
        assert!(dead_man.ask(now + 14 * SECOND, 3), "and is tried again soon");
        dead_man.answered(now + 15 * SECOND, false);
        // Counted from the question, not from the answer.
        assert_eq!(dead_man.change(now + 30 * SECOND), Some(false));
    }

    #[test]
    fn zero_sets_none() {
        let now = Instant::now();
        let mut dead_man = DeadMan::new(Settings { countdown_ms: 0, refresh_ms: 1 }, now);
        assert!(!dead_man.ask(now, 1));
        assert_eq!(dead_man.change(now), None);
    }
}
