//! Sockets of a turn: read, decode, hand to the engine; and links that come and go.

use binance::{DecodeError, MarketFrame, SymbolTable, UserFrame};
use binance::{decode_market, decode_reply, decode_user};
use engine::Input;
use rings::broadcast;
use schema::{
    DepthBuf, DepthHead, Event, ExecutionReport, Link, MonoNs, OrderReply, Record, Side, Stage,
    WallNs,
};

use super::Turn;
use crate::gate::LOGON_REQUEST;
use crate::net::LinkError;
use crate::queues::{LogEntry, Slot, ToCold};
use crate::tsc;

/// Reads of one socket in one turn: 4 KiB each, so that one busy socket cannot hold up the others.
const READS_PER_TURN: usize = 8;

/// One decoded message.
enum Decoded {
    Market(MarketFrame),
    User(UserFrame),
    Reply(OrderReply),
    Unread(DecodeError, [u8; 48]),
}

impl Turn {
    /// Reads a socket and works through its messages.
    #[inline]
    pub(super) fn serve(&mut self, slot: Slot) {
        let mut stamps = [0; 9];
        stamps[Stage::Ready as usize] = self.ready_tsc;
        for _ in 0..READS_PER_TURN {
            let Some(connection) = self.parts.links.connection(slot) else {
                return self.parts.links.set_drained(slot);
            };
            let received = match connection.receive() {
                Ok(received) => received,
                Err(error) => return self.lose(slot, error),
            };
            stamps[Stage::Read as usize] = received.read_tsc;
            stamps[Stage::Tls as usize] = received.tls_tsc;
            self.parts.links.traffic[slot.link() as usize].bytes += received.bytes as u64;
            loop {
                let Some(connection) = self.parts.links.connection(slot) else { return };
                let bytes = match connection.next_data() {
                    Ok(Some(bytes)) => bytes,
                    Ok(None) => break,
                    Err(error) => return self.lose(slot, error),
                };
                stamps[Stage::Frame as usize] = tsc::stamp();
                let decoded = decode(slot.link(), bytes, &self.parts.symbols, &mut self.depth);
                stamps[Stage::Decode as usize] = tsc::stamp();
                self.stamps = stamps;
                self.parts.links.count_message(slot, self.now.mono);
                self.dispatch(slot, decoded);
            }
            if !received.is_more {
                return self.parts.links.set_drained(slot);
            }
        }
    }

    #[inline]
    fn dispatch(&mut self, slot: Slot, decoded: Decoded) {
        if !self.is_proved[slot.index()] {
            self.is_proved[slot.index()] = true;
            self.tell(ToCold::Proved(slot));
        }
        match decoded {
            Decoded::Market(frame) => self.market(frame),
            Decoded::User(frame) => self.user(slot, &frame),
            Decoded::Reply(reply) => self.reply(slot, &reply),
            Decoded::Unread(error, bytes) => {
                self.parts.links.traffic[slot.link() as usize].decode_errors += 1;
                self.parts.desk.note(LogEntry::Unread(slot, error, bytes));
            }
        }
    }

    /// A market event: decide and send first, then publish what was seen.
    #[inline]
    fn market(&mut self, frame: MarketFrame) {
        match frame {
            MarketFrame::BookTicker(ticker) => {
                self.apply(&Input::BookTicker(&ticker), ticker.event_time);
                self.publish(&Event::BookTicker(ticker));
            }
            MarketFrame::Trade(trade) => {
                self.apply(&Input::Trade(&trade), trade.event_time);
                self.publish(&Event::Trade(trade));
            }
            MarketFrame::Mark(mark) => {
                self.apply(&Input::Mark(&mark), mark.event_time);
                self.publish(&Event::Mark(mark));
            }
            MarketFrame::Depth(head) => self.depth(head),
            _ => return,
        }
        self.ticks += 1;
        #[cfg(test)]
        super::tests::allocate_if_planted();
    }

    #[inline]
    fn depth(&mut self, head: DepthHead) {
        let Self { parts, depth, now, stamps, .. } = self;
        let orders = parts.links.orders();
        let result =
            parts.desk.take(*now, &Input::Depth(&head, depth), head.event_time, orders, stamps);
        let number = parts.desk.engine.input_number();
        publish_depth(&mut parts.market, &head, depth, now.mono, number);
        self.after(result);
    }

    fn user(&mut self, slot: Slot, frame: &UserFrame) {
        self.user_seen_at = self.now.wall;
        let none = WallNs(0);
        match frame {
            UserFrame::Report(report) => {
                self.note_trade(report);
                self.apply(&Input::Report(report), none);
            }
            UserFrame::TradeLite(trade) => self.apply(&Input::TradeLite(trade), none),
            UserFrame::Account(update) => self.apply(&Input::Account(update), none),
            // The next dial asks for a new key; reconciliation finds what was missed.
            UserFrame::ListenKeyExpired => self.lose(slot, LinkError::ListenKey),
            _ => {}
        }
    }

    pub(super) fn note_trade(&mut self, report: &ExecutionReport) {
        if let Some(last) = self.last_trades.get_mut(report.symbol.index()) {
            *last = (*last).max(report.trade_id);
        }
    }

    fn reply(&mut self, slot: Slot, reply: &OrderReply) {
        if reply.request_id != LOGON_REQUEST {
            return self.apply(&Input::Reply(reply), WallNs(0));
        }
        if reply.is_ok() {
            self.parts.desk.gate.set_session(true);
            self.set_order_ready(true);
        } else {
            self.parts.desk.note(LogEntry::LogonRefused(reply.code));
            self.lose(slot, LinkError::Closed(None));
        }
    }

    #[cold]
    pub(super) fn lose_orders(&mut self, error: LinkError) {
        for index in 0..crate::queues::CONNECTIONS_PER_LINK {
            let slot = Slot::of(Link::Order, index);
            if self.parts.links.connection(slot).is_some() {
                return self.lose(slot, error);
            }
        }
    }

    /// Gives a connection up and hands it to the cold thread.
    #[cold]
    pub(super) fn lose(&mut self, slot: Slot, error: LinkError) {
        let Some(connection) = self.parts.links.remove(slot) else { return };
        self.is_proved[slot.index()] = false;
        self.parts.desk.note(LogEntry::Down(slot, error));
        self.tell(ToCold::Lost(slot, error, Some(connection)));
        let link = slot.link();
        if link == Link::Order {
            self.parts.desk.gate.set_session(false);
        }
        if self.parts.links.is_up(link) {
            return;
        }
        if link == Link::User && self.user_lost_at.is_none() {
            self.user_lost_at = Some(self.user_seen_at);
        }
        if link == Link::Order {
            self.set_order_ready(false);
        } else {
            self.link(link, false);
        }
    }

    pub(super) fn link(&mut self, link: Link, is_up: bool) {
        self.apply(&Input::Link(link, is_up), WallNs(0));
        self.publish(&Event::Link(link, is_up));
    }

    pub(super) fn set_order_ready(&mut self, is_ready: bool) {
        self.parts.desk.set_order_ready(is_ready);
        self.link(Link::Order, is_ready);
    }

    #[cold]
    pub(super) fn came_up(&mut self, slot: Slot) {
        self.parts.desk.note(LogEntry::Up(slot));
        if slot.link() != Link::Order {
            return self.link(slot.link(), true);
        }
        if !self.parts.needs_logon {
            return self.set_order_ready(true);
        }
        let Some(connection) = self.parts.links.connection(slot) else { return };
        if self.parts.desk.gate.logon(connection, self.now.wall).is_err() {
            self.lose(slot, LinkError::Stuck);
        }
    }
}

#[inline]
fn decode(link: Link, bytes: &[u8], symbols: &SymbolTable, depth: &mut DepthBuf) -> Decoded {
    let decoded = match link {
        Link::Public | Link::Market => decode_market(bytes, symbols, depth).map(Decoded::Market),
        Link::User => decode_user(bytes, symbols).map(Decoded::User),
        Link::Order => decode_reply(bytes).map(Decoded::Reply),
    };
    decoded.unwrap_or_else(|error| {
        let mut head = [0; 48];
        let length = bytes.len().min(head.len());
        head[..length].copy_from_slice(&bytes[..length]);
        Decoded::Unread(error, head)
    })
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
