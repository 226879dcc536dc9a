//! The frames that come by the thousand, in the key order the venue uses (captures of 2023 to 2026).
//!
//! Everything is compared with constants, so a frame costs little more than its numbers. Whatever is
//! not exactly as expected, from an extra blank to an unknown tail, gives `None`, and
//! `any_order` decides; a `Some` is what `any_order` would have said of the same bytes.

use schema::{
    BookTicker, DepthBuf, DepthHead, DepthKind, Level, Mark, Price, Qty, SymbolId, Trade, TradeId,
    WallNs,
};

use super::{MarketFrame, depth_kind};
use crate::SymbolTable;
use crate::number::{digits, quoted_decimal};

/// Longest stream name looked at.
const STREAM_BYTES_MAX: usize = 64;

/// Decodes a book ticker, trade, depth update or mark price of a followed symbol.
#[inline]
pub(super) fn decode(
    bytes: &[u8],
    symbols: &SymbolTable,
    depth: &mut DepthBuf,
    raw_depth: DepthKind,
) -> Option<MarketFrame> {
    let mut c = Cursor { rest: bytes, symbols };
    let stream = if c.skip(b"{\"stream\":\"") { Some(c.stream()?) } else { None };
    c.take(b"{\"e\":\"")?;
    let frame = match c.rest.first()? {
        b'b' => c.book_ticker()?,
        b'd' => {
            let kind = match stream {
                Some(name) => depth_kind(name)?,
                None => raw_depth,
            };
            c.depth_update(depth, kind)?
        }
        b't' => c.trade()?,
        b'm' => c.mark()?,
        _ => return None,
    };
    if stream.is_some() {
        c.take(b"}")?;
    }
    c.rest.is_empty().then_some(frame)
}

/// What is left of the message.
struct Cursor<'a> {
    rest: &'a [u8],
    symbols: &'a SymbolTable,
}

impl<'a> Cursor<'a> {
    /// Steps over a constant; `false` and no step if it is not there.
    #[inline]
    fn skip<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) if head == text => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
    #[inline]
    fn take<const N: usize>(&mut self, text: &[u8; N]) -> Option<()> {
        self.skip(text).then_some(())
    }
    /// The stream's name and `","data":`.
    #[inline]
    fn stream(&mut self) -> Option<&'a [u8]> {
        let window = &self.rest[..self.rest.len().min(STREAM_BYTES_MAX)];
        let end = memchr::memchr(b'"', window)?;
        let (name, rest) = self.rest.split_at(end);
        // Escapes and what JSON forbids in a string; without an early exit, for vector code.
        if name.iter().fold(false, |odd, &byte| odd | (byte == b'\\') | (byte < b' ')) {
            return None;
        }
        self.rest = rest;
        self.take(b"\",\"data\":")?;
        Some(name)
    }
    /// A short text up to its closing quote, which is stepped over with the comma behind it.
    #[inline]
    fn name(&mut self) -> Option<&'a [u8]> {
        let stop = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < b' ';
        let end = self.rest.iter().take(24).position(stop)?;
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.take(b"\",")?;
        Some(name)
    }
    #[inline]
    fn symbol(&mut self) -> Option<SymbolId> {
        self.take(b"\"s\":\"")?;
        let name = self.name()?;
        self.symbols.lookup(name)
    }
    /// `"ps":"…",` of frames since 2026-06.
    #[inline]
    fn pair(&mut self) -> Option<()> {
        if self.skip(b"\"ps\":\"") {
            self.name()?;
        }
        Some(())
    }
    /// `,"st":1` of frames since 2026-06, and the end of the object.
    #[inline]
    fn tail(&mut self) -> Option<()> {
        let _ = self.skip(b",\"st\":1");
        self.take(b"}")
    }

    #[inline]
    fn integer(&mut self) -> Option<u64> {
        let (value, rest) = digits(self.rest)?;
        self.rest = rest;
        Some(value)
    }
    #[inline]
    fn time(&mut self) -> Option<WallNs> {
        self.integer().map(|ms| WallNs::from_ms(ms as i64))
    }
    /// A quoted decimal of up to 10 digits before the point and up to 8 after it.
    #[inline]
    fn decimal(&mut self) -> Option<i64> {
        self.take(b"\"")?;
        let (value, rest) = quoted_decimal(self.rest)?;
        self.rest = rest;
        Some(value)
    }
    #[inline]
    fn signed_decimal(&mut self) -> Option<i64> {
        self.take(b"\"")?;
        let negative = self.skip(b"-");
        let (value, rest) = quoted_decimal(self.rest)?;
        self.rest = rest;
        Some(if negative { -value } else { value })
    }

    #[inline]
    fn book_ticker(&mut self) -> Option<MarketFrame> {
        self.take(b"bookTicker\",\"u\":")?;
        let update_id = self.integer()?;
        self.take(b",")?;
        let symbol = self.symbol()?;
        self.pair()?;
        self.take(b"\"b\":")?;
        let bid_price = Price::from_units(self.decimal()?);
        self.take(b",\"B\":")?;
        let bid_qty = Qty::from_units(self.decimal()?);
        self.take(b",\"a\":")?;
        let ask_price = Price::from_units(self.decimal()?);
        self.take(b",\"A\":")?;
        let ask_qty = Qty::from_units(self.decimal()?);
        self.take(b",\"T\":")?;
        let transaction_time = self.time()?;
        self.take(b",\"E\":")?;
        let event_time = self.time()?;
        self.tail()?;
        Some(MarketFrame::BookTicker(BookTicker {
            symbol,
            update_id,
            bid_price,
            bid_qty,
            ask_price,
            ask_qty,
            transaction_time,
            event_time,
        }))
    }

    #[inline]
    fn trade(&mut self) -> Option<MarketFrame> {
        self.take(b"trade\",\"E\":")?;
        let event_time = self.time()?;
        self.take(b",\"T\":")?;
        let trade_time = self.time()?;
        self.take(b",")?;
        let symbol = self.symbol()?;
        self.take(b"\"t\":")?;
        let trade_id = TradeId(self.integer()? as i64);
        self.take(b",\"p\":")?;
        let price = Price::from_units(self.decimal()?);
        self.take(b",\"q\":")?;
        let qty = Qty::from_units(self.decimal()?);
        self.take(b",\"X\":\"MARKET\",\"m\":")?;
        let buyer_is_maker = self.skip(b"true");
        if !buyer_is_maker {
            self.take(b"false")?;
        }
        self.tail()?;
        Some(MarketFrame::Trade(Trade {
            symbol,
            trade_id,
            price,
            qty,
            buyer_is_maker,
            trade_time,
            event_time,
        }))
    }

    #[inline]
    fn mark(&mut self) -> Option<MarketFrame> {
        self.take(b"markPriceUpdate\",\"E\":")?;
        let event_time = self.time()?;
        self.take(b",")?;
        let symbol = self.symbol()?;
        self.take(b"\"p\":")?;
        let mark_price = Price::from_units(self.decimal()?);
        if self.skip(b",\"ap\":") {
            self.decimal()?;
        }
        self.take(b",\"P\":")?;
        self.decimal()?;
        self.take(b",\"i\":")?;
        let index_price = Price::from_units(self.decimal()?);
        self.take(b",\"r\":")?;
        let funding_rate_e8 = self.signed_decimal()?;
        self.take(b",\"T\":")?;
        let next_funding_time = self.time()?;
        self.tail()?;
        Some(MarketFrame::Mark(Mark {
            symbol,
            mark_price,
            index_price,
            funding_rate_e8,
            next_funding_time,
            event_time,
        }))
    }

    #[inline]
    fn depth_update(&mut self, depth: &mut DepthBuf, kind: DepthKind) -> Option<MarketFrame> {
        self.take(b"depthUpdate\",\"E\":")?;
        let event_time = self.time()?;
        self.take(b",\"T\":")?;
        let transaction_time = self.time()?;
        self.take(b",")?;
        let symbol = self.symbol()?;
        self.pair()?;
        self.take(b"\"U\":")?;
        let first_update_id = self.integer()?;
        self.take(b",\"u\":")?;
        let last_update_id = self.integer()?;
        self.take(b",\"pu\":")?;
        let previous_update_id = self.integer()?;
        depth.clear();
        self.take(b",\"b\":[")?;
        self.levels(|level| depth.push_bid(level))?;
        self.take(b",\"a\":[")?;
        self.levels(|level| depth.push_ask(level))?;
        self.tail()?;
        Some(MarketFrame::Depth(DepthHead {
            symbol,
            kind,
            first_update_id,
            last_update_id,
            previous_update_id,
            transaction_time,
            event_time,
        }))
    }

    /// `["price","qty"],…]` after the opening bracket.
    #[inline]
    fn levels(&mut self, mut push: impl FnMut(Level) -> bool) -> Option<()> {
        if self.skip(b"]") {
            return Some(());
        }
        loop {
            self.take(b"[\"")?;
            let (price, rest) = quoted_decimal(self.rest)?;
            self.rest = rest;
            self.take(b",\"")?;
            let (qty, rest) = quoted_decimal(self.rest)?;
            self.rest = rest;
            self.take(b"]")?;
            let level = Level { price: Price::from_units(price), qty: Qty::from_units(qty) };
            if !push(level) {
                return None;
            }
            if !self.skip(b",") {
                return self.take(b"]");
            }
        }
    }
}
