//! A client of the venue: REST by ureq and WebSockets by tungstenite, over TLS with the venue's CA.

use std::{
    net::TcpStream,
    sync::{Arc, Once},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::Engine;
use ring::{hmac, signature::Ed25519KeyPair};
use rustls::{ClientConnection, StreamOwned, pki_types::CertificateDer};
use serde_json::Value;
use tungstenite::{Message, WebSocket};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use venue::{Handle, VenueConfig};

/// Longest wait for a frame that must come; only a broken venue makes a test wait so long.
const FRAME_WAIT: Duration = Duration::from_secs(20);

/// A running venue and a REST client that trusts it.
pub(crate) struct Client {
    pub(crate) venue: Handle,
    pub(crate) agent: ureq::Agent,
}

/// Status, body and headers of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) text: String,
    pub(crate) headers: ureq::http::HeaderMap,
}

impl Answer {
    pub(crate) fn code(&self) -> i64 {
        self.body["code"].as_i64().unwrap_or(0)
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

/// Starts a venue on free ports with a seeded market.
pub(crate) fn start() -> Client {
    start_with(|_| {})
}

/// Starts a venue whose configuration is changed first.
pub(crate) fn start_with(change: impl FnOnce(&mut VenueConfig)) -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let mut config = VenueConfig { seed: 7, ..VenueConfig::default() };
    change(&mut config);
    let venue = venue::spawn(config).expect("the venue starts");
    let authority = Certificate::from_pem(venue.ca_pem.as_bytes()).expect("a certificate");
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[authority])).build();
    let agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_global(Some(FRAME_WAIT))
        .build()
        .new_agent();
    Client { venue, agent }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let text = response.body_mut().read_to_string().expect("a text");
    Answer {
        status: response.status().as_u16(),
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
        text,
        headers: response.headers().clone(),
    }
}

impl Client {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, None)
    }

    /// A request as it stands, with an API key if given.
    pub(crate) fn request(&self, method: &str, path: &str, api_key: Option<&str>) -> Answer {
        self.send(&self.venue.rest_url, method, path, api_key)
    }

    pub(crate) fn plain(&self, path: &str) -> Answer {
        self.send(&self.venue.plain_rest_url, "GET", path, None)
    }

    /// Posts JSON to the plain port.
    pub(crate) fn post_plain(&self, path: &str, body: &Value) -> Answer {
        let request = ureq::http::Request::builder()
            .method("POST")
            .uri(format!("{}{path}", self.venue.plain_rest_url))
            .body(body.to_string())
            .expect("a request");
        answer(self.agent.run(request).expect("an answer"))
    }

    /// A signed limit buy of 0.002 BTCUSDT as the WebSocket API takes it.
    pub(crate) fn placement(&self, id: &str, price: &str) -> Value {
        let (key, time) = (self.api_key(), now_ms());
        let payload = format!(
            "apiKey={key}&newClientOrderId={id}&price={price}&quantity=0.002&side=BUY\
             &symbol=BTCUSDT&timeInForce=GTC&timestamp={time}&type=LIMIT"
        );
        let params = serde_json::json!({"apiKey": key, "newClientOrderId": id, "price": price,
            "quantity": "0.002", "side": "BUY", "symbol": "BTCUSDT", "timeInForce": "GTC",
            "timestamp": time, "type": "LIMIT", "signature": self.hmac(&payload)});
        serde_json::json!({"id": id, "method": "order.place", "params": params})
    }

    fn send(&self, base: &str, method: &str, path: &str, api_key: Option<&str>) -> Answer {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{base}{path}"));
        if let Some(key) = api_key {
            request = request.header("X-MBX-APIKEY", key);
        }
        let request = request.body(()).expect("a request");
        let agent = &self.agent;
        answer(agent.run(request).expect("an answer"))
    }

    /// A request signed by HMAC, everything in the query.
    pub(crate) fn signed(&self, method: &str, path: &str, params: &str) -> Answer {
        let separator = if params.is_empty() { "" } else { "&" };
        let query = format!("{params}{separator}timestamp={}", now_ms());
        let query = format!("{query}&signature={}", self.hmac(&query));
        self.request(method, &format!("{path}?{query}"), Some(self.api_key()))
    }

    pub(crate) fn api_key(&self) -> &str {
        &self.venue.credentials().api_key
    }

    pub(crate) fn hmac(&self, payload: &str) -> String {
        let secret = self.venue.credentials().api_secret.as_bytes();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, payload.as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn ed25519(&self, payload: &str) -> String {
        let engine = base64::engine::general_purpose::STANDARD;
        let pem = &self.venue.credentials().ed25519_pem;
        let body: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
        let der = engine.decode(body).expect("base64");
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).expect("a key");
        engine.encode(pair.sign(payload.as_bytes()))
    }

    fn tls(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let address = self.venue.stream_url.strip_prefix("wss://").expect("a TLS URL");
        let mut roots = rustls::RootCertStore::empty();
        let pem = self.venue.ca_pem.as_bytes();
        let body: String = core::str::from_utf8(pem)
            .expect("text")
            .lines()
            .filter(|line| !line.starts_with("--"))
            .collect();
        let der = base64::engine::general_purpose::STANDARD.decode(body).expect("base64");
        roots.add(CertificateDer::from(der)).expect("an authority");
        let config =
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = "127.0.0.1".try_into().expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(FRAME_WAIT)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        StreamOwned::new(tls, stream)
    }

    /// A TLS handshake and no more.
    pub(crate) fn handshake(&self) -> std::io::Result<()> {
        let mut tls = self.tls();
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        Ok(())
    }

    /// Opens `wss://…{path}` if the venue lets it.
    pub(crate) fn try_open(&self, path: &str) -> Option<Socket> {
        let url = format!("{}{path}", self.venue.stream_url);
        let (socket, _) = tungstenite::client(url, self.tls()).ok()?;
        Some(Socket(socket))
    }

    /// Opens `wss://…{path}`.
    pub(crate) fn open(&self, path: &str) -> Socket {
        self.try_open(path).expect("a handshake")
    }

    /// Opens the user stream of the default account.
    pub(crate) fn open_user(&self) -> Socket {
        let key = self.listen_key();
        let mut socket = self.open(&format!("/private/ws/{key}"));
        socket.settle();
        socket
    }

    pub(crate) fn listen_key(&self) -> String {
        let answer = self.request("POST", "/fapi/v1/listenKey", Some(self.api_key()));
        answer.body["listenKey"].as_str().expect("a listen key").to_owned()
    }

    /// Best bid and ask.
    pub(crate) fn touch(&self, symbol: &str) -> (f64, f64) {
        let answer = self.get(&format!("/fapi/v1/ticker/bookTicker?symbol={symbol}"));
        (number(&answer.body["bidPrice"]), number(&answer.body["askPrice"]))
    }
}

/// A decimal text as a number, for choosing prices and comparing sizes.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

/// A WebSocket of the client.
pub(crate) struct Socket(WebSocket<StreamOwned<ClientConnection, TcpStream>>);

impl Socket {
    pub(crate) fn send(&mut self, value: &Value) {
        self.0.send(Message::text(value.to_string())).expect("sent");
    }

    /// The next text frame; `None` when the venue has closed.
    pub(crate) fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => {
                    return Some(serde_json::from_str(&text).expect("a JSON frame"));
                }
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::WouldBlock =>
                {
                    panic!("no frame came within {FRAME_WAIT:?}");
                }
                Err(_) => return None,
            }
        }
    }

    /// The first text that `wanted` accepts, JSON or not.
    pub(crate) fn until_text(&mut self, wanted: impl Fn(&str) -> bool) {
        loop {
            match self.0.read().expect("a frame") {
                Message::Text(text) if wanted(&text) => return,
                _ => {}
            }
        }
    }

    /// Reads on, whatever comes, until it cannot be read or is far more than noise.
    pub(crate) fn until_error(&mut self) {
        self.0.get_mut().sock.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
        while self.0.read().is_ok() {}
    }

    /// The next frame, which must come.
    pub(crate) fn frame(&mut self) -> Value {
        self.next().expect("the venue closed the connection")
    }

    /// The first frame that `wanted` accepts; the ones before it are dropped.
    pub(crate) fn until(&mut self, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let frame = self.frame();
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// Sends a request and waits for its answer; data in between is dropped.
    pub(crate) fn ask(&mut self, request: &Value) -> Value {
        self.send(request);
        let id = request["id"].clone();
        self.until(|frame| frame["id"] == id)
    }

    /// Waits until the venue has taken in all that was asked before, the path included.
    pub(crate) fn settle(&mut self) -> Value {
        self.ask(&serde_json::json!({"method": "LIST_SUBSCRIPTIONS", "id": "settle"}))
    }

    /// Reads bytes and answers nothing, no ping either, until the venue hangs up.
    pub(crate) fn read_mutely(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // An end without a TLS close is an end too.
        let _ = std::io::Read::read_to_end(self.0.get_mut(), &mut bytes);
        bytes
    }
}
