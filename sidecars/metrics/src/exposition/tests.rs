//! The page as Prometheus reads it.

use schema::{
    KillStep, KillTrigger, LimitKind, LimitUse, Reject, RiskReason, StateReason, SymbolInfo,
    SymbolName,
};

use super::*;
use crate::health::{Known, judge};

const NOW_NS: u64 = 10_000_000_000;

fn shown_text() -> String {
    let mut status = Status { journal_capacity: 1, ticks: 7, ..Status::default() };
    status.trading_state = TradingState::Armed as u64;
    status.symbols[0].bid_price = 4_318_700_000_000;
    let mut info = RunInfo { symbol_count: 1, ..RunInfo::default() };
    let name = SymbolName::new(b"BTCUSDT").expect("a name");
    info.symbols[0] = SymbolInfo { name, ..SymbolInfo::default() };
    status.limits[LimitKind::Drawdown.place()] =
        LimitUse { used: 12_500, limit: 50_000, file: i64::MAX };
    status.limits[LimitKind::Exposure.place()] =
        LimitUse { used: 3 * SCALE, limit: 5 * SCALE, file: 7 * SCALE };
    status.symbols[0].limits[LimitKind::Position.place()].limit = SCALE / 4;
    status.refused[Reject::SelfMatch] = 3;
    status.state_causes = 1 << StateReason::Verdict as u64;
    let verdict = Verdict {
        mono_ns: NOW_NS - 500_000_000,
        killed: 1,
        reasons: 1 << RiskReason::ApiErrors as u64,
        ..Verdict::default()
    };
    let mut portfolio = PortfolioRisk {
        drawdown_ppm: 101_000,
        liquidation_distance_ppm: i64::MAX,
        var_95: -1,
        var_99: 2 * SCALE,
        kill_step: KillStep::Flat as u64,
        kill_flat_ns: 1_500_000_000,
        trader_age_ns: u64::MAX,
        ..PortfolioRisk::default()
    };
    portfolio.symbols[0].mark_price = 9 * SCALE;
    portfolio.symbols[0].position_qty = -SCALE;
    let process = |name: &str, build: &str| Process {
        name: name.to_owned(),
        pid: 1,
        build: build.to_owned(),
    };
    let processes = [process("guard", "shrike 1 a"), process("trader", "shrike 1 b")];
    let latency = Latency::new().expect("constant bounds");
    let known = Known {
        status: Some(&status),
        info: Some(&info),
        turning: true,
        persist_attached: true,
        verdict: Some(&verdict),
    };
    let health = judge(known, NOW_NS);
    text(Shown {
        status: Some(&status),
        info: Some(&info),
        verdict: Some(&verdict),
        portfolio: Some(&portfolio),
        processes: &processes,
        latency: &latency,
        counts: &Counts::default(),
        health: &health,
        now_ns: NOW_NS,
    })
    .expect("every family is encodable")
}

#[test]
fn every_line_is_a_shrike_metric() {
    let text = shown_text();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(samples.len() > 200, "only {} samples", samples.len());
    assert!(samples.iter().all(|line| line.starts_with("shrike_")));
    assert!(samples.contains(&"shrike_bid_price{symbol=\"BTCUSDT\"} 43187"));
    assert!(samples.contains(&"shrike_ticks_total 7"));
    assert!(samples.contains(&"shrike_trading_state{state=\"Armed\"} 1"));
}

#[test]
fn each_family_is_described_once() {
    let text = shown_text();
    let mut names: Vec<&str> = text.lines().filter(|l| l.starts_with("# TYPE")).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[track_caller]
fn check(line: &str) {
    let text = shown_text();
    let name = line.split(['{', ' ']).next().expect("a name");
    let near: Vec<_> = text.lines().filter(|l| l.starts_with(name)).collect();
    assert!(near.contains(&line), "{line} is not among {near:#?}");
}

#[test]
fn limits_are_in_base_units_with_the_files_beside_them() {
    check("shrike_limit_used{limit=\"drawdown\"} 0.0125");
    check("shrike_limit{limit=\"drawdown\"} 0.05");
    check("shrike_limit_file{limit=\"drawdown\"} inf");
    check("shrike_limit_used{limit=\"exposure\"} 3");
    check("shrike_limit{limit=\"exposure\"} 5");
    check("shrike_limit_file{limit=\"exposure\"} 7");
    check("shrike_limit{limit=\"position\",symbol=\"BTCUSDT\"} 0.25");
}

#[test]
fn refusals_causes_and_builds_are_told_by_name() {
    check("shrike_refused_total{reason=\"self_match\"} 3");
    check("shrike_state_cause{reason=\"verdict\"} 1");
    check("shrike_state_cause{reason=\"kill\"} 0");
    check("shrike_killed 0");
    let none = KillTrigger::Person.as_str();
    check(&format!("shrike_kill_trigger{{trigger=\"{none}\"}} 0"));
    check("shrike_process_info{process=\"trader\",build=\"shrike 1 b\"} 1");
}

#[test]
fn guards_word_and_numbers_are_told_with_their_age() {
    check("shrike_guard_verdict_age_seconds 0.5");
    check("shrike_guard_may_add_risk 0");
    check("shrike_guard_killed 1");
    check("shrike_guard_reason{reason=\"api_errors\"} 1");
    check("shrike_guard_reason{reason=\"latency\"} 0");
    check("shrike_guard_drawdown_ratio 0.101");
    check("shrike_guard_liquidation_distance_ratio inf");
    check("shrike_guard_trader_age_seconds inf");
    check("shrike_guard_var_usdt{confidence=\"0.95\"} NaN");
    check("shrike_guard_var_usdt{confidence=\"0.99\"} 2");
    check("shrike_guard_kill_step{step=\"flat\"} 1");
    check("shrike_guard_kill_seconds{until=\"flat\"} 1.5");
    check("shrike_guard_position_qty{symbol=\"BTCUSDT\"} -1");
}

#[test]
fn the_rules_ask_for_metrics_that_there_are() {
    let (rules, text) = (include_str!("../../prometheus/alerts.yml"), shown_text());
    let names: Vec<&str> = rules
        .lines()
        .filter(|line| line.trim_start().starts_with("expr:"))
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with("shrike_"))
        .collect();
    assert!(names.len() > 50, "only {} names", names.len());
    for name in names {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name} is in a rule and nowhere else");
    }
}
