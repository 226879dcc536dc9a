//! Arguments of the commands that act: each takes a reason, a nonce, and `--json`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::units;

pub(super) const FLATTEN: &str = "\
Cancels every working order, closes every position with reduce-only orders and leaves the trader \
halted; `shrike resume` is needed to trade again. Waits until positions are flat.

Asks for the instance's name to be typed, unless --yes. With --dry-run it only shows which orders it \
would cancel and in which slices it would close.

Examples:
  shrike flatten --dry-run
  shrike flatten
  shrike flatten --symbol BTCUSDT --yes --reason \"maintenance at the venue\"";

/// `shrike flatten`.
#[derive(Debug, Args)]
pub(crate) struct FlattenArgs {
    /// Only this symbol
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// Show what would be done, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) confirmed: ConfirmedArgs,
}

pub(super) const HALT: &str = "\
The trader stops adding risk at once: no new orders but cancels. Working orders stay (use `shrike \
cancel-all` or `shrike flatten` for more). Needs no confirmation: it is always safe.

Example:
  shrike halt --reason \"odd fills\" && shrike status";

pub(super) const RESUME: &str = "\
Lets a halted trader trade again. It first compares account, positions and orders with the venue \
and arms only if they agree. Asks for the instance's name to be typed, unless --yes.

Example:
  shrike resume --yes --reason \"cause found: see the log of 14:05\"";

pub(super) const CANCEL_ALL: &str = "\
Cancels all working orders; positions and the trading state stay, so the strategy may place new \
orders at once. Use `shrike halt` first to keep it from that.

Example:
  shrike halt && shrike cancel-all";

/// A command to the trader.
#[derive(Debug, Args)]
pub(crate) struct CommandArgs {
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// How long to wait for the trader's answer, in seconds
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) timeout: u64,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Number of this command: sent again with the same, it acts once [default: a random one]
    #[arg(long, value_name = "N")]
    pub(crate) nonce: Option<NonZeroU64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A command that asks before it is sent.
#[derive(Debug, Args)]
pub(crate) struct ConfirmedArgs {
    #[command(flatten)]
    pub(crate) command: CommandArgs,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

pub(super) const KILL: &str = "\
The red button. Writes the latch file first, so that it stays pressed across restarts and reboots; \
then tells the trader; then shows how trader and guard stop new orders, cancel every order in both \
books and close every position, until the account is flat. If neither of them acts within 2 s (or \
with --direct) it does the same itself, by REST with guard's key, for the whole account.

Leaves with 0 only when the account is flat and the books are empty, as trader and guard or the \
venue itself tell. Interrupted, it may be run again at any time. Asks for the instance's name to be \
typed, unless --yes.

Examples:
  shrike kill
  shrike kill --yes --reason \"runaway strategy\"
  shrike kill --yes --env production           with nothing running on this host";

/// `shrike kill`.
#[derive(Debug, Args)]
pub(crate) struct KillArgs {
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// Why, for the latch and the audit trail
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Do not wait for trader or guard: cancel and close by REST at once
    #[arg(long)]
    pub(crate) direct: bool,
    /// How long to wait for a flat account, in seconds
    #[arg(long, default_value_t = 120, value_name = "N")]
    pub(crate) timeout: u64,
    /// Number of the command to the trader [default: a random one]
    #[arg(long, value_name = "N")]
    pub(crate) nonce: Option<NonZeroU64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) const UNKILL: &str = "\
Releases the kill switch: shows who pressed it, when and why, asks for the instance's name to be \
typed, takes the latch away, waits for guard's word and tells the trader. The trader is halted then; \
`shrike resume` is the next step. A reason is required and is kept in the audit trail.

Where nobody can type, --confirm takes the name.

Examples:
  shrike unkill --reason \"bad tick of the venue, seen by both feeds\"
  shrike unkill --reason \"tested\" --confirm paper --config config/paper.toml";

/// `shrike unkill`.
#[derive(Debug, Args)]
pub(crate) struct UnkillArgs {
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// Why it may be released; required
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// The instance's name, instead of typing it
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    /// How long to wait for guard's word and for the trader's answer, in seconds
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) timeout: u64,
    /// Number of the command to the trader [default: a random one]
    #[arg(long, value_name = "N")]
    pub(crate) nonce: Option<NonZeroU64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A configuration file, when no segment tells where it is.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// Environment: takes config/NAME.toml
    #[arg(long = "env", value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// Configuration file, instead of --env
    #[arg(long, value_name = "FILE", conflicts_with = "environment")]
    pub(crate) config: Option<PathBuf>,
}

pub(super) const LIMITS: &str = "\
Shows every limit with its value in force and the file's, or changes one while the trader runs. The \
file owns the limits: a command may only tighten one, and give it back. A change lasts until the \
trader's next start.

Values are written with their unit: 1500 or 1500USDT, 2% or 20000ppm, 1.5x, 20, yes. `shrike risk` \
shows how much of each is used.

Examples:
  shrike limits
  shrike limits set exposure 1500 --reason \"thin book\"
  shrike limits set drawdown 2% --reason \"news at 14:30\" --yes
  shrike limits set restricted yes --symbol ETHUSDT --reason \"delisting notice\"
  shrike limits reset exposure --reason \"book is back\"";

/// `shrike limits`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LimitsArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<LimitsVerb>,
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What becomes of a limit.
#[derive(Debug, Subcommand)]
pub(crate) enum LimitsVerb {
    /// Tighten a limit
    Set(SetLimitArgs),
    /// Give a limit back its value of the file
    Reset(ResetLimitArgs),
}

/// `shrike limits set`.
#[derive(Debug, Args)]
pub(crate) struct SetLimitArgs {
    /// Which limit, as `shrike limits` lists it
    #[arg(value_parser = units::kind)]
    pub(crate) kind: schema::LimitKind,
    /// Its new value: 1500USDT, 2%, 20000ppm, 1.5x, 20, yes
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// Whose, for a limit of a symbol
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    #[command(flatten)]
    pub(crate) confirmed: ConfirmedArgs,
}

/// `shrike limits reset`.
#[derive(Debug, Args)]
pub(crate) struct ResetLimitArgs {
    /// Which limit, as `shrike limits` lists it
    #[arg(value_parser = units::kind)]
    pub(crate) kind: schema::LimitKind,
    /// Whose, for a limit of a symbol
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    #[command(flatten)]
    pub(crate) confirmed: ConfirmedArgs,
}
