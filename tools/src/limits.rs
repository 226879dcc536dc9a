//! `shrike limits`: what bounds the trader, tightened and given back while it runs.
//!
//! The trader refuses what is looser than its file; that is checked here first, only so that the
//! refusal can name the file's value.

use std::time::{Duration, Instant};

use schema::{Command, CommandKind, CommandResult, LimitKind, LimitUse, NewLimit, SymbolId};
use serde_json::{Value, json};

use crate::act::Done;
use crate::cli::{ConfirmedArgs, LimitsArgs, LimitsVerb};
use crate::command::{Addressed, address, command_of, demand, send_command};
use crate::exit::{Exit, Failure};
use crate::instance::{View, resolve};
use crate::orders::no_status;
use crate::units;

/// A changed limit shows in the status within this time.
const SHOW_WITHIN: Duration = Duration::from_secs(1);

/// One limit of the account or of a symbol.
pub(crate) struct Row {
    /// Which.
    pub(crate) kind: LimitKind,
    /// Of which symbol.
    pub(crate) symbol: Option<String>,
    /// Its values.
    pub(crate) of: LimitUse,
}

/// All limits of a run, the account's first; of one symbol only, if it is named.
pub(crate) fn rows(view: &View, status: &schema::Status, only: Option<&str>) -> Vec<Row> {
    let kinds = |of_symbol: bool| {
        LimitKind::ALL.iter().copied().filter(move |kind| kind.is_of_symbol() == of_symbol)
    };
    let account = kinds(false).filter(|_| only.is_none());
    let account = account.map(|kind| Row { kind, symbol: None, of: status.limits[kind.place()] });
    let symbols = view.info.symbols().iter().zip(&status.symbols);
    let symbols = symbols.filter(|(info, _)| only.is_none_or(|only| only == info.name.as_str()));
    let of_symbols = symbols.flat_map(|(info, symbol)| {
        kinds(true).map(move |kind| Row {
            kind,
            symbol: Some(info.name.to_string()),
            of: symbol.limits[kind.place()],
        })
    });
    account.chain(of_symbols).collect()
}

/// `shrike limits`.
///
/// # Errors
/// No such instance or limit; a change that is refused, or not confirmed.
pub(crate) fn run(args: &LimitsArgs) -> Result<Exit, Failure> {
    match &args.verb {
        None => list(args),
        Some(LimitsVerb::Set(set)) => {
            let symbol = set.symbol.as_deref();
            change(&set.confirmed, set.kind, symbol, Some(&set.value))
        }
        Some(LimitsVerb::Reset(reset)) => {
            change(&reset.confirmed, reset.kind, reset.symbol.as_deref(), None)
        }
    }
}

fn list(args: &LimitsArgs) -> Result<Exit, Failure> {
    let view = View::open(&resolve(args.instance.as_deref())?)?;
    let status = view.status().ok_or_else(|| no_status(&view.instance))?;
    let rows = rows(&view, &status, None);
    if args.json {
        let limits: Vec<Value> = rows.iter().map(to_json).collect();
        println!(
            "{:#}",
            json!({ "instance": view.instance, "version": status.limits_version, "limits": limits })
        );
        return Ok(Exit::Ok);
    }
    println!("version {} (changes since the start)", status.limits_version);
    println!("{:<22} {:<10} {:>18} {:>18}", "limit", "symbol", "in force", "file");
    for row in &rows {
        let bound = if row.kind.is_floor() { "≥ " } else { "" };
        let in_force = format!("{bound}{}", units::text(row.kind, row.of.limit));
        let file = units::text(row.kind, row.of.file);
        let mark = if row.of.limit == row.of.file { "" } else { "  tightened" };
        let symbol = row.symbol.as_deref().unwrap_or("");
        println!("{:<22} {symbol:<10} {in_force:>18} {file:>18}{mark}", row.kind.as_str());
    }
    Ok(Exit::Ok)
}

fn to_json(row: &Row) -> Value {
    json!({
        "limit": row.kind.as_str(), "symbol": row.symbol, "unit": units::unit(row.kind),
        "floor": row.kind.is_floor(), "in_force": units::json(row.kind, row.of.limit),
        "file": units::json(row.kind, row.of.file), "tightened": row.of.limit != row.of.file,
    })
}

/// What a limit would become, if the file lets it.
fn bounded(kind: LimitKind, to: i64, file: i64) -> Result<i64, Failure> {
    if kind.is_as_tight(to, file) {
        return Ok(to);
    }
    let side = if kind.is_floor() { "at least" } else { "at most" };
    Err(Failure::new(
        Exit::Failed,
        format!(
            "{kind} {} is looser than the file's: {side} {}",
            units::text(kind, to),
            units::text(kind, file)
        ),
        "a command only tightens; to loosen, change the file and restart the trader",
    ))
}

fn change(
    args: &ConfirmedArgs,
    kind: LimitKind,
    symbol: Option<&str>,
    value: Option<&str>,
) -> Result<Exit, Failure> {
    let verb = if value.is_some() { "limits set" } else { "limits reset" };
    let symbol = symbol.map(str::to_uppercase);
    let words = [Some(kind.as_str()), value, symbol.as_deref()];
    let detail = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let Addressed { view, action } = address(&args.command, verb, detail)?;
    action.run(|action| {
        if value.is_some() && action.asked.reason.trim().is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                format!("{verb}: a changed limit needs a reason"),
                "add --reason \"…\"",
            ));
        }
        let id = of_symbol(&view, kind, symbol.as_deref())?;
        let status = view.status().ok_or_else(|| no_status(&view.instance))?;
        let before = in_status(&status, kind, id);
        let new = match value {
            Some(text) => {
                let to = units::parse(kind, text).map_err(|how| {
                    Failure::new(Exit::Usage, format!("`{text}` is no value of {kind}"), how)
                })?;
                NewLimit::Value(bounded(kind, to, before.file)?)
            }
            None => NewLimit::File,
        };
        let to = match new {
            NewLimit::Value(to) => to,
            NewLimit::File => before.file,
        };
        let from = units::text(kind, before.limit);
        let sentence = format!("{kind} becomes {} (it is {from})", units::text(kind, to));
        action.confirm(args.yes, &format!("will trade with other limits: {sentence}"))?;
        // Giving one back adds risk: not without its row.
        match kind.is_as_tight(to, before.limit) {
            true => action.note("asked"),
            false => action.must_note("asked")?,
        }
        let plain = command_of(action, CommandKind::SetLimit);
        let command = Command { symbol: id, limit: Some((kind, new)), ..plain };
        let timeout = Duration::from_secs(args.command.timeout);
        let answer = send_command(&view, command, timeout)?;
        if answer.result == CommandResult::Refused {
            return Err(Failure::new(
                Exit::Failed,
                format!("the trader refuses {kind} {}", units::text(kind, to)),
                "a limit of nothing would keep what reduces from leaving; `shrike halt` stops new \
                 orders, and messages must stay above what is kept for cancels",
            ));
        }
        demand(&view.instance, &answer)?;
        if answer.result == CommandResult::Accepted {
            wait_for(&view, kind, id, to);
        }
        let status = view.status().unwrap_or(status);
        let now = in_status(&status, kind, id);
        let line = format!(
            "{} {}: {kind} is {} (file {}), version {}",
            verb,
            answer.result,
            units::text(kind, now.limit),
            units::text(kind, now.file),
            status.limits_version
        );
        Ok(Done::new(answer.result.as_str(), line)
            .with("limit", kind.as_str())
            .with("symbol", symbol.clone())
            .with("from", units::json(kind, before.limit))
            .with("in_force", units::json(kind, now.limit))
            .with("file", units::json(kind, now.file))
            .with("version", status.limits_version))
    })
}

/// The symbol a limit is of, or none for the account's.
fn of_symbol(view: &View, kind: LimitKind, symbol: Option<&str>) -> Result<SymbolId, Failure> {
    match (kind.is_of_symbol(), symbol) {
        (true, Some(name)) => view.symbol(name).map(|index| SymbolId(index as u16)),
        (false, None) => Ok(SymbolId::NONE),
        (true, None) => Err(Failure::new(
            Exit::Usage,
            format!("{kind} is a limit of a symbol"),
            "say which with --symbol NAME",
        )),
        (false, Some(_)) => Err(Failure::new(
            Exit::Usage,
            format!("{kind} is a limit of the account"),
            "leave --symbol out",
        )),
    }
}

fn in_status(status: &schema::Status, kind: LimitKind, id: SymbolId) -> LimitUse {
    match kind.is_of_symbol() {
        true => status.symbols[id.index()].limits[kind.place()],
        false => status.limits[kind.place()],
    }
}

fn wait_for(view: &View, kind: LimitKind, id: SymbolId, value: i64) {
    let deadline = Instant::now() + SHOW_WITHIN;
    let is_shown = || view.status().is_some_and(|now| in_status(&now, kind, id).limit == value);
    while !is_shown() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::SCALE;

    #[test]
    fn a_looser_limit_is_refused_with_the_files_value() {
        let failure = bounded(LimitKind::Exposure, 200 * SCALE, 150 * SCALE).expect_err("looser");
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.what.contains("at most 150.00 USDT"), "{}", failure.what);
        assert_eq!(bounded(LimitKind::Exposure, 150 * SCALE, 150 * SCALE), Ok(150 * SCALE));
        let floor = bounded(LimitKind::LiquidationDistance, 40_000, 50_000).expect_err("looser");
        assert!(floor.what.contains("at least 5%"), "{}", floor.what);
        assert_eq!(bounded(LimitKind::LiquidationDistance, 60_000, 50_000), Ok(60_000));
        assert!(bounded(LimitKind::Restricted, 0, 1).is_err());
    }
}
