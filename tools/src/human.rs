//! Numbers as people read them: durations, counts, money, times of day.

use chrono::{DateTime, Local};

/// `950 ns`, `2.41 µs`, `18.3 ms`, `4.20 s`: three significant digits.
pub(crate) fn duration(ns: u64) -> String {
    let (value, unit) = match ns {
        0..=999 => return format!("{ns} ns"),
        1_000..=999_999 => (ns as f64 / 1e3, "µs"),
        1_000_000..=999_999_999 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let decimals = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {unit}")
}

/// `1,234,567`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Money (units of 1e-8) with two decimals, rounded half away from zero, and thousands apart.
pub(crate) fn money(units: i64) -> String {
    rounded(units, 2)
}

/// Money with up to eight decimals, rounded half away from zero, and thousands apart.
fn rounded(units: i64, decimals: u32) -> String {
    let unit = 10i128.pow(8 - decimals.min(8));
    let value = (i128::from(units.unsigned_abs()) + unit / 2) / unit;
    let scale = 10i128.pow(decimals);
    let sign = if units < 0 && value != 0 { "-" } else { "" };
    let width = decimals as usize;
    format!("{sign}{}.{:0>width$}", count((value / scale) as u64), value % scale)
}

/// A gain or loss with four decimals and its sign: one small fill.
pub(crate) fn small_gain(units: i64) -> String {
    let text = rounded(units, 4);
    if units > 0 { format!("+{text}") } else { text }
}

/// Like [`money`], a gain with its plus sign.
pub(crate) fn signed_money(units: i64) -> String {
    let text = money(units);
    if text.starts_with('-') || text == "0.00" { text } else { format!("+{text}") }
}

/// Decimals that a tick or step of so many units (1e-8) needs: `0.10` needs one.
pub(crate) fn decimals(step_units: i64) -> usize {
    let mut step = step_units.unsigned_abs();
    if step == 0 {
        return 8;
    }
    let mut decimals = 8;
    while decimals > 0 && step.is_multiple_of(10) {
        step /= 10;
        decimals -= 1;
    }
    decimals
}

/// Wall time of day with milliseconds, local.
pub(crate) fn time_of_day(wall_ns: i64) -> String {
    DateTime::from_timestamp_nanos(wall_ns).with_timezone(&Local).format("%H:%M:%S%.3f").to_string()
}

/// Seconds as `m:ss`.
pub(crate) fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits() {
        let cases = [
            (0, "0 ns"),
            (950, "950 ns"),
            (2_412, "2.41 µs"),
            (18_340, "18.3 µs"),
            (431_000, "431 µs"),
            (18_300_000, "18.3 ms"),
            (4_200_000_000, "4.20 s"),
            (125_000_000_000, "125 s"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn counts_and_money_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(money(770_000_000_000), "7,700.00");
        assert_eq!(money(-500_000), "-0.01");
        assert_eq!(money(-499_999), "0.00");
        assert_eq!(money(i64::MIN), "-92,233,720,368.55");
        assert_eq!(signed_money(123_000_000), "+1.23");
        assert_eq!(signed_money(1), "0.00");
        assert_eq!(small_gain(20_000), "+0.0002");
        assert_eq!(small_gain(-123_456_789_012), "-1,234.5679");
    }

    #[test]
    fn decimals_follow_the_step() {
        assert_eq!(decimals(100_000_000), 0);
        assert_eq!(decimals(10_000_000), 1);
        assert_eq!(decimals(100_000), 3);
        assert_eq!(decimals(1), 8);
        assert_eq!(decimals(0), 8);
        assert_eq!(decimals(500_000_000), 0);
    }

    #[test]
    fn a_clock_counts_minutes() {
        assert_eq!(clock(5), "0:05");
        assert_eq!(clock(75), "1:15");
    }
}
