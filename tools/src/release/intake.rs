//! Taking a release in: copied, verified, tried, and only then named.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::overlay;
use super::settings::Settings;
use super::state::audit;
use super::store::{
    Link, MANIFEST, Manifest, PROGRAMS, SUMS, Store, checksums, differences, is_id, parse_sums,
    write_whole,
};
use crate::exit::{Exit, Failure};

/// How long a program may take to say its version, or what it thinks of a file.
const TRY: Duration = Duration::from_secs(10);

/// The name a release gets unless one is given: the source's, without `.tar.gz`.
///
/// # Errors
/// It cannot be one.
pub(crate) fn id_of(source: &Path, given: Option<&str>) -> Result<String, Failure> {
    let name = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.strip_suffix(".tar.gz").or(name.strip_suffix(".tgz")).unwrap_or(&name);
    let id = given.unwrap_or(name);
    if is_id(id) {
        return Ok(id.to_owned());
    }
    Err(Failure::new(
        Exit::Usage,
        format!("`{id}` cannot be a release's name"),
        "give --id: letters, digits, `.`, `-`, `_`, `+`, at most 64",
    ))
}

/// Takes a source in as release `id`; what is there already with the same contents stays.
///
/// # Errors
/// It is not complete, does not agree with its checksums, does not run, does not like the
/// configuration, or another one has this name. Then nothing is left of it.
pub(crate) fn take(
    store: &Store,
    settings: &Settings,
    source: &Path,
    id: &str,
) -> Result<Manifest, Failure> {
    let unfinished = Unfinished::make(store, id)?;
    let folder = &unfinished.0;
    println!("copying {} to {}", source.display(), folder.display());
    bring(source, folder)?;
    let files = verified(source, folder)?;
    println!("verified {} files", files.len());
    if store.has(id) {
        let known = store.manifest(id)?;
        store.demand_sound(id)?;
        let differing = differences(&known.files, &files);
        if differing.is_empty() {
            // It may not have come that far then, or the file has changed since.
            checked(store, settings, id)?;
            println!("release {id} is there already, with the same contents");
            return Ok(known);
        }
        return Err(Failure::new(
            Exit::Data,
            format!("there is another release `{id}`: {}", differing.join(", ")),
            "a release is never changed: give this one another --id",
        ));
    }
    let version = tried(folder)?;
    let manifest = Manifest {
        id: id.to_owned(),
        version,
        at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        by: format!("uid {}", rustix::process::getuid().as_raw()),
        from: source.canonicalize().unwrap_or_else(|_| source.to_owned()).display().to_string(),
        files,
    };
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|error| Failure::new(Exit::Failed, format!("{MANIFEST}: {error}"), ""))?;
    write_whole(&folder.join(MANIFEST), &text)?;
    sync(folder)?;
    let place = store.release(id);
    // Without its manifest it is what is left of one that was refused, unless it runs.
    if [Link::Current, Link::LastGood].iter().all(|link| store.linked(*link).as_deref() != Some(id))
    {
        let _ = fs::remove_dir_all(&place);
    }
    fs::rename(folder, &place).map_err(|error| Failure::file(&place, &error))?;
    if let Err(failure) = checked(store, settings, id) {
        let _ = fs::remove_dir_all(&place);
        return Err(failure);
    }
    sync(&store.path("releases"))?;
    audit(store, "taken", id, &json!({"version": manifest.version, "from": manifest.from}))?;
    Ok(manifest)
}

/// A folder beside the releases that is gone unless it became one.
struct Unfinished(PathBuf);

impl Unfinished {
    fn make(store: &Store, id: &str) -> Result<Self, Failure> {
        // Begins with a dot: no release is called so. What a killed process left is replaced.
        let path = store.release(&format!(".new-{id}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).map_err(|error| Failure::file(&path, &error))?;
        Ok(Self(path))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies a folder, or unpacks an archive.
fn bring(source: &Path, folder: &Path) -> Result<(), Failure> {
    let kind = fs::metadata(source).map_err(|error| Failure::file(source, &error))?;
    if kind.is_file() {
        return unpack(source, folder);
    }
    let bin = source.join("bin");
    if bin.is_dir() {
        copy_all(&bin, &folder.join("bin"))?;
        for name in ["config", SUMS] {
            let from = source.join(name);
            if from.is_dir() {
                copy_all(&from, &folder.join(name))?;
            } else if from.exists() {
                copy(&from, &folder.join(name))?;
            }
        }
        return Ok(());
    }
    // A build folder holds more than the programs: only they are taken.
    let bin = folder.join("bin");
    fs::create_dir(&bin).map_err(|error| Failure::file(&bin, &error))?;
    for name in PROGRAMS {
        let from = source.join(name);
        if from.exists() {
            copy(&from, &bin.join(name))?;
        }
    }
    Ok(())
}

fn unpack(source: &Path, folder: &Path) -> Result<(), Failure> {
    let bad = |what: String| {
        let next = "pack it as `tar -czf NAME.tar.gz -C DIR bin config SHA256SUMS`";
        Failure::new(Exit::Data, format!("{}: {what}", source.display()), next)
    };
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(source).arg("-C").arg(folder);
    let output = tar
        .args(["--no-same-owner", "--no-same-permissions"])
        .output()
        .map_err(|error| bad(format!("tar: {error}")))?;
    if !output.status.success() {
        return Err(bad(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    if folder.join("bin").is_dir() {
        return Ok(());
    }
    // One folder around it all is as usual as none.
    let inner: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    let [only] = inner.as_slice() else { return Err(bad("it holds no bin/".to_owned())) };
    if !only.path().join("bin").is_dir() {
        return Err(bad("it holds no bin/".to_owned()));
    }
    let around = only.path();
    for entry in fs::read_dir(&around).into_iter().flatten().flatten() {
        let to = folder.join(entry.file_name());
        fs::rename(entry.path(), &to).map_err(|error| Failure::file(&to, &error))?;
    }
    fs::remove_dir(&around).map_err(|error| Failure::file(&around, &error))
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(|error| Failure::file(to, &error))?;
    let entries = fs::read_dir(from).map_err(|error| Failure::file(from, &error))?;
    for entry in entries.flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_all(&from, &to)?;
        } else {
            copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Copies a file with its mode; a link becomes what it leads to.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to).map(|_| ()).map_err(|error| Failure::file(from, &error))
}

/// Checksums of what was brought, which those that came with it must be.
fn verified(
    source: &Path,
    folder: &Path,
) -> Result<std::collections::BTreeMap<String, String>, Failure> {
    let files = checksums(folder)?;
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|name| {
            let mode = fs::metadata(folder.join("bin").join(name)).map(|file| file.permissions());
            mode.map_or(true, |mode| mode.mode() & 0o111 == 0)
        })
        .collect();
    if !missing.is_empty() {
        return Err(Failure::new(
            Exit::Data,
            format!("{}: no program {}", source.display(), missing.join(", ")),
            "build it whole: cargo build --release --bins; programs lie in bin/ or by themselves",
        ));
    }
    let Ok(text) = fs::read_to_string(folder.join(SUMS)) else { return Ok(files) };
    let bad = |what: String| {
        let next = "it was damaged or changed on its way: fetch it again";
        Failure::new(Exit::Data, format!("{}/{SUMS}: {what}", source.display()), next)
    };
    let told = parse_sums(&text).map_err(bad)?;
    let differing = differences(&told, &files);
    if differing.is_empty() { Ok(files) } else { Err(bad(differing.join(", "))) }
}

/// Runs every program's `--version`; they must be of one version.
fn tried(folder: &Path) -> Result<String, Failure> {
    let mut versions = vec![];
    for name in PROGRAMS {
        let output = run(&folder.join("bin").join(name), &["--version".as_ref()])?;
        let version = output.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        versions.push((name, version));
    }
    let first = versions[0].1.clone();
    if versions.iter().all(|(_, version)| *version == first) && !first.is_empty() {
        println!("every program runs: version {first}");
        return Ok(first);
    }
    let texts: Vec<String> =
        versions.iter().map(|(name, version)| format!("{name} {version:?}")).collect();
    Err(Failure::new(
        Exit::Data,
        format!("the programs are of different versions: {}", texts.join(", ")),
        "take all of them from one build",
    ))
}

/// Lets trader and guard of the release read the configuration they will be started with.
fn checked(store: &Store, settings: &Settings, id: &str) -> Result<(), Failure> {
    let config = overlay::config(store, settings, id)?;
    let bin = store.release(id).join("bin");
    run(&bin.join("trader"), &["check-config".as_ref(), config.as_os_str()])?;
    run(&bin.join("guard"), &["--check".as_ref(), config.as_os_str()])?;
    println!("trader and guard accept {}", config.display());
    Ok(())
}

/// Output of a program that must end well, and soon.
fn run(program: &Path, arguments: &[&std::ffi::OsStr]) -> Result<String, Failure> {
    let words: Vec<String> =
        arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let bad = |what: String| {
        Failure::new(
            Exit::Data,
            format!("{} {}: {what}", program.display(), words.join(" ")),
            "the release is not taken in; it must be built for this host and this configuration",
        )
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| bad(error.to_string()))?;
    let deadline = Instant::now() + TRY;
    while child.try_wait().map_err(|error| bad(error.to_string()))?.is_none() {
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(bad(format!("no end after {} s", TRY.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().map_err(|error| bad(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(bad(format!("{}: {}", output.status, said.trim())))
}

/// Everything below a folder is on the disk.
fn sync(folder: &Path) -> Result<(), Failure> {
    let open = fs::File::open(folder).map_err(|error| Failure::file(folder, &error))?;
    rustix::fs::syncfs(&open).map_err(|error| Failure::file(folder, &error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source whose programs say they are `version` and accept every file.
    fn source(folder: &Path, version: &str) {
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).unwrap();
        for name in PROGRAMS {
            let path = bin.join(name);
            fs::write(&path, format!("#!/bin/sh\necho {name} {version}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    struct Bench {
        dir: tempfile::TempDir,
        store: Store,
        settings: Settings,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let config = dir.path().join("paper.toml");
            let text = "environment = \"paper\"\ninstance = \"p\"\n[start]\nenabled = false\n\
                        [release]\ndir = \"r\"\n";
            fs::write(&config, text).unwrap();
            let root = dir.path().join("opt");
            let place = crate::cli::PlaceArgs {
                environment: None,
                config: Some(config),
                releases: Some(root.clone()),
            };
            let settings = Settings::read(&place).unwrap();
            source(&dir.path().join("new"), "1.0");
            Self { store: Store::open(&root).unwrap(), settings, dir }
        }
        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }
        fn take(&self, source: &str, id: &str) -> Result<Manifest, Failure> {
            take(&self.store, &self.settings, &self.path(source), id)
        }
        #[track_caller]
        fn refused(&self, source: &str, id: &str, why: &str) {
            let failure = self.take(source, id).unwrap_err();
            assert!(failure.what.contains(why), "{failure}");
            assert_eq!(self.store.ids(), Vec::<String>::new(), "nothing is left");
            assert_eq!(fs::read_dir(self.store.path("releases")).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_release_is_taken_in_once_and_never_changed() {
        let bench = Bench::new();
        let manifest = bench.take("new", "a").unwrap();
        assert_eq!((manifest.version.as_str(), manifest.files.len()), ("1.0", 5));
        assert_eq!(bench.store.damage("a").unwrap(), Vec::<String>::new());
        assert_eq!(bench.take("new", "a").unwrap(), manifest);
        source(&bench.path("other"), "1.1");
        let failure = bench.take("other", "a").unwrap_err();
        assert!(failure.what.contains("another release `a`"), "{failure}");
        assert_eq!(bench.store.manifest("a").unwrap(), manifest);
    }

    #[test]
    fn what_is_incomplete_changed_or_does_not_run_is_refused() {
        let bench = Bench::new();
        let bin = bench.path("new").join("bin");
        fs::write(bench.path("new").join(SUMS), format!("{}  bin/trader\n", "0".repeat(64)))
            .unwrap();
        bench.refused("new", "a", "bin/trader has changed");
        fs::remove_file(bench.path("new").join(SUMS)).unwrap();
        fs::rename(bin.join("guard"), bin.join("keep")).unwrap();
        bench.refused("new", "a", "no program guard");
        fs::rename(bin.join("keep"), bin.join("guard")).unwrap();
        fs::write(bin.join("persist"), "#!/bin/sh\necho persist 2.0\n").unwrap();
        bench.refused("new", "a", "different versions");
        fs::write(bin.join("persist"), "#!/bin/sh\nexit 3\n").unwrap();
        bench.refused("new", "a", "persist --version");
        source(&bench.path("new"), "1.0");
        let text = "#!/bin/sh\n[ $1 = --version ] && echo trader 1.0 || exit 78\n";
        fs::write(bin.join("trader"), text).unwrap();
        bench.refused("new", "a", "check-config");
        source(&bench.path("new"), "1.0");
        fs::create_dir(bench.path("new").join("config")).unwrap();
        fs::write(bench.path("new/config/paper.toml"), "[limits]\nx = 1\n").unwrap();
        bench.refused("new", "a", "may bring");
    }

    #[test]
    fn an_archive_is_as_good_as_a_folder() {
        let bench = Bench::new();
        for (name, arguments) in
            [("flat.tar.gz", ["-C", "new", "bin"]), ("in.tar.gz", ["-C", ".", "new"])]
        {
            let status = Command::new("tar")
                .current_dir(bench.dir.path())
                .args(["-czf", name])
                .args(arguments)
                .status();
            assert!(status.unwrap().success());
            let id = id_of(&bench.path(name), None).unwrap();
            let manifest = bench.take(name, &id).unwrap();
            assert_eq!(manifest.files.len(), 5);
        }
        assert_eq!(bench.store.ids(), ["flat", "in"]);
        fs::write(bench.path("bad.tar.gz"), "x").unwrap();
        assert_eq!(bench.take("bad.tar.gz", "bad").unwrap_err().exit, Exit::Data);
    }
}
