//! Conditional orders, which live in a book and an id space of their own (PROTOCOL 3.5).

use crate::order::wire_enum;
use crate::{ClientOrderId, OrderType, Price, Qty, Side, SymbolId, VenueOrderId, WallNs};

/// The venue's id of a conditional order; not an order id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct AlgoId(pub i64);

wire_enum!(
    /// State of a conditional order: the venue's words, and one of ours for what is on the wire.
    AlgoStatus {
        /// Sent, no answer yet.
        PendingNew = 0 "PENDING_NEW",
        /// Waits for its price.
        New = 1 "NEW",
        /// Its price came; the order is being placed.
        Triggering = 2 "TRIGGERING",
        /// Its order is placed.
        Triggered = 3 "TRIGGERED",
        /// Done: its order is done.
        Finished = 4 "FINISHED",
        /// Done: cancelled.
        Canceled = 5 "CANCELED",
        /// Done: refused, at once or when its price came.
        Rejected = 6 "REJECTED",
        /// Done: expired.
        Expired = 7 "EXPIRED",
    }
);

impl AlgoStatus {
    /// Whether it waits for nothing any more; its order, if there is one, is an order like others.
    #[inline]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::PendingNew | Self::New | Self::Triggering)
    }
}

/// A STOP_MARKET that closes the whole position when the mark price reaches its trigger; only
/// `engine::risk` turns one into an `Approved<NewAlgo>`.
///
/// It names no quantity (`closePosition`): whatever is held then is closed, and never more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewAlgo {
    /// Symbol.
    pub symbol: SymbolId,
    /// Our id; the order it places carries the same.
    pub client_order_id: ClientOrderId,
    /// Side of the order it places: against the position.
    pub side: Side,
    /// Mark price at which it acts, a multiple of the tick.
    pub trigger_price: Price,
}

/// A cancel of a conditional order to be sent: by our id, or by the venue's when it is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelAlgo {
    /// Symbol, for the record; the venue does not ask.
    pub symbol: SymbolId,
    /// Our id, or [`ClientOrderId::NONE`].
    pub client_order_id: ClientOrderId,
    /// The venue's id, or zero if not known; used only when there is no client id.
    pub algo_id: AlgoId,
}

/// One ALGO_UPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlgoUpdate {
    /// Symbol.
    pub symbol: SymbolId,
    /// Our id, or [`ClientOrderId::NONE`] for one of someone else.
    pub client_order_id: ClientOrderId,
    /// The venue's id.
    pub algo_id: AlgoId,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// State.
    pub status: AlgoStatus,
    /// Price at which it acts.
    pub trigger_price: Price,
    /// Quantity; zero if it closes the position.
    pub qty: Qty,
    /// Whether it may only reduce.
    pub reduce_only: bool,
    /// Whether it closes the position.
    pub close_position: bool,
    /// The order it placed, zero before.
    pub venue_order_id: VenueOrderId,
    /// Transaction time (`T`).
    pub transaction_time: WallNs,
    /// Push time (`E`).
    pub event_time: WallNs,
}
