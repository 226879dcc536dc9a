//! Values of the market: one symbol is set aside, the others go on.

use super::*;
use TradingState::{Armed, Reducing};

impl Rig {
    fn quarantines(&self) -> Vec<Quarantine> {
        let quarantine = |record: &Record| match Event::from_record(record) {
            Ok(Event::Quarantine(quarantine)) => Some(quarantine),
            _ => None,
        };
        self.records.iter().filter_map(quarantine).collect()
    }
}

#[track_caller]
fn set_aside(bad: impl FnOnce(&mut Rig), why: QuarantineReason) {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    bad(&mut rig);
    let told = rig.quarantines();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].symbol, told[0].is_on, told[0].why), (SymbolId(0), true, why));
    assert!(rig.engine.is_quarantined(SymbolId(0)) && !rig.engine.is_quarantined(SymbolId(1)));
    assert_eq!(rig.engine.state(), Armed, "the other symbol goes on");
    assert_eq!(rig.engine.counters()[Counter::Quarantined], 1);
    assert_eq!(rig.cancels()[0].0.client_order_id, order.client_order_id);
    rig.report(&order, ExecType::Canceled, OrderStatus::Canceled, NO_FILL);
    rig.live(1_900);
    assert!(rig.placed().iter().all(|(order, _)| order.symbol == SymbolId(1)));
    rig.live(1_000);
    assert!(!rig.engine.is_quarantined(SymbolId(0)), "good for long enough");
    assert_eq!(rig.quarantines().last().map(|q| q.why), Some(QuarantineReason::Released));
    assert!(rig.placed().iter().any(|(order, _)| order.symbol == SymbolId(0)));
}

#[test]
fn impossible_values_set_one_symbol_aside() {
    set_aside(|rig| rig.ticker(0, 50_001, 50_000), QuarantineReason::Crossed);
    set_aside(|rig| rig.ticker(0, 50_000, 50_000), QuarantineReason::Crossed);
    set_aside(|rig| rig.ticker(0, 0, 50_000), QuarantineReason::NotPositive);
    set_aside(|rig| rig.ticker(0, 49_999, 2_000_000), QuarantineReason::PriceRange);
    set_aside(|rig| rig.ticker(0, 4_999, 5_000), QuarantineReason::Diverged);
    set_aside(|rig| rig.mark(0, 5_000), QuarantineReason::Jump);
    set_aside(|rig| rig.mark(0, 0), QuarantineReason::NotPositive);
    set_aside(|rig| rig.apply(&Input::FeedDiverged(SymbolId(0))), QuarantineReason::FeedsDiffer);
}

#[test]
fn what_cannot_be_is_not_taken() {
    let mut rig = Rig::idle();
    let before = *rig.engine.book(SymbolId(0)).expect("followed").top();
    rig.ticker(0, 50_001, 50_000);
    rig.ticker(0, 0, 50_000);
    assert_eq!(*rig.engine.book(SymbolId(0)).expect("followed").top(), before);
    rig.mark(0, 5_000);
    assert_eq!(rig.engine.symbols[0].mark_price, price(50_000));
}

#[test]
fn a_book_the_mark_left_behind_is_set_aside() {
    let mut rig = Rig::idle();
    rig.mark(0, 54_000);
    assert!(rig.engine.is_quarantined(SymbolId(0)));
    assert_eq!(rig.quarantines()[0].why, QuarantineReason::Diverged);
}

#[test]
fn a_symbol_set_aside_may_still_be_reduced() {
    let mut rig = Rig::armed(config(test_strategy(TestStyle::Ioc)));
    let (order, _) = rig.placed()[0];
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(1, order.qty, order.qty));
    rig.apply(&Input::FeedDiverged(SymbolId(0)));
    rig.live(600);
    let placed = rig.placed();
    let close = placed.iter().find(|(o, _)| o.symbol == SymbolId(0)).expect("closed");
    assert!(close.0.reduce_only);
}

#[test]
fn one_silent_symbol_does_not_stop_the_others() {
    let mut rig = Rig::idle();
    let silent = |rig: &mut Rig| {
        for _ in 0..60 {
            rig.elapsed_ns += 100 * MS;
            rig.mark(0, 50_000);
            rig.mark(1, 50_000);
            rig.ticker(1, 49_999, 50_000);
            rig.apply(&Input::Timer);
        }
    };
    silent(&mut rig);
    assert_eq!(rig.engine.state(), Armed);
    assert_eq!(rig.engine.counters()[Counter::StaleSymbol], 1);
    rig.ticker(0, 49_999, 50_000);
    silent(&mut rig);
    assert_eq!(rig.engine.counters()[Counter::StaleSymbol], 2);
    rig.wait(5_100);
    assert_eq!((rig.engine.state(), rig.engine.state_reason()), (Reducing, StateReason::StaleFeed));
}

#[test]
fn no_order_is_sent_outside_new_filters_and_a_halt_allows_only_to_reduce() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    let coarse = SymbolRules { step: milli(10), qty_min: milli(10), ..rules() };
    rig.apply(&Input::Rules(SymbolId(0), &coarse));
    assert_eq!(rig.cancels()[0].0.client_order_id, order.client_order_id);
    rig.report(&order, ExecType::Canceled, OrderStatus::Canceled, NO_FILL);
    rig.live(2_000);
    let of_first = |placed: Vec<(NewOrder, RequestId)>| {
        placed.into_iter().filter(|(o, _)| o.symbol == SymbolId(0)).collect::<Vec<_>>()
    };
    for (order, _) in of_first(rig.placed()) {
        assert!(order.qty.is_multiple_of(milli(10)), "{order:?}");
    }
    let halted = SymbolRules { is_trading: false, ..rules() };
    rig.apply(&Input::Rules(SymbolId(0), &halted));
    rig.cancels();
    rig.live(2_000);
    assert!(of_first(rig.placed()).is_empty());
    assert_eq!(rig.engine.counters()[Counter::RulesChanged], 2);
    let unusable = SymbolRules { tick: Price::ZERO, ..rules() };
    rig.apply(&Input::Rules(SymbolId(0), &unusable));
    assert_eq!(rig.engine.rules(SymbolId(0)), Some(&halted));
}

#[test]
fn prices_asked_for_while_the_market_is_down_are_good_enough_to_reduce() {
    let mut rig = Rig::armed(config(test_strategy(TestStyle::Ioc)));
    let (order, _) = rig.placed()[0];
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(1, order.qty, order.qty));
    rig.account_position(0, order.qty);
    rig.apply(&Input::Link(Link::Public, false));
    rig.apply(&Input::Link(Link::Market, false));
    let mut depth = DepthBuf::new();
    let level = |whole| Level { price: price(whole), qty: milli(1_000) };
    assert!(depth.push_bid(level(49_990)) && depth.push_ask(level(49_991)));
    for step in 1..20 {
        rig.elapsed_ns += 500 * MS;
        let head = DepthHead {
            kind: DepthKind::Snapshot,
            last_update_id: 10_000 + step,
            event_time: rig.now().wall,
            ..DepthHead::default()
        };
        rig.apply(&Input::Depth(&head, &depth));
        rig.mark(0, 49_990);
        rig.apply(&Input::Timer);
    }
    assert_eq!(
        (rig.engine.state(), rig.engine.state_reason()),
        (Reducing, StateReason::MarketLinkDown)
    );
    let placed = rig.placed();
    let (close, _) = placed.first().expect("closed on the prices of REST");
    assert_eq!((close.side, close.reduce_only), (Side::Sell, true));
    assert_eq!(close.order_type, OrderType::Limit);
    assert!(close.price < price(49_991));
}

#[test]
fn prices_asked_for_open_nothing_until_a_stream_brings_some() {
    let mut depth = DepthBuf::new();
    let level = |whole| Level { price: price(whole), qty: milli(1_000) };
    assert!(depth.push_bid(level(49_999)) && depth.push_ask(level(50_000)));
    // By REST: the first snapshot of a connection whose stream says nothing, and the prices asked
    // for while the other market link is down.
    for (down, kind) in [(Link::Public, DepthKind::Snapshot), (Link::Market, DepthKind::Partial)] {
        let test = TestConfig { style: TestStyle::Ioc, interval_ms: 100, ..TestConfig::default() };
        let mut rig = Rig::armed(config(StrategyConfig::Test(test)));
        let (order, _) = rig.placed()[0];
        rig.report(&order, ExecType::Expired, OrderStatus::Expired, NO_FILL);
        rig.apply(&Input::Link(Link::Public, false));
        rig.apply(&Input::Link(Link::Public, true));
        rig.apply(&Input::Link(down, false));
        let asked = |rig: &mut Rig, last_update_id| {
            rig.elapsed_ns += 100 * MS;
            let event_time = rig.now().wall;
            let head = DepthHead { kind, last_update_id, event_time, ..DepthHead::default() };
            rig.apply(&Input::Depth(&head, &depth));
        };
        (1..4).for_each(|step| asked(&mut rig, 10_000 + step));
        rig.apply(&Input::Link(down, true));
        rig.ticker(1, 49_999, 50_000);
        if kind == DepthKind::Snapshot {
            (4..8).for_each(|step| asked(&mut rig, 10_000 + step));
        }
        for _ in 0..3 {
            rig.elapsed_ns += 100 * MS;
            rig.ticker(1, 49_999, 50_000);
            rig.apply(&Input::Timer);
        }
        let of_first = |rig: &mut Rig| {
            rig.placed().into_iter().filter(|(o, _)| o.symbol == SymbolId(0)).count()
        };
        assert_eq!((rig.engine.state(), of_first(&mut rig)), (Armed, 0), "{kind:?}");
        rig.update_id += 20_000;
        rig.ticker(0, 49_999, 50_000);
        assert_eq!(of_first(&mut rig), 1, "{kind:?}");
    }
}
