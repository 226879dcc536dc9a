//! A secret in a file: read when it is used, wiped after, never shown.

use core::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use zeroize::Zeroizing;

/// Longest secret: addresses of webhooks have about a hundred bytes.
const BYTES_MAX: u64 = 4 << 10;

/// Where a secret is. It is read for each message, so that a new one needs no restart and none
/// stays in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretFile(PathBuf);

impl SecretFile {
    /// A secret in `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }
    /// The text without surrounding blanks.
    ///
    /// # Errors
    /// If the file cannot be read, is open to others, too long, empty, or not one line of text.
    pub fn text(&self) -> anyhow::Result<Zeroizing<String>> {
        let shown = self.0.display();
        let metadata =
            std::fs::metadata(&self.0).with_context(|| format!("cannot read {shown}"))?;
        let mode = metadata.permissions().mode() & 0o777;
        ensure!(
            mode & 0o077 == 0,
            "{shown} has mode {mode:o} and is open to others; run chmod 600 {shown}"
        );
        ensure!(metadata.len() <= BYTES_MAX, "{shown} is too long for a secret");
        let bytes =
            Zeroizing::new(std::fs::read(&self.0).with_context(|| format!("cannot read {shown}"))?);
        let text = core::str::from_utf8(&bytes)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
            .with_context(|| format!("{shown} is not text"))?
            .trim();
        ensure!(!text.is_empty(), "{shown} is empty; write the secret to it");
        ensure!(!text.contains(char::is_control), "{shown} has more than one line");
        Ok(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretFile({})", self.0.display())
    }
}
