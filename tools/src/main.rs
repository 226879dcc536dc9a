//! The `shrike` command: run the system, look into it, stop it.
//!
//! Every verb is one module; what they share is small: [`exit`] (codes and failures), [`instance`]
//! (which run is meant), [`process`] (children), [`ledger`] and [`compare`] (the three records of
//! one account). The command reads shared memory and sends commands; it never decides or trades,
//! and the trader does not know it.

mod act;
mod audit;
mod cli;
mod command;
mod compare;
mod demo;
mod describe;
mod doctor;
mod exchange;
mod exit;
mod explains;
mod human;
mod inspect;
mod instance;
mod kill;
mod ledger;
mod limits;
mod live;
mod orders;
mod plans;
mod process;
mod reconcile;
mod record;
mod recording;
mod release;
mod replays;
mod risk;
mod run_place;
mod screen;
mod siblings;
mod sidecar;
mod status;
mod stop;
mod terminal;
mod top;
mod units;
mod up;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use schema::CommandKind;

use cli::{CheckConfigArgs, Cli, Verb};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    let given = arguments(std::env::args_os());
    let wants_json = wants_json(&given);
    let exit = match Cli::try_parse_from(given) {
        Ok(cli) => run(&cli.verb).unwrap_or_else(|failure| {
            if failure.exit != Exit::Ok {
                if wants_json {
                    println!("{:#}", failure.to_json());
                }
                eprintln!("shrike: {failure}");
            }
            failure.exit
        }),
        Err(error) => {
            // Nobody reads an explanation on a closed pipe.
            let _ = error.print();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok,
                _ => Exit::Usage,
            }
        }
    };
    ExitCode::from(exit.code())
}

/// The arguments as given, without the `--` of `cargo demo -- --seconds 60`: the alias ends with
/// the verb, so that cargo hands the `--` on.
fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.collect();
    if arguments.len() > 2 && arguments[1] == "demo" && arguments[2] == "--" {
        arguments.remove(2);
    }
    arguments
}

/// Whether the caller reads the result by program: then a failure is one too.
fn wants_json(given: &[OsString]) -> bool {
    given.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--json")
}

fn run(verb: &Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Demo(args) => demo::run(args),
        Verb::Venue(args) => exchange::run(args),
        Verb::Up(args) => up::run(args),
        Verb::Status(args) => status::run(args),
        Verb::Top(args) => top::run(args),
        Verb::Flatten(args) => command::flatten(args),
        Verb::Halt(args) => command::simple(args, CommandKind::Halt),
        Verb::Resume(args) => command::resume(args),
        Verb::CancelAll(args) => command::simple(args, CommandKind::CancelAll),
        Verb::Orders(args) => orders::run(args),
        Verb::Positions(args) => orders::positions(args),
        Verb::Fills(args) => orders::fills(args),
        Verb::Risk(args) => risk::run(args),
        Verb::Limits(args) => limits::run(args),
        Verb::Kill(args) => kill::run(args),
        Verb::Unkill(args) => kill::release(args),
        Verb::Audit(args) => audit::run(args),
        Verb::Doctor(args) => doctor::run(args),
        Verb::Release(args) => release::run(&args.verb),
        Verb::Inspect(args) => inspect::run(args),
        Verb::Record(args) => record::run(args),
        Verb::Replay(args) => replays::run(args),
        Verb::Explain(args) => explains::run(args),
        Verb::CheckConfig(args) => check_config(args),
        Verb::Child(args) => process::become_child(args),
    }
}

/// Each of the two readers of the file names its mistakes.
fn check_config(args: &CheckConfigArgs) -> Result<Exit, Failure> {
    let mut worst = Exit::Ok;
    for (name, verb) in [("trader", "check-config"), ("guard", "--check")] {
        let program = siblings::find(name)?;
        let status = std::process::Command::new(&program).arg(verb).arg(&args.file).status();
        let status = status.map_err(|error| {
            Failure::new(
                Exit::Unavailable,
                format!("cannot start {}: {error}", program.display()),
                "build it: cargo build --release --bins",
            )
        })?;
        if !status.success() {
            worst = Exit::Config;
        }
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &[&str], expected: &[&str]) {
        assert_eq!(arguments(given.iter().map(OsString::from)), expected);
    }

    #[test]
    fn the_dashes_of_the_cargo_alias_are_not_an_argument() {
        check(&["shrike", "demo", "--", "--seconds", "5"], &["shrike", "demo", "--seconds", "5"]);
        check(&["shrike", "demo", "--seconds", "5"], &["shrike", "demo", "--seconds", "5"]);
        check(&["shrike", "child", "--", "trader"], &["shrike", "child", "--", "trader"]);
    }
}
