//! Real segments in `/dev/shm`, in one process and in several that get killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod api;
mod children;
mod processes;
mod refusals;

use std::sync::atomic::{AtomicU32, Ordering};

use rings::Identity;

/// Layout hash of the tests' records.
const LAYOUT: u64 = 0x5eed;

/// An instance of its own for one test, removed at the end whatever happens.
struct Instance(String);

impl Instance {
    fn new(test: &str) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let turn = COUNTER.fetch_add(1, Ordering::Relaxed);
        Self(format!("test-{test}-{}-{turn}", std::process::id()))
    }
    fn path(&self, ring: rings::Ring) -> String {
        format!("/dev/shm/{}", rings::segment_name(&self.0, ring))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let result = rings::remove_instance(&self.0);
        if !std::thread::panicking() {
            result.unwrap();
        }
    }
}

fn identity(boot_epoch: u32) -> Identity {
    Identity { layout_hash: LAYOUT, build_id: 7, boot_epoch }
}

/// A record whose every word follows from its number: a torn one does not check.
type Words = [u64; 15];

fn record(number: u64) -> Words {
    core::array::from_fn(|at| (number ^ (at as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn check(number: u64, found: &Words) {
    assert_eq!(found, &record(number), "record {number} is torn or wrong");
}
