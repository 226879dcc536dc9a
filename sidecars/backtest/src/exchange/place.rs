//! Accounts opened, orders placed.

use std::collections::{BTreeMap, BTreeSet};

use engine::position::Position;
use schema::{Notional, OrderStatus, OrderType, Price, Qty, SymbolId, TimeInForce};

use super::draft::Draft;
use super::state::{Account, Holding, Order};
use super::{AccountConfig, AccountId, Exchange};
use crate::algo::AlgoOrigin;
use crate::error::VenueError;
use crate::event::{AccountReason, expiry};
use crate::ledger::{ChangeKind, Ledger};
use crate::order::{OrderRequest, ResponseType};
use crate::view::OrderView;

impl Exchange {
    /// Opens an account and puts the balance in.
    pub fn open_account(&mut self, now_ms: i64, account: AccountConfig) -> AccountId {
        self.advance(now_ms);
        let holding = |rules: &crate::Rules| Holding {
            position: Position::FLAT,
            realized: Notional::ZERO,
            leverage: self.config.leverage.min(rules.leverage_max()),
            update_ms: 0,
            countdown_at: None,
        };
        let id = AccountId(self.accounts.len() as u32);
        self.accounts.push(Account {
            api_key: account.api_key,
            wallet: Notional::ZERO,
            holdings: self.config.symbols.iter().map(holding).collect(),
            open: BTreeSet::new(),
            by_client_id: BTreeMap::new(),
            ledger: Ledger::default(),
            update_ms: self.now_ms,
            margin_called: false,
        });
        self.change(id, ChangeKind::Transfer, SymbolId::NONE, account.balance, 0);
        self.report_account(id, AccountReason::Deposit, account.balance, None);
        id
    }

    /// -2015 for an account that does not exist.
    pub(super) fn known(&self, account: AccountId) -> Result<(), VenueError> {
        if account.index() < self.accounts.len() {
            return Ok(());
        }
        let msg = "Invalid API-key, IP, or permissions for action.";
        Err(VenueError { http: 401, ..VenueError::new(-2015, msg) })
    }

    /// Places an order.
    ///
    /// # Errors
    /// The venue's refusal; nothing happened then.
    pub fn place(
        &mut self,
        now_ms: i64,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<OrderView, VenueError> {
        self.advance(now_ms);
        self.known(account)?;
        let draft = self.draft(account, request)?;
        let accepted = self.accept(account, request, &draft, None);
        let order_id = accepted.order_id;
        self.match_new(order_id, draft.bound);
        self.settle_reduce_only(account, request.symbol);
        match (request.response, self.orders.get(&order_id)) {
            (ResponseType::Result, Some(order)) => Ok(order.view.clone()),
            _ => Ok(accepted),
        }
    }
    /// Checks an order as [`Exchange::place`] would, without placing it (`order/test`).
    ///
    /// # Errors
    /// The venue's refusal.
    pub fn check(
        &mut self,
        now_ms: i64,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<(), VenueError> {
        self.advance(now_ms);
        self.known(account)?;
        self.draft(account, request).map(|_| ())
    }

    pub(super) fn accept(
        &mut self,
        account: AccountId,
        request: &OrderRequest,
        draft: &Draft,
        origin: Option<AlgoOrigin>,
    ) -> OrderView {
        let client_id = request.client_order_id.clone();
        self.insert(account, request.symbol, draft.qty, client_id, |view| OrderView {
            side: request.side,
            order_type: request.order_type,
            time_in_force: draft.time_in_force,
            price: draft.price,
            reduce_only: request.reduce_only,
            stp: request.stp,
            price_match: request.price_match,
            good_till_ms: draft.good_till_ms,
            origin,
            ..view
        })
    }

    /// Registers a working order; `set` fills in what differs from a plain market buy.
    pub(super) fn insert(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
        qty: Qty,
        client_order_id: Option<String>,
        set: impl FnOnce(OrderView) -> OrderView,
    ) -> OrderView {
        self.order_sequence += 1;
        let sequence = self.order_sequence;
        let order_id = self.markets[symbol.index()].order_id_base + sequence;
        let client_order_id = client_order_id.unwrap_or_else(|| made_client_id(order_id));
        let view = set(OrderView {
            symbol,
            symbol_name: self.config.symbols[symbol.index()].name,
            order_id,
            client_order_id: client_order_id.clone(),
            status: OrderStatus::New,
            side: schema::Side::Buy,
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Gtc,
            price: Price::ZERO,
            qty,
            executed_qty: Qty::ZERO,
            cum_quote: Notional::ZERO,
            avg_price: Price::ZERO,
            reduce_only: false,
            stp: crate::StpMode::default(),
            price_match: crate::PriceMatch::None,
            good_till_ms: 0,
            time_ms: self.now_ms,
            update_time_ms: self.now_ms,
            modify_id: None,
            origin: None,
        });
        let order = Order {
            account,
            view: view.clone(),
            sequence,
            original_type: view.origin.map_or(view.order_type, |origin| origin.order_type),
            cost_e16: 0,
            amendments: 0,
            owes_new: true,
        };
        self.orders.insert(order_id, order);
        let account = &mut self.accounts[account.index()];
        account.open.insert((sequence, order_id));
        account.by_client_id.insert((symbol, client_order_id), order_id);
        view
    }

    /// Matches a new or amended order and rests or expires what is left.
    pub(super) fn match_new(&mut self, order_id: i64, bound: Price) {
        self.take(order_id, bound);
        self.report_new(order_id);
        let Some(order) = self.orders.get(&order_id).filter(|order| order.is_working()) else {
            return;
        };
        match (order.view.order_type, order.view.time_in_force) {
            (OrderType::Limit, TimeInForce::Ioc | TimeInForce::Fok) => {
                self.expire(order_id, OrderStatus::Expired, expiry::IOC_REST);
            }
            (OrderType::Limit, _) => self.rest(order_id),
            _ => self.expire(order_id, OrderStatus::Expired, expiry::MARKET_REST),
        }
    }
}

/// A client id of 22 characters for an order sent without one, the same in every run.
pub(super) fn made_client_id(order_id: i64) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // splitmix64: spreads consecutive ids over the letters.
    let mut state = order_id as u64;
    let mut out = String::with_capacity(22);
    for _ in 0..22 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.push(char::from(LETTERS[((word ^ word >> 31) % 62) as usize]));
    }
    out
}
