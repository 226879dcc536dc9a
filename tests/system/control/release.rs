//! Releases, probation and roll-back: real processes under `shrike up --releases`.
//!
//! The releases are this build's programs; a bad one has a program behind a small script, another
//! strategy in its own `config/`, or a venue that misbehaves as long as it is current.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use rings::{Ring, latest};
use schema::{LAYOUT_HASH, Status, TradingState};
use serde_json::{Value, json};

use crate::chaos::records::Records;
use crate::chaos::setup::Setup;
use crate::chaos::venue::Venue;
use crate::ledgers;
use crate::processes::{Place, binary, ended, segments, signal, spawn, tail, text, until_or};

/// Programs of a release.
const PROGRAMS: [&str; 5] = ["trader", "guard", "persist", "metrics", "shrike"];

/// A system that `shrike up` runs from its releases.
struct Desk {
    venue: Venue,
    setup: Setup,
    config: PathBuf,
    up: Option<Child>,
    /// When a person armed it, Unix ms.
    resumed_ms: std::cell::Cell<i64>,
    dir: tempfile::TempDir,
    _place: Place,
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(mut up) = self.up.take() {
            // Its children end with it: SIGTERM, as it was asked of the kernel.
            let _ = up.kill();
            let _ = up.wait();
        }
        self.venue.kill();
        for path in segments(self.setup.instance()) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Starting and changing.
impl Desk {
    /// With the release `good` running, and good.
    fn new(row: &str, change: impl FnOnce(Setup) -> Setup) -> Self {
        let place = Place::shared();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let setup = Setup::new(row)
            .guarded()
            .set("start.enabled", false)
            .set("account.reconcile_every_ms", 2_000)
            .set("release.reconcile_s", 8)
            .set("release.probation_s", 1);
        let setup = change(setup);
        let (venue, config) = setup.place(dir.path(), "demo.toml");
        let mut desk = Self {
            venue,
            setup,
            config,
            up: None,
            resumed_ms: std::cell::Cell::new(i64::MAX),
            dir,
            _place: place,
        };
        desk.source("good", &[], "");
        let first = desk.deploy("good", 1);
        assert!(first.status.success(), "{}", text(&first));
        assert!(text(&first).contains("nobody runs it"), "{}", text(&first));
        desk.start();
        desk.until("the first release is good", |desk| desk.linked("last-good") == "good");
        desk
    }

    /// Starts `shrike up`.
    fn start(&mut self) {
        let mut command = Command::new(binary("shrike"));
        command.arg("up").arg("--config").arg(&self.config).arg("--releases").arg(self.root());
        command.current_dir(self.dir.path());
        self.up = Some(spawn(&mut command, self.dir.path(), "up"));
    }

    /// A folder to deploy from: this build's programs, some of them replaced by scripts.
    fn source(&self, id: &str, scripts: &[(&str, String)], strategy: &str) {
        let bin = self.dir.path().join("from").join(id).join("bin");
        std::fs::create_dir_all(&bin).expect("a folder");
        for name in PROGRAMS {
            let Some((_, script)) = scripts.iter().find(|(of, _)| *of == name) else {
                symlink(binary(name), bin.join(name)).expect("a link");
                continue;
            };
            symlink(binary(name), bin.join(format!("{name}.real"))).expect("a link");
            let path = bin.join(name);
            let ask = "case \"$1\" in --version|check-config|--check) \
                       exec \"$(dirname \"$0\")/NAME.real\" \"$@\";; esac";
            let text = format!("#!/bin/sh\n{}\n{script}\n", ask.replace("NAME", name));
            std::fs::write(&path, text).expect("a script");
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&path, mode).expect("its mode");
        }
        // Releases differ by this at least.
        let config = bin.with_file_name("config");
        std::fs::create_dir_all(&config).expect("a folder");
        std::fs::write(config.join("notes"), id).expect("a file");
        if !strategy.is_empty() {
            std::fs::write(config.join("demo.toml"), strategy).expect("a file");
        }
    }

    /// `shrike release VERB …`.
    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(binary("shrike"));
        command.args(["release", verb]).arg("--config").arg(&self.config);
        command.arg("--releases").arg(self.root());
        command.stdin(Stdio::null()).env_remove("DATABASE_URL");
        command
    }

    fn deploying(&self, id: &str, probation_s: u64) -> Command {
        let mut command = self.command("deploy");
        command.arg(self.dir.path().join("from").join(id)).arg("--yes");
        command.args(["--probation", &probation_s.to_string()]);
        command
    }

    fn deploy(&self, id: &str, probation_s: u64) -> Output {
        self.deploying(id, probation_s).output().expect("shrike starts")
    }
}

/// What is so.
impl Desk {
    fn root(&self) -> PathBuf {
        self.dir.path().join("opt")
    }

    /// What a link points to; empty if it is not there.
    fn linked(&self, name: &str) -> String {
        let target = std::fs::read_link(self.root().join(name)).unwrap_or_default();
        target.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn state(&self) -> Option<TradingState> {
        let name = self.setup.instance();
        if !rings::is_writer_alive(name, Ring::Status) {
            return None;
        }
        let reader = latest::Reader::<Status>::open(name, Ring::Status, LAYOUT_HASH).ok()?;
        let (_, status) = reader.load()?;
        TradingState::from_u8(status.trading_state as u8)
    }

    /// The change under way.
    fn change(&self) -> Option<Value> {
        let text = std::fs::read_to_string(self.root().join("state.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.root().join("releases.jsonl")).expect("a record");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    fn said(&self) -> String {
        let audit = std::fs::read_to_string(self.root().join("releases.jsonl")).unwrap_or_default();
        let latch = std::fs::read_to_string(self.dir.path().join("state/killed"));
        let latch = latch.unwrap_or_default();
        let up = std::fs::read_to_string(self.dir.path().join("up.out")).unwrap_or_default();
        let is_told = |line: &&str| line.starts_with("shrike") || line.starts_with("guard");
        let told: Vec<&str> = up.lines().filter(is_told).collect();
        let (told, state) = (told.join("\n"), self.state_text());
        format!("{}\n{told}\n{state}\n{latch}\n{audit}", tail(&self.dir.path().join("up.out")))
    }

    fn state_text(&self) -> String {
        format!("state {:?}, change {:?}", self.state(), self.change())
    }

    #[track_caller]
    fn until(&self, what: &str, mut is_true: impl FnMut(&Self) -> bool) {
        until_or(what, || is_true(self), || self.said());
    }

    fn trades(&self) -> usize {
        ledgers::list(&self.venue.ledger(), "fills").len()
    }
}

/// What must be so.
impl Desk {
    /// Deploys a bad release: it must be taken back for this reason, and nothing be armed after.
    #[track_caller]
    fn is_taken_back(&self, id: &str, probation_s: u64, why: &str) {
        let output = self.deploy(id, probation_s);
        self.was_taken_back(id, &output, why);
    }

    #[track_caller]
    fn was_taken_back(&self, id: &str, output: &Output, why: &str) {
        let all = format!("{}\n{}", text(output), self.said());
        assert_eq!(output.status.code(), Some(1), "{all}");
        let audit = self.audit();
        let failed: Vec<&Value> = audit
            .iter()
            .filter(|line| line["what"] == "failed" && line["release"] == *id)
            .collect();
        assert_eq!(failed.len(), 1, "once: {all}");
        let told = failed[0]["why"].as_str().unwrap_or_default();
        assert!(told.contains(why), "{told}, not {why}\n{all}");
        assert_eq!(audit.last().expect("lines")["what"], "rolled_back", "{all}");
        assert_eq!((&*self.linked("current"), &*self.linked("last-good")), ("good", "good"));
        assert_eq!(self.change(), None, "{all}");
        assert_eq!(self.state(), Some(TradingState::Halted), "{all}");
        println!("{id}: {told}");
    }

    /// A person arms what came back.
    fn resume(&self) {
        self.resumed_ms.set(now_ms());
        let mut command = Command::new(binary("shrike"));
        command.args(["resume", "--yes", "--instance", self.setup.instance()]);
        let output = command.stdin(Stdio::null()).output().expect("shrike starts");
        assert!(output.status.success(), "{}\n{}", text(&output), self.said());
    }

    /// Ends it all; no order was lost, doubled, or opened between disarm and arm.
    fn finish(mut self) {
        let mut up = self.up.take().expect("it runs");
        signal(&up, "TERM");
        let status = ended(&mut up, "shrike up", || self.said());
        assert!(status.success(), "{status}\n{}", self.said());
        let ledger = self.venue.finish();
        ledgers::assert_every_order_ended_once(&ledger);
        Records::read(self.setup.instance()).assert_no_risk_was_added_unarmed();
        let closed = disarmed(&self.audit(), self.resumed_ms.get());
        assert!(!closed.is_empty());
        for order in ledgers::list(&ledger, "orders") {
            let at = order["time_ms"].as_i64().expect("a time");
            let is_opening = order["reduce_only"] == json!(false);
            let is_closed = closed.iter().any(|(from, to)| (*from..*to).contains(&at));
            assert!(!(is_opening && is_closed), "between disarm and arm: {order}");
        }
        let database = self.dir.path().join(format!("{}.sqlite", self.setup.instance()));
        let database = rusqlite::Connection::open(database).expect("it opens");
        ledgers::assert_agree(&ledger, &database);
    }
}

/// Times in which nothing may be opened, ms: from a confirmed halt to the step that arms.
fn disarmed(audit: &[Value], resumed_ms: i64) -> Vec<(i64, i64)> {
    let mut found: Vec<(i64, i64)> = vec![];
    for line in audit.iter().filter(|line| line["what"] == "step") {
        let at = line["at"].as_str().expect("a time");
        let at = unix_ms(at);
        let is_open = found.last().is_some_and(|(_, to)| *to == i64::MAX);
        match line["step"].as_str() {
            // A person armed it meanwhile, which is not of the record's knowledge.
            Some("disarm") if is_open && resumed_ms < at => {
                found.last_mut().expect("it is open").1 = resumed_ms;
            }
            Some("cancel" | "swap") if !is_open => found.push((at, i64::MAX)),
            Some("arm") if is_open => found.last_mut().expect("it is open").1 = at,
            _ => {}
        }
    }
    // What came back is armed by a person, if by anybody.
    if let Some((_, to)) = found.last_mut().filter(|(_, to)| *to == i64::MAX) {
        *to = resumed_ms;
    }
    found
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_millis()).expect("in range")
}

/// Milliseconds of the day of `…THH:MM:SS.mmmZ`, on the day of the Unix time now.
fn unix_ms(text: &str) -> i64 {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().expect("digits");
    let of_day = ((number(11, 13) * 60 + number(14, 16)) * 60 + number(17, 19)) * 1_000;
    let of_day = of_day + number(20, 23);
    let now = now_ms();
    let day = 86_400_000;
    let at = now - now % day + of_day;
    if at > now + day / 2 { at - day } else { at }
}

/// A place that hears what people are told.
fn listen() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/page", listener.local_addr().expect("an address"));
    let heard = Arc::new(Mutex::new(String::new()));
    let all = Arc::clone(&heard);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = vec![0; 1 << 16];
            let mut text = String::new();
            while !is_whole(&text) {
                match stream.read(&mut bytes) {
                    Ok(count) if count > 0 => text += &String::from_utf8_lossy(&bytes[..count]),
                    _ => break,
                }
            }
            all.lock().expect("whole").push_str(&text);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (url, heard)
}

/// Whether all of an HTTP request is there.
fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_none_or(|length| body.len() >= length)
}

#[test]
fn what_does_not_start_or_reconcile_is_taken_back_and_people_are_paged() {
    let (url, heard) = listen();
    let desk = Desk::new("relstart", |setup| {
        setup.alert(&format!("kind = \"webhook\"\nurl = \"{url}\"\n"))
    });
    desk.source("crashes", &[("trader", "exit 101".to_owned())], "");
    desk.is_taken_back("crashes", 60, "crash loop");
    let heard = || heard.lock().expect("whole").clone();
    desk.until("a page", |_| heard().contains("ShrikeRolledBack"));
    // It hangs before it has asked the venue for anything.
    desk.source("hangs", &[("trader", "exec sleep 600".to_owned())], "");
    desk.is_taken_back("hangs", 60, "no reconciliation within 8 s");
    desk.finish();
}

#[test]
fn what_does_not_belong_together_is_never_armed() {
    let desk = Desk::new("relmixed", |setup| setup);
    let other = desk.root().join("releases/good/bin/persist");
    desk.source("mixed", &[("persist", format!("exec {} \"$@\"", other.display()))], "");
    desk.is_taken_back("mixed", 60, "build mismatch: persist");
    let armed = desk.audit().into_iter().filter(|line| line["step"] == "arm");
    assert_eq!(armed.count(), 1, "only the good one: {}", desk.said());
    let closed = Records::read(desk.setup.instance()).newest();
    desk.resume();
    let before = desk.trades();
    desk.until("it trades again", |desk| desk.trades() > before + 2);
    assert!(Records::read(desk.setup.instance()).decisions_after(closed).count() > 0);
    desk.finish();
}

/// As long as `id` is current, the venue has this fault.
fn faulty(desk: &Desk, id: &str, fault: Value, why: &str) {
    let mut command = desk.deploying(id, 60);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("shrike starts");
    desk.until("it is current", |desk| desk.linked("current") == id);
    desk.venue.fault(fault);
    desk.until("it is not current", |desk| desk.linked("current") == "good");
    desk.venue.clear();
    let output = child.wait_with_output().expect("it ends");
    desk.was_taken_back(id, &output, why);
}

#[test]
fn what_asks_wrongly_is_taken_back() {
    let desk = Desk::new("relwrong", |setup| setup);
    desk.source("wrong", &[], "");
    let fault = json!({"kind": "answer", "where": {"method": "place"}, "code": -1102});
    faulty(&desk, "wrong", fault, "failed requests");
    desk.finish();
}

#[test]
fn what_is_slow_is_taken_back() {
    let desk = Desk::new("relslow", |setup| setup);
    desk.source("slow", &[], "");
    let fault = json!({"kind": "delay_reply", "where": {"method": "place"}, "ms": 1_300});
    faulty(&desk, "slow", fault, "latency p99");
    desk.finish();
}

#[test]
fn what_loses_money_is_taken_back() {
    let desk = Desk::new("relloss", |setup| setup.set("release.drawdown_ppm_max", 1_000));
    let strategy = "[strategy]\nname = \"test\"\nstyle = \"ioc\"\ninterval_ms = 50\nhold_ms = 20\n\
                    order_notional_usdt = 5000\n";
    desk.source("loses", &[], strategy);
    desk.is_taken_back("loses", 60, "drawdown");
    desk.finish();
}

#[test]
fn what_passes_its_probation_is_the_last_good_and_a_person_can_go_back() {
    let desk = Desk::new("relgood", |setup| setup);
    desk.source("better", &[], "");
    let output = desk.deploy("better", 2);
    assert!(output.status.success(), "{}\n{}", text(&output), desk.said());
    assert_eq!((&*desk.linked("current"), &*desk.linked("last-good")), ("better", "better"));
    assert_eq!(desk.state(), Some(TradingState::Armed), "{}", desk.said());
    // Back by hand: halted, and never armed by itself.
    let mut command = desk.command("rollback");
    let output = command.args(["--to", "good", "--yes", "--reason", "a drill"]).output();
    let output = output.expect("shrike starts");
    assert!(output.status.success(), "{}\n{}", text(&output), desk.said());
    assert_eq!((&*desk.linked("current"), desk.state()), ("good", Some(TradingState::Halted)));
    is_listed_and_damage_is_named(&desk);
    desk.finish();
}

#[test]
fn a_person_goes_back_within_a_probation_and_what_is_halted_stays_halted() {
    let desk = Desk::new("relback", |setup| setup);
    desk.source("doubted", &[], "");
    let mut deploying = spawn(&mut desk.deploying("doubted", 3_600), desk.dir.path(), "deploy");
    desk.until("its probation", |desk| {
        desk.change().is_some_and(|change| change["step"] == "probation")
    });
    let mut command = desk.command("rollback");
    let output = command.args(["--yes", "--reason", "it quotes wrongly"]).output();
    let output = output.expect("shrike starts");
    assert!(output.status.success(), "{}\n{}", text(&output), desk.said());
    let ended = deploying.wait().expect("it is ours");
    assert_eq!(ended.code(), Some(75), "{}", tail(&desk.dir.path().join("deploy.out")));
    assert_eq!((&*desk.linked("current"), desk.state()), ("good", Some(TradingState::Halted)));
    assert_eq!(desk.change(), None, "{}", desk.said());
    // A person halts it; another release does not let it trade again.
    desk.resume();
    let mut halt = Command::new(binary("shrike"));
    let halt = halt.args(["halt", "--instance", desk.setup.instance()]).output();
    assert!(halt.expect("shrike starts").status.success());
    let output = desk.deploy("doubted", 1);
    assert!(output.status.success(), "{}\n{}", text(&output), desk.said());
    assert!(text(&output).contains("not armed"), "{}", text(&output));
    assert_eq!((&*desk.linked("current"), &*desk.linked("last-good")), ("doubted", "good"));
    assert_eq!(desk.state(), Some(TradingState::Halted), "{}", desk.said());
    desk.finish();
}

fn is_listed_and_damage_is_named(desk: &Desk) {
    let list = |expected: i32| {
        let output = desk.command("list").output().expect("shrike starts");
        assert_eq!(output.status.code(), Some(expected), "{}", text(&output));
        text(&output)
    };
    let all = list(0);
    assert!(all.contains("better") && all.contains("last good"), "{all}");
    let path = desk.root().join("releases/better/config/notes");
    std::fs::write(&path, "other words").expect("it can be written");
    assert!(list(65).contains("config/notes has changed"));
    let output = desk.command("status").arg("--json").output().expect("shrike starts");
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&status["current"], &status["change"]), (&json!("good"), &Value::Null));
}

/// Kills a deployment once it has written this step down.
fn killed_at(desk: &Desk, id: &str, step: &str) {
    let path = desk.dir.path().join("deploy.out");
    let mut child = spawn(&mut desk.deploying(id, 1), desk.dir.path(), "deploy");
    let is_at = |desk: &Desk| desk.change().is_some_and(|change| change["step"] == *step);
    let said = || format!("{}\n{}", tail(&path), desk.said());
    while !is_at(desk) {
        let status = child.try_wait().expect("the child can be asked");
        assert!(status.is_none(), "ended before {step}: {status:?}\n{}", said());
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
    child.kill().expect("it runs");
    child.wait().expect("it is ours");
}

/// Kills a deployment at each of these steps; each must go on to its end, and no order be lost.
/// Starts cost weight, and the venue allows so much of it a minute: few steps a venue.
fn killed_at_each(row: &str, steps: &[&str]) {
    let desk = Desk::new(row, |setup| setup);
    desk.source("even", &[], "");
    for (at, step) in steps.iter().enumerate() {
        let id = ["even", "good"][at % 2];
        killed_at(&desk, id, step);
        // The watch of `shrike up` may have taken it over: then this waits for it.
        let output = desk.command("resume").output().expect("shrike starts");
        assert!(output.status.success(), "{step}: {}\n{}", text(&output), desk.said());
        assert_eq!((&*desk.linked("current"), &*desk.linked("last-good")), (id, id), "{step}");
        assert_eq!(desk.change(), None, "{step}");
        assert_eq!(desk.state(), Some(TradingState::Armed), "{step}: {}", desk.said());
        println!("killed at {step}: {id} is current, good and armed");
    }
    desk.finish();
}

#[test]
fn a_deployment_killed_before_the_swap_goes_on_and_loses_no_order() {
    killed_at_each("relkill", &["disarm", "cancel", "reconcile"]);
}

#[test]
fn a_deployment_killed_in_the_swap_goes_on_and_loses_no_order() {
    killed_at_each("relswap", &["swap", "reconcile_new"]);
}

#[test]
fn a_deployment_killed_after_the_swap_goes_on_and_loses_no_order() {
    killed_at_each("relarm", &["arm", "probation"]);
}

#[test]
fn while_the_kill_switch_is_pressed_nothing_is_deployed() {
    let place = Place::shared();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let setup = Setup::new("rellatch").guarded().set("start.enabled", false);
    let (venue, config) = setup.place(dir.path(), "demo.toml");
    let desk = Desk {
        venue,
        setup,
        config,
        up: None,
        resumed_ms: std::cell::Cell::new(i64::MAX),
        dir,
        _place: place,
    };
    desk.source("good", &[], "");
    let latch = desk.dir.path().join("state/killed");
    std::fs::create_dir_all(latch.parent().unwrap_or(Path::new("."))).expect("a folder");
    std::fs::write(&latch, "").expect("a latch");
    let output = desk.deploy("good", 1);
    assert_eq!(output.status.code(), Some(75), "{}", text(&output));
    assert!(text(&output).contains("kill switch is pressed"), "{}", text(&output));
    assert_eq!(desk.linked("current"), "");
}
