//! What every test with real processes needs: binaries, places on the machine, patience.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for anything on a slow machine.
pub(super) const WAIT: Duration = Duration::from_secs(60);
/// Systems that may run side by side: their loops are parked, and most of a row is waiting.
const PLACES: usize = 3;

/// Places taken.
static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

/// The right to run a system; given back when dropped.
pub(super) struct Place(usize);

impl Place {
    /// For a system that leaves room for another one.
    pub(super) fn shared() -> Self {
        Self::take(1)
    }

    /// For one that would fight over the cores with another.
    pub(super) fn alone() -> Self {
        Self::take(PLACES)
    }

    fn take(places: usize) -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = FREED
            .wait_while(taken, |taken| *taken + places > PLACES)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += places;
        Self(places)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        FREED.notify_all();
    }
}

/// Binaries of the profile this test was built with; `cargo ci` builds them before it tests.
pub(super) fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the test has a path");
    let folder = own.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let path = folder.join(name);
    let build = match name {
        "trader-chaos" => "cargo build -p trader --features chaos --bin trader-chaos",
        _ => "cargo build --workspace --bins",
    };
    assert!(path.exists(), "{} is missing: run `{build}`", path.display());
    path
}

/// Recorded data, if this machine has it.
pub(super) fn data(name: &str) -> Option<PathBuf> {
    let given = std::env::var_os("SHRIKE_DATA").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| super::arrows::root().join("../shared/data"));
    let path = folder.join(name);
    if !path.exists() {
        println!("data not found: {}", path.display());
        return None;
    }
    Some(path)
}

/// Starts a process whose output goes to `name.out` in the folder.
pub(super) fn spawn(command: &mut Command, dir: &Path, name: &str) -> Child {
    let path = dir.join(format!("{name}.out"));
    let out = std::fs::File::options().create(true).append(true).open(path).expect("a file");
    command.env_remove("DATABASE_URL").stdin(Stdio::null());
    command.stdout(out.try_clone().expect("a second handle")).stderr(out);
    command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Waits until something is so; `said` explains what was seen when it never is.
pub(super) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    until_or(what, &mut is_true, String::new);
}

/// As [`until`], with more to say about a failure.
pub(super) fn until_or(
    what: &str,
    mut is_true: impl FnMut() -> bool,
    said: impl FnOnce() -> String,
) {
    let deadline = Instant::now() + WAIT;
    while !is_true() {
        assert!(Instant::now() < deadline, "waited for: {what}\n{}", said());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a process to end.
pub(super) fn ended(child: &mut Child, name: &str, said: impl FnOnce() -> String) -> ExitStatus {
    let mut status = None;
    let is_ended = || {
        status = child.try_wait().expect("the child can be asked");
        status.is_some()
    };
    until_or(&format!("{name} ends"), is_ended, said);
    status.expect("it ended")
}

/// Sends a signal by its name (`TERM`, `KILL`, `STOP`, `CONT` …).
pub(super) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "no process for SIG{name}");
}

/// The end of a file.
pub(super) fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    format!("{}:\n{}", path.display(), lines[lines.len().saturating_sub(30)..].join("\n"))
}

/// Both outputs of a command.
pub(super) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Names in /dev/shm that belong to an instance.
pub(super) fn segments(instance: &str) -> Vec<PathBuf> {
    let (rings, processes) = (format!("shrike-{instance}-"), format!("shrike-{instance}."));
    let shared = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    shared
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(&rings) || name.starts_with(&processes)
        })
        .map(|entry| entry.path())
        .collect()
}
