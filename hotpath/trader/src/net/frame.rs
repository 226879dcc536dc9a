//! WebSocket frames (RFC 6455) for the hot connections: a fixed buffer in, masking in place out.
//!
//! Why not tungstenite here, which makes the opening handshake and serves everywhere off the hot
//! path: parsing 250 bytes in place takes 3 ns (7 ns with the copy out of TLS) where tungstenite
//! takes 116 ns with its buffer set to 4 KiB and 1.6 µs as it comes, and a masked frame is written
//! in 23 ns without the block that `Message::Text` needs. The protocol without extensions is small
//! enough to be proved against tungstenite as the other side (`tests.rs`).
//!
//! Text is not checked to be UTF-8: the decoders treat messages as bytes and refuse what they do
//! not know. Anything else outside the protocol is a [`FrameError`] and ends the connection.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Longest message accepted, in one frame or in fragments: the largest the venue sends is a depth
/// event of some tens of kilobytes.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Fragments of one message: the venue sends none, and a proxy cuts into pieces of kilobytes.
pub const FRAGMENTS_MAX: u32 = 1_024;
/// Longest head: two bytes, eight of length, four of mask.
pub const HEAD_BYTES_MAX: usize = 14;
/// Longest payload of a control frame.
pub const CONTROL_BYTES_MAX: usize = 125;
/// Room kept for the next read: one TLS record.
const READ_BYTES: usize = 16 << 10;
const INBOX_BYTES: usize = MESSAGE_BYTES_MAX + HEAD_BYTES_MAX + READ_BYTES;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// Goes on with the message before.
    Continuation = 0,
    /// Text.
    Text = 1,
    /// Bytes.
    Binary = 2,
    /// Wants to close.
    Close = 8,
    /// Wants a pong with the same payload.
    Ping = 9,
    /// Answers a ping.
    Pong = 10,
}

impl Opcode {
    fn from_nibble(value: u8) -> Option<Self> {
        Some(match value {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }
    fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// Why the bytes are not what a server may send; the connection is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// A reserved bit: an extension that was not negotiated.
    ReservedBits,
    /// An opcode that does not exist.
    Opcode(u8),
    /// A masked frame: only clients mask.
    Masked,
    /// Longer than [`MESSAGE_BYTES_MAX`], in one frame or together.
    TooLong(u64),
    /// More than [`FRAGMENTS_MAX`] fragments without an end.
    Endless,
    /// A length not in its shortest form.
    Length,
    /// A control frame that is fragmented or longer than 125 bytes.
    Control,
    /// A continuation of nothing.
    Continuation,
    /// A new message before the one before was finished.
    Interrupted,
    /// A close frame of one byte.
    CloseCode,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::ReservedBits => f.write_str("reserved bits set without an extension"),
            Self::Opcode(opcode) => write!(f, "opcode {opcode} does not exist"),
            Self::Masked => f.write_str("the server masked a frame"),
            Self::TooLong(bytes) => write!(f, "message of {bytes} bytes is over the cap"),
            Self::Endless => f.write_str("a message of endless fragments"),
            Self::Length => f.write_str("length not in its shortest form"),
            Self::Control => f.write_str("control frame fragmented or over 125 bytes"),
            Self::Continuation => f.write_str("continuation without a message"),
            Self::Interrupted => f.write_str("new message inside a fragmented one"),
            Self::CloseCode => f.write_str("close frame of one byte"),
        }
    }
}
impl core::error::Error for FrameError {}

/// A frame's head, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    fin: bool,
    opcode: Opcode,
    head_bytes: usize,
    payload_bytes: usize,
}

/// One whole message of the server; its bytes are [`Inbox::payload`] until the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Text or bytes: the venue's JSON.
    Data,
    /// To be answered by a pong with the same payload.
    Ping,
    /// An answer to a ping; nothing to do.
    Pong,
    /// The server closes, with its code if it gave one.
    Close(Option<u16>),
}

/// Reads the head at the start of `bytes`; `None` if it is not all there.
#[inline]
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, FrameError> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(FrameError::ReservedBits);
    }
    let opcode = Opcode::from_nibble(first & 0x0f).ok_or(FrameError::Opcode(first & 0x0f))?;
    if second & 0x80 != 0 {
        return Err(FrameError::Masked);
    }
    let fin = first & 0x80 != 0;
    let (head_bytes, length) = match second {
        short @ 0..=125 => (2, u64::from(short)),
        126 => {
            let Some(&[a, b]) = bytes.get(2..4).and_then(|b| b.first_chunk()) else {
                return Ok(None);
            };
            (4, u64::from(u16::from_be_bytes([a, b])))
        }
        _ => {
            let Some(wide) = bytes.get(2..10).and_then(|b| b.first_chunk::<8>()) else {
                return Ok(None);
            };
            (10, u64::from_be_bytes(*wide))
        }
    };
    if head_bytes == 4 && length < 126 || head_bytes == 10 && length < 65_536 {
        return Err(FrameError::Length);
    }
    if length > MESSAGE_BYTES_MAX as u64 {
        return Err(FrameError::TooLong(length));
    }
    if opcode.is_control() && (!fin || length > CONTROL_BYTES_MAX as u64) {
        return Err(FrameError::Control);
    }
    Ok(Some(Head { fin, opcode, head_bytes, payload_bytes: length as usize }))
}

/// Buffers of connections that are over, for those to come: every fault replaces one, and two
/// megabytes given back and taken anew by other threads each time would spread over the heap.
static SPARE: Mutex<Vec<Buffers>> = Mutex::new(Vec::new());
/// More than a trader ever has connections; further ones are freed.
const SPARE_MAX: usize = 32;

/// Memory of an [`Inbox`]: received bytes, and fragments joined.
type Buffers = (Box<[u8]>, Box<[u8]>);

fn spare() -> MutexGuard<'static, Vec<Buffers>> {
    // Whoever panicked while holding it left whole buffers in it.
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was received and not yet read; sized once, parsed in place.
#[derive(Debug)]
pub struct Inbox {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// Fragments joined; pages of it are touched only if the server fragments.
    joined: Box<[u8]>,
    joined_bytes: usize,
    fragments: u32,
    is_joining: bool,
    /// Where the payload of the newest message lies; `None` for the joined buffer.
    payload: Option<(usize, usize)>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut spare = spare();
        if spare.len() < SPARE_MAX {
            spare.push((std::mem::take(&mut self.bytes), std::mem::take(&mut self.joined)));
        }
    }
}

impl Inbox {
    /// Reserves its memory; nothing allocates afterwards. Made and dropped on cold threads only.
    pub fn new() -> Self {
        let known = spare().pop();
        let (bytes, joined) = known.unwrap_or_else(|| {
            let buffer = |bytes: usize| vec![0; bytes].into_boxed_slice();
            (buffer(INBOX_BYTES), buffer(MESSAGE_BYTES_MAX))
        });
        Self {
            bytes,
            start: 0,
            end: 0,
            joined,
            joined_bytes: 0,
            fragments: 0,
            is_joining: false,
            payload: None,
        }
    }

    /// Where the next received bytes go; at least 16 KiB once all whole messages were taken.
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.bytes.len() - self.end < READ_BYTES {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.bytes[self.end..]
    }

    /// Says that `count` bytes were written to [`Inbox::room`].
    #[inline]
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// The next whole message.
    ///
    /// # Errors
    /// [`FrameError`]; the connection cannot go on after it.
    #[inline]
    pub fn next_message(&mut self) -> Result<Option<Message>, FrameError> {
        // Each round takes at least two bytes, so the buffer bounds the loop.
        loop {
            let Some(head) = parse_head(&self.bytes[self.start..self.end])? else {
                return Ok(None);
            };
            let payload = self.start + head.head_bytes;
            let next = payload + head.payload_bytes;
            if next > self.end {
                return Ok(None);
            }
            self.start = next;
            self.payload = Some((payload, next));
            if head.fin && matches!(head.opcode, Opcode::Text | Opcode::Binary) {
                if self.is_joining {
                    return Err(FrameError::Interrupted);
                }
                return Ok(Some(Message::Data));
            }
            if head.opcode.is_control() {
                return control(head.opcode, &self.bytes[payload..next]).map(Some);
            }
            if self.join(head, payload..next)? {
                self.payload = None;
                return Ok(Some(Message::Data));
            }
        }
    }

    /// Payload of the message [`Inbox::next_message`] returned last; gone with the next
    /// [`Inbox::room`].
    #[inline]
    pub fn payload(&self) -> &[u8] {
        match self.payload {
            Some((start, end)) => &self.bytes[start..end],
            None => &self.joined[..self.joined_bytes],
        }
    }

    /// Adds a fragment; whether the message is whole.
    #[cold]
    fn join(&mut self, head: Head, at: core::ops::Range<usize>) -> Result<bool, FrameError> {
        match (head.opcode, self.is_joining) {
            (Opcode::Continuation, false) => return Err(FrameError::Continuation),
            (Opcode::Continuation, true) => {}
            (_, true) => return Err(FrameError::Interrupted),
            (_, false) => (self.joined_bytes, self.fragments) = (0, 0),
        }
        self.fragments += 1;
        if self.fragments > FRAGMENTS_MAX {
            return Err(FrameError::Endless);
        }
        let total = self.joined_bytes + at.len();
        let Some(to) = self.joined.get_mut(self.joined_bytes..total) else {
            return Err(FrameError::TooLong(total as u64));
        };
        to.copy_from_slice(&self.bytes[at]);
        self.joined_bytes = total;
        self.is_joining = !head.fin;
        Ok(head.fin)
    }
}

fn control(opcode: Opcode, payload: &[u8]) -> Result<Message, FrameError> {
    Ok(match opcode {
        Opcode::Ping => Message::Ping,
        Opcode::Close => match *payload {
            [] => Message::Close(None),
            [_] => return Err(FrameError::CloseCode),
            [a, b, ..] => Message::Close(Some(u16::from_be_bytes([a, b]))),
        },
        _ => Message::Pong,
    })
}

/// Masks of a client: xorshift64*, seeded by the operating system at start.
///
/// RFC 6455 wants masks a script in a browser cannot foresee, against poisoned caches of plain-text
/// proxies; inside TLS, from a program that sends only its own bytes, 1 ns is better spent than the
/// system call per frame of a cryptographic source.
#[derive(Debug)]
pub struct Masks(u64);

impl Masks {
    /// From a seed; zero is replaced.
    pub fn new(seed: u64) -> Self {
        Self(if seed == 0 { 0x9e37_79b9_7f4a_7c15 } else { seed })
    }
    /// From the operating system's randomness.
    pub fn from_os() -> Self {
        let mut seed = [0u8; 8];
        // A short read leaves zeroes, which `new` replaces: the masks need no secrecy here.
        let _ = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
        Self::new(u64::from_ne_bytes(seed))
    }
    /// The next mask.
    #[inline]
    pub fn next_mask(&mut self) -> [u8; 4] {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let [a, b, c, d, ..] = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes();
        [a, b, c, d]
    }
}

/// Turns a payload that stands at `HEAD_BYTES_MAX..HEAD_BYTES_MAX + payload_bytes` of `buffer` into
/// a masked frame around it, in place, and returns the frame.
///
/// # Panics
/// If `buffer` is shorter than that.
#[inline]
pub fn frame_in_place(
    buffer: &mut [u8],
    payload_bytes: usize,
    opcode: Opcode,
    mask: [u8; 4],
) -> &mut [u8] {
    let end = HEAD_BYTES_MAX + payload_bytes;
    let payload = &mut buffer[HEAD_BYTES_MAX..end];
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    for (byte, mask) in rest.iter_mut().skip(4).zip(mask) {
        *byte ^= mask;
    }
    let start = match payload_bytes {
        0..=125 => {
            buffer[9] = 0x80 | payload_bytes as u8;
            8
        }
        126..=65_535 => {
            buffer[7] = 0x80 | 126;
            buffer[8..10].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
            6
        }
        _ => {
            buffer[1] = 0x80 | 127;
            buffer[2..10].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
            0
        }
    };
    buffer[start] = 0x80 | opcode as u8;
    buffer[10..HEAD_BYTES_MAX].copy_from_slice(&mask);
    &mut buffer[start..end]
}
