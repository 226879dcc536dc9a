//! Every recorded frame decodes to what serde_json makes of it.

use binance::{DecodeError, MarketFrame, UserFrame, decode_market_as, decode_reply, decode_user};
use schema::{DepthBuf, DepthKind, Level};

use crate::{data, fixtures, reference};

/// Frames compared, by kind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    book_tickers: usize,
    trades: usize,
    marks: usize,
    depths: usize,
    agg_trades: usize,
    klines: usize,
    others: usize,
}

impl Tally {
    fn add(&mut self, frame: &MarketFrame) {
        *match frame {
            MarketFrame::BookTicker(_) => &mut self.book_tickers,
            MarketFrame::Trade(_) => &mut self.trades,
            MarketFrame::Mark(_) => &mut self.marks,
            MarketFrame::Depth(_) => &mut self.depths,
            MarketFrame::AggTrade(_) => &mut self.agg_trades,
            MarketFrame::Kline(_) => &mut self.klines,
            _ => &mut self.others,
        } += 1;
    }
}

fn pairs(levels: &[Level]) -> Vec<(i64, i64)> {
    levels.iter().map(|level| (level.price.units(), level.qty.units())).collect()
}

/// Both decoders of streams say what the reference says.
#[track_caller]
fn check_stream(bytes: &[u8], depth: &mut DepthBuf) -> (MarketFrame, UserFrame) {
    let symbols = fixtures::symbols();
    let shown = String::from_utf8_lossy(bytes);
    let (expected, bids, asks) =
        reference::market(bytes, &symbols, DepthKind::Diff).unwrap_or_else(|| panic!("{shown}"));
    let frame = decode_market_as(bytes, &symbols, depth, DepthKind::Diff);
    assert_eq!(frame, Ok(expected), "{shown}");
    if let MarketFrame::Depth(_) = expected {
        assert_eq!(pairs(depth.bids()), bids, "{shown}");
        assert_eq!(pairs(depth.asks()), asks, "{shown}");
    }
    let user = reference::user(bytes, &symbols).unwrap_or_else(|| panic!("{shown}"));
    assert_eq!(decode_user(bytes, &symbols), Ok(user), "{shown}");
    (expected, user)
}

#[test]
fn own_frames_equal_the_reference() {
    let mut depth = DepthBuf::new();
    for frame in fixtures::MARKET.iter().chain(fixtures::USER) {
        check_stream(frame.as_bytes(), &mut depth);
    }
    for frame in fixtures::REPLIES {
        let expected = reference::reply(frame.as_bytes());
        assert_eq!(decode_reply(frame.as_bytes()).ok(), expected, "{frame}");
        assert!(expected.is_some(), "{frame}");
    }
}

#[test]
fn recordings_of_two_symbols_equal_the_reference() {
    let Some(directory) = data::directory() else { return };
    let mut tally = Tally::default();
    let mut depth = DepthBuf::new();
    for path in data::files(&directory.join("ws_raw/usdm")) {
        for line in data::read(&path).split(|&byte| byte == b'\n') {
            let Some(blank) = line.iter().position(|&byte| byte == b' ') else { continue };
            let frame = &line[blank + 1..];
            if frame.starts_with(b"{\"lastUpdateId\"") {
                crate::rest::check_snapshot(frame, &mut depth);
                continue;
            }
            tally.add(&check_stream(frame, &mut depth).0);
        }
    }
    println!("{tally:?}");
    let frames = tally.book_tickers + tally.trades + tally.marks + tally.depths;
    assert!(tally.book_tickers > 50_000 && tally.trades > 10_000, "{tally:?}");
    assert!(tally.marks > 50 && tally.depths > 10_000, "{tally:?}");
    // What is no such frame is a trade of the insurance fund or a spent id.
    assert!(frames > 150_000 && tally.others * 20 < tally.trades, "{tally:?}");
}

#[test]
fn the_recording_of_2021_equals_the_reference() {
    let Some(directory) = data::directory() else { return };
    let mut tally = Tally::default();
    let mut depth = DepthBuf::new();
    let path = directory.join("ws_raw/usdm_cryptofeed_2021/BINANCE_FUTURES.ws.1.0.gz");
    for line in data::read(&path).split(|&byte| byte == b'\n') {
        let Some(colon) = line.windows(2).position(|pair| pair == b": ") else { continue };
        tally.add(&check_stream(&line[colon + 2..], &mut depth).0);
    }
    println!("{tally:?}");
    assert!(tally.book_tickers > 100 && tally.depths > 100, "{tally:?}");
    assert!(tally.agg_trades > 10 && tally.klines > 10, "{tally:?}");
}

/// The messages of a file of Binance.Net: what follows `=` and perhaps a number, without placeholders.
fn examples(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes).replace("|1|", "1");
    let messages = text.split("\n=").skip(1);
    messages.map(|text| text[text.find('{').expect("JSON")..].trim().into()).collect()
}

#[test]
fn protocol_examples_equal_the_reference() {
    let Some(directory) = data::directory() else { return };
    let directory = directory.join("protocol");
    let mut depth = DepthBuf::new();
    let (mut market, mut user) = (0, 0);
    let mut check = |frame: &[u8]| {
        let (market_frame, user_frame) = check_stream(frame, &mut depth);
        market += usize::from(!matches!(market_frame, MarketFrame::Other));
        user += usize::from(!matches!(user_frame, UserFrame::Other));
    };
    let mut placeholders = 0;
    for path in data::files(&directory.join("jkorf_usdfutures/Subscriptions")) {
        let frames = examples(&data::read(&path));
        assert!(!frames.is_empty(), "{path:?}");
        // Two klines that have a single field: no frames of the venue, and refused as such.
        if path.ends_with("Concurrent.txt") {
            for frame in &frames {
                let refused = decode_market_as(
                    frame,
                    &fixtures::symbols(),
                    &mut DepthBuf::new(),
                    DepthKind::Diff,
                );
                assert_eq!(refused, Err(DecodeError::Missing));
                placeholders += 1;
            }
            continue;
        }
        frames.iter().for_each(|frame| check(frame));
    }
    assert_eq!(placeholders, 2);
    for name in ["market_data_json", "user_data_json"] {
        for path in data::files(&directory.join("nautilus_futures").join(name)) {
            check(&data::read(&path));
        }
    }
    let live = data::read(&directory.join("frames_live_2026-02.jsonl"));
    for line in live.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        check(line);
    }
    println!("{market} market frames, {user} user frames");
    assert!(market > 15 && user > 20, "{market} market frames, {user} user frames");
}

#[test]
fn api_examples_equal_the_reference() {
    let Some(directory) = data::directory() else { return };
    let mut orders = 0;
    let files = data::files(&directory.join("protocol/jkorf_usdfutures/Socket"));
    for path in &files {
        let [frame] = &examples(&data::read(path))[..] else { panic!("{path:?}") };
        let expected = reference::reply(frame).unwrap_or_else(|| panic!("{path:?}"));
        assert_eq!(decode_reply(frame), Ok(expected), "{path:?}");
        assert!(expected.is_ok() && expected.request_id.0 == 1, "{path:?}: {expected:?}");
        orders += usize::from(expected.venue_order_id.0 != 0);
    }
    assert!(files.len() >= 14 && orders >= 4, "{} files, {orders} orders", files.len());
}
