//! Events of money: fills, balances, positions, prices.

use schema::{BalanceDelta, Bar, ExecutionReport, PositionDelta, WallNs};

use super::{Core, Unwritable, fill_id};
use crate::rows::{Day, Fill, Minute, Order, Pending, Position, PositionFill, order_id};
use crate::value::Micros;

impl Core {
    /// Books a new fill in its order, position and days; on an error nothing has changed but
    /// `order`, which the caller then drops.
    pub(super) fn fill(
        &mut self,
        symbol: &str,
        order: &mut Order,
        report: &ExecutionReport,
    ) -> Result<(), Unwritable> {
        const OVERFLOW: Unwritable = Unwritable("an amount of the fill does not fit");
        let time = Micros::from(report.transaction_time);
        if report.last_price.units() <= 0 {
            return Err(Unwritable("fill without a price"));
        }
        let result_before = order.realized_pnl.units().signum();
        order.add_fill(report, time).ok_or(OVERFLOW)?;
        let notional = report.last_price.notional(report.last_qty).ok_or(OVERFLOW)?;
        let mut position =
            self.positions.get(symbol).cloned().unwrap_or_else(|| Position::flat(symbol));
        let mut closed = Vec::new();
        let fill = PositionFill {
            side: report.side,
            qty: report.last_qty,
            price: report.last_price,
            commission: report.commission,
            trade_id: fill_id(report),
            time,
        };
        position.apply_fill(&fill, &mut closed).ok_or(OVERFLOW)?;
        self.positions.insert(symbol.to_owned(), position);
        self.closed.append(&mut closed);
        self.dirty_positions.insert(symbol.to_owned());
        self.batch.fills.push(Fill {
            symbol: symbol.to_owned(),
            trade_id: fill.trade_id,
            order_key: order.key.clone(),
            order_id: order_id(symbol, report.venue_order_id.0),
            notional,
            time,
            report: *report,
        });
        let day = self.day(time.day());
        day.commission = day.commission.saturating_add(report.commission.units());
        day.realized_pnl = day.realized_pnl.saturating_add(report.realized_pnl.units());
        let first_day = self.day(order.first_fill.unwrap_or(time).day());
        first_day.trade_count += i64::from(order.fill_count == 1);
        count_result(first_day, result_before, -1);
        count_result(first_day, order.realized_pnl.units().signum(), 1);
        self.value_equity(time);
        Ok(())
    }

    /// The row of a day, begun if it is new.
    pub(super) fn day(&mut self, date: i32) -> &mut Day {
        self.dirty_days.insert(date);
        if !self.days.contains_key(&date) {
            let before = self.days.range(..date).next_back().map(|(_, day)| day);
            let day = Day::after(before, date, self.cursor.run.capital);
            self.days.insert(date, day);
        }
        self.days.entry(date).or_default()
    }

    /// Writes wallet + unrealised profit into the day of `time`, or into the newest day if an event
    /// of the day before comes after midnight: the newest row has the newest balance.
    pub(super) fn value_equity(&mut self, time: Micros) {
        let newest = self.days.keys().next_back().copied();
        let date = newest.map_or(time.day(), |newest| newest.max(time.day()));
        let Some(wallet) = self.wallet else {
            self.day(date);
            return;
        };
        let open = self.positions.values().filter(|position| !position.qty.is_zero());
        let unrealized: i128 =
            open.filter_map(Position::unrealized).map(|amount| i128::from(amount.units())).sum();
        let Ok(equity) = i64::try_from(i128::from(wallet) + unrealized) else { return };
        let day = self.day(date);
        day.wallet = Some(wallet);
        day.set_equity(equity);
    }

    pub(super) fn balance(
        &mut self,
        balance: &BalanceDelta,
        time: WallNs,
        is_funding: bool,
    ) -> Result<(), Unwritable> {
        if !balance.is_quote {
            return Ok(());
        }
        let time = Micros::from(time);
        let is_first = self.wallet.is_none();
        self.wallet = Some(balance.wallet.units());
        let change = balance.change.units();
        if change != 0 {
            let day = self.day(time.day());
            if is_funding {
                day.funding_pnl = day.funding_pnl.saturating_add(change);
            } else if !is_first {
                day.transfer(change);
            }
        }
        self.value_equity(time);
        Ok(())
    }

    pub(super) fn position(
        &mut self,
        delta: &PositionDelta,
        time: WallNs,
        at: Micros,
    ) -> Result<(), Unwritable> {
        let symbol = self.symbol(delta.symbol)?;
        let position =
            self.positions.entry(symbol.clone()).or_insert_with(|| Position::flat(&symbol));
        position.hear(Pending {
            qty: delta.qty,
            entry_price: delta.entry_price,
            time: time.into(),
            since: at,
        });
        self.dirty_positions.insert(symbol);
        Ok(())
    }

    pub(super) fn bar(&mut self, bar: &Bar) -> Result<(), Unwritable> {
        let symbol = self.symbol(bar.symbol)?;
        let time = Micros::from(bar.open_time);
        self.minutes.insert((symbol.clone(), time.0), Minute { symbol: symbol.clone(), bar: *bar });
        if let Some(position) = self.positions.get_mut(&symbol)
            && !position.qty.is_zero()
            && bar.close.units() > 0
        {
            position.current_price = bar.close;
            self.dirty_positions.insert(symbol);
        }
        self.value_equity(time);
        Ok(())
    }
}

fn count_result(day: &mut Day, sign: i64, by: i64) {
    match sign {
        1 => day.win_count += by,
        -1 => day.loss_count += by,
        _ => {}
    }
}
