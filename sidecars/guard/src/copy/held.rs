//! What the trader held of late, so that an answer of the venue is compared with its own moment.

use std::collections::VecDeque;

use schema::{SYMBOLS_MAX, Status, SymbolId};

/// How long a position is kept.
const KEPT_NS: u64 = 20_000_000_000;
/// How far a status and an answer of the venue may be apart and still be of one moment: the status
/// is published ten times a second, and a fill takes a moment to be told.
const SLACK_NS: u64 = 500_000_000;

/// Positions of the last seconds, as the trader's status told them.
#[derive(Debug, Default)]
pub struct Held {
    /// Monotonic time of the status, and positions in units of 1e-8.
    seen: VecDeque<(u64, [i64; SYMBOLS_MAX])>,
}

impl Held {
    /// Takes a status.
    pub fn take(&mut self, status: &Status) {
        if self.seen.back().is_some_and(|(at_ns, _)| *at_ns >= status.mono_ns) {
            return;
        }
        self.seen.push_back((status.mono_ns, status.symbols.map(|symbol| symbol.position_qty)));
        while self.seen.front().is_some_and(|(at, _)| at + KEPT_NS < status.mono_ns) {
            self.seen.pop_front();
        }
    }
    /// Another trader, or the same after a silence.
    pub fn clear(&mut self) {
        self.seen.clear();
    }
    /// What the trader held instead, if it held `qty` at no time about the question and its answer;
    /// `None` also if nothing is known of then.
    pub(super) fn differs(
        &self,
        symbol: SymbolId,
        qty: i64,
        asked_ns: u64,
        answered_ns: u64,
    ) -> Option<i64> {
        let about = asked_ns.saturating_sub(SLACK_NS)..=answered_ns.saturating_add(SLACK_NS);
        let mut ours = None;
        for (_, held) in self.seen.iter().filter(|(at_ns, _)| about.contains(at_ns)) {
            let held = *held.get(symbol.index())?;
            if held == qty {
                return None;
            }
            ours = Some(held);
        }
        ours
    }
}
