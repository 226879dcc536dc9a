//! One `[[alert]]` of the environment's file.

use std::path::PathBuf;

use toml_edit::{Item, Table, Value};

use super::secret::SecretFile;

/// A way to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertChannel {
    /// Prometheus' Alertmanager; the others are told directly only when none answers.
    Alertmanager {
        /// Its origin, `http://127.0.0.1:9093`.
        url: String,
        /// A bearer token.
        token_file: Option<SecretFile>,
        /// Certificates to trust instead of the public web's.
        ca_file: Option<PathBuf>,
    },
    /// JSON in the shape of Alertmanager's own webhook.
    Webhook {
        /// The address, unless it is a secret itself.
        url: Option<String>,
        /// The address, if it is a secret itself.
        url_file: Option<SecretFile>,
        /// A bearer token.
        token_file: Option<SecretFile>,
        /// Certificates to trust instead of the public web's.
        ca_file: Option<PathBuf>,
    },
    /// An incoming webhook of Slack; its address is a secret.
    Slack {
        /// The address.
        url_file: SecretFile,
    },
    /// A bot of Telegram.
    Telegram {
        /// Origin of the Bot API.
        url: String,
        /// The bot's token.
        token_file: SecretFile,
        /// The chat.
        chat_id: String,
    },
    /// Mail by SMTP.
    Email {
        /// The mail server.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is made safe.
        tls: EmailTls,
        /// Who logs in, if the server wants it.
        user: Option<String>,
        /// The password.
        password_file: Option<SecretFile>,
        /// Sender.
        from: String,
        /// Receivers.
        to: Vec<String>,
        /// Certificates to trust instead of the public web's.
        ca_file: Option<PathBuf>,
    },
}

/// How a connection to a mail server is made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailTls {
    /// From the first byte, usually port 465.
    Tls,
    /// After STARTTLS, which is demanded; usually port 587.
    Starttls,
    /// Not at all; only to this host.
    None,
}

/// A mistake in an `[[alert]]`: where in the file, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadKey {
    /// Byte offset into the text.
    pub at: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl AlertChannel {
    /// The kinds there are.
    pub const KINDS: &'static [&'static str] =
        &["alertmanager", "webhook", "slack", "telegram", "email"];

    /// The word in the file.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Alertmanager { .. } => "alertmanager",
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Telegram { .. } => "telegram",
            Self::Email { .. } => "email",
        }
    }

    /// Reads one `[[alert]]`. Secrets' files are looked at later, by [`super::Alerts::start`].
    ///
    /// # Errors
    /// Every mistake: an unknown kind or key, a key that is missing or of the wrong type, an
    /// address that is none, carries a secret, or would send one unprotected.
    pub fn from_table(table: &Table) -> Result<Self, Vec<BadKey>> {
        let mut keys = Keys { table, known: vec!["kind"], bad: Vec::new() };
        let kind = match table.get("kind").and_then(Item::as_str) {
            Some(kind) if Self::KINDS.contains(&kind) => kind,
            Some(kind) => {
                let what = format!("alert.kind = \"{kind}\" is not known");
                keys.bad("kind", what, format!("use one of {}", Self::KINDS.join(", ")));
                return Err(keys.bad);
            }
            None => {
                let remedy = format!("write kind = \"…\", one of {}", Self::KINDS.join(", "));
                keys.bad("kind", "alert.kind is missing".to_owned(), remedy);
                return Err(keys.bad);
            }
        };
        let channel = match kind {
            "alertmanager" => keys.alertmanager(),
            "webhook" => keys.webhook(),
            "slack" => keys.secret("url_file").map(|url_file| Self::Slack { url_file }),
            "telegram" => keys.telegram(),
            _ => keys.email(),
        };
        keys.unknown(kind);
        match channel {
            Some(channel) if keys.bad.is_empty() => Ok(channel),
            _ => Err(keys.bad),
        }
    }
}

/// Whether an address is of this host: nobody else can listen to what goes there.
pub(super) fn is_here(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1" | "[::1]")
}

/// The host of `http://host:port/path`.
pub(super) fn host_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    let without_port = match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    Some(without_port).filter(|host| !host.is_empty())
}

/// The keys of one table, and what is wrong with them.
struct Keys<'t> {
    table: &'t Table,
    known: Vec<&'static str>,
    bad: Vec<BadKey>,
}

impl Keys<'_> {
    fn bad(&mut self, key: &str, what: String, remedy: impl Into<String>) {
        let item = self.table.get(key).and_then(Item::span);
        let at = item.or_else(|| self.table.span()).map_or(0, |span| span.start);
        self.bad.push(BadKey { at, what, remedy: remedy.into() });
    }
    fn text(&mut self, key: &'static str) -> Option<String> {
        self.known.push(key);
        let item = self.table.get(key)?;
        match item.as_str().map(str::trim) {
            Some(text) if !text.is_empty() && !text.contains(char::is_control) => {
                Some(text.to_owned())
            }
            _ => {
                let what = format!("alert.{key} is not a text of one line");
                self.bad(key, what, "give a text in quotes");
                None
            }
        }
    }
    fn needed(&mut self, key: &'static str, example: &str) -> Option<String> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            let remedy = format!("write {key} = {example} under [[alert]]");
            self.bad(key, format!("alert.{key} is missing"), remedy);
            return None;
        }
        self.text(key)
    }
    fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }
    fn secret(&mut self, key: &'static str) -> Option<SecretFile> {
        self.needed(key, "\"/etc/shrike/…\" (a file of mode 0600)").map(SecretFile::new)
    }
    fn secret_if_there(&mut self, key: &'static str) -> Option<SecretFile> {
        self.file(key).map(SecretFile::new)
    }
    /// An address without a secret in it; with one beside it (`is_guarded`), only over TLS.
    fn url(&mut self, key: &'static str, text: String, is_guarded: bool) -> Option<String> {
        let Some(host) = host_of(&text) else {
            let what = format!("alert.{key} is no address");
            self.bad(key, what, "give https://host/path, or http://127.0.0.1:port/path");
            return None;
        };
        if host.contains('@') {
            let what = format!("alert.{key} has a user or a password in it");
            self.bad(key, what, "name the secret's file in token_file or url_file");
            return None;
        }
        if is_guarded && text.starts_with("http://") && !is_here(host) {
            let what = format!("alert.{key} would send a secret without encryption");
            self.bad(key, what, "use https://");
            return None;
        }
        Some(text.trim_end_matches('/').to_owned())
    }

    fn alertmanager(&mut self) -> Option<AlertChannel> {
        let token_file = self.secret_if_there("token_file");
        let ca_file = self.file("ca_file");
        let url = self.needed("url", "\"http://127.0.0.1:9093\"")?;
        let url = self.url("url", url, token_file.is_some())?;
        Some(AlertChannel::Alertmanager { url, token_file, ca_file })
    }
    fn webhook(&mut self) -> Option<AlertChannel> {
        let token_file = self.secret_if_there("token_file");
        let ca_file = self.file("ca_file");
        let url_file = self.secret_if_there("url_file");
        let url = match self.text("url") {
            Some(url) => Some(self.url("url", url, token_file.is_some())?),
            None => None,
        };
        if url.is_some() == url_file.is_some() {
            let what = "alert needs either url or url_file".to_owned();
            self.bad("url", what, "give the address, or the file that holds it if it is secret");
            return None;
        }
        Some(AlertChannel::Webhook { url, url_file, token_file, ca_file })
    }
    fn telegram(&mut self) -> Option<AlertChannel> {
        let token_file = self.secret("token_file");
        let chat_id = self.needed("chat_id", "\"-1001234567890\"");
        let url = self.text("url").unwrap_or_else(|| "https://api.telegram.org".to_owned());
        let url = self.url("url", url, true)?;
        Some(AlertChannel::Telegram { url, token_file: token_file?, chat_id: chat_id? })
    }
    fn email(&mut self) -> Option<AlertChannel> {
        let host = self.needed("host", "\"smtp.example.com\"");
        let from = self.address("from");
        let to = self.addresses();
        let user = self.text("user");
        let password_file = self.secret_if_there("password_file");
        let ca_file = self.file("ca_file");
        let tls = match self.text("tls").as_deref() {
            None | Some("starttls") => EmailTls::Starttls,
            Some("tls") => EmailTls::Tls,
            Some("none") => EmailTls::None,
            Some(other) => {
                let what = format!("alert.tls = \"{other}\" is not known");
                self.bad("tls", what, "use starttls, tls or none");
                return None;
            }
        };
        let port = self.port(if tls == EmailTls::Tls { 465 } else { 587 })?;
        let host = host?;
        if tls == EmailTls::None && !is_here(&host) {
            let what = "alert.tls = \"none\" to another host".to_owned();
            self.bad("tls", what, "use starttls or tls; none is for a mail server on this host");
        }
        if user.is_some() != password_file.is_some() {
            let what = "alert.user and alert.password_file belong together".to_owned();
            self.bad("user", what, "give both, or neither");
        }
        let (from, to) = (from?, to?);
        Some(AlertChannel::Email { host, port, tls, user, password_file, from, to, ca_file })
    }
    fn port(&mut self, usual: u16) -> Option<u16> {
        self.known.push("port");
        let Some(item) = self.table.get("port") else { return Some(usual) };
        let port = item.as_integer().and_then(|port| u16::try_from(port).ok());
        if port.is_none_or(|port| port == 0) {
            self.bad("port", "alert.port is no port".to_owned(), "use 1 to 65535");
            return None;
        }
        port
    }
    fn address(&mut self, key: &'static str) -> Option<String> {
        let text = self.needed(key, "\"shrike@example.com\"")?;
        self.checked(key, text)
    }
    fn checked(&mut self, key: &'static str, text: String) -> Option<String> {
        if text.parse::<lettre::message::Mailbox>().is_err() {
            let what = format!("alert.{key} = \"{text}\" is no mail address");
            self.bad(key, what, "write it like shrike@example.com");
            return None;
        }
        Some(text)
    }
    fn addresses(&mut self) -> Option<Vec<String>> {
        self.known.push("to");
        let texts = match self.table.get("to").and_then(Item::as_value) {
            Some(Value::String(text)) => vec![text.value().clone()],
            Some(Value::Array(array)) => {
                array.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        };
        if texts.is_empty() {
            let what = "alert.to names nobody".to_owned();
            self.bad("to", what, "write to = [\"desk@example.com\"]");
            return None;
        }
        texts.into_iter().map(|text| self.checked("to", text)).collect()
    }
    /// Reports keys this kind does not have; one that would hold a secret is named without it.
    fn unknown(&mut self, kind: &str) {
        let table = self.table;
        for (key, _) in table {
            if self.known.contains(&key) {
                continue;
            }
            let lower = key.to_ascii_lowercase();
            let is_secret = ["token", "password", "secret", "api_key", "webhook"]
                .iter()
                .any(|word| lower.contains(word));
            let remedy = if is_secret && !lower.ends_with("_file") {
                format!("delete it here, make a new one, and name its file in {key}_file")
            } else {
                format!("delete it; {kind} has {}", self.known.join(", "))
            };
            self.bad(key, format!("alert.{key} is not a known key of kind {kind}"), remedy);
        }
    }
}
