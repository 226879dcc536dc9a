//! Weights, order counts and bans over the wire.

use serde_json::json;

use crate::support::start_with;

#[test]
fn too_much_weight_is_429_then_418() {
    let client = start_with(|config| {
        config.limits.weight_1m_max = 20;
        config.limits.violations_max = 2;
    });
    // Two heavy requests cannot fit one window; the answer tells how long to wait.
    let path = "/fapi/v1/depth?symbol=BTCUSDT&limit=1000";
    let mut seen = Vec::new();
    for _ in 0..8 {
        let answer = client.get(path);
        let waits = answer.header("retry-after").is_some();
        seen.push((answer.status, answer.code(), waits));
    }
    assert!(seen.contains(&(200, 0, false)), "{seen:?}");
    assert!(seen.contains(&(429, -1003, true)), "{seen:?}");
    assert_eq!(seen.last(), Some(&(418, -1003, true)), "{seen:?}");
}

#[test]
fn too_many_orders_are_429_by_rest_and_websocket() {
    let client = start_with(|config| {
        config.limits.orders_10s_max = 1000;
        config.limits.orders_1m_max = 2;
    });
    let params = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.002";
    let mut refused = None;
    for _ in 0..6 {
        let answer = client.signed("POST", "/fapi/v1/order", params);
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("one of six orders is refused, even across a minute's end");
    assert_eq!(refused.code(), -1015, "{}", refused.text);
    assert!(refused.header("retry-after").is_some());
    let mut socket = client.open("/ws-fapi/v1");
    let time = crate::support::now_ms();
    let query = format!(
        "apiKey={}&quantity=0.002&side=BUY&symbol=BTCUSDT&timestamp={time}&type=MARKET",
        client.api_key()
    );
    let signature = client.hmac(&query);
    let params = json!({"apiKey": client.api_key(), "quantity": "0.002", "side": "BUY",
        "symbol": "BTCUSDT", "timestamp": time, "type": "MARKET", "signature": signature});
    let mut statuses = Vec::new();
    for id in 0..4 {
        let place = json!({"id": id, "method": "order.place", "params": params});
        let answer = socket.ask(&place);
        statuses.push(answer["status"].clone());
        if answer["status"] == 429 {
            assert!(answer["error"]["data"]["retryAfter"].as_i64() > Some(time), "{answer}");
            return;
        }
    }
    panic!("no order was refused: {statuses:?}");
}
