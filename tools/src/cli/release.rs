//! `shrike release`: new builds, on probation, and the way back.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::exit::Exit;

/// `shrike release`.
pub(crate) const RELEASE: &str = "\
Keeps releases side by side and changes between them in one order: disarm, cancel, reconcile, swap, \
reconcile, arm. Each step is confirmed before the next, and written down before it is taken: \
whatever is interrupted goes on with `shrike release resume` or is undone with `rollback`.

A new release is on probation. While it is, more than 5 % failed requests, orders slower than 1 s \
(99th percentile), a loss of 5 % since it was armed, a third start of the trader, no \
reconciliation within 60 s or processes of different builds bring back the last good one: once; \
then the trader stays halted and people are paged.

The folder (--releases, else `[release] dir` of the environment's file):
  releases/ID/bin/       trader, guard, persist, metrics, shrike
  releases/ID/config/    optional: ENVIRONMENT.toml with [strategy] and [signal] of this release
  current, last-good     links to releases/ID
  state.json             the change under way; releases.jsonl: everything that was done

Examples:
  shrike release deploy target/release --id 2026-11-23 --env paper
  shrike release deploy shrike-2026-11-23.tar.gz --env paper --probation 600
  shrike release status --env paper
  shrike release rollback --env paper
  shrike release list --env paper";

/// Arguments of `shrike release`.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    #[command(subcommand)]
    pub(crate) verb: ReleaseVerb,
}

/// What is asked of the releases.
#[derive(Debug, Subcommand)]
pub(crate) enum ReleaseVerb {
    /// Take a new release in, change to it, and watch it through its probation
    #[command(long_about = DEPLOY, after_long_help = Exit::TABLE)]
    Deploy(DeployArgs),
    /// Show the change under way, and each measure of the probation against its limit
    Status(StatusArgs),
    /// Go back to the last good release; the trader stays halted
    #[command(long_about = ROLLBACK, after_long_help = Exit::TABLE)]
    Rollback(RollbackArgs),
    /// List the releases, each verified against its checksums
    List(StatusArgs),
    /// Go on with a change that was interrupted
    Resume(PlaceArgs),
    /// Look after a release on probation, and bring back the last good one if it fails
    #[command(long_about = WATCH)]
    Watch(WatchArgs),
}

/// Which releases.
#[derive(Debug, Args, Clone)]
pub(crate) struct PlaceArgs {
    /// Environment: takes config/NAME.toml
    #[arg(long = "env", value_name = "NAME", required_unless_present = "config")]
    pub(crate) environment: Option<String>,
    /// Configuration file, instead of --env
    #[arg(long, value_name = "FILE", conflicts_with = "environment")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the releases [default: `[release] dir` of the configuration]
    #[arg(long, value_name = "DIR")]
    pub(crate) releases: Option<PathBuf>,
}

const DEPLOY: &str = "\
Copies the release beside the others, verifies its checksums (a SHA256SUMS given with it must agree \
to the last file; without one they are computed), runs every program's --version and lets trader \
and guard check the configuration; what does not run is not taken in. Then: disarm, cancel, \
reconcile, swap, reconcile, arm, and probation in the foreground.

SOURCE is a folder or a .tar.gz that holds bin/ (or the programs themselves), perhaps config/ and \
SHA256SUMS. Taking in what is there already under the id, with the same contents, changes nothing. \
With no trader running, only the link is changed; what starts then is watched like any other.

While the kill switch is pressed it is refused; --while-killed swaps the programs all the same, and \
arms nothing.

Examples:
  shrike release deploy target/release --id 2026-11-23 --env paper
  shrike release deploy shrike-2026-11-23.tar.gz --env production --probation 3600 --yes";

/// `shrike release deploy`.
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// The release: a folder, or a .tar.gz
    pub(crate) source: PathBuf,
    /// Its name [default: the source's name]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How long it is watched before it is good, in seconds [default: `[release] probation_s`, 600]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) probation: Option<u64>,
    /// Why, for the record
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) reason: String,
    /// Swap although the kill switch is pressed; nothing is armed
    #[arg(long)]
    pub(crate) while_killed: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

const ROLLBACK: &str = "\
Brings back the last good release (or --to ID) in the same order: disarm, cancel, reconcile, swap, \
reconcile. The trader stays halted: `shrike resume` arms it, once somebody knows what was wrong. \
Undoes a deployment that was interrupted, too.

Examples:
  shrike release rollback --env paper --reason 'quotes far from the market'
  shrike release rollback --to 2026-11-20 --env paper --yes";

/// `shrike release rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Another release than the last good one
    #[arg(long, value_name = "ID")]
    pub(crate) to: Option<String>,
    /// Why, for the record
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) reason: String,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `shrike release status` and `list`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const WATCH: &str = "\
Goes on with an interrupted change, looks after the probation, and ends with it; with --forever it \
waits for the next one. `shrike up --releases` runs it; under systemd a unit of its own does. One \
process acts at a time: it waits while `deploy` or `rollback` does.";

/// `shrike release watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Wait for the next change when this one is over
    #[arg(long)]
    pub(crate) forever: bool,
}
