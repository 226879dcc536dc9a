use proptest::prelude::*;

use super::*;

fn order() -> NewOrder {
    NewOrder {
        symbol: SymbolId(1),
        client_order_id: ClientOrderId::new(BootEpoch(7), StrategyId::TEST, 3),
        side: Side::Sell,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtx,
        price: Price::from_units(4_318_700_000_000),
        qty: Qty::from_units(300_000),
        reduce_only: true,
    }
}

fn report() -> ExecutionReport {
    ExecutionReport {
        symbol: SymbolId(1),
        client_order_id: order().client_order_id,
        venue_order_id: VenueOrderId(8_400_000_000_000_000_000),
        side: Side::Sell,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtx,
        exec_type: ExecType::Trade,
        status: OrderStatus::PartiallyFilled,
        price: Price::from_units(5),
        qty: Qty::from_units(6),
        last_qty: Qty::from_units(2),
        last_price: Price::from_units(7),
        cum_qty: Qty::from_units(4),
        commission: Notional::from_units(-8),
        realized_pnl: Notional::from_units(9),
        trade_id: TradeId(10),
        is_maker: true,
        reduce_only: true,
        expiry_reason: 2,
        transaction_time: WallNs::from_ms(1_789_837_689_736),
        event_time: WallNs::from_ms(1_789_837_689_739),
    }
}

fn rules() -> SymbolRules {
    SymbolRules {
        tick: Price::from_units(1),
        price_min: Price::from_units(2),
        price_max: Price::from_units(3),
        step: Qty::from_units(4),
        qty_min: Qty::from_units(5),
        qty_max: Qty::from_units(6),
        market_step: Qty::from_units(7),
        market_qty_min: Qty::from_units(8),
        market_qty_max: Qty::from_units(9),
        notional_min: Notional::from_units(10),
        percent_up_e4: 1_000_000,
        percent_down_e4: 9_500,
        open_orders_max: 200,
        is_trading: true,
    }
}

#[test]
fn every_kind_reads_back_as_written() {
    let time = WallNs::from_ms(1_789_837_689_736);
    let level = Level { price: Price::from_units(1), qty: Qty::from_units(2) };
    let order_ref = OrderRef {
        symbol: SymbolId(1),
        client_order_id: order().client_order_id,
        venue_order_id: VenueOrderId(5),
    };
    let events = [
        Event::BookTicker(BookTicker { update_id: 9, event_time: time, ..BookTicker::default() }),
        Event::Trade(Trade { trade_id: TradeId(4), buyer_is_maker: true, ..Trade::default() }),
        Event::Mark(Mark { funding_rate_e8: -4435, ..Mark::default() }),
        Event::Depth(DepthHead {
            kind: DepthKind::Snapshot,
            last_update_id: 3,
            ..DepthHead::default()
        }),
        Event::Levels(Levels { side: Side::Sell, levels: [level; 6], count: 6 }),
        Event::Timer(time),
        Event::Link(Link::User, true),
        Event::Decision(Decision {
            order: order(),
            request_id: RequestId(11),
            bid_price: Price::from_units(1),
            ask_price: Price::from_units(2),
            signal_e8: -3,
            worst_position: Qty::from_units(-4),
        }),
        Event::Cancel(CancelOrder { order: order_ref }, RequestId(12)),
        Event::Modify(
            ModifyOrder { order: order_ref, side: Side::Sell, price: level.price, qty: level.qty },
            RequestId(13),
        ),
        Event::Report(report()),
        Event::TradeLite(TradeLite {
            symbol: SymbolId(1),
            client_order_id: ClientOrderId::NONE,
            venue_order_id: VenueOrderId(2),
            side: Side::Sell,
            last_price: level.price,
            last_qty: level.qty,
            trade_id: TradeId(3),
            is_maker: true,
            transaction_time: time,
        }),
        Event::Reply(OrderReply {
            request_id: RequestId(1),
            status: 400,
            code: -4164,
            order_status: OrderStatus::Unknown,
            client_order_id: order().client_order_id,
            venue_order_id: VenueOrderId(0),
            price: Price::ZERO,
            qty: Qty::ZERO,
            cum_qty: Qty::ZERO,
            order_count_10s: 299,
            order_count_1m: u32::MAX,
            weight_1m: 2400,
            retry_after_ms: 77,
        }),
        Event::Balance(
            BalanceDelta {
                is_quote: true,
                wallet: Notional::from_units(-1),
                ..BalanceDelta::default()
            },
            time,
            true,
        ),
        Event::Position(
            PositionDelta { qty: Qty::from_units(-5), ..PositionDelta::default() },
            time,
        ),
        Event::State(StateChange {
            from: TradingState::Armed,
            to: TradingState::Reducing,
            reason: StateReason::BookGap,
            wall: time,
        }),
        Event::Stages(Stages {
            client_order_id: order().client_order_id,
            tsc: [1, 2, 3, 4, 5, 6, 7, 8, 9],
            event_time: time,
        }),
        Event::Refused(order(), Reject::PositionLimit),
        Event::Command(Command {
            nonce: u64::MAX,
            kind: CommandKind::Flatten,
            symbol: SymbolId::NONE,
            sent_at: time,
            uid: 1000,
            limit: None,
            trigger: None,
            reason: Reason::default(),
        }),
        Event::Command(Command {
            limit: Some((LimitKind::Restricted, NewLimit::File)),
            ..Command::plain(1, CommandKind::SetLimit, time, 7)
        }),
        Event::Command(Command {
            symbol: SymbolId(1),
            limit: Some((LimitKind::Exposure, NewLimit::Value(-1))),
            reason: Reason::new(
                "\u{fc}ber das Wochenende, nur die H\u{e4}lfte, bis Montag fr\u{fc}h um acht Uhr",
            ),
            ..Command::plain(2, CommandKind::SetLimit, time, u32::MAX)
        }),
        Event::Command(Command {
            trigger: Some(KillTrigger::Margin),
            ..Command::plain(3, CommandKind::Kill, time, 0)
        }),
        Event::Limit(LimitChange {
            limit: LimitKind::Position,
            symbol: SymbolId(1),
            from: 5,
            to: -1,
            version: 3,
            nonce: u64::MAX,
            uid: u32::MAX,
            wall: time,
        }),
        Event::Kill(KillChange {
            is_on: true,
            trigger: KillTrigger::TraderLost,
            uid: 1,
            nonce: 9,
            wall: time,
        }),
        Event::Taken(Taken::Builds { agree: true }),
        Event::Answer(CommandAnswer {
            nonce: 5,
            kind: CommandKind::Flatten,
            result: CommandResult::Duplicate,
        }),
        Event::Bar(Bar { trade_count: 3, open_time: time, ..Bar::default() }),
        Event::Boot(BootEpoch(u32::MAX), time),
        Event::Taken(Taken::Clock(-7)),
        Event::Taken(Taken::SendFailed(RequestId(16))),
        Event::Taken(Taken::Params(SignalParams { version: 3, ..SignalParams::default() })),
        Event::Taken(Taken::Verdict(Verdict { sequence: 4, killed: 1, ..Verdict::default() })),
        Event::Taken(Taken::JournalUsed { used: 5, capacity: u64::MAX }),
        Event::Taken(Taken::Account(AccountHead {
            balances: 1,
            positions: 2,
            others: 3,
            is_funding: true,
            transaction_time: time,
            event_time: time,
        })),
        Event::Taken(Taken::ClockSkew { offset_ns: -6, rtt_ns: 7 }),
        Event::Taken(Taken::DeadMan(true)),
        Event::Taken(Taken::FeedDiverged(SymbolId(1))),
        Event::Taken(Taken::Rules(SymbolId(1), rules())),
        Event::Taken(Taken::Truth(TruthHead {
            requested_ns: 8,
            wallet: Notional::from_units(-9),
            positions: 2,
            orders: 3,
            algos: Some(0),
            is_complete: true,
        })),
        Event::Taken(Taken::TruthOrder(OpenOrder {
            symbol: SymbolId(1),
            client_order_id: order().client_order_id,
            venue_order_id: VenueOrderId(5),
            side: Side::Sell,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtx,
            price: level.price,
            qty: level.qty,
            cum_qty: Qty::ZERO,
            reduce_only: true,
        })),
        Event::Taken(Taken::TruthAlgo(OpenAlgo {
            symbol: SymbolId(1),
            client_order_id: order().client_order_id,
            algo_id: AlgoId(6),
            side: Side::Sell,
            trigger_price: level.price,
            close_position: true,
        })),
        Event::Taken(Taken::LastTrades([TradeId(7); SYMBOLS_MAX])),
        Event::Taken(Taken::Blob(Blob {
            what: BlobKind::Config,
            length: 96,
            more: 2,
            bytes: [b'x'; BLOB_BYTES],
        })),
        Event::Algo(AlgoUpdate {
            symbol: SymbolId(1),
            client_order_id: order().client_order_id,
            algo_id: AlgoId(4_000_001_910_701_524),
            side: Side::Sell,
            order_type: OrderType::StopMarket,
            status: AlgoStatus::Triggered,
            trigger_price: level.price,
            qty: level.qty,
            reduce_only: true,
            close_position: true,
            venue_order_id: VenueOrderId(9),
            transaction_time: time,
            event_time: time,
        }),
        Event::PlaceAlgo(
            NewAlgo {
                symbol: SymbolId(1),
                client_order_id: order().client_order_id,
                side: Side::Sell,
                trigger_price: level.price,
            },
            RequestId(14),
        ),
        Event::CancelAlgo(
            CancelAlgo {
                symbol: SymbolId(1),
                client_order_id: ClientOrderId::NONE,
                algo_id: AlgoId(-5),
            },
            RequestId(15),
        ),
        Event::Difference(Difference {
            what: DifferenceKind::LastTrade,
            symbol: SymbolId::NONE,
            ours: -1,
            venue: i64::MAX,
        }),
        Event::Quarantine(Quarantine {
            symbol: SymbolId(1),
            is_on: true,
            why: QuarantineReason::FeedsDiffer,
            price: level.price,
            reference: Price::ZERO,
        }),
    ];
    let kinds = events.iter().map(|event| event.to_record().kind);
    let kinds: std::collections::BTreeSet<u16> = kinds.collect();
    assert_eq!(kinds.len(), Kind::ALL.len(), "an example of every kind");
    for event in events {
        let record = event.to_record().stamped(MonoNs(5), 6);
        assert_eq!((record.at_ns, record.input), (5, 6));
        assert_eq!(Event::from_record(&record), Ok(event));
    }
}

#[test]
fn levels_split_into_records_of_six() {
    let level = |units| Level { price: Price::from_units(units), qty: Qty::from_units(1) };
    let levels: Vec<_> = (0..20).map(level).collect();
    let records: Vec<_> = Record::levels(SymbolId(0), Side::Buy, &levels).collect();
    assert_eq!(records.len(), 4);
    assert_eq!(Record::level_records(20, 20), 8);
    let read: Vec<Level> = records
        .iter()
        .flat_map(|record| match Event::from_record(record) {
            Ok(Event::Levels(levels)) => levels.as_slice().to_vec(),
            other => panic!("not levels: {other:?}"),
        })
        .collect();
    assert_eq!(read, levels);
}

#[test]
fn stages_in_wrong_order_give_no_time() {
    let stages = Stages {
        client_order_id: ClientOrderId::NONE,
        tsc: [0, 100, 90, 0, 0, 0, 0, 2100, 0],
        event_time: WallNs(0),
    };
    assert_eq!(stages.between_ns(Stage::Read, Stage::WriteCall, 1_000_000_000), Some(2000));
    assert_eq!(stages.between_ns(Stage::Read, Stage::Tls, 1_000_000_000), None);
    assert_eq!(stages.between_ns(Stage::Ready, Stage::Read, 1_000_000_000), None);
    assert_eq!(stages.between_ns(Stage::Read, Stage::WriteCall, 0), None);
}

#[test]
fn a_long_text_is_whole_again() {
    for length in [0, 1, 95, 96, 97, 1_000] {
        let text: Vec<u8> = (0..length).map(|index| index as u8).collect();
        let blobs: Vec<Blob> = Blob::of(BlobKind::Build, &text).collect();
        let read: Vec<u8> = blobs.iter().flat_map(|blob| blob.as_slice().to_vec()).collect();
        assert_eq!(read, text);
        assert!(blobs.iter().rev().enumerate().all(|(index, blob)| blob.more == index as u16));
    }
}

proptest! {
    #[test]
    fn inputs_read_back_as_written(
        words in proptest::array::uniform8(proptest::num::i64::ANY),
        small in proptest::array::uniform4(proptest::num::u8::ANY),
        count: u16,
    ) {
        let taken = [
            Taken::Clock(words[0]),
            Taken::SendFailed(RequestId(words[0] as u64)),
            Taken::JournalUsed { used: words[0] as u64, capacity: words[1] as u64 },
            Taken::Account(AccountHead {
                balances: small[0],
                positions: small[1],
                others: count,
                is_funding: small[2] & 1 == 1,
                transaction_time: WallNs(words[0]),
                event_time: WallNs(words[1]),
            }),
            Taken::ClockSkew { offset_ns: words[0], rtt_ns: words[1] as u64 },
            Taken::Truth(TruthHead {
                requested_ns: words[0] as u64,
                wallet: Notional::from_units(words[1]),
                positions: small[0],
                orders: count,
                algos: (small[1] & 1 == 1).then_some(count),
                is_complete: small[2] & 1 == 1,
            }),
            Taken::LastTrades(words.map(TradeId)),
            Taken::Params(SignalParams {
                version: words[0] as u64,
                fitted_at_ns: words[1],
                microprice_weight: words[2],
                flow_weight: words[3],
                flow_half_life_ns: words[4] as u64,
                variance_half_life_ns: words[5] as u64,
                entry_threshold: words[6],
            }),
        ];
        for taken in taken {
            let record = Event::Taken(taken).to_record();
            prop_assert!(record.is_for_replay());
            prop_assert_eq!(Event::from_record(&record), Ok(Event::Taken(taken)));
        }
    }

    #[test]
    fn no_record_panics(kind in 0u16..70, symbol: u16, count: u16, flags: u16, words: [i64; 12]) {
        let record = Record { kind, symbol, count, flags, at_ns: 0, input: 0, words };
        let _ = Event::from_record(&record);
    }
}
