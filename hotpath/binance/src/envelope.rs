//! What kind of message a connection delivers: an event, an event in its stream's wrapper, an answer.

use crate::DecodeError;
use crate::scan::{Scanner, Text, key};

/// The kind of a message, told by the first key that gives it away.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Envelope<'a> {
    /// An object with `e`, whose text this is.
    Event(Text<'a>),
    /// `{"stream":…,"data":…}`.
    Wrapped,
    /// `{"result":…,"id":…}`, `{"error":…}`, `{"code":…}`.
    Answer,
    /// Any other value.
    Other,
}

impl<'a> Envelope<'a> {
    /// Looks ahead from a value; the caller's scanner does not move.
    #[inline]
    pub(crate) fn of(mut ahead: Scanner<'a>) -> Result<Self, DecodeError> {
        if ahead.peek() != b'{' {
            return Ok(Self::Other);
        }
        ahead.expect(b'{')?;
        let mut first = true;
        while let Some(word) = ahead.next_key(&mut first)? {
            const E: u128 = key(b"e");
            const STREAM: u128 = key(b"stream");
            const DATA: u128 = key(b"data");
            const RESULT: u128 = key(b"result");
            const ERROR: u128 = key(b"error");
            const ID: u128 = key(b"id");
            const CODE: u128 = key(b"code");
            match word {
                E => return Ok(Self::Event(ahead.text()?)),
                STREAM | DATA => return Ok(Self::Wrapped),
                RESULT | ERROR | ID | CODE => return Ok(Self::Answer),
                _ => ahead.skip_value()?,
            }
        }
        Ok(Self::Other)
    }
}

/// Reads the answer to SUBSCRIBE and its like: the request's number and whether it was carried out.
pub(crate) fn answer(scanner: &mut Scanner) -> Result<(u64, bool), DecodeError> {
    const ID: u128 = key(b"id");
    const ERROR: u128 = key(b"error");
    const CODE: u128 = key(b"code");
    let (mut id, mut ok) = (0, true);
    let mut first = true;
    scanner.expect(b'{')?;
    while let Some(word) = scanner.next_key(&mut first)? {
        match word {
            ID => id = scanner.request_id()?,
            ERROR => {
                ok &= scanner.peek() == b'n';
                scanner.skip_value()?;
            }
            CODE => {
                ok = false;
                scanner.skip_value()?;
            }
            _ => scanner.skip_value()?,
        }
    }
    Ok((id, ok))
}
