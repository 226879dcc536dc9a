//! Exact decimals: [`Price`], [`Qty`] and [`Notional`] as `i64` in units of 1e-8.

use core::fmt;

/// Units in one whole: 1.0 is `100_000_000`.
pub const SCALE: i64 = 100_000_000;
/// Decimals a value can carry.
const DECIMALS: usize = 8;
/// Longest text [`format_decimal`] writes: sign, 11 digits, point, 8 digits.
const TEXT_MAX: usize = 21;

/// Why a decimal text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalError {
    /// The text was empty, or only a sign or a point.
    Empty,
    /// A byte that is not a digit, a point or a leading minus sign (exponents, `NaN`, spaces).
    BadByte,
    /// More than eight decimals that are not zero: the value cannot be held exactly.
    TooPrecise,
    /// Outside ±92,233,720,368.54775807.
    OutOfRange,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no digits",
            Self::BadByte => "not a plain decimal number",
            Self::TooPrecise => "more than 8 decimals",
            Self::OutOfRange => "outside +-92233720368.54775807",
        })
    }
}
impl core::error::Error for DecimalError {}

/// Reads a plain decimal (`-12`, `0.1`, `.5`, `43187.00`) into units of 1e-8, exactly.
///
/// Trailing zeros past the eighth decimal are accepted because they change nothing.
///
/// # Errors
/// [`DecimalError`] for anything that is not a plain decimal or cannot be held exactly.
#[inline]
pub const fn parse_decimal(text: &[u8]) -> Result<i64, DecimalError> {
    let mut index = 0;
    let negative = !text.is_empty() && text[0] == b'-';
    if negative {
        index = 1;
    }
    let mut value: u64 = 0;
    let mut digits = 0usize;
    let mut decimals = 0usize;
    let mut seen_point = false;
    while index < text.len() {
        let byte = text[index];
        index += 1;
        if byte == b'.' {
            if seen_point {
                return Err(DecimalError::BadByte);
            }
            seen_point = true;
            continue;
        }
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(DecimalError::BadByte);
        }
        digits += 1;
        if seen_point {
            if decimals == DECIMALS {
                if digit != 0 {
                    return Err(DecimalError::TooPrecise);
                }
                continue;
            }
            decimals += 1;
        }
        // 2^63 / 10 rounded down: one more digit could pass the range of i64.
        if value > 922_337_203_685_477_580 {
            return Err(DecimalError::OutOfRange);
        }
        value = value * 10 + digit as u64;
    }
    if digits == 0 {
        return Err(DecimalError::Empty);
    }
    while decimals < DECIMALS {
        if value > 922_337_203_685_477_580 {
            return Err(DecimalError::OutOfRange);
        }
        value *= 10;
        decimals += 1;
    }
    if value > i64::MAX as u64 {
        return Err(DecimalError::OutOfRange);
    }
    let value = value as i64;
    Ok(if negative { -value } else { value })
}

/// Writes `value` (units of 1e-8) as the shortest exact decimal into `out` and returns its length.
///
/// `decimals_min` keeps trailing zeros up to that many decimals (the venue shows a tick's decimals).
///
/// # Panics
/// If `out` is shorter than 21 bytes.
#[inline]
pub fn format_decimal(value: i64, decimals_min: usize, out: &mut [u8]) -> usize {
    assert!(out.len() >= TEXT_MAX, "a decimal needs up to 21 bytes");
    let mut length = 0;
    if value < 0 {
        out[0] = b'-';
        length = 1;
    }
    let magnitude = value.unsigned_abs();
    let mut whole = magnitude / SCALE as u64;
    let mut fraction = magnitude % SCALE as u64;
    let mut digits = [0u8; 20];
    let mut count = 0;
    loop {
        digits[count] = b'0' + (whole % 10) as u8;
        whole /= 10;
        count += 1;
        if whole == 0 {
            break;
        }
    }
    while count > 0 {
        count -= 1;
        out[length] = digits[count];
        length += 1;
    }
    let decimals_min = if decimals_min > DECIMALS { DECIMALS } else { decimals_min };
    if fraction == 0 && decimals_min == 0 {
        return length;
    }
    out[length] = b'.';
    length += 1;
    let mut written = 0;
    let mut unit = SCALE as u64 / 10;
    while written < DECIMALS && (fraction != 0 || written < decimals_min) {
        out[length] = b'0' + (fraction / unit) as u8;
        length += 1;
        fraction %= unit;
        unit = if unit >= 10 { unit / 10 } else { 1 };
        written += 1;
    }
    length
}

macro_rules! decimal {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);
            /// The largest value.
            pub const MAX: Self = Self(i64::MAX);

            /// From units of 1e-8.
            #[inline]
            pub const fn from_units(units: i64) -> Self {
                Self(units)
            }
            /// In units of 1e-8.
            #[inline]
            pub const fn units(self) -> i64 {
                self.0
            }
            /// Reads a plain decimal text.
            ///
            /// # Errors
            /// See [`parse_decimal`].
            #[inline]
            pub const fn parse(text: &[u8]) -> Result<Self, DecimalError> {
                match parse_decimal(text) {
                    Ok(units) => Ok(Self(units)),
                    Err(error) => Err(error),
                }
            }
            /// Sum, or `None` past the range.
            #[inline]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(units) => Some(Self(units)),
                    None => None,
                }
            }
            /// Difference, or `None` past the range.
            #[inline]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(units) => Some(Self(units)),
                    None => None,
                }
            }
            /// Negated, or `None` for the smallest value.
            #[inline]
            pub const fn checked_neg(self) -> Option<Self> {
                match self.0.checked_neg() {
                    Some(units) => Some(Self(units)),
                    None => None,
                }
            }
            /// Magnitude; the smallest value gives [`Self::MAX`].
            #[inline]
            pub const fn abs(self) -> Self {
                Self(self.0.saturating_abs())
            }
            /// Whether the value is zero.
            #[inline]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
            /// Whether the value is a whole multiple of `step` (a zero step allows everything).
            #[inline]
            pub const fn is_multiple_of(self, step: Self) -> bool {
                step.0 == 0 || self.0 % step.0 == 0
            }
            /// Rounded towards zero to a whole multiple of `step` (a zero step changes nothing).
            #[inline]
            pub const fn round_down(self, step: Self) -> Self {
                if step.0 == 0 { self } else { Self(self.0 - self.0 % step.0) }
            }
            /// For statistics and screens only; never for a decision about money.
            pub fn to_f64(self) -> f64 {
                self.0 as f64 / SCALE as f64
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0u8; TEXT_MAX];
                let length = format_decimal(self.0, f.precision().unwrap_or(0), &mut text);
                f.pad_integral(true, "", core::str::from_utf8(&text[..length]).unwrap_or("?"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
        impl core::str::FromStr for $name {
            type Err = DecimalError;
            fn from_str(text: &str) -> Result<Self, DecimalError> {
                Self::parse(text.as_bytes())
            }
        }
    };
}

decimal!(
    /// A price in quote currency per unit of base, in units of 1e-8.
    Price
);
decimal!(
    /// A quantity of base currency in units of 1e-8; signed where it is a position.
    Qty
);
decimal!(
    /// An amount of quote currency in units of 1e-8: notional, fee, profit, balance.
    Notional
);

impl Price {
    /// Price × quantity in units of 1e-16, exact.
    #[inline]
    pub const fn times(self, qty: Qty) -> i128 {
        self.0 as i128 * qty.0 as i128
    }
    /// Price × quantity rounded half away from zero to 1e-8, or `None` past the range.
    #[inline]
    pub const fn notional(self, qty: Qty) -> Option<Notional> {
        Notional::from_e16(self.times(qty))
    }
}

impl Notional {
    /// From units of 1e-16, rounded half away from zero; `None` past the range.
    #[inline]
    pub const fn from_e16(units: i128) -> Option<Self> {
        let half = if units < 0 { -(SCALE as i128) / 2 } else { SCALE as i128 / 2 };
        let rounded = (units + half) / SCALE as i128;
        if rounded > i64::MAX as i128 || rounded < i64::MIN as i128 {
            return None;
        }
        Some(Self(rounded as i64))
    }
    /// This amount × `ppm` / 1,000,000, rounded half away from zero: fees by rate.
    #[inline]
    pub const fn ppm(self, ppm: i64) -> Option<Self> {
        let product = self.0 as i128 * ppm as i128;
        let half = if product < 0 { -500_000 } else { 500_000 };
        let rounded = (product + half) / 1_000_000;
        if rounded > i64::MAX as i128 || rounded < i64::MIN as i128 {
            return None;
        }
        Some(Self(rounded as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<i64, DecimalError>) {
        assert_eq!(parse_decimal(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn plain_decimals_are_exact() {
        check("0", Ok(0));
        check("-0", Ok(0));
        check("43187.00", Ok(4_318_700_000_000));
        check("0.00000001", Ok(1));
        check("-0.1", Ok(-10_000_000));
        check(".5", Ok(50_000_000));
        check("5.", Ok(500_000_000));
        check("1.1000000000", Ok(110_000_000));
        check("92233720368.54775807", Ok(i64::MAX));
        check("-92233720368.54775807", Ok(-i64::MAX));
    }

    #[test]
    fn everything_else_is_refused_and_never_wraps() {
        check("", Err(DecimalError::Empty));
        check("-", Err(DecimalError::Empty));
        check(".", Err(DecimalError::Empty));
        check("NaN", Err(DecimalError::BadByte));
        check("1e309", Err(DecimalError::BadByte));
        check("1.2.3", Err(DecimalError::BadByte));
        check("+1", Err(DecimalError::BadByte));
        check(" 1", Err(DecimalError::BadByte));
        check("--1", Err(DecimalError::BadByte));
        check("0.000000001", Err(DecimalError::TooPrecise));
        check("92233720368.54775808", Err(DecimalError::OutOfRange));
        check("92233720369", Err(DecimalError::OutOfRange));
        check(&"9".repeat(40), Err(DecimalError::OutOfRange));
        check(&"0".repeat(40), Ok(0));
    }

    #[test]
    fn printing_keeps_the_asked_decimals() {
        assert_eq!(format!("{}", Price::from_units(4_318_700_000_000)), "43187");
        assert_eq!(format!("{:.2}", Price::from_units(4_318_700_000_000)), "43187.00");
        assert_eq!(format!("{:.3}", Qty::from_units(-3_000_000)), "-0.030");
        assert_eq!(format!("{}", Notional::from_units(i64::MIN)), "-92233720368.54775808");
    }

    #[test]
    fn notional_rounds_half_away_from_zero() {
        assert_eq!(Notional::from_e16(50_000_000), Some(Notional::from_units(1)));
        assert_eq!(Notional::from_e16(-50_000_000), Some(Notional::from_units(-1)));
        assert_eq!(Notional::from_e16(49_999_999), Some(Notional::ZERO));
        assert_eq!(Notional::from_e16(i128::from(i64::MAX) * 200_000_000), None);
        let fill = Price::parse(b"91739.90").and_then(|p| Ok((p, Qty::parse(b"0.002")?)));
        let (price, qty) = fill.expect("both are plain decimals");
        let notional = price.notional(qty).expect("fits");
        assert_eq!(notional.to_string(), "183.4798");
        // The fee of PROTOCOL's recorded fill: 0.05 % of the notional.
        assert_eq!(notional.ppm(500).expect("fits").to_string(), "0.0917399");
    }

    proptest! {
        #[test]
        fn print_then_parse_is_identity(units in any::<i64>(), decimals in 0usize..9) {
            prop_assume!(units != i64::MIN);
            let text = format!("{:.*}", decimals, Price::from_units(units));
            prop_assert_eq!(parse_decimal(text.as_bytes()), Ok(units));
        }

        #[test]
        fn parse_agrees_with_wide_integers(whole in 0u64..200_000_000_000, fraction in 0u32..100_000_000) {
            let text = format!("{whole}.{fraction:08}");
            let wide = i128::from(whole) * i128::from(SCALE) + i128::from(fraction);
            let expected = i64::try_from(wide).map_err(|_| DecimalError::OutOfRange);
            prop_assert_eq!(parse_decimal(text.as_bytes()), expected);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse_decimal(&bytes);
        }
    }
}
