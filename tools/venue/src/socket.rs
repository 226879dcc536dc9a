//! One WebSocket connection: the handshake and the pump between its socket and its queue.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::{sync::mpsc, time::Instant};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{
    core::wall_ms,
    limits::Pool,
    rest,
    server::Shared,
    streams::{self, Opening, Target},
    wsapi::Session,
};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Largest message a client may send, in bytes: far above any request, far below harm.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Frames written before the socket is flushed.
const BATCH_MAX: usize = 256;
/// Longest wait for a client that does not read, once its queue is on its way.
const WRITE_WAIT: Duration = Duration::from_secs(5);
/// Weight of a WebSocket-API handshake.
const HANDSHAKE_WEIGHT: u32 = 5;

/// Whether a request wants to become a WebSocket.
pub(crate) fn is_upgrade(request: &Request<Incoming>) -> bool {
    let value = request.headers().get(header::UPGRADE);
    value.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers the handshake and starts the connection's task.
pub(crate) fn upgrade(
    shared: &Arc<Shared>,
    mut request: Request<Incoming>,
    address: IpAddr,
) -> Response<Full<Bytes>> {
    let query = request.uri().query().unwrap_or_default();
    let Some(target) = streams::target(request.uri().path(), query) else {
        return rest::not_found();
    };
    if matches!(target, Target::Api { .. }) {
        let charged = shared.meter.charge(Pool::WsApi, address, HANDSHAKE_WEIGHT, wall_ms());
        if let Err(refusal) = charged {
            return rest::refused(&refusal);
        }
    }
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        let text = "Bad Request: no Sec-WebSocket-Key".to_owned();
        return rest::json_response(StatusCode::BAD_REQUEST, text);
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgraded = hyper::upgrade::on(&mut request);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(stream) => serve(shared, stream, target, address).await,
            Err(error) => log::debug!("a handshake did not finish: {error}"),
        }
    });
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

async fn serve(shared: Arc<Shared>, stream: Upgraded, target: Target, address: IpAddr) {
    shared.stats.connections.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let config = WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(64 << 10)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, Some(config)).await;
    let (queue, frames) = mpsc::channel(shared.config.queue_frames_max);
    match target {
        Target::Api { limits_shown } => {
            let mut session = Session::new(Arc::clone(&shared), address, queue, limits_shown);
            let pump = Pump::new(&shared, socket, frames, None);
            pump.run(|text| session.request(&text)).await;
        }
        Target::Streams(opening) => serve_streams(shared, socket, queue, frames, opening).await,
    }
}

async fn serve_streams(
    shared: Arc<Shared>,
    socket: Socket,
    queue: mpsc::Sender<Utf8Bytes>,
    frames: mpsc::Receiver<Utf8Bytes>,
    opening: Opening,
) {
    let route = opening.route;
    let connected = shared.core.call(move |core| {
        let id = core.hub.connect(queue, opening.route, opening.combined);
        for (name, events) in opening.names {
            streams::subscribe(core, id, route, &name, events);
        }
        id
    });
    let Ok(id) = connected.await else { return };
    let core = shared.core.clone();
    let pump = Pump::new(&shared, socket, frames, Some(shared.config.limits.messages_1s_max));
    pump.run(|text| {
        let handled = core.send(move |core| streams::control(core, id, route, &text));
        if handled.is_err() {
            log::warn!("a control message found the core overloaded");
        }
    })
    .await;
    // The core may be gone at shutdown; then there is nothing to forget.
    let _ = shared.core.send(move |core| {
        core.hub.disconnect(id);
        core.users.disconnect(id);
    });
}

/// Moves frames between a socket and a queue until either ends.
struct Pump<'a> {
    shared: &'a Shared,
    socket: Socket,
    frames: mpsc::Receiver<Utf8Bytes>,
    messages_1s_max: Option<u32>,
    second: Instant,
    messages: u32,
    pinged: Option<Instant>,
}

impl<'a> Pump<'a> {
    fn new(
        shared: &'a Shared,
        socket: Socket,
        frames: mpsc::Receiver<Utf8Bytes>,
        messages_1s_max: Option<u32>,
    ) -> Self {
        let second = Instant::now();
        Self { shared, socket, frames, messages_1s_max, second, messages: 0, pinged: None }
    }

    async fn run(mut self, mut on_text: impl FnMut(Utf8Bytes)) {
        let lifetimes = &self.shared.config.lifetimes;
        let pong_wait = Duration::from_millis(lifetimes.pong_ms);
        let ping_every = Duration::from_millis(lifetimes.ping_ms.max(1));
        let mut ping = tokio::time::interval_at(Instant::now() + ping_every, ping_every);
        let end = tokio::time::sleep(Duration::from_millis(lifetimes.connection_ms));
        tokio::pin!(end);
        let mut stop = self.shared.stop.clone();
        let reason = loop {
            tokio::select! {
                frame = self.frames.recv() => match frame {
                    Some(frame) => if !self.write(frame).await { return },
                    None => break "Too slow",
                },
                message = self.socket.next() => match message {
                    Some(Ok(message)) => {
                        if self.is_over_rate() {
                            break "Too many requests";
                        }
                        match message {
                            Message::Text(text) => on_text(text),
                            Message::Pong(_) => self.pinged = None,
                            Message::Ping(_) => if self.socket.flush().await.is_err() { return },
                            Message::Close(_) => { let _ = self.socket.flush().await; return }
                            Message::Binary(_) | Message::Frame(_) => {}
                        }
                    }
                    Some(Err(_)) | None => return,
                },
                _ = ping.tick() => {
                    if self.pinged.is_some_and(|at| at.elapsed() > pong_wait) {
                        break "No pong";
                    }
                    self.pinged.get_or_insert_with(Instant::now);
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
        let frame = CloseFrame { code, reason: reason.into() };
        let _ = tokio::time::timeout(WRITE_WAIT, self.socket.close(Some(frame))).await;
    }

    /// Writes a frame and what else is queued; `false` when the client is gone or does not read.
    async fn write(&mut self, first: Utf8Bytes) -> bool {
        let Self { socket, frames, .. } = self;
        let write = async {
            socket.feed(Message::Text(first)).await?;
            for _ in 0..BATCH_MAX {
                let Ok(frame) = frames.try_recv() else { break };
                socket.feed(Message::Text(frame)).await?;
            }
            socket.flush().await
        };
        matches!(tokio::time::timeout(WRITE_WAIT, write).await, Ok(Ok(())))
    }

    /// Counts a message of the client.
    fn is_over_rate(&mut self) -> bool {
        let Some(limit) = self.messages_1s_max else { return false };
        if self.second.elapsed() >= Duration::from_secs(1) {
            self.second = Instant::now();
            self.messages = 0;
        }
        self.messages += 1;
        self.messages > limit
    }
}
