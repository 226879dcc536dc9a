//! The venue's ledger: `/shrike/ledger` of a local venue, or the `ledger.json` it left behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use schema::{Notional, Qty, Side};
use serde_json::Value;

use super::{Fill, Ledger, OrderKey, Placed};
use crate::exit::{Exit, Failure};

/// How long a local venue may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the ledger from a file or from a URL.
///
/// # Errors
/// It cannot be read, or is not a ledger.
pub(crate) fn read(place: &str) -> Result<Ledger, Failure> {
    let text = if place.starts_with("http://") || place.starts_with("https://") {
        fetch(place)?
    } else {
        let path = Path::new(place);
        std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?
    };
    parse(place, &text).map_err(|what| {
        Failure::new(
            Exit::Unavailable,
            format!("{place}: {what}"),
            "give the ledger of a local venue: its ledger.json, or http://…/shrike/ledger",
        )
    })
}

/// The body of a GET of a plain local address.
///
/// # Errors
/// Exit 69 if it does not answer.
pub(crate) fn fetch(url: &str) -> Result<String, Failure> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
    let unreachable = |error: ureq::Error| {
        Failure::new(Exit::Unavailable, format!("{url}: {error}"), "is the venue running?")
    };
    let mut response = agent.get(url).call().map_err(unreachable)?;
    response.body_mut().with_config().limit(1 << 30).read_to_string().map_err(unreachable)
}

/// The account of a ledger file: the object itself, or the first of `accounts`.
fn account(root: &Value) -> &Value {
    match root.get("accounts") {
        Some(Value::Array(accounts)) => accounts.first().unwrap_or(root),
        Some(Value::Object(accounts)) => accounts.values().next().unwrap_or(root),
        _ => root,
    }
}

fn parse(place: &str, text: &str) -> Result<Ledger, String> {
    let root: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let account = account(&root);
    let mut ledger = Ledger::new("venue", place);
    let fills = account.get("fills").and_then(Value::as_array).ok_or("no `fills` in it")?;
    for (index, value) in fills.iter().enumerate() {
        ledger.add(fill(value).map_err(|what| format!("fill {index}: {what}"))?);
    }
    ledger.total_orders();
    ledger.wallet = wallet(account)?;
    ledger.positions = positions(account)?;
    ledger.placed = placed(account)?;
    Ok(ledger)
}

fn fill(value: &Value) -> Result<Fill, String> {
    let client_order_id = text(value, "client_order_id")?;
    Ok(Fill {
        symbol: text(value, "symbol")?,
        trade_id: integer(value, "trade_id")?,
        order_id: integer(value, "order_id")?,
        client_order_id: match schema::ClientOrderId::parse(client_order_id.as_bytes()) {
            Ok(_) => client_order_id,
            Err(_) => String::new(),
        },
        side: Side::from_wire(text(value, "side")?.as_bytes()).ok_or("`side` is unknown")?,
        price: decimal(value, "price")?,
        qty: decimal(value, "qty")?,
        commission: decimal(value, "commission")?,
        realized_pnl: decimal(value, "realized_pnl")?,
        is_maker: value
            .get("maker")
            .or_else(|| value.get("is_maker"))
            .and_then(Value::as_bool)
            .ok_or("no `maker`")?,
        time_ms: integer(value, "time_ms")?,
    })
}

/// Wallet balance in USDT.
fn wallet(account: &Value) -> Result<Option<Notional>, String> {
    if account.get("wallet_balance").is_some() {
        return decimal(account, "wallet_balance").map(Some);
    }
    match account.get("balances") {
        Some(Value::Array(balances)) => {
            let usdt = balances
                .iter()
                .find(|balance| balance.get("asset").and_then(Value::as_str) == Some("USDT"));
            usdt.map(|balance| decimal(balance, "wallet_balance")).transpose()
        }
        Some(balances) => decimal(balances, "USDT").map(Some),
        None => Ok(None),
    }
}

fn positions(account: &Value) -> Result<Option<BTreeMap<String, Qty>>, String> {
    let Some(values) = account.get("positions").and_then(Value::as_array) else {
        return Ok(None);
    };
    let mut positions = BTreeMap::new();
    for value in values {
        let qty: Qty = decimal(value, "qty")?;
        if !qty.is_zero() {
            positions.insert(text(value, "symbol")?, qty);
        }
    }
    Ok(Some(positions))
}

/// Orders the venue took, if the ledger lists them.
fn placed(account: &Value) -> Result<Option<BTreeMap<OrderKey, Placed>>, String> {
    let Some(values) = account.get("orders").and_then(Value::as_array) else { return Ok(None) };
    let mut placed = BTreeMap::new();
    for value in values {
        let key = (text(value, "symbol")?, integer(value, "order_id")?);
        let order =
            Placed { status: text(value, "status")?, cum_qty: decimal(value, "executed_qty")? };
        placed.insert(key, order);
    }
    Ok(Some(placed))
}

fn text(value: &Value, key: &str) -> Result<String, String> {
    match value.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(format!("no text `{key}`")),
    }
}

fn integer(value: &Value, key: &str) -> Result<i64, String> {
    value.get(key).and_then(Value::as_i64).ok_or_else(|| format!("no integer `{key}`"))
}

/// A decimal given as text or as a number with all its digits.
fn decimal<T: std::str::FromStr<Err = schema::DecimalError>>(
    value: &Value,
    key: &str,
) -> Result<T, String> {
    let text = match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return Err(format!("no amount `{key}`")),
    };
    text.parse().map_err(|error| format!("`{key}` is {text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: &str = r#"{
        "fills": [
            {"symbol": "BTCUSDT", "trade_id": 7, "order_id": 1007,
             "client_order_id": "shrk6921a0b410000007", "side": "BUY", "price": "64000.10",
             "qty": "0.002", "commission": "0.06400010", "realized_pnl": "0", "maker": false,
             "time_ms": 1763800000007},
            {"symbol": "BTCUSDT", "trade_id": 8, "order_id": 1008, "client_order_id": "web_1",
             "side": "SELL", "price": "64000.20", "qty": "0.001", "commission": "0.01",
             "realized_pnl": "-0.0001", "maker": true, "time_ms": 1763800000008}],
        "balances": [{"asset": "USDT", "wallet_balance": "9999.12345678"}],
        "positions": [{"symbol": "BTCUSDT", "qty": "0.001"}, {"symbol": "ETHUSDT", "qty": "0"}],
        "orders": [{"symbol": "BTCUSDT", "order_id": 1007, "status": "FILLED",
                    "executed_qty": "0.002"}],
        "open_orders": []
    }"#;

    #[test]
    fn a_ledger_is_read_to_the_last_digit() {
        let ledger = parse("test", LEDGER).expect("valid");
        assert_eq!(ledger.fills.len(), 2);
        assert_eq!(
            ledger.wallet.map(|wallet| wallet.to_string()).as_deref(),
            Some("9999.12345678")
        );
        let positions = ledger.positions.clone().expect("given");
        assert_eq!(positions.len(), 1);
        assert_eq!(positions["BTCUSDT"].to_string(), "0.001");
        let placed = ledger.placed.clone().expect("given");
        assert_eq!(placed[&("BTCUSDT".to_owned(), 1007)].status, "FILLED");
        let first = ledger.fills.values().next().expect("two fills");
        assert_eq!(first.commission.units(), 6_400_010);
        let foreign = ledger.fills.values().last().expect("two fills");
        assert_eq!(foreign.client_order_id, "", "an order that is not ours");
    }

    #[test]
    fn one_account_of_several_is_taken() {
        let text = format!("{{\"accounts\": [{LEDGER}]}}");
        assert_eq!(parse("test", &text).expect("valid").fills.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(parse("x", "{}").expect_err("no fills").contains("fills"));
        let broken = LEDGER.replace("\"0.06400010\"", "\"0.064000101\"");
        let what = parse("x", &broken).expect_err("nine decimals");
        assert!(what.contains("fill 0") && what.contains("commission"), "{what}");
        let failure = read("/nowhere/ledger.json").expect_err("no file");
        assert_eq!(failure.exit, Exit::NoInstance);
    }
}
