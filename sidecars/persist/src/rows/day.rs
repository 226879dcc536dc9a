//! One day of performance (UTC), the row of `performance_metrics`.
//!
//! - equity: wallet balance + unrealised profit of open positions, newest of the day
//! - daily_return: (equity − transfers − opening) / opening; opening is the equity of the day
//!   before, on the first day the first one known
//! - sharpe_ratio: mean / standard deviation (n − 1) of the daily returns so far × √365
//! - sortino_ratio: mean / √(mean of min(return, 0)²) × √365
//! - max_drawdown: largest fall of equity from its highest since the record began, as a fraction of
//!   the highest; transfers move the highest with them
//! - var_daily: 95 % historical value at risk of one day: minus the 5 % quantile (lower) of the
//!   daily returns × equity, not below zero
//! - trade_count: orders with their first fill on the day; win_rate: of these, those with a realised
//!   profit among those with a profit or a loss
//! - total_commission, realized_pnl: of the day's fills; funding_pnl: of its funding payments
//!
//! Ratios and value at risk need [`RETURNS_MIN`] days and are NULL before. Only they use floats.

use super::table::{Conflict, Fields, Row, Stored, Table, e8_or_null, ratio};
use crate::value::{Kind, Value};

/// Days a statistic of daily returns needs to mean something.
pub const RETURNS_MIN: usize = 20;
/// Days of a year without holidays.
const YEAR_DAYS: f64 = 365.0;

/// One day; money in units of 1e-8.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Day {
    /// Days since the Unix epoch.
    pub date: i32,
    /// Newest equity.
    pub equity: i64,
    /// Equity the return counts from.
    pub opening_equity: Option<i64>,
    /// Newest wallet balance; none before the first one of the record.
    pub wallet: Option<i64>,
    /// Paid in minus paid out.
    pub transfers: i64,
    /// Highest equity so far.
    pub peak_equity: Option<i64>,
    /// Units of 1e-6.
    pub max_drawdown_e6: i64,
    /// Units of 1e-4.
    pub sharpe_e4: Option<i64>,
    /// Units of 1e-4.
    pub sortino_e4: Option<i64>,
    /// Value at risk.
    pub var_daily: Option<i64>,
    /// Orders first filled on the day.
    pub trade_count: i64,
    /// Of these, with a profit.
    pub win_count: i64,
    /// Of these, with a loss.
    pub loss_count: i64,
    /// Commission of the day's fills.
    pub commission: i64,
    /// Funding received, negative if paid.
    pub funding_pnl: i64,
    /// Realised profit of the day's fills, the venue's.
    pub realized_pnl: i64,
}

impl Day {
    /// The day after `previous` as it begins, or the first day of the record with its capital.
    pub fn after(previous: Option<&Self>, date: i32, capital: i64) -> Self {
        match previous {
            Some(before) => Self {
                date,
                equity: before.equity,
                opening_equity: before.wallet.map(|_| before.equity),
                wallet: before.wallet,
                peak_equity: before.peak_equity,
                max_drawdown_e6: before.max_drawdown_e6,
                ..Self::default()
            },
            None => Self { date, equity: capital, ..Self::default() },
        }
    }

    /// Takes a newer equity.
    pub fn set_equity(&mut self, equity: i64) {
        self.equity = equity;
        if self.wallet.is_none() {
            return;
        }
        self.opening_equity = self.opening_equity.or(Some(equity));
        let peak = self.peak_equity.map_or(equity, |peak| peak.max(equity));
        self.peak_equity = Some(peak);
        if peak > 0 {
            let fall = i128::from(peak) - i128::from(equity);
            let fraction = ratio(fall * 1_000_000, i128::from(peak)).unwrap_or(0);
            self.max_drawdown_e6 = self.max_drawdown_e6.max(fraction.min(9_999_999_999));
        }
    }

    /// Books money that was paid in or out: no profit, and no drawdown.
    pub fn transfer(&mut self, amount: i64) {
        self.transfers = self.transfers.saturating_add(amount);
        self.peak_equity = self.peak_equity.map(|peak| peak.saturating_add(amount));
    }

    /// Return of the day, units of 1e-6.
    pub fn return_e6(&self) -> Option<i64> {
        let opening = i128::from(self.opening_equity?);
        if opening <= 0 {
            return None;
        }
        let gain = i128::from(self.equity) - i128::from(self.transfers) - opening;
        Some(ratio(gain * 1_000_000, opening)?.clamp(-9_999_999_999, 9_999_999_999))
    }

    /// Share of winning orders, units of 1e-4.
    pub fn win_rate_e4(&self) -> Option<i64> {
        let closing = self.win_count + self.loss_count;
        ratio(i128::from(self.win_count) * 10_000, i128::from(closing))
    }

    /// Computes the statistics of the daily returns up to and including this day.
    pub fn take_returns(&mut self, returns_e6: &[i64]) {
        let returns: Vec<f64> = returns_e6.iter().map(|&e6| e6 as f64 / 1e6).collect();
        let count = returns.len() as f64;
        if returns.len() < RETURNS_MIN {
            return;
        }
        let mean = returns.iter().sum::<f64>() / count;
        let variance = returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let downside = returns.iter().map(|r| r.min(0.0).powi(2)).sum::<f64>() / count;
        self.sharpe_e4 = annual_e4(mean, variance.sqrt());
        self.sortino_e4 = annual_e4(mean, downside.sqrt());
        let mut sorted = returns_e6.to_vec();
        sorted.sort_unstable();
        // The lower quantile: with 20 days the worst one.
        let worst = sorted[(sorted.len() - 1) * 5 / 100];
        let loss = i128::from(-worst.min(0)) * i128::from(self.equity.max(0));
        self.var_daily = ratio(loss, 1_000_000);
    }
}

/// mean / deviation × √365 in units of 1e-4, cut to its column; none without deviation.
fn annual_e4(mean: f64, deviation: f64) -> Option<i64> {
    let value = (mean / deviation * YEAR_DAYS.sqrt() * 1e4).round();
    value.is_finite().then_some(value.clamp(-9_999_999_999.0, 9_999_999_999.0) as i64)
}

impl Row for Day {
    const TABLE: &'static Table = &Table {
        name: "performance_metrics",
        columns: &[
            ("date", Kind::Date),
            ("equity", Kind::Decimal(8)),
            ("daily_return", Kind::Decimal(6)),
            ("sharpe_ratio", Kind::Decimal(4)),
            ("sortino_ratio", Kind::Decimal(4)),
            ("max_drawdown", Kind::Decimal(6)),
            ("var_daily", Kind::Decimal(8)),
            ("trade_count", Kind::Int),
            ("win_rate", Kind::Decimal(4)),
            ("total_commission", Kind::Decimal(8)),
            ("funding_pnl", Kind::Decimal(8)),
            ("opening_equity", Kind::Decimal(8)),
            ("wallet", Kind::Decimal(8)),
            ("transfers", Kind::Decimal(8)),
            ("peak_equity", Kind::Decimal(8)),
            ("realized_pnl", Kind::Decimal(8)),
            ("win_count", Kind::Int),
            ("loss_count", Kind::Int),
        ],
        key: &["date"],
        conflict: Conflict::Replace,
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        let decimal = |units: Option<i64>, scale| {
            units.map_or(Value::Null, |units| Value::decimal(units, scale))
        };
        vec![
            Value::Date(self.date),
            Value::e8(self.equity),
            decimal(self.return_e6(), 6),
            decimal(self.sharpe_e4, 4),
            decimal(self.sortino_e4, 4),
            decimal(Some(self.max_drawdown_e6), 6),
            e8_or_null(self.var_daily),
            self.trade_count.into(),
            decimal(self.win_rate_e4(), 4),
            Value::e8(self.commission),
            Value::e8(self.funding_pnl),
            e8_or_null(self.opening_equity),
            e8_or_null(self.wallet),
            Value::e8(self.transfers),
            e8_or_null(self.peak_equity),
            Value::e8(self.realized_pnl),
            self.win_count.into(),
            self.loss_count.into(),
        ]
    }
}

impl Stored for Day {
    fn read(f: &mut Fields) -> Option<Self> {
        let (date, equity) = (f.date()?, f.units()?);
        f.units_or_null()?; // the return follows from the other columns
        let mut day = Self {
            date,
            equity,
            sharpe_e4: f.units_or_null()?,
            sortino_e4: f.units_or_null()?,
            max_drawdown_e6: f.units()?,
            var_daily: f.units_or_null()?,
            trade_count: f.int()?,
            ..Self::default()
        };
        f.units_or_null()?; // and so does the win rate
        day.commission = f.units()?;
        day.funding_pnl = f.units()?;
        day.opening_equity = f.units_or_null()?;
        day.wallet = f.units_or_null()?;
        day.transfers = f.units()?;
        day.peak_equity = f.units_or_null()?;
        day.realized_pnl = f.units()?;
        day.win_count = f.int()?;
        day.loss_count = f.int()?;
        Some(day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i64 = 100_000_000;

    fn day(opening: i64, equity: i64) -> Day {
        Day { opening_equity: Some(opening), wallet: Some(equity), equity, ..Day::default() }
    }

    #[test]
    fn transfers_are_neither_return_nor_drawdown() {
        let mut first = Day::after(None, 1, 0);
        first.wallet = Some(0);
        first.set_equity(1000 * ONE);
        first.transfer(-500 * ONE);
        first.set_equity(500 * ONE);
        assert_eq!(first.return_e6(), Some(0));
        assert_eq!(first.max_drawdown_e6, 0);
        first.set_equity(450 * ONE);
        assert_eq!(first.max_drawdown_e6, 100_000);
    }

    #[test]
    fn a_day_opens_where_the_last_one_ended() {
        let mut next = Day::after(Some(&day(1000 * ONE, 1100 * ONE)), 2, 0);
        next.set_equity(1089 * ONE);
        assert_eq!(next.return_e6(), Some(-10_000));
    }

    #[test]
    fn statistics_wait_for_enough_days() {
        let mut short = day(ONE, ONE);
        short.take_returns(&[1000; RETURNS_MIN - 1]);
        assert_eq!((short.sharpe_e4, short.var_daily), (None, None));
        let returns: Vec<i64> =
            (0..20).map(|n| if n % 2 == 0 { 20_000 } else { -10_000 }).collect();
        let mut long = day(ONE, 1000 * ONE);
        long.take_returns(&returns);
        // numpy: r.mean()/r.std(ddof=1)*365**.5 and r.mean()/(minimum(r,0)**2).mean()**.5*365**.5
        assert_eq!(long.sharpe_e4, Some(62_071));
        assert_eq!(long.sortino_e4, Some(135_093));
        assert_eq!(long.var_daily, Some(10 * ONE));
    }

    #[test]
    fn win_rate_counts_orders_that_closed_something() {
        let won = Day { win_count: 2, loss_count: 1, trade_count: 7, ..Day::default() };
        assert_eq!(won.win_rate_e4(), Some(6667));
        assert_eq!(Day::default().win_rate_e4(), None);
    }
}
