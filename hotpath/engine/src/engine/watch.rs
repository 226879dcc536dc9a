//! The clocks: ours against each other, ours against the venue's, and the loop against time.

use schema::{Counter, StateReason, WallNs};

use super::Engine;
use crate::input::Now;
use crate::planted::{Bug, planted};

/// What is known of the venue's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    /// Its clock less ours, ns.
    pub(super) offset_ns: i64,
    /// Round trip of the comparison, ns.
    pub(super) rtt_ns: u64,
    /// When it was compared last.
    at: Option<schema::MonoNs>,
    /// Whether the venue refused a request for its time since.
    pub(super) is_doubted: bool,
}

impl Engine {
    /// Compares our two clocks (their distance may drift, not jump), and looks whether the loop
    /// stood still: what happened meanwhile was not seen.
    pub(super) fn watch_clock(&mut self, now: Now) {
        if let Some(last) = self.last_now {
            let wall_ns = now.wall.0.saturating_sub(last.wall.0);
            let gap_ns = now.mono.since(last.mono);
            let mono_ns = i64::try_from(gap_ns).unwrap_or(i64::MAX);
            let jump_ns = wall_ns.saturating_sub(mono_ns).unsigned_abs();
            if jump_ns > self.config.timing.clock_jump_ns_max && !planted(Bug::JumpIgnored) {
                self.count(Counter::ClockJump);
                self.causes.raise(StateReason::ClockJump);
                // The offset was measured against a clock that is no more.
                self.clock.is_doubted = true;
            }
            if gap_ns > self.config.timing.loop_gap_ns_max {
                self.count(Counter::LoopGap);
                self.causes.raise(StateReason::LoopGap);
            }
        }
        self.last_now = Some(now);
    }

    pub(super) fn on_clock_skew(&mut self, now: Now, offset_ns: i64, rtt_ns: u64) {
        let was_skewed = self.is_clock_skewed(now);
        self.clock = Clock { offset_ns, rtt_ns, at: Some(now.mono), is_doubted: false };
        if self.is_clock_skewed(now) && !was_skewed {
            self.count(Counter::ClockSkew);
        }
    }

    /// Whether the venue's clock is too far from ours, in doubt, or not known although it must be.
    pub(super) fn is_clock_skewed(&self, now: Now) -> bool {
        let safety = &self.config.safety;
        let is_known =
            self.clock.at.is_some_and(|at| now.mono.since(at) <= safety.clock_age_ns_max);
        let is_far = self.clock.at.is_some()
            && self.clock.offset_ns.unsigned_abs() > safety.clock_skew_ns_max;
        self.clock.is_doubted || is_far || safety.require_clock && !is_known
    }

    /// The venue's clock, as far as it is known.
    #[inline]
    pub(super) fn venue_wall(&self, now: Now) -> WallNs {
        WallNs(now.wall.0.saturating_add(self.clock.offset_ns))
    }

    /// What to add to our clock to have the venue's, ns: requests are stamped and signed with it.
    #[inline]
    pub const fn clock_offset_ns(&self) -> i64 {
        self.clock.offset_ns
    }

    /// Whether a comparison of the clocks is wanted at once: a request was refused for its time, or
    /// our clock jumped.
    pub const fn wants_clock(&self) -> bool {
        self.clock.is_doubted
    }
}
