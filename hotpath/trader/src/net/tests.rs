use std::io::{Cursor, Read, Write};
use std::time::Duration;

use proptest::prelude::*;
use tungstenite::protocol::{Role, WebSocket};

use super::frame::{CONTROL_BYTES_MAX, MESSAGE_BYTES_MAX};
use super::*;
use crate::stand_in::StandIn;

mod hostile;

/// A stream over memory for tungstenite as the other side.
struct Pipe {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.input.read(buffer)
    }
}
impl Write for Pipe {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.output.write(buffer)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn server(input: Vec<u8>) -> WebSocket<Pipe> {
    let pipe = Pipe { input: Cursor::new(input), output: Vec::new() };
    WebSocket::from_raw_socket(pipe, Role::Server, None)
}

/// Feeds `bytes` in pieces and collects the data messages.
fn read_all(inbox: &mut Inbox, bytes: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut messages = Vec::new();
    for chunk in bytes.chunks(piece.max(1)) {
        let room = inbox.room();
        assert!(room.len() >= chunk.len(), "taken messages make room");
        room[..chunk.len()].copy_from_slice(chunk);
        inbox.filled(chunk.len());
        while let Some(message) = inbox.next_message()? {
            if message == Message::Data {
                messages.push(inbox.payload().to_vec());
            }
        }
    }
    Ok(messages)
}

/// A server's frame, unmasked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        short @ 0..=125 => out.push(short as u8),
        medium @ 126..=65_535 => {
            out.push(126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_tungstenite_sends_is_read_however_it_is_cut(
        lengths in proptest::collection::vec(0usize..70_000, 1..5),
        piece in 1usize..5_000,
    ) {
        let sent: Vec<Vec<u8>> =
            lengths.iter().map(|length| (b'a'..=b'z').cycle().take(*length).collect()).collect();
        let mut other = server(Vec::new());
        for text in &sent {
            let text = String::from_utf8(text.clone()).expect("letters");
            other.send(tungstenite::Message::text(text)).expect("memory");
            other.send(tungstenite::Message::Ping(vec![7; 9].into())).expect("memory");
        }
        let bytes = other.get_ref().output.clone();
        let read = read_all(&mut Inbox::new(), &bytes, piece).expect("valid frames");
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn what_we_send_is_read_by_tungstenite(length in 0usize..70_000, seed in any::<u64>()) {
        let payload: Vec<u8> = (0..length).map(|i| b' ' + (i % 90) as u8).collect();
        let mut buffer = vec![0; HEAD_BYTES_MAX + length];
        buffer[HEAD_BYTES_MAX..].copy_from_slice(&payload);
        let mask = Masks::new(seed).next_mask();
        let bytes = frame_in_place(&mut buffer, length, Opcode::Text, mask).to_vec();
        let read = server(bytes).read().expect("a valid frame");
        prop_assert_eq!(read.into_data().to_vec(), payload);
    }

    #[test]
    fn fragments_are_joined_with_control_frames_between(
        parts in proptest::collection::vec(0usize..3_000, 2..6),
        piece in 1usize..500,
    ) {
        let mut bytes = Vec::new();
        let mut whole = Vec::new();
        for (index, length) in parts.iter().enumerate() {
            let payload = vec![b'a' + index as u8; *length];
            let opcode = if index == 0 { 1 } else { 0 };
            let fin = if index + 1 == parts.len() { 0x80 } else { 0 };
            bytes.extend(frame(fin | opcode, &payload));
            bytes.extend(frame(0x8a, b"pong"));
            whole.extend(payload);
        }
        bytes.extend(frame(0x81, b"next"));
        let read = read_all(&mut Inbox::new(), &bytes, piece).expect("valid frames");
        prop_assert_eq!(read, vec![whole, b"next".to_vec()]);
    }

    #[test]
    fn any_bytes_end_in_messages_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..4_000),
        piece in 1usize..100,
    ) {
        let _ = read_all(&mut Inbox::new(), &bytes, piece);
    }
}

#[test]
fn what_a_server_may_not_send_is_an_error() {
    let long = [0x81, 127, 0, 0, 0, 0, 0, 0x10, 0, 1]; // 1 MiB and one byte
    let cases: &[(&[u8], FrameError)] = &[
        (&[0xc1, 0], FrameError::ReservedBits),
        (&[0x83, 0], FrameError::Opcode(3)),
        (&[0x8f, 0], FrameError::Opcode(15)),
        (&[0x81, 0x80, 1, 2, 3, 4], FrameError::Masked),
        (&long, FrameError::TooLong(MESSAGE_BYTES_MAX as u64 + 1)),
        (&[0x81, 126, 0, 125], FrameError::Length),
        (&[0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255], FrameError::Length),
        (&[0x09, 0], FrameError::Control),
        (&[0x89, 126, 0, 126], FrameError::Control),
        (&[0x80, 0], FrameError::Continuation),
        (&[0x01, 1, b'a', 0x81, 1, b'b'], FrameError::Interrupted),
        (&[0x01, 1, b'a', 0x01, 1, b'b'], FrameError::Interrupted),
        (&[0x88, 1, 3], FrameError::CloseCode),
    ];
    for (bytes, error) in cases {
        assert_eq!(read_all(&mut Inbox::new(), bytes, 99), Err(*error), "{bytes:x?}");
    }
}

#[test]
fn fragments_together_keep_to_the_cap() {
    let mut inbox = Inbox::new();
    let part = vec![b'x'; MESSAGE_BYTES_MAX / 2];
    assert_eq!(read_all(&mut inbox, &frame(0x01, &part), 10_000), Ok(vec![]));
    assert_eq!(read_all(&mut inbox, &frame(0x00, &part), 10_000), Ok(vec![]));
    let over = read_all(&mut inbox, &frame(0x80, b"x"), 10_000);
    assert_eq!(over, Err(FrameError::TooLong(MESSAGE_BYTES_MAX as u64 + 1)));
}

#[test]
fn the_longest_message_is_read() {
    let text = vec![b'x'; MESSAGE_BYTES_MAX];
    let mut inbox = Inbox::new();
    for _ in 0..3 {
        let read = read_all(&mut inbox, &frame(0x81, &text), 4_096).expect("at the cap");
        assert_eq!(read, std::slice::from_ref(&text));
    }
}

#[test]
fn what_a_connection_left_unread_is_nothing_to_the_next() {
    for round in 0..100 {
        let mut left = Inbox::new();
        let torn = frame(0x81, &vec![b'x'; 50_000]);
        assert_eq!(read_all(&mut left, &torn[..torn.len() - 1], 4_096), Ok(vec![]));
        assert_eq!(read_all(&mut Inbox::new(), &frame(0x01, b"torn"), 99), Ok(vec![]));
        drop(left);
        let text = format!("message {round}").into_bytes();
        assert_eq!(read_all(&mut Inbox::new(), &frame(0x81, &text), 99), Ok(vec![text]));
    }
}

#[test]
fn masks_differ_and_zero_seeds_are_replaced() {
    let mut masks = Masks::new(0);
    let drawn: std::collections::HashSet<_> = (0..100).map(|_| masks.next_mask()).collect();
    assert_eq!(drawn.len(), 100);
}

fn dial_to(stand_in: &StandIn) -> Connection<mio::net::TcpStream> {
    let target = Target::new(&format!("{}/ws", stand_in.url)).expect("a URL");
    dial(&target, stand_in.client.clone(), Duration::from_secs(5)).expect("loopback")
}

/// Receives until a message or an error comes.
fn next(connection: &mut Connection<mio::net::TcpStream>) -> Result<Vec<u8>, LinkError> {
    for _ in 0..5_000 {
        if let Some(data) = connection.next_data()? {
            return Ok(data.to_vec());
        }
        if connection.receive()?.bytes == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    panic!("nothing came");
}

#[test]
fn frames_in_the_record_of_the_handshake_are_not_lost() {
    let stand_in = StandIn::new();
    let after = [frame(0x81, b"first"), frame(0x81, b"second")].concat();
    std::thread::scope(|scope| {
        scope.spawn(|| stand_in.accept_with(&after));
        let mut connection = dial_to(&stand_in);
        connection.take_early().expect("TLS");
        assert_eq!(connection.next_data(), Ok(Some(b"first".as_slice())));
        assert_eq!(connection.next_data(), Ok(Some(b"second".as_slice())));
        assert_eq!(connection.next_data(), Ok(None));
    });
}

#[test]
fn a_connection_answers_pings_and_says_why_it_ends() {
    let stand_in = StandIn::new();
    let close = frame(0x88, &1008u16.to_be_bytes());
    let ping = frame(0x89, &[b'p'; CONTROL_BYTES_MAX]);
    let after = [ping, frame(0x81, b"data"), close].concat();
    std::thread::scope(|scope| {
        scope.spawn(|| stand_in.accept_with(&after));
        let mut connection = dial_to(&stand_in);
        connection.take_early().expect("TLS");
        assert_eq!(next(&mut connection), Ok(b"data".to_vec()));
        assert_eq!(next(&mut connection), Err(LinkError::Closed(Some(1008))));
    });
}

#[test]
fn texts_go_both_ways_over_tls() {
    let stand_in = StandIn::new();
    std::thread::scope(|scope| {
        let accepted = scope.spawn(|| stand_in.accept());
        let mut connection = dial_to(&stand_in);
        let peer = accepted.join().expect("accepted");
        let mut buffer = vec![0; HEAD_BYTES_MAX + 100];
        for round in 0..50u8 {
            buffer[HEAD_BYTES_MAX..].fill(b'a' + round % 26);
            let sent = connection.send_text(&mut buffer, 100).expect("open");
            assert!(sent.return_tsc >= sent.call_tsc);
            let heard = peer.heard.recv_timeout(Duration::from_secs(5)).expect("heard");
            assert_eq!(heard.as_bytes(), [b'a' + round % 26; 100]);
            let answer = "x".repeat(usize::from(round) * 1_000);
            peer.say.send(answer.clone()).expect("open");
            assert_eq!(next(&mut connection), Ok(answer.into_bytes()));
        }
    });
}

#[test]
fn a_host_that_is_not_named_in_the_certificate_is_refused() {
    let stand_in = StandIn::new();
    let url = stand_in.url.replace("localhost", "127.0.0.1");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                stand_in.accept_with(b"");
            }));
        });
        let target = Target::new(&format!("{url}/ws")).expect("a URL");
        let result = dial(&target, stand_in.client.clone(), Duration::from_secs(5));
        let error = format!("{:#}", result.expect_err("another name"));
        assert!(error.contains("TLS handshake"), "{error}");
    });
}

#[test]
fn targets_are_taken_apart() {
    let cases = [
        ("wss://fstream.binance.com/public", Some(("fstream.binance.com", 443))),
        ("wss://127.0.0.1:8443", Some(("127.0.0.1", 8443))),
        ("wss://[::1]:8443/x", Some(("::1", 8443))),
        ("ws://127.0.0.1", None),
        ("wss://", None),
        ("wss://host:port", None),
    ];
    for (url, want) in cases {
        let got = Target::new(url).ok().map(|target| (target.host, target.port));
        assert_eq!(got, want.map(|(host, port)| (host.to_owned(), port)), "{url}");
    }
}
