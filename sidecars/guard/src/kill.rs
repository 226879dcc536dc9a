//! The kill switch carried out at the venue, by guard or by a person's tool.
//!
//! [`Executor::step`] is one look at the venue and what follows from it: orders of both books are
//! cancelled, symbol by symbol of the whole account; what is held is closed in bounded slices at the
//! market; and it is flat when the venue has said so several times in a row. A step keeps nothing
//! that the next one needs but counts and times: it may be interrupted at every line and begun anew
//! by anyone, while others do the same. That is safe because everything that is sent is a cancel, or
//! an order that can only reduce: a slice that was thought lost and fills late finds the venue
//! refusing or shortening the next one, and never turns a position.
//!
//! What the venue holds when a step ends at a line, and what the next step makes of it:
//!
//! | Ended after | The venue holds | Next step |
//! |---|---|---|
//! | asking for a book or for positions | what it held | asks again |
//! | some of the cancels, answered or not | fewer orders, or as many | cancels what it is told |
//! | sending a slice, answered or not | the position, or less of it | a slice of what it is told |
//! | an empty look | nothing, or what the answer missed | looks until `EMPTY_LOOKS` agree |
//!
//! A book that is not told does not keep positions open: after `UNTOLD_ROUNDS` it is cancelled
//! unseen, for every symbol that is known, and positions are closed. It is not flat before both
//! books are told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use binance::rest::PositionSide;
use schema::{KillStep, Price, Qty, SCALE, Side, SymbolName};

use crate::look::Unanswered;

mod rest;
#[cfg(test)]
mod tests;

/// Pause before what was asked for is looked at.
const SETTLE: Duration = Duration::from_millis(100);
/// Pause between two looks at an account that shows nothing.
const EMPTY_PAUSE: Duration = Duration::from_millis(300);
/// Looks in a row that must show nothing: an account may be told as empty by mistake (the venue did
/// so on 2025-10-10 for half an hour, but not before it had failed otherwise).
const EMPTY_LOOKS: u32 = 3;
/// Pause between two looks after it is flat: what was sent before may still fill.
const FLAT_PAUSE: Duration = Duration::from_secs(2);
/// Rounds of cancels after which positions are closed although orders are still told.
const CANCEL_ROUNDS: u32 = 3;
/// Rounds in which a book is not told after which is acted without it.
const UNTOLD_ROUNDS: u32 = 2;
/// Pause between rounds without it.
const UNTOLD_PAUSE: Duration = Duration::from_millis(500);
/// Looks at what is held between two looks at books that were empty: a book costs 40, what is held
/// costs 5.
const LOOKS_A_BOOK: u32 = 8;
/// Request weight of both books of the account, of what is held, and of anything else (PROTOCOL 3).
const BOOKS_WEIGHT: u32 = 80;
const HELD_WEIGHT: u32 = 5;
const OTHER_WEIGHT: u32 = 1;
/// Weight that a minute's steps may cost without a pause, and the pause for each unit beyond it. Of
/// 2,400 a minute guard's looks take 700 and the trader the rest: a kill that gets its own address
/// banned closes nothing.
const WEIGHT_AT_ONCE: u32 = 900;
const WEIGHT_PAUSE: Duration = Duration::from_millis(60);
const MINUTE: Duration = Duration::from_secs(60);
/// Pauses after failures in a row: doubled each time.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);
const FAILURE_PAUSE_MAX: Duration = Duration::from_secs(2);

/// One of the venue's two books of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Book {
    /// Ordinary orders.
    Orders,
    /// Conditional orders.
    Algos,
}

/// What is held of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Symbol.
    pub symbol: SymbolName,
    /// Side in hedge mode.
    pub side: PositionSide,
    /// Signed quantity, not zero.
    pub qty: Qty,
    /// Mark price.
    pub mark: Price,
}

/// Lot of market orders of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot {
    /// Step of the quantity.
    pub step: Qty,
    /// Smallest quantity.
    pub min: Qty,
    /// Largest quantity.
    pub max: Qty,
}

/// An order at the market that can only reduce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Symbol.
    pub symbol: SymbolName,
    /// The position's side in hedge mode.
    pub position_side: PositionSide,
    /// Side of the order: against the position.
    pub side: Side,
    /// Quantity.
    pub qty: Qty,
}

/// What is asked and done at the venue; each call waits for its answer.
pub trait Desk {
    /// Symbols with open orders in a book, of the whole account.
    ///
    /// # Errors
    /// No whole answer came; so for all.
    fn open(&mut self, book: Book) -> Result<Vec<SymbolName>, Unanswered>;
    /// What is held, of the whole account; nothing that is zero.
    #[allow(missing_docs)]
    fn held(&mut self) -> Result<Vec<Held>, Unanswered>;
    /// Lots of all symbols.
    #[allow(missing_docs)]
    fn lots(&mut self) -> Result<BTreeMap<SymbolName, Lot>, Unanswered>;
    /// Cancels all orders of a symbol in a book.
    #[allow(missing_docs)]
    fn cancel(&mut self, symbol: SymbolName, book: Book) -> Result<(), Unanswered>;
    /// Sends a slice.
    #[allow(missing_docs)]
    fn close(&mut self, slice: &Slice) -> Result<(), Unanswered>;
}

/// What a step found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How far it is.
    pub at: KillStep,
    /// Symbols and books with open orders.
    pub open: Vec<(SymbolName, Book)>,
    /// What is held.
    pub held: Vec<Held>,
    /// What went wrong, in words for the log.
    pub errors: Vec<String>,
    /// When to look again.
    pub wait: Duration,
}

/// Carries the kill switch out.
#[derive(Debug)]
pub struct Executor {
    slice: i64,
    stuck_after: Duration,
    began: Instant,
    lots: BTreeMap<SymbolName, Lot>,
    /// Symbols in which there may be orders: those of the configuration, and what was told so far.
    known: BTreeSet<SymbolName>,
    cancel_rounds: u32,
    untold_rounds: u32,
    empty_looks: u32,
    failures: u32,
    /// Looks at what is held before the books are looked at again.
    looks_left: u32,
    /// Weight of the requests of the last minute.
    spent: VecDeque<(Instant, u32)>,
    /// When the venue was first seen without orders, and without anything, since the start.
    cancelled: Option<Instant>,
    flat: Option<Instant>,
}

impl Executor {
    /// Slices of so many units of 1e-8 USDT at most; not flat in so long is stuck.
    pub fn new(slice: i64, stuck_after: Duration) -> Self {
        Self {
            slice,
            stuck_after,
            began: Instant::now(),
            lots: BTreeMap::new(),
            known: BTreeSet::new(),
            cancel_rounds: 0,
            untold_rounds: 0,
            empty_looks: 0,
            failures: 0,
            looks_left: 0,
            spent: VecDeque::new(),
            cancelled: None,
            flat: None,
        }
    }

    /// These symbols are cancelled too when the venue does not tell its books.
    #[must_use]
    pub fn knowing(mut self, symbols: &[SymbolName]) -> Self {
        self.known.extend(symbols);
        self
    }

    /// Begins anew; what the last minute cost is still counted.
    pub fn begin(&mut self) {
        let begun = Self::new(self.slice, self.stuck_after);
        let known = core::mem::take(&mut self.known);
        let spent = core::mem::take(&mut self.spent);
        *self = Self { known, spent, ..begun };
    }

    /// Time from the start until the venue had no order, and until it had no position either.
    pub fn times(&self) -> (Option<Duration>, Option<Duration>) {
        let since = |at: Instant| at.duration_since(self.began);
        (self.cancelled.map(since), self.flat.map(since))
    }

    /// One look, and what follows from it; without `may_act` only the look.
    pub fn step(&mut self, desk: &mut impl Desk, may_act: bool) -> Step {
        let mut step = Step {
            at: KillStep::Cancelling,
            open: Vec::new(),
            held: Vec::new(),
            errors: Vec::new(),
            wait: SETTLE,
        };
        let mut weight = 0;
        if let Err(failure) = self.look_and_act(desk, may_act, &mut step, &mut weight) {
            self.empty_looks = 0;
            self.looks_left = 0;
            self.failures = self.failures.saturating_add(1);
            let pause = FAILURE_PAUSE * (1 << self.failures.min(5));
            step.wait = failure.wait.max(pause.min(FAILURE_PAUSE_MAX));
            step.errors.push(failure.why);
        } else {
            self.failures = 0;
        }
        step.wait = step.wait.max(self.pace(weight));
        if step.at != KillStep::Flat && self.began.elapsed() > self.stuck_after {
            step.at = KillStep::Stuck;
        }
        step
    }

    fn look_and_act(
        &mut self,
        desk: &mut impl Desk,
        may_act: bool,
        step: &mut Step,
        weight: &mut u32,
    ) -> Result<(), Unanswered> {
        // Books that were empty are not asked for before each slice.
        let is_short = self.looks_left > 0;
        let mut untold = Vec::new();
        if !is_short {
            *weight += BOOKS_WEIGHT;
            untold = self.look_at_books(desk, step)?;
        }
        *weight += HELD_WEIGHT;
        step.held = desk.held()?;
        let is_told_empty = step.open.is_empty() && untold.is_empty();
        self.looks_left = match (step.held.is_empty(), is_told_empty) {
            (false, true) if is_short => self.looks_left - 1,
            (false, true) => LOOKS_A_BOOK,
            _ => 0,
        };
        if is_told_empty {
            self.cancel_rounds = 0;
            self.cancelled.get_or_insert_with(Instant::now);
            step.at = KillStep::Liquidating;
            if step.held.is_empty() {
                if !is_short {
                    self.empty(step);
                }
                return Ok(());
            }
        } else if !step.open.is_empty() {
            self.cancelled = None;
        }
        self.empty_looks = 0;
        self.flat = None;
        if !may_act {
            return Ok(());
        }
        self.cancel_all(desk, step, &untold, weight)?;
        if step.open.is_empty() || self.cancel_rounds > CANCEL_ROUNDS {
            self.close_all(desk, step, weight)?;
        }
        Ok(())
    }

    /// Reads both books; those that were not told, once that has lasted.
    fn look_at_books(
        &mut self,
        desk: &mut impl Desk,
        step: &mut Step,
    ) -> Result<Vec<Book>, Unanswered> {
        let mut untold = Vec::new();
        for book in [Book::Orders, Book::Algos] {
            match desk.open(book) {
                Ok(mut symbols) => {
                    symbols.sort_unstable();
                    symbols.dedup();
                    self.known.extend(&symbols);
                    step.open.extend(symbols.into_iter().map(|symbol| (symbol, book)));
                }
                Err(failure) if failure.is_throttle() || self.untold_rounds < UNTOLD_ROUNDS => {
                    self.untold_rounds = self.untold_rounds.saturating_add(1);
                    return Err(failure);
                }
                Err(failure) => {
                    step.errors.push(failure.why);
                    step.wait = UNTOLD_PAUSE;
                    untold.push(book);
                }
            }
        }
        if untold.is_empty() {
            self.untold_rounds = 0;
        }
        Ok(untold)
    }

    /// Nothing is told: believed when it was told so often.
    fn empty(&mut self, step: &mut Step) {
        self.empty_looks = self.empty_looks.saturating_add(1);
        // The first of these looks is when it was flat.
        self.flat.get_or_insert_with(Instant::now);
        if self.empty_looks >= EMPTY_LOOKS {
            step.at = KillStep::Flat;
            step.wait = FLAT_PAUSE;
        } else {
            step.wait = EMPTY_PAUSE;
        }
    }

    fn cancel_all(
        &mut self,
        desk: &mut impl Desk,
        step: &mut Step,
        untold: &[Book],
        weight: &mut u32,
    ) -> Result<(), Unanswered> {
        self.known.extend(step.held.iter().map(|held| held.symbol));
        let known = &self.known;
        let unseen = untold.iter().flat_map(|&book| known.iter().map(move |name| (*name, book)));
        let all = step.open.iter().copied().chain(unseen);
        for (symbol, book) in all {
            *weight += OTHER_WEIGHT;
            // One that fails must not keep the others from being cancelled.
            tolerate(desk.cancel(symbol, book), &mut step.errors)?;
        }
        if !step.open.is_empty() {
            self.cancel_rounds = self.cancel_rounds.saturating_add(1);
        }
        Ok(())
    }

    fn close_all(
        &mut self,
        desk: &mut impl Desk,
        step: &mut Step,
        weight: &mut u32,
    ) -> Result<(), Unanswered> {
        if step.held.is_empty() {
            return Ok(());
        }
        step.at = KillStep::Liquidating;
        if self.lots.is_empty() {
            *weight += OTHER_WEIGHT;
            match desk.lots() {
                Ok(lots) => self.lots = lots,
                Err(failure) => tolerate(Err(failure), &mut step.errors)?,
            }
        }
        for held in &step.held {
            // Without its lot it is closed whole: what is held is a quantity the venue takes.
            let slice = match self.lots.get(&held.symbol) {
                Some(lot) => slice(held, lot, self.slice),
                None => whole(held),
            };
            tolerate(desk.close(&slice), &mut step.errors)?;
        }
        Ok(())
    }

    /// The pause after a step that cost so much now.
    fn pace(&mut self, weight: u32) -> Duration {
        self.spent.push_back((Instant::now(), weight));
        while self.spent.front().is_some_and(|(at, _)| at.elapsed() > MINUTE) {
            self.spent.pop_front();
        }
        let minute: u32 = self.spent.iter().map(|(_, weight)| weight).sum();
        if minute > WEIGHT_AT_ONCE { WEIGHT_PAUSE * weight } else { Duration::ZERO }
    }
}

/// One failure must not keep the rest of a step from being done, but for a venue that wants to be
/// left alone: going on then ends in a ban.
fn tolerate(done: Result<(), Unanswered>, errors: &mut Vec<String>) -> Result<(), Unanswered> {
    match done {
        Err(failure) if failure.is_throttle() => Err(failure),
        Err(failure) => {
            errors.push(failure.why);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// All of a position at once.
fn whole(held: &Held) -> Slice {
    let side = if held.qty.units() > 0 { Side::Sell } else { Side::Buy };
    Slice { symbol: held.symbol, position_side: held.side, side, qty: held.qty.abs() }
}

/// The next slice of a position: within `most` (units of 1e-8 USDT) and the venue's lot, never more
/// than is held, and leaving nothing that is too small to be closed.
fn slice(held: &Held, lot: &Lot, most: i64) -> Slice {
    let all = whole(held);
    let by_money = i128::from(most) * i128::from(SCALE) / i128::from(held.mark.units().max(1));
    let by_money = Qty::from_units(i64::try_from(by_money).unwrap_or(i64::MAX));
    // A slice of less than the smallest lot is that, as far as so much is held.
    let part = by_money.min(lot.max).max(lot.min).max(lot.step).min(all.qty);
    let part = part.round_down(lot.step);
    let rest = all.qty.units() - part.units();
    let qty = if part.is_zero() || rest >= lot.min.units() {
        part
    } else if all.qty <= lot.max {
        all.qty
    } else {
        Qty::from_units(all.qty.units() - lot.min.units()).round_down(lot.step).min(part)
    };
    Slice { qty: if qty.is_zero() { all.qty } else { qty }, ..all }
}
