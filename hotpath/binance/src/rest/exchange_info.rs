//! `GET /fapi/v1/exchangeInfo`: the filters orders must pass.

use schema::{Notional, Price, Qty, SymbolName};

use super::RestError;

/// What the venue says of its symbols and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeInfo {
    /// Venue's time, ms; may be stale by days on test hosts.
    pub server_time_ms: i64,
    /// Limits by type and interval.
    pub rate_limits: Vec<RateLimit>,
    /// Symbols.
    pub symbols: Vec<SymbolRules>,
    /// Symbols left out because a name or a filter cannot be represented.
    pub skipped: usize,
}

impl ExchangeInfo {
    /// The rules of one symbol.
    pub fn symbol(&self, name: &SymbolName) -> Option<&SymbolRules> {
        self.symbols.iter().find(|rules| rules.name == *name)
    }
}

/// One limit: at most `limit` in `interval_ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// `REQUEST_WEIGHT` or `ORDERS`.
    pub kind: String,
    /// Length of the window, ms.
    pub interval_ms: u64,
    /// How much is allowed in it.
    pub limit: u32,
}

/// Filters of one symbol; a filter the venue does not send is zero (no check), maxima [`Qty::MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolRules {
    /// Name.
    pub name: SymbolName,
    /// `TRADING`, `SETTLING` …
    pub status: String,
    /// `PERPETUAL`, `CURRENT_QUARTER` …
    pub contract_type: String,
    /// Asset prices are in.
    pub quote_asset: String,
    /// Asset margin and profit are in.
    pub margin_asset: String,
    /// Price step (PRICE_FILTER).
    pub tick: Price,
    /// Lowest price.
    pub min_price: Price,
    /// Highest price.
    pub max_price: Price,
    /// Quantity step of limit orders (LOT_SIZE).
    pub step: Qty,
    /// Smallest quantity.
    pub min_qty: Qty,
    /// Largest quantity.
    pub max_qty: Qty,
    /// Quantity step of market orders (MARKET_LOT_SIZE, else LOT_SIZE).
    pub market_step: Qty,
    /// Smallest quantity of a market order.
    pub market_min_qty: Qty,
    /// Largest quantity of a market order.
    pub market_max_qty: Qty,
    /// Smallest notional unless reduce-only.
    pub min_notional: Notional,
    /// A buy may cost at most mark × this / 10,000; zero if not told.
    pub multiplier_up_e4: i64,
    /// A sell may ask at least mark × this / 10,000; zero if not told.
    pub multiplier_down_e4: i64,
    /// A market order may not execute past mark × (1 ± this / 10,000); zero if not told.
    pub market_take_bound_e4: i64,
    /// Open orders allowed; `u32::MAX` if not told.
    pub max_num_orders: u32,
    /// Decimals the venue writes prices with.
    pub price_decimals: u8,
    /// Decimals the venue writes quantities with.
    pub qty_decimals: u8,
}

impl SymbolRules {
    /// Whether orders are taken.
    pub fn trading(&self) -> bool {
        self.status == "TRADING"
    }
}

/// Reads the reply.
///
/// # Errors
/// [`RestError`].
pub fn parse_exchange_info(body: &[u8]) -> Result<ExchangeInfo, RestError> {
    let _ = body;
    unimplemented!()
}
