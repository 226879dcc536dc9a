//! The hot thread's end of the journal: nothing decided is lost while a reader is behind.
//!
//! The ring never overwrites what a gating reader has not committed, so it can be full. The engine
//! hears of it early (above three quarters it only reduces, see `Input::JournalUsed`); what it still
//! has to say when the ring is full (fills, cancels) waits in a spill of fixed size, in order. Only
//! when that is full too is a record lost, and counted: by then the engine has been halted for
//! thousands of records.

use rings::journal::Writer;
use schema::Record;

/// Records the spill holds: two account-wide cancels of a full order table with all their answers.
const SPILL_RECORDS: usize = 8_192;

/// The journal's writer and its spill.
#[derive(Debug)]
pub struct Journal {
    writer: Writer<Record>,
    spill: std::collections::VecDeque<Record>,
    lost: u64,
}

impl Journal {
    /// Allocates the spill.
    pub fn new(writer: Writer<Record>) -> Self {
        Self { writer, spill: std::collections::VecDeque::with_capacity(SPILL_RECORDS), lost: 0 }
    }

    /// Writes one record, behind those that wait.
    #[inline]
    pub fn publish(&mut self, record: &Record) {
        if self.spill.is_empty() && self.writer.publish(record).is_ok() {
            return;
        }
        self.keep(record);
    }

    #[cold]
    fn keep(&mut self, record: &Record) {
        if self.spill.len() < SPILL_RECORDS {
            self.spill.push_back(*record);
        } else {
            self.lost += 1;
        }
    }

    /// Writes what waits, as far as it goes; once a turn.
    #[inline]
    pub fn retry(&mut self) {
        while let Some(record) = self.spill.front() {
            if self.writer.publish(record).is_err() {
                return;
            }
            self.spill.pop_front();
        }
    }

    /// Records no reader has taken, those that wait included.
    pub fn used(&mut self) -> u64 {
        self.writer.used() + self.spill.len() as u64
    }
    /// What the ring holds.
    pub fn capacity(&self) -> u64 {
        self.writer.capacity()
    }
    /// Records that could not be kept.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
