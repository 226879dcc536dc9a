//! REST by ureq: time limits on everything, the venue's errors told apart from the wire's.

use core::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use binance::rest::{RestSigner, parse_error};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::net::tls::certificates;
use crate::tsc;

/// Longest reply accepted: exchangeInfo has 0.9 MB.
const REPLY_BYTES_MAX: u64 = 16 << 20;

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
    },
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(what) => write!(f, "no answer: {what}"),
            Self::Venue { status, code, message } => {
                write!(f, "refused with {status}, code {code}: {message}")
            }
        }
    }
}
impl core::error::Error for CallError {}

impl CallError {
    /// The venue's code, zero if none.
    pub fn code(&self) -> i32 {
        match self {
            Self::Wire(_) => 0,
            Self::Venue { code, .. } => *code,
        }
    }
    /// Whether asking again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Wire(_) => true,
            Self::Venue { status, .. } => *status >= 500 || matches!(status, 408 | 418 | 429),
        }
    }
}

/// The REST client; shared by the cold threads.
#[derive(Debug)]
pub struct Rest {
    agent: Agent,
    base: String,
    signer: RestSigner,
}

impl Rest {
    /// A client for one venue and key.
    ///
    /// # Errors
    /// If `ca_file` cannot be used.
    pub fn new(
        base: &str,
        ca_file: Option<&Path>,
        timeout: Duration,
        signer: RestSigner,
    ) -> anyhow::Result<Self> {
        let roots = match ca_file {
            None => RootCerts::WebPki,
            Some(path) => certificates(path)?
                .iter()
                .map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned())
                .collect::<Vec<_>>()
                .into(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(timeout))
            .timeout_connect(Some(timeout.min(Duration::from_secs(3))))
            .http_status_as_error(false)
            .https_only(true)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("shrike/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, base: base.to_owned(), signer })
    }

    /// Sends one request and returns the body of a success.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn call(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        security: Security,
    ) -> Result<Vec<u8>, CallError> {
        let query = match security {
            Security::Signed => self.signer.query(params, tsc::wall().ms()),
            _ => plain(params),
        };
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{mark}{query}", self.base);
        let key = (security != Security::Open).then(|| self.signer.api_key());
        let wire = |error: ureq::Error| CallError::Wire(format!("{path}: {error}"));
        let mut response = match method {
            Method::Get => with_key(self.agent.get(&url), key).call(),
            Method::Delete => with_key(self.agent.delete(&url), key).call(),
            Method::Post => with_key(self.agent.post(&url), key).send_empty(),
            Method::Put => with_key(self.agent.put(&url), key).send_empty(),
        }
        .map_err(wire)?;
        let status = response.status().as_u16();
        let body =
            response.body_mut().with_config().limit(REPLY_BYTES_MAX).read_to_vec().map_err(wire)?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let (code, message) = parse_error(&body).unwrap_or_default();
        Err(CallError::Venue { status, code, message: format!("{path}: {message}") })
    }

    /// GET without key.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn open(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<u8>, CallError> {
        self.call(Method::Get, path, params, Security::Open)
    }

    /// GET, signed.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn signed(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<u8>, CallError> {
        self.call(Method::Get, path, params, Security::Signed)
    }

    /// A listen key: a new one, or the living one extended.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn listen_key(&self) -> anyhow::Result<String> {
        let body = self.call(Method::Post, "/fapi/v1/listenKey", &[], Security::Key)?;
        binance::rest::parse_listen_key(&body).context("listen key")
    }
}

fn with_key<B>(request: ureq::RequestBuilder<B>, key: Option<&str>) -> ureq::RequestBuilder<B> {
    match key {
        Some(key) => request.header("X-MBX-APIKEY", key),
        None => request,
    }
}

/// Unsigned parameters, percent-encoded.
fn plain(params: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        params.iter().map(|(key, value)| format!("{key}={}", percent_encoded(value))).collect();
    pairs.join("&")
}

/// Percent-encoding of all but unreserved characters (RFC 3986, 2.3).
pub(super) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::percent_encoded;

    #[test]
    fn names_outside_ascii_are_percent_encoded() {
        assert_eq!(percent_encoded("BTCUSDT"), "BTCUSDT");
        assert_eq!(percent_encoded("测A&"), "%E6%B5%8BA%26");
    }
}
