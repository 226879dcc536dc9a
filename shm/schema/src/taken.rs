//! Inputs of the engine that no other record tells: with them and the market ring, everything an
//! engine took can be handed to another one (`shrike replay`).

use crate::{
    AlgoId, ClientOrderId, Notional, OrderType, Price, Qty, RequestId, SYMBOLS_MAX, Side,
    SignalParams, SymbolId, TimeInForce, TradeId, VenueOrderId, Verdict, WallNs,
};

/// Bytes of a blob in one record.
pub const BLOB_BYTES: usize = 96;

/// An input as it was taken; those with a list say how many records follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The wall clock less the monotonic clock, ns, from this input on: the wall time of an input
    /// is its monotonic time and this.
    Clock(i64),
    /// A request did not leave.
    SendFailed(RequestId),
    /// Parameters of the signal.
    Params(SignalParams),
    /// guard's word.
    Verdict(Verdict),
    /// Whether all processes of the system are of one build.
    Builds {
        /// They are.
        agree: bool,
    },
    /// How full the journal is.
    JournalUsed {
        /// Records a gating reader has not taken.
        used: u64,
        /// Capacity.
        capacity: u64,
    },
    /// An account event; its balances and positions follow as records of their own.
    Account(AccountHead),
    /// The venue's clock.
    ClockSkew {
        /// Its clock less ours, ns.
        offset_ns: i64,
        /// Round trip, ns.
        rtt_ns: u64,
    },
    /// Whether the venue's dead-man timers are set.
    DeadMan(bool),
    /// Two connections bring different books of a symbol.
    FeedDiverged(SymbolId),
    /// The venue's filters of a symbol.
    Rules(SymbolId, SymbolRules),
    /// Account truth; its newest trades, balance, positions and orders follow in this order.
    Truth(TruthHead),
    /// An open order of account truth.
    TruthOrder(OpenOrder),
    /// An open conditional order of account truth.
    TruthAlgo(OpenAlgo),
    /// The newest own trade of each symbol, of account truth.
    LastTrades([TradeId; SYMBOLS_MAX]),
    /// Part of a text of the start: build or configuration.
    Blob(Blob),
}

/// What an account event says besides its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountHead {
    /// Balances that follow.
    pub balances: u8,
    /// Positions that follow them.
    pub positions: u8,
    /// Entries that did not fit or name symbols we do not follow.
    pub others: u16,
    /// Whether the reason is FUNDING_FEE.
    pub is_funding: bool,
    /// Transaction time.
    pub transaction_time: WallNs,
    /// Push time.
    pub event_time: WallNs,
}

/// What account truth says besides its lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TruthHead {
    /// Monotonic time of the first question, ns.
    pub requested_ns: u64,
    /// Wallet balance.
    pub wallet: Notional,
    /// Positions that follow: of the followed symbols, in order.
    pub positions: u8,
    /// Open orders that follow.
    pub orders: u16,
    /// Open conditional orders that follow, if they were asked for.
    pub algos: Option<u16>,
    /// Whether every question had a whole answer.
    pub is_complete: bool,
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

/// An open conditional order as REST states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenAlgo {
    /// Symbol.
    pub symbol: SymbolId,
    /// Our id, or [`ClientOrderId::NONE`] for one of someone else.
    pub client_order_id: ClientOrderId,
    /// The venue's id.
    pub algo_id: AlgoId,
    /// Side.
    pub side: Side,
    /// Price at which it acts.
    pub trigger_price: Price,
    /// Whether it closes the position.
    pub close_position: bool,
}

/// The venue's filters of one symbol, as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolRules {
    /// Tick size.
    pub tick: Price,
    /// Lowest price.
    pub price_min: Price,
    /// Highest price.
    pub price_max: Price,
    /// Step of limit orders.
    pub step: Qty,
    /// Smallest limit order.
    pub qty_min: Qty,
    /// Largest limit order.
    pub qty_max: Qty,
    /// Step of market orders.
    pub market_step: Qty,
    /// Smallest market order.
    pub market_qty_min: Qty,
    /// Largest market order.
    pub market_qty_max: Qty,
    /// Smallest price × quantity, except reduce-only.
    pub notional_min: Notional,
    /// A buy may cost at most mark × this, units of 1e-4 (10500 = 1.05).
    pub percent_up_e4: i64,
    /// A sell must cost at least mark × this, units of 1e-4 (9500 = 0.95).
    pub percent_down_e4: i64,
    /// Open orders the venue allows on the symbol.
    pub open_orders_max: u32,
    /// Whether its status is TRADING.
    pub is_trading: bool,
}

impl SymbolRules {
    /// Whether an engine can work with them.
    pub fn is_usable(&self) -> bool {
        let positive = |value: i64| value > 0;
        positive(self.tick.units())
            && positive(self.price_min.units())
            && self.price_min <= self.price_max
            && positive(self.step.units())
            && positive(self.qty_min.units())
            && self.qty_min <= self.qty_max
            && positive(self.market_step.units())
            && positive(self.market_qty_min.units())
            && self.market_qty_min <= self.market_qty_max
            && self.notional_min.units() >= 0
            && self.percent_up_e4 >= 10_000
            && (0..=10_000).contains(&self.percent_down_e4)
            && self.open_orders_max > 0
    }
}

crate::order::wire_enum!(
    /// What a blob is.
    BlobKind {
        /// The build of the engine, as text.
        Build = 1 "build",
        /// The configuration of the engine, as text.
        Config = 2 "config",
    }
);

/// Some bytes of a text that takes several records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Which text.
    pub what: BlobKind,
    /// How many bytes are used.
    pub length: u8,
    /// Records of the same text that follow this one.
    pub more: u16,
    /// The bytes.
    pub bytes: [u8; BLOB_BYTES],
}

impl Blob {
    /// A text as a row of blobs.
    pub fn of(what: BlobKind, text: &[u8]) -> impl Iterator<Item = Self> {
        let count = text.len().div_ceil(BLOB_BYTES);
        text.chunks(BLOB_BYTES).enumerate().map(move |(index, chunk)| {
            let mut bytes = [0; BLOB_BYTES];
            bytes[..chunk.len()].copy_from_slice(chunk);
            let more = u16::try_from(count - 1 - index).unwrap_or(u16::MAX);
            Self { what, length: chunk.len() as u8, more, bytes }
        })
    }
    /// The bytes that are used.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length).min(BLOB_BYTES)]
    }
}
