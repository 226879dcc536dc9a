//! The venue's book of one symbol, kept from diffs, snapshots and book tickers.
//!
//! Recordings start with buffered diffs and get their snapshot later. The book begins from whatever
//! comes first and, when the snapshot arrives, rebuilds from it and the buffered diffs by the
//! documented rule (PROTOCOL 2.4); what that changes travels with the next diff that is broadcast,
//! so a client that joined in between stays right.
//!
//! Book tickers run ahead of diffs. They never enter the depth book (its content and its ids are
//! what clients rebuild); [`Book::visible`] lays the newest one over it while it is newer.

use std::collections::{BTreeMap, VecDeque};

use schema::{BookTicker, DepthHead, DepthKind, Level, Price, Qty, Side, WallNs};

use crate::market::DepthUpdate;

/// Diffs kept for a snapshot that has not come yet; recordings need some dozens.
const BUFFERED_MAX: usize = 4096;

type Levels = BTreeMap<Price, Qty>;

/// Full book of the tape; client orders are not in it.
#[derive(Debug, Clone, Default)]
pub struct Book {
    bids: Levels,
    asks: Levels,
    last_update_id: u64,
    transaction_time: WallNs,
    ticker: Option<BookTicker>,
    buffered: VecDeque<DepthUpdate>,
    is_synced: bool,
    /// Changes made by a late snapshot, not broadcast yet.
    pending: [Levels; 2],
    gaps: u64,
}

impl Book {
    /// An empty book.
    pub fn new() -> Self {
        Self::default()
    }
    /// Last update id applied from depth; of the ticker if there was no depth.
    pub fn last_update_id(&self) -> u64 {
        match &self.ticker {
            Some(ticker) if self.last_update_id == 0 => ticker.update_id,
            _ => self.last_update_id,
        }
    }
    /// Whether a snapshot was applied.
    pub fn is_synced(&self) -> bool {
        self.is_synced
    }
    /// Diffs whose `pu` did not chain.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }
    /// Levels of the depth book, best first, at most `limit`; of the ticker if there was no depth.
    pub fn levels(&self, side: Side, limit: usize) -> Vec<Level> {
        if self.last_update_id == 0 {
            return self.visible(side).take(limit).collect();
        }
        let level = |(&price, &qty): (&Price, &Qty)| Level { price, qty };
        match side {
            Side::Buy => self.bids.iter().rev().take(limit).map(level).collect(),
            Side::Sell => self.asks.iter().take(limit).map(level).collect(),
        }
    }
    /// The newest book ticker.
    pub fn ticker(&self) -> Option<&BookTicker> {
        self.ticker.as_ref()
    }
    /// The answer to `/depth`, times of the tape.
    pub fn snapshot(&self, limit: usize) -> DepthUpdate {
        DepthUpdate {
            head: DepthHead {
                kind: DepthKind::Snapshot,
                last_update_id: self.last_update_id(),
                transaction_time: self.transaction_time,
                event_time: self.transaction_time,
                ..DepthHead::default()
            },
            bids: self.levels(Side::Buy, limit),
            asks: self.levels(Side::Sell, limit),
        }
    }

    /// The newest ticker while it is ahead of the depth book.
    fn overlay(&self) -> Option<Level2> {
        let ticker = self.ticker.as_ref().filter(|t| t.update_id > self.last_update_id)?;
        Some(Level2 {
            bid: Level { price: ticker.bid_price, qty: ticker.bid_qty },
            ask: Level { price: ticker.ask_price, qty: ticker.ask_qty },
        })
    }
    /// What can be traded with, best first: the depth book under the newest ticker.
    pub fn visible(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let top = self.overlay().map(|overlay| overlay.side(side));
        let depth: Box<dyn Iterator<Item = (&Price, &Qty)>> = match side {
            Side::Buy => Box::new(self.bids.iter().rev()),
            Side::Sell => Box::new(self.asks.iter()),
        };
        let rest = depth
            .map(|(&price, &qty)| Level { price, qty })
            .filter(move |level| top.is_none_or(|top| is_better(side, top.price, level.price)));
        top.into_iter().filter(|level| level.qty > Qty::ZERO).chain(rest)
    }
    /// Best visible level of a side.
    pub fn best(&self, side: Side) -> Option<Level> {
        self.visible(side).next()
    }
    /// Quantity visible at a price.
    pub fn visible_qty(&self, side: Side, price: Price) -> Qty {
        let levels = match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        };
        let of_depth = levels.get(&price).copied().unwrap_or(Qty::ZERO);
        match self.overlay().map(|overlay| overlay.side(side)) {
            Some(top) if price == top.price => top.qty,
            Some(top) if is_better(side, price, top.price) => Qty::ZERO,
            _ => of_depth,
        }
    }
    /// Middle of the best visible bid and ask, rounded down.
    pub fn mid(&self) -> Option<Price> {
        let (bid, ask) = (self.best(Side::Buy)?, self.best(Side::Sell)?);
        Some(Price::from_units(bid.price.units().midpoint(ask.price.units())))
    }

    /// Takes a book ticker; `false` if it is not newer than the last.
    pub fn apply_ticker(&mut self, ticker: &BookTicker) -> bool {
        if self.ticker.is_some_and(|last| ticker.update_id <= last.update_id) {
            return false;
        }
        self.ticker = Some(*ticker);
        true
    }
    /// Takes a depth event and returns the diff to broadcast, if any.
    pub fn apply_depth(&mut self, depth: &DepthUpdate) -> Option<DepthUpdate> {
        match depth.head.kind {
            DepthKind::Diff => self.apply_diff(depth),
            DepthKind::Partial | DepthKind::Snapshot => {
                self.apply_snapshot(depth);
                None
            }
        }
    }

    fn apply_diff(&mut self, depth: &DepthUpdate) -> Option<DepthUpdate> {
        let head = &depth.head;
        if head.last_update_id <= self.last_update_id {
            return None;
        }
        if !self.is_synced {
            if self.buffered.len() == BUFFERED_MAX {
                self.buffered.pop_front();
            }
            self.buffered.push_back(depth.clone());
        }
        if self.last_update_id != 0 && head.previous_update_id != self.last_update_id {
            self.gaps += 1;
        }
        let mut out = depth.clone();
        let removed = self.write(depth);
        self.merge_pending(&mut out, removed);
        Some(out)
    }

    /// Writes levels; returns stale levels of the other side that it crossed and removed, which
    /// happens only after a gap.
    fn write(&mut self, depth: &DepthUpdate) -> [Levels; 2] {
        for (levels, changes) in [(&mut self.bids, &depth.bids), (&mut self.asks, &depth.asks)] {
            for level in changes {
                if level.qty > Qty::ZERO {
                    levels.insert(level.price, level.qty);
                } else {
                    levels.remove(&level.price);
                }
            }
        }
        self.last_update_id = depth.head.last_update_id;
        self.transaction_time = depth.head.transaction_time;
        let mut removed = [Levels::new(), Levels::new()];
        let set = |levels: &[Level], pick: fn(Price, Price) -> Price| {
            levels.iter().filter(|l| l.qty > Qty::ZERO).map(|l| l.price).reduce(pick)
        };
        if let Some(bid) = set(&depth.bids, Price::max) {
            while let Some((&ask, _)) = self.asks.first_key_value().filter(|(ask, _)| **ask <= bid)
            {
                self.asks.remove(&ask);
                removed[1].insert(ask, Qty::ZERO);
            }
        }
        if let Some(ask) = set(&depth.asks, Price::min) {
            while let Some((&bid, _)) = self.bids.last_key_value().filter(|(bid, _)| **bid >= ask) {
                self.bids.remove(&bid);
                removed[0].insert(bid, Qty::ZERO);
            }
        }
        removed
    }

    fn merge_pending(&mut self, out: &mut DepthUpdate, removed: [Levels; 2]) {
        let [bids, asks] = core::mem::take(&mut self.pending);
        let [removed_bids, removed_asks] = removed;
        for (levels, pending, removed) in
            [(&mut out.bids, bids, removed_bids), (&mut out.asks, asks, removed_asks)]
        {
            if pending.is_empty() && removed.is_empty() {
                continue;
            }
            let mut merged = pending;
            merged.extend(levels.iter().map(|level| (level.price, level.qty)));
            merged.extend(removed);
            *levels = merged.into_iter().map(|(price, qty)| Level { price, qty }).collect();
        }
    }

    fn apply_snapshot(&mut self, snapshot: &DepthUpdate) {
        let id = snapshot.head.last_update_id;
        if self.is_synced && id <= self.last_update_id {
            return;
        }
        let before = [self.bids.clone(), self.asks.clone()];
        if snapshot.bids.is_empty() && snapshot.asks.is_empty() {
            self.restart(before, id);
            return;
        }
        // Levels beyond the snapshot's last one are known from diffs only, and stay.
        if let Some(last) = snapshot.bids.last() {
            self.bids.retain(|price, _| *price < last.price);
        }
        if let Some(last) = snapshot.asks.last() {
            self.asks.retain(|price, _| *price > last.price);
        }
        let had_depth = self.last_update_id != 0;
        self.write(snapshot);
        let mut expect_first = true;
        for diff in core::mem::take(&mut self.buffered) {
            if diff.head.last_update_id <= id {
                continue;
            }
            // The first one must bridge the snapshot; `+ 1` is the spot form of the rule.
            if expect_first && diff.head.first_update_id > id + 1 {
                self.gaps += 1;
            }
            expect_first = false;
            self.write(&diff);
        }
        self.is_synced = true;
        if had_depth {
            let [bids, asks] = before;
            note_changes(&bids, &self.bids, &mut self.pending[0]);
            note_changes(&asks, &self.asks, &mut self.pending[1]);
        }
    }
}

impl Book {
    /// An empty snapshot: the recording starts again. Everything known is gone, and the next diffs
    /// wait for a snapshot as at the beginning.
    fn restart(&mut self, before: [Levels; 2], id: u64) {
        self.bids.clear();
        self.asks.clear();
        self.buffered.clear();
        self.ticker = None;
        self.is_synced = false;
        self.last_update_id = id;
        let [bids, asks] = before;
        note_changes(&bids, &self.bids, &mut self.pending[0]);
        note_changes(&asks, &self.asks, &mut self.pending[1]);
    }
}

/// Best level of both sides.
#[derive(Clone, Copy)]
struct Level2 {
    bid: Level,
    ask: Level,
}
impl Level2 {
    fn side(self, side: Side) -> Level {
        match side {
            Side::Buy => self.bid,
            Side::Sell => self.ask,
        }
    }
}

/// Whether `price` stands before `other` on a side of the book.
pub fn is_better(side: Side, price: Price, other: Price) -> bool {
    match side {
        Side::Buy => price > other,
        Side::Sell => price < other,
    }
}

fn note_changes(before: &Levels, after: &Levels, pending: &mut Levels) {
    for price in before.keys().filter(|price| !after.contains_key(price)) {
        pending.insert(*price, Qty::ZERO);
    }
    for (price, qty) in after.iter().filter(|(price, qty)| before.get(price) != Some(qty)) {
        pending.insert(*price, *qty);
    }
}

#[cfg(test)]
mod tests;
