//! What REST shows of the past: trades, aggregates, candles and funding since the start.

use std::collections::VecDeque;

use backtest::{MarketTrade, MarketUpdate, TradeKind};
use schema::{Mark, SymbolId};

use crate::{
    topic::INTERVALS,
    wire::market::{Aggregate, Candle},
};

/// Trades and aggregates kept a symbol: the most one request may ask for.
const ROWS_MAX: usize = 1000;
/// Candles kept a symbol and interval: the most one request may ask for.
const CANDLES_MAX: usize = 1500;
/// Window within which trades of one price and side are joined, ms.
const AGGREGATION_MS: i64 = 100;

/// The past of every symbol.
#[derive(Debug)]
pub(crate) struct History {
    symbols: Vec<Past>,
}

/// The past of one symbol.
#[derive(Debug)]
pub(crate) struct Past {
    /// Trades of the book, oldest first.
    pub(crate) trades: VecDeque<MarketTrade>,
    /// Closed aggregates, oldest first.
    pub(crate) aggregates: VecDeque<Aggregate>,
    /// Candles by interval, oldest first; the last one may be open.
    pub(crate) candles: Vec<VecDeque<Candle>>,
    /// Paid funding: time in ms, mark at the time, rate in units of 1e-8.
    pub(crate) funding: VecDeque<(i64, Mark)>,
    open_aggregate: Option<Aggregate>,
    next_aggregate_id: i64,
    last_mark: Option<Mark>,
}

impl History {
    /// An empty past of so many symbols.
    pub(crate) fn new(symbol_count: usize) -> Self {
        let past = || Past {
            trades: VecDeque::new(),
            aggregates: VecDeque::new(),
            candles: vec![VecDeque::new(); INTERVALS.len()],
            funding: VecDeque::new(),
            open_aggregate: None,
            next_aggregate_id: 1,
            last_mark: None,
        };
        Self { symbols: (0..symbol_count).map(|_| past()).collect() }
    }

    /// The past of a symbol.
    pub(crate) fn past(&self, symbol: SymbolId) -> &Past {
        &self.symbols[symbol.index()]
    }

    /// Takes note of a market event; an aggregate closed by it is returned.
    pub(crate) fn apply(&mut self, update: &MarketUpdate, now_ms: i64) -> Option<Aggregate> {
        let past = self.symbols.get_mut(update.symbol().index())?;
        match update {
            MarketUpdate::Trade(trade) if trade.kind == TradeKind::Market => {
                past.trade(trade, now_ms)
            }
            MarketUpdate::Mark(mark) => {
                past.mark(mark);
                None
            }
            _ => None,
        }
    }

    /// Closes the aggregate of a symbol whose window has ended.
    pub(crate) fn close_aggregate(&mut self, symbol: SymbolId, now_ms: i64) -> Option<Aggregate> {
        let past = self.symbols.get_mut(symbol.index())?;
        let open = past.open_aggregate?;
        if now_ms - open.time_ms < AGGREGATION_MS { None } else { past.close() }
    }
}

impl Past {
    /// Price of the last trade in units of 1e-8.
    pub(crate) fn last_price(&self) -> Option<i64> {
        self.trades.back().map(|trade| trade.trade.price.units())
    }

    fn trade(&mut self, trade: &MarketTrade, now_ms: i64) -> Option<Aggregate> {
        push(&mut self.trades, *trade, ROWS_MAX);
        self.candle(trade, now_ms);
        let fill = &trade.trade;
        if let Some(open) = &mut self.open_aggregate
            && open.price == fill.price.units()
            && open.buyer_is_maker == fill.buyer_is_maker
            && now_ms - open.time_ms < AGGREGATION_MS
        {
            open.qty = open.qty.saturating_add(fill.qty.units());
            open.last = fill.trade_id.0;
            return None;
        }
        let closed = self.close();
        self.open_aggregate = Some(Aggregate {
            id: self.next_aggregate_id,
            price: fill.price.units(),
            qty: fill.qty.units(),
            first: trade.first_trade_id,
            last: fill.trade_id.0,
            time_ms: now_ms,
            buyer_is_maker: fill.buyer_is_maker,
        });
        self.next_aggregate_id += 1;
        closed
    }

    fn close(&mut self) -> Option<Aggregate> {
        let closed = self.open_aggregate.take()?;
        push(&mut self.aggregates, closed, ROWS_MAX);
        Some(closed)
    }

    fn candle(&mut self, trade: &MarketTrade, now_ms: i64) {
        let fill = &trade.trade;
        let (price, qty) = (fill.price.units(), fill.qty.units());
        let quote = fill.price.notional(fill.qty).map_or(0, |notional| notional.units());
        for (candles, (_, length_ms)) in self.candles.iter_mut().zip(INTERVALS) {
            let open_ms = now_ms - now_ms.rem_euclid(length_ms);
            if candles.back().is_none_or(|candle| candle.open_ms != open_ms) {
                let first = trade.first_trade_id;
                let (open, high, low) = (price, price, price);
                let fresh =
                    Candle { open_ms, length_ms, open, high, low, first, ..Candle::default() };
                push(candles, fresh, CANDLES_MAX);
            }
            let Some(candle) = candles.back_mut() else { continue };
            candle.high = candle.high.max(price);
            candle.low = candle.low.min(price);
            candle.close = price;
            candle.volume = candle.volume.saturating_add(qty);
            candle.quote = candle.quote.saturating_add(quote);
            if !fill.buyer_is_maker {
                candle.taker_volume = candle.taker_volume.saturating_add(qty);
                candle.taker_quote = candle.taker_quote.saturating_add(quote);
            }
            candle.count += 1 + fill.trade_id.0 - trade.first_trade_id;
            candle.last = fill.trade_id.0;
        }
    }

    fn mark(&mut self, mark: &Mark) {
        if let Some(last) = self.last_mark
            && last.next_funding_time.0 != 0
            && last.next_funding_time != mark.next_funding_time
        {
            push(&mut self.funding, (last.next_funding_time.ms(), last), ROWS_MAX);
        }
        self.last_mark = Some(*mark);
    }
}

fn push<T>(rows: &mut VecDeque<T>, row: T, rows_max: usize) {
    if rows.len() == rows_max {
        rows.pop_front();
    }
    rows.push_back(row);
}

#[cfg(test)]
mod tests {
    use schema::{Price, Qty, Trade, TradeId};

    use super::*;

    fn trade(id: i64, price: i64, qty: i64, buyer_is_maker: bool) -> MarketUpdate {
        let trade = Trade {
            trade_id: TradeId(id),
            price: Price::from_units(price * schema::SCALE),
            qty: Qty::from_units(qty * schema::SCALE),
            buyer_is_maker,
            ..Trade::default()
        };
        MarketUpdate::Trade(MarketTrade { trade, first_trade_id: id, kind: TradeKind::Market })
    }

    #[test]
    fn trades_of_one_price_side_and_window_are_one_aggregate() {
        let mut history = History::new(1);
        assert_eq!(history.apply(&trade(1, 100, 1, true), 1_000), None);
        assert_eq!(history.apply(&trade(2, 100, 2, true), 1_099), None);
        let closed = history.apply(&trade(3, 100, 4, true), 1_100).expect("the window ended");
        assert_eq!((closed.first, closed.last, closed.qty), (1, 2, 3 * schema::SCALE));
        let closed = history.apply(&trade(4, 100, 4, false), 1_101).expect("the side changed");
        assert_eq!((closed.id, closed.first, closed.last), (2, 3, 3));
        assert_eq!(history.close_aggregate(SymbolId(0), 1_200), None);
        assert_eq!(history.close_aggregate(SymbolId(0), 1_201).expect("ended").last, 4);
    }

    #[test]
    fn candles_follow_the_trades() {
        let mut history = History::new(1);
        history.apply(&trade(1, 100, 1, true), 59_999);
        history.apply(&trade(2, 105, 1, false), 60_000);
        history.apply(&trade(3, 95, 2, true), 61_000);
        let minutes = &history.past(SymbolId(0)).candles[0];
        assert_eq!(minutes.len(), 2);
        let last = minutes[1];
        let whole = |units: i64| units / schema::SCALE;
        assert_eq!((whole(last.open), whole(last.high), whole(last.low)), (105, 105, 95));
        assert_eq!((whole(last.volume), whole(last.taker_volume), last.count), (3, 1, 2));
        assert_eq!((last.first, last.last, last.open_ms), (2, 3, 60_000));
        assert_eq!(history.past(SymbolId(0)).candles[5].len(), 1);
    }
}
