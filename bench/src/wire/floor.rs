//! The floor: the same bytes over the same TLS, and no work between them.
//!
//! Spins on the market socket; when a record has arrived it is opened and an order of the usual
//! length, made beforehand, is sealed and written. No JSON, no decision, no signature, no WebSocket
//! parsing. Its order is a signed one; a logged-on session's is about 120 bytes shorter. Nothing that
//! trades can be much faster on this machine with these libraries.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use rustls::{ClientConfig, ClientConnection};

use crate::frame;
use crate::tls::{Spin, connect};

/// An order as the trader sends it: 347 bytes, signed.
const ORDER: &str = concat!(
    "{\"id\":\"1000001\",\"method\":\"order.place\",\"params\":{\"apiKey\":\"",
    "bench-bench-bench-bench-bench-bench-bench-bench-bench-bench-0001\",",
    "\"newClientOrderId\":\"shrk6921a0b41000004d\",\"price\":\"84551.10\",\"quantity\":\"0.001\",",
    "\"recvWindow\":5000,\"side\":\"BUY\",\"symbol\":\"BTCUSDT\",\"timeInForce\":\"IOC\",",
    "\"timestamp\":1790526538940,\"type\":\"LIMIT\",\"signature\":\"",
    "5b8fe2b962b8e1b2b82fb40e548d56147c2a8f835b5f1393ae4b4b90c38b527f\"}}"
);

fn open(config: &Arc<ClientConfig>, port: u16, path: &str) -> Result<Spin<ClientConnection>> {
    let mut spin = connect(config, port)?;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    spin.seal(head.as_bytes())?;
    spin.flush()?;
    let mut reply = Vec::new();
    while !reply.ends_with(b"\r\n\r\n") {
        if spin.fill()? {
            spin.open(&mut reply)?;
        }
    }
    spin.socket.set_nonblocking(true)?;
    Ok(spin)
}

/// Runs until the exchange hangs up; the in-process times of every order, ns.
pub(crate) fn run(config: &Arc<ClientConfig>, port: u16) -> Result<Vec<u64>> {
    let mut market = open(config, port, "/public/stream?streams=btcusdt@bookTicker")?;
    let mut orders = open(config, port, "/ws-fapi/v1")?;
    let mut order = Vec::new();
    frame::push_masked_text(&mut order, ORDER.as_bytes(), [0x5a, 0xa5, 0x3c, 0xc3]);
    let (mut input, mut answers) = (Vec::with_capacity(64 * 1024), Vec::with_capacity(64 * 1024));
    let mut times = Vec::new();
    let mut work = || -> Result<()> {
        loop {
            if market.fill()? {
                let read_at = Instant::now();
                input.clear();
                market.open(&mut input)?;
                orders.seal(&order)?;
                times.push(read_at.elapsed().as_nanos() as u64);
                orders.flush()?;
                // The answer is read away from the timed part.
                while !orders.fill()? {}
                answers.clear();
                orders.open(&mut answers)?;
            }
        }
    };
    // The only way out is the exchange hanging up.
    let _ = work();
    Ok(times)
}
