//! Which answer belongs to which order.

use schema::{MonoNs, RequestId, RequestKind};

use super::Handle;

/// Requests remembered: ten seconds of the venue's order budget, three times over.
const REQUESTS_REMEMBERED: usize = 1024;

/// A request that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// What it asked.
    pub kind: RequestKind,
    /// About which order.
    pub handle: Handle,
    /// Name of that order, in case its slot was taken by another since.
    pub order: schema::OrderRef,
    /// When it was decided.
    pub at: MonoNs,
}

/// Requests by number: a ring, because numbers are consecutive.
#[derive(Debug, Clone)]
pub struct Requests {
    ring: Box<[Option<Request>]>,
    last: u64,
    now: MonoNs,
}

impl Default for Requests {
    fn default() -> Self {
        Self::new()
    }
}

impl Requests {
    /// Allocates the ring; nothing allocates afterwards.
    pub fn new() -> Self {
        Self { ring: vec![None; REQUESTS_REMEMBERED].into_boxed_slice(), last: 0, now: MonoNs(0) }
    }
    /// Requests from now on are decided at this time.
    pub const fn begin(&mut self, now: MonoNs) {
        self.now = now;
    }
    /// Numbers a new request; the first is 1. One that was never answered is forgotten after a
    /// thousand younger ones: its order is asked about by time-out long before.
    pub fn open(
        &mut self,
        kind: RequestKind,
        handle: Handle,
        order: schema::OrderRef,
    ) -> RequestId {
        self.last += 1;
        let id = RequestId(self.last);
        self.ring[Self::slot(id)] = Some(Request { id, kind, handle, order, at: self.now });
        id
    }
    /// Takes out the request an answer belongs to; a second answer finds nothing.
    pub fn close(&mut self, id: RequestId) -> Option<Request> {
        self.ring[Self::slot(id)].take_if(|request| request.id == id)
    }
    /// What an unanswered request asked.
    pub fn kind(&self, id: RequestId) -> Option<RequestKind> {
        self.ring[Self::slot(id)].filter(|request| request.id == id).map(|request| request.kind)
    }
    const fn slot(id: RequestId) -> usize {
        id.0 as usize % REQUESTS_REMEMBERED
    }
}
