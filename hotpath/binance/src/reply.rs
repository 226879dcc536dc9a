//! Answers of the WebSocket API.

use schema::OrderReply;

use crate::DecodeError;

/// Decodes the answer to any request: order acknowledgement, logon, error, limit.
///
/// `request_id` is zero if the answer's `id` is null or not a decimal number.
///
/// # Errors
/// [`DecodeError`] if it is not JSON or has neither `status` nor an error.
pub fn decode_reply(bytes: &[u8]) -> Result<OrderReply, DecodeError> {
    let _ = bytes;
    unimplemented!()
}
