//! A small JSON writer: keys in the venue's order, decimals as strings with a tick's decimals.

use schema::format_decimal;

/// An object being written.
#[derive(Debug, Default)]
pub(crate) struct Json {
    text: String,
    /// Whether the next member needs a comma before it.
    comma: bool,
}

impl Json {
    /// An empty text with room for an order.
    pub(crate) fn new() -> Self {
        Self { text: String::with_capacity(512), comma: false }
    }
    /// `{` opens an object as a value.
    pub(crate) fn open(&mut self) -> &mut Self {
        self.separate();
        self.text.push('{');
        self.comma = false;
        self
    }
    /// `}`
    pub(crate) fn close(&mut self) -> &mut Self {
        self.text.push('}');
        self.comma = true;
        self
    }
    /// `[` opens a list as a value.
    pub(crate) fn open_list(&mut self) -> &mut Self {
        self.separate();
        self.text.push('[');
        self.comma = false;
        self
    }
    /// `]`
    pub(crate) fn close_list(&mut self) -> &mut Self {
        self.text.push(']');
        self.comma = true;
        self
    }
    /// `"key":`, after which exactly one value follows.
    pub(crate) fn key(&mut self, key: &str) -> &mut Self {
        self.separate();
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\":");
        self.comma = false;
        self
    }
    /// A text member.
    pub(crate) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).text_value(value)
    }
    /// An integer member.
    pub(crate) fn number(&mut self, key: &str, value: i64) -> &mut Self {
        self.key(key).raw(&value.to_string())
    }
    /// An unsigned integer member.
    pub(crate) fn unsigned(&mut self, key: &str, value: u64) -> &mut Self {
        self.key(key).raw(&value.to_string())
    }
    /// A boolean member.
    pub(crate) fn flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key).raw(if value { "true" } else { "false" })
    }
    /// A decimal member as a string with at least `decimals` decimals.
    pub(crate) fn decimal(&mut self, key: &str, units: i64, decimals: usize) -> &mut Self {
        self.key(key).decimal_value(units, decimals)
    }
    /// A text as a value.
    pub(crate) fn text_value(&mut self, value: &str) -> &mut Self {
        self.separate();
        self.text.push('"');
        for character in value.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                control if (control as u32) < 0x20 => {
                    self.text.push_str(&format!("\\u{:04x}", control as u32));
                }
                plain => self.text.push(plain),
            }
        }
        self.text.push('"');
        self.comma = true;
        self
    }
    /// A decimal as a string value.
    pub(crate) fn decimal_value(&mut self, units: i64, decimals: usize) -> &mut Self {
        let mut digits = [0u8; 24];
        let length = format_decimal(units, decimals, &mut digits);
        self.separate();
        self.text.push('"');
        self.text.push_str(core::str::from_utf8(&digits[..length]).unwrap_or("0"));
        self.text.push('"');
        self.comma = true;
        self
    }
    /// A value that is JSON already.
    pub(crate) fn raw(&mut self, value: &str) -> &mut Self {
        self.separate();
        self.text.push_str(value);
        self.comma = true;
        self
    }
    /// The text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
    fn separate(&mut self) {
        if self.comma {
            self.text.push(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_separated_and_texts_escaped() {
        let mut json = Json::new();
        json.open().text("c", "a\"\\\n").number("i", -5).key("l").open_list();
        json.decimal_value(150_000_000, 2).decimal_value(0, 0).close_list();
        json.key("o").open().flag("f", true).close().close();
        let text = json.finish();
        assert_eq!(
            text,
            "{\"c\":\"a\\\"\\\\\\u000a\",\"i\":-5,\"l\":[\"1.50\",\"0\"],\"o\":{\"f\":true}}"
        );
        serde_json::from_str::<serde_json::Value>(&text).expect("valid JSON");
    }
}
