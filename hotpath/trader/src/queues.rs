//! What the hot thread and the others hand each other, through queues sized at start.
//!
//! Whatever the hot thread is given that owns memory it gives back ([`ToCold::Lost`],
//! [`ToCold::Spent`]), so that it frees nothing.

use engine::{Action, SymbolRules, Truth};
use schema::{
    DepthBuf, DepthHead, ExecutionReport, KillChange, Link, Mark, OrderReply, Record, SYMBOLS_MAX,
    SignalParams, SymbolId, TradeId, Verdict, WallNs,
};

use crate::cold::clock::Skew;
use crate::cold::kill::Press;
use crate::cold::last_way::Answer;
use crate::net::{Connection, LinkError};

/// Places for connections of one link: two are up, the third replaces one of them before the
/// venue's time limit.
pub const CONNECTIONS_PER_LINK: usize = schema::CONNECTIONS_PER_LINK;
/// All connections there can be.
pub const SLOTS: usize = schema::CONNECTIONS;
/// Messages in either direction: every slot, every symbol's snapshot and a few commands at once.
pub const MESSAGES: usize = 128;
/// Log entries that may wait: a second of a busy market at one order a millisecond, twice over.
pub const LOG_ENTRIES: usize = 8_192;

/// A place for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(pub u8);

impl Slot {
    /// The `index`-th connection of a link.
    pub const fn of(link: Link, index: usize) -> Self {
        Self((link as usize * CONNECTIONS_PER_LINK + index) as u8)
    }
    /// The places of a link.
    pub fn all_of(link: Link) -> impl Iterator<Item = Self> + Clone {
        (0..CONNECTIONS_PER_LINK).map(move |index| Self::of(link, index))
    }
    /// Which of its link's places it is.
    #[inline]
    pub const fn lane(self) -> usize {
        self.index() % CONNECTIONS_PER_LINK
    }
    /// Which link it serves.
    #[inline]
    pub fn link(self) -> Link {
        Link::ALL[self.index() / CONNECTIONS_PER_LINK]
    }
    /// As an index below [`SLOTS`].
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A connection as the hot thread has it.
pub type HotConnection = Connection<mio::net::TcpStream>;

/// A depth snapshot.
#[derive(Debug)]
pub struct Snapshot {
    /// Head.
    pub head: DepthHead,
    /// Levels.
    pub depth: DepthBuf,
}

/// The account, and the fills that were missed.
#[derive(Debug, Default)]
pub struct Reconciliation {
    /// What was missed, as reports: fills in the order of their trade ids, then orders' ends.
    pub missed: Vec<ExecutionReport>,
    /// The account.
    pub truth: Truth,
}

/// From where on fills may have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// When the user stream, or the trader before, was last heard.
    pub since: WallNs,
    /// Newest trade reported, by symbol; zero if none was.
    pub last: [TradeId; SYMBOLS_MAX],
}

impl Missed {
    /// Without what was traded up to `known`.
    #[must_use]
    pub fn after(mut self, known: &[TradeId]) -> Self {
        for (ours, known) in self.last.iter_mut().zip(known) {
            *ours = TradeId(ours.0.max(known.0));
        }
        self
    }

    /// Both gaps in one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.since = WallNs(self.since.0.min(other.since.0));
        for (ours, theirs) in self.last.iter_mut().zip(other.last) {
            *ours = TradeId(ours.0.min(theirs.0));
        }
        self
    }
}

/// To the hot thread.
#[derive(Debug)]
pub enum ToHot {
    /// A new connection.
    Fresh(Slot, Box<HotConnection>),
    /// A snapshot.
    Snapshot(Box<Snapshot>),
    /// Book and mark price of a symbol, asked for by REST while no market connection is up.
    Prices(Box<Snapshot>, Mark),
    /// No snapshot could be had; ask again.
    NoSnapshot(SymbolId),
    /// The account.
    Reconciled(Box<Reconciliation>),
    /// The account could not be had; ask again.
    NotReconciled,
    /// The listen key is dead: give the user connections up.
    ListenKeyGone,
    /// Parameters from refit.
    Params(SignalParams),
    /// guard's word.
    Verdict(Verdict),
    /// Whether the venue's dead-man timers run.
    DeadMan(bool),
    /// Whether all processes of the system are of one build.
    Builds(bool),
    /// The kill switch is pressed.
    Kill(Press),
    /// The two clocks were compared.
    Clock(Skew),
    /// The venue wants nothing for a while: as an answer says it that belongs to no request.
    Limited(OrderReply),
    /// What became of a request that REST carried.
    Answered(Answer),
    /// Filters and status of every symbol, by its id.
    Rules(Box<[SymbolRules]>),
    /// End: cancel, confirm, leave.
    Stop,
}

/// From the hot thread.
#[derive(Debug)]
pub enum ToCold {
    /// A connection is over; here it is, to be dropped.
    Lost(Slot, LinkError, Option<Box<HotConnection>>),
    /// A connection is wanted; it is tried until it stands.
    Dial(Slot),
    /// The first data came on this connection.
    Proved(Slot),
    /// Book, mark and account are wanted by REST from now on, or no longer: no market connection
    /// is up.
    Fallback(bool),
    /// A snapshot is wanted.
    Snapshot(SymbolId),
    /// The account is wanted, with the fills since then if some may be missing.
    Reconcile(Option<Missed>),
    /// The venue refused a request for its time: compare the clocks.
    Clock,
    /// The venue refused an order for its filters: look at them.
    Listing,
    /// To be carried by REST: no order connection is up.
    Order(Action),
    /// The kill switch was pressed or released.
    Kill(KillChange),
    /// To be dropped.
    Spent(ToHot),
}

/// To the log thread.
#[derive(Debug, Clone, Copy)]
pub enum LogEntry {
    /// Something that also stands in the journal.
    Event(Record),
    /// A connection came.
    Up(Slot),
    /// A connection went.
    Down(Slot, LinkError),
    /// Orders leave on this connection from now on.
    Promoted(Slot),
    /// The connections disagree about a symbol.
    Diverged(SymbolId),
    /// A frame could not be read; its first bytes.
    Unread(Slot, binance::DecodeError, [u8; 48]),
    /// A request did not leave.
    Unsent(schema::RequestId, crate::gate::GateError),
    /// The venue refused the logon.
    LogonRefused(i32),
    /// A turn took longer than a hundred budgets, ns.
    LongTurn(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_know_their_link() {
        let mut seen = 0;
        for link in Link::ALL {
            for index in 0..CONNECTIONS_PER_LINK {
                assert_eq!(Slot::of(*link, index).link(), *link);
                assert_eq!(Slot::of(*link, index).index(), seen);
                seen += 1;
            }
        }
        assert_eq!(seen, SLOTS);
    }

    #[test]
    fn two_gaps_are_one_from_the_earlier_beginning() {
        let mut last = [TradeId(9); SYMBOLS_MAX];
        let first = Missed { since: WallNs(5), last };
        last[1] = TradeId(3);
        let both = first.and(Missed { since: WallNs(7), last });
        assert_eq!(both.since, WallNs(5));
        assert_eq!((both.last[0], both.last[1]), (TradeId(9), TradeId(3)));
    }
}
