//! A market that falls: a scripted path laid over the seeded walk.
//!
//! The path is a function of the market's time alone, so a seed still gives one market. It begins
//! slowly, is steepest in the middle and ends slowly, as falls do; while it lasts the book is thin,
//! the spread wide and most trades are sales, and all three recover after it.

use core::fmt;
use core::str::FromStr;

/// Time after the fall until book, spread and trades are as before, ns.
const RECOVERY_NS: i64 = 30_000_000_000;
/// Stress at its highest.
pub(super) const STRESS_MAX: i64 = 1_024;

/// When, for how long and how far a market falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fall {
    /// From the market's beginning to the fall's, ms.
    pub after_ms: i64,
    /// How long it falls, ms.
    pub lasts_ms: i64,
    /// How far, ppm of the price it begins at.
    pub depth_ppm: i64,
}

impl Fall {
    /// How far it has fallen at a time since the market's beginning, ppm: `depth × (3x² − 2x³)`.
    pub fn fallen_ppm(&self, since_start_ns: i64) -> i64 {
        let since_ns = since_start_ns.saturating_sub(self.after_ms.saturating_mul(1_000_000));
        let lasts_ns = self.lasts_ms.max(1).saturating_mul(1_000_000);
        let x = i128::from(since_ns.clamp(0, lasts_ns)) * 1_000_000 / i128::from(lasts_ns);
        let share_e18 = x * x * (3_000_000 - 2 * x);
        (i128::from(self.depth_ppm) * share_e18 / 1_000_000_000_000_000_000) as i64
    }

    /// How thin and hectic the market is, 0 to [`STRESS_MAX`].
    pub(super) fn stress(&self, since_start_ns: i64) -> i64 {
        let since_ns = since_start_ns.saturating_sub(self.after_ms.saturating_mul(1_000_000));
        let lasts_ns = self.lasts_ms.max(1).saturating_mul(1_000_000);
        // Full from a quarter of the way on.
        let rise_ns = (lasts_ns / 4).max(1);
        let left_ns = RECOVERY_NS - since_ns.saturating_sub(lasts_ns).max(0);
        let rising =
            i128::from(since_ns.clamp(0, rise_ns)) * i128::from(STRESS_MAX) / i128::from(rise_ns);
        let calming = i128::from(left_ns.clamp(0, RECOVERY_NS)) * i128::from(STRESS_MAX)
            / i128::from(RECOVERY_NS);
        rising.min(calming) as i64
    }
}

/// What is wrong with a fall's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadFall;

impl fmt::Display for BadFall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "write AFTER,SECONDS,PERCENT, for example 15,20,15 (0 to 3600, 1 to 3600, 1 to 60)",
        )
    }
}

impl core::error::Error for BadFall {}

impl FromStr for Fall {
    type Err = BadFall;
    /// `AFTER,SECONDS,PERCENT` in whole numbers.
    fn from_str(text: &str) -> Result<Self, BadFall> {
        let numbers: Vec<i64> =
            text.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| BadFall)?;
        match numbers[..] {
            [after @ 0..=3_600, seconds @ 1..=3_600, percent @ 1..=60] => Ok(Self {
                after_ms: after * 1_000,
                lasts_ms: seconds * 1_000,
                depth_ppm: percent * 10_000,
            }),
            _ => Err(BadFall),
        }
    }
}

impl fmt::Display for Fall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (after, seconds) = (self.after_ms / 1_000, self.lasts_ms / 1_000);
        write!(f, "{after},{seconds},{}", self.depth_ppm / 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FALL: Fall = Fall { after_ms: 15_000, lasts_ms: 20_000, depth_ppm: 150_000 };
    const S: i64 = 1_000_000_000;

    #[test]
    fn the_path_begins_and_ends_where_it_says_and_never_turns() {
        assert_eq!(FALL.fallen_ppm(0), 0);
        assert_eq!(FALL.fallen_ppm(15 * S), 0);
        assert_eq!(FALL.fallen_ppm(25 * S), 75_000);
        assert_eq!(FALL.fallen_ppm(35 * S), 150_000);
        assert_eq!(FALL.fallen_ppm(i64::MAX), 150_000);
        let path: Vec<i64> = (0..500).map(|step| FALL.fallen_ppm(step * S / 10)).collect();
        assert!(path.is_sorted());
        // Nowhere steeper than one and a half times the mean.
        assert!(path.windows(2).all(|pair| pair[1] - pair[0] <= 150_000 * 3 / 2 / 200 + 1));
    }

    #[test]
    fn stress_comes_with_the_fall_and_goes_after_it() {
        assert_eq!(FALL.stress(15 * S), 0);
        assert_eq!(FALL.stress(20 * S), STRESS_MAX);
        assert_eq!(FALL.stress(35 * S), STRESS_MAX);
        assert_eq!(FALL.stress(50 * S), STRESS_MAX / 2);
        assert_eq!(FALL.stress(65 * S), 0);
    }

    #[test]
    fn a_fall_is_three_numbers() {
        assert_eq!("15,20,15".parse(), Ok(FALL));
        assert_eq!(FALL.to_string(), "15,20,15");
        for bad in ["", "15,20", "15,20,15,1", "-1,20,15", "15,0,15", "15,20,61", "a,b,c"] {
            assert_eq!(bad.parse::<Fall>(), Err(BadFall), "{bad:?}");
        }
    }
}
