//! Position, cost and profit of one symbol, exact.
//!
//! The engine and the simulated venue both book with this type, so that their ledgers agree to the
//! last digit. The cost is kept in units of 1e-16 (price × quantity, never rounded); only realised
//! profit is rounded, once per fill, half away from zero to 1e-8.

use core::fmt;

use schema::{Notional, Price, Qty, Side};

/// A fill that cannot be booked; the position is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillError {
    /// Price or quantity is not positive.
    NotPositive,
    /// Quantity or profit does not fit its type.
    Overflow,
}

impl fmt::Display for FillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotPositive => "fill price and quantity must be positive",
            Self::Overflow => "fill does not fit the position's types",
        })
    }
}
impl core::error::Error for FillError {}

/// A signed quantity with its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    qty: i64,
    /// Σ price × quantity of what is held, units of 1e-16, never negative.
    cost: i128,
}

impl Position {
    /// No position.
    pub const FLAT: Self = Self { qty: 0, cost: 0 };

    /// A position as the venue states it: signed quantity and (rounded) entry price.
    #[inline]
    pub const fn from_entry(qty: Qty, entry_price: Price) -> Self {
        Self { qty: qty.units(), cost: entry_price.times(qty.abs()) }
    }
    /// Signed quantity.
    #[inline]
    pub const fn qty(&self) -> Qty {
        Qty::from_units(self.qty)
    }
    /// Cost of what is held in units of 1e-16, never negative.
    #[inline]
    pub const fn cost_e16(&self) -> i128 {
        self.cost
    }
    /// Whether nothing is held.
    #[inline]
    pub const fn is_flat(&self) -> bool {
        self.qty == 0
    }
    /// Average entry price, rounded half up to 1e-8; zero when flat.
    pub const fn entry_price(&self) -> Price {
        if self.qty == 0 {
            return Price::ZERO;
        }
        let held = self.qty.unsigned_abs() as i128;
        Price::from_units(((self.cost + held / 2) / held) as i64)
    }
    /// Value at `mark` in units of 1e-16, signed.
    #[inline]
    pub const fn value_e16(&self, mark: Price) -> i128 {
        mark.times(self.qty())
    }
    /// Profit not yet realised at `mark`, in units of 1e-16.
    #[inline]
    pub const fn unrealized_e16(&self, mark: Price) -> i128 {
        let value = self.value_e16(mark);
        if self.qty < 0 { value + self.cost } else { value - self.cost }
    }
    /// Profit not yet realised at `mark`, rounded half away from zero; `None` past the range.
    #[inline]
    pub const fn unrealized(&self, mark: Price) -> Option<Notional> {
        Notional::from_e16(self.unrealized_e16(mark))
    }

    /// Books one fill and returns the profit it realised, before commission.
    ///
    /// Reducing by `q` out of `|Q|` with cost `C` removes `C·q/|Q|` (truncated) from the cost and
    /// realises `±(price·q − removed)`, rounded half away from zero. A fill larger than the position
    /// closes it and opens the rest at its own price.
    ///
    /// # Errors
    /// [`FillError`]; the position is then unchanged.
    pub fn apply_fill(
        &mut self,
        side: Side,
        qty: Qty,
        price: Price,
    ) -> Result<Notional, FillError> {
        let (fill, price) = (qty.units(), price.units());
        if fill <= 0 || price <= 0 {
            return Err(FillError::NotPositive);
        }
        let signed = fill * side.sign();
        let after = self.qty.checked_add(signed).ok_or(FillError::Overflow)?;
        let held = self.qty.checked_abs().ok_or(FillError::Overflow)?;
        let mut next = *self;
        next.qty = after;
        let mut realised = Notional::ZERO;
        let is_same_side = self.qty == 0 || (self.qty > 0) == (signed > 0);
        if is_same_side {
            let added = i128::from(price) * i128::from(fill);
            next.cost = self.cost.checked_add(added).ok_or(FillError::Overflow)?;
        } else {
            let closed = fill.min(held);
            let removed = mul_div(self.cost, i128::from(closed), i128::from(held));
            let proceeds = i128::from(price) * i128::from(closed);
            let gain = if self.qty > 0 { proceeds - removed } else { removed - proceeds };
            realised = Notional::from_e16(gain).ok_or(FillError::Overflow)?;
            let opened = i128::from(price) * i128::from(fill - closed);
            next.cost = if closed == held { opened } else { self.cost - removed };
        }
        assert!(next.cost >= 0, "cost of a position is never negative");
        *self = next;
        Ok(realised)
    }
}

/// `cost · part / whole`, truncated, without overflow for `0 <= part <= whole < 2^63`.
const fn mul_div(cost: i128, part: i128, whole: i128) -> i128 {
    cost / whole * part + cost % whole * part / whole
}

#[cfg(test)]
mod tests;
