//! Order requests of the WebSocket API, written into the caller's buffer and signed.
//!
//! A request is written twice at once: as JSON, and as the text that is signed (all parameters but
//! the signature, sorted by name, `k=v` joined with `&`; Binance docs, WebSocket API general info,
//! read 2026-11). What does not change between orders of a symbol is written when the encoder is
//! made, and `apiKey=…&`, which sorts first, is absorbed by the HMAC then. Nothing allocates here.
//!
//! Symbols that are not ASCII are signed as they are, without percent-encoding: the docs' sample is
//! unencoded, and no such symbol has been tried.

use schema::{
    CancelAlgo, CancelOrder, ClientOrderId, ModifyOrder, NewAlgo, NewOrder, OrderRef, OrderType,
    RequestId, Side, SymbolId, SymbolName, TimeInForce,
};

use crate::EncodeError;
use crate::sign::{HmacKey, Signer};

mod request;

use request::{Head, Payload, Piece, Request, Signature};

/// A buffer of this size holds any request.
pub const REQUEST_BYTES_MAX: usize = 1024;
/// Longest API key taken; the venue's have 64 characters.
const API_KEY_BYTES_MAX: usize = 128;
/// What the venue does when an order would trade with one of our own that rests: the new one ends,
/// because the engine, which refuses such an order itself, was wrong about it. Said, not left to the
/// venue's default, which its documents give differently for REST and WebSocket (PROTOCOL 3.4).
///
/// One block more to hash when requests are signed: 37 bytes, 41 in the JSON.
const PREVENTION: &str = "EXPIRE_TAKER";
/// For what only reduces: the resting order ends, so that nothing of ours holds up a close.
const PREVENTION_OF_CLOSES: &str = "EXPIRE_MAKER";
/// Longest validity the venue allows.
const RECV_WINDOW_MS_MAX: u32 = 60_000;

/// How a symbol's prices and quantities are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolFormat {
    /// Name.
    pub name: SymbolName,
    /// Decimals of a price, at least those of the tick.
    pub price_decimals: u8,
    /// Decimals of a quantity, at least those of the step.
    pub qty_decimals: u8,
}

/// What is constant for a symbol: from `recvWindow` to `symbol`.
#[derive(Debug)]
struct Template {
    price_decimals: usize,
    qty_decimals: usize,
    /// For a limit order, by side, then by reduce-only; says what prevents a trade with ourselves.
    limit_terms: [[Piece; 2]; 2],
    /// For everything else that has a side, by side, then by reduce-only.
    terms: [[Piece; 2]; 2],
    /// For cancel and status.
    plain: Piece,
}

impl Template {
    fn new(format: &SymbolFormat, recv_window_ms: u32) -> Result<Self, EncodeError> {
        let bytes = format.name.as_bytes();
        let name = core::str::from_utf8(bytes).map_err(|_| EncodeError::BadSymbol)?;
        let is_unsafe = |byte: &u8| matches!(byte, b'"' | b'\\' | b'&' | b'=' | ..=0x20 | 0x7f);
        let decimals_max = format.price_decimals.max(format.qty_decimals);
        if name.is_empty() || bytes.iter().any(is_unsafe) || decimals_max > 8 {
            return Err(EncodeError::BadSymbol);
        }
        let terms = |side: Side, reduce_only: bool, prevention: Option<&str>| {
            let (mut json, mut payload) = (String::new(), String::new());
            if reduce_only {
                json.push_str(r#""reduceOnly":"true","#);
                payload.push_str("&reduceOnly=true");
            }
            if let Some(mode) = prevention {
                json.push_str(&format!(r#""selfTradePreventionMode":"{mode}","#));
                payload.push_str(&format!("&selfTradePreventionMode={mode}"));
            }
            Piece::new(
                format!(
                    r#"","recvWindow":{recv_window_ms},{json}"side":"{side}","symbol":"{name}","#
                ),
                format!("&recvWindow={recv_window_ms}{payload}&side={side}&symbol={name}"),
            )
        };
        let limit = |side, reduce_only| {
            let mode = if reduce_only { PREVENTION_OF_CLOSES } else { PREVENTION };
            terms(side, reduce_only, Some(mode))
        };
        let plain = |side, reduce_only| terms(side, reduce_only, None);
        Ok(Self {
            price_decimals: format.price_decimals.into(),
            qty_decimals: format.qty_decimals.into(),
            limit_terms: [Side::Buy, Side::Sell]
                .map(|side| [limit(side, false), limit(side, true)]),
            terms: [Side::Buy, Side::Sell].map(|side| [plain(side, false), plain(side, true)]),
            plain: Piece::new(
                format!(r#""recvWindow":{recv_window_ms},"symbol":"{name}","#),
                format!("&recvWindow={recv_window_ms}&symbol={name}"),
            ),
        })
    }
}

/// Writes and signs requests. Prints nothing of the key when debugged.
#[derive(Debug)]
pub struct Encoder {
    signature: Signature,
    is_session: bool,
    templates: Box<[Template]>,
    place: Head,
    cancel: Head,
    modify: Head,
    status: Head,
    place_algo: Head,
    cancel_algo: Head,
    logon: Head,
    recv_window: Piece,
    payload: Payload,
    /// The same for `algoOrder.place`: `algoType` is the one parameter that sorts before `apiKey`.
    algo_payload: Payload,
    algo_key: Option<HmacKey>,
    /// For a conditional order by the venue's id: `algoId` sorts before `apiKey` too.
    bare_payload: Payload,
    bare_key: Option<HmacKey>,
    api_key: Box<[u8]>,
}

impl Encoder {
    /// Prepares everything that is the same in every request. Symbols are in the order of their ids.
    ///
    /// # Errors
    /// [`EncodeError`] if a setting cannot be sent.
    pub fn new(
        api_key: &str,
        signer: Signer,
        symbols: &[SymbolFormat],
        recv_window_ms: u32,
    ) -> Result<Self, EncodeError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=API_KEY_BYTES_MAX).contains(&api_key.len());
        if !fits || !api_key.bytes().all(plain) {
            return Err(EncodeError::BadApiKey);
        }
        if !(1..=RECV_WINDOW_MS_MAX).contains(&recv_window_ms) {
            return Err(EncodeError::BadRecvWindow);
        }
        let prefix = format!("apiKey={api_key}&");
        let templates: Result<Box<[Template]>, EncodeError> =
            symbols.iter().map(|format| Template::new(format, recv_window_ms)).collect();
        let algo_prefix = format!("algoType=CONDITIONAL&{prefix}");
        let hmac = |prefix: &str| match &signer {
            Signer::Hmac(key) => Some(key.with_prefix(prefix.as_bytes())),
            _ => None,
        };
        Ok(Self {
            algo_key: hmac(&algo_prefix),
            bare_key: hmac(""),
            bare_payload: Payload::new(b""),
            api_key: api_key.as_bytes().into(),
            algo_payload: Payload::new(algo_prefix.as_bytes()),
            signature: match signer {
                Signer::Hmac(key) => Signature::Hmac(key.with_prefix(prefix.as_bytes())),
                other => Signature::Other(other),
            },
            is_session: false,
            templates: templates?,
            place: Head::new("order.place", api_key),
            cancel: Head::new("order.cancel", api_key),
            modify: Head::new("order.modify", api_key),
            status: Head::new("order.status", api_key),
            place_algo: Head::new("algoOrder.place", api_key),
            cancel_algo: Head::new("algoOrder.cancel", api_key),
            logon: Head::new("session.logon", api_key),
            recv_window: Piece::new(
                format!(r#""recvWindow":{recv_window_ms},"#),
                format!("&recvWindow={recv_window_ms}"),
            ),
            payload: Payload::new(prefix.as_bytes()),
        })
    }
    /// Whether the connection is logged on; if so, requests carry neither key nor signature.
    ///
    /// Has no effect with an HMAC key, for which there are no sessions. Set it to `false` whenever the
    /// connection is a new one.
    pub fn set_session(&mut self, logged_on: bool) {
        self.is_session = logged_on && self.can_log_on();
    }
    /// Whether requests rely on a logged-on session.
    #[inline]
    pub fn is_session(&self) -> bool {
        self.is_session
    }
    /// Whether the key is one that `session.logon` takes.
    pub fn can_log_on(&self) -> bool {
        matches!(self.signature, Signature::Other(Signer::Ed25519(_)))
    }

    /// `order.place`.
    ///
    /// # Errors
    /// [`EncodeError`]; nothing of `out` may then be sent.
    pub fn place(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        order: &NewOrder,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        let tif = check_order(order)?;
        let template = template(&self.templates, order.symbol)?;
        let mut w = Request::new(out, &mut self.payload, self.is_session, request_id, &self.place);
        w.put(b"\"newClientOrderId\":\"", b"newClientOrderId=");
        w.both(&order.client_order_id.text());
        if order.order_type == OrderType::Limit {
            w.put(b"\",\"price\":\"", b"&price=");
            w.decimal(order.price.units(), template.price_decimals);
        }
        w.put(b"\",\"quantity\":\"", b"&quantity=");
        w.decimal(order.qty.units(), template.qty_decimals);
        let is_limit = order.order_type == OrderType::Limit;
        let terms = if is_limit { &template.limit_terms } else { &template.terms };
        w.piece(&terms[order.side as usize][usize::from(order.reduce_only)]);
        if is_limit {
            w.put(b"\"timeInForce\":\"", b"&timeInForce=");
            w.both(tif.as_str().as_bytes());
            w.put(b"\",", b"");
        }
        w.timestamp(timestamp_ms)?;
        match order.order_type {
            OrderType::Limit => w.put(b",\"type\":\"LIMIT\"", b"&type=LIMIT"),
            _ => w.put(b",\"type\":\"MARKET\"", b"&type=MARKET"),
        }
        w.finish(&self.signature)
    }

    /// `order.cancel`.
    ///
    /// # Errors
    /// As [`Self::place`].
    pub fn cancel(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        cancel: &CancelOrder,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        let template = template(&self.templates, cancel.order.symbol)?;
        let mut w = Request::new(out, &mut self.payload, self.is_session, request_id, &self.cancel);
        w.order(&cancel.order)?;
        w.piece(&template.plain);
        w.timestamp(timestamp_ms)?;
        w.finish(&self.signature)
    }

    /// `order.modify`.
    ///
    /// # Errors
    /// As [`Self::place`].
    pub fn modify(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        modify: &ModifyOrder,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        if modify.price.units() <= 0 || modify.qty.units() <= 0 {
            return Err(EncodeError::NotPositive);
        }
        let template = template(&self.templates, modify.order.symbol)?;
        let mut w = Request::new(out, &mut self.payload, self.is_session, request_id, &self.modify);
        w.order(&modify.order)?;
        w.put(b"\"price\":\"", b"&price=");
        w.decimal(modify.price.units(), template.price_decimals);
        w.put(b"\",\"quantity\":\"", b"&quantity=");
        w.decimal(modify.qty.units(), template.qty_decimals);
        w.piece(&template.terms[modify.side as usize][0]);
        w.timestamp(timestamp_ms)?;
        w.finish(&self.signature)
    }

    /// `order.status`.
    ///
    /// # Errors
    /// As [`Self::place`].
    pub fn status(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        order: &OrderRef,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        let template = template(&self.templates, order.symbol)?;
        let mut w = Request::new(out, &mut self.payload, self.is_session, request_id, &self.status);
        w.order(order)?;
        w.piece(&template.plain);
        w.timestamp(timestamp_ms)?;
        w.finish(&self.signature)
    }

    /// `algoOrder.place`: a STOP_MARKET that closes the position at a mark price.
    ///
    /// # Errors
    /// As [`Self::place`].
    pub fn place_algo(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        order: &NewAlgo,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        if order.client_order_id == ClientOrderId::NONE {
            return Err(EncodeError::NoOrderId);
        }
        if order.trigger_price.units() <= 0 {
            return Err(EncodeError::NotPositive);
        }
        let template = template(&self.templates, order.symbol)?;
        let head = &self.place_algo;
        let mut w = Request::new(out, &mut self.algo_payload, self.is_session, request_id, head);
        w.put(b"\"algoType\":\"CONDITIONAL\",\"clientAlgoId\":\"", b"clientAlgoId=");
        w.both(&order.client_order_id.text());
        w.put(b"\",\"closePosition\":\"true", b"&closePosition=true");
        w.piece(&template.terms[order.side as usize][0]);
        w.timestamp(timestamp_ms)?;
        w.put(b",\"triggerPrice\":\"", b"&triggerPrice=");
        w.decimal(order.trigger_price.units(), template.price_decimals);
        w.put(
            b"\",\"type\":\"STOP_MARKET\",\"workingType\":\"MARK_PRICE\"",
            b"&type=STOP_MARKET&workingType=MARK_PRICE",
        );
        match &self.algo_key {
            Some(key) => w.finish_hmac(key),
            None => w.finish(&self.signature),
        }
    }

    /// `algoOrder.cancel`.
    ///
    /// # Errors
    /// As [`Self::place`].
    pub fn cancel_algo(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        cancel: &CancelAlgo,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        let head = &self.cancel_algo;
        if cancel.client_order_id != ClientOrderId::NONE {
            let mut w = Request::new(out, &mut self.payload, self.is_session, request_id, head);
            w.put(b"\"clientAlgoId\":\"", b"clientAlgoId=");
            w.both(&cancel.client_order_id.text());
            w.put(b"\",", b"");
            w.piece(&self.recv_window);
            w.timestamp(timestamp_ms)?;
            return w.finish(&self.signature);
        }
        if cancel.algo_id.0 <= 0 {
            return Err(EncodeError::NoOrderId);
        }
        let mut w = Request::new(out, &mut self.bare_payload, self.is_session, request_id, head);
        w.put(b"\"algoId\":", b"algoId=");
        w.integer(cancel.algo_id.0);
        w.put(b",", b"&apiKey=");
        w.put(b"", &self.api_key);
        w.piece(&self.recv_window);
        w.timestamp(timestamp_ms)?;
        match &self.bare_key {
            Some(key) => w.finish_hmac(key),
            None => w.finish(&self.signature),
        }
    }

    /// `session.logon`, always signed.
    ///
    /// # Errors
    /// As [`Self::place`]; [`EncodeError::NeedsEd25519`] with an HMAC key.
    pub fn logon(
        &mut self,
        out: &mut [u8],
        request_id: RequestId,
        timestamp_ms: i64,
    ) -> Result<usize, EncodeError> {
        if !self.can_log_on() {
            return Err(EncodeError::NeedsEd25519);
        }
        let mut w = Request::new(out, &mut self.payload, false, request_id, &self.logon);
        w.timestamp(timestamp_ms)?;
        w.finish(&self.signature)
    }
}

/// Refuses what cannot be a plain order, and gives the time in force to send.
#[inline]
fn check_order(order: &NewOrder) -> Result<TimeInForce, EncodeError> {
    if order.client_order_id == ClientOrderId::NONE {
        return Err(EncodeError::NoOrderId);
    }
    if order.qty.units() <= 0 {
        return Err(EncodeError::NotPositive);
    }
    match order.order_type {
        OrderType::Limit => {
            if order.price.units() <= 0 {
                return Err(EncodeError::NotPositive);
            }
            match order.time_in_force {
                TimeInForce::Gtd | TimeInForce::GteGtc => Err(EncodeError::TimeInForce),
                tif => Ok(tif),
            }
        }
        OrderType::Market => Ok(order.time_in_force),
        _ => Err(EncodeError::OrderType),
    }
}

#[inline]
fn template(templates: &[Template], symbol: SymbolId) -> Result<&Template, EncodeError> {
    templates.get(symbol.index()).ok_or(EncodeError::UnknownSymbol)
}
