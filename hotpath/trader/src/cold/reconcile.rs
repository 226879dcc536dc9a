//! The account as the venue has it, and the fills that were missed while nobody listened.

use anyhow::Context as _;
use binance::rest::{
    OpenOrder, PositionSide, UserTrade, parse_account, parse_depth, parse_open_orders, parse_order,
    parse_positions, parse_user_trades,
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

/// Asks for account, positions, open orders and, if some may be missing, the fills since then and
/// the ends of orders an earlier trader left.
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
    truth.wallet = parse_account(&body).context("account")?.wallet("USDT");
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
    let mut missed = Vec::new();
    for (index, name) in symbols.iter().enumerate() {
        let symbol = SymbolId(index as u16);
        let text = name.to_string();
        let body = rest.signed("/fapi/v1/openOrders", &[("symbol", &text)])?;
        let orders = parse_open_orders(&body).context("openOrders")?;
        truth.open_orders.extend(orders.iter().map(|order| open_order(symbol, order)));
        if let Some(from) = missed_since {
            fills(rest, symbol, &text, &from, &mut missed)?;
        }
        if let Some(left) = left {
            ends(rest, symbol, &text, left, &mut missed)?;
        }
    }
    Ok(Reconciliation { missed, truth })
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
) -> anyhow::Result<()> {
    // A trade id is exact; a time is for symbols that have not traded yet. Not both (PROTOCOL 3.6).
    let last = from.last.get(symbol.index()).map_or(0, |id| id.0);
    let (key, value) = match last {
        0 => ("startTime", start_ms(rest, from.since)),
        id => ("fromId", id + 1),
    };
    let value = value.to_string();
    let params = [("symbol", name), (key, value.as_str()), ("limit", "1000")];
    let body = rest.signed("/fapi/v1/userTrades", &params)?;
    let mut trades = parse_user_trades(&body).context("userTrades")?;
    trades.sort_by_key(|trade| trade.trade_id);
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
    Ok(())
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
    let start = start_ms(rest, left.missed.since).to_string();
    let params = [("symbol", name), ("startTime", start.as_str()), ("limit", "1000")];
    let body = rest.signed("/fapi/v1/allOrders", &params)?;
    let mut orders = parse_open_orders(&body).context("allOrders")?;
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
