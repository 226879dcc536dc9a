//! WebSocket frames as they come from the socket, in pieces of any size.

use trader::net::{Inbox, Message};

/// Bytes of one read from the venue at most; the rest of the input comes in later reads.
const PIECE_BYTES: usize = 251;

/// The first byte sets the size of the pieces. The same bytes in one piece and in many give the
/// same messages and the same end.
pub(crate) fn inbox(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let piece = usize::from(*first) % PIECE_BYTES + 1;
    assert_eq!(read(bytes, piece), read(bytes, bytes.len().max(1)), "pieces of {piece}");
}

/// Kinds and payloads of the messages, and whether the stream was refused at the end.
fn read(bytes: &[u8], piece: usize) -> (Vec<(u8, Vec<u8>)>, bool) {
    let mut inbox = Inbox::new();
    let mut said = Vec::new();
    for chunk in bytes.chunks(piece) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let room = inbox.room();
            assert!(!room.is_empty(), "no room after every whole message was taken");
            let count = rest.len().min(room.len());
            room[..count].copy_from_slice(&rest[..count]);
            inbox.filled(count);
            rest = &rest[count..];
            loop {
                match inbox.next_message() {
                    Ok(Some(Message::Data)) => said.push((0, inbox.payload().to_vec())),
                    Ok(Some(_)) => said.push((1, inbox.payload().to_vec())),
                    Ok(None) => break,
                    Err(_) => return (said, true),
                }
            }
        }
    }
    (said, false)
}
