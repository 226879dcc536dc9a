//! REST: which path does what, at which weight and with which security (PROTOCOL 3).

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode, header::HeaderValue};

use crate::{
    core::Core,
    faults::{
        Family, Kind, Part,
        active::Occasion,
        acts,
        request::{self, Instead, Treatment},
        spoil,
    },
    gate::Gate,
    limits::{OrderCounts, Pool},
    ops::{Answer, Context, Operation, account, algo, history, market, orders, risk},
    params::Params,
    refusal::Refusal,
    server::Shared,
    thread::wall_ms,
};

/// How long a request that gets no answer keeps its connection.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// What a caller must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// Nothing.
    Open,
    /// An API key.
    Key,
    /// An API key and a signature.
    Signed,
}

/// Request weight, fixed or by parameters.
#[derive(Clone, Copy)]
pub(crate) enum Weight {
    /// Always so much.
    Fixed(u32),
    /// With a symbol, without.
    Symbol(u32, u32),
    /// `depth`: by the number of levels.
    Depth,
    /// `klines`: by the number of rows.
    Klines,
}

impl Weight {
    /// The weight of a request with these parameters.
    pub(crate) fn of(self, params: &Params) -> u32 {
        let limit = params.get("limit").and_then(|text| text.parse::<u32>().ok()).unwrap_or(500);
        match self {
            Self::Fixed(weight) => weight,
            Self::Symbol(with, _) if params.get("symbol").is_some() => with,
            Self::Symbol(_, without) => without,
            Self::Depth => match limit {
                0..=50 => 2,
                51..=100 => 5,
                101..=500 => 10,
                _ => 20,
            },
            Self::Klines => match limit {
                0..=99 => 1,
                100..=499 => 2,
                500..=1000 => 5,
                _ => 10,
            },
        }
    }
}

/// One row of the table.
struct Endpoint {
    method: Method,
    path: &'static str,
    security: Security,
    weight: Weight,
    /// Orders counted in ten seconds and in a minute.
    orders: (u32, u32),
    run: Operation,
}

const fn row(
    method: Method,
    path: &'static str,
    security: Security,
    weight: Weight,
    run: Operation,
) -> Endpoint {
    Endpoint { method, path, security, weight, orders: (0, 0), run }
}

const fn counted(
    method: Method,
    path: &'static str,
    weight: u32,
    orders: (u32, u32),
    run: Operation,
) -> Endpoint {
    Endpoint {
        method,
        path,
        security: Security::Signed,
        weight: Weight::Fixed(weight),
        orders,
        run,
    }
}

use Security::{Key, Open, Signed};
use Weight::{Fixed, Symbol};

/// All endpoints; a path that is not here is answered 404 in HTML, as on production.
static ENDPOINTS: &[Endpoint] = &[
    row(Method::GET, "/fapi/v1/ping", Open, Fixed(1), market::ping),
    row(Method::GET, "/fapi/v1/time", Open, Fixed(1), market::time),
    row(Method::GET, "/fapi/v1/exchangeInfo", Open, Fixed(1), market::exchange_info),
    row(Method::GET, "/fapi/v1/depth", Open, Weight::Depth, market::depth),
    row(Method::GET, "/fapi/v1/trades", Open, Fixed(5), history::trades),
    row(Method::GET, "/fapi/v1/historicalTrades", Key, Fixed(20), history::trades),
    row(Method::GET, "/fapi/v1/aggTrades", Open, Fixed(20), history::agg_trades),
    row(Method::GET, "/fapi/v1/klines", Open, Weight::Klines, history::klines),
    row(Method::GET, "/fapi/v1/premiumIndex", Open, Symbol(1, 10), market::premium_index),
    row(Method::GET, "/fapi/v1/fundingRate", Open, Fixed(0), history::funding_rate),
    row(Method::GET, "/fapi/v1/fundingInfo", Open, Fixed(0), history::funding_info),
    row(Method::GET, "/fapi/v1/openInterest", Open, Fixed(1), market::open_interest),
    row(Method::GET, "/fapi/v1/ticker/bookTicker", Open, Symbol(2, 5), market::book_ticker),
    row(Method::GET, "/fapi/v1/ticker/price", Open, Symbol(1, 2), market::price),
    row(Method::GET, "/fapi/v2/ticker/price", Open, Symbol(1, 2), market::price),
    row(Method::GET, "/fapi/v1/ticker/24hr", Open, Symbol(1, 40), market::day),
    counted(Method::POST, "/fapi/v1/order", 0, (1, 1), orders::place),
    counted(Method::PUT, "/fapi/v1/order", 0, (1, 1), orders::modify),
    row(Method::DELETE, "/fapi/v1/order", Signed, Fixed(1), orders::cancel),
    row(Method::GET, "/fapi/v1/order", Signed, Fixed(1), orders::status),
    counted(Method::POST, "/fapi/v1/order/test", 0, (1, 1), orders::test),
    counted(Method::POST, "/fapi/v1/batchOrders", 5, (5, 1), orders::place_batch),
    counted(Method::PUT, "/fapi/v1/batchOrders", 5, (5, 1), orders::modify_batch),
    row(Method::DELETE, "/fapi/v1/batchOrders", Signed, Fixed(1), orders::cancel_batch),
    row(Method::GET, "/fapi/v1/openOrder", Signed, Fixed(1), orders::open_order),
    row(Method::GET, "/fapi/v1/openOrders", Signed, Symbol(1, 40), orders::open_orders),
    row(Method::GET, "/fapi/v1/allOrders", Signed, Fixed(5), orders::all_orders),
    row(Method::DELETE, "/fapi/v1/allOpenOrders", Signed, Fixed(1), orders::cancel_all),
    row(Method::POST, "/fapi/v1/countdownCancelAll", Signed, Fixed(10), orders::countdown),
    row(Method::GET, "/fapi/v2/account", Signed, Fixed(5), account::account_v2),
    row(Method::GET, "/fapi/v3/account", Signed, Fixed(5), account::account_v3),
    row(Method::GET, "/fapi/v2/balance", Signed, Fixed(5), account::balance),
    row(Method::GET, "/fapi/v3/balance", Signed, Fixed(5), account::balance),
    row(Method::GET, "/fapi/v2/positionRisk", Signed, Fixed(5), account::position_v2),
    row(Method::GET, "/fapi/v3/positionRisk", Signed, Fixed(5), account::position_v3),
    row(Method::GET, "/fapi/v1/symbolConfig", Signed, Fixed(5), account::symbol_config),
    row(Method::GET, "/fapi/v1/accountConfig", Signed, Fixed(5), account::account_config),
    row(Method::POST, "/fapi/v1/leverage", Signed, Fixed(1), account::set_leverage),
    row(Method::POST, "/fapi/v1/marginType", Signed, Fixed(1), account::set_margin_type),
    row(Method::GET, "/fapi/v1/positionSide/dual", Signed, Fixed(30), account::position_mode),
    row(Method::POST, "/fapi/v1/positionSide/dual", Signed, Fixed(1), account::set_position_mode),
    row(Method::GET, "/fapi/v1/multiAssetsMargin", Signed, Fixed(30), account::multi_assets),
    row(Method::POST, "/fapi/v1/multiAssetsMargin", Signed, Fixed(1), account::set_multi_assets),
    row(Method::GET, "/fapi/v1/leverageBracket", Signed, Fixed(1), account::leverage_bracket),
    row(Method::GET, "/fapi/v1/commissionRate", Signed, Fixed(20), account::commission_rate),
    row(Method::GET, "/fapi/v1/userTrades", Signed, Fixed(5), account::user_trades),
    row(Method::GET, "/fapi/v1/income", Signed, Fixed(30), account::income),
    row(Method::GET, "/fapi/v1/adlQuantile", Signed, Fixed(5), risk::adl_quantile),
    row(Method::GET, "/fapi/v1/forceOrders", Signed, Symbol(20, 50), risk::force_orders),
    row(Method::GET, "/fapi/v1/apiTradingStatus", Signed, Symbol(1, 10), risk::trading_status),
    row(Method::GET, "/fapi/v1/feeBurn", Signed, Fixed(30), risk::fee_burn),
    row(Method::GET, "/fapi/v1/rateLimit/order", Signed, Fixed(1), account::order_limits),
    row(Method::POST, "/fapi/v1/listenKey", Key, Fixed(1), account::listen_key),
    row(Method::PUT, "/fapi/v1/listenKey", Key, Fixed(1), account::listen_key_refresh),
    row(Method::DELETE, "/fapi/v1/listenKey", Key, Fixed(1), account::listen_key_stop),
    counted(Method::POST, "/fapi/v1/algoOrder", 0, (1, 1), algo::place),
    row(Method::GET, "/fapi/v1/algoOrder", Signed, Fixed(1), algo::status),
    row(Method::DELETE, "/fapi/v1/algoOrder", Signed, Fixed(1), algo::cancel),
    row(Method::DELETE, "/fapi/v1/algoOpenOrders", Signed, Fixed(1), algo::cancel_all),
    row(Method::GET, "/fapi/v1/openAlgoOrders", Signed, Symbol(1, 40), algo::open),
    row(Method::GET, "/fapi/v1/allAlgoOrders", Signed, Fixed(5), algo::all),
];

/// A request, taken apart.
pub(crate) struct Call<'a> {
    /// Method.
    pub(crate) method: &'a Method,
    /// Path without query.
    pub(crate) path: &'a str,
    /// Query as sent.
    pub(crate) query: &'a str,
    /// Form body as sent.
    pub(crate) body: &'a str,
    /// Header `X-MBX-APIKEY`.
    pub(crate) api_key: Option<&'a str>,
    /// Who asks.
    pub(crate) address: IpAddr,
}

/// A request that may be executed.
pub(crate) struct Admitted {
    operation: Operation,
    account: usize,
    params: Params,
    counts: Option<OrderCounts>,
    /// How it is treated.
    pub(crate) treatment: Treatment,
}

/// What a client gets.
pub(crate) enum Outcome {
    /// A reply, so many milliseconds after the request was executed.
    Reply(Reply, u64),
    /// Nothing.
    Silence,
    /// The end of the connection.
    End,
}

/// What goes back: status, headers, body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// Headers besides the content's type and length.
    pub(crate) headers: Vec<(&'static str, i64)>,
    /// Body.
    pub(crate) body: String,
    /// Whether the body is a page and not JSON.
    pub(crate) is_page: bool,
}

impl Reply {
    /// An error body with its status and, where a limit was hit, `Retry-After`.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let retry = refusal.retry_after_s.map(|seconds| ("retry-after", i64::from(seconds)));
        let headers = retry.into_iter().collect();
        Self { status: refusal.http, headers, body: refusal.body(), is_page: false }
    }

    /// 404 in HTML: what the venue answers to a path it does not have.
    pub(crate) fn not_found() -> Self {
        Self::page(404, "Not Found")
    }

    /// A page of the venue's front.
    pub(crate) fn page(status: u16, text: &str) -> Self {
        let body = format!(
            "<html>\n<head><title>{status} {text}</title></head>\n<body>\n\
             <center><h1>{status} {text}</h1></center>\n</body>\n</html>\n"
        );
        Self { status, headers: Vec::new(), body, is_page: true }
    }
}

/// Looks a request up, charges it and finds out who sends it.
///
/// # Errors
/// The reply to a request that may not be executed.
pub(crate) fn admit(gate: &Gate, call: &Call<'_>, now_ms: i64) -> Result<Admitted, Reply> {
    if gate.faults.is_down() {
        return Err(Reply::refused(&Refusal::unavailable()));
    }
    let endpoint = ENDPOINTS.iter().find(|row| row.path == call.path && row.method == call.method);
    let endpoint = endpoint.ok_or_else(Reply::not_found)?;
    let params = Params::from_http(call.query, call.body);
    let weight = endpoint.weight.of(&params);
    let admitted = gate.meter.charge(Pool::Rest, call.address, weight, now_ms);
    let admitted = admitted.and_then(|_| enter(gate, call, endpoint, &params, now_ms));
    let (account, counts) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return Err(finish(gate, call, Err(refusal), None, now_ms)),
    };
    let treatment = treatment(gate, call, account, &params, now_ms);
    if let Some(ms) = treatment.ban_ms {
        let until_ms = now_ms.saturating_add_unsigned(ms);
        let refusal = gate.meter.ban(call.address, until_ms, now_ms);
        return Err(finish(gate, call, Err(refusal), counts, now_ms));
    }
    Ok(Admitted { operation: endpoint.run, account, params, counts, treatment })
}

fn treatment(
    gate: &Gate,
    call: &Call<'_>,
    account: usize,
    params: &Params,
    now_ms: i64,
) -> Treatment {
    if !gate.faults.has(Family::Request) {
        return Treatment::USUAL;
    }
    let method = call.method.as_str();
    let at = Occasion {
        part: Some(Part::Rest),
        method,
        path: call.path,
        operation: request::operation(method, call.path),
        symbol: params.get("symbol").unwrap_or_default(),
        account: Some(account),
        is_reducing: params.get("reduceOnly").is_some_and(|text| text.eq_ignore_ascii_case("true")),
        ..Occasion::default()
    };
    Treatment::of(&gate.faults, &at, now_ms)
}

fn enter(
    gate: &Gate,
    call: &Call<'_>,
    endpoint: &Endpoint,
    params: &Params,
    now_ms: i64,
) -> Result<(usize, Option<OrderCounts>), Refusal> {
    let account = match endpoint.security {
        Open => 0,
        Key => gate.keys.account(call.api_key)?,
        Signed => gate.verify(call.api_key, params, now_ms)?.0,
    };
    let (count_10s, count_1m) = endpoint.orders;
    if count_1m == 0 {
        return Ok((account, None));
    }
    let counts = gate.meter.count_orders(account, count_10s, count_1m, now_ms)?;
    Ok((account, Some(counts)))
}

/// Executes a request; `None` if it never arrived.
pub(crate) fn execute(core: &mut Core, admitted: &Admitted) -> Option<Answer> {
    let Admitted { operation, account, params, treatment, .. } = admitted;
    if !treatment.runs {
        return None;
    }
    let twist = treatment.twist.clone();
    if let Some(fault) = twist.as_ref().filter(|fault| fault.kind == Kind::FillFirst) {
        acts::fill_first(core, fault, *account, params);
    }
    let now_ms = core.now_ms();
    Some(operation(&mut Context { core, account: *account, now_ms, twist }, params))
}

/// What the client of an admitted request gets.
pub(crate) fn conclude(
    gate: &Gate,
    call: &Call<'_>,
    admitted: &Admitted,
    answer: Option<Answer>,
    now_ms: i64,
) -> Outcome {
    let answer = match (&admitted.treatment.instead, answer) {
        (Instead::Silence, _) | (Instead::Truth, None) => return Outcome::Silence,
        (Instead::End, _) => return Outcome::End,
        (Instead::Page(status), _) => {
            return Outcome::Reply(Reply::page(*status, "Error"), admitted.treatment.after_ms);
        }
        (Instead::Refusal(refusal), _) => Err(refusal.clone()),
        (Instead::Truth, Some(answer)) => answer,
    };
    let reply = finish(gate, call, answer, admitted.counts, now_ms);
    Outcome::Reply(reply, admitted.treatment.after_ms)
}

/// The reply to an executed or refused request.
pub(crate) fn finish(
    gate: &Gate,
    call: &Call<'_>,
    answer: Answer,
    counts: Option<OrderCounts>,
    now_ms: i64,
) -> Reply {
    let mut reply = match answer {
        Ok(body) => Reply { status: 200, headers: Vec::new(), body, is_page: false },
        Err(refusal) => Reply::refused(&refusal),
    };
    if !call.path.starts_with("/fapi/v1/funding") {
        let used = gate.meter.used(Pool::Rest, call.address, now_ms);
        reply.headers.push(("x-mbx-used-weight-1m", i64::from(used)));
    }
    if let Some(counts) = counts {
        reply.headers.push(("x-mbx-order-count-10s", i64::from(counts.count_10s)));
        reply.headers.push(("x-mbx-order-count-1m", i64::from(counts.count_1m)));
    }
    let shift_ms = gate.faults.shift_ms();
    if shift_ms != 0 {
        reply.body = spoil::shift_times(&reply.body, shift_ms);
    }
    reply
}

/// Answers one request of a socket; `None` ends the connection.
pub(crate) async fn answer(shared: &Shared, call: &Call<'_>) -> Option<Response<Full<Bytes>>> {
    let now_ms = wall_ms();
    let admitted = match admit(&shared.gate, call, now_ms) {
        Ok(admitted) => admitted,
        Err(reply) => return Some(respond(reply)),
    };
    wait(admitted.treatment.before_ms).await;
    let executed = shared.core.call(move |core| (execute(core, &admitted), admitted)).await;
    let (answer, admitted) = match executed {
        Ok(executed) => executed,
        Err(refusal) => return Some(refused(&refusal)),
    };
    match conclude(&shared.gate, call, &admitted, answer, now_ms) {
        Outcome::Reply(reply, after_ms) => {
            wait(after_ms).await;
            Some(respond(reply))
        }
        Outcome::Silence => {
            tokio::time::sleep(SILENCE_MAX).await;
            None
        }
        Outcome::End => None,
    }
}

async fn wait(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// A reply as hyper sends it.
pub(crate) fn respond(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_REQUEST);
    let kind = if reply.is_page { "text/html" } else { "application/json;charset=UTF-8" };
    let headers = response.headers_mut();
    headers.insert(hyper::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in reply.headers {
        headers.insert(name, HeaderValue::from(value));
    }
    response
}

/// A JSON answer.
pub(crate) fn json_response(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    response
}

/// A refusal as hyper sends it.
pub(crate) fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    respond(Reply::refused(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_listed_once() {
        for (index, row) in ENDPOINTS.iter().enumerate() {
            let same = ENDPOINTS[index + 1..]
                .iter()
                .any(|other| other.path == row.path && other.method == row.method);
            assert!(!same, "{} {} is listed twice", row.method, row.path);
        }
    }

    #[test]
    fn weights_follow_the_parameters() {
        let check = |weight: Weight, query: &str, expected: u32| {
            assert_eq!(weight.of(&Params::from_http(query, "")), expected, "{query}");
        };
        check(Weight::Depth, "limit=50", 2);
        check(Weight::Depth, "limit=100", 5);
        check(Weight::Depth, "", 10);
        check(Weight::Depth, "limit=1000", 20);
        check(Weight::Klines, "limit=99", 1);
        check(Weight::Klines, "limit=1500", 10);
        check(Weight::Symbol(1, 40), "symbol=BTCUSDT", 1);
        check(Weight::Symbol(1, 40), "", 40);
    }
}
