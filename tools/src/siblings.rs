//! The other binaries: they lie beside this one, and under cargo they are built when needed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::exit::{Exit, Failure};

/// What a run needs besides `shrike` itself.
pub(crate) const RUN: [&str; 4] = ["trader", "guard", "persist", "metrics"];

/// Where a sibling is.
///
/// # Errors
/// Exit 69 if it is not there.
pub(crate) fn find(name: &str) -> Result<PathBuf, Failure> {
    let path = directory()?.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::new(
        Exit::Unavailable,
        format!("{} is not there: the binary `{name}` is not built", path.display()),
        "build it: cargo build --release --bins",
    ))
}

/// Builds siblings when this runs under cargo (which has only built `shrike`), or says which are
/// missing.
///
/// # Errors
/// Exit 69 if one is missing and cannot be built.
pub(crate) fn ensure(names: &[&str], may_build: bool) -> Result<(), Failure> {
    let directory = directory()?;
    if may_build && let Some(cargo) = std::env::var_os("CARGO") {
        build(Path::new(&cargo), &directory, names)?;
    }
    for name in names {
        find(name)?;
    }
    Ok(())
}

fn directory() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe();
    own.ok().and_then(|path| path.parent().map(Path::to_owned)).ok_or_else(|| {
        Failure::new(
            Exit::Unavailable,
            "the path of this program is not known",
            "is /proc mounted?",
        )
    })
}

fn build(cargo: &Path, directory: &Path, names: &[&str]) -> Result<(), Failure> {
    let root = workspace_root();
    let Some(profile) = profile_arguments(directory) else { return Ok(()) };
    if !root.join("Cargo.toml").is_file() {
        return Ok(());
    }
    eprintln!("building {} (only what is missing or older than its sources)", names.join(", "));
    let mut command = Command::new(cargo);
    command.arg("build").args(profile).current_dir(&root);
    for name in names {
        command.args(["--bin", name]);
    }
    // What `cargo run` says of this package would make build scripts of others run again, and with
    // them half of the tree be built again, in turn here and there.
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&key);
        }
    }
    let status = command.status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::new(
            Exit::Unavailable,
            format!("cargo could not build {} in {}", names.join(", "), root.display()),
            "its messages stand above",
        )),
        Err(error) => Err(Failure::new(
            Exit::Unavailable,
            format!("cannot run {}: {error}", cargo.display()),
            "build by hand: cargo build --release --bins",
        )),
    }
}

/// The workspace this was built in; cargo says where the package is when it runs it.
pub(crate) fn workspace_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or_else(|| package.clone(), Path::to_owned)
}

/// Arguments that give the profile whose directory this is; `None` outside a build directory.
fn profile_arguments(directory: &Path) -> Option<Vec<String>> {
    match directory.file_name()?.to_str()? {
        "debug" => Some(vec![]),
        "release" => Some(vec!["--release".to_owned()]),
        "bin" | "deps" => None,
        other => Some(vec!["--profile".to_owned(), other.to_owned()]),
    }
}

/// Finds a file of `config/`: below the current directory, or in the workspace.
///
/// # Errors
/// Exit 66 naming the places looked at.
pub(crate) fn config_file(name: &str) -> Result<PathBuf, Failure> {
    let file = format!("config/{name}.toml");
    let places = [PathBuf::from(&file), workspace_root().join(&file)];
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.clone());
    }
    Err(Failure::new(
        Exit::NoInstance,
        format!("there is no {} (nor {})", places[0].display(), places[1].display()),
        "run in the directory that holds config/, or name the file with --config",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_are_built_with_the_profile_of_this_binary() {
        let arguments = |path: &str| profile_arguments(Path::new(path));
        assert_eq!(arguments("/w/target/debug"), Some(vec![]));
        assert_eq!(arguments("/w/target/release"), Some(vec!["--release".to_owned()]));
        let bench = Some(vec!["--profile".to_owned(), "bench".to_owned()]);
        assert_eq!(arguments("/w/target/bench"), bench);
        assert_eq!(arguments("/usr/local/bin"), None);
    }

    #[test]
    fn a_missing_sibling_says_how_to_build_it() {
        let failure = find("no-such-binary").expect_err("not built");
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.what.contains("no-such-binary"));
        assert!(failure.next.contains("cargo build"));
    }

    #[test]
    fn a_missing_configuration_names_where_it_was_looked_for() {
        let failure = config_file("no-such-environment").expect_err("not there");
        assert!(failure.what.contains("config/no-such-environment.toml"));
    }
}
