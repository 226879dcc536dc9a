//! `shrike venue`: the local exchange as a process.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use venue::faults::Plan;
use venue::{AccountSetup, AtEnd, Handle, MarketSource, VenueConfig};

use crate::cli::VenueArgs;
use crate::exit::{Exit, Failure};
use crate::reconcile::LEDGER_FILE;
use crate::stop::Stop;

/// Name of the file with the addresses; it appears when the venue is ready.
pub(crate) const URLS_FILE: &str = "urls.json";
/// Name of the file that appears when a recorded market has ended.
pub(crate) const ENDED_FILE: &str = "tape_ended";

/// Name of the file that says how often faults struck, while the venue runs.
pub(crate) const FAULTS_FILE: &str = "faults.json";
/// Time between two looks at what the faults did.
const FAULTS_EVERY: Duration = Duration::from_millis(500);

/// What the faults of a venue did so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Struck {
    /// Strikes.
    pub(crate) total: u64,
    /// By kind, most first.
    pub(crate) kinds: Vec<(String, u64)>,
}

impl Struck {
    /// Reads the file a venue writes; none struck if there is none.
    pub(crate) fn read(dir: &Path) -> Self {
        let text = std::fs::read_to_string(dir.join(FAULTS_FILE)).unwrap_or_default();
        let report: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let rows = report["struck"].as_object().into_iter().flatten();
        let count = |value: &serde_json::Value| value.as_u64().unwrap_or(0);
        let mut kinds: Vec<_> = rows.map(|(kind, n)| (kind.clone(), count(n))).collect();
        kinds.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        Self { total: count(&report["struck_total"]), kinds }
    }
}

/// The kinds of fault, for help.
pub(crate) fn fault_kinds() -> String {
    let mut text = "Kinds of fault (where they strike; rows of the fault list):".to_owned();
    for kind in venue::faults::Kind::ALL {
        let family = format!("{:?}", kind.family()).to_lowercase();
        let name = kind.as_str();
        text += &format!("\n  {name:<20} {family:<8} {} [{}]", kind.help(), kind.rows());
    }
    text
}

/// Where a venue listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Urls {
    /// `https://127.0.0.1:PORT`
    pub(crate) rest_url: String,
    /// `wss://127.0.0.1:PORT`
    pub(crate) stream_url: String,
    /// `wss://127.0.0.1:PORT/ws-fapi/v1`
    pub(crate) order_url: String,
    /// `http://127.0.0.1:PORT`, also `/shrike/ledger`.
    pub(crate) plain_rest_url: String,
    /// `ws://127.0.0.1:PORT`
    pub(crate) plain_stream_url: String,
    /// `ws://127.0.0.1:PORT/ws-fapi/v1`
    pub(crate) plain_order_url: String,
}

impl Urls {
    fn of(handle: &Handle) -> Self {
        Self {
            rest_url: handle.rest_url.clone(),
            stream_url: handle.stream_url.clone(),
            order_url: handle.order_url.clone(),
            plain_rest_url: handle.plain_rest_url.clone(),
            plain_stream_url: handle.plain_stream_url.clone(),
            plain_order_url: handle.plain_order_url.clone(),
        }
    }
    /// Reads the file a venue wrote; `None` until it has.
    pub(crate) fn read(dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(dir.join(URLS_FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// `shrike venue`.
///
/// # Errors
/// A port in use, an unreadable tape, a directory that cannot be written.
pub(crate) fn run(args: &VenueArgs) -> Result<Exit, Failure> {
    let stop = Stop::on_signals()?;
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir).map_err(|error| Failure::file(dir, &error))?;
        for stale in [URLS_FILE, ENDED_FILE, FAULTS_FILE, LEDGER_FILE] {
            let _ = std::fs::remove_file(dir.join(stale));
        }
    }
    let config = config(args)?;
    let handle = venue::spawn(config).map_err(|error| {
        Failure::new(
            Exit::Unavailable,
            format!("the venue cannot start: {error:#}"),
            "check the tape's path, and that the ports are free (port 0 takes free ones)",
        )
    })?;
    let urls = Urls::of(&handle);
    println!("REST       {}  plain {}", urls.rest_url, urls.plain_rest_url);
    println!("streams    {}  plain {}", urls.stream_url, urls.plain_stream_url);
    println!("orders     {}  plain {}", urls.order_url, urls.plain_order_url);
    if let Some(dir) = &args.dir {
        println!("keys, CA   {}", dir.display());
        write_whole(&dir.join(URLS_FILE), &pretty(&serde_json::json!(urls)))?;
    }
    if let Some(faults) = &args.faults {
        println!("faults     {faults}");
    }
    let mut ended = false;
    let mut faults = (Instant::now(), serde_json::Value::Null);
    while !stop.asked() {
        std::thread::sleep(Duration::from_millis(50));
        if let Some(dir) = &args.dir
            && faults.0.elapsed() >= FAULTS_EVERY
        {
            tell_faults(&handle, dir, &mut faults.1)?;
            faults.0 = Instant::now();
        }
        if !ended && handle.tape_ended() {
            ended = true;
            println!("the tape has ended; the market stands still");
            if let Some(dir) = &args.dir {
                write_whole(&dir.join(ENDED_FILE), "")?;
            }
        }
    }
    if let Some(dir) = &args.dir {
        tell_faults(&handle, dir, &mut faults.1)?;
        write_whole(&dir.join(LEDGER_FILE), &pretty(&handle.ledger()))?;
    }
    handle.stop();
    Ok(Exit::Ok)
}

/// Writes what the faults did, if they did anything new.
fn tell_faults(handle: &Handle, dir: &Path, told: &mut serde_json::Value) -> Result<(), Failure> {
    let faults = handle.faults();
    if faults["struck"] == told["struck"] || faults["struck_total"] == 0 {
        return Ok(());
    }
    write_whole(&dir.join(FAULTS_FILE), &pretty(&faults))?;
    *told = faults;
    Ok(())
}

fn config(args: &VenueArgs) -> Result<VenueConfig, Failure> {
    let faults = args.faults.as_deref().map(Plan::parse).transpose().map_err(|error| {
        Failure::new(Exit::Usage, error.to_string(), "`shrike venue --help` lists the kinds")
    })?;
    let defaults = VenueConfig::default();
    let source = if !args.tape.is_empty() {
        let at_end = if args.loop_tape { AtEnd::Loop } else { AtEnd::Stand };
        MarketSource::Tape { files: args.tape.clone(), at_end }
    } else if !args.symbols.is_empty() {
        let symbols = args.symbols.iter().map(|symbol| symbol.to_uppercase()).collect();
        MarketSource::Generated { symbols }
    } else {
        defaults.source.clone()
    };
    Ok(VenueConfig {
        tls_port: args.port,
        plain_port: args.plain_port,
        seed: args.seed,
        source,
        speed: args.speed,
        fall: args.fall,
        accounts: vec![AccountSetup { balance: args.balance, ..AccountSetup::default() }],
        dir: args.dir.clone(),
        faults: faults.unwrap_or(Plan::Quiet),
        ..defaults
    })
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Writes a file so that a reader sees all of it or nothing.
fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let partial = path.with_extension("part");
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| Failure::file(path, &error))
}

/// Symbols of tapes, from their file names (`btcusdt_20240718.gz`), in order, each once.
///
/// # Errors
/// A tape that is not there, or whose name does not begin with a symbol.
pub(crate) fn tape_symbols(tapes: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut symbols: Vec<String> = vec![];
    for tape in tapes {
        if !tape.is_file() {
            return Err(Failure::new(
                Exit::NoInstance,
                format!("there is no tape {}", tape.display()),
                "recorded markets are described in ../shared/data/README.md",
            ));
        }
        let name = tape.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let symbol: String = name
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric())
            .collect::<String>()
            .to_uppercase();
        if symbol.is_empty() || !name.contains('_') {
            return Err(Failure::new(
                Exit::Usage,
                format!("the name of {} does not begin with a symbol", tape.display()),
                "name it like btcusdt_20240718.gz",
            ));
        }
        if !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    Ok(symbols)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_come_from_the_names_of_tapes() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let tape = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, "").expect("written");
            path
        };
        let tapes =
            [tape("btcusdt_20240718.gz"), tape("ethusdt_20240718.gz"), tape("btcusdt_20240719.gz")];
        assert_eq!(tape_symbols(&tapes).expect("all there"), ["BTCUSDT", "ETHUSDT"]);
        let missing = tape_symbols(&[dir.path().join("x_1.gz")]).expect_err("not there");
        assert_eq!(missing.exit, Exit::NoInstance);
        let nameless = tape_symbols(&[tape("recording.gz")]).expect_err("no symbol");
        assert_eq!(nameless.exit, Exit::Usage);
    }

    #[test]
    fn addresses_are_read_only_when_they_are_complete() {
        let dir = tempfile::tempdir().expect("temporary directory");
        assert_eq!(Urls::read(dir.path()), None);
        let urls = Urls {
            rest_url: "https://127.0.0.1:1".to_owned(),
            stream_url: "wss://127.0.0.1:1".to_owned(),
            order_url: "wss://127.0.0.1:1/ws-fapi/v1".to_owned(),
            plain_rest_url: "http://127.0.0.1:2".to_owned(),
            plain_stream_url: "ws://127.0.0.1:2".to_owned(),
            plain_order_url: "ws://127.0.0.1:2/ws-fapi/v1".to_owned(),
        };
        write_whole(&dir.path().join(URLS_FILE), &pretty(&serde_json::json!(urls)))
            .expect("written");
        assert_eq!(Urls::read(dir.path()), Some(urls));
    }
}
