//! One-minute bars from public trades.

use schema::{Bar, Notional, Qty, SymbolId, Trade, WallNs};

const MINUTE_NS: i64 = 60_000_000_000;
/// Late trades of a minute are waited for so long after its end.
const GRACE_NS: i64 = 2_000_000_000;

/// The minute being built.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bars {
    bar: Option<Bar>,
    /// Minutes before this one are closed.
    open_from: i64,
    late: u64,
}

impl Bars {
    /// Takes a trade; gives the minute before if this trade closes it.
    pub(crate) fn on_trade(&mut self, trade: &Trade, funding_rate_e8: i64) -> Option<Bar> {
        let minute = trade.trade_time.0.div_euclid(MINUTE_NS) * MINUTE_NS;
        if minute < self.open_from {
            self.late += 1;
            return None;
        }
        let mut closed = None;
        if self.bar.is_some_and(|bar| bar.open_time.0 != minute) {
            closed = self.close(funding_rate_e8);
        }
        self.open_from = minute;
        let quote = trade.price.notional(trade.qty).unwrap_or(Notional::ZERO);
        let bar = self.bar.get_or_insert(Bar {
            symbol: trade.symbol,
            open_time: WallNs(minute),
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            ..Bar::default()
        });
        bar.high = bar.high.max(trade.price);
        bar.low = bar.low.min(trade.price);
        bar.close = trade.price;
        bar.volume = bar.volume.checked_add(trade.qty).unwrap_or(Qty::MAX);
        bar.quote_volume = bar.quote_volume.checked_add(quote).unwrap_or(Notional::MAX);
        bar.trade_count = bar.trade_count.saturating_add(1);
        closed
    }
    /// Gives the minute if it is over.
    pub(crate) fn on_timer(&mut self, now: WallNs, funding_rate_e8: i64) -> Option<Bar> {
        let end = self.bar?.open_time.0.saturating_add(MINUTE_NS);
        if now.0 < end.saturating_add(GRACE_NS) {
            return None;
        }
        self.open_from = end;
        self.close(funding_rate_e8)
    }
    fn close(&mut self, funding_rate_e8: i64) -> Option<Bar> {
        let mut bar = self.bar.take()?;
        bar.funding_rate_e8 = funding_rate_e8;
        debug_assert!(bar.symbol != SymbolId::NONE);
        Some(bar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Price;

    fn trade(second: i64, price: i64, qty: i64) -> Trade {
        Trade {
            price: Price::from_units(price),
            qty: Qty::from_units(qty),
            trade_time: WallNs(second * 1_000_000_000),
            ..Trade::default()
        }
    }

    #[test]
    fn a_minute_closes_with_the_first_trade_of_the_next() {
        let mut bars = Bars::default();
        let unit = schema::SCALE;
        for (second, price, qty) in [(60, 10, 1), (61, 12, 2), (90, 9, 1), (119, 11, 3)] {
            assert_eq!(bars.on_trade(&trade(second, price * unit, qty * unit), 5), None);
        }
        let bar = bars.on_trade(&trade(120, 99 * unit, unit), 5).expect("closed");
        assert_eq!(bar.open_time, WallNs(60_000_000_000));
        let prices = [bar.open, bar.high, bar.low, bar.close].map(|price| price.units() / unit);
        assert_eq!(prices, [10, 12, 9, 11]);
        assert_eq!((bar.volume.units(), bar.trade_count, bar.funding_rate_e8), (7 * unit, 4, 5));
        assert_eq!(bar.quote_volume.units(), (10 + 24 + 9 + 33) * unit);
    }

    #[test]
    fn the_timer_closes_a_quiet_minute_and_late_trades_are_counted() {
        let mut bars = Bars::default();
        bars.on_trade(&trade(60, 10, 1), 0);
        assert_eq!(bars.on_timer(WallNs(121_000_000_000), 0), None);
        assert!(bars.on_timer(WallNs(122_000_000_000), 0).is_some());
        assert_eq!(bars.on_timer(WallNs(500_000_000_000), 0), None);
        assert_eq!(bars.on_trade(&trade(119, 10, 1), 0), None);
        assert_eq!(bars.late, 1);
    }
}
