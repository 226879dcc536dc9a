//! The hot thread's sockets: one poll for all of them, a place for each connection.

use std::io;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use schema::{ConnectionStatus, LINKS, LinkStatus, MonoNs};

use crate::net::LinkError;
use crate::queues::{HotConnection, SLOTS, Slot};

/// One place.
#[derive(Debug, Default)]
struct Place {
    connection: Option<Box<HotConnection>>,
    /// The socket may hold bytes that were not read: edge-triggered readiness is told once.
    is_readable: bool,
}

/// All sockets.
#[derive(Debug)]
pub struct Links {
    poll: Poll,
    events: Events,
    places: [Place; SLOTS],
    /// Traffic by link, for [`schema::Status`].
    pub traffic: [LinkStatus; LINKS],
    /// Traffic by place, for [`schema::Status`].
    pub connections: [ConnectionStatus; SLOTS],
}

impl Links {
    /// Makes the poll.
    ///
    /// # Errors
    /// If the kernel gives none.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(2 * SLOTS),
            places: Default::default(),
            traffic: [LinkStatus::default(); LINKS],
            connections: [ConnectionStatus::default(); SLOTS],
        })
    }

    /// One poll for all sockets; `wait` of zero returns at once. Returns whether there is work.
    #[inline]
    pub fn poll(&mut self, wait: Duration) -> bool {
        let wait = if self.has_work() { Duration::ZERO } else { wait };
        if self.poll.poll(&mut self.events, Some(wait)).is_err() {
            return self.has_work(); // interrupted by a signal
        }
        for event in &self.events {
            let Some(place) = self.places.get_mut(event.token().0) else { continue };
            place.is_readable |= event.is_readable() || event.is_read_closed() || event.is_error();
            if event.is_writable()
                && let Some(connection) = &mut place.connection
            {
                // A failure shows again when the socket is read.
                let _ = connection.flush();
            }
        }
        self.has_work()
    }

    #[inline]
    fn has_work(&self) -> bool {
        self.places.iter().any(|place| place.is_readable)
    }

    /// The next slot at or after `from` with something to read.
    #[inline]
    pub fn next_readable(&self, from: usize) -> Option<Slot> {
        (from..SLOTS).find(|index| self.places[*index].is_readable).map(|index| Slot(index as u8))
    }

    /// The socket is drained.
    #[inline]
    pub fn set_drained(&mut self, slot: Slot) {
        self.places[slot.index()].is_readable = false;
    }

    /// The connection of a slot.
    #[inline]
    pub fn connection(&mut self, slot: Slot) -> Option<&mut HotConnection> {
        self.places[slot.index()].connection.as_deref_mut()
    }

    /// Takes a connection; what came with the handshake is read at once.
    ///
    /// # Errors
    /// The connection back, if it cannot be used or the place is taken.
    pub fn adopt(
        &mut self,
        slot: Slot,
        mut connection: Box<HotConnection>,
    ) -> Result<(), (LinkError, Box<HotConnection>)> {
        let place = &mut self.places[slot.index()];
        if place.connection.is_some() {
            return Err((LinkError::Stuck, connection));
        }
        if let Err(error) = connection.take_early() {
            return Err((error, connection));
        }
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(slot.index());
        if let Err(error) = self.poll.registry().register(connection.socket_mut(), token, interest)
        {
            return Err((LinkError::Socket(error.kind()), connection));
        }
        place.connection = Some(connection);
        place.is_readable = true;
        self.traffic[slot.link() as usize].connects += 1;
        self.connections[slot.index()].connects += 1;
        Ok(())
    }

    /// Gives a connection up.
    pub fn remove(&mut self, slot: Slot) -> Option<Box<HotConnection>> {
        let place = &mut self.places[slot.index()];
        place.is_readable = false;
        let mut connection = place.connection.take()?;
        let _ = self.poll.registry().deregister(connection.socket_mut());
        Some(connection)
    }

    /// Counts a message.
    #[inline]
    pub fn count_message(&mut self, slot: Slot, at: MonoNs) {
        let traffic = &mut self.traffic[slot.link() as usize];
        traffic.frames += 1;
        traffic.last_frame_mono_ns = at.0;
        let connection = &mut self.connections[slot.index()];
        connection.frames += 1;
        connection.last_frame_mono_ns = at.0;
    }
}
