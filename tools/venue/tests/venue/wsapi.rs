//! The WebSocket API: signed requests, sessions, envelopes.

use serde_json::{Map, Value, json};

use crate::support::{Client, now_ms, start};

/// Parameters with key, time and signature; sorted as the protocol demands.
fn signed(client: &Client, params: Value, sign: impl Fn(&str) -> String) -> Value {
    let mut map: Map<String, Value> = params.as_object().expect("an object").clone();
    map.insert("apiKey".to_owned(), client.api_key().into());
    map.insert("timestamp".to_owned(), now_ms().into());
    let mut pairs: Vec<String> = map
        .iter()
        .map(|(key, value)| match value {
            Value::String(text) => format!("{key}={text}"),
            other => format!("{key}={other}"),
        })
        .collect();
    pairs.sort();
    map.insert("signature".to_owned(), sign(&pairs.join("&")).into());
    Value::Object(map)
}

fn order(client: &Client, id: &str) -> Value {
    let (bid, _) = client.touch("BTCUSDT");
    json!({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTX",
           "quantity": "0.010", "price": format!("{:.2}", (bid * 0.98).floor()),
           "newClientOrderId": id})
}

#[test]
fn orders_are_placed_queried_amended_and_cancelled() {
    let client = start();
    let mut socket = client.open("/ws-fapi/v1");
    let hmac = |payload: &str| client.hmac(payload);
    let params = signed(&client, order(&client, "ws-1"), hmac);
    let placed = socket.ask(&json!({"id": "p1", "method": "order.place", "params": params}));
    assert_eq!((&placed["status"], &placed["id"]), (&200.into(), &"p1".into()), "{placed}");
    assert_eq!(placed["result"]["status"], "NEW");
    assert!(placed["result"].get("avgPrice").is_none());
    let limits = placed["rateLimits"].as_array().expect("limits");
    let kinds: Vec<_> = limits.iter().map(|limit| limit["rateLimitType"].clone()).collect();
    assert_eq!(kinds, ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]);
    assert_eq!((&limits[0]["intervalNum"], &limits[0]["count"]), (&10.into(), &1.into()));

    let id = json!({"symbol": "BTCUSDT", "origClientOrderId": "ws-1"});
    let ask = |socket: &mut crate::support::Socket, number: u64, method: &str, params: Value| {
        let params = signed(&client, params, hmac);
        socket.ask(&json!({"id": number, "method": method, "params": params}))
    };
    let status = ask(&mut socket, 2, "order.status", id.clone());
    assert_eq!(status["result"]["avgPrice"], "0.00000", "{status}");
    let mut amend = id.clone();
    amend["side"] = "BUY".into();
    amend["quantity"] = "0.020".into();
    let half = ask(&mut socket, 3, "order.modify", amend.clone());
    assert_eq!((&half["status"], &half["error"]["code"]), (&400.into(), &(-1102).into()));
    amend["price"] = placed["result"]["price"].clone();
    let amended = ask(&mut socket, 4, "order.modify", amend);
    assert_eq!(amended["result"]["origQty"], "0.020", "{amended}");
    let cancelled = ask(&mut socket, 5, "order.cancel", id.clone());
    assert_eq!(cancelled["result"]["status"], "CANCELED", "{cancelled}");
    let again = ask(&mut socket, 6, "order.cancel", id);
    assert_eq!((&again["status"], &again["error"]["code"]), (&400.into(), &(-2011).into()));
}

#[test]
fn a_session_needs_ed25519_and_then_no_signatures() {
    let client = start();
    let mut socket = client.open("/ws-fapi/v1");
    let by_hmac = signed(&client, json!({}), |payload| client.hmac(payload));
    let refused = socket.ask(&json!({"id": 1, "method": "session.logon", "params": by_hmac}));
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&400.into(), &(-4056).into()));
    let mut unsigned = order(&client, "session-1");
    unsigned["timestamp"] = now_ms().into();
    let place = json!({"id": 2, "method": "order.place", "params": unsigned});
    assert_eq!(socket.ask(&place)["status"], 401, "nobody is logged on");

    let params = signed(&client, json!({}), |payload| client.ed25519(payload));
    let logon = socket.ask(&json!({"id": 3, "method": "session.logon", "params": params}));
    assert_eq!(logon["result"]["apiKey"], client.api_key(), "{logon}");
    let placed = socket.ask(&json!({"id": 4, "method": "order.place", "params": unsigned}));
    assert_eq!(placed["status"], 200, "{placed}");
    let mut late = order(&client, "session-2");
    late["timestamp"] = (now_ms() - 10_000).into();
    let late = socket.ask(&json!({"id": 5, "method": "order.place", "params": late}));
    assert_eq!(late["error"]["code"], -1021);
    let logout = socket.ask(&json!({"id": 6, "method": "session.logout"}));
    assert_eq!(logout["result"]["apiKey"], Value::Null);
    unsigned["timestamp"] = now_ms().into();
    let gone = socket.ask(&json!({"id": 7, "method": "order.place", "params": unsigned}));
    assert_eq!(gone["status"], 401, "{gone}");
}

#[test]
fn faults_are_answered_with_the_id() {
    let client = start();
    let mut socket = client.open("/ws-fapi/v1");
    let mut params = signed(&client, order(&client, "f-1"), |payload| client.hmac(payload));
    params["price"] = "1.00".into();
    let wrong = socket.ask(&json!({"id": 1, "method": "order.place", "params": params}));
    assert_eq!((&wrong["status"], &wrong["error"]["code"]), (&400.into(), &(-1022).into()));
    let unknown = socket.ask(&json!({"id": "x", "method": "nope", "params": {}}));
    assert_eq!(unknown["status"], 400);
    let mut params = order(&client, "f-2");
    params["quantity"] = "".into();
    let params = signed(&client, params, |payload| client.hmac(payload));
    let empty = socket.ask(&json!({"id": 2, "method": "order.place", "params": params}));
    assert_eq!(empty["error"]["code"], -1102, "{empty}");
    socket.send(&json!([1, 2]));
    let shapeless = socket.frame();
    assert_eq!((&shapeless["id"], &shapeless["status"]), (&Value::Null, &400.into()));
}

#[test]
fn account_and_market_methods_answer() {
    let client = start();
    let mut socket = client.open("/ws-fapi/v1?returnRateLimits=false");
    let time = socket.ask(&json!({"id": 1, "method": "time", "params": {}}));
    assert!(time["result"]["serverTime"].is_i64() && time.get("rateLimits").is_none(), "{time}");
    for (method, params) in [
        ("ping", json!({})),
        ("depth", json!({"symbol": "BTCUSDT", "limit": 5})),
        ("ticker.price", json!({"symbol": "BTCUSDT"})),
        ("ticker.book", json!({})),
    ] {
        let answer = socket.ask(&json!({"id": method, "method": method, "params": params}));
        assert_eq!(answer["status"], 200, "{method}: {answer}");
    }
    for method in ["v2/account.status", "v2/account.balance", "v2/account.position"] {
        let params = signed(&client, json!({}), |payload| client.hmac(payload));
        let answer = socket.ask(&json!({"id": method, "method": method, "params": params}));
        assert_eq!(answer["status"], 200, "{method}: {answer}");
    }
    let params = json!({"apiKey": client.api_key()});
    for method in ["userDataStream.start", "userDataStream.ping", "userDataStream.stop"] {
        let answer = socket.ask(&json!({"id": method, "method": method, "params": params}));
        assert_eq!(answer["status"], 200, "{method}: {answer}");
    }
}
