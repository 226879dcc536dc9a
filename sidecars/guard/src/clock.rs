//! The two clocks.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Monotonic clock, ns: the trader's too.
pub fn mono_ns() -> u64 {
    ns(clock_gettime(ClockId::Monotonic)) as u64
}

/// Unix time, ns.
pub fn wall_ns() -> i64 {
    ns(clock_gettime(ClockId::Realtime))
}

fn ns(time: Timespec) -> i64 {
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
