//! Features of one symbol, in binary fixed point.
//!
//! One code for the engine and for `refit`: both feed it tops and trades and read [`Features`].
//! Ratios are `I32F32` (resolution 2.3e-10), prices `I64F64`. Decays follow the time of receipt,
//! which never goes back. Floats appear in [`Features::to_f64`] only, for statistics.

use fixed::types::{I32F32, I64F64};
use schema::{Level, MonoNs, Price, Qty, SCALE, SignalParams, Trade};

use crate::book::Top;
use crate::config::ConfigError;

mod decay;

use decay::Decay;

/// Parameters that trade on a live tape until better ones are fitted.
pub const DEFAULT_PARAMS: SignalParams = SignalParams {
    version: 0,
    fitted_at_ns: 0,
    microprice_weight: SCALE / 2,
    flow_weight: SCALE / 2,
    flow_half_life_ns: 500_000_000,
    variance_half_life_ns: 30_000_000_000,
    entry_threshold: 3 * SCALE / 10,
};

/// Checks the ranges of signal parameters.
///
/// # Errors
/// [`ConfigError::Params`] names the field out of range.
pub fn validate(params: &SignalParams) -> Result<(), ConfigError> {
    const HOUR_NS: u64 = 3_600_000_000_000;
    let weights = -10 * SCALE..=10 * SCALE;
    let checks = [
        (weights.contains(&params.microprice_weight), "microprice_weight"),
        (weights.contains(&params.flow_weight), "flow_weight"),
        ((1_000_000..=HOUR_NS).contains(&params.flow_half_life_ns), "flow_half_life_ns"),
        ((1_000_000..=HOUR_NS).contains(&params.variance_half_life_ns), "variance_half_life_ns"),
        ((1..=20 * SCALE).contains(&params.entry_threshold), "entry_threshold"),
    ];
    match checks.iter().find(|(is_fine, _)| !is_fine) {
        Some((_, field)) => Err(ConfigError::Params(field)),
        None => Ok(()),
    }
}

/// What is known of a symbol now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// (bid + ask) / 2 in price units of 1e-8.
    pub mid: I64F64,
    /// (bid · ask qty + ask · bid qty) / (bid qty + ask qty) in price units of 1e-8.
    pub microprice: I64F64,
    /// (bid qty − ask qty) / (bid qty + ask qty), −1 to 1: the microprice's distance from the mid
    /// in half-spreads.
    pub imbalance: I32F32,
    /// Aggressor buys minus sells, decayed by the half-life, over all trades decayed half as fast;
    /// −1 to 1. One-sided steady flow gives ±0.5, a burst out of silence ±1, silence 0.
    pub flow: I32F32,
    /// Realised variance of the mid, bp² per second.
    pub variance_bp2_per_s: I32F32,
    /// Weighted sum of imbalance and flow: expected move of the mid, in half-spreads.
    pub signal: I32F32,
}

/// [`Features`] for statistics.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FeaturesF64 {
    /// Mid, in quote currency.
    pub mid: f64,
    /// Microprice, in quote currency.
    pub microprice: f64,
    /// Imbalance.
    pub imbalance: f64,
    /// Trade flow.
    pub flow: f64,
    /// Realised volatility, bp per √second.
    pub volatility_bp: f64,
    /// Signal.
    pub signal: f64,
}

impl Features {
    /// The signal in units of 1e-8, as the journal carries it.
    #[inline]
    pub fn signal_e8(&self) -> i64 {
        ((i128::from(self.signal.to_bits()) * i128::from(SCALE)) >> 32) as i64
    }
    /// The door to floats: for `refit`, research and screens, never for a decision.
    pub fn to_f64(&self) -> FeaturesF64 {
        FeaturesF64 {
            mid: self.mid.to_num::<f64>() / SCALE as f64,
            microprice: self.microprice.to_num::<f64>() / SCALE as f64,
            imbalance: self.imbalance.to_num(),
            flow: self.flow.to_num(),
            volatility_bp: self.variance_bp2_per_s.to_num::<f64>().sqrt(),
            signal: self.signal.to_num(),
        }
    }
}

/// Estimator of [`Features`] for one symbol.
#[derive(Debug, Clone)]
pub struct Signal {
    features: Features,
    microprice_weight: I32F32,
    flow_weight: I32F32,
    /// Step of the symbol: flow is counted in lots, so that any symbol fits 48 bits.
    step: i64,
    flow_fast: Decay,
    flow_slow: Decay,
    variance: Decay,
    /// ln 2 / half-life, per second: turns the decayed sum of squares into a rate.
    variance_rate: I32F32,
    /// Decayed signed and total lots, 16 fractional bits.
    signed_lots: i64,
    total_lots: i64,
    squares_bp2: I32F32,
    /// bid + ask of the top before, units of 1e-8.
    last_mid_doubled: i64,
    at: MonoNs,
}

/// Fractional bits of the lot counts.
const LOT_BITS: u32 = 16;
/// A move larger than this within one event is a glitch for the variance, bp.
const RETURN_BP_MAX: i64 = 10_000;
/// ln 2 in I32F32.
const LN_2: I32F32 = I32F32::from_bits(2_977_044_472);

impl Signal {
    /// An estimator that has seen nothing.
    pub fn new(params: &SignalParams, step: Qty) -> Self {
        let mut signal = Self {
            features: Features::default(),
            microprice_weight: I32F32::ZERO,
            flow_weight: I32F32::ZERO,
            step: step.units().max(1),
            flow_fast: Decay::new(1),
            flow_slow: Decay::new(1),
            variance: Decay::new(1),
            variance_rate: I32F32::ZERO,
            signed_lots: 0,
            total_lots: 0,
            squares_bp2: I32F32::ZERO,
            last_mid_doubled: 0,
            at: MonoNs(0),
        };
        signal.set_params(params);
        signal
    }
    /// Takes new parameters; what was estimated so far is kept.
    pub fn set_params(&mut self, params: &SignalParams) {
        self.microprice_weight = from_e8(params.microprice_weight);
        self.flow_weight = from_e8(params.flow_weight);
        self.flow_fast = Decay::new(params.flow_half_life_ns);
        self.flow_slow = Decay::new(params.flow_half_life_ns.saturating_mul(2));
        self.variance = Decay::new(params.variance_half_life_ns);
        let half_life_ns = i64::try_from(params.variance_half_life_ns).unwrap_or(i64::MAX).max(1);
        self.variance_rate = I32F32::from_bits(LN_2.to_bits() * 1_000_000_000 / half_life_ns);
    }
    /// What is known now.
    #[inline]
    pub const fn features(&self) -> &Features {
        &self.features
    }

    /// Takes a new best bid and ask; a one-sided or crossed one only lets time pass.
    pub fn on_top(&mut self, now: MonoNs, top: &Top) {
        self.pass_time(now);
        if top.is_two_sided() && !top.is_crossed() {
            self.take_prices(top.bid, top.ask);
        }
        self.combine();
    }
    /// Takes a public trade.
    pub fn on_trade(&mut self, now: MonoNs, trade: &Trade) {
        self.pass_time(now);
        let lots = (trade.qty.units() / self.step).clamp(0, 1 << 40) << LOT_BITS;
        let signed = if trade.buyer_is_maker { -lots } else { lots };
        const CEILING: i64 = i64::MAX / 2;
        self.signed_lots = self.signed_lots.saturating_add(signed).clamp(-CEILING, CEILING);
        self.total_lots = self.total_lots.saturating_add(lots).min(CEILING);
        self.combine();
    }

    fn pass_time(&mut self, now: MonoNs) {
        let elapsed_ns = now.since(self.at);
        if elapsed_ns == 0 {
            return;
        }
        self.at = now;
        self.signed_lots = self.flow_fast.apply(self.signed_lots, elapsed_ns);
        self.total_lots = self.flow_slow.apply(self.total_lots, elapsed_ns);
        let squares = self.variance.apply(self.squares_bp2.to_bits(), elapsed_ns);
        self.squares_bp2 = I32F32::from_bits(squares);
    }

    fn take_prices(&mut self, bid: Level, ask: Level) {
        let imbalance = ratio(
            bid.qty.units().saturating_sub(ask.qty.units()),
            bid.qty.units().saturating_add(ask.qty.units()),
        );
        let doubled = bid.price.units().saturating_add(ask.price.units());
        let spread = ask.price.units() - bid.price.units();
        // mid = doubled / 2: 64 fractional bits less the one of the division.
        let mid_bits = i128::from(doubled) << 63;
        // half-spread × imbalance: 32 fractional bits raised to 64, less the one of the half.
        let tilt_bits = (i128::from(spread) * i128::from(imbalance.to_bits())) << 31;
        self.features.mid = I64F64::from_bits(mid_bits);
        self.features.microprice = I64F64::from_bits(mid_bits + tilt_bits);
        self.features.imbalance = imbalance;
        if self.last_mid_doubled != 0 && doubled != self.last_mid_doubled {
            let change = i128::from(doubled - self.last_mid_doubled);
            let return_bp = ((change * 10_000) << 32) / i128::from(self.last_mid_doubled);
            let most = i128::from(RETURN_BP_MAX) << 32;
            let return_bp = I32F32::from_bits(return_bp.clamp(-most, most) as i64);
            let square = return_bp.saturating_mul(return_bp);
            self.squares_bp2 = self.squares_bp2.saturating_add(square);
        }
        self.last_mid_doubled = doubled;
    }

    fn combine(&mut self) {
        let f = &mut self.features;
        f.flow = ratio(self.signed_lots.clamp(-self.total_lots, self.total_lots), self.total_lots);
        f.variance_bp2_per_s = self.squares_bp2.saturating_mul(self.variance_rate);
        f.signal = self
            .microprice_weight
            .saturating_mul(f.imbalance)
            .saturating_add(self.flow_weight.saturating_mul(f.flow));
    }
}

/// Mid price rounded down to 1e-8.
#[inline]
pub fn mid_price(bid: Price, ask: Price) -> Price {
    Price::from_units(bid.units() + (ask.units() - bid.units()) / 2)
}

/// `part / whole` for `|part| <= whole`; zero if the whole is not positive.
///
/// Both are cut to 31 bits first, so that one 64-bit division is enough (error below 2⁻³⁰).
#[inline]
fn ratio(part: i64, whole: i64) -> I32F32 {
    if whole <= 0 {
        return I32F32::ZERO;
    }
    let excess = (64 - whole.leading_zeros()).saturating_sub(31);
    I32F32::from_bits(((part >> excess) << 32) / (whole >> excess))
}

/// From units of 1e-8.
const fn from_e8(units: i64) -> I32F32 {
    I32F32::from_bits((((units as i128) << 32) / SCALE as i128) as i64)
}

#[cfg(test)]
mod tests;
