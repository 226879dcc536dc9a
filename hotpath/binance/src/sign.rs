//! Signatures: HMAC-SHA256 with the key absorbed once, and Ed25519.

use core::fmt;

/// Bytes of the longest signature as text: base64 of 64 bytes.
pub const SIGNATURE_BYTES_MAX: usize = 88;

/// Why a key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// The text is not one PKCS#8 private key in PEM.
    Pem,
    /// The key is not an Ed25519 private key.
    NotEd25519,
    /// The secret is empty.
    Empty,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "not a PKCS#8 private key in PEM (BEGIN PRIVATE KEY)",
            Self::NotEd25519 => "not an Ed25519 private key",
            Self::Empty => "the secret is empty",
        })
    }
}
impl core::error::Error for KeyError {}

/// An HMAC-SHA256 secret as hash states; wiped when dropped, never printed.
#[derive(Clone)]
pub struct HmacKey(());

impl HmacKey {
    /// Absorbs the secret, which the caller should wipe.
    pub fn new(secret: &[u8]) -> Self {
        let _ = secret;
        Self(())
    }
    /// The signature of `payload` as 64 lowercase hex digits.
    pub fn sign_hex(&self, payload: &[u8]) -> [u8; 64] {
        let _ = payload;
        unimplemented!()
    }
}
impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey")
    }
}

/// An Ed25519 private key; never printed.
#[derive(Clone)]
pub struct Ed25519Key(());

impl Ed25519Key {
    /// From the PEM text of a PKCS#8 file (`openssl genpkey -algorithm ed25519`).
    ///
    /// # Errors
    /// [`KeyError`] if it is not such a key.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        let _ = pem;
        Err(KeyError::Pem)
    }
    /// From the 32 secret bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let _ = seed;
        Self(())
    }
    /// The 32 bytes of the public key.
    pub fn public_key(&self) -> [u8; 32] {
        unimplemented!()
    }
    /// Writes the signature of `payload` in base64 and returns its length, 88.
    ///
    /// # Panics
    /// If `out` is shorter than [`SIGNATURE_BYTES_MAX`].
    pub fn sign_base64(&self, payload: &[u8], out: &mut [u8]) -> usize {
        let _ = (payload, out);
        unimplemented!()
    }
}
impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Key")
    }
}

/// Either kind of key.
#[derive(Debug, Clone)]
pub enum Signer {
    /// HMAC-SHA256: every request is signed.
    Hmac(HmacKey),
    /// Ed25519: requests are signed, or one `session.logon` is.
    Ed25519(Ed25519Key),
}
