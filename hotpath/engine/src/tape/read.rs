//! Inputs back from their records.

use core::fmt;

use schema::{
    AccountHead, AccountUpdate, AlgoUpdate, BadRecord, BookTicker, Command, DepthBuf, DepthHead,
    Event, ExecutionReport, Kind, Link, Mark, MonoNs, OrderReply, Record, RequestId, Side,
    SignalParams, SymbolId, SymbolRules, Taken, Trade, TradeLite, TruthHead, Verdict,
};

use crate::input::{Input, Truth};

/// An input that owns what it says.
#[derive(Debug)]
pub enum OwnedInput {
    /// [`Input::BookTicker`]
    BookTicker(BookTicker),
    /// [`Input::Trade`]
    Trade(Trade),
    /// [`Input::Mark`]
    Mark(Mark),
    /// [`Input::Depth`]
    Depth(DepthHead, Box<DepthBuf>),
    /// [`Input::Timer`]
    Timer,
    /// [`Input::Link`]
    Link(Link, bool),
    /// [`Input::Report`]
    Report(ExecutionReport),
    /// [`Input::TradeLite`]
    TradeLite(TradeLite),
    /// [`Input::Account`]
    Account(AccountUpdate),
    /// [`Input::Reply`]
    Reply(OrderReply),
    /// [`Input::Command`]
    Command(Command),
    /// [`Input::Algo`]
    Algo(AlgoUpdate),
    /// [`Input::Reconciled`]
    Reconciled(Box<Truth>),
    /// [`Input::SendFailed`]
    SendFailed(RequestId),
    /// [`Input::Params`]
    Params(SignalParams),
    /// [`Input::Verdict`]
    Verdict(Verdict),
    /// [`Input::Builds`]
    Builds(bool),
    /// [`Input::Rules`]
    Rules(SymbolId, SymbolRules),
    /// [`Input::FeedDiverged`]
    FeedDiverged(SymbolId),
    /// [`Input::DeadMan`]
    DeadMan(bool),
    /// [`Input::ClockSkew`]: offset and round trip, ns.
    ClockSkew(i64, u64),
    /// [`Input::JournalUsed`]: used and capacity.
    JournalUsed(u64, u64),
}

impl OwnedInput {
    /// As the engine takes it.
    pub fn as_input(&self) -> Input<'_> {
        match self {
            Self::BookTicker(ticker) => Input::BookTicker(ticker),
            Self::Trade(trade) => Input::Trade(trade),
            Self::Mark(mark) => Input::Mark(mark),
            Self::Depth(head, depth) => Input::Depth(head, depth),
            Self::Timer => Input::Timer,
            Self::Link(link, is_up) => Input::Link(*link, *is_up),
            Self::Report(report) => Input::Report(report),
            Self::TradeLite(lite) => Input::TradeLite(lite),
            Self::Account(update) => Input::Account(update),
            Self::Reply(reply) => Input::Reply(reply),
            Self::Command(command) => Input::Command(command),
            Self::Algo(update) => Input::Algo(update),
            Self::Reconciled(truth) => Input::Reconciled(truth),
            Self::SendFailed(request) => Input::SendFailed(*request),
            Self::Params(params) => Input::Params(params),
            Self::Verdict(verdict) => Input::Verdict(verdict),
            Self::Builds(agree) => Input::Builds(*agree),
            Self::Rules(symbol, rules) => Input::Rules(*symbol, rules),
            Self::FeedDiverged(symbol) => Input::FeedDiverged(*symbol),
            Self::DeadMan(is_set) => Input::DeadMan(*is_set),
            Self::ClockSkew(offset_ns, rtt_ns) => {
                Input::ClockSkew { offset_ns: *offset_ns, rtt_ns: *rtt_ns }
            }
            Self::JournalUsed(used, capacity) => {
                Input::JournalUsed { used: *used, capacity: *capacity }
            }
        }
    }
}

/// Why records are no input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadInput {
    /// There is no record.
    None,
    /// A record of this kind begins no input.
    NotAnInput(Kind),
    /// Records that must follow the first are missing or others.
    NotWhole,
    /// A record cannot be read.
    Record(BadRecord),
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no record of it"),
            Self::NotAnInput(kind) => write!(f, "a record `{kind}` is not an input"),
            Self::NotWhole => f.write_str("records of it are missing"),
            Self::Record(error) => write!(f, "{error}"),
        }
    }
}
impl core::error::Error for BadInput {}

impl From<BadRecord> for BadInput {
    fn from(error: BadRecord) -> Self {
        Self::Record(error)
    }
}

/// The clocks' distance, if these records of one input begin with it, and the rest of them.
pub fn clock(records: &[Record]) -> (Option<i64>, &[Record]) {
    match records.split_first() {
        Some((first, rest)) => match Event::from_record(first) {
            Ok(Event::Taken(Taken::Clock(offset))) => (Some(offset), rest),
            _ => (None, records),
        },
        None => (None, records),
    }
}

/// The input that records begin with; what follows are its consequences.
///
/// # Errors
/// [`BadInput`].
pub fn read(records: &[Record]) -> Result<OwnedInput, BadInput> {
    let (first, rest) = records.split_first().ok_or(BadInput::None)?;
    Ok(match Event::from_record(first)? {
        Event::BookTicker(ticker) => OwnedInput::BookTicker(ticker),
        Event::Trade(trade) => OwnedInput::Trade(trade),
        Event::Mark(mark) => OwnedInput::Mark(mark),
        Event::Depth(head) => read_depth(head, rest.get(..usize::from(first.count)))?,
        Event::Timer(_) => OwnedInput::Timer,
        Event::Link(link, is_up) => OwnedInput::Link(link, is_up),
        Event::Report(report) => OwnedInput::Report(report),
        Event::TradeLite(lite) => OwnedInput::TradeLite(lite),
        Event::Reply(reply) => OwnedInput::Reply(reply),
        Event::Command(command) => OwnedInput::Command(command),
        Event::Algo(update) => OwnedInput::Algo(update),
        Event::Taken(taken) => match taken {
            Taken::Account(head) => OwnedInput::Account(read_account(&head, rest)?),
            Taken::Truth(head) => OwnedInput::Reconciled(Box::new(read_truth(&head, rest)?)),
            Taken::SendFailed(request) => OwnedInput::SendFailed(request),
            Taken::Params(params) => OwnedInput::Params(params),
            Taken::Verdict(verdict) => OwnedInput::Verdict(verdict),
            Taken::Builds { agree } => OwnedInput::Builds(agree),
            Taken::Rules(symbol, rules) => OwnedInput::Rules(symbol, rules),
            Taken::FeedDiverged(symbol) => OwnedInput::FeedDiverged(symbol),
            Taken::DeadMan(is_set) => OwnedInput::DeadMan(is_set),
            Taken::ClockSkew { offset_ns, rtt_ns } => OwnedInput::ClockSkew(offset_ns, rtt_ns),
            Taken::JournalUsed { used, capacity } => OwnedInput::JournalUsed(used, capacity),
            Taken::Clock(_)
            | Taken::TruthOrder(_)
            | Taken::TruthAlgo(_)
            | Taken::LastTrades(_)
            | Taken::Blob(_) => return Err(not_an_input(first)),
        },
        _ => return Err(not_an_input(first)),
    })
}

fn not_an_input(record: &Record) -> BadInput {
    record.kind().map_or(BadInput::Record(BadRecord::Kind(record.kind)), BadInput::NotAnInput)
}

fn read_depth(head: DepthHead, records: Option<&[Record]>) -> Result<OwnedInput, BadInput> {
    let mut depth = Box::new(DepthBuf::new());
    for record in records.ok_or(BadInput::NotWhole)? {
        let Event::Levels(levels) = Event::from_record(record)? else {
            return Err(BadInput::NotWhole);
        };
        for level in levels.as_slice() {
            let has_room = match levels.side {
                Side::Buy => depth.push_bid(*level),
                Side::Sell => depth.push_ask(*level),
            };
            if !has_room {
                return Err(BadInput::NotWhole);
            }
        }
    }
    Ok(OwnedInput::Depth(head, depth))
}

fn read_account(head: &AccountHead, records: &[Record]) -> Result<AccountUpdate, BadInput> {
    let mut update = AccountUpdate {
        balance_count: head.balances,
        position_count: head.positions,
        other_count: head.others,
        is_funding: head.is_funding,
        transaction_time: head.transaction_time,
        event_time: head.event_time,
        ..AccountUpdate::default()
    };
    let mut records = records.iter();
    for slot in take(&mut update.balances, head.balances)? {
        let Event::Balance(balance, ..) = next(&mut records)? else {
            return Err(BadInput::NotWhole);
        };
        *slot = balance;
    }
    for slot in take(&mut update.positions, head.positions)? {
        let Event::Position(position, _) = next(&mut records)? else {
            return Err(BadInput::NotWhole);
        };
        *slot = position;
    }
    Ok(update)
}

fn read_truth(head: &TruthHead, records: &[Record]) -> Result<Truth, BadInput> {
    let mut records = records.iter();
    let Event::Taken(Taken::LastTrades(last_trades)) = next(&mut records)? else {
        return Err(BadInput::NotWhole);
    };
    let mut truth = Truth {
        requested_at: MonoNs(head.requested_ns),
        wallet: head.wallet,
        last_trades,
        is_complete: head.is_complete,
        ..Truth::default()
    };
    if head.is_complete && !matches!(next(&mut records)?, Event::Balance(..)) {
        return Err(BadInput::NotWhole);
    }
    for slot in take(&mut truth.positions, head.positions)? {
        let Event::Position(position, _) = next(&mut records)? else {
            return Err(BadInput::NotWhole);
        };
        *slot = position;
    }
    for _ in 0..head.orders {
        let Event::Taken(Taken::TruthOrder(order)) = next(&mut records)? else {
            return Err(BadInput::NotWhole);
        };
        truth.open_orders.push(order);
    }
    if let Some(count) = head.algos {
        let mut algos = Vec::new();
        for _ in 0..count {
            let Event::Taken(Taken::TruthAlgo(algo)) = next(&mut records)? else {
                return Err(BadInput::NotWhole);
            };
            algos.push(algo);
        }
        truth.algo_orders = Some(algos);
    }
    Ok(truth)
}

fn take<T>(slots: &mut [T], count: u8) -> Result<&mut [T], BadInput> {
    slots.get_mut(..usize::from(count)).ok_or(BadInput::NotWhole)
}

fn next(records: &mut core::slice::Iter<'_, Record>) -> Result<Event, BadInput> {
    Ok(Event::from_record(records.next().ok_or(BadInput::NotWhole)?)?)
}
