//! Place in the queue of one price level.

use schema::Qty;

/// One client order at the level, first in time first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Quantity of the tape ahead of it.
    pub(super) ahead: Qty,
    /// What it still wants.
    pub(super) leaves: Qty,
    /// What this trade fills of it; set by [`trade`].
    pub(super) fill: Qty,
}

/// Lets a trade of `volume` at the level run through the queue and sets fills and new places.
/// Returns what was filled in all: at most `volume`.
///
/// Between the tape's quantity and client orders, each client order stands behind its own `ahead`
/// and behind earlier client orders; the volume reaches it only when those are consumed.
pub(super) fn trade(volume: Qty, places: &mut [Place]) -> Qty {
    let volume = volume.units();
    let mut filled = 0;
    for place in places {
        let reaching = volume - filled - place.ahead.units();
        // What passed this order's spot besides client fills consumed the tape's queue.
        place.ahead = Qty::from_units((place.ahead.units() - (volume - filled)).max(0));
        let fill = reaching.clamp(0, place.leaves.units());
        place.fill = Qty::from_units(fill);
        filled += fill;
    }
    assert!(filled <= volume, "fills of a trade never exceed it");
    Qty::from_units(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(volume: i64, places: &[(i64, i64)], expected: &[(i64, i64)]) {
        let qty = Qty::from_units;
        let mut queue: Vec<Place> = places
            .iter()
            .map(|&(ahead, leaves)| Place { ahead: qty(ahead), leaves: qty(leaves), fill: qty(0) })
            .collect();
        let filled = trade(qty(volume), &mut queue);
        let got: Vec<_> = queue.iter().map(|p| (p.ahead.units(), p.fill.units())).collect();
        assert_eq!(got, expected);
        assert_eq!(filled.units(), expected.iter().map(|(_, fill)| fill).sum::<i64>());
    }

    #[test]
    fn volume_consumes_what_is_ahead_first() {
        check(4, &[(10, 5)], &[(6, 0)]);
        check(10, &[(10, 5)], &[(0, 0)]);
        check(12, &[(10, 5)], &[(0, 2)]);
        check(50, &[(10, 5)], &[(0, 5)]);
        check(0, &[(0, 5)], &[(0, 0)]);
    }

    #[test]
    fn earlier_client_orders_come_first() {
        check(3, &[(0, 2), (0, 2)], &[(0, 2), (0, 1)]);
        // 10 ahead of the first, 4 more of the tape between the two.
        check(13, &[(10, 2), (14, 5)], &[(0, 2), (3, 0)]);
        check(18, &[(10, 2), (14, 5)], &[(0, 2), (0, 2)]);
        check(100, &[(10, 2), (14, 5)], &[(0, 2), (0, 5)]);
    }
}
