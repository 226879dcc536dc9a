//! The run's symbols, found by their name in a frame.

use schema::{SYMBOLS_MAX, SymbolId, SymbolName};

/// The followed symbols in the order of their [`SymbolId`], and the asset they are quoted in.
///
/// A run follows at most [`SYMBOLS_MAX`] symbols, so a lookup compares length, first and last bytes
/// with each of them: for names up to 16 bytes that is the whole comparison.
#[derive(Debug, Clone)]
pub struct SymbolTable {
    prints: [Print; SYMBOLS_MAX],
    names: [SymbolName; SYMBOLS_MAX],
    count: usize,
    quote: SymbolName,
}

/// Length, first and last bytes of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Print {
    length: usize,
    first: u64,
    last: u64,
}

impl Print {
    #[inline]
    fn of(text: &[u8]) -> Self {
        let length = text.len();
        if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            return Self {
                length,
                first: u64::from_le_bytes(*first),
                last: u64::from_le_bytes(*last),
            };
        }
        if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
            let word = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
            return Self { length, first: word(first), last: word(last) };
        }
        let first = text.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
        Self { length, first, last: 0 }
    }
}

impl SymbolTable {
    /// The first [`SYMBOLS_MAX`] of `names`; the quote asset is USDT.
    pub fn new(names: &[SymbolName]) -> Self {
        let mut table = Self {
            prints: [Print::default(); SYMBOLS_MAX],
            names: [SymbolName::default(); SYMBOLS_MAX],
            count: names.len().min(SYMBOLS_MAX),
            quote: SymbolName::new(b"USDT").unwrap_or_default(),
        };
        for (index, name) in names.iter().take(SYMBOLS_MAX).enumerate() {
            table.prints[index] = Print::of(name.as_bytes());
            table.names[index] = *name;
        }
        table
    }
    /// The same symbols with another quote asset.
    pub fn with_quote(mut self, asset: SymbolName) -> Self {
        self.quote = asset;
        self
    }
    /// The symbol of that name, if it is followed.
    #[inline]
    pub fn lookup(&self, name: &[u8]) -> Option<SymbolId> {
        let print = Print::of(name);
        for (index, candidate) in self.prints[..self.count].iter().enumerate() {
            if *candidate == print && (name.len() <= 16 || self.names[index].as_bytes() == name) {
                return Some(SymbolId(index as u16));
            }
        }
        None
    }
    /// The name of a symbol of this table.
    #[inline]
    pub fn name(&self, symbol: SymbolId) -> Option<&SymbolName> {
        self.names[..self.count].get(symbol.index())
    }
    /// How many symbols are followed.
    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }
    /// Whether no symbol is followed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
    /// Whether `asset` is the one profits and fees are counted in.
    #[inline]
    pub fn is_quote(&self, asset: &[u8]) -> bool {
        self.quote.as_bytes() == asset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str]) -> SymbolTable {
        let names: Vec<_> =
            names.iter().map(|name| SymbolName::new(name.as_bytes()).expect("short")).collect();
        SymbolTable::new(&names)
    }

    #[test]
    fn names_are_found_by_all_their_bytes() {
        let names =
            ["BTCUSDT", "ETHUSDT", "1000SHIBUSDT", "A", "ABC", "测试USDT", "BTCUSDT_260327"];
        let table = table(&names);
        for (index, name) in names.iter().enumerate() {
            assert_eq!(table.lookup(name.as_bytes()), Some(SymbolId(index as u16)), "{name}");
            assert_eq!(table.name(SymbolId(index as u16)).expect("known").as_str(), *name);
        }
        for name in
            ["", "B", "AB", "CBA", "BTCUSDC", "BTCUSD", "btcusdt", "BTCUSDTX", "BTCUSD_PERP"]
        {
            assert_eq!(table.lookup(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn long_names_differ_in_the_middle() {
        let table = table(&["AAAAAAAABBBBBCAAAAAAAA"]);
        assert_eq!(table.lookup(b"AAAAAAAABBBBBCAAAAAAAA"), Some(SymbolId(0)));
        assert_eq!(table.lookup(b"AAAAAAAABBBBBBAAAAAAAA"), None);
    }

    #[test]
    fn any_single_byte_change_is_another_name() {
        let name = *b"1000SHIBUSDT";
        let table = table(&["1000SHIBUSDT"]);
        for index in 0..name.len() {
            let mut other = name;
            other[index] ^= 1;
            assert_eq!(table.lookup(&other), None);
        }
    }
}
