//! Alerts reach people: through a real Alertmanager, and without it; the rules are sound.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use guard::alert::{About, Alert, AlertChannel, AlertName, Alerts};

use super::inbox::{Alertmanager, Inbox};
use crate::arrows::root;
use crate::chaos::setup::{Database, Setup};
use crate::processes::{signal, text, until_or};

fn about() -> About {
    About { environment: "demo".to_owned(), instance: "alerts".to_owned() }
}

fn channels(manager: &Alertmanager, hook: &Inbox) -> [AlertChannel; 2] {
    let (url, token_file, ca_file) = (manager.url(), None, None);
    [
        AlertChannel::Alertmanager { url, token_file, ca_file },
        AlertChannel::Webhook {
            url: Some(hook.url()),
            url_file: None,
            token_file: None,
            ca_file: None,
        },
    ]
}

#[test]
fn a_real_alertmanager_tells_of_an_alert_and_of_its_end() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (told, direct) = (Inbox::start(), Inbox::start());
    let manager = Alertmanager::start(dir.path(), &told);
    let mut alerts = Alerts::start(&channels(&manager, &direct), &about()).expect("channels");
    for name in AlertName::ALL {
        alerts.set(Alert::new(*name, "figures"), true);
    }
    for name in AlertName::ALL {
        told.until(name.as_str(), true);
    }
    let held = manager.holds();
    for name in AlertName::ALL {
        let wanted = (name.as_str().to_owned(), name.severity().as_str().to_owned());
        assert!(held.contains(&wanted), "{wanted:?} is not among {held:?}");
    }
    for name in AlertName::ALL {
        alerts.set(Alert::new(*name, ""), false);
    }
    for name in AlertName::ALL {
        told.until(name.as_str(), false);
    }
    until_or("nothing on", || manager.holds().is_empty(), || format!("{:?}", manager.holds()));
    assert!(direct.all().is_empty(), "Alertmanager answered, and people were told past it");
}

#[test]
fn an_alertmanager_that_dies_is_passed_by() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (told, direct) = (Inbox::start(), Inbox::start());
    let mut manager = Alertmanager::start(dir.path(), &told);
    let mut alerts = Alerts::start(&channels(&manager, &direct), &about()).expect("channels");
    let killed = || Alert::new(AlertName::Killed, "Pressed by person.");
    alerts.set(killed(), true);
    told.until("ShrikeKilled", true);
    manager.kill();
    alerts.set(Alert::new(AlertName::KillStuck, "1 position is left."), true);
    direct.until("ShrikeKillStuck", true);
    // It may have died before it told anybody of the first.
    direct.until("ShrikeKilled", true);
    alerts.set(killed(), false);
    direct.until("ShrikeKilled", false);
    let counts = alerts.counts();
    assert_eq!((counts.on, counts.undelivered), (1, 0), "{counts:?}");
    alerts.finish(Duration::from_secs(1));
}

#[test]
fn a_guard_process_tells_of_a_silent_trader_and_of_the_kill_switch() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (told, direct) = (Inbox::start(), Inbox::start());
    let mut manager = Alertmanager::start(dir.path(), &told);
    let mut system = Setup::new("alerts")
        .database(Database::None)
        .guarded()
        .alert(&format!("kind = \"alertmanager\"\nurl = \"{}\"", manager.url()))
        .alert(&format!("kind = \"webhook\"\nurl = \"{}\"", direct.url()))
        .start();
    system.armed();
    system.trades(1);
    let begun = Instant::now();
    signal(system.trader(), "STOP");
    told.until("ShrikeTraderLost", true);
    println!("told of a stopped trader after {:?}", begun.elapsed());
    signal(system.trader(), "CONT");
    told.until("ShrikeTraderLost", false);
    assert!(direct.all().is_empty(), "told past an Alertmanager that answers");
    manager.kill();
    let begun = Instant::now();
    signal(system.guard(), "USR1");
    direct.until("ShrikeKilled", true);
    println!("told of the kill switch past a dead Alertmanager after {:?}", begun.elapsed());
    let bodies = direct.all();
    let killed = bodies.iter().find(|(_, body)| body.contains("ShrikeKilled")).expect("told");
    assert!(killed.1.contains("Pressed by signal"), "{}", killed.1);
    let risk = system.risk().expect("guard publishes");
    assert!(risk.alerts >= 1, "{risk:?}");
    assert_eq!(risk.alerts_undelivered, 0, "{risk:?}");
}

/// Runs a checker of Prometheus' on files beside the rules.
#[track_caller]
fn check(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root().join("sidecars/metrics/prometheus"));
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; run `cargo ci tools`"));
    assert!(output.status.success(), "{program} {}:\n{}", arguments.join(" "), text(&output));
}

#[test]
fn the_rules_are_sound_and_each_fires_on_what_it_is_about() {
    check("promtool", &["check", "rules", "alerts.yml"]);
    check("promtool", &["test", "rules", "alerts_test.yml"]);
    check("promtool", &["check", "config", "--syntax-only", "prometheus.yml"]);
    check("amtool", &["check-config", "alertmanager.yml"]);
}

fn read(path: &str) -> String {
    let path: PathBuf = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names of the rules.
fn rules() -> Vec<String> {
    let text = read("sidecars/metrics/prometheus/alerts.yml");
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

#[test]
fn every_alert_of_guard_is_a_rule_a_test_and_a_page_of_the_runbook() {
    let (rules, pages) = (rules(), read("systemd/RUNBOOK.md"));
    let rule_tests = read("sidecars/metrics/prometheus/alerts_test.yml");
    // What no metric shows: what `shrike release` did, and what a person tries.
    let without_rule = [AlertName::RolledBack, AlertName::Test];
    for name in AlertName::ALL.iter().filter(|name| !without_rule.contains(name)) {
        assert!(rules.iter().any(|rule| rule == name.as_str()), "no rule {}", name.as_str());
    }
    let names = rules.iter().map(String::as_str);
    for name in names.clone().chain(AlertName::ALL.iter().map(|name| name.as_str())) {
        let has_page = pages.lines().any(|line| line == format!("### {name}"));
        assert!(has_page, "systemd/RUNBOOK.md has no page `### {name}`");
    }
    for name in names {
        let has_test = rule_tests.contains(&format!("alertname: {name}\n"));
        assert!(has_test, "alerts_test.yml never makes {name} fire");
    }
}
