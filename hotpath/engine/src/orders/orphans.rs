//! Fills booked of orders that are not held: told before the order was, or after its end.
//!
//! `TRADE_LITE` comes before the order's own `NEW` (PROTOCOL 3.2), and an order of somebody else, a
//! liquidation or a deleveraging is not known before that. When it is adopted, these count as
//! filled, or it would be short of them for ever.

use schema::{Qty, SymbolId, VenueOrderId};

/// Orders remembered: those between two messages of one burst, many times over.
const ORPHANS_MAX: usize = 16;

/// The newest such orders, with what was booked of each.
#[derive(Debug, Clone, Copy, Default)]
pub struct Orphans {
    rows: [(SymbolId, VenueOrderId, Qty); ORPHANS_MAX],
    next: usize,
}

impl Orphans {
    /// A fill was booked of an order nobody told of.
    pub fn note(&mut self, symbol: SymbolId, id: VenueOrderId, qty: Qty) {
        let booked = self.row(symbol, id);
        *booked = booked.checked_add(qty).unwrap_or(Qty::MAX);
    }
    /// A fill's report says how much of the order was filled by then, by fills before this start
    /// too.
    pub fn told(&mut self, symbol: SymbolId, id: VenueOrderId, cum_qty: Qty) {
        let booked = self.row(symbol, id);
        *booked = cum_qty.max(*booked);
    }
    fn row(&mut self, symbol: SymbolId, id: VenueOrderId) -> &mut Qty {
        let known = self.rows.iter().position(|row| (row.0, row.1) == (symbol, id));
        let index = known.unwrap_or_else(|| {
            let index = self.next;
            self.rows[index] = (symbol, id, Qty::ZERO);
            self.next = (index + 1) % ORPHANS_MAX;
            index
        });
        &mut self.rows[index].2
    }
    /// What was booked of an order before it was known.
    pub fn of(&self, symbol: SymbolId, id: VenueOrderId) -> Qty {
        let row = self.rows.iter().find(|row| (row.0, row.1) == (symbol, id));
        row.map_or(Qty::ZERO, |row| row.2)
    }
}
