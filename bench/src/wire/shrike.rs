//! The trader as it runs for real, with a configuration that orders on every tick.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rings::{Next, journal};
use schema::{Event, LAYOUT_HASH, Record, RunInfo, Stage};
use toml_edit::{DocumentMut, value};
use zerocopy::FromBytes;

use crate::peers::SECRET;

/// A prepared run of the trader.
pub(crate) struct Run {
    pub(crate) program: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) console: PathBuf,
    pub(crate) instance: String,
}

/// Follows the journal from now on.
pub(crate) struct Journal {
    reader: journal::Reader<Record>,
    tsc_hz: u64,
}

/// Writes the configuration; the trader's binary is the one beside this one.
pub(crate) fn prepare(
    dir: &Path,
    ca_file: &Path,
    port: u16,
    cores: usize,
    logs_on: bool,
) -> Result<Run> {
    let program = std::env::current_exe()?.with_file_name("trader");
    if !program.exists() {
        bail!("{} is missing: `cargo build --release -p trader` first", program.display());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text =
        std::fs::read_to_string(root.join("config/demo.toml")).context("config/demo.toml")?;
    let mut config: DocumentMut = text.parse().context("config/demo.toml")?;
    let instance = format!("wire-{}", std::process::id());
    let secret = if logs_on {
        rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?.serialize_pem()
    } else {
        SECRET.to_owned()
    };
    config["keys"]["key_type"] = value(if logs_on { "ed25519" } else { "hmac" });
    for (name, text) in [("api_key", "bench"), ("api_secret", secret.as_str())] {
        let path = dir.join(name);
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        config["keys"][&format!("{name}_file")] = value(path.display().to_string());
    }
    config["instance"] = value(&instance);
    let base = |scheme: &str, path: &str| value(format!("{scheme}://127.0.0.1:{port}{path}"));
    config["venue"]["rest_url"] = base("https", "");
    config["venue"]["market_url"] = base("wss", "");
    config["venue"]["user_url"] = base("wss", "");
    config["venue"]["order_url"] = base("wss", "/ws-fapi/v1");
    config["venue"]["ca_file"] = value(ca_file.display().to_string());
    config["log"]["dir"] = value(dir.join("log").display().to_string());
    adapt(&mut config, cores);
    let path = dir.join("wire.toml");
    std::fs::write(&path, config.to_string())?;
    Ok(Run { program, config: path, console: dir.join("console"), instance })
}

/// The bench's own choices: one symbol, an order on every tick, limits that do not bind.
fn adapt(config: &mut DocumentMut, cores: usize) {
    if let Some(symbols) = config["symbol"].as_array_of_tables_mut() {
        symbols.retain(|symbol| symbol.get("name").and_then(|n| n.as_str()) == Some("BTCUSDT"));
    }
    let mut strategy = toml_edit::Table::new();
    strategy["name"] = value("test");
    strategy["style"] = value("every_tick");
    strategy["every_ticks"] = value(1);
    strategy["order_notional_usdt"] = value("85");
    config["strategy"] = toml_edit::Item::Table(strategy);
    config["limits"]["messages_10s_max"] = value(1_000_000);
    config["limits"]["messages_1m_max"] = value(1_000_000);
    config["limits"]["repeated_window_ms"] = value(0);
    config["limits"]["order_to_trade_from"] = value(1_000_000);
    config["stop"]["flatten_on_stop"] = value(false);
    config["loop"]["wait"] = value("busy");
    if cores >= 2 {
        config["loop"]["core"] = value(1);
    }
}

impl Run {
    /// A reader of this run's journal, at its newest record.
    pub(crate) fn journal(&self) -> Result<Journal> {
        let reader = journal::Reader::<Record>::open(&self.instance, LAYOUT_HASH)
            .map_err(|error| anyhow::anyhow!("the trader's journal: {error}"))?;
        let info = reader.info();
        let (info, _) = RunInfo::read_from_prefix(&info)
            .map_err(|_| anyhow::anyhow!("the journal's header is too short"))?;
        Ok(Journal { reader, tsc_hz: info.tsc_hz })
    }

    /// What the trader wrote on its console, for an error message.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.console).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(12).collect();
        let lines: Vec<&str> = lines.into_iter().rev().collect();
        format!("the trader said:\n{}", lines.join("\n"))
    }
}

/// Parts of the way, in order, by their two stamps.
pub(crate) const PARTS: [(&str, Stage, Stage); 7] = [
    ("tls open", Stage::Read, Stage::Tls),
    ("frame", Stage::Tls, Stage::Frame),
    ("decode", Stage::Frame, Stage::Decode),
    ("engine", Stage::Decode, Stage::Engine),
    ("encode and sign", Stage::Engine, Stage::Encode),
    ("frame and seal", Stage::Encode, Stage::WriteCall),
    ("write()", Stage::WriteCall, Stage::WriteReturn),
];

/// In-process times of the trader's orders, ns.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) whole: Vec<u64>,
    pub(crate) parts: [Vec<u64>; PARTS.len()],
}

impl Journal {
    /// Times of the newest `count` orders since the reader was opened.
    pub(crate) fn take(&mut self, count: usize) -> Result<Times> {
        let mut orders = Vec::with_capacity(count);
        loop {
            match self.reader.next() {
                Next::Item(_, record) => {
                    if let Ok(Event::Stages(stages)) = Event::from_record(&record) {
                        orders.push(stages);
                    }
                }
                Next::Lost { count, .. } => bail!("{count} journal records were overwritten"),
                Next::Empty => break,
            }
        }
        if orders.len() < count {
            bail!("only {} of {count} orders are in the journal", orders.len());
        }
        let mut times = Times::default();
        for stages in &orders[orders.len() - count..] {
            let ns = |from, to| stages.between_ns(from, to, self.tsc_hz);
            let whole = ns(Stage::Read, Stage::WriteCall).context("stage stamps out of order")?;
            times.whole.push(whole);
            for ((_, from, to), part) in PARTS.iter().zip(&mut times.parts) {
                part.extend(ns(*from, *to));
            }
        }
        Ok(times)
    }
}
