//! Values of limits as people write and read them.

use schema::{LimitKind, LimitUnit, Notional, SCALE};
use serde_json::Value;

/// A kind by its name.
///
/// # Errors
/// What the names are.
pub(crate) fn kind(text: &str) -> Result<LimitKind, String> {
    LimitKind::from_wire(text.replace('-', "_").as_bytes()).ok_or_else(|| {
        let known: Vec<&str> = LimitKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("not a limit; one of {}", known.join(", "))
    })
}

/// Whether the amounts of a kind are money; else they are quantities of the symbol's base asset.
fn is_money(kind: LimitKind) -> bool {
    matches!(kind, LimitKind::Exposure | LimitKind::DailyLoss | LimitKind::Notional)
}

/// The word for what a kind counts.
pub(crate) fn unit(kind: LimitKind) -> &'static str {
    match kind.unit() {
        LimitUnit::Amount if is_money(kind) => "USDT",
        LimitUnit::Amount => "qty",
        LimitUnit::Ppm => "ppm",
        LimitUnit::Hundredths => "x",
        LimitUnit::Count => "count",
        LimitUnit::Flag => "flag",
    }
}

/// How a value of a kind is written, for help.
fn example(kind: LimitKind) -> &'static str {
    match kind.unit() {
        LimitUnit::Amount if is_money(kind) => "write it as 1500 or 1500USDT",
        LimitUnit::Amount => "write it as 0.5, in the base asset",
        LimitUnit::Ppm => "write it as 2% or 20000ppm",
        LimitUnit::Hundredths => "write it as 1.5x",
        LimitUnit::Count => "write it as 20",
        LimitUnit::Flag => "write yes or no",
    }
}

/// Reads a value, in the unit of the kind.
///
/// # Errors
/// How it is written.
pub(crate) fn parse(kind: LimitKind, text: &str) -> Result<i64, &'static str> {
    parsed(kind, text.trim()).ok_or(example(kind))
}

fn parsed(kind: LimitKind, text: &str) -> Option<i64> {
    let number = |text: &str| text.trim().replace([',', '_'], "");
    // Units of 1e-8, of which `per` make one of the kind; a rest does not fit.
    let scaled = |text: &str, per: i64| {
        let units = schema::parse_decimal(number(text).as_bytes()).ok()?;
        (units % per == 0).then_some(units / per)
    };
    let suffixed = |suffix: &str| {
        let at = text.len().checked_sub(suffix.len())?;
        let (head, tail) = (text.get(..at)?, text.get(at..)?);
        tail.eq_ignore_ascii_case(suffix).then_some(head)
    };
    let value = match kind.unit() {
        LimitUnit::Amount if is_money(kind) => scaled(suffixed("usdt").unwrap_or(text), 1),
        LimitUnit::Amount => scaled(text, 1),
        // A bare number might be either: it is refused.
        LimitUnit::Ppm => match suffixed("%") {
            Some(percent) => scaled(percent, SCALE / 10_000),
            None => scaled(suffixed("ppm")?, SCALE),
        },
        LimitUnit::Hundredths => scaled(suffixed("x").unwrap_or(text), SCALE / 100),
        LimitUnit::Count => scaled(text, SCALE),
        LimitUnit::Flag => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" | "1" => Some(1),
            "no" | "off" | "false" | "0" => Some(0),
            _ => None,
        },
    };
    value.filter(|value| *value >= 0)
}

/// A value for people; `none` for what bounds nothing.
pub(crate) fn text(kind: LimitKind, value: i64) -> String {
    match kind.unit() {
        _ if value == i64::MAX => "none".to_owned(),
        LimitUnit::Amount if is_money(kind) => {
            format!("{} USDT", crate::human::money(value))
        }
        LimitUnit::Amount => Notional::from_units(value).to_string(),
        LimitUnit::Ppm => {
            let text = format!("{}.{:04}", value / 10_000, (value % 10_000).abs());
            let sign = if value < 0 && value > -10_000 { "-" } else { "" };
            format!("{sign}{}%", text.trim_end_matches('0').trim_end_matches('.'))
        }
        LimitUnit::Hundredths => format!("{}.{:02}x", value / 100, (value % 100).abs()),
        LimitUnit::Count => value.to_string(),
        LimitUnit::Flag => (if value == 0 { "no" } else { "yes" }).to_owned(),
    }
}

/// A value for programs: amounts as decimals, ppm and counts as whole numbers, multiples as
/// decimals, flags as such; null for what bounds nothing.
pub(crate) fn json(kind: LimitKind, value: i64) -> Value {
    match kind.unit() {
        _ if value == i64::MAX => Value::Null,
        LimitUnit::Amount => Notional::from_units(value).to_string().into(),
        LimitUnit::Ppm | LimitUnit::Count => value.into(),
        LimitUnit::Hundredths => format!("{}.{:02}", value / 100, (value % 100).abs()).into(),
        LimitUnit::Flag => (value != 0).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: LimitKind, text: &str, expected: Option<i64>) {
        assert_eq!(parse(kind, text).ok(), expected, "{kind} {text}");
    }

    #[test]
    fn values_are_read_with_their_units() {
        check(LimitKind::Exposure, "1500", Some(1_500 * SCALE));
        check(LimitKind::Exposure, "1,500.50 USDT", Some(1_500 * SCALE + SCALE / 2));
        check(LimitKind::Qty, "0.001", Some(100_000));
        check(LimitKind::Drawdown, "2%", Some(20_000));
        check(LimitKind::Drawdown, "0.5 %", Some(5_000));
        check(LimitKind::Drawdown, "20000ppm", Some(20_000));
        check(LimitKind::Leverage, "1.5x", Some(150));
        check(LimitKind::Leverage, "2", Some(200));
        check(LimitKind::OpenOrders, "20", Some(20));
        check(LimitKind::Restricted, "Yes", Some(1));
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        check(LimitKind::Drawdown, "2", None);
        check(LimitKind::Drawdown, "0.00001%", None);
        check(LimitKind::OpenOrders, "2.5", None);
        check(LimitKind::OpenOrders, "2%", None);
        check(LimitKind::Exposure, "-1", None);
        check(LimitKind::Exposure, "", None);
        check(LimitKind::Exposure, "%", None);
        check(LimitKind::Leverage, "1.555x", None);
        check(LimitKind::Restricted, "2", None);
        check(LimitKind::Exposure, "99999999999999999", None);
        check(LimitKind::Drawdown, "€", None);
    }

    #[test]
    fn values_are_shown_as_they_are_written() {
        for (kind, value, shown) in [
            (LimitKind::Exposure, 1_500 * SCALE, "1,500.00 USDT"),
            (LimitKind::Position, 1_000_000, "0.01"),
            (LimitKind::Drawdown, 20_000, "2%"),
            (LimitKind::Drawdown, 12_345, "1.2345%"),
            (LimitKind::Drawdown, -5_000, "-0.5%"),
            (LimitKind::Leverage, 150, "1.50x"),
            (LimitKind::OpenOrders, 20, "20"),
            (LimitKind::Restricted, 1, "yes"),
            (LimitKind::LiquidationDistance, i64::MAX, "none"),
        ] {
            assert_eq!(text(kind, value), shown);
        }
        assert_eq!(json(LimitKind::Exposure, SCALE / 2), "0.5");
        assert_eq!(json(LimitKind::Leverage, 150), "1.50");
        assert_eq!(json(LimitKind::Drawdown, 20_000), 20_000);
        assert_eq!(json(LimitKind::Restricted, 0), false);
    }

    #[test]
    fn kinds_are_known_by_both_spellings() {
        assert_eq!(kind("daily-loss"), Ok(LimitKind::DailyLoss));
        assert_eq!(kind("daily_loss"), Ok(LimitKind::DailyLoss));
        assert!(kind("luck").expect_err("none").contains("exposure"));
    }
}
