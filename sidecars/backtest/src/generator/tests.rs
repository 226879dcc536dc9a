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
