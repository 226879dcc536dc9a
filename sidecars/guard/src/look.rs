//! The threads that ask the venue, and what they tell.
//!
//! Asking may hang until its time limit, and the disk may too: neither is done by the thread that
//! gives the verdict, which only takes news from a queue. One thread asks for the account, one for
//! fills and orders, so that a slow answer of one does not age the other.
//!
//! Weight of all this, of 2,400 a minute and address that the trader draws from too (PROTOCOL 4.1):
//! account and positions 10 a second (twice in a second that shows a fall), fills and orders of a symbol 7 a comparison whose period
//! grows with the symbols, all orders of the account 80 a minute, marks 60: about 1,000.

mod rest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use schema::{ClientOrderId, SymbolName};

use crate::clock::mono_ns;
use crate::copy::Fill;
use crate::portfolio::Account;
use crate::requests::Count;

pub use crate::venue::Client;

/// Time between two marks of all symbols.
const MARKS_EVERY: Duration = Duration::from_secs(10);
/// Time between two questions for all orders of the account, of whatever symbol.
const ALL_ORDERS_EVERY: Duration = Duration::from_secs(60);
/// Shortest time between two comparisons, and what each symbol adds to it beyond one.
const COPY_EVERY: Duration = Duration::from_millis(2_000);
const COPY_EVERY_A_SYMBOL: Duration = Duration::from_millis(1_500);
/// Time between two questions for the account of which the first one shows a fall.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Pause of a thread between two looks at whether it should end.
const NAP: Duration = Duration::from_millis(20);
/// Candles asked for: a day of minutes.
pub const CANDLES: usize = 1_440;
/// Fills of one answer; more are asked for with the next question.
pub const FILLS_MAX: usize = 1_000;

/// A question that was not answered.
#[derive(Debug, Clone)]
pub struct Unanswered {
    /// Why, for the log.
    pub why: String,
    /// When the venue wants to be asked again, if it said so.
    pub wait: Duration,
}

impl Unanswered {
    /// Whether the venue wants to be left alone for a while.
    pub fn is_throttle(&self) -> bool {
        !self.wait.is_zero()
    }
}

/// An open order by its symbol's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOrder {
    /// Symbol.
    pub symbol: SymbolName,
    /// The venue's id.
    pub id: i64,
    /// Our id, or [`ClientOrderId::NONE`].
    pub client: ClientOrderId,
}

/// What is asked of the venue; each call may wait until its time limit.
pub trait Ask: Send + 'static {
    /// Account and positions.
    ///
    /// # Errors
    /// No whole answer came; so for all.
    fn account(&mut self) -> Result<Account, Unanswered>;
    /// Mark prices of all symbols, units of 1e-8.
    #[allow(missing_docs)]
    fn marks(&mut self) -> Result<Vec<(SymbolName, i64)>, Unanswered>;
    /// Minutes, the newest last: open time in ms and close in units of 1e-8; the last one runs.
    #[allow(missing_docs)]
    fn candles(&mut self, symbol: SymbolName) -> Result<Vec<(i64, i64)>, Unanswered>;
    /// Own fills from a trade id on, or the newest ones.
    #[allow(missing_docs)]
    fn fills(
        &mut self,
        symbol: SymbolName,
        from: Option<i64>,
    ) -> Result<Vec<(i64, Fill)>, Unanswered>;
    /// Open orders of a symbol, or of the account.
    #[allow(missing_docs)]
    fn orders(&mut self, symbol: Option<SymbolName>) -> Result<Vec<OpenOrder>, Unanswered>;
    /// Open conditional orders of a symbol, or of the account.
    #[allow(missing_docs)]
    fn algos(&mut self, symbol: Option<SymbolName>) -> Result<Vec<OpenOrder>, Unanswered>;
}

/// Fills and orders of the followed symbols, as the venue told them.
#[derive(Debug, Clone, Default)]
pub struct Copied {
    /// Monotonic time of the first question, ns.
    pub asked_ns: u64,
    /// Newest trade id told so far; zero before the first trade.
    pub newest: Vec<(SymbolName, i64)>,
    /// Fills that were not told before.
    pub fills: Vec<(SymbolName, i64, Fill)>,
    /// Orders.
    pub orders: Vec<OpenOrder>,
    /// Conditional orders.
    pub algos: Vec<OpenOrder>,
}

/// What the threads tell.
#[derive(Debug)]
pub enum News {
    /// Account and positions, asked and answered at these monotonic times.
    Account {
        /// Time of the first question, ns.
        asked_ns: u64,
        /// Time of the last answer, ns.
        answered_ns: u64,
        /// The answer.
        account: Account,
    },
    /// Mark prices.
    Marks(Vec<(SymbolName, i64)>),
    /// Minutes of a symbol.
    Candles(SymbolName, Vec<(i64, i64)>),
    /// Fills and orders.
    Copied(Copied),
    /// Open orders, both books, of symbols that are not followed.
    OtherOrders(u64),
    /// Requests that were made.
    Asked(Count),
}

/// One thread's end of the queue.
struct Asker<A> {
    venue: A,
    news: Sender<News>,
    stop: Arc<AtomicBool>,
    /// Not before this, as the venue asked.
    held_until: Instant,
    /// What failed last, to be logged once.
    failing: BTreeSet<&'static str>,
}

impl<A: Ask> Asker<A> {
    /// Asks one thing; `None` if it was not answered.
    fn ask<T>(
        &mut self,
        what: &'static str,
        question: impl FnOnce(&mut A) -> Result<T, Unanswered>,
    ) -> Option<T> {
        let answer = question(&mut self.venue);
        let errors = u64::from(answer.is_err());
        self.tell(News::Asked(Count { requests: 1, errors }));
        match answer {
            Ok(answer) => {
                if self.failing.remove(what) {
                    log::info!("{what}: the venue answers again");
                }
                Some(answer)
            }
            Err(unanswered) => {
                if self.failing.insert(what) {
                    log::warn!("{what}: {}", unanswered.why);
                }
                self.held_until = Instant::now() + unanswered.wait;
                None
            }
        }
    }

    fn tell(&self, news: News) {
        // Nobody listens at the end of the process.
        let _ = self.news.send(news);
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sleeps until then and until the venue wants to be asked; `false` at the end.
    fn wait_until(&self, then: Instant) -> bool {
        let then = then.max(self.held_until);
        while !self.is_over() {
            let now = Instant::now();
            if now >= then {
                return true;
            }
            std::thread::sleep((then - now).min(NAP));
        }
        false
    }
}

/// Starts the thread that asks for account, marks and candles every `every`; and once more at once
/// when `is_suspected` is set, because a fall is one when two answers show it.
///
/// # Errors
/// If the thread cannot be started; so for both.
pub fn account(
    venue: impl Ask,
    symbols: Vec<SymbolName>,
    every: Duration,
    news: Sender<News>,
    stop: Arc<AtomicBool>,
    is_suspected: Arc<AtomicBool>,
) -> std::io::Result<()> {
    let held_until = Instant::now();
    let mut asker = Asker { venue, news, stop, held_until, failing: BTreeSet::new() };
    let mut wanted: BTreeMap<Vec<u8>, SymbolName> =
        symbols.iter().map(|symbol| (symbol.as_bytes().to_vec(), *symbol)).collect();
    let mut known: BTreeSet<Vec<u8>> = wanted.keys().cloned().collect();
    let mut marks_at = Instant::now();
    let mut minute = -1;
    let run = move || {
        loop {
            let begun = Instant::now();
            let asked_ns = mono_ns();
            if let Some(account) = asker.ask("account", Ask::account) {
                for position in &account.positions {
                    let name = position.symbol.as_bytes().to_vec();
                    if known.insert(name.clone()) {
                        wanted.insert(name, position.symbol);
                    }
                }
                let answered_ns = mono_ns();
                asker.tell(News::Account { asked_ns, answered_ns, account });
                let this_minute = crate::clock::wall_ns().div_euclid(60_000_000_000);
                if begun >= marks_at || this_minute != minute {
                    if let Some(marks) = asker.ask("marks", Ask::marks) {
                        asker.tell(News::Marks(marks));
                    }
                    marks_at = begun + MARKS_EVERY;
                    minute = this_minute;
                }
                // One a round, so that they do not delay the next account.
                if let Some((name, symbol)) = wanted.pop_first() {
                    match asker.ask("candles", |venue| venue.candles(symbol)) {
                        Some(candles) => asker.tell(News::Candles(symbol, candles)),
                        None => drop(wanted.insert(name, symbol)),
                    }
                }
            }
            let mut then = begun + AGAIN_AFTER.min(every);
            while asker.wait_until(then) && !is_suspected.swap(false, Ordering::Relaxed) {
                if then >= begun + every {
                    break;
                }
                then = (then + NAP).min(begun + every);
            }
            if asker.is_over() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("account".to_owned()).spawn(run).map(drop)
}

/// Starts the thread that asks for fills and orders; five times as slowly while `is_killed`, when
/// what the venue takes is needed to close.
///
/// # Errors
/// If the thread cannot be started.
pub fn copy(
    venue: impl Ask,
    symbols: Vec<SymbolName>,
    news: Sender<News>,
    stop: Arc<AtomicBool>,
    is_killed: Arc<AtomicBool>,
) -> std::io::Result<()> {
    let more = u32::try_from(symbols.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let every = COPY_EVERY + COPY_EVERY_A_SYMBOL.saturating_mul(more);
    let held_until = Instant::now();
    let asker = Asker { venue, news, stop, held_until, failing: BTreeSet::new() };
    let mut copier = Copier { asker, newest: vec![None; symbols.len()], symbols };
    let mut all_at = Instant::now();
    let run = move || {
        loop {
            let begun = Instant::now();
            if let Some(copied) = copier.copied() {
                copier.asker.tell(News::Copied(copied));
            }
            if begun >= all_at
                && let Some(others) = copier.other_orders()
            {
                copier.asker.tell(News::OtherOrders(others));
                all_at = begun + ALL_ORDERS_EVERY;
            }
            let every = if is_killed.load(Ordering::Relaxed) { every * 5 } else { every };
            if !copier.asker.wait_until(begun + every) {
                return;
            }
        }
    };
    std::thread::Builder::new().name("copy".to_owned()).spawn(run).map(drop)
}

struct Copier<A> {
    asker: Asker<A>,
    symbols: Vec<SymbolName>,
    /// Newest trade id told of each symbol; zero if there was none; `None` before the first answer.
    newest: Vec<Option<i64>>,
}

impl<A: Ask> Copier<A> {
    /// Asks for everything once; `None` if something was not answered. Fills that were answered
    /// then are asked for again.
    fn copied(&mut self) -> Option<Copied> {
        let mut copied = Copied { asked_ns: mono_ns(), ..Copied::default() };
        let mut newest = self.newest.clone();
        for (symbol, newest) in self.symbols.iter().copied().zip(&mut newest) {
            loop {
                let from = newest.map(|newest| newest + 1);
                let fills = self.asker.ask("fills", |venue| venue.fills(symbol, from))?;
                let count = fills.len();
                let last = fills.iter().map(|(id, _)| *id).max();
                *newest = Some(last.unwrap_or(newest.unwrap_or(0)).max(newest.unwrap_or(0)));
                copied.fills.extend(fills.into_iter().map(|(id, fill)| (symbol, id, fill)));
                // At the first question only where the end is matters.
                if from.is_none() || count < FILLS_MAX {
                    break;
                }
            }
            let orders = self.asker.ask("orders", |venue| venue.orders(Some(symbol)))?;
            copied.orders.extend(orders);
            let algos = self.asker.ask("conditional orders", |venue| venue.algos(Some(symbol)))?;
            copied.algos.extend(algos);
            copied.newest.push((symbol, newest.unwrap_or(0)));
        }
        self.newest = newest;
        Some(copied)
    }

    fn other_orders(&mut self) -> Option<u64> {
        let orders = self.asker.ask("all orders", |venue| venue.orders(None))?;
        let algos = self.asker.ask("all conditional orders", |venue| venue.algos(None))?;
        let others = orders.iter().chain(&algos);
        Some(others.filter(|order| !self.symbols.contains(&order.symbol)).count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Answers that there is nothing.
    struct Nothing;

    impl Ask for Nothing {
        fn account(&mut self) -> Result<Account, Unanswered> {
            Ok(Account::default())
        }
        fn marks(&mut self) -> Result<Vec<(SymbolName, i64)>, Unanswered> {
            Ok(Vec::new())
        }
        fn candles(&mut self, _: SymbolName) -> Result<Vec<(i64, i64)>, Unanswered> {
            Ok(Vec::new())
        }
        fn fills(&mut self, _: SymbolName, _: Option<i64>) -> Result<Vec<(i64, Fill)>, Unanswered> {
            Ok(Vec::new())
        }
        fn orders(&mut self, _: Option<SymbolName>) -> Result<Vec<OpenOrder>, Unanswered> {
            Ok(Vec::new())
        }
        fn algos(&mut self, _: Option<SymbolName>) -> Result<Vec<OpenOrder>, Unanswered> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_suspected_fall_is_looked_at_again_at_once() {
        let (news_in, news) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let is_suspected = Arc::new(AtomicBool::new(false));
        let (over, again) = (Arc::clone(&stop), Arc::clone(&is_suspected));
        let hour = Duration::from_secs(3_600);
        account(Nothing, Vec::new(), hour, news_in, over, again).expect("a thread");
        let next_account = || loop {
            let news = news.recv_timeout(Duration::from_secs(30)).expect("an account");
            if let News::Account { asked_ns, .. } = news {
                return asked_ns;
            }
        };
        let first_ns = next_account();
        is_suspected.store(true, Ordering::Relaxed);
        let second_ns = next_account();
        assert!(second_ns - first_ns >= AGAIN_AFTER.as_nanos() as u64);
        assert!(!is_suspected.load(Ordering::Relaxed), "once, not from then on");
        stop.store(true, Ordering::Relaxed);
    }
}
