//! The kill switch: pressed it stays, and everything at the venue is ended.
//!
//! While it is pressed no order that adds risk is approved, orders of both books are cancelled
//! whoever placed them, and positions are closed in slices that only reduce, again and again until
//! account truth shows nothing. A press that is interrupted anywhere is only the press of the next
//! start: the latch file is what lasts.

use schema::{Event, KillChange, KillTrigger, MonoNs, StateReason, SymbolId};

use super::Engine;
use crate::input::Now;
use crate::outbox::Outbox;
use crate::planted::{Bug, planted};

impl Engine {
    /// Presses the switch; the first trigger stays.
    pub(super) fn press_kill(
        &mut self,
        now: Now,
        trigger: KillTrigger,
        uid: u32,
        nonce: u64,
        out: &mut Outbox,
    ) {
        if self.killed.is_some() {
            return;
        }
        self.killed = Some(trigger);
        self.end_everything();
        let wall = now.wall;
        out.record(&Event::Kill(KillChange { is_on: true, trigger, uid, nonce, wall }));
    }

    /// Releases it; the trader stays halted. Whether that may be is the caller's to know.
    pub(super) fn release_kill(&mut self, now: Now, uid: u32, nonce: u64, out: &mut Outbox) {
        let Some(trigger) = self.killed.take() else { return };
        self.flattening = None;
        self.flattened_at = None;
        self.halted = Some(StateReason::Command);
        self.dismissed_verdict_ns = self.verdict.map_or(0, |verdict| verdict.mono_ns);
        for s in &mut self.symbols {
            s.kill_slices = 0;
        }
        let wall = now.wall;
        out.record(&Event::Kill(KillChange { is_on: false, trigger, uid, nonce, wall }));
    }

    /// Heeds guard's verdict, unless it is one that a person has overruled.
    pub(super) fn heed_kill_of_guard(&mut self, now: Now, out: &mut Outbox) {
        let Some(verdict) = self.verdict else { return };
        let is_late =
            planted(Bug::KillLate) && now.mono.since(MonoNs(verdict.mono_ns)) < 500_000_000;
        if verdict.killed != 0 && verdict.mono_ns > self.dismissed_verdict_ns && !is_late {
            let trigger = u8::try_from(verdict.trigger).ok().and_then(KillTrigger::from_u8);
            self.press_kill(now, trigger.unwrap_or(KillTrigger::Latch), 0, 0, out);
        }
    }

    /// Whether guard's newest word, young enough to count, is that the switch is pressed.
    pub(super) fn is_killed_by_guard(&self, now: Now) -> bool {
        self.fresh_verdict(now).is_some_and(|verdict| verdict.killed != 0)
    }

    /// While the switch is pressed, whatever is found at the venue is ended, however late it is
    /// found.
    pub(super) fn go_on_killing(&mut self) {
        let is_left = self.orders.live_count() > 0
            || !self.algos.is_empty()
            || self.symbols.iter().any(|s| !s.position.is_flat());
        if is_left {
            self.end_everything();
        }
    }

    fn end_everything(&mut self) {
        self.flattening = Some(SymbolId::NONE);
        self.want_cancels(SymbolId::NONE, |_| true);
        self.want_algo_cancels(SymbolId::NONE);
    }
}
