//! What a frame is turned into: bytes below the framing, or another text.

use bytes::Bytes;
use schema::{format_decimal, parse_decimal};
use serde_json::Value;

use super::{Fault, Kind};

/// A final text frame's first byte.
const TEXT: u8 = 0x81;
/// Size of a frame that is too large for anyone.
const HUGE_BYTES: u64 = 17 << 20;

/// A frame with any first byte, masked or not, as it stands on the wire.
pub(crate) fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 14);
    out.push(first);
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..=125 => out.push(masked | length as u8),
        length @ 126..=0xffff => {
            out.push(masked | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(masked | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    match mask {
        None => out.extend(payload),
        Some(mask) => {
            out.extend(mask);
            out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
    }
    out
}

/// The first `bytes` of a text's frame.
pub(crate) fn beginning(text: &str, bytes: u64) -> Bytes {
    let mut frame = frame(TEXT, text.as_bytes(), None);
    frame.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
    frame.into()
}

/// Bytes instead of the frame of `text`; `None` for kinds that leave a text.
pub(crate) fn bytes(fault: &Fault, text: &str, chance: u64) -> Option<Bytes> {
    let count = |usual: u64| usize::try_from(fault.bytes.unwrap_or(usual)).unwrap_or(0);
    let payload = text.as_bytes();
    Some(match fault.kind {
        Kind::Garbage => noise(chance, count(64)).into(),
        Kind::BadOpcode => frame(0x83, payload, None).into(),
        Kind::BadMask => {
            frame(TEXT, payload, Some(chance.to_le_bytes()[..4].try_into().ok()?)).into()
        }
        Kind::BadRsv => frame(TEXT | 0x40, payload, None).into(),
        Kind::HugeFrame => frame(TEXT, &vec![b' '; count(HUGE_BYTES)], None).into(),
        Kind::Fragments => fragments(count(1_000_000)).into(),
        Kind::BadUtf8 => {
            let mut spoilt = payload.to_vec();
            let at = spoilt.len() / 2;
            spoilt.splice(at..at, [0xff, 0xfe, 0xc0]);
            frame(TEXT, &spoilt, None).into()
        }
        _ => return None,
    })
}

/// Fragments of one byte, none of them the last.
fn fragments(count: usize) -> Vec<u8> {
    let mut out = vec![0x01, 0x01, b'{'];
    out.reserve(count.saturating_mul(3));
    for _ in 1..count {
        out.extend([0x00, 0x01, b' ']);
    }
    out
}

/// Bytes of splitmix64.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed;
    let word = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (word ^ word >> 27) as u8
    };
    std::iter::repeat_with(word).take(count).collect()
}

/// Another text instead of `text`; the same for kinds that leave it.
pub(crate) fn text(fault: &Fault, text: &str) -> String {
    match fault.kind {
        Kind::TruncatedJson => {
            let half = text.len() as u64 / 2;
            let mut end = usize::try_from(fault.bytes.unwrap_or(half)).unwrap_or(0).min(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text[..end].to_owned()
        }
        Kind::NulBytes => text.replacen(':', ":\0", 1),
        Kind::EscapedKeys => {
            text.replace("\"s\":", "\"\\u0073\":").replace("\"e\":", "\"\\u0065\":")
        }
        Kind::DeepNesting => {
            let depth = usize::try_from(fault.bytes.unwrap_or(10_000)).unwrap_or(0);
            "[".repeat(depth) + &"]".repeat(depth)
        }
        Kind::DuplicateKeys => match text.rfind('}') {
            Some(at) => {
                format!(r#"{},"u":1,"p":"1","b":"1","E":1,"s":"XUSDT"{}"#, &text[..at], &text[at..])
            }
            None => text.to_owned(),
        },
        Kind::BadNumber
        | Kind::Crossed
        | Kind::Locked
        | Kind::ZeroPrice
        | Kind::PriceOff
        | Kind::Diverge => match serde_json::from_str::<Value>(text) {
            Ok(mut value) => {
                values(fault, event_of(&mut value));
                value.to_string()
            }
            Err(_) => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}

/// The event within a wrapper or an order event.
fn event_of(value: &mut Value) -> &mut Value {
    let is_wrapped = value.get("data").is_some_and(Value::is_object);
    let event = if is_wrapped { &mut value["data"] } else { value };
    let is_order = event.get("o").is_some_and(Value::is_object);
    if is_order { &mut event["o"] } else { event }
}

fn values(fault: &Fault, event: &mut Value) {
    match fault.kind {
        Kind::BadNumber => {
            let bad = Value::from(fault.value.as_deref().unwrap_or("NaN"));
            let usual = ["p", "b"].into_iter().find(|key| event.get(key).is_some());
            let field = fault.field.as_deref().or(usual).unwrap_or("p");
            match event.get_mut(field) {
                Some(Value::Array(levels)) => {
                    if let Some(level) = levels.first_mut() {
                        level[0] = bad;
                    }
                }
                Some(place) => *place = bad,
                None => {}
            }
        }
        Kind::Crossed => side(event, "b", &|price| scaled(price, 100_000)),
        Kind::Locked => {
            let ask = match event.get("a") {
                Some(Value::Array(levels)) => levels.first().map(|level| level[0].clone()),
                other => other.cloned(),
            };
            if let Some(Value::String(ask)) = ask {
                side(event, "b", &|_| ask.clone());
            }
        }
        Kind::ZeroPrice => {
            for key in ["b", "a", "p"] {
                side(event, key, &|_| "0".to_owned());
            }
        }
        Kind::PriceOff => {
            let ppm = fault.ppm.unwrap_or(-900_000);
            for key in ["b", "a", "p"] {
                side(event, key, &|price| scaled(price, ppm));
            }
        }
        Kind::Diverge => quantities(event, fault.ppm.unwrap_or(500_000)),
        _ => {}
    }
}

/// Changes the prices under a key: a text, or the first element of each level.
fn side(event: &mut Value, key: &str, change: &dyn Fn(&str) -> String) {
    match event.get_mut(key) {
        Some(Value::Array(levels)) => {
            for level in levels {
                if let Some(price) = level[0].as_str().map(change) {
                    level[0] = price.into();
                }
            }
        }
        Some(Value::String(price)) => *price = change(price),
        _ => {}
    }
}

fn quantities(event: &mut Value, ppm: i64) {
    for key in ["B", "A", "q"] {
        if let Some(Value::String(qty)) = event.get_mut(key) {
            *qty = scaled(qty, ppm);
        }
    }
    for key in ["b", "a"] {
        for level in event.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(qty) = level[1].as_str() {
                level[1] = scaled(qty, ppm).into();
            }
        }
    }
}

/// A decimal changed by so many millionths, with as many decimals as before.
fn scaled(text: &str, ppm: i64) -> String {
    let Ok(units) = parse_decimal(text.as_bytes()) else { return text.to_owned() };
    let decimals = text.split_once('.').map_or(0, |(_, part)| part.len()).min(8);
    let step = 10i128.pow(8 - decimals as u32);
    let changed = i128::from(units) * i128::from(1_000_000 + ppm) / 1_000_000 / step * step;
    let mut digits = [0u8; 24];
    let length = format_decimal(i64::try_from(changed).unwrap_or(0), decimals, &mut digits);
    core::str::from_utf8(&digits[..length]).unwrap_or("0").to_owned()
}

/// Moves every time in a text of the venue.
pub(crate) fn shift_times(text: &str, shift_ms: i64) -> String {
    const KEYS: [&str; 8] = [
        "\"E\":",
        "\"T\":",
        "\"time\":",
        "\"serverTime\":",
        "\"updateTime\":",
        "\"createTime\":",
        "\"authorizedSince\":",
        "\"connectedSince\":",
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, key)) = KEYS.iter().filter_map(|key| Some((rest.find(key)?, key))).min() {
        let start = at + key.len();
        let digits = rest[start..].bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(&rest[..start]);
        match rest[start..start + digits].parse::<i64>() {
            // Thirteen digits are a time of this century; zero means never.
            Ok(ms) if digits == 13 => out.push_str(&(ms + shift_ms).to_string()),
            _ => out.push_str(&rest[start..start + digits]),
        }
        rest = &rest[start + digits..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKER: &str = r#"{"stream":"x","data":{"e":"bookTicker","a":"101.50",
        "b":"100.00","A":"2.000","B":"1.000","u":7}}"#;
    const DEPTH: &str = r#"{"e":"depthUpdate","b":[["100.0","1"]],"a":[["101.0","2"]]}"#;

    #[track_caller]
    fn check(fault: Fault, from: &str, path: &str, expected: &str) {
        let spoilt: Value = serde_json::from_str(&text(&fault, from)).expect("JSON");
        assert_eq!(spoilt.pointer(path).and_then(Value::as_str), Some(expected), "{spoilt}");
    }

    #[test]
    fn values_are_spoilt_where_they_stand() {
        check(Fault::new(Kind::BadNumber), TICKER, "/data/b", "NaN");
        check(Fault::new(Kind::BadNumber).value("-1"), DEPTH, "/b/0/0", "-1");
        check(Fault::new(Kind::Crossed), TICKER, "/data/b", "110.00");
        check(Fault::new(Kind::Locked), TICKER, "/data/b", "101.50");
        check(Fault::new(Kind::Locked), DEPTH, "/b/0/0", "101.0");
        check(Fault::new(Kind::ZeroPrice), DEPTH, "/a/0/0", "0");
        check(Fault::new(Kind::PriceOff), TICKER, "/data/a", "10.15");
        check(Fault::new(Kind::Diverge), TICKER, "/data/B", "1.500");
        check(Fault::new(Kind::Diverge), DEPTH, "/a/0/1", "3");
        let field = Fault { field: Some("B".to_owned()), ..Fault::new(Kind::BadNumber) };
        check(field.value("1e309"), TICKER, "/data/B", "1e309");
    }

    #[test]
    fn frames_are_as_long_as_they_say() {
        assert_eq!(frame(0x81, b"ab", None), [0x81, 2, b'a', b'b']);
        assert_eq!(frame(0x81, &[0; 126], None).len(), 126 + 4);
        assert_eq!(
            frame(0x81, &[0; 70_000], None)[..10],
            [0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]
        );
        assert_eq!(
            frame(0x81, b"ab", Some([1, 2, 3, 4])),
            [0x81, 0x82, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2]
        );
        assert_eq!(&beginning("abc", 3)[..], [0x81, 3, b'a']);
        let fault = Fault::new(Kind::Fragments).bytes(3);
        assert_eq!(bytes(&fault, "", 0).expect("bytes").len(), 9);
    }

    #[test]
    fn only_times_are_shifted() {
        let moved =
            shift_times(r#"{"E":1790000000000,"T":0,"t":1000000000001,"time":1790000000001}"#, -5);
        assert_eq!(moved, r#"{"E":1789999999995,"T":0,"t":1000000000001,"time":1789999999996}"#);
    }
}
