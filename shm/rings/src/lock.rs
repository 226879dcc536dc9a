//! One holder at a time, until it dies: `flock` on a small file beside the segment.
//!
//! Not on the segment itself, because that file is replaced while the lock must stay. The kernel
//! releases the lock when its holder dies, so there is nothing stale to recognise.

use std::os::fd::OwnedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, open, stat};
use rustix::io::Errno;

use crate::OpenError;
use crate::file::{check_owner, path_of, same_file};

/// Longest wait of one who should be alone: covers a moment's look by [`is_held`].
pub(crate) const WRITER_PATIENCE: Duration = Duration::from_millis(50);

/// A held lock; released when dropped or when the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: OwnedFd,
}

impl Lock {
    /// Takes the lock of this name, trying for so long.
    pub(crate) fn acquire(name: &str, patience: Duration) -> Result<Self, OpenError> {
        let path = path_of(name);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let until = Instant::now() + patience;
        loop {
            let file = open(&path, flags, Mode::RUSR | Mode::WUSR)?;
            check_owner(&fstat(&file)?)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                // The file may have been removed between open and lock: then it locks nothing.
                Ok(()) if stat(&path).is_ok_and(|now| same_file(&file, &now)) => {
                    return Ok(Self { _file: file });
                }
                Ok(()) | Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) if Instant::now() < until => {
                    sleep(Duration::from_millis(2));
                }
                Err(Errno::WOULDBLOCK) => return Err(OpenError::Busy),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// Whether someone holds the lock of this name.
pub(crate) fn is_held(name: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    open(path_of(name), flags, Mode::empty()).is_ok_and(|file| {
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    })
}
