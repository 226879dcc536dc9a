//! Public operations on the past since the venue's start (PROTOCOL 3.2).

use super::{Answer, Context, in_window};
use crate::{
    params::Params,
    refusal::Refusal,
    topic::interval_index,
    wire::{
        json::Json,
        market::{Aggregate, Candle},
    },
};

/// `GET trades`
pub(crate) fn trades(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let limit = params.limit(500, 1000)?;
    let format = &context.core.formats[symbol.index()];
    let rows = &context.core.history.past(symbol).trades;
    let mut json = Json::new();
    json.open_list();
    for trade in rows.iter().skip(rows.len().saturating_sub(limit)) {
        let fill = &trade.trade;
        let quote = fill.price.notional(fill.qty).unwrap_or_default();
        json.open()
            .number("id", fill.trade_id.0)
            .decimal("price", fill.price.units(), format.price_decimals)
            .decimal("qty", fill.qty.units(), format.qty_decimals)
            .decimal("quoteQty", quote.units(), 2)
            .number("time", fill.trade_time.ms())
            .flag("isBuyerMaker", fill.buyer_is_maker)
            .flag("isRPITrade", false)
            .close();
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET aggTrades`
pub(crate) fn agg_trades(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let limit = params.limit(500, 1000)?;
    let from_id = params.integer("fromId")?;
    let in_window = in_window(params)?;
    let format = &context.core.formats[symbol.index()];
    let rows = context.core.history.past(symbol).aggregates.iter();
    let mut rows: Vec<&Aggregate> = rows
        .filter(|row| in_window(row.time_ms) && from_id.is_none_or(|from| row.id >= from))
        .collect();
    if from_id.is_some() || params.get("startTime").is_some() {
        rows.truncate(limit);
    } else {
        rows.drain(..rows.len().saturating_sub(limit));
    }
    let mut json = Json::new();
    json.open_list();
    for row in rows {
        json.open()
            .number("a", row.id)
            .decimal("p", row.price, format.price_decimals)
            .decimal("q", row.qty, format.qty_decimals)
            .decimal("nq", row.qty, format.qty_decimals)
            .number("f", row.first)
            .number("l", row.last)
            .number("T", row.time_ms)
            .flag("m", row.buyer_is_maker)
            .close();
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET klines`
pub(crate) fn klines(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let index = interval_index(params.need("interval")?)
        .ok_or_else(|| Refusal::bad(-1120, "Invalid interval."))?;
    let limit = params.limit(500, 1500)?;
    let in_window = in_window(params)?;
    let format = &context.core.formats[symbol.index()];
    let rows = context.core.history.past(symbol).candles[index].iter();
    let mut rows: Vec<&Candle> = rows.filter(|row| in_window(row.open_ms)).collect();
    if params.get("startTime").is_some() {
        rows.truncate(limit);
    } else {
        rows.drain(..rows.len().saturating_sub(limit));
    }
    let (price, qty) = (format.price_decimals, format.qty_decimals);
    let mut json = Json::new();
    json.open_list();
    for row in rows {
        json.open_list()
            .raw(&row.open_ms.to_string())
            .decimal_value(row.open, price)
            .decimal_value(row.high, price)
            .decimal_value(row.low, price)
            .decimal_value(row.close, price)
            .decimal_value(row.volume, qty)
            .raw(&(row.open_ms + row.length_ms - 1).to_string())
            .decimal_value(row.quote, 5)
            .raw(&row.count.to_string())
            .decimal_value(row.taker_volume, qty)
            .decimal_value(row.taker_quote, 5)
            .text_value("0")
            .close_list();
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET fundingRate`
pub(crate) fn funding_rate(context: &mut Context<'_>, params: &Params) -> Answer {
    let only = context.symbol_if_any(params)?;
    let limit = params.limit(100, 1000)?;
    let in_window = in_window(params)?;
    let mut rows = Vec::new();
    for symbol in context.symbols().filter(|symbol| only.is_none_or(|only| only == *symbol)) {
        for (time_ms, mark) in &context.core.history.past(symbol).funding {
            if in_window(*time_ms) {
                rows.push((*time_ms, symbol, *mark));
            }
        }
    }
    rows.sort_by_key(|(time_ms, symbol, _)| (*time_ms, *symbol));
    rows.drain(..rows.len().saturating_sub(limit));
    let mut json = Json::new();
    json.open_list();
    for (time_ms, symbol, mark) in rows {
        json.open()
            .text("symbol", &context.core.formats[symbol.index()].name)
            .number("fundingTime", time_ms)
            .decimal("fundingRate", mark.funding_rate_e8, 8)
            .decimal("markPrice", mark.mark_price.units(), 8)
            .text("rateType", "Regular")
            .close();
    }
    json.close_list();
    Ok(json.finish())
}

/// `GET fundingInfo`: no symbol has adjusted settings.
pub(crate) fn funding_info(_: &mut Context<'_>, _: &Params) -> Answer {
    Ok("[]".to_owned())
}
