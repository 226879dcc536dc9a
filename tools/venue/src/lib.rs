//! A local exchange that speaks the Binance USDⓈ-M protocol over TLS on loopback.
//!
//! [`spawn`] puts the simulated venue of `backtest` on sockets: REST, market streams, user data and
//! the WebSocket API, with accounts, signatures, filters and rate limits, so that every process of
//! the system (and clients no one here wrote) can trade with no account and no internet.

mod config;
mod credentials;
mod handle;

pub use config::{
    AccountSetup, AtEnd, Lifetimes, MarketSource, RateLimitConfig, VenueConfig,
};
pub use credentials::Credentials;
pub use handle::Handle;

/// Starts a venue and returns when its ports are bound.
///
/// # Errors
/// A port in use, an unreadable tape, a directory that cannot be written.
pub fn spawn(_config: VenueConfig) -> anyhow::Result<Handle> {
    anyhow::bail!("the venue's sockets are not connected yet")
}

/// Runs a venue until `shutdown` turns true; `ready` is called once with the running venue.
///
/// # Errors
/// As [`spawn`].
pub fn run(
    config: VenueConfig,
    shutdown: &std::sync::atomic::AtomicBool,
    ready: impl FnOnce(&Handle),
) -> anyhow::Result<()> {
    let handle = spawn(config)?;
    ready(&handle);
    while !shutdown.load(std::sync::atomic::Ordering::Relaxed) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    handle.stop();
    Ok(())
}
