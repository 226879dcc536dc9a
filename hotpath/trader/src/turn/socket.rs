//! Sockets of a turn: read, decode, hand on.

use binance::{DecodeError, MarketFrame, SymbolTable, UserFrame};
use binance::{decode_market, decode_reply, decode_user};
use schema::{DepthBuf, Link, OrderReply, Stage, SymbolId};

use super::Turn;
use crate::feed::Stream;
use crate::queues::{LogEntry, Slot};
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
                    Ok(None) => {
                        if connection.take_life() {
                            self.session.alive(slot);
                        }
                        break;
                    }
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
        if !matches!(decoded, Decoded::Unread(..))
            && let Some(change) = self.session.heard(self.now, slot, decoded.stream())
        {
            self.change(slot, change);
        }
        match decoded {
            Decoded::Market(frame) => self.market(slot, frame),
            Decoded::User(frame) => self.user(slot, &frame),
            Decoded::Reply(reply) => self.reply(slot, &reply),
            Decoded::Unread(error, bytes) => {
                self.parts.links.traffic[slot.link() as usize].decode_errors += 1;
                self.parts.counters.count(schema::Counter::FrameRefused);
                self.session.refused(slot);
                self.parts.desk.note(LogEntry::Unread(slot, error, bytes));
            }
        }
    }
}

impl Decoded {
    /// Which market stream it came on.
    #[inline]
    fn stream(&self) -> Option<(SymbolId, Stream)> {
        let Self::Market(frame) = self else { return None };
        Stream::of(frame)
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
