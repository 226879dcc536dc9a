//! Conditional orders: few, in a book of their own at the venue, unseen by `openOrders`.
//!
//! Ours are protective stops, one a symbol, which close the position and so never add to what may
//! fill; those of others are kept so that a flattening finds them. There is no question about one
//! of them on the order link: an unknown outcome is settled by the user stream or by account truth.

use schema::{
    AlgoId, AlgoStatus, CancelAlgo, ClientOrderId, MonoNs, NewAlgo, Price, Side, SymbolId,
};

use super::Cancel;

/// Conditional orders kept: the venue allows 200 an account, of all symbols and everybody's.
pub const ALGOS_MAX: usize = 200;

/// One conditional order that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algo {
    /// Our id, or [`ClientOrderId::NONE`].
    pub id: ClientOrderId,
    /// The venue's id, zero until known.
    pub algo_id: AlgoId,
    /// Symbol.
    pub symbol: SymbolId,
    /// Side of the order it places.
    pub side: Side,
    /// Price at which it acts.
    pub trigger_price: Price,
    /// What the venue said last.
    pub status: AlgoStatus,
    /// Whether it closes the whole position.
    pub close_position: bool,
    /// Whether a cancel is under way.
    pub cancel: Cancel,
    /// Whether its outcome is unknown.
    pub is_unknown: bool,
    /// When it was decided or found.
    pub sent_at: MonoNs,
    /// When the last cancel was sent.
    pub asked_at: MonoNs,
    /// Its cancel is not sent again before.
    pub retry_at: MonoNs,
}

impl Algo {
    /// One about to be sent.
    pub const fn new(now: MonoNs, order: &NewAlgo) -> Self {
        Self {
            id: order.client_order_id,
            algo_id: AlgoId(0),
            symbol: order.symbol,
            side: order.side,
            trigger_price: order.trigger_price,
            status: AlgoStatus::PendingNew,
            close_position: true,
            cancel: Cancel::No,
            is_unknown: false,
            sent_at: now,
            asked_at: now,
            retry_at: MonoNs(0),
        }
    }
    /// Whether someone else placed it.
    pub const fn is_external(&self) -> bool {
        self.id.0 == ClientOrderId::NONE.0
    }
    /// How to name it on the wire.
    pub const fn reference(&self) -> CancelAlgo {
        CancelAlgo { symbol: self.symbol, client_order_id: self.id, algo_id: self.algo_id }
    }
}

/// All conditional orders that are not over, in no order.
#[derive(Debug, Clone)]
pub struct Algos(Vec<Algo>);

impl Default for Algos {
    fn default() -> Self {
        Self::new()
    }
}

impl Algos {
    /// Allocates the table; nothing allocates afterwards.
    pub fn new() -> Self {
        Self(Vec::with_capacity(ALGOS_MAX))
    }
    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Algo> {
        self.0.iter()
    }
    /// All of them, to change.
    pub(crate) fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Algo> {
        self.0.iter_mut()
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The `index`-th one.
    pub(crate) fn at(&mut self, index: usize) -> Option<&mut Algo> {
        self.0.get_mut(index)
    }
    /// Keeps one; `false` if there is no room.
    pub(crate) fn keep(&mut self, algo: Algo) -> bool {
        let has_room = self.0.len() < ALGOS_MAX;
        if has_room {
            self.0.push(algo);
        }
        has_room
    }
    /// Finds one by our id, else by the venue's.
    pub(crate) fn find(&mut self, id: ClientOrderId, algo_id: AlgoId) -> Option<&mut Algo> {
        self.0.iter_mut().find(|algo| match id == ClientOrderId::NONE {
            true => algo_id.0 != 0 && algo.algo_id == algo_id,
            false => algo.id == id,
        })
    }
    /// Forgets those that `is_over`.
    pub(crate) fn forget(&mut self, is_over: impl Fn(&Algo) -> bool) {
        self.0.retain(|algo| !is_over(algo));
    }
}
