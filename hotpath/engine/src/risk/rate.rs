//! Messages in sliding windows.
//!
//! The venue counts in fixed windows whose start is not known here (docs say so, unverified); a
//! sliding window of the same length never holds fewer, so staying within it is enough.

use schema::{MonoNs, Price};

/// Counts per bucket over a little more than the window.
#[derive(Debug, Clone)]
pub(crate) struct Window<const N: usize> {
    buckets: [u32; N],
    bucket_ns: u64,
    newest: u64,
    /// When the newest bucket ends: most looks at a window fall into it and need no division.
    ends_at: u64,
    sum: u32,
}

impl<const N: usize> Window<N> {
    pub(crate) const fn new(bucket_ns: u64) -> Self {
        Self { buckets: [0; N], bucket_ns, newest: 0, ends_at: bucket_ns, sum: 0 }
    }
    #[inline]
    fn advance(&mut self, now: MonoNs) {
        if now.0 >= self.ends_at {
            self.go_on(now);
        }
    }
    fn go_on(&mut self, now: MonoNs) {
        let bucket = now.0 / self.bucket_ns;
        for step in 1..=(bucket - self.newest).min(N as u64) {
            let old = &mut self.buckets[((self.newest + step) % N as u64) as usize];
            self.sum -= *old;
            *old = 0;
        }
        self.newest = bucket;
        self.ends_at = (bucket + 1).saturating_mul(self.bucket_ns);
    }
    fn add_here(&mut self) {
        self.buckets[(self.newest % N as u64) as usize] += 1;
        self.sum += 1;
    }
    /// Counts one now.
    #[inline]
    pub(crate) fn add(&mut self, now: MonoNs) {
        self.advance(now);
        self.add_here();
    }
    /// How many within the window, or up to a bucket more.
    #[inline]
    pub(crate) fn count(&mut self, now: MonoNs) -> u32 {
        self.advance(now);
        self.sum
    }
    /// The same as it was last counted.
    pub(crate) const fn sum(&self) -> u32 {
        self.sum
    }
    /// None.
    pub(crate) fn clear(&mut self) {
        self.buckets = [0; N];
        self.sum = 0;
    }
}

/// Parts of a [`MarkWindow`].
const MARK_PARTS: usize = 16;

/// Lowest and highest mark price of a time window, or up to a part more.
#[derive(Debug, Clone)]
pub(crate) struct MarkWindow {
    /// Lowest and highest by part; zero where there was none.
    parts: [(Price, Price); MARK_PARTS],
    part_ns: u64,
    newest: u64,
    /// When the newest part ends.
    ends_at: u64,
    /// Lowest and highest of all parts.
    range: (Price, Price),
}

const NO_MARK: (Price, Price) = (Price::ZERO, Price::ZERO);

impl MarkWindow {
    pub(crate) const fn new(window_ns: u64) -> Self {
        let part_ns = window_ns / (MARK_PARTS as u64 - 1);
        let part_ns = if part_ns == 0 { 1 } else { part_ns };
        Self { parts: [NO_MARK; MARK_PARTS], part_ns, newest: 0, ends_at: part_ns, range: NO_MARK }
    }
    #[inline]
    fn advance(&mut self, now: MonoNs) {
        if now.0 >= self.ends_at {
            self.go_on(now);
        }
    }
    fn go_on(&mut self, now: MonoNs) {
        let part = now.0 / self.part_ns;
        for step in 1..=(part - self.newest).min(MARK_PARTS as u64) {
            self.parts[((self.newest + step) % MARK_PARTS as u64) as usize] = NO_MARK;
        }
        self.newest = part;
        self.ends_at = (part + 1).saturating_mul(self.part_ns);
        self.range = self.parts.into_iter().fold(NO_MARK, wider);
    }
    /// Takes a mark.
    pub(crate) fn add(&mut self, now: MonoNs, mark: Price) {
        self.advance(now);
        let newest = &mut self.parts[(self.newest % MARK_PARTS as u64) as usize];
        *newest = wider(*newest, (mark, mark));
        self.range = wider(self.range, (mark, mark));
    }
    /// Lowest and highest; zero if there was none.
    #[inline]
    pub(crate) fn range(&mut self, now: MonoNs) -> (Price, Price) {
        self.advance(now);
        self.range
    }
    /// The same as it was last asked for.
    pub(crate) const fn last_range(&self) -> (Price, Price) {
        self.range
    }
}

/// What holds both ranges; zero is none.
fn wider(one: (Price, Price), other: (Price, Price)) -> (Price, Price) {
    let low = match (one.0.is_zero(), other.0.is_zero()) {
        (true, _) => other.0,
        (_, true) => one.0,
        _ => one.0.min(other.0),
    };
    (low, one.1.max(other.1))
}

/// Messages sent in the last 10 s and the last minute.
#[derive(Debug, Clone)]
pub struct MessageRate {
    ten_seconds: Window<21>,
    minute: Window<61>,
    ten_minutes: Window<61>,
    fills: Window<61>,
    /// What the venue counted beyond ours (another program of the account), and until when.
    others_10s: (u32, MonoNs),
    others_1m: (u32, MonoNs),
}

impl Default for MessageRate {
    fn default() -> Self {
        Self::new()
    }
}

impl MessageRate {
    /// Nothing sent.
    pub const fn new() -> Self {
        Self {
            ten_seconds: Window::new(500_000_000),
            minute: Window::new(1_000_000_000),
            ten_minutes: Window::new(10_000_000_000),
            fills: Window::new(10_000_000_000),
            others_10s: (0, MonoNs(0)),
            others_1m: (0, MonoNs(0)),
        }
    }
    /// Messages in the last 10 s (up to half a second more) and the last minute (a second more).
    #[inline]
    pub fn counts(&mut self, now: MonoNs) -> (u32, u32) {
        self.ten_seconds.advance(now);
        self.minute.advance(now);
        let others = |(count, until): (u32, MonoNs)| if now < until { count } else { 0 };
        (
            self.ten_seconds.sum.saturating_add(others(self.others_10s)),
            self.minute.sum.saturating_add(others(self.others_1m)),
        )
    }
    /// Takes the venue's own counts (`u32::MAX` if not told): what it counted beyond ours was sent
    /// by someone else and takes from the same budget until its window ends.
    pub fn heed(&mut self, now: MonoNs, count_10s: u32, count_1m: u32) {
        self.ten_seconds.advance(now);
        self.minute.advance(now);
        if count_10s != u32::MAX {
            let others = count_10s.saturating_sub(self.ten_seconds.sum);
            self.others_10s = (others, now.plus_ns(10_000_000_000));
        }
        if count_1m != u32::MAX {
            let others = count_1m.saturating_sub(self.minute.sum);
            self.others_1m = (others, now.plus_ns(60_000_000_000));
        }
    }
    /// Counts one message sent now.
    #[inline]
    pub fn add(&mut self, now: MonoNs) {
        self.ten_seconds.add(now);
        self.minute.add(now);
        self.ten_minutes.add(now);
    }
    /// Counts one fill now.
    pub(crate) fn add_fill(&mut self, now: MonoNs) {
        self.fills.add(now);
    }
    /// Messages and fills in the last ten minutes (up to ten seconds more).
    #[inline]
    pub(crate) fn ten_minutes(&mut self, now: MonoNs) -> (u32, u32) {
        (self.ten_minutes.count(now), self.fills.count(now))
    }
    /// Messages in ten seconds and a minute, messages and fills in ten minutes, as last counted.
    pub(crate) const fn last_counts(&self) -> [u32; 4] {
        [self.ten_seconds.sum, self.minute.sum, self.ten_minutes.sum, self.fills.sum]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_fewer_than_in_the_exact_window(
            gaps in proptest::collection::vec(0u64..3_000_000_000, 1..300)
        ) {
            let mut rate = MessageRate::new();
            let mut sent = Vec::new();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                rate.add(MonoNs(now));
                sent.push(now);
                let (ten, minute) = rate.counts(MonoNs(now));
                let within = |ns: u64| sent.iter().filter(|&&at| now - at < ns).count() as u32;
                prop_assert!(ten >= within(10_000_000_000) && ten <= within(10_500_000_000));
                prop_assert!(minute >= within(60_000_000_000) && minute <= within(61_000_000_000));
            }
            let later = MonoNs(now + 100_000_000_000);
            prop_assert_eq!(rate.counts(later), (0, 0));
        }
    }
}
