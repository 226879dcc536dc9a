//! Checks of a new order, in the venue's order, before anything changes.

use schema::{OrderType, Price, Qty, Side, SymbolId, TimeInForce};

use super::{AccountId, Exchange};
use crate::book::is_better;
use crate::error::VenueError;
use crate::order::{OrderRequest, PriceMatch};
use crate::rules::Rules;

/// GTD orders end at least this much later.
const GTD_MIN_MS: i64 = 600_000;
/// End of the year 9999.
const GTD_MAX_MS: i64 = 253_402_300_799_000;
/// Characters of a client order id besides letters and digits.
const CLIENT_ID_SIGNS: &[u8] = b".:/_-";

/// A request that passed the checks, with everything filled in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft {
    /// Limit price, or zero.
    pub(super) price: Price,
    /// Price beyond which it does not fill: its limit, or a market order's bound.
    pub(super) bound: Price,
    pub(super) qty: Qty,
    pub(super) time_in_force: TimeInForce,
    pub(super) good_till_ms: i64,
}

impl Exchange {
    /// All checks of a placement.
    pub(super) fn draft(
        &self,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<Draft, VenueError> {
        let rules = self.rules(request.symbol).ok_or_else(VenueError::invalid_symbol)?;
        self.check_shape(request)?;
        let qty = request.qty.ok_or_else(|| VenueError::mandatory("quantity"))?;
        let is_market = request.order_type == OrderType::Market;
        let price = self.limit_price(request, is_market)?;
        if !rules.trading {
            return Err(VenueError::new(-4140, "Invalid symbol status for opening position."));
        }
        rules.check_qty(qty, is_market)?;
        let mark = self.mark(request.symbol).map_or(Price::ZERO, |mark| mark.mark_price);
        let bound = if is_market {
            self.market_bound(request, rules, mark)?
        } else {
            rules.check_price(price)?;
            if !mark.is_zero() {
                rules.check_band(request.side, price, mark)?;
            }
            price
        };
        let value_price = if is_market { mark } else { price };
        if !request.reduce_only {
            rules.check_notional(value_price, qty)?;
        }
        self.check_client_id(account, request)?;
        self.check_account(account, request, rules, value_price, qty)?;
        let time_in_force = request.time_in_force.unwrap_or(TimeInForce::Gtc);
        self.check_immediacy(account, request, time_in_force, price, qty)?;
        let good_till_ms = request.good_till_ms.map_or(0, |ms| ms - ms.rem_euclid(1_000));
        Ok(Draft { price, bound, qty, time_in_force, good_till_ms })
    }

    /// What goes together and what is mandatory.
    fn check_shape(&self, request: &OrderRequest) -> Result<(), VenueError> {
        if !request.position_side_both {
            return Err(VenueError::new(
                -4061,
                "Order's position side does not match user's setting.",
            ));
        }
        match request.order_type {
            OrderType::Limit => {
                let tif =
                    request.time_in_force.ok_or_else(|| VenueError::mandatory("timeInForce"))?;
                if matches!(tif, TimeInForce::Rpi | TimeInForce::GteGtc) {
                    return Err(VenueError::time_in_force());
                }
                self.check_good_till(tif, request.good_till_ms)
            }
            OrderType::Market if request.price_match != PriceMatch::None => {
                Err(VenueError::new(-5038, "The orderType does not support price match."))
            }
            OrderType::Market if request.price.is_some() => Err(VenueError::not_required("price")),
            OrderType::Market if request.time_in_force.is_some() => {
                Err(VenueError::not_required("timeInForce"))
            }
            OrderType::Market => Ok(()),
            OrderType::Liquidation => Err(VenueError::order_type()),
            _ => Err(VenueError::new(
                -4120,
                "Order type not supported for this endpoint. Please use the Algo Order API \
                 endpoints instead.",
            )),
        }
    }

    /// A date goes with GTD and with nothing else.
    pub(super) fn check_good_till(
        &self,
        time_in_force: TimeInForce,
        good_till_ms: Option<i64>,
    ) -> Result<(), VenueError> {
        let is_gtd = time_in_force == TimeInForce::Gtd;
        match good_till_ms {
            None if is_gtd => Err(VenueError::mandatory("goodTillDate")),
            Some(_) if !is_gtd => Err(VenueError::not_required("goodTillDate")),
            Some(ms) if ms <= self.now_ms + GTD_MIN_MS || ms >= GTD_MAX_MS => Err(VenueError::new(
                -5040,
                "The goodTillDate timestamp must be greater than the current time plus 600 \
                 seconds and smaller than 253402300799000 (UTC 9999-12-31 23:59:59).",
            )),
            _ => Ok(()),
        }
    }

    fn limit_price(&self, request: &OrderRequest, is_market: bool) -> Result<Price, VenueError> {
        if is_market {
            return Ok(Price::ZERO);
        }
        self.price_or_match(request.symbol, request.side, request.price, request.price_match)
    }
    /// The price given, or taken from the book by price match.
    pub(super) fn price_or_match(
        &self,
        symbol: SymbolId,
        side: Side,
        price: Option<Price>,
        price_match: PriceMatch,
    ) -> Result<Price, VenueError> {
        let (from, level) = match price_match {
            PriceMatch::None => return price.ok_or_else(|| VenueError::mandatory("price")),
            _ if price.is_some() => return Err(VenueError::not_required("price")),
            PriceMatch::Opponent(level) => (side.opposite(), level),
            PriceMatch::Queue(level) => (side, level),
        };
        let book = self.book(symbol).ok_or_else(VenueError::invalid_symbol)?;
        let found = book.visible(from).nth(usize::from(level.max(1)) - 1);
        found
            .map(|level| level.price)
            .ok_or_else(|| VenueError::new(-5041, "No depth matches this BBO order."))
    }

    fn market_bound(
        &self,
        request: &OrderRequest,
        rules: &Rules,
        mark: Price,
    ) -> Result<Price, VenueError> {
        let refused = || {
            VenueError::new(
                -4131,
                "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
            )
        };
        let book = self.book(request.symbol).ok_or_else(VenueError::invalid_symbol)?;
        let best = book.best(request.side.opposite()).ok_or_else(refused)?;
        let bound = rules.take_bound(request.side, mark);
        // For a buy, a best ask above the bound; `is_better` is seen from the taker's own side.
        if is_better(request.side, best.price, bound) {
            return Err(refused());
        }
        Ok(bound)
    }

    fn check_client_id(
        &self,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<(), VenueError> {
        let Some(id) = &request.client_order_id else { return Ok(()) };
        check_id(id)?;
        match self.order_by_client_id(account, request.symbol, id) {
            Some(order) if order.is_working() => {
                Err(VenueError::new(-4116, "ClientOrderId is duplicated."))
            }
            _ => Ok(()),
        }
    }

    /// Reduce-only, open orders, position limit, margin.
    fn check_account(
        &self,
        account: AccountId,
        request: &OrderRequest,
        rules: &Rules,
        price: Price,
        qty: Qty,
    ) -> Result<(), VenueError> {
        let symbol = request.symbol;
        if request.reduce_only {
            let position = self.position_qty(account, symbol).units() * request.side.sign();
            let working: i64 = self
                .working(account, symbol)
                .filter(|order| order.view.reduce_only && order.view.side == request.side)
                .map(|order| order.leaves().units())
                .sum();
            if position >= 0 || working >= -position {
                return Err(VenueError::reduce_only());
            }
            return Ok(());
        }
        if self.working(account, symbol).count() >= rules.max_num_orders {
            return Err(VenueError::open_orders());
        }
        self.check_margin(account, symbol, request.side, price, qty)
    }

    /// GTX must not take, FOK must fill at once.
    fn check_immediacy(
        &self,
        account: AccountId,
        request: &OrderRequest,
        time_in_force: TimeInForce,
        price: Price,
        qty: Qty,
    ) -> Result<(), VenueError> {
        match time_in_force {
            TimeInForce::Gtx if self.would_take(request.symbol, request.side, price) => {
                Err(VenueError::post_only())
            }
            TimeInForce::Fok
                if self.takeable(account, request.symbol, request.side, price) < qty =>
            {
                Err(VenueError::fill_or_kill())
            }
            _ => Ok(()),
        }
    }
}

/// Characters and length of a client's id.
pub(super) fn check_id(id: &str) -> Result<(), VenueError> {
    let is_valid = |b: u8| b.is_ascii_alphanumeric() || CLIENT_ID_SIGNS.contains(&b);
    if id.is_empty() || id.len() > 36 || !id.bytes().all(is_valid) {
        return Err(VenueError::new(-4015, "Client order id is not valid."));
    }
    Ok(())
}
