//! What the venue's own ledger says about a kill.

use std::path::Path;

use schema::parse_decimal;
use serde_json::Value;

use crate::exit::{Exit, Failure};

/// Facts from the ledger, relative to the trigger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Evidence {
    /// The last order that could add risk, ms after the trigger (negative: before it).
    pub(super) last_opening_ms: Option<i64>,
    /// Orders that could add risk and came after the trigger; their client ids.
    pub(super) opened_after: Vec<String>,
    /// Orders after the trigger, all kinds.
    pub(super) orders_after: usize,
    /// The first of them, ms after the trigger.
    pub(super) first_close_ms: Option<i64>,
    /// Conditional orders that were working at the trigger, and when the last of them had gone.
    pub(super) stops: usize,
    /// ms after the trigger until the last working conditional order had ended.
    pub(super) stops_gone_ms: Option<i64>,
    /// Fills after the trigger.
    pub(super) fills_after: usize,
    /// Their value, units of 1e-8.
    pub(super) closed: i64,
    /// The last of them, ms after the trigger.
    pub(super) last_fill_ms: Option<i64>,
    /// Orders of both books that still work at the end.
    pub(super) open_orders: usize,
    /// Positions left, as symbol and quantity.
    pub(super) positions: Vec<String>,
}

impl Evidence {
    /// Reads the ledger a run left behind.
    ///
    /// # Errors
    /// It is missing, or no JSON.
    pub(super) fn read(path: &Path, trigger_ms: i64) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        let ledger: Value = serde_json::from_str(&text).map_err(|error| {
            Failure::new(Exit::Data, format!("{}: {error}", path.display()), "run it again")
        })?;
        Ok(Self::of(&ledger, trigger_ms))
    }

    fn of(ledger: &Value, trigger_ms: i64) -> Self {
        let rows = |name: &str| ledger[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let after = |row: &Value, key: &str| row[key].as_i64().unwrap_or(0) - trigger_ms;
        let is_set = |row: &Value, key: &str| row[key].as_bool().unwrap_or(false);
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let orders = rows("orders");
        let algos = rows("algo_orders");
        let opens = |row: &&Value| !is_set(row, "reduce_only");
        let algo_opens = |row: &&Value| !is_set(row, "reduceOnly") && !is_set(row, "closePosition");
        let opening = orders.iter().filter(opens).map(|row| (after(row, "time_ms"), row));
        let opening = opening
            .chain(algos.iter().filter(algo_opens).map(|row| (after(row, "createTime"), row)));
        let opening: Vec<(i64, &Value)> = opening.collect();
        let late = |(ms, _): &&(i64, &Value)| *ms > 0;
        let name = |(_, row): &(i64, &Value)| {
            let own = text(row, "client_order_id");
            if own.is_empty() { text(row, "clientAlgoId") } else { own }
        };
        let new: Vec<i64> =
            orders.iter().map(|row| after(row, "time_ms")).filter(|ms| *ms > 0).collect();
        let is_working = |row: &&Value| row["algoStatus"].as_str() == Some("NEW");
        let stopped = |row: &&Value| after(row, "createTime") <= 0 && after(row, "updateTime") > 0;
        let fills = rows("fills").iter().filter(|row| after(row, "time_ms") > 0);
        let fills: Vec<&Value> = fills.collect();
        Self {
            last_opening_ms: opening.iter().map(|(ms, _)| *ms).max(),
            opened_after: opening.iter().filter(late).map(name).collect(),
            orders_after: new.len(),
            first_close_ms: new.iter().min().copied(),
            stops: algos.iter().filter(stopped).count(),
            stops_gone_ms: algos.iter().filter(stopped).map(|row| after(row, "updateTime")).max(),
            fills_after: fills.len(),
            closed: fills.iter().map(|row| value_of(row)).sum(),
            last_fill_ms: fills.iter().map(|row| after(row, "time_ms")).max(),
            open_orders: rows("open_orders").len() + algos.iter().filter(is_working).count(),
            positions: rows("positions")
                .iter()
                .map(|row| format!("{} {}", text(row, "symbol"), text(row, "qty")))
                .collect(),
        }
    }
}

/// Price times quantity of a fill, units of 1e-8; for people.
fn value_of(fill: &Value) -> i64 {
    let units = |key: &str| {
        let text = fill[key].as_str().unwrap_or_default();
        parse_decimal(text.as_bytes()).map_or(0, i128::from)
    };
    i64::try_from(units("price") * units("qty") / i128::from(schema::SCALE)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ledger() -> Value {
        let order = |id: &str, time_ms: i64, reduce_only: bool| json!({"client_order_id": id, "time_ms": time_ms, "reduce_only": reduce_only});
        let stop = |created: i64, updated: i64, status: &str| {
            json!({"clientAlgoId": "s", "createTime": created, "updateTime": updated,
                   "algoStatus": status, "closePosition": true, "reduceOnly": true})
        };
        json!({
            "orders": [order("a", 900, false), order("b", 1_000, false), order("c", 1_050, true)],
            "algo_orders": [stop(950, 1_120, "CANCELED"), stop(910, 960, "CANCELED")],
            "fills": [
                {"time_ms": 901, "price": "100", "qty": "2"},
                {"time_ms": 1_060, "price": "90", "qty": "1.5"},
                {"time_ms": 1_090, "price": "80", "qty": "0.5"},
            ],
            "open_orders": [], "positions": [],
        })
    }

    #[test]
    fn the_ledger_tells_what_came_after_the_trigger() {
        let evidence = Evidence::of(&ledger(), 1_000);
        let expected = Evidence {
            last_opening_ms: Some(0),
            opened_after: vec![],
            orders_after: 1,
            first_close_ms: Some(50),
            stops: 1,
            stops_gone_ms: Some(120),
            fills_after: 2,
            closed: 175 * schema::SCALE,
            last_fill_ms: Some(90),
            open_orders: 0,
            positions: vec![],
        };
        assert_eq!(evidence, expected);
    }

    #[test]
    fn what_must_not_be_is_seen() {
        let mut ledger = ledger();
        let late = json!({"client_order_id": "late", "time_ms": 1_001, "reduce_only": false});
        ledger["orders"].as_array_mut().expect("a list").push(late);
        ledger["algo_orders"][0]["algoStatus"] = json!("NEW");
        ledger["positions"] = json!([{"symbol": "BTCUSDT", "qty": "0.1"}]);
        let evidence = Evidence::of(&ledger, 1_000);
        assert_eq!(evidence.opened_after, ["late"]);
        assert_eq!(evidence.last_opening_ms, Some(1));
        assert_eq!(evidence.open_orders, 1);
        assert_eq!(evidence.positions, ["BTCUSDT 0.1"]);
        // A conditional order that could open counts as one.
        ledger["algo_orders"][0] =
            json!({"clientAlgoId": "stop", "createTime": 1_002, "algoStatus": "CANCELED"});
        let evidence = Evidence::of(&ledger, 1_000);
        assert_eq!(evidence.opened_after, ["late", "stop"]);
    }
}
