//! Log files, and the thread that writes what the hot thread has to say.
//!
//! As SPEC 10.7 asks: console from INFO, `shrike.log` from DEBUG, rotated daily and kept 30 days,
//! `errors.log` from ERROR, 10 MB and five old ones, loggers named `trading`, `risk` and
//! `execution`. fern dispatches; it cannot rotate, and its plain writer makes a system call of
//! every fragment of a line, so each file is `Lines` over `file-rotate`.
//!
//! The hot thread logs nothing: it leaves fixed entries in a queue ([`LogEntry`]). What does not
//! fit there, and what a full disk does not take, is counted in `Status::log_dropped`.

mod lines;

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use file_rotate::compression::Compression;
use file_rotate::suffix::{AppendCount, AppendTimestamp, DateFrom, FileLimit, SuffixScheme};
use file_rotate::{ContentLimit, FileRotate, TimeFrequency};
use log::{Level, LevelFilter};
use schema::{
    Command, CommandResult, Event, ExecType, LimitKind, LimitUnit, NewLimit, Notional, SymbolId,
    TradingState,
};

use crate::config;
use crate::queues::LogEntry;

use lines::Lines;
pub(crate) use lines::lost;

/// Size at which `errors.log` is rotated.
const ERRORS_BYTES: usize = 10 << 20;
/// Old `errors.log` files kept.
const ERRORS_FILES: usize = 5;
/// Days of `shrike.log` kept.
const DAYS: usize = 30;
type Writer = Box<dyn std::io::Write + Send>;

fn file<S: SuffixScheme + Send + 'static>(path: &Path, suffix: S, limit: ContentLimit) -> Writer
where
    S::Repr: Send,
{
    let mut options = std::fs::OpenOptions::new();
    options.read(true).create(true).append(true).mode(0o600);
    let file = FileRotate::new(path, suffix, limit, Compression::None, Some(options));
    Box::new(Lines::new(file))
}

/// `shrike.log`: a new file each day, [`DAYS`] kept, dated by the day they cover.
fn daily(path: &Path) -> Writer {
    let limit = FileLimit::MaxFiles(DAYS);
    let suffix = AppendTimestamp::with_format("%Y-%m-%d", limit, DateFrom::DateYesterday);
    file(path, suffix, ContentLimit::Time(TimeFrequency::Daily))
}

/// `errors.log`: a new file each `bytes`, [`ERRORS_FILES`] kept.
fn by_size(path: &Path, bytes: usize) -> Writer {
    file(path, AppendCount::new(ERRORS_FILES), ContentLimit::BytesSurpassed(bytes))
}

fn dispatch(config: &config::Log, errors_bytes: usize) -> fern::Dispatch {
    // Libraries speak below WARN only to their authors.
    let ours = |target: &str| {
        ["trading", "risk", "execution", "trader"].iter().any(|name| target.starts_with(name))
    };
    fern::Dispatch::new()
        .level(LevelFilter::Debug)
        .filter(move |metadata| ours(metadata.target()) || metadata.level() <= Level::Warn)
        .format(|out, message, record| {
            out.finish(format_args!(
                "{} - {} - {} - {message}",
                chrono::Local::now().format("%Y-%m-%d %H:%M:%S%.3f"),
                record.target(),
                record.level()
            ));
        })
        .chain(fern::Dispatch::new().level(config.console_level).chain(std::io::stderr()))
        .chain(fern::Output::writer(daily(&config.dir.join("shrike.log")), "\n"))
        .chain(fern::Dispatch::new().level(LevelFilter::Error).chain(fern::Output::writer(
            by_size(&config.dir.join("errors.log"), errors_bytes),
            "\n",
        )))
}

/// Starts logging for the process.
///
/// # Errors
/// If the directory cannot be made, or logging was started before.
pub fn init(config: &config::Log) -> anyhow::Result<()> {
    let shown = config.dir.display();
    std::fs::create_dir_all(&config.dir).with_context(|| format!("cannot make {shown}"))?;
    dispatch(config, ERRORS_BYTES).apply().context("logging was started twice")
}

/// The thread that writes the hot thread's entries.
#[derive(Debug)]
pub struct LogThread {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl LogThread {
    /// Starts it.
    ///
    /// # Errors
    /// If no thread can be made.
    pub fn start(mut entries: rtrb::Consumer<LogEntry>) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                loop {
                    // Read before draining: what was pushed before the flag is still written.
                    let is_last = stopping.load(Ordering::Acquire);
                    while let Ok(entry) = entries.pop() {
                        write(&entry);
                    }
                    if is_last {
                        log::logger().flush();
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            })
            .context("cannot start the log thread")?;
        Ok(Self { stop, thread })
    }

    /// Writes what is left and ends.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release); // pairs with the Acquire in the thread
        if self.thread.join().is_err() {
            eprintln!("the log thread panicked; lines may be missing");
        }
    }
}

fn write(entry: &LogEntry) {
    match entry {
        LogEntry::Event(record) => match Event::from_record(record) {
            Ok(event) => write_event(&event),
            Err(error) => log::error!(target: "trading", "record: {error}"),
        },
        LogEntry::Up(slot) => {
            log::info!(target: "execution", "{} connection {} is up", slot.link(), slot.lane());
        }
        LogEntry::Promoted(slot) => {
            log::warn!(target: "execution", "orders leave on connection {} now", slot.lane());
        }
        LogEntry::Diverged(symbol) => log::error!(
            target: "execution", "the connections disagree about symbol {}", symbol.index()
        ),
        LogEntry::Down(slot, error) => {
            log::debug!(target: "execution", "{} link is down: {error}", slot.link());
        }
        LogEntry::Unread(slot, error, bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let text = text.trim_end_matches('\0');
            log::error!(target: "execution", "{} frame not read, {error}: {text}", slot.link());
        }
        LogEntry::Unsent(id, error) => {
            log::error!(target: "execution", "request {} did not leave: {error:?}", id.0);
        }
        LogEntry::LogonRefused(code) => {
            let remedy = "is the key's type Ed25519, and is it this environment's?";
            log::error!(target: "execution", "the venue refused the logon ({code}): {remedy}");
        }
        LogEntry::LongTurn(ns) => {
            log::warn!(target: "trading", "one turn took {} us", ns / 1_000);
        }
    }
}

fn write_event(event: &Event) {
    match event {
        Event::State(change) => {
            let level = match change.to {
                TradingState::Armed | TradingState::Reconciling | TradingState::Starting => {
                    Level::Info
                }
                TradingState::Killed => Level::Error,
                TradingState::Reducing | TradingState::Halted => Level::Warn,
            };
            let (from, to, reason) = (change.from, change.to, change.reason);
            log::log!(target: "trading", level, "state {from} -> {to}: {reason}");
        }
        Event::Decision(decision) => {
            let o = &decision.order;
            log::debug!(
                target: "execution",
                "order {} {} {} at {} {} on {}/{}",
                o.client_order_id, o.side, o.qty, o.price, o.time_in_force,
                decision.bid_price, decision.ask_price,
            );
        }
        Event::Report(r) if r.exec_type == ExecType::Trade => log::debug!(
            target: "execution",
            "fill {} {} {} at {} ({}), fee {}, realised {}",
            r.client_order_id, r.side, r.last_qty, r.last_price, r.status, r.commission,
            r.realized_pnl,
        ),
        Event::Report(r) => log::debug!(
            target: "execution", "report {} {} {}", r.client_order_id, r.exec_type, r.status,
        ),
        Event::Reply(r) if !r.is_ok() => log::warn!(
            target: "execution",
            "request {} refused by the venue: status {}, code {}",
            r.request_id.0, r.status, r.code,
        ),
        Event::Refused(order, reject) => log::debug!(
            target: "risk",
            "refused {} {} at {}: {reject}", order.side, order.qty, order.price,
        ),
        Event::Command(command) => {
            let why = Some(command.reason.as_str()).filter(|reason| !reason.is_empty());
            let why = why.unwrap_or("no reason given");
            log::info!(
                target: "trading",
                "command {} of user {}{}: {why}", asked(command), command.uid, of(command.symbol)
            );
        }
        Event::Answer(answer) if answer.result == CommandResult::Accepted => {
            log::info!(target: "trading", "command {}: {}", answer.kind, answer.result);
        }
        Event::Answer(answer) => {
            let why = match answer.result {
                CommandResult::Accepted => "",
                CommandResult::Duplicate => "; it was done once and is not done again",
                CommandResult::Refused => "; too old, or not possible now",
                CommandResult::Malformed => "; not a command of this build, or of no symbol here",
            };
            let (kind, result) = (answer.kind, answer.result);
            log::warn!(target: "trading", "command {kind} (nonce {}): {result}{why}", answer.nonce);
        }
        Event::Limit(change) => {
            let shown = |value| amount(change.limit, value);
            log::warn!(
                target: "risk",
                "limit {}{}: {} -> {} by user {}, version {} of the limits",
                change.limit, of(change.symbol), shown(change.from), shown(change.to),
                change.uid, change.version,
            );
        }
        Event::Kill(change) => {
            let what = if change.is_on { "pressed" } else { "released" };
            log::error!(
                target: "risk",
                "kill switch {what}: {}, user {}", change.trigger, change.uid
            );
        }
        other => log::debug!(target: "trading", "{other:?}"),
    }
}

/// What a command asks.
fn asked(command: &Command) -> String {
    match (command.limit, command.trigger) {
        (Some((limit, NewLimit::Value(value))), _) => {
            format!("{} {limit} = {}", command.kind, amount(limit, value))
        }
        (Some((limit, NewLimit::File)), _) => format!("{} {limit} = the file's", command.kind),
        (None, Some(trigger)) => format!("{} ({trigger})", command.kind),
        (None, None) => command.kind.to_string(),
    }
}

/// The symbol of something that may be the whole account's.
fn of(symbol: SymbolId) -> String {
    if symbol == SymbolId::NONE { String::new() } else { format!(" of symbol {}", symbol.index()) }
}

/// A limit's value with its unit.
fn amount(limit: LimitKind, value: i64) -> String {
    match limit.unit() {
        LimitUnit::Amount => Notional::from_units(value).to_string(),
        LimitUnit::Ppm => format!("{value} ppm"),
        LimitUnit::Hundredths => format!("{}.{:02}", value / 100, value.unsigned_abs() % 100),
        LimitUnit::Count => value.to_string(),
        LimitUnit::Flag => if value != 0 { "yes" } else { "no" }.to_owned(),
    }
}

#[cfg(test)]
mod tests;
