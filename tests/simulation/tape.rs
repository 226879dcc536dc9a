//! I9: the inputs of a run, applied to a fresh engine, give the same records, byte for byte.

use engine::{Engine, Input, Now, Outbox, SymbolRules, Truth};
use schema::{
    AccountUpdate, AlgoUpdate, BookTicker, Command, DepthBuf, DepthHead, ExecutionReport, Link,
    Mark, OrderReply, Record, RequestId, SignalParams, SymbolId, Trade, TradeLite, Verdict,
};

use crate::world::World;

/// An input that owns what it tells.
#[derive(Debug)]
enum Owned {
    BookTicker(BookTicker),
    Trade(Trade),
    Mark(Mark),
    Depth(DepthHead, Box<DepthBuf>),
    Timer,
    Link(Link, bool),
    FeedDiverged(SymbolId),
    ClockSkew(i64, u64),
    DeadMan(bool),
    Algo(AlgoUpdate),
    Rules(SymbolId, SymbolRules),
    Report(ExecutionReport),
    TradeLite(TradeLite),
    Account(AccountUpdate),
    Reply(OrderReply),
    SendFailed(RequestId),
    Command(Command),
    Params(SignalParams),
    Verdict(Verdict),
    Builds(bool),
    Reconciled(Box<Truth>),
    JournalUsed(u64, u64),
}

impl Owned {
    fn of(input: &Input<'_>) -> Self {
        match input {
            Input::BookTicker(it) => Self::BookTicker(**it),
            Input::Trade(it) => Self::Trade(**it),
            Input::Mark(it) => Self::Mark(**it),
            Input::Depth(head, depth) => Self::Depth(**head, Box::new((*depth).clone())),
            Input::Timer => Self::Timer,
            Input::Link(link, is_up) => Self::Link(*link, *is_up),
            Input::FeedDiverged(symbol) => Self::FeedDiverged(*symbol),
            Input::ClockSkew { offset_ns, rtt_ns } => Self::ClockSkew(*offset_ns, *rtt_ns),
            Input::DeadMan(is_set) => Self::DeadMan(*is_set),
            Input::Algo(it) => Self::Algo(**it),
            Input::Rules(symbol, rules) => Self::Rules(*symbol, **rules),
            Input::Report(it) => Self::Report(**it),
            Input::TradeLite(it) => Self::TradeLite(**it),
            Input::Account(it) => Self::Account(**it),
            Input::Reply(it) => Self::Reply(**it),
            Input::SendFailed(id) => Self::SendFailed(*id),
            Input::Command(it) => Self::Command(**it),
            Input::Params(it) => Self::Params(**it),
            Input::Verdict(it) => Self::Verdict(**it),
            Input::Builds(it) => Self::Builds(*it),
            Input::Reconciled(truth) => Self::Reconciled(Box::new((*truth).clone())),
            Input::JournalUsed { used, capacity } => Self::JournalUsed(*used, *capacity),
        }
    }

    fn input(&self) -> Input<'_> {
        match self {
            Self::BookTicker(it) => Input::BookTicker(it),
            Self::Trade(it) => Input::Trade(it),
            Self::Mark(it) => Input::Mark(it),
            Self::Depth(head, depth) => Input::Depth(head, depth),
            Self::Timer => Input::Timer,
            Self::Link(link, is_up) => Input::Link(*link, *is_up),
            Self::FeedDiverged(symbol) => Input::FeedDiverged(*symbol),
            Self::ClockSkew(offset_ns, rtt_ns) => {
                Input::ClockSkew { offset_ns: *offset_ns, rtt_ns: *rtt_ns }
            }
            Self::DeadMan(is_set) => Input::DeadMan(*is_set),
            Self::Algo(it) => Input::Algo(it),
            Self::Rules(symbol, rules) => Input::Rules(*symbol, rules),
            Self::Report(it) => Input::Report(it),
            Self::TradeLite(it) => Input::TradeLite(it),
            Self::Account(it) => Input::Account(it),
            Self::Reply(it) => Input::Reply(it),
            Self::SendFailed(id) => Input::SendFailed(*id),
            Self::Command(it) => Input::Command(it),
            Self::Params(it) => Input::Params(it),
            Self::Verdict(it) => Input::Verdict(it),
            Self::Builds(it) => Input::Builds(*it),
            Self::Reconciled(truth) => Input::Reconciled(truth),
            Self::JournalUsed(used, capacity) => {
                Input::JournalUsed { used: *used, capacity: *capacity }
            }
        }
    }
}

/// One start of the trader: its inputs, and where its records stand in the journal.
#[derive(Debug)]
struct Part {
    epoch: u32,
    is_killed: bool,
    inputs: Vec<(Now, Owned)>,
    from: usize,
    records: Vec<Record>,
}

/// What every start of the trader was told, and what it recorded.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    parts: Vec<Part>,
}

impl Tape {
    /// A trader starts; its records follow so many others.
    pub(crate) fn begun(&mut self, epoch: u32, is_killed: bool, from: usize) {
        self.parts.push(Part { epoch, is_killed, inputs: Vec::new(), from, records: Vec::new() });
    }
    /// It is told something.
    pub(crate) fn take(&mut self, now: Now, input: &Input<'_>) {
        if let Some(part) = self.parts.last_mut() {
            part.inputs.push((now, Owned::of(input)));
        }
    }
    /// It is over; this is the journal.
    pub(crate) fn ended(&mut self, journal: &[Record]) {
        if let Some(part) = self.parts.last_mut() {
            part.records = journal.get(part.from..).unwrap_or_default().to_vec();
        }
    }
}

impl World {
    /// Plays every start again.
    pub(crate) fn end_tape(&mut self) {
        let Some(mut tape) = self.tape.take() else { return };
        if let Some(side) = self.side.as_ref() {
            tape.ended(&side.desk.journal);
        }
        for part in &tape.parts {
            let config = self.setup.engine(part.epoch, part.is_killed);
            let Ok(mut engine) = Engine::new(config) else { continue };
            let mut out = Outbox::new();
            let mut told = part.records.iter();
            for (number, (now, input)) in part.inputs.iter().enumerate() {
                engine.apply(*now, &input.input(), &mut out);
                let is_same = out.records().iter().all(|record| told.next() == Some(record));
                if !is_same {
                    let why = format!(
                        "start {}: input {} of {} gives other records: {input:?}",
                        part.epoch,
                        number + 1,
                        part.inputs.len()
                    );
                    return self.judge.fail("I9", why);
                }
                out.clear();
            }
            if told.next().is_some() {
                return self.judge.fail("I9", "a replay gives fewer records".to_owned());
            }
        }
    }
}
