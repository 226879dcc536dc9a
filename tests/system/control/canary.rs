//! No secret anywhere but in its file: a whole run with faults, a panic, crashes and a kill, and
//! then every byte that is left of it is searched.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use persist::testing::Postgres;
use schema::TradingState;
use serde_json::json;

use super::inbox::Inbox;
use crate::chaos::harness::System;
use crate::chaos::setup::{Database, Setup};
use crate::processes::{binary, ended, segments, signal, spawn, text};

/// What each made-up secret begins with; the venue's keys are what it made.
const CANARY: &str = "CANARY5b1e77c09d";

/// A secret: what it is, its text, and the file it may stand in.
struct Secret {
    name: &'static str,
    text: String,
    file: PathBuf,
}

/// Writes a made-up secret to a file of mode 0600.
fn make(dir: &Path, name: &'static str, before: &str, after: &str) -> Secret {
    let (text, file) = (format!("{CANARY}{name}"), dir.join(name));
    std::fs::write(&file, format!("{before}{text}{after}\n")).expect("a temporary folder");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("own file");
    Secret { name, text, file }
}

/// Secrets that the venue made and wrote to files.
fn keys(system: &System) -> Vec<Secret> {
    let names = ["api_key", "api_secret", "guard_api_key", "guard_api_secret"];
    let read = |name: &'static str| {
        let file = system.path("venue").join(name);
        let text = std::fs::read_to_string(&file).expect("the venue wrote it").trim().to_owned();
        assert!(text.len() >= 32, "{name} is no key");
        Secret { name, text, file }
    };
    names.map(read).into()
}

/// Every file below a folder.
fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files(&path, out);
        } else {
            out.push(path);
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Everything that was looked at, and what was found in it.
#[derive(Default)]
struct Search {
    bytes: usize,
    places: usize,
    found: Vec<String>,
}

impl Search {
    fn look(&mut self, place: &str, bytes: &[u8], secrets: &[Secret]) {
        self.places += 1;
        self.bytes += bytes.len();
        let is_its_file = |secret: &Secret| secret.file == Path::new(place);
        let found = secrets.iter().filter(|s| !is_its_file(s) && holds(bytes, &s.text));
        self.found.extend(found.map(|secret| format!("{} in {place}", secret.name)));
    }
    fn file(&mut self, path: &Path, secrets: &[Secret]) {
        // A file may go while it is looked for, as a log does that is rotated.
        if let Ok(bytes) = std::fs::read(path) {
            self.look(&path.display().to_string(), &bytes, secrets);
        }
    }
    /// What everybody on the host may see of a process.
    fn process(&mut self, child: &Child, secrets: &[Secret]) {
        for name in ["cmdline", "environ", "comm", "maps"] {
            self.file(Path::new(&format!("/proc/{}/{name}", child.id())), secrets);
        }
    }
}

/// A process of the test, ended when dropped.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets a process that crashes leave its memory in a file.
fn allow_core(child: &Child) {
    let mut command = Command::new("prlimit");
    command.args(["--core=unlimited", &format!("--pid={}", child.id())]);
    assert!(command.status().is_ok_and(|status| status.success()), "prlimit");
}

/// Crashes a process; a core would be left in the folder it was started in.
fn crash(child: &mut Child, name: &str, system: &System) {
    use std::os::unix::process::ExitStatusExt as _;
    allow_core(child);
    signal(child, "ABRT");
    let status = ended(child, name, || system.said());
    assert!(status.signal().is_some(), "{name}: {status}");
    assert!(!status.core_dumped(), "{name} left its memory in a file");
}

#[test]
fn no_secret_is_left_anywhere_but_in_its_file() {
    let secrets_dir = tempfile::tempdir().expect("a temporary folder");
    let dir = secrets_dir.path();
    let (hook, inbox) = (Inbox::start(), Inbox::start());
    let server = Postgres::start();
    let plain = server.database("canary");
    let with_password = |text: &str| plain.replacen("shrike@", &format!("shrike:{text}@"), 1);
    let (before, after) = {
        let url = with_password("|");
        let (before, after) = url.split_once('|').expect("two parts");
        (before.to_owned(), after.to_owned())
    };
    let mut secrets = vec![
        make(dir, "webhook_token", "", ""),
        make(dir, "slack_url", &format!("{}/", inbox.url()), ""),
        make(dir, "telegram_token", "1:", ""),
        make(dir, "mail_password", "", ""),
        make(dir, "database_password", &before, &after),
    ];
    let file = |name: &str| dir.join(name).display().to_string();
    let mut system = Setup::new("canary")
        .database(Database::None)
        .chaos_trader()
        .guarded()
        .set("log.console_level", "debug")
        // Nobody listens: people are told directly.
        .alert("kind = \"alertmanager\"\nurl = \"http://127.0.0.1:9\"")
        .alert(&format!(
            "kind = \"webhook\"\nurl = \"{}\"\ntoken_file = \"{}\"",
            hook.url(),
            file("webhook_token")
        ))
        .alert(&format!("kind = \"slack\"\nurl_file = \"{}\"", file("slack_url")))
        .alert(&format!(
            "kind = \"telegram\"\nurl = \"{}\"\nchat_id = \"-1\"\ntoken_file = \"{}\"",
            inbox.url(),
            file("telegram_token")
        ))
        // No mail server listens there: what went wrong is logged.
        .alert(&format!(
            "kind = \"email\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"none\"\nuser = \"u\"\n\
             password_file = \"{}\"\nfrom = \"a@example.com\"\nto = \"b@example.com\"",
            file("mail_password")
        ))
        .start();
    secrets.extend(keys(&system));
    let mut writer = Command::new(binary("persist"));
    writer.args(["--instance", system.instance(), "--verbose", "--database-url-file"]);
    writer.arg(file("database_password")).arg("--log-dir").arg(system.path("log"));
    let mut writer = Owned(spawn(&mut writer, &system.path(""), "writer"));
    let mut recorder = Command::new(binary("shrike"));
    recorder.args(["record", "--wait", "--instance", system.instance(), "--out"]);
    let out = system.path("run.rec");
    let mut recorder = Owned(spawn(recorder.arg(out), &system.path(""), "record"));
    system.armed();
    system.trades(3);
    system.start_metrics();
    let mut search = Search::default();
    for child in [system.trader(), system.guard(), &writer.0, &recorder.0] {
        search.process(child, &secrets);
    }

    // Faults whose errors quote what was asked.
    for fault in [
        // Once: more would press the kill switch.
        json!({ "kind": "http_error", "where": { "path": "openOrders" }, "count": 1 }),
        json!({ "kind": "listen_key_expired" }),
        json!({ "kind": "cut", "where": { "route": "private" }, "count": 1 }),
    ] {
        system.venue.fault(fault);
    }
    system.trades(3);
    system.venue.clear();
    // A panic of the trader, and crashes of those that hold secrets too.
    system.kill_trader();
    let at = "order_written:2=panic".to_owned();
    system.start_trader_with(&[("SHRIKE_CRASH_AT".to_owned(), at)]);
    allow_core(system.trader());
    system.trader_ended();
    system.start_trader();
    system.armed();
    search.look("/metrics", system.scrape().as_bytes(), &secrets);
    for words in [["status", "--reconcile"], ["risk", "--json"], ["doctor", "--json"]] {
        let mut command = Command::new(binary("shrike"));
        command.args(words).args(["--instance", system.instance()]);
        let output = command.output().expect("shrike starts");
        search.look(&format!("shrike {}", words.join(" ")), text(&output).as_bytes(), &secrets);
    }
    // The kill switch, told to people past the Alertmanager that is not there.
    signal(system.guard(), "USR1");
    system.reaches(TradingState::Killed);
    hook.until("ShrikeKilled", true);
    for path in ["/bot1:", &format!("/{CANARY}slack_url")] {
        system.until("Slack and Telegram are told", |_| {
            inbox.all().iter().any(|(head, _)| head.starts_with(&format!("POST {path}")))
        });
    }
    for (name, inbox) in [("webhook", &hook), ("Slack and Telegram", &inbox)] {
        for (_, body) in inbox.all() {
            search.look(&format!("a message to {name}"), body.as_bytes(), &secrets);
        }
    }
    search.look("/metrics", system.scrape().as_bytes(), &secrets);
    crash(&mut writer.0, "persist", &system);
    let mut guard = Owned(system.take_guard());
    crash(&mut guard.0, "guard", &system);
    signal(&recorder.0, "TERM");
    ended(&mut recorder.0, "record", || system.said());

    // What is left on the disk and in shared memory, the database's own files included.
    let mut all = segments(system.instance());
    assert!(all.len() >= 6, "segments: {all:?}");
    files(&system.path(""), &mut all);
    files(&server.folder(), &mut all);
    for path in &all {
        search.file(path, &secrets);
    }
    let working_folder = std::env::current_dir().expect("a folder");
    for entry in std::fs::read_dir(working_folder).expect("readable").flatten() {
        if entry.file_name().to_string_lossy().starts_with("core") && entry.path().is_file() {
            search.file(&entry.path(), &secrets);
        }
    }
    assert!(search.found.is_empty(), "{:#?}", search.found);
    println!("{} secrets in {} places, {} bytes", secrets.len(), search.places, search.bytes);

    // The search finds: the files that were searched are those that would hold one.
    let looked = |name: &str| all.iter().any(|path| path.ends_with(name));
    for name in ["log/shrike.log", "guard.out", "trader.out", "writer.out", "run.rec"] {
        assert!(looked(name), "{name} was not searched: {all:#?}");
    }
    let planted = system.path("guard.out");
    let mut text = std::fs::read(&planted).expect("it is there");
    text.extend_from_slice(secrets[0].text.as_bytes());
    std::fs::write(&planted, text).expect("own file");
    search.file(&planted, &secrets);
    assert_eq!(search.found.len(), 1, "a planted secret is found");
}
