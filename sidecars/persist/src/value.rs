//! The values that go into columns, the same for both databases.
//!
//! Money stays an integer up to the driver: PostgreSQL takes it as `NUMERIC`, SQLite as text with
//! all its digits. SQLite has no exact decimal: a column declared `DECIMAL` has numeric affinity and
//! would turn `0.10000000` into a binary float, so the columns there are declared `TEXT`.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use schema::{Notional, Price, Qty, WallNs};

/// Microseconds since the Unix epoch: the resolution of a PostgreSQL timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub i64);

/// Microseconds of one day.
const DAY_US: i64 = 86_400_000_000;
/// Microseconds of one minute.
const MINUTE_US: i64 = 60_000_000;

impl Micros {
    /// Whole days since the Unix epoch, in UTC.
    pub const fn day(self) -> i32 {
        self.0.div_euclid(DAY_US) as i32
    }
    /// Start of the minute.
    pub const fn minute(self) -> Self {
        Self(self.0.div_euclid(MINUTE_US) * MINUTE_US)
    }
}

impl From<WallNs> for Micros {
    fn from(time: WallNs) -> Self {
        Self(time.0.div_euclid(1000))
    }
}

/// What a column holds; says how a stored value is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Integer of up to 64 bits.
    Int,
    /// Truth value.
    Bool,
    /// Decimal with so many digits after the point.
    Decimal(u32),
    /// Time in UTC.
    Time,
    /// Date in UTC.
    Date,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Absent.
    Null,
    /// Text.
    Text(String),
    /// Integer.
    Int(i64),
    /// Truth value.
    Bool(bool),
    /// `units` × 10^−`scale`.
    Decimal {
        /// The digits as an integer.
        units: i128,
        /// Digits after the point.
        scale: u32,
    },
    /// Time in UTC.
    Time(Micros),
    /// Days since the Unix epoch.
    Date(i32),
}

impl Value {
    /// A decimal with eight digits.
    pub const fn e8(units: i64) -> Self {
        Self::Decimal { units: units as i128, scale: 8 }
    }
    /// A sum of price × quantity: sixteen digits.
    pub const fn e16(units: i128) -> Self {
        Self::Decimal { units, scale: 16 }
    }
    /// A decimal with its own number of digits.
    pub const fn decimal(units: i64, scale: u32) -> Self {
        Self::Decimal { units: units as i128, scale }
    }
    /// The value, or [`Value::Null`].
    pub fn or_null<T: Into<Self>>(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
    /// The text, if it is one.
    pub fn text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
    /// The integer, if it is one.
    pub const fn int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }
    /// The truth value, if it is one.
    pub const fn bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }
    /// The units of a decimal, if it is one.
    pub const fn units(&self) -> Option<i128> {
        if let Self::Decimal { units, .. } = self { Some(*units) } else { None }
    }
    /// The units of a decimal that fits 64 bits.
    pub fn e8_units(&self) -> Option<i64> {
        self.units().and_then(|units| i64::try_from(units).ok())
    }
    /// The time, if it is one.
    pub const fn time(&self) -> Option<Micros> {
        if let Self::Time(time) = self { Some(*time) } else { None }
    }
    /// The date, if it is one.
    pub const fn date(&self) -> Option<i32> {
        if let Self::Date(day) = self { Some(*day) } else { None }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<Micros> for Value {
    fn from(time: Micros) -> Self {
        Self::Time(time)
    }
}
impl From<Price> for Value {
    fn from(price: Price) -> Self {
        Self::e8(price.units())
    }
}
impl From<Qty> for Value {
    fn from(qty: Qty) -> Self {
        Self::e8(qty.units())
    }
}
impl From<Notional> for Value {
    fn from(amount: Notional) -> Self {
        Self::e8(amount.units())
    }
}

/// Writes a decimal with exactly `scale` digits after the point.
pub fn decimal_text(units: i128, scale: u32) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let one = 10u128.pow(scale);
    let magnitude = units.unsigned_abs();
    if scale == 0 {
        return format!("{sign}{magnitude}");
    }
    format!("{sign}{}.{:0width$}", magnitude / one, magnitude % one, width = scale as usize)
}

/// Reads what [`decimal_text`] wrote; `None` for anything else.
pub fn decimal_units(text: &str, scale: u32) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || fraction.len() > scale as usize {
        return None;
    }
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{whole}{fraction:0<width$}", width = scale as usize);
    let units: i128 = padded.parse().ok()?;
    Some(if negative { -units } else { units })
}

/// The calendar form of a time; times beyond the calendar become its end.
pub fn calendar(time: Micros) -> NaiveDateTime {
    DateTime::from_timestamp_micros(time.0).unwrap_or(DateTime::UNIX_EPOCH).naive_utc()
}

/// The calendar form of a date.
pub fn calendar_day(day: i32) -> NaiveDate {
    DateTime::from_timestamp(i64::from(day) * 86_400, 0)
        .unwrap_or(DateTime::UNIX_EPOCH)
        .date_naive()
}

/// How SQLite keeps a time, and how its date functions read it.
pub const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S%.6f";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_keep_all_their_digits() {
        assert_eq!(decimal_text(10_000_000, 8), "0.10000000");
        assert_eq!(decimal_text(-1, 8), "-0.00000001");
        assert_eq!(decimal_text(12, 0), "12");
        assert_eq!(decimal_units("0.1", 8), Some(10_000_000));
        assert_eq!(decimal_units("-12", 2), Some(-1200));
        for bad in ["", "-", ".5", "1e3", "1.123456789", "NaN", "+1"] {
            assert_eq!(decimal_units(bad, 8), None, "{bad:?}");
        }
    }

    #[test]
    fn days_and_minutes_begin_before_the_epoch_too() {
        assert_eq!(Micros(-1).day(), -1);
        assert_eq!(Micros(DAY_US).day(), 1);
        assert_eq!(Micros(-1).minute(), Micros(-MINUTE_US));
        assert_eq!(calendar_day(20_000).to_string(), "2024-10-04");
    }

    proptest! {
        #[test]
        fn decimal_text_is_identity(units in any::<i64>(), scale in 0u32..17) {
            let units = i128::from(units);
            prop_assert_eq!(decimal_units(&decimal_text(units, scale), scale), Some(units));
        }
    }
}
