//! What may still be asked of the venue: one account of weights for all REST requests of the trader.
//!
//! The venue counts the weight of an address over a minute (2400) and answers 429 past it; whoever
//! goes on is banned (418) for minutes to days. So requests are counted here before they leave, the
//! venue's own count in its headers corrects ours, and the nearer the limit, the fewer kinds of
//! request may go: what cancels and reduces last of all. During a ban nothing is sent.
//! (PROTOCOL section 6.)

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use schema::{Counter, Gauge};

use super::api::{CallError, Method};
use crate::counters::Counters;

/// Weight the venue allows in a minute.
const WEIGHT_1M_MAX: u64 = 2_400;
/// Pause after 429 or 418 without a `Retry-After`: what the venue bans for at least.
const PAUSE: Duration = Duration::from_secs(120);

/// How much a request matters; the lower ones leave room for the higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Prices, listings.
    Rest,
    /// Orders, positions, fills, balances, the listen key.
    Truth,
    /// What cancels, reduces, asks about an order, or sets the dead-man timer.
    Safety,
}

impl Priority {
    fn of(method: Method, path: &str) -> Self {
        match (method, path) {
            (Method::Delete, _) => Self::Safety,
            (_, "/fapi/v1/countdownCancelAll" | "/fapi/v1/order" | "/fapi/v1/algoOrder") => {
                Self::Safety
            }
            (_, "/fapi/v1/depth" | "/fapi/v1/exchangeInfo" | "/fapi/v1/premiumIndex") => Self::Rest,
            _ => Self::Truth,
        }
    }
    /// Weight in a minute up to which a request of this kind may go.
    const fn weight_max(self) -> u64 {
        match self {
            Self::Rest => WEIGHT_1M_MAX * 6 / 10,
            Self::Truth => WEIGHT_1M_MAX * 8 / 10,
            Self::Safety => WEIGHT_1M_MAX * 95 / 100,
        }
    }
}

/// Weight of a request (PROTOCOL 3.2 to 3.6).
fn weight(path: &str, params: &[(&str, &str)]) -> u64 {
    let has_symbol = params.iter().any(|(key, _)| *key == "symbol");
    let limit = params.iter().find(|(key, _)| *key == "limit").and_then(|(_, v)| v.parse().ok());
    match path {
        "/fapi/v1/depth" => match limit.unwrap_or(500u64) {
            0..=50 => 2,
            51..=100 => 5,
            101..=500 => 10,
            _ => 20,
        },
        "/fapi/v1/openOrders" | "/fapi/v1/openAlgoOrders" if !has_symbol => 40,
        "/fapi/v1/positionSide/dual" => 30,
        "/fapi/v1/countdownCancelAll" => 10,
        "/fapi/v3/account"
        | "/fapi/v3/balance"
        | "/fapi/v3/positionRisk"
        | "/fapi/v1/symbolConfig"
        | "/fapi/v1/accountConfig"
        | "/fapi/v1/userTrades"
        | "/fapi/v1/allOrders" => 5,
        _ => 1,
    }
}

/// What an answer said of limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard {
    /// HTTP status.
    pub status: u16,
    /// `X-MBX-USED-WEIGHT-1M`.
    pub weight_1m: Option<u64>,
    /// `X-MBX-ORDER-COUNT-10S`.
    pub order_count_10s: Option<u64>,
    /// `Retry-After`, seconds.
    pub retry_after_s: Option<u64>,
}

#[derive(Debug)]
struct State {
    minute: Instant,
    weight: u64,
    /// Only what is for safety may go before.
    limited_until: Option<Instant>,
    /// Nothing may go before.
    banned_until: Option<Instant>,
    /// A limit nobody was told of: its status, and how long it lasts.
    untold: Option<(u16, Duration)>,
}

/// The account of weights; shared by everything that speaks REST.
#[derive(Debug)]
pub struct Budget {
    state: Mutex<State>,
    clock_offset_ms: AtomicI64,
    is_clock_doubted: AtomicBool,
    counters: Counters,
}

impl Budget {
    /// Nothing used yet.
    pub fn new(counters: Counters) -> Self {
        let state = State {
            minute: Instant::now(),
            weight: 0,
            limited_until: None,
            banned_until: None,
            untold: None,
        };
        Self {
            state: Mutex::new(state),
            clock_offset_ms: AtomicI64::new(0),
            is_clock_doubted: AtomicBool::new(false),
            counters,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic while it was held left whole numbers in it.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts a request that is about to be sent.
    ///
    /// # Errors
    /// [`CallError::Held`] if it must not be sent now.
    pub fn admit(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
    ) -> Result<(), CallError> {
        self.admit_at(Instant::now(), Priority::of(method, path), weight(path, params))
    }

    fn admit_at(&self, now: Instant, priority: Priority, weight: u64) -> Result<(), CallError> {
        let mut state = self.state();
        let held = |until: Instant| Err(CallError::Held { wait: until - now });
        match (state.banned_until, state.limited_until) {
            (Some(until), _) if until > now => return held(until),
            (_, Some(until)) if until > now && priority < Priority::Safety => return held(until),
            _ => {}
        }
        if now - state.minute >= Duration::from_secs(60) {
            state.minute = now;
            state.weight = 0;
        }
        if state.weight + weight > priority.weight_max() {
            return held(state.minute + Duration::from_secs(60));
        }
        state.weight += weight;
        Ok(())
    }

    /// Takes what an answer said.
    pub fn heard(&self, heard: &Heard) {
        self.heard_at(Instant::now(), heard);
    }

    fn heard_at(&self, now: Instant, heard: &Heard) {
        if let Some(count) = heard.order_count_10s {
            self.counters.set(Gauge::OrderCount10s, count as i64);
        }
        let mut state = self.state();
        if let Some(weight) = heard.weight_1m {
            self.counters.set(Gauge::WeightUsed, weight as i64);
            // The venue's minutes begin elsewhere: the larger count is the careful one, and a
            // smaller one says that its minute is over.
            state.weight = weight;
        }
        if !matches!(heard.status, 418 | 429) {
            return;
        }
        self.counters.count(Counter::VenueThrottled);
        let pause = heard.retry_after_s.map_or(PAUSE, Duration::from_secs);
        let until = Some(now + pause.max(Duration::from_secs(1)));
        state.limited_until = state.limited_until.max(until);
        state.untold = Some((heard.status, pause));
        if heard.status == 418 {
            state.banned_until = state.banned_until.max(until);
        }
    }

    /// The newest limit, once: 429 or 418, and how long it lasts from when it was heard.
    pub fn take_untold(&self) -> Option<(u16, Duration)> {
        self.state().untold.take()
    }

    /// A request was refused for its time.
    pub fn doubt_clock(&self) {
        self.is_clock_doubted.store(true, Ordering::Relaxed);
    }
    /// Whether one was since the last question.
    pub fn take_clock_doubt(&self) -> bool {
        self.is_clock_doubted.swap(false, Ordering::Relaxed)
    }
    /// The venue's clock less ours, as last measured.
    pub fn set_clock_offset_ms(&self, offset_ms: i64) {
        self.clock_offset_ms.store(offset_ms, Ordering::Relaxed);
    }
    /// What to add to our wall clock for a signature.
    pub fn clock_offset_ms(&self) -> i64 {
        self.clock_offset_ms.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> (Budget, Instant) {
        (Budget::new(Counters::default()), Instant::now())
    }

    #[test]
    fn cancels_go_when_prices_may_no_longer() {
        let (budget, now) = budget();
        budget.heard_at(now, &Heard { weight_1m: Some(2_000), ..Heard::default() });
        assert!(budget.admit_at(now, Priority::Rest, 2).is_err());
        assert!(budget.admit_at(now, Priority::Truth, 5).is_err());
        assert!(budget.admit_at(now, Priority::Safety, 1).is_ok());
        let later = now + Duration::from_secs(61);
        assert!(budget.admit_at(later, Priority::Rest, 2).is_ok(), "a new minute");
    }

    #[test]
    fn too_many_requests_stop_all_but_safety_and_a_ban_stops_all() {
        let (budget, now) = budget();
        let limited = Heard { status: 429, retry_after_s: Some(7), ..Heard::default() };
        budget.heard_at(now, &limited);
        assert!(budget.admit_at(now, Priority::Truth, 1).is_err());
        assert!(budget.admit_at(now, Priority::Safety, 1).is_ok());
        budget.heard_at(now, &Heard { status: 418, ..limited });
        let Err(CallError::Held { wait }) = budget.admit_at(now, Priority::Safety, 1) else {
            panic!("sent during a ban")
        };
        assert_eq!(wait, Duration::from_secs(7));
        assert!(budget.admit_at(now + wait, Priority::Safety, 1).is_ok());
        assert_eq!(budget.counters.read(Counter::VenueThrottled), 2);
    }

    #[test]
    fn our_own_count_stops_before_the_venue_does() {
        let (budget, now) = budget();
        let sent = (0..10_000).take_while(|_| budget.admit_at(now, Priority::Rest, 20).is_ok());
        assert_eq!(sent.count(), 72, "1440 of 2400");
    }

    #[test]
    fn what_a_request_weighs() {
        assert_eq!(weight("/fapi/v1/depth", &[("limit", "1000")]), 20);
        assert_eq!(weight("/fapi/v1/depth", &[("limit", "20")]), 2);
        assert_eq!(weight("/fapi/v1/openOrders", &[]), 40);
        assert_eq!(weight("/fapi/v1/openOrders", &[("symbol", "BTCUSDT")]), 1);
        assert_eq!(Priority::of(Method::Delete, "/fapi/v1/allOpenOrders"), Priority::Safety);
        assert_eq!(Priority::of(Method::Get, "/fapi/v1/depth"), Priority::Rest);
        assert_eq!(Priority::of(Method::Get, "/fapi/v3/account"), Priority::Truth);
    }
}
