use super::*;

const GOOD: &str = r#"
environment = "staging"
instance = "staging"
[venue]
rest_url = "https://fapi.binance.com"
[account]
capital_usdt = 230
leverage_max = 3
[[symbol]]
name = "BTCUSDT"
[guard]
require_verdict = true
drawdown_kill_ppm = 60_000
[kill]
slice_usdt = "100.5"
"#;

fn mistakes(text: &str) -> Vec<String> {
    let found = parse("conf/staging.toml", text).expect_err("it has mistakes");
    found.iter().map(Mistake::to_string).collect()
}

#[track_caller]
fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from} is not in the text");
    let found = mistakes(&GOOD.replace(from, to));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains(expected), "{}\nlacks {expected}", found[0]);
}

#[test]
fn a_file_without_mistakes_gives_what_it_says_and_defaults() {
    let config = parse("conf/staging.toml", GOOD).expect("good");
    assert_eq!(config.capital, 230 * SCALE);
    assert_eq!(config.kill.slice, 10_050_000_000);
    let thresholds = config.guard.thresholds;
    assert_eq!(thresholds.drawdown_kill_ppm, 60_000);
    // A default that forbids risk is no looser than the threshold that kills.
    assert_eq!(thresholds.drawdown_ppm_max, 60_000);
    assert_eq!((thresholds.var_breaches_kill, thresholds.api_error_kill_ppm), (3, 100_000));
    assert!(config.kill.latch().is_absolute());
    assert!(config.kill.latch().ends_with("conf/state/killed"));
    assert!(summary(&config).contains("60000 ppm"));
}

#[test]
fn an_absolute_state_folder_stays_where_it_is() {
    let text = GOOD.replace("[kill]", "[kill]\nstate_dir = \"/var/lib/shrike/staging\"");
    let config = parse("conf/staging.toml", &text).expect("good");
    assert_eq!(config.kill.latch(), Path::new("/var/lib/shrike/staging/killed"));
}

#[test]
fn thresholds_that_kill_are_only_tightened() {
    check("60_000", "100_001", "staging.toml:13:21: guard.drawdown_kill_ppm = 100001");
    let more = |line: &str| GOOD.replace("[kill]", &format!("{line}\n[kill]"));
    for line in ["var_breaches_kill = 4", "api_error_kill_ppm = 200000"] {
        let found = mistakes(&more(line));
        assert!(found[0].contains("tightened, not loosened"), "{found:?}");
    }
    let found = mistakes(&more("drawdown_ppm_max = 70000"));
    assert!(found[0].contains("guard.drawdown_ppm_max = 70000 is out of range"), "{found:?}");
}

#[test]
fn capital_and_leverage_are_the_environments() {
    check("230", "231", "account.capital_usdt = 231 is out of range; use 0.00000001 to 230");
    check("leverage_max = 3", "leverage_max = 4", "use 1 to 3: staging allows no more");
    check("leverage_max = 3", "", "account.leverage_max is missing");
}

#[test]
fn every_mistake_of_its_own_tables_is_told_with_its_place() {
    check("[kill]", "[kill]\nflat_s = 3", "staging.toml:15:1: kill.flat_s is not a known key");
    let half = "api_key_file = \"key\"\n[kill]";
    check("[kill]", half, "without guard.api_secret_file");
    check("[kill]", "api_secret = \"x\"\n[kill]", "revoke that secret");
    check("https://fapi.binance.com", "http://x", "not an https:// origin");
    check("\"100.5\"", "\"many\"", "kill.slice_usdt = many is not an exact decimal");
    assert_eq!(mistakes("environment = \n").len(), 1);
    // A table that is not there is told as one, and nothing stops at the first mistake.
    assert!(mistakes("environment = \"moon\"").len() >= 4);
}

#[test]
fn the_environments_files_are_without_mistakes() {
    for name in ["demo", "paper", "staging", "production"] {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
        let path = Path::new(root).join(format!("{name}.toml"));
        let config = load(&path).unwrap_or_else(|found| panic!("{found:#?}"));
        assert_eq!(config.environment.name(), name);
        let (capital, leverage) = config.environment.maxima();
        assert!(config.capital <= capital * SCALE && config.leverage_max <= leverage);
    }
}
