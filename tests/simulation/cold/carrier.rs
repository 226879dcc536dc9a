//! REST through the simulated network: while a request waits for its answer, the world goes on.

use std::cell::RefCell;
use std::time::Duration;

use engine::Now;
use trader::cold::{Api, CallError, Method, Security};
use venue::faults::{Fault, Kind, Outcome, Part};

use crate::network::MS;
use crate::world::World;

/// Time limit of one REST request.
const TIMEOUT_NS: u64 = 1_500 * MS;

/// Carries requests through the simulated network; the world goes on meanwhile.
pub(super) struct Carrier<'a> {
    pub(super) world: RefCell<&'a mut World>,
    pub(super) life: u32,
}

impl Api for Carrier<'_> {
    fn call(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        security: Security,
    ) -> Result<Vec<u8>, CallError> {
        let mut world = self.world.borrow_mut();
        if world.life != self.life || world.side.is_none() || world.is_over() {
            return Err(CallError::Wire("the trader is dead".to_owned()));
        }
        world.rest(method, path, params, security)
    }

    fn now(&self) -> Now {
        self.world.borrow().now()
    }
}

impl World {
    /// Sends a REST request and lets the world go on until its answer is there.
    fn rest(
        &mut self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        security: Security,
    ) -> Result<Vec<u8>, CallError> {
        let nothing = || CallError::Wire("no answer".to_owned());
        if self.now_ns < self.rest_banned_until {
            let wait = Duration::from_nanos(self.rest_banned_until - self.now_ns);
            return Err(CallError::Held { wait });
        }
        let flight = self.random.between(300_000, 8_000_000);
        let slow =
            if self.random.chance(self.plan.delay) { self.random.between(20, 1_000) } else { 0 };
        self.run_until(self.now_ns + flight + slow * MS);
        let is_lost = self.random.chance(self.plan.rest_lost);
        let is_heard = !is_lost || self.random.chance(500_000);
        let mut fault = None;
        if self.random.chance(self.plan.rest_refused) {
            fault = Some(self.rest_fault());
        } else if path.ends_with("depth") && self.random.chance(self.plan.snapshot_old) {
            fault = Some(Fault::new(Kind::SnapshotOld).count(1));
        } else if self.is_lied_to {
            fault = Some(Fault::new(Kind::AccountEmpty).count(1));
        }
        let mut query: Vec<String> =
            params.iter().map(|(key, value)| format!("{key}={value}")).collect();
        if security == Security::Signed {
            query.push(format!("timestamp={}", self.venue_ms()));
        }
        let text = format!("{path}?{}", query.join("&"));
        let verb = match method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        };
        let answer = is_heard.then(|| {
            let has_fault = fault.is_some();
            if let Some(fault) = fault {
                self.venue.fault(fault.on(Part::Rest));
            }
            let (now_ms, key) = (self.venue_ms(), self.setup.api_key.clone());
            let answer = self.venue.rest(now_ms, verb, &text, &key);
            if has_fault {
                self.venue.clear_faults();
            }
            answer
        });
        self.drain();
        let Some(answer) = answer.filter(|answer| !is_lost && answer.status != 0) else {
            self.run_until(self.now_ns + TIMEOUT_NS);
            self.note(|| format!("   REST {verb} {path}: no answer"));
            return Err(nothing());
        };
        self.run_until(self.now_ns + flight + answer.late_ms * MS);
        if (200..300).contains(&answer.status) {
            return Ok(answer.body.into_bytes());
        }
        self.note(|| format!("   REST {verb} {path}: {} {}", answer.status, answer.body));
        let retry_after = answer.headers.iter().find(|(name, _)| *name == "retry-after");
        let retry_after = retry_after.map(|(_, seconds)| Duration::from_secs(*seconds as u64));
        if matches!(answer.status, 418 | 429) {
            let wait = retry_after.unwrap_or(Duration::from_secs(1)).as_nanos() as u64;
            self.rest_banned_until = self.rest_banned_until.max(self.now_ns + wait);
        }
        let (code, message) =
            binance::rest::parse_error(answer.body.as_bytes()).unwrap_or_default();
        Err(CallError::Venue { status: answer.status, code, message, retry_after })
    }

    fn rest_fault(&mut self) -> Fault {
        match self.random.below(5) {
            0 => Fault::new(Kind::UnknownError).outcome(Outcome::Either),
            1 => Fault::new(Kind::ServiceUnavailable),
            2 => Fault::new(Kind::HttpError),
            3 => Fault::new(Kind::Answer).code(-1_007),
            _ => Fault::new(Kind::Answer).code(-1_000),
        }
        .count(1)
    }
}
