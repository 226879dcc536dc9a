//! What the tests start: a journal, the process, a database, a proxy that cuts.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use persist::follow::GATE;
use persist::options::Target;
use persist::store::{PostgresTarget, Store};
use persist::testing::{Model, run_info};
use persist::value::{Kind, decimal_text};
use rings::Identity;
use rings::journal::Writer;
use schema::{LAYOUT_HASH, Record};
use tempfile::TempDir;
use zerocopy::IntoBytes;

/// Longest any single thing may take before a test gives up: far above what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
pub(crate) fn patiently(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// A journal of its own instance, removed when dropped.
pub(crate) struct Journal {
    pub(crate) instance: String,
    writer: Option<Writer<Record>>,
    epoch: u32,
}

impl Journal {
    pub(crate) fn create(capacity: usize) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let instance = format!("persist-test-{}-{number}", std::process::id());
        let mut journal = Self { instance, writer: None, epoch: 8 };
        journal.continue_with(capacity);
        journal
    }

    pub(crate) fn continue_with(&mut self, capacity: usize) {
        self.epoch += 1;
        let identity = Identity { layout_hash: LAYOUT_HASH, build_id: 1, boot_epoch: self.epoch };
        let info = run_info();
        let writer =
            Writer::open_or_create(&self.instance, capacity, identity, info.as_bytes(), &[GATE]);
        self.writer = Some(writer.expect("the instance is ours"));
    }

    fn writer(&mut self) -> &mut Writer<Record> {
        self.writer.as_mut().expect("the writer lives")
    }

    /// Publishes; a full journal waits for persist, which must be alive.
    pub(crate) fn publish(&mut self, record: &Record, persist: &mut Persist) {
        let begun = Instant::now();
        while self.writer().publish(record).is_err() {
            assert!(begun.elapsed() < PATIENCE, "journal stays full: {}", persist.output());
            persist.must_live();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Publishes without anybody reading.
    pub(crate) fn publish_alone(&mut self, record: &Record) {
        self.writer().publish(record).expect("the journal has room");
    }

    pub(crate) fn id(&mut self) -> u64 {
        self.writer().journal_id()
    }

    pub(crate) fn used(&mut self) -> u64 {
        self.writer().used()
    }

    pub(crate) fn head(&mut self) -> u64 {
        self.writer().head()
    }

    /// Waits until everything is committed.
    pub(crate) fn drained(&mut self) {
        patiently("the journal is drained", || self.used() == 0);
    }

    pub(crate) fn writer_dies(&mut self) {
        self.writer = None;
    }

    /// The segments are gone, as after a power cut.
    pub(crate) fn vanish(&mut self) {
        self.writer_dies();
        rings::remove_instance(&self.instance).expect("nobody holds it");
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.writer = None;
        // A process that a failing test left behind may hold it; /dev/shm keeps some pages then.
        let _ = rings::remove_instance(&self.instance);
    }
}

/// Where the rows are.
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres(String),
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("a temp dir"))
    }

    fn path(dir: &TempDir) -> PathBuf {
        dir.path().join("record.sqlite")
    }

    pub(crate) fn target(&self) -> Target {
        match self {
            Self::Sqlite(dir) => Target::Sqlite(Self::path(dir)),
            Self::Postgres(url) => {
                Target::Postgres(PostgresTarget::parse(url).expect("our own URL"))
            }
        }
    }

    pub(crate) fn store(&self) -> Store {
        let target = self.target();
        let mut store = None;
        patiently("the database is free", || {
            store = target.open().ok();
            store.is_some()
        });
        store.expect("it was opened")
    }

    /// The rows of `journal_gaps`.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let sql = "SELECT reason FROM journal_gaps ORDER BY first_seq";
        let rows = self.store().backend().query(sql, &[], &[Kind::Text]).expect("readable");
        rows.into_iter().flatten().filter_map(|value| value.text()).collect()
    }
}

/// Compares the tables with what was generated, to the last digit.
pub(crate) fn check_rows(database: &Database, model: &Model) {
    let mut store = database.store();
    let mut query = |sql: &str, kinds: &[Kind]| {
        store.backend().query(sql, &[], kinds).unwrap_or_else(|e| panic!("{sql}: {e}"))
    };
    let d8 = Kind::Decimal(8);
    let sql = "SELECT order_id, size, notional, commission, fill_count FROM trades";
    let rows = query(sql, &[Kind::Text, d8, d8, d8, Kind::Int]);
    let mut trades: Vec<String> = rows
        .into_iter()
        .map(|row| {
            let mut fields = persist::rows::Fields::new(row);
            format!(
                "{:?} {:?} {:?} {:?} {:?}",
                fields.text().expect("an id"),
                fields.units().expect("a size"),
                fields.units().expect("a notional"),
                fields.units().expect("a commission"),
                fields.int().expect("a count")
            )
        })
        .collect();
    trades.sort();
    let mut expected: Vec<String> = model
        .trades
        .iter()
        .map(|(id, order)| {
            let notional = (order.cost_e16 + 50_000_000) / 100_000_000;
            format!("{id:?} {} {notional} {} {}", order.size, order.commission, order.fills)
        })
        .collect();
    expected.sort();
    assert!(!expected.is_empty(), "the script traded");
    assert_eq!(trades, expected);
    let mut count = |sql: &str| query(sql, &[Kind::Int])[0][0].int().expect("a count");
    assert_eq!(count("SELECT count(*) FROM fills") as u64, model.fills);
    assert_eq!(count("SELECT count(*) FROM orders") as u64, model.orders);
    assert_eq!(count("SELECT count(*) FROM market_data") as u64, model.minutes);
    assert_eq!(count("SELECT count(*) FROM state_changes") as u64, model.states);
    assert_eq!(count("SELECT count(*) FROM commands") as u64, model.commands);
    assert_eq!(count("SELECT count(*) FROM limit_changes") as u64, model.limits);
    assert_eq!(count("SELECT count(*) FROM kill_changes") as u64, model.kills);
    let refused = "SELECT CAST(coalesce(sum(refused_count), 0) AS BIGINT) FROM refusals";
    assert_eq!(count(refused), model.refused);
    assert_eq!(count("SELECT count(*) FROM journal_gaps"), 0);
    let wrong = "SELECT count(*) FROM orders WHERE (error_code = -2019) <> (status = 'REJECTED')";
    assert_eq!(count(wrong), 0, "an answer that refuses an order ends it");
    let open = "SELECT count(*) FROM position_state p WHERE (p.position_key IS NOT NULL) <> EXISTS \
                (SELECT 1 FROM positions o WHERE o.symbol = p.symbol AND o.status = 'OPEN')";
    assert_eq!(count(open), 0, "an open position has one open row");
    for (symbol, qty) in &model.positions {
        let sql = format!("SELECT qty FROM position_state WHERE symbol = '{symbol}'");
        let stored = query(&sql, &[d8])[0][0].units().expect("a quantity");
        assert_eq!(decimal_text(stored, 8), decimal_text(i128::from(*qty), 8), "{symbol}");
    }
}

/// The process under test.
pub(crate) struct Persist {
    child: Option<Child>,
    instance: String,
    arguments: Vec<String>,
    url: Option<String>,
    dir: TempDir,
}

impl Persist {
    pub(crate) fn start(instance: &str, database: &Database, more: &[&str]) -> Self {
        let mut arguments: Vec<String> = more.iter().map(|&text| text.to_owned()).collect();
        let url = match database {
            Database::Sqlite(dir) => {
                arguments.push("--sqlite".into());
                arguments.push(Database::path(dir).display().to_string());
                None
            }
            Database::Postgres(url) => Some(url.clone()),
        };
        let dir = tempfile::tempdir().expect("a temp dir");
        let instance = instance.to_owned();
        let mut persist = Self { child: None, instance, arguments, url, dir };
        persist.revive();
        persist
    }

    /// Starts it if it does not run.
    pub(crate) fn revive(&mut self) {
        if self.child.is_some() {
            return;
        }
        let open = |name: &str| {
            let path = self.dir.path().join(name);
            std::fs::OpenOptions::new().create(true).append(true).open(path).expect("our own")
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_persist"));
        command
            .args(["--instance", &self.instance])
            .args(&self.arguments)
            .env_remove("DATABASE_URL")
            .env_remove("CREDENTIALS_DIRECTORY")
            .env_remove("NOTIFY_SOCKET")
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(open("output"))
            .stderr(open("output"));
        if let Some(url) = &self.url {
            command.env("DATABASE_URL", url);
        }
        self.child = Some(command.spawn().expect("the binary was built"));
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
        }
    }

    pub(crate) fn terminate(&mut self) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().expect("kill exists");
        assert!(status.success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let mut code = None;
        let child = self.child.as_mut().expect("it runs");
        patiently("persist ends", || {
            let status = child.try_wait().expect("it is ours");
            code = status.and_then(|status| status.code());
            status.is_some()
        });
        self.child = None;
        code
    }

    /// SIGTERM, and a clean end.
    pub(crate) fn stop(&mut self) {
        self.terminate();
        let code = self.wait();
        assert_eq!(code, Some(0), "{}", self.output());
    }

    pub(crate) fn must_live(&mut self) {
        if let Some(child) = &mut self.child
            && let Some(status) = child.try_wait().expect("it is ours")
        {
            panic!("persist ended with {status}: {}", self.output());
        }
    }

    /// What it printed, over all its lives.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("output")).unwrap_or_default()
    }
}

impl Drop for Persist {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
