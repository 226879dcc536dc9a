//! The trader and the database die in the middle of trading; nothing is lost, doubled or guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use persist::testing::Postgres;
use serde_json::Value;

use super::demo::{Demo, TURN, binary, text};

/// Longest wait for anything on a slow machine.
const WAIT: Duration = Duration::from_secs(60);
/// How often the trader is killed, after so many milliseconds of trading each: no multiple of
/// anything that happens regularly, so that it dies at different points.
const LIVES_MS: [u64; 3] = [2_137, 3_011, 1_543];
/// What every order that ended is called.
const ENDS: [&str; 5] = ["FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"];

/// Venue, trader and persist started one by one, as an operator would.
struct Pieces {
    venue: Child,
    persist: Child,
    trader: Child,
    instance: String,
    dir: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Drop for Pieces {
    fn drop(&mut self) {
        for child in [&mut self.trader, &mut self.persist, &mut self.venue] {
            let _ = child.kill();
            let _ = child.wait();
        }
        let prefix = format!("shrike-{}-", self.instance);
        for entry in std::fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

impl Pieces {
    fn start() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().expect("a temporary folder");
        let instance = format!("crash_{}", std::process::id());
        let mut venue = Command::new(binary("shrike"));
        venue.args(["venue", "--seed", "11", "--balance", "100000"]);
        venue.args(["--symbol", "BTCUSDT", "--symbol", "ETHUSDT", "--dir"]);
        let venue = spawn(venue.arg(dir.path().join("venue")), dir.path(), "venue");
        let urls = dir.path().join("venue/urls.json");
        until("the venue listens", || urls.exists());
        std::fs::write(dir.path().join("trader.toml"), config(&instance, dir.path()))
            .expect("a configuration");
        let trader = start_trader(dir.path());
        let mut persist = Command::new(binary("persist"));
        persist.args(["--instance", &instance, "--sqlite"]).arg(dir.path().join("shrike.db"));
        let persist = spawn(&mut persist, dir.path(), "persist");
        Self { venue, persist, trader, instance, dir, _turn: turn }
    }

    fn said(&self) -> String {
        let names = ["venue", "trader", "persist"];
        names.map(|name| tail(&self.dir.path().join(format!("{name}.out")))).join("\n")
    }

    fn status(&self) -> Value {
        let mut command = Command::new(binary("shrike"));
        command.args(["status", "--json", "--instance", &self.instance]);
        let output = command.output().expect("shrike starts");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Waits until the trader that runs now is armed; how long that took.
    fn armed(&mut self) -> Duration {
        let begun = Instant::now();
        loop {
            let ended = self.trader.try_wait().expect("the child can be asked");
            assert!(ended.is_none(), "the trader ended {ended:?}:\n{}", self.said());
            let status = self.status();
            if status["pid"] == self.trader.id() && status["trading_state"] == "Armed" {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < WAIT, "not armed: {status}\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn kill_and_restart_trader(&mut self) {
        // Child::kill is SIGKILL: nothing is flushed, nothing is told to the venue.
        self.trader.kill().expect("it runs");
        self.trader.wait().expect("it is ours");
        self.trader = start_trader(self.dir.path());
    }

    /// Trader first, then persist, then the venue, each to a clean end.
    fn stop(&mut self) {
        for (name, child) in [
            ("trader", &mut self.trader),
            ("persist", &mut self.persist),
            ("venue", &mut self.venue),
        ] {
            let status = Command::new("kill").arg(child.id().to_string()).status();
            assert!(status.is_ok_and(|status| status.success()), "{name} had ended before");
            let mut ended = None;
            until(name, || {
                ended = child.try_wait().expect("the child can be asked");
                ended.is_some()
            });
            let log = tail(&self.dir.path().join(format!("{name}.out")));
            assert!(ended.is_some_and(|status| status.success()), "{name} {ended:?}:\n{log}");
        }
    }

    /// The comparison a person would ask for: venue, the journal in shared memory, the database.
    fn reconcile(&self) -> Output {
        let mut command = Command::new(binary("shrike"));
        command.args(["status", "--reconcile", "--wait", "0", "--instance", &self.instance]);
        command.arg("--ledger").arg(self.dir.path().join("venue/ledger.json"));
        command.arg("--database").arg(self.dir.path().join("shrike.db"));
        command.output().expect("shrike starts")
    }
}

fn start_trader(dir: &Path) -> Child {
    let mut command = Command::new(binary("trader"));
    spawn(command.arg("--config").arg(dir.join("trader.toml")), dir, "trader")
}

fn spawn(command: &mut Command, dir: &Path, name: &str) -> Child {
    let path = dir.join(format!("{name}.out"));
    let out = std::fs::File::options().create(true).append(true).open(path).expect("a file");
    command.env_remove("DATABASE_URL").stdin(Stdio::null());
    command.stdout(out.try_clone().expect("a second handle")).stderr(out);
    command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !is_true() {
        assert!(Instant::now() < deadline, "waited for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn tail(path: &PathBuf) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    format!("{}:\n{}", path.display(), lines[lines.len().saturating_sub(30)..].join("\n"))
}

/// `config/demo.toml` for this venue.
fn config(instance: &str, dir: &Path) -> String {
    let base = super::arrows::root().join("config/demo.toml");
    let base = std::fs::read_to_string(base).expect("config/demo.toml");
    let mut document: toml_edit::DocumentMut = base.parse().expect("it is TOML");
    let urls = std::fs::read_to_string(dir.join("venue/urls.json")).expect("it is there");
    let urls: Value = serde_json::from_str(&urls).expect("it is JSON");
    let path = |name: &str| dir.join(name).display().to_string();
    let url = |name: &str| urls[name].as_str().expect("an address").to_owned();
    let all = [
        ("venue", "rest_url", url("rest_url")),
        ("venue", "market_url", url("stream_url")),
        ("venue", "user_url", url("stream_url")),
        ("venue", "order_url", url("order_url")),
        ("venue", "ca_file", path("venue/ca.pem")),
        ("keys", "api_key_file", path("venue/api_key")),
        ("keys", "api_secret_file", path("venue/api_secret")),
        ("log", "dir", path("log")),
    ];
    for (table, key, value) in all {
        document[table][key] = toml_edit::value(value);
    }
    document["instance"] = toml_edit::value(instance);
    // Post-only orders that rest: whoever is killed leaves some working, and some half told.
    let mut strategy = toml_edit::Table::new();
    strategy["name"] = toml_edit::value("test");
    strategy["style"] = toml_edit::value("gtx");
    strategy["interval_ms"] = toml_edit::value(200);
    document["strategy"] = toml_edit::Item::Table(strategy);
    document.to_string()
}

/// A decimal without trailing zeros, so that texts compare as numbers, exactly.
fn plain(decimal: &str) -> String {
    let short = if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.')
    } else {
        decimal
    };
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

fn word(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// Rows of a query as text, by their first column; a doubled key fails.
fn rows(database: &rusqlite::Connection, query: &str) -> BTreeMap<String, Vec<String>> {
    let mut statement = database.prepare(query).expect("the table exists");
    let columns = statement.column_count();
    let mut found = BTreeMap::new();
    let mut cursor = statement.query([]).expect("it runs");
    while let Some(row) = cursor.next().expect("a row") {
        let values = (1..columns).map(|at| plain(&row.get::<_, String>(at).expect("text")));
        let key: String = row.get(0).expect("text");
        assert!(found.insert(key.clone(), values.collect()).is_none(), "{key} twice");
    }
    found
}

fn list<'a>(ledger: &'a Value, name: &str) -> &'a Vec<Value> {
    ledger[name].as_array().unwrap_or_else(|| panic!("the ledger has no {name}"))
}

/// What the venue holds under `name`, keyed as the database keys it.
fn told(ledger: &Value, name: &str, id: &str, of: &[&str]) -> BTreeMap<String, Vec<String>> {
    let row = |value: &Value| {
        let key = format!("{}-{}", word(value, "symbol"), value[id]);
        (key, of.iter().map(|column| word(value, column)).collect())
    };
    list(ledger, name).iter().map(row).collect()
}

fn assert_same(
    what: &str,
    venue: &BTreeMap<String, Vec<String>>,
    database: &BTreeMap<String, Vec<String>>,
) {
    let keys: BTreeSet<_> = venue.keys().chain(database.keys()).collect();
    let differing: Vec<String> = keys
        .into_iter()
        .filter(|key| venue.get(*key) != database.get(*key))
        .map(|key| format!("{key}: venue {:?}, database {:?}", venue.get(key), database.get(key)))
        .collect();
    let count = differing.len();
    assert!(differing.is_empty(), "{count} {what} differ:\n{}", differing.join("\n"));
}

fn assert_ledgers_agree(ledger: &Value, database: &rusqlite::Connection) {
    let fill =
        ["order_id", "client_order_id", "side", "price", "qty", "commission", "realized_pnl"];
    let fills = rows(
        database,
        "SELECT symbol || '-' || trade_id, replace(order_id, symbol || '-', ''), order_key, side, \
         price, qty, commission, realized_pnl FROM fills",
    );
    assert_same("fills", &told(ledger, "fills", "trade_id", &fill), &fills);
    let order = ["client_order_id", "side", "status", "qty", "executed_qty"];
    let orders = rows(
        database,
        "SELECT order_id, client_order_id, side, status, qty, cum_qty FROM orders \
         WHERE order_id IS NOT NULL",
    );
    assert_same("orders", &told(ledger, "orders", "order_id", &order), &orders);
    let mut positions = rows(database, "SELECT symbol, qty FROM position_state");
    positions.retain(|_, qty| qty[0] != "0");
    let held = list(ledger, "positions").iter();
    let held: BTreeMap<_, _> =
        held.map(|held| (word(held, "symbol"), vec![word(held, "qty")])).collect();
    assert_same("positions", &held, &positions);
}

#[test]
fn a_killed_trader_comes_back_and_every_record_agrees() {
    let mut pieces = Pieces::start();
    pieces.armed();
    for life in LIVES_MS {
        std::thread::sleep(Duration::from_millis(life));
        pieces.kill_and_restart_trader();
        let took = pieces.armed();
        println!("restart to Armed: {took:?}");
    }
    let before = pieces.status()["fills"].as_u64().unwrap_or(0);
    until("it trades on", || pieces.status()["fills"].as_u64().unwrap_or(0) > before + 5);
    pieces.stop();

    let path = pieces.dir.path().join("venue/ledger.json");
    let ledger = std::fs::read_to_string(path).expect("the venue left its ledger");
    let ledger: Value = serde_json::from_str(&ledger).expect("it is JSON");
    let orders = list(&ledger, "orders");
    let ids: BTreeSet<_> = orders.iter().map(|order| word(order, "client_order_id")).collect();
    assert_eq!(ids.len(), orders.len(), "a client order id was used twice");
    assert!(orders.len() >= 20, "only {} orders:\n{}", orders.len(), pieces.said());
    for order in orders {
        assert!(ENDS.contains(&word(order, "status").as_str()), "still open: {order}");
    }
    assert!(list(&ledger, "open_orders").is_empty());

    let database = rusqlite::Connection::open(pieces.dir.path().join("shrike.db")).expect("opens");
    assert_ledgers_agree(&ledger, &database);
    let gaps: i64 = database
        .query_row("SELECT COUNT(*) FROM journal_gaps", [], |row| row.get(0))
        .expect("the table exists");
    assert_eq!(gaps, 0, "journal records were lost");
    let compared = pieces.reconcile();
    assert!(compared.status.success(), "{}", text(&compared));
}

#[test]
fn a_crashed_database_holds_up_no_trading_and_loses_no_row() {
    let server = Postgres::start();
    let url = server.database("shrike");
    let mut demo = Demo::start(&["--seconds", "18", "--seed", "13"], Some(&url));
    demo.wait_for("trading state: Armed");
    for _ in 0..2 {
        std::thread::sleep(Duration::from_secs(3));
        server.down("immediate");
        std::thread::sleep(Duration::from_secs(2));
        server.up();
    }
    // The end of a demo compares venue, journal and database.
    demo.finish();
    let (fills, _) = demo.ledger_counts();
    assert!(fills >= 20, "only {fills} fills:\n{}", demo.output());
    let mut client = postgres::Client::connect(&url, postgres::NoTls).expect("connects");
    let mut count = |table: &str| -> i64 {
        client.query_one(&format!("SELECT COUNT(*) FROM {table}"), &[]).expect("a row").get(0)
    };
    assert_eq!(usize::try_from(count("fills")), Ok(fills));
    assert_eq!(count("journal_gaps"), 0, "journal records were lost");
    let pressed = "SELECT COUNT(*) FROM state_changes WHERE reason = 'journal_pressure'";
    let pressed: i64 = client.query_one(pressed, &[]).expect("a row").get(0);
    assert_eq!(pressed, 0, "the trader noticed that the database was away:\n{}", demo.output());
}
