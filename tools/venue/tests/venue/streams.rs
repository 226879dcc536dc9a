//! Market streams: routes, subscriptions, contents.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Client, number, start, start_with};

#[test]
fn each_stream_flows_on_its_route() {
    let client = start();
    for (route, name, event) in [
        ("public", "btcusdt@bookTicker", "bookTicker"),
        ("public", "btcusdt@trade", "trade"),
        ("public", "btcusdt@depth@100ms", "depthUpdate"),
        ("public", "btcusdt@depth@0ms", "depthUpdate"),
        ("public", "ethusdt@depth20@100ms", "depthUpdate"),
        ("public", "btcusdt@depth5", "depthUpdate"),
        ("market", "btcusdt@aggTrade", "aggTrade"),
        ("market", "btcusdt@markPrice@1s", "markPriceUpdate"),
        ("market", "btcusdt@kline_1m", "kline"),
        ("market", "btcusdt@ticker", "24hrTicker"),
        ("market", "btcusdt@miniTicker", "24hrMiniTicker"),
    ] {
        let mut raw = client.open(&format!("/{route}/ws/{name}"));
        let frame = raw.frame();
        assert_eq!(frame["e"], event, "{name}: {frame}");
        let symbol = name.split('@').next().expect("a symbol").to_uppercase();
        assert_eq!(frame["s"], symbol, "{name}: {frame}");
        let mut wrapped = client.open(&format!("/{route}/stream?streams={name}"));
        let frame = wrapped.frame();
        assert_eq!((&frame["stream"], &frame["data"]["e"]), (&name.into(), &event.into()));
    }
    for name in ["!markPrice@arr@1s", "!ticker@arr", "!miniTicker@arr"] {
        let mut all = client.open(&format!("/market/ws/{name}"));
        assert_eq!(all.frame().as_array().map(Vec::len), Some(2), "{name}");
    }
}

#[test]
fn a_foreign_stream_is_acknowledged_and_silent() {
    let client = start();
    let check = |path: &str, own: &str, foreign: &str| {
        let mut socket = client.open(path);
        let ack = socket.ask(&json!({"method": "SUBSCRIBE", "params": [foreign], "id": 1}));
        assert_eq!(ack, json!({"result": null, "id": 1}));
        // The next frame is the answer to the next request: nothing came in between.
        socket.send(&json!({"method": "SUBSCRIBE", "params": [own], "id": "two"}));
        assert_eq!(socket.frame(), json!({"result": null, "id": "two"}), "{path}");
        let own_event = own.split('@').nth(1).expect("a kind").to_owned();
        for _ in 0..20 {
            let frame = socket.frame();
            let event = frame["e"].as_str().or(frame["data"]["e"].as_str());
            assert_eq!(event, Some(own_event.as_str()), "{path}: {frame}");
        }
    };
    check("/public/ws", "btcusdt@trade", "btcusdt@aggTrade");
    check("/public/ws", "btcusdt@trade", "nosuch@stream");
    check("/market/stream", "btcusdt@aggTrade", "btcusdt@trade");
    check("/ws", "btcusdt@bookTicker", "btcusdt@markPrice@1s");
    check("/stream", "btcusdt@bookTicker", "btcusdt@aggTrade");
    check("/public/ws/1", "btcusdt@trade", "btcusdt@aggTrade");
}

#[test]
fn subscriptions_come_and_go() {
    let client = start();
    let mut socket = client.open("/public/ws");
    let params = json!(["btcusdt@trade", "btcusdt@bookTicker"]);
    socket.ask(&json!({"method": "SUBSCRIBE", "params": params, "id": 1}));
    let listed = socket.ask(&json!({"method": "LIST_SUBSCRIPTIONS", "id": 2}));
    assert_eq!(listed, json!({"result": params, "id": 2}));
    socket.ask(&json!({"method": "UNSUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 3}));
    for _ in 0..20 {
        assert_eq!(socket.frame()["e"], "trade");
    }
    let get = json!({"method": "GET_PROPERTY", "params": ["combined"], "id": 4});
    assert_eq!(socket.ask(&get), json!({"result": false, "id": 4}));
    let set = json!({"method": "SET_PROPERTY", "params": ["combined", true], "id": 5});
    assert_eq!(socket.ask(&set), json!({"result": null, "id": 5}));
    assert_eq!(socket.frame()["stream"], "btcusdt@trade");
    let fault = socket.ask(&json!({"method": "NOPE", "id": 6}));
    assert_eq!(fault["error"]["code"], 2, "{fault}");
}

#[test]
fn a_partial_book_is_the_whole_top() {
    let client = start();
    let mut socket = client.open("/public/ws/btcusdt@depth20@100ms");
    let mut last = 0;
    for _ in 0..5 {
        let frame = socket.frame();
        let (bids, asks) = (prices(&frame["b"]), prices(&frame["a"]));
        assert_eq!((bids.len(), asks.len()), (20, 20), "{frame}");
        assert!(bids.windows(2).all(|pair| pair[0] > pair[1]), "{frame}");
        assert!(asks.windows(2).all(|pair| pair[0] < pair[1]), "{frame}");
        assert!(bids[0] < asks[0], "{frame}");
        assert!(frame["b"][0][0].as_str().is_some_and(|text| text.contains('.')), "{frame}");
        let update = frame["u"].as_u64().expect("an id");
        assert!(update > last, "{frame}");
        last = update;
    }
}

fn prices(levels: &Value) -> Vec<f64> {
    levels.as_array().expect("levels").iter().map(|level| number(&level[0])).collect()
}

/// A book kept by the documented rule (PROTOCOL 2.4).
struct Book {
    update: u64,
    sides: [BTreeMap<String, String>; 2],
}

impl Book {
    fn apply(&mut self, frame: &Value) {
        for (side, key) in self.sides.iter_mut().zip(["b", "a"]) {
            for level in frame[key].as_array().expect("levels") {
                let (price, qty) = (level[0].as_str(), level[1].as_str());
                let (price, qty) = (price.expect("a price"), qty.expect("a quantity"));
                if number(&level[1]) == 0.0 {
                    side.remove(price);
                } else {
                    side.insert(price.to_owned(), qty.to_owned());
                }
            }
        }
        self.update = frame["u"].as_u64().expect("an id");
    }
}

fn keep_a_book(client: &Client, name: &str) {
    let mut socket = client.open(&format!("/public/ws/{name}"));
    let mut buffered = vec![socket.frame()];
    let snapshot = client.get("/fapi/v1/depth?symbol=BTCUSDT&limit=1000").body;
    let start = snapshot["lastUpdateId"].as_u64().expect("an id");
    let id = |frame: &Value, key: &str| frame[key].as_u64().expect("an id");
    while buffered.last().is_none_or(|frame| id(frame, "u") < start) {
        buffered.push(socket.frame());
    }
    buffered.retain(|frame| id(frame, "u") >= start);
    assert!(id(&buffered[0], "U") <= start, "{name}: no bridge: {start} {}", buffered[0]);
    let mut book = Book { update: 0, sides: Default::default() };
    book.apply(&json!({"b": snapshot["bids"], "a": snapshot["asks"], "u": start}));
    for index in 0..15 {
        if index == buffered.len() {
            buffered.push(socket.frame());
        }
        let frame = &buffered[index];
        if index > 0 {
            assert_eq!(id(frame, "pu"), book.update, "{name}: a gap before {frame}");
        }
        book.apply(frame);
    }
    // The venue's own book at the same update id says the same.
    loop {
        let snapshot = client.get("/fapi/v1/depth?symbol=BTCUSDT&limit=1000").body;
        let goal = id(&snapshot, "lastUpdateId");
        while book.update < goal {
            let frame = socket.frame();
            assert_eq!(id(&frame, "pu"), book.update, "{name}: a gap before {frame}");
            book.apply(&frame);
        }
        if book.update == goal {
            let mut other = Book { update: 0, sides: Default::default() };
            other.apply(&json!({"b": snapshot["bids"], "a": snapshot["asks"], "u": goal}));
            assert_eq!(book.sides, other.sides, "{name}");
            return;
        }
    }
}

#[test]
fn diffs_keep_a_book_equal_to_the_snapshot() {
    let client = start();
    keep_a_book(&client, "btcusdt@depth@0ms");
    keep_a_book(&client, "btcusdt@depth@100ms");
    keep_a_book(&client, "btcusdt@depth@500ms");
}

#[test]
fn trades_are_numbered_without_gaps_and_shown_by_rest() {
    let client = start();
    let mut socket = client.open("/public/ws/btcusdt@trade");
    let first = socket.frame()["t"].as_i64().expect("an id");
    for next in 1..30 {
        assert_eq!(socket.frame()["t"].as_i64(), Some(first + next));
    }
    let rows = client.get("/fapi/v1/trades?symbol=BTCUSDT&limit=1000").body;
    let ids: Vec<_> =
        rows.as_array().expect("rows").iter().filter_map(|row| row["id"].as_i64()).collect();
    assert!(ids.contains(&first) || ids.contains(&(first + 1)), "{first} is not in {ids:?}");
}

#[test]
fn more_than_ten_messages_a_second_end_the_connection() {
    let client = start();
    let mut socket = client.open("/public/ws");
    for id in 0..11 {
        socket.send(&json!({"method": "LIST_SUBSCRIPTIONS", "id": id}));
    }
    let mut answers = 0;
    while socket.next().is_some() {
        answers += 1;
    }
    assert!(answers <= 10, "{answers} answers");
}

#[test]
fn a_connection_ends_with_its_lifetime() {
    let client = start_with(|config| config.lifetimes.connection_ms = 300);
    let mut socket = client.open("/public/ws/btcusdt@trade");
    while socket.next().is_some() {}
}

#[test]
fn a_client_that_does_not_read_is_cut_and_others_go_on() {
    let client = start_with(|config| {
        config.queue_frames_max = 512;
        config.speed = 100.0;
    });
    let mut reader = client.open("/market/ws/btcusdt@markPrice@1s");
    reader.settle();
    let _slow = client.open("/public/ws/btcusdt@depth@0ms/btcusdt@bookTicker");
    // The sockets' buffers fill first; the venue's queue is the last to.
    while client.venue.stats()["slow_cut"] != 1 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(reader.frame()["e"], "markPriceUpdate");
    assert_eq!(client.venue.stats()["stream_connections"], 1);
}

#[test]
fn a_client_that_answers_no_ping_is_cut() {
    let client = start_with(|config| {
        config.lifetimes.ping_ms = 50;
        config.lifetimes.pong_ms = 100;
    });
    let bytes = client.open("/private/ws").read_mutely();
    let (opcode, length) = (bytes[0], usize::from(bytes[1]));
    assert_eq!((opcode, length), (0x89, 13), "a ping whose payload is the time in ms");
}
