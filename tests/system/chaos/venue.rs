//! The exchange as a process: its ledger, and the faults it is told to have.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::processes::{binary, ended, signal, spawn, tail, until};

/// A running `shrike venue`.
pub(crate) struct Venue {
    child: Option<Child>,
    admin: String,
    dir: PathBuf,
    is_faulty: Cell<bool>,
    /// Strikes before the faults that are set.
    struck_before: Cell<u64>,
}

impl Venue {
    pub(super) fn start(arguments: &[String], dir: &Path) -> Self {
        let mut command = Command::new(binary("shrike"));
        command.arg("venue").args(arguments).arg("--dir").arg(dir.join("venue"));
        let mut child = spawn(&mut command, dir, "venue");
        let urls = dir.join("venue/urls.json");
        until("the venue listens", || {
            let ended = child.try_wait().expect("the child can be asked");
            assert!(ended.is_none(), "{}", tail(&dir.join("venue.out")));
            urls.exists()
        });
        let urls = std::fs::read_to_string(urls).expect("it is there");
        let urls: Value = serde_json::from_str(&urls).expect("it is JSON");
        let admin = urls["plain_rest_url"].as_str().expect("an address").to_owned();
        Self {
            child: Some(child),
            admin,
            dir: dir.to_owned(),
            is_faulty: Cell::new(false),
            struck_before: Cell::new(0),
        }
    }

    /// The process.
    pub(crate) fn child(&self) -> &Child {
        self.child.as_ref().expect("the venue runs")
    }

    /// Asks the admin port.
    pub(crate) fn get(&self, path: &str) -> Value {
        let mut answer = ureq::get(format!("{}{path}", self.admin)).call();
        let answer = answer.as_mut().unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = answer.body_mut().with_config().limit(1 << 28).read_to_string().expect("text");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let request = ureq::post(format!("{}{path}", self.admin));
        let request = request.config().http_status_as_error(false).build();
        let mut answer = request
            .header("content-type", "application/json")
            .send(body.to_string())
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = answer.body_mut().read_to_string().expect("text");
        assert!(answer.status().is_success(), "{body} is refused: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Makes it misbehave (`venue::faults`).
    pub(crate) fn fault(&self, fault: Value) {
        self.is_faulty.set(true);
        self.post("/shrike/faults", &json!({ "add": [fault] }));
    }

    /// It behaves again.
    pub(crate) fn clear(&self) {
        if self.is_faulty.take() {
            self.post("/shrike/faults", &json!({ "clear": true }));
            self.struck_before.set(self.all_struck());
        }
    }

    /// How often its faults struck since they were cleared last.
    pub(crate) fn struck(&self) -> u64 {
        self.all_struck() - self.struck_before.get()
    }

    fn all_struck(&self) -> u64 {
        self.get("/shrike/faults")["struck_total"].as_u64().expect("the venue counts them")
    }

    /// Requests that came while their sender was banned, since the venue started.
    pub(crate) fn refused_by_ban(&self) -> u64 {
        self.get("/shrike/stats")["called_while_banned"].as_u64().expect("the venue counts them")
    }

    /// Everything that happened to the account.
    pub(crate) fn ledger(&self) -> Value {
        self.get("/shrike/ledger")
    }

    /// Ends it; the ledger it leaves.
    pub(crate) fn finish(&mut self) -> Value {
        let mut child = self.child.take().expect("the venue runs");
        signal(&child, "TERM");
        let said = || tail(&self.dir.join("venue.out"));
        let status = ended(&mut child, "the venue", said);
        assert!(status.success(), "venue {status}:\n{}", said());
        let ledger = std::fs::read_to_string(self.dir.join("venue/ledger.json"));
        let ledger = ledger.expect("the venue left its ledger");
        serde_json::from_str(&ledger).expect("it is JSON")
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
