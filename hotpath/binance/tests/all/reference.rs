//! The same frames read the straightforward way: serde_json's tree, fields looked up by name, decimals
//! by splitting at the point. Shares nothing with the decoders but the types it fills.

use binance::{AggTrade, ForceOrder, Kline, MarketFrame, SymbolTable, UserFrame};
use schema::*;
use serde_json::Value;

/// Levels of one side.
pub(crate) type Levels = Vec<(i64, i64)>;
type Read<T> = Option<T>;

/// What a number's text is in units of 1e-8, exactly or not at all.
fn units(text: &str) -> Read<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 8 || whole.trim_start_matches('0').len() > 20 {
        return None;
    }
    let joined = format!("0{whole}{fraction:0<8}");
    i64::try_from(sign * joined.parse::<i128>().ok()?).ok()
}
/// Cut after eight decimals, held at the ends of the range.
fn units_cut(text: &str) -> Read<i64> {
    let cut = match text.split_once('.') {
        Some((whole, fraction)) => format!("{whole}.{}", &fraction[..fraction.len().min(8)]),
        None => text.to_owned(),
    };
    units(&cut).or_else(|| {
        let finite = cut.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        finite.then_some(i64::MAX)
    })
}

fn text_of(value: &Value) -> Read<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
fn decimal(v: &Value, name: &str) -> Read<i64> {
    units(&text_of(v.get(name)?)?)
}
fn decimal_or_zero(v: &Value, name: &str) -> Read<i64> {
    match v.get(name) {
        None | Some(Value::Null) => Some(0),
        Some(value) if value == "" => Some(0),
        Some(value) => units(&text_of(value)?),
    }
}
fn cut(v: &Value, name: &str) -> Read<i64> {
    units_cut(&text_of(v.get(name)?)?)
}
fn integer(v: &Value, name: &str) -> Read<i64> {
    text_of(v.get(name)?)?.parse().ok()
}
fn count(v: &Value, name: &str) -> Read<u64> {
    u64::try_from(integer(v, name)?).ok()
}
fn time(v: &Value, name: &str) -> Read<WallNs> {
    integer(v, name).map(WallNs::from_ms)
}
fn flag(v: &Value, name: &str) -> Read<bool> {
    v.get(name)?.as_bool()
}
fn text<'a>(v: &'a Value, name: &str) -> Read<&'a str> {
    v.get(name)?.as_str()
}
fn word<T: Copy + std::fmt::Display>(v: &Value, name: &str, all: &[T]) -> Read<T> {
    let text = text(v, name)?;
    all.iter().find(|word| word.to_string() == text).copied()
}
fn client_id(v: &Value, name: &str) -> Read<ClientOrderId> {
    let digits = text(v, name)?.strip_prefix("shrk").filter(|digits| digits.len() == 16);
    let lower = digits.filter(|digits| !digits.bytes().any(|byte| byte.is_ascii_uppercase()));
    Some(ClientOrderId(lower.and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0)))
}
fn price(units: i64) -> Price {
    Price::from_units(units)
}
fn qty(units: i64) -> Qty {
    Qty::from_units(units)
}
fn money(units: i64) -> Notional {
    Notional::from_units(units)
}
fn levels(v: &Value, name: &str) -> Read<Levels> {
    let rows = v.get(name)?.as_array()?;
    rows.iter().map(|row| Some((units(row[0].as_str()?)?, units(row[1].as_str()?)?))).collect()
}
fn symbol(v: &Value, symbols: &SymbolTable) -> Option<SymbolId> {
    let name = text(v, "s")?;
    let is = |id: &SymbolId| symbols.name(*id).is_some_and(|own| own.as_str() == name);
    (0..symbols.len() as u16).map(SymbolId).find(is)
}

/// The event inside a message and the stream it is wrapped in; `None` if there is none.
fn unwrap(v: &Value) -> Option<(&Value, Option<&str>)> {
    if v.get("e").is_some() {
        return Some((v, None));
    }
    let data = v.get("data")?;
    data.get("e")?;
    Some((data, text(v, "stream")))
}
fn ack(v: &Value) -> Option<(u64, bool)> {
    let keys = ["result", "error", "id", "code"];
    if !v.is_object() || keys.iter().all(|key| v.get(key).is_none()) {
        return None;
    }
    let id = v.get("id").and_then(text_of).and_then(|text| text.parse().ok()).unwrap_or(0);
    let error = v.get("error").is_some_and(|error| !error.is_null());
    Some((id, !error && v.get("code").is_none()))
}

/// A market message; `None` if it cannot be read.
pub(crate) fn market(
    bytes: &[u8],
    symbols: &SymbolTable,
    raw_depth: DepthKind,
) -> Option<(MarketFrame, Levels, Levels)> {
    let v: Value = serde_json::from_slice(bytes).ok()?;
    let plain = |frame| Some((frame, Levels::new(), Levels::new()));
    let Some((event, stream)) = unwrap(&v) else {
        return plain(match ack(&v) {
            Some((id, ok)) if v.get("data").is_none() => MarketFrame::Ack { id, ok },
            _ => MarketFrame::Other,
        });
    };
    let kind = text(event, "e").unwrap_or_default();
    let subject = if kind == "forceOrder" { event.get("o")? } else { event };
    let known = ["bookTicker", "trade", "aggTrade", "depthUpdate", "markPriceUpdate", "kline"];
    if !known.contains(&kind) && kind != "forceOrder" {
        return plain(MarketFrame::Other);
    }
    if subject.get("st").is_some_and(|st| st == 2) || symbol(subject, symbols).is_none() {
        return plain(MarketFrame::OtherSymbol);
    }
    let symbol = symbol(subject, symbols)?;
    plain(match kind {
        "bookTicker" => MarketFrame::BookTicker(book_ticker(event, symbol)?),
        "trade" if event.get("X").is_some_and(|x| x != "MARKET") => MarketFrame::NotATrade,
        "trade" => MarketFrame::Trade(trade(event, symbol)?),
        "aggTrade" => MarketFrame::AggTrade(agg_trade(event, symbol)?),
        "markPriceUpdate" => MarketFrame::Mark(mark(event, symbol)?),
        "kline" => MarketFrame::Kline(kline(event, symbol)?),
        "forceOrder" => MarketFrame::ForceOrder(force_order(event, symbol)?),
        _ => {
            let kind = match stream.map(|stream| stream.split('@').nth(1).unwrap_or_default()) {
                None => raw_depth,
                Some("depth") => DepthKind::Diff,
                Some("depth5" | "depth10" | "depth20") => DepthKind::Partial,
                Some(_) => return plain(MarketFrame::Other),
            };
            let head = depth_head(event, symbol, kind)?;
            return Some((MarketFrame::Depth(head), levels(event, "b")?, levels(event, "a")?));
        }
    })
}

fn book_ticker(v: &Value, symbol: SymbolId) -> Read<BookTicker> {
    Some(BookTicker {
        symbol,
        update_id: count(v, "u")?,
        bid_price: price(decimal(v, "b")?),
        bid_qty: qty(decimal(v, "B")?),
        ask_price: price(decimal(v, "a")?),
        ask_qty: qty(decimal(v, "A")?),
        transaction_time: time(v, "T")?,
        event_time: time(v, "E")?,
    })
}
fn trade(v: &Value, symbol: SymbolId) -> Read<Trade> {
    Some(Trade {
        symbol,
        trade_id: TradeId(integer(v, "t")?),
        price: price(decimal(v, "p")?),
        qty: qty(decimal(v, "q")?),
        buyer_is_maker: flag(v, "m")?,
        trade_time: time(v, "T")?,
        event_time: time(v, "E")?,
    })
}
fn agg_trade(v: &Value, symbol: SymbolId) -> Read<AggTrade> {
    Some(AggTrade {
        symbol,
        aggregate_id: integer(v, "a")?,
        first_trade_id: TradeId(integer(v, "f")?),
        last_trade_id: TradeId(integer(v, "l")?),
        price: price(decimal(v, "p")?),
        qty: qty(decimal(v, "q")?),
        qty_without_rpi: qty(decimal(v, if v.get("nq").is_some() { "nq" } else { "q" })?),
        buyer_is_maker: flag(v, "m")?,
        trade_time: time(v, "T")?,
        event_time: time(v, "E")?,
    })
}
fn mark(v: &Value, symbol: SymbolId) -> Read<Mark> {
    Some(Mark {
        symbol,
        mark_price: price(decimal(v, "p")?),
        index_price: price(decimal_or_zero(v, "i")?),
        funding_rate_e8: decimal_or_zero(v, "r")?,
        next_funding_time: time(v, "T")?,
        event_time: time(v, "E")?,
    })
}
fn depth_head(v: &Value, symbol: SymbolId, kind: DepthKind) -> Read<DepthHead> {
    Some(DepthHead {
        symbol,
        kind,
        first_update_id: count(v, "U")?,
        last_update_id: count(v, "u")?,
        previous_update_id: count(v, "pu")?,
        transaction_time: time(v, "T")?,
        event_time: time(v, "E")?,
    })
}
fn kline(v: &Value, symbol: SymbolId) -> Read<Kline> {
    let k = v.get("k")?;
    let mut interval = [0; 4];
    let text = text(k, "i")?;
    interval[..text.len()].copy_from_slice(text.as_bytes());
    Some(Kline {
        symbol,
        interval,
        open_time: time(k, "t")?,
        close_time: time(k, "T")?,
        open: price(decimal(k, "o")?),
        high: price(decimal(k, "h")?),
        low: price(decimal(k, "l")?),
        close: price(decimal(k, "c")?),
        volume: qty(cut(k, "v")?),
        quote_volume: money(cut(k, "q")?),
        taker_buy_volume: qty(cut(k, "V")?),
        taker_buy_quote_volume: money(cut(k, "Q")?),
        trade_count: count(k, "n")?,
        closed: flag(k, "x")?,
        event_time: time(v, "E")?,
    })
}
fn force_order(v: &Value, symbol: SymbolId) -> Read<ForceOrder> {
    let o = v.get("o")?;
    Some(ForceOrder {
        symbol,
        side: word(o, "S", Side::ALL)?,
        status: word(o, "X", OrderStatus::ALL)?,
        price: price(decimal(o, "p")?),
        average_price: price(cut(o, "ap")?),
        qty: qty(decimal(o, "q")?),
        last_qty: qty(decimal(o, "l")?),
        cum_qty: qty(decimal(o, "z")?),
        trade_time: time(o, "T")?,
        event_time: time(v, "E")?,
    })
}

/// A message of the user-data stream; `None` if it cannot be read.
pub(crate) fn user(bytes: &[u8], symbols: &SymbolTable) -> Option<UserFrame> {
    let v: Value = serde_json::from_slice(bytes).ok()?;
    let Some((event, _)) = unwrap(&v) else {
        return Some(match ack(&v) {
            Some((id, ok)) if v.get("data").is_none() => UserFrame::Ack { id, ok },
            _ => UserFrame::Other,
        });
    };
    Some(match text(event, "e").unwrap_or_default() {
        "ORDER_TRADE_UPDATE" => {
            let o = event.get("o")?;
            match symbol(o, symbols) {
                Some(symbol) => UserFrame::Report(report(event, o, symbol)?),
                None => UserFrame::OtherSymbol,
            }
        }
        "TRADE_LITE" => match symbol(event, symbols) {
            Some(symbol) => UserFrame::TradeLite(trade_lite(event, symbol)?),
            None => UserFrame::OtherSymbol,
        },
        "ACCOUNT_UPDATE" => UserFrame::Account(account(event, symbols)?),
        "listenKeyExpired" => UserFrame::ListenKeyExpired,
        "MARGIN_CALL" => UserFrame::MarginCall,
        "ACCOUNT_CONFIG_UPDATE" => UserFrame::ConfigUpdate,
        "ALGO_UPDATE" => {
            let o = event.get("o")?;
            match symbol(o, symbols) {
                Some(symbol) => UserFrame::Algo(algo(event, o, symbol)?),
                None => UserFrame::OtherSymbol,
            }
        }
        _ => UserFrame::Other,
    })
}

fn algo(v: &Value, o: &Value, symbol: SymbolId) -> Read<AlgoUpdate> {
    let order_id = text_of(o.get("ai")?)?;
    Some(AlgoUpdate {
        symbol,
        client_order_id: client_id(o, "caid")?,
        algo_id: AlgoId(integer(o, "aid")?),
        side: word(o, "S", Side::ALL)?,
        order_type: word(o, "o", OrderType::ALL)?,
        status: word(o, "X", AlgoStatus::ALL)?,
        trigger_price: price(decimal_or_zero(o, "tp")?),
        qty: qty(decimal_or_zero(o, "q")?),
        reduce_only: flag(o, "R")?,
        close_position: flag(o, "cp")?,
        venue_order_id: VenueOrderId(order_id.parse().unwrap_or(0)),
        transaction_time: time(v, "T")?,
        event_time: time(v, "E")?,
    })
}

fn report(v: &Value, o: &Value, symbol: SymbolId) -> Read<ExecutionReport> {
    let is_forced = ["autoclose-", "adl_autoclose", "settlement_autoclose-"]
        .iter()
        .any(|prefix| text(o, "c").unwrap_or_default().starts_with(prefix));
    let fee_is_quote = o.get("N").is_none_or(|asset| asset == "USDT");
    let fee = decimal_or_zero(o, "n")?;
    Some(ExecutionReport {
        symbol,
        client_order_id: client_id(o, "c")?,
        venue_order_id: VenueOrderId(integer(o, "i")?),
        side: word(o, "S", Side::ALL)?,
        order_type: match is_forced {
            true => OrderType::Liquidation,
            false => word(o, "o", OrderType::ALL)?,
        },
        time_in_force: word(o, "f", TimeInForce::ALL)?,
        exec_type: word(o, "x", ExecType::ALL)?,
        status: word(o, "X", OrderStatus::ALL)?,
        price: price(decimal(o, "p")?),
        qty: qty(decimal(o, "q")?),
        last_qty: qty(decimal(o, "l")?),
        last_price: price(decimal(o, "L")?),
        cum_qty: qty(decimal(o, "z")?),
        commission: money(if fee_is_quote { fee } else { 0 }),
        realized_pnl: money(if o.get("rp").is_some() { cut(o, "rp")? } else { 0 }),
        trade_id: TradeId(integer(o, "t")?.max(0)),
        is_maker: flag(o, "m")?,
        reduce_only: o.get("R").is_some_and(|flag| flag == true),
        expiry_reason: integer(o, "er").unwrap_or(0) as u8,
        transaction_time: time(o, "T")?,
        event_time: time(v, "E")?,
    })
}
fn trade_lite(v: &Value, symbol: SymbolId) -> Read<TradeLite> {
    Some(TradeLite {
        symbol,
        client_order_id: client_id(v, "c")?,
        venue_order_id: VenueOrderId(integer(v, "i")?),
        side: word(v, "S", Side::ALL)?,
        last_price: price(decimal(v, "L")?),
        last_qty: qty(decimal(v, "l")?),
        trade_id: TradeId(integer(v, "t")?),
        is_maker: flag(v, "m")?,
        transaction_time: time(v, "T")?,
    })
}
fn account(v: &Value, symbols: &SymbolTable) -> Read<AccountUpdate> {
    let a = v.get("a")?;
    let mut out = AccountUpdate {
        is_funding: text(a, "m") == Some("FUNDING_FEE"),
        transaction_time: time(v, "T")?,
        event_time: time(v, "E")?,
        ..AccountUpdate::default()
    };
    let empty = Value::Array(Vec::new());
    let mut balances = Vec::new();
    for b in a.get("B").unwrap_or(&empty).as_array()? {
        let is_quote = text(b, "a")? == "USDT";
        let read = || {
            Some(BalanceDelta {
                is_quote,
                wallet: money(decimal(b, "wb")?),
                cross_wallet: money(decimal(b, "cw")?),
                change: money(decimal_or_zero(b, "bc")?),
            })
        };
        match read() {
            Some(balance) => balances.push(balance),
            None if is_quote => return None,
            None => out.other_count += 1,
        }
    }
    out.other_count += balances.len().saturating_sub(4) as u16;
    if let Some(late) = balances.iter().skip(4).find(|balance| balance.is_quote).copied() {
        balances[3] = late;
    }
    balances.truncate(4);
    out.balance_count = balances.len() as u8;
    out.balances[..balances.len()].copy_from_slice(&balances);
    for p in a.get("P").unwrap_or(&empty).as_array()? {
        match symbol(p, symbols) {
            Some(symbol) if p.get("ps").is_none_or(|side| side == "BOTH") => {
                out.positions[usize::from(out.position_count)] = PositionDelta {
                    symbol,
                    qty: qty(decimal(p, "pa")?),
                    entry_price: price(cut(p, "ep")?),
                    unrealized_pnl: money(cut(p, "up")?),
                };
                out.position_count += 1;
            }
            _ => out.other_count += 1,
        }
    }
    Some(out)
}

/// An answer of the WebSocket API; `None` if it cannot be read.
pub(crate) fn reply(bytes: &[u8]) -> Option<OrderReply> {
    let v: Value = serde_json::from_slice(bytes).ok()?;
    let result = v.get("result").cloned().unwrap_or_default();
    let error = v.get("error").filter(|error| error.is_object()).unwrap_or(&v);
    let code = integer(error, "code").unwrap_or(0);
    let limit = |kind: &str, interval: &str, number: i64| {
        let limits = v.get("rateLimits").and_then(Value::as_array)?;
        let row = limits.iter().rfind(|row| {
            row["rateLimitType"] == kind
                && row["interval"] == interval
                && row["intervalNum"] == number
        })?;
        u32::try_from(row["count"].as_u64()?).ok()
    };
    Some(OrderReply {
        request_id: RequestId(
            v.get("id").and_then(text_of).and_then(|id| id.parse().ok()).unwrap_or(0),
        ),
        status: integer(&v, "status").or((code != 0).then_some(400))? as u16,
        code: code as i32,
        order_status: word(&result, "status", OrderStatus::ALL)
            .or_else(|| word(&result, "algoStatus", OrderStatus::ALL))
            .unwrap_or(OrderStatus::Unknown),
        client_order_id: client_id(&result, "clientOrderId")
            .or_else(|| client_id(&result, "clientAlgoId"))
            .unwrap_or(ClientOrderId::NONE),
        venue_order_id: VenueOrderId(
            integer(&result, "orderId").or_else(|| integer(&result, "algoId")).unwrap_or(0),
        ),
        price: price(decimal_or_zero(&result, "price")?),
        qty: qty(decimal_or_zero(&result, "origQty")?),
        cum_qty: qty(decimal_or_zero(&result, "executedQty")?),
        order_count_10s: limit("ORDERS", "SECOND", 10).unwrap_or(u32::MAX),
        order_count_1m: limit("ORDERS", "MINUTE", 1).unwrap_or(u32::MAX),
        weight_1m: limit("REQUEST_WEIGHT", "MINUTE", 1).unwrap_or(u32::MAX),
        retry_after_ms: error.get("data").and_then(|data| integer(data, "retryAfter")).unwrap_or(0),
    })
}
