//! What a table is to the writer: names, kinds and what to do when a key is there already.

use crate::value::{Kind, Micros, Value};

/// What happens to a row whose key is already stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The stored row stays: the fact was written before.
    Keep,
    /// The stored row is replaced, and `updated_at` set: the row is a state.
    Replace,
    /// The named column is added to, the others stay: the row is a count.
    Add(&'static str),
}

/// A table the writer writes.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Name.
    pub name: &'static str,
    /// Columns in the order of [`Row::values`].
    pub columns: &'static [(&'static str, Kind)],
    /// The natural key.
    pub key: &'static [&'static str],
    /// See [`Conflict`].
    pub conflict: Conflict,
    /// Whether it has an `updated_at`.
    pub has_updated_at: bool,
}

/// A row for one table.
pub trait Row {
    /// Its table.
    const TABLE: &'static Table;
    /// Its values, in the order of the table's columns.
    fn values(&self) -> Vec<Value>;
}

/// A row that is read back: what the writer remembers across restarts.
pub trait Stored: Row + Sized {
    /// From the values of the table's columns; `None` if they are not such a row.
    fn read(fields: &mut Fields) -> Option<Self>;
}

/// The values of one stored row, taken one after the other; every method is `None` on a mismatch.
#[derive(Debug)]
pub struct Fields(std::vec::IntoIter<Value>);

impl Fields {
    /// Over the values of a row.
    pub fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }
    fn value(&mut self) -> Option<Value> {
        self.0.next()
    }
    fn nullable<T>(&mut self, read: impl FnOnce(Value) -> Option<T>) -> Option<Option<T>> {
        match self.value()? {
            Value::Null => Some(None),
            value => read(value).map(Some),
        }
    }
    /// Text.
    pub fn text(&mut self) -> Option<String> {
        self.value()?.text()
    }
    /// Text or NULL.
    pub fn text_or_null(&mut self) -> Option<Option<String>> {
        self.nullable(Value::text)
    }
    /// A word of one of the schema's enumerations.
    pub fn word<T>(&mut self, from_wire: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        from_wire(self.text()?.as_bytes())
    }
    /// Integer.
    pub fn int(&mut self) -> Option<i64> {
        self.value()?.int()
    }
    /// Integer or NULL.
    pub fn int_or_null(&mut self) -> Option<Option<i64>> {
        self.nullable(|value| value.int())
    }
    /// Truth value.
    pub fn bool(&mut self) -> Option<bool> {
        self.value()?.bool()
    }
    /// Units of a decimal.
    pub fn units(&mut self) -> Option<i64> {
        self.value()?.e8_units()
    }
    /// Units of a decimal, or NULL.
    pub fn units_or_null(&mut self) -> Option<Option<i64>> {
        self.nullable(|value| value.e8_units())
    }
    /// Units of a long decimal.
    pub fn long_units(&mut self) -> Option<i128> {
        self.value()?.units()
    }
    /// Time.
    pub fn time(&mut self) -> Option<Micros> {
        self.value()?.time()
    }
    /// Time or NULL.
    pub fn time_or_null(&mut self) -> Option<Option<Micros>> {
        self.nullable(|value| value.time())
    }
    /// Date.
    pub fn date(&mut self) -> Option<i32> {
        self.value()?.date()
    }
}

/// A decimal with eight digits, or NULL.
pub(super) fn e8_or_null(units: Option<i64>) -> Value {
    units.map_or(Value::Null, Value::e8)
}

/// `numerator / denominator` rounded half away from zero; `None` for a zero denominator or past
/// the range of 64 bits.
pub fn ratio(numerator: i128, denominator: i128) -> Option<i64> {
    if denominator == 0 {
        return None;
    }
    let (quotient, rest) = (numerator / denominator, numerator % denominator);
    let negative = (numerator < 0) != (denominator < 0);
    let up = rest.unsigned_abs() >= denominator.unsigned_abs().div_ceil(2);
    let rounded = if !up {
        quotient
    } else if negative {
        quotient - 1
    } else {
        quotient + 1
    };
    i64::try_from(rounded).ok()
}

#[cfg(test)]
mod tests {
    use super::ratio;

    #[test]
    fn ratios_round_half_away_from_zero() {
        assert_eq!(ratio(5, 2), Some(3));
        assert_eq!(ratio(-5, 2), Some(-3));
        assert_eq!(ratio(4, 3), Some(1));
        assert_eq!(ratio(5, 3), Some(2));
        assert_eq!(ratio(-4, 3), Some(-1));
        assert_eq!(ratio(1, -2), Some(-1));
        assert_eq!(ratio(0, 7), Some(0));
        assert_eq!(ratio(1, 0), None);
        assert_eq!(ratio(i128::MAX, 1), None);
    }
}
