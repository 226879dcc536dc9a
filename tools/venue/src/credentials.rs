//! Keys of an account: API key, HMAC secret and Ed25519 key pair, made from a seed; and a second
//! key of the same account for a risk manager that shares nothing with the one it watches.
//!
//! On production a key has one type; here one API key takes HMAC and Ed25519 signatures alike, so
//! that a client needs one account for REST by HMAC and `session.logon` by Ed25519.

use std::path::Path;

use anyhow::Context;
use base64::Engine;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Keys of one account. One API key takes HMAC and Ed25519 signatures alike.
#[derive(Clone)]
pub struct Credentials {
    /// Name of the account.
    pub name: String,
    /// API key, 64 characters.
    pub api_key: String,
    /// HMAC-SHA256 secret, 64 characters.
    pub api_secret: String,
    /// Ed25519 private key as PKCS#8 PEM.
    pub ed25519_pem: String,
    /// The same key as its 32 secret bytes.
    pub(crate) ed25519_seed: [u8; 32],
    /// A second API key of the account, 64 characters; it takes HMAC signatures.
    pub guard_api_key: String,
    /// Its secret.
    pub guard_api_secret: String,
}

/// PKCS#8 v1 header of an Ed25519 key (RFC 8410); the 32 secret bytes follow.
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// Length of the venue's API keys and secrets in characters.
const KEY_CHARS: usize = 64;
/// What they are made of.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Credentials {
    /// Keys of the account number `index` of the venue seeded with `seed`.
    pub fn generate(name: &str, seed: u64, index: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let ed25519_seed: [u8; 32] = random.random();
        let der = [PKCS8_HEAD.as_slice(), ed25519_seed.as_slice()].concat();
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        Self {
            name: name.to_owned(),
            api_key: random_text(&mut random, KEY_CHARS),
            api_secret: random_text(&mut random, KEY_CHARS),
            ed25519_pem: format!(
                "-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
            ),
            ed25519_seed,
            guard_api_key: random_text(&mut random, KEY_CHARS),
            guard_api_secret: random_text(&mut random, KEY_CHARS),
        }
    }

    /// Writes `api_key`, `api_secret`, `ed25519.pem`, `guard_api_key` and `guard_api_secret` into
    /// `dir`, readable by the owner alone.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, dir: &Path) -> anyhow::Result<()> {
        write_private(&dir.join("api_key"), &self.api_key)?;
        write_private(&dir.join("api_secret"), &self.api_secret)?;
        write_private(&dir.join("ed25519.pem"), &self.ed25519_pem)?;
        write_private(&dir.join("guard_api_key"), &self.guard_api_key)?;
        write_private(&dir.join("guard_api_secret"), &self.guard_api_secret)
    }
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Letters and digits of the venue's keys.
pub(crate) fn random_text(random: &mut StdRng, length: usize) -> String {
    (0..length).map(|_| ALPHABET[random.random_range(0..ALPHABET.len())] as char).collect()
}

/// Writes a file of mode 0600, replacing one that is there.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    write().with_context(|| format!("cannot write {}; is the directory there?", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_keys_and_accounts_differ() {
        let first = Credentials::generate("a", 7, 0);
        let again = Credentials::generate("a", 7, 0);
        let other = Credentials::generate("b", 7, 1);
        assert_eq!(first.api_key, again.api_key);
        assert_eq!(first.ed25519_pem, again.ed25519_pem);
        assert_ne!(first.api_key, other.api_key);
        assert_eq!(first.api_key.len(), KEY_CHARS);
    }

    #[test]
    fn secrets_are_never_printed() {
        let keys = Credentials::generate("a", 7, 0);
        let shown = format!("{keys:?}");
        assert!(!shown.contains(&keys.api_secret) && !shown.contains(&keys.api_key), "{shown}");
    }

    #[test]
    fn files_are_readable_by_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("temp dir");
        let keys = Credentials::generate("a", 7, 0);
        keys.write(dir.path()).expect("written");
        for name in ["api_key", "api_secret", "ed25519.pem", "guard_api_key", "guard_api_secret"] {
            let mode = std::fs::metadata(dir.path().join(name)).expect(name).permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert!(keys.write(&dir.path().join("absent")).is_err());
    }
}
