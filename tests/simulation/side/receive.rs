//! What the trader does with what it hears, as `trader::turn` does it.

use binance::{MarketFrame, UserFrame, decode_market, decode_reply, decode_user};
use engine::Input;
use schema::{DepthBuf, DepthHead, DepthKind, Link, OrderReply};
use trader::feed::{Stream, Taken, keys};
use trader::queues::Slot;

use super::brief;
use crate::network::{MS, Wire};
use crate::sites::Site;
use crate::world::World;

impl World {
    /// The place of a wire, if the trader still listens on it.
    fn listening(&mut self, wire: Wire) -> Option<Slot> {
        let line = &self.lines[wire];
        let is_ours = self.side.is_some() && line.life == self.life && line.is_open;
        is_ours.then_some(line.slot)
    }

    /// A text came.
    pub(crate) fn receive(&mut self, wire: Wire, text: &str) {
        let Some(slot) = self.listening(wire) else { return };
        let now = self.now();
        let Some(side) = self.side.as_mut() else { return };
        match slot.link() {
            Link::Public | Link::Market => {
                let Some(mut depth) = side.depth.take() else { return };
                let decoded = decode_market(text.as_bytes(), &side.symbols, &mut depth);
                match decoded {
                    Ok(frame) => {
                        let change = side.session.heard(now, slot, Stream::of(&frame));
                        self.changed(change);
                        self.market(slot, &frame, &mut depth);
                    }
                    Err(_) => side.session.refused(slot),
                }
                if let Some(side) = self.side.as_mut() {
                    side.depth = Some(depth);
                }
                self.release_held();
            }
            Link::User => {
                let decoded = decode_user(text.as_bytes(), &side.symbols);
                match decoded {
                    Ok(frame) => {
                        let change = side.session.heard(now, slot, None);
                        self.changed(change);
                        self.note(|| format!("< user {}: {}", slot.lane(), brief(text)));
                        self.user(slot, &frame);
                    }
                    Err(_) => side.session.refused(slot),
                }
            }
            Link::Order => match decode_reply(text.as_bytes()) {
                Ok(reply) => {
                    let change = side.session.heard(now, slot, None);
                    self.changed(change);
                    self.note(|| format!("< {}", brief(text)));
                    self.reply(&reply);
                }
                Err(_) => side.session.refused(slot),
            },
        }
    }

    pub(crate) fn receive_garbage(&mut self, wire: Wire) {
        let Some(slot) = self.listening(wire) else { return };
        self.note(|| format!("< garbage on {} {}", slot.link(), slot.lane()));
        if let Some(side) = self.side.as_mut() {
            side.session.refused(slot);
        }
    }

    pub(crate) fn ponged(&mut self, wire: Wire) {
        if let (Some(slot), Some(side)) = (self.listening(wire), self.side.as_mut()) {
            side.session.alive(slot);
        }
    }

    pub(crate) fn ended(&mut self, wire: Wire) {
        if let Some(slot) = self.listening(wire) {
            self.lose(slot);
        }
    }

    fn market(&mut self, slot: Slot, frame: &MarketFrame, depth: &mut DepthBuf) {
        let now = self.now();
        let Some(side) = self.side.as_mut() else { return };
        let (at, lane) = (now.mono, slot.lane());
        match frame {
            MarketFrame::BookTicker(ticker) => {
                let taken = side.arbiter.ticker(at, lane, ticker);
                if self.passes(taken) {
                    self.feed(&Input::BookTicker(ticker));
                }
            }
            MarketFrame::Trade(trade) => {
                let taken = side.arbiter.trade(at, lane, trade);
                if self.passes(taken) {
                    self.feed(&Input::Trade(trade));
                }
            }
            MarketFrame::Mark(mark) => {
                if matches!(side.arbiter.mark(at, lane, mark), Taken::Pass | Taken::Restarted) {
                    self.feed(&Input::Mark(mark));
                }
            }
            MarketFrame::Depth(head) => {
                let mut head = *head;
                if head.kind != DepthKind::Partial {
                    self.judge.diff(&head, now);
                    self.note_diff(lane, &head);
                }
                let Some(side) = self.side.as_mut() else { return };
                let taken = side.arbiter.depth(at, lane, &mut head, depth);
                if taken == Taken::Held {
                    self.judge.held += 1;
                }
                if self.passes(taken) {
                    self.feed(&Input::Depth(&head, depth));
                }
            }
            _ => {}
        }
    }

    fn note_diff(&mut self, lane: usize, head: &DepthHead) {
        self.note(|| {
            let (first, last) = (head.first_update_id, head.last_update_id);
            format!("< diff on {lane}: {first} to {last} after {}", head.previous_update_id)
        });
    }

    fn passes(&mut self, taken: Taken) -> bool {
        match taken {
            Taken::Pass => true,
            Taken::Drop | Taken::Held => false,
            Taken::Restarted => {
                self.feed(&Input::Link(Link::Public, false));
                self.feed(&Input::Link(Link::Public, true));
                true
            }
        }
    }

    pub(super) fn release_held(&mut self) {
        let Some(mut depth) = self.side.as_mut().and_then(|side| side.depth.take()) else { return };
        let at = self.now().mono;
        while let Some((_, head)) =
            self.side.as_mut().and_then(|side| side.arbiter.next_held(at, &mut depth))
        {
            self.feed(&Input::Depth(&head, &depth));
        }
        while let Some(symbol) = self.side.as_mut().and_then(|side| side.arbiter.next_diverged()) {
            self.feed(&Input::FeedDiverged(symbol));
        }
        if let Some(side) = self.side.as_mut() {
            side.depth = Some(depth);
        }
    }

    /// A snapshot, or prices by REST.
    pub(crate) fn take_depth(&mut self, head: &DepthHead, depth: &DepthBuf) {
        self.judge.snapshot(head);
        self.note(|| format!("< {:?} at {}", head.kind, head.last_update_id));
        self.feed(&Input::Depth(head, depth));
    }

    fn user(&mut self, slot: Slot, frame: &UserFrame) {
        let key = match frame {
            UserFrame::Report(report) => keys::report(report),
            UserFrame::TradeLite(trade) => keys::trade_lite(trade),
            UserFrame::Account(update) => keys::account(update),
            UserFrame::Algo(update) => keys::algo(update),
            UserFrame::ListenKeyExpired => {
                self.sites.hit(Site::ListenKeyGone);
                return self.lose(slot);
            }
            _ => return,
        };
        let now = self.now();
        let Some(side) = self.side.as_mut() else { return };
        if !side.twice.pass(now.mono, slot.lane(), key) {
            return;
        }
        match frame {
            UserFrame::Report(report) => {
                side.session.reported(report);
                self.feed(&Input::Report(report));
            }
            UserFrame::TradeLite(trade) => self.feed(&Input::TradeLite(trade)),
            UserFrame::Account(update) => self.feed(&Input::Account(update)),
            UserFrame::Algo(update) => self.feed(&Input::Algo(update)),
            _ => {}
        }
    }

    fn reply(&mut self, reply: &OrderReply) {
        let (now, venue_ms) = (self.now(), self.venue_ms());
        let Some(side) = self.side.as_mut() else { return };
        if matches!(reply.code, -1_021 | -5_028) {
            side.cold.clock_at = now.mono.0;
            self.sites.hit(Site::ClockRefused);
        }
        if reply.status == 418 || reply.status == 429 {
            // The trader's clock is compared with the venue's, not the same.
            let offset_ns = side.desk.engine.clock_offset_ns();
            let slack_ms = 20 + (self.skew_ns.abs() + offset_ns.abs()) / MS as i64;
            let wait_ms = (reply.retry_after_ms - venue_ms - slack_ms).clamp(0, 10_000) as u64;
            self.banned_until = self.banned_until.max(now.mono.0 + wait_ms * MS);
            self.rest_banned_until = self.rest_banned_until.max(self.banned_until);
            self.sites.hit(Site::BanObeyed);
        }
        let kind = side.desk.engine.request_kind(reply.request_id);
        if matches!(kind, Some(schema::RequestKind::Place | schema::RequestKind::Cancel)) {
            side.session.acknowledged(now, reply);
        }
        self.feed(&Input::Reply(reply));
    }
}
