//! What a release on probation is measured by.

use std::collections::HashMap;

use hdrhistogram::Histogram;
use rings::{Next, journal};
use schema::{ClientOrderId, Event, Record, Stage};

use super::order::{Broken, Trader, total};
use super::settings::{Limits, REQUESTS_MIN};
use super::state::Seen;

/// Longest latency counted, ns.
const HIGHEST_NS: u64 = 600_000_000_000;
/// Orders without an answer that are kept.
const PENDING_MAX: usize = 4_096;

/// From the tick that led to an order to the venue's answer to it: the trader's own stages, and
/// the way there and back. An order without an answer counts with its age.
pub(crate) struct Latency {
    since_ns: u64,
    /// By request: the order, and when it was sent.
    pending: HashMap<u64, (ClientOrderId, u64)>,
    /// From the readable socket to the written order, by order, ns.
    own: HashMap<ClientOrderId, u64>,
    answered: Histogram<u64>,
    /// Requests the venue called wrong in themselves.
    bad: u64,
}

/// Whether a code says that the request itself was wrong: malformed, or badly signed. What the
/// venue refuses on its merits is an answer.
const fn is_bad_request(code: i32) -> bool {
    matches!(code, -1199..=-1100 | -1022 | -2015 | -2014)
}

impl Latency {
    /// Of orders sent since this monotonic time.
    pub(crate) fn new(since_ns: u64) -> Option<Self> {
        let answered = Histogram::new_with_bounds(1, HIGHEST_NS, 3).ok()?;
        Some(Self { since_ns, pending: HashMap::new(), own: HashMap::new(), answered, bad: 0 })
    }

    /// Takes all there is in the journal.
    pub(crate) fn follow(&mut self, journal: &mut journal::Reader<Record>, tsc_hz: u64) {
        loop {
            match journal.next() {
                Next::Item(_, record) => self.take(&record, tsc_hz),
                Next::Lost { .. } => {}
                Next::Empty => return,
            }
        }
    }

    /// Takes one record.
    pub(crate) fn take(&mut self, record: &Record, tsc_hz: u64) {
        if record.at_ns < self.since_ns {
            return;
        }
        match Event::from_record(record) {
            Ok(Event::Decision(decision)) if self.pending.len() < PENDING_MAX => {
                let sent = (decision.order.client_order_id, record.at_ns);
                self.pending.insert(decision.request_id.0, sent);
            }
            Ok(Event::Stages(stages)) if self.own.len() < PENDING_MAX => {
                let ns = stages.between_ns(Stage::Ready, Stage::WriteReturn, tsc_hz);
                self.own.insert(stages.client_order_id, ns.unwrap_or(0));
            }
            // Requests are numbered anew by each process.
            Ok(Event::Boot(..)) => self.pending.clear(),
            Ok(Event::Reply(reply)) => {
                self.bad += u64::from(is_bad_request(reply.code));
                let request = reply.request_id.0;
                if let Some((order, sent)) = self.pending.remove(&request) {
                    let own = self.own.remove(&order).unwrap_or(0);
                    let ns = record.at_ns.saturating_sub(sent) + own;
                    self.answered.saturating_record(ns.max(1));
                }
            }
            _ => {}
        }
    }

    /// Requests the venue called wrong in themselves.
    pub(crate) fn bad_requests(&self) -> u64 {
        self.bad
    }

    /// How many orders, and their 99th percentile in ns.
    pub(crate) fn p99(&self, now_ns: u64, limit_ns: u64) -> (u64, u64) {
        let mut all = self.answered.clone();
        for (_, sent) in self.pending.values() {
            let age = now_ns.saturating_sub(*sent);
            if age > limit_ns {
                all.saturating_record(age);
            }
        }
        (all.len(), if all.is_empty() { 0 } else { all.value_at_quantile(0.99) })
    }
}

/// Brings the measures up to date.
pub(crate) fn measure(
    seen: &mut Seen,
    trader: &Trader,
    venue_equity: Option<i64>,
    p99: (u64, u64),
    bad_requests: u64,
) {
    [seen.requests, seen.errors] = total(seen, trader.requests);
    seen.errors += bad_requests;
    (seen.orders, seen.latency_p99_ns) = p99;
    // The trader and guard each have a word; the worse one counts.
    let equity = venue_equity.map_or(trader.equity, |venue| venue.min(trader.equity));
    if seen.armed_equity > 0 {
        let fall = i128::from(seen.armed_equity) - i128::from(equity);
        let ppm = fall.max(0) * 1_000_000 / i128::from(seen.armed_equity);
        seen.drawdown_ppm = i64::try_from(ppm).unwrap_or(i64::MAX);
    }
}

/// One measure against its limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) value: f64,
    /// What it may be.
    pub(crate) limit: f64,
    /// Both for people.
    pub(crate) text: String,
    /// Whether it is over.
    pub(crate) is_broken: bool,
}

/// Every measure, in the order people ask for them.
pub(crate) fn bars(seen: &Seen, limits: &Limits) -> [Bar; 4] {
    let errors = u128::from(seen.errors) * 1_000_000;
    let error_limit = u128::from(seen.requests) * u128::from(limits.error_ppm.unsigned_abs());
    let error_ppm = if seen.requests == 0 { 0.0 } else { errors as f64 / seen.requests as f64 };
    let ms = seen.latency_p99_ns as f64 / 1e6;
    let enough = |count: u64| match count >= REQUESTS_MIN {
        true => String::new(),
        false => format!(" (counts from {REQUESTS_MIN})"),
    };
    [
        Bar {
            name: "failed requests",
            value: error_ppm / 10_000.0,
            limit: limits.error_ppm as f64 / 10_000.0,
            text: format!(
                "{:.2} of {:.2} %, {} of {} requests{}",
                error_ppm / 10_000.0,
                limits.error_ppm as f64 / 10_000.0,
                seen.errors,
                seen.requests,
                enough(seen.requests)
            ),
            is_broken: seen.requests >= REQUESTS_MIN && errors > error_limit,
        },
        Bar {
            name: "latency p99",
            value: ms,
            limit: limits.latency_p99_ms as f64,
            text: format!(
                "{ms:.1} of {} ms, {} orders{}",
                limits.latency_p99_ms,
                seen.orders,
                enough(seen.orders)
            ),
            is_broken: seen.orders >= REQUESTS_MIN && ms > limits.latency_p99_ms as f64,
        },
        Bar {
            name: "drawdown",
            value: seen.drawdown_ppm as f64 / 10_000.0,
            limit: limits.drawdown_ppm as f64 / 10_000.0,
            text: format!(
                "{:.2} of {:.2} % of the equity at arming",
                seen.drawdown_ppm as f64 / 10_000.0,
                limits.drawdown_ppm as f64 / 10_000.0
            ),
            is_broken: seen.drawdown_ppm > limits.drawdown_ppm,
        },
        Bar {
            name: "starts",
            value: seen.starts as f64,
            limit: limits.starts as f64,
            text: format!("{} of {} starts of the trader", seen.starts, limits.starts),
            is_broken: seen.starts >= limits.starts.unsigned_abs(),
        },
    ]
}

/// Whether a measure is over its limit.
pub(crate) fn judge(seen: &Seen, limits: &Limits) -> Option<Broken> {
    let broken = bars(seen, limits).into_iter().find(|bar| bar.is_broken)?;
    Some(Broken(format!("{}: {}", broken.name, broken.text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Seen = Seen {
        starts_before: 0,
        starts: 1,
        pid: 1,
        armed_equity: 1_000,
        armed_ns: 1,
        until_ms: 1,
        before: [0; 2],
        base: [0; 2],
        requests: 20,
        errors: 1,
        orders: 20,
        latency_p99_ns: 1_000_000_000,
        drawdown_ppm: 50_000,
    };

    #[track_caller]
    fn check(seen: Seen, expected: Option<&str>) {
        let found = judge(&seen, &Limits::WIDEST);
        let is_expected = match (&found, expected) {
            (None, None) => true,
            (Some(Broken(text)), Some(name)) => text.starts_with(name),
            _ => false,
        };
        assert!(is_expected, "{found:?}, expected {expected:?}");
    }

    #[test]
    fn a_limit_is_broken_above_it_and_not_at_it() {
        check(FINE, None);
        check(Seen { errors: 2, ..FINE }, Some("failed requests"));
        check(Seen { requests: 19, errors: 19, ..FINE }, None);
        check(Seen { latency_p99_ns: 1_000_000_001, ..FINE }, Some("latency"));
        check(Seen { orders: 19, latency_p99_ns: 9_000_000_000, ..FINE }, None);
        check(Seen { drawdown_ppm: 50_001, ..FINE }, Some("drawdown"));
        check(Seen { starts: 3, ..FINE }, Some("starts"));
    }

    #[test]
    fn equity_is_the_worse_word_and_requests_outlive_a_restart() {
        let trader = Trader {
            pid: 1,
            state: schema::TradingState::Armed,
            reason: schema::StateReason::Reconciled,
            open_orders: 0,
            unknown_orders: 0,
            positions: 0,
            reconciled: 1,
            equity: 990,
            requests: [30, 4],
            mono_ns: 1,
        };
        let mut seen = Seen { before: [100, 1], base: [10, 4], ..FINE };
        measure(&mut seen, &trader, Some(940), (1, 2), 0);
        assert_eq!((seen.requests, seen.errors, seen.drawdown_ppm), (120, 1, 60_000));
        measure(&mut seen, &trader, None, (1, 2), 0);
        assert_eq!(seen.drawdown_ppm, 10_000);
        measure(&mut seen, &Trader { equity: 2_000, ..trader }, None, (1, 2), 0);
        assert_eq!(seen.drawdown_ppm, 0);
    }
}
