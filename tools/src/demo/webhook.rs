//! Where a demo's alerts arrive: a receiver of Alertmanager's webhook format on loopback.
//!
//! Alertmanager posts to `/alertmanager`, guard to `/guard`, so that the path says who brought an
//! alert. Each message is kept as a line of a file; what it says is kept for screen and summary.
//! Nothing is answered but that it was taken: no command comes this way.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::exit::{Exit, Failure};

/// Largest message taken, bytes.
const BODY_MAX: usize = 1 << 20;
/// Longest line of a request's head, bytes.
const LINE_MAX: u64 = 8_192;
/// A sender that says nothing for so long is left.
const PATIENCE: Duration = Duration::from_secs(5);
/// Alerts kept.
const KEPT: usize = 256;

/// One alert as a person would have got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    /// When, Unix ms.
    pub(super) at_ms: i64,
    /// `alertmanager` or `guard`.
    pub(super) by: String,
    /// `ShrikeKilled` …
    pub(super) name: String,
    /// `firing` or `resolved`.
    pub(super) status: String,
    /// `critical` or `warning`.
    pub(super) severity: String,
    /// One line.
    pub(super) summary: String,
    /// Figures.
    pub(super) description: String,
}

/// The receiver; its thread ends with the process.
#[derive(Debug)]
pub(super) struct Webhook {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Webhook {
    /// Listens on a free port; messages go to `file`, one a line.
    ///
    /// # Errors
    /// No port, or the file cannot be made.
    pub(super) fn start(file: &Path) -> Result<Self, Failure> {
        let no_port = |error: std::io::Error| {
            Failure::new(Exit::Unavailable, format!("no port for alerts: {error}"), "")
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let mut lines = File::create(file).map_err(|error| Failure::file(file, &error))?;
        let received = Arc::new(Mutex::new(vec![]));
        let taken = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A sender that breaks off sends again.
                let Ok((path, body)) = take(&stream) else { continue };
                let alerts = alerts(&path, &body, chrono::Utc::now().timestamp_millis());
                let mut received = taken.lock().unwrap_or_else(PoisonError::into_inner);
                let room = KEPT.saturating_sub(received.len());
                received.extend(alerts.into_iter().take(room));
                // A full disk shows where it matters: journal, database and summary.
                let _ = writeln!(lines, "{body}");
            }
        });
        Ok(Self { address, received })
    }

    /// Where a sender of this name posts.
    pub(super) fn url(&self, by: &str) -> String {
        format!("http://{}/{by}", self.address)
    }

    /// What arrived so far, oldest first; an alert told again is told once.
    pub(super) fn received(&self) -> Vec<Received> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told: Vec<Received> = vec![];
        for alert in received.iter() {
            let newest = told.iter().rfind(|one| one.name == alert.name && one.by == alert.by);
            if newest.is_none_or(|one| one.status != alert.status) {
                told.push(alert.clone());
            }
        }
        told
    }
}

/// One request: its path and body, answered with 200.
fn take(stream: &TcpStream) -> std::io::Result<(String, String)> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.by_ref().take(LINE_MAX).read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.by_ref().take(LINE_MAX).read_line(&mut line)?;
        let (name, value) = line.split_once(':').unwrap_or((line.trim_end(), ""));
        if name.is_empty() {
            break;
        }
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let too_long = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let mut body = vec![0; Some(length).filter(|length| *length <= BODY_MAX).ok_or_else(too_long)?];
    reader.read_exact(&mut body)?;
    let mut answer = stream;
    answer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let body = String::from_utf8(body).map_err(|_| too_long())?;
    // One message a line, however it was laid out.
    Ok((path, body.replace(['\r', '\n'], " ")))
}

/// The alerts of one message.
fn alerts(path: &str, body: &str, at_ms: i64) -> Vec<Received> {
    let message: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = message["alerts"].as_array().into_iter().flatten();
    rows.map(|alert| Received {
        at_ms,
        by: path.trim_matches('/').to_owned(),
        name: text(&alert["labels"]["alertname"]),
        status: text(&alert["status"]),
        severity: text(&alert["labels"]["severity"]),
        summary: text(&alert["annotations"]["summary"]),
        description: text(&alert["annotations"]["description"]),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str, status: &str) -> String {
        serde_json::json!({ "version": "4", "alerts": [{
            "status": status,
            "labels": { "alertname": name, "severity": "critical" },
            "annotations": { "summary": "The kill switch is pressed.", "description": "x" },
        }] })
        .to_string()
    }

    #[test]
    fn what_is_posted_is_kept_and_a_repetition_is_told_once() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let file = dir.path().join("alerts.jsonl");
        let webhook = Webhook::start(&file).expect("a port");
        let post = |by: &str, name: &str, status: &str| {
            let sent = ureq::post(webhook.url(by)).send(&message(name, status));
            assert_eq!(sent.expect("taken").status(), 200);
        };
        post("alertmanager", "ShrikeKilled", "firing");
        post("alertmanager", "ShrikeKilled", "firing");
        post("guard", "ShrikeKilled", "firing");
        post("alertmanager", "ShrikeKilled", "resolved");
        let deadline = std::time::Instant::now() + PATIENCE;
        while webhook.received().len() < 3 && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        let told: Vec<String> = webhook
            .received()
            .iter()
            .map(|alert| format!("{} {} {}", alert.by, alert.name, alert.status))
            .collect();
        let expected = [
            "alertmanager ShrikeKilled firing",
            "guard ShrikeKilled firing",
            "alertmanager ShrikeKilled resolved",
        ];
        assert_eq!(told, expected);
        assert_eq!(webhook.received()[0].severity, "critical");
    }

    #[test]
    fn what_is_no_alert_harms_nothing() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let webhook = Webhook::start(&dir.path().join("alerts.jsonl")).expect("a port");
        let mut broken = TcpStream::connect(webhook.address).expect("listens");
        broken.write_all(b"POST /x HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n").expect("sent");
        drop(broken);
        assert!(ureq::post(webhook.url("guard")).send("not json").is_ok());
        assert!(webhook.received().is_empty());
        assert!(alerts("/guard", &message("A", "firing"), 5)[0].by == "guard");
    }
}
