//! The command line: what can be asked, and help that teaches it.
#![allow(rustdoc::broken_intra_doc_links, reason = "help texts show brackets as one types them")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::Exit;

mod act;
mod look;
mod recording;
mod release;
mod top;

use act::{CANCEL_ALL, FLATTEN, HALT, KILL, LIMITS, RESUME, UNKILL};
pub(crate) use act::{
    CommandArgs, ConfirmedArgs, FileArgs, FlattenArgs, KillArgs, LimitsArgs, LimitsVerb, UnkillArgs,
};
use look::{AUDIT, DOCTOR, FILLS, ORDERS, POSITIONS, RISK};
pub(crate) use look::{AuditArgs, DoctorArgs, FillsArgs, LookArgs};
use recording::{EXPLAIN, RECORD, REPLAY};
pub(crate) use recording::{ExplainArgs, RecordArgs, ReplayArgs};
use release::RELEASE;
pub(crate) use release::{
    DeployArgs, PlaceArgs, ReleaseArgs, ReleaseVerb, RollbackArgs, WatchArgs,
};
use top::TOP;
pub(crate) use top::TopArgs;

const ABOUT: &str = "\
Shrike trades USDⓈ-M futures with one pinned thread and sidecars around shared-memory rings. This \
command runs it, looks into it and stops it.

Three commands to begin with:
  shrike demo                 a local exchange, the trader and its sidecars, for one minute
  shrike status               what the running trader does now
  shrike kill                 the red button: cancel and close everything, and stay stopped

An instance is one run of the trader; its rings are /dev/shm/shrike-<instance>-*. Commands take the \
only live one unless --instance names it.";

/// Arguments of `shrike`.
#[derive(Debug, Parser)]
#[command(name = "shrike", version, about = "Run, watch and stop Shrike", long_about = ABOUT)]
#[command(after_long_help = Exit::TABLE)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What is asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run the whole system against a local exchange and say how it went
    #[command(long_about = DEMO, after_long_help = Exit::TABLE)]
    Demo(DemoArgs),
    /// Run a local exchange that speaks the Binance protocol
    #[command(long_about = VENUE, after_long_help = crate::exchange::fault_kinds())]
    Venue(VenueArgs),
    /// Run trader and sidecars of one environment, restarting what dies
    #[command(long_about = UP)]
    Up(UpArgs),
    /// Show what the trader does now; compare venue, journal and database
    #[command(long_about = STATUS, after_long_help = Exit::TABLE)]
    Status(StatusArgs),
    /// Show a run on the terminal, as it is
    #[command(long_about = TOP, after_long_help = Exit::TABLE)]
    Top(TopArgs),
    /// Cancel all orders, close all positions, then halt
    #[command(long_about = FLATTEN, after_long_help = Exit::TABLE)]
    Flatten(FlattenArgs),
    /// Send no new orders that add risk; working orders stay
    #[command(long_about = HALT)]
    Halt(CommandArgs),
    /// Trade again after a halt, through reconciliation with the venue
    #[command(long_about = RESUME)]
    Resume(ConfirmedArgs),
    /// Cancel all working orders; trading goes on
    #[command(long_about = CANCEL_ALL)]
    CancelAll(CommandArgs),
    /// List the orders that live
    #[command(long_about = ORDERS)]
    Orders(LookArgs),
    /// List positions, the trader's and the venue's
    #[command(long_about = POSITIONS)]
    Positions(LookArgs),
    /// List the last fills
    #[command(long_about = FILLS)]
    Fills(FillsArgs),
    /// Show each limit, its use and what is left; guard's numbers
    #[command(long_about = RISK)]
    Risk(LookArgs),
    /// List the limits, tighten one, give one back
    #[command(long_about = LIMITS, after_long_help = Exit::TABLE)]
    Limits(LimitsArgs),
    /// Press the kill switch and wait until the account is flat
    #[command(long_about = KILL, after_long_help = Exit::TABLE)]
    Kill(KillArgs),
    /// Release the kill switch
    #[command(long_about = UNKILL, after_long_help = Exit::TABLE)]
    Unkill(UnkillArgs),
    /// Show who asked for what
    #[command(long_about = AUDIT)]
    Audit(AuditArgs),
    /// Check what a run needs
    #[command(long_about = DOCTOR, after_long_help = Exit::TABLE)]
    Doctor(DoctorArgs),
    /// Change to a new release, on probation, and back
    #[command(long_about = RELEASE, after_long_help = Exit::TABLE)]
    Release(ReleaseArgs),
    /// Decode and print a ring, a newest-value segment or a recorded journal
    #[command(long_about = INSPECT)]
    Inspect(InspectArgs),
    /// Keep everything a run took and said in a file
    #[command(long_about = RECORD)]
    Record(RecordArgs),
    /// Run a recording again and compare every word
    #[command(long_about = REPLAY)]
    Replay(ReplayArgs),
    /// Tell the story of one order
    #[command(long_about = EXPLAIN)]
    Explain(ExplainArgs),
    /// Name every mistake of a configuration file, with its line
    #[command(long_about = CHECK_CONFIG)]
    CheckConfig(CheckConfigArgs),
    /// Runs a program that ends when the caller ends (used by `demo` and `up`)
    #[command(hide = true)]
    Child(ChildArgs),
}

const DEMO: &str = "\
Starts a local exchange (TLS, real protocol), the trader, guard, persist and metrics, shows them on \
one screen, stops everything in order and compares the exchange's ledger with the journal and the \
database to the last digit. Needs no account and no internet.

Examples:
  shrike demo                              one minute of a generated market
  shrike demo --seconds 300 --seed 7       another market, longer
  shrike demo --tape btcusdt_20240718.gz --tape ethusdt_20240718.gz
                                           recorded markets, until the tape ends
  shrike demo --tape A.gz --speed 4        the same, four times as fast
  shrike demo --tape A.gz --speed 10 --loop --seconds 1800
                                           half an hour of a tape that begins again and again
  shrike demo --faults seed:7              with an exchange that misbehaves at random
  shrike demo --scenario crash             a market that falls by 15 %: guard, kill switch, alerts
  shrike demo --plain | tee demo.log       lines instead of a screen
  DATABASE_URL=postgres://localhost/shrike shrike demo
                                           rows go to PostgreSQL instead of SQLite

q or Ctrl-C ends early, and just as cleanly. Everything the run wrote stays in its directory; \
`shrike status --reconcile --dir DIR` repeats the comparison later.";

/// `shrike demo`.
#[derive(Debug, Args, Clone)]
pub(crate) struct DemoArgs {
    /// Recorded market to replay; symbols come from the file names; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) tape: Vec<PathBuf>,
    /// How long to trade [default: 60, or the length of the tape]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: Option<u64>,
    /// Seed of the generated market and of the exchange's keys and ids
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How much faster than recorded the market runs
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// Start the tape again when it ends, until the time is over
    #[arg(long = "loop", requires = "tape")]
    pub(crate) loop_tape: bool,
    /// How the exchange misbehaves: a file of [[fault]] tables, or seed:N[,rate=R][,only=A+B]
    #[arg(long, value_name = "FILE|SEED", value_parser = faults)]
    pub(crate) faults: Option<String>,
    /// A story instead of a time: `crash` is a fall of the market while the account is long
    #[arg(long, value_enum, conflicts_with_all = ["tape", "seconds", "speed", "faults"])]
    pub(crate) scenario: Option<Scenario>,
    /// How the market of --scenario crash falls [default: 15,20,15]
    #[arg(long, requires = "scenario", value_name = "AFTER_S,SECONDS,PERCENT")]
    pub(crate) fall: Option<venue::Fall>,
    /// Where the run keeps its files [default: .run/demo-TIME]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Configuration the run is derived from [default: config/demo.toml of the workspace]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Lines every two seconds instead of a screen (also when stdout is not a terminal)
    #[arg(long)]
    pub(crate) plain: bool,
    /// Keep everything the trader took and said in run.rec, for `shrike replay`
    #[arg(long)]
    pub(crate) record: bool,
    /// Leave the shared-memory segments in /dev/shm for `shrike inspect`
    #[arg(long)]
    pub(crate) keep: bool,
    /// Do not build missing binaries, even under cargo
    #[arg(long)]
    pub(crate) no_build: bool,
    /// PostgreSQL to fill instead of a SQLite file in the run directory
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
}

/// What a demo tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// The market falls by 15 % in 20 s while the account is long.
    Crash,
}

const VENUE: &str = "\
A local exchange on 127.0.0.1 that speaks the Binance USDⓈ-M protocol: REST, market streams, user \
data and the WebSocket API over TLS with its own certificate authority, and the same on a plain \
port. Orders match against the recorded or generated book with price-time priority.

With --faults it misbehaves: connections die or fall silent, frames are lost, doubled, swapped or \
spoilt, requests and answers vanish or lie about their outcome, listen keys end, orders appear by \
hand. Its ledger stays exact. A file lists faults:

  [[fault]]
  kind = \"answer\"                  # -1007, but the order is live
  where = { method = \"order.place\" }
  after = 3
  count = 1
  code = -1007
  outcome = \"executed\"

seed:N draws a mix that a healthy trader must survive (rate=R new faults a second, only=KIND+KIND). \
While it runs: POST {\"add\":[{…}]}, {\"remove\":[ID]} or {\"clear\":true} to /shrike/faults on the \
plain port; GET lists what is set and how often each struck. Kinds are listed below.

With --dir it writes ca.pem, api_key, api_secret and ed25519.pem (readable by you alone) and \
urls.json when it is ready, and ledger.json when it ends.

Examples:
  shrike venue --dir .run/venue                      a generated market on free ports
  shrike venue --tape btcusdt_20240718.gz --speed 2  a recorded one, twice as fast
  shrike venue --port 9443 --plain-port 9080 --seed 7
  shrike venue --faults seed:7,rate=1                misbehaves at random, once a second
  shrike venue --faults faults.toml                  misbehaves as listed
  curl $(jq -r .plain_rest_url .run/venue/urls.json)/fapi/v1/depth?symbol=BTCUSDT";

/// `shrike venue`.
#[derive(Debug, Args)]
pub(crate) struct VenueArgs {
    /// Recorded market to replay; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) tape: Vec<PathBuf>,
    /// Symbols of the generated market
    #[arg(long = "symbol", value_name = "SYMBOL", conflicts_with = "tape")]
    pub(crate) symbols: Vec<String>,
    /// Seed of the generated market, keys and ids
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How much faster than recorded the market runs
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// TLS port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Plain port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) plain_port: u16,
    /// Start a tape again when it ends, instead of letting the market stand still
    #[arg(long = "loop", requires = "tape")]
    pub(crate) loop_tape: bool,
    /// How it misbehaves: a file of [[fault]] tables, or seed:N[,rate=R][,only=A+B]
    #[arg(long, value_name = "FILE|SEED", value_parser = faults)]
    pub(crate) faults: Option<String>,
    /// When, for how long and how far the generated market falls
    #[arg(long, value_name = "AFTER_S,SECONDS,PERCENT", conflicts_with = "tape")]
    pub(crate) fall: Option<venue::Fall>,
    /// Balance of the account in USDT
    #[arg(long, default_value = "10000", value_parser = notional)]
    pub(crate) balance: schema::Notional,
    /// Where keys, certificate, urls.json and ledger.json go
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

const UP: &str = "\
Starts the trader with config/NAME.toml and its sidecars from the directory this binary is in, and \
stays in the foreground: output is prefixed with the process's name, a sidecar that dies is started \
again (after 1, 2, 4 … 30 s), and when the trader ends, so does everything else.

SIGINT or SIGTERM stop in order: the trader cancels its orders and leaves, then guard; persist \
writes what is left in the journal, then metrics.

Examples:
  shrike up --env paper
  shrike up --config /etc/shrike/production.toml
  shrike up --env production --releases /opt/shrike   the current release; SIGHUP restarts all
                                                      (see `shrike release --help`)";

/// `shrike up`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct UpArgs {
    /// Environment: takes config/NAME.toml
    #[arg(long = "env", value_name = "NAME", required_unless_present = "config")]
    pub(crate) environment: Option<String>,
    /// Configuration file, instead of --env
    #[arg(long, value_name = "FILE", conflicts_with = "environment")]
    pub(crate) config: Option<PathBuf>,
    /// Keep everything the trader took and said in this file, for `shrike replay`
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Run the current release of this folder; a trader that dies is started again, halted
    #[arg(long, value_name = "DIR")]
    pub(crate) releases: Option<PathBuf>,
}

const STATUS: &str = "\
Reads the trader's status segment: trading state and everything that keeps it from adding risk, \
links, books, positions, P&L, counters, health of the hot loop; the kill switch, guard's word and \
the builds of all processes. Reading costs the trader nothing.

With --reconcile it compares the venue's ledger, the journal and the database instead: counts, \
Σ quantity, Σ commission, Σ realised P&L, wallet and positions, exact to the last digit, and names \
the first rows that differ. It leaves with 0 when all agree and with 1 when they do not.

Examples:
  shrike status
  shrike status --json | jq .trading_state
  shrike status --reconcile --dir .run/demo-20261122-101500
  shrike status --reconcile --ledger http://127.0.0.1:9080/shrike/ledger";

/// `shrike status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Compare venue, journal and database
    #[arg(long)]
    pub(crate) reconcile: bool,
    /// Run directory of a demo, finished or not
    #[arg(long, value_name = "DIR", requires = "reconcile")]
    pub(crate) dir: Option<PathBuf>,
    /// The venue's ledger: a file, or the URL of a local venue
    #[arg(long, value_name = "FILE|URL", requires = "reconcile")]
    pub(crate) ledger: Option<String>,
    /// The database: a SQLite file or a postgres:// URL
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "FILE|URL")]
    pub(crate) database: Option<String>,
    /// How long a running system may take to agree, in seconds
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) wait: u64,
}

const INSPECT: &str = "\
Prints who made a segment (build, boot, run) and decodes its records, one a line. Works on a live \
ring, on one whose trader is dead, and on the journal.bin a demo leaves behind. Reading never \
disturbs the writer.

SEGMENT is a ring of the instance (market, journal, status, params, verdict, portfolio), or a file.

Examples:
  shrike inspect journal --last 20
  shrike inspect journal --follow --kind report
  shrike inspect market --follow --json | jq 'select(.kind == \"mark\")'
  shrike inspect .run/demo-20261122-101500/journal.bin";

/// `shrike inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// market, journal, status, params, verdict or portfolio; or a journal.bin
    pub(crate) segment: String,
    /// Which run; only needed when several have segments
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Keep printing what is published
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Only the newest N records that are there
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// Only records of this kind (`report`, `decision`, `state` …); may be given several times
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub(crate) kind: Vec<schema::Kind>,
}

const CHECK_CONFIG: &str = "\
Reads a configuration as the trader would and prints every mistake as FILE:LINE:COLUMN with what to \
write instead. Leaves with 0 when the file is fine and with 78 when it is not.

Example:
  shrike check-config config/paper.toml";

/// `shrike check-config`.
#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    /// The file
    pub(crate) file: PathBuf,
}

/// `shrike child`.
#[derive(Debug, Args)]
pub(crate) struct ChildArgs {
    /// Added to the niceness
    #[arg(long, default_value_t = 0)]
    pub(crate) nice: i32,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) program: Vec<std::ffi::OsString>,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.01..=1000.0).contains(&value) => Ok(value),
        Ok(_) => Err("must be between 0.01 and 1000".to_owned()),
        Err(_) => Err("not a number".to_owned()),
    }
}

/// Refuses what the venue would refuse, before anything is started.
fn faults(text: &str) -> Result<String, String> {
    venue::faults::Plan::parse(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

fn notional(text: &str) -> Result<schema::Notional, String> {
    match text.parse::<schema::Notional>() {
        Ok(value) if value.units() > 0 => Ok(value),
        Ok(_) => Err("must be above zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn kind(text: &str) -> Result<schema::Kind, String> {
    schema::Kind::from_wire(text.as_bytes()).ok_or_else(|| {
        let known: Vec<&str> = schema::Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("not a record kind; one of {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests;
