//! A random mix of faults from a seed, such as a healthy trader must survive.
//!
//! Faults of the mix are short: each strikes a few times within seconds. What only a person may
//! clear up (an account told empty, settings that differ, a venue that lies about positions) is
//! not in it.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Fault, Kind, Outcome, Part};

/// Kinds of the mix, with their weights.
const MENU: &[(Kind, u32)] = &[
    (Kind::Close, 4),
    (Kind::Reset, 4),
    (Kind::Cut, 3),
    (Kind::BlackHole, 2),
    (Kind::Stall, 3),
    (Kind::Lag, 4),
    (Kind::Silence, 2),
    (Kind::Duplicate, 6),
    (Kind::Swap, 6),
    (Kind::Garbage, 1),
    (Kind::BadOpcode, 1),
    (Kind::BadRsv, 1),
    (Kind::TruncatedJson, 1),
    (Kind::BadUtf8, 1),
    (Kind::BadNumber, 2),
    (Kind::Crossed, 1),
    (Kind::ZeroPrice, 1),
    (Kind::Lose, 6),
    (Kind::Late, 3),
    (Kind::SwallowRequest, 4),
    (Kind::SwallowReply, 4),
    (Kind::DelayRequest, 3),
    (Kind::DelayReply, 4),
    (Kind::Answer, 6),
    (Kind::UnknownError, 4),
    (Kind::ServiceUnavailable, 4),
    (Kind::HttpError, 2),
    (Kind::CutRequest, 3),
    (Kind::FillFirst, 4),
    (Kind::SnapshotOld, 1),
    (Kind::SlowHandshake, 1),
    (Kind::Refuse, 1),
    (Kind::ListenKeyExpired, 1),
    (Kind::Funding, 1),
];
/// Codes of the mix's wrong answers.
const CODES: &[i32] = &[-1001, -1006, -1007, -1008, -2010, -5022];

/// When the next fault comes, and which.
pub(crate) struct Mix {
    random: StdRng,
    /// Mean time between faults in milliseconds.
    mean_ms: f64,
    menu: Vec<(Kind, u32)>,
    next_ms: Option<i64>,
}

impl Mix {
    /// `rate` faults a second of these kinds; none given means the menu.
    pub(crate) fn new(seed: u64, rate: f64, only: &[Kind]) -> Self {
        let menu = if only.is_empty() {
            MENU.to_vec()
        } else {
            only.iter().map(|kind| (*kind, 1)).collect()
        };
        let mean_ms = if rate > 0.0 { 1_000.0 / rate } else { f64::INFINITY };
        Self { random: StdRng::seed_from_u64(seed), mean_ms, menu, next_ms: None }
    }

    /// The faults that come by now.
    pub(crate) fn due(&mut self, symbols: &[String], now_ms: i64) -> Vec<Fault> {
        let mut due = Vec::new();
        let mut next_ms = match self.next_ms {
            Some(next_ms) => next_ms,
            None => now_ms.saturating_add(self.gap_ms()),
        };
        while next_ms <= now_ms {
            due.push(self.draw(symbols));
            next_ms = next_ms.saturating_add(self.gap_ms());
        }
        self.next_ms = Some(next_ms);
        due
    }

    /// Exponential, so that faults come in bursts and in pairs too.
    fn gap_ms(&mut self) -> i64 {
        let part: f64 = self.random.random();
        (-(1.0 - part).ln() * self.mean_ms).min(1e12) as i64
    }

    fn draw(&mut self, symbols: &[String]) -> Fault {
        let random = &mut self.random;
        let total: u32 = self.menu.iter().map(|(_, weight)| weight).sum();
        let mut place = random.random_range(0..total.max(1));
        let mut kind = Kind::Lag;
        for (candidate, weight) in &self.menu {
            if place < *weight {
                kind = *candidate;
                break;
            }
            place -= weight;
        }
        let mut fault = Fault::new(kind).for_ms(random.random_range(500..3_000));
        fault.place.route = route(kind, random);
        if !symbols.is_empty() && random.random_bool(0.3) && kind == Kind::Lose {
            fault.place.symbol = Some(symbols[random.random_range(0..symbols.len())].clone());
        }
        fault.after = random.random_range(0..4);
        fault.count = Some(match kind {
            Kind::Lag => random.random_range(10..200),
            Kind::Duplicate | Kind::Swap | Kind::Late | Kind::Lose => random.random_range(1..6),
            Kind::Silence => random.random_range(5..100),
            _ => 1,
        });
        fault.ms = match kind {
            Kind::BlackHole => Some(random.random_range(2_000..15_000)),
            Kind::Stall => Some(random.random_range(200..4_000)),
            Kind::Lag => Some(random.random_range(5..300)),
            Kind::Late | Kind::DelayReply | Kind::DelayRequest => {
                Some(random.random_range(10..1_500))
            }
            Kind::SlowHandshake => Some(random.random_range(100..2_000)),
            _ => None,
        };
        match kind {
            Kind::Reset | Kind::Cut => fault.bytes = Some(random.random_range(0..200)),
            Kind::Answer => fault.code = Some(CODES[random.random_range(0..CODES.len())]),
            Kind::FillFirst => fault.ppm = Some(random.random_range(100_000..=1_000_000)),
            Kind::BadNumber => {
                let values = ["NaN", "1e309", "-1", "", "1234567890123456789012345678901234567890"];
                fault.value = Some(values[random.random_range(0..values.len())].to_owned());
            }
            _ => {}
        }
        let unknown = [-1006, -1007].map(Some).contains(&fault.code);
        if unknown || matches!(kind, Kind::UnknownError | Kind::CutRequest) {
            fault.outcome = Some(Outcome::Either);
        }
        fault
    }
}

/// Where in the mix a kind may strike: values are spoilt on market routes only, since a fill that
/// is told wrongly is a lie and not a fault.
fn route(kind: Kind, random: &mut StdRng) -> Option<Part> {
    use Kind as K;
    let market = [Part::Public, Part::Public, Part::Market];
    let all = [Part::Public, Part::Public, Part::Market, Part::Private, Part::Order];
    let streams = [Part::Public, Part::Market, Part::Private];
    let orders = [Part::Order, Part::Order, Part::Order, Part::Rest];
    let of = match kind.family() {
        super::Family::Request if kind == K::SnapshotOld => return None,
        super::Family::Request => &orders[..],
        super::Family::Event => &streams[..],
        super::Family::Dial | super::Family::State | super::Family::Deed => return None,
        super::Family::Frame => match kind {
            K::BadNumber | K::Crossed | K::Locked | K::ZeroPrice | K::PriceOff | K::Diverge => {
                &market[..]
            }
            _ => &all[..],
        },
    };
    Some(of[random.random_range(0..of.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, only: &[Kind]) -> Vec<Fault> {
        let mut mix = Mix::new(seed, 2.0, only);
        (0..600).flat_map(|turn| mix.due(&["BTCUSDT".to_owned()], turn * 100)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_faults_at_about_the_rate() {
        let first = drawn(5, &[]);
        assert_eq!(first, drawn(5, &[]));
        assert_ne!(first, drawn(6, &[]));
        assert!((80..170).contains(&first.len()), "{} in a minute", first.len());
        let only = drawn(5, &[Kind::Lag]);
        assert!(!only.is_empty() && only.iter().all(|fault| fault.kind == Kind::Lag));
    }

    #[test]
    fn each_can_be_checked_and_ends() {
        for fault in (0..20).flat_map(|seed| drawn(seed, &[])) {
            assert_eq!(fault.check(), Ok(()), "{fault:?}");
            assert!(fault.for_ms.is_some() && fault.count.is_some(), "{fault:?}");
        }
    }
}
