//! What the trader's threads count, beside what the engine counts itself.
//!
//! One array of atomics for all threads. Additions are relaxed: a counter says how often something
//! happened, never that something else is visible.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use schema::{COUNTERS_MAX, Counter, Gauge, Gauges};

/// Counters and gauges of the trader's threads; a clone counts into the same places.
#[derive(Debug, Clone)]
pub struct Counters(Arc<Places>);

#[derive(Debug)]
struct Places {
    counters: [AtomicU64; COUNTERS_MAX],
    gauges: [AtomicI64; COUNTERS_MAX],
}

impl Default for Counters {
    fn default() -> Self {
        Self(Arc::new(Places {
            counters: std::array::from_fn(|_| AtomicU64::new(0)),
            gauges: std::array::from_fn(|_| AtomicI64::new(0)),
        }))
    }
}

impl Counters {
    /// Counts one more.
    #[inline]
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }
    /// Counts so many more.
    #[inline]
    pub fn add(&self, counter: Counter, count: u64) {
        self.0.counters[counter as usize].fetch_add(count, Ordering::Relaxed);
    }
    /// The count so far.
    pub fn read(&self, counter: Counter) -> u64 {
        self.0.counters[counter as usize].load(Ordering::Relaxed)
    }
    /// Sets a value of now.
    #[inline]
    pub fn set(&self, gauge: Gauge, value: i64) {
        self.0.gauges[gauge as usize].store(value, Ordering::Relaxed);
    }
    /// Adds the counts to `counters`, and writes every gauge that is not zero.
    pub fn fill(&self, counters: &mut schema::Counters, gauges: &mut Gauges) {
        for (place, ours) in counters.0.iter_mut().zip(&self.0.counters) {
            *place += ours.load(Ordering::Relaxed);
        }
        for (place, ours) in gauges.0.iter_mut().zip(&self.0.gauges) {
            let value = ours.load(Ordering::Relaxed);
            if value != 0 {
                *place = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_threads_count_is_added_to_what_the_engine_counts() {
        let counters = Counters::default();
        let other = counters.clone();
        counters.count(Counter::LinkLost);
        other.add(Counter::LinkLost, 2);
        other.set(Gauge::ClockOffsetNs, -5);
        let (mut all, mut gauges) = (schema::Counters::default(), Gauges::default());
        all.count(Counter::LinkLost);
        counters.fill(&mut all, &mut gauges);
        assert_eq!(all[Counter::LinkLost], 4);
        assert_eq!(counters.read(Counter::LinkLost), 3);
        assert_eq!(gauges[Gauge::ClockOffsetNs], -5);
    }
}
