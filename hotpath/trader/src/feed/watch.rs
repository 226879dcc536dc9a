//! When each connection last brought each stream: the venue acknowledges wrong routes and unknown
//! streams and then stays silent (PROTOCOL 1.3), so only data proves a stream.

use schema::{Link, MonoNs, SYMBOLS_MAX, SymbolId};

use super::{STREAMS, Stream};

/// How long a stream may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until the first message after the connection stood, ns.
    pub first_ns: u64,
    /// Between two of `bookTicker`, ns.
    pub ticker_ns: u64,
    /// Between two of depth, ns.
    pub depth_ns: u64,
    /// Between two of the mark price, ns.
    pub mark_ns: u64,
}

impl Patience {
    /// The limit between two messages; `None` for streams that may be quiet.
    const fn between(&self, stream: Stream) -> Option<u64> {
        match stream {
            Stream::Ticker => Some(self.ticker_ns),
            Stream::Diff | Stream::Partial => Some(self.depth_ns),
            Stream::Mark => Some(self.mark_ns),
            Stream::Trade => None,
        }
    }
}

/// Last messages of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watch {
    opened_at: MonoNs,
    last: [[Option<MonoNs>; STREAMS]; SYMBOLS_MAX],
}

impl Watch {
    /// Begins anew with a connection.
    pub fn open(&mut self, now: MonoNs) {
        *self = Self { opened_at: now, ..Self::default() };
    }

    /// A message came.
    #[inline]
    pub fn heard(&mut self, now: MonoNs, symbol: SymbolId, stream: Stream) {
        if let Some(last) = self.last.get_mut(symbol.index()) {
            last[stream as usize] = Some(now);
        }
    }

    /// A stream that is silent for longer than `patience`, lengthened for each stream by `shift`
    /// doublings.
    pub fn silent(
        &self,
        now: MonoNs,
        link: Link,
        symbols: usize,
        patience: &Patience,
        shift: impl Fn(usize, Stream) -> u32,
    ) -> Option<(SymbolId, Stream)> {
        for (index, last) in self.last.iter().enumerate().take(symbols) {
            for stream in Stream::ALL.into_iter().filter(|stream| stream.link() == link) {
                let Some(between_ns) = patience.between(stream) else { continue };
                let (since, limit_ns) = match last[stream as usize] {
                    Some(at) => (at, between_ns),
                    None => (self.opened_at, patience.first_ns),
                };
                let limit_ns = limit_ns.saturating_mul(1 << shift(index, stream).min(16));
                if now.since(since) > limit_ns {
                    return Some((SymbolId(index as u16), stream));
                }
            }
        }
        None
    }
}
