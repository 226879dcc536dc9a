//! Walks JSON bytes once, left to right, without copying: the any-order half of the decoders.
//!
//! A field whose text is sound JSON but whose value cannot be used (a number out of range, another
//! type) does not stop the walk: the first such error is kept in [`Scanner::fault`], because frames
//! of symbols we do not follow are no business of ours, and the symbol may come last.

use schema::{DecimalError, parse_decimal};

use crate::DecodeError;

/// Nesting allowed; one bit each in a word.
const DEPTH_MAX: u32 = 64;
/// Longest text that is unescaped: symbols, ids, words and decimals are shorter.
const UNESCAPED_BYTES_MAX: usize = 64;

/// A key of up to eight bytes as one word, so that `match` compares integers.
pub(crate) const fn key(text: &[u8]) -> u128 {
    assert!(text.len() <= 16, "longer keys do not fit the word");
    let mut word = 0;
    let mut index = 0;
    while index < text.len() {
        word |= (text[index] as u128) << (8 * index);
        index += 1;
    }
    word
}
/// What [`Scanner::next_key`] gives for a key longer than 16 bytes: no text packs to it, because
/// 0xff does not occur in UTF-8.
const LONG_KEY: u128 = u128::MAX;

/// A string as it stands between its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Text<'a> {
    pub(crate) const EMPTY: Self = Self { raw: b"", escaped: false };

    /// Calls `read` with the text without escapes; `None` if it is escaped and too long or unsound.
    #[inline]
    pub(crate) fn with<R>(&self, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        if !self.escaped {
            return Some(read(self.raw));
        }
        let mut buffer = [0; UNESCAPED_BYTES_MAX];
        let length = unescape(self.raw, &mut buffer)?;
        Some(read(&buffer[..length]))
    }
    #[inline]
    pub(crate) fn is(&self, text: &[u8]) -> bool {
        self.with(|own| own == text).unwrap_or(false)
    }
}

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
        let start = self.at;
        let mut escaped = false;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => {
                    let raw = &self.bytes[start..self.at];
                    self.at += 1;
                    return Ok(Text { raw, escaped });
                }
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
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

    /// Steps over any value; iterative, so that nesting costs no stack.
    pub(crate) fn skip_value(&mut self) -> Scan<()> {
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

#[inline]
fn pack(text: Text) -> u128 {
    if text.raw.len() == 1 {
        return u128::from(text.raw[0]);
    }
    let pack = |raw: &[u8]| if raw.len() > 16 { LONG_KEY } else { key(raw) };
    text.with(pack).unwrap_or(LONG_KEY)
}

#[inline]
fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut value = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits stay below 1e19, which u64 holds.
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    let value = i64::try_from(value).ok()?;
    Some(if negative { -value } else { value })
}

/// [`parse_decimal`] for what the venue rounds anyway: entry prices come with 10 to 14 decimals.
pub(crate) fn parse_decimal_cut(text: &[u8]) -> Result<i64, DecimalError> {
    let kept = match memchr::memchr(b'.', text) {
        Some(point) if text.len() - point > 9 => {
            let (kept, cut) = text.split_at(point + 9);
            if !cut.iter().all(u8::is_ascii_digit) {
                return Err(DecimalError::BadByte);
            }
            kept
        }
        _ => text,
    };
    match parse_decimal(kept) {
        Err(DecimalError::OutOfRange) if text.starts_with(b"-") => Ok(-i64::MAX),
        Err(DecimalError::OutOfRange) => Ok(i64::MAX),
        other => other,
    }
}

/// Resolves escapes into `out`; `None` if they are unsound or do not fit.
#[cold]
fn unescape(raw: &[u8], out: &mut [u8; UNESCAPED_BYTES_MAX]) -> Option<usize> {
    let mut length = 0;
    let mut at = 0;
    while at < raw.len() {
        let mut utf8 = [0; 4];
        let mut piece: &[u8] = &raw[at..=at];
        at += 1;
        if piece == b"\\" {
            let kind = *raw.get(at)?;
            at += 1;
            let character = match kind {
                b'"' | b'\\' | b'/' => char::from(kind),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => {
                    let (character, used) = unescape_unicode(&raw[at..])?;
                    at += used;
                    character
                }
                _ => return None,
            };
            piece = character.encode_utf8(&mut utf8).as_bytes();
        }
        out.get_mut(length..length + piece.len())?.copy_from_slice(piece);
        length += piece.len();
    }
    Some(length)
}

/// The character of `XXXX` or `XXXX\uXXXX` and how many bytes that took.
fn unescape_unicode(raw: &[u8]) -> Option<(char, usize)> {
    let first = hex4(raw)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 4));
    }
    let second = hex4(raw.get(4..)?.strip_prefix(b"\\u")?)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)?, 10))
}

fn hex4(raw: &[u8]) -> Option<u32> {
    let digits = raw.first_chunk::<4>()?;
    digits.iter().try_fold(0, |value, &byte| Some(value << 4 | char::from(byte).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_pack_to_different_words() {
        assert_eq!(key(b"e"), u128::from(b'e'));
        assert_ne!(key(b"pu"), key(b"up"));
        let mut scanner = Scanner::new(br#"{"\u0065":1,"clientOrderId":2,"a key of 17 bytes":3}"#);
        let mut first = true;
        scanner.expect(b'{').expect("an object");
        let expected = [key(b"e"), key(b"clientOrderId"), LONG_KEY];
        for word in expected {
            assert_eq!(scanner.next_key(&mut first), Ok(Some(word)));
            scanner.skip_value().expect("a number");
        }
        assert_eq!(scanner.next_key(&mut first), Ok(None));
        assert_eq!(scanner.end(), Ok(()));
    }

    #[test]
    fn escapes_are_resolved_or_refused() {
        let check = |raw: &str, expected: Option<&str>| {
            let text = Text { raw: raw.as_bytes(), escaped: true };
            let own = text.with(|own| own.to_vec());
            assert_eq!(own.as_deref(), expected.map(str::as_bytes), "{raw}");
        };
        check(r#"\"\\\/\b\f\n\r\t"#, Some("\"\\/\u{8}\u{c}\n\r\t"));
        check(r"BTC\u0055SDT", Some("BTCUSDT"));
        check(r"\u6d4b\u8bd5USDT", Some("测试USDT"));
        check(r"\ud83d\ude00", Some("😀"));
        for unsound in [r"\ud83d", r"\ud83dx", r"\ud83d\u0041", r"\ude00", r"\u12", r"\x41", r"\"] {
            check(unsound, None);
        }
        check(&"x".repeat(65), None);
        check(&"x".repeat(64), Some(&"x".repeat(64)));
    }

    #[test]
    fn rounded_decimals_are_cut_and_held_in_range() {
        for (text, expected) in [
            ("1.123456789", Ok(112_345_678)),
            ("-1.123456789", Ok(-112_345_678)),
            ("1.5", Ok(150_000_000)),
            ("99999999999999999999.5", Ok(i64::MAX)),
            ("-99999999999999999999.5", Ok(-i64::MAX)),
            ("1.12345678x", Err(DecimalError::BadByte)),
            ("1.1234567.9", Err(DecimalError::BadByte)),
            ("1e5", Err(DecimalError::BadByte)),
            ("", Err(DecimalError::Empty)),
        ] {
            assert_eq!(parse_decimal_cut(text.as_bytes()), expected, "{text}");
        }
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
