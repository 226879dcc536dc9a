//! The kill switch's latch: a file that is there while the switch is pressed.
//!
//! Not in shared memory, because it must outlive a reboot. Any file of the name counts, whoever
//! made it and whatever it holds: a person may press by `touch`. The first who presses is kept.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use schema::KillTrigger;

/// Who pressed, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressed {
    /// What pressed it; [`KillTrigger::Latch`] for a file that does not say.
    pub trigger: KillTrigger,
    /// User id of the person or process.
    pub uid: u32,
    /// When, Unix time, ns; zero for a file that does not say.
    pub wall_ns: i64,
    /// Why, in a person's or a process's words, one line.
    pub reason: String,
    /// Which process wrote it.
    pub by: String,
}

impl Pressed {
    fn to_text(&self) -> String {
        let line = |text: &str| text.replace(|c: char| c.is_control(), " ");
        format!(
            "trigger={}\nuid={}\nwall_ns={}\nby={}\nreason={}\n",
            self.trigger,
            self.uid,
            self.wall_ns,
            line(&self.by),
            line(&self.reason),
        )
    }

    /// Whatever can be made of a file.
    fn from_text(text: &str) -> Self {
        let find = |key: &str| {
            text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or("")
        };
        Self {
            trigger: KillTrigger::from_wire(find("trigger").as_bytes())
                .unwrap_or(KillTrigger::Latch),
            uid: find("uid").parse().unwrap_or_default(),
            wall_ns: find("wall_ns").parse().unwrap_or_default(),
            reason: find("reason").to_owned(),
            by: find("by").to_owned(),
        }
    }
}

/// Who pressed it; `None` while it is not pressed.
///
/// # Errors
/// It cannot be known whether it is there: let no risk be added.
pub fn read(path: &Path) -> io::Result<Option<Pressed>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Pressed::from_text(&String::from_utf8_lossy(&bytes)))),
        // It is there and cannot be read: a folder, a link to nowhere, a file of someone else.
        Err(_) if fs::symlink_metadata(path).is_ok() => Ok(Some(Pressed::from_text(""))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Presses it and waits until that is on the disk; `false` if it was pressed before, whose word
/// then stays. Interrupted at any line it is pressed as a whole or not at all.
///
/// # Errors
/// It could not be written.
pub fn press(path: &Path, pressed: &Pressed) -> io::Result<bool> {
    let folder = folder_of(path);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let unfinished = unfinished(path);
    let written = write_whole(&unfinished, &pressed.to_text());
    // A link fails where a rename would replace: the first wins.
    let linked = written.and_then(|()| match fs::hard_link(&unfinished, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    });
    // What stays of it is not the latch; the next to press has another name.
    let _ = fs::remove_file(&unfinished);
    let is_first = linked?;
    File::open(&folder)?.sync_all()?;
    Ok(is_first)
}

/// Takes it away and waits until that is on the disk; who had pressed it, if anybody had.
///
/// # Errors
/// It could not be removed: it is still pressed.
pub fn release(path: &Path) -> io::Result<Option<Pressed>> {
    let Some(pressed) = read(path)? else { return Ok(None) };
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    File::open(folder_of(path))?.sync_all()?;
    Ok(Some(pressed))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A name of its own for each attempt of each process.
fn unfinished(path: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}-{count}", std::process::id()));
    PathBuf::from(name)
}

fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    // What a process of the same id left behind when it died here is replaced.
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A folder of the test, removed at its end.
    struct Folder(PathBuf);
    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("latch-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
        fn latch(&self) -> PathBuf {
            self.0.join("state/killed")
        }
    }
    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn pressed(reason: &str) -> Pressed {
        Pressed {
            trigger: KillTrigger::Drawdown,
            uid: 7,
            wall_ns: 5,
            reason: reason.to_owned(),
            by: "guard".to_owned(),
        }
    }

    #[test]
    fn the_first_who_presses_is_kept_until_it_is_released() {
        let folder = Folder::new("first");
        let latch = folder.latch();
        assert_eq!(read(&latch).unwrap(), None);
        assert!(press(&latch, &pressed("fell\ntoo far")).unwrap());
        assert!(!press(&latch, &pressed("again")).unwrap());
        assert_eq!(read(&latch).unwrap(), Some(pressed("fell too far")));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&latch), mode(latch.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(latch.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(release(&latch).unwrap(), Some(pressed("fell too far")));
        assert_eq!((read(&latch).unwrap(), release(&latch).unwrap()), (None, None));
    }

    #[test]
    fn whatever_is_there_counts_as_pressed() {
        let folder = Folder::new("whatever");
        let latch = folder.latch();
        fs::create_dir_all(latch.parent().unwrap()).unwrap();
        for bytes in [&b""[..], b"\xff\xfe", b"trigger=moon\nuid=x\n"] {
            fs::write(&latch, bytes).unwrap();
            assert_eq!(read(&latch).unwrap().unwrap().trigger, KillTrigger::Latch);
        }
        fs::remove_file(&latch).unwrap();
        fs::create_dir(&latch).unwrap();
        assert_eq!(read(&latch).unwrap().unwrap().trigger, KillTrigger::Latch);
        fs::remove_dir(&latch).unwrap();
        std::os::unix::fs::symlink("/nowhere", &latch).unwrap();
        assert!(!press(&latch, &pressed("a link to nowhere is there")).unwrap());
        assert_eq!(read(&latch).unwrap().unwrap().trigger, KillTrigger::Latch);
    }

    #[test]
    fn of_many_who_press_at_once_one_is_first() {
        let folder = Folder::new("many");
        let latch = folder.latch();
        let firsts: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    let latch = &latch;
                    scope.spawn(move || press(latch, &pressed(&number.to_string())).unwrap())
                })
                .collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(firsts, 1);
        assert_eq!(read(&latch).unwrap().unwrap().trigger, KillTrigger::Drawdown);
    }
}
