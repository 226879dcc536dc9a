//! Which processes of an instance live, and of which build each is.
//!
//! Each process holds the lock of a small file that says its pid and build. A system whose
//! processes are of different builds is found out by looking, whoever started them.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use crate::file::{check_name, names_with_prefix, path_of};
use crate::lock::{Lock, WRITER_PATIENCE, is_held};
use crate::{OpenError, segment_prefix};

/// A process that lives, told as long as this is kept.
#[derive(Debug)]
pub struct Presence {
    _lock: Lock,
}

/// A living process of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// What it is: `trader`, `guard`, `persist`, `metrics` …
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// Its build, see [`build`].
    pub build: String,
}

/// The build of this process: `version`, and the release it was started from, if it was: the name
/// of the folder above `bin/` in a folder `releases/`.
pub fn build(version: &str) -> String {
    let exe = std::env::current_exe().and_then(fs::canonicalize).unwrap_or_default();
    match release_of(&exe) {
        Some(release) => format!("{version} {release}"),
        None => version.to_owned(),
    }
}

/// The name of the release a program belongs to.
fn release_of(exe: &Path) -> Option<String> {
    let folder = exe.parent()?.parent()?;
    let is_release =
        exe.parent()?.file_name()? == "bin" && folder.parent()?.file_name()? == "releases";
    is_release.then(|| folder.file_name().map(|name| name.to_string_lossy().into_owned()))?
}

/// A number that tells builds apart and secures nothing.
pub fn build_number(build: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    build.hash(&mut hasher);
    hasher.finish()
}

fn lock_name(instance: &str, process: &str) -> String {
    format!("{}.process.{process}.lock", segment_prefix(instance))
}

impl Presence {
    /// Says that this process lives.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another of its name does, [`OpenError::Name`] for a name that cannot
    /// be, [`OpenError::Permission`] or [`OpenError::Io`].
    pub fn announce(instance: &str, process: &str, build: &str) -> Result<Self, OpenError> {
        check_name(instance)?;
        check_name(process)?;
        let name = lock_name(instance, process);
        let lock = Lock::acquire(&name, WRITER_PATIENCE)?;
        let text = format!("{} {build}\n", std::process::id());
        fs::write(path_of(&name), text)
            .map_err(|error| OpenError::Io(error.raw_os_error().unwrap_or_default()))?;
        Ok(Self { _lock: lock })
    }
}

/// The living processes of an instance that told their build, sorted by name.
pub fn processes(instance: &str) -> Vec<Process> {
    let prefix = format!("{}.process.", segment_prefix(instance));
    let mut found: Vec<Process> = names_with_prefix(&prefix)
        .into_iter()
        .filter(|name| is_held(name))
        .filter_map(|file| {
            let name = file.strip_prefix(&prefix)?.strip_suffix(".lock")?.to_owned();
            let text = fs::read_to_string(path_of(&file)).ok()?;
            let (pid, build) = text.trim_end().split_once(' ')?;
            Some(Process { name, pid: pid.parse().ok()?, build: build.to_owned() })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_there_as_long_as_it_says_so() {
        let instance = format!("presence-{}", std::process::id());
        let guard = Presence::announce(&instance, "guard", "shrike 1 a").unwrap();
        let persist = Presence::announce(&instance, "persist", "shrike 1 b").unwrap();
        assert_eq!(Presence::announce(&instance, "guard", "x").unwrap_err(), OpenError::Busy);
        let pid = std::process::id();
        let of = |name: &str, build: &str| Process { name: name.into(), pid, build: build.into() };
        assert_eq!(processes(&instance), [of("guard", "shrike 1 a"), of("persist", "shrike 1 b")]);
        drop(guard);
        assert_eq!(processes(&instance), [of("persist", "shrike 1 b")]);
        drop(persist);
        crate::remove_instance(&instance).unwrap();
        assert!(names_with_prefix(&format!("shrike-{instance}")).is_empty());
    }

    #[test]
    fn a_release_is_the_folder_above_bin() {
        let release = |path: &str| release_of(Path::new(path));
        assert_eq!(release("/opt/shrike/releases/r7/bin/trader"), Some("r7".to_owned()));
        assert_eq!(release("/opt/shrike/bin/trader"), None);
        assert_eq!(release("/w/target/debug/trader"), None);
    }
}
