//! The channels: one thread each, which tells what is new, and tries again until it is taken.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::alertmanager::{annotations, labels, time};
use super::channel::{AlertChannel, host_of, is_here};
use super::email::Email;
use super::http::{Http, SendError};
use super::told::{News, Pace, Told};
use super::{About, SecretFile, Shared, is_worth_a_line, lock};

/// Longest wait for a channel.
const TIMEOUT: Duration = Duration::from_secs(6);
/// The next try after a failure, doubled for each more, and its longest.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Without news the state is looked at this often.
const LOOK: Duration = Duration::from_millis(500);
/// Longest text; Telegram takes 4096 characters.
const TEXT_CHARS_MAX: usize = 3_900;

/// How a channel is reached.
#[derive(Debug)]
pub(super) enum Sender {
    /// A webhook: where, and with which token.
    Webhook(Http, Address, Option<SecretFile>),
    /// Slack.
    Slack(Http, SecretFile),
    /// Telegram: origin, token, chat.
    Telegram(Http, String, SecretFile, String),
    /// Mail.
    Email(Box<Email>),
}

/// Where a webhook is.
#[derive(Debug)]
pub(super) enum Address {
    /// As the configuration says.
    Plain(String),
    /// In a file, because it is a secret itself.
    Secret(SecretFile),
}

/// Makes a channel's sender.
///
/// # Errors
/// If a secret or a certificate cannot be read.
pub(super) fn sender(channel: &AlertChannel) -> anyhow::Result<Sender> {
    Ok(match channel {
        AlertChannel::Webhook { url, url_file, token_file, ca_file } => {
            for file in [url_file, token_file].into_iter().flatten() {
                file.text()?;
            }
            let address = match (url, url_file) {
                (Some(url), _) => Address::Plain(url.clone()),
                (None, Some(file)) => Address::Secret(file.clone()),
                (None, None) => anyhow::bail!("a webhook without address; give url or url_file"),
            };
            let http = Http::new(ca_file.as_deref(), TIMEOUT)?;
            Sender::Webhook(http, address, token_file.clone())
        }
        AlertChannel::Slack { url_file } => {
            secret_address(url_file)?;
            Sender::Slack(Http::new(None, TIMEOUT)?, url_file.clone())
        }
        AlertChannel::Telegram { url, token_file, chat_id } => {
            token_file.text()?;
            let http = Http::new(None, TIMEOUT)?;
            Sender::Telegram(http, url.clone(), token_file.clone(), chat_id.clone())
        }
        AlertChannel::Email { .. } => Sender::Email(Box::new(Email::new(channel, TIMEOUT)?)),
        AlertChannel::Alertmanager { .. } => anyhow::bail!("Alertmanager is no direct channel"),
    })
}

/// An address that is a secret: over TLS, or to this host.
fn secret_address(file: &SecretFile) -> anyhow::Result<zeroize::Zeroizing<String>> {
    let address = file.text()?;
    let is_safe =
        host_of(&address).is_some_and(|host| address.starts_with("https://") || is_here(host));
    anyhow::ensure!(is_safe, "{} holds no https:// address", file.path().display());
    Ok(address)
}

impl Sender {
    /// Its word in the file.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(..) => "webhook",
            Self::Slack(..) => "slack",
            Self::Telegram(..) => "telegram",
            Self::Email(_) => "email",
        }
    }

    fn send(&self, news: &[News], about: &About) -> Result<(), SendError> {
        let unread = |error: anyhow::Error| SendError::new(error.to_string());
        match self {
            Self::Webhook(http, address, token) => {
                let token = token.as_ref().map(SecretFile::text).transpose().map_err(unread)?;
                let token = token.as_deref().map(String::as_str);
                let body = webhook(news, about).to_string();
                match address {
                    Address::Plain(url) => http.post(url, token, body.as_bytes()),
                    Address::Secret(file) => {
                        let url = secret_address(file).map_err(unread)?;
                        http.post(&url, token, body.as_bytes())
                    }
                }
            }
            Self::Slack(http, file) => {
                let url = secret_address(file).map_err(unread)?;
                // Slack reads & < > as mark-up (Slack docs, formatting text, read 2026-11).
                let text = text(news, about);
                let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                http.post(&url, None, json!({ "text": text }).to_string().as_bytes())
            }
            Self::Telegram(http, origin, token, chat) => {
                let token = token.text().map_err(unread)?;
                let url = zeroize::Zeroizing::new(format!("{origin}/bot{}/sendMessage", *token));
                // Without parse_mode the text is taken as it is.
                let body = json!({ "chat_id": chat, "text": text(news, about) });
                http.post(&url, None, body.to_string().as_bytes())
            }
            Self::Email(email) => email.send(&subject(news, about), text(news, about)),
        }
    }
}

/// Tells until the end.
pub(super) fn run(index: usize, sender: &Sender, shared: &Shared, about: &About, pace: Pace) {
    use std::sync::atomic::Ordering::Relaxed;
    let mut told = Told::new(pace.flap);
    let mut not_before = Instant::now();
    let mut failures = 0u32;
    loop {
        let wanted = {
            let wanted = lock(shared);
            if wanted.is_over {
                return;
            }
            wanted.notices.clone()
        };
        let now = Instant::now();
        let news = told.news(&wanted, now);
        if news.is_empty() {
            told.forget(&wanted);
        } else if now >= not_before {
            match sender.send(&news, about) {
                Ok(()) => {
                    failures = 0;
                    told.took(&news, &wanted, Instant::now());
                    not_before = Instant::now() + pace.between;
                    shared.counters.delivered.fetch_add(1, Relaxed);
                    let names: Vec<_> = news.iter().map(|n| n.notice.alert.name.as_str()).collect();
                    log::info!("told {}: {}", sender.kind(), names.join(", "));
                }
                Err(error) => {
                    let back_off = RETRY.saturating_mul(1 << failures.min(6)).min(RETRY_MAX);
                    failures = failures.saturating_add(1);
                    not_before = Instant::now() + error.retry_after.unwrap_or(back_off);
                    shared.counters.failed.fetch_add(1, Relaxed);
                    if is_worth_a_line(failures as usize - 1) {
                        log::warn!("cannot tell {}: {error}", sender.kind());
                    }
                }
            }
        }
        let mut state = lock(shared);
        state.done[index] = told.done();
        if !state.is_over {
            drop(shared.woken.wait_timeout(state, LOOK));
        }
    }
}

/// `firing` if any is on.
fn status(news: &[News]) -> &'static str {
    if news.iter().any(|news| news.notice.is_on) { "firing" } else { "resolved" }
}

/// The webhook's body, in the shape of Alertmanager's (version 4), so that one receiver serves both.
fn webhook(news: &[News], about: &About) -> Value {
    let alerts: Vec<Value> = news
        .iter()
        .map(|News { notice, is_repeat }| {
            json!({
                "status": if notice.is_on { "firing" } else { "resolved" },
                "labels": labels(notice, about),
                "annotations": annotations(notice),
                "startsAt": time(notice.since),
                "endsAt": notice.until.map(time),
                "repeat": is_repeat,
            })
        })
        .collect();
    json!({
        "version": "4",
        "receiver": "shrike-guard",
        "status": status(news),
        "commonLabels": { "environment": about.environment, "instance": about.instance },
        "alerts": alerts,
    })
}

/// One line.
fn subject(news: &[News], about: &About) -> String {
    let first = news.first().map_or("", |news| news.notice.alert.name.as_str());
    let more = if news.len() > 1 { format!(" and {} more", news.len() - 1) } else { String::new() };
    let About { environment, instance } = about;
    format!("[{}] {environment}/{instance} {first}{more}", status(news).to_uppercase())
}

/// The text people read.
fn text(news: &[News], about: &About) -> String {
    let mut out = format!("Shrike {}/{}", about.environment, about.instance);
    for News { notice, is_repeat } in news {
        let alert = &notice.alert;
        let word = match (notice.is_on, is_repeat) {
            (true, false) => alert.severity.as_str().to_uppercase(),
            (true, true) => format!("STILL {}", alert.severity.as_str().to_uppercase()),
            (false, _) => "OVER".to_owned(),
        };
        let labels: Vec<_> =
            alert.labels.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        let until =
            notice.until.map_or_else(String::new, |until| format!(", until {}", time(until)));
        out.push_str(&format!(
            "\n\n{word}: {}{}\n{}\n{}\nsince {}{until}\n{}",
            alert.name.as_str(),
            labels.concat(),
            alert.summary,
            alert.description,
            time(notice.since),
            notice.runbook()
        ));
    }
    if out.chars().count() > TEXT_CHARS_MAX {
        out = out.chars().take(TEXT_CHARS_MAX).collect();
        out.push_str("\n… and more: `shrike risk`");
    }
    out
}
