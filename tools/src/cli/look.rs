//! Arguments of the commands that only look.

use clap::Args;

use super::act::FileArgs;

pub(super) const ORDERS: &str = "\
Lists the orders that live, from the trader's journal: age, side, price, quantity, what is filled, \
state, whether a cancel is on its way, and those whose outcome is unknown. If the journal no longer \
holds all of it, or the trader counts another number of orders, that is said.

Examples:
  shrike orders
  shrike orders --symbol BTCUSDT --json";

pub(super) const POSITIONS: &str = "\
Lists positions as the trader has them, and beside them as guard sees them at the venue.

Examples:
  shrike positions
  shrike positions --json | jq '.positions[] | select(.qty != \"0\")'";

pub(super) const FILLS: &str = "\
Lists fills that the journal still holds, newest last. All of them are in the database.

Examples:
  shrike fills
  shrike fills --last 100 --symbol BTCUSDT --json";

pub(super) const RISK: &str = "\
Shows each limit with what is used of it, the value in force, the file's and what is left, for the \
account and for each symbol; why orders were refused; and guard's own numbers with their age.

Examples:
  shrike risk
  shrike risk --json | jq '.limits[] | select(.used_permille > 800)'";

/// Which run, and how it is shown.
#[derive(Debug, Args)]
pub(crate) struct LookArgs {
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Only this symbol
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `shrike fills`.
#[derive(Debug, Args)]
pub(crate) struct FillsArgs {
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// How many
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) last: usize,
}

pub(super) const AUDIT: &str = "\
Shows who asked for what, when, why, and what became of it: every command that acts, also those that \
were refused or not confirmed. The trail is audit.jsonl in the folder of the kill switch's latch.

Examples:
  shrike audit
  shrike audit --last 100 --json";

/// `shrike audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// How many rows
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) last: usize,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) const DOCTOR: &str = "\
Checks what a run needs and says what to do about each thing that is not as it should be: clock, \
keys, venue, processor cores, memory, disk, database, builds, configuration, kill switch. Needs no \
root and changes nothing. Leaves with 1 when a check fails; a warning is not a failure.

Examples:
  shrike doctor
  shrike doctor --env production
  shrike doctor --config config/paper.toml --json | jq '.checks[] | select(.state != \"ok\")'";

/// `shrike doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// The database: a SQLite file or a postgres:// URL
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "FILE|URL")]
    pub(crate) database: Option<String>,
    /// Ask nothing of the venue
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
