//! Random order flow over generated markets: what must hold whatever happens.

use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;

use super::*;
use crate::generator::{Generator, MarketConfig};

/// What a client does between market events.
#[derive(Debug, Clone)]
struct Act {
    account: u32,
    symbol: u16,
    kind: u8,
    is_buy: bool,
    /// Ticks from the best price of the other side; positive is less aggressive.
    away: i64,
    steps: i64,
    reduce_only: bool,
}

fn act() -> impl Strategy<Value = Act> {
    (0u32..2, 0u16..2, 0u8..12, any::<bool>(), -4i64..8, 1i64..400, any::<bool>()).prop_map(
        |(account, symbol, kind, is_buy, away, steps, reduce_only)| Act {
            account,
            symbol,
            kind,
            is_buy,
            away,
            steps,
            reduce_only: reduce_only && kind % 3 == 0,
        },
    )
}

fn venue() -> Exchange {
    let config = ExchangeConfig {
        funding_interval_ms: 1_000,
        ..ExchangeConfig::new(vec![Rules::btcusdt(), Rules::ethusdt()])
    };
    let mut venue = Exchange::new(config);
    for key in ["a", "b"] {
        let account = AccountConfig { api_key: key.into(), balance: n("50000") };
        venue.open_account(T0, account);
    }
    venue
}

fn perform(venue: &mut Exchange, now: i64, act: &Act) {
    use TimeInForce::{Fok, Gtc, Gtx, Ioc};
    let (account, symbol) = (AccountId(act.account), SymbolId(act.symbol));
    let side = if act.is_buy { Side::Buy } else { Side::Sell };
    let Some(best) = venue.book(symbol).and_then(|book| book.best(side.opposite())) else { return };
    let rules = &venue.config().symbols[symbol.index()];
    let away = act.away * rules.tick_size.units() * side.sign();
    let price = Price::from_units(best.price.units() - away);
    let scale = if act.symbol == 0 { 1 } else { 10 };
    let qty = Qty::from_units(rules.step_size.units() * act.steps * scale);
    let tif = [Gtc, Gtc, Gtx, Ioc, Fok, Gtc][usize::from(act.kind) % 6];
    let oldest = venue.open_orders(account, Some(symbol)).first().map(|order| order.order_id);
    let request = OrderRequest {
        reduce_only: act.reduce_only,
        ..OrderRequest::limit(symbol, side, tif, price, qty)
    };
    // Refusals are part of the flow; the invariants below see what came of it.
    let _ = match (act.kind, oldest) {
        (6, _) => venue.place(now, account, &OrderRequest::market(symbol, side, qty)),
        (7 | 8, Some(id)) => venue.cancel(now, account, symbol, &OrderKey::id(id)),
        (9 | 10, Some(id)) => {
            let side = venue.status(account, symbol, &OrderKey::id(id)).unwrap().side;
            let request = AmendRequest {
                symbol,
                key: OrderKey::id(id),
                side,
                qty: Some(qty),
                price: Some(price),
                price_match: PriceMatch::None,
                // Marks the order as an amended one.
                modify_id: Some(1),
            };
            venue.modify(now, account, &request)
        }
        _ => venue.place(now, account, &request),
    };
}

/// Plays the acts between the events of a generated market; hands every step to `after`.
fn play(seed: u64, acts: &[Act], mut after: impl FnMut(&Exchange, &[VenueEvent])) -> Exchange {
    let mut venue = venue();
    let configs = [("50000", 0), ("3000", 1)]
        .map(|(price, index)| MarketConfig::new(&venue.config().symbols[index], p(price)));
    let mut market = Generator::new(seed, T0, configs.to_vec());
    for act in acts {
        for _ in 0..8 {
            let (ns, update) = market.next().unwrap();
            venue.market(ns / 1_000_000, &update);
            let events = venue.drain_events();
            after(&venue, &events);
        }
        let now = venue.now_ms;
        perform(&mut venue, now, act);
        let events = venue.drain_events();
        after(&venue, &events);
    }
    venue
}

fn check_ledger(venue: &Exchange) {
    for id in [AccountId(0), AccountId(1)] {
        let ledger = venue.ledger(id).unwrap();
        let sum: i64 = ledger.changes.iter().map(|change| change.amount.units()).sum();
        let account = venue.account(id);
        assert_eq!(account.wallet_balance.units(), sum, "wallet is the sum of its changes");
        let realized: i64 = ledger.fills.iter().map(|fill| fill.realized_pnl.units()).sum();
        let paid: i64 = ledger.fills.iter().map(|fill| fill.commission.units()).sum();
        let parts = 50_000 * schema::SCALE + realized - paid
            + ledger.total(ChangeKind::FundingFee).units()
            + ledger.total(ChangeKind::InsuranceClear).units();
        assert_eq!(sum, parts, "start + realised − commission + funding");
        for row in venue.positions(id) {
            let fills = ledger.fills.iter().filter(|fill| fill.symbol == row.symbol);
            let qty: i64 = fills.map(|fill| fill.qty.units() * fill.side.sign()).sum();
            assert_eq!(row.qty.units(), qty, "position is the sum of its fills");
        }
        for order in venue.all_orders(id, None) {
            let fills = ledger.fills.iter().filter(|fill| fill.order_id == order.order_id);
            let filled: i64 = fills.clone().map(|fill| fill.qty.units()).sum();
            assert_eq!(order.executed_qty.units(), filled);
            assert!(order.executed_qty <= order.qty);
            let is_within = |price: Price| match order.side {
                _ if order.price.is_zero() => true,
                Side::Buy => price <= order.price,
                Side::Sell => price >= order.price,
            };
            // An amended order may have filled at the price it had before.
            assert!(
                order.modify_id.is_some()
                    || fills.clone().all(|f| { is_within(f.price) || f.maker })
            );
        }
    }
}

/// Events after which the fills cannot be better than what the tape showed.
fn check_step(venue: &Exchange, events: &[VenueEvent], last_ids: &mut [i64; 2]) {
    for event in events {
        let VenueEvent::Account(_, AccountEvent::Order(update)) = event else { continue };
        if update.exec_type != ExecType::Trade {
            continue;
        }
        let index = update.order.symbol.index();
        let step = update.trade_id - last_ids[index];
        assert!(matches!(step, 0 | 1), "trade ids are consecutive; both sides of one share it");
        last_ids[index] = update.trade_id;
        if !update.is_maker {
            let best = venue.markets[index].book.best(update.order.side.opposite());
            // The second report of one trade id: the maker was another client.
            let client = step == 0;
            let better = best.is_some_and(|best| {
                crate::book::is_better(update.order.side.opposite(), update.last_price, best.price)
            });
            assert!(client || !better, "a taker fills no better than the best price shown");
        }
    }
    for market in &venue.markets {
        for side in [Side::Buy, Side::Sell] {
            assert!(market.book.levels(side, 50).iter().all(|level| level.qty > Qty::ZERO));
        }
        for resting in &market.resting {
            assert!(resting.ahead >= Qty::ZERO);
            assert!(venue.orders[&resting.order_id].is_working());
        }
    }
}

/// Volume of maker fills by step never exceeds what the tape traded or showed on the other side.
fn check_volume(events: &[VenueEvent]) {
    let mut traded = [0i64; 2];
    let mut filled = [0i64; 2];
    let mut is_trade_only = true;
    for event in events {
        match event {
            VenueEvent::Market(MarketUpdate::Trade(trade)) => {
                traded[trade.trade.symbol.index()] += trade.trade.qty.units();
            }
            VenueEvent::Market(MarketUpdate::Mark(_)) => {}
            VenueEvent::Account(_, AccountEvent::Order(update)) => {
                is_trade_only &= update.is_maker || update.exec_type != ExecType::Trade;
                if update.exec_type == ExecType::Trade {
                    filled[update.order.symbol.index()] += update.last_qty.units();
                }
            }
            VenueEvent::Account(..) => {}
            _ => is_trade_only = false,
        }
    }
    if is_trade_only && traded != [0, 0] {
        assert!(filled[0] <= traded[0] && filled[1] <= traded[1], "{filled:?} of {traded:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn money_and_quantities_are_conserved(
        seed in any::<u64>(),
        acts in proptest::collection::vec(act(), 1..150),
    ) {
        let mut last_ids = [OWN_TRADE_ID_FIRST - 1; 2];
        let venue = play(seed, &acts, |venue, events| {
            check_step(venue, events, &mut last_ids);
            check_volume(events);
        });
        check_ledger(&venue);
    }
}

/// A hash of everything the venue said and holds.
fn hash(seed: u64, acts: &[Act]) -> (u64, usize) {
    let mut hasher = DefaultHasher::new();
    let venue = play(seed, acts, |_, events| format!("{events:?}").hash(&mut hasher));
    let mut fills = 0;
    for id in [AccountId(0), AccountId(1)] {
        format!("{:?} {:?}", venue.ledger(id), venue.account(id)).hash(&mut hasher);
        fills += venue.ledger(id).unwrap().fills.len();
    }
    (hasher.finish(), fills)
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let acts: Vec<Act> = (0..400u32)
        .map(|i| Act {
            account: i % 2,
            symbol: (i / 3 % 2) as u16,
            kind: (i % 12) as u8,
            is_buy: i % 5 < 2,
            away: i64::from(i % 7) - 2,
            steps: 1 + i64::from(i % 90),
            reduce_only: false,
        })
        .collect();
    let (first, fills) = hash(11, &acts);
    assert!(fills > 50, "only {fills} fills");
    assert_eq!(first, hash(11, &acts).0);
    assert_ne!(first, hash(12, &acts).0);
}

#[test]
fn a_recorded_market_is_traded_within_what_it_showed() {
    let root = std::env::var_os("SHRIKE_DATA").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        std::path::PathBuf::from,
    );
    let paths = ["btcusdt_20240718.gz", "ethusdt_20240718.gz"]
        .map(|file| root.join("ws_raw/usdm").join(file));
    if !paths[0].is_file() {
        println!("data not found: {}", paths[0].display());
        return;
    }
    let mut venue = venue();
    let mut last_ids = [OWN_TRADE_ID_FIRST - 1; 2];
    for (index, event) in crate::Tape::open(&paths).unwrap().enumerate() {
        let (ns, update) = event.unwrap();
        venue.market(ns / 1_000_000, &update);
        let i = index as i64;
        if i % 20 == 0 {
            // Mostly quotes at the touch and a tick behind, now and then a taker.
            let act = Act {
                account: (i / 20 % 2) as u32,
                symbol: (i / 40 % 2) as u16,
                kind: [0, 2, 7, 0, 2, 9, 6, 8][(i / 80 % 8) as usize],
                is_buy: i / 60 % 2 == 0,
                away: 1 + i / 20 % 3,
                steps: 1 + i / 20 % 50,
                reduce_only: false,
            };
            let now = venue.now_ms;
            perform(&mut venue, now, &act);
        }
        let events = venue.drain_events();
        check_step(&venue, &events, &mut last_ids);
        check_volume(&events);
    }
    check_ledger(&venue);
    let fills = venue.ledger(AccountId(0)).unwrap().fills.iter();
    let makers = fills.filter(|fill| fill.maker).count();
    assert!(makers > 20, "only {makers} maker fills");
}
