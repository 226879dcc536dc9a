//! Servers that break off, lie, flood or dawdle (RELIABILITY F01, F09, F10, F15).

use std::net::TcpListener;

use super::*;
use crate::net::frame::FRAGMENTS_MAX;
use crate::stand_in::UPGRADE_BYTES;

/// Dials a stand-in while `serve` plays it.
fn against<T>(
    stand_in: &StandIn,
    timeout: Duration,
    serve: impl FnOnce() + Send,
    client: impl FnOnce(anyhow::Result<Connection<mio::net::TcpStream>>) -> T,
) -> T {
    let target = Target::new(&format!("{}/ws", stand_in.url)).expect("a URL");
    std::thread::scope(|scope| {
        scope.spawn(serve);
        client(dial(&target, stand_in.client.clone(), timeout))
    })
}

/// All messages until the connection ends, and how it ends.
fn all(connection: &mut Connection<mio::net::TcpStream>) -> (Vec<Vec<u8>>, LinkError) {
    let mut messages = Vec::new();
    if let Err(error) = connection.take_early() {
        return (messages, error);
    }
    loop {
        match next(connection) {
            Ok(message) => messages.push(message),
            Err(error) => return (messages, error),
        }
    }
}

#[test]
fn f01_a_connection_that_ends_after_any_byte_ends_after_the_whole_messages_before_it() {
    let stand_in = StandIn::new();
    let (first, second) = (frame(0x81, b"first"), frame(0x81, &[b'x'; 130]));
    let whole = first.len() + second.len();
    let after = [first.clone(), second].concat();
    for bytes in 0..=whole {
        let is_reset = bytes % 2 == 0;
        let cut = UPGRADE_BYTES + bytes;
        let serve = || stand_in.accept_cut(&after, cut, is_reset);
        against(&stand_in, Duration::from_secs(5), serve, |dialled| {
            // A reset may overtake what was sent before it, even the answer to the upgrade.
            let Ok(mut connection) = dialled else { return assert!(is_reset) };
            let (messages, error) = all(&mut connection);
            assert!(matches!(error, LinkError::Closed(None) | LinkError::Socket(_)), "{error}");
            let want = usize::from(bytes >= first.len()) + usize::from(bytes == whole);
            assert!(messages.len() == want || is_reset && messages.len() < want, "byte {bytes}");
        });
    }
}

#[test]
fn f01_an_upgrade_that_breaks_off_after_any_byte_is_an_error() {
    let stand_in = StandIn::new();
    for bytes in 0..UPGRADE_BYTES {
        let serve = || stand_in.accept_cut(b"", bytes, bytes % 2 == 0);
        let is_error = against(&stand_in, Duration::from_secs(5), serve, |d| d.is_err());
        assert!(is_error, "cut at {bytes}");
    }
}

#[test]
fn f09_frames_no_server_may_send_end_the_connection() {
    let stand_in = StandIn::new();
    let cases = [
        (frame(0xc1, b"x"), FrameError::ReservedBits),
        (frame(0x83, b"x"), FrameError::Opcode(3)),
        (vec![0x81, 0x81, 1, 2, 3, 4, b'x'], FrameError::Masked),
        (frame(0x80, b"x"), FrameError::Continuation),
    ];
    for (bytes, want) in cases {
        let after = [frame(0x81, b"before"), bytes].concat();
        let serve = || stand_in.accept_with(&after);
        let (messages, error) = against(&stand_in, Duration::from_secs(5), serve, |dialled| {
            all(&mut dialled.expect("loopback"))
        });
        assert_eq!((messages.len(), error), (1, LinkError::Frame(want)));
    }
}

#[test]
fn f10_a_frame_of_17_mib_is_refused_by_its_head() {
    let stand_in = StandIn::new();
    let mut head = vec![0x81, 127];
    head.extend((17u64 << 20).to_be_bytes());
    let serve = || stand_in.accept_with(&head);
    let (_, error) = against(&stand_in, Duration::from_secs(5), serve, |dialled| {
        all(&mut dialled.expect("loopback"))
    });
    assert_eq!(error, LinkError::Frame(FrameError::TooLong(17 << 20)));
}

#[test]
fn f10_endless_fragments_are_refused_though_they_are_empty() {
    let stand_in = StandIn::new();
    let mut is_first = true;
    let more = || {
        let opcode = u8::from(std::mem::take(&mut is_first));
        frame(opcode, b"").repeat(if opcode == 1 { 1 } else { 500 })
    };
    let serve = || stand_in.accept_endless(more);
    let (messages, error) = against(&stand_in, Duration::from_secs(5), serve, |dialled| {
        all(&mut dialled.expect("loopback"))
    });
    assert_eq!((messages.len(), error), (0, LinkError::Frame(FrameError::Endless)));
    let mut inbox = Inbox::new();
    let allowed = [frame(0x01, b"a"), frame(0x00, b"").repeat(FRAGMENTS_MAX as usize - 2)];
    let whole = [allowed.concat(), frame(0x80, b"b")].concat();
    assert_eq!(read_all(&mut inbox, &whole, 4_096), Ok(vec![b"ab".to_vec()]));
}

#[test]
fn f15_an_expired_certificate_is_refused() {
    let stand_in = StandIn::with_certificate(|params| {
        params.not_before = rcgen::date_time_ymd(2_001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2_002, 1, 1);
    });
    let serve = || {
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            stand_in.accept_with(b"");
        }));
    };
    let error = against(&stand_in, Duration::from_secs(5), serve, |dialled| {
        format!("{:#}", dialled.expect_err("expired"))
    });
    assert!(error.to_lowercase().contains("expired"), "{error}");
}

#[test]
fn f15_a_certificate_of_another_authority_is_refused() {
    let stand_in = StandIn::new();
    let other = StandIn::new();
    let target = Target::new(&format!("{}/ws", stand_in.url)).expect("a URL");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                stand_in.accept_with(b"");
            }));
        });
        let dialled = dial(&target, other.client.clone(), Duration::from_secs(5));
        let error = format!("{:#}", dialled.expect_err("not trusted"));
        assert!(error.contains("TLS handshake"), "{error}");
    });
}

#[test]
fn f15_a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let stand_in = StandIn::new();
    let serve = || {
        let mut socket = stand_in.accept_tcp();
        let _ = socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        let mut heard = Vec::new();
        let _ = socket.read_to_end(&mut heard);
        // A TLS record, and nothing a plain-text server could read.
        assert_eq!(heard[0], 0x16, "a handshake record");
        assert!(!heard.windows(4).any(|bytes| bytes == b"GET "));
    };
    let is_error = against(&stand_in, Duration::from_secs(5), serve, |dialled| dialled.is_err());
    assert!(is_error);
}

#[test]
fn f15_a_handshake_that_drips_byte_by_byte_ends_at_the_limit() {
    let stand_in = StandIn::new();
    let serve = || {
        // A record header that announces bytes, of which one comes every 50 ms.
        let mut socket = stand_in.accept_tcp();
        let mut bytes = [0x16, 3, 3, 0x40, 0].into_iter().chain(std::iter::repeat(0));
        while let Some(byte) = bytes.next()
            && socket.write_all(&[byte]).is_ok()
        {
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let error = against(&stand_in, Duration::from_millis(400), serve, |dialled| {
        format!("{:#}", dialled.expect_err("too slow"))
    });
    assert!(error.contains("timed out") || error.contains("unavailable"), "{error}");
}

#[test]
fn f15_a_host_that_does_not_exist_or_does_not_listen_is_an_error() {
    let stand_in = StandIn::new();
    let unused = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = unused.local_addr().expect("bound").port();
    drop(unused);
    // The empty label fails in the resolver, before any name server is asked.
    for url in ["wss://no..such.host/ws".to_owned(), format!("wss://localhost:{port}/ws")] {
        let target = Target::new(&url).expect("a URL");
        assert!(dial(&target, stand_in.client.clone(), Duration::from_secs(5)).is_err(), "{url}");
    }
}
