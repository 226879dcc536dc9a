//! Signatures: HMAC-SHA256 with the key absorbed once, and Ed25519.
//!
//! Absorbing the key costs two of the six block compressions of an order's signature, so it is done
//! when the key is read. sha2 finds the processor's SHA instructions itself; never build it with
//! `target-cpu=native` on a machine with AVX-512 (twenty times slower, PERF_FLOOR section 3).
//!
//! Wiped when dropped: the HMAC states and every copy of a secret made here. Not wiped: the expanded
//! Ed25519 key inside `ring`, which offers no way to it, and whatever the caller read the key from.

use core::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{Ed25519KeyPair, KeyPair};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of the longest signature as text: base64 of 64 bytes.
pub const SIGNATURE_BYTES_MAX: usize = 88;

/// Why a key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// The text is not one PKCS#8 private key in PEM.
    Pem,
    /// The key is not an Ed25519 private key.
    NotEd25519,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "not a PKCS#8 private key in PEM (BEGIN PRIVATE KEY)",
            Self::NotEd25519 => "not an Ed25519 private key",
        })
    }
}
impl core::error::Error for KeyError {}

/// An HMAC-SHA256 secret as hash states; wiped when dropped, never printed.
#[derive(Clone)]
pub struct HmacKey {
    state: Hmac<Sha256>,
}

impl HmacKey {
    /// Absorbs the secret, which the caller should wipe.
    pub fn new(secret: &[u8]) -> Self {
        let state = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self { state }
    }
    /// The signature of `payload` as 64 lowercase hex digits.
    #[inline]
    pub fn sign_hex(&self, payload: &[u8]) -> [u8; 64] {
        let mut state = self.state.clone();
        state.update(payload);
        hex(&state.finalize().into_bytes().into())
    }
    /// A key that signs as if `prefix` stood before every payload: its whole blocks are hashed now.
    pub fn with_prefix(&self, prefix: &[u8]) -> Self {
        let mut state = self.state.clone();
        state.update(prefix);
        Self { state }
    }
}
impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey")
    }
}

/// The two lowercase digits of every byte.
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

#[inline]
fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    let mut out = [0; 64];
    for (pair, &byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&HEX[usize::from(byte)]);
    }
    out
}

/// An Ed25519 private key; never printed.
#[derive(Clone)]
pub struct Ed25519Key {
    pair: Arc<Ed25519KeyPair>,
}

impl Ed25519Key {
    /// From the PEM text of a PKCS#8 file (`openssl genpkey -algorithm ed25519`).
    ///
    /// # Errors
    /// [`KeyError`] if it is not such a key.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        let (_, after) = pem.split_once("-----BEGIN PRIVATE KEY-----").ok_or(KeyError::Pem)?;
        let (body, _) = after.split_once("-----END PRIVATE KEY-----").ok_or(KeyError::Pem)?;
        // Room for the whole text at once: a growing vector would leave unwiped copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(body.len()));
        text.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        let mut der = Zeroizing::new(vec![0; text.len()]);
        let length = BASE64.decode_slice(&*text, &mut der).map_err(|_| KeyError::Pem)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der[..length])
            .map_err(|_| KeyError::NotEd25519)?;
        Ok(Self { pair: Arc::new(pair) })
    }
    /// From the 32 secret bytes, which the caller should wipe.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed is any 32 bytes");
        Self { pair: Arc::new(pair) }
    }
    /// The 32 bytes of the public key.
    pub fn public_key(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.pair.public_key().as_ref());
        out
    }
    /// Writes the signature of `payload` in base64 and returns its length, 88.
    ///
    /// # Panics
    /// If `out` is shorter than [`SIGNATURE_BYTES_MAX`].
    pub fn sign_base64(&self, payload: &[u8], out: &mut [u8]) -> usize {
        let signature = self.pair.sign(payload);
        BASE64.encode_slice(signature.as_ref(), out).expect("64 bytes are 88 in base64")
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

impl Signer {
    /// Writes the signature of `payload` (hex or base64) and returns its length.
    ///
    /// # Panics
    /// If `out` is shorter than [`SIGNATURE_BYTES_MAX`].
    pub fn sign(&self, payload: &[u8], out: &mut [u8]) -> usize {
        match self {
            Self::Hmac(key) => {
                let text = key.sign_hex(payload);
                out[..text.len()].copy_from_slice(&text);
                text.len()
            }
            Self::Ed25519(key) => key.sign_base64(payload, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";
    const V1: &[u8] = b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC\
        &recvWindow=5000&timestamp=1591702613943";

    fn seed() -> [u8; 32] {
        core::array::from_fn(|index| index as u8)
    }
    #[track_caller]
    fn check_ed25519(payload: &[u8], expected: &str) {
        let mut out = [0; SIGNATURE_BYTES_MAX];
        let length = Ed25519Key::from_seed(&seed()).sign_base64(payload, &mut out);
        assert_eq!(core::str::from_utf8(&out[..length]), Ok(expected));
    }

    #[test]
    fn published_hmac_vectors_hold() {
        let vectors: &[(&[u8], &str)] = &[
            (V1, "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"),
            (
                b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=9000\
                  &recvWindow=5000&timestamp=1591702613943",
                "ec11dcc17e67e47f0d3c3f513dfe9062307e37619c5c82ebaa8fe0bdf3d59519",
            ),
            (
                b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=9000\
                  &recvWindow=5000&timestamp= 1591702613943",
                "f9d0ae5e813ef6ccf15c2b5a434047a0181cb5a342b903b367ca6d27a66e36f2",
            ),
            (
                b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=9000\
                  &recvWindow=5000&timestamp=1591702613943",
                "30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4",
            ),
            (
                b"apiKey=dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83\
                  &price=9000&quantity=1&recvWindow=5000&side=BUY&symbol=BTCUSDT\
                  &timeInForce=GTC&timestamp=1591702613943&type=LIMIT",
                "5b8fe2b962b8e1b2b82fb40e548d56147c2a8f835b5f1393ae4b4b90c38b527f",
            ),
        ];
        let key = HmacKey::new(SECRET);
        for (payload, expected) in vectors {
            assert_eq!(key.sign_hex(payload), expected.as_bytes());
        }
    }

    #[test]
    fn a_prefix_may_be_hashed_ahead_wherever_it_ends() {
        let key = HmacKey::new(SECRET);
        let payload = [b'x'; 300];
        let whole = key.sign_hex(&payload);
        for cut in 0..payload.len() {
            let (prefix, rest) = payload.split_at(cut);
            assert_eq!(key.with_prefix(prefix).sign_hex(rest), whole, "{cut}");
        }
    }

    #[test]
    fn ed25519_vectors_hold() {
        assert_eq!(
            Ed25519Key::from_seed(&seed()).public_key()[..4],
            [0x03, 0xa1, 0x07, 0xbf],
            "the first bytes of the public key of the vectors"
        );
        check_ed25519(
            V1,
            "j7ENsMM+tRQmT2ovdVRUzr/TaHDGQAwof6KyCZEiwnGP/ZuRpFsqxmeRJKy24JsNGfRCivSZsThx2M1i4nc+Bw==",
        );
        check_ed25519(
            b"apiKey=test-api-key&price=9000&quantity=1&recvWindow=5000&side=BUY\
              &symbol=BTCUSDT&timeInForce=GTC&timestamp=1591702613943&type=LIMIT",
            "+/lGiFIPQC4tHGCgGjqXuTNsOw4uN2rmpGnvrqtHY0IkAeGKSDFdRYLdcEgeQo4i3N+UuW0+rngXw2zpMWYxBA==",
        );
        check_ed25519(
            b"apiKey=test-api-key&timestamp=1649729878532",
            "DNq8DsUL76vjgBPWvgl440W6iTzZUvj9X0iIDHjd+Q/839b68bVo1JFKQ7X4Kjsf9GzDdyIG9TjUcLaGoQzzBA==",
        );
    }

    #[test]
    fn a_pem_file_gives_the_key_of_its_seed() {
        // PKCS#8 version 1 of RFC 8410: a fixed head of 16 bytes and the seed.
        let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        let der = [&head[..], &seed()].concat();
        let body = BASE64.encode(der);
        let (first, second) = body.split_at(40);
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\r\n{first}\r\n{second}\r\n-----END PRIVATE KEY-----\r\n"
        );
        let key = Ed25519Key::from_pkcs8_pem(&pem).expect("a sound key");
        assert_eq!(key.public_key(), Ed25519Key::from_seed(&seed()).public_key());
        let refused = |pem: &str| Ed25519Key::from_pkcs8_pem(pem).map(|_| ()).unwrap_err();
        assert_eq!(refused(""), KeyError::Pem);
        assert_eq!(refused(&pem.replace(first, "*")), KeyError::Pem);
        assert_eq!(refused(&pem.replace(first, "")), KeyError::NotEd25519);
    }

    #[test]
    fn keys_print_nothing_of_themselves() {
        let hmac = HmacKey::new(SECRET);
        let ed25519 = Ed25519Key::from_seed(&seed());
        assert_eq!(format!("{hmac:?} {ed25519:?}"), "HmacKey Ed25519Key");
        let signers = [Signer::Hmac(hmac), Signer::Ed25519(ed25519)];
        assert_eq!(format!("{signers:?}"), "[Hmac(HmacKey), Ed25519(Ed25519Key)]");
    }
}
