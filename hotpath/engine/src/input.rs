//! What the engine consumes, one at a time.

use schema::{
    AccountUpdate, AlgoUpdate, BookTicker, Command, DepthBuf, DepthHead, ExecutionReport, Link,
    Mark, MonoNs, Notional, OrderReply, PositionDelta, RequestId, SignalParams, SymbolId, Trade,
    TradeId, TradeLite, Verdict, WallNs,
};

pub use schema::{OpenAlgo, OpenOrder};

use crate::risk::SymbolRules;

/// The time of an input, on both clocks; the engine has no other clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Monotonic time: ages, time-outs, windows.
    pub mono: MonoNs,
    /// Wall time: minutes of bars, days of loss limits, age of what others stamped.
    pub wall: WallNs,
}

/// One input. Everything the engine knows came through one of these.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Best bid and ask.
    BookTicker(&'a BookTicker),
    /// Public trade.
    Trade(&'a Trade),
    /// Mark price.
    Mark(&'a Mark),
    /// Depth event with its levels; a REST snapshot comes this way too.
    Depth(&'a DepthHead, &'a DepthBuf),
    /// Time passed. Wanted at least every 100 ms: time-outs, bars and stale feeds are found here.
    Timer,
    /// A connection came up (`true`; for orders: ready to take orders) or went down. The order link
    /// coming up while it is up is a promotion: requests go out on another connection from now on,
    /// and what was unanswered has an unknown outcome.
    Link(Link, bool),
    /// Two connections bring different books of a symbol: neither is believed for a while.
    FeedDiverged(SymbolId),
    /// The venue's clock was asked.
    ClockSkew {
        /// Its clock less ours, ns, measured at the middle of the round trip.
        offset_ns: i64,
        /// Round trip, ns: the offset is right to half of it.
        rtt_ns: u64,
    },
    /// Whether the venue's dead-man timers of all followed symbols are set.
    DeadMan(bool),
    /// A conditional order changed.
    Algo(&'a AlgoUpdate),
    /// The venue's filters or the status of a symbol, as they are now.
    Rules(SymbolId, &'a SymbolRules),
    /// Execution report. Fills missed while the user stream was down are fed as reports (built from
    /// `userTrades`) before [`Input::Reconciled`]; those seen before are known by trade id.
    Report(&'a ExecutionReport),
    /// Fast notice of a fill.
    TradeLite(&'a TradeLite),
    /// Account event.
    Account(&'a AccountUpdate),
    /// Answer to a request.
    Reply(&'a OrderReply),
    /// The request was not, or not wholly, written: its outcome is unknown.
    SendFailed(RequestId),
    /// A person or a tool asks.
    Command(&'a Command),
    /// New parameters of the signal.
    Params(&'a SignalParams),
    /// guard's word.
    Verdict(&'a Verdict),
    /// Whether all processes of the system are of one build.
    Builds(bool),
    /// Account truth from REST.
    Reconciled(&'a Truth),
    /// How full the journal is, in records.
    JournalUsed {
        /// Records a gating reader has not taken.
        used: u64,
        /// Capacity.
        capacity: u64,
    },
}

/// The account as REST states it; the venue wins.
///
/// Orders sent and fills booked after `requested_at` are younger than this answer: they are left
/// alone, and a symbol with such fills is compared at the next reconciliation instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// When the first REST request of this reconciliation was sent.
    pub requested_at: MonoNs,
    /// Wallet balance of the quote asset.
    pub wallet: Notional,
    /// Positions by [`SymbolId`]; a zero quantity is flat. `symbol` is ignored.
    pub positions: [PositionDelta; schema::SYMBOLS_MAX],
    /// All open orders of the followed symbols.
    pub open_orders: Vec<OpenOrder>,
    /// All open conditional orders of the followed symbols, if they were asked for.
    pub algo_orders: Option<Vec<OpenAlgo>>,
    /// The newest own trade of each symbol by [`SymbolId`]; zero if there is none or it was not
    /// asked for. Fills up to it were fed as reports before.
    pub last_trades: [TradeId; schema::SYMBOLS_MAX],
    /// Whether every question had a whole answer; else only what adds caution is taken from it.
    pub is_complete: bool,
}

impl Default for Truth {
    fn default() -> Self {
        Self {
            requested_at: MonoNs(0),
            wallet: Notional::ZERO,
            positions: [PositionDelta::default(); schema::SYMBOLS_MAX],
            open_orders: Vec::new(),
            algo_orders: None,
            last_trades: [TradeId(0); schema::SYMBOLS_MAX],
            is_complete: true,
        }
    }
}
