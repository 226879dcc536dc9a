//! The trader that dies where it is told to (`trader::chaos`); for tests only.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: trader::alloc::Counting = trader::alloc::Counting;

fn main() -> ExitCode {
    trader::cli::main()
}
