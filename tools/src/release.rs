//! `shrike release`: releases side by side, one order to change between them, probation, and one
//! roll-back.
//!
//! [`store`] is where they lie, [`intake`] how one comes there, [`state`] the change under way on
//! disk, [`order`] its steps, [`desk`] the processes it acts on, [`probation`] the measures,
//! [`supervise`] `shrike up --releases`. This file is the verbs, and what follows from each end of
//! a change.
//!
//! A change of programs never trades: it halts, cancels, asks and, forth only, resumes. Left out:
//! fetching and signing releases, more than one host.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rings::journal;
use schema::{Record, TradingState};
use serde_json::json;

use crate::cli::{DeployArgs, PlaceArgs, ReleaseVerb, RollbackArgs, WatchArgs};
use crate::exit::{Exit, Failure};
use crate::instance;

mod desk;
mod intake;
mod order;
mod overlay;
mod page;
mod probation;
mod settings;
mod show;
mod state;
mod store;
pub(crate) mod supervise;

use desk::{Live, Turn, Wish};
use order::{Broken, Desk, End, Order};
use settings::Settings;
use state::{Change, Direction, Seen, Step, now_ms};
use store::{Link, Store};

/// Time between two looks at a probation.
const LOOK: Duration = Duration::from_millis(100);
/// Time between two writes of its measures.
const KEEP: Duration = Duration::from_secs(1);
/// Time between two lines of it for people.
const SHOW: Duration = Duration::from_secs(10);

/// `shrike release …`.
///
/// # Errors
/// What the verb could not do.
pub(crate) fn run(verb: &ReleaseVerb) -> Result<Exit, Failure> {
    match verb {
        ReleaseVerb::Deploy(args) => deploy(args),
        ReleaseVerb::Status(args) => show::status(&open(&args.place)?, args.json),
        ReleaseVerb::List(args) => show::list(&open(&args.place)?, args.json),
        ReleaseVerb::Rollback(args) => rollback(args),
        ReleaseVerb::Resume(args) => resume(args),
        ReleaseVerb::Watch(args) => watch(args),
    }
}

/// Settings and store of the arguments.
fn open(place: &PlaceArgs) -> Result<(Settings, Store), Failure> {
    let settings = Settings::read(place)?;
    let store = Store::open(&settings.dir)?;
    Ok((settings, store))
}

fn deploy(args: &DeployArgs) -> Result<Exit, Failure> {
    let (settings, store) = open(&args.place)?;
    let id = intake::id_of(&args.source, args.id.as_deref())?;
    let _turn = Turn::take(&store)?;
    if let Some(change) = state::load(&store)? {
        return Err(under_way(&change));
    }
    let mut live = Live::new(&settings, &store);
    if live.is_killed() && !args.while_killed {
        return Err(order::killed());
    }
    intake::take(&store, &settings, &args.source, &id)?;
    let from = store.linked(Link::Current);
    if from.as_deref() == Some(id.as_str()) {
        println!("release {id} is current already");
        return Ok(Exit::Ok);
    }
    let then = match live.trader().as_ref().and_then(order::Trader::stays_halted) {
        Some(reason) => format!("stay halted ({reason})"),
        None => "trade again".to_owned(),
    };
    let what = format!("will be halted, run release {id} and {then}");
    confirm(args.yes, &settings.instance, &what)?;
    let probation = args.probation.unwrap_or(settings.probation.as_secs());
    let mut change = Change {
        direction: Direction::Deploy,
        from,
        to: id,
        step: Step::Disarm,
        why: args.reason.clone(),
        by: rustix::process::getuid().as_raw(),
        begun_ms: now_ms(),
        swapped_ms: 0,
        old_pid: 0,
        probation_s: probation,
        while_killed: args.while_killed,
        is_automatic: false,
        arms: None,
        seen: Seen::default(),
    };
    begin(&store, &change)?;
    finish(&settings, &store, &mut live, &mut change)
}

fn rollback(args: &RollbackArgs) -> Result<Exit, Failure> {
    let (settings, store) = open(&args.place)?;
    // Whoever watches a probation lets go at its next look.
    let wish = Wish::make(&store)?;
    let _turn = Turn::take(&store)?;
    let under_way = state::load(&store)?;
    let current = store.linked(Link::Current);
    let to = match (&args.to, &under_way) {
        (Some(id), _) => id.clone(),
        (None, Some(change)) if change.direction == Direction::Deploy && change.swapped_ms == 0 => {
            // Nothing was swapped: what runs is what it goes back to.
            change.from.clone().or_else(|| store.linked(Link::LastGood)).ok_or_else(no_good)?
        }
        (None, _) => store.linked(Link::LastGood).ok_or_else(no_good)?,
    };
    store.demand_sound(&to)?;
    if under_way.is_none() && current.as_ref() == Some(&to) {
        return Err(Failure::new(
            Exit::Usage,
            format!("release {to} is current and last good already"),
            "name an older one with --to ID; `shrike release list` has them",
        ));
    }
    confirm(args.yes, &settings.instance, &format!("will go back to release {to} and be halted"))?;
    let mut change = back(current, to, &args.reason, false);
    begin(&store, &change)?;
    drop(wish);
    finish(&settings, &store, &mut Live::new(&settings, &store), &mut change)
}

fn no_good() -> Failure {
    Failure::new(
        Exit::NoInstance,
        "no release has passed a probation yet: there is no last good one",
        "name one with --to ID; `shrike release list` has them",
    )
}

fn resume(args: &PlaceArgs) -> Result<Exit, Failure> {
    let (settings, store) = open(args)?;
    let _turn = Turn::take(&store)?;
    let Some(mut change) = state::load(&store)? else {
        println!("no change is under way");
        return Ok(Exit::Ok);
    };
    finish(&settings, &store, &mut Live::new(&settings, &store), &mut change)
}

fn watch(args: &WatchArgs) -> Result<Exit, Failure> {
    let (settings, store) = open(&args.place)?;
    loop {
        if !Wish::is_made(&store)
            && let Some(_turn) = Turn::try_take(&store)?
            && let Some(mut change) = state::load(&store)?
        {
            let mut live = Live::new(&settings, &store);
            // What waits for its processes waits for them here, too.
            let is_run = live.trader().is_some() || desk::Up::find(&store).is_some();
            if is_run || change.step < Step::ReconcileNew || !args.forever {
                let ended = finish(&settings, &store, &mut live, &mut change);
                if !args.forever {
                    return ended;
                }
                if let Err(failure) = ended {
                    eprintln!("shrike: {failure}");
                }
            }
        } else if !args.forever {
            return Ok(Exit::Ok);
        }
        std::thread::sleep(LOOK * 5);
    }
}

fn under_way(change: &Change) -> Failure {
    Failure::new(
        Exit::Busy,
        format!("a change to release {} is under way, at step {}", change.to, change.step.name()),
        "`shrike release resume` goes on with it, `shrike release rollback` undoes it",
    )
}

/// A change back.
fn back(from: Option<String>, to: String, why: &str, is_automatic: bool) -> Change {
    Change {
        direction: Direction::Rollback,
        from,
        to,
        step: Step::Disarm,
        why: why.to_owned(),
        by: rustix::process::getuid().as_raw(),
        begun_ms: now_ms(),
        swapped_ms: 0,
        old_pid: 0,
        probation_s: 0,
        while_killed: true,
        is_automatic,
        arms: None,
        seen: Seen::default(),
    }
}

fn begin(store: &Store, change: &Change) -> Result<(), Failure> {
    state::save(store, change)?;
    let what = match change.direction {
        Direction::Deploy => "deploy",
        Direction::Rollback => "rollback",
    };
    let more = json!({
        "from": change.from, "why": change.why, "automatic": change.is_automatic,
    });
    state::audit(store, what, &change.to, &more)
}

/// Drives a change to its end, whatever that is.
fn finish(
    settings: &Settings,
    store: &Store,
    live: &mut Live<'_>,
    change: &mut Change,
) -> Result<Exit, Failure> {
    loop {
        let mut order = Order { store, desk: live, limits: settings.limits };
        let end = match order.drive(change)? {
            End::Watch => match look_after(settings, store, live, change)? {
                Some(why) => End::Broken(why),
                None => return passed(store, live, change),
            },
            end => end,
        };
        match end {
            End::Watch => {}
            End::NotRunning => {
                live.say(&format!(
                    "{} is current; nobody runs it. `shrike up --releases {}` does, and watches it",
                    change.to,
                    settings.dir.display()
                ));
                return Ok(Exit::Ok);
            }
            End::Killed => {
                state::audit(store, "not_armed", &change.to, &json!({"why": "killed"}))?;
                state::clear(store)?;
                live.say(
                    "the kill switch is pressed: swapped, not armed, not on probation; after \
                     `shrike unkill`, `shrike resume` arms it",
                );
                return Ok(Exit::Ok);
            }
            End::Held => {
                let why = "it was halted before, or by a person since";
                state::audit(store, "not_armed", &change.to, &json!({"why": why}))?;
                state::clear(store)?;
                live.say(&format!(
                    "swapped, not armed, not on probation: {why}; `shrike resume` arms it"
                ));
                return Ok(Exit::Ok);
            }
            End::Broken(Broken(why)) => *change = take_back(settings, store, live, change, &why)?,
            End::Back => return came_back(settings, store, live, change, None),
            End::BackUnreconciled(why) => {
                return came_back(settings, store, live, change, Some(&why));
            }
        }
    }
}

/// A release that failed: halted, and the change back.
///
/// # Errors
/// There is nothing to go back to: the least that can be done was to stop.
fn take_back(
    settings: &Settings,
    store: &Store,
    live: &mut Live<'_>,
    change: &Change,
    why: &str,
) -> Result<Change, Failure> {
    live.say(&format!("release {} FAILED: {why}", change.to));
    // Before anything that a full disk may keep from being written.
    let halted = live.command(schema::CommandKind::Halt);
    state::audit(store, "failed", &change.to, &json!({"why": why}))?;
    let good = store.linked(Link::LastGood).filter(|good| *good != change.to);
    if let Some(good) = good {
        let next = back(Some(change.to.clone()), good, why, true);
        begin(store, &next)?;
        return Ok(next);
    }
    let text = format!(
        "Release {} failed ({why}); there is no last good one. The trader {}.",
        change.to,
        if halted.is_ok() { "is halted" } else { "could not be halted: press the kill switch" },
    );
    // A page that is interrupted comes once more; one that is forgotten never.
    page::people(settings, &change.to, &text);
    state::clear(store)?;
    Err(Failure::new(Exit::Failed, text, "deploy one that is good; RUNBOOK.md, ShrikeRolledBack"))
}

/// The end of a roll-back: the trader stays halted; an automatic one pages.
fn came_back(
    settings: &Settings,
    store: &Store,
    live: &mut Live<'_>,
    change: &Change,
    unreconciled: Option<&str>,
) -> Result<Exit, Failure> {
    let more = json!({"why": change.why, "from": change.from, "unreconciled": unreconciled});
    state::audit(store, "rolled_back", &change.to, &more)?;
    let from = change.from.as_deref().unwrap_or("nothing");
    let mut text =
        format!("{} is back, {from} is not: {}. The trader is halted.", change.to, change.why);
    if let Some(why) = unreconciled {
        text += &format!(" It does not reconcile either: {why}.");
    }
    if change.is_automatic || unreconciled.is_some() {
        page::people(settings, from, &text);
        state::clear(store)?;
        return Err(Failure::new(
            Exit::Failed,
            text,
            "find out why before `shrike resume` arms it; RUNBOOK.md, ShrikeRolledBack",
        ));
    }
    state::clear(store)?;
    live.say(&text);
    live.say("`shrike resume` arms it");
    Ok(Exit::Ok)
}

fn passed(store: &Store, live: &mut Live<'_>, change: &Change) -> Result<Exit, Failure> {
    store.link(Link::LastGood, &change.to)?;
    state::audit(store, "passed", &change.to, &json!({"seen": change.seen}))?;
    state::clear(store)?;
    live.say(&format!("release {} passed its probation: it is the last good one", change.to));
    Ok(Exit::Ok)
}

/// Watches a probation to its end; why it failed, if it did.
fn look_after(
    settings: &Settings,
    store: &Store,
    live: &mut Live<'_>,
    change: &mut Change,
) -> Result<Option<Broken>, Failure> {
    let no_figures = || Failure::new(Exit::Failed, "no histogram of latency", "");
    // After a reboot the monotonic clock has begun anew: everything is since.
    let armed_ns = Some(change.seen.armed_ns).filter(|at| *at <= instance::mono_ns()).unwrap_or(0);
    let mut latency = probation::Latency::new(armed_ns).ok_or_else(no_figures)?;
    let mut journal: Option<journal::Reader<Record>> = None;
    let mut kept = Instant::now();
    let mut shown: Option<Instant> = None;
    let mut gone: Option<Instant> = None;
    let limit_ns = settings.limits.latency_p99_ms.unsigned_abs() * 1_000_000;
    live.say(&format!("on probation for {} s", change.probation_s));
    loop {
        if Wish::is_made(store) {
            return Err(Failure::new(
                Exit::Busy,
                "a person goes back: this probation is over",
                "`shrike release status` shows what becomes of it",
            ));
        }
        // A look before a verdict: what happened while nobody watched counts.
        let mut order = Order { store, desk: live, limits: settings.limits };
        if let Some(why) = order.crash_loop(change) {
            return Ok(Some(why));
        }
        let trader = live.trader();
        if let (Some(view), Some(trader)) = (live.view(), trader) {
            if journal.as_ref().is_none_or(journal::Reader::is_stale) {
                journal = instance::journal(&settings.instance, true).ok();
                latency = probation::Latency::new(armed_ns).ok_or_else(no_figures)?;
            }
            if let Some(journal) = &mut journal {
                latency.follow(journal, view.info.tsc_hz);
            }
            let p99 = latency.p99(instance::mono_ns(), limit_ns);
            let equity = live.venue_equity();
            probation::measure(&mut change.seen, &trader, equity, p99, latency.bad_requests());
            if let Some(why) = probation::judge(&change.seen, &settings.limits) {
                keep(store, change, live);
                return Ok(Some(why));
            }
        }
        let strangers = live.strangers(&change.to);
        if !strangers.is_empty() {
            return Ok(Some(Broken(format!("build mismatch: {}", strangers.join(", ")))));
        }
        if live.is_killed() {
            return Ok(Some(Broken("the kill switch was pressed".to_owned())));
        }
        // Without a word of the venue's truth for so long, whether the trader lives or not.
        let is_in_touch = trader.is_some_and(|trader| {
            !matches!(trader.state, TradingState::Starting | TradingState::Reconciling)
        });
        gone = if is_in_touch { None } else { Some(gone.unwrap_or_else(Instant::now)) };
        let patience = Duration::from_secs(settings.limits.reconcile_s.unsigned_abs());
        if gone.is_some_and(|since| since.elapsed() >= patience) {
            let text = format!("no reconciliation within {} s", patience.as_secs());
            return Ok(Some(Broken(text)));
        }
        let trades = trader.is_some_and(|trader| {
            matches!(trader.state, TradingState::Armed | TradingState::Reducing)
        });
        if now_ms() >= change.seen.until_ms {
            if trades {
                return Ok(None);
            }
            live.say("the window is over, but the trader is not armed: it passes once it is");
        }
        if kept.elapsed() >= KEEP {
            kept = Instant::now();
            keep(store, change, live);
            if shown.is_none_or(|at| at.elapsed() >= SHOW) {
                shown = Some(kept);
                show::progress(change, &settings.limits);
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// Writes the measures down. A disk that is full keeps no release from being watched.
fn keep(store: &Store, change: &Change, live: &mut Live<'_>) {
    if let Err(failure) = state::save(store, change) {
        live.say(&format!("{}; the probation goes on", failure.what));
    }
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
    let _ = std::io::stdout().flush();
    let mut line = String::new();
    let _ = stdin.lock().read_line(&mut line);
    if line.trim() == name {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, "not confirmed; nothing was changed", ""))
}

/// The arguments with which `shrike up` starts the watch of its releases.
pub(crate) fn watch_arguments(config: &Path, releases: &Path) -> Vec<std::ffi::OsString> {
    let mut words: Vec<std::ffi::OsString> = vec![];
    words.extend(["release", "watch", "--forever", "--config"].map(Into::into));
    words.push(config.into());
    words.push("--releases".into());
    words.push(releases.into());
    words
}
