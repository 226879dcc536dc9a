//! Account, balance and position rows (PROTOCOL 3.6).

use backtest::{AccountView, PositionView};

use super::{Format, json::Json};

/// Which version of an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// `v2`: every symbol, leverage in the row.
    Two,
    /// `v3`: symbols with a position or an open order.
    Three,
}

/// `account`
pub(crate) fn account(
    formats: &[Format],
    view: &AccountView,
    all: &[PositionView],
    version: Version,
) -> String {
    let mut json = Json::new();
    json.open();
    if version == Version::Two {
        json.number("feeTier", 0)
            .flag("feeBurn", false)
            .flag("canTrade", true)
            .flag("canDeposit", true)
            .flag("canWithdraw", false)
            .number("updateTime", 0)
            .flag("multiAssetsMargin", false)
            .number("tradeGroupId", -1);
    }
    json.decimal("totalInitialMargin", view.initial_margin.units(), 8)
        .decimal("totalMaintMargin", view.maint_margin.units(), 8)
        .decimal("totalWalletBalance", view.wallet_balance.units(), 8)
        .decimal("totalUnrealizedProfit", view.unrealized_profit.units(), 8)
        .decimal("totalMarginBalance", view.margin_balance.units(), 8)
        .decimal("totalPositionInitialMargin", view.position_initial_margin.units(), 8)
        .decimal("totalOpenOrderInitialMargin", view.open_order_initial_margin.units(), 8)
        .decimal("totalCrossWalletBalance", view.wallet_balance.units(), 8)
        .decimal("totalCrossUnPnl", view.unrealized_profit.units(), 8)
        .decimal("availableBalance", view.available_balance.units(), 8)
        .decimal("maxWithdrawAmount", view.available_balance.units(), 8)
        .key("assets")
        .open_list();
    asset(&mut json, view, version);
    json.close_list().key("positions").open_list();
    let rows = if version == Version::Two { all } else { &view.positions };
    for row in rows {
        account_position(&mut json, &formats[row.symbol.index()], row, version);
    }
    json.close_list().close();
    json.finish()
}

fn asset(json: &mut Json, view: &AccountView, version: Version) {
    json.open()
        .text("asset", "USDT")
        .decimal("walletBalance", view.wallet_balance.units(), 8)
        .decimal("unrealizedProfit", view.unrealized_profit.units(), 8)
        .decimal("marginBalance", view.margin_balance.units(), 8)
        .decimal("maintMargin", view.maint_margin.units(), 8)
        .decimal("initialMargin", view.initial_margin.units(), 8)
        .decimal("positionInitialMargin", view.position_initial_margin.units(), 8)
        .decimal("openOrderInitialMargin", view.open_order_initial_margin.units(), 8)
        .decimal("crossWalletBalance", view.wallet_balance.units(), 8)
        .decimal("crossUnPnl", view.unrealized_profit.units(), 8)
        .decimal("availableBalance", view.available_balance.units(), 8)
        .decimal("maxWithdrawAmount", view.available_balance.units(), 8);
    if version == Version::Two {
        json.flag("marginAvailable", true);
    }
    json.number("updateTime", view.update_time_ms).close();
}

fn account_position(json: &mut Json, format: &Format, row: &PositionView, version: Version) {
    json.open()
        .text("symbol", &format.name)
        .text("positionSide", "BOTH")
        .decimal("positionAmt", row.qty.units(), format.qty_decimals)
        .decimal("unrealizedProfit", row.unrealized_profit.units(), 8)
        .text("isolatedMargin", "0.00000000")
        .decimal("notional", row.notional.units(), 0)
        .text("isolatedWallet", "0")
        .decimal("initialMargin", row.initial_margin.units(), 0)
        .decimal("maintMargin", row.maint_margin.units(), 0);
    if version == Version::Two {
        json.decimal("positionInitialMargin", row.position_initial_margin.units(), 0)
            .decimal("openOrderInitialMargin", row.open_order_initial_margin.units(), 0)
            .text("leverage", &row.leverage.to_string())
            .flag("isolated", false)
            .decimal("entryPrice", row.entry_price.units(), 0)
            .decimal("breakEvenPrice", row.break_even_price.units(), 0)
            .decimal("maxNotional", row.max_notional.units(), 0)
            .decimal("bidNotional", row.bid_notional.units(), 0)
            .decimal("askNotional", row.ask_notional.units(), 0);
    }
    json.number("updateTime", row.update_time_ms).close();
}

/// `balance`
pub(crate) fn balance(view: &AccountView) -> String {
    let mut json = Json::new();
    json.open_list()
        .open()
        .text("accountAlias", "SgsR")
        .text("asset", "USDT")
        .decimal("balance", view.wallet_balance.units(), 8)
        .decimal("crossWalletBalance", view.wallet_balance.units(), 8)
        .decimal("crossUnPnl", view.unrealized_profit.units(), 8)
        .decimal("availableBalance", view.available_balance.units(), 8)
        .decimal("maxWithdrawAmount", view.available_balance.units(), 8)
        .flag("marginAvailable", true)
        .number("updateTime", view.update_time_ms)
        .close()
        .close_list();
    json.finish()
}

/// One row of `positionRisk`; the WebSocket API spells `unrealizedProfit` otherwise.
pub(crate) fn position(
    json: &mut Json,
    format: &Format,
    row: &PositionView,
    version: Version,
    profit_key: &str,
) {
    json.open()
        .text("symbol", &format.name)
        .text("positionSide", "BOTH")
        .decimal("positionAmt", row.qty.units(), format.qty_decimals)
        .decimal("entryPrice", row.entry_price.units(), 0)
        .decimal("breakEvenPrice", row.break_even_price.units(), 0)
        .decimal("markPrice", row.mark_price.units(), 8)
        .decimal(profit_key, row.unrealized_profit.units(), 8)
        .decimal("liquidationPrice", row.liquidation_price.units(), 0)
        .text("isolatedMargin", "0")
        .decimal("notional", row.notional.units(), 0);
    match version {
        Version::Two => json
            .text("leverage", &row.leverage.to_string())
            .decimal("maxNotionalValue", row.max_notional.units(), 0)
            .text("marginType", "cross")
            .text("isAutoAddMargin", "false")
            .text("isolatedWallet", "0"),
        Version::Three => json
            .text("marginAsset", "USDT")
            .text("isolatedWallet", "0")
            .decimal("initialMargin", row.initial_margin.units(), 0)
            .decimal("maintMargin", row.maint_margin.units(), 0)
            .decimal("positionInitialMargin", row.position_initial_margin.units(), 0)
            .decimal("openOrderInitialMargin", row.open_order_initial_margin.units(), 0)
            .number("adl", i64::from(!row.qty.is_zero()))
            .decimal("bidNotional", row.bid_notional.units(), 0)
            .decimal("askNotional", row.ask_notional.units(), 0),
    };
    json.number("updateTime", row.update_time_ms).close();
}
