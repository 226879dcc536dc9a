//! Exponential decay by half-life, in integers.

/// Steps of one halving in the table.
const STEPS: usize = 64;
/// Fractional bits of factors.
const BITS: u32 = 32;
/// Fractional bits while the table is made.
const WIDE_BITS: u32 = 62;

/// 2^(−i/64) with 32 fractional bits, from six square roots of one half.
const TABLE: [u64; STEPS] = {
    let mut root: u128 = 1 << (WIDE_BITS - 1);
    let mut halvings = 1;
    while halvings < STEPS {
        root = (root << WIDE_BITS).isqrt();
        halvings *= 2;
    }
    let mut table = [0u64; STEPS];
    let mut value: u128 = 1 << WIDE_BITS;
    let mut index = 0;
    while index < STEPS {
        table[index] = (value >> (WIDE_BITS - BITS)) as u64;
        value = (value * root) >> WIDE_BITS;
        index += 1;
    }
    table
};

/// ln 2 with 32 fractional bits.
const LN_2: u64 = 2_977_044_472;

/// Decay with one half-life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decay {
    /// 2^64 / half-life: multiplies where a division would stand on the way of every tick.
    inverse: u128,
    /// After so many ns nothing is left.
    end_ns: u64,
}

impl Decay {
    pub(super) fn new(half_life_ns: u64) -> Self {
        let half_life_ns = half_life_ns.max(1);
        Self {
            inverse: (1u128 << 64) / u128::from(half_life_ns),
            end_ns: half_life_ns.saturating_mul(62),
        }
    }
    /// `value · 2^(−elapsed / half-life)`, rounded towards zero.
    #[inline]
    pub(super) fn apply(&self, value: i64, elapsed_ns: u64) -> i64 {
        if value == 0 || elapsed_ns >= self.end_ns {
            return 0;
        }
        // Elapsed half-lives with 32 fractional bits; below 62 << 32.
        let halvings = ((u128::from(elapsed_ns) * self.inverse) >> 32) as u64;
        let fraction = halvings & 0xffff_ffff;
        let index = (fraction >> 26) as usize;
        // 2^−r for r below 1/64 by three terms: relative error below 3e-7.
        let exponent = ((fraction & 0x03ff_ffff) * LN_2) >> BITS;
        let rest = (1 << BITS) - exponent + ((exponent * exponent) >> (BITS + 1));
        let factor = (TABLE[index] * (rest >> 1)) >> (BITS - 1);
        let scaled = i128::from(value.unsigned_abs()) * i128::from(factor);
        let magnitude = (scaled >> (BITS as u64 + (halvings >> 32))) as i64;
        if value < 0 { -magnitude } else { magnitude }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_half_life_halves() {
        let decay = Decay::new(1_024);
        assert_eq!(decay.apply(1 << 40, 1_024), 1 << 39);
        assert_eq!(decay.apply(-(1 << 40), 3_072), -(1 << 37));
        assert_eq!(decay.apply(i64::MAX, 63_488), 0);
        assert_eq!(decay.apply(1 << 40, 0), 1 << 40);
    }

    proptest! {
        #[test]
        fn agrees_with_floats(value in 1i64 << 30..1 << 60, elapsed in 0u64..20_000_000, half in 1_000u64..10_000_000_000) {
            let exact = value as f64 * (-(elapsed as f64) / half as f64).exp2();
            let got = Decay::new(half).apply(value, elapsed) as f64;
            prop_assert!((got - exact).abs() <= exact * 1e-6 + 2.0, "{} {}", got, exact);
        }
    }
}
