//! REST by ureq: time limits on everything, the venue's errors told apart from the wire's.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use binance::rest::{RestSigner, parse_error};
use engine::Now;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::api::{Api, CallError, Method, Security};
use super::budget::{Budget, Heard};
use crate::net::tls::certificates;
use crate::tsc;

/// Longest reply accepted: exchangeInfo has 0.9 MB.
const REPLY_BYTES_MAX: u64 = 16 << 20;

/// The REST client; shared by the cold threads.
#[derive(Debug)]
pub struct Rest {
    agent: Agent,
    base: String,
    signer: RestSigner,
    budget: Arc<Budget>,
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
        budget: Arc<Budget>,
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
        Ok(Self { agent, base: base.to_owned(), signer, budget })
    }

    /// Time of the next signature: ours, set right by what the venue's clock showed.
    fn signing_ms(&self) -> i64 {
        tsc::wall().ms() + self.budget.clock_offset_ms()
    }
}

impl Api for Rest {
    fn call(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        security: Security,
    ) -> Result<Vec<u8>, CallError> {
        self.budget.admit(method, path, params)?;
        let query = match security {
            Security::Signed => self.signer.query(params, self.signing_ms()),
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
        let header = |name| response.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
        let heard = Heard {
            status,
            weight_1m: header("x-mbx-used-weight-1m"),
            order_count_10s: header("x-mbx-order-count-10s"),
            retry_after_s: header("retry-after"),
        };
        self.budget.heard(&heard);
        let retry_after = heard.retry_after_s.map(Duration::from_secs);
        let body =
            response.body_mut().with_config().limit(REPLY_BYTES_MAX).read_to_vec().map_err(wire)?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let (code, message) = parse_error(&body).unwrap_or_default();
        if matches!(code, -1_021 | -5_028) {
            self.budget.doubt_clock();
        }
        Err(CallError::Venue { status, code, message: format!("{path}: {message}"), retry_after })
    }

    fn now(&self) -> Now {
        tsc::now()
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
