//! The recordings: `SHRIKE_DATA`, else `../shared/data` beside the workspace.

use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The data directory, or `None` with a printed line.
pub(crate) fn directory() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("SHRIKE_DATA").map_or(beside, PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    println!("data not found: {} (set SHRIKE_DATA); recordings not checked", path.display());
    None
}

/// A file's bytes, unpacked if its name ends in `.gz`.
pub(crate) fn read(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_none_or(|extension| extension != "gz") {
        return bytes;
    }
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(&*bytes);
    decoder.read_to_end(&mut unpacked).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    unpacked
}

/// All files below a directory, sorted.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{path:?}: {error}")) {
            let path = entry.expect("a directory entry").path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
