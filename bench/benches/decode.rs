//! `decode/…`: our decoders against typed serde_json and sonic-rs on the same bytes.
//!
//! The competitors deserialise into structs that borrow their strings, in the order the venue writes
//! the keys, and turn every decimal into the same exact integers with the same function: what a
//! careful user would write. `encode/…` shows what a signed order costs.

use bench::timing::{Contender, compare, contender, machine, print_head};
use binance::{MarketFrame, SymbolTable, decode_market};
use schema::{DepthBuf, Price, Qty, SymbolName};
use serde::{Deserialize, Deserializer};

const BOOK_TICKER: &str = r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":11660059839759,"s":"BTCUSDT","ps":"BTCUSDT","b":"84551.00","B":"2.646","a":"84551.10","A":"5.302","T":1790526538939,"E":1790526538940,"st":1}}"#;
const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1789893896920,"T":1789893896920,"s":"BTCUSDT","t":8097313955,"p":"80227.00","q":"0.010","X":"MARKET","m":true,"st":1}}"#;
const MARK: &str = r#"{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1790526539000,"s":"BTCUSDT","p":"84551.10762319","ap":"84551.10762319","P":"84559.09090909","i":"84590.87304348","r":"0.00000801","T":1790553600000,"st":1}}"#;

/// A decimal string as units of 1e-8.
fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = <&str>::deserialize(deserializer)?;
    schema::parse_decimal(text.as_bytes()).map_err(serde::de::Error::custom)
}

#[derive(Deserialize)]
struct Wrapped<T> {
    data: T,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    s: &'a str,
    u: u64,
    #[serde(deserialize_with = "decimal")]
    b: i64,
    #[serde(rename = "B", deserialize_with = "decimal")]
    bid_qty: i64,
    #[serde(deserialize_with = "decimal")]
    a: i64,
    #[serde(rename = "A", deserialize_with = "decimal")]
    ask_qty: i64,
    #[serde(rename = "T")]
    transaction: i64,
    #[serde(rename = "E")]
    event: i64,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    s: &'a str,
    t: i64,
    #[serde(deserialize_with = "decimal")]
    p: i64,
    #[serde(deserialize_with = "decimal")]
    q: i64,
    #[serde(rename = "X", borrow)]
    kind: &'a str,
    m: bool,
    #[serde(rename = "T")]
    time: i64,
    #[serde(rename = "E")]
    event: i64,
}

#[derive(Deserialize)]
struct Mark<'a> {
    #[serde(borrow)]
    s: &'a str,
    #[serde(deserialize_with = "decimal")]
    p: i64,
    #[serde(deserialize_with = "decimal")]
    i: i64,
    #[serde(deserialize_with = "decimal")]
    r: i64,
    #[serde(rename = "T")]
    next: i64,
    #[serde(rename = "E")]
    event: i64,
}

struct Pair(i64, i64);

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (price, qty) = <(&str, &str)>::deserialize(deserializer)?;
        let units =
            |text: &str| schema::parse_decimal(text.as_bytes()).map_err(serde::de::Error::custom);
        Ok(Self(units(price)?, units(qty)?))
    }
}

#[derive(Deserialize)]
struct Depth<'a> {
    #[serde(borrow)]
    s: &'a str,
    #[serde(rename = "U")]
    first: u64,
    u: u64,
    pu: u64,
    b: Vec<Pair>,
    a: Vec<Pair>,
}

fn depth20() -> String {
    let side = |best: i64, step: i64| {
        let levels: Vec<String> = (0..20)
            .map(|level| {
                let price = best + level * step;
                format!("[\"{}.{}0\",\"{}.{:03}\"]", price / 10, price % 10, level, 7 * level + 1)
            })
            .collect();
        levels.join(",")
    };
    format!(
        "{{\"stream\":\"btcusdt@depth20@100ms\",\"data\":{{\"e\":\"depthUpdate\",\
         \"E\":1780252543679,\"T\":1780252543678,\"s\":\"BTCUSDT\",\"ps\":\"BTCUSDT\",\
         \"U\":10673052221739,\"u\":10673052230343,\"pu\":10673052221569,\"b\":[{}],\"a\":[{}],\
         \"st\":1}}}}",
        side(736_358, -1),
        side(736_359, 1)
    )
}

/// Our decoder on one message; the frame must be of the kind expected.
fn ours<'a>(
    symbols: &'a SymbolTable,
    depth: &'a mut DepthBuf,
    text: &'a str,
    value: fn(&MarketFrame, &DepthBuf) -> Option<u64>,
) -> Contender<'a> {
    contender("shrike", move || {
        let frame = decode_market(std::hint::black_box(text.as_bytes()), symbols, depth);
        let value = frame.ok().and_then(|frame| value(&frame, depth));
        value.expect("the decoder reads its own example")
    })
}

macro_rules! theirs {
    ($text:expr, $type:ty, $value:expr) => {
        [
            contender("serde_json typed", move || {
                let frame: Wrapped<$type> =
                    serde_json::from_str(std::hint::black_box($text)).expect("valid");
                $value(&frame.data)
            }),
            contender("sonic-rs typed", move || {
                let frame: Wrapped<$type> =
                    sonic_rs::from_str(std::hint::black_box($text)).expect("valid");
                $value(&frame.data)
            }),
        ]
    };
}

fn market(symbols: &SymbolTable) {
    let mut depth = DepthBuf::new();
    let mut cases = vec![ours(symbols, &mut depth, BOOK_TICKER, |frame, _| match frame {
        MarketFrame::BookTicker(t) => Some(t.update_id ^ t.ask_qty.units() as u64),
        _ => None,
    })];
    cases.extend(theirs!(BOOK_TICKER, Ticker<'_>, |t: &Ticker<'_>| {
        t.u ^ (t.b + t.bid_qty + t.a + t.transaction + t.event) as u64
            ^ t.ask_qty as u64
            ^ t.s.len() as u64
    }));
    compare("decode/book_ticker", &mut cases);
    drop(cases);

    let mut cases = vec![ours(symbols, &mut depth, TRADE, |frame, _| match frame {
        MarketFrame::Trade(t) => Some(t.trade_id.0 as u64 ^ t.qty.units() as u64),
        _ => None,
    })];
    cases.extend(theirs!(TRADE, Trade<'_>, |t: &Trade<'_>| {
        (t.t + t.p + t.q + t.time + t.event) as u64
            ^ t.s.len() as u64
            ^ t.kind.len() as u64
            ^ u64::from(t.m)
    }));
    compare("decode/trade", &mut cases);
    drop(cases);

    let mut cases = vec![ours(symbols, &mut depth, MARK, |frame, _| match frame {
        MarketFrame::Mark(m) => Some(m.mark_price.units() as u64),
        _ => None,
    })];
    cases.extend(theirs!(MARK, Mark<'_>, |m: &Mark<'_>| {
        (m.p + m.i + m.r + m.next + m.event) as u64 ^ m.s.len() as u64
    }));
    compare("decode/mark_price", &mut cases);
    drop(cases);

    let text = depth20();
    let mut cases = vec![ours(symbols, &mut depth, &text, |frame, depth| match frame {
        MarketFrame::Depth(head) => Some(head.last_update_id ^ depth.bids().len() as u64),
        _ => None,
    })];
    let text = text.as_str();
    cases.extend(theirs!(text, Depth<'_>, |d: &Depth<'_>| {
        let sum = |side: &[Pair]| side.iter().map(|pair| pair.0 ^ pair.1).sum::<i64>();
        (d.first ^ d.u ^ d.pu) ^ (sum(&d.b) + sum(&d.a)) as u64 ^ d.s.len() as u64
    }));
    compare("decode/depth20", &mut cases);
}

fn encode(name: SymbolName) {
    use schema::{ClientOrderId, NewOrder, OrderType, RequestId, Side, SymbolId, TimeInForce};
    let secret = b"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";
    let api_key = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83";
    let signer = binance::sign::Signer::Hmac(binance::sign::HmacKey::new(secret));
    let format = binance::SymbolFormat { name, price_decimals: 2, qty_decimals: 3 };
    let mut encoder =
        binance::Encoder::new(api_key, signer, &[format], 5000).expect("a valid key and symbol");
    let mut out = [0u8; binance::REQUEST_BYTES_MAX];
    let mut sequence = 0u64;
    let mut cases = [contender("signed order.place", move || {
        sequence += 1;
        let order = NewOrder {
            symbol: SymbolId(0),
            client_order_id: ClientOrderId(sequence),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Ioc,
            price: Price::from_units(8_455_110_000_000 + (sequence as i64 % 100) * 10_000_000),
            qty: Qty::from_units(100_000),
            reduce_only: false,
        };
        let written = encoder.place(&mut out, RequestId(sequence), &order, 1_790_526_538_940);
        written.expect("the buffer is large enough") as u64
    })];
    compare("encode", &mut cases);
}

fn main() {
    // `cargo test --benches` runs this with `--test`: then nothing is measured.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let name = SymbolName::new(b"BTCUSDT").expect("a short name");
    let symbols = SymbolTable::new(&[name]);
    println!("{}", machine());
    print_head();
    market(&symbols);
    encode(name);
}
