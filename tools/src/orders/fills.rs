//! Fills that the journal still holds.

use std::collections::HashSet;

use rings::Next;
use schema::{Event, ExecType, ExecutionReport, Record, RunInfo};
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::human;
use crate::instance::{self, View};

/// One fill.
pub(super) struct Fill {
    /// Symbol.
    pub(super) symbol: String,
    report: ExecutionReport,
}

/// What was read.
#[derive(Default)]
pub(super) struct Kept {
    /// Each once, oldest first.
    pub(super) fills: Vec<Fill>,
    /// Records that were overwritten before.
    pub(super) lost: u64,
    seen: HashSet<(u16, i64)>,
}

/// Reads the journal from its oldest record on.
///
/// # Errors
/// There is no journal.
pub(super) fn read(view: &View) -> Result<Kept, Failure> {
    let mut journal = instance::journal(&view.instance, true)?;
    let mut kept = Kept::default();
    let mut is_first = true;
    for _ in 0..crate::orders::RECORDS_MAX {
        match journal.next() {
            Next::Item(seq, record) => {
                if std::mem::take(&mut is_first) {
                    kept.lost += seq.saturating_sub(1);
                }
                kept.take(&record, &view.info);
            }
            Next::Lost { count, .. } => kept.lost += count,
            Next::Empty => break,
        }
    }
    Ok(kept)
}

impl Kept {
    fn take(&mut self, record: &Record, info: &RunInfo) {
        let Ok(Event::Report(report)) = Event::from_record(record) else { return };
        let is_fill = matches!(report.exec_type, ExecType::Trade | ExecType::Calculated);
        // Told again by the other connection or by REST it is the same fill.
        if is_fill
            && !report.last_qty.is_zero()
            && self.seen.insert((report.symbol.0, report.trade_id.0))
        {
            let name = info.symbols().get(report.symbol.index());
            let symbol = name.map_or_else(|| "?".to_owned(), |info| info.name.to_string());
            self.fills.push(Fill { symbol, report });
        }
    }
}

impl Fill {
    /// Above the lines.
    pub(super) const HEAD: &'static str = "time          symbol     side          price          qty  maker     realised   commission  order";

    /// For people.
    pub(super) fn line(&self) -> String {
        let report = &self.report;
        format!(
            "{}  {:<10} {:<4} {:>14} {:>12}  {:<5} {:>12} {:>12}  {}",
            human::time_of_day(report.transaction_time.0),
            self.symbol,
            report.side,
            report.last_price,
            report.last_qty,
            if report.is_maker { "maker" } else { "" },
            human::small_gain(report.realized_pnl.units()),
            human::small_gain(-report.commission.units()),
            report.venue_order_id.0,
        )
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        let report = &self.report;
        json!({
            "symbol": self.symbol, "trade_id": report.trade_id.0, "side": report.side.as_str(),
            "price": report.last_price.to_string(), "qty": report.last_qty.to_string(),
            "commission": report.commission.to_string(),
            "realized_pnl": report.realized_pnl.to_string(), "maker": report.is_maker,
            "order_id": report.venue_order_id.0,
            "client_order_id": report.client_order_id.to_string(),
            "time_ms": report.transaction_time.ms(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::{fill, run_info};
    use schema::Side;

    #[test]
    fn a_fill_told_twice_is_one() {
        let (mut kept, info) = (Kept::default(), run_info());
        let one = fill(1, Side::Buy, "64000.1", "0.002");
        let mut placed = fill(2, Side::Buy, "64000.1", "0.002");
        placed.exec_type = ExecType::New;
        for report in [one, one, placed, fill(3, Side::Sell, "64000.2", "0.002")] {
            kept.take(&Event::Report(report).to_record(), &info);
        }
        let ids: Vec<i64> = kept.fills.iter().map(|fill| fill.report.trade_id.0).collect();
        assert_eq!(ids, [1, 3]);
        assert_eq!(kept.fills[0].symbol, "BTCUSDT");
        assert_eq!(kept.fills[0].to_json()["qty"], "0.002");
        assert!(kept.fills[0].line().contains("64000.1"));
    }
}
