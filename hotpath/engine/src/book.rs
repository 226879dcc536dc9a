//! The local order book of one symbol.
//!
//! Three sources meet here. Diffs (`@depth`) keep the full book by the documented futures rule:
//! buffer, REST snapshot `L`, drop `u < L`, first applied event `U <= L <= u`, then every
//! `pu` equals the previous `u`; anything else is a gap and the book is invalid until the next
//! snapshot (Binance docs, "How to manage a local order book correctly", read 2026-11).
//! Partials (`@depth20`) replace the whole book when no diffs keep it. `bookTicker` is the fastest.
//! All share one sequence of update ids, so the freshest best bid and ask is the one with the
//! highest id, whatever it came from.

use crate::planted::{Bug, planted};
use schema::{BookTicker, DepthBuf, DepthHead, DepthKind, Level, MonoNs, Side, WallNs};

mod buffer;
mod ladder;

pub use ladder::{LADDER_LEVELS_MAX, Ladder};

use buffer::Buffer;

/// Best bid and ask with where they stand in the venue's sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Top {
    /// Best bid; all zero if the side is empty.
    pub bid: Level,
    /// Best ask; all zero if the side is empty.
    pub ask: Level,
    /// Update id it is true for.
    pub update_id: u64,
    /// Push time of the event that brought it.
    pub event_time: WallNs,
}

impl Top {
    /// Whether both sides are there.
    #[inline]
    pub const fn is_two_sided(&self) -> bool {
        self.bid.price.units() > 0 && self.ask.price.units() > 0
    }
    /// Best bid at or above best ask.
    #[inline]
    pub const fn is_crossed(&self) -> bool {
        self.is_two_sided() && self.bid.price.units() >= self.ask.price.units()
    }
}

/// How the levels are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// No valid levels.
    Empty,
    /// From partials: the top 20.
    Partial,
    /// From a snapshot whose bridging diff has not come yet.
    Bridging,
    /// From a snapshot and an unbroken chain of diffs.
    Diff,
}

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The best bid or ask may have changed.
    Top,
    /// Taken; the best bid and ask known are fresher than this event.
    Levels,
    /// Seen before, or older than what is known.
    Old,
    /// Kept until a snapshot comes.
    Buffered,
    /// The chain broke: levels are invalid.
    Gap,
}

/// The book of one symbol.
#[derive(Debug, Clone)]
pub struct Book {
    bids: Ladder,
    asks: Ladder,
    top: Top,
    sync: Sync,
    /// Update id the levels are true for.
    last_update_id: u64,
    /// Whether diffs are subscribed: once seen, only they make the levels valid.
    has_diffs: bool,
    /// Whether the levels were in sync since the last [`Self::reset`].
    was_synced: bool,
    buffer: Buffer,
    touched_at: MonoNs,
    gaps: u64,
    events: u64,
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

impl Book {
    /// Allocates an empty book; nothing allocates afterwards.
    pub fn new() -> Self {
        Self {
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            top: Top::default(),
            sync: Sync::Empty,
            last_update_id: 0,
            has_diffs: false,
            was_synced: false,
            buffer: Buffer::new(),
            touched_at: MonoNs(0),
            gaps: 0,
            events: 0,
        }
    }
    /// Freshest best bid and ask.
    #[inline]
    pub const fn top(&self) -> &Top {
        &self.top
    }
    /// Bids, deepest last.
    pub const fn bids(&self) -> &Ladder {
        &self.bids
    }
    /// Asks, deepest last.
    pub const fn asks(&self) -> &Ladder {
        &self.asks
    }
    /// How the levels are kept.
    #[inline]
    pub const fn sync(&self) -> Sync {
        self.sync
    }
    /// Update id the levels are true for.
    pub const fn last_update_id(&self) -> u64 {
        self.last_update_id
    }
    /// Broken chains since the start.
    pub const fn gaps(&self) -> u64 {
        self.gaps
    }
    /// Events taken since the start, old ones included.
    pub const fn events(&self) -> u64 {
        self.events
    }
    /// Whether diffs come and cannot be applied for want of a snapshot.
    #[inline]
    pub fn wants_snapshot(&self) -> bool {
        self.has_diffs && !matches!(self.sync, Sync::Diff | Sync::Bridging)
    }
    /// Whether levels that were in sync no longer are: the first synchronisation is no gap.
    #[inline]
    pub fn is_gapped(&self) -> bool {
        self.was_synced && self.wants_snapshot()
    }
    /// Time since the last event, ns; without any, since the start of the clock.
    #[inline]
    pub const fn age_ns(&self, now: MonoNs) -> u64 {
        now.since(self.touched_at)
    }
    /// Whether any event has come since the start or the last [`Self::reset`].
    #[inline]
    pub const fn is_seen(&self) -> bool {
        self.top.update_id != 0
    }
    /// Forgets everything known about the market, after a lost connection.
    pub fn reset(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.top = Top::default();
        self.sync = Sync::Empty;
        self.last_update_id = 0;
        self.has_diffs = false;
        self.was_synced = false;
        self.buffer.clear();
    }

    /// Takes a best bid and ask; repeated and older ids change nothing.
    #[inline]
    pub fn apply_ticker(&mut self, now: MonoNs, ticker: &BookTicker) -> Applied {
        self.events += 1;
        self.touched_at = now;
        if ticker.update_id <= self.top.update_id {
            return Applied::Old;
        }
        self.top = Top {
            bid: Level { price: ticker.bid_price, qty: ticker.bid_qty },
            ask: Level { price: ticker.ask_price, qty: ticker.ask_qty },
            update_id: ticker.update_id,
            event_time: ticker.event_time,
        };
        Applied::Top
    }

    /// Takes a diff, a partial or a snapshot.
    pub fn apply_depth(&mut self, now: MonoNs, head: &DepthHead, depth: &DepthBuf) -> Applied {
        self.events += 1;
        match head.kind {
            DepthKind::Snapshot => {
                // While no diffs come (both connections are down) snapshots are all there is.
                if !self.has_diffs {
                    self.touched_at = now;
                }
                let applied = self.apply_snapshot(head, depth);
                self.was_synced |= self.has_diffs && !self.wants_snapshot();
                applied
            }
            DepthKind::Partial => {
                self.touched_at = now;
                self.apply_partial(head, depth)
            }
            DepthKind::Diff => {
                self.touched_at = now;
                self.apply_diff(head, depth)
            }
        }
    }

    fn apply_snapshot(&mut self, head: &DepthHead, depth: &DepthBuf) -> Applied {
        let snapshot_id = head.last_update_id;
        if self.sync == Sync::Diff && snapshot_id <= self.last_update_id {
            return Applied::Old;
        }
        self.bids.load(depth.bids());
        self.asks.load(depth.asks());
        self.last_update_id = snapshot_id;
        self.sync = Sync::Bridging;
        for index in 0..self.buffer.count() {
            let (event, ..) = self.buffer.entry(index);
            let follows = match self.sync {
                Sync::Bridging if event.last_update_id < snapshot_id => continue,
                Sync::Bridging => bridges(snapshot_id, &event),
                _ => event.previous_update_id == self.last_update_id,
            };
            if !follows {
                // The snapshot is too old for the buffer: keep the buffer and ask again.
                self.sync = Sync::Empty;
                return Applied::Gap;
            }
            self.sync = Sync::Diff;
            self.last_update_id = event.last_update_id;
            let (_, bids, asks) = self.buffer.entry(index);
            bids.iter().for_each(|&level| self.bids.set(level));
            asks.iter().for_each(|&level| self.asks.set(level));
        }
        self.buffer.clear();
        self.raise_top(head.event_time)
    }

    fn apply_partial(&mut self, head: &DepthHead, depth: &DepthBuf) -> Applied {
        if matches!(self.sync, Sync::Diff | Sync::Bridging) {
            // Diffs keep the levels; a partial that is ahead of them still knows the best prices.
            if head.last_update_id <= self.top.update_id {
                return Applied::Old;
            }
            let first = |levels: &[Level]| levels.first().copied().unwrap_or_default();
            self.top = Top {
                bid: first(depth.bids()),
                ask: first(depth.asks()),
                update_id: head.last_update_id,
                event_time: head.event_time,
            };
            return Applied::Top;
        }
        if self.sync == Sync::Partial && head.last_update_id <= self.last_update_id {
            return Applied::Old;
        }
        self.bids.load(depth.bids());
        self.asks.load(depth.asks());
        self.last_update_id = head.last_update_id;
        self.sync = Sync::Partial;
        self.raise_top(head.event_time)
    }

    fn apply_diff(&mut self, head: &DepthHead, depth: &DepthBuf) -> Applied {
        self.has_diffs = true;
        let follows = match self.sync {
            Sync::Empty | Sync::Partial => {
                self.hold(head, depth);
                return Applied::Buffered;
            }
            Sync::Bridging if head.last_update_id < self.last_update_id => return Applied::Old,
            Sync::Bridging => bridges(self.last_update_id, head),
            Sync::Diff if head.last_update_id <= self.last_update_id => return Applied::Old,
            Sync::Diff => {
                head.previous_update_id == self.last_update_id || planted(Bug::GapUnnoticed)
            }
        };
        if !follows {
            self.gaps += 1;
            self.sync = Sync::Empty;
            self.bids.clear();
            self.asks.clear();
            self.hold(head, depth);
            return Applied::Gap;
        }
        self.sync = Sync::Diff;
        self.last_update_id = head.last_update_id;
        depth.bids().iter().for_each(|&level| self.bids.set(level));
        depth.asks().iter().for_each(|&level| self.asks.set(level));
        self.raise_top(head.event_time)
    }

    /// Buffers a diff; one that does not follow the buffered ones makes them useless.
    fn hold(&mut self, head: &DepthHead, depth: &DepthBuf) {
        match self.buffer.last_update_id() {
            Some(last) if head.last_update_id <= last => return,
            Some(last) if head.previous_update_id != last => self.buffer.clear(),
            _ => {}
        }
        self.buffer.push(head, depth);
    }

    /// Takes the best prices of the levels if they are fresher than what is known.
    fn raise_top(&mut self, event_time: WallNs) -> Applied {
        if self.last_update_id <= self.top.update_id {
            return Applied::Levels;
        }
        self.top = Top {
            bid: self.bids.best().unwrap_or_default(),
            ask: self.asks.best().unwrap_or_default(),
            update_id: self.last_update_id,
            event_time,
        };
        Applied::Top
    }
}

/// Whether a diff is the first to apply on a snapshot: `U <= L <= u`, or it follows it exactly.
const fn bridges(snapshot_id: u64, head: &DepthHead) -> bool {
    (head.first_update_id <= snapshot_id && head.last_update_id >= snapshot_id)
        || head.previous_update_id == snapshot_id
}

#[cfg(test)]
mod tests;
