//! Conditional (algo) orders: what clients ask, how they are named, what the venue shows
//! (PROTOCOL 3.5).
//!
//! A conditional order lives in a book of its own until its trigger; then a real order is placed
//! for it, with its client id, and it follows that order to the end.

use schema::{OrderType, Price, Qty, Side, SymbolId, SymbolName, TimeInForce};

use crate::order::{PriceMatch, StpMode};

/// Conditional orders an account may have open (-4045).
pub const ALGO_ORDERS_MAX: usize = 200;
/// `triggerProtect` of every symbol, units of 1e-4: how far last and mark price may be apart when a
/// price-protected order triggers.
pub const TRIGGER_PROTECT_E4: i64 = 500;

/// Whose price triggers (`workingType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum WorkingType {
    /// The last trade.
    #[default]
    ContractPrice,
    /// The mark price as published, once a second.
    MarkPrice,
}

impl WorkingType {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContractPrice => "CONTRACT_PRICE",
            Self::MarkPrice => "MARK_PRICE",
        }
    }
    /// From the venue's word.
    pub fn from_wire(text: &str) -> Option<Self> {
        [Self::ContractPrice, Self::MarkPrice].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// State of a conditional order (`algoStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlgoStatus {
    /// Waits for its price.
    New,
    /// The price was reached, the real order is being placed.
    Triggering,
    /// The real order is placed.
    Triggered,
    /// Done: the real order is filled, cancelled or expired.
    Finished,
    /// Done: cancelled before its trigger.
    Canceled,
    /// Done: the real order was refused.
    Rejected,
    /// Done: its date came, or the position it was to close is gone.
    Expired,
}

impl AlgoStatus {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Triggering => "TRIGGERING",
            Self::Triggered => "TRIGGERED",
            Self::Finished => "FINISHED",
            Self::Canceled => "CANCELED",
            Self::Rejected => "REJECTED",
            Self::Expired => "EXPIRED",
        }
    }
    /// Whether nothing more will happen to it.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Canceled | Self::Rejected | Self::Expired)
    }
}

/// A conditional order as the client sent it; what was not sent is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlgoRequest {
    /// Symbol.
    pub symbol: SymbolId,
    /// Side.
    pub side: Side,
    /// A conditional type.
    pub order_type: OrderType,
    /// Time in force of the real order; GTC if absent.
    pub time_in_force: Option<TimeInForce>,
    /// Quantity; mandatory without [`AlgoRequest::close_position`].
    pub qty: Option<Qty>,
    /// Limit price of STOP and TAKE_PROFIT.
    pub price: Option<Price>,
    /// `triggerPrice`; mandatory but for trailing stops, which have none.
    pub trigger_price: Option<Price>,
    /// Whose price triggers.
    pub working_type: WorkingType,
    /// Limit price from the book at the trigger.
    pub price_match: PriceMatch,
    /// Closes the whole position.
    pub close_position: bool,
    /// Does not trigger while last and mark price are further apart than `triggerProtect`.
    pub price_protect: bool,
    /// Whether the real order may only reduce the position.
    pub reduce_only: bool,
    /// `activatePrice` of a trailing stop; active at once if absent.
    pub activate_price: Option<Price>,
    /// `callbackRate` of a trailing stop, ppm (1 % is 10,000).
    pub callback_ppm: Option<i64>,
    /// `clientAlgoId`; one is made when absent.
    pub client_algo_id: Option<String>,
    /// Self-trade prevention of the real order.
    pub stp: StpMode,
    /// `goodTillDate` of a GTD order, ms.
    pub good_till_ms: Option<i64>,
    /// Whether `positionSide` was BOTH or absent; others are refused (-4061, one-way mode).
    pub position_side_both: bool,
}

impl AlgoRequest {
    /// A STOP_MARKET or TAKE_PROFIT_MARKET order with defaults for the rest.
    pub fn market(
        symbol: SymbolId,
        side: Side,
        order_type: OrderType,
        trigger_price: Price,
        qty: Qty,
    ) -> Self {
        Self {
            symbol,
            side,
            order_type,
            time_in_force: None,
            qty: Some(qty),
            price: None,
            trigger_price: Some(trigger_price),
            working_type: WorkingType::default(),
            price_match: PriceMatch::None,
            close_position: false,
            price_protect: false,
            reduce_only: false,
            activate_price: None,
            callback_ppm: None,
            client_algo_id: None,
            stp: StpMode::default(),
            good_till_ms: None,
            position_side_both: true,
        }
    }
}

/// How a request names a conditional order; the venue's id wins when both are given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlgoKey {
    /// The venue's id (`algoId`), from another range than order ids.
    pub algo_id: Option<i64>,
    /// The client's id (`clientAlgoId`).
    pub client_algo_id: Option<String>,
}

impl AlgoKey {
    /// By the venue's id.
    pub fn id(algo_id: i64) -> Self {
        Self { algo_id: Some(algo_id), client_algo_id: None }
    }
    /// By the client's id.
    pub fn client(id: &str) -> Self {
        Self { algo_id: None, client_algo_id: Some(id.to_owned()) }
    }
}

/// What a real order says of the conditional order it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlgoOrigin {
    /// The conditional order.
    pub algo_id: i64,
    /// Its type (`origType`, `ot`).
    pub order_type: OrderType,
    /// Its trigger (`stopPrice`, `sp`); what a trailing stop triggered at.
    pub trigger_price: Price,
    /// Whose price triggered.
    pub working_type: WorkingType,
    /// Whether it closes the whole position.
    pub close_position: bool,
    /// Whether it was price-protected.
    pub price_protect: bool,
    /// `activatePrice` of a trailing stop (`AP`), else zero.
    pub activate_price: Price,
    /// `callbackRate` of a trailing stop (`cr`), ppm, else zero.
    pub callback_ppm: i64,
}

/// A conditional order as the venue shows it (answers, and `o` of ALGO_UPDATE).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlgoView {
    /// The venue's id.
    pub algo_id: i64,
    /// The client's id.
    pub client_algo_id: String,
    /// Symbol.
    pub symbol: SymbolId,
    /// Its name.
    pub symbol_name: SymbolName,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Time in force; GTE_GTC when it closes a position.
    pub time_in_force: TimeInForce,
    /// Quantity; zero when it closes a position.
    pub qty: Qty,
    /// State.
    pub status: AlgoStatus,
    /// Trigger price; zero for a trailing stop.
    pub trigger_price: Price,
    /// Limit price; zero for market.
    pub price: Price,
    /// Self-trade prevention.
    pub stp: StpMode,
    /// Whose price triggers.
    pub working_type: WorkingType,
    /// Price match.
    pub price_match: PriceMatch,
    /// Closes the whole position.
    pub close_position: bool,
    /// Price protection.
    pub price_protect: bool,
    /// Reduce-only.
    pub reduce_only: bool,
    /// Activation price of a trailing stop, if given.
    pub activate_price: Option<Price>,
    /// Callback rate of a trailing stop, ppm.
    pub callback_ppm: Option<i64>,
    /// Whether a trailing stop follows the price already (`ia`).
    pub is_activated: bool,
    /// When it was accepted, ms.
    pub create_time_ms: i64,
    /// Last change, ms.
    pub update_time_ms: i64,
    /// When it triggered, ms; zero before.
    pub trigger_time_ms: i64,
    /// `goodTillDate`, ms; zero if none.
    pub good_till_ms: i64,
    /// The real order, zero before (`actualOrderId`, `ai`).
    pub actual_order_id: i64,
    /// Type of the real order.
    pub actual_type: Option<OrderType>,
    /// Average price of the real order's fills (`actualPrice`, `ap`).
    pub actual_price: Price,
    /// What the real order filled (`actualQty`, `aq`).
    pub actual_qty: Qty,
    /// Why the real order was refused (`rm`).
    pub reject_reason: Option<String>,
}
