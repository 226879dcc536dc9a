//! Any sequence of orders, reports, prices and faults: a small venue that misbehaves by seed.

use std::collections::{BTreeSet, VecDeque};

use super::*;
use crate::input::{OpenAlgo, OpenOrder};
use proptest::prelude::*;

mod persons;
mod venue;

/// Enough randomness for a test, and the same on every host.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

#[derive(Clone, Copy)]
struct VenueOrder {
    order: NewOrder,
    cum: Qty,
    is_live: bool,
}

#[derive(Clone, Copy)]
enum UserEvent {
    Algo(AlgoUpdate),
    Report(ExecutionReport),
    Lite(TradeLite),
    Account(AccountUpdate),
}

/// The venue: the truth the engine has to find.
struct Venue {
    orders: Vec<VenueOrder>,
    stops: Vec<NewAlgo>,
    positions: [Position; 2],
    wallet: i64,
    trades: Vec<ExecutionReport>,
    user_events: VecDeque<UserEvent>,
    replies: VecDeque<OrderReply>,
}

struct World {
    rig: Rig,
    dice: Dice,
    venue: Venue,
    ids: BTreeSet<u64>,
    mids: [i64; 2],
    is_faulty: bool,
    /// Persons press the switch and change limits, and prices jump.
    is_bold: bool,
    /// What they did: kills, releases, limits tightened, orders let go while killed.
    deeds: [u32; 4],
    booked: usize,
}

impl World {
    fn new(seed: u64, is_bold: bool) -> Self {
        let mut dice = Dice(seed | 1);
        let strategy = match dice.roll(6) {
            0 => test_strategy(TestStyle::Ioc),
            1 => test_strategy(TestStyle::EveryTick),
            2 => StrategyConfig::by_name("imbalance").expect("named"),
            // The only ones that rest: the most can happen to them.
            _ => test_strategy(TestStyle::Gtx),
        };
        let mut config = config(strategy);
        config.limits.venue_rejects_max = 1_000;
        config.limits.daily_loss_max = usd(1_000_000);
        config.safety.protective_stop_ppm = [0, 10_000][dice.roll(2) as usize];
        if is_bold {
            persons::loosen(&mut config.limits);
        }
        let mut world = Self {
            rig: Rig::new(config),
            dice,
            venue: Venue {
                orders: Vec::new(),
                stops: Vec::new(),
                positions: [Position::FLAT; 2],
                wallet: usd(10_000).units(),
                trades: Vec::new(),
                user_events: VecDeque::new(),
                replies: VecDeque::new(),
            },
            ids: BTreeSet::new(),
            mids: [50_000, 3_000],
            is_faulty: true,
            is_bold,
            deeds: [0; 4],
            booked: 0,
        };
        for link in Link::ALL {
            world.apply(&Input::Link(*link, true));
        }
        world
    }

    /// Applies one input, lets the venue see what came out, and checks what must always hold.
    fn apply(&mut self, input: &Input<'_>) {
        self.rig.apply(input);
        let actions = std::mem::take(&mut self.rig.actions);
        for action in actions {
            self.watch_limits(&action);
            self.receive(&action);
        }
        let exposure = self.rig.engine.exposure(self.rig.now());
        for symbol in 0..2usize {
            let most = i128::from(milli(200).units());
            assert!(exposure.symbols[symbol].worst_abs() <= most, "engine's worst case");
            let held = i128::from(self.venue.positions[symbol].qty().units());
            let (mut long, mut short) = (held, -held);
            for o in self.venue.orders.iter().filter(|o| o.is_live) {
                let leaves = i128::from(o.order.qty.units() - o.cum.units());
                if o.order.symbol.index() != symbol || o.order.reduce_only {
                    continue;
                }
                match o.order.side {
                    Side::Buy => long += leaves,
                    Side::Sell => short += leaves,
                }
            }
            assert!(long.max(short) <= most, "the venue's worst case");
        }
    }

    fn deliver(&mut self) {
        let is_user_first = self.dice.one_in(2);
        if is_user_first && let Some(event) = self.venue.user_events.pop_front() {
            match event {
                UserEvent::Report(report) => self.apply(&Input::Report(&report)),
                UserEvent::Lite(lite) => self.apply(&Input::TradeLite(&lite)),
                UserEvent::Algo(update) => self.apply(&Input::Algo(&update)),
                UserEvent::Account(update) => self.apply(&Input::Account(&update)),
            }
        } else if let Some(reply) = self.venue.replies.pop_front()
            && self.rig.engine.links[Link::Order as usize]
        {
            self.apply(&Input::Reply(&reply));
        }
    }

    /// What the trader does when truth is wanted: trades first, then the account.
    fn reconcile(&mut self) {
        self.rig.elapsed_ns += MS;
        let requested_at = self.rig.now().mono;
        let trades: Vec<_> = self.venue.trades[self.booked..].to_vec();
        self.booked = self.venue.trades.len();
        for report in trades {
            self.apply(&Input::Report(&report));
        }
        self.rig.elapsed_ns += MS;
        let mut truth = Truth {
            requested_at: MonoNs(requested_at.0 + MS),
            wallet: Notional::from_units(self.venue.wallet),
            ..Truth::default()
        };
        let algo = |stop: &NewAlgo| OpenAlgo {
            symbol: stop.symbol,
            client_order_id: stop.client_order_id,
            algo_id: AlgoId(i64::from(stop.client_order_id.sequence())),
            side: stop.side,
            trigger_price: stop.trigger_price,
            close_position: true,
        };
        truth.algo_orders = Some(self.venue.stops.iter().map(algo).collect());
        for report in &self.venue.trades {
            truth.last_trades[report.symbol.index()] = report.trade_id;
        }
        for (told, position) in truth.positions.iter_mut().zip(&self.venue.positions) {
            told.qty = position.qty();
            told.entry_price = position.entry_price();
        }
        truth.open_orders.extend(self.venue.orders.iter().filter(|o| o.is_live).map(|o| {
            OpenOrder {
                symbol: o.order.symbol,
                client_order_id: o.order.client_order_id,
                venue_order_id: VenueOrderId(1),
                side: o.order.side,
                order_type: o.order.order_type,
                time_in_force: o.order.time_in_force,
                price: o.order.price,
                qty: o.order.qty,
                cum_qty: o.cum,
                reduce_only: o.order.reduce_only,
            }
        }));
        self.apply(&Input::Reconciled(&truth));
    }

    fn market(&mut self) {
        let symbol = self.dice.roll(2) as usize;
        self.mids[symbol] += self.dice.roll(5) as i64 - 2;
        let mid = self.mids[symbol];
        let is_crossed = self.is_faulty && self.dice.one_in(60);
        self.rig.update_id += 1;
        let ticker = BookTicker {
            symbol: SymbolId(symbol as u16),
            update_id: self.rig.update_id,
            bid_price: price(if is_crossed { mid + 2 } else { mid - 1 }),
            bid_qty: milli(1 + self.dice.roll(1_000) as i64),
            ask_price: price(mid + 1),
            ask_qty: milli(1 + self.dice.roll(1_000) as i64),
            transaction_time: self.rig.now().wall,
            event_time: self.rig.now().wall,
        };
        self.apply(&Input::BookTicker(&ticker));
        let mark =
            Mark { symbol: SymbolId(symbol as u16), mark_price: price(mid), ..Mark::default() };
        self.apply(&Input::Mark(&mark));
    }

    fn fill_resting(&mut self) {
        let live: Vec<usize> =
            (0..self.venue.orders.len()).filter(|&i| self.venue.orders[i].is_live).collect();
        if !live.is_empty() {
            let index = live[self.dice.roll(live.len() as u64) as usize];
            self.trade(index);
        }
    }

    fn step(&mut self) {
        self.rig.elapsed_ns += self.dice.roll(100) * MS;
        if self.is_bold && self.dice.one_in(12) {
            return self.person();
        }
        match self.dice.roll(40) {
            0..=15 => self.market(),
            16..=27 => self.deliver(),
            28..=31 => self.apply(&Input::Timer),
            32..=34 => self.fill_resting(),
            35 | 39 if self.rig.engine.wants_reconcile() => self.reconcile(),
            36 => self.flip_link(),
            37 if self.dice.one_in(20) => {
                let kind = [CommandKind::Flatten, CommandKind::CancelAll, CommandKind::Halt]
                    [self.dice.roll(3) as usize];
                self.command(kind);
            }
            38 if self.rig.engine.state() == TradingState::Halted => {
                self.command(CommandKind::Resume)
            }
            _ => self.apply(&Input::Timer),
        }
    }

    fn flip_link(&mut self) {
        let link = [Link::Order, Link::User, Link::Public][self.dice.roll(3) as usize];
        let is_up = self.rig.engine.links[link as usize];
        if is_up && !self.dice.one_in(15) {
            return;
        }
        match link {
            Link::User => self.venue.user_events.clear(),
            Link::Order => self.venue.replies.clear(),
            _ => {}
        }
        self.apply(&Input::Link(link, !is_up));
    }

    fn command(&mut self, kind: CommandKind) {
        let nonce = self.rig.engine.input_number() + 1;
        let command = Command::plain(nonce, kind, self.rig.now().wall, 0);
        self.apply(&Input::Command(&command));
    }

    /// Faults end; local truth must become the venue's without any help.
    fn heal(&mut self) {
        self.is_faulty = false;
        for link in Link::ALL {
            if !self.rig.engine.links[*link as usize] {
                self.apply(&Input::Link(*link, true));
            }
        }
        if self.is_bold {
            // Within a limit of one lot and a dozen messages, closing takes longer than this.
            self.give_back();
        }
        self.command(CommandKind::Stop);
        for _ in 0..600 {
            self.rig.elapsed_ns += 50 * MS;
            self.market();
            self.apply(&Input::Timer);
            while !(self.venue.user_events.is_empty() && self.venue.replies.is_empty()) {
                self.deliver();
            }
            if self.rig.engine.wants_reconcile() {
                self.reconcile();
            }
        }
    }
}

fn run(seed: u64, steps: usize) -> World {
    run_with(seed, steps, false)
}

fn run_with(seed: u64, steps: usize, is_bold: bool) -> World {
    let mut world = World::new(seed, is_bold);
    for _ in 0..steps {
        world.step();
    }
    world.heal();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_risk_is_bounded_and_local_truth_becomes_the_venues(seed in any::<u64>()) {
        let world = run(seed, 600);
        let engine = &world.rig.engine;
        prop_assert!(engine.is_quiet(), "no order is left over");
        prop_assert!(world.venue.orders.iter().all(|o| !o.is_live));
        for symbol in 0..2 {
            let position = engine.position(SymbolId(symbol));
            prop_assert_eq!(position.qty(), world.venue.positions[symbol as usize].qty());
        }
        prop_assert_eq!(engine.counts.fills as usize, world.venue.trades.len());
        prop_assert_eq!(engine.wallet().units(), world.venue.wallet);
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(seed in any::<u64>()) {
        let (first, second) = (run(seed, 200), run(seed, 200));
        prop_assert_eq!(first.rig.records, second.rig.records);
        prop_assert_eq!(first.ids, second.ids);
    }
}

#[test]
fn the_faulty_venue_reaches_the_rare_branches() {
    let (mut unknown, mut reduced, mut flattened, mut moved, mut fills) = (0, 0, 0, 0, 0);
    for seed in 1..40 {
        let world = run(seed * 7_919, 600);
        fills += world.venue.trades.len();
        for record in &world.rig.records {
            match Event::from_record(record) {
                Ok(Event::State(change)) => {
                    unknown += u32::from(change.reason == StateReason::UnknownOrder);
                    reduced += u32::from(change.to == TradingState::Reducing);
                }
                Ok(Event::Modify(..)) => moved += 1,
                Ok(Event::Decision(d)) => {
                    let strategy = d.order.client_order_id.strategy();
                    flattened += u32::from(strategy == StrategyId::MANUAL);
                }
                _ => {}
            }
        }
    }
    println!(
        "{unknown} unknown, {reduced} reduced, {flattened} flattening, {moved} moved, {fills} fills"
    );
    assert!(unknown > 10 && reduced > 50 && flattened > 0 && moved > 20 && fills > 300);
}

/// Seeds that once failed, by what they found.
#[test]
fn a_fill_that_a_truth_already_holds_is_booked_when_it_is_told() {
    let world = run(12_498_105_936_455_339_736, 600);
    assert!(world.rig.engine.is_quiet());
    assert_eq!(world.rig.engine.counts.fills as usize, world.venue.trades.len());
}
