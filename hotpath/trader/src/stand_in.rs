//! For tests: a TLS server on loopback that speaks as the venue as far as a test tells it to.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ServerConfig, ServerConnection, StreamOwned};
use tungstenite::{Message, WebSocket};

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// One accepted connection: what the test says is sent, what the client says is heard.
pub(crate) struct Peer {
    /// Texts to send.
    pub(crate) say: Sender<String>,
    /// Texts received.
    pub(crate) heard: Receiver<String>,
}

/// A listener with a certificate of its own.
pub(crate) struct StandIn {
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    /// Settings that trust it.
    pub(crate) client: Arc<ClientConfig>,
    /// `wss://localhost:PORT`
    pub(crate) url: String,
}

impl StandIn {
    pub(crate) fn new() -> Self {
        Self::with_certificate(|_| {})
    }

    /// With a certificate that `change` changes.
    pub(crate) fn with_certificate(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Self {
        let mut params =
            rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        change(&mut params);
        let key_pair = rcgen::KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key_pair).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key_pair.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("own certificate");
        let dir = tempfile::tempdir().expect("temp dir");
        let pem = dir.path().join("ca.pem");
        std::fs::write(&pem, cert.pem()).expect("temp dir");
        let client = crate::net::tls::client_config(Some(&pem)).expect("own certificate");
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let url = format!("wss://localhost:{port}");
        Self { listener, tls: Arc::new(tls), client, url }
    }

    /// Takes the next TCP connection and does TLS, no more.
    fn accept_tls(&self) -> Stream {
        let (socket, _) = self.listener.accept().expect("a client");
        socket.set_nodelay(true).expect("loopback");
        let session = ServerConnection::new(Arc::clone(&self.tls)).expect("settings");
        StreamOwned::new(session, socket)
    }

    /// Takes the next connection through the WebSocket handshake, on a thread of its own.
    pub(crate) fn accept(&self) -> Peer {
        let stream = self.accept_tls();
        let (say, to_say) = channel();
        let (hear, heard) = channel();
        std::thread::spawn(move || {
            let mut socket = tungstenite::accept(stream).expect("WebSocket handshake");
            let timeout = Some(Duration::from_millis(1));
            socket.get_ref().sock.set_read_timeout(timeout).expect("loopback");
            serve(&mut socket, &to_say, &hear);
        });
        Peer { say, heard }
    }

    /// Takes the next TCP connection, no more.
    pub(crate) fn accept_tcp(&self) -> TcpStream {
        self.listener.accept().expect("a client").0
    }

    /// Answers the upgrade with the HTTP head and `after` in one TLS record.
    pub(crate) fn accept_with(&self, after: &[u8]) {
        let mut stream = self.accept_tls();
        let mut answer = upgrade(&mut stream);
        answer.extend_from_slice(after);
        stream.write_all(&answer).expect("the client listens");
        stream.flush().expect("the client listens");
        // Kept open until the client leaves.
        let _ = stream.read(&mut [0]);
    }

    /// Answers the upgrade with the HTTP head and `after`, of which only the first `bytes` leave
    /// before the connection ends: by a reset, or without a word.
    pub(crate) fn accept_cut(&self, after: &[u8], bytes: usize, is_reset: bool) {
        let mut stream = self.accept_tls();
        let mut answer = upgrade(&mut stream);
        answer.extend_from_slice(after);
        answer.truncate(bytes);
        let _ = stream.write_all(&answer);
        let _ = stream.flush();
        if is_reset {
            let socket =
                rustix::net::sockopt::set_socket_linger(&stream.sock, Some(Duration::ZERO));
            socket.expect("loopback");
        }
    }

    /// Answers the upgrade, then neither reads nor writes nor closes until `is_over`.
    pub(crate) fn accept_deaf(&self, is_over: &AtomicBool) {
        let mut stream = self.accept_tls();
        let answer = upgrade(&mut stream);
        stream.write_all(&answer).expect("the client listens");
        stream.flush().expect("the client listens");
        while !is_over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Answers the upgrade, then writes what `more` gives until the client leaves.
    pub(crate) fn accept_endless(&self, mut more: impl FnMut() -> Vec<u8>) {
        let mut stream = self.accept_tls();
        let mut bytes = upgrade(&mut stream);
        while stream.write_all(&bytes).and_then(|()| stream.flush()).is_ok() {
            bytes = more();
        }
    }
}

/// Length of the HTTP head [`upgrade`] answers with.
pub(crate) const UPGRADE_BYTES: usize = 129;

/// Reads the request and makes the HTTP head that accepts it.
fn upgrade(stream: &mut Stream) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a request");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let key = head
        .lines()
        .find(|line| line.to_lowercase().starts_with("sec-websocket-key:"))
        .and_then(|line| line.split(": ").nth(1))
        .expect("a key");
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    assert_eq!(answer.len(), UPGRADE_BYTES);
    answer.into_bytes()
}

fn serve(socket: &mut WebSocket<Stream>, to_say: &Receiver<String>, hear: &Sender<String>) {
    loop {
        loop {
            match to_say.try_recv() {
                Ok(text) => {
                    if socket.send(Message::text(text)).is_err() {
                        return;
                    }
                }
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            }
        }
        match socket.read() {
            Ok(Message::Text(text)) => {
                if hear.send(text.to_string()).is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}
