//! The user-data stream.

use schema::{AccountUpdate, ExecutionReport, TradeLite};

use crate::{DecodeError, SymbolTable};

/// One message of the user-data stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserFrame {
    /// ORDER_TRADE_UPDATE.
    Report(ExecutionReport),
    /// TRADE_LITE.
    TradeLite(TradeLite),
    /// ACCOUNT_UPDATE.
    Account(AccountUpdate),
    /// The listen key is dead: a new one and a new connection are needed.
    ListenKeyExpired,
    /// MARGIN_CALL.
    MarginCall,
    /// ACCOUNT_CONFIG_UPDATE: leverage or multi-asset mode changed.
    ConfigUpdate,
    /// ALGO_UPDATE: a conditional order, which this system does not send.
    AlgoUpdate,
    /// The answer to SUBSCRIBE and its like; `id` is zero if it was not a decimal number.
    Ack {
        /// The request's number.
        id: u64,
        /// Whether it was carried out.
        ok: bool,
    },
    /// An order event of a symbol we do not follow.
    OtherSymbol,
    /// A well-formed message of another kind.
    Other,
}

/// Decodes one message of the user-data stream, raw or wrapped.
///
/// A commission in another asset than the table's quote asset is given as zero: it is not an amount
/// of quote currency. Of ACCOUNT_UPDATE only one-way positions (`ps` = `BOTH`) of followed symbols
/// are taken, the others are counted.
///
/// # Errors
/// [`DecodeError`] if it is not JSON or a known event that cannot be read.
pub fn decode_user(bytes: &[u8], symbols: &SymbolTable) -> Result<UserFrame, DecodeError> {
    let _ = (bytes, symbols);
    unimplemented!()
}
