//! The market's pace: recorded or generated events, due at wall times.

use backtest::{Exchange, MarketUpdate, Tape, generator::Generator};
use schema::{Side, SymbolId};

/// Longest stretch of the market played at once before serving begins, in its own nanoseconds.
const PRIME_NS_MAX: i64 = 30_000_000_000;

/// Events and the times they are due.
pub(crate) struct Source {
    feed: Feed,
    next: Option<(i64, MarketUpdate)>,
    /// Recorded time of `start`.
    base_ns: i64,
    /// When the event recorded at `base_ns` is due, in the caller's time.
    start_ns: i64,
    speed: f64,
    ended: bool,
}

/// Where events come from.
pub(crate) enum Feed {
    /// Never ends.
    Generated(Box<Generator>),
    /// Recorded files; a repeating tape never ends and keeps its ids rising.
    Tape(Box<Tape>),
}

impl Source {
    /// A source that runs `speed` times as fast as recorded.
    pub(crate) fn new(feed: Feed, speed: f64) -> Self {
        let mut source = Self { feed, next: None, base_ns: 0, start_ns: 0, speed, ended: false };
        source.next = source.pull();
        source.base_ns = source.next.as_ref().map_or(0, |(ns, _)| *ns);
        source
    }

    /// Plays the beginning at once, until every symbol has a book with two sides.
    pub(crate) fn prime(&mut self, exchange: &mut Exchange, now_ms: i64) {
        let first_ns = self.base_ns;
        while !is_complete(exchange) {
            match self.next.take() {
                Some((ns, update)) if ns - first_ns < PRIME_NS_MAX => {
                    exchange.market(now_ms, &update);
                    self.next = self.pull();
                }
                other => {
                    self.next = other;
                    return;
                }
            }
        }
    }

    /// Makes the next event due at `now_ns`.
    pub(crate) fn restart(&mut self, now_ns: i64) {
        self.start_ns = now_ns;
        if let Some((ns, _)) = &self.next {
            self.base_ns = *ns;
        }
    }

    /// When the next event is due.
    pub(crate) fn due_ns(&self) -> Option<i64> {
        let (ns, _) = self.next.as_ref()?;
        let after_ns = (ns - self.base_ns).max(0);
        let after_ns =
            if self.speed == 1.0 { after_ns } else { (after_ns as f64 / self.speed) as i64 };
        Some(self.start_ns.saturating_add(after_ns))
    }

    /// The next event if it is due.
    pub(crate) fn next_due(&mut self, now_ns: i64) -> Option<MarketUpdate> {
        if self.due_ns()? > now_ns {
            return None;
        }
        let (_, update) = self.next.take()?;
        self.next = self.pull();
        Some(update)
    }

    /// Whether a recorded market has reached its end.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    fn pull(&mut self) -> Option<(i64, MarketUpdate)> {
        let event = match &mut self.feed {
            Feed::Generated(generator) => generator.next(),
            Feed::Tape(tape) => match tape.next() {
                Some(Ok(event)) => Some(event),
                Some(Err(error)) => {
                    log::error!("the tape stops: {error}");
                    None
                }
                None => None,
            },
        };
        self.ended |= event.is_none();
        event
    }
}

/// Whether every symbol has a book with two sides.
fn is_complete(exchange: &Exchange) -> bool {
    (0..exchange.config().symbols.len()).all(|index| {
        let book = exchange.book(SymbolId(index as u16));
        book.is_some_and(|book| {
            !book.levels(Side::Buy, 1).is_empty() && !book.levels(Side::Sell, 1).is_empty()
        })
    })
}
