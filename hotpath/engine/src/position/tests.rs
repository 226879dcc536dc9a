use super::*;
use proptest::prelude::*;

fn price(text: &str) -> Price {
    text.parse().expect("plain decimal")
}
fn qty(text: &str) -> Qty {
    text.parse().expect("plain decimal")
}

#[track_caller]
fn check(fills: &[(Side, &str, &str)], expected: (&str, &str, &[&str])) {
    let mut position = Position::FLAT;
    let mut realised = Vec::new();
    for (side, q, p) in fills {
        realised.push(position.apply_fill(*side, qty(q), price(p)).expect("fits").to_string());
    }
    let (held, entry, profits) = expected;
    assert_eq!(position.qty(), qty(held));
    assert_eq!(position.entry_price(), price(entry));
    assert_eq!(realised, profits);
}

use Side::{Buy, Sell};

#[test]
fn fills_average_reduce_close_and_flip() {
    check(&[(Buy, "1", "100"), (Buy, "1", "200")], ("2", "150", &["0", "0"]));
    check(&[(Buy, "2", "100"), (Sell, "1", "110")], ("1", "100", &["0", "10"]));
    check(&[(Sell, "2", "100"), (Buy, "2", "90")], ("0", "0", &["0", "20"]));
    check(&[(Buy, "1", "100"), (Sell, "3", "90")], ("-2", "90", &["0", "-10"]));
    check(&[(Sell, "1", "100"), (Buy, "3", "90")], ("2", "90", &["0", "10"]));
}

#[test]
fn rounding_happens_once_per_fill_half_away_from_zero() {
    // 0.00000001 × 0.5 = 0.5e-8, which rounds to 1e-8 in either direction.
    check(&[(Buy, "0.5", "1"), (Sell, "0.5", "1.00000001")], ("0", "0", &["0", "0.00000001"]));
    check(&[(Sell, "0.5", "1"), (Buy, "0.5", "1.00000001")], ("0", "0", &["0", "-0.00000001"]));
}

#[test]
fn a_fill_that_does_not_fit_changes_nothing() {
    let mut position = Position::FLAT;
    position.apply_fill(Buy, Qty::MAX, Price::from_units(1)).expect("fits");
    let before = position;
    assert_eq!(position.apply_fill(Buy, Qty::MAX, Price::MAX), Err(FillError::Overflow));
    assert_eq!(position.apply_fill(Sell, Qty::MAX, Price::MAX), Err(FillError::Overflow));
    assert_eq!(position.apply_fill(Sell, Qty::ZERO, Price::MAX), Err(FillError::NotPositive));
    assert_eq!(position, before);
}

proptest! {
    #[test]
    fn profit_plus_open_profit_is_cash_flow_up_to_rounding(
        fills in proptest::collection::vec((any::<bool>(), 1i64..10_000_000_000, 1i64..10_000_000_000_000), 1..60)
    ) {
        let mut position = Position::FLAT;
        let (mut cash, mut realised, mut held) = (0i128, 0i128, 0i64);
        for &(buy, q, p) in &fills {
            let side = if buy { Buy } else { Sell };
            let gain = position
                .apply_fill(side, Qty::from_units(q), Price::from_units(p))
                .expect("fits");
            realised += i128::from(gain.units()) * i128::from(schema::SCALE);
            cash -= i128::from(side.sign()) * i128::from(q) * i128::from(p);
            held += side.sign() * q;
            prop_assert_eq!(position.qty().units(), held);
            prop_assert!(position.cost_e16() >= 0);
        }
        let mark = Price::from_units(fills[fills.len() - 1].2);
        let total = cash + position.value_e16(mark);
        let booked = realised + position.unrealized_e16(mark);
        let error = (total - booked).abs();
        prop_assert!(error <= i128::from(schema::SCALE) * fills.len() as i128, "off by {}e-16", error);
    }
}
