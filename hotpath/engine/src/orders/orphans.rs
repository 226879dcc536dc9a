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
        let known = self.rows.iter_mut().find(|row| (row.0, row.1) == (symbol, id));
        if let Some((_, _, booked)) = known {
            *booked = booked.checked_add(qty).unwrap_or(Qty::MAX);
            return;
        }
        self.rows[self.next] = (symbol, id, qty);
        self.next = (self.next + 1) % ORPHANS_MAX;
    }
    /// What was booked of an order before it was known.
    pub fn of(&self, symbol: SymbolId, id: VenueOrderId) -> Qty {
        let row = self.rows.iter().find(|row| (row.0, row.1) == (symbol, id));
        row.map_or(Qty::ZERO, |row| row.2)
    }
}
