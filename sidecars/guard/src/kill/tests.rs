//! A venue of the test's own that loses, delays and refuses.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const MOST: i64 = 1_000 * SCALE;

/// Smallest quantity the venue takes: two steps.
const MIN: Qty = Qty::from_units(2 * SCALE / 1_000);

fn name(text: &str) -> SymbolName {
    SymbolName::new(text.as_bytes()).expect("short")
}
fn milli(count: i64) -> Qty {
    Qty::from_units(count * SCALE / 1_000)
}
fn failed(why: &str) -> Unanswered {
    Unanswered { why: why.to_owned(), wait: Duration::ZERO }
}

/// How one call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// Not done, and no answer.
    Lost,
    /// Done, and no answer.
    AnswerLost,
    /// Done two calls later, and no answer.
    Late,
    /// Half of it, for a slice; else refused.
    Half,
}

/// What it holds, and how the next calls go; after those all go well.
#[derive(Debug, Default)]
struct Venue {
    /// Questions for a book, and books it never tells.
    looks: u32,
    silent: Vec<Book>,
    /// Seconds for which it wants to be left alone, from the next call on.
    throttle: Option<Duration>,
    acts: u32,
    positions: BTreeMap<SymbolName, i64>,
    orders: BTreeMap<(SymbolName, Book), u32>,
    fates: VecDeque<Fate>,
    late: VecDeque<(u32, Slice)>,
    slices: Vec<Slice>,
    no_lots: bool,
}

impl Venue {
    fn fate(&mut self) -> Fate {
        for (calls, _) in &mut self.late {
            *calls = calls.saturating_sub(1);
        }
        while self.late.front().is_some_and(|(calls, _)| *calls == 0) {
            if let Some((_, slice)) = self.late.pop_front() {
                self.fill(&slice, slice.qty.units());
            }
        }
        self.fates.pop_front().unwrap_or(Fate::Done)
    }
    /// As the venue does with what can only reduce.
    fn fill(&mut self, slice: &Slice, qty: i64) {
        let held = self.positions.entry(slice.symbol).or_default();
        let reduces = (*held > 0) == (slice.side == Side::Sell);
        if *held != 0 && reduces {
            *held -= held.signum() * qty.min(held.abs());
        }
    }
    fn is_empty(&self) -> bool {
        self.orders.values().all(|count| *count == 0) && self.positions.values().all(|q| *q == 0)
    }
}

impl Desk for Venue {
    fn open(&mut self, book: Book) -> Result<Vec<SymbolName>, Unanswered> {
        self.looks += 1;
        if self.silent.contains(&book) {
            return Err(failed("503"));
        }
        if !matches!(self.fate(), Fate::Done | Fate::Half) {
            return Err(failed("no answer"));
        }
        let of_book = self.orders.iter().filter(|((_, b), count)| *b == book && **count > 0);
        Ok(of_book.map(|((symbol, _), _)| *symbol).collect())
    }
    fn held(&mut self) -> Result<Vec<Held>, Unanswered> {
        if !matches!(self.fate(), Fate::Done | Fate::Half) {
            return Err(failed("no answer"));
        }
        let held = self.positions.iter().filter(|(_, qty)| **qty != 0);
        Ok(held
            .map(|(symbol, qty)| Held {
                symbol: *symbol,
                side: PositionSide::Both,
                qty: Qty::from_units(*qty),
                mark: Price::from_units(50_000 * SCALE),
            })
            .collect())
    }
    fn lots(&mut self) -> Result<BTreeMap<SymbolName, Lot>, Unanswered> {
        if self.no_lots {
            return Err(failed("no exchangeInfo"));
        }
        let lot = Lot { step: milli(1), min: MIN, max: milli(120) };
        Ok(self.positions.keys().map(|symbol| (*symbol, lot)).collect())
    }
    fn cancel(&mut self, symbol: SymbolName, book: Book) -> Result<(), Unanswered> {
        self.acts += 1;
        if let Some(wait) = self.throttle {
            return Err(Unanswered { why: "429".to_owned(), wait });
        }
        let fate = self.fate();
        if matches!(fate, Fate::Done | Fate::AnswerLost | Fate::Late) {
            self.orders.insert((symbol, book), 0);
        }
        if fate == Fate::Done { Ok(()) } else { Err(failed("cancel")) }
    }
    fn close(&mut self, slice: &Slice) -> Result<(), Unanswered> {
        self.slices.push(*slice);
        let held = self.positions.get(&slice.symbol).copied().unwrap_or_default();
        if slice.qty < MIN && slice.qty.units() != held.abs() {
            return Err(failed("-4003: too small"));
        }
        let fate = self.fate();
        match fate {
            Fate::Done | Fate::AnswerLost => self.fill(slice, slice.qty.units()),
            Fate::Half => self.fill(slice, slice.qty.units() / 2),
            Fate::Late => self.late.push_back((2, *slice)),
            Fate::Lost => {}
        }
        if matches!(fate, Fate::Done | Fate::Half) { Ok(()) } else { Err(failed("order")) }
    }
}

fn run(executor: &mut Executor, venue: &mut Venue, may_act: bool) -> (Step, u32) {
    for count in 1..=500 {
        let step = executor.step(venue, may_act);
        if step.at == KillStep::Flat {
            return (step, count);
        }
    }
    panic!("not flat after 500 steps: {venue:?}");
}

fn executor() -> Executor {
    Executor::new(MOST, Duration::from_secs(600))
}

#[test]
fn orders_go_first_then_positions_in_slices_then_it_is_seen_three_times() {
    let mut venue = Venue::default();
    venue.orders.insert((name("BTCUSDT"), Book::Orders), 3);
    venue.orders.insert((name("ETHUSDT"), Book::Algos), 1);
    venue.positions.insert(name("BTCUSDT"), milli(50).units());
    venue.positions.insert(name("XRPUSDT"), -milli(7).units());
    let mut executor = executor();
    let first = executor.step(&mut venue, true);
    assert_eq!((first.at, first.open.len()), (KillStep::Cancelling, 2));
    assert!(venue.slices.is_empty(), "cancels first");
    let second = executor.step(&mut venue, true);
    assert_eq!((second.at, second.held.len()), (KillStep::Liquidating, 2));
    // 1,000 USDT at 50,000 are 0.020.
    assert_eq!(venue.slices[0].qty, milli(20));
    assert_eq!((venue.slices[1].side, venue.slices[1].qty), (Side::Buy, milli(7)));
    let (last, _) = run(&mut executor, &mut venue, true);
    assert!(venue.is_empty() && last.errors.is_empty());
    let (cancelled, flat) = executor.times();
    assert!(cancelled.expect("cancelled") <= flat.expect("flat"));
}

#[test]
fn one_empty_answer_is_not_believed() {
    let mut venue = Venue::default();
    let mut executor = executor();
    assert_ne!(executor.step(&mut venue, true).at, KillStep::Flat);
    assert_ne!(executor.step(&mut venue, true).at, KillStep::Flat);
    // It had been told as empty by mistake.
    venue.positions.insert(name("BTCUSDT"), milli(5).units());
    assert_eq!(executor.step(&mut venue, true).at, KillStep::Liquidating);
    let (_, steps) = run(&mut executor, &mut venue, true);
    assert!(steps >= EMPTY_LOOKS && venue.is_empty());
}

#[test]
fn without_leave_it_only_looks() {
    let mut venue = Venue::default();
    venue.orders.insert((name("BTCUSDT"), Book::Orders), 1);
    venue.positions.insert(name("BTCUSDT"), milli(5).units());
    let mut executor = executor();
    for _ in 0..10 {
        let step = executor.step(&mut venue, false);
        assert_eq!((step.open.len(), step.held.len()), (1, 1));
    }
    assert!(venue.slices.is_empty() && !venue.is_empty());
    run(&mut executor, &mut venue, true);
}

#[test]
fn cancels_that_are_refused_do_not_keep_positions_open() {
    let mut venue = Venue::default();
    venue.orders.insert((name("BTCUSDT"), Book::Orders), 1);
    venue.positions.insert(name("BTCUSDT"), milli(5).units());
    let mut executor = executor();
    for _ in 0..10 {
        // Two looks at books and one at positions go well, the cancel never does.
        venue.fates = [Fate::Done, Fate::Done, Fate::Done, Fate::Half].into();
        executor.step(&mut venue, true);
    }
    assert_eq!(venue.positions[&name("BTCUSDT")], 0);
    assert_eq!(venue.orders[&(name("BTCUSDT"), Book::Orders)], 1);
}

#[test]
fn without_lots_a_position_is_closed_whole() {
    let mut venue = Venue { no_lots: true, ..Venue::default() };
    venue.positions.insert(name("BTCUSDT"), milli(500).units());
    run(&mut executor(), &mut venue, true);
    assert_eq!(venue.slices[0].qty, milli(500));
}

#[test]
fn nothing_too_small_to_be_closed_is_left() {
    let lot = Lot { step: milli(1), min: milli(5), max: milli(40) };
    let next = |held: i64, most: i64| {
        let held = Held {
            symbol: name("BTCUSDT"),
            side: PositionSide::Both,
            qty: milli(held),
            mark: Price::from_units(50_000 * SCALE),
        };
        slice(&held, &lot, most).qty
    };
    // 1,000 USDT at 50,000 are 20 steps.
    assert_eq!(next(60, MOST), milli(20));
    assert_eq!(next(25, MOST), milli(20));
    assert_eq!(next(24, MOST), milli(24), "4 could not be closed");
    assert_eq!(next(3, MOST), milli(3));
    assert_eq!(next(44, 10 * MOST), milli(39), "more than the largest lot, and 4 too few");
    assert_eq!(next(60, 0), milli(5));
}

#[test]
fn a_book_that_is_not_told_keeps_nothing_open_and_nothing_is_flat_without_it() {
    for book in [Book::Orders, Book::Algos] {
        let mut venue = Venue { silent: vec![book], ..Venue::default() };
        venue.positions.insert(name("BTCUSDT"), milli(50).units());
        // Held, configured, and neither.
        for symbol in ["BTCUSDT", "ETHUSDT", "XRPUSDT"] {
            venue.orders.insert((name(symbol), book), 1);
        }
        let mut executor = executor().knowing(&[name("ETHUSDT")]);
        for _ in 0..20 {
            assert_ne!(executor.step(&mut venue, true).at, KillStep::Flat);
        }
        assert_eq!(venue.positions[&name("BTCUSDT")], 0);
        let left: Vec<u32> = venue.orders.values().copied().collect();
        assert_eq!(left, [0, 0, 1]);
        venue.silent.clear();
        run(&mut executor, &mut venue, true);
        assert!(venue.is_empty());
    }
}

#[test]
fn books_that_were_empty_are_seldom_asked_for_but_always_at_the_end() {
    let mut venue = Venue::default();
    venue.positions.insert(name("BTCUSDT"), milli(400).units());
    let mut executor = executor();
    for _ in 0..LOOKS_A_BOOK {
        executor.step(&mut venue, true);
    }
    assert_eq!(venue.looks, 2);
    // Somebody else's, meanwhile.
    venue.orders.insert((name("ETHUSDT"), Book::Orders), 1);
    run(&mut executor, &mut venue, true);
    assert!(venue.is_empty(), "{venue:?}");
}

#[test]
fn a_venue_that_wants_to_be_left_alone_is() {
    let wait = Duration::from_secs(7);
    let mut venue = Venue { throttle: Some(wait), ..Venue::default() };
    for symbol in ["BTCUSDT", "ETHUSDT", "XRPUSDT"] {
        venue.orders.insert((name(symbol), Book::Orders), 1);
    }
    let mut executor = executor();
    let step = executor.step(&mut venue, true);
    assert_eq!((venue.acts, step.wait), (1, wait));
    venue.throttle = None;
    run(&mut executor, &mut venue, true);
}

#[test]
fn steps_are_fast_until_they_would_cost_the_address() {
    let mut venue = Venue::default();
    venue.orders.insert((name("BTCUSDT"), Book::Orders), 1);
    let mut executor = executor();
    let cost = BOOKS_WEIGHT + HELD_WEIGHT;
    for _ in 0..WEIGHT_AT_ONCE / cost {
        assert_eq!(executor.step(&mut venue, false).wait, SETTLE);
    }
    assert_eq!(executor.step(&mut venue, false).wait, WEIGHT_PAUSE * cost);
    // One that follows at once has not more to spend.
    executor.begin();
    assert_eq!(executor.step(&mut venue, false).wait, WEIGHT_PAUSE * cost);
    // A minute of steps at that pause, after those at once, with what guard asks for otherwise.
    let minute = WEIGHT_AT_ONCE + 60_000 / WEIGHT_PAUSE.as_millis() as u32 + 500;
    assert!(minute <= 2_400, "{minute}");
}

#[test]
fn not_flat_in_time_is_stuck_and_goes_on() {
    let mut venue = Venue::default();
    venue.positions.insert(name("BTCUSDT"), milli(5).units());
    let mut executor = Executor::new(MOST, Duration::ZERO);
    venue.fates = [Fate::Lost].into();
    let step = executor.step(&mut venue, true);
    assert_eq!((step.at, step.errors.len()), (KillStep::Stuck, 1));
    run(&mut executor, &mut venue, true);
    assert!(venue.is_empty());
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Done),
        1 => Just(Fate::Lost),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::Late),
        1 => Just(Fate::Half),
    ]
}

proptest! {
    /// Whatever happens to the calls, and however often it is begun anew, it ends flat, in bounded
    /// slices against the position, and no position is turned.
    #[test]
    fn it_always_ends_flat(
        positions in proptest::collection::vec(-400i64..400, 3),
        orders in proptest::collection::vec(0u32..3, 4),
        fates in proptest::collection::vec(fate(), 0..60),
        restarts in proptest::collection::vec(1usize..8, 0..5),
    ) {
        let symbols = ["BTCUSDT", "ETHUSDT", "XRPUSDT"].map(name);
        let mut venue = Venue { fates: fates.into(), ..Venue::default() };
        for (symbol, qty) in symbols.iter().zip(&positions) {
            venue.positions.insert(*symbol, milli(*qty).units());
        }
        for (index, count) in orders.iter().enumerate() {
            let book = if index % 2 == 0 { Book::Orders } else { Book::Algos };
            venue.orders.insert((symbols[index / 2], book), *count);
        }
        for steps in restarts {
            let mut executor = executor();
            for _ in 0..steps {
                executor.step(&mut venue, true);
            }
        }
        let signs: Vec<i64> = positions.iter().map(|qty| qty.signum()).collect();
        run(&mut executor(), &mut venue, true);
        // What is late comes before the end is believed, or finds nothing to reduce.
        prop_assert!(venue.is_empty(), "{venue:?}");
        for slice in &venue.slices {
            let index = symbols.iter().position(|symbol| *symbol == slice.symbol).expect("known");
            prop_assert_eq!(slice.side.sign(), -signs[index]);
            let value = i128::from(slice.qty.units()) * 50_000;
            // What would be left too small goes with the last slice.
            prop_assert!(value < i128::from(MOST) + i128::from(MIN.units()) * 50_000);
        }
    }
}
