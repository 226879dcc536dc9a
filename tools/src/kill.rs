//! `shrike kill` and `shrike unkill`: the red button, pressed and released by a person.
//!
//! Pressed is a file on the disk, written before anything else. Then the trader is told, and what
//! trader and guard do is watched; when neither does anything, this process does what guard would
//! do, by the same code and with guard's key. Every part may be interrupted and begun anew.

use std::path::Path;
use std::time::{Duration, Instant};

use guard::kill::Executor;
use guard::look::Client;
use rings::Ring;
use rings::latch::{self, Pressed};
use schema::{Command, CommandKind, CommandResult, KillStep, KillTrigger, TradingState, Verdict};
use serde_json::{Value, json};

use crate::act::{Action, Done, is_confirmed, nonce};
use crate::audit::{self, Asked, utc, wall_ns};
use crate::cli::{KillArgs, UnkillArgs};
use crate::command::{self, command_of, demand, post, send_command};
use crate::exit::{Exit, Failure};
use crate::human;
use crate::instance::{VERDICT_AGE_MAX_NS, mono_ns, newest};
use crate::run_place::{Place, load};

mod seen;

use seen::Seen;

/// Trader and guard have so long to begin.
const PATIENCE: Duration = Duration::from_secs(2);
/// When both fall silent after they began, this takes over after so long.
const SILENCE: Duration = Duration::from_secs(5);
/// Time between two looks.
const POLL: Duration = Duration::from_millis(50);
/// How long another sender may hold the control ring.
const RING_PATIENCE: Duration = Duration::from_millis(500);

fn action(
    place: &Place,
    verb: &'static str,
    reason: &str,
    number: Option<std::num::NonZeroU64>,
    is_json: bool,
) -> Result<Action, Failure> {
    let trail = place.latch().ok().map(|latch| audit::file_beside(&latch));
    let asked = Asked {
        instance: place.instance.clone(),
        verb,
        reason: reason.to_owned(),
        nonce: nonce(number)?,
        ..Asked::default()
    };
    Ok(Action { asked, trail, is_json })
}

/// `shrike kill`.
///
/// # Errors
/// No such run, not confirmed, or an account that is not flat in time: the switch stays pressed.
pub(crate) fn run(args: &KillArgs) -> Result<Exit, Failure> {
    let mut place = Place::find(args.instance.as_deref(), &args.file)?;
    let reason = args.reason.clone().unwrap_or_default();
    let action = action(&place, "kill", &reason, args.nonce, args.json)?;
    action.run(|action| {
        action.confirm(args.yes, "will be killed: every order cancelled, every position closed")?;
        let is_latched = press(action, &place);
        action.note(if is_latched { "pressed" } else { "pressed, not on disk" });
        let deadline = Instant::now() + Duration::from_secs(args.timeout);
        if !args.direct {
            tell_trader(action, &place);
            if let Some(done) = watch(action, &mut place, deadline)? {
                return latched(is_latched, done);
            }
        }
        latched(is_latched, by_rest(action, &place, deadline)?)
    })
}

/// Flat, but the next start would trade: no success.
fn latched(is_latched: bool, done: Done) -> Result<Done, Failure> {
    match is_latched {
        true => Ok(done),
        false => Err(Failure::new(
            Exit::Failed,
            format!("{}, but the switch is not on disk: the next start would trade", done.result),
            "mend the disk or the folder's permissions, then `shrike kill` again; start nothing \
             until then",
        )),
    }
}

/// Writes the latch, and whether it is on disk. One that cannot be written keeps nobody from going
/// on, but is told.
fn press(action: &Action, place: &Place) -> bool {
    let path = match place.latch() {
        Ok(path) => path,
        Err(failure) => {
            action.say(&format!("shrike: {failure}"));
            return false;
        }
    };
    let uid = audit::uid();
    let pressed = Pressed {
        trigger: KillTrigger::Person,
        uid,
        wall_ns: wall_ns(),
        reason: action.asked.reason.clone(),
        by: "shrike".to_owned(),
    };
    let written = latch::press(&path, &pressed);
    match &written {
        Ok(true) => action.say(&format!("pressed: {}", path.display())),
        Ok(false) => {
            let before = latch::read(&path).ok().flatten();
            let who = before.map_or_else(String::new, |before| format!(" by {}", who(&before)));
            action.say(&format!("was pressed before{who}; going on"));
        }
        Err(error) => action.say(&format!(
            "shrike: the latch {}: {error}\n  a restart would not know that it is pressed; going on",
            path.display()
        )),
    }
    written.is_ok()
}

/// Who pressed a latch, when and why.
pub(crate) fn who(pressed: &Pressed) -> String {
    let when = match pressed.wall_ns {
        0 => "at an unknown time".to_owned(),
        at => format!("at {}", utc(at)),
    };
    let by = if pressed.by.is_empty() { "a file made by hand" } else { &pressed.by };
    let reason = match pressed.reason.as_str() {
        "" => "no reason given".to_owned(),
        reason => format!("“{reason}”"),
    };
    format!("{} ({by}, user {}) {when}: {reason}", pressed.trigger, audit::user(pressed.uid))
}

fn tell_trader(action: &Action, place: &Place) {
    let Some(view) = place.view.as_ref().filter(|_| place.is_live()) else {
        return action.say("no trader runs here");
    };
    let trigger = Some(KillTrigger::Person);
    let command = Command { trigger, ..command_of(action, CommandKind::Kill) };
    let deadline = Instant::now() + RING_PATIENCE;
    loop {
        match post(view, command) {
            Ok(()) => return,
            Err(failure) if failure.exit == Exit::Busy && Instant::now() < deadline => {
                std::thread::sleep(POLL);
            }
            // It finds the latch all the same.
            Err(failure) => {
                return action.say(&format!("the trader was not told: {}", failure.what));
            }
        }
    }
}

/// Watches trader and guard until the account is flat; `None` when neither acts.
fn watch(action: &Action, place: &mut Place, deadline: Instant) -> Result<Option<Done>, Failure> {
    let begun = Instant::now();
    let begun_ns = mono_ns();
    let mut heard = None;
    let mut shown = String::new();
    loop {
        place.refresh();
        let seen = Seen::look(place, begun_ns);
        if seen.is_acted_on() {
            heard = Some(Instant::now());
        }
        let line = seen.line();
        if line != shown && heard.is_some() {
            action.say(&format!("{:>6.1} s  {line}", begun.elapsed().as_secs_f64()));
            shown = line;
        }
        if seen.is_flat() {
            return Ok(Some(seen.done(begun.elapsed())));
        }
        // The trader alone cannot prove it: the venue is asked.
        if seen.is_flat_but_unproven() && begun.elapsed() >= PATIENCE {
            action.say("the trader says flat and no guard confirms it: asking the venue");
            return Ok(None);
        }
        let patience = heard.map_or(begun + PATIENCE, |heard| heard + SILENCE);
        if Instant::now() >= patience {
            action.say("neither trader nor guard act: going on by REST");
            return Ok(None);
        }
        if Instant::now() >= deadline {
            let line = seen.line();
            return Err(not_flat(place, begun.elapsed(), &line, "trader and guard go on trying"));
        }
        std::thread::sleep(POLL);
    }
}

fn not_flat(place: &Place, after: Duration, line: &str, who: &str) -> Failure {
    Failure::new(
        Exit::Busy,
        format!("{}: not flat after {} s: {line}", place.instance, after.as_secs()),
        format!(
            "the switch stays pressed; {who}: run `shrike kill --direct`, or close by hand at the \
             venue"
        ),
    )
}

/// Does it here, as guard would.
fn by_rest(action: &Action, place: &Place, deadline: Instant) -> Result<Done, Failure> {
    let Some(path) = &place.config else {
        return Err(Failure::new(
            Exit::Config,
            format!(
                "{}: nobody acts, and there is no file that tells of venue and key",
                place.instance
            ),
            "the switch is pressed; run it again with --config FILE or --env NAME",
        ));
    };
    let config = load(path)?;
    let mut client = Client::new(&config).map_err(|error| {
        Failure::new(
            Exit::Config,
            format!("guard's key: {error:#}"),
            "run it as a user who may read guard's key, or close by hand at the venue",
        )
    })?;
    let stuck_after = Duration::from_millis(config.kill.flat_ms);
    let mut executor = Executor::new(config.kill.slice, stuck_after).knowing(&config.symbols);
    let begun = Instant::now();
    let mut shown = String::new();
    loop {
        let step = executor.step(&mut client, true);
        let held: Vec<String> =
            step.held.iter().map(|held| format!("{} {}", held.symbol, held.qty)).collect();
        let line = format!(
            "by REST: {}, orders open in {} books, position {}",
            step.at,
            step.open.len(),
            if held.is_empty() { "none".to_owned() } else { held.join(", ") }
        );
        for error in &step.errors {
            action.say(&format!("{:>6.1} s  {error}", begun.elapsed().as_secs_f64()));
        }
        if line != shown {
            action.say(&format!("{:>6.1} s  {line}", begun.elapsed().as_secs_f64()));
            shown = line;
        }
        if step.at == KillStep::Flat {
            let (cancelled, flat) = executor.times();
            let ms = |time: Option<Duration>| time.map(|time| time.as_millis() as u64);
            return Ok(Done::new("flat", "flat, as the venue tells; `shrike unkill` releases it")
                .with("by", "venue")
                .with("cancelled_ms", ms(cancelled))
                .with("flat_ms", ms(flat)));
        }
        if Instant::now() + step.wait >= deadline {
            return Err(not_flat(place, begun.elapsed(), &shown, "nobody goes on trying here"));
        }
        std::thread::sleep(step.wait);
    }
}

/// `shrike unkill`.
///
/// # Errors
/// Not pressed, without a reason, not confirmed, or a trader that does not take it.
pub(crate) fn release(args: &UnkillArgs) -> Result<Exit, Failure> {
    let mut place = Place::find(args.instance.as_deref(), &args.file)?;
    let reason = args.reason.clone().unwrap_or_default();
    let action = action(&place, "unkill", &reason, args.nonce, args.json)?;
    action.run(|action| {
        let path = place.latch()?;
        let pressed = latch::read(&path).map_err(|error| Failure::file(&path, &error))?;
        let is_killed = place.is_live()
            && place.view.as_ref().and_then(command::current_state) == Some(TradingState::Killed);
        if pressed.is_none() && !is_killed {
            let what = format!("{}: the kill switch is not pressed", place.instance);
            return Err(Failure::new(Exit::Failed, what, ""));
        }
        match &pressed {
            Some(pressed) => action.say(&format!("pressed by {}", who(pressed))),
            None => action.say("the latch is gone, but the trader is still Killed"),
        }
        if action.asked.reason.trim().is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                "a release needs a reason",
                "add --reason \"…\": why it was pressed, and why it may be released",
            ));
        }
        match &args.confirm {
            Some(name) if is_confirmed(name, &place.instance) => {}
            Some(_) => {
                return Err(Failure::new(
                    Exit::Usage,
                    "not confirmed; nothing was released",
                    "--confirm takes the instance's name",
                ));
            }
            None => action.typed("may be traded again")?,
        }
        action.must_note("asked")?;
        latch::release(&path).map_err(|error| Failure::file(&path, &error))?;
        action.say(&format!("released: {}", path.display()));
        action.note("released");
        let deadline = Instant::now() + Duration::from_secs(args.timeout);
        let guard = wait_for_guard(&place, deadline)?;
        place.refresh();
        let trader = tell_released(action, &place, deadline)?;
        Ok(Done::new(
            "released",
            format!("released; guard {guard}, trader {trader}. `shrike resume` is the next step"),
        )
        .with("guard", guard)
        .with("trader", trader)
        .with("pressed", pressed.as_ref().map_or(Value::Null, pressed_json)))
    })
}

/// A latch for programs.
pub(crate) fn pressed_json(pressed: &Pressed) -> Value {
    json!({
        "trigger": pressed.trigger.as_str(), "by": pressed.by, "uid": pressed.uid,
        "user": audit::user(pressed.uid), "reason": pressed.reason,
        "time": (pressed.wall_ns != 0).then(|| utc(pressed.wall_ns)),
    })
}

/// The latch of a path, for a status line.
pub(crate) fn latch_of(path: &Path) -> Result<Option<Pressed>, String> {
    latch::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Waits until guard no longer says that it is pressed; `not running` if there is none.
fn wait_for_guard(place: &Place, deadline: Instant) -> Result<&'static str, Failure> {
    loop {
        let verdict = newest::<Verdict>(&place.instance, Ring::Verdict);
        let is_fresh =
            |verdict: &Verdict| mono_ns().saturating_sub(verdict.mono_ns) <= VERDICT_AGE_MAX_NS;
        match verdict.filter(is_fresh) {
            None => return Ok("not running"),
            Some(verdict) if verdict.killed == 0 && verdict.may_add_risk == 1 => {
                return Ok("agrees");
            }
            Some(verdict) if verdict.killed == 0 => return Ok("still lets no risk be added"),
            Some(_) if Instant::now() >= deadline => {
                return Err(Failure::new(
                    Exit::Busy,
                    format!("{}: the latch is gone, but guard still says killed", place.instance),
                    "its file may name another state_dir, or it pressed again: see `shrike status`",
                ));
            }
            Some(_) => std::thread::sleep(POLL),
        }
    }
}

/// Tells a living trader; it refuses as long as the verdict it last read says killed.
fn tell_released(
    action: &Action,
    place: &Place,
    deadline: Instant,
) -> Result<&'static str, Failure> {
    let Some(view) = place.view.as_ref().filter(|_| place.is_live()) else {
        return Ok("not running");
    };
    let mut command = command_of(action, CommandKind::Unkill);
    loop {
        if command::current_state(view) != Some(TradingState::Killed) {
            return Ok(command::current_state(view).map_or("silent", TradingState::as_str));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = send_command(view, command, left.max(Duration::from_secs(1)))?;
        if answer.result != CommandResult::Refused || left.is_zero() {
            demand(&view.instance, &answer)?;
            let gone = Instant::now() + Duration::from_secs(1);
            while command::current_state(view) == Some(TradingState::Killed)
                && Instant::now() < gone
            {
                std::thread::sleep(POLL);
            }
            return Ok(command::current_state(view).map_or("silent", TradingState::as_str));
        }
        std::thread::sleep(POLL * 4);
        command = Command { nonce: nonce(None)?, ..command };
    }
}

/// Time for a person.
fn seconds(ns: u64) -> String {
    human::duration(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latch_is_told_in_words() {
        let pressed = Pressed {
            trigger: KillTrigger::Drawdown,
            uid: 0,
            wall_ns: 1_763_800_000_000_000_000,
            reason: "fell too far".to_owned(),
            by: "guard".to_owned(),
        };
        let text = who(&pressed);
        for part in ["drawdown", "guard", "2025-11-22T08:26:40.000Z", "“fell too far”"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let by_hand = Pressed { wall_ns: 0, reason: String::new(), by: String::new(), ..pressed };
        let text = who(&by_hand);
        assert!(text.contains("unknown time") && text.contains("made by hand"), "{text}");
        assert_eq!(pressed_json(&by_hand)["time"], Value::Null);
    }
}
