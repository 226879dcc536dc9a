//! Streams of a fixed pace: gathered diffs, partial books, candles, marks.

use std::sync::Arc;

use backtest::Exchange;
use schema::{Level, Price, Qty, Side, SymbolId};

use super::Hub;
use crate::{
    history::History,
    topic::{INTERVALS, Topic},
    wire::{
        Format,
        json::Json,
        market::{self, DepthIds},
        ticker::{self, Day},
    },
};

/// Between two tickers of one symbol (12 in 25 s were measured).
const TICKER_MS: i64 = 2_000;

/// Most levels a side of one event.
const EVENT_LEVELS_MAX: usize = 1_000;

impl Hub {
    /// Sends what streams of a fixed pace have gathered.
    pub(crate) fn tick(&mut self, now_ms: i64, exchange: &Exchange, history: &mut History) {
        let last_ms = core::mem::replace(&mut self.last_tick_ms, now_ms);
        let crossed = |every_ms: i64| last_ms.div_euclid(every_ms) != now_ms.div_euclid(every_ms);
        for index in 0..self.formats.len() {
            let symbol = SymbolId(index as u16);
            if let Some(aggregate) = history.close_aggregate(symbol, now_ms) {
                self.aggregate(symbol, &aggregate, now_ms);
            }
            for speed in [100u16, 250, 500] {
                if crossed(i64::from(speed)) {
                    self.tick_depth(symbol, speed, now_ms, exchange);
                }
            }
            if crossed(250) {
                self.tick_klines(symbol, last_ms, now_ms, history);
            }
            if crossed(TICKER_MS) {
                self.tick_day(symbol, now_ms, history);
            }
            if crossed(3_000)
                && self.has(Topic::Mark(symbol, 3))
                && let Some(mark) = self.marks[index]
            {
                let text = market::mark(&self.formats[index], &mark, now_ms);
                self.publish(Topic::Mark(symbol, 3), text);
            }
        }
        for every_s in [1u8, 3] {
            if crossed(i64::from(every_s) * 1_000) && self.has(Topic::AllMarks(every_s)) {
                self.publish(Topic::AllMarks(every_s), self.all_marks(now_ms));
            }
        }
        if crossed(1_000) && self.has(Topic::AllTickers) {
            let text = self.all_days(now_ms, history, ticker::full);
            self.publish(Topic::AllTickers, text);
        }
        if crossed(1_000) && self.has(Topic::AllMiniTickers) {
            let text = self.all_days(now_ms, history, ticker::mini);
            self.publish(Topic::AllMiniTickers, text);
        }
    }

    /// Sends a diff, in several events where it has more levels than one event carries (a tape that
    /// begins again empties the whole book); ids between its first and last are free for that.
    pub(super) fn publish_diff(
        &mut self,
        topic: Topic,
        format: &Format,
        ids: &DepthIds,
        bids: &[Level],
        asks: &[Level],
    ) {
        let parts = bids.len().max(asks.len()).div_ceil(EVENT_LEVELS_MAX).max(1);
        let free = usize::try_from(ids.last.saturating_sub(ids.previous)).unwrap_or(usize::MAX);
        let parts = parts.min(free.max(1));
        let size = |all: usize| all.div_ceil(parts).max(1);
        let mut previous = ids.previous;
        for part in 0..parts {
            let slice = |all: &[Level]| -> Vec<Level> {
                all.iter().skip(part * size(all.len())).take(size(all.len())).copied().collect()
            };
            let is_last = part + 1 == parts;
            let last = if is_last { ids.last } else { previous + 1 };
            let first = if part == 0 { ids.first.min(last) } else { last };
            let own = DepthIds { first, last, previous, ..*ids };
            self.publish(topic, market::depth(format, &own, &slice(bids), &slice(asks)));
            previous = last;
        }
    }

    /// Sends the last 24 hours of one symbol.
    fn tick_day(&mut self, symbol: SymbolId, now_ms: i64, history: &History) {
        let formats = Arc::clone(&self.formats);
        let format = &formats[symbol.index()];
        let day = self.day(symbol, now_ms, history);
        if self.has(Topic::Ticker(symbol)) {
            self.publish(Topic::Ticker(symbol), ticker::full(format, &day));
        }
        if self.has(Topic::MiniTicker(symbol)) {
            self.publish(Topic::MiniTicker(symbol), ticker::mini(format, &day));
        }
    }

    fn day(&self, symbol: SymbolId, now_ms: i64, history: &History) -> Day {
        let mark = self.marks[symbol.index()].map_or(0, |mark| mark.mark_price.units());
        Day::of(history.past(symbol), now_ms, mark)
    }

    fn all_days(&self, now_ms: i64, history: &History, one: fn(&Format, &Day) -> String) -> String {
        let mut json = Json::new();
        json.open_list();
        for (index, format) in self.formats.iter().enumerate() {
            let day = self.day(SymbolId(index as u16), now_ms, history);
            json.raw(&one(format, &day));
        }
        json.close_list();
        json.finish()
    }

    fn all_marks(&self, now_ms: i64) -> String {
        let mut json = Json::new();
        json.open_list();
        for (format, mark) in self.formats.iter().zip(&self.marks) {
            if let Some(mark) = mark {
                json.raw(&market::mark(format, mark, now_ms));
            }
        }
        json.close_list();
        json.finish()
    }

    fn tick_depth(&mut self, symbol: SymbolId, speed: u16, now_ms: i64, exchange: &Exchange) {
        let formats = Arc::clone(&self.formats);
        let format = &formats[symbol.index()];
        if let Some(mut pending) = self.diffs.remove(&(symbol, speed)) {
            let topic = Topic::Depth(symbol, speed);
            pending.ids.event_ms = now_ms;
            self.sent.insert(topic, pending.ids.last);
            let level = |(&price, &qty): (&Price, &Qty)| Level { price, qty };
            let bids: Vec<Level> = pending.bids.iter().rev().map(level).collect();
            let asks: Vec<Level> = pending.asks.iter().map(level).collect();
            self.publish_diff(topic, format, &pending.ids, &bids, &asks);
        }
        for levels in [5u8, 10, 20] {
            let topic = Topic::Partial(symbol, levels, speed);
            let (true, Some(book)) = (self.has(topic), exchange.book(symbol)) else { continue };
            let last = book.last_update_id();
            let previous = self.sent.insert(topic, last).unwrap_or(last.saturating_sub(1));
            if previous == last {
                continue;
            }
            let ids = DepthIds {
                first: previous + 1,
                last,
                previous,
                transaction_ms: now_ms,
                event_ms: now_ms,
            };
            let bids = book.levels(Side::Buy, usize::from(levels));
            let asks = book.levels(Side::Sell, usize::from(levels));
            self.publish(topic, market::depth(format, &ids, &bids, &asks));
        }
    }

    fn tick_klines(&mut self, symbol: SymbolId, last_ms: i64, now_ms: i64, history: &History) {
        let formats = Arc::clone(&self.formats);
        let format = &formats[symbol.index()];
        let past = history.past(symbol);
        for (index, (interval, length_ms)) in INTERVALS.iter().enumerate() {
            let topic = Topic::Kline(symbol, index as u8);
            if !self.has(topic) {
                continue;
            }
            // The last two: one may have closed since the tick before.
            for candle in past.candles[index].iter().rev().take(2).rev() {
                let end_ms = candle.open_ms + length_ms;
                let closed = end_ms <= now_ms;
                if !closed || end_ms > last_ms {
                    let text = market::kline(format, interval, candle, closed, now_ms);
                    self.publish(topic, text);
                }
            }
        }
    }
}
