//! Worst cases: what position and exposure become if everything that may still fill does.

use schema::{Notional, Price, Qty, SYMBOLS_MAX, Side, SymbolId};

use crate::orders::Working;

/// One symbol's position with what may still fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SymbolExposure {
    /// Signed position.
    pub position: Qty,
    /// Working, in-flight and unknown orders.
    pub working: Working,
    /// What a unit is worth: mark, else mid, else the entry price.
    pub price: Price,
}

impl SymbolExposure {
    /// Neither position nor orders.
    const NOTHING: Self = Self { position: Qty::ZERO, working: Working::NONE, price: Price::ZERO };
    /// Base units held on `side` if all orders of that side fill and none of the other: the worst
    /// long for buys, the worst short for sells. Negative if the other side is held.
    #[inline]
    pub fn worst(&self, side: Side) -> i128 {
        let position = i128::from(self.position.units());
        match side {
            Side::Buy => position + self.working.buy,
            Side::Sell => self.working.sell - position,
        }
    }
    /// The larger of the two worst cases, never negative.
    #[inline]
    pub fn worst_abs(&self) -> i128 {
        self.worst(Side::Buy).max(self.worst(Side::Sell)).max(0)
    }
    /// [`Self::worst`] with one more order of that side.
    #[inline]
    pub fn worst_with(&self, side: Side, qty: Qty) -> i128 {
        self.worst(side) + i128::from(qty.units())
    }
    /// [`Self::worst_abs`] with one more order.
    #[inline]
    fn worst_abs_with(&self, side: Side, qty: Qty) -> i128 {
        self.worst_with(side, qty).max(self.worst(side.opposite())).max(0)
    }
    /// What an order on `side` can still take off the position without turning it.
    #[inline]
    pub fn reducible(&self, side: Side) -> i128 {
        (-self.worst(side)).max(0)
    }
    /// Worst exposure in units of 1e-16; saturates, which every limit refuses.
    #[inline]
    pub fn gross_e16(&self) -> i128 {
        value_e16(self.worst_abs(), self.price)
    }
}

/// Worst cases of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exposure {
    /// By [`SymbolId`]; unused ones are zero.
    pub symbols: [SymbolExposure; SYMBOLS_MAX],
    /// How many are used.
    pub symbol_count: usize,
    /// Wallet plus unrealised profit.
    pub equity: Notional,
}

impl Exposure {
    /// One symbol's; nothing for a symbol that is not followed.
    #[inline]
    pub fn of(&self, symbol: SymbolId) -> &SymbolExposure {
        static NOTHING: SymbolExposure = SymbolExposure::NOTHING;
        self.symbols.get(symbol.index()).unwrap_or(&NOTHING)
    }
    /// Worst gross exposure in units of 1e-16.
    #[inline]
    pub fn gross_e16(&self) -> i128 {
        let count = self.symbol_count.min(SYMBOLS_MAX);
        let sum = |total: i128, one: &SymbolExposure| total.saturating_add(one.gross_e16());
        self.symbols[..count].iter().fold(0, sum)
    }
    /// The same with one more order.
    #[inline]
    pub fn gross_with_e16(&self, symbol: SymbolId, side: Side, qty: Qty) -> i128 {
        let count = self.symbol_count.min(SYMBOLS_MAX);
        let mut total = 0i128;
        for (index, one) in self.symbols[..count].iter().enumerate() {
            let worst = match index == symbol.index() {
                true => one.worst_abs_with(side, qty),
                false => one.worst_abs(),
            };
            total = total.saturating_add(value_e16(worst, one.price));
        }
        total
    }
    /// Worst gross exposure as money; the largest amount if it does not fit.
    pub fn gross(&self) -> Notional {
        Notional::from_e16(self.gross_e16().min(i128::MAX / 2)).unwrap_or(Notional::MAX)
    }
}

/// A quantity's value; almost always both factors fit into 64 bits, which is far quicker.
#[inline]
fn value_e16(units: i128, price: Price) -> i128 {
    match i64::try_from(units) {
        Ok(units) => i128::from(units) * i128::from(price.units()),
        Err(_) => units.saturating_mul(i128::from(price.units())),
    }
}
