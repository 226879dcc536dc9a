//! Public operations on the present market (PROTOCOL 3.2).

use schema::{Side, SymbolId};

use super::{Answer, Context};
use crate::{
    faults::Kind,
    params::Params,
    refusal::Refusal,
    wire::{
        json::Json,
        market::levels,
        ticker::{self, Day},
    },
};

/// Book depths the venue serves.
const DEPTH_LIMITS: [usize; 7] = [5, 10, 20, 50, 100, 500, 1000];

/// `GET ping`
pub(crate) fn ping(_: &mut Context<'_>, _: &Params) -> Answer {
    Ok("{}".to_owned())
}

/// `GET time`
pub(crate) fn time(context: &mut Context<'_>, _: &Params) -> Answer {
    Ok(format!("{{\"serverTime\":{}}}", context.now_ms))
}

/// `GET depth`
pub(crate) fn depth(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let limit = params.integer("limit")?.unwrap_or(500);
    let limit = usize::try_from(limit).unwrap_or(0);
    if !DEPTH_LIMITS.contains(&limit) {
        return Err(Refusal::bad(-4021, format!("{limit} is not valid depth limit.")));
    }
    let format = &context.core.formats[symbol.index()];
    let mut json = Json::new();
    json.open();
    // An old snapshot is told by its id; nobody may build on its levels.
    let old_id = context.twist.as_ref().filter(|fault| fault.kind == Kind::SnapshotOld);
    let old_id =
        old_id.and_then(|fault| context.core.old_update_id(symbol, fault.ms.unwrap_or(2_000)));
    match context.core.exchange.snapshot(symbol, limit) {
        Some(book) => {
            json.unsigned("lastUpdateId", old_id.unwrap_or(book.head.last_update_id))
                .number("E", context.now_ms)
                .number("T", book.head.transaction_time.ms());
            levels(&mut json, "bids", format, &book.bids);
            levels(&mut json, "asks", format, &book.asks);
        }
        None => {
            json.number("lastUpdateId", 0).number("E", context.now_ms).number("T", 0);
            levels(&mut json, "bids", format, &[]);
            levels(&mut json, "asks", format, &[]);
        }
    }
    json.close();
    Ok(json.finish())
}

/// One object for a named symbol, a list of all otherwise.
fn one_or_all(
    context: &mut Context<'_>,
    params: &Params,
    one: impl Fn(&mut Context<'_>, SymbolId, &mut Json),
) -> Answer {
    let mut json = Json::new();
    match context.symbol_if_any(params)? {
        Some(symbol) => one(context, symbol, &mut json),
        None => {
            json.open_list();
            for symbol in context.symbols() {
                one(context, symbol, &mut json);
            }
            json.close_list();
        }
    }
    Ok(json.finish())
}

/// `GET ticker/bookTicker`, `ticker.book`
pub(crate) fn book_ticker(context: &mut Context<'_>, params: &Params) -> Answer {
    one_or_all(context, params, |context, symbol, json| {
        let format = &context.core.formats[symbol.index()];
        let (price, qty) = (format.price_decimals, format.qty_decimals);
        let book = context.core.exchange.book(symbol);
        let best = |side| {
            let levels = book.map(|book| book.levels(side, 1)).unwrap_or_default();
            levels.first().copied().unwrap_or_default()
        };
        let (mut bid, mut ask) = (best(Side::Buy), best(Side::Sell));
        let mut update_id = book.map_or(0, |book| book.last_update_id());
        if let Some(ticker) = book.and_then(|book| book.ticker()) {
            (bid.price, bid.qty) = (ticker.bid_price, ticker.bid_qty);
            (ask.price, ask.qty) = (ticker.ask_price, ticker.ask_qty);
            update_id = update_id.max(ticker.update_id);
        }
        json.open()
            .unsigned("lastUpdateId", update_id)
            .text("symbol", &format.name)
            .decimal("bidPrice", bid.price.units(), price)
            .decimal("bidQty", bid.qty.units(), qty)
            .decimal("askPrice", ask.price.units(), price)
            .decimal("askQty", ask.qty.units(), qty)
            .number("time", context.now_ms)
            .close();
    })
}

/// `GET ticker/price`, `ticker.price`
pub(crate) fn price(context: &mut Context<'_>, params: &Params) -> Answer {
    one_or_all(context, params, |context, symbol, json| {
        let format = &context.core.formats[symbol.index()];
        json.open()
            .text("symbol", &format.name)
            .decimal("price", last_price(context, symbol), format.price_decimals)
            .number("time", context.now_ms)
            .close();
    })
}

/// The last trade, or the mark before the first.
fn last_price(context: &Context<'_>, symbol: SymbolId) -> i64 {
    let mark = || context.core.exchange.mark(symbol).map_or(0, |mark| mark.mark_price.units());
    context.core.history.past(symbol).last_price().unwrap_or_else(mark)
}

/// `GET ticker/24hr`
pub(crate) fn day(context: &mut Context<'_>, params: &Params) -> Answer {
    one_or_all(context, params, |context, symbol, json| {
        let past = context.core.history.past(symbol);
        let day = Day::of(past, context.now_ms, last_price(context, symbol));
        ticker::row(json, &context.core.formats[symbol.index()], &day);
    })
}

/// `GET premiumIndex`
pub(crate) fn premium_index(context: &mut Context<'_>, params: &Params) -> Answer {
    one_or_all(context, params, |context, symbol, json| {
        let format = &context.core.formats[symbol.index()];
        let mark = context.core.exchange.mark(symbol).copied().unwrap_or_default();
        json.open()
            .text("symbol", &format.name)
            .decimal("markPrice", mark.mark_price.units(), 8)
            .decimal("indexPrice", mark.index_price.units(), 8)
            .decimal("estimatedSettlePrice", mark.index_price.units(), 8)
            .decimal("lastFundingRate", mark.funding_rate_e8, 8)
            .text("interestRate", "0.00010000")
            .number("nextFundingTime", mark.next_funding_time.ms())
            .number("time", context.now_ms)
            .close();
    })
}

/// `GET openInterest`: the positions of the venue's own accounts.
pub(crate) fn open_interest(context: &mut Context<'_>, params: &Params) -> Answer {
    let symbol = context.symbol(params)?;
    let format = &context.core.formats[symbol.index()];
    let total: i64 = (0..context.core.account_count)
        .flat_map(|account| context.core.exchange.positions(backtest::AccountId(account as u32)))
        .filter(|position| position.symbol == symbol)
        .map(|position| position.qty.abs().units())
        .sum();
    let mut json = Json::new();
    json.open()
        .decimal("openInterest", total, format.qty_decimals)
        .text("symbol", &format.name)
        .number("time", context.now_ms)
        .close();
    Ok(json.finish())
}

/// `GET exchangeInfo`
pub(crate) fn exchange_info(context: &mut Context<'_>, _: &Params) -> Answer {
    let limits = context.core.meter.config();
    let mut json = Json::new();
    json.open()
        .text("timezone", "UTC")
        .number("serverTime", context.now_ms)
        .text("futuresType", "U_MARGINED")
        .key("rateLimits")
        .open_list();
    for (kind, interval, count, limit) in [
        ("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_1m_max),
        ("ORDERS", "MINUTE", 1, limits.orders_1m_max),
        ("ORDERS", "SECOND", 10, limits.orders_10s_max),
    ] {
        json.open()
            .text("rateLimitType", kind)
            .text("interval", interval)
            .number("intervalNum", count)
            .number("limit", i64::from(limit))
            .close();
    }
    json.close_list().key("exchangeFilters").raw("[]").key("assets").open_list().open();
    json.text("asset", "USDT").flag("marginAvailable", true).text("autoAssetExchange", "-10000");
    json.close().close_list().key("symbols").open_list();
    for rules in &context.core.exchange.config().symbols {
        crate::wire::rules::symbol(&mut json, rules);
    }
    json.close_list().close();
    Ok(json.finish())
}
