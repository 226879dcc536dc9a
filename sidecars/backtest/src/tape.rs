//! Recorded markets: the formats of `data/README.md`, merged by time.
//!
//! - `<local time> <JSON>`, time in s, ms, µs or ns (told apart by its digits): combined-stream or
//!   raw frames of USDⓈ-M futures or spot; a line without a stream may be a REST depth reply, of
//!   the file's symbol;
//! - `<unix seconds>: <JSON>` and `<url> -> <unix seconds>: <JSON>`: cryptofeed's files.
//!
//! Files may be gzip or plain. Decimals are exact. Spot diffs have no `pu`; theirs is `U − 1`.
//! Aggregate trades count as trades only where a recording has no single ones. What is not an
//! event of the market model (klines, answers to subscriptions) is left out and counted.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use schema::{SymbolId, SymbolName, WallNs};

use crate::market::MarketUpdate;

mod frame;
mod line;
mod replay;

use frame::Frame;
use line::Line;
use replay::Replay;

/// Events read of a file to learn its symbols and their decimals.
const PROBE_EVENTS: usize = 500;

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
    paths: Vec<PathBuf>,
    symbols: Symbols,
    decimals: Vec<(u32, u32)>,
    readers: Vec<Reader>,
    warnings: Vec<TapeWarning>,
    left_out: u64,
    has_failed: bool,
    replay: Option<Replay>,
}

/// Names by id, and which of them have single trades.
#[derive(Debug, Default)]
struct Symbols {
    names: Vec<SymbolName>,
    with_trades: BTreeSet<SymbolId>,
}

impl Symbols {
    fn id(&mut self, name: SymbolName) -> SymbolId {
        let index = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        SymbolId(u16::try_from(index).unwrap_or(u16::MAX))
    }
}

impl Tape {
    /// Opens files (gz or plain). Everything is merged by time, so consecutive files of a symbol
    /// are chained. Symbol ids are positions in [`Tape::symbols`], in the order of first
    /// appearance.
    ///
    /// # Errors
    /// [`TapeError`] naming the file that cannot be opened or whose first lines cannot be read.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, TapeError> {
        let mut tape = Self {
            paths: paths.iter().map(|path| path.as_ref().to_owned()).collect(),
            symbols: Symbols::default(),
            decimals: Vec::new(),
            readers: Vec::new(),
            warnings: Vec::new(),
            left_out: 0,
            has_failed: false,
            replay: None,
        };
        for path in tape.paths.clone() {
            tape.probe(&path)?;
        }
        tape.rewind()?;
        Ok(tape)
    }
    /// Starts again at the end, without end: times and ids go on rising, and each round begins
    /// with an empty snapshot of every symbol so that books forget the round before.
    pub fn repeating(mut self) -> Self {
        self.replay = Some(Replay::default());
        self
    }
    /// The symbols of the tape.
    pub fn symbols(&self) -> &[SymbolName] {
        &self.symbols.names
    }
    /// Most decimals that matter in prices and quantities of a symbol near its beginning.
    pub fn decimals(&self, symbol: SymbolId) -> (u32, u32) {
        self.decimals.get(symbol.index()).copied().unwrap_or((2, 3))
    }
    /// Rules for the symbols: known ones, or derived from the decimals.
    pub fn rules(&self) -> Vec<crate::Rules> {
        let ids = (0..self.symbols.names.len()).map(|index| SymbolId(index as u16));
        ids.map(|id| {
            let (price, qty) = self.decimals(id);
            crate::Rules::for_symbol(self.symbols.names[id.index()], price, qty)
        })
        .collect()
    }
    /// Warnings so far.
    pub fn warnings(&self) -> &[TapeWarning] {
        &self.warnings
    }
    /// Lines that are no event of the market model, so far.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Reads the first events of a file for its symbols and decimals.
    fn probe(&mut self, path: &Path) -> Result<(), TapeError> {
        let mut reader = Reader::open(path, None)?;
        let mut only = None;
        let mut unnamed = Vec::new();
        for _ in 0..PROBE_EVENTS {
            let Some((_, frame)) = reader.frame(&mut self.warnings, &mut self.left_out)? else {
                break;
            };
            match frame.symbol() {
                Some(name) => {
                    let id = self.symbols.id(name);
                    only.get_or_insert(id);
                    if matches!(frame, Frame::Trade(..)) {
                        self.symbols.with_trades.insert(id);
                    }
                    self.note_decimals(id, &frame);
                }
                None => unnamed.push(frame),
            }
        }
        if let (Some(id), false) = (only, unnamed.is_empty()) {
            unnamed.iter().for_each(|frame| self.note_decimals(id, frame));
        }
        Ok(())
    }
    fn note_decimals(&mut self, id: SymbolId, frame: &Frame) {
        if self.decimals.len() <= id.index() {
            self.decimals.resize(id.index() + 1, (0, 0));
        }
        let (price, qty) = frame.decimals();
        let known = &mut self.decimals[id.index()];
        *known = (known.0.max(price), known.1.max(qty));
    }

    fn rewind(&mut self) -> Result<(), TapeError> {
        self.readers.clear();
        for path in self.paths.clone() {
            // The file's own symbol, for REST replies that do not name theirs.
            let mut probe = Reader::open(&path, None)?;
            let mut name = None;
            while name.is_none() {
                let frame = probe.frame(&mut Vec::new(), &mut 0)?;
                let Some((_, frame)) = frame else { break };
                name = frame.symbol();
            }
            let mut reader = Reader::open(&path, name)?;
            reader.fill(&mut self.symbols, &mut self.warnings, &mut self.left_out)?;
            self.readers.push(reader);
        }
        Ok(())
    }

    /// The earliest event of all files.
    fn take(&mut self) -> Result<Option<(i64, MarketUpdate)>, TapeError> {
        let earliest = self.readers.iter_mut().filter(|reader| reader.next.is_some());
        let earliest =
            earliest.min_by_key(|reader| reader.next.as_ref().map_or(i64::MAX, |(ns, _)| *ns));
        let Some(reader) = earliest else { return Ok(None) };
        let taken = reader.next.take();
        reader.fill(&mut self.symbols, &mut self.warnings, &mut self.left_out)?;
        Ok(taken)
    }
    fn step(&mut self) -> Result<Option<(i64, MarketUpdate)>, TapeError> {
        if let Some(replay) = &mut self.replay
            && let Some(restart) = replay.restart()
        {
            return Ok(Some(restart));
        }
        let mut taken = self.take()?;
        if taken.is_none() && self.replay.as_ref().is_some_and(Replay::has_events) {
            self.rewind()?;
            if let Some(replay) = &mut self.replay {
                replay.next_round();
                return self.step();
            }
        }
        if let (Some(replay), Some((ns, update))) = (&mut self.replay, &mut taken) {
            replay.shift(ns, update);
        }
        Ok(taken)
    }
}

impl Iterator for Tape {
    type Item = Result<(i64, MarketUpdate), TapeError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let step = self.step();
        self.has_failed = step.is_err();
        step.transpose()
    }
}

/// One file.
struct Reader {
    path: PathBuf,
    input: Box<dyn BufRead + Send>,
    line: u64,
    /// Symbol of REST replies that do not name theirs.
    symbol: Option<SymbolName>,
    newest_ns: i64,
    next: Option<(i64, MarketUpdate)>,
}

impl core::fmt::Debug for Reader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Reader({}:{})", self.path.display(), self.line)
    }
}

impl Reader {
    fn open(path: &Path, symbol: Option<SymbolName>) -> Result<Self, TapeError> {
        let fail = |msg: String| TapeError { path: path.to_owned(), line: 0, msg };
        let file = File::open(path)
            .map_err(|error| fail(format!("cannot be opened ({error}); check the path")))?;
        let mut plain = BufReader::with_capacity(1 << 16, file);
        let start = plain.fill_buf().map_err(|error| fail(format!("cannot be read ({error})")))?;
        let input: Box<dyn BufRead + Send> = if start.starts_with(&[0x1f, 0x8b]) {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(plain)))
        } else {
            Box::new(plain)
        };
        Ok(Self { path: path.to_owned(), input, line: 0, symbol, newest_ns: i64::MIN, next: None })
    }
    fn warn(&self, msg: &str) -> TapeWarning {
        TapeWarning { path: self.path.clone(), line: self.line, msg: msg.to_owned() }
    }

    /// The next line; `None` at the end. The flag tells whether it is the last one.
    fn text(
        &mut self,
        warnings: &mut Vec<TapeWarning>,
    ) -> Result<Option<(Vec<u8>, bool)>, TapeError> {
        let mut text = Vec::new();
        let read = self.input.by_ref().read_until(b'\n', &mut text);
        self.line += 1;
        match read {
            Ok(0) => Ok(None),
            Ok(_) => {
                let is_last = text.last() != Some(&b'\n')
                    || self.input.fill_buf().map_or(true, |rest| rest.is_empty());
                Ok(Some((text, is_last)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                warnings.push(self.warn("the file ends in mid-stream; its last line is left out"));
                Ok(None)
            }
            Err(error) => Err(TapeError {
                path: self.path.clone(),
                line: self.line,
                msg: format!("cannot be read ({error}); is the file whole?"),
            }),
        }
    }
    /// The next frame with its time in ns.
    fn frame(
        &mut self,
        warnings: &mut Vec<TapeWarning>,
        left_out: &mut u64,
    ) -> Result<Option<(i64, Frame)>, TapeError> {
        while let Some((text, is_last)) = self.text(warnings)? {
            match line::split(&text).and_then(|line| match line {
                Line::Event { ns, symbol, json } => Ok(Some((ns, frame::parse(json, symbol)?))),
                Line::Nothing => Ok(None),
            }) {
                Ok(None) => {}
                Ok(Some((_, Frame::LeftOut))) => *left_out += 1,
                Ok(Some((ns, frame))) => {
                    self.newest_ns = self.newest_ns.max(ns);
                    return Ok(Some((self.newest_ns, frame)));
                }
                Err(_) if is_last => {
                    warnings.push(self.warn("the last line is torn; left out"));
                    return Ok(None);
                }
                Err(msg) => {
                    return Err(TapeError { path: self.path.clone(), line: self.line, msg });
                }
            }
        }
        Ok(None)
    }
    /// Reads the next event of the market model into `next`.
    fn fill(
        &mut self,
        symbols: &mut Symbols,
        warnings: &mut Vec<TapeWarning>,
        left_out: &mut u64,
    ) -> Result<(), TapeError> {
        while let Some((ns, frame)) = self.frame(warnings, left_out)? {
            let Some(name) = frame.symbol().or(self.symbol) else {
                let msg = "a depth reply in a file without a symbol; name the symbol in its URL";
                return Err(TapeError {
                    path: self.path.clone(),
                    line: self.line,
                    msg: msg.to_owned(),
                });
            };
            let id = symbols.id(name);
            match &frame {
                Frame::Aggregate(..) if symbols.with_trades.contains(&id) => {
                    *left_out += 1;
                    continue;
                }
                Frame::Trade(..) => {
                    symbols.with_trades.insert(id);
                }
                _ => {}
            }
            self.next = frame.into_update(id, WallNs(ns)).map(|update| (ns, update));
            return Ok(());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
