//! The order of keys, unknown fields, blanks and doubled keys.

use binance::{DecodeError, MarketFrame, decode_market, decode_reply, decode_user};
use schema::{DepthBuf, DepthKind, Price};
use serde_json::Value;

use crate::damage::Random;
use crate::fixtures;

/// Writes `value` with the keys of its objects in random order, random blanks and unknown fields.
fn write(value: &Value, random: &mut Random, out: &mut String) {
    let blank = |random: &mut Random, out: &mut String| {
        out.push_str(["", "", " ", "\n\t"][random.below(4)]);
    };
    blank(random, out);
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            for index in (1..entries.len()).rev() {
                entries.swap(index, random.below(index + 1));
            }
            let unknown = Value::from("}]\"\\");
            let unknown_list = serde_json::json!([{"e": "bookTicker", "s": null}, 1.5, []]);
            let (first, second) = ("a long unknown key".to_owned(), "new".to_owned());
            let extras = [(&first, &unknown), (&second, &unknown_list)];
            for extra in extras.into_iter().take(random.below(3)) {
                entries.insert(random.below(entries.len() + 1), extra);
            }
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                blank(random, out);
                out.push_str(&Value::from(key.as_str()).to_string());
                blank(random, out);
                out.push(':');
                write(value, random, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write(item, random, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
    blank(random, out);
}

#[test]
fn any_order_of_keys_gives_the_same_frame() {
    let symbols = fixtures::symbols();
    let mut random = Random(11);
    let (mut depth, mut other_depth) = (DepthBuf::new(), DepthBuf::new());
    for frame in fixtures::MARKET {
        let value: Value = serde_json::from_str(frame).expect("a fixture is JSON");
        // A doubled or foreign key in these would change what they are.
        let expected = decode_market(frame.as_bytes(), &symbols, &mut depth);
        for _ in 0..100 {
            let mut text = String::new();
            write(&value, &mut random, &mut text);
            let decoded = decode_market(text.as_bytes(), &symbols, &mut other_depth);
            assert_eq!(decoded, expected, "{text}");
            if let Ok(MarketFrame::Depth(_)) = expected {
                assert_eq!(depth.bids(), other_depth.bids(), "{text}");
                assert_eq!(depth.asks(), other_depth.asks(), "{text}");
            }
        }
    }
    for frame in fixtures::USER {
        let value: Value = serde_json::from_str(frame).expect("a fixture is JSON");
        let expected = decode_user(frame.as_bytes(), &symbols);
        for _ in 0..100 {
            let mut text = String::new();
            write(&value, &mut random, &mut text);
            assert_eq!(decode_user(text.as_bytes(), &symbols), expected, "{text}");
        }
    }
    for frame in fixtures::REPLIES {
        let value: Value = serde_json::from_str(frame).expect("a fixture is JSON");
        let expected = decode_reply(frame.as_bytes());
        for _ in 0..100 {
            let mut text = String::new();
            write(&value, &mut random, &mut text);
            assert_eq!(decode_reply(text.as_bytes()), expected, "{text}");
        }
    }
}

fn decode(frame: &str) -> Result<MarketFrame, DecodeError> {
    decode_market(frame.as_bytes(), &fixtures::symbols(), &mut DepthBuf::new())
}

/// A book ticker whose bid price is `text`, as it stands in the frame.
fn bid(text: &str) -> Result<i64, DecodeError> {
    let frame = format!(
        r#"{{"e":"bookTicker","u":1,"s":"BTCUSDT","b":{text},"B":"1","a":"2","A":"1","T":1,"E":1}}"#
    );
    match decode(&frame)? {
        MarketFrame::BookTicker(ticker) => Ok(ticker.bid_price.units()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn odd_numbers_are_exact_or_errors() {
    let one = 100_000_000;
    assert_eq!(bid(r#""1.5""#), Ok(one + one / 2));
    assert_eq!(bid("1.5"), Ok(one + one / 2));
    assert_eq!(bid(r#""-0""#), Ok(0));
    assert_eq!(bid("-0"), Ok(0));
    assert_eq!(bid(r#""-1.25""#), Ok(-one - one / 4));
    assert_eq!(bid(r#""1.10000000000000""#), Ok(110_000_000));
    assert_eq!(bid(r#""92233720368.54775807""#), Ok(i64::MAX));
    assert_eq!(bid(r#""\u0031.\u0035""#), Ok(one + one / 2));
    let forty = "9".repeat(40);
    for text in
        ["NaN", "Infinity", "1e309", "1E5", "", "-", ".", "1.2.3", " 1", "0x10", "1,5", &forty]
    {
        assert_eq!(bid(&format!("\"{text}\"")), Err(DecodeError::Number), "{text}");
    }
    assert_eq!(bid(r#""0.123456789""#), Err(DecodeError::Number));
    assert_eq!(bid(r#""92233720368.54775808""#), Err(DecodeError::Number));
    assert_eq!(bid("1e309"), Err(DecodeError::Number));
    assert_eq!(bid(&forty), Err(DecodeError::Number));
    for text in ["null", "true", "{}", "[1]"] {
        assert_eq!(bid(text), Err(DecodeError::Type), "{text}");
    }
    for text in ["NaN", "", "nul", "'1'", "+1"] {
        assert_eq!(bid(text), Err(DecodeError::Syntax), "{text}");
    }
}

#[test]
fn whole_numbers_out_of_range_are_errors() {
    let update = |text: &str| {
        decode(&format!(
            r#"{{"e":"bookTicker","u":{text},"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1","T":1,"E":1}}"#
        ))
    };
    assert!(update("9223372036854775807").is_ok());
    assert!(update("\"17\"").is_ok());
    for text in ["9223372036854775808", "99999999999999999999", "-1", "1.5", "1e3", "\"\""] {
        assert_eq!(update(text), Err(DecodeError::Number), "{text}");
    }
}

#[test]
fn the_last_of_a_doubled_key_counts() {
    let frame = r#"{"e":"bookTicker","u":1,"s":"ETHUSDT","b":"1","B":"1","a":"2","A":"1","T":1,"E":1,"b":"3","s":"BTCUSDT"}"#;
    let Ok(MarketFrame::BookTicker(ticker)) = decode(frame) else { panic!("{:?}", decode(frame)) };
    assert_eq!(ticker.bid_price, Price::from_units(300_000_000));
    assert_eq!(ticker.symbol.index(), 0);
    let frame = r#"{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["1","1"]],"a":[],"b":[["2","1"],["3","1"]]}"#;
    let mut depth = DepthBuf::new();
    assert!(decode_market(frame.as_bytes(), &fixtures::symbols(), &mut depth).is_ok());
    assert_eq!(depth.bids().len(), 2);
    let frame = r#"{"data":{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]},"stream":"btcusdt@depth","stream":"btcusdt@depth5"}"#;
    let Ok(MarketFrame::Depth(head)) = decode(frame) else { panic!("{:?}", decode(frame)) };
    assert_eq!(head.kind, DepthKind::Partial);
}

#[test]
fn missing_fields_are_errors() {
    let frame =
        r#"{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1","T":1,"E":1}"#;
    assert!(decode(frame).is_ok());
    for key in [r#""u":1,"#, r#""s":"BTCUSDT","#, r#""b":"1","#, r#""A":"1","#, r#""T":1,"#] {
        assert_eq!(decode(&frame.replace(key, "")), Err(DecodeError::Missing), "{key}");
    }
}

#[test]
fn foreign_frames_are_not_judged() {
    // The quantity does not fit and the symbol comes last.
    let frame = r#"{"e":"trade","q":"99999999999999999999","X":{},"s":"DOGEUSDT"}"#;
    assert_eq!(decode(frame), Ok(MarketFrame::OtherSymbol));
    let frame = r#"{"e":"trade","q":"99999999999999999999","s":"BTCUSDT","st":2}"#;
    assert_eq!(decode(frame), Ok(MarketFrame::OtherSymbol));
}

#[test]
fn a_side_takes_a_thousand_levels_and_no_more() {
    for count in [1000, 1001] {
        let level = r#"["1.5","2"],"#.repeat(count);
        let frame = format!(
            r#"{{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[{}]}}"#,
            level.trim_end_matches(',')
        );
        let expected = if count == 1000 { None } else { Some(DecodeError::TooManyLevels) };
        assert_eq!(decode(&frame).err(), expected, "{count}");
    }
}
