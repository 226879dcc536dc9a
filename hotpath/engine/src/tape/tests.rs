use schema::{BootEpoch, MonoNs, SymbolName};

use super::*;
use crate::{Config, Engine, StrategyConfig, SymbolConfig, Timing};

fn config() -> Config {
    let unit = schema::SCALE;
    let symbol = |name: &[u8]| SymbolConfig {
        name: SymbolName::new(name).expect("short"),
        rules: crate::SymbolRules {
            tick: schema::Price::from_units(unit / 10),
            price_min: schema::Price::from_units(unit / 10),
            price_max: schema::Price::from_units(1_000_000 * unit),
            step: schema::Qty::from_units(unit / 1_000),
            qty_min: schema::Qty::from_units(unit / 1_000),
            qty_max: schema::Qty::from_units(1_000 * unit),
            market_step: schema::Qty::from_units(unit / 1_000),
            market_qty_min: schema::Qty::from_units(unit / 1_000),
            market_qty_max: schema::Qty::from_units(100 * unit),
            notional_min: Notional::from_units(50 * unit),
            percent_up_e4: 10_500,
            percent_down_e4: 9_500,
            open_orders_max: 200,
            is_trading: true,
        },
        limits: crate::SymbolLimits {
            is_restricted: false,
            qty_max: schema::Qty::from_units(unit),
            notional_max: Notional::from_units(10_000 * unit),
            position_max: schema::Qty::from_units(2 * unit),
        },
    };
    Config {
        symbols: vec![symbol(b"BTCUSDT"), symbol(b"ETHUSDT")],
        limits: crate::Limits {
            capital: Notional::from_units(10_000 * unit),
            exposure_max: Notional::from_units(20_000 * unit),
            leverage_max_e2: 200,
            price_collar_ppm: 50_000,
            open_orders_max: 100,
            messages_10s_max: 250,
            messages_1m_max: 1_000,
            messages_cancel_reserve: 50,
            book_age_ns_max: 1_000_000_000,
            feed_delay_ns_max: 1_000_000_000,
            mark_age_ns_max: 5_000_000_000,
            duplicate_window_ns: 0,
            daily_loss_max: Notional::from_units(500 * unit),
            venue_rejects_max: 10,
            ..crate::Limits::LOOSE
        },
        timing: Timing { settle_ns: 77, ..Timing::default() },
        strategy: StrategyConfig::by_name("test").expect("there is one"),
        params: crate::signal::DEFAULT_PARAMS,
        epoch: BootEpoch(7),
        require_verdict: false,
        is_enabled: true,
        is_killed: false,
        safety: crate::Safety { quarantine_updates: 3, ..crate::Safety::default() },
    }
}

#[test]
fn a_configuration_is_the_same_again_from_its_text() {
    for name in StrategyConfig::NAMES {
        let mut config = config();
        config.strategy = StrategyConfig::by_name(name).expect("known");
        let text = config.to_text();
        let read = Config::from_text(&text).expect("readable");
        assert_eq!(format!("{read:?}"), format!("{config:?}"));
    }
}

#[test]
fn a_text_without_any_of_its_lines_is_refused() {
    let text = config().to_text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() > 60, "{text}");
    for left_out in 0..lines.len() {
        let mut rest = lines.clone();
        let name = rest.remove(left_out).split(' ').next().expect("a name");
        let error = Config::from_text(&rest.join("\n")).expect_err("incomplete");
        assert!(error.0.starts_with(name), "{error} is not about {name}");
    }
}

fn at(mono: u64) -> Now {
    Now { mono: MonoNs(mono), wall: WallNs(1_700_000_000_000_000_000 + mono as i64) }
}

#[test]
fn truth_and_account_events_are_whole_again() {
    let mut engine = Engine::new(config()).expect("usable");
    let mut out = Outbox::new();
    let order = crate::OpenOrder {
        symbol: SymbolId(1),
        client_order_id: schema::ClientOrderId::NONE,
        venue_order_id: schema::VenueOrderId(5),
        side: schema::Side::Sell,
        order_type: schema::OrderType::Limit,
        time_in_force: schema::TimeInForce::Gtc,
        price: schema::Price::from_units(3),
        qty: schema::Qty::from_units(4),
        cum_qty: schema::Qty::ZERO,
        reduce_only: false,
    };
    let algo = crate::OpenAlgo {
        symbol: SymbolId(0),
        client_order_id: schema::ClientOrderId::NONE,
        algo_id: schema::AlgoId(6),
        side: schema::Side::Buy,
        trigger_price: schema::Price::from_units(7),
        close_position: true,
    };
    let mut truth = Truth {
        requested_at: MonoNs(3),
        wallet: Notional::from_units(9),
        open_orders: vec![order; 200],
        algo_orders: Some(vec![algo; 40]),
        ..Truth::default()
    };
    truth.positions[1].qty = schema::Qty::from_units(11);
    truth.positions[1].symbol = SymbolId(1);
    truth.last_trades[0] = TradeId(12);
    engine.apply(at(5), &Input::Reconciled(&truth), &mut out);
    assert_eq!(out.lost(), 0);
    let (offset, rest) = clock(out.records());
    assert_eq!(offset, Some(1_700_000_000_000_000_000), "the first input tells the clocks");
    let OwnedInput::Reconciled(read) = read(rest).expect("whole") else { panic!("another input") };
    assert_eq!(*read, truth);

    out.clear();
    let mut update = AccountUpdate { balance_count: 1, position_count: 2, ..Default::default() };
    update.balances[0].change = Notional::from_units(13);
    update.positions[1].qty = schema::Qty::from_units(14);
    update.is_funding = true;
    engine.apply(at(6), &Input::Account(&update), &mut out);
    let (offset, rest) = clock(out.records());
    assert_eq!(offset, None, "the clocks did not move");
    let OwnedInput::Account(read) = super::read(rest).expect("whole") else { panic!("another") };
    assert_eq!(read, update);
    for length in 0..4 {
        assert!(super::read(&rest[..length]).is_err(), "{length} records are not the whole");
    }
}

#[test]
fn more_orders_than_fit_leave_room_for_what_follows() {
    let mut engine = Engine::new(config()).expect("usable");
    let mut out = Outbox::new();
    let order = crate::OpenOrder {
        symbol: SymbolId(0),
        client_order_id: schema::ClientOrderId::NONE,
        venue_order_id: schema::VenueOrderId(1),
        side: schema::Side::Buy,
        order_type: schema::OrderType::Limit,
        time_in_force: schema::TimeInForce::Gtc,
        price: schema::Price::from_units(1),
        qty: schema::Qty::from_units(1),
        cum_qty: schema::Qty::ZERO,
        reduce_only: false,
    };
    let truth = Truth { open_orders: vec![order; 5_000], ..Truth::default() };
    engine.apply(at(5), &Input::Reconciled(&truth), &mut out);
    assert!(out.lost() > 0, "told, not silent");
    assert!(out.records().len() + crate::ACTIONS_MAX < crate::RECORDS_MAX);
    let (_, rest) = clock(out.records());
    assert_eq!(read(rest).err(), Some(BadInput::NotWhole));
}
