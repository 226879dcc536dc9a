//! Many seeds on a few threads; what failed, and how to see it again.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sites::{Site, Sites};
use crate::world::{Outcome, Voice, World};

/// How it is called.
pub(crate) const USAGE: &str = "\
simulate [--seeds N] [--from N] [--jobs N] [--long]   runs seeds; all must hold, all sites be reached
simulate --seed N [--trace] [--long]                  runs one seed again and shows it
simulate --plants                                     shows that planted bugs are found";

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) from: u64,
    pub(crate) jobs: usize,
    pub(crate) only: Option<u64>,
    pub(crate) is_loud: bool,
    pub(crate) is_long: bool,
    pub(crate) is_plants: bool,
}

impl Options {
    /// From the command line.
    ///
    /// # Errors
    /// What is not understood.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            seeds: 10_000,
            from: 1,
            jobs: 2,
            only: None,
            is_loud: false,
            is_long: false,
            is_plants: false,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let text = arguments.next().ok_or(format!("{argument} needs a number"))?;
                text.parse::<u64>().map_err(|_| format!("{text:?} is not a number"))
            };
            match argument.as_str() {
                "--seeds" => options.seeds = number()?,
                "--from" => options.from = number()?,
                "--jobs" => options.jobs = number()?.clamp(1, 64) as usize,
                "--seed" => options.only = Some(number()?),
                "--trace" => options.is_loud = true,
                "--long" => options.is_long = true,
                "--plants" => options.is_plants = true,
                _ => return Err(format!("{argument:?} is not understood")),
            }
        }
        Ok(options)
    }
}

/// A seed that did not hold.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) seed: u64,
    pub(crate) outcome: Outcome,
}

/// What a run over many seeds came to.
#[derive(Debug, Default)]
pub(crate) struct Total {
    pub(crate) seeds: u64,
    pub(crate) events: u64,
    pub(crate) orders: u64,
    pub(crate) fills: u64,
    pub(crate) sites: Sites,
    pub(crate) found: Vec<Found>,
}

/// Runs one seed.
pub(crate) fn seed(seed: u64, is_long: bool, voice: Voice) -> Outcome {
    match World::new(seed, is_long, voice) {
        Ok(world) => world.run(),
        Err(error) => Outcome {
            sites: Sites::default(),
            failure: Some(("setup", format!("{error:#}"))),
            trace: Default::default(),
            events: 0,
            orders: 0,
            fills: 0,
        },
    }
}

/// Does what is asked.
pub(crate) fn run(options: &Options) -> ExitCode {
    if options.is_plants {
        return crate::plants::run(options);
    }
    if let Some(only) = options.only {
        let voice = if options.is_loud { Voice::Loud } else { Voice::Kept };
        let outcome = seed(only, options.is_long, voice);
        println!(
            "seed {only}: {} events, {} orders, {} fills",
            outcome.events, outcome.orders, outcome.fills
        );
        return match outcome.failure {
            None => ExitCode::SUCCESS,
            Some(_) => {
                show(&Found { seed: only, outcome }, options);
                ExitCode::FAILURE
            }
        };
    }
    let begun = Instant::now();
    let total = many(options, 8, true);
    let seconds = begun.elapsed().as_secs_f64().max(0.001);
    println!(
        "{} seeds in {seconds:.1} s ({:.0} seeds/s on {} threads), {} events, {} orders, {} fills",
        total.seeds,
        total.seeds as f64 / seconds,
        options.jobs,
        total.events,
        total.orders,
        total.fills
    );
    for found in total.found.iter().rev() {
        show(found, options);
    }
    let missing: Vec<&str> =
        Site::ALL.iter().filter(|site| !total.sites.has(**site)).map(|site| site.text()).collect();
    if !total.found.is_empty() {
        return ExitCode::FAILURE;
    }
    if !missing.is_empty() {
        println!("never reached ({} of {} sites):", missing.len(), Site::ALL.len());
        missing.iter().for_each(|text| println!("  {text}"));
        return ExitCode::FAILURE;
    }
    println!("all {} sites were reached", Site::ALL.len());
    ExitCode::SUCCESS
}

/// Runs seeds on threads until all are run or so many were found that do not hold.
pub(crate) fn many(options: &Options, found_max: usize, is_shown: bool) -> Total {
    let next = AtomicU64::new(options.from);
    let end = options.from.saturating_add(options.seeds);
    let total = Mutex::new(Total::default());
    let is_over = AtomicBool::new(false);
    let begun = Instant::now();
    let work = || {
        crate::plants::on_this_thread();
        // Relaxed: the counter only hands out numbers.
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end || is_over.load(Ordering::Relaxed) {
                return;
            }
            let mut outcome = seed(number, options.is_long, Voice::Silent);
            if outcome.failure.is_some() {
                outcome = seed(number, options.is_long, Voice::Kept);
            }
            let Ok(mut total) = total.lock() else { return };
            total.seeds += 1;
            total.events += outcome.events;
            total.orders += outcome.orders;
            total.fills += outcome.fills;
            total.sites.add(outcome.sites);
            if outcome.failure.is_some() {
                total.found.push(Found { seed: number, outcome });
                is_over.store(total.found.len() >= found_max, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs).map(|_| scope.spawn(work)).collect();
        let mut shown_at = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(5));
            if is_shown && shown_at.elapsed() > Duration::from_secs(2) {
                shown_at = Instant::now();
                let seeds = total.lock().map_or(0, |total| total.seeds);
                let rate = seeds as f64 / begun.elapsed().as_secs_f64();
                println!("{seeds} seeds, {rate:.0} seeds/s");
            }
        }
    });
    let mut total = total.into_inner().unwrap_or_default();
    total.found.sort_by_key(|found| found.seed);
    total
}

fn show(found: &Found, options: &Options) {
    let Some((what, why)) = &found.outcome.failure else { return };
    let long = if options.is_long { " --long" } else { "" };
    println!("\nseed {} breaks {what}: {why}", found.seed);
    println!("the last events:");
    found.outcome.trace.iter().for_each(|line| println!("{line}"));
    println!("commit {}", commit());
    println!("again: cargo run -p tests --bin simulate -- --seed {} --trace{long}", found.seed);
}

/// The commit this was run from.
fn commit() -> String {
    let git = std::process::Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"])
        .output();
    git.map_or_else(
        |_| "unknown".to_owned(),
        |out| String::from_utf8_lossy(&out.stdout).trim().to_owned(),
    )
}
