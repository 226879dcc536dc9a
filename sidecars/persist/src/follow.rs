//! From the journal to the tables: reading, batching, trying again, stopping.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rings::journal::GatedReader;
use rings::{OpenError, Ring};
use schema::{Kind, LAYOUT_HASH, Record, RunInfo};
use zerocopy::FromBytes;

use crate::options::{End, FollowError, Options};
use crate::rows::{Batch, Core, Cursor, Gap, Run};
use crate::store::{Severity, Store, StoreError};

/// The gate of the journal that waits for the record.
pub const GATE: &str = "persist";
/// Records of one transaction at most: some milliseconds of work, and far below the journal.
const BATCH_RECORDS: usize = 2048;
/// How long a record waits for others to share its transaction.
const BATCH_WAIT: Duration = Duration::from_millis(50);
/// Pause when there is nothing to read.
const IDLE: Duration = Duration::from_millis(5);
/// How often what costs a system call is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// First and longest pause before the database is tried again.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How often progress is logged.
const PROGRESS: Duration = Duration::from_secs(10);
/// How long a stop waits for a database that is away.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

type Reader = GatedReader<Record>;

/// What is counted for the progress lines.
#[derive(Debug, Default)]
struct Progress {
    records: u64,
    batches: u64,
    gaps: u64,
    retries: u64,
    slowest: Duration,
}

/// Follows the journal of an instance until `stop` or the end.
pub struct Follower<'a> {
    options: &'a Options,
    stop: &'a AtomicBool,
    progress: Progress,
    logged: Instant,
    records: Vec<(u64, Record)>,
}

/// Why a session with one journal and one connection ended.
enum SessionEnd {
    End(End),
    /// The trader made a new journal; this one is read to its end.
    Stale,
}

impl<'a> Follower<'a> {
    /// Nothing is opened yet.
    pub fn new(options: &'a Options, stop: &'a AtomicBool) -> Self {
        Self {
            options,
            stop,
            progress: Progress::default(),
            logged: Instant::now(),
            records: Vec::with_capacity(BATCH_RECORDS),
        }
    }

    /// Follows; returns when there is nothing more to do.
    ///
    /// # Errors
    /// [`FollowError`].
    pub fn run(&mut self) -> Result<End, FollowError> {
        // A mistake in the database's settings shows at the start, with or without a trader.
        match self.options.target.open() {
            Ok(_) => log::info!("{}: schema is up to date", self.options.target),
            Err(error) if error.severity == Severity::Fatal => {
                return Err(FollowError::Store(error));
            }
            Err(error) => log::warn!("{}: {error}", self.options.target),
        }
        // Ready means waiting for the trader or following it: the start order does not matter.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        loop {
            let Some(mut reader) = self.open_journal()? else {
                return Ok(if self.stopping() { End::Stopped } else { End::Drained });
            };
            log::info!("journal {:x} of {}", reader.journal_id(), self.options.instance);
            match self.with_journal(&mut reader)? {
                SessionEnd::End(end) => return Ok(end),
                SessionEnd::Stale => log::info!("the trader made a new journal"),
            }
        }
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits for the journal; `None` when there is none and it was asked to stop, or to drain one.
    /// A journal that is there is written to its end, however soon the stop came.
    fn open_journal(&mut self) -> Result<Option<Reader>, FollowError> {
        let mut told = false;
        loop {
            match Reader::open(&self.options.instance, LAYOUT_HASH, GATE) {
                Ok(reader) => return Ok(Some(reader)),
                Err(OpenError::NotFound) if self.options.until_drained || self.stopping() => {
                    return Ok(None);
                }
                Err(OpenError::NotFound) => {
                    if !told {
                        log::info!("no journal of {} yet: waiting", self.options.instance);
                        told = true;
                    }
                }
                Err(error) => return Err(FollowError::Journal(error)),
            }
            self.beat();
            std::thread::sleep(LOOK);
        }
    }

    /// One journal, with as many connections as it takes.
    fn with_journal(&mut self, reader: &mut Reader) -> Result<SessionEnd, FollowError> {
        let mut pause = BACK_OFF.0;
        let mut stop_since = None;
        loop {
            let written_before = self.progress.batches;
            let error = match self.session(reader) {
                Ok(end) => return Ok(end),
                Err(error) => error,
            };
            if error.severity == Severity::Fatal {
                return Err(FollowError::Store(error));
            }
            if self.progress.batches > written_before {
                pause = BACK_OFF.0;
            }
            self.progress.retries += 1;
            log::warn!(
                "{}: {error}; trying again in {pause:?}, {} records wait in the journal",
                self.options.target,
                reader.lag().saturating_add(self.records.len() as u64)
            );
            if self.stopping() {
                let since = *stop_since.get_or_insert_with(Instant::now);
                if since.elapsed() > STOP_PATIENCE {
                    return Err(FollowError::Unwritten(self.waiting(reader)));
                }
            }
            self.sleep(pause);
            pause = (pause * 2).min(BACK_OFF.1);
        }
    }

    /// Sleeps, but feeds the watchdog and ends early when asked to stop.
    fn sleep(&self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.beat();
            std::thread::sleep(LOOK.min(time));
            if self.stopping() {
                return;
            }
        }
    }

    fn beat(&self) {
        // Without a service manager there is nobody to tell.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
    }

    fn waiting(&self, reader: &mut Reader) -> u64 {
        let committed = reader.committed();
        reader.seek(committed + 1);
        reader.lag()
    }

    /// One connection: load, attach, copy. Everything known is read from the tables.
    fn session(&mut self, reader: &mut Reader) -> Result<SessionEnd, StoreError> {
        let mut store = self.options.target.open()?;
        let memory = store.load()?;
        let journal_id = journal_id(reader);
        let previous = memory.cursor.clone();
        let mut core = Core::new(&self.options.instance, journal_id, header(reader)?, memory);
        let mut expected = attach(reader, &mut core, previous.as_ref());
        log::info!("{}: goes on with record {expected}", self.options.target);
        let mut looked = Instant::now();
        let mut stopping_head = None;
        loop {
            expected = self.read(reader, &mut core, expected)?;
            if !self.records.is_empty() {
                self.write(reader, &mut store, &mut core)?;
            }
            self.log_progress(reader);
            if self.stopping() {
                // What is there when asked, not what a running trader goes on to write.
                let head = *stopping_head.get_or_insert(expected - 1 + reader.lag());
                if expected > head {
                    return Ok(SessionEnd::End(End::Stopped));
                }
            }
            if looked.elapsed() < LOOK || !self.records.is_empty() {
                continue;
            }
            looked = Instant::now();
            self.beat();
            if let Some(end) = self.look(reader, &mut store, &mut core)? {
                return Ok(end);
            }
        }
    }

    /// Whether the journal has ended: the writer is gone, then nothing is left to read.
    fn look(
        &mut self,
        reader: &mut Reader,
        store: &mut Store,
        core: &mut Core,
    ) -> Result<Option<SessionEnd>, StoreError> {
        let stale = reader.is_stale();
        let alive = !stale && rings::is_writer_alive(&self.options.instance, Ring::Journal);
        // In this order: who is gone writes nothing more after the lag was read.
        if alive || reader.lag() > 0 {
            return Ok(None);
        }
        if !core.cursor().drained {
            core.set_drained(true);
            self.commit(reader, store, core)?;
        }
        Ok(if stale {
            Some(SessionEnd::Stale)
        } else if self.options.until_drained {
            Some(SessionEnd::End(End::Drained))
        } else {
            None
        })
    }

    /// Reads a batch: until it is full, or nothing came for a while. Returns the next number.
    fn read(
        &mut self,
        reader: &mut Reader,
        core: &mut Core,
        mut expected: u64,
    ) -> Result<u64, StoreError> {
        self.records.clear();
        let begun = Instant::now();
        while self.records.len() < BATCH_RECORDS {
            let Some((seq, record)) = reader.next() else {
                let idle = self.records.is_empty();
                if begun.elapsed() >= if idle { IDLE } else { BATCH_WAIT } || self.stopping() {
                    break;
                }
                std::thread::sleep(IDLE);
                continue;
            };
            if seq < expected {
                continue;
            }
            if seq > expected {
                core.note_gap(gap(core.cursor(), expected, Some(seq - 1), "overwritten unread"));
            }
            expected = seq + 1;
            if record.kind() == Some(Kind::Boot) {
                core.set_header(header(reader)?);
            }
            self.records.push((seq, record));
        }
        Ok(expected)
    }

    fn write(
        &mut self,
        reader: &mut Reader,
        store: &mut Store,
        core: &mut Core,
    ) -> Result<(), StoreError> {
        let wants = core.wants(&self.records);
        core.admit(store.fetch(&wants)?);
        for (seq, record) in &self.records {
            core.apply(*seq, record);
        }
        self.progress.records += self.records.len() as u64;
        self.commit(reader, store, core)
    }

    /// The database first, the gate after it.
    fn commit(
        &mut self,
        reader: &mut Reader,
        store: &mut Store,
        core: &mut Core,
    ) -> Result<(), StoreError> {
        let batch = core.batch();
        tell_gaps(&batch);
        let begun = Instant::now();
        store.write(&batch)?;
        self.progress.slowest = self.progress.slowest.max(begun.elapsed());
        self.progress.batches += 1;
        self.progress.gaps += batch.gaps.len() as u64;
        log::debug!("record {} committed in {:?}", batch.cursor.seq, begun.elapsed());
        reader.commit(u64::try_from(batch.cursor.seq).unwrap_or(0));
        Ok(())
    }

    fn log_progress(&mut self, reader: &Reader) {
        if self.logged.elapsed() < PROGRESS {
            return;
        }
        self.logged = Instant::now();
        let p = &self.progress;
        log::info!(
            "{} records in {} batches, at record {}, {} waiting, slowest commit {:?}, {} gaps, \
             {} retries",
            p.records,
            p.batches,
            reader.committed(),
            reader.lag(),
            p.slowest,
            p.gaps,
            p.retries
        );
        self.progress.slowest = Duration::ZERO;
    }
}

fn journal_id(reader: &Reader) -> i64 {
    // Below 2^63 by contract.
    i64::try_from(reader.journal_id()).unwrap_or(i64::MAX)
}

/// The run as the journal's header has it now.
fn header(reader: &Reader) -> Result<Run, StoreError> {
    let info = reader.info();
    let (info, _) = RunInfo::read_from_prefix(&info)
        .map_err(|_| StoreError::fatal("the journal's header has no run information"))?;
    Ok(Run::from(&info))
}

fn gap(cursor: &Cursor, first: u64, last: Option<u64>, reason: &str) -> Gap {
    Gap {
        journal_id: cursor.journal_id,
        first_seq: i64::try_from(first).unwrap_or(i64::MAX),
        last_seq: last.and_then(|last| i64::try_from(last).ok()),
        reason: reason.to_owned(),
    }
}

fn tell_gaps(batch: &Batch) {
    for gap in &batch.gaps {
        let last = gap.last_seq.map_or("the end, unknown".to_owned(), |last| last.to_string());
        log::error!(
            "journal {:x}: records {} to {last} are not in the tables: {}",
            gap.journal_id,
            gap.first_seq,
            gap.reason
        );
    }
}

/// Seeks to where the tables end and notes what is missing; returns the next number.
fn attach(reader: &mut Reader, core: &mut Core, previous: Option<&Cursor>) -> u64 {
    let same = previous.filter(|cursor| cursor.journal_id == core.cursor().journal_id);
    if same.is_none()
        && let Some(old) = previous.filter(|cursor| !cursor.drained)
    {
        let first = u64::try_from(old.seq).unwrap_or(0) + 1;
        core.note_gap(gap(old, first, None, "journal was replaced before its end was seen"));
    }
    let wanted = same.map_or(1, |cursor| u64::try_from(cursor.seq).unwrap_or(0) + 1);
    let position = reader.seek(wanted);
    if position < wanted {
        // The tables are ahead of a journal with the same id: memory was rolled back. Numbers
        // that were used mean other records now; they must be read, and it must be known.
        log::error!("the journal ends at {}, the tables at {}", position - 1, wanted - 1);
        core.note_gap(gap(core.cursor(), position, Some(wanted - 1), "journal went back"));
    }
    if position > wanted {
        core.note_gap(gap(core.cursor(), wanted, Some(position - 1), "overwritten unread"));
    }
    // The gate may be behind the tables if the last process died between the two commits.
    reader.commit(position.saturating_sub(1));
    position
}
