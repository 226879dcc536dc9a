//! `simulate`: the trader's own code against the venue's, in one process, under a simulated network
//! and clock, with everything that can go wrong going wrong at random from a seed.
mod cold;
mod fate;
mod judge;
mod network;
mod plan;
mod plants;
mod random;
mod run;
mod setup;
mod side;
mod sites;
mod tape;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    match run::Options::read(std::env::args().skip(1)) {
        Ok(options) => run::run(&options),
        Err(why) => {
            eprintln!("simulate: {why}\n{}", run::USAGE);
            ExitCode::from(64)
        }
    }
}
