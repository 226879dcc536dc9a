//! The exchange: accounts, matching, timers.
//!
//! # How orders meet the tape
//! - A resting order joins behind everything displayed at its price. Trades of the tape at that
//!   price consume what is ahead, then the order, never more than the trade's quantity in all.
//!   A trade through the price fills better-placed orders first, with the same limit.
//! - Cancels ahead are not seen: what is ahead shrinks only to the displayed quantity when that
//!   becomes smaller (they are taken to come from behind first).
//! - When the tape's other side reaches the order's price, the order fills at its own price up to
//!   what is displayed there.
//! - A taker walks the visible levels and other clients' resting orders by price, then place. What
//!   it took from the tape stays taken until the tape shows another quantity at that level.
//!
//! # Ids
//! Tape trades keep their ids. Client fills take consecutive ids per symbol from
//! [`OWN_TRADE_ID_FIRST`] plus the run's `first_id`, far above any recorded id; both sides of a
//! client-to-client trade share one. Order ids increase per symbol; ETHUSDT's exceed 2^53, as
//! the real venue's do.

use std::collections::{BTreeMap, VecDeque};

use schema::{Mark, Notional, SymbolId};

use crate::Book;
use crate::event::VenueEvent;
use crate::ledger::Ledger;
use crate::market::MarketUpdate;
use crate::rules::Rules;

mod acts;
mod algo;
mod amend;
mod booking;
mod draft;
mod margin;
mod matching;
mod place;
mod queries;
mod queue;
mod state;
mod timers;

use state::{Account, Market, Order};

/// First trade id of client fills of each symbol.
pub const OWN_TRADE_ID_FIRST: i64 = 1_000_000_000_000;
/// Finished orders kept for `allOrders` and `status`, of all accounts.
const FINISHED_ORDERS_MAX: usize = 200_000;

/// An account of the venue, by number from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

impl AccountId {
    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a venue is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeConfig {
    /// Symbols; a [`SymbolId`] is a position here.
    pub symbols: Vec<Rules>,
    /// Maker commission, ppm of the notional.
    pub maker_fee_ppm: i64,
    /// Taker commission, ppm of the notional.
    pub taker_fee_ppm: i64,
    /// Funding rate where the tape has none, units of 1e-8 an interval.
    pub funding_rate_e8: i64,
    /// Between fundings, ms; funding falls on its multiples of Unix time.
    pub funding_interval_ms: i64,
    /// Leverage of a new account.
    pub leverage: u32,
    /// Added to the first order id and the first trade id: runs recorded in one database take
    /// different ones (seconds of Unix time × 1,000,000), the same run the same. Below 5e15.
    pub first_id: i64,
}

impl ExchangeConfig {
    /// Fees 200 and 500 ppm, funding 0.01 % every 8 h, leverage 20.
    pub fn new(symbols: Vec<Rules>) -> Self {
        Self {
            symbols,
            maker_fee_ppm: 200,
            taker_fee_ppm: 500,
            funding_rate_e8: 10_000,
            funding_interval_ms: 8 * 3_600_000,
            leverage: 20,
            first_id: 0,
        }
    }
}

/// A new account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountConfig {
    /// API key, by which [`Exchange::account_by_key`] finds it.
    pub api_key: String,
    /// USDT put in.
    pub balance: Notional,
}

/// The venue. Its functions take the time; it never goes back (an earlier one counts as the latest
/// seen), and every function that takes it first does what [`Exchange::advance`] does.
#[derive(Debug)]
pub struct Exchange {
    config: ExchangeConfig,
    now_ms: i64,
    markets: Vec<Market>,
    accounts: Vec<Account>,
    /// Working and finished orders by the venue's id.
    orders: BTreeMap<i64, Order>,
    finished: VecDeque<i64>,
    /// Orders accepted so far: part of the next id, and the time priority.
    order_sequence: i64,
    algos: algo::Algos,
    change_sequence: i64,
    next_mark_ms: i64,
    next_funding_ms: i64,
    events: Vec<VenueEvent>,
}

impl Exchange {
    /// A venue without accounts and with empty books.
    pub fn new(config: ExchangeConfig) -> Self {
        let first_id = config.first_id.clamp(0, 5_000_000_000_000_000);
        let market = |(index, rules): (usize, &Rules)| Market::new(index, rules, first_id);
        Self {
            markets: config.symbols.iter().enumerate().map(market).collect(),
            config,
            now_ms: i64::MIN,
            accounts: Vec::new(),
            orders: BTreeMap::new(),
            finished: VecDeque::new(),
            order_sequence: 0,
            algos: algo::Algos::new(first_id),
            change_sequence: 0,
            next_mark_ms: i64::MIN,
            next_funding_ms: i64::MIN,
            events: Vec::new(),
        }
    }
    /// Its configuration.
    pub fn config(&self) -> &ExchangeConfig {
        &self.config
    }
    /// Rules of a symbol.
    pub fn rules(&self, symbol: SymbolId) -> Option<&Rules> {
        self.config.symbols.get(symbol.index())
    }
    /// A symbol by name.
    pub fn symbol(&self, name: &str) -> Option<SymbolId> {
        let index = self.config.symbols.iter().position(|rules| rules.name.as_str() == name)?;
        u16::try_from(index).ok().map(SymbolId)
    }
    /// An account by its key.
    pub fn account_by_key(&self, api_key: &str) -> Option<AccountId> {
        let index = self.accounts.iter().position(|account| account.api_key == api_key)?;
        u32::try_from(index).ok().map(AccountId)
    }
    /// Takes the messages to send, in order.
    pub fn drain_events(&mut self) -> Vec<VenueEvent> {
        core::mem::take(&mut self.events)
    }
    /// The book of the tape.
    pub fn book(&self, symbol: SymbolId) -> Option<&Book> {
        self.markets.get(symbol.index()).map(|market| &market.book)
    }
    /// Mark price, index, funding; `None` before the first book.
    pub fn mark(&self, symbol: SymbolId) -> Option<&Mark> {
        let mark = self.markets.get(symbol.index()).map(|market| &market.mark)?;
        (!mark.mark_price.is_zero()).then_some(mark)
    }
    /// The exact record of an account.
    pub fn ledger(&self, account: AccountId) -> Option<&Ledger> {
        self.accounts.get(account.index()).map(|account| &account.ledger)
    }

    /// A market event: updates the book, matches resting orders, broadcasts it in venue time.
    /// Events of symbols the venue does not have are ignored.
    pub fn market(&mut self, now_ms: i64, update: &MarketUpdate) {
        self.advance(now_ms);
        let symbol = update.symbol();
        if self.markets.get(symbol.index()).is_none() {
            return;
        }
        self.apply_market(symbol, update);
    }
}

#[cfg(test)]
mod tests;
