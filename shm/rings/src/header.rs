//! The first page of a segment: who wrote it, and what is in it.
//!
//! A checksum covers every field, so that a damaged header is refused whatever was hit. Fields
//! change only when the next writer continues a journal; a generation word, odd meanwhile, keeps
//! readers from mixing two headers.

use core::time::Duration;

use crate::slots::Slots;
use crate::word::{Acquire, Relaxed, Release, Word};
use crate::{INFO_BYTES_MAX, Identity, OpenError, Ring};

/// Words of the header: one page.
pub(crate) const HEADER_WORDS: usize = 512;
/// Word of the first slot: the page after that of the cursor.
pub(crate) const SLOTS_AT: usize = 1024;

/// `SHRKRING` as a little-endian number.
const MAGIC: u64 = u64::from_le_bytes(*b"SHRKRING");
/// Format of header and slots.
const VERSION: u64 = 1;
/// First word of the information bytes.
const INFO_AT: usize = 16;
/// Words under the checksum.
const CHECKED_WORDS: usize = INFO_AT + INFO_BYTES_MAX / 8;
/// Where the checksum is.
const CHECKSUM_AT: usize = CHECKED_WORDS;
/// Where the generation is.
const GENERATION_AT: usize = CHECKED_WORDS + 1;
const _: () = assert!(GENERATION_AT < HEADER_WORDS);

/// How often a header that is just being changed is read again, a millisecond apart.
const TRIES: usize = 50;

/// The fields of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Which ring.
    pub(crate) ring: Ring,
    /// Bytes of a record.
    pub(crate) record_bytes: usize,
    /// How many slots; a power of two.
    pub(crate) slots: usize,
    /// Random; below 2^63 so that every database stores it as it is.
    pub(crate) segment_id: u64,
    /// Who writes.
    pub(crate) identity: Identity,
    /// The writer's information.
    pub(crate) info: Vec<u8>,
}

impl Header {
    /// The slots it describes.
    pub(crate) fn geometry(&self) -> Slots {
        Slots::new(SLOTS_AT, self.slots, self.record_bytes)
    }
    /// Bytes of the whole segment; `None` if that does not fit an address space.
    pub(crate) fn segment_bytes(&self) -> Option<usize> {
        let usable = self.slots.is_power_of_two() && self.slots >= 4;
        let words = Slots::stride(self.record_bytes.min(1 << 20)).checked_mul(self.slots)?;
        let bytes = words.checked_add(SLOTS_AT)?.checked_mul(8)?;
        (usable && self.record_bytes <= 1 << 20 && bytes <= isize::MAX as usize).then_some(bytes)
    }
    /// Writes it. Readers that look meanwhile look again.
    pub(crate) fn store<W: Word>(&self, words: &[W]) -> Result<(), OpenError> {
        if self.info.len() > INFO_BYTES_MAX {
            return Err(OpenError::InfoTooLong);
        }
        let mut checked = [0u64; CHECKED_WORDS];
        checked[0] = MAGIC;
        checked[1] = VERSION;
        checked[2] = self.ring as u64;
        checked[3] = self.identity.layout_hash;
        checked[4] = self.record_bytes as u64;
        checked[5] = self.slots as u64;
        checked[6] = self.segment_id;
        checked[7] = self.identity.build_id;
        checked[8] = u64::from(self.identity.boot_epoch);
        checked[9] = self.info.len() as u64;
        for (word, chunk) in checked[INFO_AT..].iter_mut().zip(self.info.chunks(8)) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(bytes);
        }
        let generation = words[GENERATION_AT].load(Relaxed) & !1;
        words[GENERATION_AT].store(generation.wrapping_add(1), Relaxed);
        W::fence(Release);
        for (word, value) in words.iter().zip(checked) {
            word.store(value, Relaxed);
        }
        words[CHECKSUM_AT].store(checksum(&checked), Relaxed);
        words[GENERATION_AT].store(generation.wrapping_add(2), Release);
        Ok(())
    }
    /// Reads and checks it.
    pub(crate) fn load<W: Word>(words: &[W]) -> Result<Self, OpenError> {
        if words.len() < SLOTS_AT {
            return Err(OpenError::Truncated);
        }
        for _ in 0..TRIES {
            let generation = words[GENERATION_AT].load(Acquire);
            let mut checked = [0u64; CHECKED_WORDS];
            for (value, word) in checked.iter_mut().zip(words) {
                *value = word.load(Relaxed);
            }
            let sum = words[CHECKSUM_AT].load(Relaxed);
            W::fence(Acquire);
            let is_whole = words[GENERATION_AT].load(Relaxed) == generation;
            if is_whole && generation.is_multiple_of(2) {
                return Self::parse(&checked, sum);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(OpenError::Corrupt)
    }
    fn parse(checked: &[u64; CHECKED_WORDS], sum: u64) -> Result<Self, OpenError> {
        if checked[0] != MAGIC {
            return Err(OpenError::Magic);
        }
        if checked[1] != VERSION {
            return Err(OpenError::Version);
        }
        if checksum(checked) != sum {
            return Err(OpenError::Corrupt);
        }
        let index = |word: u64| usize::try_from(word).map_err(|_| OpenError::Corrupt);
        let ring = Ring::ALL.into_iter().find(|&ring| ring as u64 == checked[2]);
        let mut info: Vec<u8> =
            checked[INFO_AT..].iter().flat_map(|word| word.to_le_bytes()).collect();
        info.truncate(index(checked[9])?);
        Ok(Self {
            ring: ring.ok_or(OpenError::Kind)?,
            record_bytes: index(checked[4])?,
            slots: index(checked[5])?,
            segment_id: checked[6],
            identity: Identity {
                layout_hash: checked[3],
                build_id: checked[7],
                boot_epoch: u32::try_from(checked[8]).map_err(|_| OpenError::Corrupt)?,
            },
            info,
        })
    }
}

/// FNV-1a over words, with a final mix: against damage, not against intent.
fn checksum(words: &[u64]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for &word in words {
        hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        hash ^= hash >> 29;
    }
    hash
}
