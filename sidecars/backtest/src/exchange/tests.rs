use schema::{
    BookTicker, DepthHead, DepthKind, ExecType, Level, Notional, OrderStatus, OrderType, Price,
    Qty, Side, SymbolId, TimeInForce, Trade, TradeId,
};

use super::*;
use crate::event::{AccountEvent, AccountReason, OrderUpdate, expiry};
use crate::market::{DepthUpdate, MarketTrade, MarketUpdate, TradeKind};
use crate::order::{AmendRequest, OrderKey, OrderRequest, PriceMatch, ResponseType, StpMode};
use crate::view::OrderView;
use crate::{ChangeKind, VenueError};

mod algo;
mod algo_flow;
mod codes;
mod flow;
mod money;
mod place;

const T0: i64 = 1_700_000_000_500;
const BTC: SymbolId = SymbolId(0);

fn p(text: &str) -> Price {
    text.parse().unwrap()
}
fn q(text: &str) -> Qty {
    text.parse().unwrap()
}
fn n(text: &str) -> Notional {
    text.parse().unwrap()
}
fn levels(text: &str) -> Vec<Level> {
    let level = |pair: &str| {
        let (price, qty) = pair.split_once('@').unwrap();
        Level { price: p(price), qty: q(qty) }
    };
    text.split_whitespace().map(level).collect()
}
fn depth(kind: DepthKind, id: u64, bids: &str, asks: &str) -> MarketUpdate {
    let head = DepthHead {
        symbol: BTC,
        kind,
        first_update_id: id,
        last_update_id: id,
        previous_update_id: id - 1,
        ..DepthHead::default()
    };
    MarketUpdate::Depth(DepthUpdate { head, bids: levels(bids), asks: levels(asks) })
}
fn trade(price: &str, qty: &str, buyer_is_maker: bool) -> MarketUpdate {
    let trade = Trade {
        symbol: BTC,
        trade_id: TradeId(5),
        price: p(price),
        qty: q(qty),
        buyer_is_maker,
        ..Trade::default()
    };
    MarketUpdate::Trade(MarketTrade { trade, first_trade_id: 5, kind: TradeKind::Market })
}

/// A venue with one account and a book around 50,000.
struct Bench {
    venue: Exchange,
    account: AccountId,
    update_id: u64,
    now: i64,
}

impl Bench {
    fn new() -> Self {
        Self::with_balance("100000")
    }
    fn with_balance(balance: &str) -> Self {
        let mut venue =
            Exchange::new(ExchangeConfig::new(vec![Rules::btcusdt(), Rules::ethusdt()]));
        let account = AccountConfig { api_key: "key".into(), balance: n(balance) };
        let account = venue.open_account(T0, account);
        let mut bench = Self { venue, account, update_id: 10, now: T0 };
        let book = depth(
            DepthKind::Snapshot,
            10,
            "50000.0@2 49999.9@3 49999.0@10",
            "50000.1@1 50000.2@2 50001.0@10",
        );
        bench.market(&book);
        bench.venue.drain_events();
        bench
    }
    fn market(&mut self, update: &MarketUpdate) {
        self.venue.market(self.now, update);
    }
    /// Levels that change.
    fn diff(&mut self, bids: &str, asks: &str) {
        self.update_id += 1;
        let diff = depth(DepthKind::Diff, self.update_id, bids, asks);
        self.market(&diff);
    }
    fn limit(&self, side: Side, tif: TimeInForce, price: &str, qty: &str) -> OrderRequest {
        OrderRequest::limit(BTC, side, tif, p(price), q(qty))
    }
    fn place(&mut self, request: &OrderRequest) -> Result<OrderView, VenueError> {
        self.place_as(self.account, request)
    }
    fn place_as(
        &mut self,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<OrderView, VenueError> {
        let request = OrderRequest { response: ResponseType::Result, ..request.clone() };
        self.venue.place(self.now, account, &request)
    }
    /// Rests a GTC order and returns its id.
    fn rest(&mut self, side: Side, price: &str, qty: &str) -> i64 {
        let request = self.limit(side, TimeInForce::Gtc, price, qty);
        let view = self.place(&request).unwrap();
        assert_eq!(view.status, OrderStatus::New);
        view.order_id
    }
    fn view(&self, id: i64) -> OrderView {
        self.venue.status(self.account, BTC, &OrderKey::id(id)).unwrap()
    }
    #[track_caller]
    fn check_filled(&self, id: i64, qty: &str) {
        assert_eq!(self.view(id).executed_qty, q(qty));
    }
    fn position(&self) -> Qty {
        self.venue.position_qty(self.account, BTC)
    }
    /// Short names of the account's events since the last call.
    fn story(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        for event in self.venue.drain_events() {
            match event {
                VenueEvent::Account(_, AccountEvent::TradeLite(lite)) => {
                    out.push(format!("LITE {}@{}", lite.last_qty, lite.last_price));
                }
                VenueEvent::Account(_, AccountEvent::Order(update)) => {
                    let er = match update.expiry_reason {
                        0 => String::new(),
                        reason => format!(" er={reason}"),
                    };
                    out.push(format!("{} {}{er}", update.exec_type, update.order.status));
                }
                VenueEvent::Account(_, AccountEvent::Account(update)) => {
                    out.push(format!("ACCOUNT {}", update.reason.as_str()));
                }
                VenueEvent::Account(_, AccountEvent::Algo(update)) => {
                    out.push(format!("ALGO {}", update.order.status.as_str()));
                }
                VenueEvent::Account(_, other) => out.push(format!("{other:?}")),
                VenueEvent::Market(_) | VenueEvent::ForceOrder(_) => {}
            }
        }
        out
    }
    fn updates(&mut self) -> Vec<OrderUpdate> {
        let events = self.venue.drain_events().into_iter();
        events
            .filter_map(|event| match event {
                VenueEvent::Account(_, AccountEvent::Order(update)) => Some(update),
                _ => None,
            })
            .collect()
    }
}
