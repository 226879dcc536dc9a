use super::*;
use crate::signal::Features;
use fixed::types::I32F32;
use schema::Level;

/// What a strategy is shown, changed by the tests.
struct Stage {
    strategy: Strategy,
    now_ms: u64,
    cause: Cause,
    signal: f64,
    position: Position,
    working: Working,
    resting: Option<Order>,
    may_open: bool,
}

const RULES: SymbolRules = SymbolRules {
    tick: Price::from_units(SCALE / 10),
    price_min: Price::from_units(SCALE),
    price_max: Price::from_units(1_000_000 * SCALE),
    step: Qty::from_units(SCALE / 1_000),
    qty_min: Qty::from_units(SCALE / 1_000),
    qty_max: Qty::from_units(1_000 * SCALE),
    market_step: Qty::from_units(SCALE / 1_000),
    market_qty_min: Qty::from_units(SCALE / 1_000),
    market_qty_max: Qty::from_units(100 * SCALE),
    notional_min: Notional::from_units(100 * SCALE),
    percent_up_e4: 10_500,
    percent_down_e4: 9_500,
    open_orders_max: 200,
    is_trading: true,
};

fn stage(config: StrategyConfig) -> Stage {
    Stage {
        strategy: Strategy::new(&config),
        now_ms: 10_000,
        cause: Cause::Ticker,
        signal: 0.0,
        position: Position::FLAT,
        working: Working::default(),
        resting: None,
        may_open: true,
    }
}

impl Stage {
    fn turn(&mut self) -> Option<Intent> {
        let level = |price: i64| Level {
            price: Price::from_units(price * SCALE),
            qty: Qty::from_units(SCALE),
        };
        let top = Top { bid: level(50_000), ask: level(50_001), update_id: 1, ..Top::default() };
        let features = Features { signal: I32F32::from_num(self.signal), ..Features::default() };
        self.strategy.turn(&View {
            now: MonoNs(self.now_ms * 1_000_000),
            symbol: SymbolId(0),
            cause: self.cause,
            rules: &RULES,
            qty_max: Qty::from_units(SCALE),
            top: &top,
            features: &features,
            entry_threshold_e8: SCALE / 2,
            position: &self.position,
            working: self.working,
            resting: self.resting.as_ref(),
            may_open: self.may_open,
        })
    }
    fn holds(&mut self, qty_milli: i64, entry: i64) {
        let qty = Qty::from_units(qty_milli * SCALE / 1_000);
        self.position = Position::from_entry(qty, Price::from_units(entry * SCALE));
    }
}

#[track_caller]
fn side_of(intent: Option<Intent>) -> (Side, TimeInForce, bool) {
    match intent {
        Some(Intent::Place { side, time_in_force, reduce_only, .. }) => {
            (side, time_in_force, reduce_only)
        }
        other => panic!("an order was expected, not {other:?}"),
    }
}

use Side::{Buy, Sell};
use TimeInForce::{Gtx, Ioc};

#[test]
fn imbalance_enters_past_the_threshold_in_the_signals_direction() {
    let mut stage = stage(StrategyConfig::Imbalance(ImbalanceConfig::default()));
    stage.signal = 0.49;
    assert_eq!(stage.turn(), None);
    stage.signal = 0.51;
    let intent = stage.turn();
    assert_eq!(side_of(intent), (Buy, Ioc, false));
    let Some(Intent::Place { price, qty, .. }) = intent else { panic!("placed") };
    assert_eq!(price, Price::from_units(50_001 * SCALE + 3 * RULES.tick.units()));
    assert_eq!(qty, Qty::from_units(3 * SCALE / 1_000));
    stage.signal = -0.51;
    assert_eq!(side_of(stage.turn()), (Sell, Ioc, false));
    stage.may_open = false;
    assert_eq!(stage.turn(), None);
    stage.may_open = true;
    stage.working.count = 1;
    assert_eq!(stage.turn(), None);
}

#[test]
fn imbalance_leaves_on_decay_time_and_stop_and_then_rests() {
    let mut stage = stage(StrategyConfig::Imbalance(ImbalanceConfig::default()));
    stage.signal = 0.6;
    stage.holds(3, 50_001);
    assert_eq!(stage.turn(), None);
    stage.signal = 0.0;
    assert_eq!(side_of(stage.turn()), (Sell, Ioc, true));
    stage.signal = 0.6;
    stage.now_ms += 500;
    assert_eq!(side_of(stage.turn()), (Sell, Ioc, true));
    stage.now_ms -= 400;
    stage.holds(-3, 49_000);
    stage.signal = -0.6;
    assert_eq!(side_of(stage.turn()), (Buy, Ioc, true));
    stage.position = Position::FLAT;
    assert_eq!(stage.turn(), None);
    stage.now_ms += 100;
    assert_eq!(side_of(stage.turn()), (Sell, Ioc, false));
}

#[test]
fn test_makes_round_trips_on_alternating_sides() {
    let mut stage = stage(StrategyConfig::Test(TestConfig::default()));
    stage.cause = Cause::Time;
    assert_eq!(side_of(stage.turn()), (Buy, Ioc, false));
    stage.holds(4, 50_001);
    stage.now_ms += 399;
    assert_eq!(stage.turn(), None);
    stage.now_ms += 1;
    assert_eq!(side_of(stage.turn()), (Sell, Ioc, true));
    stage.position = Position::FLAT;
    assert_eq!(stage.turn(), None);
    stage.now_ms += 600;
    assert_eq!(side_of(stage.turn()), (Sell, Ioc, false));
}

#[test]
fn test_posts_and_cancels_what_does_not_fill() {
    let config = TestConfig { style: TestStyle::Gtx, ..TestConfig::default() };
    let mut stage = stage(StrategyConfig::Test(config));
    assert_eq!(side_of(stage.turn()), (Buy, Gtx, false));
    stage.working.count = 1;
    assert_eq!(stage.turn(), None);
    let mut orders = crate::orders::Orders::new(schema::BootEpoch(1));
    let new = schema::NewOrder {
        symbol: SymbolId(0),
        client_order_id: orders.next_id(StrategyId::TEST).expect("room"),
        side: Buy,
        order_type: schema::OrderType::Limit,
        time_in_force: Gtx,
        price: Price::from_units(49_999 * SCALE),
        qty: Qty::from_units(SCALE),
        reduce_only: false,
    };
    let handle = orders.submit(MonoNs(1), &new);
    stage.resting = Some(*orders.get(handle));
    stage.now_ms += 150;
    assert_eq!(stage.turn(), Some(Intent::Move(Price::from_units(50_000 * SCALE))));
    assert_eq!(stage.turn(), None, "not again at once");
    stage.now_ms += 250;
    assert_eq!(stage.turn(), Some(Intent::CancelAll));
}

#[test]
fn test_orders_on_every_nth_ticker_alternating_sides() {
    let config =
        TestConfig { style: TestStyle::EveryTick, every_ticks: 2, ..TestConfig::default() };
    let mut stage = stage(StrategyConfig::Test(config));
    assert_eq!(stage.turn(), None);
    assert_eq!(side_of(stage.turn()), (Buy, Ioc, false));
    stage.cause = Cause::Market;
    assert_eq!(stage.turn(), None);
    assert_eq!(stage.turn(), None);
    stage.cause = Cause::Ticker;
    assert_eq!(stage.turn(), None);
    assert_eq!(side_of(stage.turn()), (Sell, Ioc, false));
}

#[test]
fn sizes_are_raised_to_the_venues_minimum() {
    let config = TestConfig { order_notional_e8: 1, ..TestConfig::default() };
    let mut stage = stage(StrategyConfig::Test(config));
    let Some(Intent::Place { price, qty, .. }) = stage.turn() else { panic!("placed") };
    assert!(price.notional(qty).expect("fits") >= RULES.notional_min);
    assert!(qty.is_multiple_of(RULES.step));
}

#[test]
fn every_setting_can_be_set_read_and_refused() {
    for name in StrategyConfig::NAMES {
        let mut config = StrategyConfig::by_name(name).expect("named");
        assert_eq!(config.validate(), Ok(()));
        assert_eq!(config.name(), *name);
        assert_eq!(config.set("no_such", SettingValue::Integer(1)), Err(SettingError::UnknownKey));
        for setting in config.settings() {
            let (fits, too_large) = match setting.kind {
                SettingKind::Integer(min, max) => {
                    (SettingValue::Integer(min), SettingValue::Integer(max + 1))
                }
                SettingKind::Decimal(min, max) => {
                    (SettingValue::Decimal(min), SettingValue::Decimal(max + 1))
                }
                SettingKind::Word(words) => {
                    (SettingValue::Word(words[words.len() - 1]), SettingValue::Word("?"))
                }
            };
            assert_eq!(config.set(setting.key, too_large), Err(SettingError::Range));
            assert_eq!(config.set(setting.key, fits), Ok(()), "{}", setting.key);
            let expected = match fits {
                SettingValue::Integer(value) | SettingValue::Decimal(value) => value,
                SettingValue::Word(_) => match setting.kind {
                    SettingKind::Word(words) => words.len() as i64 - 1,
                    _ => unreachable!("kinds match"),
                },
            };
            assert_eq!(config.value(setting.key), Some(expected));
        }
    }
    assert_eq!(StrategyConfig::by_name("nothing"), None);
}
