//! Control: limits and their use, refusals, what keeps the trader from adding risk, who lives.

use rings::Process;
use schema::{KillTrigger, LimitKind, LimitUnit, LimitUse, Reject, StateReason, Status};

use super::{Families, money};

/// A limit's number in base units: money and quantities, ratios, times, counts. What stands for
/// "none" is infinite.
fn base(limit: LimitKind, value: i64) -> f64 {
    let is_none = value == i64::MAX || value == i64::from(u32::MAX);
    match limit.unit() {
        LimitUnit::Amount if value == i64::MAX => f64::INFINITY,
        LimitUnit::Amount => money(value),
        _ if is_none => f64::INFINITY,
        LimitUnit::Ppm => value as f64 / 1e6,
        LimitUnit::Hundredths => value as f64 / 100.0,
        LimitUnit::Count | LimitUnit::Flag => value as f64,
    }
}

fn limit(families: &mut Families, kind: LimitKind, symbol: Option<&str>, one: &LimitUse) {
    let mut pairs = vec![("limit", kind.as_str())];
    pairs.extend(symbol.map(|name| ("symbol", name)));
    let gauges = [
        (
            "shrike_limit_used",
            "What is used of a limit: USDT, base units, ratio, times or count; for a floor \
             (liquidation_distance, restricted) what there is.",
            one.used,
        ),
        ("shrike_limit", "The limit in force; +Inf: none.", one.limit),
        ("shrike_limit_file", "The file's limit, which no command exceeds.", one.file),
    ];
    for (name, help, value) in gauges {
        families.gauge(name, help, &pairs, base(kind, value));
    }
}

/// The account's limits, refusals, causes and the kill switch.
pub(super) fn account(families: &mut Families, status: &Status) {
    for kind in LimitKind::ALL.iter().copied().filter(|kind| !kind.is_of_symbol()) {
        limit(families, kind, None, &status.limits[kind.place()]);
    }
    let help = "Changes of limits since start.";
    families.gauge("shrike_limits_version", help, &[], status.limits_version as f64);
    for reject in Reject::ALL {
        let help = "Orders the engine refused, by reason.";
        let pairs = [("reason", reject.as_str())];
        families.counter("shrike_refused_total", help, &pairs, status.refused[*reject]);
    }
    for reason in StateReason::ALL {
        let is_on = status.state_causes & (1 << *reason as u64) != 0;
        let help = "1 for what keeps the trader from adding risk now.";
        let pairs = [("reason", reason.as_str())];
        families.gauge("shrike_state_cause", help, &pairs, f64::from(u8::from(is_on)));
    }
    let is_killed = status.trading_state == schema::TradingState::Killed as u64;
    let help = "1 while the trader is Killed.";
    families.gauge("shrike_killed", help, &[], f64::from(u8::from(is_killed)));
    for trigger in KillTrigger::ALL {
        let is_it = is_killed && status.kill_trigger == *trigger as u64;
        let help = "1 for what pressed the kill switch.";
        let pairs = [("trigger", trigger.as_str())];
        families.gauge("shrike_kill_trigger", help, &pairs, f64::from(u8::from(is_it)));
    }
    let help = "Highest equity since arming.";
    families.gauge("shrike_peak_equity_usdt", help, &[], money(status.peak_equity));
    let help = "Equity when the UTC day began.";
    families.gauge("shrike_day_equity_usdt", help, &[], money(status.day_equity));
}

/// A symbol's limits.
pub(super) fn symbol(families: &mut Families, name: &str, status: &Status, index: usize) {
    let Some(symbol) = status.symbols.get(index) else { return };
    for kind in LimitKind::ALL.iter().copied().filter(|kind| kind.is_of_symbol()) {
        limit(families, kind, Some(name), &symbol.limits[kind.place()]);
    }
    let help = "1 while the strategy may not open on it until a person says so.";
    let throttled = symbol.is_throttled as f64;
    families.gauge("shrike_symbol_throttled", help, &[("symbol", name)], throttled);
}

/// Who lives, and of which build.
pub(super) fn processes(families: &mut Families, processes: &[Process]) {
    for process in processes {
        let pairs = [("process", process.name.as_str()), ("build", process.build.as_str())];
        families.gauge("shrike_process_info", "Always 1; a living process.", &pairs, 1.0);
    }
}
