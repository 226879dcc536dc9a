//! Compares ledgers: venue, journal and database, to the last digit and row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::ledger::{Fill, Ledger, OrderTotal, Placed, decimal, decimal_of};

/// Differing rows printed; the count of all of them is always given.
const ROWS_SHOWN: usize = 10;

/// One compared quantity; `None` where a source does not know it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What is compared.
    pub(crate) name: String,
    /// The value of each source.
    pub(crate) values: Vec<Option<String>>,
}

impl Line {
    /// Whether all sources that know the value agree, and at least two do.
    pub(crate) fn agrees(&self) -> bool {
        let mut known = self.values.iter().flatten();
        let Some(first) = known.next() else { return true };
        known.all(|value| value == first)
    }
}

/// The outcome.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Names of the sources.
    pub(crate) sources: Vec<String>,
    /// Totals.
    pub(crate) lines: Vec<Line>,
    /// Rows that differ.
    pub(crate) rows: Vec<String>,
    /// How many fills were compared.
    pub(crate) fills: usize,
}

impl Comparison {
    /// Whether everything agrees.
    pub(crate) fn agrees(&self) -> bool {
        self.rows.is_empty() && self.lines.iter().all(Line::agrees)
    }

    /// The comparison as a table.
    pub(crate) fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "{:<26}", "")?;
        for source in &self.sources {
            write!(out, "{source:>24}")?;
        }
        writeln!(out)?;
        for line in &self.lines {
            write!(out, "{:<26}", line.name)?;
            for value in &line.values {
                write!(out, "{:>24}", value.as_deref().unwrap_or("-"))?;
            }
            writeln!(out, "  {}", if line.agrees() { "=" } else { "≠ DIFFERS" })?;
        }
        for row in self.rows.iter().take(ROWS_SHOWN) {
            writeln!(out, "  differs: {row}")?;
        }
        if self.rows.len() > ROWS_SHOWN {
            writeln!(out, "  … and {} more rows", self.rows.len() - ROWS_SHOWN)?;
        }
        Ok(())
    }

    /// The comparison for scripts.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let lines: Vec<serde_json::Value> = self
            .lines
            .iter()
            .map(|line| {
                let values: serde_json::Map<String, serde_json::Value> = self
                    .sources
                    .iter()
                    .zip(&line.values)
                    .map(|(source, value)| (source.clone(), value.clone().into()))
                    .collect();
                serde_json::json!({
                    "name": line.name, "agrees": line.agrees(), "values": values
                })
            })
            .collect();
        serde_json::json!({
            "agrees": self.agrees(), "totals": lines, "rows_differing": self.rows,
        })
    }
}

/// Compares two or more ledgers.
pub(crate) fn compare(ledgers: &[&Ledger]) -> Comparison {
    let mut lines = totals(ledgers);
    lines.extend(positions(ledgers));
    Comparison {
        sources: ledgers.iter().map(|ledger| ledger.source.to_owned()).collect(),
        lines,
        rows: fill_rows(ledgers)
            .into_iter()
            .chain(order_rows(ledgers))
            .chain(placed_rows(ledgers))
            .collect(),
        fills: ledgers.iter().map(|ledger| ledger.fills.len()).max().unwrap_or(0),
    }
}

fn totals(ledgers: &[&Ledger]) -> Vec<Line> {
    let line = |name: &str, value: &dyn Fn(&Ledger) -> Option<String>| Line {
        name: name.to_owned(),
        values: ledgers.iter().map(|ledger| value(ledger)).collect(),
    };
    let sum = |ledger: &Ledger, of: &dyn Fn(&Fill) -> i128| -> i128 {
        ledger.fills.values().map(of).sum()
    };
    vec![
        line("orders", &|l| l.placed.as_ref().map(|placed| placed.len().to_string())),
        line("fills", &|l| Some(l.fills.len().to_string())),
        line("orders filled", &|l| Some(l.orders.len().to_string())),
        line("Σ quantity", &|l| Some(decimal(sum(l, &|fill| fill.qty.units().into())))),
        line("Σ price × quantity", &|l| {
            Some(decimal_of(sum(l, &|fill| fill.price.times(fill.qty)), 16))
        }),
        line("Σ commission", &|l| Some(decimal(sum(l, &|fill| fill.commission.units().into())))),
        line("Σ realised P&L", &|l| {
            Some(decimal(sum(l, &|fill| fill.realized_pnl.units().into())))
        }),
        line("wallet", &|l| l.wallet.map(|wallet| wallet.to_string())),
    ]
}

/// Positions as each source keeps them, and as its fills add up.
fn positions(ledgers: &[&Ledger]) -> Vec<Line> {
    let from_fills: Vec<BTreeMap<String, i128>> =
        ledgers.iter().map(|ledger| ledger.positions_from_fills()).collect();
    let mut symbols: BTreeSet<&String> = from_fills.iter().flat_map(BTreeMap::keys).collect();
    symbols.extend(ledgers.iter().flat_map(|ledger| ledger.fills.keys().map(|key| &key.0)));
    symbols.extend(ledgers.iter().filter_map(|l| l.positions.as_ref()).flat_map(BTreeMap::keys));
    let mut lines = vec![];
    for symbol in symbols {
        lines.push(Line {
            name: format!("position {symbol}"),
            values: ledgers
                .iter()
                .map(|ledger| {
                    let positions = ledger.positions.as_ref()?;
                    Some(positions.get(symbol).copied().unwrap_or_default().to_string())
                })
                .collect(),
        });
        lines.push(Line {
            name: "  Σ of its fills".to_owned(),
            values: from_fills
                .iter()
                .map(|positions| Some(decimal(positions.get(symbol).copied().unwrap_or(0))))
                .collect(),
        });
    }
    lines
}

/// Every fill that is missing somewhere or differs.
fn fill_rows(ledgers: &[&Ledger]) -> Vec<String> {
    let keys: BTreeSet<_> = ledgers.iter().flat_map(|ledger| ledger.fills.keys()).collect();
    let mut rows = vec![];
    for key in keys {
        let (symbol, trade_id, _) = key;
        let told: Vec<Option<&Fill>> = ledgers.iter().map(|ledger| ledger.fills.get(key)).collect();
        for (ledger, fill) in ledgers.iter().zip(&told) {
            if fill.is_none() {
                rows.push(format!("fill {symbol} {trade_id} is missing in the {}", ledger.source));
            }
        }
        let Some(first) = told.iter().position(Option::is_some) else { continue };
        for other in first + 1..told.len() {
            if let (Some(a), Some(b)) = (told[first], told[other]) {
                let (a_source, b_source) = (ledgers[first].source, ledgers[other].source);
                rows.extend(field_differences(a, b).into_iter().map(|(name, a, b)| {
                    format!("fill {symbol} {trade_id} {name}: {a_source} {a}, {b_source} {b}")
                }));
            }
        }
    }
    for ledger in ledgers {
        rows.extend(ledger.contradictions.iter().map(|(symbol, trade_id, _)| {
            format!(
                "fill {symbol} {trade_id} is told twice and differently in the {}",
                ledger.source
            )
        }));
    }
    rows
}

fn field_differences(a: &Fill, b: &Fill) -> Vec<(&'static str, String, String)> {
    let fields = |fill: &Fill| {
        [
            ("order", fill.order_id.to_string()),
            ("client order", fill.client_order_id.clone()),
            ("side", fill.side.to_string()),
            ("price", fill.price.to_string()),
            ("quantity", fill.qty.to_string()),
            ("commission", fill.commission.to_string()),
            ("realised P&L", fill.realized_pnl.to_string()),
            ("maker", fill.is_maker.to_string()),
            ("time", fill.time_ms.to_string()),
        ]
    };
    let pairs = fields(a).into_iter().zip(fields(b));
    pairs.filter(|(a, b)| a.1 != b.1).map(|(a, b)| (a.0, a.1, b.1)).collect()
}

/// Every order the venue took that is missing somewhere or ended otherwise.
fn placed_rows(ledgers: &[&Ledger]) -> Vec<String> {
    let known: Vec<_> = ledgers
        .iter()
        .filter_map(|ledger| Some((ledger.source, ledger.placed.as_ref()?)))
        .collect();
    let keys: BTreeSet<_> = known.iter().flat_map(|(_, placed)| placed.keys()).collect();
    let text = |order: Option<&Placed>| match order {
        None => "missing".to_owned(),
        Some(order) => format!("{} with {} filled", order.status, order.cum_qty),
    };
    let mut rows = vec![];
    for key in keys {
        let told: Vec<String> = known.iter().map(|(_, placed)| text(placed.get(key))).collect();
        if told.windows(2).any(|pair| pair[0] != pair[1]) {
            let each =
                known.iter().zip(&told).map(|((source, _), text)| format!("{source}: {text}"));
            let each: Vec<String> = each.collect();
            rows.push(format!("order {} {} is {}", key.0, key.1, each.join("; ")));
        }
    }
    rows
}

/// Every filled order whose totals differ.
fn order_rows(ledgers: &[&Ledger]) -> Vec<String> {
    let keys: BTreeSet<_> = ledgers.iter().flat_map(|ledger| ledger.orders.keys()).collect();
    let mut rows = vec![];
    let text = |order: Option<&OrderTotal>| match order {
        None => "missing".to_owned(),
        Some(order) => format!(
            "{} fills, quantity {}, commission {}, P&L {}",
            order.fills,
            decimal(order.qty),
            decimal(order.commission),
            decimal(order.realized_pnl)
        ),
    };
    for key in keys {
        let told: Vec<String> = ledgers.iter().map(|ledger| text(ledger.orders.get(key))).collect();
        if told.windows(2).any(|pair| pair[0] != pair[1]) {
            let each: Vec<String> = ledgers
                .iter()
                .zip(&told)
                .map(|(ledger, text)| format!("{}: {text}", ledger.source))
                .collect();
            rows.push(format!("order {} {}: {}", key.0, key.1, each.join("; ")));
        }
    }
    rows
}

#[cfg(test)]
mod tests;
