//! The kill switch by each of its ways, a start that waits, and builds that differ.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use rings::latch;
use schema::{Command, CommandKind, KillTrigger, PositionDelta, StateReason, Verdict};

use super::*;
use crate::cold::builds::Builds;
use crate::cold::kill::Switch;

/// The rig with the cold thread's end of the switch.
struct Killing {
    rig: Rig,
    switch: Switch,
    signal: Arc<AtomicBool>,
    latch: PathBuf,
    _dir: tempfile::TempDir,
}

impl Killing {
    fn of(rig: Rig, is_killed: bool) -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let latch = dir.path().join("state/killed");
        let signal = Arc::new(AtomicBool::new(false));
        let switch = Switch::new(&latch, Arc::clone(&signal), is_killed);
        Self { rig, switch, signal, latch, _dir: dir }
    }

    /// Armed, with an order that rests at the venue.
    fn armed() -> Self {
        let mut rig = Rig::armed(|config| {
            let mut strategy = StrategyConfig::by_name("test").expect("there is one");
            strategy.set("style", SettingValue::Word("gtx")).expect("a style");
            strategy.set("hold_ms", SettingValue::Integer(3_600_000)).expect("an hour");
            config.strategy = strategy;
        });
        rig.report("NEW");
        Self::of(rig, false)
    }

    fn state(&self) -> TradingState {
        self.rig.turn.parts.desk.engine.state()
    }

    /// One turn of either thread.
    fn turn(&mut self) {
        if let Some(press) = self.switch.look(Instant::now()) {
            self.rig.to_hot.push(ToHot::Kill(press)).map_err(drop).expect("room");
        }
        self.rig.turn.turn();
        while let Ok(message) = self.rig.from_hot.pop() {
            if let ToCold::Kill(change) = message {
                self.switch.changed(Instant::now(), &change);
            }
        }
    }

    fn until(&mut self, what: &str, is_done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_done(self) {
            self.turn();
            assert!(begun.elapsed() < Duration::from_secs(20), "still waiting: {what}");
        }
    }

    fn send(&self, command: &Command) {
        let mut sender =
            control::Sender::<Record>::open(&self.rig._instance.0, LAYOUT_HASH).expect("control");
        sender.send(&Event::Command(*command).to_record()).expect("room");
    }

    fn on_disk(&self) -> Option<KillTrigger> {
        latch::read(&self.latch).expect("own folder").map(|pressed| pressed.trigger)
    }

    /// Killed by this: on disk, what rests is cancelled, and no tick makes an order.
    fn is_killed_by(&mut self, trigger: KillTrigger) {
        self.until("killed", |k| k.state() == TradingState::Killed);
        self.until("on disk", |k| k.on_disk() == Some(trigger));
        let cancel = self.next_request();
        assert!(cancel.contains("order.cancel"), "{cancel}");
        let ticks = self.rig.turn.ticks;
        self.rig.tick(900);
        self.until("a tick came", |k| k.rig.turn.ticks > ticks);
        while let Ok(text) = self.rig.peers[Slot::of(Link::Order, 0).index()].heard.try_recv() {
            assert!(!text.contains("order.place"), "{text}");
        }
        let mut pressed = Vec::new();
        while let Next::Item(_, record) = self.rig.journal.next() {
            if let Ok(Event::Kill(change)) = Event::from_record(&record) {
                pressed.push((change.is_on, change.trigger));
            }
        }
        assert_eq!(pressed, [(true, trigger)]);
    }

    fn next_request(&mut self) -> String {
        let begun = Instant::now();
        loop {
            self.turn();
            let heard = &self.rig.peers[Slot::of(Link::Order, 0).index()].heard;
            if let Ok(text) = heard.try_recv() {
                return text;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "nothing was asked of the venue");
        }
    }

    /// Tells the account, with a position of so much.
    fn reconcile(&mut self, qty: &str) {
        let mut truth = Truth {
            requested_at: tsc::mono(),
            wallet: Notional::from_units(1_000_000 * SCALE),
            ..Truth::default()
        };
        truth.positions[0] = PositionDelta {
            qty: Qty::from_units(units(qty)),
            entry_price: Price::from_units(units("100")),
            ..PositionDelta::default()
        };
        let reconciliation = Box::new(Reconciliation { missed: Vec::new(), truth });
        self.rig.to_hot.push(ToHot::Reconciled(reconciliation)).map_err(drop).expect("room");
    }

    /// Connected, with prices.
    fn connected(config: impl FnOnce(&mut engine::Config)) -> Rig {
        let mut rig = Rig::made_of(patient(), config);
        for link in Link::ALL {
            rig.connect(Slot::of(*link, 0));
        }
        rig.until("pings are answered", |turn| turn.session.is_answered());
        rig.say(Slot::of(Link::Market, 0), &super::mark());
        rig.until("a mark", |turn| turn.ticks == 1);
        rig.tick(1);
        rig.until("a book", |turn| turn.ticks == 2);
        rig
    }
}

fn command(nonce: u64, kind: CommandKind) -> Command {
    Command::plain(nonce, kind, tsc::wall(), 7)
}

#[test]
fn a_command_kills_and_is_put_on_disk() {
    let mut killing = Killing::armed();
    killing.send(&Command { trigger: Some(KillTrigger::Person), ..command(1, CommandKind::Kill) });
    killing.is_killed_by(KillTrigger::Person);
}

#[test]
fn a_latch_put_there_by_hand_kills() {
    let mut killing = Killing::armed();
    std::fs::create_dir_all(killing.latch.parent().expect("state")).expect("own folder");
    std::fs::write(&killing.latch, "").expect("own folder");
    killing.is_killed_by(KillTrigger::Latch);
}

#[test]
fn a_signal_kills() {
    let mut killing = Killing::armed();
    killing.signal.store(true, Ordering::Relaxed);
    killing.is_killed_by(KillTrigger::Signal);
}

#[test]
fn guards_verdict_kills_and_is_put_on_disk() {
    let mut killing = Killing::armed();
    let verdict = Verdict {
        mono_ns: tsc::mono().0,
        sequence: 1,
        killed: 1,
        trigger: KillTrigger::Drawdown as u64,
        ..Verdict::default()
    };
    killing.rig.to_hot.push(ToHot::Verdict(verdict)).map_err(drop).expect("room");
    killing.is_killed_by(KillTrigger::Drawdown);
}

#[test]
fn a_release_leads_to_halted_and_only_a_resume_to_armed() {
    let mut killing = Killing::armed();
    killing.send(&command(1, CommandKind::Kill));
    killing.is_killed_by(KillTrigger::Person);
    killing.send(&command(2, CommandKind::Resume));
    // A release that leaves the latch where it is does not last.
    killing.send(&command(3, CommandKind::Unkill));
    killing.until("released", |k| k.state() != TradingState::Killed);
    killing.until("pressed again by the latch", |k| k.state() == TradingState::Killed);
    latch::release(&killing.latch).expect("own folder").expect("it was pressed");
    killing.send(&command(4, CommandKind::Unkill));
    killing.until("released", |k| k.state() == TradingState::Halted);
    assert_eq!(killing.on_disk(), None);
    killing.send(&command(5, CommandKind::Resume));
    killing.until("resumed", |k| k.state() == TradingState::Reconciling);
    killing.reconcile("0");
    killing.until("armed", |k| k.state() == TradingState::Armed);
    assert_eq!(killing.on_disk(), None);
}

#[test]
fn a_start_with_the_latch_pressed_closes_what_it_finds() {
    let rig = Killing::connected(|config| config.is_killed = true);
    let mut killing = Killing::of(rig, true);
    latch::press(
        &killing.latch,
        &latch::Pressed {
            trigger: KillTrigger::Person,
            uid: 7,
            wall_ns: 1,
            reason: String::new(),
            by: String::new(),
        },
    )
    .expect("own folder");
    killing.until("killed", |k| k.state() == TradingState::Killed);
    killing.reconcile("2.000");
    let close = killing.next_request();
    let is_close = close.contains("order.place")
        && close.contains(r#""reduceOnly":"true""#)
        && close.contains(r#""side":"SELL""#);
    assert!(is_close, "{close}");
    assert_eq!(killing.state(), TradingState::Killed);
}

#[test]
fn a_stop_while_killed_ends() {
    let mut killing = Killing::of(Killing::connected(|config| config.is_killed = true), true);
    killing.until("killed", |k| k.state() == TradingState::Killed);
    killing.reconcile("0");
    killing.rig.to_hot.push(ToHot::Stop).map_err(drop).expect("room");
    let begun = Instant::now();
    while !killing.rig.turn.is_finished() {
        killing.turn();
        assert!(begun.elapsed() < Duration::from_secs(4), "before the end gives up waiting");
    }
    assert!(killing.rig.turn.parts.desk.engine.is_quiet());
    assert_eq!(killing.state(), TradingState::Killed);
}

#[test]
fn a_stop_while_killed_waits_for_what_is_still_open() {
    let mut killing = Killing::of(Killing::connected(|config| config.is_killed = true), true);
    killing.reconcile("2.000");
    let close = killing.next_request();
    assert!(close.contains("order.place"), "{close}");
    killing.rig.to_hot.push(ToHot::Stop).map_err(drop).expect("room");
    killing.until("the end has begun", |k| k.rig.turn.ending != Ending::No);
    assert!(matches!(killing.rig.turn.ending, Ending::Flattening { .. }));
    assert!(!killing.rig.turn.is_finished());
}

#[test]
fn a_start_that_is_not_enabled_waits_for_a_resume() {
    let rig = Killing::connected(|config| config.is_enabled = false);
    let mut killing = Killing::of(rig, false);
    killing.reconcile("0");
    killing.until("halted", |k| k.state() == TradingState::Halted);
    killing.rig.turn.publish_status();
    assert_eq!(killing.rig.turn.status.state_reason, StateReason::NotEnabled as u64);
    let ticks = killing.rig.turn.ticks;
    killing.rig.tick(2);
    killing.until("a tick came", |k| k.rig.turn.ticks > ticks);
    assert_eq!(killing.rig.turn.parts.desk.sent(), 0);
    killing.send(&command(1, CommandKind::Resume));
    killing.until("resumed", |k| k.state() == TradingState::Reconciling);
    killing.reconcile("0");
    killing.until("armed", |k| k.state() == TradingState::Armed);
}

#[test]
fn processes_of_another_build_keep_it_from_armed_until_they_are_gone() {
    let mut killing = Killing::armed();
    let instance = killing.rig._instance.0.clone();
    let mut builds = Builds::new(&instance, "shrike 1 a".to_owned());
    let guard = rings::Presence::announce(&instance, "guard", "shrike 1 b").expect("a name");
    let mut at = Instant::now();
    let mut tell = |killing: &mut Killing| {
        at += Duration::from_secs(1);
        let are_one = builds.look(at).expect("it is told");
        killing.rig.to_hot.push(ToHot::Builds(are_one)).map_err(drop).expect("room");
    };
    tell(&mut killing);
    killing.until("not armed", |k| k.state() == TradingState::Reducing);
    killing.rig.turn.publish_status();
    assert_eq!(killing.rig.turn.status.state_reason, StateReason::BuildMismatch as u64);
    drop(guard);
    tell(&mut killing);
    killing.until("armed", |k| k.state() == TradingState::Armed);
}
