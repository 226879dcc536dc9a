//! The state machine: what it remembers, and which record goes where.

mod money;
mod orders;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schema::{
    BootEpoch, ClientOrderId, Event, ExecutionReport, Kind, Record, Reject, SymbolId, WallNs,
};

use super::{
    Batch, CommandRow, Cursor, Day, Gap, KillRow, Known, LimitRow, Memory, Minute, Order, Position,
    PositionRow, Refusal, Run, StateRow, Wants, nonce_text, order_id,
};
use crate::value::Micros;

/// Remembered orders above which finished ones are forgotten (they are in the tables).
const ORDERS_REMEMBERED: usize = 4096;

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
            Event::Limit(change) => {
                let symbol = if change.limit.is_of_symbol() {
                    Some(self.symbol(change.symbol)?)
                } else {
                    None
                };
                let journal_id = self.cursor.journal_id;
                self.batch.limits.push(LimitRow { journal_id, seq, symbol, change: *change });
                Ok(())
            }
            Event::Kill(change) => {
                let journal_id = self.cursor.journal_id;
                self.batch.kills.push(KillRow { journal_id, seq, change: *change });
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
            | Event::TradeLite(_)
            | Event::Algo(_)
            | Event::PlaceAlgo(..)
            | Event::CancelAlgo(..)
            | Event::Difference(_)
            | Event::Quarantine(_)
            | Event::Taken(_) => Ok(()),
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

    fn refused(&mut self, id: SymbolId, reason: Reject, at: Micros) -> Result<(), Unwritable> {
        let symbol = self.symbol(id)?;
        let minute = at.minute();
        self.refusals
            .entry((minute.0, symbol.clone(), reason.as_str()))
            .or_insert(Refusal { symbol, reason, minute, count: 0 })
            .count += 1;
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
