//! The change under way, on disk before each step; and the record of everything that was done.

use std::fs::File;
use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::store::{Store, write_whole};
use crate::audit::line_break;
use crate::exit::{Exit, Failure};

/// A step of a change, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// The trader is halted: nothing that adds risk is sent.
    Disarm,
    /// Both books of orders are empty.
    Cancel,
    /// The old trader agrees with the venue.
    Reconcile,
    /// Processes stopped, link changed, processes started.
    Swap,
    /// The new trader agrees with the venue, and all processes are of this release.
    ReconcileNew,
    /// The new trader is armed.
    Arm,
    /// It is watched.
    Probation,
}

impl Step {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Disarm,
        Self::Cancel,
        Self::Reconcile,
        Self::Swap,
        Self::ReconcileNew,
        Self::Arm,
        Self::Probation,
    ];
    /// For people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Disarm => "disarm",
            Self::Cancel => "cancel",
            Self::Reconcile => "reconcile",
            Self::Swap => "swap",
            Self::ReconcileNew => "reconcile (new)",
            Self::Arm => "arm",
            Self::Probation => "probation",
        }
    }
}

/// Whether it goes forth or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// A new release: armed and watched.
    Deploy,
    /// Back to one that was good: never armed, never watched.
    Rollback,
}

/// What a probation has seen; kept so that another process can go on watching.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Starts of the trader that its supervisor had counted when the change swapped.
    pub(crate) starts_before: u64,
    /// Starts since.
    pub(crate) starts: u64,
    /// Process id that was seen last; zero if none.
    pub(crate) pid: u64,
    /// Equity when it was armed, units of 1e-8.
    pub(crate) armed_equity: i64,
    /// Monotonic time it was armed, ns; zero until then.
    pub(crate) armed_ns: u64,
    /// Wall time at which probation ends, ms; zero until it is armed.
    pub(crate) until_ms: i64,
    /// Requests and failures of processes before the one of `pid`.
    pub(crate) before: [u64; 2],
    /// The counters of `pid` when it was seen first.
    pub(crate) base: [u64; 2],
    /// The measures as they were last: requests, failures, orders, latency ns, drawdown ppm.
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) orders: u64,
    pub(crate) latency_p99_ns: u64,
    pub(crate) drawdown_ppm: i64,
}

/// A change from one release to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Forth or back.
    pub(crate) direction: Direction,
    /// What ran before, if anything did.
    pub(crate) from: Option<String>,
    /// What shall run.
    pub(crate) to: String,
    /// The step that is being taken.
    pub(crate) step: Step,
    /// Why, in a person's words or the measure's.
    pub(crate) why: String,
    /// User id of who asked; zero-th for the watch itself too.
    pub(crate) by: u32,
    /// Wall time it began, ms.
    pub(crate) begun_ms: i64,
    /// Wall time of the swap, ms; zero before.
    pub(crate) swapped_ms: i64,
    /// Process id of the trader that was there before the swap; zero if none.
    pub(crate) old_pid: u64,
    /// Length of the probation, s.
    pub(crate) probation_s: u64,
    /// Swap although the kill switch is pressed; nothing is armed.
    pub(crate) while_killed: bool,
    /// Whether probation asked for it, not a person: then people are paged.
    pub(crate) is_automatic: bool,
    /// Whether the new release is to trade: not where the old one was halted for a reason that a
    /// person decides about. `None` until that was looked at.
    #[serde(default)]
    pub(crate) arms: Option<bool>,
    /// What its probation saw.
    pub(crate) seen: Seen,
}

const FILE: &str = "state.json";
const AUDIT: &str = "releases.jsonl";

/// The change under way, if there is one.
///
/// # Errors
/// The file is there and cannot be read: a person looks before anything is done.
pub(crate) fn load(store: &Store) -> Result<Option<Change>, Failure> {
    let path = store.path(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(&path, &error)),
    };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        Failure::new(
            Exit::Data,
            format!("{}: {error}", path.display()),
            "another build of shrike wrote it: finish with that one, or look at the trader, halt \
             it, and take the file away",
        )
    })
}

/// Writes it down: on disk when this returns.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn save(store: &Store, change: &Change) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(change)
        .map_err(|error| Failure::new(Exit::Failed, format!("{FILE}: {error}"), ""))?;
    write_whole(&store.path(FILE), &text)
}

/// The change is over.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn clear(store: &Store) -> Result<(), Failure> {
    let path = store.path(FILE);
    let folder = store.path(".");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::file(&path, &error))
        }
        _ => File::open(&folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| Failure::file(&folder, &error)),
    }
}

/// Adds a line to the record of everything that was done.
///
/// # Errors
/// It cannot be written.
pub(crate) fn audit(store: &Store, what: &str, id: &str, more: &Value) -> Result<(), Failure> {
    let path = store.path(AUDIT);
    let mut line = json!({
        "at": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "what": what,
        "release": id,
        "uid": rustix::process::getuid().as_raw(),
        "pid": std::process::id(),
    });
    if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
        line.extend(more.clone());
    }
    let write = || {
        // One write of one line: lines of two processes do not mix.
        let mut file = File::options().read(true).create(true).append(true).open(&path)?;
        let line = format!("{}{line}\n", line_break(&mut file)?);
        file.write_all(line.as_bytes())?;
        file.sync_data()
    };
    write().map_err(|error| Failure::file(&path, &error))
}

/// The last line of the record.
pub(crate) fn last_audit(store: &Store) -> Option<Value> {
    let text = std::fs::read_to_string(store.path(AUDIT)).ok()?;
    serde_json::from_str(text.lines().last()?).ok()
}

/// Milliseconds of the wall clock.
pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

#[cfg(test)]
pub(crate) fn example(direction: Direction, step: Step) -> Change {
    Change {
        direction,
        from: Some("old".to_owned()),
        to: "new".to_owned(),
        step,
        why: "test".to_owned(),
        by: 0,
        begun_ms: 1,
        swapped_ms: 0,
        old_pid: 0,
        probation_s: 5,
        while_killed: false,
        is_automatic: false,
        arms: None,
        seen: Seen::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_back_as_it_was_written_and_then_over() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(load(&store), Ok(None));
        for step in Step::ALL {
            let change = example(Direction::Deploy, step);
            save(&store, &change).unwrap();
            assert_eq!(load(&store), Ok(Some(change)));
        }
        std::fs::write(store.path(FILE), "{\"step\":\"fly\"}").unwrap();
        assert_eq!(load(&store).unwrap_err().exit, Exit::Data);
        clear(&store).unwrap();
        clear(&store).unwrap();
        assert_eq!(load(&store), Ok(None));
    }

    #[test]
    fn the_record_grows_by_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        audit(&store, "deploy", "a", &json!({"why": "first\nday"})).unwrap();
        audit(&store, "passed", "a", &json!({})).unwrap();
        let text = std::fs::read_to_string(store.path(AUDIT)).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert_eq!(last_audit(&store).unwrap()["what"], "passed");
    }
}
