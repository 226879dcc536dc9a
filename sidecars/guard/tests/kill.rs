//! The kill switch by REST, with the client guard and `shrike kill` use, against the local venue.

use std::path::Path;
use std::time::{Duration, Instant};

use binance::rest::RestSigner;
use binance::sign::{HmacKey, Signer};
use guard::config;
use guard::kill::{Executor, Step};
use guard::look::Client;
use schema::KillStep;
use serde_json::{Value, json};
use toml_edit::{DocumentMut, value};
use venue::{Handle, VenueConfig};

/// A venue, and its account with the trader's key.
struct Account {
    venue: Handle,
    dir: tempfile::TempDir,
    signer: RestSigner,
}

fn wall_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_millis() as i64
}

impl Account {
    /// Long one symbol, short another that is in no configuration, orders in both books of both.
    fn with_all_sorts() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let config = VenueConfig { dir: Some(dir.path().to_owned()), ..VenueConfig::default() };
        let venue = venue::spawn(config).expect("the venue starts");
        let keys = venue.credentials();
        let secret = Signer::Hmac(HmacKey::new(keys.api_secret.as_bytes()));
        let signer = RestSigner::new(&keys.api_key, secret, 5_000);
        let account = Self { venue, dir, signer };
        for (symbol, side, against, qty) in
            [("BTCUSDT", "BUY", "SELL", "0.020"), ("ETHUSDT", "SELL", "BUY", "0.500")]
        {
            let mark = account.get("premiumIndex", symbol);
            let mark: f64 = mark["markPrice"].as_str().and_then(|t| t.parse().ok()).expect("mark");
            let away = |share: f64| format!("{}", (mark * share).floor());
            let (rests, stops) = if side == "BUY" { (0.97, 0.95) } else { (1.03, 1.05) };
            account.post(
                "order",
                &[("symbol", symbol), ("side", side), ("type", "MARKET"), ("quantity", qty)],
            );
            account.post(
                "order",
                &[
                    ("symbol", symbol),
                    ("side", side),
                    ("type", "LIMIT"),
                    ("timeInForce", "GTC"),
                    ("quantity", qty),
                    ("price", &away(rests)),
                ],
            );
            account.post(
                "algoOrder",
                &[
                    ("algoType", "CONDITIONAL"),
                    ("symbol", symbol),
                    ("side", against),
                    ("type", "STOP_MARKET"),
                    ("quantity", qty),
                    ("triggerPrice", &away(stops)),
                ],
            );
        }
        assert!(!account.is_flat());
        account
    }

    fn get(&self, path: &str, symbol: &str) -> Value {
        let url = format!("{}/fapi/v1/{path}?symbol={symbol}", self.venue.plain_rest_url);
        let mut answer = ureq::get(&url).call().expect("an answer");
        serde_json::from_str(&answer.body_mut().read_to_string().expect("text")).expect("JSON")
    }

    fn post(&self, path: &str, params: &[(&str, &str)]) {
        let query = self.signer.query(params, wall_ms());
        let url = format!("{}/fapi/v1/{path}?{query}", self.venue.plain_rest_url);
        let request = ureq::post(&url).header("X-MBX-APIKEY", self.signer.api_key());
        let mut answer =
            request.config().http_status_as_error(false).build().send_empty().expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        assert!(answer.status().is_success(), "{params:?}: {text}");
    }

    fn fault(&self, fault: &Value) {
        let url = format!("{}/shrike/faults", self.venue.plain_rest_url);
        let body = json!({ "add": [fault] }).to_string();
        ureq::post(&url).send(body).expect("it is taken");
    }

    fn is_flat(&self) -> bool {
        let ledger = self.venue.ledger();
        let rows = |name: &str| ledger[name].as_array().expect("a list").clone();
        let waits = |order: &Value| order["algoStatus"] == "NEW";
        rows("positions").is_empty()
            && rows("open_orders").is_empty()
            && !rows("algo_orders").iter().any(waits)
    }

    /// Reads the demo's file, of which one symbol is left, for this venue.
    fn config(&self, slice_usdt: i64) -> config::Config {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/demo.toml");
        let base = std::fs::read_to_string(base).expect("config/demo.toml");
        let mut file: DocumentMut = base.parse().expect("it is TOML");
        let at = |name: &str| value(self.dir.path().join(name).display().to_string());
        file["venue"]["rest_url"] = value(&self.venue.rest_url);
        file["venue"]["ca_file"] = at("ca.pem");
        file["venue"]["rest_timeout_ms"] = value(500);
        file["guard"] = toml_edit::table();
        file["guard"]["api_key_file"] = at("guard_api_key");
        file["guard"]["api_secret_file"] = at("guard_api_secret");
        file["kill"] = toml_edit::table();
        file["kill"]["state_dir"] = at("state");
        file["kill"]["slice_usdt"] = value(slice_usdt);
        file["symbol"].as_array_of_tables_mut().expect("symbols").remove(1);
        let path = self.dir.path().join("guard.toml");
        std::fs::write(&path, file.to_string()).expect("own folder");
        config::load(&path).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
    }
}

/// Carries it out; the steps, and what went wrong in them.
fn carry_out(account: &Account) -> (Vec<Step>, Vec<String>) {
    let config = account.config(500);
    let mut client = Client::new(&config).expect("guard's key");
    let mut executor =
        Executor::new(config.kill.slice, Duration::from_secs(60)).knowing(&config.symbols);
    let mut steps: Vec<Step> = Vec::new();
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let step = executor.step(&mut client, true);
        steps.push(step.clone());
        if step.at == KillStep::Flat {
            break;
        }
        assert!(Instant::now() < patience, "not flat: {steps:#?}\n{}", account.venue.ledger());
        std::thread::sleep(step.wait);
    }
    let errors = steps.iter().flat_map(|step| step.errors.clone()).collect();
    (steps, errors)
}

/// Whatever the venue does, it ends flat, by orders that only reduce, and turns no position.
fn check(faults: &[Value]) -> (Vec<Step>, Vec<String>) {
    let account = Account::with_all_sorts();
    faults.iter().for_each(|fault| account.fault(fault));
    let (steps, errors) = carry_out(&account);
    let ledger = account.venue.ledger();
    assert!(account.is_flat(), "{faults:?}: {ledger}");
    let orders = ledger["orders"].as_array().expect("a list");
    let mut slices = 0;
    for order in orders {
        if !order["client_order_id"].as_str().is_some_and(|id| id.starts_with("kill-")) {
            continue;
        }
        slices += 1;
        assert_eq!((&order["reduce_only"], &order["type"]), (&json!(true), &json!("MARKET")));
        let closes = if order["symbol"] == "BTCUSDT" { "SELL" } else { "BUY" };
        assert_eq!(order["side"], closes, "{faults:?}: a position was turned: {ledger}");
    }
    assert!(slices > 2, "two positions, in slices: {ledger}");
    (steps, errors)
}

#[test]
fn an_account_is_closed_in_slices_with_symbols_nobody_configured() {
    let (steps, errors) = check(&[]);
    assert_eq!(errors, [""; 0]);
    assert_eq!((steps[0].open.len(), steps[0].held.len()), (4, 2));
    let held = |step: &Step| -> i64 { step.held.iter().map(|held| held.qty.abs().units()).sum() };
    assert!(steps.windows(2).all(|pair| held(&pair[1]) <= held(&pair[0])), "{steps:#?}");
}

#[test]
fn answers_that_are_lost_late_or_refused_change_nothing() {
    let on = |path: &str| json!({ "path": path });
    check(&[json!({ "kind": "swallow_reply", "where": { "method": "POST" }, "count": 2 })]);
    check(&[json!({ "kind": "swallow_request", "where": { "method": "POST" }, "count": 2 })]);
    check(&[
        json!({ "kind": "unknown_error", "where": { "method": "POST" }, "count": 4 }),
        json!({ "kind": "cut_request", "where": on("positionRisk"), "count": 2 }),
        json!({ "kind": "delay_request", "where": { "method": "DELETE" }, "count": 2, "ms": 700 }),
    ]);
    check(&[json!({ "kind": "cancel_all_partial", "count": 3 })]);
    check(&[json!({ "kind": "account_empty", "where": on("positionRisk"), "count": 1 })]);
}

#[test]
fn a_book_that_is_never_told_is_cancelled_all_the_same() {
    let path = json!({ "path": "openAlgoOrders" });
    let (steps, _) = check(&[json!({ "kind": "http_error", "where": path, "for_ms": 4_000 })]);
    let untold = steps.iter().position(|step| step.errors.is_empty()).expect("told in the end");
    assert!(steps[..untold].iter().any(|step| step.at == KillStep::Liquidating), "{steps:#?}");
}

#[test]
fn the_venues_clock_is_taken_and_its_pauses_are_kept() {
    let skewed = json!({ "kind": "answer", "code": -1021, "where": { "path": "openOrders" },
        "count": 1 });
    let (_, errors) = check(&[skewed]);
    assert!(errors.iter().any(|error| error.contains("-1021")), "{errors:?}");
    let path = json!({ "path": "openOrders" });
    let throttled = json!({ "kind": "too_many", "where": path, "count": 1, "ms": 1_000 });
    let (steps, _) = check(&[throttled]);
    assert!(steps[0].wait >= Duration::from_secs(1), "{:?}", steps[0]);
}
