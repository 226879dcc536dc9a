//! Tick to order over loopback TLS, in one run and interleaved.
//!
//! One measuring exchange (core 0) and, in turn on core 1, its clients: the trader itself (with a
//! logged-on session, and signing each order), a straightforward Rust client, an asyncio Python
//! client written like the architecture chapter's, and the floor (the same bytes, no work). Rounds
//! alternate so that all meet the same machine.
//! Wire-to-wire is from before the exchange's `write()` of the tick to after its `read()` of the
//! order (a client with two market connections gets the copy of a tick after its order, as the later
//! of two would be); in-process is from the return of the client's `read()` to its call of `write()`, stamped
//! by the client (the trader's from its journal).

mod floor;
mod frame;
mod http;
mod peers;
mod plain;
mod report;
mod rest;
mod server;
mod shrike;
mod tls;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};

use crate::peers::Bench;
use crate::report::Report;

/// Measures tick to order of the trader and of three peers, on this machine, in one run.
#[derive(Debug, Parser)]
#[command(version, after_help = "Example: cargo run --release -p bench --bin wire -- --rounds 5")]
struct Options {
    /// Rounds; in each, every client gets its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Orders measured a turn.
    #[arg(long, default_value_t = 2000)]
    ticks: usize,
    /// Orders before the measured ones, to warm caches and connections.
    #[arg(long, default_value_t = 300)]
    warm_up: usize,
    /// Pause between an order and the next tick, µs.
    #[arg(long, default_value_t = 200)]
    gap_us: u64,
    /// Clients to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Client::Trader, Client::TraderHmac, Client::Plain, Client::Python, Client::Floor])]
    clients: Vec<Client>,
    /// Writes every figure as JSON to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// A client measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// The trading process of this project, its order session logged on with an Ed25519 key.
    Trader,
    /// The same with an HMAC key, which signs every order.
    TraderHmac,
    /// serde_json, default tungstenite, `format!`.
    Plain,
    /// asyncio and aiohttp, orders by REST.
    Python,
    /// Same bytes, no work.
    Floor,
}

impl Client {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Trader => "trader",
            Self::TraderHmac => "trader-hmac",
            Self::Plain => "plain",
            Self::Python => "python",
            Self::Floor => "floor",
        }
    }
}

/// The clients that live in this binary; the bench starts them itself.
#[derive(Debug, Subcommand)]
enum Role {
    /// Runs the straightforward client.
    #[command(hide = true)]
    PeerPlain(Peer),
    /// Runs the floor.
    #[command(hide = true)]
    PeerFloor(Peer),
}

#[derive(Debug, clap::Args)]
struct Peer {
    port: u16,
    ca_file: PathBuf,
    secret: String,
    out: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match &options.role {
        Some(Role::PeerPlain(peer)) => run_peer(peer, false),
        Some(Role::PeerFloor(peer)) => run_peer(peer, true),
        None => measure(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wire: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn run_peer(peer: &Peer, floor: bool) -> Result<()> {
    let pem = std::fs::read_to_string(&peer.ca_file)?;
    let config = tls::client_config(&pem)?;
    let times = if floor {
        floor::run(&config, peer.port)?
    } else {
        plain::run(&config, peer.port, &peer.secret)?
    };
    let text: String = times.iter().map(|ns| format!("{ns}\n")).collect();
    std::fs::write(&peer.out, text).with_context(|| format!("writing {}", peer.out.display()))
}

fn measure(options: &Options) -> Result<()> {
    // Before pinning, which hides the other cores.
    let machine = bench::timing::machine();
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if let Some(first) = cores.first() {
        core_affinity::set_for_current(*first);
    }
    let mut bench = Bench::new(cores.len())?;
    let mut report = Report::new(machine);
    let gap = Duration::from_micros(options.gap_us);
    for round in 1..=options.rounds {
        for client in &options.clients {
            eprint!("\rround {round} of {}: {:11}", options.rounds, client.name());
            match bench.turn(*client, options.warm_up, options.ticks, gap) {
                Ok(turn) => report.add(*client, turn),
                Err(error) if *client == Client::Python => report.skip(*client, &error),
                Err(error) => return Err(error.context(format!("client {}", client.name()))),
            }
        }
    }
    eprintln!();
    print!("{}", report.text(options.gap_us));
    if let Some(path) = &options.json {
        std::fs::write(path, report.json()?)?;
        println!("all figures: {}", path.display());
    }
    Ok(())
}
