//! API keys: from files or the environment, never printed, wiped after use.
//!
//! In this order: the files the configuration names, `$CREDENTIALS_DIRECTORY/api_key` and
//! `api_secret` (systemd's `LoadCredential`), `SHRIKE_API_KEY` and `SHRIKE_API_SECRET`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use binance::sign::{Ed25519Key, HmacKey, Signer};

use super::{KeyType, Keys};

/// A text that is wiped when dropped and never shown.
pub struct Secret(Vec<u8>);

impl Secret {
    /// The text without surrounding blanks.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn text(&self) -> anyhow::Result<&str> {
        Ok(core::str::from_utf8(&self.0).context("a key is not text")?.trim())
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        std::hint::black_box(&self.0); // the wiping is not optimised away
    }
}

/// The API key and what signs with it.
#[derive(Debug)]
pub struct Credentials {
    /// The API key: an identifier, yet not printed either.
    pub api_key: Secret,
    /// What signs.
    pub signer: Signer,
}

/// Reads both.
///
/// # Errors
/// If one is nowhere, unreadable, open to others, or not a key of its kind; says what to do.
pub fn load(keys: &Keys) -> anyhow::Result<Credentials> {
    let api_key = find(keys.api_key_file.as_deref(), "api_key", "SHRIKE_API_KEY")?;
    ensure!(!api_key.text()?.is_empty(), "the API key is empty; write the key to its file");
    let secret = find(keys.api_secret_file.as_deref(), "api_secret", "SHRIKE_API_SECRET")?;
    let text = secret.text()?;
    ensure!(!text.is_empty(), "the API secret is empty; write the secret to its file");
    let signer = match keys.key_type {
        KeyType::Hmac => {
            ensure!(
                !text.contains("-----BEGIN"),
                "the secret is a PEM key; set keys.key_type = \"ed25519\""
            );
            Signer::Hmac(HmacKey::new(text.as_bytes()))
        }
        KeyType::Ed25519 => Signer::Ed25519(Ed25519Key::from_pkcs8_pem(text).map_err(|error| {
            anyhow::anyhow!(
                "the secret is not an Ed25519 key in PKCS#8 PEM ({error}); make one with \
                 `openssl genpkey -algorithm ed25519`"
            )
        })?),
    };
    Ok(Credentials { api_key, signer })
}

fn find(file: Option<&Path>, credential: &str, variable: &str) -> anyhow::Result<Secret> {
    if let Some(path) = file {
        return read(path);
    }
    if let Some(directory) = std::env::var_os("CREDENTIALS_DIRECTORY") {
        let path = PathBuf::from(directory).join(credential);
        if path.exists() {
            return read(&path);
        }
    }
    match std::env::var(variable) {
        Ok(text) => Ok(Secret(text.into_bytes())),
        Err(_) => bail!(
            "no {credential}: name keys.{credential}_file in the configuration, or set {variable}"
        ),
    }
}

fn read(path: &Path) -> anyhow::Result<Secret> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {shown}"))?;
    let mode = metadata.permissions().mode() & 0o777;
    ensure!(
        mode & 0o077 == 0,
        "{shown} has mode {mode:o} and is open to others; run chmod 600 {shown}"
    );
    ensure!(metadata.len() <= 16 << 10, "{shown} is too long for a key");
    Ok(Secret(std::fs::read(path).with_context(|| format!("cannot read {shown}"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, text).expect("temp dir");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("own file");
        path
    }

    #[test]
    fn keys_come_from_files_of_mode_0600_and_are_not_shown() {
        let dir = tempfile::tempdir().expect("temp dir");
        let keys = Keys {
            api_key_file: Some(file(dir.path(), "key", "abc\n", 0o600)),
            api_secret_file: Some(file(dir.path(), "secret", "xyz\n", 0o600)),
            key_type: KeyType::Hmac,
        };
        let credentials = load(&keys).expect("both files are fine");
        assert_eq!(credentials.api_key.text().expect("text"), "abc");
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("abc") && !shown.contains("xyz"), "{shown}");
    }

    #[test]
    fn an_open_file_and_a_wrong_kind_are_refused_with_a_remedy() {
        let dir = tempfile::tempdir().expect("temp dir");
        let open = Keys {
            api_key_file: Some(file(dir.path(), "key", "abc", 0o644)),
            api_secret_file: Some(file(dir.path(), "secret", "xyz", 0o600)),
            key_type: KeyType::Hmac,
        };
        let error = load(&open).expect_err("mode 644").to_string();
        assert!(error.contains("chmod 600"), "{error}");
        let wrong = Keys {
            api_key_file: Some(file(dir.path(), "key2", "abc", 0o600)),
            key_type: KeyType::Ed25519,
            ..open
        };
        let error = load(&wrong).expect_err("not PEM").to_string();
        assert!(error.contains("PEM"), "{error}");
    }
}
