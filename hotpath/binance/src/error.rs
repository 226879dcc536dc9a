//! Why bytes were not read, and why an order was not written.

use core::fmt;

/// Why a frame was not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// Not JSON, cut off, or followed by other bytes.
    Syntax,
    /// Nested deeper than 64 levels: no frame of the venue is.
    TooDeep,
    /// A field that every frame of its kind has is not there.
    Missing,
    /// A number that is not a plain decimal or does not fit its type exactly.
    Number,
    /// A value of another JSON type than the field has.
    Type,
    /// A word that is none of the field's (side, order type, state …).
    Word,
    /// More price levels than [`schema::DEPTH_LEVELS_MAX`] on one side.
    TooManyLevels,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not one JSON value",
            Self::TooDeep => "nested deeper than 64 levels",
            Self::Missing => "a field that must be there is missing",
            Self::Number => "a number is not a plain decimal or does not fit",
            Self::Type => "a field has another JSON type than expected",
            Self::Word => "an unknown word in a field with a fixed vocabulary",
            Self::TooManyLevels => "more price levels than a depth event may carry",
        })
    }
}
impl core::error::Error for DecodeError {}

/// Why a request was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The buffer is shorter than the request; [`crate::REQUEST_BYTES_MAX`] always suffices.
    BufferTooSmall,
    /// The symbol is not in the encoder's table.
    UnknownSymbol,
    /// The reference names neither our id nor the venue's.
    NoOrderId,
    /// Only limit and market orders are sent; conditional ones live on the algo endpoints.
    OrderType,
    /// A time in force a plain limit order cannot have (GTD needs a date, GTE_GTC is internal).
    TimeInForce,
    /// Price or quantity is not positive.
    NotPositive,
    /// `session.logon` is for Ed25519 keys only.
    NeedsEd25519,
    /// The API key is empty, longer than 128 bytes or not plain ASCII.
    BadApiKey,
    /// A symbol name that cannot stand in a JSON string as it is, or decimals above eight.
    BadSymbol,
    /// `recvWindow` outside 1 to 60,000 ms.
    BadRecvWindow,
    /// The timestamp is before 1970.
    BadTimestamp,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BufferTooSmall => "the buffer is shorter than the request",
            Self::UnknownSymbol => "the symbol is not in the table",
            Self::NoOrderId => "the order has neither our id nor the venue's",
            Self::OrderType => "only limit and market orders can be sent",
            Self::TimeInForce => "this time in force needs more than a plain limit order has",
            Self::NotPositive => "price and quantity must be positive",
            Self::NeedsEd25519 => "session.logon needs an Ed25519 key",
            Self::BadApiKey => "the API key must be 1 to 128 letters, digits, '-' or '_'",
            Self::BadSymbol => "a symbol's name or decimals cannot be sent",
            Self::BadRecvWindow => "recvWindow must be 1 to 60000 ms",
            Self::BadTimestamp => "the timestamp is before 1970",
        })
    }
}
impl core::error::Error for EncodeError {}
