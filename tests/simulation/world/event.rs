//! What is still to happen, in the order of time.

use schema::SymbolId;
use trader::queues::Slot;

use crate::network::Wire;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// A text reaches the trader.
    ToTrader(Wire, String),
    /// A text that cannot be read reaches the trader.
    Garbled(Wire),
    /// A text reaches the venue.
    ToVenue(Wire, String),
    /// A ping reaches the venue and comes back.
    Ping(Wire, bool),
    /// The trader learns that a connection is over.
    Ended(Wire),
    /// The venue learns it.
    Closed(Wire),
    /// A dial ends, well or not.
    Dialled(u32, Slot, bool),
    /// Time passes.
    Tick,
    /// A snapshot could not be had.
    NoSnapshot(u32, SymbolId),
    /// A reconciliation could not be had.
    NotReconciled(u32),
    /// A trader starts.
    Start,
    /// The hot loop goes on.
    Continue,
}

/// At this time, in this order.
pub(super) struct Due(pub(super) u64, pub(super) u64, pub(super) Event);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}
