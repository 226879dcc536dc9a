//! Market events, of a tape or of a generator, and as the venue broadcasts them.

use schema::{BookTicker, DepthHead, Level, Mark, SymbolId, Trade, WallNs};

/// What a trade frame tells (`X`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum TradeKind {
    /// A trade of the book; the only kind that fills resting orders.
    #[default]
    Market,
    /// Off the book: taken over by the insurance fund.
    InsuranceFund,
    /// Off the book: auto-deleveraging.
    Adl,
    /// A spent id, price and quantity zero.
    NotAvailable,
}

impl TradeKind {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Market => "MARKET",
            Self::InsuranceFund => "INSURANCE_FUND",
            Self::Adl => "ADL",
            Self::NotAvailable => "NA",
        }
    }
    /// From the venue's word; words not known are off the book.
    pub fn from_wire(text: &str) -> Self {
        match text {
            "MARKET" => Self::Market,
            "ADL" => Self::Adl,
            "NA" => Self::NotAvailable,
            _ => Self::InsuranceFund,
        }
    }
}

/// A public trade, or several at one price where the recording has only aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MarketTrade {
    /// The trade; for an aggregate, its last trade id and the quantity of all.
    pub trade: Trade,
    /// First trade id of an aggregate; equal to the trade id otherwise.
    pub first_trade_id: i64,
    /// Whether it was a trade of the book.
    pub kind: TradeKind,
}

/// A depth event with its levels: a diff, a partial book or a snapshot (`head.kind`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DepthUpdate {
    /// Ids, times, kind.
    pub head: DepthHead,
    /// Bids, best first in a snapshot, in the order of the message in a diff.
    pub bids: Vec<Level>,
    /// Asks, best first in a snapshot, in the order of the message in a diff.
    pub asks: Vec<Level>,
}

/// One market event. From a tape its times are the recorded ones; in a
/// [`VenueEvent`](crate::VenueEvent) they are the venue's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarketUpdate {
    /// Best bid and ask.
    BookTicker(BookTicker),
    /// A trade.
    Trade(MarketTrade),
    /// Mark price, index, funding rate.
    Mark(Mark),
    /// Diff, partial book or snapshot. The venue broadcasts diffs only.
    Depth(DepthUpdate),
}

impl MarketUpdate {
    /// The symbol it is of.
    pub fn symbol(&self) -> SymbolId {
        match self {
            Self::BookTicker(ticker) => ticker.symbol,
            Self::Trade(trade) => trade.trade.symbol,
            Self::Mark(mark) => mark.symbol,
            Self::Depth(depth) => depth.head.symbol,
        }
    }
    /// Push time (`E`), recorded or the venue's; zero in spot book tickers and snapshots.
    pub fn event_time(&self) -> WallNs {
        match self {
            Self::BookTicker(ticker) => ticker.event_time,
            Self::Trade(trade) => trade.trade.event_time,
            Self::Mark(mark) => mark.event_time,
            Self::Depth(depth) => depth.head.event_time,
        }
    }
}
