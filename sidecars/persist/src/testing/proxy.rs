//! A proxy before PostgreSQL whose connections break at the worst moment.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Stands before PostgreSQL and loses the answer to some commits: the server did them.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    cuts: Arc<AtomicU64>,
}

/// Every so many commits the answer is lost.
const CUT_EVERY: u64 = 3;

impl Proxy {
    /// Listens, and passes everything on to the server's port on loopback.
    ///
    /// # Panics
    /// If loopback has no free port.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let cuts = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&cuts);
        std::thread::spawn(move || {
            let commits = Arc::new(AtomicU64::new(0));
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                let (cuts, commits) = (Arc::clone(&counted), Arc::clone(&commits));
                std::thread::spawn(move || pass(client, server, &cuts, &commits));
            }
        });
        Self { port, cuts }
    }

    /// Port to connect to instead of the server's.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many answers were lost.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }
}

fn pass(client: TcpStream, server: TcpStream, cuts: &AtomicU64, commits: &AtomicU64) {
    let (mut from_client, mut to_client) = (client.try_clone().expect("a handle"), client);
    let (mut from_server, mut to_server) = (server.try_clone().expect("a handle"), server);
    let answers = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count) = from_client.read(&mut bytes) {
        if count == 0 {
            break;
        }
        let is_commit = bytes[..count].windows(7).any(|part| part == b"COMMIT\0");
        let number = commits.fetch_add(u64::from(is_commit), Ordering::Relaxed) + 1;
        if is_commit && number.is_multiple_of(CUT_EVERY) {
            // No answer reaches the client any more; the server gets the whole message.
            let _ = from_client.shutdown(Shutdown::Write);
            let _ = to_server.write_all(&bytes[..count]);
            std::thread::sleep(Duration::from_millis(20));
            let _ = from_client.shutdown(Shutdown::Both);
            cuts.fetch_add(1, Ordering::Relaxed);
            break;
        }
        if to_server.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to_server.shutdown(Shutdown::Both);
    let _ = answers.join();
}
