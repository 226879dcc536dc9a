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
    file: OwnedFd,
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
                    return Ok(Self { file });
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

impl Drop for Lock {
    /// Closing would release it too, but not while a process being started still has a copy of the
    /// descriptor, between fork and exec.
    fn drop(&mut self) {
        // It fails only for a descriptor that is none; closing follows either way.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Whether someone holds the lock of this name.
pub(crate) fn is_held(name: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    open(path_of(name), flags, Mode::empty()).is_ok_and(|file| {
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    })
}

#[cfg(test)]
mod tests {
    use super::{Lock, WRITER_PATIENCE, is_held};

    #[test]
    fn released_although_a_copy_of_its_descriptor_lives() {
        let name = format!("copied-{}.lock", std::process::id());
        let lock = Lock::acquire(&name, WRITER_PATIENCE).unwrap();
        let copy = lock.file.try_clone().unwrap();
        assert!(is_held(&name));
        drop(lock);
        assert!(!is_held(&name));
        drop(copy);
        std::fs::remove_file(super::path_of(&name)).unwrap();
    }
}
