//! Commands to the trader: flatten, halt, resume, cancel-all.
//!
//! A command carries a nonce; the trader's answer comes back in the journal under the same nonce.
//! The journal is opened before the command is sent, so the answer cannot be missed.

use std::time::{Duration, Instant};

use rings::{Next, Ring, control, journal};
use schema::{
    Command, CommandAnswer, CommandKind, CommandResult, Event, LAYOUT_HASH, Reason, Record,
    SymbolId, TradingState, WallNs,
};

use crate::act::{Action, Done, nonce};
use crate::audit::{self, Asked, wall_ns};
use crate::cli::{CommandArgs, ConfirmedArgs, FlattenArgs};
use crate::exit::{Exit, Failure};
use crate::instance::{self, View, mono_ns, resolve};
use crate::run_place::Place;
use crate::screen::trading_state;

mod slices;

/// Time between two looks for an answer or for flatness.
const POLL: Duration = Duration::from_millis(20);
/// An answered command shows in the status within this time.
const SHOW_WITHIN: Duration = Duration::from_secs(1);
/// Flattening takes several orders; it gets at least this long.
const FLATTEN_MIN: Duration = Duration::from_secs(30);

/// What a command to a living trader needs.
pub(crate) struct Addressed {
    /// The trader.
    pub(crate) view: View,
    /// The command as all of them are.
    pub(crate) action: Action,
}

/// Finds the living trader a command is for.
///
/// # Errors
/// None, or several and none is named; a dead one, which is in the trail.
pub(crate) fn address(
    args: &CommandArgs,
    verb: &'static str,
    detail: String,
) -> Result<Addressed, Failure> {
    let name = resolve(args.instance.as_deref())?;
    let place = Place::of_view(View::open(&name)?);
    let trail = place.latch().ok().map(|latch| audit::file_beside(&latch));
    let asked = Asked {
        instance: name.clone(),
        verb,
        detail,
        reason: args.reason.clone().unwrap_or_default(),
        nonce: nonce(args.nonce)?,
    };
    let action = Action { asked, trail, is_json: args.json };
    let Some(view) = place.view.filter(|_| instance::is_live(&name)) else {
        let failure = Failure::new(
            Exit::NoInstance,
            format!("the trader of `{name}` is dead"),
            "start it again with `shrike up`; orders it left are cancelled when it reconciles",
        );
        action.note(&format!("exit {}: {}", failure.exit.code(), failure.what));
        return Err(failure);
    };
    Ok(Addressed { view, action })
}

/// The command an action sends.
pub(crate) fn command_of(action: &Action, kind: CommandKind) -> Command {
    let asked = &action.asked;
    let reason = Reason::new(&asked.reason);
    Command { reason, ..Command::plain(asked.nonce, kind, WallNs(wall_ns()), audit::uid()) }
}

/// `shrike halt` and `shrike cancel-all`.
///
/// # Errors
/// No such instance, a refusal, or no answer in time.
pub(crate) fn simple(args: &CommandArgs, kind: CommandKind) -> Result<Exit, Failure> {
    let verb = if kind == CommandKind::Halt { "halt" } else { "cancel-all" };
    let Addressed { view, action } = address(args, verb, String::new())?;
    action.run(|action| {
        action.note("asked");
        let command = command_of(action, kind);
        let answer = send_command(&view, command, Duration::from_secs(args.timeout))?;
        demand(&view.instance, &answer)?;
        if kind == CommandKind::Halt {
            wait_for_state(&view, SHOW_WITHIN, |state| !may_add_risk(state));
        }
        Ok(done(&view, &answer))
    })
}

/// An answer as a result.
pub(crate) fn done(view: &View, answer: &CommandAnswer) -> Done {
    let state = state_line(view);
    let text = format!("{} {}; {state}", answer.kind, answer.result);
    Done::new(answer.result.as_str(), text).with("trading_state", state)
}

/// Whether a state lets the trader add risk.
fn may_add_risk(state: TradingState) -> bool {
    matches!(state, TradingState::Starting | TradingState::Reconciling | TradingState::Armed)
}

/// Whether a state lets it send more than cancels; Killed ends what there is, whoever asked.
fn may_trade(state: TradingState) -> bool {
    !matches!(state, TradingState::Halted | TradingState::Killed)
}

/// Waits until the published state is wanted; the trader publishes ten times a second.
fn wait_for_state(view: &View, timeout: Duration, is_wanted: fn(TradingState) -> bool) -> bool {
    let deadline = Instant::now() + timeout;
    loop {
        if current_state(view).is_some_and(is_wanted) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

/// `shrike resume`.
///
/// # Errors
/// As [`simple`]; also when the person does not confirm, or the trail cannot be written.
pub(crate) fn resume(args: &ConfirmedArgs) -> Result<Exit, Failure> {
    let Addressed { view, action } = address(&args.command, "resume", String::new())?;
    action.run(|action| {
        action.confirm(args.yes, "will trade again")?;
        action.must_note("asked")?;
        let timeout = Duration::from_secs(args.command.timeout);
        let answer = send_command(&view, command_of(action, CommandKind::Resume), timeout)?;
        demand(&view.instance, &answer)?;
        if answer.result == CommandResult::Accepted
            && !wait_for_state(&view, timeout, |state| state == TradingState::Armed)
        {
            return Err(Failure::new(
                Exit::Busy,
                format!(
                    "{}: accepted, but not armed after {} s: {}",
                    view.instance,
                    args.command.timeout,
                    state_line(&view)
                ),
                "`shrike status` shows the reason; the trader arms when it is gone",
            ));
        }
        Ok(done(&view, &answer))
    })
}

/// `shrike flatten`.
///
/// # Errors
/// As [`resume`]; exit 75 when positions are not flat in time.
pub(crate) fn flatten(args: &FlattenArgs) -> Result<Exit, Failure> {
    let confirmed = &args.confirmed;
    if args.dry_run {
        return slices::dry_run(args);
    }
    let detail = args.symbol.as_deref().unwrap_or_default().to_uppercase();
    let Addressed { view, action } = address(&confirmed.command, "flatten", detail)?;
    action.run(|action| {
        let of = |view: &View| match &args.symbol {
            Some(symbol) => view.symbol(&symbol.to_uppercase()).map(Some),
            None => Ok(None),
        };
        of(&view)?;
        let scope = args.symbol.as_deref().unwrap_or("every symbol");
        action.confirm(confirmed.yes, &format!("will cancel and close {scope}, and halt"))?;
        // The trader may have been started anew while a person typed.
        let view = if view.is_stale() { View::open(&view.instance)? } else { view };
        let symbol = of(&view)?;
        action.note("asked");
        let id = symbol.map_or(SymbolId::NONE, |index| SymbolId(index as u16));
        let timeout = Duration::from_secs(confirmed.command.timeout);
        let command = Command { symbol: id, ..command_of(action, CommandKind::Flatten) };
        let answer = send_command(&view, command, timeout)?;
        demand(&view.instance, &answer)?;
        if answer.result == CommandResult::Duplicate {
            // What was asked before is done or under way; it may trade again since.
            return Ok(done(&view, &answer));
        }
        action.say(&format!("{}: {} {}", view.instance, answer.kind, answer.result));
        wait_until_flat(action, &view, symbol, timeout.max(FLATTEN_MIN))?;
        let state = state_line(&view);
        Ok(Done::new("flat", format!("flat; {state}")).with("trading_state", state))
    })
}

/// Sends one command without a reason, under a number of its own, and waits for its answer.
///
/// # Errors
/// As [`send_command`].
pub(crate) fn send(
    view: &View,
    kind: CommandKind,
    symbol: SymbolId,
    timeout: Duration,
) -> Result<CommandAnswer, Failure> {
    let plain = Command::plain(nonce(None)?, kind, WallNs(wall_ns()), audit::uid());
    send_command(view, Command { symbol, ..plain }, timeout)
}

/// Sends one command and waits for its answer.
///
/// # Errors
/// Exit 75 if another sender holds the ring, if it is full, or if no answer comes in time.
pub(crate) fn send_command(
    view: &View,
    command: Command,
    timeout: Duration,
) -> Result<CommandAnswer, Failure> {
    let mut answers = instance::journal(&view.instance, false)?;
    let (name, kind) = (&view.instance, command.kind);
    post(view, command)?;
    wait_for_answer(&mut answers, command.nonce, timeout).ok_or_else(|| {
        Failure::new(
            Exit::Busy,
            format!("{name}: no answer to `{kind}` in {} s", timeout.as_secs()),
            format!(
                "it may still act: look at `shrike status`, then send it again with --nonce {}, \
                 which acts once",
                command.nonce
            ),
        )
    })
}

/// Sends one command and does not wait.
///
/// # Errors
/// Exit 75 if another sender holds the ring, or if it is full.
pub(crate) fn post(view: &View, command: Command) -> Result<(), Failure> {
    let name = &view.instance;
    let mut sender: control::Sender<Record> = control::Sender::open(name, LAYOUT_HASH)
        .map_err(|error| instance::refused(name, Ring::Control, error))?;
    sender.send(&Event::Command(command).to_record()).map_err(|_| {
        Failure::new(
            Exit::Busy,
            format!("{name}: the trader does not take commands: its ring is full"),
            "its hot loop may hang: `shrike status` shows the age of its heartbeat, and `shrike \
             kill --direct` needs no trader",
        )
    })
}

fn wait_for_answer(
    journal: &mut journal::Reader<Record>,
    nonce: u64,
    timeout: Duration,
) -> Option<CommandAnswer> {
    let deadline = Instant::now() + timeout;
    loop {
        match journal.next() {
            Next::Item(_, record) => {
                if let Some(answer) = answer_to(&record, nonce) {
                    return Some(answer);
                }
            }
            Next::Lost { .. } => {}
            Next::Empty if Instant::now() >= deadline => return None,
            Next::Empty => std::thread::sleep(POLL),
        }
    }
}

fn answer_to(record: &Record, nonce: u64) -> Option<CommandAnswer> {
    match Event::from_record(record) {
        Ok(Event::Answer(answer)) if answer.nonce == nonce => Some(answer),
        _ => None,
    }
}

/// Demands that a command was taken, now or before.
///
/// # Errors
/// It was not, and why.
pub(crate) fn demand(name: &str, answer: &CommandAnswer) -> Result<(), Failure> {
    match answer.result {
        CommandResult::Accepted | CommandResult::Duplicate => Ok(()),
        CommandResult::Refused => Err(Failure::new(
            Exit::Failed,
            format!("{name}: {} is not possible in this state", answer.kind),
            "`shrike status` shows the state and its reason",
        )),
        CommandResult::Malformed => Err(Failure::new(
            Exit::Failed,
            format!("{name}: the trader does not know `{}`", answer.kind),
            "trader and shrike are of different builds: use the same",
        )),
    }
}

/// Waits until the trader has halted: it does so when account truth, asked for after everything,
/// shows neither order of both books nor position. What it published before now says nothing.
fn wait_until_flat(
    action: &Action,
    view: &View,
    symbol: Option<usize>,
    timeout: Duration,
) -> Result<(), Failure> {
    let deadline = Instant::now() + timeout;
    let asked_ns = mono_ns();
    let mut shown = String::new();
    loop {
        if view.is_stale() {
            return Err(Failure::new(
                Exit::Busy,
                format!("{}: the trader was started anew before it was flat", view.instance),
                "`shrike status` shows what it holds; send it again",
            ));
        }
        let is_over = view.status().is_some_and(|status| {
            let state = trading_state(&status);
            status.mono_ns > asked_ns && state.is_some_and(|state| !may_trade(state))
        });
        let left = view.status().map_or_else(Vec::new, |status| open_positions(view, &status));
        let left: Vec<&(usize, String)> =
            left.iter().filter(|(index, _)| symbol.is_none_or(|wanted| wanted == *index)).collect();
        let orders = view.status().map_or(0, |status| match symbol {
            Some(index) => status.symbols[index].open_orders,
            None => status.open_orders + status.open_algos,
        });
        if left.is_empty() && orders == 0 && is_over {
            return Ok(());
        }
        let texts: Vec<&str> = left.iter().map(|(_, text)| text.as_str()).collect();
        let held = if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
        let line = format!("{orders} orders, position {held}; {}", state_line(view));
        if Instant::now() >= deadline {
            return Err(Failure::new(
                Exit::Busy,
                format!("{}: not flat after {} s: {line}", view.instance, timeout.as_secs()),
                "the trader goes on trying; `shrike status` shows what it does",
            ));
        }
        if line != shown {
            action.say(&format!("{}: {line}", view.instance));
            shown = line;
        }
        std::thread::sleep(POLL * 10);
    }
}

/// Positions that are not flat, by place in the run's table, as text.
pub(crate) fn open_positions(view: &View, status: &schema::Status) -> Vec<(usize, String)> {
    view.info
        .symbols()
        .iter()
        .zip(&status.symbols)
        .enumerate()
        .filter(|(_, (_, symbol))| symbol.position_qty != 0)
        .map(|(index, (info, symbol))| (index, format!("{} {}", info.name, symbol.position())))
        .collect()
}

pub(crate) fn current_state(view: &View) -> Option<TradingState> {
    view.status().and_then(|status| trading_state(&status))
}

fn state_line(view: &View) -> String {
    current_state(view).map_or_else(|| "state unknown".to_owned(), |state| state.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(nonce: u64, result: CommandResult) -> CommandAnswer {
        CommandAnswer { nonce, kind: CommandKind::Flatten, result }
    }

    #[test]
    fn only_the_answer_with_our_nonce_counts() {
        let record = Event::Answer(answer(7, CommandResult::Accepted)).to_record();
        assert_eq!(answer_to(&record, 7), Some(answer(7, CommandResult::Accepted)));
        assert_eq!(answer_to(&record, 8), None);
        assert_eq!(answer_to(&Record::default(), 0), None);
    }

    #[test]
    fn a_refusal_is_a_failure_and_a_repeat_is_not() {
        assert!(demand("x", &answer(1, CommandResult::Accepted)).is_ok());
        assert!(demand("x", &answer(1, CommandResult::Duplicate)).is_ok());
        for result in [CommandResult::Refused, CommandResult::Malformed] {
            let failure = demand("x", &answer(1, result)).expect_err("not done");
            assert_eq!(failure.exit, Exit::Failed);
        }
    }
}
