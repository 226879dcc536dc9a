//! The last step of a frame: from the hub into one connection.
//!
//! A connection on a socket owns a bounded queue; one without a socket ([`crate::Inline`]) leaves
//! its frames here until they are drained.

use std::{collections::HashMap, sync::atomic::Ordering};

use bytes::Bytes;
use tokio::sync::mpsc::Sender;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{ConnectionId, Hub};
use crate::topic::Route;

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

impl Hub {
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
