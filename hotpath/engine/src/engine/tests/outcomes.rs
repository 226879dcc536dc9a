//! Every outcome of a request, as the venue documents it.

use super::*;
use TradingState::{Armed, Halted, Reducing};

impl Rig {
    fn counted(&self, counter: Counter) -> u64 {
        self.engine.counters()[counter]
    }
    /// Holding 50 of the first symbol, with an order out that closes it.
    fn closing() -> (Self, NewOrder, RequestId) {
        let (mut rig, order, request) = Self::one_order(TestStyle::Ioc);
        rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
        rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(1, order.qty, order.qty));
        rig.live(500);
        let closing = rig.placed().into_iter().find(|(o, _)| o.symbol == SymbolId(0));
        let (close, request) = closing.expect("closed after the hold time");
        assert!(close.reduce_only);
        (rig, close, request)
    }
    fn resent(&mut self, order: &NewOrder) -> Option<RequestId> {
        let placed = self.placed();
        let again = placed.iter().find(|(o, _)| o.client_order_id == order.client_order_id);
        again.map(|(o, request)| {
            assert_eq!(o, order, "the same order under the same id");
            *request
        })
    }
}

#[test]
fn a_reducing_order_the_venue_was_too_busy_for_is_sent_again_three_times() {
    for code in [-1001, -1008] {
        let (mut rig, close, mut request) = Rig::closing();
        for pause_ms in [200, 400, 800] {
            rig.refuse(request, 503, code);
            assert_eq!(rig.engine.orders().unknown_count(), 0, "a certain failure");
            let sell = rig.engine.orders().working(SymbolId(0)).sell;
            assert_eq!(sell, i128::from(close.qty.units()), "it counts all the time");
            rig.live(pause_ms - 100);
            assert_eq!(rig.resent(&close), None, "not before {pause_ms} ms");
            rig.live(100);
            request = rig.resent(&close).expect("sent again");
        }
        rig.refuse(request, 503, code);
        assert_eq!(rig.engine.orders().working(SymbolId(0)).count, 0, "given up");
        assert_eq!(rig.counted(Counter::OrderResent), 3);
        assert_eq!(rig.counted(Counter::VenueOverloaded), 4);
    }
}

#[test]
fn an_opening_order_the_venue_was_too_busy_for_is_dropped() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Ioc);
    rig.refuse(request, 503, -1008);
    assert_eq!(rig.engine.orders().working(SymbolId(0)).count, 0);
    rig.live(1_500);
    assert_eq!(rig.resent(&order), None);
}

#[test]
fn a_fill_ends_the_wait_for_another_attempt() {
    let (mut rig, close, request) = Rig::closing();
    rig.refuse(request, 503, -1008);
    rig.report(&close, ExecType::Trade, OrderStatus::Filled, fill(2, close.qty, close.qty));
    rig.live(1_000);
    assert_eq!(rig.resent(&close), None, "it had arrived after all");
    assert!(rig.engine.position(SymbolId(0)).is_flat());
}

#[test]
fn a_request_refused_for_its_time_is_sent_once_more_when_the_clock_is_known() {
    for code in [-1021, -5028] {
        let (mut rig, close, request) = Rig::closing();
        rig.refuse(request, 400, code);
        assert!(rig.engine.wants_clock());
        assert_eq!(
            (rig.engine.state(), rig.engine.state_reason()),
            (Reducing, StateReason::ClockSkew)
        );
        rig.live(500);
        assert_eq!(rig.resent(&close), None, "the clock is in doubt");
        rig.apply(&Input::ClockSkew { offset_ns: -40_000_000, rtt_ns: 1_000_000 });
        assert_eq!(rig.engine.clock_offset_ns(), -40_000_000);
        rig.live(100);
        let again = rig.resent(&close).expect("sent again");
        rig.refuse(again, 400, code);
        rig.apply(&Input::ClockSkew { offset_ns: -40_000_000, rtt_ns: 1_000_000 });
        assert_eq!(rig.engine.orders().working(SymbolId(0)).count, 0, "once only");
        assert_eq!(rig.counted(Counter::ClockRejected), 2);
    }
}

#[test]
fn without_a_clock_the_order_is_given_up() {
    let (mut rig, close, request) = Rig::closing();
    rig.refuse(request, 400, -1021);
    rig.live(2_200);
    assert_eq!(rig.resent(&close), None);
    assert!(rig.engine.wants_clock());
    let id = close.client_order_id;
    assert!(rig.engine.orders().live().all(|(_, order)| order.id != id));
}

#[test]
fn a_refused_cancel_is_asked_for_again_ever_more_slowly() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    rig.command(1, CommandKind::Stop);
    for pause_ms in [200, 400, 800, 800, 800] {
        let cancels = rig.cancels();
        assert_eq!(cancels.len(), 1, "{pause_ms}");
        assert_eq!(cancels[0].0.client_order_id, order.client_order_id);
        rig.refuse(cancels[0].1, 503, -1001);
        rig.live(pause_ms - 100);
        assert!(rig.cancels().is_empty(), "not before {pause_ms} ms");
        rig.live(100);
    }
    assert_eq!(rig.counted(Counter::CancelRetried), 5);
}

#[test]
fn an_order_limit_stops_orders_but_not_cancels() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    rig.live(100);
    let others = rig.placed();
    let (_, other) = others[0];
    rig.refuse(other, 429, -1015);
    assert_eq!(
        (rig.engine.state(), rig.engine.state_reason()),
        (Reducing, StateReason::RateLimited)
    );
    assert_eq!(rig.cancels()[0].0.client_order_id, order.client_order_id);
    rig.live(9_000);
    assert!(rig.placed().is_empty());
    assert_eq!(rig.counted(Counter::VenueThrottled), 1);
}

#[test]
fn a_ban_lasts_as_long_as_the_venue_says() {
    let (mut rig, _, request) = Rig::one_order(TestStyle::Ioc);
    let until_ms = rig.now().wall.ms() + 30_000;
    let reply = OrderReply {
        request_id: request,
        status: 418,
        code: -1003,
        order_status: OrderStatus::Unknown,
        client_order_id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(0),
        price: Price::ZERO,
        qty: Qty::ZERO,
        cum_qty: Qty::ZERO,
        order_count_10s: u32::MAX,
        order_count_1m: u32::MAX,
        weight_1m: u32::MAX,
        retry_after_ms: until_ms,
    };
    rig.apply(&Input::Reply(&reply));
    rig.live(29_900);
    assert!(rig.actions.is_empty());
    rig.live(300);
    assert_eq!(rig.engine.state(), Armed);
    assert!(!rig.actions.is_empty());
}

#[test]
fn what_the_venue_counted_for_others_takes_from_the_budget() {
    let (mut rig, _, request) = Rig::one_order(TestStyle::Ioc);
    let reply = OrderReply {
        request_id: request,
        status: 200,
        code: 0,
        order_status: OrderStatus::Expired,
        client_order_id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(0),
        price: Price::ZERO,
        qty: Qty::ZERO,
        cum_qty: Qty::ZERO,
        order_count_10s: 240,
        order_count_1m: 240,
        weight_1m: u32::MAX,
        retry_after_ms: 0,
    };
    rig.apply(&Input::Reply(&reply));
    rig.live(9_000);
    assert!(rig.placed().is_empty(), "the budget is spent by someone else");
    rig.live(3_000);
    assert!(!rig.placed().is_empty());
}

#[test]
fn an_id_the_venue_knows_is_a_live_order() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.refuse(request, 400, -4116);
    let (asked, question) = rig.questions()[0];
    assert_eq!(asked.client_order_id, order.client_order_id);
    rig.reply(question, 200, 0, OrderStatus::New, Qty::ZERO);
    assert_eq!(rig.engine.orders().unknown_count(), 0);
    assert_eq!(rig.engine.orders().working(SymbolId(0)).count, 1);
    assert_eq!(rig.engine.orders().doubts(), (1, 1));
}

#[test]
fn a_post_only_refusal_neither_counts_nor_storms() {
    let (mut rig, _, request) = Rig::one_order(TestStyle::Gtx);
    let mut requests = vec![request];
    let mut refused = 0;
    for _ in 0..50 {
        for request in requests.drain(..) {
            rig.refuse(request, 400, -5022);
            refused += 1;
        }
        for symbol in 0..2 {
            rig.elapsed_ns += MS;
            rig.ticker(symbol, 49_999, 50_000);
        }
        requests = rig.placed().into_iter().map(|(_, request)| request).collect();
    }
    assert_eq!(rig.engine.state(), Armed, "never a reason to halt");
    assert!(refused <= 4, "{refused} refusals in 100 ms");
}

#[test]
fn a_symbol_the_venue_closed_is_left_alone_for_a_while() {
    for code in [-4087, -4140, -4400] {
        let (mut rig, _, request) = Rig::one_order(TestStyle::Ioc);
        rig.refuse(request, 400, code);
        rig.live(5_000);
        let placed = rig.placed();
        assert!(!placed.is_empty(), "the other symbol goes on");
        assert!(placed.iter().all(|(order, _)| order.symbol == SymbolId(1)));
    }
}

#[test]
fn a_fatal_refusal_halts() {
    for (status, code) in [(400, -1022), (401, -2014), (401, -2015), (400, -2023), (400, -4192)] {
        let (mut rig, _, request) = Rig::one_order(TestStyle::Ioc);
        rig.refuse(request, status, code);
        assert_eq!(
            (rig.engine.state(), rig.engine.state_reason()),
            (Halted, StateReason::VenueRefused)
        );
    }
}

#[test]
fn an_order_of_a_later_start_halts() {
    let mut rig = Rig::idle();
    let order = NewOrder {
        symbol: SymbolId(0),
        client_order_id: ClientOrderId::new(BootEpoch(8), StrategyId::TEST, 1),
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: price(49_000),
        qty: milli(10),
        reduce_only: false,
    };
    rig.report(&order, ExecType::New, OrderStatus::New, NO_FILL);
    assert_eq!(
        (rig.engine.state(), rig.engine.state_reason()),
        (Halted, StateReason::ForeignOrders)
    );
    assert!(rig.cancels().is_empty(), "its orders are its own");
}

#[test]
fn an_order_of_an_earlier_start_that_is_placed_now_halts() {
    let placed = |wait_ms| {
        let mut rig = Rig::idle();
        rig.live(wait_ms);
        let order = NewOrder {
            symbol: SymbolId(0),
            client_order_id: ClientOrderId::new(BootEpoch(6), StrategyId::TEST, 1),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            price: price(49_000),
            qty: milli(10),
            reduce_only: false,
        };
        rig.report(&order, ExecType::New, OrderStatus::New, NO_FILL);
        rig.engine.state()
    };
    assert_eq!(placed(1_000), Armed, "it was on its way when this start began");
    assert_eq!(placed(12_000), Halted, "another trader is alive");
}

/// Found by the simulation: a deleveraging's beginning comes behind its end, from the other
/// connection.
#[test]
fn the_beginning_of_an_external_order_behind_its_end_is_no_new_order() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Ioc);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(1, order.qty, order.qty));
    let forced = NewOrder { client_order_id: ClientOrderId::NONE, side: Side::Sell, ..order };
    let id = VenueOrderId(2);
    let fill = fill(2, order.qty, order.qty);
    rig.apply(&Input::TradeLite(&TradeLite {
        symbol: order.symbol,
        client_order_id: ClientOrderId::NONE,
        venue_order_id: id,
        side: Side::Sell,
        last_price: fill.price,
        last_qty: fill.qty,
        trade_id: TradeId(2),
        is_maker: false,
        transaction_time: WallNs(START_WALL),
    }));
    let filled = report(&forced, ExecType::Trade, OrderStatus::Filled, fill);
    rig.apply(&Input::Report(&ExecutionReport { venue_order_id: id, ..filled }));
    let new = report(&forced, ExecType::New, OrderStatus::New, NO_FILL);
    rig.apply(&Input::Report(&ExecutionReport { venue_order_id: id, ..new }));
    // Nor is it for an answer that was on its way (seed 138626).
    let mut truth = rig.agreeing_truth();
    truth.open_orders.push(OpenOrder {
        symbol: forced.symbol,
        client_order_id: ClientOrderId::NONE,
        venue_order_id: id,
        side: forced.side,
        order_type: forced.order_type,
        time_in_force: forced.time_in_force,
        price: forced.price,
        qty: forced.qty,
        cum_qty: Qty::ZERO,
        reduce_only: false,
    });
    rig.apply(&Input::Reconciled(&truth));
    assert!(rig.engine.position(SymbolId(0)).is_flat());
    assert_eq!(rig.engine.orders.live_count(), 0);
}

/// Found by the simulation (seed 249102): the question was asked before the order arrived.
#[test]
fn an_absence_from_before_the_stream_told_of_the_order_is_none() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Gtx);
    rig.refuse(request, 408, -1007);
    rig.live(4_000);
    let (_, question) = rig.questions().last().copied().expect("it is in doubt");
    rig.live(100);
    rig.report(&order, ExecType::New, OrderStatus::New, NO_FILL);
    rig.engine.doubt(rig.engine.orders.live_at(0).expect("live"));
    rig.refuse(question, 400, -2013);
    assert_eq!(rig.engine.orders.live_count(), 1);
}

/// Found by the simulation (seed 173119): the fill was not told, the position that holds it was.
#[test]
fn a_fill_inside_a_position_taken_over_still_fills_its_order() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Ioc);
    rig.engine.symbols[0].seen.start_after(TradeId(5));
    rig.reply(request, 200, 0, OrderStatus::Filled, order.qty);
    assert!(rig.engine.lacks_fills());
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(5, order.qty, order.qty));
    assert!(!rig.engine.lacks_fills());
    assert_eq!((rig.qty(0), rig.engine.orders.live_count()), (Qty::ZERO, 0));
}

#[test]
fn a_liquidation_is_booked_as_the_venues_and_needs_truth() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Ioc);
    rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, fill(1, order.qty, order.qty));
    let forced = NewOrder {
        client_order_id: ClientOrderId::NONE,
        side: Side::Sell,
        order_type: OrderType::Liquidation,
        ..order
    };
    rig.report(&forced, ExecType::Trade, OrderStatus::Filled, fill(2, order.qty, order.qty));
    assert!(rig.engine.position(SymbolId(0)).is_flat());
    assert_eq!(rig.engine.symbols[0].external_fills, 1);
    assert_eq!(rig.counted(Counter::Liquidation), 1);
    assert_eq!(rig.counted(Counter::ExternalOrder), 1);
    assert_eq!((rig.engine.state(), rig.engine.state_reason()), (Reducing, StateReason::External));
    assert!(rig.engine.wants_reconcile());
    rig.live(100);
    let truth = rig.agreeing_truth();
    rig.apply(&Input::Reconciled(&truth));
    assert_eq!(rig.engine.state(), Armed);
}

#[test]
fn funding_moves_the_wallet_and_a_counter() {
    let mut rig = Rig::idle();
    let mut update = AccountUpdate { balance_count: 1, is_funding: true, ..Default::default() };
    update.balances[0] = BalanceDelta { is_quote: true, change: usd(-3), ..Default::default() };
    rig.apply(&Input::Account(&update));
    assert_eq!(rig.engine.wallet(), usd(9_997));
    assert_eq!(rig.counted(Counter::Funding), 1);
    assert_eq!(rig.engine.state(), Armed);
}

#[test]
fn late_early_and_repeated_fills_are_counted_as_such() {
    let (mut rig, order, _) = Rig::one_order(TestStyle::Ioc);
    let half = Qty::from_units(order.qty.units() / 2).round_down(milli(1));
    rig.report(&order, ExecType::Trade, OrderStatus::PartiallyFilled, fill(1, half, half));
    rig.report(&order, ExecType::Trade, OrderStatus::PartiallyFilled, fill(1, half, half));
    let rest = Fill { cum: half, ..NO_FILL };
    rig.report(&order, ExecType::Expired, OrderStatus::Expired, rest);
    rig.report(&order, ExecType::Trade, OrderStatus::PartiallyFilled, fill(2, milli(1), half));
    assert_eq!(rig.counted(Counter::FillBeforeAck), 1);
    assert_eq!(rig.counted(Counter::FillDuplicate), 1);
    assert_eq!(rig.counted(Counter::FillLate), 1);
}

#[test]
fn an_order_of_others_whose_fill_is_told_before_it_leaves_nothing_behind() {
    let mut rig = Rig::idle();
    let order = NewOrder {
        symbol: SymbolId(0),
        client_order_id: ClientOrderId::NONE,
        side: Side::Buy,
        order_type: OrderType::Market,
        time_in_force: TimeInForce::Gtc,
        price: Price::ZERO,
        qty: milli(5),
        reduce_only: false,
    };
    let f = fill(3, milli(5), milli(5));
    rig.lite(&order, f);
    rig.report(&order, ExecType::New, OrderStatus::New, NO_FILL);
    rig.report(&order, ExecType::Trade, OrderStatus::Filled, f);
    assert_eq!(rig.qty(0), milli(5));
    assert_eq!((rig.engine.orders().live_count(), rig.engine.orders().unknown_count()), (0, 0));
    assert_eq!(rig.engine.state_reason(), StateReason::External);
}
