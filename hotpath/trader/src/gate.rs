//! The gate to the wire: what `risk` approved becomes bytes, and nothing else does.
//!
//! [`Gate::send`] takes an [`Action`], whose orders are `Approved<…>` and can be made by
//! `engine::risk` alone, so an unchecked order does not compile.
//!
//! What is true if the process dies, or the link breaks, at each line of [`Gate::send`]:
//!
//! 1. before encoding: the order exists nowhere; its id is spent (the epoch of the next start is
//!    higher, so it is never used again).
//! 2. encoding fails: [`GateError::Encode`], nothing left this host, the engine is told
//!    `SendFailed`.
//! 3. after sealing, before `write()`: the order lies in this process's memory and dies with it.
//!    The engine has no journal record of it yet; the venue has no order. Nothing is lost.
//! 4. `write()` took none or a part: what remains waits in the connection, bounded, in order; the
//!    order counts as in flight. If the link breaks now, its outcome is unknown until the venue
//!    says otherwise (`order.status`, reconciliation).
//! 5. after `write()`, before the journal record: the venue may have an order the journal does not
//!    know. The next start finds it by its `shrk` prefix among the open orders and cancels it, and
//!    its fills are in the venue's account state, which wins.
//! 6. after the journal record: all know.
//!
//! The record comes after the write on purpose: it costs the tick nothing, and line 5 is covered.
//!
//! What goes by REST instead (no order connection is up) is journalled before it leaves the desk, so
//! line 5 does not exist there; [`crate::cold::last_way`] says the rest of it.

use binance::{EncodeError, Encoder, REQUEST_BYTES_MAX};
use engine::Action;
use schema::{RequestId, WallNs};

use crate::net::{HEAD_BYTES_MAX, LinkError, Sent, Wire};
use crate::{crash_point, tsc};

/// Number of the logon request; far above every number the engine gives.
pub const LOGON_REQUEST: RequestId = RequestId(1 << 62);

/// Why nothing, or not surely anything, was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateError {
    /// The request could not be written; nothing left this host.
    Encode(EncodeError),
    /// The link is full and is given up; nothing of this request was sent.
    Stuck,
    /// The link broke: whether the request arrived is unknown.
    Broken(LinkError),
}

impl GateError {
    /// Whether the request certainly never left this host.
    pub const fn is_unsent(self) -> bool {
        matches!(self, Self::Encode(_) | Self::Stuck)
    }
}

/// Stamps of one passage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// After encoding and signing.
    pub encode_tsc: u64,
    /// Around `write()`.
    pub sent: Sent,
}

/// Encoder and the one buffer requests are built in.
#[derive(Debug)]
pub struct Gate {
    encoder: Encoder,
    buffer: Box<[u8; HEAD_BYTES_MAX + REQUEST_BYTES_MAX]>,
    clock_offset_ms: i64,
}

impl Gate {
    /// Takes the encoder; the buffer is allocated here.
    pub fn new(encoder: Encoder) -> Self {
        Self {
            encoder,
            buffer: Box::new([0; HEAD_BYTES_MAX + REQUEST_BYTES_MAX]),
            clock_offset_ms: 0,
        }
    }

    /// Sends one action.
    ///
    /// # Errors
    /// [`GateError`], see the module.
    #[inline]
    pub fn send<W: Wire>(
        &mut self,
        connection: &mut W,
        action: &Action,
        wall: WallNs,
    ) -> Result<Passed, GateError> {
        let out = &mut self.buffer[HEAD_BYTES_MAX..];
        let at = wall.ms() + self.clock_offset_ms;
        let encoded = match action {
            Action::Place(order, id, _) => self.encoder.place(out, *id, order.get(), at),
            Action::Cancel(cancel, id) => self.encoder.cancel(out, *id, cancel.get(), at),
            Action::Modify(modify, id) => self.encoder.modify(out, *id, modify.get(), at),
            Action::Status(order, id) => self.encoder.status(out, *id, order, at),
            Action::PlaceAlgo(order, id) => self.encoder.place_algo(out, *id, order.get(), at),
            Action::CancelAlgo(order, id) => self.encoder.cancel_algo(out, *id, order.get(), at),
        };
        self.pass(connection, encoded)
    }

    /// Logs the connection on (Ed25519 keys only).
    ///
    /// # Errors
    /// [`GateError`].
    pub fn logon<W: Wire>(
        &mut self,
        connection: &mut W,
        wall: WallNs,
    ) -> Result<Passed, GateError> {
        let out = &mut self.buffer[HEAD_BYTES_MAX..];
        let encoded = self.encoder.logon(out, LOGON_REQUEST, wall.ms() + self.clock_offset_ms);
        self.pass(connection, encoded)
    }

    /// What the venue's clock is ahead of ours, ms: requests carry its time.
    pub const fn set_clock_offset_ms(&mut self, offset_ms: i64) {
        self.clock_offset_ms = offset_ms;
    }

    /// Whether requests rely on a logged-on session from now on.
    pub fn set_session(&mut self, logged_on: bool) {
        self.encoder.set_session(logged_on);
    }

    #[inline]
    fn pass<W: Wire>(
        &mut self,
        connection: &mut W,
        encoded: Result<usize, EncodeError>,
    ) -> Result<Passed, GateError> {
        let payload_bytes = encoded.map_err(GateError::Encode)?;
        crash_point!("order_encoded");
        let encode_tsc = tsc::stamp();
        match connection.send_text(&mut self.buffer[..], payload_bytes) {
            Ok(sent) => Ok(Passed { encode_tsc, sent }),
            Err(LinkError::Stuck) => Err(GateError::Stuck),
            Err(error) => Err(GateError::Broken(error)),
        }
    }
}
