//! The last step of a frame: from the hub into one connection.
//!
//! A connection on a socket owns a bounded queue; one without a socket ([`crate::Inline`]) leaves
//! its frames here until they are drained. Faults of frames strike here.

use std::{
    collections::{HashMap, VecDeque},
    sync::atomic::Ordering,
};

use bytes::Bytes;
use tokio::sync::mpsc::Sender;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{ConnectionId, Hub};
use crate::{
    faults::{Family, Fault, Kind, Part, active::Occasion, spoil},
    topic::Route,
};

/// How long a hole lasts that nobody limits, in milliseconds.
const HOLE_MS: u64 = 3_600_000;
/// How long a stall lasts, in milliseconds.
const STALL_MS: i64 = 5_000;
/// How much later a lagging frame is, in milliseconds.
const LAG_MS: i64 = 200;

/// What a connection's task is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Out {
    /// Send a text frame.
    Text(Utf8Bytes),
    /// Write bytes below the framing.
    Raw(Bytes),
    /// Neither read nor write for so many milliseconds.
    Hole(u64),
    /// End with a close frame of this code.
    Close(u16),
    /// End without a close frame.
    Cut,
    /// End with a TCP reset.
    Reset,
}

impl Out {
    /// Whether nothing can follow it.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Close(_) | Self::Cut | Self::Reset)
    }
}

/// Where a connection's frames go.
#[derive(Debug)]
pub(crate) enum Outlet {
    /// To the task of a socket.
    Queue(Sender<Out>),
    /// Into [`Hub::drain`].
    Kept,
}

/// How many connections a route has had.
#[derive(Debug, Default)]
pub(super) struct Arrivals(HashMap<Route, u64>);

impl Arrivals {
    /// The number of the next one, from 0.
    pub(super) fn next(&mut self, route: Route) -> u64 {
        let count = self.0.entry(route).or_default();
        *count += 1;
        *count - 1
    }
}

/// What is known of a frame besides its text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tag<'a> {
    /// Stream or listen key it belongs to.
    pub(crate) stream: &'a str,
    /// Event.
    pub(crate) event: &'a str,
    /// Symbol.
    pub(crate) symbol: &'a str,
    /// Method it answers.
    pub(crate) method: &'a str,
    /// Account.
    pub(crate) account: Option<usize>,
}

/// Frames on their way to one connection that did not leave yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// In the order they leave, each with its time.
    queue: VecDeque<(i64, Out)>,
    /// Until when nothing leaves.
    stalled_until_ms: i64,
    /// A frame that waits for another to pass it.
    swapped: Option<Out>,
    /// Until when the venue does not hear the client (connections without a socket).
    deaf_until_ms: i64,
}

impl Held {
    fn next_ms(&self) -> Option<i64> {
        self.queue.front().map(|(at_ms, _)| *at_ms)
    }
}

/// The part of the venue a route is.
pub(crate) fn part(route: Route) -> Part {
    match route {
        Route::Public => Part::Public,
        Route::Market => Part::Market,
        Route::Private => Part::Private,
        Route::Order => Part::Order,
    }
}

impl Hub {
    /// Sends a frame to a connection, unless a fault has other plans.
    pub(super) fn deliver(&mut self, id: ConnectionId, frame: Utf8Bytes, tag: &Tag<'_>) {
        let now_ms = self.now_ms;
        let Some(connection) = self.connections.get(&id) else { return };
        let shift_ms = self.faults.shift_ms();
        let frame = match shift_ms {
            0 => frame,
            _ => spoil::shift_times(frame.as_str(), shift_ms).into(),
        };
        let is_plain = connection.held.queue.is_empty()
            && connection.held.swapped.is_none()
            && connection.held.stalled_until_ms <= now_ms;
        if is_plain && !self.faults.has(Family::Frame) {
            return self.put(id, Out::Text(frame));
        }
        let at = Occasion {
            part: Some(part(connection.route)),
            stream: tag.stream,
            event: tag.event,
            symbol: tag.symbol,
            method: tag.method,
            account: tag.account,
            connection: Some(connection.number),
            ..Occasion::default()
        };
        let struck = self.faults.strike(Family::Frame, &at, now_ms);
        let mut outs = vec![Out::Text(frame)];
        let (mut lag_ms, mut swap) = (0, None);
        for fault in &struck {
            match fault.kind {
                Kind::Lag => lag_ms += fault.ms.unwrap_or(LAG_MS),
                Kind::Swap => swap = Some(fault.ms),
                _ => outs = self.strike(id, fault, outs),
            }
        }
        match swap {
            Some(Some(ms)) => return self.send_past(id, outs, ms),
            Some(None) => {
                if let Some(connection) = self.connections.get_mut(&id)
                    && connection.held.swapped.is_none()
                    && outs.len() == 1
                {
                    connection.held.swapped = outs.pop();
                    return;
                }
            }
            None => {}
        }
        self.enqueue(id, outs, now_ms + lag_ms);
    }

    /// What a fault makes of what was to be sent.
    fn strike(&mut self, id: ConnectionId, fault: &Fault, outs: Vec<Out>) -> Vec<Out> {
        let now_ms = self.now_ms;
        let text = outs.iter().find_map(|out| match out {
            Out::Text(text) => Some(text.as_str().to_owned()),
            _ => None,
        });
        let text = text.unwrap_or_default();
        let begun = |end: Out| match fault.bytes {
            None | Some(0) => vec![end],
            Some(bytes) => vec![Out::Raw(spoil::beginning(&text, bytes)), end],
        };
        match fault.kind {
            Kind::Close => vec![Out::Close(fault.code.map_or(1001, |code| code as u16))],
            Kind::Reset => begun(Out::Reset),
            Kind::Cut => begun(Out::Cut),
            Kind::BlackHole => {
                let ms = fault.ms.map_or(HOLE_MS, i64::unsigned_abs);
                let Some(connection) = self.connections.get_mut(&id) else { return outs };
                if matches!(connection.outlet, Outlet::Kept) {
                    let until_ms = now_ms.saturating_add_unsigned(ms);
                    connection.held.stalled_until_ms = until_ms;
                    connection.held.deaf_until_ms = until_ms;
                    return outs;
                }
                let mut all = vec![Out::Hole(ms)];
                all.extend(outs);
                all
            }
            Kind::Stall => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    let until_ms = now_ms + fault.ms.unwrap_or(STALL_MS);
                    let held = &mut connection.held;
                    held.stalled_until_ms = held.stalled_until_ms.max(until_ms);
                }
                outs
            }
            Kind::Silence => Vec::new(),
            Kind::Duplicate => outs.iter().flat_map(|out| [out.clone(), out.clone()]).collect(),
            _ => {
                let chance = self.faults.random();
                let change = |out: Out| match out {
                    Out::Text(text) => match spoil::bytes(fault, text.as_str(), chance) {
                        Some(bytes) => Out::Raw(bytes),
                        None => Out::Text(spoil::text(fault, text.as_str()).into()),
                    },
                    other => other,
                };
                outs.into_iter().map(change).collect()
            }
        }
    }

    /// Sends in order, not before `at_ms`; a swapped frame follows.
    fn enqueue(&mut self, id: ConnectionId, outs: Vec<Out>, at_ms: i64) {
        let now_ms = self.now_ms;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let held = &mut connection.held;
        let last_ms = held.queue.back().map_or(i64::MIN, |(at_ms, _)| *at_ms);
        let at_ms = at_ms.max(held.stalled_until_ms).max(last_ms);
        let swapped = if outs.is_empty() { None } else { held.swapped.take() };
        let all: Vec<Out> = outs.into_iter().chain(swapped).collect();
        if at_ms > now_ms || !held.queue.is_empty() {
            held.queue.extend(all.into_iter().map(|out| (at_ms, out)));
            return;
        }
        for out in all {
            self.put(id, out);
        }
    }

    /// Sends `ms` later while frames to come do not wait.
    fn send_past(&mut self, id: ConnectionId, outs: Vec<Out>, ms: i64) {
        let at_ms = self.now_ms + ms.max(0);
        self.passed.extend(outs.into_iter().map(|out| (at_ms, id, out)));
    }

    /// Sends what was held until now, and ends connections that are to end without a frame.
    pub(crate) fn release(&mut self, now_ms: i64) {
        if self.next_release_ms().is_none() && !self.faults.has(Family::Frame) {
            return;
        }
        let (due, kept) = std::mem::take(&mut self.passed)
            .into_iter()
            .partition::<Vec<_>, _>(|(at_ms, ..)| *at_ms <= now_ms);
        self.passed = kept;
        for (_, id, out) in due {
            self.put(id, out);
        }
        let ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for id in ids {
            while let Some(connection) = self.connections.get_mut(&id)
                && connection.held.next_ms().is_some_and(|at_ms| at_ms <= now_ms)
                && let Some((_, out)) = connection.held.queue.pop_front()
            {
                self.put(id, out);
            }
            if self.faults.has(Family::Frame) {
                self.strike_idle(id, now_ms);
            }
        }
    }

    fn strike_idle(&mut self, id: ConnectionId, now_ms: i64) {
        let Some(connection) = self.connections.get(&id) else { return };
        let at = Occasion {
            part: Some(part(connection.route)),
            connection: Some(connection.number),
            ..Occasion::default()
        };
        if let Some(fault) = self.faults.strike_idle(&at, now_ms) {
            let outs = self.strike(id, &fault, Vec::new());
            self.enqueue(id, outs, now_ms);
        }
    }

    /// When [`Hub::release`] has something to send.
    pub(crate) fn next_release_ms(&self) -> Option<i64> {
        let held = self.connections.values().filter_map(|connection| connection.held.next_ms());
        let passed = self.passed.iter().map(|(at_ms, ..)| *at_ms);
        held.chain(passed).min()
    }

    /// Whether the venue hears what the client says.
    pub(crate) fn hears(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|known| known.held.deaf_until_ms <= self.now_ms)
    }

    /// Ends a connection without a word.
    pub(crate) fn end(&mut self, id: ConnectionId) {
        self.put(id, Out::Cut);
    }

    /// Ends every connection.
    pub(crate) fn close_all(&mut self, code: u16) {
        let ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for id in ids {
            self.put(id, Out::Close(code));
        }
    }
    /// Puts something into a connection's queue; a full one ends the connection.
    pub(super) fn put(&mut self, id: ConnectionId, out: Out) {
        let Some(connection) = self.connections.get(&id) else { return };
        let is_end = out.is_end();
        match &connection.outlet {
            Outlet::Kept => self.kept.push((id, out)),
            Outlet::Queue(queue) => {
                if queue.try_send(out).is_err() {
                    if !queue.is_closed() {
                        log::warn!("connection {id} reads too slowly and is cut");
                        self.stats.slow_cut.fetch_add(1, Ordering::Relaxed);
                    }
                    self.disconnect(id);
                }
            }
        }
        if is_end {
            self.disconnect(id);
        }
    }

    /// What connections without a socket were sent since the last time.
    pub(crate) fn drain(&mut self) -> Vec<(ConnectionId, Out)> {
        std::mem::take(&mut self.kept)
    }
}
