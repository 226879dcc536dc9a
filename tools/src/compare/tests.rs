use schema::{Notional, Qty, Side};

use super::*;
use crate::ledger::tests::fill;

/// A source that has seen two round trips.
fn ledger(source: &'static str) -> Ledger {
    let mut ledger = Ledger::new(source, "test");
    ledger.add(fill(2, Side::Buy, "0.002"));
    ledger.add(fill(3, Side::Buy, "0.001"));
    ledger.add(fill(4, Side::Sell, "0.001"));
    ledger.total_orders();
    ledger.wallet = Some(Notional::from_units(999_900_000_000));
    let placed = Placed { status: "FILLED".to_owned(), cum_qty: Qty::from_units(200_000) };
    ledger.placed = Some(BTreeMap::from([(("BTCUSDT".to_owned(), 1001), placed)]));
    let position = ("BTCUSDT".to_owned(), Qty::from_units(200_000));
    ledger.positions = Some(BTreeMap::from([position]));
    ledger
}

/// Applies one change to the database's ledger and expects one named difference.
fn differs(change: impl FnOnce(&mut Ledger), expected: &str) {
    let (venue, journal, mut database) = (ledger("venue"), ledger("journal"), ledger("database"));
    change(&mut database);
    let comparison = compare(&[&venue, &journal, &database]);
    assert!(!comparison.agrees(), "{expected} was not noticed");
    let text = comparison.to_text();
    assert!(text.contains(expected), "{expected:?} is not in\n{text}");
}

fn change_fill(ledger: &mut Ledger, change: impl FnOnce(&mut Fill)) {
    let fill = ledger.fills.values_mut().next().expect("three fills");
    change(fill);
}

#[test]
fn equal_ledgers_agree() {
    let (venue, journal, database) = (ledger("venue"), ledger("journal"), ledger("database"));
    let comparison = compare(&[&venue, &journal, &database]);
    assert!(comparison.agrees(), "{}", comparison.to_text());
    assert_eq!(comparison.fills, 3);
    let text = comparison.to_text();
    for part in [
        "fills",
        "Σ quantity",
        "0.004",
        "Σ price × quantity",
        "256.0004",
        "0.1920003",
        "9999",
        "position BTCUSDT",
        "0.002",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains("DIFFERS"));
    assert_eq!(comparison.to_json()["agrees"], true);
}

#[test]
fn a_missing_row_is_named() {
    differs(
        |database| {
            database.fills.pop_last();
        },
        "fill BTCUSDT 4 is missing in the database",
    );
    differs(
        |database| {
            database.orders.pop_last();
        },
        "order BTCUSDT 1002: venue: 1 fills, quantity 0.001",
    );
}

#[test]
fn an_extra_row_is_named() {
    differs(
        |database| database.add(fill(9, Side::Buy, "0.001")),
        "fill BTCUSDT 9 is missing in the venue",
    );
}

#[test]
fn the_last_digit_counts_in_every_field() {
    differs(
        |l| change_fill(l, |fill| fill.commission = Notional::from_units(6_400_011)),
        "fill BTCUSDT 2 commission: venue 0.0640001, database 0.06400011",
    );
    differs(
        |l| change_fill(l, |fill| fill.price = "64000.10000001".parse().expect("decimal")),
        "fill BTCUSDT 2 price: venue 64000.1, database 64000.10000001",
    );
    differs(
        |l| change_fill(l, |fill| fill.qty = "0.00200001".parse().expect("decimal")),
        "quantity: venue 0.002, database 0.00200001",
    );
    differs(
        |l| change_fill(l, |fill| fill.realized_pnl = Notional::from_units(-1)),
        "realised P&L: venue 0, database -0.00000001",
    );
    differs(|l| change_fill(l, |fill| fill.order_id = 5), "order: venue 1001, database 5");
    differs(|l| change_fill(l, |fill| fill.is_maker = true), "maker: venue false, database true");
    differs(|l| change_fill(l, |fill| fill.time_ms += 1), "time: venue 1763800000002");
    differs(|l| change_fill(l, |fill| fill.client_order_id.clear()), "client order: venue shrk");
}

#[test]
fn wallet_and_positions_count() {
    differs(|l| l.wallet = Some(Notional::from_units(1)), "≠ DIFFERS");
    differs(
        |l| {
            l.positions = Some(BTreeMap::new());
        },
        "position BTCUSDT",
    );
    differs(|l| l.contradictions.push(("BTCUSDT".to_owned(), 2, 0)), "told twice");
}

#[test]
fn order_totals_count_even_when_fills_agree() {
    differs(
        |l| {
            let order = l.orders.values_mut().next().expect("two orders");
            order.commission += 1;
        },
        "order BTCUSDT 1001",
    );
}

#[test]
fn the_end_of_every_order_counts() {
    differs(
        |l| {
            let placed = l.placed.as_mut().expect("known");
            placed.values_mut().for_each(|order| order.status = "CANCELED".to_owned());
        },
        "order BTCUSDT 1001 is venue: FILLED with 0.002 filled; journal: FILLED",
    );
    differs(|l| l.placed = Some(BTreeMap::new()), "database: missing");
}

#[test]
fn what_a_source_does_not_know_is_not_compared() {
    let (venue, mut database) = (ledger("venue"), ledger("database"));
    database.wallet = None;
    database.placed = None;
    database.positions = None;
    let comparison = compare(&[&venue, &database]);
    assert!(comparison.agrees(), "{}", comparison.to_text());
}

#[test]
fn many_differences_are_counted_and_cut() {
    let (mut venue, journal) = (ledger("venue"), ledger("journal"));
    for id in 100..200 {
        venue.add(fill(id, Side::Buy, "0.001"));
    }
    let comparison = compare(&[&venue, &journal]);
    assert_eq!(comparison.rows.len(), 100);
    assert!(comparison.to_text().contains("… and 90 more rows"));
}
