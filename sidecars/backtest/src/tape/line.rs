//! What stands before the JSON of a recorded line.

/// A line of a recording.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A message with its local time; `symbol` if the line's URL names one.
    Event {
        /// Local time, Unix ns.
        ns: i64,
        /// Symbol in the URL.
        symbol: Option<&'a str>,
        /// The message.
        json: &'a [u8],
    },
    /// A heading, a configuration, an exchangeInfo reply, an empty line.
    Nothing,
}

/// Splits a line, or says what is wrong with it.
pub(super) fn split(line: &[u8]) -> Result<Line<'_>, String> {
    let text = core::str::from_utf8(line).map_err(|_| "not UTF-8 text".to_owned())?.trim();
    if text.is_empty() || text.starts_with("wss://") || text.starts_with("configuration:") {
        return Ok(Line::Nothing);
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        let (url, rest) = text.split_once(" -> ").ok_or("a URL without ` -> `")?;
        if !url.contains("/depth") {
            return Ok(Line::Nothing);
        }
        let symbol = url.split(['?', '&']).find_map(|part| part.strip_prefix("symbol="));
        let (time, json) = rest.split_once(": ").ok_or("no `<unix seconds>: ` before the JSON")?;
        return Ok(Line::Event { ns: seconds(time)?, symbol, json: json.as_bytes() });
    }
    let (time, json) = text.split_once(' ').ok_or("no space between local time and JSON")?;
    let ns = match time.strip_suffix(':') {
        Some(time) => seconds(time)?,
        None => stamp(time)?,
    };
    Ok(Line::Event { ns, symbol: None, json: json.as_bytes() })
}

/// Seconds with up to nine decimals, exactly.
fn seconds(text: &str) -> Result<i64, String> {
    let bad = || format!("`{text}` is not a time in seconds");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let whole: i64 = whole.parse().map_err(|_| bad())?;
    let nanos: i64 = format!("{fraction:0<9}").parse().map_err(|_| bad())?;
    whole.checked_mul(1_000_000_000).and_then(|ns| ns.checked_add(nanos)).ok_or_else(bad)
}

/// A whole number of s, ms, µs or ns since 1970, told apart by its digits (2001 to 2286).
fn stamp(text: &str) -> Result<i64, String> {
    let unit = match text.len() {
        10 => 1_000_000_000,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return Err(format!("`{text}` is not a time in s, ms, us or ns")),
    };
    let value: i64 = text.parse().map_err(|_| format!("`{text}` is not a time"))?;
    value.checked_mul(unit).ok_or_else(|| format!("`{text}` is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<(i64, Option<&str>, &str), &str>) {
        match (split(line.as_bytes()), expected) {
            (Ok(Line::Event { ns, symbol, json }), Ok(expected)) => {
                assert_eq!((ns, symbol, core::str::from_utf8(json).unwrap()), expected);
            }
            (Ok(Line::Nothing), Err("")) => {}
            (Err(msg), Err(part)) => assert!(!part.is_empty() && msg.contains(part), "{msg}"),
            (got, _) => panic!("{got:?}"),
        }
    }

    #[test]
    fn times_of_every_recorder_become_ns() {
        check("1680652700423575 {}", Ok((1_680_652_700_423_575_000, None, "{}")));
        check("1721347020984480942 {}\n", Ok((1_721_347_020_984_480_942, None, "{}")));
        check("1626992741.06217: {}", Ok((1_626_992_741_062_170_000, None, "{}")));
        check(
            "https://x/fapi/v1/depth?symbol=AUSDT&limit=1000 -> 1626992741.3: {}",
            Ok((1_626_992_741_300_000_000, Some("AUSDT"), "{}")),
        );
    }

    #[test]
    fn headings_are_nothing_and_junk_is_named() {
        check("", Err(""));
        check("wss://fstream.binance.com/stream?streams=a <", Err(""));
        check("configuration: {}", Err(""));
        check("https://x/fapi/v1/exchangeInfo -> 1.0: {}", Err(""));
        check("{}", Err("no space"));
        check("abc {}", Err("not a time"));
        check("1.2.3: {}", Err("not a time in seconds"));
        check("12345 {}", Err("s, ms, us or ns"));
    }
}
