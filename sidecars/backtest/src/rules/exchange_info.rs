//! Rules from the JSON of `GET /fapi/v1/exchangeInfo`.

use core::fmt;
use core::str::FromStr;

use schema::SymbolName;
use serde_json::Value;

use super::Rules;

/// Why an exchangeInfo file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesError {
    /// Symbol, empty if none in particular.
    pub symbol: String,
    /// What is wrong.
    pub msg: String,
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exchangeInfo {}: {}", self.symbol, self.msg)
    }
}
impl core::error::Error for RulesError {}

pub(super) fn parse(json: &[u8]) -> Result<Vec<Rules>, RulesError> {
    let bad = |msg: String| RulesError { symbol: String::new(), msg };
    let root: Value = serde_json::from_slice(json).map_err(|error| bad(error.to_string()))?;
    let symbols = root.get("symbols").and_then(Value::as_array);
    let symbols =
        symbols.ok_or_else(|| bad("no array `symbols`; give it a whole answer".into()))?;
    // Names in other scripts longer than 23 bytes cannot be traded here and are left out.
    symbols.iter().filter(|s| text(s, "symbol").is_ok_and(|n| n.len() < 24)).map(symbol).collect()
}

fn symbol(value: &Value) -> Result<Rules, RulesError> {
    let symbol = text(value, "symbol").unwrap_or_default().to_owned();
    rules(value).map_err(|msg| RulesError { symbol, msg })
}

fn rules(value: &Value) -> Result<Rules, String> {
    let name = SymbolName::new(text(value, "symbol")?.as_bytes()).map_err(|e| e.to_string())?;
    let (price_precision, qty_precision) =
        (whole(value, "pricePrecision")?, whole(value, "quantityPrecision")?);
    let mut rules = Rules::for_symbol(name, price_precision as u32, qty_precision as u32);
    rules.price_precision = (price_precision as u32).min(8);
    rules.qty_precision = (qty_precision as u32).min(8);
    rules.base_asset = text(value, "baseAsset")?.to_owned();
    rules.quote_asset = text(value, "quoteAsset")?.to_owned();
    rules.trading = text(value, "status")? == "TRADING";
    if value.get("marketTakeBound").is_some() {
        rules.market_take_bound_e4 = e4(value, "marketTakeBound")?;
    }
    for filter in value.get("filters").and_then(Value::as_array).ok_or("no array `filters`")? {
        match text(filter, "filterType")? {
            "PRICE_FILTER" => {
                rules.tick_size = decimal(filter, "tickSize")?;
                rules.min_price = decimal(filter, "minPrice")?;
                rules.max_price = decimal(filter, "maxPrice")?;
            }
            "LOT_SIZE" => {
                rules.step_size = decimal(filter, "stepSize")?;
                rules.min_qty = decimal(filter, "minQty")?;
                rules.max_qty = decimal(filter, "maxQty")?;
            }
            "MARKET_LOT_SIZE" => {
                rules.market_step_size = decimal(filter, "stepSize")?;
                rules.market_min_qty = decimal(filter, "minQty")?;
                rules.market_max_qty = decimal(filter, "maxQty")?;
            }
            "MAX_NUM_ORDERS" => rules.max_num_orders = whole(filter, "limit")? as usize,
            "MIN_NOTIONAL" => rules.min_notional = decimal(filter, "notional")?,
            "PERCENT_PRICE" => {
                rules.multiplier_up_e4 = e4(filter, "multiplierUp")?;
                rules.multiplier_down_e4 = e4(filter, "multiplierDown")?;
            }
            _ => {}
        }
    }
    Ok(rules)
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value.get(key).and_then(Value::as_str).ok_or_else(|| format!("no text `{key}`"))
}
fn whole(value: &Value, key: &str) -> Result<u64, String> {
    value.get(key).and_then(Value::as_u64).ok_or_else(|| format!("no whole number `{key}`"))
}
fn decimal<T: FromStr<Err = schema::DecimalError>>(value: &Value, key: &str) -> Result<T, String> {
    text(value, key)?.parse().map_err(|error| format!("`{key}`: {error}"))
}
fn e4(value: &Value, key: &str) -> Result<i64, String> {
    Ok(decimal::<schema::Price>(value, key)?.units() / 10_000)
}
