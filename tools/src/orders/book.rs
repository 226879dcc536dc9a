//! Living orders, replayed from the journal.

use std::collections::{HashMap, HashSet, VecDeque};

use schema::{
    AlgoStatus, ClientOrderId, Event, ExecutionReport, NewOrder, OrderReply, OrderStatus, Price,
    Qty, Record, RequestId, RunInfo, Side, SymbolId, SymbolInfo,
};
use serde_json::{Value, json};

use crate::human;
use crate::instance::mono_ns;

/// Orders that ended which are remembered, so that a report told late does not bring one back.
const ENDED_KEPT: usize = 4_096;
/// Requests remembered.
const REQUESTS_KEPT: usize = 4_096;

/// One living order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// Symbol.
    pub(crate) symbol: String,
    id: Id,
    /// The venue's id, zero if not known yet.
    venue_id: i64,
    side: Side,
    kind: &'static str,
    price: Price,
    qty: Qty,
    filled: Qty,
    state: &'static str,
    is_cancel_pending: bool,
    is_change_pending: bool,
    reduce_only: bool,
    /// Monotonic time of its first record, ns.
    at_ns: u64,
}

/// How an order is known: ours by our id, others by the venue's; conditional orders have their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Id {
    Ours(ClientOrderId),
    Theirs(u16, i64),
    Algo(ClientOrderId, i64),
}

/// What a request asked.
#[derive(Debug, Clone, Copy)]
enum Request {
    Place(Id),
    Cancel(Id),
    Modify(Id),
}

/// The orders that live.
pub(crate) struct Book {
    /// Oldest first.
    pub(crate) orders: Vec<Order>,
    /// How many the trader counted at last.
    pub(crate) counted: Option<u64>,
    /// Records that were overwritten before they were read, and matter.
    pub(crate) lost: u64,
    info: RunInfo,
    has_boot: bool,
    is_first: bool,
    ended: HashSet<Id>,
    ended_order: VecDeque<Id>,
    requests: HashMap<RequestId, Request>,
    request_order: VecDeque<RequestId>,
}

impl Book {
    /// Nothing read yet.
    pub(crate) fn new(info: RunInfo) -> Self {
        Self {
            orders: vec![],
            counted: None,
            lost: 0,
            info,
            has_boot: false,
            is_first: true,
            ended: HashSet::new(),
            ended_order: VecDeque::new(),
            requests: HashMap::new(),
            request_order: VecDeque::new(),
        }
    }

    /// Ordinary orders, which are what the trader counts.
    pub(crate) fn open_count(&self) -> u64 {
        self.orders.iter().filter(|order| !matches!(order.id, Id::Algo(..))).count() as u64
    }

    /// Why the list may not be the whole truth.
    pub(crate) fn doubt(&self) -> Option<String> {
        let count = self.open_count();
        let overwritten = match self.lost {
            0 => String::new(),
            lost => format!("; {} records of the journal are overwritten", human::count(lost)),
        };
        match self.counted {
            Some(counted) if counted != count => Some(format!(
                "NOT WHOLE: the trader counts {counted} working orders, the journal tells of \
                 {count}{overwritten}. The venue knows: look there, or `shrike cancel-all`"
            )),
            // The same count makes the list likely, not certain.
            _ if self.lost > 0 => Some(format!(
                "perhaps not whole: {} records of the journal were overwritten before this look; \
                 the trader counts as many orders as are listed",
                human::count(self.lost)
            )),
            _ => None,
        }
    }

    /// Takes the next record.
    pub(crate) fn take(&mut self, seq: u64, record: &Record) {
        if std::mem::take(&mut self.is_first) {
            self.lost += seq.saturating_sub(1);
        }
        let at_ns = record.at_ns;
        match Event::from_record(record) {
            // Another life: what the one before left is found at the venue, told, and cancelled.
            Ok(Event::Boot(..)) => {
                let info = self.info;
                let counted = self.counted;
                *self = Self::new(info);
                (self.has_boot, self.is_first, self.counted) = (true, false, counted);
            }
            Ok(Event::Decision(decision)) => {
                self.decided(&decision.order, decision.request_id, at_ns)
            }
            Ok(Event::Cancel(cancel, request)) => {
                let id = self.id_of(
                    cancel.order.symbol,
                    cancel.order.client_order_id,
                    cancel.order.venue_order_id.0,
                );
                self.change(id, |order| order.is_cancel_pending = true);
                self.ask(request, Request::Cancel(id));
            }
            Ok(Event::Modify(modify, request)) => {
                let id = self.id_of(
                    modify.order.symbol,
                    modify.order.client_order_id,
                    modify.order.venue_order_id.0,
                );
                self.change(id, |order| order.is_change_pending = true);
                self.ask(request, Request::Modify(id));
            }
            Ok(Event::Report(report)) => self.report(&report, at_ns),
            Ok(Event::Reply(reply)) => self.reply(&reply),
            Ok(Event::PlaceAlgo(algo, _)) => {
                self.add(Order {
                    symbol: self.name(algo.symbol),
                    id: Id::Algo(algo.client_order_id, 0),
                    venue_id: 0,
                    side: algo.side,
                    kind: "STOP_MARKET",
                    price: algo.trigger_price,
                    qty: Qty::ZERO,
                    filled: Qty::ZERO,
                    state: AlgoStatus::PendingNew.as_str(),
                    is_cancel_pending: false,
                    is_change_pending: false,
                    reduce_only: true,
                    at_ns,
                });
            }
            Ok(Event::CancelAlgo(algo, _)) => {
                let id = algo_id(algo.client_order_id, algo.algo_id.0);
                self.change(id, |order| order.is_cancel_pending = true);
            }
            Ok(Event::Algo(update)) => {
                let id = algo_id(update.client_order_id, update.algo_id.0);
                if update.status.is_over() {
                    self.end(id);
                } else if !self.ended.contains(&id) {
                    self.add(Order {
                        symbol: self.name(update.symbol),
                        id,
                        venue_id: update.algo_id.0,
                        side: update.side,
                        kind: update.order_type.as_str(),
                        price: update.trigger_price,
                        qty: update.qty,
                        filled: Qty::ZERO,
                        state: update.status.as_str(),
                        is_cancel_pending: false,
                        is_change_pending: false,
                        reduce_only: update.reduce_only || update.close_position,
                        at_ns,
                    });
                }
            }
            _ => {}
        }
    }

    fn name(&self, symbol: SymbolId) -> String {
        let info = self.info.symbols().get(symbol.index());
        info.map_or_else(|| format!("symbol {}", symbol.0), |info| info.name.to_string())
    }

    fn id_of(&self, symbol: SymbolId, ours: ClientOrderId, venue: i64) -> Id {
        if ours == ClientOrderId::NONE { Id::Theirs(symbol.0, venue) } else { Id::Ours(ours) }
    }

    /// Adds an order, or replaces what is known of it; its age stays.
    fn add(&mut self, order: Order) {
        match self.orders.iter_mut().find(|known| known.id == order.id) {
            Some(known) => {
                let kept = (known.at_ns, known.is_cancel_pending, known.is_change_pending);
                *known = order;
                (known.at_ns, known.is_cancel_pending, known.is_change_pending) = kept;
            }
            None => self.orders.push(order),
        }
    }

    fn change(&mut self, id: Id, change: impl FnOnce(&mut Order)) {
        if let Some(order) = self.orders.iter_mut().find(|order| order.id == id) {
            change(order);
        }
    }

    fn end(&mut self, id: Id) {
        self.orders.retain(|order| order.id != id);
        if self.ended.insert(id) {
            self.ended_order.push_back(id);
        }
        if self.ended_order.len() > ENDED_KEPT
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    fn ask(&mut self, request: RequestId, what: Request) {
        self.requests.insert(request, what);
        self.request_order.push_back(request);
        if self.request_order.len() > REQUESTS_KEPT
            && let Some(oldest) = self.request_order.pop_front()
        {
            self.requests.remove(&oldest);
        }
    }

    fn decided(&mut self, order: &NewOrder, request: RequestId, at_ns: u64) {
        let id = Id::Ours(order.client_order_id);
        self.add(Order {
            symbol: self.name(order.symbol),
            id,
            venue_id: 0,
            side: order.side,
            kind: kind_of(order.order_type.as_str(), order.time_in_force.as_str()),
            price: order.price,
            qty: order.qty,
            filled: Qty::ZERO,
            state: OrderStatus::PendingNew.as_str(),
            is_cancel_pending: false,
            is_change_pending: false,
            reduce_only: order.reduce_only,
            at_ns,
        });
        self.ask(request, Request::Place(id));
    }

    fn report(&mut self, report: &ExecutionReport, at_ns: u64) {
        let id = self.id_of(report.symbol, report.client_order_id, report.venue_order_id.0);
        if report.status.is_terminal() {
            return self.end(id);
        }
        let filled = self.orders.iter().find(|order| order.id == id).map(|order| order.filled);
        // One that ended does not live again, and one told late takes nothing back.
        if self.ended.contains(&id) || filled.is_some_and(|filled| filled > report.cum_qty) {
            return;
        }
        self.add(Order {
            symbol: self.name(report.symbol),
            id,
            venue_id: report.venue_order_id.0,
            side: report.side,
            kind: kind_of(report.order_type.as_str(), report.time_in_force.as_str()),
            price: report.price,
            qty: report.qty,
            filled: report.cum_qty,
            state: report.status.as_str(),
            is_cancel_pending: false,
            is_change_pending: false,
            reduce_only: report.reduce_only,
            at_ns,
        });
        self.change(id, |order| order.is_change_pending = false);
    }

    fn reply(&mut self, reply: &OrderReply) {
        let asked = self.requests.remove(&reply.request_id);
        if reply.is_ok() {
            let id = match (asked, reply.client_order_id) {
                (Some(Request::Place(id) | Request::Cancel(id) | Request::Modify(id)), _) => id,
                (None, ClientOrderId::NONE) => return,
                (None, ours) => Id::Ours(ours),
            };
            if reply.order_status.is_terminal() {
                return self.end(id);
            }
            let is_change = matches!(asked, Some(Request::Modify(_)));
            return self.change(id, |order| {
                if reply.order_status != OrderStatus::Unknown {
                    order.state = reply.order_status.as_str();
                    order.filled = order.filled.max(reply.cum_qty);
                }
                if reply.venue_order_id.0 != 0 {
                    order.venue_id = reply.venue_order_id.0;
                }
                if is_change {
                    (order.price, order.qty) = (reply.price, reply.qty);
                    order.is_change_pending = false;
                }
            });
        }
        let is_certain = is_certain_failure(reply);
        match asked {
            Some(Request::Place(id)) if is_certain => self.end(id),
            Some(Request::Place(id)) => {
                self.change(id, |order| order.state = OrderStatus::Unknown.as_str());
            }
            Some(Request::Cancel(id)) if is_certain => {
                self.change(id, |order| order.is_cancel_pending = false);
            }
            Some(Request::Modify(id)) if is_certain => {
                self.change(id, |order| order.is_change_pending = false);
            }
            // What is not certain is told by the venue later.
            Some(Request::Cancel(_) | Request::Modify(_)) => {}
            // Asked what became of it, the venue knows nothing: the trader's own count tells whether
            // it believed that.
            None => {}
        }
    }
}

fn algo_id(ours: ClientOrderId, algo: i64) -> Id {
    Id::Algo(ours, if ours == ClientOrderId::NONE { algo } else { 0 })
}

fn kind_of(order_type: &'static str, time_in_force: &'static str) -> &'static str {
    if order_type == "LIMIT" { time_in_force } else { order_type }
}

/// Whether a request was certainly not carried out (PROTOCOL section 7).
fn is_certain_failure(reply: &OrderReply) -> bool {
    match (reply.status, reply.code) {
        (_, -1001 | -1008 | -1016) => true,
        (_, -1000 | -1006 | -1007 | -4116) => false,
        (400..=499, _) => reply.status != 408,
        _ => false,
    }
}

impl Order {
    /// Above the lines.
    pub(crate) const HEAD: &'static str = "symbol     side  type          price          qty       filled        age  state              id";

    fn is_unknown(&self) -> bool {
        self.state == OrderStatus::Unknown.as_str()
    }

    fn state_words(&self) -> String {
        let pending = match (self.is_cancel_pending, self.is_change_pending) {
            (true, _) => ", cancel sent",
            (false, true) => ", change sent",
            _ => "",
        };
        let unknown = if self.is_unknown() { " (!) live until the venue says" } else { "" };
        format!("{}{pending}{unknown}", self.state)
    }

    fn id_text(&self) -> String {
        match self.id {
            Id::Ours(id) | Id::Algo(id, _) if id != ClientOrderId::NONE => id.to_string(),
            _ => format!("venue {}", self.venue_id),
        }
    }

    /// For people.
    pub(crate) fn line(&self, symbols: &[SymbolInfo]) -> String {
        let info = symbols.iter().find(|info| info.name.as_str() == self.symbol);
        let tick = human::decimals(info.map_or(1, |info| info.tick_size));
        let step = human::decimals(info.map_or(1, |info| info.step_size));
        let reduce = if self.reduce_only { " reduce-only" } else { "" };
        format!(
            "{:<10} {:<4}  {:<6} {:>12.tick$} {:>12.step$} {:>12.step$} {:>10}  {:<18} {}{reduce}",
            self.symbol,
            self.side,
            self.kind,
            self.price,
            self.qty,
            self.filled,
            human::duration(mono_ns().saturating_sub(self.at_ns)),
            self.state_words(),
            self.id_text(),
        )
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let ours = match self.id {
            Id::Ours(id) | Id::Algo(id, _) if id != ClientOrderId::NONE => Some(id.to_string()),
            _ => None,
        };
        json!({
            "symbol": self.symbol, "client_order_id": ours, "order_id": self.venue_id,
            "conditional": matches!(self.id, Id::Algo(..)),
            "external": ours.is_none(), "side": self.side.as_str(), "type": self.kind,
            "price": self.price.to_string(), "qty": self.qty.to_string(),
            "filled": self.filled.to_string(), "state": self.state,
            "cancel_pending": self.is_cancel_pending, "change_pending": self.is_change_pending,
            "unknown": self.is_unknown(), "reduce_only": self.reduce_only,
            "age_ns": mono_ns().saturating_sub(self.at_ns),
        })
    }
}

#[cfg(test)]
mod tests;
