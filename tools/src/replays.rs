//! `shrike replay`: the recorded inputs through an engine of this build, and what it says of them.

use std::fmt::Write as _;

use replay::compare::{CompareError, Difference, Outcome, Start, compare};
use replay::file::{FileError, Reader};
use replay::play::{Gap, Player};
use schema::{Record, RunInfo};
use serde_json::{Value, json};

use crate::cli::ReplayArgs;
use crate::describe;
use crate::exit::{Exit, Failure};

/// `shrike replay`.
///
/// # Errors
/// No such file, no recording, or one of another build.
pub(crate) fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let reader = Reader::open(&args.file).map_err(|error| bad(args, &error))?;
    let mut player = Player::new(reader);
    let outcome = compare(&mut player, args.any_build).map_err(|error| match error {
        CompareError::File(error) => bad(args, &error),
        CompareError::Build(_) => Failure::new(
            Exit::Data,
            error.to_string(),
            "replay it with the build that recorded it, or with --any-build to see what differs",
        ),
        CompareError::Config(..) => Failure::new(Exit::Data, error.to_string(), ""),
    })?;
    let torn = player.source().torn();
    if args.json {
        println!("{}", to_json(&outcome, torn));
    } else {
        print!("{}", to_text(&outcome, torn));
    }
    match (&outcome.difference, outcome.input_count()) {
        (Some(_), _) => Ok(Exit::Failed),
        (None, 0) => Err(Failure::new(
            Exit::Data,
            format!("{}: no input could be replayed", args.file.display()),
            "a recording must hold the start of a trader: record from its beginning",
        )),
        (None, _) => Ok(Exit::Ok),
    }
}

fn bad(args: &ReplayArgs, error: &FileError) -> Failure {
    match error {
        FileError::Io(error) => Failure::file(&args.file, error),
        error => Failure::new(
            Exit::Data,
            format!("{}: {error}", args.file.display()),
            "a file that `shrike record` or `shrike demo --record` of this build wrote",
        ),
    }
}

fn gap_text(gap: &Gap) -> String {
    match gap {
        Gap::Lost(stream, first, count) => {
            format!("{count} records of the {stream:?} ring from {first} on were not recorded")
        }
        Gap::Missing(first, last) if first == last => format!("input {first} is missing"),
        Gap::Missing(first, last) => format!("inputs {first} to {last} are missing"),
        Gap::Cut(number) => format!("the trader died in input {number}"),
        Gap::Unread(number, why) => format!("input {number}: {why}"),
        Gap::NoStart => "the recording begins in the middle of a run".to_owned(),
        Gap::NoSettings => "build or configuration of a start are missing".to_owned(),
    }
}

fn counts(of: &std::collections::BTreeMap<&'static str, u64>) -> String {
    let parts: Vec<String> = of.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    parts.join(", ")
}

fn to_text(outcome: &Outcome, torn: u64) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    for start in &outcome.starts {
        let _ = writeln!(out, "{}", start_text(start));
    }
    for gap in &outcome.gaps {
        let _ = writeln!(out, "gap    {}", gap_text(gap));
    }
    if torn > 0 {
        let _ = writeln!(out, "gap    the file ends in {torn} bytes of an unfinished chunk");
    }
    if outcome.skipped > 0 {
        let _ = writeln!(out, "gap    {} records belong to no whole start", outcome.skipped);
    }
    let _ = writeln!(out, "inputs {}: {}", outcome.input_count(), counts(&outcome.inputs));
    let _ = writeln!(out, "words  {}: {}", outcome.word_count(), counts(&outcome.words));
    let _ = writeln!(out, "orders {}", outcome.orders.len());
    match &outcome.difference {
        None => {
            let _ = writeln!(out, "same   every word, byte for byte");
        }
        Some(difference) => difference_text(difference, &info_of(outcome), &mut out),
    }
    out
}

fn start_text(start: &Start) -> String {
    let config = format!("configuration {:08x}", start.config_id);
    let mut text = format!(
        "start  {}  {}  {config}  {} inputs",
        start.boot.epoch, start.boot.build, start.inputs
    );
    if start.is_cut {
        text.push_str("; the trader died in the middle of its last");
    }
    if let Some(gap) = &start.gap {
        text.push_str(&format!("; not compared from there: {}", gap_text(gap)));
    }
    text
}

fn info_of(outcome: &Outcome) -> RunInfo {
    let infos = outcome.starts.iter().rev().find_map(|start| start.boot.info.as_deref());
    infos.copied().unwrap_or_default()
}

fn difference_text(difference: &Difference, info: &RunInfo, out: &mut String) {
    let line = |record: &Record| describe::to_line(record.input, record, info);
    let first = difference.first();
    let _ = writeln!(
        out,
        "DIFFERS in start {}, input {}, word {}:",
        difference.epoch,
        difference.number,
        first + 1
    );
    for (name, words) in [("recorded", &difference.recorded), ("replayed", &difference.replayed)] {
        let text = words.get(first).map_or_else(|| "nothing more".to_owned(), line);
        let _ = writeln!(out, "  {name}  {text}");
    }
    let _ = writeln!(out, "inputs around it:");
    for record in &difference.around {
        let mark = if record.input == difference.number { '>' } else { ' ' };
        let _ = writeln!(out, "{mark} {}", line(record));
    }
}

fn to_json(outcome: &Outcome, torn: u64) -> Value {
    let info = info_of(outcome);
    let record = |record: &Record| describe::to_json(record.input, record, &info);
    let starts: Vec<Value> = outcome
        .starts
        .iter()
        .map(|start| {
            json!({
                "epoch": start.boot.epoch,
                "build": start.boot.build,
                "configuration": format!("{:08x}", start.config_id),
                "inputs": start.inputs,
                "cut": start.is_cut,
                "gap": start.gap.as_ref().map(gap_text),
            })
        })
        .collect();
    json!({
        "same": outcome.difference.is_none(),
        "starts": starts,
        "gaps": outcome.gaps.iter().map(gap_text).collect::<Vec<_>>(),
        "torn_bytes": torn,
        "skipped_records": outcome.skipped,
        "inputs": outcome.inputs,
        "input_count": outcome.input_count(),
        "words": outcome.words,
        "word_count": outcome.word_count(),
        "orders": outcome.orders,
        "difference": outcome.difference.as_ref().map(|difference| json!({
            "epoch": difference.epoch,
            "input": difference.number,
            "recorded": difference.recorded.get(difference.first()).map(record),
            "replayed": difference.replayed.get(difference.first()).map(record),
            "around": difference.around.iter().map(record).collect::<Vec<_>>(),
        })),
    })
}
