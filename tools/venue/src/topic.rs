//! Names of market streams and the route each belongs to (PROTOCOL 1.2).

use schema::SymbolId;

use crate::wire::Format;

/// The part of the venue a WebSocket connection reached by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    /// `/public` and the legacy paths without a route: book and trades.
    Public,
    /// `/market`: aggregates, marks, candles, liquidations.
    Market,
    /// `/private`: listen keys.
    Private,
    /// `/ws-fapi/v1`: the WebSocket API; no streams.
    Order,
}

/// One market stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// `<s>@bookTicker`
    BookTicker(SymbolId),
    /// `!bookTicker`
    AllBookTickers,
    /// `<s>@trade`
    Trade(SymbolId),
    /// `<s>@depth[@…]`: every so many milliseconds, 0 for each change.
    Depth(SymbolId, u16),
    /// `<s>@depth<n>[@…]`: so many levels, every so many milliseconds.
    Partial(SymbolId, u8, u16),
    /// `<s>@aggTrade`
    AggTrade(SymbolId),
    /// `<s>@markPrice[@1s]`: every so many seconds.
    Mark(SymbolId, u8),
    /// `!markPrice@arr[@1s]`
    AllMarks(u8),
    /// `<s>@kline_<i>`, by position in [`INTERVALS`].
    Kline(SymbolId, u8),
    /// `<s>@ticker`
    Ticker(SymbolId),
    /// `!ticker@arr`
    AllTickers,
    /// `<s>@miniTicker`
    MiniTicker(SymbolId),
    /// `!miniTicker@arr`
    AllMiniTickers,
    /// `<s>@forceOrder`
    ForceOrder(SymbolId),
    /// `!forceOrder@arr`
    AllForceOrders,
}

/// Candle intervals of fixed length, in milliseconds.
pub(crate) const INTERVALS: [(&str, i64); 14] = [
    ("1m", 60_000),
    ("3m", 180_000),
    ("5m", 300_000),
    ("15m", 900_000),
    ("30m", 1_800_000),
    ("1h", 3_600_000),
    ("2h", 7_200_000),
    ("4h", 14_400_000),
    ("6h", 21_600_000),
    ("8h", 28_800_000),
    ("12h", 43_200_000),
    ("1d", 86_400_000),
    ("3d", 259_200_000),
    ("1w", 604_800_000),
];

impl Topic {
    /// The stream of a name; `None` for names the venue acknowledges and never serves.
    pub(crate) fn parse(name: &str, formats: &[Format]) -> Option<Self> {
        match name {
            "!bookTicker" => return Some(Self::AllBookTickers),
            "!markPrice@arr" => return Some(Self::AllMarks(3)),
            "!markPrice@arr@1s" => return Some(Self::AllMarks(1)),
            "!ticker@arr" => return Some(Self::AllTickers),
            "!miniTicker@arr" => return Some(Self::AllMiniTickers),
            "!forceOrder@arr" => return Some(Self::AllForceOrders),
            _ => {}
        }
        let (lower, rest) = name.split_once('@')?;
        let index = formats.iter().position(|format| format.lower == lower)?;
        let symbol = SymbolId(index as u16);
        let (kind, speed) = rest.split_once('@').unwrap_or((rest, ""));
        match (kind, speed) {
            ("bookTicker", "") => Some(Self::BookTicker(symbol)),
            ("trade", "") => Some(Self::Trade(symbol)),
            ("aggTrade", "") => Some(Self::AggTrade(symbol)),
            ("ticker", "") => Some(Self::Ticker(symbol)),
            ("miniTicker", "") => Some(Self::MiniTicker(symbol)),
            ("forceOrder", "") => Some(Self::ForceOrder(symbol)),
            ("markPrice", "") => Some(Self::Mark(symbol, 3)),
            ("markPrice", "1s") => Some(Self::Mark(symbol, 1)),
            ("depth", "0ms") => Some(Self::Depth(symbol, 0)),
            ("depth", speed) => Some(Self::Depth(symbol, speed_ms(speed)?)),
            ("depth5", speed) => Some(Self::Partial(symbol, 5, speed_ms(speed)?)),
            ("depth10", speed) => Some(Self::Partial(symbol, 10, speed_ms(speed)?)),
            ("depth20", speed) => Some(Self::Partial(symbol, 20, speed_ms(speed)?)),
            (kind, "") => {
                let interval = kind.strip_prefix("kline_")?;
                Some(Self::Kline(symbol, interval_index(interval)? as u8))
            }
            _ => None,
        }
    }

    /// Its symbol, if it is of one.
    pub(crate) const fn symbol(self) -> Option<SymbolId> {
        match self {
            Self::BookTicker(symbol)
            | Self::Trade(symbol)
            | Self::Depth(symbol, _)
            | Self::Partial(symbol, ..)
            | Self::AggTrade(symbol)
            | Self::Mark(symbol, _)
            | Self::Kline(symbol, _)
            | Self::Ticker(symbol)
            | Self::MiniTicker(symbol)
            | Self::ForceOrder(symbol) => Some(symbol),
            Self::AllBookTickers
            | Self::AllMarks(_)
            | Self::AllTickers
            | Self::AllMiniTickers
            | Self::AllForceOrders => None,
        }
    }

    /// Its event's type (`e`).
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::BookTicker(_) | Self::AllBookTickers => "bookTicker",
            Self::Trade(_) => "trade",
            Self::Depth(..) | Self::Partial(..) => "depthUpdate",
            Self::AggTrade(_) => "aggTrade",
            Self::Mark(..) | Self::AllMarks(_) => "markPriceUpdate",
            Self::Kline(..) => "kline",
            Self::Ticker(_) | Self::AllTickers => "24hrTicker",
            Self::MiniTicker(_) | Self::AllMiniTickers => "24hrMiniTicker",
            Self::ForceOrder(_) | Self::AllForceOrders => "forceOrder",
        }
    }

    /// Its name, with the pace always written out.
    pub(crate) fn name(self, formats: &[Format]) -> String {
        let of = |kind: String| match self.symbol().and_then(|symbol| formats.get(symbol.index())) {
            Some(format) => format!("{}@{kind}", format.lower),
            None => format!("!{kind}"),
        };
        match self {
            Self::BookTicker(_) | Self::AllBookTickers => of("bookTicker".to_owned()),
            Self::Trade(_) => of("trade".to_owned()),
            Self::Depth(_, ms) => of(format!("depth@{ms}ms")),
            Self::Partial(_, levels, ms) => of(format!("depth{levels}@{ms}ms")),
            Self::AggTrade(_) => of("aggTrade".to_owned()),
            Self::Mark(_, seconds) => of(format!("markPrice@{seconds}s")),
            Self::AllMarks(seconds) => of(format!("markPrice@arr@{seconds}s")),
            Self::Kline(_, index) => of(format!("kline_{}", INTERVALS[usize::from(index)].0)),
            Self::Ticker(_) => of("ticker".to_owned()),
            Self::AllTickers => of("ticker@arr".to_owned()),
            Self::MiniTicker(_) => of("miniTicker".to_owned()),
            Self::AllMiniTickers => of("miniTicker@arr".to_owned()),
            Self::ForceOrder(_) => of("forceOrder".to_owned()),
            Self::AllForceOrders => of("forceOrder@arr".to_owned()),
        }
    }

    /// The only route that serves it.
    pub(crate) const fn route(self) -> Route {
        match self {
            Self::BookTicker(_)
            | Self::AllBookTickers
            | Self::Trade(_)
            | Self::Depth(..)
            | Self::Partial(..) => Route::Public,
            Self::AggTrade(_)
            | Self::Mark(..)
            | Self::AllMarks(_)
            | Self::Kline(..)
            | Self::Ticker(_)
            | Self::AllTickers
            | Self::MiniTicker(_)
            | Self::AllMiniTickers
            | Self::ForceOrder(_)
            | Self::AllForceOrders => Route::Market,
        }
    }
}

/// Position of an interval in [`INTERVALS`].
pub(crate) fn interval_index(name: &str) -> Option<usize> {
    INTERVALS.iter().position(|(interval, _)| *interval == name)
}

fn speed_ms(text: &str) -> Option<u16> {
    match text {
        "" | "250ms" => Some(250),
        "100ms" => Some(100),
        "500ms" => Some(500),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<(Topic, Route)>) {
        let formats = [Format {
            name: "BTCUSDT".to_owned(),
            lower: "btcusdt".to_owned(),
            price_decimals: 2,
            qty_decimals: 3,
        }];
        let topic = Topic::parse(name, &formats);
        assert_eq!(topic.map(|topic| (topic, topic.route())), expected, "{name}");
    }

    #[test]
    fn names_lead_to_one_topic_on_one_route() {
        let symbol = SymbolId(0);
        check("btcusdt@bookTicker", Some((Topic::BookTicker(symbol), Route::Public)));
        check("btcusdt@trade", Some((Topic::Trade(symbol), Route::Public)));
        check("btcusdt@depth", Some((Topic::Depth(symbol, 250), Route::Public)));
        check("btcusdt@depth@0ms", Some((Topic::Depth(symbol, 0), Route::Public)));
        check("btcusdt@depth20@100ms", Some((Topic::Partial(symbol, 20, 100), Route::Public)));
        check("btcusdt@aggTrade", Some((Topic::AggTrade(symbol), Route::Market)));
        check("btcusdt@markPrice@1s", Some((Topic::Mark(symbol, 1), Route::Market)));
        check("btcusdt@kline_1h", Some((Topic::Kline(symbol, 5), Route::Market)));
        check("btcusdt@ticker", Some((Topic::Ticker(symbol), Route::Market)));
        check("!miniTicker@arr", Some((Topic::AllMiniTickers, Route::Market)));
        check("!markPrice@arr@1s", Some((Topic::AllMarks(1), Route::Market)));
    }

    #[test]
    fn unknown_names_lead_nowhere() {
        for name in ["", "1", "btcusdt", "BTCUSDT@trade", "ethusdt@trade", "btcusdt@depth7"] {
            check(name, None);
        }
        for name in ["btcusdt@depth20@0ms", "btcusdt@trade@1s", "btcusdt@kline_7m", "btcusdt@"] {
            check(name, None);
        }
    }
}
