//! What planted bugs forget of working orders; without feature `planted`, nothing.

use schema::{OrderStatus, Side, SymbolId};

use crate::orders::{Cancel, Orders, Working};
use crate::planted::{Bug, planted};

/// What works on a symbol, but for what a planted bug forgets.
#[inline]
pub(super) fn working_planted(orders: &Orders, symbol: SymbolId) -> Working {
    let mut working = orders.working(symbol);
    if !(planted(Bug::InFlightForgotten) || planted(Bug::CancelClears)) {
        return working;
    }
    for (_, order) in orders.live().filter(|(_, order)| order.symbol == symbol) {
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
