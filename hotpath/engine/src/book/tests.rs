use super::*;
use proptest::prelude::*;
use schema::{Price, Qty, SymbolId};
use std::collections::BTreeMap;

fn depth(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> DepthBuf {
    let mut buf = DepthBuf::new();
    let level = |&(price, qty): &(i64, i64)| Level {
        price: Price::from_units(price),
        qty: Qty::from_units(qty),
    };
    assert!(bids.iter().all(|l| buf.push_bid(level(l))));
    assert!(asks.iter().all(|l| buf.push_ask(level(l))));
    buf
}

fn head(kind: DepthKind, first: u64, last: u64, previous: u64) -> DepthHead {
    DepthHead {
        symbol: SymbolId(0),
        kind,
        first_update_id: first,
        last_update_id: last,
        previous_update_id: previous,
        ..DepthHead::default()
    }
}

fn ticker(update_id: u64, bid: i64, ask: i64) -> BookTicker {
    BookTicker {
        update_id,
        bid_price: Price::from_units(bid),
        bid_qty: Qty::from_units(1),
        ask_price: Price::from_units(ask),
        ask_qty: Qty::from_units(1),
        ..BookTicker::default()
    }
}

const NOW: MonoNs = MonoNs(1);

fn apply(book: &mut Book, head: DepthHead, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Applied {
    book.apply_depth(NOW, &head, &depth(bids, asks))
}

fn synced() -> Book {
    let mut book = Book::new();
    apply(&mut book, head(DepthKind::Snapshot, 0, 100, 0), &[(10, 1), (9, 1)], &[(11, 1), (12, 1)]);
    assert_eq!(apply(&mut book, head(DepthKind::Diff, 95, 105, 94), &[], &[]), Applied::Top);
    assert_eq!(book.sync(), Sync::Diff);
    book
}

#[test]
fn buffered_diffs_bridge_the_snapshot() {
    let mut book = Book::new();
    let diff = |first, last, previous| head(DepthKind::Diff, first, last, previous);
    assert_eq!(apply(&mut book, diff(80, 90, 79), &[(5, 1)], &[]), Applied::Buffered);
    assert!(book.wants_snapshot());
    assert_eq!(apply(&mut book, diff(91, 102, 90), &[(10, 7)], &[]), Applied::Buffered);
    assert_eq!(apply(&mut book, diff(103, 110, 102), &[], &[(11, 0)]), Applied::Buffered);
    let snapshot = head(DepthKind::Snapshot, 0, 100, 0);
    assert_eq!(apply(&mut book, snapshot, &[(10, 1), (9, 1)], &[(11, 1), (12, 2)]), Applied::Top);
    assert!(!book.wants_snapshot());
    assert_eq!(book.top().bid, Level { price: Price::from_units(10), qty: Qty::from_units(7) });
    assert_eq!(book.top().ask.price, Price::from_units(12));
    assert_eq!((book.sync(), book.last_update_id()), (Sync::Diff, 110));
}

#[test]
fn a_snapshot_older_than_the_buffer_is_refused_and_asked_again() {
    let mut book = Book::new();
    apply(&mut book, head(DepthKind::Diff, 120, 130, 119), &[(10, 1)], &[(11, 1)]);
    let old = head(DepthKind::Snapshot, 0, 100, 0);
    assert_eq!(apply(&mut book, old, &[(9, 1)], &[(12, 1)]), Applied::Gap);
    assert!(book.wants_snapshot());
    let fresh = head(DepthKind::Snapshot, 0, 125, 0);
    assert_eq!(apply(&mut book, fresh, &[(9, 1)], &[(12, 1)]), Applied::Top);
    assert_eq!(book.top().bid.price, Price::from_units(10));
}

#[test]
fn a_broken_chain_invalidates_the_levels() {
    let mut book = synced();
    let broken = head(DepthKind::Diff, 108, 115, 107);
    assert_eq!(apply(&mut book, broken, &[(10, 5)], &[]), Applied::Gap);
    assert_eq!((book.sync(), book.gaps()), (Sync::Empty, 1));
    assert!(book.wants_snapshot());
    // The event that revealed the gap is kept and bridges the next snapshot.
    let snapshot = head(DepthKind::Snapshot, 0, 110, 0);
    assert_eq!(apply(&mut book, snapshot, &[(10, 1)], &[(11, 1)]), Applied::Top);
    assert_eq!(book.bids().best().expect("there").qty, Qty::from_units(5));
}

#[test]
fn repeated_and_older_events_change_nothing() {
    let mut book = synced();
    let diff = head(DepthKind::Diff, 106, 110, 105);
    assert_eq!(apply(&mut book, diff, &[(10, 3)], &[]), Applied::Top);
    assert_eq!(apply(&mut book, diff, &[(10, 9)], &[]), Applied::Old);
    assert_eq!(book.bids().best().expect("there").qty, Qty::from_units(3));
    assert_eq!(book.apply_ticker(NOW, &ticker(110, 1, 2)), Applied::Old);
    assert_eq!(book.apply_ticker(NOW, &ticker(111, 10, 12)), Applied::Top);
    assert_eq!(book.apply_ticker(NOW, &ticker(111, 9, 12)), Applied::Old);
    assert_eq!(book.top().bid.price, Price::from_units(10));
}

#[test]
fn the_freshest_source_gives_the_best_prices() {
    let mut book = synced();
    book.apply_ticker(NOW, &ticker(120, 10, 11));
    let lagging = head(DepthKind::Diff, 106, 110, 105);
    assert_eq!(apply(&mut book, lagging, &[(10, 0)], &[]), Applied::Levels);
    assert_eq!(book.top().update_id, 120);
    let partial = head(DepthKind::Partial, 111, 130, 110);
    assert_eq!(apply(&mut book, partial, &[(8, 1)], &[(9, 1)]), Applied::Top);
    assert_eq!(book.top().bid.price, Price::from_units(8));
    assert_eq!(book.bids().best().expect("kept by diffs").price, Price::from_units(9));
}

#[test]
fn partials_alone_keep_a_book() {
    let mut book = Book::new();
    let partial = head(DepthKind::Partial, 1, 10, 0);
    assert_eq!(apply(&mut book, partial, &[(10, 1), (9, 1)], &[(11, 1)]), Applied::Top);
    assert!(!book.wants_snapshot());
    assert_eq!(apply(&mut book, partial, &[(1, 1)], &[(2, 1)]), Applied::Old);
    let next = head(DepthKind::Partial, 50, 60, 49);
    assert_eq!(apply(&mut book, next, &[(8, 1)], &[(9, 2)]), Applied::Top);
    assert_eq!((book.sync(), book.bids().count()), (Sync::Partial, 1));
}

#[test]
fn crossed_and_one_sided_books_are_seen() {
    let mut book = Book::new();
    book.apply_ticker(NOW, &ticker(1, 11, 11));
    assert!(book.top().is_crossed());
    book.apply_ticker(NOW, &ticker(2, 10, 11));
    assert!(!book.top().is_crossed() && book.top().is_two_sided());
    book.apply_ticker(NOW, &ticker(3, 0, 11));
    assert!(!book.top().is_two_sided());
    assert_eq!(book.age_ns(MonoNs(51)), 50);
}

#[test]
fn the_buffer_is_bounded() {
    let mut book = Book::new();
    for id in 0..5_000u64 {
        let diff = head(DepthKind::Diff, id * 10 + 1, id * 10 + 10, id * 10);
        assert_eq!(
            apply(&mut book, diff, &[(1_000, id as i64 + 1)], &[(2_000, 1)]),
            Applied::Buffered
        );
    }
    let snapshot = head(DepthKind::Snapshot, 0, 49_995, 0);
    assert_eq!(apply(&mut book, snapshot, &[(999, 1)], &[]), Applied::Top);
    assert_eq!(book.top().bid.qty, Qty::from_units(5_000));
}

#[test]
fn a_full_side_keeps_its_best_levels() {
    let mut book = Book::new();
    let mut best = 0;
    for id in 0..4_000u64 {
        let partial_of_diff = head(DepthKind::Diff, id + 1, id + 1, id);
        if id == 0 {
            apply(&mut book, head(DepthKind::Snapshot, 0, 0, 0), &[], &[]);
        }
        best = 1_000 + id as i64;
        apply(&mut book, partial_of_diff, &[(best, 1)], &[(100_000 - best, 1)]);
    }
    assert!(book.bids().count() <= LADDER_LEVELS_MAX && book.bids().count() > 1_700);
    let prices: Vec<i64> = book.bids().levels().map(|level| level.price.units()).collect();
    let expected: Vec<i64> = (0..prices.len() as i64).map(|depth| best - depth).collect();
    assert_eq!(prices, expected);
    // A level deeper than everything kept is not taken into a full side.
    assert_eq!(book.asks().best().expect("there").price.units(), 100_000 - best);
}

#[test]
fn a_reset_forgets_the_market() {
    let mut book = synced();
    book.reset();
    assert!(!book.is_seen() && !book.wants_snapshot());
    assert_eq!(book.apply_ticker(NOW, &ticker(1, 10, 11)), Applied::Top);
}

proptest! {
    #[test]
    fn agrees_with_a_sorted_map(
        events in proptest::collection::vec(
            (proptest::collection::vec((any::<bool>(), 1i64..60, 0i64..4), 0..8), 0u8..20),
            1..120,
        )
    ) {
        let mut book = Book::new();
        let mut model: [BTreeMap<i64, i64>; 2] = [BTreeMap::new(), BTreeMap::new()];
        apply(&mut book, head(DepthKind::Snapshot, 0, 1_000, 0), &[], &[]);
        let mut last = 1_000u64;
        for (changes, fate) in &events {
            let next = last + 5;
            let mut sides: [Vec<(i64, i64)>; 2] = [Vec::new(), Vec::new()];
            for &(is_bid, price, qty) in changes {
                sides[usize::from(!is_bid)].push((if is_bid { price } else { 100 + price }, qty));
            }
            let first = if last == 1_000 { last } else { last + 1 };
            let diff = head(DepthKind::Diff, first, next, last);
            apply(&mut book, diff, &sides[0], &sides[1]);
            for side in 0..2 {
                for &(price, qty) in &sides[side] {
                    if qty == 0 { model[side].remove(&price); } else { model[side].insert(price, qty); }
                }
            }
            last = next;
            match fate {
                0 => { // the same event again
                    prop_assert_eq!(apply(&mut book, diff, &[(1, 99)], &[]), Applied::Old);
                }
                1 => { // a lost event: gap, then a snapshot of the truth
                    let lost = head(DepthKind::Diff, last + 6, last + 10, last + 5);
                    prop_assert_eq!(apply(&mut book, lost, &[], &[]), Applied::Gap);
                    prop_assert!(book.wants_snapshot());
                    last += 10;
                    let bids: Vec<_> = model[0].iter().rev().map(|(p, q)| (*p, *q)).collect();
                    let asks: Vec<_> = model[1].iter().map(|(p, q)| (*p, *q)).collect();
                    apply(&mut book, head(DepthKind::Snapshot, 0, last, 0), &bids, &asks);
                }
                _ => {}
            }
            let bids: Vec<_> = book.bids().levels().map(|l| (l.price.units(), l.qty.units())).collect();
            let asks: Vec<_> = book.asks().levels().map(|l| (l.price.units(), l.qty.units())).collect();
            prop_assert_eq!(bids, model[0].iter().rev().map(|(p, q)| (*p, *q)).collect::<Vec<_>>());
            prop_assert_eq!(asks, model[1].iter().map(|(p, q)| (*p, *q)).collect::<Vec<_>>());
        }
    }
}
