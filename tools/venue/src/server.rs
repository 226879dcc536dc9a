//! Listeners and the way of a request: WebSocket upgrade, admin, REST.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    admin,
    config::VenueConfig,
    faults::{Family, Kind, active::Occasion},
    gate::Gate,
    refusal::Refusal,
    rest::{self, Call},
    socket,
    thread::{CoreHandle, wall_ms},
    tls::Authority,
};

/// Largest form body in bytes.
const BODY_BYTES_MAX: usize = 256 << 10;
/// Longest TLS handshake and longest wait for a request's head.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// How long a connection is mute that nobody limits, in milliseconds.
pub(crate) const MUTE_MS: u64 = 3_600_000;

/// What all connections share.
pub(crate) struct Shared {
    /// The exchange's thread.
    pub(crate) core: CoreHandle,
    /// Keys, limits, counters.
    pub(crate) gate: Arc<Gate>,
    /// Certificates, good and bad.
    pub(crate) authority: Authority,
    /// As configured.
    pub(crate) config: VenueConfig,
    /// Turns true when the venue stops.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Whom a connection comes from, and how to reach its TCP socket.
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: IpAddr,
    /// A second handle of the socket, for what cannot be done through the stream.
    pub(crate) control: Option<Arc<OwnedFd>>,
    /// Whether it may use `/shrike/*`.
    is_plain: bool,
}

/// Accepts connections until the venue stops; without `tls` they are plain and may use `/shrike/*`.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut stop = shared.stop.clone();
    let mut number = 0;
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = stop.changed() => return,
        };
        tokio::spawn(connection(Arc::clone(&shared), stream, peer, number, tls.clone()));
        number += 1;
    }
}

async fn connection(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    number: u64,
    tls: Option<TlsAcceptor>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("no TCP_NODELAY: {error}");
    }
    let control = stream.as_fd().try_clone_to_owned().ok().map(Arc::new);
    let peer = Peer { address: peer.ip(), control, is_plain: tls.is_none() };
    let Some(tls) = tls else { return serve(shared, stream, peer).await };
    let Some(tls) = misbehave(&shared, number, tls).await else { return };
    match tokio::time::timeout(HANDSHAKE_WAIT, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve(shared, stream, peer).await,
        Ok(Err(error)) => log::debug!("TLS handshake with {}: {error}", peer.address),
        Err(_) => log::debug!("TLS handshake with {} took too long", peer.address),
    }
}

/// Faults of a new connection; `None` ends it.
async fn misbehave(shared: &Shared, number: u64, tls: TlsAcceptor) -> Option<TlsAcceptor> {
    let at = Occasion { operation: "accept", connection: Some(number), ..Occasion::default() };
    let mut acceptor = tls;
    for fault in shared.gate.faults.strike(Family::Dial, &at, wall_ms()) {
        let ms = |usual: u64| Duration::from_millis(fault.ms.map_or(usual, i64::unsigned_abs));
        match fault.kind {
            Kind::Refuse => return None,
            Kind::Mute => {
                tokio::time::sleep(ms(MUTE_MS)).await;
                return None;
            }
            Kind::SlowHandshake => tokio::time::sleep(ms(3_000)).await,
            Kind::BadCertificate => match shared.authority.flawed(fault.value.as_deref()) {
                Ok(config) => acceptor = TlsAcceptor::from(config),
                Err(error) => log::warn!("no bad certificate: {error:#}"),
            },
            _ => {}
        }
    }
    Some(acceptor)
}

async fn serve<S>(shared: Arc<Shared>, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stop = shared.stop.clone();
    let address = peer.address;
    let peer = Arc::new(peer);
    let service = service_fn(move |request| {
        let (shared, peer) = (Arc::clone(&shared), Arc::clone(&peer));
        async move {
            let response = respond(&shared, request, &peer).await;
            response.ok_or_else(|| std::io::Error::other("ended by a fault"))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        served = connection => if let Err(error) = served {
            log::debug!("connection of {address}: {error}");
        },
        _ = stop.changed() => {}
    }
}

async fn respond(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    peer: &Peer,
) -> Option<Response<Full<Bytes>>> {
    if socket::is_upgrade(&request) {
        return socket::upgrade(shared, request, peer).await;
    }
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    let is_admin = peer.is_plain && path.starts_with("/shrike/");
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Some(rest::refused(&Refusal::bad(-1101, "Too many parameters."))),
    };
    let Ok(body) = core::str::from_utf8(&body) else {
        let text = "Illegal characters found in a parameter.";
        return Some(rest::refused(&Refusal::bad(-1100, text)));
    };
    if is_admin {
        return Some(admin::answer(shared, &head.method, path, query, body).await);
    }
    let api_key = head.headers.get("x-mbx-apikey").and_then(|value| value.to_str().ok());
    let call = Call { method: &head.method, path, query, body, api_key, address: peer.address };
    rest::answer(shared, &call).await
}
