//! What becomes of a request: when it arrives, whether it runs, what is answered.

use super::{
    Family, Fault, Kind, Outcome,
    active::{Faults, Occasion},
};
use crate::refusal::Refusal;

/// What is answered instead of the truth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Instead {
    /// The truth.
    Truth,
    /// A refusal.
    Refusal(Refusal),
    /// A page of HTML with this status.
    Page(u16),
    /// Nothing, ever.
    Silence,
    /// The end of the connection.
    End,
}

/// How a request is treated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Treatment {
    /// It arrives so much later, in milliseconds.
    pub(crate) before_ms: u64,
    /// Whether it is executed.
    pub(crate) runs: bool,
    /// The answer leaves so much later, in milliseconds.
    pub(crate) after_ms: u64,
    /// What is answered.
    pub(crate) instead: Instead,
    /// What the operation itself does wrong.
    pub(crate) twist: Option<Fault>,
    /// A ban that begins, in milliseconds.
    pub(crate) ban_ms: Option<u64>,
}

impl Treatment {
    /// Nothing unusual.
    pub(crate) const USUAL: Self = Self {
        before_ms: 0,
        runs: true,
        after_ms: 0,
        instead: Instead::Truth,
        twist: None,
        ban_ms: None,
    };

    /// What the faults that are set do to a request.
    pub(crate) fn of(faults: &Faults, at: &Occasion<'_>, now_ms: i64) -> Self {
        let mut treatment = Self::USUAL;
        for fault in faults.strike(Family::Request, at, now_ms) {
            treatment.apply(faults, fault);
        }
        treatment
    }

    fn apply(&mut self, faults: &Faults, fault: Fault) {
        let ms = |usual: u64| fault.ms.map_or(usual, i64::unsigned_abs);
        let usual = match fault.kind {
            Kind::UnknownError | Kind::CutRequest => Outcome::Either,
            _ => Outcome::Not,
        };
        match fault.kind {
            Kind::SwallowRequest => (self.runs, self.instead) = (false, Instead::Silence),
            Kind::SwallowReply => self.instead = Instead::Silence,
            Kind::DelayRequest => self.before_ms = ms(1_000),
            Kind::DelayReply => self.after_ms = ms(1_000),
            Kind::Answer => {
                self.runs = faults.is_executed(fault.outcome, usual);
                self.instead = Instead::Refusal(refusal(&fault));
            }
            Kind::UnknownError => {
                self.runs = faults.is_executed(fault.outcome, usual);
                let text = "Unknown error, please check your request or try again later.";
                self.instead = Instead::Refusal(error(503, -1000, text));
            }
            Kind::ServiceUnavailable => {
                self.runs = false;
                self.instead = Instead::Refusal(error(503, -1001, "Service Unavailable."));
            }
            Kind::HttpError => {
                self.runs = faults.is_executed(fault.outcome, usual);
                self.instead = Instead::Page(fault.http.unwrap_or(502));
            }
            Kind::CutRequest => {
                self.runs = faults.is_executed(fault.outcome, usual);
                self.instead = Instead::End;
            }
            Kind::TooMany => {
                self.runs = false;
                let text = "Too many requests; current limit of IP is lower. Please use the \
                            websocket for live updates to avoid polling the API.";
                let retry_after_s = Some(ms(1_000).div_ceil(1_000) as u32);
                let refusal = Refusal { retry_after_s, ..error(429, -1003, text) };
                self.instead = Instead::Refusal(refusal);
            }
            Kind::Ban => {
                self.runs = false;
                self.ban_ms = Some(ms(5_000));
            }
            _ => self.twist = Some(fault),
        }
    }
}

fn error(http: u16, code: i32, msg: &str) -> Refusal {
    Refusal { http, code, msg: msg.to_owned().into(), retry_after_s: None }
}

/// The refusal an `answer` gives: the code's usual status and text unless others are given.
fn refusal(fault: &Fault) -> Refusal {
    let code = fault.code.unwrap_or(-1000);
    let (http, msg) = usual(code);
    let mut refusal = error(fault.http.unwrap_or(http), code, fault.msg.as_deref().unwrap_or(msg));
    if matches!(refusal.http, 418 | 429) {
        let ms = fault.ms.map_or(1_000, i64::unsigned_abs);
        refusal.retry_after_s = Some(ms.div_ceil(1_000) as u32);
    }
    refusal
}

/// What a REST request or WebSocket-API method is for, by one name.
pub(crate) fn operation(method: &str, path: &str) -> &'static str {
    let last = path.rsplit('/').next().unwrap_or_default();
    match (method, last) {
        ("order.place", _) | ("POST", "order" | "batchOrders") => "place",
        ("order.modify", _) | ("PUT", "order" | "batchOrders") => "modify",
        ("order.cancel", _) | ("DELETE", "order" | "batchOrders") => "cancel",
        ("order.status", _) | ("GET", "order" | "openOrder") => "status",
        ("algoOrder.place", _) | ("POST", "algoOrder") => "place_algo",
        ("algoOrder.cancel", _) | ("DELETE", "algoOrder") => "cancel_algo",
        ("DELETE", "allOpenOrders" | "algoOpenOrders") => "cancel_all",
        ("GET", "openOrders" | "openAlgoOrders") => "open_orders",
        ("POST", "countdownCancelAll") => "countdown",
        ("depth", _) | ("GET", "depth") => "depth",
        ("GET", "account") | ("account.status" | "v2/account.status", _) => "account",
        ("GET", "balance") | ("account.balance" | "v2/account.balance", _) => "balance",
        ("GET", "positionRisk") | ("account.position" | "v2/account.position", _) => "position",
        ("GET", "userTrades") => "trades",
        (_, "listenKey") => "listen_key",
        _ => "",
    }
}

/// Status and text of a code (PROTOCOL 7).
fn usual(code: i32) -> (u16, &'static str) {
    match code {
        -1000 => (400, "An unknown error occurred while processing the request."),
        -1001 => (503, "Internal error; unable to process your request. Please try again."),
        -1003 => (429, "Too many requests."),
        -1006 => {
            let text = "An unexpected response was received from the message bus. Execution \
                        status unknown.";
            (503, text)
        }
        -1007 => {
            let text = "Timeout waiting for response from backend server. Send status unknown; \
                        execution status unknown.";
            (408, text)
        }
        -1008 => {
            let text = "Request throttled by system-level protection. Reduce-only/close-position \
                        orders are exempt. Please try again.";
            (503, text)
        }
        -1015 => (429, "Too many new orders."),
        -1016 => (503, "This service is no longer available."),
        -1021 => (400, "Timestamp for this request is outside of the recvWindow."),
        -1022 => (400, "Signature for this request is not valid."),
        -1111 => (400, "Precision is over the maximum defined for this asset."),
        -1125 => (400, "This listenKey does not exist."),
        -2010 => (400, "NEW_ORDER_REJECTED"),
        -2011 => (400, "Unknown order sent."),
        -2013 => (400, "Order does not exist."),
        -2014 => (401, "API-key format invalid."),
        -2015 => (401, "Invalid API-key, IP, or permissions for action."),
        -2018 => (400, "Balance is insufficient."),
        -2019 => (400, "Margin is insufficient."),
        -2021 => (400, "Order would immediately trigger."),
        -2022 => (400, "ReduceOnly Order is rejected."),
        -4131 => {
            let text =
                "The counterparty's best price does not meet the PERCENT_PRICE filter limit.";
            (400, text)
        }
        -4164 => {
            (400, "Order's notional must be no smaller than 50 (unless you choose reduce only).")
        }
        -5021 => (
            400,
            "Due to the order could not be filled immediately, the FOK order has been rejected.",
        ),
        -5022 => {
            let text = "Due to the order could not be executed as maker, the Post Only order will \
                        be rejected. The order will not be recorded in the order history";
            (400, text)
        }
        _ => (400, "Request is refused."),
    }
}
