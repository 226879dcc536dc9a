use engine::Engine;
use schema::{
    ClientOrderId, ExecType, ExecutionReport, Notional, OrderReply, OrderStatus, OrderType, Price,
    Qty, RequestId, Side, TimeInForce, VenueOrderId,
};

use super::*;
use crate::queues::CONNECTIONS_PER_LINK;

const MS: u64 = 1_000_000;
const BTC: SymbolId = SymbolId(0);

fn at(ms: u64) -> Now {
    Now { mono: MonoNs((1_000 + ms) * MS), wall: WallNs(((1_000 + ms) * MS) as i64) }
}

/// A session with what it asked for, and the engine it asks.
struct Rig {
    session: Session,
    engine: Engine,
}

impl Rig {
    fn new(settings: Settings) -> Self {
        let session = Session::new(settings, 1, None, at(0));
        Self { session, engine: crate::turn::tests::engine() }
    }

    /// Everything asked for at `ms`.
    fn asks(&mut self, ms: u64) -> Vec<Ask> {
        std::iter::from_fn(|| self.session.next_ask(at(ms), &self.engine)).collect()
    }

    fn dials(&mut self, ms: u64) -> Vec<Slot> {
        let all = self.asks(ms).into_iter();
        all.filter_map(|ask| if let Ask::Dial(slot) = ask { Some(slot) } else { None }).collect()
    }

    /// Opens a market connection and lets all its streams speak.
    fn speak(&mut self, ms: u64, slot: Slot) -> Change {
        let mut seen = Change::default();
        for stream in Stream::ALL.into_iter().filter(|stream| stream.link() == slot.link()) {
            if let Some(change) = self.session.heard(at(ms), slot, Some((BTC, stream))) {
                seen = change;
            }
        }
        seen
    }

    /// Brings two connections of every link up.
    fn all_up(&mut self, ms: u64) {
        for slot in self.dials(ms) {
            self.session.opened(at(ms), slot);
            if matches!(slot.link(), Link::Public | Link::Market) {
                self.speak(ms, slot);
            }
        }
    }

    fn watched(&mut self, ms: u64) -> Vec<(Slot, GiveUp)> {
        let mut all = Vec::new();
        while let Some((slot, why)) = self.session.watch(at(ms)) {
            self.session.lost(at(ms), slot);
            all.push((slot, why));
        }
        all
    }
}

fn place(link: Link, index: usize) -> Slot {
    Slot::of(link, index)
}

fn report(id: u64, status: OrderStatus, trade_id: i64) -> ExecutionReport {
    ExecutionReport {
        symbol: BTC,
        client_order_id: ClientOrderId(id),
        venue_order_id: VenueOrderId(id as i64),
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        exec_type: ExecType::New,
        status,
        price: Price::ZERO,
        qty: Qty::ZERO,
        last_qty: Qty::ZERO,
        last_price: Price::ZERO,
        cum_qty: Qty::ZERO,
        commission: Notional::ZERO,
        realized_pnl: Notional::ZERO,
        trade_id: TradeId(trade_id),
        is_maker: false,
        reduce_only: false,
        expiry_reason: 0,
        transaction_time: WallNs(0),
        event_time: WallNs(0),
    }
}

fn reply(id: u64, status: OrderStatus) -> OrderReply {
    OrderReply {
        request_id: RequestId(1),
        status: 200,
        code: 0,
        order_status: status,
        client_order_id: ClientOrderId(id),
        venue_order_id: VenueOrderId(1),
        price: Price::ZERO,
        qty: Qty::ZERO,
        cum_qty: Qty::ZERO,
        order_count_10s: 0,
        order_count_1m: 0,
        weight_1m: 0,
        retry_after_ms: 0,
    }
}

#[test]
fn two_connections_of_every_link_are_asked_for_once() {
    let mut rig = Rig::new(Settings::default());
    let dials = rig.dials(0);
    assert_eq!(dials.len(), LINKS * WANTED);
    for link in Link::ALL {
        assert!(dials.contains(&place(*link, 0)) && dials.contains(&place(*link, 1)));
    }
    assert_eq!(rig.dials(10), [], "under way");
    rig.session.opened(at(20), place(Link::User, 0));
    rig.session.lost(at(30), place(Link::User, 0));
    assert_eq!(rig.dials(30), [place(Link::User, 0)], "a lost one is asked for again");
}

#[test]
fn a_market_link_is_up_with_its_first_data_and_not_before() {
    let mut rig = Rig::new(Settings::default());
    rig.dials(0);
    let slot = place(Link::Public, 1);
    assert_eq!(rig.session.opened(at(1), slot), Change::default());
    assert_eq!(rig.session.heard(at(2), slot, None), Some(Change::default()), "a mere answer");
    assert!(!rig.session.is_up(Link::Public));
    let change = rig.session.heard(at(3), slot, Some((BTC, Stream::Trade))).expect("the first");
    assert_eq!((change.link, change.proved), (Some((Link::Public, true)), Some(slot)));
    assert_eq!(rig.session.heard(at(4), slot, Some((BTC, Stream::Trade))), None);
    rig.session.opened(at(5), place(Link::Public, 0));
    let second = rig.speak(6, place(Link::Public, 0));
    assert_eq!(second.link, None, "the link was up");
    assert_eq!(rig.session.lost(at(7), slot).link, None, "the other carries on");
    let last = rig.session.lost(at(8), place(Link::Public, 0));
    assert_eq!(last.link, Some((Link::Public, false)));
}

#[test]
fn the_first_snapshots_are_asked_for_with_the_connection() {
    let mut rig = Rig::new(Settings::default());
    rig.asks(0);
    rig.session.opened(at(1), place(Link::Public, 0));
    assert_eq!(rig.asks(1), [Ask::Snapshot(BTC)]);
    assert_eq!(rig.asks(2), [], "under way");
    rig.session.snapshot_came(at(3), BTC);
    assert_eq!(rig.asks(4), [], "the book wants no other");
}

#[test]
fn the_warm_order_connection_takes_over_when_the_active_one_dies() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    let (first, second) = (place(Link::Order, 0), place(Link::Order, 1));
    assert_eq!(rig.session.orders(), Some(first));
    let change = rig.session.lost(at(5), first);
    assert_eq!((change.promoted, change.link), (Some(second), None));
    assert_eq!(rig.session.orders(), Some(second));
    let change = rig.session.lost(at(6), second);
    assert_eq!((change.promoted, change.link), (None, Some((Link::Order, false))));
    assert_eq!(rig.session.orders(), None);
    assert_eq!(rig.session.counts()[Counter::OrderLinkPromoted], 1);
}

#[test]
fn an_order_connection_that_must_log_on_takes_no_order_before() {
    let mut rig = Rig::new(Settings { needs_logon: true, ..Settings::default() });
    rig.dials(0);
    let slot = place(Link::Order, 0);
    assert_eq!(rig.session.opened(at(1), slot).logon, Some(slot));
    assert_eq!(rig.session.orders(), None);
    assert_eq!(rig.session.logged_on(slot).link, Some((Link::Order, true)));
    assert_eq!(rig.session.orders(), Some(slot));
    let second = place(Link::Order, 1);
    rig.session.opened(at(2), second);
    assert_eq!(rig.watched(3_003), [(second, GiveUp::Unanswered)], "a logon without an answer");
}

#[test]
fn a_silent_stream_costs_its_connection_and_only_that() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    for ms in (0..=20_000).step_by(1_000) {
        rig.speak(ms, place(Link::Public, 0));
        rig.speak(ms, place(Link::Market, 0));
        rig.speak(ms, place(Link::Market, 1));
        for stream in [Stream::Ticker, Stream::Diff] {
            rig.session.heard(at(ms), place(Link::Public, 1), Some((BTC, stream)));
        }
        let watched = rig.watched(ms);
        if ms <= 10_000 {
            assert_eq!(watched, []);
        } else if ms == 11_000 {
            let why = GiveUp::Silent(BTC, Stream::Partial);
            assert_eq!(watched, [(place(Link::Public, 1), why)]);
        } else {
            assert_eq!(watched, []);
        }
    }
    assert!(rig.session.is_up(Link::Public));
    assert_eq!(rig.session.counts()[Counter::LinkSilent], 1);
}

#[test]
fn a_connection_that_says_nothing_from_the_start_is_given_up() {
    let mut rig = Rig::new(Settings::default());
    rig.dials(0);
    rig.session.opened(at(0), place(Link::Market, 0));
    assert_eq!(rig.watched(10_000), []);
    let why = GiveUp::Silent(BTC, Stream::Mark);
    assert_eq!(rig.watched(10_001), [(place(Link::Market, 0), why)]);
}

#[test]
fn a_symbol_that_does_not_trade_is_redialled_for_ever_less_often() {
    let mut rig = Rig::new(Settings::default());
    let mut given_up = Vec::new();
    for second in 0..3_600u64 {
        let ms = second * 1_000;
        for slot in rig.dials(ms).into_iter().filter(|slot| slot.link() == Link::Market) {
            rig.session.opened(at(ms), slot);
        }
        given_up.extend(rig.watched(ms).into_iter().map(|_| second));
    }
    assert!(given_up.len() <= 20, "{given_up:?}");
    assert!(given_up.len() >= 6, "but it is tried: {given_up:?}");
}

#[test]
fn trades_may_be_quiet() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    for ms in (0..60_000).step_by(500) {
        for slot in [place(Link::Public, 0), place(Link::Public, 1)] {
            for stream in [Stream::Ticker, Stream::Diff, Stream::Partial] {
                rig.session.heard(at(ms), slot, Some((BTC, stream)));
            }
        }
        rig.speak(ms, place(Link::Market, 0));
        rig.speak(ms, place(Link::Market, 1));
        assert_eq!(rig.watched(ms), []);
    }
}

#[test]
fn an_old_connection_is_closed_only_when_its_successor_speaks() {
    let settings = Settings { max_age_ns: 20_000 * MS, ..Settings::default() };
    let mut rig = Rig::new(settings);
    rig.all_up(0);
    let mut replaced = Vec::new();
    let mut opened: Vec<(u64, Slot)> = Vec::new();
    for ms in (0..60_000).step_by(100) {
        for slot in rig.dials(ms) {
            rig.session.opened(at(ms), slot);
            opened.push((ms, slot));
        }
        for link in [Link::Public, Link::Market] {
            for slot in Slot::all_of(link) {
                // A new connection needs a second until it speaks.
                let is_new = opened.iter().any(|(at, new)| *new == slot && ms - at < 1_000);
                if rig.session.opened_at(slot).is_some() && !is_new {
                    rig.speak(ms, slot);
                }
            }
        }
        while let Some(slot) = rig.session.next_ping(at(ms)) {
            rig.session.sent(at(ms), slot);
            rig.session.alive(slot);
        }
        for (slot, why) in rig.watched(ms) {
            assert_eq!(why, GiveUp::RolledOver);
            replaced.push(slot);
        }
        for link in Link::ALL {
            assert!(rig.session.is_up(*link), "{link} at {ms}");
            let ready = Slot::all_of(*link).filter(|slot| rig.session.is_ready(*slot)).count();
            assert!(ready >= WANTED, "{link} at {ms}: {ready}");
        }
    }
    assert!(replaced.len() >= 16, "every connection twice: {replaced:?}");
    assert_eq!(rig.session.counts()[Counter::OrderLinkPromoted], 0, "nothing is in doubt");
    assert_eq!(rig.session.counts()[Counter::LinkRolledOver], replaced.len() as u64);
}

#[test]
fn an_order_connection_is_not_closed_while_it_owes_an_answer() {
    let settings = Settings { max_age_ns: 1_000 * MS, ..Settings::default() };
    let mut rig = Rig::new(settings);
    rig.all_up(0);
    let active = rig.session.orders().expect("up");
    rig.session.sent(at(1_900), active);
    let successor = rig.dials(2_000).into_iter().find(|slot| slot.link() == Link::Order);
    let successor = successor.expect("asked for");
    rig.session.opened(at(2_000), successor);
    while let Some(slot) = rig.session.next_ping(at(2_000)) {
        rig.session.sent(at(2_000), slot);
        if slot == successor {
            rig.session.alive(slot);
        }
    }
    let closes = |rig: &mut Rig, ms| rig.watched(ms).iter().any(|(slot, _)| *slot == active);
    assert!(!closes(&mut rig, 2_010));
    assert_eq!(rig.session.orders(), Some(successor), "new orders leave on the new one");
    rig.session.heard(at(2_020), active, None);
    assert!(closes(&mut rig, 2_030));
}

#[test]
fn a_request_without_an_answer_gives_the_order_connection_up() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    let slot = rig.session.orders().expect("up");
    rig.session.sent(at(100), slot);
    rig.session.sent(at(2_900), slot);
    assert!(!rig.watched(3_100).iter().any(|(s, _)| *s == slot));
    assert!(rig.watched(3_101).contains(&(slot, GiveUp::Unanswered)));
    assert_ne!(rig.session.orders(), Some(slot));
}

#[test]
fn a_user_stream_that_does_not_tell_of_an_acknowledged_order_is_replaced() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    rig.session.reported(&report(1, OrderStatus::New, 0));
    rig.session.acknowledged(at(100), &reply(1, OrderStatus::New));
    rig.session.acknowledged(at(100), &reply(2, OrderStatus::New));
    rig.session.reported(&report(2, OrderStatus::Filled, 7));
    rig.session.acknowledged(at(200), &reply(1, OrderStatus::Canceled));
    let frozen = |rig: &mut Rig, ms| -> Vec<Slot> {
        let all = rig.watched(ms).into_iter();
        all.filter(|(_, why)| *why == GiveUp::Frozen).map(|(slot, _)| slot).collect()
    };
    assert_eq!(frozen(&mut rig, 3_200), []);
    assert_eq!(frozen(&mut rig, 3_201), [place(Link::User, 0), place(Link::User, 1)]);
    assert!(!rig.session.is_up(Link::User));
    assert_eq!(rig.session.counts()[Counter::UserStreamFrozen], 1);
}

/// Found by the simulation: a listen key that ends without a word leaves connections that answer
/// pings and tell nothing, while REST makes up for every order.
#[test]
fn what_rest_makes_up_for_does_not_hide_a_silent_user_stream() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    rig.session.acknowledged(at(100), &reply(1, OrderStatus::New));
    rig.session.made_up(&report(1, OrderStatus::Filled, 7));
    let frozen = |rig: &mut Rig, ms| rig.watched(ms).iter().any(|(_, why)| *why == GiveUp::Frozen);
    assert!(!frozen(&mut rig, 3_100));
    assert!(frozen(&mut rig, 3_101));
}

#[test]
fn what_was_missed_is_asked_for_from_the_last_event_before_the_loss() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    rig.session.reported(&report(1, OrderStatus::Filled, 41));
    rig.session.heard(at(500), place(Link::User, 0), None);
    rig.session.lost(at(900), place(Link::User, 0));
    assert!(!rig.asks(901).iter().any(|ask| matches!(ask, Ask::Reconcile(Some(_)))), "one is left");
    rig.session.lost(at(950), place(Link::User, 1));
    assert!(!rig.asks(951).iter().any(|ask| matches!(ask, Ask::Reconcile(_))), "nobody listens");
    rig.session.opened(at(1_000), place(Link::User, 0));
    let missed = rig.asks(1_001).into_iter().find_map(|ask| match ask {
        Ask::Reconcile(missed) => Some(missed),
        _ => None,
    });
    let missed = missed.expect("asked").expect("something was missed");
    assert_eq!((missed.since, missed.last[0]), (at(500).wall, TradeId(41)));
    rig.session.reconcile_failed(at(1_100));
    let again = rig.asks(1_200).into_iter().find_map(|ask| match ask {
        Ask::Reconcile(missed) => missed,
        _ => None,
    });
    assert_eq!(again, Some(missed), "a failure forgets nothing");
    rig.session.reconciled(at(1_300));
    assert!(!rig.asks(2_000).iter().any(|ask| matches!(ask, Ask::Reconcile(_))));
    let every = rig.asks(1_200 + 30_000);
    let is_it = |ask: &Ask| matches!(ask, Ask::Reconcile(Some(m)) if m.last[0] == TradeId(41));
    assert!(every.iter().any(is_it), "and every half minute, with fills: {every:?}");
}

#[test]
fn after_a_loss_fills_are_asked_for_from_the_last_truth_on() {
    let mut rig = Rig::new(Settings::default());
    rig.session.reported(&report(1, OrderStatus::Filled, 41));
    rig.all_up(0);
    rig.asks(30_000);
    rig.session.reconciled(at(30_020));
    rig.session.reported(&report(2, OrderStatus::Filled, 43));
    // The one between them may have been in it.
    rig.session.refused(place(Link::User, 0));
    let missed = rig.asks(30_200).into_iter().find_map(|ask| match ask {
        Ask::Reconcile(missed) => missed,
        _ => None,
    });
    assert_eq!(missed.expect("asked").last[0], TradeId(41));
}

#[test]
fn the_account_is_asked_for_by_rest_while_nobody_listens_for_long() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    rig.asks(10);
    rig.session.reconciled(at(20));
    for lane in 0..2 {
        rig.session.lost(at(100), place(Link::User, lane));
    }
    let asked = |rig: &mut Rig, ms| -> Option<Missed> {
        rig.asks(ms).into_iter().find_map(|ask| match ask {
            Ask::Reconcile(missed) => missed,
            _ => None,
        })
    };
    assert_eq!(asked(&mut rig, 900), None, "a new connection may be there soon");
    assert!(asked(&mut rig, 6_100).is_some());
    rig.session.reconciled(at(6_200));
    assert_eq!(asked(&mut rig, 8_000), None);
    rig.session.opened(at(9_000), place(Link::User, 0));
    let missed = asked(&mut rig, 9_001).expect("the stream is there again");
    assert_eq!(missed.since, at(6_100).wall, "what the last look could not see");
}

#[test]
fn prices_are_asked_for_by_rest_while_no_market_connection_is_up() {
    let mut rig = Rig::new(Settings::default());
    assert!(!rig.asks(0).contains(&Ask::Fallback(true)), "not at once");
    assert!(rig.asks(1_000).contains(&Ask::Fallback(true)));
    assert!(!rig.asks(2_000).contains(&Ask::Fallback(true)), "once");
    for link in [Link::Public, Link::Market] {
        rig.session.opened(at(2_001), place(link, 0));
        rig.speak(2_002, place(link, 0));
    }
    assert!(rig.asks(2_003).contains(&Ask::Fallback(false)));
    rig.session.lost(at(5_000), place(Link::Market, 0));
    assert!(!rig.asks(5_999).contains(&Ask::Fallback(true)));
    assert!(rig.asks(6_000).contains(&Ask::Fallback(true)));
}

#[test]
fn the_account_is_looked_at_more_often_while_prices_come_by_rest() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    let reconciles = |rig: &mut Rig, ms| -> usize {
        let asks = rig.asks(ms);
        let count = asks.iter().filter(|ask| matches!(ask, Ask::Reconcile(_))).count();
        (0..count).for_each(|_| rig.session.reconciled(at(ms)));
        count
    };
    let seeing: usize = (1..=58).map(|second| reconciles(&mut rig, second * 1_000)).sum();
    for slot in [place(Link::Public, 0), place(Link::Public, 1)] {
        rig.session.lost(at(60_000), slot);
    }
    let blind: usize = (61..=120).map(|second| reconciles(&mut rig, second * 1_000)).sum();
    assert!(seeing <= 2 && blind >= 10, "{seeing} and {blind} in a minute");
}

#[test]
fn what_could_not_be_asked_is_asked_again() {
    let mut rig = Rig::new(Settings::default());
    for ask in rig.asks(0) {
        rig.session.not_asked(at(0), ask);
    }
    assert_eq!(rig.dials(10).len(), LINKS * WANTED);
    assert_eq!(CONNECTIONS_PER_LINK, WANTED + 1, "one place is left for a successor");
}

#[test]
fn a_connection_of_garbage_is_given_up_and_one_bad_message_is_not() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    let slot = place(Link::Public, 0);
    for _ in 0..7 {
        rig.session.refused(slot);
    }
    rig.speak(10, slot);
    rig.session.refused(slot);
    assert_eq!(rig.watched(20), []);
    for _ in 0..7 {
        rig.session.refused(slot);
    }
    assert_eq!(rig.watched(30), [(slot, GiveUp::Garbage)]);
}

#[test]
fn an_account_event_that_cannot_be_read_is_asked_for() {
    let mut rig = Rig::new(Settings::default());
    rig.all_up(0);
    rig.session.refused(place(Link::User, 0));
    let asks = rig.asks(10);
    assert!(asks.iter().any(|ask| matches!(ask, Ask::Reconcile(Some(_)))), "{asks:?}");
}
