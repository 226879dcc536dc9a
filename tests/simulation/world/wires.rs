//! What passes between trader and venue.

use std::cmp::Reverse;

use trader::queues::Slot;
use venue::Sent;

use super::{Event, World};
use crate::network::{Fate, Line, MS, Way, Wire};

impl World {
    /// Messages on a wire that arrive, or not.
    pub(crate) fn send(&mut self, wire: Wire, way: Way, event: impl Fn(Wire) -> Event) {
        let now_ns = self.now_ns;
        match self.lines[wire].fate(now_ns, way, &self.plan, &mut self.random) {
            Fate::Lost => {}
            Fate::Arrives(at) => self.at(at, event(wire)),
            Fate::Twice(first, second) => {
                self.at(first, event(wire));
                self.at(second, event(wire));
            }
            Fate::Garbled(at) => self.at(at, Event::Garbled(wire)),
            Fate::Cut(at) => {
                self.at(at, Event::Ended(wire));
                self.at(at, Event::Closed(wire));
            }
        }
    }

    /// Sends on what the venue said.
    pub(crate) fn drain(&mut self) {
        for (connection, sent) in self.venue.drain() {
            let Some(&wire) = self.by_venue.get(&connection) else { continue };
            match sent {
                Sent::Text(text) => {
                    self.send(wire, Way::ToTrader, |wire| Event::ToTrader(wire, text.clone()));
                }
                Sent::Bytes(_) => self.send(wire, Way::ToTrader, Event::Garbled),
                Sent::Ended => {
                    self.lines[wire].is_served = false;
                    self.after(2 * MS, Event::Ended(wire));
                }
            }
        }
    }

    /// A new connection.
    pub(crate) fn connect(&mut self, slot: Slot, path: &str) -> Option<Wire> {
        let now_ms = self.venue_ms();
        let connection = self.venue.open(now_ms, path)?;
        let wire = self.lines.len();
        self.lines.push(Line::new(connection, slot, self.life));
        self.by_venue.insert(connection, wire);
        Some(wire)
    }

    pub(super) fn close_at_venue(&mut self, wire: Wire) {
        let line = &mut self.lines[wire];
        if core::mem::replace(&mut line.is_served, false) {
            line.kill();
            let connection = line.venue;
            self.venue.close(connection);
            self.by_venue.remove(&connection);
            self.drain();
        }
    }

    /// Whether an order of ours, an answer or an event of the account is on its way.
    pub(crate) fn is_on_the_way(&self) -> bool {
        self.queue.iter().any(|Reverse(due)| match &due.2 {
            Event::ToVenue(..) => true,
            Event::ToTrader(wire, _) => {
                let line = &self.lines[*wire];
                line.is_open && matches!(line.slot.link(), schema::Link::User | schema::Link::Order)
            }
            _ => false,
        })
    }
}
