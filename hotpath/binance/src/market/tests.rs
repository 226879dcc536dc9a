//! The strict path and the any-order path say the same of the same bytes.

use super::*;
use schema::SymbolName;

const FRAMES: &[&str] = &[
    r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":7100000000001,"s":"BTCUSDT","ps":"BTCUSDT","b":"64000.10","B":"1.250","a":"64000.20","A":"0.003","T":1790000000101,"E":1790000000102,"st":1}}"#,
    r#"{"e":"bookTicker","u":7100000000002,"s":"BTCUSDT","b":"3100.01","B":"20","a":"3100.02","A":"0.5","T":1790000000103,"E":1790000000104}"#,
    r#"{"e":"trade","E":1790000000201,"T":1790000000200,"s":"BTCUSDT","t":9000000001,"p":"64000.20","q":"0.010","X":"MARKET","m":false,"st":1}"#,
    r#"{"stream":"btcusdt@depth20@100ms","data":{"e":"depthUpdate","E":1790000000401,"T":1790000000400,"s":"BTCUSDT","ps":"BTCUSDT","U":7100000000010,"u":7100000000020,"pu":7100000000009,"b":[["64000.10","1.250"],["64000.00","0.010"]],"a":[["64000.20","0.003"],["64000.30","4.000"]],"st":1}}"#,
    r#"{"e":"depthUpdate","E":1790000000402,"T":1790000000401,"s":"BTCUSDT","U":21,"u":30,"pu":20,"b":[["63999.90","0.000"]],"a":[]}"#,
    r#"{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1790000000500,"s":"BTCUSDT","p":"64000.15000000","ap":"64000.10000000","P":"64010.00000000","i":"64020.12345678","r":"-0.00001234","T":1790006400000,"st":1}}"#,
];

fn symbols() -> SymbolTable {
    SymbolTable::new(&[SymbolName::new(b"BTCUSDT").expect("short")])
}

/// Compares where the strict path takes the bytes; whether it did.
#[track_caller]
fn check(bytes: &[u8], symbols: &SymbolTable, depths: &mut [DepthBuf; 2]) -> bool {
    let [depth, other_depth] = depths;
    let Some(frame) = strict::decode(bytes, symbols, depth, DepthKind::Diff) else { return false };
    let shown = String::from_utf8_lossy(bytes);
    let other = any_order::decode(bytes, symbols, other_depth, DepthKind::Diff);
    assert_eq!(other, Ok(frame), "{shown}");
    if let MarketFrame::Depth(_) = frame {
        assert_eq!(depth.bids(), other_depth.bids(), "{shown}");
        assert_eq!(depth.asks(), other_depth.asks(), "{shown}");
    }
    true
}

#[test]
fn the_order_of_the_venue_takes_the_strict_path() {
    let mut depths = [DepthBuf::new(), DepthBuf::new()];
    for frame in FRAMES {
        assert!(check(frame.as_bytes(), &symbols(), &mut depths), "{frame}");
    }
}

#[test]
fn what_the_strict_path_takes_of_damaged_frames_is_right() {
    let bytes_of_interest = b"\"\\{}[]:,.-0129eT \x00\x1f\x7f\xff";
    let symbols = symbols();
    let mut depths = [DepthBuf::new(), DepthBuf::new()];
    let mut taken = 0;
    for frame in FRAMES {
        let mut bytes = frame.as_bytes().to_vec();
        for at in 0..bytes.len() {
            let original = bytes[at];
            for &byte in bytes_of_interest {
                bytes[at] = byte;
                taken += usize::from(check(&bytes, &symbols, &mut depths));
                bytes[at] = original;
                bytes.insert(at, byte);
                taken += usize::from(check(&bytes, &symbols, &mut depths));
                bytes.remove(at);
            }
            bytes.remove(at);
            taken += usize::from(check(&bytes, &symbols, &mut depths));
            bytes.insert(at, original);
        }
    }
    assert!(taken > 1000, "{taken}");
}

#[test]
fn the_stream_name_tells_the_kind_of_depth() {
    for (stream, kind) in [
        ("btcusdt@depth", Some(DepthKind::Diff)),
        ("btcusdt@depth@100ms", Some(DepthKind::Diff)),
        ("btcusdt@depth@0ms", Some(DepthKind::Diff)),
        ("btcusdt@depth5", Some(DepthKind::Partial)),
        ("btcusdt@depth10@500ms", Some(DepthKind::Partial)),
        ("btcusdt@depth20@100ms", Some(DepthKind::Partial)),
        ("btcusdt@rpiDepth@500ms", None),
        ("btcusdt@depth28@100ms", None),
        ("btcusdt@depths", None),
        ("depth", None),
        ("", None),
    ] {
        assert_eq!(depth_kind(stream.as_bytes()), kind, "{stream}");
    }
}
