//! What is not as it should be: differences from the venue, and symbols set aside.

use crate::order::wire_enum;
use crate::{Price, SymbolId};

wire_enum!(
    /// In what the venue differs from us.
    DifferenceKind {
        /// Signed position: quantities in units of 1e-8.
        Position = 0 "position",
        /// Wallet balance, units of 1e-8.
        Wallet = 1 "wallet",
        /// An order held here that the venue does not list; `ours` is the client id.
        OrderMissing = 2 "order_missing",
        /// An order the venue lists that is not held here; `venue` is its order id.
        OrderFound = 3 "order_found",
        /// Quantity filled of an order, units of 1e-8.
        OrderFilled = 4 "order_filled",
        /// A conditional order held here that the venue does not list; `ours` is the client id.
        AlgoMissing = 5 "algo_missing",
        /// A conditional order the venue lists that is not held here; `venue` is its id.
        AlgoFound = 6 "algo_found",
        /// The last trade of a symbol: trade ids.
        LastTrade = 7 "last_trade",
        /// A wallet or positions the venue shows as empty: not believed at once.
        Suspect = 8 "suspect",
        /// Quantity of an order, units of 1e-8.
        OrderQty = 9 "order_qty",
    }
);

/// A difference a reconciliation found, before anything is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// In what.
    pub what: DifferenceKind,
    /// Symbol, or [`SymbolId::NONE`] for the account.
    pub symbol: SymbolId,
    /// As it is here.
    pub ours: i64,
    /// As the venue tells.
    pub venue: i64,
}

wire_enum!(
    /// What is wrong with the market of a symbol.
    QuarantineReason {
        /// A price or quantity that is zero or negative.
        NotPositive = 0 "not_positive",
        /// A price outside the venue's own range.
        PriceRange = 1 "price_range",
        /// Best bid at or above best ask.
        Crossed = 2 "crossed",
        /// Too far from the value before.
        Jump = 3 "jump",
        /// Book and mark price too far from each other.
        Diverged = 4 "diverged",
        /// Two connections bring different books.
        FeedsDiffer = 5 "feeds_differ",
        /// Good again for long enough.
        Released = 6 "released",
    }
);

/// A symbol was set aside, or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarantine {
    /// Symbol.
    pub symbol: SymbolId,
    /// Whether it is set aside now.
    pub is_on: bool,
    /// Why.
    pub why: QuarantineReason,
    /// The value that was not believed.
    pub price: Price,
    /// What it was measured against, zero if nothing.
    pub reference: Price,
}
