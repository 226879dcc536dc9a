//! Commands: each nonce acts once.

use schema::{
    Command, CommandAnswer, CommandKind, CommandResult, Event, KillTrigger, StateReason, SymbolId,
};

use super::Engine;
use crate::input::Now;
use crate::outbox::Outbox;

/// Nonces remembered.
const NONCES_REMEMBERED: usize = 64;

/// The last nonces seen; zero is none.
#[derive(Debug)]
pub(super) struct Nonces {
    seen: [u64; NONCES_REMEMBERED],
    next: usize,
}

impl Default for Nonces {
    fn default() -> Self {
        Self { seen: [0; NONCES_REMEMBERED], next: 0 }
    }
}

impl Nonces {
    /// Takes note of a nonce; `false` if it was seen.
    fn note(&mut self, nonce: u64) -> bool {
        if self.seen.contains(&nonce) {
            return false;
        }
        self.seen[self.next] = nonce;
        self.next = (self.next + 1) % NONCES_REMEMBERED;
        true
    }

    /// What was refused did not act: sent again it may.
    fn forget(&mut self, nonce: u64) {
        self.seen.iter_mut().filter(|seen| **seen == nonce).for_each(|seen| *seen = 0);
    }
}

impl Engine {
    pub(super) fn on_command(&mut self, now: Now, command: &Command, out: &mut Outbox) {
        let age_ns = now.wall.0.saturating_sub(command.sent_at.0).max(0) as u64;
        let is_known =
            command.symbol == SymbolId::NONE || command.symbol.index() < self.symbols.len();
        let result = if command.nonce == 0 || !is_known {
            CommandResult::Malformed
        } else if age_ns > self.config.timing.command_age_ns_max {
            CommandResult::Refused
        } else if !self.nonces.note(command.nonce) {
            CommandResult::Duplicate
        } else {
            self.obey(now, command, out)
        };
        if result == CommandResult::Refused && age_ns <= self.config.timing.command_age_ns_max {
            self.nonces.forget(command.nonce);
        }
        let answer = CommandAnswer { nonce: command.nonce, kind: command.kind, result };
        out.record(&Event::Answer(answer));
    }

    fn obey(&mut self, now: Now, command: &Command, out: &mut Outbox) -> CommandResult {
        match command.kind {
            CommandKind::Halt if self.killed.is_some() => return CommandResult::Refused,
            CommandKind::Halt => {
                self.flattening = None;
                self.halted = Some(StateReason::Command);
            }
            CommandKind::Resume if self.killed.is_some() || self.is_stopping => {
                return CommandResult::Refused;
            }
            CommandKind::Resume => {
                self.flattening = None;
                self.halted = None;
                self.is_enabled = true;
                self.venue_rejects_in_a_row = 0;
                self.causes.lower(StateReason::LossLimit);
                self.forget_conduct();
                self.is_reconciled = false;
                for s in &mut self.symbols {
                    s.is_stop_off = false;
                    s.is_to_close = false;
                }
            }
            // Before the first reconciliation nobody knows what there is to close.
            CommandKind::Flatten if self.killed.is_some() || self.day_equity.is_none() => {
                return CommandResult::Refused;
            }
            CommandKind::Flatten => {
                self.halted = None;
                self.flattening = Some(command.symbol);
                self.flattened_at = None;
                self.want_cancels(command.symbol, |_| true);
                self.want_algo_cancels(command.symbol);
            }
            // Both books; truth shows whether they are empty.
            CommandKind::CancelAll => {
                self.want_cancels(command.symbol, |_| true);
                self.want_algo_cancels(command.symbol);
                self.is_reconcile_asked = true;
                for (index, s) in self.symbols.iter_mut().enumerate() {
                    let is_meant =
                        command.symbol == SymbolId::NONE || command.symbol.index() == index;
                    s.is_stop_off |= is_meant && !s.position.is_flat();
                }
            }
            CommandKind::Stop => {
                if self.killed.is_none() {
                    self.flattening = None;
                }
                self.is_stopping = true;
                self.want_cancels(SymbolId::NONE, |order| !order.is_external);
            }
            CommandKind::Reconcile => self.is_reconcile_asked = true,
            CommandKind::Kill => {
                let trigger = command.trigger.unwrap_or(KillTrigger::Person);
                self.press_kill(now, trigger, command.uid, command.nonce, out);
            }
            CommandKind::Unkill if self.killed.is_none() || self.is_killed_by_guard(now) => {
                return CommandResult::Refused;
            }
            CommandKind::Unkill => self.release_kill(now, command.uid, command.nonce, out),
            CommandKind::SetLimit => return self.set_limit(now, command, out),
        }
        CommandResult::Accepted
    }
}
