//! What the cold side asks of the venue, whoever carries it: [`super::Rest`] over the network, or a
//! simulation.

use core::fmt;
use std::time::Duration;

use anyhow::Context as _;
use engine::Now;

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
}

/// What a request must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Nothing.
    Open,
    /// The API key.
    Key,
    /// The API key and a signature.
    Signed,
}

/// Why there is no answer, or a refusal.
#[derive(Debug)]
pub enum CallError {
    /// No answer: the outcome of a request that changes something is unknown.
    Wire(String),
    /// The venue refused.
    Venue {
        /// HTTP status.
        status: u16,
        /// The venue's code; zero if the body held none.
        code: i32,
        /// Its words.
        message: String,
        /// How long it wants nothing to be asked, if it said so.
        retry_after: Option<Duration>,
    },
    /// It was not sent: the venue's limits are used up, or it banned this address.
    Held {
        /// Until it may be sent.
        wait: Duration,
    },
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(what) => write!(f, "no answer: {what}"),
            Self::Venue { status, code, message, .. } => {
                write!(f, "refused with {status}, code {code}: {message}")
            }
            Self::Held { wait } => {
                write!(f, "not sent: the venue wants no request for {} ms", wait.as_millis())
            }
        }
    }
}
impl core::error::Error for CallError {}

impl CallError {
    /// The venue's code, zero if none.
    pub fn code(&self) -> i32 {
        match self {
            Self::Wire(_) | Self::Held { .. } => 0,
            Self::Venue { code, .. } => *code,
        }
    }
    /// Whether asking again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Wire(_) | Self::Held { .. } => true,
            Self::Venue { status, .. } => *status >= 500 || matches!(status, 408 | 418 | 429),
        }
    }
}

/// Requests to the venue, one at a time; each call waits for its answer.
pub trait Api {
    /// Sends one request and returns the body of a success.
    ///
    /// # Errors
    /// [`CallError`].
    fn call(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        security: Security,
    ) -> Result<Vec<u8>, CallError>;

    /// The time, on both clocks.
    fn now(&self) -> Now;

    /// GET without key.
    ///
    /// # Errors
    /// [`CallError`].
    fn open(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<u8>, CallError> {
        self.call(Method::Get, path, params, Security::Open)
    }

    /// GET, signed.
    ///
    /// # Errors
    /// [`CallError`].
    fn signed(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<u8>, CallError> {
        self.call(Method::Get, path, params, Security::Signed)
    }

    /// A listen key: a new one, or the living one extended.
    ///
    /// # Errors
    /// If it cannot be had.
    fn listen_key(&self) -> anyhow::Result<String> {
        let body = self.call(Method::Post, "/fapi/v1/listenKey", &[], Security::Key)?;
        binance::rest::parse_listen_key(&body).context("listen key")
    }
}
