//! Follows a run through its rings: feeds [`Live`] and copies the journal to a file.

use std::path::PathBuf;

use rings::{Next, journal};
use schema::{Record, RunInfo};

use crate::exit::Failure;
use crate::instance::{self, View};
use crate::live::{GuardReader, Live};
use crate::recording::Recorder;

/// Records taken in one turn, so that a screen is drawn even while much is to be read.
const RECORDS_A_TURN: usize = 50_000;

/// Follows one run.
pub(super) struct Watch {
    instance: String,
    path: PathBuf,
    attached: Option<Attached>,
    guard: GuardReader,
    /// What is known so far.
    pub(super) live: Live,
}

struct Attached {
    view: View,
    journal: journal::Reader<Record>,
    recorder: Recorder,
    /// Sequence number of the newest record read.
    head: u64,
}

impl Watch {
    /// Waits for a run of this name; its journal goes to `path`.
    pub(super) fn new(instance: String, path: PathBuf) -> Self {
        let live = Live::new(RunInfo::default());
        Self { instance, path, attached: None, guard: GuardReader::default(), live }
    }

    /// Takes what is new. Before the trader has made its segments there is nothing.
    ///
    /// # Errors
    /// The copy of the journal cannot be written.
    pub(super) fn turn(&mut self) -> Result<(), Failure> {
        if self.attached.is_none() {
            self.attach()?;
        }
        self.guard.turn(&self.instance, &mut self.live.guarded);
        let Some(attached) = &mut self.attached else { return Ok(()) };
        for _ in 0..RECORDS_A_TURN {
            match attached.journal.next() {
                Next::Item(seq, record) => {
                    if attached.head == 0 {
                        self.live.take_loss(seq - 1);
                    }
                    attached.head = seq;
                    attached.recorder.add(seq, &record)?;
                    self.live.take_record(&record);
                }
                Next::Lost { count, .. } => self.live.take_loss(count),
                Next::Empty => break,
            }
        }
        if let Some(status) = attached.view.status() {
            self.live.take_status(status);
        }
        Ok(())
    }

    /// Takes everything that is left, after the trader has ended.
    ///
    /// # Errors
    /// The copy of the journal cannot be written.
    pub(super) fn drain(&mut self) -> Result<(), Failure> {
        loop {
            let before = self.live.records;
            self.turn()?;
            if self.live.records == before {
                break;
            }
        }
        match &mut self.attached {
            Some(attached) => attached.recorder.flush(),
            None => Ok(()),
        }
    }

    fn attach(&mut self) -> Result<(), Failure> {
        let Ok(journal) = instance::journal(&self.instance, true) else { return Ok(()) };
        let Ok(view) = View::open(&self.instance) else { return Ok(()) };
        let recorder = Recorder::create(&self.path, &view.info)?;
        self.live.begin(view.info);
        self.attached = Some(Attached { view, journal, recorder, head: 0 });
        Ok(())
    }
}
