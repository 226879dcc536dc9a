//! The clocks: the cycle counter for stage stamps, the two system clocks once a turn.
//!
//! A stamp costs about 13 ns where `clock_gettime` costs 27, and a tick that becomes an order takes
//! nine of them. Stamps are not serialised with a fence: a stage is a microsecond, the reordering
//! window a few nanoseconds. Cycles become nanoseconds by the rate of [`calibrate`], which travels
//! in the segment header.
#![allow(unsafe_code, reason = "the cycle counter is an intrinsic")]

use engine::Now;
use rustix::time::{ClockId, clock_gettime};
use schema::{MonoNs, WallNs};

/// The cycle counter.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn stamp() -> u64 {
    // SAFETY: every x86-64 processor has RDTSC, and Linux leaves it allowed in user mode.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The cycle counter: elsewhere the monotonic clock, at 1 GHz.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub fn stamp() -> u64 {
    mono().0
}

/// The monotonic clock.
#[inline]
pub fn mono() -> MonoNs {
    let t = clock_gettime(ClockId::Monotonic);
    MonoNs((t.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(t.tv_nsec as u64))
}

/// The wall clock.
#[inline]
pub fn wall() -> WallNs {
    let t = clock_gettime(ClockId::Realtime);
    WallNs(t.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(t.tv_nsec))
}

/// Both clocks, as the engine takes them.
#[inline]
pub fn now() -> Now {
    Now { mono: mono(), wall: wall() }
}

/// Both clocks as one: the wall clock is a steady distance from the monotonic clock, which is
/// changed only when it is wrong by more than `DRIFT_NS_MAX`. So the time of every input can be
/// told from its monotonic time and a few records of that distance.
#[derive(Debug)]
pub struct Clock {
    offset_ns: i64,
}

/// What the wall clock of inputs may differ from the system's: less than the resolution of what
/// the venue stamps.
const DRIFT_NS_MAX: u64 = 1_000_000;

impl Default for Clock {
    fn default() -> Self {
        let now = now();
        Self { offset_ns: distance(now) }
    }
}

/// The wall clock less the monotonic clock, ns.
#[inline]
fn distance(now: Now) -> i64 {
    now.wall.0.wrapping_sub(now.mono.0 as i64)
}

impl Clock {
    /// Now, as the engine takes it.
    #[inline]
    pub fn now(&mut self) -> Now {
        self.steady(now())
    }

    #[inline]
    fn steady(&mut self, read: Now) -> Now {
        let offset_ns = distance(read);
        if offset_ns.abs_diff(self.offset_ns) > DRIFT_NS_MAX {
            self.offset_ns = offset_ns;
        }
        Now { mono: read.mono, wall: WallNs(self.offset_ns.wrapping_add(read.mono.0 as i64)) }
    }
}

/// Cycles as nanoseconds.
pub fn ns(cycles: u64, tsc_hz: u64) -> u64 {
    let ns = u128::from(cycles) * 1_000_000_000 / u128::from(tsc_hz.max(1));
    u64::try_from(ns).unwrap_or(u64::MAX)
}

/// Nanoseconds as cycles.
pub fn cycles(ns: u64, tsc_hz: u64) -> u64 {
    let cycles = u128::from(ns) * u128::from(tsc_hz) / 1_000_000_000;
    u64::try_from(cycles).unwrap_or(u64::MAX)
}

/// Measures the rate of [`stamp`] against the monotonic clock; takes about 60 ms.
///
/// The middle of three measurements, so that one preemption between two reads does not matter.
pub fn calibrate() -> u64 {
    let mut rates = [0u64; 3];
    for rate in &mut rates {
        let (mono_before, tsc_before) = (mono(), stamp());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let (mono_after, tsc_after) = (mono(), stamp());
        let ns = u128::from(mono_after.since(mono_before).max(1));
        let cycles = u128::from(tsc_after.saturating_sub(tsc_before));
        *rate = (cycles * 1_000_000_000 / ns) as u64;
    }
    rates.sort_unstable();
    rates[1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_moves_forward_and_has_a_rate() {
        let before = stamp();
        let rate = calibrate();
        assert!(stamp() > before);
        assert!((100_000_000..20_000_000_000).contains(&rate), "rate {rate} Hz");
    }

    #[test]
    fn cycles_are_nanoseconds_at_their_rate() {
        assert_eq!((ns(5_000, 2_500_000_000), cycles(2_000, 2_500_000_000)), (2_000, 5_000));
        assert_eq!((ns(u64::MAX, 1), cycles(u64::MAX, u64::MAX)), (u64::MAX, u64::MAX));
    }

    #[test]
    fn the_wall_clock_keeps_its_distance_until_it_is_wrong() {
        let mut clock = Clock { offset_ns: 1_000 };
        let at = |mono, wall| Now { mono: MonoNs(mono), wall: WallNs(wall) };
        assert_eq!(clock.steady(at(10, 1_500)), at(10, 1_010), "a little off: as it was");
        assert_eq!(clock.steady(at(20, 2_000_020)), at(20, 2_000_020), "a jump is passed on");
        assert_eq!(clock.steady(at(30, 2_000_000)), at(30, 2_000_030), "and kept");
        assert_eq!(clock.steady(at(40, -5_000_000_000)), at(40, -5_000_000_000), "backwards too");
    }

    #[test]
    fn wall_is_after_2020_and_mono_does_not_go_back() {
        assert!(wall().ms() > 1_577_836_800_000);
        let first = mono();
        assert!(mono() >= first);
    }
}
