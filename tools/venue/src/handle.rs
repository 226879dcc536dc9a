//! What a running venue shows to the program that started it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use tokio::{runtime::Runtime, sync::watch};

use crate::{Credentials, admin, core::Stats, thread::CoreHandle};

/// Longest wait for connections to end at stop.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// A running venue. Dropping it stops it.
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
    pub(crate) running: Running,
}

/// Threads of a venue.
pub(crate) struct Running {
    pub(crate) core: CoreHandle,
    pub(crate) stats: Arc<Stats>,
    pub(crate) stop_core: Arc<AtomicBool>,
    pub(crate) stop_io: watch::Sender<bool>,
    pub(crate) runtime: Option<Runtime>,
    pub(crate) thread: Option<std::thread::JoinHandle<()>>,
}

impl Handle {
    /// Keys of the first account.
    pub fn credentials(&self) -> &Credentials {
        &self.accounts[0]
    }
    /// Whether the recorded market has reached its end (never for a generated or looped one).
    pub fn tape_ended(&self) -> bool {
        self.running.stats.tape_ended.load(Ordering::Relaxed)
    }
    /// The first account's ledger as `/shrike/ledger` gives it; null when the venue is gone.
    ///
    /// Blocks for the core's turn; not for use inside an asynchronous task.
    pub fn ledger(&self) -> serde_json::Value {
        let text = self.running.core.call_blocking(|core| admin::ledger(core, 0));
        text.ok().and_then(Result::ok).map_or(serde_json::Value::Null, |text| parse(&text))
    }
    /// Counters as `/shrike/stats` gives them; null when the venue is gone.
    pub fn stats(&self) -> serde_json::Value {
        let text = self.running.core.call_blocking(admin::stats);
        text.map_or(serde_json::Value::Null, |text| parse(&text))
    }
    /// Faults that are set and how often each struck, as `GET /shrike/faults` tells it.
    pub fn faults(&self) -> serde_json::Value {
        let text = self.running.core.call_blocking(admin::faults);
        text.map_or(serde_json::Value::Null, |text| parse(&text))
    }
    /// Whether the core's thread ended by itself: by a panic, which is a bug of the venue.
    pub fn has_failed(&self) -> bool {
        self.running.thread.as_ref().is_some_and(std::thread::JoinHandle::is_finished)
    }
    /// Stops serving and waits for the threads.
    pub fn stop(self) {}
}

fn parse(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or(serde_json::Value::Null)
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Handle")
            .field("rest_url", &self.rest_url)
            .field("plain_rest_url", &self.plain_rest_url)
            .finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop_io.send(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_WAIT);
        }
        self.stop_core.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the venue's core panicked");
        }
    }
}
