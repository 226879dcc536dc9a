//! Limits a person may tighten while the system runs, and how much of each is used.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::order::wire_enum;
use crate::{SymbolId, WallNs};

wire_enum!(
    /// A limit that a command can tighten. The configuration file owns it: no command takes it
    /// beyond the file's value, and no strategy changes it. Numbers are never reused.
    LimitKind {
        /// Worst-case gross exposure.
        Exposure = 0 "exposure",
        /// Worst-case gross exposure over the smaller of equity and capital.
        Leverage = 1 "leverage",
        /// Distance of a price from the reference, against us.
        PriceCollar = 2 "price_collar",
        /// Distance of a price from the best mark of a time window, against us.
        WindowCollar = 3 "window_collar",
        /// Orders open, in flight or unknown.
        OpenOrders = 4 "open_orders",
        /// Messages in ten seconds.
        Messages10s = 5 "messages_10s",
        /// Messages in a minute.
        Messages1m = 6 "messages_1m",
        /// Loss of equity since the UTC day began.
        DailyLoss = 7 "daily_loss",
        /// Fall of equity from its highest.
        Drawdown = 8 "drawdown",
        /// Maintenance margin of the worst case over equity.
        MarginRatio = 9 "margin_ratio",
        /// Adverse move of all prices that would bring the worst case to liquidation; at least.
        LiquidationDistance = 10 "liquidation_distance",
        /// Orders, changes and cancels a fill.
        OrderToTrade = 11 "order_to_trade",
        /// Orders alike in a time window.
        RepeatedOrders = 12 "repeated_orders",
        /// Largest order of a symbol, base units.
        Qty = 13 "qty",
        /// Largest order of a symbol, money.
        Notional = 14 "notional",
        /// Largest worst-case position of a symbol, long or short.
        Position = 15 "position",
        /// Whether a symbol may only be reduced: 1 is, 0 is not.
        Restricted = 16 "restricted",
    }
);

/// What the numbers of a limit count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitUnit {
    /// Money and quantities, units of 1e-8.
    Amount,
    /// Parts per million.
    Ppm,
    /// Hundredths.
    Hundredths,
    /// Things.
    Count,
    /// 0 or 1.
    Flag,
}

/// Limits of the account, the first so many of [`LimitKind::ALL`].
pub const ACCOUNT_LIMITS: usize = 13;
/// Limits of a symbol, the rest of them.
pub const SYMBOL_LIMITS: usize = LimitKind::ALL.len() - ACCOUNT_LIMITS;

impl LimitKind {
    /// Whether it is a symbol's, not the account's.
    pub const fn is_of_symbol(self) -> bool {
        self as usize >= ACCOUNT_LIMITS
    }
    /// Its place in [`crate::Status::limits`] or [`crate::SymbolStatus::limits`].
    pub const fn place(self) -> usize {
        if self.is_of_symbol() { self as usize - ACCOUNT_LIMITS } else { self as usize }
    }
    /// Whether the value must be at least the limit, instead of at most; tighter is then higher.
    pub const fn is_floor(self) -> bool {
        matches!(self, Self::LiquidationDistance | Self::Restricted)
    }
    /// What its numbers count.
    pub const fn unit(self) -> LimitUnit {
        match self {
            Self::Exposure | Self::DailyLoss | Self::Qty | Self::Notional | Self::Position => {
                LimitUnit::Amount
            }
            Self::PriceCollar
            | Self::WindowCollar
            | Self::Drawdown
            | Self::MarginRatio
            | Self::LiquidationDistance => LimitUnit::Ppm,
            Self::Leverage | Self::OrderToTrade => LimitUnit::Hundredths,
            Self::OpenOrders | Self::Messages10s | Self::Messages1m | Self::RepeatedOrders => {
                LimitUnit::Count
            }
            Self::Restricted => LimitUnit::Flag,
        }
    }
    /// Whether `value` is at least as tight as `than`.
    pub const fn is_as_tight(self, value: i64, than: i64) -> bool {
        if self.is_floor() { value >= than } else { value <= than }
    }
}

/// A limit and what is used of it, in the unit of its kind.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct LimitUse {
    /// What is used now; for a floor, what there is.
    pub used: i64,
    /// The limit in force.
    pub limit: i64,
    /// The file's, which no command exceeds.
    pub file: i64,
}

/// A limit was changed by a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitChange {
    /// Which.
    pub limit: LimitKind,
    /// Of which symbol, if it is a symbol's.
    pub symbol: SymbolId,
    /// Before.
    pub from: i64,
    /// After.
    pub to: i64,
    /// Version of the limits from now on: counts the changes since the start.
    pub version: u64,
    /// Nonce of the command.
    pub nonce: u64,
    /// User id of its sender.
    pub uid: u32,
    /// When.
    pub wall: WallNs,
}
