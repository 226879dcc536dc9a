//! Public and signed REST, and its refusals.

use serde_json::Value;

use crate::support::{now_ms, number, start};

#[test]
fn exchange_info_comes_over_tls_with_rules() {
    let client = start();
    let info = client.get("/fapi/v1/exchangeInfo");
    assert_eq!(info.status, 200);
    let symbols = info.body["symbols"].as_array().expect("symbols");
    let names: Vec<_> = symbols.iter().filter_map(|symbol| symbol["symbol"].as_str()).collect();
    assert_eq!(names, ["BTCUSDT", "ETHUSDT"]);
    let filters = symbols[0]["filters"].as_array().expect("filters");
    let tick = filters.iter().find(|filter| filter["filterType"] == "PRICE_FILTER");
    assert_eq!(tick.expect("price filter")["tickSize"], "0.10");
    assert_eq!(info.body["rateLimits"][0]["limit"], 2400);
    assert_eq!(info.header("x-mbx-used-weight-1m"), Some("1"));
}

#[test]
fn a_client_without_the_authority_is_not_fooled() {
    let client = start();
    let stranger = ureq::Agent::config_builder()
        .tls_config(
            ureq::tls::TlsConfig::builder()
                .root_certs(ureq::tls::RootCerts::new_with_certs(&[]))
                .build(),
        )
        .build()
        .new_agent();
    let url = format!("{}/fapi/v1/ping", client.venue.rest_url);
    assert!(stranger.get(url).call().is_err());
}

#[test]
fn market_data_is_there_from_the_first_request() {
    let client = start();
    let depth = client.get("/fapi/v1/depth?symbol=BTCUSDT&limit=20").body;
    let best = |side: &str| number(&depth[side][0][0]);
    assert!(best("bids") < best("asks"), "{depth}");
    assert_eq!(depth["bids"].as_array().expect("bids").len(), 20);
    assert!(depth["lastUpdateId"].as_u64().expect("an id") > 0);
    let mark = client.get("/fapi/v1/premiumIndex?symbol=BTCUSDT").body;
    assert!(number(&mark["markPrice"]) > 0.0, "{mark}");
    let time = client.get("/fapi/v1/time").body["serverTime"].as_i64().expect("a time");
    assert!((now_ms() - time).abs() < 60_000);
}

#[test]
fn refusals_carry_the_codes_of_the_venue() {
    let client = start();
    let check = |path: &str, status: u16, code: i64| {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.code()), (status, code), "{path}: {}", answer.text);
    };
    check("/fapi/v1/depth?symbol=NOPE", 400, -1121);
    check("/fapi/v1/depth", 400, -1102);
    check("/fapi/v1/depth?symbol=BTCUSDT&limit=7", 400, -4021);
    check("/fapi/v1/klines?symbol=BTCUSDT&interval=7m", 400, -1120);
    check("/fapi/v3/account", 401, -2014);
    let unknown = client.get("/fapi/v1/account");
    assert_eq!(unknown.status, 404);
    assert!(unknown.text.starts_with("<html>"), "{}", unknown.text);
    assert_eq!(client.get("/shrike/ledger").status, 404, "only the plain port tells the ledger");
}

#[test]
fn signatures_keys_and_times_are_checked() {
    let client = start();
    let key = client.api_key().to_owned();
    let ask = |query: &str, key: &str| {
        client.request("GET", &format!("/fapi/v3/account?{query}"), Some(key))
    };
    let sign = |query: String| format!("{query}&signature={}", client.hmac(&query));
    let good = sign(format!("timestamp={}", now_ms()));
    assert_eq!(ask(&good, &key).status, 200);
    assert_eq!(
        ask(
            &good
                .to_uppercase()
                .replace("TIMESTAMP", "timestamp")
                .replace("SIGNATURE", "signature"),
            &key
        )
        .status,
        200
    );

    let wrong = format!("timestamp={}&signature={}", now_ms(), "0".repeat(64));
    assert_eq!((ask(&wrong, &key).status, ask(&wrong, &key).code()), (400, -1022));
    let stranger = ask(&good, "abc");
    assert_eq!((stranger.status, stranger.code()), (401, -2015));
    let late = ask(&sign(format!("timestamp={}", now_ms() - 10_000)), &key);
    assert_eq!((late.status, late.code()), (400, -1021));
    let patient = sign(format!("recvWindow=60000&timestamp={}", now_ms() - 10_000));
    assert_eq!(ask(&patient, &key).status, 200);
    let ahead = ask(&sign(format!("timestamp={}", now_ms() + 60_000)), &key);
    assert_eq!(ahead.code(), -1021);
    assert_eq!(ask(&sign("recvWindow=5000".to_owned()), &key).code(), -1102);
}

#[test]
fn ed25519_signs_rest_too() {
    let client = start();
    let query = format!("timestamp={}", now_ms());
    let signature = client.ed25519(&query).replace('+', "%2B").replace('/', "%2F");
    let path = format!("/fapi/v3/balance?{query}&signature={}", signature.replace('=', "%3D"));
    let answer = client.request("GET", &path, Some(client.api_key()));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body[0]["balance"], "10000.00000000");
}

#[test]
fn the_start_sequence_of_a_trader_is_served() {
    let client = start();
    let check = |method: &str, path: &str, params: &str, status: u16| -> Value {
        let answer = client.signed(method, path, params);
        assert_eq!(answer.status, status, "{method} {path} {params}: {}", answer.text);
        answer.body
    };
    let leverage = check("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=5", 200);
    assert_eq!(leverage["leverage"], 5);
    let margin = check("POST", "/fapi/v1/marginType", "symbol=BTCUSDT&marginType=CROSSED", 400);
    assert_eq!(margin["code"], -4046);
    assert_eq!(check("GET", "/fapi/v1/positionSide/dual", "", 200)["dualSidePosition"], false);
    let dual = check("POST", "/fapi/v1/positionSide/dual", "dualSidePosition=false", 400);
    assert_eq!(dual["code"], -4059);
    let config = check("GET", "/fapi/v1/symbolConfig", "symbol=BTCUSDT", 200);
    assert_eq!((&config[0]["leverage"], &config[0]["marginType"]), (&5.into(), &"CROSSED".into()));
    for path in ["/fapi/v1/openOrders", "/fapi/v3/positionRisk", "/fapi/v1/allOrders"] {
        assert_eq!(check("GET", path, "", 200), Value::Array(Vec::new()), "{path}");
    }
    assert_eq!(check("GET", "/fapi/v2/positionRisk", "", 200).as_array().map(Vec::len), Some(2));
    let account = check("GET", "/fapi/v3/account", "", 200);
    assert_eq!(account["availableBalance"], "10000.00000000");
    let countdown = "symbol=BTCUSDT&countdownTime=100000";
    let countdown = check("POST", "/fapi/v1/countdownCancelAll", countdown, 200);
    assert_eq!(countdown["countdownTime"], "100000");
    for (path, params) in [
        ("/fapi/v1/accountConfig", ""),
        ("/fapi/v2/account", ""),
        ("/fapi/v2/balance", ""),
        ("/fapi/v1/leverageBracket", ""),
        ("/fapi/v1/commissionRate", "symbol=BTCUSDT"),
        ("/fapi/v1/userTrades", "symbol=BTCUSDT"),
        ("/fapi/v1/income", ""),
        ("/fapi/v1/rateLimit/order", ""),
        ("/fapi/v1/multiAssetsMargin", ""),
        ("/fapi/v1/openAlgoOrders", ""),
        ("/fapi/v1/adlQuantile", ""),
        ("/fapi/v1/forceOrders", ""),
        ("/fapi/v1/apiTradingStatus", ""),
        ("/fapi/v1/feeBurn", ""),
    ] {
        check("GET", path, params, 200);
    }
    let algo = check("POST", "/fapi/v1/algoOrder", "symbol=BTCUSDT", 400);
    assert_eq!(algo["code"], -1102);
}

#[test]
fn every_public_endpoint_answers() {
    let client = start();
    for path in [
        "/fapi/v1/ping",
        "/fapi/v1/trades?symbol=BTCUSDT",
        "/fapi/v1/aggTrades?symbol=BTCUSDT",
        "/fapi/v1/klines?symbol=BTCUSDT&interval=1m",
        "/fapi/v1/premiumIndex",
        "/fapi/v1/fundingRate",
        "/fapi/v1/fundingInfo",
        "/fapi/v1/openInterest?symbol=BTCUSDT",
        "/fapi/v1/ticker/bookTicker",
        "/fapi/v1/ticker/price?symbol=BTCUSDT",
        "/fapi/v2/ticker/price",
        "/fapi/v1/ticker/24hr",
    ] {
        let answer = client.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_ne!(answer.body, Value::Null, "{path}: {}", answer.text);
    }
}
