//! Market subscriptions: which connection hears which stream, and the frames of each stream.
//!
//! A frame is written once a stream, and once more in the combined wrapper if someone wants that;
//! all subscribers share the bytes. A connection that does not read is dropped, never waited for.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use backtest::{DepthUpdate, MarketUpdate, OrderUpdate};
use schema::{Mark, Price, Qty, SymbolId};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    core::Stats,
    faults::{
        Family, Kind,
        active::{Faults, Occasion},
    },
    topic::{Route, Topic},
    wire::{
        Format,
        json::Json,
        market::{self, Aggregate, DepthIds},
    },
};

mod deliver;
mod paced;

use deliver::{Arrivals, Held};
pub(crate) use deliver::{Out, Outlet, Tag, part};

/// A WebSocket connection, of streams or of the WebSocket API.
pub(crate) type ConnectionId = u64;

/// How much later an event is told that is late, in milliseconds.
const LATE_MS: i64 = 1_000;

/// Market subscriptions and their state.
pub(crate) struct Hub {
    formats: Arc<[Format]>,
    stats: Arc<Stats>,
    faults: Arc<Faults>,
    now_ms: i64,
    connections: BTreeMap<ConnectionId, Connection>,
    topics: HashMap<Topic, Vec<Subscription>>,
    /// Changes not yet sent, by diff stream.
    diffs: HashMap<(SymbolId, u16), PendingDiff>,
    /// Last update id sent, by partial or diff stream.
    sent: HashMap<Topic, u64>,
    marks: Vec<Option<Mark>>,
    next_connection: ConnectionId,
    arrivals: Arrivals,
    /// Frames of connections without a socket.
    kept: Vec<(ConnectionId, Out)>,
    /// Frames that others pass: when, where, what.
    passed: Vec<(i64, ConnectionId, Out)>,
    /// Events told later than they happened.
    late: Vec<(i64, Topic, String)>,
    last_tick_ms: i64,
}

struct Connection {
    outlet: Outlet,
    route: Route,
    /// Its number among the connections of its route.
    number: u64,
    combined: bool,
    /// Names subscribed, served or not.
    names: Vec<String>,
    held: Held,
}

struct Subscription {
    connection: ConnectionId,
    name: String,
}

#[derive(Default)]
struct PendingDiff {
    ids: DepthIds,
    bids: BTreeMap<Price, Qty>,
    asks: BTreeMap<Price, Qty>,
}

impl Hub {
    /// No subscriptions.
    pub(crate) fn new(formats: Arc<[Format]>, stats: Arc<Stats>, faults: Arc<Faults>) -> Self {
        let marks = vec![None; formats.len()];
        Self {
            formats,
            stats,
            faults,
            now_ms: 0,
            connections: BTreeMap::new(),
            topics: HashMap::new(),
            diffs: HashMap::new(),
            sent: HashMap::new(),
            marks,
            next_connection: 1,
            arrivals: Arrivals::default(),
            kept: Vec::new(),
            passed: Vec::new(),
            late: Vec::new(),
            last_tick_ms: 0,
        }
    }

    /// Takes a connection in.
    pub(crate) fn connect(&mut self, outlet: Outlet, route: Route, combined: bool) -> ConnectionId {
        let id = self.next_connection;
        self.next_connection += 1;
        let number = self.arrivals.next(route);
        let (names, held) = (Vec::new(), Held::default());
        let connection = Connection { outlet, route, number, combined, names, held };
        self.connections.insert(id, connection);
        id
    }

    /// Forgets a connection; dropping its queue ends its task.
    pub(crate) fn disconnect(&mut self, id: ConnectionId) {
        if self.connections.remove(&id).is_none() {
            return;
        }
        self.topics.retain(|_, subscriptions| {
            subscriptions.retain(|subscription| subscription.connection != id);
            !subscriptions.is_empty()
        });
    }

    /// Whether the connection is still here.
    pub(crate) fn is_connected(&self, id: ConnectionId) -> bool {
        self.connections.contains_key(&id)
    }

    /// How many connections there are.
    pub(crate) fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// Subscribes to a stream; foreign and unknown ones are taken and stay silent.
    pub(crate) fn subscribe(&mut self, id: ConnectionId, name: &str) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.names.iter().any(|known| known == name) {
            return;
        }
        connection.names.push(name.to_owned());
        let route = connection.route;
        if let Some(topic) = Topic::parse(name, &self.formats)
            && topic.route() == route
        {
            let subscription = Subscription { connection: id, name: name.to_owned() };
            self.topics.entry(topic).or_default().push(subscription);
        }
    }

    /// Ends a subscription; `false` if there was none.
    pub(crate) fn unsubscribe(&mut self, id: ConnectionId, name: &str) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        let Some(index) = connection.names.iter().position(|known| known == name) else {
            return false;
        };
        connection.names.remove(index);
        if let Some(topic) = Topic::parse(name, &self.formats)
            && let Some(subscriptions) = self.topics.get_mut(&topic)
        {
            subscriptions.retain(|known| known.connection != id || known.name != name);
            if subscriptions.is_empty() {
                self.topics.remove(&topic);
            }
        }
        true
    }

    /// Names subscribed.
    pub(crate) fn names(&self, id: ConnectionId) -> &[String] {
        self.connections.get(&id).map_or(&[], |connection| connection.names.as_slice())
    }

    /// Whether frames of the connection are wrapped.
    pub(crate) fn combined(&mut self, id: ConnectionId) -> Option<&mut bool> {
        self.connections.get_mut(&id).map(|connection| &mut connection.combined)
    }

    /// Tells the time of what comes next.
    pub(crate) fn set_time(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// Sends one event to one connection, wrapped as it wants under the tag's stream.
    pub(crate) fn send_named(&mut self, id: ConnectionId, tag: &Tag<'_>, text: &str) {
        let Some(connection) = self.connections.get(&id) else { return };
        let frame = if connection.combined { wrap(tag.stream, text) } else { text.into() };
        self.deliver(id, frame, tag);
    }

    /// Sends one answer as it is.
    pub(crate) fn send(&mut self, id: ConnectionId, frame: Utf8Bytes, tag: &Tag<'_>) {
        self.deliver(id, frame, tag);
    }

    fn has(&self, topic: Topic) -> bool {
        self.topics.contains_key(&topic)
    }

    /// Fans out one event of a stream, unless it gets lost or late on the way.
    fn publish(&mut self, topic: Topic, text: String) {
        if self.faults.has(Family::Event) && self.has(topic) {
            let name = topic.name(&self.formats);
            let at = Occasion {
                part: Some(part(topic.route())),
                stream: &name,
                event: topic.event(),
                symbol: topic.symbol().map_or("", |symbol| &self.formats[symbol.index()].name),
                ..Occasion::default()
            };
            let struck = self.faults.strike(Family::Event, &at, self.now_ms);
            if struck.iter().any(|fault| fault.kind == Kind::Lose) {
                return;
            }
            if let Some(late) = struck.first() {
                self.late.push((self.now_ms + late.ms.unwrap_or(LATE_MS), topic, text));
                return;
            }
        }
        self.fan_out(topic, text);
    }

    /// Sends what was late until now.
    pub(crate) fn publish_late(&mut self, now_ms: i64) {
        if self.late.is_empty() {
            return;
        }
        let (due, kept): (Vec<_>, _) =
            std::mem::take(&mut self.late).into_iter().partition(|(at_ms, ..)| *at_ms <= now_ms);
        self.late = kept;
        for (_, topic, text) in due {
            self.fan_out(topic, text);
        }
    }

    fn fan_out(&mut self, topic: Topic, text: String) {
        let Some(subscriptions) = self.topics.get(&topic) else { return };
        let raw = Utf8Bytes::from(text);
        let mut wrapped: Option<(&str, Utf8Bytes)> = None;
        let mut frames = Vec::with_capacity(subscriptions.len());
        for subscription in subscriptions {
            let Some(connection) = self.connections.get(&subscription.connection) else { continue };
            let frame = if !connection.combined {
                raw.clone()
            } else {
                match &wrapped {
                    Some((name, frame)) if *name == subscription.name => frame.clone(),
                    _ => {
                        let frame = wrap(&subscription.name, raw.as_str());
                        wrapped = Some((&subscription.name, frame.clone()));
                        frame
                    }
                }
            };
            frames.push((subscription.connection, frame));
        }
        if !self.faults.has(Family::Frame) {
            for (id, frame) in frames {
                self.deliver(id, frame, &Tag::default());
            }
            return;
        }
        let name = topic.name(&self.formats);
        let formats = Arc::clone(&self.formats);
        let symbol = topic.symbol().map_or("", |symbol| formats[symbol.index()].name.as_str());
        let tag = Tag { stream: &name, event: topic.event(), symbol, ..Tag::default() };
        for (id, frame) in frames {
            self.deliver(id, frame, &tag);
        }
    }

    /// Fans out one market event; `closed` is an aggregate it closed.
    pub(crate) fn market(
        &mut self,
        update: &MarketUpdate,
        closed: Option<&Aggregate>,
        now_ms: i64,
    ) {
        let symbol = update.symbol();
        let formats = Arc::clone(&self.formats);
        let Some(format) = formats.get(symbol.index()) else { return };
        if let Some(aggregate) = closed {
            self.aggregate(symbol, aggregate, now_ms);
        }
        match update {
            MarketUpdate::BookTicker(ticker) => {
                for topic in [Topic::BookTicker(symbol), Topic::AllBookTickers] {
                    if self.has(topic) {
                        self.publish(topic, market::book_ticker(format, ticker));
                    }
                }
            }
            MarketUpdate::Trade(trade) => {
                if self.has(Topic::Trade(symbol)) {
                    self.publish(Topic::Trade(symbol), market::trade(format, trade));
                }
            }
            MarketUpdate::Mark(mark) => {
                self.marks[symbol.index()] = Some(*mark);
                if self.has(Topic::Mark(symbol, 1)) {
                    self.publish(Topic::Mark(symbol, 1), market::mark(format, mark, now_ms));
                }
            }
            MarketUpdate::Depth(depth) => self.depth(symbol, format, depth),
        }
    }

    fn aggregate(&mut self, symbol: SymbolId, aggregate: &Aggregate, now_ms: i64) {
        let topic = Topic::AggTrade(symbol);
        if self.has(topic) {
            let text = market::agg_trade(&self.formats[symbol.index()], aggregate, now_ms);
            self.publish(topic, text);
        }
    }

    fn depth(&mut self, symbol: SymbolId, format: &Format, update: &DepthUpdate) {
        let head = &update.head;
        let ids = DepthIds {
            first: head.first_update_id,
            last: head.last_update_id,
            previous: head.previous_update_id,
            transaction_ms: head.transaction_time.ms(),
            event_ms: head.event_time.ms(),
        };
        if self.has(Topic::Depth(symbol, 0)) {
            let (bids, asks) = (&update.bids, &update.asks);
            self.publish_diff(Topic::Depth(symbol, 0), format, &ids, bids, asks);
        }
        for speed in [100, 250, 500] {
            let topic = Topic::Depth(symbol, speed);
            if !self.has(topic) {
                self.diffs.remove(&(symbol, speed));
                self.sent.remove(&topic);
                continue;
            }
            let previous = *self.sent.entry(topic).or_insert(ids.previous);
            let pending = self.diffs.entry((symbol, speed)).or_insert_with(|| PendingDiff {
                ids: DepthIds { previous, ..ids },
                ..PendingDiff::default()
            });
            pending.ids.last = ids.last;
            pending.ids.transaction_ms = ids.transaction_ms;
            pending.bids.extend(update.bids.iter().map(|level| (level.price, level.qty)));
            pending.asks.extend(update.asks.iter().map(|level| (level.price, level.qty)));
        }
    }

    /// A liquidation.
    pub(crate) fn force_order(&mut self, update: &OrderUpdate) {
        let symbol = update.order.symbol;
        let formats = Arc::clone(&self.formats);
        let Some(format) = formats.get(symbol.index()) else { return };
        for topic in [Topic::ForceOrder(symbol), Topic::AllForceOrders] {
            if self.has(topic) {
                self.publish(topic, force_order(format, update));
            }
        }
    }
}

/// `{"stream":"…","data":…}`
fn wrap(name: &str, text: &str) -> Utf8Bytes {
    let mut json = Json::new();
    json.open().text("stream", name).key("data").raw(text).close();
    Utf8Bytes::from(json.finish())
}

fn force_order(format: &Format, update: &OrderUpdate) -> String {
    let order = &update.order;
    let mut json = Json::new();
    json.open().text("e", "forceOrder").number("E", update.time_ms).key("o").open();
    json.text("s", &format.name)
        .text("S", order.side.as_str())
        .text("o", "LIMIT")
        .text("f", "IOC")
        .decimal("q", order.qty.units(), format.qty_decimals)
        .decimal("p", order.price.units(), format.price_decimals)
        .decimal("ap", order.avg_price.units(), format.price_decimals)
        .text("X", order.status.as_str())
        .decimal("l", update.last_qty.units(), format.qty_decimals)
        .decimal("z", order.executed_qty.units(), format.qty_decimals)
        .number("T", update.time_ms)
        .text("ps", &format.name)
        .number("st", 1)
        .close()
        .close();
    json.finish()
}
