//! What newest-value segments carry, and what a segment header says of the run.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::order::wire_enum;
use crate::{
    ACCOUNT_LIMITS, Counters, Gauges, KillTrigger, LimitUse, Notional, Price, Qty, Reject,
    SYMBOL_LIMITS, StateReason, SymbolName,
};

/// Symbols one trader follows: enough for a desk's book, small enough for linear searches.
pub const SYMBOLS_MAX: usize = 8;
/// Balances of one account event we read.
pub const BALANCES_MAX: usize = 4;

wire_enum!(
    /// A connection of the trader.
    Link {
        /// `/public` streams: book, depth, trades.
        Public = 0 "public",
        /// `/market` streams: mark price.
        Market = 1 "market",
        /// User-data stream.
        User = 2 "user",
        /// WebSocket API for orders.
        Order = 3 "order",
    }
);

/// How many connections there are.
pub const LINKS: usize = 4;

/// Places of [`RejectCounts`].
const REJECTS_MAX: usize = 48;
const _: () = assert!(crate::Reject::ALL.len() <= REJECTS_MAX);

/// How many orders were refused for each reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct RejectCounts([u64; REJECTS_MAX]);

impl Default for RejectCounts {
    fn default() -> Self {
        Self([0; REJECTS_MAX])
    }
}

impl core::ops::Index<Reject> for RejectCounts {
    type Output = u64;
    fn index(&self, reject: Reject) -> &u64 {
        &self.0[reject as usize]
    }
}
impl core::ops::IndexMut<Reject> for RejectCounts {
    fn index_mut(&mut self, reject: Reject) -> &mut u64 {
        &mut self.0[reject as usize]
    }
}

/// Bytes of a path in a segment header.
const PATH_BYTES: usize = 240;

/// A file's path in a segment header; empty if it did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct PathText([u8; PATH_BYTES]);

impl Default for PathText {
    fn default() -> Self {
        Self([0; PATH_BYTES])
    }
}

impl PathText {
    /// From a path; empty if it does not fit.
    pub fn new(path: &str) -> Self {
        let mut text = Self::default();
        if path.len() <= PATH_BYTES && !path.contains('\0') {
            text.0[..path.len()].copy_from_slice(path.as_bytes());
        }
        text
    }
    /// The path; empty if there is none.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(PATH_BYTES);
        core::str::from_utf8(&self.0[..length]).unwrap_or("")
    }
}

/// A symbol in the run's table.
#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SymbolInfo {
    /// Name.
    pub name: SymbolName,
    /// Tick in units of 1e-8.
    pub tick_size: i64,
    /// Step in units of 1e-8.
    pub step_size: i64,
}

/// What a segment header says of the run, so that no sidecar reads the configuration file.
#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RunInfo {
    /// Environment: `demo`, `paper`, `staging` or `production`.
    pub environment: SymbolName,
    /// Version and build of the trader, as text.
    pub build: SymbolName,
    /// The trader's process id.
    pub pid: u64,
    /// Cycle-counter ticks per second; divide [`crate::Stages`] by it.
    pub tsc_hz: u64,
    /// Wall clock minus monotonic clock at start, ns.
    pub wall_minus_mono_ns: i64,
    /// Capital the environment allows, units of 1e-8.
    pub capital: i64,
    /// Highest leverage allowed, in hundredths (200 = 2×).
    pub leverage_max_e2: u64,
    /// Strategy in force ([`crate::StrategyId`]).
    pub strategy: u64,
    /// Symbols, the first `symbol_count`.
    pub symbols: [SymbolInfo; SYMBOLS_MAX],
    /// How many symbols.
    pub symbol_count: u64,
    /// Absolute path of the configuration file, which has the keys' and the latch's places.
    pub config: PathText,
    /// Absolute path of the kill switch's latch file.
    pub latch: PathText,
}

impl RunInfo {
    /// The followed symbols.
    pub fn symbols(&self) -> &[SymbolInfo] {
        &self.symbols[..(self.symbol_count as usize).min(SYMBOLS_MAX)]
    }
}

/// One connection in [`Status`].
#[derive(Debug, Clone, Copy, Default, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct LinkStatus {
    /// 1 when open.
    pub up: u64,
    /// Monotonic time of the last frame, ns; zero if none.
    pub last_frame_mono_ns: u64,
    /// Frames since start.
    pub frames: u64,
    /// Bytes since start.
    pub bytes: u64,
    /// Connections made since start.
    pub connects: u64,
    /// Frames that could not be read.
    pub decode_errors: u64,
}

/// Places for connections of one link: two are up, the third replaces one of them.
pub const CONNECTIONS_PER_LINK: usize = 3;
/// All places for connections.
pub const CONNECTIONS: usize = LINKS * CONNECTIONS_PER_LINK;

wire_enum!(
    /// How a connection is.
    ConnectionState {
        /// There is none.
        None = 0 "none",
        /// It stands and has brought nothing yet.
        Open = 1 "open",
        /// It does what it is for.
        Ready = 2 "ready",
        /// Orders leave on it.
        Active = 3 "active",
    }
);

/// One place for a connection in [`Status`]; the counts are of the place, not of one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ConnectionStatus {
    /// [`ConnectionState`] as a number.
    pub state: u64,
    /// Monotonic time at which it opened, ns; zero if there is none.
    pub opened_mono_ns: u64,
    /// Monotonic time of the last message, ns; zero if none.
    pub last_frame_mono_ns: u64,
    /// Messages since start.
    pub frames: u64,
    /// Connections made since start.
    pub connects: u64,
    /// Market messages it brought first.
    pub wins: u64,
    /// Market messages another connection had brought before.
    pub duplicates: u64,
    /// By how much it is ahead of the other when it is first, a moving average, ns.
    pub lead_ns: i64,
}

/// One symbol in [`Status`]; money in units of 1e-8.
#[derive(Debug, Clone, Copy, Default, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SymbolStatus {
    /// Best bid price.
    pub bid_price: i64,
    /// Best ask price.
    pub ask_price: i64,
    /// Quantity at the best bid.
    pub bid_qty: i64,
    /// Quantity at the best ask.
    pub ask_qty: i64,
    /// Mark price.
    pub mark_price: i64,
    /// Age of the book at publication, ns.
    pub book_age_ns: u64,
    /// 1 when the depth book is in sync.
    pub book_synced: u64,
    /// Gaps found since start.
    pub book_gaps: u64,
    /// Book and trade events since start.
    pub events: u64,
    /// Signed position.
    pub position_qty: i64,
    /// Average entry price, rounded.
    pub entry_price: i64,
    /// Realised profit before fees, since start.
    pub realized_pnl: i64,
    /// Unrealised profit at the mark.
    pub unrealized_pnl: i64,
    /// Commission paid since start.
    pub commission: i64,
    /// Working orders.
    pub open_orders: u64,
    /// Orders sent since start.
    pub orders: u64,
    /// Fills booked since start.
    pub fills: u64,
    /// Newest signal, fraction of 1 in units of 1e-8.
    pub signal: i64,
    /// 1 while the strategy may not open on it until a person says so.
    pub is_throttled: u64,
    /// The symbol's limits, by [`crate::LimitKind::place`].
    pub limits: [LimitUse; SYMBOL_LIMITS],
}

impl SymbolStatus {
    /// Best bid price.
    pub fn bid(&self) -> Price {
        Price::from_units(self.bid_price)
    }
    /// Best ask price.
    pub fn ask(&self) -> Price {
        Price::from_units(self.ask_price)
    }
    /// Signed position.
    pub fn position(&self) -> Qty {
        Qty::from_units(self.position_qty)
    }
}

/// The trader as it is now; published about ten times a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Status {
    /// Monotonic time of publication, ns.
    pub mono_ns: u64,
    /// Wall time of publication, ns.
    pub wall_ns: i64,
    /// Turns of the hot loop since start: the heartbeat.
    pub turns: u64,
    /// Longest turn since start, ns.
    pub turn_max_ns: u64,
    /// Turns over the budget since start.
    pub turns_over_budget: u64,
    /// The budget, ns.
    pub turn_budget_ns: u64,
    /// [`crate::TradingState`] as a number.
    pub trading_state: u64,
    /// [`crate::StateReason`] of the last change, as a number.
    pub state_reason: u64,
    /// Everything that keeps it from adding risk: bit `1 << reason` for each
    /// [`crate::StateReason`].
    pub state_causes: u64,
    /// [`crate::KillTrigger`] as a number; only in state Killed.
    pub kill_trigger: u64,
    /// Version of the limits: counts their changes since the start.
    pub limits_version: u64,
    /// Highest equity since arming, units of 1e-8.
    pub peak_equity: i64,
    /// Equity when the UTC day began (or at arming), units of 1e-8.
    pub day_equity: i64,
    /// How the loop waits: 0 busy, 1 yield, 2 park.
    pub wait: u64,
    /// Wallet balance, units of 1e-8.
    pub wallet_balance: i64,
    /// Wallet plus unrealised profit, units of 1e-8.
    pub equity: i64,
    /// Wallet balance at arming, units of 1e-8.
    pub wallet_at_start: i64,
    /// Gross exposure with open and in-flight orders, units of 1e-8.
    pub exposure_worst: i64,
    /// The limit for it, units of 1e-8.
    pub exposure_max: i64,
    /// Ticks (market events) since start.
    pub ticks: u64,
    /// Orders sent since start.
    pub orders: u64,
    /// Cancels sent since start.
    pub cancels: u64,
    /// Fills booked since start.
    pub fills: u64,
    /// Orders refused by the engine since start.
    pub rejects: u64,
    /// Orders refused by the venue since start.
    pub venue_rejects: u64,
    /// Orders whose outcome is unknown now.
    pub unknown_orders: u64,
    /// Working orders now.
    pub open_orders: u64,
    /// Conditional orders at work now.
    pub open_algos: u64,
    /// Records in the journal that a gating reader has not taken.
    pub journal_used: u64,
    /// Capacity of the journal, records.
    pub journal_capacity: u64,
    /// Log lines lost because the log queue was full.
    pub log_dropped: u64,
    /// Allocations counted on the hot thread after start-up, outside the exempt scope.
    pub hot_allocations: u64,
    /// Allocations counted in the exempt TLS scope.
    pub tls_allocations: u64,
    /// Connections, by [`Link`].
    pub links: [LinkStatus; LINKS],
    /// Places for connections, [`CONNECTIONS_PER_LINK`] of each [`Link`].
    pub connections: [ConnectionStatus; CONNECTIONS],
    /// Symbols, in the order of [`RunInfo`].
    pub symbols: [SymbolStatus; SYMBOLS_MAX],
    /// Counts of what went wrong and was dealt with.
    pub counters: Counters,
    /// Values of now.
    pub gauges: Gauges,
    /// The account's limits, by [`crate::LimitKind::place`].
    pub limits: [LimitUse; ACCOUNT_LIMITS],
    /// Orders refused since start, by [`crate::Reject`].
    pub refused: RejectCounts,
}

impl Status {
    /// Everything that keeps the trader from adding risk, in the order of the reasons' numbers.
    pub fn causes(&self) -> impl Iterator<Item = StateReason> {
        let set = self.state_causes;
        StateReason::ALL.iter().copied().filter(move |reason| set & (1 << *reason as u64) != 0)
    }
    /// What pressed the kill switch; says something only in state Killed.
    pub fn trigger(&self) -> Option<KillTrigger> {
        u8::try_from(self.kill_trigger).ok().and_then(KillTrigger::from_u8)
    }
    /// Equity as money.
    pub fn equity(&self) -> Notional {
        Notional::from_units(self.equity)
    }
}

/// Parameters of the signal, from `refit` or the configuration.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SignalParams {
    /// Version; zero means the configuration's.
    pub version: u64,
    /// When they were estimated, Unix ns.
    pub fitted_at_ns: i64,
    /// Weight of the microprice's distance from the mid, units of 1e-8.
    pub microprice_weight: i64,
    /// Weight of the trade-flow imbalance, units of 1e-8.
    pub flow_weight: i64,
    /// Half-life of the trade flow, ns.
    pub flow_half_life_ns: u64,
    /// Half-life of the realised variance, ns.
    pub variance_half_life_ns: u64,
    /// Signal needed to enter, in units of 1e-8 of the half-spread.
    pub entry_threshold: i64,
}
