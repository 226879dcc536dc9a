//! Recordings of runs: the file, and what is made of its records.

use std::collections::VecDeque;

use replay::compare::compare;
use replay::file::{Chunk, Reader, Stream, file_head};
use replay::play::Player;
use schema::Record;
use zerocopy::FromBytes;

/// An even first byte: chunks behind a whole head, whose checksums stop nearly everything. An odd
/// one: records themselves, the journal's and the market ring's in turn, so that what follows the
/// checksum is reached.
pub(crate) fn recording(bytes: &[u8]) {
    let Some((how, bytes)) = bytes.split_first() else { return };
    if how & 1 == 0 {
        let file = [&file_head(), bytes].concat();
        let Ok(mut reader) = Reader::new(file.as_slice()) else { panic!("the head is whole") };
        while let Ok(Some(_)) = reader.next_chunk() {}
        assert!(reader.position() + reader.torn() <= file.len() as u64);
        let Ok(reader) = Reader::new(file.as_slice()) else { panic!("the head is whole") };
        let _ = compare(&mut Player::new(reader), true);
        return;
    }
    let mut chunks = VecDeque::new();
    for bytes in bytes.chunks_exact(size_of::<Record>()) {
        let Ok(record) = Record::read_from_bytes(bytes) else { return };
        let (stream, epoch) = match record.flags >> 15 {
            0 => (Stream::Journal, 0),
            _ => (Stream::Market, 1),
        };
        chunks.push_back(Chunk::Records { stream, epoch, first: 1, records: vec![record] });
    }
    let _ = compare(&mut Player::new(chunks), true);
}
