//! The trader and the database die in the middle of trading; nothing is lost, doubled or guessed.

use std::time::Duration;

use persist::testing::Postgres;

use super::chaos::setup::Setup;
use super::demo::Demo;
use super::ledgers;

/// How often the trader is killed, after so many milliseconds of trading each: no multiple of
/// anything that happens regularly, so that it dies at different points.
const LIVES_MS: [u64; 3] = [2_137, 3_011, 1_543];

#[test]
fn a_killed_trader_comes_back_and_every_record_agrees() {
    // Post-only orders that rest: whoever is killed leaves some working, and some half told.
    let mut system = Setup::new("crash").resting(400).set("strategy.interval_ms", 200).start();
    system.armed();
    for life in LIVES_MS {
        std::thread::sleep(Duration::from_millis(life));
        system.kill_trader();
        system.start_trader();
        println!("restart to Armed: {:?}", system.armed());
    }
    system.trades(5);
    let verdict = system.finish();
    let orders = ledgers::list(&verdict.ledger, "orders");
    assert!(orders.len() >= 20, "only {} orders", orders.len());
}

#[test]
fn a_crashed_database_holds_up_no_trading_and_loses_no_row() {
    let server = Postgres::start();
    let url = server.database("shrike");
    let mut demo = Demo::start(&["--seconds", "18", "--seed", "13"], Some(&url));
    demo.wait_for("trading state: Armed");
    for _ in 0..2 {
        std::thread::sleep(Duration::from_secs(3));
        server.down("immediate");
        std::thread::sleep(Duration::from_secs(2));
        server.up();
    }
    // The end of a demo compares venue, journal and database.
    demo.finish();
    let (fills, _) = demo.ledger_counts();
    assert!(fills >= 20, "only {fills} fills:\n{}", demo.output());
    let mut client = postgres::Client::connect(&url, postgres::NoTls).expect("connects");
    let mut count = |table: &str| -> i64 {
        client.query_one(&format!("SELECT COUNT(*) FROM {table}"), &[]).expect("a row").get(0)
    };
    assert_eq!(usize::try_from(count("fills")), Ok(fills));
    assert_eq!(count("journal_gaps"), 0, "journal records were lost");
    let pressed = "SELECT COUNT(*) FROM state_changes WHERE reason = 'journal_pressure'";
    let pressed: i64 = client.query_one(pressed, &[]).expect("a row").get(0);
    assert_eq!(pressed, 0, "the trader noticed that the database was away:\n{}", demo.output());
}
