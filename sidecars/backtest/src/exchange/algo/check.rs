//! Checks of a new conditional order, before anything changes.

use schema::{OrderType, Price, Qty, Side, TimeInForce};

use crate::algo::{ALGO_ORDERS_MAX, AlgoRequest};
use crate::error::VenueError;
use crate::exchange::{AccountId, Exchange};
use crate::order::PriceMatch;

/// `callbackRate` from 0.1 % …
const CALLBACK_PPM_MIN: i64 = 1_000;
/// … to 20 % (since 2026-10-23).
const CALLBACK_PPM_MAX: i64 = 200_000;

/// A request that passed the checks, with everything filled in.
#[derive(Debug, Clone, Copy)]
pub(super) struct AlgoDraft {
    pub(super) qty: Qty,
    pub(super) time_in_force: TimeInForce,
    pub(super) good_till_ms: i64,
    pub(super) callback_ppm: Option<i64>,
    /// Price that triggers, as it is now; zero before the first.
    pub(super) working_price: Price,
}

/// STOP and STOP_MARKET, against TAKE_PROFIT and TAKE_PROFIT_MARKET.
pub(super) const fn is_stop(order_type: OrderType) -> bool {
    matches!(order_type, OrderType::Stop | OrderType::StopMarket)
}
/// Whether the real order has a limit price.
pub(super) const fn has_limit(order_type: OrderType) -> bool {
    matches!(order_type, OrderType::Stop | OrderType::TakeProfit)
}
/// Whether a price reaches a trigger: a stop from the losing side, a take-profit from the winning.
pub(super) fn is_reached(side: Side, order_type: OrderType, trigger: Price, price: Price) -> bool {
    let is_upward = (side == Side::Buy) == is_stop(order_type);
    if is_upward { price >= trigger } else { price <= trigger }
}

impl Exchange {
    /// All checks of a placement. Margin, price bands and what the order would do in the book are
    /// looked at when it triggers.
    pub(super) fn algo_draft(
        &self,
        account: AccountId,
        request: &AlgoRequest,
    ) -> Result<AlgoDraft, VenueError> {
        let rules = self.rules(request.symbol).ok_or_else(VenueError::invalid_symbol)?;
        if !request.position_side_both {
            let msg = "Order's position side does not match user's setting.";
            return Err(VenueError::new(-4061, msg));
        }
        let is_trailing = match request.order_type {
            OrderType::TrailingStopMarket => true,
            OrderType::Stop | OrderType::TakeProfit => false,
            OrderType::StopMarket | OrderType::TakeProfitMarket => false,
            OrderType::Limit | OrderType::Market | OrderType::Liquidation => {
                return Err(VenueError::order_type());
            }
        };
        let time_in_force = self.algo_time_in_force(request)?;
        check_close_position(request)?;
        check_limit(request)?;
        let working_price = self.working_price(request.symbol, request.working_type);
        let callback_ppm = if is_trailing { Some(check_trailing(request)?) } else { None };
        if !is_trailing {
            check_trigger(request, rules.max_price)?;
        }
        if !rules.trading {
            return Err(VenueError::new(-4140, "Invalid symbol status for opening position."));
        }
        if let Some(price) = request.price {
            rules.check_price(price)?;
        }
        let qty = if request.close_position {
            Qty::ZERO
        } else {
            let qty = request.qty.ok_or_else(|| VenueError::mandatory("quantity"))?;
            rules.check_qty(qty, !has_limit(request.order_type))?;
            let value_price = request.price.or(request.trigger_price).unwrap_or(working_price);
            if !request.reduce_only {
                rules.check_notional(value_price, qty)?;
            }
            qty
        };
        self.check_client_algo_id(account, request)?;
        if self.algos.waiting_of(account).count() >= ALGO_ORDERS_MAX {
            return Err(VenueError::new(-4045, "Reach max stop order limit."));
        }
        if !working_price.is_zero() {
            check_immediate(request, working_price)?;
        }
        self.check_closing(account, request)?;
        let good_till_ms = request.good_till_ms.map_or(0, |ms| ms - ms.rem_euclid(1_000));
        Ok(AlgoDraft { qty, time_in_force, good_till_ms, callback_ppm, working_price })
    }

    fn algo_time_in_force(&self, request: &AlgoRequest) -> Result<TimeInForce, VenueError> {
        let sent = request.time_in_force.unwrap_or(TimeInForce::Gtc);
        if sent == TimeInForce::Rpi {
            return Err(VenueError::time_in_force());
        }
        self.check_good_till(sent, request.good_till_ms)?;
        Ok(if request.close_position { TimeInForce::GteGtc } else { sent })
    }

    fn check_client_algo_id(
        &self,
        account: AccountId,
        request: &AlgoRequest,
    ) -> Result<(), VenueError> {
        let Some(id) = &request.client_algo_id else { return Ok(()) };
        crate::exchange::draft::check_id(id)?;
        let mut open = self.algos.waiting_of(account);
        if open.any(|algo| algo.view.client_algo_id == *id) {
            return Err(VenueError::new(-4116, "ClientOrderId is duplicated."));
        }
        Ok(())
    }

    /// One close-position stop and one take-profit a direction, and only with a position.
    fn check_closing(&self, account: AccountId, request: &AlgoRequest) -> Result<(), VenueError> {
        if !request.close_position {
            return Ok(());
        }
        let position = self.position_qty(account, request.symbol).units();
        if position * request.side.sign() >= 0 {
            return Err(VenueError::new(
                -4509,
                "Time in Force (TIF) GTE can only be used with open positions. Please ensure that \
                 positions are available.",
            ));
        }
        let is_same = |view: &crate::algo::AlgoView| {
            view.close_position
                && (view.symbol, view.side) == (request.symbol, request.side)
                && is_stop(view.order_type) == is_stop(request.order_type)
        };
        if self.algos.waiting_of(account).any(|algo| is_same(&algo.view)) {
            return Err(VenueError::new(
                -4130,
                "An open stop or take profit order with GTE and closePosition in the direction is \
                 existing.",
            ));
        }
        Ok(())
    }
}

fn check_close_position(request: &AlgoRequest) -> Result<(), VenueError> {
    if !request.close_position {
        return Ok(());
    }
    if !matches!(request.order_type, OrderType::StopMarket | OrderType::TakeProfitMarket) {
        let kind = request.order_type;
        let msg = format!("Target strategy invalid for orderType '{kind}',closePosition 'true'.");
        return Err(VenueError::new(-4136, msg));
    }
    if request.qty.is_some() {
        let msg = "Quantity must be zero with closePosition equals true.";
        return Err(VenueError::new(-4137, msg));
    }
    if request.reduce_only {
        return Err(VenueError::not_required("reduceonly"));
    }
    Ok(())
}

fn check_limit(request: &AlgoRequest) -> Result<(), VenueError> {
    let has_match = request.price_match != PriceMatch::None;
    if !has_limit(request.order_type) {
        if has_match {
            return Err(VenueError::new(-5038, "The orderType does not support price match."));
        }
        return match request.price {
            Some(_) => Err(VenueError::not_required("price")),
            None => Ok(()),
        };
    }
    match (request.price, has_match) {
        (Some(_), true) => Err(VenueError::not_required("price")),
        (None, false) => Err(VenueError::mandatory("price")),
        _ => Ok(()),
    }
}

/// The trigger's tick is not enforced (measured 2026-09-12).
fn check_trigger(request: &AlgoRequest, max_price: Price) -> Result<(), VenueError> {
    if request.activate_price.is_some() {
        return Err(VenueError::not_required("activateprice"));
    }
    if request.callback_ppm.is_some() {
        return Err(VenueError::not_required("callbackrate"));
    }
    let trigger = request.trigger_price.ok_or_else(|| VenueError::mandatory("triggerprice"))?;
    if trigger <= Price::ZERO {
        return Err(VenueError::new(-4006, "Stop price less than zero."));
    }
    if trigger > max_price {
        return Err(VenueError::new(-4007, "Stop price greater than max price."));
    }
    Ok(())
}

fn check_trailing(request: &AlgoRequest) -> Result<i64, VenueError> {
    if request.trigger_price.is_some() {
        return Err(VenueError::not_required("triggerprice"));
    }
    if request.activate_price.is_some_and(|price| price <= Price::ZERO) {
        return Err(VenueError::new(-4135, "Invalid activation price."));
    }
    let callback = request.callback_ppm.ok_or_else(|| VenueError::mandatory("callbackrate"))?;
    if (CALLBACK_PPM_MIN..=CALLBACK_PPM_MAX).contains(&callback) {
        Ok(callback)
    } else {
        Err(VenueError::new(-2007, "Invalid callBack rate."))
    }
}

/// -2021: the price is there already. A trailing stop's activation price must lie ahead.
fn check_immediate(request: &AlgoRequest, price: Price) -> Result<(), VenueError> {
    let would_trigger = match (request.trigger_price, request.activate_price) {
        (Some(trigger), _) => is_reached(request.side, request.order_type, trigger, price),
        (None, Some(activate)) if request.side == Side::Buy => activate >= price,
        (None, Some(activate)) => activate <= price,
        (None, None) => false,
    };
    if would_trigger {
        return Err(VenueError::new(-2021, "Order would immediately trigger."));
    }
    Ok(())
}
