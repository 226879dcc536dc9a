//! Orders as REST and the WebSocket API answer them (PROTOCOL 3.4).

use backtest::{OrderView, UserTradeView};

use super::{Format, json::Json};

/// The part all shapes share, up to `goodTillDate`.
fn body(json: &mut Json, format: &Format, order: &OrderView, full: bool) {
    json.number("orderId", order.order_id)
        .text("symbol", &format.name)
        .text("status", order.status.as_str())
        .text("clientOrderId", &order.client_order_id)
        .decimal("price", order.price.units(), format.price_decimals);
    if full {
        json.decimal("avgPrice", order.avg_price.units(), 5);
    }
    json.decimal("origQty", order.qty.units(), format.qty_decimals).decimal(
        "executedQty",
        order.executed_qty.units(),
        format.qty_decimals,
    );
    if full {
        json.decimal("cumQuote", order.cum_quote.units(), 5);
    } else {
        json.decimal("cumQty", order.executed_qty.units(), format.qty_decimals);
    }
    json.text("timeInForce", order.time_in_force.as_str())
        .text("type", order.order_type.as_str())
        .flag("reduceOnly", order.reduce_only)
        .flag("closePosition", order.origin.is_some_and(|origin| origin.close_position))
        .text("side", order.side.as_str())
        .text("positionSide", "BOTH")
        .decimal(
            "stopPrice",
            order.origin.map_or(0, |origin| origin.trigger_price.units()),
            format.price_decimals,
        )
        .text(
            "workingType",
            order.origin.map_or("CONTRACT_PRICE", |origin| origin.working_type.as_str()),
        )
        .flag("priceProtect", order.origin.is_some_and(|origin| origin.price_protect))
        .text("origType", order.origin.map_or(order.order_type, |o| o.order_type).as_str())
        .text("priceMatch", order.price_match.as_str())
        .text("selfTradePreventionMode", order.stp.as_str())
        .number("goodTillDate", order.good_till_ms);
}

/// Answer to a placement, an amendment or a cancel: no average price (removed 2026-06).
pub(crate) fn ack(format: &Format, order: &OrderView) -> String {
    let mut json = Json::new();
    json.open();
    body(&mut json, format, order, false);
    json.number("updateTime", order.update_time_ms);
    if let Some(modify_id) = order.modify_id {
        json.text("pair", &format.name).number("modifyId", modify_id);
    }
    json.close();
    json.finish()
}

/// Answer to a query: with average price, quote amount and both times.
pub(crate) fn full(json: &mut Json, format: &Format, order: &OrderView) {
    json.open();
    body(json, format, order, true);
    json.number("time", order.time_ms).number("updateTime", order.update_time_ms).close();
}

/// One row of `userTrades`.
pub(crate) fn user_trade(json: &mut Json, format: &Format, trade: &UserTradeView) {
    json.open()
        .flag("buyer", trade.side == schema::Side::Buy)
        .decimal("commission", trade.commission.units(), 8)
        .text("commissionAsset", "USDT")
        .number("id", trade.trade_id)
        .flag("maker", trade.maker)
        .number("orderId", trade.order_id)
        .decimal("price", trade.price.units(), format.price_decimals)
        .decimal("qty", trade.qty.units(), format.qty_decimals)
        .decimal("quoteQty", trade.quote_qty.units(), 0)
        .text("baseQty", "0")
        .text("marginAsset", "USDT")
        .decimal("realizedPnl", trade.realized_pnl.units(), 8)
        .text("side", trade.side.as_str())
        .text("positionSide", "BOTH")
        .text("symbol", &format.name)
        .text("pair", &format.name)
        .number("time", trade.time_ms)
        .close();
}
