use schema::{
    AlgoId, AlgoStatus, AlgoUpdate, ExecutionReport, Notional, OpenOrder, OrderType, Price, Qty,
    Side, Status, TimeInForce, TradeId, VenueOrderId, WallNs,
};

use super::*;

const S: u64 = 1_000_000_000;
const BTC: SymbolId = SymbolId(0);

fn report(order: i64, trade: i64, status: OrderStatus) -> Event {
    let is_fill = trade > 0;
    Event::Report(ExecutionReport {
        symbol: BTC,
        client_order_id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(order),
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        exec_type: if is_fill { ExecType::Trade } else { ExecType::New },
        status,
        price: Price::from_units(5),
        qty: Qty::from_units(7),
        last_qty: Qty::from_units(if is_fill { 7 } else { 0 }),
        last_price: Price::from_units(if is_fill { 5 } else { 0 }),
        cum_qty: Qty::from_units(0),
        commission: Notional::from_units(if is_fill { 1 } else { 0 }),
        realized_pnl: Notional::from_units(0),
        trade_id: TradeId(trade),
        is_maker: false,
        reduce_only: false,
        expiry_reason: 0,
        transaction_time: WallNs(0),
        event_time: WallNs(0),
    })
}

fn fill() -> Fill {
    Fill { qty: 7, price: 5, commission: Some(1) }
}

/// The venue's answer to a question of second `s`.
fn told(s: u64, newest: i64, fills: &[(i64, Fill)], orders: &[i64]) -> Told {
    let open = |id: &i64| Open { symbol: BTC, id: *id, client: ClientOrderId::NONE };
    Told {
        asked_ns: s * S,
        newest: vec![(BTC, newest)],
        fills: fills.iter().map(|(id, fill)| (BTC, *id, *fill)).collect(),
        orders: orders.iter().map(open).collect(),
        algos: Vec::new(),
    }
}

/// Compares the same answer each second from `from` to `to`, without its fills after the first.
fn goes_on(all: &mut Comparison, from: u64, to: u64, orders: &[i64]) {
    for s in from..=to {
        all.told(&told(s, 0, &[], orders), s * S);
    }
}

fn begun() -> Comparison {
    let mut all = Comparison::default();
    all.told(&told(0, 10, &[(10, fill())], &[]), 0);
    all
}

#[test]
fn a_fill_both_tell_is_no_difference_whoever_is_first() {
    let mut all = begun();
    all.told(&told(1, 11, &[(11, fill())], &[]), S);
    goes_on(&mut all, 2, 5, &[]);
    all.heard(&report(1, 11, OrderStatus::Filled), 5 * S);
    all.heard(&report(2, 12, OrderStatus::Filled), 5 * S);
    goes_on(&mut all, 6, 8, &[]);
    all.told(&told(9, 12, &[(12, fill())], &[]), 9 * S);
    goes_on(&mut all, 10, 30, &[]);
    assert!(!all.is_different() && all.differences == 0, "{all:?}");
    assert!(all.comparisons > 20);
}

#[test]
fn a_fill_the_journal_misses_counts_after_five_seconds_and_once() {
    let mut all = begun();
    all.told(&told(1, 11, &[(11, fill())], &[]), S);
    goes_on(&mut all, 2, 5, &[]);
    assert!(!all.is_different());
    goes_on(&mut all, 6, 20, &[]);
    assert!(all.is_different());
    assert_eq!(all.differences, 1);
    let names = [SymbolName::new(b"BTCUSDT").expect("a name")];
    let said: Vec<String> = all.standing(&names).collect();
    assert!(said[0].starts_with("BTCUSDT: the venue tells of trade 11"), "{said:?}");
    // Heard at last, and it is over.
    all.heard(&report(1, 11, OrderStatus::Filled), 21 * S);
    goes_on(&mut all, 22, 22, &[]);
    assert!(!all.is_different());
    assert_eq!(all.differences, 1);
}

#[test]
fn a_fill_the_venue_does_not_know_counts() {
    let mut all = begun();
    all.heard(&report(1, 11, OrderStatus::Filled), S);
    goes_on(&mut all, 2, 8, &[]);
    assert!(all.is_different());
}

#[test]
fn a_fill_told_in_two_ways_stands() {
    for odd in [
        Fill { qty: 8, ..fill() },
        Fill { price: 6, ..fill() },
        Fill { commission: Some(2), ..fill() },
    ] {
        let mut all = begun();
        all.heard(&report(1, 11, OrderStatus::Filled), S);
        all.told(&told(2, 11, &[(11, odd)], &[]), 2 * S);
        goes_on(&mut all, 3, 8, &[]);
        assert!(all.is_different(), "{odd:?}");
        all.begin_anew();
        assert!(!all.is_different());
    }
    // Paid in another asset it is not comparable.
    let mut all = begun();
    all.heard(&report(1, 11, OrderStatus::Filled), S);
    all.told(&told(2, 11, &[(11, Fill { commission: None, ..fill() })], &[]), 2 * S);
    goes_on(&mut all, 3, 8, &[]);
    assert!(!all.is_different());
}

#[test]
fn what_came_before_it_began_is_not_compared() {
    let mut all = Comparison::default();
    all.heard(&report(1, 9, OrderStatus::Filled), 0);
    all.heard(&report(1, 11, OrderStatus::Filled), 0);
    all.told(&told(1, 10, &[(10, fill())], &[77]), S);
    all.heard(&report(1, 10, OrderStatus::Filled), 2 * S);
    all.told(&told(2, 11, &[(11, fill())], &[77]), 2 * S);
    goes_on(&mut all, 3, 20, &[77]);
    assert!(!all.is_different(), "{all:?}");
    // The order that was there ends in the journal and stays at the venue.
    all.heard(&report(77, 0, OrderStatus::Canceled), 21 * S);
    goes_on(&mut all, 22, 28, &[77]);
    assert!(all.is_different());
}

#[test]
fn orders_of_one_side_alone_count() {
    let mut all = begun();
    goes_on(&mut all, 1, 7, &[5]);
    assert!(all.is_different(), "the journal never heard of 5");
    let mut all = begun();
    all.heard(&report(5, 0, OrderStatus::New), S);
    goes_on(&mut all, 2, 12, &[5]);
    assert!(!all.is_different());
    goes_on(&mut all, 13, 20, &[]);
    assert!(all.is_different(), "the venue does not have 5 any more");
    all.heard(&report(5, 0, OrderStatus::Canceled), 21 * S);
    goes_on(&mut all, 22, 22, &[]);
    assert!(!all.is_different());
}

#[test]
fn an_order_that_was_sent_or_found_by_asking_is_known() {
    let mut all = begun();
    let order = OpenOrder {
        symbol: BTC,
        client_order_id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(5),
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Price::from_units(1),
        qty: Qty::from_units(1),
        cum_qty: Qty::from_units(0),
        reduce_only: false,
    };
    all.heard(&report(4, 0, OrderStatus::New), S);
    let head = TruthHead { orders: 1, is_complete: true, ..TruthHead::default() };
    all.heard(&Event::Taken(Taken::Truth(head)), S);
    all.heard(&Event::Taken(Taken::TruthOrder(order)), S);
    // 4 was not in the truth: it is not believed to be open any more.
    goes_on(&mut all, 2, 12, &[5]);
    assert!(!all.is_different(), "{all:?}");
}

#[test]
fn conditional_orders_have_a_book_of_their_own() {
    let mut all = begun();
    let update = |status| {
        Event::Algo(AlgoUpdate {
            symbol: BTC,
            client_order_id: ClientOrderId::NONE,
            algo_id: AlgoId(5),
            side: Side::Sell,
            order_type: OrderType::StopMarket,
            status,
            trigger_price: Price::from_units(1),
            qty: Qty::from_units(0),
            reduce_only: false,
            close_position: true,
            venue_order_id: VenueOrderId(0),
            transaction_time: WallNs(0),
            event_time: WallNs(0),
        })
    };
    all.heard(&update(AlgoStatus::New), S);
    goes_on(&mut all, 2, 8, &[]);
    assert!(all.is_different());
    all.heard(&update(AlgoStatus::Canceled), 9 * S);
    goes_on(&mut all, 10, 10, &[]);
    assert!(!all.is_different());
}

#[test]
fn a_position_is_compared_with_its_own_moment() {
    let (mut all, mut held) = (Comparison::default(), Held::default());
    let mut status = Status::default();
    for s in 0..20 {
        // The trader goes in and out each second; the venue is seen a moment before or after.
        status.mono_ns = s * S;
        status.symbols[0].position_qty = (s % 2) as i64;
        held.take(&status);
        let at = s * S + 100_000_000;
        all.positions(&[(BTC, (s % 2) as i64)], &held, at, at + 10_000_000);
    }
    assert!(!all.is_different() && all.comparisons == 20);
    for s in 20..30 {
        status.mono_ns = s * S;
        held.take(&status);
        all.positions(&[(BTC, 3)], &held, s * S, s * S);
    }
    assert!(all.is_different());
    // A trader that says nothing is not compared.
    all.positions(&[(BTC, 3)], &held, 60 * S, 60 * S);
    assert!(!all.is_different());
}

#[test]
fn what_the_journal_tells_again_is_nothing_new() {
    let mut all = begun();
    all.heard(&report(1, 11, OrderStatus::Filled), S);
    all.told(&told(2, 11, &[(11, fill())], &[]), 2 * S);
    // By the other connection, or after REST had told it: the fill, and the order's beginning.
    all.heard(&report(1, 11, OrderStatus::Filled), 3 * S);
    all.heard(&report(1, 0, OrderStatus::New), 3 * S);
    goes_on(&mut all, 4, 30, &[]);
    assert!(!all.is_different() && all.differences == 0, "{all:?}");
}
