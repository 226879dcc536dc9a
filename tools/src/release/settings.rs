//! `[release]` of the environment's file, and what else a change of release needs of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml_edit::{DocumentMut, Item, Table};

use crate::cli::PlaceArgs;
use crate::exit::{Exit, Failure};
use crate::siblings;

/// When a release on probation is taken back; tighter than these, never looser (SPEC 10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Failed requests of all, ppm; with at least [`REQUESTS_MIN`] of them.
    pub(crate) error_ppm: i64,
    /// From the tick to the venue's answer to the order, 99th percentile, ms.
    pub(crate) latency_p99_ms: i64,
    /// Fall of equity since it was armed, ppm.
    pub(crate) drawdown_ppm: i64,
    /// Starts of the trader.
    pub(crate) starts: i64,
    /// Time from the swap to the first reconciliation, s.
    pub(crate) reconcile_s: i64,
}

/// Fewest requests, and fewest orders, that say something.
pub(crate) const REQUESTS_MIN: u64 = 20;

impl Limits {
    /// SPEC 10.2, and what it leaves open.
    pub(crate) const WIDEST: Self = Self {
        error_ppm: 50_000,
        latency_p99_ms: 1_000,
        drawdown_ppm: 50_000,
        starts: 3,
        reconcile_s: 60,
    };
}

/// Probation unless the file or the command says otherwise, s.
const PROBATION_S: i64 = 600;
/// Longest probation, s: a week.
const PROBATION_S_MAX: i64 = 604_800;

/// What is read of the environment's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The file.
    pub(crate) config: PathBuf,
    /// `demo`, `paper` …
    pub(crate) environment: String,
    /// Name of the run.
    pub(crate) instance: String,
    /// Folder of the logs.
    pub(crate) log_dir: Option<PathBuf>,
    /// Folder of the releases.
    pub(crate) dir: PathBuf,
    /// What restarts every process; empty when `shrike up --releases` runs them.
    pub(crate) restart: Vec<String>,
    /// Length of a probation.
    pub(crate) probation: Duration,
    /// When a release is taken back.
    pub(crate) limits: Limits,
    /// The kill switch's latch.
    pub(crate) latch: PathBuf,
}

impl Settings {
    /// Reads the file of the arguments.
    ///
    /// # Errors
    /// Exit 78 with every mistake of `[release]`, and when the trader would arm by itself.
    pub(crate) fn read(place: &PlaceArgs) -> Result<Self, Failure> {
        let config = match (&place.config, &place.environment) {
            (Some(config), _) => config.clone(),
            (None, Some(name)) => siblings::config_file(name)?,
            (None, None) => {
                return Err(Failure::new(Exit::Usage, "no --env", "add --env NAME"));
            }
        };
        let text = std::fs::read_to_string(&config).map_err(|e| Failure::file(&config, &e))?;
        let config = config.canonicalize().map_err(|error| Failure::file(&config, &error))?;
        Self::parse(&text, &config, place.releases.as_deref()).map_err(|mistakes| {
            let lines: Vec<String> =
                mistakes.iter().map(|line| format!("{}: {line}", config.display())).collect();
            Failure::new(
                Exit::Config,
                lines.join("\n"),
                "mend the file; RUNBOOK.md, Releases, lists the keys of [release]",
            )
        })
    }

    fn parse(text: &str, config: &Path, releases: Option<&Path>) -> Result<Self, Vec<String>> {
        let document: DocumentMut = text.parse().map_err(|error| vec![format!("{error}")])?;
        let mut mistakes = vec![];
        let text_of = |key: &str| document.get(key).and_then(Item::as_str).map(str::to_owned);
        let within = |table: &str, key: &str| document.get(table)?.get(key);
        let empty = Table::new();
        let table = document.get("release").and_then(Item::as_table).unwrap_or(&empty);
        for (key, _) in table.iter().filter(|(key, _)| !KEYS.contains(key)) {
            mistakes.push(format!("release.{key} is not known; there are {}", KEYS.join(", ")));
        }
        let mut number = |key: &str, most: i64, default: i64| match table.get(key) {
            None => default,
            Some(item) => match item.as_integer() {
                Some(value) if (1..=most).contains(&value) => value,
                _ => {
                    mistakes.push(format!(
                        "release.{key} = {} must be a whole number from 1 to {most}: the \
                         specification's limits may be tightened, not loosened",
                        item.to_string().trim()
                    ));
                    default
                }
            },
        };
        let widest = Limits::WIDEST;
        let limits = Limits {
            error_ppm: number("error_ppm_max", widest.error_ppm, widest.error_ppm),
            latency_p99_ms: number(
                "latency_p99_ms_max",
                widest.latency_p99_ms,
                widest.latency_p99_ms,
            ),
            drawdown_ppm: number("drawdown_ppm_max", widest.drawdown_ppm, widest.drawdown_ppm),
            starts: number("starts_max", widest.starts, widest.starts),
            reconcile_s: number("reconcile_s", widest.reconcile_s, widest.reconcile_s),
        };
        let probation_s = number("probation_s", PROBATION_S_MAX, PROBATION_S);
        let words = |item: &Item| {
            let words = item.as_array()?.iter().map(|word| word.as_str().map(str::to_owned));
            words.collect::<Option<Vec<String>>>()
        };
        let restart = match table.get("restart").map(words) {
            None => vec![],
            Some(Some(words)) => words,
            Some(None) => {
                mistakes.push("release.restart must be a list of words".to_owned());
                vec![]
            }
        };
        let given = table.get("dir").and_then(Item::as_str).map(PathBuf::from);
        let dir = releases.map(Path::to_owned).or(given);
        if dir.is_none() {
            mistakes.push("release.dir is missing: the folder of the releases".to_owned());
        }
        let enabled = within("start", "enabled").and_then(Item::as_bool);
        let environment = text_of("environment").unwrap_or_default();
        let waits = matches!(environment.as_str(), "staging" | "production");
        if enabled.unwrap_or(!waits) {
            mistakes.push(
                "start.enabled must be false: a release is armed only after it has reconciled"
                    .to_owned(),
            );
        }
        let instance = text_of("instance").unwrap_or_default();
        if instance.is_empty() {
            mistakes.push("instance is missing".to_owned());
        }
        let beside = config.parent().unwrap_or(Path::new("."));
        let state = within("kill", "state_dir").and_then(Item::as_str).unwrap_or("state");
        let log_dir = within("log", "dir").and_then(Item::as_str).map(PathBuf::from);
        match dir {
            Some(dir) if mistakes.is_empty() => Ok(Self {
                config: config.to_owned(),
                environment,
                instance,
                log_dir,
                dir,
                restart,
                probation: Duration::from_secs(probation_s.unsigned_abs()),
                limits,
                latch: beside.join(state).join("killed"),
            }),
            _ => Err(mistakes),
        }
    }
}

/// Keys of `[release]`.
const KEYS: [&str; 8] = [
    "dir",
    "restart",
    "probation_s",
    "error_ppm_max",
    "latency_p99_ms_max",
    "drawdown_ppm_max",
    "starts_max",
    "reconcile_s",
];

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "environment = \"paper\"\ninstance = \"paper\"\n[start]\nenabled = false\n";

    fn parse(more: &str) -> Result<Settings, Vec<String>> {
        Settings::parse(&format!("{BASE}{more}"), Path::new("/etc/paper.toml"), None)
    }

    #[test]
    fn the_specifications_limits_hold_unless_tightened() {
        let settings = parse("[release]\ndir = \"/opt/shrike\"\nstarts_max = 2\n").unwrap();
        assert_eq!(settings.limits, Limits { starts: 2, ..Limits::WIDEST });
        assert_eq!(settings.probation, Duration::from_secs(600));
        assert_eq!(settings.latch, Path::new("/etc/state/killed"));
        for looser in ["error_ppm_max = 50001", "drawdown_ppm_max = 0", "starts_max = \"x\""] {
            let mistakes = parse(&format!("[release]\ndir = \"d\"\n{looser}\n")).unwrap_err();
            assert!(mistakes[0].contains(looser.split(' ').next().unwrap()), "{mistakes:?}");
        }
    }

    #[test]
    fn what_is_missing_or_not_known_is_named() {
        let mistakes = parse("[release]\nprobation = 5\n").unwrap_err();
        assert!(mistakes[0].contains("release.probation is not known"), "{mistakes:?}");
        assert!(mistakes[1].contains("release.dir"), "{mistakes:?}");
    }

    #[test]
    fn a_trader_that_arms_by_itself_has_no_releases() {
        let text = "environment = \"paper\"\ninstance = \"p\"\n[release]\ndir = \"d\"\n";
        let parse = |text: &str| Settings::parse(text, Path::new("/x.toml"), None);
        assert!(parse(text).unwrap_err()[0].contains("start.enabled"));
        assert!(parse(&text.replace("paper", "production")).is_ok());
    }
}
