//! The order with a made-up trader: what it is told, in which states, and what an interruption at
//! any place leaves.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::release::state::{example, load};
use crate::release::store::{MANIFEST, Manifest, checksums, write_whole};

/// A trader and whoever runs it.
#[derive(Debug, Clone)]
struct World {
    clock: Instant,
    trader: Option<Trader>,
    /// What the processes are of.
    release: String,
    is_run: bool,
    is_killed: bool,
    starts: u64,
    /// It does not take commands.
    is_deaf: bool,
    /// What happened, in order.
    acts: Vec<String>,
    /// Starts that die at once after a restart.
    crashes: u64,
    /// A process that is of another release after a restart.
    stranger: Option<String>,
    is_unreconciled: bool,
    /// It lives, and is of another layout.
    is_unreadable: bool,
    /// Looks left before this process is killed.
    fuse: u64,
}

impl World {
    fn new() -> Self {
        let trader = Trader {
            pid: 100,
            state: TradingState::Armed,
            reason: StateReason::Reconciled,
            open_orders: 3,
            unknown_orders: 0,
            positions: 1,
            reconciled: 5,
            equity: 1_000,
            requests: [10, 0],
            mono_ns: 7,
        };
        Self {
            clock: Instant::now(),
            trader: Some(trader),
            release: "old".to_owned(),
            is_run: true,
            is_killed: false,
            starts: 1,
            is_deaf: false,
            acts: vec![],
            crashes: 0,
            stranger: None,
            is_unreconciled: false,
            is_unreadable: false,
            fuse: u64::MAX,
        }
    }
    fn burn(&mut self) {
        self.fuse -= 1;
        assert!(self.fuse > 0, "killed here");
    }
}

impl Desk for World {
    fn trader(&mut self) -> Option<Trader> {
        self.burn();
        self.trader
    }
    fn unreadable(&mut self) -> Option<Failure> {
        self.is_unreadable.then(|| Failure::new(Exit::NoInstance, "another layout", ""))
    }
    fn command(&mut self, kind: CommandKind) -> Result<(), Failure> {
        self.burn();
        self.acts.push(kind.to_string());
        let Some(trader) = self.trader.as_mut().filter(|_| !self.is_deaf) else {
            return Err(Failure::new(Exit::Busy, "no answer", ""));
        };
        match kind {
            CommandKind::Halt if trader.state == TradingState::Killed => {}
            CommandKind::Halt => {
                trader.state = TradingState::Halted;
                trader.reason = StateReason::Command;
            }
            CommandKind::CancelAll => trader.open_orders = 0,
            CommandKind::Reconcile => trader.reconciled += 1,
            CommandKind::Resume => {
                assert_eq!(trader.reason, StateReason::NotEnabled, "resumed before it reconciled");
                assert_eq!(self.release, "new", "only a new release is armed");
                trader.state = TradingState::Armed;
                trader.reason = StateReason::Reconciled;
            }
            other => panic!("{other} is no part of the order"),
        }
        self.burn();
        Ok(())
    }
    fn restart(&mut self, to: &str) -> Result<bool, Failure> {
        self.burn();
        if !self.is_run {
            return Ok(false);
        }
        if let Some(trader) = self.trader.filter(|_| !self.is_deaf) {
            assert!(trader.is_disarmed() && trader.open_orders == 0, "swapped: {trader:?}");
        }
        self.acts.push(format!("restart {to}"));
        self.release = to.to_owned();
        self.starts += 1 + self.crashes;
        self.is_deaf = false;
        let pid = self.trader.map_or(100, |trader| trader.pid) + 1 + self.crashes;
        let state = match (self.is_killed, self.is_unreconciled) {
            (true, _) => (TradingState::Killed, StateReason::Kill),
            (_, true) => (TradingState::Reconciling, StateReason::Boot),
            _ => (TradingState::Halted, StateReason::NotEnabled),
        };
        let (state, reason) = state;
        let new = Trader { pid, state, reason, open_orders: 0, ..World::new().trader.unwrap() };
        self.trader = (self.crashes == 0).then_some(new);
        self.burn();
        Ok(true)
    }
    fn starts(&mut self) -> u64 {
        self.starts
    }
    fn strangers(&mut self, release: &str) -> Vec<String> {
        let own = (self.release != release).then(|| "trader".to_owned());
        own.into_iter().chain(self.stranger.clone()).collect()
    }
    fn absent(&mut self) -> Vec<String> {
        vec![]
    }
    fn is_killed(&mut self) -> bool {
        self.is_killed
    }
    fn pause(&mut self) {
        self.clock += Duration::from_millis(500);
    }
    fn now(&mut self) -> Instant {
        self.clock
    }
    fn say(&mut self, _: &str) {}
}

fn store(dir: &tempfile::TempDir) -> Store {
    let store = Store::open(dir.path()).unwrap();
    for id in ["old", "new"] {
        std::fs::create_dir_all(store.release(id).join("bin")).unwrap();
        let manifest = Manifest {
            id: id.to_owned(),
            version: "1".to_owned(),
            at: String::new(),
            by: String::new(),
            from: String::new(),
            files: checksums(&store.release(id)).unwrap(),
        };
        let text = serde_json::to_string(&manifest).unwrap();
        write_whole(&store.release(id).join(MANIFEST), &text).unwrap();
    }
    store.link(Link::Current, "old").unwrap();
    store
}

fn drive(store: &Store, world: &mut World, change: &mut Change) -> Result<End, Failure> {
    Order { store, desk: world, limits: Limits::WIDEST }.drive(change)
}

/// Drives a change of a world: how it ends, and what was done.
#[track_caller]
fn check(direction: Direction, world: World, end: Option<End>, acts: &[&str]) -> Change {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let (mut world, mut change) = (world, example(direction, Step::Disarm));
    assert_eq!(drive(&store, &mut world, &mut change).ok(), end);
    assert_eq!(world.acts, acts);
    change
}

const ORDER: [&str; 5] = ["halt", "cancel_all", "reconcile", "restart new", "resume"];

fn broken(why: &str) -> Option<End> {
    Some(End::Broken(Broken(why.to_owned())))
}

#[test]
fn a_deployment_takes_every_step_in_order_and_is_watched() {
    let change = check(Direction::Deploy, World::new(), Some(End::Watch), &ORDER);
    assert_eq!((change.step, change.old_pid, change.seen.pid), (Step::Probation, 100, 101));
    assert_eq!((change.seen.armed_equity, change.seen.starts), (1_000, 1));
    assert!(change.seen.until_ms > 0);
}

#[test]
fn a_roll_back_never_arms() {
    check(Direction::Rollback, World::new(), Some(End::Back), &ORDER[..4]);
}

#[test]
fn a_trader_that_does_not_answer_stops_a_deployment_and_no_roll_back() {
    let deaf = World { is_deaf: true, ..World::new() };
    let mut halts = vec!["halt"; 4];
    check(Direction::Deploy, deaf.clone(), None, &halts);
    halts.extend(["cancel_all"; 4]);
    halts.extend(["reconcile"; 4]);
    halts.push("restart new");
    check(Direction::Rollback, deaf, Some(End::Back), &halts);
}

#[test]
fn a_trader_that_cannot_be_read_is_not_one_that_has_ended() {
    let world = World { trader: None, is_unreadable: true, ..World::new() };
    check(Direction::Deploy, world.clone(), None, &[]);
    let back = World { is_unreconciled: false, ..world };
    check(Direction::Rollback, back, Some(End::Back), &["restart new"]);
}

#[test]
fn what_a_person_halted_stays_halted() {
    for reason in [StateReason::Command, StateReason::LossLimit, StateReason::RepeatedOrders] {
        let mut world = World::new();
        let halted = Trader { state: TradingState::Halted, reason, ..world.trader.unwrap() };
        world.trader = Some(halted);
        let acts = ["cancel_all", "reconcile", "restart new"];
        let change = check(Direction::Deploy, world, Some(End::Held), &acts);
        assert_eq!(change.arms, Some(false), "{reason}");
    }
    // What only waits for its first order to trade is armed.
    let mut world = World::new();
    let (state, reason) = (TradingState::Halted, StateReason::NotEnabled);
    world.trader = Some(Trader { state, reason, ..world.trader.unwrap() });
    check(Direction::Deploy, world, Some(End::Watch), &ORDER[1..]);
}

#[test]
fn without_a_trader_there_is_only_a_swap() {
    let world = World { trader: None, is_run: false, ..World::new() };
    let change = check(Direction::Deploy, world, Some(End::NotRunning), &[]);
    assert_eq!(change.step, Step::ReconcileNew);
}

#[test]
fn a_crash_loop_a_missing_truth_and_a_mixed_build_are_not_armed() {
    let world = World { crashes: 2, ..World::new() };
    let why = "crash loop: the trader was started 3 times";
    check(Direction::Deploy, world, broken(why), &ORDER[..4]);
    let world = World { is_unreconciled: true, ..World::new() };
    let why = "no reconciliation within 60 s: it is Reconciling (boot)";
    check(Direction::Deploy, world.clone(), broken(why), &ORDER[..4]);
    let why = "no reconciliation within 60 s: it is Reconciling (boot)".to_owned();
    check(Direction::Rollback, world, Some(End::BackUnreconciled(why)), &ORDER[..4]);
    let world = World { stranger: Some("persist".to_owned()), ..World::new() };
    check(Direction::Deploy, world, broken("build mismatch: persist"), &ORDER[..4]);
}

#[test]
fn with_the_kill_switch_pressed_nothing_is_armed() {
    let mut world = World { is_killed: true, ..World::new() };
    let trader = world.trader.as_mut().unwrap();
    (trader.state, trader.reason, trader.positions) = (TradingState::Killed, StateReason::Kill, 0);
    // Killed is beyond halted: there is nothing to send for it.
    check(Direction::Deploy, world.clone(), None, &ORDER[1..3]);
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let mut change = Change { while_killed: true, ..example(Direction::Deploy, Step::Disarm) };
    assert_eq!(drive(&store, &mut world, &mut change), Ok(End::Killed));
    assert_eq!(world.acts, ORDER[1..4]);
}

#[test]
fn a_damaged_release_is_not_started() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    std::fs::write(store.release("new").join("bin/trader"), "x").unwrap();
    let (mut world, mut change) = (World::new(), example(Direction::Deploy, Step::Disarm));
    assert_eq!(drive(&store, &mut world, &mut change).unwrap_err().exit, Exit::Data);
    assert_eq!(store.linked(Link::Current).as_deref(), Some("old"));
    assert_eq!(world.acts, ORDER[..3]);
}

#[test]
fn interrupted_anywhere_it_goes_on_or_back() {
    let mut places = 0;
    for direction in [Direction::Deploy, Direction::Rollback] {
        for fuse in 2.. {
            let dir = tempfile::tempdir().unwrap();
            let store = store(&dir);
            let mut world = World { fuse, ..World::new() };
            let mut change = example(Direction::Deploy, Step::Disarm);
            let ended = catch_unwind(AssertUnwindSafe(|| drive(&store, &mut world, &mut change)));
            if ended.is_ok() {
                break;
            }
            places += 1;
            world.fuse = u64::MAX;
            // What the next process knows is what is on disk.
            let mut left = load(&store).unwrap().unwrap();
            if direction == Direction::Rollback {
                left = Change { to: "old".to_owned(), ..example(direction, Step::Disarm) };
            }
            let ended = drive(&store, &mut world, &mut left);
            let (end, state, runs) = match direction {
                Direction::Deploy => (End::Watch, TradingState::Armed, "new"),
                Direction::Rollback => (End::Back, TradingState::Halted, "old"),
            };
            assert_eq!(ended, Ok(end), "fuse {fuse}: {:?}", world.acts);
            assert_eq!(world.trader.unwrap().state, state, "fuse {fuse}");
            assert_eq!(world.release, runs, "fuse {fuse}");
            assert_eq!(store.linked(Link::Current).as_deref(), Some(runs));
        }
    }
    assert!(places > 30, "only {places} places");
}
