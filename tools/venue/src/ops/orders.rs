//! Placing, amending, cancelling and querying orders (PROTOCOL 3.4).

use backtest::{
    AmendRequest, OrderKey, OrderRequest, OrderView, PriceMatch, ResponseType, StpMode,
};
use schema::{OrderType, Price, Qty, Side, TimeInForce};

use super::{Answer, Context, in_window};
use crate::{
    faults::Kind,
    params::Params,
    refusal::Refusal,
    wire::{json::Json, orders},
};

/// Orders one `batchOrders` may hold.
const BATCH_MAX: usize = 5;
/// Orders one batch cancel may name.
const BATCH_CANCEL_MAX: usize = 10;

/// `POST order`, `order.place`
pub(crate) fn place(context: &mut Context<'_>, params: &Params) -> Answer {
    let request = order_request(context, params)?;
    let account = context.account_id();
    let order = context.core.exchange.place(context.now_ms, account, &request)?;
    Ok(orders::ack(&context.core.formats[order.symbol.index()], &order))
}

/// `POST order/test`
pub(crate) fn test(context: &mut Context<'_>, params: &Params) -> Answer {
    let request = order_request(context, params)?;
    context.core.exchange.check(context.now_ms, context.account_id(), &request)?;
    Ok("{}".to_owned())
}

/// `DELETE order`, `order.cancel`
pub(crate) fn cancel(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let key = order_key(params)?;
    let account = context.account_id();
    let order = context.core.exchange.cancel(context.now_ms, account, symbol, &key)?;
    Ok(orders::ack(&context.core.formats[symbol.index()], &order))
}

/// `PUT order`, `order.modify`
pub(crate) fn modify(context: &mut Context<'_>, params: &Params) -> Answer {
    let price_match = price_match(params)?;
    let request = AmendRequest {
        symbol: context.symbol(params)?,
        key: order_key(params)?,
        side: side(params)?,
        qty: params.decimal("quantity")?.map(Qty::from_units),
        price: params.decimal("price")?.map(Price::from_units),
        price_match,
        modify_id: params.integer("modifyId")?,
    };
    if request.qty.is_none() {
        return Err(Refusal::missing("quantity"));
    }
    if request.price.is_none() && price_match == PriceMatch::None {
        return Err(Refusal::missing("price"));
    }
    let account = context.account_id();
    let order = context.core.exchange.modify(context.now_ms, account, &request)?;
    Ok(orders::ack(&context.core.formats[order.symbol.index()], &order))
}

/// `GET order`, `order.status`
pub(crate) fn status(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let key = order_key(params)?;
    let order = context.core.exchange.status(context.account_id(), symbol, &key)?;
    Ok(list(context, core::slice::from_ref(&order), false))
}

/// `GET openOrder`
pub(crate) fn open_order(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let key = order_key(params)?;
    let order = context.core.exchange.status(context.account_id(), symbol, &key)?;
    if order.status.is_terminal() {
        return Err(Refusal::bad(-2013, "Order does not exist."));
    }
    Ok(list(context, core::slice::from_ref(&order), false))
}

/// `GET openOrders`
pub(crate) fn open_orders(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol_if_any(params)?;
    let open = context.core.exchange.open_orders(context.account_id(), symbol);
    Ok(list(context, &open, true))
}

/// `GET allOrders`: the newest, ascending.
pub(crate) fn all_orders(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol_if_any(params)?;
    let limit = params.limit(500, 1000)?;
    let from_id = params.integer("orderId")?;
    let in_window = in_window(params)?;
    let mut rows = context.core.exchange.all_orders(context.account_id(), symbol);
    rows.retain(|order| {
        in_window(order.time_ms) && from_id.is_none_or(|from| order.order_id >= from)
    });
    if from_id.is_some() {
        rows.truncate(limit);
    } else {
        rows.drain(..rows.len().saturating_sub(limit));
    }
    Ok(list(context, &rows, true))
}

/// `DELETE allOpenOrders`
pub(crate) fn cancel_all(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let account = context.account_id();
    match context.twist.as_ref().filter(|fault| fault.kind == Kind::CancelAllPartial) {
        None => {
            context.core.exchange.cancel_all(context.now_ms, account, symbol)?;
        }
        Some(fault) => {
            let open = context.core.exchange.open_orders(account, Some(symbol));
            let left = open.len() as i64 * fault.ppm.unwrap_or(500_000) / 1_000_000;
            let cancelled = open.len().saturating_sub((left as usize).max(1));
            for order in &open[..cancelled] {
                let key = OrderKey::id(order.order_id);
                context.core.exchange.cancel(context.now_ms, account, symbol, &key)?;
            }
        }
    }
    Ok(r#"{"code":200,"msg":"The operation of cancel all open order is done."}"#.to_owned())
}

/// `POST countdownCancelAll`
pub(crate) fn countdown(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let time_ms =
        params.integer("countdownTime")?.ok_or_else(|| Refusal::missing("countdownTime"))?;
    let account = context.account_id();
    context.core.exchange.set_countdown(context.now_ms, account, symbol, time_ms)?;
    let mut json = Json::new();
    json.open().text("symbol", &context.core.formats[symbol.index()].name);
    json.text("countdownTime", &time_ms.to_string()).close();
    Ok(json.finish())
}

/// `POST batchOrders`: orders or refusals in the order of the request.
pub(crate) fn place_batch(context: &mut Context<'_>, params: &Params) -> Answer {
    each(context, params, place)
}

/// `PUT batchOrders`
pub(crate) fn modify_batch(context: &mut Context<'_>, params: &Params) -> Answer {
    each(context, params, modify)
}

/// `DELETE batchOrders`
pub(crate) fn cancel_batch(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let ids = json_list(params, "orderIdList")?;
    let clients = json_list(params, "origClientOrderIdList")?;
    let keys: Vec<OrderKey> = match (ids, clients) {
        (Some(ids), _) => ids.iter().filter_map(|id| id.as_i64()).map(OrderKey::id).collect(),
        (None, Some(ids)) => {
            ids.iter().filter_map(|id| id.as_str()).map(OrderKey::client).collect()
        }
        (None, None) => return Err(Refusal::missing("orderIdList")),
    };
    if keys.is_empty() || keys.len() > BATCH_CANCEL_MAX {
        return Err(Refusal::bad(-1130, "Data sent for parameter 'orderIdList' is not valid."));
    }
    let account = context.account_id();
    let mut json = Json::new();
    json.open_list();
    for key in &keys {
        match context.core.exchange.cancel(context.now_ms, account, symbol, key) {
            Ok(order) => json.raw(&orders::ack(&context.core.formats[symbol.index()], &order)),
            Err(error) => json.raw(&Refusal::from(error).body()),
        };
    }
    json.close_list();
    Ok(json.finish())
}

fn each(
    context: &mut Context<'_>,
    params: &Params,
    one: fn(&mut Context<'_>, &Params) -> Answer,
) -> Answer {
    let name = "batchOrders";
    let items = json_list(params, name)?.ok_or_else(|| Refusal::missing(name))?;
    if items.is_empty() || items.len() > BATCH_MAX {
        return Err(Refusal::bad(-4082, "Invalid number of batch place orders."));
    }
    let mut json = Json::new();
    json.open_list();
    for item in &items {
        let answer = match Params::from_json(item) {
            Some(item) => one(context, &item),
            None => Err(Refusal::missing(name)),
        };
        json.raw(&answer.unwrap_or_else(|refusal| refusal.body()));
    }
    json.close_list();
    Ok(json.finish())
}

fn json_list(params: &Params, name: &str) -> Result<Option<Vec<serde_json::Value>>, Refusal> {
    // ccxt sends `orderidlist`, and the venue takes it.
    let text = params.get(name).or_else(|| params.get(&name.to_ascii_lowercase()));
    let Some(text) = text else { return Ok(None) };
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Array(items)) => Ok(Some(items)),
        _ => Err(Refusal::missing(name)),
    }
}

fn list(context: &Context<'_>, rows: &[OrderView], as_list: bool) -> String {
    let mut json = Json::new();
    if as_list {
        json.open_list();
    }
    for order in rows {
        orders::full(&mut json, &context.core.formats[order.symbol.index()], order);
    }
    if as_list {
        json.close_list();
    }
    json.finish()
}

fn order_key(params: &Params) -> Result<OrderKey, Refusal> {
    let key = OrderKey {
        order_id: params.integer("orderId")?,
        client_order_id: params.get("origClientOrderId").map(str::to_owned),
    };
    if key.order_id.is_none() && key.client_order_id.is_none() {
        let text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!";
        return Err(Refusal::bad(-1102, text));
    }
    Ok(key)
}

pub(super) fn side(params: &Params) -> Result<Side, Refusal> {
    Side::from_wire(params.need("side")?.as_bytes())
        .ok_or_else(|| Refusal::bad(-1117, "Invalid side."))
}

pub(super) fn price_match(params: &Params) -> Result<PriceMatch, Refusal> {
    let Some(text) = params.get("priceMatch") else { return Ok(PriceMatch::None) };
    PriceMatch::from_wire(text)
        .ok_or_else(|| Refusal::bad(-1130, "Data sent for parameter 'priceMatch' is not valid."))
}

pub(super) fn time_in_force(params: &Params) -> Result<Option<TimeInForce>, Refusal> {
    let Some(text) = params.get("timeInForce") else { return Ok(None) };
    let found = TimeInForce::from_wire(text.as_bytes());
    found.map(Some).ok_or_else(|| Refusal::bad(-1115, "Invalid timeInForce."))
}

pub(super) fn stp_mode(params: &Params) -> Result<StpMode, Refusal> {
    let Some(text) = params.get("selfTradePreventionMode") else { return Ok(StpMode::default()) };
    StpMode::from_wire(text)
        .ok_or_else(|| Refusal::bad(-5039, "Invalid self trade prevention mode"))
}

fn order_request(context: &Context<'_>, params: &Params) -> Result<OrderRequest, Refusal> {
    let symbol = context.symbol(params)?;
    let order_type = OrderType::from_wire(params.need("type")?.as_bytes())
        .filter(|kind| *kind != OrderType::Liquidation)
        .ok_or_else(|| Refusal::bad(-1116, "Invalid orderType."))?;
    let response = match params.get("newOrderRespType") {
        None | Some("ACK") => ResponseType::Ack,
        Some("RESULT") => ResponseType::Result,
        Some(_) => {
            let text = "Data sent for parameter 'newOrderRespType' is not valid.";
            return Err(Refusal::bad(-1130, text));
        }
    };
    Ok(OrderRequest {
        symbol,
        side: side(params)?,
        order_type,
        time_in_force: time_in_force(params)?,
        qty: params.decimal("quantity")?.map(Qty::from_units),
        price: params.decimal("price")?.map(Price::from_units),
        reduce_only: params.flag("reduceOnly")?.unwrap_or(false),
        client_order_id: params.get("newClientOrderId").map(str::to_owned),
        stp: stp_mode(params)?,
        price_match: price_match(params)?,
        good_till_ms: params.integer("goodTillDate")?,
        position_side_both: matches!(params.get("positionSide"), None | Some("BOTH")),
        response,
    })
}
