//! Trading decisions: what to send, given everything that was received.
//!
//! [`Engine`] is a deterministic machine. It takes one [`Input`] at a time (a market event, a report,
//! a timer with its time, a command, parameters, a verdict) and writes what to send and what to
//! record into an [`Outbox`]. It has no socket, no clock and no heap after [`Engine::new`]; the same
//! inputs give the same outputs, byte for byte, in replay, in the backtester and live.
//!
//! One way leads to the wire: a strategy's intent passes [`risk::check`], which alone makes
//! an [`Approved`] order; [`Action`] carries nothing else.
//!
//! Left out: venue formats (`binance`), rings (`rings`), everything that waits or fails for reasons
//! of this host (`trader`), and floats, except behind `signal::Features::to_f64` for statistics.

mod bars;
pub mod book;
mod config;
mod engine;
mod input;
pub mod orders;
mod outbox;
mod planted;
pub mod position;
pub mod risk;
pub mod signal;
pub mod strategy;
pub mod tape;

pub use config::{Config, ConfigError, Safety, Timing};
pub use engine::{Engine, Headroom, Unit};
pub use input::{Input, Now, OpenAlgo, OpenOrder, Truth};
pub use outbox::{ACTIONS_MAX, Action, Outbox, RECORDS_MAX};
#[cfg(feature = "planted")]
pub use planted::plant;
pub use planted::{Bug, planted};
pub use position::Position;
pub use risk::{Approved, Limits, SymbolConfig, SymbolLimits, SymbolRules};
pub use strategy::StrategyConfig;
