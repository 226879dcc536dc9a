//! What a test wants of its system before it starts.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use toml_edit::{DocumentMut, Item, Table};

use super::harness::System;
use crate::processes::Place;

/// Where persist writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// No persist runs.
    None,
    /// A file in the run's folder.
    Sqlite,
    /// A real server.
    Postgres(String),
}

/// A system to be started: [`Setup::new`], changes, [`Setup::start`].
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(super) instance: String,
    pub(super) venue: Vec<String>,
    pub(super) trader: &'static str,
    pub(super) database: Database,
    pub(super) is_time_true: bool,
    pub(super) is_guarded: bool,
    settings: Vec<(String, toml_edit::Value)>,
    alerts: Vec<String>,
}

/// Systems of this process.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The venue makes its keys from the seed, and one account has one trader on a host: seeds of
/// systems that run at the same time differ, whoever started them.
fn seed(number: u32) -> String {
    (u64::from(std::process::id()) * 1_000 + u64::from(number)).to_string()
}

impl Setup {
    /// A venue with two symbols of a seeded market; a trader of the `test` strategy that crosses
    /// the spread ten times a second and symbol, parked between; persist into SQLite.
    pub(crate) fn new(row: &str) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let venue = ["--seed", &seed(number), "--balance", "100000", "--symbol", "BTCUSDT"];
        let venue = venue.iter().chain(&["--symbol", "ETHUSDT"]);
        let setup = Self {
            instance: format!("{row}-{number}-{}", std::process::id()),
            venue: venue.map(|&text| text.to_owned()).collect(),
            trader: "trader",
            database: Database::Sqlite,
            is_time_true: true,
            is_guarded: false,
            settings: Vec::new(),
            alerts: Vec::new(),
        };
        setup
            .set("loop.wait", "park")
            .set("journal.capacity_records", 65_536)
            .set("market_ring.capacity_records", 65_536)
            // What is held at the end must agree: nothing is closed for the comparison.
            .set("stop.flatten_on_stop", false)
            .set("strategy.style", "ioc")
            .set("strategy.interval_ms", 100)
            .set("strategy.hold_ms", 50)
    }

    /// The same for another system: another name and another account.
    pub(crate) fn again(mut self) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let row = self.instance.split('-').next().unwrap_or_default();
        self.instance = format!("{row}-{number}-{}", std::process::id());
        self.venue[1] = seed(number);
        self
    }

    /// Orders rest: post-only at the best price, moved with it, cancelled after `hold_ms`.
    pub(crate) fn resting(self, hold_ms: i64) -> Self {
        self.set("strategy.style", "gtx").set("strategy.hold_ms", hold_ms)
    }

    /// A setting of the trader's file, named `table.key`.
    pub(crate) fn set(mut self, name: &str, value: impl Into<toml_edit::Value>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// More arguments for `shrike venue`.
    pub(crate) fn venue(mut self, arguments: &[&str]) -> Self {
        self.venue.extend(arguments.iter().map(|&text| text.to_owned()));
        self
    }

    /// Rows go elsewhere, or nowhere.
    pub(crate) fn database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// With guard, which has a key of its own, and a trader that demands its verdict.
    pub(crate) fn guarded(mut self) -> Self {
        self.is_guarded = true;
        self.set("guard.require_verdict", true)
    }

    /// One more way by which guard tells people: the keys of an `[[alert]]`.
    pub(crate) fn alert(mut self, keys: &str) -> Self {
        self.alerts.push(format!("\n[[alert]]\n{keys}\n"));
        self
    }

    /// The trader with crash points.
    pub(crate) fn chaos_trader(mut self) -> Self {
        self.trader = "trader-chaos";
        self
    }

    /// The venue lies about its clock: times of fills are not compared in the end.
    pub(crate) fn with_untrue_times(mut self) -> Self {
        self.is_time_true = false;
        self
    }

    /// Starts venue, guard if wanted, trader and persist.
    pub(crate) fn start(self) -> System {
        System::start(self, Place::shared())
    }

    /// Starts the venue and writes the configuration into `name`, for a test that starts the rest
    /// in a way of its own.
    pub(crate) fn place(&self, dir: &Path, name: &str) -> (super::venue::Venue, PathBuf) {
        let venue = super::venue::Venue::start(&self.venue, dir);
        let config = self.write_config(dir, name);
        (venue, config)
    }

    /// Name of the run.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// `config/demo.toml` for the venue whose files are in `dir`, with the settings asked for.
    pub(super) fn write_config(&self, dir: &Path, name: &str) -> PathBuf {
        let base = crate::arrows::root().join("config/demo.toml");
        let base = std::fs::read_to_string(base).expect("config/demo.toml");
        let mut document: DocumentMut = base.parse().expect("it is TOML");
        let urls = std::fs::read_to_string(dir.join("venue/urls.json")).expect("it is there");
        let urls: Value = serde_json::from_str(&urls).expect("it is JSON");
        let path = |name: &str| dir.join(name).display().to_string();
        let url = |name: &str| urls[name].as_str().expect("an address").to_owned();
        document["instance"] = toml_edit::value(&self.instance);
        let mut strategy = Table::new();
        strategy["name"] = toml_edit::value("test");
        document["strategy"] = Item::Table(strategy);
        let places = [
            ("venue.rest_url", url("rest_url")),
            ("venue.market_url", url("stream_url")),
            ("venue.user_url", url("stream_url")),
            ("venue.order_url", url("order_url")),
            ("venue.ca_file", path("venue/ca.pem")),
            ("keys.api_key_file", path("venue/api_key")),
            ("keys.api_secret_file", path("venue/api_secret")),
            ("log.dir", path("log")),
        ];
        let places = places.map(|(name, value)| (name.to_owned(), value.into()));
        let guard = [
            ("guard.api_key_file", path("venue/guard_api_key")),
            ("guard.api_secret_file", path("venue/guard_api_secret")),
            ("kill.state_dir", path("state")),
        ];
        let guard = guard.map(|(name, value)| (name.to_owned(), value.into()));
        let guard = guard.iter().filter(|_| self.is_guarded);
        for (name, value) in places.iter().chain(guard).chain(&self.settings) {
            let (table, key) = name.split_once('.').expect("table.key");
            let table = document.entry(table).or_insert_with(|| Item::Table(Table::new()));
            table[key] = Item::Value(value.clone());
        }
        let file = dir.join(name);
        let text = document.to_string() + &self.alerts.concat();
        std::fs::write(&file, text).expect("a configuration");
        file
    }
}
