//! What must go out when no order connection is up: cancels, orders that only reduce, conditional
//! orders, and questions, by REST.
//!
//! The engine decides and counts them as ever (`Safety::last_way_ns`), and the same client ids go
//! out, so that an order that was on its way when the connections died is never doubled. The answer
//! comes back as the one a connection would have brought. One thread carries them, one after the
//! other, apart from the thread of slow questions.
//!
//! What is true if the process dies, or the wire breaks, at each step:
//!
//! 1. decided and journalled, in the queue to the cold thread: the venue has nothing. The next
//!    start finds the id in the journal and asks for it by name; absent, it never was.
//! 2. no room in that queue: the engine hears `SendFailed`, asks, and hears that it is absent.
//! 3. held back by the budget or a ban: nothing was sent; as 2.
//! 4. sent, no answer, or an answer without a certain outcome: the engine hears `SendFailed`; the
//!    order counts as live until the venue names its end.
//! 5. answered, before the engine hears of it: as 1, and the venue names what became of it.
//! 6. an order connection comes up meanwhile: the engine asks there about what is unanswered; the
//!    answer of REST may come before or after, both say the same.
//!
//! A change of an order is not carried: cancelling is enough, and does not race a fill.

use binance::decode_reply;
use engine::Action;
use schema::{
    CancelAlgo, ClientOrderId, NewAlgo, NewOrder, OrderRef, OrderReply, OrderStatus, OrderType,
    Price, Qty, RequestId, SymbolId, SymbolName, VenueOrderId,
};

use super::api::{Api, CallError, Method, Security};
use crate::crash_point;

/// Whether REST may carry it: nothing that adds risk.
#[inline]
pub fn carries(action: &Action) -> bool {
    match action {
        Action::Place(order, ..) => order.get().reduce_only,
        Action::Cancel(..)
        | Action::Status(..)
        | Action::PlaceAlgo(..)
        | Action::CancelAlgo(..) => true,
        Action::Modify(..) => false,
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The venue answered.
    Reply(OrderReply),
    /// It was not sent, or nobody knows: the outcome is unknown.
    Unknown(RequestId),
}

/// Carries one action.
pub fn carry(rest: &dyn Api, names: &[SymbolName], action: &Action) -> Answer {
    let id = action.request_id();
    let Some((method, path, params)) = request(names, action) else { return Answer::Unknown(id) };
    crash_point!("rest_order_before");
    let params: Vec<(&str, &str)> = params.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let result = rest.call(method, path, &params, Security::Signed);
    crash_point!("rest_order_after");
    match result {
        Ok(body) => success(id, &body),
        Err(CallError::Venue { status, code, retry_after, .. }) => {
            let until = |pause: std::time::Duration| {
                rest.now().wall.ms() + i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 4)
            };
            let retry_after_ms = retry_after.map_or(0, until);
            Answer::Reply(OrderReply { status, code, retry_after_ms, ..empty(id) })
        }
        Err(error @ (CallError::Wire(_) | CallError::Held { .. })) => {
            log::warn!(target: "execution", "by REST, request {}: {error}", id.0);
            Answer::Unknown(id)
        }
    }
}

/// A success in the words of a connection, read by the same decoder.
fn success(id: RequestId, body: &[u8]) -> Answer {
    let mut text = format!(r#"{{"id":"{}","status":200,"result":"#, id.0).into_bytes();
    text.extend_from_slice(body.trim_ascii());
    text.push(b'}');
    match decode_reply(&text) {
        Ok(reply) => Answer::Reply(reply),
        Err(error) => {
            log::warn!(target: "execution", "by REST, request {}: {error}", id.0);
            Answer::Unknown(id)
        }
    }
}

const fn empty(id: RequestId) -> OrderReply {
    OrderReply {
        request_id: id,
        status: 0,
        code: 0,
        order_status: OrderStatus::Unknown,
        client_order_id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(0),
        price: Price::ZERO,
        qty: Qty::ZERO,
        cum_qty: Qty::ZERO,
        order_count_10s: u32::MAX,
        order_count_1m: u32::MAX,
        weight_1m: u32::MAX,
        retry_after_ms: 0,
    }
}

type Params = Vec<(&'static str, String)>;

fn request(names: &[SymbolName], action: &Action) -> Option<(Method, &'static str, Params)> {
    const ORDER: &str = "/fapi/v1/order";
    const ALGO: &str = "/fapi/v1/algoOrder";
    Some(match action {
        _ if !carries(action) => return None,
        Action::Place(order, ..) => (Method::Post, ORDER, place(names, order.get())?),
        Action::Cancel(cancel, _) => (Method::Delete, ORDER, of(names, &cancel.get().order)?),
        Action::Status(order, _) => (Method::Get, ORDER, of(names, order)?),
        Action::PlaceAlgo(algo, _) => (Method::Post, ALGO, place_algo(names, algo.get())?),
        Action::CancelAlgo(cancel, _) => (Method::Delete, ALGO, of_algo(cancel.get())),
        Action::Modify(..) => return None,
    })
}

fn name(names: &[SymbolName], symbol: SymbolId) -> Option<(&'static str, String)> {
    Some(("symbol", names.get(symbol.index())?.to_string()))
}

fn place(names: &[SymbolName], order: &NewOrder) -> Option<Params> {
    let mut params = vec![
        name(names, order.symbol)?,
        ("side", order.side.as_str().to_owned()),
        ("quantity", order.qty.to_string()),
        ("reduceOnly", "true".to_owned()),
        ("newClientOrderId", order.client_order_id.to_string()),
        ("newOrderRespType", "RESULT".to_owned()),
    ];
    if order.order_type == OrderType::Market {
        params.push(("type", "MARKET".to_owned()));
    } else {
        params.push(("type", "LIMIT".to_owned()));
        params.push(("timeInForce", order.time_in_force.as_str().to_owned()));
        params.push(("price", order.price.to_string()));
    }
    Some(params)
}

fn of(names: &[SymbolName], order: &OrderRef) -> Option<Params> {
    let named = if order.client_order_id == ClientOrderId::NONE {
        ("orderId", order.venue_order_id.0.to_string())
    } else {
        ("origClientOrderId", order.client_order_id.to_string())
    };
    Some(vec![name(names, order.symbol)?, named])
}

fn place_algo(names: &[SymbolName], algo: &NewAlgo) -> Option<Params> {
    Some(vec![
        ("algoType", "CONDITIONAL".to_owned()),
        name(names, algo.symbol)?,
        ("side", algo.side.as_str().to_owned()),
        ("type", "STOP_MARKET".to_owned()),
        ("triggerPrice", algo.trigger_price.to_string()),
        ("closePosition", "true".to_owned()),
        ("workingType", "MARK_PRICE".to_owned()),
        ("clientAlgoId", algo.client_order_id.to_string()),
    ])
}

fn of_algo(cancel: &CancelAlgo) -> Params {
    if cancel.client_order_id == ClientOrderId::NONE {
        vec![("algoId", cancel.algo_id.0.to_string())]
    } else {
        vec![("clientAlgoId", cancel.client_order_id.to_string())]
    }
}

/// The last net of a stop that was not confirmed in time: cancels what is open on every symbol.
///
/// Where somebody else's orders rest too, only ours are cancelled, one by one. Conditional orders
/// stay unless `with_algos`: they may be all that guards a position that is still held.
///
/// # Errors
/// If a symbol may still have an order of ours; the others were tried all the same.
pub fn cancel_all(rest: &dyn Api, names: &[SymbolName], with_algos: bool) -> anyhow::Result<()> {
    let results: Vec<anyhow::Result<()>> =
        names.iter().map(|name| cancel_symbol(rest, &name.to_string(), with_algos)).collect();
    results.into_iter().collect()
}

fn cancel_symbol(rest: &dyn Api, name: &str, with_algos: bool) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let symbol = [("symbol", name)];
    let delete = |path, params: &[(&str, &str)]| {
        let result = rest.call(Method::Delete, path, params, Security::Signed);
        match result {
            Err(error) if error.code() == -2011 => Ok(()), // done in the meantime
            result => result.map(drop),
        }
    };
    let open = || -> anyhow::Result<_> {
        let body = rest.signed("/fapi/v1/openOrders", &symbol)?;
        binance::rest::parse_open_orders(&body).context("openOrders")
    };
    let found = open()?;
    let is_ours = |id: ClientOrderId| id != ClientOrderId::NONE;
    if found.iter().all(|order| is_ours(order.client_order_id)) {
        // Even if none was seen: one may be on its way.
        delete("/fapi/v1/allOpenOrders", &symbol)?;
    } else {
        for order in found.iter().filter(|order| is_ours(order.client_order_id)) {
            let id = order.venue_order_id.0.to_string();
            delete("/fapi/v1/order", &[("symbol", name), ("orderId", id.as_str())])?;
        }
    }
    if with_algos {
        delete("/fapi/v1/algoOpenOrders", &symbol)?;
    }
    let left = open()?.iter().filter(|order| is_ours(order.client_order_id)).count();
    anyhow::ensure!(left == 0, "{left} orders of {name} are still open");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use engine::Now;
    use schema::{BootEpoch, MonoNs, StrategyId, WallNs};

    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;
    type Said = Result<&'static str, fn() -> CallError>;

    /// A venue that always says the same, and what it was asked.
    struct Venue {
        says: Said,
        asked: RefCell<Vec<(Method, String, Vec<String>)>>,
    }

    impl Api for Venue {
        fn call(
            &self,
            method: Method,
            path: &str,
            params: &[(&str, &str)],
            _: Security,
        ) -> Result<Vec<u8>, CallError> {
            let params = params.iter().map(|(key, value)| format!("{key}={value}")).collect();
            self.asked.borrow_mut().push((method, path.to_owned(), params));
            self.says.map(|body| body.as_bytes().to_vec()).map_err(|error| error())
        }
        fn now(&self) -> Now {
            Now { mono: MonoNs(1), wall: WallNs(NOW_MS * 1_000_000) }
        }
    }

    fn ask(says: Said) -> (Answer, Vec<(Method, String, Vec<String>)>) {
        let names = [SymbolName::new(b"BTCUSDT").expect("short")];
        let order = OrderRef {
            symbol: SymbolId(0),
            client_order_id: ClientOrderId::new(BootEpoch(7), StrategyId::TEST, 3),
            venue_order_id: VenueOrderId(0),
        };
        let venue = Venue { says, asked: RefCell::default() };
        let answer = carry(&venue, &names, &Action::Status(order, RequestId(9)));
        (answer, venue.asked.into_inner())
    }

    const BODY: &str = r#"{"orderId":12,"symbol":"BTCUSDT","status":"PARTIALLY_FILLED",
        "clientOrderId":"someone","price":"100.1","origQty":"1.000","executedQty":"0.250"}"#;

    #[test]
    fn an_answer_reads_as_if_a_connection_had_brought_it() {
        let (answer, asked) = ask(Ok(BODY));
        let Answer::Reply(reply) = answer else { panic!("{answer:?}") };
        assert_eq!((reply.request_id, reply.status, reply.code), (RequestId(9), 200, 0));
        assert_eq!(reply.order_status, OrderStatus::PartiallyFilled);
        assert_eq!(reply.venue_order_id, VenueOrderId(12));
        assert_eq!(reply.cum_qty, Qty::parse(b"0.25").expect("a number"));
        let [(method, path, params)] = &asked[..] else { panic!("{asked:?}") };
        assert_eq!((*method, path.as_str()), (Method::Get, "/fapi/v1/order"));
        let id = ClientOrderId::new(BootEpoch(7), StrategyId::TEST, 3);
        assert_eq!(params, &["symbol=BTCUSDT".to_owned(), format!("origClientOrderId={id}")]);
    }

    fn refused(status: u16, code: i32, retry_after: Option<Duration>) -> CallError {
        CallError::Venue { status, code, message: String::new(), retry_after }
    }

    #[test]
    fn a_refusal_keeps_its_status_and_code_and_when_to_come_back() {
        let (answer, _) = ask(Err(|| refused(429, -1003, Some(Duration::from_secs(7)))));
        let Answer::Reply(reply) = answer else { panic!("{answer:?}") };
        assert_eq!((reply.status, reply.code), (429, -1003));
        assert_eq!(reply.retry_after_ms, NOW_MS + 7_000);
        let (answer, _) = ask(Err(|| refused(503, 0, None)));
        let Answer::Reply(reply) = answer else { panic!("{answer:?}") };
        assert_eq!((reply.status, reply.code, reply.retry_after_ms), (503, 0, 0));
    }

    #[test]
    fn without_a_readable_answer_the_outcome_is_unknown() {
        let says: [Said; 4] = [
            Err(|| CallError::Wire("reset".to_owned())),
            Err(|| CallError::Held { wait: Duration::from_secs(1) }),
            Ok("<html>"),
            Ok(""),
        ];
        for says in says {
            assert_eq!(ask(says).0, Answer::Unknown(RequestId(9)));
        }
    }

    #[test]
    fn cancel_all_leaves_orders_of_other_people_alone() {
        let names = [SymbolName::new(b"BTCUSDT").expect("short")];
        let deleted = |says: &'static str| -> Vec<String> {
            let venue = Venue { says: Ok(says), asked: RefCell::default() };
            let _ = cancel_all(&venue, &names, false);
            let asked = venue.asked.into_inner().into_iter();
            asked
                .filter(|(method, ..)| *method == Method::Delete)
                .map(|(_, path, _)| path)
                .collect()
        };
        assert_eq!(deleted("[]"), ["/fapi/v1/allOpenOrders"]);
        let order = concat!(
            r#"[{"orderId":7,"symbol":"BTCUSDT","status":"NEW","clientOrderId":"web_1","#,
            r#""price":"100.0","avgPrice":"0","origQty":"1.000","executedQty":"0","#,
            r#""cumQuote":"0","timeInForce":"GTC","type":"LIMIT","reduceOnly":false,"#,
            r#""closePosition":false,"side":"BUY","positionSide":"BOTH","stopPrice":"0","#,
            r#""workingType":"CONTRACT_PRICE","priceProtect":false,"origType":"LIMIT","#,
            r#""time":1,"updateTime":1}]"#
        );
        assert_eq!(deleted(order), Vec::<String>::new());
    }
}
