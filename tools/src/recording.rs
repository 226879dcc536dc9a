//! `journal.bin`: a journal copied to a file while it ran.
//!
//! ```text
//! 8 bytes "SHRKJRNL" | layout hash u64 | bytes of RunInfo u64 | RunInfo | (sequence u64, Record)…
//! ```
//! Little-endian. A copy is complete when sequence numbers start at 1 and have no gap.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use schema::{LAYOUT_HASH, Record, RunInfo};
use zerocopy::{FromBytes, IntoBytes};

use crate::exit::{Exit, Failure};

const MAGIC: &[u8; 8] = b"SHRKJRNL";
/// One sequence number and one record.
const ENTRY_BYTES: usize = 8 + size_of::<Record>();

/// Writes a copy.
pub(crate) struct Recorder {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Recorder {
    /// Starts a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn create(path: &Path, info: &RunInfo) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| Failure::file(path, &error))?;
        let mut out = BufWriter::with_capacity(1 << 16, file);
        let mut head = MAGIC.to_vec();
        head.extend(LAYOUT_HASH.to_le_bytes());
        head.extend((size_of::<RunInfo>() as u64).to_le_bytes());
        head.extend(info.as_bytes());
        out.write_all(&head).map_err(|error| Failure::file(path, &error))?;
        Ok(Self { path: path.to_owned(), out })
    }
    /// Adds a record.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn add(&mut self, seq: u64, record: &Record) -> Result<(), Failure> {
        self.out
            .write_all(&seq.to_le_bytes())
            .and_then(|()| self.out.write_all(record.as_bytes()))
            .map_err(|error| Failure::file(&self.path, &error))
    }
    /// Brings everything to the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::file(&self.path, &error))
    }
}

/// A copy, read.
pub(crate) struct Recording {
    /// The run.
    pub(crate) info: RunInfo,
    /// Sequence numbers and records.
    pub(crate) records: Vec<(u64, Record)>,
    /// Records that are not in the file.
    pub(crate) lost: u64,
}

/// Reads a copy.
///
/// # Errors
/// No such file, or not a copy this build can read.
pub(crate) fn read(path: &Path) -> Result<Recording, Failure> {
    let mut bytes = vec![];
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|error| Failure::file(path, &error))?;
    parse(&bytes).map_err(|what| {
        Failure::new(
            Exit::Unavailable,
            format!("{}: {what}", path.display()),
            "read it with the build of shrike that wrote it",
        )
    })
}

fn parse(bytes: &[u8]) -> Result<Recording, &'static str> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("not a recorded journal")?;
    let (layout, rest) = word(rest).ok_or("ends in its header")?;
    if layout != LAYOUT_HASH {
        return Err("records of another layout");
    }
    let (length, rest) = word(rest).ok_or("ends in its header")?;
    let length = usize::try_from(length).map_err(|_| "header is corrupt")?;
    let info = rest.get(..length).ok_or("ends in its header")?;
    let info = RunInfo::read_from_bytes(info).map_err(|_| "header of another layout")?;
    let mut records = Vec::with_capacity(rest.len() / ENTRY_BYTES);
    let mut expected = 1;
    let mut lost = 0;
    // A torn last entry (the recorder was killed) is left out.
    for entry in rest[length..].chunks_exact(ENTRY_BYTES) {
        let (seq, record) = word(entry).ok_or("entry is corrupt")?;
        let record = Record::read_from_bytes(record).map_err(|_| "entry is corrupt")?;
        lost += seq.saturating_sub(expected);
        expected = seq + 1;
        records.push((seq, record));
    }
    Ok(Recording { info, records, lost })
}

fn word(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*word), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::{run_info, stages};

    fn recorded(seqs: &[u64]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("journal.bin");
        let mut recorder = Recorder::create(&path, &run_info()).expect("created");
        for seq in seqs {
            recorder.add(*seq, &stages(*seq)).expect("written");
        }
        recorder.flush().expect("flushed");
        (dir, path)
    }

    #[test]
    fn what_is_recorded_is_read() {
        let (_dir, path) = recorded(&[1, 2, 3]);
        let recording = read(&path).expect("readable");
        assert_eq!(recording.info.symbols()[1].name.as_str(), "ETHUSDT");
        assert_eq!(recording.records.len(), 3);
        assert_eq!(recording.records[2], (3, stages(3)));
        assert_eq!(recording.lost, 0);
    }

    #[test]
    fn gaps_are_counted() {
        let (_dir, path) = recorded(&[3, 4, 7]);
        assert_eq!(read(&path).expect("readable").lost, 4);
    }

    #[test]
    fn other_files_and_torn_ends_do_no_harm() {
        let (_dir, path) = recorded(&[1, 2]);
        let bytes = std::fs::read(&path).expect("readable");
        for length in 0..bytes.len() {
            let parsed = parse(&bytes[..length]);
            if length + ENTRY_BYTES >= bytes.len() {
                assert!(parsed.is_ok(), "a torn last entry is left out");
            }
        }
        assert!(parse(b"not a journal at all").is_err());
        assert_eq!(read(Path::new("/nowhere/x")).err().map(|f| f.exit), Some(Exit::NoInstance));
    }
}
