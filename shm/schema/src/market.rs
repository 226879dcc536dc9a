//! Market events as the engine consumes them.

use crate::{Notional, Price, Qty, SymbolId, TradeId, WallNs};

/// Best bid and ask (`<symbol>@bookTicker`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BookTicker {
    /// Symbol.
    pub symbol: SymbolId,
    /// Order-book update id; shares the sequence of depth updates.
    pub update_id: u64,
    /// Best bid price.
    pub bid_price: Price,
    /// Quantity at the best bid.
    pub bid_qty: Qty,
    /// Best ask price.
    pub ask_price: Price,
    /// Quantity at the best ask.
    pub ask_qty: Qty,
    /// Matching-engine time (`T`).
    pub transaction_time: WallNs,
    /// Push time (`E`).
    pub event_time: WallNs,
}

/// One public fill (`<symbol>@trade`, `X` = `MARKET` only; others are not trades of the book).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trade {
    /// Symbol.
    pub symbol: SymbolId,
    /// Trade id, consecutive per symbol.
    pub trade_id: TradeId,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Whether the buyer was the maker: the aggressor sold.
    pub buyer_is_maker: bool,
    /// Trade time (`T`).
    pub trade_time: WallNs,
    /// Push time (`E`).
    pub event_time: WallNs,
}

/// Mark price and funding (`<symbol>@markPrice@1s`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Symbol.
    pub symbol: SymbolId,
    /// Mark price.
    pub mark_price: Price,
    /// Index price.
    pub index_price: Price,
    /// Estimate of the next funding rate, in units of 1e-8.
    pub funding_rate_e8: i64,
    /// Next funding time.
    pub next_funding_time: WallNs,
    /// Push time (`E`).
    pub event_time: WallNs,
}

/// One price level; a zero quantity deletes it in a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Level {
    /// Price.
    pub price: Price,
    /// Absolute quantity at that price.
    pub qty: Qty,
}

/// What a depth event replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum DepthKind {
    /// Changes since the previous update (`@depth`); `pu` chains them.
    #[default]
    Diff = 0,
    /// The whole top of the book (`@depth20@100ms`).
    Partial = 1,
    /// REST `/fapi/v1/depth`: `last_update_id` is `lastUpdateId`, the other ids are zero.
    Snapshot = 2,
}

/// A depth event without its levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DepthHead {
    /// Symbol.
    pub symbol: SymbolId,
    /// What it replaces.
    pub kind: DepthKind,
    /// First update id covered (`U`).
    pub first_update_id: u64,
    /// Last update id covered (`u`), or `lastUpdateId` of a snapshot.
    pub last_update_id: u64,
    /// Last update id of the event before (`pu`).
    pub previous_update_id: u64,
    /// Matching-engine time (`T`).
    pub transaction_time: WallNs,
    /// Push time (`E`).
    pub event_time: WallNs,
}

/// Levels a depth event may carry on one side: the venue's largest snapshot (`limit=1000`).
pub const DEPTH_LEVELS_MAX: usize = 1000;

/// Room for one depth event, made once and filled by the decoder.
#[derive(Debug, Clone)]
pub struct DepthBuf {
    bids: Box<[Level]>,
    asks: Box<[Level]>,
    bid_count: usize,
    ask_count: usize,
}

impl Default for DepthBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl DepthBuf {
    /// Allocates both sides at their capacity; nothing allocates afterwards.
    pub fn new() -> Self {
        let side = || vec![Level::default(); DEPTH_LEVELS_MAX].into_boxed_slice();
        Self { bids: side(), asks: side(), bid_count: 0, ask_count: 0 }
    }
    /// Forgets all levels.
    #[inline]
    pub fn clear(&mut self) {
        self.bid_count = 0;
        self.ask_count = 0;
    }
    /// Adds a bid; `false` if there is no room.
    #[inline]
    pub fn push_bid(&mut self, level: Level) -> bool {
        let Some(slot) = self.bids.get_mut(self.bid_count) else { return false };
        *slot = level;
        self.bid_count += 1;
        true
    }
    /// Adds an ask; `false` if there is no room.
    #[inline]
    pub fn push_ask(&mut self, level: Level) -> bool {
        let Some(slot) = self.asks.get_mut(self.ask_count) else { return false };
        *slot = level;
        self.ask_count += 1;
        true
    }
    /// Bids in the order of the message.
    #[inline]
    pub fn bids(&self) -> &[Level] {
        &self.bids[..self.bid_count]
    }
    /// Asks in the order of the message.
    #[inline]
    pub fn asks(&self) -> &[Level] {
        &self.asks[..self.ask_count]
    }
}

/// One closed minute of trades; the row of `market_data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bar {
    /// Symbol.
    pub symbol: SymbolId,
    /// Start of the minute.
    pub open_time: WallNs,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Traded base quantity.
    pub volume: Qty,
    /// Traded quote amount.
    pub quote_volume: Notional,
    /// Trades counted.
    pub trade_count: u32,
    /// Funding rate known at the close, in units of 1e-8.
    pub funding_rate_e8: i64,
}
