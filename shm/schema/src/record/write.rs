//! Events into records.

use super::*;

/// Marks a limit that gets its value of the file again.
pub(super) const FILE_VALUE: u8 = 0x80;

/// Packs small numbers into one word, lowest byte first.
#[inline]
pub(super) fn pack(bytes: [u8; 8]) -> i64 {
    i64::from_le_bytes(bytes)
}

#[inline]
fn order_flags(order: &NewOrder) -> i64 {
    pack([
        order.side as u8,
        order.order_type as u8,
        order.time_in_force as u8,
        order.reduce_only as u8,
        0,
        0,
        0,
        0,
    ])
}

#[inline]
fn order_ref_words(order: &OrderRef, words: &mut [i64; WORDS]) {
    words[0] = order.client_order_id.0 as i64;
    words[1] = order.venue_order_id.0;
}

impl Event {
    /// Writes the event into a record (time and input number are stamped by the caller).
    ///
    /// For [`Event::Depth`] the caller sets `count` to the number of level records that follow.
    #[inline]
    pub fn to_record(&self) -> Record {
        match self {
            Self::BookTicker(e) => {
                let mut r = Record::of(Kind::BookTicker, e.symbol);
                r.words[..7].copy_from_slice(&[
                    e.update_id as i64,
                    e.bid_price.units(),
                    e.bid_qty.units(),
                    e.ask_price.units(),
                    e.ask_qty.units(),
                    e.transaction_time.0,
                    e.event_time.0,
                ]);
                r
            }
            Self::Trade(e) => {
                let mut r = Record::of(Kind::Trade, e.symbol);
                r.flags = e.buyer_is_maker as u16;
                r.words[..5].copy_from_slice(&[
                    e.trade_id.0,
                    e.price.units(),
                    e.qty.units(),
                    e.trade_time.0,
                    e.event_time.0,
                ]);
                r
            }
            Self::Mark(e) => {
                let mut r = Record::of(Kind::Mark, e.symbol);
                r.words[..5].copy_from_slice(&[
                    e.mark_price.units(),
                    e.index_price.units(),
                    e.funding_rate_e8,
                    e.next_funding_time.0,
                    e.event_time.0,
                ]);
                r
            }
            Self::Depth(e) => {
                let mut r = Record::of(Kind::Depth, e.symbol);
                r.flags = e.kind as u16;
                r.words[..5].copy_from_slice(&[
                    e.first_update_id as i64,
                    e.last_update_id as i64,
                    e.previous_update_id as i64,
                    e.transaction_time.0,
                    e.event_time.0,
                ]);
                r
            }
            Self::Levels(e) => {
                let mut r = Record::of(Kind::Levels, SymbolId::NONE);
                r.flags = e.side as u16 | u16::from(e.count) << 8;
                for (index, level) in e.as_slice().iter().enumerate() {
                    r.words[2 * index] = level.price.units();
                    r.words[2 * index + 1] = level.qty.units();
                }
                r
            }
            Self::Timer(wall) => {
                let mut r = Record::of(Kind::Timer, SymbolId::NONE);
                r.words[0] = wall.0;
                r
            }
            Self::Link(link, up) => {
                let mut r = Record::of(Kind::Link, SymbolId::NONE);
                r.flags = *link as u16 | (*up as u16) << 8;
                r
            }
            Self::Decision(e) => {
                let mut r = Record::of(Kind::Decision, e.order.symbol);
                r.words[..9].copy_from_slice(&[
                    e.order.client_order_id.0 as i64,
                    order_flags(&e.order),
                    e.order.price.units(),
                    e.order.qty.units(),
                    e.request_id.0 as i64,
                    e.bid_price.units(),
                    e.ask_price.units(),
                    e.signal_e8,
                    e.worst_position.units(),
                ]);
                r
            }
            Self::Cancel(e, request) => {
                let mut r = Record::of(Kind::Cancel, e.order.symbol);
                order_ref_words(&e.order, &mut r.words);
                r.words[2] = request.0 as i64;
                r
            }
            Self::Modify(e, request) => {
                let mut r = Record::of(Kind::Modify, e.order.symbol);
                order_ref_words(&e.order, &mut r.words);
                r.flags = e.side as u16;
                r.words[2] = request.0 as i64;
                r.words[3] = e.price.units();
                r.words[4] = e.qty.units();
                r
            }
            Self::Report(e) => report_record(e),
            Self::TradeLite(e) => {
                let mut r = Record::of(Kind::TradeLite, e.symbol);
                r.flags = e.side as u16 | (e.is_maker as u16) << 8;
                r.words[..6].copy_from_slice(&[
                    e.client_order_id.0 as i64,
                    e.venue_order_id.0,
                    e.last_price.units(),
                    e.last_qty.units(),
                    e.trade_id.0,
                    e.transaction_time.0,
                ]);
                r
            }
            Self::Reply(e) => {
                let mut r = Record::of(Kind::Reply, SymbolId::NONE);
                r.flags = e.status;
                r.words[..11].copy_from_slice(&[
                    e.request_id.0 as i64,
                    i64::from(e.code),
                    i64::from(e.order_status as u8),
                    e.client_order_id.0 as i64,
                    e.venue_order_id.0,
                    e.price.units(),
                    e.qty.units(),
                    e.cum_qty.units(),
                    i64::from(e.order_count_10s) | i64::from(e.order_count_1m) << 32,
                    i64::from(e.weight_1m),
                    e.retry_after_ms,
                ]);
                r
            }
            Self::Balance(e, time, is_funding) => {
                let mut r = Record::of(Kind::Balance, SymbolId::NONE);
                r.flags = e.is_quote as u16 | (*is_funding as u16) << 8;
                r.words[..4].copy_from_slice(&[
                    e.wallet.units(),
                    e.cross_wallet.units(),
                    e.change.units(),
                    time.0,
                ]);
                r
            }
            Self::Position(e, time) => {
                let mut r = Record::of(Kind::Position, e.symbol);
                r.words[..4].copy_from_slice(&[
                    e.qty.units(),
                    e.entry_price.units(),
                    e.unrealized_pnl.units(),
                    time.0,
                ]);
                r
            }
            Self::State(e) => {
                let mut r = Record::of(Kind::State, SymbolId::NONE);
                r.words[0] = pack([e.from as u8, e.to as u8, e.reason as u8, 0, 0, 0, 0, 0]);
                r.words[1] = e.wall.0;
                r
            }
            Self::Stages(e) => {
                let mut r = Record::of(Kind::Stages, SymbolId::NONE);
                r.words[0] = e.client_order_id.0 as i64;
                r.words[1] = e.event_time.0;
                for (word, tsc) in r.words[2..2 + STAGES].iter_mut().zip(e.tsc) {
                    *word = tsc as i64;
                }
                r
            }
            Self::Refused(order, reject) => {
                let mut r = Record::of(Kind::Refused, order.symbol);
                r.flags = *reject as u16;
                r.words[..4].copy_from_slice(&[
                    order.client_order_id.0 as i64,
                    order_flags(order),
                    order.price.units(),
                    order.qty.units(),
                ]);
                r
            }
            Self::Command(e) => {
                let mut r = Record::of(Kind::Command, e.symbol);
                r.flags = e.kind as u16;
                r.words[..2].copy_from_slice(&[e.nonce as i64, e.sent_at.0]);
                let (limit, value) = match e.limit {
                    None => (0, 0),
                    Some((limit, NewLimit::Value(value))) => (limit as u8 + 1, value),
                    Some((limit, NewLimit::File)) => ((limit as u8 + 1) | FILE_VALUE, 0),
                };
                let trigger = e.trigger.map_or(0, |trigger| trigger as u8 + 1);
                let uid = e.uid.to_le_bytes();
                r.words[2] = pack([uid[0], uid[1], uid[2], uid[3], limit, trigger, 0, 0]);
                r.words[3] = value;
                r.words[4..11].copy_from_slice(&e.reason.words());
                r
            }
            Self::Limit(e) => {
                let mut r = Record::of(Kind::Limit, e.symbol);
                r.flags = e.limit as u16;
                r.words[..6].copy_from_slice(&[
                    e.from,
                    e.to,
                    e.version as i64,
                    e.nonce as i64,
                    i64::from(e.uid),
                    e.wall.0,
                ]);
                r
            }
            Self::Kill(e) => {
                let mut r = Record::of(Kind::Kill, SymbolId::NONE);
                r.flags = e.trigger as u16 | (e.is_on as u16) << 8;
                r.words[..3].copy_from_slice(&[e.nonce as i64, i64::from(e.uid), e.wall.0]);
                r
            }
            Self::Answer(e) => {
                let mut r = Record::of(Kind::Answer, SymbolId::NONE);
                r.flags = e.kind as u16 | (e.result as u16) << 8;
                r.words[0] = e.nonce as i64;
                r
            }
            Self::Bar(e) => {
                let mut r = Record::of(Kind::Bar, e.symbol);
                r.words[..9].copy_from_slice(&[
                    e.open_time.0,
                    e.open.units(),
                    e.high.units(),
                    e.low.units(),
                    e.close.units(),
                    e.volume.units(),
                    e.quote_volume.units(),
                    i64::from(e.trade_count),
                    e.funding_rate_e8,
                ]);
                r
            }
            Self::Boot(epoch, wall) => {
                let mut r = Record::of(Kind::Boot, SymbolId::NONE);
                r.words[0] = i64::from(epoch.0);
                r.words[1] = wall.0;
                r
            }
            Self::Taken(e) => taken::taken_record(e),
            Self::Algo(e) => algo_record(e),
            Self::PlaceAlgo(e, request) => {
                let mut r = Record::of(Kind::PlaceAlgo, e.symbol);
                r.flags = e.side as u16;
                r.words[0] = e.client_order_id.0 as i64;
                r.words[1] = request.0 as i64;
                r.words[2] = e.trigger_price.units();
                r
            }
            Self::CancelAlgo(e, request) => {
                let mut r = Record::of(Kind::CancelAlgo, e.symbol);
                r.words[0] = e.client_order_id.0 as i64;
                r.words[1] = request.0 as i64;
                r.words[2] = e.algo_id.0;
                r
            }
            Self::Difference(e) => {
                let mut r = Record::of(Kind::Difference, e.symbol);
                r.flags = e.what as u16;
                r.words[0] = e.ours;
                r.words[1] = e.venue;
                r
            }
            Self::Quarantine(e) => {
                let mut r = Record::of(Kind::Quarantine, e.symbol);
                r.flags = e.why as u16 | (e.is_on as u16) << 8;
                r.words[0] = e.price.units();
                r.words[1] = e.reference.units();
                r
            }
        }
    }
}

fn algo_record(e: &AlgoUpdate) -> Record {
    let mut r = Record::of(Kind::Algo, e.symbol);
    r.words[..8].copy_from_slice(&[
        e.client_order_id.0 as i64,
        e.algo_id.0,
        pack([
            e.side as u8,
            e.order_type as u8,
            e.status as u8,
            e.reduce_only as u8,
            e.close_position as u8,
            0,
            0,
            0,
        ]),
        e.trigger_price.units(),
        e.qty.units(),
        e.venue_order_id.0,
        e.transaction_time.0,
        e.event_time.0,
    ]);
    r
}

/// `E` − `T` in ms, kept in 16 bits; the venue's is a few ms.
fn report_delay_ms(e: &ExecutionReport) -> u16 {
    u16::try_from(e.event_time.ms().saturating_sub(e.transaction_time.ms())).unwrap_or(u16::MAX)
}

fn report_record(e: &ExecutionReport) -> Record {
    let mut r = Record::of(Kind::Report, e.symbol);
    r.flags = u16::from(e.expiry_reason) | (e.is_maker as u16) << 8 | (e.reduce_only as u16) << 9;
    let [delay_low, delay_high] = report_delay_ms(e).to_le_bytes();
    r.words = [
        e.client_order_id.0 as i64,
        e.venue_order_id.0,
        pack([
            e.side as u8,
            e.order_type as u8,
            e.time_in_force as u8,
            e.exec_type as u8,
            e.status as u8,
            0,
            delay_low,
            delay_high,
        ]),
        e.price.units(),
        e.qty.units(),
        e.last_qty.units(),
        e.last_price.units(),
        e.cum_qty.units(),
        e.commission.units(),
        e.realized_pnl.units(),
        e.trade_id.0,
        e.transaction_time.0,
    ];
    r
}
