//! `record`, `replay` and `explain`.

use std::path::PathBuf;

use clap::Args;

pub(crate) const RECORD: &str = "\
Writes both rings of a run (everything the engine took, everything it said) into one file, \
compressed and with checksums, on the disk every second. It never holds the trader up; what it was \
too slow for is written as a gap. If it dies, the file is whole up to its last second, and the same \
command goes on with it. SIGINT or SIGTERM end it.

`shrike demo --record` and `shrike up --record FILE` do it from the first record on.

Examples:
  shrike record --out run.rec
  shrike record --instance paper --wait --out paper.rec   also before the trader starts";

/// `shrike record`.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// The file; an old one is continued
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Wait for the trader to start
    #[arg(long, requires = "instance")]
    pub(crate) wait: bool,
}

pub(crate) const REPLAY: &str = "\
Puts the recorded inputs back in order, hands them to an engine made from the recorded \
configuration, and compares every word it says (decisions, cancels, changes, states, refusals, \
answers, bars, differences …) with the recorded one, byte for byte.

What is missing in the recording is named, and the comparison goes on at the trader's next start. \
The first difference is shown decoded, with the inputs around it.

Exit codes: 0 everything is the same, 1 something differs, 65 the file cannot be replayed.

Examples:
  shrike replay .run/demo-20261122-101500/run.rec
  shrike replay run.rec --json | jq .orders";

/// `shrike replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The recording
    pub(crate) file: PathBuf,
    /// Also if another build recorded it
    #[arg(long)]
    pub(crate) any_build: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) const EXPLAIN: &str = "\
Tells the story of one order: the book and the signal it was decided on, every risk limit with its \
value and what was left of it, the time each stage took, the requests, and every answer, report and \
fill up to its end. Values at the moment of the decision come from a replay up to it.

ORDER is a client order id as in the journal, or the venue's order id. It is looked for in a \
recording, or in the live journal of an instance.

Examples:
  shrike explain shrk6a1e8f3c0100002a run.rec
  shrike explain 8389765812 --instance paper --json";

/// `shrike explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Client order id, or the venue's order id
    pub(crate) order: String,
    /// A recording, instead of the live rings
    pub(crate) file: Option<PathBuf>,
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    pub(crate) instance: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
