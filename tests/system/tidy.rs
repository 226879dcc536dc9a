//! House rules that no lint knows: where `unsafe` may stand, nothing left open, no machine's paths.

use std::path::{Path, PathBuf};

use super::arrows::root;

/// Files that may hold `unsafe`; each says why at its top. Tests may count allocations.
const UNSAFE_ALLOWED: &[&str] =
    &["shm/rings/src/", "hotpath/trader/src/alloc.rs", "hotpath/trader/src/tsc.rs", "bench/"];

/// Every Rust file under a folder, in order.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if name != "target" && !name.to_string_lossy().starts_with('.') {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn all() -> Vec<(String, String)> {
    let root = root().canonicalize().expect("the workspace exists");
    let files: Vec<_> = sources(&root)
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("under the root").display().to_string();
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, text)
        })
        .collect();
    assert!(files.len() > 50, "found only {} source files", files.len());
    files
}

/// Whether a source file holds tests alone.
pub(crate) fn is_test(name: &str) -> bool {
    let name = name.rsplit_once("/src/").map_or(name, |(_, inside)| inside);
    name.contains("tests/") || name.ends_with("tests.rs")
}

#[test]
fn unsafe_stands_only_where_it_is_allowed() {
    // Built from parts, so that this file does not find itself.
    let keyword = ["un", "safe"].concat();
    for (name, text) in all() {
        if UNSAFE_ALLOWED.iter().any(|allowed| name.starts_with(allowed)) || is_test(&name) {
            continue;
        }
        for form in [" {", " fn", " impl", " extern"] {
            assert!(!text.contains(&format!("{keyword}{form}")), "{name} holds {keyword}{form}");
        }
    }
}

#[test]
fn nothing_is_left_open() {
    let words = [["TO", "DO"], ["FIX", "ME"], ["todo", "!("], ["unimplemented", "!("]];
    let ignored = ["#[", "ignore"].concat();
    for (name, text) in all() {
        for word in words.iter().map(|parts| parts.concat()).chain([ignored.clone()]) {
            assert!(!text.contains(&word), "{name} holds {word}");
        }
    }
}

#[test]
fn every_crate_says_what_it_is_for() {
    for (name, text) in all() {
        if name.ends_with("src/lib.rs") || name.ends_with("src/main.rs") {
            assert!(text.trim_start().starts_with("//!"), "{name} does not begin with //!");
            let words = text.lines().take_while(|line| line.starts_with("//!")).count();
            assert!(words >= 1, "{name} says nothing about itself");
        }
    }
}

#[test]
fn documents_that_must_exist_do() {
    for name in ["README.md", "ARCHITECTURE.md", "LICENSE", ".cargo/deny.toml", ".ci/run"] {
        let path = root().join(name);
        let bytes = std::fs::metadata(&path).unwrap_or_else(|e| panic!("{name}: {e}")).len();
        assert!(bytes > 100, "{name} is all but empty");
    }
}
