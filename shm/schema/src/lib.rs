//! The words of Shrike and their bytes.
//!
//! Every process speaks with these types: prices and quantities as integers in units of 1e-8, ids,
//! the two clocks, market events, orders and reports, and the fixed-size [`Record`] that carries all
//! of them through the rings. Nothing here does I/O, reads a clock or needs `unsafe`; what crosses a
//! process boundary is plain data whose layout is asserted beside the type.
//!
//! Money is `i64` in units of 1e-8 because every price and quantity of the venue fits exactly
//! (8 decimals at most, values below 9.2e10) and integer comparison is what risk checks need. Binary
//! fixed point (`fixed`) is for signals only: 0.1 is not exact in it.
//!
//! Left out: venue formats (`binance`), decisions (`engine`), mapping of memory (`rings`).

mod algo;
mod command;
mod counter;
mod difference;
mod ids;
mod kill;
mod limit;
mod market;
mod money;
mod order;
mod portfolio;
mod record;
mod state;
mod status;
mod taken;
mod time;

pub use algo::{AlgoId, AlgoStatus, AlgoUpdate, CancelAlgo, NewAlgo};
pub use command::{Command, CommandAnswer, CommandKind, CommandResult, NewLimit, Reason};
pub use counter::{COUNTERS_MAX, Counter, Counters, Gauge, Gauges};
pub use difference::{Difference, DifferenceKind, Quarantine, QuarantineReason};
pub use ids::{
    BootEpoch, ClientOrderId, IdError, RequestId, StrategyId, SymbolId, SymbolName, TradeId,
    VenueOrderId,
};
pub use kill::{KillChange, KillTrigger};
pub use limit::{ACCOUNT_LIMITS, LimitChange, LimitKind, LimitUnit, LimitUse, SYMBOL_LIMITS};
pub use market::{
    Bar, BookTicker, DEPTH_LEVELS_MAX, DepthBuf, DepthHead, DepthKind, Level, Mark, Trade,
};
pub use money::{DecimalError, Notional, Price, Qty, SCALE, format_decimal, parse_decimal};
pub use order::{
    AccountUpdate, BalanceDelta, CancelOrder, ExecType, ExecutionReport, ModifyOrder, NewOrder,
    OrderRef, OrderReply, OrderStatus, OrderType, PositionDelta, RequestKind, Side, TimeInForce,
    TradeLite,
};
pub use portfolio::{KillStep, PortfolioRisk, PortfolioSymbol, RiskReason, Verdict};
pub use record::{BadRecord, Decision, Event, Kind, Levels, Record, Stage, Stages, StateChange};
pub use state::{Reject, StateReason, TradingState};
pub use status::{
    BALANCES_MAX, CONNECTIONS, CONNECTIONS_PER_LINK, ConnectionState, ConnectionStatus, LINKS,
    Link, LinkStatus, PathText, RejectCounts, RunInfo, SYMBOLS_MAX, SignalParams, Status,
    SymbolInfo, SymbolStatus,
};
pub use taken::{
    AccountHead, BLOB_BYTES, Blob, BlobKind, OpenAlgo, OpenOrder, SymbolRules, Taken, TruthHead,
};
pub use time::{MonoNs, WallNs};

/// Identifies the binary layout of everything in this crate that crosses a process boundary.
///
/// A segment whose header carries another value is refused. Raise [`LAYOUT_VERSION`] whenever the
/// meaning of a field changes without changing a size.
pub const LAYOUT_HASH: u64 = {
    let sizes = [
        LAYOUT_VERSION,
        size_of::<Record>() as u64,
        size_of::<Status>() as u64,
        size_of::<RunInfo>() as u64,
        size_of::<SignalParams>() as u64,
        size_of::<Verdict>() as u64,
        size_of::<PortfolioRisk>() as u64,
        SYMBOLS_MAX as u64,
        counter::NAMES_HASH,
    ];
    // FNV-1a over the words: not for secrecy, only to make accidental equality improbable.
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut index = 0;
    while index < sizes.len() {
        hash = (hash ^ sizes[index]).wrapping_mul(0x0000_0100_0000_01b3);
        index += 1;
    }
    hash
};

/// Version of the meaning of the records; see [`LAYOUT_HASH`].
pub const LAYOUT_VERSION: u64 = 3;
