//! `--scenario crash`: a market that falls by 15 % while the account is long.
//!
//! Nothing about the outcome is written down here. The venue's generated market falls along its
//! path; the strategy has opened and holds positions in every symbol, with protective stops resting
//! below them; the loss is the market's doing, guard finds it at the venue and presses the kill
//! switch, and what trader and guard then do is measured against the venue's own ledger.

mod evidence;
mod report;
mod rows;

use std::path::Path;
use std::time::{Duration, Instant};

use schema::{KillStep, TradingState};
use toml_edit::{DocumentMut, Item, Table, value};
use venue::Fall;

use super::derive::table;
use super::session::Session;
use super::webhook::Received;
use crate::exit::{Exit, Failure};

pub(super) use report::{Places, Report};

/// The fall when none is asked for: after 15 s, for 20 s, by 15 %.
pub(super) const FALL: Fall = Fall { after_ms: 15_000, lasts_ms: 20_000, depth_ppm: 150_000 };
/// Gross exposure opened, per cent of the capital: with a fall of 15 % a loss of a quarter.
const EXPOSURE_PERCENT: i64 = 160;
/// Longest time after the fall until the account is flat and the alert has arrived.
const PATIENCE: Duration = Duration::from_secs(60);
/// The run goes on for so long after it is flat: a strategy that could would open again at once.
const LINGER: Duration = Duration::from_secs(3);
/// The alert that must arrive.
const ALERT: &str = "ShrikeKilled";

/// Fills in what the scenario needs: positions as large as the environment's leverage allows, a
/// strategy that opens at the first chance and holds, stops that rest, a loss limit beyond the fall.
pub(super) fn prepare(document: &mut DocumentMut) {
    let account = document.get("account").and_then(Item::as_table);
    let capital = account.and_then(|account| account.get("capital_usdt"));
    let capital = capital.and_then(Item::as_integer).unwrap_or(10_000);
    let exposure = capital * EXPOSURE_PERCENT / 100;
    let symbols = document.get_mut("symbol").and_then(Item::as_array_of_tables_mut);
    let mut count = 0;
    for symbol in symbols.into_iter().flat_map(toml_edit::ArrayOfTables::iter_mut) {
        count += 1;
        // Quantities differ by symbol; what bounds them here is money.
        for key in ["qty_max", "position_max"] {
            symbol[key] = value(1_000_000);
        }
        symbol["notional_max_usdt"] = value(exposure);
    }
    let limits = table(document, "limits");
    limits["exposure_max_usdt"] = value(capital * 2);
    table(document, "safety")["protective_stop_ppm"] = value(200_000);
    let mut strategy = Table::new();
    strategy["name"] = value("test");
    strategy["style"] = value("ioc");
    strategy["interval_ms"] = value(250);
    strategy["hold_ms"] = value(3_600_000);
    // Deep enough into the book for one order of that size; the collar still bounds it.
    strategy["reach_ticks"] = value(400);
    strategy["order_notional_usdt"] = value(exposure / i64::max(count, 1));
    document["strategy"] = Item::Table(strategy);
}

/// Trades until the fall has done what it does, or time is up.
pub(super) fn trade(session: &mut Session, fall: Fall) {
    let until = Duration::from_millis((fall.after_ms + fall.lasts_ms).unsigned_abs()) + PATIENCE;
    let started = Instant::now();
    let mut flat_at: Option<Instant> = None;
    session.phase("arming");
    loop {
        match session.turn() {
            Ok(true) => {}
            Ok(false) => {
                let what = "ended before the kill switch had done its work";
                return session.fail(Failure::new(Exit::Failed, what, "let it run"));
            }
            Err(failure) => return session.fail(failure),
        }
        tell(session);
        if is_over(session) {
            let at = *flat_at.get_or_insert_with(Instant::now);
            if at.elapsed() >= LINGER {
                return;
            }
        }
        if started.elapsed() >= until {
            let what = waiting(session);
            let next = format!("look at {}", session.setup.dir.join("log").display());
            return session.fail(Failure::new(Exit::Failed, what, next));
        }
    }
}

/// Says in the head line how far it is.
fn tell(session: &mut Session) {
    let step = session.live().guarded.kill_step();
    let phase = match step {
        KillStep::None => return,
        KillStep::Flat => "killed: flat",
        KillStep::Stuck => "killed: NOT FLAT IN TIME",
        KillStep::Liquidating => "killed: closing positions",
        KillStep::Cancelling => "killed: cancelling orders",
        KillStep::Halting => "killed: stopping new orders",
    };
    session.phase_once(phase);
}

/// guard and the trader both say that it is done, and a person has been told.
fn is_over(session: &Session) -> bool {
    let live = session.live();
    let is_flat = live.status.symbols.iter().all(|symbol| symbol.position_qty == 0);
    live.guarded.kill_step() == KillStep::Flat
        && session.state() == Some(TradingState::Killed)
        && is_flat
        && has_alert(&session.received(), session.alertmanager().is_some())
}

/// Whether somebody got the alert, by Alertmanager where there is one.
fn has_alert(received: &[Received], by_alertmanager: bool) -> bool {
    let by = if by_alertmanager { "alertmanager" } else { "guard" };
    let is_it =
        |alert: &Received| alert.name == ALERT && alert.status == "firing" && alert.by == by;
    received.iter().any(is_it)
}

/// What did not happen in time.
fn waiting(session: &Session) -> String {
    let step = session.live().guarded.kill_step();
    if step != KillStep::Flat {
        return format!(
            "the kill switch is at step {step} only, the trader {}",
            session.state_text()
        );
    }
    if !has_alert(&session.received(), session.alertmanager().is_some()) {
        return format!("the alert {ALERT} has not arrived");
    }
    format!("guard says flat, the trader says {}", session.state_text())
}

/// What the folder of the kill switch holds: the latch, and what people did about it.
fn audit_lines(state_dir: &Path) -> Vec<(&'static str, Vec<String>)> {
    let files = ["killed", "audit.jsonl"].map(|file| {
        let text = std::fs::read_to_string(state_dir.join(file)).unwrap_or_default();
        (file, text.lines().map(str::to_owned).collect::<Vec<String>>())
    });
    files.into_iter().filter(|(_, lines)| !lines.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_opens_as_much_as_the_capital_bears() {
        let text = "[account]\ncapital_usdt = 100000\n[[symbol]]\nname = \"A\"\n[[symbol]]\n\
                    name = \"B\"\n[strategy]\nname = \"imbalance\"\ncooldown_ms = 5\n";
        let mut document: DocumentMut = text.parse().expect("TOML");
        prepare(&mut document);
        assert_eq!(document["strategy"]["order_notional_usdt"].as_integer(), Some(80_000));
        assert!(document["strategy"].get("cooldown_ms").is_none(), "a key of another strategy");
        assert_eq!(document["limits"]["exposure_max_usdt"].as_integer(), Some(200_000));
        let symbols = document["symbol"].as_array_of_tables().expect("symbols");
        assert!(symbols.iter().all(|one| one["notional_max_usdt"].as_integer() == Some(160_000)));
    }

    #[test]
    fn an_alert_counts_by_the_way_it_should_come() {
        let alert = |by: &str, name: &str, status: &str| Received {
            at_ms: 1,
            by: by.to_owned(),
            name: name.to_owned(),
            status: status.to_owned(),
            severity: String::new(),
            summary: String::new(),
            description: String::new(),
        };
        let direct = [alert("guard", ALERT, "firing")];
        assert!(has_alert(&direct, false) && !has_alert(&direct, true));
        assert!(!has_alert(&[alert("guard", ALERT, "resolved")], false));
        assert!(!has_alert(&[alert("guard", "ShrikeDrawdown", "firing")], false));
        assert!(has_alert(&[alert("alertmanager", ALERT, "firing")], true));
    }
}
