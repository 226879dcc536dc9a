//! Signed query strings.

use crate::sign::Signer;

/// Signs queries with the API key's secret.
#[derive(Debug)]
pub struct RestSigner {
    api_key: String,
    signer: Signer,
    recv_window_ms: u32,
}

impl RestSigner {
    /// A signer for one API key.
    pub fn new(api_key: &str, signer: Signer, recv_window_ms: u32) -> Self {
        Self { api_key: api_key.to_owned(), signer, recv_window_ms }
    }
    /// Value of the header `X-MBX-APIKEY`.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }
    /// The parameters percent-encoded, with `recvWindow`, `timestamp` and, last, `signature`.
    pub fn query(&self, params: &[(&str, &str)], timestamp_ms: i64) -> String {
        let _ = (params, timestamp_ms, &self.signer, self.recv_window_ms);
        unimplemented!()
    }
}
