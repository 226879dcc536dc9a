//! Conditional orders as REST, the WebSocket API and the user stream show them (PROTOCOL 3.5, 5).

use backtest::{AlgoUpdate, AlgoView};

use super::{Format, json::Json};

/// What every conditional order's `algoType` says.
const CONDITIONAL: &str = "CONDITIONAL";

/// Answer to a placement.
pub(crate) fn ack(json: &mut Json, format: &Format, order: &AlgoView) {
    shape(json, format, order, false);
}

/// Answer to a query: also what became of it.
pub(crate) fn full(json: &mut Json, format: &Format, order: &AlgoView) {
    shape(json, format, order, true);
}

fn shape(json: &mut Json, format: &Format, order: &AlgoView, full: bool) {
    json.open()
        .number("algoId", order.algo_id)
        .text("clientAlgoId", &order.client_algo_id)
        .text("algoType", CONDITIONAL)
        .text("orderType", order.order_type.as_str())
        .text("symbol", &format.name)
        .text("side", order.side.as_str())
        .text("positionSide", "BOTH")
        .text("timeInForce", order.time_in_force.as_str())
        .decimal("quantity", order.qty.units(), format.qty_decimals)
        .text("algoStatus", order.status.as_str());
    if full {
        actual(json, format, order);
    }
    json.decimal("triggerPrice", order.trigger_price.units(), format.price_decimals)
        .decimal("price", order.price.units(), format.price_decimals)
        .key("icebergQuantity")
        .raw("null")
        .text("selfTradePreventionMode", order.stp.as_str())
        .text("workingType", order.working_type.as_str())
        .text("priceMatch", order.price_match.as_str())
        .flag("closePosition", order.close_position)
        .flag("priceProtect", order.price_protect)
        .flag("reduceOnly", order.reduce_only);
    match order.activate_price {
        Some(price) => json.decimal("activatePrice", price.units(), format.price_decimals),
        None => json.text("activatePrice", ""),
    };
    match order.callback_ppm {
        Some(ppm) => json.decimal("callbackRate", ppm * 10_000, 1),
        None => json.text("callbackRate", ""),
    };
    json.number("createTime", order.create_time_ms)
        .number("updateTime", order.update_time_ms)
        .number("triggerTime", order.trigger_time_ms)
        .number("goodTillDate", order.good_till_ms)
        .close();
}

/// The real order: an empty id before the trigger.
fn actual(json: &mut Json, format: &Format, order: &AlgoView) {
    let Some(kind) = order.actual_type else {
        json.text("actualOrderId", "").text("actualPrice", "0");
        return;
    };
    json.text("actualOrderId", &order.actual_order_id.to_string())
        .decimal("actualPrice", order.actual_price.units(), 0)
        .text("actualType", kind.as_str());
    if !order.actual_qty.is_zero() {
        json.decimal("actualQty", order.actual_qty.units(), format.qty_decimals);
    }
}

/// ALGO_UPDATE.
pub(crate) fn update(format: &Format, update: &AlgoUpdate) -> String {
    let order = &update.order;
    let mut json = Json::new();
    json.open()
        .text("e", "ALGO_UPDATE")
        .number("T", update.time_ms)
        .number("E", update.time_ms)
        .key("o")
        .open()
        .text("caid", &order.client_algo_id)
        .number("aid", order.algo_id)
        .text("at", CONDITIONAL)
        .text("o", order.order_type.as_str())
        .text("s", &format.name)
        .text("S", order.side.as_str())
        .text("ps", "BOTH")
        .text("f", order.time_in_force.as_str())
        .decimal("q", order.qty.units(), 0)
        .text("X", order.status.as_str());
    match order.actual_type {
        Some(kind) => json
            .text("ai", &order.actual_order_id.to_string())
            .decimal("ap", order.actual_price.units(), 0)
            .decimal("aq", order.actual_qty.units(), 0)
            .text("act", kind.as_str()),
        None => json.text("ai", ""),
    };
    json.decimal("tp", order.trigger_price.units(), 0)
        .decimal("p", order.price.units(), 0)
        .text("V", order.stp.as_str())
        .text("wt", order.working_type.as_str())
        .text("pm", order.price_match.as_str())
        .flag("cp", order.close_position)
        .flag("pP", order.price_protect)
        .flag("R", order.reduce_only)
        .number("tt", order.trigger_time_ms)
        .number("gtd", order.good_till_ms);
    if let Some(reason) = &order.reject_reason {
        json.text("rm", reason);
    }
    json.flag("ia", order.is_activated).close().close();
    json.finish()
}
