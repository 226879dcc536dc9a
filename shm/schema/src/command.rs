//! Commands from people and tools to the trader.

use crate::order::wire_enum;
use crate::{SymbolId, WallNs};

wire_enum!(
    /// What is asked.
    CommandKind {
        /// No new orders that add risk; working orders stay. Allowed from every state but Killed.
        Halt = 0 "halt",
        /// Back to Armed, through reconciliation.
        Resume = 1 "resume",
        /// Cancel all orders and close positions with reduce-only orders, then Halted.
        Flatten = 2 "flatten",
        /// Cancel all working orders.
        CancelAll = 3 "cancel_all",
        /// Cancel, confirm, journal, exit.
        Stop = 4 "stop",
        /// Compare with the venue now.
        Reconcile = 5 "reconcile",
    }
);

wire_enum!(
    /// What became of a command.
    CommandResult {
        /// Taken; effects follow in the journal.
        Accepted = 0 "accepted",
        /// The nonce was seen before: done once, not again.
        Duplicate = 1 "duplicate",
        /// Not possible in this state.
        Refused = 2 "refused",
        /// Not a command this build knows.
        Malformed = 3 "malformed",
    }
);

/// One command; the nonce makes a repeated one act once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// Random, chosen by the sender, not zero.
    pub nonce: u64,
    /// What is asked.
    pub kind: CommandKind,
    /// One symbol, or [`SymbolId::NONE`] for all.
    pub symbol: SymbolId,
    /// When the sender wrote it; a command older than the trader's limit is refused.
    pub sent_at: WallNs,
    /// User id of the sender, for the audit row.
    pub uid: u32,
}

/// The trader's answer, in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandAnswer {
    /// The command's nonce.
    pub nonce: u64,
    /// What was asked.
    pub kind: CommandKind,
    /// What became of it.
    pub result: CommandResult,
}
