//! When risk may not be added, and when the kill switch is pressed.
//!
//! Pure: it judges the numbers that are published, so that whoever reads them can judge the same.
//! What presses the switch is compared in integers.

use schema::{KillTrigger, PortfolioRisk, RiskReason};

use crate::config::Thresholds;
use crate::portfolio::{Exposure, fall_ppm, is_fall_above};
use crate::requests::Count;

/// How old the account may be before guard is blind, ns: a verdict's own life.
pub const VENUE_AGE_NS_MAX: u64 = 3_000_000_000;
/// How old the trader's status may be before it is silent, ns.
pub const TRADER_AGE_NS_MAX: u64 = 3_000_000_000;

/// What the published numbers do not say.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The better of the last two equities; units of 1e-8.
    pub confirmed_equity: i64,
    /// The better of the last two margin ratios, ppm.
    pub confirmed_margin_ppm: i64,
    /// Requests of the last minute.
    pub requests: Count,
    /// Whether positions or orders are on at the venue, as far as it is known.
    pub is_anything_on: bool,
    /// How long the trader has been silent, ns: since its last status, or since guard began to
    /// wait for one.
    pub trader_silent_ns: u64,
    /// Whether its process lives.
    pub is_trader_alive: bool,
    /// Whether a difference of venue and journal stands.
    pub is_different: bool,
    /// Whether the living processes are of one build.
    pub are_builds_alike: bool,
    /// Whether the kill switch is pressed.
    pub is_killed: bool,
}

/// What an environment allows; money in units of 1e-8.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// Capital.
    pub capital: i64,
    /// Highest leverage, a multiple.
    pub leverage_max: i64,
}

/// Every reason against new risk, as the bits of [`schema::Verdict::reasons`].
pub fn reasons(
    risk: &PortfolioRisk,
    facts: &Facts,
    thresholds: &Thresholds,
    allowed: Allowed,
) -> u64 {
    let exposure = Exposure {
        gross: risk.gross,
        net: risk.net,
        liquidation_distance_ppm: risk.liquidation_distance_ppm,
    };
    let Allowed { capital, leverage_max } = allowed;
    let is_silent = facts.trader_silent_ns > TRADER_AGE_NS_MAX;
    let all = [
        (RiskReason::VenueUnseen, risk.venue_age_ns > VENUE_AGE_NS_MAX),
        (RiskReason::TraderUnseen, is_silent && (facts.is_anything_on || facts.is_trader_alive)),
        (RiskReason::Drawdown, risk.drawdown_ppm > thresholds.drawdown_ppm_max),
        (RiskReason::DayDrawdown, risk.day_drawdown_ppm > thresholds.day_drawdown_ppm_max),
        (RiskReason::Leverage, exposure.is_above(risk.equity, leverage_max)),
        (RiskReason::Capital, exposure.is_above(capital, leverage_max)),
        (RiskReason::MarginRatio, risk.margin_ratio_ppm > thresholds.margin_ratio_ppm_max),
        (
            RiskReason::LiquidationDistance,
            risk.liquidation_distance_ppm < thresholds.liquidation_distance_ppm_min,
        ),
        (RiskReason::ValueAtRisk, thresholds.var_99_max.is_some_and(|max| risk.var_99 > max)),
        (RiskReason::VarBreaches, risk.var_breaches > thresholds.var_breaches_kill),
        (RiskReason::ApiErrors, facts.requests.is_above(thresholds.api_error_kill_ppm)),
        (RiskReason::Difference, facts.is_different),
        (RiskReason::Latency, risk.latency_p99_ns > thresholds.latency_p99_max_ns),
        (RiskReason::BuildMismatch, !facts.are_builds_alike),
        (RiskReason::Killed, facts.is_killed),
    ];
    all.iter().filter(|(_, is_on)| *is_on).fold(0, |bits, (reason, _)| bits | 1 << *reason as u64)
}

/// Whether the newest answer, its equity and margin ratio in ppm, would press the kill switch if the
/// next one confirmed it.
pub fn is_suspected(peak: i64, (equity, margin_ppm): (i64, i64), thresholds: &Thresholds) -> bool {
    is_fall_above(peak, equity, thresholds.drawdown_kill_ppm)
        || margin_ppm > thresholds.margin_ratio_kill_ppm
}

/// What presses the kill switch, and why, in words with the figures; the first that does.
pub fn trigger(
    risk: &PortfolioRisk,
    facts: &Facts,
    thresholds: &Thresholds,
) -> Option<(KillTrigger, String)> {
    let (peak, equity) = (risk.peak_equity, facts.confirmed_equity);
    if is_fall_above(peak, equity, thresholds.drawdown_kill_ppm) {
        let text = format!(
            "equity {} is {} ppm below its highest, {}; allowed are {}",
            money(equity),
            fall_ppm(peak, equity),
            money(peak),
            thresholds.drawdown_kill_ppm
        );
        return Some((KillTrigger::Drawdown, text));
    }
    if facts.confirmed_margin_ppm > thresholds.margin_ratio_kill_ppm {
        let text = format!(
            "maintenance margin is {} ppm of the margin balance; allowed are {}",
            facts.confirmed_margin_ppm, thresholds.margin_ratio_kill_ppm
        );
        return Some((KillTrigger::Margin, text));
    }
    if risk.var_breaches > thresholds.var_breaches_kill {
        let text = format!(
            "{} losses beyond the value at risk in half an hour; allowed are {}",
            risk.var_breaches, thresholds.var_breaches_kill
        );
        return Some((KillTrigger::VarBreaches, text));
    }
    if facts.requests.is_above(thresholds.api_error_kill_ppm) {
        let Count { requests, errors } = facts.requests;
        let text = format!(
            "{errors} of {requests} requests of the last minute failed; allowed are {} ppm",
            thresholds.api_error_kill_ppm
        );
        return Some((KillTrigger::ApiErrors, text));
    }
    let lost_ns = thresholds.trader_lost_ms.saturating_mul(1_000_000);
    if facts.is_anything_on && facts.trader_silent_ns > lost_ns {
        let text = format!(
            "positions or orders are on and the trader has been silent for {} ms; allowed are {}",
            facts.trader_silent_ns / 1_000_000,
            thresholds.trader_lost_ms
        );
        return Some((KillTrigger::TraderLost, text));
    }
    None
}

fn money(units: i64) -> String {
    schema::Notional::from_units(units).to_string()
}

#[cfg(test)]
mod tests {
    use schema::SCALE;

    use super::*;

    fn thresholds() -> Thresholds {
        Thresholds {
            drawdown_kill_ppm: 100_000,
            var_breaches_kill: 3,
            api_error_kill_ppm: 100_000,
            margin_ratio_kill_ppm: 800_000,
            trader_lost_ms: 10_000,
            drawdown_ppm_max: 80_000,
            day_drawdown_ppm_max: 50_000,
            margin_ratio_ppm_max: 500_000,
            liquidation_distance_ppm_min: 30_000,
            var_99_max: Some(100),
            latency_p99_max_ns: 1_000,
        }
    }

    fn calm() -> (PortfolioRisk, Facts) {
        let risk = PortfolioRisk {
            equity: 1_000 * SCALE,
            peak_equity: 1_000 * SCALE,
            liquidation_distance_ppm: i64::MAX,
            var_99: -1,
            ..PortfolioRisk::default()
        };
        let facts = Facts {
            confirmed_equity: 1_000 * SCALE,
            confirmed_margin_ppm: 0,
            requests: Count::default(),
            is_anything_on: false,
            trader_silent_ns: 0,
            is_trader_alive: true,
            is_different: false,
            are_builds_alike: true,
            is_killed: false,
        };
        (risk, facts)
    }

    #[track_caller]
    fn reason(change: impl Fn(&mut PortfolioRisk, &mut Facts), expected: &[RiskReason]) {
        let (mut risk, mut facts) = calm();
        change(&mut risk, &mut facts);
        let allowed = Allowed { capital: 1_000 * SCALE, leverage_max: 2 };
        let bits = reasons(&risk, &facts, &thresholds(), allowed);
        let verdict = schema::Verdict { reasons: bits, ..Default::default() };
        assert_eq!(verdict.reasons().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_reason_begins_beyond_its_threshold() {
        use RiskReason::*;
        reason(|_, _| (), &[]);
        reason(|risk, _| risk.venue_age_ns = VENUE_AGE_NS_MAX + 1, &[VenueUnseen]);
        let silent = TRADER_AGE_NS_MAX + 1;
        reason(|_, facts| facts.trader_silent_ns = silent, &[TraderUnseen]);
        // A trader that was stopped with nothing on is missed by nobody.
        reason(|_, facts| (facts.trader_silent_ns, facts.is_trader_alive) = (silent, false), &[]);
        reason(|risk, _| risk.drawdown_ppm = 80_000, &[]);
        reason(|risk, _| risk.drawdown_ppm = 80_001, &[Drawdown]);
        reason(|risk, _| risk.day_drawdown_ppm = 50_001, &[DayDrawdown]);
        reason(|risk, _| risk.gross = 2_000 * SCALE, &[]);
        reason(|risk, _| risk.gross = 2_000 * SCALE + 1, &[Leverage, Capital]);
        // More equity than the environment's capital allows no more exposure.
        let rich = |risk: &mut PortfolioRisk, _: &mut Facts| {
            (risk.gross, risk.equity) = (2_001 * SCALE, 5_000 * SCALE);
        };
        reason(rich, &[Capital]);
        reason(|risk, _| (risk.gross, risk.equity) = (1_000, 499), &[Leverage]);
        reason(|risk, _| risk.margin_ratio_ppm = 500_001, &[MarginRatio]);
        reason(|risk, _| risk.liquidation_distance_ppm = 29_999, &[LiquidationDistance]);
        reason(|risk, _| risk.var_99 = 101, &[ValueAtRisk]);
        reason(|risk, _| risk.var_breaches = 4, &[VarBreaches]);
        let failing = Count { requests: 100, errors: 11 };
        reason(|_, facts| facts.requests = failing, &[ApiErrors]);
        reason(|_, facts| facts.is_different = true, &[Difference]);
        reason(|risk, _| risk.latency_p99_ns = 1_001, &[Latency]);
        reason(|_, facts| facts.are_builds_alike = false, &[BuildMismatch]);
        reason(|_, facts| facts.is_killed = true, &[Killed]);
    }

    #[track_caller]
    fn kills(change: impl Fn(&mut PortfolioRisk, &mut Facts), expected: Option<KillTrigger>) {
        let (mut risk, mut facts) = calm();
        change(&mut risk, &mut facts);
        let pressed = trigger(&risk, &facts, &thresholds()).map(|(trigger, _)| trigger);
        assert_eq!(pressed, expected);
    }

    #[test]
    fn what_would_press_is_suspected_at_the_same_threshold() {
        let is = |equity, margin| is_suspected(1_000, (equity, margin), &thresholds());
        assert!(!is(900, 800_000));
        assert!(is(899, 800_000) && is(900, 800_001));
    }

    #[test]
    fn each_trigger_presses_beyond_its_threshold() {
        kills(|_, _| (), None);
        kills(|_, facts| facts.confirmed_equity = 900 * SCALE, None);
        let fallen = |_: &mut PortfolioRisk, facts: &mut Facts| {
            facts.confirmed_equity = 900 * SCALE - 1;
        };
        kills(fallen, Some(KillTrigger::Drawdown));
        kills(|_, facts| facts.confirmed_margin_ppm = 800_000, None);
        kills(|_, facts| facts.confirmed_margin_ppm = 800_001, Some(KillTrigger::Margin));
        kills(|risk, _| risk.var_breaches = 3, None);
        kills(|risk, _| risk.var_breaches = 4, Some(KillTrigger::VarBreaches));
        kills(|_, facts| facts.requests = Count { requests: 100, errors: 10 }, None);
        let failing = Count { requests: 100, errors: 11 };
        kills(|_, facts| facts.requests = failing, Some(KillTrigger::ApiErrors));
        let lost = 10_000_000_001;
        kills(|_, facts| facts.trader_silent_ns = lost, None);
        let on = |_: &mut PortfolioRisk, facts: &mut Facts| {
            (facts.trader_silent_ns, facts.is_anything_on) = (lost, true);
        };
        kills(on, Some(KillTrigger::TraderLost));
    }
}
