//! Strings of frames, and keys as words.

/// Longest text that is unescaped: symbols, ids, words and decimals are shorter.
const UNESCAPED_BYTES_MAX: usize = 64;

/// A key of up to 16 bytes as one word, so that `match` compares integers.
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
/// What [`pack`] gives for a key longer than 16 bytes: no text packs to it, because
/// 0xff does not occur in UTF-8.
pub(crate) const LONG_KEY: u128 = u128::MAX;

/// A string as it stands between its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) escaped: bool,
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

/// A key as a word.
#[inline]
pub(crate) fn pack(text: Text) -> u128 {
    if text.raw.len() == 1 {
        return u128::from(text.raw[0]);
    }
    // An escaped zero byte would look like the padding.
    let pack = |raw: &[u8]| {
        if raw.len() > 16 || (text.escaped && raw.contains(&0)) { LONG_KEY } else { key(raw) }
    };
    text.with(pack).unwrap_or(LONG_KEY)
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
}
