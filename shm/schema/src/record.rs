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

mod read;
mod taken;
mod write;

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
        /// The wall clock moved against the monotonic one.
        Clock = 31 "clock",
        /// A request did not leave.
        SendFailed = 32 "send_failed",
        /// [`SignalParams`]
        Params = 33 "params",
        /// [`Verdict`]
        Verdict = 34 "verdict",
        /// How full the journal is.
        JournalUsed = 35 "journal_used",
        /// [`AccountHead`], followed by balances and positions.
        Account = 36 "account",
        /// The venue's clock was asked.
        ClockSkew = 37 "clock_skew",
        /// Whether the venue's dead-man timers are set.
        DeadMan = 38 "dead_man",
        /// Two connections bring different books.
        FeedDiverged = 39 "feed_diverged",
        /// [`SymbolRules`]
        Rules = 40 "rules",
        /// [`TruthHead`], followed by its lists.
        Truth = 41 "truth",
        /// [`OpenOrder`] of the truth before.
        TruthOrder = 42 "truth_order",
        /// [`OpenAlgo`] of the truth before.
        TruthAlgo = 43 "truth_algo",
        /// Newest own trades of the truth before.
        LastTrades = 44 "last_trades",
        /// [`Blob`]
        Blob = 45 "blob",
        /// [`AlgoUpdate`]
        Algo = 46 "algo",
        /// [`NewAlgo`]: a conditional order was sent.
        PlaceAlgo = 47 "place_algo",
        /// [`CancelAlgo`]: a cancel of a conditional order was sent.
        CancelAlgo = 48 "cancel_algo",
        /// [`Difference`]
        Difference = 49 "difference",
        /// [`Quarantine`]
        Quarantine = 50 "quarantine",
        /// [`LimitChange`]
        Limit = 51 "limit",
        /// [`KillChange`]
        Kill = 52 "kill",
        /// Whether all processes are of one build.
        Builds = 53 "builds",
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
    /// An input of the engine that no other record tells.
    Taken(Taken),
    /// Update of a conditional order.
    Algo(AlgoUpdate),
    /// A conditional order was sent.
    PlaceAlgo(NewAlgo, RequestId),
    /// A cancel of a conditional order was sent.
    CancelAlgo(CancelAlgo, RequestId),
    /// The account differs from what is held here.
    Difference(Difference),
    /// A symbol was set aside, or taken back.
    Quarantine(Quarantine),
    /// A limit was changed by a command.
    Limit(LimitChange),
    /// The kill switch was pressed or released.
    Kill(KillChange),
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

    /// Whether it is kept for replay alone: no other reader needs it.
    #[inline]
    pub const fn is_for_replay(&self) -> bool {
        (self.kind >= Kind::Clock as u16 && self.kind <= Kind::Blob as u16)
            || self.kind == Kind::Builds as u16
    }

    /// The kind, if this build knows it.
    #[inline]
    pub fn kind(&self) -> Option<Kind> {
        u8::try_from(self.kind).ok().and_then(Kind::from_u8)
    }
}

#[cfg(test)]
mod tests;
