//! Connecting and the opening handshake, on the cold thread, with blocking I/O and time limits.
//!
//! The handshake is tungstenite's. It reads ahead, and what it would read past the end of the HTTP
//! head belongs to the hot thread; so [`HeadOnly`] takes the head byte by byte and hands it over in
//! one piece (handed over byte by byte, tungstenite calls it an attack). Whatever came in the same
//! TLS record stays inside rustls, and [`Connection::take_early`] finds it there.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use tungstenite::client::IntoClientRequest as _;

use super::Connection;

/// Where to connect: `wss://host[:port]/path?query`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The whole URL.
    pub url: String,
}

impl Target {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// If it is not `wss://` or names no host.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("wss://").context("not a wss:// URL")?;
        let authority = rest.split('/').next().unwrap_or("");
        let host = crate::config::host_of(authority).to_owned();
        ensure!(!host.is_empty(), "the URL names no host");
        let after_v6 = authority.rsplit(']').next().unwrap_or(authority);
        let port = match after_v6.rsplit_once(':') {
            Some((_, port)) => port.parse().context("bad port")?,
            None => 443,
        };
        Ok(Self { host, port, url: url.to_owned() })
    }
}

/// Longest HTTP head accepted from the venue.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A stream whose reader gets the HTTP head and not a byte more.
pub struct HeadOnly<S> {
    stream: S,
    head: Vec<u8>,
    given: usize,
}

impl<S> HeadOnly<S> {
    /// Wraps a stream on which the answer to an upgrade will arrive.
    pub fn new(stream: S) -> Self {
        Self { stream, head: Vec::new(), given: 0 }
    }
}

impl<S: Read> Read for HeadOnly<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.head.ends_with(b"\r\n\r\n") {
            if self.head.len() == HEAD_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "HTTP head over 16 KiB"));
            }
            let mut byte = [0];
            if self.stream.read(&mut byte)? == 0 {
                break; // cut off: the reader sees what there is, then the end
            }
            self.head.push(byte[0]);
        }
        let left = &self.head[self.given..];
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.given += count;
        Ok(count)
    }
}

impl<S: Write> Write for HeadOnly<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A socket whose every call ends by one deadline: one that drips bytes cannot draw it out.
struct Timed {
    socket: TcpStream,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "timed out"));
        }
        Ok(Some(left))
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(buffer)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Connects, shakes hands, and returns the connection non-blocking, ready for the hot thread.
///
/// # Errors
/// If any step fails or `timeout` passes; says which.
pub fn dial(
    target: &Target,
    tls: Arc<ClientConfig>,
    timeout: Duration,
) -> anyhow::Result<Connection<mio::net::TcpStream>> {
    let deadline = Instant::now() + timeout;
    let socket = connect(target, deadline)?;
    socket.set_nodelay(true).context("TCP_NODELAY")?;
    let mut socket = Timed { socket, deadline };
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| anyhow!("{} is not a host name", target.host))?;
    let mut session = ClientConnection::new(tls, name).context("TLS settings")?;
    while session.is_handshaking() {
        session
            .complete_io(&mut socket)
            .with_context(|| format!("TLS handshake with {}:{}", target.host, target.port))?;
    }
    upgrade(target, &mut session, &mut socket)?;
    let Timed { socket, .. } = socket;
    socket.set_nonblocking(true).context("O_NONBLOCK")?;
    Ok(Connection::new(mio::net::TcpStream::from_std(socket), session))
}

fn connect(target: &Target, deadline: Instant) -> anyhow::Result<TcpStream> {
    let addresses = (target.host.as_str(), target.port)
        .to_socket_addrs()
        .with_context(|| format!("cannot resolve {}", target.host))?;
    let mut last = None;
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => {
            Err(error).with_context(|| format!("cannot connect to {}:{}", target.host, target.port))
        }
        None => bail!("no address of {} answered in time", target.host),
    }
}

fn upgrade(
    target: &Target,
    session: &mut ClientConnection,
    socket: &mut Timed,
) -> anyhow::Result<()> {
    let request = target.url.as_str().into_client_request().context("bad URL")?;
    let stream = HeadOnly::new(rustls::Stream::new(session, socket));
    match tungstenite::client::client(request, stream) {
        Ok(_) => Ok(()),
        Err(tungstenite::HandshakeError::Failure(error)) => {
            Err(anyhow!("WebSocket handshake: {error}"))
        }
        Err(tungstenite::HandshakeError::Interrupted(_)) => {
            bail!("WebSocket handshake: timed out")
        }
    }
}
