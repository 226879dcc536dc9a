//! ALGO_UPDATE: the life of a conditional order.

use schema::{
    AlgoId, AlgoStatus, AlgoUpdate, ClientOrderId, OrderType, Price, Qty, Side, SymbolId,
    VenueOrderId, WallNs,
};

use super::{Decoded, EVENT_TIME, MARGIN_KIND, SIDE, SYMBOL, Subject, TIME, UserFrame};
use crate::scan::{Scanner, key};
use crate::{DecodeError, SymbolTable};

pub(super) fn algo_update(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    const ORDER: u128 = key(b"o");
    let mut subject = Subject::default();
    let mut order = None;
    let (mut event_time, mut time) = (None, WallNs(0));
    let mut first = true;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        match word {
            ORDER if s.peek() == b'{' => order = Some(terms(s, symbols, &mut subject)?),
            EVENT_TIME => event_time = Some(WallNs::from_ms(s.integer()?)),
            TIME => time = WallNs::from_ms(s.integer()?),
            MARGIN_KIND => subject.is_coin_margined = s.integer()? == 2,
            _ => s.skip_value()?,
        }
    }
    let Some(symbol) = subject.judge(s, b"sSXo")? else { return Ok(UserFrame::OtherSymbol) };
    let (Some(mut update), Some(event_time)) = (order, event_time) else {
        return Err(DecodeError::Missing);
    };
    if update.algo_id.0 == 0 {
        return Err(DecodeError::Missing);
    }
    update.symbol = symbol;
    update.transaction_time = if time.0 == 0 { event_time } else { time };
    update.event_time = event_time;
    Ok(UserFrame::Algo(update))
}

/// The object `o`; symbol and times are set by the caller.
fn terms(
    s: &mut Scanner,
    symbols: &SymbolTable,
    subject: &mut Subject,
) -> Result<AlgoUpdate, DecodeError> {
    const ORDER_TYPE: u128 = key(b"o");
    const STATUS: u128 = key(b"X");
    const QTY: u128 = key(b"q");
    const REDUCE_ONLY: u128 = key(b"R");
    const CLIENT_ALGO_ID: u128 = key(b"caid");
    const ALGO_ID: u128 = key(b"aid");
    const ORDER_ID: u128 = key(b"ai");
    const TRIGGER_PRICE: u128 = key(b"tp");
    const CLOSE_POSITION: u128 = key(b"cp");
    let mut out = EMPTY;
    let mut first = true;
    subject.seen = 0;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        subject.saw(word);
        match word {
            SYMBOL => subject.take_symbol(s, symbols)?,
            MARGIN_KIND => subject.is_coin_margined = s.integer()? == 2,
            CLIENT_ALGO_ID => out.client_order_id = super::client_order_id(s)?,
            ALGO_ID => out.algo_id = AlgoId(s.integer()?),
            // A text, empty before the trigger.
            ORDER_ID => out.venue_order_id = VenueOrderId(s.request_id()? as i64),
            SIDE => out.side = s.word(Side::from_wire)?.unwrap_or(out.side),
            ORDER_TYPE => {
                out.order_type = s.word(OrderType::from_wire)?.unwrap_or(out.order_type);
            }
            STATUS => out.status = s.word(AlgoStatus::from_wire)?.unwrap_or(out.status),
            QTY => out.qty = Qty::from_units(s.decimal_or_zero()?),
            TRIGGER_PRICE => out.trigger_price = Price::from_units(s.decimal_or_zero()?),
            REDUCE_ONLY => out.reduce_only = s.flag()?,
            CLOSE_POSITION => out.close_position = s.flag()?,
            _ => s.skip_value()?,
        }
    }
    Ok(out)
}

const EMPTY: AlgoUpdate = AlgoUpdate {
    symbol: SymbolId::NONE,
    client_order_id: ClientOrderId::NONE,
    algo_id: AlgoId(0),
    side: Side::Buy,
    order_type: OrderType::StopMarket,
    status: AlgoStatus::New,
    trigger_price: Price::ZERO,
    qty: Qty::ZERO,
    reduce_only: false,
    close_position: false,
    venue_order_id: VenueOrderId(0),
    transaction_time: WallNs(0),
    event_time: WallNs(0),
};
