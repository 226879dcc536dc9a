//! A position from its first fill to its last (`positions`), and what is remembered of a symbol.
//!
//! Fills move a position; the cost of what is open is kept exactly, in units of 1e-16, with the same
//! arithmetic as `engine::position`: reducing by q of |Q| with cost C takes C·q/|Q| (truncated) out
//! and realises the rest, rounded half away from zero to 1e-8.
//!
//! The venue's own position (account events, reconciliation) arrives before or after the fills that
//! explain it. It is therefore only *pending* while it differs, and is taken (an *adjustment*) when
//! no fill explains it within [`PENDING_US`] or when a later fill cannot have been part of it: a
//! position opened elsewhere, a liquidation, or fills that were lost.

use schema::{Notional, Price, Qty, Side};

use super::table::{Conflict, Fields, Row, Stored, Table, e8_or_null, ratio};
use crate::value::{Kind, Micros, Value};

/// How long a difference waits for the fills that explain it, microseconds of journal time.
pub const PENDING_US: i64 = 5_000_000;

/// The venue's quantity that our fills do not explain yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// Signed quantity.
    pub qty: Qty,
    /// The venue's entry price.
    pub entry_price: Price,
    /// The venue's time.
    pub time: Micros,
    /// When it arrived, journal time.
    pub since: Micros,
}

/// What is remembered of one symbol; the row of `position_state`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// Symbol.
    pub symbol: String,
    /// Signed quantity.
    pub qty: Qty,
    /// Cost of what is open, units of 1e-16, not negative.
    pub cost_e16: i128,
    /// Natural key of the open row.
    pub key: Option<String>,
    /// Most that was held since it opened.
    pub peak_qty: Qty,
    /// Realised since it opened, before commission.
    pub realized_pnl: Notional,
    /// Commission since it opened; a fill that turns the position counts with the old one.
    pub commission: Notional,
    /// Fills since it opened.
    pub fill_count: i64,
    /// Adjustments since it opened.
    pub adjustments: i64,
    /// When it opened.
    pub open_time: Option<Micros>,
    /// Price it is valued at: last fill or closed minute.
    pub current_price: Price,
    /// Newest fill or accepted venue position.
    pub newest: Option<Micros>,
    /// See [`Pending`].
    pub pending: Option<Pending>,
}

/// A fill as a position sees it.
#[derive(Debug, Clone, Copy)]
pub struct PositionFill {
    /// Side.
    pub side: Side,
    /// Quantity, positive.
    pub qty: Qty,
    /// Price.
    pub price: Price,
    /// Commission.
    pub commission: Notional,
    /// Trade id, for the key of what it opens.
    pub trade_id: i64,
    /// When.
    pub time: Micros,
}

impl Position {
    /// A flat symbol.
    pub fn flat(symbol: &str) -> Self {
        Self { symbol: symbol.to_owned(), ..Self::default() }
    }

    /// Average cost of what is open, rounded half away from zero to 1e-8.
    pub fn entry_price(&self) -> Option<i64> {
        ratio(self.cost_e16, i128::from(self.qty.abs().units()))
    }

    /// Profit of what is open at the current price; zero when flat.
    pub fn unrealized(&self) -> Option<Notional> {
        let worth = self.current_price.times(self.qty.abs());
        let sign = i128::from(self.qty.units().signum());
        Notional::from_e16((worth - self.cost_e16) * sign)
    }

    /// Books a fill and adds the rows it finishes to `closed`; `None` if a sum does not fit, and
    /// then nothing may be kept.
    pub fn apply_fill(&mut self, fill: &PositionFill, closed: &mut Vec<PositionRow>) -> Option<()> {
        if self.pending.is_some_and(|pending| fill.time > pending.time) {
            self.adopt_pending(closed)?;
        }
        let signed = fill.qty.units().checked_mul(fill.side.sign())?;
        let open = self.qty.units();
        self.current_price = fill.price;
        self.newest = self.newest.max(Some(fill.time));
        if open != 0 && open.signum() != signed.signum() {
            self.reduce(fill, closed)?;
        } else {
            if open == 0 {
                self.open(format!("{}:{}", self.symbol, fill.trade_id), fill.time);
            }
            self.cost_e16 = self.cost_e16.checked_add(fill.price.times(fill.qty))?;
            self.qty = Qty::from_units(open.checked_add(signed)?);
            self.commission = self.commission.checked_add(fill.commission)?;
            self.fill_count += 1;
        }
        self.peak_qty = self.peak_qty.max(self.qty.abs());
        Notional::from_e16(self.cost_e16)?;
        if self.pending.is_some_and(|pending| pending.qty == self.qty) {
            self.pending = None;
        }
        Some(())
    }

    fn reduce(&mut self, fill: &PositionFill, closed: &mut Vec<PositionRow>) -> Option<()> {
        let open = self.qty.abs().units();
        let reduced = open.min(fill.qty.units());
        let removed = self.cost_e16.checked_mul(i128::from(reduced))? / i128::from(open);
        let worth = fill.price.times(Qty::from_units(reduced));
        let sign = self.qty.units().signum();
        let realized = Notional::from_e16((worth - removed) * i128::from(sign))?;
        self.realized_pnl = self.realized_pnl.checked_add(realized)?;
        self.commission = self.commission.checked_add(fill.commission)?;
        self.fill_count += 1;
        if reduced < open {
            self.cost_e16 -= removed;
            self.qty = Qty::from_units(sign * (open - reduced));
            return Some(());
        }
        self.close(fill.time, closed);
        let rest = fill.qty.units() - reduced;
        if rest > 0 {
            self.open(format!("{}:{}", self.symbol, fill.trade_id), fill.time);
            self.qty = Qty::from_units(-sign * rest);
            self.cost_e16 = fill.price.times(Qty::from_units(rest));
            self.fill_count = 1;
        }
        Some(())
    }

    fn open(&mut self, key: String, time: Micros) {
        self.key = Some(key);
        self.peak_qty = Qty::ZERO;
        self.realized_pnl = Notional::ZERO;
        self.commission = Notional::ZERO;
        self.fill_count = 0;
        self.adjustments = 0;
        self.open_time = Some(time);
    }

    /// Ends the open row, which shows what was held, and leaves the symbol flat.
    fn close(&mut self, time: Micros, closed: &mut Vec<PositionRow>) {
        if let Some(row) = self.row() {
            closed.push(PositionRow {
                size: self.peak_qty,
                unrealized_pnl: Notional::ZERO,
                close_time: Some(time),
                ..row
            });
        }
        self.qty = Qty::ZERO;
        self.cost_e16 = 0;
        self.key = None;
        self.open_time = None;
    }

    /// Hears the venue's position; see the module's text.
    pub fn hear(&mut self, heard: Pending) {
        if self.newest.is_some_and(|newest| heard.time < newest) {
            return;
        }
        if heard.qty == self.qty {
            self.pending = None;
            self.newest = Some(heard.time);
        } else {
            let since = match self.pending {
                Some(pending) if pending.qty == heard.qty => pending.since,
                _ => heard.since,
            };
            self.pending = Some(Pending { since, ..heard });
        }
    }

    /// Takes the venue's quantity if it waited long enough; whether it did.
    pub fn expire_pending(&mut self, now: Micros, closed: &mut Vec<PositionRow>) -> bool {
        match self.pending {
            Some(pending) if now.0.saturating_sub(pending.since.0) > PENDING_US => {
                if self.adopt_pending(closed).is_none() {
                    // A quantity whose cost does not fit is no position: forget the word of it.
                    self.pending = None;
                }
                true
            }
            _ => false,
        }
    }

    fn adopt_pending(&mut self, closed: &mut Vec<PositionRow>) -> Option<()> {
        let pending = self.pending?;
        let cost = pending.entry_price.times(pending.qty.abs());
        Notional::from_e16(cost)?;
        self.pending = None;
        if pending.qty == self.qty {
            return Some(());
        }
        self.adjustments += 1;
        let turned = pending.qty.units().signum() != self.qty.units().signum();
        if turned && !self.qty.is_zero() {
            self.close(pending.time, closed);
        }
        if turned && !pending.qty.is_zero() {
            self.open(format!("{}:adopted:{}", self.symbol, pending.time.0), pending.time);
            self.adjustments = 1;
            self.current_price = pending.entry_price;
        }
        self.qty = pending.qty;
        self.cost_e16 = cost;
        self.peak_qty = self.peak_qty.max(self.qty.abs());
        self.newest = self.newest.max(Some(pending.time));
        Some(())
    }

    /// The row of `positions` of what is open; none when flat.
    pub fn row(&self) -> Option<PositionRow> {
        Some(PositionRow {
            key: self.key.clone()?,
            symbol: self.symbol.clone(),
            is_long: self.qty.units() > 0,
            size: self.qty.abs(),
            entry_price: self.entry_price()?,
            current_price: self.current_price,
            leverage_e2: 0,
            cost: Notional::from_e16(self.cost_e16)?,
            unrealized_pnl: self.unrealized()?,
            realized_pnl: self.realized_pnl,
            open_time: self.open_time?,
            close_time: None,
            commission: self.commission,
            fill_count: self.fill_count,
            adjustments: self.adjustments,
        })
    }
}

/// One row of `positions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionRow {
    /// Natural key: symbol and trade id of the fill that opened it.
    pub key: String,
    symbol: String,
    is_long: bool,
    size: Qty,
    entry_price: i64,
    current_price: Price,
    /// Highest leverage of the run in hundredths; the core knows it.
    pub leverage_e2: i64,
    cost: Notional,
    unrealized_pnl: Notional,
    realized_pnl: Notional,
    open_time: Micros,
    close_time: Option<Micros>,
    commission: Notional,
    fill_count: i64,
    adjustments: i64,
}

impl PositionRow {
    /// Cost / leverage, rounded; none without a leverage.
    fn margin(&self) -> Option<i64> {
        ratio(i128::from(self.cost.units()) * 100, i128::from(self.leverage_e2))
    }
}

impl Row for PositionRow {
    const TABLE: &'static Table = &Table {
        name: "positions",
        columns: &[
            ("position_key", Kind::Text),
            ("symbol", Kind::Text),
            ("side", Kind::Text),
            ("size", Kind::Decimal(8)),
            ("entry_price", Kind::Decimal(8)),
            ("current_price", Kind::Decimal(8)),
            ("leverage", Kind::Decimal(2)),
            ("margin", Kind::Decimal(8)),
            ("liquidation_price", Kind::Decimal(8)),
            ("unrealized_pnl", Kind::Decimal(8)),
            ("realized_pnl", Kind::Decimal(8)),
            ("open_time", Kind::Time),
            ("close_time", Kind::Time),
            ("status", Kind::Text),
            ("commission", Kind::Decimal(8)),
            ("fill_count", Kind::Int),
            ("adjustments", Kind::Int),
        ],
        key: &["position_key"],
        conflict: Conflict::Replace,
        has_updated_at: true,
    };

    fn values(&self) -> Vec<Value> {
        let leverage = Value::decimal(self.leverage_e2, 2);
        vec![
            self.key.as_str().into(),
            self.symbol.as_str().into(),
            if self.is_long { "LONG" } else { "SHORT" }.into(),
            self.size.into(),
            Value::e8(self.entry_price),
            self.current_price.into(),
            if self.leverage_e2 > 0 { leverage } else { Value::Null },
            e8_or_null(self.margin()),
            Value::Null,
            self.unrealized_pnl.into(),
            self.realized_pnl.into(),
            self.open_time.into(),
            Value::or_null(self.close_time),
            if self.close_time.is_some() { "CLOSED" } else { "OPEN" }.into(),
            self.commission.into(),
            self.fill_count.into(),
            self.adjustments.into(),
        ]
    }
}

impl Row for Position {
    const TABLE: &'static Table = &Table {
        name: "position_state",
        columns: &[
            ("symbol", Kind::Text),
            ("qty", Kind::Decimal(8)),
            ("cost", Kind::Decimal(16)),
            ("position_key", Kind::Text),
            ("peak_qty", Kind::Decimal(8)),
            ("realized_pnl", Kind::Decimal(8)),
            ("commission", Kind::Decimal(8)),
            ("fill_count", Kind::Int),
            ("adjustments", Kind::Int),
            ("open_time", Kind::Time),
            ("current_price", Kind::Decimal(8)),
            ("newest_time", Kind::Time),
            ("pending_qty", Kind::Decimal(8)),
            ("pending_price", Kind::Decimal(8)),
            ("pending_time", Kind::Time),
            ("pending_since", Kind::Time),
        ],
        key: &["symbol"],
        conflict: Conflict::Replace,
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        vec![
            self.symbol.as_str().into(),
            self.qty.into(),
            Value::e16(self.cost_e16),
            Value::or_null(self.key.as_deref()),
            self.peak_qty.into(),
            self.realized_pnl.into(),
            self.commission.into(),
            self.fill_count.into(),
            self.adjustments.into(),
            Value::or_null(self.open_time),
            self.current_price.into(),
            Value::or_null(self.newest),
            Value::or_null(self.pending.map(|pending| pending.qty)),
            Value::or_null(self.pending.map(|pending| pending.entry_price)),
            Value::or_null(self.pending.map(|pending| pending.time)),
            Value::or_null(self.pending.map(|pending| pending.since)),
        ]
    }
}

impl Stored for Position {
    fn read(f: &mut Fields) -> Option<Self> {
        let mut position = Self {
            symbol: f.text()?,
            qty: Qty::from_units(f.units()?),
            cost_e16: f.long_units()?,
            key: f.text_or_null()?,
            peak_qty: Qty::from_units(f.units()?),
            realized_pnl: Notional::from_units(f.units()?),
            commission: Notional::from_units(f.units()?),
            fill_count: f.int()?,
            adjustments: f.int()?,
            open_time: f.time_or_null()?,
            current_price: Price::from_units(f.units()?),
            newest: f.time_or_null()?,
            pending: None,
        };
        if let Some(qty) = f.units_or_null()? {
            position.pending = Some(Pending {
                qty: Qty::from_units(qty),
                entry_price: Price::from_units(f.units()?),
                time: f.time()?,
                since: f.time()?,
            });
        }
        Some(position)
    }
}

#[cfg(test)]
#[path = "position_tests.rs"]
mod tests;
