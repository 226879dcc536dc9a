//! What the exchange remembers of a symbol, an order, an account.

use std::collections::{BTreeMap, BTreeSet};

use engine::position::Position;
use schema::{Mark, Notional, OrderStatus, OrderType, Price, Qty, Side, SymbolId, WallNs};

use super::{AccountId, OWN_TRADE_ID_FIRST};
use crate::Book;
use crate::ledger::Ledger;
use crate::rules::Rules;
use crate::view::OrderView;

/// One symbol: the tape's book, what our takers took from it, and client orders resting in it.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) book: Book,
    pub(super) taken: Taken,
    /// In time priority; at most `max_num_orders` an account.
    pub(super) resting: Vec<Resting>,
    pub(super) mark: Mark,
    /// Price of the tape's last trade of the book, zero before the first.
    pub(super) last_price: Price,
    /// When the tape's last trade was made, venue time: trades never go back.
    pub(super) last_trade_ms: i64,
    /// Mid EMA × 1024, zero before the first book.
    pub(super) mid_ema: i128,
    /// When the tape last gave a mark price.
    pub(super) recorded_mark_ms: Option<i64>,
    pub(super) next_trade_id: i64,
    pub(super) order_id_base: i64,
}

impl Market {
    pub(super) fn new(index: usize, rules: &Rules, first_id: i64) -> Self {
        // Disjoint ranges of 1e16 ids, so that an id names an order without its symbol.
        let order_id_base = match rules.name.as_bytes() {
            b"ETHUSDT" => 8_389_766_000_000_000_000,
            // Index below 830: exchangeInfo lists that many, and the id stays below ETHUSDT's.
            _ => 480_000_000_000 + index as i64 * 10_000_000_000_000_000,
        };
        Self {
            book: Book::new(),
            taken: Taken::default(),
            resting: Vec::new(),
            mark: Mark { symbol: SymbolId(index as u16), ..Mark::default() },
            mid_ema: 0,
            recorded_mark_ms: None,
            last_price: Price::ZERO,
            last_trade_ms: 0,
            next_trade_id: OWN_TRADE_ID_FIRST + first_id,
            order_id_base: order_id_base + first_id,
        }
    }
    /// Quantity of the tape still there for a taker against `side`.
    pub(super) fn available(&self, side: Side, price: Price) -> Qty {
        self.taken.left(side, price, self.book.visible_qty(side, price))
    }
    /// Best tape level of `side` with something left.
    pub(super) fn best_available(&self, side: Side) -> Option<(Price, Qty)> {
        let left = |l: schema::Level| (l.price, self.taken.left(side, l.price, l.qty));
        self.book.visible(side).map(left).find(|(_, qty)| *qty > Qty::ZERO)
    }
    /// Next id of a client fill.
    pub(super) fn take_trade_id(&mut self) -> i64 {
        let id = self.next_trade_id;
        self.next_trade_id += 1;
        id
    }
}

/// Liquidity our fills took from the tape: per level, how much, and what was displayed then.
/// As soon
/// as the tape shows another quantity there, the entry no longer counts.
#[derive(Debug, Default)]
pub(super) struct Taken {
    levels: BTreeMap<(u8, Price), (Qty, Qty)>,
}

impl Taken {
    fn left(&self, side: Side, price: Price, displayed: Qty) -> Qty {
        match self.levels.get(&(side as u8, price)) {
            Some((taken, then)) if *then == displayed => {
                Qty::from_units((displayed.units() - taken.units()).max(0))
            }
            _ => displayed,
        }
    }
    pub(super) fn add(&mut self, book: &Book, side: Side, price: Price, qty: Qty) {
        let displayed = book.visible_qty(side, price);
        // Levels the tape has changed since do not count any more.
        self.levels.retain(|(on, price), (_, then)| {
            let on = if *on == Side::Buy as u8 { Side::Buy } else { Side::Sell };
            book.visible_qty(on, *price) == *then
        });
        let entry = self.levels.entry((side as u8, price)).or_insert((Qty::ZERO, displayed));
        entry.0 = Qty::from_units(entry.0.units() + qty.units());
        assert!(entry.0 <= displayed, "a taker never takes more than is displayed");
    }
}

/// A client order in the book.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resting {
    pub(super) order_id: i64,
    pub(super) account: AccountId,
    pub(super) side: Side,
    pub(super) price: Price,
    /// Quantity of the tape ahead of it at its price.
    pub(super) ahead: Qty,
}

/// An order, working or finished.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) account: AccountId,
    pub(super) view: OrderView,
    /// Order of acceptance among all orders.
    pub(super) sequence: i64,
    pub(super) original_type: OrderType,
    /// Σ price × quantity of its fills, units of 1e-16.
    pub(super) cost_e16: i128,
    pub(super) amendments: u32,
    /// x=NEW is not sent yet: a taker's first fill goes before it.
    pub(super) owes_new: bool,
}

impl Order {
    pub(super) fn leaves(&self) -> Qty {
        Qty::from_units(self.view.qty.units() - self.view.executed_qty.units())
    }
    pub(super) fn is_working(&self) -> bool {
        matches!(self.view.status, OrderStatus::New | OrderStatus::PartiallyFilled)
    }
}

/// One symbol of an account.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    pub(super) position: Position,
    pub(super) realized: Notional,
    pub(super) leverage: u32,
    pub(super) update_ms: i64,
    /// When the dead man's switch fires.
    pub(super) countdown_at: Option<i64>,
}

/// An account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) api_key: String,
    pub(super) wallet: Notional,
    pub(super) holdings: Vec<Holding>,
    /// Working orders by (sequence, id): oldest first.
    pub(super) open: BTreeSet<(i64, i64)>,
    /// Newest order of each client id.
    pub(super) by_client_id: BTreeMap<(SymbolId, String), i64>,
    pub(super) ledger: Ledger,
    pub(super) update_ms: i64,
    pub(super) margin_called: bool,
}

pub(super) fn wall(ms: i64) -> WallNs {
    WallNs::from_ms(ms)
}
