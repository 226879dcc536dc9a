//! Sidecars that are started again when they die.

use std::time::{Duration, Instant};

use crate::exit::Failure;
use crate::process::{Plan, Process, Sink};

/// Longest pause between two starts.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A sidecar that lived this long starts again at once when it dies.
const LIVED_LONG: Duration = Duration::from_secs(60);
/// What a sidecar that is started for its last work gets before it is told to end.
const LAST_WORK: Duration = Duration::from_secs(1);

/// The pause before start number `failures + 1`: 1, 2, 4 … 30 s.
fn pause(failures: u32) -> Duration {
    let seconds = 1u64 << failures.saturating_sub(1).min(5);
    Duration::from_secs(seconds).min(PAUSE_MAX)
}

/// A sidecar and its history.
pub(crate) struct Sidecar {
    plan: Plan,
    process: Option<Process>,
    started: Instant,
    start_at: Instant,
    /// Deaths in a row, for the pause.
    failures: u32,
    /// Starts after the first.
    pub(crate) restarts: u32,
    /// The first end that was its own fault (not a signal from outside).
    pub(crate) fault: Option<Failure>,
}

impl Sidecar {
    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(plan: Plan, sink: &Sink) -> Result<Self, Failure> {
        let process = Process::start(&plan, sink)?;
        let now = Instant::now();
        Ok(Self {
            plan,
            process: Some(process),
            started: now,
            start_at: now,
            failures: 0,
            restarts: 0,
            fault: None,
        })
    }

    /// Name for people.
    pub(crate) fn name(&self) -> &'static str {
        self.plan.name
    }

    /// Whether it runs.
    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Looks after it; returns what a person should know.
    pub(crate) fn turn(&mut self, sink: &Sink) -> Option<String> {
        let now = Instant::now();
        if let Some(process) = &mut self.process {
            let status = process.ended()?;
            if now.duration_since(self.started) >= LIVED_LONG {
                self.failures = 0;
            }
            self.failures += 1;
            let failure = process.failure(status);
            // Killed from outside is an accident to recover from, not a fault of the program.
            if status.code().is_some() && self.fault.is_none() {
                self.fault = Some(failure.clone());
            }
            self.process = None;
            let pause = pause(self.failures);
            self.start_at = now + pause;
            return Some(format!("{}; starts again in {} s", failure.what, pause.as_secs()));
        }
        if now < self.start_at {
            return None;
        }
        self.restarts += 1;
        self.started = now;
        match Process::start(&self.plan, sink) {
            Ok(process) => {
                self.process = Some(process);
                Some(format!("{} started again", self.plan.name))
            }
            Err(failure) => {
                self.failures += 1;
                self.start_at = now + pause(self.failures);
                Some(failure.what)
            }
        }
    }

    /// Ends it. One that waits for its pause is started once more if it has work left to do.
    ///
    /// # Errors
    /// It cannot be started, or did not end well.
    pub(crate) fn stop(
        mut self,
        timeout: Duration,
        has_work: bool,
        sink: &Sink,
    ) -> Result<(), Failure> {
        let mut process = match self.process.take() {
            Some(process) => process,
            None if has_work => {
                let process = Process::start(&self.plan, sink)?;
                // A signal before it has its handlers would end it before its work.
                std::thread::sleep(LAST_WORK);
                process
            }
            None => return Ok(()),
        };
        process.stop(timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let seconds: Vec<u64> = (1..=8).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30]);
    }
}
