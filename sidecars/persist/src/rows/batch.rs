//! What goes into the state machine and what comes out.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CommandRow, Cursor, Day, Fill, Gap, KillRow, LimitRow, Minute, Order, Position, PositionRow,
    Refusal, StateRow,
};

/// What the tables remember at the start.
#[derive(Debug, Default)]
pub struct Memory {
    /// Where the record ends; none in an empty database.
    pub cursor: Option<Cursor>,
    /// One a symbol.
    pub positions: Vec<Position>,
    /// All days.
    pub days: Vec<Day>,
    /// Orders that are not finished.
    pub orders: Vec<Order>,
}

/// What of the past a run of records needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Keys of orders.
    pub orders: BTreeSet<String>,
    /// Trade ids by symbol.
    pub fills: BTreeMap<String, BTreeSet<i64>>,
    /// Nonces of commands.
    pub commands: BTreeSet<String>,
}

/// What the tables know of what was wanted.
#[derive(Debug, Default)]
pub struct Known {
    /// Orders.
    pub orders: Vec<Order>,
    /// (symbol, trade id, key of the order).
    pub fills: Vec<(String, i64, String)>,
    /// Commands.
    pub commands: Vec<CommandRow>,
}

/// The rows of one transaction; each key once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Orders, as they are now.
    pub orders: Vec<Order>,
    /// New fills.
    pub fills: Vec<Fill>,
    /// Position rows, closed ones first.
    pub positions: Vec<PositionRow>,
    /// The writer's memory of positions.
    pub position_states: Vec<Position>,
    /// Minutes.
    pub minutes: Vec<Minute>,
    /// Days.
    pub days: Vec<Day>,
    /// State changes.
    pub states: Vec<StateRow>,
    /// Commands.
    pub commands: Vec<CommandRow>,
    /// Changes of limits.
    pub limits: Vec<LimitRow>,
    /// The kill switch.
    pub kills: Vec<KillRow>,
    /// Refusals, counted.
    pub refusals: Vec<Refusal>,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// The new place in the journal.
    pub cursor: Cursor,
}
