//! Placing, cancelling and querying conditional orders (PROTOCOL 3.5).

use backtest::{AlgoKey, AlgoRequest, AlgoView, WorkingType};
use schema::{OrderType, Price, Qty};

use super::orders::{price_match, side, stp_mode, time_in_force};
use super::{Answer, Context, in_window};
use crate::{
    params::Params,
    refusal::Refusal,
    wire::{algo, json::Json},
};

/// `POST algoOrder`, `algoOrder.place`
pub(crate) fn place(context: &mut Context<'_>, params: &Params) -> Answer {
    let request = algo_request(context, params)?;
    let account = context.account_id();
    let order = context.core.exchange.place_algo(context.now_ms, account, &request)?;
    let mut json = Json::new();
    algo::ack(&mut json, &context.core.formats[order.symbol.index()], &order);
    Ok(json.finish())
}

/// `DELETE algoOrder`, `algoOrder.cancel`
pub(crate) fn cancel(context: &mut Context<'_>, params: &Params) -> Answer {
    let key = algo_key(params)?;
    let account = context.account_id();
    let order = context.core.exchange.cancel_algo(context.now_ms, account, &key)?;
    let mut json = Json::new();
    // The code is a text here (measured 2026-09-19).
    json.open()
        .number("algoId", order.algo_id)
        .text("clientAlgoId", &order.client_algo_id)
        .text("code", "200")
        .text("msg", "success")
        .close();
    Ok(json.finish())
}

/// `DELETE algoOpenOrders`
pub(crate) fn cancel_all(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let account = context.account_id();
    context.core.exchange.cancel_all_algos(context.now_ms, account, symbol)?;
    Ok(r#"{"code":200,"msg":"The operation of cancel all open order is done."}"#.to_owned())
}

/// `GET algoOrder`
pub(crate) fn status(context: &mut Context<'_>, params: &Params) -> Answer {
    let key = algo_key(params)?;
    let order = context.core.exchange.algo_status(context.account_id(), &key)?;
    let mut json = Json::new();
    algo::full(&mut json, &context.core.formats[order.symbol.index()], &order);
    Ok(json.finish())
}

/// `GET openAlgoOrders`: those that wait for their price.
pub(crate) fn open(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol_if_any(params)?;
    let algo_id = params.integer("algoId")?;
    let mut rows = context.core.exchange.open_algos(context.account_id(), symbol);
    rows.retain(|order| algo_id.is_none_or(|id| order.algo_id == id));
    Ok(list(context, &rows))
}

/// `GET allAlgoOrders`: from an id on, or the newest of the window, ascending.
pub(crate) fn all(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let limit = params.limit(500, 1000)?;
    let from_id = params.integer("algoId")?;
    let in_window = in_window(params)?;
    let mut rows = context.core.exchange.all_algos(context.account_id(), Some(symbol));
    rows.retain(|order| {
        in_window(order.create_time_ms) && from_id.is_none_or(|from| order.algo_id >= from)
    });
    if from_id.is_some() {
        rows.truncate(limit);
    } else {
        rows.drain(..rows.len().saturating_sub(limit));
    }
    Ok(list(context, &rows))
}

fn list(context: &Context<'_>, rows: &[AlgoView]) -> String {
    let mut json = Json::new();
    json.open_list();
    for order in rows {
        algo::full(&mut json, &context.core.formats[order.symbol.index()], order);
    }
    json.close_list();
    json.finish()
}

fn algo_key(params: &Params) -> Result<AlgoKey, Refusal> {
    let key = AlgoKey {
        algo_id: params.integer("algoId")?,
        client_algo_id: params.get("clientAlgoId").map(str::to_owned),
    };
    if key == AlgoKey::default() {
        let text = "Param 'algoid' or 'clientalgoid' must be sent, but both were empty/null!";
        return Err(Refusal::bad(-1102, text));
    }
    Ok(key)
}

fn algo_request(context: &Context<'_>, params: &Params) -> Result<AlgoRequest, Refusal> {
    if params.need("algoType")? != "CONDITIONAL" {
        return Err(Refusal::bad(-1130, "Data sent for parameter 'algoType' is not valid."));
    }
    let symbol = context.symbol(params)?;
    let order_type = OrderType::from_wire(params.need("type")?.as_bytes())
        .ok_or_else(|| Refusal::bad(-1116, "Invalid orderType."))?;
    let working_type = match params.get("workingType") {
        None => WorkingType::default(),
        Some(text) => WorkingType::from_wire(text).ok_or_else(|| {
            Refusal::bad(-1130, "Data sent for parameter 'workingType' is not valid.")
        })?,
    };
    let price = |name: &str| params.decimal(name).map(|units| units.map(Price::from_units));
    Ok(AlgoRequest {
        symbol,
        side: side(params)?,
        order_type,
        time_in_force: time_in_force(params)?,
        qty: params.decimal("quantity")?.map(Qty::from_units),
        price: price("price")?,
        trigger_price: price("triggerPrice")?,
        working_type,
        price_match: price_match(params)?,
        close_position: params.flag("closePosition")?.unwrap_or(false),
        price_protect: params.flag("priceProtect")?.unwrap_or(false),
        reduce_only: params.flag("reduceOnly")?.unwrap_or(false),
        activate_price: price("activatePrice")?,
        // 1 % is 10,000 ppm and arrives as 100,000,000 units of 1e-8.
        callback_ppm: params.decimal("callbackRate")?.map(|units| units / 10_000),
        client_algo_id: params.get("clientAlgoId").map(str::to_owned),
        stp: stp_mode(params)?,
        good_till_ms: params.integer("goodTillDate")?,
        position_side_both: matches!(params.get("positionSide"), None | Some("BOTH")),
    })
}
