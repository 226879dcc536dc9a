//! A recording made in memory, as the trader would: an engine that takes inputs, its words into
//! the journal, market inputs into the market ring.

use engine::strategy::SettingValue;
use engine::{Input, Now, StrategyConfig, Truth};
use schema::{
    Blob, BlobKind, BookTicker, BootEpoch, Decision, ExecType, ExecutionReport, Kind, Link, Mark,
    MonoNs, Notional, OrderStatus, Price, Qty, SCALE, SymbolId, SymbolName, Taken, TradeId,
    VenueOrderId, WallNs,
};

use super::*;
use crate::file::{Chunk, Stream};

const WALL: i64 = 1_700_000_000_000_000_000;
const MS: u64 = 1_000_000;

fn config(epoch: u32) -> Config {
    let mut strategy = StrategyConfig::by_name("test").expect("there is one");
    strategy.set("style", SettingValue::Word("every_tick")).expect("a style");
    let symbol = engine::SymbolConfig {
        name: SymbolName::new(b"BTCUSDT").expect("short"),
        rules: engine::SymbolRules {
            tick: Price::from_units(SCALE / 10),
            price_min: Price::from_units(SCALE / 10),
            price_max: Price::from_units(1_000_000 * SCALE),
            step: Qty::from_units(SCALE / 1_000),
            qty_min: Qty::from_units(SCALE / 1_000),
            qty_max: Qty::from_units(1_000 * SCALE),
            market_step: Qty::from_units(SCALE / 1_000),
            market_qty_min: Qty::from_units(SCALE / 1_000),
            market_qty_max: Qty::from_units(1_000 * SCALE),
            notional_min: Notional::from_units(50 * SCALE),
            percent_up_e4: 10_500,
            percent_down_e4: 9_500,
            open_orders_max: 200,
            is_trading: true,
        },
        limits: engine::SymbolLimits {
            is_restricted: false,
            qty_max: Qty::from_units(10 * SCALE),
            notional_max: Notional::from_units(100_000 * SCALE),
            position_max: Qty::from_units(1_000 * SCALE),
        },
    };
    let limits = engine::Limits {
        capital: Notional::from_units(1_000_000 * SCALE),
        exposure_max: Notional::from_units(1_000_000 * SCALE),
        leverage_max_e2: 200,
        price_collar_ppm: 50_000,
        open_orders_max: 190,
        messages_10s_max: 10_000,
        messages_1m_max: 10_000,
        messages_cancel_reserve: 10,
        book_age_ns_max: 60_000 * MS,
        feed_delay_ns_max: 60_000 * MS,
        mark_age_ns_max: 60_000 * MS,
        duplicate_window_ns: 0,
        daily_loss_max: Notional::from_units(100_000 * SCALE),
        venue_rejects_max: 1_000,
        ..engine::Limits::LOOSE
    };
    Config {
        symbols: vec![symbol],
        limits,
        timing: engine::Timing::default(),
        strategy,
        params: engine::signal::DEFAULT_PARAMS,
        epoch: BootEpoch(epoch),
        require_verdict: false,
        is_enabled: true,
        is_killed: false,
        safety: engine::Safety::default(),
    }
}

/// Both rings of a run.
pub(crate) struct Tape {
    pub(crate) journal: Vec<Record>,
    pub(crate) market: Vec<(u32, Record)>,
}

impl Tape {
    pub(crate) fn chunks(&self) -> VecDeque<Chunk> {
        let mut chunks = VecDeque::new();
        // Small ones, the rings in turn, as a recorder would write them.
        let mut market = self.market.chunk_by(|a, b| a.0 == b.0).flat_map(|run| run.chunks(7));
        let mut first = 1;
        for records in self.journal.chunks(11) {
            chunks.push_back(Chunk::Records {
                stream: Stream::Journal,
                epoch: 0,
                first,
                records: records.to_vec(),
            });
            first += records.len() as u64;
            chunks.extend(market.next().map(of_market));
        }
        chunks.extend(market.map(of_market));
        chunks
    }
}

fn of_market(records: &[(u32, Record)]) -> Chunk {
    Chunk::Records {
        stream: Stream::Market,
        epoch: records[0].0,
        first: 1,
        records: records.iter().map(|(_, record)| *record).collect(),
    }
}

/// Trades for a while; `ticks` orders.
pub(crate) fn trade(epoch: u32, ticks: u64, tape: &mut Tape) {
    let config = config(epoch);
    let boot = Event::Boot(BootEpoch(epoch), WallNs(WALL)).to_record();
    tape.journal.push(boot);
    let texts =
        [(BlobKind::Build, engine::tape::BUILD.to_owned()), (BlobKind::Config, config.to_text())];
    for (what, text) in texts {
        let blobs = Blob::of(what, text.as_bytes());
        tape.journal.extend(blobs.map(|blob| Event::Taken(Taken::Blob(blob)).to_record()));
    }
    let mut engine = Engine::new(config).expect("usable");
    let mut out = Outbox::new();
    let mut mono = u64::from(epoch) * 1_000_000 * MS;
    let mut take = |input: &Input<'_>, event: Option<Event>| {
        mono += MS;
        let now = Now { mono: MonoNs(mono), wall: WallNs(WALL + mono as i64) };
        engine.apply(now, input, &mut out);
        let records = out.records().to_vec();
        tape.journal.extend(&records);
        out.clear();
        if let Some(event) = event {
            let record = event.to_record().stamped(now.mono, engine.input_number());
            tape.market.push((epoch, record));
        }
        records
    };
    for link in Link::ALL {
        take(&Input::Link(*link, true), Some(Event::Link(*link, true)));
    }
    let truth = Truth {
        requested_at: MonoNs(u64::from(epoch) * 1_000_000 * MS),
        wallet: Notional::from_units(1_000_000 * SCALE),
        ..Truth::default()
    };
    take(&Input::Reconciled(&truth), None);
    let mark = Mark {
        symbol: SymbolId(0),
        mark_price: Price::from_units(100 * SCALE),
        index_price: Price::from_units(100 * SCALE),
        ..Mark::default()
    };
    take(&Input::Mark(&mark), Some(Event::Mark(mark)));
    for update_id in 1..=ticks {
        let ticker = BookTicker {
            symbol: SymbolId(0),
            update_id,
            bid_price: Price::from_units(100 * SCALE - SCALE / 10),
            bid_qty: Qty::from_units(SCALE),
            ask_price: Price::from_units(100 * SCALE),
            ask_qty: Qty::from_units(SCALE),
            transaction_time: WallNs(WALL + i64::from(epoch) * 1_000_000 * MS as i64),
            event_time: WallNs(WALL + i64::from(epoch) * 1_000_000 * MS as i64),
        };
        let said = take(&Input::BookTicker(&ticker), Some(Event::BookTicker(ticker)));
        // What is sent is filled at once, or the next would trade with it.
        for record in said {
            if let Ok(Event::Decision(decision)) = Event::from_record(&record) {
                take(&Input::Report(&filled(&decision, update_id as i64)), None);
            }
        }
        take(&Input::Timer, Some(Event::Timer(WallNs(0))));
    }
}

fn filled(decision: &Decision, trade_id: i64) -> ExecutionReport {
    let order = decision.order;
    ExecutionReport {
        symbol: order.symbol,
        client_order_id: order.client_order_id,
        venue_order_id: VenueOrderId(trade_id),
        side: order.side,
        order_type: order.order_type,
        time_in_force: order.time_in_force,
        exec_type: ExecType::Trade,
        status: OrderStatus::Filled,
        price: order.price,
        qty: order.qty,
        last_qty: order.qty,
        last_price: order.price,
        cum_qty: order.qty,
        commission: Notional::ZERO,
        realized_pnl: Notional::ZERO,
        trade_id: TradeId(trade_id),
        is_maker: false,
        reduce_only: order.reduce_only,
        expiry_reason: 0,
        transaction_time: WallNs(WALL),
        event_time: WallNs(WALL),
    }
}

/// Links, truth and mark; then a tick, its fill and a timer each.
fn inputs(ticks: u64) -> u64 {
    6 + 3 * ticks
}

fn tape(starts: &[(u32, u64)]) -> Tape {
    let mut tape = Tape { journal: Vec::new(), market: Vec::new() };
    for (epoch, ticks) in starts {
        trade(*epoch, *ticks, &mut tape);
    }
    tape
}

fn compared(tape: &Tape) -> Outcome {
    compare(&mut Player::new(tape.chunks()), false).expect("a good recording")
}

#[test]
fn a_recording_gives_the_same_words_again() {
    let outcome = compared(&tape(&[(3, 20), (4, 10)]));
    assert!(outcome.difference.is_none(), "{:?}", outcome.difference);
    assert!(outcome.orders.len() >= 20, "{}", outcome.orders.len());
    assert_eq!(outcome.starts.len(), 2);
    assert!(outcome.starts.iter().all(|start| start.gap.is_none() && !start.is_cut));
    assert_eq!(outcome.input_count(), inputs(20) + inputs(10));
    assert_eq!(outcome.skipped, 0);
}

#[test]
fn every_altered_word_is_found() {
    let good = tape(&[(3, 5)]);
    let is_said = |record: &Record| {
        [Kind::Decision, Kind::State].iter().any(|kind| record.kind == *kind as u16)
    };
    let places: Vec<usize> =
        (0..good.journal.len()).filter(|place| is_said(&good.journal[*place])).collect();
    assert!(places.len() > 5);
    for place in places {
        let mut bad = tape(&[(3, 5)]);
        bad.journal[place].words[3] ^= 1;
        let difference = compared(&bad).difference.expect("found");
        assert_eq!(difference.number, good.journal[place].input);
        let first = difference.first();
        assert_eq!(difference.recorded[first], bad.journal[place]);
        assert_eq!(difference.replayed[first], good.journal[place]);
        assert!(!difference.around.is_empty());
    }
}

#[test]
fn an_altered_input_is_found_by_what_follows() {
    let mut bad = tape(&[(3, 5)]);
    let is_ticker = |(_, record): &&mut (u32, Record)| record.kind == Kind::BookTicker as u16;
    let ticker = bad.market.iter_mut().find(is_ticker).expect("there are tickers");
    ticker.1.words[3] += SCALE / 10;
    assert!(compared(&bad).difference.is_some());
}

#[test]
fn a_lost_record_ends_a_start_and_the_next_is_compared() {
    let mut bad = tape(&[(3, 5), (4, 5)]);
    bad.market.remove(7);
    let outcome = compared(&bad);
    assert!(outcome.difference.is_none());
    assert!(outcome.starts[0].gap.is_some(), "it is named");
    assert!(outcome.starts[0].inputs < inputs(5));
    assert_eq!((outcome.starts[1].inputs, &outcome.starts[1].gap), (inputs(5), &None));
}

#[test]
fn a_recording_that_begins_late_waits_for_the_next_start() {
    let mut late = tape(&[(3, 5), (4, 5)]);
    late.journal.drain(..3);
    late.market.drain(..4);
    let outcome = compared(&late);
    assert_eq!(outcome.gaps, [Gap::NoStart]);
    assert_eq!(outcome.starts.len(), 1);
    assert_eq!(outcome.starts[0].inputs, inputs(5));
    assert!(outcome.skipped > 0);
}

#[test]
fn a_trader_that_died_anywhere_leaves_no_difference() {
    let whole = tape(&[(3, 4)]);
    for length in 0..whole.journal.len() {
        let mut cut = tape(&[(3, 4), (4, 4)]);
        let last = whole.journal[..length].last().map_or(0, |record| record.input);
        let second = cut.journal.split_off(whole.journal.len());
        cut.journal.truncate(length);
        cut.journal.extend(second);
        // The market record of an input comes after its words in the journal.
        for with_market in [false, true] {
            let mut cut = Tape { journal: cut.journal.clone(), market: cut.market.clone() };
            let end = if with_market { last } else { last.saturating_sub(1) };
            cut.market.retain(|(epoch, record)| *epoch == 4 || record.input <= end);
            let outcome = compared(&cut);
            assert!(outcome.difference.is_none(), "cut at {length}: {:?}", outcome.difference);
            assert_eq!(outcome.starts.last().map(|start| start.inputs), Some(inputs(4)));
        }
    }
}

#[test]
fn another_build_is_refused_unless_asked_for() {
    let mut other = tape(&[(3, 5)]);
    let build = other.journal.iter().position(|record| record.kind == Kind::Blob as u16);
    let place = build.expect("the build is first");
    let blob = Blob::of(BlobKind::Build, b"engine of yesterday").next().expect("one");
    other.journal[place] = Event::Taken(Taken::Blob(blob)).to_record();
    let refused = compare(&mut Player::new(other.chunks()), false);
    assert!(matches!(refused, Err(CompareError::Build(build)) if build == "engine of yesterday"));
    assert!(compare(&mut Player::new(other.chunks()), true).is_ok());
}
