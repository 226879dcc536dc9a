//! Answers of the WebSocket API, field by field.

use binance::{DecodeError, decode_reply};
use schema::{ClientOrderId, OrderStatus, RequestId, VenueOrderId};

use crate::fixtures::REPLIES;

#[track_caller]
fn reply(index: usize) -> schema::OrderReply {
    decode_reply(REPLIES[index].as_bytes()).expect("a sound answer")
}

#[test]
fn an_acknowledgement_carries_order_and_limits() {
    let reply = reply(0);
    assert!(reply.is_ok());
    assert_eq!(reply.request_id, RequestId(41));
    assert_eq!(reply.order_status, OrderStatus::New);
    assert_eq!(reply.client_order_id, ClientOrderId(0x6921_a0b4_2000_004d));
    assert_eq!(reply.venue_order_id, VenueOrderId(325_078_477));
    assert_eq!((reply.price.to_string(), reply.qty.to_string()), ("64000.1".into(), "0.01".into()));
    assert_eq!((reply.order_count_10s, reply.order_count_1m, reply.weight_1m), (3, 7, 11));
}

#[test]
fn errors_carry_code_and_request() {
    let refused = reply(1);
    assert!(!refused.is_ok());
    assert_eq!((refused.request_id, refused.status, refused.code), (RequestId(42), 400, -5022));
    assert_eq!((refused.order_count_10s, refused.order_count_1m), (4, u32::MAX));
    let banned = reply(2);
    assert_eq!(
        (banned.status, banned.code, banned.retry_after_ms),
        (418, -1003, 1_790_000_120_000)
    );
    let revoked = reply(3);
    assert_eq!((revoked.request_id, revoked.status, revoked.code), (RequestId(0), 401, -2015));
}

#[test]
fn a_logon_is_ok_without_an_order() {
    let logon = reply(4);
    assert!(logon.is_ok());
    assert_eq!((logon.request_id, logon.order_status), (RequestId(44), OrderStatus::Unknown));
    assert_eq!(logon.venue_order_id, VenueOrderId(0));
}

#[test]
fn an_error_without_envelope_is_a_bad_request() {
    let reply = reply(7);
    assert_eq!((reply.status, reply.code, reply.request_id), (400, 2, RequestId(0)));
}

#[test]
fn what_is_no_answer_is_an_error() {
    for (bytes, error) in [
        ("{}", DecodeError::Missing),
        (r#"{"id":1}"#, DecodeError::Missing),
        ("[]", DecodeError::Syntax),
        ("", DecodeError::Syntax),
        (r#"{"id":1,"status":"ok"}"#, DecodeError::Number),
        (r#"{"id":1,"status":200,"result":{"orderId":"x"}}"#, DecodeError::Number),
    ] {
        assert_eq!(decode_reply(bytes.as_bytes()), Err(error), "{bytes}");
    }
}

#[test]
fn the_two_texts_of_a_503_are_told_apart() {
    let reply = |msg: &str, code: i32| {
        let text = format!(r#"{{"id":"1","status":503,"error":{{"code":{code},"msg":"{msg}"}}}}"#);
        decode_reply(text.as_bytes()).expect("an answer").code
    };
    assert_eq!(reply("Service Unavailable.", -1000), -1001);
    let unknown = "Unknown error, please check your request or try again later.";
    assert_eq!(reply(unknown, -1000), -1000);
    assert_eq!(reply("Request throttled by system-level protection.", -1008), -1008);
}

#[test]
fn an_acknowledged_conditional_order_carries_its_own_ids() {
    let text = r#"{"id":"9","status":200,"result":{"algoId":2146760,"clientAlgoId":"shrk6921a0b4f000004d","algoType":"CONDITIONAL","algoStatus":"NEW"}}"#;
    let reply = decode_reply(text.as_bytes()).expect("an answer");
    assert!(reply.is_ok());
    assert_eq!(reply.venue_order_id, VenueOrderId(2_146_760));
    assert_eq!(reply.client_order_id, ClientOrderId(0x6921_a0b4_f000_004d));
    assert_eq!(reply.order_status, OrderStatus::New);
    let text = r#"{"id":"9","status":200,"result":{"algoId":5,"clientAlgoId":"x","code":"200","msg":"success"}}"#;
    assert!(decode_reply(text.as_bytes()).expect("an answer").is_ok());
}
