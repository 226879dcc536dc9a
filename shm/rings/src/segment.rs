//! A segment: one file in `/dev/shm` with a header, a cursor and slots.
//!
//! A writer makes it under a temporary name and renames it when it is whole: nobody ever maps half
//! a segment, and readers of the former one keep theirs until they look ([`Segment::is_stale`]). A
//! file is never truncated or shrunk, so no mapping of it can raise SIGBUS: pages are reserved at
//! creation.

use core::sync::atomic::{AtomicU32, Ordering};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, fstat, open, rename, stat, unlink};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::file::{check_name, check_owner, names_with_prefix, path_of, same_file};
use crate::header::{Header, SLOTS_AT};
use crate::lock::{Lock, WRITER_PATIENCE, is_held};
use crate::map::Map;
use crate::slots::Slots;
use crate::word::Memory;
use crate::{Identity, OpenError, Ring, segment_name};

/// A mapped segment and the file behind it.
#[derive(Debug)]
pub(crate) struct Segment {
    map: Map,
    file: OwnedFd,
    name: String,
    header: Header,
}

impl Memory for Segment {
    type Word = <Map as Memory>::Word;
    const CURSOR_AT: usize = Map::CURSOR_AT;
    #[inline(always)]
    fn words(&self) -> &[Self::Word] {
        self.map.words()
    }
}

/// Takes the writer's lock of a ring.
pub(crate) fn lock_writer(instance: &str, ring: Ring) -> Result<Lock, OpenError> {
    check_name(instance)?;
    Lock::acquire(&writer_lock_name(instance, ring), WRITER_PATIENCE)
}

/// Name of the lock of a ring's writer.
pub(crate) fn writer_lock_name(instance: &str, ring: Ring) -> String {
    format!("{}.lock", segment_name(instance, ring))
}

/// A new segment id: random, not zero, below 2^63.
pub(crate) fn new_segment_id() -> Result<u64, OpenError> {
    let mut bytes = [0u8; 8];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok((u64::from_le_bytes(bytes) >> 1).max(1))
}

impl Segment {
    /// Makes a segment in place of whatever has its name. The caller holds the writer's lock.
    ///
    /// `fill` writes what the slots must hold before anyone can see them.
    pub(crate) fn create(
        instance: &str,
        header: Header,
        fill: impl FnOnce(&Map),
    ) -> Result<Self, OpenError> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        check_name(instance)?;
        let bytes = header.segment_bytes().ok_or(OpenError::Capacity)?;
        let name = segment_name(instance, header.ring);
        // We hold the lock: other unfinished files of this ring are of creators that died.
        for leftover in names_with_prefix(&format!("{name}.new-")) {
            unlink_if_there(&leftover)?;
        }
        let turn = COUNTER.fetch_add(1, Ordering::Relaxed);
        let unfinished = format!("{name}.new-{}-{turn}", std::process::id());
        let made = Self::make(&unfinished, bytes, &header)
            .inspect(|(map, _)| fill(map))
            .and_then(|made| Ok((made, rename(path_of(&unfinished), path_of(&name))?)));
        match made {
            Ok(((map, file), ())) => Ok(Self { map, file, name, header }),
            Err(error) => {
                unlink_if_there(&unfinished)?;
                Err(error)
            }
        }
    }
    fn make(name: &str, bytes: usize, header: &Header) -> Result<(Map, OwnedFd), OpenError> {
        let map = Map::create(name, bytes)?;
        let file = open_file(name, OFlags::RDWR)?;
        check_owner(&fstat(&file)?)?;
        // ftruncate on tmpfs succeeds on a full file system and the first touch then is SIGBUS;
        // reserving every page now turns that into an error here.
        fallocate(&file, FallocateFlags::empty(), 0, bytes as u64)?;
        map.populate();
        header.store(map.words())?;
        Ok((map, file))
    }
    /// Opens for reading only, whatever its layout.
    pub(crate) fn open_any(instance: &str, ring: Ring) -> Result<Self, OpenError> {
        check_name(instance)?;
        let name = segment_name(instance, ring);
        let file = open_file(&name, OFlags::RDONLY)?;
        let bytes = checked_size(&file)?;
        let map = Map::read_only(file.as_fd(), bytes)?;
        Self::checked(map, file, name, bytes, ring)
    }
    /// Opens for reading only, records of one layout.
    pub(crate) fn open_read(
        instance: &str,
        ring: Ring,
        layout_hash: u64,
        record_bytes: usize,
    ) -> Result<Self, OpenError> {
        let segment = Self::open_any(instance, ring)?;
        segment.check_layout(layout_hash, record_bytes)?;
        Ok(segment)
    }
    /// Opens for writing too, whatever its layout.
    pub(crate) fn open_write(instance: &str, ring: Ring) -> Result<Self, OpenError> {
        check_name(instance)?;
        let name = segment_name(instance, ring);
        let file = open_file(&name, OFlags::RDWR)?;
        let bytes = checked_size(&file)?;
        let map = Map::open(&name)?;
        // `shared_memory` opened the name by itself: it must still have meant the same file.
        if !stat(path_of(&name)).is_ok_and(|now| same_file(&file, &now)) {
            return Err(OpenError::NotFound);
        }
        Self::checked(map, file, name, bytes, ring)
    }
    fn checked(
        map: Map,
        file: OwnedFd,
        name: String,
        bytes: usize,
        ring: Ring,
    ) -> Result<Self, OpenError> {
        let header = Header::load(map.words())?;
        if header.ring != ring {
            return Err(OpenError::Kind);
        }
        // The map's own size counts: every later access is inside it.
        if header.segment_bytes() != Some(bytes) || map.words().len() * 8 != bytes {
            return Err(OpenError::Truncated);
        }
        Ok(Self { map, file, name, header })
    }
    /// Refuses records of another layout.
    pub(crate) fn check_layout(&self, hash: u64, record_bytes: usize) -> Result<(), OpenError> {
        let is_same = self.header.identity.layout_hash == hash;
        if is_same && self.header.record_bytes == record_bytes {
            Ok(())
        } else {
            Err(OpenError::Layout)
        }
    }
    /// Puts another writer's name into the header.
    pub(crate) fn continue_as(&mut self, identity: Identity, info: &[u8]) -> Result<(), OpenError> {
        let header = Header { identity, info: info.to_vec(), ..self.header.clone() };
        header.store(self.map.words())?;
        self.header = header;
        self.map.populate();
        Ok(())
    }
    /// The slots.
    pub(crate) fn slots(&self) -> Slots {
        self.header.geometry()
    }
    /// The header as it was when opened.
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }
    /// Who writes now; as it was when opened if the header has become unreadable.
    pub(crate) fn identity(&self) -> Identity {
        Header::load(self.map.words()).unwrap_or_else(|_| self.header.clone()).identity
    }
    /// The writer's information now; as it was when opened if the header has become unreadable.
    pub(crate) fn info(&self) -> Vec<u8> {
        Header::load(self.map.words()).unwrap_or_else(|_| self.header.clone()).info
    }
    /// Whether a living process holds its writer's lock.
    pub(crate) fn is_writer_alive(&self) -> bool {
        is_held(&format!("{}.lock", self.name))
    }
    /// Whether its name now means another file or none.
    pub(crate) fn is_stale(&self) -> bool {
        !stat(path_of(&self.name)).is_ok_and(|now| same_file(&self.file, &now))
    }
}

fn open_file(name: &str, access: OFlags) -> Result<OwnedFd, OpenError> {
    Ok(open(path_of(name), access | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?)
}

/// Size of a file that may be mapped.
fn checked_size(file: &OwnedFd) -> Result<usize, OpenError> {
    let stat = fstat(file)?;
    check_owner(&stat)?;
    let bytes = usize::try_from(stat.st_size).map_err(|_| OpenError::Truncated)?;
    if bytes < SLOTS_AT * 8 { Err(OpenError::Truncated) } else { Ok(bytes) }
}

/// Removes a file; that it is gone already is fine.
pub(crate) fn unlink_if_there(name: &str) -> Result<(), OpenError> {
    match unlink(path_of(name)) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
