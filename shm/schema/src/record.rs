//! The fixed-size record that carries every event through the rings.
//!
//! ```text
//! byte  0        2        4       6       8              16             24            120
//!       | kind   | symbol | count | flags | at (MonoNs)  | input number | 12 words    |
//! ```
//! With the ring's 8-byte sequence in front, a slot is two cache lines (128 bytes). An event with
//! levels is a head and `count` following [`Kind::Levels`] records of six levels each.
//! `input` numbers what the engine consumed, over both rings, so that the whole input can be put
//! back in order; records that are outputs carry the number of the input that caused them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::order::wire_enum;
use crate::*;

/// Levels in one record.
const LEVELS_PER_RECORD: usize = 6;
/// Words of payload.
const WORDS: usize = 12;

/// One slot of a ring; every bit pattern is valid, [`Event::from_record`] says what it means.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Record {
    /// [`Kind`] as a number.
    pub kind: u16,
    /// [`SymbolId`], or `u16::MAX`.
    pub symbol: u16,
    /// Records that follow under this head.
    pub count: u16,
    /// Small facts of the kind (side, flags).
    pub flags: u16,
    /// Monotonic time: of receipt for inputs, of the turn for outputs.
    pub at_ns: u64,
    /// Number of the input.
    pub input: u64,
    /// Payload.
    pub words: [i64; WORDS],
}

const _: () = assert!(size_of::<Record>() == 120);
const _: () = assert!(align_of::<Record>() == 8);

/// Why a record cannot be read: a corrupt segment or a newer writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRecord {
    /// The kind is not known.
    Kind(u16),
    /// A field holds a number outside its range.
    Field,
}

impl core::fmt::Display for BadRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "record kind {kind} is not known to this build"),
            Self::Field => f.write_str("record holds a value out of range"),
        }
    }
}
impl core::error::Error for BadRecord {}

wire_enum!(
    /// What a record is. Numbers are never reused.
    Kind {
        /// [`BookTicker`]
        BookTicker = 1 "book_ticker",
        /// [`Trade`]
        Trade = 2 "trade",
        /// [`Mark`]
        Mark = 3 "mark",
        /// [`DepthHead`], followed by levels.
        Depth = 4 "depth",
        /// Up to six levels of the head before.
        Levels = 5 "levels",
        /// The engine's timer.
        Timer = 6 "timer",
        /// A link came up or went down.
        Link = 7 "link",
        /// [`Decision`]: an order was decided and sent.
        Decision = 16 "decision",
        /// A cancel was sent.
        Cancel = 17 "cancel",
        /// A change was sent.
        Modify = 18 "modify",
        /// [`ExecutionReport`]
        Report = 19 "report",
        /// [`TradeLite`]
        TradeLite = 20 "trade_lite",
        /// [`OrderReply`]
        Reply = 21 "reply",
        /// A balance of an account event or of reconciliation.
        Balance = 22 "balance",
        /// A position of an account event or of reconciliation.
        Position = 23 "position",
        /// [`StateChange`]
        State = 24 "state",
        /// [`Stages`] of one tick that led to an order.
        Stages = 25 "stages",
        /// An order was refused by risk.
        Refused = 26 "refused",
        /// [`Command`]
        Command = 27 "command",
        /// [`CommandAnswer`]
        Answer = 28 "answer",
        /// [`Bar`]
        Bar = 29 "bar",
        /// The trader started: epoch, wall clock.
        Boot = 30 "boot",
    }
);

/// An order the engine decided, with what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The order.
    pub order: NewOrder,
    /// Number of the request that carries it.
    pub request_id: RequestId,
    /// Best bid when decided.
    pub bid_price: Price,
    /// Best ask when decided.
    pub ask_price: Price,
    /// Signal when decided, in units of 1e-8.
    pub signal_e8: i64,
    /// Worst-case position of the symbol with this order.
    pub worst_position: Qty,
}

/// A change of the trading state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateChange {
    /// Before.
    pub from: TradingState,
    /// After.
    pub to: TradingState,
    /// Why.
    pub reason: StateReason,
    /// Wall time.
    pub wall: WallNs,
}

wire_enum!(
    /// A point on the way of one tick to its order, in time order.
    Stage {
        /// The poll said a socket is readable.
        Ready = 0 "ready",
        /// `read()` of the socket returned.
        Read = 1 "read",
        /// TLS record opened.
        Tls = 2 "tls",
        /// WebSocket frame found.
        Frame = 3 "frame",
        /// Message decoded.
        Decode = 4 "decode",
        /// Engine decided and risk approved.
        Engine = 5 "engine",
        /// Request encoded and signed.
        Encode = 6 "encode",
        /// Framed and sealed; `write()` is called now.
        WriteCall = 7 "write_call",
        /// `write()` returned.
        WriteReturn = 8 "write_return",
    }
);

/// Stages in [`Stages`].
pub(crate) const STAGES: usize = 9;

/// Cycle-counter stamps of one tick that led to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stages {
    /// The order.
    pub client_order_id: ClientOrderId,
    /// Stamps by [`Stage`], in cycles; divide by [`RunInfo::tsc_hz`].
    pub tsc: [u64; STAGES],
    /// Venue's push time of the tick.
    pub event_time: WallNs,
}

impl Stages {
    /// Nanoseconds between two stages; `None` if a stamp is missing or not in order.
    pub fn between_ns(&self, from: Stage, to: Stage, tsc_hz: u64) -> Option<u64> {
        let (from, to) = (self.tsc[from as usize], self.tsc[to as usize]);
        if from == 0 || to < from || tsc_hz == 0 {
            return None;
        }
        Some((u128::from(to - from) * 1_000_000_000 / u128::from(tsc_hz)) as u64)
    }
}

/// Up to six levels of a depth event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// Side of these levels.
    pub side: Side,
    /// The levels, the first `count`.
    pub levels: [Level; LEVELS_PER_RECORD],
    /// How many.
    pub count: u8,
}

impl Levels {
    /// The levels of this record.
    pub fn as_slice(&self) -> &[Level] {
        &self.levels[..usize::from(self.count).min(LEVELS_PER_RECORD)]
    }
}

/// A record, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Best bid and ask.
    BookTicker(BookTicker),
    /// Public trade.
    Trade(Trade),
    /// Mark price.
    Mark(Mark),
    /// Depth; `count` level records follow.
    Depth(DepthHead),
    /// Levels of the depth event before.
    Levels(Levels),
    /// Timer of the engine.
    Timer(WallNs),
    /// A link changed: which, and whether it is up.
    Link(Link, bool),
    /// An order was sent.
    Decision(Decision),
    /// A cancel was sent.
    Cancel(CancelOrder, RequestId),
    /// A change was sent.
    Modify(ModifyOrder, RequestId),
    /// Execution report.
    Report(ExecutionReport),
    /// Fast fill notice.
    TradeLite(TradeLite),
    /// Answer of the WebSocket API.
    Reply(OrderReply),
    /// A balance, with the transaction time.
    Balance(BalanceDelta, WallNs, bool),
    /// A position, with the transaction time.
    Position(PositionDelta, WallNs),
    /// Trading state changed.
    State(StateChange),
    /// Stage stamps.
    Stages(Stages),
    /// Refused by risk: the order and why.
    Refused(NewOrder, Reject),
    /// A command arrived.
    Command(Command),
    /// A command was answered.
    Answer(CommandAnswer),
    /// A closed minute.
    Bar(Bar),
    /// The trader started.
    Boot(BootEpoch, WallNs),
}

/// Packs small numbers into one word, lowest byte first.
#[inline]
fn pack(bytes: [u8; 8]) -> i64 {
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

#[inline]
fn field<T>(value: Option<T>) -> Result<T, BadRecord> {
    value.ok_or(BadRecord::Field)
}

#[inline]
fn order_ref_words(order: &OrderRef, words: &mut [i64; WORDS]) {
    words[0] = order.client_order_id.0 as i64;
    words[1] = order.venue_order_id.0;
}

impl Record {
    /// An empty record of a kind.
    #[inline]
    fn of(kind: Kind, symbol: SymbolId) -> Self {
        Self { kind: kind as u16, symbol: symbol.0, ..Self::default() }
    }

    /// With its time and input number.
    #[inline]
    #[must_use]
    pub fn stamped(mut self, at: MonoNs, input: u64) -> Self {
        self.at_ns = at.0;
        self.input = input;
        self
    }

    /// How many level records a depth event with so many bids and asks needs.
    #[inline]
    pub const fn level_records(bids: usize, asks: usize) -> usize {
        bids.div_ceil(LEVELS_PER_RECORD) + asks.div_ceil(LEVELS_PER_RECORD)
    }

    /// Level records of one side, in order.
    pub fn levels(symbol: SymbolId, side: Side, levels: &[Level]) -> impl Iterator<Item = Self> {
        levels.chunks(LEVELS_PER_RECORD).map(move |chunk| {
            let mut record = Self::of(Kind::Levels, symbol);
            record.flags = side as u16 | (chunk.len() as u16) << 8;
            for (index, level) in chunk.iter().enumerate() {
                record.words[2 * index] = level.price.units();
                record.words[2 * index + 1] = level.qty.units();
            }
            record
        })
    }

    /// The kind, if this build knows it.
    #[inline]
    pub fn kind(&self) -> Option<Kind> {
        u8::try_from(self.kind).ok().and_then(Kind::from_u8)
    }
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
                r.words[..3].copy_from_slice(&[e.nonce as i64, e.sent_at.0, i64::from(e.uid)]);
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
        }
    }

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
        })
    }
}

fn order_ref_from(symbol: SymbolId, words: &[i64; WORDS]) -> OrderRef {
    OrderRef {
        symbol,
        client_order_id: ClientOrderId(words[0] as u64),
        venue_order_id: VenueOrderId(words[1]),
    }
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

#[cfg(test)]
mod tests;
