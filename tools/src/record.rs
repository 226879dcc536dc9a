//! `shrike record`: both rings of a run into one file, without holding the trader up.
//!
//! It reads as any looker does, so it can be too slow; what it missed is written as a gap. It
//! outlives the trader and follows the next one of the instance.

use std::path::Path;
use std::time::{Duration, Instant};

use replay::file::{CHUNK_RECORDS_MAX, Chunk, Stream, Writer};
use rings::{Next, OpenError, Ring, broadcast, journal};
use schema::{Kind, LAYOUT_HASH, Record, RunInfo};

use crate::cli::RecordArgs;
use crate::exit::{Exit, Failure};
use crate::instance::{refused, resolve, run_info};
use crate::stop::Stop;

/// Time between two looks at the rings.
const POLL: Duration = Duration::from_millis(5);
/// Everything is on the disk within this time.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Time between two looks for segments that are not there, or were replaced.
const SEARCH_EVERY: Duration = Duration::from_millis(50);
/// Records taken from one ring before the other has its turn.
const TURN_RECORDS: usize = 8_192;

/// `shrike record`.
///
/// # Errors
/// No such instance, or the file cannot be written: it is whole up to then.
pub(crate) fn run(args: &RecordArgs) -> Result<Exit, Failure> {
    let instance = match (&args.instance, args.wait) {
        (Some(name), true) => name.clone(),
        (name, _) => resolve(name.as_deref())?,
    };
    let stop = Stop::on_signals()?;
    let mut recorder = Recorder::new(&instance, &args.out)?;
    if !args.wait {
        recorder.search()?;
        if recorder.journal.is_none() {
            return Err(refused(&instance, Ring::Journal, OpenError::NotFound));
        }
    }
    println!("recording {instance} into {}", args.out.display());
    while !stop.asked() {
        if !recorder.turn()? {
            std::thread::sleep(POLL);
        }
    }
    // Whatever was published before the end was asked for.
    while recorder.turn()? {}
    recorder.finish()?;
    println!("{} records, {} lost", recorder.written, recorder.lost);
    Ok(Exit::Ok)
}

/// Records of one ring that are not written yet: in a row, from one trader.
struct Batch {
    stream: Stream,
    epoch: u32,
    first: u64,
    records: Vec<Record>,
}

impl Batch {
    fn new(stream: Stream) -> Self {
        Self { stream, epoch: 0, first: 0, records: Vec::with_capacity(CHUNK_RECORDS_MAX) }
    }
}

struct Recorder<'a> {
    instance: &'a str,
    path: &'a Path,
    writer: Writer,
    journal: Option<journal::Reader<Record>>,
    market: Option<broadcast::Reader<Record>>,
    batches: [Batch; 2],
    searched_at: Option<Instant>,
    synced_at: Instant,
    /// What an old recording holds of the rings.
    journal_tail: u64,
    market_tail: u64,
    written: u64,
    lost: u64,
}

impl<'a> Recorder<'a> {
    fn new(instance: &'a str, path: &'a Path) -> Result<Self, Failure> {
        let writer = Writer::open(path).map_err(|error| {
            Failure::new(
                Exit::Unavailable,
                format!("{}: {error}", path.display()),
                "name another file with --out; an old recording of this build is continued",
            )
        })?;
        let journal_tail = writer.tail().journal;
        Ok(Self {
            instance,
            path,
            writer,
            journal_tail,
            market_tail: 0,
            journal: None,
            market: None,
            batches: [Batch::new(Stream::Journal), Batch::new(Stream::Market)],
            searched_at: None,
            synced_at: Instant::now(),
            written: 0,
            lost: 0,
        })
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure::new(
            Exit::Unavailable,
            format!("{}: {error}; the recording ends here", self.path.display()),
            "make room on the disk and record into a new file",
        )
    }

    /// One look at both rings; whether there was anything.
    fn turn(&mut self) -> Result<bool, Failure> {
        if self.searched_at.is_none_or(|at| at.elapsed() >= SEARCH_EVERY) {
            self.searched_at = Some(Instant::now());
            self.search()?;
        }
        // The market ring first: an input's market record is published last, so a look that sees
        // it finds its words in the journal.
        let has_market = self.take_market()?;
        let has_journal = self.take_journal()?;
        if self.synced_at.elapsed() >= SYNC_EVERY {
            self.finish()?;
        }
        Ok(has_market || has_journal)
    }

    /// Opens what is there and not open, and what was replaced, once the old is read to its end.
    fn search(&mut self) -> Result<(), Failure> {
        let (instance, ring) = (self.instance, Ring::Journal);
        let is_gone = self.journal.as_ref().is_none_or(|r| r.lag() == 0 && r.is_stale());
        if is_gone {
            let opened = journal::Reader::open_at_oldest(instance, LAYOUT_HASH);
            self.journal = found(opened).map_err(|error| refused(instance, ring, error))?;
            let old = std::mem::take(&mut self.journal_tail);
            if let Some(journal) = &mut self.journal
                && old > 0
            {
                // What an old recording of the same journal holds is not recorded twice.
                let next = journal.seek(old + 1);
                if next < old + 1 {
                    journal.seek(1);
                }
            }
        }
        let ring = Ring::Market;
        let is_gone = self.market.as_ref().is_none_or(|r| r.lag() == 0 && r.is_stale());
        if is_gone {
            let opened = broadcast::Reader::open_at_oldest(instance, ring, LAYOUT_HASH);
            self.market = found(opened).map_err(|error| refused(instance, ring, error))?;
            if let Some(market) = &self.market {
                let (identity, info) = (market.identity(), market.info());
                self.begin(identity.boot_epoch, identity.build_id, run_info(&info))?;
            }
        }
        Ok(())
    }

    /// A trader started.
    fn begin(&mut self, epoch: u32, build_id: u64, info: RunInfo) -> Result<(), Failure> {
        self.write(1)?;
        self.batches[1].epoch = epoch;
        let (old_epoch, old) = self.writer.tail().market;
        self.market_tail = if old_epoch == epoch { old } else { 0 };
        let chunk = Chunk::Run { epoch, build_id, info: Box::new(info) };
        self.writer.add(&chunk).map_err(|error| self.failed(&error))
    }

    fn take_market(&mut self) -> Result<bool, Failure> {
        for count in 0..TURN_RECORDS {
            let Some(market) = &mut self.market else { return Ok(false) };
            let next = market.next();
            if !self.keep(1, next)? {
                return Ok(count > 0);
            }
        }
        Ok(true)
    }

    fn take_journal(&mut self) -> Result<bool, Failure> {
        for count in 0..TURN_RECORDS {
            let Some(journal) = &mut self.journal else { return Ok(false) };
            let next = journal.next();
            if let Next::Item(_, record) = &next
                && record.kind == Kind::Boot as u16
            {
                // A chunk begins with it.
                self.write(0)?;
                self.batches[0].epoch = record.words[0] as u32;
            }
            if !self.keep(0, next)? {
                return Ok(count > 0);
            }
        }
        Ok(true)
    }

    /// Keeps what a ring gave; whether it gave anything.
    fn keep(&mut self, ring: usize, next: Next<Record>) -> Result<bool, Failure> {
        match next {
            Next::Empty => return Ok(false),
            Next::Item(seq, _) if ring == 1 && seq <= self.market_tail => {}
            Next::Item(seq, record) => {
                let batch = &mut self.batches[ring];
                if batch.records.is_empty() {
                    batch.first = seq;
                }
                batch.records.push(record);
                if batch.records.len() == CHUNK_RECORDS_MAX {
                    self.write(ring)?;
                }
            }
            Next::Lost { first, count } => {
                self.write(ring)?;
                let Batch { stream, epoch, .. } = self.batches[ring];
                self.lost += count;
                eprintln!("shrike: {count} records of {stream:?} from {first} on were overwritten");
                let chunk = Chunk::Gap { stream, epoch, first, count };
                self.writer.add(&chunk).map_err(|error| self.failed(&error))?;
            }
        }
        Ok(true)
    }

    /// Writes what a ring gave so far.
    fn write(&mut self, ring: usize) -> Result<(), Failure> {
        let batch = &mut self.batches[ring];
        if batch.records.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut batch.records);
        let (stream, epoch, first) = (batch.stream, batch.epoch, batch.first);
        let chunk = Chunk::Records { stream, epoch, first, records };
        let added = self.writer.add(&chunk);
        if let Chunk::Records { mut records, .. } = chunk {
            self.written += records.len() as u64;
            records.clear();
            self.batches[ring].records = records;
        }
        added.map_err(|error| self.failed(&error))
    }

    /// Brings everything to the disk.
    fn finish(&mut self) -> Result<(), Failure> {
        self.synced_at = Instant::now();
        self.write(0)?;
        self.write(1)?;
        self.writer.sync().map_err(|error| self.failed(&error))
    }
}

/// A ring that is not there yet is looked for again.
fn found<T>(opened: Result<T, OpenError>) -> Result<Option<T>, OpenError> {
    match opened {
        Ok(reader) => Ok(Some(reader)),
        Err(OpenError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
