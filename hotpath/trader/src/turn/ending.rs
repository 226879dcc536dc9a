//! The way to the end: flatten if asked, cancel, confirm, leave.
//!
//! No new order leaves once the end has begun: the engine refuses them from the command on. What
//! happens is in the journal as the command, its answer and the state changes.

use schema::{Command, CommandKind, MonoNs, SymbolId, TradingState, WallNs};

use super::Turn;
use crate::cold::kill::Press;
use engine::Input;

/// Where the loop is on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    No,
    Flattening { until: MonoNs },
    Stopping { until: MonoNs },
}

impl Turn {
    pub(super) fn stop_by(&self) -> MonoNs {
        self.now.mono.plus_ns(self.parts.stop_timeout_ns)
    }

    /// A signal asked for the end.
    pub(super) fn begin_end(&mut self) {
        if self.ending != Ending::No {
            return;
        }
        crate::crash_point!("stop_begun");
        if self.is_killed() {
            // It is closing everything already: the end waits for that.
            self.ending = Ending::Flattening { until: self.stop_by() };
        } else if self.parts.flatten_on_stop {
            self.ending = Ending::Flattening { until: self.stop_by() };
            self.command(CommandKind::Flatten);
        } else {
            self.ending = Ending::Stopping { until: self.stop_by() };
            self.command(CommandKind::Stop);
        }
    }

    pub(super) fn is_killed(&self) -> bool {
        self.parts.desk.engine.state() == TradingState::Killed
    }

    pub(super) fn command(&mut self, kind: CommandKind) {
        let uid = rustix::process::getuid().as_raw();
        let command = Command::plain(self.next_nonce(), kind, self.now.wall, uid);
        self.apply(&Input::Command(&command), WallNs(0));
    }

    /// The cold thread saw the kill switch pressed.
    #[cold]
    pub(super) fn kill(&mut self, press: Press) {
        let Press { trigger, uid, reason } = press;
        let plain = Command::plain(self.next_nonce(), CommandKind::Kill, self.now.wall, uid);
        let command = Command { trigger: Some(trigger), reason, ..plain };
        self.apply(&Input::Command(&command), WallNs(0));
    }

    fn next_nonce(&mut self) -> u64 {
        self.nonce = self.nonce.wrapping_add(1).max(1);
        self.nonce
    }

    #[inline]
    pub(super) fn is_finished(&mut self) -> bool {
        match self.ending {
            Ending::No => false,
            Ending::Flattening { until } => {
                let engine = &self.parts.desk.engine;
                let symbols = self.parts.symbols.len();
                let is_flat = (0..symbols)
                    .all(|index| engine.position(SymbolId(index as u16)).qty().units() == 0);
                if engine.is_quiet() && is_flat || self.now.mono >= until {
                    self.ending = Ending::Stopping { until: self.stop_by() };
                    self.command(CommandKind::Stop);
                }
                false
            }
            Ending::Stopping { until } => {
                let is_over = self.parts.desk.engine.is_quiet() || self.now.mono >= until;
                if is_over {
                    crate::crash_point!("stop_quiet");
                }
                is_over
            }
        }
    }
}
