//! Connections that come, change their part, and go.

use engine::Input;
use schema::{Counter, ExecutionReport, Link, TradeId, WallNs};

use super::Turn;
use crate::cold::last_way::Answer;
use crate::net::LinkError;
use crate::queues::{LogEntry, Slot, ToCold};
use crate::session::{Change, GiveUp};

impl Turn {
    /// A connection was adopted.
    #[cold]
    pub(super) fn came_up(&mut self, slot: Slot) {
        self.parts.desk.note(LogEntry::Up(slot));
        if slot.link() == Link::User {
            self.twice.set_up(slot.lane(), Some(self.now.mono));
        }
        let change = self.session.opened(self.now, slot);
        self.change(slot, change);
    }

    /// Does what follows from something that happened to the connection of `slot`.
    #[cold]
    pub(super) fn change(&mut self, slot: Slot, change: Change) {
        if let Some(slot) = change.logon {
            let Some(connection) = self.parts.links.connection(slot) else { return };
            if self.parts.desk.gate.logon(connection, self.now.wall).is_err() {
                return self.lose(slot, LinkError::Stuck);
            }
        }
        if let Some(slot) = change.proved {
            self.tell(ToCold::Proved(slot));
            if slot.link() == Link::Public {
                self.arbiter.set_up(slot.lane(), true);
            }
        }
        if slot.link() == Link::Order {
            let is_ready = self.session.orders().is_some();
            self.parts.desk.set_order_ready(is_ready);
            self.parts.desk.gate.set_session(is_ready && self.parts.session.needs_logon);
        }
        if let Some((link, is_up)) = change.link {
            if !is_up {
                self.arbiter.reset(link);
            }
            self.link(link, is_up);
        }
        if let Some(slot) = change.promoted {
            self.parts.desk.note(LogEntry::Promoted(slot));
            self.link(Link::Order, true);
        }
    }

    pub(super) fn link(&mut self, link: Link, is_up: bool) {
        self.apply(&Input::Link(link, is_up), WallNs(0));
    }

    /// Hands over what REST is to carry.
    #[inline]
    pub(super) fn carry_by_rest(&mut self) {
        while let Some(action) = self.parts.desk.next_for_rest() {
            if self.tell(ToCold::Order(action)) {
                self.parts.counters.count(Counter::RestOrder);
            } else {
                self.apply(&Input::SendFailed(action.request_id()), WallNs(0));
            }
        }
    }

    /// A refusal that says what we know of the venue is old: its time, or its filters.
    #[inline]
    pub(super) fn heed_code(&mut self, code: i32) {
        match code {
            -1_021 | -5_028 => self.tell(ToCold::Clock),
            -1_013
            | -1_111
            | -4_005..=-4_001
            | -4_016..=-4_013
            | -4_023
            | -4_024
            | -4_131
            | -4_140
            | -4_141
            | -4_164 => self.tell(ToCold::Listing),
            _ => return,
        };
    }

    /// A report made of what REST tells of a fill, or of an order's end.
    pub(super) fn make_up(&mut self, report: &ExecutionReport) {
        let duplicates = |turn: &Self| turn.parts.desk.engine.counters()[Counter::FillDuplicate];
        let before = duplicates(self);
        self.session.made_up(report);
        self.apply(&Input::Report(report), WallNs(0));
        if report.trade_id > TradeId(0) && duplicates(self) == before {
            self.parts.counters.count(Counter::FillMadeUp);
        }
    }

    /// What became of a request that REST carried.
    #[cold]
    pub(super) fn take_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Reply(reply) => {
                self.heed_code(reply.code);
                self.apply(&Input::Reply(&reply), WallNs(0));
            }
            Answer::Unknown(id) => self.apply(&Input::SendFailed(id), WallNs(0)),
        }
    }

    /// The connection orders leave on broke under a request.
    #[cold]
    pub(super) fn lose_orders(&mut self, error: LinkError) {
        if let Some(slot) = self.session.orders() {
            self.lose(slot, error);
        }
    }

    /// The listen key ended: every user connection lives by it and falls silent.
    #[cold]
    pub(super) fn lose_listen_key(&mut self) {
        if self.session.is_up(Link::User) {
            self.parts.counters.count(Counter::ListenKeyLost);
        }
        for slot in Slot::all_of(Link::User) {
            self.lose(slot, LinkError::ListenKey);
        }
    }

    /// Gives a connection up and hands it to the cold thread.
    #[cold]
    pub(super) fn lose(&mut self, slot: Slot, error: LinkError) {
        let Some(connection) = self.parts.links.remove(slot) else { return };
        self.parts.desk.note(LogEntry::Down(slot, error));
        if matches!(error, LinkError::Frame(_)) {
            self.parts.counters.count(Counter::FrameRefused);
        }
        self.tell(ToCold::Lost(slot, error, Some(connection)));
        match slot.link() {
            Link::Public => self.arbiter.set_up(slot.lane(), false),
            Link::User => self.twice.set_up(slot.lane(), None),
            Link::Market | Link::Order => {}
        }
        let change = self.session.lost(self.now, slot);
        self.change(slot, change);
    }

    /// Gives up what is silent or replaced, and pings what may be quiet.
    pub(super) fn watch(&mut self) {
        // Bounded: each round frees a place.
        while let Some((slot, why)) = self.session.watch(self.now) {
            self.lose(slot, LinkError::GivenUp(why));
        }
        if let Some(lane) = self.twice.frozen(self.now.mono, self.parts.session.report_ns) {
            self.session.frozen();
            self.lose(Slot::of(Link::User, lane), LinkError::GivenUp(GiveUp::Frozen));
        }
        // Bounded: a place is due again only after a pause.
        while let Some(slot) = self.session.next_ping(self.now) {
            let Some(connection) = self.parts.links.connection(slot) else { continue };
            match connection.ping() {
                Ok(()) => self.session.sent(self.now, slot),
                Err(error) => self.lose(slot, error),
            }
        }
    }
}
