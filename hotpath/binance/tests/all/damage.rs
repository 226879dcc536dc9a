//! No bytes panic. `SHRIKE_FUZZ_ITERATIONS` sets how many damaged frames are tried (default 200,000;
//! `SHRIKE_FUZZ_ITERATIONS=50000000 cargo test --release -p binance damage` runs some minutes), and
//! `SHRIKE_FUZZ_SEED` where they start.

use binance::{MarketFrame, SymbolTable, decode_market_as, decode_reply, decode_user};
use schema::{DepthBuf, DepthKind};

use crate::{fixtures, reference};

/// splitmix64: a seed gives the same damage everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn all_frames() -> Vec<&'static [u8]> {
    let lists = [fixtures::MARKET, fixtures::USER, fixtures::REPLIES];
    lists.into_iter().flatten().map(|frame| frame.as_bytes()).collect()
}

/// Every decoder on the same bytes; whether any of them took it for a frame.
fn decode_all(bytes: &[u8], symbols: &SymbolTable, depth: &mut DepthBuf) -> bool {
    let market = decode_market_as(bytes, symbols, depth, DepthKind::Partial);
    let user = decode_user(bytes, symbols);
    let reply = decode_reply(bytes);
    market.is_ok() || user.is_ok() || reply.is_ok()
}

/// Bytes that mean something in JSON, to get past the first letter.
const TELLING: &[u8] = b"\"\\{}[]:,.-+eE0123456789tfnu \n\x00\x1f\x7f\xff";

fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(8) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = TELLING[random.below(TELLING.len())],
        2 => bytes.insert(at, TELLING[random.below(TELLING.len())]),
        3 if !bytes.is_empty() => drop(bytes.remove(at)),
        4 => bytes.truncate(at),
        5 => {
            let cut = random.below(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[cut..]);
        }
        6 => {
            let end = (at + random.below(24)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            let place = random.below(bytes.len());
            bytes.splice(place..place, piece);
        }
        _ => {
            let digit = b'0' + random.below(10) as u8;
            bytes.splice(at..at, std::iter::repeat_n(digit, random.below(40)));
        }
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn damaged_frames_do_not_panic() {
    let frames = all_frames();
    let symbols = fixtures::symbols();
    let mut depth = DepthBuf::new();
    let seed = setting("SHRIKE_FUZZ_SEED", 0x5eed);
    let mut random = Random(seed);
    let iterations = setting("SHRIKE_FUZZ_ITERATIONS", 200_000);
    let mut accepted = 0u64;
    for _ in 0..iterations {
        let mut bytes = frames[random.below(frames.len())].to_vec();
        let other = frames[random.below(frames.len())];
        for _ in 0..=random.below(3) {
            damage(&mut bytes, other, &mut random);
        }
        accepted += u64::from(decode_all(&bytes, &symbols, &mut depth));
    }
    println!("seed {seed}: {accepted} of {iterations} damaged frames were still frames");
    assert!(accepted > 0 && accepted < iterations, "{accepted} of {iterations}");
}

#[test]
fn frames_cut_anywhere_are_refused() {
    let symbols = fixtures::symbols();
    let mut depth = DepthBuf::new();
    for frame in all_frames() {
        assert!(decode_all(frame, &symbols, &mut depth));
        for length in 0..frame.len() {
            let cut = &frame[..length];
            assert!(!decode_all(cut, &symbols, &mut depth), "{}", String::from_utf8_lossy(cut));
        }
        let longer = [frame, b"}"].concat();
        assert!(!decode_all(&longer, &symbols, &mut depth));
        let padded = [b" \n", frame, b"\t\r\n "].concat();
        assert!(decode_all(&padded, &symbols, &mut depth));
    }
}

#[test]
fn every_byte_of_every_frame_may_be_any_byte() {
    let symbols = fixtures::symbols();
    let mut depth = DepthBuf::new();
    for frame in all_frames() {
        let mut bytes = frame.to_vec();
        for at in 0..bytes.len() {
            for &byte in TELLING {
                bytes[at] = byte;
                decode_all(&bytes, &symbols, &mut depth);
            }
            bytes[at] = frame[at];
        }
    }
}

#[test]
fn changed_digits_change_the_frame_as_they_change_the_reference() {
    let symbols = fixtures::symbols();
    let mut depth = DepthBuf::new();
    let mut random = Random(7);
    let mut compared = 0;
    for _ in 0..20_000 {
        let mut bytes = fixtures::MARKET[random.below(fixtures::MARKET.len())].as_bytes().to_vec();
        let digits: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit()).collect();
        if digits.is_empty() {
            continue;
        }
        bytes[digits[random.below(digits.len())]] = b'0' + random.below(10) as u8;
        let Some((frame, bids, asks)) = reference::market(&bytes, &symbols, DepthKind::Diff) else {
            continue;
        };
        let shown = String::from_utf8_lossy(&bytes);
        let decoded = decode_market_as(&bytes, &symbols, &mut depth, DepthKind::Diff);
        assert_eq!(decoded, Ok(frame), "{shown}");
        if let MarketFrame::Depth(_) = frame {
            let pairs = |levels: &[schema::Level]| -> Vec<_> {
                levels.iter().map(|level| (level.price.units(), level.qty.units())).collect()
            };
            assert_eq!((pairs(depth.bids()), pairs(depth.asks())), (bids, asks), "{shown}");
        }
        compared += 1;
    }
    assert!(compared > 15_000, "{compared}");
}

#[test]
fn nesting_is_bounded() {
    let symbols = fixtures::symbols();
    let mut depth = DepthBuf::new();
    for (open, close) in [("[", "]"), ("{\"x\":", "}")] {
        for levels in [1usize, 60, 64, 65, 100_000] {
            let inner = format!("{}0{}", open.repeat(levels), close.repeat(levels));
            let frame = format!(r#"{{"x":{inner},"result":null,"id":1}}"#);
            let taken = decode_market_as(frame.as_bytes(), &symbols, &mut depth, DepthKind::Diff);
            assert_eq!(taken.is_ok(), levels <= 64, "{levels}");
        }
        decode_all(open.repeat(100_000).as_bytes(), &symbols, &mut depth);
    }
}

proptest::proptest! {
    #[test]
    fn random_bytes_do_not_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        decode_all(&bytes, &fixtures::symbols(), &mut DepthBuf::new());
    }

    #[test]
    fn random_json_like_bytes_do_not_panic(
        indices in proptest::collection::vec(0..TELLING.len(), 0..200)
    ) {
        let bytes: Vec<_> = indices.iter().map(|&index| TELLING[index]).collect();
        decode_all(&bytes, &fixtures::symbols(), &mut DepthBuf::new());
    }
}
