//! What the trader does about its connections and its knowledge, decided without touching one.
//!
//! [`Session`] is told what happens (a connection opened, a message came, a connection went) and
//! says what follows: what the engine hears ([`Change`]), what the cold thread is asked
//! ([`Session::next_ask`]), which connection is given up ([`Session::watch`]) and on which one orders
//! leave ([`Session::orders`]). It has no socket and no clock, so that the simulation drives the same
//! code as the turn.
//!
//! Every link wants two connections. The third place of a link is used only while one of the two is
//! replaced before the venue's time limit: the new one is up and proved before the old one closes,
//! and the places rotate.

mod asks;
mod expect;
mod place;
#[cfg(test)]
mod tests;

use engine::Now;
use schema::{
    ConnectionState, Counter, Counters, ExecutionReport, LINKS, Link, MonoNs, SYMBOLS_MAX,
    SymbolId, TradeId, WallNs,
};

use crate::feed::{Patience, Stream};
use crate::queues::{Missed, SLOTS, Slot};

pub use asks::Ask;
use asks::Asks;
use expect::Expected;
use place::{Place, Stage};

/// Connections a link wants.
pub const WANTED: usize = 2;
/// Messages in a row that cannot be read and end their connection.
const REFUSED_MAX: u32 = 8;
/// Longest doubling of a silence limit, as a power of two: a halted symbol is not redialled for.
const SHIFT_MAX: u32 = 6;

/// How long the session waits for things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Silence of market streams.
    pub patience: Patience,
    /// What demands an answer (a request, a ping, the logon) gets one within this, ns.
    pub answer_ns: u64,
    /// Between two pings of ours on a link that may be quiet (user, order), ns.
    pub ping_ns: u64,
    /// An acknowledged order, or an event the other connection brought, is on the user stream
    /// within this, ns.
    pub report_ns: u64,
    /// A connection is replaced at this age, ns; the places are staggered below it.
    pub max_age_ns: u64,
    /// Prices are asked for by REST when no market connection was up for so long, ns.
    pub fallback_ns: u64,
    /// Between two reconciliations when nothing else asks for one, ns; zero for never.
    pub reconcile_every_ns: u64,
    /// Whether an order connection must log on.
    pub needs_logon: bool,
}

impl Default for Settings {
    fn default() -> Self {
        const MS: u64 = 1_000_000;
        Self {
            patience: Patience {
                first_ns: 10_000 * MS,
                ticker_ns: 10_000 * MS,
                depth_ns: 10_000 * MS,
                mark_ns: 5_000 * MS,
            },
            answer_ns: 3_000 * MS,
            ping_ns: 5_000 * MS,
            report_ns: 3_000 * MS,
            max_age_ns: 82_800_000 * MS,
            fallback_ns: 1_000 * MS,
            reconcile_every_ns: 30_000 * MS,
            needs_logon: false,
        }
    }
}

/// Why a connection is given up though it did not break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// A stream of it is silent.
    Silent(SymbolId, Stream),
    /// It brings nothing that can be read.
    Garbage,
    /// Something sent on it was not answered.
    Unanswered,
    /// It tells nothing of what is known to have happened.
    Frozen,
    /// A newer connection has taken its place.
    RolledOver,
    /// The venue refused the logon.
    LogonRefused,
}

impl core::fmt::Display for GiveUp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Silent(symbol, stream) => {
                write!(f, "{} of symbol {} is silent", stream.as_str(), symbol.index())
            }
            Self::Garbage => f.write_str("nothing of it can be read"),
            Self::Unanswered => f.write_str("no answer"),
            Self::Frozen => f.write_str("it tells nothing of what happens"),
            Self::RolledOver => f.write_str("replaced before the venue's time limit"),
            Self::LogonRefused => f.write_str("the logon was refused"),
        }
    }
}

/// What follows from something that happened to a connection; to be done in this order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Log this connection on.
    pub logon: Option<Slot>,
    /// The first data of this connection: the cold thread hears it ([`crate::queues::ToCold`]).
    pub proved: Option<Slot>,
    /// The engine hears that a link went down or came up.
    pub link: Option<(Link, bool)>,
    /// Orders leave on this connection from now on; the one before it died, so what it had not
    /// answered has an unknown outcome: the engine hears the order link come up while it is up.
    pub promoted: Option<Slot>,
}

/// The session. See the module.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    symbols: usize,
    places: [Place; SLOTS],
    is_up: [bool; LINKS],
    active: Option<Slot>,
    asks: Asks,
    expected: Expected,
    /// By symbol and stream: how often the silence limit was doubled.
    shifts: [[u32; crate::feed::STREAMS]; SYMBOLS_MAX],
    /// Since when no public, or no market connection is up.
    blind_since: Option<MonoNs>,
    /// Since when the user or the order link is down, after it was up.
    dark_since: Option<MonoNs>,
    /// Whether the account was told once: from then on no fill may be missing.
    is_account_known: bool,
    /// Wall time of the last event of the user stream before it was lost.
    user_lost_at: Option<WallNs>,
    user_seen_at: WallNs,
    /// Newest trade id reported, by symbol.
    last_trades: [TradeId; SYMBOLS_MAX],
    /// The same when the last reconciliation that came was asked for: none before is missing.
    sure_trades: [TradeId; SYMBOLS_MAX],
    sure_at: WallNs,
    counts: Counters,
}

impl Session {
    /// Nothing is up yet. `left` is what a trader before this one may not have heard.
    pub fn new(settings: Settings, symbols: usize, left: Option<Missed>, now: Now) -> Self {
        Self {
            settings,
            symbols: symbols.min(SYMBOLS_MAX),
            places: [Place::default(); SLOTS],
            is_up: [false; LINKS],
            active: None,
            asks: Asks::default(),
            expected: Expected::default(),
            shifts: Default::default(),
            blind_since: Some(now.mono),
            dark_since: None,
            is_account_known: false,
            user_lost_at: left.map(|left| left.since),
            user_seen_at: now.wall,
            last_trades: left.map_or_else(Default::default, |left| left.last),
            sure_trades: left.map_or_else(Default::default, |left| left.last),
            sure_at: now.wall,
            counts: Counters::default(),
        }
    }

    /// What it counted.
    pub const fn counts(&self) -> &Counters {
        &self.counts
    }
    /// Whether a link is up: one connection of it is proved, or ready to take orders.
    #[inline]
    pub const fn is_up(&self, link: Link) -> bool {
        self.is_up[link as usize]
    }
    /// The connection orders leave on.
    #[inline]
    pub const fn orders(&self) -> Option<Slot> {
        self.active
    }
    /// Whether a connection stands and does what it is for.
    pub const fn is_ready(&self, slot: Slot) -> bool {
        matches!(self.places[slot.index()].stage, Stage::Ready)
    }
    /// How a connection is.
    pub fn state(&self, slot: Slot) -> ConnectionState {
        match self.places[slot.index()].stage {
            Stage::Free | Stage::Dialling => ConnectionState::None,
            Stage::Opened => ConnectionState::Open,
            Stage::Ready if self.active == Some(slot) => ConnectionState::Active,
            Stage::Ready => ConnectionState::Ready,
        }
    }
    /// When a connection opened, if it stands.
    pub fn opened_at(&self, slot: Slot) -> Option<MonoNs> {
        let place = &self.places[slot.index()];
        matches!(place.stage, Stage::Opened | Stage::Ready).then_some(place.opened_at)
    }

    /// A connection stands.
    pub fn opened(&mut self, now: Now, slot: Slot) -> Change {
        let link = slot.link();
        let place = &mut self.places[slot.index()];
        place.open(now.mono);
        match link {
            Link::Public if !self.is_up[link as usize] => self.asks.want_first_snapshots(),
            Link::Public | Link::Market => {}
            Link::User => return self.ready(slot),
            Link::Order if self.settings.needs_logon => {
                place.owed_since = Some(now.mono);
                return Change { logon: Some(slot), ..Change::default() };
            }
            Link::Order => return self.ready(slot),
        }
        Change::default()
    }

    /// A message of data came on a connection. `stream` says what of, on a market connection.
    #[inline]
    pub fn heard(
        &mut self,
        now: Now,
        slot: Slot,
        stream: Option<(SymbolId, Stream)>,
    ) -> Option<Change> {
        let place = &mut self.places[slot.index()];
        place.alive();
        place.refused = 0;
        if let Some((symbol, stream)) = stream {
            place.watch.heard(now.mono, symbol, stream);
            if let Some(shifts) = self.shifts.get_mut(symbol.index()) {
                shifts[stream as usize] = 0;
            }
        }
        if slot.link() == Link::User {
            self.user_seen_at = now.wall;
        }
        (!place.is_proved).then(|| self.proved(slot, stream.is_some()))
    }

    /// A message came that cannot be read. One alone is made up for by the other connection; but an
    /// event of the account may have been in it, so that truth is asked for.
    #[cold]
    pub fn refused(&mut self, slot: Slot) {
        self.places[slot.index()].refused += 1;
        if slot.link() == Link::User {
            self.user_lost_at = Some(self.user_lost_at.unwrap_or(self.user_seen_at));
        }
    }

    /// A pong or a ping came: the connection lives, whatever its streams do.
    #[inline]
    pub fn alive(&mut self, slot: Slot) {
        self.places[slot.index()].alive();
    }

    /// Something that demands an answer was sent.
    #[inline]
    pub fn sent(&mut self, now: Now, slot: Slot) {
        let owed = &mut self.places[slot.index()].owed_since;
        *owed = owed.or(Some(now.mono));
    }

    /// The answer to the logon.
    pub fn logged_on(&mut self, slot: Slot) -> Change {
        let place = &mut self.places[slot.index()];
        if place.stage != Stage::Opened {
            return Change::default();
        }
        place.alive();
        self.ready(slot)
    }

    #[cold]
    fn proved(&mut self, slot: Slot, is_stream: bool) -> Change {
        let link = slot.link();
        // Acknowledgements and errors prove nothing on a market connection.
        if matches!(link, Link::Public | Link::Market) && !is_stream {
            return Change::default();
        }
        self.places[slot.index()].is_proved = true;
        let change = match self.places[slot.index()].stage {
            Stage::Opened if link != Link::Order => self.ready(slot),
            _ => Change::default(),
        };
        Change { proved: Some(slot), ..change }
    }

    fn ready(&mut self, slot: Slot) -> Change {
        let link = slot.link();
        self.places[slot.index()].stage = Stage::Ready;
        if link == Link::Order && self.active.is_none() {
            self.active = Some(slot);
        }
        let was_up = core::mem::replace(&mut self.is_up[link as usize], true);
        self.see_blindness(None);
        self.see_darkness(None);
        Change { link: (!was_up).then_some((link, true)), ..Change::default() }
    }

    /// A connection is over, for whatever reason; what it owed has an unknown outcome.
    pub fn lost(&mut self, now: Now, slot: Slot) -> Change {
        let link = slot.link();
        let place = &mut self.places[slot.index()];
        if matches!(place.stage, Stage::Free | Stage::Dialling) {
            return Change::default();
        }
        *place = Place::default();
        if let Some(successor) = self.successor(slot) {
            self.places[successor.index()].replaces = None;
        }
        self.counts.count(Counter::LinkLost);
        let mut change = Change::default();
        if self.active == Some(slot) {
            self.active = self.best(Link::Order);
            change.promoted = self.active;
            self.counts.0[Counter::OrderLinkPromoted as usize] += u64::from(self.active.is_some());
        }
        let is_up = self.best(link).is_some();
        if self.is_up[link as usize] && !is_up {
            self.is_up[link as usize] = false;
            change.link = Some((link, false));
            match link {
                Link::User => {
                    self.lose_user();
                    self.see_darkness(Some(now.mono));
                }
                Link::Public | Link::Market => self.see_blindness(Some(now.mono)),
                Link::Order => self.see_darkness(Some(now.mono)),
            }
        }
        change
    }

    /// The ready connection of a link to use: one that answered before others.
    fn best(&self, link: Link) -> Option<Slot> {
        let ready = Slot::all_of(link).filter(|slot| self.is_ready(*slot));
        ready.max_by_key(|slot| self.places[slot.index()].is_fit(link))
    }

    fn lose_user(&mut self) {
        self.user_lost_at = Some(self.user_lost_at.unwrap_or(self.user_seen_at));
        self.expected.clear();
    }

    fn see_blindness(&mut self, lost_at: Option<MonoNs>) {
        let sees = self.is_up[Link::Public as usize] && self.is_up[Link::Market as usize];
        self.blind_since = if sees { None } else { self.blind_since.or(lost_at) };
    }

    fn see_darkness(&mut self, lost_at: Option<MonoNs>) {
        let hears = self.is_up[Link::User as usize] && self.is_up[Link::Order as usize];
        self.dark_since = if hears { None } else { self.dark_since.or(lost_at) };
    }

    /// A report: its trade id is known, and its order is heard of.
    pub fn reported(&mut self, report: &ExecutionReport) {
        if let Some(last) = self.last_trades.get_mut(report.symbol.index()) {
            *last = (*last).max(report.trade_id);
        }
        self.expected.reported(report.client_order_id, report.status.is_terminal());
    }

    /// A report made from what REST told. It says nothing of the user stream, which may be as silent
    /// as before: what the stream owes stays owed.
    pub fn made_up(&mut self, report: &ExecutionReport) {
        if let Some(last) = self.last_trades.get_mut(report.symbol.index()) {
            *last = (*last).max(report.trade_id);
        }
    }

    /// The venue acknowledged a request on the order link: the user stream must tell of it too.
    pub fn acknowledged(&mut self, now: Now, reply: &schema::OrderReply) {
        if reply.is_ok() && self.is_up[Link::User as usize] {
            let is_end = reply.order_status.is_terminal();
            self.expected.acknowledged(now.mono, reply.client_order_id, is_end);
        }
    }

    /// A user connection the caller found frozen ([`crate::feed::Twice::frozen`]) is given up.
    pub fn frozen(&mut self) {
        self.counts.count(Counter::UserStreamFrozen);
    }

    /// The next connection to give up now; close it, tell the cold thread, and call
    /// [`Session::lost`]. To be asked until there is none, about ten times a second.
    pub fn watch(&mut self, now: Now) -> Option<(Slot, GiveUp)> {
        if self.expected.is_overdue(now.mono, self.settings.report_ns) {
            self.expected.clear();
            self.counts.count(Counter::UserStreamFrozen);
            for slot in Slot::all_of(Link::User) {
                self.places[slot.index()].is_frozen = true;
            }
        }
        (0..SLOTS).map(|index| Slot(index as u8)).find_map(|slot| {
            let why = self.fault(now, slot)?;
            match why {
                GiveUp::RolledOver => self.counts.count(Counter::LinkRolledOver),
                GiveUp::Silent(symbol, stream) => {
                    self.counts.count(Counter::LinkSilent);
                    let shift = &mut self.shifts[symbol.index()][stream as usize];
                    *shift = (*shift + 1).min(SHIFT_MAX);
                }
                GiveUp::Unanswered => self.counts.count(Counter::LinkSilent),
                GiveUp::Frozen | GiveUp::LogonRefused | GiveUp::Garbage => {}
            }
            Some((slot, why))
        })
    }

    /// What is wrong with a connection.
    fn fault(&mut self, now: Now, slot: Slot) -> Option<GiveUp> {
        let place = &self.places[slot.index()];
        if !matches!(place.stage, Stage::Opened | Stage::Ready) {
            return None;
        }
        let link = slot.link();
        if place.is_frozen {
            return Some(GiveUp::Frozen);
        }
        if place.refused >= REFUSED_MAX {
            return Some(GiveUp::Garbage);
        }
        if place.owed_since.is_some_and(|at| now.mono.since(at) > self.settings.answer_ns) {
            return Some(GiveUp::Unanswered);
        }
        let shift = |symbol: usize, stream: Stream| self.shifts[symbol][stream as usize];
        let patience = &self.settings.patience;
        if let Some((symbol, stream)) =
            place.watch.silent(now.mono, link, self.symbols, patience, shift)
        {
            return Some(GiveUp::Silent(symbol, stream));
        }
        self.is_superseded(slot).then_some(GiveUp::RolledOver)
    }

    /// Whether a newer connection has taken a place's work over, and nothing is owed on it.
    fn is_superseded(&mut self, slot: Slot) -> bool {
        let Some(successor) = self.successor(slot) else { return false };
        if !self.is_ready(successor) || !self.places[successor.index()].is_fit(slot.link()) {
            return false;
        }
        if self.active == Some(slot) {
            self.active = Some(successor);
        }
        self.places[slot.index()].owed_since.is_none()
    }

    fn successor(&self, slot: Slot) -> Option<Slot> {
        let mut all = Slot::all_of(slot.link());
        all.find(|other| self.places[other.index()].replaces == Some(slot))
    }

    /// The next connection a ping is due on; send it and call [`Session::sent`].
    pub fn next_ping(&mut self, now: Now) -> Option<Slot> {
        for link in [Link::User, Link::Order] {
            for slot in Slot::all_of(link) {
                let place = &mut self.places[slot.index()];
                let pause_ns = self.settings.ping_ns;
                let is_due = place.pinged_at.is_none_or(|at| now.mono.since(at) >= pause_ns);
                if matches!(place.stage, Stage::Opened | Stage::Ready) && is_due {
                    place.pinged_at = Some(now.mono);
                    return Some(slot);
                }
            }
        }
        None
    }

    /// Its settings, for a test that changes them on the way.
    #[cfg(test)]
    pub(crate) const fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
    /// Whether every connection that is pinged was, and has answered.
    #[cfg(test)]
    pub(crate) fn is_answered(&self) -> bool {
        let pinged = Slot::all_of(Link::User).chain(Slot::all_of(Link::Order));
        let mut open = pinged.filter(|slot| self.opened_at(*slot).is_some());
        open.all(|slot| self.places[slot.index()].is_fit(slot.link()))
    }
}
