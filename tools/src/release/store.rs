//! Where releases lie: side by side, each with its manifest; `current` and `last-good` as links.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::exit::{Exit, Failure};

/// Programs without which a release is none.
pub(crate) const PROGRAMS: [&str; 5] = ["trader", "guard", "persist", "metrics", "shrike"];
/// What describes a release, beside its files.
pub(crate) const MANIFEST: &str = "manifest.json";
/// Checksums that may come with a release, in the format of `sha256sum`.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// What a release is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Name of its folder.
    pub(crate) id: String,
    /// What its programs call themselves, the same of all.
    pub(crate) version: String,
    /// When it was taken in, RFC 3339.
    pub(crate) at: String,
    /// Who took it in.
    pub(crate) by: String,
    /// From where.
    pub(crate) from: String,
    /// SHA-256 of every file, by its path inside the release.
    pub(crate) files: BTreeMap<String, String>,
}

/// One of the two links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// What is started.
    Current,
    /// What passed its probation last.
    LastGood,
}

impl Link {
    const fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::LastGood => "last-good",
        }
    }
}

/// The folder of all releases of an environment.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the folder, making it when it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn open(root: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(root.join("releases")).map_err(|error| Failure::file(root, &error))?;
        let root = root.canonicalize().map_err(|error| Failure::file(root, &error))?;
        Ok(Self { root })
    }
    /// A file of the store.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
    /// Folder of a release.
    pub(crate) fn release(&self, id: &str) -> PathBuf {
        self.root.join("releases").join(id)
    }
    /// Whether there is a release of this name.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.release(id).join(MANIFEST).is_file()
    }
    /// The release a link points to, if it points to one.
    pub(crate) fn linked(&self, link: Link) -> Option<String> {
        let target = fs::read_link(self.path(link.name())).ok()?;
        let id = target.file_name()?.to_str()?.to_owned();
        self.has(&id).then_some(id)
    }
    /// Points a link to a release: whole or not at all, and on the disk when this returns.
    ///
    /// # Errors
    /// There is no such release, or the folder cannot be written.
    pub(crate) fn link(&self, link: Link, id: &str) -> Result<(), Failure> {
        if !self.has(id) {
            return Err(self.unknown(id));
        }
        let path = self.path(link.name());
        let unfinished = self.path(&format!(".{}.new-{}", link.name(), std::process::id()));
        let swap = || {
            let _ = fs::remove_file(&unfinished);
            symlink(Path::new("releases").join(id), &unfinished)?;
            fs::rename(&unfinished, &path)?;
            File::open(&self.root)?.sync_all()
        };
        swap().map_err(|error| Failure::file(&path, &error))
    }
    /// Names of all releases, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("releases")).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut ids: Vec<String> = names.filter(|name| is_id(name)).collect();
        ids.sort();
        ids
    }
    /// What describes a release.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub(crate) fn manifest(&self, id: &str) -> Result<Manifest, Failure> {
        let path = self.release(id).join(MANIFEST);
        let text = fs::read_to_string(&path).map_err(|_| self.unknown(id))?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::new(
                Exit::Data,
                format!("{}: {error}", path.display()),
                "the release is damaged: deploy it again under another id",
            )
        })
    }
    /// What differs between a release and its manifest; nothing for a sound one.
    ///
    /// # Errors
    /// As [`Self::manifest`].
    pub(crate) fn damage(&self, id: &str) -> Result<Vec<String>, Failure> {
        let manifest = self.manifest(id)?;
        let found = checksums(&self.release(id))?;
        Ok(differences(&manifest.files, &found))
    }
    /// Refuses a release that is not what was taken in.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn demand_sound(&self, id: &str) -> Result<(), Failure> {
        let damage = self.damage(id)?;
        if damage.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Data,
            format!("release {id} is damaged: {}", damage.join(", ")),
            "nothing was started from it; deploy it again under another id",
        ))
    }
    fn unknown(&self, id: &str) -> Failure {
        Failure::new(
            Exit::NoInstance,
            format!("there is no release `{id}` in {}", self.path("releases").display()),
            format!("there are: {}", self.ids().join(", ")),
        )
    }
}

/// Whether a text can be a release's name: a folder's name that needs no quotes.
pub(crate) fn is_id(text: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    (1..=64).contains(&text.len())
        && text.chars().all(is_fine)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Writes a file whole or not at all, on the disk when this returns.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let unfinished = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut options = File::options();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o644).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| Failure::file(path, &error))
}

/// SHA-256 of every file below a folder but its manifest, by path.
///
/// # Errors
/// Something cannot be read, or is neither a file nor a folder.
pub(crate) fn checksums(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        let entries = fs::read_dir(&inner).map_err(|error| Failure::file(&inner, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| Failure::file(&inner, &error))?.path();
            let kind = fs::symlink_metadata(&path).map_err(|error| Failure::file(&path, &error))?;
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            if !kind.is_file() {
                return Err(Failure::new(
                    Exit::Data,
                    format!("{} is neither a file nor a folder", path.display()),
                    "a release holds plain files: a link may lead to another release",
                ));
            }
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            if name != MANIFEST && name != SUMS {
                found.insert(name, checksum(&path)?);
            }
        }
    }
    Ok(found)
}

fn checksum(path: &Path) -> Result<String, Failure> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut file = File::open(path).map_err(|error| Failure::file(path, &error))?;
    loop {
        let count = file.read(&mut buffer).map_err(|error| Failure::file(path, &error))?;
        if count == 0 {
            let bytes = digest.finalize();
            return Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        digest.update(&buffer[..count]);
    }
}

/// What two lists of files do not agree on, in words.
pub(crate) fn differences(
    told: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> Vec<String> {
    let missing = told.keys().filter(|name| !found.contains_key(*name));
    let missing = missing.map(|name| format!("{name} is missing"));
    let others = found.iter().filter_map(|(name, sum)| match told.get(name) {
        None => Some(format!("{name} is not listed")),
        Some(told) if told != sum => Some(format!("{name} has changed")),
        Some(_) => None,
    });
    missing.chain(others).collect()
}

/// Reads the format of `sha256sum`: `HEX  PATH` or `HEX *PATH`.
///
/// # Errors
/// A line that is none, naming it.
pub(crate) fn parse_sums(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut sums = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let parts = line.split_once(char::is_whitespace);
        let is_sum = |sum: &str| sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit());
        let Some((sum, path)) = parts.filter(|(sum, _)| is_sum(sum)) else {
            return Err(format!("`{line}` is not a line of sha256sum"));
        };
        let path = path.trim_start().trim_start_matches('*').trim_start_matches("./");
        sums.insert(path.to_owned(), sum.to_lowercase());
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &Store, id: &str, text: &str) {
        let folder = store.release(id);
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/trader"), text).unwrap();
        let files = checksums(&folder).unwrap();
        let manifest = Manifest {
            id: id.to_owned(),
            version: "1".to_owned(),
            at: String::new(),
            by: String::new(),
            from: String::new(),
            files,
        };
        let text = serde_json::to_string(&manifest).unwrap();
        write_whole(&folder.join(MANIFEST), &text).unwrap();
    }

    #[test]
    fn a_link_is_changed_whole_and_only_to_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        put(&store, "a", "1");
        put(&store, "b", "2");
        assert_eq!(store.linked(Link::Current), None);
        store.link(Link::Current, "a").unwrap();
        store.link(Link::LastGood, "a").unwrap();
        store.link(Link::Current, "b").unwrap();
        assert_eq!(store.linked(Link::Current).as_deref(), Some("b"));
        assert_eq!(store.linked(Link::LastGood).as_deref(), Some("a"));
        let failure = store.link(Link::Current, "c").unwrap_err();
        assert_eq!(failure.exit, Exit::NoInstance);
        assert!(failure.next.contains("a, b"), "{failure}");
        assert_eq!(store.linked(Link::Current).as_deref(), Some("b"));
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }

    #[test]
    fn damage_is_named_file_by_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        put(&store, "a", "1");
        assert_eq!(store.damage("a").unwrap(), Vec::<String>::new());
        fs::write(store.release("a").join("bin/trader"), "2").unwrap();
        fs::write(store.release("a").join("bin/more"), "2").unwrap();
        let damage = store.damage("a").unwrap();
        assert_eq!(damage, ["bin/more is not listed", "bin/trader has changed"]);
        assert_eq!(store.demand_sound("a").unwrap_err().exit, Exit::Data);
        fs::remove_file(store.release("a").join("bin/trader")).unwrap();
        assert!(store.damage("a").unwrap()[0].contains("is missing"));
        symlink("/etc/passwd", store.release("a").join("bin/trader")).unwrap();
        assert!(store.damage("a").is_err(), "a link is no file of a release");
    }

    #[test]
    fn sums_are_those_of_sha256sum() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x"), "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let found = checksums(dir.path()).unwrap();
        assert_eq!(parse_sums(&format!("{abc}  x\n")).unwrap(), found);
        assert_eq!(parse_sums(&format!("{abc} *./x\n")).unwrap(), found);
        assert!(parse_sums("abc  x").is_err());
    }

    #[test]
    fn an_id_is_a_plain_word() {
        for id in ["2026-11-23", "v1.2_3+git", "a"] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", ".", "..", "a/b", ".hidden", "a b", "-x", &"x".repeat(65)] {
            assert!(!is_id(id), "{id}");
        }
    }
}
