//! The one owner of the exchange: a thread that runs requests, the market and the timers in turn.
//!
//! Connections send closures; whatever a closure does to the exchange is followed at once by
//! fanning out the events it caused, so every client sees one order of events. The thread sleeps
//! until the next market event, timer or request. Reading the clock happens here and nowhere below.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use backtest::{AccountId, Exchange, VenueEvent};
use tokio::sync::oneshot;

use crate::{
    history::History, hub::Hub, limits::Meter, refusal::Refusal, source::Source, users::Users,
    wire::Format,
};

/// Requests waiting for the core; one more is answered 503.
const REQUESTS_MAX: usize = 4096;
/// Market events handled before requests get their turn again.
const MARKET_BATCH_MAX: usize = 256;
/// Grid of the timers in milliseconds: 100, 250 and 500 ms are multiples of it.
const GRID_MS: i64 = 50;

/// A request, run on the core's thread.
type Request = Box<dyn FnOnce(&mut Core) + Send>;

/// Everything the venue knows, owned by the core's thread.
pub(crate) struct Core {
    /// Matching, accounts, books.
    pub(crate) exchange: Exchange,
    /// How symbols are written, by symbol id.
    pub(crate) formats: Arc<[Format]>,
    /// Market subscriptions.
    pub(crate) hub: Hub,
    /// Listen keys and user subscriptions.
    pub(crate) users: Users,
    /// Public trades, candles and funding since the start.
    pub(crate) history: History,
    /// Weights and order counts, shared with the connections.
    pub(crate) meter: Arc<Meter>,
    /// Counters for `/shrike/stats`.
    pub(crate) stats: Arc<Stats>,
    /// Accounts opened; their ids are the numbers below it.
    pub(crate) account_count: usize,
    source: Source,
    clock: Clock,
}

/// Counters of the venue; none of them takes part in a decision.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// Market events played.
    pub(crate) market_events: AtomicU64,
    /// Requests run by the core.
    pub(crate) requests: AtomicU64,
    /// WebSocket connections accepted.
    pub(crate) connections: AtomicU64,
    /// Connections cut because they read too slowly.
    pub(crate) slow_cut: AtomicU64,
    /// Whether the recorded market has ended.
    pub(crate) tape_ended: AtomicBool,
}

/// Wall time in milliseconds that never goes back.
#[derive(Debug, Default)]
struct Clock {
    last_ms: i64,
}

impl Clock {
    fn now_ms(&mut self) -> i64 {
        self.last_ms = self.last_ms.max(wall_ms());
        self.last_ms
    }
}

/// The system's wall time in milliseconds.
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Core {
    /// A core that has played the market up to the first complete book of every symbol.
    pub(crate) fn new(
        exchange: Exchange,
        account_count: usize,
        formats: Arc<[Format]>,
        source: Source,
        users: Users,
        meter: Arc<Meter>,
        stats: Arc<Stats>,
    ) -> Self {
        let hub = Hub::new(Arc::clone(&formats), Arc::clone(&stats));
        let history = History::new(formats.len());
        let clock = Clock::default();
        let mut core = Self {
            exchange,
            formats,
            hub,
            users,
            history,
            meter,
            stats,
            account_count,
            source,
            clock,
        };
        let now_ms = core.now_ms();
        core.source.prime(&mut core.exchange, now_ms);
        core.flush(now_ms);
        core
    }

    /// Venue time.
    pub(crate) fn now_ms(&mut self) -> i64 {
        self.clock.now_ms()
    }

    /// Sends what the exchange has to say to those who listen.
    pub(crate) fn flush(&mut self, now_ms: i64) {
        for event in self.exchange.drain_events() {
            match event {
                VenueEvent::Market(update) => {
                    let closed = self.history.apply(&update, now_ms);
                    self.hub.market(&update, closed.as_ref(), now_ms);
                }
                VenueEvent::ForceOrder(update) => self.hub.force_order(&update),
                VenueEvent::Account(AccountId(account), event) => {
                    let text = crate::wire::user::event(&self.formats, &event);
                    let name = crate::wire::user::name(&event);
                    self.users.event(&mut self.hub, account as usize, name, &text);
                }
            }
        }
    }

    /// Plays what is due of the market and the timers.
    fn turn(&mut self) {
        let now_ms = self.now_ms();
        self.exchange.advance(now_ms);
        let mut played = 0;
        let now = Instant::now();
        while played < MARKET_BATCH_MAX {
            let Some(update) = self.source.next_due(now) else { break };
            self.exchange.market(now_ms, &update);
            self.flush(now_ms);
            played += 1;
        }
        self.stats.market_events.fetch_add(played as u64, Ordering::Relaxed);
        if self.source.is_ended() {
            self.stats.tape_ended.store(true, Ordering::Relaxed);
        }
        self.flush(now_ms);
        self.hub.tick(now_ms, &self.exchange, &mut self.history);
        self.users.tick(&mut self.hub, now_ms);
    }

    /// How long nothing will be due.
    fn idle(&mut self) -> Duration {
        let now_ms = wall_ms();
        let mut wait = Duration::from_millis((GRID_MS - now_ms.rem_euclid(GRID_MS)) as u64);
        if let Some(timer_ms) = self.exchange.next_timer_ms() {
            wait = wait.min(Duration::from_millis((timer_ms - now_ms).max(0) as u64));
        }
        if let Some(due) = self.source.due() {
            wait = wait.min(due.saturating_duration_since(Instant::now()));
        }
        wait
    }
}

/// How connections reach the core.
#[derive(Clone)]
pub(crate) struct CoreHandle {
    requests: SyncSender<Request>,
}

impl CoreHandle {
    /// Runs `request` on the core's thread, later.
    ///
    /// # Errors
    /// [`Refusal::unavailable`] when the core is overloaded or gone.
    pub(crate) fn send(
        &self,
        request: impl FnOnce(&mut Core) + Send + 'static,
    ) -> Result<(), Refusal> {
        match self.requests.try_send(Box::new(request)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                Err(Refusal::unavailable())
            }
        }
    }

    /// Runs `request` on the core's thread and waits for its result.
    ///
    /// # Errors
    /// As [`CoreHandle::send`].
    pub(crate) async fn call<R: Send + 'static>(
        &self,
        request: impl FnOnce(&mut Core) -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.send(move |core| {
            let _ = answer.send(request(core));
        })?;
        answered.await.map_err(|_| Refusal::unavailable())
    }

    /// As [`CoreHandle::call`], from a thread outside the runtime.
    pub(crate) fn call_blocking<R: Send + 'static>(
        &self,
        request: impl FnOnce(&mut Core) -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.send(move |core| {
            let _ = answer.send(request(core));
        })?;
        answered.blocking_recv().map_err(|_| Refusal::unavailable())
    }
}

/// Starts the core's thread; it ends when `stop` turns true or every handle is dropped.
pub(crate) fn start(
    core: Core,
    stop: Arc<AtomicBool>,
) -> std::io::Result<(CoreHandle, std::thread::JoinHandle<()>)> {
    let (requests, inbox) = sync_channel(REQUESTS_MAX);
    let thread = std::thread::Builder::new()
        .name("venue-core".to_owned())
        .spawn(move || run(core, &inbox, &stop))?;
    Ok((CoreHandle { requests }, thread))
}

fn run(mut core: Core, inbox: &Receiver<Request>, stop: &AtomicBool) {
    core.source.restart(Instant::now());
    while !stop.load(Ordering::Relaxed) {
        match inbox.recv_timeout(core.idle()) {
            Ok(request) => {
                serve(&mut core, request);
                // What has queued up meanwhile goes first, but not for ever.
                for request in inbox.try_iter().take(REQUESTS_MAX) {
                    serve(&mut core, request);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        core.turn();
    }
}

fn serve(core: &mut Core, request: Request) {
    core.stats.requests.fetch_add(1, Ordering::Relaxed);
    request(core);
    let now_ms = core.now_ms();
    core.flush(now_ms);
}
