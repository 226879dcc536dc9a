//! A recorded market: times are now, and its end is told.

use std::io::Write;

use serde_json::{Value, json};
use venue::{AtEnd, MarketSource};

use crate::support::{now_ms, number, start_with};

/// A short recording in the format of the data folder: local nanoseconds and a combined frame.
fn fixture(dir: &std::path::Path) -> std::path::PathBuf {
    let path = dir.join("btcusdt.txt");
    let mut file = std::fs::File::create(&path).expect("a file");
    let (start_ms, mut update) = (1_721_260_621_000i64, 1_000);
    let mut write = |at_ns: i64, frame: Value| writeln!(file, "{at_ns} {frame}").expect("written");
    let level = |price: i64, qty: i64| json!([format!("{price}.00"), format!("{qty}.000")]);
    let bids: Vec<_> = (0..5).map(|index| level(60_000 - index, 1)).collect();
    let asks: Vec<_> = (0..5).map(|index| level(60_001 + index, 1)).collect();
    let snapshot = json!({"lastUpdateId": update, "E": start_ms, "T": start_ms, "bids": bids,
        "asks": asks});
    write(start_ms * 1_000_000, snapshot);
    for index in 1..=40i64 {
        let at = start_ms + index * 50;
        let diff = json!({"e": "depthUpdate", "E": at, "T": at, "s": "BTCUSDT", "U": update + 1,
            "u": update + 2, "pu": update, "b": [level(60_000, index)], "a": []});
        write(at * 1_000_000, json!({"stream": "btcusdt@depth@0ms", "data": diff}));
        update += 2;
        let trade = json!({"e": "trade", "E": at, "T": at, "s": "BTCUSDT", "t": 500 + index,
            "p": "60001.00", "q": "0.010", "X": "MARKET", "m": false});
        write(at * 1_000_000 + 1, json!({"stream": "btcusdt@trade", "data": trade}));
    }
    path
}

#[test]
fn recorded_times_are_shifted_and_the_end_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = vec![fixture(dir.path())];
    let before = now_ms();
    let client = start_with(|config| {
        config.source = MarketSource::Tape { files, at_end: AtEnd::Stand };
        config.speed = 1.0;
    });
    let mut socket = client.open("/public/ws/btcusdt@trade");
    let frame = socket.frame();
    assert!(frame["T"].as_i64() >= Some(before) && frame["E"].as_i64() >= Some(before), "{frame}");
    assert_eq!(number(&frame["p"]), 60_001.0);
    while frame_id(&socket.frame()) < 540 {}
    while !client.venue.tape_ended() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(client.venue.stats()["tape_ended"], true);
    let depth = client.get("/fapi/v1/depth?symbol=BTCUSDT&limit=5").body;
    assert_eq!(depth["bids"][0], json!(["60000.00", "40.000"]));
}

#[test]
fn a_looped_tape_goes_on_with_rising_ids() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = vec![fixture(dir.path())];
    let client = start_with(|config| {
        config.source = MarketSource::Tape { files, at_end: AtEnd::Loop };
        config.speed = 20.0;
    });
    let mut socket = client.open("/public/ws/btcusdt@trade");
    let mut last = frame_id(&socket.frame());
    for _ in 0..90 {
        let id = frame_id(&socket.frame());
        assert!(id > last, "{id} after {last}");
        last = id;
    }
    assert!(!client.venue.tape_ended());
}

fn frame_id(frame: &Value) -> i64 {
    frame["t"].as_i64().expect("a trade id")
}

#[test]
fn a_recording_of_the_data_folder_plays() {
    let data = std::env::var("SHRIKE_DATA").map_or_else(
        |_| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        std::path::PathBuf::from,
    );
    let file = data.join("ws_raw/usdm/btcusdt_20240718.gz");
    if !file.exists() {
        println!("data not found: {}", file.display());
        return;
    }
    let client = start_with(|config| {
        config.source = MarketSource::Tape { files: vec![file], at_end: AtEnd::Stand };
        config.speed = 5.0;
    });
    let mut socket = client.open("/public/stream?streams=btcusdt@bookTicker/btcusdt@depth20@100ms");
    let depth = socket.until(|frame| frame["stream"] == "btcusdt@depth20@100ms");
    let (bid, ask) = (number(&depth["data"]["b"][0][0]), number(&depth["data"]["a"][0][0]));
    assert!(60_000.0 < bid && bid < ask && ask < 70_000.0, "{depth}");
}
