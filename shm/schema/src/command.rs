//! Commands from people and tools to the trader.

use crate::order::wire_enum;
use crate::{KillTrigger, LimitKind, SymbolId, WallNs};

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
        /// Press the kill switch: cancel, close, stay Killed until a person releases it.
        Kill = 6 "kill",
        /// Release it; the trader stays Halted until it is resumed.
        Unkill = 7 "unkill",
        /// Tighten a limit, or give it back its value of the file.
        SetLimit = 8 "set_limit",
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
    /// What a [`CommandKind::SetLimit`] changes.
    pub limit: Option<(LimitKind, NewLimit)>,
    /// What pressed the switch, with a [`CommandKind::Kill`].
    pub trigger: Option<KillTrigger>,
    /// Why, in the sender's words.
    pub reason: Reason,
}

/// What a limit becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewLimit {
    /// This, in the unit of the limit; refused if the file's is tighter.
    Value(i64),
    /// The file's value again.
    File,
}

/// Bytes of a [`Reason`].
const REASON_BYTES: usize = 56;

/// A person's reason, cut to what fits into a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reason([u8; REASON_BYTES]);

impl Default for Reason {
    fn default() -> Self {
        Self([0; REASON_BYTES])
    }
}

impl Reason {
    /// As much of a text as fits, cut between characters; control characters become spaces.
    pub fn new(text: &str) -> Self {
        let mut reason = Self::default();
        let mut length = 0;
        for character in text.chars() {
            let character = if character.is_control() { ' ' } else { character };
            let end = length + character.len_utf8();
            if end > REASON_BYTES {
                break;
            }
            character.encode_utf8(&mut reason.0[length..end]);
            length = end;
        }
        reason
    }
    /// The text; bytes that are not UTF-8 show as `?`.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(REASON_BYTES);
        core::str::from_utf8(&self.0[..length]).unwrap_or("?")
    }
    pub(crate) fn words(&self) -> [i64; REASON_BYTES / 8] {
        core::array::from_fn(|index| {
            let mut word = [0; 8];
            word.copy_from_slice(&self.0[8 * index..8 * index + 8]);
            i64::from_le_bytes(word)
        })
    }
    pub(crate) fn from_words(words: &[i64]) -> Self {
        let mut reason = Self::default();
        for (bytes, word) in reason.0.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        reason
    }
}

impl core::fmt::Debug for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Reason({:?})", self.as_str())
    }
}
impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Command {
    /// A command without arguments.
    pub fn plain(nonce: u64, kind: CommandKind, sent_at: WallNs, uid: u32) -> Self {
        Self {
            nonce,
            kind,
            symbol: SymbolId::NONE,
            sent_at,
            uid,
            limit: None,
            trigger: None,
            reason: Reason::default(),
        }
    }
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
