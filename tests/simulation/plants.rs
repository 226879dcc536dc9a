//! Bugs planted on purpose: each must be found.

use std::process::ExitCode;

#[cfg(feature = "planted")]
use engine::Bug;

use crate::run::Options;

/// Seeds tried for each before it counts as not found.
#[cfg(feature = "planted")]
const SEEDS_MAX: u64 = 10_000;

#[cfg(feature = "planted")]
static BUG: std::sync::Mutex<Option<Bug>> = std::sync::Mutex::new(None);

/// Plants on this thread what is to be planted.
#[cfg(feature = "planted")]
pub(crate) fn on_this_thread() {
    engine::plant(BUG.lock().map_or(None, |bug| *bug));
}

/// Plants on this thread what is to be planted: nothing in this build.
#[cfg(not(feature = "planted"))]
pub(crate) const fn on_this_thread() {}

/// Shows that every planted bug is found.
#[cfg(feature = "planted")]
pub(crate) fn run(options: &Options) -> ExitCode {
    let mut is_any_missed = false;
    println!("| bug | breaks | seed | seeds needed |\n|---|---|---|---|");
    for bug in Bug::ALL {
        if let Ok(mut planted) = BUG.lock() {
            *planted = Some(*bug);
        }
        let seeds = options.seeds.min(SEEDS_MAX);
        let total = crate::run::many(&Options { seeds, ..options.clone() }, 1, false);
        let Some(found) = total.found.first() else {
            println!("| {} | **not found** | | {} |", bug.help(), total.seeds);
            is_any_missed = true;
            continue;
        };
        let what = found.outcome.failure.as_ref().map_or("", |(what, _)| *what);
        println!("| {} | {what} | {} | {} |", bug.help(), found.seed, total.seeds);
    }
    if is_any_missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Shows that every planted bug is found; not in this build.
#[cfg(not(feature = "planted"))]
pub(crate) fn run(_: &Options) -> ExitCode {
    eprintln!("simulate: build with `--features planted` to plant bugs");
    ExitCode::from(64)
}
