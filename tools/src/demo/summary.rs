//! What a demo says at its end.

use std::fmt::Write as _;
use std::path::Path;

use crate::compare::Comparison;
use crate::exchange::Struck;
use crate::exit::Failure;
use crate::human;
use crate::live::Live;
use crate::reconcile;

/// Everything the summary tells.
pub(super) struct Summary<'a> {
    /// The run.
    pub(super) live: &'a Live,
    /// Seconds traded.
    pub(super) elapsed_s: u64,
    /// Where the files are.
    pub(super) dir: &'a Path,
    /// Where the rows are.
    pub(super) database: &'a str,
    /// Outcome of the comparison, if it could be made.
    pub(super) comparison: Option<&'a Comparison>,
    /// Sidecars that were started again, and how often.
    pub(super) restarts: &'a [(&'static str, u32)],
    /// How the venue was told to misbehave, and what of it struck.
    pub(super) faults: Option<(&'a str, Struck)>,
    /// What went wrong.
    pub(super) failures: &'a [Failure],
    /// Alerts that arrived.
    pub(super) alerts: usize,
    /// What a fall led to.
    pub(super) crash: Option<String>,
}

impl Summary<'_> {
    /// Whether everything went well.
    pub(super) fn is_good(&self) -> bool {
        self.failures.is_empty() && self.comparison.is_some_and(Comparison::agrees)
    }

    /// The text.
    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let live = self.live;
        let status = &live.status;
        writeln!(out, "\nDemo of {} s", self.elapsed_s)?;
        writeln!(out, "  ticks          {}", human::count(status.ticks))?;
        writeln!(
            out,
            "  orders         {} sent, {} cancels, {} refused by risk, {} by the venue",
            human::count(status.orders),
            human::count(status.cancels),
            human::count(status.rejects),
            human::count(status.venue_rejects),
        )?;
        writeln!(out, "  fills          {}", human::count(live.fills))?;
        let net = live.realized - live.commission;
        writeln!(
            out,
            "  P&L            {} realised, {} fees, {} net; equity {}",
            signed(live.realized),
            human::money(clamp(live.commission)),
            signed(net),
            human::money(status.equity),
        )?;
        self.write_latency(out)?;
        writeln!(
            out,
            "  allocations    {} on the hot thread after start (and {} inside TLS)",
            human::count(status.hot_allocations),
            human::count(status.tls_allocations),
        )?;
        self.write_guard(out)?;
        if live.lost > 0 {
            writeln!(out, "  journal        {} records were not seen here", live.lost)?;
        }
        for (name, count) in self.restarts.iter().filter(|(_, count)| *count > 0) {
            writeln!(out, "  {name:<14} started again {count} times")?;
        }
        if let Some((plan, struck)) = &self.faults {
            let kinds = struck.kinds.iter().map(|(kind, count)| format!("{kind} {count}"));
            let kinds: Vec<String> = kinds.collect();
            writeln!(
                out,
                "  venue faults   {} struck ({plan}): {}",
                human::count(struck.total),
                kinds.join(", ")
            )?;
        }
        writeln!(out, "  database       {}", self.database)?;
        let ledger = self.dir.join(reconcile::LEDGER_FILE);
        writeln!(out, "  venue ledger   {}", ledger.display())?;
        writeln!(out, "  journal        {}", self.dir.join(reconcile::JOURNAL_FILE).display())?;
        writeln!(out, "  logs           {}", self.dir.join("log").display())?;
        out.push_str(self.crash.as_deref().unwrap_or_default());
        self.write_verdict(out)
    }

    fn write_guard(&self, out: &mut String) -> std::fmt::Result {
        let guarded = &self.live.guarded;
        let Some(risk) = guarded.risk else {
            return writeln!(out, "  guard          said nothing");
        };
        writeln!(
            out,
            "  guard          {} looks; worst drawdown {:.2} %, leverage {:.2}×, VaR 99 % {}; {} \
             comparisons with the venue, {} differences; {} requests failed; {} alerts arrived",
            human::count(guarded.seen),
            guarded.drawdown_ppm_max as f64 / 10_000.0,
            guarded.leverage_e2_max as f64 / 100.0,
            if risk.var_99 < 0 { "too early".to_owned() } else { human::money(risk.var_99) },
            human::count(risk.comparisons),
            human::count(risk.differences),
            human::count(risk.api_errors),
            self.alerts,
        )
    }

    fn write_latency(&self, out: &mut String) -> std::fmt::Result {
        match self.live.percentiles() {
            Some([p50, p90, p99, max]) => writeln!(
                out,
                "  tick to order  p50 {}  p90 {}  p99 {}  max {}  ({} orders; read() returned → \
                 write() called)",
                human::duration(p50),
                human::duration(p90),
                human::duration(p99),
                human::duration(max),
                human::count(self.live.tick_to_order.len()),
            ),
            None => writeln!(out, "  tick to order  no tick led to an order"),
        }
    }

    fn write_verdict(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out)?;
        if let Some(comparison) = self.comparison {
            out.push_str(&comparison.to_text());
            writeln!(out, "{}", reconcile::verdict(comparison))?;
            if !comparison.agrees() {
                let dir = self.dir.display();
                writeln!(out, "  look again: shrike status --reconcile --dir {dir}")?;
                writeln!(out, "  each record: shrike inspect {dir}/journal.bin --kind report")?;
            }
        } else {
            writeln!(out, "venue, journal and database were not compared")?;
        }
        for failure in self.failures {
            writeln!(out, "FAILED: {failure}")?;
        }
        Ok(())
    }
}

fn clamp(units: i128) -> i64 {
    i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
}

fn signed(units: i128) -> String {
    human::signed_money(clamp(units))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::compare;
    use crate::exit::Exit;
    use crate::ledger::Ledger;
    use crate::live::tests::{fill, run_info, stages};
    use schema::{Event, Side};

    fn live() -> Live {
        let mut live = Live::new(run_info());
        for id in 0..100 {
            live.take_record(&Event::Report(fill(id, Side::Buy, "64000.1", "0.002")).to_record());
            live.take_record(&stages(2_000));
        }
        live.status.ticks = 54_321;
        live.status.orders = 140;
        let risk = schema::PortfolioRisk {
            mono_ns: 1,
            drawdown_ppm: 2_500,
            leverage_e2: 31,
            var_99: -1,
            comparisons: 20,
            ..schema::PortfolioRisk::default()
        };
        live.guarded.take(risk);
        live
    }

    #[test]
    fn a_good_run_says_what_it_did_and_where_things_are() {
        let live = live();
        let ledgers = [Ledger::new("venue", ""), Ledger::new("journal", "")];
        let comparison = compare(&[&ledgers[0], &ledgers[1]]);
        let summary = Summary {
            live: &live,
            elapsed_s: 60,
            dir: Path::new("/run/demo"),
            database: "/run/demo/shrike.db",
            comparison: Some(&comparison),
            restarts: &[("persist", 1), ("metrics", 0)],
            faults: Some(("seed:7", Struck { total: 12, kinds: vec![("lag".to_owned(), 12)] })),
            failures: &[],
            alerts: 2,
            crash: Some("\nA fall of 15 %\n".to_owned()),
        };
        assert!(summary.is_good());
        let text = summary.to_text();
        for part in [
            "60 s",
            "54,321",
            "140 sent",
            "fills          100",
            "-50.00 realised",
            "1.23 fees",
            "-51.23 net",
            "p50 2.00 µs",
            "(100 orders",
            "/run/demo/shrike.db",
            "/run/demo/ledger.json",
            "/run/demo/log",
            "persist        started again 1",
            "venue faults   12 struck (seed:7): lag 12",
            "agree to the last digit",
            "1 looks; worst drawdown 0.25 %, leverage 0.31×, VaR 99 % too early; 20 comparisons",
            "2 alerts arrived",
            "A fall of 15 %",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!text.contains("metrics"), "what did not happen is not told:\n{text}");
    }

    #[test]
    fn a_failure_or_no_comparison_is_not_good() {
        let live = live();
        let failures = [Failure::new(Exit::Failed, "trader was killed by signal 9", "see its log")];
        let summary = Summary {
            live: &live,
            elapsed_s: 1,
            dir: Path::new("/run/demo"),
            database: "x",
            comparison: None,
            restarts: &[],
            faults: None,
            failures: &failures,
            alerts: 0,
            crash: None,
        };
        assert!(!summary.is_good());
        assert!(summary.to_text().contains("FAILED: trader was killed by signal 9"));
        let quiet = Summary { failures: &[], ..summary };
        assert!(!quiet.is_good(), "not compared is not agreed");
    }
}
