//! The configuration of one environment: one TOML file, one typed reader, every mistake reported.
//!
//! Keys carry their unit as the last word. Unknown keys are refused, because a limit somebody
//! believed to have set and misspelt is worse than none. A mistake is reported as
//! `file:line:col: what; remedy`, all of them at once, and `trader` ends with 78 (`EX_CONFIG`).
//! Secrets never stand in the file: it names files of them, see [`keys`].
//!
//! Left out: what only the venue knows (filters, listing), which the start sequence checks.

use std::path::{Path, PathBuf};

use engine::{Limits, StrategyConfig, SymbolLimits, Timing};
use schema::{SignalParams, SymbolName};

pub mod keys;
mod limits;
mod links;
mod read;
mod reader;
mod safety;
mod switch;
mod trading;
mod venue;

pub(crate) use venue::host_of;

pub use links::Links;
pub use reader::Mistake;

/// The environment a run belongs to; it bounds capital and leverage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Against the local venue, with play money.
    Demo,
    /// Against the venue's test hosts, or a local venue.
    Paper,
    /// Real money, little.
    Staging,
    /// Real money.
    Production,
}

/// What an environment allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Largest capital, whole USDT.
    pub capital_usdt_max: i64,
    /// Highest leverage.
    pub leverage_max: i64,
    /// Strategies that may run.
    pub strategies: &'static [&'static str],
}

impl Environment {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Demo, Self::Paper, Self::Staging, Self::Production];

    /// The word in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Paper => "paper",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
    /// What it allows (SPEC 10.2); the demo is paper's shape with capital enough.
    pub const fn bounds(self) -> Bounds {
        const ALL: &[&str] = StrategyConfig::NAMES;
        match self {
            Self::Demo => Bounds { capital_usdt_max: 1_000_000, leverage_max: 2, strategies: ALL },
            Self::Paper => Bounds { capital_usdt_max: 100, leverage_max: 2, strategies: &["test"] },
            Self::Staging => Bounds { capital_usdt_max: 230, leverage_max: 3, strategies: ALL },
            Self::Production => {
                Bounds { capital_usdt_max: 7_700, leverage_max: 10, strategies: ALL }
            }
        }
    }
}

/// Where the venue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Venue {
    /// REST origin, `https://host`.
    pub rest_url: String,
    /// Origin of the market streams, `wss://host`.
    pub market_url: String,
    /// Origin of the user-data stream, `wss://host`.
    pub user_url: String,
    /// The WebSocket API, `wss://host/ws-fapi/v1`.
    pub order_url: String,
    /// Certificates to trust instead of the public web's.
    pub ca_file: Option<PathBuf>,
    /// How late a request may arrive.
    pub recv_window_ms: u32,
    /// Speed of the depth streams: 100, 250 or 500.
    pub depth_speed_ms: u32,
    /// Time limit of one REST request, connecting included.
    pub rest_timeout_ms: u64,
    /// How long the start waits for a venue that does not answer.
    pub start_timeout_ms: u64,
    /// Largest difference between the venue's clock and ours at the start.
    pub clock_skew_ms_max: i64,
}

/// Kind of the API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// HMAC-SHA256: every request is signed.
    Hmac,
    /// Ed25519: the connection logs on once.
    Ed25519,
}

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// File with the API key.
    pub api_key_file: Option<PathBuf>,
    /// File with the secret (HMAC) or the PEM private key (Ed25519).
    pub api_secret_file: Option<PathBuf>,
    /// Its kind.
    pub key_type: KeyType,
}

/// One symbol to trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    /// Name.
    pub name: SymbolName,
    /// Limits.
    pub limits: SymbolLimits,
}

/// How the hot loop waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Polls without pause: lowest latency, one core full.
    Busy,
    /// Polls, and gives the core away when there was nothing.
    Yield,
    /// Sleeps in the poll up to a millisecond.
    Park,
}

impl Wait {
    /// The word in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Yield => "yield",
            Self::Park => "park",
        }
    }
}

/// The hot loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loop {
    /// How it waits.
    pub wait: Wait,
    /// The core it is pinned to.
    pub core: Option<usize>,
    /// A turn longer than this is counted.
    pub turn_budget_us: u64,
}

/// Log files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Directory; made if it is not there.
    pub dir: PathBuf,
    /// Lowest level on the console.
    pub console_level: log::LevelFilter,
}

/// Where the kill switch is, for other processes too: whole paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The configuration file itself.
    pub file: PathBuf,
    /// The latch: while it is there, the switch is pressed.
    pub latch: PathBuf,
}

/// What happens at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Whether positions are closed before the end.
    pub flatten_on_stop: bool,
    /// How long the end waits for confirmations.
    pub timeout_ms: u64,
}

/// A whole file, read and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Environment.
    pub environment: Environment,
    /// Name of the run; part of the segments' names.
    pub instance: String,
    /// Venue.
    pub venue: Venue,
    /// Keys.
    pub keys: Keys,
    /// Connections.
    pub links: Links,
    /// Leverage set at the venue for each symbol.
    pub leverage: u32,
    /// Symbols, in the order of their ids.
    pub symbols: Vec<Symbol>,
    /// Limits of the account.
    pub limits: Limits,
    /// Time-outs of the engine.
    pub timing: Timing,
    /// Guards against a world that is not as it should be.
    pub safety: engine::Safety,
    /// The venue's dead-man timers.
    pub dead_man: crate::cold::deadman::Settings,
    /// Strategy.
    pub strategy: StrategyConfig,
    /// Signal parameters until newer ones arrive.
    pub params: SignalParams,
    /// Whether risk may be added only under guard's fresh verdict.
    pub require_verdict: bool,
    /// Whether it may trade as soon as it is reconciled, without a person's resume.
    pub is_enabled: bool,
    /// The kill switch.
    pub switch: Switch,
    /// Hot loop.
    pub hot_loop: Loop,
    /// Logs.
    pub log: Log,
    /// Capacity of the journal, records, a power of two.
    pub journal_capacity_records: usize,
    /// Capacity of the market ring, records, a power of two.
    pub market_capacity_records: usize,
    /// The end.
    pub stop: Stop,
}

/// Reads a file.
///
/// # Errors
/// Every mistake in it, in the order of the file; one without a place if it cannot be read.
pub fn load(path: &Path) -> Result<Config, Vec<Mistake>> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&file, &text),
        Err(error) => Err(vec![Mistake {
            file,
            line: 1,
            column: 1,
            what: format!("cannot read the file: {error}"),
            remedy: "name a readable TOML file, for example config/paper.toml".to_owned(),
        }]),
    }
}

/// Reads a text; `file` is how it is named in the mistakes.
///
/// # Errors
/// Every mistake, in the order of the text.
pub fn parse(file: &str, text: &str) -> Result<Config, Vec<Mistake>> {
    read::config(file, text)
}

/// Ends the text of `check-config`: what a person wants to see of a file without mistakes.
pub fn summary(config: &Config) -> String {
    let names: Vec<_> = config.symbols.iter().map(|symbol| symbol.name.to_string()).collect();
    format!(
        "{} \"{}\": {} on {}, capital {} USDT, leverage {}x (at most {}x), strategy {}, loop {}{}",
        config.environment.name(),
        config.instance,
        names.join(" "),
        config.venue.rest_url,
        config.limits.capital,
        config.leverage,
        config.limits.leverage_max_e2 / 100,
        config.strategy.name(),
        config.hot_loop.wait.name(),
        if config.is_enabled { "" } else { ", halted after a start until resumed" },
    )
}

#[cfg(test)]
mod tests;
