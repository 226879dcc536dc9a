//! Names the build by what decides: the sources of the engine and of its words. Two programs with
//! the same name give the same outputs for the same inputs.

use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for folder in [root.join("src"), root.join("../../shm/schema/src")] {
        println!("cargo:rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        collect(&folder, &mut files);
        files.sort();
        for file in files {
            let text = std::fs::read(&file).unwrap_or_default();
            let name = file.strip_prefix(&folder).unwrap_or(&file);
            hash = fnv(fnv(hash, name.to_string_lossy().as_bytes()), &text);
        }
    }
    let planted = std::env::var_os("CARGO_FEATURE_PLANTED").map_or("", |_| "-planted");
    println!("cargo:rustc-env=SHRIKE_ENGINE_BUILD={hash:016x}{planted}");
}

/// Source files that are not tests.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_test = path.file_stem().is_some_and(|name| name.to_string_lossy().contains("tests"));
        if is_test {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// FNV-1a: tells sources apart, secures nothing.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(hash, step)
}
