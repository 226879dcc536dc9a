//! A local exchange that speaks the Binance USDⓈ-M protocol over TLS on loopback.
//!
//! [`spawn`] puts the simulated venue of `backtest` on sockets: REST, market streams, user data and
//! the WebSocket API, with accounts, signatures, filters and rate limits, so that every process of
//! the system (and clients no one here wrote) can trade with no account and no internet.
//!
//! One thread owns the exchange; connections are tasks that send it closures and own a bounded
//! queue of frames each. Its clock is now: a recorded market is played at its own pace (or faster)
//! with all times rewritten. A plain port on loopback serves the same paths to clients that cannot
//! be given a certificate authority, and `/shrike/ledger` and `/shrike/stats` to no one else.
//!
//! Left out: hedge mode, isolated margin, RSA keys,
//! permessage-deflate, COIN-M rows in all-market streams.

mod admin;
mod auth;
mod config;
mod core;
mod credentials;
pub mod faults;
mod gate;
mod handle;
mod history;
mod hub;
mod inline;
mod limits;
mod ops;
mod params;
mod pump;
mod refusal;
mod rest;
mod server;
mod socket;
mod source;
mod start;
mod streams;
mod thread;
mod tls;
mod topic;
mod users;
mod wire;
mod wsapi;

pub use backtest::generator::{BadFall, Fall};
pub use config::{AccountSetup, AtEnd, Lifetimes, MarketSource, RateLimitConfig, VenueConfig};
pub use credentials::Credentials;
pub use handle::Handle;
pub use inline::{Answer, Connection, Inline, Sent};
pub use start::{run, spawn};
