use super::*;
use crate::live::tests::{fill, run_info};
use schema::{
    BootEpoch, CancelOrder, Decision, ExecType, OrderRef, OrderType, TimeInForce, VenueOrderId,
    WallNs,
};

const OURS: ClientOrderId = ClientOrderId(0x6921_a0b4_1000_0001);

fn order() -> NewOrder {
    NewOrder {
        symbol: SymbolId(0),
        client_order_id: OURS,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtx,
        price: "64000.1".parse().expect("decimal"),
        qty: "0.004".parse().expect("decimal"),
        reduce_only: false,
    }
}

fn decision() -> Event {
    Event::Decision(Decision {
        order: order(),
        request_id: RequestId(9),
        bid_price: Price::ZERO,
        ask_price: Price::ZERO,
        signal_e8: 0,
        worst_position: Qty::ZERO,
    })
}

fn reply(request: u64, status: u16, code: i32, order_status: OrderStatus) -> Event {
    Event::Reply(OrderReply {
        request_id: RequestId(request),
        status,
        code,
        order_status,
        client_order_id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(0),
        price: Price::ZERO,
        qty: Qty::ZERO,
        cum_qty: Qty::ZERO,
        order_count_10s: u32::MAX,
        order_count_1m: u32::MAX,
        weight_1m: u32::MAX,
        retry_after_ms: 0,
    })
}

fn report(status: OrderStatus, cum_qty: &str) -> Event {
    let mut report = fill(1, Side::Buy, "64000.1", "0.004");
    report.client_order_id = OURS;
    report.exec_type = ExecType::New;
    report.status = status;
    report.cum_qty = cum_qty.parse().expect("decimal");
    Event::Report(report)
}

fn cancel() -> Event {
    let order =
        OrderRef { symbol: SymbolId(0), client_order_id: OURS, venue_order_id: VenueOrderId(0) };
    Event::Cancel(CancelOrder { order }, RequestId(10))
}

fn book(events: &[Event]) -> Book {
    let mut book = Book::new(run_info());
    let boot = Event::Boot(BootEpoch(7), WallNs(1));
    for (index, event) in std::iter::once(&boot).chain(events).enumerate() {
        book.take(index as u64 + 1, &event.to_record());
    }
    book
}

#[track_caller]
fn check(events: &[Event], expected: Option<&str>) {
    let book = book(events);
    let found: Vec<String> = book.orders.iter().map(Order::state_words).collect();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn an_order_lives_from_its_decision_to_its_end() {
    check(&[decision()], Some("PENDING_NEW"));
    check(&[decision(), report(OrderStatus::New, "0")], Some("NEW"));
    check(&[decision(), reply(9, 200, 0, OrderStatus::New)], Some("NEW"));
    check(&[decision(), report(OrderStatus::New, "0"), cancel()], Some("NEW, cancel sent"));
    check(&[decision(), report(OrderStatus::Filled, "0.004")], None);
    check(&[decision(), reply(9, 400, -2019, OrderStatus::Unknown)], None);
    check(&[decision(), report(OrderStatus::Canceled, "0"), report(OrderStatus::New, "0")], None);
    check(
        &[decision(), report(OrderStatus::PartiallyFilled, "0.002"), report(OrderStatus::New, "0")],
        Some("PARTIALLY_FILLED"),
    );
    // A refused cancel leaves it as it was.
    let refused = reply(10, 400, -2011, OrderStatus::Unknown);
    check(&[decision(), report(OrderStatus::New, "0"), cancel(), refused], Some("NEW"));
}

#[test]
fn an_outcome_that_is_not_known_is_marked() {
    for (status, code) in [(503, -1000), (400, -1007), (408, 0), (0, 0)] {
        let events = [decision(), reply(9, status, code, OrderStatus::Unknown)];
        check(&events, Some("UNKNOWN (!) live until the venue says"));
        assert_eq!(book(&events).orders[0].to_json()["unknown"], true);
    }
}

#[test]
fn another_life_begins_with_nothing() {
    let boot = Event::Boot(BootEpoch(8), WallNs(2));
    check(&[decision(), boot], None);
}

#[test]
fn a_list_that_cannot_be_whole_says_so() {
    let mut known = book(&[decision()]);
    known.counted = Some(1);
    assert_eq!(known.doubt(), None);
    known.counted = Some(2);
    assert!(known.doubt().expect("another count").starts_with("NOT WHOLE"));
    let mut late = Book::new(run_info());
    late.take(1_001, &decision().to_record());
    late.counted = Some(1);
    assert_eq!(late.lost, 1_000);
    assert!(late.doubt().expect("overwritten").contains("1,000 records"));
    // What came before this life does not matter.
    late.take(1_002, &Event::Boot(BootEpoch(8), WallNs(2)).to_record());
    late.counted = Some(0);
    assert_eq!(late.doubt(), None);
}

#[test]
fn a_line_names_what_a_person_looks_for() {
    let line = book(&[decision()]).orders[0].line(run_info().symbols());
    for part in ["BTCUSDT", "BUY", "GTX", "64000.1", "0.004", "PENDING_NEW", &OURS.to_string()] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}
