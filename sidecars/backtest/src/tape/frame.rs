//! Recorded frames, of futures and spot, into market events.

use schema::{
    BookTicker, DepthHead, DepthKind, Level, Mark, Price, Qty, SymbolId, SymbolName, Trade,
    TradeId, WallNs, parse_decimal,
};
use serde::Deserialize;

use crate::market::{DepthUpdate, MarketTrade, MarketUpdate, TradeKind};

/// A frame with its symbol, before the symbol has an id.
#[derive(Debug)]
pub(super) enum Frame {
    Ticker(SymbolName, BookTicker),
    Depth(Option<SymbolName>, DepthUpdate),
    Trade(SymbolName, MarketTrade),
    Aggregate(SymbolName, MarketTrade),
    Mark(SymbolName, Mark),
    LeftOut,
}

impl Frame {
    pub(super) fn symbol(&self) -> Option<SymbolName> {
        match self {
            Self::Ticker(name, _)
            | Self::Trade(name, _)
            | Self::Aggregate(name, _)
            | Self::Mark(name, _) => Some(*name),
            Self::Depth(name, _) => *name,
            Self::LeftOut => None,
        }
    }
    /// Decimals that matter in its prices and quantities.
    pub(super) fn decimals(&self) -> (u32, u32) {
        let of = |level: Level| (places(level.price.units()), places(level.qty.units()));
        let levels: Vec<Level> = match self {
            Self::Ticker(_, ticker) => vec![
                Level { price: ticker.bid_price, qty: ticker.bid_qty },
                Level { price: ticker.ask_price, qty: ticker.ask_qty },
            ],
            Self::Depth(_, depth) => depth.bids.iter().chain(&depth.asks).copied().collect(),
            Self::Trade(_, trade) | Self::Aggregate(_, trade) => {
                vec![Level { price: trade.trade.price, qty: trade.trade.qty }]
            }
            Self::Mark(..) | Self::LeftOut => Vec::new(),
        };
        let max = |a: (u32, u32), b: (u32, u32)| (a.0.max(b.0), a.1.max(b.1));
        levels.into_iter().map(of).fold((0, 0), max)
    }
    /// The event, with its symbol's id; `local` stands in for times that spot frames lack.
    pub(super) fn into_update(self, id: SymbolId, local: WallNs) -> Option<MarketUpdate> {
        let or_local = |time: WallNs| if time.0 == 0 { local } else { time };
        Some(match self {
            Self::Ticker(_, mut ticker) => {
                ticker.symbol = id;
                ticker.event_time = or_local(ticker.event_time);
                ticker.transaction_time = if ticker.transaction_time.0 == 0 {
                    ticker.event_time
                } else {
                    ticker.transaction_time
                };
                MarketUpdate::BookTicker(ticker)
            }
            Self::Depth(_, mut depth) => {
                let head = &mut depth.head;
                head.symbol = id;
                head.event_time = or_local(head.event_time);
                if head.transaction_time.0 == 0 {
                    head.transaction_time = head.event_time;
                }
                MarketUpdate::Depth(depth)
            }
            Self::Trade(_, mut trade) | Self::Aggregate(_, mut trade) => {
                trade.trade.symbol = id;
                MarketUpdate::Trade(trade)
            }
            Self::Mark(_, mut mark) => {
                mark.symbol = id;
                MarketUpdate::Mark(mark)
            }
            Self::LeftOut => return None,
        })
    }
}

/// What tells frames apart, inside a combined-stream wrapper or not.
#[derive(Deserialize)]
struct Peek<'a> {
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<Kind<'a>>,
    e: Option<&'a str>,
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<u64>,
}
#[derive(Deserialize)]
struct Kind<'a> {
    e: Option<&'a str>,
}
#[derive(Deserialize)]
struct Wrapped<T> {
    data: T,
}

#[derive(Deserialize)]
struct TickerFrame<'a> {
    s: &'a str,
    u: u64,
    b: &'a str,
    #[serde(rename = "B")]
    bid_qty: &'a str,
    a: &'a str,
    #[serde(rename = "A")]
    ask_qty: &'a str,
    #[serde(rename = "T", default)]
    transaction_ms: i64,
    #[serde(rename = "E", default)]
    event_ms: i64,
}
#[derive(Deserialize)]
struct DepthFrame<'a> {
    s: &'a str,
    #[serde(rename = "U")]
    first: u64,
    u: u64,
    pu: Option<u64>,
    #[serde(borrow)]
    b: Vec<[&'a str; 2]>,
    #[serde(borrow)]
    a: Vec<[&'a str; 2]>,
    #[serde(rename = "T", default)]
    transaction_ms: i64,
    #[serde(rename = "E", default)]
    event_ms: i64,
}
#[derive(Deserialize)]
struct SnapshotFrame<'a> {
    #[serde(rename = "lastUpdateId")]
    last_update_id: u64,
    #[serde(borrow)]
    bids: Vec<[&'a str; 2]>,
    #[serde(borrow)]
    asks: Vec<[&'a str; 2]>,
    #[serde(rename = "T", default)]
    transaction_ms: i64,
    #[serde(rename = "E", default)]
    event_ms: i64,
}
#[derive(Deserialize)]
struct TradeFrame<'a> {
    s: &'a str,
    /// Trade id of a single trade.
    t: Option<i64>,
    /// First and last trade id of an aggregate.
    f: Option<i64>,
    l: Option<i64>,
    p: &'a str,
    q: &'a str,
    m: bool,
    #[serde(rename = "X")]
    kind: Option<&'a str>,
    #[serde(rename = "T")]
    trade_ms: i64,
    #[serde(rename = "E")]
    event_ms: i64,
}
#[derive(Deserialize)]
struct MarkFrame<'a> {
    s: &'a str,
    p: &'a str,
    i: &'a str,
    r: &'a str,
    #[serde(rename = "T")]
    next_funding_ms: i64,
    #[serde(rename = "E")]
    event_ms: i64,
}

/// Reads one message. `symbol` is what its URL named, for REST replies.
pub(super) fn parse(json: &[u8], symbol: Option<&str>) -> Result<Frame, String> {
    let peek: Peek<'_> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let is_wrapped = peek.data.is_some();
    let stream = peek.stream.unwrap_or_default();
    let kind = peek.data.as_ref().and_then(|kind| kind.e).or(peek.e);
    if !is_wrapped && peek.last_update_id.is_some() {
        return snapshot(json, symbol);
    }
    match kind {
        Some("bookTicker") => ticker(inner(json, is_wrapped)?),
        None if stream.ends_with("@bookTicker") => ticker(inner(json, is_wrapped)?),
        Some("depthUpdate") => depth(inner(json, is_wrapped)?, is_partial(stream)),
        Some("trade" | "aggTrade") => trade(inner(json, is_wrapped)?),
        Some("markPriceUpdate") => mark(inner(json, is_wrapped)?),
        _ => Ok(Frame::LeftOut),
    }
}

fn inner<'a, T: Deserialize<'a>>(json: &'a [u8], is_wrapped: bool) -> Result<T, String> {
    if is_wrapped {
        serde_json::from_slice::<Wrapped<T>>(json).map(|wrapped| wrapped.data)
    } else {
        serde_json::from_slice(json)
    }
    .map_err(|error| error.to_string())
}

/// `@depth20@100ms` is the whole top, `@depth@100ms` a diff.
fn is_partial(stream: &str) -> bool {
    let after = stream.split_once("@depth").map_or("", |(_, after)| after);
    after.starts_with(|c: char| c.is_ascii_digit())
}

fn ticker(frame: TickerFrame<'_>) -> Result<Frame, String> {
    let ticker = BookTicker {
        update_id: frame.u,
        bid_price: price(frame.b)?,
        bid_qty: qty(frame.bid_qty)?,
        ask_price: price(frame.a)?,
        ask_qty: qty(frame.ask_qty)?,
        transaction_time: WallNs::from_ms(frame.transaction_ms),
        event_time: WallNs::from_ms(frame.event_ms),
        ..BookTicker::default()
    };
    Ok(Frame::Ticker(name(frame.s)?, ticker))
}

fn depth(frame: DepthFrame<'_>, is_partial: bool) -> Result<Frame, String> {
    let head = DepthHead {
        kind: if is_partial { DepthKind::Partial } else { DepthKind::Diff },
        first_update_id: frame.first,
        last_update_id: frame.u,
        previous_update_id: frame.pu.unwrap_or(frame.first.saturating_sub(1)),
        transaction_time: WallNs::from_ms(frame.transaction_ms),
        event_time: WallNs::from_ms(frame.event_ms),
        ..DepthHead::default()
    };
    let update = DepthUpdate { head, bids: levels(&frame.b)?, asks: levels(&frame.a)? };
    Ok(Frame::Depth(Some(name(frame.s)?), update))
}

fn snapshot(json: &[u8], symbol: Option<&str>) -> Result<Frame, String> {
    let frame: SnapshotFrame<'_> = inner(json, false)?;
    let head = DepthHead {
        kind: DepthKind::Snapshot,
        last_update_id: frame.last_update_id,
        transaction_time: WallNs::from_ms(frame.transaction_ms),
        event_time: WallNs::from_ms(frame.event_ms),
        ..DepthHead::default()
    };
    let update = DepthUpdate { head, bids: levels(&frame.bids)?, asks: levels(&frame.asks)? };
    Ok(Frame::Depth(symbol.map(name).transpose()?, update))
}

fn trade(frame: TradeFrame<'_>) -> Result<Frame, String> {
    let is_single = frame.t.is_some();
    let last = frame.t.or(frame.l).ok_or("a trade without `t` or `l`")?;
    let trade = Trade {
        trade_id: TradeId(last),
        price: price(frame.p)?,
        qty: qty(frame.q)?,
        buyer_is_maker: frame.m,
        trade_time: WallNs::from_ms(frame.trade_ms),
        event_time: WallNs::from_ms(frame.event_ms),
        ..Trade::default()
    };
    let kind = frame.kind.map_or(TradeKind::Market, TradeKind::from_wire);
    let trade = MarketTrade { trade, first_trade_id: frame.f.unwrap_or(last), kind };
    let name = name(frame.s)?;
    Ok(if is_single { Frame::Trade(name, trade) } else { Frame::Aggregate(name, trade) })
}

fn mark(frame: MarkFrame<'_>) -> Result<Frame, String> {
    let rate = if frame.r.is_empty() { 0 } else { decimal(frame.r)? };
    let mark = Mark {
        mark_price: price(frame.p)?,
        index_price: price(frame.i)?,
        funding_rate_e8: rate,
        next_funding_time: WallNs::from_ms(frame.next_funding_ms),
        event_time: WallNs::from_ms(frame.event_ms),
        ..Mark::default()
    };
    Ok(Frame::Mark(name(frame.s)?, mark))
}

fn name(text: &str) -> Result<SymbolName, String> {
    SymbolName::new(text.as_bytes()).map_err(|error| format!("symbol `{text}`: {error}"))
}
fn decimal(text: &str) -> Result<i64, String> {
    parse_decimal(text.as_bytes()).map_err(|error| format!("`{text}`: {error}"))
}
fn price(text: &str) -> Result<Price, String> {
    decimal(text).map(Price::from_units)
}
fn qty(text: &str) -> Result<Qty, String> {
    decimal(text).map(Qty::from_units)
}
fn levels(pairs: &[[&str; 2]]) -> Result<Vec<Level>, String> {
    pairs.iter().map(|[p, q]| Ok(Level { price: price(p)?, qty: qty(q)? })).collect()
}
/// Decimals of a value in units of 1e-8, without trailing zeros.
fn places(mut units: i64) -> u32 {
    let mut places = 8;
    while places > 0 && units % 10 == 0 {
        units /= 10;
        places -= 1;
    }
    places
}
