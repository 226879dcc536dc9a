//! What a crash led to, as a timeline, and whether it is as it must be.

use std::fmt::Write as _;
use std::path::Path;

use schema::{KillTrigger, PortfolioRisk, StateChange, TradingState};
use venue::Fall;

use super::evidence::Evidence;
use super::{ALERT, audit_lines, has_alert, rows};
use crate::demo::webhook::Received;
use crate::exit::{Exit, Failure};
use crate::human;
use crate::live::Live;

/// Lines of a list shown; the files have all of them.
const LINES_SHOWN: usize = 8;

/// Everything the timeline is made of.
pub(in crate::demo) struct Report {
    fall: Fall,
    /// The newest that guard published.
    last: Option<PortfolioRisk>,
    /// The last publication in which nothing forbade risk, before the trigger.
    good: Option<PortfolioRisk>,
    /// The first publication with the kill switch pressed.
    first: Option<PortfolioRisk>,
    /// State changes of the trader, oldest first.
    states: Vec<StateChange>,
    evidence: Option<Evidence>,
    received: Vec<Received>,
    /// Address of Alertmanager, if there was one.
    alertmanager: Option<String>,
    /// Files of the kill switch's folder, and their lines.
    audit: Vec<(&'static str, Vec<String>)>,
    state_dir: String,
    rows: Vec<(&'static str, Vec<String>)>,
    config: String,
}

/// Where a run left what the report is made of.
pub(in crate::demo) struct Places<'a> {
    /// The venue's ledger.
    pub(in crate::demo) ledger: &'a Path,
    /// The kill switch's folder.
    pub(in crate::demo) state_dir: &'a Path,
    /// SQLite file or PostgreSQL URL.
    pub(in crate::demo) database: &'a str,
    /// When the run began, Unix ms.
    pub(in crate::demo) started_ms: i64,
    /// The run's configuration.
    pub(in crate::demo) config: &'a Path,
}

impl Report {
    /// Gathers it, after everything has ended.
    pub(in crate::demo) fn gather(
        fall: Fall,
        live: &Live,
        received: Vec<Received>,
        alertmanager: Option<String>,
        places: &Places<'_>,
    ) -> Self {
        let history = &live.guarded.history;
        let is_killed = |risk: &&PortfolioRisk| risk.kill_step != 0;
        let first = history.iter().find(is_killed).copied();
        let before = history.iter().take_while(|risk| risk.kill_step == 0);
        let good = before.filter(|risk| risk.reasons == 0).last().copied();
        let trigger_ms = first.map(|risk| risk.kill_wall_ns / 1_000_000);
        let evidence = trigger_ms.and_then(|ms| Evidence::read(places.ledger, ms).ok());
        Self {
            fall,
            last: live.guarded.risk,
            good,
            first,
            states: live.states.iter().rev().copied().collect(),
            evidence,
            received,
            alertmanager,
            audit: audit_lines(places.state_dir),
            state_dir: places.state_dir.display().to_string(),
            rows: rows::read(places.database, places.started_ms),
            config: places.config.display().to_string(),
        }
    }

    /// What is not as it must be; nothing when all is well.
    pub(in crate::demo) fn failures(&self) -> Vec<Failure> {
        let mut wrong = vec![];
        match (self.first, self.last) {
            (Some(_), Some(last)) => {
                if last.kill_flat_ns == 0 {
                    wrong.push("guard never saw the account flat".to_owned());
                }
            }
            _ => wrong.push("guard did not press the kill switch".to_owned()),
        }
        match &self.evidence {
            Some(evidence) => {
                if !evidence.opened_after.is_empty() {
                    let orders = evidence.opened_after.join(", ");
                    wrong.push(format!("orders that could add risk after the trigger: {orders}"));
                }
                if evidence.open_orders > 0 {
                    wrong.push(format!("{} orders still work at the venue", evidence.open_orders));
                }
                if !evidence.positions.is_empty() {
                    let left = evidence.positions.join(", ");
                    wrong.push(format!("positions are left at the venue: {left}"));
                }
                if evidence.fills_after == 0 {
                    wrong.push("nothing was closed after the trigger".to_owned());
                }
            }
            None if self.first.is_none() => {}
            None => wrong.push("the venue's ledger could not be looked at".to_owned()),
        }
        if !has_alert(&self.received, self.alertmanager.is_some()) {
            wrong.push(format!("the alert {ALERT} reached nobody"));
        }
        let next = "logs, journal and ledger of the run are in its directory";
        wrong.into_iter().map(|what| Failure::new(Exit::Failed, what, next)).collect()
    }

    /// The timeline.
    pub(in crate::demo) fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let (percent, seconds) = (self.fall.depth_ppm / 10_000, self.fall.lasts_ms / 1_000);
        writeln!(out, "\nA fall of {percent} % in {seconds} s")?;
        self.write_trigger(out)?;
        self.write_ledger(out)?;
        self.write_alerts(out)?;
        self.write_audit(out)?;
        self.write_next(out)
    }

    /// What guard and the trader said, with times from the trigger.
    fn write_trigger(&self, out: &mut String) -> std::fmt::Result {
        if let Some(good) = self.good {
            let at = human::time_of_day(good.wall_ns);
            let leverage = good.leverage_e2 as f64 / 100.0;
            writeln!(
                out,
                "  last good        {at}  equity {} of at most {}, exposure {leverage:.2}×",
                human::money(good.equity),
                human::money(good.peak_equity),
            )?;
        }
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return writeln!(out, "  trigger          none");
        };
        let from = first.kill_wall_ns;
        // How the trader had left Armed by itself.
        let before = self.states.iter().filter(|change| change.wall.0 <= from);
        let before: Vec<&StateChange> = before.collect();
        let armed = before.iter().rposition(|change| change.to == TradingState::Armed);
        for change in before.iter().skip(armed.map_or(0, |at| at + 1)) {
            let before = human::duration((from - change.wall.0).unsigned_abs());
            let at = human::time_of_day(change.wall.0);
            let (to, reason) = (change.to, change.reason);
            writeln!(out, "  trader           {at}  {to} ({reason}), {before} before the trigger")?;
        }
        writeln!(
            out,
            "  trigger          {}  {}: equity {}, {} below its highest",
            human::time_of_day(from),
            first.trigger().map_or("?", KillTrigger::as_str),
            human::money(first.equity),
            percent(first.drawdown_ppm),
        )?;
        for (name, ns) in [
            ("no new orders", last.kill_halted_ns),
            ("books empty", last.kill_cancelled_ns),
            ("flat", last.kill_flat_ns),
        ] {
            let after = if ns == 0 { "never".to_owned() } else { after(ns) };
            writeln!(out, "  {name:<16} {after:>12}  guard, confirmed at the venue")?;
        }
        writeln!(out, "  equity           {} at the end", human::money(last.equity))
    }

    fn write_ledger(&self, out: &mut String) -> std::fmt::Result {
        let Some(evidence) = &self.evidence else { return Ok(()) };
        let ms = |ms: Option<i64>| ms.map_or("-".to_owned(), |ms| format!("{ms:+} ms"));
        writeln!(
            out,
            "  venue's ledger   last order that could add risk {}; {} after the trigger",
            ms(evidence.last_opening_ms),
            evidence.opened_after.len(),
        )?;
        writeln!(
            out,
            "                   {} stops cancelled by {}; {} USDT closed in {} fills of {} orders, \
             {} to {}",
            evidence.stops,
            ms(evidence.stops_gone_ms),
            human::money(evidence.closed),
            evidence.fills_after,
            evidence.orders_after,
            ms(evidence.first_close_ms),
            ms(evidence.last_fill_ms),
        )?;
        writeln!(
            out,
            "                   left: {} orders, {} positions",
            evidence.open_orders,
            evidence.positions.len()
        )
    }

    fn write_alerts(&self, out: &mut String) -> std::fmt::Result {
        match &self.alertmanager {
            Some(url) => writeln!(out, "  alerts           by Alertmanager at {url}")?,
            None => writeln!(
                out,
                "  alerts           by guard's own webhook: Alertmanager is not installed here"
            )?,
        }
        let from_ms = self.first.map_or(0, |first| first.kill_wall_ns / 1_000_000);
        for alert in &self.received {
            let (status, name, severity) = (&alert.status, &alert.name, &alert.severity);
            writeln!(
                out,
                "    {:>+9} ms   {status:<8} {severity:<8} {name:<18} {}",
                alert.at_ms - from_ms,
                alert.description,
            )?;
        }
        if self.received.is_empty() {
            writeln!(out, "    none arrived")?;
        }
        Ok(())
    }

    fn write_audit(&self, out: &mut String) -> std::fmt::Result {
        for (file, lines) in &self.audit {
            writeln!(out, "  audit trail      {}/{file}", self.state_dir)?;
            list(out, lines)?;
        }
        for (table, rows) in &self.rows {
            writeln!(out, "  database         {table} ({} rows)", rows.len())?;
            list(out, rows)?;
        }
        Ok(())
    }

    fn write_next(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "  next, a person   finds out why, then, with the system up again:")?;
        let config = &self.config;
        writeln!(out, "    shrike unkill --config {config} --reason \"…\"   takes the latch away")?;
        writeln!(out, "    shrike resume                reconciles and lets it trade again")
    }
}

/// The end of a list.
fn list(out: &mut String, lines: &[String]) -> std::fmt::Result {
    let skip = lines.len().saturating_sub(LINES_SHOWN);
    if skip > 0 {
        writeln!(out, "    … {skip} before")?;
    }
    lines.iter().skip(skip).try_for_each(|line| writeln!(out, "    {line}"))
}

/// `+12.3 ms`.
fn after(ns: u64) -> String {
    format!("+{}", human::duration(ns))
}

/// Parts per million as per cent.
fn percent(ppm: i64) -> String {
    format!("{:.2} %", ppm as f64 / 10_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::run_info;
    use schema::{KillStep, RiskReason, SCALE, StateReason, WallNs};

    const T: i64 = 1_795_430_000_000_000_000;

    fn risk(mono_ns: u64, equity: i64, step: KillStep) -> PortfolioRisk {
        PortfolioRisk {
            mono_ns,
            wall_ns: T + mono_ns as i64,
            equity: equity * SCALE,
            peak_equity: 100_000 * SCALE,
            drawdown_ppm: (100_000 - equity) * 10,
            kill_step: step as u64,
            ..PortfolioRisk::default()
        }
    }

    fn live() -> Live {
        let mut live = Live::new(run_info());
        live.guarded.take(risk(1, 99_900, KillStep::None));
        let reasons = 1 << RiskReason::DayDrawdown as u64;
        live.guarded.take(PortfolioRisk { reasons, ..risk(2, 94_000, KillStep::None) });
        let pressed = PortfolioRisk {
            kill_trigger: KillTrigger::Drawdown as u64,
            kill_wall_ns: T + 3,
            ..risk(3, 89_000, KillStep::Halting)
        };
        live.guarded.take(pressed);
        live.guarded.take(PortfolioRisk {
            mono_ns: 4,
            kill_step: KillStep::Flat as u64,
            kill_halted_ns: 1_200_000,
            kill_cancelled_ns: 150_000_000,
            kill_flat_ns: 820_000_000,
            ..pressed
        });
        live.states.push_front(StateChange {
            from: TradingState::Armed,
            to: TradingState::Halted,
            reason: StateReason::LossLimit,
            wall: WallNs(T - 2_000_000_000),
        });
        live
    }

    fn received() -> Vec<Received> {
        vec![Received {
            at_ms: T / 1_000_000 + 340,
            by: "alertmanager".to_owned(),
            name: ALERT.to_owned(),
            status: "firing".to_owned(),
            severity: "critical".to_owned(),
            summary: "The kill switch is pressed.".to_owned(),
            description: "Pressed by drawdown.".to_owned(),
        }]
    }

    fn report(dir: &Path, ledger: &serde_json::Value, received: Vec<Received>) -> Report {
        let file = dir.join("ledger.json");
        std::fs::write(&file, ledger.to_string()).expect("written");
        std::fs::write(dir.join("audit.jsonl"), "{\"what\":\"pressed\"}\n").expect("written");
        let places = Places {
            ledger: &file,
            state_dir: dir,
            database: "/nowhere.db",
            started_ms: 0,
            config: Path::new("/run/trader.toml"),
        };
        let manager = Some("http://127.0.0.1:9093".to_owned());
        Report::gather(super::super::FALL, &live(), received, manager, &places)
    }

    fn ledger() -> serde_json::Value {
        let ms = T / 1_000_000;
        serde_json::json!({
            "orders": [{"client_order_id": "a", "time_ms": ms - 9_000, "reduce_only": false}],
            "fills": [{"time_ms": ms + 700, "price": "100", "qty": "2"}],
            "algo_orders": [], "open_orders": [], "positions": [],
        })
    }

    #[test]
    fn the_timeline_has_every_figure_and_a_good_run_no_failure() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let report = report(dir.path(), &ledger(), received());
        assert_eq!(report.failures(), []);
        let text = report.to_text();
        for part in [
            "A fall of 15 % in 20 s",
            "equity 99,900.00 of at most 100,000.00",
            "Halted (loss_limit), 2.00 s before the trigger",
            "drawdown: equity 89,000.00, 11.00 % below its highest",
            "+1.20 ms",
            "+150 ms",
            "+820 ms",
            "last order that could add risk -9000 ms; 0 after the trigger",
            "200.00 USDT closed in 1 fills",
            "by Alertmanager at http://127.0.0.1:9093",
            "+340 ms   firing   critical ShrikeKilled       Pressed by drawdown.",
            "/audit.jsonl\n",
            "{\"what\":\"pressed\"}",
            "shrike unkill --config /run/trader.toml",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn each_thing_that_must_not_be_is_a_failure() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let failures = |ledger: &serde_json::Value, received: Vec<Received>| -> Vec<String> {
            let failures = report(dir.path(), ledger, received).failures();
            failures.into_iter().map(|failure| failure.what).collect()
        };
        assert_eq!(failures(&ledger(), vec![]), ["the alert ShrikeKilled reached nobody"]);
        let mut bad = ledger();
        bad["orders"][0]["time_ms"] = serde_json::json!(T / 1_000_000 + 1);
        bad["positions"] = serde_json::json!([{"symbol": "BTCUSDT", "qty": "1"}]);
        bad["open_orders"] = serde_json::json!([{}]);
        bad["fills"] = serde_json::json!([]);
        let found = failures(&bad, received());
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].contains("could add risk after the trigger: a"), "{found:?}");
        let mut report = report(dir.path(), &ledger(), received());
        report.first = None;
        assert!(report.failures()[0].what.contains("did not press"));
        assert!(report.to_text().contains("trigger          none"));
    }
}
