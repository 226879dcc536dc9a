//! Conditional orders: their book, placing and cancelling them, what is told of them.
//!
//! They are no part of the order book: they bind no margin, the dead man's switch and cancel-all of
//! ordinary orders leave them alone, and their ids are of another range. [`trigger`] turns one into
//! a real order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schema::{Price, Qty, SymbolId};

use super::place::made_client_id;
use super::{AccountId, Exchange};
use crate::algo::{AlgoKey, AlgoRequest, AlgoStatus, AlgoView};
use crate::error::VenueError;
use crate::event::{AccountEvent, AlgoUpdate, VenueEvent};

mod check;
mod trigger;

/// First id of a conditional order; with the run's `first_id` still below 2^53.
const ALGO_ID_FIRST: i64 = 4_000_000_000_000_000;
/// Finished conditional orders kept for queries, of all accounts.
const FINISHED_ALGO_ORDERS_MAX: usize = 20_000;

/// A conditional order.
#[derive(Debug, Clone)]
struct Algo {
    account: AccountId,
    view: AlgoView,
    /// Best price a trailing stop has seen since its activation: the lowest for a buy.
    extreme: Price,
}

/// Conditional orders of all accounts.
#[derive(Debug)]
pub(super) struct Algos {
    orders: BTreeMap<i64, Algo>,
    /// Those that wait for their price.
    waiting: BTreeSet<i64>,
    finished: VecDeque<i64>,
    next_id: i64,
}

impl Algos {
    pub(super) fn new(first_id: i64) -> Self {
        Self {
            orders: BTreeMap::new(),
            waiting: BTreeSet::new(),
            finished: VecDeque::new(),
            next_id: ALGO_ID_FIRST + first_id,
        }
    }
    fn waiting_of(&self, account: AccountId) -> impl Iterator<Item = &Algo> + '_ {
        let waiting = self.waiting.iter().filter_map(|id| self.orders.get(id));
        waiting.filter(move |algo| algo.account == account)
    }
    /// When the next one expires by its date, ms.
    pub(super) fn next_expiry_ms(&self) -> Option<i64> {
        let waiting = self.waiting.iter().filter_map(|id| self.orders.get(id));
        waiting.map(|algo| algo.view.good_till_ms).filter(|ms| *ms > 0).min()
    }
    /// By the venue's id, or the newest of the client's.
    fn find(&self, account: AccountId, key: &AlgoKey) -> Result<Option<&Algo>, VenueError> {
        let algo = match (key.algo_id, &key.client_algo_id) {
            (Some(algo_id), _) => self.orders.get(&algo_id).filter(|algo| algo.account == account),
            (None, Some(id)) => {
                let mut newest_first = self.orders.values().rev();
                newest_first.find(|a| a.account == account && a.view.client_algo_id == *id)
            }
            (None, None) => {
                return Err(VenueError::new(
                    -1102,
                    "Param 'algoid' or 'clientalgoid' must be sent, but both were empty/null!",
                ));
            }
        };
        Ok(algo)
    }
}

impl Exchange {
    /// Places a conditional order. Margin is not looked at before its trigger.
    ///
    /// # Errors
    /// The venue's refusal; nothing happened then.
    pub fn place_algo(
        &mut self,
        now_ms: i64,
        account: AccountId,
        request: &AlgoRequest,
    ) -> Result<AlgoView, VenueError> {
        self.advance(now_ms);
        self.known(account)?;
        let draft = self.algo_draft(account, request)?;
        let algo_id = self.algos.next_id;
        self.algos.next_id += 1;
        let client_id = request.client_algo_id.clone();
        let view = AlgoView {
            algo_id,
            client_algo_id: client_id.unwrap_or_else(|| made_client_id(algo_id)),
            symbol: request.symbol,
            symbol_name: self.config.symbols[request.symbol.index()].name,
            side: request.side,
            order_type: request.order_type,
            time_in_force: draft.time_in_force,
            qty: draft.qty,
            status: AlgoStatus::New,
            trigger_price: request.trigger_price.unwrap_or(Price::ZERO),
            price: request.price.unwrap_or(Price::ZERO),
            stp: request.stp,
            working_type: request.working_type,
            price_match: request.price_match,
            close_position: request.close_position,
            price_protect: request.price_protect,
            reduce_only: request.reduce_only,
            activate_price: request.activate_price,
            callback_ppm: draft.callback_ppm,
            is_activated: draft.callback_ppm.is_some() && request.activate_price.is_none(),
            create_time_ms: self.now_ms,
            update_time_ms: self.now_ms,
            trigger_time_ms: 0,
            good_till_ms: draft.good_till_ms,
            actual_order_id: 0,
            actual_type: None,
            actual_price: Price::ZERO,
            actual_qty: Qty::ZERO,
            reject_reason: None,
        };
        let algo = Algo { account, view: view.clone(), extreme: draft.working_price };
        self.algos.orders.insert(algo_id, algo);
        self.algos.waiting.insert(algo_id);
        self.report_algo(algo_id);
        Ok(view)
    }

    /// Cancels a conditional order that waits for its price.
    ///
    /// # Errors
    /// -2011 if it does not wait (any more), -1102 if the key is empty.
    pub fn cancel_algo(
        &mut self,
        now_ms: i64,
        account: AccountId,
        key: &AlgoKey,
    ) -> Result<AlgoView, VenueError> {
        self.advance(now_ms);
        self.known(account)?;
        let algo = self.algos.find(account, key)?.ok_or_else(VenueError::unknown_order)?;
        if algo.view.status != AlgoStatus::New {
            return Err(VenueError::unknown_order());
        }
        let algo_id = algo.view.algo_id;
        self.end_algo(algo_id, AlgoStatus::Canceled, None);
        self.algo_view(algo_id).ok_or_else(VenueError::unknown_order)
    }

    /// Cancels all conditional orders of a symbol and returns them.
    ///
    /// # Errors
    /// -1121 for an unknown symbol.
    pub fn cancel_all_algos(
        &mut self,
        now_ms: i64,
        account: AccountId,
        symbol: SymbolId,
    ) -> Result<Vec<AlgoView>, VenueError> {
        self.advance(now_ms);
        self.known(account)?;
        self.rules(symbol).ok_or_else(VenueError::invalid_symbol)?;
        let open = self.open_algos(account, Some(symbol));
        let mut views = Vec::with_capacity(open.len());
        for view in open {
            self.end_algo(view.algo_id, AlgoStatus::Canceled, None);
            views.extend(self.algo_view(view.algo_id));
        }
        Ok(views)
    }

    /// A conditional order, waiting or done.
    ///
    /// # Errors
    /// -2013 if there is none, -1102 if the key is empty.
    pub fn algo_status(&self, account: AccountId, key: &AlgoKey) -> Result<AlgoView, VenueError> {
        let algo = self.algos.find(account, key)?;
        algo.map(|algo| algo.view.clone()).ok_or_else(VenueError::no_such_order)
    }
    /// Conditional orders that wait for their price, of one symbol or all, oldest first.
    pub fn open_algos(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<AlgoView> {
        let waiting = self.algos.waiting_of(account).map(|algo| &algo.view);
        waiting.filter(|view| symbol.is_none_or(|s| view.symbol == s)).cloned().collect()
    }
    /// All conditional orders kept, oldest first.
    pub fn all_algos(&self, account: AccountId, symbol: Option<SymbolId>) -> Vec<AlgoView> {
        let own = self.algos.orders.values().filter(|algo| algo.account == account);
        let wanted = own.map(|algo| &algo.view);
        wanted.filter(|view| symbol.is_none_or(|s| view.symbol == s)).cloned().collect()
    }

    fn algo_view(&self, algo_id: i64) -> Option<AlgoView> {
        self.algos.orders.get(&algo_id).map(|algo| algo.view.clone())
    }

    /// Ends a conditional order in a final state, with the reason of a rejection.
    fn end_algo(&mut self, algo_id: i64, status: AlgoStatus, reason: Option<String>) {
        assert!(status.is_terminal(), "an order ends in a final state");
        let now_ms = self.now_ms;
        let Some(algo) = self.algos.orders.get_mut(&algo_id) else { return };
        if algo.view.status.is_terminal() {
            return;
        }
        algo.view.status = status;
        algo.view.update_time_ms = now_ms;
        algo.view.reject_reason = reason;
        self.algos.waiting.remove(&algo_id);
        self.algos.finished.push_back(algo_id);
        self.report_algo(algo_id);
        if self.algos.finished.len() > FINISHED_ALGO_ORDERS_MAX
            && let Some(oldest) = self.algos.finished.pop_front()
        {
            self.algos.orders.remove(&oldest);
        }
    }

    /// ALGO_UPDATE.
    fn report_algo(&mut self, algo_id: i64) {
        let Some(algo) = self.algos.orders.get(&algo_id) else { return };
        let update = AlgoUpdate { order: algo.view.clone(), time_ms: self.now_ms };
        let event = VenueEvent::Account(algo.account, AccountEvent::Algo(update));
        self.events.push(event);
    }
}
