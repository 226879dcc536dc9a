use schema::{
    ClientOrderId, MonoNs, Notional, OrderStatus, OrderType, Price, Qty, Side, Stages, SymbolInfo,
    SymbolName, TimeInForce, TradeId, TradingState, VenueOrderId, WallNs,
};

use super::*;

/// A run of two symbols on a counter of 1 GHz, so that cycles are nanoseconds.
pub(crate) fn run_info() -> RunInfo {
    let mut info = RunInfo {
        environment: SymbolName::new(b"demo").expect("short"),
        build: SymbolName::new(b"0.1.0").expect("short"),
        pid: u64::from(std::process::id()),
        tsc_hz: 1_000_000_000,
        symbol_count: 2,
        ..RunInfo::default()
    };
    for (index, name) in ["BTCUSDT", "ETHUSDT"].iter().enumerate() {
        info.symbols[index] = SymbolInfo {
            name: SymbolName::new(name.as_bytes()).expect("short"),
            tick_size: 10_000_000,
            step_size: 100_000,
        };
    }
    info
}

/// A fill of BTCUSDT.
pub(crate) fn fill(trade_id: i64, side: Side, price: &str, qty: &str) -> ExecutionReport {
    ExecutionReport {
        symbol: SymbolId(0),
        client_order_id: ClientOrderId(0x6921_a0b4_1000_0000 + trade_id as u64),
        venue_order_id: VenueOrderId(1000 + trade_id),
        side,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Ioc,
        exec_type: ExecType::Trade,
        status: OrderStatus::Filled,
        price: price.parse().expect("decimal"),
        qty: qty.parse().expect("decimal"),
        last_qty: qty.parse().expect("decimal"),
        last_price: price.parse::<Price>().expect("decimal"),
        cum_qty: qty.parse::<Qty>().expect("decimal"),
        commission: Notional::from_units(1_234_567),
        realized_pnl: Notional::from_units(-50_000_000),
        trade_id: TradeId(trade_id),
        is_maker: false,
        reduce_only: false,
        expiry_reason: 0,
        transaction_time: WallNs::from_ms(1_763_800_000_000 + trade_id),
        event_time: WallNs::from_ms(1_763_800_000_001 + trade_id),
    }
}

/// A tick that took `ns` from read to write.
pub(crate) fn stages(ns: u64) -> Record {
    let mut tsc = [0; 9];
    tsc[Stage::Ready as usize] = 900;
    tsc[Stage::Read as usize] = 1_000;
    tsc[Stage::WriteCall as usize] = 1_000 + ns;
    tsc[Stage::WriteReturn as usize] = 9_000 + ns;
    Event::Stages(Stages { client_order_id: ClientOrderId(1), tsc, event_time: WallNs(1) })
        .to_record()
        .stamped(MonoNs(1), 1)
}

#[test]
fn fills_are_counted_and_kept_newest_first() {
    let mut live = Live::new(run_info());
    for id in 1..=100 {
        let record = Event::Report(fill(id, Side::Buy, "64000.1", "0.002")).to_record();
        live.take_record(&record);
        // Told again, it is the same fill.
        live.take_record(&record);
    }
    assert_eq!(live.fills, 100);
    assert_eq!(live.realized, -5_000_000_000);
    assert_eq!(live.commission, 123_456_700);
    assert_eq!(live.recent_fills.len(), FILLS_KEPT);
    assert_eq!(live.recent_fills[0].trade_id, TradeId(100));
}

#[test]
fn reports_without_a_fill_are_not_fills() {
    let mut live = Live::new(run_info());
    let mut report = fill(1, Side::Buy, "64000.1", "0.002");
    report.exec_type = ExecType::New;
    live.take_record(&Event::Report(report).to_record());
    live.take_record(&Record::default());
    assert_eq!((live.fills, live.records), (0, 2));
}

#[test]
fn tick_to_order_is_read_to_write_call() {
    let mut live = Live::new(run_info());
    assert_eq!(live.percentiles(), None);
    for ns in 1..=100 {
        live.take_record(&stages(ns * 20));
    }
    let [p50, p90, p99, max] = live.percentiles().expect("100 values");
    assert_eq!(p50, 1_000);
    assert_eq!(p90, 1_800);
    assert!((1_980..=1_981).contains(&p99), "{p99}");
    assert!((2_000..=2_001).contains(&max), "{max}");
    assert_eq!(live.tick_to_order.len(), 100);
}

#[test]
fn bars_cover_what_was_seen_and_nothing_else() {
    let mut live = Live::new(run_info());
    assert!(bars(&live.tick_to_order).counts.is_empty());
    for ns in [1_200, 1_300, 2_500, 60_000_000] {
        live.take_record(&stages(ns));
    }
    let bars = bars(&live.tick_to_order);
    assert_eq!(bars.upper_ns.first(), Some(&1_500));
    assert_eq!(bars.upper_ns.last(), Some(&u64::MAX));
    assert_eq!(bars.counts.iter().sum::<u64>(), 4);
    assert_eq!(bars.counts[0], 2);
}

#[test]
fn equity_is_sampled_twice_a_second() {
    let mut live = Live::new(run_info());
    for tick in 0..50u64 {
        live.take_status(Status {
            mono_ns: 1_000_000_000 + tick * 100_000_000,
            equity: 770_000_000_000 + tick as i64,
            wallet_at_start: 770_000_000_000,
            ..Status::default()
        });
    }
    assert_eq!(live.equity.len(), 10);
    assert_eq!(live.pnl(), 49);
}

#[test]
fn state_changes_are_kept() {
    let mut live = Live::new(run_info());
    let change = StateChange {
        from: TradingState::Reconciling,
        to: TradingState::Armed,
        reason: schema::StateReason::Reconciled,
        wall: WallNs(5),
    };
    live.take_record(&Event::State(change).to_record());
    assert_eq!(live.states.front(), Some(&change));
    assert_eq!(live.symbol(SymbolId(1)), "ETHUSDT");
    assert_eq!(live.symbol(SymbolId::NONE), "-");
}

#[test]
fn an_order_works_until_it_has_ended_however_often_it_is_told() {
    let mut live = Live::new(run_info());
    let mut tell = |exec_type, status| {
        let report =
            ExecutionReport { exec_type, status, ..fill(7, Side::Buy, "64000.1", "0.002") };
        live.take_record(&Event::Report(report).to_record());
        live.working.len()
    };
    assert_eq!(tell(ExecType::New, OrderStatus::New), 1);
    assert_eq!(tell(ExecType::New, OrderStatus::New), 1);
    assert_eq!(tell(ExecType::Trade, OrderStatus::PartiallyFilled), 1);
    assert_eq!(tell(ExecType::Canceled, OrderStatus::Canceled), 0);
    assert_eq!(tell(ExecType::New, OrderStatus::New), 0, "told late by the other connection");
    assert_eq!(live.fills, 1);
}
