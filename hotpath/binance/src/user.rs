//! The user-data stream.

mod account;
mod algo;

use schema::{
    AccountUpdate, AlgoUpdate, ClientOrderId, ExecType, ExecutionReport, Notional, OrderStatus,
    OrderType, Price, Qty, Side, SymbolId, TimeInForce, TradeId, TradeLite, VenueOrderId, WallNs,
};

use crate::envelope::{Envelope, answer};
use crate::scan::{Scanner, Text, key};
use crate::{DecodeError, SymbolTable};

/// One message of the user-data stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserFrame {
    /// ORDER_TRADE_UPDATE.
    Report(ExecutionReport),
    /// TRADE_LITE.
    TradeLite(TradeLite),
    /// ACCOUNT_UPDATE.
    Account(AccountUpdate),
    /// The listen key is dead: a new one and a new connection are needed.
    ListenKeyExpired,
    /// MARGIN_CALL.
    MarginCall,
    /// ACCOUNT_CONFIG_UPDATE: leverage or multi-asset mode changed.
    ConfigUpdate,
    /// ALGO_UPDATE: a conditional order changed.
    Algo(AlgoUpdate),
    /// The answer to SUBSCRIBE and its like; `id` is zero if it was not a decimal number.
    Ack {
        /// The request's number.
        id: u64,
        /// Whether it was carried out.
        ok: bool,
    },
    /// An order event of a symbol we do not follow.
    OtherSymbol,
    /// A well-formed message of another kind.
    Other,
}

/// Decodes one message of the user-data stream, raw or wrapped.
///
/// A commission in another asset than the table's quote asset is given as zero: it is not an amount
/// of quote currency. An order the venue placed itself to close a position (by the prefix of its
/// client id) is given the type [`OrderType::Liquidation`]. Of ACCOUNT_UPDATE only one-way positions (`ps` = `BOTH`) of followed symbols
/// are taken, the others are counted.
///
/// # Errors
/// [`DecodeError`] if it is not JSON or a known event that cannot be read.
pub fn decode_user(bytes: &[u8], symbols: &SymbolTable) -> Result<UserFrame, DecodeError> {
    let mut s = Scanner::new(bytes);
    let frame = match Envelope::of(s)? {
        Envelope::Event(kind) => event(&mut s, kind, symbols)?,
        Envelope::Wrapped => wrapped(&mut s, symbols)?,
        Envelope::Answer => {
            let (id, ok) = answer(&mut s)?;
            UserFrame::Ack { id, ok }
        }
        Envelope::Other => {
            s.skip_value()?;
            UserFrame::Other
        }
    };
    s.end()?;
    Ok(frame)
}

type Decoded = Result<UserFrame, DecodeError>;

const SYMBOL: u128 = key(b"s");
const MARGIN_KIND: u128 = key(b"st");
const EVENT_TIME: u128 = key(b"E");
const TIME: u128 = key(b"T");
const CLIENT_ID: u128 = key(b"c");
const SIDE: u128 = key(b"S");
const ORDER_ID: u128 = key(b"i");
const TRADE_ID: u128 = key(b"t");
const LAST_QTY: u128 = key(b"l");
const LAST_PRICE: u128 = key(b"L");
const IS_MAKER: u128 = key(b"m");

fn wrapped(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    const DATA: u128 = key(b"data");
    let mut frame = UserFrame::Other;
    let mut first = true;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        if word != DATA {
            s.skip_value()?;
            continue;
        }
        frame = match Envelope::of(*s)? {
            Envelope::Event(kind) => event(s, kind, symbols)?,
            _ => {
                s.skip_value()?;
                UserFrame::Other
            }
        };
    }
    Ok(frame)
}

fn event(s: &mut Scanner, kind: Text, symbols: &SymbolTable) -> Decoded {
    let plain = |s: &mut Scanner, frame| s.skip_value().map(|()| frame);
    let decoded = kind.with(|kind| match kind {
        b"ORDER_TRADE_UPDATE" => order_trade_update(s, symbols),
        b"TRADE_LITE" => trade_lite(s, symbols),
        b"ACCOUNT_UPDATE" => account::account_update(s, symbols),
        b"listenKeyExpired" => plain(s, UserFrame::ListenKeyExpired),
        b"MARGIN_CALL" => plain(s, UserFrame::MarginCall),
        b"ACCOUNT_CONFIG_UPDATE" => plain(s, UserFrame::ConfigUpdate),
        b"ALGO_UPDATE" => algo::algo_update(s, symbols),
        _ => plain(s, UserFrame::Other),
    });
    decoded.unwrap_or_else(|| plain(s, UserFrame::Other))
}

/// Whose event it is, and which of its one-letter keys were seen.
#[derive(Default)]
struct Subject {
    symbol: Option<SymbolId>,
    is_foreign: bool,
    is_coin_margined: bool,
    seen: u128,
}

impl Subject {
    fn saw(&mut self, word: u128) {
        if word < 128 {
            self.seen |= 1 << word;
        }
    }
    fn take_symbol(&mut self, s: &mut Scanner, symbols: &SymbolTable) -> Result<(), DecodeError> {
        self.symbol = s.text()?.with(|name| symbols.lookup(name)).flatten();
        self.is_foreign = self.symbol.is_none();
        Ok(())
    }
    /// The symbol; `Ok(None)` if it is not followed.
    fn judge(&self, s: &Scanner, required: &[u8]) -> Result<Option<SymbolId>, DecodeError> {
        if self.is_foreign || self.is_coin_margined {
            return Ok(None);
        }
        if let Some(fault) = s.fault {
            return Err(fault);
        }
        if required.iter().all(|letter| self.seen & 1 << letter != 0) && self.symbol.is_some() {
            return Ok(self.symbol);
        }
        Err(DecodeError::Missing)
    }
}

/// Whether the venue itself placed the order: liquidation, deleveraging, settlement (PROTOCOL 5).
fn is_forced_close(client_id: &[u8]) -> bool {
    let prefixes: [&[u8]; 3] = [b"autoclose-", b"adl_autoclose", b"settlement_autoclose-"];
    prefixes.iter().any(|prefix| client_id.starts_with(prefix))
}

/// Our id, or [`ClientOrderId::NONE`] for an order someone else placed.
fn client_order_id(s: &mut Scanner) -> Result<ClientOrderId, DecodeError> {
    let id = s.text()?.with(ClientOrderId::parse);
    Ok(id.and_then(Result::ok).unwrap_or(ClientOrderId::NONE))
}

fn trade_lite(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    let mut subject = Subject::default();
    let mut out = TradeLite {
        symbol: SymbolId::NONE,
        client_order_id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(0),
        side: Side::Buy,
        last_price: Price::ZERO,
        last_qty: Qty::ZERO,
        trade_id: TradeId(0),
        is_maker: false,
        transaction_time: WallNs(0),
    };
    let mut first = true;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        subject.saw(word);
        match word {
            SYMBOL => subject.take_symbol(s, symbols)?,
            MARGIN_KIND => subject.is_coin_margined = s.integer()? == 2,
            CLIENT_ID => out.client_order_id = client_order_id(s)?,
            ORDER_ID => out.venue_order_id = VenueOrderId(s.integer()?),
            SIDE => out.side = s.word(Side::from_wire)?.unwrap_or(out.side),
            LAST_PRICE => out.last_price = Price::from_units(s.decimal()?),
            LAST_QTY => out.last_qty = Qty::from_units(s.decimal()?),
            TRADE_ID => out.trade_id = TradeId(s.integer()?),
            IS_MAKER => out.is_maker = s.flag()?,
            TIME => out.transaction_time = WallNs::from_ms(s.integer()?),
            _ => s.skip_value()?,
        }
    }
    let Some(symbol) = subject.judge(s, b"sciSLltmT")? else { return Ok(UserFrame::OtherSymbol) };
    out.symbol = symbol;
    Ok(UserFrame::TradeLite(out))
}

fn order_trade_update(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    const ORDER: u128 = key(b"o");
    let mut subject = Subject::default();
    let mut order = None;
    let mut event_time = None;
    let mut first = true;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        match word {
            ORDER if s.peek() == b'{' => order = Some(order_report(s, symbols, &mut subject)?),
            EVENT_TIME => event_time = Some(WallNs::from_ms(s.integer()?)),
            MARGIN_KIND => subject.is_coin_margined = s.integer()? == 2,
            _ => s.skip_value()?,
        }
    }
    let Some(symbol) = subject.judge(s, b"scSofqpxXilzLTtm")? else {
        return Ok(UserFrame::OtherSymbol);
    };
    let (Some(mut report), Some(event_time)) = (order, event_time) else {
        return Err(DecodeError::Missing);
    };
    report.symbol = symbol;
    report.event_time = event_time;
    Ok(UserFrame::Report(report))
}

/// The object `o` of ORDER_TRADE_UPDATE; symbol and event time are set by the caller.
fn order_report(
    s: &mut Scanner,
    symbols: &SymbolTable,
    subject: &mut Subject,
) -> Result<ExecutionReport, DecodeError> {
    const COMMISSION_ASSET: u128 = key(b"N");
    const REALIZED_PNL: u128 = key(b"rp");
    const EXPIRY_REASON: u128 = key(b"er");
    let mut out = EMPTY_REPORT;
    let mut fee_is_quote = true;
    let mut is_forced = false;
    let mut first = true;
    subject.seen = 0;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        subject.saw(word);
        match word {
            SYMBOL => subject.take_symbol(s, symbols)?,
            MARGIN_KIND => subject.is_coin_margined = s.integer()? == 2,
            CLIENT_ID => {
                let text = s.text()?;
                let id = text.with(ClientOrderId::parse);
                out.client_order_id = id.and_then(Result::ok).unwrap_or(ClientOrderId::NONE);
                is_forced = text.with(is_forced_close).unwrap_or(false);
            }
            ORDER_ID => out.venue_order_id = VenueOrderId(s.integer()?),
            SIDE => out.side = s.word(Side::from_wire)?.unwrap_or(out.side),
            LAST_QTY => out.last_qty = Qty::from_units(s.decimal()?),
            LAST_PRICE => out.last_price = Price::from_units(s.decimal()?),
            TRADE_ID => out.trade_id = TradeId(s.integer()?.max(0)),
            IS_MAKER => out.is_maker = s.flag()?,
            TIME => out.transaction_time = WallNs::from_ms(s.integer()?),
            REALIZED_PNL => out.realized_pnl = Notional::from_units(s.decimal_cut()?),
            EXPIRY_REASON => out.expiry_reason = u8::try_from(s.integer()?).unwrap_or(u8::MAX),
            COMMISSION_ASSET => {
                fee_is_quote = s.text()?.with(|asset| symbols.is_quote(asset)).unwrap_or(false);
            }
            _ => order_terms(word, s, &mut out)?,
        }
    }
    if !fee_is_quote {
        out.commission = Notional::ZERO;
    }
    if is_forced {
        out.order_type = OrderType::Liquidation;
    }
    Ok(out)
}

/// The one-letter keys of `o` that are not in TRADE_LITE.
fn order_terms(word: u128, s: &mut Scanner, out: &mut ExecutionReport) -> Result<(), DecodeError> {
    match u8::try_from(word).unwrap_or(0) {
        b'o' => out.order_type = s.word(OrderType::from_wire)?.unwrap_or(out.order_type),
        b'f' => out.time_in_force = s.word(TimeInForce::from_wire)?.unwrap_or(out.time_in_force),
        b'x' => out.exec_type = s.word(ExecType::from_wire)?.unwrap_or(out.exec_type),
        b'X' => out.status = s.word(OrderStatus::from_wire)?.unwrap_or(out.status),
        b'q' => out.qty = Qty::from_units(s.decimal()?),
        b'p' => out.price = Price::from_units(s.decimal()?),
        b'z' => out.cum_qty = Qty::from_units(s.decimal()?),
        b'n' => out.commission = Notional::from_units(s.decimal_or_zero()?),
        b'R' => out.reduce_only = s.flag()?,
        _ => s.skip_value()?,
    }
    Ok(())
}

const EMPTY_REPORT: ExecutionReport = ExecutionReport {
    symbol: SymbolId::NONE,
    client_order_id: ClientOrderId::NONE,
    venue_order_id: VenueOrderId(0),
    side: Side::Buy,
    order_type: OrderType::Limit,
    time_in_force: TimeInForce::Gtc,
    exec_type: ExecType::New,
    status: OrderStatus::Unknown,
    price: Price::ZERO,
    qty: Qty::ZERO,
    last_qty: Qty::ZERO,
    last_price: Price::ZERO,
    cum_qty: Qty::ZERO,
    commission: Notional::ZERO,
    realized_pnl: Notional::ZERO,
    trade_id: TradeId(0),
    is_maker: false,
    reduce_only: false,
    expiry_reason: 0,
    transaction_time: WallNs(0),
    event_time: WallNs(0),
};
