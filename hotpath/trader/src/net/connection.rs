//! The hot end of one connection: socket, TLS and frames, without waiting and without allocating.
//!
//! One [`Connection::receive`] is one `read()`; plain text is copied once, from rustls into the
//! [`Inbox`], and parsed where it lies. A frame to be sent is built in the caller's buffer, sealed,
//! and written by one `write()`; what the kernel does not take stays in rustls, bounded by
//! `PENDING_BYTES_MAX`, and goes out when the socket is writable again.
//!
//! rustls allocates one block per record opened and one per record sealed: both calls run in
//! [`alloc::tls_scope`], whose count is published. Its own record layer would remove them
//! (PERF_FLOOR 4), at the price of handling key updates and alerts here.

use std::io::{self, Read, Write};

use rustls::ClientConnection;

use super::frame::{
    CONTROL_BYTES_MAX, FrameError, HEAD_BYTES_MAX, Inbox, Masks, Message, Opcode, frame_in_place,
};
use crate::session::GiveUp;
use crate::{alloc, tsc};

/// Sealed bytes that may wait for the kernel: hundreds of orders. More is a dead connection.
const PENDING_BYTES_MAX: usize = 256 << 10;

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkError {
    /// The server closed it, with the code of its close frame if it sent one.
    Closed(Option<u16>),
    /// The socket failed.
    Socket(io::ErrorKind),
    /// TLS failed: a bad record, an alert.
    Tls,
    /// The server broke the WebSocket protocol.
    Frame(FrameError),
    /// The listen key of the user stream is dead: the socket lives, but nothing comes any more.
    ListenKey,
    /// The kernel takes nothing and the bound for waiting bytes is reached.
    Stuck,
    /// It works, but not as it should.
    GivenUp(GiveUp),
}

impl core::fmt::Display for LinkError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Closed(Some(code)) => write!(f, "closed by the venue with code {code}"),
            Self::Closed(None) => f.write_str("closed by the venue"),
            Self::Socket(kind) => write!(f, "socket: {kind}"),
            Self::Tls => f.write_str("TLS failed"),
            Self::Frame(error) => write!(f, "bad frame: {error}"),
            Self::ListenKey => f.write_str("the listen key expired"),
            Self::Stuck => f.write_str("the venue reads nothing"),
            Self::GivenUp(why) => write!(f, "given up: {why}"),
        }
    }
}
impl core::error::Error for LinkError {}

/// What one [`Connection::receive`] did, with the stamps after each step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Bytes read from the socket.
    pub bytes: usize,
    /// Whether the socket may hold more; if not, readiness is signalled anew.
    pub is_more: bool,
    /// After `read()`.
    pub read_tsc: u64,
    /// After the records were opened.
    pub tls_tsc: u64,
}

/// Stamps around the `write()` of one frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Before `write()`.
    pub call_tsc: u64,
    /// After it.
    pub return_tsc: u64,
}

/// What a request leaves on: a connection, or a simulation's memory.
pub trait Wire {
    /// Sends the `payload_bytes` that stand in `buffer` from [`HEAD_BYTES_MAX`] on, as
    /// [`Connection::send_text`] does.
    ///
    /// # Errors
    /// [`LinkError`].
    fn send_text(&mut self, buffer: &mut [u8], payload_bytes: usize) -> Result<Sent, LinkError>;
}

impl<S: Read + Write> Wire for Connection<S> {
    #[inline]
    fn send_text(&mut self, buffer: &mut [u8], payload_bytes: usize) -> Result<Sent, LinkError> {
        Self::send_text(self, buffer, payload_bytes)
    }
}

/// One established connection.
#[derive(Debug)]
pub struct Connection<S> {
    socket: S,
    tls: ClientConnection,
    inbox: Inbox,
    masks: Masks,
    control: Box<[u8; HEAD_BYTES_MAX + CONTROL_BYTES_MAX]>,
    is_over: bool,
    /// A ping or a pong came since [`Connection::take_life`] was asked last.
    is_alive: bool,
}

/// Tells whether a read filled its buffer: if it did not, the socket is drained (epoll(7), 9).
struct Once<'a, S> {
    socket: &'a mut S,
    is_full: bool,
}

impl<S: Read> Read for Once<'_, S> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        self.is_full = count == buffer.len();
        Ok(count)
    }
}

impl<S: Read + Write> Connection<S> {
    /// Takes over a connection whose opening handshake is done; everything it needs is allocated
    /// here, on the cold thread.
    pub fn new(socket: S, mut tls: ClientConnection) -> Self {
        tls.set_buffer_limit(Some(PENDING_BYTES_MAX));
        Self {
            socket,
            tls,
            inbox: Inbox::new(),
            masks: Masks::from_os(),
            control: Box::new([0; HEAD_BYTES_MAX + CONTROL_BYTES_MAX]),
            is_over: false,
            is_alive: false,
        }
    }

    /// The socket, for registering it.
    pub fn socket_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Takes what rustls decrypted already: frames that came with the end of the handshake.
    ///
    /// # Errors
    /// [`LinkError::Tls`].
    pub fn take_early(&mut self) -> Result<(), LinkError> {
        alloc::tls_scope(|| self.tls.process_new_packets()).map_err(|_| LinkError::Tls)?;
        self.drain()
    }

    /// Reads once from the socket and opens what came.
    ///
    /// # Errors
    /// [`LinkError`]; whole messages that came before it are still in the inbox.
    #[inline]
    pub fn receive(&mut self) -> Result<Received, LinkError> {
        let mut once = Once { socket: &mut self.socket, is_full: false };
        let read = alloc::tls_scope(|| self.tls.read_tls(&mut once));
        let is_more = once.is_full;
        let read_tsc = tsc::stamp();
        let bytes = match read {
            Ok(0) => {
                self.is_over = true;
                0
            }
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Received { read_tsc, tls_tsc: read_tsc, ..Received::default() });
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                return Ok(Received { is_more: true, read_tsc, ..Received::default() });
            }
            Err(error) => return Err(LinkError::Socket(error.kind())),
        };
        let state = alloc::tls_scope(|| self.tls.process_new_packets());
        self.drain()?;
        let state = state.map_err(|_| LinkError::Tls)?;
        if state.peer_has_closed() {
            self.is_over = true;
        }
        let tls_tsc = tsc::stamp();
        if self.tls.wants_write() {
            self.flush()?; // key updates and alerts
        }
        Ok(Received { bytes, is_more, read_tsc, tls_tsc })
    }

    /// Moves plain text into the inbox.
    #[inline]
    fn drain(&mut self) -> Result<(), LinkError> {
        // Bounded: rustls holds at most what one read brought.
        loop {
            let room = self.inbox.room();
            if room.is_empty() {
                return Err(LinkError::Stuck); // taken messages make room: cannot be
            }
            match alloc::tls_scope(|| self.tls.reader().read(room)) {
                Ok(0) => {
                    self.is_over = true;
                    return Ok(());
                }
                Ok(count) => self.inbox.filled(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.is_over = true;
                    return Ok(());
                }
                Err(_) => return Err(LinkError::Tls),
            }
        }
    }

    /// The next message of data; pings are answered and pongs dropped on the way.
    ///
    /// # Errors
    /// [`LinkError`] when the connection is over, after its last message.
    #[inline]
    pub fn next_data(&mut self) -> Result<Option<&[u8]>, LinkError> {
        // Bounded by what the inbox holds.
        loop {
            match self.inbox.next_message().map_err(LinkError::Frame)? {
                Some(Message::Data) => break,
                Some(Message::Ping) => {
                    self.is_alive = true;
                    let payload = self.inbox.payload();
                    let length = payload.len();
                    self.control[HEAD_BYTES_MAX..HEAD_BYTES_MAX + length].copy_from_slice(payload);
                    self.send_control(Opcode::Pong, length)?;
                }
                Some(Message::Pong) => self.is_alive = true,
                Some(Message::Close(code)) => {
                    // Answered out of courtesy; the connection is over either way.
                    let _ = self.send_control(Opcode::Close, 0);
                    return Err(LinkError::Closed(code));
                }
                None if self.is_over => return Err(LinkError::Closed(None)),
                None => return Ok(None),
            }
        }
        Ok(Some(self.inbox.payload()))
    }

    fn send_control(&mut self, opcode: Opcode, length: usize) -> Result<(), LinkError> {
        let mask = self.masks.next_mask();
        let frame = frame_in_place(&mut self.control[..], length, opcode, mask);
        seal(&mut self.tls, frame)?;
        self.flush()
    }

    /// Sends the payload that stands at `HEAD_BYTES_MAX..HEAD_BYTES_MAX + payload_bytes` of
    /// `buffer` as one text frame. The buffer holds garbage afterwards.
    ///
    /// # Errors
    /// [`LinkError`]; nothing of the frame was sent if it is [`LinkError::Stuck`], and it is not
    /// known how much was if it is another.
    #[inline]
    pub fn send_text(
        &mut self,
        buffer: &mut [u8],
        payload_bytes: usize,
    ) -> Result<Sent, LinkError> {
        let mask = self.masks.next_mask();
        let frame = frame_in_place(buffer, payload_bytes, Opcode::Text, mask);
        seal(&mut self.tls, frame)?;
        let call_tsc = tsc::stamp();
        self.flush()?;
        Ok(Sent { call_tsc, return_tsc: tsc::stamp() })
    }

    /// Writes what waits, as far as the kernel takes it.
    ///
    /// # Errors
    /// [`LinkError::Socket`].
    #[inline]
    pub fn flush(&mut self) -> Result<(), LinkError> {
        // Bounded: each round shortens what waits, or ends.
        while self.tls.wants_write() {
            match alloc::tls_scope(|| self.tls.write_tls(&mut self.socket)) {
                Ok(0) => return Err(LinkError::Socket(io::ErrorKind::WriteZero)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(LinkError::Socket(error.kind())),
            }
        }
        Ok(())
    }

    /// Asks the other side for a sign of life.
    ///
    /// # Errors
    /// As [`Connection::send_text`].
    pub fn ping(&mut self) -> Result<(), LinkError> {
        self.send_control(Opcode::Ping, 0)
    }

    /// Whether a ping or a pong came since this was asked last.
    #[inline]
    pub fn take_life(&mut self) -> bool {
        core::mem::take(&mut self.is_alive)
    }

    /// Says goodbye as far as the kernel takes it at once; for the cold thread that drops it.
    pub fn close(&mut self) {
        let _ = self.send_control(Opcode::Close, 0);
        self.tls.send_close_notify();
        let _ = self.flush();
    }
}

/// Seals one frame, whole or not at all.
#[inline]
fn seal(tls: &mut ClientConnection, frame: &[u8]) -> Result<(), LinkError> {
    match alloc::tls_scope(|| tls.writer().write(frame)) {
        Ok(count) if count == frame.len() => Ok(()),
        // The limit cut the frame: the rest can never follow at the right place.
        Ok(_) => Err(LinkError::Stuck),
        Err(_) => Err(LinkError::Tls),
    }
}
