//! The questions by REST (PROTOCOL 3.2 and 3.6).

use binance::rest::{
    RestError, parse_account, parse_open_algos, parse_open_orders, parse_positions,
    parse_user_trades,
};
use schema::{SymbolName, parse_decimal};
use serde_json::Value;

use super::{Ask, CANDLES, FILLS_MAX, OpenOrder, Unanswered};
use crate::copy::Fill;
use crate::portfolio::{Account, Position};
use crate::venue::Client;

/// The asset positions are settled in.
const QUOTE: &str = "USDT";

fn unread(error: impl core::fmt::Display) -> Unanswered {
    Unanswered { why: error.to_string(), wait: core::time::Duration::ZERO }
}

impl Ask for Client {
    fn account(&mut self) -> Result<Account, Unanswered> {
        let account = self.ask("/fapi/v3/account", &[])?;
        let positions = self.ask("/fapi/v3/positionRisk", &[])?;
        account_of(&account, &positions)
    }

    fn marks(&mut self) -> Result<Vec<(SymbolName, i64)>, Unanswered> {
        marks_of(&self.ask("/fapi/v1/premiumIndex", &[])?)
    }

    fn candles(&mut self, symbol: SymbolName) -> Result<Vec<(i64, i64)>, Unanswered> {
        let limit = CANDLES.to_string();
        let params = [("symbol", symbol.as_str()), ("interval", "1m"), ("limit", &limit)];
        candles_of(&self.ask("/fapi/v1/klines", &params)?)
    }

    fn fills(
        &mut self,
        symbol: SymbolName,
        from: Option<i64>,
    ) -> Result<Vec<(i64, Fill)>, Unanswered> {
        let (limit, from) = (FILLS_MAX.to_string(), from.map(|from| from.to_string()));
        let mut params = vec![("symbol", symbol.as_str()), ("limit", limit.as_str())];
        params.extend(from.as_deref().map(|from| ("fromId", from)));
        let trades = parse_user_trades(&self.ask("/fapi/v1/userTrades", &params)?);
        let trades = trades.map_err(unread)?;
        let fill = |trade: &binance::rest::UserTrade| Fill {
            qty: trade.qty.units(),
            price: trade.price.units(),
            commission: (trade.commission_asset == QUOTE).then(|| trade.commission.units()),
        };
        Ok(trades.iter().map(|trade| (trade.trade_id.0, fill(trade))).collect())
    }

    fn orders(&mut self, symbol: Option<SymbolName>) -> Result<Vec<OpenOrder>, Unanswered> {
        let params: Vec<_> = symbol.iter().map(|symbol| ("symbol", symbol.as_str())).collect();
        let orders = parse_open_orders(&self.ask("/fapi/v1/openOrders", &params)?);
        let open = |order: binance::rest::OpenOrder| OpenOrder {
            symbol: order.symbol,
            id: order.venue_order_id.0,
            client: order.client_order_id,
        };
        Ok(orders.map_err(unread)?.into_iter().map(open).collect())
    }

    fn algos(&mut self, symbol: Option<SymbolName>) -> Result<Vec<OpenOrder>, Unanswered> {
        let params: Vec<_> = symbol.iter().map(|symbol| ("symbol", symbol.as_str())).collect();
        let algos = parse_open_algos(&self.ask("/fapi/v1/openAlgoOrders", &params)?);
        let open = |algo: binance::rest::OpenAlgo| OpenOrder {
            symbol: algo.symbol,
            id: algo.algo_id.0,
            client: algo.client_order_id,
        };
        Ok(algos.map_err(unread)?.into_iter().map(open).collect())
    }
}

fn account_of(account: &[u8], positions: &[u8]) -> Result<Account, Unanswered> {
    let info = parse_account(account).map_err(unread)?;
    let positions = parse_positions(positions).map_err(unread)?;
    let held = positions.iter().filter(|position| position.qty.units() != 0);
    let position = |held: &binance::rest::PositionRisk| Position {
        symbol: held.symbol,
        qty: held.qty.units(),
        mark: held.mark_price.units(),
        unrealized: held.unrealized_pnl.units(),
        liquidation: held.liquidation_price.units(),
    };
    Ok(Account {
        wallet: info.total_wallet_balance.units(),
        equity: info.total_margin_balance.units(),
        maintenance_margin: decimal(&json(account)?["totalMaintMargin"], "totalMaintMargin")?,
        positions: held.map(position).collect(),
    })
}

fn marks_of(body: &[u8]) -> Result<Vec<(SymbolName, i64)>, Unanswered> {
    let rows = json(body)?;
    let rows = rows.as_array().ok_or_else(|| unread("premiumIndex is no list"))?;
    // A symbol that cannot be represented must not hide the others.
    let of = |row: &Value| {
        let name = SymbolName::new(row["symbol"].as_str()?.as_bytes()).ok()?;
        Some((name, decimal(&row["markPrice"], "markPrice").ok()?))
    };
    Ok(rows.iter().filter_map(of).filter(|(_, mark)| *mark > 0).collect())
}

fn candles_of(body: &[u8]) -> Result<Vec<(i64, i64)>, Unanswered> {
    let rows = json(body)?;
    let rows = rows.as_array().ok_or_else(|| unread("klines is no list"))?;
    let of = |row: &Value| {
        let open_ms = row[0].as_i64().ok_or_else(|| unread("a candle has no open time"))?;
        Ok((open_ms, decimal(&row[4], "close")?))
    };
    rows.iter().map(of).collect()
}

fn json(body: &[u8]) -> Result<Value, Unanswered> {
    serde_json::from_slice(body).map_err(unread)
}

/// A decimal in units of 1e-8; further digits, which sums of the venue may have, are cut off.
fn decimal(value: &Value, name: &str) -> Result<i64, Unanswered> {
    let text = value.as_str().ok_or_else(|| unread(format!("{name} is no decimal text")))?;
    let end = text.find('.').map_or(text.len(), |dot| text.len().min(dot + 9));
    parse_decimal(&text.as_bytes()[..end])
        .map_err(|error| unread(format!("{name} = {text}: {error}")))
}

impl From<RestError> for Unanswered {
    fn from(error: RestError) -> Self {
        unread(error)
    }
}

#[cfg(test)]
mod tests {
    use schema::SCALE;

    use super::*;

    const ACCOUNT: &str = r#"{"totalInitialMargin":"1","totalMaintMargin":"0.40000000",
        "totalWalletBalance":"100.00000000","totalUnrealizedProfit":"-1.50000000",
        "totalMarginBalance":"98.50000000","totalPositionInitialMargin":"1",
        "totalOpenOrderInitialMargin":"0","totalCrossWalletBalance":"100","totalCrossUnPnl":"-1.5",
        "availableBalance":"97","maxWithdrawAmount":"97","assets":[],"positions":[]}"#;
    const POSITIONS: &str = r#"[
        {"symbol":"BTCUSDT","positionSide":"BOTH","positionAmt":"-0.010","entryPrice":"50000",
         "breakEvenPrice":"50000","markPrice":"50150.00000000","unRealizedProfit":"-1.50000000",
         "liquidationPrice":"59000.5","isolatedMargin":"0","notional":"-501.5","marginAsset":"USDT",
         "isolatedWallet":"0","initialMargin":"1","maintMargin":"0.4","positionInitialMargin":"1",
         "openOrderInitialMargin":"0","adl":1,"bidNotional":"0","askNotional":"0","updateTime":1},
        {"symbol":"ETHUSDT","positionSide":"BOTH","positionAmt":"0.000","entryPrice":"0",
         "breakEvenPrice":"0","markPrice":"3000","unRealizedProfit":"0","liquidationPrice":"0",
         "isolatedMargin":"0","notional":"0","marginAsset":"USDT","isolatedWallet":"0",
         "initialMargin":"0","maintMargin":"0","positionInitialMargin":"0",
         "openOrderInitialMargin":"0","adl":0,"bidNotional":"0","askNotional":"0","updateTime":0}]"#;

    #[test]
    fn account_and_positions_become_one() {
        let account = account_of(ACCOUNT.as_bytes(), POSITIONS.as_bytes()).expect("both are good");
        assert_eq!(account.equity, 9_850_000_000);
        assert_eq!((account.wallet, account.maintenance_margin), (100 * SCALE, 40_000_000));
        let [held] = account.positions[..] else { panic!("{account:?}") };
        assert_eq!((held.qty, held.notional()), (-1_000_000, -50_150_000_000));
        assert_eq!(held.liquidation, 5_900_050_000_000);
        let lacking = ACCOUNT.replace("totalMaintMargin", "x");
        assert!(account_of(lacking.as_bytes(), POSITIONS.as_bytes()).is_err());
        assert!(account_of(b"{}", POSITIONS.as_bytes()).is_err());
    }

    #[test]
    fn marks_and_candles_are_read() {
        let marks = br#"[{"symbol":"BTCUSDT","markPrice":"50150.123456789"},
                         {"symbol":"","markPrice":"1"},{"symbol":"ZERO","markPrice":"0"}]"#;
        let marks = marks_of(marks).expect("a list");
        assert_eq!(marks.len(), 1);
        assert_eq!(marks[0].1, 5_015_012_345_678);
        let rows = br#"[[60000,"1","2","0.5","1.5","9"],[120000,"1","2","0.5","1.25","9"]]"#;
        let closes = candles_of(rows).expect("a list");
        assert_eq!(closes, [(60_000, 150_000_000), (120_000, 125_000_000)]);
        assert!(candles_of(b"{}").is_err());
    }
}
