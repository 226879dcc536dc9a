//! Whether a long run was a good one.

use std::fmt::Write as _;

use crate::sample::{Latency, Sample, names};

/// The first part of a run fills caches and pools: memory is judged after it.
const WARM_UP_SHARE: f64 = 0.25;
/// Growth over the judged part that is no growth, MiB.
const GROWTH_MIB_MAX: f64 = 4.0;
/// The same, as a share of what the process holds.
const GROWTH_SHARE_MAX: f64 = 0.10;
/// Growth of the venue by order, KiB: its ledger keeps every order, fill and balance change, since
/// the books are compared with it in the end.
const LEDGER_KIB: f64 = 4.0;
/// How much slower the last third may be than the first: the noise of a shared machine.
const SLOWER_MAX: f64 = 1.15;

/// The judgement.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// For people.
    pub(crate) text: String,
    /// Whether everything held.
    pub(crate) is_good: bool,
}

/// Judges a run; `has_ended_well` says that the demo compared its books and they agree.
pub(crate) fn judge(
    samples: &[Sample],
    latencies: &[Latency],
    has_ended_well: bool,
    replayed: Option<(bool, String)>,
) -> Verdict {
    let mut text = String::new();
    let mut is_good = has_ended_well;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "MiB of its own\n{:<9} {:>9} {:>9} {:>9} {:>12} {:>11} {:>9}",
        "process", "first", "largest", "last", "MiB an hour", "files", "threads"
    );
    let orders = latencies.last().map_or(0, |last| last.orders);
    for name in names(samples) {
        let of: Vec<&Sample> = samples.iter().filter(|sample| sample.name == name).collect();
        let (line, is_flat) = process_line(&name, &of, orders);
        let _ = writeln!(text, "{line}{}", if is_flat { "" } else { "  GROWS" });
        is_good &= is_flat;
    }
    let (line, is_steady) = latency_line(latencies);
    let _ = writeln!(text, "\n{line}");
    is_good &= is_steady;
    let books = if has_ended_well { "agree" } else { "DISAGREE, or the demo failed" };
    let _ = writeln!(text, "books: {books}");
    if let Some((is_same, said)) = replayed {
        let word = if is_same { "the same words" } else { "DIFFERS" };
        let _ = writeln!(text, "replay: {word}\n{said}");
        is_good &= is_same;
    }
    let _ = writeln!(text, "soak: {}", if is_good { "good" } else { "NOT GOOD" });
    Verdict { text, is_good }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn process_line(name: &str, of: &[&Sample], orders: u64) -> (String, bool) {
    let end = of.last().map_or(0.0, |last| last.second);
    let judged: Vec<(f64, f64)> = of
        .iter()
        .filter(|sample| sample.second >= end * WARM_UP_SHARE)
        .map(|sample| (sample.second, mib(sample.own_kib)))
        .collect();
    let slope = slope(&judged);
    let growth = slope * end * (1.0 - WARM_UP_SHARE);
    let last = of.last().map_or(0.0, |sample| mib(sample.own_kib));
    let ledger = if name == "venue" { orders as f64 * LEDGER_KIB / 1024.0 } else { 0.0 };
    let is_flat = growth <= GROWTH_MIB_MAX.max(last * GROWTH_SHARE_MAX) + ledger;
    let range = |values: Vec<u64>| match (values.iter().min(), values.iter().max()) {
        (Some(min), Some(max)) => format!("{min}–{max}"),
        _ => "?".to_owned(),
    };
    let files = range(of.iter().filter_map(|s| s.files.map(|files| files as u64)).collect());
    let threads = range(of.iter().map(|sample| sample.threads).collect());
    let largest = of.iter().map(|sample| sample.own_kib).max().map_or(0.0, mib);
    let first = of.first().map_or(0.0, |sample| mib(sample.own_kib));
    let hourly = slope * 3_600.0;
    let line = format!(
        "{name:<9} {first:>9.1} {largest:>9.1} {last:>9.1} {hourly:>+12.2} {files:>11} {threads:>9}"
    );
    (line, is_flat)
}

/// Of the line nearest to the points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, at| (sum.0 + at.0, sum.1 + at.1));
    let (x, y) = (x / count, y / count);
    let (up, down) = points.iter().fold((0.0, 0.0), |sum, at| {
        (sum.0 + (at.0 - x) * (at.1 - y), sum.1 + (at.0 - x) * (at.0 - x))
    });
    if down > 0.0 { up / down } else { 0.0 }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn latency_line(latencies: &[Latency]) -> (String, bool) {
    let third = latencies.len() / 3;
    if third == 0 {
        return ("tick to order: too few minutes to compare".to_owned(), true);
    }
    let of = |part: &[Latency]| median(part.iter().map(|latency| latency.p50_us).collect());
    let (first, last) = (of(&latencies[..third]), of(&latencies[latencies.len() - third..]));
    let is_steady = last <= first * SLOWER_MAX;
    let end = latencies.last().map_or((0, 0), |last| (last.orders, last.allocations));
    let line = format!(
        "tick to order p50: first third {first:.1} µs, last third {last:.1} µs{}; {} orders, {} \
         allocations on the hot thread",
        if is_steady { "" } else { " SLOWER" },
        end.0,
        end.1
    );
    (line, is_steady)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(own_kib: impl Fn(u64) -> u64, p50_us: impl Fn(u64) -> f64) -> Verdict {
        let samples: Vec<Sample> = (0..360)
            .map(|index| Sample {
                second: index as f64 * 5.0,
                name: "trader".to_owned(),
                pid: 1,
                rss_kib: 100_000,
                own_kib: own_kib(index),
                files: Some(20),
                threads: 5,
            })
            .collect();
        let latencies: Vec<Latency> = (1..30)
            .map(|minute| Latency {
                second: minute as f64 * 60.0,
                p50_us: p50_us(minute),
                p99_us: 100.0,
                orders: minute,
                allocations: 0,
            })
            .collect();
        judge(&samples, &latencies, true, None)
    }

    #[test]
    fn a_steady_run_is_good_and_one_that_fills_its_pools_first_too() {
        let steady = run(|_| 50_000, |_| 40.0);
        assert!(steady.is_good, "{}", steady.text);
        let filling =
            run(|index| 40_000 + index.min(60) * 200, |minute| 40.0 + minute as f64 % 3.0);
        assert!(filling.is_good, "{}", filling.text);
    }

    #[test]
    fn growth_and_slowness_are_found() {
        let grows = run(|index| 50_000 + index * 100, |_| 40.0);
        assert!(!grows.is_good && grows.text.contains("GROWS"), "{}", grows.text);
        let slows = run(|_| 50_000, |minute| 40.0 + minute as f64);
        assert!(!slows.is_good && slows.text.contains("SLOWER"), "{}", slows.text);
        let differs = judge(&[], &[], true, Some((false, String::new())));
        assert!(!differs.is_good);
        assert!(!judge(&[], &[], false, None).is_good);
    }
}
