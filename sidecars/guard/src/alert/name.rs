//! Names of alerts, and what raises them.

use schema::{KillStep, KillTrigger, PortfolioRisk, RiskReason, SCALE};

use super::Alert;

/// How bad an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Somebody looks during the day.
    Warning,
    /// Somebody is woken.
    Critical,
}

impl Severity {
    /// The word in labels and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident $text:literal $severity:ident $summary:literal,)+) => {
        /// What an alert is; `systemd/RUNBOOK.md` has a page for each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AlertName {
            $($(#[doc = $doc])+ $name,)+
        }

        impl AlertName {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name that people, rules and the runbook use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }
            /// One line for people.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary,)+ }
            }
        }
    };
}

names!(
    /// The kill switch is pressed.
    Killed "ShrikeKilled" Critical "The kill switch is pressed.",
    /// It is pressed and the account is not flat in time.
    KillStuck "ShrikeKillStuck" Critical "The kill switch is pressed and the account is NOT flat.",
    /// Equity fell from its highest.
    Drawdown "ShrikeDrawdown" Critical "Equity fell too far from its highest.",
    /// Equity fell since the UTC day began.
    DayDrawdown "ShrikeDayDrawdown" Critical "Equity fell too far today.",
    /// Gross exposure over equity.
    Leverage "ShrikeLeverage" Critical "Leverage is beyond the environment's limit.",
    /// Gross exposure over the environment's capital.
    Capital "ShrikeCapital" Critical "Exposure is beyond what the capital allows.",
    /// Maintenance margin over margin balance.
    MarginRatio "ShrikeMarginRatio" Critical "Too much of the margin is used.",
    /// A position near its liquidation price.
    LiquidationDistance "ShrikeLiquidationDistance" Critical
        "A position is close to its liquidation price.",
    /// Value at risk beyond its limit.
    ValueAtRisk "ShrikeValueAtRisk" Warning "The value at risk is beyond its limit.",
    /// Losses beyond the value at risk.
    VarBreaches "ShrikeVarBreaches" Critical "Losses went beyond the value at risk too often.",
    /// Requests to the venue fail.
    ApiErrors "ShrikeApiErrors" Critical "Too many requests to the venue fail.",
    /// Venue and journal differ.
    Difference "ShrikeDifference" Critical "Venue and journal tell of different things.",
    /// Orders take too long.
    Latency "ShrikeLatency" Warning "Orders take too long.",
    /// Processes of different builds.
    BuildMismatch "ShrikeBuildMismatch" Warning "Processes of different builds run together.",
    /// The trader is gone, hung or stopped.
    TraderLost "ShrikeTraderLost" Critical "The trader is gone, hung or stopped.",
    /// guard cannot see the account.
    VenueUnseen "ShrikeVenueUnseen" Critical "guard cannot see the account at the venue.",
    /// A release was taken back.
    RolledBack "ShrikeRolledBack" Critical "A release was taken back; the trader is disarmed.",
    /// A person tries the way of an alert.
    Test "ShrikeTest" Warning "A try of the alerts' way; nothing is wrong.",
);

impl AlertName {
    /// The alert of a reason why guard lets no risk be added.
    pub const fn of_reason(reason: RiskReason) -> Self {
        match reason {
            RiskReason::VenueUnseen => Self::VenueUnseen,
            RiskReason::TraderUnseen => Self::TraderLost,
            RiskReason::Drawdown => Self::Drawdown,
            RiskReason::DayDrawdown => Self::DayDrawdown,
            RiskReason::Leverage => Self::Leverage,
            RiskReason::Capital => Self::Capital,
            RiskReason::MarginRatio => Self::MarginRatio,
            RiskReason::LiquidationDistance => Self::LiquidationDistance,
            RiskReason::ValueAtRisk => Self::ValueAtRisk,
            RiskReason::VarBreaches => Self::VarBreaches,
            RiskReason::ApiErrors => Self::ApiErrors,
            RiskReason::Difference => Self::Difference,
            RiskReason::Latency => Self::Latency,
            RiskReason::BuildMismatch => Self::BuildMismatch,
            RiskReason::Killed => Self::Killed,
        }
    }
}

/// Money for people: USDT with two decimals.
fn usdt(units: i64) -> String {
    let cents = i128::from(units) * 100 / i128::from(SCALE);
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02} USDT", cents / 100, cents % 100)
}

/// Parts per million as per cent.
fn percent(ppm: i64) -> String {
    if ppm == i64::MAX {
        return "none".to_owned();
    }
    let sign = if ppm < 0 { "-" } else { "" };
    format!("{sign}{}.{:02} %", ppm.unsigned_abs() / 10_000, ppm.unsigned_abs() % 10_000 / 100)
}

fn seconds(ns: u64) -> String {
    if ns == u64::MAX {
        return "never".to_owned();
    }
    format!("{}.{} s", ns / 1_000_000_000, ns % 1_000_000_000 / 100_000_000)
}

/// The figures behind a reason.
fn figures(reason: RiskReason, risk: &PortfolioRisk) -> String {
    let gross = || {
        let leverage = risk.leverage_e2;
        format!(
            "Gross {} on equity {}: leverage {}.{:02}.",
            usdt(risk.gross),
            usdt(risk.equity),
            leverage / 100,
            leverage % 100
        )
    };
    match reason {
        RiskReason::VenueUnseen => {
            format!("The venue's newest answer is {} old.", seconds(risk.venue_age_ns))
        }
        RiskReason::TraderUnseen => {
            format!("The trader's newest status is {} old.", seconds(risk.trader_age_ns))
        }
        RiskReason::Drawdown => format!(
            "Equity {} is {} below its highest, {}.",
            usdt(risk.equity),
            percent(risk.drawdown_ppm),
            usdt(risk.peak_equity)
        ),
        RiskReason::DayDrawdown => format!(
            "Equity {} is {} below the day's first, {}.",
            usdt(risk.equity),
            percent(risk.day_drawdown_ppm),
            usdt(risk.day_equity)
        ),
        RiskReason::Leverage | RiskReason::Capital => gross(),
        RiskReason::MarginRatio => format!(
            "Maintenance margin {} is {} of the margin balance.",
            usdt(risk.maintenance_margin),
            percent(risk.margin_ratio_ppm)
        ),
        RiskReason::LiquidationDistance => {
            format!("A move of {} liquidates a position.", percent(risk.liquidation_distance_ppm))
        }
        RiskReason::ValueAtRisk => format!(
            "One minute's value at risk at 99 % is {}, expected shortfall {}, from {} minutes.",
            usdt(risk.var_99),
            usdt(risk.es_99),
            risk.var_samples
        ),
        RiskReason::VarBreaches => format!(
            "{} losses beyond the value at risk at 99 % ({}) in half an hour.",
            risk.var_breaches,
            usdt(risk.var_99)
        ),
        RiskReason::ApiErrors => format!(
            "{} of {} requests of the last minute failed ({}).",
            risk.api_errors,
            risk.api_requests,
            percent(risk.api_error_ppm)
        ),
        RiskReason::Difference => {
            format!("{} differences in {} comparisons.", risk.differences, risk.comparisons)
        }
        RiskReason::Latency => format!(
            "Tick to order takes {} us at the 99th percentile of the last minute.",
            risk.latency_p99_ns / 1_000
        ),
        RiskReason::BuildMismatch => "`shrike status` lists the processes.".to_owned(),
        RiskReason::Killed => killed(risk),
    }
}

/// How far the kill switch is.
fn killed(risk: &PortfolioRisk) -> String {
    let step = risk.step();
    let trigger = risk.trigger().map_or("unknown", KillTrigger::as_str);
    format!(
        "Pressed by {trigger}, step {step}: {} open orders, gross exposure {}, equity {}.",
        risk.open_orders,
        usdt(risk.gross),
        usdt(risk.equity)
    )
}

/// Every alert that the numbers decide, and whether it is on.
pub(super) fn of_risk(risk: &PortfolioRisk) -> impl Iterator<Item = (Alert, bool)> + '_ {
    let stuck = risk.step() == KillStep::Stuck;
    let reasons = RiskReason::ALL.iter().map(move |reason| {
        let is_on = risk.reasons & (1 << *reason as u64) != 0;
        let is_on = is_on || *reason == RiskReason::Killed && risk.kill_step != 0;
        let text = if is_on { figures(*reason, risk) } else { String::new() };
        (Alert::new(AlertName::of_reason(*reason), text), is_on)
    });
    let text = if stuck { killed(risk) } else { String::new() };
    reasons.chain(std::iter::once((Alert::new(AlertName::KillStuck, text), stuck)))
}
