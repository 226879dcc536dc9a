//! Recorded markets: the book against the recorded best prices, and a strategy that has to trade.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use super::*;
use flate2::read::GzDecoder;
use serde_json::Value;

fn tape(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHRIKE_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let path = root.join("ws_raw/usdm").join(name);
    if !path.exists() {
        println!("data not found: {}", path.display());
        return None;
    }
    Some(path)
}

fn decimal(value: &Value) -> i64 {
    schema::parse_decimal(value.as_str().expect("prices are strings").as_bytes()).expect("plain")
}
fn number(value: &Value) -> u64 {
    value.as_u64().expect("ids and times are integers")
}

fn levels(value: &Value, push: &mut dyn FnMut(Level) -> bool) {
    for level in value.as_array().expect("levels") {
        let level = Level {
            price: Price::from_units(decimal(&level[0])),
            qty: Qty::from_units(decimal(&level[1])),
        };
        assert!(push(level));
    }
}

/// One line of a tape, decoded the plain way.
enum Line {
    Ticker(BookTicker),
    Trade(Trade),
    Depth(DepthHead),
}

fn decode(line: &str, symbol: SymbolId, depth: &mut DepthBuf) -> Option<Line> {
    let (_, json) = line.split_once(' ')?;
    let value: Value = serde_json::from_str(json).ok()?;
    let data = value.get("data").unwrap_or(&value);
    let time = |key: &str| WallNs::from_ms(data[key].as_i64().unwrap_or_default());
    depth.clear();
    let Some(event) = data.get("e").and_then(Value::as_str) else {
        let head = DepthHead {
            symbol,
            kind: DepthKind::Snapshot,
            last_update_id: number(data.get("lastUpdateId")?),
            ..DepthHead::default()
        };
        levels(&data["bids"], &mut |level| depth.push_bid(level));
        levels(&data["asks"], &mut |level| depth.push_ask(level));
        return Some(Line::Depth(head));
    };
    Some(match event {
        "bookTicker" => Line::Ticker(BookTicker {
            symbol,
            update_id: number(&data["u"]),
            bid_price: Price::from_units(decimal(&data["b"])),
            bid_qty: Qty::from_units(decimal(&data["B"])),
            ask_price: Price::from_units(decimal(&data["a"])),
            ask_qty: Qty::from_units(decimal(&data["A"])),
            transaction_time: time("T"),
            event_time: time("E"),
        }),
        "depthUpdate" => {
            levels(&data["b"], &mut |level| depth.push_bid(level));
            levels(&data["a"], &mut |level| depth.push_ask(level));
            Line::Depth(DepthHead {
                symbol,
                kind: DepthKind::Diff,
                first_update_id: number(&data["U"]),
                last_update_id: number(&data["u"]),
                previous_update_id: number(&data["pu"]),
                transaction_time: time("T"),
                event_time: time("E"),
            })
        }
        "trade" if data["X"] == "MARKET" => Line::Trade(Trade {
            symbol,
            trade_id: TradeId(data["t"].as_i64()?),
            price: Price::from_units(decimal(&data["p"])),
            qty: Qty::from_units(decimal(&data["q"])),
            buyer_is_maker: data["m"].as_bool()?,
            trade_time: time("T"),
            event_time: time("E"),
        }),
        _ => return None,
    })
}

fn lines(path: PathBuf) -> impl Iterator<Item = String> {
    let file = std::fs::File::open(path).expect("checked to exist");
    BufReader::new(GzDecoder::new(file)).lines().map(|line| line.expect("gzip text"))
}

/// Best prices by update id from the tickers, compared with the book where a diff ends on that id.
fn compare_book(name: &str, coincidences_min: usize) {
    let Some(path) = tape(name) else { return };
    let mut book = crate::book::Book::new();
    let mut depth = DepthBuf::new();
    let mut tickers = BTreeMap::new();
    let mut tops = BTreeMap::new();
    for line in lines(path) {
        match decode(&line, SymbolId(0), &mut depth) {
            Some(Line::Ticker(ticker)) => {
                tickers.insert(ticker.update_id, ticker);
            }
            Some(Line::Depth(head)) => {
                book.apply_depth(MonoNs(1), &head, &depth);
                if book.sync() == crate::book::Sync::Diff {
                    tops.insert(book.last_update_id(), (book.bids().best(), book.asks().best()));
                }
            }
            _ => {}
        }
    }
    let mut compared = 0;
    for (id, (bid, ask)) in &tops {
        let Some(ticker) = tickers.get(id) else { continue };
        assert_eq!(bid.expect("a bid").price, ticker.bid_price, "update {id}");
        assert_eq!(ask.expect("an ask").price, ticker.ask_price, "update {id}");
        compared += 1;
    }
    println!("{name}: {} synced depth events, {compared} on a ticker's id", tops.len());
    assert!(compared >= coincidences_min, "{compared} of {}", tops.len());
}

#[test]
fn the_book_of_2023_equals_the_recorded_best_prices() {
    compare_book("btcusdt_20230404.dat.gz", 1);
}

#[test]
fn the_book_of_2024_equals_the_recorded_best_prices() {
    compare_book("btcusdt_20240718.gz", 1);
    compare_book("ethusdt_20240718.gz", 1);
}

/// A venue that fills every IOC at its limit price at once: for counting trades, not money.
fn trade_everything(rig: &mut Rig, next_trade: &mut i64) {
    for (order, request) in rig.placed() {
        rig.reply(request, 200, 0, OrderStatus::New, Qty::ZERO);
        *next_trade += 1;
        let f = Fill { price: order.price, ..fill(*next_trade, order.qty, order.qty) };
        rig.report(&order, ExecType::Trade, OrderStatus::Filled, f);
    }
}

fn imbalance_rig() -> Rig {
    let mut config = config(StrategyConfig::by_name("imbalance").expect("named"));
    for symbol in &mut config.symbols {
        symbol.limits = SymbolLimits {
            is_restricted: false,
            qty_max: milli(1_000),
            notional_max: usd(5_000),
            position_max: milli(2_000),
        };
        symbol.rules.tick = Price::from_units(SCALE / 100);
        symbol.rules.notional_min = usd(20);
    }
    config.limits.daily_loss_max = usd(9_000);
    config.timing.clock_jump_ns_max = u64::MAX;
    let mut rig = Rig::new(config);
    for link in Link::ALL {
        rig.apply(&Input::Link(*link, true));
    }
    let truth = rig.truth();
    rig.apply(&Input::Reconciled(&truth));
    rig
}

#[test]
fn imbalance_trades_hundreds_of_times_on_a_recorded_market() {
    let names = ["btcusdt_20240718.gz", "ethusdt_20240718.gz"];
    let (Some(btc), Some(eth)) = (tape(names[0]), tape(names[1])) else { return };
    let mut merged: Vec<(u64, usize, String)> = Vec::new();
    for (symbol, path) in [btc, eth].into_iter().enumerate() {
        merged.extend(
            lines(path)
                .filter_map(|line| Some((line.split_once(' ')?.0.parse().ok()?, symbol, line))),
        );
    }
    merged.sort_by_key(|(at, symbol, _)| (*at, *symbol));
    let mut rig = imbalance_rig();
    let mut depth = DepthBuf::new();
    let (start, mut next_timer, mut next_trade) = (merged[0].0, 0, 0);
    for (at, symbol, line) in &merged {
        rig.elapsed_ns = at - start;
        let id = SymbolId(*symbol as u16);
        let wall = rig.now().wall;
        match decode(line, id, &mut depth) {
            Some(Line::Ticker(ticker)) => {
                if rig.elapsed_ns >= next_timer {
                    let mark = Mark { symbol: id, mark_price: ticker.bid_price, ..Mark::default() };
                    rig.apply(&Input::Mark(&mark));
                }
                rig.apply(&Input::BookTicker(&BookTicker { event_time: wall, ..ticker }));
            }
            Some(Line::Trade(trade)) => rig.apply(&Input::Trade(&trade)),
            Some(Line::Depth(head)) => {
                rig.apply(&Input::Depth(&DepthHead { event_time: wall, ..head }, &depth));
            }
            None => {}
        }
        if rig.elapsed_ns >= next_timer + 100 * MS {
            next_timer = rig.elapsed_ns;
            rig.apply(&Input::Timer);
        }
        trade_everything(&mut rig, &mut next_trade);
    }
    let mut status = Status::default();
    rig.engine.fill_status(rig.now(), &mut status);
    let seconds = rig.elapsed_ns / 1_000_000_000;
    println!("{} orders in {seconds} s", status.orders);
    for symbol in &status.symbols[..2] {
        assert_eq!((symbol.book_synced, symbol.book_gaps), (1, 0));
        assert!(symbol.fills > 200, "{symbol:?}");
    }
}

#[test]
fn imbalance_trades_hundreds_of_times_on_a_random_walk() {
    let mut rig = imbalance_rig();
    let (mut dice, mut next_trade) = (0x9e37_79b9_7f4a_7c15u64, 0);
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut mid = 50_000i64;
    // Three minutes of twenty events a second.
    for step in 0..3_600 {
        rig.elapsed_ns += 50 * MS;
        mid += roll(3) as i64 - 1;
        let symbol = SymbolId((step % 2) as u16);
        rig.update_id += 1;
        rig.apply(&Input::BookTicker(&BookTicker {
            symbol,
            update_id: rig.update_id,
            bid_price: price(mid),
            bid_qty: milli(1 + roll(2_000) as i64),
            ask_price: price(mid + 1),
            ask_qty: milli(1 + roll(2_000) as i64),
            transaction_time: rig.now().wall,
            event_time: rig.now().wall,
        }));
        rig.mark(symbol.0, mid);
        if roll(3) == 0 {
            let trade = Trade {
                symbol,
                price: price(mid),
                qty: milli(1 + roll(300) as i64),
                buyer_is_maker: roll(2) == 0,
                trade_time: rig.now().wall,
                ..Trade::default()
            };
            rig.apply(&Input::Trade(&trade));
        }
        rig.apply(&Input::Timer);
        trade_everything(&mut rig, &mut next_trade);
    }
    println!("{next_trade} fills in 180 s");
    assert!(next_trade > 300, "{next_trade}");
}
