use proptest::prelude::*;
use schema::Kind;

use super::*;

fn record(number: u64) -> Record {
    Record { kind: Kind::Timer as u16, input: number, at_ns: number * 7, ..Record::default() }
}

fn records(stream: Stream, first: u64, count: u64) -> Chunk {
    let records = (first..first + count).map(record).collect();
    Chunk::Records { stream, epoch: 9, first, records }
}

fn chunks() -> Vec<Chunk> {
    vec![
        Chunk::Run { epoch: 9, build_id: 5, info: Box::default() },
        records(Stream::Journal, 1, 3),
        records(Stream::Market, 1, 40),
        Chunk::Gap { stream: Stream::Market, epoch: 9, first: 41, count: u64::MAX },
        records(Stream::Journal, 4, 1),
    ]
}

fn text(chunks: &[Chunk]) -> String {
    format!("{chunks:?}")
}

/// The file, and where each chunk ends.
fn bytes_of(chunks: &[Chunk]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(LAYOUT_HASH.to_le_bytes());
    let mut ends = vec![bytes.len()];
    let mut one = Vec::new();
    for chunk in chunks {
        encode(chunk, &mut one);
        bytes.extend(&one);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn read_all(bytes: &[u8]) -> Result<(Vec<Chunk>, u64), FileError> {
    let mut reader = Reader::new(bytes)?;
    let mut chunks = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        chunks.push(chunk);
    }
    assert_eq!(reader.position() + reader.torn(), bytes.len() as u64, "every byte has its place");
    Ok((chunks, reader.torn()))
}

#[test]
fn what_is_written_is_read() {
    let (bytes, _) = bytes_of(&chunks());
    let (read, torn) = read_all(&bytes).expect("whole");
    assert_eq!((text(&read), torn), (text(&chunks()), 0));
}

#[test]
fn a_file_cut_at_any_byte_keeps_its_whole_chunks() {
    let (bytes, ends) = bytes_of(&chunks());
    for length in 0..bytes.len() {
        let Some(whole) = ends.iter().rposition(|end| *end <= length) else {
            assert!(matches!(read_all(&bytes[..length]), Err(FileError::NotARecording)));
            continue;
        };
        let (read, torn) = read_all(&bytes[..length]).expect("a torn tail is no damage");
        assert_eq!(text(&read), text(&chunks()[..whole]), "cut at {length}");
        assert_eq!(torn as usize, length - ends[whole]);
    }
}

#[test]
fn a_flipped_bit_is_never_read_as_something_else() {
    let (bytes, ends) = bytes_of(&chunks());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            match read_all(&damaged) {
                Err(FileError::NotARecording) => assert!(at < 8),
                Err(FileError::Layout) => assert!((8..16).contains(&at)),
                Err(FileError::Damaged(from)) => {
                    let chunk = ends.iter().rposition(|end| *end <= at).expect("after the head");
                    assert_eq!(from as usize, ends[chunk]);
                }
                Err(FileError::Io(error)) => panic!("{error}"),
                Ok((read, torn)) => {
                    let whole = ends.iter().rposition(|end| *end <= at).expect("after the head");
                    assert_eq!(text(&read), text(&chunks()[..whole]), "bit {bit} of byte {at}");
                    assert!(torn > 0);
                }
            }
        }
    }
}

#[test]
fn writing_goes_on_after_a_torn_tail() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("run.rec");
    let all = chunks();
    let (bytes, ends) = bytes_of(&all);
    for length in [0, ends[1], ends[2] - 1, ends[3] + 20, bytes.len()] {
        std::fs::write(&path, &bytes[..length]).expect("written");
        let whole = ends.iter().rposition(|end| *end <= length).unwrap_or(0);
        let mut writer = Writer::open(&path).expect("opened");
        writer.add(&all[3]).expect("added");
        writer.sync().expect("synced");
        let (read, torn) = read_all(&std::fs::read(&path).expect("readable")).expect("whole");
        assert_eq!((read.len(), torn), (whole + 1, 0), "cut at {length}");
        assert_eq!(text(&read[whole..]), text(&all[3..4]));
    }
    std::fs::write(&path, b"someone's diary, not a recording").expect("written");
    assert!(matches!(Writer::open(&path), Err(FileError::NotARecording)));
}

proptest! {
    #[test]
    fn no_bytes_panic(tail in proptest::collection::vec(any::<u8>(), 0..400), with_head: bool) {
        let mut bytes = bytes_of(&[]).0;
        if with_head {
            bytes.extend(CHUNK_MAGIC);
        }
        bytes.extend(tail);
        let _ = read_all(&bytes);
    }
}
