//! The calls by REST (PROTOCOL 3.2 and 3.6).

use std::collections::BTreeMap;

use binance::rest::{
    PositionSide, parse_exchange_info, parse_open_algos, parse_open_orders, parse_positions,
};
use schema::SymbolName;

use super::{Book, Desk, Held, Lot, Slice};
use crate::clock::wall_ns;
use crate::look::Unanswered;
use crate::venue::{Client, Method};

impl Desk for Client {
    fn open(&mut self, book: Book) -> Result<Vec<SymbolName>, Unanswered> {
        Ok(match book {
            Book::Orders => parse_open_orders(&self.ask("/fapi/v1/openOrders", &[])?)?
                .into_iter()
                .map(|order| order.symbol)
                .collect(),
            Book::Algos => parse_open_algos(&self.ask("/fapi/v1/openAlgoOrders", &[])?)?
                .into_iter()
                .map(|algo| algo.symbol)
                .collect(),
        })
    }

    fn held(&mut self) -> Result<Vec<Held>, Unanswered> {
        let positions = parse_positions(&self.ask("/fapi/v3/positionRisk", &[])?)?;
        let held = positions.into_iter().filter(|position| !position.qty.is_zero());
        Ok(held
            .map(|position| Held {
                symbol: position.symbol,
                side: position.side,
                qty: position.qty,
                mark: position.mark_price,
            })
            .collect())
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
