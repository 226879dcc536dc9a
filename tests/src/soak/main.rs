//! `cargo run -p tests --bin soak`: a long demo under faults, watched from outside.
//!
//! ```sh
//! cargo run -p tests --bin soak -- --minutes 30 --speed 10 --tape A.gz --tape B.gz \
//!     --faults seed:7 --record
//! ```
//! Every five seconds memory, open files and threads of every process are read, every minute the
//! latency from tick to order. The end is good when the books agree, a recording replays to the
//! same words, no process grows, and the last third is as quick as the first. The run's folder then
//! holds `soak.txt` (what is printed), `soak.csv`, `soak-latency.csv` and `soak.svg`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

mod plot;
mod sample;
mod verdict;

use sample::{Latency, Sample};

/// Time between two looks at the processes.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// Time between two looks at the latency: its window.
const LATENCY_EVERY: Duration = Duration::from_secs(60);
/// Start and end of a run take this much beside the trading.
const EXTRA: Duration = Duration::from_secs(300);

/// What is asked.
#[derive(Debug, Default)]
struct Arguments {
    minutes: f64,
    dir: Option<PathBuf>,
    is_recorded: bool,
    /// Handed on to the demo.
    demo: Vec<String>,
    has_tape: bool,
}

impl Arguments {
    fn read(mut given: impl Iterator<Item = String>) -> Result<Self> {
        let mut arguments = Self { minutes: 30.0, ..Self::default() };
        while let Some(name) = given.next() {
            let mut value = || given.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                "--minutes" => arguments.minutes = value()?.parse().context("--minutes")?,
                "--dir" => arguments.dir = Some(PathBuf::from(value()?)),
                "--record" => arguments.is_recorded = true,
                "--tape" => {
                    arguments.has_tape = true;
                    let path = std::path::absolute(value()?)?;
                    arguments.demo.extend(["--tape".into(), path.display().to_string()]);
                }
                "--speed" | "--faults" | "--seed" => {
                    let value = value()?;
                    arguments.demo.extend([name, value]);
                }
                _ => bail!(
                    "{name} is not known; --minutes N --speed X --tape FILE… --seed N \
                     --faults FILE|seed:N --record --dir DIR"
                ),
            }
        }
        Ok(arguments)
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::from(64)
        }
    }
}

fn run() -> Result<bool> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let shrike = std::env::current_exe()?.with_file_name("shrike");
    if !shrike.exists() {
        bail!("{} is missing: run `cargo build --workspace --bins`", shrike.display());
    }
    let stamp = std::time::UNIX_EPOCH.elapsed()?.as_secs();
    let dir = arguments.dir.clone();
    let dir = dir.unwrap_or_else(|| PathBuf::from(format!(".run/soak-{stamp}")));
    let dir = std::path::absolute(dir)?;
    std::fs::create_dir_all(&dir)?;
    println!("soak: {} minutes into {}", arguments.minutes, dir.display());
    let mut demo = start(&shrike, &arguments, &dir)?;
    let (samples, latencies, is_good) = watch(&mut demo, &arguments, &dir)?;
    let replayed = arguments.is_recorded.then(|| replay(&shrike, &dir));
    std::fs::write(dir.join("soak.csv"), sample::to_csv(&samples))?;
    std::fs::write(dir.join("soak-latency.csv"), sample::latency_csv(&latencies))?;
    std::fs::write(dir.join("soak.svg"), plot::svg(&samples, &latencies))?;
    let verdict = verdict::judge(&samples, &latencies, is_good, replayed);
    let said = std::fs::read_to_string(dir.join("demo.out")).unwrap_or_default();
    let end: Vec<&str> = said.lines().rev().take(40).collect();
    let end: Vec<&str> = end.into_iter().rev().collect();
    let text = format!("{}\nthe demo said at its end:\n{}\n", verdict.text, end.join("\n"));
    std::fs::write(dir.join("soak.txt"), &text)?;
    print!("{text}");
    Ok(verdict.is_good)
}

fn start(shrike: &Path, arguments: &Arguments, dir: &Path) -> Result<Child> {
    let out = std::fs::File::create(dir.join("demo.out"))?;
    let seconds = (arguments.minutes * 60.0).round() as u64;
    let mut command = Command::new(shrike);
    command.args(["demo", "--plain", "--no-build", "--seconds", &seconds.to_string(), "--dir"]);
    command.arg(dir).args(&arguments.demo);
    if arguments.has_tape {
        command.arg("--loop");
    }
    if arguments.is_recorded {
        command.arg("--record");
    }
    command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    command.spawn().context("the demo does not start")
}

type Watched = (Vec<Sample>, Vec<Latency>, bool);

/// Watches until the demo ends; whether it ended well.
fn watch(demo: &mut Child, arguments: &Arguments, dir: &Path) -> Result<Watched> {
    let begun = Instant::now();
    let limit = Duration::from_secs_f64(arguments.minutes * 60.0) + EXTRA;
    let (mut samples, mut latencies) = (Vec::new(), Vec::new());
    let mut latency_at = begun + LATENCY_EVERY;
    loop {
        if let Some(status) = demo.try_wait()? {
            return Ok((samples, latencies, status.success()));
        }
        let second = begun.elapsed().as_secs_f64();
        samples.extend(sample::processes(demo.id(), second));
        if Instant::now() >= latency_at {
            latency_at += LATENCY_EVERY;
            if let Some(latency) = sample::latency(dir, second) {
                println!(
                    "soak: minute {:.0}: {} orders, tick to order p50 {:.1} µs",
                    second / 60.0,
                    latency.orders,
                    latency.p50_us
                );
                latencies.push(latency);
            }
        }
        if begun.elapsed() > limit {
            demo.kill()?;
            demo.wait()?;
            println!("soak: the demo did not end in time");
            return Ok((samples, latencies, false));
        }
        std::thread::sleep(SAMPLE_EVERY);
    }
}

/// Whether the recording gives the same words again, and what it says.
fn replay(shrike: &Path, dir: &Path) -> (bool, String) {
    let output = Command::new(shrike).arg("replay").arg(dir.join("run.rec")).output();
    match output {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.success(), said + &wrong)
        }
        Err(error) => (false, error.to_string()),
    }
}
