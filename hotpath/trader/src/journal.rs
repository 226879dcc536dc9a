//! The hot thread's end of the journal: nothing decided is lost while a reader is behind.
//!
//! The ring never overwrites what a gating reader has not committed, so it can be full. The engine
//! hears of it early (above three quarters it only reduces, see `Input::JournalUsed`); what it
//! still has to say when the ring is full (fills, cancels) waits in a spill of fixed size, in
//! order. Only when that is full too is a record lost, and counted: by then the engine has been
//! halted for thousands of records.

use rings::journal::Writer;
use schema::Record;

/// Records the spill holds: two account-wide cancels of a full order table with all their answers.
const SPILL_RECORDS: usize = 8_192;

/// Where the desk's records go: the journal, or a simulation's memory.
pub trait Sink {
    /// Keeps one record, behind those before it.
    fn publish(&mut self, record: &Record);
    /// Records that could not be kept.
    fn lost(&self) -> u64;
}

impl Sink for Journal {
    #[inline]
    fn publish(&mut self, record: &Record) {
        Self::publish(self, record);
    }
    fn lost(&self) -> u64 {
        Self::lost(self)
    }
}

impl Sink for Vec<Record> {
    fn publish(&mut self, record: &Record) {
        self.push(*record);
    }
    fn lost(&self) -> u64 {
        0
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use rings::Identity;
    use rings::journal::GatedReader;
    use schema::LAYOUT_HASH;

    #[test]
    fn what_a_full_ring_refuses_waits_in_order_and_is_written_later() {
        let instance = format!("journal-test-{}", std::process::id());
        let identity = Identity { layout_hash: LAYOUT_HASH, build_id: 1, boot_epoch: 1 };
        let writer = Writer::open_or_create(&instance, 64, identity, &[], &["slow"]).expect("new");
        let mut reader =
            GatedReader::<Record>::open(&instance, LAYOUT_HASH, "slow").expect("there");
        let mut journal = Journal::new(writer);
        let total = 64 + 100;
        for number in 0..total {
            journal.publish(&Record { input: number, ..Record::default() });
        }
        assert!(journal.used() > journal.capacity(), "the spill counts as used");
        let mut read = Vec::new();
        for _ in 0..10 {
            while let Some((seq, record)) = reader.next() {
                read.push(record.input);
                reader.commit(seq);
            }
            journal.retry();
        }
        assert_eq!(read, (0..total).collect::<Vec<_>>());
        assert_eq!((journal.lost(), journal.used()), (0, 0));
        drop((journal, reader));
        let _ = rings::remove_instance(&instance);
    }

    #[test]
    fn past_the_spill_records_are_lost_and_counted() {
        let instance = format!("journal-lost-{}", std::process::id());
        let identity = Identity { layout_hash: LAYOUT_HASH, build_id: 1, boot_epoch: 1 };
        let writer = Writer::open_or_create(&instance, 64, identity, &[], &["slow"]).expect("new");
        let mut journal = Journal::new(writer);
        let held = journal.capacity() + SPILL_RECORDS as u64;
        for _ in 0..held + 3 {
            journal.publish(&Record::default());
        }
        assert_eq!(journal.lost(), 3);
        drop(journal);
        let _ = rings::remove_instance(&instance);
    }
}
