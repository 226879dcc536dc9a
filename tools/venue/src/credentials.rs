//! Keys of an account: API key, HMAC secret and Ed25519 key pair, made from a seed.

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
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}
