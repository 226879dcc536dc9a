//! Faults over real sockets: each strikes where it is told to, and the ledger stays exact.

use serde_json::{Value, json};
use venue::faults::{Fault, Kind, Outcome, Part, Plan};

use crate::support::{Client, number, start, start_with};

fn set(client: &Client, fault: Fault) {
    let fault = serde_json::to_value(&fault).expect("serializes");
    let answer = client.post_plain("/shrike/faults", &json!({ "add": [fault] }));
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn struck(client: &Client, kind: Kind) -> u64 {
    client.plain("/shrike/faults").body["struck"][kind.as_str()].as_u64().unwrap_or(0)
}

/// A limit order one per cent below the market; the answer.
fn rest_order(client: &Client, id: &str) -> crate::support::Answer {
    let (bid, _) = client.touch("BTCUSDT");
    let price = (bid * 0.99).floor();
    let order = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price={price:.1}\
         &newClientOrderId={id}"
    );
    client.signed("POST", "/fapi/v1/order", &order)
}

fn open_ids(client: &Client) -> Vec<String> {
    let ledger = client.plain("/shrike/ledger").body;
    let open = ledger["open_orders"].as_array().expect("a list").clone();
    open.iter().map(|order| order["client_order_id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn a_connection_ends_in_the_middle_of_a_frame() {
    let client = start();
    for kind in [Kind::Reset, Kind::Cut, Kind::Close] {
        let mut socket = client.open("/public/ws/btcusdt@trade");
        socket.frame();
        set(&client, Fault::new(kind).on(Part::Public).after(2).count(1).bytes(7));
        while socket.next().is_some() {}
        assert_eq!(struck(&client, kind), 1, "{kind:?}");
        let mut again = client.open("/public/ws/btcusdt@trade");
        assert_eq!(again.frame()["e"], "trade", "only one connection ended by {kind:?}");
    }
}

#[test]
fn a_frame_that_no_one_may_accept_ends_a_strict_client() {
    let client = start();
    for kind in [
        Kind::Garbage,
        Kind::BadOpcode,
        Kind::BadMask,
        Kind::BadRsv,
        Kind::BadUtf8,
        Kind::HugeFrame,
    ] {
        let mut socket = client.open("/public/ws/btcusdt@bookTicker");
        socket.frame();
        // Noise may look like a short frame for a while, or ask for a long one that never ends.
        let bytes = if kind == Kind::Garbage { 4_096 } else { 17 << 20 };
        set(&client, Fault::new(kind).on(Part::Public).count(1).bytes(bytes));
        if kind == Kind::Garbage {
            socket.until_error();
        } else {
            while socket.next().is_some() {}
        }
        assert_eq!(struck(&client, kind), 1, "{kind:?}");
    }
}

#[test]
fn texts_and_values_are_spoilt() {
    let client = start();
    let mut socket = client.open("/public/ws/btcusdt@bookTicker");
    set(&client, Fault::new(Kind::TruncatedJson).on(Part::Public).count(1));
    socket.until_text(|text| serde_json::from_str::<Value>(text).is_err());
    set(&client, Fault::new(Kind::BadNumber).value("1e309").on(Part::Public).count(1));
    socket.until(|frame| frame["b"] == "1e309");
    set(&client, Fault::new(Kind::Crossed).on(Part::Public).count(1));
    socket.until(|frame| number(&frame["b"]) > number(&frame["a"]));
    set(&client, Fault::new(Kind::ZeroPrice).on(Part::Public).count(1));
    socket.until(|frame| number(&frame["b"]) == 0.0);
    set(&client, Fault::new(Kind::PriceOff).on(Part::Public).count(1));
    let off = socket.until(|frame| number(&frame["a"]) < 20_000.0);
    let next = socket.frame();
    assert!(number(&next["a"]) > 20_000.0, "{off} then {next}");
}

#[test]
fn one_stream_falls_silent_and_the_others_flow() {
    let client = start();
    let mut socket = client.open("/public/ws/btcusdt@trade/btcusdt@bookTicker");
    socket.until(|frame| frame["e"] == "trade");
    set(&client, Fault::new(Kind::Silence).stream("@trade"));
    // What was under way when the fault was set has come once an answer has.
    socket.settle();
    for _ in 0..200 {
        assert_eq!(socket.frame()["e"], "bookTicker");
    }
    assert!(struck(&client, Kind::Silence) > 0);
    client.post_plain("/shrike/faults", &json!({ "clear": true }));
    socket.until(|frame| frame["e"] == "trade");
}

#[test]
fn a_lost_depth_event_is_a_gap_for_everybody() {
    let client = start();
    let mut first = client.open("/public/ws/btcusdt@depth@100ms");
    let mut second = client.open("/public/ws/btcusdt@depth@100ms");
    let seen = [first.frame(), second.frame()];
    set(&client, Fault::new(Kind::Lose).symbol("BTCUSDT").event("depthUpdate").count(1));
    for (socket, mut last) in [&mut first, &mut second].into_iter().zip(seen) {
        socket.until(|frame| {
            let is_gap = frame["pu"] != last["u"];
            last = frame.clone();
            is_gap
        });
    }
    assert_eq!(struck(&client, Kind::Lose), 1);
}

#[test]
fn frames_are_doubled_swapped_and_held_up() {
    let client = start();
    let mut socket = client.open("/public/ws/btcusdt@trade");
    let mut last = socket.frame();
    set(&client, Fault::new(Kind::Duplicate).stream("btcusdt@trade").count(1));
    socket.until(|frame| std::mem::replace(&mut last, frame.clone()) == *frame);
    set(&client, Fault::new(Kind::Swap).stream("btcusdt@trade").count(1));
    socket.until(|frame| {
        let before = std::mem::replace(&mut last, frame.clone());
        before["t"].as_i64() > frame["t"].as_i64()
    });
    set(&client, Fault::new(Kind::Stall).on(Part::Public).ms(700).count(1));
    // The burst comes with the times of the events, not of their sending.
    let now = crate::support::now_ms;
    socket.until(|frame| now() - frame["E"].as_i64().expect("a time") > 400);
    socket.until(|frame| now() - frame["E"].as_i64().expect("a time") < 100);
}

#[test]
fn a_swallowed_request_leaves_nothing_and_a_swallowed_reply_an_order() {
    let client = start();
    for (kind, id, lives) in
        [(Kind::SwallowRequest, "lost", false), (Kind::SwallowReply, "live", true)]
    {
        let (bid, _) = client.touch("BTCUSDT");
        let mut socket = client.open("/ws-fapi/v1");
        set(&client, Fault::new(kind).method("order.place").count(1));
        let price = format!("{:.1}", (bid * 0.99).floor());
        let request = client.placement(id, &price);
        socket.send(&request);
        // The next answer is that of the next request: nothing came for the order.
        socket.send(&json!({"id": "next", "method": "time", "params": {}}));
        assert_eq!(socket.frame()["id"], "next");
        assert_eq!(open_ids(&client).contains(&id.to_owned()), lives, "{id}");
        assert_eq!(struck(&client, kind), 1);
    }
}

#[test]
fn an_unknown_outcome_hides_either_truth() {
    let client = start();
    for (code, outcome, id) in [
        (-1007, Outcome::Executed, "a"),
        (-1007, Outcome::Not, "b"),
        (-1006, Outcome::Executed, "c"),
    ] {
        let fault = Fault::new(Kind::Answer).code(code).outcome(outcome).method("place").count(1);
        set(&client, fault);
        let answer = rest_order(&client, id);
        assert_eq!(answer.code(), i64::from(code), "{}", answer.text);
        let lives = open_ids(&client).contains(&id.to_owned());
        assert_eq!(lives, outcome == Outcome::Executed, "{id}");
    }
    set(&client, Fault::new(Kind::UnknownError).method("place").count(1));
    let answer = rest_order(&client, "d");
    assert!(answer.status == 503 && answer.text.contains("Unknown error"), "{}", answer.text);
    set(&client, Fault::new(Kind::ServiceUnavailable).count(1).method("place"));
    let answer = rest_order(&client, "e");
    assert!(answer.status == 503 && answer.text.contains("Service Unavailable."));
    assert!(!open_ids(&client).contains(&"e".to_owned()));
    assert_eq!(rest_order(&client, "f").status, 200);
}

#[test]
fn a_ban_notes_who_calls_meanwhile() {
    let client = start();
    set(&client, Fault::new(Kind::TooMany).path("time").count(1));
    let answer = client.get("/fapi/v1/time");
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    set(&client, Fault::new(Kind::Ban).path("time").count(1).ms(60_000));
    assert_eq!(client.get("/fapi/v1/time").status, 418);
    assert_eq!(client.plain("/shrike/stats").body["called_while_banned"], 0);
    assert_eq!(client.get("/fapi/v1/ping").status, 418);
    assert_eq!(client.plain("/shrike/stats").body["called_while_banned"], 1);
}

#[test]
fn the_clock_is_shifted_for_all_who_look() {
    let client = start();
    let told = |client: &Client| client.get("/fapi/v1/time").body["serverTime"].as_i64();
    let now = crate::support::now_ms;
    set(&client, Fault::new(Kind::ClockShift).ms(-7_000));
    assert!(told(&client).expect("a time") < now() - 5_000);
    let refused = client.signed("GET", "/fapi/v3/account", "");
    assert_eq!(refused.code(), -1021, "{}", refused.text);
    let mut socket = client.open("/public/ws/btcusdt@trade");
    assert!(socket.frame()["E"].as_i64().expect("a time") < now() - 5_000);
    client.post_plain("/shrike/faults", &json!({ "clear": true }));
    assert!(told(&client).expect("a time") > now() - 1_000);
}

#[test]
fn a_fill_races_the_cancel_of_its_order() {
    let client = start();
    let mut user = client.open_user();
    assert_eq!(rest_order(&client, "race").status, 200);
    set(&client, Fault::new(Kind::FillFirst).method("cancel").count(1));
    let cancel = "symbol=BTCUSDT&origClientOrderId=race";
    let refused = client.signed("DELETE", "/fapi/v1/order", cancel);
    assert_eq!(refused.code(), -2011, "{}", refused.text);
    let fill = user.until(|frame| frame["o"]["x"] == "TRADE");
    assert_eq!((&fill["o"]["c"], &fill["o"]["X"]), (&json!("race"), &json!("FILLED")));
    // Half of the next one fills, is told after the cancel, and is booked.
    let (bid, _) = client.touch("BTCUSDT");
    let price = (bid * 0.99).floor();
    let order = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.004&price={price:.1}\
         &newClientOrderId=half"
    );
    assert_eq!(client.signed("POST", "/fapi/v1/order", &order).status, 200);
    set(&client, Fault::new(Kind::FillFirst).method("cancel").count(1).ppm(500_000));
    let done = client.signed("DELETE", "/fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=half");
    assert_eq!(done.body["status"], "CANCELED", "{}", done.text);
    user.until(|frame| frame["o"]["x"] == "CANCELED");
    let fill = user.until(|frame| frame["o"]["x"] == "TRADE");
    assert_eq!((&fill["o"]["c"], &fill["o"]["l"]), (&json!("half"), &json!("0.002")));
    let fills = client.plain("/shrike/ledger").body["fills"].as_array().expect("fills").len();
    assert_eq!(fills, 2);
}

#[test]
fn the_account_is_told_wrongly_and_the_ledger_knows_better() {
    let client = start();
    let buy = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.002";
    assert_eq!(client.signed("POST", "/fapi/v1/order", buy).status, 200);
    set(&client, Fault::new(Kind::AccountEmpty).for_ms(60_000).count(3));
    let positions = client.signed("GET", "/fapi/v3/positionRisk", "");
    assert_eq!(positions.text, "[]");
    let account = client.signed("GET", "/fapi/v3/account", "");
    assert_eq!(number(&account.body["totalWalletBalance"]), 0.0, "{}", account.text);
    assert_eq!(client.signed("GET", "/fapi/v3/positionRisk", "").text, "[]");
    let off = Fault::new(Kind::PositionOff).symbol("BTCUSDT").qty("-0.010").count(1);
    set(&client, off);
    let told = client.signed("GET", "/fapi/v3/positionRisk", "");
    assert_eq!(number(&told.body[0]["positionAmt"]), -0.008, "{}", told.text);
    let told = client.signed("GET", "/fapi/v3/positionRisk", "");
    assert_eq!(number(&told.body[0]["positionAmt"]), 0.002, "{}", told.text);
    let ledger = client.plain("/shrike/ledger").body;
    assert_eq!(ledger["positions"][0]["qty"], "0.002");
}

#[test]
fn others_act_on_the_account() {
    let client = start();
    let mut user = client.open_user();
    set(&client, Fault::new(Kind::ExternalOrder).qty("-0.003"));
    let order = user.until(|frame| frame["o"]["x"] == "NEW");
    assert!(order["o"]["c"].as_str().is_some_and(|id| id.starts_with("web_")), "{order}");
    assert_eq!((&order["o"]["S"], &order["o"]["q"]), (&json!("SELL"), &json!("0.003")));
    set(&client, Fault::new(Kind::ExternalFill).qty("0.004"));
    user.until(|frame| frame["o"]["x"] == "TRADE" && frame["o"]["z"] == "0.004");
    set(&client, Fault::new(Kind::Adl));
    let adl = user.until(|frame| frame["o"]["c"] == "adl_autoclose" && frame["o"]["t"] != 0);
    assert_eq!(adl["o"]["l"], "0.002", "{adl}");
    set(&client, Fault::new(Kind::Funding));
    user.until(|frame| frame["a"]["m"] == "FUNDING_FEE");
    set(&client, Fault::new(Kind::Liquidation));
    let gone = user.until(|frame| {
        frame["o"]["c"].as_str().is_some_and(|id| id.starts_with("autoclose-"))
            && frame["o"]["t"] != 0
    });
    assert_eq!(gone["o"]["l"], "0.002", "{gone}");
    assert_eq!(client.plain("/shrike/ledger").body["positions"], json!([]));
}

#[test]
fn listen_keys_end_early_with_and_without_a_word() {
    let client = start();
    let mut user = client.open_user();
    set(&client, Fault::new(Kind::ListenKeyExpired));
    user.until(|frame| frame["e"] == "listenKeyExpired");
    let refused = client.request("PUT", "/fapi/v1/listenKey", Some(client.api_key()));
    assert_eq!(refused.code(), -1125, "{}", refused.text);
    let mut user = client.open_user();
    set(&client, Fault::new(Kind::ListenKeyExpired).value("untold"));
    let refused = client.request("PUT", "/fapi/v1/listenKey", Some(client.api_key()));
    assert_eq!(refused.code(), -1125, "{}", refused.text);
    // Still connected, and deaf: the next frame is the answer to a question.
    rest_order(&client, "unheard");
    user.send(&json!({"method": "LIST_SUBSCRIPTIONS", "id": 9}));
    assert_eq!(user.frame()["id"], 9);
}

#[test]
fn rules_limits_and_settings_change_and_change_back() {
    let client = start();
    let tick = |client: &Client| {
        let info = client.get("/fapi/v1/exchangeInfo").body;
        let symbol = info["symbols"][0].clone();
        (symbol["filters"][0]["tickSize"].clone(), symbol["status"].clone())
    };
    assert_eq!(tick(&client), (json!("0.10"), json!("TRADING")));
    set(&client, Fault::new(Kind::FiltersChanged).symbol("BTCUSDT"));
    set(&client, Fault::new(Kind::Halted).symbol("BTCUSDT"));
    assert_eq!(tick(&client), (json!("1.00"), json!("SETTLING")));
    assert_ne!(rest_order(&client, "halted").status, 200);
    set(&client, Fault::new(Kind::Settings).value("hedge"));
    let mode = client.signed("GET", "/fapi/v1/positionSide/dual", "");
    assert_eq!(mode.body["dualSidePosition"], true);
    set(&client, Fault::new(Kind::LimitsLowered).ppm(500_000));
    let limits = client.get("/fapi/v1/exchangeInfo").body["rateLimits"][0]["limit"].clone();
    assert_eq!(limits, 1200);
    client.post_plain("/shrike/faults", &json!({ "clear": true }));
    assert_eq!(tick(&client), (json!("0.10"), json!("TRADING")));
    assert_eq!(rest_order(&client, "again").status, 200);
}

#[test]
fn maintenance_cuts_everybody_and_wipes_the_book() {
    let client = start();
    assert_eq!(rest_order(&client, "wiped").status, 200);
    let mut socket = client.open("/public/ws/btcusdt@trade");
    set(&client, Fault::new(Kind::Maintenance).for_ms(1_500));
    while socket.next().is_some() {}
    assert_eq!(client.get("/fapi/v1/time").status, 503);
    while client.get("/fapi/v1/time").status == 503 {}
    assert_eq!(open_ids(&client), [""; 0]);
    let order = client.signed("GET", "/fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=wiped");
    assert_eq!(order.body["status"], "CANCELED", "{}", order.text);
}

#[test]
fn bad_certificates_are_shown_to_new_connections_only() {
    let client = start();
    for (value, word) in
        [("expired", "expired"), ("wrong_host", "NotValidForName"), ("unknown_authority", "Issuer")]
    {
        set(&client, Fault::new(Kind::BadCertificate).value(value).count(1));
        let error = client.handshake().expect_err(value).to_string();
        let is_it = error.to_lowercase().contains(&word.to_lowercase())
            || error.contains("not valid for name");
        assert!(is_it, "{value}: {error}");
    }
    assert!(client.handshake().is_ok());
    set(&client, Fault::new(Kind::RefuseUpgrade).on(Part::Market).count(1));
    assert!(client.try_open("/market/ws").is_none());
    assert!(client.try_open("/market/ws").is_some());
}

#[test]
fn a_cancel_of_all_leaves_some_and_says_it_is_done() {
    let client = start();
    for id in ["a", "b", "c"] {
        assert_eq!(rest_order(&client, id).status, 200);
    }
    set(&client, Fault::new(Kind::CancelAllPartial).count(1));
    let done = client.signed("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT");
    assert_eq!(done.code(), 200, "{}", done.text);
    assert_eq!(open_ids(&client), ["c"]);
    client.signed("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT");
    assert_eq!(open_ids(&client), [""; 0]);
}

#[test]
fn a_life_of_two_seconds_instead_of_a_day() {
    let client = start();
    set(&client, Fault::new(Kind::Lifetime).on(Part::Market).ms(300).count(1));
    let mut short = client.open("/market/ws/btcusdt@aggTrade");
    let mut long = client.open("/market/ws/btcusdt@aggTrade");
    while short.next().is_some() {}
    long.frame();
}

#[test]
fn what_is_not_a_fault_is_refused_with_its_reason() {
    let client = start();
    let check = |body: Value, part: &str| {
        let answer = client.post_plain("/shrike/faults", &body);
        assert!(answer.status == 400 && answer.text.contains(part), "{}", answer.text);
    };
    check(json!({"add": [{"kind": "nosuch"}]}), "nosuch");
    check(json!({"add": [{"kind": "lag", "bites": 1}]}), "bites");
    check(json!({"ad": []}), "unknown field");
    let answer = client.post_plain("/shrike/faults", &json!({"add": [{"kind": "lag"}]}));
    let id = answer.body["faults"][0]["id"].clone();
    let left = client.post_plain("/shrike/faults", &json!({ "remove": [id] }));
    assert_eq!(left.body["faults"], json!([]));
}

#[test]
fn a_seeded_mix_strikes_and_orders_still_work_when_it_ends() {
    let client = start_with(|config| {
        let only = vec![Kind::Lag, Kind::Duplicate, Kind::Answer];
        config.faults = Plan::Seeded { seed: 3, rate: 20.0, only };
    });
    let mut socket = client.open("/public/ws/btcusdt@bookTicker");
    while client.plain("/shrike/faults").body["struck_total"].as_u64() < Some(5) {
        socket.frame();
    }
    client.post_plain("/shrike/faults", &json!({ "clear": true }));
    assert_eq!(rest_order(&client, "after").status, 200);
}
