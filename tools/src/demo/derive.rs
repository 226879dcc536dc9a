//! The configuration of one demo run, derived from `config/demo.toml`.
//!
//! Addresses, keys, directories, instance and symbols are replaced; everything a person may have
//! tuned (strategy, limits, loop) and every comment stays as it is.

use std::path::{Path, PathBuf};

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use crate::exchange::Urls;
use crate::exit::{Exit, Failure};

/// What is filled in.
pub(super) struct Derived<'a> {
    /// Name of the run.
    pub(super) instance: &'a str,
    /// Where the venue listens.
    pub(super) urls: &'a Urls,
    /// Where it put certificate and keys.
    pub(super) venue_dir: &'a Path,
    /// Where logs go.
    pub(super) log_dir: &'a Path,
    /// Symbols to trade; empty keeps those of the file.
    pub(super) symbols: &'a [String],
    /// Where the kill switch's latch and guard's record go.
    pub(super) state_dir: &'a Path,
    /// Where alerts go: kind and address.
    pub(super) alerts: &'a [(&'static str, String)],
}

/// A configuration to derive from.
pub(super) struct Base {
    path: PathBuf,
    document: DocumentMut,
}

impl Base {
    /// Reads a file.
    ///
    /// # Errors
    /// No such file, or not TOML.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        let document = text.parse::<DocumentMut>().map_err(|error| {
            Failure::new(
                Exit::Config,
                format!("{}: {error}", path.display()),
                "correct the syntax there; `shrike check-config FILE` names every mistake",
            )
        })?;
        Ok(Self { path: path.to_owned(), document })
    }

    /// Symbols in the file.
    pub(super) fn symbols(&self) -> Vec<String> {
        let tables = self.document.get("symbol").and_then(Item::as_array_of_tables);
        tables.map_or_else(Vec::new, |tables| {
            let names = tables.iter().filter_map(|table| table.get("name")?.as_str());
            names.map(str::to_owned).collect()
        })
    }

    /// Capital in the file as text, for the balance of the venue's account.
    pub(super) fn capital(&self) -> Option<String> {
        let capital = self.document.get("account")?.get("capital_usdt")?;
        let number = || capital.as_integer().map(|number| number.to_string());
        let float = || capital.as_float().map(|number| number.to_string());
        capital.as_str().map(str::to_owned).or_else(number).or_else(float)
    }

    /// The derived configuration, and symbols whose limits were copied from another.
    ///
    /// # Errors
    /// The file has no symbol to take limits from.
    pub(super) fn derive(&self, with: &Derived<'_>) -> Result<(DocumentMut, Vec<String>), Failure> {
        let mut document = self.document.clone();
        document["instance"] = value(with.instance);
        let venue = table(&mut document, "venue");
        venue["rest_url"] = value(&with.urls.rest_url);
        venue["market_url"] = value(&with.urls.stream_url);
        venue["user_url"] = value(&with.urls.stream_url);
        venue["order_url"] = value(&with.urls.order_url);
        venue["ca_file"] = value(path_text(&with.venue_dir.join("ca.pem")));
        let keys = table(&mut document, "keys");
        let is_ed25519 =
            keys.get("key_type").and_then(Item::as_str).is_some_and(|kind| kind == "ed25519");
        let secret = if is_ed25519 { "ed25519.pem" } else { "api_secret" };
        keys["api_key_file"] = value(path_text(&with.venue_dir.join("api_key")));
        keys["api_secret_file"] = value(path_text(&with.venue_dir.join(secret)));
        table(&mut document, "log")["dir"] = value(path_text(with.log_dir));
        guard(&mut document, with);
        let copied = self.take_symbols(&mut document, with.symbols)?;
        Ok((document, copied))
    }

    /// Keeps the symbols asked for; one that the file lacks gets the limits of the file's last.
    fn take_symbols(
        &self,
        document: &mut DocumentMut,
        symbols: &[String],
    ) -> Result<Vec<String>, Failure> {
        if symbols.is_empty() {
            return Ok(vec![]);
        }
        let known = document.get("symbol").and_then(Item::as_array_of_tables).cloned();
        let known = known.unwrap_or_default();
        let mut tables = ArrayOfTables::new();
        let mut copied = vec![];
        for symbol in symbols {
            let is_it = |table: &&Table| table.get("name").and_then(Item::as_str) == Some(symbol);
            let mut table = match known.iter().find(is_it) {
                Some(table) => table.clone(),
                None => {
                    copied.push(symbol.clone());
                    known.iter().last().cloned().ok_or_else(|| {
                        Failure::new(
                            Exit::Config,
                            format!("{} has no [[symbol]]", self.path.display()),
                            "add one with name, qty_max, notional_max_usdt and position_max",
                        )
                    })?
                }
            };
            table["name"] = value(symbol);
            tables.push(table);
        }
        document["symbol"] = Item::ArrayOfTables(tables);
        Ok(copied)
    }
}

/// guard's own key, the latch and the alerts; thresholds stay the file's.
fn guard(document: &mut DocumentMut, with: &Derived<'_>) {
    let guard = table(document, "guard");
    guard["require_verdict"] = value(true);
    guard["api_key_file"] = value(path_text(&with.venue_dir.join("guard_api_key")));
    guard["api_secret_file"] = value(path_text(&with.venue_dir.join("guard_api_secret")));
    guard["key_type"] = value("hmac");
    table(document, "kill")["state_dir"] = value(path_text(with.state_dir));
    let mut channels = ArrayOfTables::new();
    for (kind, url) in with.alerts {
        let mut channel = Table::new();
        channel["kind"] = value(*kind);
        channel["url"] = value(url);
        channels.push(channel);
    }
    document["alert"] = Item::ArrayOfTables(channels);
}

/// A section, made if it is missing.
pub(super) fn table<'a>(document: &'a mut DocumentMut, name: &str) -> &'a mut Item {
    if document.get(name).is_none() {
        document[name] = Item::Table(Table::new());
    }
    &mut document[name]
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = r#"# A demo.
environment = "demo"
instance = "demo"

[venue]
rest_url = "https://127.0.0.1:1" # filled in
market_url = "x"
user_url = "x"
order_url = "x"
recv_window_ms = 2000

[account]
capital_usdt = 7700

[[symbol]]
name = "BTCUSDT"
qty_max = "0.010"

[[symbol]]
name = "ETHUSDT"
qty_max = "0.100"

[strategy]
name = "imbalance" # tuned by hand
"#;

    fn base(text: &str) -> (tempfile::TempDir, Base) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("demo.toml");
        std::fs::write(&path, text).expect("written");
        let base = Base::read(&path).expect("TOML");
        (dir, base)
    }

    fn urls() -> Urls {
        Urls {
            rest_url: "https://127.0.0.1:4001".to_owned(),
            stream_url: "wss://127.0.0.1:4001".to_owned(),
            order_url: "wss://127.0.0.1:4001/ws-fapi/v1".to_owned(),
            plain_rest_url: String::new(),
            plain_stream_url: String::new(),
            plain_order_url: String::new(),
        }
    }

    fn derived(base: &Base, symbols: &[&str]) -> (DocumentMut, String, Vec<String>) {
        let symbols: Vec<String> = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
        let with = Derived {
            instance: "demo_7",
            urls: &urls(),
            venue_dir: Path::new("/run/venue"),
            log_dir: Path::new("/run/log"),
            symbols: &symbols,
            state_dir: Path::new("/run/state"),
            alerts: &[("webhook", "http://127.0.0.1:5/guard".to_owned())],
        };
        let (document, copied) = base.derive(&with).expect("derived");
        let text = document.to_string();
        (text.parse().expect("TOML"), text, copied)
    }

    #[test]
    fn addresses_keys_and_directories_are_filled_in() {
        let (_dir, base) = base(BASE);
        let (document, text, copied) = derived(&base, &[]);
        assert_eq!(document["instance"].as_str(), Some("demo_7"));
        let venue = &document["venue"];
        assert_eq!(venue["rest_url"].as_str(), Some("https://127.0.0.1:4001"));
        assert_eq!(venue["market_url"].as_str(), Some("wss://127.0.0.1:4001"));
        assert_eq!(venue["order_url"].as_str(), Some("wss://127.0.0.1:4001/ws-fapi/v1"));
        assert_eq!(venue["ca_file"].as_str(), Some("/run/venue/ca.pem"));
        assert_eq!(venue["recv_window_ms"].as_integer(), Some(2000));
        assert_eq!(document["keys"]["api_secret_file"].as_str(), Some("/run/venue/api_secret"));
        assert_eq!(document["log"]["dir"].as_str(), Some("/run/log"));
        let guard = &document["guard"];
        assert_eq!(guard["require_verdict"].as_bool(), Some(true));
        assert_eq!(guard["api_secret_file"].as_str(), Some("/run/venue/guard_api_secret"));
        assert_eq!(document["kill"]["state_dir"].as_str(), Some("/run/state"));
        let alerts = document["alert"].as_array_of_tables().expect("alerts");
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts.get(0).expect("one")["url"].as_str(), Some("http://127.0.0.1:5/guard"));
        assert!(text.contains("# tuned by hand"), "comments stay:\n{text}");
        assert!(copied.is_empty());
        assert_eq!(base.capital().as_deref(), Some("7700"));
        assert_eq!(base.symbols(), ["BTCUSDT", "ETHUSDT"]);
    }

    #[test]
    fn only_the_tapes_symbols_are_traded() {
        let (_dir, base) = base(BASE);
        let (document, _, copied) = derived(&base, &["ETHUSDT"]);
        let symbols = document["symbol"].as_array_of_tables().expect("symbols");
        assert_eq!(symbols.len(), 1);
        let only = symbols.get(0).expect("one");
        assert_eq!(only["name"].as_str(), Some("ETHUSDT"));
        assert_eq!(only["qty_max"].as_str(), Some("0.100"));
        assert!(copied.is_empty());
    }

    #[test]
    fn an_unknown_symbol_gets_limits_and_is_reported() {
        let (_dir, base) = base(BASE);
        let (document, _, copied) = derived(&base, &["SUSHIUSDT"]);
        let symbols = document["symbol"].as_array_of_tables().expect("symbols");
        assert_eq!(symbols.get(0).expect("one")["name"].as_str(), Some("SUSHIUSDT"));
        assert_eq!(copied, ["SUSHIUSDT"]);
    }

    #[test]
    fn an_ed25519_key_names_its_own_file() {
        let (_dir, base) = base(&format!("{BASE}\n[keys]\nkey_type = \"ed25519\"\n"));
        let (document, ..) = derived(&base, &[]);
        assert_eq!(document["keys"]["api_secret_file"].as_str(), Some("/run/venue/ed25519.pem"));
    }

    #[test]
    fn broken_files_are_a_configuration_failure() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("demo.toml");
        std::fs::write(&path, "instance = ").expect("written");
        let failure = Base::read(&path).err().expect("not TOML");
        assert_eq!(failure.exit, Exit::Config);
        let missing = Base::read(&dir.path().join("x.toml")).err().expect("no file");
        assert_eq!(missing.exit, Exit::NoInstance);
    }
}
