//! A journal from a seed, as a trader would write it, and the rows it must become.

use std::collections::BTreeMap;

use schema::{
    BalanceDelta, Bar, BootEpoch, ClientOrderId, Command, CommandAnswer, CommandKind,
    CommandResult, Decision, Event, ExecType, ExecutionReport, KillChange, KillTrigger,
    LimitChange, LimitKind, MonoNs, NewLimit, NewOrder, Notional, OrderReply, OrderStatus,
    OrderType, PositionDelta, Price, Qty, Reason, Record, Reject, RequestId, RunInfo, SCALE, Side,
    StateChange, StateReason, StrategyId, SymbolId, SymbolName, TimeInForce, TradeId, TradingState,
    VenueOrderId, WallNs,
};

/// Wall clock of the first record: 2026-11-22 23:50 UTC, ten minutes before a new day.
pub const BOOT_WALL_NS: i64 = 1_795_391_400_000_000_000;
/// Monotonic clock of the first record.
pub const MONO_NS: u64 = 1_000_000_000;
/// Symbols of every script.
const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];
/// Time between two steps, ns.
const STEP_NS: u64 = 700_000_000;

/// What a journal's header says of these runs.
pub fn run_info() -> RunInfo {
    let mut info = RunInfo {
        wall_minus_mono_ns: BOOT_WALL_NS - MONO_NS as i64,
        tsc_hz: 1_000_000_000,
        capital: 1000 * SCALE,
        leverage_max_e2: 300,
        symbol_count: SYMBOLS.len() as u64,
        ..RunInfo::default()
    };
    for (slot, name) in info.symbols.iter_mut().zip(SYMBOLS) {
        slot.name = SymbolName::new(name.as_bytes()).expect("short names");
    }
    info
}

/// An order as the model knows it; sums of its fills.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelOrder {
    /// Filled, units of 1e-8.
    pub size: i64,
    /// Price × quantity, units of 1e-16.
    pub cost_e16: i128,
    /// Commission, units of 1e-8.
    pub commission: i64,
    /// Fills.
    pub fills: i64,
}

/// What the tables must say, computed from what was generated and not from records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// By order id.
    pub trades: BTreeMap<String, ModelOrder>,
    /// Orders decided or reported.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Signed quantity by symbol.
    pub positions: BTreeMap<String, i64>,
    /// Paid minus received by symbol, units of 1e-16.
    pub paid_e16: BTreeMap<String, i128>,
    /// Distinct minutes of all symbols.
    pub minutes: u64,
    /// State changes.
    pub states: u64,
    /// Refused orders.
    pub refused: i64,
    /// Commands with different nonces.
    pub commands: u64,
    /// Changes of limits.
    pub limits: u64,
    /// Kills.
    pub kills: u64,
}

struct Working {
    decision: NewOrder,
    venue_id: i64,
    filled: i64,
}

/// Makes records for ever; the same seed makes the same ones.
pub struct Script {
    random: u64,
    epoch: BootEpoch,
    /// Ids go on over scripts of the same venue.
    next_id: i64,
    sequence: u32,
    mono_ns: u64,
    minute: i64,
    working: Vec<Working>,
    wallet: i64,
    nonce: u64,
    queue: Vec<Record>,
    /// What the tables must say after the records taken so far (once the queue is empty).
    pub model: Model,
}

impl Script {
    /// A run of a boot; `first_id` is the venue's next order and trade id.
    pub fn new(seed: u64, epoch: u32, first_id: i64) -> Self {
        let mut script = Self {
            random: seed,
            epoch: BootEpoch(epoch),
            next_id: first_id,
            sequence: 0,
            mono_ns: MONO_NS,
            minute: 0,
            working: Vec::new(),
            wallet: 1000 * SCALE,
            nonce: u64::from(epoch) << 32,
            queue: Vec::new(),
            model: Model::default(),
        };
        script.put(Event::Boot(script.epoch, script.wall()));
        script.balance(0, false);
        script
    }

    /// Records of `steps` steps.
    pub fn take(&mut self, steps: usize) -> Vec<Record> {
        for _ in 0..steps {
            self.step();
        }
        std::mem::take(&mut self.queue)
    }

    /// SplitMix64: good enough to choose, and the same everywhere.
    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn wall(&self) -> WallNs {
        WallNs(BOOT_WALL_NS + (self.mono_ns - MONO_NS) as i64)
    }

    fn put(&mut self, event: Event) {
        self.queue.push(event.to_record().stamped(MonoNs(self.mono_ns), 0));
    }

    fn step(&mut self) {
        self.mono_ns += STEP_NS;
        let minute = (self.wall().0 / 60_000_000_000) * 60_000_000_000;
        if minute > self.minute {
            self.minute = minute;
            self.bars();
        }
        match self.random(20) {
            0..=5 => self.decide(),
            6..=13 => self.fill(),
            14 => self.cancel(),
            15 => self.balance(self.random as i64 % SCALE, true),
            16 => self.state(),
            17 => self.refuse(),
            18 => self.command(),
            _ => self.refuse_by_venue(),
        }
    }

    fn symbol(&mut self) -> SymbolId {
        SymbolId(self.random(SYMBOLS.len() as u64) as u16)
    }

    fn bars(&mut self) {
        for index in 0..SYMBOLS.len() {
            let close = self.price();
            self.model.minutes += 1;
            self.put(Event::Bar(Bar {
                symbol: SymbolId(index as u16),
                open_time: WallNs(self.minute - 60_000_000_000),
                open: close,
                high: close,
                low: close,
                close,
                volume: Qty::from_units(3 * SCALE),
                quote_volume: Notional::from_units(7),
                trade_count: 5,
                funding_rate_e8: 10_000,
            }));
        }
    }

    fn price(&mut self) -> Price {
        Price::from_units(100 * SCALE + self.random(SCALE as u64) as i64)
    }

    fn decide(&mut self) {
        let symbol = self.symbol();
        self.sequence += 1;
        self.next_id += 1;
        let price = self.price();
        let side = if self.random(2) == 0 { Side::Buy } else { Side::Sell };
        let decision = NewOrder {
            symbol,
            client_order_id: ClientOrderId::new(self.epoch, StrategyId::TEST, self.sequence),
            side,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            price,
            qty: Qty::from_units(1 + self.random(SCALE as u64) as i64),
            reduce_only: false,
        };
        self.put(Event::Decision(Decision {
            order: decision,
            request_id: RequestId(u64::from(self.sequence)),
            bid_price: Price::from_units(price.units() - 1000),
            ask_price: price,
            signal_e8: self.random as i64 % SCALE,
            worst_position: decision.qty,
        }));
        self.model.orders += 1;
        let working = Working { decision, venue_id: self.next_id, filled: 0 };
        self.put(Event::Report(report(&working, self.wall(), ExecType::New, OrderStatus::New)));
        self.working.push(working);
    }

    fn fill(&mut self) {
        if self.working.is_empty() {
            return self.decide();
        }
        let index = self.random(self.working.len() as u64) as usize;
        let left = self.working[index].decision.qty.units() - self.working[index].filled;
        let whole = self.random(2) == 0;
        let qty = if whole { left } else { 1 + self.random(left as u64) as i64 };
        let (price, commission) = (self.price(), self.random(1_000_000) as i64);
        self.next_id += 1;
        let (time, trade_id) = (self.wall(), TradeId(self.next_id));
        let working = &mut self.working[index];
        working.filled += qty;
        let is_done = qty == left;
        let status = if is_done { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let order = working.decision;
        let fill = ExecutionReport {
            last_qty: Qty::from_units(qty),
            last_price: price,
            trade_id,
            commission: Notional::from_units(commission),
            realized_pnl: Notional::from_units(commission % 3 - 1),
            ..report(working, time, ExecType::Trade, status)
        };
        let name = SYMBOLS[order.symbol.index()].to_owned();
        let row = self.model.trades.entry(format!("{name}-{}", working.venue_id)).or_default();
        let cost = price.times(Qty::from_units(qty));
        row.size += qty;
        row.cost_e16 += cost;
        row.commission += commission;
        row.fills += 1;
        self.model.fills += 1;
        *self.model.paid_e16.entry(name.clone()).or_default() +=
            cost * i128::from(order.side.sign());
        let position = self.model.positions.entry(name).or_default();
        *position += qty * order.side.sign();
        let heard = Event::Position(
            PositionDelta {
                symbol: order.symbol,
                qty: Qty::from_units(*position),
                entry_price: price,
                unrealized_pnl: Notional::ZERO,
            },
            time,
        );
        // The venue tells the position before or after its fill.
        if self.random(2) == 0 {
            self.put(heard);
            self.put(Event::Report(fill));
        } else {
            self.put(Event::Report(fill));
            self.put(heard);
        }
        if self.random(4) == 0 {
            // The same report again, as after a reconnection.
            self.put(Event::Report(fill));
        }
        if is_done {
            self.working.remove(index);
        }
    }

    fn cancel(&mut self) {
        let Some(working) = self.working.pop() else { return self.decide() };
        let done = report(&working, self.wall(), ExecType::Canceled, OrderStatus::Canceled);
        self.put(Event::Report(done));
    }

    fn balance(&mut self, change: i64, is_funding: bool) {
        self.wallet += change;
        self.put(Event::Balance(
            BalanceDelta {
                is_quote: true,
                wallet: Notional::from_units(self.wallet),
                cross_wallet: Notional::from_units(self.wallet),
                change: Notional::from_units(change),
            },
            self.wall(),
            is_funding,
        ));
    }

    fn state(&mut self) {
        self.model.states += 1;
        self.put(Event::State(StateChange {
            from: TradingState::Armed,
            to: TradingState::Reducing,
            reason: StateReason::StaleFeed,
            wall: self.wall(),
        }));
    }

    fn refuse(&mut self) {
        self.model.refused += 1;
        let order = NewOrder {
            symbol: self.symbol(),
            client_order_id: ClientOrderId::NONE,
            side: Side::Buy,
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Gtc,
            price: Price::ZERO,
            qty: Qty::from_units(1),
            reduce_only: false,
        };
        self.put(Event::Refused(order, Reject::StaleBook));
    }

    /// A command, sent twice: a halt, a limit or the kill switch, in turn.
    fn command(&mut self) {
        self.nonce += 1;
        self.model.commands += 1;
        let (wall, nonce, uid) = (self.wall(), self.nonce, 1000);
        let mut command = Command::plain(nonce, CommandKind::Halt, wall, uid);
        let mut effect = None;
        match nonce % 3 {
            0 => {}
            1 => {
                let limit = LimitKind::ALL[nonce as usize % LimitKind::ALL.len()];
                let symbol = if limit.is_of_symbol() { self.symbol() } else { SymbolId::NONE };
                let new = if nonce % 2 == 0 { NewLimit::Value(5) } else { NewLimit::File };
                command.kind = CommandKind::SetLimit;
                command.limit = Some((limit, new));
                (command.symbol, command.reason) = (symbol, Reason::new("news at noon"));
                let (from, to, version) = (7 * SCALE, 5, self.model.limits + 1);
                self.model.limits = version;
                effect = Some(Event::Limit(LimitChange {
                    limit,
                    symbol,
                    from,
                    to,
                    version,
                    nonce,
                    uid,
                    wall,
                }));
            }
            _ => {
                let trigger = KillTrigger::Person;
                command.kind = CommandKind::Kill;
                command.trigger = Some(trigger);
                self.model.kills += 1;
                let is_on = true;
                effect = Some(Event::Kill(KillChange { is_on, trigger, uid, nonce, wall }));
            }
        }
        let answer = |result| {
            Event::Answer(CommandAnswer { nonce: command.nonce, kind: command.kind, result })
        };
        self.put(Event::Command(command));
        self.put(answer(CommandResult::Accepted));
        effect.into_iter().for_each(|event| self.put(event));
        self.put(Event::Command(command));
        self.put(answer(CommandResult::Duplicate));
    }

    /// An order the venue refuses by an answer, without a report.
    fn refuse_by_venue(&mut self) {
        self.decide();
        // The report of acceptance is not sent for this one.
        self.queue.pop();
        self.working.pop();
        self.put(Event::Reply(OrderReply {
            request_id: RequestId(u64::from(self.sequence)),
            status: 400,
            code: -2019,
            order_status: OrderStatus::Unknown,
            client_order_id: ClientOrderId::NONE,
            venue_order_id: VenueOrderId(0),
            price: Price::ZERO,
            qty: Qty::ZERO,
            cum_qty: Qty::ZERO,
            order_count_10s: 0,
            order_count_1m: 0,
            weight_1m: 0,
            retry_after_ms: 0,
        }));
    }
}

fn report(
    working: &Working,
    time: WallNs,
    exec_type: ExecType,
    status: OrderStatus,
) -> ExecutionReport {
    let order = &working.decision;
    ExecutionReport {
        symbol: order.symbol,
        client_order_id: order.client_order_id,
        venue_order_id: VenueOrderId(working.venue_id),
        side: order.side,
        order_type: order.order_type,
        time_in_force: order.time_in_force,
        exec_type,
        status,
        price: order.price,
        qty: order.qty,
        last_qty: Qty::ZERO,
        last_price: Price::ZERO,
        cum_qty: Qty::from_units(working.filled),
        commission: Notional::ZERO,
        realized_pnl: Notional::ZERO,
        trade_id: TradeId(0),
        is_maker: true,
        reduce_only: false,
        expiry_reason: 0,
        transaction_time: time,
        event_time: time,
    }
}
