//! Orders the venue acknowledged on the order link and the user stream must tell of.

use schema::{ClientOrderId, MonoNs};

/// Orders remembered on either side: two seconds at one order every 50 ms.
const REMEMBERED: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Known {
    id: ClientOrderId,
    is_end: bool,
}

/// Acknowledged and not yet reported; reported and perhaps not yet acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    reported: [Known; REMEMBERED],
    next: usize,
    due: [Option<(Known, MonoNs)>; REMEMBERED],
}

impl Default for Expected {
    fn default() -> Self {
        let none = Known { id: ClientOrderId::NONE, is_end: false };
        Self { reported: [none; REMEMBERED], next: 0, due: [None; REMEMBERED] }
    }
}

impl Expected {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The user stream told of an order.
    pub(super) fn reported(&mut self, id: ClientOrderId, is_end: bool) {
        for due in &mut self.due {
            if due.is_some_and(|(known, _)| known.id == id && (is_end || !known.is_end)) {
                *due = None;
            }
        }
        self.reported[self.next] = Known { id, is_end };
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// The order link acknowledged it, perhaps after the user stream did.
    pub(super) fn acknowledged(&mut self, now: MonoNs, id: ClientOrderId, is_end: bool) {
        let tells = |known: &Known| known.id == id && (known.is_end || !is_end);
        if id == ClientOrderId::NONE || self.reported.iter().any(tells) {
            return;
        }
        // Without room this one is not watched; those that are will tell.
        if let Some(due) = self.due.iter_mut().find(|due| due.is_none()) {
            *due = Some((Known { id, is_end }, now));
        }
    }

    /// Whether one has waited for `limit_ns`.
    pub(super) fn is_overdue(&self, now: MonoNs, limit_ns: u64) -> bool {
        self.due.iter().flatten().any(|(_, since)| now.since(*since) > limit_ns)
    }
}
