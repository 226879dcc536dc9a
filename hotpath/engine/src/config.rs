//! What an engine is made of.

use core::fmt;

use schema::{BootEpoch, SYMBOLS_MAX, SignalParams};

use crate::risk::{Limits, SymbolConfig};
use crate::strategy::StrategyConfig;

/// How long the engine waits for things, all in ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// An order or cancel without an answer for so long has an unknown outcome.
    pub ack_timeout_ns: u64,
    /// Pause between two questions about one unknown order.
    pub query_interval_ns: u64,
    /// An unknown order the venue says it does not have is gone after this age, not before: the
    /// venue's own propagation delay makes younger "does not exist" answers worthless.
    pub absent_grace_ns: u64,
    /// A followed symbol without any market event for so long is stale (state Reducing).
    pub feed_age_ns_max: u64,
    /// A position that differs from the venue's for so long is a mismatch.
    pub settle_ns: u64,
    /// Commands older than this are refused.
    pub command_age_ns_max: u64,
    /// The wall clock may move by so much against the monotonic clock between two inputs.
    pub clock_jump_ns_max: u64,
    /// guard's verdict may be so old.
    pub verdict_age_ns_max: u64,
    /// After a refusal the strategy is not asked about that symbol for so long.
    pub refusal_pause_ns: u64,
    /// Two inputs further apart than this: the loop stood still, and truth is wanted.
    pub loop_gap_ns_max: u64,
    /// The last account truth that could be compared may be so old.
    pub truth_age_ns_max: u64,
}

impl Default for Timing {
    fn default() -> Self {
        const MS: u64 = 1_000_000;
        Self {
            ack_timeout_ns: 2_000 * MS,
            query_interval_ns: 500 * MS,
            absent_grace_ns: 3_000 * MS,
            feed_age_ns_max: 5_000 * MS,
            settle_ns: 2_000 * MS,
            command_age_ns_max: 10_000 * MS,
            clock_jump_ns_max: 500 * MS,
            verdict_age_ns_max: 3_000 * MS,
            refusal_pause_ns: 100 * MS,
            loop_gap_ns_max: 1_000 * MS,
            truth_age_ns_max: 120_000 * MS,
        }
    }
}

/// What guards against a world that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safety {
    /// Distance of the protective stop from the entry price, in ppm; zero places none.
    pub protective_stop_ppm: i64,
    /// Whether risk may be added only while the venue's dead-man timers are set.
    pub require_dead_man: bool,
    /// Whether risk may be added only while the venue's clock is known.
    pub require_clock: bool,
    /// Largest distance of the venue's clock from ours, ns; it takes 1 s at most (PROTOCOL 3.1).
    pub clock_skew_ns_max: u64,
    /// A clock comparison older than this is forgotten, ns.
    pub clock_age_ns_max: u64,
    /// A price this far from the one before, in ppm, sets the symbol aside.
    pub jump_ppm_max: i64,
    /// A mid price this far from the mark, in ppm, sets the symbol aside.
    pub divergence_ppm_max: i64,
    /// A symbol set aside is taken back after so long without another bad value, ns.
    pub quarantine_ns: u64,
    /// And after so many good updates.
    pub quarantine_updates: u32,
    /// When no order connection was up for so long, what cancels, reduces or asks is sent all the
    /// same: the caller carries it by REST. Zero for never, ns.
    pub last_way_ns: u64,
}

impl Default for Safety {
    fn default() -> Self {
        const MS: u64 = 1_000_000;
        Self {
            protective_stop_ppm: 0,
            require_dead_man: false,
            require_clock: false,
            clock_skew_ns_max: 500 * MS,
            clock_age_ns_max: 120_000 * MS,
            jump_ppm_max: 100_000,
            divergence_ppm_max: 50_000,
            quarantine_ns: 2_000 * MS,
            quarantine_updates: 10,
            last_way_ns: 0,
        }
    }
}

impl Safety {
    fn validate(&self) -> Result<(), ConfigError> {
        let checks = [
            ((0..=500_000).contains(&self.protective_stop_ppm), "protective_stop_ppm"),
            (self.clock_skew_ns_max > 0, "clock_skew_ns_max"),
            (self.clock_age_ns_max > 0, "clock_age_ns_max"),
            ((1..=900_000).contains(&self.jump_ppm_max), "jump_ppm_max"),
            ((1..=900_000).contains(&self.divergence_ppm_max), "divergence_ppm_max"),
            (self.quarantine_ns > 0, "quarantine_ns"),
        ];
        match checks.iter().find(|(is_fine, _)| !is_fine) {
            Some((_, field)) => Err(ConfigError::Safety(field)),
            None => Ok(()),
        }
    }
}

/// Everything an engine is made of; read once.
#[derive(Debug, Clone)]
pub struct Config {
    /// Followed symbols, by [`schema::SymbolId`]; 1 to [`SYMBOLS_MAX`].
    pub symbols: Vec<SymbolConfig>,
    /// Limits of the account.
    pub limits: Limits,
    /// Time-outs.
    pub timing: Timing,
    /// The strategy and its settings.
    pub strategy: StrategyConfig,
    /// Signal parameters until newer ones arrive.
    pub params: SignalParams,
    /// This start of the trader.
    pub epoch: BootEpoch,
    /// Whether risk may be added only under guard's fresh verdict.
    pub require_verdict: bool,
    /// Guards against a world that is not as it should be.
    pub safety: Safety,
    /// Whether it may trade as soon as it is reconciled, without a person's resume.
    pub is_enabled: bool,
    /// Whether the kill switch's latch was found pressed at the start.
    pub is_killed: bool,
}

/// Why a configuration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigError {
    /// No symbol, or more than [`SYMBOLS_MAX`].
    SymbolCount,
    /// The same symbol twice (its index).
    DuplicateSymbol(usize),
    /// Tick, step or a filter bound of a symbol is not positive or not in order (its index).
    Rules(usize),
    /// A limit of a symbol is not positive (its index).
    SymbolLimits(usize),
    /// An account limit, named by its field, is not positive or contradicts another.
    Limits(&'static str),
    /// A time-out, named by its field, is zero.
    Timing(&'static str),
    /// A guard, named by its field, is out of range.
    Safety(&'static str),
    /// A signal parameter, named by its field, is out of range.
    Params(&'static str),
    /// A setting of the strategy, named by its key, is out of range.
    Strategy(&'static str),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SymbolCount => write!(f, "give 1 to {SYMBOLS_MAX} symbols"),
            Self::DuplicateSymbol(index) => write!(f, "symbol {index} is given twice"),
            Self::Rules(index) => write!(f, "filters of symbol {index} are not usable"),
            Self::SymbolLimits(index) => write!(f, "limits of symbol {index} must be positive"),
            Self::Limits(field) => write!(f, "limit {field} is out of range"),
            Self::Timing(field) => write!(f, "time-out {field} must be positive"),
            Self::Safety(field) => write!(f, "guard {field} is out of range"),
            Self::Params(field) => write!(f, "signal parameter {field} is out of range"),
            Self::Strategy(key) => write!(f, "strategy setting {key} is out of range"),
        }
    }
}
impl core::error::Error for ConfigError {}

impl Config {
    /// Checks what the engine relies on.
    ///
    /// # Errors
    /// The first [`ConfigError`] found.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.symbols.is_empty() || self.symbols.len() > SYMBOLS_MAX {
            return Err(ConfigError::SymbolCount);
        }
        for (index, symbol) in self.symbols.iter().enumerate() {
            if self.symbols[..index].iter().any(|earlier| earlier.name == symbol.name) {
                return Err(ConfigError::DuplicateSymbol(index));
            }
            if !symbol.rules.is_usable() {
                return Err(ConfigError::Rules(index));
            }
            if !symbol.limits.is_usable() {
                return Err(ConfigError::SymbolLimits(index));
            }
        }
        self.limits.validate()?;
        let t = &self.timing;
        for (value, field) in [
            (t.ack_timeout_ns, "ack_timeout_ns"),
            (t.query_interval_ns, "query_interval_ns"),
            (t.absent_grace_ns, "absent_grace_ns"),
            (t.feed_age_ns_max, "feed_age_ns_max"),
            (t.settle_ns, "settle_ns"),
            (t.command_age_ns_max, "command_age_ns_max"),
            (t.clock_jump_ns_max, "clock_jump_ns_max"),
            (t.verdict_age_ns_max, "verdict_age_ns_max"),
            (t.loop_gap_ns_max, "loop_gap_ns_max"),
            (t.truth_age_ns_max, "truth_age_ns_max"),
        ] {
            if value == 0 {
                return Err(ConfigError::Timing(field));
            }
        }
        self.safety.validate()?;
        crate::signal::validate(&self.params)?;
        self.strategy.validate().map_err(ConfigError::Strategy)
    }
}
