//! Signed query strings.

use core::fmt::Write as _;

use crate::sign::{SIGNATURE_BYTES_MAX, Signer};

/// Signs queries with the API key's secret.
#[derive(Debug)]
pub struct RestSigner {
    api_key: String,
    signer: Signer,
    recv_window_ms: u32,
}

impl RestSigner {
    /// A signer for one API key.
    pub fn new(api_key: &str, signer: Signer, recv_window_ms: u32) -> Self {
        Self { api_key: api_key.to_owned(), signer, recv_window_ms }
    }
    /// Value of the header `X-MBX-APIKEY`.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }
    /// The parameters in the given order, then `recvWindow`, `timestamp` and, last, `signature`.
    ///
    /// Values are percent-encoded first and signed as they are sent, which is the one order that
    /// every host accepts. Send it as the query string of any method, with an empty body.
    pub fn query(&self, params: &[(&str, &str)], timestamp_ms: i64) -> String {
        let mut query = String::new();
        for (name, value) in params {
            query.push_str(name);
            query.push('=');
            percent_encode(value.as_bytes(), &mut query);
            query.push('&');
        }
        let recv_window_ms = self.recv_window_ms;
        // Writing to a String cannot fail.
        let _ = write!(query, "recvWindow={recv_window_ms}&timestamp={timestamp_ms}");
        let mut signature = [0; SIGNATURE_BYTES_MAX];
        let length = self.signer.sign(query.as_bytes(), &mut signature);
        query.push_str("&signature=");
        percent_encode(&signature[..length], &mut query);
        query
    }
}

/// Everything but the unreserved characters of RFC 3986.
fn percent_encode(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::{Ed25519Key, HmacKey};

    const SECRET: &[u8] = b"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";

    #[test]
    fn the_published_request_is_reproduced() {
        let signer = RestSigner::new("key", Signer::Hmac(HmacKey::new(SECRET)), 5000);
        let params = [
            ("symbol", "BTCUSDT"),
            ("side", "BUY"),
            ("type", "LIMIT"),
            ("quantity", "1"),
            ("price", "9000"),
            ("timeInForce", "GTC"),
        ];
        assert_eq!(
            signer.query(&params, 1_591_702_613_943),
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC\
             &recvWindow=5000&timestamp=1591702613943\
             &signature=3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
        );
        assert_eq!(signer.api_key(), "key");
    }

    #[test]
    fn an_ed25519_signature_is_percent_encoded() {
        let seed = core::array::from_fn(|index| index as u8);
        let signer = RestSigner::new("key", Signer::Ed25519(Ed25519Key::from_seed(&seed)), 5000);
        let params = [
            ("symbol", "BTCUSDT"),
            ("side", "BUY"),
            ("type", "LIMIT"),
            ("quantity", "1"),
            ("price", "9000"),
            ("timeInForce", "GTC"),
        ];
        let query = signer.query(&params, 1_591_702_613_943);
        assert!(query.ends_with(
            "&signature=j7ENsMM%2BtRQmT2ovdVRUzr%2FTaHDGQAwof6KyCZEiwnGP%2FZuRpFsqxmeRJKy24JsNGfRCivSZsThx2M1i4nc%2BBw%3D%3D"
        ));
    }

    #[test]
    fn values_are_encoded_before_they_are_signed() {
        let key = HmacKey::new(SECRET);
        let signer = RestSigner::new("key", Signer::Hmac(key.clone()), 1000);
        let query = signer.query(&[("symbol", "测试USDT"), ("ids", "[1,\"a\"]")], 1);
        let (signed, signature) = query.split_once("&signature=").expect("signed");
        assert_eq!(
            signed,
            "symbol=%E6%B5%8B%E8%AF%95USDT&ids=%5B1%2C%22a%22%5D&recvWindow=1000&timestamp=1"
        );
        assert_eq!(signature.as_bytes(), key.sign_hex(signed.as_bytes()));
    }
}
