//! Conditional orders over sockets: REST, the WebSocket API, ALGO_UPDATE.

use serde_json::{Value, json};

use crate::support::{Client, Socket, now_ms, number, start};

/// A stop far below the market, or one tick below the last price.
fn stop(client: &Client, id: &str, share: f64) -> String {
    let (bid, _) = client.touch("BTCUSDT");
    let price = (bid * share).floor();
    format!(
        "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.002\
         &triggerPrice={price}&clientAlgoId={id}"
    )
}

fn algo_update(user: &mut Socket, id: &str, state: &str) -> Value {
    user.until(|event| {
        event["e"] == "ALGO_UPDATE" && event["o"]["caid"] == id && event["o"]["X"] == state
    })
}

#[test]
fn a_stop_is_placed_listed_and_cancelled() {
    let client = start();
    let mut user = client.open_user();
    let placed = client.signed("POST", "/fapi/v1/algoOrder", &stop(&client, "s-1", 0.95));
    assert_eq!(placed.status, 200, "{}", placed.text);
    assert_eq!(placed.header("x-mbx-order-count-10s"), Some("1"));
    assert_eq!(
        (&placed.body["algoStatus"], &placed.body["orderType"]),
        (&json!("NEW"), &json!("STOP_MARKET"))
    );
    let algo_id = placed.body["algoId"].clone();
    let told = algo_update(&mut user, "s-1", "NEW");
    let order = &told["o"];
    assert_eq!(
        (&order["aid"], &order["ai"], &order["at"]),
        (&algo_id, &json!(""), &json!("CONDITIONAL"))
    );
    assert_eq!(
        (&order["q"], &order["wt"], &order["tt"]),
        (&json!("0.002"), &json!("CONTRACT_PRICE"), &json!(0))
    );

    let ordinary = client.signed("GET", "/fapi/v1/openOrders", "symbol=BTCUSDT");
    assert_eq!(ordinary.body, json!([]), "no ordinary order");
    let listed = client.signed("GET", "/fapi/v1/openAlgoOrders", "symbol=BTCUSDT");
    assert_eq!(
        (listed.body.as_array().map(Vec::len), &listed.body[0]["algoId"]),
        (Some(1), &algo_id)
    );
    let all = client.signed("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT");
    assert_eq!(all.status, 200, "{}", all.text);
    let key = format!("algoId={algo_id}");
    let seen = client.signed("GET", "/fapi/v1/algoOrder", &key);
    assert_eq!(
        (&seen.body["algoStatus"], &seen.body["actualOrderId"]),
        (&json!("NEW"), &json!(""))
    );

    let ended = client.signed("DELETE", "/fapi/v1/algoOrder", "clientAlgoId=s-1");
    assert_eq!(
        (&ended.body["code"], &ended.body["algoId"]),
        (&json!("200"), &algo_id),
        "{}",
        ended.text
    );
    algo_update(&mut user, "s-1", "CANCELED");
    assert_eq!(client.signed("DELETE", "/fapi/v1/algoOrder", &key).code(), -2011);
    assert_eq!(client.signed("GET", "/fapi/v1/algoOrder", "clientAlgoId=none").code(), -2013);
    assert_eq!(client.signed("GET", "/fapi/v1/algoOrder", "").code(), -1102);
    let history = client.signed("GET", "/fapi/v1/allAlgoOrders", "symbol=BTCUSDT");
    assert_eq!(history.body[0]["algoStatus"], "CANCELED");
    let ledger = client.venue.ledger();
    assert_eq!(ledger["algo_orders"][0]["clientAlgoId"], "s-1");
}

#[test]
fn a_stop_triggers_and_its_order_is_real() {
    let client = start();
    let mut user = client.open_user();
    // Tried until one is not there already: the market moves meanwhile.
    let id = (0..100)
        .map(|number| format!("near-{number}"))
        .find(|id| {
            let placed = client.signed("POST", "/fapi/v1/algoOrder", &stop(&client, id, 1.0));
            assert!(placed.status == 200 || placed.code() == -2021, "{}", placed.text);
            placed.status == 200
        })
        .expect("one of a hundred waits");
    algo_update(&mut user, &id, "TRIGGERING");
    let filled = user.until(|event| event["o"]["c"] == json!(id) && event["o"]["X"] == "FILLED");
    let order = &filled["o"];
    assert_eq!((&order["o"], &order["ot"]), (&json!("MARKET"), &json!("STOP_MARKET")));
    assert!(number(&order["sp"]) > 0.0, "{filled}");
    let triggered = algo_update(&mut user, &id, "TRIGGERED");
    assert_eq!(triggered["o"]["ai"], json!(order["i"].to_string()));
    let finished = algo_update(&mut user, &id, "FINISHED");
    assert_eq!((&finished["o"]["aq"], &finished["o"]["act"]), (&json!("0.002"), &json!("MARKET")));
    let seen =
        client.signed("GET", "/fapi/v1/order", &format!("symbol=BTCUSDT&origClientOrderId={id}"));
    assert_eq!(
        (&seen.body["origType"], &seen.body["status"]),
        (&json!("STOP_MARKET"), &json!("FILLED"))
    );
}

#[test]
fn the_websocket_api_places_and_cancels_them() {
    let client = start();
    let mut socket = client.open("/ws-fapi/v1");
    let signed = |params: &str| -> Value {
        let query = format!("apiKey={}&{params}&timestamp={}", client.api_key(), now_ms());
        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.sort_unstable();
        let mut map: serde_json::Map<String, Value> = pairs
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| match (name, value.parse::<i64>()) {
                ("timestamp", Ok(number)) => (name.to_owned(), number.into()),
                _ => (name.to_owned(), value.into()),
            })
            .collect();
        map.insert("signature".to_owned(), client.hmac(&pairs.join("&")).into());
        Value::Object(map)
    };
    let params = signed(&stop(&client, "w-1", 0.95));
    let placed = socket.ask(&json!({"id": 1, "method": "algoOrder.place", "params": params}));
    assert_eq!(
        (&placed["status"], &placed["result"]["clientAlgoId"]),
        (&json!(200), &json!("w-1"))
    );
    assert_eq!(placed["rateLimits"][0]["rateLimitType"], "ORDERS");
    let cancel = |socket: &mut Socket, number: u64| {
        let params = signed("clientAlgoId=w-1");
        socket.ask(&json!({"id": number, "method": "algoOrder.cancel", "params": params}))
    };
    let ended = cancel(&mut socket, 2);
    assert_eq!(
        (&ended["status"], &ended["result"]["code"]),
        (&json!(200), &json!("200")),
        "{ended}"
    );
    assert_eq!(cancel(&mut socket, 3)["error"]["code"], -2011);
    let params = signed("algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=LIMIT&quantity=0.002");
    let refused = socket.ask(&json!({"id": 4, "method": "algoOrder.place", "params": params}));
    assert_eq!(refused["error"]["code"], -1116);
}

#[test]
fn cancelling_all_of_them_leaves_ordinary_orders() {
    let client = start();
    let (bid, _) = client.touch("BTCUSDT");
    let price = (bid * 0.98).floor();
    let resting =
        format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.010&price={price}");
    assert_eq!(client.signed("POST", "/fapi/v1/order", &resting).status, 200);
    for id in ["a-1", "a-2"] {
        client.signed("POST", "/fapi/v1/algoOrder", &stop(&client, id, 0.95));
    }
    let ended = client.signed("DELETE", "/fapi/v1/algoOpenOrders", "symbol=BTCUSDT");
    assert_eq!((ended.status, ended.body["code"].clone()), (200, json!(200)), "{}", ended.text);
    assert_eq!(client.signed("GET", "/fapi/v1/openAlgoOrders", "").body, json!([]));
    let ordinary = client.signed("GET", "/fapi/v1/openOrders", "symbol=BTCUSDT");
    assert_eq!(ordinary.body.as_array().map(Vec::len), Some(1));
    // In small letters, as ccxt sends it.
    let list = format!("symbol=BTCUSDT&orderidlist=[{}]", ordinary.body[0]["orderId"]);
    let ended = client.signed("DELETE", "/fapi/v1/batchOrders", &list);
    assert_eq!(ended.body[0]["status"], "CANCELED", "{}", ended.text);
}
