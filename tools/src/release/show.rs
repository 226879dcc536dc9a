//! What people see of releases: where a change is, each measure against its limit, what there is.

use serde_json::{Value, json};

use super::desk::Up;
use super::probation::{Bar, bars};
use super::settings::{Limits, Settings};
use super::state::{self, Change, Direction, Step, now_ms};
use super::store::{Link, Store};
use crate::exit::{Exit, Failure};

/// Characters of a bar.
const WIDTH: usize = 20;

/// `shrike release status`.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn status((settings, store): &(Settings, Store), json: bool) -> Result<Exit, Failure> {
    let change = state::load(store)?;
    let current = store.linked(Link::Current);
    let good = store.linked(Link::LastGood);
    let last = state::last_audit(store);
    if json {
        let measures = change.as_ref().map(|change| measures(change, &settings.limits));
        let value = json!({
            "instance": settings.instance,
            "current": current,
            "last_good": good,
            "change": change,
            "window_left_ms": change.as_ref().and_then(window_left_ms),
            "measures": measures,
            "supervisor_pid": Up::find(store).map(|up| up.pid),
            "last": last,
        });
        println!("{value:#}");
        return Ok(Exit::Ok);
    }
    let name = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".to_owned());
    println!("current    {}", name(&current));
    println!("last good  {}", name(&good));
    match Up::find(store) {
        Some(up) => println!("runs by    shrike up, pid {}", up.pid),
        None if settings.restart.is_empty() => println!("runs by    nobody"),
        None => println!("runs by    {}", settings.restart.join(" ")),
    }
    let Some(change) = change else {
        println!("change     none under way");
        if let Some(last) = last {
            let text = |key: &str| last[key].as_str().unwrap_or_default().to_owned();
            println!(
                "last       {} {} {} {}",
                text("at"),
                text("what"),
                text("release"),
                text("why")
            );
        }
        return Ok(Exit::Ok);
    };
    println!("{}", steps(&change));
    progress(&change, &settings.limits);
    Ok(Exit::Ok)
}

/// `deploy a → b: disarm ✓ cancel ✓ reconcile … swap`.
fn steps(change: &Change) -> String {
    let forth = change.direction == Direction::Deploy;
    let what = if forth { "deploy  " } else { "rollback" };
    let mut text =
        format!("{what}   {} → {}:", change.from.as_deref().unwrap_or("nothing"), change.to);
    // A roll-back ends with the new trader reconciled.
    for step in Step::ALL.into_iter().filter(|step| forth || *step <= Step::ReconcileNew) {
        text += &match step.cmp(&change.step) {
            std::cmp::Ordering::Less => format!(" {} ✓", step.name()),
            std::cmp::Ordering::Equal => format!(" [{}]", step.name()),
            std::cmp::Ordering::Greater => format!(" {}", step.name()),
        };
    }
    text
}

fn window_left_ms(change: &Change) -> Option<i64> {
    (change.seen.until_ms > 0).then(|| (change.seen.until_ms - now_ms()).max(0))
}

/// The window left and each measure.
pub(crate) fn progress(change: &Change, limits: &Limits) {
    if let Some(left) = window_left_ms(change) {
        println!("window     {} s left of {} s", left.unsigned_abs() / 1_000, change.probation_s);
        for bar in bars(&change.seen, limits) {
            println!("{:<15} {} {}", bar.name, drawn(&bar), bar.text);
        }
    }
}

fn drawn(bar: &Bar) -> String {
    let part = if bar.limit > 0.0 { (bar.value / bar.limit).clamp(0.0, 1.0) } else { 1.0 };
    let full = (part * WIDTH as f64).round() as usize;
    format!("[{}{}]", "#".repeat(full), ".".repeat(WIDTH - full))
}

fn measures(change: &Change, limits: &Limits) -> Value {
    bars(&change.seen, limits)
        .into_iter()
        .map(|bar| {
            json!({
                "name": bar.name, "value": bar.value, "limit": bar.limit,
                "is_broken": bar.is_broken,
            })
        })
        .collect()
}

/// `shrike release list`.
///
/// # Errors
/// Exit 65 if a release is damaged.
pub(crate) fn list((_, store): &(Settings, Store), json: bool) -> Result<Exit, Failure> {
    let current = store.linked(Link::Current);
    let good = store.linked(Link::LastGood);
    let mut rows = vec![];
    let mut damaged = vec![];
    for id in store.ids() {
        let manifest = store.manifest(&id);
        let damage = store.damage(&id).unwrap_or_else(|failure| vec![failure.what]);
        let mut marks = vec![];
        if current.as_ref() == Some(&id) {
            marks.push("current");
        }
        if good.as_ref() == Some(&id) {
            marks.push("last good");
        }
        if !damage.is_empty() {
            damaged.push(id.clone());
            marks.push("DAMAGED");
        }
        if json {
            rows.push(json!({
                "id": id, "marks": marks, "damage": damage, "manifest": manifest.ok(),
            }));
            continue;
        }
        let (version, at, by) = match &manifest {
            Ok(manifest) => (manifest.version.as_str(), manifest.at.as_str(), &*manifest.by),
            Err(_) => ("?", "?", "?"),
        };
        println!("{id:<24} {version:<10} {at:<22} {by:<10} {}", marks.join(", "));
        for line in damage {
            println!("    {line}");
        }
    }
    if json {
        println!("{:#}", Value::from(rows));
    } else if store.ids().is_empty() {
        println!("no release yet: `shrike release deploy SOURCE` takes one in");
    }
    if damaged.is_empty() {
        return Ok(Exit::Ok);
    }
    if json {
        return Ok(Exit::Data);
    }
    Err(Failure::new(
        Exit::Data,
        format!("damaged: {}", damaged.join(", ")),
        "never start one of these; deploy it again under another id",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use state::example;

    #[test]
    fn the_steps_show_what_is_done_and_what_comes() {
        let text = steps(&example(Direction::Deploy, Step::Swap));
        assert!(text.contains("old → new: disarm ✓ cancel ✓ reconcile ✓ [swap]"), "{text}");
        assert!(text.ends_with("arm probation"), "{text}");
        let text = steps(&example(Direction::Rollback, Step::Cancel));
        assert!(text.ends_with("reconcile (new)"), "a roll-back does not arm: {text}");
    }

    #[test]
    fn a_bar_is_full_at_its_limit() {
        let mut bar = bars(&state::Seen::default(), &Limits::WIDEST)[2].clone();
        assert_eq!(drawn(&bar), format!("[{}]", ".".repeat(20)));
        bar.value = bar.limit / 2.0;
        assert_eq!(drawn(&bar), format!("[{}{}]", "#".repeat(10), ".".repeat(10)));
        bar.value = bar.limit * 9.0;
        assert_eq!(drawn(&bar), format!("[{}]", "#".repeat(20)));
    }
}
