//! Records into events, refusing what this build does not know.

use super::*;

#[inline]
pub(super) fn field<T>(value: Option<T>) -> Result<T, BadRecord> {
    value.ok_or(BadRecord::Field)
}

fn order_from(symbol: SymbolId, words: &[i64; WORDS]) -> Result<NewOrder, BadRecord> {
    let b = words[1].to_le_bytes();
    Ok(NewOrder {
        symbol,
        client_order_id: ClientOrderId(words[0] as u64),
        side: field(Side::from_u8(b[0]))?,
        order_type: field(OrderType::from_u8(b[1]))?,
        time_in_force: field(TimeInForce::from_u8(b[2]))?,
        reduce_only: b[3] != 0,
        price: Price::from_units(words[2]),
        qty: Qty::from_units(words[3]),
    })
}

fn limit_from(words: &[i64; WORDS]) -> Result<Option<(LimitKind, NewLimit)>, BadRecord> {
    let byte = words[2].to_le_bytes()[4];
    let Some(number) = (byte & !write::FILE_VALUE).checked_sub(1) else { return Ok(None) };
    let limit = field(LimitKind::from_u8(number))?;
    let is_file = byte & write::FILE_VALUE != 0;
    Ok(Some((limit, if is_file { NewLimit::File } else { NewLimit::Value(words[3]) })))
}

fn order_ref_from(symbol: SymbolId, words: &[i64; WORDS]) -> OrderRef {
    OrderRef {
        symbol,
        client_order_id: ClientOrderId(words[0] as u64),
        venue_order_id: VenueOrderId(words[1]),
    }
}

impl Event {
    /// Reads a record.
    ///
    /// # Errors
    /// [`BadRecord`] if its kind or a field is not known to this build.
    pub fn from_record(r: &Record) -> Result<Self, BadRecord> {
        let kind = r.kind().ok_or(BadRecord::Kind(r.kind))?;
        let symbol = SymbolId(r.symbol);
        let w = &r.words;
        let [low, high] = r.flags.to_le_bytes();
        Ok(match kind {
            Kind::BookTicker => Self::BookTicker(BookTicker {
                symbol,
                update_id: w[0] as u64,
                bid_price: Price::from_units(w[1]),
                bid_qty: Qty::from_units(w[2]),
                ask_price: Price::from_units(w[3]),
                ask_qty: Qty::from_units(w[4]),
                transaction_time: WallNs(w[5]),
                event_time: WallNs(w[6]),
            }),
            Kind::Trade => Self::Trade(Trade {
                symbol,
                trade_id: TradeId(w[0]),
                price: Price::from_units(w[1]),
                qty: Qty::from_units(w[2]),
                buyer_is_maker: r.flags != 0,
                trade_time: WallNs(w[3]),
                event_time: WallNs(w[4]),
            }),
            Kind::Mark => Self::Mark(Mark {
                symbol,
                mark_price: Price::from_units(w[0]),
                index_price: Price::from_units(w[1]),
                funding_rate_e8: w[2],
                next_funding_time: WallNs(w[3]),
                event_time: WallNs(w[4]),
            }),
            Kind::Depth => Self::Depth(DepthHead {
                symbol,
                kind: match r.flags {
                    0 => DepthKind::Diff,
                    1 => DepthKind::Partial,
                    2 => DepthKind::Snapshot,
                    _ => return Err(BadRecord::Field),
                },
                first_update_id: w[0] as u64,
                last_update_id: w[1] as u64,
                previous_update_id: w[2] as u64,
                transaction_time: WallNs(w[3]),
                event_time: WallNs(w[4]),
            }),
            Kind::Levels => {
                if usize::from(high) > LEVELS_PER_RECORD {
                    return Err(BadRecord::Field);
                }
                let mut levels = [Level::default(); LEVELS_PER_RECORD];
                for (index, level) in levels.iter_mut().enumerate() {
                    level.price = Price::from_units(w[2 * index]);
                    level.qty = Qty::from_units(w[2 * index + 1]);
                }
                Self::Levels(Levels { side: field(Side::from_u8(low))?, levels, count: high })
            }
            Kind::Timer => Self::Timer(WallNs(w[0])),
            Kind::Link => Self::Link(field(Link::from_u8(low))?, high != 0),
            Kind::Decision => Self::Decision(Decision {
                order: order_from(symbol, w)?,
                request_id: RequestId(w[4] as u64),
                bid_price: Price::from_units(w[5]),
                ask_price: Price::from_units(w[6]),
                signal_e8: w[7],
                worst_position: Qty::from_units(w[8]),
            }),
            Kind::Cancel => Self::Cancel(
                CancelOrder { order: order_ref_from(symbol, w) },
                RequestId(w[2] as u64),
            ),
            Kind::Modify => Self::Modify(
                ModifyOrder {
                    order: order_ref_from(symbol, w),
                    side: field(Side::from_u8(low))?,
                    price: Price::from_units(w[3]),
                    qty: Qty::from_units(w[4]),
                },
                RequestId(w[2] as u64),
            ),
            Kind::Report => Self::Report(report_from(symbol, r)?),
            Kind::TradeLite => Self::TradeLite(TradeLite {
                symbol,
                client_order_id: ClientOrderId(w[0] as u64),
                venue_order_id: VenueOrderId(w[1]),
                side: field(Side::from_u8(low))?,
                is_maker: high != 0,
                last_price: Price::from_units(w[2]),
                last_qty: Qty::from_units(w[3]),
                trade_id: TradeId(w[4]),
                transaction_time: WallNs(w[5]),
            }),
            Kind::Reply => Self::Reply(OrderReply {
                request_id: RequestId(w[0] as u64),
                status: r.flags,
                code: i32::try_from(w[1]).map_err(|_| BadRecord::Field)?,
                order_status: field(u8::try_from(w[2]).ok().and_then(OrderStatus::from_u8))?,
                client_order_id: ClientOrderId(w[3] as u64),
                venue_order_id: VenueOrderId(w[4]),
                price: Price::from_units(w[5]),
                qty: Qty::from_units(w[6]),
                cum_qty: Qty::from_units(w[7]),
                order_count_10s: w[8] as u32,
                order_count_1m: (w[8] >> 32) as u32,
                weight_1m: w[9] as u32,
                retry_after_ms: w[10],
            }),
            Kind::Balance => Self::Balance(
                BalanceDelta {
                    is_quote: low != 0,
                    wallet: Notional::from_units(w[0]),
                    cross_wallet: Notional::from_units(w[1]),
                    change: Notional::from_units(w[2]),
                },
                WallNs(w[3]),
                high != 0,
            ),
            Kind::Position => Self::Position(
                PositionDelta {
                    symbol,
                    qty: Qty::from_units(w[0]),
                    entry_price: Price::from_units(w[1]),
                    unrealized_pnl: Notional::from_units(w[2]),
                },
                WallNs(w[3]),
            ),
            Kind::State => {
                let b = w[0].to_le_bytes();
                Self::State(StateChange {
                    from: field(TradingState::from_u8(b[0]))?,
                    to: field(TradingState::from_u8(b[1]))?,
                    reason: field(StateReason::from_u8(b[2]))?,
                    wall: WallNs(w[1]),
                })
            }
            Kind::Stages => {
                let mut tsc = [0u64; STAGES];
                for (tsc, word) in tsc.iter_mut().zip(&w[2..2 + STAGES]) {
                    *tsc = *word as u64;
                }
                Self::Stages(Stages {
                    client_order_id: ClientOrderId(w[0] as u64),
                    tsc,
                    event_time: WallNs(w[1]),
                })
            }
            Kind::Refused => Self::Refused(
                order_from(symbol, w)?,
                field(u8::try_from(r.flags).ok().and_then(Reject::from_u8))?,
            ),
            Kind::Command => Self::Command(Command {
                nonce: w[0] as u64,
                kind: field(CommandKind::from_u8(low))?,
                symbol,
                sent_at: WallNs(w[1]),
                uid: w[2] as u32,
                limit: limit_from(w)?,
                trigger: match w[2].to_le_bytes()[5] {
                    0 => None,
                    trigger => Some(field(KillTrigger::from_u8(trigger - 1))?),
                },
                reason: Reason::from_words(&w[4..11]),
            }),
            Kind::Limit => Self::Limit(LimitChange {
                limit: field(LimitKind::from_u8(low))?,
                symbol,
                from: w[0],
                to: w[1],
                version: w[2] as u64,
                nonce: w[3] as u64,
                uid: field(u32::try_from(w[4]).ok())?,
                wall: WallNs(w[5]),
            }),
            Kind::Kill => Self::Kill(KillChange {
                is_on: high != 0,
                trigger: field(KillTrigger::from_u8(low))?,
                nonce: w[0] as u64,
                uid: field(u32::try_from(w[1]).ok())?,
                wall: WallNs(w[2]),
            }),
            Kind::Answer => Self::Answer(CommandAnswer {
                nonce: w[0] as u64,
                kind: field(CommandKind::from_u8(low))?,
                result: field(CommandResult::from_u8(high))?,
            }),
            Kind::Bar => Self::Bar(Bar {
                symbol,
                open_time: WallNs(w[0]),
                open: Price::from_units(w[1]),
                high: Price::from_units(w[2]),
                low: Price::from_units(w[3]),
                close: Price::from_units(w[4]),
                volume: Qty::from_units(w[5]),
                quote_volume: Notional::from_units(w[6]),
                trade_count: u32::try_from(w[7]).map_err(|_| BadRecord::Field)?,
                funding_rate_e8: w[8],
            }),
            Kind::Boot => Self::Boot(
                BootEpoch(u32::try_from(w[0]).map_err(|_| BadRecord::Field)?),
                WallNs(w[1]),
            ),
            Kind::Clock
            | Kind::SendFailed
            | Kind::Params
            | Kind::Verdict
            | Kind::JournalUsed
            | Kind::Account
            | Kind::ClockSkew
            | Kind::DeadMan
            | Kind::FeedDiverged
            | Kind::Rules
            | Kind::Truth
            | Kind::TruthOrder
            | Kind::TruthAlgo
            | Kind::LastTrades
            | Kind::Blob
            | Kind::Builds => Self::Taken(taken::taken_from(kind, r)?),
            Kind::Algo => Self::Algo(algo_from(symbol, w)?),
            Kind::PlaceAlgo => Self::PlaceAlgo(
                NewAlgo {
                    symbol,
                    client_order_id: ClientOrderId(w[0] as u64),
                    side: field(Side::from_u8(low))?,
                    trigger_price: Price::from_units(w[2]),
                },
                RequestId(w[1] as u64),
            ),
            Kind::CancelAlgo => Self::CancelAlgo(
                CancelAlgo {
                    symbol,
                    client_order_id: ClientOrderId(w[0] as u64),
                    algo_id: AlgoId(w[2]),
                },
                RequestId(w[1] as u64),
            ),
            Kind::Difference => Self::Difference(Difference {
                what: field(DifferenceKind::from_u8(low))?,
                symbol,
                ours: w[0],
                venue: w[1],
            }),
            Kind::Quarantine => Self::Quarantine(Quarantine {
                symbol,
                is_on: high != 0,
                why: field(QuarantineReason::from_u8(low))?,
                price: Price::from_units(w[0]),
                reference: Price::from_units(w[1]),
            }),
        })
    }
}

fn algo_from(symbol: SymbolId, w: &[i64; WORDS]) -> Result<AlgoUpdate, BadRecord> {
    let b = w[2].to_le_bytes();
    Ok(AlgoUpdate {
        symbol,
        client_order_id: ClientOrderId(w[0] as u64),
        algo_id: AlgoId(w[1]),
        side: field(Side::from_u8(b[0]))?,
        order_type: field(OrderType::from_u8(b[1]))?,
        status: field(AlgoStatus::from_u8(b[2]))?,
        reduce_only: b[3] != 0,
        close_position: b[4] != 0,
        trigger_price: Price::from_units(w[3]),
        qty: Qty::from_units(w[4]),
        venue_order_id: VenueOrderId(w[5]),
        transaction_time: WallNs(w[6]),
        event_time: WallNs(w[7]),
    })
}

fn report_from(symbol: SymbolId, r: &Record) -> Result<ExecutionReport, BadRecord> {
    let w = &r.words;
    let b = w[2].to_le_bytes();
    let transaction_time = WallNs(w[11]);
    let delay_ms = i64::from(u16::from_le_bytes([b[6], b[7]]));
    Ok(ExecutionReport {
        symbol,
        client_order_id: ClientOrderId(w[0] as u64),
        venue_order_id: VenueOrderId(w[1]),
        side: field(Side::from_u8(b[0]))?,
        order_type: field(OrderType::from_u8(b[1]))?,
        time_in_force: field(TimeInForce::from_u8(b[2]))?,
        exec_type: field(ExecType::from_u8(b[3]))?,
        status: field(OrderStatus::from_u8(b[4]))?,
        price: Price::from_units(w[3]),
        qty: Qty::from_units(w[4]),
        last_qty: Qty::from_units(w[5]),
        last_price: Price::from_units(w[6]),
        cum_qty: Qty::from_units(w[7]),
        commission: Notional::from_units(w[8]),
        realized_pnl: Notional::from_units(w[9]),
        trade_id: TradeId(w[10]),
        is_maker: r.flags & 1 << 8 != 0,
        reduce_only: r.flags & 1 << 9 != 0,
        expiry_reason: r.flags as u8,
        transaction_time,
        event_time: WallNs(transaction_time.0.saturating_add(delay_ms * 1_000_000)),
    })
}
