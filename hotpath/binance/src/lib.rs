//! Bytes of the venue to the words of [`schema`] and back: Binance USDⓈ-M futures.
//!
//! Three decoders, one per kind of connection: [`decode_market`] for streams, [`decode_user`] for the
//! user-data stream, [`decode_reply`] for the WebSocket API. They read one whole text message, do not
//! allocate, do not panic on any bytes, and take time linear in its length. The frames that come by
//! the thousand are first tried in the key order the venue uses today; any other order, unknown
//! fields, escapes and blanks go through a scanner that dispatches on the key. Decimals are exact.
//!
//! [`Encoder`] writes order requests into the caller's buffer and signs them ([`sign`]); what does not
//! change between orders is written and hashed once. [`rest`] is the cold side, on serde_json.
//!
//! Rules that hold for all decoders: of a key that comes twice the last one counts; a field that
//! cannot be read makes the frame an error, but not if the frame is of a symbol we do not follow;
//! blanks are allowed where JSON allows them; UTF-8 is not validated, because nothing decoded here
//! is used as text.
//!
//! Left out: sockets and timers (`trader`), judging what a frame means (`engine`), spot and COIN-M.

mod encode;
mod envelope;
mod error;
mod market;
mod number;
mod reply;
pub mod rest;
mod scan;
pub mod sign;
mod symbols;
mod text;
mod user;

pub use encode::{Encoder, REQUEST_BYTES_MAX, SymbolFormat};
pub use error::{DecodeError, EncodeError};
pub use market::{AggTrade, ForceOrder, Kline, MarketFrame, decode_market, decode_market_as};
pub use reply::decode_reply;
pub use symbols::SymbolTable;
pub use user::{UserFrame, decode_user};
