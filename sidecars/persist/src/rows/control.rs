//! Rows of control: commands, changes of limits, the kill switch.

use schema::{
    Command, CommandKind, CommandResult, KillChange, KillTrigger, LimitChange, LimitKind,
    LimitUnit, NewLimit, SCALE,
};

use super::table::{Conflict, Fields, Row, Stored, Table, e8_or_null};
use crate::value::{Kind, Micros, Value};

/// The text of a nonce.
pub fn nonce_text(nonce: u64) -> String {
    format!("{nonce:016x}")
}

/// A limit's number as the column has it: in its own unit, with eight decimals.
pub fn limit_e8(limit: LimitKind, value: i64) -> i64 {
    let factor = match limit.unit() {
        LimitUnit::Amount => 1,
        LimitUnit::Hundredths => SCALE / 100,
        LimitUnit::Ppm | LimitUnit::Count | LimitUnit::Flag => SCALE,
    };
    value.saturating_mul(factor)
}

/// A command and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRow {
    /// Nonce in hexadecimal.
    pub nonce: String,
    /// What was asked.
    pub kind: CommandKind,
    /// One symbol, or none for all.
    pub symbol: Option<String>,
    /// Who asked.
    pub uid: i64,
    /// When it was written.
    pub sent_at: Micros,
    /// When it first arrived.
    pub received_at: Micros,
    /// How often it arrived.
    pub times: i64,
    /// Answer to the first arrival.
    pub result: Option<CommandResult>,
    /// When it was answered.
    pub answered_at: Option<Micros>,
    /// Why, in the sender's words.
    pub reason: Option<String>,
    /// The limit it changes.
    pub limit: Option<LimitKind>,
    /// To what, see [`limit_e8`]; none for the file's.
    pub limit_value: Option<i64>,
    /// What pressed the kill switch.
    pub trigger: Option<KillTrigger>,
}

impl CommandRow {
    /// As it arrives.
    pub fn arrived(command: &Command, symbol: Option<String>, at: Micros) -> Self {
        let reason = command.reason.as_str();
        Self {
            nonce: nonce_text(command.nonce),
            kind: command.kind,
            symbol,
            uid: i64::from(command.uid),
            sent_at: command.sent_at.into(),
            received_at: at,
            times: 0,
            result: None,
            answered_at: None,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            limit: command.limit.map(|(limit, _)| limit),
            limit_value: match command.limit {
                Some((limit, NewLimit::Value(value))) => Some(limit_e8(limit, value)),
                Some((_, NewLimit::File)) | None => None,
            },
            trigger: command.trigger,
        }
    }
}

impl Row for CommandRow {
    const TABLE: &'static Table = &Table {
        name: "commands",
        columns: &[
            ("nonce", Kind::Text),
            ("kind", Kind::Text),
            ("symbol", Kind::Text),
            ("uid", Kind::Int),
            ("sent_at", Kind::Time),
            ("received_at", Kind::Time),
            ("times", Kind::Int),
            ("result", Kind::Text),
            ("answered_at", Kind::Time),
            ("reason", Kind::Text),
            ("limit_name", Kind::Text),
            ("limit_value", Kind::Decimal(8)),
            ("kill_trigger", Kind::Text),
        ],
        key: &["nonce"],
        conflict: Conflict::Replace,
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        vec![
            self.nonce.as_str().into(),
            self.kind.as_str().into(),
            Value::or_null(self.symbol.as_deref()),
            self.uid.into(),
            self.sent_at.into(),
            self.received_at.into(),
            self.times.into(),
            Value::or_null(self.result.map(CommandResult::as_str)),
            Value::or_null(self.answered_at),
            Value::or_null(self.reason.as_deref()),
            Value::or_null(self.limit.map(LimitKind::as_str)),
            e8_or_null(self.limit_value),
            Value::or_null(self.trigger.map(KillTrigger::as_str)),
        ]
    }
}

impl Stored for CommandRow {
    fn read(f: &mut Fields) -> Option<Self> {
        Some(Self {
            nonce: f.text()?,
            kind: f.word(CommandKind::from_wire)?,
            symbol: f.text_or_null()?,
            uid: f.int()?,
            sent_at: f.time()?,
            received_at: f.time()?,
            times: f.int()?,
            result: f.text_or_null()?.and_then(|text| CommandResult::from_wire(text.as_bytes())),
            answered_at: f.time_or_null()?,
            reason: f.text_or_null()?,
            limit: f.text_or_null()?.and_then(|text| LimitKind::from_wire(text.as_bytes())),
            limit_value: f.units_or_null()?,
            trigger: f.text_or_null()?.and_then(|text| KillTrigger::from_wire(text.as_bytes())),
        })
    }
}

/// A change of a limit; known by its place in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRow {
    /// Journal.
    pub journal_id: i64,
    /// Sequence number.
    pub seq: i64,
    /// Its symbol, if it is a symbol's.
    pub symbol: Option<String>,
    /// The change.
    pub change: LimitChange,
}

impl Row for LimitRow {
    const TABLE: &'static Table = &Table {
        name: "limit_changes",
        columns: &[
            ("journal_id", Kind::Int),
            ("seq", Kind::Int),
            ("limit_name", Kind::Text),
            ("symbol", Kind::Text),
            ("from_value", Kind::Decimal(8)),
            ("to_value", Kind::Decimal(8)),
            ("version", Kind::Int),
            ("nonce", Kind::Text),
            ("uid", Kind::Int),
            ("changed_at", Kind::Time),
        ],
        key: &["journal_id", "seq"],
        conflict: Conflict::Keep,
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        let change = &self.change;
        vec![
            self.journal_id.into(),
            self.seq.into(),
            change.limit.as_str().into(),
            Value::or_null(self.symbol.as_deref()),
            Value::e8(limit_e8(change.limit, change.from)),
            Value::e8(limit_e8(change.limit, change.to)),
            i64::try_from(change.version).unwrap_or(i64::MAX).into(),
            nonce_text(change.nonce).into(),
            i64::from(change.uid).into(),
            Micros::from(change.wall).into(),
        ]
    }
}

/// The kill switch pressed or released; known by its place in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillRow {
    /// Journal.
    pub journal_id: i64,
    /// Sequence number.
    pub seq: i64,
    /// The change.
    pub change: KillChange,
}

impl Row for KillRow {
    const TABLE: &'static Table = &Table {
        name: "kill_changes",
        columns: &[
            ("journal_id", Kind::Int),
            ("seq", Kind::Int),
            ("is_on", Kind::Bool),
            ("kill_trigger", Kind::Text),
            ("uid", Kind::Int),
            ("nonce", Kind::Text),
            ("changed_at", Kind::Time),
        ],
        key: &["journal_id", "seq"],
        conflict: Conflict::Keep,
        has_updated_at: false,
    };

    fn values(&self) -> Vec<Value> {
        let change = &self.change;
        let nonce = (change.nonce != 0).then(|| nonce_text(change.nonce));
        vec![
            self.journal_id.into(),
            self.seq.into(),
            Value::Bool(change.is_on),
            change.trigger.as_str().into(),
            i64::from(change.uid).into(),
            Value::or_null(nonce.as_deref()),
            Micros::from(change.wall).into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_in_their_own_unit() {
        let shown = |limit, value| limit_e8(limit, value) as f64 / SCALE as f64;
        assert_eq!(shown(LimitKind::Exposure, 250 * SCALE), 250.0);
        assert_eq!(shown(LimitKind::Leverage, 150), 1.5);
        assert_eq!(shown(LimitKind::Drawdown, 50_000), 50_000.0);
        assert_eq!(shown(LimitKind::OpenOrders, 7), 7.0);
        assert_eq!(limit_e8(LimitKind::OpenOrders, i64::MAX), i64::MAX, "no limit");
    }
}
