//! `shrike inspect`: what is in a segment, and who put it there.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use rings::{Identity, Next, OpenError, Ring, broadcast, journal, latest};
use schema::{LAYOUT_HASH, PortfolioRisk, Record, RunInfo, SignalParams, Verdict};

use crate::cli::InspectArgs;
use crate::describe;
use crate::exit::{Exit, Failure};
use crate::instance::{self, View, refused, resolve, run_info};
use crate::recording;
use crate::stop::Stop;

/// Time between two looks at a ring that is followed.
const POLL: Duration = Duration::from_millis(10);

/// `shrike inspect`.
///
/// # Errors
/// No such segment or file, or one that this build cannot read.
pub(crate) fn run(args: &InspectArgs) -> Result<Exit, Failure> {
    let path = Path::new(&args.segment);
    if args.segment.contains('/') || path.extension().is_some() {
        return file(path, args);
    }
    let Some(ring) = ring_named(&args.segment) else {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{}` is not a segment", args.segment),
            "one of market, journal, status, params, verdict, portfolio; or the path of a journal.bin",
        ));
    };
    let name = resolve(args.instance.as_deref())?;
    match ring {
        Ring::Journal => {
            let reader = instance::journal(&name, true)?;
            let info = run_info(&reader.info());
            header(args, &name, ring, reader.identity(), &info);
            records(args, &info, Source::Journal(reader))
        }
        Ring::Market => {
            let reader = broadcast::Reader::open_at_oldest(&name, ring, LAYOUT_HASH)
                .map_err(|error| refused(&name, ring, error))?;
            let info = run_info(&reader.info());
            header(args, &name, ring, reader.identity(), &info);
            records(args, &info, Source::Market(reader))
        }
        Ring::Status => {
            let view = View::open(&name)?;
            crate::status::print(&view, args.json)
        }
        Ring::Params => newest::<SignalParams>(args, &name, ring),
        Ring::Verdict => newest::<Verdict>(args, &name, ring),
        Ring::Portfolio => newest::<PortfolioRisk>(args, &name, ring),
        Ring::Control | Ring::Gates => Err(Failure::new(
            Exit::Usage,
            format!("{} is read by the trader alone", rings::segment_name(&name, ring)),
            "commands and their answers are in the journal: `shrike inspect journal --kind command`",
        )),
    }
}

fn ring_named(name: &str) -> Option<Ring> {
    Some(match name {
        "market" => Ring::Market,
        "journal" => Ring::Journal,
        "status" => Ring::Status,
        "params" => Ring::Params,
        "verdict" => Ring::Verdict,
        "portfolio" => Ring::Portfolio,
        "control" => Ring::Control,
        "gates" => Ring::Gates,
        _ => return None,
    })
}

/// Says who wrote the segment (not in JSON, which is for records).
fn header(args: &InspectArgs, name: &str, ring: Ring, identity: Identity, info: &RunInfo) {
    if args.json {
        return;
    }
    let alive = if rings::is_writer_alive(name, ring) { "alive" } else { "dead" };
    let symbols: Vec<&str> = info.symbols().iter().map(|symbol| symbol.name.as_str()).collect();
    println!(
        "# /dev/shm/{}: {} build {} ({:016x}), boot {}, layout {:016x}, writer pid {} {alive}",
        rings::segment_name(name, ring),
        info.environment,
        info.build,
        identity.build_id,
        identity.boot_epoch,
        identity.layout_hash,
        info.pid,
    );
    println!("# symbols {}; times are seconds of the monotonic clock", symbols.join(", "));
}

enum Source {
    Journal(journal::Reader<Record>),
    Market(broadcast::Reader<Record>),
}

impl Source {
    fn next(&mut self) -> Next<Record> {
        match self {
            Self::Journal(reader) => reader.next(),
            Self::Market(reader) => reader.next(),
        }
    }
    fn is_stale(&self) -> bool {
        match self {
            Self::Journal(reader) => reader.is_stale(),
            Self::Market(reader) => reader.is_stale(),
        }
    }
}

/// Prints what is there, then what comes.
fn records(args: &InspectArgs, info: &RunInfo, mut source: Source) -> Result<Exit, Failure> {
    let stop = Stop::on_signals()?;
    let mut out = Printer::new(args, info);
    let mut held = VecDeque::new();
    // What is there: all of it, or the newest so many.
    loop {
        match source.next() {
            Next::Item(seq, record) if out.wants(&record) => match args.last {
                None => out.print(seq, &record)?,
                Some(last) => {
                    held.push_back((seq, record));
                    if held.len() > last {
                        held.pop_front();
                    }
                }
            },
            Next::Item(..) => {}
            Next::Lost { first, count } => out.lost(first, count)?,
            Next::Empty => break,
        }
        if stop.asked() {
            return Ok(Exit::Ok);
        }
    }
    for (seq, record) in &held {
        out.print(*seq, record)?;
    }
    out.flush()?;
    while args.follow && !stop.asked() {
        match source.next() {
            Next::Item(seq, record) if out.wants(&record) => out.print(seq, &record)?,
            Next::Item(..) => {}
            Next::Lost { first, count } => out.lost(first, count)?,
            Next::Empty => {
                out.flush()?;
                if source.is_stale() {
                    eprintln!("# the segment was replaced or removed; start inspect again");
                    return Ok(Exit::Ok);
                }
                std::thread::sleep(POLL);
            }
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

/// Prints a recorded journal.
fn file(path: &Path, args: &InspectArgs) -> Result<Exit, Failure> {
    let recording = recording::read(path)?;
    if !args.json {
        println!("# {}: {} records", path.display(), recording.records.len());
        if recording.lost > 0 {
            println!("# {} records are missing: the recorder was too slow", recording.lost);
        }
    }
    let mut out = Printer::new(args, &recording.info);
    let wanted: Vec<&(u64, Record)> =
        recording.records.iter().filter(|(_, record)| out.wants(record)).collect();
    let skip = args.last.map_or(0, |last| wanted.len().saturating_sub(last));
    for (seq, record) in &wanted[skip..] {
        out.print(*seq, record)?;
    }
    out.flush()?;
    Ok(Exit::Ok)
}

/// Prints a newest-value segment.
fn newest<T: rings::Plain + std::fmt::Debug>(
    args: &InspectArgs,
    name: &str,
    ring: Ring,
) -> Result<Exit, Failure> {
    let reader: latest::Reader<T> = latest::Reader::open(name, ring, LAYOUT_HASH)
        .map_err(|error: OpenError| refused(name, ring, error))?;
    header(args, name, ring, reader.identity(), &run_info(&reader.info()));
    match reader.load() {
        Some((version, value)) => println!("version {version} {value:#?}"),
        None => println!("nothing stored yet"),
    }
    Ok(Exit::Ok)
}

/// Writes records; a closed pipe (`| head`) ends the program quietly.
struct Printer<'a> {
    args: &'a InspectArgs,
    info: &'a RunInfo,
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
}

impl<'a> Printer<'a> {
    fn new(args: &'a InspectArgs, info: &'a RunInfo) -> Self {
        Self { args, info, out: std::io::BufWriter::new(std::io::stdout().lock()) }
    }
    fn wants(&self, record: &Record) -> bool {
        let kinds = &self.args.kind;
        kinds.is_empty() || record.kind().is_some_and(|kind| kinds.contains(&kind))
    }
    fn print(&mut self, seq: u64, record: &Record) -> Result<(), Failure> {
        let written = if self.args.json {
            writeln!(self.out, "{}", describe::to_json(seq, record, self.info))
        } else {
            writeln!(self.out, "{}", describe::to_line(seq, record, self.info))
        };
        closed(written)
    }
    fn lost(&mut self, first: u64, count: u64) -> Result<(), Failure> {
        if self.args.json {
            return closed(writeln!(self.out, "{{\"lost\":{count},\"first\":{first}}}"));
        }
        closed(writeln!(self.out, "# {count} records from {first} on are overwritten"))
    }
    fn flush(&mut self) -> Result<(), Failure> {
        closed(self.out.flush())
    }
}

fn closed(result: std::io::Result<()>) -> Result<(), Failure> {
    result.map_err(|error| Failure::new(Exit::Ok, format!("stdout: {error}"), ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_segment_has_its_name() {
        for name in ["market", "journal", "status", "params", "verdict", "control", "gates"] {
            let ring = ring_named(name).expect("known");
            assert!(rings::segment_name("x", ring).ends_with(name));
        }
        assert!(ring_named("orders").is_none());
    }
}
