//! The venue's ledger and what ours must say, compared to the last digit.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What client order ids of the trader begin with.
const OURS: &str = "shrk";
/// What every order that ended is called.
const ENDS: [&str; 5] = ["FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"];

/// A decimal without trailing zeros, so that texts compare as numbers, exactly.
pub(crate) fn plain(decimal: &str) -> String {
    let short = if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.')
    } else {
        decimal
    };
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// A field as text; numbers without trailing zeros.
pub(crate) fn word(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// Rows of a query as text, by their first column; a doubled key fails.
fn rows(database: &rusqlite::Connection, query: &str) -> BTreeMap<String, Vec<String>> {
    let mut statement = database.prepare(query).expect("the table exists");
    let columns = statement.column_count();
    let mut found = BTreeMap::new();
    let mut cursor = statement.query([]).expect("it runs");
    while let Some(row) = cursor.next().expect("a row") {
        let values = (1..columns).map(|at| plain(&row.get::<_, String>(at).expect("text")));
        let key: String = row.get(0).expect("text");
        assert!(found.insert(key.clone(), values.collect()).is_none(), "{key} twice");
    }
    found
}

/// A list of the ledger.
pub(crate) fn list<'a>(ledger: &'a Value, name: &str) -> &'a Vec<Value> {
    ledger[name].as_array().unwrap_or_else(|| panic!("the ledger has no {name}"))
}

/// What the venue holds under `name`, keyed as the database keys it.
fn told(ledger: &Value, name: &str, id: &str, of: &[&str]) -> BTreeMap<String, Vec<String>> {
    let row = |value: &Value| {
        let key = format!("{}-{}", word(value, "symbol"), value[id]);
        (key, of.iter().map(|column| word(value, column)).collect())
    };
    list(ledger, name).iter().map(row).collect()
}

fn assert_same(
    what: &str,
    venue: &BTreeMap<String, Vec<String>>,
    database: &BTreeMap<String, Vec<String>>,
) {
    let keys: BTreeSet<_> = venue.keys().chain(database.keys()).collect();
    let differing: Vec<String> = keys
        .into_iter()
        .filter(|key| venue.get(*key) != database.get(*key))
        .map(|key| format!("{key}: venue {:?}, database {:?}", venue.get(key), database.get(key)))
        .collect();
    let count = differing.len();
    assert!(differing.is_empty(), "{count} {what} differ:\n{}", differing.join("\n"));
}

/// Every fill, order and position of the venue is in the database, and nothing else is; no record of
/// the journal was lost on the way.
pub(crate) fn assert_agree(ledger: &Value, database: &rusqlite::Connection) {
    let fill =
        ["order_id", "client_order_id", "side", "price", "qty", "commission", "realized_pnl"];
    let fills = rows(
        database,
        "SELECT symbol || '-' || trade_id, replace(order_id, symbol || '-', ''), order_key, side, \
         price, qty, commission, realized_pnl FROM fills",
    );
    let mut traded = told(ledger, "fills", "trade_id", &fill);
    for (key, fill) in &mut traded {
        // What others call their orders is not kept: the venue's number stands for it.
        if !fill[1].starts_with(OURS) {
            let symbol = key.split('-').next().unwrap_or_default();
            fill[1] = format!("{symbol}-{}", fill[0]);
        }
    }
    assert_same("fills", &traded, &fills);
    let order = ["client_order_id", "side", "status", "qty", "executed_qty"];
    let mut orders = rows(
        database,
        "SELECT order_id, client_order_id, side, status, qty, cum_qty FROM orders \
         WHERE order_id IS NOT NULL AND client_order_id IS NOT NULL",
    );
    let mut sent = told(ledger, "orders", "order_id", &order);
    for all in [&mut orders, &mut sent] {
        all.retain(|_, order| order[0].starts_with(OURS));
    }
    assert_same("orders", &sent, &orders);
    let mut positions = rows(database, "SELECT symbol, qty FROM position_state");
    positions.retain(|_, qty| qty[0] != "0");
    let held: BTreeMap<_, _> =
        self::positions(ledger).into_iter().map(|(symbol, qty)| (symbol, vec![qty])).collect();
    assert_same("positions", &held, &positions);
    let gaps: i64 = database
        .query_row("SELECT COUNT(*) FROM journal_gaps", [], |row| row.get(0))
        .expect("the table exists");
    assert_eq!(gaps, 0, "journal records were lost");
}

/// Signed positions by symbol that are not flat, as exact text.
pub(crate) fn positions(ledger: &Value) -> BTreeMap<String, String> {
    let all = list(ledger, "positions").iter();
    all.map(|held| (word(held, "symbol"), word(held, "qty")))
        .filter(|(_, qty)| qty != "0")
        .collect()
}

/// Wallet balance, as exact text.
pub(crate) fn wallet(ledger: &Value) -> String {
    word(&list(ledger, "balances")[0], "wallet_balance")
}

/// No client order id was used twice, and every order of ours came to its end.
pub(crate) fn assert_every_order_ended_once(ledger: &Value) {
    let is_ours = |order: &&Value| word(order, "client_order_id").starts_with(OURS);
    let orders: Vec<&Value> = list(ledger, "orders").iter().filter(is_ours).collect();
    let ids: BTreeSet<_> = orders.iter().map(|order| word(order, "client_order_id")).collect();
    assert_eq!(ids.len(), orders.len(), "a client order id was used twice");
    for order in orders {
        assert!(ENDS.contains(&word(order, "status").as_str()), "still open: {order}");
    }
    assert_eq!(list(ledger, "open_orders").iter().filter(is_ours).count(), 0);
}
