//! The network between trader and venue: connections that delay, lose, repeat, reorder, stall, go
//! silent or break.

use schema::Link;
use trader::queues::Slot;

use crate::plan::Plan;
use crate::random::Random;

/// A connection, by its number in the order of dialling.
pub(crate) type Wire = usize;

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// The venue's end.
    pub(crate) venue: venue::Connection,
    /// The trader's place it was made for.
    pub(crate) slot: Slot,
    /// Which start of the trader dialled it.
    pub(crate) life: u32,
    /// Whether the trader believes that it stands.
    pub(crate) is_open: bool,
    /// Whether the venue believes so.
    pub(crate) is_served: bool,
    /// Whether anything still passes.
    is_dead: bool,
    /// Nothing of the user stream is carried before this.
    pub(crate) frozen_until: u64,
    /// Nothing is carried before this, to the trader and to the venue.
    held_until: [u64; 2],
    /// What is sent now arrives after what was sent before.
    last_at: [u64; 2],
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nobody hears of it.
    Lost,
    /// It arrives at this time.
    Arrives(u64),
    /// It arrives twice.
    Twice(u64, u64),
    /// It arrives, but cannot be read.
    Garbled(u64),
    /// The connection ends here, and the trader notices then.
    Cut(u64),
}

/// Nanoseconds of a millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// To the trader, or to the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToTrader,
    ToVenue,
}

impl Line {
    /// A fresh connection.
    pub(crate) const fn new(venue: venue::Connection, slot: Slot, life: u32) -> Self {
        Self {
            venue,
            slot,
            life,
            is_open: true,
            is_served: true,
            is_dead: false,
            frozen_until: 0,
            held_until: [0; 2],
            last_at: [0; 2],
        }
    }

    /// Decides about a message sent now.
    pub(crate) fn fate(&mut self, now: u64, way: Way, plan: &Plan, random: &mut Random) -> Fate {
        if self.is_dead {
            return Fate::Lost;
        }
        if way == Way::ToTrader && now < self.frozen_until {
            return Fate::Lost;
        }
        let mut flight = random.between(300_000, 4_000_000);
        if self.slot.link() == Link::Order {
            flight += random.below(plan.slow_ms + 1) * MS;
        }
        if random.chance(plan.cut) {
            self.is_dead = true;
            return Fate::Cut(now + flight);
        }
        if random.chance(plan.half_open) {
            self.is_dead = true;
            return Fate::Lost;
        }
        if random.chance(plan.stall) {
            self.held_until[way as usize] = now + random.between(200, 6_000) * MS;
        }
        let mut at = (now + flight).max(self.held_until[way as usize] + flight / 8);
        if random.chance(plan.delay) {
            at += random.between(20, 2_500) * MS;
        }
        let last = &mut self.last_at[way as usize];
        if random.chance(plan.reorder) {
            // Those behind it do not wait.
            return Fate::Arrives(at.max(*last) + random.between(1, 400) * MS);
        }
        at = at.max(*last + 1);
        *last = at;
        if way == Way::ToTrader {
            if random.chance(plan.drop) {
                return Fate::Lost;
            }
            if random.chance(plan.duplicate) {
                return Fate::Twice(at, at + random.between(0, 300) * MS);
            }
            if random.chance(plan.garbage) {
                return Fate::Garbled(at);
            }
        }
        Fate::Arrives(at)
    }

    /// It serves the user stream.
    pub(crate) fn is_user(&self) -> bool {
        self.slot.link() == Link::User
    }

    /// Nothing passes any more.
    pub(crate) const fn kill(&mut self) {
        self.is_dead = true;
    }

    /// Faults are over: what is held passes; what is dead stays dead until it is noticed.
    pub(crate) fn heal(&mut self, now: u64) {
        self.held_until = [now; 2];
        self.frozen_until = now;
    }
}
