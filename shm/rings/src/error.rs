//! Why a segment cannot be had, and what to do about it.

use core::fmt;

use rustix::io::Errno;

/// Why a segment cannot be created or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// The instance or gate name is empty, too long, or not `[A-Za-z0-9_.-]`.
    Name,
    /// No such segment: the process that creates it has not started.
    NotFound,
    /// Another living process holds the lock of this writer, sender or gate.
    Busy,
    /// Not one of our segments.
    Magic,
    /// Written by a build with another header format.
    Version,
    /// A segment of another ring.
    Kind,
    /// Written by a build with another record layout.
    Layout,
    /// The file is shorter or longer than its header says.
    Truncated,
    /// Header or sequence numbers contradict themselves.
    Corrupt,
    /// Wrong owner or mode, or not a regular file.
    Permission,
    /// Not enough room in `/dev/shm`.
    NoSpace,
    /// Capacity is not a power of two from 4, or too large for the address space.
    Capacity,
    /// More than [`crate::INFO_BYTES_MAX`] bytes of information.
    InfoTooLong,
    /// The journal that would be replaced holds records its gates have not committed.
    Unread,
    /// The journal has no gate of this name, or more than [`crate::journal::GATES_MAX`] were
    /// asked.
    Gate,
    /// Another error of the operating system, as its number.
    Io(i32),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name is not 1 to 64 of A-Z a-z 0-9 _ . -; choose another",
            Self::NotFound => "no such segment; start the process that creates it",
            Self::Busy => "another process holds it; stop that one or use another instance",
            Self::Magic => "not a segment of this system; remove the file from /dev/shm",
            Self::Version => "header of another version; run the same build on both sides",
            Self::Kind => "segment of another ring; remove the file from /dev/shm",
            Self::Layout => "records of another layout; run the same build on both sides",
            Self::Truncated => "size is not what the header says; remove the file from /dev/shm",
            Self::Corrupt => "header or sequence is corrupt; save the file, then remove it",
            Self::Permission => "owner or mode is wrong; run as the user of the trader",
            Self::NoSpace => "/dev/shm is full; free space there or configure a smaller capacity",
            Self::Capacity => "capacity is not a power of two in range; correct the configuration",
            Self::InfoTooLong => "more header information than fits; shorten it",
            Self::Unread => {
                "the old journal holds unread records; let persist drain it, or remove it"
            }
            Self::Gate => "no such gate in this journal; name it where the journal is created",
            Self::Io(errno) => {
                return write!(f, "{}", std::io::Error::from_raw_os_error(*errno));
            }
        })
    }
}
impl core::error::Error for OpenError {}

impl From<Errno> for OpenError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NotFound,
            Errno::ACCESS | Errno::PERM | Errno::LOOP => Self::Permission,
            Errno::NOSPC | Errno::DQUOT => Self::NoSpace,
            Errno::NOMEM => Self::NoSpace,
            other => Self::Io(other.raw_os_error()),
        }
    }
}

/// The ring holds as much as it may; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ring is full; start its reader")
    }
}
impl core::error::Error for Full {}
