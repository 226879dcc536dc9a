//! The same inputs, the same words: an engine made as the recorded one was, beside the record.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use engine::{Config, Engine, Outbox};
use schema::{Event, Record};

use crate::file::FileError;
use crate::play::{Boot, Gap, Player, Source, Step, Taking};

/// Inputs shown before and after a difference.
const AROUND: usize = 4;

/// Why nothing can be compared.
#[derive(Debug)]
pub enum CompareError {
    /// The file is bad.
    File(FileError),
    /// A start was made by another build: its text.
    Build(String),
    /// The configuration of a start makes no engine: its number and why.
    Config(u32, String),
}

impl fmt::Display for CompareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "{error}"),
            Self::Build(build) => {
                write!(f, "recorded by build `{build}`, this is `{}`", engine::tape::BUILD)
            }
            Self::Config(epoch, why) => {
                write!(f, "the configuration of start {epoch} makes no engine: {why}")
            }
        }
    }
}
impl std::error::Error for CompareError {}

impl From<FileError> for CompareError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// What became of one start.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The start.
    pub boot: Boot,
    /// Checksum of its configuration.
    pub config_id: u32,
    /// Inputs compared.
    pub inputs: u64,
    /// Whether the trader died in the middle of its last input.
    pub is_cut: bool,
    /// What was missing, if its end could not be compared.
    pub gap: Option<Gap>,
}

/// The first word that is not the same.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The start.
    pub epoch: u32,
    /// Number of the input.
    pub number: u64,
    /// What the journal holds.
    pub recorded: Vec<Record>,
    /// What the engine says now.
    pub replayed: Vec<Record>,
    /// Records the inputs around it were read from, with itself.
    pub around: Vec<Record>,
}

impl Difference {
    /// Place of the first record that differs.
    pub fn first(&self) -> usize {
        let same = |(a, b): &(&Record, &Record)| a == b;
        self.recorded.iter().zip(&self.replayed).take_while(same).count()
    }
}

/// What came out.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Every start.
    pub starts: Vec<Start>,
    /// Inputs by the kind of their record.
    pub inputs: BTreeMap<&'static str, u64>,
    /// Words of the engine by kind, inputs it recorded itself included.
    pub words: BTreeMap<&'static str, u64>,
    /// Orders that were decided, by their ids.
    pub orders: BTreeSet<String>,
    /// Gaps outside any start.
    pub gaps: Vec<Gap>,
    /// Records that belong to no start that could be compared.
    pub skipped: u64,
    /// The first difference.
    pub difference: Option<Difference>,
}

impl Outcome {
    /// Inputs compared in all.
    pub fn input_count(&self) -> u64 {
        self.starts.iter().map(|start| start.inputs).sum()
    }
    /// Words compared in all.
    pub fn word_count(&self) -> u64 {
        self.words.values().sum()
    }
}

/// Makes the engine of a start.
///
/// # Errors
/// [`CompareError::Build`] unless `any_build`, [`CompareError::Config`].
pub fn engine_of(boot: &Boot, any_build: bool) -> Result<Engine, CompareError> {
    if boot.build != engine::tape::BUILD && !any_build {
        return Err(CompareError::Build(boot.build.clone()));
    }
    let wrong = |why: String| CompareError::Config(boot.epoch, why);
    let config = Config::from_text(&boot.config).map_err(|error| wrong(error.to_string()))?;
    Engine::new(config).map_err(|error| wrong(error.to_string()))
}

/// Compares a whole recording.
///
/// # Errors
/// [`CompareError`]
pub fn compare<S: Source>(
    player: &mut Player<S>,
    any_build: bool,
) -> Result<Outcome, CompareError> {
    let mut outcome = Outcome::default();
    let mut engine: Option<Engine> = None;
    let mut out = Outbox::new();
    let mut before = VecDeque::with_capacity(AROUND);
    let mut after = 0;
    while let Some(step) = player.next_step()? {
        match step {
            Step::Boot(boot) => {
                engine = match outcome.difference {
                    // Nothing more is learnt after the first difference.
                    Some(_) => return Ok(outcome),
                    None => Some(engine_of(&boot, any_build)?),
                };
                let config_id = crc32fast::hash(boot.config.as_bytes());
                outcome.starts.push(Start { boot, config_id, ..Start::default() });
                before.clear();
            }
            Step::Gap(gap) => {
                match outcome.starts.last_mut().filter(|_| engine.is_some()) {
                    Some(start) if matches!(gap, Gap::Cut(_)) => start.is_cut = true,
                    Some(start) => start.gap = Some(gap),
                    None => outcome.gaps.push(gap),
                }
                engine = None;
            }
            Step::Taken(taking) => {
                if let Some(difference) = &mut outcome.difference {
                    difference.around.push(taking.head);
                    after += 1;
                    if after == AROUND {
                        return Ok(outcome);
                    }
                    continue;
                }
                let Some(engine) = &mut engine else { continue };
                out.clear();
                engine.apply(taking.now, &taking.input.as_input(), &mut out);
                if before.len() == AROUND {
                    before.pop_front();
                }
                before.push_back(taking.head);
                judge(&taking, out.records(), &before, &mut outcome);
            }
        }
    }
    outcome.skipped = player.skipped;
    Ok(outcome)
}

/// Compares what one input led to.
fn judge(taking: &Taking, said: &[Record], before: &VecDeque<Record>, outcome: &mut Outcome) {
    let is_cut = taking.is_cut && taking.said.len() < said.len();
    let expected = if is_cut { &said[..taking.said.len()] } else { said };
    let Some(start) = outcome.starts.last_mut() else { return };
    if taking.said != expected {
        outcome.difference = Some(Difference {
            epoch: start.boot.epoch,
            number: taking.number,
            recorded: taking.said.clone(),
            replayed: said.to_vec(),
            around: before.iter().copied().collect(),
        });
        return;
    }
    start.inputs += 1;
    start.is_cut = is_cut;
    *outcome.inputs.entry(name(&taking.head)).or_default() += 1;
    for record in &taking.said {
        *outcome.words.entry(name(record)).or_default() += 1;
        if let Ok(Event::Decision(decision)) = Event::from_record(record) {
            outcome.orders.insert(decision.order.client_order_id.to_string());
        }
    }
}

fn name(record: &Record) -> &'static str {
    record.kind().map_or("unknown", |kind| kind.as_str())
}

#[cfg(test)]
pub(crate) mod tests;
