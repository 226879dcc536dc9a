//! Putting a venue together: market, exchange, accounts, listeners, threads.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use backtest::{
    AccountConfig, Exchange, ExchangeConfig, Rules, Tape,
    generator::{Generator, MarketConfig},
};
use schema::{Price, SCALE, SymbolName};
use tokio::{net::TcpListener, runtime::Runtime, sync::watch};
use tokio_rustls::TlsAcceptor;

use crate::{
    Credentials, Handle,
    auth::KeyRing,
    config::{AccountSetup, AtEnd, MarketSource, VenueConfig},
    core::{Core, Stats},
    credentials::write_private,
    faults::{Plan, active::Faults, mix::Mix},
    gate::Gate,
    handle::Running,
    limits::Meter,
    server::{Shared, accept},
    source::{Feed, Source},
    thread::{start, wall_ns},
    tls::Authority,
    users::Users,
    wire::Format,
};

/// Threads that serve sockets; the exchange has its own.
const IO_THREADS: usize = 2;
/// How often [`run`] looks whether it should end.
const STOP_POLL: Duration = Duration::from_millis(50);

/// Starts a venue and returns when its ports are bound and its books are filled.
///
/// # Errors
/// A port in use, an unreadable tape, a symbol that is not one, a directory that cannot be written.
pub fn spawn(config: VenueConfig) -> anyhow::Result<Handle> {
    ensure!(config.queue_frames_max > 0, "queue_frames_max must be positive");
    let Parts { core, gate, accounts } = make(&config, wall_ns(), false)?;
    let authority = Authority::make()?;
    if let Some(dir) = &config.dir {
        write_files(dir, &authority.ca_pem, &accounts)?;
    }

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .thread_name("venue-io")
        .enable_all()
        .build()
        .context("cannot start the socket threads")?;
    let tls = bind(&runtime, config.tls_port)?;
    let plain = bind(&runtime, config.plain_port)?;
    let (tls_at, plain_at) = (tls.local_addr()?, plain.local_addr()?);

    let stop_core = Arc::new(AtomicBool::new(false));
    let (core, thread) = start(core, Arc::clone(&stop_core)).context("cannot start the core")?;
    let (stop_io, stop) = watch::channel(false);
    let stats = Arc::clone(&gate.stats);
    let ca_pem = authority.ca_pem.clone();
    let shared = Shared { core: core.clone(), gate, authority, config, stop };
    serve(&runtime, shared, tls, plain);

    let running =
        Running { core, stats, stop_core, stop_io, runtime: Some(runtime), thread: Some(thread) };
    Ok(handle(tls_at, plain_at, ca_pem, accounts, running))
}

/// Runs a venue until `shutdown` turns true; `ready` is called once with the running venue.
///
/// # Errors
/// As [`spawn`]; and if the venue's core ended by a panic.
pub fn run(
    config: VenueConfig,
    shutdown: &AtomicBool,
    ready: impl FnOnce(&Handle),
) -> anyhow::Result<()> {
    let handle = spawn(config)?;
    ready(&handle);
    while !shutdown.load(Ordering::Relaxed) {
        ensure!(!handle.has_failed(), "the venue's core panicked; its message stands above");
        std::thread::sleep(STOP_POLL);
    }
    handle.stop();
    Ok(())
}

fn serve(runtime: &Runtime, shared: Shared, tls: TcpListener, plain: TcpListener) {
    let shared = Arc::new(shared);
    let acceptor = TlsAcceptor::from(Arc::clone(&shared.authority.server));
    runtime.spawn(accept(Arc::clone(&shared), tls, Some(acceptor)));
    runtime.spawn(accept(shared, plain, None));
}

fn bind(runtime: &Runtime, port: u16) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    runtime
        .block_on(TcpListener::bind(address))
        .with_context(|| format!("cannot listen on {address}; is another venue running?"))
}

fn handle(
    tls: SocketAddr,
    plain: SocketAddr,
    ca_pem: String,
    accounts: Vec<Credentials>,
    running: Running,
) -> Handle {
    Handle {
        rest_url: format!("https://{tls}"),
        stream_url: format!("wss://{tls}"),
        order_url: format!("wss://{tls}/ws-fapi/v1"),
        plain_rest_url: format!("http://{plain}"),
        plain_stream_url: format!("ws://{plain}"),
        plain_order_url: format!("ws://{plain}/ws-fapi/v1"),
        ca_pem,
        accounts,
        running,
    }
}

/// The first account's keys go into the directory itself, others into one named after them.
fn write_files(
    dir: &std::path::Path,
    ca_pem: &str,
    accounts: &[Credentials],
) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    write_private(&dir.join("ca.pem"), ca_pem)?;
    for (index, account) in accounts.iter().enumerate() {
        if index == 0 {
            account.write(dir)?;
        } else {
            let own = dir.join(&account.name);
            std::fs::create_dir_all(&own)
                .with_context(|| format!("cannot make {}", own.display()))?;
            account.write(&own)?;
        }
    }
    Ok(())
}

/// A venue without a way in.
pub(crate) struct Parts {
    /// The exchange and what is around it.
    pub(crate) core: Core,
    /// What requests pass first.
    pub(crate) gate: Arc<Gate>,
    /// Keys of the accounts.
    pub(crate) accounts: Vec<Credentials>,
}

/// Makes market, exchange and accounts at a time of the caller's clock.
///
/// # Errors
/// As [`spawn`], ports and directory aside.
pub(crate) fn make(config: &VenueConfig, now_ns: i64, is_trusting: bool) -> anyhow::Result<Parts> {
    ensure!(config.speed > 0.0 && config.speed.is_finite(), "speed must be positive");
    let default = [AccountSetup::default()];
    let setups = if config.accounts.is_empty() { &default[..] } else { config.accounts.as_slice() };
    let accounts: Vec<Credentials> = setups
        .iter()
        .enumerate()
        .map(|(index, setup)| Credentials::generate(&setup.name, config.seed, index as u64))
        .collect();
    let gate = Arc::new(Gate {
        keys: KeyRing::new(&accounts)?,
        meter: Arc::new(Meter::new(config.limits)),
        stats: Arc::new(Stats::default()),
        faults: Arc::new(faults(config, now_ns / 1_000_000)),
        is_trusting,
    });
    let core = make_core(config, setups, &accounts, &gate, now_ns)?;
    Ok(Parts { core, gate, accounts })
}

/// The faults a venue starts with.
fn faults(config: &VenueConfig, now_ms: i64) -> Faults {
    let faults = Faults::new(config.seed);
    match &config.faults {
        Plan::Quiet => {}
        Plan::Listed(listed) => {
            for fault in listed {
                faults.add(fault.clone(), now_ms);
            }
        }
        Plan::Seeded { seed, rate, only } => faults.begin(Mix::new(*seed, *rate, only)),
    }
    faults
}

fn make_core(
    config: &VenueConfig,
    setups: &[AccountSetup],
    keys: &[Credentials],
    gate: &Gate,
    now_ns: i64,
) -> anyhow::Result<Core> {
    let now_ms = now_ns / 1_000_000;
    let (rules, feed) = market(config, now_ms)?;
    let formats: Arc<[Format]> = rules.iter().map(format_of).collect();
    let mut exchange = Exchange::new(ExchangeConfig {
        maker_fee_ppm: config.maker_fee_ppm,
        taker_fee_ppm: config.taker_fee_ppm,
        first_id: config.first_id.unwrap_or(now_ms / 1_000 * 1_000_000),
        ..ExchangeConfig::new(rules)
    });
    for (setup, keys) in setups.iter().zip(keys) {
        let account = AccountConfig { api_key: keys.api_key.clone(), balance: setup.balance };
        let id = exchange.open_account(now_ms, account);
        for index in 0..formats.len() {
            let symbol = schema::SymbolId(index as u16);
            let leverage_max = exchange.rules(symbol).map_or(1, Rules::leverage_max);
            exchange
                .set_leverage(now_ms, id, symbol, setup.leverage.min(leverage_max))
                .map_err(|error| anyhow::anyhow!("account {}: {error}", setup.name))?;
        }
    }
    // What opening accounts caused concerns no one: no one listens yet.
    drop(exchange.drain_events());
    let source = Source::new(feed, config.speed);
    let users = Users::new(config.seed, config.lifetimes.listen_key_ms);
    Ok(Core::new(exchange, setups.len(), formats, source, users, gate, now_ns))
}

/// Symbols and events of the configured market.
fn market(config: &VenueConfig, now_ms: i64) -> anyhow::Result<(Vec<Rules>, Feed)> {
    match &config.source {
        MarketSource::Generated { symbols } => {
            ensure!(!symbols.is_empty(), "a market needs at least one symbol");
            let mut rules = Vec::new();
            for name in symbols {
                let name = SymbolName::new(name.as_bytes())
                    .with_context(|| format!("{name:?} is not a symbol"))?;
                rules.push(Rules::for_symbol(name, 4, 1));
            }
            let pace = config.market_events_per_second;
            let markets = rules.iter().map(|rules| generated(rules, pace)).collect();
            let generator = Generator::new(config.seed, now_ms, markets);
            let generator = match config.fall {
                Some(fall) => generator.falling(fall),
                None => generator,
            };
            Ok((rules, Feed::Generated(Box::new(generator))))
        }
        MarketSource::Tape { files, at_end } => {
            ensure!(!files.is_empty(), "a tape needs at least one file");
            let tape = Tape::open(files).map_err(|error| anyhow::anyhow!("{error}"))?;
            let rules = tape.rules();
            let tape = if *at_end == AtEnd::Loop { tape.repeating() } else { tape };
            Ok((rules, Feed::Tape(Box::new(tape))))
        }
    }
}

/// A lively market around a plausible price.
fn generated(rules: &Rules, events_per_second: Option<u32>) -> MarketConfig {
    let price = match rules.name.as_str() {
        "BTCUSDT" => 84_551,
        "ETHUSDT" => 3_120,
        _ => 1,
    };
    let config = MarketConfig::new(rules, Price::from_units(price * SCALE));
    let events_per_second = events_per_second.unwrap_or(config.events_per_second);
    MarketConfig { events_per_second, ..config }
}

fn format_of(rules: &Rules) -> Format {
    let name = rules.name.as_str().to_owned();
    Format {
        lower: name.to_lowercase(),
        name,
        price_decimals: rules.price_precision as usize,
        qty_decimals: rules.qty_precision as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_venue_whose_core_panics_ends() {
        let config = VenueConfig::default();
        let panics = |handle: &Handle| {
            let _ = handle.running.core.send(|_| panic!("on purpose"));
        };
        let error = run(config, &AtomicBool::new(false), panics).expect_err("it is over");
        assert!(error.to_string().contains("core panicked"), "{error}");
    }
}
