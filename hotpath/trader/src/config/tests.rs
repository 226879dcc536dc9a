use std::path::Path;

use super::*;

const GOOD: &str = r#"environment = "paper"
instance = "paper"

[venue]
rest_url = "https://demo-fapi.binance.com"
market_url = "wss://demo-fstream.binance.com"
user_url = "wss://demo-fstream.binance.com"
order_url = "wss://testnet.binancefuture.com/ws-fapi/v1"

[keys]
key_type = "hmac"

[account]
capital_usdt = 100
leverage_max = 2
leverage = 2

[[symbol]]
name = "ETHUSDT"
qty_max = "0.030"
notional_max_usdt = 80
position_max = "0.030"

[limits]
open_orders_max = 4

[strategy]
name = "test"
interval_ms = 1000

[loop]
wait = "park"
turn_budget_us = 100

[log]
dir = "logs"
"#;

/// One change of the good file and what must be said about it: place, mistake, remedy.
struct Case {
    from: &'static str,
    to: &'static str,
    at: &'static str,
    what: &'static str,
    remedy: &'static str,
}

const fn case(
    from: &'static str,
    to: &'static str,
    at: &'static str,
    what: &'static str,
    remedy: &'static str,
) -> Case {
    Case { from, to, at, what, remedy }
}

const KEY64: &str = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";

const CASES: &[Case] = &[
    // Typing errors.
    case(
        "instance =",
        "instanse =",
        "f:2:1",
        "instanse is not a known key",
        "did you mean instance?",
    ),
    case("open_orders_max", "open_order_max", "f:25:1", "limits.open_order_max", "open_orders_max"),
    case("[limits]", "[limit]", "f:24:2", "limit is not a known key", "did you mean limits?"),
    case("interval_ms", "intervall_ms", "f:29:1", "strategy.intervall_ms", "interval_ms"),
    case("name = \"test\"", "name = \"tset\"", "f:28:8", "no strategy \"tset\"", "\"test\""),
    case(
        "\"park\"",
        "\"bussy\"",
        "f:32:8",
        "loop.wait = \"bussy\" is not known",
        "busy, yield, park",
    ),
    case("environment = \"paper\"", "environment = \"papre\"", "f:1:15", "\"papre\"", "paper"),
    // Syntax.
    case("instance = \"paper\"", "instance = \"paper", "f:2:", "not TOML", "syntax"),
    case("leverage = 2\n", "leverage = 2\nleverage = 3\n", "f:17:", "not TOML", "syntax"),
    // Units.
    case("turn_budget_us = 100", "turn_budget_ms = 1", "f:33:1", "wrong unit", "turn_budget_us"),
    case("capital_usdt", "capital_btc", "f:14:1", "wrong unit", "use capital_usdt"),
    case("interval_ms = 1000", "interval_s = 1", "f:29:1", "interval_s", "interval_ms"),
    case(
        "leverage_max = 2\n",
        "leverage_max = 200\n",
        "f:15:16",
        "= 200 is out of range",
        "1 to 125",
    ),
    // Ranges.
    case(
        "leverage_max = 2\n",
        "leverage_max = 20\n",
        "f:15:16",
        "above what paper allows",
        "at most 2",
    ),
    case("leverage = 2\n", "leverage = 3\n", "f:16:12", "above leverage_max", "at most 2"),
    case("capital_usdt = 100", "capital_usdt = 101", "f:14:16", "paper allows", "at most 100"),
    case("\"0.030\"\nnotional", "\"0.040\"\nnotional", "f:20:11", "above position_max", "0.03"),
    case(
        "\"0.030\"\nnotional",
        "\"0.0300000001\"\nnotional",
        "f:20:11",
        "not an exact decimal",
        "8 decimals",
    ),
    case("\"0.030\"\nnotional", "\"-1\"\nnotional", "f:20:11", "out of range", "use 0.00000001"),
    case("turn_budget_us = 100", "turn_budget_us = 0", "f:33:18", "out of range", "1 to 1000000"),
    case("interval_ms = 1000", "interval_ms = 0", "f:29:15", "not possible", "1 to 3600000"),
    case("instance = \"paper\"", "instance = \"Pa per\"", "f:2:12", "cannot name", "lowercase"),
    // Missing.
    case("instance = \"paper\"\n", "", "f:1:1", "instance is missing", "at the top of the file"),
    case("dir = \"logs\"\n", "", "f:35:1", "log.dir is missing", "under [log]"),
    case("qty_max = \"0.030\"\n", "", "f:18:1", "symbol.qty_max is missing", "qty_max = "),
    case(
        "[account]\ncapital_usdt = 100\nleverage_max = 2\nleverage = 2\n",
        "",
        "f:1:1",
        "account.capital_usdt is missing",
        "under a new table [account]",
    ),
    // Wrong types.
    case("capital_usdt = 100", "capital_usdt = true", "f:14:16", "is boolean", "decimal number"),
    case("leverage = 2\n", "leverage = \"2\"\n", "f:16:12", "is string", "a whole number"),
    case("[log]\ndir = \"logs\"", "[[log]]\ndir = \"logs\"", "f:35:", "not a table", "[log]"),
    case("dir = \"logs\"", "dir = 7", "f:36:7", "log.dir is integer", "text in quotes"),
    // Symbols.
    case(
        "[limits]",
        concat!(
            "[[symbol]]\nname = \"ETHUSDT\"\nqty_max = 1\nnotional_max_usdt = 1\n",
            "position_max = 1\n[limits]"
        ),
        "f:25:8",
        "ETHUSDT is given twice",
        "delete one",
    ),
    case("\"ETHUSDT\"", "\"eth/usdt\"", "f:19:8", "not how the venue writes", "ETHUSDT"),
    // Hosts.
    case(
        "https://demo-fapi.binance.com",
        "https://testnet.binance.vision",
        "f:5:12",
        "spot host",
        "demo-fapi",
    ),
    case(
        "https://demo-fapi.binance.com",
        "https://api.binance.com",
        "f:5:12",
        "spot host",
        "demo-fapi",
    ),
    case(
        "https://demo-fapi.binance.com",
        "https://fapi.binance.com",
        "f:5:12",
        "real money",
        "demo-fapi",
    ),
    case(
        "https://demo-fapi.binance.com",
        "http://demo-fapi.binance.com",
        "f:5:12",
        "does not start with https",
        "demo-fapi",
    ),
    case(
        "market_url = \"wss://demo-fstream.binance.com\"",
        "market_url = \"wss://demo-fstream.binance.com/ws\"",
        "f:6:14",
        "path \"/ws\"",
        "/public",
    ),
    case("/ws-fapi/v1", "", "f:8:13", "the path", "/ws-fapi/v1"),
    // Secrets.
    case("key_type", "api_secret = \"x\"\nkey_type", "f:11:1", "would hold a secret", "revoke"),
    case("key_type", "api_key = \"x\"\nkey_type", "f:11:1", "would hold a secret", "api_key_file"),
    case(
        "key_type",
        "note = \"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9\"\nkey_type",
        "f:11:8",
        "looks like a secret",
        "revoke",
    ),
    // Guards.
    case(
        "[loop]",
        "[dead_man]\ncountdown_ms = 15000\n[loop]",
        "f:32:1",
        "leaves no second try",
        "at least 20000",
    ),
    case(
        "[loop]",
        "[dead_man]\nrefresh_ms = 50\n[loop]",
        "f:32:14",
        "out of range",
        "200 to 300000",
    ),
    case("[loop]", "[dead_man]\ncountdown_s = 30\n[loop]", "f:32:1", "wrong unit", "countdown_ms"),
    case(
        "[loop]",
        "[safety]\nrest_orders_after_ms = 60001\n[loop]",
        "f:32:24",
        "out of range",
        "0 to 60000",
    ),
    case(
        "[loop]",
        "[safety]\njump_ppm_max = 999\n[loop]",
        "f:32:16",
        "out of range",
        "1000 to 900000",
    ),
    case(
        "leverage = 2\n",
        "leverage = 2\nreconcile_every_ms = 100\n",
        "f:17:22",
        "out of range",
        "500 to 600000",
    ),
    case(
        "[loop]",
        "[timing]\nabsent_grace_ms = 2000\n[loop]",
        "f:32:19",
        "could be carried out after 2500 ms still",
        "use at least 2500",
    ),
    case(
        "[loop]",
        "[timing]\ntruth_age_ms_max = 59000\n[loop]",
        "f:32:20",
        "less than two pauses",
        "use at least 60000",
    ),
    case("[loop]", "[links]\nmax_age_s = 90000\n[loop]", "f:32:13", "out of range", "1 to 86000"),
    // Limits.
    case(
        "open_orders_max = 4",
        "drawdown_ppm_max = 100001",
        "f:25:20",
        "limits.drawdown_ppm_max = 100001 is out of range",
        "1000 to 100000",
    ),
    case(
        "open_orders_max = 4",
        "repeated_window_ms = 0",
        "f:25:22",
        "out of range",
        "1000 to 3600000",
    ),
    case("open_orders_max = 4", "window_collar_s = 60", "f:25:1", "wrong unit", "window_collar_"),
    case("open_orders_max = 4", "order_to_trade_max = 0", "f:25:22", "out of range", "1 to 10000"),
    case(
        "open_orders_max = 4",
        "margin_ratio_ppm_max = 800001",
        "f:25:24",
        "out of range",
        "to 800000",
    ),
    case("[limits]", "restricted = 1\n[limits]", "f:24:14", "is integer", "true or false"),
    // What is shared with guard.
    case(
        "[loop]",
        "[guard]\nrequire_verdit = true\n[loop]",
        "f:32:1",
        "guard.require_verdit is not a known key",
        "require_verdict",
    ),
    case("[loop]", "[kill]\nstate_dri = \"x\"\n[loop]", "f:32:1", "kill.state_dri", "state_dir"),
    case("[loop]", "[kill]\nstate_dir = \"\"\n[loop]", "f:32:13", "is empty", "leave the key out"),
    case("[loop]", "[start]\nenable = true\n[loop]", "f:32:1", "start.enable", "enabled"),
    // Only what the environment allows.
    case(
        "name = \"test\"\ninterval_ms = 1000",
        "name = \"imbalance\"",
        "f:28:8",
        "may not run in paper",
        "test",
    ),
];

#[test]
fn the_good_file_has_no_mistake() {
    let config = parse("f", GOOD).expect("the good file");
    assert_eq!(config.environment, Environment::Paper);
    assert_eq!(config.symbols[0].limits.qty_max.to_string(), "0.03");
    assert_eq!(config.hot_loop.turn_budget_us, 100);
    assert_eq!(config.strategy.value("interval_ms"), Some(1_000));
}

#[test]
fn guards_are_on_unless_a_file_says_otherwise() {
    let config = parse("f", GOOD).expect("the good file");
    assert!(config.safety.require_dead_man && config.safety.require_clock);
    assert_eq!((config.dead_man.countdown_ms, config.dead_man.refresh_ms), (30_000, 10_000));
    assert_eq!(config.safety.last_way_ns, 500_000_000);
    assert_eq!(config.links.session.reconcile_every_ns, 30_000_000_000);
    let off = "[dead_man]\ncountdown_ms = 0\n[safety]\nrest_orders_after_ms = 0\n[loop]";
    let config = parse("f", &GOOD.replacen("[loop]", off, 1)).expect("both may be off");
    assert!(!config.safety.require_dead_man && config.safety.require_clock);
    assert_eq!(config.safety.last_way_ns, 0);
}

#[test]
fn limits_that_are_not_given_are_in_force_all_the_same() {
    let limits = parse("f", GOOD).expect("the good file").limits;
    assert_eq!(limits.drawdown_ppm_max, 100_000);
    assert_eq!((limits.window_collar_ppm, limits.window_collar_ns), (30_000, 60_000_000_000));
    assert_eq!((limits.repeated_orders_max, limits.repeated_window_ns), (100, 60_000_000_000));
    assert_eq!((limits.order_to_trade_e2_max, limits.order_to_trade_from), (5_000, 500));
    assert_eq!((limits.maintenance_ppm, limits.margin_ratio_ppm_max), (10_000, 500_000));
    assert_eq!(limits.liquidation_distance_ppm_min, 30_000);
    let given = "drawdown_ppm_max = 20000\nwindow_collar_ppm = 4000\nwindow_collar_ms = 5000\n\
                 repeated_orders_max = 7\nrepeated_window_ms = 3000\norder_to_trade_max = 12\n\
                 order_to_trade_from = 60\nmaintenance_ppm = 4000\n\
                 margin_ratio_ppm_max = 300000\nliquidation_distance_ppm_min = 90000\n";
    let text = GOOD.replace("open_orders_max = 4\n", given);
    let limits = parse("f", &text).expect("all in range").limits;
    assert_eq!(limits.drawdown_ppm_max, 20_000);
    assert_eq!((limits.window_collar_ppm, limits.window_collar_ns), (4_000, 5_000_000_000));
    assert_eq!((limits.repeated_orders_max, limits.repeated_window_ns), (7, 3_000_000_000));
    assert_eq!((limits.order_to_trade_e2_max, limits.order_to_trade_from), (1_200, 60));
    assert_eq!((limits.maintenance_ppm, limits.margin_ratio_ppm_max), (4_000, 300_000));
    assert_eq!(limits.liquidation_distance_ppm_min, 90_000);
}

#[test]
fn a_symbol_may_be_restricted() {
    let is_restricted =
        |text: &str| parse("f", text).expect("no mistake").symbols[0].limits.is_restricted;
    assert!(!is_restricted(GOOD));
    assert!(is_restricted(&GOOD.replace("[limits]", "restricted = true\n[limits]")));
}

#[test]
fn the_latch_is_beside_the_file_or_where_the_file_says() {
    let latch = |file: &str, text: &str| {
        let switch = parse(file, text).expect("no mistake").switch;
        assert!(switch.file.is_absolute() && switch.latch.is_absolute(), "{switch:?}");
        switch.latch
    };
    assert_eq!(latch("/etc/shrike/x.toml", GOOD), Path::new("/etc/shrike/state/killed"));
    let here = std::env::current_dir().expect("there is one");
    assert_eq!(latch("x.toml", GOOD), here.join("state/killed"));
    let elsewhere = |dir: &str| format!("{GOOD}[kill]\nstate_dir = \"{dir}\"\nslice_usdt = 5\n");
    assert_eq!(latch("/etc/x.toml", &elsewhere("/var/lib/s")), Path::new("/var/lib/s/killed"));
    assert_eq!(latch("/etc/x.toml", &elsewhere("s/t")), Path::new("/etc/s/t/killed"));
    let long = parse("/etc/x.toml", &elsewhere(&"d/".repeat(120))).expect_err("no header has it");
    assert!(long[0].to_string().contains("longer than 240 bytes"), "{long:?}");
}

#[test]
fn keys_of_other_processes_are_theirs_to_read() {
    let text = format!(
        "{GOOD}[guard]\nrequire_verdict = true\ninterval_ms = 7\napi_key_file = \"k\"\n\
         var_99_max_usdt = 3\n[kill]\ntrader_ms = 1\nflat_ms = 2\n[[alert]]\nkind = \"slack\"\n\
         [release]\nprobation_s = 1\n"
    );
    assert!(parse("f", &text).expect("none of it is the trader's").require_verdict);
}

#[test]
fn real_money_waits_for_a_person_after_a_start() {
    assert!(parse("f", GOOD).expect("paper").is_enabled);
    let off = format!("{GOOD}[start]\nenabled = false\n");
    assert!(!parse("f", &off).expect("paper").is_enabled);
    let live = GOOD
        .replace("environment = \"paper\"", "environment = \"staging\"")
        .replace("demo-fapi.", "fapi.")
        .replace("demo-fstream.", "fstream.")
        .replace("testnet.binancefuture.com", "ws-fapi.binance.com");
    assert!(!parse("f", &live).expect("staging").is_enabled);
    let on = format!("{live}[start]\nenabled = true\n");
    assert!(parse("f", &on).expect("staging").is_enabled);
}

#[test]
fn every_mistake_is_named_with_place_and_remedy() {
    for Case { from, to, at, what, remedy } in CASES {
        assert!(GOOD.contains(from), "the table is out of step with the file: {from}");
        let broken = GOOD.replacen(from, to, 1);
        let mistakes = parse("f", &broken).expect_err(to);
        let said: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        let is_named = said
            .iter()
            .any(|line| line.starts_with(at) && line.contains(what) && line.contains(remedy));
        assert!(is_named, "{from:?} -> {to:?}: want {at} … {what} … {remedy}, got\n{said:#?}");
    }
    assert!(CASES.len() >= 20);
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once_in_its_order() {
    let broken = GOOD
        .replace("leverage = 2", "leverage = 9")
        .replace("turn_budget_us", "turn_budget_ms")
        .replace("\"ETHUSDT\"", "\"ethusdt\"");
    let mistakes = parse("f", &broken).expect_err("three mistakes");
    let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [16, 19, 33], "{mistakes:#?}");
}

#[test]
fn a_mistake_never_repeats_a_secret() {
    let broken = GOOD.replace("key_type", &format!("api_secret = \"{KEY64}\"\nkey_type"));
    for mistake in parse("f", &broken).expect_err("a secret") {
        assert!(!mistake.to_string().contains(KEY64), "{mistake}");
    }
}

#[test]
fn a_missing_file_is_one_mistake() {
    let mistakes = load(Path::new("/nonexistent/x.toml")).expect_err("no file");
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].remedy.contains("config/paper.toml"));
}

#[test]
fn the_files_of_this_project_have_no_mistake_and_keep_their_bounds() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    for environment in Environment::ALL {
        let path = dir.join(format!("{}.toml", environment.name()));
        let config = load(&path).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        assert_eq!(config.environment, environment);
        assert_eq!(config.instance, environment.name());
        let is_money = matches!(environment, Environment::Staging | Environment::Production);
        assert_eq!(config.is_enabled, !is_money, "{}", environment.name());
    }
}
