//! Requests read back with serde_json, their signatures computed again from what was read.

use binance::sign::{Ed25519Key, HmacKey, Signer};
use binance::{EncodeError, Encoder, REQUEST_BYTES_MAX, SymbolFormat};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::{ED25519, UnparsedPublicKey};
use schema::*;
use serde_json::{Map, Value, json};

const API_KEY: &str = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83";
const SECRET: &[u8] = b"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";
const NOW_MS: i64 = 1_790_000_000_123;

fn formats() -> Vec<SymbolFormat> {
    let format = |name: &str, price_decimals, qty_decimals| SymbolFormat {
        name: SymbolName::new(name.as_bytes()).expect("short"),
        price_decimals,
        qty_decimals,
    };
    vec![format("BTCUSDT", 2, 3), format("1000SHIBUSDT", 6, 0), format("测试USDT", 4, 1)]
}
fn ed25519() -> Ed25519Key {
    Ed25519Key::from_seed(&core::array::from_fn(|index| index as u8))
}
pub(crate) fn encoder(signer: Signer) -> Encoder {
    Encoder::new(API_KEY, signer, &formats(), 5000).expect("settings are sound")
}
pub(crate) fn signers() -> [Signer; 2] {
    [Signer::Hmac(HmacKey::new(SECRET)), Signer::Ed25519(ed25519())]
}
pub(crate) fn order() -> NewOrder {
    NewOrder {
        symbol: SymbolId(0),
        client_order_id: ClientOrderId(0x6921_a0b4_2000_004d),
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Price::from_units(4_318_700_000_000),
        qty: Qty::from_units(10_000_000),
        reduce_only: false,
    }
}
pub(crate) fn order_ref() -> OrderRef {
    OrderRef {
        symbol: SymbolId(0),
        client_order_id: ClientOrderId(0x6921_a0b4_2000_004d),
        venue_order_id: VenueOrderId(99),
    }
}
pub(crate) fn modification() -> ModifyOrder {
    ModifyOrder {
        order: order_ref(),
        side: Side::Sell,
        price: Price::from_units(4_318_710_000_000),
        qty: Qty::from_units(11_000_000),
    }
}

/// Checks frame, method and signature; gives the parameters without key and signature.
#[track_caller]
fn read(signer: &Signer, bytes: &[u8], id: u64, method: &str) -> Value {
    let shown = String::from_utf8_lossy(bytes);
    let request: Value =
        serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error} {shown}"));
    assert_eq!(request["id"], id.to_string(), "{shown}");
    assert_eq!(request["method"], method, "{shown}");
    assert_eq!(request.as_object().map(Map::len), Some(3), "{shown}");
    let mut params = request["params"].as_object().expect("params").clone();
    let signature = params.remove("signature").expect("signed");
    let signature = signature.as_str().expect("a text");
    // serde_json's map is sorted by name, as the payload must be.
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let pairs: Vec<_> =
        params.iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
    let payload = pairs.join("&");
    match signer {
        Signer::Hmac(_) => {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET).expect("any length");
            mac.update(payload.as_bytes());
            let digest = mac.finalize().into_bytes();
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(signature, hex, "{payload}");
        }
        Signer::Ed25519(key) => {
            use base64::Engine as _;
            let decoded = base64::engine::general_purpose::STANDARD.decode(signature);
            let public = UnparsedPublicKey::new(&ED25519, key.public_key());
            let verified = public.verify(payload.as_bytes(), &decoded.expect("base64"));
            assert!(verified.is_ok(), "{payload}");
        }
    }
    assert_eq!(params.remove("apiKey"), Some(API_KEY.into()), "{shown}");
    Value::Object(params)
}

#[test]
fn a_limit_order_is_written_and_signed() {
    for signer in signers() {
        let mut encoder = encoder(signer.clone());
        let mut out = [0; REQUEST_BYTES_MAX];
        let length = encoder.place(&mut out, RequestId(7), &order(), NOW_MS).expect("fits");
        assert_eq!(
            read(&signer, &out[..length], 7, "order.place"),
            json!({
                "newClientOrderId": "shrk6921a0b42000004d", "price": "43187.00", "quantity": "0.100",
                "recvWindow": 5000, "selfTradePreventionMode": "EXPIRE_TAKER", "side": "BUY",
                "symbol": "BTCUSDT", "timeInForce": "GTC", "timestamp": NOW_MS, "type": "LIMIT",
            })
        );
    }
}

#[test]
fn every_kind_of_plain_order_is_signed_as_it_is_sent() {
    for signer in signers() {
        let mut encoder = encoder(signer.clone());
        let mut out = [0; REQUEST_BYTES_MAX];
        let mut count = 0;
        for symbol in 0..3 {
            for side in [Side::Buy, Side::Sell] {
                for tif in [TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok, TimeInForce::Gtx]
                {
                    for reduce_only in [false, true] {
                        let order = NewOrder {
                            symbol: SymbolId(symbol),
                            side,
                            time_in_force: tif,
                            reduce_only,
                            qty: Qty::from_units(300_000_000),
                            ..order()
                        };
                        let length =
                            encoder.place(&mut out, RequestId(1), &order, 1).expect("fits");
                        let params = read(&signer, &out[..length], 1, "order.place");
                        assert_eq!(params["side"], side.as_str());
                        assert_eq!(params["timeInForce"], tif.as_str());
                        assert_eq!(params.get("reduceOnly"), reduce_only.then_some(&json!("true")));
                        // A close is held up by nothing of ours.
                        let mode = if reduce_only { "EXPIRE_MAKER" } else { "EXPIRE_TAKER" };
                        assert_eq!(params["selfTradePreventionMode"], mode);
                        assert_eq!(params["quantity"], ["3.000", "3", "3.0"][usize::from(symbol)]);
                        count += 1;
                    }
                }
            }
        }
        assert_eq!(count, 48);
    }
}

#[test]
fn a_market_order_has_neither_price_nor_time_in_force() {
    for signer in signers() {
        let mut out = [0; REQUEST_BYTES_MAX];
        let order = NewOrder {
            order_type: OrderType::Market,
            price: Price::ZERO,
            reduce_only: true,
            side: Side::Sell,
            ..order()
        };
        let length = encoder(signer.clone())
            .place(&mut out, RequestId(u64::MAX), &order, NOW_MS)
            .expect("fits");
        assert_eq!(
            read(&signer, &out[..length], u64::MAX, "order.place"),
            json!({
                "newClientOrderId": "shrk6921a0b42000004d", "quantity": "0.100", "recvWindow": 5000,
                "reduceOnly": "true", "side": "SELL", "symbol": "BTCUSDT", "timestamp": NOW_MS,
                "type": "MARKET",
            })
        );
    }
}

#[test]
fn cancel_modify_and_status_name_the_order() {
    for signer in signers() {
        let mut encoder = encoder(signer.clone());
        let mut out = [0; REQUEST_BYTES_MAX];
        let cancel = CancelOrder { order: order_ref() };
        let length = encoder.cancel(&mut out, RequestId(2), &cancel, NOW_MS).expect("fits");
        let by_ours = json!({
            "origClientOrderId": "shrk6921a0b42000004d", "recvWindow": 5000, "symbol": "BTCUSDT",
            "timestamp": NOW_MS,
        });
        assert_eq!(read(&signer, &out[..length], 2, "order.cancel"), by_ours);

        let theirs = OrderRef {
            client_order_id: ClientOrderId::NONE,
            venue_order_id: VenueOrderId(8_400_000_000_000_000_001),
            ..order_ref()
        };
        let length = encoder.status(&mut out, RequestId(3), &theirs, NOW_MS).expect("fits");
        assert_eq!(
            read(&signer, &out[..length], 3, "order.status"),
            json!({
                "orderId": 8_400_000_000_000_000_001i64, "recvWindow": 5000, "symbol": "BTCUSDT",
                "timestamp": NOW_MS,
            })
        );

        let length = encoder.modify(&mut out, RequestId(4), &modification(), NOW_MS).expect("fits");
        assert_eq!(
            read(&signer, &out[..length], 4, "order.modify"),
            json!({
                "origClientOrderId": "shrk6921a0b42000004d", "price": "43187.10", "quantity": "0.110",
                "recvWindow": 5000, "side": "SELL", "symbol": "BTCUSDT", "timestamp": NOW_MS,
            })
        );
        let nameless = OrderRef { venue_order_id: VenueOrderId(0), ..theirs };
        let refused = encoder.status(&mut out, RequestId(5), &nameless, NOW_MS);
        assert_eq!(refused, Err(EncodeError::NoOrderId));
    }
}

#[test]
fn conditional_orders_are_placed_and_cancelled() {
    let stop = NewAlgo {
        symbol: SymbolId(0),
        client_order_id: ClientOrderId(0x6921_a0b4_f000_004d),
        side: Side::Sell,
        trigger_price: Price::from_units(4_318_700_000_000),
    };
    let ours = CancelAlgo {
        symbol: SymbolId(0),
        client_order_id: stop.client_order_id,
        algo_id: AlgoId(0),
    };
    let theirs =
        CancelAlgo { client_order_id: ClientOrderId::NONE, algo_id: AlgoId(2_146_760), ..ours };
    for signer in signers() {
        let mut encoder = encoder(signer.clone());
        let mut out = [0; REQUEST_BYTES_MAX];
        let length = encoder.place_algo(&mut out, RequestId(5), &stop, NOW_MS).expect("fits");
        assert_eq!(
            read(&signer, &out[..length], 5, "algoOrder.place"),
            json!({
                "algoType": "CONDITIONAL", "clientAlgoId": "shrk6921a0b4f000004d",
                "closePosition": "true", "recvWindow": 5000, "side": "SELL", "symbol": "BTCUSDT",
                "timestamp": NOW_MS, "triggerPrice": "43187.00", "type": "STOP_MARKET",
                "workingType": "MARK_PRICE",
            })
        );
        let length = encoder.cancel_algo(&mut out, RequestId(6), &ours, NOW_MS).expect("fits");
        assert_eq!(
            read(&signer, &out[..length], 6, "algoOrder.cancel"),
            json!({
                "clientAlgoId": "shrk6921a0b4f000004d", "recvWindow": 5000, "timestamp": NOW_MS,
            })
        );
        let length = encoder.cancel_algo(&mut out, RequestId(7), &theirs, NOW_MS).expect("fits");
        assert_eq!(
            read(&signer, &out[..length], 7, "algoOrder.cancel"),
            json!({ "algoId": 2_146_760, "recvWindow": 5000, "timestamp": NOW_MS })
        );
        let nameless = CancelAlgo { algo_id: AlgoId(0), ..theirs };
        let refused = encoder.cancel_algo(&mut out, RequestId(8), &nameless, NOW_MS);
        assert_eq!(refused, Err(EncodeError::NoOrderId));
    }
}

#[test]
fn logon_is_signed_and_what_follows_is_not() {
    let signer = Signer::Ed25519(ed25519());
    let mut encoder = encoder(signer.clone());
    let mut out = [0; REQUEST_BYTES_MAX];
    for session in [false, true] {
        encoder.set_session(session);
        let length = encoder.logon(&mut out, RequestId(5), NOW_MS).expect("fits");
        let params = read(&signer, &out[..length], 5, "session.logon");
        assert_eq!(params, json!({"timestamp": NOW_MS}));
    }
    assert!(encoder.is_session());
    let length = encoder.place(&mut out, RequestId(6), &order(), NOW_MS).expect("fits");
    let request: Value = serde_json::from_slice(&out[..length]).expect("JSON");
    assert_eq!(
        request,
        json!({"id": "6", "method": "order.place", "params": {
            "newClientOrderId": "shrk6921a0b42000004d", "price": "43187.00", "quantity": "0.100",
            "recvWindow": 5000, "selfTradePreventionMode": "EXPIRE_TAKER", "side": "BUY",
            "symbol": "BTCUSDT", "timeInForce": "GTC", "timestamp": NOW_MS, "type": "LIMIT",
        }})
    );
    let length = encoder.status(&mut out, RequestId(8), &order_ref(), NOW_MS).expect("fits");
    let request: Value = serde_json::from_slice(&out[..length]).expect("JSON");
    assert_eq!(request["params"].as_object().map(Map::len), Some(4));
    encoder.set_session(false);
    let length = encoder.place(&mut out, RequestId(9), &order(), NOW_MS).expect("fits");
    read(&signer, &out[..length], 9, "order.place");
}

#[test]
fn an_hmac_key_has_no_session() {
    let [signer, _] = signers();
    let mut encoder = encoder(signer);
    assert_eq!(
        encoder.logon(&mut [0; REQUEST_BYTES_MAX], RequestId(1), NOW_MS),
        Err(EncodeError::NeedsEd25519)
    );
    encoder.set_session(true);
    assert!(!encoder.is_session());
}

#[test]
fn every_shorter_buffer_is_refused_and_not_overrun() {
    for signer in signers() {
        let mut encoder = encoder(signer);
        let mut out = [0; REQUEST_BYTES_MAX];
        let length = encoder.place(&mut out, RequestId(1), &order(), NOW_MS).expect("fits");
        for room in 0..length {
            let result = encoder.place(&mut out[..room], RequestId(1), &order(), NOW_MS);
            assert_eq!(result, Err(EncodeError::BufferTooSmall), "{room}");
        }
        assert_eq!(encoder.place(&mut out[..length], RequestId(1), &order(), NOW_MS), Ok(length));
    }
}

#[test]
fn the_longest_request_fits_the_promised_buffer() {
    let name = SymbolName::new(&[b'X'; 23]).expect("23 bytes");
    let format = SymbolFormat { name, price_decimals: 8, qty_decimals: 8 };
    for signer in signers() {
        let mut encoder =
            Encoder::new(&"k".repeat(128), signer, &[format], 60_000).expect("settings are sound");
        let mut out = [0; REQUEST_BYTES_MAX];
        let order = NewOrder {
            price: Price::MAX,
            qty: Qty::MAX,
            side: Side::Sell,
            reduce_only: true,
            ..order()
        };
        let length = encoder.place(&mut out, RequestId(u64::MAX), &order, i64::MAX).expect("fits");
        assert!(length < REQUEST_BYTES_MAX);
        let modify = ModifyOrder { price: Price::MAX, qty: Qty::MAX, ..modification() };
        assert!(encoder.modify(&mut out, RequestId(u64::MAX), &modify, i64::MAX).is_ok());
    }
}

#[test]
fn orders_that_cannot_be_sent_are_refused() {
    let [signer, _] = signers();
    let mut encoder = encoder(signer);
    let mut place = |order: NewOrder, time| {
        encoder.place(&mut [0; REQUEST_BYTES_MAX], RequestId(1), &order, time).unwrap_err()
    };
    let unknown = NewOrder { symbol: SymbolId(3), ..order() };
    assert_eq!(place(unknown, 1), EncodeError::UnknownSymbol);
    assert_eq!(
        place(NewOrder { symbol: SymbolId::NONE, ..order() }, 1),
        EncodeError::UnknownSymbol
    );
    assert_eq!(place(NewOrder { qty: Qty::ZERO, ..order() }, 1), EncodeError::NotPositive);
    assert_eq!(place(NewOrder { price: Price::ZERO, ..order() }, 1), EncodeError::NotPositive);
    let stop = NewOrder { order_type: OrderType::StopMarket, ..order() };
    assert_eq!(place(stop, 1), EncodeError::OrderType);
    let dated = NewOrder { time_in_force: TimeInForce::Gtd, ..order() };
    assert_eq!(place(dated, 1), EncodeError::TimeInForce);
    let nameless = NewOrder { client_order_id: ClientOrderId::NONE, ..order() };
    assert_eq!(place(nameless, 1), EncodeError::NoOrderId);
    assert_eq!(place(order(), -1), EncodeError::BadTimestamp);
}

#[test]
fn settings_that_cannot_be_sent_are_refused() {
    let make = |key: &str, name: &str, decimals, window| {
        let name = SymbolName::new(name.as_bytes()).expect("short");
        let format = SymbolFormat { name, price_decimals: decimals, qty_decimals: 0 };
        let signer = Signer::Hmac(HmacKey::new(SECRET));
        Encoder::new(key, signer, &[format], window).map(|_| ())
    };
    assert_eq!(make("key", "BTCUSDT", 8, 60_000), Ok(()));
    assert_eq!(make("", "BTCUSDT", 2, 5000), Err(EncodeError::BadApiKey));
    assert_eq!(make("a\"b", "BTCUSDT", 2, 5000), Err(EncodeError::BadApiKey));
    assert_eq!(make(&"k".repeat(129), "BTCUSDT", 2, 5000), Err(EncodeError::BadApiKey));
    assert_eq!(make("key", "BTC\"", 2, 5000), Err(EncodeError::BadSymbol));
    assert_eq!(make("key", "BTC&x=1", 2, 5000), Err(EncodeError::BadSymbol));
    assert_eq!(make("key", "BTCUSDT", 9, 5000), Err(EncodeError::BadSymbol));
    assert_eq!(make("key", "BTCUSDT", 2, 0), Err(EncodeError::BadRecvWindow));
    assert_eq!(make("key", "BTCUSDT", 2, 60_001), Err(EncodeError::BadRecvWindow));
}

#[test]
fn an_encoder_prints_no_secret() {
    for signer in signers() {
        let shown = format!("{:?}", encoder(signer));
        assert!(!shown.contains("2b5eb11e"), "{shown}");
    }
}

#[test]
fn the_recorded_vectors_are_reproduced() {
    let Some(directory) = crate::data::directory() else { return };
    let bytes = crate::data::read(&directory.join("protocol/hmac_vectors.json"));
    let vectors: Vec<Value> = serde_json::from_slice(&bytes).expect("an array");
    assert!(!vectors.is_empty());
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().expect("a text");
        let signature =
            HmacKey::new(text("secret").as_bytes()).sign_hex(text("payload").as_bytes());
        assert_eq!(core::str::from_utf8(&signature), Ok(text("hmac_sha256_hex")));
    }
}

proptest::proptest! {
    #[test]
    fn prices_are_sent_exactly(price in 1i64..=i64::MAX, qty in 1i64..=i64::MAX, symbol in 0u16..3) {
        let [signer, _] = signers();
        let order = NewOrder {
            symbol: SymbolId(symbol),
            price: Price::from_units(price),
            qty: Qty::from_units(qty),
            ..order()
        };
        let mut out = [0; REQUEST_BYTES_MAX];
        let length = encoder(signer.clone()).place(&mut out, RequestId(1), &order, 1).expect("fits");
        let params = read(&signer, &out[..length], 1, "order.place");
        let units = |name: &str| parse_decimal(params[name].as_str().expect("a text").as_bytes());
        proptest::prop_assert_eq!(units("price"), Ok(price));
        proptest::prop_assert_eq!(units("quantity"), Ok(qty));
        let decimals = params["price"].as_str().and_then(|text| text.split_once('.'));
        let decimals = decimals.map_or(0, |(_, decimals)| decimals.len());
        proptest::prop_assert!(decimals >= [2, 6, 4][usize::from(symbol)]);
    }
}
