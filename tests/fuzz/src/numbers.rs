//! Decimals against a second reading of the same text in wide integers.

use schema::{SCALE, parse_decimal};

/// Reads the text as a decimal in units of 1e-8 the slow way; `None` if it is none, or not exactly
/// representable.
fn slow(text: &[u8]) -> Option<i64> {
    let text = core::str::from_utf8(text).ok()?;
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |s: &str| s.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    if fraction.len() > 8 || whole.len() > 18 {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let padded = format!("{fraction:0<8}");
    let units = whole * i128::from(SCALE) + padded.parse::<i128>().ok()?;
    // The most negative number has no opposite; the quick reader leaves it out.
    let units = i64::try_from(units).ok()?;
    Some(if is_negative { -units } else { units })
}

/// Both readings agree: the value, or that there is none.
pub(crate) fn decimals(bytes: &[u8]) {
    let fast = parse_decimal(bytes).ok();
    if let Some(value) = slow(bytes) {
        // What the quick reader refuses for its length it may refuse; what it reads is right.
        assert!(fast.is_none_or(|fast| fast == value), "{bytes:?}: {fast:?}, not {value}");
        assert!(fast.is_some() || bytes.len() > 24, "{bytes:?} is {value} and was refused");
    } else if let Some(fast) = fast {
        panic!("{bytes:?} is no decimal and was read as {fast}");
    }
}
