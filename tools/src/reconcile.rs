//! `shrike status --reconcile`: finds the three ledgers of a run and compares them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::cli::StatusArgs;
use crate::compare::{Comparison, compare};
use crate::exit::{Exit, Failure};
use crate::instance::resolve;
use crate::ledger::{Ledger, database, journal, venue};
use crate::recording;

/// Name of the file a demo describes itself with.
pub(crate) const RUN_FILE: &str = "run.json";
/// Name of the recorded journal.
pub(crate) const JOURNAL_FILE: &str = "journal.bin";
/// Name of the venue's ledger.
pub(crate) const LEDGER_FILE: &str = "ledger.json";

/// What a demo writes about itself into its directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFile {
    /// Name of the instance.
    pub(crate) instance: String,
    /// SQLite file, or PostgreSQL URL without its password.
    pub(crate) database: String,
    /// Where the venue serves its ledger while it runs.
    pub(crate) ledger_url: String,
    /// When it began, Unix ms.
    pub(crate) started_ms: i64,
    /// When it was over, Unix ms; then the files in the directory are the truth.
    pub(crate) finished_ms: Option<i64>,
}

impl RunFile {
    /// Reads the description in a run directory.
    ///
    /// # Errors
    /// There is none, or it is not one.
    pub(crate) fn read(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(RUN_FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::new(
                Exit::NoInstance,
                format!("{}: {error}", path.display()),
                "give the directory a demo printed at its end",
            )
        })
    }
    /// Its part of a database.
    pub(crate) fn window(&self) -> database::Window {
        let to_ms = self.finished_ms.unwrap_or(i64::MAX);
        let instance = Some(self.instance.clone());
        database::Window { instance, from_ms: self.started_ms, to_ms }
    }
    /// Writes it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), Failure> {
        let path = dir.join(RUN_FILE);
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        std::fs::write(&path, text).map_err(|error| Failure::file(&path, &error))
    }
}

/// Where the three ledgers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// File or URL.
    pub(crate) venue: String,
    /// Where the journal is.
    pub(crate) journal: JournalPlace,
    /// SQLite file or PostgreSQL URL.
    pub(crate) database: String,
    /// The part of the database that is this run's.
    pub(crate) window: database::Window,
    /// Whether the run goes on, so that the newest fills may still be on their way.
    pub(crate) running: bool,
}

/// Where a journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JournalPlace {
    /// In shared memory, under this instance.
    Instance(String),
    /// A recording.
    File(PathBuf),
}

/// `shrike status --reconcile`.
///
/// # Errors
/// A ledger cannot be found or read.
pub(crate) fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    let places = places(args)?;
    let deadline = Instant::now() + Duration::from_secs(args.wait);
    let comparison = until_agreement(&places, deadline)?;
    if args.json {
        println!("{:#}", comparison.to_json());
    } else {
        print!("{}", comparison.to_text());
        println!("{}", verdict(&comparison));
    }
    Ok(if comparison.agrees() { Exit::Ok } else { Exit::Failed })
}

/// One sentence.
pub(crate) fn verdict(comparison: &Comparison) -> String {
    let sources = comparison.sources.join(", ");
    if comparison.agrees() {
        return format!("{sources} agree to the last digit and row ({} fills)", comparison.fills);
    }
    let totals = comparison.lines.iter().filter(|line| !line.agrees()).count();
    format!("{sources} DISAGREE: {totals} totals and {} rows differ", comparison.rows.len())
}

fn places(args: &StatusArgs) -> Result<Places, Failure> {
    if let Some(dir) = &args.dir {
        let run = RunFile::read(dir)?;
        let recorded = dir.join(JOURNAL_FILE);
        let is_finished = run.finished_ms.is_some();
        let run_window = run.window();
        return Ok(Places {
            venue: match &args.ledger {
                Some(ledger) => ledger.clone(),
                None if is_finished => dir.join(LEDGER_FILE).to_string_lossy().into_owned(),
                None => run.ledger_url,
            },
            journal: if is_finished {
                JournalPlace::File(recorded)
            } else {
                JournalPlace::Instance(run.instance)
            },
            // The stored URL has no password: the environment's is the one that works.
            database: match &args.database {
                Some(given) if database::without_password(given) == run.database => given.clone(),
                _ => run.database,
            },
            window: run_window,
            running: !is_finished,
        });
    }
    let instance = resolve(args.instance.as_deref())?;
    let Some(ledger) = &args.ledger else {
        return Err(Failure::new(
            Exit::Usage,
            "which venue ledger shall be compared?",
            "give --dir RUN_DIR of a demo, or --ledger FILE|URL of a local venue",
        ));
    };
    let Some(database) = &args.database else {
        return Err(Failure::new(
            Exit::Usage,
            "which database shall be compared?",
            "give --database FILE|URL, or set DATABASE_URL",
        ));
    };
    Ok(Places {
        venue: ledger.clone(),
        journal: JournalPlace::Instance(instance),
        database: database.clone(),
        window: database::Window::ALL,
        running: true,
    })
}

/// Compares; a running system may have fills on their way, so it is looked at again until all
/// agree or time is up.
///
/// # Errors
/// A ledger cannot be read.
pub(crate) fn until_agreement(places: &Places, deadline: Instant) -> Result<Comparison, Failure> {
    loop {
        let comparison = once(places)?;
        if comparison.agrees() || !places.running || Instant::now() >= deadline {
            return Ok(comparison);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn once(places: &Places) -> Result<Comparison, Failure> {
    // The venue first: what it knows, the others must come to know; what they know beyond it is
    // newer and cut off.
    let venue = venue::read(&places.venue)?;
    let (mut journal, _) = match &places.journal {
        JournalPlace::Instance(name) => journal::live(name)?,
        JournalPlace::File(path) => {
            journal::recorded(path.display().to_string(), &recording::read(path)?)
        }
    };
    let (mut database, _) = database::read(&places.database, &places.window)?;
    let mut venue = venue;
    if places.running {
        cut_to_common(&mut venue, &mut journal, &mut database);
    }
    Ok(compare(&[&venue, &journal, &database]))
}

/// Makes three views of a running system comparable: nothing newer than the venue's, and nothing
/// older than the journal still holds.
fn cut_to_common(venue: &mut Ledger, journal: &mut Ledger, database: &mut Ledger) {
    let newest = venue.newest();
    let moved = journal.newest() != newest;
    journal.cut(&newest);
    database.cut(&newest);
    if journal.lost > 0 {
        // The oldest fill a shortened journal tells of each symbol.
        let mut oldest = std::collections::BTreeMap::new();
        for (symbol, trade_id, _) in journal.fills.keys() {
            oldest.entry(symbol.clone()).or_insert(*trade_id);
        }
        for ledger in [&mut *venue, &mut *database] {
            ledger.fills.retain(|(symbol, trade_id, _), _| {
                oldest.get(symbol).is_some_and(|oldest| trade_id >= oldest)
            });
        }
    }
    for ledger in [venue, journal, database] {
        ledger.total_orders();
        // Orders end while they are looked at, and old ones may be gone from the journal.
        ledger.placed = None;
        if moved {
            // Wallet and positions are of other moments: only fills can be compared.
            ledger.wallet = None;
            ledger.positions = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::fill;
    use schema::{Notional, Side};

    fn ledger(source: &'static str, ids: std::ops::Range<i64>) -> Ledger {
        let mut ledger = Ledger::new(source, "test");
        for id in ids {
            ledger.add(fill(id, Side::Buy, "0.001"));
        }
        ledger.total_orders();
        ledger.wallet = Some(Notional::from_units(1));
        ledger
    }

    #[test]
    fn a_running_system_is_compared_up_to_what_the_venue_told() {
        let mut venue = ledger("venue", 1..10);
        let (mut journal, mut database) = (ledger("journal", 1..13), ledger("database", 1..11));
        cut_to_common(&mut venue, &mut journal, &mut database);
        let comparison = compare(&[&venue, &journal, &database]);
        assert!(comparison.agrees(), "{}", comparison.to_text());
        assert_eq!(comparison.fills, 9);
        assert_eq!(venue.wallet, None, "of another moment");
    }

    #[test]
    fn a_fill_that_never_arrives_is_not_cut_away() {
        let mut venue = ledger("venue", 1..10);
        let (mut journal, mut database) = (ledger("journal", 1..10), ledger("database", 1..8));
        cut_to_common(&mut venue, &mut journal, &mut database);
        let comparison = compare(&[&venue, &journal, &database]);
        assert_eq!(comparison.rows.iter().filter(|row| row.contains("missing in the")).count(), 2);
        assert!(verdict(&comparison).contains("DISAGREE"));
    }

    #[test]
    fn a_shortened_journal_is_compared_from_its_oldest_fill() {
        let mut venue = ledger("venue", 1..10);
        let (mut journal, mut database) = (ledger("journal", 5..10), ledger("database", 1..10));
        journal.lost = 40;
        cut_to_common(&mut venue, &mut journal, &mut database);
        let comparison = compare(&[&venue, &journal, &database]);
        assert!(comparison.agrees(), "{}", comparison.to_text());
        assert_eq!(comparison.fills, 5);
    }

    #[test]
    fn a_run_directory_describes_itself() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let run = RunFile {
            instance: "demo-1".to_owned(),
            database: "shrike.db".to_owned(),
            ledger_url: "http://127.0.0.1:1/shrike/ledger".to_owned(),
            started_ms: 5,
            finished_ms: Some(9),
        };
        run.write(dir.path()).expect("written");
        let window = run.window();
        assert_eq!((window.from_ms, window.to_ms), (5, 9));
        assert_eq!(window.instance.as_deref(), Some("demo-1"));
        assert_eq!(RunFile::read(dir.path()), Ok(run));
        let missing = RunFile::read(Path::new("/nowhere")).expect_err("no directory");
        assert_eq!(missing.exit, Exit::NoInstance);
    }
}
