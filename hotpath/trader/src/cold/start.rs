//! The start sequence against the venue, before anything is connected.
//!
//! Clock, listing, position mode, leverage, stale orders of ours. Every refusal says what to do.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use binance::SymbolFormat;
use binance::rest::{
    parse_exchange_info, parse_leverage, parse_open_orders, parse_position_mode, parse_server_time,
    parse_symbol_config,
};
use engine::Now;
use schema::ClientOrderId;

use super::api::{Api, CallError, Method, Security};
use crate::config::Config;

/// Asks until the venue takes requests again: at the start there is nothing else to do, and a
/// process that ends is started again and asks anew, which makes a ban longer.
pub struct Patient<'a>(pub &'a dyn Api);

impl Api for Patient<'_> {
    fn call(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        security: Security,
    ) -> Result<Vec<u8>, CallError> {
        loop {
            let wait = match self.0.call(method, path, params, security) {
                Err(CallError::Held { wait }) => wait,
                Err(CallError::Venue { status: 418 | 429, retry_after, .. }) => {
                    retry_after.unwrap_or_default()
                }
                result => return result,
            };
            let wait = wait.max(Duration::from_millis(100));
            log::warn!(
                target: "trading",
                "the venue wants no request for {:.1} s; waiting", wait.as_secs_f64()
            );
            std::thread::sleep(wait);
        }
    }
    fn now(&self) -> Now {
        self.0.now()
    }
}

/// One symbol as engine and encoder need it.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// For the engine.
    pub config: engine::SymbolConfig,
    /// For the encoder.
    pub format: SymbolFormat,
}

/// Waits for the venue to answer, and compares clocks.
///
/// # Errors
/// If it does not answer in time, or the clocks differ by more than the configuration allows.
pub fn check_clock(rest: &dyn Api, config: &Config) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_millis(config.venue.start_timeout_ms);
    let mut pause = Duration::from_millis(200);
    loop {
        let sent = rest.now().wall.ms();
        match rest.open("/fapi/v1/time", &[]) {
            Ok(body) => {
                let server = parse_server_time(&body).context("the venue's time")?;
                let received = rest.now().wall.ms();
                // The answer was made somewhere between: half the round trip is the best guess.
                let skew = server - sent.midpoint(received);
                let max = config.venue.clock_skew_ms_max;
                ensure!(
                    skew.abs() <= max,
                    "this host's clock is {skew} ms behind the venue's (at most {max} allowed); \
                     let chrony or systemd-timesyncd set it"
                );
                log::info!(target: "trading", "clock {skew} ms behind the venue's");
                return Ok(());
            }
            Err(error) if Instant::now() + pause < deadline && error.is_transient() => {
                log::warn!(target: "trading", "waiting for the venue: {error}");
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(3));
            }
            Err(error) => {
                return Err(error).context("the venue does not answer; is venue.rest_url right?");
            }
        }
    }
}

/// The filters of every configured symbol.
///
/// # Errors
/// If one is not listed or its filters cannot be used.
pub fn listing(rest: &dyn Api, config: &Config) -> anyhow::Result<Vec<Listed>> {
    let body = rest.open("/fapi/v1/exchangeInfo", &[])?;
    let info = parse_exchange_info(&body).context("exchangeInfo")?;
    config
        .symbols
        .iter()
        .map(|symbol| {
            let rules = info.symbol(&symbol.name).with_context(|| {
                format!("the venue does not list {}; correct [[symbol]].name", symbol.name)
            })?;
            if !rules.trading() {
                log::warn!(target: "trading", "{} is {}, not TRADING", symbol.name, rules.status);
            }
            Ok(Listed {
                config: engine::SymbolConfig {
                    name: symbol.name,
                    rules: engine_rules(rules),
                    limits: symbol.limits,
                },
                format: SymbolFormat {
                    name: symbol.name,
                    price_decimals: rules.price_decimals,
                    qty_decimals: rules.qty_decimals,
                },
            })
        })
        .collect()
}

/// The venue's filters as the engine counts them.
pub fn engine_rules(rules: &binance::rest::SymbolRules) -> engine::SymbolRules {
    // A filter the venue does not send does not bind.
    let or = |value: i64, absent: i64| if value == 0 { absent } else { value };
    engine::SymbolRules {
        tick: rules.tick,
        price_min: rules.min_price.max(rules.tick),
        price_max: rules.max_price,
        step: rules.step,
        qty_min: rules.min_qty,
        qty_max: rules.max_qty,
        market_step: rules.market_step,
        market_qty_min: rules.market_min_qty,
        market_qty_max: rules.market_max_qty,
        notional_min: rules.min_notional,
        percent_up_e4: or(rules.multiplier_up_e4, 1_000_000),
        percent_down_e4: rules.multiplier_down_e4,
        open_orders_max: rules.max_num_orders,
        is_trading: rules.trading(),
    }
}

/// One-way mode and the configured leverage, set where they differ.
///
/// # Errors
/// If they cannot be read or set.
pub fn set_modes(rest: &dyn Api, config: &Config) -> anyhow::Result<()> {
    let body = rest.signed("/fapi/v1/positionSide/dual", &[]).map_err(hint)?;
    if parse_position_mode(&body).context("position mode")? {
        log::warn!(target: "trading", "the account is in hedge mode; setting one-way mode");
        let params = [("dualSidePosition", "false")];
        let set = rest.call(Method::Post, "/fapi/v1/positionSide/dual", &params, Security::Signed);
        match set {
            Ok(_) => {}
            Err(error) if error.code() == -4059 => {} // already so
            Err(error) => {
                return Err(error).context(
                    "hedge mode cannot be left while there are orders or positions; close them",
                );
            }
        }
    }
    let body = rest.signed("/fapi/v1/symbolConfig", &[])?;
    let in_force = parse_symbol_config(&body).context("symbolConfig")?;
    for symbol in &config.symbols {
        let current = in_force.iter().find(|row| row.symbol == symbol.name);
        ensure!(
            current.is_none_or(|row| row.is_cross),
            "{} has isolated margin and this system trades cross margin; close its position and \
             set its margin type to CROSSED",
            symbol.name
        );
        if current.is_some_and(|row| row.leverage == config.leverage) {
            continue;
        }
        let (name, leverage) = (symbol.name.to_string(), config.leverage.to_string());
        let params = [("symbol", name.as_str()), ("leverage", leverage.as_str())];
        let body = rest
            .call(Method::Post, "/fapi/v1/leverage", &params, Security::Signed)
            .with_context(|| format!("cannot set leverage {leverage} of {name}"))?;
        let set = parse_leverage(&body).context("leverage")?;
        ensure!(
            set.leverage == config.leverage,
            "the venue set leverage {} of {name} instead of {leverage}; use what it allows",
            set.leverage
        );
        log::info!(target: "trading", "leverage of {name} set to {leverage}");
    }
    Ok(())
}

/// Says what to do about refusals everybody meets once.
fn hint(error: CallError) -> anyhow::Error {
    let remedy = match error.code() {
        -2014 | -2015 => "check the API key, its permissions and its address list",
        -1022 => "the secret does not belong to the key, or keys.key_type is wrong",
        -1021 => "the clock differs too much; let chrony or systemd-timesyncd set it",
        _ => "see the venue's message",
    };
    anyhow::Error::new(error).context(remedy)
}

/// Cancels what an earlier run of ours left; other people's orders are only named.
///
/// # Errors
/// If the orders cannot be read, or one of ours stays.
pub fn cancel_stale(rest: &dyn Api, config: &Config) -> anyhow::Result<usize> {
    let mut cancelled = 0;
    for symbol in &config.symbols {
        let name = symbol.name.to_string();
        let body = rest.signed("/fapi/v1/openOrders", &[("symbol", &name)])?;
        for order in parse_open_orders(&body).context("openOrders")? {
            if order.client_order_id == ClientOrderId::NONE {
                let id = &order.client_order_id_text;
                log::warn!(target: "trading", "{name} has order {id} of someone else; left alone");
                continue;
            }
            let id = order.venue_order_id.0.to_string();
            let params = [("symbol", name.as_str()), ("orderId", id.as_str())];
            match rest.call(Method::Delete, "/fapi/v1/order", &params, Security::Signed) {
                Ok(_) => cancelled += 1,
                Err(error) if error.code() == -2011 => {} // done in the meantime
                Err(error) => {
                    bail!("stale order {} of {name} stays: {error}", order.client_order_id)
                }
            }
        }
    }
    if cancelled > 0 {
        log::warn!(target: "trading", "cancelled {cancelled} orders of an earlier run");
    }
    Ok(cancelled)
}
