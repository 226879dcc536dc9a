//! The step `clients`: ccxt and Binance's official SDK trade on the local venue.
//!
//! Both run from one Python environment under `target/tools/clients`, made once for each content of
//! `tests/clients/requirements.txt`. Each suite gets a venue of its own, so they run at once.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The suites: `tests/clients/<name>_suite.py`.
const SUITES: [&str; 2] = ["ccxt", "sdk"];
/// Longest time for a venue to be ready: it is done in a second.
const READY: Duration = Duration::from_secs(30);
/// Longest time for a suite; they take about half a minute.
const SUITE: Duration = Duration::from_secs(120);
/// How often a process is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Runs both suites and prints what they say.
pub(crate) fn run(dir: &Path) -> Result<()> {
    let python = environment(dir)?;
    let mut running = Vec::new();
    for name in SUITES {
        running.push(Running::start(dir, &python, name)?);
    }
    let mut failed = Vec::new();
    for suite in running {
        let name = suite.name;
        if let Err(error) = suite.finish() {
            println!("{name}: {error:#}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("the suites that failed: {}", failed.join(", "));
    }
    Ok(())
}

/// The environment's interpreter; made anew when the requirements are not those it was made from.
fn environment(dir: &Path) -> Result<PathBuf> {
    let home = dir.join("target/tools/clients");
    let python = home.join("bin/python");
    let made_from = home.join("requirements.txt");
    let wanted = std::fs::read_to_string(dir.join("tests/clients/requirements.txt"))
        .context("tests/clients/requirements.txt is not there")?;
    if std::fs::read_to_string(&made_from).is_ok_and(|text| text == wanted) {
        return Ok(python);
    }
    let home_text = home.to_str().context("the path of the workspace is not UTF-8")?;
    shown(dir, Path::new("python3"), &["-m", "venv", "--clear", home_text])
        .context("python3 with its module venv is needed; `cargo ci tools` installs it")?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    shown(dir, &python, &[&install[..], &["-r", "tests/clients/requirements.txt"]].concat())?;
    std::fs::write(&made_from, wanted).context("cannot note what the environment is made from")?;
    Ok(python)
}

fn shown(dir: &Path, program: &Path, arguments: &[&str]) -> Result<()> {
    println!("+ {} {}", program.display(), arguments.join(" "));
    let mut command = Command::new(program);
    let status = command.args(arguments).current_dir(dir).stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start {}", program.display()))?;
    if !status.success() {
        bail!("{} ended with {status}", program.display());
    }
    Ok(())
}

/// One suite and its venue.
struct Running {
    name: &'static str,
    venue: Ended,
    suite: Ended,
    work: PathBuf,
    begun: Instant,
}

/// A process that does not outlive us.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(dir: &Path, python: &Path, name: &'static str) -> Result<Self> {
        // Keys of the account are in it: they live as long as the step.
        let work = dir.join("target/tools").join(format!("clients-{name}"));
        let _ = std::fs::remove_dir_all(&work);
        std::fs::create_dir_all(&work)
            .with_context(|| format!("cannot make {}", work.display()))?;
        let venue = Command::new(dir.join("target/debug/shrike"))
            .args(["venue", "--seed", "7", "--balance", "100000", "--dir"])
            .arg(&work)
            .stdin(Stdio::null())
            .stdout(File::create(work.join("venue.log"))?)
            .stderr(File::create(work.join("venue.err"))?)
            .spawn()
            .context("cannot start target/debug/shrike")?;
        let venue = Ended(venue);
        let begun = Instant::now();
        while !work.join("urls.json").exists() {
            if begun.elapsed() > READY {
                bail!("the venue is not ready within {READY:?}; see {}", work.display());
            }
            std::thread::sleep(POLL);
        }
        let script = format!("tests/clients/{name}_suite.py");
        println!("+ {} {script} {}", python.display(), work.display());
        let suite = Command::new(python)
            .arg("-B")
            .arg(&script)
            .arg(&work)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(File::create(work.join("suite.log"))?)
            .stderr(File::create(work.join("suite.err"))?)
            .spawn()
            .with_context(|| format!("cannot start {script}"))?;
        Ok(Self { name, venue, suite: Ended(suite), work, begun })
    }

    /// Waits for the suite, shows what it said, and fails unless it passed and ran something.
    fn finish(mut self) -> Result<()> {
        let status = loop {
            if let Some(status) = self.suite.0.try_wait()? {
                break Some(status);
            }
            if self.begun.elapsed() > SUITE {
                break None;
            }
            std::thread::sleep(POLL);
        };
        let said = std::fs::read_to_string(self.work.join("suite.log")).unwrap_or_default();
        print!("{said}");
        let Some(status) = status else { bail!("not done within {SUITE:?}") };
        if let Some(ended) = self.venue.0.try_wait()? {
            bail!("its venue ended with {ended}");
        }
        if !status.success() {
            let errors = std::fs::read_to_string(self.work.join("suite.err"));
            bail!("{status}\n{}", errors.unwrap_or_default());
        }
        if !said.lines().any(|line| line.starts_with("ok ")) {
            bail!("it ran nothing");
        }
        let _ = std::fs::remove_dir_all(&self.work);
        Ok(())
    }
}
