//! What the engine wants sent and recorded after one input.

use schema::{
    CancelAlgo, CancelOrder, Decision, Event, ModifyOrder, MonoNs, NewAlgo, NewOrder, OrderRef,
    Record, RequestId,
};

use crate::risk::Approved;

/// Actions after one input: enough to cancel a quarter of the order table in one turn.
pub const ACTIONS_MAX: usize = 64;
/// Records after one input: the largest account truth, and what follows from it: every action has
/// one, every order and position may differ.
pub const RECORDS_MAX: usize = 1_536;
/// Records of the input itself; the rest is for its consequences.
const INPUT_RECORDS_MAX: usize = RECORDS_MAX - 512;

/// One message to the venue, in the order it is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Place an order.
    Place(Approved<NewOrder>, RequestId, Decision),
    /// Cancel an order.
    Cancel(Approved<CancelOrder>, RequestId),
    /// Change an order.
    Modify(Approved<ModifyOrder>, RequestId),
    /// Ask for the state of an order whose outcome is unknown.
    Status(OrderRef, RequestId),
    /// Place a conditional order.
    PlaceAlgo(Approved<NewAlgo>, RequestId),
    /// Cancel a conditional order.
    CancelAlgo(Approved<CancelAlgo>, RequestId),
}

impl Action {
    /// Number of the request.
    #[inline]
    pub const fn request_id(&self) -> RequestId {
        match self {
            Self::Place(_, id, _)
            | Self::Cancel(_, id)
            | Self::Modify(_, id)
            | Self::Status(_, id)
            | Self::PlaceAlgo(_, id)
            | Self::CancelAlgo(_, id) => *id,
        }
    }
}

/// Room for the consequences of one input, made once.
///
/// What does not fit is left for the next timer (actions) or counted in [`Outbox::lost`] (records;
/// a test keeps that at zero).
#[derive(Debug, Clone)]
pub struct Outbox {
    actions: Box<[Option<Action>]>,
    action_count: usize,
    records: Box<[Record]>,
    record_count: usize,
    lost: u64,
    at: MonoNs,
    input: u64,
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Outbox {
    /// Allocates both queues; nothing allocates afterwards.
    pub fn new() -> Self {
        Self {
            actions: vec![None; ACTIONS_MAX].into_boxed_slice(),
            action_count: 0,
            records: vec![Record::default(); RECORDS_MAX].into_boxed_slice(),
            record_count: 0,
            lost: 0,
            at: MonoNs(0),
            input: 0,
        }
    }
    /// Messages to send, in order.
    #[inline]
    pub fn actions(&self) -> impl ExactSizeIterator<Item = &Action> {
        self.actions[..self.action_count].iter().map(|slot| match slot {
            Some(action) => action,
            None => unreachable!("slots below the count are filled"),
        })
    }
    /// Records for the journal, in order, stamped with the input that caused them.
    #[inline]
    pub fn records(&self) -> &[Record] {
        &self.records[..self.record_count]
    }
    /// Whether there is nothing to send and nothing to record.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.action_count == 0 && self.record_count == 0
    }
    /// Forgets what was taken. The caller does it after every [`crate::Engine::apply`].
    #[inline]
    pub fn clear(&mut self) {
        self.action_count = 0;
        self.record_count = 0;
    }
    /// Records that did not fit, since the start.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Stamps what follows.
    #[inline]
    pub(crate) fn begin(&mut self, at: MonoNs, input: u64) {
        self.at = at;
        self.input = input;
    }
    /// Whether one more action fits.
    #[inline]
    pub(crate) const fn has_room(&self) -> bool {
        self.action_count < ACTIONS_MAX && self.record_count < RECORDS_MAX
    }
    /// Adds an action; the caller asked [`Self::has_room`] first.
    #[inline]
    pub(crate) fn send(&mut self, action: Action) {
        assert!(self.action_count < ACTIONS_MAX, "has_room is asked before an action is decided");
        self.actions[self.action_count] = Some(action);
        self.action_count += 1;
    }
    /// Adds a record of a list whose length the venue decides: what follows keeps its room.
    pub(crate) fn record_input(&mut self, event: &Event) {
        if self.record_count < INPUT_RECORDS_MAX {
            self.record(event);
        } else {
            self.lost += 1;
        }
    }
    /// Adds a record.
    #[inline]
    pub(crate) fn record(&mut self, event: &Event) {
        match self.records.get_mut(self.record_count) {
            Some(slot) => {
                *slot = event.to_record().stamped(self.at, self.input);
                self.record_count += 1;
            }
            None => self.lost += 1,
        }
    }
}
