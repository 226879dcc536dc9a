//! `/shrike/*` on the plain port: the exact ledger and the venue's counters.

use std::sync::atomic::Ordering;

use backtest::{AccountId, OrderView};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;

use crate::{
    core::Core,
    faults::{Fault, acts},
    params::Params,
    refusal::Refusal,
    rest::{Reply, json_response, refused, respond},
    server::Shared,
    wire::{Format, json::Json},
};

/// Answers an admin request.
pub(crate) async fn answer(
    shared: &Shared,
    method: &Method,
    path: &str,
    query: &str,
    body: &str,
) -> Response<Full<Bytes>> {
    let params = Params::from_http(query, "");
    let account = match params.integer("account") {
        Ok(account) => account.and_then(|index| usize::try_from(index).ok()).unwrap_or(0),
        Err(refusal) => return refused(&refusal),
    };
    let answer = match (method, path) {
        (&Method::GET, "/shrike/ledger") => {
            shared.core.call(move |core| ledger(core, account)).await.and_then(|answer| answer)
        }
        (&Method::GET, "/shrike/stats") => shared.core.call(stats).await,
        (&Method::GET, "/shrike/faults") => shared.core.call(faults).await,
        (&Method::POST, "/shrike/faults") => match Change::read(body) {
            Ok(change) => shared.core.call(move |core| change.apply(core)).await,
            Err(msg) => Err(Refusal::bad(-1102, msg)),
        },
        _ => return respond(Reply::not_found()),
    };
    match answer {
        Ok(text) => json_response(StatusCode::OK, text),
        Err(refusal) => refused(&refusal),
    }
}

/// A change of what is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Ends all.
    #[serde(default)]
    clear: bool,
    /// Ends those of these numbers.
    #[serde(default)]
    remove: Vec<u64>,
    /// Sets these.
    #[serde(default)]
    add: Vec<Fault>,
}

impl Change {
    fn read(body: &str) -> Result<Self, String> {
        let change: Self = serde_json::from_str(body).map_err(|error| error.to_string())?;
        change.add.iter().try_for_each(Fault::check)?;
        Ok(change)
    }

    /// Applies it; what is set then.
    fn apply(self, core: &mut Core) -> String {
        let now_ms = core.now_ms();
        if self.clear {
            core.faults.clear();
        }
        for id in self.remove {
            core.faults.remove(id);
        }
        for fault in self.add {
            core.faults.add(fault, now_ms);
        }
        // States begin and end with the request, not at the next tick.
        acts::turn(core);
        faults(core)
    }
}

/// What is set and how often each struck.
pub(crate) fn faults(core: &mut Core) -> String {
    core.faults.report(core.now_ms()).to_string()
}

/// Everything that happened to one account, with exact decimals.
pub(crate) fn ledger(core: &mut Core, account: usize) -> Result<String, Refusal> {
    let id = AccountId(account as u32);
    if account >= core.account_count {
        return Err(Refusal::bad(-1130, "There is no account of that number."));
    }
    let mut json = Json::new();
    json.open().number("account", account as i64).key("fills").open_list();
    for fill in core.exchange.ledger(id).into_iter().flat_map(|ledger| &ledger.fills) {
        json.open()
            .text("symbol", fill.symbol_name.as_str())
            .number("trade_id", fill.trade_id)
            .number("order_id", fill.order_id)
            .text("client_order_id", &fill.client_order_id)
            .text("side", fill.side.as_str())
            .decimal("price", fill.price.units(), 0)
            .decimal("qty", fill.qty.units(), 0)
            .decimal("commission", fill.commission.units(), 0)
            .decimal("realized_pnl", fill.realized_pnl.units(), 0)
            .flag("maker", fill.maker)
            .number("time_ms", fill.time_ms)
            .close();
    }
    json.close_list().key("balance_changes").open_list();
    for change in core.exchange.ledger(id).into_iter().flat_map(|ledger| &ledger.changes) {
        json.open()
            .number("id", change.id)
            .text("kind", change.kind.as_str())
            .decimal("amount", change.amount.units(), 0)
            .decimal("wallet_balance", change.wallet_balance.units(), 0)
            .number("trade_id", change.trade_id)
            .number("time_ms", change.time_ms)
            .close();
    }
    json.close_list();
    let all = core.exchange.all_orders(id, None);
    orders(&mut json, "orders", &core.formats, &all);
    orders(&mut json, "open_orders", &core.formats, &core.exchange.open_orders(id, None));
    json.key("algo_orders").open_list();
    for order in core.exchange.all_algos(id, None) {
        crate::wire::algo::full(&mut json, &core.formats[order.symbol.index()], &order);
    }
    json.close_list();
    balances_and_positions(&mut json, core, id);
    json.close();
    Ok(json.finish())
}

fn balances_and_positions(json: &mut Json, core: &Core, id: AccountId) {
    let view = core.exchange.account(id);
    json.key("balances").open_list().open().text("asset", "USDT");
    json.decimal("wallet_balance", view.wallet_balance.units(), 0)
        .decimal("unrealized_profit", view.unrealized_profit.units(), 0)
        .decimal("available_balance", view.available_balance.units(), 0)
        .close()
        .close_list()
        .key("positions")
        .open_list();
    for row in core.exchange.positions(id).iter().filter(|row| !row.qty.is_zero()) {
        json.open()
            .text("symbol", row.symbol_name.as_str())
            .decimal("qty", row.qty.units(), 0)
            .decimal("entry_price", row.entry_price.units(), 0)
            .decimal("mark_price", row.mark_price.units(), 0)
            .decimal("unrealized_profit", row.unrealized_profit.units(), 0)
            .close();
    }
    json.close_list();
}

fn orders(json: &mut Json, key: &str, formats: &[Format], rows: &[OrderView]) {
    json.key(key).open_list();
    for row in rows {
        json.open()
            .text("symbol", &formats[row.symbol.index()].name)
            .number("order_id", row.order_id)
            .text("client_order_id", &row.client_order_id)
            .text("status", row.status.as_str())
            .text("side", row.side.as_str())
            .text("type", row.order_type.as_str())
            .text("time_in_force", row.time_in_force.as_str())
            .decimal("price", row.price.units(), 0)
            .decimal("qty", row.qty.units(), 0)
            .decimal("executed_qty", row.executed_qty.units(), 0)
            .flag("reduce_only", row.reduce_only)
            .number("time_ms", row.time_ms)
            .number("update_time_ms", row.update_time_ms)
            .close();
    }
    json.close_list();
}

/// The venue's counters.
pub(crate) fn stats(core: &mut Core) -> String {
    let now_ms = core.now_ms();
    let stats = &core.stats;
    let mut json = Json::new();
    json.open()
        .number("time_ms", now_ms)
        .unsigned("market_events", stats.market_events.load(Ordering::Relaxed))
        .unsigned("requests", stats.requests.load(Ordering::Relaxed))
        .unsigned("connections", stats.connections.load(Ordering::Relaxed))
        .unsigned("stream_connections", core.hub.connection_count() as u64)
        .unsigned("listen_keys", core.users.key_count() as u64)
        .unsigned("slow_cut", stats.slow_cut.load(Ordering::Relaxed))
        .unsigned("accounts", core.account_count as u64)
        .unsigned("called_while_banned", core.meter.refused_by_ban())
        .flag("tape_ended", stats.tape_ended.load(Ordering::Relaxed))
        .close();
    json.finish()
}
