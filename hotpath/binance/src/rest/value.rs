//! Numbers in replies, errors, and the smallest replies.

use core::fmt;

/// Why a reply was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestError {
    /// Not the JSON the endpoint answers with; says where.
    Shape(String),
    /// The venue's error body: code and message.
    Venue(i32, String),
}

impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(what) => write!(f, "unexpected reply: {what}"),
            Self::Venue(code, message) => write!(f, "the venue answered {code}: {message}"),
        }
    }
}
impl core::error::Error for RestError {}

/// Code and message of an error body, `None` if it is none (`code` 200 is success).
pub fn parse_error(body: &[u8]) -> Option<(i32, String)> {
    let _ = body;
    unimplemented!()
}

/// `POST /fapi/v1/listenKey`.
///
/// # Errors
/// [`RestError`].
pub fn parse_listen_key(body: &[u8]) -> Result<String, RestError> {
    let _ = body;
    unimplemented!()
}

/// `GET /fapi/v1/time`, in ms.
///
/// # Errors
/// [`RestError`].
pub fn parse_server_time(body: &[u8]) -> Result<i64, RestError> {
    let _ = body;
    unimplemented!()
}
