use std::collections::BTreeMap;
use std::io::Write;

use schema::DepthKind;

use super::*;
use crate::Book;
use crate::market::TradeKind;

/// A folder of recordings, or `None` with a line saying so.
fn recorded(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHRIKE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join("ws_raw").join(folder);
    if !path.is_dir() {
        println!("data not found: {}", path.display());
        return None;
    }
    Some(path)
}

/// Events by kind: tickers, diffs, snapshots, trades, marks.
fn count(tape: &mut Tape) -> [usize; 5] {
    let mut counts = [0; 5];
    let mut before = i64::MIN;
    for event in tape {
        let (ns, update) = event.unwrap();
        assert!(ns >= before, "time order");
        before = ns;
        counts[match update {
            MarketUpdate::BookTicker(_) => 0,
            MarketUpdate::Depth(depth) if depth.head.kind == DepthKind::Diff => 1,
            MarketUpdate::Depth(_) => 2,
            MarketUpdate::Trade(_) => 3,
            MarketUpdate::Mark(_) => 4,
        }] += 1;
    }
    counts
}

#[track_caller]
fn check(folder: &str, files: &[&str], symbols: &[&str], expected: [usize; 5]) {
    let Some(folder) = recorded(folder) else { return };
    let paths: Vec<_> = files.iter().map(|file| folder.join(file)).collect();
    let mut tape = Tape::open(&paths).unwrap();
    let names: Vec<_> = tape.symbols().iter().map(SymbolName::as_str).collect();
    assert_eq!(names, symbols);
    assert_eq!(count(&mut tape), expected);
    assert_eq!(tape.warnings(), []);
}

#[test]
fn every_futures_recording_is_read_whole() {
    check("usdm", &["btcusdt_20230404.dat.gz"], &["BTCUSDT"], [6765, 4322, 1, 2197, 99]);
    check("usdm", &["btcusdt_20240718.gz"], &["BTCUSDT"], [7113, 3326, 1, 974, 0]);
    check("usdm", &["ethusdt_20240718.gz"], &["ETHUSDT"], [9089, 3273, 1, 1640, 0]);
    check(
        "usdm",
        &[
            "btcusdt_20240718.gz",
            "ethusdt_20240718.gz",
            "btcusdt_20240719.gz",
            "ethusdt_20240719.gz",
        ],
        &["BTCUSDT", "ETHUSDT"],
        [7113 + 9089 + 45147 + 38239, 3326 + 3273 + 5696 + 5656, 2, 974 + 1640 + 9727 + 12015, 0],
    );
}

#[test]
fn spot_recordings_are_read_whole() {
    check(
        "spot_24h",
        &["nexousdt_20240723.dat.gz", "nexousdt_20240724.dat.gz"],
        &["NEXOUSDT"],
        [437 + 33000, 1188 + 66994, 1, 178 + 12280, 0],
    );
}

#[test]
fn cryptofeed_recordings_are_merged_with_their_snapshots() {
    let files =
        ["BINANCE_FUTURES.0.gz", "BINANCE_FUTURES.http.0.0.gz", "BINANCE_FUTURES.ws.1.0.gz"];
    let Some(folder) = recorded("usdm_cryptofeed_2021") else { return };
    let paths: Vec<_> = files.iter().map(|file| folder.join(file)).collect();
    let mut tape = Tape::open(&paths).unwrap();
    let [tickers, diffs, snapshots, trades, marks] = count(&mut tape);
    assert_eq!(tape.symbols().len(), 4);
    assert_eq!(snapshots, 4);
    assert_eq!((tickers, diffs, trades, marks), (613, 764, 91, 0));
    let sushi = tape.symbols().iter().position(|name| name.as_str() == "SUSHIUSDT").unwrap();
    assert_eq!(tape.decimals(SymbolId(sushi as u16)), (3, 0));
}
#[test]
fn the_rebuilt_book_agrees_with_every_recorded_ticker() {
    let Some(folder) = recorded("usdm") else { return };
    let paths = ["btcusdt_20240718.gz", "btcusdt_20240719.gz"].map(|file| folder.join(file));
    let mut book = Book::new();
    let mut tickers = BTreeMap::new();
    let (mut compared, mut crossed) = (0, 0);
    for event in Tape::open(&paths).unwrap() {
        match event.unwrap().1 {
            MarketUpdate::BookTicker(ticker) => {
                tickers.insert(ticker.update_id, ticker);
                book.apply_ticker(&ticker);
            }
            MarketUpdate::Depth(depth) => {
                book.apply_depth(&depth);
                let id = book.last_update_id();
                let (bid, ask) =
                    (book.levels(schema::Side::Buy, 1), book.levels(schema::Side::Sell, 1));
                crossed += usize::from(bid[0].price >= ask[0].price);
                if let (true, Some(ticker)) = (book.is_synced(), tickers.get(&id)) {
                    assert_eq!((bid[0].price, bid[0].qty), (ticker.bid_price, ticker.bid_qty));
                    assert_eq!((ask[0].price, ask[0].qty), (ticker.ask_price, ticker.ask_qty));
                    compared += 1;
                }
            }
            _ => {}
        }
    }
    assert!(compared > 100, "only {compared} diffs end at a ticker's id");
    assert_eq!((book.gaps(), crossed), (0, 0), "the two files are one unbroken chain");
}

const LINES: &str = r#"1721347021000000000 {"stream":"xusdt@depth@0ms","data":{"e":"depthUpdate","E":5,"T":4,"s":"XUSDT","U":9,"u":12,"pu":8,"b":[["1.50","3"]],"a":[]}}
1721347021000000001 {"lastUpdateId":10,"bids":[["1.40","1"]],"asks":[["1.60","2"]]}
1721347021000000002 {"result":null,"id":1}
1721347021000000003 {"e":"trade","E":7,"T":6,"s":"XUSDT","t":77,"p":"1.55","q":"0.5","X":"MARKET","m":true}
1721347021000000004 {"stream":"xusdt@trade","data":{"e":"trade","E":7,"T":6,"s":"XUSDT","t":78,"p":"0","q":"0","X":"NA","m":true}}
"#;

fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

#[test]
fn plain_files_and_unwrapped_frames_are_read_too() {
    let file = file(LINES);
    let mut tape = Tape::open(&[file.path()]).unwrap();
    assert_eq!(tape.decimals(SymbolId(0)), (2, 1));
    assert_eq!(tape.rules()[0].tick_size, "0.01".parse().unwrap());
    let events: Vec<_> = tape.by_ref().map(|event| event.unwrap().1).collect();
    assert_eq!(events.len(), 4);
    assert!(tape.left_out() > 0);
    let MarketUpdate::Depth(snapshot) = &events[1] else { panic!("{:?}", events[1]) };
    assert_eq!((snapshot.head.kind, snapshot.head.last_update_id), (DepthKind::Snapshot, 10));
    let MarketUpdate::Trade(spent) = &events[3] else { panic!("{:?}", events[3]) };
    assert_eq!(spent.kind, TradeKind::NotAvailable);
}

#[test]
fn a_torn_last_line_is_a_warning_and_a_broken_one_an_error_with_its_line() {
    let torn = file(&LINES[..LINES.len() - 40]);
    let mut tape = Tape::open(&[torn.path()]).unwrap();
    assert_eq!(count(&mut tape), [0, 1, 1, 1, 0]);
    assert!(tape.warnings().iter().any(|w| w.line == 5 && w.msg.contains("torn")));

    let broken = file(&LINES.replace(r#""t":77"#, r#""t":77x"#));
    let error = Tape::open(&[broken.path()]).map(|_| ()).unwrap_err();
    assert_eq!((error.path.as_path(), error.line), (broken.path(), 4));

    let missing = Tape::open(&["/nowhere/tape.gz"]).map(|_| ()).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/tape.gz:0: cannot be opened"), "{missing}");
}

#[test]
fn a_gzip_that_ends_in_mid_stream_is_a_warning() {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(LINES.repeat(50).as_bytes()).unwrap();
    let bytes = gz.finish().unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes[..bytes.len() - 20]).unwrap();
    let mut tape = Tape::open(&[file.path()]).unwrap();
    assert!(tape.by_ref().all(|event| event.is_ok()));
    assert!(!tape.warnings().is_empty());
}

#[test]
fn a_repeating_tape_goes_on_with_rising_times_and_ids() {
    let file = file(LINES);
    let tape = Tape::open(&[file.path()]).unwrap().repeating();
    let mut book = Book::new();
    let (mut before, mut trade_before, mut update_before) = (i64::MIN, 0, 0);
    for event in tape.take(4 + 7 * 5) {
        let (ns, update) = event.unwrap();
        assert!(ns >= before);
        before = ns;
        match update {
            MarketUpdate::Trade(trade) => {
                assert_eq!(
                    trade.trade.trade_id.0,
                    if trade_before == 0 { 77 } else { trade_before + 1 }
                );
                trade_before = trade.trade.trade_id.0;
            }
            MarketUpdate::Depth(depth) => {
                book.apply_depth(&depth);
                if depth.head.kind == DepthKind::Diff {
                    assert!(depth.head.last_update_id > update_before);
                    update_before = depth.head.last_update_id;
                }
            }
            _ => {}
        }
    }
    assert_eq!(book.levels(schema::Side::Buy, 9).len(), 2);
    assert_eq!(book.last_update_id(), update_before);
}

#[test]
fn ids_of_a_tape_that_repeats_for_days_do_not_run_away() {
    const ROUNDS: usize = 500;
    let file = file(LINES);
    let tape = Tape::open(&[file.path()]).unwrap().repeating();
    let mut last = 0;
    let mut first = 0;
    for event in tape.take(ROUNDS * 5) {
        if let (_, MarketUpdate::Depth(depth)) = event.unwrap() {
            last = last.max(depth.head.last_update_id);
            first = if first == 0 { last } else { first };
        }
    }
    assert!(last - first < 2_000 * ROUNDS as u64 + first, "{first} became {last}");
}
