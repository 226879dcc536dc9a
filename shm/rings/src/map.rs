//! Mapped memory. `shared_memory` creates and maps for writing; what it cannot do is done here.
#![allow(
    unsafe_code,
    reason = "memory shared with other processes can only be had as a raw address"
)]

use core::sync::atomic::AtomicU64;
use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};
use shared_memory::{Shmem, ShmemConf, ShmemError};

use crate::OpenError;
use crate::word::Memory;

/// A mapping of a whole segment, as words.
pub(crate) struct Map {
    words: NonNull<AtomicU64>,
    count: usize,
    backing: Backing,
}

/// Who unmaps it.
enum Backing {
    /// `shared_memory` does, when dropped.
    Writable { _shmem: Shmem },
    /// We do: `shared_memory` cannot map read-only.
    ReadOnly { bytes: usize },
}

// SAFETY: the pointer is to memory that stays mapped while `Map` lives, on whatever thread that
// is; neither munmap nor close (all that dropping a `Shmem` does) is bound to a thread.
unsafe impl Send for Map {}
// SAFETY: `&Map` only gives out `&[AtomicU64]`, which may be used from several threads.
unsafe impl Sync for Map {}

impl Map {
    /// Creates a file of this name and size in `/dev/shm`, mode 0600, and maps it for writing.
    ///
    /// Pages are not reserved yet: touch nothing before that.
    pub(crate) fn create(name: &str, bytes: usize) -> Result<Self, OpenError> {
        let mut shmem = ShmemConf::new().os_id(format!("/{name}")).size(bytes).create()?;
        // Segments outlive their writer: readers drain them, the next writer continues or
        // replaces.
        shmem.set_owner(false);
        Ok(Self::of(shmem))
    }
    /// Maps an existing file of `/dev/shm` for writing.
    pub(crate) fn open(name: &str) -> Result<Self, OpenError> {
        Ok(Self::of(ShmemConf::new().os_id(format!("/{name}")).open()?))
    }
    fn of(shmem: Shmem) -> Self {
        // An address that mmap returned is page aligned and not null.
        let words = NonNull::new(shmem.as_ptr().cast()).unwrap_or(NonNull::dangling());
        let count = shmem.len() / size_of::<AtomicU64>();
        Self { words, count, backing: Backing::Writable { _shmem: shmem } }
    }
    /// Maps an open file read-only: a reader cannot damage what it reads, whatever its bugs.
    pub(crate) fn read_only(fd: BorrowedFd<'_>, bytes: usize) -> Result<Self, OpenError> {
        // SAFETY: a new mapping at an address the kernel chooses touches no existing memory.
        let address = unsafe { mmap(null_mut(), bytes, ProtFlags::READ, MapFlags::SHARED, fd, 0)? };
        let words = NonNull::new(address.cast()).ok_or(OpenError::NoSpace)?;
        let count = bytes / size_of::<AtomicU64>();
        Ok(Self { words, count, backing: Backing::ReadOnly { bytes } })
    }
    /// Enters all pages into the page table now, so that the hot thread meets no page fault.
    pub(crate) fn populate(&self) {
        let bytes = self.count * size_of::<AtomicU64>();
        // SAFETY: the range is our own writable mapping, and populating does not change contents.
        let result =
            unsafe { madvise(self.words.as_ptr().cast(), bytes, Advice::LinuxPopulateWrite) };
        // A kernel before 5.14 does not know it; then the first lap pays for the faults.
        let _ = result;
    }
}

impl Memory for Map {
    type Word = AtomicU64;
    const CURSOR_AT: usize = crate::header::HEADER_WORDS;

    #[inline(always)]
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: `words` is page aligned and mapped for `count` words as long as `self` lives.
        // The memory is only ever accessed as atomic words, by every process; a read-only mapping
        // is only loaded from. No file is ever truncated by us, and its mode keeps others from it.
        unsafe { core::slice::from_raw_parts(self.words.as_ptr(), self.count) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if let Backing::ReadOnly { bytes } = self.backing {
            // SAFETY: made by `read_only` with this length; no reference to it outlives `self`.
            let result = unsafe { munmap(self.words.as_ptr().cast(), bytes) };
            debug_assert!(result.is_ok());
        }
    }
}

impl core::fmt::Debug for Map {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Map({} words)", self.count)
    }
}

impl From<ShmemError> for OpenError {
    fn from(error: ShmemError) -> Self {
        match error {
            ShmemError::MapCreateFailed(errno)
            | ShmemError::MapOpenFailed(errno)
            | ShmemError::UnknownOsError(errno) => {
                rustix::io::Errno::from_raw_os_error(errno as i32).into()
            }
            ShmemError::MapSizeZero => Self::Truncated,
            _ => Self::Io(0),
        }
    }
}
