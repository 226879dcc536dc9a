//! Depth events whose predecessor is missing, kept for the other connection to bring it.

use schema::{DepthBuf, DepthHead, MonoNs, SymbolId};

/// Events held over all symbols: three to four a symbol at the 100 ms stream and 300 ms of patience.
pub(super) const HELD_MAX: usize = 32;

#[derive(Debug)]
struct Slot {
    head: DepthHead,
    levels: DepthBuf,
    content: u64,
    at: MonoNs,
    lane: usize,
    is_taken: bool,
}

/// A held event as it comes out; its levels are in the caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Out {
    pub(super) head: DepthHead,
    pub(super) content: u64,
    pub(super) lane: usize,
}

/// The held events; sized at start, levels change hands by swapping.
#[derive(Debug)]
pub(super) struct Held {
    slots: Box<[Slot]>,
    count: usize,
}

impl Held {
    pub(super) fn new() -> Self {
        let slot = || Slot {
            head: DepthHead::default(),
            levels: DepthBuf::new(),
            content: 0,
            at: MonoNs(0),
            lane: 0,
            is_taken: false,
        };
        Self { slots: (0..HELD_MAX).map(|_| slot()).collect(), count: 0 }
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn of(&self, symbol: SymbolId) -> impl Iterator<Item = (usize, &Slot)> {
        let all = self.slots.iter().enumerate();
        all.filter(move |(_, slot)| slot.is_taken && slot.head.symbol == symbol)
    }

    /// The content of a held event.
    pub(super) fn content(&self, symbol: SymbolId, last_update_id: u64) -> Option<u64> {
        let mut all = self.of(symbol);
        all.find(|(_, slot)| slot.head.last_update_id == last_update_id).map(|(_, s)| s.content)
    }

    /// When the oldest event of a symbol came.
    pub(super) fn since(&self, symbol: SymbolId) -> Option<MonoNs> {
        self.of(symbol).map(|(_, slot)| slot.at).min()
    }

    /// Keeps an event and takes its levels; `false`, and nothing happened, if there is no room.
    pub(super) fn push(
        &mut self,
        at: MonoNs,
        lane: usize,
        head: &DepthHead,
        content: u64,
        levels: &mut DepthBuf,
    ) -> bool {
        let Some(slot) = self.slots.iter_mut().find(|slot| !slot.is_taken) else { return false };
        (slot.head, slot.content, slot.at, slot.lane) = (*head, content, at, lane);
        slot.is_taken = true;
        core::mem::swap(&mut slot.levels, levels);
        self.count += 1;
        true
    }

    /// Gives out the event of a symbol with the lowest ids.
    pub(super) fn pop(&mut self, symbol: SymbolId, levels: &mut DepthBuf) -> Option<Out> {
        let (index, _) = self.of(symbol).min_by_key(|(_, slot)| slot.head.last_update_id)?;
        let slot = &mut self.slots[index];
        slot.is_taken = false;
        self.count -= 1;
        core::mem::swap(&mut slot.levels, levels);
        Some(Out { head: slot.head, content: slot.content, lane: slot.lane })
    }

    /// The lowest-numbered held event of a symbol.
    pub(super) fn first(&self, symbol: SymbolId) -> Option<DepthHead> {
        let lowest = self.of(symbol).min_by_key(|(_, slot)| slot.head.last_update_id);
        lowest.map(|(_, slot)| slot.head)
    }

    /// Forgets what is held of a symbol.
    pub(super) fn clear(&mut self, symbol: SymbolId) {
        for slot in self.slots.iter_mut().filter(|slot| slot.head.symbol == symbol) {
            self.count -= usize::from(slot.is_taken);
            slot.is_taken = false;
        }
    }
}
