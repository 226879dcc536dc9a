//! Orders and their states.
//!
//! Orders of ours live in a slab addressed by the sequence in their id: no hashing, and a finished
//! order stays readable until a thousand younger ones have come, so a late fill finds it. Orders of
//! earlier boots and of others are adopted into a small table searched in line.
//!
//! What the venue said (`PendingNew → New → PartiallyFilled → finished`) only moves forward.
//! Beside it stand two facts of ours: a cancel is wanted or sent, and the outcome is unknown. An
//! unknown order is live, and counts in full, until the venue says otherwise.

use schema::{
    BootEpoch, ClientOrderId, MonoNs, NewOrder, OrderStatus, Price, Qty, SYMBOLS_MAX, Side,
    StrategyId, SymbolId, VenueOrderId,
};

use crate::input::OpenOrder;

mod algos;
mod fills;
mod order;
mod orphans;
mod requests;

pub use algos::{ALGOS_MAX, Algo, Algos};
pub use fills::{Notice, SeenFills};
pub use order::{Cancel, Order, Resend};
pub use orphans::Orphans;
pub use requests::{Request, Requests};

use order::{NOT_LIVE, rank};

/// Slots for orders of this boot; a power of two.
pub const ORDER_SLOTS: usize = 1024;
/// Adopted orders: of earlier boots and of others.
pub const ADOPTED_MAX: usize = 128;
/// Orders that may be live at once: the venue's own bound per symbol is 200.
pub const LIVE_MAX: usize = 256;

const _: () = assert!(ORDER_SLOTS.is_power_of_two());
const _: () = assert!(LIVE_MAX < ORDER_SLOTS, "finished orders stay readable for a while");
const _: () = assert!(ORDER_SLOTS + ADOPTED_MAX < u16::MAX as usize);

/// Where an order is kept; valid until the slot is taken by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle(u16);

impl Handle {
    /// No order: a request about a conditional one.
    pub(crate) const NONE: Self = Self(0);
}

/// What may still fill on a symbol: working, in flight and unknown orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Working {
    /// Base units that may be bought, units of 1e-8.
    pub buy: i128,
    /// Base units that may be sold.
    pub sell: i128,
    /// The part of `buy` that may only reduce.
    pub buy_reducing: i128,
    /// The part of `sell` that may only reduce.
    pub sell_reducing: i128,
    /// Orders.
    pub count: u32,
}

impl Working {
    /// No order.
    pub const NONE: Self = Self { buy: 0, sell: 0, buy_reducing: 0, sell_reducing: 0, count: 0 };
}

/// All orders.
#[derive(Debug, Clone)]
pub struct Orders {
    slots: Box<[Order]>,
    live: Box<[u16]>,
    live_count: usize,
    working: [Working; SYMBOLS_MAX],
    unknown_count: u32,
    resend_count: u32,
    doubted: u64,
    resolved: u64,
    epoch: BootEpoch,
    sequence: u32,
}

impl Orders {
    /// Allocates the tables; nothing allocates afterwards.
    pub fn new(epoch: BootEpoch) -> Self {
        Self {
            slots: vec![Order::EMPTY; ORDER_SLOTS + ADOPTED_MAX].into_boxed_slice(),
            // Room for all: one that comes back to life must be counted whatever the limit is.
            live: vec![0; ORDER_SLOTS + ADOPTED_MAX].into_boxed_slice(),
            live_count: 0,
            working: [Working::default(); SYMBOLS_MAX],
            unknown_count: 0,
            resend_count: 0,
            doubted: 0,
            resolved: 0,
            epoch,
            sequence: 0,
        }
    }
    /// An order by where it is kept.
    #[inline]
    pub fn get(&self, handle: Handle) -> &Order {
        &self.slots[usize::from(handle.0)]
    }
    /// Live orders.
    pub fn live(&self) -> impl Iterator<Item = (Handle, &Order)> {
        self.live[..self.live_count]
            .iter()
            .map(|&slot| (Handle(slot), &self.slots[usize::from(slot)]))
    }
    /// The `index`-th live order; lets a loop change orders on its way, from the last to the first.
    #[inline]
    pub fn live_at(&self, index: usize) -> Option<Handle> {
        self.live[..self.live_count].get(index).copied().map(Handle)
    }
    /// How many orders are live.
    #[inline]
    pub const fn live_count(&self) -> usize {
        self.live_count
    }
    /// How many live orders have an unknown outcome.
    #[inline]
    pub const fn unknown_count(&self) -> u32 {
        self.unknown_count
    }
    /// How many live orders wait to be sent again.
    #[inline]
    pub const fn resend_count(&self) -> u32 {
        self.resend_count
    }
    /// How many orders' outcomes became unknown since the start, and how many of these are known.
    #[inline]
    pub const fn doubts(&self) -> (u64, u64) {
        (self.doubted, self.resolved)
    }
    /// This boot.
    #[inline]
    pub const fn epoch(&self) -> BootEpoch {
        self.epoch
    }
    /// What may still fill on a symbol.
    #[inline]
    pub fn working(&self, symbol: SymbolId) -> Working {
        self.working.get(symbol.index()).copied().unwrap_or_default()
    }
    /// What may still fill, by symbol.
    #[inline]
    pub const fn all_working(&self) -> &[Working; SYMBOLS_MAX] {
        &self.working
    }
    /// The id the next order will carry; `None` if the tables are full or the boot's ids used up.
    pub fn next_id(&self, strategy: StrategyId) -> Option<ClientOrderId> {
        let sequence = self.next_sequence()?;
        Some(ClientOrderId::new(self.epoch, strategy, sequence))
    }
    /// The next sequence whose slot holds no live order; bounded by the number of live orders.
    fn next_sequence(&self) -> Option<u32> {
        if self.live_count >= LIVE_MAX {
            return None;
        }
        let first = self.sequence + 1;
        (first..ClientOrderId::SEQUENCE_END.min(first + LIVE_MAX as u32 + 1))
            .find(|&sequence| !self.slots[slot_of(sequence)].is_live())
    }

    /// Takes the next id for something that is no order yet: a conditional one.
    pub fn take_id(&mut self, strategy: StrategyId) -> Option<ClientOrderId> {
        let id = self.next_id(strategy)?;
        self.sequence = id.sequence();
        Some(id)
    }

    /// Keeps an order that is about to be sent; from here on it counts.
    ///
    /// # Panics
    /// If its id is not the one [`Self::next_id`] just gave.
    pub fn submit(&mut self, now: MonoNs, order: &NewOrder) -> Handle {
        let sequence = order.client_order_id.sequence();
        let slot = slot_of(sequence);
        assert!(sequence > self.sequence, "an id is used once");
        assert!(!self.slots[slot].is_live(), "a live order is never overwritten");
        self.sequence = sequence;
        self.slots[slot] = Order {
            id: order.client_order_id,
            symbol: order.symbol,
            side: order.side,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            price: order.price,
            qty: order.qty,
            reduce_only: order.reduce_only,
            venue_status: OrderStatus::PendingNew,
            sent_at: now,
            asked_at: now,
            ..Order::EMPTY
        };
        let handle = Handle(slot as u16);
        self.enlist(handle);
        handle
    }

    /// Keeps an order found at the venue that is not in the slab; `None` if the table is full of
    /// live ones (the caller then no longer knows the exposure and must not add to it).
    pub fn adopt(&mut self, now: MonoNs, found: &OpenOrder) -> Option<Handle> {
        if self.live_count >= LIVE_MAX {
            return None;
        }
        let slot = (ORDER_SLOTS..ORDER_SLOTS + ADOPTED_MAX)
            .filter(|&slot| !self.slots[slot].is_live())
            .min_by_key(|&slot| self.slots[slot].sent_at)?;
        let status =
            if found.cum_qty.is_zero() { OrderStatus::New } else { OrderStatus::PartiallyFilled };
        self.slots[slot] = Order {
            id: found.client_order_id,
            venue_order_id: found.venue_order_id,
            symbol: found.symbol,
            side: found.side,
            order_type: found.order_type,
            time_in_force: found.time_in_force,
            price: found.price,
            // From outside: a negative quantity is none.
            qty: found.qty.max(Qty::ZERO),
            filled: found.cum_qty.max(Qty::ZERO),
            cum_qty: found.cum_qty.max(Qty::ZERO),
            reduce_only: found.reduce_only,
            is_external: found.client_order_id == ClientOrderId::NONE,
            venue_status: status,
            sent_at: now,
            asked_at: now,
            ..Order::EMPTY
        };
        let handle = Handle(slot as u16);
        self.enlist(handle);
        Some(handle)
    }

    /// Finds an order by our id, else by the venue's.
    pub fn find(
        &self,
        symbol: SymbolId,
        id: ClientOrderId,
        venue_order_id: VenueOrderId,
    ) -> Option<Handle> {
        if id != ClientOrderId::NONE && id.epoch() == self.epoch {
            let slot = slot_of(id.sequence());
            if self.slots[slot].id == id {
                return Some(Handle(slot as u16));
            }
            // The order of a conditional one is adopted when it appears.
        }
        let is_it = |order: &Order| {
            order.symbol == symbol
                && if id == ClientOrderId::NONE {
                    venue_order_id.0 != 0 && order.venue_order_id == venue_order_id
                } else {
                    order.id == id
                }
        };
        (ORDER_SLOTS..ORDER_SLOTS + ADOPTED_MAX)
            .find(|&slot| is_it(&self.slots[slot]))
            .map(|slot| Handle(slot as u16))
    }

    /// Changes an order and keeps the sums true.
    pub fn change<R>(&mut self, handle: Handle, change: impl FnOnce(&mut Order) -> R) -> R {
        self.count(handle, -1);
        let order = &mut self.slots[usize::from(handle.0)];
        let filled_before = order.filled;
        let rank_before = rank(order.venue_status);
        let was_unknown = order.is_unknown;
        let result = change(order);
        let is_unknown = order.is_unknown && order.is_live();
        self.doubted += u64::from(is_unknown && !was_unknown);
        self.resolved += u64::from(was_unknown && !is_unknown);
        assert!(order.filled >= filled_before, "a fill is never taken back");
        assert!(rank(order.venue_status) >= rank_before, "an order's state moves forward only");
        if order.is_live() && order.live_index == NOT_LIVE {
            self.enlist(handle);
        } else if order.is_live() {
            self.count(handle, 1);
        } else {
            order.is_unknown = false;
            order.is_changing = false;
            order.cancel = Cancel::No;
            order.resend = Resend::No;
            order.missing_at = MonoNs(0);
            self.delist(handle);
        }
        result
    }

    /// Takes what the venue says of an order's state, whoever carried it.
    ///
    /// A finished state with more filled than is booked here is not believed yet: the order stays
    /// live and short of fills until they come.
    pub fn learn(
        &mut self,
        handle: Handle,
        status: OrderStatus,
        cum_qty: Qty,
        venue_order_id: VenueOrderId,
    ) {
        self.change(handle, |order| {
            if venue_order_id.0 != 0 {
                order.venue_order_id = venue_order_id;
            }
            order.cum_qty = order.cum_qty.max(cum_qty);
            if status.is_terminal() && order.is_short_of_fills() {
                order.is_unknown = true;
                order.advance(OrderStatus::New);
                return;
            }
            order.advance(status);
            order.is_unknown = false;
            order.missing_at = MonoNs(0);
            if order.venue_status != OrderStatus::PendingNew {
                order.resend = Resend::No;
            }
        });
    }

    /// Books a fill on the order. It may exceed the order's quantity only by the venue's mistake;
    /// position follows the fill in any case.
    pub fn fill(&mut self, handle: Handle, qty: Qty) {
        self.change(handle, |order| {
            order.filled = order.filled.checked_add(qty).unwrap_or(Qty::MAX);
            let status = if order.filled >= order.qty {
                OrderStatus::Filled
            } else {
                OrderStatus::PartiallyFilled
            };
            order.advance(status);
        });
    }

    /// Whether the order was found at the venue, not sent by this boot as an order.
    #[inline]
    pub const fn is_adopted(&self, handle: Handle) -> bool {
        handle.0 as usize >= ORDER_SLOTS
    }
    /// Takes over what is booked already although not on this order: fills told before it was.
    pub fn catch_up(&mut self, handle: Handle, cum_qty: Qty) {
        self.change(handle, |order| order.filled = order.filled.max(cum_qty));
    }

    /// Takes note of a change that is about to be sent: the order counts with the larger quantity.
    pub fn begin_change(&mut self, now: MonoNs, handle: Handle, qty: Qty) {
        self.change(handle, |order| {
            order.is_changing = true;
            order.asked_at = now;
            order.qty = order.qty.max(qty);
        });
    }

    /// Takes the price and quantity the venue states; zero ones are not stated.
    pub fn amend(&mut self, handle: Handle, price: Price, qty: Qty) {
        self.change(handle, |order| {
            order.is_changing = false;
            if price.units() > 0 {
                order.price = price;
            }
            if qty.units() > 0 {
                order.qty = qty;
            }
        });
    }

    fn enlist(&mut self, handle: Handle) {
        let slot = usize::from(handle.0);
        self.live[self.live_count] = handle.0;
        self.slots[slot].live_index = self.live_count as u16;
        self.live_count += 1;
        self.count(handle, 1);
    }
    fn delist(&mut self, handle: Handle) {
        let slot = usize::from(handle.0);
        let index = self.slots[slot].live_index;
        if index == NOT_LIVE {
            return;
        }
        self.slots[slot].live_index = NOT_LIVE;
        self.live_count -= 1;
        let moved = self.live[self.live_count];
        if moved != handle.0 {
            self.live[usize::from(index)] = moved;
            self.slots[usize::from(moved)].live_index = index;
        }
    }
    /// Adds (`sign` 1) or takes out (−1) what the order contributes to the sums.
    fn count(&mut self, handle: Handle, sign: i32) {
        let order = &self.slots[usize::from(handle.0)];
        if order.live_index == NOT_LIVE {
            return;
        }
        if order.is_unknown {
            self.unknown_count = self.unknown_count.wrapping_add_signed(sign);
        }
        if order.resend != Resend::No {
            self.resend_count = self.resend_count.wrapping_add_signed(sign);
        }
        let Some(working) = self.working.get_mut(order.symbol.index()) else { return };
        let leaves = i128::from(order.leaves_qty().units()) * i128::from(sign);
        let (all, reducing) = match order.side {
            Side::Buy => (&mut working.buy, &mut working.buy_reducing),
            Side::Sell => (&mut working.sell, &mut working.sell_reducing),
        };
        *all += leaves;
        if order.reduce_only {
            *reducing += leaves;
        }
        working.count = working.count.wrapping_add_signed(sign);
    }
}

#[inline]
const fn slot_of(sequence: u32) -> usize {
    sequence as usize & (ORDER_SLOTS - 1)
}

#[cfg(test)]
mod tests;
