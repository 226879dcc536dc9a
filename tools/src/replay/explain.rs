//! Everything about one order: what it was decided on, what was asked, what came back.

use std::collections::BTreeSet;

use engine::{Headroom, Outbox};
use schema::{
    BookTicker, ClientOrderId, Decision, Event, Level, MonoNs, Record, RequestId, RunInfo, Stages,
    StateReason, TradingState, WallNs,
};

use crate::compare::{CompareError, engine_of};
use crate::file::{Chunk, FileError, Stream};
use crate::play::{Player, Source, Step};

/// One order's story.
#[derive(Debug, Default)]
pub struct Story {
    /// Its id.
    pub client_order_id: ClientOrderId,
    /// Start of the trader that decided it; zero if that is not in the recording.
    pub epoch: u32,
    /// The run, if known.
    pub info: Option<Box<RunInfo>>,
    /// Records about it, in order: decisions, requests, answers, reports, fills.
    pub records: Vec<Record>,
    /// When the first decision was made.
    pub decision: Option<Decision>,
    /// Its number.
    pub input: u64,
    /// Its time.
    pub at: MonoNs,
    /// Stage stamps.
    pub stages: Option<Stages>,
    /// What is only known after a replay up to the decision.
    pub moment: Option<Moment>,
    /// Why there is no replay.
    pub no_moment: Option<String>,
}

/// The engine right after it decided.
#[derive(Debug)]
pub struct Moment {
    /// Wall time.
    pub wall: WallNs,
    /// Trading state and why.
    pub state: (TradingState, StateReason),
    /// Best bid and ask with their quantities.
    pub top: (Level, Level),
    /// The record of the input that led to it.
    pub cause: Record,
    /// Every limit.
    pub limits: Vec<Headroom>,
}

/// Which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// By our id.
    Ours(ClientOrderId),
    /// By the venue's id.
    Venue(i64),
}

/// Ids of an order as they become known.
struct Ids {
    ours: ClientOrderId,
    venue: BTreeSet<i64>,
    requests: BTreeSet<RequestId>,
}

impl Ids {
    fn is_order(&self, ours: ClientOrderId, venue: i64) -> bool {
        (ours != ClientOrderId::NONE && ours == self.ours)
            || (venue != 0 && self.venue.contains(&venue))
    }

    /// Whether a record is about the order; learns from it.
    fn is_about(&mut self, event: &Event) -> bool {
        match event {
            Event::Decision(e) => {
                let is_it = e.order.client_order_id == self.ours;
                self.ask(is_it, e.request_id)
            }
            Event::Cancel(e, request) => {
                let is_it = self.is_order(e.order.client_order_id, e.order.venue_order_id.0);
                self.ask(is_it, *request)
            }
            Event::Modify(e, request) => {
                let is_it = self.is_order(e.order.client_order_id, e.order.venue_order_id.0);
                self.ask(is_it, *request)
            }
            Event::Reply(e) => {
                let is_it = self.requests.contains(&e.request_id)
                    || self.is_order(e.client_order_id, e.venue_order_id.0);
                self.learn(is_it, e.venue_order_id.0);
                is_it
            }
            Event::Report(e) => {
                let is_it = self.is_order(e.client_order_id, e.venue_order_id.0);
                self.learn(is_it, e.venue_order_id.0);
                is_it
            }
            Event::PlaceAlgo(e, request) => {
                let is_it = e.client_order_id == self.ours;
                self.ask(is_it, *request)
            }
            Event::CancelAlgo(e, request) => {
                let is_it = self.is_order(e.client_order_id, 0);
                self.ask(is_it, *request)
            }
            Event::Algo(e) => {
                let is_it = self.is_order(e.client_order_id, e.venue_order_id.0);
                self.learn(is_it, e.venue_order_id.0);
                is_it
            }
            Event::TradeLite(e) => self.is_order(e.client_order_id, e.venue_order_id.0),
            Event::Stages(e) => e.client_order_id == self.ours,
            Event::Refused(e, _) => e.client_order_id == self.ours,
            Event::Taken(schema::Taken::SendFailed(request)) => self.requests.contains(request),
            Event::Taken(schema::Taken::TruthOrder(e)) => {
                self.is_order(e.client_order_id, e.venue_order_id.0)
            }
            _ => false,
        }
    }

    fn ask(&mut self, is_it: bool, request: RequestId) -> bool {
        if is_it {
            self.requests.insert(request);
        }
        is_it
    }

    fn learn(&mut self, is_it: bool, venue: i64) {
        if is_it && venue != 0 {
            self.venue.insert(venue);
        }
    }
}

/// Our id of an order of the venue.
fn ours_of(chunks: &mut impl Source, venue: i64) -> Result<ClientOrderId, FileError> {
    let mut found = ClientOrderId::NONE;
    journal(chunks, |record, _| {
        let (ours, theirs) = match Event::from_record(record) {
            Ok(Event::Report(e)) => (e.client_order_id, e.venue_order_id.0),
            Ok(Event::Reply(e)) => (e.client_order_id, e.venue_order_id.0),
            _ => return,
        };
        if theirs == venue && ours != ClientOrderId::NONE {
            found = ours;
        }
    })?;
    Ok(found)
}

/// Looks at every journal record, with the start it belongs to.
fn journal(chunks: &mut impl Source, mut look: impl FnMut(&Record, u32)) -> Result<(), FileError> {
    let mut epoch = 0;
    while let Some(chunk) = chunks.next_chunk()? {
        let Chunk::Records { stream: Stream::Journal, records, .. } = chunk else { continue };
        for record in &records {
            if let Ok(Event::Boot(boot, _)) = Event::from_record(record) {
                epoch = boot.0;
            }
            look(record, epoch);
        }
    }
    Ok(())
}

/// Tells the story of an order; `None` if it is nowhere. `open` gives the recording from its
/// beginning, several times.
///
/// # Errors
/// The recording is bad.
pub fn explain<S: Source>(
    wanted: Wanted,
    open: impl Fn() -> Result<S, FileError>,
) -> Result<Option<Story>, FileError> {
    let ours = match wanted {
        Wanted::Ours(ours) => ours,
        Wanted::Venue(venue) => ours_of(&mut open()?, venue)?,
    };
    let venue = match wanted {
        Wanted::Venue(venue) => BTreeSet::from([venue]),
        Wanted::Ours(_) => BTreeSet::new(),
    };
    let mut ids = Ids { ours, venue, requests: BTreeSet::new() };
    let mut story = Story { client_order_id: ours, ..Story::default() };
    let mut of = 0;
    journal(&mut open()?, |record, epoch| {
        if epoch != of {
            // Request numbers begin anew.
            ids.requests.clear();
            of = epoch;
        }
        let Ok(event) = Event::from_record(record) else { return };
        if !ids.is_about(&event) {
            return;
        }
        match event {
            Event::Decision(decision) if story.decision.is_none() => {
                story.decision = Some(decision);
                (story.input, story.at, story.epoch) = (record.input, MonoNs(record.at_ns), epoch);
            }
            Event::PlaceAlgo(..) if story.input == 0 => {
                (story.input, story.at, story.epoch) = (record.input, MonoNs(record.at_ns), epoch);
            }
            Event::Stages(stages) if story.stages.is_none() => story.stages = Some(stages),
            _ => {}
        }
        story.records.push(*record);
    })?;
    if story.records.is_empty() {
        return Ok(None);
    }
    match moment(&mut story, open()?) {
        Ok(true) => {}
        Ok(false) => {
            let why = "the start of its trader, or part of what came before it, is not recorded";
            story.no_moment = Some(why.to_owned());
        }
        Err(CompareError::File(error)) => return Err(error),
        Err(error) => story.no_moment = Some(error.to_string()),
    }
    Ok(Some(story))
}

/// Replays up to the decision; whether it was reached.
fn moment(story: &mut Story, source: impl Source) -> Result<bool, CompareError> {
    let Some(decision) = story.decision else { return Ok(false) };
    let mut player = Player::new(source);
    let mut engine = None;
    let mut out = Outbox::new();
    while let Some(step) = player.next_step()? {
        match step {
            Step::Boot(boot) if boot.epoch == story.epoch => {
                story.info.clone_from(&boot.info);
                engine = Some(engine_of(&boot, false)?);
            }
            Step::Boot(_) | Step::Gap(_) => engine = None,
            Step::Taken(taking) => {
                let Some(engine) = &mut engine else { continue };
                out.clear();
                engine.apply(taking.now, &taking.input.as_input(), &mut out);
                if taking.number != story.input {
                    continue;
                }
                let top = engine.book(decision.order.symbol).map(|book| *book.top());
                let top = top.map_or_else(Default::default, |top| (top.bid, top.ask));
                story.moment = Some(Moment {
                    wall: taking.now.wall,
                    state: (engine.state(), engine.state_reason()),
                    top,
                    cause: taking.head,
                    limits: engine.headroom(taking.now, &decision.order),
                });
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The ticker that led to an order, if that is what did.
pub fn ticker(moment: &Moment) -> Option<BookTicker> {
    match Event::from_record(&moment.cause) {
        Ok(Event::BookTicker(ticker)) => Some(ticker),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
