//! Blocking and spinning TLS over TCP, the same for the server and both Rust peers.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

/// The bench's certificate authority: its certificate as PEM, and a server for 127.0.0.1.
pub(crate) struct Authority {
    pub(crate) pem: String,
    pub(crate) server: Arc<ServerConfig>,
}

/// Makes a self-signed certificate that is its own authority.
pub(crate) fn authority() -> Result<Authority> {
    let mut ca = rcgen::CertificateParams::new(Vec::new())?;
    // Two names: OpenSSL takes a certificate whose issuer is its own subject for self-signed.
    ca.distinguished_name.push(rcgen::DnType::CommonName, "wire bench authority");
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate()?;
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let key = rcgen::KeyPair::generate()?;
    let mut server = rcgen::CertificateParams::new(names)?;
    server.distinguished_name.push(rcgen::DnType::CommonName, "wire bench exchange");
    let certificate = server.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(Authority { pem: ca_certificate.pem(), server: Arc::new(server) })
}

/// A client configuration that trusts one authority.
pub(crate) fn client_config(ca_pem: &str) -> Result<Arc<ClientConfig>> {
    use rustls::pki_types::pem::PemObject;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).context("the CA file")?)?;
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// One end of a TLS connection over a non-blocking socket, spun on.
pub(crate) struct Spin<C> {
    pub(crate) socket: TcpStream,
    pub(crate) tls: C,
}

macro_rules! spin {
    ($connection:ty) => {
        impl Spin<$connection> {
            /// Reads what the socket has, once; `false` if it has nothing.
            pub(crate) fn fill(&mut self) -> Result<bool> {
                match self.tls.read_tls(&mut self.socket) {
                    Ok(0) => bail!("the other side closed the connection"),
                    Ok(_) => Ok(true),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
            /// Opens what was read and appends it to `out`.
            pub(crate) fn open(&mut self, out: &mut Vec<u8>) -> Result<()> {
                self.tls.process_new_packets()?;
                let mut chunk = [0u8; 16 * 1024];
                loop {
                    match self.tls.reader().read(&mut chunk) {
                        Ok(0) => bail!("the other side closed the connection"),
                        Ok(count) => out.extend_from_slice(&chunk[..count]),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error.into()),
                    }
                }
                if self.tls.wants_write() {
                    self.flush()?;
                }
                Ok(())
            }
            /// Seals `bytes`; they leave with [`Self::flush`].
            pub(crate) fn seal(&mut self, bytes: &[u8]) -> Result<()> {
                self.tls.writer().write_all(bytes)?;
                Ok(())
            }
            /// Writes everything sealed.
            pub(crate) fn flush(&mut self) -> Result<()> {
                while self.tls.wants_write() {
                    match self.tls.write_tls(&mut self.socket) {
                        Ok(_) => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(())
            }
        }
    };
}
spin!(ClientConnection);
spin!(ServerConnection);

/// Connects, blocking through the handshake.
pub(crate) fn connect(config: &Arc<ClientConfig>, port: u16) -> Result<Spin<ClientConnection>> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_nodelay(true)?;
    let name = ServerName::try_from("127.0.0.1").context("a fixed name")?;
    let mut tls = ClientConnection::new(config.clone(), name)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    Ok(Spin { socket, tls })
}

/// Accepts, blocking through the handshake.
pub(crate) fn accept(
    config: &Arc<ServerConfig>,
    mut socket: TcpStream,
) -> Result<Spin<ServerConnection>> {
    socket.set_nonblocking(false)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(std::time::Duration::from_secs(5)))?;
    let mut tls = ServerConnection::new(config.clone())?;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    socket.set_nonblocking(true)?;
    Ok(Spin { socket, tls })
}
