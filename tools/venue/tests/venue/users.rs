//! Listen keys and the forms of the user stream.

use serde_json::json;

use crate::support::{Client, start, start_with};

fn place_resting(client: &Client, id: &str) {
    let (bid, _) = client.touch("BTCUSDT");
    let price = (bid * 0.98).floor();
    let params = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price={price}\
         &newClientOrderId={id}"
    );
    let answer = client.signed("POST", "/fapi/v1/order", &params);
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn all_four_forms_deliver_and_the_legacy_one_is_silent() {
    let client = start();
    let key = client.listen_key();
    assert_eq!(client.listen_key(), key, "one key while it lives");
    let mut path = client.open(&format!("/private/ws/{key}"));
    let mut query = client.open(&format!("/private/ws?listenKey={key}"));
    let mut several = client.open(&format!(
        "/private/stream?listenKey=other&listenKey={key}&events=ORDER_TRADE_UPDATE"
    ));
    let mut subscribed = client.open("/private/stream");
    subscribed.ask(&json!({"method": "SUBSCRIBE", "params": [key], "id": 1}));
    let mut filtered = client.open(&format!("/private/ws?listenKey={key}&events=ACCOUNT_UPDATE"));
    let mut legacy = client.open(&format!("/ws/{key}"));
    let mut public = client.open(&format!("/public/stream?streams={key}"));
    for socket in [&mut path, &mut query, &mut several, &mut filtered, &mut legacy, &mut public] {
        socket.settle();
    }
    place_resting(&client, "forms");
    for raw in [&mut path, &mut query] {
        assert_eq!(raw.frame()["o"]["c"], "forms");
    }
    for wrapped in [&mut several, &mut subscribed] {
        let frame = wrapped.frame();
        assert_eq!(
            (&frame["stream"], &frame["data"]["o"]["c"]),
            (&key.clone().into(), &"forms".into())
        );
    }
    for silent in [&mut filtered, &mut legacy, &mut public] {
        silent.send(&json!({"method": "GET_PROPERTY", "params": ["combined"], "id": 7}));
        assert_eq!(silent.frame()["id"], 7, "nothing came before the answer");
    }
}

#[test]
fn a_key_that_is_not_refreshed_expires_and_says_so() {
    let client = start_with(|config| config.lifetimes.listen_key_ms = 1_500);
    let key = client.listen_key();
    let mut heard = client.open(&format!("/private/ws/{key}"));
    let expired = heard.frame();
    assert_eq!((&expired["e"], &expired["listenKey"]), (&"listenKeyExpired".into(), &key.into()));
    let put = client.request("PUT", "/fapi/v1/listenKey", Some(client.api_key()));
    assert_eq!((put.status, put.code()), (400, -1125));
}

#[test]
fn deleting_the_key_silences_its_stream() {
    let client = start();
    let mut user = client.open_user();
    let key = Some(client.api_key());
    let put = client.request("PUT", "/fapi/v1/listenKey", key);
    assert!(put.body["listenKey"].is_string(), "{}", put.text);
    assert_eq!(client.request("DELETE", "/fapi/v1/listenKey", key).text, "{}");
    place_resting(&client, "silent");
    user.send(&json!({"method": "LIST_SUBSCRIPTIONS", "id": 3}));
    assert_eq!(user.frame()["id"], 3, "nothing came before the answer");
}

#[test]
fn leverage_changes_are_told() {
    let client = start();
    let mut user = client.open_user();
    let answer = client.signed("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=3");
    assert_eq!(answer.status, 200, "{}", answer.text);
    let event = user.frame();
    assert_eq!(event["e"], "ACCOUNT_CONFIG_UPDATE");
    assert_eq!(event["ac"], json!({"s": "BTCUSDT", "l": 3}));
}
