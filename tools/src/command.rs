//! Commands to the trader: flatten, halt, resume, cancel-all.
//!
//! A command carries a random nonce; the trader's answer comes back in the journal under the same
//! nonce. The journal is opened before the command is sent, so the answer cannot be missed.

use std::io::{BufRead, IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rings::{Next, Ring, control, journal};
use schema::{
    Command, CommandAnswer, CommandKind, CommandResult, Event, LAYOUT_HASH, Record, SymbolId,
    TradingState, WallNs,
};

use crate::cli::{CommandArgs, ConfirmedArgs, FlattenArgs};
use crate::exit::{Exit, Failure};
use crate::instance::{self, View, resolve};
use crate::screen::trading_state;

/// Time between two looks for an answer or for flatness.
const POLL: Duration = Duration::from_millis(20);
/// An answered command shows in the status within this time.
const SHOW_WITHIN: Duration = Duration::from_secs(1);
/// Flattening takes several orders; it gets at least this long.
const FLATTEN_MIN: Duration = Duration::from_secs(30);

/// `shrike halt` and `shrike cancel-all`.
///
/// # Errors
/// No such instance, a refusal, or no answer in time.
pub(crate) fn simple(args: &CommandArgs, kind: CommandKind) -> Result<Exit, Failure> {
    let name = resolve(args.instance.as_deref())?;
    let view = live_view(&name)?;
    let answer = send(&view, kind, SymbolId::NONE, Duration::from_secs(args.timeout))?;
    report(&name, &answer)?;
    if kind == CommandKind::Halt {
        wait_for_state(&view, SHOW_WITHIN, |state| !may_add_risk(state));
    }
    println!("{name}: {}", state_line(&view));
    Ok(Exit::Ok)
}

/// Whether a state lets the trader add risk.
fn may_add_risk(state: TradingState) -> bool {
    matches!(state, TradingState::Starting | TradingState::Reconciling | TradingState::Armed)
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
/// As [`simple`]; also when the person does not confirm.
pub(crate) fn resume(args: &ConfirmedArgs) -> Result<Exit, Failure> {
    let name = resolve(args.command.instance.as_deref())?;
    let view = live_view(&name)?;
    confirm(args.yes, &name, "will trade again")?;
    let timeout = Duration::from_secs(args.command.timeout);
    let answer = send(&view, CommandKind::Resume, SymbolId::NONE, timeout)?;
    report(&name, &answer)?;
    if !wait_for_state(&view, timeout, |state| state == TradingState::Armed) {
        let seconds = args.command.timeout;
        return Err(Failure::new(
            Exit::Busy,
            format!("{name}: accepted, but not armed after {seconds} s: {}", state_line(&view)),
            "`shrike status` shows the reason; the trader arms when it is gone",
        ));
    }
    println!("{name}: {}", state_line(&view));
    Ok(Exit::Ok)
}

/// `shrike flatten`.
///
/// # Errors
/// As [`resume`]; exit 75 when positions are not flat in time.
pub(crate) fn flatten(args: &FlattenArgs) -> Result<Exit, Failure> {
    let confirmed = &args.confirmed;
    let name = resolve(confirmed.command.instance.as_deref())?;
    let view = live_view(&name)?;
    let symbol = match &args.symbol {
        Some(symbol) => Some(view.symbol(&symbol.to_uppercase())?),
        None => None,
    };
    let scope = args.symbol.as_deref().unwrap_or("every symbol");
    confirm(confirmed.yes, &name, &format!("will cancel and close {scope}, and halt"))?;
    let id = symbol.map_or(SymbolId::NONE, |index| SymbolId(index as u16));
    let timeout = Duration::from_secs(confirmed.command.timeout);
    let answer = send(&view, CommandKind::Flatten, id, timeout)?;
    report(&name, &answer)?;
    wait_until_flat(&view, symbol, timeout.max(FLATTEN_MIN))?;
    println!("{name}: flat; {}", state_line(&view));
    Ok(Exit::Ok)
}

/// A view of an instance whose trader can answer.
fn live_view(name: &str) -> Result<View, Failure> {
    let view = View::open(name)?;
    if instance::is_live(name) {
        return Ok(view);
    }
    Err(Failure::new(
        Exit::NoInstance,
        format!("the trader of `{name}` (pid {}) is dead", view.info.pid),
        "start it again with `shrike up`; orders it left are cancelled when it reconciles",
    ))
}

/// Sends one command and waits for its answer.
///
/// # Errors
/// Exit 75 if another sender holds the ring, if it is full, or if no answer comes in time.
pub(crate) fn send(
    view: &View,
    kind: CommandKind,
    symbol: SymbolId,
    timeout: Duration,
) -> Result<CommandAnswer, Failure> {
    let name = &view.instance;
    let mut answers = instance::journal(name, false)?;
    let mut sender: control::Sender<Record> = control::Sender::open(name, LAYOUT_HASH)
        .map_err(|error| instance::refused(name, Ring::Control, error))?;
    let uid = rustix::process::getuid().as_raw();
    let command = Command { symbol, ..Command::plain(nonce()?, kind, WallNs(wall_ns()), uid) };
    sender.send(&Event::Command(command).to_record()).map_err(|_| {
        Failure::new(
            Exit::Busy,
            format!("{name}: the trader does not take commands: its ring is full"),
            "its hot loop may hang: `shrike status` shows the age of its heartbeat",
        )
    })?;
    drop(sender);
    wait_for_answer(&mut answers, command.nonce, timeout).ok_or_else(|| {
        Failure::new(
            Exit::Busy,
            format!("{name}: no answer to `{kind}` in {} s", timeout.as_secs()),
            "it may still act: look at `shrike status`, then try again with --timeout",
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

fn report(name: &str, answer: &CommandAnswer) -> Result<(), Failure> {
    match answer.result {
        CommandResult::Accepted | CommandResult::Duplicate => {
            println!("{name}: {} {}", answer.kind, answer.result);
            Ok(())
        }
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

fn wait_until_flat(view: &View, symbol: Option<usize>, timeout: Duration) -> Result<(), Failure> {
    let deadline = Instant::now() + timeout;
    let mut shown = String::new();
    loop {
        let left = view.status().map_or_else(Vec::new, |status| open_positions(view, &status));
        let left: Vec<&(usize, String)> =
            left.iter().filter(|(index, _)| symbol.is_none_or(|wanted| wanted == *index)).collect();
        let orders = view.status().map_or(0, |status| match symbol {
            Some(index) => status.symbols[index].open_orders,
            None => status.open_orders,
        });
        if left.is_empty() && orders == 0 {
            return Ok(());
        }
        let texts: Vec<&str> = left.iter().map(|(_, text)| text.as_str()).collect();
        let line = format!("{orders} orders, position {}", texts.join(", "));
        if Instant::now() >= deadline {
            return Err(Failure::new(
                Exit::Busy,
                format!("{}: not flat after {} s: {line}", view.instance, timeout.as_secs()),
                "the trader goes on trying; `shrike status` shows what it does",
            ));
        }
        if line != shown {
            println!("{}: {line}", view.instance);
            shown = line;
        }
        std::thread::sleep(POLL * 10);
    }
}

fn open_positions(view: &View, status: &schema::Status) -> Vec<(usize, String)> {
    view.info
        .symbols()
        .iter()
        .zip(&status.symbols)
        .enumerate()
        .filter(|(_, (_, symbol))| symbol.position_qty != 0)
        .map(|(index, (info, symbol))| (index, format!("{} {}", info.name, symbol.position())))
        .collect()
}

fn current_state(view: &View) -> Option<TradingState> {
    view.status().and_then(|status| trading_state(&status))
}

fn state_line(view: &View) -> String {
    current_state(view).map_or_else(|| "state unknown".to_owned(), |state| state.to_string())
}

/// Asks a person to type the instance's name.
fn confirm(yes: bool, name: &str, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{name} {what}: this needs a confirmation, and stdin is not a terminal"),
            "add --yes",
        ));
    }
    print!("{name} {what}.\nType the instance's name to go on: ");
    // A prompt that cannot be shown is seen by the answer not being the name.
    let _ = std::io::stdout().flush();
    let mut line = String::new();
    let _ = stdin.lock().read_line(&mut line);
    if is_confirmed(&line, name) {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, "not confirmed; nothing was sent", ""))
}

fn is_confirmed(line: &str, name: &str) -> bool {
    line.trim() == name
}

fn nonce() -> Result<u64, Failure> {
    let mut bytes = [0u8; 8];
    loop {
        rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty()).map_err(
            |error| Failure::new(Exit::Unavailable, format!("no random numbers: {error}"), ""),
        )?;
        let nonce = u64::from_le_bytes(bytes);
        if nonce != 0 {
            return Ok(nonce);
        }
    }
}

fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
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
        assert!(report("x", &answer(1, CommandResult::Accepted)).is_ok());
        assert!(report("x", &answer(1, CommandResult::Duplicate)).is_ok());
        for result in [CommandResult::Refused, CommandResult::Malformed] {
            let failure = report("x", &answer(1, result)).expect_err("not done");
            assert_eq!(failure.exit, Exit::Failed);
        }
    }

    #[test]
    fn a_confirmation_is_the_name_and_nothing_else() {
        assert!(is_confirmed("paper\n", "paper"));
        assert!(!is_confirmed("y\n", "paper"));
        assert!(!is_confirmed("", "paper"));
    }

    #[test]
    fn nonces_are_random_and_never_zero() {
        let first = nonce().expect("the kernel has random numbers");
        let second = nonce().expect("the kernel has random numbers");
        assert_ne!(first, 0);
        assert_ne!(first, second);
    }
}
