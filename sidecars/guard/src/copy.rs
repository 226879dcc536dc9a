//! Drop copy: whether venue and journal tell of the same fills, orders and positions.
//!
//! guard asks the venue itself, with its own key, and reads the trader's journal without holding it
//! up. Either side may be ahead of the other for a while: a message is on its way, a question was
//! asked a moment earlier. So a difference counts when it stood for [`STANDS_NS`] and was seen at
//! least twice; it is over when the sides agree again, and one of a fill told in two ways stands
//! until comparing begins anew.
//!
//! Comparing begins at what the venue tells first and begins anew ([`Comparison::begin_anew`]) when
//! records were lost, when the trader was silent, and with another trader: what came before was not
//! seen here on both sides. Only symbols of the run are compared. The trader's own account truth in
//! the journal counts as told: what it found out by asking it knows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schema::{ClientOrderId, Event, ExecType, OrderStatus, SymbolId, SymbolName, Taken, TruthHead};

mod held;

pub use held::Held;

/// How long a difference stands before it counts.
pub const STANDS_NS: u64 = 5_000_000_000;
/// Most fills of one side kept unmatched; beyond, comparing begins anew.
const UNMATCHED_MAX: usize = 50_000;
/// Fills and orders remembered that are done with.
const DONE_MAX: usize = 50_000;
/// Most orders of ours kept that were sent and not heard of.
const SENT_MAX: usize = 10_000;

/// A fill as one side tells it; units of 1e-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Quantity.
    pub qty: i64,
    /// Price.
    pub price: i64,
    /// Commission; `None` if it was not paid in the quote asset.
    pub commission: Option<i64>,
}

impl Fill {
    fn is_like(&self, other: &Self) -> bool {
        let is_paid_alike = match (self.commission, other.commission) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        self.qty == other.qty && self.price == other.price && is_paid_alike
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A fill, by its trade id.
    Fill,
    /// An order, by the venue's id.
    Order,
    /// A conditional order, by the venue's id of it.
    Algo,
    /// The position of a symbol.
    Position,
}

/// One thing that is compared: symbol and id.
type Key = (u16, i64);

/// An order the venue says is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Symbol.
    pub symbol: SymbolId,
    /// The venue's id.
    pub id: i64,
    /// Our id, or [`ClientOrderId::NONE`].
    pub client: ClientOrderId,
}

/// What the venue told when it was asked once.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Monotonic time of the question, ns.
    pub asked_ns: u64,
    /// Newest trade id of each symbol told so far.
    pub newest: Vec<(SymbolId, i64)>,
    /// Fills told for the first time.
    pub fills: Vec<(SymbolId, i64, Fill)>,
    /// Orders.
    pub orders: Vec<Open>,
    /// Conditional orders.
    pub algos: Vec<Open>,
}

#[derive(Debug, Clone)]
struct Standing {
    since_ns: u64,
    seen: u32,
    is_counted: bool,
    text: String,
}

/// The newest of what is done with: the journal may tell of it again (by the other connection, or
/// after REST had told it), which opens nothing.
#[derive(Debug, Default)]
struct Done {
    keys: BTreeSet<Key>,
    order: VecDeque<Key>,
}

impl Done {
    fn add(&mut self, key: Key) {
        if self.keys.insert(key) {
            self.order.push_back(key);
        }
        if self.order.len() > DONE_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
    fn has(&self, key: &Key) -> bool {
        self.keys.contains(key)
    }
}

/// The orders of one book as the journal tells them.
#[derive(Debug, Default)]
struct Book {
    /// Ended.
    ended: Done,
    /// Working, and when that was told.
    working: BTreeMap<Key, u64>,
    /// At the venue when comparing began, and not heard of since.
    before: BTreeSet<Key>,
}

impl Book {
    fn take(&mut self, key: Key, is_over: bool, at_ns: u64) {
        self.before.remove(&key);
        if is_over {
            self.working.remove(&key);
            self.ended.add(key);
        } else if !self.ended.has(&key) {
            self.working.entry(key).or_insert(at_ns);
        }
    }
    /// The book is this, as of account truth.
    fn replace(&mut self, keys: &[Key], at_ns: u64) {
        let old = core::mem::take(&mut self.working);
        let since = |key: &Key| old.get(key).copied().unwrap_or(at_ns);
        self.working = keys.iter().map(|key| (*key, since(key))).collect();
    }
}

/// Account truth being read from the journal.
#[derive(Debug)]
struct Reading {
    head: TruthHead,
    orders: Vec<Key>,
    algos: Vec<Key>,
}

/// Venue and journal beside each other.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Newest trade of each symbol when comparing began.
    base: Option<BTreeMap<u16, i64>>,
    /// Told by the venue alone so far.
    venue: BTreeMap<Key, Fill>,
    /// Told by the journal alone so far, and when.
    journal: BTreeMap<Key, (Fill, u64)>,
    /// Told alike by both.
    agreed: Done,
    /// Told in two ways.
    unlike: BTreeMap<Key, (Fill, Fill)>,
    orders: Book,
    algos: Book,
    /// Orders of ours that were sent and have not ended.
    sent: BTreeSet<u64>,
    reading: Option<Reading>,
    standing: BTreeMap<(What, Key), Standing>,
    /// Comparisons made.
    pub comparisons: u64,
    /// Differences that counted.
    pub differences: u64,
}

/// What the journal tells.
impl Comparison {
    /// Takes an event of the journal, read at `at_ns`.
    pub fn heard(&mut self, event: &Event, at_ns: u64) {
        match event {
            Event::Decision(decision) => {
                self.sent.insert(decision.order.client_order_id.0);
                if self.sent.len() > SENT_MAX {
                    self.sent.pop_first();
                }
            }
            Event::Report(report) => {
                let key = (report.symbol.0, report.venue_order_id.0);
                let is_order = !matches!(
                    report.status,
                    OrderStatus::NewInsurance | OrderStatus::NewAdl | OrderStatus::Unknown
                );
                if is_order {
                    self.orders.take(key, report.status.is_terminal(), at_ns);
                }
                if report.status.is_terminal() {
                    self.sent.remove(&report.client_order_id.0);
                }
                let is_fill = matches!(report.exec_type, ExecType::Trade | ExecType::Calculated);
                if is_fill && report.trade_id.0 > 0 {
                    let fill = Fill {
                        qty: report.last_qty.units(),
                        price: report.last_price.units(),
                        commission: Some(report.commission.units()),
                    };
                    self.filled((report.symbol.0, report.trade_id.0), fill, at_ns);
                }
            }
            Event::Algo(update) => {
                let key = (update.symbol.0, update.algo_id.0);
                self.algos.take(key, update.status.is_over(), at_ns);
            }
            Event::Taken(taken) => self.truth(taken, at_ns),
            _ => {}
        }
    }

    fn filled(&mut self, key: Key, fill: Fill, at_ns: u64) {
        let base = self.base.as_ref().and_then(|base| base.get(&key.0));
        if base.is_some_and(|base| key.1 <= *base) {
            return;
        }
        if self.agreed.has(&key) {
            return;
        }
        match self.venue.remove(&key) {
            Some(theirs) if theirs.is_like(&fill) => self.agreed.add(key),
            Some(theirs) => drop(self.unlike.insert(key, (fill, theirs))),
            None => drop(self.journal.insert(key, (fill, at_ns))),
        }
    }

    fn truth(&mut self, taken: &Taken, at_ns: u64) {
        match taken {
            Taken::Truth(head) if head.is_complete => {
                self.reading = Some(Reading { head: *head, orders: Vec::new(), algos: Vec::new() });
            }
            Taken::Truth(_) => self.reading = None,
            Taken::TruthOrder(order) => {
                if let Some(reading) = &mut self.reading {
                    reading.orders.push((order.symbol.0, order.venue_order_id.0));
                }
            }
            Taken::TruthAlgo(algo) => {
                if let Some(reading) = &mut self.reading {
                    reading.algos.push((algo.symbol.0, algo.algo_id.0));
                }
            }
            _ => return,
        }
        let is_whole = self.reading.as_ref().is_some_and(|reading| {
            reading.orders.len() >= usize::from(reading.head.orders)
                && reading.algos.len() >= usize::from(reading.head.algos.unwrap_or(0))
        });
        if let Some(reading) = self.reading.take_if(|_| is_whole) {
            self.orders.replace(&reading.orders, at_ns);
            if reading.head.algos.is_some() {
                self.algos.replace(&reading.algos, at_ns);
            }
        }
    }
}

/// What the venue tells, and the comparison.
impl Comparison {
    /// Forgets both sides and what stood; the next answer of the venue is where it begins.
    pub fn begin_anew(&mut self) {
        let (comparisons, differences) = (self.comparisons, self.differences);
        *self = Self { comparisons, differences, ..Self::default() };
    }

    /// Takes what the venue told, answered at `now_ns`.
    pub fn told(&mut self, told: &Told, now_ns: u64) {
        let Some(base) = &self.base else { return self.begin(told) };
        for (symbol, id, fill) in &told.fills {
            let key = (symbol.0, *id);
            if base.get(&symbol.0).is_some_and(|base| id <= base) {
                continue;
            }
            match self.journal.remove(&key) {
                Some((ours, _)) if ours.is_like(fill) => self.agreed.add(key),
                Some((ours, _)) => drop(self.unlike.insert(key, (ours, *fill))),
                None => drop(self.venue.insert(key, *fill)),
            }
        }
        if self.venue.len() + self.journal.len() > UNMATCHED_MAX {
            log::warn!("{UNMATCHED_MAX} fills of one side alone: comparing begins anew");
            return self.begin_anew();
        }
        let mut found = self.fills(told.asked_ns);
        self.book(What::Order, &told.orders, told.asked_ns, &mut found);
        self.book(What::Algo, &told.algos, told.asked_ns, &mut found);
        self.comparisons += 1;
        self.settle(|what| what != What::Position, found, now_ns);
    }

    fn begin(&mut self, told: &Told) {
        let base: BTreeMap<u16, i64> =
            told.newest.iter().map(|(symbol, id)| (symbol.0, *id)).collect();
        self.journal.retain(|key, _| base.get(&key.0).is_none_or(|base| key.1 > *base));
        let keys = |open: &[Open]| open.iter().map(|open| (open.symbol.0, open.id)).collect();
        self.orders.before = keys(&told.orders);
        self.algos.before = keys(&told.algos);
        self.base = Some(base);
    }

    fn fills(&self, asked_ns: u64) -> BTreeMap<(What, Key), String> {
        let show = |fill: &Fill| {
            let price = schema::Price::from_units(fill.price);
            format!("{} at {price}", schema::Qty::from_units(fill.qty))
        };
        let missing = self.venue.iter().map(|(key, fill)| {
            (
                *key,
                format!("the venue tells of trade {}, {}; the journal does not", key.1, show(fill)),
            )
        });
        let invented = self.journal.iter().filter(|(_, (_, at_ns))| *at_ns < asked_ns);
        let invented = invented.map(|(key, (fill, _))| {
            (
                *key,
                format!("the journal tells of trade {}, {}; the venue does not", key.1, show(fill)),
            )
        });
        let unlike = self.unlike.iter().map(|(key, (ours, theirs))| {
            let text =
                format!("trade {} is {ours:?} in the journal and {theirs:?} at the venue", key.1);
            (*key, text)
        });
        let all = missing.chain(invented).chain(unlike);
        all.map(|(key, text)| ((What::Fill, key), text)).collect()
    }

    fn book(
        &self,
        what: What,
        open: &[Open],
        asked_ns: u64,
        found: &mut BTreeMap<(What, Key), String>,
    ) {
        let (book, name) = match what {
            What::Algo => (&self.algos, "conditional order"),
            _ => (&self.orders, "order"),
        };
        let there: BTreeSet<Key> = open.iter().map(|open| (open.symbol.0, open.id)).collect();
        for order in open {
            let key = (order.symbol.0, order.id);
            let is_known = book.working.contains_key(&key)
                || book.before.contains(&key)
                || self.sent.contains(&order.client.0);
            if !is_known {
                let text = format!("{name} {} is open at the venue, not in the journal", key.1);
                found.insert((what, key), text);
            }
        }
        for (key, since_ns) in &book.working {
            if !there.contains(key) && *since_ns < asked_ns {
                let text = format!("{name} {} is open in the journal, not at the venue", key.1);
                found.insert((what, *key), text);
            }
        }
    }

    /// Takes positions the venue told, asked and answered at these monotonic times: each must be
    /// one the trader held about then.
    pub fn positions(
        &mut self,
        told: &[(SymbolId, i64)],
        held: &Held,
        asked_ns: u64,
        answered_ns: u64,
    ) {
        let mut found = BTreeMap::new();
        for (symbol, qty) in told {
            if let Some(ours) = held.differs(*symbol, *qty, asked_ns, answered_ns) {
                let (ours, theirs) = (schema::Qty::from_units(ours), schema::Qty::from_units(*qty));
                let text = format!("the trader holds {ours}, the venue says {theirs}");
                found.insert((What::Position, (symbol.0, 0)), text);
            }
        }
        self.comparisons += 1;
        self.settle(|what| what == What::Position, found, answered_ns);
    }

    /// What is found stands on, or begins to; what is not found any more is over.
    fn settle(
        &mut self,
        is_asked: impl Fn(What) -> bool,
        found: BTreeMap<(What, Key), String>,
        now_ns: u64,
    ) {
        self.standing.retain(|key, _| !is_asked(key.0) || found.contains_key(key));
        for (key, text) in found {
            let standing = self.standing.entry(key).or_insert_with(|| Standing {
                since_ns: now_ns,
                seen: 0,
                is_counted: false,
                text: String::new(),
            });
            standing.seen += 1;
            standing.text = text;
            let stood_ns = now_ns.saturating_sub(standing.since_ns);
            if !standing.is_counted && standing.seen >= 2 && stood_ns >= STANDS_NS {
                standing.is_counted = true;
                self.differences += 1;
            }
        }
    }

    /// Differences that count now, for people.
    pub fn standing<'a>(&'a self, symbols: &'a [SymbolName]) -> impl Iterator<Item = String> + 'a {
        self.standing.iter().filter(|(_, standing)| standing.is_counted).map(
            |((_, (symbol, _)), standing)| {
                let name = symbols.get(usize::from(*symbol)).map_or("?", SymbolName::as_str);
                format!("{name}: {}", standing.text)
            },
        )
    }

    /// Whether one counts now.
    pub fn is_different(&self) -> bool {
        self.standing.values().any(|standing| standing.is_counted)
    }
}

#[cfg(test)]
mod tests;
