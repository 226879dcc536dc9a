//! What a trader that died may have left unheard, read from its journal.
//!
//! Between the last record and its end an order may have gone out, been filled or come to its end.
//! The next trader asks the venue for exactly that before it arms, so that the record has every
//! order and every fill once, whoever was killed when.

use std::collections::{BTreeMap, BTreeSet};

use rings::{Next, journal};
use schema::{
    BootEpoch, ClientOrderId, Event, LAYOUT_HASH, Record, RequestId, RunInfo, SYMBOLS_MAX,
    SymbolId, SymbolName, TradeId, VenueOrderId, WallNs,
};
use zerocopy::FromBytes as _;

use crate::queues::Missed;

/// Orders of unknown end that are asked for one by one: the newest, more than can be live.
const UNFINISHED_MAX: usize = 256;

/// What is known of the trader before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// From where on fills, and orders nobody knows of, may be missing.
    pub missed: Missed,
    /// Orders whose end was not heard.
    pub unfinished: Vec<(SymbolId, ClientOrderId)>,
    /// Orders whose end was heard.
    pub ended: BTreeSet<(SymbolId, VenueOrderId)>,
    /// Starts of this trader the journal tells of.
    pub epochs: BTreeSet<BootEpoch>,
}

impl Left {
    /// Reads the journal an earlier trader of this instance left; `None` without one.
    pub fn read(instance: &str, symbols: &[SymbolName]) -> Option<Self> {
        let mut reader = journal::Reader::<Record>::open_at_oldest(instance, LAYOUT_HASH).ok()?;
        let info = reader.info();
        let (info, _) = RunInfo::read_from_prefix(&info).ok()?;
        let names: Vec<SymbolName> = info.symbols().iter().map(|symbol| symbol.name).collect();
        let mut gathered = Gathered::default();
        loop {
            match reader.next() {
                Next::Item(_, record) => gathered.take(&record),
                Next::Lost { .. } => {}
                Next::Empty => break,
            }
        }
        gathered.finish(&names, symbols)
    }

    /// From records instead of a segment, of a trader with the same symbols.
    pub fn of<'a>(
        records: impl Iterator<Item = &'a Record>,
        symbols: &[SymbolName],
    ) -> Option<Self> {
        let mut gathered = Gathered::default();
        records.for_each(|record| gathered.take(record));
        gathered.finish(symbols, symbols)
    }
}

#[derive(Default)]
struct Gathered {
    wall: WallNs,
    last: BTreeMap<SymbolId, TradeId>,
    /// Fills with a report, and those a fast notice told of.
    reported: BTreeSet<(SymbolId, TradeId)>,
    noticed: BTreeMap<(SymbolId, TradeId), WallNs>,
    live: BTreeMap<ClientOrderId, SymbolId>,
    requests: BTreeMap<RequestId, ClientOrderId>,
    ended: BTreeSet<(SymbolId, VenueOrderId)>,
    epochs: BTreeSet<BootEpoch>,
}

impl Gathered {
    fn take(&mut self, record: &Record) {
        match Event::from_record(record) {
            Ok(Event::Boot(epoch, wall)) => {
                self.epochs.insert(epoch);
                // Request ids begin anew with every boot.
                self.requests.clear();
                self.heard(wall);
            }
            Ok(Event::State(change)) => self.heard(change.wall),
            Ok(Event::Decision(decision)) => {
                let order = decision.order;
                self.live.insert(order.client_order_id, order.symbol);
                self.requests.insert(decision.request_id, order.client_order_id);
            }
            Ok(Event::Reply(reply)) => {
                let is_refused = reply.status != 200 && reply.status < 500 && reply.code < -1_099;
                if let Some(id) = self.requests.remove(&reply.request_id)
                    && is_refused
                {
                    self.live.remove(&id);
                }
            }
            Ok(Event::Report(report)) => {
                self.heard(report.transaction_time);
                let last = self.last.entry(report.symbol).or_default();
                *last = (*last).max(report.trade_id);
                self.reported.insert((report.symbol, report.trade_id));
                if report.status.is_terminal() {
                    self.live.remove(&report.client_order_id);
                    self.ended.insert((report.symbol, report.venue_order_id));
                } else if report.client_order_id != ClientOrderId::NONE {
                    self.live.insert(report.client_order_id, report.symbol);
                }
            }
            Ok(Event::TradeLite(lite)) => {
                self.noticed.insert((lite.symbol, lite.trade_id), lite.transaction_time);
            }
            _ => {}
        }
    }

    fn heard(&mut self, wall: WallNs) {
        self.wall = self.wall.max(wall);
    }

    /// Symbols are numbered anew by every configuration: by their names they stay the same.
    fn finish(self, names: &[SymbolName], symbols: &[SymbolName]) -> Option<Left> {
        if self.wall == WallNs(0) {
            return None;
        }
        let now_called = |old: SymbolId| {
            let name = names.get(old.index())?;
            let index = symbols.iter().position(|symbol| symbol == name)?;
            Some(SymbolId(index as u16))
        };
        let mut last = [TradeId(0); SYMBOLS_MAX];
        let mut newest = self.last;
        let mut since = self.wall;
        // A fill known by its fast notice alone lacks its report: all from it on is asked for.
        let lacking = self.noticed.iter().filter(|(fill, _)| !self.reported.contains(*fill));
        for ((symbol, trade_id), wall) in lacking {
            let place = newest.entry(*symbol).or_default();
            *place = TradeId((trade_id.0 - 1).min(place.0));
            since = since.min(*wall);
        }
        for (old, trade_id) in &newest {
            if let Some(place) = now_called(*old).and_then(|symbol| last.get_mut(symbol.index())) {
                *place = *trade_id;
            }
        }
        // Ids grow with the boot epoch and the sequence: the newest come first.
        let unfinished = self.live.iter().rev();
        let unfinished = unfinished.filter_map(|(id, symbol)| Some((now_called(*symbol)?, *id)));
        let ended = self.ended.iter();
        let ended = ended.filter_map(|(symbol, id)| Some((now_called(*symbol)?, *id)));
        Some(Left {
            missed: Missed { since, last },
            unfinished: unfinished.take(UNFINISHED_MAX).collect(),
            ended: ended.collect(),
            epochs: self.epochs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::{
        Decision, ExecType, ExecutionReport, NewOrder, OrderReply, OrderStatus, OrderType, Price,
        Qty, Side, StrategyId, TimeInForce,
    };

    const BTC: SymbolId = SymbolId(0);
    const ETH: SymbolId = SymbolId(1);

    fn name(text: &str) -> SymbolName {
        SymbolName::new(text.as_bytes()).expect("short")
    }

    fn id(sequence: u32) -> ClientOrderId {
        ClientOrderId::new(BootEpoch(7), StrategyId::TEST, sequence)
    }

    fn decision(symbol: SymbolId, sequence: u32) -> Event {
        let order = NewOrder {
            symbol,
            client_order_id: id(sequence),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Ioc,
            price: Price::from_units(100),
            qty: Qty::from_units(10),
            reduce_only: false,
        };
        Event::Decision(Decision {
            order,
            request_id: RequestId(u64::from(sequence)),
            bid_price: Price::ZERO,
            ask_price: Price::ZERO,
            signal_e8: 0,
            worst_position: Qty::ZERO,
        })
    }

    fn report(symbol: SymbolId, sequence: u32, status: OrderStatus, trade: i64) -> Event {
        Event::Report(ExecutionReport {
            symbol,
            client_order_id: id(sequence),
            venue_order_id: VenueOrderId(i64::from(sequence)),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Ioc,
            exec_type: if trade > 0 { ExecType::Trade } else { ExecType::New },
            status,
            price: Price::from_units(100),
            qty: Qty::from_units(10),
            last_qty: Qty::ZERO,
            last_price: Price::ZERO,
            cum_qty: Qty::ZERO,
            commission: schema::Notional::ZERO,
            realized_pnl: schema::Notional::ZERO,
            trade_id: TradeId(trade),
            is_maker: false,
            reduce_only: false,
            expiry_reason: 0,
            transaction_time: WallNs(1_000 * i64::from(sequence)),
            event_time: WallNs(0),
        })
    }

    #[test]
    fn a_fill_without_a_report_is_asked_for_with_all_that_followed() {
        let lite = |trade: i64| {
            Event::TradeLite(schema::TradeLite {
                symbol: BTC,
                client_order_id: id(2),
                venue_order_id: VenueOrderId(2),
                side: Side::Buy,
                last_price: Price::from_units(100),
                last_qty: Qty::from_units(10),
                trade_id: TradeId(trade),
                is_maker: false,
                transaction_time: WallNs(1_500),
            })
        };
        let mut records = vec![
            report(BTC, 1, OrderStatus::Filled, 70).to_record(),
            lite(72).to_record(),
            report(BTC, 3, OrderStatus::Filled, 73).to_record(),
            report(ETH, 4, OrderStatus::Filled, 9).to_record(),
        ];
        let names = [name("BTCUSDT"), name("ETHUSDT")];
        let left = Left::of(records.iter(), &names).expect("something");
        assert_eq!((left.missed.last[0], left.missed.last[1]), (TradeId(71), TradeId(9)));
        assert_eq!(left.missed.since, WallNs(1_500));
        // Its report came: nothing is lacking.
        records.push(report(BTC, 2, OrderStatus::Filled, 72).to_record());
        let left = Left::of(records.iter(), &names).expect("something");
        assert_eq!((left.missed.last[0], left.missed.since), (TradeId(73), WallNs(4_000)));
    }

    fn reply(sequence: u32, status: u16, code: i32) -> Event {
        Event::Reply(OrderReply {
            request_id: RequestId(u64::from(sequence)),
            status,
            code,
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
        })
    }

    fn gather(events: &[Event], symbols: &[&str]) -> Option<Left> {
        let mut gathered = Gathered::default();
        events.iter().for_each(|event| gathered.take(&event.to_record()));
        let symbols: Vec<SymbolName> = symbols.iter().map(|symbol| name(symbol)).collect();
        gathered.finish(&[name("BTCUSDT"), name("ETHUSDT")], &symbols)
    }

    #[test]
    fn what_was_sent_and_not_heard_of_to_its_end_is_asked_for() {
        let events = [
            Event::Boot(BootEpoch(7), WallNs(500)),
            decision(BTC, 1),
            report(BTC, 1, OrderStatus::Filled, 41),
            decision(BTC, 2),
            report(BTC, 2, OrderStatus::New, 0),
            decision(ETH, 3),
            decision(ETH, 4),
            reply(4, 400, -2019),
            decision(ETH, 5),
            reply(5, 408, -1007),
        ];
        let left = gather(&events, &["BTCUSDT", "ETHUSDT"]).expect("something was heard");
        assert_eq!(left.unfinished, [(ETH, id(5)), (ETH, id(3)), (BTC, id(2))]);
        assert_eq!(left.ended.into_iter().collect::<Vec<_>>(), [(BTC, VenueOrderId(1))]);
        assert_eq!(left.missed.since, WallNs(2_000));
        assert_eq!(left.missed.last[..2], [TradeId(41), TradeId(0)]);
    }

    #[test]
    fn symbols_are_known_by_name_whatever_their_number_is_now() {
        let events = [report(BTC, 1, OrderStatus::Filled, 41), report(ETH, 2, OrderStatus::New, 0)];
        let left = gather(&events, &["SOLUSDT", "BTCUSDT"]).expect("something was heard");
        assert_eq!(left.missed.last[..2], [TradeId(0), TradeId(41)]);
        assert!(left.unfinished.is_empty(), "ETHUSDT is not followed any more");
    }

    #[test]
    fn nothing_heard_is_nothing_missed() {
        assert_eq!(gather(&[], &["BTCUSDT"]), None);
        assert_eq!(Left::read("no-such-instance", &[]), None);
    }
}
