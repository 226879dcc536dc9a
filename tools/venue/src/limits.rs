//! Request weights, order counts and bans (PROTOCOL 6).
//!
//! Windows are fixed intervals of venue time: ten seconds and a minute. Weight belongs to an
//! address, and the WebSocket API has a pool of its own; order counts belong to an account.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use crate::{config::RateLimitConfig, refusal::Refusal};

/// Which pool of weight a request draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Pool {
    /// REST.
    Rest,
    /// The WebSocket API.
    WsApi,
}

/// Orders counted in the current windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OrderCounts {
    /// In the current ten seconds.
    pub(crate) count_10s: u32,
    /// In the current minute.
    pub(crate) count_1m: u32,
}

/// Counts what clients use and refuses what is over the limits.
pub(crate) struct Meter {
    config: RateLimitConfig,
    /// Part of the limits that holds, in millionths.
    part_ppm: AtomicI64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    weights: HashMap<(IpAddr, Pool), Window>,
    violations: HashMap<IpAddr, Window>,
    banned_until_ms: HashMap<IpAddr, i64>,
    orders: HashMap<usize, [Window; 2]>,
    /// Requests that came during a ban.
    refused_by_ban: u64,
}

/// A count within one fixed interval.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    number: i64,
    count: u32,
}

impl Window {
    fn at(&mut self, now_ms: i64, length_ms: i64) -> &mut u32 {
        let number = now_ms.div_euclid(length_ms);
        if number != self.number {
            *self = Self { number, count: 0 };
        }
        &mut self.count
    }
}

const MINUTE_MS: i64 = 60_000;
const TEN_SECONDS_MS: i64 = 10_000;

impl Meter {
    /// A meter that has counted nothing.
    pub(crate) fn new(config: RateLimitConfig) -> Self {
        let state = Mutex::new(State::default());
        Self { config, part_ppm: AtomicI64::new(1_000_000), state }
    }

    /// The limits as they hold now.
    pub(crate) fn config(&self) -> RateLimitConfig {
        let part = i128::from(self.part_ppm.load(Ordering::Relaxed));
        if part == 1_000_000 {
            return self.config;
        }
        let scaled = |limit: u32| (i128::from(limit) * part / 1_000_000).max(1) as u32;
        RateLimitConfig {
            weight_1m_max: scaled(self.config.weight_1m_max),
            orders_10s_max: scaled(self.config.orders_10s_max),
            orders_1m_max: scaled(self.config.orders_1m_max),
            ..self.config
        }
    }

    /// From now on only so many millionths of the limits hold.
    pub(crate) fn scale(&self, part_ppm: i64) {
        self.part_ppm.store(part_ppm.clamp(0, 1_000_000), Ordering::Relaxed);
    }

    /// Bans an address until a time.
    pub(crate) fn ban(&self, address: IpAddr, until_ms: i64, now_ms: i64) -> Refusal {
        self.state().banned_until_ms.insert(address, until_ms);
        banned(address, until_ms, now_ms)
    }

    /// Requests refused because of a ban, ever.
    pub(crate) fn refused_by_ban(&self) -> u64 {
        self.state().refused_by_ban
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Adds a request's weight; the weight used this minute, or why the request is refused.
    pub(crate) fn charge(
        &self,
        pool: Pool,
        address: IpAddr,
        weight: u32,
        now_ms: i64,
    ) -> Result<u32, Refusal> {
        let limits = self.config();
        let mut state = self.state();
        if let Some(&until) = state.banned_until_ms.get(&address) {
            if now_ms < until {
                state.refused_by_ban += 1;
                return Err(banned(address, until, now_ms));
            }
            state.banned_until_ms.remove(&address);
        }
        let used = state.weights.entry((address, pool)).or_default().at(now_ms, MINUTE_MS);
        if used.saturating_add(weight) <= limits.weight_1m_max {
            *used += weight;
            return Ok(*used);
        }
        let violations = state.violations.entry(address).or_default().at(now_ms, MINUTE_MS);
        *violations += 1;
        if *violations > limits.violations_max {
            let until = now_ms + i64::from(limits.ban_s) * 1_000;
            state.banned_until_ms.insert(address, until);
            return Err(banned(address, until, now_ms));
        }
        Err(Refusal {
            http: 429,
            code: -1003,
            msg: format!(
                "Too many requests; current limit of IP({address}) is {} requests per minute. \
                 Please use the websocket for live updates to avoid polling the API.",
                limits.weight_1m_max
            )
            .into(),
            retry_after_s: Some(seconds_left(now_ms, MINUTE_MS)),
        })
    }

    /// The weight used this minute.
    pub(crate) fn used(&self, pool: Pool, address: IpAddr, now_ms: i64) -> u32 {
        *self.state().weights.entry((address, pool)).or_default().at(now_ms, MINUTE_MS)
    }

    /// Counts orders (they may weigh differently in the two windows), or refuses them uncounted.
    pub(crate) fn count_orders(
        &self,
        account: usize,
        count_10s: u32,
        count_1m: u32,
        now_ms: i64,
    ) -> Result<OrderCounts, Refusal> {
        let limits = self.config();
        let mut state = self.state();
        let [ten, minute] = state.orders.entry(account).or_default();
        let (ten, minute) = (ten.at(now_ms, TEN_SECONDS_MS), minute.at(now_ms, MINUTE_MS));
        let too_many = |limit: u32, unit: &str, length_ms: i64| Refusal {
            http: 429,
            code: -1015,
            msg: format!("Too many new orders; current limit is {limit} orders per {unit}.").into(),
            retry_after_s: Some(seconds_left(now_ms, length_ms)),
        };
        if *ten + count_10s > limits.orders_10s_max {
            return Err(too_many(limits.orders_10s_max, "10 SECOND", TEN_SECONDS_MS));
        }
        if *minute + count_1m > limits.orders_1m_max {
            return Err(too_many(limits.orders_1m_max, "MINUTE", MINUTE_MS));
        }
        *ten += count_10s;
        *minute += count_1m;
        Ok(OrderCounts { count_10s: *ten, count_1m: *minute })
    }
}

fn seconds_left(now_ms: i64, length_ms: i64) -> u32 {
    let left_ms = length_ms - now_ms.rem_euclid(length_ms);
    ((left_ms + 999) / 1_000) as u32
}

fn banned(address: IpAddr, until_ms: i64, now_ms: i64) -> Refusal {
    Refusal {
        http: 418,
        code: -1003,
        msg: format!(
            "Way too many requests; IP({address}) banned until {until_ms}. Please use the \
             websocket for live updates to avoid bans."
        )
        .into(),
        retry_after_s: Some(((until_ms - now_ms + 999) / 1_000) as u32),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn meter() -> Meter {
        Meter::new(RateLimitConfig {
            weight_1m_max: 10,
            orders_10s_max: 2,
            orders_1m_max: 3,
            violations_max: 2,
            ban_s: 120,
            ..RateLimitConfig::default()
        })
    }

    #[test]
    fn weight_over_the_limit_is_429_then_418_until_the_ban_ends() {
        let meter = meter();
        assert_eq!(meter.charge(Pool::Rest, HOME, 10, 1_000).expect("within"), 10);
        let refused = meter.charge(Pool::Rest, HOME, 1, 2_000).expect_err("over");
        assert_eq!((refused.http, refused.retry_after_s), (429, Some(58)));
        assert_eq!(meter.charge(Pool::Rest, HOME, 1, 2_000).expect_err("over").http, 429);
        assert_eq!(meter.charge(Pool::Rest, HOME, 1, 2_000).expect_err("banned").http, 418);
        assert_eq!(meter.charge(Pool::Rest, HOME, 1, 121_999).expect_err("banned").http, 418);
        assert_eq!(meter.charge(Pool::Rest, HOME, 1, 122_000).expect("ban over"), 1);
    }

    #[test]
    fn pools_do_not_share_weight_and_windows_restart() {
        let meter = meter();
        meter.charge(Pool::Rest, HOME, 10, 0).expect("within");
        assert_eq!(meter.charge(Pool::WsApi, HOME, 3, 0).expect("own pool"), 3);
        assert_eq!(meter.charge(Pool::Rest, HOME, 4, 60_000).expect("new minute"), 4);
    }

    #[test]
    fn orders_are_limited_in_both_windows() {
        let meter = meter();
        assert_eq!(
            meter.count_orders(0, 1, 1, 0).expect("within"),
            OrderCounts { count_10s: 1, count_1m: 1 }
        );
        meter.count_orders(0, 1, 1, 0).expect("within");
        assert_eq!(meter.count_orders(0, 1, 1, 0).expect_err("ten seconds").code, -1015);
        meter.count_orders(0, 1, 1, 10_000).expect("next ten seconds");
        assert_eq!(meter.count_orders(0, 1, 1, 20_000).expect_err("minute").code, -1015);
        let next = meter.count_orders(0, 1, 1, 60_000).expect("next minute");
        assert_eq!(next, OrderCounts { count_10s: 1, count_1m: 1 });
        meter.count_orders(1, 1, 1, 20_000).expect("another account");
    }
}
