//! What the engine consumes, one at a time.

use schema::{
    AccountUpdate, BookTicker, ClientOrderId, Command, DepthBuf, DepthHead, ExecutionReport, Link,
    Mark, MonoNs, Notional, OrderReply, OrderType, PositionDelta, Price, Qty, RequestId, Side,
    SignalParams, SymbolId, TimeInForce, Trade, TradeLite, VenueOrderId, Verdict, WallNs,
};

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
    /// A connection came up (`true`; for orders: ready to take orders) or went down.
    Link(Link, bool),
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

/// An open order as REST states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOrder {
    /// Symbol.
    pub symbol: SymbolId,
    /// Our id, or [`ClientOrderId::NONE`] for an order of someone else.
    pub client_order_id: ClientOrderId,
    /// The venue's id.
    pub venue_order_id: VenueOrderId,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Limit price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Filled in all.
    pub cum_qty: Qty,
    /// Reduce-only flag.
    pub reduce_only: bool,
}

/// The account as REST states it; the venue wins.
///
/// Orders sent and fills booked after `requested_at` are younger than this answer: they are left
/// alone, and a symbol with such fills is compared at the next reconciliation instead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// When the first REST request of this reconciliation was sent.
    pub requested_at: MonoNs,
    /// Wallet balance of the quote asset.
    pub wallet: Notional,
    /// Positions by [`SymbolId`]; a zero quantity is flat. `symbol` is ignored.
    pub positions: [PositionDelta; schema::SYMBOLS_MAX],
    /// All open orders of the followed symbols.
    pub open_orders: Vec<OpenOrder>,
}
