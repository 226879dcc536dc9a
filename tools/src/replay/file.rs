//! The file of a recording: chunks, each compressed and with a checksum.
//!
//! ```text
//! file   "SHRKREC1" | layout hash u64 | chunk…
//! chunk  "CHNK" | kind u8 | stream u8 | 0 u16 | boot epoch u32 | first sequence u64 |
//!        count u32 | raw bytes u32 | packed bytes u32 | CRC-32 of all but itself u32 | packed…
//! ```
//! Little-endian; LZ4 blocks. A chunk that the end of the file cuts short is a torn tail: whoever
//! wrote it died, everything before it is whole. A chunk whose checksum is wrong ends a file too if
//! nothing follows it; in the middle it makes the file bad.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use schema::{LAYOUT_HASH, Record, RunInfo};
use zerocopy::{FromBytes, IntoBytes};

const MAGIC: &[u8; 8] = b"SHRKREC1";
const CHUNK_MAGIC: &[u8; 4] = b"CHNK";
const FILE_HEAD_BYTES: u64 = 16;
const HEAD_BYTES: usize = 36;
/// Records of one chunk at most.
pub const CHUNK_RECORDS_MAX: usize = 4_096;
/// Bytes of a chunk at most, before compression.
const RAW_BYTES_MAX: usize = CHUNK_RECORDS_MAX * size_of::<Record>();

/// Which ring a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Everything that is kept.
    Journal = 0,
    /// Market inputs.
    Market = 1,
}

/// One piece of a recording.
#[derive(Debug, Clone)]
pub enum Chunk {
    /// A trader started: what its segments say of the run.
    Run {
        /// Its start.
        epoch: u32,
        /// Its build, as a number.
        build_id: u64,
        /// Its header.
        info: Box<RunInfo>,
    },
    /// Records in a row.
    Records {
        /// Where they were.
        stream: Stream,
        /// Start of the trader that made the ring.
        epoch: u32,
        /// Sequence number of the first.
        first: u64,
        /// The records.
        records: Vec<Record>,
    },
    /// Records the recorder was too slow for.
    Gap {
        /// Where they were.
        stream: Stream,
        /// Start of the trader that made the ring.
        epoch: u32,
        /// Sequence number of the first.
        first: u64,
        /// How many.
        count: u64,
    },
}

/// Why a file is no recording.
#[derive(Debug)]
pub enum FileError {
    /// It cannot be read.
    Io(io::Error),
    /// It begins with something else.
    NotARecording,
    /// Its records have another layout.
    Layout,
    /// A chunk in its middle is damaged, at this byte.
    Damaged(u64),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::NotARecording => f.write_str("not a recording of a run"),
            Self::Layout => f.write_str("records of another layout, made by another build"),
            Self::Damaged(at) => write!(f, "damaged at byte {at}"),
        }
    }
}
impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Where an old recording ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tail {
    /// Last sequence number of the journal; zero if none.
    pub journal: u64,
    /// Start and last sequence number of the market ring; zeros if none.
    pub market: (u32, u64),
}

impl Tail {
    fn follow(&mut self, chunk: &Chunk) {
        let (stream, epoch, last) = match chunk {
            Chunk::Run { .. } => return,
            Chunk::Records { stream, epoch, first, records } => {
                (*stream, *epoch, first.saturating_add(records.len() as u64).saturating_sub(1))
            }
            Chunk::Gap { stream, epoch, first, count } => {
                (*stream, *epoch, first.saturating_add(*count).saturating_sub(1))
            }
        };
        match stream {
            Stream::Journal => self.journal = last,
            Stream::Market => self.market = (epoch, last),
        }
    }
}

/// Writes a recording.
#[derive(Debug)]
pub struct Writer {
    file: File,
    /// The last sequence number of each ring in an old file, with the start of the market ring.
    tail: Tail,
    /// What is written next, so that a chunk is one write.
    buffer: Vec<u8>,
}

impl Writer {
    /// Begins a file, or goes on after the last whole chunk of an old one.
    ///
    /// # Errors
    /// It cannot be written, or is something else.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        let length = file.metadata()?.len();
        let mut tail = Tail::default();
        if length == 0 {
            file.write_all(&file_head())?;
            file.sync_all()?;
        } else {
            let mut reader = Reader::new(BufReader::new(file.try_clone()?))?;
            while let Some(chunk) = reader.next_chunk()? {
                tail.follow(&chunk);
            }
            let whole = reader.position();
            file.set_len(whole)?;
            file.seek(SeekFrom::Start(whole))?;
        }
        Ok(Self { file, tail, buffer: Vec::new() })
    }

    /// Where the old recording ended.
    pub const fn tail(&self) -> Tail {
        self.tail
    }

    /// Adds a chunk; [`Self::sync`] brings it to the disk.
    ///
    /// # Errors
    /// It cannot be written; what follows would be behind a hole, so nothing may.
    pub fn add(&mut self, chunk: &Chunk) -> io::Result<()> {
        encode(chunk, &mut self.buffer);
        self.file.write_all(&self.buffer)
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// What every file of this build begins with.
pub fn file_head() -> [u8; FILE_HEAD_BYTES as usize] {
    let mut head = [0; FILE_HEAD_BYTES as usize];
    head[..8].copy_from_slice(MAGIC);
    head[8..].copy_from_slice(&LAYOUT_HASH.to_le_bytes());
    head
}

/// A chunk as bytes; `out` is replaced.
pub fn encode(chunk: &Chunk, out: &mut Vec<u8>) {
    let (kind, stream, epoch, first, count, raw) = match chunk {
        Chunk::Run { epoch, build_id, info } => {
            let mut raw = build_id.to_le_bytes().to_vec();
            raw.extend(info.as_bytes());
            (0u8, Stream::Journal, *epoch, 0, 1, raw)
        }
        Chunk::Records { stream, epoch, first, records } => {
            let records = &records[..records.len().min(CHUNK_RECORDS_MAX)];
            let raw = records.as_bytes().to_vec();
            (1, *stream, *epoch, *first, records.len() as u32, raw)
        }
        Chunk::Gap { stream, epoch, first, count } => {
            (2, *stream, *epoch, *first, 1, count.to_le_bytes().to_vec())
        }
    };
    let packed = lz4_flex::block::compress(&raw);
    out.clear();
    out.extend(CHUNK_MAGIC);
    out.extend([kind, stream as u8, 0, 0]);
    out.extend(epoch.to_le_bytes());
    out.extend(first.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((raw.len() as u32).to_le_bytes());
    out.extend((packed.len() as u32).to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(out);
    sum.update(&packed);
    out.extend(sum.finalize().to_le_bytes());
    out.extend(packed);
}

/// Reads a recording, chunk by chunk.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    position: u64,
    torn: u64,
}

impl Reader<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// No such file, or no recording.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::new(BufReader::with_capacity(1 << 20, File::open(path)?))
    }
}

impl<R: Read> Reader<R> {
    /// From bytes.
    ///
    /// # Errors
    /// They are no recording.
    pub fn new(mut from: R) -> Result<Self, FileError> {
        let mut head = [0; FILE_HEAD_BYTES as usize];
        let length = fill(&mut from, &mut head)?;
        if length < head.len() || head[..8] != *MAGIC {
            return Err(FileError::NotARecording);
        }
        if head[8..] != LAYOUT_HASH.to_le_bytes() {
            return Err(FileError::Layout);
        }
        Ok(Self { from, position: FILE_HEAD_BYTES, torn: 0 })
    }

    /// Where the last whole chunk ends.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Bytes after the last whole chunk, once the end is reached.
    pub const fn torn(&self) -> u64 {
        self.torn
    }

    /// The next chunk; `None` at the end, whole or torn.
    ///
    /// # Errors
    /// It cannot be read, or a chunk before the last is damaged.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, FileError> {
        if self.torn > 0 {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        let length = fill(&mut self.from, &mut head)?;
        if length < HEAD_BYTES {
            self.torn = length as u64;
            return Ok(None);
        }
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (raw_bytes, packed_bytes) = (word(24) as usize, word(28) as usize);
        let is_head = head[..4] == *CHUNK_MAGIC
            && raw_bytes <= RAW_BYTES_MAX
            && packed_bytes <= lz4_flex::block::get_maximum_output_size(RAW_BYTES_MAX);
        if !is_head {
            return self.damaged(HEAD_BYTES);
        }
        let mut packed = vec![0; packed_bytes];
        let length = fill(&mut self.from, &mut packed)?;
        if length < packed_bytes {
            self.torn = (HEAD_BYTES + length) as u64;
            return Ok(None);
        }
        let mut sum = crc32fast::Hasher::new();
        sum.update(&head[..HEAD_BYTES - 4]);
        sum.update(&packed);
        let chunk = (sum.finalize() == word(32)).then(|| decode(&head, &packed, raw_bytes));
        match chunk.flatten() {
            Some(chunk) => {
                self.position += (HEAD_BYTES + packed_bytes) as u64;
                Ok(Some(chunk))
            }
            None => self.damaged(HEAD_BYTES + packed_bytes),
        }
    }

    /// A damaged chunk is the end if nothing readable follows.
    fn damaged(&mut self, read: usize) -> Result<Option<Chunk>, FileError> {
        let mut rest = Vec::new();
        self.from.by_ref().take(RAW_BYTES_MAX as u64 * 4).read_to_end(&mut rest)?;
        if rest.windows(4).any(|bytes| bytes == CHUNK_MAGIC) {
            return Err(FileError::Damaged(self.position));
        }
        self.torn = (read + rest.len()) as u64;
        Ok(None)
    }
}

/// Reads until `into` is full or the end; says how much.
fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < into.len() {
        match from.read(&mut into[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn decode(head: &[u8; HEAD_BYTES], packed: &[u8], raw_bytes: usize) -> Option<Chunk> {
    let raw = lz4_flex::block::decompress(packed, raw_bytes).ok()?;
    let stream = match head[5] {
        0 => Stream::Journal,
        1 => Stream::Market,
        _ => return None,
    };
    let epoch = u32::from_le_bytes(head[8..12].try_into().ok()?);
    let first = u64::from_le_bytes(head[12..20].try_into().ok()?);
    let count = u32::from_le_bytes(head[20..24].try_into().ok()?) as usize;
    Some(match head[4] {
        0 => {
            let (build_id, info) = raw.split_first_chunk::<8>()?;
            let info = Box::new(RunInfo::read_from_bytes(info).ok()?);
            Chunk::Run { epoch, build_id: u64::from_le_bytes(*build_id), info }
        }
        1 => {
            if raw.len() != count * size_of::<Record>() {
                return None;
            }
            let record = |bytes| Record::read_from_bytes(bytes).ok();
            let records =
                raw.chunks_exact(size_of::<Record>()).map(record).collect::<Option<_>>()?;
            Chunk::Records { stream, epoch, first, records }
        }
        2 => {
            let count = u64::from_le_bytes(raw.as_slice().try_into().ok()?);
            Chunk::Gap { stream, epoch, first, count }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
