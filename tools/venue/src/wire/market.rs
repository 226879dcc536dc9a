//! Market streams as the venue writes them (PROTOCOL 2; key order as captured in 2026).

use backtest::MarketTrade;
use schema::{BookTicker, Level, Mark};

use super::{Format, json::Json};

/// `st` of USDⓈ-M contracts.
const USD_MARGINED: i64 = 1;

/// `<s>@bookTicker`
pub(crate) fn book_ticker(format: &Format, ticker: &BookTicker) -> String {
    let mut json = Json::new();
    json.open()
        .text("e", "bookTicker")
        .unsigned("u", ticker.update_id)
        .text("s", &format.name)
        .text("ps", &format.name)
        .decimal("b", ticker.bid_price.units(), format.price_decimals)
        .decimal("B", ticker.bid_qty.units(), format.qty_decimals)
        .decimal("a", ticker.ask_price.units(), format.price_decimals)
        .decimal("A", ticker.ask_qty.units(), format.qty_decimals)
        .number("T", ticker.transaction_time.ms())
        .number("E", ticker.event_time.ms())
        .number("st", USD_MARGINED)
        .close();
    json.finish()
}

/// `<s>@trade`
pub(crate) fn trade(format: &Format, trade: &MarketTrade) -> String {
    let fill = &trade.trade;
    let mut json = Json::new();
    json.open()
        .text("e", "trade")
        .number("E", fill.event_time.ms())
        .number("T", fill.trade_time.ms())
        .text("s", &format.name)
        .number("t", fill.trade_id.0);
    if fill.qty.is_zero() {
        json.text("p", "0").text("q", "0");
    } else {
        json.decimal("p", fill.price.units(), format.price_decimals).decimal(
            "q",
            fill.qty.units(),
            format.qty_decimals,
        );
    }
    json.text("X", trade.kind.as_str())
        .flag("m", fill.buyer_is_maker)
        .number("st", USD_MARGINED)
        .close();
    json.finish()
}

/// Trades of one price and side within the aggregation window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aggregate {
    /// Aggregate id (`a`).
    pub(crate) id: i64,
    /// Price in units of 1e-8.
    pub(crate) price: i64,
    /// Quantity in units of 1e-8.
    pub(crate) qty: i64,
    /// First trade id.
    pub(crate) first: i64,
    /// Last trade id.
    pub(crate) last: i64,
    /// Time of the first trade, ms.
    pub(crate) time_ms: i64,
    /// Whether the buyer was the maker.
    pub(crate) buyer_is_maker: bool,
}

/// `<s>@aggTrade`
pub(crate) fn agg_trade(format: &Format, aggregate: &Aggregate, now_ms: i64) -> String {
    let mut json = Json::new();
    json.open()
        .text("e", "aggTrade")
        .number("E", now_ms)
        .number("a", aggregate.id)
        .text("s", &format.name)
        .decimal("p", aggregate.price, format.price_decimals)
        .decimal("q", aggregate.qty, format.qty_decimals)
        .decimal("nq", aggregate.qty, format.qty_decimals)
        .number("f", aggregate.first)
        .number("l", aggregate.last)
        .number("T", aggregate.time_ms)
        .flag("m", aggregate.buyer_is_maker)
        .number("st", USD_MARGINED)
        .close();
    json.finish()
}

/// What a depth frame says besides its levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DepthIds {
    /// First update id covered.
    pub(crate) first: u64,
    /// Last update id covered.
    pub(crate) last: u64,
    /// Last update id of the frame before.
    pub(crate) previous: u64,
    /// Matching-engine time, ms.
    pub(crate) transaction_ms: i64,
    /// Push time, ms.
    pub(crate) event_ms: i64,
}

/// `<s>@depth…` and `<s>@depth20…`: the frames look alike.
pub(crate) fn depth(format: &Format, ids: &DepthIds, bids: &[Level], asks: &[Level]) -> String {
    let mut json = Json::new();
    json.open()
        .text("e", "depthUpdate")
        .number("E", ids.event_ms)
        .number("T", ids.transaction_ms)
        .text("s", &format.name)
        .text("ps", &format.name)
        .unsigned("U", ids.first)
        .unsigned("u", ids.last)
        .unsigned("pu", ids.previous);
    levels(&mut json, "b", format, bids);
    levels(&mut json, "a", format, asks);
    json.number("st", USD_MARGINED).close();
    json.finish()
}

/// A list of `[price, quantity]` pairs.
pub(crate) fn levels(json: &mut Json, key: &str, format: &Format, levels: &[Level]) {
    json.key(key).open_list();
    for level in levels {
        json.open_list()
            .decimal_value(level.price.units(), format.price_decimals)
            .decimal_value(level.qty.units(), format.qty_decimals)
            .close_list();
    }
    json.close_list();
}

/// `<s>@markPrice`
pub(crate) fn mark(format: &Format, mark: &Mark, now_ms: i64) -> String {
    let mut json = Json::new();
    json.open()
        .text("e", "markPriceUpdate")
        .number("E", now_ms)
        .text("s", &format.name)
        .decimal("p", mark.mark_price.units(), 8)
        .decimal("ap", mark.mark_price.units(), 8)
        .decimal("P", mark.index_price.units(), 8)
        .decimal("i", mark.index_price.units(), 8)
        .decimal("r", mark.funding_rate_e8, 8)
        .number("T", mark.next_funding_time.ms())
        .number("st", USD_MARGINED)
        .close();
    json.finish()
}

/// A candle of trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Candle {
    /// Start, ms.
    pub(crate) open_ms: i64,
    /// Length, ms.
    pub(crate) length_ms: i64,
    /// First, highest, lowest and last price, in units of 1e-8.
    pub(crate) open: i64,
    /// Highest price.
    pub(crate) high: i64,
    /// Lowest price.
    pub(crate) low: i64,
    /// Last price.
    pub(crate) close: i64,
    /// Base quantity, units of 1e-8.
    pub(crate) volume: i64,
    /// Quote amount, units of 1e-8.
    pub(crate) quote: i64,
    /// Base quantity bought by takers.
    pub(crate) taker_volume: i64,
    /// Quote amount bought by takers.
    pub(crate) taker_quote: i64,
    /// Trades.
    pub(crate) count: i64,
    /// First trade id.
    pub(crate) first: i64,
    /// Last trade id.
    pub(crate) last: i64,
}

/// `<s>@kline_<interval>`
pub(crate) fn kline(
    format: &Format,
    interval: &str,
    candle: &Candle,
    closed: bool,
    now_ms: i64,
) -> String {
    let mut json = Json::new();
    json.open().text("e", "kline").number("E", now_ms).text("s", &format.name).key("k");
    json.open()
        .number("t", candle.open_ms)
        .number("T", candle.open_ms + candle.length_ms - 1)
        .text("s", &format.name)
        .text("i", interval)
        .number("f", candle.first)
        .number("L", candle.last)
        .decimal("o", candle.open, format.price_decimals)
        .decimal("c", candle.close, format.price_decimals)
        .decimal("h", candle.high, format.price_decimals)
        .decimal("l", candle.low, format.price_decimals)
        .decimal("v", candle.volume, format.qty_decimals)
        .number("n", candle.count)
        .flag("x", closed)
        .decimal("q", candle.quote, 5)
        .decimal("V", candle.taker_volume, format.qty_decimals)
        .decimal("Q", candle.taker_quote, 5)
        .text("B", "0")
        .close()
        .close();
    json.finish()
}
