//! The journal of a run, read as evidence.

use std::collections::BTreeMap;

use rings::{Next, journal};
use schema::{
    Decision, Event, LAYOUT_HASH, Notional, Qty, Record, StateChange, SymbolId, TradingState,
};

/// The records of a journal, with their numbers, oldest first.
pub(crate) struct Records(Vec<(u64, Record)>);

impl Records {
    /// Reads what is in the ring, written or being written.
    pub(crate) fn read(instance: &str) -> Self {
        let mut all = Vec::new();
        if let Ok(mut reader) = journal::Reader::open_at_oldest(instance, LAYOUT_HASH) {
            loop {
                match reader.next() {
                    Next::Item(number, record) => all.push((number, record)),
                    Next::Lost { .. } => {}
                    Next::Empty => break,
                }
            }
        }
        Self(all)
    }

    /// Number of the newest record: a mark for "from here on".
    pub(crate) fn newest(&self) -> u64 {
        self.0.last().map_or(0, |(number, _)| *number)
    }

    /// The events this build understands, with their records' numbers.
    pub(crate) fn events(&self) -> impl Iterator<Item = (u64, Event)> {
        self.0.iter().filter_map(|(number, record)| {
            Event::from_record(record).ok().map(|event| (*number, event))
        })
    }

    /// Changes of the trading state after a mark.
    pub(crate) fn changes_after(&self, mark: u64) -> impl Iterator<Item = StateChange> {
        self.events().filter(move |(number, _)| *number > mark).filter_map(|(_, event)| match event
        {
            Event::State(change) => Some(change),
            _ => None,
        })
    }

    /// What the venue told of the account last, as far as the ring still holds it: the wallet, and
    /// signed positions.
    pub(super) fn account(&self) -> (Option<Notional>, BTreeMap<SymbolId, Qty>) {
        let (mut wallet, mut positions) = (None, BTreeMap::new());
        for (_, event) in self.events() {
            match event {
                Event::Balance(balance, ..) if balance.is_quote => wallet = Some(balance.wallet),
                Event::Position(position, _) => {
                    positions.insert(position.symbol, position.qty);
                }
                _ => {}
            }
        }
        (wallet, positions)
    }

    /// Orders sent after a mark.
    pub(crate) fn decisions_after(&self, mark: u64) -> impl Iterator<Item = Decision> {
        self.events().filter(move |(number, _)| *number > mark).filter_map(|(_, event)| match event
        {
            Event::Decision(decision) => Some(decision),
            _ => None,
        })
    }

    /// No order that may add risk was sent in any state but Armed (I3).
    pub(crate) fn assert_no_risk_was_added_unarmed(&self) {
        let mut state = None;
        for (number, event) in self.events() {
            match event {
                Event::State(change) => state = Some(change.to),
                Event::Boot(..) => state = Some(TradingState::Starting),
                Event::Decision(decision) => assert!(
                    // Before the first change that is left in the ring nothing is known.
                    state.is_none_or(|state| state == TradingState::Armed)
                        || decision.order.reduce_only,
                    "record {number}: sent while {state:?}: {decision:?}"
                ),
                _ => {}
            }
        }
    }
}
