use proptest::prelude::*;

use super::*;

fn name(text: &str) -> SymbolName {
    SymbolName::new(text.as_bytes()).expect("a name")
}

fn position(symbol: &str, qty: i64, mark: i64) -> Position {
    let (qty, mark) = (qty * SCALE, mark * SCALE);
    Position { symbol: name(symbol), qty, mark, unrealized: 0, liquidation: 0 }
}

/// 200 minutes whose returns are −0.01 %, −0.02 % … −2 %.
fn falling(symbol: &str) -> Returns {
    let mut returns = Returns::default();
    for minute in 1..=200 {
        returns.add(name(symbol), minute, -1e-4 * minute as f64);
    }
    returns
}

#[test]
fn quantile_and_tail_mean_are_those_of_the_definition() {
    // Losses of a position of 10,000: 1, 2 … 200. VaR 95 is the 190th, its tail 191 … 200.
    let estimate = falling("A").estimate(&[position("A", 100, 100)]);
    let units = |usdt: f64| (usdt * SCALE as f64) as i64;
    assert_eq!(estimate.samples, 200);
    let near = |value: i64, usdt: f64| (value - units(usdt)).abs() <= 2;
    assert!(near(estimate.var_95, 190.0) && near(estimate.es_95, 195.5), "{estimate:?}");
    assert!(near(estimate.var_99, 198.0) && near(estimate.es_99, 199.5), "{estimate:?}");
}

#[test]
fn a_part_of_a_sample_weighs_its_part() {
    // 150 losses 1 … 150 at 99 %: n·α = 148.5, so VaR is the 149th and the tail is half of it and
    // the 150th: (150 + 0.5 · 149) / 1.5.
    let losses: Vec<f64> = (1..=150).map(f64::from).collect();
    assert_eq!(tail(&losses, 0.99), (149, ((150.0 + 74.5) / 1.5_f64).round() as i64));
}

#[test]
fn what_falls_and_what_is_sold_short_gains() {
    let estimate = falling("A").estimate(&[position("A", -100, 100)]);
    assert_eq!((estimate.var_99, estimate.es_99), (0, 0));
    let none = falling("A").estimate(&[]);
    assert_eq!((none.var_99, none.samples), (0, 200));
    // Hedged is not risky, and minutes of one symbol alone tell nothing of both.
    let mut both = falling("A");
    both.symbols.insert(name("B"), both.symbols[&name("A")].clone());
    let hedged = both.estimate(&[position("A", 100, 100), position("B", -100, 100)]);
    assert_eq!(hedged.var_99, 0);
    let unknown = falling("A").estimate(&[position("A", 1, 1), position("B", 1, 1)]);
    assert_eq!((unknown.var_99, unknown.samples), (-1, 0));
}

#[test]
fn candles_make_returns_only_of_neighbouring_minutes() {
    let mut returns = Returns::default();
    returns.candles(name("A"), &[(0, 100), (60_000, 110), (180_000, 120), (240_000, 60)]);
    let of_a = &returns.symbols[&name("A")];
    assert_eq!(of_a.keys().copied().collect::<Vec<_>>(), [1, 4]);
    assert!((of_a[&1] - 0.1).abs() < 1e-9 && (of_a[&4] + 0.5).abs() < 1e-9);
}

/// A wall time so many seconds after a minute's begin.
fn at(minute: i64, second: i64) -> i64 {
    (29_000_000 + minute) * MINUTE_NS + second * 1_000_000_000
}

fn marks(price: i64) -> HashMap<SymbolName, i64> {
    HashMap::from([(name("A"), price * SCALE)])
}

#[test]
fn a_loss_beyond_what_stood_at_the_minutes_begin_is_a_breach() {
    let mut minutes = Minutes { returns: falling("A"), ..Minutes::default() };
    let held = [position("A", 100, 100)];
    // Begun in mid-minute: that one is not judged.
    assert_eq!(minutes.take(at(0, 30), &held, &marks(100)), None);
    assert_eq!(minutes.take(at(1, 1), &held, &marks(50)), None);
    // Held from here on 10,000 with a VaR of 198; 3 % down is a loss of 300.
    let held = [position("A", 100, 100)];
    assert_eq!(minutes.take(at(2, 0), &held, &marks(100)), None);
    assert_eq!(minutes.take(at(2, 59), &[], &marks(97)), None);
    let (loss, var) = minutes.take(at(3, 1), &[], &marks(97)).expect("a breach");
    assert_eq!(loss, 300 * SCALE);
    assert!((var - 198 * SCALE).abs() <= 2, "{var}");
    assert_eq!(minutes.breaches(at(3, 2)), 1);
    // Its own return is kept, and it counts for a day.
    assert!(minutes.returns.symbols[&name("A")].len() > 200);
    assert_eq!(minutes.breaches(at(3, 1) + BREACH_AGE_NS), 0);
    // Nothing was held at this minute's begin.
    assert_eq!(minutes.take(at(4, 1), &held, &marks(10)), None);
    let kept: Vec<i64> = minutes.recent(at(4, 1)).collect();
    assert_eq!(Minutes::with_breaches(&kept).breaches(at(4, 1)), 1);
}

#[test]
fn a_minute_whose_end_was_not_seen_is_none() {
    let mut minutes = Minutes { returns: falling("A"), ..Minutes::default() };
    let held = [position("A", 100, 100)];
    minutes.take(at(1, 0), &held, &marks(100));
    assert_eq!(minutes.take(at(2, 20), &held, &marks(50)), None, "seen to end too late");
    minutes.take(at(3, 0), &held, &marks(100));
    assert_eq!(minutes.take(at(5, 0), &held, &marks(50)), None, "a minute was not seen at all");
    assert_eq!(minutes.breaches(at(5, 1)), 0);
}

proptest! {
    #[test]
    fn shortfall_is_no_less_than_value_at_risk(
        losses in proptest::collection::vec(-1e12..1e12f64, 100..400),
        alpha in 0.5..0.999f64,
    ) {
        let mut losses = losses;
        losses.sort_by(f64::total_cmp);
        let (var, es) = tail(&losses, alpha);
        prop_assert!(es >= var && var >= 0);
        let beyond = losses.iter().filter(|loss| loss.round() as i64 > var).count();
        prop_assert!(beyond as f64 <= losses.len() as f64 * (1.0 - alpha) + 1e-6);
    }
}
