//! Segments in shared memory that something damaged.

use std::path::PathBuf;
use std::sync::OnceLock;

use rings::{Identity, Next, Ring, journal, segment_name};
use schema::{LAYOUT_HASH, Record};

/// Records in the segment.
const RECORDS: u64 = 40;
/// Words of the checksummed part of a header, and where the checksum follows (`rings::header`).
const CHECKED_WORDS: usize = 16 + 2048 / 8;

fn instance() -> String {
    format!("fuzz_{}", std::process::id())
}

fn path() -> PathBuf {
    PathBuf::from("/dev/shm").join(segment_name(&instance(), Ring::Journal))
}

/// A whole segment, as a writer leaves it.
fn whole() -> &'static [u8] {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let identity = Identity { layout_hash: LAYOUT_HASH, build_id: 1, boot_epoch: 1 };
        let instance = instance();
        let writer =
            journal::Writer::open_or_create(&instance, 64, identity, &[7; 40], &["persist"]);
        let mut writer = writer.expect("shared memory has room for 64 records");
        for number in 0..RECORDS {
            let record = Record { at_ns: number, ..Record::default() };
            writer.publish(&record).expect("fewer records than the journal holds");
        }
        std::fs::read(path()).expect("the segment is a file")
    })
}

/// The input is a list of changes: two bytes say which word, eight what it becomes. The first byte
/// says whether the header's checksum is made right again, and whether the file is cut.
pub(crate) fn damaged(input: &[u8]) {
    let mut bytes = whole().to_vec();
    let Some((how, changes)) = input.split_first() else { return };
    let words = bytes.len() / 8;
    for change in changes.chunks_exact(10).take(64) {
        let word = usize::from(u16::from_le_bytes([change[0], change[1]])) % words;
        bytes[word * 8..word * 8 + 8].copy_from_slice(&change[2..]);
    }
    if how & 1 == 1 {
        let sum = checksum(&bytes[..CHECKED_WORDS * 8]);
        bytes[CHECKED_WORDS * 8..CHECKED_WORDS * 8 + 8].copy_from_slice(&sum.to_le_bytes());
    }
    if how & 2 == 2 {
        bytes.truncate(words * 8 * usize::from(*how) / 256);
    }
    // A new file each time, as a writer makes one: a mapped one is never cut.
    let _ = std::fs::remove_file(path());
    if std::fs::write(path(), &bytes).is_err() {
        return;
    }
    if let Ok(mut reader) = journal::Reader::<Record>::open_at_oldest(&instance(), LAYOUT_HASH) {
        for _ in 0..4 * RECORDS {
            if let Next::Empty = reader.next() {
                break;
            }
        }
        let _ = (reader.lag(), reader.info(), reader.seek(0), reader.is_stale());
    }
    let _ = rings::previous_boot_epoch(&instance());
}

/// The header's checksum (`rings::header`), so that damage inside it gets past the door.
fn checksum(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for word in bytes.chunks_exact(8) {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        hash ^= hash >> 29;
    }
    hash
}
