//! One writer; never overwrites what a gate has not committed, and survives the writer.
//!
//! A gate is a named place in a second segment where one reader writes what it has stored for
//! good. Gates count whether or not their reader runs. The journal itself is mapped read-only by
//! all readers.

use core::marker::PhantomData;
use core::time::Duration;

use crate::file::check_name;
use crate::gates::{GATE_BYTES, GatedConsumer, GatedProducer, Gates};
use crate::header::{Header, SLOTS_AT};
use crate::lock::{Lock, WRITER_PATIENCE, is_held};
use crate::segment::{Segment, lock_writer, new_segment_id};
use crate::stream::{Consumer, Producer, recover};
use crate::{Full, Identity, Next, OpenError, Plain, Ring, segment_name};

/// Most gates of one journal.
pub const GATES_MAX: usize = 8;

/// How long a gate's reader waits for its predecessor to end.
const GATE_PATIENCE: Duration = WRITER_PATIENCE;

/// The only writer of a journal.
#[derive(Debug)]
pub struct Writer<T> {
    producer: GatedProducer<Segment, Segment>,
    journal_id: u64,
    _lock: Lock,
    _records: PhantomData<fn(T)>,
}

impl<T: Plain> Writer<T> {
    /// Continues the journal of a dead writer, or creates one. `capacity` is a power of two from
    /// 4.
    ///
    /// Gates keep what they have committed; a new one starts with the slowest of the old. One that
    /// is not named any more holds nothing up.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another writer lives; [`OpenError::Unread`] if an old journal of
    /// another layout or capacity holds unread records; [`OpenError::Corrupt`] and others if the
    /// old one cannot be trusted: nothing unread is ever thrown away here.
    pub fn open_or_create(
        instance: &str,
        capacity: usize,
        identity: Identity,
        info: &[u8],
        gates: &[&str],
    ) -> Result<Self, OpenError> {
        check_gates(gates)?;
        let lock = lock_writer(instance, Ring::Journal)?;
        let fresh = Header {
            ring: Ring::Journal,
            record_bytes: size_of::<T>(),
            slots: capacity,
            segment_id: new_segment_id()?,
            identity,
            info: info.to_vec(),
        };
        let (journal, head, old_gates) = match Segment::open_write(instance, Ring::Journal) {
            Ok(old) => take_over(instance, old, fresh)?,
            Err(OpenError::NotFound) => (Segment::create(instance, fresh, |_| ())?, 0, Vec::new()),
            Err(error) => return Err(error),
        };
        let journal_id = journal.header().segment_id;
        let gates_segment = place_gates(instance, &journal, head, &old_gates, gates)?;
        let slots = journal.slots();
        let producer = Producer::new(journal, slots, head);
        let gate_words = Gates::new(gates_segment, SLOTS_AT);
        let producer = GatedProducer::new(producer, gate_words, gates.len());
        Ok(Self { producer, journal_id, _lock: lock, _records: PhantomData })
    }
    /// Writes one record and returns its sequence number, from 1.
    ///
    /// # Errors
    /// [`Full`] if a gate has not committed enough; nothing is written.
    #[inline]
    pub fn publish(&mut self, value: &T) -> Result<u64, Full> {
        self.producer.publish(value)
    }
    /// Records the slowest gate has not committed.
    pub fn used(&mut self) -> u64 {
        self.producer.used()
    }
    /// Most records it can hold uncommitted: one less than the capacity asked for.
    pub fn capacity(&self) -> u64 {
        self.producer.producer().slots().usable()
    }
    /// Identifies this journal for ever; below 2^63.
    pub fn journal_id(&self) -> u64 {
        self.journal_id
    }
    /// Sequence number of the newest record; zero if none.
    pub fn head(&self) -> u64 {
        self.producer.producer().head()
    }
}

/// Whether a living process reads this gate; false too if there is no such gate.
pub fn gate_held(instance: &str, gate: &str) -> bool {
    let is_name = check_name(instance).is_ok() && check_name(gate).is_ok();
    is_name && is_held(&gate_lock_name(instance, gate))
}

fn gate_lock_name(instance: &str, gate: &str) -> String {
    format!("{}.{gate}.lock", segment_name(instance, Ring::Gates))
}

fn check_gates(gates: &[&str]) -> Result<(), OpenError> {
    if gates.len() > GATES_MAX || (1..gates.len()).any(|at| gates[..at].contains(&gates[at])) {
        return Err(OpenError::Gate);
    }
    gates.iter().try_for_each(|gate| check_name(gate))
}

/// A gate's name and what it has committed; `None` if that is not credible.
type OldGate = (String, Option<u64>);

/// Continues an old journal if it is like `fresh`, replaces it if nothing in it is unread.
fn take_over(
    instance: &str,
    mut old: Segment,
    fresh: Header,
) -> Result<(Segment, u64, Vec<OldGate>), OpenError> {
    let mut gates = read_gates(instance, &old);
    let committed = gates.iter().map(|(_, seq)| seq.unwrap_or(0)).min().unwrap_or(0);
    let head = recover(&old, &old.slots(), committed)
        .or_else(|| recover(&old, &old.slots(), 0))
        .ok_or(OpenError::Corrupt)?;
    for (_, committed) in &mut gates {
        *committed = committed.filter(|&seq| seq <= head);
    }
    let is_like = old.header().slots == fresh.slots
        && old.check_layout(fresh.identity.layout_hash, fresh.record_bytes).is_ok();
    if is_like {
        old.continue_as(fresh.identity, &fresh.info)?;
        return Ok((old, head, gates));
    }
    if gates.iter().any(|(_, committed)| *committed != Some(head)) {
        return Err(OpenError::Unread);
    }
    Ok((Segment::create(instance, fresh, |_| ())?, 0, Vec::new()))
}

/// The gates of a journal. A gates segment that is missing or of another journal tells nothing:
/// then there is one nameless gate that has committed nothing credible.
fn read_gates(instance: &str, journal: &Segment) -> Vec<OldGate> {
    match Segment::open_any(instance, Ring::Gates) {
        Ok(gates) if are_gates_of(&gates, journal) => {
            let names = gate_names(&gates);
            let words = Gates::new(gates, SLOTS_AT);
            let with_commit = |(gate, name)| (name, Some(words.committed(gate)));
            names.into_iter().enumerate().map(with_commit).collect()
        }
        _ => vec![(String::new(), None)],
    }
}

fn are_gates_of(gates: &Segment, journal: &Segment) -> bool {
    let header = gates.header();
    header.segment_id == journal.header().segment_id
        && (header.record_bytes, header.slots) == (GATE_BYTES, GATES_MAX)
}

fn gate_names(gates: &Segment) -> Vec<String> {
    let info = &gates.header().info;
    let names = info.split(|&byte| byte == b'\n').filter(|name| !name.is_empty());
    names.take(GATES_MAX).map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

/// The gates segment for these gates: the old one if it has the same names, else a new one.
fn place_gates(
    instance: &str,
    journal: &Segment,
    head: u64,
    old: &[OldGate],
    gates: &[&str],
) -> Result<Segment, OpenError> {
    let is_same = old.iter().map(|(name, _)| name.as_str()).eq(gates.iter().copied());
    if is_same && old.iter().all(|(_, committed)| committed.is_some()) && !gates.is_empty() {
        return Segment::open_write(instance, Ring::Gates);
    }
    // What is not known to be committed is unread.
    let floor = head.saturating_sub(journal.slots().usable());
    let slowest = old.iter().map(|(_, committed)| committed.unwrap_or(floor)).min();
    let start = |gate: &&str| {
        let known = old.iter().find(|(name, _)| name == gate);
        known.map_or(slowest.unwrap_or(head), |(_, committed)| committed.unwrap_or(floor))
    };
    let header = Header {
        ring: Ring::Gates,
        record_bytes: GATE_BYTES,
        slots: GATES_MAX,
        info: gates.join("\n").into_bytes(),
        ..journal.header().clone()
    };
    Segment::create(instance, header, |map| {
        let words = Gates::new(map, SLOTS_AT);
        gates.iter().enumerate().for_each(|(at, gate)| words.commit(at, start(gate)));
    })
}

/// A reader that does not hold the writer up and may therefore lose records.
#[derive(Debug)]
pub struct Reader<T> {
    consumer: Consumer<Segment>,
    _records: PhantomData<fn() -> T>,
}

impl<T: Plain> Reader<T> {
    /// Opens at the newest record.
    ///
    /// # Errors
    /// `NotFound`, or the reason why the segment is refused.
    pub fn open(instance: &str, layout_hash: u64) -> Result<Self, OpenError> {
        let segment = Segment::open_read(instance, Ring::Journal, layout_hash, size_of::<T>())?;
        let slots = segment.slots();
        Ok(Self { consumer: Consumer::at_newest(segment, slots), _records: PhantomData })
    }
    /// Opens at the oldest record that is still there.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_at_oldest(instance: &str, layout_hash: u64) -> Result<Self, OpenError> {
        let segment = Segment::open_read(instance, Ring::Journal, layout_hash, size_of::<T>())?;
        let slots = segment.slots();
        Ok(Self { consumer: Consumer::at_oldest(segment, slots), _records: PhantomData })
    }
    /// The record at this reader's position, or what was lost there.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "three outcomes, none of which ends it")]
    pub fn next(&mut self) -> Next<T> {
        self.consumer.next()
    }
    /// Moves so that `seq` is next, as far as it is still or already there; returns the position.
    pub fn seek(&mut self, seq: u64) -> u64 {
        self.consumer.seek(seq)
    }
    /// Records published and not yet read or reported lost.
    pub fn lag(&self) -> u64 {
        self.consumer.lag()
    }
    /// Identifies this journal for ever; below 2^63.
    pub fn journal_id(&self) -> u64 {
        self.consumer.memory().header().segment_id
    }
    /// Who writes.
    pub fn identity(&self) -> Identity {
        self.consumer.memory().identity()
    }
    /// The writer's information bytes.
    pub fn info(&self) -> Vec<u8> {
        self.consumer.memory().info()
    }
    /// Whether the journal was re-created or removed: reopen. One system call.
    pub fn is_stale(&self) -> bool {
        self.consumer.memory().is_stale()
    }
}

/// The one reader of a gate; the writer waits for its commits.
#[derive(Debug)]
pub struct GatedReader<T> {
    consumer: GatedConsumer<Segment, Segment>,
    _lock: Lock,
    _records: PhantomData<fn() -> T>,
}

impl<T: Plain> GatedReader<T> {
    /// Opens after the last committed record, alone on this gate.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another process reads this gate, [`OpenError::Gate`] if there is no
    /// such gate, `NotFound`, or the reason why the segment is refused.
    pub fn open(instance: &str, layout_hash: u64, gate: &str) -> Result<Self, OpenError> {
        check_name(gate)?;
        let journal = Segment::open_read(instance, Ring::Journal, layout_hash, size_of::<T>())?;
        let gates = Segment::open_write(instance, Ring::Gates)?;
        if !are_gates_of(&gates, &journal) {
            // The writer is between the two: the journal is there, its gates are not yet.
            return Err(OpenError::NotFound);
        }
        let index = gate_names(&gates).iter().position(|name| name == gate);
        let index = index.ok_or(OpenError::Gate)?;
        let lock = Lock::acquire(&gate_lock_name(instance, gate), GATE_PATIENCE)?;
        let slots = journal.slots();
        let consumer = Consumer::at_oldest(journal, slots);
        let consumer = GatedConsumer::new(consumer, Gates::new(gates, SLOTS_AT), index);
        Ok(Self { consumer, _lock: lock, _records: PhantomData })
    }
    /// The next record with its sequence number; a number that is not the one after the last
    /// means that the records between are gone (only possible after seeking below the commit).
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "None does not end it")]
    pub fn next(&mut self) -> Option<(u64, T)> {
        self.consumer.next()
    }
    /// Moves so that `seq` is next, as far as it is still or already there; returns the position.
    pub fn seek(&mut self, seq: u64) -> u64 {
        self.consumer.consumer_mut().seek(seq)
    }
    /// Lets the writer overwrite everything up to and including `seq`; never beyond what was read
    /// or skipped by a seek.
    pub fn commit(&mut self, seq: u64) {
        self.consumer.commit(seq);
    }
    /// Last committed sequence number of this gate.
    pub fn committed(&self) -> u64 {
        self.consumer.committed()
    }
    /// Records published and not yet read.
    pub fn lag(&self) -> u64 {
        self.consumer.consumer().lag()
    }
    /// Identifies this journal for ever; below 2^63.
    pub fn journal_id(&self) -> u64 {
        self.consumer.consumer().memory().header().segment_id
    }
    /// Who writes.
    pub fn identity(&self) -> Identity {
        self.consumer.consumer().memory().identity()
    }
    /// The writer's information bytes.
    pub fn info(&self) -> Vec<u8> {
        self.consumer.consumer().memory().info()
    }
    /// Whether a living process writes this journal.
    pub fn writer_alive(&self) -> bool {
        self.consumer.consumer().memory().is_writer_alive()
    }
    /// Whether journal or gates were re-created or removed: reopen. Two system calls.
    pub fn is_stale(&self) -> bool {
        self.consumer.consumer().memory().is_stale() || self.consumer.gates().memory().is_stale()
    }
}
