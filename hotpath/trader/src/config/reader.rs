//! Reads a TOML table key by key and collects every mistake with its place.

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
pub(super) struct Mistakes<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<(usize, Mistake)>,
}

impl<'a> Mistakes<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, found: Vec::new() }
    }
    pub(super) fn add(&mut self, at: usize, what: impl Into<String>, remedy: impl Into<String>) {
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
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
    /// In the order of the file.
    pub(super) fn finish(mut self) -> Vec<Mistake> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found.into_iter().map(|(_, mistake)| mistake).collect()
    }
}

/// A table being read; [`Section::finish`] reports the keys nobody asked for.
pub(super) struct Section<'t> {
    name: String,
    /// Where a missing key is reported: the table's header.
    at: usize,
    table: Option<&'t Table>,
    known: Vec<&'static str>,
    places: Vec<(&'static str, usize)>,
}

impl<'t> Section<'t> {
    pub(super) fn root(table: &'t Table) -> Self {
        Self::of(String::new(), 0, Some(table))
    }
    pub(super) fn of(name: String, at: usize, table: Option<&'t Table>) -> Self {
        Self { name, at, table, known: Vec::new(), places: Vec::new() }
    }
    /// A table below the root; it may be absent.
    pub(super) fn table(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Section<'t> {
        self.known.push(key);
        let item = self.table.and_then(|table| table.get(key));
        let table = item.and_then(Item::as_table);
        if let (Some(item), None) = (item, table) {
            let what = format!("{key} is {}, not a table", type_of(item));
            out.add(start(item.span()), what, format!("write [{key}] and its keys below it"));
        }
        let at = table.and_then(|table| table.span()).map_or(0, |span| span.start);
        Section::of(key.to_owned(), at, table)
    }
    /// An array of tables below the root.
    pub(super) fn tables(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Vec<Section<'t>> {
        self.known.push(key);
        let Some(item) = self.table.and_then(|table| table.get(key)) else { return Vec::new() };
        let Some(tables) = item.as_array_of_tables() else {
            let what = format!("{key} is {}, not a list of tables", type_of(item));
            out.add(start(item.span()), what, format!("write [[{key}]] before each of them"));
            return Vec::new();
        };
        let section =
            |table: &'t Table| Section::of(key.to_owned(), start(table.span()), Some(table));
        tables.iter().map(section).collect()
    }
    /// A key that is another process's to read.
    pub(super) fn leave(&mut self, key: &'static str) {
        self.known.push(key);
    }
    /// Where the value of a key stands; the table's header if it is missing.
    pub(super) fn place(&self, key: &str) -> usize {
        self.places.iter().find(|(k, _)| *k == key).map_or(self.at, |(_, at)| *at)
    }
    /// All keys and values, for tables whose keys are not known here.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'t str, usize, &'t Item)> + use<'t> {
        self.table.into_iter().flat_map(|table| {
            table.iter().map(move |(key, item)| {
                let at = table.key(key).and_then(|key| key.span()).map_or(0, |span| span.start);
                (key, at, item)
            })
        })
    }

    /// Whether the key is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    fn value(&mut self, key: &'static str) -> Option<(&'t Value, usize)> {
        self.known.push(key);
        let item = self.table?.get(key)?;
        let at = start(item.span());
        self.places.push((key, at));
        item.as_value().map(|value| (value, at))
    }
    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
    /// Reports a key that is not there, at the table's header.
    pub(super) fn missing(&self, key: &str, example: &str, out: &mut Mistakes<'_>) {
        let place = match (self.name.as_str(), self.table) {
            ("", _) => "at the top of the file".to_owned(),
            (name, Some(_)) => format!("under [{name}]"),
            (name, None) => format!("under a new table [{name}]"),
        };
        out.add(
            self.at,
            format!("{} is missing", self.path(key)),
            format!("write {key} = {example} {place}"),
        );
    }
    fn wrong_type(&self, key: &str, at: usize, value: &Value, want: &str, out: &mut Mistakes<'_>) {
        let what = format!("{} is {}, not {want}", self.path(key), value.type_name());
        out.add(at, what, format!("give {want}"));
    }

    /// A text; `None` if missing or wrong.
    pub(super) fn text(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<&'t str> {
        let (value, at) = self.value(key)?;
        let text = value.as_str();
        if text.is_none() {
            self.wrong_type(key, at, value, "a text in quotes", out);
        }
        text
    }
    /// A path; `None` if missing, empty or wrong.
    pub(super) fn path_of(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<PathBuf> {
        let text = self.text(key, out)?;
        if text.is_empty() {
            let what = format!("{} is empty", self.path(key));
            out.add(self.place(key), what, "give a file, or leave the key out");
            return None;
        }
        Some(PathBuf::from(text))
    }
    /// One of some words.
    pub(super) fn word<T: Copy>(
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
    pub(super) fn flag(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<bool> {
        let (value, at) = self.value(key)?;
        if value.as_bool().is_none() {
            self.wrong_type(key, at, value, "true or false", out);
        }
        value.as_bool()
    }
    /// A whole number in a range.
    pub(super) fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        out: &mut Mistakes<'_>,
    ) -> Option<i64> {
        let (value, at) = self.value(key)?;
        let Some(number) = value.as_integer() else {
            self.wrong_type(key, at, value, "a whole number", out);
            return None;
        };
        if !range.contains(&number) {
            let what = format!("{} = {number} is out of range", self.path(key));
            out.add(at, what, format!("use {} to {}", range.start(), range.end()));
            return None;
        }
        Some(number)
    }
    /// An exact decimal (in quotes, or a plain number), in units of 1e-8, in a range of such units.
    pub(super) fn decimal(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        out: &mut Mistakes<'_>,
    ) -> Option<i64> {
        let (value, at) = self.value(key)?;
        let Some(text) = decimal_text(value) else {
            self.wrong_type(key, at, value, "a decimal number", out);
            return None;
        };
        let units = match parse_decimal(text.as_bytes()) {
            Ok(units) => units,
            Err(error) => {
                let what = format!("{} = {text} is not an exact decimal: {error}", self.path(key));
                out.add(at, what, "write plain digits with at most 8 decimals, like 0.001");
                return None;
            }
        };
        if !range.contains(&units) {
            let what = format!("{} = {text} is out of range", self.path(key));
            let (low, high) = (show(*range.start()), show(*range.end()));
            out.add(at, what, format!("use {low} to {high}"));
            return None;
        }
        Some(units)
    }

    /// For a table that is shared with another process, which checks the rest: reports only what is
    /// a known key misspelt.
    pub(super) fn finish_shared(self, out: &mut Mistakes<'_>) {
        for (key, at, _) in self.entries().filter(|(key, ..)| !self.known.contains(key)) {
            if let Some(known) = nearest(key, &self.known) {
                let what = format!("{} is not a known key", self.path(key));
                out.add(at, what, format!("did you mean {known}?"));
            }
        }
    }

    /// Reports keys nobody asked for, with the nearest known one.
    pub(super) fn finish(self, out: &mut Mistakes<'_>) {
        for (key, at, _) in self.entries() {
            if self.known.contains(&key) {
                continue;
            }
            let path = self.path(key);
            if names_a_secret(key) {
                out.add(
                    at,
                    format!("{path} would hold a secret in this file"),
                    "delete it here, revoke that key at the venue, and name a file of mode 0600 \
                     in keys.api_key_file and keys.api_secret_file",
                );
                continue;
            }
            if let Some(known) = other_unit(key, &self.known) {
                let what = format!("{path} has the wrong unit");
                out.add(at, what, format!("use {known} and convert the value"));
                continue;
            }
            let remedy = match nearest(key, &self.known) {
                Some(known) => format!("did you mean {known}?"),
                None => format!("delete it; known here: {}", self.known.join(", ")),
            };
            out.add(at, format!("{path} is not a known key"), remedy);
        }
    }
}

/// The text of a decimal value as it stands in the file.
pub(super) fn decimal_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(number) => Some(number.display_repr().trim().replace('_', "")),
        _ => None,
    }
}

/// A decimal for people.
pub(super) fn show(units: i64) -> String {
    let mut text = [0u8; 32];
    let length = schema::format_decimal(units, 0, &mut text);
    String::from_utf8_lossy(&text[..length]).into_owned()
}

pub(super) fn start(span: Option<Range<usize>>) -> usize {
    span.map_or(0, |span| span.start)
}

fn type_of(item: &Item) -> &'static str {
    item.type_name()
}

/// Whether a key's name says that its value is a secret.
pub(super) fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let is_file = key.ends_with("_file") || key.ends_with("_path");
    !is_file
        && ["secret", "api_key", "apikey", "password", "passphrase", "private_key", "token"]
            .iter()
            .any(|word| key.contains(word))
}

/// Whether a text looks like a key of the venue: 64 letters and digits, or a PEM block.
pub(super) fn looks_like_a_secret(text: &str) -> bool {
    text.contains("-----BEGIN")
        || text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

const UNITS: &[&str] = &["ns", "us", "ms", "s", "min", "usdt", "btc", "ppm", "bps", "pct"];

/// A known key that differs from `key` only in its unit, one of the words between underscores.
pub(super) fn other_unit(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let stem = |key: &str| -> Vec<String> {
        key.split('_').filter(|word| !UNITS.contains(word)).map(str::to_owned).collect()
    };
    let has_unit = |key: &str| key.split('_').any(|word| UNITS.contains(&word));
    let ours = stem(key);
    known.iter().copied().find(|known| *known != key && has_unit(known) && stem(known) == ours)
}

/// The known key nearest to `key`, if it is near.
pub(super) fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|known| (edits(key, known), *known))
        .min()
        .filter(|(edits, known)| *edits <= 2.max(known.len() / 3))
        .map(|(_, known)| known)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let change = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
