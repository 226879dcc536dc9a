//! A symbol of `exchangeInfo` and its leverage brackets (PROTOCOL 3.3 and 3.6).

use backtest::Rules;
use schema::Notional;

use super::json::Json;

/// Delivery of a perpetual contract: the year 2100.
const NEVER_MS: i64 = 4_133_404_800_000;
/// When the venue says it listed every symbol: 2019-09-25.
const ONBOARD_MS: i64 = 1_569_398_400_000;

/// One element of `symbols`.
pub(crate) fn symbol(json: &mut Json, rules: &Rules) {
    let first = rules.brackets.first();
    let leverage = i64::from(first.map_or(20, |bracket| bracket.initial_leverage)).max(1);
    let maint_ppm = first.map_or(25_000, |bracket| bracket.maint_margin_ppm);
    json.open()
        .text("symbol", rules.name.as_str())
        .text("pair", rules.name.as_str())
        .text("contractType", "PERPETUAL")
        .number("deliveryDate", NEVER_MS)
        .number("onboardDate", ONBOARD_MS)
        .text("status", if rules.trading { "TRADING" } else { "SETTLING" })
        .decimal("maintMarginPercent", maint_ppm * 10_000, 4)
        .decimal("requiredMarginPercent", 100 * schema::SCALE / leverage / 10_000 * 10_000, 4)
        .text("baseAsset", &rules.base_asset)
        .text("quoteAsset", &rules.quote_asset)
        .text("marginAsset", &rules.quote_asset)
        .number("pricePrecision", i64::from(rules.price_precision))
        .number("quantityPrecision", i64::from(rules.qty_precision))
        .number("baseAssetPrecision", 8)
        .number("quotePrecision", 8)
        .text("underlyingType", "COIN")
        .key("underlyingSubType")
        .raw("[]")
        .decimal("triggerProtect", backtest::algo::TRIGGER_PROTECT_E4 * 10_000, 4)
        .text("liquidationFee", "0.012500")
        .decimal("marketTakeBound", rules.market_take_bound_e4 * 10_000, 2)
        .number("maxMoveOrderLimit", 10_000);
    filters(json, rules);
    let conditional = r#""STOP","STOP_MARKET","TAKE_PROFIT","TAKE_PROFIT_MARKET""#;
    let types = format!(r#"["LIMIT","MARKET",{conditional},"TRAILING_STOP_MARKET"]"#);
    json.key("orderTypes").raw(&types);
    json.key("timeInForce").raw(r#"["GTC","IOC","FOK","GTX","GTD"]"#);
    json.key("permissionSets").raw("[]").close();
}

fn filters(json: &mut Json, rules: &Rules) {
    let (price, qty) = (rules.price_precision as usize, rules.qty_precision as usize);
    json.key("filters").open_list();
    json.open()
        .text("filterType", "PRICE_FILTER")
        .decimal("tickSize", rules.tick_size.units(), price)
        .decimal("minPrice", rules.min_price.units(), price)
        .decimal("maxPrice", rules.max_price.units(), 0)
        .close();
    json.open()
        .text("filterType", "LOT_SIZE")
        .decimal("stepSize", rules.step_size.units(), qty)
        .decimal("maxQty", rules.max_qty.units(), 0)
        .decimal("minQty", rules.min_qty.units(), qty)
        .close();
    json.open()
        .text("filterType", "MARKET_LOT_SIZE")
        .decimal("minQty", rules.market_min_qty.units(), qty)
        .decimal("stepSize", rules.market_step_size.units(), qty)
        .decimal("maxQty", rules.market_max_qty.units(), 0)
        .close();
    json.open()
        .text("filterType", "MAX_NUM_ORDERS")
        .number("limit", rules.max_num_orders as i64)
        .close();
    json.open()
        .text("filterType", "MIN_NOTIONAL")
        .decimal("notional", rules.min_notional.units(), 0)
        .close();
    json.open()
        .text("filterType", "PERCENT_PRICE")
        .decimal("multiplierUp", rules.multiplier_up_e4 * 10_000, 4)
        .decimal("multiplierDown", rules.multiplier_down_e4 * 10_000, 4)
        .text("multiplierDecimal", "4")
        .close();
    json.open()
        .text("filterType", "POSITION_RISK_CONTROL")
        .text("positionControlSide", "NONE")
        .close();
    json.close_list();
}

/// One element of `leverageBracket`: numbers, not strings.
pub(crate) fn brackets(json: &mut Json, rules: &Rules) {
    let plain = |amount: Notional| amount.to_string();
    json.open().text("symbol", rules.name.as_str()).key("notionalCoef").raw("1.0");
    json.key("brackets").open_list();
    for (index, bracket) in rules.brackets.iter().enumerate() {
        json.open()
            .number("bracket", index as i64 + 1)
            .number("initialLeverage", i64::from(bracket.initial_leverage))
            .key("notionalCap")
            .raw(&plain(bracket.notional_cap))
            .key("notionalFloor")
            .raw(&plain(bracket.notional_floor))
            .key("maintMarginRatio")
            .raw(&plain(Notional::from_units(bracket.maint_margin_ppm * 100)))
            .key("cum")
            .raw(&plain(bracket.cum))
            .close();
    }
    json.close_list().close();
}
