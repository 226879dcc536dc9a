//! One sequence of ids that two connections bring: what is new, what came before, what differs.

use schema::{MonoNs, WallNs};

/// Newest ids remembered with their content: half a second of a busy ticker.
const REMEMBERED: usize = 64;
/// Messages with lower ids and later times, none else between them, that make a restart certain.
const RESTART_RUN: u32 = 3;

/// How an id stands to what passed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Above everything that passed.
    New,
    /// Passed before.
    Seen {
        /// With other content.
        is_different: bool,
        /// When it passed, and by which lane, if that is still remembered.
        first: Option<(MonoNs, u8)>,
    },
    /// Never passed, though newer ones did: the connection that brought those lost it.
    Late,
    /// Below everything remembered: too late, or from before.
    Old,
    /// The venue counts anew: ids fell while its time went on.
    Restarted,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    id: u64,
    content: u64,
    at: MonoNs,
    lane: u8,
}

/// Ids that passed.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    last: u64,
    last_time: WallNs,
    entries: [Entry; REMEMBERED],
    next: usize,
    /// Messages in a row that look like a restart, and the newest id among them.
    lower_run: u32,
    lower_id: u64,
}

impl Default for Sequence {
    fn default() -> Self {
        Self {
            last: 0,
            last_time: WallNs(0),
            entries: [Entry::default(); REMEMBERED],
            next: 0,
            lower_run: 0,
            lower_id: 0,
        }
    }
}

impl Sequence {
    /// The highest id that passed; zero if none did.
    #[inline]
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// Where an id stands. `time` is the venue's own time of the event, the same on every
    /// connection; it is what tells a restart from an old message.
    #[inline]
    pub(super) fn place(&mut self, id: u64, time: WallNs, content: u64) -> Place {
        if id > self.last {
            self.lower_run = 0;
            return Place::New;
        }
        let (newer, newest) = self.entries.split_at(self.next);
        let mut newest_first = newer.iter().rev().chain(newest.iter().rev());
        if let Some(entry) = newest_first.find(|entry| entry.id == id && id != 0) {
            let is_different = entry.content != content;
            return Place::Seen { is_different, first: Some((entry.at, entry.lane)) };
        }
        self.lower(id, time)
    }

    #[cold]
    fn lower(&mut self, id: u64, time: WallNs) -> Place {
        if time <= self.last_time {
            let is_full = self.entries[self.next].id != 0;
            let oldest = if is_full { self.entries[self.next].id } else { self.entries[0].id };
            return if id > oldest && oldest != 0 { Place::Late } else { Place::Old };
        }
        self.lower_run = if id > self.lower_id { self.lower_run + 1 } else { 1 };
        self.lower_id = id;
        if self.lower_run < RESTART_RUN {
            return Place::Old;
        }
        *self = Self::default();
        Place::Restarted
    }

    /// Remembers what passed.
    #[inline]
    pub(super) fn pass(&mut self, id: u64, time: WallNs, content: u64, at: MonoNs, lane: usize) {
        self.last = self.last.max(id);
        self.last_time = WallNs(self.last_time.0.max(time.0));
        self.entries[self.next] = Entry { id, content, at, lane: lane as u8 };
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// Forgets everything.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Mixes words into one; not for secrecy, only to compare contents.
#[inline]
pub(super) const fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}
