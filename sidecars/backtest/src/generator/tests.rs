use schema::Side;

use super::*;
use crate::Book;
use crate::market::TradeKind;

fn generator(seed: u64) -> Generator {
    let btc = MarketConfig::new(&Rules::btcusdt(), "60000".parse().unwrap());
    let eth = MarketConfig::new(&Rules::ethusdt(), "3400".parse().unwrap());
    Generator::new(seed, 1_700_000_000_000, vec![btc, eth])
}
fn seconds(generator: Generator, seconds: i64) -> Vec<(i64, MarketUpdate)> {
    let end = (1_700_000_000 + seconds) * 1_000_000_000;
    generator.take_while(|(ns, _)| *ns < end).collect()
}

#[test]
fn the_same_seed_gives_the_same_market_and_another_another() {
    let (a, b) = (seconds(generator(7), 20), seconds(generator(7), 20));
    assert_eq!(a, b);
    assert_ne!(a, seconds(generator(8), 20));
}

#[test]
fn the_rate_is_that_of_a_lively_symbol() {
    let events = seconds(generator(1), 60);
    for symbol in [SymbolId(0), SymbolId(1)] {
        let of = |kind: fn(&MarketUpdate) -> bool| {
            events.iter().filter(|(_, e)| e.symbol() == symbol && kind(e)).count() / 60
        };
        let all = of(|_| true);
        assert!((100..=250).contains(&all), "{all} events a second");
        assert!(of(|e| matches!(e, MarketUpdate::Trade(_))) >= 10);
        assert!(of(|e| matches!(e, MarketUpdate::BookTicker(_))) >= 30);
        assert!(of(|e| matches!(e, MarketUpdate::Depth(_))) >= 9);
    }
}

#[test]
fn books_chain_never_cross_and_agree_with_tickers_and_trades() {
    let mut books = [Book::new(), Book::new()];
    let mut trade_ids = [0i64; 2];
    let mut last_ns = 0;
    for (ns, event) in seconds(generator(3), 120) {
        assert!(ns >= last_ns);
        last_ns = ns;
        let index = event.symbol().index();
        let book = &mut books[index];
        match event {
            MarketUpdate::BookTicker(ticker) => {
                assert!(ticker.bid_price < ticker.ask_price);
                assert!(ticker.bid_qty > Qty::ZERO && ticker.ask_qty > Qty::ZERO);
                book.apply_ticker(&ticker);
            }
            MarketUpdate::Depth(depth) => {
                book.apply_depth(&depth);
                let (bids, asks) = (book.levels(Side::Buy, 100), book.levels(Side::Sell, 100));
                assert!(bids.len() >= 15 && asks.len() >= 15, "{} {}", bids.len(), asks.len());
                assert!(bids[0].price < asks[0].price);
            }
            MarketUpdate::Trade(trade) => {
                let id = trade.trade.trade_id.0;
                assert!(trade_ids[index] == 0 || id == trade_ids[index] + 1);
                trade_ids[index] = id;
                let side = if trade.trade.buyer_is_maker { Side::Buy } else { Side::Sell };
                if trade.kind == TradeKind::Market {
                    assert!(trade.trade.qty > Qty::ZERO);
                    let best = book.best(side).unwrap().price;
                    assert!(!crate::book::is_better(side, trade.trade.price, best));
                }
            }
            MarketUpdate::Mark(_) => {}
        }
    }
    assert!(books.iter().all(|book| book.gaps() == 0));
}

#[test]
fn a_drift_moves_the_market() {
    let mid_after = |ppm: i64| {
        let mut generator = generator(5);
        generator.drift(SymbolId(0), ppm, 30);
        let mut book = Book::new();
        for (_, event) in seconds(generator, 30) {
            match event {
                MarketUpdate::Depth(depth) if depth.head.symbol == SymbolId(0) => {
                    book.apply_depth(&depth);
                }
                _ => {}
            }
        }
        book.mid().unwrap().units()
    };
    assert!(mid_after(-3_000) < mid_after(0) / 100 * 93, "9 % down in 30 s");
}

/// Mids of a symbol at whole seconds.
fn mids(generator: Generator, symbol: SymbolId, until_s: i64) -> Vec<i64> {
    let (mut book, mut mids) = (Book::new(), vec![]);
    for (ns, event) in seconds(generator, until_s) {
        if let MarketUpdate::Depth(depth) = event
            && depth.head.symbol == symbol
        {
            book.apply_depth(&depth);
            mids.resize((ns / 1_000_000_000 - 1_700_000_000) as usize + 1, 0);
            *mids.last_mut().unwrap() = book.mid().unwrap().units();
        }
    }
    mids
}

#[test]
fn a_fall_takes_every_symbol_as_far_as_it_says_and_lets_it_live() {
    let fall: Fall = "10,20,15".parse().unwrap();
    for symbol in [SymbolId(0), SymbolId(1)] {
        let mids = mids(generator(7).falling(fall), symbol, 60);
        let ppm = |at: usize| (mids[9] - mids[at]) / (mids[9] / 1_000_000);
        assert!(ppm(0).abs() < 3_000, "{} ppm before", ppm(0));
        assert!((60_000..90_000).contains(&ppm(20)), "{} ppm half way", ppm(20));
        assert!((145_000..155_000).contains(&ppm(30)), "{} ppm after", ppm(30));
        assert!((140_000..160_000).contains(&ppm(59)), "{} ppm a while later", ppm(59));
    }
    let of = |seed| seconds(generator(seed).falling(fall), 40);
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
    // Before it begins nothing tells of it.
    assert_eq!(of(7)[..500], seconds(generator(7), 40)[..500]);
}

#[test]
fn while_it_falls_the_book_is_thin_and_wide_and_most_trades_are_sales() {
    let fall: Fall = "20,20,15".parse().unwrap();
    let (mut book, mut seen) = (Book::new(), [[0i64; 4]; 2]);
    for (ns, event) in seconds(generator(3).falling(fall), 40) {
        let second = ns / 1_000_000_000 - 1_700_000_000;
        let row = match second {
            0..20 => &mut seen[0],
            26..40 => &mut seen[1],
            _ => continue,
        };
        match event {
            MarketUpdate::Depth(depth) if depth.head.symbol == SymbolId(0) => {
                book.apply_depth(&depth);
                let bids = book.levels(Side::Buy, 10);
                row[0] += 1;
                row[1] += bids.iter().map(|level| level.qty.units() / 1_000_000).sum::<i64>();
            }
            MarketUpdate::Trade(trade) if trade.kind == TradeKind::Market => {
                row[2] += 1;
                row[3] += i64::from(trade.trade.buyer_is_maker);
            }
            _ => {}
        }
    }
    let [calm, falling] =
        seen.map(|[books, qty, trades, sales]| (qty / books, sales * 100 / trades));
    assert!(falling.0 * 3 < calm.0, "depth {} of {}", falling.0, calm.0);
    assert!((40..60).contains(&calm.1) && falling.1 > 75, "sales {} and {} %", calm.1, falling.1);
}
