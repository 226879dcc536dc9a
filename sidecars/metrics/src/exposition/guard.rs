//! What guard publishes: its verdict and the account's risk.

use schema::{KillStep, PortfolioRisk, RiskReason, RunInfo, Verdict};

use super::{Families, money};

fn seconds(ns: u64) -> f64 {
    if ns == u64::MAX { f64::INFINITY } else { ns as f64 / 1e9 }
}

fn ratio(ppm: i64) -> f64 {
    if ppm == i64::MAX { f64::INFINITY } else { ppm as f64 / 1e6 }
}

/// Money that may not be known; `-1` then.
fn known(units: i64) -> f64 {
    if units == -1 { f64::NAN } else { money(units) }
}

/// guard's word; an age that grows without end if no guard ever gave one.
pub(super) fn verdict(families: &mut Families, verdict: Option<&Verdict>, now_ns: u64) {
    let age = verdict.map_or(u64::MAX, |verdict| now_ns.saturating_sub(verdict.mono_ns));
    let help = "Age of guard's verdict; +Inf if there is none.";
    families.gauge("shrike_guard_verdict_age_seconds", help, &[], seconds(age));
    let Some(verdict) = verdict else { return };
    let help = "1 when guard lets risk be added.";
    families.gauge("shrike_guard_may_add_risk", help, &[], verdict.may_add_risk as f64);
    let help = "1 when the kill switch is pressed.";
    families.gauge("shrike_guard_killed", help, &[], verdict.killed as f64);
    let help = "Verdicts since guard's start.";
    families.counter("shrike_guard_verdicts_total", help, &[], verdict.sequence);
    for reason in RiskReason::ALL {
        let is_on = verdict.reasons & (1 << *reason as u64) != 0;
        let help = "1 for why guard lets no risk be added.";
        let pairs = [("reason", reason.as_str())];
        families.gauge("shrike_guard_reason", help, &pairs, f64::from(u8::from(is_on)));
    }
}

/// guard's numbers.
pub(super) fn portfolio(
    families: &mut Families,
    risk: &PortfolioRisk,
    info: Option<&RunInfo>,
    now_ns: u64,
) {
    let age = seconds(now_ns.saturating_sub(risk.mono_ns));
    let gauges: [(&str, &str, f64); 24] = [
        ("shrike_guard_age_seconds", "Age of guard's numbers.", age),
        (
            "shrike_guard_venue_age_seconds",
            "Age of what the venue told guard.",
            seconds(risk.venue_age_ns),
        ),
        (
            "shrike_guard_trader_age_seconds",
            "Age of the trader's status as guard sees it.",
            seconds(risk.trader_age_ns),
        ),
        ("shrike_guard_equity_usdt", "Wallet plus unrealised profit.", money(risk.equity)),
        ("shrike_guard_peak_equity_usdt", "Highest equity.", money(risk.peak_equity)),
        ("shrike_guard_day_equity_usdt", "Equity when the UTC day began.", money(risk.day_equity)),
        ("shrike_guard_drawdown_ratio", "Fall from the highest.", ratio(risk.drawdown_ppm)),
        (
            "shrike_guard_day_drawdown_ratio",
            "Fall since the UTC day began.",
            ratio(risk.day_drawdown_ppm),
        ),
        ("shrike_guard_gross_usdt", "Sum of absolute positions at the mark.", money(risk.gross)),
        ("shrike_guard_net_usdt", "Sum of signed positions at the mark.", money(risk.net)),
        ("shrike_guard_leverage", "Gross over equity.", risk.leverage_e2 as f64 / 100.0),
        (
            "shrike_guard_maintenance_margin_usdt",
            "Maintenance margin.",
            money(risk.maintenance_margin),
        ),
        (
            "shrike_guard_margin_ratio",
            "Maintenance margin over margin balance.",
            ratio(risk.margin_ratio_ppm),
        ),
        (
            "shrike_guard_liquidation_distance_ratio",
            "Shortest way of a mark to a liquidation price; +Inf without positions.",
            ratio(risk.liquidation_distance_ppm),
        ),
        (
            "shrike_guard_var_samples",
            "Minutes the value at risk is made from.",
            risk.var_samples as f64,
        ),
        (
            "shrike_guard_var_breaches",
            "Losses beyond the value at risk at 99 % in half an hour.",
            risk.var_breaches as f64,
        ),
        (
            "shrike_guard_api_requests",
            "Requests to the venue in the last minute.",
            risk.api_requests as f64,
        ),
        ("shrike_guard_api_errors", "Those that failed.", risk.api_errors as f64),
        ("shrike_guard_api_error_ratio", "Errors over requests.", ratio(risk.api_error_ppm)),
        (
            "shrike_guard_latency_p99_seconds",
            "Tick to order, 99th percentile of the last minute.",
            seconds(risk.latency_p99_ns),
        ),
        (
            "shrike_guard_open_orders",
            "Working orders at the venue, both books.",
            risk.open_orders as f64,
        ),
        ("shrike_guard_kill_wall_seconds", "Unix time of the trigger.", {
            risk.kill_wall_ns as f64 / 1e9
        }),
        ("shrike_guard_alerts", "Alerts that are on.", risk.alerts as f64),
        (
            "shrike_guard_alerts_undelivered",
            "Alerts that reached nobody.",
            risk.alerts_undelivered as f64,
        ),
    ];
    for (name, help, value) in gauges {
        families.gauge(name, help, &[], value);
    }
    for (confidence, var, es) in
        [("0.95", risk.var_95, risk.es_95), ("0.99", risk.var_99, risk.es_99)]
    {
        let pairs = [("confidence", confidence)];
        let help = "Value at risk over one minute; NaN with too few samples.";
        families.gauge("shrike_guard_var_usdt", help, &pairs, known(var));
        let help = "Mean loss beyond the value at risk; NaN with too few samples.";
        families.gauge("shrike_guard_expected_shortfall_usdt", help, &pairs, known(es));
    }
    let help = "Comparisons of venue and journal.";
    families.counter("shrike_guard_comparisons_total", help, &[], risk.comparisons);
    let help = "Differences of venue and journal that stood.";
    families.counter("shrike_guard_differences_total", help, &[], risk.differences);
    for step in KillStep::ALL {
        let is_it = f64::from(u8::from(risk.kill_step == *step as u64));
        let help = "1 for how far the kill switch has come.";
        families.gauge("shrike_guard_kill_step", help, &[("step", step.as_str())], is_it);
    }
    for (until, ns) in [
        ("halted", risk.kill_halted_ns),
        ("cancelled", risk.kill_cancelled_ns),
        ("flat", risk.kill_flat_ns),
    ] {
        let help = "From the kill switch's trigger until then; 0 until it is so.";
        families.gauge("shrike_guard_kill_seconds", help, &[("until", until)], seconds(ns));
    }
    symbols(families, risk, info);
}

fn symbols(families: &mut Families, risk: &PortfolioRisk, info: Option<&RunInfo>) {
    for (symbol, index) in risk.symbols.iter().zip(0..) {
        if symbol.mark_price == 0 && symbol.position_qty == 0 {
            continue;
        }
        let number = index.to_string();
        let name = info.and_then(|info| info.symbols().get(index)).map(|info| info.name);
        let name = name.as_ref().map_or(number.as_str(), schema::SymbolName::as_str);
        let gauges = [
            ("shrike_guard_position_qty", "Position at the venue.", money(symbol.position_qty)),
            ("shrike_guard_notional_usdt", "Its value at the mark.", money(symbol.notional)),
            ("shrike_guard_mark_price", "Mark price.", money(symbol.mark_price)),
            (
                "shrike_guard_unrealized_pnl_usdt",
                "Unrealised profit.",
                money(symbol.unrealized_pnl),
            ),
            (
                "shrike_guard_liquidation_price",
                "Price of liquidation; 0: none.",
                money(symbol.liquidation_price),
            ),
            (
                "shrike_guard_symbol_liquidation_distance_ratio",
                "Move of the mark to it.",
                ratio(symbol.liquidation_distance_ppm),
            ),
        ];
        for (metric, help, value) in gauges {
            families.gauge(metric, help, &[("symbol", name)], value);
        }
    }
}
