//! Reads TOML tables key by key and collects every mistake with its place.
//!
//! The trader has a reader of its own: guard shares no code with what it watches.

use core::fmt;
use core::ops::{Range, RangeInclusive};
use std::path::PathBuf;

use schema::parse_decimal;
use toml_edit::{Item, Table, Value};

/// One mistake of a file: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, what, remedy } = self;
        write!(f, "{file}:{line}:{column}: {what}; {remedy}")
    }
}

/// Collects mistakes; places are byte offsets into the text.
pub(crate) struct Mistakes<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<(usize, Mistake)>,
}

impl<'a> Mistakes<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, found: Vec::new() }
    }
    pub(crate) fn add(&mut self, at: usize, what: impl Into<String>, remedy: impl Into<String>) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        let mistake = Mistake {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.into(),
            remedy: remedy.into(),
        };
        self.found.push((at, mistake));
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
    /// In the order of the file.
    pub(crate) fn finish(mut self) -> Vec<Mistake> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found.into_iter().map(|(_, mistake)| mistake).collect()
    }
}

/// A table being read. Keys of tables that are the trader's too are only known to the trader;
/// [`Section::finish`] reports the unknown ones of guard's own.
pub(crate) struct Section<'t> {
    name: &'static str,
    /// Where a missing key is reported: the table's header.
    at: usize,
    table: Option<&'t Table>,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub(crate) fn root(table: &'t Table) -> Self {
        Self { name: "", at: 0, table: Some(table), known: Vec::new() }
    }
    /// A table below the root; it may be absent.
    pub(crate) fn table(&self, key: &'static str, out: &mut Mistakes<'_>) -> Self {
        let item = self.table.and_then(|table| table.get(key));
        let table = item.and_then(Item::as_table);
        if let (Some(item), None) = (item, table) {
            let what = format!("{key} is {}, not a table", item.type_name());
            out.add(start(item.span()), what, format!("write [{key}] and its keys below it"));
        }
        let at = table.map_or(0, |table| start(table.span()));
        Self { name: key, at, table, known: Vec::new() }
    }
    /// An array of tables below the root.
    pub(crate) fn tables(&self, key: &'static str, out: &mut Mistakes<'_>) -> Vec<Self> {
        let Some(item) = self.table.and_then(|table| table.get(key)) else { return Vec::new() };
        let Some(tables) = item.as_array_of_tables() else {
            let what = format!("{key} is {}, not a list of tables", item.type_name());
            out.add(start(item.span()), what, format!("write [[{key}]] before each of them"));
            return Vec::new();
        };
        let section = |table: &'t Table| Self {
            name: key,
            at: start(table.span()),
            table: Some(table),
            known: Vec::new(),
        };
        tables.iter().map(section).collect()
    }
    /// The table itself.
    pub(crate) fn raw(&self) -> Option<&'t Table> {
        self.table
    }
    /// Whether the key is there, right or wrong.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }
    /// Where the value of a key stands; the table's header if it is missing.
    pub(crate) fn place(&self, key: &str) -> usize {
        let item = self.table.and_then(|table| table.get(key));
        item.map_or(self.at, |item| start(item.span()))
    }
    /// The key with its table.
    pub(crate) fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
    fn value(&mut self, key: &'static str) -> Option<&'t Value> {
        self.known.push(key);
        self.table?.get(key)?.as_value()
    }
    fn wrong_type(&self, key: &str, value: &Value, want: &str, out: &mut Mistakes<'_>) {
        let what = format!("{} is {}, not {want}", self.path(key), value.type_name());
        out.add(self.place(key), what, format!("give {want}"));
    }
    /// Reports a key that is not there; a wrong one was reported when it was read.
    pub(crate) fn required<T>(
        &self,
        value: Option<T>,
        key: &'static str,
        example: &str,
        out: &mut Mistakes<'_>,
    ) -> Option<T> {
        if value.is_none() && !self.has(key) {
            let place = match (self.name, self.table) {
                ("", _) => "at the top of the file".to_owned(),
                (name, Some(_)) => format!("under [{name}]"),
                (name, None) => format!("under a new table [{name}]"),
            };
            let what = format!("{} is missing", self.path(key));
            out.add(self.at, what, format!("write {key} = {example} {place}"));
        }
        value
    }
    /// A text; `None` if missing or wrong.
    pub(crate) fn text(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<&'t str> {
        let value = self.value(key)?;
        let text = value.as_str();
        if text.is_none_or(str::is_empty) {
            self.wrong_type(key, value, "a text in quotes that is not empty", out);
            return None;
        }
        text
    }
    /// A path; `None` if missing or wrong.
    pub(crate) fn path_of(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<PathBuf> {
        self.text(key, out).map(PathBuf::from)
    }
    /// One of some words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        out: &mut Mistakes<'_>,
    ) -> Option<T> {
        let text = self.text(key, out)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let what = format!("{} = \"{text}\" is not known", self.path(key));
            out.add(self.place(key), what, format!("use one of {}", all.join(", ")));
        }
        found
    }
    /// A truth value.
    pub(crate) fn flag(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<bool> {
        let value = self.value(key)?;
        if value.as_bool().is_none() {
            self.wrong_type(key, value, "true or false", out);
        }
        value.as_bool()
    }
    /// A whole number in a range; `why` ends the remedy.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        why: &str,
        out: &mut Mistakes<'_>,
    ) -> Option<i64> {
        let value = self.value(key)?;
        let Some(number) = value.as_integer() else {
            self.wrong_type(key, value, "a whole number", out);
            return None;
        };
        if !range.contains(&number) {
            let what = format!("{} = {number} is out of range", self.path(key));
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            let remedy = format!("use {} to {}{why}", range.start(), range.end());
            out.add(self.place(key), what, remedy);
            return None;
        }
        Some(number)
    }
    /// An exact decimal (in quotes, or a plain number), in units of 1e-8, in a range of such units.
    pub(crate) fn decimal(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        out: &mut Mistakes<'_>,
    ) -> Option<i64> {
        let value = self.value(key)?;
        let text = match value {
            Value::String(text) => text.value().clone(),
            Value::Integer(number) => number.value().to_string(),
            Value::Float(number) => number.display_repr().trim().replace('_', ""),
            _ => {
                self.wrong_type(key, value, "a decimal number", out);
                return None;
            }
        };
        let (what, remedy) = match parse_decimal(text.as_bytes()) {
            Ok(units) if range.contains(&units) => return Some(units),
            Ok(_) => (
                format!("{} = {text} is out of range", self.path(key)),
                format!("use {} to {}", show(*range.start()), show(*range.end())),
            ),
            Err(error) => (
                format!("{} = {text} is not an exact decimal: {error}", self.path(key)),
                "write plain digits with at most 8 decimals, like 0.001".to_owned(),
            ),
        };
        out.add(self.place(key), what, remedy);
        None
    }
    /// Reports keys nobody asked for.
    pub(crate) fn finish(self, out: &mut Mistakes<'_>) {
        for (key, _) in self.table.into_iter().flat_map(Table::iter) {
            if self.known.contains(&key) {
                continue;
            }
            let table = self.table.and_then(|table| table.key(key));
            let at = table.and_then(|key| key.span()).map_or(self.at, |span| span.start);
            let what = format!("{} is not a known key", self.path(key));
            let remedy = if names_a_secret(key) {
                "delete it, revoke that secret where it is from, and name a file of mode 0600"
                    .to_owned()
            } else {
                format!("delete it; known here: {}", self.known.join(", "))
            };
            out.add(at, what, remedy);
        }
    }
}

/// Whether a key's name says that its value is a secret.
fn names_a_secret(key: &str) -> bool {
    let words = ["secret", "api_key", "password", "private_key", "token"];
    !key.ends_with("_file") && words.iter().any(|word| key.contains(word))
}

/// A decimal for people.
pub(crate) fn show(units: i64) -> String {
    let mut text = [0u8; 32];
    let length = schema::format_decimal(units, 0, &mut text);
    String::from_utf8_lossy(&text[..length]).into_owned()
}

pub(crate) fn start(span: Option<Range<usize>>) -> usize {
    span.map_or(0, |span| span.start)
}
