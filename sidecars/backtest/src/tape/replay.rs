//! A tape played again and again: times and ids go on rising.

use schema::{DepthHead, DepthKind, SymbolId};

use crate::market::{DepthUpdate, MarketUpdate};

/// State of an endless replay: what to add so that times and ids go on rising.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// Recorded time of the first and the newest event of this round.
    span: Option<(i64, i64)>,
    shift_ns: i64,
    ids: Vec<IdShift>,
    /// Snapshots without levels, which tell the books that the recording starts again.
    restarts: Vec<MarketUpdate>,
}

#[derive(Debug, Clone, Copy, Default)]
struct IdShift {
    update: u64,
    trade: i64,
    newest_update: u64,
    newest_trade: i64,
    first_update: u64,
    first_trade: i64,
}

impl Replay {
    /// Whether there was anything to play.
    pub(super) fn has_events(&self) -> bool {
        self.span.is_some()
    }
    /// The next event that opens this round, if one is left.
    pub(super) fn restart(&mut self) -> Option<(i64, MarketUpdate)> {
        let at = self.span.map_or(0, |(first, _)| first + self.shift_ns);
        self.restarts.pop().map(|restart| (at, restart))
    }
    pub(super) fn next_round(&mut self) {
        let Some((first, newest)) = self.span else { return };
        // A second between rounds, as between two recordings.
        self.shift_ns += newest - first + 1_000_000_000;
        self.span = Some((first, newest));
        for (index, ids) in self.ids.iter_mut().enumerate() {
            let last = ids.newest_update;
            // The newest is as it was played, the first as it was recorded.
            ids.update = ids.newest_update.saturating_sub(ids.first_update) + 1_000;
            ids.trade += ids.newest_trade - ids.first_trade + 1;
            let head = DepthHead {
                symbol: SymbolId(index as u16),
                kind: DepthKind::Snapshot,
                last_update_id: last + 1,
                ..DepthHead::default()
            };
            ids.newest_update = last + 1;
            self.restarts.push(MarketUpdate::Depth(DepthUpdate { head, ..DepthUpdate::default() }));
        }
    }
    pub(super) fn shift(&mut self, ns: &mut i64, update: &mut MarketUpdate) {
        let first = self.span.map_or(*ns, |(first, _)| first);
        *ns += self.shift_ns;
        self.span = Some((first, *ns - self.shift_ns));
        let index = update.symbol().index();
        if self.ids.len() <= index {
            self.ids.resize(index + 1, IdShift::default());
        }
        self.ids[index].apply(update);
    }
}

impl IdShift {
    fn apply(&mut self, update: &mut MarketUpdate) {
        match update {
            MarketUpdate::BookTicker(ticker) => ticker.update_id = self.update_id(ticker.update_id),
            MarketUpdate::Depth(depth) => {
                let head = &mut depth.head;
                head.first_update_id += self.update;
                head.previous_update_id += self.update;
                head.last_update_id = self.update_id(head.last_update_id);
            }
            MarketUpdate::Trade(trade) => {
                if self.first_trade == 0 {
                    self.first_trade = trade.first_trade_id;
                }
                self.newest_trade = self.newest_trade.max(trade.trade.trade_id.0);
                trade.first_trade_id += self.trade;
                trade.trade.trade_id.0 += self.trade;
            }
            MarketUpdate::Mark(_) => {}
        }
    }
    fn update_id(&mut self, recorded: u64) -> u64 {
        if self.first_update == 0 {
            self.first_update = recorded;
        }
        self.newest_update = self.newest_update.max(recorded + self.update);
        recorded + self.update
    }
}
