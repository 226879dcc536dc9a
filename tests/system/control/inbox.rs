//! A web server that keeps what it is sent, and a real Alertmanager.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::processes::{spawn, tail, until_or};

/// Keeps every body posted to it, with the head before it.
pub(crate) struct Inbox {
    port: u16,
    got: Arc<Mutex<Vec<(String, String)>>>,
}

impl Inbox {
    /// A server that answers 200 to everything.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&got);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let got = Arc::clone(&theirs);
                std::thread::spawn(move || answer(stream, &got));
            }
        });
        Self { port, got }
    }
    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
    /// Every head and body so far.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Alerts in bodies of Alertmanager's shape: name and whether each was on.
    pub(crate) fn alerts(&self) -> Vec<(String, bool)> {
        let bodies =
            self.all().into_iter().filter_map(|(_, body)| serde_json::from_str(&body).ok());
        let alerts = |body: Value| body["alerts"].as_array().cloned().unwrap_or_default();
        let told = |alert: Value| {
            let name = alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned();
            (name, alert["status"] == "firing")
        };
        bodies.flat_map(alerts).map(told).collect()
    }
    /// Waits until an alert was told.
    pub(crate) fn until(&self, name: &str, is_on: bool) {
        let wanted = (name.to_owned(), is_on);
        until_or(
            &format!("{name} told, {}", if is_on { "firing" } else { "resolved" }),
            || self.alerts().contains(&wanted),
            || format!("told: {:?}", self.alerts()),
        );
    }
}

/// Answers requests on one connection.
fn answer(stream: TcpStream, got: &Mutex<Vec<(String, String)>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8_lossy(&body).into_owned();
        got.lock().unwrap_or_else(PoisonError::into_inner).push((head, body));
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").ok()?;
    }
}

/// Alertmanager as Debian has it, on a port of its own; what it tells goes to an [`Inbox`].
pub(crate) struct Alertmanager {
    child: Child,
    port: u16,
}

impl Alertmanager {
    /// Starts one and waits until it is ready. `cargo ci tools` installs it.
    pub(crate) fn start(dir: &Path, inbox: &Inbox) -> Self {
        let config = dir.join("alertmanager.yml");
        let text = format!(
            "route: {{ receiver: test, group_by: [alertname], group_wait: 0s, \
             group_interval: 1s }}\nreceivers:\n  - name: test\n    webhook_configs: \
             [{{ url: \"{}\", send_resolved: true }}]\n",
            inbox.url()
        );
        std::fs::write(&config, text).expect("a temporary folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let mut command = Command::new("prometheus-alertmanager");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.path={}", dir.join("alertmanager").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        // Alone: no cluster, no second port.
        command.arg("--cluster.listen-address=");
        let child = spawn(&mut command, dir, "alertmanager");
        let manager = Self { child, port };
        until_or(
            "Alertmanager is ready",
            || {
                let ready = ureq::get(format!("{}/-/ready", manager.url())).call();
                ready.is_ok_and(|answer| answer.status() == 200)
            },
            || tail(&dir.join("alertmanager.out")),
        );
        manager
    }
    /// Its origin.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
    /// What it holds: name and severity of every alert that is on.
    pub(crate) fn holds(&self) -> Vec<(String, String)> {
        let url = format!("{}/api/v2/alerts?active=true", self.url());
        let mut answer = ureq::get(url).call().expect("it answers");
        let text = answer.body_mut().read_to_string().expect("text");
        let alerts: Value = serde_json::from_str(&text).expect("JSON");
        let label = |alert: &Value, name: &str| {
            alert["labels"][name].as_str().unwrap_or_default().to_owned()
        };
        let all = alerts.as_array().cloned().unwrap_or_default();
        all.iter().map(|alert| (label(alert, "alertname"), label(alert, "severity"))).collect()
    }
    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.kill();
    }
}
