//! The market as an order is measured against it.

use schema::{Price, WallNs};

use super::Limits;

/// What is known of the market of one symbol when an order is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Market {
    /// Best bid, zero if there is none.
    pub bid_price: Price,
    /// Best ask, zero if there is none.
    pub ask_price: Price,
    /// Time since the last market event of the symbol, ns.
    pub book_age_ns: u64,
    /// Push time of the best prices.
    pub event_time: WallNs,
    /// Whether the levels are in sync (or only partials and tickers are subscribed).
    pub is_synced: bool,
    /// Mark price, zero until known.
    pub mark_price: Price,
    /// Time since the mark price came, ns.
    pub mark_age_ns: u64,
    /// Whether the symbol is set aside for values that cannot be.
    pub is_quarantined: bool,
}

impl Market {
    /// Middle of the best prices, if both are there and not crossed.
    #[inline]
    pub fn mid(&self) -> Option<Price> {
        let is_fine = self.bid_price.units() > 0 && self.bid_price < self.ask_price;
        is_fine.then(|| crate::signal::mid_price(self.bid_price, self.ask_price))
    }
    /// The mark price, if it is young enough.
    #[inline]
    pub fn mark(&self, limits: &Limits) -> Option<Price> {
        let is_fine = self.mark_price.units() > 0 && self.mark_age_ns <= limits.mark_age_ns_max;
        is_fine.then_some(self.mark_price)
    }
    /// What an order is measured against: the mark, else the mid.
    #[inline]
    pub fn reference(&self, limits: &Limits) -> Option<Price> {
        self.mark(limits).or_else(|| self.mid())
    }
}
