//! `GET /fapi/v1/exchangeInfo`: the filters orders must pass.

use schema::{Notional, Price, Qty, SymbolName};

use super::value::{RestError, Row, reply};

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
    let value = reply(body)?;
    let row = Row::new("exchangeInfo", &value)?;
    let rate_limits: Result<Vec<_>, _> =
        row.list("rateLimits")?.into_iter().map(rate_limit).collect();
    let listed = row.list("symbols")?;
    let count = listed.len();
    // A symbol that cannot be represented must not hide the others; it cannot be traded.
    let symbols: Vec<_> = listed.into_iter().filter_map(|row| symbol_rules(row).ok()).collect();
    Ok(ExchangeInfo {
        server_time_ms: row.integer("serverTime")?,
        rate_limits: rate_limits?,
        skipped: count - symbols.len(),
        symbols,
    })
}

fn rate_limit(row: Row) -> Result<RateLimit, RestError> {
    let unit_ms = row.word("interval", |word| match word {
        b"SECOND" => Some(1_000),
        b"MINUTE" => Some(60_000),
        b"HOUR" => Some(3_600_000),
        b"DAY" => Some(86_400_000),
        _ => None,
    })?;
    let intervals = row.integer("intervalNum")?.clamp(1, 1_000_000).unsigned_abs();
    Ok(RateLimit {
        kind: row.text("rateLimitType")?,
        interval_ms: intervals * unit_ms,
        limit: u32::try_from(row.integer("limit")?).unwrap_or(u32::MAX),
    })
}

fn symbol_rules(row: Row) -> Result<SymbolRules, RestError> {
    let filters = row.list("filters")?;
    let find = |name: &str| {
        filters
            .iter()
            .find(|filter| filter.find("filterType").and_then(|kind| kind.as_str()) == Some(name))
    };
    let price = find("PRICE_FILTER").copied();
    let lot = find("LOT_SIZE").copied();
    let market_lot = find("MARKET_LOT_SIZE").copied().or(lot);
    let band = find("PERCENT_PRICE").copied();
    let open_orders = find("MAX_NUM_ORDERS").map(|filter| filter.integer("limit")).transpose()?;
    let exact = |filter: Option<Row>, name| filter.map_or(Ok(0), |filter| filter.decimal(name));
    let most = |filter: Option<Row>, name: &str| match filter {
        Some(filter) if filter.find(name).is_some() => filter.decimal_cut(name),
        _ => Ok(i64::MAX),
    };
    let e4 = |filter: Option<Row>, name| exact(filter, name).map(|units| units / 10_000);
    let tick = exact(price, "tickSize")?;
    let step = exact(lot, "stepSize")?;
    Ok(SymbolRules {
        name: row.symbol("symbol")?,
        status: row.text("status")?,
        contract_type: row.text("contractType")?,
        quote_asset: row.text("quoteAsset")?,
        margin_asset: row.text("marginAsset")?,
        tick: Price::from_units(tick),
        min_price: Price::from_units(exact(price, "minPrice")?),
        max_price: Price::from_units(most(price, "maxPrice")?),
        step: Qty::from_units(step),
        min_qty: Qty::from_units(exact(lot, "minQty")?),
        max_qty: Qty::from_units(most(lot, "maxQty")?),
        market_step: Qty::from_units(exact(market_lot, "stepSize")?),
        market_min_qty: Qty::from_units(exact(market_lot, "minQty")?),
        market_max_qty: Qty::from_units(most(market_lot, "maxQty")?),
        min_notional: Notional::from_units(exact(find("MIN_NOTIONAL").copied(), "notional")?),
        multiplier_up_e4: e4(band, "multiplierUp")?,
        multiplier_down_e4: e4(band, "multiplierDown")?,
        market_take_bound_e4: row.decimal_cut_or_zero("marketTakeBound")? / 10_000,
        max_num_orders: open_orders.map_or(u32::MAX, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        price_decimals: decimals(price, "tickSize", tick, row, "pricePrecision"),
        qty_decimals: decimals(lot, "stepSize", step, row, "quantityPrecision"),
    })
}

/// Decimals the venue writes: those of the step's text (a tick of `0.10` gives `84551.10`), but not
/// more than the precision it states, and never fewer than the step needs.
fn decimals(filter: Option<Row>, name: &str, step: i64, row: Row, precision: &str) -> u8 {
    let text = filter.and_then(|filter| filter.find(name)).and_then(|value| value.as_str());
    let written = text.and_then(|text| text.split_once('.')).map_or(0, |(_, after)| after.len());
    let stated = row.integer(precision).unwrap_or(8).clamp(0, 8) as usize;
    let mut needed = 8;
    let mut rest = step;
    while needed > 0 && rest % 10 == 0 {
        rest /= 10;
        needed -= 1;
    }
    written.min(stated).max(needed).min(8) as u8
}
