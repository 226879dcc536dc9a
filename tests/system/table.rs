//! The tables of `tests/README.md`: every row of the fault list has its test, and its metric exists;
//! every control has its code and its tests.

use std::collections::BTreeSet;

use schema::{Counter, Gauge};

use super::arrows::root;
use super::tidy::sources;

/// Rows that must be proven by real processes, each by a test of its name.
const CHAOS: &[std::ops::RangeInclusive<u32>] = &[1..=9, 18..=45, 56..=59, 65..=65];
/// Severities of alerts: a person now, a person today, nobody.
const SEVERITIES: [&str; 3] = ["critical", "warning", "none"];

/// One row of the table.
struct Row {
    number: u32,
    tests: Vec<String>,
    metrics: Vec<String>,
    severity: String,
}

/// What stands between backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("tests/README.md")).expect("tests/README.md");
    let lines = text.lines().filter(|line| line.starts_with("| F"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [number, _, tests, metrics, severity] = cells[..] else {
                panic!("five columns, please: {line}")
            };
            let digits = number.trim_start_matches('F');
            Row {
                number: digits.parse().unwrap_or_else(|_| panic!("no row number: {line}")),
                tests: quoted(tests),
                metrics: quoted(metrics),
                severity: severity.to_owned(),
            }
        })
        .collect()
}

/// Names of all test functions of the workspace.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in sources(&root()) {
        let text = std::fs::read_to_string(&file).expect("a source file is readable");
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line == "#[test]" {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
                names.extend(rest.split('(').next().map(str::to_owned));
                is_test = false;
            }
        }
    }
    names
}

/// Names `metrics` serves, without labels.
fn metrics() -> BTreeSet<String> {
    let parts = ["exposition.rs", "exposition/control.rs", "exposition/guard.rs"];
    let read = |part: &str| std::fs::read_to_string(root().join("sidecars/metrics/src").join(part));
    let text: String = parts.iter().map(|part| read(part).expect("the exposition")).collect();
    let fixed = text.split('"').filter(|part| part.starts_with("shrike_"));
    let counters = Counter::ALL.iter().map(|c| format!("shrike_{}_total", c.as_str()));
    let gauges = Gauge::ALL.iter().map(|g| format!("shrike_{}", g.as_str()));
    fixed.map(str::to_owned).chain(counters).chain(gauges).collect()
}

#[test]
fn every_fault_has_its_row_its_test_and_its_metric() {
    let (rows, tests, metrics) = (rows(), tests(), metrics());
    for number in CHAOS.iter().cloned().flatten() {
        let row = rows.iter().find(|row| row.number == number);
        let row = row.unwrap_or_else(|| panic!("F{number:02} is not in tests/README.md"));
        let prefix = format!("f{number:02}_");
        assert!(
            row.tests.iter().any(|test| test.starts_with(&prefix)),
            "F{number:02} has no test named {prefix}…"
        );
    }
    for row in &rows {
        let number = row.number;
        assert!(!row.tests.is_empty(), "F{number:02} names no test");
        assert!(!row.metrics.is_empty(), "F{number:02} names no metric");
        for test in &row.tests {
            assert!(tests.contains(test), "F{number:02}: there is no test {test}");
        }
        for metric in &row.metrics {
            let name = metric.split('{').next().unwrap_or_default();
            assert!(metrics.contains(name), "F{number:02}: there is no metric {metric}");
        }
        let severity = row.severity.as_str();
        assert!(SEVERITIES.contains(&severity), "F{number:02}: severity {severity:?}");
    }
}

/// Controls that concern a trading firm's own system, by their numbers in the checklist.
const CONTROLS: &[std::ops::RangeInclusive<u32>] = &[1..=24, 27..=36];

#[test]
fn every_control_has_its_code_and_its_tests() {
    let text = std::fs::read_to_string(root().join("tests/README.md")).expect("tests/README.md");
    let tests = tests();
    for number in CONTROLS.iter().cloned().flatten() {
        let begin = format!("| C{number:02} |");
        let line = text.lines().find(|line| line.starts_with(&begin));
        let line = line.unwrap_or_else(|| panic!("C{number:02} is not in tests/README.md"));
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, _, code, named] = cells[..] else { panic!("four columns, please: {line}") };
        let (code, named) = (quoted(code), quoted(named));
        assert!(!code.is_empty(), "C{number:02} names no code");
        for path in code {
            assert!(root().join(&path).exists(), "C{number:02}: there is no {path}");
        }
        assert!(!named.is_empty(), "C{number:02} names no test");
        for test in named {
            assert!(tests.contains(&test), "C{number:02}: there is no test {test}");
        }
    }
}

#[test]
fn every_chaos_test_stands_in_the_table() {
    let named: BTreeSet<String> = rows().into_iter().flat_map(|row| row.tests).collect();
    for test in tests() {
        let number = test.strip_prefix('f').and_then(|rest| rest.split_once('_'));
        let is_row = number.is_some_and(|(digits, _)| {
            digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        assert!(!is_row || named.contains(&test), "{test} is not in tests/README.md");
    }
}
