use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use schema::{
    BookTicker, Counter, DepthBuf, DepthHead, DepthKind, Level, Link, Mark, MonoNs, Price, Qty,
    SymbolId, Trade, TradeId, WallNs,
};

use super::*;

const MS: u64 = 1_000_000;
const BTC: SymbolId = SymbolId(0);

fn ticker(id: u64, time: i64, bid: i64) -> BookTicker {
    BookTicker {
        symbol: BTC,
        update_id: id,
        bid_price: Price::from_units(bid),
        bid_qty: Qty::from_units(1),
        ask_price: Price::from_units(bid + 1),
        ask_qty: Qty::from_units(1),
        transaction_time: WallNs(time),
        event_time: WallNs(time),
    }
}

fn trade(id: i64) -> Trade {
    Trade {
        symbol: BTC,
        trade_id: TradeId(id),
        price: Price::from_units(100 + id),
        qty: Qty::from_units(1),
        trade_time: WallNs(id),
        ..Trade::default()
    }
}

fn diff(previous: u64, first: u64, last: u64) -> DepthHead {
    DepthHead {
        symbol: BTC,
        kind: DepthKind::Diff,
        first_update_id: first,
        last_update_id: last,
        previous_update_id: previous,
        transaction_time: WallNs(last as i64),
        event_time: WallNs(last as i64),
    }
}

/// The test market: update `id` sets level `id % 7` to quantity `id`.
fn levels(depth: &mut DepthBuf, ids: impl Iterator<Item = u64>) {
    depth.clear();
    for id in ids {
        let level = Level {
            price: Price::from_units(1 + (id % 7) as i64),
            qty: Qty::from_units(id as i64),
        };
        assert!(depth.push_bid(level));
    }
}

/// An arbiter with two public connections, and what passed it.
struct Rig {
    arbiter: Arbiter,
    depth: DepthBuf,
    passed: Vec<DepthHead>,
    book: BTreeMap<i64, i64>,
}

impl Rig {
    fn new() -> Self {
        let mut arbiter = Arbiter::new();
        arbiter.set_up(0, true);
        arbiter.set_up(1, true);
        Self { arbiter, depth: DepthBuf::new(), passed: Vec::new(), book: BTreeMap::new() }
    }

    fn pass(&mut self, head: DepthHead) {
        self.passed.push(head);
        for level in self.depth.bids() {
            self.book.insert(level.price.units(), level.qty.units());
        }
    }

    fn release(&mut self, at: u64) {
        while let Some((_, head)) = self.arbiter.next_held(MonoNs(at), &mut self.depth) {
            self.pass(head);
        }
    }

    fn diff(&mut self, at: u64, lane: Lane, mut head: DepthHead) -> Taken {
        levels(&mut self.depth, head.first_update_id..=head.last_update_id);
        let taken = self.arbiter.depth(MonoNs(at), lane, &mut head, &mut self.depth);
        if taken == Taken::Pass {
            self.pass(head);
        }
        self.release(at);
        taken
    }

    fn ids(&self) -> Vec<u64> {
        self.passed.iter().map(|head| head.last_update_id).collect()
    }
    fn count(&self, counter: Counter) -> u64 {
        self.arbiter.counts()[counter]
    }
}

/// For each event and connection: the delay in ms, or `None` if the connection loses it.
type Copies = Vec<(Option<u64>, Option<u64>)>;

fn copies() -> impl Strategy<Value = Copies> {
    let copy = || prop_oneof![1 => Just(None), 4 => (0u64..60).prop_map(Some)];
    proptest::collection::vec((copy(), copy()), 1..120)
}

/// The arrivals in the order they come: time in ms, connection, number of the event from 1 on.
fn arrivals(copies: &Copies, every_ms: u64) -> Vec<(u64, Lane, u64)> {
    let mut all = Vec::new();
    for (index, (first, second)) in copies.iter().enumerate() {
        for (lane, delay) in [(0, first), (1, second)] {
            let number = index as u64 + 1;
            all.extend(delay.map(|delay| (number * every_ms + delay, lane, number)));
        }
    }
    all.sort_unstable();
    all
}

fn union(copies: &Copies) -> BTreeSet<u64> {
    let all = copies.iter().zip(1u64..);
    all.filter(|((a, b), _)| a.is_some() || b.is_some()).map(|(_, number)| number).collect()
}

proptest! {
    #[test]
    fn diffs_of_two_lossy_copies_pass_once_and_in_order(copies in copies()) {
        let mut rig = Rig::new();
        rig.diff(0, 0, diff(5, 6, 10));
        let mut now = 0;
        for (at, lane, number) in arrivals(&copies, 20) {
            now = at * MS;
            rig.diff(now, lane, diff(number * 10, number * 10 + 1, number * 10 + 10));
        }
        rig.release(now + 1_000 * MS);
        let union = union(&copies);
        let want: Vec<u64> =
            std::iter::once(10).chain(union.iter().map(|number| number * 10 + 10)).collect();
        prop_assert_eq!(rig.ids(), want);
        for pair in rig.passed.windows(2) {
            let number = (pair[1].last_update_id - 10) / 10;
            let is_gap = number > 1 && !union.contains(&(number - 1));
            prop_assert_eq!(pair[1].previous_update_id != pair[0].last_update_id, is_gap);
        }
    }

    #[test]
    fn trades_of_two_lossy_copies_pass_once(copies in copies()) {
        let mut arbiter = Arbiter::new();
        let mut passed = Vec::new();
        arbiter.trade(MonoNs(0), 0, &trade(1_000));
        for (at, lane, number) in arrivals(&copies, 20) {
            let trade = trade(1_000 + number as i64);
            if arbiter.trade(MonoNs(at * MS), lane, &trade) == Taken::Pass {
                passed.push(number);
            }
        }
        passed.sort_unstable();
        prop_assert_eq!(passed, union(&copies).into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn tickers_only_move_forward_and_end_at_the_newest(copies in copies()) {
        let mut arbiter = Arbiter::new();
        let mut passed = Vec::new();
        for (at, lane, number) in arrivals(&copies, 20) {
            let ticker = ticker(number, number as i64, number as i64);
            if arbiter.ticker(MonoNs(at * MS), lane, &ticker) == Taken::Pass {
                passed.push(number);
            }
        }
        prop_assert!(passed.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", passed);
        prop_assert_eq!(passed.last().copied(), union(&copies).last().copied());
    }

    #[test]
    fn connections_that_cut_the_updates_differently_make_one_book(
        cuts in proptest::collection::vec((1u64..6, 0usize..2), 1..100),
    ) {
        // Each connection brings all updates, in events of its own lengths.
        let mut rig = Rig::new();
        let mut last = [10u64; 2];
        rig.diff(0, 0, diff(5, 6, 10));
        rig.diff(0, 1, diff(5, 6, 10));
        for (index, (length, lane)) in cuts.iter().enumerate() {
            let first = last[*lane];
            last[*lane] += length;
            rig.diff(index as u64 * MS, *lane, diff(first, first + 1, last[*lane]));
        }
        let mut truth = BTreeMap::new();
        for id in 6..=last[0].max(last[1]) {
            truth.insert(1 + (id % 7) as i64, id as i64);
        }
        prop_assert_eq!(&rig.book, &truth);
        for pair in rig.passed.windows(2) {
            prop_assert_eq!(pair[1].previous_update_id, pair[0].last_update_id);
        }
    }
}

#[test]
fn what_one_connection_lost_the_other_makes_up_for() {
    let mut rig = Rig::new();
    rig.diff(0, 0, diff(5, 6, 10));
    assert_eq!(rig.diff(MS, 0, diff(20, 21, 30)), Taken::Held);
    assert_eq!(rig.diff(2 * MS, 0, diff(30, 31, 40)), Taken::Held);
    assert_eq!(rig.ids(), [10]);
    assert_eq!(rig.diff(9 * MS, 1, diff(10, 11, 20)), Taken::Pass);
    assert_eq!(rig.ids(), [10, 20, 30, 40]);
    assert_eq!(rig.count(Counter::FeedMadeUp), 2);
}

#[test]
fn what_both_lost_is_a_gap_after_a_bounded_wait() {
    let mut rig = Rig::new();
    rig.diff(0, 0, diff(5, 6, 10));
    rig.diff(MS, 0, diff(20, 21, 30));
    rig.diff(2 * MS, 1, diff(20, 21, 30));
    rig.release(301 * MS);
    assert_eq!(rig.ids(), [10]);
    rig.release(302 * MS);
    assert_eq!(rig.ids(), [10, 30]);
    assert_eq!(rig.passed[1].previous_update_id, 20, "the book sees the gap");
}

#[test]
fn a_connection_alone_does_not_wait() {
    let mut rig = Rig::new();
    rig.diff(0, 0, diff(5, 6, 10));
    assert_eq!(rig.diff(MS, 0, diff(20, 21, 30)), Taken::Held);
    rig.arbiter.set_up(1, false);
    rig.release(2 * MS);
    assert_eq!(rig.ids(), [10, 30], "nobody is left to bring it");
    assert_eq!(rig.diff(3 * MS, 0, diff(40, 41, 50)), Taken::Pass);
}

#[test]
fn what_is_held_is_bounded() {
    let mut rig = Rig::new();
    rig.diff(0, 0, diff(5, 6, 10));
    let mut held = 0;
    for number in 2..200u64 {
        let taken = rig.diff(MS, 0, diff(number * 10, number * 10 + 1, number * 10 + 10));
        held += usize::from(taken == Taken::Held);
    }
    assert_eq!(held, super::held::HELD_MAX);
    assert_eq!(*rig.ids().last().expect("some"), 2_000, "the newest still pass");
}

#[test]
fn a_venue_that_counts_anew_is_believed_and_a_burst_of_old_messages_is_not() {
    let mut arbiter = Arbiter::new();
    for id in 1_000..1_100 {
        assert_eq!(arbiter.ticker(MonoNs(0), 0, &ticker(id, id as i64, 5)), Taken::Pass);
    }
    for id in 900..1_000 {
        assert_eq!(arbiter.ticker(MonoNs(0), 1, &ticker(id, id as i64, 5)), Taken::Drop);
    }
    let mut taken = Vec::new();
    for id in 1..6 {
        taken.push(arbiter.ticker(MonoNs(0), 0, &ticker(id, 5_000 + id as i64, 5)));
    }
    use Taken::{Drop, Pass, Restarted};
    assert_eq!(taken, [Drop, Drop, Restarted, Pass, Pass]);
}

#[test]
fn a_late_connection_in_between_is_no_restart() {
    let mut arbiter = Arbiter::new();
    for id in 1_000..2_000 {
        assert_eq!(arbiter.ticker(MonoNs(0), 0, &ticker(id, id as i64, 5)), Taken::Pass);
        // Far behind and with a wrong time: never three in a row without a newer one.
        let late = ticker(id - 900, 9_000_000, 5);
        assert_eq!(arbiter.ticker(MonoNs(0), 1, &late), Taken::Drop);
    }
}

#[test]
fn one_wild_id_does_not_silence_a_stream() {
    let mut arbiter = Arbiter::new();
    arbiter.ticker(MonoNs(0), 0, &ticker(100, 100, 5));
    assert_eq!(arbiter.ticker(MonoNs(0), 0, &ticker(u64::MAX, 101, 5)), Taken::Pass);
    let taken: Vec<_> =
        (102..106).map(|id| arbiter.ticker(MonoNs(0), 0, &ticker(id, id as i64, 5))).collect();
    assert_eq!(taken[2..], [Taken::Restarted, Taken::Pass]);
}

#[test]
fn marks_are_numbered_by_their_time() {
    let mut arbiter = Arbiter::new();
    let mark = |ms: i64| Mark {
        symbol: BTC,
        mark_price: Price::from_units(7),
        event_time: WallNs::from_ms(ms),
        ..Mark::default()
    };
    assert_eq!(arbiter.mark(MonoNs(0), 0, &mark(9_000)), Taken::Pass);
    assert_eq!(arbiter.mark(MonoNs(MS), 1, &mark(9_000)), Taken::Drop);
    for ms in [5_000, 6_000, 7_000, 8_000] {
        assert_eq!(arbiter.mark(MonoNs(2 * MS), 1, &mark(ms)), Taken::Drop, "a burst of old ones");
    }
    assert_eq!(arbiter.mark(MonoNs(1_000 * MS), 0, &mark(10_000)), Taken::Pass);
}

#[test]
fn one_id_with_two_contents_is_a_divergence_and_told_when_it_is_frequent() {
    let mut arbiter = Arbiter::new();
    for id in 1..=3 {
        arbiter.ticker(MonoNs(id), 0, &ticker(id, 1, 100));
        assert_eq!(arbiter.next_diverged(), None);
        assert_eq!(arbiter.ticker(MonoNs(id), 1, &ticker(id, 1, 101)), Taken::Drop);
    }
    assert_eq!(arbiter.counts()[Counter::FeedDiverged], 3);
    assert_eq!(arbiter.next_diverged(), Some(BTC));
    assert_eq!(arbiter.next_diverged(), None, "told once");
}

#[test]
fn the_faster_connection_is_ranked_by_what_it_wins_and_by_how_much() {
    let mut arbiter = Arbiter::new();
    for id in 1..=200 {
        arbiter.ticker(MonoNs(id * MS), 0, &ticker(id, 1, 100));
        arbiter.ticker(MonoNs(id * MS + 30_000), 1, &ticker(id, 1, 100));
    }
    let (first, second) = (arbiter.ranking(Link::Public, 0), arbiter.ranking(Link::Public, 1));
    assert_eq!((first.wins, first.duplicates), (200, 0));
    assert_eq!((second.wins, second.duplicates), (0, 200));
    assert!((29_900..=30_000).contains(&first.lead_ns), "{first:?}");
}

#[test]
fn after_a_reset_everything_passes_again() {
    let mut rig = Rig::new();
    rig.diff(0, 0, diff(5, 6, 10));
    rig.diff(0, 0, diff(20, 21, 30));
    rig.arbiter.reset(Link::Public);
    assert_eq!(rig.diff(MS, 0, diff(2, 3, 4)), Taken::Pass);
    rig.release(1_000 * MS);
    assert_eq!(rig.ids(), [10, 4], "what was held belonged to the time before");
}

#[test]
fn an_event_of_the_user_stream_passes_as_often_as_one_connection_brings_it() {
    let mut twice = Twice::default();
    let now = MonoNs(0);
    assert!(twice.pass(now, 0, 77));
    assert!(!twice.pass(now, 1, 77), "the copy");
    assert!(twice.pass(now, 1, 77), "the venue sent it twice");
    assert!(!twice.pass(now, 0, 77));
    assert!(twice.pass(now, 1, 78), "another");
    assert_eq!(twice.counts()[Counter::FeedDuplicate], 2);
}

#[test]
fn a_user_connection_that_does_not_bring_what_the_other_brings_is_frozen() {
    let mut twice = Twice::default();
    twice.set_up(0, Some(MonoNs(1)));
    twice.set_up(1, Some(MonoNs(1)));
    twice.pass(MonoNs(10), 0, 77);
    assert_eq!(twice.frozen(MonoNs(109), 100), None, "it may still come");
    assert_eq!(twice.frozen(MonoNs(110), 100), Some(1));
    twice.set_up(1, Some(MonoNs(120)));
    assert_eq!(twice.frozen(MonoNs(300), 100), None, "it was not up then");
    twice.pass(MonoNs(310), 1, 78);
    twice.pass(MonoNs(320), 0, 78);
    assert_eq!(twice.frozen(MonoNs(900), 100), None);
}
