//! What guard publishes: its word on adding risk, and the numbers behind it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::order::wire_enum;
use crate::{KillTrigger, SYMBOLS_MAX};

wire_enum!(
    /// Why guard lets no risk be added; the places of a bit set. Numbers are never reused.
    RiskReason {
        /// guard cannot see the account at the venue.
        VenueUnseen = 0 "venue_unseen",
        /// The trader's status is old or missing.
        TraderUnseen = 1 "trader_unseen",
        /// Fall of equity from its highest.
        Drawdown = 2 "drawdown",
        /// Fall of equity since the day began.
        DayDrawdown = 3 "day_drawdown",
        /// Gross exposure over equity beyond the environment's.
        Leverage = 4 "leverage",
        /// Gross exposure beyond what the environment's capital allows.
        Capital = 5 "capital",
        /// Maintenance margin over equity.
        MarginRatio = 6 "margin_ratio",
        /// A position close to its liquidation price.
        LiquidationDistance = 7 "liquidation_distance",
        /// Value at risk beyond its limit.
        ValueAtRisk = 8 "value_at_risk",
        /// Losses beyond the value at risk came too often.
        VarBreaches = 9 "var_breaches",
        /// Too many requests to the venue fail.
        ApiErrors = 10 "api_errors",
        /// Venue and journal tell of different fills, positions or orders.
        Difference = 11 "difference",
        /// Orders take too long.
        Latency = 12 "latency",
        /// Processes are of different builds.
        BuildMismatch = 13 "build_mismatch",
        /// The kill switch is pressed.
        Killed = 14 "killed",
    }
);

wire_enum!(
    /// How far the kill switch has come. Numbers are never reused.
    KillStep {
        /// It is not pressed.
        None = 0 "none",
        /// New orders are being stopped.
        Halting = 1 "halting",
        /// Orders are being cancelled, in both books.
        Cancelling = 2 "cancelling",
        /// Positions are being closed.
        Liquidating = 3 "liquidating",
        /// The venue says there is no order and no position.
        Flat = 4 "flat",
        /// It is not flat in time, or guard cannot reach the venue; it goes on trying.
        Stuck = 5 "stuck",
    }
);

/// guard's word: whether risk may be added.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Verdict {
    /// Monotonic time it was given, ns.
    pub mono_ns: u64,
    /// Counts up with every verdict.
    pub sequence: u64,
    /// 1 when risk may be added.
    pub may_add_risk: u64,
    /// 1 when the kill switch is pressed.
    pub killed: u64,
    /// What pressed it, a [`crate::KillTrigger`].
    pub trigger: u64,
    /// Why risk may not be added: bit `1 << reason` for each [`RiskReason`].
    pub reasons: u64,
}

impl Verdict {
    /// The reasons, in the order of their numbers.
    pub fn reasons(&self) -> impl Iterator<Item = RiskReason> {
        reasons_of(self.reasons)
    }
}

/// A symbol as guard sees it at the venue; money in units of 1e-8.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PortfolioSymbol {
    /// Signed position.
    pub position_qty: i64,
    /// Mark price.
    pub mark_price: i64,
    /// Signed value of the position at the mark.
    pub notional: i64,
    /// Unrealised profit.
    pub unrealized_pnl: i64,
    /// Price at which the venue liquidates, zero if it tells none.
    pub liquidation_price: i64,
    /// Move of the mark to it, ppm of the mark; `i64::MAX` if there is none.
    pub liquidation_distance_ppm: i64,
}

/// The account's risk, once a second; money in units of 1e-8. `-1` or `i64::MAX` where a field says
/// so when it is not known.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PortfolioRisk {
    /// Monotonic time of publication, ns.
    pub mono_ns: u64,
    /// Wall time of publication, ns.
    pub wall_ns: i64,
    /// Counts up with every publication.
    pub sequence: u64,
    /// Age of what the venue told, ns.
    pub venue_age_ns: u64,
    /// Age of the trader's status, ns; `u64::MAX` if there is none.
    pub trader_age_ns: u64,
    /// [`RiskReason`]s as bits.
    pub reasons: u64,
    /// Wallet plus unrealised profit.
    pub equity: i64,
    /// The highest it was since guard's record began or was begun anew.
    pub peak_equity: i64,
    /// What it was when the UTC day began.
    pub day_equity: i64,
    /// Fall from the highest, ppm of it.
    pub drawdown_ppm: i64,
    /// Fall since the day began, ppm.
    pub day_drawdown_ppm: i64,
    /// Sum of the absolute values of the positions.
    pub gross: i64,
    /// Sum of their signed values.
    pub net: i64,
    /// Gross over equity, hundredths.
    pub leverage_e2: i64,
    /// Maintenance margin, as the venue tells.
    pub maintenance_margin: i64,
    /// Maintenance margin over margin balance, ppm.
    pub margin_ratio_ppm: i64,
    /// The shortest way of a position to its liquidation price, ppm; `i64::MAX` without positions.
    pub liquidation_distance_ppm: i64,
    /// Value at risk over one minute at 95 %, by historical simulation; -1 with too few samples.
    pub var_95: i64,
    /// The same at 99 %.
    pub var_99: i64,
    /// Mean loss beyond the value at risk at 95 %; -1 with too few samples.
    pub es_95: i64,
    /// The same at 99 %.
    pub es_99: i64,
    /// Minutes of returns it is made from.
    pub var_samples: u64,
    /// Minutes whose loss was beyond the value at risk at 99 % that stood when they began, in the
    /// last half hour.
    pub var_breaches: u64,
    /// Requests to the venue in the last minute, trader's and guard's.
    pub api_requests: u64,
    /// How many of them failed.
    pub api_errors: u64,
    /// Errors over requests, ppm; zero while there are too few requests to tell.
    pub api_error_ppm: i64,
    /// Tick to order, 99th percentile of the last minute, ns; zero without orders.
    pub latency_p99_ns: u64,
    /// Comparisons of venue and journal that were made.
    pub comparisons: u64,
    /// Differences found that stood longer than a message may be on its way.
    pub differences: u64,
    /// Working orders at the venue, both books.
    pub open_orders: u64,
    /// [`KillStep`] as a number.
    pub kill_step: u64,
    /// [`crate::KillTrigger`] as a number; only with a step.
    pub kill_trigger: u64,
    /// Wall time of the trigger, ns.
    pub kill_wall_ns: i64,
    /// From the trigger until no new order could leave, ns; zero until then.
    pub kill_halted_ns: u64,
    /// From the trigger until the venue had no order, ns; zero until then.
    pub kill_cancelled_ns: u64,
    /// From the trigger until the venue had no position, ns; zero until then.
    pub kill_flat_ns: u64,
    /// Alerts that are on.
    pub alerts: u64,
    /// Alerts that reached nobody.
    pub alerts_undelivered: u64,
    /// Symbols, in the order of [`crate::RunInfo`] or, without a trader, of the configuration.
    pub symbols: [PortfolioSymbol; SYMBOLS_MAX],
}

impl PortfolioRisk {
    /// The reasons, in the order of their numbers.
    pub fn reasons(&self) -> impl Iterator<Item = RiskReason> {
        reasons_of(self.reasons)
    }
    /// How far the kill switch has come; none for a number that is not known.
    pub fn step(&self) -> KillStep {
        let step = u8::try_from(self.kill_step).ok().and_then(KillStep::from_u8);
        step.unwrap_or(KillStep::None)
    }
    /// What pressed it; says something only with a step.
    pub fn trigger(&self) -> Option<KillTrigger> {
        u8::try_from(self.kill_trigger).ok().and_then(KillTrigger::from_u8)
    }
}

fn reasons_of(set: u64) -> impl Iterator<Item = RiskReason> {
    RiskReason::ALL.iter().copied().filter(move |reason| set & (1 << *reason as u64) != 0)
}
