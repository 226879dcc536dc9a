//! An order as it is remembered (`orders`), and the row of `trades` that follows from it.

use schema::{
    ClientOrderId, Decision, ExecutionReport, Notional, OrderStatus, OrderType, Price, Qty, Side,
    TimeInForce,
};

use super::table::{Conflict, Fields, Row, Stored, Table, e8_or_null, ratio};
use crate::value::{Kind, Micros, Value};

/// Largest slippage the column holds, units of 1e-6.
const SLIPPAGE_MAX_E6: i64 = 9_999_999_999;
/// Largest signal strength the column holds, units of 1e-4.
const SIGNAL_MAX_E4: i64 = 99_999;

/// The text that names an order of the venue: its ids are unique per symbol only.
pub fn order_id(symbol: &str, venue_order_id: i64) -> String {
    format!("{symbol}-{venue_order_id}")
}

/// One order with the exact sums of its fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Our client order id, or [`order_id`] for an order that is not ours.
    pub key: String,
    /// The venue's name for it, once known.
    pub order_id: Option<String>,
    /// Our id, or [`ClientOrderId::NONE`].
    pub client_order_id: ClientOrderId,
    /// Symbol.
    pub symbol: String,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Reduce-only flag.
    pub reduce_only: bool,
    /// Limit price, zero for market orders.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// State.
    pub status: OrderStatus,
    /// What the venue says is filled.
    pub cum_qty: Qty,
    /// Sum of the fills we have.
    pub filled_qty: Qty,
    /// Sum of price × quantity of the fills, units of 1e-16.
    pub cost_e16: i128,
    /// Sum of commissions.
    pub commission: Notional,
    /// Sum of the venue's realised profit.
    pub realized_pnl: Notional,
    /// Fills.
    pub fill_count: i64,
    /// First fill.
    pub first_fill: Option<Micros>,
    /// Newest fill.
    pub last_fill: Option<Micros>,
    /// Signal when decided, units of 1e-8.
    pub signal_e8: Option<i64>,
    /// Best bid when decided.
    pub bid_price: Option<i64>,
    /// Best ask when decided.
    pub ask_price: Option<i64>,
    /// Request that placed it.
    pub request_id: Option<i64>,
    /// The venue's code if it refused.
    pub error_code: Option<i64>,
    /// From `read()` of the tick to `write()` of the order.
    pub tick_to_order_ns: Option<i64>,
    /// When decided.
    pub decided_at: Option<Micros>,
    /// When it last changed.
    pub changed_at: Micros,
}

impl Order {
    /// An order of ours, as decided.
    pub fn decided(symbol: &str, decision: &Decision, at: Micros) -> Self {
        let order = &decision.order;
        Self {
            key: order.client_order_id.to_string(),
            order_id: None,
            client_order_id: order.client_order_id,
            symbol: symbol.to_owned(),
            side: order.side,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            reduce_only: order.reduce_only,
            price: order.price,
            qty: order.qty,
            status: OrderStatus::PendingNew,
            cum_qty: Qty::ZERO,
            filled_qty: Qty::ZERO,
            cost_e16: 0,
            commission: Notional::ZERO,
            realized_pnl: Notional::ZERO,
            fill_count: 0,
            first_fill: None,
            last_fill: None,
            signal_e8: Some(decision.signal_e8),
            bid_price: Some(decision.bid_price.units()),
            ask_price: Some(decision.ask_price.units()),
            request_id: Some(decision.request_id.0 as i64),
            error_code: None,
            tick_to_order_ns: None,
            decided_at: Some(at),
            changed_at: at,
        }
    }

    /// An order first seen in a report: someone else's, or ours whose decision was lost.
    pub fn reported(symbol: &str, report: &ExecutionReport, at: Micros) -> Self {
        let venue = order_id(symbol, report.venue_order_id.0);
        let ours = report.client_order_id != ClientOrderId::NONE;
        Self {
            key: if ours { report.client_order_id.to_string() } else { venue.clone() },
            order_id: Some(venue),
            client_order_id: report.client_order_id,
            symbol: symbol.to_owned(),
            side: report.side,
            order_type: report.order_type,
            time_in_force: report.time_in_force,
            reduce_only: report.reduce_only,
            price: report.price,
            qty: report.qty,
            status: report.status,
            cum_qty: Qty::ZERO,
            filled_qty: Qty::ZERO,
            cost_e16: 0,
            commission: Notional::ZERO,
            realized_pnl: Notional::ZERO,
            fill_count: 0,
            first_fill: None,
            last_fill: None,
            signal_e8: None,
            bid_price: None,
            ask_price: None,
            request_id: None,
            error_code: None,
            tick_to_order_ns: None,
            decided_at: None,
            changed_at: at,
        }
    }

    /// Adds what was decided to an order that a report brought first.
    pub fn add_decision(&mut self, decision: &Decision, at: Micros) {
        self.signal_e8 = Some(decision.signal_e8);
        self.bid_price = Some(decision.bid_price.units());
        self.ask_price = Some(decision.ask_price.units());
        self.request_id = Some(decision.request_id.0 as i64);
        self.decided_at = Some(at);
    }

    /// Takes a newer state; a final one is left only for another final one.
    pub fn set_status(&mut self, status: OrderStatus, at: Micros) {
        if !self.status.is_terminal() || status.is_terminal() {
            self.status = status;
            self.changed_at = at;
        }
    }

    /// Takes what a report says of the order itself, without its fill.
    pub fn take_report(&mut self, report: &ExecutionReport, at: Micros) {
        self.order_id = Some(order_id(&self.symbol, report.venue_order_id.0));
        self.order_type = report.order_type;
        self.price = report.price;
        self.qty = report.qty;
        self.cum_qty = self.cum_qty.max(report.cum_qty);
        self.set_status(report.status, at);
    }

    /// Adds the fill of a report; `None` if a sum does not fit, and then nothing may be kept.
    pub fn add_fill(&mut self, report: &ExecutionReport, at: Micros) -> Option<()> {
        self.filled_qty = self.filled_qty.checked_add(report.last_qty)?;
        self.cost_e16 = self.cost_e16.checked_add(report.last_price.times(report.last_qty))?;
        // The notional of the whole order must fit its column.
        Notional::from_e16(self.cost_e16)?;
        self.commission = self.commission.checked_add(report.commission)?;
        self.realized_pnl = self.realized_pnl.checked_add(report.realized_pnl)?;
        self.fill_count += 1;
        self.first_fill = self.first_fill.or(Some(at));
        self.last_fill = self.last_fill.max(Some(at));
        self.changed_at = at;
        Some(())
    }

    /// Average price of the fills, rounded half away from zero to 1e-8.
    pub fn average_price(&self) -> Option<i64> {
        ratio(self.cost_e16, i128::from(self.filled_qty.units()))
    }

    /// (average − mid) / mid, positive when worse for us, units of 1e-6, cut to its column.
    pub fn slippage_e6(&self) -> Option<i64> {
        let twice_mid = i128::from(self.bid_price?) + i128::from(self.ask_price?);
        if twice_mid <= 0 {
            return None;
        }
        let worse = (2 * i128::from(self.average_price()?) - twice_mid)
            * i128::from(self.side.sign())
            * 1_000_000;
        Some(ratio(worse, twice_mid)?.clamp(-SLIPPAGE_MAX_E6, SLIPPAGE_MAX_E6))
    }

    /// Signal rounded to 1e-4 and cut to its column.
    pub fn signal_e4(&self) -> Option<i64> {
        let rounded = ratio(i128::from(self.signal_e8?), 10_000)?;
        Some(rounded.clamp(-SIGNAL_MAX_E4, SIGNAL_MAX_E4))
    }

    /// The strategy's name; none for orders that are not ours.
    pub fn strategy(&self) -> Option<&'static str> {
        (self.client_order_id != ClientOrderId::NONE)
            .then(|| self.client_order_id.strategy().name())
    }

    fn client_text(&self) -> Value {
        if self.client_order_id == ClientOrderId::NONE {
            Value::Null
        } else {
            self.client_order_id.to_string().into()
        }
    }

    /// Its row of `trades`, once something was filled.
    pub fn trade(&self) -> Option<Trade<'_>> {
        (self.fill_count > 0 && self.order_id.is_some()).then_some(Trade(self))
    }
}

impl Row for Order {
    const TABLE: &'static Table = &Table {
        name: "orders",
        columns: &[
            ("order_key", Kind::Text),
            ("order_id", Kind::Text),
            ("client_order_id", Kind::Text),
            ("symbol", Kind::Text),
            ("side", Kind::Text),
            ("order_type", Kind::Text),
            ("time_in_force", Kind::Text),
            ("reduce_only", Kind::Bool),
            ("price", Kind::Decimal(8)),
            ("qty", Kind::Decimal(8)),
            ("status", Kind::Text),
            ("cum_qty", Kind::Decimal(8)),
            ("filled_qty", Kind::Decimal(8)),
            ("cost", Kind::Decimal(16)),
            ("commission", Kind::Decimal(8)),
            ("realized_pnl", Kind::Decimal(8)),
            ("fill_count", Kind::Int),
            ("first_fill_time", Kind::Time),
            ("last_fill_time", Kind::Time),
            ("strategy", Kind::Text),
            ("signal_e8", Kind::Int),
            ("bid_price", Kind::Decimal(8)),
            ("ask_price", Kind::Decimal(8)),
            ("request_id", Kind::Int),
            ("error_code", Kind::Int),
            ("tick_to_order_ns", Kind::Int),
            ("decided_at", Kind::Time),
            ("changed_at", Kind::Time),
        ],
        key: &["order_key"],
        conflict: Conflict::Replace,
        has_updated_at: true,
    };

    fn values(&self) -> Vec<Value> {
        vec![
            self.key.as_str().into(),
            Value::or_null(self.order_id.as_deref()),
            self.client_text(),
            self.symbol.as_str().into(),
            self.side.as_str().into(),
            self.order_type.as_str().into(),
            self.time_in_force.as_str().into(),
            Value::Bool(self.reduce_only),
            self.price.into(),
            self.qty.into(),
            self.status.as_str().into(),
            self.cum_qty.into(),
            self.filled_qty.into(),
            Value::e16(self.cost_e16),
            self.commission.into(),
            self.realized_pnl.into(),
            self.fill_count.into(),
            Value::or_null(self.first_fill),
            Value::or_null(self.last_fill),
            Value::or_null(self.strategy()),
            Value::or_null(self.signal_e8),
            e8_or_null(self.bid_price),
            e8_or_null(self.ask_price),
            Value::or_null(self.request_id),
            Value::or_null(self.error_code),
            Value::or_null(self.tick_to_order_ns),
            Value::or_null(self.decided_at),
            self.changed_at.into(),
        ]
    }
}

impl Stored for Order {
    fn read(f: &mut Fields) -> Option<Self> {
        let (key, order_id, client) = (f.text()?, f.text_or_null()?, f.text_or_null()?);
        let client_order_id = match client {
            Some(text) => ClientOrderId::parse(text.as_bytes()).ok()?,
            None => ClientOrderId::NONE,
        };
        Some(Self {
            key,
            order_id,
            client_order_id,
            symbol: f.text()?,
            side: f.word(Side::from_wire)?,
            order_type: f.word(OrderType::from_wire)?,
            time_in_force: f.word(TimeInForce::from_wire)?,
            reduce_only: f.bool()?,
            price: Price::from_units(f.units()?),
            qty: Qty::from_units(f.units()?),
            status: f.word(OrderStatus::from_wire)?,
            cum_qty: Qty::from_units(f.units()?),
            filled_qty: Qty::from_units(f.units()?),
            cost_e16: f.long_units()?,
            commission: Notional::from_units(f.units()?),
            realized_pnl: Notional::from_units(f.units()?),
            fill_count: f.int()?,
            first_fill: f.time_or_null()?,
            last_fill: f.time_or_null()?,
            signal_e8: {
                // The strategy's name is part of the client order id.
                f.text_or_null()?;
                f.int_or_null()?
            },
            bid_price: f.units_or_null()?,
            ask_price: f.units_or_null()?,
            request_id: f.int_or_null()?,
            error_code: f.int_or_null()?,
            tick_to_order_ns: f.int_or_null()?,
            decided_at: f.time_or_null()?,
            changed_at: f.time()?,
        })
    }
}

/// The row of `trades` of an order with fills.
#[derive(Debug, Clone, Copy)]
pub struct Trade<'a>(&'a Order);

impl Row for Trade<'_> {
    const TABLE: &'static Table = &Table {
        name: "trades",
        columns: &[
            ("order_id", Kind::Text),
            ("symbol", Kind::Text),
            ("side", Kind::Text),
            ("order_type", Kind::Text),
            ("size", Kind::Decimal(8)),
            ("price", Kind::Decimal(8)),
            ("notional", Kind::Decimal(8)),
            ("commission", Kind::Decimal(8)),
            ("slippage", Kind::Decimal(6)),
            ("strategy", Kind::Text),
            ("signal_strength", Kind::Decimal(4)),
            ("execution_time", Kind::Time),
            ("client_order_id", Kind::Text),
            ("realized_pnl", Kind::Decimal(8)),
            ("fill_count", Kind::Int),
            ("first_fill_time", Kind::Time),
        ],
        key: &["order_id"],
        conflict: Conflict::Replace,
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        let order = self.0;
        let decimal = |units: Option<i64>, scale| {
            units.map_or(Value::Null, |units| Value::decimal(units, scale))
        };
        vec![
            Value::or_null(order.order_id.as_deref()),
            order.symbol.as_str().into(),
            order.side.as_str().into(),
            order.order_type.as_str().into(),
            order.filled_qty.into(),
            e8_or_null(order.average_price()),
            e8_or_null(Notional::from_e16(order.cost_e16).map(Notional::units)),
            order.commission.into(),
            decimal(order.slippage_e6(), 6),
            Value::or_null(order.strategy()),
            decimal(order.signal_e4(), 4),
            Value::or_null(order.last_fill),
            order.client_text(),
            order.realized_pnl.into(),
            order.fill_count.into(),
            Value::or_null(order.first_fill),
        ]
    }
}
