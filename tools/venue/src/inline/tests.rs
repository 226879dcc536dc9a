use super::*;
use crate::MarketSource;

const START_MS: i64 = 1_790_000_000_000;

fn venue(seed: u64) -> Inline {
    let config = VenueConfig {
        seed,
        source: MarketSource::Generated { symbols: vec!["BTCUSDT".to_owned()] },
        market_events_per_second: Some(20),
        first_id: Some(0),
        ..VenueConfig::default()
    };
    Inline::new(&config, START_MS).expect("a venue")
}

/// Streams, an order over each way and its reports, as one text.
fn run(seed: u64) -> String {
    let mut venue = venue(seed);
    let key = venue.credentials(0).expect("an account").api_key.clone();
    let listen = venue.rest(START_MS, "POST", "/fapi/v1/listenKey", &key);
    let listen: serde_json::Value = serde_json::from_str(&listen.body).expect("JSON");
    let listen = listen["listenKey"].as_str().expect("a key").to_owned();
    let market = venue.open(START_MS, "/public/ws/btcusdt@bookTicker").expect("a route");
    let user = venue.open(START_MS, &format!("/private/ws/{listen}")).expect("a route");
    let order = venue.open(START_MS, "/ws-fapi/v1").expect("a route");
    let logon = format!(r#"{{"id":"l","method":"session.logon","params":{{"apiKey":"{key}"}}}}"#);
    venue.text(START_MS, order, &logon);
    let place = r#"{"id":7,"method":"order.place","params":{"symbol":"BTCUSDT","side":"BUY",
        "type":"MARKET","quantity":"0.002","newClientOrderId":"a-1","timestamp":1790000000500}}"#;
    venue.text(START_MS + 500, order, place);
    let path = "/fapi/v1/order?symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.002";
    let sold = venue.rest(START_MS + 900, "POST", path, &key);
    assert_eq!(sold.status, 200, "{}", sold.body);
    venue.advance(START_MS + 2_000);
    let frames = venue.drain();
    let count = |wanted: Connection| frames.iter().filter(|(id, _)| *id == wanted).count();
    assert!(count(market) > 5 && count(order) == 2, "{frames:?}");
    let fills = frames.iter().filter(
        |(id, sent)| matches!(sent, Sent::Text(text) if *id == user && text.contains("TRADE_LITE")),
    );
    assert!(fills.count() >= 2, "{frames:?}");
    assert_eq!(venue.ledger(0)["positions"], serde_json::json!([]));
    format!("{frames:?}{}", venue.ledger(0))
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn a_closed_connection_hears_nothing() {
    let mut venue = venue(1);
    let market = venue.open(START_MS, "/public/ws/btcusdt@bookTicker").expect("a route");
    venue.advance(START_MS + 500);
    assert!(!venue.drain().is_empty());
    venue.close(market);
    venue.advance(START_MS + 1_000);
    assert!(venue.drain().is_empty() && !venue.is_open(market));
    assert!(venue.open(START_MS, "/nowhere").is_none());
}

#[test]
fn a_signature_is_not_asked_for_and_a_wrong_time_is_refused() {
    let mut venue = venue(1);
    let key = venue.credentials(0).expect("an account").api_key.clone();
    let old = format!("/fapi/v3/account?timestamp={}", START_MS - 60_000);
    assert!(venue.rest(START_MS, "GET", &old, &key).body.contains("-1021"));
    assert_eq!(venue.rest(START_MS, "GET", "/fapi/v3/account", &key).status, 200);
    assert_eq!(venue.rest(START_MS, "GET", "/fapi/v3/account", "nobody").status, 401);
}
