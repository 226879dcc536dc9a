//! Orders by REST and what the user stream tells of them.

use serde_json::{Value, json};

use venue::AccountSetup;

use crate::support::{Client, Socket, number, start, start_with};

/// A market order small enough for one level; its four events.
fn take(client: &Client, user: &mut Socket, side: &str, id: &str) -> [Value; 4] {
    let params =
        format!("symbol=BTCUSDT&side={side}&type=MARKET&quantity=0.002&newClientOrderId={id}");
    let answer = client.signed("POST", "/fapi/v1/order", &params);
    assert_eq!(answer.status, 200, "{}", answer.text);
    core::array::from_fn(|_| user.frame())
}

#[test]
fn a_taker_fill_comes_in_the_order_of_the_venue() {
    let client = start();
    let mut user = client.open_user();
    let [lite, new, account, trade] = take(&client, &mut user, "BUY", "first-1");
    assert_eq!(lite["e"], "TRADE_LITE", "{lite}");
    assert_eq!((&new["e"], &new["o"]["x"]), (&"ORDER_TRADE_UPDATE".into(), &"NEW".into()));
    assert_eq!((&account["e"], &account["a"]["m"]), (&"ACCOUNT_UPDATE".into(), &"ORDER".into()));
    let order = &trade["o"];
    assert_eq!((&order["x"], &order["X"]), (&"TRADE".into(), &"FILLED".into()), "{trade}");
    assert_eq!((&order["c"], &lite["c"]), (&"first-1".into(), &"first-1".into()));
    for event in [&new, &account, &trade] {
        assert_eq!(event["T"], lite["T"], "{event}");
    }
    assert_eq!((&order["t"], &order["i"]), (&lite["t"], &lite["i"]));
    assert_eq!((&order["L"], &order["m"]), (&order["ap"], &Value::Bool(false)));
    assert_eq!(account["a"]["P"][0]["pa"], "0.002");
    // Commission: 0.05 % of price × quantity, to the last digit.
    let units = |value: &Value| {
        schema::parse_decimal(value.as_str().expect("a decimal").as_bytes()).expect("a decimal")
    };
    let notional = schema::Price::from_units(units(&order["L"]))
        .notional(schema::Qty::from_units(units(&order["l"])));
    let fee = notional.and_then(|notional| notional.ppm(500)).expect("in range");
    assert_eq!(units(&order["n"]), fee.units());
    assert_eq!(units(&account["a"]["B"][0]["wb"]), 10_000 * schema::SCALE - fee.units());
}

#[test]
fn a_resting_order_is_seen_amended_and_cancelled() {
    let client = start();
    let mut user = client.open_user();
    let (bid, _) = client.touch("BTCUSDT");
    let price = (bid * 0.98).floor();
    let params = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.010&price={price}\
         &newClientOrderId=rest-1"
    );
    let placed = client.signed("POST", "/fapi/v1/order", &params);
    assert_eq!(placed.status, 200, "{}", placed.text);
    assert_eq!(
        (&placed.body["status"], &placed.body["executedQty"]),
        (&"NEW".into(), &"0.000".into())
    );
    assert!(placed.body.get("avgPrice").is_none() && placed.body.get("cumQuote").is_none());
    assert_eq!(placed.header("x-mbx-order-count-10s"), Some("1"));
    assert_eq!(user.frame()["o"]["x"], "NEW");

    let again = client.signed("POST", "/fapi/v1/order", &params);
    assert_eq!((again.status, again.code()), (400, -4116), "{}", again.text);

    let open = client.signed("GET", "/fapi/v1/openOrders", "symbol=BTCUSDT").body;
    assert_eq!(open[0]["clientOrderId"], "rest-1");
    assert!(open[0].get("avgPrice").is_some());
    let id = "symbol=BTCUSDT&origClientOrderId=rest-1";
    let half = client.signed("PUT", "/fapi/v1/order", &format!("{id}&side=BUY&quantity=0.02"));
    assert_eq!(half.code(), -1102, "{}", half.text);
    let amend = format!("{id}&side=BUY&quantity=0.020&price={price}&modifyId=5");
    let amended = client.signed("PUT", "/fapi/v1/order", &amended_price(&amend, price));
    assert_eq!(amended.status, 200, "{}", amended.text);
    assert_eq!((&amended.body["origQty"], &amended.body["modifyId"]), (&"0.020".into(), &5.into()));
    assert_eq!(amended.body["orderId"], placed.body["orderId"]);
    let event = user.frame();
    assert_eq!((&event["o"]["x"], &event["o"]["M"]), (&"AMENDMENT".into(), &"5".into()), "{event}");

    let cancelled = client.signed("DELETE", "/fapi/v1/order", id);
    assert_eq!(cancelled.body["status"], "CANCELED", "{}", cancelled.text);
    assert_eq!(user.frame()["o"]["X"], "CANCELED");
    assert_eq!(client.signed("DELETE", "/fapi/v1/order", id).code(), -2011);
    assert_eq!(client.signed("GET", "/fapi/v1/order", id).body["status"], "CANCELED");
    assert_eq!(client.signed("GET", "/fapi/v1/openOrder", id).code(), -2013);
    let none = "symbol=BTCUSDT&origClientOrderId=never";
    assert_eq!(client.signed("GET", "/fapi/v1/order", none).code(), -2013);
}

/// The amendment at a price one lower, so that something changes besides the quantity.
fn amended_price(amend: &str, price: f64) -> String {
    amend.replace(&format!("price={price}"), &format!("price={}", price - 1.0))
}

#[test]
fn refused_orders_leave_no_trace() {
    let client = start();
    let (bid, ask) = client.touch("BTCUSDT");
    let check = |params: &str, code: i64| {
        let answer = client.signed("POST", "/fapi/v1/order", params);
        assert_eq!((answer.status, answer.code()), (400, code), "{params}: {}", answer.text);
    };
    let limit = "symbol=BTCUSDT&side=BUY&type=LIMIT";
    let low = (bid * 0.98).floor();
    check(&format!("{limit}&timeInForce=GTC&quantity=0.01&price={low}.05"), -4014);
    check(&format!("{limit}&timeInForce=GTC&quantity=0.01&price=1.123456789"), -1111);
    check(&format!("{limit}&timeInForce=GTC&quantity=0.001&price=600"), -4164);
    check(&format!("{limit}&timeInForce=GTX&quantity=0.01&price={}", (ask * 1.01).floor()), -5022);
    check(&format!("{limit}&quantity=0.01&price={low}"), -1102);
    check(&format!("{limit}&timeInForce=XYZ&quantity=0.01&price={low}"), -1115);
    let stp = "selfTradePreventionMode";
    check(&format!("{limit}&timeInForce=GTC&quantity=0.01&price={low}&{stp}=EXPIRE_ALL"), -5039);
    check("symbol=BTCUSDT&side=LEFT&type=MARKET&quantity=1", -1117);
    check("symbol=BTCUSDT&side=BUY&type=NOPE&quantity=1", -1116);
    check("symbol=BTCUSDT&side=BUY&type=STOP_MARKET&quantity=1", -4120);
    check("symbol=NOPE&side=BUY&type=MARKET&quantity=1", -1121);
    check("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&reduceOnly=true", -2022);
    check("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=100", -2019);
    let ledger = client.venue.ledger();
    assert_eq!((&ledger["orders"], &ledger["fills"]), (&json!([]), &json!([])));
}

#[test]
fn batches_answer_each_order() {
    let client = start();
    let (bid, _) = client.touch("BTCUSDT");
    let price = (bid * 0.98).floor();
    let order = |id: &str, price: f64| {
        json!({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
               "quantity": "0.010", "price": price.to_string(), "newClientOrderId": id})
    };
    let batch = json!([order("b-1", price), order("b-2", -1.0), order("b-3", price)]).to_string();
    let encoded: String = batch.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = client.signed("POST", "/fapi/v1/batchOrders", &format!("batchOrders={encoded}"));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("x-mbx-order-count-10s"), Some("5"));
    assert_eq!(answer.header("x-mbx-order-count-1m"), Some("1"));
    assert_eq!(answer.body[0]["status"], "NEW");
    assert!(answer.body[1]["code"].as_i64().is_some_and(|code| code < 0), "{}", answer.text);
    assert_eq!(answer.body[2]["clientOrderId"], "b-3");
    let all = client.signed("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT");
    assert_eq!(all.body["code"], 200);
    assert_eq!(client.signed("GET", "/fapi/v1/openOrders", "").body, json!([]));
}

#[test]
fn ledger_stream_and_user_trades_agree_to_the_last_digit() {
    let client = start();
    let mut user = client.open_user();
    let mut trades = Vec::new();
    for (index, side) in ["BUY", "BUY", "SELL", "SELL", "SELL", "BUY"].iter().enumerate() {
        let [_, _, _, trade] = take(&client, &mut user, side, &format!("l-{index}"));
        trades.push(trade["o"].clone());
    }
    let ledger = client.plain("/shrike/ledger").body;
    assert_eq!(ledger, client.venue.ledger());
    let fills = ledger["fills"].as_array().expect("fills");
    let rows = client.signed("GET", "/fapi/v1/userTrades", "symbol=BTCUSDT").body;
    assert_eq!(fills.len(), trades.len());
    let same = |one: &Value, other: &Value| {
        let units = |value: &Value| schema::parse_decimal(value.as_str().unwrap_or("").as_bytes());
        assert_eq!(units(one).expect("a decimal"), units(other).expect("a decimal"));
    };
    let mut wallet = 10_000 * schema::SCALE;
    for ((fill, trade), row) in fills.iter().zip(&trades).zip(rows.as_array().expect("rows")) {
        assert_eq!((&fill["trade_id"], &fill["order_id"]), (&trade["t"], &trade["i"]));
        assert_eq!((&fill["client_order_id"], &fill["side"]), (&trade["c"], &trade["S"]));
        assert_eq!((&fill["time_ms"], &fill["maker"]), (&trade["T"], &trade["m"]));
        assert_eq!((&row["id"], &row["orderId"]), (&trade["t"], &trade["i"]));
        for (key, stream, rest) in [
            ("price", "L", "price"),
            ("qty", "l", "qty"),
            ("commission", "n", "commission"),
            ("realized_pnl", "rp", "realizedPnl"),
        ] {
            same(&fill[key], &trade[stream]);
            same(&fill[key], &row[rest]);
        }
        let units = |key: &str| {
            schema::parse_decimal(fill[key].as_str().unwrap_or("").as_bytes()).expect("a decimal")
        };
        wallet += units("realized_pnl") - units("commission");
    }
    let shown = ledger["balances"][0]["wallet_balance"].as_str().expect("a balance");
    assert_eq!(schema::parse_decimal(shown.as_bytes()), Ok(wallet));
    assert_eq!(ledger["positions"], json!([]), "bought and sold the same");
    let kinds = client.signed("GET", "/fapi/v1/income", "incomeType=COMMISSION").body;
    assert_eq!(kinds.as_array().map(Vec::len), Some(trades.len()));
    assert!(number(&kinds[0]["income"]) < 0.0);
}

/// Our own sell rests at the best price, and a buy that takes all before it meets it under a mode;
/// the two orders' last reports.
fn meets_own(mode: &str, time_in_force: &str) -> [Value; 2] {
    let client = start_with(|config| {
        config.speed = 0.001; // as good as still
        let balance = schema::Notional::from_units(100_000_000 * schema::SCALE);
        config.accounts = vec![AccountSetup { balance, ..AccountSetup::default() }];
    });
    let mut user = client.open_user();
    let best = client.get("/fapi/v1/depth?symbol=BTCUSDT&limit=5").body["asks"][0].clone();
    let (price, qty) = (best[0].as_str().expect("a price"), number(&best[1]) + 0.002);
    let place = |side: &str, tif: &str, id: &str, qty: f64, mode: &str| {
        let params = format!(
            "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce={tif}&quantity={qty:.3}\
             &price={price}&newClientOrderId={id}{mode}"
        );
        let answer = client.signed("POST", "/fapi/v1/order", &params);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    };
    place("SELL", "GTX", "rests", 0.002, "");
    let taken = place("BUY", time_in_force, "meets", qty, mode);
    let says = mode.split('=').nth(1).unwrap_or("EXPIRE_MAKER");
    assert_eq!(taken["selfTradePreventionMode"], says, "{taken}");
    let mut last = [Value::Null, Value::Null];
    // What ends is told after what began: both orders' reports end with this one's.
    client.signed("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT");
    place("SELL", "GTC", "end", 0.002, "");
    loop {
        let frame = user.until(|frame| frame["e"] == "ORDER_TRADE_UPDATE");
        match frame["o"]["c"].as_str() {
            Some("rests") => last[0] = frame["o"].clone(),
            Some("meets") => last[1] = frame["o"].clone(),
            _ => return last,
        }
    }
}

#[test]
fn orders_of_one_account_are_kept_from_each_other_as_asked() {
    let check = |mode: &str, time_in_force: &str, rests: [&str; 3], meets: [&str; 3]| {
        let told = meets_own(mode, time_in_force);
        for (order, [kind, status, reason]) in told.iter().zip([rests, meets]) {
            let is = (&order["x"], &order["X"], &order["er"]);
            assert_eq!(is, (&kind.into(), &status.into(), &reason.into()), "{mode}: {order}");
        }
        let says = mode.split('=').nth(1).unwrap_or("EXPIRE_MAKER");
        assert_eq!((&told[0]["V"], &told[1]["V"]), (&"EXPIRE_MAKER".into(), &says.into()));
    };
    let taker = "&selfTradePreventionMode=EXPIRE_TAKER";
    let maker = "&selfTradePreventionMode=EXPIRE_MAKER";
    let both = "&selfTradePreventionMode=EXPIRE_BOTH";
    let stays = ["CANCELED", "CANCELED", "0"];
    let ended = ["EXPIRED", "EXPIRED_IN_MATCH", "1"];
    check(taker, "GTC", stays, ended);
    check(taker, "IOC", stays, ["EXPIRED", "EXPIRED_IN_MATCH", "3"]);
    check(maker, "GTC", ended, stays);
    check("", "GTC", ended, stays);
    check(both, "GTC", ended, ended);
}
