//! Records of the rings, and what the engine makes of them.

use engine::{Config, Engine, Input, Now, Outbox, SymbolConfig, SymbolRules, Truth};
use schema::{
    BootEpoch, DepthBuf, Event, MonoNs, Notional, Price, Qty, Record, RequestId, SCALE, Side,
    WallNs,
};

/// Bytes of a record.
const RECORD_BYTES: usize = size_of::<Record>();
/// Inputs of one run: enough for an order's whole life.
const INPUTS_MAX: usize = 64;

/// Records of 120 bytes, the last filled up with zeros.
fn read(bytes: &[u8]) -> impl Iterator<Item = Record> {
    bytes.chunks(RECORD_BYTES).map(|chunk| {
        let mut whole = [0u8; RECORD_BYTES];
        whole[..chunk.len()].copy_from_slice(chunk);
        let number = |at: usize| u16::from_le_bytes([whole[at], whole[at + 1]]);
        let long = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&whole[at..at + 8]);
            u64::from_le_bytes(eight)
        };
        let mut record = Record {
            kind: number(0),
            symbol: number(2),
            count: number(4),
            flags: number(6),
            at_ns: long(8),
            input: long(16),
            ..Record::default()
        };
        for (index, word) in record.words.iter_mut().enumerate() {
            *word = long(24 + 8 * index) as i64;
        }
        record
    })
}

/// A record that can be read says the same when it is written again.
pub(crate) fn records(bytes: &[u8]) {
    for record in read(bytes) {
        let Ok(event) = Event::from_record(&record) else { continue };
        let again = event.to_record();
        let twice = Event::from_record(&again).expect("what was written can be read");
        assert_eq!(twice.to_record(), again, "{event:?}");
    }
}

/// Any events in any order: the engine takes them without an overflow, and never sends an order
/// that a limit forbids.
pub(crate) fn through_the_engine(bytes: &[u8]) {
    let mut engine = Engine::new(config()).expect("the configuration is usable");
    let (mut out, mut depth) = (Outbox::new(), DepthBuf::new());
    let mut now = Now { mono: MonoNs(1_000_000_000_000), wall: WallNs(1_800_000_000_000_000_000) };
    for link in schema::Link::ALL {
        engine.apply(now, &Input::Link(*link, true), &mut out);
        out.clear();
    }
    let wallet = Notional::from_units(100_000 * SCALE);
    let truth = Truth { requested_at: now.mono, wallet, ..Truth::default() };
    engine.apply(now, &Input::Reconciled(&truth), &mut out);
    out.clear();
    let mut request = RequestId(0);
    for record in read(bytes).take(INPUTS_MAX) {
        // Time goes on, by up to about four seconds.
        let passed = record.at_ns & 0xffff_ffff;
        now.mono = MonoNs(now.mono.0 + passed);
        now.wall = WallNs(now.wall.0 + passed as i64);
        let Ok(event) = Event::from_record(&record) else { continue };
        take(&mut engine, now, event, &mut out, &mut depth, request);
        for action in out.actions() {
            request = action.request_id();
            if let engine::Action::Place(order, ..) = action {
                let order = order.get();
                assert!(order.qty.units() > 0 && order.qty <= QTY_MAX, "{order:?}");
            }
        }
        assert_eq!(out.lost(), 0, "records of one input found no room");
        out.clear();
    }
}

/// Hands an event to the engine as the input it stands for. A reply that names no request answers
/// the last one.
fn take(
    engine: &mut Engine,
    now: Now,
    event: Event,
    out: &mut Outbox,
    depth: &mut DepthBuf,
    last: RequestId,
) {
    match event {
        Event::BookTicker(ticker) => engine.apply(now, &Input::BookTicker(&ticker), out),
        Event::Trade(trade) => engine.apply(now, &Input::Trade(&trade), out),
        Event::Mark(mark) => engine.apply(now, &Input::Mark(&mark), out),
        Event::Depth(head) => {
            engine.apply(now, &Input::Depth(&head, depth), out);
            depth.clear();
        }
        // Levels stand before their head here: they only have to be there.
        Event::Levels(levels) => {
            for level in levels.as_slice() {
                match levels.side {
                    Side::Buy => depth.push_bid(*level),
                    Side::Sell => depth.push_ask(*level),
                };
            }
        }
        Event::Timer(_) => engine.apply(now, &Input::Timer, out),
        Event::Link(link, is_up) => engine.apply(now, &Input::Link(link, is_up), out),
        Event::Report(report) => engine.apply(now, &Input::Report(&report), out),
        Event::TradeLite(lite) => engine.apply(now, &Input::TradeLite(&lite), out),
        Event::Reply(mut reply) => {
            if reply.request_id.0 == 0 {
                reply.request_id = last;
            }
            engine.apply(now, &Input::Reply(&reply), out);
        }
        Event::Command(command) => engine.apply(now, &Input::Command(&command), out),
        _ => {}
    }
}

const QTY_MAX: Qty = Qty::from_units(SCALE / 10);

/// The demo's settings, for two symbols.
fn config() -> Config {
    let text = include_str!("../../../config/demo.toml");
    let demo = trader::config::parse("demo.toml", text).expect("the demo's file has no mistakes");
    let price = |whole: i64| Price::from_units(whole * SCALE);
    let rules = SymbolRules {
        tick: Price::from_units(SCALE / 10),
        price_min: price(1),
        price_max: price(1_000_000),
        step: Qty::from_units(SCALE / 1_000),
        qty_min: Qty::from_units(SCALE / 1_000),
        qty_max: Qty::from_units(1_000 * SCALE),
        market_step: Qty::from_units(SCALE / 1_000),
        market_qty_min: Qty::from_units(SCALE / 1_000),
        market_qty_max: Qty::from_units(100 * SCALE),
        notional_min: Notional::from_units(50 * SCALE),
        percent_up_e4: 10_500,
        percent_down_e4: 9_500,
        open_orders_max: 200,
        is_trading: true,
    };
    let symbols = demo.symbols.iter().map(|symbol| {
        let mut limits = symbol.limits;
        limits.qty_max = QTY_MAX;
        SymbolConfig { name: symbol.name, rules, limits }
    });
    Config {
        symbols: symbols.collect(),
        limits: demo.limits,
        timing: demo.timing,
        strategy: demo.strategy,
        params: demo.params,
        epoch: BootEpoch(7),
        require_verdict: false,
        is_enabled: true,
        is_killed: false,
        safety: engine::Safety::default(),
    }
}
