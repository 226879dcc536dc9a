//! Clock, processor, memory and disk of this host.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Resource, getrlimit};

use super::{Check, File};
use crate::ledger::database::is_postgres;

const MIB: u64 = 1 << 20;
/// A log of a busy day, and room to write the end of it.
const DISK_WARN: u64 = 2_048 * MIB;
const DISK_FAIL: u64 = 128 * MIB;
/// Bytes of a record with its sequence word in a ring.
const RECORD_BYTES: u64 = 136;
/// Records of a ring whose size the file does not name.
const RECORDS: i64 = 1 << 18;

/// Whether the kernel's clock is kept by NTP, as far as someone without root can learn.
pub(super) fn clock() -> Vec<Check> {
    let told =
        Command::new("timedatectl").args(["show", "-p", "NTPSynchronized", "--value"]).output();
    let told = told.ok().filter(|output| output.status.success());
    let told = told.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let is_marked = Path::new("/run/systemd/timesync/synchronized").exists();
    vec![match told.as_deref() {
        Some("yes") => Check::ok("clock", "synchronised by NTP, as the kernel tells"),
        Some("no") => Check::fail(
            "clock",
            "not synchronised by NTP",
            "start chrony or systemd-timesyncd: the venue refuses requests of a wrong clock",
        ),
        _ if is_marked => Check::ok("clock", "systemd-timesyncd has synchronised it"),
        _ => Check::warn(
            "clock",
            "nobody here tells whether NTP keeps it (no timedatectl)",
            "the distance from the venue's clock is below; run chrony on the host",
        ),
    }]
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Whether a list like `1-3,7` names a core.
fn lists(list: &str, core: i64) -> bool {
    list.split(',').any(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (from.trim().parse::<i64>(), to.trim().parse::<i64>()) {
            (Ok(from), Ok(to)) => (from..=to).contains(&core),
            _ => false,
        }
    })
}

/// The hot loop's core.
pub(super) fn processor(core: Option<i64>, wait: Option<&str>) -> Vec<Check> {
    const NAME: &str = "cpu";
    let Some(core) = core else {
        return vec![match wait {
            Some("busy") => Check::warn(
                NAME,
                "the loop waits busily and is pinned to no core",
                "name one in [loop] core",
            ),
            _ => Check::ok(NAME, "no core is asked for"),
        }];
    };
    let folder = format!("/sys/devices/system/cpu/cpu{core}");
    if !Path::new(&folder).exists() {
        let remedy = "name a core of this host in [loop] core";
        return vec![Check::fail(NAME, format!("there is no core {core}"), remedy)];
    }
    let mut checks = Vec::new();
    for (what, file) in [("isolcpus", "isolated"), ("nohz_full", "nohz_full")] {
        let list = read(&format!("/sys/devices/system/cpu/{file}")).unwrap_or_default();
        checks.push(match lists(&list, core) {
            true => Check::ok(NAME, format!("core {core} is in {what}={list}")),
            false => Check::warn(
                NAME,
                format!(
                    "core {core} is not in {what} ({})",
                    if list.is_empty() { "-" } else { &list }
                ),
                format!("boot with {what}={core}, so that nothing else runs there"),
            ),
        });
    }
    checks.push(match read(&format!("{folder}/cpufreq/scaling_governor")).as_deref() {
        Some("performance") => Check::ok(NAME, format!("core {core} runs at full speed")),
        Some(governor) => Check::warn(
            NAME,
            format!("core {core} has governor {governor}"),
            format!("cpupower -c {core} frequency-set -g performance"),
        ),
        None => Check::ok(NAME, "the host does not let its frequency be governed here"),
    });
    let siblings = read(&format!("{folder}/topology/thread_siblings_list")).unwrap_or_default();
    checks.push(match siblings == core.to_string() || siblings.is_empty() {
        true => Check::ok(NAME, format!("core {core} has no sibling thread")),
        false => Check::warn(
            NAME,
            format!("core {core} shares its processor with {siblings}"),
            "switch SMT off for it, or isolate the sibling too and leave it idle",
        ),
    });
    checks
}

/// Locked memory and room for the segments.
pub(super) fn memory(file: &File) -> Vec<Check> {
    let records = |table| file.integer(table, "capacity_records").unwrap_or(RECORDS).unsigned_abs();
    let need = (records("journal") + records("market_ring")) * RECORD_BYTES + 4 * MIB;
    let lock = match getrlimit(Resource::Memlock).current {
        None => Check::ok("memory lock", "no limit"),
        Some(limit) if limit >= need => {
            Check::ok("memory lock", format!("{} MiB may be locked", limit / MIB))
        }
        Some(limit) => Check::warn(
            "memory lock",
            format!("{} MiB may be locked, the rings alone are {} MiB", limit / MIB, need / MIB),
            "LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited`",
        ),
    };
    let shm = match free(Path::new("/dev/shm")) {
        None => Check::fail("shared memory", "/dev/shm cannot be asked", "mount a tmpfs there"),
        Some(free) if free >= need || crate::instance::is_live(&file.config.instance) => Check::ok(
            "shared memory",
            format!("{} MiB free in /dev/shm, the rings are {} MiB", free / MIB, need / MIB),
        ),
        Some(free) => Check::fail(
            "shared memory",
            format!("{} MiB free in /dev/shm, the rings are {} MiB", free / MIB, need / MIB),
            "mount -o remount,size=…, or smaller capacity_records",
        ),
    };
    vec![lock, shm]
}

/// Bytes free for this user.
fn free(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The nearest folder that exists.
fn existing(path: &Path) -> PathBuf {
    let mut path = path;
    while !path.exists() {
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => path = parent,
            _ => return PathBuf::from("."),
        }
    }
    path.to_owned()
}

/// Folders that are written while it runs.
pub(super) fn disk(file: &File, database: Option<&str>) -> Vec<Check> {
    let mut places = vec![("state", file.config.kill.state_dir.clone())];
    places.extend(file.config.log_dir.clone().map(|dir| ("log", dir)));
    let sqlite = database.filter(|place| !is_postgres(place));
    places.extend(sqlite.map(|file| ("database", PathBuf::from(file))));
    places.iter().map(|(what, path)| place(what, path)).collect()
}

fn place(what: &str, path: &Path) -> Check {
    const NAME: &str = "disk";
    let (shown, there) = (path.display(), existing(path));
    let access = rustix::fs::access(&there, rustix::fs::Access::WRITE_OK);
    let free = free(&there).unwrap_or_default();
    let found = format!("{what} {shown}: {} MiB free", free / MIB);
    match access {
        Err(error) => Check::fail(
            NAME,
            format!("{what} {shown}: this user may not write there ({error})"),
            "run it as the trader's user, or change the owner",
        ),
        Ok(()) if free < DISK_FAIL => Check::fail(NAME, found, "free space: logs first"),
        Ok(()) if free < DISK_WARN => Check::warn(NAME, found, "free space soon"),
        Ok(()) => Check::ok(NAME, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_list_of_cores_is_read() {
        assert!(lists("1-3,7", 2) && lists("1-3,7", 7) && lists("4", 4));
        assert!(!lists("1-3,7", 4) && !lists("", 0) && !lists("(null)", 0));
    }

    #[test]
    fn a_core_that_is_not_there_fails() {
        assert_eq!(processor(Some(100_000), Some("busy"))[0].state, State::Fail);
        assert_eq!(processor(None, Some("busy"))[0].state, State::Warn);
        assert_eq!(processor(None, Some("park"))[0].state, State::Ok);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_its_parent() {
        assert_eq!(existing(Path::new("/tmp/no/such/folder")), Path::new("/tmp"));
        assert_eq!(place("log", Path::new("/proc/no/such")).state, State::Fail);
    }
}
