//! Account, positions, settings, fills and income (PROTOCOL 3.6).

use backtest::{AccountView, PositionView};
use schema::SymbolId;

use super::{Answer, Context, in_window};
use crate::{
    faults::{Fault, Kind, acts},
    params::Params,
    refusal::Refusal,
    wire::{
        account::{self, Version},
        json::Json,
        orders, rules,
    },
};

/// What the account is told to be: the truth, unless the request is twisted.
fn told(context: &Context<'_>) -> AccountView {
    let mut view = context.core.exchange.account(context.account_id());
    match &context.twist {
        Some(fault) if fault.kind == Kind::AccountEmpty => return AccountView::default(),
        Some(fault) if fault.kind == Kind::PositionOff => {
            // A position that is not there would not have a row.
            let all = context.core.exchange.positions(context.account_id());
            view.positions = all.into_iter().map(|row| off(fault, row)).collect();
            view.positions.retain(|row| !row.qty.is_zero());
        }
        _ => {}
    }
    view
}

/// Rows of every symbol, as [`told`].
fn told_positions(context: &Context<'_>) -> Vec<PositionView> {
    let all = context.core.exchange.positions(context.account_id());
    match &context.twist {
        Some(fault) if fault.kind == Kind::AccountEmpty => Vec::new(),
        Some(fault) if fault.kind == Kind::PositionOff => {
            all.into_iter().map(|row| off(fault, row)).collect()
        }
        _ => all,
    }
}

fn off(fault: &Fault, row: PositionView) -> PositionView {
    let qty = acts::told_qty(fault, row.symbol_name.as_str(), row.qty);
    let entry_price = if row.entry_price.is_zero() { row.mark_price } else { row.entry_price };
    PositionView { qty, entry_price, ..row }
}

/// Whether a setting is told to be on that never is.
fn is_set(context: &Context<'_>, setting: &str) -> bool {
    let fault = context.core.faults.holds(Kind::Settings, "", context.now_ms);
    fault.is_some_and(|fault| fault.value.as_deref().unwrap_or("hedge") == setting)
}

/// `GET v2/account`
pub(crate) fn account_v2(context: &mut Context<'_>, _: &Params) -> Answer {
    Ok(account_as(context, Version::Two))
}
/// `GET v3/account`, `v2/account.status`
pub(crate) fn account_v3(context: &mut Context<'_>, _: &Params) -> Answer {
    Ok(account_as(context, Version::Three))
}
fn account_as(context: &Context<'_>, version: Version) -> String {
    let (view, all) = (told(context), told_positions(context));
    account::account(&context.core.formats, &view, &all, version)
}

/// `GET balance`
pub(crate) fn balance(context: &mut Context<'_>, _: &Params) -> Answer {
    Ok(account::balance(&told(context)))
}

/// `GET v2/positionRisk`
pub(crate) fn position_v2(context: &mut Context<'_>, params: &Params) -> Answer {
    let rows = told_positions(context);
    positions(context, params, &rows, Version::Two, "unRealizedProfit")
}
/// `GET v3/positionRisk`
pub(crate) fn position_v3(context: &mut Context<'_>, params: &Params) -> Answer {
    let rows = told(context).positions;
    positions(context, params, &rows, Version::Three, "unRealizedProfit")
}
/// `v2/account.position`
pub(crate) fn position_ws(context: &mut Context<'_>, params: &Params) -> Answer {
    let rows = told(context).positions;
    positions(context, params, &rows, Version::Three, "unrealizedProfit")
}
fn positions(
    context: &Context<'_>,
    params: &Params,
    rows: &[PositionView],
    version: Version,
    profit_key: &str,
) -> Answer {
    let only = context.symbol_if_any(params)?;
    let mut json = Json::new();
    json.open_list();
    for row in rows.iter().filter(|row| only.is_none_or(|only| only == row.symbol)) {
        let format = &context.core.formats[row.symbol.index()];
        account::position(&mut json, format, row, version, profit_key);
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET symbolConfig`
pub(crate) fn symbol_config(context: &mut Context<'_>, params: &Params) -> Answer {
    let only = context.symbol_if_any(params)?;
    let symbols: Vec<SymbolId> =
        context.symbols().filter(|symbol| only.is_none_or(|only| only == *symbol)).collect();
    let margin_type = if is_set(context, "isolated") { "ISOLATED" } else { "CROSSED" };
    let mut json = Json::new();
    json.open_list();
    for symbol in symbols {
        let view = context.core.exchange.symbol_config(context.account_id(), symbol)?;
        json.open()
            .text("symbol", &context.core.formats[symbol.index()].name)
            .text("marginType", margin_type)
            .flag("isAutoAddMargin", false)
            .number("leverage", i64::from(view.leverage))
            .decimal("maxNotionalValue", view.max_notional.units(), 0)
            .close();
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET accountConfig`
pub(crate) fn account_config(context: &mut Context<'_>, _: &Params) -> Answer {
    let mut json = Json::new();
    json.open()
        .number("feeTier", 0)
        .flag("canTrade", true)
        .flag("canDeposit", true)
        .flag("canWithdraw", false)
        .flag("dualSidePosition", is_set(context, "hedge"))
        .number("updateTime", 0)
        .flag("multiAssetsMargin", is_set(context, "multi_assets"))
        .number("tradeGroupId", -1)
        .close();
    Ok(json.finish())
}

/// `POST leverage`
pub(crate) fn set_leverage(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let leverage = params.integer("leverage")?.ok_or_else(|| Refusal::missing("leverage"))?;
    let leverage = u32::try_from(leverage)
        .map_err(|_| Refusal::bad(-4028, format!("Leverage {leverage} is not valid.")))?;
    let account = context.account_id();
    let view = context.core.exchange.set_leverage(context.now_ms, account, symbol, leverage)?;
    let mut json = Json::new();
    json.open()
        .number("leverage", i64::from(view.leverage))
        .decimal("maxNotionalValue", view.max_notional.units(), 0)
        .text("symbol", &context.core.formats[symbol.index()].name)
        .close();
    Ok(json.finish())
}

/// `POST marginType`: cross margin only.
pub(crate) fn set_margin_type(context: &mut Context<'_>, params: &Params) -> Answer {
    context.symbol(params)?;
    match params.need("marginType")? {
        "CROSSED" => Err(Refusal::bad(-4046, "No need to change margin type.")),
        "ISOLATED" => Err(Refusal::unsupported("Isolated margin")),
        _ => Err(Refusal::bad(-1130, "Data sent for parameter 'marginType' is not valid.")),
    }
}

/// `GET positionSide/dual`
pub(crate) fn position_mode(context: &mut Context<'_>, _: &Params) -> Answer {
    Ok(format!(r#"{{"dualSidePosition":{}}}"#, is_set(context, "hedge")))
}

/// `POST positionSide/dual`: one-way mode only.
pub(crate) fn set_position_mode(context: &mut Context<'_>, params: &Params) -> Answer {
    match params.flag("dualSidePosition")? {
        Some(false) if is_set(context, "hedge") => {
            let text = "Position side cannot be changed if there exists position.";
            Err(Refusal::bad(-4068, text))
        }
        Some(false) => Err(Refusal::bad(-4059, "No need to change position side.")),
        Some(true) => Err(Refusal::unsupported("Hedge mode")),
        None => Err(Refusal::missing("dualSidePosition")),
    }
}

/// `GET multiAssetsMargin`
pub(crate) fn multi_assets(context: &mut Context<'_>, _: &Params) -> Answer {
    Ok(format!(r#"{{"multiAssetsMargin":{}}}"#, is_set(context, "multi_assets")))
}

/// `POST multiAssetsMargin`: single-asset mode only.
pub(crate) fn set_multi_assets(_: &mut Context<'_>, params: &Params) -> Answer {
    match params.flag("multiAssetsMargin")? {
        Some(false) => Err(Refusal::bad(-4171, "No need to change multi-assets mode.")),
        Some(true) => Err(Refusal::unsupported("Multi-assets mode")),
        None => Err(Refusal::missing("multiAssetsMargin")),
    }
}

/// `GET leverageBracket`
pub(crate) fn leverage_bracket(context: &mut Context<'_>, params: &Params) -> Answer {
    let only = context.symbol_if_any(params)?;
    let all = &context.core.exchange.config().symbols;
    let mut json = Json::new();
    json.open_list();
    for (index, row) in all.iter().enumerate() {
        if only.is_none_or(|only| only.index() == index) {
            rules::brackets(&mut json, row);
        }
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET commissionRate`
pub(crate) fn commission_rate(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let config = context.core.exchange.config();
    let mut json = Json::new();
    json.open()
        .text("symbol", &context.core.formats[symbol.index()].name)
        .decimal("makerCommissionRate", config.maker_fee_ppm * 100, 6)
        .decimal("takerCommissionRate", config.taker_fee_ppm * 100, 6)
        .text("rpiCommissionRate", "0.000050")
        .close();
    Ok(json.finish())
}

/// `GET userTrades`: the oldest of the window, or from an id.
pub(crate) fn user_trades(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let limit = params.limit(500, 1000)?;
    let order_id = params.integer("orderId")?;
    let from_id = params.integer("fromId")?;
    let in_window = in_window(params)?;
    let mut rows = context.core.exchange.user_trades(context.account_id(), Some(symbol));
    rows.retain(|row| {
        in_window(row.time_ms)
            && order_id.is_none_or(|id| row.order_id == id)
            && from_id.is_none_or(|from| row.trade_id >= from)
    });
    if from_id.is_some() {
        rows.sort_by_key(|row| row.trade_id);
    }
    rows.truncate(limit);
    let mut json = Json::new();
    json.open_list();
    for row in &rows {
        orders::user_trade(&mut json, &context.core.formats[symbol.index()], row);
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET income`: the oldest of the window.
pub(crate) fn income(context: &mut Context<'_>, params: &Params) -> Answer {
    let only = context.symbol_if_any(params)?;
    let kind = params.get("incomeType");
    let limit = params.limit(100, 1000)?;
    let in_window = in_window(params)?;
    let mut json = Json::new();
    json.open_list();
    let changes = context.core.exchange.ledger(context.account_id());
    let rows = changes.into_iter().flat_map(|ledger| &ledger.changes).filter(|row| {
        in_window(row.time_ms)
            && only.is_none_or(|only| only == row.symbol)
            && kind.is_none_or(|kind| kind == row.kind.as_str())
    });
    for row in rows.take(limit) {
        let format = context.core.formats.get(row.symbol.index());
        let trade_id = if row.trade_id == 0 { String::new() } else { row.trade_id.to_string() };
        json.open()
            .text("symbol", format.map_or("", |format| format.name.as_str()))
            .text("incomeType", row.kind.as_str())
            .decimal("income", row.amount.units(), 8)
            .text("asset", "USDT")
            .text("info", row.kind.as_str())
            .number("time", row.time_ms)
            .number("tranId", row.id)
            .text("tradeId", &trade_id)
            .close();
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET rateLimit/order`
pub(crate) fn order_limits(context: &mut Context<'_>, _: &Params) -> Answer {
    let limits = context.core.meter.config();
    let mut json = Json::new();
    json.open_list();
    for (interval, count, limit) in
        [("SECOND", 10, limits.orders_10s_max), ("MINUTE", 1, limits.orders_1m_max)]
    {
        json.open()
            .text("rateLimitType", "ORDERS")
            .text("interval", interval)
            .number("intervalNum", count)
            .number("limit", i64::from(limit))
            .close();
    }
    json.close_list();
    Ok(json.finish())
}

/// `POST listenKey`, `userDataStream.start`
pub(crate) fn listen_key(context: &mut Context<'_>, _: &Params) -> Answer {
    let key = context.core.users.start(context.account, context.now_ms);
    Ok(format!("{{\"listenKey\":\"{key}\"}}"))
}
/// `PUT listenKey`, `userDataStream.ping`
pub(crate) fn listen_key_refresh(context: &mut Context<'_>, _: &Params) -> Answer {
    let key = context.core.users.refresh(context.account, context.now_ms)?;
    Ok(format!("{{\"listenKey\":\"{key}\"}}"))
}
/// `DELETE listenKey`, `userDataStream.stop`
pub(crate) fn listen_key_stop(context: &mut Context<'_>, _: &Params) -> Answer {
    context.core.users.stop(context.account);
    Ok("{}".to_owned())
}
