//! What planted bugs forget of working orders; without feature `planted`, nothing.

use schema::{OrderStatus, SYMBOLS_MAX, Side, SymbolId};

use super::Engine;
use crate::orders::{Cancel, Working};
use crate::planted::{Bug, planted};
use crate::risk::Exposure;

impl Engine {
    /// Leaves out what a planted bug forgets; nothing without one.
    #[inline]
    pub(super) fn forget_planted(&self, exposure: &mut Exposure) {
        if planted(Bug::InFlightForgotten) || planted(Bug::CancelClears) {
            let count = self.symbols.len().min(SYMBOLS_MAX);
            for (index, e) in exposure.symbols.iter_mut().enumerate().take(count) {
                e.working = self.working_planted(SymbolId(index as u16));
            }
        }
    }

    /// What works on a symbol, but for what a planted bug forgets.
    #[inline]
    pub(super) fn working_planted(&self, symbol: SymbolId) -> Working {
        let mut working = self.orders.working(symbol);
        if !(planted(Bug::InFlightForgotten) || planted(Bug::CancelClears)) {
            return working;
        }
        for (_, order) in self.orders.live().filter(|(_, order)| order.symbol == symbol) {
            let is_forgotten = match order.venue_status {
                OrderStatus::PendingNew => planted(Bug::InFlightForgotten),
                _ => planted(Bug::CancelClears) && order.cancel == Cancel::Sent,
            };
            if is_forgotten {
                let leaves = i128::from(order.leaves_qty().units());
                match order.side {
                    Side::Buy => working.buy -= leaves,
                    Side::Sell => working.sell -= leaves,
                }
                working.count = working.count.saturating_sub(1);
            }
        }
        working
    }
}
