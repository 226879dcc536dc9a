//! Fields of replies, errors, and the smallest replies.

use core::fmt;

use schema::{DecimalError, SymbolName, WallNs, parse_decimal};
use serde_json::Value;

use crate::number::parse_decimal_cut;

/// Why a reply was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestError {
    /// Not the JSON the endpoint answers with; says where.
    Shape(String),
    /// The venue's error body: code and message.
    Venue(i32, String),
}

impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(what) => write!(f, "unexpected reply: {what}"),
            Self::Venue(code, message) => write!(f, "the venue answered {code}: {message}"),
        }
    }
}
impl core::error::Error for RestError {}

/// Code and message of an error body, `None` if it is none (`code` 200 is success).
pub fn parse_error(body: &[u8]) -> Option<(i32, String)> {
    venue_error(&serde_json::from_slice(body).ok()?)
}

/// `POST /fapi/v1/listenKey`.
///
/// # Errors
/// [`RestError`].
pub fn parse_listen_key(body: &[u8]) -> Result<String, RestError> {
    let value = reply(body)?;
    let key = Row::new("listenKey reply", &value)?.text("listenKey")?;
    if key.is_empty() {
        return Err(RestError::Shape("the listen key is empty".to_owned()));
    }
    Ok(key)
}

/// `GET /fapi/v1/time`, in ms.
///
/// # Errors
/// [`RestError`].
pub fn parse_server_time(body: &[u8]) -> Result<i64, RestError> {
    let value = reply(body)?;
    Row::new("time reply", &value)?.integer("serverTime")
}

fn venue_error(value: &Value) -> Option<(i32, String)> {
    let code = i32::try_from(whole(value.get("code")?)?).ok()?;
    if code == 200 || code == 0 {
        return None;
    }
    let message = value.get("msg").and_then(Value::as_str).unwrap_or_default();
    Some((code, message.to_owned()))
}

/// The JSON of a reply that is no error body.
pub(super) fn reply(body: &[u8]) -> Result<Value, RestError> {
    let value = serde_json::from_slice(body)
        .map_err(|error| RestError::Shape(format!("not JSON ({error})")))?;
    match venue_error(&value) {
        Some((code, message)) => Err(RestError::Venue(code, message)),
        None => Ok(value),
    }
}

/// The rows of a reply that is an array, or the one row of a reply that is an object.
pub(super) fn rows<'a>(what: &'static str, value: &'a Value) -> Result<Vec<Row<'a>>, RestError> {
    match value {
        Value::Array(items) => items.iter().map(|item| Row::new(what, item)).collect(),
        Value::Object(_) => Ok(vec![Row::new(what, value)?]),
        _ => Err(RestError::Shape(format!("{what}: neither array nor object"))),
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// One object of a reply, with what it is for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    what: &'static str,
    value: &'a Value,
}

impl<'a> Row<'a> {
    pub(super) fn new(what: &'static str, value: &'a Value) -> Result<Self, RestError> {
        if !value.is_object() {
            return Err(RestError::Shape(format!("{what}: not an object")));
        }
        Ok(Self { what, value })
    }
    fn wrong(self, name: &str, why: impl fmt::Display) -> RestError {
        RestError::Shape(format!("{}: field `{name}`: {why}", self.what))
    }
    pub(super) fn find(self, name: &str) -> Option<&'a Value> {
        self.value.get(name).filter(|value| !value.is_null())
    }
    fn field(self, name: &str) -> Result<&'a Value, RestError> {
        self.find(name).ok_or_else(|| self.wrong(name, "missing"))
    }
    /// Rows of an array field.
    pub(super) fn list(self, name: &str) -> Result<Vec<Row<'a>>, RestError> {
        let items = self.field(name)?.as_array().ok_or_else(|| self.wrong(name, "not an array"))?;
        items.iter().map(|item| Row::new(self.what, item)).collect()
    }
    pub(super) fn text(self, name: &str) -> Result<String, RestError> {
        let text = self.field(name)?.as_str();
        text.map(str::to_owned).ok_or_else(|| self.wrong(name, "not a text"))
    }
    pub(super) fn symbol(self, name: &str) -> Result<SymbolName, RestError> {
        SymbolName::new(self.text(name)?.as_bytes()).map_err(|error| self.wrong(name, error))
    }
    pub(super) fn integer(self, name: &str) -> Result<i64, RestError> {
        whole(self.field(name)?).ok_or_else(|| self.wrong(name, "not a whole number"))
    }
    pub(super) fn time(self, name: &str) -> Result<WallNs, RestError> {
        self.integer(name).map(WallNs::from_ms)
    }
    pub(super) fn flag(self, name: &str) -> Result<bool, RestError> {
        match self.field(name)? {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err(self.wrong(name, "neither true nor false")),
        }
    }
    /// A word of a fixed vocabulary.
    pub(super) fn word<T>(
        self,
        name: &str,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, RestError> {
        let text = self.text(name)?;
        read(text.as_bytes()).ok_or_else(|| self.wrong(name, format_args!("unknown word {text:?}")))
    }
    /// An exact decimal in units of 1e-8.
    pub(super) fn decimal(self, name: &str) -> Result<i64, RestError> {
        self.number(name, parse_decimal)
    }
    /// A decimal the venue rounds itself: cut after eight decimals, held at the ends of the range.
    pub(super) fn decimal_cut(self, name: &str) -> Result<i64, RestError> {
        self.number(name, parse_decimal_cut)
    }
    /// As [`Self::decimal_cut`], zero if the field is not there.
    pub(super) fn decimal_cut_or_zero(self, name: &str) -> Result<i64, RestError> {
        self.find(name).map_or(Ok(0), |_| self.decimal_cut(name))
    }
    fn number(
        self,
        name: &str,
        read: impl FnOnce(&[u8]) -> Result<i64, DecimalError>,
    ) -> Result<i64, RestError> {
        let units = match self.field(name)? {
            Value::String(text) => read(text.as_bytes()),
            // Its digits as they stood: serde_json is built with `arbitrary_precision`.
            Value::Number(number) => read(number.as_str().as_bytes()),
            _ => return Err(self.wrong(name, "not a number")),
        };
        units.map_err(|error| self.wrong(name, error))
    }
}
