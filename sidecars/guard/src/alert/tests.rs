//! Alerts on their way: real sockets, and what arrives.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use schema::{KillStep, KillTrigger, RiskReason};
use serde_json::Value;

use super::*;

const SECRET: &str = "CANARY7f3a9c51e0d24b86";
const PATIENCE: Duration = Duration::from_secs(20);
const PACE: told::Pace =
    told::Pace { flap: Duration::from_millis(200), between: Duration::from_millis(50) };

/// One request as it came.
#[derive(Debug, Clone)]
struct Request {
    head: String,
    body: String,
}

impl Request {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// A server that keeps what it was sent.
struct Server {
    port: u16,
    got: Arc<Mutex<Vec<Request>>>,
    status: Arc<AtomicU64>,
}

impl Server {
    fn http() -> Self {
        Self::start(http)
    }
    fn smtp() -> Self {
        Self::start(smtp)
    }
    fn start(answer: fn(TcpStream, u64) -> Option<Request>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let status = Arc::new(AtomicU64::new(200));
        let (theirs, code) = (Arc::clone(&got), Arc::clone(&status));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(request) = answer(stream, code.load(Ordering::Relaxed)) {
                    theirs.lock().expect("no panic").push(request);
                }
            }
        });
        Self { port, got, status }
    }
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
    fn got(&self) -> Vec<Request> {
        self.got.lock().expect("no panic").clone()
    }
    /// Waits until some request is what is looked for.
    #[track_caller]
    fn wait(&self, what: &str, is_it: impl Fn(&Request) -> bool) -> Request {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(request) = self.got().into_iter().find(&is_it) {
                return request;
            }
            assert!(Instant::now() < until, "{what} did not come; got {:#?}", self.got());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Answers one request; a status of zero leaves it without an answer.
fn http(stream: TcpStream, status: u64) -> Option<Request> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
    })?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    if status == 0 {
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            drop(stream);
        });
    } else {
        // An answer that quotes what it was asked must not be repeated in a log.
        let text = format!("refused: {head}");
        let length = text.len();
        write!(
            { stream },
            "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}"
        )
        .ok()?;
    }
    Some(Request { head, body })
}

/// Takes one mail as a mail server does.
fn smtp(mut stream: TcpStream, _: u64) -> Option<Request> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut body) = (String::new(), String::new());
    stream.write_all(b"220 here\r\n").ok()?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line.starts_with("QUIT") {
            return Some(Request { head, body });
        }
        head.push_str(&line);
        let answer: &[u8] = match line.split_whitespace().next()? {
            "EHLO" => b"250-here\r\n250 AUTH PLAIN\r\n",
            "AUTH" => b"235 come in\r\n",
            "DATA" => {
                stream.write_all(b"354 go on\r\n").ok()?;
                while !body.ends_with("\r\n.\r\n") {
                    reader.read_line(&mut body).ok()?;
                }
                b"250 taken\r\n"
            }
            _ => b"250 yes\r\n",
        };
        stream.write_all(answer).ok()?;
    }
}

/// Every line of every library's log, the most talkative ones too.
static LINES: Mutex<String> = Mutex::new(String::new());

/// The log as a process has it that is asked for all there is.
fn keep_log() {
    let keep = fern::Output::call(|record| {
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_str(&format!("{} {}\n", record.target(), record.args()));
    });
    let log = quiet(fern::Dispatch::new().level(log::LevelFilter::Trace)).chain(keep);
    // Another test may have been first with the same.
    let _ = log.apply();
}

fn secret(dir: &Path, name: &str, text: &str) -> SecretFile {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("temp dir");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("own file");
    SecretFile::new(path)
}

fn about() -> About {
    About { environment: "demo".to_owned(), instance: "one".to_owned() }
}

fn start(channels: &[AlertChannel]) -> Alerts {
    Alerts::start_at(channels, &about(), PACE).expect("the channels are fine")
}

fn manager(server: &Server) -> AlertChannel {
    AlertChannel::Alertmanager { url: server.url(), token_file: None, ca_file: None }
}

fn webhook(server: &Server) -> AlertChannel {
    let url = Some(server.url());
    AlertChannel::Webhook { url, url_file: None, token_file: None, ca_file: None }
}

fn drawdown() -> Alert {
    Alert::new(AlertName::Drawdown, "Equity is 11 % below.").with("symbol", "BTCUSDT")
}

#[track_caller]
fn wait_counts(alerts: &Alerts, is_it: impl Fn(Counts) -> bool) {
    let until = Instant::now() + UNHEARD_AFTER + PATIENCE;
    while !is_it(alerts.counts()) {
        assert!(Instant::now() < until, "{:?}", alerts.counts());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn alertmanager_hears_of_an_alert_and_of_its_end() {
    let server = Server::http();
    let mut alerts = start(&[manager(&server)]);
    alerts.set(drawdown(), true);
    let request = server.wait("the alert", |_| true);
    assert!(request.head.starts_with("POST /api/v2/alerts "), "{}", request.head);
    let alert = &request.json()[0];
    let labels = &alert["labels"];
    assert_eq!(labels["alertname"], "ShrikeDrawdown");
    assert_eq!(labels["severity"], "critical");
    assert_eq!(labels["environment"], "demo");
    assert_eq!(labels["instance"], "one");
    assert_eq!(labels["symbol"], "BTCUSDT");
    assert_eq!(alert["annotations"]["description"], "Equity is 11 % below.");
    let time = |alert: &Value, key: &str| -> chrono::DateTime<chrono::Utc> {
        alert[key].as_str().expect("a time").parse().expect("RFC 3339")
    };
    assert!(time(alert, "endsAt") > chrono::Utc::now() + chrono::TimeDelta::minutes(4));
    alerts.set(drawdown(), false);
    let over =
        server.wait("its end", |request| time(&request.json()[0], "endsAt") <= chrono::Utc::now());
    assert_eq!(time(&over.json()[0], "startsAt"), time(alert, "startsAt"));
    let expected = Counts { delivered: 2, ..Counts::default() };
    wait_counts(&alerts, |counts| counts == expected);
}

#[test]
fn each_channel_is_told_directly_when_no_alertmanager_answers() {
    keep_log();
    let dir = tempfile::tempdir().expect("temp dir");
    let file = |name: &str, text: String| secret(dir.path(), name, &text);
    let (manager_server, hook, slack) = (Server::http(), Server::http(), Server::http());
    let (telegram, mail) = (Server::http(), Server::smtp());
    manager_server.status.store(503, Ordering::Relaxed);
    slack.status.store(403, Ordering::Relaxed);
    let channels = [
        AlertChannel::Alertmanager {
            url: manager_server.url(),
            token_file: Some(file("am", format!("{SECRET}am"))),
            ca_file: None,
        },
        AlertChannel::Webhook {
            url: Some(hook.url()),
            url_file: None,
            token_file: Some(file("hook", format!("{SECRET}hook"))),
            ca_file: None,
        },
        AlertChannel::Slack { url_file: file("slack", format!("{}/{SECRET}slack", slack.url())) },
        AlertChannel::Telegram {
            url: telegram.url(),
            token_file: file("telegram", format!("1:{SECRET}telegram")),
            chat_id: "-100".to_owned(),
        },
        AlertChannel::Email {
            host: "127.0.0.1".to_owned(),
            port: mail.port,
            tls: EmailTls::None,
            user: Some("desk".to_owned()),
            password_file: Some(file("mail", format!("{SECRET}mail"))),
            from: "shrike@example.com".to_owned(),
            to: vec!["desk@example.com".to_owned()],
            ca_file: None,
        },
    ];
    let shown = format!("{channels:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    let mut alerts = start(&channels);
    let shown = format!("{alerts:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    alerts.set(drawdown(), true);
    for is_on in [true, false] {
        alerts.set(drawdown(), is_on);
        let status = if is_on { "firing" } else { "resolved" };
        let word = if is_on { "CRITICAL: ShrikeDrawdown" } else { "OVER: ShrikeDrawdown" };
        let request = hook.wait("the webhook's", |r| r.json()["status"] == status);
        assert!(request.head.contains(&format!("Bearer {SECRET}hook")), "{}", request.head);
        assert_eq!(request.json()["alerts"][0]["labels"]["alertname"], "ShrikeDrawdown");
        if is_on {
            // A refusal is tried again.
            slack.wait("Slack's, refused", |_| true);
            slack.status.store(200, Ordering::Relaxed);
            slack.wait("Slack's, again", |_| slack.got().len() > 1);
        }
        let request = telegram.wait("Telegram's", |request| request.body.contains(word));
        let path = format!("POST /bot1:{SECRET}telegram/sendMessage ");
        assert!(request.head.starts_with(&path), "{}", request.head);
        assert_eq!(request.json()["chat_id"], "-100");
        let request = slack.wait("Slack's", |request| request.body.contains(word));
        assert!(request.head.starts_with(&format!("POST /{SECRET}slack ")), "{}", request.head);
        let request = mail.wait("the mail", |request| request.body.contains(word));
        assert!(request.head.contains("AUTH PLAIN"), "{}", request.head);
        assert!(request.head.contains("RCPT TO:<desk@example.com>"), "{}", request.head);
    }
    wait_counts(&alerts, |counts| {
        counts.delivered >= 8 && counts.failed >= 3 && counts.undelivered == 0
    });
    drop(alerts);
    // No body holds a secret, nor does any line of any library's log.
    for server in [&manager_server, &hook, &slack, &telegram, &mail] {
        assert!(server.got().iter().all(|request| !request.body.contains(SECRET)));
    }
    let lines = LINES.lock().expect("no panic").clone();
    assert!(lines.contains("cannot tell slack: refused with status 403"), "{lines}");
    let found: Vec<_> = lines.lines().filter(|line| line.contains(SECRET)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_channel_that_hangs_holds_up_neither_the_loop_nor_the_others() {
    let (hung, well) = (Server::http(), Server::http());
    hung.status.store(0, Ordering::Relaxed);
    let mut alerts = start(&[manager(&hung), webhook(&hung), webhook(&well)]);
    let begun = Instant::now();
    for round in 0..1_000 {
        let alert = drawdown().with("round", round.to_string());
        alerts.set(alert, true);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "the loop waited {:?}", begun.elapsed());
    // What did not fit was counted, and what fitted comes through.
    assert!(alerts.counts().undelivered > 0);
    well.wait("the alert", |request| request.body.contains("ShrikeDrawdown"));
}

#[test]
fn without_any_channel_an_alert_is_undelivered() {
    let mut alerts = start(&[]);
    alerts.set(drawdown(), true);
    let expected = Counts { on: 1, undelivered: 1, ..Counts::default() };
    wait_counts(&alerts, |counts| counts == expected);
}

#[test]
fn every_reason_and_a_stuck_kill_raise_their_alert_with_figures() {
    let mut risk = PortfolioRisk { equity: 5 * schema::SCALE, ..PortfolioRisk::default() };
    assert!(name::of_risk(&risk).all(|(_, is_on)| !is_on));
    for reason in RiskReason::ALL {
        risk.reasons = 1 << *reason as u64;
        let on: Vec<_> = name::of_risk(&risk).filter(|(_, is_on)| *is_on).collect();
        assert_eq!(on.len(), 1, "{reason}");
        assert_eq!(on[0].0.name, AlertName::of_reason(*reason));
        assert!(!on[0].0.description.is_empty(), "{reason}");
    }
    risk.reasons = 0;
    risk.kill_step = KillStep::Stuck as u64;
    risk.kill_trigger = KillTrigger::TraderLost as u64;
    let on: Vec<_> = name::of_risk(&risk).filter(|(_, is_on)| *is_on).collect();
    let names: Vec<_> = on.iter().map(|(alert, _)| alert.name).collect();
    assert_eq!(names, [AlertName::Killed, AlertName::KillStuck]);
    assert!(on[1].0.description.contains("trader_lost, step stuck"), "{}", on[1].0.description);
    assert!(on[1].0.description.contains("equity 5.00 USDT"), "{}", on[1].0.description);
}

#[track_caller]
fn check(text: &str, expected: Result<&str, &[&str]>) {
    let document = toml_edit::Document::parse(text).expect("TOML");
    let tables = document.get("alert").and_then(toml_edit::Item::as_array_of_tables);
    let table = tables.and_then(|tables| tables.get(0)).expect("a table");
    let read = AlertChannel::from_table(table);
    match expected {
        Ok(kind) => assert_eq!(read.expect("no mistake").kind(), kind),
        Err(expected) => {
            let bad = read.expect_err("mistakes");
            let what: Vec<_> = bad.iter().map(|bad| bad.what.as_str()).collect();
            assert_eq!(what, expected);
            assert!(bad.iter().all(|bad| !bad.remedy.is_empty() && bad.at < text.len()));
        }
    }
}

#[test]
fn each_kind_is_read_and_each_mistake_is_named() {
    check("[[alert]]\nkind='alertmanager'\nurl='http://am:9093'", Ok("alertmanager"));
    check("[[alert]]\nkind='webhook'\nurl='https://x/y'\ntoken_file='t'", Ok("webhook"));
    check("[[alert]]\nkind='webhook'\nurl_file='t'", Ok("webhook"));
    check("[[alert]]\nkind='slack'\nurl_file='t'", Ok("slack"));
    check("[[alert]]\nkind='telegram'\ntoken_file='t'\nchat_id='-1'", Ok("telegram"));
    check("[[alert]]\nkind='email'\nhost='h'\nfrom='a@b.c'\nto=['d@e.f','A <g@h.i>']", Ok("email"));
    check(
        "[[alert]]\nkind='email'\nhost='localhost'\ntls='none'\nfrom='a@b.c'\nto='d@e.f'",
        Ok("email"),
    );

    check("[[alert]]\nurl='https://x'", Err(&["alert.kind is missing"]));
    check("[[alert]]\nkind='pager'", Err(&["alert.kind = \"pager\" is not known"]));
    check("[[alert]]\nkind='alertmanager'", Err(&["alert.url is missing"]));
    check("[[alert]]\nkind='alertmanager'\nurl='am:9093'", Err(&["alert.url is no address"]));
    check(
        "[[alert]]\nkind='alertmanager'\nurl='http://am'\ntoken_file='t'",
        Err(&["alert.url would send a secret without encryption"]),
    );
    check(
        "[[alert]]\nkind='webhook'\nurl='https://a:b@x/'",
        Err(&["alert.url has a user or a password in it"]),
    );
    check("[[alert]]\nkind='webhook'", Err(&["alert needs either url or url_file"]));
    check(
        "[[alert]]\nkind='slack'\nwebhook='https://x'",
        Err(&["alert.url_file is missing", "alert.webhook is not a known key of kind slack"]),
    );
    check(
        "[[alert]]\nkind='telegram'\nchat_id='-1'\ntoken='1:x'",
        Err(&["alert.token_file is missing", "alert.token is not a known key of kind telegram"]),
    );
    check(
        "[[alert]]\nkind='email'\nhost='h'\ntls='none'\nfrom='a@b.c'\nto='d@e.f'",
        Err(&["alert.tls = \"none\" to another host"]),
    );
    check(
        "[[alert]]\nkind='email'\nhost='h'\nfrom='a'\nto=[]\nport=0\nuser='u'",
        Err(&[
            "alert.from = \"a\" is no mail address",
            "alert.to names nobody",
            "alert.port is no port",
        ]),
    );
}

#[test]
fn a_secret_open_to_others_or_empty_is_refused_with_a_remedy() {
    let dir = tempfile::tempdir().expect("temp dir");
    let open = secret(dir.path(), "open", SECRET);
    std::fs::set_permissions(open.path(), std::fs::Permissions::from_mode(0o644)).expect("own");
    let error = open.text().expect_err("mode 644").to_string();
    assert!(error.contains("chmod 600") && !error.contains(SECRET), "{error}");
    assert!(secret(dir.path(), "empty", " \n").text().is_err());
    assert_eq!(*secret(dir.path(), "well", "abc\n").text().expect("fine"), "abc");
    let start = Alerts::start(&[AlertChannel::Slack { url_file: open }], &about());
    assert!(start.is_err(), "told at the start, not when it is needed");
}

#[test]
fn finish_waits_until_what_is_on_its_way_was_taken() {
    let server = Server::http();
    let mut alerts = start(&[webhook(&server)]);
    alerts.set(Alert::new(AlertName::RolledBack, "r7 to r6"), true);
    alerts.finish(PATIENCE);
    assert!(server.got()[0].body.contains("ShrikeRolledBack"));
}
