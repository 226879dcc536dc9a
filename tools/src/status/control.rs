//! The part of `shrike status` that says who keeps whom from what: causes, kill switch, guard,
//! processes and their builds, version of the limits.

use std::fmt::Write;
use std::path::Path;

use rings::latch::Pressed;
use rings::{Process, Ring};
use schema::{KillStep, KillTrigger, RunInfo, StateReason, Status, Verdict};
use serde_json::{Map, Value, json};

use crate::human;
use crate::instance::{VERDICT_AGE_MAX_NS, mono_ns, newest};
use crate::kill::{latch_of, pressed_json, who};
use crate::orders::portfolio;
use crate::risk::guard_json;

/// What is not in the status segment.
#[derive(Debug, Default)]
pub(super) struct Control {
    latch: Option<Result<Option<Pressed>, String>>,
    /// guard's word and its age, ns.
    verdict: Option<(Verdict, u64)>,
    risk: Option<(schema::PortfolioRisk, u64)>,
    processes: Vec<Process>,
}

impl Control {
    /// Looks at the latch, guard's segments and the processes' locks.
    pub(super) fn look(instance: &str, info: &RunInfo) -> Self {
        let path = info.latch.as_str();
        let verdict = newest::<Verdict>(instance, Ring::Verdict);
        Self {
            latch: (!path.is_empty()).then(|| latch_of(Path::new(path))),
            verdict: verdict.map(|verdict| (verdict, mono_ns().saturating_sub(verdict.mono_ns))),
            risk: portfolio(instance),
            processes: rings::processes(instance),
        }
    }

    /// For people.
    pub(super) fn write(&self, out: &mut String, status: &Status) -> std::fmt::Result {
        let causes: Vec<&str> = status.causes().map(StateReason::as_str).collect();
        let causes = if causes.is_empty() { "none".to_owned() } else { causes.join(", ") };
        writeln!(out, "causes    {causes}")?;
        writeln!(out, "limits    version {}", status.limits_version)?;
        let step = self.risk.map(|(risk, _)| risk.step()).filter(|step| *step != KillStep::None);
        let step = step.map_or_else(String::new, |step| format!(", guard: {step}"));
        match &self.latch {
            None => writeln!(out, "kill      the segment does not tell where the latch is")?,
            Some(Err(error)) => writeln!(out, "kill      NOT KNOWN: {error}")?,
            Some(Ok(None)) => writeln!(out, "kill      not pressed{step}")?,
            Some(Ok(Some(pressed))) => {
                writeln!(out, "kill      PRESSED by {}{step}", who(pressed))?;
            }
        }
        match &self.verdict {
            None => writeln!(out, "guard     no verdict: it has not run")?,
            Some((verdict, age)) => {
                let reasons: Vec<&str> = verdict.reasons().map(|one| one.as_str()).collect();
                let word = match verdict.may_add_risk {
                    _ if *age > VERDICT_AGE_MAX_NS => "silent, last said",
                    1 => "risk may be added",
                    _ => "no risk may be added",
                };
                let reasons = reasons.join(", ");
                writeln!(out, "guard     {word} {reasons} ({} old)", human::duration(*age))?;
            }
        }
        let first = self.processes.first().map(|process| &process.build);
        let is_one = self.processes.iter().all(|process| Some(&process.build) == first);
        let texts: Vec<String> = self
            .processes
            .iter()
            .map(|process| format!("{} {} ({})", process.name, process.pid, process.build))
            .collect();
        let mark = if is_one { "" } else { "  DIFFERENT BUILDS" };
        let texts = if texts.is_empty() { "none".to_owned() } else { texts.join("; ") };
        writeln!(out, "processes {texts}{mark}")
    }

    /// For programs.
    pub(super) fn to_json(&self, status: &Status) -> Map<String, Value> {
        let causes: Vec<&str> = status.causes().map(StateReason::as_str).collect();
        let (pressed, error) = match &self.latch {
            Some(Ok(pressed)) => (pressed.as_ref(), None),
            Some(Err(error)) => (None, Some(error.clone())),
            None => (None, Some("the segment does not tell where the latch is".to_owned())),
        };
        let is_known = error.is_none();
        let trigger = status.trigger();
        let is_killed = status.trading_state == schema::TradingState::Killed as u64;
        let verdict = self.verdict.map(|(verdict, age)| {
            json!({
                "age_ns": age, "fresh": age <= VERDICT_AGE_MAX_NS,
                "may_add_risk": verdict.may_add_risk == 1, "killed": verdict.killed == 1,
                "reasons": verdict.reasons().map(|one| one.as_str()).collect::<Vec<_>>(),
            })
        });
        let processes: Vec<Value> = self
            .processes
            .iter()
            .map(|one| json!({ "name": one.name, "pid": one.pid, "build": one.build }))
            .collect();
        let mut map = Map::new();
        map.insert("state_causes".to_owned(), json!(causes));
        map.insert("limits_version".to_owned(), status.limits_version.into());
        map.insert(
            "kill".to_owned(),
            json!({
                "pressed": is_known.then_some(pressed.is_some()), "error": error,
                "latch": pressed.map(pressed_json),
                "trader_trigger": trigger.filter(|_| is_killed).map(KillTrigger::as_str),
            }),
        );
        map.insert("verdict".to_owned(), verdict.unwrap_or(Value::Null));
        let guard = self.risk.map(|(risk, age)| guard_json(&risk, age));
        map.insert("guard".to_owned(), guard.unwrap_or(Value::Null));
        map.insert("processes".to_owned(), processes.into());
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_named() {
        let bits = 1 << StateReason::Kill as u64 | 1 << StateReason::StaleFeed as u64;
        let status = Status { state_causes: bits, limits_version: 3, ..Status::default() };
        assert_eq!(
            status.causes().collect::<Vec<_>>(),
            [StateReason::StaleFeed, StateReason::Kill]
        );
        let process = |name: &str, build: &str| Process {
            name: name.to_owned(),
            pid: 7,
            build: build.to_owned(),
        };
        let control = Control {
            latch: Some(Err("/x: no".to_owned())),
            processes: vec![process("guard", "a"), process("trader", "b")],
            ..Control::default()
        };
        let mut text = String::new();
        control.write(&mut text, &status).expect("a string");
        for part in ["stale_feed, kill", "version 3", "NOT KNOWN: /x: no", "DIFFERENT BUILDS"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let json = control.to_json(&status);
        assert_eq!(json["kill"]["pressed"], Value::Null);
        assert_eq!(json["state_causes"], json!(["stale_feed", "kill"]));
    }
}
