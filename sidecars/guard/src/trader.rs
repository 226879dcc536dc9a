//! The trader as its segments show it: status, journal, heartbeat.
//!
//! Readers only: nothing here holds the trader up, and every segment may be missing, of a dead
//! trader, or replaced by another one at any time.

use rings::{Next, Ring, journal, latest};
use schema::{Event, LAYOUT_HASH, Record, RunInfo, Status, SymbolName, TradingState};
use zerocopy::FromBytes as _;

/// Time between attempts to open what is missing, ns.
const OPEN_EVERY_NS: u64 = 500_000_000;
/// A silence after which what is told is not of one piece with what was told before, ns.
const SILENT_NS: u64 = 2_000_000_000;
/// Most records read in one look, so that a full journal does not hold the heartbeat up.
const RECORDS_A_LOOK: usize = 20_000;

/// What a look found.
#[derive(Debug, Default)]
pub struct Look {
    /// Events of the journal, in order.
    pub events: Vec<Event>,
    /// Stamps of the journal's times: the second of the monotonic clock of each event.
    pub seconds: Vec<u64>,
    /// Something is missing between this and what was told before: records were lost, the trader
    /// was silent, or it is another one.
    pub is_anew: bool,
}

/// Follows one instance.
#[derive(Debug)]
pub struct Trader {
    instance: String,
    status: Option<latest::Reader<Status>>,
    journal: Option<journal::Reader<Record>>,
    /// Of the newest status segment.
    info: Option<RunInfo>,
    newest: Option<Status>,
    opened_ns: u64,
    is_alive: bool,
    was_silent: bool,
}

impl Trader {
    /// Of an instance.
    pub fn new(instance: &str) -> Self {
        Self {
            instance: instance.to_owned(),
            status: None,
            journal: None,
            info: None,
            newest: None,
            opened_ns: 0,
            is_alive: false,
            was_silent: true,
        }
    }

    /// Reads what is new.
    pub fn look(&mut self, now_ns: u64) -> Look {
        let mut look = Look::default();
        if now_ns.saturating_sub(self.opened_ns) >= OPEN_EVERY_NS {
            self.opened_ns = now_ns;
            look.is_anew = self.open();
        }
        if let Some((_, status)) = self.status.as_ref().and_then(latest::Reader::load) {
            self.newest = Some(status);
        }
        let is_silent = self.age_ns(now_ns) > SILENT_NS;
        look.is_anew |= self.was_silent && !is_silent;
        self.was_silent = is_silent;
        let Some(journal) = &mut self.journal else { return look };
        for _ in 0..RECORDS_A_LOOK {
            match journal.next() {
                Next::Item(_, record) => {
                    // What this build cannot read is no event it compares.
                    if let Ok(event) = Event::from_record(&record) {
                        look.events.push(event);
                        look.seconds.push(record.at_ns / 1_000_000_000);
                    }
                }
                Next::Lost { count, .. } => {
                    log::warn!(
                        "{count} records of the journal were overwritten before they were read"
                    );
                    look.is_anew = true;
                }
                Next::Empty => break,
            }
        }
        look
    }

    /// Opens what is missing or was replaced; whether it is another trader.
    fn open(&mut self) -> bool {
        self.is_alive = rings::is_writer_alive(&self.instance, Ring::Status);
        let mut is_anew = false;
        if self.status.as_ref().is_none_or(latest::Reader::is_stale) {
            self.status = latest::Reader::open(&self.instance, Ring::Status, LAYOUT_HASH).ok();
            let info = self.status.as_ref().and_then(|status| {
                RunInfo::read_from_prefix(&status.info()).ok().map(|(info, _)| info)
            });
            if let Some(info) = info {
                is_anew = self.info.is_none_or(|before| before.pid != info.pid);
                self.info = Some(info);
            }
        }
        if self.journal.as_ref().is_none_or(journal::Reader::is_stale) {
            self.journal = journal::Reader::open(&self.instance, LAYOUT_HASH).ok();
            is_anew |= self.journal.is_some();
        }
        is_anew
    }

    /// The newest status there was, of whatever age.
    pub fn status(&self) -> Option<&Status> {
        self.newest.as_ref()
    }
    /// Age of the newest status, ns; `u64::MAX` without one.
    pub fn age_ns(&self, now_ns: u64) -> u64 {
        self.newest.map_or(u64::MAX, |status| now_ns.saturating_sub(status.mono_ns))
    }
    /// Monotonic time of the newest status, ns; zero without one.
    pub fn heard_ns(&self) -> u64 {
        self.newest.map_or(0, |status| status.mono_ns)
    }
    /// Whether a process holds the trader's place, be it stopped or hung.
    pub fn is_alive(&self) -> bool {
        self.is_alive
    }
    /// Whether it speaks, and has begun to know the account.
    pub fn is_comparable(&self, now_ns: u64) -> bool {
        let is_begun = self.newest.is_some_and(|status| {
            status.trading_state != TradingState::Starting as u64
                && status.trading_state != TradingState::Reconciling as u64
        });
        is_begun && self.age_ns(now_ns) <= SILENT_NS
    }
    /// What the run says of itself.
    pub fn info(&self) -> Option<&RunInfo> {
        self.info.as_ref()
    }
    /// Symbols of the run, in the order of their ids.
    pub fn symbols(&self) -> Vec<SymbolName> {
        let info = self.info.as_ref().map(RunInfo::symbols).unwrap_or_default();
        info.iter().map(|symbol| symbol.name).collect()
    }
}
