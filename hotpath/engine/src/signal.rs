//! Features.

use schema::{SCALE, SignalParams};

use crate::config::ConfigError;

/// Parameters that trade on a live tape until better ones are fitted.
pub const DEFAULT_PARAMS: SignalParams = SignalParams {
    version: 0,
    fitted_at_ns: 0,
    microprice_weight: SCALE / 2,
    flow_weight: SCALE / 2,
    flow_half_life_ns: 500_000_000,
    variance_half_life_ns: 30_000_000_000,
    entry_threshold: 6 * SCALE / 10,
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
