//! What a venue is started with: ports, market, accounts, limits, lifetimes.

use std::path::PathBuf;

use backtest::generator::Fall;
use schema::Notional;

use crate::faults::Plan;

/// Everything [`crate::spawn`] needs; [`VenueConfig::default`] is a seeded market on free ports.
#[derive(Debug, Clone)]
pub struct VenueConfig {
    /// Port of the TLS listener on 127.0.0.1; 0 takes a free one.
    pub tls_port: u16,
    /// Port of the plain listener on 127.0.0.1, also for `/shrike/*`; 0 takes a free one.
    pub plain_port: u16,
    /// Seeds keys, ids and the generated market. The same seed gives the same of all three.
    pub seed: u64,
    /// Where the market comes from.
    pub source: MarketSource,
    /// How much faster than recorded the market runs; 1.0 is real time. Times stay wall time.
    pub speed: f64,
    /// Events a second and symbol of a generated market; `None` takes a lively one's.
    pub market_events_per_second: Option<u32>,
    /// Whether a generated market falls, and how.
    pub fall: Option<Fall>,
    /// Accounts; empty gives one with 10,000 USDT.
    pub accounts: Vec<AccountSetup>,
    /// Fee of a maker fill in millionths of the notional.
    pub maker_fee_ppm: i64,
    /// Fee of a taker fill in millionths of the notional.
    pub taker_fee_ppm: i64,
    /// Added to order and trade ids, below 5e15; `None` takes Unix seconds × 1,000,000, so that runs
    /// recorded in one database do not share ids.
    pub first_id: Option<i64>,
    /// Weight and order-count limits.
    pub limits: RateLimitConfig,
    /// Lifetimes and heartbeats.
    pub lifetimes: Lifetimes,
    /// Frames waiting for one connection before it is cut as too slow.
    pub queue_frames_max: usize,
    /// How it misbehaves from the start; more can be asked for while it runs.
    pub faults: Plan,
    /// Where `ca.pem`, `api_key`, `api_secret` and `ed25519.pem` are written (mode 0600), if
    /// anywhere.
    pub dir: Option<PathBuf>,
}

impl Default for VenueConfig {
    fn default() -> Self {
        Self {
            tls_port: 0,
            plain_port: 0,
            seed: 1,
            source: MarketSource::Generated {
                symbols: vec!["BTCUSDT".to_owned(), "ETHUSDT".to_owned()],
            },
            speed: 1.0,
            market_events_per_second: None,
            fall: None,
            accounts: Vec::new(),
            maker_fee_ppm: 200,
            taker_fee_ppm: 500,
            first_id: None,
            limits: RateLimitConfig::default(),
            lifetimes: Lifetimes::default(),
            queue_frames_max: 16_384,
            faults: Plan::Quiet,
            dir: None,
        }
    }
}

/// Where the market comes from.
#[derive(Debug, Clone)]
pub enum MarketSource {
    /// The seeded generator; it never ends.
    Generated {
        /// Symbols to trade.
        symbols: Vec<String>,
    },
    /// Recorded files, merged by time (formats in the data folder's README).
    Tape {
        /// Files; several per symbol are read one after another.
        files: Vec<PathBuf>,
        /// What happens after the last event.
        at_end: AtEnd,
    },
}

/// What a recorded market does after its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtEnd {
    /// The market stands still, the venue goes on serving and [`crate::Handle::tape_ended`] turns
    /// true.
    #[default]
    Stand,
    /// The tape starts again, with new update and trade ids.
    Loop,
}

/// One account to open at start; its keys are made from the venue's seed.
#[derive(Debug, Clone)]
pub struct AccountSetup {
    /// Name, used in file names of all accounts but the first.
    pub name: String,
    /// Wallet balance in USDT at start.
    pub balance: Notional,
    /// Leverage of every symbol at start, or the symbol's largest if that is smaller.
    pub leverage: u32,
}

impl Default for AccountSetup {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            balance: Notional::from_units(10_000 * schema::SCALE),
            leverage: 20,
        }
    }
}

/// Limits as `exchangeInfo` reports them; the defaults are production's.
#[derive(Debug, Clone, Copy)]
pub struct RateLimitConfig {
    /// Request weight a minute and address; the WebSocket API has a pool of the same size.
    pub weight_1m_max: u32,
    /// Orders in ten seconds and account.
    pub orders_10s_max: u32,
    /// Orders a minute and account.
    pub orders_1m_max: u32,
    /// Requests answered 429 in one window before the address is banned with 418.
    pub violations_max: u32,
    /// Length of a ban in seconds.
    pub ban_s: u32,
    /// Messages a second and market or user connection before it is cut.
    pub messages_1s_max: u32,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self {
            weight_1m_max: 2400,
            orders_10s_max: 300,
            orders_1m_max: 1200,
            violations_max: 10,
            ban_s: 120,
            messages_1s_max: 10,
        }
    }
}

/// Lifetimes and heartbeats; the defaults are production's.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// Life of a WebSocket connection in milliseconds.
    pub connection_ms: u64,
    /// Time between the venue's pings in milliseconds.
    pub ping_ms: u64,
    /// Silence after a ping before the connection is cut, in milliseconds.
    pub pong_ms: u64,
    /// Life of a listen key without refresh, in milliseconds.
    pub listen_key_ms: i64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            connection_ms: 24 * 3_600_000,
            ping_ms: 180_000,
            pong_ms: 600_000,
            listen_key_ms: 3_600_000,
        }
    }
}
