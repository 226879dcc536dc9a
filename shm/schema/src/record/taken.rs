//! Inputs as records: both directions beside each other.

use zerocopy::IntoBytes;

use super::read::field;
use super::write::pack;
use super::*;

pub(super) fn taken_from(kind: Kind, r: &Record) -> Result<Taken, BadRecord> {
    let symbol = SymbolId(r.symbol);
    let w = &r.words;
    let [low, high] = r.flags.to_le_bytes();
    Ok(match kind {
        Kind::Clock => Taken::Clock(w[0]),
        Kind::SendFailed => Taken::SendFailed(RequestId(w[0] as u64)),
        Kind::Params => Taken::Params(SignalParams {
            version: w[0] as u64,
            fitted_at_ns: w[1],
            microprice_weight: w[2],
            flow_weight: w[3],
            flow_half_life_ns: w[4] as u64,
            variance_half_life_ns: w[5] as u64,
            entry_threshold: w[6],
        }),
        Kind::Verdict => Taken::Verdict(Verdict {
            mono_ns: w[0] as u64,
            sequence: w[1] as u64,
            may_add_risk: w[2] as u64,
            killed: w[3] as u64,
            trigger: w[4] as u64,
            reasons: w[5] as u64,
        }),
        Kind::Builds => Taken::Builds { agree: low != 0 },
        Kind::JournalUsed => Taken::JournalUsed { used: w[0] as u64, capacity: w[1] as u64 },
        Kind::Account => Taken::Account(AccountHead {
            balances: low,
            positions: high,
            others: w[2] as u16,
            is_funding: w[3] != 0,
            transaction_time: WallNs(w[0]),
            event_time: WallNs(w[1]),
        }),
        Kind::ClockSkew => Taken::ClockSkew { offset_ns: w[0], rtt_ns: w[1] as u64 },
        Kind::DeadMan => Taken::DeadMan(low != 0),
        Kind::FeedDiverged => Taken::FeedDiverged(symbol),
        Kind::Rules => Taken::Rules(symbol, rules_from(r)?),
        Kind::Truth => Taken::Truth(TruthHead {
            requested_ns: w[0] as u64,
            wallet: Notional::from_units(w[1]),
            positions: high,
            orders: w[2] as u16,
            algos: if low & 2 == 0 { None } else { Some(w[3] as u16) },
            is_complete: low & 1 != 0,
        }),
        Kind::TruthOrder => Taken::TruthOrder(open_order_from(symbol, w)?),
        Kind::TruthAlgo => Taken::TruthAlgo(OpenAlgo {
            symbol,
            client_order_id: ClientOrderId(w[0] as u64),
            algo_id: AlgoId(w[1]),
            side: field(Side::from_u8(low))?,
            trigger_price: Price::from_units(w[2]),
            close_position: high != 0,
        }),
        Kind::LastTrades => {
            let mut trades = [TradeId(0); SYMBOLS_MAX];
            for (trade, word) in trades.iter_mut().zip(w) {
                *trade = TradeId(*word);
            }
            Taken::LastTrades(trades)
        }
        Kind::Blob => Taken::Blob(blob_from(r)?),
        _ => return Err(BadRecord::Field),
    })
}

fn open_order_from(symbol: SymbolId, w: &[i64; WORDS]) -> Result<OpenOrder, BadRecord> {
    let b = w[2].to_le_bytes();
    Ok(OpenOrder {
        symbol,
        client_order_id: ClientOrderId(w[0] as u64),
        venue_order_id: VenueOrderId(w[1]),
        side: field(Side::from_u8(b[0]))?,
        order_type: field(OrderType::from_u8(b[1]))?,
        time_in_force: field(TimeInForce::from_u8(b[2]))?,
        reduce_only: b[3] != 0,
        price: Price::from_units(w[3]),
        qty: Qty::from_units(w[4]),
        cum_qty: Qty::from_units(w[5]),
    })
}

fn rules_from(r: &Record) -> Result<SymbolRules, BadRecord> {
    let w = &r.words;
    Ok(SymbolRules {
        tick: Price::from_units(w[0]),
        price_min: Price::from_units(w[1]),
        price_max: Price::from_units(w[2]),
        step: Qty::from_units(w[3]),
        qty_min: Qty::from_units(w[4]),
        qty_max: Qty::from_units(w[5]),
        market_step: Qty::from_units(w[6]),
        market_qty_min: Qty::from_units(w[7]),
        market_qty_max: Qty::from_units(w[8]),
        notional_min: Notional::from_units(w[9]),
        percent_up_e4: w[10] & 0xffff_ffff,
        percent_down_e4: w[10] >> 32,
        open_orders_max: u32::try_from(w[11]).map_err(|_| BadRecord::Field)?,
        is_trading: r.flags != 0,
    })
}

fn blob_from(r: &Record) -> Result<Blob, BadRecord> {
    let [what, length] = r.flags.to_le_bytes();
    if usize::from(length) > BLOB_BYTES {
        return Err(BadRecord::Field);
    }
    let mut bytes = [0; BLOB_BYTES];
    bytes.copy_from_slice(r.words.as_bytes());
    Ok(Blob { what: field(BlobKind::from_u8(what))?, length, more: r.count, bytes })
}

pub(super) fn taken_record(taken: &Taken) -> Record {
    let of = |kind: Kind, flags: u16, words: &[i64]| {
        let mut r = Record::of(kind, SymbolId::NONE);
        r.flags = flags;
        r.words[..words.len()].copy_from_slice(words);
        r
    };
    let two = |low: u8, high: u8| u16::from_le_bytes([low, high]);
    match taken {
        Taken::Clock(offset) => of(Kind::Clock, 0, &[*offset]),
        Taken::SendFailed(id) => of(Kind::SendFailed, 0, &[id.0 as i64]),
        Taken::Params(e) => of(
            Kind::Params,
            0,
            &[
                e.version as i64,
                e.fitted_at_ns,
                e.microprice_weight,
                e.flow_weight,
                e.flow_half_life_ns as i64,
                e.variance_half_life_ns as i64,
                e.entry_threshold,
            ],
        ),
        Taken::Verdict(e) => of(
            Kind::Verdict,
            0,
            &[
                e.mono_ns as i64,
                e.sequence as i64,
                e.may_add_risk as i64,
                e.killed as i64,
                e.trigger as i64,
                e.reasons as i64,
            ],
        ),
        Taken::Builds { agree } => of(Kind::Builds, *agree as u16, &[]),
        Taken::JournalUsed { used, capacity } => {
            of(Kind::JournalUsed, 0, &[*used as i64, *capacity as i64])
        }
        Taken::Account(e) => {
            let words =
                [e.transaction_time.0, e.event_time.0, i64::from(e.others), e.is_funding as i64];
            let mut r = of(Kind::Account, two(e.balances, e.positions), &words);
            r.count = u16::from(e.balances) + u16::from(e.positions);
            r
        }
        Taken::ClockSkew { offset_ns, rtt_ns } => {
            of(Kind::ClockSkew, 0, &[*offset_ns, *rtt_ns as i64])
        }
        Taken::DeadMan(is_set) => of(Kind::DeadMan, u16::from(*is_set), &[]),
        Taken::FeedDiverged(symbol) => Record::of(Kind::FeedDiverged, *symbol),
        Taken::Rules(symbol, rules) => rules_record(*symbol, rules),
        Taken::Truth(e) => truth_record(e),
        Taken::TruthOrder(e) => open_order_record(e),
        Taken::TruthAlgo(e) => {
            let words = [e.client_order_id.0 as i64, e.algo_id.0, e.trigger_price.units()];
            let mut r = of(Kind::TruthAlgo, two(e.side as u8, e.close_position as u8), &words);
            r.symbol = e.symbol.0;
            r
        }
        Taken::LastTrades(trades) => of(Kind::LastTrades, 0, &trades.map(|trade| trade.0)),
        Taken::Blob(e) => {
            let mut r = of(Kind::Blob, two(e.what as u8, e.length), &[]);
            r.count = e.more;
            r.words.as_mut_bytes().copy_from_slice(&e.bytes);
            r
        }
    }
}

fn truth_record(e: &TruthHead) -> Record {
    let mut r = Record::of(Kind::Truth, SymbolId::NONE);
    let algos = e.algos.unwrap_or(0);
    let low = e.is_complete as u8 | (e.algos.is_some() as u8) << 1;
    r.flags = u16::from_le_bytes([low, e.positions]);
    // The newest trades and the balance come first.
    r.count = (2 + u16::from(e.positions)).saturating_add(e.orders).saturating_add(algos);
    r.words[..4].copy_from_slice(&[
        e.requested_ns as i64,
        e.wallet.units(),
        i64::from(e.orders),
        i64::from(algos),
    ]);
    r
}

fn open_order_record(e: &OpenOrder) -> Record {
    let mut r = Record::of(Kind::TruthOrder, e.symbol);
    r.words[..6].copy_from_slice(&[
        e.client_order_id.0 as i64,
        e.venue_order_id.0,
        pack([
            e.side as u8,
            e.order_type as u8,
            e.time_in_force as u8,
            e.reduce_only as u8,
            0,
            0,
            0,
            0,
        ]),
        e.price.units(),
        e.qty.units(),
        e.cum_qty.units(),
    ]);
    r
}

fn rules_record(symbol: SymbolId, e: &SymbolRules) -> Record {
    let mut r = Record::of(Kind::Rules, symbol);
    r.flags = u16::from(e.is_trading);
    r.words = [
        e.tick.units(),
        e.price_min.units(),
        e.price_max.units(),
        e.step.units(),
        e.qty_min.units(),
        e.qty_max.units(),
        e.market_step.units(),
        e.market_qty_min.units(),
        e.market_qty_max.units(),
        e.notional_min.units(),
        e.percent_up_e4 & 0xffff_ffff | e.percent_down_e4 << 32,
        i64::from(e.open_orders_max),
    ];
    r
}
