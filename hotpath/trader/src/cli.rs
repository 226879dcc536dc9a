//! The command line, shared by the binaries.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The trading process of Shrike.
#[derive(Parser)]
#[command(name = "trader", version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    /// The configuration of the environment, one TOML file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Trade although orders of another live trader were seen on the account.
    #[arg(long, requires = "config")]
    take_over: bool,
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
    /// Prints the places where this build can be made to die.
    #[cfg(feature = "chaos")]
    CrashPoints,
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    #[cfg(feature = "chaos")]
    if let Err(error) = crate::chaos::arm_from_env() {
        eprintln!("trader: {error}");
        return ExitCode::from(64);
    }
    match (cli.command, cli.config) {
        (Some(Command::CheckConfig { file }), _) => crate::run::check_config(&file),
        #[cfg(feature = "chaos")]
        (Some(Command::CrashPoints), _) => {
            crate::chaos::CRASH_POINTS.iter().for_each(|name| println!("{name}"));
            ExitCode::SUCCESS
        }
        (None, Some(config)) => crate::run::run(&config, cli.take_over),
        (None, None) => {
            eprintln!("trader: no configuration; run `trader --config config/paper.toml`");
            ExitCode::from(64)
        }
    }
}
