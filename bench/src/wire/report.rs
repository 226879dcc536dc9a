//! Figures with everything a figure needs, and the ratios between clients of the same run.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::Client;
use crate::peers::Turn;
use crate::shrike::PARTS;

/// Samples of one client, all rounds together.
struct Samples {
    wire: Histogram<u64>,
    process: Histogram<u64>,
    missed: u64,
    wire_medians: Vec<u64>,
    process_medians: Vec<u64>,
    parts: [Vec<u64>; PARTS.len()],
}

/// All of a run.
pub(crate) struct Report {
    samples: BTreeMap<&'static str, Samples>,
    skipped: BTreeMap<&'static str, String>,
    machine: String,
}

#[derive(Serialize)]
struct Figure {
    client: &'static str,
    measure: &'static str,
    count: u64,
    p50_ns: u64,
    p90_ns: u64,
    p99_ns: u64,
    max_ns: u64,
    missed: u64,
}

fn histogram() -> Histogram<u64> {
    // Bounds are constants, three digits are allowed: this cannot fail.
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds are valid")
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

impl Report {
    pub(crate) fn new(machine: String) -> Self {
        Self { machine, samples: BTreeMap::new(), skipped: BTreeMap::new() }
    }

    /// Adds one turn.
    pub(crate) fn add(&mut self, client: Client, turn: Turn) {
        let samples = self.samples.entry(client.name()).or_insert_with(|| Samples {
            wire: histogram(),
            process: histogram(),
            missed: 0,
            wire_medians: Vec::new(),
            process_medians: Vec::new(),
            parts: Default::default(),
        });
        for ns in &turn.wire_ns {
            samples.wire.saturating_record(*ns);
        }
        for ns in &turn.process_ns {
            samples.process.saturating_record(*ns);
        }
        for (all, part) in samples.parts.iter_mut().zip(&turn.parts_ns) {
            all.extend(part);
        }
        samples.missed += turn.missed;
        samples.wire_medians.push(median(&turn.wire_ns));
        samples.process_medians.push(median(&turn.process_ns));
    }

    /// Notes a client that could not run here.
    pub(crate) fn skip(&mut self, client: Client, error: &anyhow::Error) {
        self.skipped.insert(client.name(), format!("{error:#}"));
    }

    fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (client, samples) in &self.samples {
            for (measure, histogram) in
                [("in-process", &samples.process), ("wire-to-wire", &samples.wire)]
            {
                if histogram.is_empty() {
                    continue;
                }
                figures.push(Figure {
                    client,
                    measure,
                    count: histogram.len(),
                    p50_ns: histogram.value_at_quantile(0.5),
                    p90_ns: histogram.value_at_quantile(0.9),
                    p99_ns: histogram.value_at_quantile(0.99),
                    max_ns: histogram.max(),
                    missed: samples.missed,
                });
            }
        }
        figures
    }

    fn p50(&self, client: &str, measure: &str) -> Option<f64> {
        let figures = self.figures();
        let figure = figures.iter().find(|f| f.client == client && f.measure == measure)?;
        Some(figure.p50_ns as f64)
    }

    /// The page a person reads.
    pub(crate) fn text(&self, gap_us: u64) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "tick to order over loopback TLS, gap {gap_us} µs");
        let _ = writeln!(out, "{}", self.machine);
        let _ = writeln!(
            out,
            "\n{:11} {:13} {:>10} {:>10} {:>10} {:>12} {:>8} {:>7}",
            "client", "measure", "p50 µs", "p90 µs", "p99 µs", "max µs", "count", "missed"
        );
        let us = |ns: u64| ns as f64 / 1e3;
        for f in self.figures() {
            let _ = writeln!(
                out,
                "{:11} {:13} {:>10.2} {:>10.2} {:>10.2} {:>12.1} {:>8} {:>7}",
                f.client,
                f.measure,
                us(f.p50_ns),
                us(f.p90_ns),
                us(f.p99_ns),
                us(f.max_ns),
                f.count,
                f.missed
            );
        }
        let _ = writeln!(out, "\nmedians of each round, µs (to see how steady the machine was):");
        for (client, samples) in &self.samples {
            let list = |values: &[u64]| {
                values.iter().map(|ns| format!("{:.2}", us(*ns))).collect::<Vec<_>>().join(" ")
            };
            let _ = writeln!(out, "{client:11} wire {}", list(&samples.wire_medians));
            if samples.process_medians.iter().any(|ns| *ns > 0) {
                let _ = writeln!(out, "{client:11} in-process {}", list(&samples.process_medians));
            }
        }
        for client in ["trader", "trader-hmac"] {
            let Some(samples) = self.samples.get(client) else { continue };
            let _ = writeln!(out, "\nthe way through {client}, p50 in ns:");
            for ((name, _, _), part) in PARTS.iter().zip(&samples.parts) {
                let _ = writeln!(out, "  {name:16} {:>7}", median(part));
            }
        }
        let _ = writeln!(out, "\nratios of p50:");
        for (what, measure, over, under) in [
            ("straightforward Rust / trader", "in-process", "plain", "trader"),
            ("straightforward Rust / trader", "wire-to-wire", "plain", "trader"),
            ("straightforward Rust / trader-hmac", "in-process", "plain", "trader-hmac"),
            ("Python / trader", "wire-to-wire", "python", "trader"),
            ("trader / floor", "wire-to-wire", "trader", "floor"),
        ] {
            if let (Some(over), Some(under)) = (self.p50(over, measure), self.p50(under, measure)) {
                let _ = writeln!(out, "  {what:35} {measure:13} {:.2}", over / under);
            }
        }
        for (client, reason) in &self.skipped {
            let _ = writeln!(out, "{client} was not measured: {reason}");
        }
        out
    }

    /// The figures as JSON.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(&self.figures())?)
    }
}
