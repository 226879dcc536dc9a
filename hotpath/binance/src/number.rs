//! Numbers of frames: fast forms for what the venue usually writes, exact ones for the rest.

use schema::{DecimalError, parse_decimal};

/// Up to 18 digits, so that the value fits without a check, and what follows them.
#[inline]
pub(crate) fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    let mut rest = text;
    let mut room = 18;
    if let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        if is_eight_digits(word) {
            value = eight_digits(word);
            rest = tail;
            room = 10;
        }
    }
    let start = rest.len();
    while let Some((byte, tail)) = rest.split_first() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        rest = tail;
    }
    let count = start - rest.len();
    if count > room || (count == 0 && room == 18) { None } else { Some((value, rest)) }
}

/// Units of the last digit by how many decimals were read.
const UNITS: [u64; 9] = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];

/// A decimal and its closing quote. A byte loop: for the venue's 3 to 9 digits it is as fast as
/// words of eight (measured, PERF_FLOOR section 2).
#[inline]
pub(crate) fn quoted_decimal(text: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0u64;
    let mut at = 0;
    let mut byte;
    loop {
        byte = *text.get(at)?;
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    // Ten digits and eight decimals are below 1e18: nothing can have wrapped.
    if at == 0 || at > 10 {
        return None;
    }
    let mut decimals = 0;
    if byte == b'.' {
        at += 1;
        let start = at;
        loop {
            byte = *text.get(at)?;
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        decimals = at - start;
    }
    if byte != b'"' {
        return None;
    }
    let units = *UNITS.get(decimals)?;
    let value = value.wrapping_mul(units);
    // Above the range of i64 only if the whole part has ten digits or more, and those are refused
    // above; 9,999,999,999.99999999 is 1e18 − 1.
    Some((value as i64, &text[at + 1..]))
}

/// Whether all eight bytes are digits.
#[inline]
fn is_eight_digits(word: u64) -> bool {
    let above = word.wrapping_add(0x0606_0606_0606_0606);
    (word & 0xf0f0_f0f0_f0f0_f0f0) == 0x3030_3030_3030_3030
        && (above & 0xf0f0_f0f0_f0f0_f0f0) == 0x3030_3030_3030_3030
}

/// The value of eight digits, the first in the lowest byte: pairs, then fours, then eight.
#[inline]
fn eight_digits(word: u64) -> u64 {
    let digits = word & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

/// A whole number with an optional minus sign.
#[inline]
pub(crate) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut value = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits stay below 1e19, which u64 holds.
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    let value = i64::try_from(value).ok()?;
    Some(if negative { -value } else { value })
}

/// [`parse_decimal`] for what the venue rounds anyway: entry prices come with 10 to 14 decimals.
pub(crate) fn parse_decimal_cut(text: &[u8]) -> Result<i64, DecimalError> {
    let kept = match memchr::memchr(b'.', text) {
        Some(point) if text.len() - point > 9 => {
            let (kept, cut) = text.split_at(point + 9);
            if !cut.iter().all(u8::is_ascii_digit) {
                return Err(DecimalError::BadByte);
            }
            kept
        }
        _ => text,
    };
    match parse_decimal(kept) {
        Err(DecimalError::OutOfRange) if text.starts_with(b"-") => Ok(-i64::MAX),
        Err(DecimalError::OutOfRange) => Ok(i64::MAX),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_at_once_are_their_value() {
        for value in [0, 1, 9, 10, 12_345_678, 99_999_999, 90_000_001, 10_203_040] {
            let text = format!("{value:08}");
            let word = u64::from_le_bytes(*text.as_bytes().first_chunk().expect("eight"));
            assert!(is_eight_digits(word), "{text}");
            assert_eq!(eight_digits(word), value, "{text}");
        }
        for text in [b"1234567:", b"/2345678", b"12345 78", b"123.5678", b"12345\xb678"] {
            assert!(!is_eight_digits(u64::from_le_bytes(*text)), "{text:?}");
        }
    }

    #[test]
    fn decimals_agree_with_the_exact_parser_or_are_left_to_it() {
        for text in
            ["0", "1", "0.00000001", "9999999999.99999999", "43187.00", "1.5", "00.10", "5."]
        {
            let quoted = format!("{text}\",rest");
            let (units, rest) = quoted_decimal(quoted.as_bytes()).expect(text);
            assert_eq!(Ok(units), parse_decimal(text.as_bytes()), "{text}");
            assert_eq!(rest, b",rest");
        }
        for text in ["", ".5", "-1", "1e5", "12345678901", "0.123456789", "NaN", "1.2.3"] {
            assert_eq!(quoted_decimal(format!("{text}\"").as_bytes()), None, "{text}");
        }
        assert_eq!(quoted_decimal(b"12"), None);
        assert_eq!(quoted_decimal("9".repeat(400).as_bytes()), None);
    }

    #[test]
    fn rounded_decimals_are_cut_and_held_in_range() {
        for (text, expected) in [
            ("1.123456789", Ok(112_345_678)),
            ("-1.123456789", Ok(-112_345_678)),
            ("1.5", Ok(150_000_000)),
            ("99999999999999999999.5", Ok(i64::MAX)),
            ("-99999999999999999999.5", Ok(-i64::MAX)),
            ("1.12345678x", Err(DecimalError::BadByte)),
            ("1.1234567.9", Err(DecimalError::BadByte)),
            ("1e5", Err(DecimalError::BadByte)),
            ("", Err(DecimalError::Empty)),
        ] {
            assert_eq!(parse_decimal_cut(text.as_bytes()), expected, "{text}");
        }
    }
}
