//! Order requests of the WebSocket API.

use schema::{CancelOrder, ModifyOrder, NewOrder, OrderRef, RequestId, SymbolName};

use crate::EncodeError;
use crate::sign::Signer;

/// A buffer of this size holds any request.
pub const REQUEST_BYTES_MAX: usize = 1024;

/// How a symbol's prices and quantities are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolFormat {
    /// Name.
    pub name: SymbolName,
    /// Decimals of a price, at least those of the tick.
    pub price_decimals: u8,
    /// Decimals of a quantity, at least those of the step.
    pub qty_decimals: u8,
}

/// Writes and signs requests.
#[derive(Debug)]
pub struct Encoder {
    signer: Signer,
}

impl Encoder {
    /// Prepares everything that is the same in every request. Symbols are in the order of their ids.
    ///
    /// # Errors
    /// [`EncodeError`] if a setting cannot be sent.
    pub fn new(
        api_key: &str,
        signer: Signer,
        symbols: &[SymbolFormat],
        recv_window_ms: u32,
    ) -> Result<Self, EncodeError> {
        let _ = (api_key, symbols, recv_window_ms);
        Ok(Self { signer })
    }
    /// Whether the connection is logged on; if so, requests carry neither key nor signature.
    pub fn set_session(&mut self, logged_on: bool) {
        let _ = (logged_on, &self.signer);
    }
    /// Whether requests rely on a logged-on session.
    pub fn is_session(&self) -> bool {
        false
    }
    /// `order.place`.
    ///
    /// # Errors
    /// [`EncodeError`]; nothing of `out` may then be sent.
    pub fn place(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        order: &NewOrder,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        let _ = (out, request_id, order, timestamp_ms);
        unimplemented!()
    }
    /// `order.cancel`.
    ///
    /// # Errors
    /// As [`Self::place`].
    pub fn cancel(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        cancel: &CancelOrder,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        let _ = (out, request_id, cancel, timestamp_ms);
        unimplemented!()
    }
    /// `order.modify`.
    ///
    /// # Errors
    /// As [`Self::place`].
    pub fn modify(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        modify: &ModifyOrder,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        let _ = (out, request_id, modify, timestamp_ms);
        unimplemented!()
    }
    /// `order.status`.
    ///
    /// # Errors
    /// As [`Self::place`].
    pub fn status(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        order: &OrderRef,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        let _ = (out, request_id, order, timestamp_ms);
        unimplemented!()
    }
    /// `session.logon`.
    ///
    /// # Errors
    /// As [`Self::place`]; [`EncodeError::NeedsEd25519`] with an HMAC key.
    pub fn logon(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        let _ = (out, request_id, timestamp_ms);
        unimplemented!()
    }
}
