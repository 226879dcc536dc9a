//! What a release brings of its own configuration: how it decides, never how far it may go.
//!
//! `config/ENVIRONMENT.toml` of a release may set `[strategy]` and `[signal]`. They replace those
//! tables of the environment's file, which stays the only place of limits, keys, addresses, guard
//! and the kill switch. The result lies beside the environment's file, because what it names is
//! relative to that.

use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use super::settings::Settings;
use super::store::{Store, write_whole};
use crate::exit::{Exit, Failure};

/// Tables a release may bring.
const TABLES: [&str; 2] = ["strategy", "signal"];

/// The file a release's processes are started with.
///
/// # Errors
/// The overlay holds what it may not, or cannot be read; the folder cannot be written.
pub(crate) fn config(store: &Store, settings: &Settings, id: &str) -> Result<PathBuf, Failure> {
    let overlay = store.release(id).join("config").join(format!("{}.toml", settings.environment));
    let Some(text) = of(&overlay, &settings.config)? else { return Ok(settings.config.clone()) };
    let path = settings.config.with_extension(format!("{id}.toml"));
    // Every reader of the same release writes the same text.
    write_whole(&path, &text)?;
    Ok(path)
}

/// The text of both, if there is an overlay.
fn of(overlay: &Path, base: &Path) -> Result<Option<String>, Failure> {
    let own = match std::fs::read_to_string(overlay) {
        Ok(own) => own,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(overlay, &error)),
    };
    let text = std::fs::read_to_string(base).map_err(|error| Failure::file(base, &error))?;
    merge(&text, &own).map(Some).map_err(|what| {
        Failure::new(
            Exit::Config,
            format!("{}: {what}", overlay.display()),
            "limits, keys, addresses, guard and the kill switch are the environment's file's alone",
        )
    })
}

fn merge(base: &str, own: &str) -> Result<String, String> {
    let mut document: DocumentMut = base.parse().map_err(|error| format!("{error}"))?;
    let own: DocumentMut = own.parse().map_err(|error| format!("{error}"))?;
    for (key, item) in own.iter() {
        if !TABLES.contains(&key) || !item.is_table() {
            return Err(format!("a release may bring [{}], not {key}", TABLES.join("] and [")));
        }
        document[key] = item.clone();
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_decides_how_and_not_how_far() {
        let base = "a = 1\n[strategy]\nname = \"x\"\nold = 1\n[limits]\nmax = 5\n";
        let merged = merge(base, "[strategy]\nname = \"y\"\n").unwrap();
        assert!(merged.contains("name = \"y\"") && merged.contains("max = 5"), "{merged}");
        assert!(!merged.contains("old"), "{merged}");
        for own in ["[limits]\nmax = 6\n", "a = 2\n", "[kill]\n", "strategy = 1\n", "[guard]\n"] {
            assert!(merge(base, own).unwrap_err().contains("may bring"), "{own}");
        }
    }
}
