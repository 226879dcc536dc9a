//! Random conditional orders over generated markets: what must hold whatever happens.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::algo::{ALGO_ORDERS_MAX, AlgoKey, AlgoRequest, AlgoStatus, AlgoView, WorkingType};
use crate::generator::{Generator, MarketConfig};

/// What a client does between market events.
#[derive(Debug, Clone)]
struct Act {
    kind: u8,
    is_buy: bool,
    /// Ticks from the last price.
    away: i64,
    steps: i64,
    by_mark: bool,
}

fn act() -> impl Strategy<Value = Act> {
    (0u8..10, any::<bool>(), -40i64..40, 1i64..60, any::<bool>())
        .prop_map(|(kind, is_buy, away, steps, by_mark)| Act { kind, is_buy, away, steps, by_mark })
}

const TYPES: [OrderType; 5] = [
    OrderType::Stop,
    OrderType::StopMarket,
    OrderType::TakeProfit,
    OrderType::TakeProfitMarket,
    OrderType::TrailingStopMarket,
];

fn request(act: &Act, mid: Price) -> AlgoRequest {
    let order_type = TYPES[usize::from(act.kind) % TYPES.len()];
    let side = if act.is_buy { Side::Buy } else { Side::Sell };
    let tick = 10_000_000;
    let near = Price::from_units((mid.units() / tick + act.away) * tick);
    let is_limit = matches!(order_type, OrderType::Stop | OrderType::TakeProfit);
    let is_trailing = order_type == OrderType::TrailingStopMarket;
    AlgoRequest {
        trigger_price: (!is_trailing).then_some(near),
        price: is_limit.then_some(near),
        callback_ppm: is_trailing.then_some(1_000),
        activate_price: (is_trailing && act.by_mark).then_some(near),
        working_type: if act.by_mark { WorkingType::MarkPrice } else { WorkingType::ContractPrice },
        reduce_only: act.kind == 7,
        ..AlgoRequest::market(BTC, side, order_type, near, Qty::from_units(act.steps * 100_000))
    }
}

/// Plays the market with the acts in between; `after` sees the venue and what it said.
fn play(seed: u64, acts: &[Act], mut after: impl FnMut(&Exchange, &[VenueEvent])) -> Exchange {
    let mut venue = Exchange::new(ExchangeConfig::new(vec![Rules::btcusdt()]));
    let account = AccountConfig { api_key: "key".into(), balance: n("20000") };
    let account = venue.open_account(T0, account);
    let market = MarketConfig::new(&Rules::btcusdt(), p("50000"));
    let mut generator = Generator::new(seed, T0, vec![market]);
    let mut now = T0;
    for act in acts {
        for _ in 0..20 {
            let (ns, update) = generator.next().unwrap();
            now = ns / 1_000_000;
            venue.market(now, &update);
        }
        let mid = venue.book(BTC).and_then(|book| book.mid()).unwrap_or(p("50000"));
        match act.kind {
            8 => drop(venue.cancel_all_algos(now, account, BTC)),
            9 => {
                let side = if act.is_buy { Side::Buy } else { Side::Sell };
                let order = OrderRequest::market(BTC, side, Qty::from_units(1_000_000));
                drop(venue.place(now, account, &order));
                let stop = side.opposite();
                let below = act.away.abs() * 10_000_000 * stop.sign();
                let at = Price::from_units((mid.units() / 10_000_000) * 10_000_000 + below);
                let close = AlgoRequest {
                    close_position: true,
                    qty: None,
                    ..AlgoRequest::market(BTC, stop, OrderType::StopMarket, at, Qty::ZERO)
                };
                drop(venue.place_algo(now, account, &close));
            }
            _ => drop(venue.place_algo(now, account, &request(act, mid))),
        }
        let events = venue.drain_events();
        after(&venue, &events);
    }
    venue
}

/// Whether one state may follow another.
fn may_follow(before: Option<AlgoStatus>, after: AlgoStatus) -> bool {
    use AlgoStatus::{Canceled, Expired, Finished, New, Rejected, Triggered, Triggering};
    match before {
        None => after == New,
        // A trailing stop tells of its activation.
        Some(New) => matches!(after, New | Triggering | Canceled | Expired),
        Some(Triggering) => matches!(after, Triggered | Rejected),
        Some(Triggered) => after == Finished,
        Some(Finished | Canceled | Rejected | Expired) => false,
    }
}

fn check_one(venue: &Exchange, view: &AlgoView, working: &[i64]) {
    let account = AccountId(0);
    let order = venue.status(account, BTC, &OrderKey::id(view.actual_order_id)).ok();
    match view.status {
        AlgoStatus::Triggered | AlgoStatus::Finished => {
            let order = order.expect("a triggered order has a real one");
            assert_eq!(order.client_order_id, view.client_algo_id);
            assert_eq!(order.origin.map(|origin| origin.algo_id), Some(view.algo_id));
            assert_eq!((order.executed_qty, order.avg_price), (view.actual_qty, view.actual_price));
            let is_working = working.contains(&order.order_id);
            assert_eq!(is_working, view.status == AlgoStatus::Triggered, "{view:?}");
        }
        AlgoStatus::Triggering => panic!("no order stays triggering: {view:?}"),
        _ => assert_eq!(order, None, "no real order before the trigger"),
    }
    assert_eq!(view.reject_reason.is_some(), view.status == AlgoStatus::Rejected);
}

fn check_step(
    venue: &Exchange,
    events: &[VenueEvent],
    states: &mut BTreeMap<i64, AlgoStatus>,
    reached: &mut BTreeMap<&'static str, usize>,
) {
    for event in events {
        let VenueEvent::Account(_, AccountEvent::Algo(update)) = event else { continue };
        let (id, status) = (update.order.algo_id, update.order.status);
        let before = states.insert(id, status);
        assert!(may_follow(before, status), "{before:?} then {status:?}");
        *reached.entry(status.as_str()).or_default() += 1;
    }
    let account = AccountId(0);
    let working: Vec<i64> =
        venue.open_orders(account, None).iter().map(|order| order.order_id).collect();
    for (id, status) in states.iter() {
        let view = venue.algo_status(account, &AlgoKey::id(*id)).unwrap();
        assert_eq!(view.status, *status, "what is told is what is");
        check_one(venue, &view, &working);
    }
    let waiting = venue.open_algos(account, None);
    assert!(waiting.len() <= ALGO_ORDERS_MAX);
    let is_flat = venue.position_qty(account, BTC).is_zero();
    assert!(!is_flat || waiting.iter().all(|view| !view.close_position), "nothing to close");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn conditional_orders_go_one_way_and_agree_with_their_real_orders(
        seed in any::<u64>(),
        acts in proptest::collection::vec(act(), 1..150),
    ) {
        let (mut states, mut reached) = (BTreeMap::new(), BTreeMap::new());
        play(seed, &acts, |venue, events| check_step(venue, events, &mut states, &mut reached));
    }
}

#[test]
fn every_state_is_reached_and_a_run_repeats_itself() {
    let acts: Vec<Act> = (0..900u32)
        .map(|i| Act {
            kind: (i * 7 % 61 % 10) as u8,
            is_buy: i % 5 < 2,
            away: i64::from(i * 13 % 80) - 40,
            steps: i64::from(1 + i % 60),
            by_mark: i % 3 == 0,
        })
        .collect();
    let run = || {
        let (mut states, mut reached) = (BTreeMap::new(), BTreeMap::new());
        let venue =
            play(11, &acts, |venue, events| check_step(venue, events, &mut states, &mut reached));
        (reached, format!("{:?} {:?}", venue.ledger(AccountId(0)), states))
    };
    let (reached, first) = run();
    for state in ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED", "CANCELED", "REJECTED", "EXPIRED"] {
        assert!(reached.contains_key(state), "{state} is never reached: {reached:?}");
    }
    assert_eq!(run().1, first);
}
