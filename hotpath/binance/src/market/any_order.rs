//! Market frames by key, whatever their order: slower than the strict path, and the judge of what
//! it does not take.

mod rare;

use schema::{
    BookTicker, DEPTH_LEVELS_MAX, DepthBuf, DepthHead, DepthKind, Level, Mark, Price, Qty,
    SymbolId, Trade, TradeId, WallNs,
};

use super::{MarketFrame, depth_kind};
use crate::envelope::{Envelope, answer};
use crate::scan::{Scanner, Text, key};
use crate::{DecodeError, SymbolTable};

type Decoded = Result<MarketFrame, DecodeError>;

/// Keys seen so far: a bit per one-letter key.
#[derive(Clone, Copy)]
struct Seen(u128);

impl Seen {
    const NONE: Self = Self(0);
    #[inline]
    fn add(&mut self, word: u128) {
        if word < 128 {
            self.0 |= 1 << word;
        }
    }
    /// Whether all of these one-letter keys were seen.
    #[inline]
    fn has(self, letters: &[u8]) -> bool {
        letters.iter().all(|letter| self.0 & 1 << letter != 0)
    }
}

/// Whose frame it is.
#[derive(Clone, Copy, Default)]
struct Owner {
    symbol: Option<SymbolId>,
    is_foreign: bool,
    is_coin_margined: bool,
}

const SYMBOL: u128 = key(b"s");
const MARGIN_KIND: u128 = key(b"st");
const EVENT_TIME: u128 = key(b"E");
const TIME: u128 = key(b"T");

impl Owner {
    /// Takes `s` or `st`; other keys are skipped.
    #[inline]
    fn take(
        &mut self,
        word: u128,
        s: &mut Scanner,
        symbols: &SymbolTable,
    ) -> Result<(), DecodeError> {
        match word {
            SYMBOL => {
                self.symbol = s.text()?.with(|name| symbols.lookup(name)).flatten();
                self.is_foreign = self.symbol.is_none();
            }
            MARGIN_KIND => self.is_coin_margined = s.integer()? == 2,
            _ => s.skip_value()?,
        }
        Ok(())
    }
    /// The frame, unless it is of another symbol, unusable or incomplete.
    #[inline]
    fn judge(
        self,
        s: &Scanner,
        complete: bool,
        frame: impl FnOnce(SymbolId) -> Decoded,
    ) -> Decoded {
        if self.is_foreign || self.is_coin_margined {
            return Ok(MarketFrame::OtherSymbol);
        }
        if let Some(fault) = s.fault {
            return Err(fault);
        }
        match self.symbol {
            Some(symbol) if complete => frame(symbol),
            _ => Err(DecodeError::Missing),
        }
    }
}

/// Decodes any message.
#[inline(never)]
pub(super) fn decode(
    bytes: &[u8],
    symbols: &SymbolTable,
    depth: &mut DepthBuf,
    raw_depth: DepthKind,
) -> Decoded {
    let mut s = Scanner::new(bytes);
    let frame = match Envelope::of(s)? {
        Envelope::Event(kind) => event(&mut s, kind, symbols, depth, raw_depth)?,
        Envelope::Wrapped => wrapped(&mut s, symbols, depth, raw_depth)?,
        Envelope::Answer => {
            let (id, ok) = answer(&mut s)?;
            MarketFrame::Ack { id, ok }
        }
        Envelope::Other => {
            s.skip_value()?;
            MarketFrame::Other
        }
    };
    s.end()?;
    Ok(frame)
}

/// `{"stream":…,"data":…}`; the stream's name may come after the data.
fn wrapped(
    s: &mut Scanner,
    symbols: &SymbolTable,
    depth: &mut DepthBuf,
    raw_depth: DepthKind,
) -> Decoded {
    const STREAM: u128 = key(b"stream");
    const DATA: u128 = key(b"data");
    let mut stream: Option<Text> = None;
    let mut frame = MarketFrame::Other;
    let mut first = true;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        match word {
            STREAM => stream = Some(s.text()?),
            DATA => {
                frame = match Envelope::of(*s)? {
                    Envelope::Event(kind) => event(s, kind, symbols, depth, raw_depth)?,
                    _ => {
                        s.skip_value()?;
                        MarketFrame::Other
                    }
                }
            }
            _ => s.skip_value()?,
        }
    }
    let MarketFrame::Depth(mut head) = frame else { return Ok(frame) };
    let Some(stream) = stream else { return Ok(frame) };
    Ok(match stream.with(depth_kind).flatten() {
        Some(kind) => {
            head.kind = kind;
            MarketFrame::Depth(head)
        }
        None => MarketFrame::Other,
    })
}

fn event(
    s: &mut Scanner,
    kind: Text,
    symbols: &SymbolTable,
    depth: &mut DepthBuf,
    raw_depth: DepthKind,
) -> Decoded {
    let decoded = kind.with(|kind| match kind {
        b"bookTicker" => book_ticker(s, symbols),
        b"depthUpdate" => depth_update(s, symbols, depth, raw_depth),
        b"trade" => trade(s, symbols),
        b"markPriceUpdate" => mark(s, symbols),
        b"aggTrade" => rare::agg_trade(s, symbols),
        b"kline" => rare::kline(s, symbols),
        b"forceOrder" => rare::force_order(s, symbols),
        _ => s.skip_value().map(|()| MarketFrame::Other),
    });
    // An event name that cannot be unescaped is none that we know.
    decoded.unwrap_or_else(|| s.skip_value().map(|()| MarketFrame::Other))
}

fn book_ticker(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    const UPDATE_ID: u128 = key(b"u");
    const BID_PRICE: u128 = key(b"b");
    const BID_QTY: u128 = key(b"B");
    const ASK_PRICE: u128 = key(b"a");
    const ASK_QTY: u128 = key(b"A");
    let (mut owner, mut seen, mut first) = (Owner::default(), Seen::NONE, true);
    let mut out = BookTicker::default();
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        seen.add(word);
        match word {
            UPDATE_ID => out.update_id = s.count()?,
            BID_PRICE => out.bid_price = Price::from_units(s.decimal()?),
            BID_QTY => out.bid_qty = Qty::from_units(s.decimal()?),
            ASK_PRICE => out.ask_price = Price::from_units(s.decimal()?),
            ASK_QTY => out.ask_qty = Qty::from_units(s.decimal()?),
            TIME => out.transaction_time = WallNs::from_ms(s.integer()?),
            EVENT_TIME => out.event_time = WallNs::from_ms(s.integer()?),
            word => owner.take(word, s, symbols)?,
        }
    }
    owner.judge(s, seen.has(b"ubBaATE"), |symbol| {
        out.symbol = symbol;
        Ok(MarketFrame::BookTicker(out))
    })
}

fn trade(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    const TRADE_ID: u128 = key(b"t");
    const PRICE: u128 = key(b"p");
    const QTY: u128 = key(b"q");
    const BUYER_IS_MAKER: u128 = key(b"m");
    const ORIGIN: u128 = key(b"X");
    let (mut owner, mut seen, mut first) = (Owner::default(), Seen::NONE, true);
    let mut out = Trade::default();
    let mut of_the_book = true;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        seen.add(word);
        match word {
            TRADE_ID => out.trade_id = TradeId(s.integer()?),
            PRICE => out.price = Price::from_units(s.decimal()?),
            QTY => out.qty = Qty::from_units(s.decimal()?),
            BUYER_IS_MAKER => out.buyer_is_maker = s.flag()?,
            ORIGIN => of_the_book = s.text()?.is(b"MARKET"),
            TIME => out.trade_time = WallNs::from_ms(s.integer()?),
            EVENT_TIME => out.event_time = WallNs::from_ms(s.integer()?),
            word => owner.take(word, s, symbols)?,
        }
    }
    owner.judge(s, !of_the_book || seen.has(b"tpqmTE"), |symbol| {
        out.symbol = symbol;
        Ok(if of_the_book { MarketFrame::Trade(out) } else { MarketFrame::NotATrade })
    })
}

fn mark(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    const MARK_PRICE: u128 = key(b"p");
    const INDEX_PRICE: u128 = key(b"i");
    const FUNDING_RATE: u128 = key(b"r");
    let (mut owner, mut seen, mut first) = (Owner::default(), Seen::NONE, true);
    let mut out = Mark::default();
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        seen.add(word);
        match word {
            MARK_PRICE => out.mark_price = Price::from_units(s.decimal()?),
            INDEX_PRICE => out.index_price = Price::from_units(s.decimal_or_zero()?),
            // Empty for dated contracts.
            FUNDING_RATE => out.funding_rate_e8 = s.decimal_or_zero()?,
            TIME => out.next_funding_time = WallNs::from_ms(s.integer()?),
            EVENT_TIME => out.event_time = WallNs::from_ms(s.integer()?),
            word => owner.take(word, s, symbols)?,
        }
    }
    owner.judge(s, seen.has(b"pirTE"), |symbol| {
        out.symbol = symbol;
        Ok(MarketFrame::Mark(out))
    })
}

fn depth_update(
    s: &mut Scanner,
    symbols: &SymbolTable,
    depth: &mut DepthBuf,
    kind: DepthKind,
) -> Decoded {
    const FIRST_ID: u128 = key(b"U");
    const LAST_ID: u128 = key(b"u");
    const PREVIOUS_ID: u128 = key(b"pu");
    const BIDS: u128 = key(b"b");
    const ASKS: u128 = key(b"a");
    let (mut owner, mut seen, mut first) = (Owner::default(), Seen::NONE, true);
    let mut out = DepthHead { kind, ..DepthHead::default() };
    let (mut bids, mut asks, mut previous) = (*s, *s, None);
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        seen.add(word);
        match word {
            FIRST_ID => out.first_update_id = s.count()?,
            LAST_ID => out.last_update_id = s.count()?,
            PREVIOUS_ID => previous = Some(s.count()?),
            // Read when the last of a doubled key is known.
            BIDS | ASKS => {
                *(if word == BIDS { &mut bids } else { &mut asks }) = *s;
                s.skip_value()?;
            }
            TIME => out.transaction_time = WallNs::from_ms(s.integer()?),
            EVENT_TIME => out.event_time = WallNs::from_ms(s.integer()?),
            word => owner.take(word, s, symbols)?,
        }
    }
    let complete = seen.has(b"UubaTE");
    owner.judge(s, complete && previous.is_some(), |symbol| {
        out.symbol = symbol;
        out.previous_update_id = previous.unwrap_or(0);
        depth.clear();
        levels(&mut bids, |level| depth.push_bid(level))?;
        levels(&mut asks, |level| depth.push_ask(level))?;
        Ok(MarketFrame::Depth(out))
    })
}

/// `[["price","qty"],…]`; what follows in a level is ignored.
fn levels(s: &mut Scanner, mut push: impl FnMut(Level) -> bool) -> Result<(), DecodeError> {
    let shape = |_| DecodeError::Type;
    let mut first = true;
    s.fault = None;
    s.expect(b'[').map_err(shape)?;
    while s.next_item(&mut first, b']')? {
        s.expect(b'[').map_err(shape)?;
        let price = Price::from_units(s.decimal()?);
        s.expect(b',').map_err(shape)?;
        let qty = Qty::from_units(s.decimal()?);
        let mut first = false;
        while s.next_item(&mut first, b']')? {
            s.skip_value()?;
        }
        if let Some(fault) = s.fault {
            return Err(fault);
        }
        if !push(Level { price, qty }) {
            return Err(DecodeError::TooManyLevels);
        }
    }
    Ok(())
}
const _: () = assert!(DEPTH_LEVELS_MAX >= 1000, "the venue's snapshots carry 1000 levels a side");
