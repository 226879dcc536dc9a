//! What the venue tells of risk: deleveraging, forced orders, trading limits (PROTOCOL 3.6).

use schema::OrderType;

use super::{Answer, Context, in_window};
use crate::{
    params::Params,
    refusal::Refusal,
    wire::{json::Json, orders},
};

/// `GET adlQuantile`: symbols with a position; the venue deleverages no one by itself.
pub(crate) fn adl_quantile(context: &mut Context<'_>, params: &Params) -> Answer {
    let only = context.symbol_if_any(params)?;
    let mut json = Json::new();
    json.open_list();
    let rows = context.core.exchange.positions(context.account_id());
    let held = rows.iter().filter(|row| !row.qty.is_zero());
    for row in held.filter(|row| only.is_none_or(|only| only == row.symbol)) {
        json.open().text("symbol", &context.core.formats[row.symbol.index()].name);
        json.key("adlQuantile").open().number("BOTH", 1).close().close();
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET forceOrders`: orders by which the venue closed the account's positions.
pub(crate) fn force_orders(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol_if_any(params)?;
    let limit = params.limit(50, 100)?;
    let in_window = in_window(params)?;
    let prefix = match params.get("autoCloseType") {
        None => "",
        Some("LIQUIDATION") => "autoclose-",
        Some("ADL") => "adl_autoclose",
        Some(_) => {
            let text = "Data sent for parameter 'autoCloseType' is not valid.";
            return Err(Refusal::bad(-1130, text));
        }
    };
    let mut rows = context.core.exchange.all_orders(context.account_id(), symbol);
    rows.retain(|order| {
        order.order_type == OrderType::Liquidation
            && order.client_order_id.starts_with(prefix)
            && in_window(order.time_ms)
    });
    rows.drain(..rows.len().saturating_sub(limit));
    let mut json = Json::new();
    json.open_list();
    for order in &rows {
        orders::full(&mut json, &context.core.formats[order.symbol.index()], order);
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET apiTradingStatus`: no account is limited.
pub(crate) fn trading_status(context: &mut Context<'_>, _: &Params) -> Answer {
    Ok(format!("{{\"indicators\":{{}},\"updateTime\":{}}}", context.now_ms))
}

/// `GET feeBurn`: fees are paid in USDT.
pub(crate) fn fee_burn(_: &mut Context<'_>, _: &Params) -> Answer {
    Ok(r#"{"feeBurn":false}"#.to_owned())
}
