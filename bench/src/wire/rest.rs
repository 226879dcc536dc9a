//! What the measuring exchange says: its fixed market, and answers to requests (PROTOCOL shapes of
//! late 2026).

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

/// Best prices of an update: they step between two ticks so that every tick is news.
fn prices(update_id: u64) -> (&'static str, &'static str) {
    if update_id.is_multiple_of(2) { ("84551.00", "84551.10") } else { ("84551.10", "84551.20") }
}

/// A tick.
pub(crate) fn book_ticker(update_id: u64) -> String {
    let ((bid, ask), now) = (prices(update_id), now_ms());
    format!(
        "{{\"stream\":\"btcusdt@bookTicker\",\"data\":{{\"e\":\"bookTicker\",\"u\":{update_id},\
         \"s\":\"BTCUSDT\",\"ps\":\"BTCUSDT\",\"b\":\"{bid}\",\"B\":\"2.646\",\"a\":\"{ask}\",\
         \"A\":\"5.302\",\"T\":{now},\"E\":{now},\"st\":1}}}}"
    )
}

/// Levels behind the best ones; `[price, qty]` pairs as the venue writes them.
fn levels(update_id: u64) -> (Value, Value) {
    let (bid, ask) = prices(update_id);
    let tenths = |text: &str| text.replace('.', "").parse::<u64>().unwrap_or(0) / 10;
    let side = |best: u64, down: bool| -> Value {
        (0..20)
            .map(|step| {
                let price = if down { best - step } else { best + step };
                json!([format!("{}.{}0", price / 10, price % 10), "3.000"])
            })
            .collect()
    };
    (side(tenths(bid), true), side(tenths(ask), false))
}

/// A change of depth that covers everything since the last one.
pub(crate) fn depth_diff(streams: &str, from: u64, to: u64) -> String {
    let speed = if streams.contains("@depth@0ms") { "0ms" } else { "100ms" };
    let ((bids, asks), now) = (levels(to), now_ms());
    // The level the best price left must go, or the book would cross.
    let (mut bids, mut asks) = (bids, asks);
    if to.is_multiple_of(2) {
        if let Some(bids) = bids.as_array_mut() {
            bids.push(json!(["84551.10", "0.000"]));
        }
    } else if let Some(asks) = asks.as_array_mut() {
        asks.push(json!(["84551.10", "0.000"]));
    }
    json!({"stream": format!("btcusdt@depth@{speed}"), "data": {
        "e": "depthUpdate", "E": now, "T": now, "s": "BTCUSDT", "ps": "BTCUSDT",
        "U": from + 1, "u": to.max(from + 1), "pu": from, "b": bids, "a": asks, "st": 1}})
    .to_string()
}

/// The top twenty.
pub(crate) fn depth_top(update_id: u64) -> String {
    let ((bids, asks), now) = (levels(update_id), now_ms());
    json!({"stream": "btcusdt@depth20@100ms", "data": {
        "e": "depthUpdate", "E": now, "T": now, "s": "BTCUSDT", "ps": "BTCUSDT",
        "U": update_id - 10, "u": update_id, "pu": update_id - 11, "b": bids, "a": asks, "st": 1}})
    .to_string()
}

/// A public trade.
pub(crate) fn trade(update_id: u64) -> String {
    let now = now_ms();
    json!({"stream": "btcusdt@trade", "data": {"e": "trade", "E": now, "T": now, "s": "BTCUSDT",
        "t": update_id - 11_000_000_000_000, "p": prices(update_id).0, "q": "0.010",
        "X": "MARKET", "m": true, "st": 1}})
    .to_string()
}

/// The mark price.
pub(crate) fn mark() -> String {
    let now = now_ms();
    json!({"stream": "btcusdt@markPrice@1s", "data": {"e": "markPriceUpdate", "E": now,
        "s": "BTCUSDT", "p": "84551.10762319", "ap": "84551.10762319", "P": "84559.09090909",
        "i": "84590.87304348", "r": "0.00000801", "T": now + 3_600_000, "st": 1}})
    .to_string()
}

fn rate_limits() -> Value {
    json!([
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 1_000_000, "count": 1},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000_000, "count": 1},
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400, "count": 1}
    ])
}

/// The answer to a WebSocket-API request that is no new order.
pub(crate) fn other_request(request: &Value) -> Option<String> {
    let result = match request["method"].as_str()? {
        "order.place" => return None,
        "session.logon" => {
            json!({"apiKey": "bench", "authorizedSince": now_ms(), "connectedSince": now_ms(),
                   "returnRateLimits": true, "serverTime": now_ms()})
        }
        "time" => json!({"serverTime": now_ms()}),
        _ => {
            return Some(
                json!({"id": request["id"], "status": 400,
                       "error": {"code": -2013, "msg": "Order does not exist."},
                       "rateLimits": rate_limits()})
                .to_string(),
            );
        }
    };
    let reply = json!({"id": request["id"], "status": 200, "result": result,
                       "rateLimits": rate_limits()});
    Some(reply.to_string())
}

/// The acknowledgement of an order, and the reports of its fill.
pub(crate) fn order_ack(request: &Value, order_id: u64, trade_id: u64) -> (String, Vec<String>) {
    let p = |name: &str| request["params"][name].as_str().unwrap_or("").to_owned();
    let (now, price, qty) = (now_ms(), p("price"), p("quantity"));
    let order = |status: &str| {
        json!({"orderId": order_id, "symbol": "BTCUSDT", "status": status,
            "clientOrderId": p("newClientOrderId"), "price": price, "origQty": qty,
            "executedQty": "0.000", "cumQty": "0.000", "timeInForce": p("timeInForce"),
            "type": p("type"), "reduceOnly": false, "closePosition": false, "side": p("side"),
            "positionSide": "BOTH", "stopPrice": "0.00", "workingType": "CONTRACT_PRICE",
            "priceProtect": false, "origType": p("type"), "priceMatch": "NONE",
            "selfTradePreventionMode": "EXPIRE_MAKER", "goodTillDate": 0, "updateTime": now})
    };
    let ack = json!({"id": request["id"], "status": 200, "result": order("NEW"),
                     "rateLimits": rate_limits()});
    let report = |exec: &str, status: &str, last: &str, trade: u64| {
        json!({"e": "ORDER_TRADE_UPDATE", "T": now, "E": now, "o": {"s": "BTCUSDT",
            "c": p("newClientOrderId"), "S": p("side"), "o": p("type"), "f": p("timeInForce"),
            "q": qty, "p": price, "ap": price, "sp": "0", "x": exec, "X": status, "i": order_id,
            "l": last, "z": last, "L": if trade > 0 { price.as_str() } else { "0" }, "n": "0",
            "N": "USDT", "T": now, "t": trade, "b": "0", "a": "0", "m": false, "R": false,
            "wt": "CONTRACT_PRICE", "ot": p("type"), "ps": "BOTH", "cp": false, "rp": "0",
            "pP": false, "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0,
            "er": "0"}})
        .to_string()
    };
    let reports = vec![report("NEW", "NEW", "0", 0), report("TRADE", "FILLED", &qty, trade_id)];
    (ack.to_string(), reports)
}

/// What an order does to the position once filled, in thousandths.
pub(crate) fn signed_thousandths(request: &Value) -> i64 {
    let params = &request["params"];
    let qty: f64 = params["quantity"].as_str().and_then(|qty| qty.parse().ok()).unwrap_or(0.0);
    let thousandths = (qty * 1e3).round() as i64;
    if params["side"] == "SELL" { -thousandths } else { thousandths }
}

/// The acknowledgement of an order sent by HTTP.
pub(crate) fn order_ack_http(query: &str, order_id: u64) -> String {
    let client = query
        .split(['?', '&'])
        .find_map(|pair| pair.strip_prefix("newClientOrderId="))
        .unwrap_or("none");
    json!({"orderId": order_id, "symbol": "BTCUSDT", "status": "NEW", "clientOrderId": client,
           "updateTime": now_ms()})
    .to_string()
}

/// The answer to any other REST request; `None` if there is no such path. `position` is in
/// thousandths.
pub(crate) fn reply(method: &str, target: &str, update_id: u64, position: i64) -> Option<String> {
    let path = target.split('?').next().unwrap_or(target);
    let body = match path {
        "/fapi/v1/ping" => json!({}),
        "/fapi/v1/time" => json!({"serverTime": now_ms()}),
        "/fapi/v1/exchangeInfo" => exchange_info(),
        "/fapi/v1/depth" => {
            let (bids, asks) = levels(update_id);
            json!({"lastUpdateId": update_id, "E": now_ms(), "T": now_ms(), "bids": bids, "asks": asks})
        }
        "/fapi/v1/premiumIndex" => {
            json!({"symbol": "BTCUSDT", "markPrice": "84551.10762319", "indexPrice": "84590.87304348",
                   "estimatedSettlePrice": "84559.09", "lastFundingRate": "0.00000801",
                   "interestRate": "0.0001", "nextFundingTime": now_ms() + 3_600_000, "time": now_ms()})
        }
        "/fapi/v1/listenKey" => json!({"listenKey": "bench".repeat(12)}),
        "/fapi/v1/positionSide/dual" if method == "GET" => json!({"dualSidePosition": false}),
        "/fapi/v1/multiAssetsMargin" => json!({"multiAssetsMargin": false}),
        "/fapi/v1/leverage" => {
            json!({"leverage": 2, "maxNotionalValue": "1000000", "symbol": "BTCUSDT"})
        }
        "/fapi/v1/symbolConfig" => json!([{"symbol": "BTCUSDT", "marginType": "CROSSED",
            "isAutoAddMargin": false, "leverage": 2, "maxNotionalValue": "1000000"}]),
        "/fapi/v1/accountConfig" => json!({"feeTier": 0, "canTrade": true, "canDeposit": true,
            "canWithdraw": false, "dualSidePosition": false, "updateTime": 0,
            "multiAssetsMargin": false, "tradeGroupId": -1}),
        "/fapi/v1/commissionRate" => json!({"symbol": "BTCUSDT", "makerCommissionRate": "0.0002",
            "takerCommissionRate": "0.0005", "rpiCommissionRate": "0.00005"}),
        "/fapi/v3/account" | "/fapi/v2/account" => account(position),
        "/fapi/v3/balance" | "/fapi/v2/balance" => {
            json!([{"asset": "USDT", "balance": "1000000.00000000",
            "crossWalletBalance": "1000000.00000000", "crossUnPnl": "0.00000000",
            "availableBalance": "1000000.00000000", "maxWithdrawAmount": "1000000.00000000",
            "marginAvailable": true, "updateTime": 0}])
        }
        "/fapi/v3/positionRisk" | "/fapi/v2/positionRisk" => positions(position),
        // Orders are filled at once and every fill is told: nothing is open, nothing was missed.
        "/fapi/v1/openOrders"
        | "/fapi/v1/openAlgoOrders"
        | "/fapi/v1/allOrders"
        | "/fapi/v1/userTrades" => json!([]),
        "/fapi/v1/allOpenOrders" | "/fapi/v1/marginType" | "/fapi/v1/positionSide/dual" => {
            json!({"code": 200, "msg": "success"})
        }
        "/fapi/v1/countdownCancelAll" => json!({"symbol": "BTCUSDT", "countdownTime": "0"}),
        _ => return None,
    };
    Some(body.to_string())
}

fn positions(thousandths: i64) -> Value {
    let sign = if thousandths < 0 { "-" } else { "" };
    let size = thousandths.unsigned_abs();
    let qty = format!("{sign}{}.{:03}", size / 1000, size % 1000);
    json!([{"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": qty,
        "entryPrice": "84551.1", "breakEvenPrice": "84551.1", "markPrice": "84551.10762319",
        "unRealizedProfit": "0", "unrealizedProfit": "0", "liquidationPrice": "0",
        "isolatedMargin": "0", "notional": "0", "marginAsset": "USDT", "isolatedWallet": "0",
        "initialMargin": "0", "maintMargin": "0", "positionInitialMargin": "0",
        "openOrderInitialMargin": "0", "adl": 0, "bidNotional": "0", "askNotional": "0",
        "updateTime": now_ms()}])
}

fn account(position: i64) -> Value {
    let usdt = "1000000.00000000";
    json!({"totalInitialMargin": "0", "totalMaintMargin": "0", "totalWalletBalance": usdt,
        "totalUnrealizedProfit": "0", "totalMarginBalance": usdt,
        "totalPositionInitialMargin": "0", "totalOpenOrderInitialMargin": "0",
        "totalCrossWalletBalance": usdt, "totalCrossUnPnl": "0", "availableBalance": usdt,
        "maxWithdrawAmount": usdt, "assets": [{"asset": "USDT", "walletBalance": usdt,
        "unrealizedProfit": "0", "marginBalance": usdt, "maintMargin": "0", "initialMargin": "0",
        "positionInitialMargin": "0", "openOrderInitialMargin": "0", "crossWalletBalance": usdt,
        "crossUnPnl": "0", "availableBalance": usdt, "maxWithdrawAmount": usdt, "updateTime": 0}],
        "positions": positions(position)})
}

fn exchange_info() -> Value {
    json!({"timezone": "UTC", "serverTime": now_ms(), "futuresType": "U_MARGINED",
        "rateLimits": rate_limits(), "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": true, "autoAssetExchange": "-10000"}],
        "symbols": [{"symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL",
            "deliveryDate": 4_133_404_800_000u64, "onboardDate": 1_569_398_400_000u64,
            "status": "TRADING", "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000",
            "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2,
            "quantityPrecision": 3, "baseAssetPrecision": 8, "quotePrecision": 8,
            "underlyingType": "COIN", "triggerProtect": "0.0500", "liquidationFee": "0.012500",
            "marketTakeBound": "0.05", "maxMoveOrderLimit": 10000,
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "556.80", "maxPrice": "4529764"},
                {"filterType": "LOT_SIZE", "stepSize": "0.001", "maxQty": "1000", "minQty": "0.001"},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "stepSize": "0.001", "maxQty": "120"},
                {"filterType": "MAX_NUM_ORDERS", "limit": 200},
                {"filterType": "MIN_NOTIONAL", "notional": "50"},
                {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500", "multiplierDecimal": "4"}],
            "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"]}]})
}
