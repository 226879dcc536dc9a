//! The kill switch as the loop has it: latch, signal, triggers, release.

use std::sync::atomic::Ordering;

use rings::latch::{self, Pressed};
use schema::KillTrigger;

use super::{SECOND_NS, Switch, Watch};

/// A trigger as old as this is of this life of guard, ns.
const JUST_NOW_NS: u64 = 10_000_000_000;

/// The switch.
impl Watch {
    pub(super) fn look_at_switch(&mut self, now_ns: u64, wall: i64) {
        if self.signal.swap(false, Ordering::Relaxed) && self.switch.is_none() {
            self.press(KillTrigger::Signal, "SIGUSR1 to guard".to_owned(), now_ns, wall);
        }
        let path = self.config.kill.latch();
        let was_unreadable = self.is_latch_unreadable;
        match latch::read(&path) {
            Ok(Some(pressed)) => {
                self.is_latch_unreadable = false;
                match &mut self.switch {
                    Some(switch) => switch.is_on_disk = true,
                    None => {
                        log::error!("killed: {} ({})", pressed.trigger, pressed.reason);
                        self.carry_out(pressed, true, now_ns, wall);
                    }
                }
            }
            Ok(None) => {
                self.is_latch_unreadable = false;
                if self.switch.as_ref().is_some_and(|switch| switch.is_on_disk) {
                    self.release(now_ns, wall);
                }
            }
            Err(error) => {
                self.is_latch_unreadable = true;
                if !was_unreadable {
                    let path = path.display();
                    log::error!("{path}: {error}; no risk is added while it cannot be read");
                }
            }
        }
    }

    /// Presses it in memory; the file follows when that is published.
    pub(super) fn press(&mut self, trigger: KillTrigger, reason: String, now_ns: u64, wall: i64) {
        log::error!("pressing the kill switch: {trigger}: {reason}");
        let uid = rustix::process::getuid().as_raw();
        let by = crate::publish::NAME.to_owned();
        self.carry_out(Pressed { trigger, uid, wall_ns: wall, reason, by }, false, now_ns, wall);
    }

    fn carry_out(&mut self, pressed: Pressed, is_on_disk: bool, now_ns: u64, wall: i64) {
        // One that was pressed long ago, or says no time, is carried out from now on.
        let ago = u64::try_from(wall.saturating_sub(pressed.wall_ns)).unwrap_or(0);
        let ago = if ago > JUST_NOW_NS { 0 } else { ago };
        self.killer.press(now_ns.saturating_sub(ago));
        self.is_killed.store(true, Ordering::Relaxed);
        self.switch = Some(Switch { pressed, is_on_disk, write_at_ns: now_ns });
    }

    pub(super) fn write_latch(&mut self, now_ns: u64) {
        let Some(switch) = &mut self.switch else { return };
        if switch.is_on_disk || now_ns < switch.write_at_ns {
            return;
        }
        let path = self.config.kill.latch();
        match latch::press(&path, &switch.pressed) {
            Ok(_) => switch.is_on_disk = true,
            Err(error) => {
                log::error!("{}: {error}; the kill goes on without its latch", path.display());
                switch.write_at_ns = now_ns + SECOND_NS;
            }
        }
    }

    /// A person took the latch away: everything that pressed it begins anew.
    fn release(&mut self, now_ns: u64, wall: i64) {
        log::warn!("the kill switch is released: highest equity, day and breaches begin anew");
        self.switch = None;
        self.killer.release();
        self.is_killed.store(false, Ordering::Relaxed);
        self.equity.begin_anew();
        self.minutes.forget_breaches();
        self.requests.forget();
        self.comparison.begin_anew();
        self.waits_since_ns = now_ns;
        self.save(wall);
    }
}
