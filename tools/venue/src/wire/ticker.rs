//! The last 24 hours of a symbol: `ticker/24hr`, `<s>@ticker`, `<s>@miniTicker` (PROTOCOL 1.2).

use super::{Format, json::Json};
use crate::{history::Past, topic::interval_index};

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// What happened in 24 hours; prices and quantities in units of 1e-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    open: i64,
    high: i64,
    low: i64,
    last: i64,
    last_qty: i64,
    volume: i64,
    quote: i64,
    first_id: i64,
    last_id: i64,
    count: i64,
    since_ms: i64,
    now_ms: i64,
}

impl Day {
    /// From the candles of a minute; all prices are `unknown` before the first trade.
    pub(crate) fn of(past: &Past, now_ms: i64, unknown: i64) -> Self {
        let since_ms = now_ms - DAY_MS;
        let minutes = interval_index("1m").map(|index| &past.candles[index]);
        let day = || minutes.into_iter().flatten().filter(|candle| candle.open_ms >= since_ms);
        let last = past.last_price().unwrap_or(unknown);
        Self {
            open: day().next().map_or(last, |candle| candle.open),
            high: day().map(|candle| candle.high).max().unwrap_or(last),
            low: day().map(|candle| candle.low).min().unwrap_or(last),
            last,
            last_qty: past.trades.back().map_or(0, |trade| trade.trade.qty.units()),
            volume: day().map(|candle| candle.volume).sum(),
            quote: day().map(|candle| candle.quote).sum(),
            first_id: day().next().map_or(0, |candle| candle.first),
            last_id: day().next_back().map_or(0, |candle| candle.last),
            count: day().map(|candle| candle.count).sum(),
            since_ms,
            now_ms,
        }
    }

    /// Change in per cent with three decimals.
    fn percent(&self) -> String {
        if self.open == 0 {
            return "0.000".to_owned();
        }
        let percent = i128::from(self.last - self.open) * 100 * i128::from(schema::SCALE)
            / i128::from(self.open);
        format!("{:.3}", percent as f64 / schema::SCALE as f64)
    }
    fn average(&self) -> i64 {
        if self.volume == 0 {
            return self.last;
        }
        (i128::from(self.quote) * i128::from(schema::SCALE) / i128::from(self.volume)) as i64
    }
}

/// One row of `ticker/24hr`.
pub(crate) fn row(json: &mut Json, format: &Format, day: &Day) {
    let (price, qty) = (format.price_decimals, format.qty_decimals);
    json.open()
        .text("symbol", &format.name)
        .decimal("priceChange", day.last - day.open, price)
        .text("priceChangePercent", &day.percent())
        .decimal("weightedAvgPrice", day.average(), price)
        .decimal("lastPrice", day.last, price)
        .decimal("lastQty", day.last_qty, qty)
        .decimal("openPrice", day.open, price)
        .decimal("highPrice", day.high, price)
        .decimal("lowPrice", day.low, price)
        .decimal("volume", day.volume, qty)
        .decimal("quoteVolume", day.quote, 2)
        .number("openTime", day.since_ms)
        .number("closeTime", day.now_ms)
        .number("firstId", day.first_id)
        .number("lastId", day.last_id)
        .number("count", day.count)
        .close();
}

/// `<s>@ticker`
pub(crate) fn full(format: &Format, day: &Day) -> String {
    let (price, qty) = (format.price_decimals, format.qty_decimals);
    let mut json = Json::new();
    json.open()
        .text("e", "24hrTicker")
        .number("E", day.now_ms)
        .text("s", &format.name)
        .text("ps", &format.name)
        .decimal("p", day.last - day.open, price)
        .text("P", &day.percent())
        .decimal("w", day.average(), price)
        .decimal("c", day.last, price)
        .decimal("Q", day.last_qty, qty)
        .decimal("o", day.open, price)
        .decimal("h", day.high, price)
        .decimal("l", day.low, price)
        .decimal("v", day.volume, qty)
        .decimal("q", day.quote, 2)
        .number("O", day.since_ms)
        .number("C", day.now_ms)
        .number("F", day.first_id)
        .number("L", day.last_id)
        .number("n", day.count)
        .number("st", 1)
        .close();
    json.finish()
}

/// `<s>@miniTicker`
pub(crate) fn mini(format: &Format, day: &Day) -> String {
    let (price, qty) = (format.price_decimals, format.qty_decimals);
    let mut json = Json::new();
    json.open()
        .text("e", "24hrMiniTicker")
        .number("E", day.now_ms)
        .text("s", &format.name)
        .text("ps", &format.name)
        .decimal("c", day.last, price)
        .decimal("o", day.open, price)
        .decimal("h", day.high, price)
        .decimal("l", day.low, price)
        .decimal("v", day.volume, qty)
        .decimal("q", day.quote, 2)
        .number("st", 1)
        .close();
    json.finish()
}

#[cfg(test)]
mod tests {
    use backtest::{MarketTrade, MarketUpdate, TradeKind};
    use schema::{Price, Qty, SymbolId, Trade, TradeId, WallNs};

    use super::*;
    use crate::history::History;

    const NOW: i64 = 1_790_000_000_000;

    fn trade(id: i64, price: i64) -> MarketUpdate {
        let trade = Trade {
            symbol: SymbolId(0),
            trade_id: TradeId(id),
            price: Price::from_units(price * schema::SCALE),
            qty: Qty::from_units(schema::SCALE),
            trade_time: WallNs::from_ms(NOW),
            ..Trade::default()
        };
        MarketUpdate::Trade(MarketTrade { trade, first_trade_id: id, kind: TradeKind::Market })
    }

    #[test]
    fn a_day_is_what_was_traded() {
        let mut history = History::new(1);
        let before = Day::of(history.past(SymbolId(0)), NOW, 7);
        assert_eq!((before.last, before.open, before.volume, before.count), (7, 7, 0, 0));
        assert_eq!((before.percent(), before.average()), ("0.000".to_owned(), 7));
        for (id, price) in [(1, 100), (2, 110), (3, 90), (4, 105)] {
            history.apply(&trade(id, price), NOW);
        }
        let day = Day::of(history.past(SymbolId(0)), NOW, 7);
        let units = |value: i64| value * schema::SCALE;
        assert_eq!((day.open, day.high, day.low), (units(100), units(110), units(90)));
        assert_eq!((day.last, day.volume, day.count), (units(105), units(4), 4));
        assert_eq!((day.percent(), day.average()), ("5.000".to_owned(), 10_125_000_000));
        assert_eq!((day.first_id, day.last_id), (1, 4));
        let old = Day::of(history.past(SymbolId(0)), NOW + 2 * DAY_MS, 7);
        assert_eq!((old.volume, old.last), (0, units(105)), "the day is over");
    }
}
