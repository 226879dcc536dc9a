//! The simulated venue: matching, accounts, tapes and seeded markets, without sockets or a clock.
//!
//! [`Exchange`] is a deterministic machine. It is told the time and the market
//! ([`MarketUpdate`]s of a recorded [`tape`] or of a seeded [`generator`]), takes orders, and
//! yields
//! [`VenueEvent`]s in the order a real venue sends them. Same inputs, same outputs, to the byte:
//! the backtester, the fault simulator and the venue on sockets (`tools/venue`) share it.
//!
//! Money is integer throughout (`schema`'s units of 1e-8; cost basis by `engine::position`, so that
//! the venue's ledger and the trader's agree to the last digit).
//!
//! What the model assumes, on the careful side:
//! - public market data is the tape's; client orders and fills are not shown in it;
//! - a resting order joins behind everything displayed at its price, cancels ahead of it are not
//!   seen until the level shrinks below its place ([`exchange`] says more);
//! - what our takers took stays taken until the tape changes that level.
//!
//! Left out: sockets, signatures, rate limits, JSON (`tools/venue`), hedge mode, isolated margin,
//! multi-asset margin.

pub mod algo;
pub mod book;
pub mod error;
pub mod event;
pub mod exchange;
pub mod generator;
pub mod ledger;
pub mod market;
pub mod order;
pub mod rules;
pub mod tape;
pub mod view;

pub use algo::{AlgoKey, AlgoOrigin, AlgoRequest, AlgoStatus, AlgoView, WorkingType};
pub use book::Book;
pub use error::VenueError;
pub use event::{
    AccountEvent, AccountReason, AccountUpdate, AlgoUpdate, OrderUpdate, TradeLite, VenueEvent,
};
pub use exchange::{AccountConfig, AccountId, Exchange, ExchangeConfig};
pub use ledger::{BalanceChange, ChangeKind, Fill, Ledger};
pub use market::{DepthUpdate, MarketTrade, MarketUpdate, TradeKind};
pub use order::{AmendRequest, OrderKey, OrderRequest, PriceMatch, ResponseType, StpMode};
pub use rules::{Bracket, Rules};
pub use tape::{Tape, TapeError};
pub use view::{AccountView, OrderView, PositionView, SymbolConfigView, UserTradeView};
