//! One POST with time limits; what went wrong without the address, which may be a secret.

use core::fmt;
use std::path::Path;
use std::time::Duration;

use ureq::Agent;

/// Longest answer looked at: only what Telegram says about waiting is read.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Why a message was not taken. Says nothing that the other side wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SendError {
    /// What happened.
    pub(super) what: String,
    /// How long the other side wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl SendError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), retry_after: None }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// A client with one set of certificates.
#[derive(Debug)]
pub(super) struct Http(Agent);

impl Http {
    /// A client whose requests take at most `timeout`.
    ///
    /// # Errors
    /// If `ca_file` cannot be used.
    pub(super) fn new(ca_file: Option<&Path>, timeout: Duration) -> anyhow::Result<Self> {
        let agent = Agent::config_builder()
            .tls_config(crate::tls::config(ca_file)?)
            .timeout_global(Some(timeout))
            .timeout_connect(Some(timeout / 2))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            // A server that went and came back must not be met on a dead connection.
            .max_idle_connections(0)
            .user_agent(concat!("shrike-guard/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self(agent))
    }

    /// Posts JSON; any 2xx is taken.
    pub(super) fn post(
        &self,
        url: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<(), SendError> {
        let mut request = self.0.post(url).header("Content-Type", "application/json");
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut answer = request.send(body).map_err(|error| SendError::new(plain(&error)))?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(());
        }
        let header = answer.headers().get("retry-after");
        let mut retry_after = header.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if status == 429 && retry_after.is_none() {
            retry_after = asked_to_wait(&mut answer);
        }
        Err(SendError {
            what: format!("refused with status {status}"),
            retry_after: retry_after.map(Duration::from_secs),
        })
    }
}

/// Telegram says in the body how long to wait (Bot API, ResponseParameters, read 2026-11).
fn asked_to_wait(answer: &mut ureq::http::Response<ureq::Body>) -> Option<u64> {
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().ok()?;
    let json: serde_json::Value = serde_json::from_slice(&body).ok()?;
    json.get("parameters")?.get("retry_after")?.as_u64()
}

/// What went wrong, without anything the library may quote.
fn plain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::Io(error) => format!("no connection ({})", error.kind()),
        ureq::Error::HostNotFound => "its host is not known".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => "its certificate is not trusted".to_owned(),
        ureq::Error::BadUri(_) => "its address is none".to_owned(),
        _ => "the request failed".to_owned(),
    }
}
