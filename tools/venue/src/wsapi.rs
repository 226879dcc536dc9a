//! The WebSocket API: orders and account by JSON requests on one connection (PROTOCOL 4).
//!
//! A request is verified where it comes in ([`Session::request`]) and run where the core is
//! ([`Job::run`]), which puts the answer straight into the connection's queue: with a socket, two
//! hand-overs between a frame in and a frame out.

use std::{net::IpAddr, sync::Arc};

use serde_json::Value;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    auth::{Scheme, check_time},
    core::Core,
    faults::{
        Family, Kind, Part,
        active::Occasion,
        acts,
        request::{self, Instead, Treatment},
    },
    gate::Gate,
    hub::{ConnectionId, Tag},
    limits::{Meter, OrderCounts, Pool},
    ops::{Answer, Context, Operation, account, algo, market, orders},
    params::Params,
    refusal::Refusal,
    rest::{Security, Weight},
    wire::json::Json,
};

/// One row of the table.
struct Method {
    name: &'static str,
    security: Security,
    weight: Weight,
    /// Orders counted.
    orders: u32,
    run: Operation,
}

const fn row(
    name: &'static str,
    security: Security,
    weight: Weight,
    orders: u32,
    run: Operation,
) -> Method {
    Method { name, security, weight, orders, run }
}

use Security::{Key, Open, Signed};
use Weight::{Fixed, Symbol};

/// All methods but `session.*`, which concern the connection and not the core.
static METHODS: &[Method] = &[
    row("order.place", Signed, Fixed(0), 1, orders::place),
    row("order.cancel", Signed, Fixed(1), 0, orders::cancel),
    row("order.modify", Signed, Fixed(0), 1, orders::modify),
    row("order.status", Signed, Fixed(1), 0, orders::status),
    row("userDataStream.start", Key, Fixed(1), 0, account::listen_key),
    row("userDataStream.ping", Key, Fixed(1), 0, account::listen_key_refresh),
    row("userDataStream.stop", Key, Fixed(1), 0, account::listen_key_stop),
    row("ping", Open, Fixed(1), 0, market::ping),
    row("time", Open, Fixed(1), 0, market::time),
    row("depth", Open, Weight::Depth, 0, market::depth),
    row("ticker.price", Open, Symbol(1, 2), 0, market::price),
    row("ticker.book", Open, Symbol(2, 5), 0, market::book_ticker),
    row("account.status", Signed, Fixed(5), 0, account::account_v2),
    row("v2/account.status", Signed, Fixed(5), 0, account::account_v3),
    row("account.balance", Signed, Fixed(5), 0, account::balance),
    row("v2/account.balance", Signed, Fixed(5), 0, account::balance),
    row("account.position", Signed, Fixed(5), 0, account::position_ws),
    row("v2/account.position", Signed, Fixed(5), 0, account::position_ws),
    row("algoOrder.place", Signed, Fixed(0), 1, algo::place),
    row("algoOrder.cancel", Signed, Fixed(1), 0, algo::cancel),
];

/// Weight of `session.*`.
const SESSION_WEIGHT: u32 = 2;

/// One connection's state.
pub(crate) struct Session {
    gate: Arc<Gate>,
    address: IpAddr,
    connected_ms: i64,
    limits_shown: bool,
    logon: Option<Logon>,
}

/// Who is logged on.
struct Logon {
    account: usize,
    api_key: String,
    since_ms: i64,
}

/// What an answer says besides its result.
struct Envelope {
    /// The request's id as JSON.
    id: String,
    /// Whether `rateLimits` is wanted.
    limits_shown: bool,
    address: IpAddr,
    meter: Arc<Meter>,
    counts: Option<OrderCounts>,
    /// Method asked for.
    method: String,
}

/// What is left of a request to do on the core: run it, or just send its answer.
pub(crate) struct Job {
    envelope: Envelope,
    what: What,
    treatment: Treatment,
}

enum What {
    /// Answered already.
    Answer(Answer),
    /// To be run.
    Run { operation: Operation, account: usize, params: Params },
}

impl Job {
    /// Runs it and sends the answer on its connection, now or later.
    pub(crate) fn run(self, core: &mut Core, connection: ConnectionId) {
        match self.treatment.before_ms {
            0 => self.run_now(core, connection),
            ms => core.defer(ms as i64, Box::new(move |core| self.run_now(core, connection))),
        }
    }

    fn run_now(self, core: &mut Core, connection: ConnectionId) {
        let Self { envelope, what, treatment } = self;
        let answer = match what {
            What::Answer(answer) => Some(answer),
            What::Run { .. } if !treatment.runs => None,
            What::Run { operation, account, params } => {
                let twist = treatment.twist;
                if let Some(fault) = twist.as_ref().filter(|fault| fault.kind == Kind::FillFirst) {
                    acts::fill_first(core, fault, account, &params);
                }
                let now_ms = core.now_ms();
                Some(operation(&mut Context { core, account, now_ms, twist }, &params))
            }
        };
        let answer = match (treatment.instead, answer) {
            (Instead::Silence, _) | (Instead::Truth, None) => return,
            (Instead::End, _) => return core.hub.end(connection),
            (Instead::Page(http), _) => {
                let msg = "Bad gateway.".into();
                Err(Refusal { http, code: -1000, msg, retry_after_s: None })
            }
            (Instead::Refusal(refusal), _) => Err(refusal),
            (Instead::Truth, Some(answer)) => answer,
        };
        let frame = envelope.write(&answer, core.now_ms());
        let send = move |core: &mut Core| {
            let tag = Tag { method: &envelope.method, ..Tag::default() };
            core.hub.send(connection, frame, &tag);
        };
        match treatment.after_ms {
            0 => send(core),
            ms => core.defer(ms as i64, Box::new(send)),
        }
    }
}

impl Session {
    /// A connection nobody is logged on to.
    pub(crate) fn new(
        gate: Arc<Gate>,
        address: IpAddr,
        limits_shown: bool,
        connected_ms: i64,
    ) -> Self {
        Self { gate, address, connected_ms, limits_shown, logon: None }
    }

    /// Takes one text frame in.
    pub(crate) fn request(&mut self, text: &str, now_ms: i64) -> Job {
        let mut envelope = Envelope {
            id: "null".to_owned(),
            limits_shown: self.limits_shown,
            address: self.address,
            meter: Arc::clone(&self.gate.meter),
            counts: None,
            method: String::new(),
        };
        let mut treatment = Treatment::USUAL;
        let what = self.dispatch(text, now_ms, &mut envelope, &mut treatment);
        let what = what.unwrap_or_else(|refusal| What::Answer(Err(refusal)));
        Job { envelope, what, treatment }
    }

    fn dispatch(
        &mut self,
        text: &str,
        now_ms: i64,
        envelope: &mut Envelope,
        treatment: &mut Treatment,
    ) -> Result<What, Refusal> {
        if self.gate.faults.is_down() {
            return Err(Refusal::unavailable());
        }
        let request: Value =
            serde_json::from_str(text).map_err(|_| Refusal::bad(-1135, "Invalid JSON Request"))?;
        match &request["id"] {
            id @ (Value::String(_) | Value::Number(_)) => envelope.id = id.to_string(),
            Value::Null => {}
            _ => return Err(Refusal::missing("id")),
        }
        let name = request["method"].as_str().ok_or_else(|| Refusal::missing("method"))?;
        let params = Params::from_json(&request["params"])
            .ok_or_else(|| Refusal::bad(-1135, "Invalid JSON Request"))?;
        if let Some(shown) = params.flag("returnRateLimits")? {
            envelope.limits_shown = shown;
        }
        name.clone_into(&mut envelope.method);
        if name.starts_with("session.") {
            self.gate.meter.charge(Pool::WsApi, self.address, SESSION_WEIGHT, now_ms)?;
            *treatment = self.treatment(name, 0, &params, now_ms)?;
            return Ok(What::Answer(self.session(name, &params, now_ms)));
        }
        let method = METHODS
            .iter()
            .find(|row| row.name == name)
            .ok_or_else(|| Refusal::bad(-1000, format!("Unknown method '{name}'.")))?;
        let weight = method.weight.of(&params);
        self.gate.meter.charge(Pool::WsApi, self.address, weight, now_ms)?;
        let account = self.account(method.security, &params, now_ms)?;
        if method.orders > 0 {
            let orders = method.orders;
            let counts = self.gate.meter.count_orders(account, orders, orders, now_ms)?;
            envelope.counts = Some(counts);
        }
        *treatment = self.treatment(name, account, &params, now_ms)?;
        Ok(What::Run { operation: method.run, account, params })
    }

    /// What the faults that are set do to a request.
    fn treatment(
        &self,
        method: &str,
        account: usize,
        params: &Params,
        now_ms: i64,
    ) -> Result<Treatment, Refusal> {
        if !self.gate.faults.has(Family::Request) {
            return Ok(Treatment::USUAL);
        }
        let at = Occasion {
            part: Some(Part::Order),
            method,
            operation: request::operation(method, ""),
            symbol: params.get("symbol").unwrap_or_default(),
            account: Some(account),
            is_reducing: params.flag("reduceOnly").ok().flatten().unwrap_or(false),
            ..Occasion::default()
        };
        let treatment = Treatment::of(&self.gate.faults, &at, now_ms);
        match treatment.ban_ms {
            Some(ms) => {
                let until_ms = now_ms.saturating_add_unsigned(ms);
                Err(self.gate.meter.ban(self.address, until_ms, now_ms))
            }
            None => Ok(treatment),
        }
    }

    /// Who asks; a request without key and signature belongs to the session.
    fn account(&self, security: Security, params: &Params, now_ms: i64) -> Result<usize, Refusal> {
        let api_key = params.get("apiKey");
        match (security, &self.logon) {
            (Open, _) => Ok(0),
            (Key, Some(logon)) if api_key.is_none() => Ok(logon.account),
            (Key, _) => self.gate.keys.account(api_key),
            (Signed, Some(logon)) if api_key.is_none() && params.signature.is_none() => {
                check_time(params, self.gate.told_ms(now_ms))?;
                Ok(logon.account)
            }
            (Signed, _) => Ok(self.gate.verify(api_key, params, now_ms)?.0),
        }
    }

    fn session(&mut self, name: &str, params: &Params, now_ms: i64) -> Answer {
        match name {
            "session.logon" => {
                let api_key = params.get("apiKey");
                let (account, scheme) = self.gate.verify(api_key, params, now_ms)?;
                if scheme != Scheme::Ed25519 {
                    let text = "HMAC_SHA256 API key is not supported.";
                    return Err(Refusal::bad(-4056, text));
                }
                let api_key = api_key.unwrap_or_default().to_owned();
                self.logon = Some(Logon { account, api_key, since_ms: now_ms });
            }
            "session.status" => {}
            "session.logout" => self.logon = None,
            _ => return Err(Refusal::bad(-1000, format!("Unknown method '{name}'."))),
        }
        let mut json = Json::new();
        json.open();
        match &self.logon {
            Some(logon) => {
                json.text("apiKey", &logon.api_key).number("authorizedSince", logon.since_ms)
            }
            None => json.key("apiKey").raw("null").key("authorizedSince").raw("null"),
        };
        json.number("connectedSince", self.connected_ms)
            .flag("returnRateLimits", self.limits_shown)
            .number("serverTime", now_ms)
            .close();
        Ok(json.finish())
    }
}

impl Envelope {
    /// The frame of an answer.
    fn write(&self, answer: &Answer, now_ms: i64) -> Utf8Bytes {
        let mut json = Json::new();
        json.open().key("id").raw(&self.id);
        match answer {
            Ok(result) => {
                json.number("status", 200).key("result").raw(result);
            }
            Err(refusal) => {
                json.number("status", i64::from(refusal.http)).key("error").open();
                json.number("code", i64::from(refusal.code)).text("msg", &refusal.msg);
                if let Some(seconds) = refusal.retry_after_s {
                    let until_ms = now_ms + i64::from(seconds) * 1_000;
                    json.key("data").open().number("serverTime", now_ms);
                    json.number("retryAfter", until_ms).close();
                }
                json.close();
            }
        }
        if self.limits_shown {
            self.limits(&mut json, now_ms);
        }
        json.close();
        Utf8Bytes::from(json.finish())
    }

    fn limits(&self, json: &mut Json, now_ms: i64) {
        let config = self.meter.config();
        let weight = self.meter.used(Pool::WsApi, self.address, now_ms);
        json.key("rateLimits").open_list();
        let mut row = |kind: &str, interval: &str, every: i64, limit: u32, count: u32| {
            json.open()
                .text("rateLimitType", kind)
                .text("interval", interval)
                .number("intervalNum", every)
                .number("limit", i64::from(limit))
                .number("count", i64::from(count))
                .close();
        };
        if let Some(counts) = self.counts {
            row("ORDERS", "SECOND", 10, config.orders_10s_max, counts.count_10s);
            row("ORDERS", "MINUTE", 1, config.orders_1m_max, counts.count_1m);
        }
        row("REQUEST_WEIGHT", "MINUTE", 1, config.weight_1m_max, weight);
        json.close_list();
    }
}
