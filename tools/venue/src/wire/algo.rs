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

#[cfg(test)]
mod tests {
    use backtest::{AlgoStatus, PriceMatch, StpMode, WorkingType};
    use schema::{OrderType, Price, Qty, Side, SymbolId, SymbolName, TimeInForce};

    use super::*;

    fn order() -> AlgoView {
        AlgoView {
            algo_id: 4_000_001_910_701_524,
            client_algo_id: "8121aafc-cba3-4a01-a279-1dcb03a7b80f".into(),
            symbol: SymbolId(0),
            symbol_name: SymbolName::new(b"DOTUSDT").expect("a name"),
            side: Side::Buy,
            order_type: OrderType::StopMarket,
            time_in_force: TimeInForce::Gtc,
            qty: "5".parse().expect("a quantity"),
            status: AlgoStatus::New,
            trigger_price: "1.1637".parse().expect("a price"),
            price: Price::ZERO,
            stp: StpMode::ExpireMaker,
            working_type: WorkingType::ContractPrice,
            price_match: PriceMatch::None,
            close_position: false,
            price_protect: false,
            reduce_only: false,
            activate_price: None,
            callback_ppm: None,
            is_activated: false,
            create_time_ms: 1_789_835_582_916,
            update_time_ms: 1_789_835_582_916,
            trigger_time_ms: 0,
            good_till_ms: 0,
            actual_order_id: 0,
            actual_type: None,
            actual_price: Price::ZERO,
            actual_qty: Qty::ZERO,
            reject_reason: None,
        }
    }
    fn format() -> Format {
        Format {
            name: "DOTUSDT".into(),
            lower: "dotusdt".into(),
            price_decimals: 4,
            qty_decimals: 1,
        }
    }

    #[test]
    fn an_update_is_written_as_it_was_captured() {
        let update = AlgoUpdate { order: order(), time_ms: 1_789_835_582_916 };
        // PROTOCOL 5, with E as T.
        assert_eq!(
            super::update(&format(), &update),
            "{\"e\":\"ALGO_UPDATE\",\"T\":1789835582916,\"E\":1789835582916,\"o\":{\
             \"caid\":\"8121aafc-cba3-4a01-a279-1dcb03a7b80f\",\"aid\":4000001910701524,\
             \"at\":\"CONDITIONAL\",\"o\":\"STOP_MARKET\",\"s\":\"DOTUSDT\",\"S\":\"BUY\",\
             \"ps\":\"BOTH\",\"f\":\"GTC\",\"q\":\"5\",\"X\":\"NEW\",\"ai\":\"\",\"tp\":\"1.1637\",\
             \"p\":\"0\",\"V\":\"EXPIRE_MAKER\",\"wt\":\"CONTRACT_PRICE\",\"pm\":\"NONE\",\
             \"cp\":false,\"pP\":false,\"R\":false,\"tt\":0,\"gtd\":0,\"ia\":false}}"
        );
    }

    #[test]
    fn a_rejected_update_tells_why_and_a_triggered_one_of_its_order() {
        let mut order = order();
        order.status = AlgoStatus::Rejected;
        order.reject_reason = Some("Margin is insufficient.".into());
        let text = super::update(&format(), &AlgoUpdate { order: order.clone(), time_ms: 1 });
        assert!(text.contains("\"gtd\":0,\"rm\":\"Margin is insufficient.\",\"ia\""), "{text}");
        order.actual_order_id = 7;
        order.actual_type = Some(OrderType::Market);
        order.actual_price = "1.17".parse().expect("a price");
        order.actual_qty = "5".parse().expect("a quantity");
        let text = super::update(&format(), &AlgoUpdate { order, time_ms: 1 });
        let actual = "\"ai\":\"7\",\"ap\":\"1.17\",\"aq\":\"5\",\"act\":\"MARKET\",\"tp\"";
        assert!(text.contains(actual), "{text}");
    }

    #[test]
    fn a_query_tells_more_than_an_acknowledgement() {
        let mut order = order();
        order.callback_ppm = Some(3_000);
        order.activate_price = Some("1.2".parse().expect("a price"));
        let text = |full: bool| {
            let mut json = Json::new();
            shape(&mut json, &format(), &order, full);
            json.finish()
        };
        assert!(text(false).contains("\"activatePrice\":\"1.2000\",\"callbackRate\":\"0.3\""));
        assert!(text(false).contains("\"icebergQuantity\":null"));
        assert!(!text(false).contains("actualOrderId"));
        assert!(
            text(true).contains("\"actualOrderId\":\"\",\"actualPrice\":\"0\",\"triggerPrice\"")
        );
    }
}
