//! The calls by REST (PROTOCOL 3.2 and 3.6).
//!
//! Of an answer only what closing needs is read: an order of a kind that is not known yet, or a
//! price with more digits than expected, must not keep the account from being closed.

use std::collections::BTreeMap;

use binance::rest::{PositionSide, parse_exchange_info};
use schema::{Price, Qty, SymbolName, parse_decimal};
use serde_json::Value;

use super::{Book, Desk, Held, Lot, Slice};
use crate::clock::wall_ns;
use crate::look::Unanswered;
use crate::venue::{Client, Method};

const POSITIONS: &str = "/fapi/v3/positionRisk";

impl Desk for Client {
    fn open(&mut self, book: Book) -> Result<Vec<SymbolName>, Unanswered> {
        let path = match book {
            Book::Orders => "/fapi/v1/openOrders",
            Book::Algos => "/fapi/v1/openAlgoOrders",
        };
        rows(path, &self.ask(path, &[])?)?.iter().map(|row| symbol(path, row)).collect()
    }

    fn held(&mut self) -> Result<Vec<Held>, Unanswered> {
        held_of(&self.ask(POSITIONS, &[])?)
    }

    fn lots(&mut self) -> Result<BTreeMap<SymbolName, Lot>, Unanswered> {
        let info = parse_exchange_info(&self.ask("/fapi/v1/exchangeInfo", &[])?)?;
        let lot = |rules: &binance::rest::SymbolRules| Lot {
            step: rules.market_step,
            min: rules.market_min_qty,
            max: rules.market_max_qty,
        };
        Ok(info.symbols.iter().map(|rules| (rules.name, lot(rules))).collect())
    }

    fn cancel(&mut self, symbol: SymbolName, book: Book) -> Result<(), Unanswered> {
        let path = match book {
            Book::Orders => "/fapi/v1/allOpenOrders",
            Book::Algos => "/fapi/v1/algoOpenOrders",
        };
        self.call(Method::Delete, path, &[("symbol", symbol.as_str())]).map(|_| ())
    }

    fn close(&mut self, slice: &Slice) -> Result<(), Unanswered> {
        let qty = slice.qty.to_string();
        // An id of its own: whose it is shows in the venue's records.
        let id = format!("kill-{}", wall_ns());
        let mut params = vec![
            ("symbol", slice.symbol.as_str()),
            ("side", slice.side.as_str()),
            ("type", "MARKET"),
            ("quantity", qty.as_str()),
            ("newClientOrderId", id.as_str()),
            ("newOrderRespType", "RESULT"),
        ];
        // In hedge mode the position's side says that it can only reduce, and the flag is refused.
        params.push(match slice.position_side {
            PositionSide::Both => ("reduceOnly", "true"),
            PositionSide::Long => ("positionSide", "LONG"),
            PositionSide::Short => ("positionSide", "SHORT"),
        });
        self.call(Method::Post, "/fapi/v1/order", &params).map(|_| ())
    }
}

fn unread(path: &str, what: &str) -> Unanswered {
    Unanswered { why: format!("{path}: {what}"), wait: core::time::Duration::ZERO }
}

fn rows(path: &str, body: &[u8]) -> Result<Vec<Value>, Unanswered> {
    serde_json::from_slice(body).map_err(|error| unread(path, &format!("no list: {error}")))
}

fn symbol(path: &str, row: &Value) -> Result<SymbolName, Unanswered> {
    let name = row["symbol"].as_str().and_then(|text| SymbolName::new(text.as_bytes()).ok());
    name.ok_or_else(|| unread(path, &format!("no symbol in {row}")))
}

/// What is held; a mark that cannot be read is zero, and the slice then bounded by the lot alone.
fn held_of(body: &[u8]) -> Result<Vec<Held>, Unanswered> {
    let mut held = Vec::new();
    for row in rows(POSITIONS, body)? {
        let units = |key: &str| parse_decimal(row[key].as_str()?.as_bytes()).ok();
        let qty = units("positionAmt")
            .ok_or_else(|| unread(POSITIONS, &format!("no quantity in {row}")))?;
        if qty == 0 {
            continue;
        }
        let side = match row["positionSide"].as_str() {
            Some("LONG") => PositionSide::Long,
            Some("SHORT") => PositionSide::Short,
            _ => PositionSide::Both,
        };
        held.push(Held {
            symbol: symbol(POSITIONS, &row)?,
            side,
            qty: Qty::from_units(qty),
            mark: Price::from_units(units("markPrice").unwrap_or(0)),
        });
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use schema::SCALE;

    use super::*;

    #[test]
    fn what_closing_does_not_need_keeps_nothing_from_being_read() {
        let body = br#"[
            {"symbol":"BTCUSDT","positionSide":"BOTH","positionAmt":"-0.010","markPrice":"?"},
            {"symbol":"","positionSide":"BOTH","positionAmt":"0.000","markPrice":"1"},
            {"symbol":"ETHUSDT","positionSide":"LONG","positionAmt":"2","markPrice":"3000.5"}]"#;
        let held = held_of(body).expect("a list");
        assert_eq!(held.len(), 2);
        assert_eq!((held[0].qty.units(), held[0].mark.units()), (-SCALE / 100, 0));
        assert_eq!((held[1].side, held[1].mark.units()), (PositionSide::Long, 300_050_000_000));
        let orders = br#"[{"symbol":"BTCUSDT","type":"OF_TOMORROW","price":{}}]"#;
        let orders = rows("openOrders", orders).expect("a list");
        assert_eq!(symbol("openOrders", &orders[0]).expect("its symbol").as_str(), "BTCUSDT");
    }

    #[test]
    fn what_closing_needs_is_never_guessed() {
        for body in [
            &b"{}"[..],
            b"",
            br#"[{"symbol":"BTCUSDT","positionSide":"BOTH"}]"#,
            br#"[{"symbol":"BTCUSDT","positionAmt":"much"}]"#,
            br#"[{"positionAmt":"1"}]"#,
        ] {
            assert!(held_of(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
        let nameless = rows("openOrders", br#"[{"orderId":1}]"#).expect("a list");
        assert!(symbol("openOrders", &nameless[0]).is_err());
    }
}
