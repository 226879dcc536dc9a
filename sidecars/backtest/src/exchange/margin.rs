//! Cross margin: what positions and open orders bind, and what is left.

use schema::{Notional, Price, Qty, SCALE, Side, SymbolId};

use super::booking::sum;
use super::state::Order;
use super::{AccountId, Exchange};
use crate::error::VenueError;
use crate::view::PositionView;

/// Margin of one symbol of an account.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SymbolMargin {
    pub(super) position_initial: Notional,
    /// Position and open orders.
    pub(super) initial: Notional,
    pub(super) maint: Notional,
    pub(super) unrealized: Notional,
    /// Largest notional either side of the open orders could lead to.
    pub(super) exposure: Notional,
}

/// Totals of an account.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) wallet: Notional,
    pub(super) unrealized: Notional,
    pub(super) margin_balance: Notional,
    pub(super) position_initial: Notional,
    pub(super) initial: Notional,
    pub(super) maint: Notional,
}

impl Exchange {
    /// Working orders of an account in a symbol, oldest first.
    pub(super) fn working(
        &self,
        account: AccountId,
        symbol: SymbolId,
    ) -> impl Iterator<Item = &Order> + '_ {
        let open = self.accounts.get(account.index()).map(|account| &account.open);
        let ids = open.into_iter().flatten().map(|(_, id)| id);
        ids.filter_map(|id| self.orders.get(id)).filter(move |order| order.view.symbol == symbol)
    }
    pub(super) fn position_qty(&self, account: AccountId, symbol: SymbolId) -> Qty {
        let account = self.accounts.get(account.index());
        let holding = account.and_then(|account| account.holdings.get(symbol.index()));
        holding.map_or(Qty::ZERO, |holding| holding.position.qty())
    }
    /// Notional of the open buy and sell orders of a symbol.
    pub(super) fn open_notional(
        &self,
        account: AccountId,
        symbol: SymbolId,
    ) -> (Notional, Notional) {
        let (mut bids, mut asks) = (0i128, 0i128);
        for order in self.working(account, symbol) {
            let notional = order.view.price.times(order.leaves());
            match order.view.side {
                Side::Buy => bids += notional,
                Side::Sell => asks += notional,
            }
        }
        (money(bids), money(asks))
    }
    fn valuation(&self, account: AccountId, symbol: SymbolId) -> Price {
        match self.mark(symbol) {
            Some(mark) => mark.mark_price,
            None => self.accounts[account.index()].holdings[symbol.index()].position.entry_price(),
        }
    }

    /// Margin of a symbol, with one more order if given.
    pub(super) fn symbol_margin(
        &self,
        account: AccountId,
        symbol: SymbolId,
        more: Option<(Side, Price, Qty)>,
    ) -> SymbolMargin {
        let holding = &self.accounts[account.index()].holdings[symbol.index()];
        let rules = &self.config.symbols[symbol.index()];
        let mark = self.valuation(account, symbol);
        let value = holding.position.value_e16(mark);
        let (mut bids, mut asks) = (0i128, 0i128);
        let orders = self.working(account, symbol).filter(|order| !order.view.reduce_only);
        let orders = orders.map(|o| (o.view.side, o.view.price, o.leaves()));
        for (side, price, qty) in orders.chain(more) {
            match side {
                Side::Buy => bids += price.times(qty),
                Side::Sell => asks += price.times(qty),
            }
        }
        let exposure = (value + bids).abs().max((value - asks).abs());
        let leverage = i128::from(holding.leverage.max(1));
        SymbolMargin {
            position_initial: money(value.abs() / leverage),
            initial: money(exposure / leverage),
            maint: rules.maint_margin(money(value.abs())),
            unrealized: money(holding.position.unrealized_e16(mark)),
            exposure: money(exposure),
        }
    }

    pub(super) fn totals(&self, account: AccountId) -> Totals {
        let wallet = self.accounts[account.index()].wallet;
        let mut totals = Totals { wallet, ..Totals::default() };
        for index in 0..self.markets.len() {
            let margin = self.symbol_margin(account, SymbolId(index as u16), None);
            totals.unrealized = sum(totals.unrealized, margin.unrealized);
            totals.position_initial = sum(totals.position_initial, margin.position_initial);
            totals.initial = sum(totals.initial, margin.initial);
            totals.maint = sum(totals.maint, margin.maint);
        }
        totals.margin_balance = sum(wallet, totals.unrealized);
        totals
    }

    /// Whether an order may be added: it binds no more than before, or the margin balance covers
    /// it with its taker fee, and the leverage allows the position it leads to.
    ///
    /// # Errors
    /// -2027, -2019.
    pub(super) fn check_margin(
        &self,
        account: AccountId,
        symbol: SymbolId,
        side: Side,
        price: Price,
        qty: Qty,
    ) -> Result<(), VenueError> {
        let before = self.symbol_margin(account, symbol, None);
        let after = self.symbol_margin(account, symbol, Some((side, price, qty)));
        if after.exposure <= before.exposure {
            return Ok(());
        }
        let leverage = self.accounts[account.index()].holdings[symbol.index()].leverage;
        if after.exposure > self.config.symbols[symbol.index()].max_notional(leverage) {
            return Err(VenueError::max_position());
        }
        let notional = price.notional(qty).ok_or_else(VenueError::margin)?;
        let fee = notional.ppm(self.config.taker_fee_ppm).ok_or_else(VenueError::margin)?;
        let totals = self.totals(account);
        let needed = i128::from(totals.initial.units()) - i128::from(before.initial.units())
            + i128::from(after.initial.units())
            + i128::from(fee.units());
        if needed > i128::from(totals.margin_balance.units()) {
            return Err(VenueError::margin());
        }
        Ok(())
    }

    /// The row of one symbol.
    pub(super) fn position_view(&self, account: AccountId, symbol: SymbolId) -> PositionView {
        let holding = &self.accounts[account.index()].holdings[symbol.index()];
        let rules = &self.config.symbols[symbol.index()];
        let margin = self.symbol_margin(account, symbol, None);
        let mark = self.valuation(account, symbol);
        let entry_price = holding.position.entry_price();
        let qty = holding.position.qty();
        let (bid_notional, ask_notional) = self.open_notional(account, symbol);
        let fee = self.config.taker_fee_ppm * qty.units().signum();
        PositionView {
            symbol,
            symbol_name: rules.name,
            qty,
            entry_price,
            break_even_price: scaled(entry_price, 1_000_000 + fee),
            mark_price: mark,
            unrealized_profit: margin.unrealized,
            liquidation_price: self.liquidation_price(account, symbol, &margin),
            notional: money(holding.position.value_e16(mark)),
            initial_margin: margin.initial,
            position_initial_margin: margin.position_initial,
            open_order_initial_margin: less(margin.initial, margin.position_initial),
            maint_margin: margin.maint,
            bid_notional,
            ask_notional,
            leverage: holding.leverage,
            max_notional: rules.max_notional(holding.leverage),
            update_time_ms: holding.update_ms,
        }
    }

    /// Price at which margin balance equals maintenance margin, all else unchanged and within the
    /// present bracket: wallet' + qty·p − cost = |qty|·p·rate − cum.
    fn liquidation_price(
        &self,
        account: AccountId,
        symbol: SymbolId,
        margin: &SymbolMargin,
    ) -> Price {
        let position = &self.accounts[account.index()].holdings[symbol.index()].position;
        if position.is_flat() {
            return Price::ZERO;
        }
        let totals = self.totals(account);
        let others = less(totals.margin_balance, margin.unrealized);
        let others = less(others, less(totals.maint, margin.maint));
        let value = position.value_e16(self.valuation(account, symbol)).abs();
        let rules = &self.config.symbols[symbol.index()];
        let bracket = rules.brackets.iter().rev().find(|b| b.notional_floor <= money(value));
        let (ppm, cum) = bracket.map_or((0, 0), |b| (b.maint_margin_ppm, b.cum.units()));
        let qty = i128::from(position.qty().units());
        let cost = position.cost_e16() * qty.signum();
        let funds = (i128::from(others.units()) + i128::from(cum)) * i128::from(SCALE);
        let slope = qty * 1_000_000 - qty.abs() * i128::from(ppm);
        if slope == 0 {
            return Price::ZERO;
        }
        let price = (cost - funds) * 1_000_000 / slope;
        Price::from_units(i64::try_from(price.max(0)).unwrap_or(0))
    }
}

/// From units of 1e-16; past the range it is the largest amount.
pub(super) fn money(e16: i128) -> Notional {
    Notional::from_e16(e16).unwrap_or(Notional::MAX)
}
fn less(a: Notional, b: Notional) -> Notional {
    Notional::from_units(a.units().saturating_sub(b.units()))
}
fn scaled(price: Price, ppm: i64) -> Price {
    let units = i128::from(price.units()) * i128::from(ppm) / 1_000_000;
    Price::from_units(i64::try_from(units).unwrap_or(i64::MAX))
}
