//! The audit trail: who asked for what, when, why, and what became of it.
//!
//! One JSON object a line in `audit.jsonl`, beside the kill switch's latch: it is there when no
//! trader and no database is. A row is written before anything is sent and another when its result
//! is known, each with one `write` and put on the disk; what was refused or not confirmed is a row
//! too. Only the words of the person and of the program go in, no configuration and no key.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::cli::AuditArgs;
use crate::exit::{Exit, Failure};
use crate::run_place::Place;

/// Name of the file.
const FILE: &str = "audit.jsonl";
/// Longest text kept of a person, bytes.
const TEXT_MAX: usize = 400;
/// Most read back: about 100,000 rows.
const READ_MAX: u64 = 32 << 20;

/// Where the trail of a latch is.
pub(crate) fn file_beside(latch: &Path) -> PathBuf {
    latch.parent().unwrap_or(Path::new(".")).join(FILE)
}

/// Wall time, Unix ns.
pub(crate) fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// UTC with milliseconds.
pub(crate) fn utc(wall_ns: i64) -> String {
    let time = chrono::DateTime::from_timestamp_nanos(wall_ns);
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The user id of this process.
pub(crate) fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

/// The name of a user id, or the number.
pub(crate) fn user(uid: u32) -> String {
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&known, uid).unwrap_or_else(|| uid.to_string())
}

fn name_in(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Who logged in, which `su` and `sudo` do not change; `None` where the kernel does not keep it.
fn login_uid() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Instance.
    pub(crate) instance: String,
    /// The command's name.
    pub(crate) verb: &'static str,
    /// What exactly: symbol, limit and value; empty if the name says it all.
    pub(crate) detail: String,
    /// Why, in the person's words.
    pub(crate) reason: String,
    /// The command's number.
    pub(crate) nonce: u64,
}

fn row(asked: &Asked, result: &str) -> Value {
    let (wall_ns, uid) = (wall_ns(), uid());
    let login = login_uid().filter(|login| *login != uid).map(user);
    json!({
        "time": utc(wall_ns), "wall_ns": wall_ns, "uid": uid, "user": user(uid), "login": login,
        "instance": asked.instance, "command": asked.verb, "detail": cut(&asked.detail),
        "reason": cut(&asked.reason), "nonce": asked.nonce.to_string(), "result": cut(result),
    })
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What a new line begins with: a line break, if the last one was torn (a full disk, a power cut).
pub(crate) fn line_break(file: &mut File) -> io::Result<&'static str> {
    let end = file.metadata()?.len();
    let mut last = [b'\n'];
    if end > 0 {
        file.seek(SeekFrom::Start(end - 1))?;
        file.read_exact(&mut last)?;
    }
    Ok(if last == *b"\n" { "" } else { "\n" })
}

/// Appends a row and waits until it is on the disk.
///
/// # Errors
/// It could not be written.
pub(crate) fn append(file: &Path, asked: &Asked, result: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let is_new = !file.exists();
    let mut out = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file)?;
    // One write of a whole line: rows of two commands do not mix.
    let line = format!("{}{}\n", line_break(&mut out)?, row(asked, result));
    out.write_all(line.as_bytes())?;
    out.sync_all()?;
    if is_new {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The last rows, oldest first, and how many lines are no rows.
fn last(file: &Path, count: usize) -> io::Result<(Vec<Value>, usize)> {
    let mut input = File::open(file)?;
    let bytes = input.metadata()?.len();
    input.seek(SeekFrom::Start(bytes.saturating_sub(READ_MAX)))?;
    let mut text = Vec::new();
    input.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let rows: Vec<Result<Value, _>> = text.lines().map(serde_json::from_str::<Value>).collect();
    // The first line read may be a part of one.
    let bad = rows.iter().skip(usize::from(bytes > READ_MAX)).filter(|row| row.is_err()).count();
    let mut rows: Vec<Value> = rows.into_iter().filter_map(Result::ok).collect();
    rows.drain(..rows.len().saturating_sub(count));
    Ok((rows, bad))
}

/// `shrike audit`.
///
/// # Errors
/// No such instance, or a trail that cannot be read.
pub(crate) fn run(args: &AuditArgs) -> Result<Exit, Failure> {
    let place = Place::find(args.instance.as_deref(), &args.file)?;
    let file = file_beside(&place.latch()?);
    let (rows, bad) = match last(&file, args.last) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => (vec![], 0),
        read => read.map_err(|error| Failure::file(&file, &error))?,
    };
    if args.json {
        let file = file.display().to_string();
        println!("{:#}", json!({ "file": file, "rows": rows, "unreadable_lines": bad }));
    } else {
        rows.iter().for_each(|row| println!("{}", line(row)));
        if rows.is_empty() {
            println!("{}: nothing was asked for yet", file.display());
        }
    }
    if bad > 0 {
        eprintln!("{}: {bad} lines cannot be read: look at them by hand", file.display());
    }
    Ok(Exit::Ok)
}

fn line(row: &Value) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let or_dash = |key: &str| Some(text(key)).filter(|text| !text.is_empty());
    let user = match row["login"].as_str() {
        Some(login) => format!("{} (login {login})", text("user")),
        None => text("user"),
    };
    let what = match or_dash("detail") {
        Some(detail) => format!("{} {detail}", text("command")),
        None => text("command"),
    };
    let reason = or_dash("reason").map_or(String::new(), |reason| format!("  “{reason}”"));
    format!(
        "{}  {user:<10} {:<12} {what:<28} {}{reason}",
        text("time"),
        text("instance"),
        text("result")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(detail: &str) -> Asked {
        Asked {
            instance: "paper".to_owned(),
            verb: "limits set",
            detail: detail.to_owned(),
            reason: "thin\n\"book\"".to_owned(),
            nonce: u64::MAX,
        }
    }

    #[test]
    fn a_torn_row_takes_no_other_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE);
        std::fs::write(&file, "{\"time\": \"half a r").expect("written");
        append(&file, &asked("exposure 5"), "asked").expect("written");
        append(&file, &asked("exposure 5"), "accepted").expect("written");
        let (rows, bad) = last(&file, 10).expect("read");
        assert_eq!((rows.len(), bad), (2, 1));
    }

    #[test]
    fn rows_are_appended_whole_and_for_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let file = file_beside(&folder.path().join("state/killed"));
        for (detail, result) in [("exposure 5", "asked"), ("exposure 5", "accepted")] {
            append(&file, &asked(detail), result).expect("written");
        }
        std::fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .and_then(|mut file| file.write_all(b"torn {\n"))
            .expect("written");
        append(&file, &asked(&"x".repeat(5_000)), "refused").expect("written");
        let (rows, bad) = last(&file, 2).expect("read");
        assert_eq!((rows.len(), bad), (2, 1));
        assert_eq!(rows[0]["result"], "accepted");
        assert_eq!(rows[0]["nonce"], u64::MAX.to_string());
        assert_eq!(rows[0]["reason"], "thin\n\"book\"");
        assert_eq!(rows[0]["uid"], uid());
        assert_eq!(rows[1]["detail"].as_str().map(str::len), Some(TEXT_MAX));
        let mode = std::fs::metadata(&file).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert!(line(&rows[0]).contains("limits set exposure 5"), "{}", line(&rows[0]));
    }

    #[test]
    fn names_are_those_of_the_user_table() {
        let table = "root:x:0:0:root:/root:/bin/sh\ntrader:x:1000:1000::/home/trader:/bin/sh\n";
        assert_eq!(name_in(table, 1000).as_deref(), Some("trader"));
        assert_eq!(name_in(table, 7), None);
        assert_eq!(name_in("", 0), None);
    }
}
