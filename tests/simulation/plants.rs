//! Bugs planted on purpose: each must be found.
use std::process::ExitCode;

use crate::run::Options;

/// Readies this thread.
pub(crate) fn on_this_thread() {}

/// Shows that every planted bug is found.
pub(crate) fn run(_: &Options) -> ExitCode {
    eprintln!("simulate: build with `--features planted` to plant bugs");
    ExitCode::from(64)
}
