//! The straightforward Rust client: what one writes in an afternoon with good libraries.
//!
//! tungstenite with its defaults over rustls, one poll, serde_json into owned strings, prices as
//! `f64`, the request by `format!` and `json!`, an HMAC key made for each order. It does the same
//! job as the trader's bench strategy (an IOC order on every tick, sides in turn) without its
//! checks. Prints its in-process times (return of `read()` to call of `write()`) when it ends.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit, Mac};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde::Deserialize;
use tungstenite::{Message, WebSocket};

/// A socket that notes when a read returned and when a write is called.
struct Noted {
    socket: TcpStream,
    read_at: Rc<Cell<Instant>>,
    write_at: Rc<Cell<Instant>>,
}

impl Read for Noted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let result = self.socket.read(buffer);
        if result.is_ok() {
            self.read_at.set(Instant::now());
        }
        result
    }
}

impl Write for Noted {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.write_at.set(Instant::now());
        self.socket.write(buffer)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.socket.flush()
    }
}

type Stream = StreamOwned<ClientConnection, Noted>;

#[derive(Deserialize)]
struct Wrapped {
    data: Ticker,
}

#[derive(Deserialize)]
struct Ticker {
    e: String,
    s: Option<String>,
    b: Option<serde_json::Value>,
    a: Option<serde_json::Value>,
}

struct Connection {
    socket: WebSocket<Stream>,
    read_at: Rc<Cell<Instant>>,
    write_at: Rc<Cell<Instant>>,
}

fn open(config: &Arc<ClientConfig>, port: u16, path: &str) -> Result<Connection> {
    let socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_nodelay(true)?;
    let now = Instant::now();
    let (read_at, write_at) = (Rc::new(Cell::new(now)), Rc::new(Cell::new(now)));
    let noted = Noted { socket, read_at: read_at.clone(), write_at: write_at.clone() };
    let name = ServerName::try_from("127.0.0.1").context("a fixed name")?;
    let stream = StreamOwned::new(ClientConnection::new(config.clone(), name)?, noted);
    let (socket, _) = tungstenite::client(format!("wss://127.0.0.1:{port}{path}"), stream)
        .map_err(|error| anyhow::anyhow!("handshake: {error}"))?;
    socket.get_ref().sock.socket.set_nonblocking(true)?;
    Ok(Connection { socket, read_at, write_at })
}

/// Runs until the exchange hangs up; the in-process times of every order, ns.
pub(crate) fn run(config: &Arc<ClientConfig>, port: u16, secret: &str) -> Result<Vec<u64>> {
    let mut market = open(config, port, "/public/stream?streams=btcusdt@bookTicker")?;
    let mut orders = open(config, port, "/ws-fapi/v1")?;
    let mut poll = both(&market, &orders)?;
    let mut times = Vec::new();
    let mut count = 0u64;
    loop {
        poll.wait()?;
        loop {
            match market.socket.read() {
                Ok(Message::Text(text)) => {
                    count += 1;
                    if let Some(request) = decide(&text, count, secret)? {
                        orders.socket.send(Message::Text(request.into()))?;
                        let time = orders.write_at.get() - market.read_at.get();
                        times.push(time.as_nanos() as u64);
                    }
                }
                Ok(_) => {}
                Err(error) if would_block(&error) => break,
                Err(_) => return Ok(times),
            }
        }
        loop {
            match orders.socket.read() {
                Ok(_) => {}
                Err(error) if would_block(&error) => break,
                Err(_) => return Ok(times),
            }
        }
    }
}

fn would_block(error: &tungstenite::Error) -> bool {
    matches!(error, tungstenite::Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
}

/// Parses a tick and writes the order it leads to.
fn decide(text: &str, count: u64, secret: &str) -> Result<Option<String>> {
    let ticker: Wrapped = serde_json::from_str(text)?;
    let (Some(symbol), Some(bid), Some(ask)) = (ticker.data.s, ticker.data.b, ticker.data.a) else {
        return Ok(None);
    };
    if ticker.data.e != "bookTicker" {
        return Ok(None);
    }
    let bid: f64 = bid.as_str().context("b is a string")?.parse()?;
    let ask: f64 = ask.as_str().context("a is a string")?.parse()?;
    let side = if count.is_multiple_of(2) { "BUY" } else { "SELL" };
    let price = format!("{:.2}", if side == "BUY" { ask } else { bid });
    let timestamp = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .context("the clock is past 1970")?
        .as_millis();
    let client = format!("plain-{count}");
    let payload = format!(
        "apiKey=bench&newClientOrderId={client}&price={price}&quantity=0.001&recvWindow=5000\
         &side={side}&symbol={symbol}&timeInForce=IOC&timestamp={timestamp}&type=LIMIT"
    );
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(payload.as_bytes());
    let signature: String =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let request = serde_json::json!({"id": format!("{count}"), "method": "order.place", "params": {
        "apiKey": "bench", "newClientOrderId": client, "price": price, "quantity": "0.001",
        "recvWindow": 5000, "side": side, "symbol": symbol, "timeInForce": "IOC",
        "timestamp": timestamp as u64, "type": "LIMIT", "signature": signature}});
    Ok(Some(request.to_string()))
}

/// The client's poll: readiness of both sockets without waiting, as a busy client does.
struct Poll {
    sockets: [TcpStream; 2],
}

impl Poll {
    fn wait(&mut self) -> Result<()> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut fds = [
            PollFd::new(&self.sockets[0], PollFlags::IN),
            PollFd::new(&self.sockets[1], PollFlags::IN),
        ];
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let until = Instant::now() + Duration::from_secs(30);
        while poll(&mut fds, Some(&none))? == 0 {
            anyhow::ensure!(Instant::now() < until, "nothing came for 30 s");
        }
        Ok(())
    }
}

fn both(market: &Connection, orders: &Connection) -> Result<Poll> {
    Ok(Poll {
        sockets: [
            market.socket.get_ref().sock.socket.try_clone()?,
            orders.socket.get_ref().sock.socket.try_clone()?,
        ],
    })
}
