use super::*;
use proptest::prelude::*;
use schema::{OrderType, TimeInForce};

const EPOCH: BootEpoch = BootEpoch(7);

fn order(orders: &Orders, side: Side, qty: i64) -> NewOrder {
    NewOrder {
        symbol: SymbolId(0),
        client_order_id: orders.next_id(StrategyId::TEST).expect("room"),
        side,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Price::from_units(100),
        qty: Qty::from_units(qty),
        reduce_only: false,
    }
}

fn place(orders: &mut Orders, side: Side, qty: i64) -> Handle {
    let new = order(orders, side, qty);
    orders.submit(MonoNs(1), &new)
}

const fn units(value: i64) -> Qty {
    Qty::from_units(value)
}

#[test]
fn an_order_counts_from_the_moment_it_is_decided_until_it_is_finished() {
    let mut orders = Orders::new(EPOCH);
    let handle = place(&mut orders, Side::Buy, 10);
    assert_eq!(orders.working(SymbolId(0)).buy, 10);
    orders.learn(handle, OrderStatus::New, Qty::ZERO, VenueOrderId(5));
    orders.fill(handle, units(4));
    assert_eq!(orders.working(SymbolId(0)).buy, 6);
    assert_eq!(orders.get(handle).status(), OrderStatus::PartiallyFilled);
    orders.learn(handle, OrderStatus::Canceled, units(4), VenueOrderId(5));
    assert_eq!(orders.working(SymbolId(0)), Working::default());
    assert_eq!(orders.live_count(), 0);
}

#[test]
fn a_fill_before_the_ack_makes_the_order_and_the_ack_changes_nothing() {
    let mut orders = Orders::new(EPOCH);
    let handle = place(&mut orders, Side::Sell, 10);
    orders.fill(handle, units(10));
    assert_eq!(orders.get(handle).status(), OrderStatus::Filled);
    orders.learn(handle, OrderStatus::New, Qty::ZERO, VenueOrderId(5));
    assert_eq!(orders.get(handle).status(), OrderStatus::Filled);
}

#[test]
fn a_fill_after_cancel_is_kept_and_the_order_stays_cancelled() {
    let mut orders = Orders::new(EPOCH);
    let handle = place(&mut orders, Side::Sell, 10);
    orders.learn(handle, OrderStatus::Canceled, Qty::ZERO, VenueOrderId(5));
    orders.fill(handle, units(3));
    assert_eq!(orders.get(handle).status(), OrderStatus::Canceled);
    assert_eq!(orders.get(handle).filled, units(3));
    assert_eq!(orders.working(SymbolId(0)), Working::default());
}

#[test]
fn a_finished_state_with_fills_missing_keeps_the_order_live() {
    let mut orders = Orders::new(EPOCH);
    let handle = place(&mut orders, Side::Buy, 10);
    orders.learn(handle, OrderStatus::Canceled, units(6), VenueOrderId(5));
    assert!(orders.get(handle).is_short_of_fills());
    assert_eq!(orders.get(handle).status(), OrderStatus::Unknown);
    assert_eq!(orders.unknown_count(), 1);
    assert_eq!(orders.working(SymbolId(0)).buy, 10);
    orders.fill(handle, units(6));
    orders.learn(handle, OrderStatus::Canceled, units(6), VenueOrderId(5));
    assert_eq!(orders.get(handle).status(), OrderStatus::Canceled);
    assert_eq!(orders.unknown_count(), 0);
}

#[test]
fn an_order_thought_refused_that_the_venue_shows_alive_is_alive() {
    let mut orders = Orders::new(EPOCH);
    let handle = place(&mut orders, Side::Buy, 10);
    orders.learn(handle, OrderStatus::Rejected, Qty::ZERO, VenueOrderId(0));
    assert_eq!(orders.live_count(), 0);
    orders.learn(handle, OrderStatus::New, Qty::ZERO, VenueOrderId(5));
    assert_eq!((orders.live_count(), orders.working(SymbolId(0)).buy), (1, 10));
    orders.learn(handle, OrderStatus::Canceled, Qty::ZERO, VenueOrderId(5));
    orders.learn(handle, OrderStatus::New, Qty::ZERO, VenueOrderId(5));
    assert_eq!(orders.live_count(), 0);
}

#[test]
fn finished_orders_are_found_until_a_thousand_others_came() {
    let mut orders = Orders::new(EPOCH);
    let first = order(&orders, Side::Buy, 1);
    let handle = orders.submit(MonoNs(1), &first);
    orders.fill(handle, units(1));
    for _ in 0..ORDER_SLOTS - 1 {
        assert!(orders.find(SymbolId(0), first.client_order_id, VenueOrderId(0)).is_some());
        let handle = place(&mut orders, Side::Buy, 1);
        orders.fill(handle, units(1));
    }
    place(&mut orders, Side::Buy, 1);
    assert!(orders.find(SymbolId(0), first.client_order_id, VenueOrderId(0)).is_none());
}

#[test]
fn a_live_order_is_stepped_over_and_a_full_table_gives_no_id() {
    let mut orders = Orders::new(EPOCH);
    let resting = order(&orders, Side::Buy, 1);
    orders.submit(MonoNs(1), &resting);
    for _ in 0..3 * ORDER_SLOTS {
        let handle = place(&mut orders, Side::Sell, 1);
        orders.fill(handle, units(1));
    }
    assert!(orders.find(SymbolId(0), resting.client_order_id, VenueOrderId(0)).is_some());
    for _ in 1..LIVE_MAX {
        place(&mut orders, Side::Buy, 1);
    }
    assert_eq!(orders.next_id(StrategyId::TEST), None);
    assert_eq!(orders.working(SymbolId(0)).count, LIVE_MAX as u32);
}

#[test]
fn orders_of_others_are_adopted_and_found_by_the_venues_id() {
    let mut orders = Orders::new(EPOCH);
    let found = OpenOrder {
        symbol: SymbolId(0),
        client_order_id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(99),
        side: Side::Sell,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Price::from_units(5),
        qty: units(10),
        cum_qty: units(4),
        reduce_only: true,
    };
    let handle = orders.adopt(MonoNs(1), &found).expect("room");
    assert!(orders.get(handle).is_external);
    assert_eq!(orders.working(SymbolId(0)).sell_reducing, 6);
    assert_eq!(orders.find(SymbolId(0), ClientOrderId::NONE, VenueOrderId(99)), Some(handle));
    assert_eq!(orders.find(SymbolId(1), ClientOrderId::NONE, VenueOrderId(99)), None);
    assert_eq!(orders.find(SymbolId(0), ClientOrderId::NONE, VenueOrderId(0)), None);
}

proptest! {
    #[test]
    fn sums_are_always_those_of_the_live_orders(
        steps in proptest::collection::vec((0u8..7, 0usize..300, 1i64..9), 0..800)
    ) {
        let mut orders = Orders::new(EPOCH);
        let mut known = Vec::new();
        for (step, which, qty) in steps {
            let handle: Option<Handle> = known.get(which % known.len().max(1)).copied();
            match (step, handle) {
                (0 | 1, _) if orders.next_id(StrategyId::TEST).is_some() => {
                    let side = if which % 2 == 0 { Side::Buy } else { Side::Sell };
                    known.push(place(&mut orders, side, qty));
                }
                (2, Some(h)) => orders.fill(h, units(qty)),
                (3, Some(h)) => orders.learn(h, OrderStatus::New, units(0), VenueOrderId(1)),
                (4, Some(h)) => orders.learn(h, OrderStatus::Canceled, units(qty), VenueOrderId(1)),
                (6, Some(h)) => orders.learn(h, OrderStatus::Rejected, units(0), VenueOrderId(0)),
                (5, Some(h)) if orders.get(h).is_live() => {
                    orders.change(h, |order| order.is_unknown = true);
                }
                _ => {}
            }
            let mut expected = Working::default();
            let mut unknown = 0;
            for (_, order) in orders.live() {
                prop_assert!(order.is_live());
                let leaves = i128::from(order.leaves_qty().units());
                if order.side == Side::Buy { expected.buy += leaves } else { expected.sell += leaves }
                expected.count += 1;
                unknown += u32::from(order.is_unknown);
            }
            prop_assert_eq!(orders.working(SymbolId(0)), expected);
            prop_assert_eq!(orders.unknown_count(), unknown);
        }
    }
}
