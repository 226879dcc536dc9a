//! The account's risk: equity, drawdown, exposure, margin, distance to liquidation.
//!
//! Pure functions over what the venue told. What can press the kill switch is compared in integers,
//! in `i128`, so that nothing rounds or overflows on the way; [`crate::var`] has the statistics.

use core::cmp::Reverse;

use schema::SymbolName;

/// The account as the venue told it once; money in units of 1e-8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Wallet balance of all assets that margin counts.
    pub wallet: i64,
    /// Wallet plus unrealised profit: the venue's margin balance.
    pub equity: i64,
    /// Maintenance margin.
    pub maintenance_margin: i64,
    /// Positions that are not flat, of whatever symbol.
    pub positions: Vec<Position>,
}

/// A position; money in units of 1e-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Symbol.
    pub symbol: SymbolName,
    /// Signed quantity.
    pub qty: i64,
    /// Mark price.
    pub mark: i64,
    /// Unrealised profit.
    pub unrealized: i64,
    /// Price at which the venue liquidates; zero or below if it tells none.
    pub liquidation: i64,
}

impl Position {
    /// Signed value at the mark, rounded towards zero.
    pub fn notional(&self) -> i64 {
        clamp(i128::from(self.qty) * i128::from(self.mark) / i128::from(schema::SCALE))
    }
    /// Move of the mark to the liquidation price, ppm of the mark; `i64::MAX` if there is none.
    pub fn liquidation_distance_ppm(&self) -> i64 {
        if self.qty == 0 || self.liquidation <= 0 || self.mark <= 0 {
            return i64::MAX;
        }
        let way = i128::from(self.mark) - i128::from(self.liquidation);
        // A price beyond it is no distance at all.
        let way = if self.qty > 0 { way } else { -way };
        clamp(way.max(0) * 1_000_000 / i128::from(self.mark))
    }
}

/// Sums over the positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure {
    /// Sum of the absolute values.
    pub gross: i64,
    /// Sum of the signed values.
    pub net: i64,
    /// The shortest way to a liquidation price, ppm; `i64::MAX` without one.
    pub liquidation_distance_ppm: i64,
}

impl Exposure {
    /// Of these positions.
    pub fn of(positions: &[Position]) -> Self {
        let notionals = || positions.iter().map(|position| i128::from(position.notional()));
        let ways = positions.iter().map(Position::liquidation_distance_ppm);
        Self {
            gross: clamp(notionals().map(i128::abs).sum()),
            net: clamp(notionals().sum()),
            liquidation_distance_ppm: ways.min().unwrap_or(i64::MAX),
        }
    }
    /// Gross over equity in hundredths; `i64::MAX` for exposure on nothing.
    pub fn leverage_e2(&self, equity: i64) -> i64 {
        ratio(self.gross.into(), equity, 100)
    }
    /// Whether gross is more than `of` times the highest leverage.
    pub fn is_above(&self, of: i64, leverage_max: i64) -> bool {
        i128::from(self.gross) > i128::from(of.max(0)) * i128::from(leverage_max)
    }
}

/// Maintenance margin over margin balance in ppm, the venue's margin ratio: it liquidates at
/// 1,000,000 (Binance, "Liquidation Protocols").
pub fn margin_ratio_ppm(account: &Account) -> i64 {
    ratio(account.maintenance_margin.into(), account.equity, 1_000_000)
}

/// `(highest − now) / highest`: fall from a value in ppm of it, zero when there is none.
pub fn fall_ppm(from: i64, now: i64) -> i64 {
    if now >= from {
        return 0;
    }
    ratio(i128::from(from) - i128::from(now), from, 1_000_000)
}

/// Whether the fall is above so many ppm, exactly: `(from − now) × 10⁶ > ppm × from`.
pub fn is_fall_above(from: i64, now: i64, ppm: i64) -> bool {
    let fall = i128::from(from) - i128::from(now);
    from > 0 && fall * 1_000_000 > i128::from(ppm) * i128::from(from)
}

/// `part × scale / whole` rounded towards zero; `i64::MAX` of a part of nothing.
fn ratio(part: i128, whole: i64, scale: i64) -> i64 {
    if part <= 0 {
        return 0;
    }
    if whole <= 0 {
        return i64::MAX;
    }
    clamp(part * i128::from(scale) / i128::from(whole))
}

fn clamp(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// The greatest positions first, for people.
pub fn by_size(positions: &mut [Position]) {
    positions.sort_by_key(|position| Reverse(position.notional().unsigned_abs()));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schema::SCALE;

    use super::*;

    fn position(qty: i64, mark: i64, liquidation: i64) -> Position {
        Position {
            symbol: SymbolName::new(b"BTCUSDT").expect("a name"),
            qty,
            mark: mark * SCALE,
            unrealized: 0,
            liquidation: liquidation * SCALE,
        }
    }

    #[test]
    fn exposure_adds_values_at_the_mark() {
        let all = [position(2 * SCALE, 100, 50), position(-SCALE, 60, 90)];
        let exposure = Exposure::of(&all);
        assert_eq!((exposure.gross, exposure.net), (260 * SCALE, 140 * SCALE));
        assert_eq!(exposure.liquidation_distance_ppm, 500_000);
        assert_eq!(exposure.leverage_e2(130 * SCALE), 200);
        assert!(!exposure.is_above(130 * SCALE, 2));
        assert!(exposure.is_above(130 * SCALE - 1, 2));
        assert!(exposure.is_above(-1, 10) && !Exposure::of(&[]).is_above(-1, 10));
        assert_eq!(Exposure::of(&[]).liquidation_distance_ppm, i64::MAX);
    }

    #[test]
    fn a_mark_beyond_the_liquidation_price_has_no_distance() {
        assert_eq!(position(SCALE, 40, 50).liquidation_distance_ppm(), 0);
        assert_eq!(position(-SCALE, 100, 90).liquidation_distance_ppm(), 0);
        assert_eq!(position(-SCALE, 100, 110).liquidation_distance_ppm(), 100_000);
        assert_eq!(position(SCALE, 100, 0).liquidation_distance_ppm(), i64::MAX);
    }

    #[test]
    fn margin_is_told_as_the_venue_tells_it() {
        let of = |maintenance_margin, equity| {
            margin_ratio_ppm(&Account { maintenance_margin, equity, ..Account::default() })
        };
        assert_eq!(of(0, 0), 0);
        assert_eq!(of(400, 1_000), 400_000);
        assert_eq!(of(1, 0), i64::MAX);
        assert_eq!(of(1, -5), i64::MAX);
    }

    #[test]
    fn a_fall_is_above_a_tenth_only_beyond_it() {
        assert!(!is_fall_above(1_000, 900, 100_000));
        assert!(is_fall_above(1_000, 899, 100_000));
        assert!(is_fall_above(i64::MAX, 0, 100_000));
        assert!(!is_fall_above(0, -5, 100_000));
        assert_eq!(fall_ppm(1_000, 900), 100_000);
        assert_eq!(fall_ppm(900, 1_000), 0);
        // What is rounded away for people is not for the comparison.
        assert_eq!(fall_ppm(30_000_000, 26_999_999), 100_000);
        assert!(is_fall_above(30_000_000, 26_999_999, 100_000));
    }

    proptest! {
        #[test]
        fn nothing_overflows(qty in any::<i64>(), mark in any::<i64>(), liquidation in any::<i64>(),
                             equity in any::<i64>(), from in any::<i64>()) {
            let one = Position { qty, mark, liquidation, ..position(0, 0, 0) };
            let exposure = Exposure::of(&[one, one]);
            let _ = (exposure.leverage_e2(equity), exposure.is_above(equity, 10));
            let told = fall_ppm(from, equity);
            // Beyond rounding the two ways agree.
            if told < i64::MAX {
                prop_assert!(!is_fall_above(from, equity, told + 1));
            }
        }
    }
}
