//! What guard reads of the environment's file: one TOML file an environment, the trader's too.
//!
//! guard reads it itself, because it must run with no trader and after a reboot. It checks its own
//! tables (`[guard]`, `[kill]`, `[[alert]]`) to the last key and refuses thresholds of the kill
//! switch that are looser than the specification's; of the others it reads what it needs, and
//! holds the environment to its capital and leverage a second time, independently of the trader.

use std::path::{Path, PathBuf};

use schema::{SCALE, SymbolName};
use toml_edit::Document;

mod reader;

pub use reader::Mistake;
use reader::{Mistakes, Section, start};

use crate::alert::AlertChannel;

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

impl Environment {
    const ALL: [Self; 4] = [Self::Demo, Self::Paper, Self::Staging, Self::Production];

    /// The word in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Paper => "paper",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
    /// Largest capital in whole USDT and highest leverage (SPEC 10.2); the demo is paper's shape
    /// with capital enough.
    pub const fn maxima(self) -> (i64, i64) {
        match self {
            Self::Demo => (1_000_000, 2),
            Self::Paper => (100, 2),
            Self::Staging => (230, 3),
            Self::Production => (7_700, 10),
        }
    }
}

/// Where the venue is, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Venue {
    /// REST origin, `https://host`.
    pub rest_url: String,
    /// Certificates to trust instead of the public web's.
    pub ca_file: Option<PathBuf>,
    /// How late a request may arrive.
    pub recv_window_ms: u32,
    /// Time limit of one request, connecting included.
    pub rest_timeout_ms: u64,
}

/// Kind of guard's API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// HMAC-SHA256.
    Hmac,
    /// Ed25519.
    Ed25519,
}

/// Where guard's own key is; without files, systemd's credentials `guard_api_key` and
/// `guard_api_secret`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// File with the API key.
    pub api_key_file: Option<PathBuf>,
    /// File with the secret (HMAC) or the PEM private key (Ed25519).
    pub api_secret_file: Option<PathBuf>,
    /// Its kind.
    pub key_type: KeyType,
}

/// Thresholds: those ending in `_kill` press the kill switch, the others forbid new risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Fall of equity from its highest above which the kill switch is pressed, ppm.
    pub drawdown_kill_ppm: i64,
    /// Breaches of the value at risk in half an hour above which it is pressed.
    pub var_breaches_kill: u64,
    /// Failed requests of all of a minute above which it is pressed, ppm.
    pub api_error_kill_ppm: i64,
    /// Maintenance margin over margin balance above which it is pressed, ppm.
    pub margin_ratio_kill_ppm: i64,
    /// Silence of the trader with positions or orders on after which it is pressed, ms.
    pub trader_lost_ms: u64,
    /// Fall of equity from its highest above which no risk is added, ppm.
    pub drawdown_ppm_max: i64,
    /// Fall of equity since the UTC day began above which no risk is added, ppm.
    pub day_drawdown_ppm_max: i64,
    /// Maintenance margin over margin balance above which no risk is added, ppm.
    pub margin_ratio_ppm_max: i64,
    /// Move of the mark to a liquidation price below which no risk is added, ppm of the mark.
    pub liquidation_distance_ppm_min: i64,
    /// Value at risk at 99 % above which no risk is added, units of 1e-8 USDT, if limited.
    pub var_99_max: Option<i64>,
    /// Tick to order, 99th percentile of a minute, above which no risk is added, ns.
    pub latency_p99_max_ns: u64,
}

/// What guard itself is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Its key.
    pub keys: Keys,
    /// Time between two looks at the account.
    pub interval_ms: u64,
    /// When it acts.
    pub thresholds: Thresholds,
}

/// The kill switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// Folder of the latch file and of guard's own record; beside the file unless absolute.
    pub state_dir: PathBuf,
    /// How long a living trader is left to do it itself.
    pub trader_ms: u64,
    /// Largest slice by which a position is closed, units of 1e-8 USDT.
    pub slice: i64,
    /// Time from the trigger after which an account that is not flat is told as stuck.
    pub flat_ms: u64,
}

impl Kill {
    /// The latch file.
    pub fn latch(&self) -> PathBuf {
        self.state_dir.join("killed")
    }
}

/// A whole file, as far as guard reads it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Environment.
    pub environment: Environment,
    /// Name of the run; part of the segments' names.
    pub instance: String,
    /// Venue.
    pub venue: Venue,
    /// Capital the environment allows, units of 1e-8 USDT.
    pub capital: i64,
    /// Highest leverage, a multiple.
    pub leverage_max: i64,
    /// Symbols, in the order of their ids.
    pub symbols: Vec<SymbolName>,
    /// Folder of the logs.
    pub log_dir: Option<PathBuf>,
    /// guard.
    pub guard: Guard,
    /// The kill switch.
    pub kill: Kill,
    /// How people are alerted.
    pub alerts: Vec<AlertChannel>,
}

/// Reads a file.
///
/// # Errors
/// Every mistake of guard's part, in the order of the file; one if it cannot be read.
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

/// Reads a text; `file` is how it is named in the mistakes, and what relative folders lie beside.
///
/// # Errors
/// Every mistake, in the order of the text.
pub fn parse(file: &str, text: &str) -> Result<Config, Vec<Mistake>> {
    let mut out = Mistakes::new(file, text);
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let what = format!("not TOML: {}", error.message().replace('\n', ", "));
            out.add(start(error.span()), what, "correct the syntax here");
            return Err(out.finish());
        }
    };
    let config = whole(Section::root(document.as_table()), Path::new(file), &mut out);
    match config {
        Some(config) if out.is_empty() => Ok(config),
        _ => Err(out.finish()),
    }
}

/// Ends the text of a check: what a person wants to see of a file without mistakes.
pub fn summary(config: &Config) -> String {
    let thresholds = &config.guard.thresholds;
    format!(
        "{} \"{}\": kills at drawdown {} ppm, {} breaches, API errors {} ppm, trader silent {} ms; \
         latch {}; {} alert channels",
        config.environment.name(),
        config.instance,
        thresholds.drawdown_kill_ppm,
        thresholds.var_breaches_kill,
        thresholds.api_error_kill_ppm,
        thresholds.trader_lost_ms,
        config.kill.latch().display(),
        config.alerts.len(),
    )
}

/// Largest amount of a key, whole USDT.
const USDT_MAX: i64 = 1_000_000_000;
/// Fall of equity at which the kill switch is pressed at the latest (SPEC 10.2: 0.10).
const DRAWDOWN_KILL_PPM: i64 = 100_000;
/// Breaches of the value at risk (SPEC 10.2: more than 3).
const VAR_BREACHES_KILL: i64 = 3;
/// Part of the requests that fail (SPEC 10.2: 0.10).
const API_ERROR_KILL_PPM: i64 = 100_000;
/// Part of the margin balance that maintenance may take; the venue liquidates at all of it.
const MARGIN_RATIO_KILL_PPM: i64 = 800_000;
const TIGHTER: &str = "the specification's threshold may be tightened, not loosened";

fn whole(mut root: Section<'_>, file: &Path, out: &mut Mistakes<'_>) -> Option<Config> {
    let words = Environment::ALL.map(|environment| (environment.name(), environment));
    let environment = root.word("environment", &words, out);
    let environment = root.required(environment, "environment", "\"paper\"", out);
    let instance = root.text("instance", out);
    let instance = root.required(instance, "instance", "\"paper\"", out);
    let venue = venue(root.table("venue", out), out);
    // With an unknown environment the other checks go on against the widest one.
    let bounds_of = environment.unwrap_or(Environment::Production);
    let account = account(root.table("account", out), bounds_of, out);
    let symbols = symbols(root.tables("symbol", out), out);
    let log_dir = root.table("log", out).path_of("dir", out);
    let guard = guard(root.table("guard", out), out);
    let kill = kill(root.table("kill", out), file, out);
    let alerts = alerts(root.tables("alert", out), out);
    let (capital, leverage_max) = account?;
    Some(Config {
        environment: environment?,
        instance: instance?.to_owned(),
        venue: venue?,
        capital,
        leverage_max,
        symbols: symbols?,
        log_dir,
        guard,
        kill,
        alerts,
    })
}

fn venue(mut s: Section<'_>, out: &mut Mistakes<'_>) -> Option<Venue> {
    let url = s.text("rest_url", out);
    let url = s.required(url, "rest_url", "\"https://fapi.binance.com\"", out);
    let is_origin = |url: &&str| {
        let host = url.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']))
    };
    if let Some(url) = url.filter(|url| !is_origin(url)) {
        let what = format!("venue.rest_url = \"{url}\" is not an https:// origin");
        out.add(s.place("rest_url"), what, "give scheme and host only");
    }
    let recv_window_ms = s.integer("recv_window_ms", 1..=60_000, "", out).unwrap_or(2_000);
    let timeout = s.integer("rest_timeout_ms", 100..=60_000, "", out).unwrap_or(5_000);
    let ca_file = s.path_of("ca_file", out);
    Some(Venue {
        rest_url: url.filter(is_origin)?.trim_end_matches('/').to_owned(),
        ca_file,
        recv_window_ms: recv_window_ms as u32,
        rest_timeout_ms: timeout as u64,
    })
}

/// Capital in units of 1e-8 and leverage, at most the environment's.
fn account(
    mut s: Section<'_>,
    environment: Environment,
    out: &mut Mistakes<'_>,
) -> Option<(i64, i64)> {
    let (capital_max, leverage_max) = environment.maxima();
    let capital = s.decimal("capital_usdt", 1..=capital_max * SCALE, out);
    let capital = s.required(capital, "capital_usdt", &capital_max.to_string(), out);
    let why = format!("{} allows no more", environment.name());
    let leverage = s.integer("leverage_max", 1..=leverage_max, &why, out);
    let leverage = s.required(leverage, "leverage_max", &leverage_max.to_string(), out);
    Some((capital?, leverage?))
}

fn symbols(sections: Vec<Section<'_>>, out: &mut Mistakes<'_>) -> Option<Vec<SymbolName>> {
    if sections.is_empty() {
        out.add(0, "no symbol is given", "write [[symbol]] with a name");
    }
    let mut names = Vec::new();
    for mut s in sections {
        let name = s.text("name", out);
        let name = s.required(name, "name", "\"BTCUSDT\"", out)?;
        match SymbolName::new(name.as_bytes()) {
            Ok(name) => names.push(name),
            Err(error) => {
                let what = format!("symbol.name = \"{name}\" cannot be one: {error}");
                out.add(s.place("name"), what, "write it as the venue does, like BTCUSDT");
            }
        }
    }
    Some(names)
}

fn guard(mut s: Section<'_>, out: &mut Mistakes<'_>) -> Guard {
    // The trader's key.
    let _ = s.flag("require_verdict", out);
    let words = [("hmac", KeyType::Hmac), ("ed25519", KeyType::Ed25519)];
    let keys = Keys {
        api_key_file: s.path_of("api_key_file", out),
        api_secret_file: s.path_of("api_secret_file", out),
        key_type: s.word("key_type", &words, out).unwrap_or(KeyType::Hmac),
    };
    if keys.api_key_file.is_some() != keys.api_secret_file.is_some() {
        let (there, missing) = match keys.api_key_file {
            Some(_) => ("api_key_file", "api_secret_file"),
            None => ("api_secret_file", "api_key_file"),
        };
        let what = format!("guard.{there} is given without guard.{missing}");
        out.add(s.place(there), what, format!("write {missing} too, or neither"));
    }
    let interval_ms = s.integer("interval_ms", 200..=2_000, "a verdict lives 3 s", out);
    let thresholds = thresholds(&mut s, out);
    s.finish(out);
    Guard { keys, interval_ms: interval_ms.unwrap_or(1_000) as u64, thresholds }
}

fn thresholds(s: &mut Section<'_>, out: &mut Mistakes<'_>) -> Thresholds {
    let mut kill = |key, most: i64, out: &mut Mistakes<'_>| {
        s.integer(key, 0..=most, TIGHTER, out).unwrap_or(most)
    };
    let drawdown_kill_ppm = kill("drawdown_kill_ppm", DRAWDOWN_KILL_PPM, out);
    let var_breaches_kill = kill("var_breaches_kill", VAR_BREACHES_KILL, out) as u64;
    let api_error_kill_ppm = kill("api_error_kill_ppm", API_ERROR_KILL_PPM, out);
    let margin_ratio_kill_ppm = kill("margin_ratio_kill_ppm", MARGIN_RATIO_KILL_PPM, out);
    let lost_ms = s.integer("trader_lost_ms", 1_000..=60_000, "", out).unwrap_or(10_000);
    let mut soft = |key, default: i64, kill: i64, out: &mut Mistakes<'_>| {
        let why = "the kill switch is pressed above that";
        s.integer(key, 0..=kill, why, out).unwrap_or(default.min(kill))
    };
    let drawdown_ppm_max = soft("drawdown_ppm_max", 80_000, drawdown_kill_ppm, out);
    let day_drawdown_ppm_max = soft("day_drawdown_ppm_max", 50_000, 1_000_000, out);
    let margin_ratio_ppm_max = soft("margin_ratio_ppm_max", 500_000, margin_ratio_kill_ppm, out);
    let distance = s.integer("liquidation_distance_ppm_min", 0..=1_000_000, "", out);
    let var_99_max = s.decimal("var_99_max_usdt", 1..=USDT_MAX * SCALE, out);
    let latency_us = s.integer("latency_p99_us_max", 1..=10_000_000, "", out);
    Thresholds {
        drawdown_kill_ppm,
        var_breaches_kill,
        api_error_kill_ppm,
        margin_ratio_kill_ppm,
        trader_lost_ms: lost_ms as u64,
        drawdown_ppm_max,
        day_drawdown_ppm_max,
        margin_ratio_ppm_max,
        liquidation_distance_ppm_min: distance.unwrap_or(30_000),
        var_99_max,
        latency_p99_max_ns: latency_us.unwrap_or(1_000_000) as u64 * 1_000,
    }
}

fn kill(mut s: Section<'_>, file: &Path, out: &mut Mistakes<'_>) -> Kill {
    let dir = s.path_of("state_dir", out).unwrap_or_else(|| PathBuf::from("state"));
    let beside = file.parent().unwrap_or(Path::new(""));
    let trader_ms = s.integer("trader_ms", 0..=30_000, "", out).unwrap_or(3_000);
    let slice = s.decimal("slice_usdt", SCALE..=USDT_MAX * SCALE, out).unwrap_or(5_000 * SCALE);
    let flat_ms = s.integer("flat_ms", 1_000..=600_000, "", out).unwrap_or(30_000);
    s.finish(out);
    let state_dir = beside.join(dir);
    Kill {
        // The trader writes it into its segments' headers, where only a whole path has a meaning.
        state_dir: std::path::absolute(&state_dir).unwrap_or(state_dir),
        trader_ms: trader_ms as u64,
        slice,
        flat_ms: flat_ms as u64,
    }
}

/// Each channel knows its own keys.
fn alerts(sections: Vec<Section<'_>>, out: &mut Mistakes<'_>) -> Vec<AlertChannel> {
    let mut channels = Vec::new();
    for table in sections.iter().filter_map(Section::raw) {
        match AlertChannel::from_table(table) {
            Ok(channel) => channels.push(channel),
            Err(bad) => bad.into_iter().for_each(|key| out.add(key.at, key.what, key.remedy)),
        }
    }
    channels
}

#[cfg(test)]
mod tests;
