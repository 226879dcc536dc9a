//! The exchange: accounts, matching, timers.

use schema::{Mark, Notional, SymbolId};

use crate::Book;
use crate::error::VenueError;
use crate::event::VenueEvent;
use crate::ledger::Ledger;
use crate::market::{DepthUpdate, MarketUpdate};
use crate::order::{AmendRequest, OrderKey, OrderRequest};
use crate::rules::Rules;
use crate::view::{AccountView, OrderView, PositionView, SymbolConfigView, UserTradeView};

/// An account of the venue, by number from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

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

/// The venue.
#[derive(Debug)]
pub struct Exchange {
    config: ExchangeConfig,
    books: Vec<Book>,
    marks: Vec<Mark>,
    accounts: Vec<(AccountConfig, Ledger)>,
    events: Vec<VenueEvent>,
}

impl Exchange {
    /// A venue without accounts and with empty books.
    pub fn new(config: ExchangeConfig) -> Self {
        let count = config.symbols.len();
        Self {
            config,
            books: vec![Book::new(); count],
            marks: vec![Mark::default(); count],
            accounts: Vec::new(),
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
    /// Opens an account and puts the balance in.
    pub fn open_account(&mut self, now_ms: i64, account: AccountConfig) -> AccountId {
        let _ = now_ms;
        let id = AccountId(self.accounts.len() as u32);
        self.accounts.push((account, Ledger::default()));
        id
    }
    /// An account by its key.
    pub fn account_by_key(&self, api_key: &str) -> Option<AccountId> {
        let index = self.accounts.iter().position(|(config, _)| config.api_key == api_key)?;
        Some(AccountId(index as u32))
    }
    /// A market event: updates the book, matches resting orders, broadcasts it in venue time.
    pub fn market(&mut self, now_ms: i64, update: &MarketUpdate) {
        let _ = now_ms;
        self.events.push(VenueEvent::Market(update.clone()));
    }
    /// Moves the time: GTD, countdown, mark price every second, funding. `now_ms` never goes back
    /// (an earlier time counts as the latest).
    pub fn advance(&mut self, now_ms: i64) {
        let _ = now_ms;
    }
    /// When [`Exchange::advance`] next has something to do, ms.
    pub fn next_timer_ms(&self) -> Option<i64> {
        None
    }
    /// Takes the messages to send, in order.
    pub fn drain_events(&mut self) -> Vec<VenueEvent> {
        core::mem::take(&mut self.events)
    }
    /// Places an order.
    ///
    /// # Errors
    /// The venue's refusal.
    pub fn place(
        &mut self,
        now_ms: i64,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<OrderView, VenueError> {
        let _ = (now_ms, account, request);
        Err(VenueError::margin())
    }
    /// Checks an order as [`Exchange::place`] would, without placing it (`order/test`).
    ///
    /// # Errors
    /// The venue's refusal.
    pub fn check(
        &self,
        now_ms: i64,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<(), VenueError> {
        let _ = (now_ms, account, request);
        Ok(())
    }
    /// Cancels an order.
    ///
    /// # Errors
    /// -2011 if it is not working, -1102 if the key is empty.
    pub fn cancel(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
        key: &OrderKey,
    ) -> Result<OrderView, VenueError> {
        let _ = (now_ms, account, symbol, key);
        Err(VenueError::unknown_order())
    }
    /// Cancels all open orders of a symbol and returns them.
    ///
    /// # Errors
    /// -1121 for an unknown symbol.
    pub fn cancel_all(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
    ) -> Result<Vec<OrderView>, VenueError> {
        let _ = (now_ms, account, symbol);
        Ok(Vec::new())
    }
    /// Changes price and quantity; loses queue priority.
    ///
    /// # Errors
    /// The venue's refusal; the order is unchanged then.
    pub fn modify(
        &mut self,
        now_ms: i64,
        account: AccountId,
        request: &AmendRequest,
    ) -> Result<OrderView, VenueError> {
        let _ = (now_ms, account, request);
        Err(VenueError::no_such_order())
    }
    /// An order, open or done.
    ///
    /// # Errors
    /// -2013 if there is none.
    pub fn status(
        &self,
        account: AccountId,
        symbol: SymbolId,
        key: &OrderKey,
    ) -> Result<OrderView, VenueError> {
        let _ = (account, symbol, key);
        Err(VenueError::no_such_order())
    }
    /// Open orders, of one symbol or all, oldest first.
    pub fn open_orders(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<OrderView> {
        let _ = (account, symbol);
        Vec::new()
    }
    /// All orders kept, oldest first.
    pub fn all_orders(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<OrderView> {
        let _ = (account, symbol);
        Vec::new()
    }
    /// Fills, oldest first.
    pub fn user_trades(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<UserTradeView> {
        let _ = (account, symbol);
        Vec::new()
    }
    /// Totals and positions.
    pub fn account(&self, account: AccountId) -> AccountView {
        let _ = account;
        AccountView::default()
    }
    /// A row for every symbol (`v2` shows all; `v3` those with a position or an open order:
    /// [`AccountView::positions`]).
    pub fn positions(&self, account: AccountId) -> Vec<PositionView> {
        let _ = account;
        Vec::new()
    }
    /// Leverage of a symbol.
    ///
    /// # Errors
    /// -1121 for an unknown symbol.
    pub fn symbol_config(
        &self,
        account: AccountId,
        symbol: SymbolId,
    ) -> Result<SymbolConfigView, VenueError> {
        let _ = (account, symbol);
        Err(VenueError::invalid_symbol())
    }
    /// Sets the leverage of a symbol.
    ///
    /// # Errors
    /// -4028 if the symbol has no such leverage, -2028 if the margin does not allow it.
    pub fn set_leverage(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
        leverage: u32,
    ) -> Result<SymbolConfigView, VenueError> {
        let _ = (now_ms, account, leverage);
        self.symbol_config(account, symbol)
    }
    /// Sets the dead man's switch of a symbol: all its orders are cancelled after `countdown_ms`
    /// unless set again; zero turns it off.
    ///
    /// # Errors
    /// -1121 for an unknown symbol, -1130 for a negative time.
    pub fn set_countdown(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
        countdown_ms: i64,
    ) -> Result<(), VenueError> {
        let _ = (now_ms, account, symbol, countdown_ms);
        Ok(())
    }
    /// The book of the tape.
    pub fn book(&self, symbol: SymbolId) -> Option<&Book> {
        self.books.get(symbol.index())
    }
    /// The answer to `/depth`: kind Snapshot, at most `limit` levels a side.
    pub fn snapshot(&self, symbol: SymbolId, limit: usize) -> Option<DepthUpdate> {
        let _ = (symbol, limit);
        None
    }
    /// Mark price, index, funding; `None` before the first book.
    pub fn mark(&self, symbol: SymbolId) -> Option<&Mark> {
        self.marks.get(symbol.index())
    }
    /// The exact record of an account.
    pub fn ledger(&self, account: AccountId) -> Option<&Ledger> {
        self.accounts.get(account.0 as usize).map(|(_, ledger)| ledger)
    }
}
