use super::*;
use proptest::prelude::*;

fn top(bid: (i64, i64), ask: (i64, i64)) -> Top {
    let level = |(price, qty)| Level { price: Price::from_units(price), qty: Qty::from_units(qty) };
    Top { bid: level(bid), ask: level(ask), update_id: 1, ..Top::default() }
}

fn trade(qty: i64, buyer_is_maker: bool) -> Trade {
    Trade { qty: Qty::from_units(qty), buyer_is_maker, ..Trade::default() }
}

fn fresh() -> Signal {
    Signal::new(&DEFAULT_PARAMS, Qty::from_units(1))
}

#[track_caller]
fn near(got: f64, expected: f64) {
    assert!((got - expected).abs() < 1e-5, "{got} is not {expected}");
}

#[test]
fn the_microprice_leans_to_the_thinner_side() {
    let mut signal = fresh();
    signal.on_top(MonoNs(1), &top((100 * SCALE, 3), (102 * SCALE, 1)));
    let f = signal.features().to_f64();
    near(f.mid, 101.0);
    near(f.imbalance, 0.5);
    near(f.microprice, 101.5);
    near(f.signal, 0.25);
    assert_eq!(signal.features().signal_e8(), SCALE / 4);
}

#[test]
fn flow_decays_to_silence() {
    let mut signal = fresh();
    signal.on_trade(MonoNs(1), &trade(1_000, false));
    near(signal.features().to_f64().flow, 1.0);
    signal.on_top(MonoNs(1 + DEFAULT_PARAMS.flow_half_life_ns * 2), &top((1, 1), (2, 1)));
    // Two half-lives of the numerator, one of the denominator.
    near(signal.features().to_f64().flow, 0.5);
    signal.on_trade(MonoNs(1 + DEFAULT_PARAMS.flow_half_life_ns * 200), &trade(10, true));
    near(signal.features().to_f64().flow, -1.0);
}

#[test]
fn variance_is_a_rate_per_second() {
    let mut signal = fresh();
    // One basis point up and down every 100 ms: ten squares of 1 bp² a second.
    let mut at = 1;
    for step in 0..6_000 {
        let bid = 1_000_000_000 + (step % 2) * 100_000;
        signal.on_top(MonoNs(at), &top((bid, 1), (bid, 1)));
        signal.on_top(MonoNs(at), &top((bid - 1, 1), (bid + 1, 1)));
        at += 100_000_000;
    }
    let volatility = signal.features().to_f64().volatility_bp;
    assert!((volatility * volatility - 10.0).abs() < 0.2, "{volatility}");
}

#[test]
fn one_sided_and_crossed_tops_are_not_prices() {
    let mut signal = fresh();
    signal.on_top(MonoNs(1), &top((100, 1), (102, 1)));
    let before = *signal.features();
    signal.on_top(MonoNs(1), &top((0, 0), (102, 1)));
    signal.on_top(MonoNs(1), &top((103, 9), (102, 1)));
    assert_eq!(*signal.features(), before);
}

#[test]
fn parameters_out_of_range_are_named() {
    let check = |change: fn(&mut SignalParams), field| {
        let mut params = DEFAULT_PARAMS;
        change(&mut params);
        assert_eq!(validate(&params), Err(ConfigError::Params(field)));
    };
    assert_eq!(validate(&DEFAULT_PARAMS), Ok(()));
    check(|p| p.microprice_weight = i64::MAX, "microprice_weight");
    check(|p| p.flow_weight = i64::MIN, "flow_weight");
    check(|p| p.flow_half_life_ns = 0, "flow_half_life_ns");
    check(|p| p.variance_half_life_ns = u64::MAX, "variance_half_life_ns");
    check(|p| p.entry_threshold = 0, "entry_threshold");
}

proptest! {
    #[test]
    fn any_market_keeps_the_features_in_range(
        events in proptest::collection::vec(
            (any::<bool>(), 0i64..i64::MAX / 4, 0i64..i64::MAX, 0i64..i64::MAX, 0u64..u64::MAX / 128),
            1..60,
        )
    ) {
        let mut signal = fresh();
        let mut at = 0u64;
        for (is_trade, price, a, b, elapsed) in events {
            at += elapsed;
            if is_trade {
                signal.on_trade(MonoNs(at), &trade(a, b % 2 == 0));
            } else {
                signal.on_top(MonoNs(at), &top((price, a), (price + 1 + b % 1_000_000, b)));
            }
            let f = signal.features();
            prop_assert!(f.imbalance.abs() <= I32F32::ONE && f.flow.abs() <= I32F32::ONE);
            prop_assert!(f.signal.abs() <= I32F32::ONE);
            prop_assert!(f.variance_bp2_per_s >= I32F32::ZERO);
        }
    }
}
