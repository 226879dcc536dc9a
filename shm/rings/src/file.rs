//! Files in `/dev/shm`: names, owners, and what is there.

use std::fs;
use std::os::fd::AsFd;

use rustix::fs::{FileType, Stat, fstat};

use crate::{OpenError, Ring};

/// Where POSIX shared memory lives on Linux; `shared_memory` offers no other place.
const DIRECTORY: &str = "/dev/shm";
/// What every file of ours starts with.
const PREFIX: &str = "shrike-";
/// Longest instance or gate name.
const NAME_BYTES_MAX: usize = 64;

/// Path of a file by its name.
pub(crate) fn path_of(name: &str) -> String {
    format!("{DIRECTORY}/{name}")
}

/// Whether this can be the name of an instance or a gate: no path, no dot, no surprise.
pub(crate) fn check_name(name: &str) -> Result<(), OpenError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_good = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain);
    if is_good { Ok(()) } else { Err(OpenError::Name) }
}

/// A regular file, ours, readable by no one else.
pub(crate) fn check_owner(stat: &Stat) -> Result<(), OpenError> {
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw();
    let is_private = stat.st_mode & 0o7777 == 0o600;
    if is_file && is_ours && is_private { Ok(()) } else { Err(OpenError::Permission) }
}

/// Whether an open file is the one `other` describes.
pub(crate) fn same_file(file: impl AsFd, other: &Stat) -> bool {
    fstat(file).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (other.st_dev, other.st_ino))
}

/// Names of our files that start so, in any order.
pub(crate) fn names_with_prefix(prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(DIRECTORY).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with(PREFIX) && name.starts_with(prefix)).collect()
}

/// Names of the instances that have a file of this ring.
pub(crate) fn instances_with(ring: Ring) -> Vec<String> {
    let suffix = format!("-{}", ring.name());
    let names = names_with_prefix(PREFIX).into_iter();
    names
        .filter_map(|name| Some(name.strip_prefix(PREFIX)?.strip_suffix(&suffix)?.to_owned()))
        .filter(|instance| check_name(instance).is_ok())
        .collect()
}
