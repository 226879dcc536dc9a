//! User data events (PROTOCOL 5).

use backtest::{AccountEvent, AccountUpdate, OrderUpdate, TradeLite, event::MarginCall};

use super::{Format, json::Json};

/// Name of an event, as `events=` filters name it.
pub(crate) const fn name(event: &AccountEvent) -> &'static str {
    match event {
        AccountEvent::TradeLite(_) => "TRADE_LITE",
        AccountEvent::Order(_) => "ORDER_TRADE_UPDATE",
        AccountEvent::Account(_) => "ACCOUNT_UPDATE",
        AccountEvent::MarginCall(_) => "MARGIN_CALL",
        AccountEvent::Algo(_) => "ALGO_UPDATE",
        AccountEvent::Leverage { .. } => "ACCOUNT_CONFIG_UPDATE",
    }
}

/// The event as JSON; `formats` by symbol.
pub(crate) fn event(formats: &[Format], event: &AccountEvent) -> String {
    match event {
        AccountEvent::TradeLite(fill) => trade_lite(&formats[fill.symbol.index()], fill),
        AccountEvent::Order(update) => order(&formats[update.order.symbol.index()], update),
        AccountEvent::Account(update) => account(formats, update),
        AccountEvent::Algo(update) => {
            super::algo::update(&formats[update.order.symbol.index()], update)
        }
        AccountEvent::MarginCall(call) => margin_call(&formats[call.symbol.index()], call),
        AccountEvent::Leverage { symbol, leverage, time_ms, .. } => {
            let mut json = Json::new();
            json.open().text("e", "ACCOUNT_CONFIG_UPDATE").number("E", *time_ms);
            json.number("T", *time_ms).key("ac").open();
            json.text("s", &formats[symbol.index()].name).number("l", i64::from(*leverage));
            json.close().close();
            json.finish()
        }
    }
}

/// `{"e":"listenKeyExpired",…}`
pub(crate) fn listen_key_expired(listen_key: &str, now_ms: i64) -> String {
    let mut json = Json::new();
    json.open().text("e", "listenKeyExpired").number("E", now_ms);
    json.text("listenKey", listen_key).close();
    json.finish()
}

fn trade_lite(format: &Format, fill: &TradeLite) -> String {
    let mut json = Json::new();
    json.open()
        .text("e", "TRADE_LITE")
        .number("E", fill.time_ms)
        .number("T", fill.time_ms)
        .text("s", &format.name)
        .decimal("q", fill.qty.units(), format.qty_decimals)
        .decimal("p", fill.price.units(), format.price_decimals)
        .flag("m", fill.is_maker)
        .text("c", &fill.client_order_id)
        .text("S", fill.side.as_str())
        .decimal("L", fill.last_price.units(), format.price_decimals)
        .decimal("l", fill.last_qty.units(), format.qty_decimals)
        .number("t", fill.trade_id)
        .number("i", fill.order_id)
        .close();
    json.finish()
}

fn order(format: &Format, update: &OrderUpdate) -> String {
    let order = &update.order;
    let mut json = Json::new();
    json.open()
        .text("e", "ORDER_TRADE_UPDATE")
        .number("T", update.time_ms)
        .number("E", update.time_ms)
        .key("o");
    order_body(&mut json, format, update);
    json.number("T", update.time_ms)
        .number("t", update.trade_id)
        .decimal("b", update.bid_notional.units(), 0)
        .decimal("a", update.ask_notional.units(), 0)
        .flag("m", update.is_maker)
        .flag("R", order.reduce_only)
        .text("wt", order.origin.map_or("CONTRACT_PRICE", |origin| origin.working_type.as_str()))
        .text("ot", update.original_type.as_str())
        .text("ps", "BOTH")
        .flag("cp", order.origin.is_some_and(|origin| origin.close_position));
    if let Some(origin) = order.origin.filter(|origin| origin.callback_ppm > 0) {
        json.decimal("AP", origin.activate_price.units(), 0).decimal(
            "cr",
            origin.callback_ppm * 10_000,
            1,
        );
    }
    json.decimal("rp", update.realized_pnl.units(), 0)
        .flag("pP", order.origin.is_some_and(|origin| origin.price_protect))
        .number("si", 0)
        .number("ss", 0)
        .text("V", order.stp.as_str())
        .text("pm", order.price_match.as_str())
        .number("gtd", order.good_till_ms)
        .text("er", &update.expiry_reason.to_string());
    if let (Some(id), schema::ExecType::Amendment) = (order.modify_id, update.exec_type) {
        json.text("M", &id.to_string());
    }
    json.close().close();
    json.finish()
}

/// The members of `o` up to the commission asset.
fn order_body(json: &mut Json, format: &Format, update: &OrderUpdate) {
    let order = &update.order;
    json.open()
        .text("s", &format.name)
        .text("c", &order.client_order_id)
        .text("S", order.side.as_str())
        .text("o", order.order_type.as_str())
        .text("f", order.time_in_force.as_str())
        .decimal("q", order.qty.units(), format.qty_decimals)
        .decimal("p", order.price.units(), format.price_decimals)
        .decimal("ap", order.avg_price.units(), 0)
        .decimal("sp", order.origin.map_or(0, |origin| origin.trigger_price.units()), 0)
        .text("x", update.exec_type.as_str())
        .text("X", order.status.as_str())
        .number("i", order.order_id)
        .decimal("l", update.last_qty.units(), 0)
        .decimal("z", order.executed_qty.units(), 0)
        .decimal("L", update.last_price.units(), 0)
        .decimal("n", update.commission.units(), if update.trade_id == 0 { 0 } else { 8 })
        .text("N", "USDT");
}

fn account(formats: &[Format], update: &AccountUpdate) -> String {
    let mut json = Json::new();
    json.open()
        .text("e", "ACCOUNT_UPDATE")
        .number("T", update.time_ms)
        .number("E", update.time_ms)
        .key("a")
        .open()
        .key("B")
        .open_list()
        .open()
        .text("a", "USDT")
        .decimal("wb", update.wallet_balance.units(), 8)
        .decimal("cw", update.wallet_balance.units(), 8)
        .decimal("bc", update.balance_change.units(), 0)
        .close()
        .close_list()
        .key("P")
        .open_list();
    if let Some(position) = &update.position {
        let format = &formats[position.symbol.index()];
        json.open()
            .text("s", &format.name)
            .decimal("pa", position.qty.units(), format.qty_decimals)
            .decimal("ep", position.entry_price.units(), 0)
            .decimal("cr", position.accumulated_realized.units(), 0)
            .decimal("up", position.unrealized_profit.units(), 8)
            .text("mt", "cross")
            .text("iw", "0")
            .text("ps", "BOTH")
            .text("ma", "USDT")
            .decimal("bep", position.break_even_price.units(), 0)
            .close();
    }
    json.close_list().text("m", update.reason.as_str()).close().close();
    json.finish()
}

fn margin_call(format: &Format, call: &MarginCall) -> String {
    let mut json = Json::new();
    json.open()
        .text("e", "MARGIN_CALL")
        .number("E", call.time_ms)
        .decimal("cw", call.wallet_balance.units(), 8)
        .key("p")
        .open_list()
        .open()
        .text("s", &format.name)
        .text("ps", "BOTH")
        .decimal("pa", call.qty.units(), format.qty_decimals)
        .text("mt", "CROSSED")
        .text("iw", "0")
        .decimal("mp", call.mark_price.units(), 8)
        .decimal("up", call.unrealized_profit.units(), 8)
        .decimal("mm", call.maint_margin.units(), 8)
        .close()
        .close_list()
        .close();
    json.finish()
}
