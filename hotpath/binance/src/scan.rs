//! Walks JSON bytes once, left to right, without copying: the any-order half of the decoders.
//!
//! A field whose text is sound JSON but whose value cannot be used (a number out of range, another
//! type) does not stop the walk: the first such error is kept in [`Scanner::fault`], because frames
//! of symbols we do not follow are no business of ours, and the symbol may come last.

use schema::{DecimalError, parse_decimal};

use crate::DecodeError;
use crate::number::{digits, parse_decimal_cut, parse_integer, quoted_decimal};
use crate::text::pack;
pub(crate) use crate::text::{Text, key};

/// Nesting allowed; one bit each in a word.
const DEPTH_MAX: u32 = 64;

/// Position in the bytes of one message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// First field that could not be used.
    pub(crate) fault: Option<DecodeError>,
}

type Scan<T> = Result<T, DecodeError>;

impl<'a> Scanner<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, fault: None }
    }
    /// Keeps the first unusable field.
    #[cold]
    pub(crate) fn blame(&mut self, error: DecodeError) {
        self.fault = self.fault.or(Some(error));
    }
    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
    /// The next byte that is not blank; zero at the end.
    #[inline]
    pub(crate) fn peek(&mut self) -> u8 {
        while let Some(&byte) = self.bytes.get(self.at) {
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return byte;
            }
            self.at += 1;
        }
        0
    }
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Scan<()> {
        if self.peek() != byte {
            return Err(DecodeError::Syntax);
        }
        self.at += 1;
        Ok(())
    }
    /// Nothing but blanks may follow.
    #[inline]
    pub(crate) fn end(&mut self) -> Scan<()> {
        if self.peek() == 0 && self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(DecodeError::Syntax)
        }
    }
    /// The next key of the object entered by [`Self::expect`]`(b'{')`, or `None` past its end.
    #[inline]
    pub(crate) fn next_key(&mut self, first: &mut bool) -> Scan<Option<u128>> {
        if !self.next_item(first, b'}')? {
            return Ok(None);
        }
        // Most keys are one letter with no blank behind.
        let rest = self.rest();
        if let [b'"', letter @ (b'A'..=b'Z' | b'a'..=b'z'), b'"', b':', ..] = rest {
            self.at += 4;
            return Ok(Some(u128::from(*letter)));
        }
        let text = self.string()?;
        self.expect(b':')?;
        Ok(Some(pack(text)))
    }
    /// Whether another item of the array or object follows; steps over the comma or the end.
    #[inline]
    pub(crate) fn next_item(&mut self, first: &mut bool, close: u8) -> Scan<bool> {
        let byte = self.peek();
        if byte == close {
            self.at += 1;
            return Ok(false);
        }
        if *first {
            *first = false;
            return Ok(true);
        }
        self.expect(b',')?;
        Ok(true)
    }
    /// A string, from its opening quote.
    #[inline]
    pub(crate) fn string(&mut self) -> Scan<Text<'a>> {
        self.expect(b'"')?;
        let rest = self.rest();
        let stop = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < b' ';
        let length = rest.iter().position(stop).ok_or(DecodeError::Syntax)?;
        if rest[length] == b'"' {
            self.at += length + 1;
            return Ok(Text { raw: &rest[..length], escaped: false });
        }
        self.escaped_string()
    }
    /// The rest of a string that is not plain.
    #[cold]
    fn escaped_string(&mut self) -> Scan<Text<'a>> {
        let start = self.at;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => {
                    let raw = &self.bytes[start..self.at];
                    self.at += 1;
                    return Ok(Text { raw, escaped: true });
                }
                b'\\' => self.at += 2,
                0..0x20 => return Err(DecodeError::Syntax),
                _ => self.at += 1,
            }
        }
        Err(DecodeError::Syntax)
    }
    /// The bytes of a number, not yet judged.
    #[inline]
    fn number(&mut self) -> Scan<&'a [u8]> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
        }
        if self.at == start { Err(DecodeError::Syntax) } else { Ok(&self.bytes[start..self.at]) }
    }
    fn literal(&mut self, text: &[u8]) -> Scan<()> {
        if !self.bytes[self.at..].starts_with(text) {
            return Err(DecodeError::Syntax);
        }
        self.at += text.len();
        Ok(())
    }

    /// A string field; another type is a fault and reads as empty.
    #[inline]
    pub(crate) fn text(&mut self) -> Scan<Text<'a>> {
        if self.peek() == b'"' {
            return self.string();
        }
        self.skip_value()?;
        self.blame(DecodeError::Type);
        Ok(Text::EMPTY)
    }
    /// The text of a number or of a string that should hold one; `None` is null or another type.
    #[inline]
    fn numeric(&mut self) -> Scan<Option<Text<'a>>> {
        match self.peek() {
            b'"' => self.string().map(Some),
            b'-' | b'0'..=b'9' => self.number().map(|raw| Some(Text { raw, escaped: false })),
            _ => self.skip_value().map(|()| None),
        }
    }
    /// An exact decimal in units of 1e-8, as string or number.
    #[inline]
    pub(crate) fn decimal(&mut self) -> Scan<i64> {
        if let Some((b'"', rest)) = self.rest().split_first()
            && let Some((value, rest)) = quoted_decimal(rest)
        {
            self.at = self.bytes.len() - rest.len();
            return Ok(value);
        }
        let text = self.numeric()?;
        Ok(self.settle(text.map(|text| text.with(parse_decimal)), DecodeError::Type))
    }
    /// As [`Self::decimal`]; null and `""` are zero.
    #[inline]
    pub(crate) fn decimal_or_zero(&mut self) -> Scan<i64> {
        let text = self.numeric()?.unwrap_or(Text { raw: b"0", escaped: false });
        let text = if text.raw.is_empty() { Text { raw: b"0", escaped: false } } else { text };
        Ok(self.settle(Some(text.with(parse_decimal)), DecodeError::Type))
    }
    /// A decimal the venue itself rounds: cut after eight decimals, held at the ends of the range.
    pub(crate) fn decimal_cut(&mut self) -> Scan<i64> {
        let text = self.numeric()?.unwrap_or(Text { raw: b"0", escaped: false });
        let text = if text.raw.is_empty() { Text { raw: b"0", escaped: false } } else { text };
        Ok(self.settle(Some(text.with(parse_decimal_cut)), DecodeError::Type))
    }
    #[inline]
    fn settle(
        &mut self,
        value: Option<Option<Result<i64, DecimalError>>>,
        otherwise: DecodeError,
    ) -> i64 {
        match value {
            Some(Some(Ok(units))) => units,
            Some(_) => {
                self.blame(DecodeError::Number);
                0
            }
            None => {
                self.blame(otherwise);
                0
            }
        }
    }
    /// A whole number, as number or string.
    #[inline]
    pub(crate) fn integer(&mut self) -> Scan<i64> {
        if let Some((value, rest)) = digits(self.rest())
            && let Some(b',' | b'}') = rest.first()
        {
            self.at = self.bytes.len() - rest.len();
            return Ok(value as i64);
        }
        let text = self.numeric()?;
        let value = text.and_then(|text| text.with(parse_integer)).flatten();
        if value.is_none() {
            self.blame(if text.is_some() { DecodeError::Number } else { DecodeError::Type });
        }
        Ok(value.unwrap_or(0))
    }
    /// A whole number that is not negative.
    #[inline]
    pub(crate) fn count(&mut self) -> Scan<u64> {
        let value = self.integer()?;
        if value < 0 {
            self.blame(DecodeError::Number);
        }
        Ok(value.max(0).unsigned_abs())
    }
    /// `true` or `false`, also as a string.
    #[inline]
    pub(crate) fn flag(&mut self) -> Scan<bool> {
        match self.peek() {
            b't' => self.literal(b"true").map(|()| true),
            b'f' => self.literal(b"false").map(|()| false),
            b'"' => {
                let text = self.string()?;
                let yes = text.is(b"true");
                if !yes && !text.is(b"false") {
                    self.blame(DecodeError::Word);
                }
                Ok(yes)
            }
            _ => {
                self.skip_value()?;
                self.blame(DecodeError::Type);
                Ok(false)
            }
        }
    }
    /// A word of a fixed vocabulary; `None` (and a fault) if it is none of it.
    #[inline]
    pub(crate) fn word<T>(&mut self, read: impl FnOnce(&[u8]) -> Option<T>) -> Scan<Option<T>> {
        let value = self.text()?.with(read).flatten();
        if value.is_none() {
            self.blame(DecodeError::Word);
        }
        Ok(value)
    }
    /// The number of a request: a decimal as string or number, else zero.
    pub(crate) fn request_id(&mut self) -> Scan<u64> {
        let text = self.numeric()?.unwrap_or(Text::EMPTY);
        let digits = |raw: &[u8]| {
            let digit = |value: u64, &byte: &u8| {
                let digit = byte.wrapping_sub(b'0');
                if digit > 9 {
                    return None;
                }
                value.checked_mul(10)?.checked_add(u64::from(digit))
            };
            raw.iter().try_fold(0, digit)
        };
        Ok(text.with(digits).flatten().unwrap_or(0))
    }

    /// Steps over any value.
    #[inline]
    pub(crate) fn skip_value(&mut self) -> Scan<()> {
        match self.peek() {
            b'"' => self.string().map(|_| ()),
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            _ => self.skip_any(),
        }
    }
    /// Iterative, so that nesting costs no stack.
    fn skip_any(&mut self) -> Scan<()> {
        let mut objects = 0u64;
        let mut depth = 0;
        loop {
            let open = self.peek();
            match open {
                b'"' => drop(self.string()?),
                b'-' | b'0'..=b'9' => drop(self.number()?),
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                b'{' | b'[' => {
                    self.at += 1;
                    if depth == DEPTH_MAX {
                        return Err(DecodeError::TooDeep);
                    }
                    depth += 1;
                    objects = objects << 1 | u64::from(open == b'{');
                    let close = if open == b'{' { b'}' } else { b']' };
                    if self.peek() != close {
                        if open == b'{' {
                            self.string()?;
                            self.expect(b':')?;
                        }
                        continue;
                    }
                }
                _ => return Err(DecodeError::Syntax),
            }
            if self.after_value(&mut objects, &mut depth)? {
                return Ok(());
            }
        }
    }
    /// Steps over what follows a value; `true` when the outermost one has ended.
    fn after_value(&mut self, objects: &mut u64, depth: &mut u32) -> Scan<bool> {
        while *depth > 0 {
            let in_object = *objects & 1 == 1;
            let byte = self.peek();
            if byte == if in_object { b'}' } else { b']' } {
                self.at += 1;
                *objects >>= 1;
                *depth -= 1;
            } else {
                self.expect(b',')?;
                if in_object {
                    self.string()?;
                    self.expect(b':')?;
                }
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::LONG_KEY;

    #[test]
    fn keys_pack_to_different_words() {
        assert_eq!(key(b"e"), u128::from(b'e'));
        assert_ne!(key(b"pu"), key(b"up"));
        let mut scanner =
            Scanner::new(br#"{"\u0065":1,"clientOrderId":2,"a key of 17 bytes":3,"e\u0000":4}"#);
        let mut first = true;
        scanner.expect(b'{').expect("an object");
        let expected = [key(b"e"), key(b"clientOrderId"), LONG_KEY, LONG_KEY];
        for word in expected {
            assert_eq!(scanner.next_key(&mut first), Ok(Some(word)));
            scanner.skip_value().expect("a number");
        }
        assert_eq!(scanner.next_key(&mut first), Ok(None));
        assert_eq!(scanner.end(), Ok(()));
    }

    #[test]
    fn values_are_stepped_over_whole() {
        for sound in
            ["1", "-1.5e+3", "\"a\\\"b\"", "[]", "{}", "[1,[2,{\"a\":[null]}],true]", "false"]
        {
            let mut scanner = Scanner::new(sound.as_bytes());
            assert_eq!(scanner.skip_value().and_then(|()| scanner.end()), Ok(()), "{sound}");
        }
        for unsound in [
            "", "[", "[1,]", "{\"a\"}", "{\"a\":}", "{1:2}", "[1 2]", "[}", "{]", "nul", "\"\n\"",
            "x",
        ] {
            let mut scanner = Scanner::new(unsound.as_bytes());
            let result = scanner.skip_value().and_then(|()| scanner.end());
            assert_eq!(result, Err(DecodeError::Syntax), "{unsound}");
        }
    }
}
