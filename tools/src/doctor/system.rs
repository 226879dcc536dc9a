//! Configuration, latch, database, and the builds of what runs and of what lies on the disk.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::OpenFlags;

use super::{Check, File};
use crate::exit::Failure;
use crate::kill::{latch_of, who};
use crate::ledger::database::{is_postgres, without_password};
use crate::siblings;

/// Migrations of this build.
const MIGRATIONS: i64 = 5;
/// Longest wait for the database.
const DATABASE_WAIT: Duration = Duration::from_secs(3);
const VERSIONS: &str = "SELECT MAX(version) FROM schema_migrations";

/// The file as the trader reads it; guard's reader took it already.
pub(super) fn config(file: &File) -> Vec<Check> {
    const NAME: &str = "config";
    let mut checks = vec![Check::ok(NAME, format!("guard reads {}", file.path.display()))];
    let asked = siblings::find("trader").and_then(|trader| {
        let output = Command::new(&trader).arg("check-config").arg(&file.path).output();
        output.map_err(|error| Failure::file(&trader, &error))
    });
    checks.push(match asked {
        Err(failure) => Check::fail(NAME, failure.what, failure.next),
        Ok(output) if output.status.success() => Check::ok(NAME, "the trader reads it"),
        Ok(output) => {
            let mistakes = String::from_utf8_lossy(&output.stderr);
            let first = mistakes.lines().next().unwrap_or("no word").to_owned();
            let path = file.path.display();
            Check::fail(NAME, first, format!("shrike check-config {path} lists all mistakes"))
        }
    });
    checks
}

/// The kill switch.
pub(super) fn latch(path: &Path) -> Check {
    const NAME: &str = "kill switch";
    match latch_of(path) {
        Ok(None) => Check::ok(NAME, "not pressed"),
        Ok(Some(pressed)) => Check::fail(
            NAME,
            format!("pressed by {}", who(&pressed)),
            "find the cause, then `shrike unkill --reason …` and `shrike resume`",
        ),
        Err(error) => Check::fail(NAME, error, "who cannot read it takes it for pressed"),
    }
}

/// Whether the database is there and of this build.
pub(super) fn database(place: Option<&str>) -> Check {
    const NAME: &str = "database";
    let Some(place) = place else {
        let remedy = "name it: --database FILE, or DATABASE_URL";
        return Check::warn(NAME, "none is named, so none is checked", remedy);
    };
    let shown = without_password(place);
    let version = match is_postgres(place) {
        true => postgres_version(place),
        false => sqlite_version(place),
    };
    match version {
        Err(error) => {
            let remedy = "is the server up, and did persist ever run on it?";
            Check::fail(NAME, format!("{shown}: {error}"), remedy)
        }
        Ok(MIGRATIONS) => Check::ok(NAME, format!("{shown}: migrated to {MIGRATIONS}")),
        Ok(version) if version < MIGRATIONS => Check::warn(
            NAME,
            format!("{shown}: migrated to {version} of {MIGRATIONS}"),
            "start persist: it migrates at its start",
        ),
        Ok(version) => Check::fail(
            NAME,
            format!("{shown}: migrated to {version}, this build knows {MIGRATIONS}"),
            "it was written by a newer build: use that one",
        ),
    }
}

fn sqlite_version(place: &str) -> Result<i64, String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let read = rusqlite::Connection::open_with_flags(place, flags)
        .and_then(|database| database.query_row(VERSIONS, [], |row| row.get::<_, Option<i64>>(0)));
    read.map(Option::unwrap_or_default).map_err(|error| error.to_string())
}

fn postgres_version(place: &str) -> Result<i64, String> {
    let read = || -> Result<i64, postgres::Error> {
        let mut config: postgres::Config = place.parse()?;
        config.connect_timeout(DATABASE_WAIT);
        let mut database = config.connect(postgres::NoTls)?;
        let row = database
            .query_one("SELECT CAST(MAX(version) AS BIGINT) FROM schema_migrations", &[])?;
        Ok(row.get::<_, Option<i64>>(0).unwrap_or_default())
    };
    read().map_err(|error| match error.as_db_error() {
        Some(refused) => refused.message().to_owned(),
        None => error.to_string(),
    })
}

/// Builds of the run's processes among themselves, and of the programs beside this one.
pub(super) fn builds(instance: Option<&str>) -> Vec<Check> {
    let mut checks = vec![on_disk()];
    let Some(instance) = instance else { return checks };
    let processes = rings::processes(instance);
    let texts: Vec<String> =
        processes.iter().map(|one| format!("{} {}", one.name, one.build)).collect();
    let first = processes.first().map(|one| &one.build);
    checks.push(if processes.is_empty() {
        Check::ok("processes", "none runs")
    } else if processes.iter().all(|one| Some(&one.build) == first) {
        Check::ok("processes", texts.join(", "))
    } else {
        Check::fail(
            "processes",
            format!("of different builds: {}", texts.join(", ")),
            "restart all of them from one release: the trader does not arm otherwise",
        )
    });
    for one in &processes {
        let exe = std::fs::read_link(format!("/proc/{}/exe", one.pid)).unwrap_or_default();
        if exe.to_string_lossy().ends_with(" (deleted)") {
            checks.push(Check::warn(
                "processes",
                format!("{} runs a program that was replaced on the disk since", one.name),
                "restart it, so that what runs is what lies there",
            ));
        }
    }
    checks
}

fn on_disk() -> Check {
    const NAME: &str = "programs";
    let ours = env!("CARGO_PKG_VERSION");
    let mut wrong = Vec::new();
    for name in siblings::RUN {
        let told = siblings::find(name).ok().and_then(|program| {
            let output = Command::new(program).arg("--version").output().ok()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.split_whitespace().nth(1).map(str::to_owned)
        });
        match told {
            Some(version) if version == ours => {}
            Some(version) => wrong.push(format!("{name} is {version}")),
            None => wrong.push(format!("{name} is not there")),
        }
    }
    match wrong.is_empty() {
        true => Check::ok(NAME, format!("all beside this one are {ours}")),
        false => Check::fail(
            NAME,
            format!("shrike is {ours}, {}", wrong.join(", ")),
            "build or install all of one release: cargo build --release --bins",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn the_migrations_known_are_those_of_the_tree() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/sqlite");
        let count = std::fs::read_dir(folder).expect("the migrations").count();
        assert_eq!(count as i64, MIGRATIONS);
    }

    #[test]
    fn a_database_is_judged_by_its_migrations() {
        let dir = tempfile::tempdir().expect("a folder");
        let place = dir.path().join("a.db");
        let text = place.display().to_string();
        assert_eq!(database(Some(&text)).state, State::Fail, "not there");
        let made = rusqlite::Connection::open(&place).expect("made");
        assert_eq!(database(Some(&text)).state, State::Fail, "no table");
        made.execute_batch("CREATE TABLE schema_migrations (version INTEGER)").expect("made");
        assert_eq!(database(Some(&text)).state, State::Warn, "empty");
        for (version, state) in [(5, State::Ok), (6, State::Fail)] {
            let insert = "INSERT INTO schema_migrations VALUES (?1)";
            made.execute(insert, [version]).expect("written");
            assert_eq!(database(Some(&text)).state, state);
        }
        assert_eq!(database(None).state, State::Warn);
        let secret = database(Some("postgres://u:canary@127.0.0.1:1/x"));
        assert_eq!(secret.state, State::Fail);
        assert!(!format!("{secret:?}").contains("canary"), "{secret:?}");
    }

    #[test]
    fn a_pressed_switch_fails() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("killed");
        assert_eq!(latch(&path).state, State::Ok);
        std::fs::write(&path, "").expect("written");
        assert_eq!(latch(&path).state, State::Fail);
    }
}
