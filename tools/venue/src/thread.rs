//! A core behind sockets: a thread that runs requests, the market and the timers in turn.
//!
//! Connections send closures. The thread sleeps until the next market event, timer or request.
//! Reading the clock happens here and on the connections' tasks, and nowhere below.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::sync::oneshot;

use crate::{core::Core, refusal::Refusal};

/// Requests waiting for the core; one more is answered 503.
const REQUESTS_MAX: usize = 4096;

/// A request, run on the core's thread.
type Request = Box<dyn FnOnce(&mut Core) + Send>;

/// The system's wall time in nanoseconds.
pub(crate) fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// The system's wall time in milliseconds.
pub(crate) fn wall_ms() -> i64 {
    wall_ns() / 1_000_000
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
    core.set_time(wall_ns());
    core.restart_source();
    while !stop.load(Ordering::Relaxed) {
        let wait_ns = core.due_ns().saturating_sub(wall_ns()).max(0);
        match inbox.recv_timeout(Duration::from_nanos(wait_ns as u64)) {
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
        core.set_time(wall_ns());
        core.turn();
    }
}

fn serve(core: &mut Core, request: Request) {
    core.stats.requests.fetch_add(1, Ordering::Relaxed);
    core.set_time(wall_ns());
    request(core);
    core.flush();
}
