//! `trader --config FILE` trades; `trader check-config FILE` names every mistake of a file.
//!
//! Exit codes: 0 clean stop, 64 usage, 69 venue unavailable at start, 70 internal, 75 another
//! trader holds the instance, 78 configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: trader::alloc::Counting = trader::alloc::Counting;

/// The trading process of Shrike.
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    /// The configuration of the environment, one TOML file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Reads a configuration and prints every mistake as `file:line:col: what; remedy`.
    CheckConfig {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    match (cli.command, cli.config) {
        (Some(Command::CheckConfig { file }), _) => trader::run::check_config(&file),
        (None, Some(config)) => trader::run::run(&config),
        (None, None) => {
            eprintln!("trader: no configuration; run `trader --config config/paper.toml`");
            ExitCode::from(64)
        }
    }
}
