use schema::{
    AlgoId, AlgoStatus, AlgoUpdate, NewAlgo, OrderType, Price, Qty, Reject, SCALE, Side, SymbolId,
    VenueOrderId,
};

use super::*;
use crate::compare::tests::{Tape, trade};

#[test]
fn an_order_has_its_moment_and_every_limit_holds() {
    let mut tape = Tape { journal: Vec::new(), market: Vec::new() };
    trade(3, 10, &mut tape);
    let mut decided = tape.journal.iter().filter_map(|record| match Event::from_record(record) {
        Ok(Event::Decision(decision)) => Some((decision, record.input)),
        _ => None,
    });
    let (decision, input) = decided.next_back().expect("it trades");
    let wanted = Wanted::Ours(decision.order.client_order_id);
    let story = explain(wanted, || Ok(tape.chunks())).expect("good").expect("found");
    assert_eq!((story.epoch, story.input), (3, input));
    assert_eq!(story.decision, Some(decision));
    let moment = story.moment.expect("replayed");
    assert_eq!(moment.top.1.price, decision.ask_price);
    assert_eq!(moment.state.0, TradingState::Armed);
    assert_eq!(ticker(&moment).map(|ticker| ticker.ask_price), Some(decision.ask_price));
    for limit in &moment.limits {
        assert!(limit.left() >= 0, "{limit:?} was approved");
    }
    let position = moment.limits.iter().find(|limit| limit.reject == Reject::PositionLimit);
    let worst = i128::from(decision.worst_position.units().abs());
    assert_eq!(position.map(|limit| limit.value), Some(worst), "as it was recorded");
    assert_eq!(position.map(|limit| limit.limit), Some(i128::from(1_000 * SCALE)));
    assert!(decision.order.qty > Qty::ZERO);
}

#[test]
fn an_order_nobody_decided_is_not_found() {
    let mut tape = Tape { journal: Vec::new(), market: Vec::new() };
    trade(3, 2, &mut tape);
    for wanted in [Wanted::Ours(ClientOrderId(99)), Wanted::Venue(5)] {
        assert!(explain(wanted, || Ok(tape.chunks())).expect("good").is_none());
    }
}

#[test]
fn without_its_start_an_order_keeps_what_the_journal_says() {
    let mut tape = Tape { journal: Vec::new(), market: Vec::new() };
    trade(3, 4, &mut tape);
    tape.journal.drain(..1);
    let decided = tape.journal.iter().find_map(|record| match Event::from_record(record) {
        Ok(Event::Decision(decision)) => Some(decision.order.client_order_id),
        _ => None,
    });
    let wanted = Wanted::Ours(decided.expect("it trades"));
    let story = explain(wanted, || Ok(tape.chunks())).expect("good").expect("found");
    assert!(story.moment.is_none() && story.no_moment.is_some());
    assert!(!story.records.is_empty());
}

#[test]
fn a_conditional_order_has_a_story_from_placement_to_the_order_it_triggers() {
    let mut tape = Tape { journal: Vec::new(), market: Vec::new() };
    trade(3, 2, &mut tape);
    let (ours, request) = (ClientOrderId(0x77), RequestId(4_000));
    let algo = NewAlgo {
        symbol: SymbolId(0),
        client_order_id: ours,
        side: Side::Sell,
        trigger_price: Price::from_units(90 * SCALE),
    };
    let update = AlgoUpdate {
        symbol: SymbolId(0),
        client_order_id: ours,
        algo_id: AlgoId(5),
        side: Side::Sell,
        order_type: OrderType::StopMarket,
        status: AlgoStatus::Triggered,
        trigger_price: algo.trigger_price,
        qty: Qty::ZERO,
        reduce_only: false,
        close_position: true,
        venue_order_id: VenueOrderId(900),
        transaction_time: WallNs(1),
        event_time: WallNs(1),
    };
    let other = AlgoUpdate { client_order_id: ClientOrderId(0x78), ..update };
    let told = [
        Event::PlaceAlgo(algo, request),
        Event::Taken(schema::Taken::SendFailed(request)),
        Event::Algo(other),
        Event::Algo(AlgoUpdate { venue_order_id: VenueOrderId(0), ..update }),
        Event::Algo(update),
    ];
    let at = tape.journal.last().map_or(0, |record| record.input);
    for (index, event) in told.iter().enumerate() {
        let input = at + 1 + index as u64;
        tape.journal.push(event.to_record().stamped(MonoNs(input), input));
    }
    let story = explain(Wanted::Ours(ours), || Ok(tape.chunks())).expect("good").expect("found");
    assert_eq!((story.input, story.records.len()), (at + 1, 4), "all but the other's");
    assert!(story.decision.is_none() && story.moment.is_none());
}
