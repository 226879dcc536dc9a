//! Two of every market stream made into one: what passes, what is held, who is silent.
//!
//! Everything here is pure: no socket, no clock, no memory asked for after the start. The turn and
//! the simulation drive the same code.
//!
//! - [`Arbiter`]: each message once, whichever connection brings it first;
//! - [`Watch`]: when each connection last brought each stream;
//! - [`Twice`]: events of the user stream, once each although two connections bring them.

mod arbiter;
mod held;
mod sequence;
mod twice;
mod watch;

use binance::MarketFrame;
use schema::{DepthKind, SymbolId};

pub use arbiter::{Arbiter, Lane, Ranking, Taken};
pub use twice::{Twice, keys};
pub use watch::{Patience, Watch};

/// Connections of one link at most; two are up, the third replaces one of them.
pub const LANES: usize = crate::queues::CONNECTIONS_PER_LINK;

/// A stream of one symbol on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stream {
    /// `@bookTicker`.
    Ticker = 0,
    /// `@depth`.
    Diff = 1,
    /// `@depth20`.
    Partial = 2,
    /// `@trade`.
    Trade = 3,
    /// `@markPrice@1s`.
    Mark = 4,
}

/// How many streams there are.
pub const STREAMS: usize = 5;

impl Stream {
    /// Which symbol's stream a frame came on; `None` for an answer.
    #[inline]
    pub fn of(frame: &MarketFrame) -> Option<(SymbolId, Self)> {
        match frame {
            MarketFrame::BookTicker(ticker) => Some((ticker.symbol, Self::Ticker)),
            MarketFrame::Trade(trade) => Some((trade.symbol, Self::Trade)),
            MarketFrame::Mark(mark) => Some((mark.symbol, Self::Mark)),
            MarketFrame::Depth(head) if head.kind == DepthKind::Partial => {
                Some((head.symbol, Self::Partial))
            }
            MarketFrame::Depth(head) => Some((head.symbol, Self::Diff)),
            _ => None,
        }
    }
    /// Every one.
    pub const ALL: [Self; STREAMS] =
        [Self::Ticker, Self::Diff, Self::Partial, Self::Trade, Self::Mark];

    /// The link it comes on.
    pub const fn link(self) -> schema::Link {
        match self {
            Self::Mark => schema::Link::Market,
            _ => schema::Link::Public,
        }
    }
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ticker => "bookTicker",
            Self::Diff => "depth",
            Self::Partial => "depth20",
            Self::Trade => "trade",
            Self::Mark => "markPrice",
        }
    }
}

#[cfg(test)]
mod tests;
