//! REST replies, from small fixtures and from the recorded ones.

use binance::rest::*;
use schema::*;
use serde_json::Value;

use crate::data;

const EXCHANGE_INFO: &str = r#"{"timezone":"UTC","serverTime":1790770000000,"futuresType":"U_MARGINED",
 "rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400},
  {"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":300}],
 "symbols":[{"symbol":"BTCUSDT","pair":"BTCUSDT","contractType":"PERPETUAL","status":"TRADING",
  "quoteAsset":"USDT","marginAsset":"USDT","pricePrecision":2,"quantityPrecision":3,"marketTakeBound":"0.05",
  "filters":[{"filterType":"PRICE_FILTER","tickSize":"0.10","minPrice":"556.80","maxPrice":"4529764"},
   {"filterType":"LOT_SIZE","stepSize":"0.001","maxQty":"1000","minQty":"0.001"},
   {"filterType":"MARKET_LOT_SIZE","minQty":"0.001","stepSize":"0.001","maxQty":"120"},
   {"filterType":"MAX_NUM_ORDERS","limit":200},{"filterType":"MIN_NOTIONAL","notional":"50"},
   {"filterType":"PERCENT_PRICE","multiplierUp":"1.0500","multiplierDown":"0.9500","multiplierDecimal":"4"},
   {"filterType":"POSITION_RISK_CONTROL","positionControlSide":"NONE"}]},
  {"symbol":"A_NAME_OF_MORE_THAN_23_BYTES","contractType":"PERPETUAL","status":"TRADING",
   "quoteAsset":"USDT","marginAsset":"USDT","pricePrecision":2,"quantityPrecision":3,"filters":[]}]}"#;

fn units(text: &str) -> i64 {
    parse_decimal(text.as_bytes()).expect("a decimal")
}

#[test]
fn exchange_info_gives_the_filters() {
    let info = parse_exchange_info(EXCHANGE_INFO.as_bytes()).expect("sound");
    assert_eq!((info.symbols.len(), info.skipped), (1, 1));
    assert_eq!((info.rate_limits[1].interval_ms, info.rate_limits[1].limit), (10_000, 300));
    let name = SymbolName::new(b"BTCUSDT").expect("short");
    let rules = info.symbol(&name).expect("listed");
    assert!(rules.trading());
    assert_eq!(rules.tick.units(), units("0.1"));
    assert_eq!(rules.min_price.units(), units("556.8"));
    assert_eq!(rules.max_price.units(), units("4529764"));
    assert_eq!((rules.step.units(), rules.max_qty.units()), (units("0.001"), units("1000")));
    assert_eq!(rules.market_max_qty.units(), units("120"));
    assert_eq!(rules.min_notional.units(), units("50"));
    assert_eq!((rules.multiplier_up_e4, rules.multiplier_down_e4), (10_500, 9_500));
    assert_eq!((rules.market_take_bound_e4, rules.max_num_orders), (500, 200));
    assert_eq!((rules.price_decimals, rules.qty_decimals), (2, 3));
}

#[test]
fn a_premium_index_is_a_mark() {
    let body = br#"{"symbol":"BTCUSDT","markPrice":"11793.63104562","indexPrice":"11781.80495970",
        "estimatedSettlePrice":"11781.16138815","lastFundingRate":"-0.00038246",
        "interestRate":"0.00010000","nextFundingTime":1597392000000,"time":1597370495002}"#;
    let mark = parse_premium_index(body, SymbolId(3)).expect("sound");
    assert_eq!(mark.symbol, SymbolId(3));
    assert_eq!(mark.mark_price.units(), units("11793.63104562"));
    assert_eq!(mark.index_price.units(), units("11781.8049597"));
    assert_eq!(mark.funding_rate_e8, -38_246);
    assert_eq!(mark.event_time.ms(), 1_597_370_495_002);
    assert!(parse_premium_index(b"{}", SymbolId(0)).is_err());
}

#[test]
fn error_bodies_are_errors_everywhere() {
    let body = br#"{"code":-1121,"msg":"Invalid symbol."}"#;
    let error = (-1121, "Invalid symbol.".to_owned());
    assert_eq!(parse_error(body), Some(error.clone()));
    let venue = RestError::Venue(error.0, error.1);
    assert_eq!(parse_exchange_info(body), Err(venue.clone()));
    assert_eq!(parse_positions(body), Err(venue.clone()));
    assert_eq!(parse_open_orders(body), Err(venue.clone()));
    assert_eq!(parse_listen_key(body), Err(venue));
    assert_eq!(parse_error(br#"{"code":200,"msg":"success"}"#), None);
    assert_eq!(parse_error(br#"{"code":"200","msg":"success"}"#), None);
    assert_eq!(parse_error(b"<html>"), None);
    assert_eq!(parse_error(b"[]"), None);
}

#[test]
fn messages_say_which_field_is_wrong() {
    let error =
        parse_positions(br#"[{"symbol":"BTCUSDT","positionSide":"BOTH","positionAmt":"1e5"}]"#);
    let shown = error.expect_err("an exponent").to_string();
    let expected =
        "unexpected reply: positionRisk: field `positionAmt`: not a plain decimal number";
    assert_eq!(shown, expected);
    let error = parse_listen_key(b"{}").expect_err("empty").to_string();
    assert_eq!(error, "unexpected reply: listenKey reply: field `listenKey`: missing");
}

#[test]
fn small_replies_are_read() {
    assert_eq!(parse_server_time(br#"{"serverTime":1790770782215}"#), Ok(1_790_770_782_215));
    assert_eq!(parse_listen_key(br#"{"listenKey":"abc"}"#), Ok("abc".to_owned()));
    assert_eq!(parse_position_mode(br#"{"dualSidePosition":true}"#), Ok(true));
    let set = parse_leverage(br#"{"leverage":21,"maxNotionalValue":"1000000","symbol":"BTCUSDT"}"#);
    assert_eq!(set.map(|set| set.leverage), Ok(21));
    let config =
        br#"[{"symbol":"BTCUSDT","marginType":"CROSSED","isAutoAddMargin":false,"leverage":2}]"#;
    let config = parse_symbol_config(config).expect("sound");
    assert_eq!((config[0].is_cross, config[0].leverage), (true, 2));
}

#[test]
fn account_and_positions_are_read() {
    let account = br#"{"totalWalletBalance":"103.12345678","totalUnrealizedProfit":"-1","totalMarginBalance":"102.1","availableBalance":"99",
     "assets":[{"asset":"USDT","walletBalance":"23.72469206","unrealizedProfit":"0.00000000","crossWalletBalance":"23.7","availableBalance":"20"}],
     "positions":[{"symbol":"BTCUSDT","positionSide":"BOTH","positionAmt":"-1.000","unrealizedProfit":"0.5"}]}"#;
    let account = parse_account(account).expect("sound");
    assert_eq!(account.wallet("USDT").units(), units("23.72469206"));
    assert_eq!(account.wallet("BNB"), Notional::ZERO);
    assert_eq!(account.total_unrealized_pnl.units(), units("-1"));
    assert_eq!(account.positions[0].qty.units(), units("-1"));
    let positions = br#"[{"symbol":"ADAUSDT","positionSide":"BOTH","positionAmt":"30","entryPrice":"0.38512345678901","markPrice":"0.41047590","unRealizedProfit":"0.76427700","liquidationPrice":"0","updateTime":1720736417660}]"#;
    let positions = parse_positions(positions).expect("sound");
    assert_eq!(positions[0].entry_price.units(), units("0.38512345"));
    assert_eq!(positions[0].side, PositionSide::Both);
    assert_eq!(positions[0].update_time.ms(), 1_720_736_417_660);
}

#[test]
fn orders_and_trades_are_read() {
    let order = r#"{"orderId":8400000000000000001,"symbol":"BTCUSDT","status":"PARTIALLY_FILLED","clientOrderId":"shrk6921a0b42000004d","price":"43187.00","origQty":"0.100","executedQty":"0.040","timeInForce":"GTX","type":"LIMIT","reduceOnly":true,"side":"SELL","updateTime":1702555534435}"#;
    let read = parse_order(order.as_bytes()).expect("sound");
    assert_eq!(read.client_order_id, ClientOrderId(0x6921_a0b4_2000_004d));
    assert_eq!(read.venue_order_id, VenueOrderId(8_400_000_000_000_000_001));
    assert_eq!((read.side, read.time_in_force), (Side::Sell, TimeInForce::Gtx));
    assert_eq!((read.status, read.reduce_only), (OrderStatus::PartiallyFilled, true));
    assert_eq!((read.qty.units(), read.cum_qty.units()), (units("0.1"), units("0.04")));
    let foreign = order.replace("shrk6921a0b42000004d", "web_1");
    let listed = parse_open_orders(format!("[{order},{foreign}]").as_bytes()).expect("sound");
    assert_eq!(listed[0], read);
    assert_eq!(listed[1].client_order_id, ClientOrderId::NONE);
    assert_eq!(listed[1].client_order_id_text, "web_1");
    let trades = br#"[{"buyer":false,"commission":"0.07819010","commissionAsset":"USDT","id":698759,"maker":false,"orderId":25851813,"price":"7819.01","qty":"0.002","quoteQty":"15.63802","realizedPnl":"-0.91539999","side":"SELL","positionSide":"BOTH","symbol":"BTCUSDT","time":1569514978020}]"#;
    let trades = parse_user_trades(trades).expect("sound");
    assert_eq!((trades[0].trade_id, trades[0].is_maker), (TradeId(698_759), false));
    assert_eq!(trades[0].realized_pnl.units(), units("-0.91539999"));
}

/// A recorded depth snapshot against its tree.
#[track_caller]
pub(crate) fn check_snapshot(bytes: &[u8], depth: &mut DepthBuf) {
    let head = parse_depth(bytes, SymbolId(1), depth).expect("a snapshot");
    let v: Value = serde_json::from_slice(bytes).expect("JSON");
    assert_eq!((head.symbol, head.kind), (SymbolId(1), DepthKind::Snapshot));
    assert_eq!(Some(head.last_update_id), v["lastUpdateId"].as_u64());
    assert_eq!(head.event_time.ms(), v["E"].as_i64().unwrap_or(0));
    for (levels, name) in [(depth.bids(), "bids"), (depth.asks(), "asks")] {
        let rows = v[name].as_array().expect("an array");
        assert_eq!(levels.len(), rows.len());
        for (level, row) in levels.iter().zip(rows) {
            assert_eq!(level.price.units(), units(row[0].as_str().expect("a text")));
            assert_eq!(level.qty.units(), units(row[1].as_str().expect("a text")));
        }
    }
}

#[test]
fn recorded_replies_are_read() {
    let Some(directory) = data::directory() else { return };
    let mut depth = DepthBuf::new();
    let snapshots = directory.join("ws_raw/usdm_cryptofeed_2021/BINANCE_FUTURES.http.0.0.gz");
    let mut count = 0;
    for line in data::read(&snapshots).split(|&byte| byte == b'\n') {
        let Some(start) = line.windows(2).position(|pair| pair == b": ") else { continue };
        check_snapshot(&line[start + 2..], &mut depth);
        count += 1;
    }
    assert!(count >= 4, "{count}");
    let protocol = directory.join("protocol");
    let live =
        data::read(&protocol.join("rest_live_2026/fapi_exchangeInfo_20260703T0400Z.json.gz"));
    let info = parse_exchange_info(&live).expect("the live reply");
    println!("{} symbols, {} skipped", info.symbols.len(), info.skipped);
    assert!(info.symbols.len() > 700 && info.skipped < 5, "{} skipped", info.skipped);
    for rules in info.symbols.iter().filter(|rules| rules.trading()) {
        assert!(rules.tick.units() > 0 && rules.step.units() > 0, "{rules:?}");
        assert!(rules.min_price <= rules.max_price && rules.min_qty <= rules.max_qty, "{rules:?}");
    }
    let bad_key = data::read(&protocol.join("rest_live_2026/error_-2015_bad_key.json"));
    assert_eq!(parse_error(&bad_key).map(|(code, _)| code), Some(-2015));
    let http = protocol.join("nautilus_http_futures");
    let read = |name: &str| data::read(&http.join(format!("http_futures_{name}.json")));
    assert_eq!(parse_user_trades(&read("account_trades")).map(|trades| trades.len()), Ok(2));
    assert_eq!(parse_symbol_config(&read("account_symbol_config")).map(|rows| rows.len()), Ok(2));
    assert_eq!(parse_position_mode(&read("account_position_side_dual")), Ok(true));
    assert_eq!(parse_positions(&read("account_positions_hedge")).map(|rows| rows.len()), Ok(2));
    assert_eq!(parse_open_orders(&read("account_orders")).map(|rows| rows.len()), Ok(1));
    assert!(parse_exchange_info(&read("market_exchange_info")).is_ok());
    let depth_head = parse_depth(&read("market_depth"), SymbolId(0), &mut depth);
    assert!(depth_head.is_ok(), "{depth_head:?}");
    for name in ["Account/GetAccountInfo", "Account/GetAccountInfoV3"] {
        let path = protocol.join(format!("jkorf_usdfutures/Endpoints/UsdFutures/{name}.txt"));
        let text = String::from_utf8(data::read(&path)).expect("UTF-8");
        let json = &text[text.find('{').expect("a reply")..];
        let account = parse_account(json.as_bytes());
        assert!(account.is_ok(), "{name}: {account:?}");
    }
}
