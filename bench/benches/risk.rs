//! `risk/…`: what an order waits for before it may leave, and what a tick costs that sends nothing.
//!
//! One check is everything between decision and request: the account's worst case from positions
//! and working orders, the market, the windows of messages, fills and marks, our own prices, then
//! every limit. Two symbols, both held, eight orders at work; the order passes all limits, so all of
//! them are looked at.

use bench::timing::{compare, contender, machine, print_head};
use engine::strategy::{TestConfig, TestStyle};
use engine::{
    Config, Engine, Input, Limits, Now, Outbox, Safety, StrategyConfig, SymbolConfig, SymbolLimits,
    SymbolRules, Timing, Truth,
};
use schema::{
    BookTicker, BootEpoch, ClientOrderId, Link, Mark, MonoNs, NewOrder, Notional, OpenOrder,
    OrderType, PositionDelta, Price, Qty, SCALE, Side, SymbolId, SymbolName, TimeInForce,
    TradingState, VenueOrderId, WallNs,
};

const SYMBOLS: u16 = 2;
const WORKING: i64 = 8;
const START_NS: u64 = 1_000_000_000_000;
const START_WALL_NS: i64 = 1_790_000_000_000_000_000;

fn now(elapsed_ns: u64) -> Now {
    Now {
        mono: MonoNs(START_NS + elapsed_ns),
        wall: WallNs(START_WALL_NS + i64::try_from(elapsed_ns).expect("hours")),
    }
}
fn price(tenths: i64) -> Price {
    Price::from_units(tenths * SCALE / 10)
}
fn qty(thousandths: i64) -> Qty {
    Qty::from_units(thousandths * SCALE / 1_000)
}

fn config() -> Config {
    let symbol = |name: &[u8]| SymbolConfig {
        name: SymbolName::new(name).expect("a short name"),
        rules: SymbolRules {
            tick: price(1),
            price_min: price(1),
            price_max: price(10_000_000),
            step: qty(1),
            qty_min: qty(1),
            qty_max: qty(1_000_000),
            market_step: qty(1),
            market_qty_min: qty(1),
            market_qty_max: qty(100_000),
            notional_min: Notional::from_units(100 * SCALE),
            percent_up_e4: 10_500,
            percent_down_e4: 9_500,
            open_orders_max: 200,
            is_trading: true,
        },
        limits: SymbolLimits {
            is_restricted: false,
            qty_max: qty(1_000),
            notional_max: Notional::from_units(50_000 * SCALE),
            position_max: qty(2_000),
        },
    };
    Config {
        symbols: vec![symbol(b"BTCUSDT"), symbol(b"ETHUSDT")],
        // Every window is in use and no limit is reached.
        limits: Limits {
            duplicate_window_ns: 50_000_000,
            repeated_orders_max: 1_000,
            repeated_window_ns: 10_000_000_000,
            order_to_trade_e2_max: 50_000,
            order_to_trade_from: 100,
            maintenance_ppm: 10_000,
            liquidation_distance_ppm_min: 100_000,
            ..Limits::LOOSE
        },
        timing: Timing { loop_gap_ns_max: u64::MAX, ..Timing::default() },
        strategy: StrategyConfig::Test(TestConfig {
            style: TestStyle::EveryTick,
            every_ticks: 1_000_000,
            ..TestConfig::default()
        }),
        params: engine::signal::DEFAULT_PARAMS,
        epoch: BootEpoch(1),
        require_verdict: false,
        is_enabled: true,
        is_killed: false,
        safety: Safety::default(),
    }
}

/// The account as the venue tells it: both symbols held, four orders at work on each.
fn truth() -> Truth {
    let order = |number: i64| OpenOrder {
        symbol: SymbolId((number % i64::from(SYMBOLS)) as u16),
        client_order_id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(number + 1),
        side: if number < WORKING / 2 { Side::Buy } else { Side::Sell },
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtx,
        price: price(if number < WORKING / 2 { 499_900 - number } else { 500_100 + number }),
        qty: qty(10),
        cum_qty: Qty::ZERO,
        reduce_only: false,
    };
    let mut truth = Truth {
        requested_at: now(0).mono,
        wallet: Notional::from_units(1_000_000 * SCALE),
        open_orders: (0..WORKING).map(order).collect(),
        ..Truth::default()
    };
    for position in &mut truth.positions[..usize::from(SYMBOLS)] {
        position.clone_from(&PositionDelta {
            qty: qty(50),
            entry_price: price(499_000),
            ..PositionDelta::default()
        });
    }
    truth
}

fn ticker(update_id: u64, now: Now) -> BookTicker {
    let away = i64::try_from(update_id % 5).expect("small");
    BookTicker {
        symbol: SymbolId((update_id % u64::from(SYMBOLS)) as u16),
        update_id,
        bid_price: price(500_000 - away),
        bid_qty: qty(1_000),
        ask_price: price(500_001 + away),
        ask_qty: qty(900),
        transaction_time: now.wall,
        event_time: now.wall,
    }
}

/// An engine that may trade.
fn armed(out: &mut Outbox) -> Engine {
    let mut engine = Engine::new(config()).expect("a usable configuration");
    let mut apply = |elapsed_ns: u64, input: &Input<'_>| {
        out.clear();
        engine.apply(now(elapsed_ns), input, out);
    };
    for link in Link::ALL {
        apply(0, &Input::Link(*link, true));
    }
    apply(1_000, &Input::Reconciled(&truth()));
    for update_id in 1..=20 {
        let at = now(update_id * 100_000);
        let symbol = SymbolId((update_id % u64::from(SYMBOLS)) as u16);
        let mark = Mark { symbol, mark_price: price(500_000), ..Mark::default() };
        apply(update_id * 100_000, &Input::Mark(&mark));
        apply(update_id * 100_000, &Input::BookTicker(&ticker(update_id, at)));
    }
    apply(3_000_000, &Input::Timer);
    assert_eq!(engine.state(), TradingState::Armed, "{}", engine.state_reason());
    assert_eq!(engine.orders().live_count() as i64, WORKING);
    engine
}

fn main() {
    // `cargo test --benches` runs this with `--test`: then nothing is measured.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("{}", machine());
    print_head();

    let mut out = Outbox::new();
    let mut engine = armed(&mut out);
    let mut sequence = 0u64;
    let mut elapsed_ns = 3_000_000u64;
    let mut cases = [contender("view and all limits", || {
        sequence += 1;
        elapsed_ns += 1_000;
        let order = NewOrder {
            symbol: SymbolId((sequence % u64::from(SYMBOLS)) as u16),
            client_order_id: ClientOrderId(sequence),
            side: if sequence & 2 == 0 { Side::Buy } else { Side::Sell },
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Ioc,
            price: price(500_000),
            qty: qty(10),
            reduce_only: false,
        };
        let verdict = engine.check(now(elapsed_ns), std::hint::black_box(&order));
        assert_eq!(verdict, Ok(()), "it breaks no limit");
        sequence
    })];
    compare("risk", &mut cases);
    drop(cases);

    let mut out = Outbox::new();
    let mut engine = armed(&mut out);
    let mut update_id = 100u64;
    let mut cases = [contender("a tick that sends nothing", || {
        update_id += 1;
        let at = now(update_id * 100_000);
        out.clear();
        engine.apply(at, &Input::BookTicker(&ticker(update_id, at)), &mut out);
        assert!(out.actions().len() == 0, "a tick that sends nothing");
        engine.input_number()
    })];
    compare("engine", &mut cases);
}
