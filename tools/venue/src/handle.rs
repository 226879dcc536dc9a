//! What a running venue shows to the program that started it.

use crate::Credentials;

/// A running venue. Dropping it stops it.
#[derive(Debug)]
pub struct Handle {
    /// `https://127.0.0.1:PORT`
    pub rest_url: String,
    /// `wss://127.0.0.1:PORT`; routes `/public`, `/market` and `/private` follow.
    pub stream_url: String,
    /// `wss://127.0.0.1:PORT/ws-fapi/v1`
    pub order_url: String,
    /// `http://127.0.0.1:PORT`, also `/shrike/ledger` and `/shrike/stats`.
    pub plain_rest_url: String,
    /// `ws://127.0.0.1:PORT`
    pub plain_stream_url: String,
    /// `ws://127.0.0.1:PORT/ws-fapi/v1`
    pub plain_order_url: String,
    /// The certificate authority the TLS listener's certificate is signed by.
    pub ca_pem: String,
    /// Keys of each account, in the order of the configuration; at least one.
    pub accounts: Vec<Credentials>,
}

impl Handle {
    /// Whether the recorded market has reached its end (never for a generated or looped one).
    pub fn tape_ended(&self) -> bool {
        false
    }
    /// The ledger as `/shrike/ledger` gives it.
    pub fn ledger(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
    /// Counters as `/shrike/stats` gives them.
    pub fn stats(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
    /// Stops serving and waits for the threads.
    pub fn stop(self) {}
}
