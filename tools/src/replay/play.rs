//! A recording as the engine met it: starts, inputs in the order of their numbers, and what is
//! missing.

use std::collections::VecDeque;
use std::io::Read;

use engine::Now;
use engine::tape::{self, BadInput, OwnedInput};
use schema::{BlobKind, Event, Kind, MonoNs, Record, RunInfo, Taken, WallNs};

use crate::file::{Chunk, FileError, Reader, Stream};

/// Where chunks come from.
pub trait Source {
    /// The next chunk, `None` at the end.
    ///
    /// # Errors
    /// [`FileError`]
    fn next_chunk(&mut self) -> Result<Option<Chunk>, FileError>;
}

impl<R: Read> Source for Reader<R> {
    fn next_chunk(&mut self) -> Result<Option<Chunk>, FileError> {
        Self::next_chunk(self)
    }
}

impl Source for VecDeque<Chunk> {
    fn next_chunk(&mut self) -> Result<Option<Chunk>, FileError> {
        Ok(self.pop_front())
    }
}

/// One start of a trader.
#[derive(Debug, Clone, Default)]
pub struct Boot {
    /// Its number.
    pub epoch: u32,
    /// Build of its engine.
    pub build: String,
    /// Configuration of its engine, as text.
    pub config: String,
    /// What its segments said of the run, if that is in the recording.
    pub info: Option<Box<RunInfo>>,
}

/// One input with what was recorded of it.
#[derive(Debug)]
pub struct Taking {
    /// Its number.
    pub number: u64,
    /// Its time.
    pub now: Now,
    /// The input.
    pub input: OwnedInput,
    /// The record it was read from.
    pub head: Record,
    /// What the journal holds under its number, the engine's words alone.
    pub said: Vec<Record>,
    /// Stage stamps the trader added.
    pub stages: Vec<Record>,
    /// Whether the journal ends in the middle of it: the trader died there.
    pub is_cut: bool,
}

/// Why inputs of a start cannot be handed on; the next start can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// The recorder was too slow, or began too late: records of a ring from a sequence number on.
    Lost(Stream, u64, u64),
    /// Inputs from the first to the last are nowhere.
    Missing(u64, u64),
    /// The trader died in the middle of this input: what it was stands nowhere.
    Cut(u64),
    /// An input cannot be read.
    Unread(u64, BadInput),
    /// The recording begins in the middle of a run.
    NoStart,
    /// Build or configuration of a start are not whole.
    NoSettings,
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// A trader started.
    Boot(Boot),
    /// The engine took an input.
    Taken(Box<Taking>),
    /// Something is missing: nothing more of this start follows.
    Gap(Gap),
}

/// A ring's records that wait for their turn.
#[derive(Debug)]
enum Item {
    Record(Record),
    Gap(u64, u64),
}

/// Puts a recording back in order.
#[derive(Debug)]
pub struct Player<S> {
    source: S,
    journal: VecDeque<Item>,
    /// With the start of the ring.
    market: VecDeque<(u32, Item)>,
    runs: Vec<(u32, Box<RunInfo>)>,
    is_over: bool,
    epoch: Option<u32>,
    offset: Option<i64>,
    /// Number of the last input handed on.
    last: u64,
    has_begun: bool,
    /// Records passed over because their start could not be handed on.
    pub skipped: u64,
}

impl<S: Source> Player<S> {
    /// Nothing is read yet.
    pub fn new(source: S) -> Self {
        Self {
            source,
            journal: VecDeque::new(),
            market: VecDeque::new(),
            runs: Vec::new(),
            is_over: false,
            epoch: None,
            offset: None,
            last: 0,
            has_begun: false,
            skipped: 0,
        }
    }

    /// The source, for what it knows of its end.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The next step, `None` at the end.
    ///
    /// # Errors
    /// The file is bad.
    pub fn next_step(&mut self) -> Result<Option<Step>, FileError> {
        if self.epoch.is_none() {
            return self.find_boot();
        }
        self.complete_groups()?;
        let journal = match self.journal.front() {
            Some(Item::Gap(first, count)) => {
                return Ok(Some(self.give_up(Gap::Lost(Stream::Journal, *first, *count))));
            }
            Some(Item::Record(record)) if record.kind != Kind::Boot as u16 => Some(record.input),
            _ => None,
        };
        let market = match self.market_front() {
            Some(Item::Gap(first, count)) => {
                let gap = Gap::Lost(Stream::Market, *first, *count);
                return Ok(Some(self.give_up(gap)));
            }
            Some(Item::Record(record)) => Some(record.input),
            None => None,
        };
        let Some(number) = [journal, market].into_iter().flatten().min() else {
            self.epoch = None;
            return self.find_boot();
        };
        if number <= self.last {
            // No input of the engine has this number: a record the trader added.
            self.skipped +=
                (self.take_journal(number).len() + self.take_market(number).len()) as u64;
            return self.next_step();
        }
        if number != self.last + 1 {
            return Ok(Some(self.give_up(Gap::Missing(self.last + 1, number - 1))));
        }
        self.last = number;
        let is_last = |other: Option<u64>| other.is_none_or(|other| other == number);
        let may_be_cut = is_last(journal) && is_last(market);
        Ok(Some(self.take(number, may_be_cut)))
    }

    /// Hands on one input.
    fn take(&mut self, number: u64, may_be_cut: bool) -> Step {
        let (stages, said): (Vec<Record>, Vec<Record>) =
            self.take_journal(number).into_iter().partition(|r| r.kind == Kind::Stages as u16);
        let seen = self.take_market(number);
        let may_be_cut = may_be_cut && self.is_at_end();
        let (offset, rest) = tape::clock(&said);
        self.offset = offset.or(self.offset);
        let records = if seen.is_empty() { rest } else { &seen };
        let input = match (tape::read(records), self.offset) {
            (Ok(input), Some(offset)) => Ok((input, offset)),
            (Ok(_), None) => Err(BadInput::NotWhole),
            (Err(error), _) => Err(error),
        };
        let (input, offset) = match input {
            Ok(input) => input,
            // The trader died before its input stood anywhere: its words cannot be judged.
            Err(_) if may_be_cut => {
                self.epoch = None;
                self.skipped += said.len() as u64;
                return Step::Gap(Gap::Cut(number));
            }
            Err(error) => return self.give_up(Gap::Unread(number, error)),
        };
        let head = records[0];
        let now =
            Now { mono: MonoNs(head.at_ns), wall: WallNs(offset.wrapping_add(head.at_ns as i64)) };
        Step::Taken(Box::new(Taking { number, now, input, head, said, stages, is_cut: may_be_cut }))
    }

    /// Whether nothing more of this start follows.
    fn is_at_end(&self) -> bool {
        let is_boot = |item: &Item| matches!(item, Item::Record(r) if r.kind == Kind::Boot as u16);
        self.journal.front().is_none_or(is_boot) && self.market_front().is_none()
    }

    fn market_front(&self) -> Option<&Item> {
        let (epoch, item) = self.market.front()?;
        (Some(*epoch) == self.epoch).then_some(item)
    }

    fn take_journal(&mut self, number: u64) -> Vec<Record> {
        let mut taken = Vec::new();
        while let Some(Item::Record(record)) = self.journal.front()
            && record.input == number
            && record.kind != Kind::Boot as u16
        {
            taken.push(*record);
            self.journal.pop_front();
        }
        taken
    }

    fn take_market(&mut self, number: u64) -> Vec<Record> {
        let mut taken = Vec::new();
        while let Some(Item::Record(record)) = self.market_front()
            && record.input == number
        {
            taken.push(*record);
            self.market.pop_front();
        }
        taken
    }

    /// Nothing more of this start.
    fn give_up(&mut self, gap: Gap) -> Step {
        self.epoch = None;
        Step::Gap(gap)
    }

    /// Reads until the next input is whole in both rings.
    fn complete_groups(&mut self) -> Result<(), FileError> {
        while !(self.is_over || self.has_next_journal() && self.has_next_market()) {
            self.read()?;
        }
        Ok(())
    }

    /// Whether the journal holds something behind the records of the next input.
    fn has_next_journal(&self) -> bool {
        let next = self.last + 1;
        let is_behind = |item: &Item| match item {
            Item::Record(record) => record.input > next || record.kind == Kind::Boot as u16,
            Item::Gap(..) => true,
        };
        // Records under one number are few; those of a start without an input are gone by then.
        self.journal.iter().any(is_behind)
    }

    fn has_next_market(&self) -> bool {
        let next = self.last + 1;
        self.market.iter().any(|(epoch, item)| match item {
            Item::Record(record) => Some(*epoch) > self.epoch || record.input > next,
            Item::Gap(..) => true,
        })
    }

    /// Reads one chunk.
    fn read(&mut self) -> Result<bool, FileError> {
        let Some(chunk) = self.source.next_chunk()? else {
            self.is_over = true;
            return Ok(false);
        };
        match chunk {
            Chunk::Run { epoch, info, .. } => self.runs.push((epoch, info)),
            Chunk::Records { stream: Stream::Journal, records, .. } => {
                self.journal.extend(records.into_iter().map(Item::Record));
            }
            Chunk::Records { stream: Stream::Market, epoch, records, .. } => {
                let items = records.into_iter().map(|record| (epoch, Item::Record(record)));
                self.market.extend(items);
            }
            Chunk::Gap { stream: Stream::Journal, first, count, .. } => {
                self.journal.push_back(Item::Gap(first, count));
            }
            Chunk::Gap { stream: Stream::Market, epoch, first, count } => {
                self.market.push_back((epoch, Item::Gap(first, count)));
            }
        }
        Ok(true)
    }

    /// Goes to the next start.
    fn find_boot(&mut self) -> Result<Option<Step>, FileError> {
        loop {
            let Some(item) = self.next_journal()? else { return Ok(None) };
            let boot = match &item {
                Item::Record(record) => Event::from_record(record).ok(),
                Item::Gap(..) => None,
            };
            let is_first = !std::mem::replace(&mut self.has_begun, true);
            match boot {
                Some(Event::Boot(epoch, _)) => return self.begin(epoch.0).map(Some),
                _ if is_first => {
                    self.skipped += 1;
                    return Ok(Some(Step::Gap(match item {
                        Item::Gap(first, count) => Gap::Lost(Stream::Journal, first, count),
                        Item::Record(_) => Gap::NoStart,
                    })));
                }
                _ => self.skipped += 1,
            }
        }
    }

    fn next_journal(&mut self) -> Result<Option<Item>, FileError> {
        while self.journal.is_empty() && !self.is_over {
            self.read()?;
        }
        Ok(self.journal.pop_front())
    }

    /// Reads the settings of a start.
    fn begin(&mut self, epoch: u32) -> Result<Step, FileError> {
        let mut texts: [(Vec<u8>, bool); 2] = Default::default();
        loop {
            while self.journal.is_empty() && !self.is_over {
                self.read()?;
            }
            let Some(Item::Record(record)) = self.journal.front() else { break };
            let Ok(Event::Taken(Taken::Blob(blob))) = Event::from_record(record) else { break };
            let (text, is_whole) = match blob.what {
                BlobKind::Build => &mut texts[0],
                BlobKind::Config => &mut texts[1],
            };
            text.extend(blob.as_slice());
            *is_whole = blob.more == 0;
            self.journal.pop_front();
        }
        while self.market.front().is_some_and(|(of, _)| *of < epoch) {
            self.market.pop_front();
            self.skipped += 1;
        }
        (self.offset, self.last) = (None, 0);
        let [build, config] =
            texts.map(|(text, is_whole)| String::from_utf8(text).ok().filter(|_| is_whole));
        let (Some(build), Some(config)) = (build, config) else {
            return Ok(Step::Gap(Gap::NoSettings));
        };
        self.epoch = Some(epoch);
        let info = self.runs.iter().find(|(of, _)| *of == epoch).map(|(_, info)| info.clone());
        Ok(Step::Boot(Boot { epoch, build, config, info }))
    }
}
