//! Book and mark price by REST while no market connection is up: enough to reduce by.

use anyhow::Context as _;
use binance::rest::{parse_depth, parse_premium_index};
use schema::{DepthBuf, DepthKind, Mark, SymbolId, SymbolName};

use super::api::Api;
use crate::queues::Snapshot;

/// Levels asked for: the venue's lightest answer (weight 2) that reaches past one order.
const LEVELS: &str = "20";

/// Book and mark price of every symbol.
///
/// # Errors
/// If one cannot be had: prices of different ages are no basis.
pub fn prices(rest: &dyn Api, names: &[SymbolName]) -> anyhow::Result<Vec<(Snapshot, Mark)>> {
    let all = names.iter().enumerate();
    all.map(|(index, name)| of(rest, SymbolId(index as u16), name)).collect()
}

fn of(rest: &dyn Api, symbol: SymbolId, name: &SymbolName) -> anyhow::Result<(Snapshot, Mark)> {
    let text = name.to_string();
    let body = rest.open("/fapi/v1/depth", &[("symbol", &text), ("limit", LEVELS)])?;
    let mut depth = DepthBuf::new();
    let mut head = parse_depth(&body, symbol, &mut depth).context("depth")?;
    // No diffs come: the levels stand for themselves, as those of a partial stream do.
    head.kind = DepthKind::Partial;
    head.first_update_id = head.last_update_id;
    let body = rest.open("/fapi/v1/premiumIndex", &[("symbol", &text)])?;
    let mark = parse_premium_index(&body, symbol).context("premiumIndex")?;
    Ok((Snapshot { head, depth }, mark))
}
