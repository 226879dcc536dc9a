//! One WebSocket connection: the handshake, and who gets its messages.

use std::{net::IpAddr, os::fd::OwnedFd, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use crate::{
    config::Lifetimes,
    faults::{Family, Kind, active::Occasion},
    hub::{Out, Outlet, part},
    limits::Pool,
    pump::Pump,
    refusal::Refusal,
    rest::{self, Reply},
    server::{MUTE_MS, Peer, Shared},
    streams::{self, Opening, Target},
    thread::wall_ms,
    topic::Route,
    wsapi::Session,
};

/// Largest message a client may send, in bytes: far above any request, far below harm.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Weight of a WebSocket-API handshake.
const HANDSHAKE_WEIGHT: u32 = 5;

/// Whether a request wants to become a WebSocket.
pub(crate) fn is_upgrade(request: &Request<Incoming>) -> bool {
    let value = request.headers().get(header::UPGRADE);
    value.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers the handshake and starts the connection's task.
pub(crate) async fn upgrade(
    shared: &Arc<Shared>,
    mut request: Request<Incoming>,
    peer: &Peer,
) -> Option<Response<Full<Bytes>>> {
    let address = peer.address;
    let control = peer.control.clone();
    let query = request.uri().query().unwrap_or_default();
    let Some(target) = streams::target(request.uri().path(), query) else {
        return Some(rest::respond(Reply::not_found()));
    };
    if shared.gate.faults.is_down() {
        return Some(rest::refused(&Refusal::unavailable()));
    }
    let mut lifetimes = shared.config.lifetimes;
    for fault in shared.gate.faults.strike(Family::Dial, &occasion(&target), wall_ms()) {
        let ms = |usual: u64| Duration::from_millis(fault.ms.map_or(usual, i64::unsigned_abs));
        match fault.kind {
            Kind::Refuse => return None,
            Kind::Mute => {
                tokio::time::sleep(ms(MUTE_MS)).await;
                return None;
            }
            Kind::SlowHandshake => tokio::time::sleep(ms(3_000)).await,
            Kind::RefuseUpgrade => {
                return Some(rest::respond(Reply::page(fault.http.unwrap_or(503), "Error")));
            }
            _ => lifetimes.connection_ms = fault.ms.map_or(2_000, i64::unsigned_abs),
        }
    }
    if matches!(target, Target::Api { .. }) {
        let charged = shared.gate.meter.charge(Pool::WsApi, address, HANDSHAKE_WEIGHT, wall_ms());
        if let Err(refusal) = charged {
            return Some(rest::refused(&refusal));
        }
    }
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        let text = "Bad Request: no Sec-WebSocket-Key".to_owned();
        return Some(rest::json_response(StatusCode::BAD_REQUEST, text));
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgraded = hyper::upgrade::on(&mut request);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(stream) => serve(shared, stream, target, (address, control), lifetimes).await,
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
    Some(response)
}

/// A handshake, as faults see it.
fn occasion(target: &Target) -> Occasion<'static> {
    let route = match target {
        Target::Api { .. } => Route::Order,
        Target::Streams(opening) => opening.route,
    };
    Occasion { part: Some(part(route)), operation: "upgrade", ..Occasion::default() }
}

async fn serve(
    shared: Arc<Shared>,
    stream: Upgraded,
    target: Target,
    (address, control): (IpAddr, Option<Arc<OwnedFd>>),
    lifetimes: Lifetimes,
) {
    shared.gate.stats.connections.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let config = WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(64 << 10)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, Some(config)).await;
    let (queue, frames) = mpsc::channel(shared.config.queue_frames_max);
    let pump = Pump {
        socket,
        frames,
        control,
        messages_1s_max: None,
        lifetimes,
        stop: shared.stop.clone(),
    };
    match target {
        Target::Api { limits_shown } => {
            serve_api(shared, pump, queue, address, limits_shown).await;
        }
        Target::Streams(opening) => serve_streams(shared, pump, queue, opening).await,
    }
}

async fn serve_api(
    shared: Arc<Shared>,
    pump: Pump,
    queue: mpsc::Sender<Out>,
    address: IpAddr,
    limits_shown: bool,
) {
    let connected =
        shared.core.call(move |core| core.hub.connect(Outlet::Queue(queue), Route::Order, false));
    let Ok(id) = connected.await else { return };
    let mut session = Session::new(Arc::clone(&shared.gate), address, limits_shown, wall_ms());
    let core = shared.core.clone();
    pump.run(|text| {
        let job = session.request(&text, wall_ms());
        if core.send(move |core| job.run(core, id)).is_err() {
            log::warn!("a request found the core overloaded");
        }
    })
    .await;
    let _ = shared.core.send(move |core| core.hub.disconnect(id));
}

async fn serve_streams(
    shared: Arc<Shared>,
    pump: Pump,
    queue: mpsc::Sender<Out>,
    opening: Opening,
) {
    let route = opening.route;
    let connected =
        shared.core.call(move |core| streams::open(core, Outlet::Queue(queue), opening));
    let Ok(id) = connected.await else { return };
    let core = shared.core.clone();
    let messages_1s_max = Some(shared.config.limits.messages_1s_max);
    let pump = Pump { messages_1s_max, ..pump };
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
