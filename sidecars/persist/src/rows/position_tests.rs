//! Positions by hand: what a fill and the venue's word do.

use super::*;

const ONE: i64 = 100_000_000;

fn fill(side: Side, qty: i64, price: i64, time: i64) -> PositionFill {
    PositionFill {
        side,
        qty: Qty::from_units(qty * ONE),
        price: Price::from_units(price * ONE),
        commission: Notional::from_units(1),
        trade_id: time,
        time: Micros(time),
    }
}

fn heard(qty: i64, price: i64, time: i64, since: i64) -> Pending {
    Pending {
        qty: Qty::from_units(qty * ONE),
        entry_price: Price::from_units(price * ONE),
        time: Micros(time),
        since: Micros(since),
    }
}

fn after(fills: &[PositionFill]) -> (Position, Vec<PositionRow>) {
    let mut position = Position::flat("BTCUSDT");
    let mut closed = Vec::new();
    for fill in fills {
        position.apply_fill(fill, &mut closed).expect("small amounts fit");
    }
    (position, closed)
}

#[test]
fn a_round_trip_closes_with_its_profit() {
    let (position, closed) = after(&[
        fill(Side::Buy, 2, 100, 1),
        fill(Side::Buy, 1, 130, 2),
        fill(Side::Sell, 3, 120, 3),
    ]);
    assert_eq!((position.qty, position.row()), (Qty::ZERO, None));
    let [row] = closed.as_slice() else { panic!("one row: {closed:?}") };
    assert_eq!(row.key, "BTCUSDT:1");
    assert_eq!((row.size.units(), row.entry_price), (3 * ONE, 110 * ONE));
    assert_eq!(row.realized_pnl.units(), 30 * ONE);
    assert_eq!((row.open_time, row.close_time), (Micros(1), Some(Micros(3))));
}

#[test]
fn a_flip_closes_and_opens() {
    let (position, closed) = after(&[fill(Side::Sell, 2, 100, 1), fill(Side::Buy, 5, 90, 2)]);
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].realized_pnl.units(), 20 * ONE);
    assert!(!closed[0].is_long);
    let row = position.row().expect("three are open");
    assert_eq!((row.key.as_str(), row.is_long), ("BTCUSDT:2", true));
    assert_eq!((row.size.units(), row.entry_price), (3 * ONE, 90 * ONE));
}

#[test]
fn the_venue_before_its_fill_changes_nothing() {
    let (mut position, mut closed) = after(&[fill(Side::Buy, 1, 100, 1)]);
    position.hear(heard(3, 105, 2, 2));
    position.apply_fill(&fill(Side::Buy, 2, 107, 2), &mut closed).expect("fits");
    assert_eq!(position.pending, None);
    assert_eq!(position.qty.units(), 3 * ONE);
    assert_eq!(position.adjustments, 0);
}

#[test]
fn an_unexplained_position_is_taken_after_a_while() {
    let mut position = Position::flat("BTCUSDT");
    let mut closed = Vec::new();
    position.hear(heard(-2, 100, 7, 10));
    assert!(!position.expire_pending(Micros(10 + PENDING_US), &mut closed));
    assert!(position.expire_pending(Micros(11 + PENDING_US), &mut closed));
    let row = position.row().expect("two are short");
    assert_eq!((row.key.as_str(), row.adjustments), ("BTCUSDT:adopted:7", 1));
    assert_eq!(position.entry_price(), Some(100 * ONE));
}

#[test]
fn a_later_fill_goes_on_from_the_venues_position() {
    let mut position = Position::flat("BTCUSDT");
    let mut closed = Vec::new();
    position.hear(heard(2, 100, 7, 7));
    position.apply_fill(&fill(Side::Sell, 2, 110, 8), &mut closed).expect("fits");
    assert_eq!(position.qty, Qty::ZERO);
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].realized_pnl.units(), 20 * ONE);
}

#[test]
fn old_news_of_the_venue_is_ignored() {
    let (mut position, _) = after(&[fill(Side::Buy, 1, 100, 5)]);
    position.hear(heard(9, 100, 4, 6));
    assert_eq!(position.pending, None);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut position = Position::flat("BTCUSDT");
    let huge = PositionFill {
        qty: Qty::from_units(i64::MAX),
        price: Price::from_units(i64::MAX),
        ..fill(Side::Buy, 1, 1, 1)
    };
    assert_eq!(position.apply_fill(&huge, &mut Vec::new()), None);
}
