//! The two clocks, as two types that do not mix.

/// Nanoseconds of `CLOCK_MONOTONIC`: for intervals, ages and order of events on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct MonoNs(pub u64);

/// Nanoseconds since the Unix epoch: for the venue's timestamps and for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct WallNs(pub i64);

impl MonoNs {
    /// Nanoseconds from `earlier` to this; zero if `earlier` is later.
    #[inline]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
    /// This instant moved forward.
    #[inline]
    pub const fn plus_ns(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }
}

impl WallNs {
    /// From the venue's milliseconds.
    #[inline]
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }
    /// In the venue's milliseconds, rounded down.
    #[inline]
    pub const fn ms(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}
