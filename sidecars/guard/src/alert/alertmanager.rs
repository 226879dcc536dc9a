//! Alertmanager: all alerts that are on, again and again (`POST /api/v2/alerts`).

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::board::Notice;
use super::http::{Http, SendError};
use super::{About, SecretFile};

/// Longest wait for it: it is near, and people must be told soon if it does not answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long an alert stays on there without word from here. Twenty times the time between two
/// posts; Prometheus gives its own alerts four times.
const END: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// One Alertmanager.
#[derive(Debug)]
pub(super) struct Alertmanager {
    http: Http,
    origin: String,
    token: Option<SecretFile>,
}

impl Alertmanager {
    pub(super) fn new(
        url: &str,
        token: Option<&SecretFile>,
        ca_file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        if let Some(token) = token {
            token.text()?;
        }
        let http = Http::new(ca_file, TIMEOUT)?;
        Ok(Self { http, origin: url.to_owned(), token: token.cloned() })
    }
    /// Its origin; no secret, as the configuration was checked.
    pub(super) fn shown(&self) -> &str {
        &self.origin
    }
    /// Tells it.
    pub(super) fn post(&self, body: &[u8]) -> Result<(), SendError> {
        let token = match &self.token {
            Some(token) => Some(token.text().map_err(|error| SendError::new(error.to_string()))?),
            None => None,
        };
        let url = format!("{}/api/v2/alerts", self.origin);
        self.http.post(&url, token.as_deref().map(String::as_str), body)
    }
}

/// The labels of an alert, those of all of ours included.
pub(super) fn labels(notice: &Notice, about: &About) -> Value {
    let mut labels = serde_json::Map::new();
    for (label, value) in &notice.alert.labels {
        labels.insert(label.clone(), json!(value));
    }
    labels.insert("alertname".to_owned(), json!(notice.alert.name.as_str()));
    labels.insert("severity".to_owned(), json!(notice.alert.severity.as_str()));
    labels.insert("environment".to_owned(), json!(about.environment));
    labels.insert("instance".to_owned(), json!(about.instance));
    labels.insert("job".to_owned(), json!("guard"));
    Value::Object(labels)
}

/// What a person reads.
pub(super) fn annotations(notice: &Notice) -> Value {
    json!({
        "summary": notice.alert.summary,
        "description": notice.alert.description,
        "runbook": notice.runbook(),
    })
}

/// RFC 3339 with milliseconds.
pub(super) fn time(wall: DateTime<Utc>) -> String {
    wall.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The body: every alert that is on, and those over that it was not told of.
pub(super) fn body(notices: &[Notice], about: &About, now: DateTime<Utc>) -> Vec<u8> {
    let alerts: Vec<Value> = notices
        .iter()
        .map(|notice| {
            json!({
                "labels": labels(notice, about),
                "annotations": annotations(notice),
                "startsAt": time(notice.since),
                "endsAt": time(notice.until.unwrap_or(now + END)),
            })
        })
        .collect();
    Value::Array(alerts).to_string().into_bytes()
}
