//! Latency histograms of the way from tick to order, built from the journal's stage stamps.
//!
//! The hot thread stamps, this process counts. Each span has a cumulative HDR histogram (1 ns to
//! 10 s, three digits) for the exposition's buckets; tick-to-order also has one small histogram a
//! second for the last minute, so that percentiles of a window are exact and never averages of
//! percentiles. Only ticks that led to an order are counted: a tick that decided nothing is in no
//! histogram.

use hdrhistogram::Histogram;
use schema::{Stage, Stages};

/// A part of the way, by its two stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Label value of `stage`.
    pub name: &'static str,
    from: Stage,
    to: Stage,
}

/// Every span measured; the first is the figure people quote.
pub const SPANS: [Span; 9] = [
    Span { name: "tick_to_order", from: Stage::Read, to: Stage::WriteCall },
    Span { name: "ready_to_read", from: Stage::Ready, to: Stage::Read },
    Span { name: "tls_open", from: Stage::Read, to: Stage::Tls },
    Span { name: "frame", from: Stage::Tls, to: Stage::Frame },
    Span { name: "decode", from: Stage::Frame, to: Stage::Decode },
    Span { name: "engine", from: Stage::Decode, to: Stage::Engine },
    Span { name: "encode_sign", from: Stage::Engine, to: Stage::Encode },
    Span { name: "seal", from: Stage::Encode, to: Stage::WriteCall },
    Span { name: "write", from: Stage::WriteCall, to: Stage::WriteReturn },
];

/// Upper bounds of the exposition's buckets in ns: 1-2-5 from 100 ns to 10 s.
pub const BUCKETS_NS: [u64; 25] = [
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Longest time counted; a longer one is counted as this.
const HIGHEST_NS: u64 = 10_000_000_000;
/// Seconds of the window.
const WINDOW_S: usize = 60;

/// Percentiles of one histogram, ns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Percentiles {
    /// Orders counted.
    pub count: u64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Longest.
    pub max: u64,
}

/// One span's counts for the exposition.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    /// Cumulative counts at [`BUCKETS_NS`].
    pub cumulative: Vec<u64>,
    /// All counts.
    pub count: u64,
    /// Sum of all times, seconds.
    pub sum_s: f64,
}

/// One span: HDR for percentiles, exact counts at the exposition's bounds.
#[derive(Debug, Clone)]
struct Counted {
    histogram: Histogram<u64>,
    /// Counts of times above the bound before and at most this one.
    at_most: [u64; BUCKETS_NS.len()],
    sum_ns: u128,
}

/// All histograms of a run.
#[derive(Debug)]
pub struct Latency {
    spans: Vec<Counted>,
    window: Vec<(u64, Histogram<u64>)>,
    /// Orders whose stamps were missing or out of order: counted here and nowhere else.
    pub unusable: u64,
}

impl Latency {
    /// Empty histograms.
    ///
    /// # Errors
    /// Never with the constants above; the histogram's constructor says so in its type.
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        let cumulative = Histogram::new_with_bounds(1, HIGHEST_NS, 3)?;
        let second = Histogram::new_with_bounds(1, HIGHEST_NS, 2)?;
        Ok(Self {
            spans: vec![
                Counted { histogram: cumulative, at_most: [0; BUCKETS_NS.len()], sum_ns: 0 };
                SPANS.len()
            ],
            window: vec![(u64::MAX, second); WINDOW_S],
            unusable: 0,
        })
    }

    /// Counts one order's stamps, taken at `second` of the monotonic clock.
    pub fn record(&mut self, stages: &Stages, tsc_hz: u64, second: u64) {
        let mut whole = None;
        for (span, counted) in SPANS.iter().zip(&mut self.spans) {
            let Some(ns) = stages.between_ns(span.from, span.to, tsc_hz) else { continue };
            counted.histogram.saturating_record(ns.max(1));
            counted.sum_ns += u128::from(ns);
            if let Some(count) = counted.at_most.get_mut(BUCKETS_NS.partition_point(|b| *b < ns)) {
                *count += 1;
            }
            if span.name == SPANS[0].name {
                whole = Some(ns);
            }
        }
        let Some(ns) = whole else {
            self.unusable += 1;
            return;
        };
        let (at, histogram) = &mut self.window[second as usize % WINDOW_S];
        if *at != second {
            *at = second;
            histogram.reset();
        }
        histogram.saturating_record(ns.max(1));
    }

    /// Percentiles of a span since start.
    pub fn percentiles(&self, span: usize) -> Percentiles {
        percentiles(&self.spans[span].histogram)
    }

    /// Tick-to-order percentiles of the last `seconds` (at most 60) before `now_s`.
    pub fn recent(&self, now_s: u64, seconds: u64) -> Percentiles {
        let mut sum = self.window[0].1.clone();
        sum.reset();
        for (at, histogram) in &self.window {
            if *at <= now_s && now_s - at < seconds.min(WINDOW_S as u64) {
                // The bounds are the same, so that adding cannot fail.
                let _ = sum.add(histogram);
            }
        }
        percentiles(&sum)
    }

    /// Counts of a span at the exposition's bounds.
    pub fn buckets(&self, span: usize) -> Buckets {
        let counted = &self.spans[span];
        let mut running = 0;
        let cumulative = counted.at_most.iter().map(|count| {
            running += count;
            running
        });
        Buckets {
            cumulative: cumulative.collect(),
            count: counted.histogram.len(),
            sum_s: counted.sum_ns as f64 / 1e9,
        }
    }

    /// Tick-to-order counts between neighbouring bounds of a fine scale, for the page's picture:
    /// eight steps a decade from 100 ns to 100 ms.
    pub fn picture(&self) -> Vec<(f64, u64)> {
        let histogram = &self.spans[0].histogram;
        let mut bars = Vec::new();
        let mut low = 0u64;
        for step in 0..=48 {
            let high = (100.0 * 10f64.powf(f64::from(step) / 8.0)) as u64;
            let count = if low < high { histogram.count_between(low, high - 1) } else { 0 };
            bars.push((high as f64, count));
            low = high;
        }
        bars
    }
}

fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    if histogram.is_empty() {
        return Percentiles::default();
    }
    Percentiles {
        count: histogram.len(),
        p50: histogram.value_at_quantile(0.50),
        p90: histogram.value_at_quantile(0.90),
        p99: histogram.value_at_quantile(0.99),
        p999: histogram.value_at_quantile(0.999),
        max: histogram.max(),
    }
}

#[cfg(test)]
mod tests {
    use schema::{ClientOrderId, WallNs};

    use super::*;

    fn stages(read: u64, call: u64) -> Stages {
        let mut tsc = [0; 9];
        tsc[Stage::Read as usize] = read;
        tsc[Stage::WriteCall as usize] = call;
        Stages { client_order_id: ClientOrderId::NONE, tsc, event_time: WallNs(0) }
    }

    #[test]
    fn buckets_are_cumulative_and_hold_their_bound() {
        let mut latency = Latency::new().expect("constant bounds");
        for ns in [100, 101, 1_999, 2_000_000_000, 60_000_000_000] {
            latency.record(&stages(1, 1 + ns), 1_000_000_000, 0);
        }
        let buckets = latency.buckets(0);
        assert_eq!(buckets.count, 5);
        let at =
            |ns| buckets.cumulative[BUCKETS_NS.iter().position(|b| *b == ns).expect("a bound")];
        assert_eq!(at(100), 1);
        assert_eq!(at(200), 2);
        assert_eq!(at(2_000), 3);
        assert_eq!(at(1_000_000_000), 3);
        assert_eq!(at(2_000_000_000), 4);
        assert_eq!(latency.percentiles(0).p50, 1_999);
    }

    #[test]
    fn a_window_forgets_older_seconds() {
        let mut latency = Latency::new().expect("constant bounds");
        latency.record(&stages(1, 1_001), 1_000_000_000, 5);
        latency.record(&stages(1, 9_001), 1_000_000_000, 14);
        assert_eq!(latency.recent(14, 10).count, 2);
        assert_eq!(latency.recent(15, 10).count, 1);
        assert_eq!(latency.recent(15, 60).count, 2);
        // The slot of second 5 is used again a minute later and starts empty.
        latency.record(&stages(1, 2_001), 1_000_000_000, 65);
        assert_eq!(latency.recent(65, 60).count, 2);
        assert_eq!(latency.percentiles(0).count, 3);
    }

    #[test]
    fn stamps_out_of_order_are_counted_apart() {
        let mut latency = Latency::new().expect("constant bounds");
        latency.record(&stages(10, 5), 1_000_000_000, 0);
        assert_eq!((latency.unusable, latency.percentiles(0).count), (1, 0));
    }

    #[test]
    fn the_picture_counts_every_order_once() {
        let mut latency = Latency::new().expect("constant bounds");
        for ns in [50, 100, 1_000, 2_500, 40_000] {
            latency.record(&stages(1, 1 + ns), 1_000_000_000, 0);
        }
        assert_eq!(latency.picture().iter().map(|(_, count)| count).sum::<u64>(), 5);
    }
}
