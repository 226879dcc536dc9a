//! One order: what the venue said of it, and what we know beside.

use schema::{
    ClientOrderId, MonoNs, NewOrder, OrderRef, OrderStatus, OrderType, Price, Qty, Side, SymbolId,
    TimeInForce, VenueOrderId,
};

/// Whether a cancel is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cancel {
    /// Not asked for.
    #[default]
    No,
    /// To be sent as soon as there is room, a budget and a link.
    Wanted,
    /// Sent, no answer yet.
    Sent,
}

/// One order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Our id, or [`ClientOrderId::NONE`].
    pub id: ClientOrderId,
    /// The venue's id, zero until known.
    pub venue_order_id: VenueOrderId,
    /// Symbol.
    pub symbol: SymbolId,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Limit price; zero for market orders.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Quantity filled, as booked here.
    pub filled: Qty,
    /// Whether it may only reduce.
    pub reduce_only: bool,
    /// Whether someone else placed it.
    pub is_external: bool,
    /// What the venue said last; moves forward only.
    pub venue_status: OrderStatus,
    /// Whether a cancel is under way.
    pub cancel: Cancel,
    /// Whether a change of price and quantity was sent and not answered.
    pub is_changing: bool,
    /// Whether its outcome is unknown.
    pub is_unknown: bool,
    /// Quantity filled, as the venue counts it.
    pub cum_qty: Qty,
    /// When it was decided.
    pub sent_at: MonoNs,
    /// When the last cancel or question about it was sent.
    pub asked_at: MonoNs,
    /// Questions asked while unknown.
    pub queries: u16,
    /// Whether it is to be sent again under its own id, and after what.
    pub resend: Resend,
    /// Times it, or its cancel, was sent again.
    pub retries: u8,
    /// Nothing about it is sent again before.
    pub retry_at: MonoNs,
    /// Since when the venue does not list it although it should; zero if it does.
    pub missing_at: MonoNs,
    /// When the user stream told of it last.
    pub heard_at: MonoNs,
    pub(super) live_index: u16,
}

/// Whether an order that certainly failed is to be sent again under the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resend {
    /// No.
    #[default]
    No,
    /// After a pause: the venue was overloaded.
    AfterPause,
    /// Once the venue's clock is known again.
    AfterClock,
}

/// [`Order::live_index`] of a finished order.
pub(super) const NOT_LIVE: u16 = u16::MAX;

impl Order {
    pub(super) const EMPTY: Self = Self {
        id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(0),
        symbol: SymbolId::NONE,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Price::ZERO,
        qty: Qty::ZERO,
        filled: Qty::ZERO,
        reduce_only: false,
        is_external: false,
        venue_status: OrderStatus::Rejected,
        cancel: Cancel::No,
        is_changing: false,
        is_unknown: false,
        cum_qty: Qty::ZERO,
        sent_at: MonoNs(0),
        asked_at: MonoNs(0),
        queries: 0,
        resend: Resend::No,
        retries: 0,
        retry_at: MonoNs(0),
        missing_at: MonoNs(0),
        heard_at: MonoNs(0),
        live_index: NOT_LIVE,
    };

    /// Whether it may still fill, as far as is known.
    #[inline]
    pub const fn is_live(&self) -> bool {
        !self.venue_status.is_terminal()
    }
    /// What may still fill; zero when finished.
    #[inline]
    pub const fn leaves_qty(&self) -> Qty {
        if !self.is_live() || self.filled.units() >= self.qty.units() {
            return Qty::ZERO;
        }
        Qty::from_units(self.qty.units().saturating_sub(self.filled.units()))
    }
    /// Whether the venue counted fills that were not booked here.
    #[inline]
    pub const fn is_short_of_fills(&self) -> bool {
        self.cum_qty.units() > self.filled.units()
    }
    /// Its state with our two facts.
    pub const fn status(&self) -> OrderStatus {
        if self.venue_status.is_terminal() {
            self.venue_status
        } else if self.is_unknown {
            OrderStatus::Unknown
        } else if matches!(self.cancel, Cancel::Sent) {
            OrderStatus::PendingCancel
        } else {
            self.venue_status
        }
    }
    /// Whether it is of a kind that cannot rest.
    #[inline]
    pub fn is_immediate(&self) -> bool {
        self.order_type == OrderType::Market
            || matches!(self.time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
    }
    /// Whether a change of it makes sense: resting, known, and nothing else under way.
    #[inline]
    pub fn may_change(&self) -> bool {
        let is_working =
            matches!(self.venue_status, OrderStatus::New | OrderStatus::PartiallyFilled);
        let is_free = self.cancel == Cancel::No && !self.is_unknown && !self.is_changing;
        is_working && is_free && self.order_type == OrderType::Limit && !self.is_immediate()
    }
    /// The order as it would be with another price and quantity.
    pub const fn with(&self, price: Price, qty: Qty) -> NewOrder {
        NewOrder {
            symbol: self.symbol,
            client_order_id: self.id,
            side: self.side,
            order_type: self.order_type,
            time_in_force: self.time_in_force,
            price,
            qty,
            reduce_only: self.reduce_only,
        }
    }
    /// How to name it on the wire.
    pub const fn reference(&self) -> OrderRef {
        OrderRef {
            symbol: self.symbol,
            client_order_id: self.id,
            venue_order_id: self.venue_order_id,
        }
    }
    /// Moves to what the venue said if that is further on; `true` if it moved.
    pub(super) fn advance(&mut self, status: OrderStatus) -> bool {
        let moves = rank(status) > rank(self.venue_status);
        if moves {
            self.venue_status = status;
        }
        moves
    }
}

/// How far a state of the venue is on the way; all ends are equal, the first one stands.
///
/// `Rejected` is no end in this sense: the stream never carries it, it is what we conclude from an
/// answer. An order that the stream or the account shows alive after all is alive.
pub(super) const fn rank(status: OrderStatus) -> u8 {
    match status {
        OrderStatus::PendingNew | OrderStatus::PendingCancel | OrderStatus::Unknown => 0,
        OrderStatus::Rejected => 1,
        OrderStatus::New | OrderStatus::NewInsurance | OrderStatus::NewAdl => 2,
        OrderStatus::PartiallyFilled => 3,
        OrderStatus::Filled
        | OrderStatus::Canceled
        | OrderStatus::Expired
        | OrderStatus::ExpiredInMatch => 4,
    }
}
