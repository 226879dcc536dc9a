//! Orders, reports and account changes.

use crate::{
    BALANCES_MAX, ClientOrderId, Notional, Price, Qty, RequestId, SYMBOLS_MAX, SymbolId, TradeId,
    VenueOrderId, WallNs,
};

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $value:literal $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $value),+ }

        impl $name {
            /// Every variant, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The venue's word.
            #[inline]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
            /// From the venue's word.
            #[inline]
            pub fn from_wire(text: &[u8]) -> Option<Self> {
                $(if text == $text.as_bytes() { return Some(Self::$variant); })+
                None
            }
            /// From the number in a record.
            #[inline]
            pub const fn from_u8(value: u8) -> Option<Self> {
                match value { $($value => Some(Self::$variant),)+ _ => None }
            }
        }
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use wire_enum;

wire_enum!(
    /// Side of an order.
    Side {
        /// Buys.
        Buy = 0 "BUY",
        /// Sells.
        Sell = 1 "SELL",
    }
);

impl Side {
    /// The other side.
    #[inline]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
    /// +1 for a buy, −1 for a sell.
    #[inline]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

wire_enum!(
    /// Type of an order on `/fapi/v1/order`; conditional types live on the algo endpoints.
    OrderType {
        /// Limit.
        Limit = 0 "LIMIT",
        /// Market.
        Market = 1 "MARKET",
        /// Stop limit (seen in reports of triggered algo orders).
        Stop = 2 "STOP",
        /// Stop market.
        StopMarket = 3 "STOP_MARKET",
        /// Take-profit limit.
        TakeProfit = 4 "TAKE_PROFIT",
        /// Take-profit market.
        TakeProfitMarket = 5 "TAKE_PROFIT_MARKET",
        /// Trailing stop.
        TrailingStopMarket = 6 "TRAILING_STOP_MARKET",
        /// Liquidation.
        Liquidation = 7 "LIQUIDATION",
    }
);

wire_enum!(
    /// Time in force.
    TimeInForce {
        /// Good till cancelled (one year).
        Gtc = 0 "GTC",
        /// Immediate or cancel.
        Ioc = 1 "IOC",
        /// Fill or kill.
        Fok = 2 "FOK",
        /// Post only.
        Gtx = 3 "GTX",
        /// Good till date.
        Gtd = 4 "GTD",
        /// Retail price improvement.
        Rpi = 5 "RPI",
        /// Internal, on close-position algo orders.
        GteGtc = 6 "GTE_GTC",
    }
);

wire_enum!(
    /// State of an order: the venue's words, and two of ours for what is on the wire.
    OrderStatus {
        /// Sent, no answer yet.
        PendingNew = 0 "PENDING_NEW",
        /// Working.
        New = 1 "NEW",
        /// Working, part filled.
        PartiallyFilled = 2 "PARTIALLY_FILLED",
        /// Done: filled.
        Filled = 3 "FILLED",
        /// Working, cancel sent.
        PendingCancel = 4 "PENDING_CANCEL",
        /// Done: cancelled.
        Canceled = 5 "CANCELED",
        /// Done: expired (IOC rest, FOK, GTD).
        Expired = 6 "EXPIRED",
        /// Done: expired by self-trade prevention.
        ExpiredInMatch = 7 "EXPIRED_IN_MATCH",
        /// Done: refused.
        Rejected = 8 "REJECTED",
        /// Outcome unknown: live until the venue says otherwise.
        Unknown = 9 "UNKNOWN",
        /// Liquidation order of the insurance fund.
        NewInsurance = 10 "NEW_INSURANCE",
        /// Auto-deleveraging order.
        NewAdl = 11 "NEW_ADL",
    }
);

impl OrderStatus {
    /// Whether no further fill is expected (a late one is still booked).
    #[inline]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Canceled | Self::Expired | Self::ExpiredInMatch | Self::Rejected
        )
    }
}

wire_enum!(
    /// What happened (`x` of ORDER_TRADE_UPDATE).
    ExecType {
        /// Accepted.
        New = 0 "NEW",
        /// Filled, in part or whole.
        Trade = 1 "TRADE",
        /// Cancelled.
        Canceled = 2 "CANCELED",
        /// Expired.
        Expired = 3 "EXPIRED",
        /// Price or quantity changed.
        Amendment = 4 "AMENDMENT",
        /// Liquidation.
        Calculated = 5 "CALCULATED",
        /// Refused (not normally pushed).
        Rejected = 6 "REJECTED",
    }
);

wire_enum!(
    /// What a WebSocket-API request asked for.
    RequestKind {
        /// `order.place`
        Place = 0 "order.place",
        /// `order.cancel`
        Cancel = 1 "order.cancel",
        /// `order.modify`
        Modify = 2 "order.modify",
        /// `order.status`
        Status = 3 "order.status",
        /// `session.logon`
        Logon = 4 "session.logon",
        /// `algoOrder.place`
        PlaceAlgo = 5 "algoOrder.place",
        /// `algoOrder.cancel`
        CancelAlgo = 6 "algoOrder.cancel",
    }
);

/// An order to be sent; only `engine::risk` turns one into an `Approved<NewOrder>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewOrder {
    /// Symbol.
    pub symbol: SymbolId,
    /// Our id.
    pub client_order_id: ClientOrderId,
    /// Side.
    pub side: Side,
    /// Limit or market.
    pub order_type: OrderType,
    /// Time in force; ignored for market orders.
    pub time_in_force: TimeInForce,
    /// Limit price; zero for market orders.
    pub price: Price,
    /// Quantity, positive.
    pub qty: Qty,
    /// Whether it may only reduce the position.
    pub reduce_only: bool,
}

/// An order named on the wire: by our id, or by the venue's when it is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRef {
    /// Symbol.
    pub symbol: SymbolId,
    /// Our id, or [`ClientOrderId::NONE`].
    pub client_order_id: ClientOrderId,
    /// The venue's id, or zero if not known; used only when there is no client id.
    pub venue_order_id: VenueOrderId,
}

/// A cancel to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelOrder {
    /// Which order.
    pub order: OrderRef,
}

/// A change of price and quantity to be sent; both are mandatory at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModifyOrder {
    /// Which order.
    pub order: OrderRef,
    /// Its side, which the venue demands.
    pub side: Side,
    /// New price.
    pub price: Price,
    /// New total quantity.
    pub qty: Qty,
}

/// One ORDER_TRADE_UPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutionReport {
    /// Symbol.
    pub symbol: SymbolId,
    /// Our id, or [`ClientOrderId::NONE`] for an order of someone else.
    pub client_order_id: ClientOrderId,
    /// The venue's id.
    pub venue_order_id: VenueOrderId,
    /// Side.
    pub side: Side,
    /// Type now.
    pub order_type: OrderType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// What happened.
    pub exec_type: ExecType,
    /// State after it.
    pub status: OrderStatus,
    /// Order price; zero for market.
    pub price: Price,
    /// Order quantity.
    pub qty: Qty,
    /// Quantity of this fill; zero if not a fill.
    pub last_qty: Qty,
    /// Price of this fill.
    pub last_price: Price,
    /// Filled in all.
    pub cum_qty: Qty,
    /// Commission of this fill in the quote asset.
    pub commission: Notional,
    /// Realised profit of this fill before commission.
    pub realized_pnl: Notional,
    /// Trade id; zero if not a fill.
    pub trade_id: TradeId,
    /// Whether this fill was as maker.
    pub is_maker: bool,
    /// Reduce-only flag.
    pub reduce_only: bool,
    /// Reason of expiry (`er`), zero if none.
    pub expiry_reason: u8,
    /// Trade or transaction time (`T`).
    pub transaction_time: WallNs,
    /// Push time (`E`).
    pub event_time: WallNs,
}

/// One TRADE_LITE: the fastest notice of a fill, without fee, state or cumulative quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeLite {
    /// Symbol.
    pub symbol: SymbolId,
    /// Our id, or [`ClientOrderId::NONE`].
    pub client_order_id: ClientOrderId,
    /// The venue's id.
    pub venue_order_id: VenueOrderId,
    /// Side.
    pub side: Side,
    /// Price of this fill.
    pub last_price: Price,
    /// Quantity of this fill.
    pub last_qty: Qty,
    /// Trade id; the same as in the execution report.
    pub trade_id: TradeId,
    /// Whether this fill was as maker.
    pub is_maker: bool,
    /// Transaction time (`T`).
    pub transaction_time: WallNs,
}

/// The answer to a WebSocket-API request, or what stands for it when none can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderReply {
    /// The request answered; `RequestId(0)` if the venue answered none in particular.
    pub request_id: RequestId,
    /// HTTP-like status: 200, 400, 401, 418, 429, 5xx.
    pub status: u16,
    /// The venue's error code, zero if none.
    pub code: i32,
    /// State of the order in a success, else [`OrderStatus::Unknown`].
    pub order_status: OrderStatus,
    /// Our id if the answer carries one.
    pub client_order_id: ClientOrderId,
    /// The venue's id, zero if none.
    pub venue_order_id: VenueOrderId,
    /// Price in the answer.
    pub price: Price,
    /// Quantity in the answer.
    pub qty: Qty,
    /// Filled in all.
    pub cum_qty: Qty,
    /// Orders counted by the venue in its 10 s window; `u32::MAX` if not told.
    pub order_count_10s: u32,
    /// Orders counted in its minute; `u32::MAX` if not told.
    pub order_count_1m: u32,
    /// Request weight used in its minute; `u32::MAX` if not told.
    pub weight_1m: u32,
    /// When to try again after a ban (`data.retryAfter`, ms of Unix time), zero if not told.
    pub retry_after_ms: i64,
}

impl OrderReply {
    /// Whether the request was carried out.
    #[inline]
    pub const fn is_ok(&self) -> bool {
        self.status == 200 && self.code == 0
    }
}

/// A changed balance of an ACCOUNT_UPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BalanceDelta {
    /// Whether the asset is the run's quote asset (USDT); others are only counted.
    pub is_quote: bool,
    /// Wallet balance.
    pub wallet: Notional,
    /// Cross wallet balance; not the available balance.
    pub cross_wallet: Notional,
    /// Change that is neither profit nor fee.
    pub change: Notional,
}

/// A changed position of an ACCOUNT_UPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PositionDelta {
    /// Symbol.
    pub symbol: SymbolId,
    /// Signed quantity.
    pub qty: Qty,
    /// Entry price (rounded by the venue).
    pub entry_price: Price,
    /// Unrealised profit.
    pub unrealized_pnl: Notional,
}

/// One ACCOUNT_UPDATE: only what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountUpdate {
    /// Balances, the first `balance_count` of them.
    pub balances: [BalanceDelta; BALANCES_MAX],
    /// How many balances.
    pub balance_count: u8,
    /// Positions, the first `position_count` of them; symbols we do not follow are only counted.
    pub positions: [PositionDelta; SYMBOLS_MAX],
    /// How many positions.
    pub position_count: u8,
    /// Entries that did not fit or name symbols we do not follow.
    pub other_count: u16,
    /// Whether the reason (`m`) is FUNDING_FEE.
    pub is_funding: bool,
    /// Transaction time (`T`).
    pub transaction_time: WallNs,
    /// Push time (`E`).
    pub event_time: WallNs,
}
