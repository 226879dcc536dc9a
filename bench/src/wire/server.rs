//! The measuring exchange: sends a tick, waits for the order it causes, answers, goes on.
//!
//! One spinning thread holds every connection. The clock of a sample starts right before the
//! `write()` of the tick and stops when the `read()` that completes the order returns; everything
//! else (JSON, acknowledgements, reports, REST, pongs) happens between samples. It is no exchange:
//! prices stand still but for one tick up and down, and every order is filled whole at its price.
//!
//! A client may open a link twice. The copy of a tick for its second connection leaves after the
//! order has come, so that the first connection wins and the copy is dealt with between samples.
//! Orders are read from the connection the last one came on; until one has come, from all.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustls::{ServerConfig, ServerConnection};
use serde_json::Value;

use crate::frame;
use crate::http::{header, take_http};
use crate::rest;
use crate::tls::{Spin, accept};

/// Longest wait for the order of one tick; a tick without one counts as missed.
const ORDER_WAIT: Duration = Duration::from_millis(100);
/// Pause between the market's other messages (mark, depth, a trade).
const BACKGROUND_PERIOD: Duration = Duration::from_millis(100);

/// What a connection is for, known by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `/public`: ticks leave here.
    Public,
    /// `/market`: mark prices.
    Market,
    /// `/private`: reports of orders.
    User,
    /// WebSocket API: orders arrive here.
    Order,
    /// Plain HTTP.
    Rest,
}

struct Client {
    role: Role,
    spin: Spin<ServerConnection>,
    input: Vec<u8>,
    streams: String,
    /// The newest order came here.
    has_ordered: bool,
}

/// An order that arrived, in the words of its protocol.
enum Arrival {
    Socket(Value),
    Http(String),
}

/// The measuring exchange.
pub(crate) struct Server {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    clients: Vec<Client>,
    update_id: u64,
    depth_id: u64,
    order_id: u64,
    /// Net quantity of all fills, in thousandths.
    position: i64,
    background_at: Instant,
    out: Vec<u8>,
}

/// What one round gave.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Wire-to-wire times, ns.
    pub(crate) wire_ns: Vec<u64>,
    /// Ticks no order answered in time.
    pub(crate) missed: u64,
}

impl Server {
    /// Listens on a free port of the loopback address.
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            config,
            clients: Vec::new(),
            update_id: 11_660_059_839_759,
            depth_id: 11_660_059_839_759,
            order_id: 22_542_179,
            position: 0,
            background_at: Instant::now(),
            out: Vec::with_capacity(64 * 1024),
        })
    }

    /// The port listened on.
    pub(crate) fn port(&self) -> Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Closes every connection; the next client's account holds nothing.
    pub(crate) fn hang_up(&mut self) {
        self.clients.clear();
        self.position = 0;
    }

    fn find(&self, role: Role) -> Option<usize> {
        self.clients.iter().position(|client| client.role == role)
    }

    /// Sends a text to every connection of a role but the first `skip`.
    fn send_all(&mut self, role: Role, skip: usize, text: &str) {
        for client in self.clients.iter_mut().filter(|client| client.role == role).skip(skip) {
            // A client that is gone is removed by the next sweep.
            let _ = client.send_text(text);
        }
    }

    /// Serves everything until ticks can leave and orders can come, or the deadline passes.
    pub(crate) fn wait_ready(&mut self, order_role: Role, deadline: Instant) -> Result<()> {
        while self.find(Role::Public).is_none() || self.find(order_role).is_none() {
            if Instant::now() > deadline {
                bail!("the client did not open its connections in time");
            }
            self.sweep()?;
        }
        Ok(())
    }

    /// Serves everything for a while.
    pub(crate) fn idle(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.sweep()?;
        }
        Ok(())
    }

    /// Sends ticks until `ticks` orders came, with at least `gap` between an order and the next.
    pub(crate) fn round(&mut self, order_role: Role, ticks: usize, gap: Duration) -> Result<Round> {
        let mut round = Round { wire_ns: Vec::with_capacity(ticks), missed: 0 };
        while round.wire_ns.len() < ticks {
            match self.tick(order_role)? {
                Some(ns) => round.wire_ns.push(ns),
                None => {
                    round.missed += 1;
                    // Whatever keeps the client from ordering may need answers.
                    self.idle(ORDER_WAIT)?;
                }
            }
            if round.missed > 200 + ticks as u64 / 10 {
                bail!("{} ticks were not answered by an order", round.missed);
            }
            self.idle(gap)?;
        }
        Ok(round)
    }

    /// One tick and its order: wire-to-wire ns.
    fn tick(&mut self, order_role: Role) -> Result<Option<u64>> {
        let at = self.find(Role::Public).context("the client closed its market stream")?;
        self.find(order_role).context("the client closed its order connection")?;
        let may_order = |client: &Client| client.role == order_role;
        let known = self.clients.iter().position(|client| may_order(client) && client.has_ordered);
        self.update_id += 1;
        let text = rest::book_ticker(self.update_id);
        self.out.clear();
        frame::push_text(&mut self.out, text.as_bytes());
        self.clients[at].spin.seal(&self.out)?;
        let sent = Instant::now();
        self.clients[at].spin.flush()?;
        let mut order = None;
        while order.is_none() && sent.elapsed() <= ORDER_WAIT {
            for at in known.map_or(0..self.clients.len(), |at| at..at + 1) {
                let client = &mut self.clients[at];
                // One that is gone is removed by the next sweep.
                if may_order(client) && client.spin.fill().unwrap_or(false) {
                    let received = Instant::now();
                    client.spin.open(&mut client.input)?;
                    if let Some(arrival) = take_order(client)? {
                        order = Some((received - sent, at, arrival));
                        break;
                    }
                }
            }
        }
        self.send_all(Role::Public, 1, &text);
        let came_at = order.as_ref().map(|(_, at, _)| *at);
        for (at, client) in self.clients.iter_mut().enumerate() {
            client.has_ordered = came_at == Some(at);
        }
        let Some((time, at, arrival)) = order else { return Ok(None) };
        self.answer(at, arrival)?;
        Ok(Some(time.as_nanos() as u64))
    }

    /// Acknowledges an order and reports its fill.
    fn answer(&mut self, at: usize, arrival: Arrival) -> Result<()> {
        self.order_id += 1;
        match arrival {
            Arrival::Http(query) => {
                let body = rest::order_ack_http(&query, self.order_id);
                self.clients[at].send_http(200, &body)
            }
            Arrival::Socket(request) => {
                let (ack, reports) = rest::order_ack(&request, self.order_id, self.update_id);
                self.position += rest::signed_thousandths(&request);
                self.clients[at].send_text(&ack)?;
                for report in reports {
                    self.send_all(Role::User, 0, &report);
                }
                Ok(())
            }
        }
    }

    /// Accepts, reads and answers whatever is waiting, once.
    fn sweep(&mut self) -> Result<()> {
        match self.listener.accept() {
            Ok((socket, _)) => self.clients.extend(self.admit(socket)?),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let mut gone = Vec::new();
        for at in 0..self.clients.len() {
            if self.serve(at).is_err() {
                gone.push(at);
            }
        }
        for at in gone.into_iter().rev() {
            self.clients.remove(at);
        }
        if self.background_at.elapsed() > BACKGROUND_PERIOD {
            self.background_at = Instant::now();
            self.background();
        }
        Ok(())
    }

    fn admit(&self, socket: std::net::TcpStream) -> Result<Option<Client>> {
        // A client that fails its handshake is its own trouble, not the bench's.
        let Ok(spin) = accept(&self.config, socket) else { return Ok(None) };
        let (role, input, streams) = (Role::Rest, Vec::new(), String::new());
        let mut client = Client { role, spin, input, streams, has_ordered: false };
        // The request may have come with the end of the handshake.
        client.spin.open(&mut client.input)?;
        let deadline = Instant::now() + Duration::from_secs(5);
        while !client.input.windows(4).any(|window| window == b"\r\n\r\n") {
            if Instant::now() > deadline {
                return Ok(None);
            }
            if client.spin.fill()? {
                client.spin.open(&mut client.input)?;
            }
        }
        let head = String::from_utf8_lossy(&client.input).into_owned();
        let path = head.split(' ').nth(1).unwrap_or("").to_owned();
        let key = header(&head, "sec-websocket-key");
        if let Some(key) = key {
            client.role = match path.as_str() {
                path if path.starts_with("/ws-fapi") => Role::Order,
                path if path.starts_with("/private") => Role::User,
                path if path.starts_with("/market") => Role::Market,
                _ => Role::Public,
            };
            client.streams = path;
            client.input.clear();
            let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
            let reply = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            client.spin.seal(reply.as_bytes())?;
            client.spin.flush()?;
        }
        Ok(Some(client))
    }

    fn serve(&mut self, at: usize) -> Result<()> {
        let client = &mut self.clients[at];
        if client.spin.fill()? {
            client.spin.open(&mut client.input)?;
        }
        loop {
            let client = &mut self.clients[at];
            if client.role == Role::Rest {
                let Some((method, target)) = take_http(&mut client.input) else { return Ok(()) };
                if method == "POST" && target.starts_with("/fapi/v1/order") {
                    self.answer(at, Arrival::Http(target))?;
                    continue;
                }
                let body = rest::reply(&method, &target, self.update_id, self.position);
                client.send_http(
                    if body.is_some() { 200 } else { 404 },
                    body.as_deref().unwrap_or("{}"),
                )?;
                continue;
            }
            let Some((opcode, payload, length)) = frame::take(&client.input) else { return Ok(()) };
            client.input.drain(..length);
            match opcode {
                1 if client.role == Role::Order => {
                    let request: Value = serde_json::from_slice(&payload)?;
                    match rest::other_request(&request) {
                        Some(reply) => client.send_text(&reply)?,
                        None => self.answer(at, Arrival::Socket(request))?,
                    }
                }
                1 => client.send_text("{\"result\":null,\"id\":1}")?,
                8 => bail!("closed"),
                9 => client.send_pong(&payload)?,
                _ => {}
            }
        }
    }

    /// The market's other messages, so that books stay in sync and marks fresh; the same text to
    /// every connection.
    fn background(&mut self) {
        if self.depth_id == self.update_id {
            // By two: the prices stay.
            self.update_id += 2;
        }
        let at = self.find(Role::Public);
        let streams = at.map_or(String::new(), |at| self.clients[at].streams.clone());
        if streams.contains("@depth@") {
            let text = rest::depth_diff(&streams, self.depth_id, self.update_id);
            self.send_all(Role::Public, 0, &text);
        }
        if streams.contains("@depth20") {
            self.send_all(Role::Public, 0, &rest::depth_top(self.update_id));
        }
        if streams.contains("@trade") {
            self.send_all(Role::Public, 0, &rest::trade(self.update_id));
        }
        self.send_all(Role::Market, 0, &rest::mark());
        self.depth_id = self.update_id;
    }
}

impl Client {
    fn send_text(&mut self, text: &str) -> Result<()> {
        let mut out = Vec::with_capacity(text.len() + 10);
        frame::push_text(&mut out, text.as_bytes());
        self.spin.seal(&out)?;
        self.spin.flush()
    }

    fn send_pong(&mut self, payload: &[u8]) -> Result<()> {
        let mut out = Vec::with_capacity(payload.len() + 2);
        frame::push_pong(&mut out, payload);
        self.spin.seal(&out)?;
        self.spin.flush()
    }

    fn send_http(&mut self, status: u16, body: &str) -> Result<()> {
        let reason = if status == 200 { "OK" } else { "Not Found" };
        let reply = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nX-MBX-USED-WEIGHT-1M: 1\r\n\r\n{body}",
            body.len()
        );
        self.spin.seal(reply.as_bytes())?;
        self.spin.flush()
    }
}

/// The order at the front of a connection's input, if it is whole.
fn take_order(client: &mut Client) -> Result<Option<Arrival>> {
    if client.role == Role::Rest {
        let request = take_http(&mut client.input);
        return Ok(request.map(|(_, target)| Arrival::Http(target)));
    }
    while let Some((opcode, payload, length)) = frame::take(&client.input) {
        client.input.drain(..length);
        if opcode == 9 {
            client.send_pong(&payload)?;
        } else if opcode == 1 {
            let request: Value = serde_json::from_slice(&payload)?;
            match rest::other_request(&request) {
                Some(reply) => client.send_text(&reply)?,
                None => return Ok(Some(Arrival::Socket(request))),
            }
        }
    }
    Ok(None)
}
