//! How far the venue's clock is from ours.
//!
//! A signed request must carry the venue's time within a second ahead and the receive window behind
//! (PROTOCOL 3.1), so signatures are made with our wall clock set right by what is measured here.

use anyhow::Context as _;
use binance::rest::parse_server_time;

use super::api::Api;

/// Questions of one measurement; the quickest answer is the most exact.
const QUESTIONS: usize = 3;

/// A comparison of the two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// The venue's clock less ours, ns.
    pub offset_ns: i64,
    /// Round trip of the question, ns: the offset is right to half of it and a millisecond.
    pub rtt_ns: u64,
}

impl Skew {
    /// In milliseconds, rounded to the nearest.
    pub const fn offset_ms(&self) -> i64 {
        (self.offset_ns + 500_000 * self.offset_ns.signum()) / 1_000_000
    }
}

/// Asks the venue for its time.
///
/// # Errors
/// If one question has no answer.
pub fn measure(rest: &dyn Api) -> anyhow::Result<Skew> {
    let mut best: Option<Skew> = None;
    for _ in 0..QUESTIONS {
        let sent = rest.now();
        let body = rest.open("/fapi/v1/time", &[])?;
        let received = rest.now();
        let server_ms = parse_server_time(&body).context("the venue's time")?;
        let rtt_ns = received.mono.since(sent.mono);
        // The answer was made somewhere between: half the round trip is the best guess. The wall
        // clock may have been set meanwhile, the monotonic one not.
        let middle_ns = sent.wall.0.saturating_add((rtt_ns / 2) as i64);
        // It tells whole milliseconds: the middle of that one.
        let server_ns = server_ms.saturating_mul(1_000_000).saturating_add(500_000);
        let skew = Skew { offset_ns: server_ns.saturating_sub(middle_ns), rtt_ns };
        if best.is_none_or(|best| skew.rtt_ns < best.rtt_ns) {
            best = Some(skew);
        }
    }
    best.context("the venue's time was not asked")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use engine::Now;
    use schema::{MonoNs, WallNs};

    use super::*;
    use crate::cold::api::{CallError, Method, Security};

    /// A venue 250 ms ahead, with answers of these round trips (ms), the second half of each
    /// taking no time at all.
    struct Ahead {
        now_ms: Cell<u64>,
        trips: Cell<[u64; QUESTIONS]>,
    }

    impl Api for Ahead {
        fn call(
            &self,
            _: Method,
            _: &str,
            _: &[(&str, &str)],
            _: Security,
        ) -> Result<Vec<u8>, CallError> {
            let mut trips = self.trips.get();
            trips.rotate_left(1);
            self.trips.set(trips);
            self.now_ms.set(self.now_ms.get() + trips[QUESTIONS - 1]);
            Ok(format!("{{\"serverTime\":{}}}", self.now_ms.get() + 250).into_bytes())
        }
        fn now(&self) -> Now {
            let ns = self.now_ms.get() * 1_000_000;
            Now { mono: MonoNs(ns), wall: WallNs(ns as i64) }
        }
    }

    #[test]
    fn the_quickest_answer_counts() {
        let venue = Ahead { now_ms: Cell::new(1_000_000), trips: Cell::new([80, 4, 300]) };
        let skew = measure(&venue).expect("it answers");
        assert_eq!(skew.rtt_ns, 4_000_000);
        assert_eq!(skew.offset_ns, 252_500_000, "250, half of 4, half of a millisecond");
        assert_eq!(skew.offset_ms(), 253);
    }
}
