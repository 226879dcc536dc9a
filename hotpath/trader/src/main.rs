//! `trader --config FILE` trades; `trader check-config FILE` names every mistake of a file.
//!
//! Exit codes: 0 clean stop, 64 usage, 69 venue unavailable at start, 70 internal, 75 another
//! trader holds the instance or the account, 78 configuration.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: trader::alloc::Counting = trader::alloc::Counting;

fn main() -> ExitCode {
    trader::cli::main()
}
