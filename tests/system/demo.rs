//! The whole system with real processes: it trades, agrees with its venue, and survives `kill -9`.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use persist::testing::Postgres;
use serde_json::Value;

use super::processes::{Place, binary, data, segments, text};

/// Longest a short demo may take from start to end on a slow machine.
const DEMO_WAIT: Duration = Duration::from_secs(240);

/// A demo in the background, ended when dropped.
pub(super) struct Demo {
    child: Child,
    dir: tempfile::TempDir,
    _place: Place,
}

impl Drop for Demo {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // TERM lets the demo end its own children.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(30);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    pub(super) fn start(arguments: &[&str], database: Option<&str>) -> Self {
        // Side by side they would fight over two cores and test the scheduler.
        let place = Place::alone();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let out = std::fs::File::create(dir.path().join("out")).expect("a file for the output");
        let mut command = Command::new(binary("shrike"));
        command.args(["demo", "--plain", "--no-build", "--dir"]).arg(dir.path().join("run"));
        command.args(arguments).stdin(Stdio::null());
        command.stdout(out.try_clone().expect("a second handle")).stderr(out);
        command.env_remove("DATABASE_URL");
        if let Some(url) = database {
            command.env("DATABASE_URL", url);
        }
        let child = command.spawn().expect("shrike starts");
        Self { child, dir, _place: place }
    }

    pub(super) fn run_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    pub(super) fn output(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("out")).unwrap_or_default()
    }

    fn instance(&self) -> String {
        let run: Value = self.json("run.json");
        run["instance"].as_str().expect("run.json names the instance").to_owned()
    }

    pub(super) fn json(&self, name: &str) -> Value {
        let path = self.run_dir().join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; the demo said:\n{}", path.display(), self.output())
        });
        serde_json::from_str(&text).expect("it is JSON")
    }

    /// Waits for words in the demo's output.
    pub(super) fn wait_for(&mut self, words: &str) {
        let deadline = Instant::now() + DEMO_WAIT;
        while !self.output().contains(words) {
            let ended = self.child.try_wait().expect("the child can be asked");
            assert!(ended.is_none(), "ended before it said {words:?}:\n{}", self.output());
            assert!(Instant::now() < deadline, "never said {words:?}:\n{}", self.output());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the end, however it is.
    pub(super) fn end(&mut self) -> std::process::ExitStatus {
        let deadline = Instant::now() + DEMO_WAIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return status;
            }
            assert!(Instant::now() < deadline, "does not end:\n{}", self.output());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the end, which must be clean.
    pub(super) fn finish(&mut self) {
        let status = self.end();
        assert!(status.success(), "{status}:\n{}", self.output());
        let left = segments(&self.instance());
        assert!(left.is_empty(), "left in /dev/shm: {left:?}");
    }

    /// Process ids of the demo's children that run this program.
    fn children(&self, program: &str) -> Vec<u32> {
        let task = format!("/proc/{0}/task/{0}/children", self.child.id());
        let children = std::fs::read_to_string(task).unwrap_or_default();
        let named = |pid: &str| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name.trim() == program
        };
        children.split(' ').filter(|pid| named(pid)).filter_map(|pid| pid.parse().ok()).collect()
    }

    pub(super) fn kill(&self, program: &str) {
        let pids = self.children(program);
        assert!(!pids.is_empty(), "no process {program}:\n{}", self.output());
        for pid in pids {
            let status = Command::new("kill").args(["-9", &pid.to_string()]).status();
            assert!(status.is_ok_and(|status| status.success()), "kill -9 {pid}");
        }
    }

    /// Fills and orders of the venue's ledger.
    pub(super) fn ledger_counts(&self) -> (usize, usize) {
        let ledger = self.json("ledger.json");
        let account = ledger.get("accounts").and_then(|all| all.get(0)).unwrap_or(&ledger);
        let count = |name: &str| account[name].as_array().map_or(0, Vec::len);
        (count("fills"), count("orders"))
    }

    /// `shrike status --reconcile` of the finished run.
    fn reconcile(&self) -> Output {
        let mut command = Command::new(binary("shrike"));
        command.args(["status", "--reconcile", "--dir"]).arg(self.run_dir());
        command.env_remove("DATABASE_URL").output().expect("shrike starts")
    }

    /// The run's SQLite file.
    fn database(&self) -> rusqlite::Connection {
        let path = std::fs::read_dir(self.run_dir())
            .expect("the run's folder")
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|e| e == "db" || e == "sqlite"))
            .expect("a SQLite file in the run's folder");
        rusqlite::Connection::open(path).expect("it opens")
    }
}

/// A command of a person to a running demo.
fn shrike(demo: &Demo, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary("shrike"));
    command.args(arguments).args(["--instance", &demo.instance()]);
    command.stdin(Stdio::null()).output().expect("shrike starts")
}

#[test]
fn a_seeded_market_is_traded_and_all_three_records_agree() {
    let mut demo = Demo::start(&["--seconds", "20", "--seed", "3"], None);
    demo.finish();
    let (fills, _) = demo.ledger_counts();
    assert!(fills >= 20, "only {fills} fills:\n{}", demo.output());
    let rows: i64 = demo
        .database()
        .query_row("SELECT COUNT(*) FROM fills", [], |row| row.get(0))
        .expect("the table exists");
    assert_eq!(usize::try_from(rows), Ok(fills));
    let again = demo.reconcile();
    assert!(again.status.success(), "{}", text(&again));
}

#[test]
fn a_recorded_market_of_two_symbols_is_traded_into_postgresql() {
    let tapes = ["ws_raw/usdm/btcusdt_20240718.gz", "ws_raw/usdm/ethusdt_20240718.gz"].map(data);
    let server = Postgres::start();
    let url = server.database("shrike");
    let mut arguments = vec!["--seconds".to_owned(), "25".to_owned()];
    for tape in tapes.iter().flatten() {
        arguments.extend(["--tape".to_owned(), tape.display().to_string()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut demo = Demo::start(&arguments, Some(&url));
    demo.finish();
    let (fills, _) = demo.ledger_counts();
    assert!(fills >= 10, "only {fills} fills:\n{}", demo.output());
    let mut client = postgres::Client::connect(&url, postgres::NoTls).expect("connects");
    let rows: i64 = client.query_one("SELECT COUNT(*) FROM fills", &[]).expect("a row").get(0);
    assert_eq!(usize::try_from(rows), Ok(fills));
}

#[test]
fn killed_sidecars_change_no_order_and_lose_no_row() {
    let mut demo = Demo::start(&["--seconds", "30", "--seed", "5"], None);
    demo.wait_for("trading state: Armed");
    for _ in 0..3 {
        std::thread::sleep(Duration::from_secs(4));
        for sidecar in ["guard", "persist", "metrics"] {
            demo.kill(sidecar);
        }
    }
    demo.finish();
    let (fills, _) = demo.ledger_counts();
    assert!(fills >= 20, "only {fills} fills:\n{}", demo.output());
    let changes: Vec<String> = demo
        .database()
        .prepare("SELECT to_state || ' ' || reason FROM state_changes ORDER BY 1")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .expect("the table exists");
    assert!(
        !changes.iter().any(|change| change.contains("journal_pressure")),
        "a dead sidecar was noticed by the trader: {changes:?}"
    );
}

#[test]
fn people_can_look_and_act_while_it_trades() {
    let mut demo = Demo::start(&["--seconds", "25", "--seed", "8"], None);
    demo.wait_for("trading state: Armed");
    std::thread::sleep(Duration::from_secs(3));

    let status = shrike(&demo, &["status", "--json"]);
    assert!(status.status.success(), "{}", text(&status));
    let status: Value = serde_json::from_slice(&status.stdout).expect("it is JSON");
    assert!(status.to_string().contains("Armed"), "{status}");

    let top = shrike(&demo, &["top", "--once", "--size", "80x24"]);
    assert!(top.status.success(), "{}", text(&top));
    for part in ["● Armed", "● guard", "may add risk", "BTCUSDT", "exposure", "causes none"] {
        assert!(text(&top).contains(part), "{part:?} is not in:\n{}", text(&top));
    }

    let halted = shrike(&demo, &["halt"]);
    assert!(halted.status.success(), "{}", text(&halted));
    demo.wait_for("trading state: Halted");

    let flat = shrike(&demo, &["flatten", "--yes"]);
    assert!(flat.status.success(), "{}", text(&flat));

    let resumed = shrike(&demo, &["resume", "--yes"]);
    assert!(resumed.status.success(), "{}", text(&resumed));

    let inspected = shrike(&demo, &["inspect", "journal", "--last", "5"]);
    assert!(inspected.status.success(), "{}", text(&inspected));
    assert!(text(&inspected).lines().count() >= 5, "{}", text(&inspected));

    let address = std::fs::read_to_string(demo.run_dir().join("metrics.address"));
    let address = address.expect("metrics says where it serves");
    let page = |path: &str| ureq::get(format!("http://{}{path}", address.trim())).call();
    // The page is as old as metrics' last look.
    let armed = "shrike_trading_state{state=\"Armed\"} 1";
    crate::processes::until("the page says Armed", || {
        let mut answer = page("/metrics").expect("served");
        answer.body_mut().read_to_string().expect("text").contains(armed)
    });
    let health = page("/health").expect("healthy answers 200");
    assert_eq!(health.status(), 200);
    demo.finish();
}

#[test]
fn a_broken_configuration_is_refused_with_line_and_remedy() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("broken.toml");
    let good = super::arrows::root().join("config/demo.toml");
    let text_of = std::fs::read_to_string(good).expect("config/demo.toml");
    let broken =
        text_of.replace("turn_budget_us", "turn_budget_ms").replace("\"yield\"", "\"nap\"");
    assert_ne!(text_of, broken);
    std::fs::write(&file, broken).expect("a file");
    let output =
        Command::new(binary("shrike")).arg("check-config").arg(&file).output().expect("starts");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    for word in ["broken.toml:", "turn_budget_ms", "nap"] {
        assert!(said.contains(word), "{word} is not in:\n{said}");
    }
}
