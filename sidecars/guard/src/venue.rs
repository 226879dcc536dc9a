//! The venue by REST, with guard's own key.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use binance::rest::{RestSigner, parse_error, parse_server_time};
use binance::sign::{Ed25519Key, HmacKey, Signer};
use ureq::Agent;
use zeroize::Zeroizing;

use crate::clock::wall_ns;
use crate::config::{Config, KeyType, Keys, Venue};
use crate::look::Unanswered;
use crate::tls;

/// Longest reply accepted.
const REPLY_BYTES_MAX: u64 = 16 << 20;
/// Longest connecting.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Pause after a throttle that names none.
const THROTTLE_WAIT: Duration = Duration::from_secs(5);

/// Questions about the market: the venue refuses parameters it does not know (-1101), a signature
/// among them.
const PUBLIC: [&str; 3] = ["/fapi/v1/exchangeInfo", "/fapi/v1/premiumIndex", "/fapi/v1/klines"];

/// The client; one for each thread.
pub struct Client {
    agent: Agent,
    base: String,
    signer: RestSigner,
    /// The venue's clock less ours, ms.
    offset_ms: i64,
}

impl Client {
    /// For the venue and guard's key of an environment.
    ///
    /// # Errors
    /// If a key or certificate cannot be used; says what to do.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let (venue, agent) = (&config.venue, agent(&config.venue)?);
        let signer = signer(&config.guard.keys, venue.recv_window_ms)?;
        Ok(Self { agent, base: venue.rest_url.clone(), signer, offset_ms: 0 })
    }

    /// Asks a signed question.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn ask(&mut self, path: &str, params: &[(&str, &str)]) -> Result<Vec<u8>, Unanswered> {
        self.call(Method::Get, path, params)
    }

    /// Sends one signed request.
    ///
    /// # Errors
    /// No answer, in which case a request that changes something may have done so all the same, or
    /// a refusal.
    pub(crate) fn call(
        &mut self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
    ) -> Result<Vec<u8>, Unanswered> {
        let now_ms = wall_ns() / 1_000_000 + self.offset_ms;
        let query = match PUBLIC.contains(&path) {
            true => params
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join("&"),
            false => self.signer.query(params, now_ms),
        };
        match self.send(method, path, &query)? {
            Reply::Done(body) => Ok(body),
            // Our clock or the venue's is off: the next request is signed with the venue's.
            Reply::Refused(-1021, why) => {
                let asked_ms = wall_ns() / 1_000_000;
                if let Reply::Done(body) = self.send(Method::Get, "/fapi/v1/time", "")?
                    && let Ok(theirs_ms) = parse_server_time(&body)
                {
                    self.offset_ms = theirs_ms - (asked_ms + wall_ns() / 1_000_000) / 2;
                }
                Err(why)
            }
            Reply::Refused(_, why) => Err(why),
        }
    }

    fn send(&self, method: Method, path: &str, query: &str) -> Result<Reply, Unanswered> {
        let wire = |error: ureq::Error| Unanswered {
            why: format!("{path}: {error}"),
            wait: Duration::ZERO,
        };
        let url = format!("{}{path}?{query}", self.base);
        let (header, key) = ("X-MBX-APIKEY", self.signer.api_key());
        let mut response = match method {
            Method::Get => self.agent.get(&url).header(header, key).call(),
            Method::Delete => self.agent.delete(&url).header(header, key).call(),
            Method::Post => self.agent.post(&url).header(header, key).send_empty(),
        }
        .map_err(wire)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after");
        let seconds = retry_after.and_then(|text| text.to_str().ok()?.parse::<u64>().ok());
        let body = response.body_mut().with_config().limit(REPLY_BYTES_MAX).read_to_vec();
        let body = body.map_err(wire)?;
        if (200..300).contains(&status) {
            return Ok(Reply::Done(body));
        }
        let (code, message) = parse_error(&body).unwrap_or_default();
        let wait = match (status, seconds) {
            (418 | 429, Some(seconds)) => Duration::from_secs(seconds),
            (418 | 429, None) => THROTTLE_WAIT,
            _ => Duration::ZERO,
        };
        let why = format!("{path}: status {status}, code {code}: {message}");
        Ok(Reply::Refused(code, Unanswered { why, wait }))
    }
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Asks.
    Get,
    /// Makes.
    Post,
    /// Ends.
    Delete,
}

/// What the venue said.
enum Reply {
    /// The body of a success.
    Done(Vec<u8>),
    /// Its code and words.
    Refused(i32, Unanswered),
}

/// A client of a venue's hosts, with its certificates and time limits, without a key.
///
/// # Errors
/// If a certificate cannot be used.
pub fn agent(venue: &Venue) -> anyhow::Result<Agent> {
    let timeout = Duration::from_millis(venue.rest_timeout_ms);
    let tls = tls::config(venue.ca_file.as_deref()).context("venue.ca_file")?;
    Ok(Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(timeout))
        .timeout_connect(Some(timeout.min(CONNECT_MAX)))
        .http_status_as_error(false)
        .https_only(true)
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("shrike-guard/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent())
}

fn signer(keys: &Keys, recv_window_ms: u32) -> anyhow::Result<RestSigner> {
    let api_key = secret(keys.api_key_file.as_deref(), "guard_api_key", "api_key_file")?;
    let text = secret(keys.api_secret_file.as_deref(), "guard_api_secret", "api_secret_file")?;
    let text = text.trim();
    let signer = match keys.key_type {
        KeyType::Hmac => {
            ensure!(!text.contains("-----BEGIN"), "set guard.key_type = \"ed25519\" for a PEM key");
            Signer::Hmac(HmacKey::new(text.as_bytes()))
        }
        KeyType::Ed25519 => Signer::Ed25519(Ed25519Key::from_pkcs8_pem(text).map_err(|error| {
            anyhow::anyhow!("guard's secret is no Ed25519 key in PKCS#8 PEM ({error})")
        })?),
    };
    Ok(RestSigner::new(api_key.trim(), signer, recv_window_ms))
}

fn secret(file: Option<&Path>, credential: &str, key: &str) -> anyhow::Result<Zeroizing<String>> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let path = match (file, folder) {
        (Some(file), _) => file.to_owned(),
        (None, Some(folder)) => folder.join(credential),
        (None, None) => bail!("guard has no key: name guard.{key}, or give systemd's {credential}"),
    };
    let shown = path.display();
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?;
    let mode = {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(&path)?.permissions().mode() & 0o777
    };
    ensure!(mode & 0o077 == 0, "{shown} has mode {mode:o}, open to others; run chmod 600 {shown}");
    ensure!(!text.trim().is_empty(), "{shown} is empty; write guard's key to it");
    Ok(Zeroizing::new(text))
}
