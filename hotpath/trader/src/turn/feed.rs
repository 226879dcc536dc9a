//! What market and user streams bring: each message once, to the engine first, then to the ring.

use binance::{MarketFrame, UserFrame};
use engine::{Input, Now};
use rings::broadcast;
use schema::{
    Counter, DepthBuf, DepthHead, Event, Link, MonoNs, OrderReply, Record, RequestKind, Side,
    WallNs,
};

use super::{Parts, Turn, order_connection};
use crate::desk::Stamps;
use crate::feed::{Taken, keys};
use crate::gate::LOGON_REQUEST;
use crate::net::LinkError;
use crate::queues::{LogEntry, Slot};
use crate::session::{GiveUp, Session};

impl Turn {
    /// A market event: decide and send first, then publish what was seen.
    #[inline]
    pub(super) fn market(&mut self, slot: Slot, frame: MarketFrame) {
        let (at, lane) = (self.now.mono, slot.lane());
        match frame {
            MarketFrame::BookTicker(ticker) => {
                let taken = self.arbiter.ticker(at, lane, &ticker);
                if !self.passes(taken, ticker.event_time) {
                    return;
                }
                self.apply(&Input::BookTicker(&ticker), ticker.event_time);
            }
            MarketFrame::Trade(trade) => {
                let taken = self.arbiter.trade(at, lane, &trade);
                if !self.passes(taken, trade.event_time) {
                    return;
                }
                self.apply(&Input::Trade(&trade), trade.event_time);
            }
            MarketFrame::Mark(mark) => {
                // Its ids are times: where they begin anew there is no book to forget.
                let taken = self.arbiter.mark(at, lane, &mark);
                if !matches!(taken, Taken::Pass | Taken::Restarted) {
                    return;
                }
                self.apply(&Input::Mark(&mark), mark.event_time);
            }
            MarketFrame::Depth(head) => return self.depth(lane, head),
            _ => return,
        }
        self.ticked();
    }

    #[inline]
    fn ticked(&mut self) {
        self.ticks += 1;
        #[cfg(test)]
        super::tests::allocate_if_planted();
    }

    /// Whether the engine hears of it; old messages are counted, and its own checks judge them.
    #[inline]
    fn passes(&mut self, taken: Taken, event_time: WallNs) -> bool {
        match taken {
            Taken::Pass => {}
            Taken::Drop | Taken::Held => return false,
            Taken::Restarted => self.begin_anew(),
        }
        if self.now.wall.0.saturating_sub(event_time.0) > self.parts.stale_ns {
            self.parts.counters.count(Counter::StaleTick);
        }
        true
    }

    /// The venue counts anew: what the engine knows of the books is worthless.
    #[cold]
    fn begin_anew(&mut self) {
        self.link(Link::Public, false);
        self.link(Link::Public, true);
    }

    #[inline]
    fn depth(&mut self, lane: usize, mut head: DepthHead) {
        let taken = self.arbiter.depth(self.now.mono, lane, &mut head, &mut self.depth);
        if !self.passes(taken, head.event_time) {
            return;
        }
        self.take_own_depth(&head, head.event_time);
        self.ticked();
        self.release_held();
    }

    /// Diffs that waited for one that came, or waited long enough.
    #[inline]
    pub(super) fn release_held(&mut self) {
        // Bounded by what is held.
        while let Some((_, head)) = self.arbiter.next_held(self.now.mono, &mut self.depth) {
            self.take_own_depth(&head, WallNs(0));
            self.ticked();
        }
        while let Some(symbol) = self.arbiter.next_diverged() {
            self.parts.desk.note(LogEntry::Diverged(symbol));
            self.apply(&Input::FeedDiverged(symbol), WallNs(0));
        }
    }

    /// The depth event whose levels were decoded last.
    #[inline]
    fn take_own_depth(&mut self, head: &DepthHead, event_time: WallNs) {
        let Self { parts, depth, now, stamps, session, .. } = self;
        let sent = parts.desk.sent();
        let mut none = [0; 9];
        let stamps = if event_time.0 == 0 { &mut none } else { stamps };
        let result = hand_on(parts, session, *now, head, depth, event_time, stamps);
        self.after(sent, result);
    }

    /// A depth event from elsewhere.
    pub(super) fn take_depth(&mut self, head: &DepthHead, depth: &DepthBuf) {
        let Self { parts, now, session, .. } = self;
        let sent = parts.desk.sent();
        let result = hand_on(parts, session, *now, head, depth, WallNs(0), &mut [0; 9]);
        self.after(sent, result);
    }

    pub(super) fn user(&mut self, slot: Slot, frame: &UserFrame) {
        let key = match frame {
            UserFrame::Report(report) => keys::report(report),
            UserFrame::TradeLite(trade) => keys::trade_lite(trade),
            UserFrame::Account(update) => keys::account(update),
            UserFrame::Algo(update) => keys::algo(update),
            // The next dial asks for a new key; reconciliation finds what was missed.
            UserFrame::ListenKeyExpired => return self.lose_listen_key(),
            _ => return,
        };
        if !self.twice.pass(self.now.mono, slot.lane(), key) {
            return;
        }
        let none = WallNs(0);
        match frame {
            UserFrame::Report(report) => {
                crate::crash_point!("report_read");
                self.session.reported(report);
                self.apply(&Input::Report(report), none);
            }
            UserFrame::TradeLite(trade) => self.apply(&Input::TradeLite(trade), none),
            UserFrame::Account(update) => self.apply(&Input::Account(update), none),
            UserFrame::Algo(update) => self.apply(&Input::Algo(update), none),
            _ => {}
        }
    }

    pub(super) fn reply(&mut self, slot: Slot, reply: &OrderReply) {
        if reply.request_id != LOGON_REQUEST {
            crate::crash_point!("reply_read");
            self.heed_code(reply.code);
            let kind = self.parts.desk.engine.request_kind(reply.request_id);
            if matches!(kind, Some(RequestKind::Place | RequestKind::Cancel)) {
                self.session.acknowledged(self.now, reply);
            }
            return self.apply(&Input::Reply(reply), WallNs(0));
        }
        if reply.is_ok() {
            let change = self.session.logged_on(slot);
            self.change(slot, change);
        } else {
            self.parts.desk.note(LogEntry::LogonRefused(reply.code));
            self.lose(slot, LinkError::GivenUp(GiveUp::LogonRefused));
        }
    }
}

/// Hands a depth event to the engine, then publishes it.
#[inline]
fn hand_on(
    parts: &mut Parts,
    session: &Session,
    now: Now,
    head: &DepthHead,
    depth: &DepthBuf,
    event_time: WallNs,
    stamps: &mut Stamps,
) -> Result<(), LinkError> {
    let orders = order_connection(session, &mut parts.links);
    let result = parts.desk.take(now, &Input::Depth(head, depth), event_time, orders, stamps);
    let number = parts.desk.engine.input_number();
    publish_depth(&mut parts.market, head, depth, now.mono, number);
    result
}

/// A depth event: its head, then its levels, as consecutive records.
pub(super) fn publish_depth(
    market: &mut broadcast::Writer<Record>,
    head: &DepthHead,
    depth: &DepthBuf,
    at: MonoNs,
    number: u64,
) {
    let mut record = Event::Depth(*head).to_record();
    let levels = Record::level_records(depth.bids().len(), depth.asks().len());
    record.count = levels as u16; // at most 334
    market.publish(&record.stamped(at, number));
    for record in Record::levels(head.symbol, Side::Buy, depth.bids()) {
        market.publish(&record.stamped(at, number));
    }
    for record in Record::levels(head.symbol, Side::Sell, depth.asks()) {
        market.publish(&record.stamped(at, number));
    }
}
