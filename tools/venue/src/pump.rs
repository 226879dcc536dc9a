//! Moves frames between a WebSocket and its queue, keeps it alive, and ends it in any way asked.

use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt,
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::{config::Lifetimes, hub::Out, thread::wall_ms};

/// A WebSocket on a TCP or TLS stream.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Frames written before the socket is flushed.
const BATCH_MAX: usize = 256;
/// Longest wait for a client that does not read, once its queue is on its way.
const WRITE_WAIT: Duration = Duration::from_secs(5);

/// Moves frames between a socket and a queue until either ends.
pub(crate) struct Pump {
    /// The socket.
    pub(crate) socket: Socket,
    /// What to send.
    pub(crate) frames: mpsc::Receiver<Out>,
    /// The TCP socket below, for a reset.
    pub(crate) control: Option<Arc<OwnedFd>>,
    /// Messages a second before the client is cut.
    pub(crate) messages_1s_max: Option<u32>,
    /// Pings and the longest life.
    pub(crate) lifetimes: Lifetimes,
    /// Turns true when the venue stops.
    pub(crate) stop: watch::Receiver<bool>,
}

/// How the writing side goes on.
enum Next {
    On,
    /// Neither read nor write for so long.
    Hole(u64),
    /// The connection is over, said or not.
    Over,
}

/// Counts a client's messages within the current second.
struct Rate {
    limit: Option<u32>,
    second: Instant,
    count: u32,
}

impl Rate {
    fn is_over(&mut self) -> bool {
        let Some(limit) = self.limit else { return false };
        if self.second.elapsed() >= Duration::from_secs(1) {
            self.second = Instant::now();
            self.count = 0;
        }
        self.count += 1;
        self.count > limit
    }
}

impl Pump {
    /// Runs until the end; each text the client sends goes to `on_text`.
    pub(crate) async fn run(mut self, mut on_text: impl FnMut(Utf8Bytes)) {
        let lifetimes = self.lifetimes;
        let pong_wait = Duration::from_millis(lifetimes.pong_ms);
        let ping_every = Duration::from_millis(lifetimes.ping_ms.max(1));
        let mut ping = tokio::time::interval_at(Instant::now() + ping_every, ping_every);
        let end = tokio::time::sleep(Duration::from_millis(lifetimes.connection_ms));
        tokio::pin!(end);
        let mut pinged: Option<Instant> = None;
        let mut rate = Rate { limit: self.messages_1s_max, second: Instant::now(), count: 0 };
        let mut stop = self.stop.clone();
        let reason = loop {
            tokio::select! {
                out = self.frames.recv() => match out {
                    None => break "Too slow",
                    Some(out) => match self.write(out).await {
                        Next::On => {}
                        Next::Over => return,
                        Next::Hole(ms) => tokio::select! {
                            () = tokio::time::sleep(Duration::from_millis(ms)) => {}
                            _ = stop.changed() => return,
                        },
                    },
                },
                message = self.socket.next() => match message {
                    Some(Ok(message)) => {
                        if rate.is_over() {
                            break "Too many requests";
                        }
                        match message {
                            Message::Text(text) => on_text(text),
                            Message::Pong(_) => pinged = None,
                            Message::Ping(_) => if self.socket.flush().await.is_err() { return },
                            Message::Close(_) => { let _ = self.socket.flush().await; return }
                            Message::Binary(_) | Message::Frame(_) => {}
                        }
                    }
                    Some(Err(_)) | None => return,
                },
                _ = ping.tick() => {
                    if pinged.is_some_and(|at| at.elapsed() > pong_wait) {
                        break "No pong";
                    }
                    pinged.get_or_insert_with(Instant::now);
                    let payload = Bytes::from(wall_ms().to_string());
                    if self.socket.send(Message::Ping(payload)).await.is_err() {
                        return;
                    }
                }
                () = &mut end => break "Connection lifetime reached",
                _ = stop.changed() => break "Going away",
            }
        };
        let code = if reason == "Going away" { CloseCode::Away } else { CloseCode::Policy };
        self.close(code, reason).await;
    }

    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let _ = tokio::time::timeout(WRITE_WAIT, self.socket.close(Some(frame))).await;
    }

    /// Writes this and what else is queued, up to something that is no frame.
    async fn write(&mut self, first: Out) -> Next {
        let mut out = first;
        for _ in 0..BATCH_MAX {
            let text = match out {
                Out::Text(text) => text,
                other => return self.misbehave(other).await,
            };
            let fed = self.socket.feed(Message::Text(text));
            if !matches!(tokio::time::timeout(WRITE_WAIT, fed).await, Ok(Ok(()))) {
                return Next::Over;
            }
            match self.frames.try_recv() {
                Ok(next) => out = next,
                Err(_) => return self.flush().await,
            }
        }
        match out {
            Out::Text(text) => {
                let sent = self.socket.send(Message::Text(text));
                match tokio::time::timeout(WRITE_WAIT, sent).await {
                    Ok(Ok(())) => Next::On,
                    _ => Next::Over,
                }
            }
            other => self.misbehave(other).await,
        }
    }

    async fn flush(&mut self) -> Next {
        match tokio::time::timeout(WRITE_WAIT, self.socket.flush()).await {
            Ok(Ok(())) => Next::On,
            _ => Next::Over,
        }
    }

    async fn misbehave(&mut self, out: Out) -> Next {
        // What was fed before goes first.
        if matches!(self.flush().await, Next::Over) {
            return Next::Over;
        }
        match out {
            Out::Text(_) => Next::On,
            Out::Raw(bytes) => {
                let stream = self.socket.get_mut();
                let write = async {
                    stream.write_all(&bytes).await?;
                    stream.flush().await
                };
                match tokio::time::timeout(WRITE_WAIT, write).await {
                    Ok(Ok(())) => Next::On,
                    _ => Next::Over,
                }
            }
            Out::Hole(ms) => Next::Hole(ms),
            Out::Close(code) => {
                self.close(CloseCode::from(code), "Going away").await;
                Next::Over
            }
            Out::Cut => Next::Over,
            Out::Reset => {
                if let Some(control) = self.control.take() {
                    // Linger of zero: closing the descriptor sends RST instead of FIN.
                    let zero = Some(Duration::ZERO);
                    if let Err(error) = rustix::net::sockopt::set_socket_linger(&*control, zero) {
                        log::debug!("no reset: {error}");
                    }
                }
                Next::Over
            }
        }
    }
}
