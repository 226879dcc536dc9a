//! The step `fuzz`: every target of `tests/fuzz` for some seconds, guided by coverage.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// Coverage for libFuzzer from the stable compiler: counters in every block, and compared values.
const FLAGS: &str = "-Cpasses=sancov-module \
                     -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares";
/// Named so that build scripts, which run on the same machine, are built without [`FLAGS`].
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Seconds a target runs, if `SHRIKE_FUZZ_SECONDS` does not say.
const SECONDS: &str = "6";
/// Memory one target may take, MiB: an input that makes a reader grow fails (I10).
const MEMORY_MIB_MAX: u32 = 1024;
/// Seconds one input may take.
const INPUT_SECONDS_MAX: u32 = 5;

/// Builds the fuzzer, as a line for the shell.
pub(crate) fn build(cargo: &str) -> String {
    // What the readers stand on is found broken just as well unoptimised, and sooner built.
    format!(
        "RUSTFLAGS='{FLAGS}' {cargo} build --locked -p fuzz --features libfuzzer --bin fuzz \
         --config 'profile.dev.package.\"*\".opt-level=0' --target {TARGET} --quiet \
         --target-dir target/fuzz"
    )
}

/// Builds the fuzzer and runs all targets, two at a time.
pub(crate) fn run(dir: &Path, cargo: &str) -> Result<()> {
    let work = dir.join("target/fuzz");
    let folder = dir.join("tests/fuzz/corpus");
    let line = build(cargo);
    println!("+ {line}");
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).current_dir(dir);
    crate::forget_cargo(&mut shell);
    let status = shell.status().context("cannot start a shell")?;
    if !status.success() {
        bail!("the fuzzer does not build");
    }
    let program = work.join(TARGET).join("debug/fuzz");
    let seconds = std::env::var("SHRIKE_FUZZ_SECONDS").unwrap_or_else(|_| SECONDS.to_owned());
    let mut targets = targets(&folder)?;
    for pair in targets.chunks_mut(2) {
        let mut running = Vec::new();
        for target in &*pair {
            running.push((target.clone(), start(&program, &work, &folder, target, &seconds)?));
        }
        for (target, (child, log)) in running {
            finish(&target, child, &log, &work)?;
        }
    }
    Ok(())
}

/// The targets: the folders of the corpus, or those of `SHRIKE_FUZZ_TARGETS`.
fn targets(folder: &Path) -> Result<Vec<String>> {
    if let Ok(asked) = std::env::var("SHRIKE_FUZZ_TARGETS") {
        return Ok(asked.split(',').map(str::to_owned).collect());
    }
    let entries = std::fs::read_dir(folder).context("tests/fuzz/corpus is not there")?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    if names.is_empty() {
        bail!("no target in tests/fuzz/corpus");
    }
    Ok(names)
}

fn start(
    program: &Path,
    work: &Path,
    folder: &Path,
    target: &str,
    seconds: &str,
) -> Result<(Child, PathBuf)> {
    // New inputs go to the first folder; the small corpus of the project is only read.
    let found = work.join("found").join(target);
    std::fs::create_dir_all(&found)?;
    let failed = work.join(format!("failed-{target}-"));
    let log = work.join(format!("{target}.log"));
    let output = std::fs::File::create(&log)?;
    let child = Command::new(program)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-artifact_prefix={}", failed.display()))
        .arg(&found)
        .arg(folder.join(target))
        .env("SHRIKE_FUZZ_TARGET", target)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("the fuzzer does not start")?;
    Ok((child, log))
}

/// Waits; says how many inputs were tried and how many blocks they reached.
fn finish(target: &str, mut child: Child, log: &Path, work: &Path) -> Result<()> {
    let status = child.wait()?;
    let said = std::fs::read(log)?;
    let said = String::from_utf8_lossy(&said);
    if !status.success() {
        let end: Vec<&str> = said.lines().rev().take(40).collect();
        for line in end.iter().rev() {
            println!("{line}");
        }
        bail!("{target} fails; the input is {}/failed-{target}-…", work.display());
    }
    let done = said.lines().find(|line| line.starts_with("Done ")).unwrap_or_default();
    let reached = said.lines().rev().find_map(|line| line.split_once("cov: "));
    let reached = reached.and_then(|(_, rest)| rest.split(' ').next()).unwrap_or("0");
    if done.is_empty() || reached == "0" {
        bail!("{target} tried nothing or saw no coverage; look at {}", log.display());
    }
    println!("  {target:13} {}, {reached} places reached", done.trim_start_matches("Done "));
    Ok(())
}
