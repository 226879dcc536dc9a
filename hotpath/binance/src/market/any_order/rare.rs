//! The frames no decision waits for: aggregate trades, candles, liquidations.

use schema::{Notional, OrderStatus, Price, Qty, Side, SymbolId, TradeId, WallNs};

use super::super::{AggTrade, ForceOrder, Kline, MarketFrame};
use super::{Decoded, EVENT_TIME, MARGIN_KIND, Owner, Seen, TIME};
use crate::scan::{Scanner, key};
use crate::{DecodeError, SymbolTable};

pub(super) fn agg_trade(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    const AGGREGATE_ID: u128 = key(b"a");
    const FIRST_ID: u128 = key(b"f");
    const LAST_ID: u128 = key(b"l");
    const PRICE: u128 = key(b"p");
    const QTY: u128 = key(b"q");
    const QTY_WITHOUT_RPI: u128 = key(b"nq");
    const BUYER_IS_MAKER: u128 = key(b"m");
    let (mut owner, mut seen, mut first) = (Owner::default(), Seen::NONE, true);
    let mut out = AggTrade::EMPTY;
    let mut qty_without_rpi = None;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        seen.add(word);
        match word {
            AGGREGATE_ID => out.aggregate_id = s.integer()?,
            FIRST_ID => out.first_trade_id = TradeId(s.integer()?),
            LAST_ID => out.last_trade_id = TradeId(s.integer()?),
            PRICE => out.price = Price::from_units(s.decimal()?),
            QTY => out.qty = Qty::from_units(s.decimal()?),
            QTY_WITHOUT_RPI => qty_without_rpi = Some(Qty::from_units(s.decimal()?)),
            BUYER_IS_MAKER => out.buyer_is_maker = s.flag()?,
            TIME => out.trade_time = WallNs::from_ms(s.integer()?),
            EVENT_TIME => out.event_time = WallNs::from_ms(s.integer()?),
            word => owner.take(word, s, symbols)?,
        }
    }
    owner.judge(s, seen.has(b"aflpqmTE"), |symbol| {
        out.symbol = symbol;
        out.qty_without_rpi = qty_without_rpi.unwrap_or(out.qty);
        Ok(MarketFrame::AggTrade(out))
    })
}

pub(super) fn kline(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    const CANDLE: u128 = key(b"k");
    let (mut owner, mut seen, mut first) = (Owner::default(), Seen::NONE, true);
    let mut out = Kline::EMPTY;
    let mut complete = false;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        seen.add(word);
        match word {
            CANDLE if s.peek() == b'{' => complete = candle(s, &mut out)?,
            EVENT_TIME => out.event_time = WallNs::from_ms(s.integer()?),
            word => owner.take(word, s, symbols)?,
        }
    }
    owner.judge(s, complete && seen.has(b"E"), |symbol| {
        out.symbol = symbol;
        Ok(MarketFrame::Kline(out))
    })
}

/// The object `k` of a kline; whether it was complete.
fn candle(s: &mut Scanner, out: &mut Kline) -> Result<bool, DecodeError> {
    let (mut seen, mut first) = (Seen::NONE, true);
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        seen.add(word);
        match u8::try_from(word).unwrap_or(0) {
            b't' => out.open_time = WallNs::from_ms(s.integer()?),
            b'T' => out.close_time = WallNs::from_ms(s.integer()?),
            b'i' => {
                let padded = |text: &[u8]| {
                    let mut padded = [0; 4];
                    padded.get_mut(..text.len())?.copy_from_slice(text);
                    Some(padded)
                };
                out.interval = s.word(padded)?.unwrap_or_default();
            }
            b'o' => out.open = Price::from_units(s.decimal()?),
            b'c' => out.close = Price::from_units(s.decimal()?),
            b'h' => out.high = Price::from_units(s.decimal()?),
            b'l' => out.low = Price::from_units(s.decimal()?),
            b'v' => out.volume = Qty::from_units(s.decimal_cut()?),
            b'q' => out.quote_volume = Notional::from_units(s.decimal_cut()?),
            b'V' => out.taker_buy_volume = Qty::from_units(s.decimal_cut()?),
            b'Q' => out.taker_buy_quote_volume = Notional::from_units(s.decimal_cut()?),
            b'n' => out.trade_count = s.count()?,
            b'x' => out.closed = s.flag()?,
            _ => s.skip_value()?,
        }
    }
    Ok(seen.has(b"tTiochlvqVQnx"))
}

pub(super) fn force_order(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    const ORDER: u128 = key(b"o");
    let (mut owner, mut seen, mut first) = (Owner::default(), Seen::NONE, true);
    let mut out = ForceOrder::EMPTY;
    let mut complete = false;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        seen.add(word);
        match word {
            ORDER if s.peek() == b'{' => complete = liquidation(s, symbols, &mut owner, &mut out)?,
            EVENT_TIME => out.event_time = WallNs::from_ms(s.integer()?),
            MARGIN_KIND => owner.is_coin_margined = s.integer()? == 2,
            _ => s.skip_value()?,
        }
    }
    owner.judge(s, complete && seen.has(b"E"), |symbol| {
        out.symbol = symbol;
        Ok(MarketFrame::ForceOrder(out))
    })
}

/// The object `o` of a forceOrder; whether it was complete.
fn liquidation(
    s: &mut Scanner,
    symbols: &SymbolTable,
    owner: &mut Owner,
    out: &mut ForceOrder,
) -> Result<bool, DecodeError> {
    const SIDE: u128 = key(b"S");
    const STATUS: u128 = key(b"X");
    const PRICE: u128 = key(b"p");
    const AVERAGE_PRICE: u128 = key(b"ap");
    const QTY: u128 = key(b"q");
    const LAST_QTY: u128 = key(b"l");
    const CUM_QTY: u128 = key(b"z");
    let (mut seen, mut first) = (Seen::NONE, true);
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        seen.add(word);
        match word {
            SIDE => out.side = s.word(Side::from_wire)?.unwrap_or(out.side),
            STATUS => out.status = s.word(OrderStatus::from_wire)?.unwrap_or(out.status),
            PRICE => out.price = Price::from_units(s.decimal()?),
            AVERAGE_PRICE => out.average_price = Price::from_units(s.decimal_cut()?),
            QTY => out.qty = Qty::from_units(s.decimal()?),
            LAST_QTY => out.last_qty = Qty::from_units(s.decimal()?),
            CUM_QTY => out.cum_qty = Qty::from_units(s.decimal()?),
            TIME => out.trade_time = WallNs::from_ms(s.integer()?),
            word => owner.take(word, s, symbols)?,
        }
    }
    Ok(seen.has(b"SXpqlzT"))
}

impl AggTrade {
    const EMPTY: Self = Self {
        symbol: SymbolId::NONE,
        aggregate_id: 0,
        first_trade_id: TradeId(0),
        last_trade_id: TradeId(0),
        price: Price::ZERO,
        qty: Qty::ZERO,
        qty_without_rpi: Qty::ZERO,
        buyer_is_maker: false,
        trade_time: WallNs(0),
        event_time: WallNs(0),
    };
}
impl Kline {
    const EMPTY: Self = Self {
        symbol: SymbolId::NONE,
        interval: [0; 4],
        open_time: WallNs(0),
        close_time: WallNs(0),
        open: Price::ZERO,
        high: Price::ZERO,
        low: Price::ZERO,
        close: Price::ZERO,
        volume: Qty::ZERO,
        quote_volume: Notional::ZERO,
        taker_buy_volume: Qty::ZERO,
        taker_buy_quote_volume: Notional::ZERO,
        trade_count: 0,
        closed: false,
        event_time: WallNs(0),
    };
}
impl ForceOrder {
    const EMPTY: Self = Self {
        symbol: SymbolId::NONE,
        side: Side::Buy,
        status: OrderStatus::New,
        price: Price::ZERO,
        average_price: Price::ZERO,
        qty: Qty::ZERO,
        last_qty: Qty::ZERO,
        cum_qty: Qty::ZERO,
        trade_time: WallNs(0),
        event_time: WallNs(0),
    };
}
