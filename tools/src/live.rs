//! What a person watching a run wants to know, gathered from the status segment and the journal.
//!
//! [`Live`] is fed by whoever reads the rings and drawn by `screen` and `plain`; it does no I/O, so
//! both are tested without a trader. Latencies come from the stage stamps in the journal: `read()`
//! of the socket returned → `write()` is called, in cycles of the trader's counter.

use std::collections::{BTreeMap, VecDeque};

use hdrhistogram::Histogram;
use schema::{
    AlgoId, AlgoUpdate, Event, ExecType, ExecutionReport, KillChange, Record, RunInfo, Stage,
    StateChange, Status, SymbolId, TradeId, VenueOrderId,
};

mod guard;

pub(crate) use guard::{GuardReader, Guarded};

/// Fills kept for the list on the screen.
const FILLS_KEPT: usize = 64;
/// Working orders kept.
const ORDERS_KEPT: usize = 256;
/// Fills remembered, so that a report told again (by the other connection, by REST) counts once.
const FILLS_REMEMBERED: usize = 1_024;
/// Changes of the kill switch kept.
const KILLS_KEPT: usize = 64;
/// State changes kept.
const STATES_KEPT: usize = 64;
/// Equity samples kept; one a second is enough for the sparkline of a wide screen.
const EQUITY_KEPT: usize = 240;
/// Nanoseconds between two equity samples.
const EQUITY_EVERY_NS: u64 = 500_000_000;
/// Longest tick-to-order time told apart, ns; longer ones count as this.
const LATENCY_MAX_NS: u64 = 10_000_000_000;

/// A run as seen from outside.
pub(crate) struct Live {
    /// What the segment header says of the run.
    pub(crate) info: RunInfo,
    /// The newest status.
    pub(crate) status: Status,
    /// Tick to order, ns.
    pub(crate) tick_to_order: Histogram<u64>,
    /// Orders decided, from the journal.
    pub(crate) decisions: u64,
    /// Cancels sent, from the journal.
    pub(crate) cancels: u64,
    /// Orders refused by risk, from the journal.
    pub(crate) refused: u64,
    /// Fills, from the journal.
    pub(crate) fills: u64,
    /// Journal records seen.
    pub(crate) records: u64,
    /// Journal records that were overwritten before they were seen.
    pub(crate) lost: u64,
    /// Realised profit of all fills, units of 1e-8.
    pub(crate) realized: i128,
    /// Commission of all fills, units of 1e-8.
    pub(crate) commission: i128,
    /// Newest fills, newest first.
    pub(crate) recent_fills: VecDeque<ExecutionReport>,
    /// Orders that work, as the venue told last, by its id: newest last.
    pub(crate) working: BTreeMap<(VenueOrderId, SymbolId), ExecutionReport>,
    /// Conditional orders that wait for their price, by the venue's id.
    pub(crate) stops: BTreeMap<AlgoId, AlgoUpdate>,
    /// Conditional orders that have ended.
    ended_stops: VecDeque<AlgoId>,
    /// Orders that have ended, so that one told late by the other connection does not work again.
    ended: VecDeque<(VenueOrderId, SymbolId)>,
    /// Fills seen, by symbol and the venue's trade id.
    seen: VecDeque<(SymbolId, TradeId)>,
    /// guard's numbers.
    pub(crate) guarded: Guarded,
    /// Presses and releases of the kill switch, oldest first.
    pub(crate) kills: Vec<KillChange>,
    /// State changes, newest first.
    pub(crate) states: VecDeque<StateChange>,
    /// Equity over time, units of 1e-8, oldest first.
    pub(crate) equity: VecDeque<i64>,
    /// Monotonic time of the newest equity sample, ns.
    equity_at_ns: u64,
}

impl Live {
    /// Nothing seen yet.
    pub(crate) fn new(info: RunInfo) -> Self {
        Self {
            info,
            status: Status::default(),
            tick_to_order: new_histogram(),
            decisions: 0,
            cancels: 0,
            refused: 0,
            fills: 0,
            records: 0,
            lost: 0,
            realized: 0,
            commission: 0,
            recent_fills: VecDeque::with_capacity(FILLS_KEPT),
            working: BTreeMap::new(),
            stops: BTreeMap::new(),
            ended_stops: VecDeque::with_capacity(ORDERS_KEPT),
            ended: VecDeque::with_capacity(ORDERS_KEPT),
            seen: VecDeque::with_capacity(FILLS_REMEMBERED),
            guarded: Guarded::default(),
            kills: vec![],
            states: VecDeque::with_capacity(STATES_KEPT),
            equity: VecDeque::with_capacity(EQUITY_KEPT),
            equity_at_ns: 0,
        }
    }

    /// Another life of the run: all but guard's numbers begins anew.
    pub(crate) fn begin(&mut self, info: RunInfo) {
        let guarded = std::mem::take(&mut self.guarded);
        *self = Self { guarded, ..Self::new(info) };
    }

    /// Takes a newer status.
    pub(crate) fn take_status(&mut self, status: Status) {
        self.status = status;
        let due = status.mono_ns.saturating_sub(self.equity_at_ns) >= EQUITY_EVERY_NS;
        if status.equity != 0 && due {
            self.equity_at_ns = status.mono_ns;
            push_bounded_back(&mut self.equity, status.equity, EQUITY_KEPT);
        }
    }

    /// Takes one record of the journal; records this build does not know are only counted.
    pub(crate) fn take_record(&mut self, record: &Record) {
        self.records += 1;
        match Event::from_record(record) {
            Ok(Event::Decision(_)) => self.decisions += 1,
            Ok(Event::Cancel(..)) => self.cancels += 1,
            Ok(Event::Refused(..)) => self.refused += 1,
            Ok(Event::State(change)) => {
                push_bounded_front(&mut self.states, change, STATES_KEPT);
            }
            Ok(Event::Kill(change)) if self.kills.len() < KILLS_KEPT => self.kills.push(change),
            Ok(Event::Report(report)) if report.exec_type != ExecType::Trade => {
                self.take_order(&report);
            }
            Ok(Event::Algo(update)) => self.take_stop(&update),
            Ok(Event::Report(report)) => {
                self.take_order(&report);
                let id = (report.symbol, report.trade_id);
                if self.seen.contains(&id) {
                    return;
                }
                push_bounded_front(&mut self.seen, id, FILLS_REMEMBERED);
                self.fills += 1;
                self.realized += i128::from(report.realized_pnl.units());
                self.commission += i128::from(report.commission.units());
                push_bounded_front(&mut self.recent_fills, report, FILLS_KEPT);
            }
            Ok(Event::Stages(stages)) => {
                let ns = stages.between_ns(Stage::Read, Stage::WriteCall, self.info.tsc_hz);
                if let Some(ns) = ns {
                    self.tick_to_order.saturating_record(ns.max(1));
                }
            }
            _ => {}
        }
    }

    /// Keeps what works.
    fn take_order(&mut self, report: &ExecutionReport) {
        let id = (report.venue_order_id, report.symbol);
        if report.status.is_terminal() {
            self.working.remove(&id);
            push_bounded_front(&mut self.ended, id, ORDERS_KEPT);
            return;
        }
        let has_room = self.working.len() < ORDERS_KEPT || self.working.contains_key(&id);
        if has_room && !self.ended.contains(&id) {
            self.working.insert(id, *report);
        }
    }

    /// Keeps what waits.
    fn take_stop(&mut self, update: &AlgoUpdate) {
        let id = update.algo_id;
        if update.status.is_over() {
            self.stops.remove(&id);
            push_bounded_front(&mut self.ended_stops, id, ORDERS_KEPT);
            return;
        }
        let has_room = self.stops.len() < ORDERS_KEPT || self.stops.contains_key(&id);
        if has_room && !self.ended_stops.contains(&id) {
            self.stops.insert(id, *update);
        }
    }

    /// Notes records that were overwritten before they were seen.
    pub(crate) fn take_loss(&mut self, count: u64) {
        self.lost += count;
    }

    /// p50, p90, p99 and the longest, ns; `None` before the first.
    pub(crate) fn percentiles(&self) -> Option<[u64; 4]> {
        let histogram = &self.tick_to_order;
        (!histogram.is_empty()).then(|| {
            let at = |quantile| histogram.value_at_quantile(quantile);
            [at(0.5), at(0.9), at(0.99), histogram.max()]
        })
    }

    /// A symbol's name, or `-` for none.
    pub(crate) fn symbol(&self, id: SymbolId) -> &str {
        self.info.symbols().get(id.index()).map_or("-", |symbol| symbol.name.as_str())
    }

    /// Equity now minus wallet at arming, units of 1e-8.
    pub(crate) fn pnl(&self) -> i64 {
        self.status.equity.saturating_sub(self.status.wallet_at_start)
    }
}

/// An empty tick-to-order histogram.
fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).expect("1 <= 10 s and 3 digits are valid")
}

fn push_bounded_front<T>(queue: &mut VecDeque<T>, value: T, kept: usize) {
    if queue.len() == kept {
        queue.pop_back();
    }
    queue.push_front(value);
}

fn push_bounded_back<T>(queue: &mut VecDeque<T>, value: T, kept: usize) {
    if queue.len() == kept {
        queue.pop_front();
    }
    queue.push_back(value);
}

/// Counts of a latency histogram in bars of 1-2-5 steps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bars {
    /// Upper bound of each bar, ns; the last one is open.
    pub(crate) upper_ns: Vec<u64>,
    /// Values up to the bound and above the one before.
    pub(crate) counts: Vec<u64>,
}

/// Upper bounds of the bars: steps of about 1.5 where a good trader is, coarser above.
const BAR_BOUNDS_NS: [u64; 16] = [
    1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000, 50_000,
    100_000, 300_000, 1_000_000, 10_000_000,
];

/// Sorts a histogram into bars; bars outside the used range are left out.
pub(crate) fn bars(histogram: &Histogram<u64>) -> Bars {
    let mut counts = vec![0u64; BAR_BOUNDS_NS.len() + 1];
    for value in histogram.iter_recorded() {
        let upper = value.value_iterated_to();
        let bar = BAR_BOUNDS_NS.partition_point(|bound| *bound < upper);
        counts[bar] += value.count_at_value();
    }
    let mut upper_ns = BAR_BOUNDS_NS.to_vec();
    upper_ns.push(u64::MAX);
    let used = |(_, count): &(usize, &u64)| **count > 0;
    let first = counts.iter().enumerate().find(used).map(|(index, _)| index);
    let last = counts.iter().enumerate().rfind(used).map(|(index, _)| index);
    match (first, last) {
        (Some(first), Some(last)) => Bars {
            upper_ns: upper_ns[first..=last].to_vec(),
            counts: counts[first..=last].to_vec(),
        },
        _ => Bars { upper_ns: Vec::new(), counts: Vec::new() },
    }
}

#[cfg(test)]
pub(crate) mod tests;
