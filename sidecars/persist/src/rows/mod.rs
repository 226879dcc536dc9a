//! From records to rows: a state machine without a database, a clock or a journal.
//!
//! [`Core`] takes one record after the other and keeps the rows that changed; [`Core::batch`] hands
//! them over. What it needs to know of the past is in the tables: positions and days are loaded at
//! the start, orders, fills and commands when a batch names them ([`Core::wants`]). So a new `Core`
//! on the same tables goes on exactly where another one died, and its memory stays small.

mod day;
mod fact;
mod order;
mod position;
mod table;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schema::{
    BalanceDelta, BootEpoch, ClientOrderId, Decision, Event, ExecType, ExecutionReport, Kind,
    OrderRef, OrderReply, OrderStatus, PositionDelta, Record, Reject, Stage, Stages, SymbolId,
    WallNs,
};

pub use day::{Day, RETURNS_MIN};
pub use fact::{CommandRow, Cursor, Fill, Gap, Minute, Refusal, Run, StateRow, nonce_text};
pub use order::{Order, Trade, order_id};
pub use position::{PENDING_US, Pending, Position, PositionFill, PositionRow};
pub use table::{Conflict, Fields, Row, Stored, Table, ratio};

use crate::value::Micros;

/// Remembered orders above which finished ones are forgotten (they are in the tables).
const ORDERS_REMEMBERED: usize = 4096;

/// What the tables remember at the start.
#[derive(Debug, Default)]
pub struct Memory {
    /// Where the record ends; none in an empty database.
    pub cursor: Option<Cursor>,
    /// One a symbol.
    pub positions: Vec<Position>,
    /// All days.
    pub days: Vec<Day>,
    /// Orders that are not finished.
    pub orders: Vec<Order>,
}

/// What of the past a run of records needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Keys of orders.
    pub orders: BTreeSet<String>,
    /// Trade ids by symbol.
    pub fills: BTreeMap<String, BTreeSet<i64>>,
    /// Nonces of commands.
    pub commands: BTreeSet<String>,
}

/// What the tables know of what was wanted.
#[derive(Debug, Default)]
pub struct Known {
    /// Orders.
    pub orders: Vec<Order>,
    /// (symbol, trade id, key of the order).
    pub fills: Vec<(String, i64, String)>,
    /// Commands.
    pub commands: Vec<CommandRow>,
}

/// The rows of one transaction; each key once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Orders, as they are now.
    pub orders: Vec<Order>,
    /// New fills.
    pub fills: Vec<Fill>,
    /// Position rows, closed ones first.
    pub positions: Vec<PositionRow>,
    /// The writer's memory of positions.
    pub position_states: Vec<Position>,
    /// Minutes.
    pub minutes: Vec<Minute>,
    /// Days.
    pub days: Vec<Day>,
    /// State changes.
    pub states: Vec<StateRow>,
    /// Commands.
    pub commands: Vec<CommandRow>,
    /// Refusals, counted.
    pub refusals: Vec<Refusal>,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// The new place in the journal.
    pub cursor: Cursor,
}

/// A record that cannot be written: an amount does not fit, or a symbol is not in the table.
struct Unwritable(&'static str);

/// The state machine.
#[derive(Debug, Default)]
pub struct Core {
    cursor: Cursor,
    /// Run of the header, taken at the next boot record.
    header: Run,
    wallet: Option<i64>,
    orders: HashMap<String, Order>,
    /// Orders by the request that placed them, in this boot.
    requests: HashMap<i64, String>,
    fills: HashMap<(String, i64), String>,
    commands: HashMap<String, CommandRow>,
    positions: BTreeMap<String, Position>,
    days: BTreeMap<i32, Day>,
    dirty_orders: BTreeSet<String>,
    dirty_positions: BTreeSet<String>,
    dirty_days: BTreeSet<i32>,
    dirty_commands: BTreeSet<String>,
    closed: Vec<PositionRow>,
    minutes: BTreeMap<(String, i64), Minute>,
    refusals: BTreeMap<(i64, String, &'static str), Refusal>,
    batch: Batch,
}

impl Core {
    /// Goes on after what the tables remember. `header` is what the journal's header says now; it
    /// is in force at once in an empty database and for another journal, else from the next boot
    /// record on, because the records before it were written with the run of the cursor.
    pub fn new(instance: &str, journal_id: i64, header: Run, memory: Memory) -> Self {
        let mut core = Self { header, ..Self::default() };
        core.cursor = match memory.cursor {
            Some(cursor) if cursor.journal_id == journal_id => {
                Cursor { instance: instance.to_owned(), ..cursor }
            }
            _ => Cursor {
                instance: instance.to_owned(),
                journal_id,
                run: core.header.clone(),
                ..Cursor::default()
            },
        };
        core.days = memory.days.into_iter().map(|day| (day.date, day)).collect();
        core.wallet = core.days.values().next_back().and_then(|day| day.wallet);
        for position in memory.positions {
            core.positions.insert(position.symbol.clone(), position);
        }
        for order in memory.orders {
            if let Some(request) = order.request_id
                && order.client_order_id.epoch() == core.cursor.boot_epoch
            {
                core.requests.insert(request, order.key.clone());
            }
            core.orders.insert(order.key.clone(), order);
        }
        core
    }

    /// Where the rows handed over end.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The header's run changed: the trader started again.
    pub fn set_header(&mut self, header: Run) {
        self.header = header;
    }

    /// Notes records that will never come.
    pub fn note_gap(&mut self, gap: Gap) {
        self.batch.gaps.push(gap);
    }

    /// Notes whether the journal ends at the cursor.
    pub fn set_drained(&mut self, drained: bool) {
        self.cursor.drained = drained;
    }

    fn symbol(&self, id: SymbolId) -> Result<String, Unwritable> {
        // After a boot record in the same batch the names are the header's.
        self.cursor.run.symbols.get(id.index()).cloned().ok_or(Unwritable("symbol not in the run"))
    }

    fn wall(&self, record: &Record) -> Micros {
        let mono = i64::try_from(record.at_ns).unwrap_or(i64::MAX);
        WallNs(mono.saturating_add(self.cursor.run.wall_minus_mono_ns)).into()
    }

    /// What of the past `records` need and is not remembered.
    pub fn wants(&self, records: &[(u64, Record)]) -> Wants {
        let mut wants = Wants::default();
        let mut symbols = &self.cursor.run.symbols;
        for (_, record) in records {
            if record.kind() == Some(Kind::Boot) {
                symbols = &self.header.symbols;
            }
            let Ok(event) = Event::from_record(record) else { continue };
            let named = |symbol: SymbolId| symbols.get(symbol.index()).map_or("?", String::as_str);
            let mut order = |client: ClientOrderId, symbol: SymbolId, venue: i64| {
                let key = order_key(client, named(symbol), venue);
                if !self.orders.contains_key(&key) {
                    wants.orders.insert(key);
                }
            };
            match event {
                Event::Decision(d) => order(d.order.client_order_id, d.order.symbol, 0),
                Event::Cancel(c, _) => {
                    order(c.order.client_order_id, c.order.symbol, c.order.venue_order_id.0);
                }
                Event::Stages(s) => order(s.client_order_id, SymbolId::NONE, 0),
                Event::Reply(r) if r.client_order_id != ClientOrderId::NONE => {
                    order(r.client_order_id, SymbolId::NONE, 0);
                }
                Event::Report(r) => {
                    order(r.client_order_id, r.symbol, r.venue_order_id.0);
                    if r.last_qty.units() > 0 {
                        let ids = wants.fills.entry(named(r.symbol).to_owned()).or_default();
                        ids.insert(fill_id(&r));
                    }
                }
                Event::Command(c) => drop(wants.commands.insert(nonce_text(c.nonce))),
                Event::Answer(a) => drop(wants.commands.insert(nonce_text(a.nonce))),
                _ => {}
            }
        }
        wants
    }

    /// Takes what the tables know of what was wanted.
    pub fn admit(&mut self, known: Known) {
        for order in known.orders {
            self.orders.entry(order.key.clone()).or_insert(order);
        }
        for (symbol, trade_id, key) in known.fills {
            self.fills.insert((symbol, trade_id), key);
        }
        for command in known.commands {
            self.commands.insert(command.nonce.clone(), command);
        }
    }

    /// Takes the next record; what it needs of the past must have been admitted.
    pub fn apply(&mut self, seq: u64, record: &Record) {
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        let outcome = match Event::from_record(record) {
            Ok(event) => self.event(seq, record, &event),
            Err(_) => Err(Unwritable("unreadable record")),
        };
        if let Err(Unwritable(reason)) = outcome {
            self.batch.gaps.push(Gap {
                journal_id: self.cursor.journal_id,
                first_seq: seq,
                last_seq: Some(seq),
                reason: reason.to_owned(),
            });
        }
        self.cursor.seq = seq;
        self.cursor.drained = false;
        let now = self.wall(record);
        for (symbol, position) in &mut self.positions {
            if position.expire_pending(now, &mut self.closed) {
                self.dirty_positions.insert(symbol.clone());
            }
        }
    }

    fn event(&mut self, seq: i64, record: &Record, event: &Event) -> Result<(), Unwritable> {
        let at = self.wall(record);
        match event {
            Event::Decision(decision) => self.decision(decision, at),
            Event::Cancel(cancel, _) => self.cancel(&cancel.order, at),
            Event::Report(report) => self.report(seq, report),
            Event::Reply(reply) => self.reply(reply, at),
            Event::Balance(balance, time, is_funding) => self.balance(balance, *time, *is_funding),
            Event::Position(position, time) => self.position(position, *time, at),
            Event::Stages(stages) => self.stages(stages),
            Event::Refused(order, reason) => self.refused(order.symbol, *reason, at),
            Event::Bar(bar) => self.bar(bar),
            Event::Boot(epoch, wall) => self.boot(*epoch, *wall, record.at_ns),
            Event::State(change) => {
                let journal_id = self.cursor.journal_id;
                self.batch.states.push(StateRow { journal_id, seq, change: *change });
                Ok(())
            }
            Event::Command(command) => {
                let nonce = nonce_text(command.nonce);
                let symbol = self.symbol(command.symbol).ok();
                let row = self
                    .commands
                    .entry(nonce.clone())
                    .or_insert_with(|| CommandRow::arrived(command, symbol, at));
                row.times += 1;
                self.dirty_commands.insert(nonce);
                Ok(())
            }
            Event::Answer(answer) => {
                let nonce = nonce_text(answer.nonce);
                if let Some(row) = self.commands.get_mut(&nonce)
                    && row.result.is_none()
                {
                    row.result = Some(answer.result);
                    row.answered_at = Some(at);
                    self.dirty_commands.insert(nonce);
                }
                Ok(())
            }
            // Inputs that leave no row of their own; a changed order is reported as amended, and a
            // fast fill notice is followed by its report, which alone has the fee.
            Event::BookTicker(_)
            | Event::Trade(_)
            | Event::Mark(_)
            | Event::Depth(_)
            | Event::Levels(_)
            | Event::Timer(_)
            | Event::Link(..)
            | Event::Modify(..)
            | Event::TradeLite(_) => Ok(()),
        }
    }

    fn boot(&mut self, epoch: BootEpoch, wall: WallNs, at_ns: u64) -> Result<(), Unwritable> {
        self.cursor.boot_epoch = epoch;
        self.cursor.run = self.header.clone();
        if at_ns != 0 {
            let mono = i64::try_from(at_ns).unwrap_or(i64::MAX);
            self.cursor.run.wall_minus_mono_ns = wall.0.saturating_sub(mono);
        }
        // Request numbers begin again with the process.
        self.requests.clear();
        Ok(())
    }

    fn decision(&mut self, decision: &Decision, at: Micros) -> Result<(), Unwritable> {
        let symbol = self.symbol(decision.order.symbol)?;
        let key = decision.order.client_order_id.to_string();
        self.requests.insert(decision.request_id.0 as i64, key.clone());
        self.orders
            .entry(key.clone())
            .and_modify(|order| order.add_decision(decision, at))
            .or_insert_with(|| Order::decided(&symbol, decision, at));
        self.dirty_orders.insert(key);
        Ok(())
    }

    fn cancel(&mut self, order: &OrderRef, at: Micros) -> Result<(), Unwritable> {
        let symbol = self.symbol(order.symbol)?;
        let key = order_key(order.client_order_id, &symbol, order.venue_order_id.0);
        self.change_order(&key, |order| order.set_status(OrderStatus::PendingCancel, at));
        Ok(())
    }

    fn change_order(&mut self, key: &str, change: impl FnOnce(&mut Order)) {
        if let Some(order) = self.orders.get_mut(key) {
            change(order);
            self.dirty_orders.insert(key.to_owned());
        }
    }

    fn stages(&mut self, stages: &Stages) -> Result<(), Unwritable> {
        let hz = self.cursor.run.tsc_hz.unsigned_abs();
        let between = stages.between_ns(Stage::Read, Stage::WriteCall, hz);
        if let Some(ns) = between.and_then(|ns| i64::try_from(ns).ok()) {
            let key = stages.client_order_id.to_string();
            self.change_order(&key, |order| order.tick_to_order_ns = Some(ns));
        }
        Ok(())
    }

    fn reply(&mut self, reply: &OrderReply, at: Micros) -> Result<(), Unwritable> {
        let placed = self.requests.get(&(reply.request_id.0 as i64)).cloned();
        let key = if reply.client_order_id == ClientOrderId::NONE {
            placed.clone()
        } else {
            Some(reply.client_order_id.to_string())
        };
        let Some(key) = key else { return Ok(()) };
        if !self.orders.get(&key).is_some_and(|order| !order.status.is_terminal()) {
            return Ok(());
        }
        // A refusal is the order's own only if the request placed it; a refused cancel is not.
        let is_place = placed.as_deref() == Some(key.as_str());
        self.change_order(&key, |order| {
            if reply.venue_order_id.0 != 0 {
                order.order_id = Some(order_id(&order.symbol, reply.venue_order_id.0));
            }
            order.cum_qty = order.cum_qty.max(reply.cum_qty);
            if reply.is_ok() {
                if reply.order_status != OrderStatus::Unknown {
                    order.set_status(reply.order_status, at);
                }
            } else if is_place {
                order.error_code = Some(i64::from(reply.code));
                order.set_status(refused_status(reply), at);
            }
        });
        Ok(())
    }

    fn report(&mut self, seq: i64, report: &ExecutionReport) -> Result<(), Unwritable> {
        let symbol = self.symbol(report.symbol)?;
        let at = Micros::from(report.transaction_time);
        let key = order_key(report.client_order_id, &symbol, report.venue_order_id.0);
        let mut order = match self.orders.get(&key) {
            Some(order) => order.clone(),
            None => Order::reported(&symbol, report, at),
        };
        order.take_report(report, at);
        let is_fill = matches!(report.exec_type, ExecType::Trade | ExecType::Calculated)
            && report.last_qty.units() > 0;
        if is_fill {
            let id = (symbol.clone(), fill_id(report));
            match self.fills.get(&id) {
                None => {
                    self.fill(&symbol, &mut order, report)?;
                    self.fills.insert(id, key.clone());
                }
                Some(known) if *known == key => {}
                Some(_) => self.batch.gaps.push(Gap {
                    journal_id: self.cursor.journal_id,
                    first_seq: seq,
                    last_seq: Some(seq),
                    reason: "fill of another order under a trade id that is taken".to_owned(),
                }),
            }
        }
        self.orders.insert(key.clone(), order);
        self.dirty_orders.insert(key);
        Ok(())
    }

    /// Books a new fill in its order, position and days; on an error nothing has changed but
    /// `order`, which the caller then drops.
    fn fill(
        &mut self,
        symbol: &str,
        order: &mut Order,
        report: &ExecutionReport,
    ) -> Result<(), Unwritable> {
        const OVERFLOW: Unwritable = Unwritable("an amount of the fill does not fit");
        let time = Micros::from(report.transaction_time);
        if report.last_price.units() <= 0 {
            return Err(Unwritable("fill without a price"));
        }
        let result_before = order.realized_pnl.units().signum();
        order.add_fill(report, time).ok_or(OVERFLOW)?;
        let notional = report.last_price.notional(report.last_qty).ok_or(OVERFLOW)?;
        let mut position =
            self.positions.get(symbol).cloned().unwrap_or_else(|| Position::flat(symbol));
        let mut closed = Vec::new();
        let fill = PositionFill {
            side: report.side,
            qty: report.last_qty,
            price: report.last_price,
            commission: report.commission,
            trade_id: fill_id(report),
            time,
        };
        position.apply_fill(&fill, &mut closed).ok_or(OVERFLOW)?;
        self.positions.insert(symbol.to_owned(), position);
        self.closed.append(&mut closed);
        self.dirty_positions.insert(symbol.to_owned());
        self.batch.fills.push(Fill {
            symbol: symbol.to_owned(),
            trade_id: fill.trade_id,
            order_key: order.key.clone(),
            order_id: order_id(symbol, report.venue_order_id.0),
            notional,
            time,
            report: *report,
        });
        let day = self.day(time.day());
        day.commission = day.commission.saturating_add(report.commission.units());
        day.realized_pnl = day.realized_pnl.saturating_add(report.realized_pnl.units());
        let first_day = self.day(order.first_fill.unwrap_or(time).day());
        first_day.trade_count += i64::from(order.fill_count == 1);
        count_result(first_day, result_before, -1);
        count_result(first_day, order.realized_pnl.units().signum(), 1);
        self.value_equity(time);
        Ok(())
    }

    /// The row of a day, begun if it is new.
    fn day(&mut self, date: i32) -> &mut Day {
        self.dirty_days.insert(date);
        if !self.days.contains_key(&date) {
            let before = self.days.range(..date).next_back().map(|(_, day)| day);
            let day = Day::after(before, date, self.cursor.run.capital);
            self.days.insert(date, day);
        }
        self.days.entry(date).or_default()
    }

    /// Writes wallet + unrealised profit into the day of `time`, or into the newest day if an event
    /// of the day before comes after midnight: the newest row has the newest balance.
    fn value_equity(&mut self, time: Micros) {
        let newest = self.days.keys().next_back().copied();
        let date = newest.map_or(time.day(), |newest| newest.max(time.day()));
        let Some(wallet) = self.wallet else {
            self.day(date);
            return;
        };
        let open = self.positions.values().filter(|position| !position.qty.is_zero());
        let unrealized: i128 =
            open.filter_map(Position::unrealized).map(|amount| i128::from(amount.units())).sum();
        let Ok(equity) = i64::try_from(i128::from(wallet) + unrealized) else { return };
        let day = self.day(date);
        day.wallet = Some(wallet);
        day.set_equity(equity);
    }

    fn balance(
        &mut self,
        balance: &BalanceDelta,
        time: WallNs,
        is_funding: bool,
    ) -> Result<(), Unwritable> {
        if !balance.is_quote {
            return Ok(());
        }
        let time = Micros::from(time);
        let is_first = self.wallet.is_none();
        self.wallet = Some(balance.wallet.units());
        let change = balance.change.units();
        if change != 0 {
            let day = self.day(time.day());
            if is_funding {
                day.funding_pnl = day.funding_pnl.saturating_add(change);
            } else if !is_first {
                day.transfer(change);
            }
        }
        self.value_equity(time);
        Ok(())
    }

    fn position(
        &mut self,
        delta: &PositionDelta,
        time: WallNs,
        at: Micros,
    ) -> Result<(), Unwritable> {
        let symbol = self.symbol(delta.symbol)?;
        let position =
            self.positions.entry(symbol.clone()).or_insert_with(|| Position::flat(&symbol));
        position.hear(Pending {
            qty: delta.qty,
            entry_price: delta.entry_price,
            time: time.into(),
            since: at,
        });
        self.dirty_positions.insert(symbol);
        Ok(())
    }

    fn refused(&mut self, id: SymbolId, reason: Reject, at: Micros) -> Result<(), Unwritable> {
        let symbol = self.symbol(id)?;
        let minute = at.minute();
        self.refusals
            .entry((minute.0, symbol.clone(), reason.as_str()))
            .or_insert(Refusal { symbol, reason, minute, count: 0 })
            .count += 1;
        Ok(())
    }

    fn bar(&mut self, bar: &schema::Bar) -> Result<(), Unwritable> {
        let symbol = self.symbol(bar.symbol)?;
        let time = Micros::from(bar.open_time);
        self.minutes.insert((symbol.clone(), time.0), Minute { symbol: symbol.clone(), bar: *bar });
        if let Some(position) = self.positions.get_mut(&symbol)
            && !position.qty.is_zero()
            && bar.close.units() > 0
        {
            position.current_price = bar.close;
            self.dirty_positions.insert(symbol);
        }
        self.value_equity(time);
        Ok(())
    }

    /// Hands over the rows that changed since the last time, with the cursor.
    pub fn batch(&mut self) -> Batch {
        let mut batch = std::mem::take(&mut self.batch);
        for key in std::mem::take(&mut self.dirty_orders) {
            batch.orders.extend(self.orders.get(&key).cloned());
        }
        batch.positions = std::mem::take(&mut self.closed);
        for symbol in std::mem::take(&mut self.dirty_positions) {
            if let Some(position) = self.positions.get(&symbol) {
                batch.positions.extend(position.row());
                batch.position_states.push(position.clone());
            }
        }
        // One statement must not touch a row twice: of one key only the newest row stays.
        let mut seen = BTreeSet::new();
        batch.positions.reverse();
        batch.positions.retain(|row| seen.insert(row.key.clone()));
        batch.positions.reverse();
        for row in &mut batch.positions {
            row.leverage_e2 = self.cursor.run.leverage_max_e2;
        }
        for date in std::mem::take(&mut self.dirty_days) {
            let returns: Vec<i64> =
                self.days.range(..=date).filter_map(|(_, day)| day.return_e6()).collect();
            if let Some(day) = self.days.get_mut(&date) {
                day.take_returns(&returns);
                batch.days.push(day.clone());
            }
        }
        for nonce in std::mem::take(&mut self.dirty_commands) {
            batch.commands.extend(self.commands.get(&nonce).cloned());
        }
        batch.minutes = std::mem::take(&mut self.minutes).into_values().collect();
        batch.refusals = std::mem::take(&mut self.refusals).into_values().collect();
        batch.cursor = self.cursor.clone();
        self.forget();
        batch
    }

    /// Forgets what the tables know by now.
    fn forget(&mut self) {
        self.fills.clear();
        self.commands.clear();
        if self.orders.len() > ORDERS_REMEMBERED {
            self.orders.retain(|_, order| !order.status.is_terminal());
            let orders = &self.orders;
            self.requests.retain(|_, key| orders.contains_key(key));
        }
    }
}

/// The key of an order: our id, or the venue's name for it.
fn order_key(client: ClientOrderId, symbol: &str, venue_order_id: i64) -> String {
    if client == ClientOrderId::NONE {
        order_id(symbol, venue_order_id)
    } else {
        client.to_string()
    }
}

/// The id of a fill; a liquidation may carry none and is then known by its order.
fn fill_id(report: &ExecutionReport) -> i64 {
    if report.trade_id.0 != 0 { report.trade_id.0 } else { -report.venue_order_id.0 }
}

/// A place request that failed: refused for certain only with a 4xx that is not a time-out.
fn refused_status(reply: &OrderReply) -> OrderStatus {
    // -1006 and -1007: the venue does not know whether it executed (Binance docs, Error Codes).
    let certain = (400..500).contains(&reply.status) && !matches!(reply.code, -1006 | -1007);
    if certain { OrderStatus::Rejected } else { OrderStatus::Unknown }
}

fn count_result(day: &mut Day, sign: i64, by: i64) {
    match sign {
        1 => day.win_count += by,
        -1 => day.loss_count += by,
        _ => {}
    }
}
