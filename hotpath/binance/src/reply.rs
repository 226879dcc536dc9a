//! Answers of the WebSocket API.

use schema::{ClientOrderId, OrderReply, OrderStatus, Price, Qty, RequestId, VenueOrderId};

use crate::DecodeError;
use crate::scan::{Scanner, Text, key};

/// Status given to an error that comes without one.
const STATUS_BAD_REQUEST: u16 = 400;
/// Internal error, a certain failure.
const CODE_FAILED: i32 = -1001;
/// Throttled by the venue's protection, a certain failure.
const CODE_THROTTLED: i32 = -1008;

/// Decodes the answer to any request: order acknowledgement, logon, error, limit.
///
/// `request_id` is zero if the answer's `id` is null or not a decimal number. The counts are those of
/// the windows of 10 s and 1 min; other windows are not reported.
///
/// # Errors
/// [`DecodeError`] if it is not JSON or has neither `status` nor an error.
pub fn decode_reply(bytes: &[u8]) -> Result<OrderReply, DecodeError> {
    const ID: u128 = key(b"id");
    const STATUS: u128 = key(b"status");
    const RESULT: u128 = key(b"result");
    const ERROR: u128 = key(b"error");
    const RATE_LIMITS: u128 = key(b"rateLimits");
    const CODE: u128 = key(b"code");
    let mut s = Scanner::new(bytes);
    let mut out = EMPTY;
    let mut status = None;
    let mut first = true;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        match word {
            ID => out.request_id = RequestId(s.request_id()?),
            STATUS => status = Some(u16::try_from(s.integer()?).unwrap_or(0)),
            RESULT if s.peek() == b'{' => result(&mut s, &mut out)?,
            ERROR if s.peek() == b'{' => error(&mut s, &mut out)?,
            RATE_LIMITS if s.peek() == b'[' => rate_limits(&mut s, &mut out)?,
            // `{"code":…,"msg":…}` without an envelope, as the stream servers answer.
            CODE => out.code = code(&mut s)?,
            _ => s.skip_value()?,
        }
    }
    s.end()?;
    if let Some(fault) = s.fault {
        return Err(fault);
    }
    out.status = match status {
        Some(status) => status,
        None if out.code != 0 => STATUS_BAD_REQUEST,
        None => return Err(DecodeError::Missing),
    };
    Ok(out)
}

const EMPTY: OrderReply = OrderReply {
    request_id: RequestId(0),
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
};

fn code(s: &mut Scanner) -> Result<i32, DecodeError> {
    let code = s.integer()?;
    Ok(i32::try_from(code).unwrap_or(i32::MIN))
}

/// The order in a success; other results (logon, time, balances) have none of its keys.
fn result(s: &mut Scanner, out: &mut OrderReply) -> Result<(), DecodeError> {
    const ORDER_ID: u128 = key(b"orderId");
    const CLIENT_ORDER_ID: u128 = key(b"clientOrderId");
    const STATUS: u128 = key(b"status");
    const PRICE: u128 = key(b"price");
    const ORIG_QTY: u128 = key(b"origQty");
    const EXECUTED_QTY: u128 = key(b"executedQty");
    const CUM_QTY: u128 = key(b"cumQty");
    // Of a conditional order: the venue's id of it goes where an order's would.
    const ALGO_ID: u128 = key(b"algoId");
    const CLIENT_ALGO_ID: u128 = key(b"clientAlgoId");
    const ALGO_STATUS: u128 = key(b"algoStatus");
    let mut first = true;
    let mut executed = None;
    let mut cumulative = None;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        match word {
            ORDER_ID | ALGO_ID => out.venue_order_id = VenueOrderId(s.integer()?),
            CLIENT_ORDER_ID | CLIENT_ALGO_ID => {
                let id = s.text()?.with(ClientOrderId::parse);
                out.client_order_id = id.and_then(Result::ok).unwrap_or(ClientOrderId::NONE);
            }
            STATUS | ALGO_STATUS => {
                let status = s.text()?.with(OrderStatus::from_wire).flatten();
                out.order_status = status.unwrap_or(OrderStatus::Unknown);
            }
            PRICE => out.price = Price::from_units(s.decimal_or_zero()?),
            ORIG_QTY => out.qty = Qty::from_units(s.decimal_or_zero()?),
            EXECUTED_QTY => executed = Some(Qty::from_units(s.decimal_or_zero()?)),
            CUM_QTY => cumulative = Some(Qty::from_units(s.decimal_or_zero()?)),
            _ => s.skip_value()?,
        }
    }
    out.cum_qty = executed.or(cumulative).unwrap_or(Qty::ZERO);
    Ok(())
}

fn error(s: &mut Scanner, out: &mut OrderReply) -> Result<(), DecodeError> {
    const CODE: u128 = key(b"code");
    const MSG: u128 = key(b"msg");
    const DATA: u128 = key(b"data");
    const RETRY_AFTER: u128 = key(b"retryAfter");
    let mut is_unavailable = false;
    let mut first = true;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        match word {
            CODE => out.code = code(s)?,
            MSG => is_unavailable = s.text()?.is(b"Service Unavailable."),
            DATA if s.peek() == b'{' => {
                let mut first = true;
                s.expect(b'{')?;
                while let Some(word) = s.next_key(&mut first)? {
                    match word {
                        RETRY_AFTER => out.retry_after_ms = s.integer()?,
                        _ => s.skip_value()?,
                    }
                }
            }
            _ => s.skip_value()?,
        }
    }
    // Of the two texts a 503 comes with this one is a certain failure; its code is not told apart.
    if is_unavailable && out.code != CODE_THROTTLED {
        out.code = CODE_FAILED;
    }
    Ok(())
}

fn rate_limits(s: &mut Scanner, out: &mut OrderReply) -> Result<(), DecodeError> {
    let mut first = true;
    s.expect(b'[')?;
    while s.next_item(&mut first, b']')? {
        if s.peek() == b'{' {
            rate_limit(s, out)?;
        } else {
            s.skip_value()?;
        }
    }
    Ok(())
}

fn rate_limit(s: &mut Scanner, out: &mut OrderReply) -> Result<(), DecodeError> {
    const KIND: u128 = key(b"rateLimitType");
    const INTERVAL: u128 = key(b"interval");
    const INTERVAL_NUM: u128 = key(b"intervalNum");
    const COUNT: u128 = key(b"count");
    let (mut kind, mut interval) = (Text::EMPTY, Text::EMPTY);
    let (mut intervals, mut count) = (0, None);
    let mut first = true;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        match word {
            KIND => kind = s.text()?,
            INTERVAL => interval = s.text()?,
            INTERVAL_NUM => intervals = s.integer()?,
            COUNT => count = Some(u32::try_from(s.count()?).unwrap_or(u32::MAX)),
            _ => s.skip_value()?,
        }
    }
    let Some(count) = count else { return Ok(()) };
    let is_orders = kind.is(b"ORDERS");
    if is_orders && interval.is(b"SECOND") && intervals == 10 {
        out.order_count_10s = count;
    } else if is_orders && interval.is(b"MINUTE") && intervals == 1 {
        out.order_count_1m = count;
    } else if kind.is(b"REQUEST_WEIGHT") && interval.is(b"MINUTE") && intervals == 1 {
        out.weight_1m = count;
    }
    Ok(())
}
