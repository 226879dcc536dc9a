//! What is read of the processes, from outside.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// One process at one time.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Seconds since the start.
    pub(crate) second: f64,
    /// Which process.
    pub(crate) name: String,
    /// Its number: a new one after a restart.
    pub(crate) pid: u32,
    /// Memory it holds, KiB: with the pages of the rings it has touched.
    pub(crate) rss_kib: u64,
    /// Memory that is its own, KiB.
    pub(crate) own_kib: u64,
    /// Open files, if we may see them.
    pub(crate) files: Option<usize>,
    /// Threads.
    pub(crate) threads: u64,
}

/// Latency of one minute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    /// Seconds since the start.
    pub(crate) second: f64,
    /// Tick to order, middle, µs.
    pub(crate) p50_us: f64,
    /// Tick to order, 99 of 100, µs.
    pub(crate) p99_us: f64,
    /// Orders so far.
    pub(crate) orders: u64,
    /// Allocations of the hot thread so far.
    pub(crate) allocations: u64,
}

/// The demo and its children.
pub(crate) fn processes(demo: u32, second: f64) -> Vec<Sample> {
    let children = std::fs::read_to_string(format!("/proc/{demo}/task/{demo}/children"));
    let children = children.unwrap_or_default();
    let pids = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    std::iter::once(demo).chain(pids).filter_map(|pid| one(pid, pid == demo, second)).collect()
}

fn one(pid: u32, is_demo: bool, second: f64) -> Option<Sample> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
    };
    let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = command.split('\0');
    let program = words.next()?.rsplit('/').next()?.to_owned();
    // `shrike venue`, `shrike record`: one program with several parts.
    let name = match (program.as_str(), is_demo) {
        ("shrike", false) => words.next().unwrap_or("shrike").to_owned(),
        ("shrike", true) => "demo".to_owned(),
        _ => program,
    };
    if name.is_empty() {
        // It has ended and nobody has asked how yet.
        return None;
    }
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok().map(Iterator::count);
    Some(Sample {
        second,
        name,
        pid,
        rss_kib: number("VmRSS")?,
        own_kib: number("RssAnon")?,
        files,
        threads: number("Threads")?,
    })
}

/// Asks metrics for the last minute.
pub(crate) fn latency(dir: &Path, second: f64) -> Option<Latency> {
    let address = std::fs::read_to_string(dir.join("metrics.address")).ok()?;
    let page = get(address.trim(), "/metrics")?;
    let value = |parts: &[&str]| -> Option<f64> {
        let is_it =
            |line: &&str| !line.starts_with('#') && parts.iter().all(|part| line.contains(part));
        page.lines().find(is_it)?.rsplit(' ').next()?.parse().ok()
    };
    let tick = "shrike_tick_to_order_seconds{";
    let count = |name: &str| value(&[name]).map_or(0, |count| count as u64);
    Some(Latency {
        second,
        p50_us: value(&[tick, "window=\"60s\"", "quantile=\"0.5\""])? * 1e6,
        p99_us: value(&[tick, "window=\"60s\"", "quantile=\"0.99\""])? * 1e6,
        orders: count("shrike_orders_total "),
        allocations: count("shrike_hot_allocations_total "),
    })
}

fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// Names of the processes, in the order they were seen.
pub(crate) fn names(samples: &[Sample]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for sample in samples {
        if !names.contains(&sample.name) {
            names.push(sample.name.clone());
        }
    }
    names
}

/// As a table for other programs.
pub(crate) fn to_csv(samples: &[Sample]) -> String {
    let mut out = String::from("second,process,pid,rss_kib,own_kib,open_files,threads\n");
    for s in samples {
        let files = s.files.map_or_else(String::new, |files| files.to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{:.1},{},{},{},{},{files},{}",
            s.second, s.name, s.pid, s.rss_kib, s.own_kib, s.threads
        );
    }
    out
}

/// The same of the latency.
pub(crate) fn latency_csv(latencies: &[Latency]) -> String {
    let mut out = String::from("second,p50_us,p99_us,orders,hot_allocations\n");
    for l in latencies {
        let _ = writeln!(
            out,
            "{:.1},{:.2},{:.2},{},{}",
            l.second, l.p50_us, l.p99_us, l.orders, l.allocations
        );
    }
    out
}
