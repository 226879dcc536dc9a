//! Tick to order of the last minute, from the journal's stage stamps.

use hdrhistogram::Histogram;
use schema::{Stage, Stages};

/// Longest time counted, ns; a longer one is counted as this.
const HIGHEST_NS: u64 = 60_000_000_000;
/// Seconds of the window.
const WINDOW_S: u64 = 60;
/// Fewest orders that make a percentile of the slowest hundredth.
const ORDERS_MIN: u64 = 20;

/// One small histogram a second, so that the percentile is of the window and no mean of others.
#[derive(Debug)]
pub struct Latency {
    seconds: Vec<(u64, Histogram<u64>)>,
}

impl Latency {
    /// Empty.
    ///
    /// # Errors
    /// Never with the constants above; the histogram's constructor says so in its type.
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        let empty = Histogram::new_with_bounds(1, HIGHEST_NS, 2)?;
        Ok(Self { seconds: vec![(u64::MAX, empty); WINDOW_S as usize] })
    }

    /// Counts an order of this second of the monotonic clock: from the read of the tick to the
    /// write of the order. Stamps that are missing or out of order are not counted.
    pub fn take(&mut self, stages: &Stages, tsc_hz: u64, second: u64) {
        let Some(ns) = stages.between_ns(Stage::Read, Stage::WriteCall, tsc_hz) else { return };
        let (at, histogram) = &mut self.seconds[(second % WINDOW_S) as usize];
        if *at != second {
            *at = second;
            histogram.reset();
        }
        histogram.saturating_record(ns.max(1));
    }

    /// The 99th percentile of the minute that ends now, ns; zero with fewer than 20 orders.
    pub fn p99_ns(&self, second: u64) -> u64 {
        let recent = self.seconds.iter().filter(|(at, _)| *at <= second && second - at < WINDOW_S);
        let mut sum: Option<Histogram<u64>> = None;
        for (_, histogram) in recent {
            match &mut sum {
                // The bounds are the same, so that adding cannot fail.
                Some(sum) => drop(sum.add(histogram)),
                None => sum = Some(histogram.clone()),
            }
        }
        sum.filter(|sum| sum.len() >= ORDERS_MIN).map_or(0, |sum| sum.value_at_quantile(0.99))
    }
}

#[cfg(test)]
mod tests {
    use schema::{ClientOrderId, WallNs};

    use super::*;

    fn stages(ns: u64) -> Stages {
        let mut tsc = [0; 9];
        tsc[Stage::Read as usize] = 1;
        tsc[Stage::WriteCall as usize] = 1 + ns;
        Stages { client_order_id: ClientOrderId::NONE, tsc, event_time: WallNs(0) }
    }

    #[test]
    fn a_minute_is_remembered_and_few_orders_say_nothing() {
        let mut latency = Latency::new().expect("constant bounds");
        for order in 0..19 {
            latency.take(&stages(1_000), 1_000_000_000, order);
        }
        assert_eq!(latency.p99_ns(20), 0);
        latency.take(&stages(9_000_000), 1_000_000_000, 20);
        let p99 = latency.p99_ns(20);
        assert!((8_900_000..=9_100_000).contains(&p99), "{p99}");
        assert_eq!(latency.p99_ns(60), 0, "the first second is over");
    }
}
