//! Parameters of a request, from a query and a form body or from a WebSocket-API object.
//!
//! The bytes a client signed are kept as they were sent: a signature covers them, not what they
//! decode to (PROTOCOL 3.1).

use schema::parse_decimal;

use crate::refusal::Refusal;

/// Decoded parameters in the order they were sent; the first of a name wins (query before body).
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    /// The bytes the signature covers.
    pub(crate) signed: Vec<u8>,
    /// The signature, decoded.
    pub(crate) signature: Option<String>,
}

impl Params {
    /// From the raw query and the raw form body of an HTTP request.
    pub(crate) fn from_http(query: &str, body: &str) -> Self {
        let mut params = Self::default();
        for part in [query, body] {
            params.take_form(part);
        }
        params
    }

    /// From the `params` of a WebSocket-API request; `None` if it is not an object of scalars.
    pub(crate) fn from_json(value: &serde_json::Value) -> Option<Self> {
        let mut params = Self::default();
        let object = match value {
            serde_json::Value::Null => return Some(params),
            other => other.as_object()?,
        };
        for (name, value) in object {
            let text = match value {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Bool(flag) => flag.to_string(),
                serde_json::Value::Null => continue,
                nested => nested.to_string(),
            };
            if name == "signature" {
                params.signature = Some(text);
            } else {
                params.pairs.push((name.clone(), text));
            }
        }
        params.pairs.sort();
        let mut signed = String::new();
        for (name, value) in &params.pairs {
            if !signed.is_empty() {
                signed.push('&');
            }
            signed.push_str(name);
            signed.push('=');
            signed.push_str(value);
        }
        params.signed = signed.into_bytes();
        Some(params)
    }

    fn take_form(&mut self, form: &str) {
        let mut first = true;
        for pair in form.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name == "signature" {
                self.signature.get_or_insert_with(|| decode(value));
                continue;
            }
            if !first {
                self.signed.push(b'&');
            }
            first = false;
            self.signed.extend_from_slice(pair.as_bytes());
            self.pairs.push((decode(name), decode(value)));
        }
    }

    /// A parameter's text; empty counts as not sent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().find(|(key, _)| key == name)?;
        if value.is_empty() { None } else { Some(value) }
    }
    /// All values of a name, as sent.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
    /// All pairs in order.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
    /// A mandatory parameter's text.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }
    /// An optional integer.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| malformed(name, text)),
        }
    }
    /// An optional row count within `1..=max`.
    pub(crate) fn limit(&self, default: usize, max: usize) -> Result<usize, Refusal> {
        match self.integer("limit")? {
            None => Ok(default),
            Some(value) if value >= 1 => Ok((value as usize).min(max)),
            Some(_) => Err(Refusal::bad(-1130, "Data sent for parameter 'limit' is not valid.")),
        }
    }
    /// An optional decimal in units of 1e-8.
    pub(crate) fn decimal(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match parse_decimal(text.as_bytes()) {
            Ok(units) => Ok(Some(units)),
            Err(schema::DecimalError::TooPrecise) => {
                Err(Refusal::bad(-1111, "Precision is over the maximum defined for this asset."))
            }
            Err(_) => Err(malformed(name, text)),
        }
    }
    /// An optional `true` or `false`, in any case.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(malformed(name, text)),
        }
    }
}

fn malformed(name: &str, text: &str) -> Refusal {
    Refusal::bad(
        -1102,
        format!(
            "Mandatory parameter '{name}' was not sent, was empty/null, or malformed. ('{text}')"
        ),
    )
}

/// Percent-decodes a form component; `+` is a space, bytes that are not UTF-8 become `?`.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|&byte| (byte as char).to_digit(16));
        match bytes[index] {
            b'%' => match (digit(index + 1), digit(index + 2)) {
                (Some(high), Some(low)) => {
                    out.push((high * 16 + low) as u8);
                    index += 2;
                }
                _ => out.push(b'%'),
            },
            b'+' => out.push(b' '),
            byte => out.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_bytes_are_query_and_body_without_the_signature() {
        let params = Params::from_http("symbol=BTCUSDT&side=BUY", "quantity=1&signature=ab%2Bc");
        assert_eq!(params.signed, b"symbol=BTCUSDT&side=BUYquantity=1");
        assert_eq!(params.signature.as_deref(), Some("ab+c"));
        assert_eq!(params.get("quantity"), Some("1"));
    }

    #[test]
    fn the_query_wins_over_the_body() {
        let params = Params::from_http("symbol=A", "symbol=B");
        assert_eq!(params.get("symbol"), Some("A"));
    }

    #[test]
    fn websocket_parameters_are_signed_in_order_of_their_names() {
        let value: serde_json::Value = serde_json::from_str(
            r#"{"symbol":"BTCUSDT","price":43187.00,"apiKey":"k","signature":"s","timestamp":1}"#,
        )
        .expect("json");
        let params = Params::from_json(&value).expect("object");
        assert_eq!(params.signed, b"apiKey=k&price=43187.00&symbol=BTCUSDT&timestamp=1");
    }

    #[test]
    fn broken_percent_signs_stay() {
        assert_eq!(decode("a%2Bb+c%"), "a+b c%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%E6%B5%8B"), "测");
    }

    #[test]
    fn decimals_tell_precision_from_nonsense() {
        let params = Params::from_http("a=1.000000001&b=x&c=1.5&d=", "");
        assert_eq!(params.decimal("a").expect_err("too precise").code, -1111);
        assert_eq!(params.decimal("b").expect_err("not a number").code, -1102);
        assert_eq!(params.decimal("c").expect("decimal"), Some(150_000_000));
        assert_eq!(params.decimal("d").expect("absent"), None);
    }
}
