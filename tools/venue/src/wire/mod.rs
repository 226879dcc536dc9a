//! Bytes of the protocol: JSON of streams, user events and answers.

pub(crate) mod account;
pub(crate) mod algo;
pub(crate) mod json;
pub(crate) mod market;
pub(crate) mod orders;
pub(crate) mod rules;
pub(crate) mod ticker;
pub(crate) mod user;

/// How a symbol is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    /// `BTCUSDT`
    pub(crate) name: String,
    /// `btcusdt`, as in stream names.
    pub(crate) lower: String,
    /// Decimals of prices.
    pub(crate) price_decimals: usize,
    /// Decimals of quantities.
    pub(crate) qty_decimals: usize,
}
