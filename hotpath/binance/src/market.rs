//! Market streams.

use schema::{
    BookTicker, DepthBuf, DepthHead, DepthKind, Mark, Notional, OrderStatus, Price, Qty, Side,
    SymbolId, Trade, TradeId, WallNs,
};

use crate::{DecodeError, SymbolTable};

mod any_order;
mod strict;

/// One message of a market stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketFrame {
    /// `<symbol>@bookTicker`.
    BookTicker(BookTicker),
    /// `<symbol>@trade` of the book (`X` is `MARKET` or absent).
    Trade(Trade),
    /// `<symbol>@trade` that is none: insurance fund, auto-deleveraging, spent id.
    NotATrade,
    /// `<symbol>@markPrice`.
    Mark(Mark),
    /// `<symbol>@aggTrade`.
    AggTrade(AggTrade),
    /// `<symbol>@depth…`; the levels are in the caller's [`DepthBuf`].
    Depth(DepthHead),
    /// `<symbol>@kline_<interval>`.
    Kline(Kline),
    /// `<symbol>@forceOrder` or `!forceOrder@arr`.
    ForceOrder(ForceOrder),
    /// The answer to SUBSCRIBE and its like; `id` is zero if it was not a decimal number.
    Ack {
        /// The request's number.
        id: u64,
        /// Whether it was carried out; says nothing about data coming (PROTOCOL 1.3).
        ok: bool,
    },
    /// A known event of a symbol we do not follow, COIN-M (`st` = 2) included.
    OtherSymbol,
    /// A well-formed message of a kind that is not decoded (`24hrTicker`, arrays …).
    Other,
}

/// Trades of one taker order at one price within 100 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggTrade {
    /// Symbol.
    pub symbol: SymbolId,
    /// Aggregate id (`a`).
    pub aggregate_id: i64,
    /// First trade (`f`).
    pub first_trade_id: TradeId,
    /// Last trade (`l`).
    pub last_trade_id: TradeId,
    /// Price.
    pub price: Price,
    /// Quantity with retail-price-improvement fills (`q`).
    pub qty: Qty,
    /// Quantity without them (`nq`); equal to `qty` in frames from before 2025-12-31.
    pub qty_without_rpi: Qty,
    /// Whether the buyer was the maker.
    pub buyer_is_maker: bool,
    /// Trade time (`T`).
    pub trade_time: WallNs,
    /// Push time (`E`).
    pub event_time: WallNs,
}

/// A candle, open or closed; volumes past the range of their type are held at its maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kline {
    /// Symbol.
    pub symbol: SymbolId,
    /// Interval as the venue writes it (`1m`, `1M`), zero padded.
    pub interval: [u8; 4],
    /// First millisecond.
    pub open_time: WallNs,
    /// Last millisecond.
    pub close_time: WallNs,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Base volume.
    pub volume: Qty,
    /// Quote volume.
    pub quote_volume: Notional,
    /// Base volume bought by takers.
    pub taker_buy_volume: Qty,
    /// Quote volume bought by takers.
    pub taker_buy_quote_volume: Notional,
    /// Trades.
    pub trade_count: u64,
    /// Whether this is the candle's last frame.
    pub closed: bool,
    /// Push time (`E`).
    pub event_time: WallNs,
}

/// A liquidation order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForceOrder {
    /// Symbol.
    pub symbol: SymbolId,
    /// SELL liquidates a long.
    pub side: Side,
    /// State.
    pub status: OrderStatus,
    /// Order price.
    pub price: Price,
    /// Average fill price.
    pub average_price: Price,
    /// Order quantity.
    pub qty: Qty,
    /// Quantity of the last fill.
    pub last_qty: Qty,
    /// Filled in all.
    pub cum_qty: Qty,
    /// Trade time (`o.T`).
    pub trade_time: WallNs,
    /// Push time (`E`).
    pub event_time: WallNs,
}

/// Decodes one message of a market connection; a raw `depthUpdate` is taken for a diff.
///
/// # Errors
/// [`DecodeError`] if it is not JSON or a known event that cannot be read.
#[inline]
pub fn decode_market(
    bytes: &[u8],
    symbols: &SymbolTable,
    depth: &mut DepthBuf,
) -> Result<MarketFrame, DecodeError> {
    decode_market_as(bytes, symbols, depth, DepthKind::Diff)
}

/// As [`decode_market`], with the kind of depth a connection in raw mode has subscribed to.
///
/// Diff and partial depth look the same (`e` is `depthUpdate`): only the stream's name tells, and raw
/// frames do not carry it. In wrapped frames the name decides and `raw_depth` is not used. Without a
/// [`MarketFrame::Depth`] in the result, what `depth` holds means nothing.
///
/// # Errors
/// As [`decode_market`].
pub fn decode_market_as(
    bytes: &[u8],
    symbols: &SymbolTable,
    depth: &mut DepthBuf,
    raw_depth: DepthKind,
) -> Result<MarketFrame, DecodeError> {
    match strict::decode(bytes, symbols, depth, raw_depth) {
        Some(frame) => Ok(frame),
        None => any_order::decode(bytes, symbols, depth, raw_depth),
    }
}

/// What a stream's name says of its `depthUpdate` frames; `None` if they are not of the book
/// (`@rpiDepth@500ms`).
fn depth_kind(stream: &[u8]) -> Option<DepthKind> {
    let at = memchr::memchr(b'@', stream)?;
    let levels = stream[at + 1..].strip_prefix(b"depth")?;
    let end = memchr::memchr(b'@', levels).unwrap_or(levels.len());
    match &levels[..end] {
        b"" => Some(DepthKind::Diff),
        b"5" | b"10" | b"20" => Some(DepthKind::Partial),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
