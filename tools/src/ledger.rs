//! One account's money as one source tells it: every fill, every filled order, wallet, positions.
//!
//! The venue, the journal and the database each give a [`Ledger`]; `reconcile` compares them. All
//! amounts are exact; a value that a source cannot know is `None` and is not compared.

pub(crate) mod database;
pub(crate) mod journal;
pub(crate) mod venue;

use std::collections::BTreeMap;

use schema::{Notional, Price, Qty, Side};

/// A fill is known by symbol, trade id and side (both sides of one trade may be ours).
pub(crate) type FillKey = (String, i64, u8);
/// An order is known by symbol and venue order id.
pub(crate) type OrderKey = (String, i64);

/// One fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fill {
    /// Symbol.
    pub(crate) symbol: String,
    /// The venue's trade id.
    pub(crate) trade_id: i64,
    /// The venue's order id.
    pub(crate) order_id: i64,
    /// Our order id as on the wire; empty for an order that is not ours.
    pub(crate) client_order_id: String,
    /// Side.
    pub(crate) side: Side,
    /// Price.
    pub(crate) price: Price,
    /// Quantity.
    pub(crate) qty: Qty,
    /// Commission.
    pub(crate) commission: Notional,
    /// Realised profit before commission.
    pub(crate) realized_pnl: Notional,
    /// Whether as maker.
    pub(crate) is_maker: bool,
    /// Trade time, Unix ms.
    pub(crate) time_ms: i64,
}

impl Fill {
    /// What it is known by.
    pub(crate) fn key(&self) -> FillKey {
        (self.symbol.clone(), self.trade_id, self.side as u8)
    }
}

/// What the fills of one order add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OrderTotal {
    /// Fills.
    pub(crate) fills: u64,
    /// Quantity, units of 1e-8.
    pub(crate) qty: i128,
    /// Commission, units of 1e-8.
    pub(crate) commission: i128,
    /// Realised profit, units of 1e-8.
    pub(crate) realized_pnl: i128,
}

/// What became of an order that the venue took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The venue's word for its state.
    pub(crate) status: String,
    /// Filled in all.
    pub(crate) cum_qty: Qty,
}

/// One source's account of the run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ledger {
    /// `venue`, `journal` or `database`.
    pub(crate) source: &'static str,
    /// Where it was read.
    pub(crate) place: String,
    /// Every fill.
    pub(crate) fills: BTreeMap<FillKey, Fill>,
    /// Every order that was filled, in part or whole.
    pub(crate) orders: BTreeMap<OrderKey, OrderTotal>,
    /// Every order the venue took, filled or not; `None` if it cannot be compared.
    pub(crate) placed: Option<BTreeMap<OrderKey, Placed>>,
    /// Fills told twice with different contents.
    pub(crate) contradictions: Vec<FillKey>,
    /// Wallet balance.
    pub(crate) wallet: Option<Notional>,
    /// Positions that are not flat; `None` if the source does not keep them.
    pub(crate) positions: Option<BTreeMap<String, Qty>>,
    /// Records this source is known to lack.
    pub(crate) lost: u64,
}

impl Ledger {
    /// Nothing yet.
    pub(crate) fn new(source: &'static str, place: impl Into<String>) -> Self {
        Self { source, place: place.into(), ..Self::default() }
    }

    /// Adds a fill; the same fill told again changes nothing.
    pub(crate) fn add(&mut self, fill: Fill) {
        let key = fill.key();
        match self.fills.get(&key) {
            None => {
                self.fills.insert(key, fill);
            }
            Some(known) if *known == fill => {}
            Some(_) => self.contradictions.push(key),
        }
    }

    /// Orders as their fills add up, for sources that keep no table of them.
    pub(crate) fn total_orders(&mut self) {
        self.orders.clear();
        for fill in self.fills.values() {
            let order = self.orders.entry((fill.symbol.clone(), fill.order_id)).or_default();
            order.fills += 1;
            order.qty += i128::from(fill.qty.units());
            order.commission += i128::from(fill.commission.units());
            order.realized_pnl += i128::from(fill.realized_pnl.units());
        }
    }

    /// Signed position per symbol as the fills add up; flat ones are left out.
    pub(crate) fn positions_from_fills(&self) -> BTreeMap<String, i128> {
        let mut positions: BTreeMap<String, i128> = BTreeMap::new();
        for fill in self.fills.values() {
            let signed = i128::from(fill.qty.units()) * i128::from(fill.side.sign());
            *positions.entry(fill.symbol.clone()).or_default() += signed;
        }
        positions.retain(|_, qty| *qty != 0);
        positions
    }

    /// Keeps only what `newest` (trade id by symbol) already knows: the venue was asked first, and
    /// a running system has gone on since.
    pub(crate) fn cut(&mut self, newest: &BTreeMap<String, i64>) {
        self.fills.retain(|(symbol, trade_id, _), _| {
            newest.get(symbol).is_some_and(|newest| trade_id <= newest)
        });
    }

    /// The newest trade id of each symbol.
    pub(crate) fn newest(&self) -> BTreeMap<String, i64> {
        let mut newest = BTreeMap::new();
        for (symbol, trade_id, _) in self.fills.keys() {
            newest
                .entry(symbol.clone())
                .and_modify(|newest: &mut i64| *newest = (*newest).max(*trade_id))
                .or_insert(*trade_id);
        }
        newest
    }
}

/// An amount in units of 1e-8 as exact decimal text, wider than 64 bits if it must be.
pub(crate) fn decimal(units: i128) -> String {
    decimal_of(units, 8)
}

/// An integer with so many decimals as text, without trailing zeros.
pub(crate) fn decimal_of(units: i128, decimals: usize) -> String {
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let fraction = fraction.trim_end_matches('0');
    let sign = if units < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn fill(trade_id: i64, side: Side, qty: &str) -> Fill {
        Fill {
            symbol: "BTCUSDT".to_owned(),
            trade_id,
            order_id: 1000 + trade_id / 2,
            client_order_id: format!("shrk{trade_id:016x}"),
            side,
            price: "64000.1".parse().expect("decimal"),
            qty: qty.parse().expect("decimal"),
            commission: Notional::from_units(6_400_010),
            realized_pnl: Notional::from_units(if side == Side::Sell { 123 } else { 0 }),
            is_maker: false,
            time_ms: 1_763_800_000_000 + trade_id,
        }
    }

    #[test]
    fn a_fill_told_twice_counts_once_and_a_changed_one_contradicts() {
        let mut ledger = Ledger::new("journal", "test");
        ledger.add(fill(1, Side::Buy, "0.002"));
        ledger.add(fill(1, Side::Buy, "0.002"));
        assert_eq!((ledger.fills.len(), ledger.contradictions.len()), (1, 0));
        ledger.add(fill(1, Side::Buy, "0.003"));
        assert_eq!((ledger.fills.len(), ledger.contradictions.len()), (1, 1));
    }

    #[test]
    fn orders_and_positions_are_the_sum_of_fills() {
        let mut ledger = Ledger::new("journal", "test");
        ledger.add(fill(2, Side::Buy, "0.002"));
        ledger.add(fill(3, Side::Buy, "0.001"));
        ledger.add(fill(4, Side::Sell, "0.001"));
        ledger.total_orders();
        assert_eq!(ledger.orders.len(), 2);
        let first = ledger.orders[&("BTCUSDT".to_owned(), 1001)];
        assert_eq!((first.fills, first.qty, first.commission), (2, 300_000, 12_800_020));
        assert_eq!(ledger.positions_from_fills()["BTCUSDT"], 200_000);
        assert_eq!(ledger.newest()["BTCUSDT"], 4);
        ledger.cut(&BTreeMap::from([("BTCUSDT".to_owned(), 3)]));
        assert_eq!(ledger.fills.len(), 2);
    }

    #[test]
    fn decimals_are_exact_and_short() {
        assert_eq!(decimal(0), "0");
        assert_eq!(decimal(1), "0.00000001");
        assert_eq!(decimal(-150_000_000), "-1.5");
        assert_eq!(decimal(i128::from(i64::MAX) * 10), "922337203685.4775807");
        assert_eq!(decimal_of(12_800_020_000_000_000, 16), "1.280002");
    }
}
