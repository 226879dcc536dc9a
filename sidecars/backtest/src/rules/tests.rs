use super::*;

fn dec(text: &str) -> Price {
    text.parse().unwrap()
}
fn amount(text: &str) -> Qty {
    text.parse().unwrap()
}
#[track_caller]
fn check(result: Result<(), VenueError>, code: i32) {
    assert_eq!(result.err().map_or(0, |error| error.code), code);
}

#[test]
fn every_price_rule_has_its_code() {
    let rules = Rules::btcusdt();
    check(rules.check_price(dec("80000.10")), 0);
    check(rules.check_price(dec("0")), -4001);
    check(rules.check_price(dec("-5")), -4001);
    check(rules.check_price(dec("80000.105")), -1111);
    check(rules.check_price(dec("80000.05")), -4014);
    check(rules.check_price(dec("556.70")), -4013);
    check(rules.check_price(dec("4529764.10")), -4002);
}

#[test]
fn every_quantity_rule_has_its_code() {
    let mut rules = Rules::btcusdt();
    check(rules.check_qty(amount("0.001"), false), 0);
    check(rules.check_qty(amount("0"), false), -4003);
    check(rules.check_qty(amount("-1"), false), -4003);
    check(rules.check_qty(amount("0.0001"), false), -1111);
    check(rules.check_qty(amount("1000.001"), false), -4005);
    check(rules.check_qty(amount("121"), false), 0);
    check(rules.check_qty(amount("121"), true), -4005);
    rules.min_qty = amount("0.010");
    rules.step_size = amount("0.010");
    check(rules.check_qty(amount("0.001"), false), -4004);
    check(rules.check_qty(amount("0.011"), false), -4023);
}

#[test]
fn the_band_is_one_sided() {
    let rules = Rules::btcusdt();
    let mark = dec("80000");
    check(rules.check_band(Side::Buy, dec("84000"), mark), 0);
    check(rules.check_band(Side::Buy, dec("84000.10"), mark), -4016);
    check(rules.check_band(Side::Buy, dec("1000"), mark), 0);
    check(rules.check_band(Side::Sell, dec("76000"), mark), 0);
    check(rules.check_band(Side::Sell, dec("75999.90"), mark), -4024);
    check(rules.check_band(Side::Sell, dec("200000"), mark), 0);
    assert_eq!(rules.take_bound(Side::Buy, mark), dec("84000"));
    assert_eq!(rules.take_bound(Side::Sell, mark), dec("76000"));
    check(rules.check_notional(dec("50000"), amount("0.001")), 0);
    check(rules.check_notional(dec("49999.90"), amount("0.001")), -4164);
}

#[test]
fn maintenance_margin_is_continuous_over_the_brackets() {
    let rules = Rules::btcusdt();
    assert_eq!(rules.maint_margin(usdt(100_000)), usdt(400));
    for bracket in &rules.brackets {
        let below = Notional::from_units(bracket.notional_cap.units() - 100_000_000);
        let step =
            rules.maint_margin(bracket.notional_cap).units() - rules.maint_margin(below).units();
        assert!((0..=5_000_000).contains(&step), "{step} at {}", bracket.notional_cap);
    }
    assert_eq!(rules.max_notional(125), usdt(300_000));
    assert_eq!(rules.max_notional(20), usdt(300_000_000));
    assert_eq!(rules.max_notional(126), Notional::ZERO);
}

#[test]
fn exchange_info_gives_the_rules_back() {
    let json = br#"{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC",
        "quoteAsset":"USDT","pricePrecision":2,"quantityPrecision":3,"marketTakeBound":"0.05",
        "filters":[{"filterType":"PRICE_FILTER","tickSize":"0.10","minPrice":"556.80",
        "maxPrice":"4529764"},{"filterType":"LOT_SIZE","stepSize":"0.001","maxQty":"1000",
        "minQty":"0.001"},{"filterType":"MARKET_LOT_SIZE","minQty":"0.001","stepSize":"0.001",
        "maxQty":"120"},{"filterType":"MAX_NUM_ORDERS","limit":200},{"filterType":"MIN_NOTIONAL",
        "notional":"50"},{"filterType":"PERCENT_PRICE","multiplierUp":"1.0500",
        "multiplierDown":"0.9500","multiplierDecimal":"4"}]}]}"#;
    assert_eq!(Rules::from_exchange_info(json), Ok(vec![Rules::btcusdt()]));
    let broken = br#"{"symbols":[{"symbol":"XUSDT","pricePrecision":2}]}"#;
    let error = Rules::from_exchange_info(broken).unwrap_err();
    assert_eq!(error.to_string(), "exchangeInfo XUSDT: no whole number `quantityPrecision`");
    assert!(Rules::from_exchange_info(b"{").is_err());
}

#[test]
fn unknown_symbols_get_rules_from_their_decimals() {
    let rules = Rules::for_symbol(name(b"SUSHIUSDT"), 4, 0);
    assert_eq!((rules.tick_size, rules.step_size), (dec("0.0001"), amount("1")));
    assert_eq!(rules.base_asset, "SUSHI");
    check(rules.check_price(dec("7.6110")), 0);
    check(rules.check_price(dec("7.61105")), -1111);
    check(rules.check_qty(amount("0.5"), false), -1111);
}
