//! Where a demo's alerts go: a real Alertmanager in a scenario, and the receiver of every run.

use std::time::{Duration, Instant};

use super::Session;
use crate::demo::alertmanager::{self, Alertmanager};
use crate::demo::webhook::Received;
use crate::exit::{Exit, Failure};
use crate::sidecar::Sidecar;

/// Alertmanager takes alerts in this time.
const ALERTMANAGER_START: Duration = Duration::from_secs(20);

impl Session {
    /// A real Alertmanager for a scenario, ready to take alerts; the webhook alone where there is
    /// none.
    pub(super) fn start_alertmanager(&mut self) -> Result<Option<Sidecar>, Failure> {
        if self.setup.fall.is_none() {
            return Ok(None);
        }
        let Some(program) = alertmanager::program() else {
            self.say("Alertmanager is not installed: guard tells the webhook itself");
            return Ok(None);
        };
        self.phase("starting Alertmanager");
        let dir = self.setup.dir.join("alertmanager");
        let url = self.webhook.url("alertmanager");
        let manager = Alertmanager::prepare(program, &dir, &url)?;
        let mut sidecar = Sidecar::start(manager.plan.clone(), &self.sink)?;
        let deadline = Instant::now() + ALERTMANAGER_START;
        while !manager.is_ready() {
            if let Some(news) = sidecar.turn(&self.sink) {
                return Err(Failure::new(Exit::Unavailable, news, "see its log"));
            }
            if Instant::now() >= deadline || !self.turn()? {
                let what = "Alertmanager does not become ready";
                return Err(Failure::new(Exit::Busy, what, "see its log"));
            }
        }
        self.alertmanager = Some(manager.url);
        Ok(Some(sidecar))
    }

    /// The alerts that arrived so far.
    pub(in crate::demo) fn received(&self) -> Vec<Received> {
        self.webhook.received()
    }

    /// Where a real Alertmanager takes alerts, if there is one.
    pub(in crate::demo) fn alertmanager(&self) -> Option<&str> {
        self.alertmanager.as_deref()
    }
}
