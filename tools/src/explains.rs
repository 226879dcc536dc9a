//! `shrike explain`: one order's story, as a page or as JSON.

use std::collections::VecDeque;
use std::fmt::Write as _;

use engine::{Headroom, Unit};
use replay::explain::{Story, Wanted, explain};
use replay::file::{Chunk, FileError, Reader, Stream};
use rings::{Next, Ring, broadcast};
use schema::{ClientOrderId, Event, ExecType, LAYOUT_HASH, Notional, Qty, Record, RunInfo, Stage};
use serde_json::{Value, json};

use crate::cli::ExplainArgs;
use crate::exit::{Exit, Failure};
use crate::instance::{self, resolve, run_info};
use crate::{describe, human};

/// `shrike explain`.
///
/// # Errors
/// No such recording, instance or order.
pub(crate) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let wanted = wanted(&args.order)?;
    let (story, place, info) = match &args.file {
        Some(file) => {
            let story = explain(wanted, || Reader::open(file)).map_err(|error| match error {
                FileError::Io(error) => Failure::file(file, &error),
                error => {
                    Failure::new(Exit::Data, format!("{}: {error}", file.display()), "record again")
                }
            })?;
            (story, file.display().to_string(), None)
        }
        None => {
            let name = resolve(args.instance.as_deref())?;
            let (chunks, info) = live(&name)?;
            let story = explain(wanted, || Ok(chunks.clone()))
                .map_err(|error| Failure::new(Exit::Data, error.to_string(), ""))?;
            (story, format!("instance {name}"), Some(info))
        }
    };
    let Some(mut story) = story else {
        return Err(Failure::new(
            Exit::NoInstance,
            format!("no order {} in {place}", args.order),
            "ids are those of `shrike inspect journal --kind decision`, or the venue's",
        ));
    };
    let info = story.info.take().map(|info| *info).or(info).unwrap_or_default();
    if args.json {
        println!("{}", to_json(&story, &info));
    } else {
        print!("{}", to_text(&story, &info));
    }
    Ok(Exit::Ok)
}

fn wanted(text: &str) -> Result<Wanted, Failure> {
    if let Ok(id) = ClientOrderId::parse(text.as_bytes()) {
        return Ok(Wanted::Ours(id));
    }
    text.parse().map(Wanted::Venue).map_err(|_| {
        Failure::new(
            Exit::Usage,
            format!("`{text}` is no order id"),
            "give a client order id as the journal shows it, or the venue's number",
        )
    })
}

/// What the rings still hold, as a recording.
fn live(name: &str) -> Result<(VecDeque<Chunk>, RunInfo), Failure> {
    let mut chunks = VecDeque::new();
    let mut journal = instance::journal(name, true)?;
    let info = run_info(&journal.info());
    let stream = Stream::Journal;
    chunks.extend(drain(stream, 0, || journal.next()));
    if let Ok(mut market) = broadcast::Reader::open_at_oldest(name, Ring::Market, LAYOUT_HASH) {
        let epoch = market.identity().boot_epoch;
        chunks.extend(drain(Stream::Market, epoch, || market.next()));
    }
    Ok((chunks, info))
}

fn drain(stream: Stream, epoch: u32, mut next: impl FnMut() -> Next<Record>) -> Vec<Chunk> {
    let (mut chunks, mut records, mut first) = (Vec::new(), Vec::new(), 0);
    loop {
        match next() {
            Next::Item(seq, record) => {
                if records.is_empty() {
                    first = seq;
                }
                records.push(record);
            }
            other => {
                let taken = std::mem::take(&mut records);
                chunks.push(Chunk::Records { stream, epoch, first, records: taken });
                let Next::Lost { first, count } = other else { return chunks };
                chunks.push(Chunk::Gap { stream, epoch, first, count });
            }
        }
    }
}

fn value(value: i128, unit: Unit) -> String {
    let amount = |units| Notional::from_units(i64::try_from(units).unwrap_or(i64::MAX)).to_string();
    match unit {
        Unit::Amount => amount(value),
        Unit::Ppm => format!("{value} ppm"),
        Unit::Hundredths => format!("{}.{:02}", value / 100, value.abs() % 100),
        Unit::Ns => format!("{:.3} ms", value as f64 / 1e6),
        Unit::Count => value.to_string(),
    }
}

/// Fills, fees, and the last state the venue told.
#[derive(Debug, Default)]
struct End {
    state: String,
    filled: Qty,
    commission: Notional,
    fills: u32,
}

fn end(story: &Story) -> End {
    let mut end = End { state: "no answer is recorded".to_owned(), ..End::default() };
    for record in &story.records {
        match Event::from_record(record) {
            Ok(Event::Report(report)) => {
                end.state = report.status.to_string();
                end.filled = end.filled.max(report.cum_qty);
                if report.exec_type == ExecType::Trade {
                    end.fills += 1;
                    let sum = end.commission.checked_add(report.commission);
                    end.commission = sum.unwrap_or(end.commission);
                }
            }
            Ok(Event::Algo(update)) => end.state = update.status.to_string(),
            Ok(Event::Reply(reply)) if reply.is_ok() && reply.order_status.is_terminal() => {
                end.state = reply.order_status.to_string();
                end.filled = end.filled.max(reply.cum_qty);
            }
            Ok(Event::Reply(reply)) if !reply.is_ok() && end.fills == 0 => {
                end.state = format!("refused: {}", reply.code);
            }
            _ => {}
        }
    }
    end
}

fn to_text(story: &Story, info: &RunInfo) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "order {} of start {}", story.client_order_id, story.epoch);
    if let Some(decision) = &story.decision {
        let order = &decision.order;
        let _ = writeln!(
            out,
            "  {} {} {} at {} {} {}{}",
            order.side,
            order.qty,
            describe::symbol_name(order.symbol, info),
            order.price,
            order.order_type,
            order.time_in_force,
            if order.reduce_only { " reduce-only" } else { "" }
        );
        let signal = Notional::from_units(decision.signal_e8);
        let _ = writeln!(out, "  signal {signal}, input {}", story.input);
        let _ = writeln!(out, "  book   bid {} ask {}", decision.bid_price, decision.ask_price);
    }
    moment_text(story, info, &mut out);
    stages_text(story, info, &mut out);
    let _ = writeln!(out, "\nwhat happened, ms after the decision:");
    for record in story.records.iter().filter(|r| r.kind != schema::Kind::Stages as u16) {
        let ms = record.at_ns.saturating_sub(story.at.0) as f64 / 1e6;
        let line = describe::to_line(record.input, record, info);
        let _ = writeln!(out, "  {ms:>10.3}  {}", line.get(27..).unwrap_or(&line).trim_start());
    }
    let end = end(story);
    let _ = writeln!(
        out,
        "\nend: {}; {} filled in {} fills, {} fees",
        end.state, end.filled, end.fills, end.commission
    );
    out
}

fn moment_text(story: &Story, info: &RunInfo, out: &mut String) {
    let Some(moment) = &story.moment else {
        let why = story.no_moment.as_deref().unwrap_or("it was not decided in this recording");
        let _ = writeln!(out, "\nno values of the moment: {why}");
        return;
    };
    let (bid, ask) = moment.top;
    let (state, reason) = moment.state;
    let _ = writeln!(
        out,
        "  at {} in state {state} ({reason}); top {} × {} / {} × {}",
        human::time_of_day(moment.wall.0),
        bid.price,
        bid.qty,
        ask.price,
        ask.qty
    );
    let cause = describe::to_line(moment.cause.input, &moment.cause, info);
    let _ = writeln!(out, "  because of {}", cause.get(27..).unwrap_or(&cause).trim_start());
    let _ = writeln!(out, "\n  {:<28} {:>18} {:>18} {:>18}", "limit", "value", "limit", "left");
    for limit in &moment.limits {
        let text = |number| value(number, limit.unit);
        let _ = writeln!(
            out,
            "  {:<28} {:>18} {:>18} {:>18}",
            limit.name,
            text(limit.value),
            text(limit.limit),
            text(limit.left())
        );
    }
}

fn stages_text(story: &Story, info: &RunInfo, out: &mut String) {
    let Some(stages) = &story.stages else { return };
    let _ = writeln!(out, "\nstages, µs:");
    let stamped = Stage::ALL.iter().filter(|stage| stages.tsc[**stage as usize] != 0);
    let stamped: Vec<Stage> = stamped.copied().collect();
    for pair in stamped.windows(2) {
        let ns = stages.between_ns(pair[0], pair[1], info.tsc_hz).unwrap_or(0);
        let _ = writeln!(out, "  {:<14} {:>10.2}", pair[1].as_str(), ns as f64 / 1e3);
    }
}

fn limit_json(limit: &Headroom) -> Value {
    json!({
        "name": limit.name,
        "reject": limit.reject.as_str(),
        "value": value(limit.value, limit.unit),
        "limit": value(limit.limit, limit.unit),
        "left": value(limit.left(), limit.unit),
    })
}

fn to_json(story: &Story, info: &RunInfo) -> Value {
    let record = |record: &Record| describe::to_json(record.input, record, info);
    let end = end(story);
    json!({
        "client_order_id": story.client_order_id.to_string(),
        "epoch": story.epoch,
        "input": story.input,
        "moment": story.moment.as_ref().map(|moment| json!({
            "wall_ns": moment.wall.0,
            "state": moment.state.0.as_str(),
            "reason": moment.state.1.as_str(),
            "bid": [moment.top.0.price.to_string(), moment.top.0.qty.to_string()],
            "ask": [moment.top.1.price.to_string(), moment.top.1.qty.to_string()],
            "cause": record(&moment.cause),
            "limits": moment.limits.iter().map(limit_json).collect::<Vec<_>>(),
        })),
        "no_moment": story.no_moment,
        "records": story.records.iter().map(record).collect::<Vec<_>>(),
        "end": {
            "state": end.state,
            "filled": end.filled.to_string(),
            "fills": end.fills,
            "commission": end.commission.to_string(),
        },
    })
}
