//! Rows that need no memory: fills, minutes, state changes, refusals, gaps, the cursor.

use schema::{Bar, BootEpoch, ExecutionReport, Notional, Reject, StateChange};

use super::table::{Conflict, Fields, Row, Stored, Table};
use crate::value::{Kind, Micros, Value};

/// One fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// Symbol.
    pub symbol: String,
    /// Trade id, unique per symbol.
    pub trade_id: i64,
    /// Key of its order.
    pub order_key: String,
    /// The venue's name of its order.
    pub order_id: String,
    /// Price × quantity, rounded.
    pub notional: Notional,
    /// When it happened.
    pub time: Micros,
    /// What the report said.
    pub report: ExecutionReport,
}

impl Row for Fill {
    const TABLE: &'static Table = &Table {
        name: "fills",
        columns: &[
            ("symbol", Kind::Text),
            ("trade_id", Kind::Int),
            ("order_key", Kind::Text),
            ("order_id", Kind::Text),
            ("side", Kind::Text),
            ("price", Kind::Decimal(8)),
            ("qty", Kind::Decimal(8)),
            ("notional", Kind::Decimal(8)),
            ("commission", Kind::Decimal(8)),
            ("realized_pnl", Kind::Decimal(8)),
            ("is_maker", Kind::Bool),
            ("trade_time", Kind::Time),
        ],
        key: &["symbol", "trade_id"],
        conflict: Conflict::Keep,
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        vec![
            self.symbol.as_str().into(),
            self.trade_id.into(),
            self.order_key.as_str().into(),
            self.order_id.as_str().into(),
            self.report.side.as_str().into(),
            self.report.last_price.into(),
            self.report.last_qty.into(),
            self.notional.into(),
            self.report.commission.into(),
            self.report.realized_pnl.into(),
            Value::Bool(self.report.is_maker),
            self.time.into(),
        ]
    }
}

/// One closed minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minute {
    /// Symbol.
    pub symbol: String,
    /// The minute.
    pub bar: Bar,
}

impl Row for Minute {
    const TABLE: &'static Table = &Table {
        name: "market_data",
        columns: &[
            ("symbol", Kind::Text),
            ("timestamp", Kind::Time),
            ("open", Kind::Decimal(8)),
            ("high", Kind::Decimal(8)),
            ("low", Kind::Decimal(8)),
            ("close", Kind::Decimal(8)),
            ("volume", Kind::Decimal(8)),
            ("funding_rate", Kind::Decimal(8)),
            ("quote_volume", Kind::Decimal(8)),
            ("trade_count", Kind::Int),
        ],
        key: &["symbol", "timestamp"],
        conflict: Conflict::Replace,
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        vec![
            self.symbol.as_str().into(),
            Micros::from(self.bar.open_time).into(),
            self.bar.open.into(),
            self.bar.high.into(),
            self.bar.low.into(),
            self.bar.close.into(),
            self.bar.volume.into(),
            // The column holds ±99.99999999.
            Value::e8(self.bar.funding_rate_e8.clamp(-9_999_999_999, 9_999_999_999)),
            self.bar.quote_volume.into(),
            i64::from(self.bar.trade_count.min(i32::MAX as u32)).into(),
        ]
    }
}

/// A change of the trading state; known by its place in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    /// Journal.
    pub journal_id: i64,
    /// Sequence number.
    pub seq: i64,
    /// The change.
    pub change: StateChange,
}

impl Row for StateRow {
    const TABLE: &'static Table = &Table {
        name: "state_changes",
        columns: &[
            ("journal_id", Kind::Int),
            ("seq", Kind::Int),
            ("from_state", Kind::Text),
            ("to_state", Kind::Text),
            ("reason", Kind::Text),
            ("changed_at", Kind::Time),
        ],
        key: &["journal_id", "seq"],
        conflict: Conflict::Keep,
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        vec![
            self.journal_id.into(),
            self.seq.into(),
            self.change.from.as_str().into(),
            self.change.to.as_str().into(),
            self.change.reason.as_str().into(),
            Micros::from(self.change.wall).into(),
        ]
    }
}

/// Orders refused for one reason in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Symbol.
    pub symbol: String,
    /// Why.
    pub reason: Reject,
    /// Start of the minute.
    pub minute: Micros,
    /// How many more.
    pub count: i64,
}

impl Row for Refusal {
    const TABLE: &'static Table = &Table {
        name: "refusals",
        columns: &[
            ("minute", Kind::Time),
            ("symbol", Kind::Text),
            ("reason", Kind::Text),
            ("refused_count", Kind::Int),
        ],
        key: &["minute", "symbol", "reason"],
        conflict: Conflict::Add("refused_count"),
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        vec![
            self.minute.into(),
            self.symbol.as_str().into(),
            self.reason.as_str().into(),
            self.count.into(),
        ]
    }
}

/// Records that are not in the tables, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Journal.
    pub journal_id: i64,
    /// First missing record.
    pub first_seq: i64,
    /// Last missing record, if known.
    pub last_seq: Option<i64>,
    /// Why.
    pub reason: String,
}

impl Row for Gap {
    const TABLE: &'static Table = &Table {
        name: "journal_gaps",
        columns: &[
            ("journal_id", Kind::Int),
            ("first_seq", Kind::Int),
            ("last_seq", Kind::Int),
            ("reason", Kind::Text),
        ],
        key: &["journal_id", "first_seq"],
        conflict: Conflict::Keep,
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        vec![
            self.journal_id.into(),
            self.first_seq.into(),
            Value::or_null(self.last_seq),
            self.reason.as_str().into(),
        ]
    }
}

/// The place in the journal up to which the tables are true, and what is needed to read on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Run the journal belongs to.
    pub instance: String,
    /// Journal.
    pub journal_id: i64,
    /// Newest record in the tables.
    pub seq: i64,
    /// Whether the journal had ended there.
    pub drained: bool,
    /// The trader's boot the newest record belongs to.
    pub boot_epoch: BootEpoch,
    /// The run as of that record.
    pub run: Run,
}

/// What the journal's header says of the run and records are read with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Wall clock minus monotonic clock, ns.
    pub wall_minus_mono_ns: i64,
    /// Cycle-counter ticks per second.
    pub tsc_hz: i64,
    /// Capital of the environment.
    pub capital: i64,
    /// Highest leverage in hundredths.
    pub leverage_max_e2: i64,
    /// Names by symbol id.
    pub symbols: Vec<String>,
}

impl From<&schema::RunInfo> for Run {
    fn from(info: &schema::RunInfo) -> Self {
        Self {
            wall_minus_mono_ns: info.wall_minus_mono_ns,
            tsc_hz: i64::try_from(info.tsc_hz).unwrap_or(0),
            capital: info.capital,
            // The column holds up to 999.99.
            leverage_max_e2: info.leverage_max_e2.min(99_999) as i64,
            symbols: info.symbols().iter().map(|symbol| symbol.name.to_string()).collect(),
        }
    }
}

impl Row for Cursor {
    const TABLE: &'static Table = &Table {
        name: "persist_cursor",
        columns: &[
            ("id", Kind::Int),
            ("instance", Kind::Text),
            ("journal_id", Kind::Int),
            ("seq", Kind::Int),
            ("drained", Kind::Bool),
            ("boot_epoch", Kind::Int),
            ("wall_minus_mono_ns", Kind::Int),
            ("tsc_hz", Kind::Int),
            ("capital", Kind::Decimal(8)),
            ("leverage_max", Kind::Decimal(2)),
            ("symbols", Kind::Text),
        ],
        key: &["id"],
        conflict: Conflict::Replace,
        has_updated_at: true,
    };

    fn values(&self) -> Vec<Value> {
        vec![
            Value::Int(1),
            self.instance.as_str().into(),
            self.journal_id.into(),
            self.seq.into(),
            Value::Bool(self.drained),
            i64::from(self.boot_epoch.0).into(),
            self.run.wall_minus_mono_ns.into(),
            self.run.tsc_hz.into(),
            Value::e8(self.run.capital),
            Value::decimal(self.run.leverage_max_e2, 2),
            self.run.symbols.join(",").into(),
        ]
    }
}

impl Stored for Cursor {
    fn read(f: &mut Fields) -> Option<Self> {
        f.int()?;
        let mut cursor = Self {
            instance: f.text()?,
            journal_id: f.int()?,
            seq: f.int()?,
            drained: f.bool()?,
            boot_epoch: BootEpoch(u32::try_from(f.int()?).ok()?),
            run: Run {
                wall_minus_mono_ns: f.int()?,
                tsc_hz: f.int()?,
                capital: f.units()?,
                leverage_max_e2: f.units()?,
                symbols: Vec::new(),
            },
        };
        let symbols = f.text()?;
        cursor.run.symbols =
            symbols.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Some(cursor)
    }
}
