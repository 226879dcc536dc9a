//! Whether the processes of the system are of one build.
//!
//! Two builds may mean different things by the same bytes, or hold each other to different limits;
//! the trader adds no risk until they are one again. Tools come and go and are not compared.

use std::time::{Duration, Instant};

use rings::Process;

/// The processes that trade together.
const SYSTEM: [&str; 5] = ["trader", "guard", "persist", "metrics", "refit"];
/// Between two comparisons.
const LOOK: Duration = Duration::from_secs(1);

/// Compares.
#[derive(Debug)]
pub struct Builds {
    instance: String,
    own: String,
    look_at: Instant,
    /// What was told last.
    are_one: Option<bool>,
}

impl Builds {
    /// Of an instance, with the build of this process.
    pub fn new(instance: &str, own: String) -> Self {
        Self { instance: instance.to_owned(), own, look_at: Instant::now(), are_one: None }
    }

    /// Whether they are one, if that is due to be told.
    pub fn look(&mut self, now: Instant) -> Option<bool> {
        if now < self.look_at {
            return None;
        }
        self.look_at = now + LOOK;
        self.compare(&rings::processes(&self.instance))
    }

    fn compare(&mut self, processes: &[Process]) -> Option<bool> {
        let others = others(&self.own, processes);
        let are_one = others.is_empty();
        let was_one = self.are_one.replace(are_one);
        if was_one == Some(are_one) {
            return None;
        }
        if !are_one {
            log::error!(
                target: "trading",
                "processes of other builds than this one ({}): {}; start all of one release",
                self.own, others.join(", ")
            );
        } else if was_one.is_some() {
            log::info!(target: "trading", "all processes are of one build: {}", self.own);
        }
        Some(are_one)
    }
}

/// The processes of other builds.
fn others(own: &str, processes: &[Process]) -> Vec<String> {
    let differ =
        |process: &&Process| SYSTEM.contains(&process.name.as_str()) && process.build != own;
    let shown = |process: &Process| format!("{} {} ({})", process.name, process.pid, process.build);
    processes.iter().filter(differ).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, build: &str) -> Process {
        Process { name: name.to_owned(), pid: 9, build: build.to_owned() }
    }

    #[test]
    fn another_build_is_told_once_and_again_when_it_is_gone() {
        let mut builds = Builds::new("none", "shrike 1 a".to_owned());
        let alike = [process("guard", "shrike 1 a"), process("trader", "shrike 1 a")];
        let other = [process("guard", "shrike 1 b"), process("trader", "shrike 1 a")];
        let told = [&alike[..], &alike, &other, &other, &alike, &[]].map(|p| builds.compare(p));
        assert_eq!(told, [Some(true), None, Some(false), None, Some(true), None]);
    }

    #[test]
    fn only_what_trades_together_is_compared() {
        let all = SYSTEM.map(|name| process(name, "b"));
        assert_eq!(others("a", &all).len(), SYSTEM.len());
        assert_eq!(others("b", &all), Vec::<String>::new());
        assert_eq!(others("a", &[process("top", "b"), process("record", "b")]).len(), 0);
        assert!(others("a", &all)[1].contains("guard 9 (b)"));
    }

    #[test]
    fn a_living_process_of_another_build_is_found() {
        let instance = format!("builds-test-{}", std::process::id());
        let mut builds = Builds::new(&instance, "a".to_owned());
        let now = Instant::now();
        assert_eq!(builds.look(now), Some(true));
        let guard = rings::Presence::announce(&instance, "guard", "b").expect("a name");
        assert_eq!(builds.look(now), None, "not due");
        assert_eq!(builds.look(now + LOOK), Some(false));
        drop(guard);
        assert_eq!(builds.look(now + 2 * LOOK), Some(true));
        rings::remove_instance(&instance).expect("nobody holds it");
    }
}
