//! `shrike risk`: each limit and its use, what was refused, and guard's numbers.

use schema::{KillStep, KillTrigger, LimitKind, PortfolioRisk, Reject, Status};
use serde_json::{Map, Value, json};

use crate::cli::LookArgs;
use crate::exit::{Exit, Failure};
use crate::human;
use crate::instance::{View, is_live, mono_ns, resolve};
use crate::limits::{self, Row};
use crate::orders::{no_status, portfolio};
use crate::units;

/// Cells of a bar.
const BAR: u64 = 20;

/// `shrike risk`.
///
/// # Errors
/// No such instance or symbol, or no status yet.
pub(crate) fn run(args: &LookArgs) -> Result<Exit, Failure> {
    let view = View::open(&resolve(args.instance.as_deref())?)?;
    let symbol = args.symbol.as_ref().map(|symbol| symbol.to_uppercase());
    if let Some(symbol) = &symbol {
        view.symbol(symbol)?;
    }
    let status = view.status().ok_or_else(|| no_status(&view.instance))?;
    let rows = limits::rows(&view, &status, symbol.as_deref());
    let guard = portfolio(&view.instance);
    if args.json {
        println!("{:#}", to_json(&view, &status, &rows, guard));
    } else {
        print(&view, &status, &rows, guard);
    }
    Ok(Exit::Ok)
}

/// Whether something is used of a limit by the state of the account; what one order may be at most
/// is used by none.
fn is_used(kind: LimitKind) -> bool {
    !matches!(
        kind,
        LimitKind::Qty
            | LimitKind::Notional
            | LimitKind::PriceCollar
            | LimitKind::WindowCollar
            | LimitKind::Restricted
    )
}

/// How much is used, per mille; for a floor, how near what there is has come to it.
fn permille(row: &Row) -> Option<u64> {
    let (used, limit) = (row.of.used.max(0), row.of.limit.max(0));
    if !is_used(row.kind) || limit == i64::MAX {
        return None;
    }
    let (part, whole) = if row.kind.is_floor() { (limit, used) } else { (used, limit) };
    Some(match (part, whole) {
        (0, _) => 0,
        (_, 0) => 1_000,
        _ => u64::try_from(i128::from(part) * 1_000 / i128::from(whole)).unwrap_or(u64::MAX),
    })
}

/// What is left before the limit; negative beyond it.
fn headroom(row: &Row) -> Option<i64> {
    let of = &row.of;
    (is_used(row.kind) && of.limit != i64::MAX && of.used != i64::MAX).then(|| {
        if row.kind.is_floor() {
            of.used.saturating_sub(of.limit)
        } else {
            of.limit.saturating_sub(of.used)
        }
    })
}

fn bar(permille: u64) -> String {
    let full = (permille.min(1_000) * BAR).div_ceil(1_000);
    let cell = |index: u64| if index < full { '█' } else { '·' };
    (0..BAR).map(cell).collect()
}

fn print(view: &View, status: &Status, rows: &[Row], guard: Option<(PortfolioRisk, u64)>) {
    let dead = if is_live(&view.instance) { "" } else { ", the trader is dead" };
    println!(
        "{}  status {} old{dead}, limits version {}",
        view.instance,
        human::duration(mono_ns().saturating_sub(status.mono_ns)),
        status.limits_version
    );
    println!("{:<32} {:>16} {:>16} {:>16} {:>16}", "limit", "used", "in force", "file", "left");
    for row in rows {
        let name = match &row.symbol {
            Some(symbol) => format!("{symbol} {}", row.kind),
            None => row.kind.to_string(),
        };
        let used = match is_used(row.kind) {
            true => units::text(row.kind, row.of.used),
            false => "-".to_owned(),
        };
        let left = headroom(row).map_or_else(|| "-".to_owned(), |left| units::text(row.kind, left));
        let share = permille(row);
        let bar = share.map_or_else(String::new, |share| format!("{} {}%", bar(share), share / 10));
        println!(
            "{name:<32} {used:>16} {:>16} {:>16} {left:>16}  {bar}",
            units::text(row.kind, row.of.limit),
            units::text(row.kind, row.of.file),
        );
    }
    let refused: Vec<String> = refused(status)
        .map(|(reject, count)| format!("{reject} {}", human::count(count)))
        .collect();
    match refused.as_slice() {
        [] => println!("\nrefused   nothing"),
        some => println!("\nrefused   {}", some.join(", ")),
    }
    match guard {
        Some((risk, age)) => print_guard(view, &risk, age),
        None => println!("guard     tells nothing: it does not run, or has not yet looked"),
    }
}

fn refused(status: &Status) -> impl Iterator<Item = (Reject, u64)> {
    let counts = Reject::ALL.iter().map(|reject| (*reject, status.refused[*reject]));
    counts.filter(|(_, count)| *count > 0)
}

fn ppm(value: i64) -> String {
    units::text(LimitKind::Drawdown, value)
}

/// Value at risk and the like, which may not be known yet.
fn known(units: i64) -> String {
    if units < 0 { "too few samples".to_owned() } else { human::money(units) }
}

fn print_guard(view: &View, risk: &PortfolioRisk, age: u64) {
    let reasons: Vec<&str> = risk.reasons().map(|reason| reason.as_str()).collect();
    println!(
        "guard     {} ago (the venue {} before), {}",
        human::duration(age),
        human::duration(risk.venue_age_ns),
        if reasons.is_empty() { "lets risk be added".to_owned() } else { reasons.join(", ") }
    );
    println!(
        "          equity {}  peak {}  drawdown {}  of the day {}",
        human::money(risk.equity),
        human::money(risk.peak_equity),
        ppm(risk.drawdown_ppm),
        ppm(risk.day_drawdown_ppm)
    );
    println!(
        "          gross {}  net {}  leverage {}  margin ratio {}  to liquidation {}",
        human::money(risk.gross),
        human::signed_money(risk.net),
        units::text(LimitKind::Leverage, risk.leverage_e2),
        ppm(risk.margin_ratio_ppm),
        ppm(risk.liquidation_distance_ppm)
    );
    println!(
        "          VaR 95 {}  99 {}  ES 95 {}  99 {}  of {} minutes, {} breaches",
        known(risk.var_95),
        known(risk.var_99),
        known(risk.es_95),
        known(risk.es_99),
        risk.var_samples,
        risk.var_breaches
    );
    println!(
        "          requests {} of which failed {} ({})  tick to order p99 {}  comparisons {}  \
         differences {}",
        risk.api_requests,
        risk.api_errors,
        ppm(risk.api_error_ppm),
        human::duration(risk.latency_p99_ns),
        human::count(risk.comparisons),
        risk.differences
    );
    for (info, symbol) in view.info.symbols().iter().zip(&risk.symbols) {
        if symbol.position_qty != 0 {
            println!(
                "          {} {} worth {}, liquidation {} away",
                info.name,
                schema::Qty::from_units(symbol.position_qty),
                human::signed_money(symbol.notional),
                ppm(symbol.liquidation_distance_ppm)
            );
        }
    }
}

fn row_json(row: &Row) -> Value {
    json!({
        "limit": row.kind.as_str(), "symbol": row.symbol, "unit": units::unit(row.kind),
        "floor": row.kind.is_floor(),
        "used": is_used(row.kind).then(|| units::json(row.kind, row.of.used)),
        "in_force": units::json(row.kind, row.of.limit),
        "file": units::json(row.kind, row.of.file),
        "headroom": headroom(row).map(|left| units::json(row.kind, left)),
        "used_permille": permille(row),
    })
}

/// guard's numbers for programs; null where it does not know.
pub(crate) fn guard_json(risk: &PortfolioRisk, age_ns: u64) -> Value {
    let amount = |units: i64| units::json(LimitKind::Exposure, units);
    let if_known = |units: i64| if units < 0 { Value::Null } else { amount(units) };
    let bounded = |value: i64| if value == i64::MAX { Value::Null } else { value.into() };
    let step = risk.step();
    let trigger = risk.trigger().filter(|_| step != KillStep::None);
    json!({
        "age_ns": age_ns, "venue_age_ns": risk.venue_age_ns,
        "reasons": risk.reasons().map(|reason| reason.as_str()).collect::<Vec<_>>(),
        "equity": amount(risk.equity), "peak_equity": amount(risk.peak_equity),
        "day_equity": amount(risk.day_equity), "drawdown_ppm": risk.drawdown_ppm,
        "day_drawdown_ppm": risk.day_drawdown_ppm, "gross": amount(risk.gross),
        "net": amount(risk.net), "leverage": units::json(LimitKind::Leverage, risk.leverage_e2),
        "margin_ratio_ppm": risk.margin_ratio_ppm,
        "liquidation_distance_ppm": bounded(risk.liquidation_distance_ppm),
        "var_95": if_known(risk.var_95), "var_99": if_known(risk.var_99),
        "es_95": if_known(risk.es_95), "es_99": if_known(risk.es_99),
        "var_samples": risk.var_samples, "var_breaches": risk.var_breaches,
        "api_requests": risk.api_requests, "api_errors": risk.api_errors,
        "latency_p99_ns": risk.latency_p99_ns, "comparisons": risk.comparisons,
        "differences": risk.differences, "open_orders": risk.open_orders,
        "kill": {
            "step": step.as_str(),
            "trigger": trigger.map(KillTrigger::as_str),
            "halted_ns": risk.kill_halted_ns, "cancelled_ns": risk.kill_cancelled_ns,
            "flat_ns": risk.kill_flat_ns,
        },
        "alerts": risk.alerts, "alerts_undelivered": risk.alerts_undelivered,
    })
}

fn to_json(
    view: &View,
    status: &Status,
    rows: &[Row],
    guard: Option<(PortfolioRisk, u64)>,
) -> Value {
    let refused: Map<String, Value> =
        refused(status).map(|(reject, count)| (reject.to_string(), count.into())).collect();
    json!({
        "instance": view.instance, "trader_alive": is_live(&view.instance),
        "age_ns": mono_ns().saturating_sub(status.mono_ns), "version": status.limits_version,
        "limits": rows.iter().map(row_json).collect::<Vec<_>>(), "refused": refused,
        "rejects": status.rejects,
        "guard": guard.map(|(risk, age)| guard_json(&risk, age)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::{LimitUse, SCALE};

    fn row(kind: LimitKind, used: i64, limit: i64) -> Row {
        Row { kind, symbol: None, of: LimitUse { used, limit, file: limit } }
    }

    #[test]
    fn use_and_headroom_go_the_right_way() {
        let exposure = row(LimitKind::Exposure, 30 * SCALE, 120 * SCALE);
        assert_eq!((permille(&exposure), headroom(&exposure)), (Some(250), Some(90 * SCALE)));
        let beyond = row(LimitKind::Exposure, 150 * SCALE, 120 * SCALE);
        assert_eq!((permille(&beyond), headroom(&beyond)), (Some(1_250), Some(-30 * SCALE)));
        // A floor: twice as far as it must be.
        let floor = row(LimitKind::LiquidationDistance, 100_000, 50_000);
        assert_eq!((permille(&floor), headroom(&floor)), (Some(500), Some(50_000)));
        let free = row(LimitKind::LiquidationDistance, i64::MAX, 50_000);
        assert_eq!((permille(&free), headroom(&free)), (Some(0), None));
        let none = row(LimitKind::Exposure, 5, 0);
        assert_eq!(permille(&none), Some(1_000));
        assert_eq!(permille(&row(LimitKind::Qty, 0, 5)), None);
        assert_eq!(row_json(&exposure)["headroom"], "90");
        assert_eq!(row_json(&free)["used"], Value::Null);
    }

    #[test]
    fn a_bar_shows_that_something_is_used() {
        assert!(bar(0).starts_with('·'));
        assert!(bar(1).starts_with('█'));
        assert_eq!(bar(5_000).chars().filter(|cell| *cell == '█').count() as u64, BAR);
    }

    #[test]
    fn what_guard_does_not_know_is_null() {
        let risk = PortfolioRisk {
            var_95: -1,
            var_99: 5 * SCALE,
            liquidation_distance_ppm: i64::MAX,
            ..PortfolioRisk::default()
        };
        let value = guard_json(&risk, 7);
        assert_eq!(value["var_95"], Value::Null);
        assert_eq!(value["var_99"], "5");
        assert_eq!(value["liquidation_distance_ppm"], Value::Null);
        assert_eq!(value["kill"]["trigger"], Value::Null);
    }
}
