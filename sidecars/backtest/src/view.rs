//! What the venue answers: every field of its JSON, as numbers.

use schema::{
    Notional, OrderStatus, OrderType, Price, Qty, Side, SymbolId, SymbolName, TimeInForce,
};

use crate::algo::AlgoOrigin;
use crate::order::{PriceMatch, StpMode};

/// An order (PROTOCOL 3.4). Constants of one-way mode (`positionSide` BOTH), and what only orders from
/// conditional ones have (`stopPrice`, `closePosition`…), are the front's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Symbol.
    pub symbol: SymbolId,
    /// Its name.
    pub symbol_name: SymbolName,
    /// The venue's id.
    pub order_id: i64,
    /// The client's id.
    pub client_order_id: String,
    /// State.
    pub status: OrderStatus,
    /// Side.
    pub side: Side,
    /// Type (`type` and `origType`).
    pub order_type: OrderType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Price; zero for market.
    pub price: Price,
    /// Quantity (`origQty`).
    pub qty: Qty,
    /// Filled (`executedQty`, `cumQty`).
    pub executed_qty: Qty,
    /// Filled in quote currency, rounded to 1e-8 (`cumQuote`).
    pub cum_quote: Notional,
    /// Average price, rounded to 1e-8; zero without fills.
    pub avg_price: Price,
    /// Reduce-only flag.
    pub reduce_only: bool,
    /// Self-trade prevention.
    pub stp: StpMode,
    /// Price match.
    pub price_match: PriceMatch,
    /// `goodTillDate`, ms; zero if none.
    pub good_till_ms: i64,
    /// When it was accepted, ms.
    pub time_ms: i64,
    /// Last change, ms.
    pub update_time_ms: i64,
    /// Number of the last amendment; answers to amendments only.
    pub modify_id: Option<i64>,
    /// The conditional order it came from.
    pub origin: Option<AlgoOrigin>,
}

/// The account's totals and its USDT row (PROTOCOL 3.6), USDT only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountView {
    /// Wallet balance (also `crossWalletBalance`).
    pub wallet_balance: Notional,
    /// Unrealised profit of all positions (also `crossUnPnl`).
    pub unrealized_profit: Notional,
    /// Wallet plus unrealised profit.
    pub margin_balance: Notional,
    /// Positions plus open orders.
    pub initial_margin: Notional,
    /// Initial margin of positions.
    pub position_initial_margin: Notional,
    /// Initial margin of open orders.
    pub open_order_initial_margin: Notional,
    /// Maintenance margin.
    pub maint_margin: Notional,
    /// Available for new orders (also `maxWithdrawAmount`).
    pub available_balance: Notional,
    /// Last change of the balance, ms.
    pub update_time_ms: i64,
    /// Symbols with a position or an open order.
    pub positions: Vec<PositionView>,
}

/// A position (PROTOCOL 3.6: rows of v2 and v3 account and positionRisk).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionView {
    /// Symbol.
    pub symbol: SymbolId,
    /// Its name.
    pub symbol_name: SymbolName,
    /// Signed quantity.
    pub qty: Qty,
    /// Entry price, rounded; zero when flat.
    pub entry_price: Price,
    /// Entry price with the opening fee at the taker rate; zero when flat.
    pub break_even_price: Price,
    /// Mark price.
    pub mark_price: Price,
    /// Unrealised profit at the mark.
    pub unrealized_profit: Notional,
    /// Where liquidation would begin with all else unchanged; zero if nowhere.
    pub liquidation_price: Price,
    /// Signed quantity × mark.
    pub notional: Notional,
    /// Position plus open orders.
    pub initial_margin: Notional,
    /// Of the position alone.
    pub position_initial_margin: Notional,
    /// Of open orders alone.
    pub open_order_initial_margin: Notional,
    /// Maintenance margin.
    pub maint_margin: Notional,
    /// Notional of open buy orders.
    pub bid_notional: Notional,
    /// Notional of open sell orders.
    pub ask_notional: Notional,
    /// Leverage set.
    pub leverage: u32,
    /// Largest notional at this leverage.
    pub max_notional: Notional,
    /// Last change, ms; zero if never.
    pub update_time_ms: i64,
}

/// Leverage of a symbol (`symbolConfig`, answer to `leverage`). Margin type is always CROSSED.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolConfigView {
    /// Symbol.
    pub symbol: SymbolId,
    /// Its name.
    pub symbol_name: SymbolName,
    /// Leverage set.
    pub leverage: u32,
    /// Largest notional at this leverage.
    pub max_notional: Notional,
}

/// A fill as `userTrades` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserTradeView {
    /// Symbol.
    pub symbol: SymbolId,
    /// Its name.
    pub symbol_name: SymbolName,
    /// Trade id.
    pub trade_id: i64,
    /// The venue's order id.
    pub order_id: i64,
    /// Side.
    pub side: Side,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Price × quantity, rounded to 1e-8.
    pub quote_qty: Notional,
    /// Commission in USDT.
    pub commission: Notional,
    /// Realised profit before commission.
    pub realized_pnl: Notional,
    /// Whether as maker.
    pub maker: bool,
    /// When, ms.
    pub time_ms: i64,
}
