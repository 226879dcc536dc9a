//! The journal's ledger: execution reports, balances and positions the trader recorded.

use rings::Next;
use std::collections::HashMap;

use schema::{
    ClientOrderId, Event, ExecType, ExecutionReport, OrderReply, OrderStatus, Record, RunInfo,
    SymbolId,
};

use super::{Fill, Ledger, Placed};
use crate::exit::Failure;
use crate::instance::{self, run_info};
use crate::recording::Recording;

/// Reads a live journal from its oldest record on.
///
/// # Errors
/// There is no such journal.
pub(crate) fn live(name: &str) -> Result<(Ledger, u64), Failure> {
    let mut reader = instance::journal(name, true)?;
    let info = run_info(&reader.info());
    let place = format!("/dev/shm/{}", rings::segment_name(name, rings::Ring::Journal));
    let mut builder = Builder::new(place, info);
    let mut head = 0;
    let mut first = None;
    loop {
        match reader.next() {
            Next::Item(seq, record) => {
                first.get_or_insert(seq);
                head = seq;
                builder.take(&record);
            }
            Next::Lost { count, .. } => builder.ledger.lost += count,
            Next::Empty => break,
        }
    }
    builder.ledger.lost += first.map_or(0, |first| first - 1);
    Ok((builder.finish(), head))
}

/// Reads a recorded journal.
pub(crate) fn recorded(place: String, recording: &Recording) -> (Ledger, u64) {
    let mut builder = Builder::new(place, recording.info);
    builder.ledger.lost = recording.lost;
    for (_, record) in &recording.records {
        builder.take(record);
    }
    let head = recording.records.last().map_or(0, |(seq, _)| *seq);
    (builder.finish(), head)
}

struct Builder {
    ledger: Ledger,
    /// Symbols of orders decided here.
    decided: HashMap<ClientOrderId, SymbolId>,
    info: RunInfo,
}

impl Builder {
    fn new(place: String, info: RunInfo) -> Self {
        let mut ledger = Ledger::new("journal", place);
        ledger.positions = Some(std::collections::BTreeMap::new());
        ledger.placed = Some(std::collections::BTreeMap::new());
        Self { ledger, decided: HashMap::new(), info }
    }

    fn name(&self, symbol: SymbolId) -> String {
        let name = self.info.symbols().get(symbol.index());
        name.map_or_else(|| format!("symbol {}", symbol.0), |info| info.name.to_string())
    }

    fn take(&mut self, record: &Record) {
        match Event::from_record(record) {
            Ok(Event::Report(report)) => self.report(&report),
            Ok(Event::Decision(decision)) => {
                self.decided.insert(decision.order.client_order_id, decision.order.symbol);
            }
            Ok(Event::Reply(reply)) if reply.is_ok() => self.reply(&reply),
            Ok(Event::Balance(balance, ..)) if balance.is_quote => {
                self.ledger.wallet = Some(balance.wallet);
            }
            Ok(Event::Position(position, _)) => {
                let name = self.name(position.symbol);
                let positions = self.ledger.positions.get_or_insert_default();
                if position.qty.is_zero() {
                    positions.remove(&name);
                } else {
                    positions.insert(name, position.qty);
                }
            }
            _ => {}
        }
    }

    /// The end of an order whose reports never came is known from the answer to a question.
    fn reply(&mut self, reply: &OrderReply) {
        let Some(symbol) = self.decided.get(&reply.client_order_id) else { return };
        if reply.venue_order_id.0 == 0 || !reply.order_status.is_terminal() {
            return;
        }
        let key = (self.name(*symbol), reply.venue_order_id.0);
        let placed = self.ledger.placed.get_or_insert_default();
        if placed.get(&key).is_none_or(|known| known.cum_qty <= reply.cum_qty) {
            let status = reply.order_status.to_string();
            placed.insert(key, Placed { status, cum_qty: reply.cum_qty });
        }
    }

    fn report(&mut self, report: &ExecutionReport) {
        let symbol = self.name(report.symbol);
        let key = (symbol.clone(), report.venue_order_id.0);
        let placed = self.ledger.placed.get_or_insert_default();
        let known = placed.get(&key);
        // A late fill after a cancel raises the quantity and leaves the state the venue tells; what
        // overtook an order's end on the way does not open it again.
        let reopens = |known: &Placed| {
            let status = OrderStatus::from_wire(known.status.as_bytes());
            known.cum_qty == report.cum_qty
                && status.is_some_and(OrderStatus::is_terminal)
                && !report.status.is_terminal()
        };
        if known.is_none_or(|known| known.cum_qty <= report.cum_qty && !reopens(known)) {
            let status = report.status.to_string();
            placed.insert(key, Placed { status, cum_qty: report.cum_qty });
        }
        let is_fill = matches!(report.exec_type, ExecType::Trade | ExecType::Calculated);
        if !is_fill || report.last_qty.is_zero() {
            return;
        }
        let client_order_id = match report.client_order_id {
            schema::ClientOrderId::NONE => String::new(),
            id => id.to_string(),
        };
        self.ledger.add(Fill {
            symbol,
            trade_id: report.trade_id.0,
            order_id: report.venue_order_id.0,
            client_order_id,
            side: report.side,
            price: report.last_price,
            qty: report.last_qty,
            commission: report.commission,
            realized_pnl: report.realized_pnl,
            is_maker: report.is_maker,
            time_ms: report.transaction_time.ms(),
        });
    }

    fn finish(mut self) -> Ledger {
        self.ledger.total_orders();
        self.ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::{fill, run_info};
    use schema::{BalanceDelta, Notional, PositionDelta, Qty, Side, WallNs};

    fn recording(events: &[Event]) -> Recording {
        let records = events.iter().enumerate();
        let records = records.map(|(index, event)| (index as u64 + 1, event.to_record())).collect();
        Recording { info: run_info(), records, lost: 0 }
    }

    #[test]
    fn fills_wallet_and_positions_come_from_the_records() {
        let balance = |units| BalanceDelta {
            is_quote: true,
            wallet: Notional::from_units(units),
            ..BalanceDelta::default()
        };
        let position = |units| PositionDelta {
            symbol: SymbolId(0),
            qty: Qty::from_units(units),
            ..PositionDelta::default()
        };
        let mut new_order = fill(0, Side::Buy, "1", "1");
        new_order.exec_type = ExecType::New;
        let events = [
            Event::Report(new_order),
            Event::Balance(balance(5), WallNs(1), false),
            Event::Position(position(200_000), WallNs(1)),
            Event::Report(fill(7, Side::Buy, "64000.1", "0.002")),
            Event::Balance(balance(4), WallNs(2), false),
            Event::Balance(BalanceDelta::default(), WallNs(3), false),
        ];
        let (ledger, head) = recorded("test".to_owned(), &recording(&events));
        assert_eq!(head, 6);
        assert_eq!(ledger.fills.len(), 1);
        assert_eq!(ledger.orders.len(), 1);
        assert_eq!(ledger.placed.as_ref().map(|placed| placed.len()), Some(2), "filled or not");
        assert_eq!(ledger.wallet, Some(Notional::from_units(4)));
        let positions = ledger.positions.clone().expect("kept");
        assert_eq!(positions["BTCUSDT"], Qty::from_units(200_000));
        let flat =
            [Event::Position(position(1), WallNs(1)), Event::Position(position(0), WallNs(2))];
        let (ledger, _) = recorded("test".to_owned(), &recording(&flat));
        assert_eq!(ledger.positions, Some(std::collections::BTreeMap::new()));
    }
}
