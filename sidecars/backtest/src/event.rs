//! What the venue sends: market data to all, reports to one account, in the venue's order.

use schema::{ExecType, Notional, OrderType, Price, Qty, Side, SymbolId, SymbolName};

use crate::algo::AlgoView;
use crate::exchange::AccountId;
use crate::market::MarketUpdate;
use crate::view::OrderView;

/// One message of the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VenueEvent {
    /// To every subscriber; times are the venue's.
    Market(MarketUpdate),
    /// A liquidation, for `forceOrder` subscribers.
    ForceOrder(OrderUpdate),
    /// To one account's user stream.
    Account(AccountId, AccountEvent),
}

/// A message of the user stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// TRADE_LITE.
    TradeLite(TradeLite),
    /// ORDER_TRADE_UPDATE.
    Order(OrderUpdate),
    /// ACCOUNT_UPDATE.
    Account(AccountUpdate),
    /// MARGIN_CALL.
    MarginCall(MarginCall),
    /// ALGO_UPDATE.
    Algo(AlgoUpdate),
    /// ACCOUNT_CONFIG_UPDATE: leverage changed.
    Leverage {
        /// Symbol.
        symbol: SymbolId,
        /// Its name.
        symbol_name: SymbolName,
        /// Leverage now.
        leverage: u32,
        /// When, ms.
        time_ms: i64,
    },
}

/// ORDER_TRADE_UPDATE (PROTOCOL 5): the order after the event, and the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderUpdate {
    /// The order after it (`s c S o f q p ap X i z R V pm gtd`).
    pub order: OrderView,
    /// Type at first (`ot`).
    pub original_type: OrderType,
    /// What happened (`x`).
    pub exec_type: ExecType,
    /// Quantity of this fill (`l`), else zero.
    pub last_qty: Qty,
    /// Price of this fill (`L`), else zero.
    pub last_price: Price,
    /// Commission of this fill (`n`), USDT.
    pub commission: Notional,
    /// Trade id (`t`), zero if not a fill.
    pub trade_id: i64,
    /// Whether this fill was as maker (`m`).
    pub is_maker: bool,
    /// Realised profit of this fill before commission (`rp`).
    pub realized_pnl: Notional,
    /// Notional of the symbol's open buy orders (`b`).
    pub bid_notional: Notional,
    /// Notional of the symbol's open sell orders (`a`).
    pub ask_notional: Notional,
    /// Why it expired (`er`), see [`expiry`].
    pub expiry_reason: u8,
    /// Transaction and event time (`T`, `E`), ms.
    pub time_ms: i64,
}

/// ALGO_UPDATE (PROTOCOL 5): the conditional order after the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlgoUpdate {
    /// The order after it.
    pub order: AlgoView,
    /// Transaction and event time (`T`, `E`), ms.
    pub time_ms: i64,
}

/// Reasons of expiry (`er`).
pub mod expiry {
    /// None.
    pub const NONE: u8 = 0;
    /// Self-trade prevention.
    pub const STP: u8 = 1;
    /// Rest of an IOC.
    pub const IOC_REST: u8 = 2;
    /// Rest of an IOC, because of self-trade prevention.
    pub const IOC_STP: u8 = 3;
    /// Knocked out by reduce-only or reversal.
    pub const REDUCE_ONLY: u8 = 4;
    /// Liquidation of the account.
    pub const LIQUIDATION: u8 = 5;
    /// Rest of a market order.
    pub const MARKET_REST: u8 = 9;
}

/// TRADE_LITE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeLite {
    /// Symbol.
    pub symbol: SymbolId,
    /// Its name (`s`).
    pub symbol_name: SymbolName,
    /// Order quantity (`q`).
    pub qty: Qty,
    /// Order price (`p`), zero for market.
    pub price: Price,
    /// Whether this fill was as maker (`m`).
    pub is_maker: bool,
    /// The client's id (`c`).
    pub client_order_id: String,
    /// Side (`S`).
    pub side: Side,
    /// Price of this fill (`L`).
    pub last_price: Price,
    /// Quantity of this fill (`l`).
    pub last_qty: Qty,
    /// Trade id (`t`).
    pub trade_id: i64,
    /// The venue's order id (`i`).
    pub order_id: i64,
    /// Transaction and event time (`T`, `E`), ms.
    pub time_ms: i64,
}

/// Why an account changed (`m`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountReason {
    /// A fill.
    Order,
    /// Funding.
    FundingFee,
    /// Money put in.
    Deposit,
    /// Money taken out.
    Withdraw,
    /// The insurance fund made good a negative balance.
    InsuranceClear,
}

impl AccountReason {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "ORDER",
            Self::FundingFee => "FUNDING_FEE",
            Self::Deposit => "DEPOSIT",
            Self::Withdraw => "WITHDRAW",
            Self::InsuranceClear => "INSURANCE_CLEAR",
        }
    }
}

/// ACCOUNT_UPDATE: only what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountUpdate {
    /// Why (`m`).
    pub reason: AccountReason,
    /// USDT wallet balance (`wb`, and `cw` in cross margin).
    pub wallet_balance: Notional,
    /// Change that is neither profit nor commission (`bc`).
    pub balance_change: Notional,
    /// The changed position; `None` for funding in cross margin.
    pub position: Option<PositionUpdate>,
    /// Transaction and event time (`T`, `E`), ms.
    pub time_ms: i64,
}

/// A changed position in ACCOUNT_UPDATE (`P`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionUpdate {
    /// Symbol.
    pub symbol: SymbolId,
    /// Its name (`s`).
    pub symbol_name: SymbolName,
    /// Signed quantity (`pa`).
    pub qty: Qty,
    /// Entry price (`ep`), zero when flat.
    pub entry_price: Price,
    /// Break-even price (`bep`), zero when flat.
    pub break_even_price: Price,
    /// Realised profit so far, before commission (`cr`).
    pub accumulated_realized: Notional,
    /// Unrealised profit at the mark (`up`).
    pub unrealized_profit: Notional,
}

/// MARGIN_CALL for one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarginCall {
    /// Cross wallet balance (`cw`).
    pub wallet_balance: Notional,
    /// Symbol's name (`s`).
    pub symbol_name: SymbolName,
    /// Symbol.
    pub symbol: SymbolId,
    /// Signed quantity (`pa`).
    pub qty: Qty,
    /// Mark price (`mp`).
    pub mark_price: Price,
    /// Unrealised profit (`up`).
    pub unrealized_profit: Notional,
    /// Maintenance margin (`mm`).
    pub maint_margin: Notional,
    /// Event time (`E`), ms.
    pub time_ms: i64,
}
