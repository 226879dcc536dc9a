//! The kill switch carried out at the venue, by guard or by a person's tool.
//!
//! [`Executor::step`] is one look at the venue and what follows from it: orders of both books are
//! cancelled, symbol by symbol of the whole account; what is held is closed in bounded slices at the
//! market; and it is flat when the venue has said so several times in a row. A step keeps nothing
//! that the next one needs but counts and times: it may be interrupted at every line and begun anew
//! by anyone, while others do the same. That is safe because everything that is sent is a cancel, or
//! an order that can only reduce: a slice that was thought lost and fills late finds the venue
//! refusing or shortening the next one, and never turns a position.

use std::collections::BTreeMap;
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
    cancel_rounds: u32,
    empty_looks: u32,
    failures: u32,
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
            cancel_rounds: 0,
            empty_looks: 0,
            failures: 0,
            cancelled: None,
            flat: None,
        }
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
        if let Err(failure) = self.look_and_act(desk, may_act, &mut step) {
            self.empty_looks = 0;
            self.failures = self.failures.saturating_add(1);
            let pause = FAILURE_PAUSE * (1 << self.failures.min(5));
            step.wait = failure.wait.max(pause.min(FAILURE_PAUSE_MAX));
            step.errors.push(failure.why);
        } else {
            self.failures = 0;
        }
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
    ) -> Result<(), Unanswered> {
        for book in [Book::Orders, Book::Algos] {
            let mut symbols = desk.open(book)?;
            symbols.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
            symbols.dedup();
            step.open.extend(symbols.into_iter().map(|symbol| (symbol, book)));
        }
        step.held = desk.held()?;
        if step.open.is_empty() {
            self.cancel_rounds = 0;
            self.cancelled.get_or_insert_with(Instant::now);
            step.at = KillStep::Liquidating;
        } else {
            self.cancelled = None;
        }
        if step.open.is_empty() && step.held.is_empty() {
            self.empty(step);
            return Ok(());
        }
        self.empty_looks = 0;
        self.flat = None;
        if !may_act {
            return Ok(());
        }
        for (symbol, book) in &step.open {
            // One that fails must not keep the others from being cancelled.
            if let Err(failure) = desk.cancel(*symbol, *book) {
                step.errors.push(failure.why);
                step.wait = step.wait.max(failure.wait);
            }
        }
        if !step.open.is_empty() {
            self.cancel_rounds = self.cancel_rounds.saturating_add(1);
        }
        if step.open.is_empty() || self.cancel_rounds > CANCEL_ROUNDS {
            self.close_all(desk, step);
        }
        Ok(())
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

    fn close_all(&mut self, desk: &mut impl Desk, step: &mut Step) {
        step.at = KillStep::Liquidating;
        if step.held.is_empty() {
            return;
        }
        if self.lots.is_empty() {
            match desk.lots() {
                Ok(lots) => self.lots = lots,
                Err(failure) => step.errors.push(failure.why),
            }
        }
        for held in &step.held {
            // Without its lot it is closed whole: what is held is a quantity the venue takes.
            let slice = match self.lots.get(&held.symbol) {
                Some(lot) => slice(held, lot, self.slice),
                None => whole(held),
            };
            if let Err(failure) = desk.close(&slice) {
                step.errors.push(failure.why);
                step.wait = step.wait.max(failure.wait);
            }
        }
    }
}

/// All of a position at once.
fn whole(held: &Held) -> Slice {
    let side = if held.qty.units() > 0 { Side::Sell } else { Side::Buy };
    Slice { symbol: held.symbol, position_side: held.side, side, qty: held.qty.abs() }
}

/// The next slice of a position: within `most` (units of 1e-8 USDT) and the venue's lot, never more
/// than is held.
fn slice(held: &Held, lot: &Lot, most: i64) -> Slice {
    let all = whole(held);
    let by_money = i128::from(most) * i128::from(SCALE) / i128::from(held.mark.units().max(1));
    let by_money = Qty::from_units(i64::try_from(by_money).unwrap_or(i64::MAX));
    // A slice of less than the smallest lot is that, as far as so much is held.
    let part = by_money.min(lot.max).max(lot.min).max(lot.step).min(all.qty);
    let part = part.round_down(lot.step);
    Slice { qty: if part.is_zero() { all.qty } else { part }, ..all }
}
