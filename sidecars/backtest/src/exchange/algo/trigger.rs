//! What prices and time do to conditional orders: activation, trigger, the real order, the end.

use schema::{OrderType, Price, Side, SymbolId, TimeInForce};

use super::check::{has_limit, is_reached};
use crate::algo::{AlgoOrigin, AlgoStatus, AlgoView, TRIGGER_PROTECT_E4, WorkingType};
use crate::error::VenueError;
use crate::exchange::{AccountId, Exchange};
use crate::order::{OrderRequest, ResponseType};

/// Millionths in one.
const PPM: i128 = 1_000_000;

impl Exchange {
    /// The price a working type stands for, now; zero before the first.
    pub(super) fn working_price(&self, symbol: SymbolId, working_type: WorkingType) -> Price {
        let Some(market) = self.markets.get(symbol.index()) else { return Price::ZERO };
        match working_type {
            WorkingType::MarkPrice => market.mark.mark_price,
            WorkingType::ContractPrice if market.last_price.is_zero() => {
                market.book.mid().unwrap_or(Price::ZERO)
            }
            WorkingType::ContractPrice => market.last_price,
        }
    }

    /// A trade or a published mark: activates and triggers what waits for it, oldest first.
    pub(in crate::exchange) fn price_moved(
        &mut self,
        symbol: SymbolId,
        working_type: WorkingType,
        price: Price,
    ) {
        if self.algos.waiting.is_empty() || price.is_zero() {
            return;
        }
        let is_concerned = |id: &&i64| {
            let view = self.algos.orders.get(id).map(|algo| &algo.view);
            view.is_some_and(|v| v.symbol == symbol && v.working_type == working_type)
        };
        let waiting: Vec<i64> = self.algos.waiting.iter().filter(is_concerned).copied().collect();
        for algo_id in waiting {
            // An earlier one's fills may have ended it.
            if !self.algos.waiting.contains(&algo_id) {
                continue;
            }
            if let Some(at) = self.follow_price(algo_id, price)
                && !self.is_held_back(algo_id)
            {
                self.trigger(algo_id, at);
            }
        }
    }

    /// Moves a trailing stop; the trigger price that `price` reaches, if it does.
    fn follow_price(&mut self, algo_id: i64, price: Price) -> Option<Price> {
        let now_ms = self.now_ms;
        let algo = self.algos.orders.get_mut(&algo_id)?;
        let view = &mut algo.view;
        let Some(callback_ppm) = view.callback_ppm else {
            let trigger = view.trigger_price;
            return is_reached(view.side, view.order_type, trigger, price).then_some(trigger);
        };
        let is_new = !view.is_activated;
        if is_new {
            let activate = view.activate_price.unwrap_or(price);
            let is_there =
                if view.side == Side::Buy { price <= activate } else { price >= activate };
            if !is_there {
                return None;
            }
            view.is_activated = true;
            view.update_time_ms = now_ms;
            algo.extreme = price;
        }
        if is_better_extreme(view.side, price, algo.extreme) {
            algo.extreme = price;
        }
        let trigger = trailing_trigger(view.side, algo.extreme, callback_ppm);
        let is_hit = if view.side == Side::Buy { price >= trigger } else { price <= trigger };
        if is_new {
            self.report_algo(algo_id);
        }
        is_hit.then_some(trigger)
    }

    /// Price protection: last and mark price are too far apart.
    fn is_held_back(&self, algo_id: i64) -> bool {
        let Some(algo) = self.algos.orders.get(&algo_id) else { return true };
        if !algo.view.price_protect {
            return false;
        }
        let symbol = algo.view.symbol;
        let last = i128::from(self.working_price(symbol, WorkingType::ContractPrice).units());
        let mark = i128::from(self.working_price(symbol, WorkingType::MarkPrice).units());
        (last - mark).abs() * 10_000 > mark * i128::from(TRIGGER_PROTECT_E4)
    }

    /// TRIGGERING, the real order with its reports, then TRIGGERED (and FINISHED) or REJECTED: the
    /// order the venue has been seen to send them in.
    fn trigger(&mut self, algo_id: i64, at: Price) {
        let now_ms = self.now_ms;
        self.algos.waiting.remove(&algo_id);
        let Some(algo) = self.algos.orders.get_mut(&algo_id) else { return };
        let account = algo.account;
        let view = &mut algo.view;
        view.status = AlgoStatus::Triggering;
        (view.trigger_time_ms, view.update_time_ms) = (now_ms, now_ms);
        let view = view.clone();
        self.report_algo(algo_id);
        match self.place_triggered(account, &view, at) {
            Err(error) => self.end_algo(algo_id, AlgoStatus::Rejected, Some(error.msg)),
            Ok(order_id) => {
                let Some(algo) = self.algos.orders.get_mut(&algo_id) else { return };
                algo.view.status = AlgoStatus::Triggered;
                self.report_algo(algo_id);
                self.follow_order(order_id);
            }
        }
    }

    fn place_triggered(
        &mut self,
        account: AccountId,
        view: &AlgoView,
        at: Price,
    ) -> Result<i64, VenueError> {
        let position = self.position_qty(account, view.symbol).abs();
        let qty = if view.close_position { position } else { view.qty };
        let is_limit = has_limit(view.order_type);
        // Its date was checked when it was placed and may be nearer than a new order's may be.
        let is_dated = view.time_in_force == TimeInForce::Gtd;
        let tif = if is_dated { TimeInForce::Gtc } else { view.time_in_force };
        let has_price = is_limit && view.price_match == crate::PriceMatch::None;
        let request = OrderRequest {
            symbol: view.symbol,
            side: view.side,
            order_type: if is_limit { OrderType::Limit } else { OrderType::Market },
            time_in_force: is_limit.then_some(tif),
            qty: Some(qty),
            price: has_price.then_some(view.price),
            reduce_only: view.reduce_only || view.close_position,
            client_order_id: Some(view.client_algo_id.clone()),
            stp: view.stp,
            price_match: view.price_match,
            good_till_ms: None,
            position_side_both: true,
            response: ResponseType::Result,
        };
        let mut draft = self.draft(account, &request)?;
        if is_dated && is_limit {
            (draft.time_in_force, draft.good_till_ms) = (TimeInForce::Gtd, view.good_till_ms);
        }
        let origin = AlgoOrigin {
            algo_id: view.algo_id,
            order_type: view.order_type,
            trigger_price: at,
            working_type: view.working_type,
            close_position: view.close_position,
            price_protect: view.price_protect,
            activate_price: view.activate_price.unwrap_or(Price::ZERO),
            callback_ppm: view.callback_ppm.unwrap_or(0),
        };
        let order_id = self.accept(account, &request, &draft, Some(origin)).order_id;
        if let Some(algo) = self.algos.orders.get_mut(&view.algo_id) {
            algo.view.actual_order_id = order_id;
            algo.view.actual_type = Some(request.order_type);
        }
        self.match_new(order_id, draft.bound);
        self.settle_reduce_only(account, view.symbol);
        Ok(order_id)
    }

    /// After a real order changed: its conditional order shows it, and ends with it.
    pub(in crate::exchange) fn follow_order(&mut self, order_id: i64) {
        let Some(order) = self.orders.get(&order_id) else { return };
        let Some(origin) = order.view.origin else { return };
        let is_done = !order.is_working();
        let (price, qty) = (order.view.avg_price, order.view.executed_qty);
        let Some(algo) = self.algos.orders.get_mut(&origin.algo_id) else { return };
        (algo.view.actual_price, algo.view.actual_qty) = (price, qty);
        // While it is triggering, TRIGGERED comes first.
        if is_done && algo.view.status == AlgoStatus::Triggered {
            self.end_algo(origin.algo_id, AlgoStatus::Finished, None);
        }
    }

    /// Expires conditional orders whose date has come.
    pub(in crate::exchange) fn expire_algos_by_date(&mut self) {
        let is_due = |id: &&i64| {
            let algo = self.algos.orders.get(id);
            algo.is_some_and(|algo| (1..=self.now_ms).contains(&algo.view.good_till_ms))
        };
        let due: Vec<i64> = self.algos.waiting.iter().filter(is_due).copied().collect();
        for algo_id in due {
            self.end_algo(algo_id, AlgoStatus::Expired, None);
        }
    }

    /// Expires close-position orders whose position is gone or has turned.
    pub(in crate::exchange) fn settle_close_position(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
    ) {
        if self.algos.waiting.is_empty() {
            return;
        }
        let position = self.position_qty(account, symbol).units();
        let is_spent = |view: &AlgoView| {
            let is_closing = view.close_position && view.symbol == symbol;
            is_closing && position * view.side.sign() >= 0
        };
        let own = self.algos.waiting_of(account).map(|algo| &algo.view);
        let spent: Vec<i64> = own.filter(|view| is_spent(view)).map(|view| view.algo_id).collect();
        for algo_id in spent {
            self.end_algo(algo_id, AlgoStatus::Expired, None);
        }
    }
}

fn is_better_extreme(side: Side, price: Price, extreme: Price) -> bool {
    if side == Side::Buy { price < extreme } else { price > extreme }
}

/// Extreme × (1 ± callback): rounded up for a buy and down for a sell, so never early.
fn trailing_trigger(side: Side, extreme: Price, callback_ppm: i64) -> Price {
    let extreme = i128::from(extreme.units());
    let units = match side {
        Side::Buy => (extreme * (PPM + i128::from(callback_ppm)) + PPM - 1) / PPM,
        Side::Sell => extreme * (PPM - i128::from(callback_ppm)) / PPM,
    };
    Price::from_units(i64::try_from(units).unwrap_or(i64::MAX))
}
