use super::*;

fn p(text: &str) -> Price {
    text.parse().unwrap()
}
fn levels(text: &str) -> Vec<Level> {
    let level = |pair: &str| {
        let (price, qty) = pair.split_once('@').unwrap();
        Level { price: p(price), qty: qty.parse().unwrap() }
    };
    text.split_whitespace().map(level).collect()
}
fn depth(kind: DepthKind, ids: (u64, u64, u64), bids: &str, asks: &str) -> DepthUpdate {
    DepthUpdate {
        head: DepthHead {
            kind,
            first_update_id: ids.0,
            last_update_id: ids.1,
            previous_update_id: ids.2,
            ..DepthHead::default()
        },
        bids: levels(bids),
        asks: levels(asks),
    }
}
fn diff(ids: (u64, u64, u64), bids: &str, asks: &str) -> DepthUpdate {
    depth(DepthKind::Diff, ids, bids, asks)
}
fn ticker(id: u64, bid: &str, ask: &str) -> BookTicker {
    let (bid, ask) = (levels(bid)[0], levels(ask)[0]);
    BookTicker {
        update_id: id,
        bid_price: bid.price,
        bid_qty: bid.qty,
        ask_price: ask.price,
        ask_qty: ask.qty,
        ..BookTicker::default()
    }
}
#[track_caller]
fn check(book: &Book, bids: &str, asks: &str) {
    assert_eq!(book.levels(Side::Buy, 10), levels(bids), "bids");
    assert_eq!(book.levels(Side::Sell, 10), levels(asks), "asks");
}

#[test]
fn a_late_snapshot_is_bridged_with_the_buffered_diffs() {
    let mut book = Book::new();
    assert!(book.apply_depth(&diff((1, 10, 0), "99@1", "")).is_some());
    assert!(book.apply_depth(&diff((11, 20, 10), "98@2", "101@5")).is_some());
    assert!(book.apply_depth(&diff((21, 30, 20), "", "102@7")).is_some());
    let snapshot = depth(DepthKind::Snapshot, (0, 15, 0), "99@3 97@1", "101@9 103@1");
    assert_eq!(book.apply_depth(&snapshot), None);
    // 11..20 straddles 15 and is applied over the snapshot, 1..10 is in it already.
    check(&book, "99@3 98@2 97@1", "101@5 102@7 103@1");
    assert_eq!((book.last_update_id(), book.gaps(), book.is_synced()), (30, 0, true));
    // A client that held the early book gets what the snapshot changed with the next diff.
    let out = book.apply_depth(&diff((31, 31, 30), "96@1", "")).unwrap();
    assert_eq!(out.bids, levels("96@1 97@1 99@3"));
    assert_eq!(out.asks, levels("103@1"));
}

#[test]
fn without_a_snapshot_the_first_event_starts_the_book() {
    let mut book = Book::new();
    book.apply_ticker(&ticker(5, "99@1", "100@2"));
    check(&book, "99@1", "100@2");
    assert_eq!(book.last_update_id(), 5);
    book.apply_depth(&diff((6, 7, 4), "98@4", "101@3"));
    check(&book, "98@4", "101@3");
}

#[test]
fn a_newer_ticker_lies_over_the_depth_and_an_older_one_does_not() {
    let mut book = Book::new();
    let snapshot = depth(DepthKind::Snapshot, (0, 10, 0), "99@1 98@1 97@1", "100@1 101@1");
    book.apply_depth(&snapshot);
    assert!(book.apply_ticker(&ticker(12, "98@5", "101@6")));
    let bids: Vec<_> = book.visible(Side::Buy).collect();
    assert_eq!(bids, levels("98@5 97@1"));
    assert_eq!(book.visible_qty(Side::Sell, p("100")), Qty::ZERO);
    assert_eq!(book.visible_qty(Side::Sell, p("101")), "6".parse().unwrap());
    check(&book, "99@1 98@1 97@1", "100@1 101@1");
    assert!(!book.apply_ticker(&ticker(12, "1@1", "2@1")), "repeated id");
    book.apply_depth(&diff((11, 13, 10), "99@0", "100@0"));
    assert_eq!(book.best(Side::Buy), Some(levels("98@1")[0]));
}

#[test]
fn a_gap_is_counted_and_what_it_left_crossed_is_removed_and_told() {
    let mut book = Book::new();
    book.apply_depth(&depth(DepthKind::Snapshot, (0, 10, 0), "99@1", "100@1 101@1"));
    let out = book.apply_depth(&diff((50, 60, 49), "100.5@2", "")).unwrap();
    assert_eq!(book.gaps(), 1);
    check(&book, "100.5@2 99@1", "101@1");
    assert_eq!(out.asks, levels("100@0"));
    assert_eq!(book.apply_depth(&diff((50, 60, 49), "1@1", "")), None, "seen before");
}
