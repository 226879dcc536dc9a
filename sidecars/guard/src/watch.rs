//! The loop that gives the verdict: reads what others told, judges, publishes, presses.
//!
//! It never waits: the venue is asked by other threads, which tell it by a queue; records go to
//! the disk by another one; the kill switch is carried out by another one. The one thing it writes
//! itself is the latch, because a kill that a reboot forgets is none; it is pressed in memory and
//! published first.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use rings::latch::Pressed;
use schema::{Event, SymbolId, SymbolName, TradingState, Verdict};

use crate::alert::Alerts;
use crate::clock::{mono_ns, wall_ns};
use crate::config::Config;
use crate::copy::{Comparison, Held, Open, Told};
use crate::killer::{Killer, Seen};
use crate::latency::Latency;
use crate::look::{Copied, News};
use crate::portfolio::{Account, margin_ratio_ppm};
use crate::publish::Publisher;
use crate::record::{Equity, Record, Taken};
use crate::requests::Requests;
use crate::trader::Trader;
use crate::triggers;
use crate::var::{Estimate, Minutes};

mod judge;
mod switch;

/// Pause between two turns: the latch and the signal are looked at this often.
pub const TURN: Duration = Duration::from_millis(50);
/// Time between two publications of which nothing changed, ns.
const PUBLISH_EVERY_NS: u64 = 1_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// How long the first answer of the venue may take before people are told, ns.
const VENUE_PATIENCE_NS: u64 = 5_000_000_000;

/// The account as it is known.
#[derive(Debug, Default)]
struct Known {
    /// Newest account that was believed.
    account: Option<Account>,
    answered_ns: u64,
    /// Margin ratio of the answer before, ppm.
    margin_before: i64,
    marks: HashMap<SymbolName, i64>,
    orders: u64,
    other_orders: u64,
}

/// How the kill switch is.
#[derive(Debug)]
struct Switch {
    pressed: Pressed,
    /// Whether the latch file was seen or written.
    is_on_disk: bool,
    /// When the next try to write it is due, ns.
    write_at_ns: u64,
}

/// Everything the loop holds.
pub struct Watch {
    config: Config,
    publisher: Publisher,
    alerts: Alerts,
    news: Receiver<News>,
    records: Sender<Record>,
    signal: Arc<AtomicBool>,
    is_suspected: Arc<AtomicBool>,
    is_killed: Arc<AtomicBool>,
    killer: Killer,
    trader: Trader,
    known: Known,
    equity: Equity,
    minutes: Minutes,
    estimate: Estimate,
    requests: Requests,
    latency: Latency,
    p99_ns: u64,
    comparison: Comparison,
    held: Held,
    switch: Option<Switch>,
    /// The latch cannot be read: nobody knows whether it is pressed.
    is_latch_unreadable: bool,
    are_builds_alike: bool,
    started_ns: u64,
    /// Since when a silent trader is waited for, ns.
    waits_since_ns: u64,
    published: Option<(u64, Verdict, u64)>,
    looked_second: u64,
    said_differences: Vec<String>,
    saved: Option<Record>,
}

/// What the loop is made of.
pub struct Parts {
    /// The segments.
    pub publisher: Publisher,
    /// Alerts.
    pub alerts: Alerts,
    /// News of the venue.
    pub news: Receiver<News>,
    /// Records to be written to the disk.
    pub records: Sender<Record>,
    /// Set by a signal that presses the switch.
    pub signal: Arc<AtomicBool>,
    /// Told to the thread that asks for the account: one more answer is wanted at once.
    pub is_suspected: Arc<AtomicBool>,
    /// Told to the threads that ask: the switch is pressed.
    pub is_killed: Arc<AtomicBool>,
    /// Carries the switch out.
    pub killer: Killer,
    /// What an earlier run remembered.
    pub record: Option<Record>,
}

impl Watch {
    /// Puts it together.
    ///
    /// # Errors
    /// If a histogram cannot be made, which its constants forbid.
    pub fn new(config: Config, parts: Parts) -> anyhow::Result<Self> {
        let account = format!("{} {}", config.venue.rest_url, config.instance);
        let record = parts.record.filter(|record| record.account == account);
        let breaches = record.as_ref().map(|record| record.breaches.clone()).unwrap_or_default();
        Ok(Self {
            trader: Trader::new(&config.instance),
            equity: Equity::new(&account, record.as_ref()),
            minutes: Minutes::with_breaches(&breaches),
            config,
            publisher: parts.publisher,
            alerts: parts.alerts,
            news: parts.news,
            records: parts.records,
            signal: parts.signal,
            is_suspected: parts.is_suspected,
            is_killed: parts.is_killed,
            killer: parts.killer,
            known: Known::default(),
            estimate: Estimate::default(),
            requests: Requests::default(),
            latency: Latency::new()?,
            p99_ns: 0,
            comparison: Comparison::default(),
            held: Held::default(),
            switch: None,
            is_latch_unreadable: false,
            are_builds_alike: true,
            started_ns: mono_ns(),
            waits_since_ns: mono_ns(),
            published: None,
            looked_second: 0,
            said_differences: Vec::new(),
            saved: record,
        })
    }

    /// One turn; called every [`TURN`].
    pub fn turn(&mut self) {
        let (now_ns, wall) = (mono_ns(), wall_ns());
        self.look_at_switch(now_ns, wall);
        self.look_at_trader(now_ns);
        while let Ok(news) = self.news.try_recv() {
            self.take(news, now_ns, wall);
        }
        if now_ns / SECOND_NS != self.looked_second {
            self.looked_second = now_ns / SECOND_NS;
            self.p99_ns = self.latency.p99_ns(self.looked_second);
            self.each_second();
        }
        let risk = self.risk(now_ns, wall);
        let facts = self.facts(now_ns);
        if self.switch.is_none()
            && let Some((trigger, why)) =
                triggers::trigger(&risk, &facts, &self.config.guard.thresholds)
        {
            self.press(trigger, why, now_ns, wall);
        }
        self.publish(risk, now_ns);
        self.write_latch(now_ns);
    }

    /// Ends: what is known goes to the disk by the thread that writes it, alerts get a moment.
    pub fn finish(self, wait: Duration) {
        self.alerts.finish(wait);
    }
}

/// What others tell.
impl Watch {
    fn look_at_trader(&mut self, now_ns: u64) {
        let look = self.trader.look(now_ns);
        if look.is_anew {
            self.comparison.begin_anew();
            self.held.clear();
        }
        let tsc_hz = self.trader.info().map_or(0, |info| info.tsc_hz);
        for (event, second) in look.events.iter().zip(&look.seconds) {
            self.comparison.heard(event, now_ns);
            if let Event::Stages(stages) = event {
                self.latency.take(stages, tsc_hz, *second);
            }
        }
        let mut is_killed = false;
        if let Some(status) = self.trader.status() {
            self.held.take(status);
            let pid = self.trader.info().map_or(0, |info| info.pid);
            self.requests.trader(now_ns / SECOND_NS, pid, status);
            is_killed = status.trading_state == TradingState::Killed as u64;
        }
        let is_fresh = self.trader.age_ns(now_ns) < SECOND_NS;
        self.killer.trader(Seen { is_fresh, is_killed: is_fresh && is_killed }, now_ns);
    }

    fn take(&mut self, news: News, now_ns: u64, wall: i64) {
        match news {
            News::Asked(count) => self.requests.own(now_ns / SECOND_NS, count),
            News::Marks(marks) => self.known.marks.extend(marks),
            News::Candles(symbol, closes) => {
                // The last one is not over.
                let whole = closes.len().saturating_sub(1);
                self.minutes.returns.candles(symbol, &closes[..whole]);
            }
            News::OtherOrders(count) => self.known.other_orders = count,
            News::Copied(copied) => self.copied(&copied, now_ns),
            News::Account { asked_ns, answered_ns, account } => {
                self.account(asked_ns, answered_ns, account, wall);
            }
        }
    }

    fn account(&mut self, asked_ns: u64, answered_ns: u64, account: Account, wall: i64) {
        if self.equity.take(account.wallet, account.equity, wall) == Taken::Suspect {
            log::warn!("the account is told as empty; not believed");
            return;
        }
        let marks = account.positions.iter().map(|position| (position.symbol, position.mark));
        self.known.marks.extend(marks);
        if let Some((loss, var)) = self.minutes.take(wall, &account.positions, &self.known.marks) {
            let (loss, var) = (money(loss), money(var));
            log::warn!("a minute lost {loss}, beyond its value at risk at 99 % of {var}");
        }
        self.estimate = self.minutes.returns.estimate(&account.positions);
        if self.trader.is_comparable(answered_ns) {
            let of = |symbol: &SymbolName| {
                let held = account.positions.iter().find(|position| position.symbol == *symbol);
                held.map_or(0, |position| position.qty)
            };
            let symbols = self.trader.symbols();
            let told: Vec<(SymbolId, i64)> =
                ids(&symbols).map(|(symbol, id)| (id, of(symbol))).collect();
            self.comparison.positions(&told, &self.held, asked_ns, answered_ns);
        }
        self.known.margin_before = self.known.account.as_ref().map_or(0, margin_ratio_ppm);
        let newest = (self.equity.now().unwrap_or(0), margin_ratio_ppm(&account));
        let thresholds = &self.config.guard.thresholds;
        if self.switch.is_none() && triggers::is_suspected(self.equity.peak(), newest, thresholds) {
            self.is_suspected.store(true, Ordering::Relaxed);
        }
        self.known.account = Some(account);
        self.known.answered_ns = answered_ns;
        self.save(wall);
    }

    fn copied(&mut self, copied: &Copied, now_ns: u64) {
        self.known.orders = (copied.orders.len() + copied.algos.len()) as u64;
        if !self.trader.is_comparable(now_ns) {
            return;
        }
        let symbols = self.trader.symbols();
        let id =
            |name: &SymbolName| ids(&symbols).find(|(symbol, _)| *symbol == name).map(|(_, id)| id);
        let open = |orders: &[crate::look::OpenOrder]| {
            let known = orders.iter().filter_map(|order| {
                Some(Open { symbol: id(&order.symbol)?, id: order.id, client: order.client })
            });
            known.collect()
        };
        let told = Told {
            asked_ns: copied.asked_ns,
            newest: copied.newest.iter().filter_map(|(name, at)| Some((id(name)?, *at))).collect(),
            fills: copied
                .fills
                .iter()
                .filter_map(|(name, at, fill)| Some((id(name)?, *at, *fill)))
                .collect(),
            orders: open(&copied.orders),
            algos: open(&copied.algos),
        };
        self.comparison.told(&told, now_ns);
        let said: Vec<String> = self.comparison.standing(&symbols).collect();
        for text in said.iter().filter(|text| !self.said_differences.contains(text)) {
            log::error!("venue and journal differ: {text}");
        }
        self.said_differences = said;
    }

    fn save(&mut self, wall: i64) {
        let record = self.equity.record(self.minutes.recent(wall).collect());
        if record != self.saved {
            self.saved.clone_from(&record);
            if let Some(record) = record {
                // The thread that writes lives as long as this one.
                let _ = self.records.send(record);
            }
        }
    }

    fn each_second(&mut self) {
        let ours = crate::publish::build();
        let processes = rings::processes(&self.config.instance);
        let others: Vec<_> = processes.iter().filter(|process| process.build != ours).collect();
        if self.are_builds_alike != others.is_empty() {
            match others.first() {
                Some(other) => {
                    log::error!("{} is of build {}, guard of {ours}", other.name, other.build)
                }
                None => log::info!("all processes are of one build again"),
            }
        }
        self.are_builds_alike = others.is_empty();
    }
}

fn ids(symbols: &[SymbolName]) -> impl Iterator<Item = (&SymbolName, SymbolId)> {
    symbols.iter().zip(0..).map(|(symbol, id)| (symbol, SymbolId(id)))
}

fn money(units: i64) -> String {
    schema::Notional::from_units(units).to_string()
}
