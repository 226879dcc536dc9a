//! Instances on this host: which there are, what they were, and how to remove one.

use std::collections::BTreeSet;

use crate::file::{check_name, instances_with, names_with_prefix};
use crate::lock::{Lock, WRITER_PATIENCE, is_held};
use crate::segment::{Segment, unlink_if_there, writer_lock_name};
use crate::{OpenError, Ring, segment_name, segment_prefix};

/// Instances with a journal or status segment on this host, sorted.
pub fn instances() -> Vec<String> {
    let mut found = BTreeSet::from_iter(instances_with(Ring::Journal));
    found.extend(instances_with(Ring::Status));
    found.into_iter().collect()
}

/// Highest boot epoch in the headers of an instance; the next one must be above it.
pub fn previous_boot_epoch(instance: &str) -> Option<u32> {
    let segments = Ring::ALL.into_iter().filter_map(|ring| Segment::open_any(instance, ring).ok());
    segments.map(|segment| segment.header().identity.boot_epoch).max()
}

/// Whether a living process holds the writer's lock of this segment (for control: the receiver's).
pub fn is_writer_alive(instance: &str, ring: Ring) -> bool {
    check_name(instance).is_ok() && is_held(&writer_lock_name(instance, ring))
}

/// Unlinks every segment of an instance. Processes that only read keep what they have mapped.
///
/// # Errors
/// [`OpenError::Busy`] if a living process holds a lock of it; nothing is removed then.
/// [`OpenError::Name`], [`OpenError::Permission`] or [`OpenError::Io`].
pub fn remove_instance(instance: &str) -> Result<(), OpenError> {
    check_name(instance)?;
    let mut names = Vec::new();
    for ring in Ring::ALL {
        let name = segment_name(instance, ring);
        // Locks and unfinished files of the ring have its name, a dot and more.
        names.extend(names_with_prefix(&format!("{name}.")));
        names.extend(names_with_prefix(&name).into_iter().filter(|found| *found == name));
    }
    names.extend(names_with_prefix(&format!("{}.process.", segment_prefix(instance))));
    let (locks, segments): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| name.ends_with(".lock"));
    // All locks before the first removal, and until after the last.
    let mut held = Vec::new();
    for lock in &locks {
        held.push(Lock::acquire(lock, WRITER_PATIENCE)?);
    }
    for name in segments.iter().chain(&locks) {
        unlink_if_there(name)?;
    }
    Ok(())
}
