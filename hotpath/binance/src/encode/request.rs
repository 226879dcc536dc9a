//! One request being written in both of its texts.

use schema::{ClientOrderId, OrderRef, RequestId, format_decimal};

use crate::EncodeError;
use crate::sign::{HmacKey, SIGNATURE_BYTES_MAX, Signer};

/// Longest text to be signed: a key of 128 bytes and all parameters at their longest are 420 bytes.
const PAYLOAD_BYTES_MAX: usize = 512;

/// A piece of a request in both of its texts.
#[derive(Debug, Default)]
pub(super) struct Piece {
    json: Box<[u8]>,
    payload: Box<[u8]>,
}

impl Piece {
    pub(super) fn new(json: String, payload: String) -> Self {
        Self { json: json.into_bytes().into(), payload: payload.into_bytes().into() }
    }
}

/// The start of a request after its number, signed and in a session.
#[derive(Debug)]
pub(super) struct Head {
    signed: Box<[u8]>,
    session: Box<[u8]>,
}

impl Head {
    pub(super) fn new(method: &str, api_key: &str) -> Self {
        let start = format!(r#"","method":"{method}","params":{{"#);
        Self {
            signed: format!(r#"{start}"apiKey":"{api_key}","#).into_bytes().into(),
            session: start.into_bytes().into(),
        }
    }
}

/// How the payload is signed.
#[derive(Debug)]
pub(super) enum Signature {
    /// The key has absorbed the payload's prefix.
    Hmac(HmacKey),
    Other(Signer),
}

/// The text to be signed; its prefix `apiKey=…&` never changes.
#[derive(Debug)]
pub(super) struct Payload {
    bytes: [u8; PAYLOAD_BYTES_MAX],
    prefix: usize,
}

impl Payload {
    pub(super) fn new(prefix: &[u8]) -> Self {
        let mut bytes = [0; PAYLOAD_BYTES_MAX];
        bytes[..prefix.len()].copy_from_slice(prefix);
        Self { bytes, prefix: prefix.len() }
    }
}

/// A buffer being filled; what does not fit is counted but not written.
pub(super) struct Writer<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    #[inline]
    pub(super) fn put(&mut self, text: &[u8]) {
        if let Some(slot) = self.bytes.get_mut(self.at..self.at + text.len()) {
            slot.copy_from_slice(text);
        }
        self.at += text.len();
    }
    #[inline]
    fn is_full(&self) -> bool {
        self.at > self.bytes.len()
    }
}

/// One request being written.
pub(super) struct Request<'a> {
    json: Writer<'a>,
    payload: Writer<'a>,
    prefix: usize,
    is_signed: bool,
    /// Whether a parameter stands before the next one.
    joined: bool,
}

impl<'a> Request<'a> {
    #[inline]
    pub(super) fn new(
        out: &'a mut [u8],
        payload: &'a mut Payload,
        is_session: bool,
        request_id: RequestId,
        head: &Head,
    ) -> Self {
        let prefix = payload.prefix;
        let mut request = Self {
            json: Writer { bytes: out, at: 0 },
            payload: Writer { bytes: &mut payload.bytes, at: prefix },
            prefix,
            is_signed: !is_session,
            joined: false,
        };
        request.json.put(b"{\"id\":\"");
        request.json.put(itoa::Buffer::new().format(request_id.0).as_bytes());
        request.json.put(if is_session { &head.session } else { &head.signed });
        request
    }
    #[inline]
    pub(super) fn put(&mut self, json: &[u8], payload: &[u8]) {
        self.json.put(json);
        if self.is_signed {
            self.payload.put(payload);
        }
        self.joined = true;
    }
    #[inline]
    pub(super) fn both(&mut self, text: &[u8]) {
        self.put(text, text);
    }
    #[inline]
    pub(super) fn piece(&mut self, piece: &Piece) {
        self.put(&piece.json, &piece.payload);
    }
    #[inline]
    pub(super) fn decimal(&mut self, units: i64, decimals: usize) {
        let mut text = [0; 24];
        let length = write_decimal(units, decimals, &mut text);
        self.both(&text[..length]);
    }
    #[inline]
    pub(super) fn integer(&mut self, value: i64) {
        self.both(itoa::Buffer::new().format(value).as_bytes());
    }
    /// `origClientOrderId` or `orderId`.
    #[inline]
    pub(super) fn order(&mut self, order: &OrderRef) -> Result<(), EncodeError> {
        if order.client_order_id != ClientOrderId::NONE {
            self.put(b"\"origClientOrderId\":\"", b"origClientOrderId=");
            self.both(&order.client_order_id.text());
            self.put(b"\",", b"");
        } else if order.venue_order_id.0 > 0 {
            self.put(b"\"orderId\":", b"orderId=");
            self.integer(order.venue_order_id.0);
            self.put(b",", b"");
        } else {
            return Err(EncodeError::NoOrderId);
        }
        Ok(())
    }
    #[inline]
    pub(super) fn timestamp(&mut self, timestamp_ms: i64) -> Result<(), EncodeError> {
        if timestamp_ms < 0 {
            return Err(EncodeError::BadTimestamp);
        }
        let name: &[u8] = if self.joined { b"&timestamp=" } else { b"timestamp=" };
        self.put(b"\"timestamp\":", name);
        self.both(itoa::Buffer::new().format(timestamp_ms).as_bytes());
        Ok(())
    }
    /// Signature and end; the length of the request.
    #[inline]
    pub(super) fn finish(mut self, signature: &Signature) -> Result<usize, EncodeError> {
        let signer = match signature {
            Signature::Hmac(key) => return self.finish_hmac(key),
            Signature::Other(signer) => signer,
        };
        if self.is_signed {
            if self.payload.is_full() {
                return Err(EncodeError::BufferTooSmall);
            }
            let mut text = [0; SIGNATURE_BYTES_MAX];
            let length = signer.sign(&self.payload.bytes[..self.payload.at], &mut text);
            self.json.put(b",\"signature\":\"");
            self.json.put(&text[..length]);
            self.json.put(b"\"");
        }
        self.end()
    }
    /// The same with a key that has absorbed the payload's prefix.
    #[inline]
    pub(super) fn finish_hmac(mut self, key: &HmacKey) -> Result<usize, EncodeError> {
        if self.is_signed {
            if self.payload.is_full() {
                return Err(EncodeError::BufferTooSmall);
            }
            let payload = &self.payload.bytes[self.prefix..self.payload.at];
            self.json.put(b",\"signature\":\"");
            self.json.put(&key.sign_hex(payload));
            self.json.put(b"\"");
        }
        self.end()
    }
    #[inline]
    fn end(mut self) -> Result<usize, EncodeError> {
        self.json.put(b"}}");
        if self.json.is_full() { Err(EncodeError::BufferTooSmall) } else { Ok(self.json.at) }
    }
}

/// Units in the last place kept, by decimals.
const STEPS: [u64; 9] = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];

/// Writes a positive value with `decimals` decimals, or with as many as it needs.
#[inline]
fn write_decimal(units: i64, decimals: usize, out: &mut [u8; 24]) -> usize {
    let step = STEPS[decimals.min(8)];
    let magnitude = units.unsigned_abs();
    if units < 0 || !magnitude.is_multiple_of(step) {
        return format_decimal(units, decimals, out);
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(magnitude / step).as_bytes();
    if decimals == 0 {
        out[..digits.len()].copy_from_slice(digits);
        return digits.len();
    }
    let Some(whole) = digits.len().checked_sub(decimals).filter(|whole| *whole > 0) else {
        return format_decimal(units, decimals, out);
    };
    out[..whole].copy_from_slice(&digits[..whole]);
    out[whole] = b'.';
    out[whole + 1..=digits.len()].copy_from_slice(&digits[whole..]);
    digits.len() + 1
}
