//! What every run is made of: the venue, the account, the engine's settings. Chosen from the seed
//! where a choice covers more.

use std::collections::BTreeSet;

use binance::rest::parse_exchange_info;
use binance::sign::{HmacKey, Signer};
use binance::{Encoder, SymbolFormat};
use engine::strategy::{TestConfig, TestStyle};
use engine::{Limits, Safety, StrategyConfig, SymbolConfig, SymbolLimits, Timing};
use schema::{BootEpoch, Notional, Qty, SCALE, SymbolName};
use trader::feed::Patience;
use trader::session::Settings;
use venue::{Inline, MarketSource, RateLimitConfig, VenueConfig};

use crate::network::MS;
use crate::random::Random;

/// The venue's clock when a run begins, ms.
pub(crate) const START_MS: i64 = 1_790_000_000_000;
/// Silence after which a feed is stale.
pub(crate) const FEED_AGE_NS: u64 = 3_000 * MS;
/// An answer is overdue after this.
pub(crate) const ACK_NS: u64 = 1_000 * MS;
/// A request is carried out so late at most: sooner than an order the venue does not know is gone.
const RECV_WINDOW_MS: u32 = 1_500;
/// What the dead-man timers are set to, ms.
pub(crate) const COUNTDOWN_MS: u64 = 6_000;

/// What a run is made of.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) names: Vec<SymbolName>,
    pub(crate) symbols: Vec<SymbolConfig>,
    formats: Vec<SymbolFormat>,
    pub(crate) api_key: String,
    signer: Signer,
    strategy: TestConfig,
}

impl Setup {
    /// A venue, and what the trader is told of it.
    ///
    /// # Errors
    /// If the venue cannot be made.
    pub(crate) fn new(seed: u64, random: &mut Random) -> anyhow::Result<(Self, Inline)> {
        let mut texts = vec!["BTCUSDT".to_owned()];
        if random.chance(200_000) {
            texts.push("ETHUSDT".to_owned());
        }
        let config = VenueConfig {
            seed,
            source: MarketSource::Generated { symbols: texts.clone() },
            market_events_per_second: Some(random.between(3, 8) as u32),
            first_id: Some(0),
            // The trader's own budget of weights (`trader::cold::budget`) is not in the simulation.
            limits: RateLimitConfig { weight_1m_max: 1_000_000, ..RateLimitConfig::default() },
            ..VenueConfig::default()
        };
        let mut venue = Inline::new(&config, START_MS)?;
        let api_key = venue.credentials(0).map(|keys| keys.api_key.clone()).unwrap_or_default();
        let listing = venue.rest(START_MS, "GET", "/fapi/v1/exchangeInfo", "");
        let info = parse_exchange_info(listing.body.as_bytes())?;
        let mut symbols = Vec::new();
        let mut formats = Vec::new();
        for text in &texts {
            let name = SymbolName::new(text.as_bytes()).unwrap_or_default();
            let Some(rules) = info.symbol(&name) else { anyhow::bail!("{text} is not listed") };
            let order = if text == "BTCUSDT" { SCALE / 100 } else { SCALE * 28 / 100 };
            let limits = SymbolLimits {
                is_restricted: false,
                qty_max: Qty::from_units(order),
                notional_max: Notional::from_units(100_000 * SCALE),
                // Room for one order and not for two.
                position_max: Qty::from_units(order * 6 / 10),
            };
            symbols.push(SymbolConfig {
                name,
                rules: trader::cold::start::engine_rules(rules),
                limits,
            });
            formats.push(SymbolFormat {
                name,
                price_decimals: rules.price_decimals,
                qty_decimals: rules.qty_decimals,
            });
        }
        let strategy = TestConfig {
            style: random.pick(&[
                TestStyle::Ioc,
                TestStyle::Gtx,
                TestStyle::Gtx,
                TestStyle::EveryTick,
            ]),
            interval_ms: random.between(200, 900) as i64,
            hold_ms: random.between(100, 700) as i64,
            every_ticks: random.between(1, 2) as i64,
            order_notional_e8: random.between(340, 500) as i64 * SCALE,
            reach_ticks: random.between(0, 20) as i64,
        };
        let names = symbols.iter().map(|symbol| symbol.name).collect();
        let signer = Signer::Hmac(HmacKey::new(b"the secret of a simulation"));
        Ok((Self { names, symbols, formats, api_key, signer, strategy }, venue))
    }

    /// What the engine of a start is made of.
    pub(crate) fn engine(&self, epoch: u32, is_killed: bool) -> engine::Config {
        engine::Config {
            symbols: self.symbols.clone(),
            limits: Limits {
                capital: Notional::from_units(100_000 * SCALE),
                exposure_max: Notional::from_units(40_000 * SCALE),
                leverage_max_e2: 200,
                price_collar_ppm: 5_000,
                open_orders_max: 16,
                messages_10s_max: 280,
                messages_1m_max: 1_100,
                messages_cancel_reserve: 40,
                book_age_ns_max: 2_000 * MS,
                feed_delay_ns_max: 2_000 * MS,
                mark_age_ns_max: 5_000 * MS,
                duplicate_window_ns: 0,
                daily_loss_max: Notional::from_units(5_000 * SCALE),
                venue_rejects_max: 20,
                // On, and so loose that only a limit that was tightened is felt.
                repeated_orders_max: 10_000,
                repeated_window_ns: 2_000 * MS,
                order_to_trade_e2_max: 1_000_000,
                order_to_trade_from: 20,
                maintenance_ppm: 10_000,
                ..Limits::LOOSE
            },
            timing: Timing {
                ack_timeout_ns: ACK_NS,
                query_interval_ns: 300 * MS,
                absent_grace_ns: 2_000 * MS,
                feed_age_ns_max: FEED_AGE_NS,
                settle_ns: 1_000 * MS,
                truth_age_ns_max: 15_000 * MS,
                ..Timing::default()
            },
            strategy: StrategyConfig::Test(self.strategy),
            params: engine::signal::DEFAULT_PARAMS,
            epoch: BootEpoch(epoch),
            require_verdict: false,
            is_enabled: true,
            is_killed,
            safety: Safety {
                require_dead_man: true,
                require_clock: true,
                clock_skew_ns_max: 500 * MS,
                ..Safety::default()
            },
        }
    }

    /// The encoder of a start.
    ///
    /// # Errors
    /// If the settings are refused.
    pub(crate) fn encoder(&self) -> anyhow::Result<Encoder> {
        Encoder::new(&self.api_key, self.signer.clone(), &self.formats, RECV_WINDOW_MS)
            .map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Path and query of the streams of a link.
    pub(crate) fn path(&self, link: schema::Link, listen_key: &str) -> String {
        let streams = |kinds: &[&str]| {
            let names = self.names.iter().map(|name| name.to_string().to_lowercase());
            let all: BTreeSet<String> = names
                .flat_map(|name| kinds.iter().map(move |kind| format!("{name}@{kind}")))
                .collect();
            all.into_iter().collect::<Vec<_>>().join("/")
        };
        match link {
            schema::Link::Public => {
                let kinds = ["trade", "bookTicker", "depth20@500ms", "depth@500ms"];
                format!("/public/stream?streams={}", streams(&kinds))
            }
            schema::Link::Market => {
                format!("/market/stream?streams={}", streams(&["markPrice@1s"]))
            }
            schema::Link::User => format!("/private/ws?listenKey={listen_key}"),
            schema::Link::Order => "/ws-fapi/v1".to_owned(),
        }
    }
}

/// How long the session waits for things: shorter than in production, so that runs are short.
pub(crate) fn session() -> Settings {
    Settings {
        patience: Patience {
            first_ns: 3_000 * MS,
            ticker_ns: 4_000 * MS,
            depth_ns: 4_000 * MS,
            mark_ns: 4_000 * MS,
        },
        answer_ns: 1_500 * MS,
        ping_ns: 2_000 * MS,
        report_ns: 1_500 * MS,
        max_age_ns: 3_600_000 * MS,
        fallback_ns: 1_000 * MS,
        reconcile_every_ns: 10_000 * MS,
        needs_logon: false,
    }
}
