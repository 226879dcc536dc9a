//! The `shrike` command: run the system, look into it, stop it.
//!
//! Every verb is one module; what they share is small: [`exit`] (codes and failures), [`instance`]
//! (which run is meant), [`process`] (children), [`ledger`] and [`compare`] (the three records of
//! one account). The command reads shared memory and sends commands; it never decides or trades,
//! and the trader does not know it.

mod cli;
mod command;
mod compare;
mod demo;
mod describe;
mod exchange;
mod exit;
mod explains;
mod human;
mod inspect;
mod instance;
mod ledger;
mod live;
mod plans;
mod process;
mod reconcile;
mod record;
mod recording;
mod release;
mod replays;
mod screen;
mod siblings;
mod sidecar;
mod status;
mod stop;
mod terminal;
mod top;
mod up;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use schema::CommandKind;

use cli::{CheckConfigArgs, Cli, Verb};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    let exit = match Cli::try_parse_from(arguments(std::env::args_os())) {
        Ok(cli) => run(&cli.verb).unwrap_or_else(|failure| {
            if failure.exit != Exit::Ok {
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
        Verb::Release(args) => release::run(&args.verb),
        Verb::Inspect(args) => inspect::run(args),
        Verb::Record(args) => record::run(args),
        Verb::Replay(args) => replays::run(args),
        Verb::Explain(args) => explains::run(args),
        Verb::CheckConfig(args) => check_config(args),
        Verb::Child(args) => process::become_child(args),
    }
}

/// Becomes `trader check-config FILE`: one reader of the file, one list of mistakes.
fn check_config(args: &CheckConfigArgs) -> Result<Exit, Failure> {
    let program = siblings::find("trader")?;
    let error = std::process::Command::new(&program).arg("check-config").arg(&args.file).exec();
    Err(Failure::new(
        Exit::Unavailable,
        format!("cannot start {}: {error}", program.display()),
        "build it: cargo build --release --bins",
    ))
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
