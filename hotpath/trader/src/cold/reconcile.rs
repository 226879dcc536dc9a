//! The account as the venue has it, and the fills that were missed while nobody listened.

use anyhow::Context as _;
use binance::rest::{
    AccountInfo, OpenOrder, PositionSide, UserTrade, parse_account, parse_balance, parse_depth,
    parse_open_algos, parse_open_orders, parse_order, parse_positions, parse_user_trades,
};
use engine::Truth;
use schema::{
    DepthBuf, ExecType, ExecutionReport, Notional, OrderStatus, PositionDelta, Price, Qty,
    SymbolId, SymbolName, TradeId, WallNs,
};

use super::api::Api;
use super::left::Left;
use crate::queues::{Missed, Reconciliation, Snapshot};

/// How far before the last frame fills are looked for where no trade id is known: the clocks may
/// differ by nearly a second, and a repeated report is booked once.
const OVERLAP_MS: i64 = 2_000;
/// How far back the venue looks by time (7 days), less an hour.
const LOOK_BACK_MS: i64 = (7 * 24 - 1) * 3_600_000;
/// Rows of one page, the venue's most.
const PAGE: usize = 1_000;
/// Pages of one question: a hundred thousand rows. More is not an answer but a fault.
const PAGES_MAX: usize = 100;

/// Asks for account, positions, both books of open orders and, if some may be missing, the fills
/// since then and the ends of orders an earlier trader left.
///
/// The account's own rows and `positionRisk` must tell the same positions, and an account without
/// any money must be so by `balance` too: a venue under stress has shown empty accounts
/// (2025-10-10). Where they differ the truth is not complete, and the engine holds what it knows.
///
/// # Errors
/// If any answer is missing; half a truth is none.
pub fn reconcile(
    rest: &dyn Api,
    symbols: &[SymbolName],
    missed_since: Option<Missed>,
    left: Option<&Left>,
) -> anyhow::Result<Reconciliation> {
    let mut truth = Truth { requested_at: rest.now().mono, ..Truth::default() };
    let body = rest.signed("/fapi/v3/account", &[])?;
    let account = parse_account(&body).context("account")?;
    truth.wallet = account.wallet("USDT");
    let body = rest.signed("/fapi/v3/positionRisk", &[])?;
    for row in parse_positions(&body).context("positionRisk")? {
        let Some(index) = symbols.iter().position(|name| *name == row.symbol) else {
            if row.qty.units() != 0 {
                log::warn!(target: "risk", "position in {} is not followed here", row.symbol);
            }
            continue;
        };
        anyhow::ensure!(row.side == PositionSide::Both, "the account is in hedge mode");
        truth.positions[index] = PositionDelta {
            symbol: SymbolId(index as u16),
            qty: row.qty,
            entry_price: row.entry_price,
            unrealized_pnl: row.unrealized_pnl,
        };
    }
    truth.is_complete = is_confirmed(rest, symbols, &account, &truth)?;
    crate::crash_point!("reconcile_half");
    let mut algos = Vec::new();
    let mut missed = Vec::new();
    for (index, name) in symbols.iter().enumerate() {
        let symbol = SymbolId(index as u16);
        let text = name.to_string();
        let body = rest.signed("/fapi/v1/openOrders", &[("symbol", &text)])?;
        let orders = parse_open_orders(&body).context("openOrders")?;
        truth.open_orders.extend(orders.iter().map(|order| open_order(symbol, order)));
        let body = rest.signed("/fapi/v1/openAlgoOrders", &[("symbol", &text)])?;
        let found = parse_open_algos(&body).context("openAlgoOrders")?;
        algos.extend(found.iter().map(|algo| engine::OpenAlgo {
            symbol,
            client_order_id: algo.client_order_id,
            algo_id: algo.algo_id,
            side: algo.side,
            trigger_price: algo.trigger_price,
            close_position: algo.close_position,
        }));
        if let Some(from) = missed_since {
            let newest = fills(rest, symbol, &text, &from, &mut missed)?;
            truth.last_trades[index] = newest.unwrap_or(from.last[index]);
        }
        if let Some(left) = left {
            ends(rest, symbol, &text, left, &mut missed)?;
        }
    }
    truth.algo_orders = Some(algos);
    Ok(Reconciliation { missed, truth })
}

/// Whether a second source tells what the first did.
fn is_confirmed(
    rest: &dyn Api,
    symbols: &[SymbolName],
    account: &AccountInfo,
    truth: &Truth,
) -> anyhow::Result<bool> {
    for (name, position) in symbols.iter().zip(&truth.positions) {
        let row = account.positions.iter().find(|row| row.symbol == *name);
        let qty = row.map_or(Qty::ZERO, |row| row.qty);
        // A fill between the two answers differs as well: the next reconciliation agrees.
        if qty != position.qty {
            log::warn!(
                target: "risk",
                "the venue tells two positions of {name}: {qty} and {}", position.qty
            );
            return Ok(false);
        }
    }
    if !truth.wallet.is_zero() {
        return Ok(true);
    }
    let body = rest.signed("/fapi/v3/balance", &[])?;
    let wallet = parse_balance(&body, "USDT").context("balance")?;
    if !wallet.is_zero() {
        log::warn!(target: "risk", "the venue tells two balances: none and {wallet}");
    }
    Ok(wallet.is_zero())
}

fn open_order(symbol: SymbolId, order: &OpenOrder) -> engine::OpenOrder {
    engine::OpenOrder {
        symbol,
        client_order_id: order.client_order_id,
        venue_order_id: order.venue_order_id,
        side: order.side,
        order_type: order.order_type,
        time_in_force: order.time_in_force,
        price: order.price,
        qty: order.qty,
        cum_qty: order.cum_qty,
        reduce_only: order.reduce_only,
    }
}

/// Reports made of own trades, in the order of their ids.
fn fills(
    rest: &dyn Api,
    symbol: SymbolId,
    name: &str,
    from: &Missed,
    out: &mut Vec<ExecutionReport>,
) -> anyhow::Result<Option<TradeId>> {
    let last = from.last.get(symbol.index()).copied().unwrap_or_default();
    let trades = trades_after(rest, name, last, from.since)?;
    let mut orders: Vec<OpenOrder> = Vec::new();
    for trade in &trades {
        if orders.iter().all(|order| order.venue_order_id != trade.venue_order_id) {
            let id = trade.venue_order_id.0.to_string();
            let params = [("symbol", name), ("orderId", id.as_str())];
            orders.push(parse_order(&rest.signed("/fapi/v1/order", &params)?).context("order")?);
        }
    }
    for (index, trade) in trades.iter().enumerate() {
        let order = orders.iter().find(|order| order.venue_order_id == trade.venue_order_id);
        if let Some(order) = order {
            out.push(report(symbol, order, trade, &trades[index + 1..]));
        }
    }
    Ok(trades.last().map(|trade| trade.trade_id))
}

/// Own trades after `last`, or from `since` on if there is none, page by page in the order of their
/// ids.
fn trades_after(
    rest: &dyn Api,
    name: &str,
    last: TradeId,
    since: WallNs,
) -> anyhow::Result<Vec<UserTrade>> {
    // A trade id is exact; a time is for symbols that have not traded yet. Not both (PROTOCOL 3.6).
    let (mut key, mut value) = match last.0 {
        0 => ("startTime", start_ms(rest, since)),
        id => ("fromId", id + 1),
    };
    let mut trades: Vec<UserTrade> = Vec::new();
    for page in 0.. {
        let (from, limit) = (value.to_string(), PAGE.to_string());
        let params = [("symbol", name), (key, from.as_str()), ("limit", limit.as_str())];
        let body = rest.signed("/fapi/v1/userTrades", &params)?;
        let mut rows = parse_user_trades(&body).context("userTrades")?;
        rows.sort_by_key(|trade| trade.trade_id);
        let count = rows.len();
        // Whatever was asked by time goes on by id, which is exact.
        rows.retain(|row| trades.last().is_none_or(|last| row.trade_id > last.trade_id));
        trades.extend(rows);
        let Some(newest) = trades.last().filter(|_| count >= PAGE) else { break };
        anyhow::ensure!(page < PAGES_MAX, "userTrades of {name} has no end");
        (key, value) = ("fromId", newest.trade_id.0 + 1);
    }
    Ok(trades)
}

/// The newest own trade of each symbol in the last minute: what is traded after it is news to a
/// trader whose first account truth was asked for just before. Zero where there is none, so that a
/// later look by time finds none either.
///
/// # Errors
/// If an answer is missing.
pub fn newest_trades(rest: &dyn Api, symbols: &[SymbolName]) -> anyhow::Result<Vec<TradeId>> {
    let since = WallNs(rest.now().wall.0.saturating_sub(60_000_000_000));
    symbols
        .iter()
        .map(|name| {
            let trades = trades_after(rest, &name.to_string(), TradeId(0), since)?;
            Ok(trades.last().map_or(TradeId(0), |trade| trade.trade_id))
        })
        .collect()
}

/// Where a look by time begins.
fn start_ms(rest: &dyn Api, since: WallNs) -> i64 {
    (since.ms() - OVERLAP_MS).max(rest.now().wall.ms() - LOOK_BACK_MS)
}

/// Reports of the ends of orders that an earlier trader sent and did not hear of. Those that were
/// filled are told by their fills.
fn ends(
    rest: &dyn Api,
    symbol: SymbolId,
    name: &str,
    left: &Left,
    out: &mut Vec<ExecutionReport>,
) -> anyhow::Result<()> {
    let mut orders = orders_since(rest, name, start_ms(rest, left.missed.since))?;
    let unfinished = left.unfinished.iter().filter(|(of, _)| *of == symbol).map(|(_, id)| *id);
    for id in unfinished {
        if orders.iter().any(|order| order.client_order_id == id) {
            continue;
        }
        let text = id.to_string();
        let params = [("symbol", name), ("origClientOrderId", text.as_str())];
        match rest.signed("/fapi/v1/order", &params) {
            Ok(body) => orders.push(parse_order(&body).context("order")?),
            // It never reached the venue, or was refused there.
            Err(error) if error.code() == -2013 => {}
            Err(error) => return Err(error.into()),
        }
    }
    let unheard = |order: &&OpenOrder| {
        order.status.is_terminal() && !left.ended.contains(&(symbol, order.venue_order_id))
    };
    out.extend(orders.iter().filter(unheard).filter_map(|order| end(symbol, order)));
    Ok(())
}

/// All orders since a time, page by page.
fn orders_since(rest: &dyn Api, name: &str, start_ms: i64) -> anyhow::Result<Vec<OpenOrder>> {
    let mut orders: Vec<OpenOrder> = Vec::new();
    let (mut key, mut value) = ("startTime", start_ms);
    for page in 0.. {
        let (from, limit) = (value.to_string(), PAGE.to_string());
        let params = [("symbol", name), (key, from.as_str()), ("limit", limit.as_str())];
        let body = rest.signed("/fapi/v1/allOrders", &params)?;
        let mut rows = parse_open_orders(&body).context("allOrders")?;
        rows.sort_by_key(|order| order.venue_order_id);
        let count = rows.len();
        rows.retain(|row| {
            orders.last().is_none_or(|last| row.venue_order_id > last.venue_order_id)
        });
        orders.extend(rows);
        let Some(newest) = orders.last().filter(|_| count >= PAGE) else { break };
        anyhow::ensure!(page < PAGES_MAX, "allOrders of {name} has no end");
        // The venue lists from this id upwards.
        (key, value) = ("orderId", newest.venue_order_id.0 + 1);
    }
    Ok(orders)
}

/// The report an order's end would have come with.
fn end(symbol: SymbolId, order: &OpenOrder) -> Option<ExecutionReport> {
    let exec_type = match order.status {
        OrderStatus::Canceled => ExecType::Canceled,
        OrderStatus::Expired | OrderStatus::ExpiredInMatch => ExecType::Expired,
        OrderStatus::Rejected => ExecType::Rejected,
        _ => return None,
    };
    Some(ExecutionReport {
        symbol,
        client_order_id: order.client_order_id,
        venue_order_id: order.venue_order_id,
        side: order.side,
        order_type: order.order_type,
        time_in_force: order.time_in_force,
        exec_type,
        status: order.status,
        price: order.price,
        qty: order.qty,
        last_qty: Qty::ZERO,
        last_price: Price::ZERO,
        cum_qty: order.cum_qty,
        commission: Notional::ZERO,
        realized_pnl: Notional::ZERO,
        trade_id: TradeId(0),
        is_maker: false,
        reduce_only: order.reduce_only,
        expiry_reason: 0,
        transaction_time: order.update_time,
        event_time: order.update_time,
    })
}

/// The report a fill would have come with; `later` are the fills after it.
fn report(
    symbol: SymbolId,
    order: &OpenOrder,
    trade: &UserTrade,
    later: &[UserTrade],
) -> ExecutionReport {
    let of_order = later.iter().filter(|other| other.venue_order_id == trade.venue_order_id);
    let after: i64 = of_order.map(|other| other.qty.units()).sum();
    let cum_qty = Qty::from_units(order.cum_qty.units().saturating_sub(after));
    let is_filled = cum_qty >= order.qty;
    ExecutionReport {
        symbol,
        client_order_id: order.client_order_id,
        venue_order_id: order.venue_order_id,
        side: trade.side,
        order_type: order.order_type,
        time_in_force: order.time_in_force,
        exec_type: ExecType::Trade,
        status: if is_filled { OrderStatus::Filled } else { OrderStatus::PartiallyFilled },
        price: order.price,
        qty: order.qty,
        last_qty: trade.qty,
        last_price: trade.price,
        cum_qty,
        commission: trade.commission,
        realized_pnl: trade.realized_pnl,
        trade_id: trade.trade_id,
        is_maker: trade.is_maker,
        reduce_only: order.reduce_only,
        expiry_reason: 0,
        transaction_time: trade.time,
        event_time: trade.time,
    }
}

/// A depth snapshot.
///
/// # Errors
/// If it cannot be had.
pub fn snapshot(rest: &dyn Api, symbol: SymbolId, name: &SymbolName) -> anyhow::Result<Snapshot> {
    let text = name.to_string();
    let body = rest.open("/fapi/v1/depth", &[("symbol", &text), ("limit", "1000")])?;
    let mut depth = DepthBuf::new();
    let head = parse_depth(&body, symbol, &mut depth).context("depth")?;
    crate::crash_point!("snapshot_taken");
    Ok(Snapshot { head, depth })
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::{ClientOrderId, OrderType, Side, TimeInForce, VenueOrderId};

    #[test]
    fn reports_of_missed_fills_count_up_to_what_the_order_has() {
        let name = SymbolName::new(b"BTCUSDT").expect("short");
        let order = OpenOrder {
            symbol: name,
            client_order_id: ClientOrderId(7),
            client_order_id_text: String::new(),
            venue_order_id: VenueOrderId(1),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            status: OrderStatus::Filled,
            price: Price::from_units(100),
            qty: Qty::from_units(10),
            cum_qty: Qty::from_units(10),
            reduce_only: false,
            update_time: WallNs(0),
        };
        let trade = |id, venue_order_id, qty| UserTrade {
            symbol: name,
            trade_id: TradeId(id),
            venue_order_id: VenueOrderId(venue_order_id),
            side: Side::Buy,
            price: Price::from_units(100),
            qty: Qty::from_units(qty),
            commission: Notional::ZERO,
            commission_asset: "USDT".to_owned(),
            realized_pnl: Notional::ZERO,
            is_maker: false,
            time: WallNs(5),
        };
        // 2 were filled before the gap; then 3, somebody else's, and 5.
        let trades = [trade(1, 1, 3), trade(2, 9, 4), trade(3, 1, 5)];
        let first = report(SymbolId(0), &order, &trades[0], &trades[1..]);
        assert_eq!((first.cum_qty.units(), first.status), (5, OrderStatus::PartiallyFilled));
        let last = report(SymbolId(0), &order, &trades[2], &[]);
        assert_eq!((last.cum_qty.units(), last.status), (10, OrderStatus::Filled));
        assert_eq!(last.client_order_id, ClientOrderId(7));
    }
}
