//! How many requests to the venue fail, trader's and guard's, in the last minute.
//!
//! A request is an order, a cancel, a reconciliation or a connection of the trader, and each REST
//! request of guard. An error is one whose answer does not say what it should about the request:
//! an unknown outcome, a throttle, an overload, a refused time, a reconciliation without a whole
//! answer, a dead-man timer that was not set, a connection that could not be made; and any failure
//! of guard's own. An order the venue refuses on its merits (post-only that would trade,
//! reduce-only that would not reduce) is an answer, not an error.
//!
//! Nothing is counted before the venue answered guard once: a network that comes up after guard
//! does is no reason to close anything.

use schema::{Counter, Status};

/// Seconds of the window.
const WINDOW_S: u64 = 60;
/// Fewest requests of a window that say something. guard alone makes twice as many a minute, so
/// fewer are only seen in its first half minute, in which a few failures are no rate.
const REQUESTS_MIN: u64 = 60;

/// Requests, and how many of them failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// All.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
}

impl Count {
    /// Of the trader's counters, since its start.
    pub fn of(status: &Status) -> Self {
        let sum = |counters: &[Counter]| counters.iter().map(|one| status.counters[*one]).sum();
        let errors: u64 = sum(&[
            Counter::UnknownOutcome,
            Counter::VenueThrottled,
            Counter::VenueOverloaded,
            Counter::ClockRejected,
            Counter::ReconcileFailed,
            Counter::DeadManFailed,
            Counter::DialFailed,
        ]);
        let tried: u64 = sum(&[
            Counter::Reconciled,
            Counter::ReconcileFailed,
            Counter::DeadManSet,
            Counter::DeadManFailed,
            Counter::DialFailed,
        ]);
        let connects: u64 = status.links.iter().map(|link| link.connects).sum();
        let requests = status.orders.saturating_add(status.cancels);
        Self { requests: requests.saturating_add(tried).saturating_add(connects), errors }
    }

    /// Errors of all in ppm; zero while there are too few requests to tell.
    pub fn error_ppm(&self) -> i64 {
        if self.requests < REQUESTS_MIN {
            return 0;
        }
        let ppm = u128::from(self.errors) * 1_000_000 / u128::from(self.requests);
        // An error without a request of its own (a lost answer counted twice) is not above all.
        ppm.min(1_000_000) as i64
    }

    /// Whether more than so many ppm failed, exactly.
    pub fn is_above(&self, ppm: i64) -> bool {
        let part = u128::from(self.errors) * 1_000_000;
        self.requests >= REQUESTS_MIN
            && part > u128::from(self.requests) * u128::from(ppm.unsigned_abs())
    }
}

/// Counts of the last minute.
#[derive(Debug)]
pub struct Requests {
    seconds: [(u64, Count); WINDOW_S as usize],
    /// The trader's counters and run as they were last.
    trader: Option<(u64, Count)>,
    has_begun: bool,
}

impl Default for Requests {
    fn default() -> Self {
        let seconds = [(u64::MAX, Count::default()); WINDOW_S as usize];
        Self { seconds, trader: None, has_begun: false }
    }
}

impl Requests {
    /// Takes requests of guard in this second.
    pub fn own(&mut self, second: u64, count: Count) {
        self.has_begun |= count.requests > count.errors;
        self.add(second, count);
    }

    /// Takes what the trader of this process id tells of itself.
    pub fn trader(&mut self, second: u64, pid: u64, status: &Status) {
        let now = Count::of(status);
        // A new run counts from its own first status: what its start did is not of this second.
        if let Some((_, before)) = self.trader.filter(|(of, _)| *of == pid) {
            let count = Count {
                requests: now.requests.saturating_sub(before.requests),
                errors: now.errors.saturating_sub(before.errors),
            };
            self.add(second, count);
        }
        self.trader = Some((pid, now));
    }

    fn add(&mut self, second: u64, count: Count) {
        if !self.has_begun {
            return;
        }
        let (at, sum) = &mut self.seconds[(second % WINDOW_S) as usize];
        if *at != second {
            (*at, *sum) = (second, Count::default());
        }
        sum.requests += count.requests;
        sum.errors += count.errors;
    }

    /// Of the minute that ends with this second.
    pub fn minute(&self, second: u64) -> Count {
        let recent = self.seconds.iter().filter(|(at, _)| *at <= second && second - at < WINDOW_S);
        recent.fold(Count::default(), |sum, (_, one)| Count {
            requests: sum.requests + one.requests,
            errors: sum.errors + one.errors,
        })
    }

    /// Forgets the minute.
    pub fn forget(&mut self) {
        *self = Self { trader: self.trader, has_begun: self.has_begun, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(requests: u64, errors: u64) -> Count {
        Count { requests, errors }
    }

    #[test]
    fn a_tenth_is_not_above_a_tenth_and_few_requests_say_nothing() {
        assert!(!count(100, 10).is_above(100_000));
        assert!(count(100, 11).is_above(100_000));
        assert!(!count(59, 59).is_above(100_000));
        assert_eq!((count(59, 59).error_ppm(), count(60, 15).error_ppm()), (0, 250_000));
    }

    #[test]
    fn counting_begins_with_the_first_answer() {
        let mut requests = Requests::default();
        (0..30).for_each(|second| requests.own(second, count(1, 1)));
        assert_eq!(requests.minute(30), Count::default());
        requests.own(31, count(4, 0));
        (32..62).for_each(|second| requests.own(second, count(1, 1)));
        assert_eq!(requests.minute(62), count(34, 30));
        assert_eq!(requests.minute(91), count(30, 30), "second 31 is a minute ago");
        requests.forget();
        assert_eq!(requests.minute(62), Count::default());
        requests.own(63, count(0, 0));
        requests.own(63, count(2, 2));
        assert_eq!(requests.minute(63), count(2, 2), "it has begun");
    }

    #[test]
    fn the_traders_counters_count_by_what_they_moved() {
        let mut requests = Requests::default();
        requests.own(1, count(1, 0));
        let mut status = Status { orders: 100, cancels: 50, venue_rejects: 9, ..Status::default() };
        status.counters.0[Counter::UnknownOutcome as usize] = 7;
        requests.trader(1, 42, &status);
        assert_eq!(requests.minute(1), count(1, 0), "what was before guard looked is not counted");
        status.orders += 10;
        status.counters.0[Counter::UnknownOutcome as usize] += 3;
        requests.trader(2, 42, &status);
        assert_eq!(requests.minute(2), count(11, 3));
        // Another run begins below: nothing is counted, nothing wraps.
        requests.trader(3, 43, &Status { orders: 5, ..Status::default() });
        assert_eq!(requests.minute(3), count(11, 3));
    }
}
