//! Times contenders in one run, interleaved, so that all meet the same machine.
//!
//! Each sample is the mean of a batch of about 20 µs, timed as a whole; batches of all contenders
//! alternate. Printed are p50, p90, p99 and max over the samples, in ns an operation, and the ratio
//! of medians to the first contender.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

/// Samples a contender.
const SAMPLES: usize = 3_000;

/// A way to do the job.
pub struct Contender<'a> {
    name: &'static str,
    run: Box<dyn FnMut() -> u64 + 'a>,
}

/// Names a way to do the job; what it returns keeps the work from being optimised away.
pub fn contender<'a>(name: &'static str, run: impl FnMut() -> u64 + 'a) -> Contender<'a> {
    Contender { name, run: Box::new(run) }
}

/// The machine and the commit a figure belongs to, in one line.
pub fn machine() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, {cores} cores, Linux {}, commit {}",
        model.unwrap_or("unknown processor"),
        said("uname", &["-r"]).unwrap_or_else(|| "unknown".into()),
        said("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into())
    )
}

/// The head of the table.
pub fn print_head() {
    println!(
        "{:34} {:>9} {:>9} {:>9} {:>10} {:>8} {:>7}",
        "ns an operation", "p50", "p90", "p99", "max", "samples", "ratio"
    );
}

/// One line of the table; `reference` is the median that the ratio is to.
pub fn print_line(name: &str, samples: &mut [f64], reference: Option<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    let at = |q: f64| samples[((samples.len() - 1) as f64 * q) as usize];
    let ratio = reference.map_or(1.0, |reference| at(0.5) / reference);
    println!(
        "{name:34} {:>9.1} {:>9.1} {:>9.1} {:>10.1} {:>8} {ratio:>7.2}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        samples.len()
    );
    at(0.5)
}

/// Runs all contenders of one case and prints their lines.
pub fn compare(case: &str, contenders: &mut [Contender<'_>]) {
    let mut batch = Vec::new();
    for contender in contenders.iter_mut() {
        let begun = Instant::now();
        for _ in 0..2_000 {
            black_box((contender.run)());
        }
        let each = begun.elapsed().as_nanos() as f64 / 2_000.0;
        batch.push((20_000.0 / each.max(1.0)).ceil() as usize);
    }
    let mut samples = vec![Vec::with_capacity(SAMPLES); contenders.len()];
    for _ in 0..SAMPLES {
        for (at, contender) in contenders.iter_mut().enumerate() {
            let begun = Instant::now();
            for _ in 0..batch[at] {
                black_box((contender.run)());
            }
            samples[at].push(begun.elapsed().as_nanos() as f64 / batch[at] as f64);
        }
    }
    let mut reference = None;
    for (contender, samples) in contenders.iter().zip(&mut samples) {
        let median = print_line(&format!("{case}/{}", contender.name), samples, reference);
        reference = reference.or(Some(median));
    }
}
