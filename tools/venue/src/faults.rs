//! How the venue misbehaves on request: the words for it, and where and how often it happens.
//!
//! A [`Fault`] is one line of mischief: a [`Kind`], where it may strike ([`Where`]), how often
//! (`after`, `count`, `probability`, `start_ms`, `for_ms`, `every_ms`) and the parameters of its
//! kind. Faults come from a TOML file ([`Plan::read`]), from a seed ([`Plan::parse`] of
//! `seed:N,rate=R,only=a+b`), or are added while the venue runs:
//!
//! ```text
//! POST /shrike/faults   {"add":[{"kind":"swallow_reply","where":{"method":"place"},"count":1}]}
//! POST /shrike/faults   {"clear":true}
//! GET  /shrike/faults   what is set, and how often each struck
//! ```
//!
//! ```toml
//! # faults.toml
//! [[fault]]
//! kind = "reset"                        # RST in the middle of the 100th public frame
//! where = { route = "public" }
//! after = 99
//! count = 1
//! bytes = 7
//!
//! [[fault]]
//! kind = "answer"                       # one placement in ten: -1007, but the order is live
//! where = { method = "order.place" }
//! probability = 0.1
//! code = -1007
//! outcome = "executed"
//! ```
//!
//! Whatever is set, orders, fills and balances of the exchange stay exact: a fault changes what is
//! told, when, and whether a request arrives, or does something a real venue could do (an order by
//! hand, a deleveraging). The ledger is always the truth.

pub(crate) mod active;
pub(crate) mod acts;
mod kind;
pub(crate) mod mix;
mod plan;
pub(crate) mod request;
pub(crate) mod spoil;

pub use kind::{Family, Kind};
pub use plan::{Plan, PlanError};

use serde::{Deserialize, Serialize};

/// One kind of misbehaviour, where and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// Where it may happen; empty: wherever the kind makes sense.
    #[serde(default, rename = "where", skip_serializing_if = "Where::is_anywhere")]
    pub place: Where,
    /// So many occasions pass unharmed first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: u64,
    /// Strikes at most so often; without end if absent (kinds that act of themselves: once, or
    /// without end if `every_ms` is given).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Sleeps so long after it was set, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_ms: u64,
    /// Ends so long after it began, in milliseconds; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// Kinds that act of themselves ([`Family::Deed`]): again every so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
    /// Chance of an occasion, 0 to 1.
    #[serde(default = "always", skip_serializing_if = "is_always")]
    pub probability: f64,
    /// Milliseconds, by kind: a delay, a shift of the clock, a lifetime, a ban.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<i64>,
    /// Bytes, by kind: how much of a frame is written before the end, how long a frame is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The venue's error code (`answer`) or the close code (`close`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// HTTP status; the usual one of the code if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<u16>,
    /// The error's text; the usual one of the code if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
    /// Whether a request with a useless answer was executed nevertheless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// A text by kind: a number as it is written, a setting, a kind of certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Key of the value to spoil (`bad_number`); the price if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Quantity or amount as a decimal, signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qty: Option<String>,
    /// A part of a whole or of a price, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppm: Option<i64>,
}

/// What really happened to a request whose answer does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was executed.
    Executed,
    /// It was not.
    Not,
    /// Either, by the toss of a coin.
    Either,
}

/// The part of the venue a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Connections of `/public` and of the old paths.
    Public,
    /// Connections of `/market`.
    Market,
    /// Connections of `/private`.
    Private,
    /// Connections of the WebSocket API.
    Order,
    /// REST.
    Rest,
}

/// Conditions on an occasion; all that are given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Where {
    /// Part of the venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Part>,
    /// REST verb (`POST`), or WebSocket-API method (`order.place`); `place`, `cancel` and `modify`
    /// mean the operation over both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// REST path, whole (`/fapi/v1/order`) or its last part (`depth`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Stream as subscribed (`btcusdt@bookTicker`), or what comes after the `@` (`@trade`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Type of the event (`e`): `ORDER_TRADE_UPDATE`, `bookTicker`; with `/X` for the execution
    /// type of an order event (`ORDER_TRADE_UPDATE/TRADE`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Symbol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// Account by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<usize>,
    /// Connection of its route, in order of arrival since the venue started, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
}

impl Where {
    /// Whether it excludes nothing.
    pub fn is_anywhere(&self) -> bool {
        *self == Self::default()
    }
}

impl Fault {
    /// A fault of this kind, everywhere, always, with the kind's usual parameters.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            place: Where::default(),
            after: 0,
            count: None,
            start_ms: 0,
            for_ms: None,
            every_ms: None,
            probability: 1.0,
            ms: None,
            bytes: None,
            code: None,
            http: None,
            msg: None,
            outcome: None,
            value: None,
            field: None,
            qty: None,
            ppm: None,
        }
    }
    /// On this part of the venue only.
    pub fn on(mut self, route: Part) -> Self {
        self.place.route = Some(route);
        self
    }
    /// For this method only (REST verb or WebSocket-API method).
    pub fn method(mut self, method: &str) -> Self {
        self.place.method = Some(method.to_owned());
        self
    }
    /// For this REST path only.
    pub fn path(mut self, path: &str) -> Self {
        self.place.path = Some(path.to_owned());
        self
    }
    /// For this stream only.
    pub fn stream(mut self, stream: &str) -> Self {
        self.place.stream = Some(stream.to_owned());
        self
    }
    /// For this event only.
    pub fn event(mut self, event: &str) -> Self {
        self.place.event = Some(event.to_owned());
        self
    }
    /// For this symbol only.
    pub fn symbol(mut self, symbol: &str) -> Self {
        self.place.symbol = Some(symbol.to_owned());
        self
    }
    /// On the route's connection of this number only.
    pub fn connection(mut self, number: u64) -> Self {
        self.place.connection = Some(number);
        self
    }
    /// After so many occasions.
    pub fn after(mut self, occasions: u64) -> Self {
        self.after = occasions;
        self
    }
    /// At most so often.
    pub fn count(mut self, strikes: u64) -> Self {
        self.count = Some(strikes);
        self
    }
    /// For so long.
    pub fn for_ms(mut self, ms: u64) -> Self {
        self.for_ms = Some(ms);
        self
    }
    /// With this chance.
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }
    /// With this many milliseconds.
    pub fn ms(mut self, ms: i64) -> Self {
        self.ms = Some(ms);
        self
    }
    /// With this many bytes.
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }
    /// With this code.
    pub fn code(mut self, code: i32) -> Self {
        self.code = Some(code);
        self
    }
    /// With this hidden outcome.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }
    /// With this text.
    pub fn value(mut self, value: &str) -> Self {
        self.value = Some(value.to_owned());
        self
    }
    /// With this quantity.
    pub fn qty(mut self, qty: &str) -> Self {
        self.qty = Some(qty.to_owned());
        self
    }
    /// With this part.
    pub fn ppm(mut self, ppm: i64) -> Self {
        self.ppm = Some(ppm);
        self
    }

    /// What is wrong with it, if anything.
    ///
    /// # Errors
    /// A number out of range, or a parameter its kind cannot do without.
    pub fn check(&self) -> Result<(), String> {
        let kind = self.kind.as_str();
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(format!("{kind}: probability must be between 0 and 1"));
        }
        if self.kind == Kind::Answer && self.code.is_none() && self.http.is_none() {
            return Err("answer: give the code (or http)".to_owned());
        }
        if let Some(qty) = &self.qty
            && schema::parse_decimal(qty.trim_start_matches('-').as_bytes()).is_err()
        {
            return Err(format!("{kind}: qty {qty:?} is not a decimal"));
        }
        if self.every_ms == Some(0) {
            return Err(format!("{kind}: every_ms must be above zero"));
        }
        Ok(())
    }
}

fn always() -> f64 {
    1.0
}
fn is_always(probability: &f64) -> bool {
    *probability >= 1.0
}
fn is_zero(value: &u64) -> bool {
    *value == 0
}
