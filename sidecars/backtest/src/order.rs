//! What clients ask: orders, amendments, and how an order is named.

use schema::{OrderType, Price, Qty, Side, SymbolId, TimeInForce};

/// What happens when an order would trade with its own account's resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum StpMode {
    /// They trade with each other.
    None,
    /// The incoming order's rest expires.
    ExpireTaker,
    /// The resting order expires, the incoming goes on.
    #[default]
    ExpireMaker,
    /// Both expire.
    ExpireBoth,
}

impl StpMode {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::ExpireTaker => "EXPIRE_TAKER",
            Self::ExpireMaker => "EXPIRE_MAKER",
            Self::ExpireBoth => "EXPIRE_BOTH",
        }
    }
    /// From the venue's word.
    pub fn from_wire(text: &str) -> Option<Self> {
        [Self::None, Self::ExpireTaker, Self::ExpireMaker, Self::ExpireBoth]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }
}

/// Price taken from the book instead of given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum PriceMatch {
    /// The price is given.
    #[default]
    None,
    /// Best price of the other side, level 1, 5, 10 or 20.
    Opponent(u8),
    /// Best price of the own side, level 1, 5, 10 or 20.
    Queue(u8),
}

impl PriceMatch {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Opponent(5) => "OPPONENT_5",
            Self::Opponent(10) => "OPPONENT_10",
            Self::Opponent(20) => "OPPONENT_20",
            Self::Opponent(_) => "OPPONENT",
            Self::Queue(5) => "QUEUE_5",
            Self::Queue(10) => "QUEUE_10",
            Self::Queue(20) => "QUEUE_20",
            Self::Queue(_) => "QUEUE",
        }
    }
    /// From the venue's word.
    pub fn from_wire(text: &str) -> Option<Self> {
        Some(match text {
            "NONE" => Self::None,
            "OPPONENT" => Self::Opponent(1),
            "OPPONENT_5" => Self::Opponent(5),
            "OPPONENT_10" => Self::Opponent(10),
            "OPPONENT_20" => Self::Opponent(20),
            "QUEUE" => Self::Queue(1),
            "QUEUE_5" => Self::Queue(5),
            "QUEUE_10" => Self::Queue(10),
            "QUEUE_20" => Self::Queue(20),
            _ => return None,
        })
    }
}

/// What the answer to a placement shows (`newOrderRespType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum ResponseType {
    /// The order as accepted: NEW, nothing filled.
    #[default]
    Ack,
    /// The order as matching left it.
    Result,
}

/// A new order as the client sent it; what was not sent is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    /// Symbol.
    pub symbol: SymbolId,
    /// Side.
    pub side: Side,
    /// Type; conditional types are refused with -4120.
    pub order_type: OrderType,
    /// Time in force; mandatory for LIMIT.
    pub time_in_force: Option<TimeInForce>,
    /// Quantity; mandatory.
    pub qty: Option<Qty>,
    /// Price; mandatory for LIMIT without price match.
    pub price: Option<Price>,
    /// Whether it may only reduce the position.
    pub reduce_only: bool,
    /// Client order id; one is made when absent.
    pub client_order_id: Option<String>,
    /// Self-trade prevention.
    pub stp: StpMode,
    /// Price from the book.
    pub price_match: PriceMatch,
    /// `goodTillDate` of a GTD order, ms.
    pub good_till_ms: Option<i64>,
    /// Whether `positionSide` was BOTH or absent; others are refused (-4061, one-way mode).
    pub position_side_both: bool,
    /// What the answer shows.
    pub response: ResponseType,
}

impl OrderRequest {
    /// A limit order with defaults for the rest.
    pub fn limit(symbol: SymbolId, side: Side, tif: TimeInForce, price: Price, qty: Qty) -> Self {
        Self {
            symbol,
            side,
            order_type: OrderType::Limit,
            time_in_force: Some(tif),
            qty: Some(qty),
            price: Some(price),
            reduce_only: false,
            client_order_id: None,
            stp: StpMode::default(),
            price_match: PriceMatch::None,
            good_till_ms: None,
            position_side_both: true,
            response: ResponseType::Ack,
        }
    }
    /// A market order with defaults for the rest.
    pub fn market(symbol: SymbolId, side: Side, qty: Qty) -> Self {
        Self {
            order_type: OrderType::Market,
            time_in_force: None,
            price: None,
            ..Self::limit(symbol, side, TimeInForce::Gtc, Price::ZERO, qty)
        }
    }
}

/// How a request names an order; the venue's id wins when both are given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderKey {
    /// The venue's id.
    pub order_id: Option<i64>,
    /// The client's id.
    pub client_order_id: Option<String>,
}

impl OrderKey {
    /// By the venue's id.
    pub fn id(order_id: i64) -> Self {
        Self { order_id: Some(order_id), client_order_id: None }
    }
    /// By the client's id.
    pub fn client(id: &str) -> Self {
        Self { order_id: None, client_order_id: Some(id.to_owned()) }
    }
}

/// A change of price and quantity of a working limit order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendRequest {
    /// Symbol.
    pub symbol: SymbolId,
    /// Which order.
    pub key: OrderKey,
    /// Side, which must be the order's.
    pub side: Side,
    /// New total quantity; mandatory.
    pub qty: Option<Qty>,
    /// New price; mandatory without price match.
    pub price: Option<Price>,
    /// Price from the book.
    pub price_match: PriceMatch,
    /// The client's number for this amendment, echoed.
    pub modify_id: Option<i64>,
}
