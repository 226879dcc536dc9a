//! The venue's messages, over sockets and over REST.

use binance::rest;
use binance::{SymbolTable, decode_market, decode_market_as, decode_reply, decode_user};
use schema::{DepthBuf, DepthKind, SymbolId, SymbolName};

fn symbols() -> SymbolTable {
    let names = [&b"BTCUSDT"[..], b"ETHUSDT"].map(|name| SymbolName::new(name).expect("short"));
    SymbolTable::new(&names)
}

thread_local! {
    /// Made once: a thousand levels a side.
    static DEPTH: core::cell::RefCell<DepthBuf> = core::cell::RefCell::new(DepthBuf::new());
}

/// Market messages, alone and in the wrapper of combined streams.
pub(crate) fn market(bytes: &[u8]) {
    DEPTH.with_borrow_mut(|depth| {
        let symbols = symbols();
        let alone = decode_market(bytes, &symbols, depth).is_ok();
        let _ = decode_market_as(bytes, &symbols, depth, DepthKind::Partial);
        // What is read does not depend on what was read before.
        assert_eq!(decode_market(bytes, &symbols, depth).is_ok(), alone);
    });
}

/// Messages of the user stream.
pub(crate) fn user(bytes: &[u8]) {
    let _ = decode_user(bytes, &symbols());
}

/// Answers of the WebSocket API.
pub(crate) fn reply(bytes: &[u8]) {
    let _ = decode_reply(bytes);
}

/// Bodies of REST answers: each reader on the same bytes.
pub(crate) fn rest(bytes: &[u8]) {
    let _ = rest::parse_exchange_info(bytes);
    let _ = rest::parse_account(bytes);
    let _ = rest::parse_positions(bytes);
    let _ = rest::parse_symbol_config(bytes);
    let _ = rest::parse_position_mode(bytes);
    let _ = rest::parse_leverage(bytes);
    let _ = rest::parse_open_orders(bytes);
    let _ = rest::parse_order(bytes);
    let _ = rest::parse_user_trades(bytes);
    let _ = rest::parse_error(bytes);
    let _ = rest::parse_listen_key(bytes);
    let _ = rest::parse_server_time(bytes);
    DEPTH.with_borrow_mut(|depth| {
        let _ = rest::parse_depth(bytes, SymbolId(0), depth);
    });
}
