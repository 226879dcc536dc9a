//! Who signs a request, and whether the signature and its time are good (PROTOCOL 3.1).

use std::collections::HashMap;

use base64::Engine;
use ring::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};

use crate::{credentials::Credentials, params::Params, refusal::Refusal};

/// The venue's default of `recvWindow` in milliseconds.
const RECV_WINDOW_MS: i64 = 5_000;
/// The largest `recvWindow` in milliseconds.
const RECV_WINDOW_MS_MAX: i64 = 60_000;
/// How far a client's clock may run ahead, in milliseconds.
const AHEAD_MS_MAX: i64 = 1_000;

/// All API keys the venue knows.
pub(crate) struct KeyRing {
    keys: HashMap<String, Key>,
}

/// What is needed to verify one key's signatures.
struct Key {
    account: usize,
    secret: hmac::Key,
    public: Vec<u8>,
}

/// Which kind of signature a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// HMAC-SHA256 in hex.
    Hmac,
    /// Ed25519 in base64.
    Ed25519,
}

impl KeyRing {
    /// From the keys of the accounts, in their order.
    pub(crate) fn new(accounts: &[Credentials]) -> anyhow::Result<Self> {
        let mut keys = HashMap::new();
        for (account, credentials) in accounts.iter().enumerate() {
            let pair = Ed25519KeyPair::from_seed_unchecked(&credentials.ed25519_seed)
                .map_err(|_| anyhow::anyhow!("a seed of 32 bytes makes no key"))?;
            let key = Key {
                account,
                secret: hmac::Key::new(hmac::HMAC_SHA256, credentials.api_secret.as_bytes()),
                public: pair.public_key().as_ref().to_vec(),
            };
            let guard = Key {
                account,
                secret: hmac::Key::new(hmac::HMAC_SHA256, credentials.guard_api_secret.as_bytes()),
                public: key.public.clone(),
            };
            keys.insert(credentials.api_key.clone(), key);
            keys.insert(credentials.guard_api_key.clone(), guard);
        }
        Ok(Self { keys })
    }

    fn key(&self, api_key: Option<&str>) -> Result<&Key, Refusal> {
        let Some(text) = api_key.filter(|text| !text.is_empty() && text.len() <= 128) else {
            return Err(Refusal::unauthorized(-2014, "API-key format invalid."));
        };
        self.keys.get(text).ok_or_else(|| {
            Refusal::unauthorized(-2015, "Invalid API-key, IP, or permissions for action.")
        })
    }

    /// The account of a key, for endpoints that need no signature.
    pub(crate) fn account(&self, api_key: Option<&str>) -> Result<usize, Refusal> {
        Ok(self.key(api_key)?.account)
    }

    /// The account of a signed request: key, time and signature are checked in this order.
    pub(crate) fn verify(
        &self,
        api_key: Option<&str>,
        params: &Params,
        now_ms: i64,
    ) -> Result<(usize, Scheme), Refusal> {
        let key = self.key(api_key)?;
        let signature = params.signature.as_deref().filter(|text| !text.is_empty());
        let signature = signature.ok_or_else(|| Refusal::missing("signature"))?;
        check_time(params, now_ms)?;
        let scheme = key.check(&params.signed, signature)?;
        Ok((key.account, scheme))
    }
}

impl Key {
    fn check(&self, payload: &[u8], signature: &str) -> Result<Scheme, Refusal> {
        let refused = || Refusal::bad(-1022, "Signature for this request is not valid.");
        if let Some(tag) = decode_hex(signature) {
            hmac::verify(&self.secret, payload, &tag).map_err(|_| refused())?;
            return Ok(Scheme::Hmac);
        }
        let engine = base64::engine::general_purpose::STANDARD;
        let raw = engine.decode(signature).map_err(|_| refused())?;
        UnparsedPublicKey::new(&ring::signature::ED25519, &self.public)
            .verify(payload, &raw)
            .map_err(|_| refused())?;
        Ok(Scheme::Ed25519)
    }
}

/// `timestamp < now + 1000 && now - timestamp <= recvWindow`, else -1021.
pub(crate) fn check_time(params: &Params, now_ms: i64) -> Result<(), Refusal> {
    let timestamp = params.integer("timestamp")?.ok_or_else(|| Refusal::missing("timestamp"))?;
    let window = params.integer("recvWindow")?.unwrap_or(RECV_WINDOW_MS);
    if !(0..=RECV_WINDOW_MS_MAX).contains(&window) {
        return Err(Refusal::bad(-1131, "recvWindow must be less than 60000."));
    }
    if timestamp.saturating_sub(now_ms) >= AHEAD_MS_MAX {
        let text = "Timestamp for this request was 1000ms ahead of the server's time.";
        return Err(Refusal::bad(-1021, text));
    }
    if now_ms.saturating_sub(timestamp) > window {
        let text = "Timestamp for this request is outside of the recvWindow.";
        return Err(Refusal::bad(-1021, text));
    }
    Ok(())
}

/// 64 hex digits of any case as 32 bytes.
fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0u8; 32];
    if text.len() != 64 {
        return None;
    }
    for (slot, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let high = (pair[0] as char).to_digit(16)?;
        let low = (pair[1] as char).to_digit(16)?;
        *slot = (high * 16 + low) as u8;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_591_702_613_943;
    const PAYLOAD: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000\
                           &timeInForce=GTC&recvWindow=5000&timestamp=1591702613943";

    /// The documented key and secret (Binance docs, signed endpoint examples), Ed25519 seed 00..1f.
    fn ring() -> KeyRing {
        let mut keys = Credentials::generate("docs", 1, 0);
        keys.api_key = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83".into();
        keys.api_secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9".into();
        keys.ed25519_seed = core::array::from_fn(|index| index as u8);
        KeyRing::new(&[keys]).expect("key ring")
    }

    #[track_caller]
    fn check(query: &str, now_ms: i64, expected: Result<Scheme, i32>) {
        let params = Params::from_http(query, "");
        let key = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83";
        let seen = ring().verify(Some(key), &params, now_ms);
        assert_eq!(seen.map(|(_, scheme)| scheme).map_err(|refusal| refusal.code), expected);
    }

    #[test]
    fn published_vectors_verify() {
        let hex = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9";
        check(&format!("{PAYLOAD}&signature={hex}"), NOW, Ok(Scheme::Hmac));
        let upper = hex.to_uppercase();
        check(&format!("{PAYLOAD}&signature={upper}"), NOW, Ok(Scheme::Hmac));
        let base64 = "j7ENsMM%2BtRQmT2ovdVRUzr%2FTaHDGQAwof6KyCZEiwnGP%2FZuRpFsqxmeRJKy24JsNGf\
                      RCivSZsThx2M1i4nc%2BBw%3D%3D";
        check(&format!("{PAYLOAD}&signature={base64}"), NOW, Ok(Scheme::Ed25519));
    }

    #[test]
    fn a_wrong_signature_is_1022_and_none_is_1102() {
        check(&format!("{PAYLOAD}&signature={}", "0".repeat(64)), NOW, Err(-1022));
        check(&format!("{PAYLOAD}&signature=xyz"), NOW, Err(-1022));
        check(PAYLOAD, NOW, Err(-1102));
    }

    #[test]
    fn the_time_rule_has_two_sides() {
        let hex = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9";
        let query = format!("{PAYLOAD}&signature={hex}");
        check(&query, NOW + 5_000, Ok(Scheme::Hmac));
        check(&query, NOW + 5_001, Err(-1021));
        check(&query, NOW - 999, Ok(Scheme::Hmac));
        check(&query, NOW - 1_000, Err(-1021));
        check("recvWindow=60001&timestamp=1&signature=aa", NOW, Err(-1131));
    }

    #[test]
    fn a_second_key_of_an_account_signs_with_its_own_secret() {
        let keys = Credentials::generate("a", 1, 0);
        let ring = KeyRing::new(core::slice::from_ref(&keys)).expect("key ring");
        let signed = |secret: &str| {
            let query = format!("recvWindow=5000&timestamp={NOW}");
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let tag = hmac::sign(&key, query.as_bytes());
            let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            Params::from_http(&format!("{query}&signature={hex}"), "")
        };
        let account = |key: &str, secret: &str| {
            let seen = ring.verify(Some(key), &signed(secret), NOW);
            seen.map(|(account, _)| account).map_err(|refusal| refusal.code)
        };
        assert_eq!(account(&keys.guard_api_key, &keys.guard_api_secret), Ok(0));
        assert_eq!(account(&keys.guard_api_key, &keys.api_secret), Err(-1022));
        assert_eq!(account(&keys.api_key, &keys.guard_api_secret), Err(-1022));
    }

    #[test]
    fn unknown_keys_are_told_from_malformed_ones() {
        let params = Params::default();
        assert_eq!(ring().verify(None, &params, NOW).expect_err("no key").code, -2014);
        let unknown = ring().verify(Some("abc"), &params, NOW).expect_err("unknown key");
        assert_eq!((unknown.http, unknown.code), (401, -2015));
    }
}
