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

use rings::latch::{self, Pressed};
use schema::{
    Event, KillStep, KillTrigger, PortfolioRisk, PortfolioSymbol, RiskReason, SYMBOLS_MAX,
    SymbolId, SymbolName, Verdict,
};

use crate::alert::Alerts;
use crate::clock::{mono_ns, wall_ns};
use crate::config::Config;
use crate::copy::{Comparison, Held, Open, Told};
use crate::killer::Killer;
use crate::latency::Latency;
use crate::look::{Copied, News};
use crate::portfolio::{Account, Exposure, fall_ppm, margin_ratio_ppm};
use crate::publish::Publisher;
use crate::record::{Equity, Record, Taken};
use crate::requests::Requests;
use crate::trader::Trader;
use crate::triggers::{self, Allowed, Facts};
use crate::var::{Estimate, Minutes};

/// Pause between two turns: the latch and the signal are looked at this often.
pub const TURN: Duration = Duration::from_millis(50);
/// Time between two publications of which nothing changed, ns.
const PUBLISH_EVERY_NS: u64 = 1_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;

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

/// The switch.
impl Watch {
    fn look_at_switch(&mut self, now_ns: u64, wall: i64) {
        if self.signal.swap(false, Ordering::Relaxed) && self.switch.is_none() {
            self.press(KillTrigger::Signal, "SIGUSR1 to guard".to_owned(), now_ns, wall);
        }
        let path = self.config.kill.latch();
        let was_unreadable = self.is_latch_unreadable;
        match latch::read(&path) {
            Ok(Some(pressed)) => {
                self.is_latch_unreadable = false;
                match &mut self.switch {
                    Some(switch) => switch.is_on_disk = true,
                    None => {
                        log::error!("killed: {} ({})", pressed.trigger, pressed.reason);
                        self.carry_out(pressed, true, now_ns, wall);
                    }
                }
            }
            Ok(None) => {
                self.is_latch_unreadable = false;
                if self.switch.as_ref().is_some_and(|switch| switch.is_on_disk) {
                    self.release(now_ns, wall);
                }
            }
            Err(error) => {
                self.is_latch_unreadable = true;
                if !was_unreadable {
                    let path = path.display();
                    log::error!("{path}: {error}; no risk is added while it cannot be read");
                }
            }
        }
    }

    /// Presses it in memory; the file follows when that is published.
    fn press(&mut self, trigger: KillTrigger, reason: String, now_ns: u64, wall: i64) {
        log::error!("pressing the kill switch: {trigger}: {reason}");
        let uid = rustix::process::getuid().as_raw();
        let by = crate::publish::NAME.to_owned();
        self.carry_out(Pressed { trigger, uid, wall_ns: wall, reason, by }, false, now_ns, wall);
    }

    fn carry_out(&mut self, pressed: Pressed, is_on_disk: bool, now_ns: u64, wall: i64) {
        // A file that says no time, or one to come, was made when it was seen.
        let ago = u64::try_from(wall.saturating_sub(pressed.wall_ns)).unwrap_or(0);
        let ago = if pressed.wall_ns == 0 { 0 } else { ago };
        self.killer.press(now_ns.saturating_sub(ago));
        self.switch = Some(Switch { pressed, is_on_disk, write_at_ns: now_ns });
    }

    fn write_latch(&mut self, now_ns: u64) {
        let Some(switch) = &mut self.switch else { return };
        if switch.is_on_disk || now_ns < switch.write_at_ns {
            return;
        }
        let path = self.config.kill.latch();
        match latch::press(&path, &switch.pressed) {
            Ok(_) => switch.is_on_disk = true,
            Err(error) => {
                log::error!("{}: {error}; the kill goes on without its latch", path.display());
                switch.write_at_ns = now_ns + SECOND_NS;
            }
        }
    }

    /// A person took the latch away: everything that pressed it begins anew.
    fn release(&mut self, now_ns: u64, wall: i64) {
        log::warn!("the kill switch is released: highest equity, day and breaches begin anew");
        self.switch = None;
        self.killer.release();
        self.equity.begin_anew();
        self.minutes.forget_breaches();
        self.requests.forget();
        self.comparison.begin_anew();
        self.waits_since_ns = now_ns;
        self.save(wall);
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
        if let Some(status) = self.trader.status() {
            self.held.take(status);
            let pid = self.trader.info().map_or(0, |info| info.pid);
            self.requests.trader(now_ns / SECOND_NS, pid, status);
            let is_fresh = self.trader.age_ns(now_ns) < SECOND_NS;
            let is_busy = status.open_orders > 0
                || status.symbols.iter().any(|symbol| symbol.position_qty != 0);
            self.killer.trader(is_fresh && is_busy, is_fresh, status);
        }
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

/// The judgement.
impl Watch {
    fn is_anything_on(&self) -> bool {
        let is_held = self.known.account.as_ref().is_some_and(|all| !all.positions.is_empty());
        is_held || self.known.orders + self.known.other_orders > 0
    }

    fn facts(&self, now_ns: u64) -> Facts {
        let account = self.known.account.as_ref();
        let margin = account.map_or(0, margin_ratio_ppm);
        let heard_ns = self.trader.heard_ns().max(self.waits_since_ns);
        Facts {
            confirmed_equity: self.equity.confirmed().unwrap_or(0),
            confirmed_margin_ppm: margin.min(self.known.margin_before),
            requests: self.requests.minute(now_ns / SECOND_NS),
            is_anything_on: self.is_anything_on(),
            trader_silent_ns: now_ns.saturating_sub(heard_ns),
            is_trader_alive: self.trader.is_alive(),
            is_different: self.comparison.is_different(),
            are_builds_alike: self.are_builds_alike,
            is_killed: self.switch.is_some() || self.is_latch_unreadable,
        }
    }

    /// The numbers as they are now, without reasons and what publication adds.
    fn risk(&self, now_ns: u64, wall: i64) -> PortfolioRisk {
        let empty = Account::default();
        let account = self.known.account.as_ref().unwrap_or(&empty);
        let exposure = Exposure::of(&account.positions);
        let equity = self.equity.now().unwrap_or(0);
        let requests = self.requests.minute(now_ns / SECOND_NS);
        let is_known = self.known.account.is_some();
        let counts = self.alerts.counts();
        let fall = |from: i64| if is_known { fall_ppm(from, equity) } else { 0 };
        PortfolioRisk {
            mono_ns: now_ns,
            wall_ns: wall,
            venue_age_ns: match self.known.answered_ns {
                0 => u64::MAX,
                answered_ns => now_ns.saturating_sub(answered_ns),
            },
            trader_age_ns: self.trader.age_ns(now_ns),
            equity,
            peak_equity: self.equity.peak(),
            day_equity: self.equity.of_day(),
            drawdown_ppm: fall(self.equity.peak()),
            day_drawdown_ppm: fall(self.equity.of_day()),
            gross: exposure.gross,
            net: exposure.net,
            leverage_e2: exposure.leverage_e2(equity),
            maintenance_margin: account.maintenance_margin,
            margin_ratio_ppm: margin_ratio_ppm(account),
            liquidation_distance_ppm: exposure.liquidation_distance_ppm,
            var_95: self.estimate.var_95,
            var_99: self.estimate.var_99,
            es_95: self.estimate.es_95,
            es_99: self.estimate.es_99,
            var_samples: self.estimate.samples,
            var_breaches: self.minutes.breaches(wall),
            api_requests: requests.requests,
            api_errors: requests.errors,
            api_error_ppm: requests.error_ppm(),
            latency_p99_ns: self.p99_ns,
            comparisons: self.comparison.comparisons,
            differences: self.comparison.differences,
            open_orders: self.known.orders + self.known.other_orders,
            alerts: counts.on,
            alerts_undelivered: counts.undelivered,
            symbols: self.symbols(account),
            ..PortfolioRisk::default()
        }
    }

    fn symbols(&self, account: &Account) -> [PortfolioSymbol; SYMBOLS_MAX] {
        let mut rows = [PortfolioSymbol::default(); SYMBOLS_MAX];
        let names = match self.trader.info() {
            Some(_) => self.trader.symbols(),
            None => self.config.symbols.clone(),
        };
        for (row, name) in rows.iter_mut().zip(&names) {
            row.mark_price = self.known.marks.get(name).copied().unwrap_or(0);
            row.liquidation_distance_ppm = i64::MAX;
            if let Some(held) = account.positions.iter().find(|held| held.symbol == *name) {
                *row = PortfolioSymbol {
                    position_qty: held.qty,
                    mark_price: held.mark,
                    notional: held.notional(),
                    unrealized_pnl: held.unrealized,
                    liquidation_price: held.liquidation,
                    liquidation_distance_ppm: held.liquidation_distance_ppm(),
                };
            }
        }
        rows
    }

    /// Publishes when it is time or something changed, and tells the alerts each second.
    fn publish(&mut self, mut risk: PortfolioRisk, now_ns: u64) {
        let facts = self.facts(now_ns);
        let config = &self.config;
        let allowed = Allowed { capital: config.capital, leverage_max: config.leverage_max };
        risk.reasons = triggers::reasons(&risk, &facts, &config.guard.thresholds, allowed);
        let mut verdict = Verdict {
            mono_ns: now_ns,
            sequence: 0,
            may_add_risk: u64::from(risk.reasons == 0),
            killed: u64::from(self.switch.is_some()),
            trigger: 0,
            reasons: risk.reasons,
        };
        if let Some(switch) = &self.switch {
            let progress = self.killer.progress();
            verdict.trigger = switch.pressed.trigger as u64;
            risk.kill_step = progress.step as u64;
            risk.kill_trigger = verdict.trigger;
            risk.kill_wall_ns = switch.pressed.wall_ns;
            risk.kill_halted_ns = progress.halted_ns;
            risk.kill_cancelled_ns = progress.cancelled_ns;
            risk.kill_flat_ns = progress.flat_ns;
        }
        let is_news = self.published.is_none_or(|(_, before, step)| {
            let of = |verdict: &Verdict| (verdict.killed, verdict.trigger, verdict.reasons);
            of(&before) != of(&verdict) || step != risk.kill_step
        });
        let is_due = self
            .published
            .is_none_or(|(at_ns, ..)| now_ns.saturating_sub(at_ns) >= PUBLISH_EVERY_NS);
        if !is_news && !is_due {
            return;
        }
        self.publisher.publish(verdict, risk);
        if is_news {
            self.say(&verdict, risk.kill_step);
        }
        self.published = Some((now_ns, verdict, risk.kill_step));
        self.alerts.of_risk(&risk);
    }

    fn say(&self, verdict: &Verdict, step: u64) {
        let names: Vec<&str> = verdict.reasons().map(RiskReason::as_str).collect();
        let step = u8::try_from(step).ok().and_then(KillStep::from_u8).unwrap_or(KillStep::None);
        match (verdict.killed, names.as_slice()) {
            (0, []) => log::info!("risk may be added"),
            (0, names) => log::warn!("no risk may be added: {}", names.join(", ")),
            _ => log::error!("killed, {step}: {}", names.join(", ")),
        }
    }
}

fn ids(symbols: &[SymbolName]) -> impl Iterator<Item = (&SymbolName, SymbolId)> {
    symbols.iter().zip(0..).map(|(symbol, id)| (symbol, SymbolId(id)))
}

fn money(units: i64) -> String {
    schema::Notional::from_units(units).to_string()
}
