//! The venue without sockets, threads or a clock: what the caller asks is answered at once.
//!
//! The same core and the same handlers as behind the sockets; the caller owns the time, which only
//! rises. Nothing is lost or late here of itself: a network between client and venue is the
//! caller's to simulate. Same configuration and same calls, same answers, to the byte.
//!
//! Signatures are not looked at (an API key, or a session logged on with one, is believed);
//! `timestamp` is, where it is given. Connections end only when the venue or the caller ends them:
//! there are no pings and no limit of messages a second.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use backtest::MarketUpdate;
use hyper::Method;

use crate::{
    Credentials, VenueConfig, admin,
    core::Core,
    faults::{Fault, acts},
    gate::Gate,
    hub::{ConnectionId, Out, Outlet},
    rest::{self, Call, Outcome, Reply},
    start::{Parts, make},
    streams::{self, Target},
    topic::Route,
    wsapi::Session,
};

/// Everyone calls from here.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Nanoseconds of a millisecond.
const MS_NS: i64 = 1_000_000;

/// A connection of an [`Inline`] venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection(u64);

/// What a connection was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// A text frame.
    Text(String),
    /// Bytes below the framing, from a fault.
    Bytes(Vec<u8>),
    /// The end; nothing follows.
    Ended,
}

/// The answer to a REST request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status; 0 if no answer ever comes.
    pub status: u16,
    /// Headers that say something (`retry-after`, `x-mbx-…`), in lower case.
    pub headers: Vec<(&'static str, i64)>,
    /// Body.
    pub body: String,
    /// It comes so much later than usual, because of a fault.
    pub late_ms: u64,
}

fn answered(reply: Reply, late_ms: u64) -> Answer {
    let Reply { status, headers, body, .. } = reply;
    Answer { status, headers, body, late_ms }
}

/// A venue inside the caller.
pub struct Inline {
    core: Core,
    gate: Arc<Gate>,
    accounts: Vec<Credentials>,
    sessions: HashMap<ConnectionId, Session>,
    routes: HashMap<ConnectionId, Route>,
}

impl Inline {
    /// A venue whose time begins at `now_ms`; ports, directory and queues of the configuration do
    /// not matter.
    ///
    /// # Errors
    /// An unreadable tape, a symbol that is not one.
    pub fn new(config: &VenueConfig, now_ms: i64) -> anyhow::Result<Self> {
        let Parts { mut core, gate, accounts } = make(config, now_ms * MS_NS, true)?;
        core.restart_source();
        let (sessions, routes) = (HashMap::new(), HashMap::new());
        Ok(Self { core, gate, accounts, sessions, routes })
    }

    /// Keys of an account.
    pub fn credentials(&self, account: usize) -> Option<&Credentials> {
        self.accounts.get(account)
    }

    /// Answers a REST request; parameters stand in the query, `key` is the API key.
    pub fn rest(&mut self, now_ms: i64, method: &str, path_query: &str, key: &str) -> Answer {
        self.advance(now_ms);
        let (path, query) = path_query.split_once('?').unwrap_or((path_query, ""));
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        let api_key = Some(key).filter(|key| !key.is_empty());
        let call = Call { method: &method, path, query, body: "", api_key, address: ADDRESS };
        let now_ms = self.core.now_ms();
        let admitted = match rest::admit(&self.gate, &call, now_ms) {
            Err(reply) => return answered(reply, 0),
            Ok(admitted) => admitted,
        };
        let answer = rest::execute(&mut self.core, &admitted);
        self.core.flush();
        let before_ms = admitted.treatment.before_ms;
        match rest::conclude(&self.gate, &call, &admitted, answer, now_ms) {
            Outcome::Reply(reply, after_ms) => answered(reply, before_ms + after_ms),
            Outcome::Silence | Outcome::End => {
                Answer { status: 0, headers: Vec::new(), body: String::new(), late_ms: 0 }
            }
        }
    }

    /// Sets a fault; its number. Faults of new TCP or TLS connections have no meaning here.
    pub fn fault(&mut self, fault: Fault) -> u64 {
        self.gate.faults.add(fault, self.core.now_ms())
    }

    /// Ends all faults; what they held up goes out in its time.
    pub fn clear_faults(&mut self) {
        self.gate.faults.clear();
        acts::turn(&mut self.core);
        self.core.flush();
    }

    /// Which faults are set and how often each struck, as `GET /shrike/faults` tells it.
    pub fn faults(&self) -> serde_json::Value {
        self.gate.faults.report(self.core.now_ms())
    }

    /// Opens a WebSocket by path and query (`/public/ws/btcusdt@trade`, `/ws-fapi/v1`); `None` for
    /// a path the venue does not have.
    pub fn open(&mut self, now_ms: i64, path_query: &str) -> Option<Connection> {
        self.advance(now_ms);
        let (path, query) = path_query.split_once('?').unwrap_or((path_query, ""));
        let (id, route) = match streams::target(path, query)? {
            Target::Api { limits_shown } => {
                let id = self.core.hub.connect(Outlet::Kept, Route::Order, false);
                let gate = Arc::clone(&self.gate);
                let session = Session::new(gate, ADDRESS, limits_shown, self.core.now_ms());
                self.sessions.insert(id, session);
                (id, Route::Order)
            }
            Target::Streams(opening) => {
                let route = opening.route;
                (streams::open(&mut self.core, Outlet::Kept, opening), route)
            }
        };
        self.routes.insert(id, route);
        Some(Connection(id))
    }

    /// A text frame from the client: a request of the WebSocket API or a control message of a
    /// stream connection. What is sent back waits in [`Inline::drain`].
    pub fn text(&mut self, now_ms: i64, connection: Connection, text: &str) {
        self.advance(now_ms);
        let Connection(id) = connection;
        if !self.core.hub.hears(id) {
            return;
        }
        match (self.sessions.get_mut(&id), self.routes.get(&id)) {
            (Some(session), _) => session.request(text, self.core.now_ms()).run(&mut self.core, id),
            (None, Some(route)) => streams::control(&mut self.core, id, *route, text),
            (None, None) => {}
        }
        self.core.flush();
    }

    /// The client is gone.
    pub fn close(&mut self, connection: Connection) {
        let Connection(id) = connection;
        self.core.hub.disconnect(id);
        self.core.users.disconnect(id);
        self.sessions.remove(&id);
        self.routes.remove(&id);
    }

    /// Whether the connection is open on the venue's side.
    pub fn is_open(&self, connection: Connection) -> bool {
        self.core.hub.is_connected(connection.0)
    }

    /// Lets time pass: market, timers, paced streams, each at its time.
    pub fn advance(&mut self, now_ms: i64) {
        let until_ns = now_ms * MS_NS;
        loop {
            let due_ns = self.core.due_ns();
            if due_ns > until_ns {
                break;
            }
            self.core.set_time(due_ns);
            self.core.turn();
        }
        self.core.set_time(until_ns);
    }

    /// When something will happen of itself, in milliseconds, rounded up.
    pub fn next_due_ms(&self) -> i64 {
        self.core.due_ns().saturating_add(MS_NS - 1) / MS_NS
    }

    /// Plays a market event of the caller's.
    pub fn market(&mut self, now_ms: i64, update: &MarketUpdate) {
        self.advance(now_ms);
        self.core.market(update);
    }

    /// What was sent since the last time, in the order of sending.
    pub fn drain(&mut self) -> Vec<(Connection, Sent)> {
        let kept = self.core.hub.drain();
        kept.into_iter().filter_map(|(id, out)| Some((Connection(id), sent(out)?))).collect()
    }

    /// An account's ledger as `/shrike/ledger` gives it; null if there is no such account.
    pub fn ledger(&mut self, account: usize) -> serde_json::Value {
        let text = admin::ledger(&mut self.core, account).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or(serde_json::Value::Null)
    }

    /// The exchange itself: books, positions, ledgers as numbers.
    pub fn exchange(&self) -> &backtest::Exchange {
        &self.core.exchange
    }
}

fn sent(out: Out) -> Option<Sent> {
    match out {
        Out::Text(text) => Some(Sent::Text(text.as_str().to_owned())),
        Out::Raw(bytes) => Some(Sent::Bytes(bytes.to_vec())),
        // The caller's network is what holds frames up here.
        Out::Hole(_) => None,
        Out::Close(_) | Out::Cut | Out::Reset => Some(Sent::Ended),
    }
}

impl core::fmt::Debug for Inline {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inline").field("now_ms", &self.core.now_ms()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
