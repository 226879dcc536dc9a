//! The arrows between the rooms, as ARCHITECTURE.md draws them, read from the manifests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item};

/// Who may depend on whom inside the workspace. Nobody but tests depends on `trader`.
const ARROWS: &[(&str, &[&str])] = &[
    ("schema", &[]),
    ("rings", &["schema"]),
    ("engine", &["schema"]),
    ("binance", &["schema"]),
    ("trader", &["schema", "rings", "engine", "binance"]),
    ("backtest", &["schema", "engine"]),
    ("persist", &["schema", "rings"]),
    ("metrics", &["schema", "rings"]),
    ("guard", &["schema", "rings", "binance"]),
    ("venue", &["schema", "backtest", "binance"]),
    ("tools", &["schema", "rings", "engine", "binance", "venue", "guard"]),
    ("bench", &["schema", "rings", "binance"]),
    ("tests", &["schema", "engine", "binance", "trader", "backtest", "venue"]),
    ("ci", &[]),
    ("fuzz", &["schema", "rings", "engine", "binance", "trader", "backtest", "tools"]),
];

/// The whole of what the deterministic core may use.
const ENGINE_DEPENDENCIES: &[&str] = &["schema", "fixed"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifest(path: &Path) -> DocumentMut {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Package name to (folder, names under `[dependencies]`).
fn packages() -> BTreeMap<String, (String, Vec<String>)> {
    let workspace = manifest(&root().join("Cargo.toml"));
    let members = workspace["workspace"]["members"].as_array().expect("members is a list");
    members
        .iter()
        .map(|member| {
            let folder = member.as_str().expect("a member is a path").to_owned();
            let document = manifest(&root().join(&folder).join("Cargo.toml"));
            let name = document["package"]["name"].as_str().expect("a name").to_owned();
            let dependencies = document
                .get("dependencies")
                .and_then(Item::as_table)
                .map(|table| table.iter().map(|(name, _)| name.to_owned()).collect())
                .unwrap_or_default();
            (name, (folder, dependencies))
        })
        .collect()
}

#[test]
fn rooms_depend_only_along_the_arrows() {
    let packages = packages();
    let known: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, (_, dependencies)) in &packages {
        let allowed = ARROWS
            .iter()
            .find(|(room, _)| room == name)
            .unwrap_or_else(|| panic!("package {name} has no place in the arrows"))
            .1;
        for dependency in dependencies.iter().filter(|d| known.contains(&d.as_str())) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
    }
    for name in known {
        assert!(packages.contains_key(name), "the arrows name {name}, which is no package");
    }
}

#[test]
fn folders_are_named_as_their_packages() {
    for (name, (folder, _)) in packages() {
        let last = folder.rsplit('/').next().expect("split gives at least one part");
        assert_eq!(last, name, "folder {folder} holds package {name}");
    }
}

#[test]
fn engine_uses_nothing_that_touches_the_world() {
    let packages = packages();
    let (folder, dependencies) = &packages["engine"];
    for dependency in dependencies {
        assert!(ENGINE_DEPENDENCIES.contains(&dependency.as_str()), "engine uses {dependency}");
    }
    for source in super::tidy::sources(&root().join(folder).join("src")) {
        // Its tests read recorded tapes.
        if super::tidy::is_test(&source.display().to_string()) {
            continue;
        }
        let text = std::fs::read_to_string(&source).expect("a source file is readable");
        for word in ["std::time", "std::net", "std::fs", "std::env", "SystemTime", "Instant::now"] {
            assert!(!text.contains(word), "{}: engine must not use {word}", source.display());
        }
    }
}
